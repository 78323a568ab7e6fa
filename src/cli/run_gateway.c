/*
 * run_gateway.c - the gateway's thread: requests from the actor over HTTPS, answers back as events.
 * Only when trading.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "net/http_client.h"
#include "net/keys.h"
#include "net/sign_ahead.h"
#include "net/url.h"
#include "paper/paper.h"

#define ORDERS_PATH "/portfolio/events/orders"

struct run_gateway {
    struct run *r;
    struct key *key;
    struct signer signer;
    struct key *ahead_key; /* the signing thread's */
    struct signer ahead_signer;
    struct sign_ahead *ahead; /* NULL: signatures are made when they are needed */
    struct gateway *logic;
    struct http_client *http;
    char base_path[128];
    char orders_path[192];
    uint64_t answer_ord;
    _Atomic int stop_orders;
    _Atomic uint32_t open;
    bool stopped, held;
};

/* The way to cancel what rests is signed ahead, until it is gone. */
static void sign_cancel_ahead(struct run_gateway *g, const struct ev_answer *a)
{
    bool rests = a->op == GW_CREATE && a->outcome == GW_OK && a->remaining > 0;
    bool gone = a->op == GW_CANCEL && (a->outcome == GW_OK || a->outcome == GW_NOT_FOUND);
    char path[SIG_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", g->orders_path, a->order_id);
    if (g->ahead == NULL || (!rests && !gone) || n < 0 || (size_t)n >= sizeof path ||
        sign_ahead_keep(g->ahead, "DELETE", path, rests ? 1 : 0) != ST_OK) {
        return; /* it is signed when it is needed */
    }
}

static void emit_answer(void *self, const struct ev *ev)
{
    struct run_gateway *g = self;
    struct run *r = g->r;
    struct ev *e = (struct ev *)(uintptr_t)ev; /* numbered here: the one place all answers pass */
    e->source = EV_SRC_ANSWER;
    e->ord = ++g->answer_ord;
    /* An answer may not be lost. The actor drains thousands a turn, so a full ring empties at once.
     */
    while (ring_push(r->to_actor[EV_SRC_ANSWER], e, e->size) != ST_OK) {
        if (!agent_running(r->actor_agent)) {
            return;
        }
        run_actor_wake(r);
        usleep(100);
    }
    run_store_push(r->store_gateway, e);
    run_actor_wake(r);
    const struct ev_answer *a = (const struct ev_answer *)e;
    sign_cancel_ahead(g, a);
    if (a->op == GW_CREATE && a->sent_mono != 0) {
        hist_record(&r->stages[STAGE_ROUND_TRIP], clock_mono() - a->sent_mono);
    }
}

static void on_http_done(void *self, const struct http_resp *resp)
{
    struct run_gateway *g = self;
    if (resp->fate == HTTP_ANSWERED) {
        atomic_store_explicit(&g->r->heard, clock_mono(), memory_order_release);
    } else {
        log_warn("gateway", "request without an answer: %s", http_client_last_error(g->http));
    }
    gateway_http_done(g->logic, resp, clock_mono(), clock_wall());
}

/* Requests from the actor into the gateway's queue. */
static int take_requests(struct run_gateway *g, mono_ns_t now)
{
    int n = 0;
    const struct gw_request *req;
    for (req = ring_peek(g->r->requests); req != NULL; req = ring_peek(g->r->requests)) {
        if (gateway_submit(g->logic, req, now, clock_wall()) == ST_FULL) {
            break; /* stays in the ring until an answer makes room */
        }
        ring_pop(g->r->requests);
        n++;
    }
    return n;
}

static int send_requests(struct run_gateway *g)
{
    int n = 0;
    struct http_req req;
    while (http_client_in_flight(g->http) < gateway_config_default().in_flight_max &&
           gateway_next(g->logic, clock_mono(), &req) == ST_OK) {
        mono_ns_t frame = req.frame_mono;
        enum status st = http_client_send(g->http, &req);
        if (st != ST_OK) {
            struct http_resp none = {.id = req.id, .fate = HTTP_NEVER_SENT};
            gateway_http_done(g->logic, &none, clock_mono(), clock_wall());
        } else if (frame != 0) {
            hist_record(&g->r->stages[STAGE_FRAME_TO_WIRE], clock_mono() - frame);
        }
        n++;
    }
    return n;
}

static int gateway_work(void *self, mono_ns_t now)
{
    struct run_gateway *g = self;
    atomic_store_explicit(&g->r->beat_gateway, now, memory_order_release);
    if (atomic_load_explicit(&g->stop_orders, memory_order_acquire) && !g->stopped) {
        g->stopped = true;
        gateway_stop_orders(g->logic, now, clock_wall());
    }
    bool halted =
        atomic_load_explicit(&g->r->engine_state, memory_order_acquire) == RUN_ENGINE_HALTED;
    if (halted != g->held) { /* what was decided before the halt does not leave after it */
        g->held = halted;
        gateway_hold(g->logic, halted, now, clock_wall());
    }
    int n = take_requests(g, now);
    n += send_requests(g);
    n += http_client_work(g->http, 0);
    uint32_t open = gateway_open(g->logic) + (ring_used(g->r->requests) > 0 ? 1 : 0);
    atomic_store_explicit(&g->open, open, memory_order_release);
    return n;
}

/* Sleeps where the sockets are, so that an answer wakes it. */
static void gateway_park(void *self, int64_t max_ns)
{
    struct run_gateway *g = self;
    mono_ns_t until = gateway_deadline(g->logic) - clock_mono();
    if (ring_used(g->r->requests) > 0) {
        until = NS_PER_MS;
    }
    int64_t wait = until < max_ns ? until : max_ns;
    if (wait > 0) {
        http_client_work(g->http, wait);
    }
}

static void gateway_unpark(void *self)
{
    struct run_gateway *g = self;
    http_client_wake(g->http);
}

static void gateway_on_start(void *self)
{
    struct run_gateway *g = self;
    struct gw_request limits = {.size = sizeof limits, .op = GW_GET_LIMITS, .req_id = UINT64_MAX};
    if (gateway_submit(g->logic, &limits, clock_mono(), clock_wall()) != ST_OK) {
        log_warn("gateway", "cannot ask for the rate limits; the Basic tier's are assumed");
    }
    http_client_warm(g->http, "/trade-api/v2/exchange/status");
}

static enum status sign_ahead_start(struct run_gateway *g, struct err *err)
{
    const struct exchange_options *o = &g->r->o->exchange;
    if (o->sign_ahead == 0) {
        return ST_OK;
    }
    enum status st = key_load(o->key_file, o->key_id, &g->ahead_key, err);
    if (st != ST_OK) {
        return st;
    }
    g->ahead_signer = key_signer(g->ahead_key);
    st = sign_ahead_create(&g->ahead_signer, (uint32_t)o->sign_cancels + 1,
                           o->sign_age_ms * NS_PER_MS, &g->ahead);
    if (st == ST_OK) {
        st = sign_ahead_keep(g->ahead, "POST", g->orders_path, (uint32_t)o->sign_ahead);
    }
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "signatures cannot be made ahead: %s", status_text(st));
}

static int build_http(struct run_gateway *g, struct err *err)
{
    const struct exchange_options *o = &g->r->o->exchange;
    struct url url;
    if (url_parse(o->rest_url, "https", &url, err) != ST_OK ||
        key_load(o->key_file, o->key_id, &g->key, err) != ST_OK) {
        return EXIT_CONFIG;
    }
    g->signer = key_signer(g->key);
    text_copy(g->base_path, sizeof g->base_path, text_of(url.path));
    snprintf(g->orders_path, sizeof g->orders_path, "%s%s", url.path, ORDERS_PATH);
    struct http_client_config hc = http_client_config_default();
    hc.url = o->rest_url;
    hc.ca_file = o->ca_file;
    hc.signer = &g->signer;
    if (sign_ahead_start(g, err) != ST_OK) {
        return EXIT_CONFIG;
    }
    hc.ahead = g->ahead;
    enum status st = http_client_create(&hc, on_http_done, g, &g->http, err);
    return st == ST_OK ? EXIT_DONE : EXIT_CONFIG;
}

int run_gateway_build(struct run *r, struct err *err)
{
    if (!r->trading) {
        return EXIT_DONE;
    }
    if (r->paper) {
        return run_paper_build(r, err); /* no gateway and no connection for orders exist */
    }
    struct run_gateway *g = calloc(1, sizeof *g);
    if (g == NULL) {
        err_set(err, ST_NOMEM, "no memory for the gateway");
        return EXIT_FAILED;
    }
    g->r = r;
    r->gateway = g;
    int code = build_http(g, err);
    if (code != EXIT_DONE) {
        return code;
    }
    struct gateway_config gc = gateway_config_default();
    gc.base_path = g->base_path;
    gc.request_timeout_ns = r->o->exchange.request_timeout_ms * NS_PER_MS;
    gc.create_wait_ns = 100 * NS_PER_MS; /* an order is worth nothing on a book that has moved on */
    struct gateway_out out = {g, emit_answer};
    if (gateway_create(&gc, &out, &g->logic) != ST_OK) {
        err_set(err, ST_NOMEM, "no memory for the gateway");
        return EXIT_FAILED;
    }
    struct agent_config ac = {
        .name = "gateway",
        .self = g,
        .do_work = gateway_work,
        .on_start = gateway_on_start,
        .park = gateway_park,
        .unpark = gateway_unpark,
        .idle = (enum idle_kind)r->o->actor.idle,
        .max_sleep_ns = 20 * NS_PER_MS,
    };
    if (agent_create(&ac, &r->gateway_agent) != ST_OK) {
        err_set(err, ST_NOMEM, "cannot make the gateway's agent");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

void run_gateway_destroy(struct run *r)
{
    run_paper_destroy(r);
    struct run_gateway *g = r->gateway;
    if (g != NULL) {
        agent_destroy(r->gateway_agent);
        r->gateway_agent = NULL;
        http_client_destroy(g->http);
        gateway_destroy(g->logic);
        sign_ahead_destroy(g->ahead);
        key_destroy(g->ahead_key);
        key_destroy(g->key);
        free(g);
        r->gateway = NULL;
    }
}

void run_gateway_stop_orders(struct run *r)
{
    run_paper_stop_orders(r);
    if (r->gateway != NULL) {
        atomic_store_explicit(&r->gateway->stop_orders, 1, memory_order_release);
        agent_wake(r->gateway_agent);
    }
}

bool run_gateway_idle(const struct run *r)
{
    if (!run_paper_idle(r)) {
        return false;
    }
    return r->gateway == NULL || atomic_load_explicit(&r->gateway->open, memory_order_acquire) == 0;
}

const struct gateway_stats *run_gateway_stats(const struct run *r)
{
    static struct gateway_stats none; /* filled by the main thread only, when threads have ended */
    if (run_paper_account(r) != NULL) {
        const struct paper_stats *s = paper_stats(run_paper_account(r));
        none = (struct gateway_stats){.requests = s->requests, .answers = s->answers};
        memcpy(none.by_outcome, s->by_outcome, sizeof none.by_outcome);
    }
    return r->gateway != NULL ? gateway_stats(r->gateway->logic) : &none;
}
