/*
 * frame.h - the WebSocket's rarer messages, read with jansson, and a slow reading of the hot ones
 * for comparison.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/grid.h"
#include "base/timefmt.h"
#include "wire/msg.h"

enum frame_type {
    FRAME_UNKNOWN, /* a JSON object whose type we do not know: kept raw */
    FRAME_SUBSCRIBED,
    FRAME_OK,
    FRAME_UNSUBSCRIBED,
    FRAME_ERROR,
    FRAME_USER_ORDER,
    FRAME_MARKET_POSITION,
    FRAME_LIFECYCLE, /* market_lifecycle_v2 */
    FRAME_EVENT_FEE, /* event_fee_update: ticker is the event's */
    FRAME_TICKER,
    FRAME_GROUP
};

#define FRAME_TEXT 128

/* Values, copied out of the JSON; texts that do not fit make the frame ST_MALFORMED, but for text,
 * which is cut. */
struct frame {
    enum frame_type type;
    uint64_t id, sid, seq; /* 0: absent */
    int64_t ts_ms;
    char channel[48];        /* FRAME_SUBSCRIBED */
    int error_code;          /* FRAME_ERROR */
    char text[FRAME_TEXT];   /* FRAME_ERROR: msg; FRAME_UNKNOWN: type */
    char ticker[FRAME_TEXT]; /* market_ticker or ticker */
    /* order_id is the group's for FRAME_GROUP */
    char order_id[FRAME_TEXT], client_id[FRAME_TEXT], reason[FRAME_TEXT];
    char status[32];                  /* user_order: resting, canceled, executed */
    enum side outcome;                /* user_order */
    px_t yes_px;                      /* user_order: the limit; ticker: the last trade */
    qty_t initial, filled, remaining; /* initial is the contracts limit for FRAME_GROUP */
    usd_t taker_cost, maker_cost, taker_fees, maker_fees;
    int64_t created_ms, updated_ms;
    int32_t exchange_index, subaccount;
    qty_t position; /* market_position */
    usd_t position_cost, realized, fees_paid;
    char event_type[48]; /* FRAME_LIFECYCLE, FRAME_GROUP */
    int64_t close_ts;    /* seconds, 0: absent */
    bool has_grid;       /* price_ranges were there */
    struct grid grid;
    /* FRAME_LIFECYCLE, determined: yes, no, scalar (empty: absent), and what a YES pays */
    char result[16];
    bool has_settlement;
    px_t settlement_px;
    char fee_type[48]; /* FRAME_EVENT_FEE; empty: the override has ended */
    int32_t fee_mult_micros;
};

/*
 * Decode any message that is not hot. ST_MALFORMED: not JSON, not an object with a type, or a known
 * type without what it must have; err says which.
 */
enum status frame_decode(const char *s, size_t n, struct frame *ret, struct err *err) MUST_CHECK;

/*
 * The hot messages through jansson, for the differential test. Same results and statuses as
 * wire_decode (ST_TRUNCATED counts as ST_MALFORMED), but for the differences listed in
 * tests/fuzz/README.md. Texts are borrowed from *ret_doc, to be freed with frame_doc_free.
 */
struct frame_doc;
enum status frame_decode_hot(struct wire_decoder *d, const char *s, size_t n, struct wire_msg *ret,
                             struct frame_doc **ret_doc) MUST_CHECK;
void frame_doc_free(struct frame_doc *doc);

/* --- commands of the client (kalshi-api.md 5.2); each appends one JSON object --- */

void frame_subscribe(struct buf *out, uint64_t id, const char *const *channels, size_t n_channels,
                     const char *const *tickers, size_t n_tickers, bool use_yes_price);
enum frame_action { FRAME_ADD_MARKETS, FRAME_DELETE_MARKETS, FRAME_GET_SNAPSHOT };
void frame_update(struct buf *out, uint64_t id, uint64_t sid, enum frame_action action,
                  const char *const *tickers, size_t n_tickers);
void frame_unsubscribe(struct buf *out, uint64_t id, const uint64_t *sids, size_t n);

#endif
