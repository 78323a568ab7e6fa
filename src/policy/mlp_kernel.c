/*
 * mlp_kernel.c - one linear layer.
 *
 * The vector runs over outputs and the loop over inputs, so that each output is a plain
 * left-to-right sum whatever the width of the vector: the code below is compiled twice, for SSE2
 * and for AVX2, and both give the same bits. There is no fused multiply-add (the build says
 * -ffp-contract=off).
 */
#include "policy/mlp.h"

#include "base/cpu.h"

typedef float v8 __attribute__((vector_size(32)));
typedef float v8_any __attribute__((vector_size(32), aligned(4), may_alias));

#define INLINE         static inline __attribute__((always_inline))
#define LOAD(p)        (*(const v8_any *)(p))
#define STORE(p, v)    (*(v8_any *)(p) = (v))
#define SPREAD(scalar) ((v8){} + (scalar))

/* 64 outputs of one row: eight accumulators hide the latency of the additions. */
INLINE void row_64(const struct layer *l, const float *x, uint32_t o, float *y)
{
    v8 a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
    const float *w = l->weights + o;
    for (uint32_t i = 0; i < l->in; i++, w += l->out_padded) {
        float s = x[i];
        a += LOAD(w) * s;
        b += LOAD(w + 8) * s;
        c += LOAD(w + 16) * s;
        d += LOAD(w + 24) * s;
        e += LOAD(w + 32) * s;
        f += LOAD(w + 40) * s;
        g += LOAD(w + 48) * s;
        h += LOAD(w + 56) * s;
    }
    const float *bias = l->bias + o;
    STORE(y + o, a + LOAD(bias));
    STORE(y + o + 8, b + LOAD(bias + 8));
    STORE(y + o + 16, c + LOAD(bias + 16));
    STORE(y + o + 24, d + LOAD(bias + 24));
    STORE(y + o + 32, e + LOAD(bias + 32));
    STORE(y + o + 40, f + LOAD(bias + 40));
    STORE(y + o + 48, g + LOAD(bias + 48));
    STORE(y + o + 56, h + LOAD(bias + 56));
}

INLINE void row_8(const struct layer *l, const float *x, uint32_t o, float *y)
{
    v8 a = {0};
    const float *w = l->weights + o;
    for (uint32_t i = 0; i < l->in; i++, w += l->out_padded) {
        a += LOAD(w) * x[i];
    }
    STORE(y + o, a + LOAD(l->bias + o));
}

/* 16 outputs of four rows: each weight is loaded once for all four. */
INLINE void rows_16(const struct layer *l, const float *x, size_t xs, uint32_t o, float *y,
                    size_t ys)
{
    v8 a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0}, c0 = {0}, c1 = {0}, d0 = {0}, d1 = {0};
    const float *w = l->weights + o;
    for (uint32_t i = 0; i < l->in; i++, w += l->out_padded) {
        v8 w0 = LOAD(w);
        v8 w1 = LOAD(w + 8);
        a0 += w0 * x[i];
        a1 += w1 * x[i];
        b0 += w0 * x[i + xs];
        b1 += w1 * x[i + xs];
        c0 += w0 * x[i + 2 * xs];
        c1 += w1 * x[i + 2 * xs];
        d0 += w0 * x[i + 3 * xs];
        d1 += w1 * x[i + 3 * xs];
    }
    v8 bias0 = LOAD(l->bias + o);
    v8 bias1 = LOAD(l->bias + o + 8);
    STORE(y + o, a0 + bias0);
    STORE(y + o + 8, a1 + bias1);
    STORE(y + ys + o, b0 + bias0);
    STORE(y + ys + o + 8, b1 + bias1);
    STORE(y + 2 * ys + o, c0 + bias0);
    STORE(y + 2 * ys + o + 8, c1 + bias1);
    STORE(y + 3 * ys + o, d0 + bias0);
    STORE(y + 3 * ys + o + 8, d1 + bias1);
}

INLINE void rows_8(const struct layer *l, const float *x, size_t xs, uint32_t o, float *y,
                   size_t ys)
{
    v8 a = {0}, b = {0}, c = {0}, d = {0};
    const float *w = l->weights + o;
    for (uint32_t i = 0; i < l->in; i++, w += l->out_padded) {
        v8 w0 = LOAD(w);
        a += w0 * x[i];
        b += w0 * x[i + xs];
        c += w0 * x[i + 2 * xs];
        d += w0 * x[i + 3 * xs];
    }
    v8 bias = LOAD(l->bias + o);
    STORE(y + o, a + bias);
    STORE(y + ys + o, b + bias);
    STORE(y + 2 * ys + o, c + bias);
    STORE(y + 3 * ys + o, d + bias);
}

INLINE void layer_any(const struct layer *l, const float *x, size_t xs, uint32_t rows, float *y,
                      size_t ys)
{
    uint32_t o = 0;
    if (rows == MODEL_ROWS) {
        for (; o + 16 <= l->out_padded; o += 16) {
            rows_16(l, x, xs, o, y, ys);
        }
        for (; o < l->out_padded; o += 8) {
            rows_8(l, x, xs, o, y, ys);
        }
        return;
    }
    for (uint32_t r = 0; r < rows; r++, x += xs, y += ys) {
        for (o = 0; o + 64 <= l->out_padded; o += 64) {
            row_64(l, x, o, y);
        }
        for (; o < l->out_padded; o += 8) {
            row_8(l, x, o, y);
        }
    }
}

__attribute__((target("avx2"))) static void
layer_avx2(const struct layer *l, const float *x, size_t xs, uint32_t rows, float *y, size_t ys)
{
    layer_any(l, x, xs, rows, y, ys);
}

static void layer_sse2(const struct layer *l, const float *x, size_t xs, uint32_t rows, float *y,
                       size_t ys)
{
    layer_any(l, x, xs, rows, y, ys);
}

void mlp_layer(const struct layer *layer, const float *x, size_t x_stride, uint32_t rows, float *y,
               size_t y_stride)
{
    if (cpu_has_avx2()) {
        layer_avx2(layer, x, x_stride, rows, y, y_stride);
    } else {
        layer_sse2(layer, x, x_stride, rows, y, y_stride);
    }
}

void mlp_layer_sse2(const struct layer *layer, const float *x, size_t x_stride, uint32_t rows,
                    float *y, size_t y_stride)
{
    layer_sse2(layer, x, x_stride, rows, y, y_stride);
}
