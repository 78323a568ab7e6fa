/*
 * null_backend.h - a back end that keeps nothing: it counts, and looks at the order.
 *
 * Events of a source must be numbered without holes, turns too. Owner: one thread.
 */
#ifndef TESTS_GROWTH_NULL_BACKEND_H
#define TESTS_GROWTH_NULL_BACKEND_H

#include "store/backend.h"

struct null_backend {
    struct backend b; /* first: the ops are given this */
    uint64_t rows, commits;
    uint64_t next_ord[EV_SRC_MAX], next_turn;
    uint64_t out_of_order; /* records that did not follow the one before */
    uint64_t progress;     /* of the last commit */
    uint64_t in_transaction;
    bool closed;
};

/* The caller's memory; closing frees nothing. */
void null_backend_init(struct null_backend *n);

#endif
