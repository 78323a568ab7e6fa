/*
 * cmd_import.c - `deltaflow import`: recordings into a session of the database.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/url.h"
#include "cli/cli.h"
#include "cli/import.h"
#include "cli/interrupt.h"
#include "cli/run_engine.h"
#include "cli/session_args.h"
#include "store/backend.h"

extern char **environ;

#define NAMED_MAX   1000 /* malformed lines named one by one */
#define PROGRESS_NS (2 * NS_PER_SEC)
#define WHERE_LONG  200  /* file names in the session row; all of them are in its config */
#define LOOK_EVERY  1024 /* lines between looks at the clock */

static const char help[] =
    "usage: deltaflow import CAPTURE... [options]\n"
    "\n"
    "Reads recordings of the exchange's WebSocket through the program's own market data\n"
    "client into one session of the database. The session holds what `deltaflow run`\n"
    "without trading would have recorded: markets, snapshots, deltas, trades, gaps,\n"
    "connection events, raw frames that are unknown or malformed, and turn rows, so that\n"
    "`deltaflow replay` can feed it to the engine.\n"
    "\n"
    "CAPTURE is a recording with one JSON object a line: a wire message itself, or an\n"
    "object that holds it as \"event\" (object) or \"raw\" (string), with its receive time as\n"
    "\"recv_ms\" or \"ts_utc\". A name that ends in .zst is decompressed; - is standard\n"
    "input. Several files are read one after the other, each as a connection of its own.\n"
    "A message without receive time gets the exchange's own time, or that of the message\n"
    "before it.\n"
    "\n"
    "A recording does not tell the price grids: a market is announced with whole cents and\n"
    "again with the coarsest even grid that holds every price seen so far.\n"
    "\n"
    "  --no-seq-check     take messages in file order and do not look at seq: for a\n"
    "                     recording of some markets out of a subscription of many, in which\n"
    "                     gaps mean nothing\n"
    "  --use-yes-price    the recording was subscribed with use_yes_price: prices of the NO\n"
    "                     side are on the YES scale\n" SESSION_OPTIONS_HELP
    "  --json             print one JSON object (docs/schemas/import.json)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 everything was imported; 1 a file could not be read to its end, the\n"
    "database lost rows, or a signal came (the session is closed and says so), or none of\n"
    "the files is there (nothing is recorded); 2 wrong usage; 3 some lines were malformed\n"
    "(each is named on standard error, the others are imported); 4 the database is refused;\n"
    "5 configuration; 6 the database cannot be reached.\n"
    "\n"
    "Examples:\n"
    "  deltaflow import session.jsonl.zst\n"
    "  deltaflow import one-market.jsonl.zst --no-seq-check --store research.sqlite\n";

struct importing {
    struct session_args args;
    bool seq_check, use_yes_price;
    const char *const *files;
    size_t n_files;
    uint64_t named, lines;
    mono_ns_t began;
    char outcome[256];
};

static void on_malformed(void *self, const char *path, uint64_t line, const char *why)
{
    struct importing *x = self;
    if (x->named < NAMED_MAX) {
        cli_progress_end();
        fprintf(stderr, "deltaflow import: %s:%" PRIu64 ": malformed: %s\n", path, line, why);
    } else if (x->named == NAMED_MAX) {
        fprintf(stderr, "deltaflow import: %s: further malformed lines are only counted\n", path);
    }
    x->named++;
}

static bool on_progress(void *self, const char *path, uint64_t line)
{
    struct importing *x = self;
    if (++x->lines % LOOK_EVERY == 0 && clock_mono() - x->began > PROGRESS_NS) {
        cli_progress("%s: line %" PRIu64 ", %.0f lines/s", path, line,
                     (double)x->lines * 1e9 / (double)(clock_mono() - x->began));
    }
    return !interrupt_asked();
}

/* --- the session row --- */

static void name_files(const struct importing *x, struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; i < x->n_files; i++) {
        buf_str(out, i > 0 ? "," : "");
        buf_json_str(out, text_of(x->files[i]));
    }
    buf_char(out, ']');
}

/* What stands in the session row instead of an exchange. */
static void where_text(const struct importing *x, struct buf *out)
{
    buf_str(out, "import:");
    for (size_t i = 0; i < x->n_files && out->n < WHERE_LONG; i++) {
        const char *slash = strrchr(x->files[i], '/');
        buf_printf(out, "%s %s", i > 0 ? "," : "", slash != NULL ? slash + 1 : x->files[i]);
    }
    buf_str(out, out->n >= WHERE_LONG ? " ..." : "");
}

/* The options of a run without trading, and behind them what was imported. */
static void session_text(const struct importing *x, const struct config *c, struct buf *out)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
        id = (uint64_t)clock_wall();
    }
    run_session_json(c, false, false, id, NULL, out);
    if (out->failed || out->n == 0) {
        return;
    }
    out->n--; /* the closing brace */
    buf_printf(out, ",\"imported\":{\"seq_check\":%s,\"files\":", x->seq_check ? "true" : "false");
    name_files(x, out);
    buf_str(out, "}}");
}

static enum status set_options(const struct importing *x, struct config *c, struct err *err)
{
    enum status st = config_set(c, "policy", "kind", "hold", "import", err);
    if (st == ST_OK) {
        st = config_set(c, "feed", "use_yes_price", x->use_yes_price ? "true" : "false", "import",
                        err);
    }
    return st;
}

/* --- what is printed --- */

static void put_time(struct buf *b, const char *key, wall_ns_t t)
{
    char text[TIME_TEXT_MAX];
    time_format(t, text);
    buf_printf(b, t != 0 ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, text);
}

static int print_json(const struct importing *x, int64_t session, const struct import_counts *c)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    buf_printf(&b, "{\"session\":%" PRId64 ",\"files\":", session);
    name_files(x, &b);
    buf_str(&b, ",\"outcome\":");
    buf_json_str(&b, text_of(x->outcome));
    buf_printf(&b,
               ",\"messages\":%" PRIu64 ",\"malformed\":%" PRIu64 ",\"unknown\":%" PRIu64
               ",\"markets\":%u,\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64
               ",\"trades\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"duplicates\":%" PRIu64
               ",\"not_followed\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"lost\":%" PRIu64,
               c->messages, c->malformed, c->unknown, c->markets, c->snapshots, c->deltas,
               c->trades, c->gaps, c->duplicates, c->not_followed, c->rows, c->lost);
    put_time(&b, "first", c->first);
    put_time(&b, "last", c->last);
    buf_str(&b, "}\n");
    int code = cli_print("import", &b);
    buf_finish(&b);
    return code;
}

static void print_text(const struct importing *x, int64_t session, const struct import_counts *c)
{
    char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX], shown[URL_SHOWN_MAX];
    time_format(c->first, first);
    time_format(c->last, last);
    printf("session %" PRId64 ": %s\n", session, x->outcome);
    printf("%" PRIu64 " messages of %zu file%s: %" PRIu64 " snapshots, %" PRIu64 " deltas, %" PRIu64
           " trades of %u markets; %" PRIu64 " of unknown type, %" PRIu64
           " malformed lines, %" PRIu64 " gaps, %" PRIu64 " duplicates\n",
           c->messages, x->n_files, x->n_files == 1 ? "" : "s", c->snapshots, c->deltas, c->trades,
           c->markets, c->unknown, c->malformed, c->gaps, c->duplicates);
    if (c->first != 0) {
        printf("from %s to %s; %" PRIu64 " rows in %s\n", first, last, c->rows,
               url_shown(x->args.path, shown, sizeof shown));
    }
}

/* --- the command --- */

static int parse(int argc, char **argv, struct importing *x)
{
    enum { NO_SEQ_CHECK = SESSION_OPT_OWN, USE_YES_PRICE };
    static const struct option longs[] = {SESSION_LONG_OPTIONS,
                                          {"no-seq-check", no_argument, NULL, NO_SEQ_CHECK},
                                          {"use-yes-price", no_argument, NULL, USE_YES_PRICE},
                                          {NULL, 0, NULL, 0}};
    *x = (struct importing){.args = {.command = "import"}, .seq_check = true};
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (c == NO_SEQ_CHECK) {
            x->seq_check = false;
        } else if (c == USE_YES_PRICE) {
            x->use_yes_price = true;
        } else if (!session_take_option(c, &x->args)) {
            return session_bad_option(&x->args, c, argv);
        }
    }
    x->files = (const char *const *)argv + optind;
    x->n_files = (size_t)(argc - optind);
    return x->n_files == 0 && !x->args.help ? cli_usage("import", "no CAPTURE given") : EXIT_DONE;
}

static int open_code(enum status st)
{
    return st == ST_MALFORMED || st == ST_UNSUPPORTED ? EXIT_REFUSED
           : st == ST_NOMEM                           ? EXIT_FAILED
                                                      : EXIT_UNREACHABLE;
}

/* Every file; *x says how it ended. */
static int import_all(struct importing *x, struct import *im)
{
    struct import_told told = {x, on_malformed, on_progress};
    int code = EXIT_DONE;
    for (size_t i = 0; i < x->n_files; i++) {
        struct err err = {0};
        uint64_t line = 0;
        enum status st = import_file(im, x->files[i], &told, &line, &err);
        cli_progress_end();
        if (st == ST_OK) {
            continue;
        }
        code = EXIT_FAILED;
        if (st == ST_CLOSED) {
            snprintf(x->outcome, sizeof x->outcome, "interrupted: line %" PRIu64 " of %.150s", line,
                     x->files[i]);
            return cli_fail("import", EXIT_FAILED, "%s", x->outcome);
        }
        (void)cli_fail("import", EXIT_FAILED, "%s", err.text);
        snprintf(x->outcome, sizeof x->outcome, "failed: %.200s", err.text);
        if (st == ST_UNREACHABLE) {
            return EXIT_UNREACHABLE;
        }
    }
    return code;
}

static void say_end(struct importing *x, const struct import_counts *c)
{
    if (x->outcome[0] != '\0') {
        return;
    }
    if (c->lost > 0) {
        snprintf(x->outcome, sizeof x->outcome,
                 "failed: %" PRIu64 " rows did not reach the database", c->lost);
    } else if (c->malformed > 0) {
        snprintf(x->outcome, sizeof x->outcome,
                 "done: imported, but for %" PRIu64 " malformed lines", c->malformed);
    } else {
        snprintf(x->outcome, sizeof x->outcome, "done: imported");
    }
}

static int run_import(struct importing *x, const struct import_config *ic)
{
    struct import *im = NULL;
    struct err err = {0};
    enum status st = import_open(ic, &im, &err);
    if (st != ST_OK) {
        return cli_fail("import", open_code(st), "%s", err.text);
    }
    int64_t session = import_session(im);
    int code = import_all(x, im);
    struct import_counts c = import_finish(im);
    say_end(x, &c);
    import_close(im, x->outcome);
    if (c.not_followed > 0) {
        (void)cli_fail("import", EXIT_PARTLY,
                       "%" PRIu64 " messages are of markets beyond the first %u (feed.markets_max) "
                       "and were only kept raw",
                       c.not_followed, ic->markets_max);
    }
    if (c.lost > 0) {
        code = cli_fail("import", EXIT_FAILED,
                        "%" PRIu64 " rows did not reach the database, %" PRIu64 " are in it%s",
                        c.lost, c.rows,
                        interrupt_asked() ? "; where it does not answer the session is closed as "
                                            "broken by the next start"
                                          : "");
    }
    if (x->args.json) {
        int printed = print_json(x, session, &c);
        code = printed != EXIT_DONE ? printed : code;
    } else {
        print_text(x, session, &c);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("import", EXIT_FAILED, "standard output cannot be written");
    }
    return code == EXIT_DONE && (c.malformed > 0 || c.not_followed > 0) ? EXIT_PARTLY : code;
}

/* Nothing is recorded of names that are all wrong. Not opened: that would wake a pipe's writer. */
static int why_not_read(const char *path)
{
    struct stat is;
    if (strcmp(path, "-") == 0) {
        return 0;
    }
    if (stat(path, &is) != 0 || access(path, R_OK) != 0) {
        return errno;
    }
    return S_ISDIR(is.st_mode) ? EISDIR : 0;
}

static int check_files(const struct importing *x)
{
    for (size_t i = 0; i < x->n_files; i++) {
        if (why_not_read(x->files[i]) == 0) {
            return EXIT_DONE;
        }
    }
    for (size_t i = 0; i < x->n_files; i++) {
        (void)cli_fail("import", EXIT_FAILED, "%s: %s", x->files[i],
                       strerror(why_not_read(x->files[i])));
    }
    return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct importing x;
    int code = parse(argc, argv, &x);
    if (code != EXIT_DONE || x.args.help) {
        fputs(x.args.help && code == EXIT_DONE ? help : "", stdout);
        return code;
    }
    code = session_store_find(&x.args);
    code = code == EXIT_DONE ? check_files(&x) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    struct run_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    char *run_argv[4] = {"run", NULL};
    if (x.args.config != NULL) {
        run_argv[1] = "--config";
        run_argv[2] = (char *)(uintptr_t)x.args.config;
    }
    if (config_load(&run_option_table, x.args.config != NULL ? 3 : 1, run_argv, environ, &o, &c,
                    &args, &err) != ST_OK ||
        set_options(&x, c, &err) != ST_OK ||
        (!backend_is_url(x.args.path) && config_make_folder_of(x.args.path, &err) != ST_OK)) {
        config_destroy(c);
        return cli_fail("import", cli_config_code(&err), "%s", err.text);
    }
    x.began = clock_mono();
    interrupt_catch("import",
                    "what was committed is in the database, and the next start closes the "
                    "session as broken");
    struct buf row, where;
    buf_init(&row, (size_t)64 << 20);
    buf_init(&where, (size_t)1 << 20);
    session_text(&x, c, &row);
    where_text(&x, &where);
    struct import_config ic = {
        .path = x.args.path,
        .config_json = row.p,
        .exchange = where.p,
        .markets_max = (uint32_t)o.feed.markets_max,
        .levels_max = (uint32_t)o.feed.levels_max,
        .seq_check = x.seq_check,
        .use_yes_price = x.use_yes_price,
    };
    code = row.failed || where.failed ? cli_fail("import", EXIT_FAILED, "out of memory")
                                      : run_import(&x, &ic);
    buf_finish(&row);
    buf_finish(&where);
    config_destroy(c);
    return code;
}

const struct cli_command cmd_import = {"import", "recorded captures into a session of the database",
                                       run};
