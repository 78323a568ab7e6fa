/* As many open orders as one user may have, in calls that end them all: none may look through the
 * whole list for each order, or this test takes minutes instead of part of a second. */
#include "fix.h"

#define MANY 200000u /* section 18 */

static struct fix many_make(uint64_t group, wall_ns_t expires)
{
    struct fix f = fix_with((struct match_config){.max_orders = MANY}, "quadratic", false);
    assert_int_equal(match_deposit(f.m, f.a, 10000 * USD_ONE), ST_OK);
    if (group != 0) {
        assert_int_equal(match_group_create(f.m, f.a, QTY_ONE, &group), ST_OK);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct match_request r = req(&f, f.a, SIDE_YES, 1 + i % 3, 1);
        r.group = group;
        r.expires = expires != 0 ? expires + (i * 7919) % MANY : 0;
        uint64_t id = 0;
        assert_int_equal(match_place(f.m, &r, ++f.now, &id), MATCH_ACCEPTED);
    }
    assert_int_equal(match_account(f.m, f.a)->n_orders, MANY);
    return f;
}

static void many_end(struct fix *f, uint32_t updates)
{
    struct match_result r = match_result(f->m);
    assert_int_equal(r.n_updates, updates);
    assert_int_equal(r.n_deltas, updates);
    assert_int_equal(match_account(f->m, f->a)->n_orders, 0);
    assert_int_equal(match_account(f->m, f->a)->reserved, 0);
    assert_int_equal(match_level_count(f->m, f->market, SIDE_YES), 0);
    fix_end(f);
}

static void a_cancel_all_ends_all_of_them(void **state)
{
    (void)state;
    struct fix f = many_make(0, 0);
    struct match_request r = req(&f, f.a, SIDE_YES, 1, 1);
    assert_int_equal(verdict(&f, r), MATCH_TOO_MANY);
    assert_int_equal(match_cancel_all(f.m, f.a, ++f.now), MANY);
    many_end(&f, MANY);
}

static void a_group_ends_all_of_them_between_two_trades(void **state)
{
    (void)state;
    struct fix f = many_make(1, 0);
    /* Two contracts of the best level are over the limit of one: two orders are filled. */
    qty_t took = match_anon_place(f.m, f.market, SIDE_NO, 9700, MANY * QTY_ONE, false, ++f.now);
    assert_int_equal(took, 2 * QTY_ONE);
    assert_int_equal(match_result(f.m).n_triggered, 1);
    many_end(&f, MANY);
}

static void expiries_end_all_of_them_in_time(void **state)
{
    (void)state;
    const wall_ns_t first = 10 * NS_PER_SEC;
    struct fix f = many_make(0, first);
    assert_int_equal(match_next_expiry(f.m), first);
    match_expire(f.m, first + MANY / 2 - 1);
    assert_int_equal(match_result(f.m).n_updates, MANY / 2);
    assert_int_equal(match_next_expiry(f.m), first + MANY / 2);
    match_expire(f.m, first + MANY);
    many_end(&f, MANY / 2);
}

static void a_close_and_a_mass_cancel_end_all_of_them(void **state)
{
    (void)state;
    struct fix f = many_make(0, 0);
    match_cancel_market(f.m, f.market, MATCH_BECAUSE_HALT, ++f.now);
    many_end(&f, MANY);
    f = many_make(0, 0);
    match_close(f.m, f.market, ++f.now);
    assert_int_equal(match_result(f.m).n_updates, MANY);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    fix_end(&f);
}

static void every_queue_place_can_be_asked_for(void **state)
{
    (void)state;
    struct fix f = many_make(0, 0);
    qty_t sum = 0;
    for (uint32_t slot = 1; slot <= MANY;
         slot++) { /* ids of a fresh engine: the first generation */
        uint64_t id = (UINT64_C(1) << 32) | slot;
        assert_non_null(match_order_get(f.m, id));
        sum += match_queue_ahead(f.m, id);
    }
    /* Three levels with n orders of one contract: 0 + 1 + ... + n - 1 each. */
    qty_t want = 0;
    for (uint32_t k = 0; k < 3; k++) {
        qty_t n = MANY / 3 + (k < MANY % 3);
        want += n * (n - 1) / 2 * QTY_ONE;
    }
    assert_int_equal(sum, want);
    fix_end(&f);
}

/* Behind the only order that has size in front of it stand very many; each recorded removal takes
 * some of that size. */
static void removals_do_not_pass_the_whole_queue(void **state)
{
    (void)state;
    for (int queue = MATCH_QUEUE_PESSIMISTIC; queue <= MATCH_QUEUE_TRADE_THROUGH; queue++) {
        struct match_config c = {.max_orders = MANY, .queue = (enum match_queue)queue};
        struct fix f = fix_with(c, "quadratic", true);
        struct level y = {100, 1000 * QTY_ONE};
        assert_int_equal(match_deposit(f.m, f.a, 10000 * USD_ONE), ST_OK);
        assert_int_equal(match_rec_snapshot(f.m, f.market, &y, 1, NULL, 0, 1), ST_OK);
        uint64_t first = 0;
        for (uint32_t i = 0; i < MANY; i++) {
            struct match_request r = req(&f, f.a, SIDE_YES, 1, 1);
            uint64_t id = 0;
            assert_int_equal(match_place(f.m, &r, ++f.now, &id), MATCH_ACCEPTED);
            first = i == 0 ? id : first;
        }
        for (int64_t i = 0; i < 40000; i++) {
            if (i % 2 == 0) {
                match_rec_trade(f.m, f.market, SIDE_YES, 100, 2, i, i);
            }
            assert_int_equal(match_rec_delta(f.m, f.market, SIDE_YES, 100, -2, i, i), ST_OK);
        }
        assert_int_equal(match_anon_qty(f.m, f.market, SIDE_YES, 100), 20000);
        assert_true(match_queue_ahead(f.m, first) <= 20000);
        fix_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_all_ends_all_of_them),
        cmocka_unit_test(a_group_ends_all_of_them_between_two_trades),
        cmocka_unit_test(expiries_end_all_of_them_in_time),
        cmocka_unit_test(a_close_and_a_mass_cancel_end_all_of_them),
        cmocka_unit_test(every_queue_place_can_be_asked_for),
        cmocka_unit_test(removals_do_not_pass_the_whole_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
