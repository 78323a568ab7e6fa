/*
 * Random operations; now and then the engine is taken apart into rows and put together again as a
 * second engine. Both hold the same, go on with the same operations, and say the same at each one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "match/match_state.h"

#define ACCOUNTS 5u
#define MARKETS  4u /* the last two recorded */
#define ROUNDS   60
#define STEPS    400

/* --- an engine's rows, copied --- */

static struct match_config config(void)
{
    return (struct match_config){.max_markets = 16, .max_accounts = 16, .max_orders = 10000};
}

static enum status copy_markets(const struct match *from, struct match *to, struct err *err)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    enum status st = ST_OK;
    for (uint32_t i = 0; i < match_state_markets(from) && st == ST_OK; i++) {
        struct match_kept_market k;
        match_state_market(from, i, &b, &k);
        st = match_load_market(to, i, &k, err);
    }
    buf_finish(&b);
    return st;
}

static enum status copy_positions(const struct match *from, struct match *to, struct err *err)
{
    enum status st = ST_OK;
    for (uint32_t a = 1; a < match_state_accounts(from); a++) {
        for (uint32_t i = 0; i < match_account(from, a)->n_positions && st == ST_OK; i++) {
            /* Only what is a column goes through a file. */
            const struct row_table *t = &match_tables[MATCH_T_POSITIONS];
            struct match_position p = {0};
            for (uint32_t c = 0; c < t->n_columns; c++) {
                int64_t v = row_int(&t->columns[c], match_position_at(from, a, i));
                assert_int_equal(row_set_int(&t->columns[c], &p, v), ST_OK);
            }
            st = match_load_position(to, (uint64_t)a << 32 | i, &p, err);
        }
    }
    return st;
}

static enum status copy_books(const struct match *from, struct match *to, struct err *err)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    enum status st = ST_OK;
    for (uint32_t i = 0; i < match_state_markets(from) && st == ST_OK; i++) {
        struct match_kept_book k;
        match_state_book(from, i, &b, &k);
        st = match_load_book(to, i, &k, err);
    }
    buf_finish(&b);
    return st;
}

static struct match *copy(const struct match *from)
{
    struct err err = {0};
    struct match *to = NULL;
    struct match_config c = config();
    assert_int_equal(match_create(&c, &to), ST_OK);
    struct match_kept_engine e;
    match_state_engine(from, &e);
    enum status st = match_load_engine(to, &e, &err);
    for (uint32_t i = 0; i < match_state_accounts(from) && st == ST_OK; i++) {
        struct match_kept_account a;
        match_state_account(from, i, &a);
        st = match_load_account(to, i, &a, &err);
    }
    st = st == ST_OK ? copy_markets(from, to, &err) : st;
    st = st == ST_OK ? copy_positions(from, to, &err) : st;
    st = st == ST_OK ? copy_books(from, to, &err) : st;
    st = st == ST_OK ? match_load_end(to, &err) : st;
    if (st != ST_OK) {
        fail_msg("%s", err.text);
    }
    return to;
}

static void assert_same(const struct match *a, const struct match *b)
{
    struct digest x;
    struct digest y;
    digest_init(&x);
    digest_init(&y);
    match_state_digest(a, &x);
    match_state_digest(b, &y);
    assert_true(x.a == y.a && x.b == y.b);
}

/* --- random operations --- */

struct op {
    int kind;
    struct match_request r;
    uint64_t tag; /* of the order that is canceled or changed */
    qty_t qty;
    px_t px;
    int64_t ts;
};

struct world {
    struct match *m;
    uint64_t id_of[ROUNDS * STEPS + 1]; /* by tag */
};

static struct op random_op(struct rng *rng, uint64_t tag, wall_ns_t now)
{
    struct op o = {.kind = (int)rng_below(rng, 12), .tag = 1 + rng_below(rng, tag)};
    o.px = (px_t)(1 + rng_below(rng, 99)) * 100;
    if (rng_below(rng, 3) != 0) { /* near the middle, so that something happens */
        o.px = (px_t)(44 + rng_below(rng, 12)) * 100;
    }
    o.qty = (qty_t)(1 + rng_below(rng, 3000));
    o.ts = (int64_t)rng_below(rng, 5);
    o.r = (struct match_request){
        .account = 1 + (uint32_t)rng_below(rng, ACCOUNTS),
        .market = (uint32_t)rng_below(rng, MARKETS),
        .side = rng_below(rng, 2) == 0 ? SIDE_YES : SIDE_NO,
        .px = o.px,
        .qty = o.qty,
        .tif = rng_below(rng, 5) == 0 ? MATCH_IOC : MATCH_GTC,
        .stp = rng_below(rng, 2) == 0 ? MATCH_STP_TAKER : MATCH_STP_MAKER,
        .tag = tag,
    };
    if (o.r.tif == MATCH_GTC && rng_below(rng, 4) == 0) {
        o.r.expires = now + (wall_ns_t)(1 + rng_below(rng, 50)) * NS_PER_SEC;
    }
    return o;
}

static void apply(struct world *w, const struct op *o, wall_ns_t now)
{
    struct match *m = w->m;
    bool recorded = o->r.market >= MARKETS / 2;
    qty_t reduced = 0;
    enum match_verdict v;
    uint64_t id = 0;
    switch (o->kind) {
    case 0:
    case 1:
    case 2:
        if (recorded) {
            (void)!match_rec_delta(m, o->r.market, o->r.side, o->px,
                                   o->kind == 0 ? -o->qty : o->qty, o->ts, now);
        } else {
            (void)match_anon_place(m, o->r.market, o->r.side, o->px, o->qty, true, now);
        }
        break;
    case 3:
        if (recorded) {
            match_rec_trade(m, o->r.market, o->r.side, o->px, o->qty, o->ts, now);
        } else {
            (void)match_anon_remove(m, o->r.market, o->r.side, o->px, o->qty);
        }
        break;
    case 4:
        (void)!match_cancel(m, w->id_of[o->tag], MATCH_BECAUSE_USER, now, &reduced);
        break;
    case 5:
        (void)!match_decrease(m, w->id_of[o->tag], o->qty / 2, now);
        break;
    case 6:
        (void)!match_amend(m, w->id_of[o->tag], o->px, o->qty, now, &v);
        break;
    case 7:
        match_expire(m, now);
        break;
    default:
        v = match_place(m, &o->r, now, &id);
        w->id_of[o->r.tag] = v == MATCH_ACCEPTED ? id : 0;
        break;
    }
    if (o->kind == 8 && o->r.tag % 97 == 0) {
        (void)match_cancel_all(m, o->r.account, now);
    }
}

/* What the engine says, without its ids. In which order orders of one call expire is not kept. */
static void digest_result(const struct match *m, int kind, struct digest *d)
{
    struct match_result r = match_result(m);
    if (kind == 7) {
        digest_u64(d, (uint64_t)r.n_updates << 32 | r.n_deltas);
        return;
    }
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        digest_u64(d, (uint64_t)r.deltas[i].qty);
        digest_u64(d, (uint64_t)r.deltas[i].px);
        digest_u64(d, r.deltas[i].tag);
    }
    for (uint32_t i = 0; i < r.n_trades; i++) {
        digest_u64(d, r.trades[i].id);
        digest_u64(d, (uint64_t)r.trades[i].qty);
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        digest_u64(d, r.fills[i].tag);
        digest_u64(d, (uint64_t)r.fills[i].fee);
        digest_u64(d, (uint64_t)r.fills[i].position);
    }
    for (uint32_t i = 0; i < r.n_updates; i++) {
        digest_u64(d, r.updates[i].tag);
        digest_u64(d, (uint64_t)r.updates[i].remaining);
        digest_u64(d, (uint64_t)r.updates[i].reason);
        digest_u64(d, (uint64_t)r.updates[i].rounding);
    }
}

/* A loaded engine finds its orders where they were. */
static void assert_same_queue(const struct world *a, const struct world *b, uint64_t tags)
{
    for (uint64_t t = 1; t <= tags; t++) {
        const struct match_order *x = match_order_get(a->m, a->id_of[t]);
        const struct match_order *y = match_order_get(b->m, b->id_of[t]);
        assert_true((x == NULL) == (y == NULL));
        if (x != NULL) {
            assert_int_equal(x->rounding, y->rounding);
            assert_true(match_queue_ahead(a->m, x->id) == match_queue_ahead(b->m, y->id));
        }
    }
}

static struct match *begin(void)
{
    struct match *m = NULL;
    struct match_config c = config();
    struct match_fees fees;
    assert_int_equal(match_create(&c, &m), ST_OK);
    assert_int_equal(match_fees_named("quadratic_with_maker_fees", 1000000, &fees), ST_OK);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        uint32_t account;
        assert_int_equal(match_add_account(m, 500 * USD_ONE, &account), ST_OK);
    }
    for (uint32_t i = 0; i < MARKETS; i++) {
        struct grid grid;
        uint32_t market;
        assert_int_equal(grid_named(&grid, i % 2 == 0 ? "linear_cent" : "deci_cent"), ST_OK);
        assert_int_equal(match_add_market(m, &grid, &fees, i >= MARKETS / 2, &market), ST_OK);
    }
    return m;
}

static void run_rounds(uint64_t seed, struct world *a, struct world *b)
{
    struct rng rng;
    rng_init(&rng, seed);
    uint64_t tag = 0;
    wall_ns_t now = 1000 * NS_PER_SEC;
    uint64_t filled = 0;
    for (int round = 0; round < ROUNDS; round++) {
        *b = *a;
        b->m = copy(a->m);
        assert_same(a->m, b->m);
        assert_same_queue(a, b, tag);
        for (int i = 0; i < STEPS; i++) {
            now += (wall_ns_t)rng_below(&rng, (uint64_t)NS_PER_SEC);
            struct op o = random_op(&rng, ++tag, now);
            struct digest x;
            struct digest y;
            digest_init(&x);
            digest_init(&y);
            apply(a, &o, now);
            digest_result(a->m, o.kind, &x);
            filled += match_result(a->m).n_fills;
            apply(b, &o, now);
            digest_result(b->m, o.kind, &y);
            if (x.a != y.a || x.b != y.b) {
                fail_msg("seed %llu round %d step %d: operation %d differs",
                         (unsigned long long)seed, round, i, o.kind);
            }
        }
        const char *why = NULL;
        if (!match_check(b->m, &why)) {
            fail_msg("%s", why);
        }
        match_destroy(a->m);
        a->m = b->m; /* the next save is of what was loaded */
        memcpy(a->id_of, b->id_of, sizeof a->id_of);
    }
    assert_true(filled > 1000);
    printf("seed %llu: %d restarts, %llu operations, %llu fills\n", (unsigned long long)seed,
           ROUNDS, (unsigned long long)tag, (unsigned long long)filled);
}

static void an_engine_put_together_from_its_rows_goes_on_as_the_first(void **state)
{
    (void)state;
    struct world *a = calloc(1, sizeof *a);
    struct world *b = calloc(1, sizeof *b);
    assert_true(a != NULL && b != NULL);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        memset(a, 0, sizeof *a);
        a->m = begin();
        run_rounds(seed, a, b);
        match_destroy(a->m);
    }
    free(a);
    free(b);
}

static void a_damaged_book_is_refused_and_never_believed(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->m = begin();
    struct rng rng;
    rng_init(&rng, 7);
    for (uint64_t t = 1; t <= 2000; t++) {
        struct op o = random_op(&rng, t, 1000 * NS_PER_SEC);
        apply(w, &o, 1000 * NS_PER_SEC);
    }
    struct buf b;
    buf_init(&b, 1 << 24);
    uint32_t refused = 0;
    for (int i = 0; i < 3000; i++) {
        struct match_kept_book k;
        struct err err = {0};
        struct match *m = begin();
        struct match_kept_engine e;
        match_state_engine(w->m, &e);
        assert_int_equal(match_load_engine(m, &e, &err), ST_OK);
        assert_int_equal(copy_positions(w->m, m, &err), ST_OK);
        uint32_t market = (uint32_t)rng_below(&rng, MARKETS);
        match_state_book(w->m, market, &b, &k);
        if (i % 2 == 0) {
            b.p[rng_below(&rng, b.n)] ^= (char)(1u << rng_below(&rng, 8));
        } else {
            k.levels.n = rng_below(&rng, b.n);
        }
        /* Money and positions of the other books are missing, so the end never fits. */
        enum status st = match_load_book(m, market, &k, &err);
        st = st == ST_OK ? match_load_end(m, &err) : st;
        refused += st != ST_OK ? 1 : 0;
        match_destroy(m);
    }
    assert_int_equal(refused, 3000);
    buf_finish(&b);
    match_destroy(w->m);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_put_together_from_its_rows_goes_on_as_the_first),
        cmocka_unit_test(a_damaged_book_is_refused_and_never_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
