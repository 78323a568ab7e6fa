/*
 * risk.h - the gate between an intent and the gateway: ordered, named, counted checks.
 *
 * Every check runs in the order of the list until one refuses; none can be skipped. A refusal names
 * its check. Integers only, no state but the counters.
 */
#ifndef ORDERS_RISK_H
#define ORDERS_RISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/grid.h"
#include "base/money.h"

#define RISK_MAP(X)                                                                                \
    X(READY, "not_ready")             /* start-up reads are not all answered */                    \
    X(PRIVATE_LINK, "private_link")   /* the session that tells of fills is down */                \
    X(HALTED, "halted")               /* stopped or halted, all markets */                         \
    X(MARKET_HALTED, "market_halted") /* drift, price scale, a person */                           \
    X(MARKET_STATE, "market_state") /* not active, stale, crossed, or without a two-sided book */  \
    X(LAGGING, "lagging")           /* its messages are too old */                                 \
    X(SCALE, "scale_unchecked")     /* its price scale is not proved yet */                        \
    X(PRICE, "price_grid")          /* off the market's grid */                                    \
    X(ORDER_SIZE, "order_size")                                                                    \
    X(POSITION, "position_limit") /* of this market, with its open orders */                       \
    X(EXPOSURE, "gross_exposure") /* cost of all positions and open orders */                      \
    X(OPEN_ORDERS, "open_orders")                                                                  \
    X(CASH, "cash")            /* with worst-case fees */                                          \
    X(TOKENS, "token_reserve") /* write tokens: the order, and cancels of all that is open */

enum risk_check_id {
#define X(id, name) RISK_##id,
    RISK_MAP(X)
#undef X
        RISK_MAX
};
#define RISK_PASS RISK_MAX

struct risk_limits {
    qty_t order_qty_max;
    qty_t position_max; /* magnitude in one market */
    usd_t exposure_max; /* cost of positions + reserved cash */
    uint32_t open_orders_max;
    usd_t cash_floor; /* free cash must not fall below */
};
struct risk_limits risk_limits_default(void);

/* All that a check may look at. */
struct risk_view {
    bool ready, private_link, halted, market_halted, market_ok, lagging, unchecked;
    const struct grid *grid;
    px_t yes_px;
    qty_t qty;
    enum side outcome;
    qty_t position;       /* now, YES positive */
    qty_t open_same_side; /* rest of open orders that acquire the same outcome */
    usd_t exposure;       /* now: cost of positions + reserved cash */
    usd_t needed;         /* cash that the order would reserve */
    usd_t added;          /* exposure that the order would add */
    usd_t cash_free;
    uint32_t open_orders;
    int64_t tokens, tokens_needed; /* of the write bucket, by our estimate (budget.h) */
};

struct risk_stats {
    uint64_t passed;
    uint64_t refused[RISK_MAX];
};

/* RISK_PASS, or the first check that refuses; counted. */
enum risk_check_id risk_gate(const struct risk_limits *limits, const struct risk_view *view,
                             struct risk_stats *stats);
const char *risk_name(enum risk_check_id id); /* "" for RISK_PASS */

#endif
