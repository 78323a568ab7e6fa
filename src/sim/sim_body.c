/*
 * sim_body.c - reading the bodies and queries of requests, and refusing those that do not decode in
 * the exchange's own words (sheet 7.2).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

/* --- bodies --- */

/* As the exchange's decoder words it; the type of what came. */
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

static void wrong_type(struct body *b, const char *key, const json_t *v, const char *want)
{
    char text[256];
    snprintf(text, sizeof text, "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
             json_kind(v), b->type, key, want);
    reply_flat(b->r, 400, "bad_request", text);
    b->failed = true;
}

void body_missing(struct body *b, const char *key, const char *tag)
{
    char text[256];
    snprintf(text, sizeof text,
             "Key: '%s.%s' Error:Field validation for '%s' failed on the '%s' tag", b->type, key,
             key, tag);
    reply_flat(b->r, 400, "bad_request", text);
    b->failed = true;
}

bool body_open(struct body *b, const struct call *c, const char *type)
{
    const struct sim_http_req *req = c->req;
    *b = (struct body){.root = c->body, .type = type, .r = c->r};
    bool json =
        req->content_type.n >= 16 && memcmp(req->content_type.p, "application/json", 16) == 0;
    if (req->body.n == 0 || !json) {
        reply_flat(c->r, 400, "invalid_content_type", NULL);
        return false;
    }
    if (!json_is_object(c->body)) {
        reply_flat(c->r, 400, "bad_request",
                   c->body == NULL ? c->body_error : "json: not an object");
        return false;
    }
    return true;
}

static const json_t *given(const struct body *b, const char *key)
{
    const json_t *v = b->failed ? NULL : json_object_get(b->root, key);
    return json_is_null(v) ? NULL : v;
}

const char *body_str(struct body *b, const char *key, bool required)
{
    const json_t *v = given(b, key);
    if (v == NULL) {
        if (required && !b->failed) {
            body_missing(b, key, "required");
        }
        return "";
    }
    if (!json_is_string(v)) {
        wrong_type(b, key, v, "string");
        return "";
    }
    if (required && json_string_length(v) == 0) {
        body_missing(b, key, "required");
    }
    return json_string_value(v);
}

bool body_bool(struct body *b, const char *key)
{
    const json_t *v = given(b, key);
    if (v != NULL && !json_is_boolean(v)) {
        wrong_type(b, key, v, "bool");
    }
    return json_is_true(v);
}

int64_t body_int(struct body *b, const char *key, bool required, int64_t lo, int64_t hi,
                 bool *ret_there)
{
    const json_t *v = given(b, key);
    *ret_there = v != NULL;
    if (v == NULL) {
        if (required && !b->failed) {
            body_missing(b, key, "required");
        }
        return 0;
    }
    if (!json_is_integer(v)) {
        wrong_type(b, key, v, "int64");
        return 0;
    }
    int64_t n = json_integer_value(v);
    if (n < lo || n > hi) {
        body_missing(b, key, n < lo ? "min" : "max");
    }
    return n;
}

const json_t *body_array(struct body *b, const char *key)
{
    const json_t *v = given(b, key);
    if (v == NULL) {
        if (!b->failed) {
            body_missing(b, key, "required");
        }
        return NULL;
    }
    if (!json_is_array(v)) {
        wrong_type(b, key, v, "array");
        return NULL;
    }
    return v;
}

int one_of(const char *s, const char *const *words, int n)
{
    int i = 0;
    while (i < n && strcmp(words[i], s) != 0) {
        i++;
    }
    return i;
}

/* --- queries --- */

bool query_int(const struct call *c, const char *name, const char *field, int64_t lo, int64_t hi,
               int64_t dflt, int64_t *ret)
{
    char text[32];
    *ret = dflt;
    if (!query_get(c->req->query, name, text, sizeof text)) {
        return true;
    }
    char *end = NULL;
    int64_t v = strtoll(text, &end, 10);
    if (text[0] == '\0' || *end != '\0') {
        reply_msg(c->r, c->route->op, field, "number");
        return false;
    }
    if (v < lo || v > hi) {
        reply_msg(c->r, c->route->op, field, v < lo ? "gte" : "lte");
        return false;
    }
    *ret = v;
    return true;
}

struct refusal pick_subaccount(const struct sim *sim, bool given_, int64_t *subaccount)
{
    int32_t locked = sim->keys[sim->key].subaccount;
    if (locked >= 0) {
        if (given_ && *subaccount != locked) {
            return (struct refusal){403, "forbidden", "the key is locked to another subaccount"};
        }
        *subaccount = locked;
        return (struct refusal){0, NULL, NULL};
    }
    if (given_ && (*subaccount < 0 || *subaccount >= SUBACCOUNTS)) {
        return (struct refusal){400, "invalid_parameters", "subaccount must be 0 to 63"};
    }
    return (struct refusal){0, NULL, NULL};
}

bool query_subaccount(const struct call *c, int64_t dflt, int64_t *ret)
{
    char text[32];
    bool there = query_get(c->req->query, "subaccount", text, sizeof text);
    if (!query_int(c, "subaccount", "Subaccount", 0, SUBACCOUNTS - 1, dflt, ret)) {
        return false;
    }
    struct refusal why = pick_subaccount(c->sim, there, ret);
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return false;
    }
    return true;
}

struct refusal pick_shard(const struct sim *sim, bool given_, int64_t index, const char *ticker,
                          uint32_t *ret_shard)
{
    *ret_shard = 0;
    if (given_ && (index < -1 || index >= SHARDS)) {
        return (struct refusal){400, "invalid_parameters", "there is no such exchange_index"};
    }
    if (given_ && index >= 0) {
        *ret_shard = (uint32_t)index;
        return (struct refusal){0, NULL, NULL};
    }
    if (ticker[0] == '\0') {
        return given_ ? (struct refusal){400, "invalid_parameters",
                                         "exchange_index -1 needs a market ticker"}
                      : (struct refusal){0, NULL, NULL};
    }
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (market == NO_INDEX) {
        return (struct refusal){404, "market_not_found", NULL};
    }
    *ret_shard = sim->markets[market].exchange_index;
    return (struct refusal){0, NULL, NULL};
}

uint32_t next_account(const struct sim *sim, uint32_t user, int64_t subaccount, int64_t shard,
                      uint32_t *at)
{
    while (*at < SUBACCOUNTS * SHARDS) {
        uint32_t sub = *at / SHARDS;
        uint32_t on = *at % SHARDS;
        (*at)++;
        uint32_t account = sim_account_at(sim, user, sub, on);
        if (account != NO_INDEX && (subaccount < 0 || subaccount == sub) &&
            (shard < 0 || shard == on)) {
            return account;
        }
    }
    return NO_INDEX;
}

/* --- filters of lists --- */

static int list_length(const char *s)
{
    int n = s[0] != '\0';
    for (; *s != '\0'; s++) {
        n += *s == ',';
    }
    return n;
}

static bool read_filter(const struct call *c, int64_t max_limit, int64_t subaccount,
                        struct filter *f)
{
    struct text q = c->req->query;
    query_get(q, "ticker", f->ticker, sizeof f->ticker);
    query_get(q, "event_ticker", f->event, sizeof f->event);
    query_get(q, "status", f->status, sizeof f->status);
    query_get(q, "order_id", f->order_id, sizeof f->order_id);
    if (list_length(f->ticker) > 100) {
        reply_msg(c->r, c->route->op, "Ticker", "max");
        return false;
    }
    if (list_length(f->event) > 10) {
        reply_msg(c->r, c->route->op, "EventTicker", "max");
        return false;
    }
    return page_get(q, c->route->op, max_limit, 100, c->r, &f->limit, &f->from) &&
           query_int(c, "min_ts", "MinTs", 0, INT64_MAX, 0, &f->min_ts) &&
           query_int(c, "max_ts", "MaxTs", 0, INT64_MAX, INT64_MAX, &f->max_ts) &&
           query_int(c, "exchange_index", "ExchangeIndex", 0, INT32_MAX, -1, &f->shard) &&
           query_subaccount(c, subaccount, &f->subaccount);
}

struct filter *filter_read(const struct call *c, int64_t max_limit, int64_t subaccount)
{
    struct filter *f = calloc(1, sizeof *f);
    if (f == NULL) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return NULL;
    }
    if (!read_filter(c, max_limit, subaccount, f)) {
        free(f);
        return NULL;
    }
    return f;
}

bool filter_market(const struct sim *sim, const struct filter *f, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    return list_has(f->ticker, k->ticker) && list_has(f->event, k->event) &&
           (f->shard < 0 || f->shard == k->exchange_index);
}

bool filter_time(const struct filter *f, wall_ns_t at)
{
    int64_t s = at / NS_PER_SEC;
    return s >= f->min_ts && s <= f->max_ts;
}

bool filter_account(const struct sim *sim, const struct filter *f, uint32_t user, uint32_t account)
{
    return sim_owns(sim, user, account) &&
           (f->subaccount < 0 || f->subaccount == sim->subaccount_of[account]);
}
