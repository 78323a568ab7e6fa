#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

#define WALL0 (INT64_C(1780000000) * NS_PER_SEC)
#define BATCH 8

struct world_config world_config_default(uint64_t seed)
{
    struct world_config c = {
        .seed = seed,
        .n_markets = 4,
        .cash = 200 * USD_ONE,
        .policy = WORLD_RANDOM,
        .engine = engine_config_default(),
    };
    c.engine.throttle = 20 * NS_PER_MS;
    c.engine.breaker_errors = 1000000;
    c.engine.orders.markets_max = 8;
    c.engine.orders.orders_max = 512;
    c.engine.orders.trades_max = 32768;
    c.engine.orders.session_id = seed * UINT64_C(0x9e3779b97f4a7c15);
    c.engine.orders.clock_window_ms = 2000;
    c.engine.orders.auth_halt_count = 0;
    c.engine.orders.sweep = 5 * NS_PER_SEC;
    return c;
}

static void *grow(void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 256 : *cap * 2;
    p = realloc(p, *cap * size);
    ensure(p != NULL);
    return p;
}

static void keep(struct world *w, const void *record)
{
    if (w->config.keep != NULL) {
        w->config.keep(w->config.keep_self, record);
    }
}

/* A call of the engine; some fail on purpose. */
static enum status called(struct world *w, enum engine_call kind, enum status st)
{
    w->calls[kind]++;
    if (st == ST_OK && w->config.calls_fail > 0 &&
        rng_below(&w->rng, 1000) < w->config.calls_fail) {
        st = kind == CALL_REQUEST ? ST_FULL : ST_IO;
    }
    if (st != ST_OK) {
        struct rec_refused row = {
            .h = {.size = sizeof row, .type = REC_REFUSED, .mkt = MKT_NONE, .wall = w->wall},
            .call = w->calls[kind],
            .kind = kind,
        };
        snprintf(row.status, sizeof row.status, "%s", status_name(st));
        keep(w, &row);
    }
    return st;
}

static void on_record(void *self, const struct rec *rec)
{
    struct world *w = self;
    digest_add(&w->digest, rec, rec->size);
    keep(w, rec);
    if (rec->type == REC_ORDER) {
        const struct rec_order *o = (const struct rec_order *)rec;
        while (w->n_orders < o->number) {
            w->orders = grow(w->orders, w->n_orders, &w->cap_orders, sizeof *w->orders);
            w->orders[w->n_orders++] = (struct rec_order){0};
        }
        w->orders[o->number - 1] = *o;
    } else if (rec->type == REC_APPLIED) {
        w->applied_fills++;
    } else if (rec->type == REC_RECONCILE) {
        w->reconciles++;
        w->drifts += ((const struct rec_reconcile *)rec)->adopted;
    }
}

static void on_repair(void *self, uint32_t mkt)
{
    struct world *w = self;
    tiny_resnapshot(w->tiny, mkt);
}

static enum status on_journal(void *self, struct journal_record *rec)
{
    struct world *w = self;
    enum status st = called(w, CALL_JOURNAL, w->journal_fails ? ST_IO : ST_OK);
    if (st != ST_OK) {
        return st;
    }
    w->journal_open += rec->type == JOURNAL_INTENT ? 1U : 0U;
    w->journal_open -= rec->type == JOURNAL_DONE ? 1U : 0U;
    return ST_OK;
}

static enum status on_submit(void *self, const struct gw_request *req)
{
    struct world *w = self;
    digest_add(&w->digest, req, sizeof *req);
    struct order_gateway g = tiny_gateway(w->tiny);
    enum status st = called(w, CALL_REQUEST, ST_OK);
    return st == ST_OK ? g.submit(g.self, req) : st;
}

struct world *world_create(const struct world_config *config)
{
    struct world *w = calloc(1, sizeof *w);
    ensure(w != NULL);
    w->config = *config;
    w->now = NS_PER_SEC;
    w->wall = WALL0;
    rng_init(&w->rng, config->seed ^ 0x5eed);
    digest_init(&w->digest);
    w->tiny = tiny_create(config->seed, config->n_markets, config->cash, w->now, w->wall);
    tiny_set_faults(w->tiny, &config->faults);
    struct engine_sinks sinks = {
        .gateway = {w, on_submit},
        .journal = {w, on_journal},
        .self = w,
        .record = on_record,
        .repair = on_repair,
    };
    ensure(engine_create(&config->engine, &sinks, &w->engine) == ST_OK);
    struct policy_config pc = {.kind = "random", .seed = config->seed};
    ensure(policy_create(&pc, &w->policy, NULL) == ST_OK);
    for (uint32_t i = 0; i < OBS_SIZE; i++) {
        for (uint32_t a = 0; a < ACTION_COUNT; a++) {
            w->weights[i][a] = (float)rng_unit(&w->rng) - 0.5F;
        }
    }
    return w;
}

void world_destroy(struct world *w)
{
    engine_destroy(w->engine);
    policy_destroy(w->policy);
    tiny_destroy(w->tiny);
    free(w->orders);
    free(w);
}

/* A small network of one layer: float sums in one stated order. */
static void linear(const struct world *w, const float *obs, struct policy_out *out)
{
    *out = (struct policy_out){0};
    for (uint32_t i = 0; i < OBS_SIZE; i++) {
        for (uint32_t a = 0; a < ACTION_COUNT; a++) {
            out->logits[a] += obs[i] * w->weights[i][a];
        }
    }
    for (uint32_t a = 1; a < ACTION_COUNT; a++) {
        out->action = out->logits[a] > out->logits[out->action] ? a : out->action;
    }
}

static void decide(struct world *w)
{
    uint32_t mkts[BATCH];
    float obs[BATCH][OBS_SIZE];
    struct policy_out outs[BATCH];
    for (;;) {
        uint32_t n = engine_pending(w->engine, mkts, obs, BATCH);
        if (n == 0) {
            return;
        }
        memset(outs, 0, sizeof outs);
        if (w->config.policy == WORLD_RANDOM) {
            policy_select(w->policy, &obs[0][0], n, outs);
        }
        for (uint32_t i = 0; i < n && w->config.policy == WORLD_LINEAR; i++) {
            linear(w, obs[i], &outs[i]);
        }
        engine_act(w->engine, mkts, outs, n);
    }
}

void world_turn(struct world *w, mono_ns_t dt, uint32_t flow)
{
    w->now += dt;
    w->wall += dt;
    tiny_advance(w->tiny, w->now, w->wall);
    for (uint32_t i = 0; i < flow; i++) {
        tiny_flow(w->tiny);
    }
    engine_turn_begin(w->engine, w->now, w->wall);
    for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
        const struct ev *ev = NULL;
        while ((ev = tiny_take(w->tiny, (enum ev_source)s)) != NULL) {
            keep(w, ev);
            engine_step(w->engine, ev);
        }
    }
    engine_timers(w->engine);
    decide(w);
    (void)engine_turn_end(w->engine);
}

void world_run(struct world *w, uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++) {
        /* One after the other: compilers differ in the order of arguments. */
        mono_ns_t dt = (mono_ns_t)rng_below(&w->rng, 20 * NS_PER_MS);
        uint32_t flow = (uint32_t)rng_below(&w->rng, 4);
        world_turn(w, dt, flow);
    }
}

bool world_quiesce(struct world *w)
{
    struct tiny_faults none = {.delay_max = w->config.faults.delay_max};
    tiny_set_faults(w->tiny, &none);
    tiny_command(w->tiny, CMD_STOP, 0);
    mono_ns_t end = w->now + 900 * NS_PER_SEC;
    mono_ns_t linked = w->now + 10 * NS_PER_SEC;
    mono_ns_t enough = w->now + 60 * NS_PER_SEC; /* sweeps and the comparison of cash included */
    bool told = false;
    while (w->now < end) {
        if (w->now >= linked && !told) {
            told = true;
            tiny_private_link(w->tiny, false); /* what was lost is lost: a reconnect reads it */
            tiny_private_link(w->tiny, true);
        }
        if (w->now > enough && engine_idle(w->engine) && tiny_deadline(w->tiny) == NS_NEVER) {
            return true;
        }
        mono_ns_t due = tiny_deadline(w->tiny);
        mono_ns_t other = engine_deadline(w->engine);
        due = other < due ? other : due;
        mono_ns_t dt = due > w->now && due < w->now + NS_PER_SEC ? due - w->now : NS_PER_MS;
        world_turn(w, due == NS_NEVER ? NS_PER_SEC : dt, 0);
    }
    return false;
}

bool world_agrees(struct world *w, char *why, size_t cap)
{
    const struct account *a = orders_account(engine_orders(w->engine));
    const struct match_account *m = match_account(tiny_match(w->tiny), tiny_account(w->tiny));
    const struct orders_stats *st = orders_stats(engine_orders(w->engine));
#define CHECK(cond, ...)                                                                           \
    if (!(cond)) {                                                                                 \
        snprintf(why, cap, __VA_ARGS__);                                                           \
        return false;                                                                              \
    }
    CHECK(tiny_creates_twice(w->tiny) == 0, "an order was sent twice")
    CHECK(st->table_errors == 0, "%llu table errors", (unsigned long long)st->table_errors)
    CHECK(st->revived == 0, "an order taken for absent was there")
    CHECK(w->drifts == 0, "%llu drifts adopted", (unsigned long long)w->drifts)
    CHECK(st->fee_drifts == 0, "%llu fees differ", (unsigned long long)st->fee_drifts)
    CHECK(w->journal_open == 0, "%u orders not settled in the journal", w->journal_open)
    CHECK(m->n_orders == 0, "%u orders rest at the exchange", m->n_orders)
    CHECK(orders_open(engine_orders(w->engine)) == 0, "%u orders open here",
          orders_open(engine_orders(w->engine)))
    CHECK(a->cash_reserved == 0, "reserved %lld", (long long)a->cash_reserved)
    for (uint32_t i = 0; i < w->config.n_markets; i++) {
        struct match_position p = match_position(tiny_match(w->tiny), tiny_account(w->tiny), i);
        const struct holding *h = &a->holdings[orders_holding(engine_orders(w->engine), i)];
        CHECK(p.qty == h->position, "market %u: position %lld, exchange %lld", i,
              (long long)h->position, (long long)p.qty)
        CHECK(p.cost == h->cost, "market %u: cost %lld, exchange %lld", i, (long long)h->cost,
              (long long)p.cost)
        CHECK(p.fees == h->fees, "market %u: fees %lld, exchange %lld", i, (long long)h->fees,
              (long long)p.fees)
        CHECK(p.realized == h->realized, "market %u: realized %lld, exchange %lld", i,
              (long long)h->realized, (long long)p.realized)
    }
    CHECK(a->cash_total == m->cash, "cash %lld, exchange %lld", (long long)a->cash_total,
          (long long)m->cash)
    for (uint32_t i = 0; i < w->n_orders; i++) {
        const struct rec_order *o = &w->orders[i];
        qty_t filled = tiny_filled(w->tiny, o->client_id);
        CHECK(filled == o->filled || (filled < 0 && o->filled == 0),
              "order %u: filled %lld, exchange %lld", i + 1, (long long)o->filled,
              (long long)filled)
    }
#undef CHECK
    return true;
}
