/*
 * run_paper.c - the paper account's thread, in the place of the gateway's and the private session.
 *
 * No HTTP client and no socket is made here: the only way out of this thread are the actor's rings.
 * The market comes from the net thread through a ring of its own, before the actor gets it; an
 * event that this ring cannot take counts as lost for both, so that the feed marks the market stale
 * and repairs it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "paper/paper.h"

#define MARKET_AT_ONCE 4096
#define SLEEP_MAX      (2 * NS_PER_MS) /* while nothing of ours is under way nobody wakes us */

struct run_paper {
    struct run *r;
    struct paper *account;
    _Atomic int stop_orders;
    _Atomic int busy; /* 1: an order rests or something is under way */
    _Atomic uint32_t open;
    bool stopped;
};

/* --- out --- */

/* Neither an answer nor a fill may be lost; the actor drains thousands a turn. */
static void give(struct run_paper *x, enum ev_source source, const struct ev *ev)
{
    struct run *r = x->r;
    while (ring_push(r->to_actor[source], ev, ev->size) != ST_OK) {
        if (!agent_running(r->actor_agent)) {
            return;
        }
        run_actor_wake(r);
        usleep(100);
    }
    run_store_push(r->store_gateway, ev);
    run_actor_wake(r);
}

static void on_answer(void *self, const struct ev *ev)
{
    struct run_paper *x = self;
    const struct ev_answer *a = (const struct ev_answer *)ev;
    give(x, EV_SRC_ANSWER, ev);
    if (a->op == GW_CREATE && a->sent_mono != 0) {
        hist_record(&x->r->stages[STAGE_ROUND_TRIP], ev->recv_mono - a->sent_mono);
    }
}

static void on_private(void *self, const struct ev *ev)
{
    struct run_paper *x = self;
    if (ev->type == EV_LINK) {
        atomic_store_explicit(&x->r->monitor.private_link, 1, memory_order_release);
    }
    give(x, EV_SRC_PRIVATE, ev);
}

static void on_repair(void *self, uint32_t mkt)
{
    struct run_paper *x = self;
    struct ev_mark mark = {.h = {.size = ev_round8(sizeof mark), .type = EV_STALE, .mkt = mkt}};
    log_warn("paper", "a delta contradicts the book, asking for a snapshot mkt=%u", mkt);
    if (ring_push(x->r->paper_repairs, &mark, mark.h.size) == ST_OK) {
        agent_wake(x->r->net_agent);
    }
}

/* --- in --- */

static int take_market(struct run_paper *x)
{
    int n = 0;
    for (const struct ev *ev = ring_peek(x->r->paper_market); ev != NULL && n < MARKET_AT_ONCE;
         ev = ring_peek(x->r->paper_market)) {
        paper_market(x->account, ev);
        ring_pop(x->r->paper_market);
        n++;
    }
    return n;
}

static int take_requests(struct run_paper *x)
{
    int n = 0;
    for (const struct gw_request *q = ring_peek(x->r->requests); q != NULL;
         q = ring_peek(x->r->requests)) {
        if (paper_request(x->account, q, clock_mono(), clock_wall()) != ST_OK) {
            break; /* stays in the ring until something has arrived */
        }
        ring_pop(x->r->requests);
        n++;
    }
    return n;
}

static int take_results(struct run_paper *x)
{
    int n = 0;
    for (const struct run_result *f = ring_peek(x->r->paper_results); f != NULL;
         f = ring_peek(x->r->paper_results)) {
        if (paper_settle(x->account, f->ticker, f->yes_px, clock_mono(), clock_wall())) {
            log_info("paper", "settled market=%s yes_pays=%.4f", f->ticker,
                     (double)f->yes_px / (double)PX_ONE);
        }
        ring_pop(x->r->paper_results);
        n++;
    }
    return n;
}

static int paper_work(void *self, mono_ns_t now)
{
    struct run_paper *x = self;
    (void)now;
    if (atomic_load_explicit(&x->stop_orders, memory_order_acquire) && !x->stopped) {
        x->stopped = true;
        paper_stop_orders(x->account);
    }
    int n = take_market(x);
    n += take_requests(x);
    n += take_results(x);
    paper_tick(x->account, clock_mono(), clock_wall());
    bool under_way = paper_deadline(x->account) != NS_NEVER;
    bool busy = under_way || paper_account(x->account)->n_orders > 0;
    atomic_store_explicit(&x->busy, busy, memory_order_release);
    uint32_t open = paper_open(x->account) + (ring_used(x->r->requests) > 0 ? 1 : 0);
    atomic_store_explicit(&x->open, open, memory_order_release);
    return n;
}

/* As the gateway does: the engine's estimate of the write bucket begins with it. */
static void paper_on_start(void *self)
{
    struct run_paper *x = self;
    struct gw_request limits = {.size = sizeof limits, .op = GW_GET_LIMITS, .req_id = UINT64_MAX};
    if (paper_request(x->account, &limits, clock_mono(), clock_wall()) != ST_OK) {
        log_warn("paper", "the paper account takes no requests");
    }
}

static mono_ns_t paper_due(void *self)
{
    const struct run_paper *x = self;
    return paper_deadline(x->account);
}

enum status run_paper_market(struct run *r, const struct ev *ev)
{
    if (r->paper_market == NULL) {
        return ST_OK;
    }
    enum status st = ring_push(r->paper_market, ev, ev->size);
    if (r->paper_account != NULL &&
        atomic_load_explicit(&r->paper_account->busy, memory_order_acquire)) {
        agent_wake(r->gateway_agent);
    }
    return st;
}

enum status run_paper_settle(struct run *r, const char *ticker, px_t yes_px)
{
    struct run_result f = {.size = sizeof f, .yes_px = yes_px};
    text_copy(f.ticker, sizeof f.ticker, text_of(ticker));
    enum status st = ring_push(r->paper_results, &f, f.size);
    agent_wake(r->gateway_agent);
    return st;
}

/* --- building --- */

static struct paper_config config_of(const struct run *r)
{
    const struct paper_options *o = &r->o->paper;
    struct paper_config c = paper_config_default();
    c.balance = o->balance;
    c.queue = o->queue_model == PAPER_QUEUE_PROPORTIONAL    ? MATCH_QUEUE_PROPORTIONAL
              : o->queue_model == PAPER_QUEUE_TRADE_THROUGH ? MATCH_QUEUE_TRADE_THROUGH
                                                            : MATCH_QUEUE_PESSIMISTIC;
    c.order_latency = o->order_latency_ms * NS_PER_MS;
    c.answer_latency = o->answer_latency_ms * NS_PER_MS;
    c.private_latency = o->private_latency_ms * NS_PER_MS;
    c.market_latency = o->market_latency_ms * NS_PER_MS;
    c.jitter = o->jitter_ms * NS_PER_MS;
    c.seed = (uint64_t)o->seed;
    c.session_id = r->session_id;
    c.write_tokens = o->write_tokens;
    c.markets_max = (uint32_t)r->o->feed.markets_max;
    return c;
}

int run_paper_build(struct run *r, struct err *err)
{
    struct run_paper *x = calloc(1, sizeof *x);
    if (x == NULL) {
        err_set(err, ST_NOMEM, "no memory for the paper account");
        return EXIT_FAILED;
    }
    x->r = r;
    x->busy = 1;
    r->paper_account = x;
    struct paper_config c = config_of(r);
    struct paper_out out = {x, on_answer, on_private, on_repair};
    if (paper_create(&c, &out, &x->account) != ST_OK) {
        err_set(err, ST_NOMEM, "no memory for the paper account");
        return EXIT_FAILED;
    }
    struct agent_config ac = {
        .name = "paper",
        .self = x,
        .do_work = paper_work,
        .on_start = paper_on_start,
        .deadline = paper_due,
        .idle = (enum idle_kind)r->o->actor.idle,
        .max_sleep_ns = SLEEP_MAX,
    };
    if (agent_create(&ac, &r->gateway_agent) != ST_OK) {
        err_set(err, ST_NOMEM, "cannot make the paper account's agent");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

void run_paper_destroy(struct run *r)
{
    struct run_paper *x = r->paper_account;
    if (x != NULL) {
        agent_destroy(r->gateway_agent);
        r->gateway_agent = NULL;
        paper_destroy(x->account);
        free(x);
        r->paper_account = NULL;
    }
}

void run_paper_stop_orders(struct run *r)
{
    if (r->paper_account != NULL) {
        atomic_store_explicit(&r->paper_account->stop_orders, 1, memory_order_release);
        agent_wake(r->gateway_agent);
    }
}

bool run_paper_idle(const struct run *r)
{
    return r->paper_account == NULL ||
           atomic_load_explicit(&r->paper_account->open, memory_order_acquire) == 0;
}

const struct paper *run_paper_account(const struct run *r)
{
    return r->paper_account != NULL ? r->paper_account->account : NULL;
}
