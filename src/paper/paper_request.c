/*
 * paper_request.c - a request at the exchange: orders and cancels. Refusals carry the exchange's
 * codes (kalshi-api.md 8.1).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "paper/paper_int.h"

static void refuse(struct paper *p, struct ev_answer *a, int http_status, const char *code)
{
    a->outcome = http_status == 404 && a->op != GW_CREATE ? GW_NOT_FOUND : GW_REJECTED;
    a->http_status = http_status;
    (void)text_copy(a->error_code, sizeof a->error_code, text_of(code));
    paper_answer_send(p, a);
}

struct refusal {
    int http_status;
    const char *code;
};

static struct refusal refusal_of(enum match_verdict v)
{
    switch (v) {
    case MATCH_BAD_MARKET:
        return (struct refusal){404, "market_not_found"};
    case MATCH_BAD_PRICE:
        return (struct refusal){400, "invalid_price"};
    case MATCH_BAD_SIZE:
        return (struct refusal){400, "invalid_order_size"};
    case MATCH_BAD_EXPIRY:
    case MATCH_BAD_REDUCE_ONLY:
    case MATCH_POST_ONLY_CROSS:
        return (struct refusal){400, "invalid_order"};
    case MATCH_NO_MONEY:
        return (struct refusal){400, "insufficient_balance"};
    case MATCH_FOK_VOLUME:
        return (struct refusal){409, "fill_or_kill_insufficient_resting_volume"};
    case MATCH_CLOSED:
        return (struct refusal){400, "market_inactive"};
    case MATCH_TOO_MANY:
        return (struct refusal){400, "too_many_open_orders"};
    case MATCH_GROUP_UNKNOWN:
        return (struct refusal){404, "order_group_not_found"};
    case MATCH_GROUP_TRIGGERED:
        return (struct refusal){400, "exceeded_order_group_risk_limit"};
    case MATCH_ACCEPTED:
    case MATCH_BAD_ACCOUNT:
    case MATCH_VERDICT_MAX:
        break;
    }
    return (struct refusal){400, "invalid_order"};
}

/* --- numbers of orders --- */

/* A place for the next order; the oldest finished one gives way when all are taken. */
static struct porder *slot_new(struct paper *p)
{
    if (p->n_orders == p->orders_cap && p->orders_cap < p->config.history_max) {
        uint64_t cap = p->orders_cap == 0 ? 1024 : p->orders_cap * 2;
        cap = cap < p->config.history_max ? cap : p->config.history_max;
        struct porder *x = realloc(p->orders, cap * sizeof *x);
        ensure_memory(x);
        memset(x + p->orders_cap, 0, (cap - p->orders_cap) * sizeof *x);
        p->orders = x;
        p->orders_cap = cap;
    }
    for (;;) {
        struct porder *po = &p->orders[p->n_orders % p->config.history_max];
        if (po->number == 0 || po->o.status != MATCH_RESTING) {
            if (po->number != 0) {
                (void)idtab_remove(&p->by_client, po->client_id);
            }
            *po = (struct porder){.number = ++p->n_orders};
            return po;
        }
        p->n_orders++; /* it rests still and stays: this number is given to nobody */
    }
}

static void slot_drop(struct paper *p, struct porder *po)
{
    *po = (struct porder){0};
    p->n_orders--;
}

/* --- create --- */

static bool fields_ok(const struct gw_request *r)
{
    return r->tif <= GW_FOK && r->outcome <= SIDE_NO && r->yes_px > 0 && r->yes_px < PX_ONE &&
           r->client_id[0] != '\0' && r->expiration_s >= 0 &&
           r->expiration_s < INT64_MAX / NS_PER_SEC;
}

static struct match_request match_request_of(const struct paper *p, const struct gw_request *r,
                                             uint32_t market, uint64_t tag)
{
    static const enum match_tif tifs[] = {
        [GW_GTC] = MATCH_GTC, [GW_IOC] = MATCH_IOC, [GW_FOK] = MATCH_FOK};
    return (struct match_request){
        .account = p->account,
        .market = market,
        .side = (enum side)r->outcome,
        .px = r->outcome == SIDE_YES ? r->yes_px : PX_ONE - r->yes_px,
        .qty = r->qty,
        .tif = tifs[r->tif],
        .stp = MATCH_STP_TAKER,
        .post_only = r->post_only != 0,
        .reduce_only = r->reduce_only != 0,
        .expires = r->expiration_s * NS_PER_SEC,
        .tag = tag,
    };
}

/* --- order groups --- */

static void group_text(const struct paper *p, uint32_t number, char ret[ORDER_ID_MAX])
{
    snprintf(ret, ORDER_ID_MAX, "paper-%016" PRIx64 "-g%" PRIu32, p->config.session_id, number);
}

/* The engine's group of an id, 0: none. */
static uint64_t group_of(const struct paper *p, const char *id)
{
    for (uint32_t i = 0; i < p->n_groups; i++) {
        char text[ORDER_ID_MAX];
        group_text(p, i + 1, text);
        if (strcmp(id, text) == 0) {
            return p->groups[i];
        }
    }
    return 0;
}

static void group_create(struct paper *p, const struct request *r)
{
    struct ev_answer *a = paper_answer_new(p, r, 0);
    if (p->n_groups == GROUPS_MAX ||
        match_group_create(p->match, p->account, r->req.qty, &p->groups[p->n_groups]) != ST_OK) {
        refuse(p, a, 400, "invalid_parameters");
        return;
    }
    group_text(p, ++p->n_groups, a->order_id);
    a->outcome = GW_OK;
    a->http_status = 201;
    paper_answer_send(p, a);
}

static void group_reset(struct paper *p, const struct request *r)
{
    struct ev_answer *a = paper_answer_new(p, r, 0);
    uint64_t group = group_of(p, r->req.order_id);
    if (group == 0 || match_group_reset(p->match, group, p->wall) != ST_OK) {
        refuse(p, a, 404, "not_found");
        return;
    }
    paper_tell(p);
    a->outcome = GW_OK;
    a->http_status = 200;
    paper_answer_send(p, a);
}

/* Of the YES leg, per contract, rounded to 1e-4 USD. */
static px_t average_of(const struct match_order *o)
{
    usd_t cost = o->taker_cost + o->maker_cost;
    usd_t yes = o->side == SIDE_YES ? cost : usd_of(PX_ONE, o->filled) - cost;
    return (yes + o->filled / 2) / o->filled;
}

static void create(struct paper *p, const struct request *r)
{
    const struct gw_request *q = &r->req;
    struct ev_answer *a = paper_answer_new(p, r, 0);
    uint32_t mkt = paper_find(p, q->ticker);
    uint64_t group = group_of(p, q->group_id);
    if (!fields_ok(q)) {
        refuse(p, a, 400, "invalid_order");
        return;
    }
    if (group == 0 && q->group_id[0] != '\0') {
        refuse(p, a, 404, "order_group_not_found");
        return;
    }
    if (mkt == NO_MARKET || p->markets[mkt].index == NO_MARKET) {
        refuse(p, a, 404, "market_not_found");
        return;
    }
    if (idtab_get(&p->by_client, q->client_id) != IDTAB_NONE) {
        refuse(p, a, 409, "order_already_exists");
        return;
    }
    if (p->markets[mkt].stale && !match_halted(p->match, p->markets[mkt].index)) {
        p->stats.refused_stale++;
        refuse(p, a, 400, "paper_book_stale");
        return;
    }
    struct porder *po = slot_new(p);
    struct match_request mr = match_request_of(p, q, p->markets[mkt].index, po->number);
    mr.group = group;
    uint64_t id = 0;
    memcpy(po->client_id, q->client_id, sizeof po->client_id);
    enum match_verdict v = match_place(p->match, &mr, p->wall, &id);
    if (v != MATCH_ACCEPTED) {
        slot_drop(p, po);
        struct refusal why = refusal_of(v);
        refuse(p, a, why.http_status, why.code);
        return;
    }
    ensure(idtab_put(&p->by_client, po->client_id, 1) == ST_OK);
    p->stats.orders++;
    paper_tell(p);
    a->outcome = GW_OK;
    a->http_status = 201;
    paper_order_id(p, po->number, a->order_id);
    a->filled = po->o.filled;
    a->remaining = po->o.remaining;
    a->average_px = po->o.filled > 0 ? average_of(&po->o) : 0;
    a->engine_ms = p->wall / NS_PER_MS;
    paper_answer_send(p, a);
}

/* --- cancel --- */

static struct porder *named(const struct paper *p, const char *order_id)
{
    char again[ORDER_ID_MAX];
    const char *dash = strrchr(order_id, '-');
    uint64_t number = dash != NULL ? strtoull(dash + 1, NULL, 10) : 0;
    struct porder *po = paper_order(p, number);
    if (po == NULL) {
        return NULL;
    }
    paper_order_id(p, number, again);
    return strcmp(again, order_id) == 0 ? po : NULL;
}

static void cancel(struct paper *p, const struct request *r)
{
    struct ev_answer *a = paper_answer_new(p, r, 0);
    struct porder *po = named(p, r->req.order_id);
    qty_t reduced = 0;
    if (po == NULL || match_order_get(p->match, po->o.id) == NULL) {
        refuse(p, a, 404, "not_found");
        return;
    }
    if (match_halted(p->match, po->o.market)) {
        refuse(p, a, 400, "market_inactive");
        return;
    }
    if (match_cancel(p->match, po->o.id, MATCH_BECAUSE_USER, p->wall, &reduced) != ST_OK) {
        refuse(p, a, 404, "not_found");
        return;
    }
    p->stats.cancels++;
    paper_tell(p);
    a->outcome = GW_OK;
    a->http_status = 200;
    memcpy(a->client_id, po->client_id, sizeof a->client_id);
    a->remaining = reduced;
    a->engine_ms = p->wall / NS_PER_MS;
    paper_answer_send(p, a);
}

static void amend(struct paper *p, const struct request *r)
{
    const struct gw_request *q = &r->req;
    struct ev_answer *a = paper_answer_new(p, r, 0);
    struct porder *po = named(p, q->order_id);
    if (po == NULL || match_order_get(p->match, po->o.id) == NULL) {
        refuse(p, a, 404, "not_found");
        return;
    }
    if (po->o.side != (enum side)q->outcome) {
        refuse(p, a, 400, "order_side_mismatch");
        return;
    }
    if (p->markets[p->mkt_of[po->o.market]].stale && !match_halted(p->match, po->o.market)) {
        p->stats.refused_stale++;
        refuse(p, a, 400, "paper_book_stale"); /* at its new price it may take */
        return;
    }
    struct match_amendment change = {.px = po->o.side == SIDE_YES ? q->yes_px : PX_ONE - q->yes_px,
                                     .total = q->qty};
    enum match_verdict v = MATCH_ACCEPTED;
    enum status st = match_amend_order(p->match, po->o.id, &change, p->wall, &v);
    if (st != ST_OK) {
        struct refusal why = refusal_of(v);
        refuse(p, a, st == ST_NOT_FOUND ? 404 : why.http_status,
               st == ST_NOT_FOUND ? "not_found" : why.code);
        return;
    }
    paper_tell(p);
    a->outcome = GW_OK;
    a->http_status = 200;
    memcpy(a->client_id, po->client_id, sizeof a->client_id);
    a->filled = po->o.filled;
    a->remaining = po->o.remaining;
    a->engine_ms = p->wall / NS_PER_MS;
    paper_answer_send(p, a);
}

static void get_order(struct paper *p, const struct request *r)
{
    struct porder *po = named(p, r->req.order_id);
    struct ev_answer *a = paper_answer_new(p, r, sizeof(struct ev_user_order));
    if (po == NULL) {
        a->h.size = (uint32_t)sizeof *a;
        refuse(p, a, 404, "not_found");
        return;
    }
    struct ev_user_order row;
    paper_order_row(p, po, &row);
    memcpy(a + 1, &row, sizeof row);
    a->outcome = GW_OK;
    a->http_status = 200;
    a->filled = row.filled;
    a->remaining = row.remaining;
    memcpy(a->client_id, row.client_id, sizeof a->client_id);
    a->row_kind = GW_ROW_ORDER;
    a->row_size = sizeof row;
    a->n_rows = 1;
    paper_answer_send(p, a);
}

void paper_execute(struct paper *p, const struct request *r)
{
    switch ((enum gw_op)r->req.op) {
    case GW_CREATE:
        create(p, r);
        return;
    case GW_CANCEL:
        cancel(p, r);
        return;
    case GW_AMEND:
        amend(p, r);
        return;
    case GW_GROUP_CREATE:
        group_create(p, r);
        return;
    case GW_GROUP_RESET:
        group_reset(p, r);
        return;
    case GW_GET_ORDER:
        get_order(p, r);
        return;
    case GW_LIST_ORDERS:
    case GW_LIST_FILLS:
    case GW_LIST_POSITIONS:
    case GW_GET_BALANCE:
    case GW_GET_BOOK:
    case GW_LIST_MARKETS:
    case GW_GET_LIMITS:
    case GW_AS_OF:
    case GW_OP_MAX:
        break;
    }
    paper_read(p, r);
}
