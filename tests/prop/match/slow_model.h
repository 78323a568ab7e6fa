/*
 * slow_model.h - the rules of match.h once more, slow and obvious, for native markets: one flat
 * list of orders, searched from start to end for each question, no sum kept that can be computed.
 *
 * Every call fills lists of deltas, trades, fills and updates that must equal the engine's, in
 * order. Ids are the engine's: it is called first. A fill-or-kill order is tried on a copy of all.
 */
#ifndef TESTS_PROP_MATCH_SLOW_MODEL_H
#define TESTS_PROP_MATCH_SLOW_MODEL_H

#include <string.h>

#include "base/ensure.h"
#include "match/match.h"

#define SLOW_ORDERS   400
#define SLOW_ACCOUNTS 7 /* from 1; 0 is nobody */
#define SLOW_MARKETS  3
#define SLOW_GROUPS   8
#define SLOW_MATCHED  400
#define SLOW_OUT      900

__extension__ typedef __int128 slow_wide;

struct slow_order {
    struct match_order o; /* account 0: a piece of nobody's size */
    bool live, resting;
    uint64_t time; /* of its place */
    uint64_t born;
};

struct slow_market {
    struct grid grid;
    struct match_fees fees;
    enum match_access access;
    bool halted, closed, settled;
};

struct slow_account {
    uint32_t owner;
    usd_t cash, fees;
    struct match_position p[SLOW_MARKETS]; /* without what follows from open orders */
};

struct slow_group {
    uint64_t id; /* 0: none */
    uint32_t account;
    qty_t limit;
    bool triggered;
    int64_t ms[SLOW_MATCHED];
    qty_t qty[SLOW_MATCHED];
    uint32_t n;
};

struct slow_out {
    struct match_delta deltas[SLOW_OUT];
    struct match_trade trades[SLOW_OUT];
    struct match_fill fills[SLOW_OUT];
    struct match_order updates[SLOW_OUT];
    uint64_t triggered[SLOW_GROUPS];
    uint32_t n_deltas, n_trades, n_fills, n_updates, n_triggered;
};

struct slow {
    struct match_config config;
    struct slow_order orders[SLOW_ORDERS];
    uint32_t n; /* places used */
    struct slow_market k[SLOW_MARKETS];
    struct slow_account a[SLOW_ACCOUNTS + 1];
    struct slow_group g[SLOW_GROUPS];
    uint64_t clock, next_trade;
    usd_t cut;
    struct slow_out *out;
};

/* Who takes. */
struct slow_taker {
    struct match_order *o; /* NULL: nobody */
    uint32_t market;
    enum side side;
    px_t px;
    qty_t left;
    bool stopped, met_own, broke;
};

/* --- lists of what happened --- */

static inline void slow_clear(struct slow *s)
{
    s->out->n_deltas = s->out->n_trades = s->out->n_fills = s->out->n_updates = 0;
    s->out->n_triggered = 0;
}

static inline void slow_delta(struct slow *s, uint32_t market, enum side side, px_t px, qty_t qty,
                              const struct match_order *by)
{
    if (qty != 0) {
        ensure(s->out->n_deltas < SLOW_OUT);
        s->out->deltas[s->out->n_deltas++] = (struct match_delta){
            market, side, px, qty, by != NULL ? by->account : 0, by != NULL ? by->tag : 0};
    }
}

static inline void slow_update(struct slow *s, const struct match_order *o)
{
    uint32_t i = 0;
    while (i < s->out->n_updates && s->out->updates[i].id != o->id) {
        i++;
    }
    ensure(i < SLOW_OUT);
    s->out->updates[i] = *o;
    s->out->n_updates += i == s->out->n_updates;
}

/* --- orders --- */

static inline struct slow_order *slow_new(struct slow *s)
{
    uint32_t i = 0;
    while (i < s->n && s->orders[i].live) {
        i++;
    }
    ensure(i < SLOW_ORDERS);
    s->n = i == s->n ? s->n + 1 : s->n;
    s->orders[i] = (struct slow_order){.live = true, .born = ++s->clock};
    return &s->orders[i];
}

static inline struct slow_order *slow_find(struct slow *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->orders[i].live && s->orders[i].o.id == id && id != 0) {
            return &s->orders[i];
        }
    }
    return NULL;
}

static inline struct slow_group *slow_group_of(struct slow *s, uint64_t id)
{
    for (uint32_t i = 0; i < SLOW_GROUPS; i++) {
        if (id != 0 && s->g[i].id == id) {
            return &s->g[i];
        }
    }
    return NULL;
}

static inline void slow_rest(struct slow *s, struct slow_order *e, wall_ns_t now)
{
    e->resting = true;
    e->time = ++s->clock;
    e->o.rested = now;
}

static inline void slow_end(struct slow *s, struct slow_order *e, enum match_reason why, bool shown,
                            wall_ns_t now)
{
    if (e->resting && shown) {
        slow_delta(s, e->o.market, e->o.side, e->o.px, -e->o.remaining, &e->o);
    }
    e->o.status = MATCH_CANCELED;
    e->o.reason = why;
    e->o.remaining = 0;
    e->o.updated = now;
    e->live = false;
    slow_update(s, &e->o);
}

static inline enum match_access slow_access_now(const struct slow *s, uint32_t market)
{
    return s->k[market].halted ? MATCH_SHUT : s->k[market].access;
}

/* --- money --- */

static inline usd_t slow_floor(usd_t v, usd_t grain)
{
    usd_t q = v / grain;
    return (q * grain > v ? q - 1 : q) * grain;
}

/* Cash of a fill before fees: pay the price, and each YES and NO pair gives back its dollar. */
static inline usd_t slow_revenue(const struct slow *s, uint32_t account, uint32_t market,
                                 enum side side, px_t px, qty_t qty)
{
    qty_t had = s->a[account].p[market].qty;
    qty_t yes = (had > 0 ? had : 0) + (side == SIDE_YES ? qty : 0);
    qty_t no = (had < 0 ? -had : 0) + (side == SIDE_NO ? qty : 0);
    qty_t pairs = yes < no ? yes : no;
    return PX_ONE * pairs - px * qty;
}

static inline usd_t slow_fee(const struct slow *s, const struct match_order *o, usd_t revenue,
                             px_t px, qty_t qty, bool taker, wall_ns_t now, usd_t *rounding)
{
    const struct match_fees *f = &s->k[o->market].fees;
    usd_t grain = s->config.grain != 0 ? s->config.grain : 100;
    int64_t rate = taker ? f->taker_e4 : f->maker_e4;
    if (!taker && f->early_ns > 0 && now <= o->rested + f->early_ns) {
        rate = f->maker_early_e4;
    }
    usd_t trade = 0;
    if (now >= f->waived_until) {
        slow_wide x = (slow_wide)rate * f->mult_micros * qty * px * (PX_ONE - px);
        slow_wide unit = (slow_wide)10000 * 10000 * 10000 * 10000;
        trade = (usd_t)(x / unit) * 100 + (x % unit != 0 ? 100 : 0);
    }
    usd_t round = (revenue - trade) - slow_floor(revenue - trade, grain);
    usd_t fee = trade + round;
    *rounding += round;
    if (*rounding >= 10000) {
        usd_t back = fee >= 10000 ? 10000 : slow_floor(fee, grain);
        *rounding -= back;
        fee -= back;
    }
    return fee;
}

static inline bool slow_pays(const struct slow *s, const struct match_order *o, px_t px, qty_t qty,
                             bool taker, wall_ns_t now)
{
    if (o == NULL) {
        return true;
    }
    usd_t rounding = o->rounding;
    usd_t revenue = slow_revenue(s, o->account, o->market, o->side, px, qty);
    usd_t fee = slow_fee(s, o, revenue, px, qty, taker, now, &rounding);
    return s->a[o->account].cash + revenue - fee >= 0;
}

static inline void slow_count(struct slow *s, uint64_t group, qty_t qty, wall_ns_t now);

static inline void slow_fill(struct slow *s, struct match_order *o, uint32_t account,
                             uint32_t market, enum side side, px_t px, qty_t qty, bool taker,
                             wall_ns_t now)
{
    struct slow_account *a = &s->a[account];
    struct match_position *p = &a->p[market];
    usd_t revenue = slow_revenue(s, account, market, side, px, qty);
    usd_t fee = o != NULL ? slow_fee(s, o, revenue, px, qty, taker, now, &o->rounding) : 0;
    a->cash += revenue - fee;
    a->fees += fee;
    qty_t had = p->qty < 0 ? -p->qty : p->qty;
    bool offsets = side == SIDE_YES ? p->qty < 0 : p->qty > 0;
    qty_t closed = !offsets ? 0 : qty < had ? qty : had;
    usd_t cost = closed == 0 ? 0 : (usd_t)((slow_wide)p->cost * closed / had);
    p->realized += closed * (PX_ONE - px) - cost;
    p->cost += (qty - closed) * px - cost;
    p->qty += side == SIDE_YES ? qty : -qty;
    p->fees += fee;
    p->traded += px * qty;
    p->volume += qty;
    p->bought[side] += qty;
    p->paid[side] += px * qty;
    p->updated = now;
    if (o == NULL) {
        return;
    }
    o->filled += qty;
    o->remaining -= qty;
    o->updated = now;
    o->reason = MATCH_BECAUSE_TRADE;
    o->taker_cost += taker ? px * qty : 0;
    o->maker_cost += taker ? 0 : px * qty;
    o->taker_fees += taker ? fee : 0;
    o->maker_fees += taker ? 0 : fee;
    ensure(s->out->n_fills < SLOW_OUT);
    s->out->fills[s->out->n_fills++] = (struct match_fill){
        s->next_trade, o->id, o->tag, account, market, side, side == SIDE_YES ? px : PX_ONE - px,
        qty,           fee,   taker,  p->qty};
    slow_count(s, o->group, qty, now);
}

/* What open orders of an account need, were one left out and one added. */
struct slow_change {
    uint64_t without; /* 0: none */
    uint32_t market;
    enum side side;
    px_t px;
    qty_t qty; /* 0: none */
};

static inline usd_t slow_need_in(const struct slow *s, uint32_t account, uint32_t market,
                                 struct slow_change c, struct match_position *ret)
{
    qty_t n[2] = {0, 0};
    usd_t cost[2] = {0, 0};
    for (uint32_t i = 0; i < s->n; i++) {
        const struct slow_order *e = &s->orders[i];
        if (e->live && e->resting && e->o.account == account && e->o.market == market &&
            e->o.id != c.without) {
            n[e->o.side] += e->o.remaining;
            cost[e->o.side] += e->o.px * e->o.remaining;
        }
    }
    if (c.qty > 0 && c.market == market) {
        n[c.side] += c.qty;
        cost[c.side] += c.px * c.qty;
    }
    if (ret != NULL) {
        memcpy(ret->resting, n, sizeof n);
        memcpy(ret->resting_cost, cost, sizeof cost);
    }
    qty_t has = s->a[account].p[market].qty;
    int closing = has > 0 ? SIDE_NO : SIDE_YES;
    qty_t free = has < 0 ? -has : has;
    free = free < n[closing] ? free : n[closing];
    usd_t spared = n[closing] > 0 ? (usd_t)((slow_wide)cost[closing] * free / n[closing]) : 0;
    return cost[0] + cost[1] - spared;
}

static inline usd_t slow_need(const struct slow *s, uint32_t account, struct slow_change c)
{
    usd_t sum = 0;
    for (uint32_t k = 0; k < SLOW_MARKETS; k++) {
        sum += slow_need_in(s, account, k, c, NULL);
    }
    return sum;
}

static inline bool slow_entry(const struct slow *s, const struct match_order *o, px_t px, qty_t qty)
{
    usd_t cash = s->a[o->account].cash;
    if (s->config.entry == MATCH_ENTRY_CASH) {
        qty_t has = s->a[o->account].p[o->market].qty;
        qty_t other = o->side == SIDE_YES ? -has : has;
        qty_t spared = other > 0 ? (other < qty ? other : qty) : 0;
        return cash >= px * qty - (usd_t)((slow_wide)px * qty * spared / qty);
    }
    struct slow_change c = {o->id, o->market, o->side, px, qty};
    return cash >= slow_need(s, o->account, c);
}

/* --- groups --- */

static inline qty_t slow_matched(const struct slow_group *g, wall_ns_t now)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        sum += g->ms[i] > now / NS_PER_MS - 15000 ? g->qty[i] : 0;
    }
    return sum;
}

static inline void slow_trip(struct slow *s, struct slow_group *g)
{
    if (!g->triggered) {
        g->triggered = true;
        s->out->triggered[s->out->n_triggered++] = g->id;
    }
}

static inline void slow_count(struct slow *s, uint64_t group, qty_t qty, wall_ns_t now)
{
    struct slow_group *g = slow_group_of(s, group);
    if (g == NULL) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->ms[i] > now / NS_PER_MS - 15000) {
            g->ms[kept] = g->ms[i];
            g->qty[kept++] = g->qty[i];
        }
    }
    ensure(kept < SLOW_MATCHED);
    g->ms[kept] = now / NS_PER_MS;
    g->qty[kept] = qty;
    g->n = kept + 1;
    if (slow_matched(g, now) > g->limit) {
        slow_trip(s, g);
    }
}

/* Oldest place first. */
static inline void slow_group_cancel(struct slow *s, uint64_t group, wall_ns_t now)
{
    for (;;) {
        struct slow_order *first = NULL;
        for (uint32_t i = 0; i < s->n; i++) {
            struct slow_order *e = &s->orders[i];
            if (e->live && e->resting && e->o.group == group &&
                (first == NULL || e->time < first->time)) {
                first = e;
            }
        }
        if (first == NULL) {
            return;
        }
        slow_end(s, first, MATCH_BECAUSE_GROUP, true, now);
    }
}

/* --- matching --- */

static inline struct slow_order *slow_best(struct slow *s, uint32_t market, enum side taker,
                                           px_t px)
{
    struct slow_order *best = NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        struct slow_order *e = &s->orders[i];
        if (!e->live || !e->resting || e->o.market != market || e->o.side == taker ||
            e->o.px + px < PX_ONE) {
            continue;
        }
        if (best == NULL || e->o.px > best->o.px ||
            (e->o.px == best->o.px && e->time < best->time)) {
            best = e;
        }
    }
    return best;
}

static inline bool slow_same_level(const struct slow_order *a, const struct slow_order *b)
{
    return a->live && a->resting && a->o.market == b->o.market && a->o.side == b->o.side &&
           a->o.px == b->o.px;
}

/* Nobody's size at the front of a level, up to the first user's order, is one resting order. Takes
 * at most qty of it. */
static inline qty_t slow_eat(struct slow *s, const struct slow_order *front, qty_t qty, bool really)
{
    struct slow_order level = *front;
    uint64_t until = UINT64_MAX;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct slow_order *e = &s->orders[i];
        if (slow_same_level(e, &level) && e->o.account != MATCH_ANON && e->time < until) {
            until = e->time;
        }
    }
    qty_t sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct slow_order *e = &s->orders[i];
        if (slow_same_level(e, &level) && e->o.account == MATCH_ANON && e->time < until) {
            qty_t x = e->o.remaining < qty - sum ? e->o.remaining : qty - sum;
            sum += x;
            if (really) {
                e->o.remaining -= x;
                e->live = e->o.remaining > 0;
            }
        }
    }
    return sum;
}

static inline bool slow_own(const struct slow *s, uint32_t a, uint32_t b)
{
    return s->config.self_per_account ? a == b : s->a[a].owner == s->a[b].owner;
}

static inline void slow_stop(struct slow_taker *t, enum match_reason why)
{
    t->stopped = true;
    t->broke = why == MATCH_BECAUSE_MARGIN;
    t->o->reason = why;
}

static inline void slow_meet(struct slow *s, struct slow_taker *t, struct slow_order *e,
                             wall_ns_t now)
{
    bool anon = e->o.account == MATCH_ANON;
    px_t px = e->o.px;
    if (t->o != NULL && !anon && slow_own(s, e->o.account, t->o->account)) {
        t->met_own = true;
        if (t->o->stp == MATCH_STP_TAKER) {
            slow_stop(t, MATCH_BECAUSE_SELF_TRADE);
        } else {
            slow_end(s, e, MATCH_BECAUSE_SELF_TRADE, true, now);
        }
        return;
    }
    qty_t x = anon                       ? slow_eat(s, e, t->left, false)
              : e->o.remaining < t->left ? e->o.remaining
                                         : t->left;
    if (!slow_pays(s, t->o, PX_ONE - px, x, true, now)) {
        slow_stop(t, MATCH_BECAUSE_MARGIN);
        return;
    }
    if (!anon && !slow_pays(s, &e->o, px, x, false, now)) {
        slow_end(s, e, MATCH_BECAUSE_MARGIN, true, now);
        return;
    }
    uint32_t before = s->out->n_triggered;
    px_t yes_px = e->o.side == SIDE_YES ? px : PX_ONE - px;
    ensure(s->out->n_trades < SLOW_OUT);
    s->out->trades[s->out->n_trades++] =
        (struct match_trade){++s->next_trade, t->market, t->side, yes_px, x};
    slow_delta(s, t->market, e->o.side, px, -x, anon ? NULL : &e->o);
    slow_fill(s, t->o, t->o != NULL ? t->o->account : MATCH_ANON, t->market, t->side, PX_ONE - px,
              x, true, now);
    slow_fill(s, anon ? NULL : &e->o, e->o.account, t->market, e->o.side, px, x, false, now);
    t->left -= x;
    if (anon) {
        slow_eat(s, e, x, true);
    } else {
        if (e->o.remaining == 0) {
            e->o.status = MATCH_EXECUTED;
            e->live = false;
        }
        slow_update(s, &e->o);
    }
    for (uint32_t i = before; i < s->out->n_triggered; i++) {
        slow_group_cancel(s, s->out->triggered[i], now);
        if (t->o != NULL && t->o->group == s->out->triggered[i] && t->o->tif != MATCH_FOK &&
            t->left > 0) {
            slow_stop(t, MATCH_BECAUSE_GROUP);
        }
    }
}

static inline void slow_take(struct slow *s, struct slow_taker *t, wall_ns_t now)
{
    while (t->left > 0 && !t->stopped) {
        struct slow_order *e = slow_best(s, t->market, t->side, t->px);
        if (e == NULL) {
            return;
        }
        slow_meet(s, t, e, now);
    }
}

/* An order that is live and does not rest meets the book. */
static inline void slow_run(struct slow *s, struct slow_order *e, qty_t shown, px_t shown_px,
                            wall_ns_t now)
{
    bool amended = shown > 0;
    struct slow_taker t = {&e->o,          e->o.market, e->o.side, e->o.px,
                           e->o.remaining, false,       false,     false};
    slow_take(s, &t, now);
    slow_delta(s, e->o.market, e->o.side, shown_px, -shown, &e->o);
    if (t.left == 0) {
        e->o.status = MATCH_EXECUTED;
        e->live = false;
        slow_update(s, &e->o);
    } else if (t.stopped) {
        slow_end(s, e, e->o.reason, false, now);
    } else if (e->o.tif != MATCH_GTC) {
        slow_end(s, e, e->o.reduce_only ? MATCH_BECAUSE_REDUCE_ONLY : MATCH_BECAUSE_IOC, false,
                 now);
    } else {
        e->o.reason = amended ? MATCH_BECAUSE_AMEND : e->o.reason;
        slow_rest(s, e, now);
        slow_delta(s, e->o.market, e->o.side, e->o.px, e->o.remaining, &e->o);
        slow_update(s, &e->o);
    }
}

#endif
