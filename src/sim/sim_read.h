/*
 * sim_read.h - what the files share that answer reads of markets, events and the exchange.
 *
 *   sim_public.c       which route is whose        sim_market_read.c  markets
 *   sim_book_read.c    books and trades            sim_event_read.c   events, series, fee changes
 *   sim_candle.c       candlesticks as kept        sim_candle_read.c  and as read
 *   sim_exchange.c     status, hours, cutoffs, and what this exchange has none of
 *   sim_read.c        parameters of queries
 */
#ifndef SIM_SIM_READ_H
#define SIM_SIM_READ_H

#include "sim/sim_life.h"

/* A route under way: operation is the name that errors of its parameters carry. */
struct read {
    struct sim *sim;
    const struct sim_http_req *req;
    const char *operation;
    struct sim_http_resp *r;
};

/* --- sim_read.c: each false when the answer (400) is written --- */
/* Whole numbers; *ret stays as it was when the parameter is absent. field: its name in errors. */
bool read_int(const struct read *q, const char *name, const char *field, int64_t *ret);
bool read_required_int(const struct read *q, const char *name, const char *field, int64_t *ret);
bool read_bool(const struct read *q, const char *name, const char *field, bool *ret);
/* One of choices (comma separated), or absent: "" is left. */
bool read_choice(const struct read *q, const char *name, const char *field, const char *choices,
                 char *ret, size_t cap);
/* All values of a parameter that may be repeated and hold commas, joined with commas; NULL when
 * absent (or without memory). The caller frees. */
char *read_list(struct text query, const char *name);

/* --- sim_market_read.c --- */
void markets_read(const struct read *q);
void market_read(const struct read *q, struct text ticker);
void historical_markets_read(const struct read *q);
void historical_market_read(const struct read *q, struct text ticker);
/* The words of the status filter: unopened, open, paused, closed, settled. */
const char *status_filter_of(enum mstatus s);
/* Only /historical has it: settled before the cutoff. */
bool market_archived(const struct sim *sim, uint32_t market);

/* --- sim_book_read.c --- */
void book_read(const struct read *q, struct text ticker);
void books_read(const struct read *q);
void trades_read(const struct read *q, bool historical);

/* --- sim_event_read.c --- */
void events_read(const struct read *q);
void multivariate_events_read(const struct read *q);
void event_read(const struct read *q, struct text ticker);
void event_metadata_read(const struct read *q, struct text ticker);
void event_fee_changes_read(const struct read *q);
void series_list_read(const struct read *q);
void series_read(const struct read *q, struct text ticker);
void series_fee_changes_read(const struct read *q);
void tags_read(const struct read *q);

/* --- sim_candle.c --- */
#define CANDLES_KEPT_MAX 10080u   /* minutes of a market: a week */
#define CANDLES_ALL      2000000u /* over all markets, about */
struct ohlc {
    uint16_t open, high, low, close; /* px_t fits */
};
/* One minute, or a longer period put together. */
struct candle {
    int64_t minute; /* the period ends at its end: (minute + 1) * 60 s */
    struct ohlc bid, ask, px;
    qty_t volume, interest;
    usd_t turnover; /* sum of price times count */
    uint16_t previous;
};
/* A change of the best quotes, or a trade, in the minute of at. */
void candle_quote(struct sim *sim, uint32_t market, wall_ns_t at);
void candle_trade(struct sim *sim, uint32_t market, px_t yes_px, qty_t qty, wall_ns_t at);
/* One of an earlier process; each later than the one before. ST_INVALID, ST_NOMEM. */
enum status candle_load(struct sim *sim, uint32_t market, const struct candle *c) MUST_CHECK;
void candles_destroy(struct candles *c); /* NULL is fine */
/* Minutes kept, oldest first. */
uint32_t candles_count(const struct candles *c); /* c NULL: 0 */
const struct candle *candles_at(const struct candles *c, uint32_t i);
/* Index of the first minute not before minute. */
uint32_t candles_from(const struct candles *c, int64_t minute);

/* --- sim_candle_read.c --- */
void candles_read(const struct read *q, struct text series, struct text ticker);
void event_candles_read(const struct read *q, struct text series, struct text event);
void batch_candles_read(const struct read *q);
void historical_candles_read(const struct read *q, struct text ticker);

/* --- sim_exchange.c --- */
void status_read(const struct read *q);
void schedule_read(const struct read *q);
void as_of_read(const struct read *q);
void cutoff_read(const struct read *q);
/* Lists that are empty and objects that are not there, in this exchange; false: no such route. */
bool nothing_read(const struct read *q, struct text rest);
/* Before these times data is historical. */
wall_ns_t cutoff_settled(const struct sim *sim);
wall_ns_t cutoff_trades(const struct sim *sim);
wall_ns_t cutoff_orders(const struct sim *sim);

/* path is prefix and more: the more. */
bool path_under(struct text path, const char *prefix, struct text *ret);
void reply_not_found(struct sim_http_resp *r);

#endif
