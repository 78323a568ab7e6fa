/*
 * engine.h - ActorService: events in, orders out. The one engine of every world.
 *
 * A turn of the caller (a thread, a replay, a backtest):
 *
 *     engine_turn_begin(e, mono, wall);
 *     for each source in the order of enum ev_source, for each waiting event:
 *         engine_step(e, ev);
 *     engine_timers(e);
 *     while ((n = engine_pending(e, mkts, obs, ENGINE_BATCH)) > 0) {
 *         policy_select(policy, &obs[0][0], n, outs);
 *         engine_act(e, mkts, outs, n);
 *     }
 *     engine_turn_end(e);
 *
 * The engine has no clock, no I/O, no thread and no global, and allocates only in engine_create and
 * for a market's book when an EV_MARKET brings it. The same config, events, turn times and results
 * of the sinks give the same observations, decisions, orders and records, bit for bit, in any
 * build. Turns in which nothing happened leave no row and change nothing, so they may be left out.
 * Owner: one thread. The metrics may be read from any thread.
 */
#ifndef ACTOR_ENGINE_H
#define ACTOR_ENGINE_H

#include "bus/record.h"
#include "metrics/metrics.h"
#include "orders/orders.h"
#include "policy/policy.h"

struct engine_config {
    bool trading; /* false: no requests leave, actions are refused ("halted"), no start-up reads */
    mono_ns_t throttle;          /* between accepted orders of one market: 250 ms */
    uint32_t breaker_errors;     /* more errors in a row than this open the breaker: 10 */
    mono_ns_t breaker_open;      /* 300 s, then one try */
    mono_ns_t slow_turn;         /* turns longer than this are counted: 50 ms */
    int64_t lag_limit_ms;        /* messages older than this: the market is lagging. 0: no limit */
    px_t mirror;                 /* 10000, or 9900 for models of the prototype (quirk 1) */
    bool zero_order_features;    /* features 47..51 forced to 0 (quirk 15) */
    bool scale_check;            /* compare each market's first snapshot with the REST book */
    bool record_obs;             /* decisions carry the 52 values; else only their hash */
    mono_ns_t mark_every;        /* a REC_MARK so often, when something changed; 0: none */
    struct orders_config orders; /* markets_max is there */
};
struct engine_config engine_config_default(void);

/* Functions must return at once and must not call back into the engine. */
struct engine_sinks {
    struct order_gateway gateway; /* submit may be NULL when not trading */
    struct order_journal journal; /* append may be NULL */
    void *self;
    void (*record)(void *self, const struct rec *rec); /* to the store; copied. NULL is fine */
    void (*repair)(void *self, uint32_t mkt); /* ask the feed for a snapshot. NULL is fine */
    /* The order group of a shard is that one from now on. NULL is fine */
    void (*group)(void *self, int32_t exchange_index, const char *group_id);
};

/* Markets whose observations are taken together; what the first of them leads to is not yet in the
 * observation of the last. So the size is a part of what a recorded run is. */
#define ENGINE_BATCH 64

/* Counters, each with one writer, the engine's thread. */
struct engine_metrics {
    struct counter turns, turns_slow;
    struct counter received[EV_TYPE_MAX], applied[EV_TYPE_MAX], ignored[EV_TYPE_MAX];
    struct counter changes,
        changes_shared; /* accepted book changes; those that shared a decision */
    struct counter contradictions, stale_deltas, repairs, lagging;
    struct counter predictions; /* observations handed out */
    struct counter decisions[ACTION_COUNT], verdicts[VERDICT_MAX];
    struct counter refused[RISK_MAX];
    struct counter errors;        /* rejects, unknown outcomes, our own errors */
    struct counter breaker_opens; /* openings of a market's breaker */
    struct counter bad_events;    /* impossible values: market out of range, too short... */
    struct counter no_memory;     /* events not applied for want of it: a market goes without */
    struct counter scale_errors;
    struct counter clock_ahead_ms; /* now; signed, as two's complement */
    struct counter open_orders, stale_books, markets, positions; /* now; written as a whole */
};

struct engine;

/* ST_INVALID: a value of the config is out of range. ST_NOMEM. */
enum status engine_create(const struct engine_config *config, const struct engine_sinks *sinks,
                          struct engine **ret_engine) MUST_CHECK;
void engine_destroy(struct engine *e); /* NULL is fine */
/* Bytes taken by engine_create. */
size_t engine_memory(const struct engine *e);

void engine_turn_begin(struct engine *e, mono_ns_t mono, wall_ns_t wall);
/* Apply one event. Never fails: what cannot be applied is counted. */
void engine_step(struct engine *e, const struct ev *ev);
/* Timers that are due, after the turn's events. */
void engine_timers(struct engine *e);

/*
 * Up to max markets that want a decision: book changed since the last one, two-sided, neither
 * crossed, stale nor lagging, market active. Their observations go to obs. Each is given once; the
 * caller must hand all of them to engine_act before any other call.
 */
uint32_t engine_pending(struct engine *e, uint32_t *mkts, float (*obs)[OBS_SIZE], uint32_t max);
void engine_act(struct engine *e, const uint32_t *mkts, const struct policy_out *outs, uint32_t n);
/* Records the turn. True: something happened in it, and a row was written. */
bool engine_turn_end(struct engine *e);

/* When to take a turn though nothing comes; NS_NEVER: no timer runs. */
mono_ns_t engine_deadline(const struct engine *e);
/* How long the last turn took, measured by the caller: counted when slow. */
void engine_turn_took(struct engine *e, mono_ns_t ns);

bool engine_ready(const struct engine *e);    /* start-up reads are done: orders may leave */
bool engine_stopping(const struct engine *e); /* CMD_STOP was applied */
bool engine_idle(const struct engine *e);     /* no request, cancel or fill is outstanding */
bool engine_flattening(const struct engine *e);
bool engine_halted(const struct engine *e, const char **ret_reason);

const struct engine_metrics *engine_metrics(const struct engine *e);
const struct orders *engine_orders(const struct engine *e);

/* What a summary or a test wants to know of a market; false: no such market. Pointers are valid
 * until the next call that changes the engine. */
struct engine_market {
    const char *ticker;
    const struct book *book;
    enum market_status status;
    bool seen, stale, lagging, breaker_open;
    const char *halted; /* reason, NULL: it is not */
    uint64_t snapshots, deltas, trades, decisions;
    qty_t position;
    usd_t cost, realized, fees;
};
bool engine_market(const struct engine *e, uint32_t mkt, struct engine_market *ret);
uint32_t engine_market_count(const struct engine *e);

#define ENGINE_CMD_KEEP 1U /* flags of CMD_STOP and CMD_HALT: leave resting orders */

#endif
