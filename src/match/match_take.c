/*
 * match_take.c - what an incoming order does to the book, and what it would do.
 */
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
    bool stopped; /* canceled by self-trade prevention, its group, or for want of money */
};

static bool same_owner(const struct match *m, uint32_t a, uint32_t b)
{
    return a == b || (!m->config.self_per_account && m->accounts[a].owner == m->accounts[b].owner);
}

static bool taker_pays(const struct match *m, const struct taker *t, px_t maker_px, qty_t qty)
{
    return t->slot == NONE ||
           fill_affordable(m, &m->slots[t->slot].o, PX_ONE - maker_px, qty, true, t->now);
}

static void stop(struct match *m, struct taker *t, enum match_reason reason)
{
    t->stopped = true;
    m->slots[t->slot].o.reason = reason;
}

/* Limits of groups act between two trades. */
static void run_limits(struct match *m, struct taker *t)
{
    if (m->n_tripped == 0) {
        return;
    }
    groups_run(m, t->now);
    if (t->slot == NONE || t->left == 0) {
        return;
    }
    const struct match_order *o = &m->slots[t->slot].o;
    if (o->group != 0 && o->tif != MATCH_FOK && group_of(m, o->group)->pub.triggered) {
        stop(m, t, MATCH_BECAUSE_GROUP);
    }
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

/* A trade with nobody's size at px; false: the taker cannot pay. */
static bool trade_anon(struct match *m, struct taker *t, px_t px, qty_t qty)
{
    if (!taker_pays(m, t, px, qty)) {
        stop(m, t, MATCH_BECAUSE_MARGIN);
        return false;
    }
    enum side maker = side_other(t->side);
    uint64_t trade = out_trade(m, t->market, t->side, own_to_yes(maker, px), qty);
    taker_fill(m, t, trade, px, qty);
    fill_anon(m, t->market, maker, px, qty);
    return true;
}

static void take_anon(struct match *m, struct taker *t, struct mlevel *l, px_t px, qty_t *piece)
{
    qty_t x = qty_min(t->left, *piece);
    if (!trade_anon(m, t, px, x)) {
        return;
    }
    out_delta(m, t->market, side_other(t->side), px, -x, NULL);
    *piece -= x;
    l->anon -= x;
    if (m->markets[t->market].recorded) {
        l->taken += x;
    }
    run_limits(m, t);
}

/* Withheld size is better than anything shown; only a price that goes through it takes it. */
static void take_withheld(struct match *m, struct taker *t)
{
    enum side maker = side_other(t->side);
    struct market *k = &m->markets[t->market];
    struct mside *s = &k->side[maker];
    if (s->withheld == 0 || t->left == 0) {
        return;
    }
    px_t px = grid_px(&k->grid, s->withheld_at);
    qty_t x = qty_min(t->left, s->withheld);
    if (px + t->px > PX_ONE && trade_anon(m, t, px, x)) {
        s->withheld -= x;
        level_at(m, t->market, maker, s->withheld_at)->taken += x;
        run_limits(m, t);
    }
}

static void take_order(struct match *m, struct taker *t, uint32_t slot, px_t px)
{
    struct slot *s = &m->slots[slot];
    if (t->slot != NONE && same_owner(m, s->o.account, m->slots[t->slot].o.account)) {
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
    if (!fill_affordable(m, &s->o, px, x, false, t->now)) {
        order_end(m, slot, MATCH_BECAUSE_MARGIN, true, t->now);
        return;
    }
    uint64_t trade = out_trade(m, t->market, t->side, own_to_yes(s->o.side, px), x);
    taker_fill(m, t, trade, px, x);
    order_hit(m, slot, trade, x, t->now);
    run_limits(m, t);
}

static void take(struct match *m, struct taker *t)
{
    enum side maker = side_other(t->side);
    const struct grid *grid = &m->markets[t->market].grid;
    take_withheld(m, t);
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

void order_run(struct match *m, uint32_t slot, qty_t shown_before, px_t shown_px, wall_ns_t now)
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
        order_executed(m, slot);
    } else if (t.stopped) {
        order_end(m, slot, s->o.reason, false, now);
    } else if (s->o.tif != MATCH_GTC) {
        order_end(m, slot, s->o.reduce_only ? MATCH_BECAUSE_REDUCE_ONLY : MATCH_BECAUSE_IOC, false,
                  now);
    } else {
        s->o.reason = because == MATCH_BECAUSE_AMEND ? because : s->o.reason;
        order_book(m, slot, now);
        out_delta(m, s->o.market, s->o.side, s->o.px, s->o.remaining, s);
        out_update(m, s);
    }
}

bool crosses(const struct match *m, uint32_t market, enum side side, px_t px)
{
    const struct mside *s = &m->markets[market].side[side_other(side)];
    if (s->withheld > 0 && grid_px(&m->markets[market].grid, s->withheld_at) + px > PX_ONE) {
        return true;
    }
    px_t best = match_best(m, market, side_other(side));
    return best != 0 && best + px >= PX_ONE;
}

/* --- the trial run of a fill-or-kill order: the steps of take() on copies of what they change ---
 */

struct trial_run {
    const struct match_order *o;
    struct purse purse;
    qty_t left;
    wall_ns_t now;
    bool met_own, broke;
};

static bool trial_over(const struct trial_run *r)
{
    return r->left == 0 || r->met_own || r->broke;
}

static bool trial_pay(struct match *m, struct trial_run *r, px_t maker_px, qty_t qty)
{
    r->broke = !purse_fill(m, &r->purse, r->o, PX_ONE - maker_px, qty, true, r->now);
    return !r->broke;
}

static void trial_fill(struct match *m, struct trial_run *r, qty_t qty)
{
    r->left -= qty;
    group_trial(m, r->o->group, qty, r->now);
}

static void trial_anon(struct match *m, struct trial_run *r, px_t px, qty_t piece)
{
    qty_t x = qty_min(r->left, piece);
    if (x > 0 && trial_pay(m, r, px, x)) {
        trial_fill(m, r, x);
    }
}

static void trial_order(struct match *m, struct trial_run *r, const struct match_order *maker)
{
    if (same_owner(m, maker->account, r->o->account)) {
        r->met_own = true;
        return;
    }
    struct account *a = &m->accounts[maker->account];
    if (a->trial != m->trial) {
        a->trial = m->trial;
        a->purse = purse_of(m, maker);
    }
    qty_t x = qty_min(r->left, maker->remaining);
    struct purse mine = r->purse;
    if (!trial_pay(m, r, maker->px, x)) {
        return;
    }
    a->purse.rounding = maker->rounding; /* of the order; the rest is of the account */
    if (!purse_fill(m, &a->purse, maker, maker->px, x, false, r->now)) {
        r->purse = mine; /* it would be canceled instead */
        return;
    }
    trial_fill(m, r, x);
    group_trial(m, maker->group, x, r->now);
}

static void trial_level(struct match *m, struct trial_run *r, const struct mlevel *l, px_t px)
{
    qty_t piece = 0; /* what is left of the places of orders that would be gone joins the next */
    for (uint32_t i = l->head; i != NONE && !trial_over(r); i = m->links[i].next) {
        piece += m->slots[i].gap;
        if (group_trial_tripped(m, m->slots[i].o.group)) {
            continue;
        }
        trial_anon(m, r, px, piece);
        piece = 0;
        if (!trial_over(r) && !group_trial_tripped(m, m->slots[i].o.group)) {
            trial_order(m, r, &m->slots[i].o);
        }
    }
    if (!trial_over(r)) {
        trial_anon(m, r, px, piece + l->tail);
    }
}

enum trial fok_trial(struct match *m, const struct match_order *o, wall_ns_t now)
{
    enum side maker = side_other(o->side);
    const struct market *k = &m->markets[o->market];
    const struct mside *s = &k->side[maker];
    struct trial_run r = {.o = o, .purse = purse_of(m, o), .left = o->remaining, .now = now};
    m->trial++;
    if (s->withheld > 0 && grid_px(&k->grid, s->withheld_at) + o->px > PX_ONE) {
        trial_anon(m, &r, grid_px(&k->grid, s->withheld_at), s->withheld);
    }
    for (int32_t i = side_best(m, o->market, maker); i >= 0 && !trial_over(&r);
         i = side_below(m, o->market, maker, i)) {
        px_t px = grid_px(&k->grid, i);
        if (px + o->px < PX_ONE) {
            break;
        }
        trial_level(m, &r, level_at(m, o->market, maker, i), px);
    }
    if (r.broke) {
        return TRIAL_MONEY;
    }
    return r.left == 0 || r.met_own ? TRIAL_FILLS : TRIAL_VOLUME;
}

/* --- native anonymous flow --- */

qty_t match_anon_place(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
                       bool rests, wall_ns_t now)
{
    out_clear(m);
    int32_t index = grid_index(&m->markets[market].grid, px);
    if (index < 0 || qty <= 0 || match_access_now(m, market) != MATCH_OPEN) {
        return 0;
    }
    struct taker t = {
        .slot = NONE, .market = market, .side = side, .px = px, .left = qty, .now = now};
    take(m, &t);
    if (t.left > 0 && rests) {
        struct mlevel *l = level_make(m, market, side, index);
        ensure_memory(l);
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
