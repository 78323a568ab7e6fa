/*
 * bench_book.c - nanoseconds for one book update, and bytes for one market.
 *
 * The peer is a plain ladder: a dense array of sizes, no bitmap, the best found by stepping down
 * level by level; same checks (grid, below zero), same totals and level counts. Both take the same
 * operations turn by turn in one process; the median of the runs is printed. Operations: a real
 * gold window where the shared data is, else generated ones; and generated ones on the finest grid.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/rng.h"
#include "bench/plain_book.h"
#include "book/book.h"
#include "capture/capture.h"
#include "shared_data.h"
#include "wire/msg.h"

#define RUNS       15
#define OPS_MAX    200000
#define RESULTS    8
#define GOLD       "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102130-30.jsonl.zst"
#define LEVELS_MAX 1000

struct op {
    px_t px;
    qty_t qty;
    uint32_t side, clear; /* clear: a snapshot begins here */
};

struct ops {
    const char *name, *grid, *source;
    struct op *op;
    uint32_t n;
    char hash[33];
};

struct result {
    char name[64];
    const char *unit, *peer;
    double ours, theirs;
    char hash[33];
};

static struct result results[RESULTS];
static uint32_t n_results;

/* --- operations --- */

static void add_op(struct ops *o, struct op op)
{
    if (o->n < OPS_MAX) {
        o->op[o->n++] = op;
    }
}

static void add_message(struct ops *o, const struct wire_msg *m)
{
    if (m->type == WIRE_DELTA) {
        const struct wire_delta *d = &m->u.delta;
        add_op(o, (struct op){d->px, d->qty, (uint32_t)d->side, 0});
    } else if (m->type == WIRE_SNAPSHOT) {
        const struct wire_snapshot *s = &m->u.snapshot;
        add_op(o, (struct op){.clear = 1});
        for (uint32_t i = 0; i < s->n_yes; i++) {
            add_op(o, (struct op){s->yes[i].px, s->yes[i].qty, SIDE_YES, 0});
        }
        for (uint32_t i = 0; i < s->n_no; i++) {
            add_op(o, (struct op){s->no[i].px, s->no[i].qty, SIDE_NO, 0});
        }
    }
}

static bool from_recording(struct ops *o, const char *path)
{
    struct capture *cap;
    struct err err;
    struct wire_decoder d;
    if (capture_open(path, 0, &cap, &err) != ST_OK) {
        fprintf(stderr, "bench_book: %s\n", err.text);
        return false;
    }
    bool good = wire_decoder_init(&d, LEVELS_MAX) == ST_OK;
    struct capture_line line;
    struct wire_msg m;
    while (good && capture_next(cap, &line) == ST_OK) {
        if (wire_decode(&d, line.msg.p, line.msg.n, &m, NULL) == ST_OK) {
            add_message(o, &m);
        }
    }
    wire_decoder_finish(&d);
    capture_close(cap);
    return good && o->n > 0;
}

/* Orders come and go near a best price that wanders: levels near it, and now and then far away. */
static void generate(struct ops *o, px_t step, uint64_t seed)
{
    static qty_t have[2][PX_ONE];
    struct rng rng;
    rng_init(&rng, seed);
    memset(have, 0, sizeof have);
    px_t mid = PX_ONE / 2 / step;
    px_t top = PX_ONE / step;
    while (o->n < OPS_MAX) {
        mid += rng_below(&rng, 50) == 0 ? (px_t)rng_below(&rng, 3) - 1 : 0;
        mid = mid < 60 ? 60 : mid > top - 60 ? top - 60 : mid;
        mid = top < 200 ? top / 2 : mid;
        uint32_t side = (uint32_t)rng_below(&rng, 2);
        px_t best = (side == SIDE_YES ? mid : top - mid) - 1;
        px_t depth = (px_t)rng_below(&rng, rng_below(&rng, 10) == 0 ? 45 : 8);
        px_t level = best - depth;
        qty_t *h = &have[side][level];
        qty_t qty = *h > 0 && rng_below(&rng, 2) == 0 ? -*h : 100 + (qty_t)rng_below(&rng, 5000);
        *h += qty;
        add_op(o, (struct op){level * step, qty, side, 0});
    }
}

/* --- measuring --- */

static double clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t run_book(struct book *b, const struct ops *o)
{
    uint64_t refused = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct op *op = &o->op[i];
        if (op->clear) {
            book_clear(b);
        } else {
            refused += book_apply(b, (enum side)op->side, op->px, op->qty) != ST_OK;
        }
    }
    return refused;
}

static uint64_t run_plain(struct plain *p, const struct ops *o)
{
    uint64_t refused = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct op *op = &o->op[i];
        if (op->clear) {
            plain_clear(p);
        } else {
            refused += !plain_apply(p, op->side, op->px, op->qty);
        }
    }
    return refused;
}

static bool same(const struct book *b, const struct plain *p)
{
    for (uint32_t s = 0; s < 2; s++) {
        const struct plain_side *x = &p->side[s];
        px_t best = x->best < 0 ? 0 : grid_px(&p->grid, x->best);
        if (book_best(b, (enum side)s) != best || book_total(b, (enum side)s) != x->total ||
            book_levels(b, (enum side)s) != x->levels) {
            return false;
        }
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(struct ops *o)
{
    static struct plain plain;
    double ours[RUNS], theirs[RUNS];
    struct book *book;
    if (grid_named(&plain.grid, o->grid) != ST_OK || book_create(&plain.grid, &book) != ST_OK) {
        return false;
    }
    bool good = true;
    for (int r = -1; r < RUNS; r++) { /* the first run warms caches and takes pages */
        book_clear(book);
        plain_clear(&plain);
        double t0 = clock_ns();
        uint64_t a = run_book(book, o);
        double t1 = clock_ns();
        uint64_t b = run_plain(&plain, o);
        double t2 = clock_ns();
        good = good && a == 0 && b == 0 && same(book, &plain);
        if (r >= 0) {
            ours[r] = (t1 - t0) / o->n;
            theirs[r] = (t2 - t1) / o->n;
        }
    }
    book_destroy(book);
    qsort(ours, RUNS, sizeof ours[0], by_value);
    qsort(theirs, RUNS, sizeof theirs[0], by_value);
    struct digest d;
    digest_init(&d);
    digest_add(&d, o->op, o->n * sizeof *o->op);
    struct result *x = &results[n_results++];
    snprintf(x->name, sizeof x->name, "book update, %s", o->name);
    x->unit = "ns";
    x->peer = "dense array, linear best";
    x->ours = ours[RUNS / 2];
    x->theirs = theirs[RUNS / 2];
    digest_text(&d, x->hash);
    printf("%s: %u operations, %s\n", o->name, o->n, o->source);
    return good;
}

static bool measure_updates(void)
{
    struct op *op = calloc(OPS_MAX, sizeof *op);
    char path[4096];
    bool good = op != NULL;
    struct ops gold = {
        .name = "whole cents", .grid = "linear_cent", .op = op, .source = "generated"};
    if (good && shared_path(GOLD, path, sizeof path)) {
        gold.source = "gold window 26AUG102130";
        good = from_recording(&gold, path);
    } else if (good) {
        generate(&gold, PX_CENT, 1);
    }
    good = good && measure(&gold);
    struct ops deci = {
        .name = "deci-cents", .grid = "deci_cent", .op = op, .source = "generated, seed 2"};
    generate(&deci, 10, 2);
    good = good && measure(&deci);
    struct ops fine = {.name = "centi-cents",
                       .grid = "center_centi_edge_centi_cent",
                       .op = op,
                       .source = "generated, seed 3"};
    generate(&fine, 1, 3);
    good = good && measure(&fine);
    free(op);
    return good;
}

/* 70 % whole cents, 15 % tapered, 10 % deci-cents, 5 % centi-cents; 5 to 40 levels a side, most
 * within 20 cents of the best. The peer is the dense array of each grid. */
static bool measure_memory(uint32_t markets)
{
    static const char *const grids[20] = {
        "linear_cent",       "linear_cent", "linear_cent",       "linear_cent",
        "linear_cent",       "linear_cent", "linear_cent",       "linear_cent",
        "linear_cent",       "linear_cent", "linear_cent",       "linear_cent",
        "linear_cent",       "linear_cent", "tapered_deci_cent", "tapered_deci_cent",
        "tapered_deci_cent", "deci_cent",   "deci_cent",         "center_centi_edge_centi_cent"};
    struct book **books = calloc(markets, sizeof(struct book *));
    struct rng rng;
    rng_init(&rng, 9);
    double bytes = 0, dense = 0;
    bool good = books != NULL;
    for (uint32_t m = 0; good && m < markets; m++) {
        struct grid grid;
        good = grid_named(&grid, grids[m % 20]) == ST_OK && book_create(&grid, &books[m]) == ST_OK;
        px_t yes_best = 100 * (px_t)(5 + rng_below(&rng, 90));
        for (uint64_t i = 10 + rng_below(&rng, 70); good && i > 0; i--) {
            enum side side = (enum side)rng_below(&rng, 2);
            px_t best = side == SIDE_YES ? yes_best - 100 : PX_ONE - yes_best;
            px_t px = grid_floor(&grid, best - (px_t)rng_below(&rng, 2000));
            good = px <= 0 || book_apply(books[m], side, px, 100) == ST_OK;
        }
        bytes += good ? (double)book_memory(books[m]) : 0;
        dense += (double)sizeof grid + 2.0 * (double)grid.levels * (double)sizeof(qty_t);
    }
    for (uint32_t m = 0; books != NULL && m < markets; m++) {
        book_destroy(books[m]);
    }
    free(books);
    struct result *x = &results[n_results++];
    snprintf(x->name, sizeof x->name, "memory per market, %u markets of mixed grids", markets);
    x->unit = "bytes";
    x->peer = "dense arrays";
    x->ours = bytes / markets;
    x->theirs = dense / markets;
    snprintf(x->hash, sizeof x->hash, "generated, seed 9");
    return good;
}

/* --- output --- */

static bool write_json(const char *path)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        perror(path);
        return false;
    }
    fprintf(f, "{\"results\":[");
    for (uint32_t i = 0; i < n_results; i++) {
        const struct result *x = &results[i];
        fprintf(f,
                "%s{\"name\":\"%s\",\"%s\":%.2f,\"peer\":\"%s\",\"peer_%s\":%.2f,\"ratio\":%.3f,"
                "\"input_hash\":\"%s\",\"runs\":%d}",
                i > 0 ? "," : "", x->name, x->unit, x->ours, x->peer, x->unit, x->theirs,
                x->theirs / x->ours, x->hash, RUNS);
    }
    fprintf(f, "]}\n");
    return fclose(f) == 0;
}

int main(int argc, char **argv)
{
    if (!measure_updates() || !measure_memory(10000) || !measure_memory(100000)) {
        fprintf(stderr, "bench_book: ours and the peer differ, or no memory\n");
        return 1;
    }
    printf("book: medians of %d runs\n", RUNS);
    for (uint32_t i = 0; i < n_results; i++) {
        const struct result *x = &results[i];
        printf("  %-46s %8.1f %-5s  %-26s %8.1f %6.2fx\n", x->name, x->ours, x->unit, x->peer,
               x->theirs, x->theirs / x->ours);
    }
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        return write_json(argv[2]) ? 0 : 1;
    }
    return 0;
}
