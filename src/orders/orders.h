/*
 * orders.h - OrderManager: actions to orders, fills, cash, positions, risk, and reconciliation.
 *
 * One object owns every order of ours, the account and the reads that settle them. Plain
 * deterministic code: events and the turn's time come in, requests and records go out through the
 * sinks. No clock, no I/O, no allocation after orders_create. Owner: one thread, the actor's.
 *
 * Rules, in one place:
 * - An order is journalled before its request leaves, and is never sent twice.
 * - What is not known is a state (ORDER_UNKNOWN); it counts fully and is settled by reading.
 * - A fill counts once for each trade id, from whichever channel it comes first.
 * - The exchange is the authority, in time: see reconcile.c.
 * - Between an action and the gateway stands the risk gate (risk.h).
 */
#ifndef ORDERS_ORDERS_H
#define ORDERS_ORDERS_H

#include "book/book.h"
#include "bus/record.h"
#include "orders/account.h"
#include "orders/gateway.h"
#include "orders/journal.h"
#include "orders/order_state.h"
#include "orders/risk.h"

enum price_style {
    PRICE_AGGRESSIVE, /* cross the spread: BUY at the best ask, SELL at the best bid */
    PRICE_PASSIVE,    /* join the own side */
    PRICE_MID         /* between, rounded away from a cross */
};

/*
 * Where the order journal is (journal_append fits behind it). append returns when the record is in
 * the file; anything but ST_OK keeps a new order from leaving. On the actor's thread: microseconds.
 */
struct order_journal {
    void *self;
    enum status (*append)(void *self, struct journal_record *rec) MUST_CHECK;
};

/* What the order manager tells others; functions must not call back into it. */
struct orders_sinks {
    struct order_gateway gateway;
    struct order_journal journal; /* append NULL: no journal (backtest, training) */
    void *self;
    void (*record)(void *self, const struct rec *rec); /* copied; never blocks */
    /* A request of market mkt went well or wrong (rejects, unknown outcomes, our own errors). */
    void (*outcome)(void *self, uint32_t mkt, bool ok);
    /* The shard's order group is that one from now on. NULL: nobody wants to know. */
    void (*group)(void *self, int32_t exchange_index, const char *group_id);
    /* Something that stood in the way of a decision is gone: ask the policy again. */
    void (*ask_again)(void *self, uint32_t mkt);
};

struct orders_config {
    uint32_t markets_max;
    uint32_t orders_max; /* slots; finished orders are forgotten oldest first. 16..32768 */
    uint32_t trades_max; /* trade ids remembered; oldest forgotten first */
    uint64_t session_id; /* random, recorded: first half of every client_order_id */
    qty_t group_limit;   /* contracts in 15 s of the order group of each shard; 0: no groups */
    qty_t order_qty;     /* contracts of one BUY */
    enum price_style style;
    enum gw_tif tif;
    px_t replace_distance;      /* keep an order whose price is at most so far off */
    bool amend;                 /* move an order with an amend; else cancel it and place anew */
    uint32_t market_orders_max; /* open orders of one market, from 1 */
    mono_ns_t age_max;          /* an order that rests longer is cancelled; 0: never */
    px_t distance_max;          /* ... that is so much worse than the best of its side; 0: never */
    bool allow_short;           /* SELL may acquire more than closes the position */
    bool from_config;           /* the account starts as said here; no start-up reads */
    usd_t cash_start;           /* with from_config */
    bool balance_excludes_resting; /* balance falls when an order rests (API sheet 15.3) */
    bool wants_link;               /* no new orders while the private session is down */
    bool keep_on_stop;             /* stop and halt leave resting orders */
    mono_ns_t position_read_delay; /* after an execution: 100 ms */
    mono_ns_t back_off_min;        /* between reads that settle something: 100 ms */
    mono_ns_t back_off_max;        /* 5 s */
    mono_ns_t sweep;               /* a resting order without news is read again: 30 s */
    int64_t clock_window_ms;       /* 60000 */
    qty_t drift_halt_qty;          /* drift above this halts the market */
    qty_t drift_halt_all_qty;      /* drift above this halts everything; 0: never */
    uint32_t auth_halt_count;      /* answers 401/403 in a row that halt everything */
    uint32_t unknown_halt_count;   /* creates of unknown outcome in a row that halt; 0: never */
    struct risk_limits limits;
    int64_t write_rate,
        write_capacity; /* write tokens (budget.h) until the exchange tells its own */
    /* Of previous sessions: intents without JOURNAL_DONE, their order_id filled when it is known,
     * and halts of markets (JOURNAL_HALT) that were not released. */
    const struct journal_record *unsettled;
    uint32_t n_unsettled;
    /* Ids of earlier sessions: an order at the exchange that has a client id of theirs is ours,
     * also when the journal lost it with the machine's power. At most JOURNAL_SESSIONS. */
    const uint64_t *earlier;
    uint32_t n_earlier;
};
struct orders_config orders_config_default(void);

/* Counters of the order manager; plain numbers, the engine publishes them. aged, strayed: orders
 * given up as too old or too far from the market; revived: rejected orders of which the exchange
 * told otherwise later; rediscovered: orders of earlier sessions that the journal did not know. */
struct orders_stats {
    uint64_t intents, sent, acked, rejected, unknown, resolved_found, resolved_absent;
    uint64_t cancels, amends, aged, strayed, fills, fills_foreign, fills_duplicate, fee_drifts;
    uint64_t settlements, cash_adopted;
    uint64_t position_reads, differences, drifts, fills_reads, order_reads;
    uint64_t journal_failures, gateway_full, table_errors, revived, auth_errors, foreign_orders;
    uint64_t rediscovered;
};

struct orders;

/* ST_INVALID: a limit out of its range. ST_NOMEM. The config's arrays are copied. */
enum status orders_create(const struct orders_config *config, const struct orders_sinks *sinks,
                          struct orders **ret_orders) MUST_CHECK;
void orders_destroy(struct orders *o); /* NULL is fine */

/* Bytes taken by orders_create. */
size_t orders_memory(const struct orders *o);

/* The time of everything until the next call. Start-up reads begin with the first. */
void orders_turn(struct orders *o, mono_ns_t mono, wall_ns_t wall);

/* A market is known from now on, or changed. ST_LIMIT: index over markets_max, or no room. */
enum status orders_market(struct orders *o, uint32_t mkt, const struct ev_market *m) MUST_CHECK;
/* Its book changed: values the position. Cheap when there is none. */
void orders_book(struct orders *o, uint32_t mkt, const struct book *book);

/* A public trade of the market. */
void orders_trade(struct orders *o, uint32_t mkt, px_t yes_px);

void orders_fill(struct orders *o, const struct ev_fill *fill, enum ev_source via);
void orders_user_order(struct orders *o, const struct ev_user_order *row);
void orders_position(struct orders *o, const struct ev_position *row);
void orders_answer(struct orders *o, const struct ev_answer *answer);
/* The exchange told the account's rate limits. */
void orders_limits(struct orders *o, const struct ev_answer *answer);
void orders_link(struct orders *o, bool up); /* of the private session */

/* Timers that are due. */
void orders_timers(struct orders *o);
mono_ns_t orders_deadline(const struct orders *o); /* NS_NEVER: none */

/* What the engine knows of the market when it asks for an order. */
struct orders_view {
    const struct book *book;
    bool tradable; /* active, snapshot seen, not stale, not crossed */
    bool lagging;
    bool unchecked; /* its price scale is not proved yet */
    mono_ns_t
        frame_mono; /* receive time of the frame that led to it, for latency figures; 0: none */
};
struct orders_result {
    enum verdict verdict; /* REFUSED, KEPT, SENT, ERROR */
    const char *check;    /* name of the check or the error, "" when sent; constant text */
    int64_t value, limit; /* of a check of the risk gate, in its unit (risk.h); else 0 */
    uint64_t order_number;
};
/* Carry out an action other than HOLD. */
struct orders_result orders_intend(struct orders *o, uint32_t mkt, enum action action,
                                   const struct orders_view *view);

/* Close what is held of the market: an immediate, reduce-only order at the other side's best. Not
 * held up by a halt, but by every other check. VERDICT_HOLD: it is flat. */
struct orders_result orders_close(struct orders *o, uint32_t mkt, const struct orders_view *view);

/* No new orders from now on; resting ones are cancelled unless keep. */
void orders_stop(struct orders *o, bool keep);
/* The same until orders_resume; reason is kept (cut to REASON_MAX). */
void orders_halt(struct orders *o, const char *reason, bool keep);
void orders_resume(struct orders *o);
/* A group that was triggered (by a guard, or by its limit) takes orders again: a person wants so.
 */
void orders_reset_groups(struct orders *o);
void orders_cancel_all(struct orders *o);
void orders_halt_market(struct orders *o, uint32_t mkt, const char *reason);
bool orders_halted(const struct orders *o, const char **ret_reason);    /* reason may be NULL */
const char *orders_market_halted(const struct orders *o, uint32_t mkt); /* NULL: it is not */

bool orders_ready(const struct orders *o); /* start-up reads are done */
/* Nothing of ours is open (resting kept orders aside), asked for, or owed. */
bool orders_idle(const struct orders *o);

const struct account *orders_account(const struct orders *o);
/* Entry of a market in the account. */
uint32_t orders_holding(const struct orders *o, uint32_t mkt);
const struct orders_stats *orders_stats(const struct orders *o);
const struct risk_stats *orders_risk_stats(const struct orders *o);
uint32_t orders_open(const struct orders *o); /* orders that are not finished */
/* Rises with every change of our open orders or of a market's halt. */
uint64_t orders_version(const struct orders *o);

/*
 * The report of reconciliation: what was taken over from the exchange, what was there at the start,
 * and orders of others. Notes are numbered from 0; the last ORDERS_NOTES are kept (NULL: gone).
 */
#define ORDERS_NOTES 64
uint64_t orders_notes(const struct orders *o);
const struct rec_reconcile *orders_note(const struct orders *o, uint64_t i);
/* True: a reconciliation that is such a note. */
bool reconcile_notable(const struct rec_reconcile *r);
/* Orders of others that rest, by the last sweep, and what they would cost. */
uint32_t orders_foreign(const struct orders *o, usd_t *ret_cost);
/* What the exchange said last: the balance and its value of the positions. False: nothing yet. */
bool orders_pv_exchange(const struct orders *o, usd_t *ret_pv);

/* An order as others may see it. */
struct order_view {
    uint64_t number;
    enum order_state state;
    enum side outcome;
    bool is_buy;
    px_t yes_px;
    qty_t qty, filled;
    usd_t reserved;
    wall_ns_t placed;
    const char *ticker, *client_id, *order_id;
};
/* Open orders of a market, oldest first; returns how many were written. */
uint32_t orders_open_of(const struct orders *o, uint32_t mkt, struct order_view *ret, uint32_t cap);
/* By number; false when it was forgotten. */
bool orders_find(const struct orders *o, uint64_t number, struct order_view *ret);

/* UUID-shaped text of the session's id and an order's number. */
void order_client_id(uint64_t session_id, uint64_t number, char ret[CLIENT_ID_MAX]);
/* The session that made it. False: the text is none that order_client_id writes. */
bool order_session_of(const char client_id[CLIENT_ID_MAX], uint64_t *ret_session_id);

#endif
