/*
 * match_life.c - what happens to a whole market: pauses, mass cancels, a new grid, close and
 * settlement.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

void match_halt(struct match *m, uint32_t market, bool halted)
{
    m->markets[market].halted = halted || m->markets[market].closed;
}

bool match_halted(const struct match *m, uint32_t market)
{
    return m->markets[market].halted;
}

void match_reopen(struct match *m, uint32_t market)
{
    struct market *k = &m->markets[market];
    ensure(!k->settled);
    k->closed = false;
    k->halted = false;
}

enum match_access match_access_now(const struct match *m, uint32_t market)
{
    return m->markets[market].halted ? MATCH_SHUT : m->markets[market].access;
}

void match_set_fees(struct match *m, uint32_t market, const struct match_fees *fees)
{
    m->markets[market].fees = *fees;
}

static void cancel_flagged(struct match *m, uint32_t market, enum side side, wall_ns_t now)
{
    for (int32_t i = side_best(m, market, side); i >= 0; i = side_below(m, market, side, i)) {
        uint32_t slot = level_at(m, market, side, i)->head;
        while (slot != NONE) {
            uint32_t next = m->links[slot].next;
            if (m->slots[slot].o.cancel_on_pause) {
                order_end(m, slot, MATCH_BECAUSE_HALT, true, now);
            }
            slot = next;
        }
    }
}

void match_access(struct match *m, uint32_t market, enum match_access access, wall_ns_t now)
{
    out_clear(m);
    struct market *k = &m->markets[market];
    bool leaves = k->access == MATCH_OPEN && access != MATCH_OPEN;
    k->access = access;
    if (leaves) {
        cancel_flagged(m, market, SIDE_YES, now);
        cancel_flagged(m, market, SIDE_NO, now);
    }
}

/* Cancel the orders of a level and drop its anonymous size. */
static void level_clear(struct match *m, uint32_t market, enum side side, int32_t index,
                        enum match_reason reason, bool shown, wall_ns_t now)
{
    struct mlevel *l = level_at(m, market, side, index);
    while (l->head != NONE) {
        order_end(m, l->head, reason, shown, now);
    }
    if (shown) {
        out_delta(m, market, side, grid_px(&m->markets[market].grid, index), -l->anon, NULL);
    }
    if (m->markets[market].recorded) {
        l->taken += l->anon; /* the recording still has it */
    }
    l->anon = 0;
    l->tail = 0;
    level_touch(m, market, side, index);
}

static void market_clear(struct match *m, uint32_t market, enum match_reason reason, bool shown,
                         wall_ns_t now)
{
    struct market *k = &m->markets[market];
    for (int s = 0; s < 2; s++) {
        struct mside *e = &k->side[s];
        if (e->withheld > 0) {
            level_at(m, market, (enum side)s, e->withheld_at)->taken += e->withheld;
            e->withheld = 0;
        }
    }
    for (int s = 0; s < 2; s++) {
        enum side side = (enum side)s;
        for (int32_t i = side_best(m, market, side); i >= 0; i = side_below(m, market, side, i)) {
            level_clear(m, market, side, i, reason, shown, now);
        }
    }
}

void match_cancel_market(struct match *m, uint32_t market, enum match_reason reason, wall_ns_t now)
{
    out_clear(m);
    market_clear(m, market, reason, true, now);
}

void match_close(struct match *m, uint32_t market, wall_ns_t now)
{
    out_clear(m);
    market_clear(m, market, MATCH_BECAUSE_CLOSE, false, now);
    m->markets[market].halted = true;
    m->markets[market].closed = true;
}

/* --- a new grid --- */

/* Make the pages that levels of a side will need; false: no memory. */
static bool pages_ready(const struct mside *from, const struct grid *old, const struct grid *grid,
                        struct mside *to)
{
    for (uint32_t p = 0; p < from->n_words; p++) {
        for (uint32_t j = 0; from->pages[p] != NULL && j < PAGE; j++) {
            int32_t i = (int32_t)(p * PAGE + j);
            int32_t at = i < old->levels ? grid_index(grid, grid_px(old, i)) : -1;
            if (at >= 0 && page_make(to, at) == NULL) {
                return false;
            }
        }
    }
    return true;
}

static void drop_off_grid(struct match *m, uint32_t market, enum side side, const struct grid *grid,
                          wall_ns_t now)
{
    const struct grid *old = &m->markets[market].grid;
    for (int32_t i = side_best(m, market, side); i >= 0; i = side_below(m, market, side, i)) {
        if (grid_index(grid, grid_px(old, i)) < 0) {
            level_clear(m, market, side, i, MATCH_BECAUSE_GRID, true, now);
        }
    }
}

static void level_move(struct match *m, const struct mlevel *l, struct mside *to, int32_t at)
{
    struct mlevel *n = page_make(to, at);
    ensure_memory(n);
    *n = *l;
    for (uint32_t s = n->head; s != NONE; s = m->links[s].next) {
        m->slots[s].index = at;
    }
    if (n->anon != 0 || n->head != NONE) {
        to->bits[(uint32_t)at >> 6] |= UINT64_C(1) << ((uint32_t)at & 63);
        to->count++;
        to->best = at > to->best ? at : to->best;
    }
}

static void side_move(struct match *m, struct mside *from, const struct grid *old,
                      const struct grid *grid, struct mside *to)
{
    for (uint32_t p = 0; p < from->n_words; p++) {
        for (uint32_t j = 0; from->pages[p] != NULL && j < PAGE; j++) {
            int32_t i = (int32_t)(p * PAGE + j);
            int32_t at = i < old->levels ? grid_index(grid, grid_px(old, i)) : -1;
            if (at >= 0) {
                level_move(m, &from->pages[p][j], to, at);
            }
        }
    }
    if (from->withheld > 0) {
        to->withheld_at = grid_index(grid, grid_px(old, from->withheld_at));
        to->withheld = to->withheld_at >= 0 ? from->withheld : 0;
    }
    side_finish(from);
    *from = *to;
}

enum status match_set_grid(struct match *m, uint32_t market, const struct grid *grid, wall_ns_t now)
{
    out_clear(m);
    struct market *k = &m->markets[market];
    struct mside to[2] = {0};
    for (int s = 0; s < 2; s++) {
        if (side_init(&to[s], grid->levels) != ST_OK ||
            !pages_ready(&k->side[s], &k->grid, grid, &to[s])) {
            side_finish(&to[0]);
            side_finish(&to[1]);
            return ST_NOMEM;
        }
    }
    drop_off_grid(m, market, SIDE_YES, grid, now);
    drop_off_grid(m, market, SIDE_NO, grid, now);
    for (int s = 0; s < 2; s++) {
        side_move(m, &k->side[s], &k->grid, grid, &to[s]);
    }
    k->grid = *grid;
    return ST_OK;
}

/* --- the end --- */

static usd_t payout(qty_t position, px_t yes_px)
{
    return position >= 0 ? usd_of(yes_px, position) : usd_of(PX_ONE - yes_px, -position);
}

void match_settle(struct match *m, uint32_t market, px_t yes_px, wall_ns_t now)
{
    out_clear(m);
    struct market *k = &m->markets[market];
    ensure(k->closed && !k->settled && yes_px >= 0 && yes_px <= PX_ONE);
    for (uint32_t i = 1; i < m->n_accounts; i++) {
        struct match_position *p = position_find(m, i, market);
        if (p == NULL) {
            continue;
        }
        usd_t whole = payout(p->qty, yes_px); /* of 0 or 1 dollar it has no part of a cent */
        usd_t paid = whole - whole % USD_CENT;
        m->accounts[i].pub.cash += paid;
        m->cut += whole - paid;
        p->realized += paid - p->cost;
        p->cost = 0;
        p->qty = 0;
        p->settled = true;
        p->updated = now;
        reserve_refresh(m, i, p);
    }
    m->accounts[MATCH_ANON].pub.cash += payout(k->anon_pos, yes_px);
    k->anon_pos = 0;
    k->open_long = 0;
    k->settled = true;
}
