/*
 * sim_market_read.c - markets as REST shows them (sheet 11): one, and lists with filters and pages.
 * Lists have the newest market first, as the exchange does; a cursor names the place of the next
 * one, so pages stay whole while markets are listed.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

#define DAY_MINUTES 1440

const char *status_filter_of(enum mstatus s)
{
    static const char *const text[M_STATUS_MAX] = {
        [M_INITIALIZED] = "unopened", [M_ACTIVE] = "open",       [M_INACTIVE] = "paused",
        [M_CLOSED] = "closed",        [M_DETERMINED] = "closed", [M_DISPUTED] = "closed",
        [M_AMENDED] = "closed",       [M_FINALIZED] = "settled"};
    return text[s];
}

bool market_archived(const struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    return k->status == M_FINALIZED && k->settled < cutoff_settled(sim);
}

/* Reads lag behind the listing (sheet 5.7.8): what was there at the start is always seen. */
static bool seen(const struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    return k->created <= sim->start_wall ||
           sim->wall - k->created >= sim->config.rules.listing_delay_ms * NS_PER_MS;
}

/* --- one market --- */

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

/* A day ago; zeros for a market that was not there. */
static void write_previous(const struct sim *sim, struct jw *w, const struct smarket *k)
{
    int64_t then = sim->wall / NS_PER_SEC / 60 - DAY_MINUTES;
    uint32_t i = candles_from(k->candles, then);
    const struct candle *c = i > 0 ? candles_at(k->candles, i - 1) : NULL;
    px_t last = c == NULL ? 0 : c->volume > 0 ? c->px.close : c->previous;
    jw_px(w, "previous_price_dollars", last);
    jw_px(w, "previous_yes_ask_dollars", c != NULL ? c->ask.close : 0);
    jw_px(w, "previous_yes_bid_dollars", c != NULL ? c->bid.close : 0);
}

static qty_t volume_24h(const struct sim *sim, const struct smarket *k)
{
    qty_t sum = 0;
    int64_t from = sim->wall / NS_PER_SEC / 60 - DAY_MINUTES + 1;
    for (uint32_t i = candles_from(k->candles, from); i < candles_count(k->candles); i++) {
        sum += candles_at(k->candles, i)->volume;
    }
    return sum;
}

static void write_times(struct jw *w, const struct smarket *k)
{
    wall_ns_t latest = k->latest != 0 ? k->latest : k->closes;
    jw_time(w, "close_time", k->closes);
    jw_time(w, "created_time", k->created);
    jw_time(w, "expected_expiration_time", k->expected != 0 ? k->expected : k->closes);
    jw_time(w, "expiration_time", latest);
    jw_time(w, "latest_expiration_time", latest);
    jw_time(w, "open_time", k->opens);
    jw_time(w, "updated_time", k->updated);
    if (k->occurred != 0) {
        jw_time(w, "occurrence_datetime", k->occurred);
    }
    if (k->waived_until != 0) {
        jw_time(w, "fee_waiver_expiration_time", k->waived_until);
    }
}

static void write_result(struct jw *w, const struct smarket *k)
{
    jw_str(w, "expiration_value", text_or(k->text[MT_EXPIRATION_VALUE], ""));
    jw_str(w, "result", result_text(k));
    if (k->status >= M_DETERMINED) {
        jw_px(w, "settlement_value_dollars", k->value);
    }
    if (k->status == M_FINALIZED) {
        jw_time(w, "settlement_ts", k->settled);
    }
    jw_int(w, "settlement_timer_seconds", k->timer_s);
    jw_str(w, "settlement_bounds_type", k->floor != 0 ? "floor" : "default");
    if (k->floor != 0) {
        jw_px(w, "settlement_floor_dollars", k->floor);
    }
}

static void write_texts(struct jw *w, const struct smarket *k)
{
    jw_str(w, "title", text_or(k->text[MT_TITLE], k->ticker));
    if (k->text[MT_SUBTITLE] != NULL) {
        jw_str(w, "subtitle", k->text[MT_SUBTITLE]);
    }
    jw_str(w, "yes_sub_title", text_or(k->text[MT_YES_SUB_TITLE], k->ticker));
    jw_str(w, "no_sub_title", text_or(k->text[MT_NO_SUB_TITLE], k->ticker));
    jw_str(w, "rules_primary", text_or(k->text[MT_RULES_PRIMARY], RULES_PRIMARY));
    jw_str(w, "rules_secondary", text_or(k->text[MT_RULES_SECONDARY], ""));
    if (k->text[MT_EARLY_CLOSE_CONDITION] != NULL) {
        jw_str(w, "early_close_condition", k->text[MT_EARLY_CLOSE_CONDITION]);
    }
    write_strikes(w, k, UINT32_MAX);
    if (k->text[MT_FUNCTIONAL_STRIKE] != NULL) {
        jw_str(w, "functional_strike", k->text[MT_FUNCTIONAL_STRIKE]);
    }
}

void write_market(struct sim *sim, struct jw *w, const char *key, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    jw_open(w, key, '{');
    jw_str(w, "ticker", k->ticker);
    jw_str(w, "event_ticker", k->event);
    jw_str(w, "market_type", k->scalar ? "scalar" : "binary");
    jw_str(w, "status", mstatus_text(k->status));
    jw_bool(w, "can_close_early", k->can_close_early);
    jw_int(w, "exchange_index", k->exchange_index);
    write_times(w, k);
    write_texts(w, k);
    write_result(w, k);
    jw_px(w, "last_price_dollars", k->last_yes_px);
    jw_px(w, "notional_value_dollars", PX_ONE);
    jw_qty(w, "open_interest_fp", match_open_interest(sim->match, market));
    write_previous(sim, w, k);
    jw_str(w, "price_level_structure", k->structure);
    write_ranges(w, match_grid(sim->match, market));
    jw_qty(w, "volume_24h_fp", volume_24h(sim, k));
    jw_qty(w, "volume_fp", k->volume);
    write_quotes(sim, w, market);
    jw_close(w, '}');
}

/* --- filters --- */

struct filter {
    uint64_t *named; /* bitmap of the tickers asked for; NULL: all */
    char event[TICKER_MAX], series[TICKER_MAX], status[16], mve[16];
    int64_t min_created, max_created, min_close, max_close, min_settled, max_settled, min_updated;
    bool historical;
};

static bool between(wall_ns_t t, int64_t min_s, int64_t max_s)
{
    return (min_s == INT64_MIN || t / NS_PER_SEC >= min_s) &&
           (max_s == INT64_MAX || t / NS_PER_SEC <= max_s);
}

static bool passes(const struct sim *sim, const struct filter *f, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    if (!seen(sim, market) || market_archived(sim, market) != f->historical ||
        (f->named != NULL && (f->named[market >> 6] >> (market & 63) & 1) == 0)) {
        return false;
    }
    if ((f->event[0] != '\0' && strcmp(f->event, k->event) != 0) ||
        (f->series[0] != '\0' && strcmp(f->series, k->series) != 0) ||
        (f->status[0] != '\0' && strcmp(f->status, status_filter_of(k->status)) != 0)) {
        return false;
    }
    bool mve = strncmp(k->ticker, "KXMVE", 5) == 0;
    if (f->mve[0] != '\0' && mve != (strcmp(f->mve, "only") == 0)) {
        return false;
    }
    bool settled = f->min_settled == INT64_MIN && f->max_settled == INT64_MAX;
    return between(k->created, f->min_created, f->max_created) &&
           between(k->closes, f->min_close, f->max_close) &&
           (settled ||
            (k->status == M_FINALIZED && between(k->settled, f->min_settled, f->max_settled))) &&
           between(k->updated, f->min_updated, INT64_MAX);
}

/* False without memory. */
static bool name_tickers(const struct sim *sim, char *list, uint64_t **ret)
{
    if (list == NULL || list[0] == '\0') {
        return true;
    }
    *ret = calloc(sim->n_markets / 64 + 1, sizeof **ret);
    char *rest = NULL;
    for (char *s = strtok_r(list, ",", &rest); *ret != NULL && s != NULL;
         s = strtok_r(NULL, ",", &rest)) {
        uint32_t market = sim_find_market(sim, text_of(s));
        if (market != NO_INDEX) {
            (*ret)[market >> 6] |= UINT64_C(1) << (market & 63);
        }
    }
    return *ret != NULL;
}

static bool created_filter(const struct filter *f)
{
    return f->min_created != INT64_MIN || f->max_created != INT64_MAX;
}

static bool close_filter(const struct filter *f)
{
    return f->min_close != INT64_MIN || f->max_close != INT64_MAX;
}

static bool settled_filter(const struct filter *f)
{
    return f->min_settled != INT64_MIN || f->max_settled != INT64_MAX;
}

static bool status_in(const struct filter *f, const char *list)
{
    return f->status[0] == '\0' || list_has(list, f->status);
}

/* The table of filters that go together: NULL, or the field that does not. */
static const char *clash(const struct filter *f, bool named)
{
    int kinds = created_filter(f) + close_filter(f) + settled_filter(f);
    bool updated = f->min_updated != INT64_MIN;
    if (updated && (kinds > 0 || f->status[0] != '\0' || named || f->event[0] != '\0' ||
                    strcmp(f->mve, "only") == 0 || (f->series[0] != '\0' && f->mve[0] == '\0'))) {
        return "MinUpdatedTs";
    }
    if (created_filter(f) && (kinds > 1 || !status_in(f, "unopened,open"))) {
        return "MinCreatedTs";
    }
    if (close_filter(f) && (kinds > 1 || !status_in(f, "closed"))) {
        return "MinCloseTs";
    }
    return settled_filter(f) && !status_in(f, "settled") ? "MinSettledTs" : NULL;
}

static bool read_times(const struct read *q, struct filter *f)
{
    return read_int(q, "min_created_ts", "MinCreatedTs", &f->min_created) &&
           read_int(q, "max_created_ts", "MaxCreatedTs", &f->max_created) &&
           read_int(q, "min_close_ts", "MinCloseTs", &f->min_close) &&
           read_int(q, "max_close_ts", "MaxCloseTs", &f->max_close) &&
           read_int(q, "min_settled_ts", "MinSettledTs", &f->min_settled) &&
           read_int(q, "max_settled_ts", "MaxSettledTs", &f->max_settled) &&
           read_int(q, "min_updated_ts", "MinUpdatedTs", &f->min_updated);
}

static bool read_filter(const struct read *q, struct filter *f)
{
    struct text query = q->req->query;
    query_get(query, "event_ticker", f->event, sizeof f->event);
    query_get(query, "series_ticker", f->series, sizeof f->series);
    const char *mve = f->historical ? "exclude" : "only,exclude";
    if (!read_choice(q, "mve_filter", "MveFilter", mve, f->mve, sizeof f->mve)) {
        return false;
    }
    if (!f->historical &&
        (!read_choice(q, "status", "Status", "unopened,open,paused,closed,settled", f->status,
                      sizeof f->status) ||
         !read_times(q, f))) {
        return false;
    }
    char *list = read_list(query, "tickers");
    const char *wrong = clash(f, list != NULL && list[0] != '\0');
    bool room = name_tickers(q->sim, list, &f->named);
    free(list);
    if (wrong != NULL) {
        reply_msg(q->r, q->operation, wrong, "excluded_with");
        return false;
    }
    if (!room) {
        reply_nested(q->r, 500, "internal_server_error", NULL);
    }
    return room;
}

/* --- lists --- */

static void write_page(const struct read *q, const struct filter *f, uint32_t limit, uint32_t from)
{
    struct sim *sim = q->sim;
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "markets", '[');
    for (uint32_t i = from == 0 || from > sim->n_markets ? sim->n_markets : from; i > 0; i--) {
        if (!passes(sim, f, i - 1)) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write_market(sim, &w, NULL, i - 1);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}

static void list(const struct read *q, bool historical)
{
    struct filter f = {.min_created = INT64_MIN,
                       .max_created = INT64_MAX,
                       .min_close = INT64_MIN,
                       .max_close = INT64_MAX,
                       .min_settled = INT64_MIN,
                       .max_settled = INT64_MAX,
                       .min_updated = INT64_MIN,
                       .historical = historical};
    uint32_t limit = 0;
    uint32_t from = 0;
    if (page_get(q->req->query, q->operation, 1000, 100, q->r, &limit, &from) &&
        read_filter(q, &f)) {
        write_page(q, &f, limit, from);
    }
    free(f.named);
}

void markets_read(const struct read *q)
{
    list(q, false);
}

void historical_markets_read(const struct read *q)
{
    list(q, true);
}

static void one(const struct read *q, struct text ticker, bool historical)
{
    uint32_t market = sim_find_market(q->sim, ticker);
    if (market == NO_INDEX || !seen(q->sim, market) ||
        market_archived(q->sim, market) != historical) {
        reply_not_found(q->r);
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    write_market(q->sim, &w, "market", market);
    jw_close(&w, '}');
}

void market_read(const struct read *q, struct text ticker)
{
    one(q, ticker, false);
}

void historical_market_read(const struct read *q, struct text ticker)
{
    one(q, ticker, true);
}
