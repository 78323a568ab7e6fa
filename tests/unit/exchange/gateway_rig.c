#include "gateway_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

static void on_answer(void *self, const struct ev *ev)
{
    struct rig *r = self;
    const struct ev_answer *a = (const struct ev_answer *)(const void *)ev;
    assert_int_equal(ev->type, EV_ANSWER);
    assert_int_equal(ev->source, EV_SRC_ANSWER);
    assert_int_equal(ev->size % 8, 0);
    assert_int_equal(ev->size, sizeof *a + (size_t)a->n_rows * a->row_size);
    assert_int_equal(ev->ord, ++r->next_ord);
    assert_true(a->req_id < RIG_ANSWERS);
    assert_true(a->outcome < GW_OUTCOME_MAX);
    assert_true(a->n_yes <= a->n_rows);
    assert_int_equal(r->finals[a->req_id], 0); /* nothing follows the last part */
    r->finals[a->req_id] = (a->flags & GW_ANSWER_MORE) == 0;
    r->last = *a;
    r->n++;
    r->rows += a->n_rows;
    r->biggest = ev->size > r->biggest ? ev->size : r->biggest;
    if (a->n_rows > 0) {
        size_t n = a->row_size < sizeof r->first_row ? a->row_size : sizeof r->first_row;
        memcpy(r->first_row, ev_answer_rows(a), n);
    }
}

void rig_start(struct rig *r, const struct gateway_config *config)
{
    struct gateway_config c = config != NULL ? *config : gateway_config_default();
    struct gateway_out out = {r, on_answer};
    memset(r, 0, sizeof *r);
    r->now = 1000 * NS_PER_SEC;
    assert_int_equal(gateway_create(&c, &out, &r->gw), ST_OK);
}

void rig_stop(struct rig *r)
{
    gateway_destroy(r->gw);
    r->gw = NULL;
}

struct gw_request rig_request(struct rig *r, enum gw_op op)
{
    struct gw_request q;
    memset(&q, 0, sizeof q);
    q.size = sizeof q;
    q.op = (uint16_t)op;
    q.req_id = ++r->next_req;
    q.mkt = 3;
    if (op == GW_CANCEL || op == GW_GET_ORDER) {
        snprintf(q.order_id, sizeof q.order_id, "order-1");
    }
    if (op == GW_GET_BOOK) {
        snprintf(q.ticker, sizeof q.ticker, "KXTEST-1");
    }
    return q;
}

struct gw_request rig_create_order(struct rig *r)
{
    struct gw_request q = rig_request(r, GW_CREATE);
    snprintf(q.ticker, sizeof q.ticker, "KXTEST-1");
    snprintf(q.client_id, sizeof q.client_id, "client-%llu", (unsigned long long)q.req_id);
    q.outcome = SIDE_YES;
    q.tif = GW_GTC;
    q.yes_px = 4700;
    q.qty = 100;
    return q;
}

void rig_submit(struct rig *r, const struct gw_request *req)
{
    assert_int_equal(gateway_submit(r->gw, req, r->now, RIG_WALL + r->now), ST_OK);
}

bool rig_next(struct rig *r)
{
    enum status st = gateway_next(r->gw, r->now, &r->req);
    assert_true(st == ST_OK || st == ST_AGAIN);
    return st == ST_OK;
}

static void done(struct rig *r, struct http_resp *resp)
{
    resp->id = r->req.id;
    resp->signed_wall = RIG_WALL + r->now;
    resp->sent_mono = r->now;
    gateway_http_done(r->gw, resp, r->now, RIG_WALL + r->now);
}

void rig_answer(struct rig *r, int status, const char *body)
{
    struct http_resp resp = {
        .fate = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body)};
    done(r, &resp);
}

void rig_fate(struct rig *r, enum http_fate fate)
{
    struct http_resp resp = {.fate = fate, .body = ""};
    done(r, &resp);
}

void rig_call(struct rig *r, const struct gw_request *req, int status, const char *body)
{
    rig_submit(r, req);
    assert_true(rig_next(r));
    rig_answer(r, status, body);
}
