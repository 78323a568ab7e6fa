/* replay_session.c - see replay_session.h. */
#include "bench/replay_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "store/store.h"

#define START_MS INT64_C(1780000000000)
#define LEVELS   40

static void must(enum status st, const struct err *err)
{
    if (st != ST_OK) {
        fprintf(stderr, "bench_replay: %s\n", err->text);
        exit(1);
    }
}

static void head(struct ev *h, uint16_t type, uint32_t size, uint32_t mkt, uint64_t ord)
{
    *h = (struct ev){.size = size,
                     .type = type,
                     .source = EV_SRC_MARKET,
                     .mkt = mkt,
                     .conn = 1,
                     .ord = ord,
                     .sid = 1,
                     .seq = ord,
                     .ts_ms = START_MS + (int64_t)ord / 5,
                     .recv_wall = (START_MS + (int64_t)ord / 5) * NS_PER_MS,
                     .recv_mono = (int64_t)(ord + 1) * 200000};
}

static void add(struct session *s, const void *record)
{
    struct err err = {0};
    must(session_add(s, record, &err), &err);
}

static void add_market(struct session *s, uint32_t mkt, uint64_t ord)
{
    struct ev_market m;
    memset(&m, 0, sizeof m);
    head(&m.h, EV_MARKET, sizeof m, mkt, ord);
    snprintf(m.ticker, sizeof m.ticker, "KXBENCH-%04u", mkt);
    m.grid = grid_cents();
    m.status = MARKET_ACTIVE;
    add(s, &m);
}

/* Sizes by side and cent. */
struct ladder {
    qty_t qty[2][100];
    int mid;
};

static void add_snapshot(struct session *s, struct ladder *l, uint32_t mkt, uint64_t ord)
{
    static uint8_t room[sizeof(struct ev_snapshot) + 2 * LEVELS * sizeof(struct level)];
    struct ev_snapshot *e = (struct ev_snapshot *)(void *)room;
    memset(room, 0, sizeof room);
    l->mid = 50;
    uint32_t n = 0;
    for (int side = 0; side < 2; side++) {
        for (int px = 10; px < 50; px++) {
            l->qty[side][px] = 10000;
            e->levels[n++] = (struct level){px * PX_CENT, 10000};
        }
    }
    e->n_yes = n / 2;
    e->n_no = n / 2;
    head(&e->h, EV_SNAPSHOT, sizeof room, mkt, ord);
    add(s, e);
}

static void add_delta(struct session *s, struct ladder *l, uint32_t mkt, uint64_t ord,
                      struct rng *rng)
{
    struct ev_delta d;
    memset(&d, 0, sizeof d);
    head(&d.h, EV_DELTA, sizeof d, mkt, ord);
    l->mid += rng_below(rng, 50) == 0 ? (int)rng_below(rng, 3) - 1 : 0;
    l->mid = l->mid < 30 ? 30 : l->mid > 70 ? 70 : l->mid;
    uint32_t side = (uint32_t)rng_below(rng, 2);
    int best = (side == SIDE_YES ? l->mid : 100 - l->mid) - 1;
    int other = (side == SIDE_YES ? 100 - l->mid : l->mid) - 1;
    int px = best - (int)rng_below(rng, rng_below(rng, 10) == 0 ? 20 : 8);
    qty_t *have = &l->qty[side][px];
    /* What would cross goes first. */
    for (int p = 99; p > other && *have >= 0; p--) {
        if (l->qty[1 - side][p] > 0 && p + px >= 100) {
            side = 1 - side;
            px = p;
            have = &l->qty[side][px];
            break;
        }
    }
    bool crosses = px + other >= 100;
    d.side = side;
    d.px = px * PX_CENT;
    d.qty = *have > 0 && (crosses || rng_below(rng, 2) == 0) ? -*have
                                                             : 100 + (qty_t)rng_below(rng, 5000);
    *have += d.qty;
    add(s, &d);
}

void bench_flow(struct session *s, uint32_t markets, uint64_t changes, uint64_t seed)
{
    struct ladder *ladders = calloc(markets, sizeof *ladders);
    struct rng rng;
    rng_init(&rng, seed);
    uint64_t ord = 0;
    if (ladders == NULL) {
        exit(1);
    }
    for (uint32_t i = 0; i < markets; i++) {
        add_market(s, i, ++ord);
    }
    for (uint32_t i = 0; i < markets; i++) {
        add_snapshot(s, &ladders[i], i, ++ord);
    }
    for (uint64_t i = 0; i < changes; i++) {
        uint32_t mkt = (uint32_t)rng_below(&rng, markets);
        add_delta(s, &ladders[mkt], mkt, ++ord, &rng);
    }
    free(ladders);
}

struct engine_config bench_engine(uint32_t markets)
{
    struct engine_config c = engine_config_default();
    c.trading = false;
    c.orders.markets_max = markets;
    return c;
}

static void keep(void *self, const struct rec *rec)
{
    add(self, rec);
}

void bench_record(struct session *s, uint32_t markets, struct policy *policy)
{
    struct engine_config c = bench_engine(markets);
    struct engine_sinks sinks = {.self = s, .record = keep};
    struct engine *e = NULL;
    struct err err = {0};
    must(engine_create(&c, &sinks, &e), &err);
    struct cursor at = cursor_of(&s->events[EV_SRC_MARKET]);
    uint64_t first = 2 * (uint64_t)markets;
    const struct ev *ev = cursor_next(&at);
    while (ev != NULL) {
        engine_turn_begin(e, ev->recv_mono + 1000, ev->recv_wall + 1000);
        do {
            engine_step(e, ev);
            ev = cursor_next(&at);
        } while (ev != NULL && ev->ord <= first);
        engine_timers(e);
        uint32_t mkts[ENGINE_BATCH];
        float obs[ENGINE_BATCH][OBS_SIZE];
        struct policy_out outs[ENGINE_BATCH];
        for (uint32_t n = engine_pending(e, mkts, obs, ENGINE_BATCH); n > 0;
             n = engine_pending(e, mkts, obs, ENGINE_BATCH)) {
            policy_select(policy, &obs[0][0], n, outs);
            engine_act(e, mkts, outs, n);
        }
        (void)engine_turn_end(e);
    }
    engine_destroy(e);
}

static void push_all(struct store *st, struct ring *ring, const struct arena *a)
{
    struct cursor c = cursor_of(a);
    uint64_t n = 0;
    for (const struct rec *rec = cursor_next(&c); rec != NULL; rec = cursor_next(&c)) {
        if (ring_push(ring, rec, rec->size) != ST_OK) {
            fprintf(stderr, "bench_replay: the store's ring is full\n");
            exit(1);
        }
        if (++n % 10000 == 0) {
            (void)store_work(st, 1, clock_mono());
        }
    }
    store_flush(st, 1, clock_mono());
}

void bench_store(const struct session *s, const char *path)
{
    struct store_config config = store_config_default();
    struct store *st = NULL;
    struct ring *ring = NULL;
    struct err err = {0};
    config.path = path;
    config.rows_max = 20000;
    must(store_open(&config, 1, &st, &err), &err);
    must(ring_create((size_t)16 << 20, &ring), &err);
    store_add_ring(st, ring);
    push_all(st, ring, &s->events[EV_SRC_MARKET]);
    push_all(st, ring, &s->rows[REC_DECISION - REC_BASE]);
    push_all(st, ring, &s->rows[REC_TURN - REC_BASE]);
    store_flush(st, 1, clock_mono());
    store_close(st, "done", 2);
    ring_destroy(ring);
}
