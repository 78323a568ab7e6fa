/*
 * sim_event_read.c - events and series as REST shows them (sheet 11), and their changes of fees.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

#define CATEGORY "Simulation"

/* --- events --- */

/* The event's word: what its markets are, the most alive one first. */
static const char *event_status(const struct sim *sim, const struct sevent *e)
{
    static const char *const order[] = {"open", "paused", "unopened", "closed", "settled"};
    size_t best = 5;
    for (uint32_t i = e->first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        const char *s = status_filter_of(sim->markets[i].status);
        for (size_t k = 0; k < best; k++) {
            best = strcmp(order[k], s) == 0 ? k : best;
        }
    }
    if (best == 5) {
        return "unopened"; /* no market yet */
    }
    return best == 1 ? "open" : order[best]; /* a pause does not end an event */
}

static void write_sources(const struct sim *sim, struct jw *w, const struct sevent *e)
{
    jw_raw(w, "settlement_sources",
           text_or(sim->series[e->series].text[SX_SETTLEMENT_SOURCES], "[]"));
}

static void write_fields(const struct sim *sim, struct jw *w, const struct sevent *e)
{
    const struct sseries *x = &sim->series[e->series];
    jw_str(w, "category", text_or(x->text[SX_CATEGORY], CATEGORY));
    jw_str(w, "collateral_return_type", e->collateral_return);
    jw_str(w, "event_ticker", e->ticker);
    jw_int(w, "exchange_index", sim->config.exchange_index);
    if (e->fee.type[0] != '\0') {
        jw_str(w, "fee_type_override", e->fee.type);
        jw_micros(w, "fee_multiplier_override", e->fee.mult_micros);
    }
    jw_time(w, "last_updated_ts", e->updated);
    jw_bool(w, "mutually_exclusive", e->mutually_exclusive);
    if (e->text[ET_PRODUCT_METADATA] != NULL) {
        jw_raw(w, "product_metadata", e->text[ET_PRODUCT_METADATA]);
    }
    jw_str(w, "series_ticker", x->ticker);
    write_sources(sim, w, e);
    if (e->strike_date != 0) {
        jw_time(w, "strike_date", e->strike_date);
    }
    jw_str(w, "strike_period", text_or(e->text[ET_STRIKE_PERIOD], ""));
    jw_str(w, "sub_title", text_or(e->text[ET_SUB_TITLE], ""));
    jw_str(w, "title", text_or(e->text[ET_TITLE], e->ticker));
}

static void write_markets(struct sim *sim, struct jw *w, const struct sevent *e)
{
    jw_open(w, "markets", '[');
    for (uint32_t i = e != NULL ? e->first : NO_INDEX; i != NO_INDEX;
         i = sim->markets[i].next_of_event) {
        if (!market_archived(sim, i)) {
            write_market(sim, w, NULL, i);
        }
    }
    jw_close(w, ']');
}

struct filter {
    char *tickers, series[TICKER_MAX], status[16];
    int64_t min_close, min_updated;
    bool nested, milestones;
    bool combos; /* only those of combos, else only the others */
};

static bool closes_after(const struct sim *sim, const struct sevent *e, int64_t s)
{
    for (uint32_t i = e->first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        if (sim->markets[i].closes / NS_PER_SEC > s) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct sim *sim, const struct filter *f, const struct sevent *e)
{
    return (f->tickers == NULL || list_has(f->tickers, e->ticker)) &&
           (f->series[0] == '\0' || strcmp(f->series, sim->series[e->series].ticker) == 0) &&
           (f->status[0] == '\0' || strcmp(f->status, event_status(sim, e)) == 0) &&
           (f->min_close == INT64_MIN || closes_after(sim, e, f->min_close)) &&
           (f->min_updated == INT64_MIN || e->updated / NS_PER_SEC > f->min_updated) &&
           (strncmp(e->ticker, "KXMVE", 5) == 0) == f->combos;
}

static void write_page(const struct read *q, const struct filter *f, uint32_t limit, uint32_t from)
{
    struct sim *sim = q->sim;
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "events", '[');
    for (uint32_t i = from; i < sim->n_events; i++) {
        if (!passes(sim, f, &sim->events[i])) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        jw_open(&w, NULL, '{');
        write_fields(sim, &w, &sim->events[i]);
        if (f->nested) {
            write_markets(sim, &w, &sim->events[i]);
        }
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    if (f->milestones) {
        jw_raw(&w, "milestones", "[]");
    }
    page_end(&w, next);
    jw_close(&w, '}');
}

void events_read(const struct read *q)
{
    struct filter f = {.min_close = INT64_MIN, .min_updated = INT64_MIN};
    uint32_t limit = 0;
    uint32_t from = 0;
    struct text query = q->req->query;
    query_get(query, "series_ticker", f.series, sizeof f.series);
    if (page_get(query, q->operation, 200, 200, q->r, &limit, &from) &&
        read_choice(q, "status", "Status", "unopened,open,closed,settled", f.status,
                    sizeof f.status) &&
        read_bool(q, "with_nested_markets", "WithNestedMarkets", &f.nested) &&
        read_bool(q, "with_milestones", "WithMilestones", &f.milestones) &&
        read_int(q, "min_close_ts", "MinCloseTs", &f.min_close) &&
        read_int(q, "min_updated_ts", "MinUpdatedTs", &f.min_updated)) {
        f.tickers = read_list(query, "tickers");
        write_page(q, &f, limit, from);
        free(f.tickers);
    }
}

void multivariate_events_read(const struct read *q)
{
    struct filter f = {.min_close = INT64_MIN, .min_updated = INT64_MIN, .combos = true};
    char collection[TICKER_MAX];
    uint32_t limit = 0;
    uint32_t from = 0;
    struct text query = q->req->query;
    query_get(query, "series_ticker", f.series, sizeof f.series);
    query_get(query, "collection_ticker", collection, sizeof collection);
    if (f.series[0] != '\0' && collection[0] != '\0') {
        reply_msg(q->r, q->operation, "CollectionTicker", "excluded_with");
        return;
    }
    if (page_get(query, q->operation, 200, 100, q->r, &limit, &from) &&
        read_bool(q, "with_nested_markets", "WithNestedMarkets", &f.nested)) {
        /* No event belongs to a collection: there are none. */
        write_page(q, &f, limit, collection[0] != '\0' ? q->sim->n_events : from);
    }
}

/* NULL: the answer is written. */
static const struct sevent *find(const struct read *q, struct text ticker)
{
    uint32_t i = sim_find_event(q->sim, ticker);
    if (i == NO_INDEX) {
        reply_not_found(q->r);
        return NULL;
    }
    return &q->sim->events[i];
}

void event_read(const struct read *q, struct text ticker)
{
    bool nested = false;
    const struct sevent *e = find(q, ticker);
    if (e == NULL || !read_bool(q, "with_nested_markets", "WithNestedMarkets", &nested)) {
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "event", '{');
    write_fields(q->sim, &w, e);
    if (nested) {
        write_markets(q->sim, &w, e);
    }
    jw_close(&w, '}');
    write_markets(q->sim, &w, nested ? NULL : e); /* in one of the two places */
    jw_close(&w, '}');
}

void event_metadata_read(const struct read *q, struct text ticker)
{
    const struct sevent *e = find(q, ticker);
    if (e == NULL) {
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_str(&w, "image_url", "");
    jw_open(&w, "market_details", '[');
    for (uint32_t i = e->first; i != NO_INDEX; i = q->sim->markets[i].next_of_event) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "market_ticker", q->sim->markets[i].ticker);
        jw_str(&w, "image_url", "");
        jw_str(&w, "color_code", "");
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    write_sources(q->sim, &w, e);
    jw_close(&w, '}');
}

/* --- series --- */

static qty_t series_volume(const struct sim *sim, uint32_t series)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        sum += sim->markets[i].series_index == series ? sim->markets[i].volume : 0;
    }
    return sum;
}

static void write_series(const struct sim *sim, struct jw *w, const char *key, uint32_t i,
                         bool volume, bool metadata)
{
    const struct sseries *x = &sim->series[i];
    jw_open(w, key, '{');
    jw_raw(w, "additional_prohibitions", "[]");
    jw_open(w, "categories", '[');
    jw_str(w, NULL, text_or(x->text[SX_CATEGORY], CATEGORY));
    jw_close(w, ']');
    jw_str(w, "category", text_or(x->text[SX_CATEGORY], CATEGORY));
    jw_str(w, "contract_terms_url", text_or(x->text[SX_CONTRACT_TERMS_URL], ""));
    jw_str(w, "contract_url", text_or(x->text[SX_CONTRACT_URL], ""));
    jw_int(w, "exchange_index", sim->config.exchange_index);
    jw_micros(w, "fee_multiplier", x->fee.mult_micros);
    jw_str(w, "fee_type", x->fee.type);
    jw_str(w, "frequency", text_or(x->text[SX_FREQUENCY], "custom"));
    jw_time(w, "last_updated_ts", x->updated);
    if (metadata && x->text[SX_PRODUCT_METADATA] != NULL) {
        jw_raw(w, "product_metadata", x->text[SX_PRODUCT_METADATA]);
    }
    jw_raw(w, "settlement_sources", text_or(x->text[SX_SETTLEMENT_SOURCES], "[]"));
    jw_raw(w, "tags", text_or(x->text[SX_TAGS], "[]"));
    jw_str(w, "ticker", x->ticker);
    jw_str(w, "title", text_or(x->text[SX_TITLE], x->ticker));
    if (volume) {
        jw_qty(w, "volume_fp", series_volume(sim, i));
    }
    jw_close(w, '}');
}

/* The series has one of the tags of a list. */
static bool has_tag(const struct sseries *x, const char *list)
{
    json_t *tags = x->text[SX_TAGS] != NULL ? json_loads(x->text[SX_TAGS], 0, NULL) : NULL;
    bool found = false;
    for (size_t i = 0; i < json_array_size(tags); i++) {
        found = found || list_has(list, json_string_value(json_array_get(tags, i)));
    }
    json_decref(tags);
    return found;
}

void series_list_read(const struct read *q)
{
    char category[128];
    char tags[512];
    int64_t updated = INT64_MIN;
    bool volume = false;
    bool metadata = false;
    query_get(q->req->query, "category", category, sizeof category);
    query_get(q->req->query, "tags", tags, sizeof tags);
    if (!read_bool(q, "include_volume", "IncludeVolume", &volume) ||
        !read_bool(q, "include_product_metadata", "IncludeProductMetadata", &metadata) ||
        !read_int(q, "min_updated_ts", "MinUpdatedTs", &updated)) {
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "series", '[');
    for (uint32_t i = 0; i < q->sim->n_series; i++) {
        const struct sseries *x = &q->sim->series[i];
        if ((category[0] == '\0' ||
             strcmp(category, text_or(x->text[SX_CATEGORY], CATEGORY)) == 0) &&
            (tags[0] == '\0' || has_tag(x, tags)) &&
            (updated == INT64_MIN || x->updated / NS_PER_SEC > updated)) {
            write_series(q->sim, &w, NULL, i, volume, metadata);
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void series_read(const struct read *q, struct text ticker)
{
    bool volume = false;
    uint32_t i = sim_find_series(q->sim, ticker);
    if (i == NO_INDEX) {
        reply_not_found(q->r);
        return;
    }
    if (!read_bool(q, "include_volume", "IncludeVolume", &volume)) {
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    write_series(q->sim, &w, "series", i, volume, true);
    jw_close(&w, '}');
}

static bool array_has(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0) {
            return true;
        }
    }
    return false;
}

static void add_tags(json_t *all, const struct sseries *x)
{
    const char *category = text_or(x->text[SX_CATEGORY], CATEGORY);
    json_t *of = json_object_get(all, category);
    if (of == NULL) {
        of = json_array();
        json_object_set_new(all, category, of);
    }
    json_t *tags = x->text[SX_TAGS] != NULL ? json_loads(x->text[SX_TAGS], 0, NULL) : NULL;
    for (size_t i = 0; i < json_array_size(tags); i++) {
        json_t *tag = json_array_get(tags, i);
        if (!array_has(of, json_string_value(tag))) {
            json_array_append(of, tag);
        }
    }
    json_decref(tags);
}

void tags_read(const struct read *q)
{
    json_t *all = json_object();
    for (uint32_t i = 0; i < q->sim->n_series; i++) {
        add_tags(all, &q->sim->series[i]);
    }
    char *text = json_dumps(all, JSON_COMPACT);
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_raw(&w, "tags_by_categories", text_or(text, "{}"));
    jw_close(&w, '}');
    free(text);
    json_decref(all);
}

/* --- changes of fees --- */

void series_fee_changes_read(const struct read *q)
{
    struct sim *sim = q->sim;
    char series[TICKER_MAX];
    bool historical = false;
    query_get(q->req->query, "series_ticker", series, sizeof series);
    if (!read_bool(q, "show_historical", "ShowHistorical", &historical)) {
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "series_fee_change_arr", '[');
    for (uint32_t i = 0; i < sim->n_fee_changes; i++) {
        const struct fee_change *c = &sim->fee_changes[i];
        const char *ticker = sim->series[c->series].ticker;
        if (c->event != NO_INDEX || (c->done && !historical) ||
            (series[0] != '\0' && strcmp(series, ticker) != 0)) {
            continue;
        }
        jw_open(&w, NULL, '{');
        jw_str(&w, "id", c->id);
        jw_str(&w, "series_ticker", ticker);
        jw_str(&w, "fee_type", c->fee.type);
        jw_micros(&w, "fee_multiplier", c->fee.mult_micros);
        jw_time(&w, "scheduled_ts", c->at);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static void write_event_change(const struct sim *sim, struct jw *w, const struct fee_change *c)
{
    jw_open(w, NULL, '{');
    jw_str(w, "id", c->id);
    jw_str(w, "event_ticker", sim->events[c->event].ticker);
    jw_str(w, "series_ticker", sim->series[c->series].ticker);
    if (c->fee.type[0] != '\0') {
        jw_str(w, "fee_type_override", c->fee.type);
        jw_micros(w, "fee_multiplier_override", c->fee.mult_micros);
    } else {
        jw_raw(w, "fee_type_override", "null");
        jw_raw(w, "fee_multiplier_override", "null");
    }
    jw_time(w, "scheduled_ts", c->at);
    jw_close(w, '}');
}

void event_fee_changes_read(const struct read *q)
{
    struct sim *sim = q->sim;
    char event[TICKER_MAX];
    uint32_t limit = 0;
    uint32_t from = 0;
    query_get(q->req->query, "event_ticker", event, sizeof event);
    if (!page_get(q->req->query, q->operation, 1000, 100, q->r, &limit, &from)) {
        return;
    }
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "event_fee_changes", '[');
    for (uint32_t i = from; i < sim->n_fee_changes; i++) {
        const struct fee_change *c = &sim->fee_changes[i];
        if (c->event == NO_INDEX ||
            (event[0] != '\0' && strcmp(event, sim->events[c->event].ticker) != 0)) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write_event_change(sim, &w, c);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}
