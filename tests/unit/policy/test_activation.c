/*
 * Activations against the C library in double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/activation.h"

static double softplus(double x)
{
    return x > 20 ? x : log1p(exp(x));
}

static double clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* Torch's definitions, written a second time from its documentation with other functions. */
static double reference(enum activation act, double x)
{
    switch (act) {
    case ACT_TANH:
        return tanh(x);
    case ACT_SIGMOID:
        return 0.5 * (1 + tanh(x / 2));
    case ACT_RELU:
        return fmax(x, 0);
    case ACT_IDENTITY:
        return x;
    case ACT_LEAKY_RELU:
        return fmax(x, 0) + 0.01 * fmin(x, 0);
    case ACT_ELU:
    case ACT_CELU:
        return fmax(x, 0) + expm1(fmin(x, 0));
    case ACT_SELU:
        return 1.0507009873554805 * (fmax(x, 0) + 1.6732632423543772 * expm1(fmin(x, 0)));
    case ACT_SILU:
        return x * 0.5 * (1 + tanh(x / 2));
    case ACT_MISH:
        return x * tanh(softplus(x));
    case ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2));
    case ACT_SOFTPLUS:
        return softplus(x);
    case ACT_SOFTSIGN:
        return x / (1 + fabs(x));
    case ACT_TANHSHRINK:
        return x - tanh(x);
    case ACT_RELU6:
        return clamp(x, 0, 6);
    case ACT_HARDTANH:
        return clamp(x, -1, 1);
    case ACT_HARDSIGMOID:
        return clamp(x + 3, 0, 6) / 6;
    case ACT_HARDSWISH:
        return x * clamp(x + 3, 0, 6) / 6;
    case ACT_LOG_SIGMOID:
        return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x));
    case ACT_SOFTSHRINK:
        return copysign(fmax(fabs(x) - 0.5, 0), x);
    case ACT_HARDSHRINK:
        return fabs(x) > 0.5 ? x : 0;
    case ACT_MAX:
        break;
    }
    return NAN;
}

static void every_activation_is_what_torch_says(void **state)
{
    (void)state;
    for (int act = 0; act < ACT_MAX; act++) {
        for (int i = -4000; i <= 4000; i++) {
            float x = (float)i * 0.01F;
            float y = x;
            activation_apply((enum activation)act, &y, 1);
            double want = reference((enum activation)act, x);
            if (!(fabs((double)y - want) <= 2e-7 * (1e-7 + fabs(want)) + 2e-7)) {
                fail_msg("%s(%.9g) is %.9g and not %.9g", activation_name((enum activation)act),
                         (double)x, (double)y, want);
            }
        }
    }
}

static void large_inputs_stay_finite_where_the_function_is(void **state)
{
    (void)state;
    static const float inputs[] = {-1e4F, -150, -89, 89, 150, 1e4F, -0.0F, 1e-38F};
    for (int act = 0; act < ACT_MAX; act++) {
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
            float y = inputs[i];
            activation_apply((enum activation)act, &y, 1);
            double want = reference((enum activation)act, inputs[i]);
            if (!(fabs((double)y - want) <= 1e-6 * (1 + fabs(want)))) {
                fail_msg("%s(%g) is %g and not %g", activation_name((enum activation)act),
                         (double)inputs[i], (double)y, want);
            }
        }
    }
}

static void an_array_gives_the_bits_of_single_values(void **state)
{
    (void)state;
    for (int act = 0; act < ACT_MAX; act++) {
        float all[67];
        float one[67];
        for (int i = 0; i < 67; i++) {
            all[i] = one[i] = (float)(i - 33) * 0.173F;
            activation_apply((enum activation)act, &one[i], 1);
        }
        activation_apply((enum activation)act, all, 67);
        assert_memory_equal(all, one, sizeof all);
    }
}

static void names_are_torchs_and_nothing_else(void **state)
{
    (void)state;
    for (int act = 0; act < ACT_MAX; act++) {
        enum activation got = ACT_MAX;
        assert_true(activation_parse(text_of(activation_name((enum activation)act)), &got));
        assert_int_equal(got, act);
    }
    enum activation got = ACT_MAX;
    assert_false(activation_parse(TEXT("Softmax"), &got));
    assert_false(activation_parse(TEXT("PReLU"), &got));
    assert_false(activation_parse(TEXT("tanh"), &got));
    assert_false(activation_parse(TEXT(""), &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_is_what_torch_says),
        cmocka_unit_test(large_inputs_stay_finite_where_the_function_is),
        cmocka_unit_test(an_array_gives_the_bits_of_single_values),
        cmocka_unit_test(names_are_torchs_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
