/*
 * gateway.c - the gateway's life, and requests that come in.
 *
 * A call lives in one pool slot from gateway_submit to its last answer. It is either in a queue
 * (gateway_queue.c) or at the transport, never both. It leaves a queue to the transport, unsent
 * because it waited too long, or unsent because orders are stopped.
 *
 * What must hold: every submitted request gets exactly one last answer (without GW_ANSWER_MORE),
 * and a create or an amend is handed to the transport at most once. The second holds because only
 * try_again() (gateway_answer.c) puts a call back, and it refuses both.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exchange/gateway_int.h"

#define BASIC_READ     200
#define BASIC_WRITE    100
#define LEVELS_MAX     20000
#define PAGE_BYTES_MAX ((size_t)64 << 20)
#define TEXT_BYTES_MAX ((size_t)64 << 10)

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
        call_answer(gw, c, GW_NOT_SENT, 0, "bad_request_of_ours");
        return ST_OK;
    }
    if (gw->stopped && call_lane(c) == LANE_CREATE) {
        call_answer(gw, c, GW_NOT_SENT, 0, "stopping");
        return ST_OK;
    }
    if (gw->held && opens(c)) {
        call_answer(gw, c, GW_NOT_SENT, 0, "halted");
        return ST_OK;
    }
    if (gw->waiting >= room_of(gw, call_lane(c))) {
        call_answer(gw, c, GW_NOT_SENT, 0, "queue_full");
        return ST_OK;
    }
    c->queued = now;
    queue_back(gw, c);
    return ST_OK;
}

/* --- the rest --- */

void gateway_stop_orders(struct gateway *gw, mono_ns_t now, wall_ns_t wall)
{
    see_wall(gw, now, wall);
    gw->stopped = true;
    while (gw->queues[LANE_CREATE].n > 0) {
        struct call *c = &gw->calls[gw->queues[LANE_CREATE].head];
        queue_take(gw, c, CALL_NONE);
        call_answer(gw, c, GW_NOT_SENT, 0, "stopping");
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
            call_answer(gw, c, GW_NOT_SENT, 0, "halted");
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
    return s;
}
