/*
 * match_order.c - orders of users and native anonymous orders: entry, matching, leaving.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

/* Who takes: an order of a user that is not in the book, or nobody (slot NONE). */
struct taker {
    uint32_t slot;
    uint32_t market;
    enum side side;
    px_t px; /* limit, own price */
    qty_t left;
    wall_ns_t now;
    bool stopped; /* canceled by self-trade prevention or for want of money */
};

uint32_t slot_of(const struct match *m, uint64_t id)
{
    uint32_t slot = (uint32_t)id - 1;
    if (slot >= m->n_slots || !m->slots[slot].live || m->slots[slot].o.id != id) {
        return NONE;
    }
    return slot;
}

static uint32_t slot_take(struct match *m)
{
    if (m->n_open >= m->config.max_orders) {
        return NONE;
    }
    uint32_t slot = m->free;
    if (slot != NONE) {
        m->free = m->slots[slot].next;
    } else {
        if (m->n_slots == m->slots_cap) {
            uint32_t cap = m->slots_cap == 0 ? 256 : m->slots_cap * 2;
            struct slot *s = realloc(m->slots, cap * sizeof *s);
            if (s == NULL) {
                return NONE;
            }
            m->slots = s;
            m->slots_cap = cap;
        }
        slot = m->n_slots++;
        m->slots[slot] = (struct slot){.gen = m->first_gen};
    }
    struct slot *s = &m->slots[slot];
    uint32_t gen = s->gen + 1;
    m->top_gen = gen > m->top_gen ? gen : m->top_gen;
    *s = (struct slot){.gen = gen, .live = true, .prev = NONE, .next = NONE};
    s->o.id = ((uint64_t)gen << 32) | (slot + 1);
    m->n_open++;
    return slot;
}

void account_link(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    struct account *a = &m->accounts[s->o.account];
    s->aprev = NONE;
    s->anext = a->first;
    if (a->first != NONE) {
        m->slots[a->first].aprev = slot;
    }
    a->first = slot;
    a->pub.n_orders++;
}

void order_free(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    struct account *a = &m->accounts[s->o.account];
    if (s->aprev != NONE) {
        m->slots[s->aprev].anext = s->anext;
    } else {
        a->first = s->anext;
    }
    if (s->anext != NONE) {
        m->slots[s->anext].aprev = s->aprev;
    }
    a->pub.n_orders--;
    s->live = false;
    s->next = m->free;
    m->free = slot;
    m->n_open--;
}

static int32_t index_of(const struct match *m, const struct match_order *o)
{
    return grid_index(&m->markets[o->market].grid, o->px);
}

/* Out of its queue and out of the sums of open orders. */
static void order_unbook(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    int32_t index = index_of(m, &s->o);
    queue_unlink(m, level_at(m, s->o.market, s->o.side, index), slot);
    level_touch(m, s->o.market, s->o.side, index);
    s->in_book = false;
    struct match_position *p = position_find(m, s->o.account, s->o.market);
    reserve_change(m, s->o.account, p, s->o.side, -s->o.remaining,
                   -usd_of(s->o.px, s->o.remaining));
}

static void order_book(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    int32_t index = index_of(m, &s->o);
    struct mlevel *l = level_make(m, s->o.market, s->o.side, index);
    struct match_position *p = position_make(m, s->o.account, s->o.market);
    ensure(l != NULL && p != NULL);
    queue_append(m, l, slot);
    level_touch(m, s->o.market, s->o.side, index);
    s->in_book = true;
    reserve_change(m, s->o.account, p, s->o.side, s->o.remaining, usd_of(s->o.px, s->o.remaining));
    if (s->o.expires != 0 && s->o.expires < m->next_expiry) {
        m->next_expiry = s->o.expires;
    }
}

qty_t order_end(struct match *m, uint32_t slot, enum match_reason reason, bool shown, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    qty_t left = s->o.remaining;
    if (s->in_book) {
        if (shown) {
            out_delta(m, s->o.market, s->o.side, s->o.px, -left, s);
        }
        order_unbook(m, slot);
    }
    s->o.status = MATCH_CANCELED;
    s->o.reason = reason;
    s->o.remaining = 0;
    s->o.updated = now;
    out_update(m, &s->o);
    order_free(m, slot);
    return left;
}

void order_hit(struct match *m, uint32_t slot, uint64_t trade, qty_t qty, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    int32_t index = index_of(m, &s->o);
    struct mlevel *l = level_at(m, s->o.market, s->o.side, index);
    out_delta(m, s->o.market, s->o.side, s->o.px, -qty, s);
    struct match_position *p = position_find(m, s->o.account, s->o.market);
    reserve_change(m, s->o.account, p, s->o.side, -qty, -usd_of(s->o.px, qty));
    l->users -= qty;
    fill_user(m, &s->o, trade, s->o.px, qty, false, now);
    if (s->o.remaining > 0) {
        out_update(m, &s->o);
        return;
    }
    s->o.status = MATCH_EXECUTED;
    out_update(m, &s->o);
    queue_unlink(m, l, slot);
    level_touch(m, s->o.market, s->o.side, index);
    order_free(m, slot);
}

/* --- matching --- */

static bool taker_pays(const struct match *m, const struct taker *t, px_t maker_px, qty_t qty)
{
    return t->slot == NONE ||
           fill_affordable(m, &m->slots[t->slot].o, PX_ONE - maker_px, qty, true, 0);
}

static void taker_fill(struct match *m, struct taker *t, uint64_t trade, px_t maker_px, qty_t qty)
{
    if (t->slot != NONE) {
        fill_user(m, &m->slots[t->slot].o, trade, PX_ONE - maker_px, qty, true, t->now);
    } else {
        fill_anon(m, t->market, t->side, PX_ONE - maker_px, qty);
    }
    t->left -= qty;
}

static void stop(struct match *m, struct taker *t, enum match_reason reason)
{
    t->stopped = true;
    m->slots[t->slot].o.reason = reason;
}

static void take_anon(struct match *m, struct taker *t, struct mlevel *l, px_t px, qty_t *piece)
{
    qty_t x = qty_min(t->left, *piece);
    if (!taker_pays(m, t, px, x)) {
        stop(m, t, MATCH_BECAUSE_MARGIN);
        return;
    }
    enum side maker = side_other(t->side);
    out_delta(m, t->market, maker, px, -x, NULL);
    uint64_t trade = out_trade(m, t->market, t->side, own_to_yes(maker, px), x);
    *piece -= x;
    l->anon -= x;
    if (m->markets[t->market].recorded) {
        l->taken += x;
    }
    taker_fill(m, t, trade, px, x);
    fill_anon(m, t->market, maker, px, x);
}

static void take_order(struct match *m, struct taker *t, uint32_t slot, px_t px)
{
    struct slot *s = &m->slots[slot];
    if (t->slot != NONE && s->o.account == m->slots[t->slot].o.account) {
        if (m->slots[t->slot].o.stp == MATCH_STP_TAKER) {
            stop(m, t, MATCH_BECAUSE_SELF_TRADE);
        } else {
            order_end(m, slot, MATCH_BECAUSE_SELF_TRADE, true, t->now);
        }
        return;
    }
    qty_t x = qty_min(t->left, s->o.remaining);
    if (!taker_pays(m, t, px, x)) {
        stop(m, t, MATCH_BECAUSE_MARGIN);
        return;
    }
    if (!fill_affordable(m, &s->o, px, x, false, 0)) {
        order_end(m, slot, MATCH_BECAUSE_MARGIN, true, t->now);
        return;
    }
    uint64_t trade = out_trade(m, t->market, t->side, own_to_yes(s->o.side, px), x);
    taker_fill(m, t, trade, px, x);
    order_hit(m, slot, trade, x, t->now);
}

static void take(struct match *m, struct taker *t)
{
    enum side maker = side_other(t->side);
    const struct grid *grid = &m->markets[t->market].grid;
    while (t->left > 0 && !t->stopped) {
        int32_t index = side_best(m, t->market, maker);
        if (index < 0) {
            return;
        }
        px_t px = grid_px(grid, index);
        if (px + t->px < PX_ONE) {
            return;
        }
        struct mlevel *l = level_at(m, t->market, maker, index);
        while (t->left > 0 && !t->stopped && (l->anon > 0 || l->head != NONE)) {
            qty_t *piece = l->head != NONE ? &m->slots[l->head].gap : &l->tail;
            if (*piece > 0) {
                take_anon(m, t, l, px, piece);
            } else {
                take_order(m, t, l->head, px);
            }
        }
        level_touch(m, t->market, maker, index);
    }
}

/*
 * Can qty be filled whole? An own order on the way makes a FOK behave like an IOC, so that counts
 * as yes. *ret_hits: resting orders on the way.
 */
static bool fok_fills(const struct match *m, const struct match_request *r, uint32_t *ret_hits)
{
    enum side maker = side_other(r->side);
    const struct grid *grid = &m->markets[r->market].grid;
    qty_t left = r->qty;
    *ret_hits = 0;
    for (int32_t i = side_best(m, r->market, maker); i >= 0 && left > 0;
         i = side_below(m, r->market, maker, i)) {
        if (grid_px(grid, i) + r->px < PX_ONE) {
            break;
        }
        const struct mlevel *l = level_at(m, r->market, maker, i);
        left -= l->anon;
        (*ret_hits)++;
        for (uint32_t s = l->head; s != NONE; s = m->slots[s].next) {
            const struct match_order *o = &m->slots[s].o;
            if (o->account == r->account) {
                return true;
            }
            if (fill_affordable(m, o, o->px, o->remaining, false, 0)) {
                left -= o->remaining;
            }
            *ret_hits += 2;
        }
    }
    return left <= 0;
}

/* --- entry --- */

static bool crosses(const struct match *m, uint32_t market, enum side side, px_t px)
{
    px_t best = match_best(m, market, side_other(side));
    return best != 0 && best + px >= PX_ONE;
}

static bool entry_pays(const struct match *m, uint32_t account, uint32_t market, enum side side,
                       px_t px, qty_t qty)
{
    static const struct match_position none;
    const struct match_account *a = &m->accounts[account].pub;
    const struct match_position *p = position_find(m, account, market);
    p = p != NULL ? p : &none;
    return a->cash - (a->reserved - p->reserved + reserve_if(p, side, qty, usd_of(px, qty))) >= 0;
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
    return m->markets[r->market].halted ? MATCH_CLOSED : MATCH_ACCEPTED;
}

static enum match_verdict check_entry(const struct match *m, const struct match_request *r)
{
    if (r->post_only && crosses(m, r->market, r->side, r->px)) {
        return MATCH_POST_ONLY_CROSS;
    }
    if (!entry_pays(m, r->account, r->market, r->side, r->px, r->qty)) {
        return MATCH_NO_MONEY;
    }
    if (r->tif != MATCH_FOK) {
        return MATCH_ACCEPTED;
    }
    uint32_t hits = 0;
    if (!fok_fills(m, r, &hits)) {
        return MATCH_FOK_VOLUME;
    }
    /* All or nothing also for money: the limit price costs most, each fill rounds twice. */
    struct match_order o = {.account = r->account, .market = r->market, .side = r->side};
    usd_t slack = (usd_t)hits * 2 * FEE_GRAIN;
    bool pays = fill_affordable(m, &o, r->px, r->qty, true, slack);
    return pays ? MATCH_ACCEPTED : MATCH_NO_MONEY;
}

/* Match an order that is not in the book; what is left rests or goes. */
static void order_run(struct match *m, uint32_t slot, qty_t shown_before, px_t shown_px,
                      wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    enum match_reason because = s->o.reason;
    struct taker t = {.slot = slot,
                      .market = s->o.market,
                      .side = s->o.side,
                      .px = s->o.px,
                      .left = s->o.remaining,
                      .now = now};
    take(m, &t);
    if (shown_before > 0) { /* an amend: fills, then the removal, then the rest (sheet 5.8.4) */
        out_delta(m, s->o.market, s->o.side, shown_px, -shown_before, s);
    }
    if (s->o.remaining == 0) {
        s->o.status = MATCH_EXECUTED;
        out_update(m, &s->o);
        order_free(m, slot);
    } else if (t.stopped) {
        order_end(m, slot, s->o.reason, false, now);
    } else if (s->o.tif != MATCH_GTC) {
        order_end(m, slot, s->o.reduce_only ? MATCH_BECAUSE_REDUCE_ONLY : MATCH_BECAUSE_IOC, false,
                  now);
    } else {
        s->o.reason = because == MATCH_BECAUSE_AMEND ? because : s->o.reason;
        order_book(m, slot);
        out_delta(m, s->o.market, s->o.side, s->o.px, s->o.remaining, s);
        out_update(m, &s->o);
    }
}

enum match_verdict match_place(struct match *m, const struct match_request *req, wall_ns_t now,
                               uint64_t *ret_id)
{
    out_clear(m);
    struct match_request r = *req;
    enum match_verdict v = check_form(m, &r, now);
    if (v != MATCH_ACCEPTED) {
        return v;
    }
    bool nothing = false;
    if (r.reduce_only) {
        const struct match_position *p = position_find(m, r.account, r.market);
        qty_t most = p != NULL ? held(p->qty, side_other(r.side)) : 0;
        nothing = most == 0;
        r.qty = nothing ? r.qty : qty_min(r.qty, most);
    }
    v = nothing ? MATCH_ACCEPTED : check_entry(m, &r);
    if (v != MATCH_ACCEPTED) {
        return v;
    }
    uint32_t slot = slot_take(m);
    if (slot == NONE) {
        return MATCH_TOO_MANY;
    }
    struct match_order *o = &m->slots[slot].o;
    *o = (struct match_order){
        .id = o->id,
        .account = r.account,
        .market = r.market,
        .tag = r.tag,
        .side = r.side,
        .px = r.px,
        .initial = r.qty,
        .remaining = r.qty,
        .status = MATCH_RESTING,
        .reason = MATCH_BECAUSE_NEW,
        .tif = r.tif,
        .stp = r.stp,
        .post_only = r.post_only,
        .reduce_only = r.reduce_only,
        .created = now,
        .updated = now,
        .expires = r.expires,
    };
    *ret_id = o->id;
    account_link(m, slot);
    if (nothing) {
        order_end(m, slot, MATCH_BECAUSE_REDUCE_ONLY, false, now);
    } else {
        order_run(m, slot, 0, 0, now);
    }
    return MATCH_ACCEPTED;
}

/* --- leaving and changing --- */

enum status match_cancel(struct match *m, uint64_t id, enum match_reason reason, wall_ns_t now,
                         qty_t *ret_reduced)
{
    out_clear(m);
    uint32_t slot = slot_of(m, id);
    if (slot == NONE) {
        return ST_NOT_FOUND;
    }
    *ret_reduced = order_end(m, slot, reason, true, now);
    return ST_OK;
}

static void lower(struct match *m, uint32_t slot, qty_t remaining, enum match_reason reason,
                  wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    qty_t less = s->o.remaining - remaining;
    struct mlevel *l = level_at(m, s->o.market, s->o.side, index_of(m, &s->o));
    l->users -= less;
    reserve_change(m, s->o.account, position_find(m, s->o.account, s->o.market), s->o.side, -less,
                   -usd_of(s->o.px, less));
    s->o.remaining = remaining;
    s->o.reason = reason;
    s->o.updated = now;
    out_delta(m, s->o.market, s->o.side, s->o.px, -less, s);
    out_update(m, &s->o);
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
    if (remaining == 0) {
        order_end(m, slot, MATCH_BECAUSE_DECREASE, true, now);
    } else {
        lower(m, slot, remaining, MATCH_BECAUSE_DECREASE, now);
    }
    return ST_OK;
}

/* The entry checks of a changed order, without what it reserves now. */
static enum match_verdict amend_check(struct match *m, uint32_t slot, px_t px, qty_t rest)
{
    struct match_order *o = &m->slots[slot].o;
    struct match_position *p = position_find(m, o->account, o->market);
    reserve_change(m, o->account, p, o->side, -o->remaining, -usd_of(o->px, o->remaining));
    bool pays = entry_pays(m, o->account, o->market, o->side, px, rest);
    reserve_change(m, o->account, p, o->side, o->remaining, usd_of(o->px, o->remaining));
    if (!pays) {
        return MATCH_NO_MONEY;
    }
    return o->post_only && crosses(m, o->market, o->side, px) ? MATCH_POST_ONLY_CROSS
                                                              : MATCH_ACCEPTED;
}

enum status match_amend(struct match *m, uint64_t id, px_t px, qty_t total, wall_ns_t now,
                        enum match_verdict *ret_verdict)
{
    out_clear(m);
    uint32_t slot = slot_of(m, id);
    if (slot == NONE) {
        return ST_NOT_FOUND;
    }
    struct match_order *o = &m->slots[slot].o;
    *ret_verdict = MATCH_ACCEPTED;
    if (grid_index(&m->markets[o->market].grid, px) < 0) {
        *ret_verdict = MATCH_BAD_PRICE;
    } else if (total < o->filled || total <= 0 || total > QTY_LIMIT) {
        *ret_verdict = MATCH_BAD_SIZE;
    } else if (m->markets[o->market].halted) {
        *ret_verdict = MATCH_CLOSED;
    }
    qty_t rest = total - o->filled;
    if (*ret_verdict == MATCH_ACCEPTED && rest > 0) {
        *ret_verdict = amend_check(m, slot, px, rest);
    }
    if (*ret_verdict != MATCH_ACCEPTED) {
        return ST_INVALID;
    }
    if (rest == 0) {
        order_end(m, slot, MATCH_BECAUSE_AMEND, true, now);
        return ST_OK;
    }
    o->initial = total;
    if (px == o->px && rest < o->remaining) {
        lower(m, slot, rest, MATCH_BECAUSE_AMEND, now);
        return ST_OK;
    }
    qty_t shown = o->remaining;
    px_t shown_px = o->px;
    order_unbook(m, slot);
    o->px = px;
    o->remaining = rest;
    o->reason = MATCH_BECAUSE_AMEND;
    o->updated = now;
    order_run(m, slot, shown, shown_px, now);
    return ST_OK;
}

uint32_t match_cancel_all(struct match *m, uint32_t account, wall_ns_t now)
{
    out_clear(m);
    uint32_t n = 0;
    uint32_t slot = m->accounts[account].first;
    while (slot != NONE) {
        uint32_t next = m->slots[slot].anext;
        if (!m->markets[m->slots[slot].o.market].halted) {
            order_end(m, slot, MATCH_BECAUSE_USER, true, now);
            n++;
        }
        slot = next;
    }
    return n;
}

void match_expire(struct match *m, wall_ns_t now)
{
    out_clear(m);
    if (now < m->next_expiry) {
        return;
    }
    m->next_expiry = NS_NEVER;
    for (uint32_t i = 0; i < m->n_slots; i++) {
        struct slot *s = &m->slots[i];
        if (!s->live || !s->in_book || s->o.expires == 0) {
            continue;
        }
        if (s->o.expires <= now) {
            order_end(m, i, MATCH_BECAUSE_EXPIRY, true, now);
        } else if (s->o.expires < m->next_expiry) {
            m->next_expiry = s->o.expires;
        }
    }
}

wall_ns_t match_next_expiry(const struct match *m)
{
    return m->next_expiry;
}

/* --- native anonymous flow --- */

qty_t match_anon_place(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
                       bool rests, wall_ns_t now)
{
    out_clear(m);
    int32_t index = grid_index(&m->markets[market].grid, px);
    if (index < 0 || qty <= 0 || m->markets[market].halted) {
        return 0;
    }
    struct taker t = {
        .slot = NONE, .market = market, .side = side, .px = px, .left = qty, .now = now};
    take(m, &t);
    if (t.left > 0 && rests) {
        struct mlevel *l = level_make(m, market, side, index);
        ensure(l != NULL);
        l->anon += t.left;
        l->tail += t.left;
        level_touch(m, market, side, index);
        out_delta(m, market, side, px, t.left, NULL);
    }
    return qty - t.left;
}

qty_t match_anon_remove(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty)
{
    out_clear(m);
    int32_t index = grid_index(&m->markets[market].grid, px);
    struct mlevel *l = index >= 0 ? level_at(m, market, side, index) : NULL;
    if (l == NULL || qty <= 0) {
        return 0;
    }
    qty_t x = qty_min(qty, l->anon);
    if (x > 0) {
        queue_remove(m, l, x, 0, m->config.queue);
        level_touch(m, market, side, index);
        out_delta(m, market, side, px, -x, NULL);
    }
    return x;
}
