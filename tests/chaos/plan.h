/*
 * plan.h - the world that a seed stands for: its config, and its phases, each of which ends in a
 * quiet period.
 */
#ifndef TESTS_CHAOS_PLAN_H
#define TESTS_CHAOS_PLAN_H

#include "world/real.h"

#define PHASES_MAX 4

struct phase {
    mono_ns_t length;
    bool dead; /* its quiet period begins with a client that is dead or frozen for long */
};
struct plan {
    struct real_config config;
    struct phase phases[PHASES_MAX];
    uint32_t n_phases;
};

/* scale: per cent of the usual lengths. */
struct plan plan_of(uint64_t seed, uint32_t scale);

struct outcome {
    bool failed;
    uint32_t phase; /* in which it failed, from 0; n_phases: at the end */
    char why[240];
    char digest[33];
};
/* Run it. The world is handed out for its counts: real_destroy() it. */
struct outcome plan_run(const struct plan *plan, struct real **ret_world);

#endif
