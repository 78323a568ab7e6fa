/*
 * cmd_guard.c - `deltaflow guard`: a second, small process that takes a run's orders off the book
 * when the run cannot.
 *
 * It reads the run's heartbeat file. When that is too old (the run is frozen, stuck or gone), or
 * the run has not heard the exchange for too long (its network is gone), it triggers the run's
 * order groups, cancels all orders of the account, and reads what rests until nothing does. It has
 * a key, a connection and a clock of its own, and shares no thread with anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/guard_act.h"
#include "cli/ready_file.h"
#include "cli/run_control.h"
#include "net/http_client.h"
#include "net/keys.h"
#include "net/url.h"

extern char **environ;

#define LOOK_NS    (200 * NS_PER_MS)
#define REQUEST_NS (5 * NS_PER_SEC)

static const char usage[] =
    "usage: deltaflow guard [--exchange READY_FILE] [options]\n"
    "\n"
    "Watches the heartbeat of `deltaflow run` ([control] heartbeat) and, when it stops, takes the "
    "run's orders off\n"
    "the book: triggers its order groups, cancels all, and reads until nothing rests. Give it a "
    "key of its own\n"
    "([guard] key_id, key_file) and, better, a machine or network of its own.\n"
    "\n"
    "It acts when the heartbeat is older than guard.beat_s, or the run has not heard the exchange "
    "for guard.exchange_s.\n"
    "A run that ended orderly is no reason to act. After it has acted it goes on watching: the "
    "groups stay triggered\n"
    "until `deltaflow resume`, so a run that comes back places nothing.\n"
    "\n"
    "Stops on SIGINT or SIGTERM. exit status: 0 done, 1 failed, 2 usage, 5 configuration or "
    "credentials, 7 it has\n"
    "acted (with --guard-once).\n";

struct guard {
    const struct run_options *o;
    struct key *key;
    struct signer signer;
    struct http_client *http;
    char base[128];
    struct guard_watch watch;
    uint64_t next_id;
    bool answered;
    int status; /* of the last answer; 0: none came */
    struct buf body;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

/* --- requests, one at a time --- */

static void on_done(void *self, const struct http_resp *resp)
{
    struct guard *g = self;
    if (resp->id != g->next_id) {
        return; /* of a request that was given up */
    }
    g->answered = true;
    g->status = resp->fate == HTTP_ANSWERED ? resp->status : 0;
    buf_clear(&g->body);
    buf_add(&g->body, resp->body, resp->body_len);
}

/* The status of the answer, 0 when none came. */
static int request(struct guard *g, enum http_method method, const char *rest, const char *query,
                   const char *body)
{
    char path[SIG_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s", g->base, rest);
    if (n < 0 || (size_t)n >= sizeof path) {
        return 0;
    }
    struct http_req req = {.id = ++g->next_id,
                           .method = method,
                           .path = path,
                           .query = query,
                           .body = body,
                           .body_len = strlen(body),
                           .deadline = clock_mono() + REQUEST_NS,
                           .may_retry_connect = true};
    g->answered = false;
    g->status = 0;
    if (http_client_send(g->http, &req) != ST_OK) {
        return 0;
    }
    mono_ns_t end = clock_mono() + REQUEST_NS + NS_PER_SEC;
    while (!g->answered && clock_mono() < end) {
        http_client_work(g->http, 50 * NS_PER_MS);
    }
    return g->status;
}

/* One step of a try. */
static enum guard_result ask(struct guard *g, struct guard_act *a)
{
    struct guard_request q;
    guard_act_request(a, &q);
    int status = request(g, q.method, q.rest, q.query, q.body);
    if (a->step != GUARD_READ) {
        log_warn("guard", "%s path=%s%s%s status=%d", q.what, q.rest, q.query[0] != '\0' ? "?" : "",
                 q.query, status);
    }
    return guard_act_answer(a, status, g->body.n > 0 ? g->body.p : "", g->body.n);
}

/* Orders that rest; -1: that could not be read. */
static int64_t resting(struct guard *g)
{
    const struct guard_watch none = {0};
    struct guard_act a;
    guard_act_begin(&a, &none, false);
    (void)ask(g, &a);
    return a.left;
}

/* --- acting --- */

static void look(struct guard *g)
{
    struct heartbeat h;
    struct err err = {0};
    bool first = !g->watch.seen;
    enum status st = heartbeat_read(g->o->control.heartbeat, &h, &err);
    if (st == ST_OK) {
        guard_watch_take(&g->watch, &h, clock_mono());
        if (first) {
            log_info("guard", "a run is there pid=%" PRId64 " groups=%u", h.pid, h.n_groups);
        }
    } else if (st == ST_MALFORMED) {
        log_error("guard", "%s", err.text);
    }
    /* A file that has gone or cannot be read is as good as its last heartbeat. */
}

static const char *trouble(const struct guard *g, char *buf, size_t cap)
{
    const struct guard_options *o = &g->o->guard;
    return guard_watch_trouble(&g->watch, o->beat_s, o->exchange_s, clock_mono(), buf, cap);
}

/* Until nothing rests, the trouble is over, or a signal. True: the exchange has confirmed it. */
static bool act(struct guard *g, const char *why)
{
    char buf[160];
    log_error("guard", "acting: %s", why);
    for (uint32_t tries = 1; !stop_signal; tries++) {
        struct guard_act a;
        enum guard_result res = GUARD_NEXT;
        guard_act_begin(&a, &g->watch, g->o->guard.cancel_all);
        while (res == GUARD_NEXT) {
            res = ask(g, &a);
        }
        if (res == GUARD_DONE) {
            log_warn("guard", "done: %" PRId64 " orders rest after %u tries", a.left, tries);
            return true;
        }
        log_error("guard",
                  "not done yet: resting=%" PRId64 " (-1: could not be read), trying again",
                  a.left);
        struct timespec wait = {0, GUARD_AGAIN_NS};
        nanosleep(&wait, NULL);
        look(g);
        if (trouble(g, buf, sizeof buf) == NULL) {
            /* It looks after its orders again, and new ones are not ours to cancel. */
            log_warn("guard", "the run is back before all was done");
            return false;
        }
    }
    return false;
}

static int watch(struct guard *g)
{
    bool acted = false; /* on the trouble that lasts */
    log_info("guard", "watching heartbeat=%s beat_s=%" PRId64 " exchange_s=%" PRId64,
             g->o->control.heartbeat, g->o->guard.beat_s, g->o->guard.exchange_s);
    while (!stop_signal) {
        char why[160];
        look(g);
        const char *t = trouble(g, why, sizeof why);
        if (t != NULL && !acted) {
            acted = act(g, t);
            if (acted && g->o->guard.once) {
                return EXIT_HALTED;
            }
        } else if (t == NULL && acted) {
            acted = false;
            log_warn("guard",
                     "the run is back; its order groups stay triggered until it is resumed");
        }
        if (g->watch.seen && g->watch.h.stopped && g->o->guard.once) {
            log_info("guard", "the run has ended orderly");
            return EXIT_DONE;
        }
        struct timespec wait = {0, LOOK_NS};
        nanosleep(&wait, NULL);
    }
    return EXIT_DONE;
}

/* --- start --- */

static int guard_with(const struct run_options *o)
{
    struct guard g = {.o = o};
    struct url url;
    struct err err = {0};
    buf_init(&g.body, (size_t)32 << 20);
    const char *id = o->guard.key_id[0] != '\0' ? o->guard.key_id : o->exchange.key_id;
    const char *file = o->guard.key_file[0] != '\0' ? o->guard.key_file : o->exchange.key_file;
    int code = EXIT_CONFIG;
    if (o->control.heartbeat[0] == '\0') {
        err_set(&err, ST_INVALID, "[control] heartbeat is empty: there is nothing to watch");
    } else if (id[0] == '\0' || file[0] == '\0') {
        err_set(&err, ST_INVALID, "a key is needed: [guard] key_id and key_file");
    } else if (url_parse(o->exchange.rest_url, "https", &url, &err) == ST_OK &&
               key_load(file, id, &g.key, &err) == ST_OK) {
        struct http_client_config hc = http_client_config_default();
        g.signer = key_signer(g.key);
        text_copy(g.base, sizeof g.base, text_of(url.path));
        hc.url = o->exchange.rest_url;
        hc.ca_file = o->exchange.ca_file;
        hc.signer = &g.signer;
        if (http_client_create(&hc, on_done, &g, &g.http, &err) == ST_OK) {
            int64_t now = resting(&g); /* a key that does not work is found now, not then */
            code = EXIT_DONE;
            if (g.status == 401 || g.status == 403) {
                err_set(&err, ST_DENIED, "the exchange refuses the key %s", id);
                code = EXIT_CONFIG;
            } else if (now < 0) {
                log_warn("guard", "the exchange does not answer yet status=%d", g.status);
            }
        }
    }
    if (code == EXIT_DONE) {
        code = watch(&g);
    } else {
        cli_fail("guard", code, "%s", err.text);
    }
    http_client_destroy(g.http);
    key_destroy(g.key);
    buf_finish(&g.body);
    return code;
}

static int asides(const struct config *c, const struct config_args *args)
{
    struct buf out;
    if (!args->help && args->print == NULL) {
        return args->n_rest > 0
                   ? cli_usage("guard", "'%s' is no option (options begin with --)", args->rest[0])
                   : -1;
    }
    buf_init(&out, 1 << 20);
    if (args->help) {
        buf_str(&out, usage);
        buf_str(&out, "\nOptions are those of `deltaflow run`; used are [exchange], [control], "
                      "[guard] and run.log_level.\n\n");
        config_help(&run_option_table, &out);
    } else {
        config_print(c, &out);
    }
    int code = cli_print("guard", &out);
    buf_finish(&out);
    return code;
}

static int run(int argc, char **argv)
{
    struct run_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    if (config_load(&run_option_table, argc, argv, environ, &o, &c, &args, &err) != ST_OK) {
        config_destroy(c);
        return cli_fail("guard", args.wrong_flag ? EXIT_USAGE : cli_config_code(&err), "%s",
                        err.text);
    }
    int code = asides(c, &args);
    if (code < 0) {
        cli_no_core();
        log_set_level((enum log_level)o.run.log_level);
        struct sigaction sa = {.sa_handler = on_signal};
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        signal(SIGPIPE, SIG_IGN);
        if (o.exchange.file[0] != '\0' && ready_file_apply(c, o.exchange.file, &err) != ST_OK) {
            code = cli_fail("guard", EXIT_CONFIG, "%s", err.text);
        } else if (run_options_check(&o, &err) != ST_OK) {
            code = cli_fail("guard", EXIT_CONFIG, "%s", err.text);
        } else {
            code = guard_with(&o);
        }
    }
    config_destroy(c);
    return code;
}

const struct cli_command cmd_guard = {"guard",
                                      "take a run's orders off the book when the run cannot", run};
