/*
 * sim_candle_read.c - candlesticks as REST shows them: periods of minutes, aligned to UTC, put
 * together from the minutes that are kept. A market has one for each period from its first minute
 * to its close (or now); a period without a trade has no prices, only the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

#define PERIODS_MAX 10000 /* of one answer, all markets together */
#define MARKETS_MAX 100u

struct range {
    int64_t start, end; /* seconds; periods that end in it */
    int64_t period;     /* seconds */
    bool latest_before;
    bool historical; /* other names, no latest_before */
};

static int64_t ceil_to(int64_t s, int64_t period)
{
    return s >= 0 ? (s + period - 1) / period * period : s / period * period;
}

/* --- one period --- */

static void merge(struct ohlc *to, const struct ohlc *o, bool first)
{
    if (first) {
        *to = *o;
        return;
    }
    to->high = o->high > to->high ? o->high : to->high;
    to->low = o->low < to->low ? o->low : to->low;
    to->close = o->close;
}

/* What stands after all minutes before index i: quotes, interest, the last trade's price. */
static struct candle state_before(const struct candles *c, uint32_t i)
{
    struct candle s = {.ask = {10000, 10000, 10000, 10000}};
    if (i > 0) {
        const struct candle *b = candles_at(c, i - 1);
        s.bid = (struct ohlc){b->bid.close, b->bid.close, b->bid.close, b->bid.close};
        s.ask = (struct ohlc){b->ask.close, b->ask.close, b->ask.close, b->ask.close};
        s.interest = b->interest;
        s.previous = b->volume > 0 ? b->px.close : b->previous;
    }
    return s;
}

/* The period that ends at end (seconds); *at is the first minute not before it, and moves on. */
static struct candle period_at(const struct candles *c, uint32_t *at, int64_t end)
{
    uint32_t i = *at;
    struct candle p = state_before(c, i);
    for (; i < candles_count(c) && (candles_at(c, i)->minute + 1) * 60 <= end; i++) {
        const struct candle *m = candles_at(c, i);
        bool first = i == 0; /* before a market's first minute there are no quotes */
        merge(&p.bid, &m->bid, first);
        merge(&p.ask, &m->ask, first);
        if (m->volume > 0) {
            merge(&p.px, &m->px, p.volume == 0);
        }
        p.volume += m->volume;
        p.turnover += m->turnover;
        p.interest = m->interest;
    }
    *at = i;
    return p;
}

/* --- writing --- */

/* Names of prices end in _dollars but in historical answers. */
static void write_px(struct jw *w, const char *name, bool historical, bool there, px_t px)
{
    char key[32];
    snprintf(key, sizeof key, "%s%s", name, historical ? "" : "_dollars");
    if (there) {
        jw_px(w, key, px);
    } else {
        jw_raw(w, key, "null");
    }
}

static void write_ohlc(struct jw *w, const struct ohlc *o, bool historical, bool there)
{
    write_px(w, "open", historical, there, o->open);
    write_px(w, "low", historical, there, o->low);
    write_px(w, "high", historical, there, o->high);
    write_px(w, "close", historical, there, o->close);
}

static void write_candle(struct jw *w, const struct candle *p, int64_t end, bool historical)
{
    bool traded = p->volume > 0;
    jw_open(w, NULL, '{');
    jw_int(w, "end_period_ts", end);
    jw_open(w, "yes_bid", '{');
    write_ohlc(w, &p->bid, historical, true);
    jw_close(w, '}');
    jw_open(w, "yes_ask", '{');
    write_ohlc(w, &p->ask, historical, true);
    jw_close(w, '}');
    jw_open(w, "price", '{');
    write_ohlc(w, &p->px, historical, traded);
    write_px(w, "mean", historical, traded, traded ? p->turnover / p->volume : 0);
    write_px(w, "previous", historical, p->previous != 0, p->previous);
    jw_close(w, '}');
    jw_qty(w, historical ? "volume" : "volume_fp", p->volume);
    jw_qty(w, historical ? "open_interest" : "open_interest_fp", p->interest);
    jw_close(w, '}');
}

/* The ends of a market's first and last period in a range; false: none. */
static bool bounds(const struct sim *sim, uint32_t market, const struct range *r,
                   int64_t *ret_first, int64_t *ret_last)
{
    const struct smarket *k = &sim->markets[market];
    if (candles_count(k->candles) == 0) {
        return false;
    }
    wall_ns_t until = k->status >= M_CLOSED && k->closes < sim->wall ? k->closes : sim->wall;
    int64_t born = candles_at(k->candles, 0)->minute * 60;
    int64_t newest = (candles_at(k->candles, candles_count(k->candles) - 1)->minute + 1) * 60;
    int64_t last = until / NS_PER_SEC > newest ? until / NS_PER_SEC : newest;
    *ret_first = ceil_to(born + 1 > r->start ? born + 1 : r->start, r->period);
    *ret_last = ceil_to(last, r->period);
    if (*ret_last > r->end) {
        *ret_last = r->end >= 0 ? r->end / r->period * r->period : -1;
    }
    return *ret_first <= *ret_last;
}

static int64_t periods(const struct sim *sim, uint32_t market, const struct range *r)
{
    int64_t first = 0;
    int64_t last = 0;
    return bounds(sim, market, r, &first, &last) ? (last - first) / r->period + 1 : 0;
}

/* The newest candle before the range, moved to its first period: no prices but the one before. */
static void write_latest_before(struct jw *w, const struct candles *c, const struct range *r)
{
    uint32_t i = candles_from(c, r->start / 60);
    struct candle p = state_before(c, i);
    if (i > 0) {
        write_candle(w, &p, (r->start / r->period + 1) * r->period, false);
    }
}

static void write_all(const struct sim *sim, struct jw *w, const char *key, uint32_t market,
                      const struct range *r)
{
    const struct candles *c = sim->markets[market].candles;
    int64_t first = 0;
    int64_t last = 0;
    jw_open(w, key, '[');
    if (r->latest_before) {
        write_latest_before(w, c, r);
    }
    if (bounds(sim, market, r, &first, &last)) {
        uint32_t at = candles_from(c, (first - r->period) / 60);
        for (int64_t end = first; end <= last; end += r->period) {
            struct candle p = period_at(c, &at, end);
            write_candle(w, &p, end, r->historical);
        }
    }
    jw_close(w, ']');
}

/* --- routes --- */

static bool read_range(const struct read *q, bool any_period, struct range *r)
{
    int64_t minutes = 0;
    if (!read_required_int(q, "start_ts", "StartTs", &r->start) ||
        !read_required_int(q, "end_ts", "EndTs", &r->end) ||
        !read_required_int(q, "period_interval", "PeriodInterval", &minutes)) {
        return false;
    }
    bool good = any_period ? minutes >= 1 && minutes <= 100000
                           : minutes == 1 || minutes == 60 || minutes == 1440;
    if (!good || r->start > r->end || r->start < 0) {
        reply_msg(q->r, q->operation, good ? "EndTs" : "PeriodInterval",
                  good         ? "gtefield"
                  : any_period ? "min"
                               : "oneof");
        return false;
    }
    r->period = minutes * 60;
    return any_period || r->historical ||
           read_bool(q, "include_latest_before_start", "IncludeLatestBeforeStart",
                     &r->latest_before);
}

static void one_market(const struct read *q, uint32_t market, bool historical)
{
    struct range r = {.historical = historical};
    if (!read_range(q, false, &r)) {
        return;
    }
    if (periods(q->sim, market, &r) > PERIODS_MAX) {
        reply_msg(q->r, q->operation, "EndTs", "max");
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_str(&w, "ticker", q->sim->markets[market].ticker);
    write_all(q->sim, &w, "candlesticks", market, &r);
    jw_close(&w, '}');
}

void candles_read(const struct read *q, struct text series, struct text ticker)
{
    uint32_t market = sim_find_market(q->sim, ticker);
    if (market == NO_INDEX || market_archived(q->sim, market) ||
        !text_equal(series, text_of(q->sim->markets[market].series))) {
        reply_not_found(q->r);
        return;
    }
    one_market(q, market, false);
}

void historical_candles_read(const struct read *q, struct text ticker)
{
    uint32_t market = sim_find_market(q->sim, ticker);
    if (market == NO_INDEX || !market_archived(q->sim, market)) {
        reply_not_found(q->r);
        return;
    }
    one_market(q, market, true);
}

void event_candles_read(const struct read *q, struct text series, struct text event)
{
    struct sim *sim = q->sim;
    struct range r = {0};
    uint32_t e = sim_find_event(sim, event);
    if (e == NO_INDEX || !text_equal(series, text_of(sim->series[sim->events[e].series].ticker))) {
        reply_not_found(q->r);
        return;
    }
    if (!read_range(q, false, &r)) {
        return;
    }
    int64_t n = 0;
    for (uint32_t i = sim->events[e].first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        n++;
    }
    /* Too much: the range ends earlier, and the answer says when. */
    int64_t most = r.start + PERIODS_MAX / (n > 0 ? n : 1) * r.period;
    r.end = r.end > most ? most : r.end;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_int(&w, "adjusted_end_ts", r.end);
    jw_open(&w, "market_candlesticks", '[');
    for (uint32_t i = sim->events[e].first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        write_all(sim, &w, NULL, i, &r);
    }
    jw_close(&w, ']');
    jw_open(&w, "market_tickers", '[');
    for (uint32_t i = sim->events[e].first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        jw_str(&w, NULL, sim->markets[i].ticker);
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* The markets of a list, in its order; NULL: the answer is written. */
static uint32_t *named_markets(const struct read *q, uint32_t *ret_n)
{
    char *list = read_list(q->req->query, "market_tickers");
    uint32_t *markets = calloc(MARKETS_MAX, sizeof *markets);
    uint32_t named = 0;
    char *rest = NULL;
    for (char *s = list != NULL ? strtok_r(list, ",", &rest) : NULL; s != NULL && markets != NULL;
         s = strtok_r(NULL, ",", &rest)) {
        uint32_t market = sim_find_market(q->sim, text_of(s));
        if (named++ < MARKETS_MAX && market != NO_INDEX && !market_archived(q->sim, market)) {
            markets[(*ret_n)++] = market;
        }
    }
    free(list);
    if (named == 0 || named > MARKETS_MAX) {
        reply_msg(q->r, q->operation, "MarketTickers", named == 0 ? "required" : "max");
        free(markets);
        return NULL;
    }
    return markets;
}

void batch_candles_read(const struct read *q)
{
    struct range r = {0};
    uint32_t n = 0;
    uint32_t *markets = named_markets(q, &n);
    if (markets == NULL || !read_range(q, true, &r) ||
        !read_bool(q, "include_latest_before_start", "IncludeLatestBeforeStart",
                   &r.latest_before)) {
        free(markets);
        return;
    }
    int64_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        all += periods(q->sim, markets[i], &r);
    }
    if (all > PERIODS_MAX) {
        reply_msg(q->r, q->operation, "EndTs", "max");
        free(markets);
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "markets", '[');
    for (uint32_t i = 0; i < n; i++) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "market_ticker", q->sim->markets[markets[i]].ticker);
        write_all(q->sim, &w, "candlesticks", markets[i], &r);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    free(markets);
}
