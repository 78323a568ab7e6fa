/*
 * risk.h - the gate between an intent and the gateway: ordered, named, counted checks.
 *
 * Every check runs in the order of the list until one refuses; none can be skipped. A check is a
 * value and the limit that it may reach; a refusal names the check and both numbers, in the unit of
 * the list. Integers only, no state but the counters.
 */
#ifndef ORDERS_RISK_H
#define ORDERS_RISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/grid.h"
#include "base/money.h"
#include "base/timefmt.h"

/* Units of a check's two numbers. RISK_FLAG: 1 is wrong, 0 is the limit. */
enum risk_unit { RISK_FLAG, RISK_PX, RISK_QTY, RISK_USD, RISK_COUNT };

/* clang-format off */
#define RISK_MAP(X)                                                                                \
    X(READY, "not_ready", RISK_FLAG)               /* start-up reads are not all answered */       \
    X(PRIVATE_LINK, "private_link", RISK_FLAG)     /* the session that tells of fills is down */   \
    X(GROUP, "order_group", RISK_FLAG)             /* the shard's order group is not there */      \
    X(HALTED, "halted", RISK_FLAG)                 /* stopped or halted, all markets */            \
    X(MARKET_HALTED, "market_halted", RISK_FLAG)   /* drift, price scale, a person */              \
    X(MARKET_STATE, "market_state", RISK_FLAG)     /* not active, stale, crossed, one-sided */     \
    X(LAGGING, "lagging", RISK_FLAG)               /* its messages are too old */                  \
    X(SCALE, "scale_unchecked", RISK_FLAG)         /* its price scale is not proved yet */         \
    X(PRICE, "price_grid", RISK_FLAG)              /* off the market's grid */                     \
    X(ORDER_SIZE, "order_size", RISK_QTY)                                                          \
    X(COLLAR_MID, "collar_mid", RISK_PX)           /* worse than the mid by more than that */      \
    X(COLLAR_TRADE, "collar_trade", RISK_PX)       /* ... than all of the last trades */           \
    X(POSITION, "position_limit", RISK_QTY)        /* of this market, with its open orders */      \
    X(EXPOSURE, "gross_exposure", RISK_USD)        /* cost of all positions and open orders */     \
    X(OPEN_ORDERS, "open_orders", RISK_COUNT)                                                      \
    X(CASH, "cash", RISK_USD)                      /* needed with worst-case fees; limit: free */  \
    X(LOSS, "loss", RISK_USD)                      /* since start; also halts */                   \
    X(LOSS_DAY, "loss_day", RISK_USD)              /* since 00:00 UTC; also halts */               \
    X(DRAWDOWN, "drawdown", RISK_USD)              /* from the session's peak; also halts */       \
    X(FILLS_RATE, "fills_per_second", RISK_COUNT)  /* repeated execution */                        \
    X(ORDERS_RATE, "orders_per_second", RISK_COUNT)                                                \
    X(TOKENS, "token_reserve", RISK_COUNT)         /* write tokens short of order and cancels */   \
    X(DUPLICATE, "duplicate_intent", RISK_FLAG)    /* the same order as a moment ago */            \
    X(SELF_CROSS, "self_cross", RISK_FLAG)         /* would match an open order of ours */
/* clang-format on */

enum risk_check_id {
#define X(id, name, unit) RISK_##id,
    RISK_MAP(X)
#undef X
        RISK_MAX
};
#define RISK_PASS RISK_MAX

#define RISK_RATE_MAX 10000 /* fills and orders a second that can be a limit */

struct risk_limits {
    qty_t order_qty_max;
    px_t collar_mid, collar_trade;
    qty_t position_max; /* magnitude in one market */
    usd_t exposure_max; /* cost of positions + reserved cash */
    uint32_t open_orders_max;
    usd_t cash_floor; /* free cash must not fall below */
    usd_t loss_max, loss_day_max, drawdown_max;
    uint32_t fills_per_s, orders_per_s;
    mono_ns_t duplicate; /* the same order again sooner than this is refused */
};
struct risk_limits risk_limits_default(void);

/* All that a check may look at. */
struct risk_view {
    bool ready, private_link, group_ready, halted, market_halted, market_ok, lagging, unchecked;
    const struct grid *grid;
    px_t yes_px;
    qty_t qty;
    enum side outcome;
    px_t mid2;                  /* twice the YES mid; 0: there is none */
    px_t trade_low, trade_high; /* YES prices of the last trades; 0: none known */
    qty_t position;             /* now, YES positive */
    qty_t open_same_side;       /* rest of open orders that acquire the same outcome */
    usd_t exposure;             /* now: cost of positions + reserved cash */
    usd_t needed;               /* cash that the order would reserve */
    usd_t added;                /* exposure that the order would add */
    usd_t cash_free;
    uint32_t open_orders;
    usd_t loss, loss_day, drawdown;       /* positive: money is lost */
    uint32_t fills_lately, orders_lately; /* in the last second */
    int64_t tokens_short;                 /* write tokens missing, by our estimate (budget.h) */
    bool duplicate, self_cross;
};

struct risk_refusal {
    enum risk_check_id check; /* RISK_PASS: none refused */
    int64_t value, limit;     /* in the check's unit; value is above limit */
};

struct risk_stats {
    uint64_t passed;
    uint64_t refused[RISK_MAX];
};

/* The first check that refuses; counted. */
struct risk_refusal risk_gate(const struct risk_limits *limits, const struct risk_view *view,
                              struct risk_stats *stats);
const char *risk_name(enum risk_check_id id); /* "" for RISK_PASS */
enum risk_unit risk_unit(enum risk_check_id id);
/* "position_limit: 510.00 contracts, limit 500.00". */
void risk_text(const struct risk_refusal *r, struct buf *out);

/*
 * Trip every check once with these limits, no order anywhere near. True: a harmless order passes
 * and each check refuses the one that is wrong for it alone. Else *ret_failed is the first that did
 * not (RISK_PASS: the harmless order was refused).
 */
bool risk_selftest(const struct risk_limits *limits, enum risk_check_id *ret_failed);

#endif
