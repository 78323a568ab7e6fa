/*
 * audit_money.c - cash and positions, step by step.
 *
 * Each fill, settlement and adopted position is followed by one account mark of its market, in the
 * same turn. So marks are explained one after the other by the next of each of these lists; a mark
 * without any of them changes no cash (the cost of a position was corrected, or it is the start).
 * Reads of the balance have no mark: what such a row says of our cash must be what it was in its
 * turn, and an adopted one sets it.
 *
 * The rules here are written anew from kalshi-api.md section 15, not taken from orders/.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_int.h"

#define CENT ((usd_t)10000)

static bool begins(const char *s, size_t cap, const char *with)
{
    struct text t = audit_text(s, cap);
    size_t n = strlen(with);
    return t.n >= n && memcmp(t.p, with, n) == 0;
}

static bool adopted_push(struct audit *a, const struct rec_reconcile *r, uint32_t ticker)
{
    if (!audit_room(&a->adopted, a->n_adopted, &a->cap_adopted, sizeof *a->adopted)) {
        return false;
    }
    a->adopted[a->n_adopted++] = (struct audit_adopted){r->h.wall, ticker, r->ours, r->theirs};
    return true;
}

/* The turn with that time, from turn *from on (counted from 0). UINT64_MAX: there is none. */
static uint64_t turn_at(const struct audit *a, uint64_t *from, wall_ns_t wall)
{
    for (uint64_t i = *from; i < a->n_turns; i++) {
        if (a->turns[i].wall == wall && a->turns[i].market != UINT64_MAX) {
            *from = i;
            return i;
        }
    }
    return UINT64_MAX;
}

static enum status cash_push(struct audit *a, struct audit_cash_row row)
{
    if (!audit_room(&a->cash_rows, a->n_cash_rows, &a->cap_cash_rows, sizeof *a->cash_rows)) {
        return ST_NOMEM;
    }
    row.number = a->n_cash_rows;
    a->cash_rows[a->n_cash_rows++] = row;
    return ST_OK;
}

/* Marks of the worth are made at the end of a turn, and are fed behind all reads. */
static int by_turn(const void *x, const void *y)
{
    const struct audit_cash_row *p = x, *q = y;
    uint64_t a = p->turn != q->turn ? p->turn : p->number;
    uint64_t b = p->turn != q->turn ? q->turn : q->number;
    return a < b ? -1 : a > b;
}

static void sort_cash(struct audit *a)
{
    if (!a->cash_sorted && a->n_cash_rows > 0) {
        qsort(a->cash_rows, a->n_cash_rows, sizeof *a->cash_rows, by_turn);
    }
    a->cash_sorted = true;
}

enum status audit_worth(struct audit *a, const struct rec_mark *m)
{
    uint64_t turn = turn_at(a, &a->worth_turn, m->h.wall);
    if (!a->started || turn == UINT64_MAX || turn < a->start_turn) {
        return ST_OK;
    }
    return cash_push(a, (struct audit_cash_row){
                            .turn = turn, .wall = m->h.wall, .ours = m->cash_total, .worth = true});
}

enum status audit_reconcile(struct audit *a, const struct rec_reconcile *r)
{
    uint32_t ticker = audit_ticker(a, r->ticker);
    char place[AUDIT_PLACE], ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    if (ticker == IDMAP_NONE) {
        return ST_NOMEM;
    }
    bool cash = r->kind == RECONCILE_CASH;
    if (begins(r->reason, sizeof r->reason, "start: the balance") && cash) {
        a->ready = true;
        a->ready_wall = r->h.wall;
        a->started = true;
        a->cash = r->theirs;
        a->start_turn = turn_at(a, &a->cash_turn, r->h.wall);
        a->start_turn = a->start_turn == UINT64_MAX ? 0 : a->start_turn;
        return ST_OK;
    }
    if (begins(r->reason, sizeof r->reason, "start: held") && r->kind == RECONCILE_POSITION) {
        a->held[ticker].position = r->theirs;
        return ST_OK;
    }
    if (begins(r->reason, sizeof r->reason, "agrees") && r->ours != r->theirs &&
        r->kind != RECONCILE_FOREIGN) {
        (cash ? usd_format : qty_format)(r->ours, ours);
        (cash ? usd_format : qty_format)(r->theirs, theirs);
        snprintf(place, sizeof place, "reconciliation of %.*s", TICKER_MAX - 1, r->ticker);
        audit_found(a, cash ? AUDIT_CASH : AUDIT_POSITION, place, "it agrees, with %s and %s", ours,
                    theirs);
    }
    if (cash) {
        return cash_push(a, (struct audit_cash_row){.turn = turn_at(a, &a->cash_turn, r->h.wall),
                                                    .wall = r->h.wall,
                                                    .ours = r->ours,
                                                    .theirs = r->theirs,
                                                    .adopted = r->adopted != 0});
    }
    bool adopted = r->adopted != 0 && r->kind == RECONCILE_POSITION;
    return !adopted || adopted_push(a, r, ticker) ? ST_OK : ST_NOMEM;
}

enum status audit_settled(struct audit *a, const struct rec_settled *s)
{
    char place[AUDIT_PLACE], want[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
    uint32_t ticker = audit_ticker(a, s->ticker);
    a->counts.settlements++;
    if (ticker == IDMAP_NONE || !audit_room(&a->paid, a->n_paid, &a->cap_paid, sizeof *a->paid)) {
        return ST_NOMEM;
    }
    a->paid[a->n_paid++] = (struct audit_paid){s->h.wall, ticker, s->paid};
    snprintf(place, sizeof place, "settlement of %.*s", TICKER_MAX - 1, s->ticker);
    if (s->yes_px < 0 || s->yes_px > PX_ONE || s->position < -QTY_LIMIT ||
        s->position > QTY_LIMIT || s->position == 0) {
        audit_found(a, AUDIT_SETTLEMENT, place, "no settlement has these numbers");
        return ST_OK;
    }
    qty_t n = s->position > 0 ? s->position : -s->position;
    usd_t pays = usd_of(s->position > 0 ? s->yes_px : PX_ONE - s->yes_px, n);
    pays -= pays % CENT;
    usd_format(pays, want);
    usd_format(s->paid, have);
    if (s->paid != pays) {
        audit_found(a, AUDIT_SETTLEMENT, place, "it pays %s, and %s is recorded", want, have);
    }
    if (s->realized != sub_wrap(s->paid, s->cost)) {
        audit_found(a, AUDIT_SETTLEMENT, place, "its profit is not what was paid less its cost");
    }
    return ST_OK;
}

/* --- marks --- */

/* What may have made a mark. */
struct cause {
    const struct audit_fill *fill;
    const struct audit_paid *paid;
    const struct audit_adopted *adopted;
};

struct money {
    usd_t cash;
    qty_t position;
    usd_t fees;
};

static void apply_fill(struct money *m, const struct audit_fill *f)
{
    if (f->absurd) {
        return;
    }
    px_t own = f->outcome == SIDE_YES ? f->yes_px : PX_ONE - f->yes_px;
    qty_t other = f->outcome == SIDE_YES ? sub_wrap(0, m->position) : m->position;
    qty_t closes = other <= 0 ? 0 : other < f->qty ? other : f->qty;
    m->cash = add_wrap(m->cash, usd_of(PX_ONE - own, closes));
    m->cash = sub_wrap(m->cash, usd_of(own, f->qty - closes));
    m->cash = sub_wrap(m->cash, f->fee);
    m->fees = add_wrap(m->fees, f->fee);
    m->position =
        f->outcome == SIDE_YES ? add_wrap(m->position, f->qty) : sub_wrap(m->position, f->qty);
}

static struct money after(struct money m, const struct cause *c)
{
    if (c->fill != NULL) {
        apply_fill(&m, c->fill);
    }
    if (c->paid != NULL) {
        m.cash = add_wrap(m.cash, c->paid->paid);
        m.position = 0;
    }
    if (c->adopted != NULL) {
        m.position = c->adopted->theirs;
    }
    return m;
}

/* The next of each list, where it is of this mark's market and turn. */
static struct cause next_causes(const struct audit *a, uint32_t ticker, wall_ns_t wall)
{
    struct cause c = {NULL, NULL, NULL};
    if (a->fill_at < a->n_fills && a->fills[a->fill_at].ticker == ticker &&
        a->fills[a->fill_at].wall == wall) {
        c.fill = &a->fills[a->fill_at];
    }
    if (a->paid_at < a->n_paid && a->paid[a->paid_at].ticker == ticker &&
        a->paid[a->paid_at].wall == wall) {
        c.paid = &a->paid[a->paid_at];
    }
    if (a->adopted_at < a->n_adopted && a->adopted[a->adopted_at].ticker == ticker &&
        a->adopted[a->adopted_at].wall == wall) {
        c.adopted = &a->adopted[a->adopted_at];
    }
    return c;
}

static bool explains(struct money before, const struct cause *c, const struct rec_account *m)
{
    struct money then = after(before, c);
    return then.cash == m->cash_total && then.position == m->position;
}

/* Which of the causes made it: a fill, a fill of a market that had paid, a payment, a drift that
 * was adopted, or none of them. */
static bool explain(struct money before, const struct cause *all, const struct rec_account *m,
                    struct cause *ret)
{
    const struct cause tries[] = {
        {all->fill, NULL, NULL},    {all->fill, all->paid, NULL}, {NULL, all->paid, NULL},
        {NULL, NULL, all->adopted}, {NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (explains(before, &tries[i], m)) {
            *ret = tries[i];
            return true;
        }
    }
    return false;
}

/* --- reads of the balance --- */

static void see_cash(struct audit *a, uint64_t turn)
{
    if (turn == UINT64_MAX) {
        return; /* its turn row is missing */
    }
    a->n_seen = turn != a->mark_turn ? 0 : a->n_seen;
    a->mark_turn = turn;
    if (a->n_seen < AUDIT_CASH_SEEN) {
        a->seen[a->n_seen++] = a->cash;
    }
}

static bool cash_was(const struct audit *a, const struct audit_cash_row *r)
{
    bool was = r->ours == a->cash || r->turn == UINT64_MAX;
    if (r->worth) {
        return was;
    }
    for (uint32_t i = 0; r->turn == a->mark_turn && i < a->n_seen; i++) {
        was = was || r->ours == a->seen[i];
    }
    /* More marks in one turn than are kept: it cannot be told. */
    return was || (r->turn == a->mark_turn && a->n_seen == AUDIT_CASH_SEEN);
}

static void take_cash_row(struct audit *a)
{
    const struct audit_cash_row *r = &a->cash_rows[a->cash_row_at++];
    if (!cash_was(a, r)) {
        char place[AUDIT_PLACE], time[TIME_TEXT_MAX], x[MONEY_TEXT_MAX], y[MONEY_TEXT_MAX];
        time_format(r->wall > 0 ? r->wall : 0, time);
        snprintf(place, sizeof place, "%s at %s",
                 r->worth ? "worth of the account" : "read of the balance", time);
        usd_format(r->ours, x);
        usd_format(a->cash, y);
        audit_found(a, AUDIT_CASH, place, "our cash is said to be %s, it was %s", x, y);
        a->cash = r->ours;
    }
    if (r->adopted) {
        a->cash = r->theirs;
    }
}

/* What was read in turns before this one. */
static void take_cash_rows(struct audit *a, uint64_t turn)
{
    sort_cash(a);
    while (a->cash_row_at < a->n_cash_rows && a->cash_rows[a->cash_row_at].turn < turn) {
        take_cash_row(a);
    }
}

/* Cash that was adopted in this turn, before its mark. */
static bool take_adopted_cash(struct audit *a, uint64_t turn)
{
    if (a->cash_row_at >= a->n_cash_rows || a->cash_rows[a->cash_row_at].turn != turn ||
        a->cash_rows[a->cash_row_at].ours != a->cash) {
        return false;
    }
    take_cash_row(a);
    return true;
}

static void mark_differs(struct audit *a, const struct cause *all, const struct money *before,
                         const struct rec_account *m, const char *place)
{
    struct cause likely = {all->fill, all->fill == NULL ? all->paid : NULL,
                           all->fill == NULL && all->paid == NULL ? all->adopted : NULL};
    struct money want = after(*before, &likely);
    char x[MONEY_TEXT_MAX], y[MONEY_TEXT_MAX];
    const char *made = likely.fill != NULL      ? "a fill"
                       : likely.paid != NULL    ? "a settlement"
                       : likely.adopted != NULL ? "an adopted drift"
                                                : "nothing";
    if (want.position != m->position) {
        qty_format(want.position, x);
        qty_format(m->position, y);
        audit_found(a, AUDIT_POSITION, place, "after %s the position is %s, recorded is %s", made,
                    x, y);
    }
    if (want.cash != m->cash_total) {
        usd_format(want.cash, x);
        usd_format(m->cash_total, y);
        audit_found(a, AUDIT_CASH, place, "after %s cash is %s, recorded is %s", made, x, y);
    }
    a->fill_at += likely.fill != NULL;
    a->paid_at += likely.paid != NULL;
    a->adopted_at += likely.adopted != NULL;
}

static void judge_profit(struct audit *a, const struct audit_held *h, usd_t cash_before,
                         const struct cause *c, const struct rec_account *m, const char *place)
{
    char x[MONEY_TEXT_MAX], y[MONEY_TEXT_MAX];
    if (m->fees != (c->fill != NULL ? add_wrap(h->fees, c->fill->fee) : h->fees)) {
        usd_format(h->fees, x);
        usd_format(m->fees, y);
        audit_found(a, AUDIT_PROFIT, place, "fees go from %s to %s, which is not the fee of a fill",
                    x, y);
    }
    if (c->adopted != NULL) {
        return; /* position and cost are the exchange's from here on; its cash comes by itself */
    }
    usd_t moved = sub_wrap(m->cash_total, cash_before);
    usd_t made = sub_wrap(sub_wrap(sub_wrap(m->realized, h->realized), sub_wrap(m->fees, h->fees)),
                          sub_wrap(m->cost, h->cost));
    if (moved != made) {
        usd_format(moved, x);
        usd_format(made, y);
        audit_found(a, AUDIT_PROFIT, place,
                    "cash moves by %s, realised P&L less fees less cost by %s", x, y);
    }
}

enum status audit_mark(struct audit *a, const struct rec_account *m)
{
    uint32_t ticker = audit_ticker(a, m->ticker);
    char place[AUDIT_PLACE], time[TIME_TEXT_MAX];
    if (ticker == IDMAP_NONE) {
        return ST_NOMEM;
    }
    a->counts.marks++;
    time_format(m->h.wall > 0 ? m->h.wall : 0, time);
    snprintf(place, sizeof place, "account mark %llu of %.*s at %s",
             (unsigned long long)a->counts.marks, TICKER_MAX - 1, m->ticker, time);
    if (!a->started || a->records_lost) {
        return ST_OK;
    }
    uint64_t turn_from = a->mark_turn;
    uint64_t turn = turn_at(a, &turn_from, m->h.wall);
    if (turn != UINT64_MAX) {
        take_cash_rows(a, turn);
    }
    struct audit_held *h = &a->held[ticker];
    struct cause all = next_causes(a, ticker, m->h.wall), made = {NULL, NULL, NULL};
    struct money before = {a->cash, h->position, h->fees};
    bool known = explain(before, &all, m, &made);
    see_cash(a, turn);
    while (!known && take_adopted_cash(a, turn)) {
        before.cash = a->cash;
        known = explain(before, &all, m, &made);
    }
    if (!known) {
        mark_differs(a, &all, &before, m, place);
    } else {
        a->fill_at += made.fill != NULL;
        a->paid_at += made.paid != NULL;
        a->adopted_at += made.adopted != NULL;
        if (h->marked) { /* the first of a market tells where it begins */
            judge_profit(a, h, before.cash, &made, m, place);
        }
    }
    *h = (struct audit_held){m->position, m->cost, m->realized, m->fees, true};
    a->cash = m->cash_total;
    see_cash(a, turn);
    return ST_OK;
}

void audit_money_finish(struct audit *a)
{
    if (!a->started || a->records_lost) {
        const char *why = a->records_lost ? "records are missing, as a gap row says"
                                          : "there is no account: nothing was traded";
        audit_skip(a, AUDIT_CASH, why);
        audit_skip(a, AUDIT_POSITION, why);
        audit_skip(a, AUDIT_PROFIT, why);
        return;
    }
    sort_cash(a);
    while (a->config.whole && a->cash_row_at < a->n_cash_rows) {
        take_cash_row(a);
    }
    if (a->config.whole && a->fill_at < a->n_fills) {
        const struct audit_fill *f = &a->fills[a->fill_at];
        char place[AUDIT_PLACE];
        struct text id = audit_text(f->trade_id, sizeof f->trade_id);
        snprintf(place, sizeof place, "trade %.*s", (int)id.n, id.p);
        audit_found(a, AUDIT_CASH, place, "no account mark follows this fill");
    }
    if (a->config.whole && a->paid_at < a->n_paid) {
        audit_found(a, AUDIT_CASH, "settlement", "no account mark follows it");
    }
}
