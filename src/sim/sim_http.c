/*
 * sim_http.c - requests: routes, signatures, scopes, what a call costs, pauses.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_life.h"
#include "sim/sim_rest.h"

#define ROOT "/trade-api/v2"

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
    jw_open(&w, NULL, '{');
    write_refusal(&w, "error", (struct refusal){401, code, details});
    jw_close(&w, '}');
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
    if (!parse_ms(auth->timestamp, &ms) || ms < now_ms - sim->config.rules.clock_behind_ms ||
        ms > now_ms + sim->config.rules.clock_ahead_ms) {
        return refuse(body, "header_timestamp_expired", NULL);
    }
    uint32_t key = sim_find_key(sim, auth->key_id);
    if (key == NO_INDEX || !sim->verifier.known(sim->verifier.self, auth->key_id)) {
        return refuse(body, "authentication_error",
                      sim->config.rules.unknown_key_invalid ? "INVALID_PARAMETER" : "NOT_FOUND");
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

/* --- routing --- */

static bool has_prefix(struct text s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/* One part of a path, without its slash. */
static struct text next_part(struct text *path)
{
    const char *slash = memchr(path->p, '/', path->n);
    size_t n = slash != NULL ? (size_t)(slash - path->p) : path->n;
    struct text part = {path->p, n};
    size_t skip = slash != NULL ? n + 1 : n;
    path->p += skip;
    path->n -= skip;
    return part;
}

static bool path_matches(const char *pattern, struct text path, struct text *ret_id)
{
    struct text want = text_of(pattern);
    if (path.n > 0 && path.p[path.n - 1] == '/') {
        return false;
    }
    while (want.n > 0 && path.n > 0) {
        struct text w = next_part(&want);
        struct text p = next_part(&path);
        if (w.n > 0 && w.p[0] == ':' && p.n > 0) {
            *ret_id = p;
        } else if (!text_equal(w, p)) {
            return false;
        }
    }
    return want.n == 0 && path.n == 0;
}

static const struct route *find_route(struct text method, struct text path, struct text *ret_id)
{
    for (size_t i = 0; i < sim_n_routes; i++) {
        *ret_id = (struct text){"", 0};
        if (text_equal(text_of(sim_routes[i].method), method) &&
            path_matches(sim_routes[i].path, path, ret_id)) {
            return &sim_routes[i];
        }
    }
    return NULL;
}

static void reply_429(struct sim_http_resp *r)
{
    reply_json(r, 429);
    buf_str(&r->body, "{\"error\":\"too many requests\"}");
}

/* --- signed requests --- */

/* What faults do to an answer once the request has had its effect. */
static void faults_after(struct sim *sim, bool order, uint32_t user, struct sim_http_resp *r)
{
    if (fault_hits_request(sim, SIM_FAULT_HTTP_500_AFTER, order, user)) {
        reply_nested(r, sim->faults[SIM_FAULT_HTTP_500_AFTER].plan.status, "internal_server_error",
                     NULL);
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

static bool is_get(const struct call *c)
{
    return strcmp(c->route->method, "GET") == 0;
}

/* A key may do what its scopes and its subaccount allow (sheet 3.4). */
static bool may(const struct call *c)
{
    const struct skey *k = &c->sim->keys[c->sim->key];
    if ((k->scopes & c->route->scopes) == 0) {
        reply_nested(c->r, 403, "forbidden", "the key lacks the scope");
        return false;
    }
    if (k->subaccount >= 0 && (c->route->flags & ROUTE_WHOLE) != 0) {
        reply_nested(c->r, 403, "forbidden", "the key is locked to a subaccount");
        return false;
    }
    return true;
}

/* A single write that names a shard is billed to that shard's bucket (sheet 7.4). */
static uint32_t billed_shard(const struct call *c)
{
    char text[16];
    bool named = false;
    int64_t shard = -1;
    if ((c->route->flags & ROUTE_ORDER) == 0 || (c->route->flags & ROUTE_PER_ITEM) != 0) {
        return 0;
    }
    if (query_get(c->req->query, "exchange_index", text, sizeof text)) {
        shard = strtoll(text, NULL, 10);
        named = true;
    } else if (json_is_integer(json_object_get(c->body, "exchange_index"))) {
        shard = json_integer_value(json_object_get(c->body, "exchange_index"));
        named = true;
    }
    if (c->sim->config.rules.auto_every_shard && (!named || shard < 0)) {
        return BUDGET_EVERY_SHARD;
    }
    return shard > 0 && shard < SHARDS ? (uint32_t)shard : 0;
}

static bool pay(const struct call *c)
{
    int64_t cost = c->route->cost;
    if ((c->route->flags & ROUTE_PER_ITEM) != 0) {
        size_t n = json_array_size(json_object_get(c->body, "orders"));
        cost *= n > 0 ? (int64_t)n : 1;
    }
    if (!budget_take(c->sim, c->user, is_get(c), billed_shard(c), cost)) {
        reply_429(c->r);
        return false;
    }
    return true;
}

/* Pauses (sheet 17.1): reads go on, so that a client sees what it has. */
static bool stands_still(const struct call *c)
{
    if (c->sim->exchange_paused && !is_get(c)) {
        reply_nested(c->r, 503, "exchange_paused", NULL);
        return true;
    }
    if (c->sim->trading_paused && (c->route->flags & ROUTE_CREATES) != 0) {
        reply_nested(c->r, 503, "trading_paused", NULL);
        return true;
    }
    return false;
}

static void run(struct call *c)
{
    struct sim *sim = c->sim;
    bool order = (c->route->flags & ROUTE_ORDER) != 0;
    if (fault_hits_request(sim, SIM_FAULT_HTTP_429, order, c->user)) {
        reply_429(c->r);
        return;
    }
    if (!pay(c)) {
        return;
    }
    if (fault_hits_request(sim, SIM_FAULT_HTTP_500, order, c->user)) {
        reply_nested(c->r, sim->faults[SIM_FAULT_HTTP_500].plan.status, "internal_server_error",
                     NULL);
        return;
    }
    if (!stands_still(c)) {
        c->route->run(c);
    }
    faults_after(sim, order, c->user, c->r);
}

static void private_request(struct call *c)
{
    const struct sim_http_req *req = c->req;
    int status = auth_check(c->sim, &req->auth, c->route->method, req->path, &c->user, &c->r->body);
    if (status != 0) {
        c->r->status = status;
        c->r->content_type = "application/json";
        return;
    }
    if (!may(c)) {
        return;
    }
    json_error_t e = {0};
    c->body = req->body.n > 0 ? json_loadb(req->body.p, req->body.n, 0, &e) : NULL;
    c->body_error = e.text;
    run(c);
    json_decref(c->body);
    c->body = NULL;
    c->body_error = NULL;
}

/* --- switches that concern every answer --- */

/* Put text in the place of gone bytes; text is not shorter. */
static void splice(struct buf *b, size_t at, size_t gone, const char *text)
{
    size_t n = strlen(text);
    size_t tail = b->n - at - gone;
    buf_add(b, text, n);
    if (b->failed) {
        return;
    }
    memmove(b->p + at + n, b->p + at + gone, tail);
    memcpy(b->p + at, text, n);
    b->n = at + n + tail;
    b->p[b->n] = '\0';
}

static void apply_rules(const struct sim *sim, bool creates, struct sim_http_resp *r)
{
    static const char last[] = "\"cursor\":\"\"";
    static const char error[] = "{\"error\":{";
    static const char details[] = "\"details\":";
    const struct sim_rules *k = &sim->config.rules;
    struct buf *b = &r->body;
    if (creates && k->create_200 && r->status == 201) {
        r->status = 200;
    }
    if (b->failed || b->n == 0 || b->p[b->n - 1] != '}') {
        return;
    }
    /* Quotes inside texts are escaped, so these bytes can only be the key. */
    const char *at = k->last_cursor_null ? strstr(b->p, last) : NULL;
    if (at != NULL) {
        splice(b, (size_t)(at - b->p), sizeof last - 1, "\"cursor\":null");
    }
    /* Captured errors with details never named it. */
    if (k->error_service && r->status != 401 && b->n > sizeof error &&
        memcmp(b->p, error, sizeof error - 1) == 0 && strstr(b->p, details) == NULL) {
        splice(b, sizeof error - 1, 0, "\"service\":\"exchange\",");
    }
    if (k->extra_keys) {
        splice(b, b->n - 1, 0,
               b->n > 2 ? ",\"not_known_yet\":{\"a\":[1]}" : "\"not_known_yet\":{}");
    }
}

void sim_http(struct sim *sim, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
              struct sim_http_resp *r)
{
    sim_set_time(sim, wall, now);
    life_catch_up(sim);
    r->delay_ns = 0;
    r->drop = false;
    r->cut = false;
    reply_json(r, 200);
    size_t root = strlen(ROOT);
    if (!has_prefix(req->path, ROOT "/")) {
        sim_count_request(sim, req, TEXT(""));
        reply_unknown_route(r);
        return;
    }
    struct text rest = {req->path.p + root, req->path.n - root};
    sim_count_request(sim, req, rest);
    struct call c = {.sim = sim, .req = req, .r = r};
    c.route = find_route(req->method, rest, &c.id);
    bool get = text_equal(req->method, TEXT("GET"));
    if (c.route != NULL) {
        private_request(&c);
    } else if (!get || !(public_route(sim, req, rest, r) || account_costs(rest, r))) {
        reply_unknown_route(r);
    }
    apply_rules(sim, c.route != NULL && (c.route->flags & ROUTE_CREATES) != 0, r);
}
