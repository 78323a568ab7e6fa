/*
 * prop_book.c - the book against the obvious one, on random grids with random changes.
 *
 * DELTAFLOW_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "prop/book/slow_book.h"

static uint64_t seed = 20261123;
static struct slow_book slow;

static const px_t steps[] = {1, 2, 5, 10, 20, 50, 100};

/* One to eight ranges cut at multiples of 1 cent (or 10), each with a step that divides it. */
static struct grid random_grid(struct rng *rng)
{
    struct grid_range r[GRID_RANGES_MAX];
    size_t n = 0;
    px_t at = 0;
    size_t want = 1 + rng_below(rng, GRID_RANGES_MAX);
    while (at < PX_ONE) {
        px_t end = at + PX_CENT * (px_t)(1 + rng_below(rng, 60));
        if (n + 1 == want || end > PX_ONE) {
            end = PX_ONE;
        }
        r[n++] = (struct grid_range){at, end, steps[rng_below(rng, 7)], 0};
        at = end;
    }
    struct grid grid;
    assert_int_equal(grid_init(&grid, r, n), ST_OK);
    return grid;
}

/* Mostly near the middle of the grid or near one of few prices, so that levels meet again. */
static px_t random_px(struct rng *rng, const struct grid *grid, bool wide)
{
    int32_t span = wide || grid->levels < 40 ? grid->levels : 40;
    int32_t from = (grid->levels - span) / 2;
    return grid_px(grid, from + (int32_t)rng_below(rng, (uint64_t)span));
}

static void check_reads(struct rng *rng, struct book *book)
{
    qty_t top[8], want[8] = {0};
    uint32_t n = 1 + (uint32_t)rng_below(rng, 8);
    enum side side = (enum side)rng_below(rng, 2);
    const struct slow_side *s = &slow.side[side];
    px_t px = (px_t)rng_below(rng, 10100) - 50;
    qty_t to = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        qty_t q = s->levels[i].qty;
        to += s->levels[i].px >= px ? q : 0;
        for (uint32_t k = 0; k < 8; k++) { /* bubble it down the sorted list */
            if (q > want[k]) {
                qty_t t = want[k];
                want[k] = q;
                q = t;
            }
        }
    }
    book_top_sizes(book, side, top, n);
    assert_memory_equal(top, want, n * sizeof *top);
    assert_memory_equal(book_largest(book, side), want, BOOK_LARGEST * sizeof *want);
    assert_int_equal(book_depth_to(book, side, px), to);
    if (s->n > 0) {
        const struct level *l = &s->levels[rng_below(rng, s->n)];
        assert_int_equal(book_qty(book, side, l->px), l->qty);
        assert_int_equal(book_ask(book, side_other(side)), PX_ONE - s->levels[s->n - 1].px);
    }
}

static void random_delta(struct rng *rng, struct book *book, bool wide)
{
    enum side side = (enum side)rng_below(rng, 2);
    px_t px = random_px(rng, book_grid(book), wide);
    qty_t have = book_qty(book, side, px);
    qty_t qty = 1 + (qty_t)rng_below(rng, 5000);
    uint64_t kind = rng_below(rng, 10);
    if (kind < 3 && have > 0) {
        qty = -have; /* the level goes */
    } else if (kind < 5 && have > 0) {
        qty = -(1 + (qty_t)rng_below(rng, (uint64_t)have));
    } else if (kind == 5) {
        qty = -(have + 1); /* below zero: refused */
    }
    uint64_t version = book_version(book);
    bool good = slow_add(&slow, (int)side, px, qty);
    assert_int_equal(book_apply(book, side, px, qty), good ? ST_OK : ST_INVALID);
    assert_int_equal(book_version(book), version + good);
}

/* A snapshot of random levels that do not cross, in random order. */
static void random_snapshot(struct rng *rng, struct book *book)
{
    static struct level l[2][SLOW_MAX];
    uint32_t n[2] = {0, 0};
    const struct grid *grid = book_grid(book);
    slow_clear(&slow);
    px_t limit = grid_px(grid, (int32_t)rng_below(rng, (uint64_t)grid->levels));
    for (uint64_t i = rng_below(rng, 60); i > 0; i--) {
        int s = (int)rng_below(rng, 2);
        px_t px = random_px(rng, grid, true);
        px_t yes_px = s == 0 ? px : PX_ONE - px;
        if ((s == 0 ? yes_px >= limit : yes_px <= limit) || book_qty(book, (enum side)s, px) < 0) {
            continue;
        }
        bool twice = false;
        for (uint32_t k = 0; k < n[s]; k++) {
            twice |= l[s][k].px == px;
        }
        if (twice) {
            continue;
        }
        l[s][n[s]] = (struct level){px, 1 + (qty_t)rng_below(rng, 100000)};
        assert_true(slow_add(&slow, s, px, l[s][n[s]].qty));
        n[s]++;
    }
    assert_int_equal(book_snapshot(book, l[0], n[0], l[1], n[1]), ST_OK);
}

static void random_regrid(struct rng *rng, struct book *book)
{
    struct grid grid = random_grid(rng);
    uint32_t want = 0, dropped = 99;
    for (int s = 0; s < 2; s++) {
        uint32_t kept = 0;
        struct slow_side *side = &slow.side[s];
        for (uint32_t i = 0; i < side->n; i++) {
            if (grid_index(&grid, side->levels[i].px) >= 0) {
                side->levels[kept++] = side->levels[i];
            }
        }
        want += side->n - kept;
        side->n = kept;
    }
    assert_int_equal(book_regrid(book, &grid, &dropped), ST_OK);
    assert_int_equal(dropped, want);
    assert_true(grid_equal(book_grid(book), &grid));
}

static void one_life(struct rng *rng)
{
    struct grid grid = random_grid(rng);
    struct book *book;
    assert_int_equal(book_create(&grid, &book), ST_OK);
    slow_clear(&slow);
    bool wide = rng_below(rng, 2) == 0;
    for (int i = 0; i < 600; i++) {
        uint64_t what = rng_below(rng, 300);
        if (what == 0) {
            book_clear(book);
            slow_clear(&slow);
        } else if (what < 4) {
            random_snapshot(rng, book);
        } else if (what < 6) {
            random_regrid(rng, book);
        } else {
            random_delta(rng, book, wide);
        }
        assert_true(slow_equal(&slow, book));
        check_reads(rng, book);
    }
    book_destroy(book);
}

static void every_reader_agrees_with_the_sorted_list(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed);
    for (int life = 0; life < 120; life++) {
        one_life(&rng);
    }
}

/* The same levels reached on two ways, on two grids, have one hash; one changed size another. */
static void equal_levels_have_equal_hashes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed + 1);
    struct grid cents = grid_cents(), fine;
    assert_int_equal(grid_named(&fine, "center_centi_edge_centi_cent"), ST_OK);
    for (int round = 0; round < 300; round++) {
        struct book *a, *b;
        assert_int_equal(book_create(&cents, &a), ST_OK);
        assert_int_equal(book_create(&fine, &b), ST_OK);
        slow_clear(&slow);
        for (int i = 0; i < 50; i++) {
            random_delta(&rng, a, true);
        }
        for (int s = 1; s >= 0; s--) {
            for (uint32_t i = 0; i < slow.side[s].n; i++) {
                const struct level *l = &slow.side[s].levels[i];
                assert_int_equal(book_apply(b, (enum side)s, l->px, l->qty), ST_OK);
            }
        }
        assert_true(book_hash(a) == book_hash(b));
        px_t px = book_best(b, SIDE_YES);
        assert_int_equal(book_apply(b, SIDE_YES, px != 0 ? px : 1, 1), ST_OK);
        assert_true(book_hash(a) != book_hash(b));
        book_destroy(a);
        book_destroy(b);
    }
}

int main(void)
{
    const char *text = getenv("DELTAFLOW_SEED");
    seed = text != NULL ? strtoull(text, NULL, 0) : seed;
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reader_agrees_with_the_sorted_list),
        cmocka_unit_test(equal_levels_have_equal_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
