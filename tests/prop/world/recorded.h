/* recorded.h - a run against the tiny exchange, recorded into a session, and its replays. */
#ifndef TESTS_PROP_WORLD_RECORDED_H
#define TESTS_PROP_WORLD_RECORDED_H

#include "world/session.h"
#include "world/verify.h"
#include "world/world.h"

struct recorded {
    struct engine_config engine; /* orders.unsettled is not set */
    uint64_t seed;               /* of the random policy */
    struct session s;
};

/* Everything is at hand: faults of the exchange, failing calls, and orders of an earlier run. */
void record_run(struct recorded *r, uint64_t seed, uint32_t turns);
void recorded_finish(struct recorded *r);

struct replay_outcome {
    enum status st; /* ST_END when it came to its end */
    struct err err;
    struct replay_status status;
    struct verify verify;
    uint64_t asked; /* observations given with their recorded decision */
};

/* Replay all of s with verify. config.self and settle are set here. */
void replay_run(const struct recorded *r, enum replay_answers answers,
                const struct verify_config *config, struct replay_outcome *ret);

#endif
