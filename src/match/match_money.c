/*
 * match_money.c - cash, positions and fees.
 *
 * A fill acquires n contracts of outcome X at X's own price q. The part that opens or adds costs
 * n q; the part that offsets the other outcome brings n (1 - q), because each YES and NO pair gives
 * back its dollar (sheet 15.1). Nobody's account takes part without checks and fees, so that money
 * over all accounts is constant.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "match/match_int.h"

enum status match_fees_named(const char *fee_type, int64_t mult_micros, struct match_fees *ret)
{
    if (mult_micros < 0) {
        return ST_UNSUPPORTED;
    }
    if (strcmp(fee_type, "quadratic") == 0) {
        *ret = (struct match_fees){.taker_e4 = 700, .mult_micros = mult_micros};
    } else if (strcmp(fee_type, "quadratic_with_maker_fees") == 0) {
        *ret = (struct match_fees){.taker_e4 = 700, .maker_e4 = 175, .mult_micros = mult_micros};
    } else if (strcmp(fee_type, "quadratic_with_combo_maker_fees") == 0) {
        *ret = (struct match_fees){.taker_e4 = 700,
                                   .maker_e4 = 175,
                                   .mult_micros = mult_micros,
                                   .maker_early_e4 = 350,
                                   .early_ns = 5 * NS_PER_SEC};
    } else {
        return ST_UNSUPPORTED;
    }
    return ST_OK;
}

usd_t match_fee_ceil(int32_t rate_e4, int64_t mult_micros, px_t yes_px, qty_t qty)
{
    /* rate 1e-4, mult 1e-6, qty 1e-2, two prices 1e-4: 1e-20 dollars, of which 1e-4 is 1e16. */
    int64_t rate = rate_e4 * mult_micros;
    int64_t prices = yes_px * (PX_ONE - yes_px);
    int64_t num;
    if (rate % 1000000 == 0 && !__builtin_mul_overflow(rate / 1000000 * prices, qty, &num) &&
        num <= INT64_MAX / 2) {
        return (num + 9999999999) / 10000000000 * FEE_GRAIN; /* in 64 bits, as nearly always */
    }
    wide_t grain = (wide_t)100000000 * 100000000;
    return (usd_t)(((wide_t)rate * qty * prices + grain - 1) / grain) * FEE_GRAIN;
}

struct match_position *position_find(const struct match *m, uint32_t account, uint32_t market)
{
    const struct account *a = &m->accounts[account];
    if (market >= a->pos_of_cap || a->pos_of[market] == NONE) {
        return NULL;
    }
    return &a->positions[a->pos_of[market]];
}

struct match_position *position_make(struct match *m, uint32_t account, uint32_t market)
{
    struct match_position *p = position_find(m, account, market);
    if (p != NULL) {
        return p;
    }
    struct account *a = &m->accounts[account];
    if (market >= a->pos_of_cap) {
        uint32_t *of = realloc(a->pos_of, m->markets_cap * sizeof *of);
        if (of == NULL) {
            return NULL;
        }
        for (uint32_t i = a->pos_of_cap; i < m->markets_cap; i++) {
            of[i] = NONE;
        }
        a->pos_of = of;
        a->pos_of_cap = m->markets_cap;
    }
    if (a->pub.n_positions == a->positions_cap) {
        uint32_t cap = a->positions_cap == 0 ? 8 : a->positions_cap * 2;
        struct match_position *q = realloc(a->positions, cap * sizeof *q);
        if (q == NULL) {
            return NULL;
        }
        a->positions = q;
        a->positions_cap = cap;
    }
    a->pos_of[market] = a->pub.n_positions;
    p = &a->positions[a->pub.n_positions++];
    *p = (struct match_position){.market = market};
    return p;
}

/* a * b / c, rounded down; nothing is negative, and the result fits. */
static int64_t share(int64_t a, int64_t b, int64_t c)
{
    int64_t product;
    if (!__builtin_mul_overflow(a, b, &product)) {
        return product / c; /* the division of 128 bits is a slow one */
    }
    return (int64_t)((wide_t)a * b / c);
}

/*
 * Of the orders that rest on the outcome that would reduce the position, the part that does reduce
 * it is taken at their average price; the rest, and all of the other side, has to be paid.
 */
static usd_t reserve_of(qty_t position, const qty_t resting[2], const usd_t cost[2])
{
    usd_t sum = cost[SIDE_YES] + cost[SIDE_NO];
    enum side reducing = position > 0 ? SIDE_NO : SIDE_YES;
    qty_t had = qty_abs(position);
    if (had >= resting[reducing]) {
        return sum - cost[reducing];
    }
    return had == 0 ? sum : sum - share(cost[reducing], had, resting[reducing]);
}

usd_t reserve_if(const struct match_position *p, enum side side, qty_t qty, usd_t cost)
{
    qty_t resting[2] = {p->resting[SIDE_YES], p->resting[SIDE_NO]};
    usd_t costs[2] = {p->resting_cost[SIDE_YES], p->resting_cost[SIDE_NO]};
    resting[side] += qty;
    costs[side] += cost;
    return reserve_of(p->qty, resting, costs);
}

void reserve_refresh(struct match *m, uint32_t account, struct match_position *p)
{
    usd_t now = reserve_of(p->qty, p->resting, p->resting_cost);
    m->accounts[account].pub.reserved += now - p->reserved;
    p->reserved = now;
}

void reserve_change(struct match *m, uint32_t account, struct match_position *p, enum side side,
                    qty_t qty, usd_t cost)
{
    p->resting[side] += qty;
    p->resting_cost[side] += cost;
    ensure(p->resting[side] >= 0 && p->resting_cost[side] >= 0);
    reserve_refresh(m, account, p);
}

/* Cash effect of a fill before fees: negative when it costs. */
static usd_t revenue_of(qty_t position, enum side side, px_t px, qty_t qty)
{
    qty_t offset = qty_min(qty, held(position, side_other(side)));
    return usd_of(PX_ONE - px, offset) - usd_of(px, qty - offset);
}

static usd_t floor_to(usd_t v, usd_t grain)
{
    usd_t r = v % grain;
    return v - (r < 0 ? r + grain : r);
}

/* What an order pays of its market's rates; within early_ns of resting, the maker of a combo pays
 * another one. */
static int32_t rate_of(const struct match_fees *f, const struct match_order *o, bool taker,
                       wall_ns_t now)
{
    if (now < f->waived_until) {
        return 0;
    }
    if (taker) {
        return f->taker_e4;
    }
    return f->early_ns > 0 && now - o->rested <= f->early_ns ? f->maker_early_e4 : f->maker_e4;
}

/* Section 16, steps 1 to 4: the net fee of a fill with that revenue; updates *rounding. */
static usd_t fee_of(const struct match *m, const struct match_order *o, usd_t revenue, px_t px,
                    qty_t qty, bool taker, wall_ns_t now, usd_t *rounding)
{
    const struct match_fees *f = &m->markets[o->market].fees;
    usd_t trade = match_fee_ceil(rate_of(f, o, taker, now), f->mult_micros, px, qty);
    usd_t change = revenue - trade;
    usd_t round = change - floor_to(change, m->grain);
    usd_t fee = trade + round;
    usd_t sum = *rounding + round;
    if (sum >= FEE_REBATE) {
        /* Never below zero, and on the grain, so that cash stays on it. */
        usd_t back = fee < FEE_REBATE ? floor_to(fee, m->grain) : FEE_REBATE;
        fee -= back;
        sum -= back;
    }
    *rounding = sum;
    return fee;
}

struct purse purse_of(const struct match *m, const struct match_order *o)
{
    const struct match_position *p = position_find(m, o->account, o->market);
    return (struct purse){.cash = m->accounts[o->account].pub.cash,
                          .position = p != NULL ? p->qty : 0,
                          .rounding = o->rounding};
}

bool purse_fill(const struct match *m, struct purse *u, const struct match_order *o, px_t px,
                qty_t qty, bool taker, wall_ns_t now)
{
    usd_t revenue = revenue_of(u->position, o->side, px, qty);
    usd_t rounding = u->rounding;
    usd_t cash = u->cash + revenue - fee_of(m, o, revenue, px, qty, taker, now, &rounding);
    if (cash < 0) {
        return false;
    }
    u->cash = cash;
    u->rounding = rounding;
    u->position += o->side == SIDE_YES ? qty : -qty;
    return true;
}

bool fill_affordable(const struct match *m, const struct match_order *o, px_t px, qty_t qty,
                     bool taker, wall_ns_t now)
{
    struct purse u = purse_of(m, o);
    return purse_fill(m, &u, o, px, qty, taker, now);
}

static void position_apply(struct match_position *p, enum side side, px_t px, qty_t qty)
{
    qty_t had = qty_abs(p->qty);
    qty_t offset = qty_min(qty, held(p->qty, side_other(side)));
    if (offset > 0) {
        usd_t cost = offset == had ? p->cost : share(p->cost, offset, had);
        p->realized += usd_of(PX_ONE - px, offset) - cost;
        p->cost -= cost;
    }
    p->cost += usd_of(px, qty - offset);
    p->qty += side == SIDE_YES ? qty : -qty;
    p->traded += usd_of(px, qty);
    p->volume += qty;
    p->bought[side] += qty;
    p->paid[side] += usd_of(px, qty);
}

static void long_change(struct match *m, uint32_t market, qty_t before, qty_t after)
{
    m->markets[market].open_long += held(after, SIDE_YES) - held(before, SIDE_YES);
}

void fill_user(struct match *m, struct match_order *o, uint64_t trade, px_t px, qty_t qty,
               bool taker, wall_ns_t now)
{
    struct match_position *p = position_make(m, o->account, o->market);
    ensure_memory(p);
    px_t yes_px = own_to_yes(o->side, px);
    usd_t revenue = revenue_of(p->qty, o->side, px, qty);
    usd_t fee = fee_of(m, o, revenue, px, qty, taker, now, &o->rounding);
    struct match_account *a = &m->accounts[o->account].pub;
    a->cash += revenue - fee;
    a->fees += fee;
    m->fees += fee;
    qty_t before = p->qty;
    position_apply(p, o->side, px, qty);
    long_change(m, o->market, before, p->qty);
    p->fees += fee;
    p->updated = now;
    reserve_refresh(m, o->account, p);
    o->filled += qty;
    o->remaining -= qty;
    o->updated = now;
    o->reason = MATCH_BECAUSE_TRADE;
    *(taker ? &o->taker_cost : &o->maker_cost) += usd_of(px, qty);
    *(taker ? &o->taker_fees : &o->maker_fees) += fee;
    out_fill(m, &(struct match_fill){
                    .trade_id = trade,
                    .order_id = o->id,
                    .tag = o->tag,
                    .account = o->account,
                    .market = o->market,
                    .side = o->side,
                    .yes_px = yes_px,
                    .qty = qty,
                    .fee = fee,
                    .is_taker = taker,
                    .position = p->qty,
                });
    if (o->group != 0) {
        group_matched(m, o->group, qty, now);
    }
}

void fill_anon(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty)
{
    struct market *k = &m->markets[market];
    m->accounts[MATCH_ANON].pub.cash += revenue_of(k->anon_pos, side, px, qty);
    qty_t before = k->anon_pos;
    k->anon_pos += side == SIDE_YES ? qty : -qty;
    long_change(m, market, before, k->anon_pos);
}

struct match_money match_money(const struct match *m)
{
    struct match_money s = {.fees = m->fees, .cut = m->cut, .deposits = m->deposits};
    s.anon_cash = m->accounts[MATCH_ANON].pub.cash;
    for (uint32_t i = 1; i < m->n_accounts; i++) {
        s.cash += m->accounts[i].pub.cash;
    }
    for (uint32_t i = 0; i < m->n_markets; i++) {
        s.collateral += usd_of(PX_ONE, m->markets[i].open_long);
    }
    return s;
}
