/*
 * cmd_demo.c - `deltaflow demo`: the main job with nothing configured. Starts a simulated exchange
 * as a process of its own, trades on it with the shipped model over real TLS, WebSocket and signed
 * REST, and says what to look at next.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "config/config.h"

extern char **environ;

static const char usage[] =
    "usage: deltaflow demo [--dir DIR] [--seconds N] [--markets N] [--rate R] [--seed S]\n"
    "\n"
    "Start a simulated exchange with generated order flow, trade on it with the demo model, and "
    "print a summary.\n"
    "Nothing leaves this machine. The exchange's keys, its log and the database stay in DIR.\n"
    "\n"
    "  --dir DIR      where everything is written (default: $XDG_DATA_HOME/deltaflow/demo)\n"
    "  --seconds N    how long the markets are open, 5 to 3600 (default 30)\n"
    "  --markets N    how many, 1 to 500 (default 12)\n"
    "  --rate R       messages a second over all markets (default 1500)\n"
    "  --seed S       of the generated flow and of the policy (default 7)\n";

struct demo {
    char dir[PATH_MAX / 2];
    char exe[PATH_MAX];
    char model[PATH_MAX];
    char ready[PATH_MAX], log[PATH_MAX], db[PATH_MAX], journal[PATH_MAX], spill[PATH_MAX],
        state[PATH_MAX], summary[PATH_MAX];
    long seconds, markets, seed;
    const char *rate;
    pid_t sim;
};

static bool number(const char *text, long min, long max, long *ret)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || v < min || v > max) {
        return false;
    }
    *ret = v;
    return true;
}

/* -1: go on, else an exit code. */
static int parse(struct demo *d, int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"markets", required_argument, NULL, 'm'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int c = getopt_long(argc, argv, "h", options, NULL); c != -1;
         c = getopt_long(argc, argv, "h", options, NULL)) {
        bool fine = true;
        switch (c) {
        case 'd':
            fine = text_copy(d->dir, sizeof d->dir, text_of(optarg));
            break;
        case 's':
            fine = number(optarg, 5, 3600, &d->seconds);
            break;
        case 'm':
            fine = number(optarg, 1, 500, &d->markets);
            break;
        case 'r':
            d->rate = optarg;
            break;
        case 'e':
            fine = number(optarg, 0, LONG_MAX, &d->seed);
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_DONE;
        default:
            return cli_usage("demo", "unknown option '%s'", argv[optind - 1]);
        }
        if (!fine) {
            return cli_usage("demo", "'%s' is out of range", optarg);
        }
    }
    return optind < argc ? cli_usage("demo", "unexpected argument '%s'", argv[optind]) : -1;
}

static bool join(char *out, size_t cap, const char *dir, const char *name)
{
    int n = snprintf(out, cap, "%s/%s", dir, name);
    return n > 0 && (size_t)n < cap;
}

/* The shipped model, beside the source tree's build folder or where `make install` puts it; "" when
 * it is nowhere. */
static void find_model(struct demo *d)
{
    static const char *const places[] = {"../../share/models/demo.safetensors",
                                         "../share/deltaflow/models/demo.safetensors"};
    char exe[PATH_MAX];
    text_copy(exe, sizeof exe, text_of(d->exe));
    const char *dir = dirname(exe);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[PATH_MAX];
        if (join(path, sizeof path, dir, places[i]) && realpath(path, d->model) != NULL) {
            return;
        }
    }
    d->model[0] = '\0';
}

static int prepare(struct demo *d)
{
    if (d->dir[0] == '\0') {
        char data[sizeof d->dir - 8];
        if (!config_dir(CONFIG_DIR_DATA, environ, data, sizeof data)) {
            return cli_fail("demo", EXIT_CONFIG,
                            "neither HOME nor XDG_DATA_HOME is set: give --dir");
        }
        snprintf(d->dir, sizeof d->dir, "%s/demo", data);
    }
    ssize_t n = readlink("/proc/self/exe", d->exe, sizeof d->exe - 1);
    if (n <= 0) {
        return cli_fail("demo", EXIT_FAILED, "/proc/self/exe: %s", strerror(errno));
    }
    d->exe[n] = '\0';
    bool fits = join(d->ready, sizeof d->ready, d->dir, "exchange.json") &&
                join(d->log, sizeof d->log, d->dir, "exchange.log") &&
                join(d->db, sizeof d->db, d->dir, "deltaflow.db") &&
                join(d->journal, sizeof d->journal, d->dir, "orders.journal") &&
                join(d->spill, sizeof d->spill, d->dir, "spill") &&
                join(d->state, sizeof d->state, d->dir, "exchange") &&
                join(d->summary, sizeof d->summary, d->dir, "summary.json");
    struct err err = {0};
    if (!fits || config_make_folder_of(d->ready, &err) != ST_OK) {
        return cli_fail("demo", EXIT_CONFIG, "%s", fits ? err.text : "--dir is too long");
    }
    /* Each demo has an exchange and an account of its own: an older journal speaks of orders that
     * no longer exist. */
    if ((unlink(d->ready) != 0 && errno != ENOENT) ||
        (unlink(d->journal) != 0 && errno != ENOENT)) {
        return cli_fail("demo", EXIT_CONFIG, "%s: %s", d->dir, strerror(errno));
    }
    find_model(d);
    return EXIT_DONE;
}

static void exec_sim(const struct demo *d)
{
    char seed[32], markets[32], seconds[32];
    snprintf(seed, sizeof seed, "%ld", d->seed);
    snprintf(markets, sizeof markets, "%ld", d->markets);
    snprintf(seconds, sizeof seconds, "%ld", d->seconds);
    int fd = open(d->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); /* Ctrl-C is for the trader: it cancels its orders before the exchange goes */
    execl(d->exe, "deltaflow", "sim", "--markets", markets, "--seed", seed, "--rate", d->rate,
          "--duration", seconds, "--tier", "premier", "--wait-for-client", "--state-dir", d->state,
          "--ready-file", d->ready, (char *)NULL);
    _exit(127);
}

static int start_sim(struct demo *d)
{
    fflush(NULL);
    d->sim = fork();
    if (d->sim < 0) {
        return cli_fail("demo", EXIT_FAILED, "fork: %s", strerror(errno));
    }
    if (d->sim == 0) {
        exec_sim(d);
    }
    mono_ns_t end = clock_mono() + 30 * NS_PER_SEC;
    while (access(d->ready, R_OK) != 0) {
        int status;
        if (waitpid(d->sim, &status, WNOHANG) == d->sim) {
            d->sim = 0;
            return cli_fail("demo", EXIT_FAILED, "the simulated exchange ended at once; see %s",
                            d->log);
        }
        if (clock_mono() > end) {
            return cli_fail("demo", EXIT_FAILED,
                            "the simulated exchange does not get ready; see %s", d->log);
        }
        cli_progress("starting the exchange (keys and certificate are made on the first start)");
        usleep(20000);
    }
    cli_progress_end();
    return EXIT_DONE;
}

static void stop_sim(struct demo *d)
{
    if (d->sim > 0) {
        kill(d->sim, SIGTERM);
        waitpid(d->sim, NULL, 0);
        d->sim = 0;
    }
}

static int trade(const struct demo *d)
{
    char seed[32], seconds[32];
    snprintf(seed, sizeof seed, "%ld", d->seed);
    snprintf(seconds, sizeof seconds, "%ld", d->seconds + 10); /* if a market should not close */
    const char *argv[40] = {"run",
                            "--exchange",
                            d->ready,
                            "--store-path",
                            d->db,
                            "--orders-journal",
                            d->journal,
                            "--store-spill",
                            d->spill,
                            "--policy-seed",
                            seed,
                            "--run-duration-s",
                            seconds,
                            "--run-stop-when-closed",
                            "--run-log-level",
                            "warn",
                            "--run-summary-json",
                            d->summary};
    int n = 18;
    argv[n++] = "--policy-kind";
    if (d->model[0] != '\0') {
        argv[n++] = "ppo";
        argv[n++] = "--policy-model";
        argv[n++] = d->model;
        argv[n++] = "--policy-sample";
    } else {
        argv[n++] = "random";
    }
    return cmd_run.run(n, (char **)(uintptr_t)argv);
}

static int run(int argc, char **argv)
{
    struct demo *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return cli_fail("demo", EXIT_FAILED, "out of memory");
    }
    d->seconds = 30;
    d->markets = 12;
    d->seed = 7;
    d->rate = "1500";
    int code = parse(d, argc, argv);
    if (code >= 0) {
        free(d);
        return code;
    }
    code = prepare(d);
    if (code == EXIT_DONE) {
        printf("deltaflow demo: a simulated exchange with %ld markets for %ld s, and a trader on "
               "it, over TLS on this "
               "machine.\n",
               d->markets, d->seconds);
        printf("The model is %s. Its P&L means nothing; what it does is real.\n",
               d->model[0] != '\0' ? "an untrained network with seeded weights that we ship"
                                   : "not installed, so the policy is random");
        code = start_sim(d);
    }
    if (code == EXIT_DONE) {
        code = trade(d);
        stop_sim(d);
    }
    stop_sim(d);
    if (code == EXIT_DONE) {
        printf("\nTry next:\n"
               "  sqlite3 %s 'select * from fills limit 5'   what was recorded\n"
               "  %s verify last --store %s     does it agree with itself\n"
               "  %s replay last --verify --store %s     the same again, bit for bit\n"
               "  %s run --help                              trade on the demo environment, or "
               "your own model\n"
               "  %s sim --help                              an exchange for your own bot\n",
               d->db, d->exe, d->db, d->exe, d->db, d->exe, d->exe);
    }
    free(d);
    return code;
}

const struct cli_command cmd_demo = {
    "demo", "simulator, trading and a summary, with nothing configured", run};
