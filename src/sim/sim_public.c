/*
 * sim_public.c - markets, events, series, the exchange and the account's limits (sheet 11 and 12).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_life.h"

/* --- one market --- */

/* The words of the status filter (sheet 11). */
static const char *status_filter_of(enum mstatus s)
{
    static const char *const text[] = {
        [M_INITIALIZED] = "unopened", [M_ACTIVE] = "open",       [M_INACTIVE] = "paused",
        [M_CLOSED] = "closed",        [M_DETERMINED] = "closed", [M_DISPUTED] = "closed",
        [M_AMENDED] = "closed",       [M_FINALIZED] = "settled"};
    return text[s];
}

static void write_quotes(struct sim *sim, struct jw *w, uint32_t market)
{
    px_t yes = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    jw_px(w, "yes_bid_dollars", yes);
    jw_qty(w, "yes_bid_size_fp", match_level_qty(sim->match, market, SIDE_YES, yes));
    jw_px(w, "yes_ask_dollars", PX_ONE - no);
    jw_qty(w, "yes_ask_size_fp", match_level_qty(sim->match, market, SIDE_NO, no));
    jw_px(w, "no_bid_dollars", no);
    jw_px(w, "no_ask_dollars", PX_ONE - yes);
}

void write_market(struct sim *sim, struct jw *w, const char *key, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    bool over = k->status == M_DETERMINED || k->status == M_FINALIZED;
    jw_open(w, key, '{');
    jw_bool(w, "can_close_early", true);
    jw_time(w, "close_time", k->closes);
    jw_time(w, "created_time", k->created);
    jw_str(w, "event_ticker", k->event);
    jw_int(w, "exchange_index", k->exchange_index);
    jw_time(w, "expected_expiration_time", k->closes);
    jw_time(w, "expiration_time", k->closes);
    jw_str(w, "expiration_value", "");
    jw_px(w, "last_price_dollars", k->last_yes_px);
    jw_time(w, "latest_expiration_time", k->closes);
    jw_str(w, "market_type", "binary");
    jw_str(w, "no_sub_title", k->ticker);
    jw_px(w, "notional_value_dollars", PX_ONE);
    jw_qty(w, "open_interest_fp", match_open_interest(sim->match, market));
    jw_time(w, "open_time", k->opens);
    jw_px(w, "previous_price_dollars", k->prev_yes_px);
    jw_px(w, "previous_yes_ask_dollars", 0);
    jw_px(w, "previous_yes_bid_dollars", 0);
    jw_str(w, "price_level_structure", k->structure);
    write_ranges(w, match_grid(sim->match, market));
    jw_str(w, "result", over ? (k->result_yes ? "yes" : "no") : "");
    jw_str(w, "rules_primary", "A market of the simulator.");
    jw_str(w, "rules_secondary", "");
    jw_str(w, "settlement_bounds_type", "default");
    jw_int(w, "settlement_timer_seconds", 1);
    if (k->status == M_FINALIZED) {
        jw_time(w, "settlement_ts", k->settled);
        jw_px(w, "settlement_value_dollars", k->result_yes ? PX_ONE : 0);
    }
    jw_str(w, "status", mstatus_text(k->status));
    jw_str(w, "ticker", k->ticker);
    jw_str(w, "title", k->ticker);
    jw_time(w, "updated_time", k->updated);
    jw_qty(w, "volume_24h_fp", k->volume);
    jw_qty(w, "volume_fp", k->volume);
    write_quotes(sim, w, market);
    jw_str(w, "yes_sub_title", k->ticker);
    jw_close(w, '}');
}

/* --- lists of markets --- */

struct market_query {
    char tickers[8192], event[256], series[256], status[64];
};

static bool market_passes(const struct market_query *q, const struct smarket *k)
{
    return list_has(q->tickers, k->ticker) && list_has(q->event, k->event) &&
           list_has(q->series, k->series) && list_has(q->status, status_filter_of(k->status));
}

static bool status_known(const char *list)
{
    char text[64];
    text_copy(text, sizeof text, text_of(list));
    char *rest = NULL;
    for (char *s = strtok_r(text, ",", &rest); s != NULL; s = strtok_r(NULL, ",", &rest)) {
        if (!list_has("unopened,open,paused,closed,settled", s)) {
            return false;
        }
    }
    return true;
}

static void list_markets(struct sim *sim, struct text query, struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetMarkets", 1000, 100, r, &limit, &from)) {
        return;
    }
    struct market_query q;
    query_get(query, "tickers", q.tickers, sizeof q.tickers);
    query_get(query, "event_ticker", q.event, sizeof q.event);
    query_get(query, "series_ticker", q.series, sizeof q.series);
    query_get(query, "status", q.status, sizeof q.status);
    if (!status_known(q.status)) {
        reply_msg(r, "GetMarkets", "Status", "oneof");
        return;
    }
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "markets", '[');
    for (uint32_t i = from; i < sim->n_markets; i++) {
        if (!market_passes(&q, &sim->markets[i])) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write_market(sim, &w, NULL, i);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}

static void get_market(struct sim *sim, uint32_t market, struct sim_http_resp *r)
{
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    write_market(sim, &w, "market", market);
    jw_close(&w, '}');
}

/* --- books --- */

static void write_book(struct sim *sim, struct jw *w, uint32_t market, size_t depth)
{
    jw_open(w, "orderbook_fp", '{');
    for (int s = 1; s >= 0; s--) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        size_t n = match_level_count(sim->match, market, side);
        struct level *lv = calloc(n + 1, sizeof *lv);
        n = lv != NULL ? match_levels(sim->match, market, side, lv, n) : 0;
        size_t skip = depth != 0 && depth < n ? n - depth : 0; /* the best ones are last */
        jw_levels(w, s == 0 ? "yes_dollars" : "no_dollars", lv != NULL ? lv + skip : NULL, n - skip,
                  false);
        free(lv);
    }
    jw_close(w, '}');
}

static void get_book(struct sim *sim, uint32_t market, struct text query, struct sim_http_resp *r)
{
    char text[16];
    long depth = query_get(query, "depth", text, sizeof text) ? strtol(text, NULL, 10) : 0;
    if (depth < 0 || depth > 100) {
        reply_msg(r, "GetMarketOrderbook", "Depth", depth < 0 ? "gte" : "lte");
        return;
    }
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    write_book(sim, &w, market, (size_t)depth);
    jw_close(&w, '}');
}

static void get_books(struct sim *sim, struct text query, struct sim_http_resp *r)
{
    char list[8192];
    uint32_t n = 0;
    if (!query_get(query, "tickers", list, sizeof list) || list[0] == '\0') {
        reply_msg(r, "GetMarketOrderbooks", "Tickers", "required");
        return;
    }
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "orderbooks", '[');
    char *rest = NULL;
    for (char *s = strtok_r(list, ",", &rest); s != NULL; s = strtok_r(NULL, ",", &rest)) {
        uint32_t market = sim_find_market(sim, text_of(s));
        if (++n > 100) {
            reply_msg(r, "GetMarketOrderbooks", "Tickers", "max");
            return;
        }
        if (market != NO_INDEX) {
            jw_open(&w, NULL, '{');
            jw_str(&w, "ticker", s);
            write_book(sim, &w, market, 0);
            jw_close(&w, '}');
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* --- public trades --- */

static void write_trade(struct sim *sim, struct jw *w, const struct strade *t)
{
    jw_open(w, NULL, '{');
    jw_qty(w, "count_fp", t->qty);
    jw_time(w, "created_time", t->at);
    jw_bool(w, "is_block_trade", t->block);
    jw_px(w, "no_price_dollars", PX_ONE - t->yes_px);
    jw_str(w, "taker_book_side", book_side_text(t->taker));
    jw_str(w, "taker_outcome_side", side_text(t->taker));
    jw_str(w, "taker_side", side_text(t->taker));
    jw_str(w, "ticker", sim->markets[t->market].ticker);
    jw_str(w, "trade_id", t->id);
    jw_px(w, "yes_price_dollars", t->yes_px);
    jw_close(w, '}');
}

static void list_trades(struct sim *sim, struct text query, struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetTrades", 1000, 100, r, &limit, &from)) {
        return;
    }
    char ticker[TICKER_MAX];
    char text[32];
    query_get(query, "ticker", ticker, sizeof ticker);
    int64_t min = query_get(query, "min_ts", text, sizeof text) ? strtoll(text, NULL, 10) : 0;
    int64_t max =
        query_get(query, "max_ts", text, sizeof text) ? strtoll(text, NULL, 10) : INT64_MAX;
    uint64_t oldest = sim->n_trades > TRADES_KEPT ? sim->n_trades - TRADES_KEPT : 0;
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "trades", '[');
    for (uint64_t i = from == 0 || from > sim->n_trades ? sim->n_trades : from; i > oldest; i--) {
        const struct strade *t = &sim->trades[(i - 1) % TRADES_KEPT];
        int64_t s = t->at / NS_PER_SEC;
        if (!list_has(ticker, sim->markets[t->market].ticker) || s < min || s > max) {
            continue;
        }
        if (n++ == limit) {
            next = (uint32_t)i;
            break;
        }
        write_trade(sim, &w, t);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}

/* --- events and series: made of the markets' names --- */

static bool first_of_event(const struct sim *sim, uint32_t market)
{
    for (uint32_t i = 0; i < market; i++) {
        if (strcmp(sim->markets[i].event, sim->markets[market].event) == 0) {
            return false;
        }
    }
    return true;
}

static uint32_t find_event(const struct sim *sim, struct text event)
{
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        if (text_equal(text_of(sim->markets[i].event), event)) {
            return i;
        }
    }
    return NO_INDEX;
}

static void write_event_fields(struct jw *w, const struct smarket *k)
{
    jw_str(w, "category", "Simulation");
    jw_str(w, "collateral_return_type", "");
    jw_str(w, "event_ticker", k->event);
    jw_int(w, "exchange_index", 0);
    jw_bool(w, "mutually_exclusive", false);
    jw_str(w, "series_ticker", k->series);
    jw_str(w, "strike_period", "");
    jw_str(w, "sub_title", "");
    jw_str(w, "title", k->event);
}

static void write_event_markets(struct sim *sim, struct jw *w, uint32_t first)
{
    jw_open(w, "markets", '[');
    for (uint32_t i = first; i < sim->n_markets; i++) {
        if (strcmp(sim->markets[i].event, sim->markets[first].event) == 0) {
            write_market(sim, w, NULL, i);
        }
    }
    jw_close(w, ']');
}

static void list_events(struct sim *sim, struct text query, struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetEvents", 200, 200, r, &limit, &from)) {
        return;
    }
    struct market_query q = {.tickers = ""};
    char nested[8];
    query_get(query, "tickers", q.event, sizeof q.event);
    query_get(query, "series_ticker", q.series, sizeof q.series);
    query_get(query, "status", q.status, sizeof q.status);
    query_get(query, "with_nested_markets", nested, sizeof nested);
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "events", '[');
    for (uint32_t i = from; i < sim->n_markets; i++) {
        if (!first_of_event(sim, i) || !market_passes(&q, &sim->markets[i])) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        jw_open(&w, NULL, '{');
        write_event_fields(&w, &sim->markets[i]);
        if (strcmp(nested, "true") == 0) {
            write_event_markets(sim, &w, i);
        }
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}

static void get_event(struct sim *sim, struct text event, struct sim_http_resp *r)
{
    uint32_t i = find_event(sim, event);
    if (i == NO_INDEX) {
        reply_nested(r, 404, "not_found", NULL);
        return;
    }
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "event", '{');
    write_event_fields(&w, &sim->markets[i]);
    jw_close(&w, '}');
    write_event_markets(sim, &w, i);
    jw_close(&w, '}');
}

static void write_series(struct sim *sim, struct jw *w, const char *key, const char *series)
{
    jw_open(w, key, '{');
    jw_open(w, "categories", '[');
    jw_close(w, ']');
    jw_str(w, "category", "Simulation");
    jw_int(w, "exchange_index", 0);
    jw_key(w, "fee_multiplier");
    buf_printf(w->b, "%lld.%06lld", (long long)(sim->config.fee_mult_micros / 1000000),
               (long long)(sim->config.fee_mult_micros % 1000000));
    jw_str(w, "fee_type", sim->fee_type);
    jw_str(w, "frequency", "custom");
    jw_open(w, "settlement_sources", '[');
    jw_close(w, ']');
    jw_str(w, "ticker", series);
    jw_str(w, "title", series);
    jw_close(w, '}');
}

static bool first_of_series(const struct sim *sim, uint32_t market)
{
    for (uint32_t i = 0; i < market; i++) {
        if (strcmp(sim->markets[i].series, sim->markets[market].series) == 0) {
            return false;
        }
    }
    return true;
}

static void list_series(struct sim *sim, struct sim_http_resp *r)
{
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "series", '[');
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        if (first_of_series(sim, i)) {
            write_series(sim, &w, NULL, sim->markets[i].series);
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static void get_series(struct sim *sim, struct text series, struct sim_http_resp *r)
{
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        if (text_equal(text_of(sim->markets[i].series), series)) {
            struct jw w = reply_json(r, 200);
            jw_open(&w, NULL, '{');
            write_series(sim, &w, "series", sim->markets[i].series);
            jw_close(&w, '}');
            return;
        }
    }
    reply_nested(r, 404, "not_found", NULL);
}

/* --- exchange and account --- */

static void get_status(struct sim_http_resp *r)
{
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_bool(&w, "exchange_active", true);
    jw_bool(&w, "trading_active", true);
    jw_bool(&w, "intra_exchange_transfers_active", true);
    jw_open(&w, "exchange_index_statuses", '[');
    jw_open(&w, NULL, '{');
    jw_int(&w, "exchange_index", 0);
    jw_str(&w, "description", "Default");
    jw_bool(&w, "exchange_active", true);
    jw_bool(&w, "trading_active", true);
    jw_bool(&w, "intra_exchange_transfers_active", true);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static void get_as_of(struct sim *sim, struct sim_http_resp *r)
{
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_time(&w, "as_of_time", sim->wall); /* our reads never lag */
    jw_close(&w, '}');
}

/* --- routes --- */

static bool under(struct text path, const char *prefix, struct text *ret)
{
    size_t n = strlen(prefix);
    if (path.n <= n || memcmp(path.p, prefix, n) != 0) {
        return false;
    }
    *ret = (struct text){path.p + n, path.n - n};
    return true;
}

static bool market_route(struct sim *sim, const struct sim_http_req *req, struct text name,
                         struct sim_http_resp *r)
{
    static const char book[] = "/orderbook";
    size_t n = sizeof book - 1;
    bool wants_book = name.n > n && memcmp(name.p + name.n - n, book, n) == 0;
    if (wants_book) {
        name.n -= n;
    }
    if (memchr(name.p, '/', name.n) != NULL) {
        return false;
    }
    uint32_t market = sim_find_market(sim, name);
    if (market == NO_INDEX) {
        reply_nested(r, 404, "not_found", NULL);
    } else if (wants_book) {
        get_book(sim, market, req->query, r);
    } else {
        get_market(sim, market, r);
    }
    return true;
}

bool public_route(struct sim *sim, const struct sim_http_req *req, struct text rest,
                  struct sim_http_resp *r)
{
    struct text name;
    if (text_equal(rest, TEXT("/markets"))) {
        list_markets(sim, req->query, r);
    } else if (text_equal(rest, TEXT("/markets/trades"))) {
        list_trades(sim, req->query, r);
    } else if (text_equal(rest, TEXT("/markets/orderbooks"))) {
        get_books(sim, req->query, r);
    } else if (under(rest, "/markets/", &name)) {
        return market_route(sim, req, name, r);
    } else if (text_equal(rest, TEXT("/events"))) {
        list_events(sim, req->query, r);
    } else if (under(rest, "/events/", &name) && memchr(name.p, '/', name.n) == NULL) {
        get_event(sim, name, r);
    } else if (text_equal(rest, TEXT("/series"))) {
        list_series(sim, r);
    } else if (under(rest, "/series/", &name) && memchr(name.p, '/', name.n) == NULL) {
        get_series(sim, name, r);
    } else if (text_equal(rest, TEXT("/exchange/status"))) {
        get_status(r);
    } else if (text_equal(rest, TEXT("/exchange/user_data_timestamp"))) {
        get_as_of(sim, r);
    } else {
        return false;
    }
    return true;
}
