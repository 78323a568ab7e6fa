/*
 * real_int.h - what the files of the real world share.
 *
 *   real.c        the client's process: made, driven, killed, started again
 *   real_net.c    the network: HTTP requests, WebSocket connections
 *   real_judge.c  what must hold whenever an order leaves or arrives, and in the end
 */
#ifndef TESTS_WORLD_REAL_INT_H
#define TESTS_WORLD_REAL_INT_H

#include "exchange/exchange.h"
#include "feed/feed.h"
#include "orders/recovery.h"
#include "world/real.h"
#include "world/truth.h"

#define REAL_MARKETS 4
#define REAL_KEY     "a0000000-0000-4000-8000-00000000000a"
#define BASE         "/trade-api/v2"
#define PX_LEVELS    (PX_ONE + 1)
#define WHY_MAX      200

struct evq {
    struct ev **v;
    uint32_t head, n, cap;
};

struct text_at {
    char *p;
    size_t n;
    mono_ns_t at;
};
struct textq {
    struct text_at *v;
    uint32_t head, n, cap;
    mono_ns_t last;
};

struct conn {
    struct real *r;
    bool private_one;
    struct sim_conn *conn; /* NULL: not connected */
    bool dead;             /* the exchange closed it: what was sent before is still read */
    bool wants_new;        /* the client drops it */
    mono_ns_t redial_at, ping_at, silent_at; /* silent: no pong will come */
    struct textq in, out;
};

struct http_call {
    uint32_t generation; /* whose process asked; 0: free */
    uint64_t id;
    enum http_method method;
    char *path, *query, *body;
    bool arrives, arrived, bare;
    enum real_death death;
    mono_ns_t arrive_at, answer_at, deadline, sent;
    wall_ns_t signed_wall;
    enum http_fate fate;
    int status;
    char *answer;
    size_t answer_n;
};
#define CALLS 64

/* A market as the events that reached the engine tell it, kept the slow way. */
struct shadow {
    char ticker[TICKER_MAX];
    struct grid grid;
    int32_t status;
    bool seen, stale;
    qty_t *levels[2];
    px_t trades[8];
    uint32_t n_trades;
    bool sent_any;
    uint32_t sent_outcome;
    px_t sent_px;
    qty_t sent_qty;
    mono_ns_t sent_at;
};

struct known_order {
    char client_id[CLIENT_ID_MAX];
    bool arrived; /* a create with this id reached the exchange */
    bool recorded, ended;
    qty_t filled;
};

struct disk {
    uint8_t *p;
    size_t n, cap;
};

struct real {
    struct real_config config;
    struct rng rng;
    struct digest digest;
    struct sim *sim;
    mono_ns_t now, started;
    wall_ns_t wall;
    bool faults;              /* on */
    bool determined, settled; /* the first market */
    uint32_t settled_with;    /* the process that knew its account then; 0: none */
    /* the process */
    uint32_t generation; /* 0: there is none */
    uint32_t generations;
    struct engine *engine;
    struct policy *policy;
    uint32_t last_action[REAL_MARKETS];
    enum action want;
    enum gw_op death_op;
    enum real_death death;
    struct gateway *gateway;
    struct feed *feed;
    struct fill_listener *fills;
    struct journal *journal;
    struct evq events[EV_SRC_MAX];
    struct gw_request requests[64];
    uint32_t n_requests;
    struct evq repairs;
    uint64_t command_ord;
    mono_ns_t start_at;
    uint32_t steps_left; /* until it dies; 0: it lives on */
    bool dying;
    /* the network */
    struct conn conns[2];
    struct http_call calls[CALLS];
    struct sim_http_resp resp;
    /* what is kept of it all */
    struct disk disk;
    struct ev_market markets[REAL_MARKETS];
    uint32_t n_markets;
    uint64_t count[REAL_COUNT_MAX];
    struct orders_stats stats;
    uint64_t refused[RISK_MAX];
    uint64_t drifts;
    /* the judge */
    struct shadow shadows[REAL_MARKETS];
    bool link_up, cmd_halted, stopped;
    mono_ns_t left_at[256]; /* creates and amends, a ring */
    uint32_t n_left;
    struct known_order *known;
    uint32_t n_known, cap_known;
    char why[WHY_MAX]; /* the first thing that must not happen */
};

/* One of few chances in 1000, only while faults are on. */
bool real_chance(struct real *r, uint32_t per_mille);
mono_ns_t real_delay(struct real *r);
/* A step of the process: it may be its last. False: it is dead already. */
bool real_step(struct real *r);
void real_forbid(struct real *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *real_grow(void *p, uint32_t n, uint32_t *cap, size_t size);

/* Intents without an end in the journal as it is now. */
uint64_t real_unsettled(struct real *r);

/* real_net.c */
struct sim_out net_sim_out(struct real *r);
void net_turn(struct real *r);
void net_client_died(struct real *r);
mono_ns_t net_deadline(const struct real *r);
void net_finish(struct real *r);
enum status net_send(void *conn, const char *text, size_t n);
void net_reconnect(void *conn, const char *reason);
bool net_idle(const struct real *r);

/* real_judge.c */
void judge_event(struct real *r, const struct ev *ev);
void judge_leaves(struct real *r, const struct gw_request *req);
void judge_arrives(struct real *r, const struct http_call *c);
void judge_answered(struct real *r, const struct http_call *c, int status, const char *body);
void judge_record(struct real *r, const struct rec *rec);
void judge_forget(struct real *r); /* a new process */

#endif
