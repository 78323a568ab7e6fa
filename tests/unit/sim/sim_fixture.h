/*
 * sim_fixture.h - a simulator without sockets for tests: signed requests, and connections whose
 * frames are kept as parsed JSON.
 */
#ifndef SIM_FIXTURE_H
#define SIM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "shared_data.h"
#include "sim/sim.h"

#define KEY_A "a0000000-0000-4000-8000-00000000000a"
#define KEY_B "b0000000-0000-4000-8000-00000000000b"
#define WALL  (INT64_C(1795420800) * NS_PER_SEC) /* 2026-11-23 08:00:00 UTC */

struct peer {
    json_t *frames; /* array */
    size_t malformed;
    bool full, closed;
    bool bare; /* frames end without a newline */
    struct sim_conn *conn;
};

struct fix {
    struct sim *sim;
    wall_ns_t wall;
    mono_ns_t now;
    struct sim_http_resp resp;
    json_t *body; /* of the last response; NULL when it was no JSON */
};

static enum status fix_send(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n)
{
    (void)self;
    (void)conn;
    struct peer *p = peer;
    if (p->full) {
        return ST_FULL;
    }
    assert_int_equal(s[n - 1] == '\n', !p->bare);
    json_t *j = json_loadb(s, n, 0, NULL);
    if (j == NULL) {
        p->malformed++;
    } else {
        json_array_append_new(p->frames, j);
    }
    return ST_OK;
}

static void fix_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    ((struct peer *)peer)->closed = true;
}

/* The fake signature is the text that was to be signed. */
static bool fix_verify(void *self, struct text key_id, const char *text, size_t n,
                       struct text signature)
{
    (void)self;
    (void)key_id;
    return text_equal((struct text){text, n}, signature);
}

static bool fix_known(void *self, struct text key_id)
{
    (void)self;
    (void)key_id;
    return true;
}

static inline enum status fix_try(struct fix *f, struct sim_config c, struct err *err)
{
    static const char *const keys[] = {KEY_A, KEY_B};
    *f = (struct fix){.wall = WALL, .now = 1000 * NS_PER_SEC};
    c.key_ids = keys;
    c.n_keys = 2;
    struct sim_out out = {.send = fix_send, .close = fix_close};
    struct sim_verifier v = {NULL, fix_verify, fix_known};
    buf_init(&f->resp.body, (size_t)64 << 20);
    return sim_create(&c, &out, &v, f->wall, f->now, &f->sim, err);
}

static inline struct fix fix_make(struct sim_config c)
{
    struct fix f;
    struct err err = {0};
    if (fix_try(&f, c, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return f;
}

/* Generated markets that stand still: the first event comes long after the tests. */
static inline struct fix fix_still(void)
{
    struct sim_config c = sim_config_default();
    c.markets = 9;
    c.rate = 1e-9;
    c.duration_ns = 0;
    return fix_make(c);
}

static inline void fix_end(struct fix *f)
{
    json_decref(f->body);
    buf_finish(&f->resp.body);
    sim_destroy(f->sim);
}

static inline void fix_advance(struct fix *f, mono_ns_t ns)
{
    f->wall += ns;
    f->now += ns;
    sim_tick(f->sim, f->wall, f->now);
}

/* Send a request; query may be part of path. skew_ms moves the client's clock. */
static inline int fix_request_skewed(struct fix *f, const char *key, const char *method,
                                     const char *path, const char *body, int64_t skew_ms)
{
    char p[4096];
    char ts[32];
    char sign[4096 + 64];
    snprintf(p, sizeof p, "/trade-api/v2%s", path);
    char *query = strchr(p, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    snprintf(ts, sizeof ts, "%lld", (long long)(f->wall / NS_PER_MS + skew_ms));
    snprintf(sign, sizeof sign, "%s%s%s", ts, method, p);
    struct sim_http_req req = {.method = text_of(method),
                               .path = text_of(p),
                               .query = text_of(query != NULL ? query : ""),
                               .body = text_of(body != NULL ? body : ""),
                               .content_type = TEXT("application/json")};
    if (key != NULL) {
        req.auth = (struct sim_auth){text_of(key), text_of(ts), text_of(sign)};
    }
    sim_http(f->sim, &req, f->wall, f->now, &f->resp);
    json_decref(f->body);
    f->body = f->resp.body.n > 0 ? json_loadb(f->resp.body.p, f->resp.body.n, 0, NULL) : NULL;
    return f->resp.status;
}

static inline int fix_request(struct fix *f, const char *key, const char *method, const char *path,
                              const char *body)
{
    return fix_request_skewed(f, key, method, path, body, 0);
}

/* A number or text inside the last body, by a path of keys separated by '/'. */
static inline json_t *fix_get(json_t *j, const char *path)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    char *rest = NULL;
    for (char *s = strtok_r(copy, "/", &rest); s != NULL && j != NULL;
         s = strtok_r(NULL, "/", &rest)) {
        j = json_is_array(j) ? json_array_get(j, (size_t)atoi(s)) : json_object_get(j, s);
    }
    return j;
}

static inline const char *fix_text(json_t *j, const char *path)
{
    const char *s = json_string_value(fix_get(j, path));
    return s != NULL ? s : "(none)";
}

/* --- WebSocket --- */

static inline struct peer *fix_connect(struct fix *f, const char *key)
{
    struct peer *p = calloc(1, sizeof *p);
    p->frames = json_array();
    char ts[32];
    char sign[128];
    snprintf(ts, sizeof ts, "%lld", (long long)(f->wall / NS_PER_MS));
    snprintf(sign, sizeof sign, "%sGET/trade-api/ws/v2", ts);
    struct sim_auth auth = {text_of(key), text_of(ts), text_of(sign)};
    struct buf body = {.max = 4096};
    assert_int_equal(
        sim_ws_open(f->sim, &auth, TEXT("/trade-api/ws/v2"), p, f->wall, f->now, &p->conn, &body),
        0);
    buf_finish(&body);
    return p;
}

static inline void fix_disconnect(struct fix *f, struct peer *p)
{
    sim_ws_close(f->sim, p->conn);
    json_decref(p->frames);
    free(p);
}

static inline void fix_frame(struct fix *f, struct peer *p, const char *text)
{
    sim_ws_frame(f->sim, p->conn, text_of(text), f->wall, f->now);
}

/* Frame i, counted from the end when negative. */
static inline json_t *fix_nth(const struct peer *p, int i)
{
    size_t n = json_array_size(p->frames);
    return json_array_get(p->frames, i >= 0 ? (size_t)i : n - (size_t)-i);
}

static inline json_t *fix_dump(struct fix *f)
{
    struct buf b = {.max = (size_t)256 << 20};
    sim_dump(f->sim, &b);
    assert_false(b.failed);
    json_t *j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    buf_finish(&b);
    return j;
}

#endif
