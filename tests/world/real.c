#include "world/real_int.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

#define WALL0 (INT64_C(1795420800) * NS_PER_SEC)
#define BATCH 8

const char *const real_count_names[REAL_COUNT_MAX] = {
    [REAL_NEVER_SENT] = "never_sent",
    [REAL_HALF_SENT] = "half_sent",
    [REAL_CUT] = "cut",
    [REAL_LATE] = "late",
    [REAL_BARE] = "bare_2xx",
    [REAL_TIMEOUT] = "timeouts",
    [REAL_CRASH] = "crashes",
    [REAL_TORN] = "torn_writes",
    [REAL_UNSETTLED] = "unsettled",
    [REAL_RECONNECT] = "reconnects",
    [REAL_HALTED] = "halts",
    [REAL_SEND_FULL] = "send_full",
    [REAL_RING_FULL] = "ring_full",
    [REAL_CREATES] = "creates",
    [REAL_CANCELS] = "cancels",
    [REAL_AMENDS] = "amends",
    [REAL_PAUSE] = "pauses",
    [REAL_SETTLED] = "settled",
};

struct real_config real_config_default(uint64_t seed)
{
    struct real_config c = {
        .seed = seed,
        .n_markets = 2,
        .rate = 60,
        .cash = 500 * USD_ONE,
        .length = 6 * NS_PER_SEC,
        .engine = engine_config_default(),
        .rules = sim_rules_default(),
        .faults = {.delay_max = 40 * NS_PER_MS},
    };
    c.rules.clock_behind_ms = 2000; /* what arrives later is refused: what the window stands for */
    c.engine.trading = true;
    c.engine.throttle = 50 * NS_PER_MS;
    c.engine.breaker_errors = 1000000;
    c.engine.orders.wants_link = true;
    c.engine.orders.markets_max = 8;
    c.engine.orders.orders_max = 256;
    c.engine.orders.trades_max = 4096;
    c.engine.orders.clock_window_ms = 2100;
    c.engine.orders.auth_halt_count = 0;
    c.engine.orders.unknown_halt_count = 0;
    c.engine.orders.sweep = 5 * NS_PER_SEC;
    return c;
}

/* --- small things --- */

void *real_grow(void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 64 : *cap * 2;
    p = realloc(p, *cap * size);
    ensure(p != NULL);
    return p;
}

bool real_chance(struct real *r, uint32_t per_mille)
{
    return r->faults && per_mille != 0 && rng_below(&r->rng, 1000) < per_mille;
}

mono_ns_t real_delay(struct real *r)
{
    return (mono_ns_t)rng_below(&r->rng, (uint64_t)r->config.faults.delay_max + 1);
}

bool real_step(struct real *r)
{
    if (r->steps_left > 0 && --r->steps_left == 0) {
        r->dying = true;
    }
    return !r->dying;
}

static struct ev *copy_event(const struct ev *ev)
{
    struct ev *copy = malloc(ev->size);
    ensure(copy != NULL);
    memcpy(copy, ev, ev->size);
    return copy;
}

static void evq_push(struct evq *q, const struct ev *ev)
{
    if (q->head == q->n) {
        q->head = q->n = 0;
    }
    q->v = real_grow(q->v, q->n, &q->cap, sizeof(struct ev *));
    q->v[q->n++] = copy_event(ev);
}

static void evq_clear(struct evq *q)
{
    for (; q->head < q->n; q->head++) {
        free(q->v[q->head]);
    }
    q->head = q->n = 0;
}

/* --- the disk, of which a crash keeps all that was written --- */

static int64_t disk_pread(void *self, void *p, size_t n, uint64_t at)
{
    const struct disk *d = &((struct real *)self)->disk;
    size_t k = at >= d->n ? 0 : d->n - (size_t)at;
    k = k < n ? k : n;
    if (k > 0) {
        memcpy(p, d->p + at, k);
    }
    return (int64_t)k;
}

static int disk_allocate(void *self, uint64_t size)
{
    struct disk *d = &((struct real *)self)->disk;
    if (size > d->cap) {
        d->p = realloc(d->p, (size_t)size);
        ensure(d->p != NULL);
        d->cap = (size_t)size;
    }
    if (size > d->n) {
        memset(d->p + d->n, 0, (size_t)size - d->n);
        d->n = (size_t)size;
    }
    return 0;
}

static int64_t disk_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    struct real *r = self;
    if (r->dying) {
        return -5;
    }
    disk_allocate(self, at + n);
    if (!real_step(r)) { /* killed inside the call: a part of it is there */
        size_t part = (size_t)rng_below(&r->rng, n + 1);
        r->count[REAL_TORN] += part > 0 && part < n;
        memcpy(r->disk.p + at, p, part);
        return -5;
    }
    memcpy(r->disk.p + at, p, n);
    return (int64_t)n;
}

static int disk_sync(void *self)
{
    (void)self;
    return 0;
}

static void disk_close(void *self)
{
    (void)self;
}

static struct journal *open_journal(struct real *r, struct recovery *found)
{
    struct file_io io = {.self = r,
                         .pread = disk_pread,
                         .pwrite = disk_pwrite,
                         .allocate = disk_allocate,
                         .sync = disk_sync,
                         .close = disk_close};
    struct journal_config c = {.records = 256, .records_max = 65536};
    struct journal_recovery rec;
    struct journal *j = NULL;
    struct err err = {0};
    enum status st = journal_open(&c, &io, recovery_take, found, &rec, &j, &err);
    if (st != ST_OK) {
        real_forbid(r, "the journal cannot be opened again: %s", err.text);
        return NULL;
    }
    if (rec.damaged != 0) {
        real_forbid(r, "the journal is damaged");
    }
    if (rec.halted) { /* a person looks and lets it go */
        struct journal_record release = {.type = JOURNAL_RELEASE, .wall = r->wall};
        ensure(journal_append(j, &release) == ST_OK);
    }
    return j;
}

/* --- the process --- */

static enum status on_submit(void *self, const struct gw_request *req)
{
    struct real *r = self;
    bool full = r->n_requests == sizeof r->requests / sizeof r->requests[0];
    if (!real_step(r)) {
        return ST_FULL; /* nothing more leaves a dead process, whatever it thinks */
    }
    if (!full && real_chance(r, r->config.faults.ring_full)) {
        r->count[REAL_RING_FULL]++;
        full = true;
    }
    if (full) {
        return ST_FULL;
    }
    judge_leaves(r, req);
    digest_add(&r->digest, req, sizeof *req);
    r->requests[r->n_requests++] = *req;
    (void)real_step(r);
    return ST_OK;
}

static enum status on_journal(void *self, struct journal_record *rec)
{
    struct real *r = self;
    return r->dying ? ST_IO : journal_append(r->journal, rec);
}

static void on_record(void *self, const struct rec *rec)
{
    struct real *r = self;
    if (!r->dying) {
        digest_add(&r->digest, rec, rec->size);
        judge_record(r, rec);
    }
}

static void on_repair(void *self, uint32_t mkt)
{
    struct real *r = self;
    struct ev_mark m = {.h = {.size = sizeof m, .type = EV_STALE, .mkt = mkt}};
    if (!r->dying) {
        evq_push(&r->repairs, &m.h);
    }
}

static void on_answer(void *self, const struct ev *ev)
{
    struct real *r = self;
    evq_push(&r->events[EV_SRC_ANSWER], ev);
}

static enum status on_feed(void *self, const struct ev *ev)
{
    const struct conn *c = self;
    evq_push(&c->r->events[c->private_one ? EV_SRC_PRIVATE : EV_SRC_MARKET], ev);
    return ST_OK;
}

static void process_start(struct real *r)
{
    struct recovery found = {0};
    r->dying = false;
    r->steps_left = 0;
    r->generation = ++r->generations;
    r->journal = open_journal(r, &found);
    if (r->journal == NULL) {
        r->generation = 0;
        r->start_at = NS_NEVER;
        return;
    }
    r->count[REAL_UNSETTLED] += found.n;
    struct engine_config ec = r->config.engine;
    ec.orders.session_id = (r->config.seed * 1000 + r->generation) * UINT64_C(0x9e3779b97f4a7c15);
    ec.orders.unsettled = found.rec;
    ec.orders.n_unsettled = found.n;
    struct engine_sinks sinks = {
        .gateway = {r, on_submit},
        .journal = {r, on_journal},
        .self = r,
        .record = on_record,
        .repair = on_repair,
    };
    judge_forget(r);
    ensure(engine_create(&ec, &sinks, &r->engine) == ST_OK);
    recovery_finish(&found);
    struct policy_config pc = {.kind = "random", .seed = r->config.seed + r->generation};
    ensure(policy_create(&pc, &r->policy, NULL) == ST_OK);
    struct gateway_config gc = gateway_config_default();
    gc.request_timeout_ns = NS_PER_SEC;
    gc.in_flight_max = 16;
    struct gateway_out go = {r, on_answer};
    ensure(gateway_create(&gc, &go, &r->gateway) == ST_OK);
    struct feed_config fc = feed_config_default();
    fc.seq_check = fc.repair = fc.trades = true;
    fc.markets_max = 8;
    fc.levels_max = 256;
    fc.data_timeout_ns = 5 * NS_PER_SEC;
    fc.repair_timeout_ns = 2 * NS_PER_SEC;
    fc.reply_timeout_ns = 2 * NS_PER_SEC;
    struct feed_out fo = {&r->conns[0], on_feed, NULL, net_send, net_reconnect};
    ensure(feed_create(&fc, &fo, &r->feed) == ST_OK);
    for (uint32_t i = 0; i < r->n_markets; i++) {
        ensure(feed_add_market(r->feed, &r->markets[i], r->now, r->wall) == ST_OK);
    }
    fc.data_timeout_ns = NS_NEVER / 4;
    struct feed_out po = {&r->conns[1], on_feed, NULL, net_send, net_reconnect};
    ensure(fill_listener_create(&fc, &po, r->feed, &r->fills) == ST_OK);
    r->conns[0].redial_at = r->conns[1].redial_at = r->now;
    struct gw_request limits = {
        .size = sizeof limits, .op = GW_GET_LIMITS, .req_id = UINT64_MAX, .mkt = MKT_NONE};
    r->requests[r->n_requests++] = limits;
}

static void keep_stats(struct real *r)
{
    const struct orders_stats *s = orders_stats(engine_orders(r->engine));
    const uint64_t *from = (const uint64_t *)s;
    uint64_t *to = (uint64_t *)&r->stats;
    for (size_t i = 0; i < sizeof *s / sizeof *from; i++) {
        to[i] += from[i];
    }
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        r->refused[i] += orders_risk_stats(engine_orders(r->engine))->refused[i];
    }
}

static void process_end(struct real *r)
{
    if (r->generation == 0) {
        return;
    }
    keep_stats(r);
    r->generation = 0;
    net_client_died(r);
    engine_destroy(r->engine);
    policy_destroy(r->policy);
    gateway_destroy(r->gateway);
    fill_listener_destroy(r->fills);
    feed_destroy(r->feed);
    journal_close(r->journal);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        evq_clear(&r->events[s]);
    }
    evq_clear(&r->repairs);
    r->n_requests = 0;
}

static void command(struct real *r, enum command what, const char *reason)
{
    struct ev_command c = {
        .h = {.size = sizeof c,
              .type = EV_COMMAND,
              .source = EV_SRC_COMMAND,
              .mkt = MKT_NONE,
              .ord = ++r->command_ord,
              .recv_wall = r->wall,
              .recv_mono = r->now},
        .command = what,
    };
    snprintf(c.reason, sizeof c.reason, "%s", reason);
    evq_push(&r->events[EV_SRC_COMMAND], &c.h);
}

static void drain(struct real *r)
{
    for (int s = 0; s < EV_SRC_MAX && !r->dying; s++) {
        struct evq *q = &r->events[s];
        while (q->head < q->n && !r->dying) {
            struct ev *ev = q->v[q->head++];
            digest_add(&r->digest, ev, ev->size);
            judge_event(r, ev);
            engine_step(r->engine, ev);
            free(ev);
            (void)real_step(r);
        }
    }
}

static void decide(struct real *r)
{
    uint32_t mkts[BATCH];
    float obs[BATCH][OBS_SIZE];
    struct policy_out outs[BATCH];
    while (!r->dying) {
        uint32_t n = engine_pending(r->engine, mkts, obs, BATCH);
        if (n == 0) {
            return;
        }
        memset(outs, 0, sizeof outs);
        policy_select(r->policy, &obs[0][0], n, outs);
        for (uint32_t i = 0; i < n && r->config.sticky && mkts[i] < REAL_MARKETS; i++) {
            uint32_t *last = &r->last_action[mkts[i]];
            *last = *last == ACT_HOLD || rng_below(&r->rng, 12) == 0 ? outs[i].action : *last;
            outs[i].action = *last;
        }
        for (uint32_t i = 0; i < n && r->config.scripted; i++) {
            outs[i].action = r->want;
        }
        engine_act(r->engine, mkts, outs, n);
    }
}

static void process_turn(struct real *r)
{
    engine_turn_begin(r->engine, r->now, r->wall);
    drain(r);
    if (!r->dying) {
        engine_timers(r->engine);
        decide(r);
        (void)engine_turn_end(r->engine);
    }
    for (; r->repairs.head < r->repairs.n; r->repairs.head++) {
        feed_repair(r->feed, r->repairs.v[r->repairs.head]->mkt, r->now, r->wall);
        free(r->repairs.v[r->repairs.head]);
    }
    feed_tick(r->feed, r->now, r->wall);
    fill_listener_tick(r->fills, r->now, r->wall);
}

/* --- the world --- */

static void start_sim_fault(struct real *r)
{
    static const char *const texts[] = {
        "http_429@0*2",          "http_500@0*2",
        "http_500_after@0*2",    "timeout@0*2",
        "slow_answer@0*3",       "slow_answer@0*2:delay_ms=300",
        "partial_write@0*1",     "cut@0",
        "half_open@0:for=30",    "drop@0*2",
        "duplicate@0*3",         "reorder@0*2",
        "corrupt@0*1",           "malformed@0*1",
        "seq_gap@0*1",           "seq_jump@0*1",
        "private_delay@0:for=2", "private_drop@0*4",
        "lag@0:for=1",           "ws_refuse@0*1",
        "ws_error@0*1",          "http_500@0*1:route=all",
        "timeout@0*1:route=all", "http_429@0*1:route=all",
        "private_drop@0:for=1",  "duplicate@0:for=1,p=0.3",
    };
    const char *text = texts[rng_below(&r->rng, sizeof texts / sizeof texts[0])];
    struct sim_fault_plan plan;
    struct err err = {0};
    if (sim_fault_read(text, &plan, &err) != ST_OK) {
        real_forbid(r, "fault %s: %s", text, err.text);
        return;
    }
    sim_fault_start(r->sim, &plan, r->wall, r->now);
}

static bool act(struct real *r, json_t *action)
{
    struct buf reply = {.max = 4096};
    struct err err = {0};
    enum status st = sim_command(r->sim, action, r->wall, r->now, &reply, &err);
    buf_finish(&reply);
    json_decref(action);
    return st == ST_OK;
}

/* Orders are refused for a while. */
static void pause_trading(struct real *r)
{
    r->count[REAL_PAUSE] +=
        act(r, json_pack("{s:s,s:s,s:s}", "do", "pause", "kind", "trading", "resume_in", "700ms"));
}

static void end_market(struct real *r)
{
    mono_ns_t at = r->started + r->config.settle_after;
    const char *ticker = r->markets[0].ticker;
    if (r->config.settle_after == 0 || r->now < at) {
        return;
    }
    if (!r->determined) {
        r->determined = act(r, json_pack("{s:s,s:s,s:s}", "do", "determine", "market", ticker,
                                         "result", r->config.seed % 2 == 0 ? "yes" : "no"));
        return;
    }
    if (!r->settled && r->now > at + 500 * NS_PER_MS) {
        r->settled = act(r, json_pack("{s:s,s:s}", "do", "settle", "market", ticker));
        r->count[REAL_SETTLED] += r->settled;
        bool ready = r->generation != 0 && engine_ready(r->engine);
        r->settled_with = ready ? r->generation : 0;
    }
}

static void chances(struct real *r)
{
    const struct real_faults *f = &r->config.faults;
    end_market(r);
    if (real_chance(r, f->sim)) {
        start_sim_fault(r);
    }
    if (real_chance(r, f->pause)) {
        pause_trading(r);
    }
    if (r->generation != 0 && r->steps_left == 0 && real_chance(r, f->crash)) {
        r->steps_left = 1 + (uint32_t)rng_below(&r->rng, 40);
    }
    if (r->generation != 0 && real_chance(r, f->command)) {
        uint64_t what = rng_below(&r->rng, 4);
        r->count[REAL_HALTED] += what == 0;
        command(r, what == 0 ? CMD_HALT : what == 1 ? CMD_CANCEL_ALL : CMD_RESUME, "a person");
    }
}

static void turn(struct real *r, mono_ns_t dt)
{
    r->now += dt;
    r->wall += dt;
    if (r->generation == 0 && r->now >= r->start_at) {
        process_start(r);
    }
    chances(r);
    net_turn(r);
    if (r->generation != 0 && !r->dying) {
        process_turn(r);
    }
    if (r->generation != 0 && r->dying) {
        r->count[REAL_CRASH]++;
        process_end(r);
        r->start_at = r->now + (mono_ns_t)rng_below(&r->rng, 3000) * NS_PER_MS;
    }
}

static bool verify(void *self, struct text key_id, const char *text, size_t n, struct text sig)
{
    (void)self;
    (void)key_id;
    (void)text;
    (void)n;
    (void)sig;
    return true;
}

static bool known(void *self, struct text key_id)
{
    (void)self;
    (void)key_id;
    return true;
}

static void on_rows(void *self, const struct ev *ev)
{
    struct real *r = self;
    const struct ev_answer *a = (const struct ev_answer *)(const void *)ev;
    const struct ev_market *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_MARKET; i++) {
        if (r->n_markets < r->config.n_markets) {
            r->markets[r->n_markets] = rows[i];
            r->markets[r->n_markets].fee_type =
                r->config.maker_fees ? FEE_QUADRATIC_MAKER : FEE_QUADRATIC;
            r->n_markets++;
        }
    }
}

/* The markets, asked for as the program does. */
static void discover(struct real *r)
{
    struct gateway_config gc = gateway_config_default();
    struct gateway_out out = {r, on_rows};
    struct gateway *gw = NULL;
    ensure(gateway_create(&gc, &out, &gw) == ST_OK);
    struct gw_request q = {.size = sizeof q, .op = GW_LIST_MARKETS, .req_id = 1, .mkt = MKT_NONE};
    ensure(gateway_submit(gw, &q, r->now, r->wall) == ST_OK);
    struct http_req h;
    while (gateway_next(gw, r->now, &h) == ST_OK) {
        struct sim_http_req s = {.method = TEXT("GET"),
                                 .path = text_of(h.path),
                                 .query = text_of(h.query),
                                 .content_type = TEXT("application/json")};
        sim_http(r->sim, &s, r->wall, r->now, &r->resp);
        struct http_resp a = {.id = h.id,
                              .fate = HTTP_ANSWERED,
                              .status = r->resp.status,
                              .body = r->resp.body.p,
                              .body_len = r->resp.body.n};
        gateway_http_done(gw, &a, r->now, r->wall);
    }
    gateway_destroy(gw);
    ensure(r->n_markets == r->config.n_markets);
}

struct real *real_create(const struct real_config *config)
{
    static const char *const keys[] = {REAL_KEY};
    struct real *r = calloc(1, sizeof *r);
    ensure(r != NULL);
    r->config = *config;
    r->faults = true;
    r->now = r->started = 1000 * NS_PER_SEC;
    r->wall = WALL0;
    rng_init(&r->rng, config->seed ^ 0x5eed);
    digest_init(&r->digest);
    buf_init(&r->resp.body, (size_t)16 << 20);
    for (int i = 0; i < 2; i++) {
        r->conns[i] = (struct conn){.r = r, .private_one = i == 1, .silent_at = NS_NEVER};
    }
    struct sim_config sc = sim_config_default();
    sc.rules = config->rules;
    sc.seed = config->seed;
    sc.markets = config->n_markets;
    sc.rate = config->rate;
    sc.duration_ns = 0;
    sc.pause_after_ns = config->length;
    sc.balance = config->cash;
    sc.fee_type = config->maker_fees ? "quadratic_with_maker_fees" : "quadratic";
    if (!config->poor) {
        sc.write_rate = sc.write_capacity = sc.read_rate = sc.read_capacity = 10000;
    }
    sc.key_ids = keys;
    sc.n_keys = 1;
    struct sim_out out = net_sim_out(r);
    struct sim_verifier v = {NULL, verify, known};
    struct err err = {0};
    if (sim_create(&sc, &out, &v, r->wall, r->now, &r->sim, &err) != ST_OK) {
        ensure(false);
    }
    discover(r);
    if (config->skew_ms != 0) {
        char text[64];
        struct sim_fault_plan plan;
        snprintf(text, sizeof text, "clock_skew@0:skew_ms=%lld", (long long)config->skew_ms);
        ensure(sim_fault_read(text, &plan, &err) == ST_OK);
        sim_fault_start(r->sim, &plan, r->wall, r->now);
    }
    return r;
}

void real_destroy(struct real *r)
{
    process_end(r);
    net_finish(r);
    sim_destroy(r->sim);
    buf_finish(&r->resp.body);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        free(r->events[s].v);
    }
    free(r->repairs.v);
    free(r->disk.p);
    free(r->known);
    for (uint32_t i = 0; i < REAL_MARKETS; i++) {
        free(r->shadows[i].levels[0]);
        free(r->shadows[i].levels[1]);
    }
    free(r);
}

void real_run(struct real *r)
{
    while (r->now < r->started + r->config.length && r->why[0] == '\0') {
        turn(r, (mono_ns_t)rng_below(&r->rng, 20 * NS_PER_MS));
    }
}

void real_pass(struct real *r, mono_ns_t ns)
{
    for (mono_ns_t end = r->now + ns; r->now < end && r->why[0] == '\0';) {
        turn(r, 10 * NS_PER_MS);
    }
}

void real_want(struct real *r, enum action action)
{
    r->want = action;
}

void real_command(struct real *r, enum command what)
{
    command(r, what, "a person");
}

void real_kill_next(struct real *r, enum gw_op op, enum real_death death)
{
    r->death_op = op;
    r->death = death;
}

bool real_killed(const struct real *r)
{
    return r->death == DEATH_NONE;
}

const struct engine *real_engine(const struct real *r)
{
    return r->engine;
}

static bool quiet(const struct real *r)
{
    return r->generation != 0 && engine_ready(r->engine) && engine_idle(r->engine) && net_idle(r) &&
           r->conns[0].conn != NULL && r->conns[1].conn != NULL;
}

static mono_ns_t next(const struct real *r)
{
    mono_ns_t at = net_deadline(r);
    if (r->generation == 0) {
        return r->start_at < at ? r->start_at : at;
    }
    const mono_ns_t others[] = {engine_deadline(r->engine), gateway_deadline(r->gateway),
                                feed_deadline(r->feed), fill_listener_deadline(r->fills)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        at = others[i] < at ? others[i] : at;
    }
    return at;
}

bool real_quiesce(struct real *r)
{
    r->faults = false;
    r->steps_left = 0;
    mono_ns_t end = r->now + 900 * NS_PER_SEC;
    mono_ns_t enough = r->now + 45 * NS_PER_SEC; /* sweeps and the comparison of cash included */
    while (r->generation == 0) {
        turn(r, 10 * NS_PER_MS);
        if (r->why[0] != '\0') {
            return false;
        }
    }
    command(r, CMD_STOP, "the end");
    while (r->now < end && r->why[0] == '\0') {
        if (r->now > enough && quiet(r)) {
            keep_stats(r);
            return true;
        }
        mono_ns_t due = next(r);
        turn(r, due <= r->now ? NS_PER_MS : due < r->now + NS_PER_SEC ? due - r->now : NS_PER_SEC);
    }
    return false;
}

uint64_t real_unsettled(struct real *r)
{
    struct recovery found = {0};
    journal_close(r->journal); /* the last that anybody asks of it */
    r->journal = open_journal(r, &found);
    uint64_t n = found.n;
    recovery_finish(&found);
    return n;
}

const struct sim *real_sim(const struct real *r)
{
    return r->sim;
}

uint64_t real_counted(const struct real *r, enum real_count what)
{
    return r->count[what];
}

struct orders_stats real_stats(const struct real *r)
{
    return r->stats;
}

void real_refused(const struct real *r, uint64_t ret[RISK_MAX])
{
    memcpy(ret, r->refused, sizeof r->refused);
}

void real_digest(const struct real *r, char text[33])
{
    digest_text(&r->digest, text);
}
