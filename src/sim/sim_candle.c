/*
 * sim_candle.c - candlesticks: for each market the minutes in which something happened, with the
 * best quotes and the trades of that minute. A minute without news is not kept; it reads as the
 * one before it ended. The oldest minutes go when a market has too many: CANDLES_KEPT_MAX, less
 * when there are many markets.
 */
#include <stdlib.h>

#include "sim/sim_read.h"

#define CANDLES_KEPT_MIN 20u

struct candles {
    struct candle *v; /* a ring */
    uint32_t cap, from, n;
};

void candles_destroy(struct candles *c)
{
    if (c != NULL) {
        free(c->v);
        free(c);
    }
}

uint32_t candles_count(const struct candles *c)
{
    return c != NULL ? c->n : 0;
}

static struct candle *slot(const struct candles *c, uint32_t i)
{
    return &c->v[(c->from + i) % c->cap];
}

const struct candle *candles_at(const struct candles *c, uint32_t i)
{
    return slot(c, i);
}

uint32_t candles_from(const struct candles *c, int64_t minute)
{
    uint32_t low = 0;
    uint32_t high = candles_count(c);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (slot(c, mid)->minute < minute) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Room for one more at the end; the oldest goes when there may be no more. False: no memory. */
static bool make_room(const struct sim *sim, struct candles *c)
{
    uint32_t max = CANDLES_ALL / (sim->n_markets > 0 ? sim->n_markets : 1);
    max = max > CANDLES_KEPT_MAX   ? CANDLES_KEPT_MAX
          : max < CANDLES_KEPT_MIN ? CANDLES_KEPT_MIN
                                   : max;
    if (c->n < c->cap) {
        return true;
    }
    if (c->cap >= max) {
        c->from = (c->from + 1) % c->cap;
        c->n--;
        return true;
    }
    uint32_t cap = c->cap == 0 ? 16 : c->cap * 2 < max ? c->cap * 2 : max;
    struct candle *v = malloc(cap * sizeof *v);
    if (v == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        v[i] = *slot(c, i);
    }
    free(c->v);
    *c = (struct candles){v, cap, 0, c->n};
    return true;
}

/* The candle of the minute of at, made when there is none. An event that comes late belongs to the
 * newest minute. NULL without memory: candlesticks then lack it. */
static struct candle *minute_of(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    int64_t minute = at / NS_PER_SEC / 60;
    if (k->candles == NULL) {
        k->candles = calloc(1, sizeof *k->candles);
    }
    struct candles *c = k->candles;
    struct candle *last = c != NULL && c->n > 0 ? slot(c, c->n - 1) : NULL;
    if (last != NULL && last->minute >= minute) {
        return last;
    }
    struct candle next = {.minute = minute, .ask = {10000, 10000, 10000, 10000}};
    if (last != NULL) {
        uint16_t bid = last->bid.close;
        uint16_t ask = last->ask.close;
        next.bid = (struct ohlc){bid, bid, bid, bid};
        next.ask = (struct ohlc){ask, ask, ask, ask};
        next.interest = last->interest;
        next.previous = last->volume > 0 ? last->px.close : last->previous;
    }
    if (c == NULL || !make_room(sim, c)) {
        return NULL;
    }
    struct candle *made = slot(c, c->n++);
    *made = next;
    return made;
}

enum status candle_load(struct sim *sim, uint32_t market, const struct candle *c)
{
    struct smarket *k = &sim->markets[market];
    if (k->candles == NULL) {
        k->candles = calloc(1, sizeof *k->candles);
    }
    if (k->candles == NULL || !make_room(sim, k->candles)) {
        return ST_NOMEM;
    }
    if (k->candles->n > 0 && slot(k->candles, k->candles->n - 1)->minute >= c->minute) {
        return ST_INVALID;
    }
    *slot(k->candles, k->candles->n++) = *c;
    return ST_OK;
}

static void ohlc_add(struct ohlc *o, uint16_t v)
{
    o->high = v > o->high ? v : o->high;
    o->low = v < o->low ? v : o->low;
    o->close = v;
}

void candle_quote(struct sim *sim, uint32_t market, wall_ns_t at)
{
    uint16_t bid = (uint16_t)match_best(sim->match, market, SIDE_YES);
    uint16_t ask = (uint16_t)(PX_ONE - match_best(sim->match, market, SIDE_NO));
    const struct candles *old = sim->markets[market].candles;
    const struct candle *last = candles_count(old) > 0 ? candles_at(old, old->n - 1) : NULL;
    if (last != NULL && last->bid.close == bid && last->ask.close == ask) {
        return;
    }
    struct candle *c = minute_of(sim, market, at);
    if (c == NULL) {
        return;
    }
    if (last == NULL) {
        c->bid = (struct ohlc){bid, bid, bid, bid};
        c->ask = (struct ohlc){ask, ask, ask, ask};
        return;
    }
    ohlc_add(&c->bid, bid);
    ohlc_add(&c->ask, ask);
}

void candle_trade(struct sim *sim, uint32_t market, px_t yes_px, qty_t qty, wall_ns_t at)
{
    struct candle *c = minute_of(sim, market, at);
    if (c == NULL) {
        return;
    }
    uint16_t px = (uint16_t)yes_px;
    if (c->volume == 0) {
        c->px = (struct ohlc){px, px, px, px};
    } else {
        ohlc_add(&c->px, px);
    }
    c->volume += qty;
    c->turnover += usd_of(yes_px, qty);
    c->interest = match_open_interest(sim->match, market);
}
