/*
 * sim_orders.c - placing, canceling and changing orders (sheet 8.1 to 8.5).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

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

static uint32_t account_of(const struct sim *sim, uint32_t user)
{
    return sim->users[user].account;
}

/* --- reading a request's body --- */

/* As the exchange's own decoder words it; the type of what came. */
static const char *json_kind(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_NULL:
        break;
    }
    return "null";
}

struct body {
    json_t *root;
    const char *type; /* "CreateOrderV2Request" */
    struct sim_http_resp *r;
    bool failed; /* the answer is written */
};

static void wrong_type(struct body *b, const char *key, const json_t *v, const char *want)
{
    char text[200];
    snprintf(text, sizeof text, "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
             json_kind(v), b->type, key, want);
    reply_flat(b->r, 400, "bad_request", text);
    b->failed = true;
}

static void missing(struct body *b, const char *key, const char *tag)
{
    char text[200];
    snprintf(text, sizeof text,
             "Key: '%s.%s' Error:Field validation for '%s' failed on the '%s' tag", b->type, key,
             key, tag);
    reply_flat(b->r, 400, "bad_request", text);
    b->failed = true;
}

static bool body_open(struct body *b, const struct sim_http_req *req, const char *type,
                      struct sim_http_resp *r)
{
    *b = (struct body){.type = type, .r = r};
    bool json =
        req->content_type.n >= 16 && memcmp(req->content_type.p, "application/json", 16) == 0;
    if (req->body.n == 0 || !json) {
        reply_flat(r, 400, "invalid_content_type", NULL);
        return false;
    }
    json_error_t e;
    b->root = json_loadb(req->body.p, req->body.n, 0, &e);
    if (!json_is_object(b->root)) {
        reply_flat(r, 400, "bad_request", b->root == NULL ? e.text : "json: not an object");
        json_decref(b->root);
        return false;
    }
    return true;
}

/* "" when absent. */
static const char *body_str(struct body *b, const char *key, bool required)
{
    const json_t *v = json_object_get(b->root, key);
    if (b->failed) {
        return "";
    }
    if (v == NULL || json_is_null(v)) {
        if (required) {
            missing(b, key, "required");
        }
        return "";
    }
    if (!json_is_string(v)) {
        wrong_type(b, key, v, "string");
        return "";
    }
    return json_string_value(v);
}

static bool body_bool(struct body *b, const char *key)
{
    const json_t *v = json_object_get(b->root, key);
    if (b->failed || v == NULL || json_is_null(v)) {
        return false;
    }
    if (!json_is_boolean(v)) {
        wrong_type(b, key, v, "bool");
    }
    return json_is_true(v);
}

static int64_t body_int(struct body *b, const char *key, bool *ret_there)
{
    const json_t *v = json_object_get(b->root, key);
    *ret_there = false;
    if (b->failed || v == NULL || json_is_null(v)) {
        return 0;
    }
    if (!json_is_integer(v)) {
        wrong_type(b, key, v, "int64");
        return 0;
    }
    *ret_there = true;
    return json_integer_value(v);
}

/* Index of s in n words; n when it is none of them. */
static int one_of(const char *s, const char *const *words, int n)
{
    int i = 0;
    while (i < n && strcmp(words[i], s) != 0) {
        i++;
    }
    return i;
}

/* --- POST /portfolio/events/orders --- */

struct create {
    struct match_request r;
    bool bid, cancel_on_pause;
    char client_id[CLIENT_ID_MAX];
    char client_key[CLIENT_ID_MAX + 16]; /* "account:client_order_id" */
};

static void read_words(struct body *b, struct create *c)
{
    static const char *const sides[] = {"bid", "ask"};
    static const char *const tifs[] = {"good_till_canceled", "immediate_or_cancel", "fill_or_kill"};
    static const char *const stps[] = {"taker_at_cross", "maker"};
    int side = one_of(body_str(b, "side", true), sides, 2);
    int tif = one_of(body_str(b, "time_in_force", true), tifs, 3);
    int stp = one_of(body_str(b, "self_trade_prevention_type", true), stps, 2);
    if (!b->failed && (side == 2 || tif == 3 || stp == 2)) {
        missing(b,
                side == 2  ? "side"
                : tif == 3 ? "time_in_force"
                           : "self_trade_prevention_type",
                "oneof");
    }
    c->bid = side == 0;
    c->r.tif = tif == 0 ? MATCH_GTC : tif == 1 ? MATCH_IOC : MATCH_FOK;
    c->r.stp = stp == 0 ? MATCH_STP_TAKER : MATCH_STP_MAKER;
    c->r.side = c->bid ? SIDE_YES : SIDE_NO;
}

/* Price and count; own price of the outcome bought. */
static void read_numbers(struct body *b, bool bid, px_t *ret_px, qty_t *ret_qty)
{
    const char *count = body_str(b, "count", true);
    const char *price = body_str(b, "price", true);
    px_t px = 0;
    if (b->failed) {
        return;
    }
    if (qty_parse(count, strlen(count), ret_qty) != ST_OK) {
        reply_nested(b->r, 400, "invalid_order_size", NULL);
        b->failed = true;
    } else if (px_parse(price, strlen(price), &px) != ST_OK || px <= 0 || px >= PX_ONE) {
        reply_nested(b->r, 400, "invalid_price", NULL);
        b->failed = true;
    }
    *ret_px = bid ? px : PX_ONE - px;
}

static void read_create(struct sim *sim, uint32_t user, struct body *b, struct create *c)
{
    *c = (struct create){.r.account = account_of(sim, user)};
    const char *ticker = body_str(b, "ticker", true);
    read_words(b, c);
    read_numbers(b, c->bid, &c->r.px, &c->r.qty);
    c->r.post_only = body_bool(b, "post_only");
    c->r.reduce_only = body_bool(b, "reduce_only");
    c->cancel_on_pause = body_bool(b, "cancel_order_on_pause");
    bool there = false;
    int64_t expires = body_int(b, "expiration_time", &there);
    /* A date beyond the clock's range never comes; one at or before 0 is in the past. */
    c->r.expires = !there                                 ? 0
                   : expires <= 0                         ? 1
                   : expires > INT64_MAX / NS_PER_SEC - 1 ? NS_NEVER - 1
                                                          : expires * NS_PER_SEC;
    const char *client = body_str(b, "client_order_id", false);
    if (!b->failed && !text_copy(c->client_id, sizeof c->client_id, text_of(client))) {
        missing(b, "client_order_id", "max");
    }
    snprintf(c->client_key, sizeof c->client_key, "%u:%s", c->r.account, c->client_id);
    if (b->failed) {
        return;
    }
    c->r.market = sim_find_market(sim, text_of(ticker));
    if (c->r.market == NO_INDEX) {
        reply_nested(b->r, 404, "market_not_found", NULL);
        b->failed = true;
    }
}

static void reply_verdict(struct sim_http_resp *r, enum match_verdict v)
{
    switch (v) {
    case MATCH_BAD_MARKET:
        reply_nested(r, 404, "market_not_found", NULL);
        return;
    case MATCH_BAD_PRICE:
        reply_nested(r, 400, "invalid_price", NULL);
        return;
    case MATCH_BAD_SIZE:
        reply_nested(r, 400, "invalid_order_size", NULL);
        return;
    case MATCH_BAD_EXPIRY:
        reply_nested(r, 400, "invalid_order", "Expiration timestamp must be in the future");
        return;
    case MATCH_BAD_REDUCE_ONLY:
        reply_nested(r, 400, "invalid_order",
                     "reduce_only can only be used with IoC or FoK orders");
        return;
    case MATCH_POST_ONLY_CROSS:
        reply_nested(r, 400, "invalid_order", "post only cross");
        return;
    case MATCH_NO_MONEY:
        reply_nested(r, 400, "insufficient_balance", NULL);
        return;
    case MATCH_FOK_VOLUME:
        reply_nested(r, 409, "fill_or_kill_insufficient_resting_volume", NULL);
        return;
    case MATCH_CLOSED:
        reply_nested(r, 400, "market_inactive", NULL);
        return;
    case MATCH_TOO_MANY:
        reply_nested(r, 400, "too_many_open_orders", NULL);
        return;
    case MATCH_GROUP_UNKNOWN:
        reply_nested(r, 404, "order_group_not_found", NULL);
        return;
    case MATCH_GROUP_TRIGGERED:
        reply_nested(r, 400, "exceeded_order_group_risk_limit", NULL);
        return;
    case MATCH_ACCEPTED:
    case MATCH_BAD_ACCOUNT:
    case MATCH_VERDICT_MAX:
        break;
    }
    reply_nested(r, 500, "internal_server_error", NULL);
}

/* Per contract, rounded to the 4 decimals of the answer. */
static px_t per_contract(usd_t sum, qty_t qty)
{
    return (sum + qty / 2) / qty;
}

static void write_fills_of(struct jw *w, const struct match_order *o)
{
    if (o->filled > 0) {
        usd_t cost = o->taker_cost + o->maker_cost;
        usd_t yes = o->side == SIDE_YES ? cost : usd_of(PX_ONE, o->filled) - cost;
        jw_px(w, "average_fee_paid", per_contract((o->taker_fees + o->maker_fees), o->filled));
        jw_px(w, "average_fill_price", per_contract(yes, o->filled));
    }
}

static void write_ack(const struct sorder *o, struct sim_http_resp *r, int status, wall_ns_t at)
{
    struct jw w = reply_json(r, status);
    jw_open(&w, NULL, '{');
    write_fills_of(&w, &o->o);
    if (o->client_id[0] != '\0') {
        jw_str(&w, "client_order_id", o->client_id);
    }
    jw_qty(&w, "fill_count", o->o.filled);
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "remaining_count", o->o.remaining);
    jw_int(&w, "ts_ms", wall_ms(at));
    jw_close(&w, '}');
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

static void place(struct sim *sim, const struct create *c, struct sim_http_resp *r)
{
    bool named = c->client_id[0] != '\0';
    if (named && idmap_get(&sim->client_ids, text_of(c->client_key)) != IDMAP_NONE) {
        reply_nested(r, 409, "order_already_exists", NULL);
        return;
    }
    struct sorder *o = order_slot(sim);
    if (o == NULL) {
        reply_nested(r, 500, "internal_server_error", NULL);
        return;
    }
    struct match_request req = c->r;
    req.tag = (uint64_t)sim->n_orders + 1;
    uint64_t id = 0;
    enum match_verdict v = match_place(sim->match, &req, sim->wall, &id);
    bool used_up = v == MATCH_ACCEPTED || v == MATCH_FOK_VOLUME;
    if (named && used_up &&
        idmap_put(&sim->client_ids, text_of(c->client_key), sim->n_orders) != ST_OK) {
        v = MATCH_VERDICT_MAX;
    }
    if (v != MATCH_ACCEPTED) {
        reply_verdict(r, v);
        return;
    }
    sim_uuid(sim, "order", sim->n_orders, o->id);
    text_copy(o->client_id, sizeof o->client_id, text_of(c->client_id));
    o->cancel_on_pause = c->cancel_on_pause;
    if (idmap_put(&sim->by_order_id, text_of(o->id), sim->n_orders) != ST_OK) {
        reply_nested(r, 500, "internal_server_error", NULL);
        return;
    }
    sim->n_orders++;
    emit_result(sim, sim->wall);
    write_ack(o, r, 201, sim->wall);
}

static void create_order(struct sim *sim, uint32_t user, const struct sim_http_req *req,
                         struct sim_http_resp *r)
{
    struct body b;
    struct create c;
    if (!body_open(&b, req, "CreateOrderV2Request", r)) {
        return;
    }
    read_create(sim, user, &b, &c);
    bool ok = !b.failed;
    json_decref(b.root);
    if (ok) {
        place(sim, &c, r);
    }
}

/* --- cancel, decrease, amend --- */

/* The user's order of an id in a path; NULL: the answer is written. */
struct sorder *sim_order_of(struct sim *sim, uint32_t user, struct text id, struct sim_http_resp *r)
{
    if (!is_uuid(id)) {
        reply_nested(r, 400, "invalid_UUID", NULL);
        return NULL;
    }
    uint32_t i = idmap_get(&sim->by_order_id, id);
    if (i == IDMAP_NONE || sim->orders[i].o.account != account_of(sim, user)) {
        reply_nested(r, 404, "not_found", NULL);
        return NULL;
    }
    return &sim->orders[i];
}

/* The same, and still open in a market that takes orders. */
static struct sorder *open_order_of(struct sim *sim, uint32_t user, struct text id,
                                    struct sim_http_resp *r)
{
    struct sorder *o = sim_order_of(sim, user, id, r);
    if (o == NULL) {
        return NULL;
    }
    if (match_order_get(sim->match, o->o.id) == NULL) {
        reply_nested(r, 404, "not_found", NULL);
        return NULL;
    }
    if (match_halted(sim->match, o->o.market)) {
        reply_nested(r, 400, "market_inactive", NULL);
        return NULL;
    }
    return o;
}

static void cancel_order(struct sim *sim, uint32_t user, struct text id, struct sim_http_resp *r)
{
    struct sorder *o = open_order_of(sim, user, id, r);
    qty_t reduced = 0;
    if (o == NULL ||
        match_cancel(sim->match, o->o.id, MATCH_BECAUSE_USER, sim->wall, &reduced) != ST_OK) {
        return;
    }
    emit_result(sim, sim->wall);
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    if (o->client_id[0] != '\0') {
        jw_str(&w, "client_order_id", o->client_id);
    }
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "reduced_by", reduced);
    jw_int(&w, "ts_ms", wall_ms(sim->wall));
    jw_close(&w, '}');
}

static void cancel_all(struct sim *sim, uint32_t user, struct sim_http_resp *r)
{
    (void)match_cancel_all(sim->match, account_of(sim, user), sim->wall);
    emit_result(sim, sim->wall);
    r->status = 204;
    buf_clear(&r->body);
}

static void decrease_order(struct sim *sim, uint32_t user, struct text id,
                           const struct sim_http_req *req, struct sim_http_resp *r)
{
    struct body b;
    if (!body_open(&b, req, "DecreaseOrderV2Request", r)) {
        return;
    }
    const char *by = body_str(&b, "reduce_by", false);
    const char *to = body_str(&b, "reduce_to", false);
    qty_t qty = 0;
    bool relative = by[0] != '\0';
    if (!b.failed && relative == (to[0] != '\0')) {
        missing(&b, "reduce_by", "excluded_with");
    }
    const char *text = relative ? by : to;
    if (!b.failed && (qty_parse(text, strlen(text), &qty) != ST_OK || qty < 0)) {
        reply_nested(r, 400, "invalid_order_size", NULL);
        b.failed = true;
    }
    json_decref(b.root);
    struct sorder *o = b.failed ? NULL : open_order_of(sim, user, id, r);
    if (o == NULL) {
        return;
    }
    qty_t left = relative ? o->o.remaining - qty : qty;
    if (match_decrease(sim->match, o->o.id, left < 0 ? 0 : left, sim->wall) != ST_OK) {
        reply_nested(r, 400, "invalid_order_size", NULL);
        return;
    }
    emit_result(sim, sim->wall);
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_str(&w, "order_id", o->id);
    jw_qty(&w, "remaining_count", o->o.remaining);
    jw_int(&w, "ts_ms", wall_ms(sim->wall));
    jw_close(&w, '}');
}

static void amend_order(struct sim *sim, uint32_t user, struct text id,
                        const struct sim_http_req *req, struct sim_http_resp *r)
{
    struct body b;
    if (!body_open(&b, req, "AmendOrderV2Request", r)) {
        return;
    }
    px_t px = 0;
    qty_t total = 0;
    char ticker[TICKER_MAX];
    bool bid = strcmp(body_str(&b, "side", true), "bid") == 0;
    bool fits = text_copy(ticker, sizeof ticker, text_of(body_str(&b, "ticker", true)));
    read_numbers(&b, bid, &px, &total);
    json_decref(b.root);
    struct sorder *o = b.failed ? NULL : open_order_of(sim, user, id, r);
    if (o == NULL) {
        return;
    }
    if (!fits || strcmp(ticker, sim->markets[o->o.market].ticker) != 0) {
        reply_nested(r, 400, "order_ticker_mismatch", NULL);
        return;
    }
    if (bid != (o->o.side == SIDE_YES)) {
        reply_nested(r, 400, "order_side_mismatch", NULL);
        return;
    }
    enum match_verdict v = MATCH_ACCEPTED;
    if (match_amend(sim->match, o->o.id, px, total, sim->wall, &v) != ST_OK) {
        reply_verdict(r, v);
        return;
    }
    emit_result(sim, sim->wall);
    write_ack(o, r, 200, sim->wall);
}

/* --- routes --- */

/* What follows prefix in a path; n 0 when the path is something else or ends there. */
static struct text after(struct text path, const char *prefix)
{
    size_t n = strlen(prefix);
    if (path.n <= n || memcmp(path.p, prefix, n) != 0) {
        return (struct text){"", 0};
    }
    return (struct text){path.p + n, path.n - n};
}

static bool ends_with(struct text *s, const char *end)
{
    size_t n = strlen(end);
    if (s->n <= n || memcmp(s->p + s->n - n, end, n) != 0) {
        return false;
    }
    s->n -= n;
    return true;
}

bool order_route(struct sim *sim, uint32_t user, const struct sim_http_req *req, struct text rest,
                 struct sim_http_resp *r)
{
    bool post = text_equal(req->method, TEXT("POST"));
    bool delete = text_equal(req->method, TEXT("DELETE"));
    struct text id = after(rest, "/portfolio/events/orders/");
    if (text_equal(rest, TEXT("/portfolio/events/orders"))) {
        if (post) {
            create_order(sim, user, req, r);
        } else if (delete) {
            cancel_all(sim, user, r);
        }
        return post || delete;
    }
    if (post && ends_with(&id, "/amend")) {
        amend_order(sim, user, id, req, r);
        return true;
    }
    if (post && ends_with(&id, "/decrease")) {
        decrease_order(sim, user, id, req, r);
        return true;
    }
    if (delete &&id.n > 0 && memchr(id.p, '/', id.n) == NULL && !text_equal(id, TEXT("batched"))) {
        cancel_order(sim, user, id, r);
        return true;
    }
    return false;
}
