#include "policy/activation.h"

#include "base/fmath.h"

const char *activation_name(enum activation act)
{
    static const char *const names[ACT_MAX] = {
#define X(id, name) #name,
        ACTIVATION_MAP(X)
#undef X
    };
    return (unsigned)act < ACT_MAX ? names[act] : "unknown";
}

bool activation_parse(struct text name, enum activation *ret_act)
{
    for (int i = 0; i < ACT_MAX; i++) {
        if (text_equal(name, text_of(activation_name((enum activation)i)))) {
            *ret_act = (enum activation)i;
            return true;
        }
    }
    return false;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + fm_exp(-x));
}

/* ln(1 + e), exact also where 1 + e loses e's last digits. */
static double log_one_plus(double e)
{
    double u = 1.0 + e;
    return u == 1.0 ? e : fm_log(u) * (e / (u - 1.0));
}

static double softplus(double x)
{
    return x > 20 ? x : log_one_plus(fm_exp(x));
}

/* -ln(1 + e^-x), written so that no exponential overflows. */
static double log_sigmoid(double x)
{
    return x < 0 ? x - log_one_plus(fm_exp(x)) : -log_one_plus(fm_exp(-x));
}

/*
 * erf(x) = 2/sqrt(pi) e^(-x^2) (x + 2/3 x^3 + 4/15 x^5 + ...): all terms of one sign, so nothing
 * cancels. Beyond 6 it is 1 to the last digit of double.
 */
static double error_function(double x)
{
    if (!(x > -6 && x < 6)) {
        return x > 0 ? 1 : x < 0 ? -1 : x;
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 200; n++) {
        term *= 2 * x * x / (2 * n + 1);
        double next = sum + term;
        if (next == sum) {
            break;
        }
        sum = next;
    }
    return 1.1283791670955126 * fm_exp(-x * x) * sum;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double one(enum activation act, double x)
{
    switch (act) {
    case ACT_SIGMOID:
        return sigmoid(x);
    case ACT_ELU:
    case ACT_CELU:
        return x > 0 ? x : fm_exp(x) - 1;
    case ACT_SELU:
        return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (fm_exp(x) - 1));
    case ACT_SILU:
        return x * sigmoid(x);
    case ACT_MISH:
        return x * fm_tanh(softplus(x));
    case ACT_GELU:
        return 0.5 * x * (1 + error_function(x * 0.70710678118654752));
    case ACT_SOFTPLUS:
        return softplus(x);
    case ACT_SOFTSIGN:
        return x / (1 + (x < 0 ? -x : x));
    case ACT_TANHSHRINK:
        return x - fm_tanh(x);
    case ACT_RELU6:
        return clamp(x, 0, 6);
    case ACT_HARDTANH:
        return clamp(x, -1, 1);
    case ACT_HARDSIGMOID:
        return clamp(x + 3, 0, 6) / 6;
    case ACT_HARDSWISH:
        return x * (clamp(x + 3, 0, 6) / 6);
    case ACT_LOG_SIGMOID:
        return log_sigmoid(x);
    case ACT_SOFTSHRINK:
        return x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0;
    case ACT_HARDSHRINK:
        return x > 0.5 || x < -0.5 ? x : 0;
    case ACT_TANH:
    case ACT_RELU:
    case ACT_IDENTITY:
    case ACT_LEAKY_RELU:
    case ACT_MAX:
        break;
    }
    return x;
}

void activation_apply(enum activation act, float *x, size_t n)
{
    switch (act) {
    case ACT_TANH:
        fm_tanhf_n(x, n);
        return;
    case ACT_IDENTITY:
    case ACT_MAX:
        return;
    case ACT_RELU: /* a NaN stays a NaN, as in torch */
        for (size_t i = 0; i < n; i++) {
            x[i] = x[i] < 0 ? 0.0F : x[i];
        }
        return;
    case ACT_LEAKY_RELU:
        for (size_t i = 0; i < n; i++) {
            x[i] = x[i] > 0 ? x[i] : 0.01F * x[i];
        }
        return;
    case ACT_SIGMOID:
    case ACT_ELU:
    case ACT_CELU:
    case ACT_SELU:
    case ACT_SILU:
    case ACT_MISH:
    case ACT_GELU:
    case ACT_SOFTPLUS:
    case ACT_SOFTSIGN:
    case ACT_TANHSHRINK:
    case ACT_RELU6:
    case ACT_HARDTANH:
    case ACT_HARDSIGMOID:
    case ACT_HARDSWISH:
    case ACT_LOG_SIGMOID:
    case ACT_SOFTSHRINK:
    case ACT_HARDSHRINK:
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)one(act, x[i]);
        }
        return;
    }
}
