/*
 * slow_same.h - an engine and its slow model side by side, and whether they are the same. The first
 * difference ends the test with the seed and the operation.
 */
#ifndef TESTS_PROP_MATCH_SLOW_SAME_H
#define TESTS_PROP_MATCH_SLOW_SAME_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "slow_life.h"

#define START_CASH (300 * USD_ONE)
#define OWNERS     4 /* accounts 1..4; the others are subaccounts of the first two */

struct world {
    struct match *m;
    struct slow s;
    struct slow_out out;
    struct rng rng;
    uint64_t seed;
    uint32_t op;
    wall_ns_t now;
    usd_t deposits;
    qty_t size;        /* of orders, at most */
    bool whole;        /* many fill-or-kill orders, and groups everywhere */
    uint64_t done[32]; /* ids of orders that may be gone, to ask for */
};

static uint64_t trades_seen, fills_seen, trips_seen;
static uint64_t verdicts[MATCH_VERDICT_MAX], reasons[MATCH_BECAUSE_MAX];

#define SAME(a, b)                                                                                 \
    do {                                                                                           \
        int64_t a_ = (int64_t)(a);                                                                 \
        int64_t b_ = (int64_t)(b);                                                                 \
        if (a_ != b_) {                                                                            \
            fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %u: " #a " is %" PRId64                \
                     " in the engine, %" PRId64 " in the model",                                   \
                     w->seed, w->op, a_, b_);                                                      \
        }                                                                                          \
    } while (0)

/* --- comparing --- */

static void same_update(const struct world *w, const struct match_order *e,
                        const struct match_order *s)
{
    SAME(e->id, s->id);
    SAME(e->account, s->account);
    SAME(e->market, s->market);
    SAME(e->tag, s->tag);
    SAME(e->side, s->side);
    SAME(e->px, s->px);
    SAME(e->initial, s->initial);
    SAME(e->filled, s->filled);
    SAME(e->remaining, s->remaining);
    SAME(e->status, s->status);
    SAME(e->reason, s->reason);
    SAME(e->created, s->created);
    SAME(e->updated, s->updated);
    SAME(e->expires, s->expires);
    SAME(e->rested, s->rested);
    SAME(e->group, s->group);
    SAME(e->taker_cost, s->taker_cost);
    SAME(e->maker_cost, s->maker_cost);
    SAME(e->taker_fees, s->taker_fees);
    SAME(e->maker_fees, s->maker_fees);
    SAME(e->rounding, s->rounding);
}

static void same_fill(const struct world *w, const struct match_fill *e, const struct match_fill *s)
{
    SAME(e->trade_id, s->trade_id);
    SAME(e->order_id, s->order_id);
    SAME(e->tag, s->tag);
    SAME(e->account, s->account);
    SAME(e->market, s->market);
    SAME(e->side, s->side);
    SAME(e->yes_px, s->yes_px);
    SAME(e->qty, s->qty);
    SAME(e->fee, s->fee);
    SAME(e->is_taker, s->is_taker);
    SAME(e->position, s->position);
    assert_true(e->fee >= 0);
}

static void same_result(const struct world *w)
{
    struct match_result r = match_result(w->m);
    const struct slow_out *s = &w->out;
    SAME(r.n_deltas, s->n_deltas);
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        SAME(r.deltas[i].market, s->deltas[i].market);
        SAME(r.deltas[i].side, s->deltas[i].side);
        SAME(r.deltas[i].px, s->deltas[i].px);
        SAME(r.deltas[i].qty, s->deltas[i].qty);
        SAME(r.deltas[i].account, s->deltas[i].account);
        SAME(r.deltas[i].tag, s->deltas[i].tag);
    }
    SAME(r.n_trades, s->n_trades);
    for (uint32_t i = 0; i < r.n_trades; i++) {
        SAME(r.trades[i].id, s->trades[i].id);
        SAME(r.trades[i].market, s->trades[i].market);
        SAME(r.trades[i].taker, s->trades[i].taker);
        SAME(r.trades[i].yes_px, s->trades[i].yes_px);
        SAME(r.trades[i].qty, s->trades[i].qty);
    }
    SAME(r.n_fills, s->n_fills);
    for (uint32_t i = 0; i < r.n_fills; i++) {
        same_fill(w, &r.fills[i], &s->fills[i]);
    }
    SAME(r.n_updates, s->n_updates);
    for (uint32_t i = 0; i < r.n_updates; i++) {
        same_update(w, &r.updates[i], &s->updates[i]);
        reasons[r.updates[i].reason]++;
    }
    SAME(r.n_triggered, s->n_triggered);
    for (uint32_t i = 0; i < r.n_triggered; i++) {
        SAME(r.triggered[i], s->triggered[i]);
    }
    trades_seen += r.n_trades;
    fills_seen += r.n_fills;
    trips_seen += r.n_triggered;
}

/* After every operation: nobody gained or lost a millionth of a dollar, no book is crossed. */
static void money_and_books(const struct world *w)
{
    struct match_money s = match_money(w->m);
    SAME(s.cash + s.anon_cash + s.collateral + s.fees + s.cut - s.deposits, OWNERS * START_CASH);
    SAME(s.deposits, w->deposits);
    SAME(s.cut, w->s.cut);
    for (uint32_t a = 1; a <= SLOW_ACCOUNTS; a++) {
        const struct match_account *e = match_account(w->m, a);
        SAME(e->cash, w->s.a[a].cash);
        SAME(e->fees, w->s.a[a].fees);
        assert_true(e->cash >= 0);
    }
    for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
        px_t yes = match_best(w->m, k, SIDE_YES);
        px_t no = match_best(w->m, k, SIDE_NO);
        assert_true(yes == 0 || no == 0 || yes + no < PX_ONE);
    }
}

static void same_position(const struct world *w, uint32_t account, uint32_t market)
{
    struct match_position e = match_position(w->m, account, market);
    struct match_position s = w->s.a[account].p[market];
    s.reserved = slow_need_in(&w->s, account, market, (struct slow_change){0}, &s);
    SAME(e.qty, s.qty);
    SAME(e.cost, s.cost);
    SAME(e.realized, s.realized);
    SAME(e.fees, s.fees);
    SAME(e.traded, s.traded);
    SAME(e.volume, s.volume);
    SAME(e.reserved, s.reserved);
    for (int i = 0; i < 2; i++) {
        SAME(e.bought[i], s.bought[i]);
        SAME(e.paid[i], s.paid[i]);
        SAME(e.resting[i], s.resting[i]);
        SAME(e.resting_cost[i], s.resting_cost[i]);
    }
}

static void same_levels(const struct world *w, uint32_t market, enum side side)
{
    static struct level lv[9999];
    size_t n = match_levels(w->m, market, side, lv, 9999);
    SAME(n, match_level_count(w->m, market, side));
    for (size_t i = 0; i < n; i++) {
        qty_t qty = 0;
        qty_t anon = 0;
        for (uint32_t j = 0; j < w->s.n; j++) {
            const struct slow_order *e = &w->s.orders[j];
            if (e->live && e->o.market == market && e->o.side == side && e->o.px == lv[i].px) {
                qty += e->o.remaining;
                anon += e->o.account == MATCH_ANON ? e->o.remaining : 0;
            }
        }
        SAME(lv[i].qty, qty);
        SAME(match_level_qty(w->m, market, side, lv[i].px), qty);
        SAME(match_anon_qty(w->m, market, side, lv[i].px), anon);
        assert_true(i == 0 || lv[i].px > lv[i - 1].px);
    }
    size_t levels = 0;
    for (struct slow_order *e = slow_below((struct slow *)(uintptr_t)&w->s, market, side, PX_ONE);
         e != NULL; e = slow_below((struct slow *)(uintptr_t)&w->s, market, side, e->o.px)) {
        levels++;
    }
    SAME(n, levels);
}

static void same_orders(const struct world *w)
{
    uint32_t open[SLOW_ACCOUNTS + 1] = {0};
    for (uint32_t i = 0; i < w->s.n; i++) {
        const struct slow_order *e = &w->s.orders[i];
        if (!e->live || e->o.account == MATCH_ANON) {
            continue;
        }
        const struct match_order *o = match_order_get(w->m, e->o.id);
        assert_non_null(o);
        same_update(w, o, &e->o);
        open[e->o.account]++;
        qty_t ahead = 0;
        for (uint32_t j = 0; j < w->s.n; j++) {
            const struct slow_order *f = &w->s.orders[j];
            ahead += slow_same_level(f, e) && f->time < e->time ? f->o.remaining : 0;
        }
        SAME(match_queue_ahead(w->m, e->o.id), ahead);
    }
    for (uint32_t a = 1; a <= SLOW_ACCOUNTS; a++) {
        SAME(match_account(w->m, a)->n_orders, open[a]);
    }
}

static void same_groups(const struct world *w)
{
    for (uint32_t i = 0; i < SLOW_GROUPS; i++) {
        const struct slow_group *s = &w->s.g[i];
        if (s->id == 0) {
            continue;
        }
        const struct match_group *e = match_group_get(w->m, s->id);
        assert_non_null(e);
        SAME(e->limit, s->limit);
        SAME(e->triggered, s->triggered);
        SAME(match_group_matched(w->m, s->id, w->now), slow_matched(s, w->now));
        uint32_t n = 0;
        for (uint32_t j = 0; j < w->s.n; j++) {
            n += w->s.orders[j].live && w->s.orders[j].o.group == s->id;
        }
        SAME(e->n_orders, n);
    }
}

static void check_deep(const struct world *w)
{
    const char *why = NULL;
    if (!match_check(w->m, &why)) {
        fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %u: %s", w->seed, w->op, why);
    }
    for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
        for (uint32_t a = 1; a <= SLOW_ACCOUNTS; a++) {
            same_position(w, a, k);
        }
        same_levels(w, k, SIDE_YES);
        same_levels(w, k, SIDE_NO);
        qty_t longs = 0;
        for (uint32_t a = 0; a <= SLOW_ACCOUNTS; a++) {
            longs += w->s.a[a].p[k].qty > 0 ? w->s.a[a].p[k].qty : 0;
        }
        SAME(match_open_interest(w->m, k), longs);
    }
    same_orders(w);
    same_groups(w);
    SAME(match_next_expiry(w->m), slow_next_expiry(&w->s));
}

#endif
