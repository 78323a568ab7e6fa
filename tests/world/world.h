/*
 * world.h - an engine and a tiny exchange under one virtual clock.
 *
 * Everything comes from the seed. What the engine got and said can be kept (for replay) and is
 * always digested (for "same inputs, same bits").
 */
#ifndef TESTS_WORLD_WORLD_H
#define TESTS_WORLD_WORLD_H

#include "actor/engine.h"
#include "actor/replay.h"
#include "base/hash.h"
#include "world/tiny.h"

enum world_policy { WORLD_HOLD, WORLD_RANDOM, WORLD_LINEAR };

struct world_config {
    uint64_t seed;
    uint32_t n_markets;
    usd_t cash;
    enum world_policy policy;
    struct tiny_faults faults;
    struct engine_config engine;
    bool keep; /* events, turns and decisions */
};
struct world_config world_config_default(uint64_t seed);

struct world_kept {
    struct ev **ev[EV_SRC_MAX];
    uint32_t n_ev[EV_SRC_MAX], cap_ev[EV_SRC_MAX];
    struct rec_turn *turns;
    uint32_t n_turns, cap_turns;
    struct rec_decision *decisions;
    uint32_t n_decisions, cap_decisions;
};

struct world {
    struct world_config config;
    struct tiny *tiny;
    struct engine *engine;
    struct policy *policy;
    struct rng rng;
    struct digest digest; /* of records and requests */
    struct world_kept kept;
    struct rec_order *orders; /* last record of each order by number - 1 */
    uint32_t n_orders, cap_orders;
    uint64_t applied_fills, drifts, reconciles;
    uint32_t journal_open; /* intents without done */
    bool journal_fails;
    float weights[OBS_SIZE][ACTION_COUNT];
    mono_ns_t now;
    wall_ns_t wall;
};

struct world *world_create(const struct world_config *config);
void world_destroy(struct world *w);
/* One turn, dt later. flow: steps of other people's trading before it. */
void world_turn(struct world *w, mono_ns_t dt, uint32_t flow);
void world_run(struct world *w, uint32_t turns);
/* No more faults and trading; stop; until nothing is under way. False: it never gets quiet. */
bool world_quiesce(struct world *w);
/* Cash, positions, fees, orders equal; why is a text for the first that is not. */
bool world_agrees(struct world *w, char *why, size_t cap);

#endif
