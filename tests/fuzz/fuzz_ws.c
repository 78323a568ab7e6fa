/*
 * WebSocket commands of any form. Each line of the input is a frame of the client; a line that
 * begins with '!' is something else that happens:
 *
 *   !R digits   rules, a bit for each, before the first frame    !T digits   so many ms pass
 *   !C digit    another connection of four speaks from now on     !B          its reader blocks, or
 *   !O          a user trades in the first market                             reads again
 *   !M word     a market is listed                                !F text     a fault
 *
 * What comes out must be JSON with a known type, and without faults seq must count from 1 for each
 * sid of a connection. At the end nothing may be left.
 */
#include "sim_world.h"

#define CONNS 4
#define SIDS  256

struct reader {
    struct sim_conn *conn; /* NULL: not connected */
    bool full, closed;
    int64_t seq[SIDS];
};
struct world {
    struct sim *sim;
    struct reader readers[CONNS];
    size_t current;
    wall_ns_t wall;
    mono_ns_t now;
    bool faults, repeats; /* what comes out may be odd; get_snapshot repeats a seq */
    uint32_t orders;
};

static bool known_type(const char *type)
{
    static const char *const types[] = {"subscribed",
                                        "unsubscribed",
                                        "ok",
                                        "error",
                                        "orderbook_snapshot",
                                        "orderbook_delta",
                                        "ticker",
                                        "trade",
                                        "fill",
                                        "user_order",
                                        "market_position",
                                        "order_group_updates",
                                        "market_lifecycle_v2",
                                        "multivariate_market_lifecycle",
                                        "event_lifecycle",
                                        "event_fee_update",
                                        "cfbenchmarks_value_indexlist",
                                        "pyth_value_underlying_list"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_seq(const struct world *w, struct reader *r, const json_t *frame)
{
    const json_t *seq = json_object_get(frame, "seq");
    json_int_t sid = json_integer_value(json_object_get(frame, "sid"));
    if (seq == NULL || sid < 1 || sid >= SIDS) {
        return;
    }
    bool next = json_integer_value(seq) == r->seq[sid] + 1;
    bool repeat = w->repeats && json_object_get(frame, "id") != NULL;
    ensure(next || repeat || w->faults);
    r->seq[sid] = next || w->faults ? json_integer_value(seq) : r->seq[sid];
}

static enum status take_frame(void *self, struct sim_conn *conn, void *peer, const char *s,
                              size_t n)
{
    struct world *w = self;
    struct reader *r = peer;
    (void)conn;
    if (r->full) {
        return ST_FULL;
    }
    json_t *j = json_loadb(s, n, JSON_REJECT_DUPLICATES, NULL);
    ensure(j != NULL || w->faults);
    if (j != NULL) {
        const char *type = json_string_value(json_object_get(j, "type"));
        ensure(type != NULL && known_type(type));
        check_seq(w, r, j);
    }
    json_decref(j);
    return ST_OK;
}

static void take_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    ((struct reader *)peer)->closed = true;
}

static struct sim_rules rules_of(unsigned long bits)
{
    struct sim_rules r = sim_rules_default();
    r.acks_first = bits & 1;
    r.frame_newline = !(bits & 2);
    r.price_decimals = bits & 4 ? 3 : 4;
    r.add_markets_snapshots = !(bits & 8);
    r.get_snapshot_seq = !(bits & 16);
    r.unknown_ticker = bits & 32 ? RULE_UNKNOWN_ERROR : RULE_UNKNOWN_EMPTY;
    r.slow_reader = bits & 64 ? RULE_SLOW_CLOSE : RULE_SLOW_CODE;
    r.timestamps = !(bits & 128);
    r.shuffle_channels = (bits & 256) != 0;
    r.extra_keys = (bits & 512) != 0;
    r.deprecated_fields = !(bits & 1024);
    r.error_market_ticker = (bits & 2048) != 0;
    r.ws_public_open = (bits & 4096) != 0;
    return r;
}

/* The last of the connections has no key where the rules let it in. */
static void connect_reader(struct world *w, struct reader *r)
{
    struct sim_auth auth = auth_of(KEY, w->wall);
    if (r == &w->readers[CONNS - 1]) {
        auth = (struct sim_auth){{"", 0}, {"", 0}, {"", 0}};
    }
    memset(r, 0, sizeof *r);
    r->conn = connect_as(w->sim, &auth, r, w->wall, w->now);
}

static void trade(struct world *w)
{
    char body[400];
    struct sim_http_resp resp;
    memset(&resp, 0, sizeof resp);
    buf_init(&resp.body, 1 << 20);
    snprintf(body, sizeof body,
             "{\"ticker\":\"%s\",\"side\":\"%s\",\"count\":\"2.00\",\"price\":\"0.%s\","
             "\"time_in_force\":\"good_till_canceled\",\"self_trade_prevention_type\":\"maker\"}",
             sim_market(w->sim, 0), w->orders % 2 ? "ask" : "bid",
             w->orders % 4 < 2 ? "9900" : "01");
    w->orders++;
    struct sim_http_req req = {.method = TEXT("POST"),
                               .path = TEXT("/trade-api/v2/portfolio/events/orders"),
                               .query = {"", 0},
                               .auth = auth_of(KEY, w->wall),
                               .body = text_of(body),
                               .content_type = TEXT("application/json")};
    sim_http(w->sim, &req, w->wall, w->now, &resp);
    buf_finish(&resp.body);
}

static void list_market(struct world *w, const char *name)
{
    struct buf reply = {.max = 1 << 20};
    json_t *action = json_pack("{s:s,s:s}", "do", "create_market", "market", name);
    if (action != NULL) {
        enum status st = sim_command(w->sim, action, w->wall, w->now, &reply, NULL);
        ensure(st == ST_OK || reply.n > 0);
    }
    json_decref(action);
    buf_finish(&reply);
}

static void happen(struct world *w, const char *line)
{
    struct reader *r = &w->readers[w->current];
    switch (line[1]) {
    case 'T':
        pass_time(w->sim, line + 2, &w->wall, &w->now);
        break;
    case 'C':
        w->current = (size_t)strtoul(line + 2, NULL, 10) % CONNS;
        if (w->readers[w->current].conn == NULL) {
            connect_reader(w, &w->readers[w->current]);
        }
        break;
    case 'O':
        trade(w);
        break;
    case 'M':
        list_market(w, line + 2);
        break;
    case 'B':
        r->full = !r->full;
        if (!r->full && r->conn != NULL) {
            sim_ws_writable(w->sim, r->conn, w->wall, w->now);
        }
        break;
    case 'F': {
        struct sim_fault_plan plan;
        struct err err = {0};
        if (sim_fault_read(line + 2, &plan, &err) == ST_OK) {
            w->faults = true;
            plan.count = plan.count > 1000 ? 1000 : plan.count; /* malformed: frames at once */
            sim_fault_start(w->sim, &plan, w->wall, w->now);
        } else {
            ensure(err.text[0] != '\0');
        }
        break;
    }
    default:
        break;
    }
}

static void one_line(struct world *w, struct text line)
{
    static char copy[512];
    if (line.p[0] == '!' && line.n > 1) {
        if (text_copy(copy, sizeof copy, line)) {
            happen(w, copy);
        }
    } else if (w->readers[w->current].conn != NULL) {
        sim_ws_frame(w->sim, w->readers[w->current].conn, line, w->wall, w->now);
    }
    for (size_t i = 0; i < CONNS; i++) {
        struct reader *r = &w->readers[i];
        if (r->closed && r->conn != NULL) {
            sim_ws_close(w->sim, r->conn);
            r->conn = NULL;
            connect_reader(w, r);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {KEY};
    const char *s = (const char *)data;
    struct world w = {.wall = WALL, .now = NS_PER_SEC};
    struct sim_config c = sim_config_default();
    struct sim_out out = {.self = &w, .send = take_frame, .close = take_close};
    char rules[16];
    if (size > 2 && s[0] == '!' && s[1] == 'R' &&
        text_copy(rules, sizeof rules, next_line(&s, &size))) {
        c.rules = rules_of(strtoul(rules + 2, NULL, 10));
    }
    w.repeats = !c.rules.get_snapshot_seq;
    c.markets = 3;
    c.rate = 50;
    c.duration_ns = 3 * NS_PER_SEC;
    c.key_ids = keys;
    c.n_keys = 1;
    c.write_capacity = c.write_rate = 1000000;
    ensure(sim_create(&c, &out, &anybody, w.wall, w.now, &w.sim, NULL) == ST_OK);
    connect_reader(&w, &w.readers[0]);
    while (size > 0) {
        struct text line = next_line(&s, &size);
        if (line.n > 0) {
            one_line(&w, line);
        }
    }
    for (size_t i = 0; i < CONNS; i++) {
        if (w.readers[i].conn != NULL) {
            sim_ws_close(w.sim, w.readers[i].conn);
        }
    }
    json_t *d = dump_of(w.sim);
    json_t *n = json_object_get(json_object_get(d, "counters"), "connections");
    ensure(json_is_integer(n) && json_integer_value(n) == 0);
    json_decref(d);
    sim_destroy(w.sim);
    return 0;
}
