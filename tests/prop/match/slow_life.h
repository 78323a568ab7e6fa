/*
 * slow_life.h - slow_model.h goes on: mass cancels, groups, pauses, grids, cash, the end.
 */
#ifndef TESTS_PROP_MATCH_SLOW_LIFE_H
#define TESTS_PROP_MATCH_SLOW_LIFE_H

#include "slow_entry.h"

/* Newest first. */
static inline uint32_t slow_cancel_all(struct slow *s, uint32_t account, wall_ns_t now)
{
    slow_clear(s);
    uint32_t n = 0;
    for (;;) {
        struct slow_order *newest = NULL;
        for (uint32_t i = 0; i < s->n; i++) {
            struct slow_order *e = &s->orders[i];
            if (e->live && e->o.account == account &&
                slow_access_now(s, e->o.market) != MATCH_SHUT &&
                (newest == NULL || e->born > newest->born)) {
                newest = e;
            }
        }
        if (newest == NULL) {
            return n;
        }
        slow_end(s, newest, MATCH_BECAUSE_USER, true, now);
        n++;
    }
}

static inline wall_ns_t slow_next_expiry(const struct slow *s)
{
    wall_ns_t next = NS_NEVER;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct slow_order *e = &s->orders[i];
        next = e->live && e->o.expires != 0 && e->o.expires < next ? e->o.expires : next;
    }
    return next;
}

static inline void slow_expire(struct slow *s, wall_ns_t now)
{
    slow_clear(s);
    for (wall_ns_t t = slow_next_expiry(s); t <= now; t = slow_next_expiry(s)) {
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->orders[i].live && s->orders[i].o.expires == t) {
                slow_end(s, &s->orders[i], MATCH_BECAUSE_EXPIRY, true, now);
            }
        }
    }
}

/* --- groups --- */

static inline void slow_group_create(struct slow *s, uint32_t account, qty_t limit, uint64_t id)
{
    for (uint32_t i = 0; i < SLOW_GROUPS; i++) {
        if (s->g[i].id == 0) {
            s->g[i] = (struct slow_group){.id = id, .account = account, .limit = limit};
            return;
        }
    }
    ensure(false);
}

static inline void slow_group_trigger(struct slow *s, struct slow_group *g, wall_ns_t now)
{
    slow_clear(s);
    slow_trip(s, g);
    slow_group_cancel(s, g->id, now);
}

static inline void slow_group_reset(struct slow *s, struct slow_group *g)
{
    slow_clear(s);
    g->triggered = false;
    g->n = 0;
}

static inline void slow_group_limit(struct slow *s, struct slow_group *g, qty_t limit,
                                    wall_ns_t now)
{
    slow_clear(s);
    g->limit = limit;
    if (slow_matched(g, now) > limit) {
        slow_trip(s, g);
        slow_group_cancel(s, g->id, now);
    }
}

static inline void slow_group_delete(struct slow *s, struct slow_group *g, wall_ns_t now)
{
    slow_clear(s);
    slow_group_cancel(s, g->id, now);
    g->id = 0;
}

/* --- nobody --- */

static inline qty_t slow_anon_place(struct slow *s, uint32_t market, enum side side, px_t px,
                                    qty_t qty, bool rests, wall_ns_t now)
{
    slow_clear(s);
    if (slow_access_now(s, market) != MATCH_OPEN) {
        return 0;
    }
    struct slow_taker t = {NULL, market, side, px, qty, false, false, false};
    slow_take(s, &t, now);
    if (t.left > 0 && rests) {
        struct slow_order *e = slow_new(s);
        e->o = (struct match_order){.market = market, .side = side, .px = px, .remaining = t.left};
        slow_rest(s, e, now);
        slow_delta(s, market, side, px, t.left, NULL);
    }
    return qty - t.left;
}

static inline qty_t slow_anon_remove(struct slow *s, uint32_t market, enum side side, px_t px,
                                     qty_t qty)
{
    slow_clear(s);
    struct slow_order level = {
        .o = {.market = market, .side = side, .px = px}, .live = true, .resting = true};
    qty_t sum = 0;
    while (sum < qty) {
        struct slow_order *newest = NULL;
        for (uint32_t i = 0; i < s->n; i++) {
            struct slow_order *e = &s->orders[i];
            if (slow_same_level(e, &level) && e->o.account == MATCH_ANON &&
                (newest == NULL || e->time > newest->time)) {
                newest = e;
            }
        }
        if (newest == NULL) {
            break;
        }
        qty_t x = newest->o.remaining < qty - sum ? newest->o.remaining : qty - sum;
        newest->o.remaining -= x;
        newest->live = newest->o.remaining > 0;
        sum += x;
    }
    slow_delta(s, market, side, px, -sum, NULL);
    return sum;
}

/* --- a market's life --- */

/* Users' orders of a level in time, then nobody's size. */
static inline void slow_clear_level(struct slow *s, struct slow_order level, enum match_reason why,
                                    bool shown, wall_ns_t now)
{
    qty_t anon = 0;
    for (;;) {
        struct slow_order *first = NULL;
        for (uint32_t i = 0; i < s->n; i++) {
            struct slow_order *e = &s->orders[i];
            if (slow_same_level(e, &level) && (first == NULL || e->time < first->time)) {
                first = e;
            }
        }
        if (first == NULL) {
            break;
        }
        if (first->o.account == MATCH_ANON) {
            anon += first->o.remaining;
            first->live = false;
        } else {
            slow_end(s, first, why, shown, now);
        }
    }
    slow_delta(s, level.o.market, level.o.side, level.o.px, shown ? -anon : 0, NULL);
}

/* Best level of a side below px. */
static inline struct slow_order *slow_below(struct slow *s, uint32_t market, enum side side,
                                            px_t px)
{
    struct slow_order *best = NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        struct slow_order *e = &s->orders[i];
        if (e->live && e->resting && e->o.market == market && e->o.side == side && e->o.px < px &&
            (best == NULL || e->o.px > best->o.px)) {
            best = e;
        }
    }
    return best;
}

/* grid: only levels off it; NULL: all. */
static inline void slow_clear_market(struct slow *s, uint32_t market, const struct grid *grid,
                                     enum match_reason why, bool shown, wall_ns_t now)
{
    slow_clear(s);
    for (int side = 0; side < 2; side++) {
        px_t px = PX_ONE;
        for (;;) {
            struct slow_order *e = slow_below(s, market, (enum side)side, px);
            if (e == NULL) {
                break;
            }
            px = e->o.px;
            if (grid == NULL || grid_floor(grid, px) != px) {
                slow_clear_level(s, *e, why, shown, now);
            }
        }
    }
}

static inline void slow_set_access(struct slow *s, uint32_t market, enum match_access access,
                                   wall_ns_t now)
{
    slow_clear(s);
    bool leaves = s->k[market].access == MATCH_OPEN && access != MATCH_OPEN;
    s->k[market].access = access;
    while (leaves) { /* YES before NO, best price first, then time */
        struct slow_order *first = NULL;
        for (uint32_t i = 0; i < s->n; i++) {
            struct slow_order *e = &s->orders[i];
            if (!e->live || e->o.market != market || !e->o.cancel_on_pause) {
                continue;
            }
            if (first == NULL || e->o.side < first->o.side ||
                (e->o.side == first->o.side &&
                 (e->o.px > first->o.px || (e->o.px == first->o.px && e->time < first->time)))) {
                first = e;
            }
        }
        if (first == NULL) {
            return;
        }
        slow_end(s, first, MATCH_BECAUSE_HALT, true, now);
    }
}

static inline void slow_close(struct slow *s, uint32_t market, wall_ns_t now)
{
    slow_clear_market(s, market, NULL, MATCH_BECAUSE_CLOSE, false, now);
    s->k[market].closed = true;
    s->k[market].halted = true;
}

static inline void slow_settle(struct slow *s, uint32_t market, px_t yes_px, wall_ns_t now)
{
    slow_clear(s);
    s->k[market].settled = true;
    for (uint32_t i = 0; i <= SLOW_ACCOUNTS; i++) {
        struct match_position *p = &s->a[i].p[market];
        usd_t worth = p->qty > 0 ? p->qty * yes_px : -p->qty * (PX_ONE - yes_px);
        usd_t paid = i == MATCH_ANON ? worth : worth / 10000 * 10000;
        s->a[i].cash += paid;
        s->cut += worth - paid;
        p->realized += paid - p->cost;
        p->qty = 0;
        p->cost = 0;
        p->settled = true;
        p->updated = now;
    }
}

/* --- cash --- */

static inline usd_t slow_free(const struct slow *s, uint32_t account)
{
    return s->a[account].cash - slow_need(s, account, (struct slow_change){0});
}

static inline enum status slow_transfer(struct slow *s, uint32_t from, uint32_t to, usd_t amount)
{
    if (amount <= 0) {
        return ST_INVALID;
    }
    if (amount > slow_free(s, from)) {
        return ST_LIMIT;
    }
    s->a[from].cash -= amount;
    s->a[to].cash += amount;
    return ST_OK;
}

static inline enum status slow_deposit(struct slow *s, uint32_t account, usd_t amount)
{
    if (amount == 0) {
        return ST_INVALID;
    }
    if (amount < 0 && -amount > slow_free(s, account)) {
        return ST_LIMIT;
    }
    s->a[account].cash += amount;
    return ST_OK;
}

#endif
