/*
 * Random operations against a slow, obvious model of the same rules: one flat list of orders,
 * searched from start to end for each match. Books, orders, trades, cash and positions must agree
 * after every operation, and money must be conserved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "match/match.h"

#define ACCOUNTS   4
#define MODEL_MAX  4096
#define START_CASH (200 * USD_ONE)

struct morder {
    bool live;
    uint64_t id; /* engine's id, 0: anonymous */
    uint32_t account;
    enum side side;
    px_t px;
    qty_t qty;
    uint64_t time;
};

struct model {
    struct morder o[MODEL_MAX];
    uint32_t n;
    uint64_t clock;
    qty_t pos[ACCOUNTS + 1];
    usd_t cash[ACCOUNTS + 1]; /* without fees, which are compared on their own */
    qty_t traded;
    uint32_t trades;
    bool met_own; /* in the last take */
};

/* Best crossing order of the other side: highest price, then oldest. */
static struct morder *model_best(struct model *k, enum side taker, px_t px)
{
    struct morder *best = NULL;
    for (uint32_t i = 0; i < k->n; i++) {
        struct morder *o = &k->o[i];
        if (!o->live || o->side == taker || o->px + px < PX_ONE) {
            continue;
        }
        if (best == NULL || o->px > best->px || (o->px == best->px && o->time < best->time)) {
            best = o;
        }
    }
    return best;
}

static void model_fill(struct model *k, uint32_t account, enum side side, px_t px, qty_t qty)
{
    for (qty_t i = 0; i < qty;
         i++) { /* one hundredth of a contract at a time: nothing to get wrong */
        qty_t p = side == SIDE_YES ? k->pos[account] : -k->pos[account];
        k->cash[account] += p < 0 ? PX_ONE - px : -px;
        k->pos[account] += side == SIDE_YES ? 1 : -1;
    }
}

static qty_t model_take(struct model *k, uint32_t account, enum side side, px_t px, qty_t qty,
                        enum match_stp stp, bool *stopped)
{
    k->met_own = false;
    px_t piece = 0; /* price of the anonymous piece that is being eaten */
    while (qty > 0) {
        struct morder *o = model_best(k, side, px);
        if (o == NULL) {
            return qty;
        }
        if (account != MATCH_ANON && o->account == account) {
            k->met_own = true;
            if (stp == MATCH_STP_TAKER) {
                *stopped = true;
                return qty;
            }
            o->live = false;
            piece = 0;
            continue;
        }
        /* Anonymous size without a user's order between is one resting order to the engine. */
        k->trades += o->id != 0 || piece != o->px;
        piece = o->id == 0 ? o->px : 0;
        qty_t x = o->qty < qty ? o->qty : qty;
        model_fill(k, account, side, PX_ONE - o->px, x);
        model_fill(k, o->account, o->side, o->px, x);
        o->qty -= x;
        o->live = o->qty > 0;
        qty -= x;
        k->traded += x;
    }
    return 0;
}

static void model_rest(struct model *k, uint64_t id, uint32_t account, enum side side, px_t px,
                       qty_t qty)
{
    uint32_t i = 0;
    while (i < k->n && k->o[i].live) {
        i++;
    }
    assert_true(i < MODEL_MAX);
    k->n = i == k->n ? k->n + 1 : k->n;
    k->o[i] = (struct morder){true, id, account, side, px, qty, ++k->clock};
}

static qty_t model_level(const struct model *k, enum side side, px_t px)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->o[i].live && k->o[i].side == side && k->o[i].px == px) {
            sum += k->o[i].qty;
        }
    }
    return sum;
}

static struct morder *model_find(struct model *k, uint64_t id)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->o[i].live && k->o[i].id == id) {
            return &k->o[i];
        }
    }
    return NULL;
}

/* --- the world: engine, model, and a book kept from the told deltas --- */

struct world {
    struct match *m;
    struct model k;
    struct grid grid;
    uint32_t market, account[ACCOUNTS + 1];
    qty_t told[2][10000];
    usd_t fees[ACCOUNTS + 1];
    struct rng rng;
    bool poor; /* accounts may run out of money: then only the engine's own invariants hold */
};

static void absorb_result(struct world *w)
{
    struct match_result r = match_result(w->m);
    qty_t traded = 0;
    qty_t filled = 0;
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        const struct match_delta *d = &r.deltas[i];
        w->told[d->side][d->px] += d->qty;
        assert_true(w->told[d->side][d->px] >= 0);
    }
    for (uint32_t i = 0; i < r.n_trades; i++) {
        traded += r.trades[i].qty;
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        assert_true(r.fills[i].fee >= 0);
        w->fees[r.fills[i].account] += r.fills[i].fee;
        filled += r.fills[i].is_taker ? r.fills[i].qty : 0;
    }
    assert_true(filled <= traded);
}

static void check_world(struct world *w)
{
    const char *why = NULL;
    if (!match_check(w->m, &why)) {
        fail_msg("%s", why);
    }
    struct match_money s = match_money(w->m);
    assert_int_equal(s.cash + s.anon_cash + s.collateral + s.fees + s.cut, ACCOUNTS * START_CASH);
    for (int side = 0; side < 2; side++) {
        for (int32_t i = 0; i < w->grid.levels; i++) {
            px_t px = grid_px(&w->grid, i);
            qty_t q = match_level_qty(w->m, w->market, (enum side)side, px);
            assert_int_equal(q, w->told[side][px]);
            if (!w->poor) {
                assert_int_equal(q, model_level(&w->k, (enum side)side, px));
            }
        }
    }
    for (uint32_t a = 1; a <= ACCOUNTS && !w->poor; a++) {
        assert_int_equal(match_position(w->m, w->account[a], w->market).qty, w->k.pos[a]);
        assert_int_equal(match_account(w->m, w->account[a])->cash,
                         START_CASH * 1 + w->k.cash[a] - w->fees[a]);
    }
}

static px_t random_px(struct world *w)
{
    int32_t span = w->grid.levels < 30 ? w->grid.levels : 30;
    int32_t from = (w->grid.levels - span) / 2;
    return grid_px(&w->grid, from + (int32_t)rng_below(&w->rng, (uint64_t)span));
}

static uint64_t random_open(struct world *w)
{
    uint32_t n = 0;
    uint64_t id = 0;
    for (uint32_t i = 0; i < w->k.n; i++) {
        if (w->k.o[i].live && w->k.o[i].id != 0 && rng_below(&w->rng, ++n) == 0) {
            id = w->k.o[i].id;
        }
    }
    return id;
}

static void op_place(struct world *w, wall_ns_t now)
{
    struct match_request r = {
        .account = 1 + (uint32_t)rng_below(&w->rng, ACCOUNTS),
        .market = w->market,
        .side = rng_below(&w->rng, 2) ? SIDE_YES : SIDE_NO,
        .px = random_px(w),
        .qty = 1 + (qty_t)rng_below(&w->rng, w->poor ? 40000 : 300),
        .stp = rng_below(&w->rng, 2) ? MATCH_STP_TAKER : MATCH_STP_MAKER,
        .post_only = rng_below(&w->rng, 8) == 0,
    };
    uint64_t kind = rng_below(&w->rng, 8);
    r.tif = kind == 0 ? MATCH_IOC : kind == 1 ? MATCH_FOK : MATCH_GTC;
    bool crossing = model_best(&w->k, r.side, r.px) != NULL;
    uint64_t id = 0;
    enum match_verdict v = match_place(w->m, &r, now, &id);
    absorb_result(w);
    if (w->poor) {
        return;
    }
    assert_int_equal(v == MATCH_POST_ONLY_CROSS, r.post_only && crossing);
    if (v == MATCH_FOK_VOLUME || v == MATCH_POST_ONLY_CROSS) {
        return; /* the engine said no: the book comparison shows that nothing happened */
    }
    assert_int_equal(v, MATCH_ACCEPTED);
    bool stopped = false;
    uint32_t trades = w->k.trades;
    qty_t left = model_take(&w->k, r.account, r.side, r.px, r.qty, r.stp, &stopped);
    assert_int_equal(match_result(w->m).n_trades, w->k.trades - trades);
    if (r.tif == MATCH_FOK) {
        assert_true(left == 0 || w->k.met_own); /* then it is an IOC (changelog 2025-10-01) */
    }
    if (left > 0 && !stopped && r.tif == MATCH_GTC) {
        model_rest(&w->k, id, r.account, r.side, r.px, left);
    }
    const struct match_order *o = match_order_get(w->m, id);
    assert_int_equal(o != NULL, left > 0 && !stopped && r.tif == MATCH_GTC);
}

static void op_cancel(struct world *w, wall_ns_t now)
{
    uint64_t id = random_open(w);
    qty_t reduced = 0;
    enum status st = match_cancel(w->m, id, MATCH_BECAUSE_USER, now, &reduced);
    absorb_result(w);
    struct morder *o = id != 0 ? model_find(&w->k, id) : NULL;
    assert_int_equal(st == ST_OK, o != NULL);
    if (o != NULL) {
        assert_int_equal(reduced, o->qty);
        o->live = false;
    }
}

static void op_change(struct world *w, wall_ns_t now)
{
    uint64_t id = random_open(w);
    const struct match_order *e = match_order_get(w->m, id);
    if (e == NULL) {
        return;
    }
    struct match_order was = *e;
    struct morder *o = model_find(&w->k, id);
    if (rng_below(&w->rng, 2) == 0) {
        qty_t to = (qty_t)rng_below(&w->rng, (uint64_t)was.remaining);
        assert_int_equal(match_decrease(w->m, id, to, now), ST_OK);
        absorb_result(w);
        o->qty = to;
        o->live = to > 0;
        return;
    }
    px_t px = rng_below(&w->rng, 2) ? was.px : random_px(w);
    qty_t rest = 1 + (qty_t)rng_below(&w->rng, 300);
    enum match_verdict v;
    enum status st = match_amend(w->m, id, px, was.filled + rest, now, &v);
    absorb_result(w);
    if (st != ST_OK) {
        assert_int_equal(v, MATCH_POST_ONLY_CROSS);
        return;
    }
    if (px == was.px && rest <= was.remaining) {
        o->qty = rest;
        return;
    }
    o->live = false;
    bool stopped = false;
    qty_t left = model_take(&w->k, was.account, was.side, px, rest, was.stp, &stopped);
    if (left > 0 && !stopped) {
        model_rest(&w->k, id, was.account, was.side, px, left);
    }
}

static void op_anon(struct world *w, wall_ns_t now)
{
    enum side side = rng_below(&w->rng, 2) ? SIDE_YES : SIDE_NO;
    px_t px = random_px(w);
    qty_t qty = 1 + (qty_t)rng_below(&w->rng, 300);
    bool rests = rng_below(&w->rng, 3) != 0;
    qty_t took = match_anon_place(w->m, w->market, side, px, qty, rests, now);
    absorb_result(w);
    if (w->poor) {
        return;
    }
    bool stopped = false;
    qty_t left = model_take(&w->k, MATCH_ANON, side, px, qty, MATCH_STP_TAKER, &stopped);
    assert_int_equal(took, qty - left);
    if (left > 0 && rests) {
        /* Anonymous size that meets at the back of a level is one piece. */
        struct morder *back = NULL;
        for (uint32_t i = 0; i < w->k.n; i++) {
            struct morder *o = &w->k.o[i];
            if (o->live && o->side == side && o->px == px &&
                (back == NULL || o->time > back->time)) {
                back = o;
            }
        }
        if (back != NULL && back->id == 0) {
            back->qty += left;
        } else {
            model_rest(&w->k, 0, MATCH_ANON, side, px, left);
        }
    }
}

static void run_world(uint64_t seed, const char *structure, const char *fee_type, bool poor,
                      uint32_t ops)
{
    if (seed % 50 == 1) {
        print_message("seeds from %llu, %s, %s%s\n", (unsigned long long)seed, structure, fee_type,
                      poor ? ", poor" : "");
    }
    struct world *w = calloc(1, sizeof *w);
    rng_init(&w->rng, seed);
    w->poor = poor;
    struct match_fees fees;
    assert_int_equal(match_fees_named(fee_type, 1000000, &fees), ST_OK);
    assert_int_equal(grid_named(&w->grid, structure), ST_OK);
    struct match_config c = {.max_markets = 2, .max_accounts = ACCOUNTS, .max_orders = 10000};
    assert_int_equal(match_create(&c, &w->m), ST_OK);
    assert_int_equal(match_add_market(w->m, &w->grid, &fees, false, &w->market), ST_OK);
    for (uint32_t a = 1; a <= ACCOUNTS; a++) {
        assert_int_equal(match_add_account(w->m, START_CASH, &w->account[a]), ST_OK);
    }
    for (uint32_t i = 0; i < ops; i++) {
        wall_ns_t now = (wall_ns_t)i * NS_PER_MS;
        uint64_t kind = rng_below(&w->rng, 10);
        if (kind < 4) {
            op_place(w, now);
        } else if (kind < 6) {
            op_anon(w, now);
        } else if (poor) {
            match_cancel_all(w->m, 1 + (uint32_t)rng_below(&w->rng, ACCOUNTS), now);
            absorb_result(w);
        } else if (kind < 9) {
            op_cancel(w, now);
        } else {
            op_change(w, now);
        }
        if (i % 16 == 0 || i + 1 == ops) {
            check_world(w);
        }
    }
    match_close(w->m, w->market, 0);
    match_settle(w->m, w->market, rng_below(&w->rng, 2) ? PX_ONE : 3333, 0);
    struct match_money s = match_money(w->m);
    assert_int_equal(s.collateral, 0);
    assert_int_equal(s.cash + s.anon_cash + s.fees + s.cut, ACCOUNTS * START_CASH);
    const char *why = NULL;
    assert_true(match_check(w->m, &why));
    match_destroy(w->m);
    free(w);
}

static void engine_equals_the_slow_model(void **state)
{
    (void)state;
    static const char *const structures[] = {"linear_cent", "deci_cent", "tapered_deci_cent"};
    for (uint64_t seed = 1; seed <= 400; seed++) {
        run_world(seed, structures[seed % 3], seed % 2 ? "quadratic" : "quadratic_with_maker_fees",
                  false, 2000);
    }
}

static void money_is_conserved_when_accounts_run_dry(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run_world(seed, "linear_cent", "quadratic_with_maker_fees", true, 4000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_equals_the_slow_model),
        cmocka_unit_test(money_is_conserved_when_accounts_run_dry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
