/*
 * gateway.c - the queue of requests and what becomes of each.
 *
 * A call lives in one pool slot from gateway_submit to its last answer. It is either in one of
 * three queues (cancels, creates, reads; first in, first out, retries and further pages in front)
 * or at the transport, never both. A call leaves a queue in three ways: to the transport when its
 * bucket has the tokens, unsent when it waited too long, or unsent when orders are stopped.
 *
 * What must hold: every submitted request gets exactly one last answer (without GW_ANSWER_MORE),
 * and a create or an amend is handed to the transport at most once. The second holds because only
 * try_again() puts a call back, and it refuses both.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "exchange/exchange_int.h"

enum lane { LANE_CANCEL, LANE_CREATE, LANE_READ, LANE_MAX };

struct queue {
    uint32_t head, tail, n;
};

struct gateway {
    struct gateway_config config;
    char base_path[64];
    struct gateway_out out;
    struct call *calls;
    uint32_t n_calls, free, waiting, in_flight;
    uint32_t in_flight_lane[LANE_MAX];
    struct queue queues[LANE_MAX];
    struct bucket read, write;
    bool stopped, held;
    uint64_t next_http, next_ord;
    mono_ns_t now;           /* the newest time we were told */
    wall_ns_t wall_less_now; /* so that answers without an HTTP answer have a wall time too */
    struct wire_decoder levels;
    struct page page;
    struct ev_answer *event; /* answer_bytes_max long */
    struct gateway_stats stats;
};

#define BASIC_READ       200
#define BASIC_WRITE      100
#define LEVELS_MAX       20000
#define PAGE_BYTES_MAX   ((size_t)64 << 20)
#define HTTP_INDEX_BITS  20
#define TEXT_BYTES_MAX   ((size_t)64 << 10)
#define RETRY_WAIT_LIMIT (30 * NS_PER_SEC)

struct gateway_config gateway_config_default(void)
{
    return (struct gateway_config){
        .base_path = "/trade-api/v2",
        .request_timeout_ns = 5 * NS_PER_SEC,
        .in_flight_max = 16,
        .queue_max = 1024,
        .write_reserve = 20,
        .read_tries = 4,
        .retry_wait_ns = 250 * NS_PER_MS,
        .create_wait_ns = NS_PER_SEC,
        .read_wait_ns = 30 * NS_PER_SEC,
        .pause_429_ns = NS_PER_SEC,
        .page_rows = 1000,
        .pages_max = 1000,
        .answer_bytes_max = 48 << 10,
    };
}

/* --- the pool and the queues --- */

static enum lane lane_of(const struct call *c)
{
    if (c->req.op == GW_CANCEL) {
        return LANE_CANCEL;
    }
    return op_is_read(c->req.op) ? LANE_READ : LANE_CREATE; /* amends go with creates */
}

static struct bucket *bucket_of(struct gateway *gw, enum lane lane)
{
    return lane == LANE_READ ? &gw->read : &gw->write;
}

static uint32_t index_of(const struct gateway *gw, const struct call *c)
{
    return (uint32_t)(c - gw->calls);
}

static void queue_back(struct gateway *gw, struct call *c)
{
    struct queue *q = &gw->queues[lane_of(c)];
    c->next = CALL_NONE;
    if (q->n == 0) {
        q->head = index_of(gw, c);
    } else {
        gw->calls[q->tail].next = index_of(gw, c);
    }
    q->tail = index_of(gw, c);
    q->n++;
    gw->waiting++;
}

static void queue_front(struct gateway *gw, struct call *c)
{
    struct queue *q = &gw->queues[lane_of(c)];
    c->next = q->n == 0 ? CALL_NONE : q->head;
    q->head = index_of(gw, c);
    if (q->n == 0) {
        q->tail = q->head;
    }
    q->n++;
    gw->waiting++;
}

/* Take c out; before is the call in front of it, CALL_NONE at the head. */
static void queue_take(struct gateway *gw, struct call *c, uint32_t before)
{
    struct queue *q = &gw->queues[lane_of(c)];
    if (before == CALL_NONE) {
        q->head = c->next;
    } else {
        gw->calls[before].next = c->next;
    }
    if (q->tail == index_of(gw, c)) {
        q->tail = before;
    }
    q->n--;
    gw->waiting--;
}

static void call_release(struct gateway *gw, struct call *c)
{
    free(c->tickers);
    c->tickers = NULL;
    c->at_transport = false;
    c->http_id = 0;
    c->next = gw->free;
    gw->free = index_of(gw, c);
}

/* --- answers --- */

static void answer_head(const struct gateway *gw, const struct call *c, struct ev_answer *a)
{
    memset(a, 0, sizeof *a);
    a->h.type = EV_ANSWER;
    a->h.source = EV_SRC_ANSWER;
    a->h.mkt = c->req.mkt;
    a->h.recv_mono = gw->now;
    a->h.recv_wall = gw->now + gw->wall_less_now;
    a->req_id = c->req.req_id;
    a->op = c->req.op;
    a->signed_wall = c->signed_wall;
    a->as_of = c->as_of;
    a->sent_mono = c->sent;
}

static void set_code(struct ev_answer *a, const char *code)
{
    snprintf(a->error_code, sizeof a->error_code, "%s", code);
}

/* One event with rows [first, first + n) of the page behind a. */
static void emit_part(struct gateway *gw, const struct ev_answer *a, const struct page *page,
                      uint32_t first, uint32_t n, bool more)
{
    struct ev_answer *e = gw->event;
    *e = *a;
    size_t bytes = 0;
    if (n > 0) {
        bytes = (size_t)n * page->row_size;
        memcpy(e + 1, page->rows.p + (size_t)first * page->row_size, bytes);
        uint32_t yes_left = page->n_yes > first ? page->n_yes - first : 0;
        e->n_yes = yes_left < n ? yes_left : n;
    }
    e->row_kind = page != NULL ? (uint32_t)page->kind : GW_ROW_NONE;
    e->row_size = page != NULL ? page->row_size : 0;
    e->n_rows = n;
    e->flags = more ? GW_ANSWER_MORE : 0;
    e->h.size = (uint32_t)(sizeof *e + bytes);
    e->h.ord = ++gw->next_ord;
    gw->out.emit(gw->out.self, &e->h);
}

/* All rows of the page, in as many events as it takes. */
static void emit_page(struct gateway *gw, const struct ev_answer *a, const struct page *page,
                      bool last)
{
    uint32_t per_part =
        page->row_size == 0
            ? 1
            : (uint32_t)((gw->config.answer_bytes_max - sizeof *a) / page->row_size);
    uint32_t first = 0;
    while (page->n - first > per_part) {
        emit_part(gw, a, page, first, per_part, true);
        first += per_part;
    }
    emit_part(gw, a, page, first, page->n - first, !last);
}

static void count_answer(struct gateway *gw, enum gw_outcome outcome)
{
    gw->stats.answers++;
    gw->stats.by_outcome[outcome]++;
}

/* The last answer of a call, without rows. */
static void answer(struct gateway *gw, struct call *c, enum gw_outcome outcome, int http_status,
                   const char *code)
{
    struct ev_answer a;
    answer_head(gw, c, &a);
    a.outcome = outcome;
    a.http_status = http_status;
    set_code(&a, code);
    if (c->req.op == GW_CREATE) {
        memcpy(a.client_id, c->req.client_id, sizeof a.client_id);
    } else if (c->req.op == GW_CANCEL || c->req.op == GW_GET_ORDER) {
        memcpy(a.order_id, c->req.order_id, sizeof a.order_id);
    }
    call_release(gw, c);
    count_answer(gw, outcome);
    emit_part(gw, &a, NULL, 0, 0, false);
}

/* --- create, destroy --- */

static bool config_ok(const struct gateway_config *c)
{
    return c->base_path != NULL && strlen(c->base_path) < 64 && c->in_flight_max > 0 &&
           c->queue_max > 0 && c->queue_max < (1U << 18) && c->in_flight_max < (1U << 18) &&
           c->read_tries > 0 && c->page_rows > 0 && c->page_rows <= 1000 && c->pages_max > 0 &&
           c->answer_bytes_max >= sizeof(struct ev_answer) + sizeof(struct ev_user_order) &&
           c->answer_bytes_max >= sizeof(struct ev_answer) + sizeof(struct ev_market) &&
           c->answer_bytes_max <= UINT32_MAX && c->request_timeout_ns > 0;
}

static void pool_init(struct gateway *gw)
{
    for (uint32_t i = 0; i < gw->n_calls; i++) {
        struct call *c = &gw->calls[i];
        c->next = i + 1 < gw->n_calls ? i + 1 : CALL_NONE;
        buf_init(&c->path, 1024);
        buf_init(&c->query, TEXT_BYTES_MAX);
        buf_init(&c->body, TEXT_BYTES_MAX);
    }
    gw->free = 0;
}

enum status gateway_create(const struct gateway_config *config, const struct gateway_out *out,
                           struct gateway **ret_gw)
{
    if (!config_ok(config)) {
        return ST_INVALID;
    }
    struct gateway *gw = calloc(1, sizeof *gw);
    if (gw == NULL) {
        return ST_NOMEM;
    }
    gw->config = *config;
    snprintf(gw->base_path, sizeof gw->base_path, "%s", config->base_path);
    gw->config.base_path = gw->base_path;
    gw->out = *out;
    gw->n_calls = config->queue_max + config->in_flight_max;
    gw->calls = calloc(gw->n_calls, sizeof *gw->calls);
    gw->event = malloc(config->answer_bytes_max);
    if (gw->calls == NULL || gw->event == NULL ||
        wire_decoder_init(&gw->levels, LEVELS_MAX) != ST_OK) {
        free(gw->calls);
        free(gw->event);
        free(gw);
        return ST_NOMEM;
    }
    pool_init(gw);
    buf_init(&gw->page.rows, PAGE_BYTES_MAX);
    bucket_init(&gw->read, BASIC_READ, BASIC_READ, 0);
    bucket_init(&gw->write, BASIC_WRITE, BASIC_WRITE, 0);
    *ret_gw = gw;
    return ST_OK;
}

void gateway_destroy(struct gateway *gw)
{
    if (gw == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gw->n_calls; i++) {
        struct call *c = &gw->calls[i];
        free(c->tickers);
        buf_finish(&c->path);
        buf_finish(&c->query);
        buf_finish(&c->body);
    }
    buf_finish(&gw->page.rows);
    wire_decoder_finish(&gw->levels);
    free(gw->calls);
    free(gw->event);
    free(gw);
}

/* --- requests in --- */

static void see_time(struct gateway *gw, mono_ns_t now)
{
    if (now > gw->now) {
        gw->now = now;
    }
}

static void see_wall(struct gateway *gw, mono_ns_t now, wall_ns_t wall)
{
    see_time(gw, now);
    gw->wall_less_now = wall - now;
}

/* A text field must end inside its array, whoever filled the record. */
static bool texts_end(const struct gw_request *r)
{
    return memchr(r->ticker, 0, sizeof r->ticker) != NULL &&
           memchr(r->order_id, 0, sizeof r->order_id) != NULL &&
           memchr(r->client_id, 0, sizeof r->client_id) != NULL &&
           memchr(r->group_id, 0, sizeof r->group_id) != NULL &&
           memchr(r->series, 0, sizeof r->series) != NULL &&
           memchr(r->event, 0, sizeof r->event) != NULL &&
           memchr(r->status, 0, sizeof r->status) != NULL;
}

static enum status call_fill(struct call *c, const struct gw_request *req)
{
    /* The buffers belong to the slot and stay. */
    struct buf path = c->path, query = c->query, body = c->body;
    memset(c, 0, sizeof *c);
    c->path = path;
    c->query = query;
    c->body = body;
    c->next = CALL_NONE;
    c->req = *req;
    if (req->op >= GW_OP_MAX || !texts_end(req)) {
        return ST_INVALID;
    }
    bool list = req->op == GW_LIST_ORDERS || req->op == GW_LIST_FILLS;
    c->stage = list && (req->flags & GW_WITH_AS_OF) != 0 ? STAGE_AS_OF : STAGE_MAIN;
    if (req->op == GW_LIST_MARKETS && req->size > sizeof *req) {
        c->tickers = strndup(gw_request_tickers(req), req->size - sizeof *req);
        return c->tickers != NULL ? ST_OK : ST_NOMEM;
    }
    return ST_OK;
}

/* Orders that open something, or might. What only closes is for flattening, which is a halt too. */
static bool opens(const struct call *c)
{
    return c->req.op == GW_AMEND || (c->req.op == GW_CREATE && !c->req.reduce_only);
}

/* A quarter of the queue is for cancels: nobody else may be in their way. */
static uint32_t room_of(const struct gateway *gw, enum lane lane)
{
    uint32_t max = gw->config.queue_max;
    return lane == LANE_CANCEL || max == 1 ? max : max - (max + 3) / 4;
}

enum status gateway_submit(struct gateway *gw, const struct gw_request *req, mono_ns_t now,
                           wall_ns_t wall)
{
    see_wall(gw, now, wall);
    if (gw->free == CALL_NONE || gw->waiting >= gw->config.queue_max) {
        return ST_FULL;
    }
    struct call *c = &gw->calls[gw->free];
    gw->free = c->next;
    gw->stats.requests++;
    enum status st = call_fill(c, req);
    enum http_method method = HTTP_GET;
    if (st == ST_OK) {
        st = call_encode(c, gw->base_path, gw->config.page_rows, &method);
    }
    if (st != ST_OK) {
        answer(gw, c, GW_NOT_SENT, 0, "bad_request_of_ours");
        return ST_OK;
    }
    if (gw->stopped && lane_of(c) == LANE_CREATE) {
        answer(gw, c, GW_NOT_SENT, 0, "stopping");
        return ST_OK;
    }
    if (gw->held && opens(c)) {
        answer(gw, c, GW_NOT_SENT, 0, "halted");
        return ST_OK;
    }
    if (gw->waiting >= room_of(gw, lane_of(c))) {
        answer(gw, c, GW_NOT_SENT, 0, "queue_full");
        return ST_OK;
    }
    c->queued = now;
    queue_back(gw, c);
    return ST_OK;
}

/* --- requests out --- */

static mono_ns_t wait_max(const struct gateway *gw, enum lane lane)
{
    switch (lane) {
    case LANE_CREATE:
        return gw->config.create_wait_ns;
    case LANE_READ:
        return gw->config.read_wait_ns;
    case LANE_CANCEL:
    case LANE_MAX:
        break;
    }
    return NS_NEVER; /* a late cancel is better than none */
}

static mono_ns_t expires(const struct gateway *gw, const struct call *c)
{
    mono_ns_t wait = wait_max(gw, lane_of(c));
    return wait >= NS_NEVER - c->queued ? NS_NEVER : c->queued + wait;
}

/* Old calls of a lane are answered unsent: a create that leaves late trades on an old price. */
static void expire_lane(struct gateway *gw, enum lane lane, mono_ns_t now)
{
    uint32_t before = CALL_NONE;
    uint32_t i = gw->queues[lane].n > 0 ? gw->queues[lane].head : CALL_NONE;
    while (i != CALL_NONE) {
        struct call *c = &gw->calls[i];
        uint32_t next = c->next;
        if (now > expires(gw, c)) {
            queue_take(gw, c, before);
            answer(gw, c, GW_NOT_SENT, 0, "waited_too_long");
        } else {
            before = i;
        }
        i = next;
    }
}

/* Places at the transport: reads leave some for orders, creates leave one for a cancel. */
static bool has_place(const struct gateway *gw, enum lane lane)
{
    uint32_t max = gw->config.in_flight_max;
    if (gw->in_flight >= max) {
        return false;
    }
    if (lane == LANE_READ) {
        return gw->in_flight_lane[LANE_READ] < (max > 3 ? max - max / 4 : 1) &&
               (max == 1 || gw->in_flight < max - 1);
    }
    return lane == LANE_CANCEL || max == 1 || gw->in_flight < max - 1;
}

static int64_t reserve_of(const struct gateway *gw, enum lane lane)
{
    return lane == LANE_CREATE ? gw->config.write_reserve : 0;
}

/* The first call of a lane that does not wait for a retry. */
static struct call *first_due(struct gateway *gw, enum lane lane, mono_ns_t now,
                              uint32_t *ret_before)
{
    uint32_t before = CALL_NONE;
    uint32_t i = gw->queues[lane].n > 0 ? gw->queues[lane].head : CALL_NONE;
    while (i != CALL_NONE && gw->calls[i].not_before > now) {
        before = i;
        i = gw->calls[i].next;
    }
    *ret_before = before;
    return i == CALL_NONE ? NULL : &gw->calls[i];
}

static enum status send_from(struct gateway *gw, enum lane lane, mono_ns_t now,
                             struct http_req *ret)
{
    uint32_t before = CALL_NONE;
    struct call *c = has_place(gw, lane) ? first_due(gw, lane, now, &before) : NULL;
    if (c == NULL || !bucket_take(bucket_of(gw, lane), op_cost(c), reserve_of(gw, lane), now)) {
        return ST_AGAIN;
    }
    enum http_method method = HTTP_GET;
    queue_take(gw, c, before);
    if (call_encode(c, gw->base_path, gw->config.page_rows, &method) != ST_OK) {
        /* Only a cursor can make a later page too long. */
        answer(gw, c, GW_UNKNOWN, 0, "bad_cursor");
        return ST_AGAIN;
    }
    ensure(!c->at_transport && (lane != LANE_CREATE || c->tries == 0));
    c->at_transport = true;
    c->tries++;
    c->sent = now;
    c->http_id = ++gw->next_http << HTTP_INDEX_BITS | index_of(gw, c);
    gw->in_flight++;
    gw->in_flight_lane[lane]++;
    *ret = (struct http_req){.id = c->http_id,
                             .method = method,
                             .path = c->path.p,
                             .query = c->query.n > 0 ? c->query.p : "",
                             .body = c->body.n > 0 ? c->body.p : "",
                             .body_len = c->body.n,
                             .deadline = now + gw->config.request_timeout_ns,
                             .may_retry_connect = lane != LANE_CREATE,
                             .frame_mono = lane == LANE_CREATE ? c->req.frame_mono : 0};
    return ST_OK;
}

enum status gateway_next(struct gateway *gw, mono_ns_t now, struct http_req *ret_req)
{
    see_time(gw, now);
    for (int lane = 0; lane < LANE_MAX; lane++) {
        expire_lane(gw, (enum lane)lane, now);
    }
    for (int lane = 0; lane < LANE_MAX; lane++) {
        if (send_from(gw, (enum lane)lane, now, ret_req) == ST_OK) {
            return ST_OK;
        }
        /* Cancels that wait for tokens keep creates from taking them. */
        if (lane == LANE_CANCEL && gw->queues[LANE_CANCEL].n > 0) {
            lane = LANE_CREATE;
        }
    }
    return ST_AGAIN;
}

/* --- HTTP answers in --- */

static struct call *find_call(struct gateway *gw, uint64_t http_id)
{
    uint64_t i = http_id & ((UINT64_C(1) << HTTP_INDEX_BITS) - 1);
    if (i >= gw->n_calls || http_id == 0) {
        return NULL;
    }
    struct call *c = &gw->calls[i];
    return c->at_transport && c->http_id == http_id ? c : NULL;
}

/* Put a read (or a cancel that never left) back into its queue. False: it has had its tries. */
static bool try_again(struct gateway *gw, struct call *c, const struct http_resp *resp)
{
    if (lane_of(c) == LANE_CREATE) {
        return false;
    }
    bool certain = resp->fate == HTTP_NEVER_SENT;
    if (c->req.op == GW_CANCEL && (!certain || c->tries >= 2)) {
        return false;
    }
    if (c->tries >= gw->config.read_tries) {
        return false;
    }
    mono_ns_t wait = gw->config.retry_wait_ns;
    for (uint32_t i = 1; i < c->tries && wait < RETRY_WAIT_LIMIT; i++) {
        wait *= 2;
    }
    c->not_before = c->req.op == GW_CANCEL ? gw->now : gw->now + wait;
    c->at_transport = false;
    gw->stats.retries++;
    queue_front(gw, c);
    return true;
}

/* Another HTTP request of the same call: the list after as_of, or the next page. */
static void go_on(struct gateway *gw, struct call *c)
{
    c->tries = 0;
    c->not_before = 0;
    c->at_transport = false;
    c->queued = gw->now;
    queue_front(gw, c);
}

static const char *fate_code(const struct http_resp *resp)
{
    switch (resp->fate) {
    case HTTP_NEVER_SENT:
        return "never_sent";
    case HTTP_TIMEOUT:
        return "timeout";
    case HTTP_CUT:
        return "connection_cut";
    case HTTP_ANSWERED:
        break;
    }
    return resp->status >= 200 && resp->status < 300 ? "unreadable_answer" : "http_error";
}

static void failed(struct gateway *gw, struct call *c, const struct http_resp *resp,
                   enum gw_outcome outcome)
{
    struct rest_error e;
    memset(&e, 0, sizeof e);
    bool readable = resp->fate == HTTP_ANSWERED && (resp->status < 200 || resp->status >= 300);
    if (readable) {
        rest_read_error(resp->body, resp->body_len, &e);
    }
    bool may_retry = outcome == GW_UNKNOWN || outcome == GW_NOT_SENT || outcome == GW_RATE_LIMIT;
    if (may_retry && try_again(gw, c, resp)) {
        return;
    }
    int status = resp->fate == HTTP_ANSWERED ? resp->status : 0;
    answer(gw, c, outcome, status, e.code[0] != '\0' ? e.code : fate_code(resp));
}

static bool is_list(uint32_t op)
{
    return op == GW_LIST_ORDERS || op == GW_LIST_FILLS || op == GW_LIST_POSITIONS ||
           op == GW_LIST_MARKETS;
}

/* A page came: hand out its rows, and ask for the next one when there is one. */
static void page_done(struct gateway *gw, struct call *c, struct ev_answer *a)
{
    struct page *page = &gw->page;
    if (c->req.rows_max != 0 && page->n >= c->req.rows_max - c->rows) {
        page->n = c->req.rows_max - c->rows;
        page->cursor[0] = '\0';
    }
    c->rows += page->n;
    c->pages++;
    bool more = page->cursor[0] != '\0';
    bool same = more && strcmp(page->cursor, c->cursor) == 0;
    if (same || (more && c->pages >= gw->config.pages_max)) {
        answer(gw, c, GW_UNKNOWN, a->http_status, same ? "repeated_cursor" : "too_many_pages");
        return;
    }
    if (more) {
        memcpy(c->cursor, page->cursor, sizeof c->cursor);
        go_on(gw, c);
    } else {
        call_release(gw, c);
        count_answer(gw, GW_OK);
    }
    emit_page(gw, a, page, !more);
}

static void done_well(struct gateway *gw, struct call *c, struct ev_answer *a)
{
    if (c->stage == STAGE_AS_OF) {
        c->as_of = a->as_of;
        c->stage = STAGE_MAIN;
        go_on(gw, c);
        return;
    }
    if (c->req.op == GW_GET_LIMITS) {
        bucket_set(&gw->read, a->read_capacity, a->read_rate, gw->now);
        bucket_set(&gw->write, a->write_capacity, a->write_rate, gw->now);
    }
    if (is_list(c->req.op)) {
        page_done(gw, c, a);
        return;
    }
    if (c->req.op == GW_CREATE && a->client_id[0] == '\0') {
        memcpy(a->client_id, c->req.client_id, sizeof a->client_id);
    }
    call_release(gw, c);
    count_answer(gw, GW_OK);
    emit_page(gw, a, &gw->page, true);
}

static void count_http(struct gateway *gw, struct call *c, const struct http_resp *resp)
{
    if (resp->fate == HTTP_TIMEOUT) {
        gw->stats.timeouts++;
    }
    if (resp->fate != HTTP_ANSWERED) {
        return;
    }
    if (resp->status == 429) {
        gw->stats.http_429++;
        bucket_empty(bucket_of(gw, lane_of(c)), gw->now, gw->config.pause_429_ns);
    } else if (resp->status >= 500) {
        gw->stats.http_5xx++;
    }
}

void gateway_http_done(struct gateway *gw, const struct http_resp *resp, mono_ns_t now,
                       wall_ns_t wall)
{
    see_wall(gw, now, wall);
    struct call *c = find_call(gw, resp->id);
    if (c == NULL) {
        return; /* told twice, or never ours */
    }
    gw->in_flight--;
    gw->in_flight_lane[lane_of(c)]--;
    if (resp->signed_wall != 0) {
        c->signed_wall = resp->signed_wall;
    }
    if (resp->sent_mono != 0) {
        c->sent = resp->sent_mono;
    }
    count_http(gw, c, resp);
    if (resp->fate == HTTP_ANSWERED && resp->status >= 200 && resp->status < 300) {
        struct ev_answer a;
        answer_head(gw, c, &a);
        a.outcome = GW_OK;
        a.http_status = resp->status;
        buf_clear(&gw->page.rows);
        gw->page = (struct page){.rows = gw->page.rows};
        if (call_decode(c, &gw->levels, resp->body, resp->body_len, &a, &gw->page) == ST_OK) {
            done_well(gw, c, &a);
            return;
        }
    }
    failed(gw, c, resp, outcome_of(c->req.op, resp));
}

/* --- the rest --- */

static mono_ns_t lane_deadline(const struct gateway *gw, enum lane lane)
{
    mono_ns_t at = NS_NEVER;
    const struct bucket *b = lane == LANE_READ ? &gw->read : &gw->write;
    uint32_t i = gw->queues[lane].n > 0 ? gw->queues[lane].head : CALL_NONE;
    bool place = has_place(gw, lane);
    for (; i != CALL_NONE; i = gw->calls[i].next) {
        const struct call *c = &gw->calls[i];
        mono_ns_t gone = expires(gw, c);
        if (gone < at) {
            at = gone + 1;
        }
        if (place) {
            mono_ns_t ready = bucket_ready(b, op_cost(c), reserve_of(gw, lane), gw->now);
            ready = ready > c->not_before ? ready : c->not_before;
            at = ready < at ? ready : at;
        }
    }
    return at;
}

mono_ns_t gateway_deadline(const struct gateway *gw)
{
    mono_ns_t at = lane_deadline(gw, LANE_CANCEL);
    mono_ns_t create = lane_deadline(gw, LANE_CREATE);
    mono_ns_t read = lane_deadline(gw, LANE_READ);
    at = create < at ? create : at;
    return read < at ? read : at;
}

void gateway_stop_orders(struct gateway *gw, mono_ns_t now, wall_ns_t wall)
{
    see_wall(gw, now, wall);
    gw->stopped = true;
    while (gw->queues[LANE_CREATE].n > 0) {
        struct call *c = &gw->calls[gw->queues[LANE_CREATE].head];
        queue_take(gw, c, CALL_NONE);
        answer(gw, c, GW_NOT_SENT, 0, "stopping");
    }
}

void gateway_hold(struct gateway *gw, bool hold, mono_ns_t now, wall_ns_t wall)
{
    see_wall(gw, now, wall);
    gw->held = hold;
    uint32_t before = CALL_NONE;
    uint32_t i = hold && gw->queues[LANE_CREATE].n > 0 ? gw->queues[LANE_CREATE].head : CALL_NONE;
    while (i != CALL_NONE) {
        struct call *c = &gw->calls[i];
        uint32_t next = c->next;
        if (opens(c)) {
            queue_take(gw, c, before);
            answer(gw, c, GW_NOT_SENT, 0, "halted");
        } else {
            before = i;
        }
        i = next;
    }
}

uint32_t gateway_open(const struct gateway *gw)
{
    return gw->waiting + gw->in_flight;
}

const struct gateway_stats *gateway_stats(const struct gateway *gw)
{
    /* The levels are for people; a const look must not refill. */
    struct gateway_stats *s = (struct gateway_stats *)&gw->stats;
    s->write_tokens = bucket_tokens(&gw->write);
    s->read_tokens = bucket_tokens(&gw->read);
    return s;
}
