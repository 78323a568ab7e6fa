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
#include "slow_same.h"

#define OPS        1000000u
#define WORLD_OPS  5000u
#define DEEP_EVERY 16

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
