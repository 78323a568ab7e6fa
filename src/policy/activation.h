/*
 * activation.h - the activation functions that a model may use, with torch's default arguments.
 *
 * Each gives the same bits everywhere: Tanh through base/fmath.h's array form, the rest in double
 * from base/fmath.h's exp and log, rounded to float once.
 */
#ifndef POLICY_ACTIVATION_H
#define POLICY_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define ACTIVATION_MAP(X)                                                                          \
    X(TANH, Tanh)                                                                                  \
    X(SIGMOID, Sigmoid)                                                                            \
    X(RELU, ReLU)                                                                                  \
    X(IDENTITY, Identity)                                                                          \
    X(LEAKY_RELU, LeakyReLU)                                                                       \
    X(ELU, ELU)                                                                                    \
    X(CELU, CELU)                                                                                  \
    X(SELU, SELU)                                                                                  \
    X(SILU, SiLU)                                                                                  \
    X(MISH, Mish)                                                                                  \
    X(GELU, GELU)                                                                                  \
    X(SOFTPLUS, Softplus)                                                                          \
    X(SOFTSIGN, Softsign)                                                                          \
    X(TANHSHRINK, Tanhshrink)                                                                      \
    X(RELU6, ReLU6)                                                                                \
    X(HARDTANH, Hardtanh)                                                                          \
    X(HARDSIGMOID, Hardsigmoid)                                                                    \
    X(HARDSWISH, Hardswish)                                                                        \
    X(LOG_SIGMOID, LogSigmoid)                                                                     \
    X(SOFTSHRINK, Softshrink)                                                                      \
    X(HARDSHRINK, Hardshrink)

enum activation {
#define X(id, name) ACT_##id,
    ACTIVATION_MAP(X)
#undef X
        ACT_MAX
};

/* The class name torch gives it ("Tanh"); never NULL. */
const char *activation_name(enum activation act);

/* False when name is none of the above (Softmax and PReLU are not). */
bool activation_parse(struct text name, enum activation *ret_act);

/* x[i] = f(x[i]) for i < n. */
void activation_apply(enum activation act, float *x, size_t n);

#endif
