/*
 * match_order.c - what users and nobody ask for: entry checks, placing, changing, leaving.
 */
#include "base/ensure.h"
#include "match/match_int.h"

#define COST_LIMIT (4 * USD_LIMIT) /* of the resting orders of an account */

/* --- entry --- */

/* Is there money for qty at px, when so much of the order rests now (an amend) and goes? */
static bool entry_pays(const struct match *m, const struct match_order *o, px_t px, qty_t qty,
                       qty_t resting)
{
    static const struct match_position none;
    const struct match_account *a = &m->accounts[o->account].pub;
    const struct match_position *p = position_find(m, o->account, o->market);
    p = p != NULL ? p : &none;
    usd_t cost = usd_of(px, qty);
    if (cost > COST_LIMIT - a->reserved ||
        cost > COST_LIMIT - p->resting_cost[SIDE_YES] - p->resting_cost[SIDE_NO]) {
        return false; /* sums stay inside int64_t, whatever the entry check lets through */
    }
    if (m->config.entry == MATCH_ENTRY_CASH) {
        struct match_position alone = {.qty = p->qty};
        return a->cash >= reserve_if(&alone, o->side, qty, cost);
    }
    usd_t with = reserve_if(p, o->side, qty - resting, cost - usd_of(o->px, resting));
    return a->cash - (a->reserved - p->reserved) >= with;
}

static enum match_verdict check_form(const struct match *m, const struct match_request *r,
                                     wall_ns_t now)
{
    if (r->market >= m->n_markets) {
        return MATCH_BAD_MARKET;
    }
    if (r->account == MATCH_ANON || r->account >= m->n_accounts) {
        return MATCH_BAD_ACCOUNT;
    }
    if (grid_index(&m->markets[r->market].grid, r->px) < 0) {
        return MATCH_BAD_PRICE;
    }
    if (r->qty <= 0 || r->qty > QTY_LIMIT) {
        return MATCH_BAD_SIZE;
    }
    if (r->expires != 0 && (r->tif != MATCH_GTC || r->expires <= now)) {
        return MATCH_BAD_EXPIRY;
    }
    if (r->reduce_only && r->tif != MATCH_IOC) {
        return MATCH_BAD_REDUCE_ONLY;
    }
    if (match_access_now(m, r->market) != MATCH_OPEN) {
        return MATCH_CLOSED;
    }
    if (r->group != 0) {
        const struct group *g = group_of(m, r->group);
        if (g == NULL || g->pub.account != r->account) {
            return MATCH_GROUP_UNKNOWN;
        }
        return g->pub.triggered ? MATCH_GROUP_TRIGGERED : MATCH_ACCEPTED;
    }
    return MATCH_ACCEPTED;
}

/* *ret_end: MATCH_BECAUSE_NEW, or why the order is accepted and canceled at once. */
static enum match_verdict check_entry(struct match *m, const struct match_order *o, wall_ns_t now,
                                      enum match_reason *ret_end)
{
    *ret_end = MATCH_BECAUSE_NEW;
    if (o->remaining == 0) {
        *ret_end = MATCH_BECAUSE_REDUCE_ONLY;
        return MATCH_ACCEPTED;
    }
    bool post_cross = o->post_only && crosses(m, o->market, o->side, o->px);
    if (post_cross && !m->config.post_only_cancels) {
        return MATCH_POST_ONLY_CROSS;
    }
    if (!entry_pays(m, o, o->px, o->remaining, 0)) {
        return MATCH_NO_MONEY;
    }
    if (post_cross) {
        *ret_end = MATCH_BECAUSE_POST_ONLY;
    } else if (o->tif == MATCH_FOK) {
        enum trial t = fok_trial(m, o, now);
        if (t == TRIAL_MONEY) {
            return MATCH_NO_MONEY;
        }
        if (t == TRIAL_VOLUME && !m->config.fok_cancels) {
            return MATCH_FOK_VOLUME;
        }
        *ret_end = t == TRIAL_VOLUME ? MATCH_BECAUSE_FOK : MATCH_BECAUSE_NEW;
    }
    return MATCH_ACCEPTED;
}

static bool too_many(const struct match *m, const struct match_request *r)
{
    uint32_t most = m->config.max_owner_orders;
    const struct account *owner = &m->accounts[m->accounts[r->account].owner];
    return m->n_open > m->config.max_orders || /* the new one is counted */
           (most != 0 && r->tif == MATCH_GTC && owner->owner_orders >= most);
}

/* A request becomes an order, in its slot; reduce-only orders shrink to the position. */
static void order_fill(const struct match *m, struct match_order *o, const struct match_request *r,
                       wall_ns_t now)
{
    o->account = r->account;
    o->market = r->market;
    o->tag = r->tag;
    o->side = r->side;
    o->px = r->px;
    o->initial = r->qty;
    o->remaining = r->qty;
    o->status = MATCH_RESTING;
    o->reason = MATCH_BECAUSE_NEW;
    o->tif = r->tif;
    o->stp = r->stp;
    o->post_only = r->post_only;
    o->reduce_only = r->reduce_only;
    o->cancel_on_pause = r->cancel_on_pause;
    o->created = now;
    o->updated = now;
    o->expires = r->expires;
    o->group = r->group;
    if (r->reduce_only) {
        const struct match_position *p = position_find(m, r->account, r->market);
        qty_t most = p != NULL ? held(p->qty, side_other(r->side)) : 0;
        o->remaining = qty_min(r->qty, most);
        o->initial = most > 0 ? o->remaining : r->qty;
    }
}

enum match_verdict match_place(struct match *m, const struct match_request *req, wall_ns_t now,
                               uint64_t *ret_id)
{
    out_clear(m);
    enum match_verdict v = check_form(m, req, now);
    if (v != MATCH_ACCEPTED) {
        return v;
    }
    uint32_t slot = slot_take(m);
    if (slot == NONE) {
        return MATCH_TOO_MANY;
    }
    struct match_order *o = &m->slots[slot].o;
    order_fill(m, o, req, now);
    enum match_reason end;
    v = check_entry(m, o, now, &end);
    if (v == MATCH_ACCEPTED && too_many(m, req)) {
        v = MATCH_TOO_MANY;
    }
    if (v != MATCH_ACCEPTED) {
        slot_give_back(m, slot);
        return v;
    }
    account_link(m, slot);
    *ret_id = o->id;
    if (end != MATCH_BECAUSE_NEW) {
        order_end(m, slot, end, false, now);
    } else {
        order_run(m, slot, 0, 0, now);
    }
    return MATCH_ACCEPTED;
}

/* --- leaving and changing --- */

static bool is_shut(const struct match *m, uint32_t slot)
{
    return match_access_now(m, m->slots[slot].o.market) == MATCH_SHUT;
}

enum status match_cancel(struct match *m, uint64_t id, enum match_reason reason, wall_ns_t now,
                         qty_t *ret_reduced)
{
    out_clear(m);
    uint32_t slot = slot_of(m, id);
    if (slot == NONE) {
        return ST_NOT_FOUND;
    }
    if (reason == MATCH_BECAUSE_USER && is_shut(m, slot)) {
        return ST_STATE;
    }
    *ret_reduced = order_end(m, slot, reason, true, now);
    return ST_OK;
}

static void lower(struct match *m, uint32_t slot, qty_t remaining, enum match_reason reason,
                  wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    qty_t less = s->o.remaining - remaining;
    level_at(m, s->o.market, s->o.side, s->index)->users -= less;
    reserve_change(m, s->o.account, position_find(m, s->o.account, s->o.market), s->o.side, -less,
                   -usd_of(s->o.px, less));
    s->o.remaining = remaining;
    s->o.reason = reason;
    s->o.updated = now;
    out_delta(m, s->o.market, s->o.side, s->o.px, -less, s);
    out_update(m, s);
}

enum status match_decrease(struct match *m, uint64_t id, qty_t remaining, wall_ns_t now)
{
    out_clear(m);
    uint32_t slot = slot_of(m, id);
    if (slot == NONE) {
        return ST_NOT_FOUND;
    }
    if (remaining < 0 || remaining >= m->slots[slot].o.remaining) {
        return ST_INVALID;
    }
    if (is_shut(m, slot)) {
        return ST_STATE;
    }
    if (remaining == 0) {
        order_end(m, slot, MATCH_BECAUSE_DECREASE, true, now);
    } else {
        lower(m, slot, remaining, MATCH_BECAUSE_DECREASE, now);
    }
    return ST_OK;
}

static bool keeps_place(const struct match_order *o, px_t px, qty_t rest)
{
    return px == o->px && rest <= o->remaining;
}

/* *ret_crosses: a post-only order would take at its new price, and config says to cancel it. */
static enum match_verdict amend_check(const struct match *m, const struct match_order *o,
                                      const struct match_amendment *a, wall_ns_t now,
                                      bool *ret_crosses)
{
    qty_t rest = a->total - o->filled;
    *ret_crosses = false;
    if (grid_index(&m->markets[o->market].grid, a->px) < 0) {
        return MATCH_BAD_PRICE;
    }
    if (rest < 0 || a->total <= 0 || a->total > QTY_LIMIT) {
        return MATCH_BAD_SIZE;
    }
    if (a->has_expires && a->expires != 0 && a->expires <= now) {
        return MATCH_BAD_EXPIRY;
    }
    if (match_access_now(m, o->market) != MATCH_OPEN) {
        return MATCH_CLOSED;
    }
    if (rest == 0 || keeps_place(o, a->px, rest)) {
        return MATCH_ACCEPTED;
    }
    if (!entry_pays(m, o, a->px, rest, o->remaining)) {
        return MATCH_NO_MONEY;
    }
    bool cross = o->post_only && crosses(m, o->market, o->side, a->px);
    *ret_crosses = cross && m->config.post_only_cancels;
    return cross && !*ret_crosses ? MATCH_POST_ONLY_CROSS : MATCH_ACCEPTED;
}

static void amend_in_place(struct match *m, uint32_t slot, qty_t rest, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    if (rest < s->o.remaining) {
        lower(m, slot, rest, MATCH_BECAUSE_AMEND, now);
        return;
    }
    s->o.reason = MATCH_BECAUSE_AMEND;
    s->o.updated = now;
    out_update(m, s);
}

enum status match_amend_order(struct match *m, uint64_t id, const struct match_amendment *a,
                              wall_ns_t now, enum match_verdict *ret_verdict)
{
    out_clear(m);
    uint32_t slot = slot_of(m, id);
    if (slot == NONE) {
        return ST_NOT_FOUND;
    }
    struct match_order *o = &m->slots[slot].o;
    bool post_cross;
    *ret_verdict = amend_check(m, o, a, now, &post_cross);
    if (*ret_verdict != MATCH_ACCEPTED) {
        return ST_INVALID;
    }
    qty_t rest = a->total - o->filled;
    if (rest == 0 || post_cross) {
        order_end(m, slot, post_cross ? MATCH_BECAUSE_POST_ONLY : MATCH_BECAUSE_AMEND, true, now);
        return ST_OK;
    }
    if (a->has_expires) {
        expiry_change(m, slot, a->expires);
    }
    o->initial = a->total;
    if (keeps_place(o, a->px, rest)) {
        amend_in_place(m, slot, rest, now);
        return ST_OK;
    }
    qty_t shown = o->remaining;
    px_t shown_px = o->px;
    order_unbook(m, slot);
    o->px = a->px;
    o->remaining = rest;
    o->reason = MATCH_BECAUSE_AMEND;
    o->updated = now;
    order_run(m, slot, shown, shown_px, now);
    return ST_OK;
}

enum status match_amend(struct match *m, uint64_t id, px_t px, qty_t total, wall_ns_t now,
                        enum match_verdict *ret_verdict)
{
    struct match_amendment a = {.px = px, .total = total};
    return match_amend_order(m, id, &a, now, ret_verdict);
}

uint32_t match_cancel_all(struct match *m, uint32_t account, wall_ns_t now)
{
    out_clear(m);
    uint32_t n = 0;
    uint32_t slot = m->accounts[account].first;
    while (slot != NONE) {
        uint32_t next = m->links[slot].anext;
        if (!is_shut(m, slot)) {
            order_end(m, slot, MATCH_BECAUSE_USER, true, now);
            n++;
        }
        slot = next;
    }
    return n;
}
