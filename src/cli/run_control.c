#include "cli/run_control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "net/admin.h"
#include "net/files.h"
#include "net/keys.h"

#define BEAT_NS  NS_PER_SEC
#define STUCK_NS (3 * NS_PER_SEC) /* a thread that has not turned for so long does not live */

struct run_control {
    struct run *r;
    struct admin *admin;
    mono_ns_t next_beat;
    uint32_t told_groups; /* run.groups_changed when a beat was last written */
    bool told_stuck, told_file;
};

/* --- what is told --- */

static const char *state_name(const struct run *r)
{
    static const char *const names[] = {[RUN_ENGINE_STARTING] = "starting",
                                        [RUN_ENGINE_READY] = "ready",
                                        [RUN_ENGINE_HALTED] = "halted",
                                        [RUN_ENGINE_IDLE_STOPPED] = "stopped"};
    return names[atomic_load_explicit(&r->engine_state, memory_order_acquire)];
}

static void write_status(struct run *r, struct buf *out)
{
    struct run_public p = run_public_get(r);
    const struct engine_metrics *m = engine_metrics(r->engine);
    buf_printf(out, "{\"ok\":true,\"state\":\"%s\",\"reason\":", state_name(r));
    buf_json_str(out, text_of(p.halt_reason));
    buf_printf(out,
               ",\"ready\":%s,\"flattening\":%s,\"trading\":%s,\"paper\":%s,\"pid\":%d,\"session_"
               "id\":\"%016" PRIx64 "\",\"markets\":%" PRIu64 ",\"open_orders\":%" PRIu64
               ",\"positions\":%" PRIu64 ",\"orders\":%" PRIu64 ",\"fills\":%" PRIu64
               ",\"journal_unsynced\":%" PRIu64 "}",
               p.ready ? "true" : "false", p.flattening ? "true" : "false",
               r->trading ? "true" : "false", r->paper ? "true" : "false", (int)getpid(),
               r->session_id, counter_get(&r->monitor.markets), counter_get(&m->open_orders),
               counter_get(&m->positions), counter_get(&m->verdicts[VERDICT_SENT]),
               counter_get(&m->applied[EV_FILL]),
               r->journal != NULL ? journal_pending(r->journal) : 0);
}

static void refuse(struct buf *out, const char *why)
{
    buf_str(out, "{\"ok\":false,\"error\":");
    buf_json_str(out, text_of(why));
    buf_char(out, '}');
}

/* --- what is asked --- */

enum status run_ask_parse(const json_t *action, struct run_ask *ret, struct err *err)
{
    static const struct {
        const char *name;
        enum command command;
    } commands[] = {{"halt", CMD_HALT},
                    {"resume", CMD_RESUME},
                    {"flatten", CMD_FLATTEN},
                    {"cancel_all", CMD_CANCEL_ALL}};
    const char *name = json_string_value(json_object_get(action, "do"));
    *ret = (struct run_ask){.status_only = strcmp(name, "status") == 0};
    if (ret->status_only) {
        return ST_OK;
    }
    const json_t *keep = json_object_get(action, "keep");
    const json_t *reason = json_object_get(action, "reason");
    if ((keep != NULL && !json_is_boolean(keep)) || (reason != NULL && !json_is_string(reason))) {
        return err_set(err, ST_MALFORMED, "keep is a boolean and reason a text");
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) != 0) {
            continue;
        }
        const char *given = reason != NULL ? json_string_value(reason) : name;
        snprintf(ret->reason, sizeof ret->reason, "%s", given[0] != '\0' ? given : name);
        ret->command = commands[i].command;
        ret->flags = json_is_true(keep) ? ENGINE_CMD_KEEP : 0;
        return ST_OK;
    }
    return err_set(err, ST_MALFORMED,
                   "there is no such action: status, halt, resume, flatten, cancel_all");
}

static void on_action(void *self, const json_t *action, struct buf *reply)
{
    struct run_control *c = self;
    struct run_ask ask;
    struct err err = {0};
    if (run_ask_parse(action, &ask, &err) != ST_OK) {
        refuse(reply, err.text);
        return;
    }
    if (!ask.status_only) {
        log_warn("run", "told to %s: %s", json_string_value(json_object_get(action, "do")),
                 ask.reason);
        run_command(c->r, ask.command, ask.flags, ask.reason);
    }
    write_status(c->r, reply);
}

/* --- heartbeat --- */

static int64_t wall_ms_of(mono_ns_t then, mono_ns_t now)
{
    return then == 0 ? 0 : (clock_wall() - (now - then)) / NS_PER_MS;
}

static void write_beat(struct run_control *c, mono_ns_t now, bool stopped, const char *outcome)
{
    struct run *r = c->r;
    struct run_public p = run_public_get(r);
    struct buf out;
    struct err err = {0};
    buf_init(&out, 1 << 16);
    mono_ns_t heard = atomic_load_explicit(&r->heard, memory_order_acquire);
    buf_printf(&out,
               "{\"pid\":%d,\"session_id\":\"%016" PRIx64
               "\",\"beat_ms\":%lld,\"exchange_ms\":%lld,\"trading\":%s,\"stopped\":%s,\"state\":",
               (int)getpid(), r->session_id, (long long)(clock_wall() / NS_PER_MS),
               (long long)wall_ms_of(heard, now), r->trading && !r->paper ? "true" : "false",
               stopped ? "true" : "false");
    buf_json_str(&out, text_of(stopped ? outcome : state_name(r)));
    buf_str(&out, ",\"groups\":[");
    for (uint32_t i = 0; i < p.n_groups; i++) {
        buf_str(&out, i == 0 ? "" : ",");
        buf_json_str(&out, text_of(p.groups[i]));
    }
    buf_str(&out, "],\"shards\":[");
    for (uint32_t i = 0; i < p.n_groups; i++) {
        buf_printf(&out, "%s%d", i == 0 ? "" : ",", (int)p.shards[i]);
    }
    buf_str(&out, "]}\n");
    enum status st =
        out.failed ? ST_NOMEM : file_write(r->o->control.heartbeat, out.p, out.n, 0600, &err);
    if (st != ST_OK && !c->told_file) {
        c->told_file = true;
        log_error("run", "the heartbeat cannot be written, and a guard will act: %s", err.text);
    }
    buf_finish(&out);
}

/* The threads that orders depend on turn. */
static bool alive(const struct run *r, mono_ns_t now)
{
    mono_ns_t actor = atomic_load_explicit(&r->beat_actor, memory_order_acquire);
    mono_ns_t gateway = atomic_load_explicit(&r->beat_gateway, memory_order_acquire);
    return (actor == 0 || now - actor < STUCK_NS) &&
           (!r->trading || gateway == 0 || now - gateway < STUCK_NS);
}

static void beat(struct run_control *c, mono_ns_t now)
{
    /* A guard can trigger only the groups that it knows: a new one is told at once. */
    uint32_t groups = atomic_load_explicit(&c->r->groups_changed, memory_order_acquire);
    if (c->r->o->control.heartbeat[0] == '\0' || (now < c->next_beat && groups == c->told_groups)) {
        return;
    }
    c->told_groups = groups;
    c->next_beat = now + BEAT_NS;
    if (alive(c->r, now)) {
        write_beat(c, now, false, "");
        c->told_stuck = false;
    } else if (!c->told_stuck) {
        c->told_stuck = true;
        log_error("run", "a thread is stuck: the heartbeat stops");
    }
}

/* --- life --- */

int run_control_open(struct run *r, struct run_control **ret, struct err *err)
{
    const struct control_options *o = &r->o->control;
    struct run_control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        err_set(err, ST_NOMEM, "no memory for the control socket");
        return EXIT_FAILED;
    }
    c->r = r;
    enum status st = ST_OK;
    if (o->heartbeat[0] != '\0') {
        st = config_make_folder_of(o->heartbeat, err);
    }
    if (st == ST_OK && o->socket[0] != '\0') {
        char token[NET_PATH_MAX];
        snprintf(token, sizeof token, "%s.token", o->socket);
        st = config_make_folder_of(o->socket, err);
        st = st == ST_OK ? admin_create(o->socket, token, on_action, c, &c->admin, err) : st;
    }
    /* A run that trades must be there to be stopped; one that only watches may do without. */
    if (st != ST_OK && r->trading && !r->paper) {
        run_control_close(c, "");
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
    }
    if (st != ST_OK) {
        log_warn("run", "no control socket: %s", err->text);
    }
    *ret = c;
    return EXIT_DONE;
}

void run_control_work(struct run_control *c, mono_ns_t now)
{
    if (c->admin != NULL) {
        (void)admin_work(c->admin, now);
    }
    beat(c, now);
}

void run_control_close(struct run_control *c, const char *outcome)
{
    if (c == NULL) {
        return;
    }
    if (c->next_beat != 0) {
        bool orderly = outcome[0] != '\0' && strncmp(outcome, "failed", 6) != 0;
        write_beat(c, clock_mono(), orderly, outcome);
    }
    admin_destroy(c->admin);
    free(c);
}
