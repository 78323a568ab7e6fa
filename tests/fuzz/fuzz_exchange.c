/*
 * fuzz_exchange.c - a gateway under requests, times and answers that the input chooses.
 *
 * Whatever comes: each request that was taken gets exactly one last answer, nothing follows it, a
 * create is handed to the transport at most once, and a create is answered GW_NOT_SENT only if the
 * transport never had it or said that nothing left.
 *
 * Input: a byte of an action, then what it needs; an answer's body is a length byte and its bytes,
 * or one of the shipped bodies. When the input ends, the transport answers all that is under way.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "exchange/exchange.h"

#define REQUESTS  128
#define UNDER_WAY 64
#define WALL      (INT64_C(1781159364) * NS_PER_SEC)

struct input {
    const uint8_t *p;
    size_t n;
};

struct world {
    struct gateway *gw;
    mono_ns_t now;
    struct gw_request reqs[REQUESTS];
    bool taken[REQUESTS];
    uint32_t n, finals[REQUESTS], sends[REQUESTS];
    bool maybe_left[REQUESTS]; /* the transport had it and did not say that nothing left */
    struct flight {
        uint64_t id;
        uint32_t req; /* index of a create, REQUESTS: another op */
    } flights[UNDER_WAY];
    uint32_t n_flights;
};

static uint8_t take(struct input *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->p++;
}

static void on_answer(void *self, const struct ev *ev)
{
    struct world *w = self;
    const struct ev_answer *a = (const struct ev_answer *)(const void *)ev;
    ensure(a->req_id >= 1 && a->req_id <= w->n);
    uint32_t i = (uint32_t)a->req_id - 1;
    ensure(w->finals[i] == 0);
    ensure(ev->size == sizeof *a + (size_t)a->n_rows * a->row_size);
    ensure(a->op == w->reqs[i].op);
    if ((a->flags & GW_ANSWER_MORE) == 0) {
        w->finals[i]++;
        if ((a->op == GW_CREATE || a->op == GW_AMEND) && a->outcome == GW_NOT_SENT) {
            ensure(!w->maybe_left[i]);
        }
    }
}

static void submit(struct world *w, struct input *in)
{
    if (w->n == REQUESTS) {
        return;
    }
    struct gw_request *q = &w->reqs[w->n];
    uint8_t what = take(in);
    memset(q, 0, sizeof *q);
    q->size = sizeof *q;
    q->op = (uint16_t)(what % (GW_OP_MAX + 1));
    q->flags = (what & 0x40) != 0 ? GW_WITH_AS_OF : 0;
    q->rows_max = (what & 0x80) != 0 ? 2 : 0;
    q->req_id = w->n + 1;
    snprintf(q->ticker, sizeof q->ticker, "%s", (what & 0x20) != 0 ? "A/B" : "KX-1");
    snprintf(q->order_id, sizeof q->order_id, "o-1");
    snprintf(q->client_id, sizeof q->client_id, "c-%u", w->n);
    q->yes_px = take(in) * 50;
    q->qty = 100;
    w->n++; /* an answer may come at once */
    enum status st = gateway_submit(w->gw, q, w->now, WALL + w->now);
    ensure(st == ST_OK || st == ST_FULL);
    if (st == ST_FULL) {
        ensure(w->finals[w->n - 1] == 0);
        w->n--;
    } else {
        w->taken[w->n - 1] = true;
    }
}

/* The create or amend that a body belongs to: its client id is the only "c-N" in it. */
static uint32_t create_of(const struct world *w, const struct http_req *req)
{
    for (uint32_t i = 0; i < w->n; i++) {
        char key[80];
        snprintf(key, sizeof key, "\"%s\"", w->reqs[i].client_id);
        bool once = w->reqs[i].op == GW_CREATE || w->reqs[i].op == GW_AMEND;
        bool group = w->reqs[i].op == GW_GROUP_CREATE && w->sends[i] == 0 && w->finals[i] == 0 &&
                     strstr(req->path, "/order_groups/create") != NULL; /* they are all alike */
        if (group || (once && strstr(req->body, key) != NULL)) {
            return i;
        }
    }
    ensure(false);
    return REQUESTS;
}

static bool send_one(struct world *w)
{
    struct http_req req;
    if (w->n_flights == UNDER_WAY || gateway_next(w->gw, w->now, &req) != ST_OK) {
        return false;
    }
    struct flight f = {req.id, REQUESTS};
    ensure(strlen(req.body) == req.body_len && req.path[0] == '/');
    if (req.method == HTTP_POST) {
        f.req = create_of(w, &req);
        ensure(w->sends[f.req]++ == 0);
        ensure(!req.may_retry_connect);
        w->maybe_left[f.req] = true;
    }
    w->flights[w->n_flights++] = f;
    return true;
}

#define POSITIONS                                                                                  \
    "{\"market_positions\":[{\"ticker\":\"A\",\"position_fp\":\"1.00\","                           \
    "\"market_exposure_dollars\":\"0.5\",\"realized_pnl_dollars\":\"0\","                          \
    "\"fees_paid_dollars\":\"0\"}],\"cursor\":\"c\"}"
#define LIMITS                                                                                     \
    "{\"usage_tier\":\"x\",\"read\":{\"refill_rate\":1,\"bucket_capacity\":1},"                    \
    "\"write\":{\"refill_rate\":1,\"bucket_capacity\":1}}"

static const char *const bodies[] = {
    "{\"order_id\":\"o-1\",\"fill_count\":\"0.00\",\"remaining_count\":\"1.00\",\"ts_ms\":1}",
    "{\"order_id\":\"o-1\",\"reduced_by\":\"1.00\",\"ts_ms\":1}",
    "{\"error\":{\"code\":\"order_already_exists\",\"message\":\"m\"}}",
    "{\"as_of_time\":\"2026-06-11T06:29:20Z\"}",
    "{\"orders\":[],\"cursor\":\"a\"}",
    "{\"orders\":[],\"cursor\":\"\"}",
    "{\"fills\":[],\"cursor\":\"b\"}",
    POSITIONS,
    "{\"markets\":[],\"cursor\":null}",
    "{\"orderbook_fp\":{\"yes_dollars\":[[\"0.4000\",\"5.00\"]],\"no_dollars\":[]}}",
    LIMITS,
    "{\"balance\":1,\"balance_dollars\":\"0.0100\",\"portfolio_value\":0,\"updated_ts\":1}",
};

static void answer(struct world *w, struct input *in)
{
    static const int statuses[] = {200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503, 302};
    if (w->n_flights == 0) {
        return;
    }
    uint32_t at = take(in) % w->n_flights;
    struct flight f = w->flights[at];
    w->flights[at] = w->flights[--w->n_flights];
    uint8_t fate = take(in);
    struct http_resp resp = {.id = f.id, .fate = (enum http_fate)(fate % 4), .body = ""};
    char *copy = NULL;
    if (resp.fate == HTTP_ANSWERED) {
        resp.status = statuses[(fate / 4) % (sizeof statuses / sizeof statuses[0])];
        uint8_t kind = take(in);
        size_t n = kind;
        const char *from = (const char *)in->p;
        if (kind < sizeof bodies / sizeof bodies[0]) {
            from = bodies[kind];
            n = strlen(from);
        } else {
            n = n < in->n ? n : in->n;
            in->p += n;
            in->n -= n;
        }
        copy = malloc(n > 0 ? n : 1); /* exactly as long, so that a read past the end is seen */
        ensure(copy != NULL);
        memcpy(copy, from, n);
        resp.body = copy;
        resp.body_len = n;
    }
    if (f.req != REQUESTS && resp.fate == HTTP_NEVER_SENT) {
        w->maybe_left[f.req] = false;
    }
    gateway_http_done(w->gw, &resp, w->now, WALL + w->now);
    if (fate > 200) {
        gateway_http_done(w->gw, &resp, w->now, WALL + w->now); /* told twice */
    }
    free(copy);
}

static void drain(struct world *w)
{
    for (int i = 0; i < 100000 && gateway_open(w->gw) > 0; i++) {
        while (send_one(w)) {
        }
        if (w->n_flights > 0) {
            uint8_t timeout[] = {0, HTTP_TIMEOUT};
            struct input in = {timeout, sizeof timeout};
            answer(w, &in);
            continue;
        }
        if (gateway_open(w->gw) == 0) {
            break; /* the last one waited too long */
        }
        mono_ns_t at = gateway_deadline(w->gw);
        ensure(at != NS_NEVER); /* what waits is never forgotten */
        w->now = at > w->now ? at : w->now + NS_PER_MS;
    }
    ensure(gateway_open(w->gw) == 0);
    for (uint32_t i = 0; i < w->n; i++) {
        ensure(w->finals[i] == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct input in = {data, size};
    struct gateway_config c = gateway_config_default();
    struct gateway_out out = {&w, on_answer};
    memset(&w, 0, sizeof w);
    w.now = 1000 * NS_PER_SEC;
    c.queue_max = 16;
    c.in_flight_max = 6;
    c.pages_max = 4;
    ensure(gateway_create(&c, &out, &w.gw) == ST_OK);
    while (in.n > 0) {
        uint8_t action = take(&in);
        switch (action % 8) {
        case 0:
        case 1:
        case 2:
            submit(&w, &in);
            break;
        case 3:
        case 4:
            (void)send_one(&w);
            break;
        case 5:
        case 6:
            answer(&w, &in);
            break;
        default:
            w.now += (mono_ns_t)take(&in) * 10 * NS_PER_MS;
            if (action == 255) {
                gateway_stop_orders(w.gw, w.now, WALL + w.now);
            }
            break;
        }
    }
    drain(&w);
    gateway_destroy(w.gw);
    return 0;
}
