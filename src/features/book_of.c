/*
 * book_of.c - what the market features need of a book, in integers.
 */
#include <string.h>

#include "features/features.h"

/* The three largest sizes seen so far, largest first. */
struct top3 {
    qty_t q[3];
};

static void top3_add(struct top3 *t, qty_t qty)
{
    if (qty <= t->q[2]) {
        return;
    }
    if (qty <= t->q[1]) {
        t->q[2] = qty;
        return;
    }
    t->q[2] = t->q[1];
    if (qty <= t->q[0]) {
        t->q[1] = qty;
        return;
    }
    t->q[1] = t->q[0];
    t->q[0] = qty;
}

static qty_t top3_sum(const struct top3 *t)
{
    return t->q[0] + t->q[1] + t->q[2];
}

/* One ladder of bids, and those of its levels that are asks of the other outcome. */
struct ladder {
    px_t best, best_mirrored; /* 0: none */
    qty_t total, mirrored;
    uint32_t n, n_mirrored;
    qty_t top[3], top_mirrored[3];
};

/* Levels at mirror or above have no ask: it would stand at 0 or below. */
static void cut_at_mirror(const struct book *book, enum side side, px_t mirror, struct ladder *l)
{
    l->best_mirrored = 0;
    l->mirrored = 0;
    l->n_mirrored = 0;
    struct top3 top = {0};
    /* The shorter mirror is for whole cents and hardly ever cuts, so plain lookups will do. */
    const struct grid *grid = book_grid(book);
    for (int32_t i = 0; i < grid->levels; i++) {
        px_t px = grid_px(grid, i);
        if (px >= mirror) {
            break;
        }
        qty_t qty = book_qty(book, side, px);
        if (qty > 0) {
            l->best_mirrored = px;
            l->mirrored += qty;
            l->n_mirrored++;
            top3_add(&top, qty);
        }
    }
    memcpy(l->top_mirrored, top.q, sizeof top.q);
}

static void ladder_of(const struct book *book, enum side side, px_t mirror, struct ladder *l)
{
    l->best = book_best(book, side);
    l->total = book_total(book, side);
    l->n = book_levels(book, side);
    book_top_sizes(book, side, l->top, 3);
    if (l->best >= mirror) {
        cut_at_mirror(book, side, mirror, l);
        return;
    }
    l->best_mirrored = l->best;
    l->mirrored = l->total;
    l->n_mirrored = l->n;
    memcpy(l->top_mirrored, l->top, sizeof l->top);
}

static qty_t top3_of(const qty_t a[3], const qty_t b[3])
{
    struct top3 t = {{a[0], a[1], a[2]}};
    for (int i = 0; i < 3; i++) {
        top3_add(&t, b[i]);
    }
    return top3_sum(&t);
}

void feature_book_of(const struct book *book, px_t mirror, struct feature_book *ret)
{
    struct ladder yes, no;
    ladder_of(book, SIDE_YES, mirror, &yes);
    ladder_of(book, SIDE_NO, mirror, &no);
    *ret = (struct feature_book){
        .any = true,
        .yes_bid = yes.best,
        .yes_ask = no.best_mirrored > 0 ? mirror - no.best_mirrored : 0,
        .no_bid = no.best,
        .no_ask = yes.best_mirrored > 0 ? mirror - yes.best_mirrored : 0,
        .yes_bids = yes.total,
        .yes_asks = no.mirrored,
        .no_bids = no.total,
        .no_asks = yes.mirrored,
        .n_yes_bids = yes.n,
        .n_yes_asks = no.n_mirrored,
        .n_no_bids = no.n,
        .n_no_asks = yes.n_mirrored,
        .yes_top3 = top3_of(yes.top, no.top_mirrored),
        .no_top3 = top3_of(no.top, yes.top_mirrored),
    };
}

/* Best price (highest bid or lowest ask) and total of levels; sizes go into top as well. */
static px_t scan(const struct level *levels, uint32_t n, bool bids, struct top3 *top,
                 qty_t *ret_total)
{
    px_t best = 0;
    *ret_total = 0;
    for (uint32_t i = 0; i < n; i++) {
        px_t px = levels[i].px;
        if (best == 0 || (bids ? px > best : px < best)) {
            best = px;
        }
        *ret_total += levels[i].qty;
        top3_add(top, levels[i].qty);
    }
    return best;
}

void feature_book_of_levels(const struct feature_levels *levels, struct feature_book *ret)
{
    const struct feature_levels *l = levels;
    struct top3 yes = {0};
    struct top3 no = {0};
    struct feature_book b = {.any = true,
                             .n_yes_bids = l->n_yes_bids,
                             .n_yes_asks = l->n_yes_asks,
                             .n_no_bids = l->n_no_bids,
                             .n_no_asks = l->n_no_asks};
    b.yes_bid = scan(l->yes_bids, l->n_yes_bids, true, &yes, &b.yes_bids);
    b.yes_ask = scan(l->yes_asks, l->n_yes_asks, false, &yes, &b.yes_asks);
    b.no_bid = scan(l->no_bids, l->n_no_bids, true, &no, &b.no_bids);
    b.no_ask = scan(l->no_asks, l->n_no_asks, false, &no, &b.no_asks);
    b.yes_top3 = top3_sum(&yes);
    b.no_top3 = top3_sum(&no);
    *ret = b;
}
