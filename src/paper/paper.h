/*
 * paper.h - a paper account: orders of this process are filled by `match` against live market data,
 * and nothing leaves for the exchange.
 *
 * It stands where the gateway and the private session stand: it takes the market events that the
 * actor takes, and the actor's requests, and gives answers and private events as those two would,
 * after a modelled latency. It is deterministic: no clock, socket or thread; the seed decides the
 * jitter. Owner: one thread. It allocates while it runs (the actor's thread never waits for it).
 *
 * The market is a recorded one (match.h tells the queue model): other people's orders are as the
 * exchange shows them and never react to ours. Our orders are in no book that the policy sees.
 *
 * Time. What we see of the market is market_latency old. An order that leaves at t reaches the
 * exchange at t + order_latency, and the book that it meets there is seen here market_latency
 * later. So it is executed against our copy at t + order_latency + market_latency, and its answer
 * comes at t + order_latency + answer_latency, but never before that. Each of these ways takes a
 * random 0..jitter more. Private messages keep their order, answers need not.
 *
 * A stale book (EV_STALE, or a delta that contradicts it) executes nothing: a create or amend is
 * refused with the code "paper_book_stale", cancels and reads work, and recorded trades still fill
 * resting orders, as they are facts. The next snapshot makes it good; orders that it crosses are
 * filled.
 */
#ifndef PAPER_PAPER_H
#define PAPER_PAPER_H

#include "bus/event.h"
#include "match/match.h"
#include "orders/gateway.h"

struct paper_config {
    usd_t balance; /* cash at the start; the account is new, nothing is open */
    enum match_queue queue;
    mono_ns_t order_latency, answer_latency, private_latency, market_latency, jitter;
    uint64_t seed;
    uint64_t session_id;   /* in the ids of orders and trades */
    int64_t write_tokens;  /* a second, as the exchange's write bucket; a create takes 10, a cancel
                              2; 0: no limit */
    mono_ns_t create_wait; /* a create that would wait longer for tokens is answered unsent */
    uint32_t markets_max;
    uint32_t orders_max;  /* open at one time */
    uint32_t history_max; /* orders and fills that reads can still show; older finished ones go */
};
struct paper_config paper_config_default(void);

/* Called from paper_market and paper_tick; must not call back. h.ord counts from 1 for each source,
 * h.recv_* is when it is handed over. The record is valid until the callback returns. */
struct paper_out {
    void *self;
    void (*answer)(void *self, const struct ev *ev);
    void (*private_event)(void *self, const struct ev *ev);
    /* A market's book contradicts its deltas: a snapshot is wanted. May be NULL. */
    void (*repair)(void *self, uint32_t mkt);
};

struct paper_stats {
    uint64_t requests, answers, by_outcome[GW_OUTCOME_MAX];
    uint64_t orders, fills, fills_maker, cancels, closes, settled;
    uint64_t refused_stale; /* creates and amends that met a stale book */
    uint64_t contradictions;
    uint64_t odd; /* market events about nothing known, or with texts or counts that cannot be */
};

struct paper;

/* ST_INVALID: a limit is 0 or a time negative. ST_NOMEM. The private session's EV_LINK (up) is the
 * first event of the first paper_tick. */
enum status paper_create(const struct paper_config *config, const struct paper_out *out,
                         struct paper **ret_paper) MUST_CHECK;
void paper_destroy(struct paper *p); /* NULL is fine */

/* A market event, in the order of its ring. Whatever is due before its receive time happens first.
 */
void paper_market(struct paper *p, const struct ev *ev);

/* A request of the actor, leaving now. It is answered, whatever it is. ST_FULL: too many are under
 * way; there will be no answer. */
enum status paper_request(struct paper *p, const struct gw_request *req, mono_ns_t now,
                          wall_ns_t wall) MUST_CHECK;

/* What is due happens, and what has arrived is handed out. */
void paper_tick(struct paper *p, mono_ns_t now, wall_ns_t wall);
mono_ns_t paper_deadline(const struct paper *p); /* NS_NEVER: nothing is under way */

/* A YES of this market pays yes_px, a NO the rest (0..PX_ONE). Closes it first. False: unknown
 * market, or settled before. */
bool paper_settle(struct paper *p, const char *ticker, px_t yes_px, mono_ns_t now, wall_ns_t wall);

/* From now on creates are answered unsent ("stopping"). */
void paper_stop_orders(struct paper *p);

uint32_t paper_open(const struct paper *p); /* requests without their last answer */
const struct paper_stats *paper_stats(const struct paper *p);
const struct match_account *paper_account(const struct paper *p);
/* Zeros for an unknown market. */
struct match_position paper_position(const struct paper *p, const char *ticker);
/* The account's i-th position (of its match_account.n_positions), and its ticker. */
struct match_position paper_position_at(const struct paper *p, uint32_t i, const char **ret_ticker);
const struct match *paper_match(const struct paper *p); /* for tests */

#endif
