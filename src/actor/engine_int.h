/*
 * engine_int.h - what the files of the engine share.
 *
 *   engine.c   making, turns, commands, what others may ask
 *   market.c   market events: books, points of the windows, stale and contradicting books
 *   decide.c   which markets want a decision, observations, the four steps, breakers
 *   scale.c    the comparison of the price scale with the REST book
 */
#ifndef ACTOR_ENGINE_INT_H
#define ACTOR_ENGINE_INT_H

#include "actor/engine.h"
#include "features/features.h"

#define SCALE_SAMPLE 16

enum scale_state { SCALE_NEW, SCALE_WANTED, SCALE_ASKED, SCALE_GOOD, SCALE_BAD };

struct scale {
    enum scale_state state;
    uint32_t tries;
    uint32_t n; /* NO prices of the last snapshot, for books that were refused */
    px_t no_px[SCALE_SAMPLE];
};

struct breaker {
    uint32_t errors; /* in a row */
    bool open;
    bool trying; /* half-open: one order is on its way */
    mono_ns_t until;
};

struct market {
    struct book *book; /* NULL: no EV_MARKET yet */
    char ticker[TICKER_MAX];
    int32_t status; /* enum market_status */
    wall_ns_t close_time;
    bool seen;  /* a snapshot was accepted */
    bool stale; /* not to be trusted until the next one */
    bool lagging;
    bool crossed; /* the book is crossed since crossed_ts: half a match, or wrong */
    bool queued;  /* in the list of markets that may want a decision */
    bool blocked; /* the last action was held up by something that will end: ask again then */
    bool again;   /* it has ended */
    int64_t crossed_ts;
    uint32_t changes; /* since the last decision */
    uint64_t last_ord;
    mono_ns_t last_mono; /* receive time of the newest frame */
    mono_ns_t last_turn; /* time of the turn that applied it */
    mono_ns_t accepted;  /* when the gate last accepted an order */
    bool ever_accepted;
    struct breaker breaker;
    struct scale scale;
    uint64_t snapshots, deltas, trades, decisions;
    /* observation */
    uint64_t account_seen, account_version;
    double orders5[5];
    struct feature_window window;
    struct feature_cache cache;
};

struct engine {
    struct engine_config config;
    struct engine_sinks sinks;
    struct orders *orders;
    struct market *markets; /* config.orders.markets_max */
    uint32_t n_markets;     /* one past the highest index in use */
    uint32_t n_stale;

    uint32_t *queue; /* ring of markets that may want a decision, in order of their first change */
    uint32_t queue_head, n_queue;
    uint32_t *scale_queue; /* ring of markets whose scale is to be compared */
    uint32_t scale_head, n_scale, scale_asked;
    mono_ns_t scale_after;
    uint64_t scale_reqs;

    struct feature_position *positions;
    uint32_t n_positions;
    uint64_t positions_version; /* of the account when they were made */
    double pv, cash;

    uint64_t turn; /* rows written */
    uint32_t taken[EV_SRC_MAX];
    bool happened; /* in this turn: it needs a row */
    bool decided;
    uint64_t decisions;
    mono_ns_t mark_at;      /* the next mark is due */
    struct rec_mark marked; /* the last, its header zero */
    int64_t clock_ahead_ms; /* of the exchange's clock, the shortest way of a message included */
    bool stopping;
    bool flattening;      /* what is held is being closed; the policy is not asked */
    mono_ns_t flatten_at; /* when the markets that are not flat are asked again */
    mono_ns_t mono;
    wall_ns_t wall;
    size_t memory;
    struct engine_metrics metrics;
};

/* market.c */
bool market_event(struct engine *e, const struct ev *ev); /* false: ignored */
void market_make_stale(struct engine *e, uint32_t mkt);
void market_contradiction(struct engine *e, uint32_t mkt);

/* decide.c */
void decide_queue(struct engine *e, uint32_t mkt);
bool market_tradable(const struct engine *e, const struct market *m);
void decide_outcome(struct engine *e, uint32_t mkt, bool ok);
void decide_again(struct engine *e, uint32_t mkt);
/* Close everything that is held, from now on; false: no more. */
void decide_flatten(struct engine *e, bool on);
/* A quiet market says nothing that would lead to the next step: the time does. */
void decide_flatten_due(struct engine *e);

/* scale.c */
void scale_want(struct engine *e, uint32_t mkt);
void scale_sample(struct market *m, const struct level *no, uint32_t n);
void scale_ask(struct engine *e);
bool scale_answer(struct engine *e, const struct ev_answer *a); /* false: not one of ours */

#endif
