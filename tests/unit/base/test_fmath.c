/*
 * Accuracy against the C library's long double, special values, order, and one digest of outputs
 * that every build type, compiler and machine has to give.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "base/hash.h"
#include "base/rng.h"

#define SEED   20261123
#define RANDOM 300000

static uint64_t bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static uint32_t bitsf(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Distance from the true value in units of the last place of a format with `digits` bits. */
static double ulps(double got, long double want, int digits, int least_exponent)
{
    int e;
    (void)frexpl(want, &e);
    int unit = e - digits > least_exponent ? e - digits : least_exponent;
    return (double)(fabsl((long double)got - want) / ldexpl(1.0L, unit));
}

static double error(double got, long double want)
{
    return ulps(got, want, 53, -1074);
}

static double errorf(float got, long double want)
{
    return ulps((double)got, want, 24, -149);
}

static void log_is_within_one_ulp(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < RANDOM; i++) {
        double u = rng_unit(&rng);
        double xs[] = {exp2((u - 0.5) * 2040),  1 + (u - 0.5) * 0.9, u * 3, u * 1e5,
                       1 + ldexp(u, -(i % 52)), u * 0x1p-1022};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            assert_true(error(fm_log(xs[k]), logl((long double)xs[k])) < 1.0);
        }
    }
    for (int i = 1; i <= 20001; i++) { /* volumes: what features take the logarithm of */
        assert_true(error(fm_log(i), logl(i)) < 1.0);
    }
}

static void exp_is_within_one_ulp(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < RANDOM; i++) {
        double u = rng_unit(&rng) - 0.5;
        double xs[] = {u * 1418, u * 4, ldexp(u, -(i % 60)), -745.13 + (u + 0.5) * 40};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            assert_true(error(fm_exp(xs[k]), expl((long double)xs[k])) < 1.0);
        }
    }
}

static void tanh_is_within_one_ulp(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < RANDOM; i++) {
        double u = rng_unit(&rng) - 0.5;
        double xs[] = {u * 50, u * 2, u * 0.8, ldexp(u, -(i % 1070)), 0x1p-28 * (1 + u)};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            assert_true(error(fm_tanh(xs[k]), tanhl((long double)xs[k])) < 1.0);
        }
    }
}

/* Every 997th float of each sign: about four million arguments, all magnitudes. */
static void floats_are_as_close_as_promised(void **state)
{
    (void)state;
    double worst_tanh = 0;
    double worst_exp = 0;
    for (uint32_t u = 0; u < 0x7f800000U; u += 997) {
        float x = float_of(u);
        double e = errorf(fm_tanhf(x), (long double)tanh((double)x));
        worst_tanh = e > worst_tanh ? e : worst_tanh;
        assert_int_equal(bitsf(fm_tanhf(-x)), bitsf(-fm_tanhf(x)));
        if (x < 88.7F) {
            e = errorf(fm_expf(x), (long double)exp((double)x));
            worst_exp = e > worst_exp ? e : worst_exp;
        }
        if (x < 103.0F) {
            e = errorf(fm_expf(-x), (long double)exp(-(double)x));
            worst_exp = e > worst_exp ? e : worst_exp;
        }
    }
    print_message("tanhf %.3f ulp, expf %.3f ulp\n", worst_tanh, worst_exp);
    assert_true(worst_tanh < 2.0);
    assert_true(worst_exp < 0.51);
}

static void special_values_are_kept(void **state)
{
    (void)state;
    const double inf = (double)INFINITY;
    const double nan = (double)NAN;
    assert_true(fm_log(0.0) == -inf && fm_log(-0.0) == -inf);
    assert_true(isnan(fm_log(-1.0)) && isnan(fm_log(-inf)) && isnan(fm_log(nan)));
    assert_true(fm_log(inf) == inf);
    assert_true(bits(fm_log(1.0)) == 0);
    assert_true(error(fm_log(0x1p-1074), logl(0x1p-1074L)) < 1.0);

    assert_true(fm_exp(0.0) == 1.0 && fm_exp(-0.0) == 1.0);
    assert_true(fm_exp(inf) == inf && fm_exp(710.0) == inf && bits(fm_exp(-inf)) == 0);
    assert_true(bits(fm_exp(-746.0)) == 0 && isnan(fm_exp(nan)));
    assert_true(fm_exp(-745.13) == 0x1p-1074);
    assert_true(error(fm_exp(709.78), expl(709.78)) < 1.0);

    assert_true(bits(fm_tanh(0.0)) == 0 && bits(fm_tanh(-0.0)) == bits(-0.0));
    assert_true(fm_tanh(inf) == 1.0 && fm_tanh(-inf) == -1.0 && isnan(fm_tanh(nan)));
    assert_true(fm_tanh(0x1p-1074) == 0x1p-1074 && fm_tanh(-1e300) == -1.0);

    assert_int_equal(bitsf(fm_tanhf(0.0F)), 0);
    assert_int_equal(bitsf(fm_tanhf(-0.0F)), bitsf(-0.0F));
    assert_true(fm_tanhf(INFINITY) == 1.0F && fm_tanhf(-INFINITY) == -1.0F);
    assert_int_equal(bitsf(fm_tanhf(NAN)), 0x7fc00000);
    assert_int_equal(bitsf(fm_tanhf(-NAN)), 0x7fc00000);
    assert_int_equal(bitsf(fm_tanhf(0x1p-149F)), 1);
    assert_true(fm_expf(0.0F) == 1.0F && fm_expf(-0.0F) == 1.0F);
    assert_true(fm_expf(INFINITY) == INFINITY && fm_expf(89.0F) == INFINITY);
    assert_int_equal(bitsf(fm_expf(-INFINITY)), 0);
    assert_int_equal(bitsf(fm_expf(NAN)), 0x7fc00000);
    assert_int_equal(bitsf(fm_expf(-103.5F)), 1);
}

static void doubles_are_monotone(void **state)
{
    (void)state;
    double log_before = fm_log(0x1p-1074);
    double exp_before = 0;
    double tanh_before = -1;
    for (int i = 0; i < 2000000; i++) {
        double x = 0.4 + i * 2e-6; /* across the seams of log at sqrt(1/2), 1 and sqrt(2) */
        double y = fm_log(x);
        assert_true(y >= log_before);
        log_before = y;
        x = -22 + i * 2.2e-5;
        y = fm_exp(x);
        assert_true(y >= exp_before);
        exp_before = y;
        y = fm_tanh(x);
        assert_true(y >= tanh_before);
        tanh_before = y;
    }
    double seam = 0x1p-4; /* where tanh changes its formula */
    for (int i = 0; i < 1000; i++) {
        seam = nextafter(seam, 0);
    }
    for (int i = 0; i < 2000; i++) {
        double up = nextafter(seam, 1);
        assert_true(fm_tanh(up) >= fm_tanh(seam));
        seam = up;
    }
    /* Neighbours: one step of the argument is never a step back. */
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < RANDOM; i++) {
        double x = ldexp(rng_unit(&rng), (int)rng_below(&rng, 30) - 24);
        double up = nextafter(x, 1e9);
        assert_true(fm_log(up) >= fm_log(x));
        assert_true(fm_exp(up) >= fm_exp(x));
        assert_true(fm_tanh(up) >= fm_tanh(x));
    }
}

static void tanhf_steps_back_by_two_last_places_at_most(void **state)
{
    (void)state;
    float tanh_most = 0;
    float exp_before = 0;
    for (uint32_t u = 0; u < bitsf(12.0F); u += 251) {
        float y = fm_tanhf(float_of(u));
        assert_true(y <= 1.0F);
        assert_true(nextafterf(nextafterf(y, 2.0F), 2.0F) >= tanh_most);
        tanh_most = y > tanh_most ? y : tanh_most;
        y = fm_expf(float_of(u));
        assert_true(y >= exp_before);
        exp_before = y;
    }
}

/* Any length, any place in a vector, whichever registers: the bits of the scalar form. */
static void arrays_give_the_bits_of_the_scalars(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int round = 0; round < 20000; round++) {
        float x[40] = {0};
        float t[40], e[40];
        size_t n = (size_t)rng_below(&rng, 41);
        for (size_t i = 0; i < n; i++) {
            x[i] = float_of((uint32_t)rng_next(&rng)); /* any float, NaN and infinity too */
            if (i % 2 == 0) {
                x[i] = (float)((rng_unit(&rng) - 0.5) * 20);
            }
        }
        memcpy(t, x, sizeof x);
        memcpy(e, x, sizeof x);
        fm_tanhf_n(t, n);
        fm_expf_n(e, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bitsf(t[i]), bitsf(fm_tanhf(x[i])));
            assert_int_equal(bitsf(e[i]), bitsf(fm_expf(x[i])));
        }
    }
}

static void logarithms_of_an_array_are_those_of_its_elements(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int round = 0; round < 20000; round++) {
        double x[12] = {0}, ln[12];
        size_t n = (size_t)rng_below(&rng, 13);
        bool odd = rng_below(&rng, 4) == 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t any = rng_next(&rng); /* any double: denormal, negative, infinity, NaN */
            memcpy(&x[i], &any, sizeof any);
            if (!odd || i % 3 != 0) {
                x[i] = ldexp(1 + rng_unit(&rng), (int)rng_below(&rng, 2046) - 1022);
            }
        }
        memcpy(ln, x, sizeof x);
        fm_log_n(ln, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bits(ln[i]), bits(fm_log(x[i])));
        }
    }
}

/* The same bits everywhere. The digest was made with gcc 12 at -O2 and agrees with all others. */
static void every_build_gives_these_bits(void **state)
{
    (void)state;
    struct rng rng;
    struct digest d;
    rng_init(&rng, SEED);
    digest_init(&d);
    for (int i = 0; i < 200000; i++) {
        double u = (double)(int64_t)rng_next(&rng) * 0x1p-63; /* [-1, 1), exact */
        double scaled = ldexp(u, i % 80 - 60);
        digest_u64(&d, bits(fm_log(u < 0 ? -u : u)));
        digest_u64(&d, bits(fm_log(1 + u * 0.5)));
        digest_u64(&d, bits(fm_exp(u * 750)));
        digest_u64(&d, bits(fm_exp(scaled)));
        digest_u64(&d, bits(fm_tanh(u * 22)));
        digest_u64(&d, bits(fm_tanh(scaled)));
        float x[8];
        for (int k = 0; k < 8; k++) {
            x[k] = (float)(u * (k + 1));
        }
        fm_tanhf_n(x, 8);
        fm_expf_n(x + 4, 4);
        for (int k = 0; k < 8; k++) {
            digest_u64(&d, bitsf(x[k]));
        }
    }
    char text[33];
    digest_text(&d, text);
    assert_string_equal(text, "6a59da583e7e65cf06b7155eb36f85e7");
}

int main(void)
{
    print_message("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_is_within_one_ulp),
        cmocka_unit_test(exp_is_within_one_ulp),
        cmocka_unit_test(tanh_is_within_one_ulp),
        cmocka_unit_test(floats_are_as_close_as_promised),
        cmocka_unit_test(special_values_are_kept),
        cmocka_unit_test(doubles_are_monotone),
        cmocka_unit_test(tanhf_steps_back_by_two_last_places_at_most),
        cmocka_unit_test(arrays_give_the_bits_of_the_scalars),
        cmocka_unit_test(logarithms_of_an_array_are_those_of_its_elements),
        cmocka_unit_test(every_build_gives_these_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
