/*
 * real.h - the whole client without sockets (engine, gateway, both sessions, order journal) against
 * the whole simulator, under one virtual clock, with a network between them that loses, delays and
 * cuts, and a client that dies at any instant and is started again.
 *
 * Everything comes from the seed; the digest covers every event, request and answer.
 */
#ifndef TESTS_WORLD_REAL_H
#define TESTS_WORLD_REAL_H

#include "actor/engine.h"
#include "base/hash.h"
#include "base/rng.h"
#include "sim/sim.h"

/* Chances in 1/1000 of a request or turn; 0: never. */
struct real_faults {
    uint32_t never_sent, half_sent, cut, late, bare; /* bare: 2xx without an order */
    uint32_t sim;     /* in each turn: a fault of the simulator begins */
    uint32_t crash;   /* in each turn: the client dies soon, at one of its next steps */
    uint32_t pause;   /* ... : trading pauses for a moment */
    uint32_t command; /* in each turn: a person halts, resumes or cancels */
    uint32_t send_full, ring_full;
    mono_ns_t delay_max;
};

enum real_count {
    REAL_NEVER_SENT,
    REAL_HALF_SENT,
    REAL_CUT,
    REAL_LATE,
    REAL_BARE,
    REAL_TIMEOUT,
    REAL_CRASH,
    REAL_TORN,      /* a crash in the middle of a write of the journal */
    REAL_UNSETTLED, /* orders that a new process found unsettled */
    REAL_RECONNECT,
    REAL_HALTED,
    REAL_SEND_FULL,
    REAL_RING_FULL,
    REAL_CREATES, /* that reached the exchange */
    REAL_CANCELS,
    REAL_AMENDS,
    REAL_PAUSE,
    REAL_SETTLED, /* markets that paid */
    REAL_COUNT_MAX
};
extern const char *const real_count_names[REAL_COUNT_MAX];

struct real_config {
    uint64_t seed;
    uint32_t n_markets;
    double rate; /* of the flow, messages a second */
    usd_t cash;
    mono_ns_t length; /* the flow ends then */
    struct engine_config engine;
    struct real_faults faults;
    struct sim_rules rules;
    bool maker_fees;
    mono_ns_t settle_after; /* the first market ends and pays then; 0: never */
    bool scripted;          /* the policy says what real_want() said last */
    bool sticky;            /* the policy wants the same for a while: orders are moved */
    bool poor;              /* the Basic tier's tokens, else many */
    int64_t skew_ms;        /* of the exchange's clock */
};
struct real_config real_config_default(uint64_t seed);

/* How a request dies. */
enum real_death {
    DEATH_NONE,
    DEATH_BEFORE_SEND,
    DEATH_HALF_SENT,
    DEATH_NO_ANSWER,  /* it has its effect */
    DEATH_5XX_BEFORE, /* any effect */
    DEATH_5XX_AFTER,
    DEATH_BARE_2XX, /* done, but the answer shows no order */
    DEATH_MAX
};

struct real;
struct real *real_create(const struct real_config *config);
void real_destroy(struct real *r);
/* Until the flow ends; then real_quiesce: no more faults, stop, until nothing is under way. */
void real_run(struct real *r);
bool real_quiesce(struct real *r);
/* Time passes, turn by turn. */
void real_pass(struct real *r, mono_ns_t ns);
void real_want(struct real *r, enum action action);
void real_command(struct real *r, enum command what);
/* The next create, cancel or amend that leaves dies like that. */
void real_kill_next(struct real *r, enum gw_op op, enum real_death death);
bool real_killed(const struct real *r); /* it has */
const struct engine *real_engine(const struct real *r);
/* Orders, cash, positions, fees are equal, and nothing forbidden ever happened; why tells. */
bool real_agrees(struct real *r, char *why, size_t cap);
const struct sim *real_sim(const struct real *r);
uint64_t real_counted(const struct real *r, enum real_count what);
/* Sums over all processes. */
struct orders_stats real_stats(const struct real *r);
void real_refused(const struct real *r, uint64_t ret[RISK_MAX]);
void real_digest(const struct real *r, char text[33]);

#endif
