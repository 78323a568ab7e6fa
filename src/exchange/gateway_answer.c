/*
 * gateway_answer.c - what an HTTP answer means for its call, and the events that tell the asker.
 *
 * A call that came back is answered, asks for its next page, or is tried again: only try_again()
 * puts a call back that was at the transport for the same thing, and it refuses creates and amends.
 */
#include <stdio.h>

#include "exchange/gateway_int.h"

#define RETRY_WAIT_LIMIT (30 * NS_PER_SEC)

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

void call_answer(struct gateway *gw, struct call *c, enum gw_outcome outcome, int http_status,
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

/* --- HTTP answers in --- */

/* Put a read (or a cancel that never left) back into its queue. False: it has had its tries. */
static bool try_again(struct gateway *gw, struct call *c, const struct http_resp *resp)
{
    if (call_lane(c) == LANE_CREATE) {
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
    call_answer(gw, c, outcome, status, e.code[0] != '\0' ? e.code : fate_code(resp));
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
        call_answer(gw, c, GW_UNKNOWN, a->http_status, same ? "repeated_cursor" : "too_many_pages");
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
        bucket_empty(bucket_of(gw, call_lane(c)), gw->now, gw->config.pause_429_ns);
    } else if (resp->status >= 500) {
        gw->stats.http_5xx++;
    }
}

void gateway_http_done(struct gateway *gw, const struct http_resp *resp, mono_ns_t now,
                       wall_ns_t wall)
{
    see_wall(gw, now, wall);
    struct call *c = call_find(gw, resp->id);
    if (c == NULL) {
        return; /* told twice, or never ours */
    }
    gw->in_flight--;
    gw->in_flight_lane[call_lane(c)]--;
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
