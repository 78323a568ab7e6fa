/* plain_policy.h - the peer of the policy: plain scalar loops with the C library's functions. */
#ifndef TESTS_BENCH_PLAIN_POLICY_H
#define TESTS_BENCH_PLAIN_POLICY_H

#include <math.h>
#include <stdbool.h>

struct plain_layer {
    int in, out;
    float *w; /* [out][in], as torch has it */
    float *b;
};

static inline void plain_layer(const struct plain_layer *l, const float *x, float *y, bool hidden)
{
    for (int o = 0; o < l->out; o++) {
        float sum = 0;
        for (int i = 0; i < l->in; i++) {
            sum += l->w[o * l->in + i] * x[i];
        }
        sum += l->b[o];
        y[o] = hidden ? tanhf(sum) : sum;
    }
}

/* Softmax as ours: two passes of exponentials, one logarithm. */
static inline float plain_softmax(const float *logits, float *probs)
{
    float max = logits[0];
    float sum = 0;
    for (int i = 1; i < 5; i++) {
        max = logits[i] > max ? logits[i] : max;
    }
    for (int i = 0; i < 5; i++) {
        sum += expf(logits[i] - max);
    }
    float lse = max + logf(sum);
    sum = 0;
    for (int i = 0; i < 5; i++) {
        probs[i] = expf(logits[i] - lse);
        sum += probs[i];
    }
    for (int i = 0; i < 5; i++) {
        probs[i] /= sum;
    }
    return probs[0];
}

#endif
