/*
 * sim_public.c - reads that need no user (sheet 11 and 12): which route is whose.
 */
#include <string.h>

#include "sim/sim_read.h"

/* --- routes --- */

bool path_under(struct text path, const char *prefix, struct text *ret)
{
    size_t n = strlen(prefix);
    if (path.n <= n || memcmp(path.p, prefix, n) != 0) {
        return false;
    }
    *ret = (struct text){path.p + n, path.n - n};
    return true;
}

/* path ends with suffix, which is cut off. */
static bool path_ends(struct text *path, const char *suffix)
{
    size_t n = strlen(suffix);
    if (path->n <= n || memcmp(path->p + path->n - n, suffix, n) != 0) {
        return false;
    }
    path->n -= n;
    return true;
}

void reply_not_found(struct sim_http_resp *r)
{
    reply_nested(r, 404, "not_found", NULL);
}

/* Whole paths, each with the name that errors carry. */
static const struct {
    const char *path, *operation;
    void (*read)(const struct read *q);
} routes[] = {
    {"/markets", "GetMarkets", markets_read},
    {"/markets/orderbooks", "GetMarketOrderbooks", books_read},
    {"/markets/candlesticks", "BatchGetMarketCandlesticks", batch_candles_read},
    {"/events", "GetEvents", events_read},
    {"/events/multivariate", "GetMultivariateEvents", multivariate_events_read},
    {"/events/fee_changes", "GetEventFeeChanges", event_fee_changes_read},
    {"/series", "GetSeriesList", series_list_read},
    {"/series/fee_changes", "GetSeriesFeeChanges", series_fee_changes_read},
    {"/historical/cutoff", "GetHistoricalCutoff", cutoff_read},
    {"/historical/markets", "GetHistoricalMarkets", historical_markets_read},
    {"/exchange/status", "GetExchangeStatus", status_read},
    {"/exchange/schedule", "GetExchangeSchedule", schedule_read},
    {"/exchange/user_data_timestamp", "GetUserDataTimestamp", as_of_read},
    {"/search/tags_by_categories", "GetTagsForSeriesCategories", tags_read},
};

static bool is_word(struct text s)
{
    return s.n > 0 && memchr(s.p, '/', s.n) == NULL;
}

/* Split "A/middle/B" into two words. */
static bool split(struct text s, const char *middle, struct text *ret_a, struct text *ret_b)
{
    const char *slash = memchr(s.p, '/', s.n);
    if (slash == NULL) {
        return false;
    }
    *ret_a = (struct text){s.p, (size_t)(slash - s.p)};
    struct text more = {slash, s.n - ret_a->n};
    return is_word(*ret_a) && path_under(more, middle, ret_b) && is_word(*ret_b);
}

static bool market_routes(struct read *q, struct text name)
{
    if (path_ends(&name, "/orderbook") && is_word(name)) {
        q->operation = "GetMarketOrderbook";
        book_read(q, name);
    } else if (is_word(name)) {
        q->operation = "GetMarket";
        market_read(q, name);
    } else {
        return false;
    }
    return true;
}

static bool event_routes(struct read *q, struct text name)
{
    if (path_ends(&name, "/metadata") && is_word(name)) {
        q->operation = "GetEventMetadata";
        event_metadata_read(q, name);
    } else if (is_word(name)) {
        q->operation = "GetEvent";
        event_read(q, name);
    } else {
        return false;
    }
    return true;
}

static bool series_routes(struct read *q, struct text name)
{
    struct text series;
    struct text ticker;
    if (is_word(name)) {
        q->operation = "GetSeries";
        series_read(q, name);
        return true;
    }
    if (!path_ends(&name, "/candlesticks")) {
        return false;
    }
    if (split(name, "/markets/", &series, &ticker)) {
        q->operation = "GetMarketCandlesticks";
        candles_read(q, series, ticker);
    } else if (split(name, "/events/", &series, &ticker)) {
        q->operation = "GetEventCandlesticks";
        event_candles_read(q, series, ticker);
    } else {
        return false;
    }
    return true;
}

static bool historical_market_routes(struct read *q, struct text name)
{
    if (path_ends(&name, "/candlesticks") && is_word(name)) {
        q->operation = "GetMarketCandlesticksHistorical";
        historical_candles_read(q, name);
    } else if (is_word(name)) {
        q->operation = "GetHistoricalMarket";
        historical_market_read(q, name);
    } else {
        return false;
    }
    return true;
}

static bool whole_path(struct read *q, struct text rest)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (text_equal(rest, text_of(routes[i].path))) {
            q->operation = routes[i].operation;
            routes[i].read(q);
            return true;
        }
    }
    bool historical = text_equal(rest, TEXT("/historical/trades"));
    if (historical || text_equal(rest, TEXT("/markets/trades"))) {
        q->operation = historical ? "GetHistoricalTrades" : "GetTrades";
        trades_read(q, historical);
        return true;
    }
    return nothing_read(q, rest);
}

bool public_route(struct sim *sim, const struct sim_http_req *req, struct text rest,
                  struct sim_http_resp *r)
{
    struct read q = {sim, req, "", r};
    struct text name;
    if (whole_path(&q, rest)) {
        return true;
    }
    if (path_under(rest, "/markets/", &name)) {
        return market_routes(&q, name);
    }
    if (path_under(rest, "/events/", &name)) {
        return event_routes(&q, name);
    }
    if (path_under(rest, "/series/", &name)) {
        return series_routes(&q, name);
    }
    return path_under(rest, "/historical/markets/", &name) && historical_market_routes(&q, name);
}
