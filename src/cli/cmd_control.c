/*
 * cmd_control.c - `deltaflow halt`, `resume`, `flatten` and `status`: a run is told, or asked.
 *
 * With a run the control socket carries the word, and the command waits until it is done. Without
 * one, halt and resume write into the order journal, which the next run reads before it trades.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "config/options.h"
#include "net/admin.h"
#include "net/keys.h"
#include "orders/journal.h"

extern char **environ;

#define ANSWER_NS (10 * NS_PER_SEC)

#define OPTIONS_HELP                                                                               \
    "  --control-socket PATH  socket of the run (default: that of `deltaflow run`)\n"              \
    "  --config FILE          configuration file, as of `deltaflow run`\n"                         \
    "  --json                 print one JSON object (docs/schemas/run-control.json)\n"             \
    "  --help                 this text\n"
#define EXIT_HELP                                                                                  \
    "\n"                                                                                           \
    "Exit status: 0 done, 1 not done within the time, 2 wrong usage, 4 the run refused, 5 "        \
    "configuration\n"                                                                              \
    "or token, 6 no run answers.\n"

static const char halt_help[] =
    "usage: deltaflow halt [--keep] [--reason TEXT] [--wait SECONDS] [options]\n"
    "\n"
    "Stops trading: nothing new leaves, and what rests is cancelled. The halt is stored and "
    "survives\n"
    "restarts; only `deltaflow resume` lets it go. Without a run it is written into the order\n"
    "journal, and the next run does not trade; when orders of the last one may rest, that is "
    "said,\n"
    "with exit status 1.\n"
    "\n"
    "  --keep                 leave what rests\n"
    "  --reason TEXT          kept with the halt (default: halt)\n"
    "  --wait SECONDS         until it is halted and nothing rests (default 10; 0: do not "
    "wait)\n" OPTIONS_HELP EXIT_HELP;

static const char resume_help[] =
    "usage: deltaflow resume [--wait SECONDS] [options]\n"
    "\n"
    "Lets a halt go, of a person or of the program itself, and halts of single markets with it. "
    "Look\n"
    "at orders and positions first. Without a run the release is written into the order journal.\n"
    "\n"
    "  --wait SECONDS         until it trades again (default 10; 0: do not wait)\n" OPTIONS_HELP
        EXIT_HELP;

static const char flatten_help[] =
    "usage: deltaflow flatten [--reason TEXT] [--wait SECONDS] [options]\n"
    "\n"
    "Halts, cancels what rests, and closes every position of followed markets with immediate,\n"
    "reduce-only orders at the best price, within the limits of risk. Stays halted afterwards.\n"
    "\n"
    "  --reason TEXT          kept with the halt (default: flatten)\n"
    "  --wait SECONDS         until nothing is held (default 60; 0: do not wait)\n" OPTIONS_HELP
        EXIT_HELP;

static const char status_help[] = "usage: deltaflow status [options]\n"
                                  "\n"
                                  "How a run is: state, halt, open orders, positions, fills.\n"
                                  "\n" OPTIONS_HELP EXIT_HELP;

struct asked {
    const char *command; /* halt, resume, flatten, status */
    const char *help;
    double wait; /* seconds */
    bool keep, json;
    const char *reason;
    char socket[NET_PATH_MAX], token[NET_PATH_MAX + 8], journal[NET_PATH_MAX];
};

/* Paths as a run with the same configuration has them. */
static int find_paths(struct asked *a, const char *socket, const char *file)
{
    struct run_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    char *argv[6] = {"run", NULL};
    int n = 1;
    if (socket != NULL) {
        argv[n++] = "--control-socket";
        argv[n++] = (char *)(uintptr_t)socket;
    }
    if (file != NULL) {
        argv[n++] = "--config";
        argv[n++] = (char *)(uintptr_t)file;
    }
    int code = EXIT_DONE;
    if (config_load(&run_option_table, n, argv, environ, &o, &c, &args, &err) != ST_OK) {
        code = cli_fail(a->command, cli_config_code(&err), "%s", err.text);
    } else if (o.control.socket[0] == '\0') {
        code = cli_fail(a->command, EXIT_CONFIG, "[control] socket is empty: such a run has none");
    } else {
        snprintf(a->socket, sizeof a->socket, "%s", o.control.socket);
        snprintf(a->token, sizeof a->token, "%s.token", o.control.socket);
        snprintf(a->journal, sizeof a->journal, "%s", o.orders.journal);
    }
    config_destroy(c);
    return code;
}

/* --- asking --- */

static json_t *action_of(const struct asked *a, const char *name)
{
    json_t *j = json_pack("{s:s}", "do", name);
    if (j != NULL && a->keep) {
        (void)json_object_set_new(j, "keep", json_true());
    }
    if (j != NULL && a->reason != NULL) {
        (void)json_object_set_new(j, "reason", json_string(a->reason));
    }
    return j;
}

/* ST_UNREACHABLE: no run. */
static enum status ask(const struct asked *a, const char *name, json_t **ret, struct err *err)
{
    char token[ADMIN_TOKEN_MAX];
    enum status st = admin_token(a->token, token, err);
    if (st == ST_NOT_FOUND) {
        return err_set(err, ST_UNREACHABLE, "no run has had a socket at %s", a->socket);
    }
    if (st != ST_OK) {
        return st;
    }
    json_t *action = action_of(a, name);
    st = action == NULL ? err_set(err, ST_NOMEM, "out of memory")
                        : admin_ask(a->socket, token, action, ANSWER_NS, ret, err);
    explicit_bzero(token, sizeof token);
    json_decref(action);
    return st == ST_CLOSED || st == ST_TIMEOUT
               ? err_set(err, ST_UNREACHABLE, "%s does not answer", a->socket)
               : st;
}

static const char *text_at(const json_t *reply, const char *key)
{
    const char *s = json_string_value(json_object_get(reply, key));
    return s != NULL ? s : "";
}

static int64_t number_at(const json_t *reply, const char *key)
{
    return json_integer_value(json_object_get(reply, key));
}

static bool is_done(const struct asked *a, const json_t *status)
{
    bool halted = strcmp(text_at(status, "state"), "halted") == 0;
    if (strcmp(a->command, "halt") == 0) {
        return halted && (a->keep || number_at(status, "open_orders") == 0) &&
               number_at(status, "journal_unsynced") == 0; /* it survives a loss of power */
    }
    if (strcmp(a->command, "flatten") == 0) {
        return halted && json_is_true(json_object_get(status, "ready")) &&
               number_at(status, "open_orders") == 0 && number_at(status, "positions") == 0;
    }
    return strcmp(a->command, "resume") != 0 || !halted;
}

static int show(const struct asked *a, const json_t *reply, int code)
{
    if (a->json) {
        char *s = json_dumps(reply, JSON_COMPACT | JSON_SORT_KEYS);
        printf("%s\n", s != NULL ? s : "{}");
        free(s);
        return code;
    }
    const char *reason = text_at(reply, "reason");
    printf("%s%s%s%s: %" PRId64 " open orders, %" PRId64 " positions, %" PRId64
           " orders sent, %" PRId64 " fills, %" PRId64 " markets\n",
           text_at(reply, "state"), reason[0] != '\0' ? " (" : "", reason,
           reason[0] != '\0' ? ")" : "", number_at(reply, "open_orders"),
           number_at(reply, "positions"), number_at(reply, "orders"), number_at(reply, "fills"),
           number_at(reply, "markets"));
    return code;
}

static int told(const struct asked *a, json_t *reply)
{
    mono_ns_t begun = clock_mono();
    struct err err = {0};
    while (!is_done(a, reply)) {
        double seconds = (double)(clock_mono() - begun) / 1e9;
        if (seconds >= a->wait) {
            int code = show(a, reply, a->wait == 0 ? EXIT_DONE : EXIT_FAILED);
            json_decref(reply);
            return code == EXIT_DONE
                       ? code
                       : cli_fail(a->command, code, "told, but not done after %.0f s", a->wait);
        }
        if (seconds > 2) {
            cli_progress("waiting: %" PRId64 " open orders, %" PRId64 " positions",
                         number_at(reply, "open_orders"), number_at(reply, "positions"));
        }
        usleep(50000);
        json_t *next = NULL;
        if (ask(a, "status", &next, &err) != ST_OK) {
            json_decref(reply);
            return cli_fail(a->command, EXIT_UNREACHABLE, "the run has gone meanwhile: %s",
                            err.text);
        }
        json_decref(reply);
        reply = next;
    }
    cli_progress_end();
    int code = show(a, reply, EXIT_DONE);
    json_decref(reply);
    return code;
}

/* --- without a run --- */

static int write_journal(const struct asked *a)
{
    bool halt = strcmp(a->command, "halt") == 0;
    struct file_io io;
    struct err err = {0};
    struct journal *j = NULL;
    struct journal_recovery found;
    struct journal_config config = journal_config_default();
    if (config_make_folder_of(a->journal, &err) != ST_OK ||
        journal_file_open(a->journal, &io, &err) != ST_OK) {
        return cli_fail(a->command, EXIT_CONFIG, "no run answers, and %s", err.text);
    }
    enum status st = journal_open(&config, &io, NULL, NULL, &found, &j, &err);
    if (st != ST_OK) {
        return cli_fail(a->command, EXIT_REFUSED, "%s: %s", a->journal, err.text);
    }
    struct journal_record rec = {.type = halt ? JOURNAL_HALT : JOURNAL_RELEASE,
                                 .wall = clock_wall()};
    snprintf(rec.reason, sizeof rec.reason, "%s", a->reason != NULL ? a->reason : a->command);
    bool held = found.halted || (!halt && found.markets_halted > 0);
    bool change = held != halt;
    st = change ? journal_append(j, &rec) : ST_OK;
    st = st == ST_OK ? journal_sync(j) : st;
    journal_close(j);
    if (st != ST_OK) {
        return cli_fail(a->command, EXIT_FAILED, "%s cannot be written", a->journal);
    }
    const char *what = halt ? (change ? "no run answers; the next one is halted"
                                      : "no run answers; it was halted already")
                            : (change ? "no run answers; the next one may trade"
                                      : "no run answers; it was not halted");
    bool left = halt && !a->keep && found.unsettled > 0;
    if (a->json) {
        printf("{\"ok\":true,\"state\":\"no run\",\"reason\":\"%s\"}\n",
               halt ? "halted" : "released");
    } else {
        printf("%s (%s)\n", what, a->journal);
    }
    if (left) {
        return cli_fail(a->command, EXIT_FAILED,
                        "%" PRIu64
                        " orders of the last run may rest at the exchange, and without a "
                        "run nobody cancels them: `deltaflow guard --guard-once` does",
                        found.unsettled);
    }
    return EXIT_DONE;
}

static int act(const struct asked *a)
{
    struct err err = {0};
    json_t *reply = NULL;
    enum status st = ask(a, a->command, &reply, &err);
    bool journal = strcmp(a->command, "halt") == 0 || strcmp(a->command, "resume") == 0;
    if (st == ST_UNREACHABLE && journal) {
        return write_journal(a);
    }
    if (st != ST_OK) {
        return cli_fail(a->command, st == ST_UNREACHABLE ? EXIT_UNREACHABLE : EXIT_CONFIG, "%s",
                        err.text);
    }
    if (!json_is_true(json_object_get(reply, "ok"))) {
        int code = cli_fail(a->command, EXIT_REFUSED, "%s", text_at(reply, "error"));
        json_decref(reply);
        return code;
    }
    return told(a, reply);
}

enum { OPT_SOCKET = 1, OPT_CONFIG, OPT_JSON, OPT_HELP, OPT_KEEP, OPT_REASON, OPT_WAIT };

static int run_as(struct asked a, int argc, char **argv)
{
    static const struct option longs[] = {{"control-socket", required_argument, NULL, OPT_SOCKET},
                                          {"config", required_argument, NULL, OPT_CONFIG},
                                          {"json", no_argument, NULL, OPT_JSON},
                                          {"help", no_argument, NULL, OPT_HELP},
                                          {"keep", no_argument, NULL, OPT_KEEP},
                                          {"reason", required_argument, NULL, OPT_REASON},
                                          {"wait", required_argument, NULL, OPT_WAIT},
                                          {NULL, 0, NULL, 0}};
    const char *socket = NULL;
    const char *file = NULL;
    bool halt = strcmp(a.command, "halt") == 0;
    bool status = strcmp(a.command, "status") == 0;
    optind = 1;
    opterr = 0;
    for (int c = getopt_long(argc, argv, "", longs, NULL); c != -1;
         c = getopt_long(argc, argv, "", longs, NULL)) {
        char *end = NULL;
        if (c == OPT_SOCKET) {
            socket = optarg;
        } else if (c == OPT_CONFIG) {
            file = optarg;
        } else if (c == OPT_JSON) {
            a.json = true;
        } else if (c == OPT_HELP) {
            fputs(a.help, stdout);
            return EXIT_DONE;
        } else if (c == OPT_KEEP && halt) {
            a.keep = true;
        } else if (c == OPT_REASON && !status && strlen(optarg) < REASON_MAX) {
            a.reason = optarg;
        } else if (c == OPT_REASON && !status) {
            return cli_usage(a.command, "--reason has at most %d characters", REASON_MAX - 1);
        } else if (c == OPT_WAIT && !status) {
            a.wait = strtod(optarg, &end);
            if (end == optarg || *end != '\0' || !(a.wait >= 0 && a.wait <= 86400)) {
                return cli_usage(a.command, "--wait '%s' is not 0 to 86400 seconds", optarg);
            }
        } else {
            return cli_usage(a.command, "'%s' is no option of this command", argv[optind - 1]);
        }
    }
    if (optind < argc) {
        return cli_usage(a.command, "'%s' is not understood", argv[optind]);
    }
    int code = find_paths(&a, socket, file);
    return code == EXIT_DONE ? act(&a) : code;
}

static int run_halt(int argc, char **argv)
{
    return run_as((struct asked){.command = "halt", .help = halt_help, .wait = 10}, argc, argv);
}

static int run_resume(int argc, char **argv)
{
    return run_as((struct asked){.command = "resume", .help = resume_help, .wait = 10}, argc, argv);
}

static int run_flatten(int argc, char **argv)
{
    return run_as((struct asked){.command = "flatten", .help = flatten_help, .wait = 60}, argc,
                  argv);
}

static int run_status(int argc, char **argv)
{
    return run_as((struct asked){.command = "status", .help = status_help}, argc, argv);
}

const struct cli_command cmd_halt = {"halt", "stop trading now, until a person resumes", run_halt};
const struct cli_command cmd_resume = {"resume", "let a halt go", run_resume};
const struct cli_command cmd_flatten = {"flatten", "halt, and close every position", run_flatten};
const struct cli_command cmd_status = {"status", "how a run is", run_status};
