/* The estimate of the exchange's write bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "orders/budget.h"

static void it_begins_full_and_never_holds_more(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    assert_int_equal(budget_tokens(&b, 0), 100);
    assert_int_equal(budget_tokens(&b, NS_NEVER - 1), 100);
}

static void what_is_spent_comes_back_with_time_and_no_more(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    budget_spend(&b, 70, NS_PER_SEC);
    assert_int_equal(budget_tokens(&b, NS_PER_SEC), 30);
    assert_int_equal(budget_tokens(&b, NS_PER_SEC + 100 * NS_PER_MS), 40);
    assert_int_equal(budget_tokens(&b, NS_PER_SEC + 700 * NS_PER_MS), 100);
    assert_int_equal(budget_tokens(&b, 100 * NS_PER_SEC), 100);
}

static void a_clock_that_stands_still_gives_nothing(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    budget_spend(&b, 100, 5 * NS_PER_SEC);
    assert_int_equal(budget_tokens(&b, 5 * NS_PER_SEC), 0);
    assert_int_equal(budget_tokens(&b, 4 * NS_PER_SEC), 0);
}

static void a_request_that_never_left_gives_its_tokens_back(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    budget_spend(&b, 60, 0);
    budget_return(&b, 10, 0);
    assert_int_equal(budget_tokens(&b, 0), 50);
    budget_return(&b, 1000, 0);
    assert_int_equal(budget_tokens(&b, 0), 100);
}

static void a_429_empties_it(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    budget_empty(&b, 0);
    assert_int_equal(budget_tokens(&b, 0), 0);
    assert_int_equal(budget_tokens(&b, 300 * NS_PER_MS), 30);
}

static void new_limits_keep_what_was_spent(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    budget_spend(&b, 40, 0);
    budget_limits(&b, 1200, 2400, 0);
    assert_int_equal(budget_tokens(&b, 0), 2360);
    budget_limits(&b, 0, -5, 0); /* nonsense is taken as the least */
    assert_true(budget_tokens(&b, 0) <= 1);
    assert_int_equal(budget_tokens(&b, 3600 * NS_PER_SEC), 1);
}

static void the_reserve_cancels_everything_but_leaves_room_for_an_order(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, 100);
    assert_int_equal(budget_needed(&b, 0), 30);
    assert_int_equal(budget_needed(&b, 9), 30);
    assert_int_equal(budget_needed(&b, 19), 50);
    assert_int_equal(budget_needed(&b, 100000), 100); /* a full bucket is always enough */
}

/* Against a model that goes millisecond by millisecond in thousandths of a token. */
static void any_course_equals_the_slow_model(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 11);
    struct budget b;
    budget_init(&b, 100, 100);
    int64_t slow = 100000;
    mono_ns_t now = 0;
    for (int step = 0; step < 20000; step++) {
        int64_t ms = (int64_t)rng_below(&r, 50);
        for (int64_t i = 0; i < ms; i++) {
            slow += slow + 100 > 100000 ? 100000 - slow : 100;
        }
        now += ms * NS_PER_MS;
        if (rng_below(&r, 2) == 0 && slow >= 10000) {
            budget_spend(&b, 10, now);
            slow -= 10000;
        }
        assert_int_equal(budget_tokens(&b, now), slow / 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_full_and_never_holds_more),
        cmocka_unit_test(what_is_spent_comes_back_with_time_and_no_more),
        cmocka_unit_test(a_clock_that_stands_still_gives_nothing),
        cmocka_unit_test(a_request_that_never_left_gives_its_tokens_back),
        cmocka_unit_test(a_429_empties_it),
        cmocka_unit_test(new_limits_keep_what_was_spent),
        cmocka_unit_test(the_reserve_cancels_everything_but_leaves_room_for_an_order),
        cmocka_unit_test(any_course_equals_the_slow_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
