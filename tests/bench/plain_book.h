/*
 * plain_book.h - the peer of books: a dense array of sizes, no bitmap, the best found by stepping
 * down level by level; same checks (grid, below zero), same totals and level counts.
 */
#ifndef TESTS_BENCH_PLAIN_BOOK_H
#define TESTS_BENCH_PLAIN_BOOK_H

#include <stdbool.h>
#include <string.h>

#include "base/grid.h"

#define PLAIN_LEVELS 9999

struct plain_side {
    qty_t qty[PLAIN_LEVELS];
    qty_t total;
    int32_t best;
    uint32_t levels;
};

struct plain {
    struct grid grid;
    struct plain_side side[2];
};

static inline bool plain_apply(struct plain *p, uint32_t side, px_t px, qty_t qty)
{
    struct plain_side *s = &p->side[side];
    int32_t i = grid_index(&p->grid, px);
    if (i < 0 || s->qty[i] + qty < 0) {
        return false;
    }
    qty_t old = s->qty[i];
    s->qty[i] += qty;
    s->total += qty;
    s->levels += (old == 0 && s->qty[i] != 0) ? 1U : 0U;
    s->levels -= (old != 0 && s->qty[i] == 0) ? 1U : 0U;
    if (s->qty[i] != 0 && i > s->best) {
        s->best = i;
    }
    while (s->best >= 0 && s->qty[s->best] == 0) {
        s->best--;
    }
    return true;
}

static inline void plain_clear(struct plain *p)
{
    for (int s = 0; s < 2; s++) {
        memset(p->side[s].qty, 0, (size_t)p->grid.levels * sizeof(qty_t));
        p->side[s].total = 0;
        p->side[s].levels = 0;
        p->side[s].best = -1;
    }
}

#endif
