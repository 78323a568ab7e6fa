/*
 * rest.h - bodies of the REST API, read and written with jansson (kalshi-api.md sections 7 to 12).
 *
 * Lists are handed out row by row through a callback; texts that do not fit their field make the
 * body ST_MALFORMED. Unknown keys are ignored, deprecated ones never needed. Prices, counts and
 * money are decimal strings on the wire.
 */
#ifndef WIRE_REST_H
#define WIRE_REST_H

#include "base/grid.h"
#include "base/timefmt.h"
#include "wire/msg.h"

#define REST_ID     72
#define REST_TICKER 64

struct rest_order_create {
    const char *ticker, *client_id, *group_id; /* group_id may be NULL */
    bool bid;                                  /* side bid (buys YES) or ask */
    px_t yes_px;
    qty_t qty;
    const char *tif; /* good_till_canceled, immediate_or_cancel, fill_or_kill */
    bool post_only, reduce_only;
    int64_t expiration_s; /* 0: none */
};

/* Body of POST /portfolio/events/orders: self_trade_prevention_type is taker_at_cross. */
void rest_write_create(struct buf *out, const struct rest_order_create *order);

/* Body of POST /portfolio/events/orders/{id}/amend: qty is the new total, filled and wanted rest.
 */
struct rest_order_amend {
    const char *ticker, *client_id;
    bool bid;
    px_t yes_px;
    qty_t qty;
};
void rest_write_amend(struct buf *out, const struct rest_order_amend *order);

/* Answers of create, amend and cancel. An amend may leave out both counts: has_counts. */
struct rest_ack {
    bool has_counts;
    char order_id[REST_ID], client_id[REST_ID];
    qty_t filled, remaining, reduced_by;
    px_t average_px; /* 0: absent */
    int64_t ts_ms;
};
enum status rest_read_create(const char *s, size_t n, struct rest_ack *ret,
                             struct err *err) MUST_CHECK;
enum status rest_read_amend(const char *s, size_t n, struct rest_ack *ret,
                            struct err *err) MUST_CHECK;
/* Answer of an order group's creation. ST_LIMIT: the id does not fit. */
enum status rest_read_group(const char *s, size_t n, char *ret_id, size_t cap,
                            struct err *err) MUST_CHECK;
enum status rest_read_cancel(const char *s, size_t n, struct rest_ack *ret,
                             struct err *err) MUST_CHECK;

struct rest_order {
    char order_id[REST_ID], client_id[REST_ID], ticker[REST_TICKER], status[16];
    enum side outcome;
    px_t yes_px;
    qty_t initial, filled, remaining;
    usd_t taker_cost, maker_cost, taker_fees, maker_fees;
    wall_ns_t created, updated; /* 0: absent */
    int32_t subaccount, exchange_index;
};
struct rest_fill {
    char trade_id[REST_ID], order_id[REST_ID], ticker[REST_TICKER];
    enum side outcome;
    bool is_taker;
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    wall_ns_t created;
    int32_t subaccount, exchange_index;
};
struct rest_position {
    char ticker[REST_TICKER];
    qty_t position;
    usd_t exposure, realized, fees;
};
struct rest_market {
    char ticker[REST_TICKER], event_ticker[REST_TICKER], status[16], structure[48], result[16];
    struct grid grid;
    bool has_grid;
    wall_ns_t open_time, close_time;
    int32_t exchange_index;
    qty_t volume_24h;
    bool has_settlement; /* it is known what a YES pays */
    px_t settlement_px;
    wall_ns_t waived; /* fee_waiver_expiration_time; 0: none */
};
struct rest_event {
    char ticker[REST_TICKER], series[REST_TICKER];
    char fee_type[48]; /* of its override; empty: there is none */
    int32_t fee_mult_micros;
};

/* A page: rows through on_row (a status other than ST_OK stops and is returned), cursor "" on the
 * last page. */
typedef enum status (*rest_row_fn)(void *self, const void *row);
enum status rest_read_orders(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                             size_t cursor_cap, struct err *err) MUST_CHECK; /* struct rest_order */
enum status rest_read_order(const char *s, size_t n, struct rest_order *ret,
                            struct err *err) MUST_CHECK;
enum status rest_read_fills(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                            size_t cursor_cap, struct err *err) MUST_CHECK; /* struct rest_fill */
enum status rest_read_positions(const char *s, size_t n, rest_row_fn on_row, void *self,
                                char *cursor, size_t cursor_cap, struct err *err)
    MUST_CHECK; /* struct rest_position, market_positions only */
enum status rest_read_markets(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                              size_t cursor_cap,
                              struct err *err) MUST_CHECK; /* struct rest_market */
enum status rest_read_events(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                             size_t cursor_cap, struct err *err) MUST_CHECK; /* struct rest_event */
enum status rest_read_event(const char *s, size_t n, struct rest_event *ret,
                            struct err *err) MUST_CHECK;
enum status rest_read_market(const char *s, size_t n, struct rest_market *ret,
                             struct err *err) MUST_CHECK;

struct rest_balance {
    usd_t balance;         /* balance_dollars, else balance cents */
    usd_t portfolio_value; /* cents times 1e4 */
    int64_t updated_s;
};
enum status rest_read_balance(const char *s, size_t n, struct rest_balance *ret,
                              struct err *err) MUST_CHECK;

/* orderbook_fp of GET /markets/{ticker}/orderbook, levels into d's scratch; ticker is left empty.
 */
enum status rest_read_book(struct wire_decoder *d, const char *s, size_t n,
                           struct wire_snapshot *ret, struct err *err) MUST_CHECK;

struct rest_limits {
    char tier[32];
    int64_t read_capacity, read_rate, write_capacity, write_rate;
};
enum status rest_read_limits(const char *s, size_t n, struct rest_limits *ret,
                             struct err *err) MUST_CHECK;
enum status rest_read_as_of(const char *s, size_t n, wall_ns_t *ret_as_of,
                            struct err *err) MUST_CHECK;

struct rest_series {
    char ticker[REST_TICKER], fee_type[48];
    int32_t fee_mult_micros;
};
enum status rest_read_series(const char *s, size_t n, struct rest_series *ret,
                             struct err *err) MUST_CHECK;

/* Any of the four error shapes (section 7.2), or plain text; never fails: code is "" when there is
 * none. */
struct rest_error {
    char code[64], message[128], details[160];
};
void rest_read_error(const char *s, size_t n, struct rest_error *ret);

/*
 * The text to sign: milliseconds, method, path without query (section 3.1). ST_LIMIT: does not fit.
 * Returns its length.
 */
enum status rest_sign_text(int64_t ts_ms, const char *method, const char *path, char *buf,
                           size_t cap, size_t *ret_n) MUST_CHECK;

#endif
