/*
 * sim_http.c - requests: routes, signatures, token buckets, and the four shapes of errors.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

#define ROOT "/trade-api/v2"

/* --- error bodies (sheet 7.2) --- */

static void begin(struct sim_http_resp *r, int status, const char *content_type)
{
    r->status = status;
    r->content_type = content_type;
    buf_clear(&r->body);
}

struct jw reply_json(struct sim_http_resp *r, int status)
{
    begin(r, status, "application/json");
    return (struct jw){&r->body, false};
}

/* "invalid_price" reads "invalid price". */
static void code_as_text(struct jw *w, const char *key, const char *code)
{
    char text[96];
    text_copy(text, sizeof text, text_of(code));
    for (char *s = text; *s != '\0'; s++) {
        *s = *s == '_' ? ' ' : *s;
    }
    jw_str(w, key, text);
}

static void write_nested(struct jw *w, const char *code, const char *details)
{
    jw_open(w, NULL, '{');
    jw_open(w, "error", '{');
    jw_str(w, "code", code);
    if (strcmp(code, "authentication_error") == 0) {
        jw_str(w, "message", code);
    } else if (strcmp(code, "deprecated_v1_order_endpoint") == 0) {
        jw_str(w, "message", "Please switch to the V2 endpoints");
    } else {
        code_as_text(w, "message", code);
    }
    if (details != NULL) {
        jw_str(w, "details", details);
    }
    jw_close(w, '}');
    jw_close(w, '}');
}

void reply_nested(struct sim_http_resp *r, int status, const char *code, const char *details)
{
    struct jw w = reply_json(r, status);
    write_nested(&w, code, details);
}

void reply_flat(struct sim_http_resp *r, int status, const char *code, const char *details)
{
    struct jw w = reply_json(r, status);
    jw_open(&w, NULL, '{');
    jw_str(&w, "code", code);
    code_as_text(&w, "message", code);
    if (details != NULL) {
        jw_str(&w, "details", details);
    }
    jw_close(&w, '}');
}

void reply_msg(struct sim_http_resp *r, const char *operation, const char *field, const char *tag)
{
    char text[256];
    snprintf(text, sizeof text,
             "Parameter validation failed for %s: Key: '%sParams.%s' Error:Field validation for "
             "'%s' failed on the '%s' tag",
             operation, operation, field, field, tag);
    struct jw w = reply_json(r, 400);
    jw_open(&w, NULL, '{');
    jw_str(&w, "msg", text);
    jw_close(&w, '}');
}

void reply_unknown_route(struct sim_http_resp *r)
{
    begin(r, 404, "text/plain; charset=utf-8");
    buf_str(&r->body, "404 page not found\n");
}

/* --- pages --- */

bool page_get(struct text query, const char *operation, int64_t max, int64_t dflt,
              struct sim_http_resp *r, uint32_t *ret_limit, uint32_t *ret_from)
{
    char text[32];
    int64_t limit = dflt;
    if (query_get(query, "limit", text, sizeof text)) {
        char *end = NULL;
        limit = strtoll(text, &end, 10);
        if (text[0] == '\0' || *end != '\0') {
            reply_msg(r, operation, "Limit", "number");
            return false;
        }
        if (limit < 0 || limit > max) {
            reply_msg(r, operation, "Limit", limit < 0 ? "gte" : "lte");
            return false;
        }
    }
    *ret_limit = (uint32_t)(limit == 0 ? dflt : limit);
    *ret_from = 0;
    /* A cursor is ours when it looks like one; a made-up one gives the first page (sheet 7.3). */
    if (query_get(query, "cursor", text, sizeof text) && text[0] == 'C' && text[1] == 'g') {
        char *end = NULL;
        unsigned long v = strtoul(text + 2, &end, 16);
        *ret_from = *end == '\0' && v < UINT32_MAX ? (uint32_t)v : 0;
    }
    return true;
}

void page_end(struct jw *w, uint32_t next)
{
    char cursor[32] = "";
    if (next != NO_INDEX) {
        snprintf(cursor, sizeof cursor, "Cg%08x", next);
    }
    jw_str(w, "cursor", cursor);
}

/* --- signatures (sheet 3) --- */

static bool parse_ms(struct text s, int64_t *ret)
{
    int64_t v = 0;
    if (s.n == 0 || s.n > 15) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        v = v * 10 + (s.p[i] - '0');
    }
    *ret = v;
    return true;
}

static int refuse(struct buf *body, const char *code, const char *details)
{
    struct jw w = {body, false};
    buf_clear(body);
    write_nested(&w, code, details);
    return 401;
}

int auth_check(struct sim *sim, const struct sim_auth *auth, const char *method, struct text path,
               uint32_t *ret_user, struct buf *body)
{
    if (auth->signature.n == 0 || auth->key_id.n == 0 || auth->timestamp.n == 0) {
        return refuse(body, "signature_is_missing_from_headers", NULL);
    }
    int64_t ms = 0;
    int64_t now_ms = wall_ms(sim->wall);
    if (!parse_ms(auth->timestamp, &ms) || ms < now_ms - CLOCK_BEHIND_MS ||
        ms > now_ms + CLOCK_AHEAD_MS) {
        return refuse(body, "header_timestamp_expired", NULL);
    }
    uint32_t key = sim_find_key(sim, auth->key_id);
    if (key == NO_INDEX || !sim->verifier.known(sim->verifier.self, auth->key_id)) {
        return refuse(body, "authentication_error", "NOT_FOUND");
    }
    struct buf text;
    buf_init(&text, 8192);
    buf_add(&text, auth->timestamp.p, auth->timestamp.n);
    buf_str(&text, method);
    buf_add(&text, path.p, path.n);
    bool good = !text.failed && sim->verifier.verify(sim->verifier.self, auth->key_id, text.p,
                                                     text.n, auth->signature);
    buf_finish(&text);
    if (!good) {
        return refuse(body, "authentication_error", "INCORRECT_API_KEY_SIGNATURE");
    }
    sim->key = key;
    *ret_user = sim->keys[key].user;
    return 0;
}

/* --- token buckets (sheet 7.4) --- */

static bool bucket_take(struct bucket *b, int64_t cost, mono_ns_t now)
{
    int64_t full = b->capacity * NS_PER_SEC;
    int64_t dt = now > b->at ? now - b->at : 0;
    b->at = now;
    /* An hour fills any bucket; the bound keeps the product inside 64 bits. */
    b->nano = dt > 3600 * NS_PER_SEC || dt > (full - b->nano) / (b->rate > 0 ? b->rate : 1)
                  ? full
                  : b->nano + dt * b->rate;
    if (b->nano < cost * NS_PER_SEC) {
        return false;
    }
    b->nano -= cost * NS_PER_SEC;
    return true;
}

static bool has_prefix(struct text s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static int64_t cost_of(bool get, bool delete, struct text rest)
{
    if (get) {
        return has_prefix(rest, "/portfolio/orders/") ? 2 : 10;
    }
    return delete &&has_prefix(rest, "/portfolio/events/orders") ? 2 : 10;
}

/* --- routing --- */

static bool is_order_request(bool get, struct text rest)
{
    return !get && has_prefix(rest, "/portfolio/events/orders");
}

static bool is_v1_order(bool get, struct text rest)
{
    return !get && has_prefix(rest, "/portfolio/orders") &&
           (rest.n == strlen("/portfolio/orders") || rest.p[strlen("/portfolio/orders")] == '/');
}

static void reply_500(struct sim_http_resp *r, int status)
{
    reply_nested(r, status, "internal_server_error", NULL);
}

static void reply_429(struct sim_http_resp *r)
{
    begin(r, 429, "application/json");
    buf_str(&r->body, "{\"error\":\"too many requests\"}");
}

/* What faults do to an answer once the request has had its effect. */
static void faults_after(struct sim *sim, bool order, uint32_t user, struct sim_http_resp *r)
{
    if (fault_hits_request(sim, SIM_FAULT_HTTP_500_AFTER, order, user)) {
        reply_500(r, sim->faults[SIM_FAULT_HTTP_500_AFTER].plan.status);
    } else if (fault_hits_request(sim, SIM_FAULT_TIMEOUT, order, user)) {
        r->drop = true;
        return;
    }
    if (fault_hits_request(sim, SIM_FAULT_SLOW_ANSWER, order, user)) {
        r->delay_ns += fault_delay(sim, SIM_FAULT_SLOW_ANSWER);
    }
    r->cut = sim->faults[SIM_FAULT_PARTIAL_WRITE].plan.http &&
             fault_hits_request(sim, SIM_FAULT_PARTIAL_WRITE, order, user);
}

static void private_request(struct sim *sim, const struct sim_http_req *req, struct text rest,
                            bool get, struct sim_http_resp *r)
{
    char method[8];
    uint32_t user = 0;
    if (!text_copy(method, sizeof method, req->method)) {
        reply_unknown_route(r);
        return;
    }
    int status = auth_check(sim, &req->auth, method, req->path, &user, &r->body);
    if (status != 0) {
        r->status = status;
        r->content_type = "application/json";
        return;
    }
    bool order = is_order_request(get, rest);
    struct user *u = &sim->users[user];
    if (fault_hits_request(sim, SIM_FAULT_HTTP_429, order, user) ||
        !bucket_take(get ? &u->read : &u->write,
                     cost_of(get, text_equal(req->method, TEXT("DELETE")), rest), sim->now)) {
        reply_429(r);
        return;
    }
    if (fault_hits_request(sim, SIM_FAULT_HTTP_500, order, user)) {
        reply_500(r, sim->faults[SIM_FAULT_HTTP_500].plan.status);
        return;
    }
    if (is_v1_order(get, rest)) {
        reply_nested(r, 410, "deprecated_v1_order_endpoint",
                     "https://docs.kalshi.com/api-reference/orders/create-order-v2");
        return;
    }
    bool done = get ? portfolio_route(sim, user, req, rest, r) || account_route(sim, rest, r)
                    : order_route(sim, user, req, rest, r);
    if (!done) {
        reply_unknown_route(r);
        return;
    }
    faults_after(sim, order, user, r);
}

void sim_http(struct sim *sim, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
              struct sim_http_resp *r)
{
    sim_set_time(sim, wall, now);
    sim->count.http_requests++;
    r->delay_ns = 0;
    r->drop = false;
    r->cut = false;
    begin(r, 200, "application/json");
    size_t root = strlen(ROOT);
    if (!has_prefix(req->path, ROOT "/")) {
        reply_unknown_route(r);
        return;
    }
    struct text rest = {req->path.p + root, req->path.n - root};
    bool get = text_equal(req->method, TEXT("GET"));
    if (has_prefix(rest, "/portfolio/") || has_prefix(rest, "/account/")) {
        private_request(sim, req, rest, get, r);
    } else if (!get || !public_route(sim, req, rest, r)) {
        reply_unknown_route(r);
    }
}
