/*
 * sim_orders.c - placing orders (sheet 8.1).
 *
 * What the exchange refuses comes as a struct refusal, so that a batch can tell it of one item;
 * what does not decode refuses the whole request.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

bool is_uuid(struct text s)
{
    if (s.n != 36) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) {
            return false;
        }
    }
    return true;
}

struct refusal refusal_of(enum match_verdict v)
{
    switch (v) {
    case MATCH_ACCEPTED:
        return NO_REFUSAL;
    case MATCH_BAD_MARKET:
        return (struct refusal){404, "market_not_found", NULL};
    case MATCH_BAD_PRICE:
        return (struct refusal){400, "invalid_price", NULL};
    case MATCH_BAD_SIZE:
        return (struct refusal){400, "invalid_order_size", NULL};
    case MATCH_BAD_EXPIRY:
        return (struct refusal){400, "invalid_order", "Expiration timestamp must be in the future"};
    case MATCH_BAD_REDUCE_ONLY:
        return (struct refusal){400, "invalid_order",
                                "reduce_only can only be used with IoC or FoK orders"};
    case MATCH_POST_ONLY_CROSS:
        return (struct refusal){400, "invalid_order", "post only cross"};
    case MATCH_NO_MONEY:
        return (struct refusal){400, "insufficient_balance", NULL};
    case MATCH_FOK_VOLUME:
        return (struct refusal){409, "fill_or_kill_insufficient_resting_volume", NULL};
    case MATCH_CLOSED:
        return (struct refusal){400, "market_inactive", NULL};
    case MATCH_TOO_MANY:
        return (struct refusal){400, "too_many_open_orders", NULL};
    case MATCH_GROUP_UNKNOWN:
        return (struct refusal){404, "order_group_not_found", NULL};
    case MATCH_GROUP_TRIGGERED:
        return (struct refusal){400, "exceeded_order_group_risk_limit", NULL};
    case MATCH_BAD_ACCOUNT:
    case MATCH_VERDICT_MAX:
        break;
    }
    return (struct refusal){500, "internal_server_error", NULL};
}

/* --- client_order_ids: unique for each user, for ever or while the order is open --- */

struct client_key {
    char text[CLIENT_ID_MAX + 16];
};

static struct text client_key(uint32_t user, const char *client_id, struct client_key *k)
{
    snprintf(k->text, sizeof k->text, "%u:%s", user, client_id);
    return text_of(k->text);
}

bool client_id_used(const struct sim *sim, uint32_t user, const char *client_id)
{
    struct client_key k;
    uint32_t i = client_id[0] == '\0'
                     ? IDMAP_NONE
                     : idmap_get(&sim->client_ids, client_key(user, client_id, &k));
    if (i == IDMAP_NONE) {
        return false;
    }
    if (sim->config.rules.client_order_id_reuse == RULE_REUSE_FINISHED) {
        return i < sim->n_orders && strcmp(sim->orders[i].client_id, client_id) == 0 &&
               match_order_get(sim->match, sim->orders[i].o.id) != NULL;
    }
    return true;
}

bool client_id_take(struct sim *sim, uint32_t user, const char *client_id, uint32_t order)
{
    struct client_key k;
    if (client_id[0] == '\0') {
        return true;
    }
    struct text key = client_key(user, client_id, &k);
    if (order == ID_USED_UP) { /* no order tells of it after a restart */
        if (!sim_grow((void **)&sim->burned, sim->n_burned, &sim->burned_cap,
                      sizeof *sim->burned)) {
            return false;
        }
        sim->burned[sim->n_burned] = (struct sburned){0};
        text_copy(sim->burned[sim->n_burned++].key, CLIENT_KEY_MAX, key);
    }
    return idmap_put(&sim->client_ids, key, order) == ST_OK;
}

/* --- POST /portfolio/events/orders --- */

static void read_words(struct body *b, struct create *c)
{
    static const char *const sides[] = {"bid", "ask"};
    static const char *const tifs[] = {"good_till_canceled", "immediate_or_cancel", "fill_or_kill"};
    static const char *const stps[] = {"taker_at_cross", "maker"};
    int side = one_of(body_str(b, "side", true), sides, 2);
    int tif = one_of(body_str(b, "time_in_force", true), tifs, 3);
    int stp = one_of(body_str(b, "self_trade_prevention_type", true), stps, 2);
    if (!b->failed && (side == 2 || tif == 3 || stp == 2)) {
        body_missing(b,
                     side == 2  ? "side"
                     : tif == 3 ? "time_in_force"
                                : "self_trade_prevention_type",
                     "oneof");
    }
    c->r.tif = tif == 0 ? MATCH_GTC : tif == 1 ? MATCH_IOC : MATCH_FOK;
    c->r.stp = stp == 0 ? MATCH_STP_TAKER : MATCH_STP_MAKER;
    c->r.side = side == 0 ? SIDE_YES : SIDE_NO;
}

/* Price and count of the body; the own price of the outcome bought. */
struct refusal order_numbers(struct body *b, enum side side, px_t *ret_px, qty_t *ret_qty)
{
    const char *count = body_str(b, "count", true);
    const char *price = body_str(b, "price", true);
    px_t px = 0;
    if (b->failed) {
        return NO_REFUSAL;
    }
    if (qty_parse(count, strlen(count), ret_qty) != ST_OK) {
        return refusal_of(MATCH_BAD_SIZE);
    }
    if (px_parse(price, strlen(price), &px) != ST_OK || px <= 0 || px >= PX_ONE) {
        return refusal_of(MATCH_BAD_PRICE);
    }
    *ret_px = side == SIDE_YES ? px : PX_ONE - px;
    return NO_REFUSAL;
}

/* Seconds as the engine's time. A date beyond the clock's range never comes. */
wall_ns_t order_expiry(int64_t seconds)
{
    return seconds <= 0                           ? 1
           : seconds > INT64_MAX / NS_PER_SEC - 1 ? NS_NEVER - 1
                                                  : seconds * NS_PER_SEC;
}

static void read_flags(struct body *b, struct create *k)
{
    bool there = false;
    int64_t expires = body_int(b, "expiration_time", false, INT64_MIN, INT64_MAX, &there);
    k->r.post_only = body_bool(b, "post_only");
    k->r.reduce_only = body_bool(b, "reduce_only");
    k->r.cancel_on_pause = body_bool(b, "cancel_order_on_pause");
    k->r.expires = there ? order_expiry(expires) : 0;
}

/* The market, and the caller's account on its shard. */
static struct refusal find_account(const struct call *c, struct body *b, const char *ticker,
                                   struct create *k)
{
    const struct sim *sim = c->sim;
    bool has_sub = false;
    bool has_shard = false;
    int64_t sub = body_int(b, "subaccount", false, INT64_MIN, INT64_MAX, &has_sub);
    int64_t index = body_int(b, "exchange_index", false, INT32_MIN, INT32_MAX, &has_shard);
    uint32_t shard = 0;
    struct refusal why = pick_subaccount(sim, has_sub, &sub);
    if (why.status == 0) {
        why = pick_shard(sim, has_shard, index, ticker, &shard);
    }
    if (why.status != 0 || b->failed) {
        return why;
    }
    k->r.market = sim_find_market(sim, text_of(ticker));
    if (k->r.market == NO_INDEX || sim->markets[k->r.market].exchange_index != shard) {
        return refusal_of(MATCH_BAD_MARKET);
    }
    k->r.account = sim_account_at(sim, c->user, sub, shard);
    return k->r.account == NO_INDEX ? (struct refusal){404, "user_not_found", NULL} : NO_REFUSAL;
}

static struct refusal find_group(const struct call *c, const char *id, struct create *k)
{
    if (id[0] == '\0') {
        return NO_REFUSAL;
    }
    const struct sgroup *g = group_find(c->sim, k->r.account, text_of(id));
    if (g == NULL) {
        return is_uuid(text_of(id)) ? refusal_of(MATCH_GROUP_UNKNOWN)
                                    : (struct refusal){400, "invalid_UUID", NULL};
    }
    k->r.group = g->number;
    return NO_REFUSAL;
}

void create_read(struct call *c, struct body *b, struct create *k)
{
    *k = (struct create){.why = NO_REFUSAL};
    const char *ticker = body_str(b, "ticker", true);
    read_words(b, k);
    struct refusal numbers = order_numbers(b, k->r.side, &k->r.px, &k->r.qty);
    read_flags(b, k);
    const char *client = body_str(b, "client_order_id", false);
    const char *group = body_str(b, "order_group_id", false);
    if (!b->failed && !text_copy(k->client_id, sizeof k->client_id, text_of(client))) {
        body_missing(b, "client_order_id", "max");
    }
    k->why = find_account(c, b, ticker, k);
    k->why = k->why.status == 0 ? numbers : k->why;
    k->why = k->why.status == 0 ? find_group(c, group, k) : k->why;
    if (k->why.status == 0 && k->r.expires != 0 && k->r.tif != MATCH_GTC) {
        k->why = (struct refusal){400, "invalid_order",
                                  "expiration_time can only be used with good_till_canceled"};
    }
}

/* A place for an order that may be made; its index is the engine's tag. */
static struct sorder *order_slot(struct sim *sim)
{
    if (!sim_grow((void **)&sim->orders, sim->n_orders, &sim->orders_cap, sizeof *sim->orders)) {
        return NULL;
    }
    sim->orders[sim->n_orders] = (struct sorder){0};
    return &sim->orders[sim->n_orders];
}

void order_linger(struct call *c, const struct sorder *o)
{
    struct sim *sim = c->sim;
    qty_t reduced = 0;
    if (sim->wall < sim->users[c->user].cancel_until[sim->subaccount_of[o->o.account]] &&
        match_cancel(sim->match, o->o.id, MATCH_BECAUSE_USER, sim->wall, &reduced) == ST_OK) {
        emit_result(sim, sim->wall);
    }
}

/* Whether a user has as many open orders as a user may have (sheet 18). */
static bool too_many(const struct sim *sim, uint32_t user)
{
    uint32_t n = 0;
    uint32_t at = 0;
    uint32_t account = 0;
    if (sim->n_orders < sim->config.max_open_orders) { /* there never were so many */
        return false;
    }
    while ((account = next_account(sim, user, -1, -1, &at)) != NO_INDEX) {
        n += match_account(sim->match, account)->n_orders;
    }
    return n >= sim->config.max_open_orders;
}

struct refusal create_place(struct call *c, const struct create *k, struct sorder **ret_order)
{
    struct sim *sim = c->sim;
    static const struct refusal broken = {500, "internal_server_error", NULL};
    if (k->why.status != 0) {
        return k->why;
    }
    if (client_id_used(sim, c->user, k->client_id)) {
        return (struct refusal){409, "order_already_exists", NULL};
    }
    if (too_many(sim, c->user)) {
        return refusal_of(MATCH_TOO_MANY);
    }
    struct sorder *o = order_slot(sim);
    if (o == NULL) {
        return broken;
    }
    struct match_request req = k->r;
    req.tag = (uint64_t)sim->n_orders + 1;
    sim_uuid(sim, "order", sim->n_orders, o->id);
    text_copy(o->client_id, sizeof o->client_id, text_of(k->client_id));
    uint64_t id = 0;
    enum match_verdict v = match_place(sim->match, &req, sim->wall, &id);
    if (v == MATCH_FOK_VOLUME) {
        (void)client_id_take(sim, c->user, k->client_id, ID_USED_UP);
    }
    if (v != MATCH_ACCEPTED) {
        return refusal_of(v);
    }
    uint32_t i = sim->n_orders++;
    emit_result(sim, sim->wall);
    *ret_order = o;
    return idmap_put(&sim->by_order_id, text_of(o->id), i) == ST_OK &&
                   client_id_take(sim, c->user, k->client_id, i)
               ? NO_REFUSAL
               : broken;
}

px_t average_of(usd_t sum, qty_t qty)
{
    return (sum + qty / 2) / qty;
}

/* What the fills cost by the price of YES. */
usd_t yes_cost(const struct match_order *o)
{
    usd_t cost = o->taker_cost + o->maker_cost;
    return o->side == SIDE_YES ? cost : usd_of(PX_ONE, o->filled) - cost;
}

void write_client_of(struct jw *w, const struct sorder *o)
{
    if (o->client_id[0] != '\0') {
        jw_str(w, "client_order_id", o->client_id);
    }
}

void order_create(struct call *c)
{
    struct body b;
    struct create k;
    struct sorder *o = NULL;
    if (!body_open(&b, c, "CreateOrderV2Request")) {
        return;
    }
    create_read(c, &b, &k);
    if (b.failed) {
        return;
    }
    struct refusal why = create_place(c, &k, &o);
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    struct jw w = reply_json(c->r, 201);
    jw_open(&w, NULL, '{');
    if (o->o.filled > 0) {
        jw_px(&w, "average_fee_paid", average_of(o->o.taker_fees + o->o.maker_fees, o->o.filled));
        jw_px(&w, "average_fill_price", average_of(yes_cost(&o->o), o->o.filled));
    }
    write_client_of(&w, o);
    jw_qty(&w, "fill_count", o->o.filled);
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "remaining_count", o->o.remaining);
    jw_int(&w, "ts_ms", wall_ms(c->sim->wall));
    jw_close(&w, '}');
    order_linger(c, o);
}
