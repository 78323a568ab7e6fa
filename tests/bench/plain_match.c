#include "plain_match.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

#define OUT_MAX 4096

__extension__ typedef __int128 plain_wide;

struct order {
    struct match_order o;
    uint64_t time; /* of its place */
    bool open;
};

struct row { /* sorted: the best last */
    struct order **v;
    uint32_t n, cap;
};

struct place { /* of an account in a market */
    qty_t position;
    qty_t resting[2];
    usd_t cost[2], reserved;
};

struct plain {
    struct grid grid;
    struct match_fees fees;
    uint32_t markets, accounts, max_orders, n_orders;
    struct order *orders;
    struct row *rows;     /* market * 2 + side */
    struct place *places; /* account * markets + market */
    usd_t *cash, *reserved;
    uint64_t clock, next_trade;
    struct match_delta deltas[OUT_MAX];
    struct match_trade trades[OUT_MAX];
    struct match_fill fills[OUT_MAX];
    struct match_order updates[OUT_MAX];
    uint32_t n_deltas, n_trades, n_fills, n_updates;
};

void plain_destroy(struct plain *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; p->rows != NULL && i < p->markets * 2; i++) {
        free(p->rows[i].v);
    }
    free(p->rows);
    free(p->orders);
    free(p->places);
    free(p->cash);
    free(p->reserved);
    free(p);
}

struct plain *plain_create(uint32_t markets, uint32_t accounts, uint32_t max_orders, usd_t cash,
                           const struct grid *grid, const struct match_fees *fees)
{
    struct plain *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->grid = *grid;
    p->fees = *fees;
    p->markets = markets;
    p->accounts = accounts;
    p->max_orders = max_orders;
    p->orders = calloc((size_t)max_orders + 1, sizeof *p->orders);
    p->rows = calloc((size_t)markets * 2, sizeof *p->rows);
    p->places = calloc(((size_t)accounts + 1) * markets, sizeof *p->places);
    p->cash = calloc((size_t)accounts + 1, sizeof *p->cash);
    p->reserved = calloc((size_t)accounts + 1, sizeof *p->reserved);
    if (p->orders == NULL || p->rows == NULL || p->places == NULL || p->cash == NULL ||
        p->reserved == NULL) {
        plain_destroy(p);
        return NULL;
    }
    for (uint32_t i = 1; i <= accounts; i++) {
        p->cash[i] = cash;
    }
    return p;
}

/* --- results --- */

static void clear(struct plain *p)
{
    p->n_deltas = p->n_trades = p->n_fills = p->n_updates = 0;
}

static void tell_delta(struct plain *p, const struct match_order *o, px_t px, qty_t qty)
{
    if (qty != 0) {
        ensure(p->n_deltas < OUT_MAX);
        p->deltas[p->n_deltas++] =
            (struct match_delta){o->market, o->side, px, qty, o->account, o->tag};
    }
}

static void tell_update(struct plain *p, const struct match_order *o)
{
    ensure(p->n_updates < OUT_MAX);
    p->updates[p->n_updates++] = *o; /* here no order changes twice in one call */
}

struct match_result plain_result(const struct plain *p)
{
    return (struct match_result){.deltas = p->deltas,
                                 .trades = p->trades,
                                 .fills = p->fills,
                                 .updates = p->updates,
                                 .n_deltas = p->n_deltas,
                                 .n_trades = p->n_trades,
                                 .n_fills = p->n_fills,
                                 .n_updates = p->n_updates};
}

/* --- the book --- */

static struct row *row_of(struct plain *p, uint32_t market, enum side side)
{
    return &p->rows[market * 2 + (uint32_t)side];
}

static bool worse(const struct order *a, const struct order *b)
{
    return a->o.px != b->o.px ? a->o.px < b->o.px : a->time > b->time;
}

/* Where an order is or belongs. */
static uint32_t find(const struct row *r, const struct order *e)
{
    uint32_t from = 0;
    uint32_t to = r->n;
    while (from < to) {
        uint32_t mid = (from + to) / 2;
        if (worse(r->v[mid], e)) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

static void row_put(struct row *r, struct order *e)
{
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : r->cap * 2;
        r->v = realloc(r->v, r->cap * sizeof(struct order *));
        ensure(r->v != NULL);
    }
    uint32_t at = find(r, e);
    memmove(&r->v[at + 1], &r->v[at], (r->n - at) * sizeof(struct order *));
    r->v[at] = e;
    r->n++;
}

static void row_take(struct row *r, const struct order *e)
{
    uint32_t at = find(r, e);
    ensure(at < r->n && r->v[at] == e);
    memmove(&r->v[at], &r->v[at + 1], (r->n - at - 1) * sizeof(struct order *));
    r->n--;
}

/* --- money --- */

static struct place *place_of(const struct plain *p, uint32_t account, uint32_t market)
{
    return &p->places[account * p->markets + market];
}

static usd_t need(const struct place *x)
{
    int closing = x->position > 0 ? SIDE_NO : SIDE_YES;
    qty_t has = x->position < 0 ? -x->position : x->position;
    qty_t n = has < x->resting[closing] ? has : x->resting[closing];
    usd_t spared = n > 0 ? (usd_t)((plain_wide)x->cost[closing] * n / x->resting[closing]) : 0;
    return x->cost[0] + x->cost[1] - spared;
}

static void refresh(struct plain *p, uint32_t account, struct place *x)
{
    usd_t now = need(x);
    p->reserved[account] += now - x->reserved;
    x->reserved = now;
}

static void rests(struct plain *p, const struct match_order *o, qty_t qty)
{
    struct place *x = place_of(p, o->account, o->market);
    x->resting[o->side] += qty;
    x->cost[o->side] += o->px * qty;
    refresh(p, o->account, x);
}

static bool entry_pays(const struct plain *p, const struct match_order *o, px_t px, qty_t qty,
                       qty_t instead_of)
{
    struct place x = *place_of(p, o->account, o->market);
    usd_t others = p->reserved[o->account] - x.reserved;
    x.resting[o->side] += qty - instead_of;
    x.cost[o->side] += px * qty - o->px * instead_of;
    return p->cash[o->account] - others >= need(&x);
}

static usd_t down(usd_t v)
{
    usd_t r = v % 100;
    return v - (r < 0 ? r + 100 : r);
}

/* Cash of a fill and, through *fee and *rounding, what it pays for it. */
static usd_t price_of(const struct plain *p, const struct match_order *o, px_t px, qty_t qty,
                      bool taker, usd_t *fee, usd_t *rounding)
{
    qty_t position = place_of(p, o->account, o->market)->position;
    qty_t other = o->side == SIDE_YES ? -position : position;
    qty_t offset = other <= 0 ? 0 : other < qty ? other : qty;
    usd_t revenue = (PX_ONE - px) * offset - px * (qty - offset);
    int64_t rate = taker ? p->fees.taker_e4 : p->fees.maker_e4;
    plain_wide x = (plain_wide)rate * p->fees.mult_micros * qty * (px * (PX_ONE - px));
    plain_wide unit = (plain_wide)100000000 * 100000000;
    usd_t trade = (usd_t)((x + unit - 1) / unit) * 100;
    usd_t round = revenue - trade - down(revenue - trade);
    *fee = trade + round;
    *rounding = o->rounding + round;
    if (*rounding >= 10000) {
        usd_t back = *fee < 10000 ? down(*fee) : 10000;
        *fee -= back;
        *rounding -= back;
    }
    return revenue - *fee;
}

static bool pays(const struct plain *p, const struct match_order *o, px_t px, qty_t qty, bool taker)
{
    usd_t fee;
    usd_t rounding;
    return p->cash[o->account] + price_of(p, o, px, qty, taker, &fee, &rounding) >= 0;
}

static void fill(struct plain *p, struct match_order *o, px_t px, qty_t qty, bool taker,
                 wall_ns_t now)
{
    usd_t fee;
    p->cash[o->account] += price_of(p, o, px, qty, taker, &fee, &o->rounding);
    struct place *x = place_of(p, o->account, o->market);
    x->position += o->side == SIDE_YES ? qty : -qty;
    refresh(p, o->account, x);
    o->filled += qty;
    o->remaining -= qty;
    o->reason = MATCH_BECAUSE_TRADE;
    o->updated = now;
    *(taker ? &o->taker_cost : &o->maker_cost) += px * qty;
    *(taker ? &o->taker_fees : &o->maker_fees) += fee;
    px_t yes_px = o->side == SIDE_YES ? px : PX_ONE - px;
    ensure(p->n_fills < OUT_MAX);
    p->fills[p->n_fills++] =
        (struct match_fill){p->next_trade, o->id, o->tag, o->account, o->market,  o->side,
                            yes_px,        qty,   fee,    taker,      x->position};
}

/* --- matching --- */

static void end(struct plain *p, struct order *e, enum match_reason why, wall_ns_t now)
{
    e->o.status = MATCH_CANCELED;
    e->o.reason = why;
    e->o.remaining = 0;
    e->o.updated = now;
    e->open = false;
    tell_update(p, &e->o);
}

static void leave(struct plain *p, struct order *e, enum match_reason why, wall_ns_t now)
{
    tell_delta(p, &e->o, e->o.px, -e->o.remaining);
    row_take(row_of(p, e->o.market, e->o.side), e);
    rests(p, &e->o, -e->o.remaining);
    end(p, e, why, now);
}

/* One resting order; false: the taker stops, for *why. */
static bool meet(struct plain *p, struct order *e, struct order *maker, enum match_reason *why,
                 wall_ns_t now)
{
    if (maker->o.account == e->o.account) {
        *why = MATCH_BECAUSE_SELF_TRADE;
        if (e->o.stp == MATCH_STP_MAKER) {
            leave(p, maker, MATCH_BECAUSE_SELF_TRADE, now);
        }
        return e->o.stp == MATCH_STP_MAKER;
    }
    px_t px = maker->o.px;
    qty_t x = maker->o.remaining < e->o.remaining ? maker->o.remaining : e->o.remaining;
    if (!pays(p, &e->o, PX_ONE - px, x, true)) {
        *why = MATCH_BECAUSE_MARGIN;
        return false;
    }
    if (!pays(p, &maker->o, px, x, false)) {
        leave(p, maker, MATCH_BECAUSE_MARGIN, now);
        return true;
    }
    ensure(p->n_trades < OUT_MAX);
    p->trades[p->n_trades++] = (struct match_trade){
        ++p->next_trade, e->o.market, e->o.side, maker->o.side == SIDE_YES ? px : PX_ONE - px, x};
    fill(p, &e->o, PX_ONE - px, x, true, now);
    tell_delta(p, &maker->o, px, -x);
    rests(p, &maker->o, -x);
    fill(p, &maker->o, px, x, false, now);
    if (maker->o.remaining == 0) {
        maker->o.status = MATCH_EXECUTED;
        maker->open = false;
        row_of(p, maker->o.market, maker->o.side)->n--; /* it is the best, so it stands last */
    }
    tell_update(p, &maker->o);
    return true;
}

static void run(struct plain *p, struct order *e, qty_t shown, px_t shown_px, wall_ns_t now)
{
    struct row *other = row_of(p, e->o.market, side_other(e->o.side));
    enum match_reason because = e->o.reason;
    enum match_reason why = MATCH_BECAUSE_NEW;
    bool goes_on = true;
    while (goes_on && e->o.remaining > 0 && other->n > 0 &&
           other->v[other->n - 1]->o.px + e->o.px >= PX_ONE) {
        goes_on = meet(p, e, other->v[other->n - 1], &why, now);
    }
    tell_delta(p, &e->o, shown_px, -shown);
    if (e->o.remaining == 0) {
        e->o.status = MATCH_EXECUTED;
        e->open = false;
        tell_update(p, &e->o);
    } else if (!goes_on) {
        end(p, e, why, now);
    } else if (e->o.tif != MATCH_GTC) {
        end(p, e, MATCH_BECAUSE_IOC, now);
    } else {
        e->o.reason = because == MATCH_BECAUSE_AMEND ? because : e->o.reason;
        e->time = ++p->clock;
        row_put(row_of(p, e->o.market, e->o.side), e);
        rests(p, &e->o, e->o.remaining);
        tell_delta(p, &e->o, e->o.px, e->o.remaining);
        tell_update(p, &e->o);
    }
}

static bool crosses(struct plain *p, uint32_t market, enum side side, px_t px)
{
    const struct row *other = row_of(p, market, side_other(side));
    return other->n > 0 && other->v[other->n - 1]->o.px + px >= PX_ONE;
}

static bool fills_whole(struct plain *p, const struct match_request *r)
{
    const struct row *other = row_of(p, r->market, side_other(r->side));
    qty_t left = r->qty;
    for (uint32_t i = other->n; i > 0 && left > 0; i--) {
        const struct order *e = other->v[i - 1];
        if (e->o.px + r->px < PX_ONE) {
            break;
        }
        if (e->o.account == r->account) {
            return true; /* then it is an immediate order */
        }
        left -= e->o.remaining;
    }
    return left <= 0;
}

enum match_verdict plain_place(struct plain *p, const struct match_request *r, wall_ns_t now,
                               uint64_t *ret_id)
{
    clear(p);
    if (grid_floor(&p->grid, r->px) != r->px) {
        return MATCH_BAD_PRICE;
    }
    struct match_order o = {.account = r->account, .market = r->market, .side = r->side};
    if (r->post_only && crosses(p, r->market, r->side, r->px)) {
        return MATCH_POST_ONLY_CROSS;
    }
    if (!entry_pays(p, &o, r->px, r->qty, 0)) {
        return MATCH_NO_MONEY;
    }
    if (r->tif == MATCH_FOK && !fills_whole(p, r)) {
        return MATCH_FOK_VOLUME;
    }
    if (p->n_orders == p->max_orders) {
        return MATCH_TOO_MANY;
    }
    struct order *e = &p->orders[++p->n_orders];
    *e = (struct order){.open = true};
    e->o = (struct match_order){.id = p->n_orders,
                                .account = r->account,
                                .market = r->market,
                                .tag = r->tag,
                                .side = r->side,
                                .px = r->px,
                                .initial = r->qty,
                                .remaining = r->qty,
                                .tif = r->tif,
                                .stp = r->stp,
                                .post_only = r->post_only,
                                .created = now,
                                .updated = now};
    *ret_id = e->o.id;
    run(p, e, 0, 0, now);
    return MATCH_ACCEPTED;
}

static struct order *open_order(struct plain *p, uint64_t id)
{
    return id > 0 && id <= p->n_orders && p->orders[id].open ? &p->orders[id] : NULL;
}

enum status plain_cancel(struct plain *p, uint64_t id, wall_ns_t now)
{
    clear(p);
    struct order *e = open_order(p, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    leave(p, e, MATCH_BECAUSE_USER, now);
    return ST_OK;
}

static void lower(struct plain *p, struct order *e, qty_t rest, enum match_reason why,
                  wall_ns_t now)
{
    tell_delta(p, &e->o, e->o.px, rest - e->o.remaining);
    rests(p, &e->o, rest - e->o.remaining);
    e->o.remaining = rest;
    e->o.reason = why;
    e->o.updated = now;
    tell_update(p, &e->o);
}

enum status plain_decrease(struct plain *p, uint64_t id, qty_t remaining, wall_ns_t now)
{
    clear(p);
    struct order *e = open_order(p, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    if (remaining < 0 || remaining >= e->o.remaining) {
        return ST_INVALID;
    }
    if (remaining == 0) {
        leave(p, e, MATCH_BECAUSE_DECREASE, now);
    } else {
        lower(p, e, remaining, MATCH_BECAUSE_DECREASE, now);
    }
    return ST_OK;
}

enum status plain_amend(struct plain *p, uint64_t id, px_t px, qty_t total, wall_ns_t now,
                        enum match_verdict *ret_verdict)
{
    clear(p);
    struct order *e = open_order(p, id);
    if (e == NULL) {
        return ST_NOT_FOUND;
    }
    qty_t rest = total - e->o.filled;
    bool stays = px == e->o.px && rest <= e->o.remaining;
    *ret_verdict = grid_floor(&p->grid, px) != px                    ? MATCH_BAD_PRICE
                   : rest < 0 || total <= 0                          ? MATCH_BAD_SIZE
                   : rest == 0 || stays                              ? MATCH_ACCEPTED
                   : !entry_pays(p, &e->o, px, rest, e->o.remaining) ? MATCH_NO_MONEY
                   : e->o.post_only && crosses(p, e->o.market, e->o.side, px)
                       ? MATCH_POST_ONLY_CROSS
                       : MATCH_ACCEPTED;
    if (*ret_verdict != MATCH_ACCEPTED) {
        return ST_INVALID;
    }
    if (rest == 0) {
        leave(p, e, MATCH_BECAUSE_AMEND, now);
        return ST_OK;
    }
    e->o.initial = total;
    if (stays) {
        lower(p, e, rest, MATCH_BECAUSE_AMEND, now);
        return ST_OK;
    }
    qty_t shown = e->o.remaining;
    px_t shown_px = e->o.px;
    row_take(row_of(p, e->o.market, e->o.side), e);
    rests(p, &e->o, -shown);
    e->o.px = px;
    e->o.remaining = rest;
    e->o.reason = MATCH_BECAUSE_AMEND;
    e->o.updated = now;
    run(p, e, shown, shown_px, now);
    return ST_OK;
}

usd_t plain_cash(const struct plain *p, uint32_t account)
{
    return p->cash[account];
}

usd_t plain_reserved(const struct plain *p, uint32_t account)
{
    return p->reserved[account];
}

qty_t plain_position(const struct plain *p, uint32_t account, uint32_t market)
{
    return place_of(p, account, market)->position;
}
