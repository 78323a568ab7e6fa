/*
 * slow_book.h - the obvious book: a list of levels sorted by price, searched from the front.
 *
 * It shares nothing with src/book but the units, so that agreeing with it means something.
 */
#ifndef TESTS_PROP_BOOK_SLOW_BOOK_H
#define TESTS_PROP_BOOK_SLOW_BOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/money.h"
#include "book/book.h"

#define SLOW_MAX 10000

struct slow_side {
    uint32_t n;
    struct level levels[SLOW_MAX]; /* rising by price, sizes > 0 */
};

struct slow_book {
    struct slow_side side[2];
};

/* False: the level would fall below zero; nothing is changed. */
static inline bool slow_add(struct slow_book *b, int side, px_t px, qty_t qty)
{
    struct slow_side *s = &b->side[side];
    uint32_t i = 0;
    while (i < s->n && s->levels[i].px < px) {
        i++;
    }
    bool there = i < s->n && s->levels[i].px == px;
    qty_t sum = (there ? s->levels[i].qty : 0) + qty;
    if (sum < 0) {
        return false;
    }
    if (there && sum == 0) {
        memmove(&s->levels[i], &s->levels[i + 1], (s->n - i - 1) * sizeof s->levels[0]);
        s->n--;
    } else if (there) {
        s->levels[i].qty = sum;
    } else if (sum > 0) {
        memmove(&s->levels[i + 1], &s->levels[i], (s->n - i) * sizeof s->levels[0]);
        s->levels[i] = (struct level){px, sum};
        s->n++;
    }
    return true;
}

static inline void slow_clear(struct slow_book *b)
{
    b->side[0].n = b->side[1].n = 0;
}

static inline bool slow_crossed(const struct slow_book *b)
{
    const struct slow_side *y = &b->side[0], *n = &b->side[1];
    return y->n > 0 && n->n > 0 && y->levels[y->n - 1].px + n->levels[n->n - 1].px >= 10000;
}

/* Everything a reader of the book can see, compared; says what differs. */
static inline bool slow_equal(const struct slow_book *slow, const struct book *book)
{
    static struct level depth[SLOW_MAX];
    for (int side = 0; side < 2; side++) {
        const struct slow_side *s = &slow->side[side];
        uint32_t n = book_depth(book, (enum side)side, depth, SLOW_MAX);
        if (n != s->n || book_levels(book, (enum side)side) != n) {
            printf("side %d: %u levels, %u expected\n", side, n, s->n);
            return false;
        }
        qty_t total = 0;
        for (uint32_t i = 0; i < n; i++) {
            const struct level *want = &s->levels[n - 1 - i];
            total += want->qty;
            if (depth[i].px != want->px || depth[i].qty != want->qty) {
                printf("side %d level %u: %lld at %lld, %lld at %lld expected\n", side, i,
                       (long long)depth[i].qty, (long long)depth[i].px, (long long)want->qty,
                       (long long)want->px);
                return false;
            }
        }
        px_t best = n > 0 ? s->levels[n - 1].px : 0;
        qty_t best_qty = n > 0 ? s->levels[n - 1].qty : 0;
        if (book_total(book, (enum side)side) != total ||
            book_best(book, (enum side)side) != best ||
            book_best_qty(book, (enum side)side) != best_qty) {
            printf("side %d: total or best differ\n", side);
            return false;
        }
    }
    return book_crossed(book) == slow_crossed(slow) &&
           book_two_sided(book) == (slow->side[0].n > 0 && slow->side[1].n > 0);
}

#endif
