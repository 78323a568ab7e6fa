/*
 * world.h - an engine and a tiny exchange under one virtual clock.
 *
 * Everything comes from the seed. What the engine got and said can be kept (for replay) and is
 * always digested (for "same inputs, same bits").
 */
#ifndef TESTS_WORLD_WORLD_H
#define TESTS_WORLD_WORLD_H

#include "actor/engine.h"
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
    /* Each event before the engine gets it, each of the engine's records, and failed calls of the
     * engine (REC_REFUSED); copied. NULL is fine. */
    void (*keep)(void *self, const void *record);
    void *keep_self;
    /* Calls into the journal and the gateway that fail on purpose, per mille. */
    uint32_t calls_fail;
};
struct world_config world_config_default(uint64_t seed);

struct world {
    struct world_config config;
    struct tiny *tiny;
    struct engine *engine;
    struct policy *policy;
    struct rng rng;
    struct digest digest; /* of records and requests */
    uint64_t calls[CALL_MAX];
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
