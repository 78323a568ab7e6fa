/*
 * sim_capture.c - recordings as the source of the market.
 *
 * They are read once before the start (capture_scan.c), then again at their own pace:
 * - A message is due at start + (its time - the first time) / speed. With speed 0 the reader sets
 *   the pace: the source stops while a connection has a backlog, and (wait_for_client) while nobody
 *   follows a book.
 * - Times that are served are shifted and divided the same way; with speed 0 they are the present.
 * - The first snapshot of a market is its book before the start, so that a subscriber's first
 *   snapshot is the recorded one.
 * - Users' orders live between the recorded ones; match/match.h tells how.
 * - An empty snapshot after which no book content follows is the market's close; another empty or
 *   full one is a new base (reconnect of the recorder). What comes after the close: capture_end.c.
 * Messages are made anew from the decoded numbers: fresh sids, seq without holes.
 */
#include <stdlib.h>

#include "sim/capture_int.h"

enum status capture_tape(struct sim *sim, struct err *err)
{
    struct capture_source *c = sim->capture;
    const struct sim_config *k = &sim->config;
    tape_close(c->tape);
    c->tape = NULL;
    enum status st =
        tape_open(k->captures, k->n_captures, (enum tape_align)k->capture_align, &c->tape, err);
    if (st == ST_OK) {
        c->first = c->last = tape_first(c->tape);
        c->skipped = 0;
    }
    return st;
}

enum status capture_source_create(struct sim *sim, struct err *err)
{
    struct capture_source *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the recording");
    }
    sim->capture = c;
    c->next_end = NS_NEVER;
    enum status st = idmap_init(&c->by_ticker, 200000);
    st = st == ST_OK ? outcomes_init(&c->outcomes) : st;
    if (st != ST_OK) {
        return err_set(err, st, "no memory for the recording");
    }
    st = capture_scan(sim, err);
    return st == ST_OK ? capture_tape(sim, err) : st;
}

void capture_source_destroy(struct capture_source *c)
{
    if (c == NULL) {
        return;
    }
    tape_close(c->tape);
    idmap_finish(&c->by_ticker);
    outcomes_finish(&c->outcomes);
    free(c->scans);
    free(c);
}

/* --- times --- */

static mono_ns_t capture_scaled(const struct sim *sim, int64_t recorded)
{
    return sim->config.speed == 1 ? recorded : (mono_ns_t)((double)recorded / sim->config.speed);
}

wall_ns_t capture_shifted(const struct sim *sim, wall_ns_t recorded)
{
    const struct capture_source *c = sim->capture;
    if (sim->config.speed == 0) {
        return sim->wall;
    }
    return c->start_wall + capture_scaled(sim, recorded - c->first + c->lap);
}

static mono_ns_t due_of(const struct sim *sim, wall_ns_t recorded)
{
    const struct capture_source *c = sim->capture;
    return sim->config.speed == 0 ? 0
                                  : c->start + capture_scaled(sim, recorded - c->first + c->lap);
}

/* The engine's time of the pending message, shifted. */
static wall_ns_t event_time(const struct sim *sim)
{
    const struct tape_item *item = &sim->capture->item;
    return capture_shifted(sim, item->msg.ts_ms != 0 ? item->msg.ts_ms * NS_PER_MS + item->shift
                                                     : item->at);
}

/* --- the tape --- */

/* Its beginning again, when it is to be looped; else the end begins. */
static void next_lap(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct err err;
    mono_ns_t took = c->last - c->first + NS_PER_SEC;
    if (!sim->config.loop_capture || capture_tape(sim, &err) != ST_OK) {
        capture_end_all(sim);
        return;
    }
    c->lap += took;
}

static void lines_skipped(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    uint64_t n = tape_skipped(c->tape);
    sim->count.source_errors += n - c->skipped;
    c->skipped = n;
}

/* Make the next message about a market pending. False: there is none. */
static bool fetch(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct err err;
    while (!c->pending && !c->ended) {
        enum status st = tape_next(c->tape, &c->item, &err);
        lines_skipped(sim);
        if (st == ST_OK) {
            struct text ticker = tape_ticker(&c->item.msg);
            c->scan = idmap_get(&c->by_ticker, ticker);
            c->pending = ticker.n > 0 && c->scan != IDMAP_NONE;
        } else {
            sim->count.source_errors += st != ST_END;
            next_lap(sim);
        }
    }
    return c->pending;
}

/* --- playing --- */

static void play_snapshot(struct sim *sim, struct scan *s, wall_ns_t at)
{
    struct capture_source *c = sim->capture;
    const struct wire_snapshot *b = &c->item.msg.u.snapshot;
    bool empty = b->n_yes + b->n_no == 0;
    if (s->skip_next_snapshot) {
        s->skip_next_snapshot = false;
        return;
    }
    if (empty && c->item.order > s->last_content && !sim->config.loop_capture) {
        if (sim->markets[s->market].status == M_ACTIVE) {
            capture_end_note(sim, c->scan);
            sim_close_market(sim, s->market, at);
            capture_end_closed(sim, c->scan, c->item.at);
        } else {
            emit_snapshot_all(sim, s->market); /* some closes come twice */
        }
        return;
    }
    if (match_rec_snapshot(sim->match, s->market, b->yes, b->n_yes, b->no, b->n_no, at) != ST_OK) {
        sim->count.clamped++;
    }
    emit_deltas(sim, at);
    emit_after_deltas(sim, at);
    emit_snapshot_all(sim, s->market);
    emit_tickers(sim, s->market, at);
}

static void play_trade(struct sim *sim, struct scan *s, wall_ns_t at)
{
    const struct wire_trade *m = &sim->capture->item.msg.u.trade;
    struct strade t = {.market = s->market,
                       .taker = m->taker,
                       .yes_px = m->yes_px,
                       .qty = m->qty,
                       .at = at,
                       .block = m->block};
    if (!text_copy(t.id, sizeof t.id, m->trade_id)) {
        sim_uuid(sim, "recorded trade", sim->n_trades, t.id);
    }
    emit_trade(sim, &t);
    s->last_yes_px = m->yes_px;
    enum side maker = side_other(m->taker);
    px_t px = maker == SIDE_YES ? m->yes_px : PX_ONE - m->yes_px;
    if (!m->block) {
        match_rec_trade(sim->match, s->market, maker, px, m->qty, sim->capture->item.msg.ts_ms, at);
        emit_deltas(sim, at);
        emit_after_deltas(sim, at);
    }
    emit_tickers(sim, s->market, at);
}

static void play(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct scan *s = &c->scans[c->scan];
    wall_ns_t at = event_time(sim);
    c->pending = false;
    c->last = c->item.at;
    sim->count.source_messages++;
    sim_state_touch(sim, s->market);
    if (c->item.msg.type == WIRE_SNAPSHOT) {
        play_snapshot(sim, s, at);
    } else if (c->item.msg.type == WIRE_TRADE) {
        play_trade(sim, s, at);
    } else if (c->item.msg.type == WIRE_DELTA && sim->markets[s->market].status == M_ACTIVE) {
        const struct wire_delta *d = &c->item.msg.u.delta;
        if (match_rec_delta(sim->match, s->market, d->side, d->px, d->qty, c->item.msg.ts_ms, at) !=
            ST_OK) {
            sim->count.clamped++;
        }
        emit_result(sim, at);
    }
}

static bool held_back(const struct sim *sim)
{
    const struct sim_config *k = &sim->config;
    if (k->wait_for_client && !sim->client_came) {
        return true;
    }
    return !sim->capture->ended && k->speed == 0 &&
           (sim->blocked || (k->wait_for_client && sim->subs_of[CH_BOOK] == 0));
}

/* The recorded time of what comes next: a message, or a step of a market's end. */
static wall_ns_t next_time(const struct capture_source *c)
{
    return c->pending && c->item.at <= c->next_end ? c->item.at : c->next_end;
}

/* Closing times as far as the recording tells them. */
static void tell_closes(struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    for (uint32_t i = 0; i < c->n_scans; i++) {
        sim->markets[c->scans[i].market].closes = sim->config.speed == 0 || sim->config.loop_capture
                                                      ? sim->wall + 3600 * NS_PER_SEC
                                                      : capture_shifted(sim, c->scans[i].last);
    }
}

void capture_source_tick(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    if (!c->started && !held_back(sim)) {
        c->started = true;
        c->start = sim->now;
        c->start_wall = sim->wall;
        tell_closes(sim);
    }
    for (uint32_t i = 0; i < TICK_MESSAGES && !sim->finished && !held_back(sim); i++) {
        bool message = fetch(sim);
        if (next_time(c) == NS_NEVER || due_of(sim, next_time(c)) > sim->now) {
            return;
        }
        if (message && c->item.at <= c->next_end) {
            play(sim);
        } else {
            capture_end_step(sim);
        }
    }
}

mono_ns_t capture_source_deadline(const struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    if (sim->finished || held_back(sim)) {
        return NS_NEVER;
    }
    bool known = c->started && (c->pending || c->ended);
    return known ? due_of(sim, next_time(c)) : sim->now;
}
