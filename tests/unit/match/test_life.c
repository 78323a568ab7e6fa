#include "fix.h"

static void a_trading_pause_takes_cancels_and_decreases_only(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t one = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t two = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    enum match_verdict v;
    qty_t reduced = 0;
    match_access(f.m, f.market, MATCH_CANCEL_ONLY, ++f.now);
    assert_int_equal(match_access_now(f.m, f.market), MATCH_CANCEL_ONLY);
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 40, 1)), MATCH_CLOSED);
    assert_int_equal(match_amend(f.m, one, 3900, 5 * QTY_ONE, ++f.now, &v), ST_INVALID);
    assert_int_equal(v, MATCH_CLOSED);
    assert_int_equal(match_anon_place(f.m, f.market, SIDE_NO, 6000, QTY_ONE, true, f.now), 0);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 6000), 0);
    assert_int_equal(match_decrease(f.m, one, QTY_ONE, ++f.now), ST_OK);
    assert_int_equal(match_cancel(f.m, one, MATCH_BECAUSE_USER, ++f.now, &reduced), ST_OK);
    assert_int_equal(match_cancel_all(f.m, f.a, ++f.now), 1);
    assert_null(match_order_get(f.m, two));
    match_access(f.m, f.market, MATCH_OPEN, ++f.now);
    place(&f, req(&f, f.a, SIDE_YES, 40, 1));
    fix_end(&f);
}

static void a_shut_market_takes_nothing_from_users(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t one = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    qty_t reduced = 0;
    match_access(f.m, f.market, MATCH_SHUT, ++f.now);
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 40, 1)), MATCH_CLOSED);
    assert_int_equal(match_decrease(f.m, one, QTY_ONE, ++f.now), ST_STATE);
    assert_int_equal(match_cancel(f.m, one, MATCH_BECAUSE_USER, ++f.now, &reduced), ST_STATE);
    assert_int_equal(match_cancel_all(f.m, f.a, ++f.now), 0);
    /* The exchange itself still may. */
    assert_int_equal(match_cancel(f.m, one, MATCH_BECAUSE_CLOSE, ++f.now, &reduced), ST_OK);
    match_access(f.m, f.market, MATCH_OPEN, ++f.now);
    match_halt(f.m, f.market, true);
    assert_int_equal(match_access_now(f.m, f.market), MATCH_SHUT);
    match_halt(f.m, f.market, false);
    assert_int_equal(match_access_now(f.m, f.market), MATCH_OPEN);
    fix_end(&f);
}

static void a_pause_cancels_orders_that_asked_for_it(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 5);
    r.cancel_on_pause = true;
    uint64_t one = place(&f, r);
    uint64_t stays = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t two = place(&f, r);
    r.side = SIDE_NO;
    uint64_t three = place(&f, r);
    match_access(f.m, f.market, MATCH_CANCEL_ONLY, ++f.now);
    struct match_result out = match_result(f.m);
    assert_int_equal(out.n_updates, 3);
    assert_int_equal(out.n_deltas, 3);
    assert_int_equal(out.updates[0].reason, MATCH_BECAUSE_HALT);
    assert_null(match_order_get(f.m, one));
    assert_null(match_order_get(f.m, two));
    assert_null(match_order_get(f.m, three));
    assert_non_null(match_order_get(f.m, stays));
    match_access(f.m, f.market, MATCH_SHUT, ++f.now);
    assert_int_equal(match_result(f.m).n_updates, 0);
    fix_end(&f);
}

static void a_market_can_be_emptied_with_deltas(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t one = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t two = place(&f, req(&f, f.b, SIDE_NO, 55, 5));
    match_anon_place(f.m, f.market, SIDE_YES, 4000, 7 * QTY_ONE, true, f.now);
    match_cancel_market(f.m, f.market, MATCH_BECAUSE_HALT, ++f.now);
    struct match_result out = match_result(f.m);
    assert_int_equal(out.n_updates, 2);
    assert_int_equal(out.n_deltas, 3);
    qty_t sum = 0;
    for (uint32_t i = 0; i < out.n_deltas; i++) {
        sum += out.deltas[i].qty;
    }
    assert_int_equal(sum, -17 * QTY_ONE);
    assert_null(match_order_get(f.m, one));
    assert_null(match_order_get(f.m, two));
    assert_int_equal(match_level_count(f.m, f.market, SIDE_YES), 0);
    place(&f, req(&f, f.a, SIDE_YES, 40, 5)); /* it goes on */
    fix_end(&f);
}

static void what_a_cleared_recorded_market_removes_later_is_not_removed_again(void **state)
{
    (void)state;
    struct fix f = fix_make(true);
    struct level y = {4000, 10 * QTY_ONE};
    assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, NULL, 0, 1), ST_OK);
    match_cancel_market(f.m, f.market, MATCH_BECAUSE_HALT, ++f.now);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, 2 * QTY_ONE, 2, 2), ST_OK);
    assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 4000, -10 * QTY_ONE, 3, 3), ST_OK);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    assert_int_equal(match_anon_qty(f.m, f.market, SIDE_YES, 4000), 2 * QTY_ONE);
    fix_end(&f);
}

static void a_new_grid_keeps_what_lies_on_it_and_cancels_the_rest(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    struct grid fine;
    assert_int_equal(grid_named(&fine, "deci_cent"), ST_OK);
    uint64_t whole = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t behind = place(&f, req(&f, f.b, SIDE_YES, 40, 5));
    match_anon_place(f.m, f.market, SIDE_NO, 5500, 3 * QTY_ONE, true, f.now);
    assert_int_equal(match_set_grid(f.m, f.market, &fine, ++f.now), ST_OK);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    fix_check(&f);
    assert_int_equal(match_queue_ahead(f.m, behind), 5 * QTY_ONE);
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 2);
    r.px = 4010;
    uint64_t tenth = place(&f, r);
    match_anon_place(f.m, f.market, SIDE_NO, 5520, QTY_ONE, true, f.now);
    struct grid cents = grid_cents();
    assert_int_equal(match_set_grid(f.m, f.market, &cents, ++f.now), ST_OK);
    struct match_result out = match_result(f.m);
    assert_int_equal(out.n_updates, 1);
    assert_int_equal(out.updates[0].id, tenth);
    assert_int_equal(out.updates[0].reason, MATCH_BECAUSE_GRID);
    assert_int_equal(out.n_deltas, 2);
    assert_int_equal(match_best(f.m, f.market, SIDE_YES), 4000);
    assert_int_equal(match_best(f.m, f.market, SIDE_NO), 5500);
    assert_int_equal(verdict(&f, r), MATCH_BAD_PRICE);
    place(&f, req(&f, f.b, SIDE_NO, 60, 5)); /* the first in the queue is still the first */
    assert_null(match_order_get(f.m, whole));
    assert_non_null(match_order_get(f.m, behind));
    fix_end(&f);
}

static void new_fees_count_from_the_next_fill(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 9));
    place(&f, req(&f, f.a, SIDE_YES, 50, 1));
    assert_int_equal(match_account(f.m, f.a)->fees, 17500);
    struct match_fees fees;
    assert_int_equal(match_fees_named("quadratic", 2000000, &fees), ST_OK);
    match_set_fees(f.m, f.market, &fees);
    place(&f, req(&f, f.a, SIDE_YES, 50, 1));
    assert_int_equal(match_account(f.m, f.a)->fees, 17500 + 35000);
    fix_end(&f);
}

static void scalar_payouts_are_cut_to_cents_and_the_cut_is_counted(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 1));
    place(&f, req(&f, f.a, SIDE_YES, 50, 1));
    usd_t before = match_account(f.m, f.a)->cash;
    match_close(f.m, f.market, ++f.now);
    match_settle(f.m, f.market, 3333, ++f.now);
    assert_int_equal(match_account(f.m, f.a)->cash - before, 330000);
    assert_int_equal(match_money(f.m).cut, 3300 + 6700); /* of .3333 and .6667 */
    assert_true(match_position(f.m, f.a, f.market).settled);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trading_pause_takes_cancels_and_decreases_only),
        cmocka_unit_test(a_shut_market_takes_nothing_from_users),
        cmocka_unit_test(a_pause_cancels_orders_that_asked_for_it),
        cmocka_unit_test(a_market_can_be_emptied_with_deltas),
        cmocka_unit_test(what_a_cleared_recorded_market_removes_later_is_not_removed_again),
        cmocka_unit_test(a_new_grid_keeps_what_lies_on_it_and_cancels_the_rest),
        cmocka_unit_test(new_fees_count_from_the_next_fill),
        cmocka_unit_test(scalar_payouts_are_cut_to_cents_and_the_cut_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
