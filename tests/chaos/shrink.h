/*
 * shrink.h - a failing world with as few faults, and as little time, as still fail in the same way.
 */
#ifndef TESTS_CHAOS_SHRINK_H
#define TESTS_CHAOS_SHRINK_H

#include "chaos/plan.h"

struct shrunk {
    struct plan plan; /* config.only: the hits that are left, owned */
    struct real_hit *hits;
    uint32_t n_hits, n_before; /* that are left, that there were */
    uint32_t runs;
    char why[240];
};
/* At most so many runs. free ret->hits. */
void shrink(const struct plan *plan, const struct outcome *failure, uint32_t runs_max,
            struct shrunk *ret);

#endif
