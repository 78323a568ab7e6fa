/*
 * A recorded book with users' orders in it: the anonymous book must never show more than the
 * recording, never go below zero, never cross, and equal the recording when no user acts. A
 * recorded trade must never fill users for more than its count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "match/match.h"

#define LEVELS 99

struct world {
    struct match *m;
    uint32_t market, user[2];
    qty_t rec[2][LEVELS + 1]; /* the recording, by cents */
    qty_t told[2][LEVELS + 1];
    struct rng rng;
    bool users_act;
    bool users_took; /* since the last snapshot */
};

static int rec_best(const struct world *w, int side)
{
    int c = LEVELS;
    while (c > 0 && w->rec[side][c] == 0) {
        c--;
    }
    return c;
}

static void absorb_result(struct world *w, bool deltas)
{
    struct match_result r = match_result(w->m);
    for (uint32_t i = 0; i < r.n_deltas && deltas; i++) {
        const struct match_delta *d = &r.deltas[i];
        w->told[d->side][d->px / PX_CENT] += d->qty;
        assert_true(w->told[d->side][d->px / PX_CENT] >= 0);
    }
}

static void tell_book(struct world *w) /* as a snapshot does */
{
    struct level lv[LEVELS];
    memset(w->told, 0, sizeof w->told);
    for (int s = 0; s < 2; s++) {
        size_t n = match_levels(w->m, w->market, (enum side)s, lv, LEVELS);
        for (size_t i = 0; i < n; i++) {
            w->told[s][lv[i].px / PX_CENT] = lv[i].qty;
        }
    }
}

static void check_world(struct world *w)
{
    const char *why = NULL;
    if (!match_check(w->m, &why)) {
        fail_msg("%s", why);
    }
    for (int s = 0; s < 2; s++) {
        for (int c = 1; c <= LEVELS; c++) {
            qty_t anon = match_anon_qty(w->m, w->market, (enum side)s, c * PX_CENT);
            assert_true(anon >= 0 && anon <= w->rec[s][c]);
            if (!w->users_took) {
                assert_int_equal(anon, w->rec[s][c]);
            }
            assert_int_equal(match_level_qty(w->m, w->market, (enum side)s, c * PX_CENT),
                             w->told[s][c]);
        }
    }
    struct match_money s = match_money(w->m);
    assert_int_equal(s.cash + s.anon_cash + s.collateral + s.fees, 2000 * USD_ONE);
}

static void op_record_delta(struct world *w, int64_t ts)
{
    int s = (int)rng_below(&w->rng, 2);
    int room = 99 - rec_best(w, 1 - s); /* highest cent that does not cross the recording */
    if (room < 1) {
        return;
    }
    int c = room - (int)rng_below(&w->rng, 12);
    c = c < 1 ? 1 : c;
    qty_t q = (qty_t)rng_below(&w->rng, 1000) + 1;
    if (rng_below(&w->rng, 2) == 0) {
        q = -(q < w->rec[s][c] ? q : w->rec[s][c]);
    }
    if (q == 0) {
        return;
    }
    w->rec[s][c] += q;
    enum status st = match_rec_delta(w->m, w->market, (enum side)s, c * PX_CENT, q, ts, ts);
    assert_int_equal(st, ST_OK);
    w->users_took |= match_result(w->m).n_trades > 0;
    absorb_result(w, true);
}

/* A trade and its removal, in either order, as the exchange shows them. */
static void op_record_trade(struct world *w, int64_t ts)
{
    int s = (int)rng_below(&w->rng, 2);
    int c = rec_best(w, s);
    if (c == 0) {
        return;
    }
    qty_t q = 1 + (qty_t)rng_below(&w->rng, (uint64_t)w->rec[s][c]);
    bool first = rng_below(&w->rng, 20) == 0;
    for (int step = 0; step < 2; step++) {
        if ((step == 0) == first) {
            match_rec_trade(w->m, w->market, (enum side)s, c * PX_CENT, q, ts, ts);
            struct match_result r = match_result(w->m);
            qty_t filled = 0;
            for (uint32_t i = 0; i < r.n_fills; i++) {
                assert_false(r.fills[i].is_taker);
                filled += r.fills[i].qty;
            }
            assert_true(filled <= q);
        } else {
            w->rec[s][c] -= q;
            assert_int_equal(
                match_rec_delta(w->m, w->market, (enum side)s, c * PX_CENT, -q, ts, ts), ST_OK);
        }
        absorb_result(w, true);
    }
}

static void op_record_snapshot(struct world *w, int64_t ts)
{
    struct level lv[2][LEVELS];
    size_t n[2] = {0, 0};
    int mid = 20 + (int)rng_below(&w->rng, 60);
    memset(w->rec, 0, sizeof w->rec);
    for (int s = 0; s < 2; s++) {
        int top = s == 0 ? mid : 99 - mid;
        for (int c = top > 10 ? top - 10 : 1; c <= top; c++) {
            w->rec[s][c] = 1 + (qty_t)rng_below(&w->rng, 2000);
            lv[s][n[s]++] = (struct level){c * PX_CENT, w->rec[s][c]};
        }
    }
    assert_int_equal(match_rec_snapshot(w->m, w->market, lv[0], n[0], lv[1], n[1], ts), ST_OK);
    w->users_took = match_result(w->m).n_trades > 0;
    absorb_result(w, false); /* the snapshot itself says what the book is */
    tell_book(w);
}

static void op_user(struct world *w, int64_t ts)
{
    struct match_request r = {
        .account = w->user[rng_below(&w->rng, 2)],
        .market = w->market,
        .side = rng_below(&w->rng, 2) ? SIDE_YES : SIDE_NO,
        .qty = 1 + (qty_t)rng_below(&w->rng, 1500),
        .tif = rng_below(&w->rng, 3) == 0 ? MATCH_IOC : MATCH_GTC,
    };
    int best = rec_best(w, (int)r.side);
    int c = best + 3 - (int)rng_below(&w->rng, 8);
    r.px = (c < 1 ? 1 : c > 99 ? 99 : c) * PX_CENT;
    uint64_t id = 0;
    if (match_place(w->m, &r, ts, &id) == MATCH_ACCEPTED) {
        w->users_took |= match_result(w->m).n_trades > 0;
        absorb_result(w, true);
    }
    if (rng_below(&w->rng, 4) == 0) {
        match_cancel_all(w->m, r.account, ts);
        absorb_result(w, true);
    }
}

static void run_world(uint64_t seed, bool users_act, enum match_queue queue)
{
    struct world *w = calloc(1, sizeof *w);
    rng_init(&w->rng, seed);
    w->users_act = users_act;
    struct match_config c = {
        .max_markets = 1, .max_accounts = 2, .max_orders = 1000, .queue = queue};
    struct match_fees fees;
    assert_int_equal(match_fees_named("quadratic", 1000000, &fees), ST_OK);
    struct grid grid = grid_cents();
    assert_int_equal(match_create(&c, &w->m), ST_OK);
    assert_int_equal(match_add_market(w->m, &grid, &fees, true, &w->market), ST_OK);
    for (int a = 0; a < 2; a++) {
        assert_int_equal(match_add_account(w->m, 1000 * USD_ONE, &w->user[a]), ST_OK);
    }
    op_record_snapshot(w, 1);
    for (int64_t i = 2; i < 3000; i++) {
        uint64_t kind = rng_below(&w->rng, 100);
        if (kind < 55) {
            op_record_delta(w, i);
        } else if (kind < 75) {
            op_record_trade(w, i);
        } else if (kind < 76) {
            op_record_snapshot(w, i);
        } else if (users_act) {
            op_user(w, i);
        }
        check_world(w);
    }
    match_destroy(w->m);
    free(w);
}

static void the_anonymous_book_never_exceeds_the_recording(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_world(seed, true, seed % 2 ? MATCH_QUEUE_PESSIMISTIC : MATCH_QUEUE_PROPORTIONAL);
    }
}

static void without_users_the_book_is_the_recording(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        run_world(seed, false, MATCH_QUEUE_PESSIMISTIC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_anonymous_book_never_exceeds_the_recording),
        cmocka_unit_test(without_users_the_book_is_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
