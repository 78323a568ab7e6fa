/*
 * cmd_sim.c - `deltaflow sim`: the simulated exchange behind its TLS server, one thread.
 *
 * The state folder holds what the exchange is known by: its authority, its certificate, and for
 * each user a key pair and the key's id. All of it is made on the first start and kept.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/sim_calibration.h"
#include "config/options.h"
#include "net/files.h"
#include "net/keys.h"
#include "net/server.h"
#include "sim/sim.h"

extern char **environ;

static const char usage[] =
    "usage: deltaflow sim [--capture FILE... [--speed K] | --markets N --seed S --rate R] "
    "[options]\n"
    "       deltaflow sim --scenario FILE [--markets 0] [--time-scale K] [options]\n"
    "       deltaflow sim --calibration CAPTURE... [--json]\n"
    "\n"
    "A Kalshi-compatible exchange on this machine: REST and WebSocket over TLS on one port, signed "
    "requests, order\n"
    "books, matching, fees, accounts. Its flow is a recording served as if it happened now, or "
    "generated.\n"
    "\n"
    "examples:\n"
    "  deltaflow sim --ready-file sim.json              generated flow; then: deltaflow run "
    "--exchange sim.json\n"
    "  deltaflow sim --capture window.jsonl.zst --speed 10 --ready-file sim.json\n"
    "  deltaflow sim --calibration window.jsonl.zst     recorded and generated flow side by side\n"
    "  deltaflow sim --fault cut@5 --fault http_429@8*3 ...   faults, in seconds after the first "
    "connection\n"
    "  deltaflow sim --markets 0 --scenario examples/scenario.json    what happens when, from a "
    "file\n"
    "  deltaflow sim --fault lag@10:for=5:delay_ms=250 ...     with keys, see docs/SIMULATOR.md\n"
    "\n"
    "Stops on SIGINT or SIGTERM. exit status: 0 done, 1 failed while running, 2 usage, 4 recording "
    "or "
    "scenario refused,\n"
    "5 configuration, 6 address or port cannot be used.\n";

#define FAULTS_MAX 256

struct planned_fault {
    struct sim_fault_plan plan; /* after_ns: from the first connection */
    bool done;
};

struct exchange {
    const struct sim_options *o;
    struct server *server;
    struct sim *sim;
    struct verifier *verifier;
    struct ca_files ca;
    char (*key_ids)[37];
    const char **key_id_list;
    struct planned_fault faults[FAULTS_MAX];
    size_t n_faults;
    mono_ns_t first_connection; /* 0: none yet */
};

/* --- the sim as the server's app --- */

static void app_http(void *self, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
                     struct sim_http_resp *ret_resp)
{
    struct exchange *x = self;
    sim_http(x->sim, req, wall, now, ret_resp);
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

/* --- files --- */

static enum status read_key_id(const char *path, char id[37], struct err *err)
{
    struct buf text;
    buf_init(&text, 64);
    enum status st = file_read(path, &text, err);
    if (st == ST_OK && (text.n < 36 || !text_copy(id, 37, (struct text){text.p, 36}))) {
        st = err_set(err, ST_MALFORMED, "%s holds no key id", path);
    }
    buf_finish(&text);
    return st;
}

static bool user_path(char *out, const char *dir, int64_t user, const char *end)
{
    int n = snprintf(out, NET_PATH_MAX, "%s/user%" PRId64 "%s", dir, user, end);
    return n > 0 && n < NET_PATH_MAX;
}

/* The key of user 1.. : RSA for the odd ones, Ed25519 for the even, since clients have either. */
static enum status ensure_user(struct exchange *x, int64_t user, struct err *err)
{
    char private_path[NET_PATH_MAX], public_path[NET_PATH_MAX], id_path[NET_PATH_MAX];
    const char *dir = x->o->state_dir;
    if (!user_path(private_path, dir, user, ".key") || !user_path(public_path, dir, user, ".pub") ||
        !user_path(id_path, dir, user, ".id")) {
        return err_set(err, ST_LIMIT, "sim.state_dir is too long");
    }
    char *id = x->key_ids[user - 1];
    enum status st = read_key_id(id_path, id, err);
    if (st == ST_NOT_FOUND) {
        st = key_generate(user % 2 == 1 ? KEY_RSA : KEY_ED25519, private_path, public_path, err);
        if (st == ST_OK) {
            st = uuid_random(id);
        }
        if (st == ST_OK) {
            st = file_write(id_path, id, strlen(id), 0644, err);
        }
    }
    return st == ST_OK ? verifier_add(x->verifier, id, public_path, err) : st;
}

static enum status ensure_users(struct exchange *x, struct err *err)
{
    size_t n = (size_t)x->o->users;
    x->key_ids = calloc(n, sizeof *x->key_ids);
    x->key_id_list = calloc(n, sizeof *x->key_id_list);
    if (x->key_ids == NULL || x->key_id_list == NULL) {
        return err_set(err, ST_NOMEM, "no memory for %zu users", n);
    }
    enum status st = verifier_create(&x->verifier);
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        st = ensure_user(x, (int64_t)i + 1, err);
        x->key_id_list[i] = x->key_ids[i];
    }
    return st;
}

/* A JSON string of the whole path, so that the ready file can be used from any folder. */
static void json_path(struct buf *out, const char *path)
{
    char *whole = realpath(path, NULL);
    buf_json_str(out, text_of(whole != NULL ? whole : path));
    free(whole);
}

static void ready_text(const struct exchange *x, struct buf *out)
{
    char key_file[NET_PATH_MAX] = "";
    user_path(key_file, x->o->state_dir, 1, ".key");
    bool v6 = strchr(x->o->listen, ':') != NULL;
    int port = server_port(x->server);
    buf_printf(out, "{\"rest_url\":\"https://%s%s%s:%d/trade-api/v2\",", v6 ? "[" : "",
               x->o->listen, v6 ? "]" : "", port);
    buf_printf(out, "\"ws_url\":\"wss://%s%s%s:%d/trade-api/ws/v2\",\"ca_file\":", v6 ? "[" : "",
               x->o->listen, v6 ? "]" : "", port);
    json_path(out, x->ca.ca_cert);
    buf_printf(out, ",\"key_id\":\"%s\",\"key_file\":", x->key_ids[0]);
    json_path(out, key_file);
    buf_str(out, ",\"markets\":[");
    for (size_t i = 0; sim_market(x->sim, i) != NULL; i++) {
        buf_str(out, i == 0 ? "" : ",");
        buf_json_str(out, text_of(sim_market(x->sim, i)));
    }
    buf_str(out, "]}\n");
}

static enum status write_ready_file(const struct exchange *x, struct err *err)
{
    if (x->o->ready_file[0] == '\0') {
        return ST_OK;
    }
    struct buf out;
    buf_init(&out, 64u << 20);
    ready_text(x, &out);
    enum status st = out.failed ? err_set(err, ST_NOMEM, "no memory for the ready file")
                                : file_write(x->o->ready_file, out.p, out.n, 0600, err);
    buf_finish(&out);
    return st;
}

/* --- building --- */

static enum status plan_faults(struct exchange *x, struct err *err)
{
    const struct config_list *list = &x->o->faults;
    struct buf text;
    buf_init(&text, 1024);
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < list->n;) {
        if (x->n_faults == FAULTS_MAX) {
            st = err_set(err, ST_LIMIT, "more than %d faults", FAULTS_MAX);
            break;
        }
        buf_clear(&text);
        buf_str(&text, list->v[i++]);
        for (; i < list->n && sim_fault_goes_on(list->v[i]); i++) { /* the list's commas */
            buf_char(&text, ',');
            buf_str(&text, list->v[i]);
        }
        struct err why = {0};
        st = sim_fault_read(text.p, &x->faults[x->n_faults].plan, &why);
        if (st != ST_OK) {
            (void)err_set(err, st, "sim.faults: %s", why.text);
        }
        x->n_faults++;
    }
    buf_finish(&text);
    return st;
}

/* Tokens a second and how many seconds of them a bucket holds (kalshi-api.md 7.4). */
static const struct {
    int64_t read, write, read_s, write_s;
} tiers[] = {
    [TIER_BASIC] = {200, 100, 2, 1},       [TIER_ADVANCED] = {300, 300, 2, 2},
    [TIER_EXPERT] = {600, 600, 1, 2},      [TIER_PREMIER] = {1200, 1200, 1, 2},
    [TIER_PARAGON] = {2400, 2400, 1, 2},   [TIER_PRIME] = {4800, 4800, 1, 2},
    [TIER_PRESTIGE] = {12000, 9600, 1, 2},
};

static struct sim_rules rules_of(const struct rules_options *o)
{
    return (struct sim_rules){
        .acks_first = o->acks_first,
        .frame_newline = o->frame_newline,
        .price_decimals = (int)o->price_decimals,
        .add_markets_snapshots = o->add_markets_snapshots,
        .get_snapshot_seq = o->get_snapshot_seq,
        .unknown_ticker = o->unknown_ticker,
        .slow_reader = o->slow_reader,
        .timestamps = o->timestamps,
        .shuffle_channels = o->shuffle_channels,
        .extra_keys = o->extra_keys,
        .deprecated_fields = o->deprecated_fields,
        .error_market_ticker = o->error_market_ticker,
        .ws_public_open = o->ws_public_open,
        .ping_interval_ms = o->ping_interval_ms,
        .ping_when_idle = o->ping_when_idle,
        .pong_timeout_ms = o->pong_timeout_ms,
        .deflate = o->deflate,
        .clock_behind_ms = o->clock_behind_ms,
        .clock_ahead_ms = o->clock_ahead_ms,
        .post_only_cross = o->post_only_cross,
        .fok_kill = o->fok_kill,
        .client_order_id_reuse = o->client_order_id_reuse,
        .cancel_client_order_id = o->cancel_client_order_id,
        .create_200 = o->create_200,
        .stale_read_ms = o->stale_read_ms,
        .last_cursor_null = o->last_cursor_null,
        .settlement_held = o->settlement_held,
        .portfolio_value_cash = o->portfolio_value_cash,
        .book_falling = o->book_falling,
        .book_needs_key = o->book_needs_key,
        .unknown_key_invalid = o->unknown_key_invalid,
        .error_service = o->error_service,
        .balance_free = o->balance_free,
        .entry_cash = o->entry_cash,
        .grain_cent = o->grain_cent,
        .self_per_subaccount = o->self_per_subaccount,
        .close = o->close,
        .user_data_lag_ms = o->user_data_lag_ms,
        .inactive_shut = o->inactive_shut,
    };
}

struct sim_config sim_config_of(const struct sim_options *o)
{
    struct sim_config c = sim_config_default();
    c.rules = rules_of(&o->rules);
    c.captures = o->capture.v;
    c.n_captures = o->capture.n;
    c.capture_align = o->capture_align;
    c.capture_end = o->capture_end;
    c.outcomes = o->outcomes.v;
    c.n_outcomes = o->outcomes.n;
    c.queue_model = o->queue_model;
    c.speed = o->speed;
    c.loop_capture = o->loop_capture;
    c.markets = (uint32_t)o->markets;
    c.seed = (uint64_t)o->seed;
    c.rate = o->rate;
    c.duration_ns = o->duration_s * NS_PER_SEC;
    c.pause_after_ns = o->pause_after_s * NS_PER_SEC;
    c.balance = o->balance;
    c.fee_type = fee_kind_text(o->fee_type);
    c.fee_mult_micros = o->fee_multiplier;
    c.tier_name = tier_kind_text(o->tier);
    c.read_rate = tiers[o->tier].read;
    c.write_rate = tiers[o->tier].write;
    c.read_capacity = tiers[o->tier].read * tiers[o->tier].read_s;
    c.write_capacity = tiers[o->tier].write * tiers[o->tier].write_s;
    c.time_scale = o->time_scale;
    c.exchange_hours = o->hours == HOURS_EXCHANGE;
    c.live_window_ns = o->live_window_s * NS_PER_SEC;
    c.order_window_ns = o->order_window_s * NS_PER_SEC;
    c.wait_for_client = o->wait_for_client;
    return c;
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

static int build(struct exchange *x, struct err *err)
{
    enum status st = plan_faults(x, err);
    if (st == ST_OK) {
        st = ca_ensure(x->o->state_dir, x->o->listen, &x->ca, err);
    }
    if (st == ST_OK) {
        st = ensure_users(x, err);
    }
    if (st != ST_OK) {
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
    }
    struct server_config sc = server_config_default();
    sc.address = x->o->listen;
    sc.port = (int)x->o->port;
    sc.cert_file = x->ca.server_cert;
    sc.key_file = x->ca.server_key;
    sc.ping_ns = x->o->rules.ping_interval_ms * NS_PER_MS;
    sc.ping_when_idle = x->o->rules.ping_when_idle;
    sc.pong_timeout_ns = x->o->rules.pong_timeout_ms * NS_PER_MS;
    sc.deflate = x->o->rules.deflate;
    if (server_create(&sc, &x->server, err) != ST_OK) {
        return EXIT_UNREACHABLE;
    }
    struct sim_config c = sim_config_of(x->o);
    c.key_ids = x->key_id_list;
    c.n_keys = (size_t)x->o->users;
    struct sim_out out = server_out(x->server);
    struct sim_verifier face = verifier_face(x->verifier);
    st = sim_create(&c, &out, &face, clock_wall(), clock_mono(), &x->sim, err);
    if (st != ST_OK) {
        return st == ST_NOMEM ? EXIT_FAILED : c.n_captures > 0 ? EXIT_REFUSED : EXIT_CONFIG;
    }
    if (load_scenario(x, err) != ST_OK) {
        return err->st == ST_NOMEM ? EXIT_FAILED : EXIT_REFUSED;
    }
    const struct server_app app = {
        x,        app_http,    app_ws_open, app_ws_frame, app_ws_close, app_ws_writable,
        app_tick, app_deadline};
    server_serve(x->server, &app);
    return write_ready_file(x, err) == ST_OK ? EXIT_DONE : EXIT_CONFIG;
}

/* Connections end while the sim they belong to is still there. */
static void take_down(struct exchange *x)
{
    server_destroy(x->server);
    sim_destroy(x->sim);
    verifier_destroy(x->verifier);
    free(x->key_ids);
    free(x->key_id_list);
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

static void serve(struct exchange *x)
{
    bool told = false;
    while (!stop_signal && !sim_stopping(x->sim)) {
        server_work(x->server, 100 * NS_PER_MS);
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
}

static int run_with(const struct sim_options *o)
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
                 o->listen, server_port(x->server), x->ca.ca_cert, x->key_ids[0],
                 o->capture.n > 0 ? o->capture.v[0] : "generated");
        serve(x);
        code = write_dump(x, &err);
    }
    if (code != EXIT_DONE) {
        cli_fail("sim", code, "%s", err.text);
    }
    take_down(x);
    free(x);
    return code;
}

/* -1: go on, else an exit code. */
static int handle_asides(const struct config *c, const struct config_args *args, bool files)
{
    if (!args->help && args->print == NULL) {
        return args->n_rest > 0 && !files
                   ? cli_usage("sim", "'%s' is no option (options begin with --)", args->rest[0])
                   : -1;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    if (args->help) {
        buf_str(&out, usage);
        buf_char(&out, '\n');
        config_help(&sim_option_table, &out);
        buf_str(&out, "\nactions of scenarios (keys: docs/SIMULATOR.md):\n");
        sim_command_help(&out);
    } else if (strcmp(args->print, "markdown") == 0) {
        config_markdown(&sim_option_table, &out);
    } else {
        config_print(c, &out);
    }
    fwrite(out.p, 1, out.n, stdout);
    buf_finish(&out);
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct sim_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    if (config_load(&sim_option_table, argc, argv, environ, &o, &c, &args, &err) != ST_OK) {
        config_destroy(c);
        return cli_fail("sim", args.wrong_flag ? EXIT_USAGE : EXIT_CONFIG, "%s", err.text);
    }
    int code = handle_asides(c, &args, o.calibration);
    if (code < 0) {
        log_set_level((enum log_level)o.log_level);
        code = sim_options_check(&o, &err) != ST_OK ? cli_fail("sim", EXIT_CONFIG, "%s", err.text)
               : o.calibration                      ? sim_calibration(&o, c, args.rest, args.n_rest)
                                                    : run_with(&o);
    }
    config_destroy(c);
    return code;
}

const struct cli_command cmd_sim = {"sim", "a Kalshi-compatible exchange on this machine", run};
