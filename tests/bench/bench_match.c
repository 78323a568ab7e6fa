/*
 * bench_match.c - order operations a second in the matching engine, accounts, collateral and fees
 * included, beside a plain implementation of the same rules (plain_match.h).
 *
 * Makers quote around a price that wanders, in some hundred open orders a market: they place,
 * cancel, amend and decrease; takers hit them with GTC, IOC and FOK orders. Both sides take the
 * same operations; before anything is timed, a digest over all answers, deltas, trades, fills,
 * updates, cash and positions must be equal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ensure.h"
#include "base/hash.h"
#include "base/rng.h"
#include "match/match.h"
#include "plain_match.h"

#define RUNS     9
#define OPS      500000u
#define ACCOUNTS 64u
#define CASH     (USD_LIMIT / 1000)
#define RING_MAX 4096u

enum kind { PLACE, CANCEL, DECREASE, AMEND, KINDS };

struct op {
    enum kind kind;
    uint32_t ref; /* number of a place, from 1 */
    struct match_request r;
    qty_t qty; /* to decrease to; the new total */
    px_t px;
};

struct scene {
    const char *name, *grid_name, *input;
    uint32_t markets, depth; /* depth: open orders of makers a market, at most */
    int32_t spread;          /* ticks over which makers quote */
    struct grid grid;
    struct match_fees fees;
    struct op *op;
    uint32_t n_places;
    uint32_t count[KINDS];
    uint64_t *ids; /* of places, by number */
};

static double clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- operations --- */

struct maker {
    uint32_t ref[RING_MAX]; /* of makers' orders, 0: gone */
    enum side side[RING_MAX];
    uint32_t next;
    int32_t center;
};

static px_t own_px(const struct scene *s, enum side side, int32_t index)
{
    int32_t last = s->grid.levels - 1;
    index = index < 0 ? 0 : index > last ? last : index;
    px_t px = grid_px(&s->grid, index);
    return side == SIDE_YES ? px : PX_ONE - px;
}

/* A maker's price: behind the center, most often near it. */
static px_t quote_px(const struct scene *s, struct rng *rng, enum side side, int32_t center)
{
    uint64_t a = rng_below(rng, (uint64_t)s->spread);
    uint64_t b = rng_below(rng, (uint64_t)s->spread);
    int32_t away = (int32_t)(a < b ? a : b);
    return own_px(s, side, side == SIDE_YES ? center - away : center + 1 + away);
}

static struct op draw(struct scene *s, struct rng *rng, struct maker *k, uint32_t market)
{
    uint64_t kind = rng_below(rng, 100);
    uint32_t at = (uint32_t)rng_below(rng, s->depth);
    if (kind < 62 && k->ref[at] != 0) { /* something happens to an order that is there */
        struct op op = {.kind = CANCEL, .ref = k->ref[at]};
        if (kind < 36) {
            k->ref[at] = 0;
        } else if (kind < 50) {
            op.kind = AMEND;
            op.px = quote_px(s, rng, k->side[at], k->center);
            op.qty = 100 + (qty_t)rng_below(rng, 5000);
        } else {
            op.kind = DECREASE;
            op.qty = (qty_t)rng_below(rng, 1000);
        }
        return op;
    }
    struct op op = {.kind = PLACE, .ref = ++s->n_places};
    op.r = (struct match_request){.account = 1 + (uint32_t)rng_below(rng, ACCOUNTS),
                                  .market = market,
                                  .side = rng_below(rng, 2) ? SIDE_YES : SIDE_NO,
                                  .qty = 1 + (qty_t)rng_below(rng, 3000),
                                  .stp = rng_below(rng, 2) ? MATCH_STP_MAKER : MATCH_STP_TAKER,
                                  .tag = op.ref};
    if (rng_below(rng, 6) != 0) { /* one in six is whole contracts only on the exchange too */
        op.r.qty = (op.r.qty / QTY_ONE + 1) * QTY_ONE;
    }
    if (kind >= 90) {
        int32_t beyond = 1 + (int32_t)rng_below(rng, 4);
        op.r.px =
            own_px(s, op.r.side, op.r.side == SIDE_YES ? k->center + beyond : k->center - beyond);
        op.r.tif = (enum match_tif)rng_below(rng, 3);
        return op;
    }
    op.r.px = quote_px(s, rng, op.r.side, k->center);
    op.r.post_only = rng_below(rng, 4) == 0;
    k->ref[k->next] = op.ref;
    k->side[k->next] = op.r.side;
    return op;
}

static void generate(struct scene *s)
{
    struct rng rng;
    rng_init(&rng, 1);
    struct maker *k = calloc(s->markets, sizeof *k);
    ensure(k != NULL);
    for (uint32_t i = 0; i < s->markets; i++) {
        k[i].center = s->grid.levels / 2;
    }
    for (uint32_t i = 0; i < OPS; i++) {
        uint32_t market = (uint32_t)rng_below(&rng, s->markets);
        struct maker *e = &k[market];
        if (e->ref[e->next] != 0) { /* the oldest quote goes before another one comes */
            s->op[i] = (struct op){.kind = CANCEL, .ref = e->ref[e->next]};
            e->ref[e->next] = 0;
        } else {
            s->op[i] = draw(s, &rng, e, market);
            if (s->op[i].kind == PLACE && e->ref[e->next] != 0) {
                e->next = (e->next + 1) % s->depth;
            }
        }
        s->count[s->op[i].kind]++;
        if (rng_below(&rng, 40) == 0) {
            e->center += (int32_t)rng_below(&rng, 3) - 1;
            int32_t edge = s->grid.levels / 5;
            e->center = e->center < edge                     ? edge
                        : e->center >= s->grid.levels - edge ? s->grid.levels - edge - 1
                                                             : e->center;
        }
    }
    free(k);
}

/* --- doing them; the answer is for the digest --- */

static int ours_do(struct match *m, struct scene *s, const struct op *op, wall_ns_t now)
{
    enum match_verdict v = MATCH_ACCEPTED;
    qty_t reduced = 0;
    switch (op->kind) {
    case PLACE:
        s->ids[op->ref] = 0;
        return (int)match_place(m, &op->r, now, &s->ids[op->ref]);
    case CANCEL:
        return (int)match_cancel(m, s->ids[op->ref], MATCH_BECAUSE_USER, now, &reduced);
    case DECREASE:
        return (int)match_decrease(m, s->ids[op->ref], op->qty, now);
    case AMEND:
    case KINDS:
        break;
    }
    int st = (int)match_amend(m, s->ids[op->ref], op->px, op->qty, now, &v);
    return st * 100 + (int)v;
}

static int plain_do(struct plain *p, struct scene *s, const struct op *op, wall_ns_t now)
{
    enum match_verdict v = MATCH_ACCEPTED;
    switch (op->kind) {
    case PLACE:
        s->ids[op->ref] = 0;
        return (int)plain_place(p, &op->r, now, &s->ids[op->ref]);
    case CANCEL:
        return (int)plain_cancel(p, s->ids[op->ref], now);
    case DECREASE:
        return (int)plain_decrease(p, s->ids[op->ref], op->qty, now);
    case AMEND:
    case KINDS:
        break;
    }
    int st = (int)plain_amend(p, s->ids[op->ref], op->px, op->qty, now, &v);
    return st * 100 + (int)v;
}

static struct match *ours_make(const struct scene *s)
{
    struct match *m = NULL;
    struct match_config c = {
        .max_markets = s->markets, .max_accounts = ACCOUNTS, .max_orders = OPS};
    ensure(match_create(&c, &m) == ST_OK);
    for (uint32_t i = 0; i < s->markets; i++) {
        uint32_t at = 0;
        ensure(match_add_market(m, &s->grid, &s->fees, false, &at) == ST_OK);
    }
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        uint32_t at = 0;
        ensure(match_add_account(m, CASH, &at) == ST_OK);
    }
    return m;
}

static struct plain *plain_make(const struct scene *s)
{
    struct plain *p = plain_create(s->markets, ACCOUNTS, OPS, CASH, &s->grid, &s->fees);
    ensure(p != NULL);
    return p;
}

/* --- are they the same? --- */

static void digest_order(struct digest *d, const struct match_order *o)
{
    digest_u64(d, o->tag);
    digest_u64(d, (uint64_t)o->px);
    digest_u64(d, (uint64_t)o->initial);
    digest_u64(d, (uint64_t)o->filled);
    digest_u64(d, (uint64_t)o->remaining);
    digest_u64(d, (uint64_t)o->status * 100 + (uint64_t)o->reason);
    digest_u64(d, (uint64_t)(o->taker_cost + o->maker_cost));
    digest_u64(d, (uint64_t)(o->taker_fees + o->maker_fees));
    digest_u64(d, (uint64_t)o->rounding);
    digest_u64(d, (uint64_t)o->updated);
}

static void digest_result(struct digest *d, int answer, const struct match_result *r)
{
    digest_u64(d, (uint64_t)answer);
    for (uint32_t i = 0; i < r->n_deltas; i++) {
        const struct match_delta *e = &r->deltas[i];
        digest_u64(d, (uint64_t)e->market << 32 | (uint64_t)e->px << 1 | (uint64_t)e->side);
        digest_u64(d, (uint64_t)e->qty);
        digest_u64(d, e->tag << 8 | e->account);
    }
    for (uint32_t i = 0; i < r->n_trades; i++) {
        const struct match_trade *e = &r->trades[i];
        digest_u64(d, e->id);
        digest_u64(d, (uint64_t)e->market << 32 | (uint64_t)e->yes_px << 1 | (uint64_t)e->taker);
        digest_u64(d, (uint64_t)e->qty);
    }
    for (uint32_t i = 0; i < r->n_fills; i++) {
        const struct match_fill *e = &r->fills[i];
        digest_u64(d, e->trade_id << 1 | (uint64_t)e->is_taker);
        digest_u64(d, e->tag << 8 | e->account);
        digest_u64(d, (uint64_t)e->market << 32 | (uint64_t)e->yes_px << 1 | (uint64_t)e->side);
        digest_u64(d, (uint64_t)e->qty);
        digest_u64(d, (uint64_t)e->fee);
        digest_u64(d, (uint64_t)e->position);
    }
    for (uint32_t i = 0; i < r->n_updates; i++) {
        digest_order(d, &r->updates[i]);
    }
}

static bool same(struct scene *s, uint64_t *ret_trades, double *ret_open, char hash[33])
{
    struct digest a;
    struct digest b;
    digest_init(&a);
    digest_init(&b);
    struct match *m = ours_make(s);
    uint64_t open = 0;
    *ret_trades = 0;
    for (uint32_t i = 0; i < OPS; i++) {
        int answer = ours_do(m, s, &s->op[i], i);
        struct match_result r = match_result(m);
        digest_result(&a, answer, &r);
        *ret_trades += r.n_trades;
    }
    for (uint32_t i = 1; i <= ACCOUNTS; i++) {
        const struct match_account *e = match_account(m, i);
        open += e->n_orders;
        digest_u64(&a, (uint64_t)e->cash);
        digest_u64(&a, (uint64_t)e->reserved);
        for (uint32_t k = 0; k < s->markets; k++) {
            digest_u64(&a, (uint64_t)match_position(m, i, k).qty);
        }
    }
    const char *why = NULL;
    bool good = match_check(m, &why);
    match_destroy(m);
    struct plain *p = plain_make(s);
    for (uint32_t i = 0; i < OPS; i++) {
        int answer = plain_do(p, s, &s->op[i], i);
        struct match_result r = plain_result(p);
        digest_result(&b, answer, &r);
    }
    for (uint32_t i = 1; i <= ACCOUNTS; i++) {
        digest_u64(&b, (uint64_t)plain_cash(p, i));
        digest_u64(&b, (uint64_t)plain_reserved(p, i));
        for (uint32_t k = 0; k < s->markets; k++) {
            digest_u64(&b, (uint64_t)plain_position(p, i, k));
        }
    }
    plain_destroy(p);
    *ret_open = (double)open / s->markets;
    digest_text(&a, hash);
    return good && a.a == b.a && a.b == b.b;
}

/* --- timing --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct figures {
    double ours, theirs; /* ns an operation */
    char hash[33];
};

static void measure(struct scene *s, struct figures *ret)
{
    double ours[RUNS];
    double theirs[RUNS];
    for (int r = 0; r < RUNS; r++) {
        struct match *m = ours_make(s);
        double t0 = clock_ns();
        for (uint32_t i = 0; i < OPS; i++) {
            (void)ours_do(m, s, &s->op[i], i);
        }
        double t1 = clock_ns();
        match_destroy(m);
        struct plain *p = plain_make(s);
        double t2 = clock_ns();
        for (uint32_t i = 0; i < OPS; i++) {
            (void)plain_do(p, s, &s->op[i], i);
        }
        double t3 = clock_ns();
        plain_destroy(p);
        ours[r] = (t1 - t0) / OPS;
        theirs[r] = (t3 - t2) / OPS;
    }
    qsort(ours, RUNS, sizeof ours[0], by_value);
    qsort(theirs, RUNS, sizeof theirs[0], by_value);
    ret->ours = ours[RUNS / 2];
    ret->theirs = theirs[RUNS / 2];
}

static bool bench(struct scene *s, struct figures *ret)
{
    s->op = calloc(OPS, sizeof *s->op);
    s->ids = calloc(OPS + 1, sizeof *s->ids);
    bool good = s->op != NULL && s->ids != NULL && grid_named(&s->grid, s->grid_name) == ST_OK &&
                match_fees_named("quadratic_with_maker_fees", 1000000, &s->fees) == ST_OK;
    uint64_t trades = 0;
    double open = 0;
    if (good) {
        generate(s);
        good = same(s, &trades, &open, ret->hash);
    }
    if (good) {
        printf("%s: %u operations (%u places, %u cancels, %u decreases, %u amends), %" PRIu64
               " trades, %.0f open orders a market at the end\n",
               s->name, OPS, s->count[PLACE], s->count[CANCEL], s->count[DECREASE], s->count[AMEND],
               trades, open);
        measure(s, ret);
    } else {
        fprintf(stderr, "bench_match: %s: ours and the peer differ, or no memory\n", s->name);
    }
    free(s->op);
    free(s->ids);
    return good;
}

#define FLOOR 1.0 /* million operations a second on one core, accounts and fees included */

int main(int argc, char **argv)
{
    struct scene scenes[] = {
        {.name = "8 markets, 200 orders deep",
         .grid_name = "linear_cent",
         .markets = 8,
         .depth = 256,
         .spread = 12},
        {.name = "1 market, 4000 orders deep",
         .grid_name = "deci_cent",
         .markets = 1,
         .depth = 4096,
         .spread = 120},
        {.name = "500 markets, 50 orders deep",
         .grid_name = "tapered_deci_cent",
         .markets = 500,
         .depth = 64,
         .spread = 8},
    };
    enum { N = sizeof scenes / sizeof scenes[0] };
    struct figures f[N];
    bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
    FILE *out = json ? fopen(argv[2], "w") : NULL;
    if (json && out == NULL) {
        perror(argv[2]);
        return 1;
    }
    for (int i = 0; i < N; i++) {
        if (!bench(&scenes[i], &f[i])) {
            return 1;
        }
    }
    printf("match: medians of %d runs, the peer has sorted arrays of orders\n", RUNS);
    for (int i = 0; i < N; i++) {
        printf("  %-30s %8.1f ns (%.2f million a second, floor %.0f: %s)  peer %8.1f ns %6.2fx\n",
               scenes[i].name, f[i].ours, 1e3 / f[i].ours, FLOOR,
               1e3 / f[i].ours >= FLOOR ? "kept" : "missed", f[i].theirs, f[i].theirs / f[i].ours);
        if (json) {
            fprintf(out,
                    "%s{\"name\":\"order operation in match, %s\",\"ns\":%.2f,"
                    "\"peer\":\"sorted arrays of orders\",\"peer_ns\":%.2f,\"ratio\":%.3f,"
                    "\"floor_ns\":%.0f,\"input_hash\":\"%s\",\"runs\":%d}",
                    i > 0 ? "," : "{\"results\":[", scenes[i].name, f[i].ours, f[i].theirs,
                    f[i].theirs / f[i].ours, 1e3 / FLOOR, f[i].hash, RUNS);
        }
    }
    if (json) {
        fprintf(out, "]}\n");
        return fclose(out) == 0 ? 0 : 1;
    }
    return 0;
}
