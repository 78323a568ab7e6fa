/*
 * Random operations against a slow, obvious model of the same rules (slow_model.h). After every
 * operation its answer, deltas, trades, fills, updates and triggered groups must be the model's, in
 * order, the book must not be crossed, and money over all accounts must be what was put in.
 * Positions, levels, queue places and the engine's own invariants are compared every few
 * operations.
 *
 * Each world has its own switches, drawn from its seed. DELTAFLOW_SEED=n runs that world alone;
 * DELTAFLOW_OPS=n asks for so many operations in all.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "slow_life.h"

#define OPS        1000000u
#define WORLD_OPS  5000u
#define START_CASH (300 * USD_ONE)
#define OWNERS     4 /* accounts 1..4; the others are subaccounts of the first two */
#define DEEP_EVERY 16

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

/* --- drawing --- */

static uint64_t below(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n);
}

static bool one_in(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n) == 0;
}

static px_t random_px(struct world *w, uint32_t market, enum side side)
{
    const struct grid *g = &w->s.k[market].grid;
    int32_t span = g->levels < 16 ? g->levels : 16;
    /* Around a middle that differs between markets; YES and NO meet there. */
    int32_t middle = (g->levels - 1) * (int32_t)(market + 1) / 4;
    int32_t i = middle - span / 2 + (int32_t)below(w, (uint64_t)span);
    i = side == SIDE_YES ? i : g->levels - 1 - i;
    px_t px = grid_px(g, i < 0 ? 0 : i >= g->levels ? g->levels - 1 : i);
    return one_in(w, 50) ? px + 1 : px; /* now and then off the grid */
}

static uint64_t random_open(struct world *w)
{
    uint32_t from = w->s.n > 0 ? (uint32_t)below(w, w->s.n) : 0;
    for (uint32_t i = 0; i < w->s.n; i++) {
        const struct slow_order *e = &w->s.orders[(from + i) % w->s.n];
        if (e->live && e->o.account != MATCH_ANON) {
            return e->o.id;
        }
    }
    return 0;
}

static uint64_t random_id(struct world *w)
{
    return one_in(w, 12) ? w->done[below(w, 32)] : random_open(w);
}

static struct slow_group *random_group(struct world *w)
{
    struct slow_group *g = &w->s.g[below(w, SLOW_GROUPS)];
    return g->id != 0 ? g : NULL;
}

static uint32_t random_account(struct world *w)
{
    return 1 + (uint32_t)below(w, SLOW_ACCOUNTS);
}

static qty_t random_qty(struct world *w)
{
    qty_t q = 1 + (qty_t)below(w, (uint64_t)w->size);
    return one_in(w, 3) ? q : (q + QTY_ONE - 1) / QTY_ONE * QTY_ONE;
}

/* Never two orders that expire at one time, so that the order of their cancels is plain. */
static wall_ns_t random_expiry(struct world *w)
{
    return w->now + (wall_ns_t)below(w, 400) * 10 * NS_PER_MS + 1 + w->op;
}

/* --- operations --- */

static void op_place(struct world *w)
{
    struct match_request r = {
        .account = one_in(w, 300) ? (uint32_t)below(w, SLOW_ACCOUNTS + 3) : random_account(w),
        .market = (uint32_t)below(w, one_in(w, 300) ? SLOW_MARKETS + 1 : SLOW_MARKETS),
        .side = one_in(w, 2) ? SIDE_YES : SIDE_NO,
        .qty = one_in(w, 300) ? 0 : random_qty(w),
        .stp = one_in(w, 2) ? MATCH_STP_TAKER : MATCH_STP_MAKER,
        .post_only = one_in(w, 6),
        .cancel_on_pause = one_in(w, 4),
        .tag = w->op + 1,
    };
    r.px = r.market < SLOW_MARKETS ? random_px(w, r.market, r.side) : 5000;
    uint64_t kind = below(w, 8);
    r.tif = kind == 0 ? MATCH_IOC : kind < (w->whole ? 4U : 2U) ? MATCH_FOK : MATCH_GTC;
    r.reduce_only = r.tif == MATCH_IOC ? one_in(w, 2) : one_in(w, 100);
    r.expires = r.tif == MATCH_GTC ? (one_in(w, 4) ? random_expiry(w) : 0) : one_in(w, 100);
    const struct slow_group *g = random_group(w);
    if (g != NULL && one_in(w, w->whole ? 1 : 2)) {
        r.group = g->id;
        r.account = one_in(w, 30) ? r.account : g->account;
    }
    uint64_t id = 0;
    enum match_verdict v = match_place(w->m, &r, w->now, &id);
    SAME(v, slow_place(&w->s, &r, w->now, id));
    verdicts[v]++;
    if (v == MATCH_ACCEPTED) {
        w->done[below(w, 32)] = id;
    } else {
        slow_clear(&w->s);
    }
}

static void op_amend(struct world *w)
{
    uint64_t id = random_id(w);
    const struct match_order *o = match_order_get(w->m, id);
    struct match_amendment a = {.px = o != NULL ? o->px : 5000, .total = QTY_ONE};
    if (o != NULL) {
        a.px = one_in(w, 2) ? a.px : random_px(w, o->market, o->side);
        a.total = one_in(w, 4) ? o->filled + o->remaining : o->filled + random_qty(w);
        a.total = one_in(w, 20) ? o->filled - (qty_t)below(w, 2) : a.total;
    }
    a.has_expires = one_in(w, 3);
    a.expires = one_in(w, 3) ? 0 : one_in(w, 20) ? w->now : random_expiry(w);
    enum match_verdict v = MATCH_ACCEPTED;
    enum match_verdict sv = MATCH_ACCEPTED;
    enum status st = a.has_expires || one_in(w, 2)
                         ? match_amend_order(w->m, id, &a, w->now, &v)
                         : match_amend(w->m, id, a.px, a.total, w->now, &v);
    SAME(st, slow_amend(&w->s, id, &a, w->now, &sv));
    SAME(v, sv);
}

static void op_decrease(struct world *w)
{
    uint64_t id = random_id(w);
    const struct match_order *o = match_order_get(w->m, id);
    qty_t rest = o != NULL ? (qty_t)below(w, (uint64_t)o->remaining + 2) - one_in(w, 20) : 1;
    SAME(match_decrease(w->m, id, rest, w->now), slow_decrease(&w->s, id, rest, w->now));
}

static void op_cancel(struct world *w)
{
    uint64_t id = random_id(w);
    enum match_reason why = one_in(w, 8) ? MATCH_BECAUSE_HALT : MATCH_BECAUSE_USER;
    qty_t reduced = 0;
    qty_t slow_reduced = 0;
    enum status st = match_cancel(w->m, id, why, w->now, &reduced);
    SAME(st, slow_cancel(&w->s, id, why, w->now, &slow_reduced));
    SAME(reduced, slow_reduced);
}

static void op_cancel_all(struct world *w)
{
    uint32_t account = random_account(w);
    SAME(match_cancel_all(w->m, account, w->now), slow_cancel_all(&w->s, account, w->now));
}

static void op_anon(struct world *w)
{
    uint32_t market = (uint32_t)below(w, SLOW_MARKETS);
    enum side side = one_in(w, 2) ? SIDE_YES : SIDE_NO;
    const struct grid *g = &w->s.k[market].grid;
    px_t px = grid_floor(g, random_px(w, market, side));
    qty_t qty = one_in(w, 2) ? 1 + random_qty(w) / 10 : random_qty(w);
    if (one_in(w, 4)) {
        SAME(match_anon_remove(w->m, market, side, px, qty),
             slow_anon_remove(&w->s, market, side, px, qty));
        return;
    }
    bool rests = !one_in(w, 3);
    SAME(match_anon_place(w->m, market, side, px, qty, rests, w->now),
         slow_anon_place(&w->s, market, side, px, qty, rests, w->now));
}

/* For calls that start no new result: empty both. */
static void nothing(struct world *w)
{
    slow_clear(&w->s);
    match_expire(w->m, INT64_MIN);
}

static void op_group_create(struct world *w)
{
    uint32_t account = random_account(w);
    qty_t limit = random_qty(w) * 3;
    uint64_t id = 0;
    for (uint32_t i = 0; i < SLOW_GROUPS; i++) {
        if (w->s.g[i].id == 0) {
            assert_int_equal(match_group_create(w->m, account, limit, &id), ST_OK);
            slow_group_create(&w->s, account, limit, id);
            return;
        }
    }
}

static void op_group(struct world *w)
{
    struct slow_group *g = random_group(w);
    uint64_t kind = g != NULL && g->triggered && !one_in(w, 4) ? 2 : below(w, 6);
    if (g == NULL || kind == 0) {
        op_group_create(w);
        nothing(w);
        return;
    }
    qty_t limit = random_qty(w) * 2;
    uint64_t id = g->id;
    if (kind == 1) {
        assert_int_equal(match_group_trigger(w->m, id, w->now), ST_OK);
        slow_group_trigger(&w->s, g, w->now);
    } else if (kind < 4) {
        assert_int_equal(match_group_reset(w->m, id, w->now), ST_OK);
        slow_group_reset(&w->s, g);
    } else if (kind == 4) {
        assert_int_equal(match_group_limit(w->m, id, limit, w->now), ST_OK);
        slow_group_limit(&w->s, g, limit, w->now);
    } else {
        assert_int_equal(match_group_delete(w->m, id, w->now), ST_OK);
        slow_group_delete(&w->s, g, w->now);
        assert_null(match_group_get(w->m, id));
    }
}

static const char *const structures[] = {
    "linear_cent",
    "deci_cent",
    "tapered_deci_cent",
    "center_whole_edge_half_cent",
    "center_whole_edge_quint_cent",
    "center_half_edge_half_cent",
    "center_half_edge_quint_cent",
    "center_half_edge_deci_cent",
    "center_quint_edge_quint_cent",
    "center_quint_edge_deci_cent",
    "center_centi_edge_centi_cent",
    "center_deci_edge_centi_cent",
};
#define N_STRUCTURES (sizeof structures / sizeof structures[0])

static struct match_fees random_fees(struct world *w)
{
    static const char *const names[] = {"quadratic", "quadratic_with_maker_fees",
                                        "quadratic_with_combo_maker_fees"};
    struct match_fees f;
    int64_t mult = one_in(w, 2) ? 1000000 : (int64_t)below(w, 3000000);
    assert_int_equal(match_fees_named(names[below(w, 3)], mult, &f), ST_OK);
    f.waived_until = one_in(w, 4) ? w->now + (wall_ns_t)below(w, 60) * NS_PER_SEC : 0;
    return f;
}

static void set_access(struct world *w, uint32_t market, enum match_access access)
{
    match_access(w->m, market, access, w->now);
    slow_set_access(&w->s, market, access, w->now);
}

/* A market that is not open opens before long. */
static void op_open(struct world *w, uint32_t market)
{
    struct slow_market *k = &w->s.k[market];
    if (k->closed) {
        match_reopen(w->m, market);
        k->closed = false;
    }
    match_halt(w->m, market, false);
    k->halted = false;
    set_access(w, market, MATCH_OPEN);
}

static void op_life(struct world *w)
{
    uint32_t market = (uint32_t)below(w, SLOW_MARKETS);
    struct slow_market *k = &w->s.k[market];
    if (slow_access_now(&w->s, market) != MATCH_OPEN) {
        op_open(w, market);
        return;
    }
    if (!one_in(w, 12)) {
        nothing(w);
        return;
    }
    uint64_t kind = below(w, 9);
    if (kind == 0) {
        match_close(w->m, market, w->now);
        slow_close(&w->s, market, w->now);
    } else if (kind < 4) {
        set_access(w, market, one_in(w, 2) ? MATCH_SHUT : MATCH_CANCEL_ONLY);
    } else if (kind == 4) {
        nothing(w);
        k->halted = true;
        match_halt(w->m, market, true);
        assert_true(match_halted(w->m, market));
    } else if (kind == 5) {
        match_cancel_market(w->m, market, MATCH_BECAUSE_HALT, w->now);
        slow_clear_market(&w->s, market, NULL, MATCH_BECAUSE_HALT, true, w->now);
    } else if (kind < 8) {
        struct grid grid;
        assert_int_equal(grid_named(&grid, structures[below(w, N_STRUCTURES)]), ST_OK);
        assert_int_equal(match_set_grid(w->m, market, &grid, w->now), ST_OK);
        slow_clear_market(&w->s, market, &grid, MATCH_BECAUSE_GRID, true, w->now);
        k->grid = grid;
    } else {
        nothing(w);
        k->fees = random_fees(w);
        match_set_fees(w->m, market, &k->fees);
    }
}

static void op_cash(struct world *w)
{
    usd_t amount = ((usd_t)below(w, 100) - 5) * USD_ONE + (one_in(w, 4) ? 100 : 0);
    uint32_t a = random_account(w);
    if (one_in(w, 2)) {
        amount = one_in(w, 4) ? -amount : amount;
        enum status st = match_deposit(w->m, a, amount);
        SAME(st, slow_deposit(&w->s, a, amount));
        w->deposits += st == ST_OK ? amount : 0;
    } else {
        uint32_t b = random_account(w);
        SAME(match_transfer(w->m, a, b, amount), slow_transfer(&w->s, a, b, amount));
    }
    nothing(w);
}

static void op_expire(struct world *w)
{
    match_expire(w->m, w->now);
    slow_expire(&w->s, w->now);
}

static void step(struct world *w)
{
    uint64_t kind = below(w, 1000);
    if (w->s.n > SLOW_ORDERS - 40) { /* keep the model's list short: it is slow enough */
        for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
            match_cancel_market(w->m, k, MATCH_BECAUSE_HALT, w->now);
            slow_clear_market(&w->s, k, NULL, MATCH_BECAUSE_HALT, true, w->now);
            same_result(w);
        }
        w->s.n = 0;
    } else if (kind < 500) {
        op_place(w);
    } else if (kind < 680) {
        op_anon(w);
    } else if (kind < 780) {
        op_amend(w);
    } else if (kind < 840) {
        op_decrease(w);
    } else if (kind < 900) {
        op_cancel(w);
    } else if (kind < 902) {
        op_cancel_all(w);
    } else if (kind < 930) {
        op_group(w);
    } else if (kind < 955) {
        op_life(w);
    } else if (kind < 975) {
        op_cash(w);
    } else {
        op_expire(w);
    }
}

/* --- worlds --- */

static void world_make(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed, .now = NS_PER_SEC};
    rng_init(&w->rng, seed);
    w->s.out = &w->out;
    w->size = one_in(w, 3) ? 40000 : 600; /* big ones: accounts run dry */
    w->whole = one_in(w, 3);
    struct match_config c = {
        .max_markets = SLOW_MARKETS,
        .max_accounts = SLOW_ACCOUNTS,
        .max_orders = one_in(w, 4) ? 25 : 1000,
        .max_owner_orders = one_in(w, 4) ? 12 : 0,
        .entry = one_in(w, 3) ? MATCH_ENTRY_CASH : MATCH_ENTRY_RESTING,
        .post_only_cancels = one_in(w, 3),
        .fok_cancels = one_in(w, 3),
        .self_per_account = one_in(w, 3),
        .grain = one_in(w, 3) ? 10000 : 0,
    };
    w->s.config = c;
    assert_int_equal(match_create(&c, &w->m), ST_OK);
    for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
        uint32_t at = 0;
        struct slow_market *e = &w->s.k[k];
        e->fees = random_fees(w);
        const char *name = structures[(seed + k) % N_STRUCTURES];
        assert_int_equal(grid_named(&e->grid, name), ST_OK);
        assert_int_equal(match_add_market(w->m, &e->grid, &e->fees, false, &at), ST_OK);
        assert_int_equal(at, k);
    }
    for (uint32_t a = 1; a <= SLOW_ACCOUNTS; a++) {
        uint32_t at = 0;
        uint32_t owner = a <= OWNERS ? a : 1 + a % 2;
        assert_int_equal(a <= OWNERS ? match_add_account(w->m, START_CASH, &at)
                                     : match_add_subaccount(w->m, owner, &at),
                         ST_OK);
        assert_int_equal(at, a);
        w->s.a[a].owner = owner;
        w->s.a[a].cash = a <= OWNERS ? START_CASH : 0;
    }
}

/* At the end every market closes and pays: nothing stays in collateral. */
static void world_end(struct world *w)
{
    for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
        match_close(w->m, k, w->now);
        slow_close(&w->s, k, w->now);
        same_result(w);
        px_t yes_px = one_in(w, 3) ? (px_t)below(w, PX_ONE + 1) : one_in(w, 2) ? PX_ONE : 0;
        match_settle(w->m, k, yes_px, w->now);
        slow_settle(&w->s, k, yes_px, w->now);
        money_and_books(w);
    }
    check_deep(w);
    SAME(match_money(w->m).collateral, 0);
    match_destroy(w->m);
}

static uint32_t run_world(uint64_t seed, uint32_t ops)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_make(w, seed);
    for (w->op = 0; w->op < ops; w->op++) {
        w->now += (wall_ns_t)below(w, 300) * NS_PER_MS;
        step(w);
        same_result(w);
        money_and_books(w);
        if (w->op % DEEP_EVERY == 0) {
            check_deep(w);
        }
    }
    world_end(w);
    free(w);
    return ops;
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void the_engine_does_what_the_slow_model_does(void **state)
{
    (void)state;
    uint64_t alone = env_number("DELTAFLOW_SEED", 0);
    uint64_t want = env_number("DELTAFLOW_OPS", alone != 0 ? WORLD_OPS : OPS);
    uint64_t seed = alone != 0 ? alone : 1;
    uint64_t ops = 0;
    uint64_t first = seed;
    while (ops < want) {
        ops += run_world(seed++, WORLD_OPS);
    }
    print_message("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " operations, %" PRIu64
                  " trades, %" PRIu64 " fills, %" PRIu64 " groups tripped\n",
                  first, seed - 1, ops, trades_seen, fills_seen, trips_seen);
    if (alone == 0) { /* the worlds must be lively, or the comparison says little */
        assert_true(trades_seen > ops / 7 && trips_seen > ops / 1000);
        for (int i = 0; i < MATCH_VERDICT_MAX; i++) {
            if (verdicts[i] < ops / 20000) {
                fail_msg("answer %d came %" PRIu64 " times only", i, verdicts[i]);
            }
        }
        for (int i = 0; i < MATCH_BECAUSE_MAX; i++) {
            if (reasons[i] < ops / 20000) {
                fail_msg("reason %d came %" PRIu64 " times only", i, reasons[i]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_does_what_the_slow_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
