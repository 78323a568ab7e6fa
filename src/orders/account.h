/*
 * account.h - cash, positions, average cost, fees, profit and loss.
 *
 * Exact integers. Positions are signed, YES positive, and YES and NO net: a fill that acquires n of
 * an outcome at its price q costs n q where it opens or adds, and brings n (1 - q) where it closes
 * the other outcome (kalshi-api.md section 15). Fees come off in both cases and are kept apart from
 * realised P&L. Cash may go below zero only because the exchange says so.
 */
#ifndef ORDERS_ACCOUNT_H
#define ORDERS_ACCOUNT_H

#include <stdint.h>

#include "bus/event.h"
#include "orders/idtab.h"

/* One market of the account, followed or not. */
struct holding {
    char ticker[TICKER_MAX];
    uint32_t mkt;         /* MKT_NONE: not followed */
    qty_t position;       /* YES positive */
    usd_t cost;           /* what the position cost, without fees */
    usd_t realized;       /* before fees; with what the exchange said at the start */
    usd_t fees;           /* likewise */
    px_t mid2;            /* YES bid + YES ask when last two-sided, 0: never seen */
    px_t yes_bid, no_bid; /* now, 0: none */
    usd_t value_mid, value_exit;
};

struct account {
    usd_t cash_total;
    usd_t cash_reserved;  /* kept by the order manager */
    usd_t realized, fees; /* of the fills counted here: this session's */
    usd_t cost;           /* sum of all positions' cost */
    usd_t value_mid, value_exit;
    uint64_t version; /* rises with every change of a number above or of a position */
    struct holding *holdings;
    uint32_t n, cap;
    uint32_t *held; /* indices of holdings that are not flat, rising */
    uint32_t n_held;
    struct idtab index; /* ticker to holding */
};

/* Room for cap holdings. ST_NOMEM. */
enum status account_init(struct account *a, uint32_t cap) MUST_CHECK;
void account_finish(struct account *a);

/* Index of a ticker's holding, made when it is new. UINT32_MAX: no room. */
uint32_t account_holding(struct account *a, const char *ticker);

/* qty of outcome was acquired at yes_px, with that fee. */
void account_fill(struct account *a, uint32_t h, enum side outcome, px_t yes_px, qty_t qty,
                  usd_t fee);
/* The exchange is the authority: its position and cost replace ours; cash is not touched. */
void account_adopt(struct account *a, uint32_t h, qty_t position, usd_t cost);
/* The same position at another average cost (fills were counted in another order than they
 * happened): what it cost less was realised less. */
void account_recost(struct account *a, uint32_t h, usd_t cost);
/* What the position is paid when the market settles with yes_px for a YES: cut to whole cents. */
usd_t account_payout(const struct account *a, uint32_t h, px_t yes_px);
/* It is paid: cash, realised P&L, and no position any more. */
void account_settle(struct account *a, uint32_t h, px_t yes_px);
/* What the exchange says a market has brought and cost in fees so far. */
void account_set_totals(struct account *a, uint32_t h, usd_t realized, usd_t fees);
void account_set_cash(struct account *a, usd_t cash);
void account_set_reserved(struct account *a, usd_t reserved);

/* The best bids of the market changed; 0: that side is empty. */
void account_mark(struct account *a, uint32_t h, px_t yes_bid, px_t no_bid);

static inline usd_t account_free(const struct account *a)
{
    return a->cash_total - a->cash_reserved;
}
/* Positions at the last known mid (cost before the first), and cash, reserved cash included. */
static inline usd_t account_pv_mid(const struct account *a)
{
    return a->cash_total + a->value_mid;
}
/* Positions at what they could be sold for now: their own best bid. */
static inline usd_t account_pv_exit(const struct account *a)
{
    return a->cash_total + a->value_exit;
}
/* At mid, against what they cost; fees not counted. */
static inline usd_t account_unrealized(const struct account *a)
{
    return a->value_mid - a->cost;
}

#endif
