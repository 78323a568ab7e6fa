/*
 * match_rec.c - a recorded book with users' orders in it; the model is told in match.h.
 */
#include <string.h>

#include "base/ensure.h"
#include "match/match_int.h"

/* Nobody takes qty from the order at the head of its level; what its owner cannot pay is canceled.
 */
static qty_t hit_head(struct match *m, uint32_t slot, qty_t qty, wall_ns_t now)
{
    struct match_order o = m->slots[slot].o;
    qty_t x = qty_min(qty, o.remaining);
    if (!fill_affordable(m, &o, o.px, x, false, now)) {
        order_end(m, slot, MATCH_BECAUSE_MARGIN, true, now);
        return 0;
    }
    enum side taker = side_other(o.side);
    uint64_t trade = out_trade(m, o.market, taker, own_to_yes(o.side, o.px), x);
    fill_anon(m, o.market, taker, PX_ONE - o.px, x);
    order_hit(m, slot, trade, x, now);
    groups_run(m, now);
    return x;
}

static bool trade_through(const struct match *m)
{
    return m->config.queue == MATCH_QUEUE_TRADE_THROUGH;
}

/* Users' orders of side, best first, that cross own price px of the other side; at most qty. */
static qty_t hit_crossed(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
                         wall_ns_t now)
{
    const struct grid *grid = &m->markets[market].grid;
    qty_t done = 0;
    for (int32_t i = side_best(m, market, side); i >= 0 && done < qty;
         i = side_below(m, market, side, i)) {
        if (grid_px(grid, i) + px < PX_ONE) {
            break;
        }
        const struct mlevel *l = level_at(m, market, side, i);
        while (l->head != NONE && done < qty) {
            done += hit_head(m, l->head, qty - done, now);
        }
    }
    return done;
}

/* Would recorded size at px stand against a user's order at exactly its price? */
static bool locks(const struct match *m, uint32_t market, enum side side, px_t px)
{
    int32_t index = grid_index(&m->markets[market].grid, PX_ONE - px);
    const struct mlevel *l = index >= 0 ? level_at(m, market, side_other(side), index) : NULL;
    return l != NULL && l->users > 0;
}

static void withhold(struct match *m, uint32_t market, enum side side, int32_t index, qty_t qty)
{
    struct mside *s = &m->markets[market].side[side];
    ensure(s->withheld == 0 || s->withheld_at == index); /* one price only can lock */
    s->withheld += qty;
    s->withheld_at = index;
}

static void rec_add(struct match *m, uint32_t market, enum side side, int32_t index, qty_t qty,
                    wall_ns_t now)
{
    px_t px = grid_px(&m->markets[market].grid, index);
    qty_t hit = hit_crossed(m, market, side_other(side), px - trade_through(m), qty, now);
    struct mlevel *l = level_make(m, market, side, index);
    ensure_memory(l);
    if (hit < qty && trade_through(m) && locks(m, market, side, px)) {
        l->taken += hit;
        withhold(m, market, side, index, qty - hit);
        return;
    }
    l->anon += qty - hit;
    l->tail += qty - hit;
    l->taken += hit;
    level_touch(m, market, side, index);
    out_delta(m, market, side, px, qty - hit, NULL);
}

enum status match_rec_delta(struct match *m, uint32_t market, enum side side, px_t px, qty_t delta,
                            int64_t ts_ms, wall_ns_t now)
{
    out_clear(m);
    int32_t index = grid_index(&m->markets[market].grid, px);
    if (index < 0) {
        return ST_INVALID;
    }
    if (delta > 0) {
        rec_add(m, market, side, index, delta, now);
        return ST_OK;
    }
    struct mlevel *l = level_make(m, market, side, index);
    ensure_memory(l);
    qty_t want = -delta;
    struct mside *s = &m->markets[market].side[side];
    qty_t hidden = s->withheld_at == index ? s->withheld : 0;
    qty_t less = qty_min(want, l->anon + l->taken + hidden);
    qty_t absorbed = qty_min(less, l->taken);
    l->taken -= absorbed;
    hidden = qty_min(less - absorbed, hidden);
    s->withheld -= hidden;
    absorbed += hidden;
    queue_remove(m, l, less - absorbed, ts_ms, m->config.queue);
    level_touch(m, market, side, index);
    out_delta(m, market, side, px, absorbed - less, NULL);
    return less == want ? ST_OK : ST_INVALID;
}

/* A recorded trade eats what is ahead of an order; returns how much of it that was. */
static qty_t eat_gap(struct match *m, struct mlevel *l, uint32_t slot, qty_t qty, int64_t ts_ms)
{
    struct slot *s = &m->slots[slot];
    qty_t done = 0;
    if (s->early_ts == ts_ms) { /* the removal shown for this trade moved us on already */
        done = qty_min(qty, s->early);
        s->early -= done;
    }
    /* The recording removes this size itself, now or soon: until then it is behind. */
    qty_t x = qty_min(qty - done, s->gap);
    s->gap -= x;
    l->tail += x;
    return done + x;
}

void match_rec_trade(struct match *m, uint32_t market, enum side maker, px_t px, qty_t qty,
                     int64_t ts_ms, wall_ns_t now)
{
    out_clear(m);
    int32_t index = grid_index(&m->markets[market].grid, px);
    if (index < 0) {
        return;
    }
    /* Better prices first: the recorded taker would have met them before this level. */
    const struct grid *grid = &m->markets[market].grid;
    qty_t left = qty;
    int32_t above = side_best(m, market, maker);
    if (above > index) {
        left -= hit_crossed(m, market, maker, PX_ONE - grid_px(grid, index + 1), left, now);
    }
    struct mlevel *l = level_at(m, market, maker, index);
    if (l != NULL && trade_through(m)) {
        uint32_t i = l->gapped != NONE ? l->head : NONE;
        while (i != NONE && left > 0) {
            left -= eat_gap(m, l, i, left, ts_ms);
            i = i != l->gapped ? m->links[i].next : NONE;
        }
        return;
    }
    while (l != NULL && left > 0 && l->head != NONE) {
        left -= eat_gap(m, l, l->head, left, ts_ms);
        if (left > 0) {
            left -= hit_head(m, l->head, left, now);
        }
    }
}

/* One side's levels take the sizes in scratch; users' orders keep their place as far as there is
 * size ahead of them. */
static void rebase_level(struct match *m, uint32_t market, enum side side, int32_t index)
{
    qty_t want = m->scratch[index];
    struct mlevel *l =
        want > 0 ? level_make(m, market, side, index) : level_at(m, market, side, index);
    if (l == NULL) {
        ensure(want == 0);
        return;
    }
    l->taken = 0;
    if (want >= l->anon) {
        l->tail += want - l->anon;
        l->anon = want;
    } else {
        queue_remove(m, l, l->anon - want, 0, m->config.queue);
    }
    level_touch(m, market, side, index);
}

static bool rebase_side(struct match *m, uint32_t market, enum side side, const struct level *lv,
                        size_t n)
{
    const struct grid *grid = &m->markets[market].grid;
    bool fits = true;
    memset(m->scratch, 0, (size_t)grid->levels * sizeof *m->scratch);
    for (size_t i = 0; i < n; i++) {
        int32_t index = grid_index(grid, lv[i].px);
        if (index < 0 || lv[i].qty < 0) {
            fits = false;
        } else {
            m->scratch[index] = lv[i].qty;
        }
    }
    for (int32_t i = 0; i < grid->levels; i++) {
        rebase_level(m, market, side, i);
    }
    return fits;
}

/* Anonymous size of the new book that crosses users' orders of side fills them. */
static void rebase_cross(struct match *m, uint32_t market, enum side side, wall_ns_t now)
{
    const struct grid *grid = &m->markets[market].grid;
    enum side other = side_other(side);
    for (int32_t i = side_best(m, market, other); i >= 0; i = side_below(m, market, other, i)) {
        struct mlevel *l = level_at(m, market, other, i);
        if (l->anon == 0) {
            continue;
        }
        px_t px = grid_px(grid, i);
        qty_t hit = hit_crossed(m, market, side, px - trade_through(m), l->anon, now);
        if (hit < l->anon && trade_through(m) && locks(m, market, other, px)) {
            withhold(m, market, other, i, l->anon - hit);
            queue_remove(m, l, l->anon, 0, m->config.queue);
            l->taken += hit;
            level_touch(m, market, other, i);
            return;
        }
        if (hit == 0) {
            return;
        }
        queue_remove(m, l, hit, 0, m->config.queue);
        l->taken += hit;
        level_touch(m, market, other, i);
    }
}

enum status match_rec_snapshot(struct match *m, uint32_t market, const struct level *yes,
                               size_t n_yes, const struct level *no, size_t n_no, wall_ns_t now)
{
    out_clear(m);
    m->markets[market].side[SIDE_YES].withheld = 0;
    m->markets[market].side[SIDE_NO].withheld = 0;
    bool fits = rebase_side(m, market, SIDE_YES, yes, n_yes);
    fits = rebase_side(m, market, SIDE_NO, no, n_no) && fits;
    rebase_cross(m, market, SIDE_YES, now);
    rebase_cross(m, market, SIDE_NO, now);
    return fits ? ST_OK : ST_INVALID;
}
