/*
 * slow_entry.h - slow_model.h goes on: placing, canceling, decreasing and amending orders.
 */
#ifndef TESTS_PROP_MATCH_SLOW_ENTRY_H
#define TESTS_PROP_MATCH_SLOW_ENTRY_H

#include "slow_model.h"

/* --- places --- */

static inline enum match_verdict slow_form(struct slow *s, const struct match_request *r,
                                           wall_ns_t now)
{
    if (r->market >= SLOW_MARKETS) {
        return MATCH_BAD_MARKET;
    }
    if (r->account == 0 || r->account > SLOW_ACCOUNTS) {
        return MATCH_BAD_ACCOUNT;
    }
    if (grid_floor(&s->k[r->market].grid, r->px) != r->px || r->px <= 0 || r->px >= PX_ONE) {
        return MATCH_BAD_PRICE;
    }
    if (r->qty <= 0) {
        return MATCH_BAD_SIZE;
    }
    if (r->expires != 0 && (r->expires <= now || r->tif != MATCH_GTC)) {
        return MATCH_BAD_EXPIRY;
    }
    if (r->reduce_only && r->tif != MATCH_IOC) {
        return MATCH_BAD_REDUCE_ONLY;
    }
    if (slow_access_now(s, r->market) != MATCH_OPEN) {
        return MATCH_CLOSED;
    }
    const struct slow_group *g = slow_group_of(s, r->group);
    if (r->group != 0 && (g == NULL || g->account != r->account)) {
        return MATCH_GROUP_UNKNOWN;
    }
    return r->group != 0 && g->triggered ? MATCH_GROUP_TRIGGERED : MATCH_ACCEPTED;
}

/* Whole, or as far as an own order: MATCH_ACCEPTED. */
static inline enum match_verdict slow_fok(const struct slow *s, const struct match_order *o,
                                          wall_ns_t now)
{
    static struct slow copy;
    static struct slow_out out;
    copy = *s;
    copy.out = &out;
    slow_clear(&copy);
    struct match_order mine = *o;
    struct slow_taker t = {&mine, o->market, o->side, o->px, o->remaining, false, false, false};
    slow_take(&copy, &t, now);
    if (t.left == 0 || t.met_own) {
        return MATCH_ACCEPTED;
    }
    return t.broke ? MATCH_NO_MONEY : MATCH_FOK_VOLUME;
}

static inline bool slow_too_many(const struct slow *s, const struct match_order *o)
{
    uint32_t all = 0;
    uint32_t owned = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->orders[i].live && s->orders[i].o.account != MATCH_ANON) {
            all++;
            owned += s->a[s->orders[i].o.account].owner == s->a[o->account].owner;
        }
    }
    return all >= s->config.max_orders || (s->config.max_owner_orders > 0 && o->tif == MATCH_GTC &&
                                           owned >= s->config.max_owner_orders);
}

/* id: what the engine gave it, if it did. */
static inline enum match_verdict slow_place(struct slow *s, const struct match_request *r,
                                            wall_ns_t now, uint64_t id)
{
    slow_clear(s);
    enum match_verdict v = slow_form(s, r, now);
    if (v != MATCH_ACCEPTED) {
        return v;
    }
    struct match_order o = {.account = r->account,
                            .market = r->market,
                            .tag = r->tag,
                            .side = r->side,
                            .px = r->px,
                            .initial = r->qty,
                            .remaining = r->qty,
                            .tif = r->tif,
                            .stp = r->stp,
                            .post_only = r->post_only,
                            .reduce_only = r->reduce_only,
                            .cancel_on_pause = r->cancel_on_pause,
                            .created = now,
                            .updated = now,
                            .expires = r->expires,
                            .group = r->group};
    enum match_reason end = MATCH_BECAUSE_NEW;
    if (r->reduce_only) {
        qty_t has = s->a[r->account].p[r->market].qty;
        has = r->side == SIDE_YES ? -has : has;
        o.remaining = has <= 0 ? 0 : has < r->qty ? has : r->qty;
        o.initial = has <= 0 ? r->qty : o.remaining;
        end = has <= 0 ? MATCH_BECAUSE_REDUCE_ONLY : end;
    }
    bool crosses = slow_best(s, r->market, r->side, r->px) != NULL;
    if (end == MATCH_BECAUSE_NEW && o.post_only && crosses && !s->config.post_only_cancels) {
        return MATCH_POST_ONLY_CROSS;
    }
    if (end == MATCH_BECAUSE_NEW && !slow_entry(s, &o, o.px, o.remaining)) {
        return MATCH_NO_MONEY;
    }
    if (end == MATCH_BECAUSE_NEW && o.post_only && crosses) {
        end = MATCH_BECAUSE_POST_ONLY;
    } else if (end == MATCH_BECAUSE_NEW && o.tif == MATCH_FOK) {
        v = slow_fok(s, &o, now);
        if (v == MATCH_NO_MONEY || (v == MATCH_FOK_VOLUME && !s->config.fok_cancels)) {
            return v;
        }
        end = v == MATCH_FOK_VOLUME ? MATCH_BECAUSE_FOK : end;
    }
    if (slow_too_many(s, &o)) {
        return MATCH_TOO_MANY;
    }
    struct slow_order *e = slow_new(s);
    e->o = o;
    e->o.id = id;
    if (end != MATCH_BECAUSE_NEW) {
        slow_end(s, e, end, false, now);
    } else {
        slow_run(s, e, 0, 0, now);
        ensure(o.tif != MATCH_FOK || e->o.filled == e->o.initial || s->out->n_updates > 0);
    }
    return MATCH_ACCEPTED;
}

/* --- changes --- */

static inline enum status slow_cancel(struct slow *s, uint64_t id, enum match_reason why,
                                      wall_ns_t now, qty_t *reduced)
{
    slow_clear(s);
    struct slow_order *e = slow_find(s, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    if (why == MATCH_BECAUSE_USER && slow_access_now(s, e->o.market) == MATCH_SHUT) {
        return ST_STATE;
    }
    *reduced = e->o.remaining;
    slow_end(s, e, why, true, now);
    return ST_OK;
}

static inline void slow_lower(struct slow *s, struct slow_order *e, qty_t rest,
                              enum match_reason why, wall_ns_t now)
{
    slow_delta(s, e->o.market, e->o.side, e->o.px, rest - e->o.remaining, &e->o);
    e->o.remaining = rest;
    e->o.reason = why;
    e->o.updated = now;
    slow_update(s, &e->o);
}

static inline enum status slow_decrease(struct slow *s, uint64_t id, qty_t rest, wall_ns_t now)
{
    slow_clear(s);
    struct slow_order *e = slow_find(s, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    if (rest < 0 || rest >= e->o.remaining) {
        return ST_INVALID;
    }
    if (slow_access_now(s, e->o.market) == MATCH_SHUT) {
        return ST_STATE;
    }
    if (rest == 0) {
        slow_end(s, e, MATCH_BECAUSE_DECREASE, true, now);
    } else {
        slow_lower(s, e, rest, MATCH_BECAUSE_DECREASE, now);
    }
    return ST_OK;
}

static inline enum status slow_amend(struct slow *s, uint64_t id, const struct match_amendment *a,
                                     wall_ns_t now, enum match_verdict *v)
{
    slow_clear(s);
    struct slow_order *e = slow_find(s, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    qty_t rest = a->total - e->o.filled;
    bool stays = a->px == e->o.px && rest <= e->o.remaining;
    bool crosses =
        !stays && rest > 0 && e->o.post_only && slow_best(s, e->o.market, e->o.side, a->px) != NULL;
    *v = grid_floor(&s->k[e->o.market].grid, a->px) != a->px || a->px <= 0 || a->px >= PX_ONE
             ? MATCH_BAD_PRICE
         : rest < 0 || a->total <= 0                                ? MATCH_BAD_SIZE
         : a->has_expires && a->expires != 0 && a->expires <= now   ? MATCH_BAD_EXPIRY
         : slow_access_now(s, e->o.market) != MATCH_OPEN            ? MATCH_CLOSED
         : rest > 0 && !stays && !slow_entry(s, &e->o, a->px, rest) ? MATCH_NO_MONEY
         : crosses && !s->config.post_only_cancels                  ? MATCH_POST_ONLY_CROSS
                                                                    : MATCH_ACCEPTED;
    if (*v != MATCH_ACCEPTED) {
        return ST_INVALID;
    }
    if (rest == 0 || crosses) {
        slow_end(s, e, crosses ? MATCH_BECAUSE_POST_ONLY : MATCH_BECAUSE_AMEND, true, now);
        return ST_OK;
    }
    e->o.expires = a->has_expires ? a->expires : e->o.expires;
    e->o.initial = a->total;
    if (stays) {
        slow_lower(s, e, rest, MATCH_BECAUSE_AMEND, now);
        return ST_OK;
    }
    qty_t shown = e->o.remaining;
    px_t shown_px = e->o.px;
    e->resting = false;
    e->o.px = a->px;
    e->o.remaining = rest;
    e->o.reason = MATCH_BECAUSE_AMEND;
    e->o.updated = now;
    slow_run(s, e, shown, shown_px, now);
    return ST_OK;
}

#endif
