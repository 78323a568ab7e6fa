/*
 * A recorded book with users' orders in it, in the three queue models, against a slow model that
 * moves unit by unit (slow_recorded.h): fills, queue places and levels must agree after every
 * message. Beside that, what is promised whatever the model: the book never shows more than the
 * recording and users' own orders, never goes below zero, never crosses; a recorded trade never
 * fills users for more than its count, nor at a price that it did not reach; trade-through fills
 * nothing at the price itself; without users the book is the recording. Money is conserved.
 *
 * DELTAFLOW_SEED=n runs that world alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "slow_recorded.h"

#define WORLDS     80
#define WORLD_OPS  1500
#define USERS      3
#define START_CASH (1000 * USD_ONE)

struct world {
    struct match *m;
    struct rec_model r;
    uint32_t market, user[USERS];
    qty_t rec[2][REC_CENTS + 1];  /* the recording, by cents */
    qty_t told[2][REC_CENTS + 1]; /* the book as told by deltas */
    struct rng rng;
    uint64_t seed;
    int64_t op;
};

static uint64_t passive_fills;

#define HOLDS(w, cond)                                                                             \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %" PRId64 ": not " #cond, (w)->seed,   \
                     (w)->op);                                                                     \
        }                                                                                          \
    } while (0)

static uint64_t below(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n);
}

static int rec_best(const struct world *w, int side)
{
    int c = REC_CENTS;
    while (c > 0 && w->rec[side][c] == 0) {
        c--;
    }
    return c;
}

/* --- comparing --- */

/* told: the result's deltas make the book; else it is read as a snapshot is. */
static void absorb_result(struct world *w, bool told)
{
    struct match_result r = match_result(w->m);
    for (uint32_t i = 0; i < r.n_deltas && told; i++) {
        const struct match_delta *d = &r.deltas[i];
        w->told[d->side][d->px / PX_CENT] += d->qty;
        HOLDS(w, w->told[d->side][d->px / PX_CENT] >= 0);
    }
    qty_t filled[REC_ORDERS] = {0};
    for (uint32_t i = 0; i < r.n_fills; i++) {
        for (uint32_t j = 0; j < REC_ORDERS; j++) {
            filled[j] += w->r.order[j].id == r.fills[i].order_id ? r.fills[i].qty : 0;
        }
    }
    for (uint32_t j = 0; j < REC_ORDERS; j++) {
        HOLDS(w, filled[j] == w->r.order[j].filled);
        w->r.order[j].filled = 0;
    }
}

static void tell_book(struct world *w)
{
    struct level lv[REC_CENTS];
    memset(w->told, 0, sizeof w->told);
    for (int s = 0; s < 2; s++) {
        size_t n = match_levels(w->m, w->market, (enum side)s, lv, REC_CENTS);
        for (size_t i = 0; i < n; i++) {
            w->told[s][lv[i].px / PX_CENT] = lv[i].qty;
        }
    }
}

static void check_levels(const struct world *w)
{
    for (int s = 0; s < 2; s++) {
        for (int c = 1; c <= REC_CENTS; c++) {
            const struct rec_level *l = &w->r.level[s][c];
            qty_t anon = match_anon_qty(w->m, w->market, (enum side)s, c * PX_CENT);
            qty_t users = 0;
            for (uint32_t i = 0; i < l->n; i++) {
                users += l->item[i].is == REC_USER ? w->r.order[l->item[i].order].left : 0;
            }
            HOLDS(w, anon == rec_anon(l));
            HOLDS(w, anon + l->taken + l->withheld >= w->rec[s][c] && anon <= w->rec[s][c]);
            qty_t shown = match_level_qty(w->m, w->market, (enum side)s, c * PX_CENT);
            HOLDS(w, shown == anon + users);
            HOLDS(w, shown == w->told[s][c]);
        }
    }
}

static void check_world(const struct world *w)
{
    const char *why = NULL;
    if (!match_check(w->m, &why)) {
        fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %" PRId64 ": %s", w->seed, w->op, why);
    }
    px_t yes = match_best(w->m, w->market, SIDE_YES);
    px_t no = match_best(w->m, w->market, SIDE_NO);
    HOLDS(w, yes == 0 || no == 0 || yes + no < PX_ONE);
    check_levels(w);
    for (uint32_t j = 0; j < REC_ORDERS; j++) {
        const struct rec_order *o = &w->r.order[j];
        const struct match_order *e = match_order_get(w->m, o->id);
        HOLDS(w, (e != NULL) == o->open);
        if (e != NULL) {
            HOLDS(w, e->remaining == o->left);
            HOLDS(w, match_queue_ahead(w->m, o->id) == rec_model_ahead(&w->r, j));
        }
    }
    struct match_money s = match_money(w->m);
    HOLDS(w, s.cash + s.anon_cash + s.collateral + s.fees == USERS * START_CASH);
}

/* What the recorded flow may fill: makers only, users' own prices, at most qty in all. */
static void check_passive(const struct world *w, int maker, int cent, qty_t qty)
{
    struct match_result r = match_result(w->m);
    bool through = w->r.queue == MATCH_QUEUE_TRADE_THROUGH;
    qty_t filled = 0;
    for (uint32_t i = 0; i < r.n_fills; i++) {
        const struct match_fill *f = &r.fills[i];
        HOLDS(w, !f->is_taker);
        HOLDS(w, (int)f->side == maker);
        px_t own = f->side == SIDE_YES ? f->yes_px : PX_ONE - f->yes_px;
        HOLDS(w, through ? own > cent * PX_CENT : own >= cent * PX_CENT);
        filled += f->qty;
    }
    HOLDS(w, filled <= qty);
    passive_fills += r.n_fills;
}

/* --- operations --- */

static void op_record_delta(struct world *w)
{
    int s = (int)below(w, 2);
    int room = 99 - rec_best(w, 1 - s); /* highest cent that does not cross the recording */
    if (room < 1) {
        return;
    }
    int c = room - (int)below(w, 12);
    c = c < 1 ? 1 : c;
    qty_t q = (qty_t)below(w, 40) + 1;
    if (below(w, 2) == 0) {
        q = -(q < w->rec[s][c] ? q : w->rec[s][c]);
    }
    if (q == 0) {
        return;
    }
    w->rec[s][c] += q;
    enum status st = match_rec_delta(w->m, w->market, (enum side)s, c * PX_CENT, q, w->op, w->op);
    HOLDS(w, st == ST_OK);
    if (q > 0) {
        check_passive(w, 1 - s, 100 - c, q);
        rec_model_add(&w->r, s, c, q);
    } else {
        check_passive(w, s, c, 0);
        HOLDS(w, rec_model_remove(&w->r, s, c, -q, w->op) == -q);
    }
    absorb_result(w, true);
}

static void op_cancel(struct world *w);

/* A trade and its removal, in either order, as the exchange shows them. */
static void op_record_trade(struct world *w)
{
    int s = (int)below(w, 2);
    int c = rec_best(w, s);
    if (c == 0) {
        return;
    }
    qty_t q = 1 + (qty_t)below(w, (uint64_t)w->rec[s][c]);
    bool first = below(w, 20) == 0;
    for (int step = 0; step < 2; step++) {
        if ((step == 0) == first) {
            match_rec_trade(w->m, w->market, (enum side)s, c * PX_CENT, q, w->op, w->op);
            check_passive(w, s, c, q);
            rec_model_trade(&w->r, s, c, q, w->op);
        } else {
            w->rec[s][c] -= q;
            enum status st =
                match_rec_delta(w->m, w->market, (enum side)s, c * PX_CENT, -q, w->op, w->op);
            HOLDS(w, st == ST_OK);
            HOLDS(w, rec_model_remove(&w->r, s, c, q, w->op) == q);
        }
        absorb_result(w, true);
        if (step == 0 && below(w, 4) == 0) { /* something may come between */
            op_cancel(w);
        }
    }
}

static void op_record_snapshot(struct world *w)
{
    struct level lv[2][REC_CENTS];
    size_t n[2] = {0, 0};
    int mid = 20 + (int)below(w, 60);
    memset(w->rec, 0, sizeof w->rec);
    for (int s = 0; s < 2; s++) {
        int top = s == 0 ? mid : 99 - mid;
        for (int c = top > 10 ? top - 10 : 1; c <= top; c++) {
            w->rec[s][c] = 1 + (qty_t)below(w, 60);
            lv[s][n[s]++] = (struct level){c * PX_CENT, w->rec[s][c]};
        }
    }
    enum status st = match_rec_snapshot(w->m, w->market, lv[0], n[0], lv[1], n[1], w->op);
    HOLDS(w, st == ST_OK);
    rec_model_snapshot(&w->r, (const qty_t(*)[REC_CENTS + 1]) w->rec);
    absorb_result(w, false); /* the snapshot itself says what the book is */
    tell_book(w);
}

static void op_user(struct world *w)
{
    uint32_t at = 0;
    while (at < REC_ORDERS && w->r.order[at].open) {
        at++;
    }
    if (at == REC_ORDERS) {
        return;
    }
    struct match_request q = {
        .account = w->user[below(w, USERS)],
        .market = w->market,
        .side = below(w, 2) ? SIDE_YES : SIDE_NO,
        .qty = 1 + (qty_t)below(w, 60),
        .tif = below(w, 3) == 0 ? MATCH_IOC : MATCH_GTC,
        .stp = MATCH_STP_MAKER,
    };
    int c = rec_best(w, (int)q.side) + 3 - (int)below(w, 8);
    c = c < 1 ? 1 : c > 99 ? 99 : c;
    q.px = c * PX_CENT;
    uint64_t id = 0;
    HOLDS(w, match_place(w->m, &q, w->op, &id) == MATCH_ACCEPTED);
    w->r.order[at] = (struct rec_order){id, q.account, (int)q.side, c, q.qty, 0, false};
    rec_model_place(&w->r, at, q.tif == MATCH_GTC);
    absorb_result(w, true);
}

static void op_cancel(struct world *w)
{
    uint32_t at = (uint32_t)below(w, REC_ORDERS);
    qty_t reduced = 0;
    if (w->r.order[at].open) {
        enum status st = match_cancel(w->m, w->r.order[at].id, MATCH_BECAUSE_USER, w->op, &reduced);
        HOLDS(w, st == ST_OK && reduced == w->r.order[at].left);
        rec_leave(&w->r, at);
        absorb_result(w, true);
    }
}

static void run_world(uint64_t seed, bool users_act, enum match_queue queue)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    rng_init(&w->rng, seed);
    w->seed = seed;
    w->r.queue = queue;
    struct match_config c = {
        .max_markets = 1, .max_accounts = USERS, .max_orders = 1000, .queue = queue};
    struct match_fees fees;
    struct grid grid = grid_cents();
    assert_int_equal(match_fees_named("quadratic", 1000000, &fees), ST_OK);
    assert_int_equal(match_create(&c, &w->m), ST_OK);
    assert_int_equal(match_add_market(w->m, &grid, &fees, true, &w->market), ST_OK);
    for (int a = 0; a < USERS; a++) {
        assert_int_equal(match_add_account(w->m, START_CASH, &w->user[a]), ST_OK);
    }
    w->op = 1;
    op_record_snapshot(w);
    for (w->op = 2; w->op < WORLD_OPS; w->op++) {
        uint64_t kind = below(w, 100);
        if (kind < 50) {
            op_record_delta(w);
        } else if (kind < 70) {
            op_record_trade(w);
        } else if (kind < 71) {
            op_record_snapshot(w);
        } else if (users_act && kind < 90) {
            op_user(w);
        } else if (users_act) {
            op_cancel(w);
        } else {
            assert_int_equal(match_result(w->m).n_fills, 0);
        }
        check_world(w);
    }
    match_destroy(w->m);
    free(w);
}

static void worlds(enum match_queue queue)
{
    const char *text = getenv("DELTAFLOW_SEED");
    uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 1;
    uint64_t last = text != NULL ? first : WORLDS;
    passive_fills = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        run_world(seed, true, queue);
    }
    print_message("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " fills by the recording\n", first,
                  last, passive_fills);
    assert_true(text != NULL || passive_fills > WORLDS * 10);
}

static void a_pessimistic_queue_is_that_of_the_slow_model(void **state)
{
    (void)state;
    worlds(MATCH_QUEUE_PESSIMISTIC);
}

static void a_proportional_queue_is_that_of_the_slow_model(void **state)
{
    (void)state;
    worlds(MATCH_QUEUE_PROPORTIONAL);
}

static void trade_through_fills_nothing_at_the_price_itself(void **state)
{
    (void)state;
    worlds(MATCH_QUEUE_TRADE_THROUGH);
}

static void without_users_the_book_is_the_recording(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_world(seed, false, (enum match_queue)(seed % 3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pessimistic_queue_is_that_of_the_slow_model),
        cmocka_unit_test(a_proportional_queue_is_that_of_the_slow_model),
        cmocka_unit_test(trade_through_fills_nothing_at_the_price_itself),
        cmocka_unit_test(without_users_the_book_is_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
