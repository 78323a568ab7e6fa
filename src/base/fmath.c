/*
 * fmath.c - how each function gets its accuracy:
 *
 * log    x = 2^k (1+f), 1+f in [sqrt(1/2), sqrt(2)); log(1+f) = 2 atanh(s) with s = f/(2+f), taken
 *        as f - (f*f/2 - s*(f*f/2 + R)), where R is the rest of the series and small, so that its
 *        rounding errors hardly count.
 * exp    x = k ln2 + r with ln2 in two parts and r as a sum hi + lo; 1 + hi + (lo + r*r*P(r)).
 * tanh   below 1/16 its series; else E = expm1(2|x|) as an unevaluated sum of two doubles, then
 * E/(E+2) as a truncated quotient plus its exact remainder times 1/(E+2). expf   the same formula
 * in plain double: 29 spare bits make the rounding to float the only error that matters. tanhf  in
 * float, for the policy's speed: an odd polynomial up to 0.4, and above it the formula of tanh,
 * whose errors are then small against the result.
 *
 * The polynomials are the Taylor series, long enough for the reduced arguments; that costs a few
 * multiplications over fitted coefficients, and every constant explains itself. Only tanhf has
 * fitted ones: interpolations at the Chebyshev nodes of their range.
 */
#include "base/fmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cpu.h"

#define LN2_HI 0x1.62e42feep-1       /* the first 32 bits of ln 2: times |k| < 2^21 is exact */
#define LN2_LO 0x1.a39ef35793c76p-33 /* the rest, rounded */
#define LOG2_E 0x1.71547652b82fep+0
#define SQRT_2 0x1.6a09e667f3bcdp+0
#define TO_INT 0x1.8p52 /* adding and subtracting it rounds to the nearest integer */

static uint64_t bits_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static double double_of(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^k for a normal result. */
static double power_of_two(int64_t k)
{
    return double_of((uint64_t)(k + 1023) << 52);
}

/* z*(2/3 + z*(2/5 + ...)) for z = s*s <= 0.0295: what 2*atanh(s)/s has beyond 2. Odd and even terms
 * apart, in any type: one double or lanes of them. */
#define ATANH_ODD(w)                                                                               \
    ((w) * (2.0 / 5 + (w) * (2.0 / 9 + (w) * (2.0 / 13 + (w) * (2.0 / 17 + (w) * (2.0 / 21))))))
#define ATANH_EVEN(z, w)                                                                           \
    ((z) * (2.0 / 3 +                                                                              \
            (w) * (2.0 / 7 +                                                                       \
                   (w) * (2.0 / 11 + (w) * (2.0 / 15 + (w) * (2.0 / 19 + (w) * (2.0 / 23)))))))

/* An argument that is not positive, normal and finite. */
static bool log_is_special(double x)
{
    return bits_of(x) - UINT64_C(0x0010000000000000) >= UINT64_C(0x7fe0000000000000);
}

double fm_log(double x)
{
    uint64_t u = bits_of(x);
    int64_t k = 0;
    if (log_is_special(x)) {
        if (x == 0) {
            return -(double)INFINITY;
        }
        if (u == UINT64_C(0x7ff0000000000000)) {
            return x;
        }
        if (!(x > 0)) {
            return (double)NAN;
        }
        u = bits_of(x * 0x1p54); /* denormal */
        k = -54;
    }
    /* Bring the significand to [sqrt(1/2), sqrt(2)). */
    k += (int64_t)(u >> 52) - 1023;
    double m = double_of((u & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000));
    if (m >= SQRT_2) {
        m *= 0.5;
        k += 1;
    }
    double f = m - 1.0; /* exact */
    double s = f / (2.0 + f);
    double half = 0.5 * f * f;
    double z = s * s;
    double w = z * z;
    double rest = s * (half + (ATANH_ODD(w) + ATANH_EVEN(z, w)));
    double dk = (double)k;
    return dk * LN2_HI - ((half - (rest + dk * LN2_LO)) - f);
}

/* exp(r) - 1 - r for |r| <= 0.35: r*r*(1/2! + r/3! + ... + r^12/14!). */
static double expm1_rest(double r)
{
    double w = r * r;
    double even =
        1.0 / 2 +
        w * (1.0 / 24 +
             w * (1.0 / 720 +
                  w * (1.0 / 40320 +
                       w * (1.0 / 3628800 + w * (1.0 / 479001600 + w * (1.0 / 87178291200))))));
    double odd =
        1.0 / 6 +
        w * (1.0 / 120 +
             w * (1.0 / 5040 + w * (1.0 / 362880 + w * (1.0 / 39916800 + w * (1.0 / 6227020800)))));
    return w * (even + r * odd);
}

/* x = k ln2 + hi + lo, |hi| <= 0.35. |x| < 1100. */
static int64_t reduce(double x, double *ret_hi, double *ret_lo)
{
    double k = (x * LOG2_E + TO_INT) - TO_INT;
    double a = x - k * LN2_HI; /* exact: both are near each other and multiples of a common ulp */
    double b = k * LN2_LO;
    double hi = a - b;
    *ret_hi = hi;
    *ret_lo = (a - hi) - b;
    return (int64_t)k;
}

double fm_exp(double x)
{
    if (x != x) {
        return (double)NAN;
    }
    if (x > 709.782712893384) {
        return (double)INFINITY;
    }
    if (x < -745.1332191019412) {
        return 0.0;
    }
    double hi, lo;
    int64_t k = reduce(x, &hi, &lo);
    double y = 1.0 + (hi + (lo + (expm1_rest(hi) + hi * lo)));
    if (k >= -1021 && k <= 1023) {
        return y * power_of_two(k);
    }
    /* In two steps, so that neither factor leaves the range; only the last one rounds. */
    return k > 0 ? y * 0x1p1023 * power_of_two(k - 1023) : y * power_of_two(k + 1000) * 0x1p-1000;
}

/* The upper half of the significand, for exact products. */
static double upper(double x)
{
    return double_of(bits_of(x) & UINT64_C(0xfffffffff8000000));
}

/* expm1(y) for 0 <= y < 45 as hi + lo. */
static double expm1_pair(double y, double *ret_lo)
{
    double r, r_lo;
    int64_t k = reduce(y, &r, &r_lo);
    double rest = expm1_rest(r) + (r_lo + r * r_lo);
    double p = r + rest;
    double p_lo = rest - (p - r); /* |r| >= |rest| */
    if (k == 0) {
        *ret_lo = p_lo;
        return p;
    }
    double scale = power_of_two(k);
    double a = scale - 1.0; /* exact: k <= 65 rounds, but then 1 is below half an ulp of tanh */
    double b = p * scale;   /* |a| >= |b|: 1 against 2*0.35 for k = 1 */
    double e = a + b;
    *ret_lo = (b - (e - a)) + p_lo * scale;
    return e;
}

/* tanh(x)/x - 1 for z = x*x < 2^-8, without a division: most arguments of features are small. */
static double tanh_rest(double z)
{
    double w = z * z;
    double odd =
        -1.0 / 3 + w * (-17.0 / 315 + w * (-1382.0 / 155925 + w * (-929569.0 / 638512875)));
    double even = 2.0 / 15 + w * (62.0 / 2835 + w * (21844.0 / 6081075));
    return z * (odd + z * even);
}

double fm_tanh(double x)
{
    double ax = double_of(bits_of(x) & INT64_MAX);
    if (!(ax < 20.0)) {
        return x != x ? (double)NAN : x > 0 ? 1.0 : -1.0;
    }
    if (ax < 0x1p-28) {
        return x; /* x - x*x*x/3 rounds to it */
    }
    if (ax < 0x1p-4) {
        return x + x * tanh_rest(x * x);
    }
    double e_lo;
    double e = expm1_pair(2.0 * ax, &e_lo);
    double d = e + 2.0;
    double d_lo = e > 2.0 ? (2.0 - (d - e)) + e_lo : (e - (d - 2.0)) + e_lo;
    double inverse = 1.0 / d;
    double q = upper(e * inverse);
    double d_hi = upper(d);
    double remainder = ((e - q * d_hi) - q * ((d - d_hi) + d_lo)) + e_lo;
    double t = q + remainder * inverse;
    return x < 0 ? -t : t;
}

/*
 * The float functions work on several lanes at a time and without branches: limits, signs and NaN
 * are chosen by masks. A width is made for each register size; every lane's operations are the same
 * in all of them.
 */
typedef float v4f __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));
typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2l __attribute__((vector_size(16)));
typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef float v16f __attribute__((vector_size(64)));
typedef int32_t v16i __attribute__((vector_size(64)));
typedef double v4d __attribute__((vector_size(32)));
typedef int64_t v4l __attribute__((vector_size(32)));

#define LANE_INLINE static inline __attribute__((always_inline))

#define FLOAT_INF 0x7f800000 /* bits of infinity; those of NaN are above, without the sign */
#define FLOAT_NAN 0x7fc00000
#define FLOAT_10  0x41200000
#define FLOAT_0_4 0x3ecccccd

#define CHOOSE(mask, yes, no) (((yes) & (mask)) | ((no) & ~(mask)))

/* tanh of each lane. From about 9.01 on it is 1, so that 10 stands for everything above. */
#define DEFINE_LANE_TANH(name, vf, vi)                                                             \
    LANE_INLINE void name(vf *x)                                                                   \
    {                                                                                              \
        vi size = (vi)*x & INT32_MAX;                                                              \
        vi sign = (vi)*x & INT32_MIN;                                                              \
        vi nan = size > FLOAT_INF;                                                                 \
        vf a = (vf)CHOOSE(size > FLOAT_10, (vi){0} + FLOAT_10, size);                              \
        /* up to 0.4: a + a*z*P(z), z = a*a */                                                     \
        vf z = a * a;                                                                              \
        vf high = 0x1.110cdep-3F + z * (-0x1.b808c6p-5F + z * 0x1.3bb00ap-6F);                     \
        vf small = a + a * z * (-0x1.555552p-2F + z * high);                                       \
        /* above: E/(E + 2) with E = exp(2a) - 1 = 2^k (1 + p) - 1 */                              \
        vf y = a + a;                                                                              \
        vf shifted = y * 0x1.715476p+0F + 0x1.8p23F; /* k now stands in the low bits */            \
        vf k = shifted - 0x1.8p23F;                                                                \
        vf r = (y - k * 0x1.62e4p-1F) - k * 0x1.7f7d1cp-20F;                                       \
        vf w = r * r;                                                                              \
        vf even = 0x1p-1F + w * (0x1.5554e8p-5F + w * 0x1.6d4362p-10F);                            \
        vf odd = 0x1.555556p-3F + w * (0x1.1110e0p-7F + w * 0x1.a12528p-13F);                      \
        vf p = r + w * (even + r * odd);                                                           \
        vf scale = (vf)(((vi)shifted + 127) << 23);                                                \
        vf e = p * scale + (scale - 1.0F);                                                         \
        vf large = e / (e + 2.0F);                                                                 \
        vi t = CHOOSE(size > FLOAT_0_4, (vi)large, (vi)small) | sign;                              \
        *x = (vf)CHOOSE(nan, (vi){0} + FLOAT_NAN, t);                                              \
    }

DEFINE_LANE_TANH(lane_tanh4, v4f, v4i)
DEFINE_LANE_TANH(lane_tanh8, v8f, v8i)
DEFINE_LANE_TANH(lane_tanh16, v16f, v16i)

/* 2^k and exp(r) - 1 of y = k ln2 + r, to about 2^-35; |y| <= 105. */
LANE_INLINE void lane_reduce(const v4d *y, v4d *ret_scale, v4d *ret_expm1)
{
    v4d shifted = *y * LOG2_E + TO_INT; /* k now stands in the low bits */
    v4d r = *y - (shifted - TO_INT) * 0x1.62e42fefa39efp-1;
    v4d w = r * r;
    v4d even = 1.0 / 2 + w * (1.0 / 24 + w * (1.0 / 720 + w * (1.0 / 40320)));
    v4d odd = 1.0 / 6 + w * (1.0 / 120 + w * (1.0 / 5040 + w * (1.0 / 362880)));
    *ret_expm1 = r + w * (even + r * odd);
    *ret_scale = (v4d)(((v4l)shifted + 1023) << 52);
}

LANE_INLINE void lane_exp(v4f *x)
{
    v4i nan = ((v4i)*x & INT32_MAX) > FLOAT_INF;
    v4f high = {89, 89, 89, 89};        /* above it: infinity as a float */
    v4f low = {-104, -104, -104, -104}; /* below it: less than half of the smallest float */
    v4i in = CHOOSE(*x > high, (v4i)high, (v4i)*x);
    in = CHOOSE(*x < low, (v4i)low, in) & ~nan;
    v4d y = __builtin_convertvector((v4f)in, v4d);
    v4d scale, p;
    lane_reduce(&y, &scale, &p);
    v4f t = __builtin_convertvector(p * scale + scale, v4f);
    *x = (v4f)CHOOSE(nan, (v4i){0} + FLOAT_NAN, (v4i)t);
}

/* fm_log of each lane. All are positive, normal and finite: the caller has looked. */
#define DEFINE_LANE_LOG(name, vd, vl)                                                              \
    LANE_INLINE void name(vd *x)                                                                   \
    {                                                                                              \
        vl u = (vl)*x;                                                                             \
        vd m = (vd)((u & INT64_C(0x000fffffffffffff)) | INT64_C(0x3ff0000000000000));              \
        vl high = m >= SQRT_2;                                                                     \
        m = (vd)CHOOSE(high, (vl)(m * 0.5), (vl)m);                                                \
        vl k = (u >> 52) - 1023 - high; /* as bits: true is -1 */                                  \
        vd dk = (vd)(k + (vl)((vd){0} + TO_INT)) - TO_INT;                                         \
        vd f = m - 1.0;                                                                            \
        vd s = f / (2.0 + f);                                                                      \
        vd half = 0.5 * f * f;                                                                     \
        vd z = s * s;                                                                              \
        vd w = z * z;                                                                              \
        vd rest = s * (half + (ATANH_ODD(w) + ATANH_EVEN(z, w)));                                  \
        *x = dk * LN2_HI - ((half - (rest + dk * LN2_LO)) - f);                                    \
    }

DEFINE_LANE_LOG(lane_log2, v2d, v2l)
DEFINE_LANE_LOG(lane_log4, v4d, v4l)

/*
 * Apply one of the above to an array. Where it is no multiple of the lanes, the last of them are
 * taken from the end of the array before anything is written, and overlap with others that get the
 * same values.
 */
#define LANE_LOOP(lane_function, vf, x, n)                                                         \
    do {                                                                                           \
        const size_t lanes = sizeof(vf) / sizeof *(x);                                             \
        vf block, last = {0};                                                                      \
        if ((n) < lanes) {                                                                         \
            memcpy(&last, (x), (n) * sizeof *(x));                                                 \
            lane_function(&last);                                                                  \
            memcpy((x), &last, (n) * sizeof *(x));                                                 \
            break;                                                                                 \
        }                                                                                          \
        if ((n) % lanes != 0) {                                                                    \
            memcpy(&last, (x) + (n)-lanes, sizeof last);                                           \
        }                                                                                          \
        for (size_t i = 0; i + lanes <= (n); i += lanes) {                                         \
            memcpy(&block, (x) + i, sizeof block);                                                 \
            lane_function(&block);                                                                 \
            memcpy((x) + i, &block, sizeof block);                                                 \
        }                                                                                          \
        if ((n) % lanes != 0) {                                                                    \
            lane_function(&last);                                                                  \
            memcpy((x) + (n)-lanes, &last, sizeof last);                                           \
        }                                                                                          \
    } while (0)

static void tanhf_base(float *x, size_t n)
{
    LANE_LOOP(lane_tanh4, v4f, x, n);
}

/* The same operations in wider registers; what AVX-512 has of fused multiply-add is not used, as
 * the build says -ffp-contract=off. */
__attribute__((target("avx2"))) static void tanhf_avx2(float *x, size_t n)
{
    LANE_LOOP(lane_tanh8, v8f, x, n);
}

__attribute__((target("avx512f"))) static void tanhf_avx512(float *x, size_t n)
{
    LANE_LOOP(lane_tanh16, v16f, x, n);
}

void fm_tanhf_n(float *x, size_t n)
{
    if (cpu_has_avx512f() && n >= 16) {
        tanhf_avx512(x, n);
    } else if (cpu_has_avx2()) {
        tanhf_avx2(x, n);
    } else {
        tanhf_base(x, n);
    }
}

static void log_base(double *x, size_t n)
{
    LANE_LOOP(lane_log2, v2d, x, n);
}

__attribute__((target("avx2"))) static void log_avx2(double *x, size_t n)
{
    LANE_LOOP(lane_log4, v4d, x, n);
}

void fm_log_n(double *x, size_t n)
{
    bool special = false;
    for (size_t i = 0; i < n; i++) {
        special |= log_is_special(x[i]);
    }
    if (special) {
        for (size_t i = 0; i < n; i++) {
            x[i] = fm_log(x[i]);
        }
    } else if (cpu_has_avx2()) {
        log_avx2(x, n);
    } else {
        log_base(x, n);
    }
}

static void expf_base(float *x, size_t n)
{
    LANE_LOOP(lane_exp, v4f, x, n);
}

/* The doubles between of four lanes in one register. */
__attribute__((target("avx2"))) static void expf_avx2(float *x, size_t n)
{
    LANE_LOOP(lane_exp, v4f, x, n);
}

void fm_expf_n(float *x, size_t n)
{
    if (cpu_has_avx2()) {
        expf_avx2(x, n);
    } else {
        expf_base(x, n);
    }
}

float fm_tanhf(float x)
{
    tanhf_base(&x, 1);
    return x;
}

float fm_expf(float x)
{
    expf_base(&x, 1);
    return x;
}
