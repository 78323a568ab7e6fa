/*
 * sim_ws.c - WebSocket connections, and which command a frame is (sheet 5.1, 5.2).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_life.h"

/* --- commands --- */

/* Subscriptions that ended with an error leave before anything is added. */
static void subs_bury(struct sim *sim, struct sim_conn *c)
{
    for (uint32_t i = c->n_subs; i > 0; i--) {
        if (c->subs[i - 1]->dead) {
            sub_end(sim, c->subs[i - 1]);
        }
    }
}

/* The fault ws_error: true when it has answered the command. */
static bool answered_by_fault(struct sim *sim, struct sim_conn *c, uint64_t id)
{
    if (!fault_hits_request(sim, SIM_FAULT_WS_ERROR, true, c->user)) {
        return false;
    }
    int code = sim->faults[SIM_FAULT_WS_ERROR].plan.code;
    if (code != 10 && code != 17 && code != 25) {
        ws_error(sim, c, id, code, NULL);
        return true;
    }
    for (uint32_t i = 0; i < c->n_subs; i++) {
        sub_fail(sim, c->subs[i], code);
    }
    return c->n_subs > 0;
}

static void command(struct sim *sim, struct sim_conn *c, json_t *root)
{
    json_t *jid = json_object_get(root, "id");
    json_t *jcmd = json_object_get(root, "cmd");
    json_t *params = json_object_get(root, "params");
    bool bad_id = jid != NULL && (!json_is_integer(jid) || json_integer_value(jid) < 0);
    uint64_t id = !bad_id && jid != NULL ? (uint64_t)json_integer_value(jid) : 0;
    if (!json_is_object(root) || bad_id || (jcmd != NULL && !json_is_string(jcmd)) ||
        (params != NULL && !json_is_object(params) && !json_is_null(params))) {
        ws_error(sim, c, id, 1, NULL);
        return;
    }
    int64_t second = sim->now / NS_PER_SEC;
    c->commands = second == c->command_second ? c->commands + 1 : 1;
    c->command_second = second;
    if (c->commands > COMMANDS_PER_SEC) {
        ws_error(sim, c, id, 27, NULL);
        return;
    }
    subs_bury(sim, c);
    const char *cmd = jcmd != NULL ? json_string_value(jcmd) : "";
    if (answered_by_fault(sim, c, id)) {
        return;
    }
    if (strcmp(cmd, "list_subscriptions") == 0) {
        ws_list(sim, c, id);
    } else if (strcmp(cmd, "subscribe") != 0 && strcmp(cmd, "unsubscribe") != 0 &&
               strcmp(cmd, "update_subscription") != 0) {
        ws_error(sim, c, id, 5, NULL);
    } else if (!json_is_object(params)) {
        ws_error(sim, c, id, 2, NULL);
    } else if (strcmp(cmd, "subscribe") == 0) {
        ws_cmd_subscribe(sim, c, id, params);
    } else if (strcmp(cmd, "unsubscribe") == 0) {
        ws_cmd_unsubscribe(sim, c, id, params);
    } else {
        ws_cmd_update(sim, c, id, params);
    }
}

/* --- connections --- */

static int refuse(struct buf *body, int status, const char *text)
{
    buf_str(body, text);
    return status;
}

/* 0 with *ret_user, NO_INDEX for a connection without a key where the rules let it in. */
static int check_open(struct sim *sim, const struct sim_auth *auth, struct text path,
                      uint32_t *ret_user, struct buf *body)
{
    if (!text_equal(path, TEXT("/trade-api/ws/v2"))) {
        return refuse(body, 404, "404 page not found\n");
    }
    if (fault_hits_request(sim, SIM_FAULT_WS_REFUSE, true, NO_INDEX)) {
        return refuse(body, sim->faults[SIM_FAULT_WS_REFUSE].plan.status, "refused by a fault\n");
    }
    *ret_user = NO_INDEX;
    if (sim->config.rules.ws_public_open && auth->key_id.n == 0 && auth->signature.n == 0) {
        return 0;
    }
    int status = auth_check(sim, auth, "GET", path, ret_user, body);
    uint32_t n = 0;
    for (const struct sim_conn *c = sim->conns; status == 0 && c != NULL; c = c->next) {
        n += c->user == *ret_user && !c->closing;
    }
    if (n >= CONNECTIONS_MAX) {
        return refuse(body, 429, "{\"error\":\"too many requests\"}");
    }
    return status;
}

int sim_ws_open(struct sim *sim, const struct sim_auth *auth, struct text path, void *peer,
                wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn, struct buf *ret_body)
{
    sim_set_time(sim, wall, now);
    buf_clear(ret_body);
    uint32_t user = NO_INDEX;
    int status = check_open(sim, auth, path, &user, ret_body);
    if (status != 0) {
        return status;
    }
    struct sim_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return refuse(ret_body, 500,
                      "{\"error\":{\"code\":\"internal_server_error\",\"message\":\"internal "
                      "server error\"}}");
    }
    c->sim = sim;
    c->peer = peer;
    c->user = user;
    c->subaccount = user == NO_INDEX ? -1 : sim->keys[sim->key].subaccount;
    c->next = sim->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    sim->conns = c;
    *ret_conn = c;
    return 0;
}

void sim_ws_close(struct sim *sim, struct sim_conn *c)
{
    while (c->n_subs > 0) {
        sub_end(sim, c->subs[c->n_subs - 1]);
    }
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        sim->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    free(c->subs);
    link_finish(c);
    free(c);
}

void sim_ws_frame(struct sim *sim, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                  mono_ns_t now)
{
    sim_set_time(sim, wall, now);
    life_catch_up(sim);
    sim->count.ws_frames_in++;
    if (conn->closing || conn->mute) {
        return;
    }
    json_t *root = json_loadb(frame.p, frame.n, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) {
        ws_error(sim, conn, 0, 1, NULL);
        return;
    }
    command(sim, conn, root);
    json_decref(root);
}

void sim_ws_writable(struct sim *sim, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now)
{
    sim_set_time(sim, wall, now);
    link_flush(sim, conn);
}
