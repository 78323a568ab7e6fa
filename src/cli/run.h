/*
 * run.h - ServiceContainer of `deltaflow run`: the parts, the rings between them, start and stop.
 *
 * Parts are built when first needed, in the order of run_parts (run_container.c), and stopped in
 * reverse: no model is loaded for `hold`, no gateway for orders and no private session exist when
 * trading is off. Each field below says which thread owns it once the threads run; rings and
 * counters are what threads share.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "actor/engine.h"
#include "bus/agent.h"
#include "bus/bus.h"
#include "bus/errand.h"
#include "config/options.h"
#include "exchange/exchange.h"
#include "feed/feed.h"
#include "metrics/metrics.h"
#include "orders/journal.h"
#include "orders/recovery.h"
#include "policy/policy.h"
#include "store/store.h"

enum stage {
    STAGE_FRAME_TO_ACTOR,   /* frame received until the actor's turn that applies it begins */
    STAGE_APPLY,            /* one event applied to book and window (mean of a turn's events) */
    STAGE_OBSERVE,          /* one observation built (mean of a batch) */
    STAGE_SELECT,           /* one answer of the policy (mean of a batch) */
    STAGE_EXECUTE,          /* one decision carried out (mean of a batch) */
    STAGE_TURN,             /* a turn of the actor in which something happened */
    STAGE_FRAME_TO_REQUEST, /* frame received until the order request lies in the gateway's ring */
    STAGE_FRAME_TO_WIRE,    /* frame received until the request is handed to the transport */
    STAGE_ROUND_TRIP,       /* order request handed to the transport until its answer is decoded */
    STAGE_MAX
};
extern const char *const stage_names[STAGE_MAX];

struct run_net;
struct run_gateway;
struct run_paper;

/* What the net thread saw, for the main thread. */
struct run_monitor {
    struct counter markets,
        markets_closed; /* closed: the last snapshot was empty after a book with levels */
    struct counter links_up, links_down;
    _Atomic int market_link, private_link; /* 1: connected */
    struct counter not_taken;              /* events that the actor's ring could not take */
    struct counter paper_not_taken;        /* events that the paper account's ring could not take */
};

#define RUN_GROUPS_MAX 16

/* Texts of the actor that the main thread shows; copied under a lock. */
struct run_public {
    char halt_reason[REASON_MAX]; /* "": not halted */
    bool flattening;
    bool ready; /* positions and orders of the start are known */
    uint32_t n_groups;
    int32_t shards[RUN_GROUPS_MAX];
    char groups[RUN_GROUPS_MAX][ORDER_ID_MAX];
};

struct run {
    const struct run_options *o;
    const char *config_json; /* for the session row */
    bool trading;
    bool paper; /* orders go to the paper account; no private session, no gateway */
    uint64_t session_id;

    /* rings; producer -> consumer */
    struct ring *to_actor[EV_SRC_MAX]; /* main, net, gateway, net -> actor */
    struct ring *requests;             /* actor -> gateway */
    struct ring *discovered;           /* main -> net: struct ev_market */
    struct ring *repairs;              /* actor -> net: struct ev_mark */
    /* with a paper account, else NULL; what the first cannot take is lost for the actor too */
    struct ring *paper_market;                            /* net -> paper: market events */
    struct ring *paper_repairs;                           /* paper -> net: struct ev_mark */
    struct ring *paper_results;                           /* main -> paper: struct run_result */
    struct ring *store_net, *store_gateway, *store_actor; /* -> store */
    struct bus *bus; /* market events for whoever wants them; publisher: net */

    /* main */
    struct store *store; /* store thread between start and stop */
    struct agent *store_agent, *net_agent;
    struct agent *gateway_agent; /* of the gateway, or of the paper account in its place */
    struct agent *actor_agent;   /* the net agent where the actor has no thread of its own */
    bool actor_on_net;
    struct journal *journal;     /* actor; synced for the store's thread */
    mono_ns_t journal_synced;    /* store: when it last was */
    struct errand *journal_sync; /* store: a sync may wait for the disk. NULL: there is no thread */
    bool journal_bad;            /* store: said so */
    _Atomic bool journal_urgent; /* actor -> store: a halt is to be on the medium at once */
    struct journal_recovery journal_found;
    struct recovery unsettled; /* intents of earlier runs that nobody settled */
    uint64_t calls[CALL_MAX];  /* actor: calls of the engine, as they are numbered in the store */
    uint64_t command_ord;
    uint64_t rows_lost; /* by the store, known after run_stop */
    char policy_line[512];

    /* actor */
    struct policy *policy;
    struct engine *engine;

    struct run_gateway *gateway;     /* gateway */
    struct run_paper *paper_account; /* paper */
    struct run_net *net;             /* net */

    struct run_monitor monitor;
    struct histogram
        stages[STAGE_MAX]; /* one writer each: actor, but FRAME_TO_WIRE and ROUND_TRIP: gateway */
    _Atomic int failed;    /* a part gave up: exit code */
    _Atomic mono_ns_t beat_actor, beat_gateway; /* last turn of the thread; 0: none yet */
    _Atomic int news;                           /* enum run_news: main asks, net answers */
    _Atomic mono_ns_t heard; /* the exchange, on any connection; written by net and gateway */
    pthread_mutex_t public_lock;
    struct run_public public;        /* under public_lock; written by the actor */
    _Atomic uint32_t groups_changed; /* how often public's groups were; written by the actor */
    _Atomic int engine_state;        /* enum run_engine_state, written by the actor */
};

/* Of the market session: is everything here that the exchange had sent when it was asked? */
enum run_news { RUN_NEWS_NONE, RUN_NEWS_ASKED, RUN_NEWS_COMING, RUN_NEWS_HERE };

enum run_engine_state {
    RUN_ENGINE_STARTING,
    RUN_ENGINE_READY,
    RUN_ENGINE_HALTED,
    RUN_ENGINE_IDLE_STOPPED
};

/* Build everything; on failure what was built is taken down again and err says why. Returns an exit
 * code. */
int run_build(struct run *r, struct err *err);
/* Start the threads, in dependency order. */
int run_start(struct run *r, struct err *err);
/* Orders first, then the network, then the store; each with a time limit. outcome goes to the
 * session row. */
bool run_stop(struct run *r, const char *outcome); /* false: orders are still outstanding */
void run_destroy(struct run *r);

struct run_public run_public_get(struct run *r); /* any thread */

/* A person's command, from the main thread. */
void run_command(struct run *r, enum command command, uint32_t flags, const char *reason);
/* Follow markets: before run_start straight into the feed, afterwards through the ring to the net
 * thread. */
enum status run_follow(struct run *r, const struct ev_market *m, bool started);

/*
 * One turn of the actor: everything its rings hold, then decisions. Returns how many events it
 * took. Called by the thread that the actor lives on, and by main when that thread has ended.
 */
int run_actor_turn(struct run *r, mono_ns_t now);
/* There is something in a ring of the actor. Any thread. */
void run_actor_wake(struct run *r);

/* The parts: run_actor.c, run_store.c, run_gateway.c, run_net.c. Each returns an exit code. */
int run_actor_build(struct run *r, struct err *err);
int run_store_build(struct run *r, struct err *err);
/* False: a sync of the journal waits for its disk, and the journal must stay open. */
bool run_store_destroy(struct run *r);
int run_gateway_build(struct run *r, struct err *err);
int run_net_build(struct run *r, struct err *err);
void run_gateway_destroy(struct run *r);
void run_net_destroy(struct run *r);
/* No new orders from the gateway; every request is answered. Any thread. */
void run_gateway_stop_orders(struct run *r);
bool run_gateway_idle(const struct run *r);

/* run_paper.c: the paper account in the gateway's place. */
int run_paper_build(struct run *r, struct err *err);
void run_paper_destroy(struct run *r);
void run_paper_stop_orders(struct run *r);
bool run_paper_idle(const struct run *r);
/* net: a market event, before the actor gets it. ST_FULL: it counts as lost. */
enum status run_paper_market(struct run *r, const struct ev *ev) MUST_CHECK;
/* What a market pays, from main. */
struct run_result {
    uint32_t size, pad;
    px_t yes_px;
    char ticker[TICKER_MAX];
};
enum status run_paper_settle(struct run *r, const char *ticker, px_t yes_px) MUST_CHECK;
/* Of the account, when its thread has ended; NULL: there is none. */
const struct paper *run_paper_account(const struct run *r);

/* Put an event into the store's ring of a thread; loss is counted by the ring and named by the
 * store. */
void run_store_push(struct ring *ring, const void *record);

/* Add the figures of the parts that own them; call when the threads have ended. */
const struct feed_stats *run_feed_stats(const struct run *r);
const struct gateway_stats *run_gateway_stats(const struct run *r);

/* run_summary.c */
void run_summary_text(const struct run *r, double seconds, struct buf *out);
void run_summary_json(const struct run *r, double seconds, const char *outcome, struct buf *out);

#endif
