/*
 * paper_tell.c - what the engine's last call did to the account, as the private session tells it:
 * fills, then orders, then positions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "paper/paper_int.h"

enum { SID_FILL = 1, SID_ORDERS, SID_POSITIONS };

void paper_order_id(const struct paper *p, uint64_t number, char ret[ORDER_ID_MAX])
{
    snprintf(ret, ORDER_ID_MAX, "paper-%016" PRIx64 "-%" PRIu64, p->config.session_id, number);
}

struct porder *paper_order(const struct paper *p, uint64_t number)
{
    if (number == 0 || number > p->n_orders) {
        return NULL;
    }
    struct porder *po = &p->orders[(number - 1) % p->config.history_max];
    return po->number == number ? po : NULL;
}

static void stamp(const struct paper *p, struct ev *h, enum ev_type type, size_t size, uint32_t mkt,
                  uint64_t sid)
{
    *h = (struct ev){.size = ev_round8(size),
                     .type = (uint16_t)type,
                     .source = EV_SRC_PRIVATE,
                     .mkt = mkt,
                     .conn = 1,
                     .sid = sid,
                     .ts_ms = p->wall / NS_PER_MS};
}

/* The private session is one stream: what was told later does not come earlier. */
static void post(struct paper *p, void *event)
{
    mono_ns_t way = p->config.private_latency - p->config.market_latency;
    mono_ns_t due = p->now + (way > 0 ? way : 0) + paper_jitter(p);
    p->private_due = due > p->private_due ? due : p->private_due;
    paper_post(p, MAIL_PRIVATE, event, p->private_due);
}

static uint32_t mkt_of(const struct paper *p, uint32_t market)
{
    return p->mkt_of[market];
}

static const char *ticker_of(const struct paper *p, uint32_t market)
{
    return p->markets[mkt_of(p, market)].info.ticker;
}

static void keep_fill(struct paper *p, const struct ev_fill *e)
{
    if (p->n_fills == p->fills_cap && p->fills_cap < p->config.history_max) {
        uint64_t cap = p->fills_cap == 0 ? 1024 : p->fills_cap * 2;
        cap = cap < p->config.history_max ? cap : p->config.history_max;
        struct ev_fill *x = realloc(p->fills, cap * sizeof *x);
        ensure_memory(x);
        p->fills = x;
        p->fills_cap = cap;
    }
    p->fills[p->n_fills++ % p->config.history_max] = *e;
}

static void tell_fill(struct paper *p, const struct match_fill *f)
{
    struct ev_fill *e = paper_alloc(sizeof *e);
    stamp(p, &e->h, EV_FILL, sizeof *e, mkt_of(p, f->market), SID_FILL);
    e->yes_px = f->yes_px;
    e->qty = f->qty;
    e->fee = f->fee;
    e->post_position = f->position;
    e->outcome = f->side;
    e->is_taker = f->is_taker;
    memcpy(e->ticker, ticker_of(p, f->market), sizeof e->ticker);
    snprintf(e->trade_id, sizeof e->trade_id, "paper-%016" PRIx64 "-t%" PRIu64,
             p->config.session_id, f->trade_id);
    paper_order_id(p, f->tag, e->order_id);
    const struct porder *po = paper_order(p, f->tag);
    ensure(po != NULL);
    struct ev_fill row = *e; /* as GET fills gives it: no client id, no position */
    row.h = (struct ev){.ts_ms = e->h.ts_ms};
    row.post_position = QTY_UNKNOWN;
    keep_fill(p, &row);
    memcpy(e->client_id, po->client_id, sizeof e->client_id);
    p->stats.fills++;
    p->stats.fills_maker += !f->is_taker;
    post(p, e);
}

void paper_order_row(const struct paper *p, const struct porder *po, struct ev_user_order *ret)
{
    static const uint32_t status[] = {[MATCH_RESTING] = XORDER_RESTING,
                                      [MATCH_EXECUTED] = XORDER_EXECUTED,
                                      [MATCH_CANCELED] = XORDER_CANCELED};
    const struct match_order *o = &po->o;
    memset(ret, 0, sizeof *ret);
    ret->yes_px = o->side == SIDE_YES ? o->px : PX_ONE - o->px;
    ret->initial = o->initial;
    ret->filled = o->filled;
    ret->remaining = o->remaining;
    ret->taker_cost = o->taker_cost;
    ret->maker_cost = o->maker_cost;
    ret->taker_fees = o->taker_fees;
    ret->maker_fees = o->maker_fees;
    ret->created_ms = o->created / NS_PER_MS;
    ret->updated_ms = o->updated / NS_PER_MS;
    ret->status = status[o->status];
    ret->outcome = o->side;
    memcpy(ret->ticker, ticker_of(p, o->market), sizeof ret->ticker);
    paper_order_id(p, po->number, ret->order_id);
    memcpy(ret->client_id, po->client_id, sizeof ret->client_id);
}

static void tell_order(struct paper *p, const struct match_order *o)
{
    struct porder *po = paper_order(p, o->tag);
    ensure(po != NULL);
    po->o = *o;
    struct ev_user_order *e = paper_alloc(sizeof *e);
    paper_order_row(p, po, e);
    stamp(p, &e->h, EV_USER_ORDER, sizeof *e, mkt_of(p, o->market), SID_ORDERS);
    (void)text_copy(e->reason, sizeof e->reason, text_of(match_reason_text(o->reason)));
    post(p, e);
}

void paper_position_row(const struct paper *p, const struct match_position *pos,
                        struct ev_position *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->position = pos->qty;
    ret->cost = pos->cost;
    ret->realized = pos->realized;
    ret->fees = pos->fees;
    memcpy(ret->ticker, ticker_of(p, pos->market), sizeof ret->ticker);
}

void paper_tell_position(struct paper *p, uint32_t market)
{
    struct match_position pos = match_position(p->match, p->account, market);
    struct ev_position *e = paper_alloc(sizeof *e);
    pos.market = market;
    paper_position_row(p, &pos, e);
    stamp(p, &e->h, EV_POSITION, sizeof *e, mkt_of(p, market), SID_POSITIONS);
    post(p, e);
}

void paper_tell(struct paper *p)
{
    struct match_result r = match_result(p->match);
    for (uint32_t i = 0; i < r.n_fills; i++) {
        tell_fill(p, &r.fills[i]);
    }
    for (uint32_t i = 0; i < r.n_updates; i++) {
        tell_order(p, &r.updates[i]);
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        bool last = true; /* one message a market and call: with all of its fills */
        for (uint32_t k = i + 1; k < r.n_fills; k++) {
            last = last && r.fills[k].market != r.fills[i].market;
        }
        if (last) {
            paper_tell_position(p, r.fills[i].market);
        }
    }
}
