/*
 * run_actor.c - the actor's thread: drains its rings in the order of enum ev_source, applies, asks,
 * acts.
 *
 * Every change is applied before the policy is asked, once for each market that changed, so that a
 * slow policy sees fresh books and nothing is lost. The clock is read here and handed to the engine
 * once a turn; the readings between the steps are for the latency figures only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/run_engine.h"

/* Bounds of one turn: work per turn is limited, the rest waits in the rings. */
#define EVENTS_PER_TURN 4096

/* What the engine hears of its calls is an input of it, like an event: a replay needs it. */
static enum status called(struct run *r, enum engine_call kind, enum status st)
{
    r->calls[kind]++;
    if (st != ST_OK) {
        struct rec_refused row = {
            .h = {.size = sizeof row, .type = REC_REFUSED, .mkt = MKT_NONE, .wall = clock_wall()},
            .call = r->calls[kind],
            .kind = kind,
        };
        text_copy(row.status, sizeof row.status, text_of(status_name(st)));
        run_store_push(r->store_actor, &row);
    }
    return st;
}

static enum status sink_submit(void *self, const struct gw_request *req)
{
    struct run *r = self;
    enum status st = called(r, CALL_REQUEST, ring_push(r->requests, req, req->size));
    if (st == ST_OK) {
        if (req->op == GW_CREATE && req->frame_mono != 0) {
            hist_record(&r->stages[STAGE_FRAME_TO_REQUEST], clock_mono() - req->frame_mono);
        }
        agent_wake(r->gateway_agent);
    }
    return st;
}

static enum status sink_journal(void *self, struct journal_record *rec)
{
    struct run *r = self;
    enum status st = called(r, CALL_JOURNAL, journal_append(r->journal, rec));
    if (rec->type == JOURNAL_HALT || rec->type == JOURNAL_RELEASE) {
        atomic_store_explicit(&r->journal_urgent, true, memory_order_release);
    }
    return st;
}

/* What a person should hear of the account, once each. */
static void say_reconcile(const struct rec_reconcile *r)
{
    char ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    bool cash = r->kind == RECONCILE_CASH;
    if (!reconcile_notable(r)) {
        return;
    }
    if (cash) {
        usd_format(r->ours, ours);
        usd_format(r->theirs, theirs);
    } else {
        qty_format(r->ours, ours);
        qty_format(r->theirs, theirs);
    }
    if (r->kind == RECONCILE_FOREIGN) {
        log_info("orders", "%s market=%s yes=%s no=%s", r->reason, r->ticker, ours, theirs);
    } else if (r->adopted != 0) {
        log_warn("orders", "reconciled %s=%s ours=%s adopted=%s why=\"%s\"",
                 cash ? "account" : "market", r->ticker, ours, theirs, r->reason);
    } else {
        log_info("orders", "%s %s=%s %s", r->reason, cash ? "account" : "market", r->ticker,
                 theirs);
    }
}

static void say_settled(const struct rec_settled *s)
{
    char position[MONEY_TEXT_MAX], px[MONEY_TEXT_MAX], paid[MONEY_TEXT_MAX],
        realized[MONEY_TEXT_MAX];
    qty_format(s->position, position);
    px_format(s->yes_px, px);
    usd_format(s->paid, paid);
    usd_format(s->realized, realized);
    log_info("orders", "settled market=%s yes_pays=%s position=%s paid=%s realised=%s", s->ticker,
             px, position, paid, realized);
}

static void say_fee_drift(const struct rec_fee_drift *d)
{
    char fee[MONEY_TEXT_MAX], ours[MONEY_TEXT_MAX];
    usd_format(d->fee, fee);
    usd_format(d->ours, ours);
    log_warn("orders", "fee drift market=%s trade=%s fee=%s by_our_formula=%s", d->ticker,
             d->trade_id, fee, ours);
}

static void sink_record(void *self, const struct rec *rec)
{
    struct run *r = self;
    run_store_push(r->store_actor, rec);
    if (rec->type == REC_RECONCILE) {
        say_reconcile((const struct rec_reconcile *)rec);
    } else if (rec->type == REC_SETTLED) {
        say_settled((const struct rec_settled *)rec);
    } else if (rec->type == REC_FEE_DRIFT) {
        say_fee_drift((const struct rec_fee_drift *)rec);
    }
}

static void sink_repair(void *self, uint32_t mkt)
{
    struct run *r = self;
    struct ev_mark mark = {.h = {.size = ev_round8(sizeof mark), .type = EV_STALE, .mkt = mkt}};
    if (ring_push(r->repairs, &mark, mark.h.size) == ST_OK) {
        agent_wake(r->net_agent);
    } else {
        log_warn("actor", "repair ring full, asking again with the next contradiction mkt=%u", mkt);
    }
}

static uint32_t drain(struct run *r, enum ev_source source, mono_ns_t turn_start)
{
    struct ring *ring = r->to_actor[source];
    uint64_t no_memory = counter_get(&engine_metrics(r->engine)->no_memory);
    uint32_t n = 0;
    while (n < EVENTS_PER_TURN) {
        const struct ev *ev = ring_peek(ring);
        if (ev == NULL) {
            break;
        }
        if (source == EV_SRC_MARKET) {
            hist_record(&r->stages[STAGE_FRAME_TO_ACTOR], turn_start - ev->recv_mono);
        } else if (source == EV_SRC_COMMAND) {
            run_store_push(r->store_actor, ev); /* its producer, main, has no ring to the store */
        }
        engine_step(r->engine, ev);
        ring_pop(ring);
        n++;
    }
    if (counter_get(&engine_metrics(r->engine)->no_memory) != no_memory) {
        log_error("actor", "no memory for a book: its market is not traded until it is repaired");
    }
    return n;
}

static void decide(struct run *r)
{
    uint32_t mkts[ENGINE_BATCH];
    float obs[ENGINE_BATCH][OBS_SIZE];
    struct policy_out outs[ENGINE_BATCH];
    for (;;) {
        mono_ns_t t0 = clock_mono();
        uint32_t n = engine_pending(r->engine, mkts, obs, ENGINE_BATCH);
        if (n == 0) {
            return;
        }
        mono_ns_t t1 = clock_mono();
        policy_select(r->policy, &obs[0][0], n, outs);
        mono_ns_t t2 = clock_mono();
        engine_act(r->engine, mkts, outs, n);
        mono_ns_t t3 = clock_mono();
        hist_record(&r->stages[STAGE_OBSERVE], (t1 - t0) / n);
        hist_record(&r->stages[STAGE_SELECT], (t2 - t1) / n);
        hist_record(&r->stages[STAGE_EXECUTE], (t3 - t2) / n);
    }
}

struct run_public run_public_get(struct run *r)
{
    pthread_mutex_lock(&r->public_lock);
    struct run_public p = r->public;
    pthread_mutex_unlock(&r->public_lock);
    return p;
}

static void sink_group(void *self, int32_t exchange_index, const char *group_id)
{
    struct run *r = self;
    struct run_public *p = &r->public;
    pthread_mutex_lock(&r->public_lock);
    uint32_t i = 0;
    while (i < p->n_groups && p->shards[i] != exchange_index) {
        i++;
    }
    if (i < RUN_GROUPS_MAX) {
        p->n_groups = i == p->n_groups ? i + 1 : p->n_groups;
        p->shards[i] = exchange_index;
        text_copy(p->groups[i], sizeof p->groups[i], text_of(group_id));
    }
    pthread_mutex_unlock(&r->public_lock);
    atomic_fetch_add_explicit(&r->groups_changed, 1, memory_order_release);
    log_info("actor", "order group=%s shard=%d", group_id, (int)exchange_index);
}

/* Why it is halted, for who asks; the lock is only taken when that changed. */
static void publish_reason(struct run *r)
{
    const char *reason = "";
    bool halted = engine_halted(r->engine, &reason);
    bool flattening = engine_flattening(r->engine);
    bool ready = engine_ready(r->engine);
    struct run_public *p = &r->public; /* this thread is its one writer */
    const char *now = halted ? reason : "";
    if (strcmp(p->halt_reason, now) == 0 && p->flattening == flattening && p->ready == ready) {
        return;
    }
    if (halted && p->halt_reason[0] == '\0') {
        log_error("actor", "trading is halted: %s", reason);
    }
    pthread_mutex_lock(&r->public_lock);
    snprintf(p->halt_reason, sizeof p->halt_reason, "%s", now);
    p->flattening = flattening;
    p->ready = ready;
    pthread_mutex_unlock(&r->public_lock);
}

static void publish_state(struct run *r)
{
    publish_reason(r);
    enum run_engine_state state = RUN_ENGINE_STARTING;
    if (engine_stopping(r->engine) && engine_idle(r->engine)) {
        state = RUN_ENGINE_IDLE_STOPPED;
    } else if (engine_halted(r->engine, NULL)) {
        state = RUN_ENGINE_HALTED;
    } else if (engine_ready(r->engine)) {
        state = RUN_ENGINE_READY;
    }
    atomic_store_explicit(&r->engine_state, (int)state, memory_order_release);
}

int run_actor_turn(struct run *r, mono_ns_t now)
{
    atomic_store_explicit(&r->beat_actor, now, memory_order_release);
    engine_turn_begin(r->engine, now, clock_wall());
    uint32_t n = 0;
    for (int s = 0; s < EV_SRC_MAX; s++) {
        n += drain(r, (enum ev_source)s, now);
    }
    if (n > 0) {
        hist_record(&r->stages[STAGE_APPLY], (clock_mono() - now) / n);
    }
    engine_timers(r->engine);
    decide(r);
    if (engine_turn_end(r->engine)) {
        mono_ns_t took = clock_mono() - now;
        hist_record(&r->stages[STAGE_TURN], took);
        engine_turn_took(r->engine, took);
        publish_state(r);
    }
    return (int)n;
}

static int actor_work(void *self, mono_ns_t now)
{
    return run_actor_turn(self, now);
}

void run_actor_wake(struct run *r)
{
    agent_wake(r->actor_agent);
}

static mono_ns_t actor_deadline(void *self)
{
    struct run *r = self;
    return engine_deadline(r->engine);
}

/* A halt survives a restart: only a person lets it go. */
static int halted_before(struct run *r, struct err *err)
{
    char when[TIME_TEXT_MAX];
    time_format(r->journal_found.halt_wall, when);
    if (!r->o->orders.release_halt) {
        char left[120] = "";
        if (r->journal_found.unsettled > 0) {
            snprintf(left, sizeof left,
                     " (%llu of the last run may rest; guard --guard-once cancels)",
                     (unsigned long long)r->journal_found.unsettled);
        }
        err_set(
            err, ST_STATE,
            "trading was halted at %s: %s. Look at orders%s and positions, then start once with "
            "--orders-release-halt",
            when, r->journal_found.halt_reason, left);
        return EXIT_HALTED;
    }
    struct journal_record rec = {.type = JOURNAL_RELEASE, .wall = clock_wall()};
    text_copy(rec.reason, sizeof rec.reason, TEXT("orders.release_halt"));
    if (journal_append(r->journal, &rec) != ST_OK) {
        err_set(err, ST_IO, "the release of the halt cannot be written to %s",
                r->o->orders.journal);
        return EXIT_FAILED;
    }
    if (recovery_take(&r->unsettled, &rec) != ST_OK) { /* halts of markets go with it */
        return EXIT_FAILED;
    }
    if (r->journal_found.halted) {
        log_warn("run", "the halt of %s is let go: %s", when, r->journal_found.halt_reason);
    } else {
        log_warn("run", "halts of single markets are let go");
    }
    return EXIT_DONE;
}

/* A paper account begins anew: what an earlier paper run left has ended with its account. */
static int begin_paper(struct run *r, struct err *err)
{
    enum status st = ST_OK;
    for (uint32_t i = 0; st == ST_OK && i < r->unsettled.n; i++) {
        struct journal_record rec = r->unsettled.rec[i];
        if (rec.type == JOURNAL_HALT) {
            continue; /* released below */
        }
        rec.type = JOURNAL_DONE;
        rec.wall = clock_wall();
        st = journal_append(r->journal, &rec);
    }
    if (st == ST_OK && (r->journal_found.halted || r->journal_found.markets_halted > 0)) {
        struct journal_record rec = {.type = JOURNAL_RELEASE, .wall = clock_wall()};
        text_copy(rec.reason, sizeof rec.reason, TEXT("a new paper account"));
        st = journal_append(r->journal, &rec);
    }
    if (r->unsettled.n > 0) {
        log_info("run", "orders of an earlier paper run ended with its account count=%u",
                 r->unsettled.n);
    }
    recovery_finish(&r->unsettled);
    if (st != ST_OK) {
        err_set(err, ST_IO, "the paper journal %s cannot be written", r->o->paper.journal);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* Before the first order leaves, the medium knows how orders of this run are called: should power
 * go, the next one finds them by it (orders/rediscover.c). */
static int sign_journal(struct run *r, const char *path, struct err *err)
{
    struct journal_record rec = {
        .type = JOURNAL_SESSION, .wall = clock_wall(), .number = r->session_id};
    enum status st = journal_append(r->journal, &rec);
    st = st == ST_OK ? journal_sync(r->journal) : st;
    if (st != ST_OK) {
        err_set(err, ST_IO, "the order journal %s cannot be written", path);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int open_journal(struct run *r, struct err *err)
{
    const char *path = r->paper ? r->o->paper.journal : r->o->orders.journal;
    if (config_make_folder_of(path, err) != ST_OK) {
        return EXIT_CONFIG;
    }
    struct file_io io;
    enum status st = journal_file_open(path, &io, err);
    if (st != ST_OK) {
        return EXIT_CONFIG;
    }
    struct journal_config config = journal_config_default();
    st = journal_open(&config, &io, recovery_take, &r->unsettled, &r->journal_found, &r->journal,
                      err);
    if (st != ST_OK) {
        return st == ST_MALFORMED || st == ST_UNSUPPORTED ? EXIT_REFUSED : EXIT_FAILED;
    }
    if (r->journal_found.torn || r->journal_found.damaged > 0) {
        log_warn("run", "order journal %s: torn=%d damaged=%llu", path, r->journal_found.torn,
                 (unsigned long long)r->journal_found.damaged);
    }
    if (r->paper) {
        return begin_paper(r, err);
    }
    bool markets = r->journal_found.markets_halted > 0;
    if (r->journal_found.halted || (markets && r->o->orders.release_halt)) {
        int code = halted_before(r, err);
        return code == EXIT_DONE ? sign_journal(r, path, err) : code;
    }
    for (uint32_t i = 0; i < r->unsettled.n; i++) {
        const struct journal_record *rec = &r->unsettled.rec[i];
        if (rec->type == JOURNAL_HALT) {
            log_warn("run", "halted since an earlier run, until `deltaflow resume`: %s (%s)",
                     rec->ticker, rec->reason);
        }
    }
    if (r->journal_found.unsettled > 0) {
        log_warn("run", "orders of an earlier run are not settled, reading them first count=%llu",
                 (unsigned long long)r->journal_found.unsettled);
    }
    return sign_journal(r, path, err);
}

static int build_engine(struct run *r, struct err *err)
{
    struct engine_config c = run_engine_config(r->o, r->trading, r->session_id);
    c.orders.unsettled = r->unsettled.rec;
    c.orders.n_unsettled = r->unsettled.n;
    c.orders.earlier = r->journal_found.sessions;
    c.orders.n_earlier = r->paper ? 0 : r->journal_found.n_sessions;
    struct engine_sinks sinks = {
        .gateway = {r, r->trading ? sink_submit : NULL},
        .journal = {r, r->journal != NULL ? sink_journal : NULL},
        .self = r,
        .record = sink_record,
        .repair = sink_repair,
        .group = sink_group,
    };
    enum status st = engine_create(&c, &sinks, &r->engine);
    if (st != ST_OK) {
        err_set(err, st, "the engine refuses its limits: %s", status_text(st));
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
    }
    log_info("run", "engine ready memory_mb=%.1f markets_max=%lld trading=%s",
             (double)engine_memory(r->engine) / 1e6, (long long)r->o->feed.markets_max,
             r->trading ? "on" : "off");
    return EXIT_DONE;
}

int run_actor_build(struct run *r, struct err *err)
{
    enum status st = run_policy_create(r->o, &r->policy, err);
    if (st != ST_OK) {
        return st == ST_INVALID ? EXIT_CONFIG : st == ST_NOMEM ? EXIT_FAILED : EXIT_REFUSED;
    }
    const char *text = policy_text(r->policy);
    text_copy(r->policy_line, sizeof r->policy_line,
              (struct text){text, strlen(text) < sizeof r->policy_line
                                      ? strlen(text)
                                      : sizeof r->policy_line - 1});
    if (r->trading) {
        int code = open_journal(r, err);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    int code = build_engine(r, err);
    if (code != EXIT_DONE) {
        return code;
    }
    if (r->actor_on_net) {
        return EXIT_DONE; /* run_net_build makes the agent that both live on */
    }
    struct agent_config ac = {
        .name = "actor",
        .self = r,
        .do_work = actor_work,
        .deadline = actor_deadline,
        .idle = (enum idle_kind)r->o->actor.idle,
        .slow_turn_ns = r->o->actor.slow_turn_ms * NS_PER_MS,
        .max_sleep_ns = 100 * NS_PER_MS,
    };
    if (agent_create(&ac, &r->actor_agent) != ST_OK) {
        err_set(err, ST_NOMEM, "cannot make the actor's agent");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}
