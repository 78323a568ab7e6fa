/*
 * sim_market.c - the tables of series, events and markets. A market belongs to an event, an event
 * to a series; what is missing is made from the ticker: KXSIM1-S1-M01 is a market of the event
 * KXSIM1-S1, of the series KXSIM1.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

#define YEAR_NS (365 * 86400 * NS_PER_SEC)

bool ticker_valid(const char *s)
{
    size_t n = 0;
    for (; s[n] != '\0'; n++) {
        char c = s[n];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return n > 0 && n < TICKER_MAX;
}

bool text_set(char **slot, const char *s)
{
    char *copy = s != NULL ? strdup(s) : NULL;
    if (s != NULL && copy == NULL) {
        return false;
    }
    free(*slot);
    *slot = copy;
    return true;
}

static void texts_free(char **text, int n)
{
    for (int i = 0; i < n; i++) {
        free(text[i]);
    }
}

void sim_markets_finish(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        texts_free(sim->markets[i].text, MT_MAX);
        candles_destroy(sim->markets[i].candles);
    }
    for (uint32_t i = 0; i < sim->n_events; i++) {
        texts_free(sim->events[i].text, ET_MAX);
    }
    for (uint32_t i = 0; i < sim->n_series; i++) {
        texts_free(sim->series[i].text, SX_MAX);
    }
    free(sim->markets);
    free(sim->events);
    free(sim->series);
    free(sim->fee_changes);
    free(sim->due);
    free(sim->windows);
    idmap_finish(&sim->by_ticker);
    idmap_finish(&sim->by_market_id);
    idmap_finish(&sim->by_event);
    idmap_finish(&sim->by_series);
}

uint32_t sim_find_market(const struct sim *sim, struct text ticker)
{
    return idmap_get(&sim->by_ticker, ticker);
}

uint32_t sim_find_event(const struct sim *sim, struct text ticker)
{
    return idmap_get(&sim->by_event, ticker);
}

uint32_t sim_find_series(const struct sim *sim, struct text ticker)
{
    return idmap_get(&sim->by_series, ticker);
}

const char *mstatus_text(enum mstatus s)
{
    static const char *const text[M_STATUS_MAX] = {
        [M_INITIALIZED] = "initialized", [M_ACTIVE] = "active",         [M_INACTIVE] = "inactive",
        [M_CLOSED] = "closed",           [M_DETERMINED] = "determined", [M_DISPUTED] = "disputed",
        [M_AMENDED] = "amended",         [M_FINALIZED] = "finalized"};
    return text[s];
}

/* --- series and events --- */

/* Room for one more row, and a ticker that nobody has. */
static enum status row_check(const char *what, const char *ticker, const struct idmap *map,
                             bool room, struct err *err)
{
    if (!ticker_valid(ticker)) {
        return err_set(err, ST_INVALID, "'%.80s' is no %s ticker", ticker, what);
    }
    if (idmap_get(map, text_of(ticker)) != NO_INDEX) {
        return err_set(err, ST_EXISTS, "%s %s exists already", what, ticker);
    }
    return room ? ST_OK : err_set(err, ST_NOMEM, "no memory for %s %s", what, ticker);
}

enum status sim_new_series(struct sim *sim, const char *ticker, uint32_t *ret_series,
                           struct err *err)
{
    bool room =
        sim_grow((void **)&sim->series, sim->n_series, &sim->series_cap, sizeof *sim->series);
    enum status st = row_check("series", ticker, &sim->by_series, room, err);
    if (st != ST_OK) {
        return st;
    }
    st = idmap_put(&sim->by_series, text_of(ticker), sim->n_series);
    if (st != ST_OK) {
        return err_set(err, st, "series %s: %s", ticker, status_text(st));
    }
    struct sseries *x = &sim->series[sim->n_series];
    *x = (struct sseries){.updated = sim->wall};
    text_copy(x->ticker, sizeof x->ticker, text_of(ticker));
    text_copy(x->fee.type, sizeof x->fee.type, text_of(sim->fee_type));
    x->fee.mult_micros = sim->config.fee_mult_micros;
    *ret_series = sim->n_series++;
    return ST_OK;
}

void ticker_part(const char *ticker, bool last, char out[TICKER_MAX])
{
    const char *dash = last ? strrchr(ticker, '-') : strchr(ticker, '-');
    size_t n = dash != NULL && dash != ticker ? (size_t)(dash - ticker) : strlen(ticker);
    text_copy(out, TICKER_MAX, (struct text){ticker, n});
}

static enum status series_of(struct sim *sim, const char *event, const char *series,
                             uint32_t *ret_series, struct err *err)
{
    char part[TICKER_MAX];
    if (series == NULL) {
        ticker_part(event, false, part);
        series = part;
    }
    *ret_series = sim_find_series(sim, text_of(series));
    return *ret_series != NO_INDEX ? ST_OK : sim_new_series(sim, series, ret_series, err);
}

enum status sim_new_event(struct sim *sim, const char *ticker, const char *series,
                          uint32_t *ret_event, struct err *err)
{
    bool room =
        sim_grow((void **)&sim->events, sim->n_events, &sim->events_cap, sizeof *sim->events);
    enum status st = row_check("event", ticker, &sim->by_event, room, err);
    uint32_t s = NO_INDEX;
    st = st == ST_OK ? series_of(sim, ticker, series, &s, err) : st;
    if (st != ST_OK) {
        return st;
    }
    st = idmap_put(&sim->by_event, text_of(ticker), sim->n_events);
    if (st != ST_OK) {
        return err_set(err, st, "event %s: %s", ticker, status_text(st));
    }
    struct sevent *x = &sim->events[sim->n_events];
    *x = (struct sevent){.series = s, .updated = sim->wall, .first = NO_INDEX, .last = NO_INDEX};
    text_copy(x->ticker, sizeof x->ticker, text_of(ticker));
    *ret_event = sim->n_events++;
    return ST_OK;
}

static enum status event_of(struct sim *sim, const char *market, const char *event,
                            uint32_t *ret_event, struct err *err)
{
    char part[TICKER_MAX];
    if (event == NULL) {
        ticker_part(market, true, part);
        event = part;
    }
    *ret_event = sim_find_event(sim, text_of(event));
    return *ret_event != NO_INDEX ? ST_OK : sim_new_event(sim, event, NULL, ret_event, err);
}

/* --- markets --- */

static bool texts_copy(char **to, const char *const *from, int n)
{
    for (int i = 0; i < n; i++) {
        if (from[i] != NULL && !text_set(&to[i], from[i])) {
            texts_free(to, i);
            return false;
        }
    }
    return true;
}

static void fill(struct sim *sim, struct smarket *k, const struct market_spec *s, uint32_t event)
{
    const struct sevent *e = &sim->events[event];
    text_copy(k->ticker, sizeof k->ticker, text_of(s->ticker));
    text_copy(k->event, sizeof k->event, text_of(e->ticker));
    text_copy(k->series, sizeof k->series, text_of(sim->series[e->series].ticker));
    text_copy(k->structure, sizeof k->structure, text_of(s->structure));
    k->exchange_index = sim->config.exchange_index;
    k->event_index = event;
    k->series_index = e->series;
    k->next_of_event = NO_INDEX;
    k->heap_at = NO_INDEX;
    k->scalar = s->scalar;
    k->can_close_early = !s->no_early_close;
    k->managed = s->managed;
    k->timer_s = s->timer_s != 0 ? s->timer_s : 1;
    k->created = sim->wall;
    k->updated = sim->wall;
    k->opens = s->opens != 0 ? s->opens : sim->wall;
    k->closes = s->closes != 0 ? s->closes : sim->wall + YEAR_NS;
    k->expected = s->expected;
    k->latest = s->latest;
    k->occurred = s->occurred;
    k->waived_until = s->waived_until;
    k->floor = s->floor;
    k->status = k->opens > sim->wall ? M_INITIALIZED : M_ACTIVE;
    if (s->id == NULL || !text_copy(k->id, sizeof k->id, text_of(s->id)) || k->id[0] == '\0') {
        sim_uuid(sim, s->ticker, 0, k->id);
    }
}

static void join_event(struct sim *sim, uint32_t event, uint32_t market)
{
    struct sevent *e = &sim->events[event];
    if (e->last == NO_INDEX) {
        e->first = market;
    } else {
        sim->markets[e->last].next_of_event = market;
    }
    e->last = market;
}

static enum status add(struct sim *sim, const struct market_spec *s, uint32_t event,
                       struct err *err)
{
    struct match_fees fees = {0};
    uint32_t market = 0;
    struct smarket *k = &sim->markets[sim->n_markets];
    *k = (struct smarket){0};
    if (!texts_copy(k->text, s->text, MT_MAX)) {
        return err_set(err, ST_NOMEM, "no memory for market %s", s->ticker);
    }
    fill(sim, k, s, event);
    const struct sevent *e = &sim->events[event];
    const struct fee_rule *rule = e->fee.type[0] != '\0' ? &e->fee : &sim->series[e->series].fee;
    enum status st = sim_fees_of(rule, k->waived_until, &fees);
    st = st == ST_OK ? idmap_put(&sim->by_ticker, text_of(k->ticker), sim->n_markets) : st;
    st = st == ST_OK ? idmap_put(&sim->by_market_id, text_of(k->id), sim->n_markets) : st;
    st = st == ST_OK ? match_add_market(sim->match, s->grid, &fees, s->recorded, &market) : st;
    if (st != ST_OK) {
        idmap_remove(&sim->by_ticker, text_of(k->ticker));
        idmap_remove(&sim->by_market_id, text_of(k->id));
        texts_free(k->text, MT_MAX);
        return err_set(err, st, "market %s: %s", s->ticker, status_text(st));
    }
    sim->n_markets++;
    join_event(sim, event, market);
    return ST_OK;
}

enum status sim_new_market(struct sim *sim, const struct market_spec *spec, uint32_t *ret_market,
                           struct err *err)
{
    bool room =
        sim_grow((void **)&sim->markets, sim->n_markets, &sim->markets_cap, sizeof *sim->markets);
    enum status st = row_check("market", spec->ticker, &sim->by_ticker, room, err);
    uint32_t event = NO_INDEX;
    st = st == ST_OK ? event_of(sim, spec->ticker, spec->event, &event, err) : st;
    st = st == ST_OK ? add(sim, spec, event, err) : st;
    if (st == ST_OK) {
        *ret_market = sim->n_markets - 1;
    }
    return st;
}

enum status sim_add_market(struct sim *sim, const char *ticker, const char *id,
                           const struct grid *grid, const char *structure, bool recorded,
                           uint32_t *ret_market, struct err *err)
{
    uint32_t there = sim_find_market(sim, text_of(ticker));
    if (sim->restored && there != NO_INDEX) { /* of an earlier process: it goes on as it was */
        *ret_market = there;
        return ST_OK;
    }
    struct market_spec spec = {
        .ticker = ticker, .id = id, .grid = grid, .structure = structure, .recorded = recorded};
    return sim_new_market(sim, &spec, ret_market, err);
}
