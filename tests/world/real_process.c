/*
 * real_process.c - the client's process: its parts put together as src/cli/run_*.c does, on one
 * thread; made, driven, killed, started again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "world/real_int.h"

#define BATCH         8
#define JOURNAL_SYNC  (250 * NS_PER_MS)
#define START_AGAIN   NS_PER_SEC
#define ENOUGH_MARKET 8

/* --- small queues --- */

static void evq_push(struct evq *q, const struct ev *ev)
{
    struct ev *copy = malloc(ev->size);
    ensure(copy != NULL);
    memcpy(copy, ev, ev->size);
    if (q->head == q->n) {
        q->head = q->n = 0;
    }
    q->v = real_grow(q->v, q->n, &q->cap, sizeof(struct ev *));
    q->v[q->n++] = copy;
}

static void evq_clear(struct evq *q)
{
    for (; q->head < q->n; q->head++) {
        free(q->v[q->head]);
    }
    q->head = q->n = 0;
}

/* --- the journal --- */

/* n: of r->earlier. */
static struct journal *open_journal(struct real *r, struct recovery *found, uint32_t *n)
{
    struct file_io io;
    struct journal_config c = {.records = 16, .records_max = 65536};
    struct journal_recovery rec;
    struct journal *j = NULL;
    struct err err = {0};
    enum status st = disk_journal(r, &io);
    if (st == ST_OK) {
        st = journal_open(&c, &io, recovery_take, found, &rec, &j, &err);
    }
    if (st == ST_IO || st == ST_LIMIT) {
        return NULL; /* it may be better later */
    }
    if (st != ST_OK) {
        real_forbid(r, "the journal cannot be opened again: %s", err.text);
        return NULL;
    }
    if (rec.damaged != 0 && !r->journal_cut) {
        real_forbid(r, "the journal is damaged");
    }
    *n = rec.n_sessions;
    memcpy(r->earlier, rec.sessions, sizeof r->earlier);
    r->checked[CHECK_HALT]++;
    if ((r->journal_halted || r->halt_stands) && !rec.halted) {
        real_forbid(r, "a halt is not in the journal");
    }
    if (rec.halted || rec.markets_halted > 0) { /* a person looks and lets it go */
        struct journal_record release = {.type = JOURNAL_RELEASE, .wall = real_wall(r)};
        if (journal_append(j, &release) != ST_OK) {
            journal_close(j);
            return NULL;
        }
        judge_journal(r, &release);
        ensure(recovery_take(found, &release) == ST_OK);
    }
    return j;
}

uint64_t client_unsettled(struct real *r)
{
    struct recovery found = {0};
    uint32_t sessions = 0;
    bool was = r->own_disk_use;
    r->own_disk_use = true;
    journal_close(r->journal);
    r->journal = open_journal(r, &found, &sessions);
    uint64_t n = found.n;
    recovery_finish(&found);
    r->own_disk_use = was;
    return n;
}

/* --- what the engine asks for --- */

static enum status on_submit(void *self, const struct gw_request *req)
{
    struct real *r = self;
    bool full = r->n_requests == sizeof r->requests / sizeof r->requests[0];
    if (!real_step(r)) {
        return ST_FULL; /* nothing more leaves a dead process, whatever it thinks */
    }
    if (!full && real_happens(r, FAULT_RING_FULL)) {
        full = true;
    }
    if (full) {
        return ST_FULL;
    }
    judge_leaves(r, req);
    digest_add(&r->digest, req, sizeof *req);
    if (req->op == GW_CREATE || req->op == GW_AMEND || req->op == GW_CANCEL) {
        real_trace(r, "%s leaves: market %u %s %lld at %lld id %s",
                   req->op == GW_CREATE  ? "create"
                   : req->op == GW_AMEND ? "amend"
                                         : "cancel",
                   req->mkt, req->outcome == SIDE_YES ? "yes" : "no", (long long)req->qty,
                   (long long)req->yes_px, req->client_id);
    }
    if (req->op == GW_CREATE && real_happens(r, FAULT_ORDER_POWER)) {
        real_die_soon(r, true);
    }
    r->requests[r->n_requests++] = *req;
    (void)real_step(r);
    return ST_OK;
}

static enum status on_journal(void *self, struct journal_record *rec)
{
    struct real *r = self;
    if (rec->type == JOURNAL_RELEASE && !r->dying) {
        judge_journal(r, rec); /* a process that dies in this write may have let it go */
    }
    enum status st = r->dying ? ST_IO : journal_append(r->journal, rec);
    if (st == ST_OK && rec->type != JOURNAL_RELEASE) {
        judge_journal(r, rec);
    }
    r->journal_urgent =
        r->journal_urgent || rec->type == JOURNAL_HALT || rec->type == JOURNAL_RELEASE;
    return st;
}

static void trace_record(struct real *r, const struct rec *rec)
{
    if (rec->type == REC_ORDER) {
        const struct rec_order *o = (const struct rec_order *)(const void *)rec;
        real_trace(r, "order %llu: %s -> %s (%s) filled %lld %s", (unsigned long long)o->number,
                   o->from_name, o->to_name, o->event_name, (long long)o->filled, o->reason);
    } else if (rec->type == REC_RECONCILE) {
        const struct rec_reconcile *x = (const struct rec_reconcile *)(const void *)rec;
        if (x->ours != x->theirs) {
            real_trace(r, "reconciled %s: %lld here, %lld there%s %s", x->ticker,
                       (long long)x->ours, (long long)x->theirs, x->adopted != 0 ? ", adopted" : "",
                       x->reason);
        }
    }
}

static void on_record(void *self, const struct rec *rec)
{
    struct real *r = self;
    if (!r->dying) {
        digest_add(&r->digest, rec, rec->size);
        store_push(r, STORE_ACTOR, rec);
        if (r->config.trace != NULL) {
            trace_record(r, rec);
        }
        judge_record(r, rec);
    }
}

static void on_feed_record(void *self, const struct rec *rec)
{
    const struct conn *c = self;
    store_push(c->r, STORE_NET, rec);
}

static void on_repair(void *self, uint32_t mkt)
{
    struct real *r = self;
    struct ev_mark m = {.h = {.size = sizeof m, .type = EV_STALE, .mkt = mkt}};
    if (!r->dying) {
        evq_push(&r->repairs, &m.h);
    }
}

static void on_group(void *self, int32_t shard, const char *group_id)
{
    struct real *r = self;
    r->group_shard = shard;
    snprintf(r->group, sizeof r->group, "%s", group_id);
}

/* --- the actor's turn --- */

static void drain(struct real *r)
{
    for (int s = 0; s < EV_SRC_MAX && !r->dying; s++) {
        const struct ev *ev = NULL;
        while (!r->dying && (ev = ring_peek(r->events[s])) != NULL) {
            digest_add(&r->digest, ev, ev->size);
            judge_event(r, ev);
            if (s == EV_SRC_COMMAND) {
                store_push(r, STORE_ACTOR, ev);
            }
            engine_step(r->engine, ev);
            if (!r->dying && !journal_failed(r->journal)) {
                r->halt_stands = engine_halted(r->engine, NULL) && !r->stopped;
            }
            ring_pop(r->events[s]);
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
        for (uint32_t i = 0; i < n && (r->config.scripted || !r->flowing); i++) {
            outs[i].action = r->flowing ? r->want : ACT_HOLD;
        }
        engine_act(r->engine, mkts, outs, n);
    }
}

static void actor_turn(struct real *r)
{
    if (r->turning || r->dying) {
        return;
    }
    r->turning = true;
    engine_turn_begin(r->engine, r->now, real_wall(r));
    drain(r);
    if (!r->dying) {
        engine_timers(r->engine);
        decide(r);
        (void)engine_turn_end(r->engine);
    }
    r->turning = false;
}

/* --- events into its rings --- */

/* What may not be lost waits for the actor. */
static void push_surely(struct real *r, enum ev_source source, const struct ev *ev)
{
    for (int i = 0; ring_push(r->events[source], ev, ev->size) != ST_OK; i++) {
        if (r->dying) {
            return;
        }
        ensure(i < 2 && !r->turning);
        actor_turn(r);
    }
}

static void on_answer(void *self, const struct ev *ev)
{
    struct real *r = self;
    push_surely(r, EV_SRC_ANSWER, ev);
    store_push(r, STORE_GATEWAY, ev);
}

static enum status on_market(void *self, const struct ev *ev)
{
    struct real *r = ((const struct conn *)self)->r;
    if (real_happens(r, FAULT_RING_FULL)) {
        return ST_FULL;
    }
    enum status st = ring_push(r->events[EV_SRC_MARKET], ev, ev->size);
    if (st == ST_OK) {
        store_push(r, STORE_NET, ev);
    }
    return st;
}

static enum status on_private(void *self, const struct ev *ev)
{
    struct real *r = ((const struct conn *)self)->r;
    push_surely(r, EV_SRC_PRIVATE, ev);
    store_push(r, STORE_NET, ev);
    return ST_OK;
}

void client_command(struct real *r, enum command what, const char *reason)
{
    struct ev_command c = {
        .h = {.size = sizeof c,
              .type = EV_COMMAND,
              .source = EV_SRC_COMMAND,
              .mkt = MKT_NONE,
              .ord = ++r->command_ord,
              .recv_wall = real_wall(r),
              .recv_mono = r->now},
        .command = what,
    };
    static const char *const names[] = {"nothing", "stop",       "halt",
                                        "resume",  "cancel all", "flatten"};
    snprintf(c.reason, sizeof c.reason, "%s", reason);
    real_trace(r, "command: %s", names[what]);
    push_surely(r, EV_SRC_COMMAND, &c.h);
}

/* --- life --- */

static uint64_t session_id(const struct real *r)
{
    return (r->config.seed * 1000 + r->generation) * UINT64_C(0x9e3779b97f4a7c15);
}

/* As run_actor.c does it: the journal has the session's id before an order leaves. */
static bool sign_journal(struct real *r)
{
    struct journal_record rec = {
        .type = JOURNAL_SESSION, .wall = real_wall(r), .number = session_id(r)};
    bool good = journal_append(r->journal, &rec) == ST_OK && journal_sync(r->journal) == ST_OK;
    r->intents_synced = good ? r->n_intents : r->intents_synced;
    r->halt_unsynced = r->halt_unsynced && !good;
    return good;
}

static void make_engine(struct real *r, const struct recovery *found, uint32_t n_earlier)
{
    struct engine_config ec = r->config.engine;
    ec.orders.session_id = session_id(r);
    ec.orders.unsettled = found->rec;
    ec.orders.n_unsettled = found->n;
    ec.orders.earlier = r->earlier;
    ec.orders.n_earlier = n_earlier;
    struct engine_sinks sinks = {
        .gateway = {r, on_submit},
        .journal = {r, on_journal},
        .self = r,
        .record = on_record,
        .repair = on_repair,
        .group = on_group,
    };
    ensure(engine_create(&ec, &sinks, &r->engine) == ST_OK);
    struct policy_config pc = {.kind = "random", .seed = r->config.seed + r->generation};
    ensure(policy_create(&pc, &r->policy, NULL) == ST_OK);
}

static void make_sessions(struct real *r)
{
    struct feed_config fc = feed_config_default();
    fc.seq_check = fc.repair = fc.trades = true;
    fc.lifecycle = r->config.lifecycle;
    fc.markets_max = ENOUGH_MARKET;
    fc.levels_max = 256;
    fc.data_timeout_ns = 5 * NS_PER_SEC;
    fc.repair_timeout_ns = 2 * NS_PER_SEC;
    fc.reply_timeout_ns = 2 * NS_PER_SEC;
    struct feed_out fo = {&r->conns[0], on_market, on_feed_record, net_send, net_reconnect};
    ensure(feed_create(&fc, &fo, &r->feed) == ST_OK);
    for (uint32_t i = 0; i < r->n_markets; i++) {
        ensure(feed_add_market(r->feed, &r->markets[i], r->now, real_wall(r)) == ST_OK);
    }
    fc.lifecycle = false;
    fc.data_timeout_ns = NS_NEVER / 4;
    struct feed_out po = {&r->conns[1], on_private, on_feed_record, net_send, net_reconnect};
    ensure(fill_listener_create(&fc, &po, r->feed, &r->fills) == ST_OK);
    r->conns[0].redial_at = r->conns[1].redial_at = r->now;
}

static void make_gateway(struct real *r)
{
    struct gateway_config gc = gateway_config_default();
    gc.request_timeout_ns = NS_PER_SEC;
    gc.in_flight_max = 16;
    struct gateway_out go = {r, on_answer};
    ensure(gateway_create(&gc, &go, &r->gateway) == ST_OK);
    r->held = false;
    struct gw_request limits = {
        .size = sizeof limits, .op = GW_GET_LIMITS, .req_id = UINT64_MAX, .mkt = MKT_NONE};
    r->requests[r->n_requests++] = limits;
}

void client_start(struct real *r)
{
    struct recovery found = {0};
    uint32_t sessions = 0;
    r->dying = r->power_goes = false;
    r->steps_left = 0;
    r->generation = ++r->generations;
    r->heard = 0;
    r->group[0] = '\0';
    r->command_ord = 0;
    r->journal = open_journal(r, &found, &sessions);
    if (r->journal == NULL || !sign_journal(r) || !store_begin(r)) {
        journal_close(r->journal);
        r->journal = NULL;
        recovery_finish(&found);
        r->generation = 0;
        r->start_at = r->now + START_AGAIN;
        r->count[REAL_NOT_STARTED]++;
        return;
    }
    r->count[REAL_STARTS]++;
    r->count[REAL_UNSETTLED] += found.n;
    real_trace(r, "process %u starts, %u orders are not settled", r->generation, found.n);
    judge_forget(r);
    make_engine(r, &found, sessions);
    recovery_finish(&found);
    make_gateway(r);
    make_sessions(r);
}

void client_keep_stats(struct real *r)
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

/* What the medium has is what the next start sees. */
static void lose_journal(struct real *r)
{
    r->journal_cut = true;
    r->count[REAL_LOST_TAIL] += r->journal_open;
    vdisk_power_loss(&r->journal_disk, &r->disk_rng);
    for (uint32_t i = 0; i < r->n_known; i++) {
        struct known_order *k = &r->known[i];
        k->lost = k->lost || k->intent > r->intents_synced;
    }
    r->intents_synced = r->n_intents;
    if (r->halt_unsynced) {
        r->journal_halted = r->halt_stands = r->halt_unsynced = false;
    }
}

void client_end(struct real *r, const char *outcome)
{
    if (r->generation == 0) {
        return;
    }
    real_trace(r, "process %u %s", r->generation, outcome != NULL ? "ends" : "is dead");
    r->dying = r->dying || outcome == NULL;
    client_keep_stats(r);
    if (outcome != NULL) {
        guard_beat(r, true);
    }
    net_client_died(r);
    store_end(r, outcome);
    r->generation = 0;
    engine_destroy(r->engine);
    policy_destroy(r->policy);
    gateway_destroy(r->gateway);
    fill_listener_destroy(r->fills);
    feed_destroy(r->feed);
    r->journal_open = journal_pending(r->journal) > 0;
    journal_close(r->journal);
    r->journal = NULL;
    if (outcome == NULL && r->power_goes) {
        lose_journal(r);
    }
    for (int s = 0; s < EV_SRC_MAX; s++) {
        while (ring_peek(r->events[s]) != NULL) {
            ring_pop(r->events[s]);
        }
    }
    evq_clear(&r->repairs);
    r->n_requests = 0;
    r->dying = false;
    r->halted_since = 0;
}

/* --- a turn of all its threads --- */

/* What was decided before a halt does not leave after it. */
static void hold_back(struct real *r)
{
    bool halted = engine_halted(r->engine, NULL) && !engine_stopping(r->engine);
    if (halted != r->held) {
        r->held = halted;
        gateway_hold(r->gateway, halted, r->now, real_wall(r));
    }
    r->count[REAL_HALTED] += halted && r->halted_since == 0;
    r->halted_since = !halted ? 0 : r->halted_since != 0 ? r->halted_since : r->now;
    mono_ns_t after = r->config.person_after;
    if (r->flowing && halted && after != 0 && r->now - r->halted_since > after) {
        r->halted_since = r->now;
        client_command(r, CMD_RESUME, "a person");
    }
}

static void sync_journal(struct real *r)
{
    bool due = r->journal_urgent || r->now - r->journal_synced > JOURNAL_SYNC;
    r->journal_urgent = false;
    if (due && !journal_failed(r->journal) && journal_pending(r->journal) > 0) {
        r->journal_synced = r->now;
        if (journal_sync(r->journal) == ST_OK) { /* else it remembers: no new order leaves */
            r->halt_unsynced = false;
            r->intents_synced = r->n_intents;
        }
    }
}

void client_turn(struct real *r)
{
    actor_turn(r);
    for (; r->repairs.head < r->repairs.n; r->repairs.head++) {
        feed_repair(r->feed, r->repairs.v[r->repairs.head]->mkt, r->now, real_wall(r));
        free(r->repairs.v[r->repairs.head]);
    }
    if (r->dying) {
        return;
    }
    feed_tick(r->feed, r->now, real_wall(r));
    fill_listener_tick(r->fills, r->now, real_wall(r));
    hold_back(r);
    store_turn(r);
    if (!r->dying) {
        sync_journal(r);
        guard_beat(r, false);
    }
    if (journal_failed(r->journal) && !r->dying && r->faults && r->steps_left == 0) {
        r->steps_left = 200; /* who looks after it starts it again */
    }
}
