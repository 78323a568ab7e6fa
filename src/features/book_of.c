/*
 * book_of.c - what the market features need of a book, in integers.
 */
#include "features/features.h"

#include <string.h>

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

/* Of one ladder of bids, the levels that are asks of the other outcome. */
struct mirrored {
    px_t best; /* 0: none */
    qty_t total;
    uint32_t n;
    struct top3 top;
};

/* Levels at mirror or above have no ask: it would stand at 0 or below. */
static struct mirrored cut_at_mirror(const struct book *book, enum side side, px_t mirror)
{
    struct mirrored m = {0};
    /* The shorter mirror is for whole cents and hardly ever cuts, so plain lookups will do. */
    const struct grid *grid = book_grid(book);
    for (int32_t i = 0; i < grid->levels; i++) {
        px_t px = grid_px(grid, i);
        if (px >= mirror) {
            break;
        }
        qty_t qty = book_qty(book, side, px);
        if (qty > 0) {
            m.best = px;
            m.total += qty;
            m.n++;
            top3_add(&m.top, qty);
        }
    }
    return m;
}

/* Without the top: that of an uncut ladder is found by book_top_sizes. */
static struct mirrored mirrored_of(const struct book *book, enum side side, px_t mirror)
{
    px_t best = book_best(book, side);
    if (best >= mirror) {
        return cut_at_mirror(book, side, mirror);
    }
    return (struct mirrored){
        .best = best, .total = book_total(book, side), .n = book_levels(book, side)};
}

void feature_book_ends(const struct book *book, px_t mirror, struct feature_book *ret)
{
    struct mirrored yes = mirrored_of(book, SIDE_YES, mirror);
    struct mirrored no = mirrored_of(book, SIDE_NO, mirror);
    *ret = (struct feature_book){
        .any = true,
        .yes_bid = book_best(book, SIDE_YES),
        .yes_ask = no.best > 0 ? mirror - no.best : 0,
        .no_bid = book_best(book, SIDE_NO),
        .no_ask = yes.best > 0 ? mirror - yes.best : 0,
        .yes_bids = book_total(book, SIDE_YES),
        .yes_asks = no.total,
        .no_bids = book_total(book, SIDE_NO),
        .no_asks = yes.total,
        .n_yes_bids = book_levels(book, SIDE_YES),
        .n_yes_asks = no.n,
        .n_no_bids = book_levels(book, SIDE_NO),
        .n_no_asks = yes.n,
        .yes_top3 = -1,
        .no_top3 = -1,
    };
}

static qty_t top3_of_both(const struct top3 *bids, const struct top3 *asks)
{
    struct top3 t = *bids;
    for (int i = 0; i < 3; i++) {
        top3_add(&t, asks->q[i]);
    }
    return top3_sum(&t);
}

/* yes, no: the largest sizes of the two ladders. */
static void add_tops(const struct book *book, px_t mirror, const struct top3 *yes,
                     const struct top3 *no, struct feature_book *b)
{
    bool yes_cut = book_best(book, SIDE_YES) >= mirror;
    bool no_cut = book_best(book, SIDE_NO) >= mirror;
    b->yes_top3 = b->no_top3 = top3_of_both(yes, no);
    if (no_cut) {
        struct mirrored asks = cut_at_mirror(book, SIDE_NO, mirror);
        b->yes_top3 = top3_of_both(yes, &asks.top);
    }
    if (yes_cut) {
        struct mirrored asks = cut_at_mirror(book, SIDE_YES, mirror);
        b->no_top3 = top3_of_both(no, &asks.top);
    }
}

void feature_book_of(const struct book *book, px_t mirror, struct feature_book *ret)
{
    struct top3 yes, no;
    feature_book_ends(book, mirror, ret);
    book_top_sizes(book, SIDE_YES, yes.q, 3);
    book_top_sizes(book, SIDE_NO, no.q, 3);
    add_tops(book, mirror, &yes, &no, ret);
}

_Static_assert(BOOK_LARGEST == 3, "the features add up three sizes");

void feature_window_complete(struct feature_window *w, struct book *book, px_t mirror)
{
    if (w->book.any && w->book.yes_top3 < 0) {
        struct top3 yes, no;
        memcpy(yes.q, book_largest(book, SIDE_YES), sizeof yes.q);
        memcpy(no.q, book_largest(book, SIDE_NO), sizeof no.q);
        add_tops(book, mirror, &yes, &no, &w->book);
    }
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
