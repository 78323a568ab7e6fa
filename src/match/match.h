/*
 * match.h - a matching engine with accounts and fees, as the exchange does them (kalshi-api.md
 * sections 13 to 16), on structs: no JSON, no clock, no I/O.
 *
 * A market has two lists of bids. A YES bid at p is a NO ask at 1 - p; two orders match when YES
 * bid + NO bid >= 1, price then time, one trade for each resting order, at the resting order's
 * price. Every price here is that of the outcome bought ("own" price), except where it says yes_px.
 *
 * Liquidity that belongs to nobody ("anonymous") has two forms:
 * - native: anonymous participants act through match_anon_place() and match_anon_remove(), as users
 *   do, but without account and checks;
 * - recorded (markets added with recorded = true): a recorded book is followed with match_rec_*(),
 *   and users' orders live between its orders. The queue model:
 *   - a user's order queues behind all size that its level shows when it comes;
 *   - recorded size that appears later is behind it;
 *   - a recorded removal takes size behind users' orders first (MATCH_QUEUE_PESSIMISTIC, the
 *     default) or from everywhere in proportion (MATCH_QUEUE_PROPORTIONAL);
 *   - a recorded trade eats from the front of the queue, and what reaches a user's order fills it,
 *     at most the recorded count; users' orders at better prices are filled first. The removal that
 *     the exchange shows for the same trade (same time and level) is not counted twice;
 *   - what users take from the recorded book is remembered for the level ("taken"): later recorded
 *     removals use it up before they take size that is still there, so no level goes below zero,
 *     and the level never shows more than the recording plus users' own orders;
 *   - recorded size that arrives at a price that crosses a user's order fills it at its price;
 *   - a recorded snapshot starts again: taken is forgotten, crossed users' orders are filled.
 *   So the recorded flow goes on as it was, and what it does to users' orders comes on top.
 *   MATCH_QUEUE_TRADE_THROUGH is for those who do not believe in queue places at all: a user's
 * order is filled only when a recorded trade or recorded opposite size goes through its price, that
 * is at a price strictly better for it than its own; never at it. Recorded opposite size that
 * arrives exactly at the price of a user's order would lock the book: it is withheld, neither shown
 * nor taken, until no user's order stands there, the recording removes it, or an order with a
 * better price takes it. As a taker a user meets the shown book as in the other models.
 *
 * Owner: one thread. Allocates when orders, positions and price pages are first used, up to the
 * limits of match_config.
 */
#ifndef MATCH_MATCH_H
#define MATCH_MATCH_H

#include <stdbool.h>

#include "base/grid.h"
#include "base/money.h"
#include "base/timefmt.h"

#define MATCH_ANON       0u      /* the account of liquidity that belongs to nobody */
#define MATCH_GROUPS_MAX 100000u /* order groups of one owner (section 18) */

enum match_tif { MATCH_GTC, MATCH_IOC, MATCH_FOK };
enum match_stp { MATCH_STP_TAKER, MATCH_STP_MAKER }; /* taker_at_cross, maker */
enum match_queue { MATCH_QUEUE_PESSIMISTIC, MATCH_QUEUE_PROPORTIONAL, MATCH_QUEUE_TRADE_THROUGH };
enum match_entry {
    MATCH_ENTRY_RESTING,
    MATCH_ENTRY_CASH
}; /* entry check: cash less what rests, or cash alone */
enum match_access {
    MATCH_OPEN,
    MATCH_CANCEL_ONLY,
    MATCH_SHUT
}; /* what a market takes from users */

enum match_order_status { MATCH_RESTING, MATCH_EXECUTED, MATCH_CANCELED };

/* Why an order last changed; the names are those of last_update_reason. */
enum match_reason {
    MATCH_BECAUSE_NEW,  /* accepted; not named on the wire */
    MATCH_BECAUSE_USER, /* the user canceled it; not named on the wire (sheet 20.9) */
    MATCH_BECAUSE_DECREASE,
    MATCH_BECAUSE_AMEND,
    MATCH_BECAUSE_MARGIN,
    MATCH_BECAUSE_SELF_TRADE,
    MATCH_BECAUSE_EXPIRY,
    MATCH_BECAUSE_CLOSE,
    MATCH_BECAUSE_TRADE,
    MATCH_BECAUSE_REDUCE_ONLY,
    MATCH_BECAUSE_IOC,       /* the rest of an immediate order; not named on the wire */
    MATCH_BECAUSE_POST_ONLY, /* config.post_only_cancels */
    MATCH_BECAUSE_HALT,      /* cancel_on_pause, or every order of a market that opens again */
    MATCH_BECAUSE_GROUP,     /* its order group was triggered or deleted; not named on the wire */
    MATCH_BECAUSE_FOK,       /* config.fok_cancels; not named on the wire */
    MATCH_BECAUSE_GRID,      /* its price is off the market's new grid; not named on the wire */
    MATCH_BECAUSE_MAX
};
const char *match_reason_text(enum match_reason reason); /* "" when the wire has no name for it */

/* Answer to an order. Anything but MATCH_ACCEPTED leaves the engine unchanged. */
enum match_verdict {
    MATCH_ACCEPTED,
    MATCH_BAD_MARKET,
    MATCH_BAD_ACCOUNT,
    MATCH_BAD_PRICE,       /* off the grid */
    MATCH_BAD_SIZE,        /* not positive, or over QTY_LIMIT */
    MATCH_BAD_EXPIRY,      /* in the past, or not with MATCH_GTC */
    MATCH_BAD_REDUCE_ONLY, /* reduce_only is for MATCH_IOC */
    MATCH_POST_ONLY_CROSS, /* would take */
    MATCH_NO_MONEY,        /* entry check: cash less what rests */
    MATCH_FOK_VOLUME,      /* not enough to fill it whole */
    MATCH_CLOSED,          /* the market takes no orders */
    MATCH_TOO_MANY,        /* max_orders, max_owner_orders */
    MATCH_GROUP_UNKNOWN,   /* no such group of this account */
    MATCH_GROUP_TRIGGERED, /* the group takes no orders until it is reset */
    MATCH_VERDICT_MAX
};

struct match_request {
    uint32_t account; /* of match_add_account */
    uint32_t market;  /* of match_add_market */
    enum side side;   /* the outcome bought: V2 bid is YES at px, ask at p is NO at 1 - p */
    px_t px;          /* own price */
    qty_t qty;
    enum match_tif tif;
    enum match_stp stp;
    bool post_only, reduce_only;
    bool cancel_on_pause;
    wall_ns_t expires; /* 0: never */
    uint64_t group;    /* of match_group_create; 0: none */
    uint64_t tag;      /* the caller's; handed back everywhere. 0: nobody wants to hear of it */
};

/* An order, live or as it ended. */
struct match_order {
    uint64_t id; /* never 0, never used again */
    uint32_t account, market;
    uint64_t tag;
    enum side side;
    px_t px;
    qty_t initial, filled, remaining; /* remaining is 0 when canceled */
    enum match_order_status status;
    enum match_reason reason;
    enum match_tif tif;
    enum match_stp stp;
    bool post_only, reduce_only, cancel_on_pause;
    wall_ns_t created, updated, expires;
    wall_ns_t rested; /* when it took its present place in the book; 0: it never rested */
    uint64_t group;
    usd_t taker_cost, maker_cost, taker_fees, maker_fees;
    usd_t rounding; /* rounding fees not yet given back (section 16) */
};

/* What one call changed, to be told in this order: deltas, trades, fills, updates. Valid until the
 * next call that changes the engine. */
struct match_delta {
    uint32_t market;
    enum side side;
    px_t px;
    qty_t qty;        /* signed */
    uint32_t account; /* whose order caused it; MATCH_ANON: nobody's */
    uint64_t tag;
};
struct match_trade {
    uint64_t id;
    uint32_t market;
    enum side taker; /* the outcome the taker acquired */
    px_t yes_px;
    qty_t qty;
};
struct match_fill {
    uint64_t trade_id, order_id, tag;
    uint32_t account, market;
    enum side side;
    px_t yes_px;
    qty_t qty;
    usd_t fee; /* net: trade fee, rounding, less what was given back */
    bool is_taker;
    qty_t position; /* after it, YES positive */
};
struct match_result {
    const struct match_delta *deltas;
    const struct match_trade *trades;
    const struct match_fill *fills;
    const struct match_order *updates;
    const uint64_t *triggered; /* order groups that this call triggered */
    uint32_t n_deltas, n_trades, n_fills, n_updates, n_triggered;
};

/*
 * An order group (section 9): when more than limit contracts of its orders were matched within 15 s
 * (times cut to ms), or on match_group_trigger(), its open orders are canceled and new ones refused
 * until match_group_reset(). The limit acts at once, between two trades of one match: what an
 * incoming order of the group has left is canceled too, but for a fill-or-kill order, which is
 * filled whole or not at all.
 */
struct match_group {
    uint64_t id;                /* never 0, never used again */
    uint32_t account, n_orders; /* open orders */
    qty_t limit;
    bool triggered;
};

struct match_position {
    uint32_t market;
    bool settled;
    qty_t qty;        /* YES positive */
    qty_t resting[2]; /* open orders by outcome */
    usd_t resting_cost[2];
    usd_t reserved;  /* of resting_cost, the part that does not reduce the position */
    usd_t cost;      /* of what is held, by average cost */
    usd_t realized;  /* without fees */
    usd_t fees;      /* net, of all fills of this market */
    usd_t traded;    /* sum of n q of all fills */
    qty_t volume;    /* sum of n */
    qty_t bought[2]; /* gross contracts by outcome */
    usd_t paid[2];   /* gross n q by outcome */
    wall_ns_t updated;
};

struct match_account {
    usd_t cash;     /* falls at the trade, not when an order rests (sheet 15.3) */
    usd_t reserved; /* what resting orders would need; entry check only */
    usd_t fees;
    uint32_t n_positions; /* match_position_at() lists them */
    uint32_t n_orders;    /* open */
};

struct match_fees {
    int32_t taker_e4; /* 700 is 0.07 */
    int32_t maker_e4; /* 175 is 0.0175; 0 for "quadratic" */
    int64_t mult_micros;
    /* combos: a maker hit within early_ns of resting pays maker_early_e4 instead; 0: no such rule
     */
    int32_t maker_early_e4;
    mono_ns_t early_ns;
    wall_ns_t waived_until; /* no trade fee before it; 0: no waiver */
};
/* Fees of a series: "quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees" (a
 * quarter of the taker's rate, half of it within 5 s of resting). ST_UNSUPPORTED: another name
 * ("flat": no formula is known), or a negative multiplier. */
enum status match_fees_named(const char *fee_type, int64_t mult_micros,
                             struct match_fees *ret) MUST_CHECK;

/* 0.07 m C P (1 - P), rounded up to 1/10,000 dollar; rate_e4 is the 0.07. */
usd_t match_fee_ceil(int32_t rate_e4, int64_t mult_micros, px_t yes_px, qty_t qty);

struct match_config {
    uint32_t max_markets, max_accounts, max_orders; /* max_orders: open at one time */
    uint32_t max_owner_orders; /* open orders of one owner over all his accounts; 0: no limit */
    enum match_queue queue;
    enum match_entry entry;
    bool post_only_cancels; /* a post-only order that would take is accepted and canceled */
    bool fok_cancels;       /* the same for a fill-or-kill order without volume */
    bool self_per_account;  /* self-trade prevention looks at the account, not its owner */
    usd_t grain;            /* fees round to it; 0: 0.0001 dollar, as for direct members */
};

struct match;

/* ST_INVALID: a limit is 0. ST_NOMEM. */
enum status match_create(const struct match_config *config, struct match **ret) MUST_CHECK;
void match_destroy(struct match *m); /* NULL is fine */

/* ST_LIMIT, ST_NOMEM. Markets count from 0, accounts from 1. */
enum status match_add_market(struct match *m, const struct grid *grid,
                             const struct match_fees *fees, bool recorded,
                             uint32_t *ret_market) MUST_CHECK;
enum status match_add_account(struct match *m, usd_t cash, uint32_t *ret_account) MUST_CHECK;
/* An account (subaccount) of the owner of another one, without cash: self-trade prevention takes
 * them as one. ST_NOT_FOUND: no such account. */
enum status match_add_subaccount(struct match *m, uint32_t of, uint32_t *ret_account) MUST_CHECK;
/* Move cash between accounts. ST_INVALID: amount <= 0. ST_NOT_FOUND: no such account. ST_LIMIT:
 * more than cash less what rests, or the other would have more than USD_LIMIT. */
enum status match_transfer(struct match *m, uint32_t from, uint32_t to, usd_t amount) MUST_CHECK;
/* Cash from (or, negative, to) outside. ST_INVALID: 0. ST_NOT_FOUND, ST_LIMIT: as above.
 * match_money() counts it in deposits. */
enum status match_deposit(struct match *m, uint32_t account, usd_t amount) MUST_CHECK;

/* --- orders of users; each call starts a new match_result --- */

enum match_verdict match_place(struct match *m, const struct match_request *req, wall_ns_t now,
                               uint64_t *ret_id) MUST_CHECK;

/* ST_NOT_FOUND: not open (canceled, executed or never there). ST_STATE: MATCH_BECAUSE_USER, and the
 * market is shut or halted; other reasons always cancel. *ret_reduced: what it had left. */
enum status match_cancel(struct match *m, uint64_t id, enum match_reason reason, wall_ns_t now,
                         qty_t *ret_reduced) MUST_CHECK;
/* Lower what remains, keeping the place; to 0 cancels. ST_NOT_FOUND. ST_INVALID: not lower.
 * ST_STATE: the market is shut or halted; while it is cancel-only, decreases are fine. */
enum status match_decrease(struct match *m, uint64_t id, qty_t remaining, wall_ns_t now) MUST_CHECK;
/*
 * A new price and a new total (filled + wanted rest). The place is kept when the price stays and
 * the size does not grow; else the order leaves the book and comes again with the same id. A total
 * equal to what is filled cancels. ST_NOT_FOUND. ST_INVALID with *ret_verdict: the order is
 * unchanged. With config.post_only_cancels, a post-only order that would take at its new price is
 * canceled, and the answer is ST_OK.
 */
enum status match_amend(struct match *m, uint64_t id, px_t px, qty_t total, wall_ns_t now,
                        enum match_verdict *ret_verdict) MUST_CHECK;
/* The same with an expiry: has_expires, 0: never again. Only the expiry changes: the place stays.
 */
struct match_amendment {
    px_t px;
    qty_t total;
    bool has_expires;
    wall_ns_t expires;
};
enum status match_amend_order(struct match *m, uint64_t id, const struct match_amendment *a,
                              wall_ns_t now, enum match_verdict *ret_verdict) MUST_CHECK;
/* Leaves orders alone in markets that are shut or halted. Returns how many it canceled. */
uint32_t match_cancel_all(struct match *m, uint32_t account, wall_ns_t now);

/* --- order groups --- */

/* ST_INVALID: limit not positive or over QTY_LIMIT, no such account. ST_LIMIT: the owner has
 * MATCH_GROUPS_MAX. ST_NOMEM. */
enum status match_group_create(struct match *m, uint32_t account, qty_t limit,
                               uint64_t *ret_group) MUST_CHECK;
/* NULL: there is none. Valid until the next group call. */
const struct match_group *match_group_get(const struct match *m, uint64_t group);
/* Contracts matched in the 15 s before now. */
qty_t match_group_matched(const struct match *m, uint64_t group, wall_ns_t now);
/* Each starts a new match_result. ST_NOT_FOUND. Triggering what is triggered already changes
 * nothing; a reset also forgets what was matched. */
enum status match_group_trigger(struct match *m, uint64_t group, wall_ns_t now) MUST_CHECK;
enum status match_group_reset(struct match *m, uint64_t group, wall_ns_t now) MUST_CHECK;
/* Below what was matched lately: triggers. ST_INVALID as in match_group_create(). */
enum status match_group_limit(struct match *m, uint64_t group, qty_t limit,
                              wall_ns_t now) MUST_CHECK;
enum status match_group_delete(struct match *m, uint64_t group, wall_ns_t now) MUST_CHECK;
/* Ids of its open orders, oldest place first, at most cap; returns how many there are. */
uint32_t match_group_orders(const struct match *m, uint64_t group, uint64_t *out, uint32_t cap);

/* Cancel what expires at or before now. */
void match_expire(struct match *m, wall_ns_t now);
wall_ns_t match_next_expiry(const struct match *m); /* NS_NEVER: none */

/* --- native anonymous flow --- */

/* Takes what crosses, at most qty; the rest stays at px (rests) or goes. Returns what was taken. */
qty_t match_anon_place(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
                       bool rests, wall_ns_t now);
/* Removes at most qty of the anonymous size of a level, from the back; returns how much. */
qty_t match_anon_remove(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty);

/* --- recorded flow (markets added with recorded) --- */

/*
 * A recorded delta. The result holds the delta as it is to be shown (perhaps smaller, or none) and
 * what it did to users' orders. ts orders trades and removals of one match. ST_INVALID: off the
 * grid, or below zero in the recording itself (clamped to zero).
 */
enum status match_rec_delta(struct match *m, uint32_t market, enum side side, px_t px, qty_t delta,
                            int64_t ts_ms, wall_ns_t now) MUST_CHECK;
/* A recorded trade that hit the bids of maker at its own price px. The result holds only what it
 * did to users' orders, not the recorded trade. */
void match_rec_trade(struct match *m, uint32_t market, enum side maker, px_t px, qty_t qty,
                     int64_t ts_ms, wall_ns_t now);
/* A recorded snapshot: replaces the anonymous book. ST_INVALID: a level off the grid was left out.
 */
enum status match_rec_snapshot(struct match *m, uint32_t market, const struct level *yes,
                               size_t n_yes, const struct level *no, size_t n_no,
                               wall_ns_t now) MUST_CHECK;

/* --- a market's life --- */

/* MATCH_CANCEL_ONLY (a trading pause) refuses places and amends, MATCH_SHUT everything; leaving
 * MATCH_OPEN cancels orders with cancel_on_pause. Recorded flow is not stopped by it: its source
 * is. */
void match_access(struct match *m, uint32_t market, enum match_access access, wall_ns_t now);
/* Cancel every order of users in a market; its anonymous size goes too, with deltas. */
void match_cancel_market(struct match *m, uint32_t market, enum match_reason reason, wall_ns_t now);
/* A new price grid: orders and size off it go (MATCH_BECAUSE_GRID). ST_NOMEM: unchanged. */
enum status match_set_grid(struct match *m, uint32_t market, const struct grid *grid,
                           wall_ns_t now) MUST_CHECK;
void match_set_fees(struct match *m, uint32_t market, const struct match_fees *fees);
/* Refuse orders and cancels from now on. */
void match_halt(struct match *m, uint32_t market, bool halted);
/* Empty the book without deltas; users' orders are canceled with MATCH_BECAUSE_CLOSE. Halts. */
void match_close(struct match *m, uint32_t market, wall_ns_t now);
/* Pay yes_px for each YES and 1 - yes_px for each NO held; sub-cent payouts are cut to cents. The
 * market must be closed. */
void match_settle(struct match *m, uint32_t market, px_t yes_px, wall_ns_t now);
bool match_halted(const struct match *m, uint32_t market);
/* A market that was closed, not settled, takes orders again. */
void match_reopen(struct match *m, uint32_t market);
/* What users may do in a market now: MATCH_SHUT when it is halted, else as match_access() said. */
enum match_access match_access_now(const struct match *m, uint32_t market);

/* --- reading --- */

struct match_result match_result(const struct match *m);
const struct match_order *match_order_get(const struct match *m, uint64_t id); /* NULL: not open */
/* Contracts ahead of an open order in its level. Between changes of the engine, asking for every
 * order of a level costs one walk of it. */
qty_t match_queue_ahead(const struct match *m, uint64_t id);
px_t match_best(const struct match *m, uint32_t market, enum side side); /* 0: none */
qty_t match_level_qty(const struct match *m, uint32_t market, enum side side, px_t px);
qty_t match_anon_qty(const struct match *m, uint32_t market, enum side side, px_t px);
/* Levels of a side, rising by price, at most cap; returns how many were written. */
size_t match_levels(const struct match *m, uint32_t market, enum side side, struct level *out,
                    size_t cap);
size_t match_level_count(const struct match *m, uint32_t market, enum side side);
const struct grid *match_grid(const struct match *m, uint32_t market);
const struct match_account *match_account(const struct match *m, uint32_t account);
/* Ids of an account's open orders, at most cap; returns how many there are. */
uint32_t match_open_orders(const struct match *m, uint32_t account, uint64_t *out, uint32_t cap);
/* Zeros when there never was one. */
struct match_position match_position(const struct match *m, uint32_t account, uint32_t market);
const struct match_position *match_position_at(const struct match *m, uint32_t account, uint32_t i);
/* Contracts held by users and nobody, as pairs. */
qty_t match_open_interest(const struct match *m, uint32_t market);

/* Money over all accounts, nobody's included. cash + anon_cash + collateral + fees + cut - deposits
 * is constant: what accounts started with. */
struct match_money {
    usd_t cash, anon_cash, collateral, fees, cut, deposits; /* deposits: cash of match_deposit() */
};
struct match_money match_money(const struct match *m);

/* Check every invariant of lists, sums and books; false and a text for the first broken one. For
 * tests: slow. */
bool match_check(const struct match *m, const char **ret_why);

#endif
