/*
 * gateway_queue.c - where a call waits, and when it leaves.
 *
 * Three queues (cancels, creates, reads; first in, first out, retries and further pages in front).
 * A call leaves its queue to the transport when its bucket has the tokens, or unsent when it waited
 * too long.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "exchange/gateway_int.h"

#define HTTP_INDEX_BITS 20

enum lane call_lane(const struct call *c)
{
    if (c->req.op == GW_CANCEL) {
        return LANE_CANCEL;
    }
    return op_is_read(c->req.op) ? LANE_READ : LANE_CREATE; /* amends go with creates */
}

struct bucket *bucket_of(struct gateway *gw, enum lane lane)
{
    return lane == LANE_READ ? &gw->read : &gw->write;
}

static uint32_t index_of(const struct gateway *gw, const struct call *c)
{
    return (uint32_t)(c - gw->calls);
}

void queue_back(struct gateway *gw, struct call *c)
{
    struct queue *q = &gw->queues[call_lane(c)];
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

void queue_front(struct gateway *gw, struct call *c)
{
    struct queue *q = &gw->queues[call_lane(c)];
    c->next = q->n == 0 ? CALL_NONE : q->head;
    q->head = index_of(gw, c);
    if (q->n == 0) {
        q->tail = q->head;
    }
    q->n++;
    gw->waiting++;
}

void queue_take(struct gateway *gw, struct call *c, uint32_t before)
{
    struct queue *q = &gw->queues[call_lane(c)];
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

void call_release(struct gateway *gw, struct call *c)
{
    free(c->tickers);
    c->tickers = NULL;
    c->at_transport = false;
    c->http_id = 0;
    c->next = gw->free;
    gw->free = index_of(gw, c);
}

struct call *call_find(struct gateway *gw, uint64_t http_id)
{
    uint64_t i = http_id & ((UINT64_C(1) << HTTP_INDEX_BITS) - 1);
    if (i >= gw->n_calls || http_id == 0) {
        return NULL;
    }
    struct call *c = &gw->calls[i];
    return c->at_transport && c->http_id == http_id ? c : NULL;
}

/* --- out of the queues --- */

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
    mono_ns_t wait = wait_max(gw, call_lane(c));
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
            call_answer(gw, c, GW_NOT_SENT, 0, "waited_too_long");
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
        call_answer(gw, c, GW_UNKNOWN, 0, "bad_cursor");
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
