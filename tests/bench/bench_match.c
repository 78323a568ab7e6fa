/*
 * bench_match.c - nanoseconds for one order operation of the matching engine, accounts and fees
 * included: users place (two in three), cancel or amend near a price that wanders. No peer yet: the
 * figure is for comparison with itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "match/match.h"

#define RUNS     7
#define OPS      400000u
#define ACCOUNTS 16u
#define KEPT     4096u

struct world {
    struct match *m;
    uint32_t market, account[ACCOUNTS];
    struct rng rng;
    uint64_t open[KEPT];
    int32_t center;
    uint64_t trades;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static void op(struct world *w, uint32_t i)
{
    uint64_t *kept = &w->open[rng_below(&w->rng, KEPT)];
    qty_t reduced = 0;
    enum match_verdict v;
    const struct grid *g = match_grid(w->m, w->market);
    uint64_t kind = rng_below(&w->rng, 6);
    int32_t index = w->center + (int32_t)rng_below(&w->rng, 21) - 10;
    if (kind == 0) {
        (void)!match_cancel(w->m, *kept, MATCH_BECAUSE_USER, i, &reduced);
        return;
    }
    if (kind == 1) {
        (void)!match_amend(w->m, *kept, grid_px(g, index), 300, i, &v);
        return;
    }
    struct match_request r = {.account = w->account[rng_below(&w->rng, ACCOUNTS)],
                              .market = w->market,
                              .side = rng_below(&w->rng, 2) ? SIDE_YES : SIDE_NO,
                              .qty = 1 + (qty_t)rng_below(&w->rng, 500),
                              .stp = MATCH_STP_MAKER};
    px_t px = grid_px(g, index);
    r.px = r.side == SIDE_YES ? px : PX_ONE - px;
    uint64_t id = 0;
    if (match_place(w->m, &r, i, &id) == MATCH_ACCEPTED) {
        w->trades += match_result(w->m).n_trades;
        (void)!match_cancel(w->m, *kept, MATCH_BECAUSE_USER, i,
                            &reduced); /* keep the book bounded */
        *kept = id;
    }
    w->center += i % 64 == 0 ? (int32_t)rng_below(&w->rng, 3) - 1 : 0;
    w->center = w->center < 20 ? 20 : w->center > 78 ? 78 : w->center;
}

static double run(uint64_t *ret_trades)
{
    struct world *w = calloc(1, sizeof *w);
    struct match_config c = {.max_markets = 1, .max_accounts = ACCOUNTS, .max_orders = 100000};
    struct match_fees fees;
    struct grid grid = grid_cents();
    bool good = w != NULL && match_fees_named("quadratic", 1000000, &fees) == ST_OK &&
                match_create(&c, &w->m) == ST_OK &&
                match_add_market(w->m, &grid, &fees, false, &w->market) == ST_OK;
    for (uint32_t i = 0; good && i < ACCOUNTS; i++) {
        good = match_add_account(w->m, USD_LIMIT / 1000, &w->account[i]) == ST_OK;
    }
    if (!good) {
        fprintf(stderr, "bench_match: no memory\n");
        exit(1);
    }
    rng_init(&w->rng, 1);
    w->center = 49;
    int64_t t = now_ns();
    for (uint32_t i = 0; i < OPS; i++) {
        op(w, i);
    }
    t = now_ns() - t;
    *ret_trades = w->trades;
    match_destroy(w->m);
    free(w);
    return (double)t / OPS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    double ns[RUNS];
    uint64_t trades = 0;
    for (int i = 0; i < RUNS; i++) {
        ns[i] = run(&trades);
    }
    qsort(ns, RUNS, sizeof ns[0], by_value);
    double median = ns[RUNS / 2];
    printf("match: %.1f ns an operation, %.2f million a second (%llu trades in %u operations)\n",
           median, 1e3 / median, (unsigned long long)trades, OPS);
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        FILE *f = fopen(argv[2], "w");
        if (f == NULL) {
            perror(argv[2]);
            return 1;
        }
        fprintf(f,
                "{\"results\":[{\"name\":\"one order operation in match\",\"ns\":%.1f,"
                "\"input_hash\":\"generated, seed 1\",\"runs\":%d}]}\n",
                median, RUNS);
        return fclose(f) == 0 ? 0 : 1;
    }
    return 0;
}
