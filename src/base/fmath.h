/*
 * fmath.h - log, exp and tanh of our own, with the same bits on every x86-64.
 *
 * The C library's change their last bits with the CPU's features, so that a recorded run could not
 * be replayed bit for bit. These use only additions, multiplications, divisions and integer
 * operations, each correctly rounded, in a fixed order, without fused operations and without
 * tables; the array forms do in each lane exactly what the scalar forms do.
 *
 * Accuracy, against the true value: fm_log, fm_exp and fm_tanh within 1 ulp of double (0.92 seen),
 * fm_expf within 0.51 ulp of float, fm_tanhf within 2 (1.5 seen). All but fm_tanhf are monotone
 * over the arguments that the tests try; fm_tanhf may step back by two
 * last places. NaN in gives the one quiet NaN out; no errno.
 */
#ifndef BASE_FMATH_H
#define BASE_FMATH_H

#include <stddef.h>

double fm_log(double x);  /* -inf for either zero, NaN below zero */
double fm_exp(double x);  /* inf above about 709.78, 0 below about -745.1, denormals between */
double fm_tanh(double x); /* keeps the sign of zero */

float fm_tanhf(float x);
float fm_expf(float x);

/* x[i] = f(x[i]) for i < n. Vectorised, with AVX2 or AVX-512 where the CPU has them. */
void fm_log_n(double *x, size_t n);
void fm_tanhf_n(float *x, size_t n);
void fm_expf_n(float *x, size_t n);

#endif
