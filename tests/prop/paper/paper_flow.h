/*
 * paper_flow.h - random market events of a few markets: a recording that holds together, with gaps,
 * pauses and contradictions now and then.
 */
#ifndef TESTS_PROP_PAPER_FLOW_H
#define TESTS_PROP_PAPER_FLOW_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/rng.h"
#include "bus/event.h"

#define FLOW_WALL0   (INT64_C(1780000000) * NS_PER_SEC)
#define FLOW_MARKETS 4

struct flow {
    struct rng rng;
    mono_ns_t now; /* set by the owner */
    void *self;
    void (*emit)(void *self, const struct ev *ev);
    uint64_t ord;
    qty_t book[FLOW_MARKETS][2][100]; /* contracts at cents */
    bool has_book[FLOW_MARKETS];
};

static inline void flow_emit(struct flow *f, struct ev *ev)
{
    ev->ord = ++f->ord;
    f->emit(f->self, ev);
}

static inline struct ev flow_head(const struct flow *f, enum ev_type type, size_t size,
                                  uint32_t mkt)
{
    return (struct ev){.size = ev_round8(size),
                       .type = (uint16_t)type,
                       .source = EV_SRC_MARKET,
                       .mkt = mkt,
                       .ts_ms = (FLOW_WALL0 + f->now) / NS_PER_MS,
                       .recv_mono = f->now,
                       .recv_wall = FLOW_WALL0 + f->now};
}

static inline void flow_market(struct flow *f, uint32_t k, enum market_status status)
{
    struct ev_market m = {.h = flow_head(f, EV_MARKET, sizeof m, k),
                          .grid = grid_cents(),
                          .status = (int32_t)status,
                          .fee_type = k % 2 == 0 ? FEE_QUADRATIC : FEE_QUADRATIC_MAKER,
                          .fee_mult_micros = k == 3 ? 500000 : 1000000};
    snprintf(m.ticker, sizeof m.ticker, "KXP-%u", k);
    flow_emit(f, &m.h);
}

static inline uint32_t flow_best(const struct flow *f, uint32_t k, int side)
{
    uint32_t i = 99;
    while (i > 0 && f->book[k][side][i] == 0) {
        i--;
    }
    return i;
}

static inline void flow_snapshot(struct flow *f, uint32_t k, bool empty)
{
    uint32_t mid = 5 + (uint32_t)rng_below(&f->rng, 90);
    memset(f->book[k], 0, sizeof f->book[k]);
    for (uint32_t i = 0; !empty && i < 6; i++) {
        f->book[k][0][mid > i + 1 ? mid - i - 1 : 1] = (qty_t)(1 + rng_below(&f->rng, 3000));
        uint32_t no = 100 - mid;
        f->book[k][1][no > i + 1 ? no - i - 1 : 1] = (qty_t)(1 + rng_below(&f->rng, 3000));
    }
    size_t cap = sizeof(struct ev_snapshot) + 200 * sizeof(struct level);
    struct ev_snapshot *s = calloc(1, cap);
    ensure(s != NULL);
    uint32_t n[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 1; i < 100; i++) {
            if (f->book[k][side][i] > 0) {
                s->levels[n[0] + n[1]] = (struct level){i * PX_CENT, f->book[k][side][i]};
                n[side]++;
            }
        }
    }
    s->h = flow_head(f, EV_SNAPSHOT, sizeof *s + (n[0] + n[1]) * sizeof(struct level), k);
    s->n_yes = n[0];
    s->n_no = n[1];
    flow_emit(f, &s->h);
    f->has_book[k] = true;
    free(s);
}

static inline void flow_delta(struct flow *f, uint32_t k, enum side side, uint32_t cents, qty_t qty)
{
    struct ev_delta d = {
        .h = flow_head(f, EV_DELTA, sizeof d, k), .px = cents * PX_CENT, .qty = qty, .side = side};
    f->book[k][side][cents] += qty;
    flow_emit(f, &d.h);
}

static inline void flow_trade(struct flow *f, uint32_t k)
{
    enum side maker = (enum side)rng_below(&f->rng, 2);
    uint32_t px = flow_best(f, k, (int)maker);
    if (px == 0) {
        return;
    }
    qty_t qty = 1 + (qty_t)rng_below(&f->rng, (uint64_t)f->book[k][maker][px]);
    struct ev_trade t = {.h = flow_head(f, EV_TRADE, sizeof t, k),
                         .yes_px = maker == SIDE_YES ? px * PX_CENT : PX_ONE - px * PX_CENT,
                         .qty = qty,
                         .taker = side_other(maker)};
    bool first = rng_below(&f->rng, 20) != 0;
    if (first) {
        flow_delta(f, k, maker, px, -qty);
    }
    flow_emit(f, &t.h);
    if (!first) {
        flow_delta(f, k, maker, px, -qty);
    }
}

static inline void flow_step(struct flow *f)
{
    uint32_t k = (uint32_t)rng_below(&f->rng, FLOW_MARKETS);
    uint64_t what = rng_below(&f->rng, 1000);
    enum side side = (enum side)rng_below(&f->rng, 2);
    uint32_t cents = 1 + (uint32_t)rng_below(&f->rng, 99);
    if (!f->has_book[k] || what < 5) {
        flow_snapshot(f, k, what < 1);
    } else if (what < 10) {
        struct ev_mark m = {.h = flow_head(f, EV_STALE, sizeof m, what < 7 ? MKT_ALL : k)};
        flow_emit(f, &m.h);
    } else if (what < 14) {
        flow_market(f, k, rng_below(&f->rng, 2) == 0 ? MARKET_INACTIVE : MARKET_ACTIVE);
    } else if (what < 16) { /* a level below zero: the recording contradicts itself */
        flow_delta(f, k, side, cents, -f->book[k][side][cents] - 100);
        f->book[k][side][cents] = 0;
        flow_snapshot(f, k, false);
    } else if (what < 350) {
        flow_trade(f, k);
    } else if (what < 650 && f->book[k][side][flow_best(f, k, (int)side)] > 0) {
        uint32_t at = flow_best(f, k, (int)side);
        flow_delta(f, k, side, at,
                   -(qty_t)(1 + rng_below(&f->rng, (uint64_t)f->book[k][side][at])));
    } else if (cents + flow_best(f, k, (int)side_other(side)) < 100) {
        flow_delta(f, k, side, cents, (qty_t)(1 + rng_below(&f->rng, 2000)));
    }
}

#endif
