#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

static enum status on_submit(void *self, const struct gw_request *req)
{
    struct rig *r = self;
    if (r->gateway_full || r->n_req == 64) {
        return ST_FULL;
    }
    r->req[r->n_req++] = *req;
    return ST_OK;
}

static enum status on_journal(void *self, struct journal_record *rec)
{
    struct rig *r = self;
    if (r->journal_fails) {
        return ST_IO;
    }
    r->journal = *rec;
    r->journalled++;
    return ST_OK;
}

static void on_record(void *self, const struct rec *rec)
{
    struct rig *r = self;
    if (rec->type == REC_DECISION) {
        memcpy(&r->decision, rec, sizeof r->decision);
        r->n_decisions++;
    } else if (rec->type == REC_ORDER) {
        memcpy(&r->order, rec, sizeof r->order);
        r->n_orders++;
    } else if (rec->type == REC_RECONCILE) {
        memcpy(&r->reconcile, rec, sizeof r->reconcile);
        r->n_reconciles++;
    } else if (rec->type == REC_FEE_DRIFT) {
        memcpy(&r->fee_drift, rec, sizeof r->fee_drift);
    } else if (rec->type == REC_MARK) {
        memcpy(&r->mark, rec, sizeof r->mark);
        r->n_marks++;
    } else if (rec->type == REC_APPLIED) {
        r->n_fills++;
    } else if (rec->type == REC_TURN) {
        r->n_turns++;
    }
}

static void on_repair(void *self, uint32_t mkt)
{
    struct rig *r = self;
    (void)mkt;
    r->repairs++;
}

struct engine_config rig_config(void)
{
    struct engine_config c = engine_config_default();
    c.throttle = 0;
    c.orders.markets_max = 4;
    c.orders.orders_max = 64;
    c.orders.trades_max = 256;
    c.orders.session_id = UINT64_C(0x0123456789abcdef);
    c.orders.from_config = true;
    c.orders.cash_start = 100 * USD_ONE;
    c.orders.limits.duplicate = 0;
    return c;
}

void rig_start(struct rig *r, const struct engine_config *config)
{
    *r = (struct rig){.config = *config, .now = NS_PER_SEC};
    struct engine_sinks sinks = {
        .gateway = {r, on_submit},
        .journal = {r, on_journal},
        .self = r,
        .record = on_record,
        .repair = on_repair,
    };
    ensure(engine_create(config, &sinks, &r->engine) == ST_OK);
}

void rig_finish(struct rig *r)
{
    engine_destroy(r->engine);
}

void rig_turn(struct rig *r, mono_ns_t dt, const struct ev *const *evs, uint32_t n)
{
    uint32_t mkts[4];
    float obs[4][OBS_SIZE];
    struct policy_out outs[4] = {{0}};
    r->now += dt;
    r->asked = false;
    engine_turn_begin(r->engine, r->now, RIG_WALL + r->now);
    for (uint32_t i = 0; i < n; i++) {
        engine_step(r->engine, evs[i]);
    }
    engine_timers(r->engine);
    uint32_t k = 0;
    while ((k = engine_pending(r->engine, mkts, obs, 4)) > 0) {
        for (uint32_t i = 0; i < k; i++) {
            outs[i].action = r->action;
        }
        memcpy(r->obs, obs[0], sizeof r->obs);
        r->asked = true;
        engine_act(r->engine, mkts, outs, k);
    }
    (void)engine_turn_end(r->engine);
}

void rig_event(struct rig *r, struct ev *ev, enum ev_type type, enum ev_source source, size_t size)
{
    ev->size = ev_round8(size);
    ev->type = (uint16_t)type;
    ev->source = (uint16_t)source;
    ev->ord = ++r->ord;
    ev->recv_wall = RIG_WALL + r->now;
    ev->recv_mono = r->now;
    if (ev->ts_ms == 0 && source == EV_SRC_MARKET) {
        ev->ts_ms = ev->recv_wall / NS_PER_MS;
    }
    const struct ev *one = ev;
    rig_turn(r, 0, &one, 1);
}

void rig_wait(struct rig *r, mono_ns_t dt)
{
    rig_turn(r, dt, NULL, 0);
}

void rig_book(struct rig *r, px_t yes_bid, px_t no_bid)
{
    union {
        struct ev_snapshot s;
        char room[sizeof(struct ev_snapshot) + 2 * sizeof(struct level)];
    } u;
    memset(&u, 0, sizeof u);
    uint32_t n = 0;
    if (yes_bid != 0) {
        u.s.levels[n++] = (struct level){yes_bid, 100 * QTY_ONE};
        u.s.n_yes = 1;
    }
    if (no_bid != 0) {
        u.s.levels[n++] = (struct level){no_bid, 100 * QTY_ONE};
        u.s.n_no = 1;
    }
    rig_event(r, &u.s.h, EV_SNAPSHOT, EV_SRC_MARKET,
              sizeof(struct ev_snapshot) + n * sizeof(struct level));
}

void rig_open(struct rig *r)
{
    struct ev_market m = {
        .ticker = "M", .grid = grid_cents(), .status = MARKET_ACTIVE, .fee_mult_micros = 1000000};
    rig_event(r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    rig_book(r, 4000, 5500);
}

void rig_delta(struct rig *r, enum side side, px_t px, qty_t qty, int64_t ts_ms)
{
    struct ev_delta d = {.h = {.ts_ms = ts_ms}, .px = px, .qty = qty, .side = side};
    rig_event(r, &d.h, EV_DELTA, EV_SRC_MARKET, sizeof d);
}

void rig_act(struct rig *r, enum action action)
{
    r->action = action;
    rig_delta(r, SIDE_YES, 1000, QTY_ONE, 0);
    r->action = ACT_HOLD;
}

const struct gw_request *rig_request(struct rig *r)
{
    return r->seen < r->n_req ? &r->req[r->seen++] : NULL;
}

struct ev_answer rig_answer_to(const struct gw_request *req, enum gw_outcome outcome)
{
    return (struct ev_answer){.h = {.mkt = MKT_NONE},
                              .req_id = req->req_id,
                              .op = req->op,
                              .outcome = outcome,
                              .signed_wall = RIG_WALL + req->born_mono};
}

void rig_rows(struct rig *r, const struct ev_answer *a, const void *rows, uint32_t n, uint32_t size,
              enum gw_row kind)
{
    size_t bytes = sizeof *a + (size_t)n * size;
    struct ev_answer *e = calloc(1, ev_round8(bytes));
    ensure(e != NULL);
    *e = *a;
    e->row_kind = kind;
    e->row_size = size;
    e->n_rows = n;
    if (n > 0) {
        memcpy(e + 1, rows, (size_t)n * size);
    }
    rig_event(r, &e->h, EV_ANSWER, EV_SRC_ANSWER, bytes);
    free(e);
}

void rig_answer(struct rig *r, const struct ev_answer *a)
{
    struct ev_answer copy = *a;
    rig_event(r, &copy.h, EV_ANSWER, EV_SRC_ANSWER, sizeof copy);
}

void rig_ack(struct rig *r, const struct gw_request *req, const char *order_id, qty_t filled,
             qty_t remaining)
{
    struct ev_answer a = rig_answer_to(req, GW_OK);
    snprintf(a.order_id, sizeof a.order_id, "%s", order_id);
    a.filled = filled;
    a.remaining = remaining;
    rig_answer(r, &a);
}

void rig_fill(struct rig *r, const char *trade_id, const char *order_id, const char *client_id,
              enum side outcome, px_t yes_px, qty_t qty, usd_t fee)
{
    struct ev_fill f = {.yes_px = yes_px,
                        .qty = qty,
                        .fee = fee,
                        .post_position = QTY_UNKNOWN,
                        .outcome = outcome,
                        .is_taker = 1,
                        .ticker = "M"};
    snprintf(f.trade_id, sizeof f.trade_id, "%s", trade_id);
    snprintf(f.order_id, sizeof f.order_id, "%s", order_id);
    snprintf(f.client_id, sizeof f.client_id, "%s", client_id);
    rig_event(r, &f.h, EV_FILL, EV_SRC_PRIVATE, sizeof f);
}

struct ev_user_order rig_order_row(const char *order_id, const char *client_id,
                                   enum xorder_status status, qty_t filled)
{
    struct ev_user_order u = {.status = status, .filled = filled, .ticker = "M"};
    snprintf(u.order_id, sizeof u.order_id, "%s", order_id);
    snprintf(u.client_id, sizeof u.client_id, "%s", client_id);
    return u;
}
