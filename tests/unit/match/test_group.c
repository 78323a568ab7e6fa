#include "fix.h"

#define SEC NS_PER_SEC

static uint64_t group(struct fix *f, uint32_t account, qty_t contracts)
{
    uint64_t id = 0;
    assert_int_equal(match_group_create(f->m, account, contracts * QTY_ONE, &id), ST_OK);
    return id;
}

static uint64_t place_in(struct fix *f, uint32_t account, uint64_t g, enum side side, px_t cents,
                         qty_t contracts)
{
    struct match_request r = req(f, account, side, cents, contracts);
    r.group = g;
    return place(f, r);
}

static void more_than_the_limit_cancels_the_rest_of_the_group_at_once(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 3);
    uint64_t one = place_in(&f, f.a, g, SIDE_YES, 40, 2);
    uint64_t two = place_in(&f, f.a, g, SIDE_YES, 40, 2);
    uint64_t other = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    uint64_t low = place_in(&f, f.a, g, SIDE_YES, 20, 1);
    place(&f, req(&f, f.b, SIDE_NO, 60, 3)); /* exactly the limit: not more */
    assert_int_equal(match_result(f.m).n_triggered, 0);
    assert_int_equal(match_group_matched(f.m, g, f.now), 3 * QTY_ONE);
    assert_null(match_order_get(f.m, one));
    /* One more: the group goes between two trades, and the taker meets the next order. */
    place(&f, req(&f, f.b, SIDE_NO, 60, 3));
    struct match_result r = match_result(f.m);
    assert_int_equal(r.n_triggered, 1);
    assert_int_equal(r.triggered[0], g);
    assert_null(match_order_get(f.m, two));
    assert_null(match_order_get(f.m, low));
    assert_int_equal(match_order_get(f.m, other)->remaining, 3 * QTY_ONE);
    assert_true(match_group_get(f.m, g)->triggered);
    assert_int_equal(match_group_get(f.m, g)->n_orders, 0);
    fix_end(&f);
}

static void a_triggered_group_takes_orders_again_after_a_reset(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 1);
    place_in(&f, f.a, g, SIDE_YES, 40, 5);
    place(&f, req(&f, f.b, SIDE_NO, 60, 2));
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 1);
    r.group = g;
    assert_int_equal(verdict(&f, r), MATCH_GROUP_TRIGGERED);
    f.now += 60 * SEC; /* time alone does not help */
    assert_int_equal(verdict(&f, r), MATCH_GROUP_TRIGGERED);
    assert_int_equal(match_group_reset(f.m, g, f.now), ST_OK);
    assert_int_equal(match_group_matched(f.m, g, f.now), 0);
    place(&f, r);
    fix_end(&f);
}

static void matches_count_for_15_seconds(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 10);
    uint64_t id = place_in(&f, f.a, g, SIDE_YES, 40, 50);
    f.now = 100 * SEC;
    place(&f, req(&f, f.b, SIDE_NO, 60, 6));
    f.now = 110 * SEC;
    place(&f, req(&f, f.b, SIDE_NO, 60, 4));
    assert_int_equal(match_group_matched(f.m, g, f.now), 10 * QTY_ONE);
    assert_int_equal(match_group_matched(f.m, g, 115 * SEC - 1), 10 * QTY_ONE);
    assert_int_equal(match_group_matched(f.m, g, 115 * SEC), 4 * QTY_ONE);
    f.now = 115 * SEC;
    place(&f, req(&f, f.b, SIDE_NO, 60, 6));
    assert_int_equal(match_result(f.m).n_triggered, 0);
    assert_non_null(match_order_get(f.m, id));
    place(&f, req(&f, f.b, SIDE_NO, 60, 1));
    assert_int_equal(match_result(f.m).n_triggered, 1);
    assert_null(match_order_get(f.m, id));
    fix_end(&f);
}

static void an_incoming_order_of_the_group_is_cut_at_the_limit(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 2);
    for (int i = 0; i < 3; i++) {
        place(&f, req(&f, f.b, SIDE_NO, 60, 2));
    }
    place_in(&f, f.a, g, SIDE_YES, 40, 6);
    assert_int_equal(last_update(&f)->status, MATCH_CANCELED);
    assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_GROUP);
    assert_int_equal(last_update(&f)->filled, 4 * QTY_ONE);
    fix_end(&f);
}

static void a_fok_of_the_group_is_still_filled_whole(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 2);
    for (int i = 0; i < 3; i++) {
        place(&f, req(&f, f.b, SIDE_NO, 60, 2));
    }
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 6);
    r.group = g;
    r.tif = MATCH_FOK;
    place(&f, r);
    assert_int_equal(match_result(f.m).n_fills, 6);
    assert_int_equal(match_result(f.m).n_triggered, 1);
    fix_end(&f);
}

/* What a resting order's group would cancel on the way cannot fill a fill-or-kill order. */
static void a_fok_does_not_count_on_orders_that_a_limit_would_cancel(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.b, 1);
    place_in(&f, f.b, g, SIDE_NO, 60, 2);
    place_in(&f, f.b, g, SIDE_NO, 60, 2);
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 4);
    r.tif = MATCH_FOK;
    assert_int_equal(verdict(&f, r), MATCH_FOK_VOLUME);
    assert_int_equal(match_group_get(f.m, g)->n_orders, 2);
    assert_int_equal(match_group_matched(f.m, g, f.now), 0);
    r.qty = 2 * QTY_ONE;
    place(&f, r);
    fix_end(&f);
}

static void a_trigger_cancels_the_orders_of_the_group_only_and_tells_once(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 100);
    uint64_t one = place_in(&f, f.a, g, SIDE_YES, 40, 1);
    uint64_t two = place_in(&f, f.a, g, SIDE_NO, 30, 1);
    uint64_t other = place(&f, req(&f, f.a, SIDE_YES, 40, 1));
    uint64_t ids[4];
    assert_int_equal(match_group_orders(f.m, g, ids, 4), 2);
    assert_int_equal(ids[0], one);
    assert_int_equal(ids[1], two);
    assert_int_equal(match_group_orders(f.m, g, ids, 1), 2);
    assert_int_equal(match_group_trigger(f.m, g, ++f.now), ST_OK);
    struct match_result r = match_result(f.m);
    assert_int_equal(r.n_triggered, 1);
    assert_int_equal(r.n_updates, 2);
    assert_int_equal(r.updates[0].reason, MATCH_BECAUSE_GROUP);
    assert_int_equal(r.n_deltas, 2);
    assert_non_null(match_order_get(f.m, other));
    assert_int_equal(match_group_trigger(f.m, g, ++f.now), ST_OK);
    assert_int_equal(match_result(f.m).n_triggered, 0);
    fix_end(&f);
}

static void a_limit_below_what_was_matched_triggers(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 10);
    uint64_t id = place_in(&f, f.a, g, SIDE_YES, 40, 9);
    place(&f, req(&f, f.b, SIDE_NO, 60, 5));
    assert_int_equal(match_group_limit(f.m, g, 5 * QTY_ONE, ++f.now), ST_OK);
    assert_int_equal(match_result(f.m).n_triggered, 0);
    assert_int_equal(match_group_limit(f.m, g, 5 * QTY_ONE - 1, ++f.now), ST_OK);
    assert_int_equal(match_result(f.m).n_triggered, 1);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(match_group_limit(f.m, g, 0, ++f.now), ST_INVALID);
    fix_end(&f);
}

static void deleting_cancels_and_the_id_is_never_used_again(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t g = group(&f, f.a, 10);
    uint64_t id = place_in(&f, f.a, g, SIDE_YES, 40, 9);
    assert_int_equal(match_group_delete(f.m, g, ++f.now), ST_OK);
    assert_null(match_order_get(f.m, id));
    assert_null(match_group_get(f.m, g));
    assert_int_equal(match_group_delete(f.m, g, f.now), ST_NOT_FOUND);
    assert_int_equal(match_group_reset(f.m, g, f.now), ST_NOT_FOUND);
    assert_int_equal(match_group_trigger(f.m, g, f.now), ST_NOT_FOUND);
    assert_int_equal(match_group_limit(f.m, g, 1, f.now), ST_NOT_FOUND);
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 1);
    r.group = g;
    assert_int_equal(verdict(&f, r), MATCH_GROUP_UNKNOWN);
    uint64_t h = group(&f, f.a, 10);
    assert_int_not_equal(h, g);
    assert_int_equal(verdict(&f, r), MATCH_GROUP_UNKNOWN);
    r.group = h;
    r.account = f.b; /* a group of another account */
    assert_int_equal(verdict(&f, r), MATCH_GROUP_UNKNOWN);
    assert_int_equal(match_group_create(f.m, 99, 1, &h), ST_INVALID);
    assert_int_equal(match_group_create(f.m, f.a, 0, &h), ST_INVALID);
    fix_end(&f);
}

static void an_owner_has_no_more_groups_than_the_exchange_allows(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint32_t sub = 0;
    assert_int_equal(match_add_subaccount(f.m, f.a, &sub), ST_OK);
    uint64_t id = 0;
    for (uint32_t i = 0; i < MATCH_GROUPS_MAX; i++) {
        assert_int_equal(match_group_create(f.m, i % 2 ? f.a : sub, QTY_ONE, &id), ST_OK);
    }
    uint64_t more = 0;
    assert_int_equal(match_group_create(f.m, sub, QTY_ONE, &more), ST_LIMIT);
    assert_int_equal(match_group_create(f.m, f.b, QTY_ONE, &more), ST_OK);
    assert_int_equal(match_group_delete(f.m, id, 1), ST_OK);
    assert_int_equal(match_group_create(f.m, sub, QTY_ONE, &more), ST_OK);
    fix_end(&f);
}

static void a_group_trips_in_recorded_flow(void **state)
{
    (void)state;
    struct fix f = fix_make(true);
    uint64_t g = group(&f, f.a, 1);
    place_in(&f, f.a, g, SIDE_YES, 45, 2);
    uint64_t low = place_in(&f, f.a, g, SIDE_YES, 44, 2);
    match_rec_trade(f.m, f.market, SIDE_YES, 4000, 10 * QTY_ONE, 5, ++f.now);
    assert_int_equal(match_result(f.m).n_triggered, 1);
    assert_int_equal(match_result(f.m).n_fills, 1);
    assert_null(match_order_get(f.m, low));
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_the_limit_cancels_the_rest_of_the_group_at_once),
        cmocka_unit_test(a_triggered_group_takes_orders_again_after_a_reset),
        cmocka_unit_test(matches_count_for_15_seconds),
        cmocka_unit_test(an_incoming_order_of_the_group_is_cut_at_the_limit),
        cmocka_unit_test(a_fok_of_the_group_is_still_filled_whole),
        cmocka_unit_test(a_fok_does_not_count_on_orders_that_a_limit_would_cancel),
        cmocka_unit_test(a_trigger_cancels_the_orders_of_the_group_only_and_tells_once),
        cmocka_unit_test(a_limit_below_what_was_matched_triggers),
        cmocka_unit_test(deleting_cancels_and_the_id_is_never_used_again),
        cmocka_unit_test(an_owner_has_no_more_groups_than_the_exchange_allows),
        cmocka_unit_test(a_group_trips_in_recorded_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
