#include "fix.h"

static void a_taker_pays_the_resting_price_one_trade_for_each_order(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 48, 1));
    place(&f, req(&f, f.b, SIDE_NO, 48, 2));
    place(&f, req(&f, f.b, SIDE_NO, 47, 5));
    struct match_request r = req(&f, f.a, SIDE_YES, 99, 4);
    uint64_t id = place(&f, r);
    struct match_result out = match_result(f.m);
    assert_int_equal(out.n_trades, 3);
    assert_int_equal(out.n_deltas, 3);
    assert_int_equal(out.trades[0].yes_px, 5200);
    assert_int_equal(out.trades[1].yes_px, 5200);
    assert_int_equal(out.trades[2].yes_px, 5300);
    assert_int_equal(out.trades[2].qty, QTY_ONE);
    assert_int_equal(out.n_updates, 4); /* the taker once, with its final counts */
    assert_null(match_order_get(f.m, id));
    assert_int_equal(match_position(f.m, f.a, f.market).qty, 4 * QTY_ONE);
    assert_int_equal(match_position(f.m, f.b, f.market).qty, -4 * QTY_ONE);
    match_destroy(f.m);
}

static void what_an_ioc_leaves_is_canceled_and_a_gtc_rests(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 1));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 3);
    r.tif = MATCH_IOC;
    place(&f, r);
    const struct match_order *o = &match_result(f.m).updates[match_result(f.m).n_updates - 1];
    assert_int_equal(o->status, MATCH_CANCELED);
    assert_int_equal(o->filled, QTY_ONE);
    assert_int_equal(o->remaining, 0);
    place(&f, req(&f, f.b, SIDE_NO, 50, 1));
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 50, 3));
    assert_int_equal(match_order_get(f.m, id)->remaining, 2 * QTY_ONE);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_YES, 5000), 2 * QTY_ONE);
    match_destroy(f.m);
}

static void a_fok_that_cannot_fill_whole_changes_nothing(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 2));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 3);
    r.tif = MATCH_FOK;
    assert_int_equal(verdict(&f, r), MATCH_FOK_VOLUME);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 5000), 2 * QTY_ONE);
    r.qty = 2 * QTY_ONE;
    assert_int_equal(verdict(&f, r), MATCH_ACCEPTED);
    match_destroy(f.m);
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 2));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 1);
    r.px = 5050;
    assert_int_equal(verdict(&f, r), MATCH_BAD_PRICE);
    r = req(&f, f.a, SIDE_YES, 50, 0);
    assert_int_equal(verdict(&f, r), MATCH_BAD_SIZE);
    r = req(&f, f.a, SIDE_YES, 50, 1);
    r.post_only = true;
    assert_int_equal(verdict(&f, r), MATCH_POST_ONLY_CROSS);
    r = req(&f, f.a, SIDE_YES, 50, 1);
    r.reduce_only = true;
    assert_int_equal(verdict(&f, r), MATCH_BAD_REDUCE_ONLY);
    r = req(&f, f.a, SIDE_YES, 50, 1);
    r.expires = 1;
    assert_int_equal(verdict(&f, r), MATCH_BAD_EXPIRY);
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 99, 102)), MATCH_NO_MONEY);
    r = req(&f, 7, SIDE_YES, 50, 1);
    assert_int_equal(verdict(&f, r), MATCH_BAD_ACCOUNT);
    match_halt(f.m, f.market, true);
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 10, 1)), MATCH_CLOSED);
    match_destroy(f.m);
}

static void the_entry_check_adds_up_what_rests_but_not_what_reduces(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.a, SIDE_YES, 40, 200)); /* 80 of 100 dollars */
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 30, 70)), MATCH_NO_MONEY);
    place(&f, req(&f, f.a, SIDE_YES, 30, 60));
    place(&f, req(&f, f.b, SIDE_NO, 60, 100)); /* a holds 100 YES, 40 dollars paid */
    assert_int_equal(match_position(f.m, f.a, f.market).qty, 100 * QTY_ONE);
    /* Selling what it holds needs nothing, though only 2 dollars are free. */
    place(&f, req(&f, f.a, SIDE_NO, 55, 100));
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_NO, 55, 5)), MATCH_NO_MONEY);
    match_destroy(f.m);
}

static void self_trade_stops_the_taker_or_cancels_the_maker(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t own = place(&f, req(&f, f.a, SIDE_YES, 48, 1));
    struct match_request r = req(&f, f.a, SIDE_NO, 52, 1);
    r.tif = MATCH_IOC;
    place(&f, r);
    assert_int_equal(match_result(f.m).updates[0].reason, MATCH_BECAUSE_SELF_TRADE);
    assert_int_equal(match_result(f.m).updates[0].filled, 0);
    assert_non_null(match_order_get(f.m, own));
    r.stp = MATCH_STP_MAKER;
    r.tif = MATCH_GTC;
    uint64_t id = place(&f, r);
    assert_null(match_order_get(f.m, own));
    assert_non_null(match_order_get(f.m, id));
    match_destroy(f.m);
}

static void reduce_only_is_capped_at_the_position(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 3));
    place(&f, req(&f, f.a, SIDE_YES, 50, 3));
    place(&f, req(&f, f.b, SIDE_YES, 50, 10));
    struct match_request r = req(&f, f.a, SIDE_NO, 50, 10);
    r.tif = MATCH_IOC;
    r.reduce_only = true;
    place(&f, r);
    assert_int_equal(match_position(f.m, f.a, f.market).qty, 0);
    place(&f, r); /* nothing to reduce: accepted and canceled */
    assert_int_equal(match_result(f.m).n_trades, 0);
    assert_int_equal(match_result(f.m).updates[0].reason, MATCH_BECAUSE_REDUCE_ONLY);
    match_destroy(f.m);
}

static void an_order_expires_at_its_time(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    struct match_request r = req(&f, f.a, SIDE_YES, 10, 1);
    r.expires = 5000;
    uint64_t id = place(&f, r);
    assert_int_equal(match_next_expiry(f.m), 5000);
    match_expire(f.m, 4999);
    assert_non_null(match_order_get(f.m, id));
    match_expire(f.m, 5000);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(match_result(f.m).updates[0].reason, MATCH_BECAUSE_EXPIRY);
    assert_int_equal(match_next_expiry(f.m), NS_NEVER);
    match_destroy(f.m);
}

static void an_amend_keeps_its_place_only_when_the_size_falls(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t one = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t two = place(&f, req(&f, f.b, SIDE_YES, 40, 5));
    enum match_verdict v;
    assert_int_equal(match_amend(f.m, one, 4000, 3 * QTY_ONE, ++f.now, &v), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, one), 0);
    assert_int_equal(match_amend(f.m, one, 4000, 9 * QTY_ONE, ++f.now, &v), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, one), 5 * QTY_ONE);
    assert_int_equal(match_queue_ahead(f.m, two), 0);
    assert_int_equal(match_amend(f.m, one, 4050, 9 * QTY_ONE, ++f.now, &v), ST_INVALID);
    assert_int_equal(v, MATCH_BAD_PRICE);
    match_destroy(f.m);
}

/* --- the recorded book --- */

static struct fix rec_make(qty_t yes40, qty_t no50)
{
    struct fix f = fix_make(true);
    struct level y = {4000, yes40 * QTY_ONE};
    struct level n = {5000, no50 * QTY_ONE};
    assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, &n, 1, 1), ST_OK);
    return f;
}

static void a_recorded_trade_fills_only_what_gets_past_the_queue(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    assert_int_equal(match_queue_ahead(f.m, id), 10 * QTY_ONE);
    /* The removal and the trade of one match, in the usual order. */
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -8 * QTY_ONE, 5, 5), ST_OK);
    match_rec_trade(f.m, f.market, SIDE_YES, 4000, 8 * QTY_ONE, 5, 5);
    assert_int_equal(match_result(f.m).n_fills, 0);
    assert_int_equal(match_queue_ahead(f.m, id), 2 * QTY_ONE);
    /* Now more comes behind; a trade of 3 passes the 2 ahead and fills 1. */
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, 20 * QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -3 * QTY_ONE, 7, 7), ST_OK);
    match_rec_trade(f.m, f.market, SIDE_YES, 4000, 3 * QTY_ONE, 7, 7);
    assert_int_equal(match_result(f.m).n_fills, 1);
    assert_int_equal(match_result(f.m).fills[0].qty, QTY_ONE);
    assert_int_equal(match_anon_qty(f.m, f.market, SIDE_YES, 4000), 19 * QTY_ONE);
    match_destroy(f.m);
}

static void a_recorded_cancel_comes_from_behind_first(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, 4 * QTY_ONE, 5, 5), ST_OK);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -4 * QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, id), 10 * QTY_ONE);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -7 * QTY_ONE, 7, 7), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, id), 3 * QTY_ONE);
    match_destroy(f.m);
}

static void size_that_a_user_took_is_not_removed_again(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 6);
    r.tif = MATCH_IOC;
    place(&f, r);
    assert_int_equal(match_anon_qty(f.m, f.market, SIDE_NO, 5000), 4 * QTY_ONE);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5000, -5 * QTY_ONE, 5, 5), ST_OK);
    assert_int_equal(match_result(f.m).n_deltas, 0); /* absorbed */
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5000, -5 * QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_result(f.m).deltas[0].qty, -4 * QTY_ONE);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 5000), 0);
    /* Below zero in the recording itself: clamped and told. */
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5000, -1, 7, 7), ST_INVALID);
    match_destroy(f.m);
}

static void recorded_size_that_crosses_a_user_fills_it(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5600, 8 * QTY_ONE, 5, 5), ST_OK);
    struct match_result r = match_result(f.m);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(r.n_fills, 1);
    assert_int_equal(r.fills[0].yes_px, 4500); /* the resting price */
    assert_int_equal(r.n_deltas, 2);
    assert_int_equal(r.deltas[1].qty, 3 * QTY_ONE);
    match_destroy(f.m);
}

static void a_trade_through_fills_better_users_first(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    match_rec_trade(f.m, f.market, SIDE_YES, 4000, 2 * QTY_ONE, 5, 5);
    assert_int_equal(match_order_get(f.m, id)->filled, 2 * QTY_ONE);
    match_destroy(f.m);
}

static void a_snapshot_rebases_and_fills_what_it_crosses(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    struct level y = {3000, QTY_ONE};
    struct level n = {6000, 3 * QTY_ONE};
    assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, &n, 1, 9), ST_OK);
    assert_int_equal(match_order_get(f.m, id)->filled, 3 * QTY_ONE);
    assert_int_equal(match_best(f.m, f.market, SIDE_NO), 0);
    const char *why = NULL;
    assert_true(match_check(f.m, &why));
    match_destroy(f.m);
}

static void a_proportional_cancel_comes_from_everywhere(void **state)
{
    (void)state;
    struct fix f =
        fix_with((struct match_config){.queue = MATCH_QUEUE_PROPORTIONAL}, "quadratic", true);
    struct level y = {4000, 30 * QTY_ONE};
    assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, NULL, 0, 1), ST_OK);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, 10 * QTY_ONE, 5, 5), ST_OK);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -8 * QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, id), 24 * QTY_ONE); /* 30 less 8 times 30 of 40 */
    fix_end(&f);
}

/* --- trade-through only --- */

static struct fix through_make(void)
{
    struct fix f =
        fix_with((struct match_config){.queue = MATCH_QUEUE_TRADE_THROUGH}, "quadratic", true);
    struct level y = {4000, 10 * QTY_ONE};
    struct level n = {5000, 10 * QTY_ONE};
    assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, &n, 1, 1), ST_OK);
    return f;
}

static void a_trade_at_the_price_fills_nothing_one_through_it_does(void **state)
{
    (void)state;
    struct fix f = through_make();
    uint64_t at = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t over = place(&f, req(&f, f.a, SIDE_YES, 41, 5));
    match_rec_trade(f.m, f.market, SIDE_YES, 4100, 50 * QTY_ONE, 5, 5);
    assert_int_equal(match_result(f.m).n_fills, 0);
    match_rec_trade(f.m, f.market, SIDE_YES, 4000, 30 * QTY_ONE, 6, 6);
    assert_int_equal(match_result(f.m).n_fills, 1);
    assert_null(match_order_get(f.m, over));
    assert_int_equal(match_order_get(f.m, at)->filled, 0);
    assert_int_equal(match_queue_ahead(f.m, at), 0); /* the queue goes on all the same */
    match_rec_trade(f.m, f.market, SIDE_YES, 3900, 2 * QTY_ONE, 7, 7);
    assert_int_equal(match_order_get(f.m, at)->filled, 2 * QTY_ONE);
    fix_end(&f);
}

static void recorded_size_at_the_price_is_withheld_until_the_order_goes(void **state)
{
    (void)state;
    struct fix f = through_make();
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5500, 8 * QTY_ONE, 5, 5), ST_OK);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    assert_int_equal(match_result(f.m).n_fills, 0);
    assert_int_equal(match_best(f.m, f.market, SIDE_NO), 5000);
    /* The recording removes some of it: nothing to be seen. */
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5500, -QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    qty_t reduced = 0;
    assert_int_equal(match_cancel(f.m, id, MATCH_BECAUSE_USER, ++f.now, &reduced), ST_OK);
    struct match_result r = match_result(f.m);
    assert_int_equal(r.n_deltas, 2);
    assert_int_equal(r.deltas[1].side, SIDE_NO);
    assert_int_equal(r.deltas[1].qty, 7 * QTY_ONE);
    assert_int_equal(match_best(f.m, f.market, SIDE_NO), 5500);
    fix_end(&f);
}

static void a_better_price_takes_what_is_withheld_and_size_through_the_price_fills(void **state)
{
    (void)state;
    struct fix f = through_make();
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5500, 8 * QTY_ONE, 5, 5), ST_OK);
    struct match_request better = req(&f, f.b, SIDE_YES, 46, 3);
    better.tif = MATCH_FOK;
    place(&f, better);
    assert_int_equal(match_result(f.m).fills[0].yes_px, 4500);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5600, 2 * QTY_ONE, 6, 6), ST_OK);
    assert_int_equal(match_order_get(f.m, id)->filled, 2 * QTY_ONE);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_NO, 5600, 4 * QTY_ONE, 7, 7), ST_OK);
    assert_null(match_order_get(f.m, id));
    /* Its going shows the 5 that are left at 55 beside the 1 left at 56. */
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 5500), 5 * QTY_ONE);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 5600), QTY_ONE);
    fix_end(&f);
}

static void a_close_empties_the_book_without_deltas(void **state)
{
    (void)state;
    struct fix f = rec_make(10, 10);
    uint64_t id = place(&f, req(&f, f.a, SIDE_YES, 45, 5));
    match_close(f.m, f.market, 9);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    assert_int_equal(match_result(f.m).updates[0].reason, MATCH_BECAUSE_CLOSE);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(match_best(f.m, f.market, SIDE_YES), 0);
    assert_int_equal(match_account(f.m, f.a)->reserved, 0);
    match_destroy(f.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taker_pays_the_resting_price_one_trade_for_each_order),
        cmocka_unit_test(what_an_ioc_leaves_is_canceled_and_a_gtc_rests),
        cmocka_unit_test(a_fok_that_cannot_fill_whole_changes_nothing),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(the_entry_check_adds_up_what_rests_but_not_what_reduces),
        cmocka_unit_test(self_trade_stops_the_taker_or_cancels_the_maker),
        cmocka_unit_test(reduce_only_is_capped_at_the_position),
        cmocka_unit_test(an_order_expires_at_its_time),
        cmocka_unit_test(an_amend_keeps_its_place_only_when_the_size_falls),
        cmocka_unit_test(a_recorded_trade_fills_only_what_gets_past_the_queue),
        cmocka_unit_test(a_recorded_cancel_comes_from_behind_first),
        cmocka_unit_test(size_that_a_user_took_is_not_removed_again),
        cmocka_unit_test(recorded_size_that_crosses_a_user_fills_it),
        cmocka_unit_test(a_trade_through_fills_better_users_first),
        cmocka_unit_test(a_snapshot_rebases_and_fills_what_it_crosses),
        cmocka_unit_test(a_proportional_cancel_comes_from_everywhere),
        cmocka_unit_test(a_trade_at_the_price_fills_nothing_one_through_it_does),
        cmocka_unit_test(recorded_size_at_the_price_is_withheld_until_the_order_goes),
        cmocka_unit_test(a_better_price_takes_what_is_withheld_and_size_through_the_price_fills),
        cmocka_unit_test(a_close_empties_the_book_without_deltas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
