#include <stdlib.h>

#include "match/match_int.h"

static struct mside *side_of(const struct match *m, uint32_t market, enum side side)
{
    return &m->markets[market].side[side];
}

struct mlevel *level_at(const struct match *m, uint32_t market, enum side side, int32_t index)
{
    struct mlevel *page = side_of(m, market, side)->pages[(uint32_t)index >> PAGE_BITS];
    return page != NULL ? &page[(uint32_t)index & (PAGE - 1)] : NULL;
}

enum status side_init(struct mside *s, int32_t levels)
{
    uint32_t n = ((uint32_t)levels + PAGE - 1) / PAGE;
    *s = (struct mside){.n_words = n, .best = -1, .withheld_at = -1};
    s->pages = calloc(n, sizeof *s->pages);
    s->bits = calloc(n, sizeof *s->bits);
    if (s->pages == NULL || s->bits == NULL) {
        side_finish(s);
        return ST_NOMEM;
    }
    return ST_OK;
}

void side_finish(struct mside *s)
{
    for (uint32_t i = 0; s->pages != NULL && i < s->n_words; i++) {
        free(s->pages[i]);
    }
    free(s->pages);
    free(s->bits);
    *s = (struct mside){0};
}

struct mlevel *page_make(struct mside *s, int32_t index)
{
    struct mlevel **page = &s->pages[(uint32_t)index >> PAGE_BITS];
    if (*page == NULL) {
        *page = calloc(PAGE, sizeof **page);
        if (*page == NULL) {
            return NULL;
        }
        for (uint32_t i = 0; i < PAGE; i++) {
            (*page)[i].head = NONE;
            (*page)[i].last = NONE;
            (*page)[i].gapped = NONE;
        }
    }
    return &(*page)[(uint32_t)index & (PAGE - 1)];
}

struct mlevel *level_make(struct match *m, uint32_t market, enum side side, int32_t index)
{
    return page_make(side_of(m, market, side), index);
}

void level_touch(struct match *m, uint32_t market, enum side side, int32_t index)
{
    struct mside *s = side_of(m, market, side);
    const struct mlevel *l = level_at(m, market, side, index);
    uint64_t bit = UINT64_C(1) << ((uint32_t)index & 63);
    uint64_t *word = &s->bits[(uint32_t)index >> 6];
    bool now = l != NULL && (l->anon != 0 || l->head != NONE);
    bool before = (*word & bit) != 0;
    if (now && !before) {
        *word |= bit;
        s->count++;
        s->best = index > s->best ? index : s->best;
    } else if (!now && before) {
        *word &= ~bit;
        s->count--;
        s->best = index == s->best ? side_below(m, market, side, index) : s->best;
    }
}

int32_t side_best(const struct match *m, uint32_t market, enum side side)
{
    return side_of(m, market, side)->best;
}

int32_t side_below(const struct match *m, uint32_t market, enum side side, int32_t index)
{
    const struct mside *s = side_of(m, market, side);
    if (index <= 0) {
        return -1;
    }
    uint32_t top = (uint32_t)index - 1;
    uint32_t w = top >> 6;
    uint64_t word = s->bits[w] & (UINT64_MAX >> (63 - (top & 63)));
    for (;;) {
        if (word != 0) {
            return (int32_t)(w * 64 + 63 - (uint32_t)__builtin_clzll(word));
        }
        if (w == 0) {
            return -1;
        }
        word = s->bits[--w];
    }
}

int32_t side_above(const struct match *m, uint32_t market, enum side side, int32_t index)
{
    const struct mside *s = side_of(m, market, side);
    uint32_t from = (uint32_t)(index + 1);
    uint32_t w = from >> 6;
    if (w >= s->n_words) {
        return -1;
    }
    uint64_t word = s->bits[w] & (UINT64_MAX << (from & 63));
    for (;;) {
        if (word != 0) {
            return (int32_t)(w * 64 + (uint32_t)__builtin_ctzll(word));
        }
        if (++w >= s->n_words) {
            return -1;
        }
        word = s->bits[w];
    }
}

void queue_append(struct match *m, struct mlevel *l, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    s->gap = l->tail;
    s->early = 0;
    l->tail = 0;
    m->links[slot].prev = l->last;
    m->links[slot].next = NONE;
    if (l->last != NONE) {
        m->links[l->last].next = slot;
    } else {
        l->head = slot;
    }
    l->last = slot;
    l->gapped = s->gap > 0 ? slot : l->gapped;
    l->users += s->o.remaining;
}

/* What was ahead of an order that goes is ahead of the next one. */
static void gap_move(struct slot *s, struct slot *next)
{
    next->gap += s->gap;
    if (s->early != 0 && next->early != 0 && next->early_ts == s->early_ts) {
        next->early += s->early;
    } else if (s->early != 0 && (next->early == 0 || next->early_ts < s->early_ts)) {
        next->early = s->early;
        next->early_ts = s->early_ts;
    }
}

void queue_unlink(struct match *m, struct mlevel *l, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    const struct link *k = &m->links[slot];
    if (k->next != NONE) {
        if (s->gap != 0 || s->early != 0) {
            gap_move(s, &m->slots[k->next]);
        }
        m->links[k->next].prev = k->prev;
    } else {
        l->tail += s->gap;
        l->last = k->prev;
    }
    if (k->prev != NONE) {
        m->links[k->prev].next = k->next;
    } else {
        l->head = k->next;
    }
    if (l->gapped == slot) {
        l->gapped = k->next != NONE ? k->next : k->prev;
    }
    l->users -= s->o.remaining;
    s->gap = 0;
    s->early = 0;
}

static void gap_cut(struct slot *s, qty_t qty, int64_t ts_ms)
{
    s->gap -= qty;
    s->early = s->early_ts == ts_ms ? s->early + qty : qty;
    s->early_ts = ts_ms;
}

/* An order without a gap is passed once, not at each removal. */
static void remove_from_back(struct match *m, struct mlevel *l, qty_t qty, int64_t ts_ms)
{
    qty_t x = qty_min(qty, l->tail);
    l->tail -= x;
    qty -= x;
    while (qty > 0 && l->gapped != NONE) {
        struct slot *s = &m->slots[l->gapped];
        x = qty_min(qty, s->gap);
        if (x > 0) {
            gap_cut(s, x, ts_ms);
            qty -= x;
        }
        if (s->gap == 0) {
            l->gapped = m->links[l->gapped].prev;
        }
    }
}

void queue_remove(struct match *m, struct mlevel *l, qty_t qty, int64_t ts_ms, enum match_queue q)
{
    qty_t all = l->anon;
    qty_t left = qty;
    if (q == MATCH_QUEUE_PROPORTIONAL && all > 0) {
        uint32_t i = l->gapped != NONE ? l->head : NONE;
        for (; i != NONE; i = i != l->gapped ? m->links[i].next : NONE) {
            struct slot *s = &m->slots[i];
            qty_t x = (qty_t)((wide_t)s->gap * qty / all);
            if (x > 0) {
                gap_cut(s, x, ts_ms);
                left -= x;
            }
        }
    }
    remove_from_back(m, l, left, ts_ms);
    l->anon -= qty;
}

void withheld_release(struct match *m, uint32_t market, enum side side, px_t px)
{
    enum side other = side_other(side);
    struct mside *s = side_of(m, market, other);
    const struct grid *grid = &m->markets[market].grid;
    if (s->withheld == 0 || grid_px(grid, s->withheld_at) + px != PX_ONE ||
        level_at(m, market, side, grid_index(grid, px))->users > 0) {
        return;
    }
    struct mlevel *l = level_at(m, market, other, s->withheld_at);
    l->anon += s->withheld;
    l->tail += s->withheld;
    level_touch(m, market, other, s->withheld_at);
    out_delta(m, market, other, PX_ONE - px, s->withheld, NULL);
    s->withheld = 0;
}
