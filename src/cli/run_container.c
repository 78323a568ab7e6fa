/*
 * run_container.c - builds the parts of `deltaflow run` in dependency order and stops them in
 * reverse.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/run.h"

#define STORE_WAIT_NS (5 * NS_PER_SEC) /* for the store's thread, before it is left */

const char *const stage_names[STAGE_MAX] = {
    "frame_to_actor",   "apply",         "observe",         "select", "execute", "turn",
    "frame_to_request", "frame_to_wire", "order_round_trip"};

static int build_rings(struct run *r, struct err *err)
{
    const struct bus_options *b = &r->o->bus;
    struct {
        struct ring **ring;
        int64_t bytes;
    } rings[] = {
        {&r->to_actor[EV_SRC_COMMAND], b->command_ring_bytes},
        {&r->to_actor[EV_SRC_PRIVATE], b->private_ring_bytes},
        {&r->to_actor[EV_SRC_ANSWER], b->answer_ring_bytes},
        {&r->to_actor[EV_SRC_MARKET], b->market_ring_bytes},
        {&r->requests, b->request_ring_bytes},
        {&r->discovered, 1 << 22},
        {&r->repairs, 1 << 20},
        {&r->paper_market, b->market_ring_bytes},
        {&r->paper_repairs, 1 << 20},
        {&r->paper_results, 1 << 20},
    };
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        bool paper = rings[i].ring == &r->paper_market || rings[i].ring == &r->paper_repairs ||
                     rings[i].ring == &r->paper_results;
        if (paper && (!r->paper || !r->trading)) {
            continue;
        }
        if (ring_create((size_t)rings[i].bytes, rings[i].ring) != ST_OK) {
            err_set(err, ST_NOMEM, "no memory for a ring of %lld bytes ([bus] sizes)",
                    (long long)rings[i].bytes);
            return EXIT_FAILED;
        }
    }
    if (bus_create(&r->bus) != ST_OK) {
        err_set(err, ST_NOMEM, "no memory for the event bus");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* In dependency order; run_destroy takes down in reverse. */
static int (*const run_parts[])(struct run *r, struct err *err) = {
    build_rings, run_actor_build, run_store_build, run_gateway_build, run_net_build,
};

/*
 * Waking another thread takes longer than all of a turn. With cores for everybody the actor has one
 * of its own and a burst is decoded while it works; with few, it lives on the net thread, and its
 * turn follows the frames without a hop.
 */
static bool actor_shares_thread(const struct run_options *o)
{
    if (o->actor.thread == ACTOR_THREAD_AUTO) {
        return sysconf(_SC_NPROCESSORS_ONLN) < 4;
    }
    return o->actor.thread == ACTOR_THREAD_NET;
}

int run_build(struct run *r, struct err *err)
{
    r->actor_on_net = actor_shares_thread(r->o);
    for (size_t i = 0; i < sizeof run_parts / sizeof run_parts[0]; i++) {
        int code = run_parts[i](r, err);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    return EXIT_DONE;
}

int run_start(struct run *r, struct err *err)
{
    struct agent *const agents[] = {r->store_agent, r->gateway_agent,
                                    r->actor_on_net ? NULL : r->actor_agent, r->net_agent};
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        if (agents[i] != NULL && agent_start(agents[i]) != ST_OK) {
            err_set(err, ST_IO, "cannot start the thread '%s'", agent_name(agents[i]));
            return EXIT_FAILED;
        }
    }
    return EXIT_DONE;
}

void run_command(struct run *r, enum command command, uint32_t flags, const char *reason)
{
    struct ev_command c = {
        .h = {.size = sizeof c,
              .type = EV_COMMAND,
              .source = EV_SRC_COMMAND,
              .mkt = MKT_NONE,
              .ord = ++r->command_ord,
              .recv_wall = clock_wall(),
              .recv_mono = clock_mono()},
        .command = command,
        .flags = flags,
    };
    text_copy(c.reason, sizeof c.reason, text_of(reason));
    if (ring_push(r->to_actor[EV_SRC_COMMAND], &c, c.h.size) != ST_OK) {
        r->command_ord--;
        log_error("run", "the actor takes no commands: command=%d", (int)command);
        return;
    }
    run_actor_wake(r);
}

static bool wait_for(bool (*done)(const struct run *r), const struct run *r, mono_ns_t limit)
{
    mono_ns_t end = clock_mono() + limit;
    while (!done(r)) {
        if (clock_mono() > end) {
            return false;
        }
        usleep(2000);
    }
    return true;
}

#define NEWS_MS       250
#define NEWS_LIMIT_NS (5 * NS_PER_SEC)

static bool news_are_here(const struct run *r)
{
    return atomic_load_explicit(&r->news, memory_order_acquire) == RUN_NEWS_HERE;
}

static bool engine_is_stopped(const struct run *r)
{
    return atomic_load_explicit(&r->engine_state, memory_order_acquire) == RUN_ENGINE_IDLE_STOPPED;
}

static void stop_agent(struct agent *agent)
{
    if (agent != NULL) {
        agent_stop(agent);
        agent_wake(agent);
        agent_join(agent);
    }
}

/* A thread that waits inside the database for a disk that hangs cannot be joined. */
static void stop_store(struct run *r)
{
    if (r->store_agent == NULL) {
        return;
    }
    agent_stop(r->store_agent);
    if (!agent_join_within(r->store_agent, STORE_WAIT_NS) && store_take_over(r->store)) {
        log_error("run", "the store's thread is left in the database, whose disk hangs");
        r->store_agent = NULL;
        return;
    }
    agent_join(r->store_agent);
}

bool run_stop(struct run *r, const char *outcome)
{
    bool settled = true;
    if (r->actor_agent != NULL && r->trading) {
        run_command(r, CMD_STOP, r->o->orders.cancel_on_stop ? 0 : ENGINE_CMD_KEEP, outcome);
        mono_ns_t limit = r->o->exchange.request_timeout_ms * NS_PER_MS + 5 * NS_PER_SEC;
        if (r->paper) { /* to the exchange and back, for the cancel and the reads after it */
            const struct paper_options *o = &r->o->paper;
            limit += 4 * NS_PER_MS *
                     (o->order_latency_ms + o->market_latency_ms + o->answer_latency_ms +
                      o->private_latency_ms + 2 * o->jitter_ms);
        }
        if (!wait_for(engine_is_stopped, r, limit)) {
            settled = false;
            log_warn("run", "orders are still outstanding; the next start settles them "
                            "from the journal");
        }
        run_gateway_stop_orders(r);
        if (!wait_for(run_gateway_idle, r, 5 * NS_PER_SEC)) {
            log_warn("run", "requests are still unanswered after 5 s");
        }
        /* What our last cancels did comes on other connections than their answers, and belongs into
         * the recording: of the books an answer behind it tells, of the rest a moment. */
        if (r->net_agent != NULL) {
            atomic_store_explicit(&r->news, RUN_NEWS_ASKED, memory_order_release);
            agent_wake(r->net_agent);
        }
        usleep(NEWS_MS * 1000);
        if (r->net_agent != NULL && !wait_for(news_are_here, r, NEWS_LIMIT_NS)) {
            log_warn("run", "the last news of the books do not come");
        }
    }
    stop_agent(r->net_agent);
    if (!r->actor_on_net) {
        stop_agent(r->actor_agent);
    }
    /* Both threads have ended: what they left in the rings is still applied and stored. */
    mono_ns_t end = clock_mono() + 10 * NS_PER_SEC;
    while (r->engine != NULL && r->net_agent != NULL && run_actor_turn(r, clock_mono()) > 0 &&
           clock_mono() < end) {
    }
    stop_agent(r->gateway_agent);
    stop_store(r);
    if (r->store != NULL) {
        r->rows_lost = store_finish(r->store, clock_wall());
    }
    return settled;
}

void run_destroy(struct run *r)
{
    run_net_destroy(r);
    run_gateway_destroy(r);
    agent_destroy(r->net_agent);
    agent_destroy(r->actor_on_net ? NULL : r->actor_agent);
    agent_destroy(r->gateway_agent);
    agent_destroy(r->store_agent);
    engine_destroy(r->engine);
    if (run_store_destroy(r)) {
        journal_close(r->journal);
    }
    policy_destroy(r->policy);
    bus_destroy(r->bus);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        ring_destroy(r->to_actor[s]);
    }
    struct ring *const rings[] = {r->requests,     r->discovered,    r->repairs,
                                  r->paper_market, r->paper_repairs, r->paper_results,
                                  r->store_net,    r->store_gateway, r->store_actor};
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        ring_destroy(rings[i]);
    }
    recovery_finish(&r->unsettled);
}
