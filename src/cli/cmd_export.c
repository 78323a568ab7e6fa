/*
 * cmd_export.c - `deltaflow export`: rows of a recorded session as CSV or JSON lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/export.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/session_args.h"
#include "net/files.h"

#define MARKETS_MAX 1000

static const char help[] =
    "usage: deltaflow export SESSION --what KIND --format csv|jsonl [options]\n"
    "\n"
    "Writes rows of a recorded session to standard output or into a file. Prices, counts\n"
    "and money are exact decimals, in JSON as text; times are UTC. CSV begins with a line of\n"
    "names; docs/RECORDING.md tells what each column is.\n"
    "\n" SESSION_ARGUMENT_HELP "\n"
    "  --what KIND        deltas, trades, snapshots: market data; orders: the last state of\n"
    "                     each; fills: those that were counted; decisions: with logits,\n"
    "                     verdict and check; observations: the 52 values of each decision;\n"
    "                     gaps: what is known to be missing\n"
    "  --format FORMAT    csv, or jsonl: one object a line (docs/schemas/export.json)\n"
    "  --output FILE      into FILE, which appears when it is complete (a pipe or a device is\n"
    "                     written as it is); without it, to standard output\n"
    "  --market TICKER    only this market; may be repeated, or several with commas\n"
    "  --from TIME        only what was received from then on (orders: that began)\n"
    "  --until TIME       ... before then. A TIME is 2026-06-11T06:29:20Z, seconds since\n"
    "                     1970, or +90s, +15m, +2h behind the session's first "
    "turn\n" SESSION_OPTIONS_HELP "  --help             this text\n"
    "\n"
    "Exit status: 0 done; 1 the output cannot be written, or a signal came (no FILE appears);\n"
    "2 wrong usage; 4 there is no such session or market, or the database is damaged; 5\n"
    "configuration; 6 there is no such database, or it cannot be reached.\n"
    "\n"
    "Examples:\n"
    "  deltaflow export last --what trades --format csv\n"
    "  deltaflow export 7 --what deltas --format jsonl --market KXA-1 --from +5m --output "
    "d.jsonl\n";

struct exporting {
    struct session_args args;
    struct export_config config;
    const char *output, *from, *until;
    bool has_what, has_format;
    const char *markets[MARKETS_MAX];
    char *lists[MARKETS_MAX]; /* copies of --market, cut at their commas */
    size_t n_lists;
    struct progress progress;
};

/* --- options --- */

static int take_what(struct exporting *x, const char *text)
{
    for (int i = 0; i < EXPORT_WHAT_MAX; i++) {
        if (strcmp(export_name((enum export_what)i), text) == 0) {
            x->config.what = (enum export_what)i;
            x->has_what = true;
            return EXIT_DONE;
        }
    }
    return cli_usage("export",
                     "--what '%s' is none of deltas, trades, snapshots, orders, fills, "
                     "decisions, observations, gaps",
                     text);
}

static int take_format(struct exporting *x, const char *text)
{
    x->config.format = strcmp(text, "jsonl") == 0 ? EXPORT_JSONL : EXPORT_CSV;
    x->has_format = true;
    return x->config.format == EXPORT_JSONL || strcmp(text, "csv") == 0
               ? EXIT_DONE
               : cli_usage("export", "--format '%s' is neither csv nor jsonl", text);
}

static int take_markets(struct exporting *x, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL || x->n_lists == MARKETS_MAX) {
        free(copy);
        return cli_fail("export", EXIT_FAILED, "out of memory");
    }
    x->lists[x->n_lists++] = copy;
    char *rest = NULL;
    for (char *t = strtok_r(copy, ",", &rest); t != NULL; t = strtok_r(NULL, ",", &rest)) {
        if (x->config.n_markets == MARKETS_MAX) {
            return cli_usage("export", "more than %d markets", MARKETS_MAX);
        }
        x->markets[x->config.n_markets++] = t;
    }
    return EXIT_DONE;
}

static int parse(int argc, char **argv, struct exporting *x)
{
    enum { WHAT = SESSION_OPT_OWN, FORMAT, OUTPUT, MARKET, FROM, UNTIL };
    static const struct option longs[] = {SESSION_LONG_OPTIONS,
                                          {"what", required_argument, NULL, WHAT},
                                          {"format", required_argument, NULL, FORMAT},
                                          {"output", required_argument, NULL, OUTPUT},
                                          {"market", required_argument, NULL, MARKET},
                                          {"from", required_argument, NULL, FROM},
                                          {"until", required_argument, NULL, UNTIL},
                                          {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0;
    int code = EXIT_DONE;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1 && code == EXIT_DONE;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (c == WHAT) {
            code = take_what(x, optarg);
        } else if (c == FORMAT) {
            code = take_format(x, optarg);
        } else if (c == OUTPUT) {
            x->output = optarg;
        } else if (c == MARKET) {
            code = take_markets(x, optarg);
        } else if (c == FROM) {
            x->from = optarg;
        } else if (c == UNTIL) {
            x->until = optarg;
        } else if (!session_take_option(c, &x->args)) {
            return session_bad_option(&x->args, c, argv);
        }
    }
    if (code != EXIT_DONE || x->args.help) {
        return code;
    }
    if (optind + 1 != argc) {
        return cli_usage("export", "give one SESSION: a number, or last");
    }
    if (!x->has_what || !x->has_format) {
        return cli_usage("export", "say --what, and --format csv or jsonl");
    }
    x->config.markets = x->markets;
    return EXIT_DONE;
}

static int take_times(struct exporting *x)
{
    struct err err = {0};
    wall_ns_t first = 0;
    bool relative =
        (x->from != NULL && x->from[0] == '+') || (x->until != NULL && x->until[0] == '+');
    if (relative) {
        enum status st = export_first_time(x->config.path, x->config.session, &first, &err);
        if (st != ST_OK) {
            return session_fail(&x->args, st, &err);
        }
    }
    if (x->from != NULL && !session_time(x->from, first, &x->config.from)) {
        return cli_usage("export", "--from '%s' is no time", x->from);
    }
    if (x->until != NULL && !session_time(x->until, first, &x->config.until)) {
        return cli_usage("export", "--until '%s' is no time", x->until);
    }
    return EXIT_DONE;
}

/* --- writing --- */

static bool go_on(void *self)
{
    struct exporting *x = self;
    progress_add(&x->progress, 1);
    return !interrupt_asked();
}

static int write_rows(struct exporting *x, FILE *file)
{
    struct err err = {0};
    struct export_counts counts = {0};
    progress_begin(&x->progress, "export, rows read", 0);
    enum status st = export_session(&x->config, file, &counts, &err);
    progress_end(&x->progress);
    if (st == ST_CLOSED) {
        return cli_fail("export", EXIT_FAILED, "interrupted");
    }
    if (st == ST_OK && (fflush(file) != 0 || ferror(file))) {
        st = err_set(&err, ST_IO, "the rows cannot be written");
    }
    if (st == ST_NOT_FOUND) {
        return cli_fail("export", EXIT_REFUSED, "%s", err.text);
    }
    if (st == ST_OK && counts.hashed > 0) {
        fprintf(stderr,
                "deltaflow export: %" PRIu64 " decisions have only the hash of their observation "
                "(store.observations)\n",
                counts.hashed);
    }
    return st == ST_OK ? EXIT_DONE : session_fail(&x->args, st, &err);
}

/* A device or a pipe: there is nothing to put in its place. */
static int write_as_it_is(struct exporting *x)
{
    FILE *file = fopen(x->output, "we");
    if (file == NULL) {
        return cli_fail("export", EXIT_FAILED, "%s: %s", x->output, strerror(errno));
    }
    int code = write_rows(x, file);
    if (fclose(file) != 0 && code == EXIT_DONE) {
        code = cli_fail("export", EXIT_FAILED, "%s: %s", x->output, strerror(errno));
    }
    return code;
}

/* Readable by whom the umask lets. */
static mode_t new_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* FILE is whole, or not there. */
static int write_file(struct exporting *x)
{
    char place[PATH_MAX], temporary[PATH_MAX];
    if (!file_place(x->output, place)) {
        return write_as_it_is(x);
    }
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", place);
    if (n < 0 || (size_t)n >= sizeof temporary || strlen(x->output) >= sizeof place) {
        return cli_usage("export", "--output: the name is too long");
    }
    int fd = mkstemp(temporary);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        int code = cli_fail("export", EXIT_FAILED, "%s: %s", x->output, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(temporary);
        }
        return code;
    }
    int code = write_rows(x, file);
    bool good = code == EXIT_DONE && fsync(fd) == 0 && fchmod(fd, new_mode()) == 0;
    good = fclose(file) == 0 && good;
    if (code == EXIT_DONE && (!good || rename(temporary, place) != 0)) {
        code = cli_fail("export", EXIT_FAILED, "%s: %s", x->output, strerror(errno));
    }
    if (code != EXIT_DONE) {
        unlink(temporary);
    }
    return code;
}

static int export_one(struct exporting *x, const char *session)
{
    struct session_row row;
    int code = session_pick(&x->args, session, &row);
    if (code == EXIT_DONE) {
        x->config.path = x->args.path;
        x->config.session = row.s.id;
        x->config.self = x;
        x->config.go_on = go_on;
        code = take_times(x);
    }
    session_row_finish(&row);
    if (code != EXIT_DONE) {
        return code;
    }
    return x->output != NULL ? write_file(x) : write_rows(x, stdout);
}

static int run(int argc, char **argv)
{
    struct exporting *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return cli_fail("export", EXIT_FAILED, "out of memory");
    }
    x->args.command = "export";
    int code = parse(argc, argv, x);
    if (code == EXIT_DONE && x->args.help) {
        fputs(help, stdout);
    } else if (code == EXIT_DONE) {
        code = session_store_find(&x->args);
        interrupt_catch("export", "FILE is not there");
        code = code == EXIT_DONE ? export_one(x, argv[optind]) : code;
    }
    for (size_t i = 0; i < x->n_lists; i++) {
        free(x->lists[i]);
    }
    free(x);
    return code;
}

const struct cli_command cmd_export = {"export", "rows of a recorded session as CSV or JSON lines",
                                       run};
