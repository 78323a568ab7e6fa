#include "paper_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL0 (INT64_C(1780000000) * NS_PER_SEC)

static void keep(void *self, const struct ev *ev)
{
    struct rig *r = self;
    assert_true(r->n < 4096);
    assert_true(ev->size >= sizeof *ev && ev->size % 8 == 0);
    struct ev *copy = malloc(ev->size);
    assert_non_null(copy);
    memcpy(copy, ev, ev->size);
    r->said[r->n++] = copy;
}

static void repair(void *self, uint32_t mkt)
{
    struct rig *r = self;
    (void)mkt;
    r->repairs++;
}

struct paper_config rig_config(void)
{
    struct paper_config c = paper_config_default();
    c.balance = 100 * USD_ONE;
    c.order_latency = c.answer_latency = c.private_latency = c.market_latency = c.jitter = 0;
    c.write_tokens = 0;
    c.markets_max = 8;
    c.orders_max = 50;
    c.history_max = 200;
    c.session_id = 0xabc;
    return c;
}

void rig_make(struct rig *r, const struct paper_config *config)
{
    memset(r, 0, sizeof *r);
    r->now = NS_PER_SEC;
    struct paper_out out = {r, keep, keep, repair};
    assert_int_equal(paper_create(config, &out, &r->p), ST_OK);
    rig_wait(r, 0);
    rig_market(r, 0, TICKER, MARKET_ACTIVE, FEE_QUADRATIC);
}

void rig_end(struct rig *r)
{
    const char *why = NULL;
    assert_true(match_check(paper_match(r->p), &why));
    struct match_money m = match_money(paper_match(r->p));
    assert_int_equal(m.cash + m.anon_cash + m.collateral + m.fees + m.cut, 100 * USD_ONE);
    for (uint32_t i = 0; i < r->n; i++) {
        free(r->said[i]);
    }
    paper_destroy(r->p);
}

void rig_wait(struct rig *r, mono_ns_t dt)
{
    r->now += dt;
    paper_tick(r->p, r->now, WALL0 + r->now);
}

static struct ev head(const struct rig *r, enum ev_type type, size_t size, uint32_t mkt)
{
    return (struct ev){.size = ev_round8(size),
                       .type = (uint16_t)type,
                       .source = EV_SRC_MARKET,
                       .mkt = mkt,
                       .ts_ms = (WALL0 + r->now) / MS,
                       .recv_mono = r->now,
                       .recv_wall = WALL0 + r->now};
}

void rig_market(struct rig *r, uint32_t mkt, const char *ticker, enum market_status status,
                enum fee_type fee_type)
{
    struct ev_market m = {.h = head(r, EV_MARKET, sizeof m, mkt),
                          .grid = grid_cents(),
                          .status = (int32_t)status,
                          .fee_type = (int32_t)fee_type};
    snprintf(m.ticker, sizeof m.ticker, "%s", ticker);
    paper_market(r->p, &m.h);
}

static uint32_t levels(const char *text, struct level *out)
{
    uint32_t n = 0;
    for (const char *s = text; s != NULL && *s != '\0'; s = strchr(s, ',')) {
        s += *s == ',';
        long long px = 0;
        long long qty = 0;
        assert_int_equal(sscanf(s, "%lld:%lld", &px, &qty), 2);
        out[n++] = (struct level){px * PX_CENT, qty * QTY_ONE};
    }
    return n;
}

void rig_snapshot(struct rig *r, uint32_t mkt, const char *yes, const char *no)
{
    struct level lv[64];
    uint32_t n_yes = levels(yes, lv);
    uint32_t n_no = levels(no, lv + n_yes);
    size_t size = sizeof(struct ev_snapshot) + (n_yes + n_no) * sizeof *lv;
    struct ev_snapshot *s = calloc(1, size);
    assert_non_null(s);
    memcpy(s->levels, lv, (n_yes + n_no) * sizeof *lv);
    s->h = head(r, EV_SNAPSHOT, size, mkt);
    s->n_yes = n_yes;
    s->n_no = n_no;
    paper_market(r->p, &s->h);
    free(s);
    rig_wait(r, 0);
}

void rig_delta(struct rig *r, uint32_t mkt, enum side side, px_t cents, qty_t contracts)
{
    struct ev_delta d = {.h = head(r, EV_DELTA, sizeof d, mkt),
                         .px = cents * PX_CENT,
                         .qty = contracts * QTY_ONE,
                         .side = side};
    paper_market(r->p, &d.h);
    rig_wait(r, 0);
}

void rig_trade(struct rig *r, uint32_t mkt, enum side taker, px_t yes_cents, qty_t contracts)
{
    struct ev_trade t = {.h = head(r, EV_TRADE, sizeof t, mkt),
                         .yes_px = yes_cents * PX_CENT,
                         .qty = contracts * QTY_ONE,
                         .taker = taker};
    paper_market(r->p, &t.h);
    rig_wait(r, 0);
}

void rig_stale(struct rig *r, uint32_t mkt)
{
    struct ev_mark m = {.h = head(r, EV_STALE, sizeof m, mkt)};
    paper_market(r->p, &m.h);
}

struct gw_request rig_create(struct rig *r, enum side outcome, px_t yes_cents, qty_t contracts)
{
    struct gw_request q = {.op = GW_CREATE,
                           .ticker = TICKER,
                           .outcome = outcome,
                           .tif = GW_GTC,
                           .yes_px = yes_cents * PX_CENT,
                           .qty = contracts * QTY_ONE};
    snprintf(q.client_id, sizeof q.client_id, "client-%u", ++r->orders);
    return q;
}

uint64_t rig_ask(struct rig *r, struct gw_request req)
{
    if (req.size == 0) {
        req.size = sizeof req;
    }
    req.req_id = ++r->req_id;
    assert_int_equal(paper_request(r->p, &req, r->now, WALL0 + r->now), ST_OK);
    rig_wait(r, 0);
    return req.req_id;
}

uint64_t rig_op(struct rig *r, enum gw_op op)
{
    return rig_ask(r, (struct gw_request){.op = (uint16_t)op});
}

uint64_t rig_cancel(struct rig *r, const char *order_id)
{
    struct gw_request q = {.op = GW_CANCEL, .ticker = TICKER};
    snprintf(q.order_id, sizeof q.order_id, "%s", order_id);
    return rig_ask(r, q);
}

const struct ev_answer *rig_answer(const struct rig *r, uint64_t req_id)
{
    const struct ev_answer *found = NULL;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct ev_answer *a = (const struct ev_answer *)r->said[i];
        if (a->h.type == EV_ANSWER && a->req_id == req_id && (a->flags & GW_ANSWER_MORE) == 0) {
            assert_null(found); /* one last answer */
            found = a;
        }
    }
    return found;
}

const struct ev *rig_event(const struct rig *r, enum ev_type type, uint32_t nth)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->said[i]->type == type && nth-- == 0) {
            return r->said[i];
        }
    }
    return NULL;
}

uint32_t rig_count(const struct rig *r, enum ev_type type)
{
    uint32_t n = 0;
    while (rig_event(r, type, n) != NULL) {
        n++;
    }
    return n;
}

const struct ev_fill *rig_fill(const struct rig *r, uint32_t nth)
{
    const struct ev *e = rig_event(r, EV_FILL, nth);
    assert_non_null(e);
    return (const struct ev_fill *)e;
}
