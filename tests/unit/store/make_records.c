/* make_records.c - see make_records.h. */
#include "make_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const uint16_t event_types[] = {
    EV_MARKET,     EV_SNAPSHOT, EV_DELTA,  EV_TRADE,   EV_STALE, EV_LINK, EV_FILL,
    EV_USER_ORDER, EV_POSITION, EV_ANSWER, EV_COMMAND, EV_CLOCK, 0};
const uint16_t record_types[] = {
    REC_TURN,     REC_DECISION, REC_ORDER,   REC_APPLIED, REC_RECONCILE,
    REC_POSITION, REC_RAW,      REC_GAP,     REC_CONN,    REC_FEE_DRIFT,
    REC_SETTLED,  REC_RESTORED, REC_REFUSED, REC_MARK,    0};

static int64_t any64(struct rng *r)
{
    uint64_t v = rng_next(r);
    switch (rng_below(r, 4)) {
    case 0:
        return (int64_t)v;
    case 1:
        return (int64_t)(v % 10000);
    case 2:
        return rng_below(r, 2) == 0 ? INT64_MIN : INT64_MAX;
    default:
        return -(int64_t)(v % 1000);
    }
}

static void text(struct rng *r, char *p, size_t cap)
{
    static const char chars[] = "ABCxyz019-_ '\";%\xc3\xa9";
    size_t n = (size_t)rng_below(r, cap);
    for (size_t i = 0; i < n; i++) {
        p[i] = chars[rng_below(r, 14)];
    }
}

static void fill_i64(struct rng *r, void *first, void *behind)
{
    for (int64_t *p = first; (void *)p < behind; p++) {
        *p = any64(r);
    }
}

/* Any bits, four bytes at a time. */
static void fill_u32(struct rng *r, void *first, void *behind)
{
    for (uint32_t *p = first; (void *)p < behind; p++) {
        *p = (uint32_t)rng_next(r);
    }
}

static uint32_t levels(struct rng *r, struct level *l, uint32_t n)
{
    px_t px = 0;
    for (uint32_t i = 0; i < n; i++) {
        px += (px_t)rng_below(r, 200);
        l[i].px = rng_below(r, 50) == 0 ? any64(r) : px;
        l[i].qty = rng_below(r, 50) == 0 ? any64(r) : (qty_t)rng_below(r, 1000000);
    }
    return (uint32_t)(n * sizeof *l);
}

static uint32_t make_market(struct rng *r, struct ev_market *m)
{
    static const char *const names[] = {"linear_cent", "deci_cent", "tapered_deci_cent"};
    text(r, m->ticker, sizeof m->ticker);
    if (grid_named(&m->grid, names[rng_below(r, 3)]) != ST_OK) {
        m->grid = grid_cents();
    }
    fill_u32(r, &m->status, &m->close_time);
    m->close_time = any64(r);
    m->result = (int32_t)rng_below(r, 4);
    m->settle_px = any64(r);
    m->waived = any64(r);
    fill_u32(r, &m->series_fee_type, m + 1);
    return sizeof *m;
}

static uint32_t make_answer(struct rng *r, struct ev_answer *a)
{
    static const uint32_t sizes[] = {0,
                                     sizeof(struct ev_user_order),
                                     sizeof(struct ev_fill),
                                     sizeof(struct ev_position),
                                     sizeof(struct level),
                                     3};
    fill_u32(r, &a->req_id, a->order_id);
    text(r, a->order_id, sizeof a->order_id);
    text(r, a->client_id, sizeof a->client_id);
    text(r, a->error_code, sizeof a->error_code);
    fill_i64(r, &a->filled, &a->row_kind);
    a->row_kind = (uint32_t)rng_below(r, 6);
    a->row_size = sizes[rng_below(r, 6)];
    a->n_rows = (uint32_t)rng_below(r, 40);
    a->n_yes = (uint32_t)rng_below(r, 40);
    uint32_t tail = a->n_rows * a->row_size;
    uint8_t *p = (uint8_t *)(a + 1);
    for (uint32_t i = 0; i < tail; i++) {
        p[i] = (uint8_t)rng_next(r);
    }
    return (uint32_t)sizeof *a + tail;
}

static uint32_t make_body(struct rng *r, uint16_t type, void *buf)
{
    switch ((enum ev_type)type) {
    case EV_MARKET:
        return make_market(r, buf);
    case EV_SNAPSHOT: {
        struct ev_snapshot *s = buf;
        s->n_yes = (uint32_t)rng_below(r, 100);
        s->n_no = (uint32_t)rng_below(r, 100);
        return (uint32_t)sizeof *s + levels(r, s->levels, s->n_yes + s->n_no);
    }
    case EV_DELTA: {
        struct ev_delta *d = buf;
        fill_i64(r, &d->px, d + 1);
        return sizeof *d;
    }
    case EV_TRADE: {
        struct ev_trade *t = buf;
        fill_i64(r, &t->yes_px, t->trade_id);
        text(r, t->trade_id, sizeof t->trade_id);
        return sizeof *t;
    }
    case EV_STALE:
    case EV_CLOCK:
    case EV_LINK: {
        struct ev_mark *m = buf;
        m->code = any64(r);
        text(r, m->reason, sizeof m->reason);
        return sizeof *m;
    }
    case EV_FILL: {
        struct ev_fill *f = buf;
        fill_u32(r, &f->yes_px, f->ticker);
        text(r, f->ticker, sizeof f->ticker);
        text(r, f->trade_id, sizeof f->trade_id);
        text(r, f->order_id, sizeof f->order_id);
        text(r, f->client_id, sizeof f->client_id);
        return sizeof *f;
    }
    case EV_USER_ORDER: {
        struct ev_user_order *o = buf;
        fill_u32(r, &o->yes_px, o->ticker);
        text(r, o->ticker, sizeof o->ticker);
        text(r, o->order_id, sizeof o->order_id);
        text(r, o->client_id, sizeof o->client_id);
        text(r, o->reason, sizeof o->reason);
        return sizeof *o;
    }
    case EV_POSITION: {
        struct ev_position *p = buf;
        fill_i64(r, &p->position, p->ticker);
        text(r, p->ticker, sizeof p->ticker);
        return sizeof *p;
    }
    case EV_ANSWER:
        return make_answer(r, buf);
    case EV_COMMAND: {
        struct ev_command *c = buf;
        fill_u32(r, &c->command, c->reason);
        text(r, c->reason, sizeof c->reason);
        return sizeof *c;
    }
    case EV_NONE:
    case EV_TYPE_MAX:
        break;
    }
    fail_msg("no event type %u", type);
    return 0;
}

static uint32_t make_rec_body(struct rng *r, uint16_t type, uint64_t number, void *buf)
{
    switch ((enum rec_type)type) {
    case REC_TURN: {
        struct rec_turn *t = buf;
        t->turn = number;
        t->mono = any64(r);
        fill_u32(r, t->taken, t + 1);
        return sizeof *t;
    }
    case REC_DECISION: {
        struct rec_decision *d = buf;
        fill_u32(r, &d->turn, &d->pad);
        d->number = number;
        d->order_number = rng_next(r);
        d->obs_hash = rng_next(r);
        text(r, d->check, sizeof d->check);
        fill_u32(r, d->logits, d->obs + OBS_SIZE); /* any bits, NaNs too */
        return sizeof *d;
    }
    case REC_ORDER: {
        struct rec_order *o = buf;
        fill_u32(r, &o->number, &o->pad);
        fill_i64(r, &o->yes_px, o->ticker);
        text(r, o->ticker, sizeof o->ticker);
        text(r, o->client_id, sizeof o->client_id);
        text(r, o->order_id, sizeof o->order_id);
        text(r, o->reason, sizeof o->reason);
        text(r, o->from_name, sizeof o->from_name);
        text(r, o->to_name, sizeof o->to_name);
        text(r, o->event_name, sizeof o->event_name);
        return sizeof *o;
    }
    case REC_APPLIED: {
        struct rec_applied_fill *f = buf;
        fill_u32(r, &f->order_number, &f->pad);
        text(r, f->ticker, sizeof f->ticker);
        text(r, f->trade_id, sizeof f->trade_id);
        text(r, f->order_id, sizeof f->order_id);
        return sizeof *f;
    }
    case REC_RECONCILE: {
        struct rec_reconcile *c = buf;
        fill_u32(r, &c->ours, &c->pad);
        text(r, c->ticker, sizeof c->ticker);
        text(r, c->reason, sizeof c->reason);
        return sizeof *c;
    }
    case REC_FEE_DRIFT: {
        struct rec_fee_drift *d = buf;
        fill_u32(r, &d->order_number, d->ticker);
        text(r, d->ticker, sizeof d->ticker);
        text(r, d->trade_id, sizeof d->trade_id);
        text(r, d->order_id, sizeof d->order_id);
        return sizeof *d;
    }
    case REC_SETTLED: {
        struct rec_settled *e = buf;
        fill_i64(r, &e->position, e->ticker);
        text(r, e->ticker, sizeof e->ticker);
        return sizeof *e;
    }
    case REC_RESTORED: {
        struct rec_restored *e = buf;
        fill_u32(r, &e->number, &e->pad);
        fill_i64(r, &e->yes_px, e->ticker);
        text(r, e->ticker, sizeof e->ticker);
        text(r, e->client_id, sizeof e->client_id);
        text(r, e->order_id, sizeof e->order_id);
        text(r, e->reason, sizeof e->reason);
        return sizeof *e;
    }
    case REC_REFUSED: {
        struct rec_refused *e = buf;
        fill_u32(r, &e->call, &e->pad);
        text(r, e->status, sizeof e->status);
        return sizeof *e;
    }
    case REC_MARK: {
        struct rec_mark *m = buf;
        fill_i64(r, &m->cash_total, &m->pv_known);
        m->pv_known = (uint32_t)rng_below(r, 2);
        m->positions = (uint32_t)rng_next(r);
        m->open_orders = (uint32_t)rng_next(r);
        return sizeof *m;
    }
    case REC_POSITION: {
        struct rec_account *a = buf;
        fill_i64(r, &a->position, a->ticker);
        text(r, a->ticker, sizeof a->ticker);
        return sizeof *a;
    }
    case REC_RAW:
    case REC_CONN: {
        struct rec_raw *w = buf;
        w->len = (uint32_t)rng_below(r, 300);
        w->kind = (uint32_t)rng_below(r, 3);
        w->ord = rng_next(r);
        for (uint32_t i = 0; i < w->len; i++) {
            w->bytes[i] = (char)rng_next(r);
        }
        return (uint32_t)offsetof(struct rec_raw, bytes) + w->len;
    }
    case REC_GAP: {
        struct rec_gap *g = buf;
        fill_u32(r, &g->lost, g->reason);
        text(r, g->reason, sizeof g->reason);
        return sizeof *g;
    }
    case REC_BASE:
    case REC_TYPE_MAX:
        break;
    }
    fail_msg("no record type %u", type);
    return 0;
}

uint32_t make_record(struct rng *rng, uint16_t type, uint16_t source, uint64_t ord, void *buf)
{
    memset(buf, 0, RECORD_ROOM);
    struct rec *rec = buf;
    struct ev *ev = buf;
    uint32_t size;
    if (type < REC_BASE) {
        size = make_body(rng, type, buf);
        fill_u32(rng, &ev->mkt, ev + 1);
        ev->ord = ord;
        ev->source = source;
    } else {
        size = make_rec_body(rng, type, ord, buf);
        rec->source = (uint16_t)rng_below(rng, 5);
        rec->mkt = (uint32_t)rng_next(rng);
        rec->wall = any64(rng);
    }
    rec->type = type;
    rec->size = ev_round8(size);
    return rec->size;
}

struct ev_delta make_delta(uint64_t ord)
{
    struct ev_delta d;
    memset(&d, 0, sizeof d);
    d.h.size = sizeof d;
    d.h.type = EV_DELTA;
    d.h.source = EV_SRC_MARKET;
    d.h.ord = ord;
    d.px = 4700;
    d.qty = -1234;
    return d;
}

void make_folder(char path[64])
{
    snprintf(path, 64, "/tmp/deltaflow-store-XXXXXX");
    assert_non_null(mkdtemp(path));
}

void remove_folder(const char *path)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -r '%s'", path);
    assert_int_equal(system(cmd), 0);
}
