/*
 * Scenarios and actions of any form against the simulator. An input that begins with 'A' is
 * actions, one JSON text a line (a line that begins with 'O' is an order of the user, 'C' cancels
 * all); any other is a scenario, and if it is accepted it runs to its end (or for a while). Replies
 * must be JSON, refusals must say why, the money must add up, the dump must be JSON.
 */
#include "sim_world.h"

#define STEPS_MAX 300

static enum status take_frame(void *self, struct sim_conn *conn, void *peer, const char *s,
                              size_t n)
{
    (void)self;
    (void)conn;
    (void)peer;
    (void)s;
    return n > 0 ? ST_OK : ST_FULL;
}

static void take_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)conn;
    (void)peer;
    *(bool *)self = true;
}

static struct sim_conn *follow(struct sim *sim)
{
    static const char all[] = "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":"
                              "[\"market_lifecycle_v2\",\"ticker\",\"trade\",\"user_orders\"]}}";
    struct sim_auth auth = auth_of(KEY, WALL);
    struct sim_conn *conn = connect_as(sim, &auth, NULL, WALL, NS_PER_SEC);
    ensure(conn != NULL);
    sim_ws_frame(sim, conn, TEXT(all), WALL, NS_PER_SEC);
    return conn;
}

static void request(struct sim *sim, const char *method, struct text body, wall_ns_t wall,
                    mono_ns_t now)
{
    struct sim_http_resp resp = {.body = {.max = (size_t)1 << 20}};
    struct sim_http_req req = {.method = text_of(method),
                               .path = TEXT("/trade-api/v2/portfolio/events/orders"),
                               .query = TEXT(""),
                               .auth = auth_of(KEY, wall),
                               .body = body,
                               .content_type = TEXT("application/json")};
    sim_http(sim, &req, wall, now, &resp);
    ensure(resp.status >= 200 && resp.status < 600);
    buf_finish(&resp.body);
}

static void act(struct sim *sim, struct text line, wall_ns_t wall, mono_ns_t now)
{
    if (line.n > 0 && (line.p[0] == 'O' || line.p[0] == 'C')) {
        request(sim, line.p[0] == 'O' ? "POST" : "DELETE", (struct text){line.p + 1, line.n - 1},
                wall, now);
        return;
    }
    json_t *action = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    if (action == NULL) {
        return;
    }
    struct err err = {0};
    struct buf reply;
    buf_init(&reply, (size_t)64 << 20);
    enum status st = sim_command(sim, action, wall, now, &reply, &err);
    json_t *j = json_loadb(reply.p, reply.n, JSON_REJECT_DUPLICATES, NULL);
    ensure(j != NULL && json_is_true(json_object_get(j, "ok")) == (st == ST_OK));
    ensure(st == ST_OK || err.text[0] != '\0');
    json_decref(j);
    buf_finish(&reply);
    json_decref(action);
}

static void act_lines(struct sim *sim, const char *s, size_t size)
{
    wall_ns_t wall = WALL;
    mono_ns_t now = NS_PER_SEC;
    while (size > 0) {
        act(sim, next_line(&s, &size), wall, now);
        wall += NS_PER_SEC / 4;
        now += NS_PER_SEC / 4;
        sim_tick(sim, wall, now);
    }
}

static void play(struct sim *sim, struct text text)
{
    struct err err = {0};
    if (sim_load_scenario(sim, "input", text, &err) != ST_OK) {
        ensure(strncmp(err.text, "input: ", 7) == 0);
        return;
    }
    struct sim_step step;
    mono_ns_t now = NS_PER_SEC;
    sim_tick(sim, WALL, now);
    for (int i = 0; i < STEPS_MAX && !sim_finished(sim); i++) {
        mono_ns_t due = sim_deadline(sim);
        if (due == NS_NEVER || due > (mono_ns_t)365 * 86400 * NS_PER_SEC) {
            break;
        }
        now = due > now ? due : now + 1;
        sim_tick(sim, WALL + now - NS_PER_SEC, now);
        while (sim_next_step(sim, &step)) {
            ensure(step.number > 0 && step.name != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {KEY};
    bool closed = false;
    struct sim *sim = NULL;
    struct sim_config c = sim_config_default();
    struct sim_out out = {.self = &closed, .send = take_frame, .close = take_close};
    c.markets = 0;
    c.balance = BALANCE;
    c.key_ids = keys;
    c.n_keys = 1;
    ensure(sim_create(&c, &out, &anybody, WALL, NS_PER_SEC, &sim, NULL) == ST_OK);
    struct sim_conn *conn = follow(sim);
    const char *s = (const char *)data;
    if (size > 0 && s[0] == 'A') {
        act_lines(sim, s + 1, size - 1);
    } else {
        play(sim, (struct text){size > 0 ? s : "", size});
    }
    check_money(sim, BALANCE);
    sim_ws_close(sim, conn);
    sim_destroy(sim);
    return 0;
}
