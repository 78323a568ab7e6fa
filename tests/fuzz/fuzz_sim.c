/*
 * Requests and WebSocket commands of any form against the simulator. The input is lines: the first
 * character says what a line is, and the simulator lives for the whole input.
 *
 *   G path?query   POST is "P path body", PUT "U path body", DELETE "D path body": signed requests
 *   K              the other user asks from now on
 *   R digits       as the first line: the rules, a bit for each switch of REST and money
 *   W frame        a WebSocket frame            T digits   so many ms pass
 *   F name         a fault                      B          the reader blocks or reads again
 *
 * In a path or body "~o" stands for the last order's id, "~g" for the last group's, "~t" for the
 * first market's ticker, so that inputs need not guess them.
 *
 * After each input the money must add up, the dump must be JSON and every frame sent must be too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "sim/sim.h"

#define KEY     "a0000000-0000-4000-8000-00000000000a"
#define KEY_B   "b0000000-0000-4000-8000-00000000000b"
#define WALL    (INT64_C(1795420800) * NS_PER_SEC)
#define BALANCE (1000 * USD_ONE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct sim *sim;
    struct sim_conn *conn;
    struct sim_http_resp resp;
    wall_ns_t wall;
    mono_ns_t now;
    bool full, malformed, closed;
    const char *key;
    char order[40], group[40];
};

static enum status take_frame(void *self, struct sim_conn *conn, void *peer, const char *s,
                              size_t n)
{
    struct world *w = self;
    (void)conn;
    (void)peer;
    if (w->full) {
        return ST_FULL;
    }
    json_t *j = json_loadb(s, n, JSON_REJECT_DUPLICATES, NULL);
    ensure(j != NULL || w->malformed);
    json_decref(j);
    return ST_OK;
}

static void take_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)conn;
    (void)peer;
    ((struct world *)self)->closed = true;
}

static bool verify(void *self, struct text key_id, const char *text, size_t n,
                   struct text signature)
{
    (void)self;
    (void)key_id;
    (void)text;
    return n > 0 && signature.n > 0;
}

static bool known(void *self, struct text key_id)
{
    (void)self;
    (void)key_id;
    return true;
}

static void connect_user(struct world *w)
{
    char ts[32];
    struct buf body = {.max = 4096};
    snprintf(ts, sizeof ts, "%lld", (long long)(w->wall / NS_PER_MS));
    struct sim_auth auth = {TEXT(KEY), text_of(ts), TEXT("s")};
    ensure(sim_ws_open(w->sim, &auth, TEXT("/trade-api/ws/v2"), w, w->wall, w->now, &w->conn,
                       &body) == 0);
    buf_finish(&body);
    w->closed = false;
}

/* The line with its marks replaced. */
static struct text filled(const struct world *w, struct text line, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < line.n && n + 128 < cap; i++) {
        char kind = line.p[i] == '~' && i + 1 < line.n ? line.p[i + 1] : '\0';
        const char *with = kind == 'o'   ? w->order
                           : kind == 'g' ? w->group
                           : kind == 't' ? sim_market(w->sim, 0)
                                         : NULL;
        if (with == NULL) {
            out[n++] = line.p[i];
            continue;
        }
        n += (size_t)snprintf(out + n, cap - n, "%s", with);
        i++;
    }
    return (struct text){out, n};
}

static void remember(struct world *w, const json_t *answer)
{
    const char *order = json_string_value(json_object_get(answer, "order_id"));
    const char *group = json_string_value(json_object_get(answer, "order_group_id"));
    if (order != NULL) {
        text_copy(w->order, sizeof w->order, text_of(order));
    }
    if (group != NULL) {
        text_copy(w->group, sizeof w->group, text_of(group));
    }
}

static void request(struct world *w, const char *method, struct text raw)
{
    static char room[8192];
    struct text line = filled(w, raw, room, sizeof room);
    char path[2048];
    char ts[32];
    const char *space = memchr(line.p, ' ', line.n);
    size_t n = space != NULL ? (size_t)(space - line.p) : line.n;
    struct text body = {line.p + n, line.n - n};
    body.p += space != NULL;
    body.n -= space != NULL;
    const char *mark = memchr(line.p, '?', n);
    size_t len = mark != NULL ? (size_t)(mark - line.p) : n;
    snprintf(path, sizeof path, "/trade-api/v2%.*s", (int)(len < 1900 ? len : 1900), line.p);
    snprintf(ts, sizeof ts, "%lld", (long long)(w->wall / NS_PER_MS));
    struct sim_http_req req = {.method = text_of(method),
                               .path = text_of(path),
                               .query = mark != NULL ? (struct text){mark + 1, n - len - 1}
                                                     : (struct text){"", 0},
                               .auth = {text_of(w->key), text_of(ts), TEXT("s")},
                               .body = body,
                               .content_type = TEXT("application/json")};
    sim_http(w->sim, &req, w->wall, w->now, &w->resp);
    ensure(w->resp.status >= 200 && w->resp.status < 600 && !w->resp.body.failed);
    if (w->resp.body.n > 0 && strcmp(w->resp.content_type, "application/json") == 0) {
        json_t *j = json_loadb(w->resp.body.p, w->resp.body.n, JSON_REJECT_DUPLICATES, NULL);
        ensure(j != NULL);
        remember(w, j);
        json_decref(j);
    }
}

static void one_line(struct world *w, struct text line)
{
    char word[32];
    struct text rest = {line.p + 1, line.n - 1};
    switch (line.p[0]) {
    case 'G':
        request(w, "GET", rest);
        break;
    case 'P':
        request(w, "POST", rest);
        break;
    case 'D':
        request(w, "DELETE", rest);
        break;
    case 'U':
        request(w, "PUT", rest);
        break;
    case 'K':
        w->key = strcmp(w->key, KEY) == 0 ? KEY_B : KEY;
        break;
    case 'W':
        sim_ws_frame(w->sim, w->conn, rest, w->wall, w->now);
        break;
    case 'T': {
        long ms = text_copy(word, sizeof word, rest) ? strtol(word, NULL, 10) : 1;
        ms = ms < 0 ? 0 : ms > 2000 ? 2000 : ms;
        w->wall += ms * NS_PER_MS;
        w->now += ms * NS_PER_MS;
        sim_tick(w->sim, w->wall, w->now);
        break;
    }
    case 'F':
        if (text_copy(word, sizeof word, rest)) {
            enum sim_fault fault = sim_fault_parse(word);
            w->malformed |= fault == SIM_FAULT_MALFORMED;
            sim_fault(w->sim, fault, 1, w->wall, w->now);
        }
        break;
    case 'B':
        w->full = !w->full;
        if (!w->full) {
            sim_ws_writable(w->sim, w->conn, w->wall, w->now);
        }
        break;
    default:
        break;
    }
    if (w->closed) {
        sim_ws_close(w->sim, w->conn);
        connect_user(w);
    }
}

/* The rules of a first line "R digits"; else the defaults. */
static struct sim_rules rules_of(const uint8_t *data, size_t size)
{
    struct sim_rules r = sim_rules_default();
    unsigned bits = 0;
    if (size == 0 || data[0] != 'R') {
        return r;
    }
    for (size_t i = 1; i < size && data[i] >= '0' && data[i] <= '9'; i++) {
        bits = bits * 10 + (data[i] - '0');
    }
    r.post_only_cross = (bits >> 0) & 1 ? RULE_KILL_CANCEL : RULE_KILL_REJECT;
    r.fok_kill = (bits >> 1) & 1 ? RULE_KILL_CANCEL : RULE_KILL_REJECT;
    r.client_order_id_reuse = (bits >> 2) & 1 ? RULE_REUSE_FINISHED : RULE_REUSE_NEVER;
    r.last_cursor_null = (bits >> 3) & 1;
    r.error_service = (bits >> 4) & 1;
    r.extra_keys = (bits >> 5) & 1;
    r.balance_free = (bits >> 6) & 1;
    r.entry_cash = (bits >> 7) & 1;
    r.grain_cent = (bits >> 8) & 1;
    r.self_per_subaccount = (bits >> 9) & 1;
    r.settlement_held = (bits >> 10) & 1;
    r.deprecated_fields = (bits >> 11) & 1;
    r.cancel_all_lingers_ms = (bits >> 12) & 1 ? 1000 : 0;
    r.create_200 = (bits >> 13) & 1;
    return r;
}

static void check_dump(struct world *w)
{
    static const char *const parts[] = {"cash", "anonymous_cash", "collateral", "fees",
                                        "cut",  "deposits"};
    struct buf b = {.max = (size_t)256 << 20};
    sim_dump(w->sim, &b);
    json_t *d = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    ensure(d != NULL);
    usd_t sum = 0;
    for (size_t i = 0; i < 6; i++) {
        const char *s = json_string_value(json_object_get(json_object_get(d, "money"), parts[i]));
        usd_t v = 0;
        ensure(s != NULL && usd_parse(s, strlen(s), &v) == ST_OK);
        sum += i < 5 ? v : -v;
    }
    ensure(sum == 2 * BALANCE);
    json_decref(d);
    buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {KEY, KEY_B};
    struct world w = {.wall = WALL, .now = NS_PER_SEC, .key = KEY};
    struct sim_config c = sim_config_default();
    struct sim_out out = {.self = &w, .send = take_frame, .close = take_close};
    struct sim_verifier v = {NULL, verify, known};
    c.rules = rules_of(data, size);
    c.markets = 3;
    c.rate = 50;
    c.duration_ns = 3 * NS_PER_SEC;
    c.balance = BALANCE;
    c.key_ids = keys;
    c.n_keys = 2;
    c.write_capacity = c.read_capacity = 1000000;
    ensure(sim_create(&c, &out, &v, w.wall, w.now, &w.sim, NULL) == ST_OK);
    buf_init(&w.resp.body, (size_t)64 << 20);
    connect_user(&w);
    const char *s = (const char *)data;
    while (size > 0) {
        const char *end = memchr(s, '\n', size);
        size_t n = end != NULL ? (size_t)(end - s) : size;
        if (n > 0) {
            one_line(&w, (struct text){s, n});
        }
        n += end != NULL;
        s += n;
        size -= n;
    }
    check_dump(&w);
    sim_ws_close(w.sim, w.conn);
    buf_finish(&w.resp.body);
    sim_destroy(w.sim);
    return 0;
}
