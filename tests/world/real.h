/*
 * real.h - the whole program without sockets (engine, gateway, both sessions, order journal, store,
 * guard) against the whole simulator, under one virtual clock, with a network between them that
 * loses, delays and cuts, a disk that fails, and a client that dies at any instant and is started
 * again.
 *
 * Everything comes from the seed; the digest covers every event, request and answer. A fault is
 * drawn from its kind's own numbers: leaving one out does not change when others happen.
 */
#ifndef TESTS_WORLD_REAL_H
#define TESTS_WORLD_REAL_H

#include "actor/engine.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/rng.h"
#include "sim/sim.h"

/* Every kind of fault: when its chance is drawn, and what it does. */
#define REAL_FAULTS(X)                                                                             \
    /* with each request */                                                                        \
    X(NEVER_SENT, "never_sent") /* no connection */                                                \
    X(HALF_SENT, "half_sent")   /* cut before it was whole */                                      \
    X(CUT, "cut")               /* arrives, and the connection dies */                             \
    X(LATE, "late")             /* arrives up to 8 s later */                                      \
    X(BARE, "bare_2xx")         /* done, but the answer shows no order */                          \
    X(DENIED, "http_401")       /* refused without an effect */                                    \
    /* with each frame sent, event given to the actor, request given to the gateway */             \
    X(SEND_FULL, "send_full")                                                                      \
    X(RING_FULL, "ring_full")                                                                      \
    X(ORDER_POWER, "power_loss_order") /* power goes just after an order has left */               \
    /* in each turn: faults of the simulator (sim.h) */                                            \
    X(HTTP_429, "http_429")                                                                        \
    X(HTTP_500, "http_500")                                                                        \
    X(HTTP_500_AFTER, "http_500_after")                                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(SLOW_ANSWER, "slow_answer")                                                                  \
    X(PARTIAL_WRITE, "partial_write")                                                              \
    X(WS_CUT, "ws_cut")                                                                            \
    X(HALF_OPEN, "half_open")                                                                      \
    X(DROP, "drop")                                                                                \
    X(DUPLICATE, "duplicate")                                                                      \
    X(REORDER, "reorder")                                                                          \
    X(CORRUPT, "corrupt")                                                                          \
    X(MALFORMED, "malformed")                                                                      \
    X(SEQ_GAP, "seq_gap")                                                                          \
    X(SEQ_JUMP, "seq_jump")                                                                        \
    X(PRIVATE_DELAY, "private_delay")                                                              \
    X(PRIVATE_DROP, "private_drop")                                                                \
    X(LAG, "lag")                                                                                  \
    X(WS_REFUSE, "ws_refuse")                                                                      \
    X(WS_ERROR, "ws_error")                                                                        \
    /* in each turn: the exchange */                                                               \
    X(RESTART, "exchange_restart") /* its process, with its state; connections are cut */          \
    X(PAUSE, "trading_pause")                                                                      \
    X(MAINTENANCE, "exchange_pause")                                                               \
    X(CLOSE, "market_close") /* a market stands still for a while */                               \
    /* in each turn: the client and who looks after it */                                          \
    X(CRASH, "crash")             /* it dies at one of its next steps */                           \
    X(POWER, "power_loss")        /* the same, and what was not synced is lost */                  \
    X(FREEZE, "freeze")           /* it does nothing for a while */                                \
    X(COMMAND, "command")         /* a person halts, resumes, cancels, flattens */                 \
    X(CLOCK_STEP, "clock_step")   /* its wall clock jumps, and back later */                       \
    X(STORE_STALL, "store_stall") /* its store's thread gets no time for a while */                \
    /* in each turn: disks, for a while */                                                         \
    X(DB_ERROR, "db_error")                                                                        \
    X(DB_SHORT, "db_short_write")                                                                  \
    X(DB_FULL, "db_full")                                                                          \
    X(DB_SLOW, "db_slow")                                                                          \
    X(DB_LOCKED, "db_locked")                                                                      \
    X(SPILL_ERROR, "spill_error")                                                                  \
    X(SPILL_FULL, "spill_full")                                                                    \
    X(JOURNAL_ERROR, "journal_error")                                                              \
    X(JOURNAL_FULL, "journal_full")                                                                \
    X(DB_HANG, "db_hang") /* an operation does not come back before the fault ends */

enum real_fault {
#define X(id, name) FAULT_##id,
    REAL_FAULTS(X)
#undef X
        FAULT_MAX
};
extern const char *const real_fault_names[FAULT_MAX];

struct real_faults {
    uint32_t ppm[FAULT_MAX]; /* chances in a million; 0: never */
    mono_ns_t delay_max;     /* of the network, each way and back */
};

/* A fault that fired: the draw of its kind that was a hit. */
struct real_hit {
    enum real_fault kind;
    uint64_t draw; /* from 0 */
};

enum real_count {
    REAL_TIMEOUT,
    REAL_TORN,      /* a death in the middle of a write */
    REAL_UNSETTLED, /* orders that a new process found unsettled */
    REAL_LOST_TAIL, /* losses of power that took records of the journal */
    REAL_RECONNECT,
    REAL_HALTED,  /* by whatever */
    REAL_CREATES, /* that reached the exchange */
    REAL_CANCELS,
    REAL_AMENDS,
    REAL_SETTLED,     /* markets that paid */
    REAL_STARTS,      /* processes that stood */
    REAL_NOT_STARTED, /* that ended at the start: journal or database */
    REAL_GUARD_ACTED,
    REAL_ROWS,      /* records that the store's rings took */
    REAL_LOST_ROWS, /* of them, dropped and named in gap rows */
    REAL_SPILLED,   /* of them, through the spill file */
    REAL_RECOVERED, /* of them, out of the file of a process that had ended */
    REAL_QUIETS,
    REAL_COUNT_MAX
};
extern const char *const real_count_names[REAL_COUNT_MAX];

/* What must hold, with a count of how often it was looked at. */
#define REAL_CHECKS(X)                                                                             \
    X(BOOKS, "books_equal") /* levels of a book here and at the exchange */                        \
    X(CASH, "cash_equal")                                                                          \
    X(POSITIONS, "positions_equal")                                                                \
    X(FEES, "fees_equal")         /* and realised gain */                                          \
    X(RESTING, "resting_equal")   /* open orders here and there, one by one */                     \
    X(ONCE, "no_order_twice")     /* when a create arrives */                                      \
    X(KEPT, "no_order_forgotten") /* the exchange's orders are known, the journal is settled */    \
    X(FILLS, "fills_equal")       /* of each order */                                              \
    X(FRESH, "no_stale_book")     /* when an order leaves */                                       \
    X(HALT, "halts_hold")         /* when an order leaves, and at a start */                       \
    X(LIMITS, "limits_hold")      /* when a request arrives: the exchange's account */             \
    X(STORED, "rows_stored")      /* each record that a ring took, in order, once */               \
    X(SESSIONS, "sessions_ended") /* session rows say how they ended */                            \
    X(SOUND, "database_sound")    /* SQLite's own check */                                         \
    X(MEMORY, "memory_bounded")                                                                    \
    X(GUARD, "guard_took_off") /* nothing rests when a client is frozen or dead for long */

enum real_check {
#define X(id, name) CHECK_##id,
    REAL_CHECKS(X)
#undef X
        CHECK_MAX
};
extern const char *const real_check_names[CHECK_MAX];

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
    bool lifecycle;         /* the session follows what becomes of markets */
    int64_t skew_ms;        /* of the exchange's clock */
    bool store;             /* records go to a database */
    bool fresh_db;          /* which has no schema yet */
    size_t store_ring;      /* bytes of each ring */
    size_t store_memory;
    uint64_t store_spill; /* bytes of a spill file */
    uint32_t store_rows;  /* of a batch */
    mono_ns_t store_interval;
    bool guard;
    mono_ns_t person_after; /* a person resumes a halted client so long after; 0: none does */
    /* to repeat a failure with less */
    uint64_t off;                /* bits of kinds that never happen */
    const struct real_hit *only; /* n_only hits, by kind and draw: no other happens. NULL: all do */
    uint32_t n_only;
    struct buf *trace; /* one line for each thing that happens. NULL: none */
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

/*
 * The flow and the faults for so long, then a quiet period without either, after which everything
 * must hold; dead: for the first part of it the client is dead or frozen, and its guard acts.
 * False: something does not hold, *why (valid until real_destroy) tells what.
 */
bool real_phase(struct real *r, mono_ns_t length, bool dead, const char **why);
/* The last quiet period: the client is stopped and ends orderly. */
bool real_end(struct real *r, const char **why);

const struct sim *real_sim(const struct real *r);
uint64_t real_counted(const struct real *r, enum real_count what);
/* How often a kind of fault did something: frames hit, operations that failed... */
uint64_t real_happened(const struct real *r, enum real_fault kind);
uint64_t real_checked(const struct real *r, enum real_check check);
const struct real_hit *real_hits(const struct real *r, uint32_t *ret_n);
mono_ns_t real_passed(const struct real *r); /* virtual time since the beginning */
/* Sums over all processes. */
struct orders_stats real_stats(const struct real *r);
void real_refused(const struct real *r, uint64_t ret[RISK_MAX]);
void real_digest(const struct real *r, char text[33]);

#endif
