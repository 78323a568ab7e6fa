/* test_bucket.c - token buckets under a time that the test gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "exchange/exchange_int.h"

static void full_bucket_gives_its_capacity_and_then_its_rate(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 100, 50, 0);
    for (int i = 0; i < 10; i++) {
        assert_true(bucket_take(&b, 10, 0, 0));
    }
    assert_false(bucket_take(&b, 10, 0, 0));
    assert_int_equal(bucket_ready(&b, 10, 0, 0), NS_PER_SEC / 5);
    assert_false(bucket_take(&b, 10, 0, NS_PER_SEC / 5 - 1));
    assert_true(bucket_take(&b, 10, 0, NS_PER_SEC / 5));
}

static void reserve_is_left_for_others(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 40, 10, 0);
    assert_true(bucket_take(&b, 10, 20, 0));
    assert_true(bucket_take(&b, 10, 20, 0));
    assert_false(bucket_take(&b, 10, 20, 0));
    for (int i = 0; i < 10; i++) {
        assert_true(bucket_take(&b, 2, 0, 0));
    }
    assert_false(bucket_take(&b, 2, 0, 0));
}

static void reserve_above_the_capacity_does_not_block_for_ever(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 15, 10, 0);
    assert_true(bucket_take(&b, 10, 1000, 0));
    assert_false(bucket_take(&b, 10, 1000, NS_PER_SEC / 2));
    assert_true(bucket_take(&b, 10, 1000, NS_PER_SEC));
}

static void cost_above_the_capacity_takes_a_full_bucket_below_zero(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 5, 5, 0);
    assert_true(bucket_take(&b, 10, 0, 0));
    assert_int_equal(bucket_tokens(&b), -5);
    assert_false(bucket_take(&b, 10, 0, NS_PER_SEC));
    assert_true(bucket_take(&b, 10, 0, 2 * NS_PER_SEC));
}

static void refusal_of_the_exchange_empties_and_pauses(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 100, 1000, 0);
    bucket_empty(&b, 0, NS_PER_SEC);
    assert_int_equal(bucket_tokens(&b), 0);
    assert_false(bucket_take(&b, 1, 0, NS_PER_SEC - 1));
    assert_true(bucket_take(&b, 1, 0, NS_PER_SEC));
}

static void new_limits_keep_what_was_spent(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 100, 10, 0);
    assert_true(bucket_take(&b, 90, 0, 0));
    bucket_set(&b, 1000, 500, 0);
    assert_int_equal(bucket_tokens(&b), 10);
    bucket_set(&b, 5, 500, 0);
    assert_int_equal(bucket_tokens(&b), 5);
    bucket_set(&b, 0, -3, 0);
    assert_int_equal(b.capacity, 1);
    assert_int_equal(b.rate, 1);
    bucket_set(&b, INT64_MAX, INT64_MAX, INT64_MAX / 2); /* no overflow */
    assert_true(bucket_tokens(&b) >= 0);
}

static void never_more_than_capacity_and_rate_allow(void **state)
{
    (void)state;
    struct rng rng;
    struct bucket b;
    const uint64_t seed = 99;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    bucket_init(&b, 200, 137, 0);
    mono_ns_t now = 0;
    int64_t spent = 0;
    for (int i = 0; i < 100000; i++) {
        now += (mono_ns_t)rng_below(&rng, 100 * (uint64_t)NS_PER_MS);
        int64_t cost = 1 + (int64_t)rng_below(&rng, 20);
        if (bucket_take(&b, cost, 0, now)) {
            spent += cost;
        } else {
            mono_ns_t at = bucket_ready(&b, cost, 0, now);
            assert_true(at > now);
        }
        assert_true(spent <= 200 + now / NS_PER_SEC * 137 + 137);
    }
    assert_true(spent > now / NS_PER_SEC * 137 * 9 / 10); /* and hardly less */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_bucket_gives_its_capacity_and_then_its_rate),
        cmocka_unit_test(reserve_is_left_for_others),
        cmocka_unit_test(reserve_above_the_capacity_does_not_block_for_ever),
        cmocka_unit_test(cost_above_the_capacity_takes_a_full_bucket_below_zero),
        cmocka_unit_test(refusal_of_the_exchange_empties_and_pauses),
        cmocka_unit_test(new_limits_keep_what_was_spent),
        cmocka_unit_test(never_more_than_capacity_and_rate_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
