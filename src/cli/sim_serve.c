/*
 * sim_serve.c - a simulator behind its TLS server and its admin socket, one thread.
 *
 * The state folder holds what the exchange is known by: its authority, its certificate, its users'
 * keys, the admin socket and its token. All of it is made on the first start and kept.
 *
 * A restart (the fault, or an action) takes the server down with all its connections and makes it
 * again on the same port; the exchange behind it is read from the state file, or goes on in memory
 * when there is none, or begins anew.
 */
#include "cli/sim_serve.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/sim_calibration.h"
#include "net/files.h"

#define TURN_NS       (100 * NS_PER_MS)
#define ADMIN_TURN_NS (20 * NS_PER_MS) /* the admin socket is looked at once in a turn */
#define ADMIN_BUSY_NS (NS_PER_MS)      /* while somebody is connected to it */

/* --- the sim as the server's app --- */

static void app_http(void *self, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
                     struct sim_http_resp *ret_resp)
{
    struct exchange *x = self;
    sim_http(x->sim, req, wall, now, ret_resp);
    /* What is answered is kept; reading changes nothing that is not noticed elsewhere. */
    if (!keep_save(x, !text_equal(req->method, TEXT("GET")))) {
        ret_resp->drop = true;
    }
}

static int app_ws_open(void *self, const struct sim_auth *auth, struct text path, void *peer,
                       wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn,
                       struct buf *ret_body)
{
    struct exchange *x = self;
    int status = sim_ws_open(x->sim, auth, path, peer, wall, now, ret_conn, ret_body);
    if (status == 0 && x->first_connection == 0) {
        x->first_connection = now;
    }
    return status;
}

static void app_ws_frame(void *self, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                         mono_ns_t now)
{
    struct exchange *x = self;
    sim_ws_frame(x->sim, conn, frame, wall, now);
    (void)keep_save(x, false);
}

static void app_ws_close(void *self, struct sim_conn *conn)
{
    struct exchange *x = self;
    sim_ws_close(x->sim, conn);
}

static void app_ws_writable(void *self, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now)
{
    struct exchange *x = self;
    sim_ws_writable(x->sim, conn, wall, now);
}

static void log_steps(struct exchange *x)
{
    struct sim_step step;
    while (sim_next_step(x->sim, &step)) {
        if (step.error == NULL) {
            log_info("sim", "scenario action=%u do=%s", step.number, step.name);
        } else {
            log_warn("sim", "scenario action=%u do=%s: %s", step.number, step.name, step.error);
        }
    }
}

static void app_tick(void *self, wall_ns_t wall, mono_ns_t now)
{
    struct exchange *x = self;
    for (size_t i = 0; i < x->n_faults; i++) {
        struct planned_fault *f = &x->faults[i];
        if (!f->done && x->first_connection != 0 && now - x->first_connection >= f->plan.after_ns) {
            f->done = true;
            log_info("sim", "fault %s count=%u", sim_fault_name(f->plan.fault), f->plan.count);
            sim_fault_start(x->sim, &f->plan, wall, now);
        }
    }
    sim_tick(x->sim, wall, now);
    log_steps(x);
    (void)keep_save(x, false);
}

static mono_ns_t app_deadline(void *self)
{
    struct exchange *x = self;
    mono_ns_t next = sim_deadline(x->sim);
    for (size_t i = 0; i < x->n_faults; i++) {
        mono_ns_t at = x->first_connection + x->faults[i].plan.after_ns;
        if (!x->faults[i].done && x->first_connection != 0 && at < next) {
            next = at;
        }
    }
    return next;
}

/* --- building --- */

static void on_restart(void *self, bool with_state)
{
    struct exchange *x = self;
    x->restart = with_state ? RESTART_KEEP : RESTART_FORGET;
}

/* The server's functions take the server as self, the restart is ours. */
static enum status out_send(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n)
{
    struct exchange *x = self;
    struct sim_out out = server_out(x->server);
    return out.send(out.self, conn, peer, s, n);
}

static void out_close(void *self, struct sim_conn *conn, void *peer)
{
    struct exchange *x = self;
    struct sim_out out = server_out(x->server);
    out.close(out.self, conn, peer);
}

static void out_part(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                     size_t part)
{
    struct exchange *x = self;
    struct sim_out out = server_out(x->server);
    out.send_part(out.self, conn, peer, s, n, part);
}

static void out_mute(void *self, struct sim_conn *conn, void *peer)
{
    struct exchange *x = self;
    struct sim_out out = server_out(x->server);
    out.mute(out.self, conn, peer);
}

static int start_server(struct exchange *x, struct err *err)
{
    struct server_config sc = server_config_default();
    sc.address = x->o->listen;
    sc.port = x->port != 0 ? x->port : (int)x->o->port;
    sc.cert_file = x->ca.server_cert;
    sc.key_file = x->ca.server_key;
    sc.ping_ns = x->o->rules.ping_interval_ms * NS_PER_MS;
    sc.ping_when_idle = x->o->rules.ping_when_idle;
    sc.pong_timeout_ns = x->o->rules.pong_timeout_ms * NS_PER_MS;
    sc.deflate = x->o->rules.deflate;
    if (server_create(&sc, &x->server, err) != ST_OK) {
        return EXIT_UNREACHABLE;
    }
    x->port = server_port(x->server);
    return EXIT_DONE;
}

static enum status load_scenario(struct exchange *x, struct err *err)
{
    if (x->o->scenario[0] == '\0') {
        return ST_OK;
    }
    struct buf text;
    buf_init(&text, 64u << 20);
    enum status st = file_read(x->o->scenario, &text, err);
    if (st == ST_OK) {
        struct text whole = {text.n > 0 ? text.p : "", text.n};
        st = sim_load_scenario(x->sim, x->o->scenario, whole, err);
    }
    buf_finish(&text);
    return st;
}

static int start_sim(struct exchange *x, const struct sim_rows_in *state, struct err *err)
{
    struct sim_config c = sim_config_of(x->o);
    people_config(x->people, &c);
    c.state = state;
    struct sim_out out = {.self = x,
                          .send = out_send,
                          .close = out_close,
                          .restart = on_restart,
                          .send_part = out_part,
                          .mute = out_mute};
    struct sim_verifier face = verifier_face(x->verifier);
    struct sim_keys keys = verifier_keys(x->verifier);
    enum status st = sim_create(&c, &out, &face, clock_wall(), clock_mono(), &x->sim, err);
    if (st != ST_OK) {
        return st == ST_NOMEM                      ? EXIT_FAILED
               : state != NULL || c.n_captures > 0 ? EXIT_REFUSED
                                                   : EXIT_CONFIG;
    }
    sim_set_keys(x->sim, &keys);
    if (x->progress.start != 0) {
        sim_scenario_go_on(x->sim, x->progress);
    }
    if (load_scenario(x, err) != ST_OK) {
        return err->st == ST_NOMEM ? EXIT_FAILED : EXIT_REFUSED;
    }
    return EXIT_DONE;
}

/* From the state file, if it holds an exchange. */
static int start_exchange(struct exchange *x, struct err *err)
{
    bool holds = false;
    enum status st = keep_open(x, &holds, err);
    if (st != ST_OK) {
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_REFUSED;
    }
    struct sim_rows_in in = {0};
    if (holds) {
        in = simdb_in(x->db);
    }
    int code = start_sim(x, holds ? &in : NULL, err);
    if (code == EXIT_DONE && holds) {
        log_info("sim", "goes on with the state of %s", x->o->state);
    }
    return code == EXIT_DONE && keep_begin(x, err) != ST_OK ? EXIT_FAILED : code;
}

static int open_doors(struct exchange *x, struct err *err)
{
    const struct server_app app = {
        x,        app_http,    app_ws_open, app_ws_frame, app_ws_close, app_ws_writable,
        app_tick, app_deadline};
    server_serve(x->server, &app);
    return sim_write_ready_file(x, err) == ST_OK ? EXIT_DONE : EXIT_CONFIG;
}

/* --- the admin socket --- */

static void admin_do(void *self, const json_t *action, struct buf *reply)
{
    struct exchange *x = self;
    struct err err = {0};
    const char *name = json_string_value(json_object_get(action, "do"));
    enum status st = sim_command(x->sim, action, clock_wall(), clock_mono(), reply, &err);
    log_info("sim", "admin do=%.40s %s%s", name, st == ST_OK ? "ok" : "refused: ", err.text);
    if (!keep_save(x, true)) {
        buf_clear(reply);
        buf_str(reply, "{\"ok\":false,\"error\":\"the state cannot be written\"}");
    }
}

static int open_admin(struct exchange *x, struct err *err)
{
    char socket_path[NET_PATH_MAX];
    char token_path[NET_PATH_MAX];
    bool asked = x->o->admin_socket[0] != '\0';
    if (asked && strcmp(x->o->admin_socket, "none") == 0) {
        return EXIT_DONE;
    }
    snprintf(token_path, sizeof token_path, "%s/admin.token", x->o->state_dir);
    snprintf(socket_path, sizeof socket_path, "%s/admin.sock", x->o->state_dir);
    enum status st = admin_create(asked ? x->o->admin_socket : socket_path, token_path, admin_do, x,
                                  &x->admin, err);
    /* Nobody asked for it, and the folder may serve two simulators, or be too deep for a socket. */
    if (!asked && (st == ST_LIMIT || st == ST_EXISTS)) {
        log_warn("sim", "no admin socket: %s", err->text);
        return EXIT_DONE;
    }
    return st == ST_OK ? EXIT_DONE : st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

static int build(struct exchange *x, struct err *err)
{
    enum status st = sim_plan_faults(x, err);
    st = st == ST_OK ? sim_check_dump(x, err) : st;
    if (st == ST_OK) {
        st = ca_ensure(x->o->state_dir, x->o->listen, &x->ca, err);
    }
    if (st == ST_OK) {
        st = people_create(x, err);
    }
    if (st != ST_OK) {
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
    }
    int code = start_server(x, err);
    code = code == EXIT_DONE ? start_exchange(x, err) : code;
    code = code == EXIT_DONE ? open_admin(x, err) : code;
    return code == EXIT_DONE ? open_doors(x, err) : code;
}

/* Connections end while the sim they belong to is still there. */
static void take_down(struct exchange *x)
{
    admin_destroy(x->admin);
    server_destroy(x->server);
    keep_close(x);
    sim_destroy(x->sim);
    verifier_destroy(x->verifier);
    people_destroy(x->people);
}

/* --- restarts --- */

static int restart(struct exchange *x, struct err *err)
{
    bool forget = x->restart == RESTART_FORGET;
    x->restart = RESTART_NONE;
    server_destroy(x->server);
    x->server = NULL;
    bool reload = forget || x->db != NULL;
    if (reload && !forget) {
        keep_close(x);
    }
    if (reload) {
        x->progress = sim_scenario_progress(x->sim); /* a scenario goes on, whatever is forgotten */
        sim_destroy(x->sim);
        x->sim = NULL;
    }
    int code = start_server(x, err);
    if (code == EXIT_DONE && forget) {
        code = keep_forget(x, err) == ST_OK ? start_sim(x, NULL, err) : EXIT_FAILED;
        code = code == EXIT_DONE && keep_begin(x, err) != ST_OK ? EXIT_FAILED : code;
    } else if (code == EXIT_DONE && reload) {
        code = start_exchange(x, err);
    }
    if (code == EXIT_DONE) {
        log_info("sim", "restarted %s", forget ? "without its state" : "with its state");
        code = open_doors(x, err);
    }
    return code;
}

/* --- running --- */

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

static int write_dump(const struct exchange *x, struct err *err)
{
    if (x->o->dump[0] == '\0') {
        return EXIT_DONE;
    }
    struct buf out;
    buf_init(&out, 1u << 30);
    sim_dump(x->sim, &out);
    enum status st = out.failed ? err_set(err, ST_NOMEM, "the state is too large to be dumped")
                                : file_write(x->o->dump, out.p, out.n, 0600, err);
    buf_finish(&out);
    return st == ST_OK ? EXIT_DONE : EXIT_FAILED;
}

static mono_ns_t turn_of(struct exchange *x)
{
    if (x->admin == NULL) {
        return TURN_NS;
    }
    return admin_work(x->admin, clock_mono()) > 0 ? ADMIN_BUSY_NS : ADMIN_TURN_NS;
}

static int serve(struct exchange *x, struct err *err)
{
    bool told = false;
    while (!stop_signal && !sim_stopping(x->sim) && !x->broken) {
        mono_ns_t wait = turn_of(x);
        if (x->restart != RESTART_NONE) {
            int code = restart(x, err);
            if (code != EXIT_DONE) {
                return code;
            }
        }
        server_work(x->server, sim_stopping(x->sim) ? 0 : wait);
        if (sim_finished(x->sim) && !told) {
            told = true;
            log_info("sim", "the flow is at its end");
        }
        if (told && x->o->exit_when_finished && server_stats(x->server)->connections == 0) {
            break;
        }
    }
    const struct server_stats *s = server_stats(x->server);
    log_info("sim",
             "stopped requests=%" PRIu64 " upgrades=%" PRIu64 " refused=%" PRIu64
             " frames_out=%" PRIu64 " bytes_out=%" PRIu64 " full=%" PRIu64,
             s->requests, s->upgrades, s->refused, s->frames_out, s->bytes_out, s->full);
    return x->broken ? (int)EXIT_FAILED : (int)EXIT_DONE;
}

int sim_serve(const struct sim_options *o)
{
    struct err err = {0};
    struct exchange *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return cli_fail("sim", EXIT_FAILED, "out of memory");
    }
    x->o = o;
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    int code = build(x, &err);
    if (code == EXIT_DONE) {
        log_info("sim", "listening url=https://%s:%d/trade-api/v2 ca=%s key_id=%s source=%s",
                 o->listen, server_port(x->server), x->ca.ca_cert, people_first_key(x->people),
                 o->capture.n > 0  ? o->capture.v[0]
                 : o->markets == 0 ? "none"
                                   : "generated");
        code = serve(x, &err);
        code = code == EXIT_DONE ? write_dump(x, &err) : code;
    }
    if (code != EXIT_DONE) {
        cli_fail("sim", code, "%s", x->broken ? "the state cannot be written" : err.text);
    }
    take_down(x);
    free(x);
    return code;
}
