/*
 * cmd_run.c - `deltaflow run`: options, credentials, start, the main thread's watch, stop, summary.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/discovery.h"
#include "cli/market_facts.h"
#include "cli/ready_file.h"
#include "cli/run.h"
#include "cli/run_control.h"
#include "cli/run_engine.h"

extern char **environ;

static const char usage[] =
    "usage: deltaflow run [--exchange READY_FILE] [options]\n"
    "\n"
    "Follow markets over a WebSocket, keep their books, record everything, decide with a policy, "
    "and trade.\n"
    "Nothing is traded with real money unless --live is given: production hosts are refused "
    "without it.\n"
    "\n"
    "examples:\n"
    "  deltaflow run --exchange sim.json --policy random      sim.json: from deltaflow sim "
    "--ready-file sim.json\n"
    "  deltaflow run --markets KXA-1,KXB-2 --key-id ID --key-file key.pem --policy ppo --model "
    "model.zip\n"
    "  deltaflow run --paper --exchange sim.json --policy random      nothing is sent: see below\n"
    "\n"
    "--paper: orders are filled in this process by the matching engine, against the live market "
    "data, with a stated\n"
    "queue model, the series' fees and a modelled latency ([paper]). No order, no private read and "
    "no private\n"
    "subscription is sent: the connection for orders does not exist in the process, and the others "
    "refuse everything\n"
    "but reads of market data. So --live is not needed for production hosts, and cannot be given "
    "with --paper. The\n"
    "account begins anew with each run, with a journal of its own.\n"
    "\n"
    "SIGUSR1 halts trading, as `deltaflow halt` does; only `deltaflow resume` lets it go.\n"
    "Stops on SIGINT or SIGTERM: no new orders, resting ones are cancelled "
    "(orders.cancel_on_stop), queues are\n"
    "drained, the session is closed, a summary is printed. exit status: 0 done, 1 failed while "
    "running, 2 usage,\n"
    "4 model or state refused, 5 configuration or credentials, 6 exchange or database not "
    "reachable, 7 halted.\n"
    "\n"
    "Each option is also a key of the configuration file (--config FILE) and an environment "
    "variable:\n"
    "[orders] count = DELTAFLOW_ORDERS_COUNT = --orders-count.\n";

/* 0 done, -1 go on, else an exit code. */
static int handle_asides(const struct config *c, const struct config_args *args)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    int code = -1;
    if (args->help) {
        buf_str(&out, usage);
        buf_char(&out, '\n');
        config_help(&run_option_table, &out);
        code = EXIT_DONE;
    } else if (args->print != NULL) {
        if (strcmp(args->print, "markdown") == 0) {
            config_markdown(&run_option_table, &out);
        } else {
            config_print(c, &out);
        }
        code = EXIT_DONE;
    }
    if (code == EXIT_DONE) {
        code = cli_print("run", &out);
    }
    buf_finish(&out);
    return code;
}

static bool has_credentials(const struct run_options *o)
{
    return o->exchange.key_id[0] != '\0' && o->exchange.key_file[0] != '\0';
}

static bool wants_trading(const struct run_options *o)
{
    if (o->orders.trading == TRADING_AUTO) {
        return has_credentials(o) && o->policy.kind != POLICY_KIND_HOLD;
    }
    return o->orders.trading == TRADING_ON;
}

static int code_of_discovery(enum status st)
{
    return st == ST_UNREACHABLE || st == ST_TIMEOUT ? EXIT_UNREACHABLE
           : st == ST_NOMEM                         ? EXIT_FAILED
                                                    : EXIT_CONFIG;
}

struct watch {
    struct run *run;
    struct discovery *discovery;
    struct market_facts *facts; /* trading: fees of series; paper: results of markets */
    struct run_control *control;
    bool started;
    uint64_t followed;
    mono_ns_t begun, next_discovery, next_line, next_results;
    char outcome[96];
    struct bus_sub *bus; /* what the progress line shows */
    px_t last_px;
};

static enum status on_market(void *self, const struct ev_market *m)
{
    struct watch *w = self;
    struct ev_market with_fees = *m;
    if (w->facts != NULL) {
        market_facts_follow(w->facts, &with_fees);
    }
    enum status st = run_follow(w->run, &with_fees, w->started);
    if (st == ST_OK) {
        w->followed++;
    }
    return st;
}

/* What came of the run so far, as an exit code; -1: it goes on. */
static int look(struct watch *w, mono_ns_t now)
{
    struct run *r = w->run;
    const struct run_only_options *o = &r->o->run;
    int failed = atomic_load_explicit(&r->failed, memory_order_acquire);
    if (failed != 0) {
        snprintf(w->outcome, sizeof w->outcome, "failed");
        return failed;
    }
    if (o->duration_s > 0 && now - w->begun >= o->duration_s * NS_PER_SEC) {
        snprintf(w->outcome, sizeof w->outcome, "done: duration");
        return EXIT_DONE;
    }
    uint64_t markets = counter_get(&r->monitor.markets);
    if (o->stop_when_closed && markets > 0 && counter_get(&r->monitor.markets_closed) == markets) {
        snprintf(w->outcome, sizeof w->outcome, "done: all markets closed");
        return EXIT_DONE;
    }
    return -1;
}

static void discover_again(struct watch *w, mono_ns_t now)
{
    const struct feed_options *o = &w->run->o->feed;
    if (o->discovery_interval_s == 0 || o->markets.n > 0 || o->markets_file[0] != '\0' ||
        now < w->next_discovery) {
        return;
    }
    w->next_discovery = now + o->discovery_interval_s * NS_PER_SEC;
    struct err err = {0};
    if (discovery_ask(w->discovery, on_market, w, &err) != ST_OK) {
        log_warn("run", "discovery failed, trying again in %" PRId64 " s: %s",
                 o->discovery_interval_s, err.text);
    }
}

static void on_result(void *self, const char *ticker, px_t yes_px)
{
    struct watch *w = self;
    if (run_paper_settle(w->run, ticker, yes_px) != ST_OK) {
        log_warn("run", "the paper account takes no results: market=%s", ticker);
    }
}

/* Paper: what closed markets paid. */
static void ask_results(struct watch *w, mono_ns_t now)
{
    const struct run *r = w->run;
    int64_t every = r->o->paper.settle_poll_s;
    if (w->facts == NULL || !r->paper || every == 0 || now < w->next_results ||
        counter_get(&r->monitor.markets_closed) == 0) {
        return;
    }
    w->next_results = now + every * NS_PER_SEC;
    struct err err = {0};
    if (market_facts_results(w->facts, on_result, w, &err) != ST_OK) {
        log_warn("run", "results of markets cannot be read: %s", err.text);
    }
}

/* The main thread as a subscriber of the event bus: it may lose events, and nobody waits for it. */
static void take_trades(struct watch *w)
{
    for (const struct ev *ev = bus_peek(w->bus); ev != NULL; ev = bus_peek(w->bus)) {
        if (ev->type == EV_TRADE) {
            w->last_px = ((const struct ev_trade *)ev)->yes_px;
        }
        bus_pop(w->bus);
    }
}

static void progress(struct watch *w, mono_ns_t now)
{
    const struct run *r = w->run;
    take_trades(w);
    if (now < w->next_line) {
        return;
    }
    w->next_line = now + NS_PER_SEC / 5;
    const struct engine_metrics *m = engine_metrics(r->engine);
    char last[MONEY_TEXT_MAX];
    px_format(w->last_px, last);
    uint64_t decisions = 0;
    for (int i = 0; i < ACTION_COUNT; i++) {
        decisions += counter_get(&m->decisions[i]);
    }
    cli_progress("%s%6.1f s  markets %" PRIu64 "  changes %" PRIu64 "  decisions %" PRIu64
                 "  orders %" PRIu64 "  fills %" PRIu64 "  last trade $%s%s",
                 r->paper ? "paper " : "", (double)(now - w->begun) / 1e9,
                 counter_get(&r->monitor.markets), counter_get(&m->changes), decisions,
                 counter_get(&m->verdicts[VERDICT_SENT]), counter_get(&m->applied[EV_FILL]), last,
                 atomic_load(&r->monitor.market_link) ? "" : "  (not connected)");
}

/* Until a signal, the end of the duration, closed markets, or a failure. */
static int watch_run(struct watch *w, const sigset_t *signals)
{
    for (;;) {
        struct timespec wait = {0, 10 * NS_PER_MS};
        int sig = sigtimedwait(signals, NULL, &wait);
        if (sig == SIGUSR1) {
            run_command(w->run, CMD_HALT, 0, "SIGUSR1");
        } else if (sig > 0) {
            snprintf(w->outcome, sizeof w->outcome, "done: %s",
                     sig == SIGINT ? "SIGINT" : "SIGTERM");
            return EXIT_DONE;
        }
        mono_ns_t now = clock_mono();
        int code = look(w, now);
        if (code >= 0) {
            return code;
        }
        run_control_work(w->control, now);
        discover_again(w, now);
        ask_results(w, now);
        progress(w, now);
    }
}

static int write_file(const char *path, const struct buf *text, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        return cli_print("run", text);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t done = 0;
    bool fine = fd >= 0 && !text->failed;
    while (fine && done < text->n) {
        ssize_t n = write(fd, text->p + done, text->n - done);
        fine = n >= 0 || errno == EINTR;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && close(fd) != 0) {
        fine = false;
    }
    if (!fine) {
        err_set(err, ST_IO, "run.summary_json %s: %s", path,
                text->failed ? "out of memory" : strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int finish(struct watch *w, int code, struct err *err)
{
    struct run *r = w->run;
    const char *reason = NULL;
    if (!run_stop(r, w->outcome) && code == EXIT_DONE) {
        snprintf(w->outcome, sizeof w->outcome, "failed: orders outstanding at the stop");
        code = EXIT_FAILED;
    }
    if (r->rows_lost > 0 && code == EXIT_DONE) {
        snprintf(w->outcome, sizeof w->outcome,
                 "failed: %" PRIu64 " rows did not reach the database", r->rows_lost);
        code = EXIT_FAILED;
    }
    cli_progress_end();
    if (engine_halted(r->engine, &reason) && !engine_stopping(r->engine) && code == EXIT_DONE) {
        snprintf(w->outcome, sizeof w->outcome, "halted: %s", reason);
        code = EXIT_HALTED;
    }
    double seconds = (double)(clock_mono() - w->begun) / 1e9;
    struct buf out;
    buf_init(&out, 256u << 20);
    run_summary_text(r, seconds, &out);
    bool to_stdout = strcmp(r->o->run.summary_json, "-") == 0;
    if (out.n > 0) {
        fwrite(out.p, 1, out.n, to_stdout ? stderr : stdout);
    }
    if (r->o->run.summary_json[0] != '\0') {
        buf_clear(&out);
        run_summary_json(r, seconds, w->outcome, &out);
        int wrote = write_file(r->o->run.summary_json, &out, err);
        if (wrote != EXIT_DONE) {
            code = to_stdout ? wrote : cli_fail("run", wrote, "%s", err->text);
        }
    }
    buf_finish(&out);
    if (r->store != NULL) {
        store_close(r->store, w->outcome, clock_wall());
        r->store = NULL;
    }
    return code;
}

static int start(struct watch *w, struct err *err)
{
    enum status st = discovery_create(w->run->o, &w->discovery, err);
    if (st != ST_OK) {
        return code_of_discovery(st);
    }
    if (w->run->trading) {
        st = market_facts_create(w->run->o, &w->facts, err);
        if (st != ST_OK) {
            return code_of_discovery(st);
        }
    }
    int code = run_build(w->run, err);
    if (code != EXIT_DONE) {
        return code;
    }
    st = bus_subscribe(w->run->bus, "progress", 1 << 16, bus_bit(EV_TRADE), NULL, &w->bus);
    if (st != ST_OK) {
        err_set(err, st, "no memory for the event bus");
        return EXIT_FAILED;
    }
    st = discovery_ask(w->discovery, on_market, w, err);
    if (st != ST_OK) {
        return code_of_discovery(st);
    }
    if (w->followed == 0) {
        err_set(err, ST_NOT_FOUND,
                "no market to follow: name some (--markets), or widen feed.series, feed.event, "
                "feed.status, "
                "feed.min_volume");
        return EXIT_CONFIG;
    }
    log_info("run", "following markets=%" PRIu64 " trading=%s policy=\"%s\"", w->followed,
             !w->run->trading ? "off"
             : w->run->paper  ? "paper"
                              : "on",
             w->run->policy_line);
    w->begun = clock_mono();
    w->next_discovery = w->begun + w->run->o->feed.discovery_interval_s * NS_PER_SEC;
    code = run_control_open(w->run, &w->control, err);
    if (code == EXIT_DONE) {
        code = run_start(w->run, err);
    }
    w->started = code == EXIT_DONE;
    return code;
}

static int run_with(const struct config *c, const struct run_options *o)
{
    struct err err = {0};
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_fail("run", EXIT_FAILED, "out of memory");
    }
    pthread_mutex_init(&r->public_lock, NULL);
    r->o = o;
    r->trading = wants_trading(o);
    r->paper = o->paper.enabled;
    if (getrandom(&r->session_id, sizeof r->session_id, 0) != (ssize_t)sizeof r->session_id) {
        free(r);
        return cli_fail("run", EXIT_FAILED,
                        "the system gives no random numbers for the session's id");
    }
    struct buf session, selftest;
    buf_init(&session, 64u << 20);
    buf_init(&selftest, 1 << 16);
    if (r->trading && run_risk_selftest(o, &selftest, &err) != ST_OK) {
        buf_finish(&selftest);
        free(r);
        return cli_fail("run", cli_config_code(&err), "%s", err.text);
    }
    run_session_json(c, r->trading, r->paper, r->session_id, r->trading ? selftest.p : NULL,
                     &session);
    bool whole = !selftest.failed && !session.failed;
    buf_finish(&selftest);
    if (!whole) { /* half a text would be recorded */
        buf_finish(&session);
        free(r);
        return cli_fail("run", EXIT_FAILED, "out of memory");
    }
    r->config_json = session.p;

    /* Threads inherit the mask, so that only sigtimedwait sees these. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct watch w = {.run = r};
    int code = start(&w, &err);
    if (code == EXIT_DONE) {
        code = finish(&w, watch_run(&w, &signals), &err);
    } else {
        cli_fail("run", code, "%s", err.text);
        if (r->store != NULL) {
            (void)run_stop(r, "failed to start");
            store_close(r->store, "failed to start", clock_wall());
            r->store = NULL;
        }
    }
    run_control_close(w.control, w.outcome);
    market_facts_destroy(w.facts);
    discovery_destroy(w.discovery);
    run_destroy(r);
    free(r);
    buf_finish(&session);
    return code;
}

/* Two names of one file. */
static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What must be there before anything is built. */
static int check(struct config *c, const struct run_options *o, struct err *err)
{
    if (o->exchange.file[0] != '\0' && ready_file_apply(c, o->exchange.file, err) != ST_OK) {
        return cli_fail("run", cli_config_code(err), "%s", err->text);
    }
    if (run_options_check(o, err) != ST_OK) {
        return cli_fail("run", EXIT_CONFIG, "%s", err->text);
    }
    if (o->paper.enabled && same_file(o->paper.journal, o->orders.journal)) {
        return cli_fail(
            "run", EXIT_CONFIG,
            "[paper] journal %s is the same file as [orders] journal, that of real runs",
            o->paper.journal);
    }
    enum config_source from = config_source(c, "orders", "release_halt");
    if (o->orders.release_halt && (from == CONFIG_FILE || from == CONFIG_ENV)) {
        return cli_fail("run", EXIT_CONFIG,
                        "orders.release_halt is set for every start, so that no halt would outlive "
                        "a restart: give --orders-release-halt once, or use `deltaflow resume`");
    }
    if (!has_credentials(o)) {
        return cli_fail("run", EXIT_CONFIG,
                        "the exchange wants a key for every connection: set exchange.key_id and "
                        "exchange.key_file (or "
                        "--exchange READY_FILE of `deltaflow sim`)");
    }
    cli_no_core();
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct run_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    enum status st = config_load(&run_option_table, argc, argv, environ, &o, &c, &args, &err);
    if (st != ST_OK) {
        config_destroy(c);
        return cli_fail("run", args.wrong_flag ? EXIT_USAGE : cli_config_code(&err), "%s",
                        err.text);
    }
    int code = handle_asides(c, &args);
    if (code < 0 && args.n_rest > 0) {
        code = cli_usage("run", "'%s' is no option (options begin with --)", args.rest[0]);
    }
    if (code < 0) {
        log_set_level((enum log_level)o.run.log_level);
        code = check(c, &o, &err);
        if (code == EXIT_DONE) {
            code = run_with(c, &o);
        }
    }
    config_destroy(c);
    return code;
}

const struct cli_command cmd_run = {"run", "follow markets, decide, trade, record", run};
