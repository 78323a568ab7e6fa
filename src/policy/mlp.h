/*
 * mlp.h - memory and arithmetic of the layers; model.h states the order of summation.
 */
#ifndef POLICY_MLP_H
#define POLICY_MLP_H

#include "policy/model.h"

/* n floats, all zero, aligned to a cache line; NULL when there is no memory. free() ends them. */
float *mlp_alloc(size_t n);

/* Take the scratch memory that the model's layers need. False: no memory. */
bool mlp_prepare(struct model *model);

/*
 * y = x W + b for rows rows (1 to MODEL_ROWS). Rows of x lie x_stride floats apart, rows of y
 * y_stride; all out_padded outputs are written. The same bits for a row whatever rows is.
 */
void mlp_layer(const struct layer *layer, const float *x, size_t x_stride, uint32_t rows, float *y,
               size_t y_stride);

/* The same without AVX2, so that a test can compare the two on one machine. */
void mlp_layer_sse2(const struct layer *layer, const float *x, size_t x_stride, uint32_t rows,
                    float *y, size_t y_stride);

#endif
