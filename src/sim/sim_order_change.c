/*
 * sim_order_change.c - canceling, decreasing and amending orders (sheet 8.2 to 8.5).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

/* --- finding the order that is to change --- */

struct sorder *sim_order_of(const struct call *c, struct text id, struct refusal *ret_why)
{
    if (!is_uuid(id)) {
        *ret_why = (struct refusal){400, "invalid_UUID", NULL};
        return NULL;
    }
    uint32_t i = idmap_get(&c->sim->by_order_id, id);
    if (i == IDMAP_NONE || !sim_owns(c->sim, c->user, c->sim->orders[i].o.account)) {
        *ret_why = (struct refusal){404, "not_found", NULL};
        return NULL;
    }
    *ret_why = NO_REFUSAL;
    return &c->sim->orders[i];
}

static struct refusal find_target(const struct call *c, const struct target *t, struct sorder **ret)
{
    const struct sim *sim = c->sim;
    static const struct refusal not_found = {404, "not_found", NULL};
    int64_t sub = t->subaccount;
    uint32_t shard = 0;
    struct refusal why = pick_subaccount(sim, t->has_subaccount, &sub);
    if (why.status == 0) {
        why = pick_shard(sim, t->has_shard, t->shard, t->ticker, &shard);
    }
    struct sorder *o = why.status == 0 ? sim_order_of(c, t->id, &why) : NULL;
    if (why.status != 0) {
        return why;
    }
    /* Not where the call looked: the same bytes as for an order that never was. */
    if (sim->subaccount_of[o->o.account] != sub ||
        sim->markets[o->o.market].exchange_index != shard ||
        match_order_get(sim->match, o->o.id) == NULL) {
        return not_found;
    }
    if (match_halted(sim->match, o->o.market)) {
        return refusal_of(MATCH_CLOSED);
    }
    *ret = o;
    return NO_REFUSAL;
}

/* The target of a path, with routing from the query. False: the answer is written. */
static bool target_of_query(const struct call *c, char ticker[TICKER_MAX], struct target *t)
{
    char text[32];
    *t = (struct target){.id = c->id, .ticker = ticker};
    query_get(c->req->query, "market_ticker", ticker, TICKER_MAX);
    t->has_subaccount = query_get(c->req->query, "subaccount", text, sizeof text);
    t->has_shard = query_get(c->req->query, "exchange_index", text, sizeof text);
    return query_int(c, "subaccount", "Subaccount", 0, SUBACCOUNTS - 1, 0, &t->subaccount) &&
           query_int(c, "exchange_index", "ExchangeIndex", -1, INT32_MAX, -1, &t->shard);
}

/* --- cancel --- */

struct refusal cancel_target(const struct call *c, const struct target *t, struct sorder **ret,
                             qty_t *ret_reduced)
{
    struct sim *sim = c->sim;
    struct refusal why = find_target(c, t, ret);
    if (why.status != 0) {
        return why;
    }
    order_remember(sim, *ret);
    enum status st =
        match_cancel(sim->match, (*ret)->o.id, MATCH_BECAUSE_USER, sim->wall, ret_reduced);
    if (st != ST_OK) {
        return st == ST_NOT_FOUND ? (struct refusal){404, "not_found", NULL}
                                  : refusal_of(MATCH_CLOSED);
    }
    emit_result(sim, sim->wall);
    return NO_REFUSAL;
}

void order_cancel(struct call *c)
{
    char ticker[TICKER_MAX];
    struct target t;
    struct sorder *o = NULL;
    qty_t reduced = 0;
    if (!target_of_query(c, ticker, &t)) {
        return;
    }
    struct refusal why = cancel_target(c, &t, &o, &reduced);
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    if (c->sim->config.rules.cancel_client_order_id) {
        write_client_of(&w, o);
    }
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "reduced_by", reduced);
    jw_int(&w, "ts_ms", wall_ms(c->sim->wall));
    jw_close(&w, '}');
}

void order_cancel_all(struct call *c)
{
    struct sim *sim = c->sim;
    int64_t sub = -1;
    uint32_t at = 0;
    uint32_t account = 0;
    if (!query_subaccount(c, -1, &sub)) {
        return;
    }
    while ((account = next_account(sim, c->user, sub, -1, &at)) != NO_INDEX) {
        (void)match_cancel_all(sim->match, account, sim->wall);
        emit_result(sim, sim->wall);
        sim->users[c->user].cancel_until[sim->subaccount_of[account]] =
            sim->wall + sim->config.rules.cancel_all_lingers_ms * NS_PER_MS;
    }
    reply_json(c->r, 204);
}

/* --- decrease --- */

static void write_change(struct call *c, const struct sorder *o)
{
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    write_client_of(&w, o);
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "remaining_count", o->o.remaining);
    jw_int(&w, "ts_ms", wall_ms(c->sim->wall));
    jw_close(&w, '}');
}

/* The order of the path, with routing from the body. */
static struct refusal target_of_body(struct call *c, struct body *b, const char *ticker,
                                     struct sorder **ret)
{
    char text[32];
    struct target t = {.id = c->id, .ticker = ticker};
    t.shard = body_int(b, "exchange_index", false, INT32_MIN, INT32_MAX, &t.has_shard);
    t.has_subaccount = query_get(c->req->query, "subaccount", text, sizeof text);
    if (b->failed ||
        !query_int(c, "subaccount", "Subaccount", 0, SUBACCOUNTS - 1, 0, &t.subaccount)) {
        b->failed = true;
        return NO_REFUSAL;
    }
    return find_target(c, &t, ret);
}

void order_decrease(struct call *c)
{
    struct body b;
    struct sorder *o = NULL;
    qty_t qty = 0;
    if (!body_open(&b, c, "DecreaseOrderV2Request")) {
        return;
    }
    const char *by = body_str(&b, "reduce_by", false);
    const char *to = body_str(&b, "reduce_to", false);
    const char *ticker = body_str(&b, "market_ticker", false);
    bool relative = by[0] != '\0';
    if (!b.failed && relative == (to[0] != '\0')) {
        body_missing(&b, "reduce_by", relative ? "excluded_with" : "required_without");
    }
    struct refusal why = target_of_body(c, &b, ticker, &o);
    if (b.failed) {
        return;
    }
    const char *text = relative ? by : to;
    if (why.status == 0 &&
        (qty_parse(text, strlen(text), &qty) != ST_OK || qty < 0 || (relative && qty == 0))) {
        why = refusal_of(MATCH_BAD_SIZE);
    }
    if (why.status == 0) {
        qty_t left = relative ? o->o.remaining - qty : qty;
        if (match_decrease(c->sim->match, o->o.id, left < 0 ? 0 : left, c->sim->wall) != ST_OK) {
            why = refusal_of(MATCH_BAD_SIZE);
        }
    }
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    emit_result(c->sim, c->sim->wall);
    write_change(c, o);
}

/* --- amend --- */

struct amend {
    struct match_amendment to;
    enum side side;
    const char *ticker, *client_id, *new_client_id;
};

static struct refusal read_amend(struct body *b, struct amend *a)
{
    static const char *const sides[] = {"bid", "ask"};
    int side = one_of(body_str(b, "side", true), sides, 2);
    if (!b->failed && side == 2) {
        body_missing(b, "side", "oneof");
    }
    a->side = side == 0 ? SIDE_YES : SIDE_NO;
    a->ticker = body_str(b, "ticker", true);
    a->client_id = body_str(b, "client_order_id", false);
    a->new_client_id = body_str(b, "updated_client_order_id", false);
    if (strlen(a->new_client_id) >= CLIENT_ID_MAX) {
        body_missing(b, "updated_client_order_id", "max");
    }
    int64_t expires = body_int(b, "expiration_time", false, 0, INT64_MAX, &a->to.has_expires);
    a->to.expires = expires == 0 ? 0 : order_expiry(expires);
    return order_numbers(b, a->side, &a->to.px, &a->to.total);
}

/* What the request says of the order must be so. */
static struct refusal check_amend(const struct call *c, const struct amend *a,
                                  const struct sorder *o)
{
    if (strcmp(a->ticker, c->sim->markets[o->o.market].ticker) != 0) {
        return (struct refusal){400, "order_ticker_mismatch", NULL};
    }
    if (a->side != o->o.side) {
        return (struct refusal){400, "order_side_mismatch", NULL};
    }
    if (a->client_id[0] != '\0' && strcmp(a->client_id, o->client_id) != 0) {
        return (struct refusal){400, "order_id_and_client_order_id_mismatch", NULL};
    }
    if (strcmp(a->new_client_id, o->client_id) != 0 &&
        client_id_used(c->sim, c->user, a->new_client_id)) {
        return (struct refusal){409, "order_already_exists", NULL};
    }
    if (a->to.expires != 0 && a->to.expires <= c->sim->wall) {
        return refusal_of(MATCH_BAD_EXPIRY);
    }
    return NO_REFUSAL;
}

static struct refusal do_amend(struct call *c, const struct amend *a, struct sorder *o)
{
    struct sim *sim = c->sim;
    enum match_verdict v = MATCH_ACCEPTED;
    enum status st = match_amend_order(sim->match, o->o.id, &a->to, sim->wall, &v);
    if (st != ST_OK) {
        return v == MATCH_ACCEPTED ? (struct refusal){404, "not_found", NULL} : refusal_of(v);
    }
    /* Told with the change, so set before it. The old one stays used up. */
    if (a->new_client_id[0] != '\0' && strcmp(a->new_client_id, o->client_id) != 0) {
        bool kept = client_id_take(sim, c->user, o->client_id, ID_USED_UP);
        text_copy(o->client_id, sizeof o->client_id, text_of(a->new_client_id));
        if (!client_id_take(sim, c->user, o->client_id, (uint32_t)(o - sim->orders)) || !kept) {
            return refusal_of(MATCH_VERDICT_MAX);
        }
    }
    emit_result(sim, sim->wall);
    return NO_REFUSAL;
}

void order_amend(struct call *c)
{
    struct body b;
    struct amend a = {.side = SIDE_YES};
    struct sorder *o = NULL;
    if (!body_open(&b, c, "AmendOrderV2Request")) {
        return;
    }
    struct refusal numbers = read_amend(&b, &a);
    struct refusal why = target_of_body(c, &b, a.ticker, &o);
    if (b.failed) {
        return;
    }
    why = why.status == 0 ? check_amend(c, &a, o) : why;
    why = why.status == 0 ? numbers : why;
    struct match_order was = why.status == 0 ? o->o : (struct match_order){0};
    why = why.status == 0 ? do_amend(c, &a, o) : why;
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    qty_t filled = o->o.filled - was.filled;
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_str(&w, "order_id", o->id);
    write_client_of(&w, o);
    if (filled > 0 || o->o.remaining != was.remaining) {
        jw_qty(&w, "remaining_count", o->o.remaining);
        jw_qty(&w, "fill_count", filled);
    }
    if (filled > 0) {
        jw_px(&w, "average_fill_price", average_of(yes_cost(&o->o) - yes_cost(&was), filled));
        jw_px(&w, "average_fee_paid",
              average_of(o->o.taker_fees + o->o.maker_fees - was.taker_fees - was.maker_fees,
                         filled));
    }
    jw_int(&w, "ts_ms", wall_ms(c->sim->wall));
    jw_close(&w, '}');
}

void order_v1(struct call *c)
{
    reply_nested(c->r, 410, "deprecated_v1_order_endpoint",
                 "https://docs.kalshi.com/api-reference/orders/create-order-v2");
}
