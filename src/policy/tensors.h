/*
 * tensors.h - named float32 tensors, as every weight format hands them on.
 */
#ifndef POLICY_TENSORS_H
#define POLICY_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#define TENSORS_MAX     256
#define TENSOR_NAME_MAX 128
#define TENSOR_DIMS_MAX 8

/* All weights of a model together: 64 MiB. */
#define TENSOR_FLOATS_MAX (16U << 20)

struct tensor {
    char name[TENSOR_NAME_MAX];
    uint32_t dims;
    uint64_t shape[TENSOR_DIMS_MAX];
    size_t n;    /* product of the shape */
    float *data; /* row-major, owned by the set */
};

struct tensors {
    uint32_t n;
    size_t floats; /* of all tensors */
    struct tensor t[TENSORS_MAX];
};

#endif
