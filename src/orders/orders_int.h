/*
 * orders_int.h - what the files of the order manager share.
 *
 *   orders.c     making, looking
 *   lots.c       what is kept of a market: fee, worth, reserved cash
 *   slots.c      orders in their slots: transitions, records, journal
 *   intent.c     actions to orders; cancel, stop, halt
 *   news.c       fills, user orders, answers: what the exchange says about orders
 *   settle.c     requests, and the plan of each order: what must be read or cancelled next
 *   reconcile.c  positions and cash against the exchange
 *   result.c     markets that pay; notes of reconciliation
 *   start.c      what is read before trading begins
 *   rediscover.c orders of earlier sessions that the journal does not know
 *   groups.c     the exchange's order groups, one for each shard
 */
#ifndef ORDERS_ORDERS_INT_H
#define ORDERS_ORDERS_INT_H

#include <string.h>

#include "orders/budget.h"
#include "orders/fees.h"
#include "orders/orders.h"
#include "orders/timers.h"
#include "orders/watch.h"

#define NONE UINT32_MAX

struct order {
    uint64_t number; /* 0: free slot */
    uint32_t h;      /* holding and lot */
    enum order_state state;
    enum side outcome;
    bool is_buy;
    bool restored;      /* of a previous session */
    bool amended;       /* by this one */
    bool create_due;    /* the create is not answered yet */
    bool cancel_due;    /* a cancel is not answered yet */
    bool amend_due;     /* an amend is not answered yet */
    bool cancel_wanted; /* to be cancelled as soon as that is possible */
    bool reading;       /* a read for it is not answered yet */
    bool read_now;      /* an order read is wanted, whatever the state says */
    bool settled;
    uint32_t tries; /* reads and cancels in a row that settled nothing */
    px_t yes_px;
    qty_t qty;
    px_t amend_px;   /* terms of an amend that is not settled; 0: there is none */
    qty_t amend_qty; /* the new total */
    qty_t filled;    /* by fills counted */
    qty_t claimed;   /* by what the exchange said; more than filled: fills are owed */
    usd_t reserved;
    struct fee_order fee;
    mono_ns_t cancel_after; /* no cancel before this */
    wall_ns_t placed_wall;
    mono_ns_t placed_mono;
    wall_ns_t signed_wall; /* of the create, when its answer told it */
    uint32_t next;         /* in the lot's list of live orders, oldest first */
    uint32_t live;         /* place in orders.live */
    char client_id[CLIENT_ID_MAX];
    char order_id[ORDER_ID_MAX];
};

/* What reconciliation of one market is doing. */
enum lot_stage {
    LOT_QUIET,
    LOT_COMPARE, /* a position read is wanted or under way */
    LOT_RESULT,  /* the position is gone there: has the market paid? It is read */
    LOT_FILLS,   /* it differed: the market's fills are read */
    LOT_CONFIRM  /* a second position read, to be compared with the first */
};

#define TRADES_SEEN 8

/* What orders keep of one market, beside account's holding of the same index. */
struct lot {
    uint32_t first; /* live orders, NONE: none */
    uint32_t n_live;
    struct fee_rule fee,
        fee_before; /* before: until the last change, that some fills may precede */
    mono_ns_t fee_changed;
    wall_ns_t waived; /* trades before it cost no fees */
    int32_t status;   /* enum market_status */
    uint32_t group;   /* in groups; NONE: too many shards */
    bool settled;     /* the market has paid settle_px for a YES */
    px_t settle_px;
    bool halted;
    bool reading;
    bool shown; /* as it was read first, by the start's second list of positions */
    enum lot_stage stage;
    uint32_t tries;
    int64_t fill_ms;  /* exchange's time of the newest fill counted */
    bool disordered;  /* fills were counted in another order than they happened */
    uint64_t changes; /* fills applied and adoptions */
    uint64_t mark;    /* changes when the read left */
    qty_t theirs;     /* of the read under way, or of the first of two */
    usd_t theirs_cost;
    qty_t first_theirs;
    wall_ns_t first_wall;
    uint64_t swept;                   /* number of the last sweep that showed it */
    qty_t foreign[2], foreign_now[2]; /* what rests of others, by outcome acquired */
    qty_t foreign_told[2];            /* ... when it was last noted */
    char reason[REASON_MAX];
    px_t trades[TRADES_SEEN]; /* YES prices of the last public trades, a ring */
    uint32_t n_trades;        /* ever */
    /* the last order that left, for the check of duplicates */
    bool sent_any;
    enum side sent_outcome;
    px_t sent_px;
    qty_t sent_qty;
    mono_ns_t sent_at;
};

enum sweep_stage { SWEEP_POSITIONS, SWEEP_FILLS, SWEEP_ORDERS };

enum purpose {
    FOR_NOTHING,
    FOR_CREATE,
    FOR_CANCEL,
    FOR_AMEND,
    FOR_ORDER,       /* GET_ORDER */
    FOR_ORDER_LIST,  /* LIST_ORDERS, looking for one */
    FOR_ORDER_FILLS, /* LIST_FILLS of one order */
    FOR_POSITION,
    FOR_LOT_FILLS,
    FOR_LOT_RESULT,
    FOR_CASH,
    FOR_SWEEP,
    FOR_SWEEP_FILLS,
    FOR_SWEEP_ORDERS,
    FOR_START_ORDERS,
    FOR_START_FILLS,
    FOR_START_BALANCE,
    FOR_START_POSITIONS,
    FOR_START_FILLS_AGAIN,
    FOR_START_BALANCE_AGAIN,
    FOR_START_POSITIONS_AGAIN,
    FOR_GROUP
};

#define SHARDS_MAX 16

enum group_state { GROUP_NONE, GROUP_ASKED, GROUP_READY, GROUP_TRIGGERED };

/* The order group of an exchange's shard. */
struct group {
    int32_t exchange_index;
    enum group_state state;
    char id[ORDER_ID_MAX]; /* empty: not made yet */
    uint32_t tries;
};

struct req {
    uint64_t id; /* 0: free */
    enum purpose purpose;
    uint32_t index; /* order slot or lot */
    bool found;
};

enum start_stage { START_ORDERS, START_FILLS, START_ACCOUNT, START_AGAIN, START_DONE };

struct start {
    enum start_stage stage;
    bool begun;
    uint32_t waiting; /* answers of the stage that are due */
    bool failed;      /* one of them did not work: again */
    bool dirty;       /* a fill or a payment came meanwhile */
    uint32_t tries;
    usd_t balance, portfolio;
    usd_t resting; /* cost of what rests, foreign orders included */
    wall_ns_t wall;
};

/* A fill counted for an order that nobody knew then. A list of fills has no client ids, so it may
 * be one of ours whose answer is still to come. */
struct stray {
    char order_id[ORDER_ID_MAX]; /* empty: free, or found its order */
    char trade_id[ORDER_ID_MAX];
    int64_t ts_ms;
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    enum side outcome;
    bool is_taker;
    bool foreign; /* counted so in the stats */
};
#define STRAYS 256

struct orders {
    struct orders_config config;
    struct orders_sinks sinks;
    struct orders_stats stats;
    struct risk_stats risk;
    struct account account;
    struct lot *lots;  /* of account.cap */
    uint32_t *mkt_lot; /* market index to lot */

    struct order *slots; /* config.orders_max */
    uint32_t *free;      /* stack of free slots */
    uint32_t n_free;
    uint32_t *done; /* ring of settled slots, oldest first */
    uint32_t done_head, n_done;
    uint32_t *live; /* orders that are open or owed something */
    uint32_t n_live;
    uint32_t n_open;
    uint64_t numbers;                   /* given so far */
    uint64_t earlier[JOURNAL_SESSIONS]; /* session ids */
    uint32_t n_earlier;
    struct idtab by_client, by_order;

    struct idtab trades; /* trade ids that were counted */
    char (*trade_ids)[ORDER_ID_MAX];
    wall_ns_t *trade_wall;
    uint32_t trade_head, n_trades;
    wall_ns_t trade_floor; /* fills older than this may have been forgotten */

    struct stray strays[STRAYS]; /* ring, the oldest are given up */
    uint32_t n_strays;           /* ever */

    struct req *reqs;
    uint32_t *req_free;
    uint32_t n_req_free, reqs_max;
    uint64_t req_count;

    struct timers timers; /* orders, then lots, then TIMER_* */
    uint32_t lots_busy;
    struct start start;
    uint64_t changes; /* fills applied and adoptions, all markets */
    bool sweeping;
    enum sweep_stage sweep_stage;
    uint64_t sweep_number;
    int64_t swept_s;     /* fills before this second are in the account by a sweep */
    int64_t sweep_began; /* second in which the sweep under way began */
    /* orders of others (by hand, by another program) that rest, by the last complete sweep */
    usd_t foreign_cost, foreign_cost_now; /* now: of the sweep under way */
    uint32_t foreign_open, foreign_open_now;
    uint64_t sweeps_done; /* number of the last sweep that read everything */
    bool sweep_bad;       /* a read of the last one failed */
    bool cash_reading, cash_differs;
    uint64_t cash_mark, cash_first; /* changes when it was asked for, and when it first differed */
    usd_t cash_diff;                /* theirs less ours, of the last read that differed */
    uint32_t cash_same;             /* reads in a row with that difference */
    uint64_t cash_sweep;            /* the sweep that must be over before a difference is judged */
    mono_ns_t paid_at;              /* when a market last paid */
    usd_t paid;                     /* by markets since a balance last agreed */
    usd_t pv_exchange;
    bool pv_exchange_known;
    struct rec_reconcile notes[ORDERS_NOTES]; /* a ring */
    uint64_t n_notes;
    uint32_t auth_row;
    struct group groups[SHARDS_MAX];
    uint32_t n_groups;
    uint32_t unknown_row; /* creates of unknown outcome since the last good one */
    struct budget budget;
    struct worth worth;
    bool no_bids;           /* some holding may be worth less than its last mid */
    uint64_t worth_version; /* of the account when it was set, plus 1 */
    struct rate fills_rate, orders_rate;
    bool link_up; /* of the private session */

    bool stopped, halted, keep;
    char reason[REASON_MAX];
    uint64_t version;
    mono_ns_t mono;
    wall_ns_t wall;
};

#define FOREIGN_LOTS 256 /* holdings of markets that are not followed */
#define OWED_TRIES_MAX                                                                             \
    6 /* reads of fills; then the order is read: its claim may have been wrong                     \
       */
#define REQS_EXTRA 64

static inline uint32_t timer_of_lot(const struct orders *o, uint32_t h)
{
    return o->config.orders_max + h;
}
static inline uint32_t timer_start(const struct orders *o)
{
    return o->config.orders_max + o->account.cap;
}
static inline uint32_t timer_cash(const struct orders *o)
{
    return timer_start(o) + 1;
}
static inline uint32_t timer_sweep(const struct orders *o)
{
    return timer_start(o) + 2;
}
static inline uint32_t timer_groups(const struct orders *o)
{
    return timer_start(o) + 3;
}
/* Cut where it does not fit; src may fill its array without an end. */
static inline void copy_name(char *dst, size_t cap, const char *src)
{
    size_t n = strnlen(src, cap - 1);
    memcpy(dst, src, n);
    dst[n] = 0;
}
static inline bool order_owed(const struct order *ord)
{
    return ord->claimed > ord->filled;
}

/* lots.c */
uint32_t lot_of(struct orders *o, const char *ticker); /* NONE: no room */
void lot_refresh(struct orders *o, uint32_t h);
/* Cash that an order would reserve, beside all of the market but `except` (NONE: all);
 * *ret_same_side: what rests of those that acquire the same outcome. */
usd_t lot_reserve(const struct orders *o, uint32_t h, enum side outcome, px_t yes_px, qty_t qty,
                  uint32_t except, qty_t *ret_same_side);
/* Contracts that may be acquired in all: the larger of old and new terms while an amend is out. */
qty_t order_total(const struct order *ord);
/* Value the account; what was lost beyond a limit halts everything. */
void watch_worth(struct orders *o);

/* slots.c */
uint32_t order_slot_new(struct orders *o, uint32_t h); /* NONE: full */
/* Apply an event of the table: state, reserved cash, records, journal, and what follows. */
void order_event(struct orders *o, uint32_t slot, enum order_event event, const char *reason);
/* When nothing is to come any more, its slot may be used again once the free ones are gone. */
void order_settle(struct orders *o, uint32_t slot);
void order_learn_id(struct orders *o, uint32_t slot, const char *order_id);
void record_account(struct orders *o, uint32_t h);
enum status journal_order(struct orders *o, const struct order *ord, enum journal_type type);
void say_outcome(struct orders *o, uint32_t h, bool ok);

/* news.c */
void order_seen(struct orders *o, uint32_t slot, const struct ev_user_order *row, bool from_read);
/* True: it was new. via: enum ev_source. */
bool fill_take(struct orders *o, const struct ev_fill *fill, enum ev_source via);

/* Fills that were counted before the order was known by its id. */
void fill_strays(struct orders *o, uint32_t slot);

/* settle.c */
uint64_t request(struct orders *o, struct gw_request *req, enum purpose purpose, uint32_t index);
mono_ns_t back_off(const struct orders *o, uint32_t tries);
void order_plan(struct orders *o, uint32_t slot);
void order_due(struct orders *o, uint32_t slot);
/* Give the gateway an amend of a resting order. False: it was not taken, nothing changed. */
bool send_amend(struct orders *o, uint32_t slot, px_t yes_px, qty_t total);
int64_t fills_since_s(const struct orders *o);

/* reconcile.c */
void lot_want_position(struct orders *o, uint32_t h, mono_ns_t delay);
void lot_due(struct orders *o, uint32_t h);
void lot_answer(struct orders *o, const struct req *r, const struct ev_answer *a, bool last);
void cash_want(struct orders *o, mono_ns_t delay);
void cash_due(struct orders *o);
void cash_answer(struct orders *o, const struct ev_answer *a);
void sweep_due(struct orders *o);
/* A row of a list of what rests: when it is not ours it is counted, unless it is one of an earlier
 * session. foreign_done: the list is complete. */
void foreign_row(struct orders *o, const struct ev_user_order *r);
void foreign_done(struct orders *o);
void foreign_drop(struct orders *o); /* it is not: begin anew */
void sweep_answer(struct orders *o, const struct ev_answer *a, bool last);
bool lot_in_flight(const struct orders *o, uint32_t h);

/* rediscover.c */
/* A sound row of an order that rests and is not known. True: it is one of an earlier session, and
 * known from now on. */
bool rediscover(struct orders *o, const struct ev_user_order *r);

/* result.c */
/* What the exchange says of the market: it may have paid. */
void lot_result(struct orders *o, uint32_t h, const struct ev_market *m);
/* Pay out what is held of a market that has paid. */
void lot_pay(struct orders *o, uint32_t h);
void record_reconcile(struct orders *o, uint32_t mkt, const char *ticker, struct rec_reconcile r,
                      const char *reason);

/* groups.c */
void group_of_market(struct orders *o, uint32_t h, int32_t exchange_index);
const char *group_id(const struct orders *o, uint32_t h); /* "": none is wanted; NULL: not ready */
void groups_due(struct orders *o);
void group_answer(struct orders *o, uint32_t index, const struct ev_answer *a);
void group_refused(struct orders *o, uint32_t h); /* a create was refused since it was triggered */
void groups_reset(struct orders *o);

/* start.c */
void start_begin(struct orders *o);
void start_due(struct orders *o);
void start_answer(struct orders *o, const struct req *r, const struct ev_answer *a, bool last);

#endif
