/*
 * audit_numbers.c - gap rows, and what is numbered: events of each source, turns, decisions.
 *
 * Gap rows are written by several parts: the feed names sequence numbers (sid is set), the store
 * names event numbers, turns or decisions, or counts records that have no number.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_int.h"
#include "base/hash.h"

/* --- named gaps --- */

/* All of them come before the first is asked for. */
static enum status range_add(struct audit_ranges *r, uint64_t first, uint64_t next, uint64_t lost)
{
    r->merged = false;
    if (next <= first) {
        r->unnumbered += lost;
        return ST_OK;
    }
    if (!audit_room(&r->v, r->n, &r->cap, sizeof *r->v)) {
        return ST_NOMEM;
    }
    r->v[r->n++] = (struct audit_range){first, next};
    return ST_OK;
}

void audit_ranges_free(struct audit_ranges *r)
{
    free(r->v);
}

static int by_first(const void *a, const void *b)
{
    const struct audit_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* An outage drops again and again: one hole is named by many rows, each from where the last ended.
 */
static void ranges_merge(struct audit_ranges *r)
{
    size_t n = 0;
    if (r->n > 0) {
        qsort(r->v, r->n, sizeof *r->v, by_first);
    }
    for (size_t i = 0; i < r->n; i++) {
        struct audit_range *last = n > 0 ? &r->v[n - 1] : NULL;
        if (last != NULL && r->v[i].first <= last->next) {
            last->next = r->v[i].next > last->next ? r->v[i].next : last->next;
        } else {
            r->v[n++] = r->v[i];
        }
    }
    r->n = n;
    r->merged = true;
}

/* True: [first, next) lies in what is named, or is counted among what has no numbers. */
static bool range_excuses(struct audit_ranges *r, uint64_t first, uint64_t next)
{
    if (!r->merged) {
        ranges_merge(r);
    }
    size_t low = 0, high = r->n; /* the last one that does not begin behind it */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->v[mid].first <= first) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low > 0 && next <= r->v[low - 1].next) {
        return true;
    }
    if (next - first <= r->unnumbered) {
        r->unnumbered -= next - first;
        return true;
    }
    return false;
}

enum status audit_gap(struct audit *a, const struct rec_gap *g)
{
    a->counts.gaps++;
    if (g->sid != 0) {
        if (!audit_room(&a->seq_gaps, a->n_seq_gaps, &a->cap_seq_gaps, sizeof *a->seq_gaps)) {
            return ST_NOMEM;
        }
        a->seq_gaps[a->n_seq_gaps++] = (struct audit_seq_gap){g->sid, g->seq_expected, g->seq_got};
        return ST_OK;
    }
    a->named_lost += g->lost <= UINT64_MAX - a->named_lost ? g->lost : UINT64_MAX - a->named_lost;
    struct text reason = audit_text(g->reason, sizeof g->reason);
    if (memmem(reason.p, reason.n, "not taken", 9) != NULL) {
        return ST_OK; /* a message without numbers that the actor's ring had no room for */
    }
    bool turns = memmem(reason.p, reason.n, "turns", 5) != NULL;
    bool decisions = memmem(reason.p, reason.n, "decisions", 9) != NULL;
    enum status st = ST_OK;
    if (turns || decisions) {
        if (turns) {
            st = range_add(&a->turn_gaps, g->seq_expected, g->seq_got, g->lost);
        }
        return decisions && st == ST_OK
                   ? range_add(&a->decision_gaps, g->seq_expected, g->seq_got, g->lost)
                   : st;
    }
    if (memmem(reason.p, reason.n, "records", 7) != NULL) {
        a->records_lost = true;
        return ST_OK;
    }
    if (g->h.source < EV_SRC_MAX) {
        /* A row that was refused for its number is not missing, but its number may be. */
        uint64_t next = g->seq_got > g->seq_expected ? g->seq_got : g->seq_expected + 1;
        return range_add(&a->events[g->h.source], g->seq_expected, next, g->lost);
    }
    return ST_OK;
}

/* --- events --- */

static const char *source_name(uint32_t source)
{
    static const char *const names[] = {"command", "private", "answer", "market"};
    return source < EV_SRC_MAX ? names[source] : "none";
}

void audit_event_number(struct audit *a, const struct ev *ev)
{
    uint64_t *next = &a->next_ord[ev->source];
    uint64_t expected = *next == 0 ? 1 : *next;
    char place[AUDIT_PLACE];
    if (ev->ord > expected) {
        a->missing_ord[ev->source] += ev->ord - expected;
        if (!range_excuses(&a->events[ev->source], expected, ev->ord)) {
            snprintf(place, sizeof place, "source %s, event %" PRIu64, source_name(ev->source),
                     ev->ord);
            audit_found(a, AUDIT_EVENT_NUMBERS, place,
                        "the one before it is %" PRIu64 ", and no gap row names what is missing",
                        expected - 1);
        } else if (ev->source == EV_SRC_MARKET) {
            audit_market_hole(a);
        }
    } else if (ev->ord < expected) {
        snprintf(place, sizeof place, "source %s, event %" PRIu64, source_name(ev->source),
                 ev->ord);
        audit_found(a, AUDIT_EVENT_NUMBERS, place, "it comes behind number %" PRIu64, expected - 1);
    }
    *next = ev->ord + 1;
}

/* --- turns --- */

static bool turn_push(struct audit *a, struct audit_turn t)
{
    if (!audit_room(&a->turns, a->n_turns, &a->cap_turns, sizeof *a->turns)) {
        return false;
    }
    a->turns[a->n_turns++] = t;
    return true;
}

#define HOLE_MAX 10000000U /* turns that may be missing at one place */

enum status audit_turn(struct audit *a, const struct rec_turn *t)
{
    char place[AUDIT_PLACE];
    snprintf(place, sizeof place, "turn %" PRIu64, t->turn);
    uint64_t expected = a->next_turn == 0 ? 1 : a->next_turn;
    a->counts.turns++;
    if (t->turn < expected) {
        audit_found(a, AUDIT_TURN_NUMBERS, place, "it comes behind number %" PRIu64, expected - 1);
        return ST_OK;
    }
    if (t->turn > expected && !range_excuses(&a->turn_gaps, expected, t->turn)) {
        audit_found(a, AUDIT_TURN_NUMBERS, place,
                    "the one before it is %" PRIu64 ", and no gap row names what is missing",
                    expected - 1);
    }
    a->missing_turns += t->turn - expected;
    if (t->turn - expected > HOLE_MAX) {
        audit_skip(a, AUDIT_DECISION_TURN, "turn numbers make no sense");
        expected = t->turn;
    }
    for (; expected < t->turn; expected++) {
        if (!turn_push(a, (struct audit_turn){0, UINT64_MAX})) {
            return ST_NOMEM;
        }
    }
    a->next_turn = t->turn + 1;
    if (t->mono < a->turn_mono) {
        audit_found(a, AUDIT_TURN_TIME, place, "%" PRId64 " ns before the turn before it",
                    sub_wrap(a->turn_mono, t->mono));
    }
    a->turn_mono = t->mono;
    for (int s = 0; s < EV_SRC_MAX; s++) {
        a->taken[s] += t->taken[s];
    }
    return turn_push(a, (struct audit_turn){t->h.wall, a->taken[EV_SRC_MARKET]}) ? ST_OK : ST_NOMEM;
}

/* --- decisions --- */

static const struct audit_turn *turn_of(const struct audit *a, uint64_t turn)
{
    return turn >= 1 && turn <= a->n_turns ? &a->turns[turn - 1] : NULL;
}

static void decision_turn(struct audit *a, const struct rec_decision *d, const char *place)
{
    const struct audit_turn *t = turn_of(a, d->turn);
    /* A session that was cut off may lack the turn under way. */
    bool cut = !a->config.whole && d->turn == a->n_turns + 1;
    if (d->turn < a->decision_turn) {
        audit_found(a, AUDIT_DECISION_TURN, place,
                    "its turn %" PRIu64 " is before that of the decision before it", d->turn);
    } else if (t == NULL && !cut) {
        audit_found(a, AUDIT_DECISION_TURN, place, "there is no turn %" PRIu64, d->turn);
    } else if (t != NULL && t->market != UINT64_MAX) {
        if (t->wall != d->h.wall) {
            audit_found(a, AUDIT_DECISION_TURN, place, "its time is not that of its turn %" PRIu64,
                        d->turn);
        }
        if (d->last_ord > t->market && a->missing_turns == 0) {
            audit_found(a, AUDIT_DECISION_TURN, place,
                        "it names market event %" PRIu64 ", but up to its turn %" PRIu64
                        " were taken",
                        d->last_ord, t->market);
        }
    }
    a->decision_turn = d->turn;
}

static void decision_order(struct audit *a, const struct rec_decision *d, const char *place)
{
    if (d->verdict >= VERDICT_MAX || d->action >= ACTION_COUNT) {
        audit_found(a, AUDIT_DECISION_ORDER, place, "action %u, verdict %u: no such thing",
                    d->action, d->verdict);
        return;
    }
    bool sent = d->verdict == VERDICT_SENT;
    if (sent != (d->order_number != 0)) {
        audit_found(a, AUDIT_DECISION_ORDER, place,
                    sent ? "it was sent, but names no order"
                         : "it was not sent, but names order %" PRIu64,
                    d->order_number);
    } else if (sent && audit_order_of(a, d->order_number) == NULL) {
        audit_found(a, AUDIT_DECISION_ORDER, place, "there is no order %" PRIu64, d->order_number);
    }
}

enum status audit_decision(struct audit *a, const struct rec_decision *d)
{
    char place[AUDIT_PLACE];
    snprintf(place, sizeof place, "decision %" PRIu64, d->number);
    uint64_t expected = a->next_decision == 0 ? 1 : a->next_decision;
    a->counts.decisions++;
    if (d->number > expected && !range_excuses(&a->decision_gaps, expected, d->number)) {
        audit_found(a, AUDIT_DECISION_NUMBERS, place,
                    "the one before it is %" PRIu64 ", and no gap row names what is missing",
                    expected - 1);
    } else if (d->number < expected) {
        audit_found(a, AUDIT_DECISION_NUMBERS, place, "it comes behind number %" PRIu64,
                    expected - 1);
    }
    a->next_decision = d->number + 1;
    decision_turn(a, d, place);
    decision_order(a, d, place);
    static const float none[OBS_SIZE];
    bool values = memcmp(d->obs, none, sizeof none) != 0;
    a->any_observation = a->any_observation || values;
    if (values && obs_hash_of(d->obs) != d->obs_hash) {
        audit_found(a, AUDIT_DECISION_HASH, place, "the observation has another hash");
    }
    return ST_OK;
}

void audit_numbers_finish(struct audit *a)
{
    if (a->counts.decisions > 0 && !a->any_observation) {
        audit_skip(a, AUDIT_DECISION_HASH, "only hashes of observations were recorded");
    }
    for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
        uint64_t there = a->counts.events[s] + a->missing_ord[s];
        char place[AUDIT_PLACE];
        snprintf(place, sizeof place, "source %s", source_name(s));
        /* What is missing at the very end has no event behind it. */
        if (a->taken[s] > there && !range_excuses(&a->events[s], there + 1, a->taken[s] + 1) &&
            a->config.whole) {
            audit_found(a, AUDIT_TURN_EVENTS, place,
                        "turns took %" PRIu64 " events, %" PRIu64 " are recorded", a->taken[s],
                        there);
        } else if (a->taken[s] < there && a->config.whole && a->missing_turns == 0 &&
                   a->turn_gaps.n == 0 && a->turn_gaps.unnumbered == 0 && a->counts.turns > 0) {
            audit_found(a, AUDIT_TURN_EVENTS, place,
                        "%" PRIu64 " events are recorded, turns took %" PRIu64, there, a->taken[s]);
        }
    }
}
