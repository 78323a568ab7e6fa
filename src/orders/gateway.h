/*
 * gateway.h - what the order manager and the engine ask of the exchange, and the interface they ask
 * it through.
 *
 * `actor` and `orders` know this and never REST. Each request is answered by one or more EV_ANSWER
 * events with the same req_id (bus/event.h), whatever happens to it. Implementations: exchange/
 * (REST) and test worlds over match/.
 */
#ifndef ORDERS_GATEWAY_H
#define ORDERS_GATEWAY_H

#include "bus/event.h"

enum gw_tif { GW_GTC, GW_IOC, GW_FOK };

/* One request; copied into the gateway's ring. Fields that the op does not use are zero. */
struct gw_request {
    uint32_t size; /* sizeof this struct */
    uint16_t op;   /* enum gw_op */
    uint16_t flags;
    uint64_t req_id;       /* from 1, unique in the session */
    uint64_t order_number; /* whose order, 0: none */
    mono_ns_t born_mono;   /* decided at: for latency figures only */
    mono_ns_t frame_mono;  /* receive time of the frame that led to it: for latency figures only; 0:
                              none */
    uint32_t mkt;
    int32_t exchange_index;  /* GROUP_CREATE: the shard */
    char ticker[TICKER_MAX]; /* CREATE, CANCEL (routing), GET_BOOK; filter of the lists, empty: all
                              */
    char order_id[ORDER_ID_MAX];   /* CANCEL, AMEND, GET_ORDER; filter of LIST_FILLS;
                                      GROUP_RESET: the group */
    char client_id[CLIENT_ID_MAX]; /* CREATE, AMEND */
    char pad2[4];
    /* CREATE (kalshi-api.md 8.1): the YES leg. AMEND (8.3): outcome, yes_px, and qty: the new
     * total, filled and wanted rest. GROUP_CREATE: qty is the limit, whole contracts */
    uint32_t outcome; /* enum side acquired: YES is book side bid at yes_px, NO is ask at yes_px */
    uint32_t tif;     /* enum gw_tif */
    px_t yes_px;
    qty_t qty;
    uint32_t post_only, reduce_only;
    int64_t expiration_s; /* 0: none */
    char group_id[ORDER_ID_MAX];
    int64_t min_ts_s; /* lists: only rows from this Unix second on, 0: all */
    /* LIST_MARKETS: filters, empty: all. ticker is one market; several stand behind the struct. */
    char series[TICKER_MAX];
    char event[TICKER_MAX];
    char status[16];   /* the exchange's filter word: "open", "closed", ... */
    uint32_t rows_max; /* stop the list after so many rows; 0: all there are */
    uint32_t pad3;
    /* LIST_MARKETS: a comma list of tickers with its NUL may follow; size tells. */
};

/* The comma list behind a LIST_MARKETS request, NULL when there is none. */
static inline const char *gw_request_tickers(const struct gw_request *req)
{
    return req->size > sizeof *req ? (const char *)(req + 1) : NULL;
}

#define GW_WITH_AS_OF                                                                              \
    1U /* LIST_ORDERS, LIST_FILLS: read user_data_timestamp first and report it as as_of */

#define GW_RESTING_ONLY 2U /* LIST_ORDERS: only status resting is needed; more rows do no harm */

struct order_gateway {
    void *self;
    /* Never blocks. ST_FULL: not taken, and there will be no answer. */
    enum status (*submit)(void *self, const struct gw_request *req) MUST_CHECK;
};

#endif
