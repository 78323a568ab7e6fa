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
#include "sim_world.h"

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

static void connect_user(struct world *w)
{
    struct sim_auth auth = auth_of(KEY, w->wall);
    w->conn = connect_as(w->sim, &auth, w, w->wall, w->now);
    ensure(w->conn != NULL);
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
    const char *space = memchr(line.p, ' ', line.n);
    size_t n = space != NULL ? (size_t)(space - line.p) : line.n;
    struct text body = {line.p + n, line.n - n};
    body.p += space != NULL;
    body.n -= space != NULL;
    const char *mark = memchr(line.p, '?', n);
    size_t len = mark != NULL ? (size_t)(mark - line.p) : n;
    snprintf(path, sizeof path, "/trade-api/v2%.*s", (int)(len < 1900 ? len : 1900), line.p);
    struct sim_http_req req = {.method = text_of(method),
                               .path = text_of(path),
                               .query = mark != NULL ? (struct text){mark + 1, n - len - 1}
                                                     : (struct text){"", 0},
                               .auth = auth_of(w->key, w->wall),
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
    case 'T':
        pass_time(w->sim, text_copy(word, sizeof word, rest) ? word : "1", &w->wall, &w->now);
        break;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {KEY, KEY_B};
    struct world w = {.wall = WALL, .now = NS_PER_SEC, .key = KEY};
    struct sim_config c = sim_config_default();
    struct sim_out out = {.self = &w, .send = take_frame, .close = take_close};
    c.rules = rules_of(data, size);
    c.markets = 3;
    c.rate = 50;
    c.duration_ns = 3 * NS_PER_SEC;
    c.balance = BALANCE;
    c.key_ids = keys;
    c.n_keys = 2;
    c.write_capacity = c.read_capacity = 1000000;
    ensure(sim_create(&c, &out, &anybody, w.wall, w.now, &w.sim, NULL) == ST_OK);
    buf_init(&w.resp.body, (size_t)64 << 20);
    connect_user(&w);
    const char *s = (const char *)data;
    while (size > 0) {
        struct text line = next_line(&s, &size);
        if (line.n > 0) {
            one_line(&w, line);
        }
    }
    check_money(w.sim, 2 * BALANCE);
    sim_ws_close(w.sim, w.conn);
    buf_finish(&w.resp.body);
    sim_destroy(w.sim);
    return 0;
}
