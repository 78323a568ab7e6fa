#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "metrics/metrics.h"

static struct histogram h, other; /* 15 KiB each: not for the stack of a test */

static int reset(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    memset(&other, 0, sizeof other);
    return 0;
}

static void an_empty_histogram_says_zero(void **state)
{
    (void)state;
    assert_int_equal(hist_quantile(&h, 0.5), 0);
    struct hist_summary s = hist_summary(&h);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.max, 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (int64_t v = 0; v < 32; v++) {
        hist_record(&h, v);
    }
    for (int64_t v = 0; v < 32; v++) {
        assert_int_equal(hist_quantile(&h, ((double)v + 1) / 32), v);
    }
    assert_int_equal(hist_quantile(&h, 0), 0);
}

static void negative_values_count_as_zero(void **state)
{
    (void)state;
    hist_record(&h, -5);
    hist_record(&h, INT64_MIN);
    assert_int_equal(hist_summary(&h).count, 2);
    assert_int_equal(hist_summary(&h).max, 0);
    assert_int_equal(hist_summary(&h).mean, 0);
}

static void the_largest_value_has_a_bucket(void **state)
{
    (void)state;
    hist_record(&h, INT64_MAX);
    assert_true(hist_quantile(&h, 0.5) == INT64_MAX);
    assert_true(hist_quantile(&h, 1) == INT64_MAX);
}

/* Every power of two and its neighbours: the answer is at most 1/32 above the value, never below.
 */
static void a_value_is_at_most_one_step_off(void **state)
{
    (void)state;
    for (int e = 1; e < 62; e++) {
        for (int64_t d = -1; d <= 1; d++) {
            int64_t v = (INT64_C(1) << e) + d;
            memset(&h, 0, sizeof h);
            hist_record(&h, v);
            hist_record(&h, INT64_MAX);
            int64_t q = hist_quantile(&h, 0.5);
            assert_true(q >= v);
            assert_true(q - v <= v / 32);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_follow_the_sorted_values(void **state)
{
    (void)state;
    enum { N = 20000 };
    static int64_t values[N];
    struct rng rng;
    uint64_t seed = 20261123;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        values[i] = (int64_t)(rng_next(&rng) >> (24 + rng_below(&rng, 40)));
        sum += (uint64_t)values[i];
        hist_record(i % 2 == 0 ? &h : &other, values[i]);
    }
    hist_merge(&h, &other);
    qsort(values, N, sizeof values[0], by_value);
    static const double qs[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999};
    for (size_t i = 0; i < sizeof qs / sizeof qs[0]; i++) {
        double exact = qs[i] * N;
        size_t rank = (size_t)exact;
        rank += (double)rank < exact;
        int64_t v = values[rank - 1];
        int64_t q = hist_quantile(&h, qs[i]);
        assert_true(q >= v);
        assert_true(q - v <= v / 32);
    }
    struct hist_summary s = hist_summary(&h);
    assert_int_equal(s.count, N);
    assert_int_equal(s.max, values[N - 1]);
    assert_int_equal(s.mean, (int64_t)(sum / N));
    assert_true(s.p50 <= s.p90 && s.p90 <= s.p99 && s.p99 <= s.p999 && s.p999 <= s.p9999);
    assert_true(s.p9999 <= s.max);
}

static void counters_add_up(void **state)
{
    (void)state;
    struct counter c = {0};
    counter_add(&c, 3);
    counter_add(&c, 4);
    assert_int_equal(counter_get(&c), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_histogram_says_zero, reset),
        cmocka_unit_test_setup(small_values_are_exact, reset),
        cmocka_unit_test_setup(negative_values_count_as_zero, reset),
        cmocka_unit_test_setup(the_largest_value_has_a_bucket, reset),
        cmocka_unit_test_setup(a_value_is_at_most_one_step_off, reset),
        cmocka_unit_test_setup(quantiles_follow_the_sorted_values, reset),
        cmocka_unit_test(counters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
