/*
 * cmd_prune.c - `deltaflow prune`: sessions deleted from the database.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/url.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/session_args.h"
#include "store/backend.h"

#define NAMED_MAX   1000
#define PROGRESS_NS (2 * NS_PER_SEC)

static const char help[] =
    "usage: deltaflow prune [--older-than AGE] [--keep N] [--session N]... [options]\n"
    "\n"
    "Deletes recorded sessions and gives their space back. Without --yes it only says what\n"
    "would go. A session that is being recorded is never deleted.\n"
    "\n"
    "  --older-than AGE   sessions that ended longer ago: 90s, 15m, 12h, 30d, 8w. One that\n"
    "                     was killed counts from when it began\n"
    "  --keep N           never the N newest ones; alone: all others go\n"
    "  --session N        this one, whatever its age; may be repeated\n"
    "  --yes              delete them\n" SESSION_OPTIONS_HELP
    "  --json             print one JSON object (docs/schemas/prune.json)\n"
    "  --help             this text\n"
    "\n"
    "Each session is deleted in a transaction of its own: a signal stops behind the one under\n"
    "way, and a kill at any instant leaves a session whole or gone. Then an SQLite file is\n"
    "made smaller, which needs as much room again as it will have; while something is being\n"
    "recorded into it, the space is left to what comes.\n"
    "\n"
    "Exit status: 0 done; 1 a session could not be deleted, or a signal came; 2 wrong usage; 4\n"
    "there is no such session, it is being recorded, or the database is damaged; 5\n"
    "configuration; 6 there is no such database, or it cannot be reached.\n"
    "\n"
    "Examples:\n"
    "  deltaflow prune --older-than 30d --keep 10\n"
    "  deltaflow prune --session 3 --session 4 --yes\n";

struct candidate {
    int64_t id;
    wall_ns_t age_from; /* its end, or its begin when it has none */
    bool running, goes;
    bool deleted;
};

struct pruning {
    struct session_args args;
    bool older, keep_set, yes;
    mono_ns_t older_than;
    uint64_t keep;
    int64_t named[NAMED_MAX];
    size_t n_named;
    struct candidate *v;
    size_t n, cap;
    int64_t bytes_before, bytes_after; /* of an SQLite file; -1: not known */
    bool reclaimed;
    mono_ns_t began;
};

/* --- which ones --- */

static enum status take_session(void *self, const struct store_session *s)
{
    struct pruning *x = self;
    if (x->n == x->cap) {
        size_t cap = x->cap == 0 ? 64 : x->cap * 2;
        struct candidate *more = realloc(x->v, cap * sizeof *more);
        if (more == NULL) {
            return ST_NOMEM;
        }
        x->v = more;
        x->cap = cap;
    }
    x->v[x->n++] = (struct candidate){
        .id = s->id,
        .age_from = s->ended != 0 ? s->ended : s->began,
        .running = session_running(s),
    };
    return ST_OK;
}

static struct candidate *find(const struct pruning *x, int64_t id)
{
    for (size_t i = 0; i < x->n; i++) {
        if (x->v[i].id == id) {
            return &x->v[i];
        }
    }
    return NULL;
}

static int choose(struct pruning *x)
{
    wall_ns_t now = clock_wall();
    for (size_t i = 0; i < x->n; i++) {
        struct candidate *c = &x->v[i];
        bool old = !x->older || now - c->age_from > x->older_than;
        bool newest = x->keep_set && x->n - i <= x->keep;
        c->goes = (x->older || x->keep_set) && old && !newest && !c->running;
    }
    for (size_t i = 0; i < x->n_named; i++) {
        struct candidate *c = find(x, x->named[i]);
        if (c == NULL || c->running) {
            return cli_fail("prune", EXIT_REFUSED,
                            c == NULL ? "there is no session %" PRId64
                                      : "session %" PRId64 " is being recorded",
                            x->named[i]);
        }
        c->goes = true;
    }
    return EXIT_DONE;
}

static uint64_t going(const struct pruning *x)
{
    uint64_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        n += x->v[i].goes;
    }
    return n;
}

/* --- deleting --- */

static int64_t file_bytes(const struct pruning *x)
{
    struct stat st;
    return !backend_is_url(x->args.path) && stat(x->args.path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int delete_all(struct pruning *x, struct store_pruner *p)
{
    struct err err = {0};
    uint64_t done = 0, all = going(x);
    for (size_t i = 0; i < x->n; i++) {
        struct candidate *c = &x->v[i];
        if (!c->goes) {
            continue;
        }
        if (interrupt_asked()) {
            cli_progress_end();
            return cli_fail("prune", EXIT_FAILED,
                            "interrupted: %" PRIu64 " of %" PRIu64 " sessions are deleted", done,
                            all);
        }
        if (clock_mono() - x->began > PROGRESS_NS) {
            cli_progress("prune: session %" PRId64 ", %" PRIu64 " of %" PRIu64, c->id, done + 1,
                         all);
        }
        enum status st = store_prune_session(p, c->id, &err);
        if (st != ST_OK && st != ST_NOT_FOUND) { /* another prune was faster */
            cli_progress_end();
            return session_fail(&x->args, st, &err);
        }
        c->deleted = true;
        done++;
    }
    cli_progress_end();
    return EXIT_DONE;
}

static int delete_and_reclaim(struct pruning *x)
{
    struct store_pruner *p = NULL;
    struct err err = {0};
    enum status st = store_pruner_open(x->args.path, clock_wall(), &p, &err);
    if (st != ST_OK) {
        return session_fail(&x->args, st, &err);
    }
    int code = delete_all(x, p);
    if (code == EXIT_DONE) {
        if (clock_mono() - x->began > PROGRESS_NS) {
            cli_progress("prune: freeing the space");
        }
        st = store_reclaim(p, &err);
        cli_progress_end();
        x->reclaimed = st == ST_OK;
        if (st == ST_STATE) {
            fprintf(stderr, "deltaflow prune: %s\n", err.text);
        } else if (st != ST_OK) {
            code = session_fail(&x->args, st, &err);
        }
    }
    store_pruner_close(p);
    return code;
}

/* --- what is printed --- */

static void json_ids(const struct pruning *x, const char *key, bool deleted, struct buf *b)
{
    const char *comma = "";
    buf_printf(b, "\"%s\":[", key);
    for (size_t i = 0; i < x->n; i++) {
        if (x->v[i].goes && x->v[i].deleted == deleted) {
            buf_printf(b, "%s%" PRId64, comma, x->v[i].id);
            comma = ",";
        }
    }
    buf_str(b, "],");
}

static void print_json(const struct pruning *x)
{
    struct buf b;
    buf_init(&b, 1 << 26);
    buf_char(&b, '{');
    json_ids(x, "deleted", true, &b);
    json_ids(x, "would_delete", false, &b);
    buf_printf(&b, "\"dry_run\":%s,\"reclaimed\":%s", x->yes ? "false" : "true",
               x->reclaimed ? "true" : "false");
    if (x->bytes_before >= 0 && x->bytes_after >= 0) {
        buf_printf(&b, ",\"bytes_before\":%" PRId64 ",\"bytes_after\":%" PRId64, x->bytes_before,
                   x->bytes_after);
    }
    buf_str(&b, "}\n");
    fwrite(b.p, 1, b.n, stdout);
    buf_finish(&b);
}

static void print_text(const struct pruning *x)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct candidate *c = &x->v[i];
        char at[TIME_TEXT_MAX];
        time_format(c->age_from > 0 ? c->age_from : 0, at);
        if (c->goes && (c->deleted || !x->yes)) {
            printf("%s session %" PRId64 " of %s\n", c->deleted ? "deleted" : "would delete", c->id,
                   at);
        }
    }
    if (!x->yes) {
        printf("nothing was deleted; --yes deletes %" PRIu64 " of %zu sessions\n", going(x), x->n);
    } else if (x->bytes_before >= 0 && x->bytes_after >= 0) {
        printf("the file had %" PRId64 " bytes and has %" PRId64 "\n", x->bytes_before,
               x->bytes_after);
    }
}

/* --- the command --- */

static bool take_count(const char *text, uint64_t max, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *ret = v;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && v <= max;
}

static int take_option(struct pruning *x, int c, char *const *argv)
{
    enum { OLDER = SESSION_OPT_OWN, KEEP, SESSION, YES };
    uint64_t n = 0;
    switch (c) {
    case OLDER:
        x->older = true;
        return session_duration(optarg, &x->older_than)
                   ? EXIT_DONE
                   : cli_usage("prune", "--older-than '%s' is no length of time such as 30d",
                               optarg);
    case KEEP:
        x->keep_set = true;
        return take_count(optarg, 1000000000, &x->keep)
                   ? EXIT_DONE
                   : cli_usage("prune", "--keep '%s' is no count", optarg);
    case SESSION:
        if (!take_count(optarg, INT64_MAX, &n) || n == 0 || x->n_named == NAMED_MAX) {
            return cli_usage("prune", "--session '%s' is no number of a session", optarg);
        }
        x->named[x->n_named++] = (int64_t)n;
        return EXIT_DONE;
    case YES:
        x->yes = true;
        return EXIT_DONE;
    default:
        return session_take_option(c, &x->args) ? EXIT_DONE : session_bad_option(&x->args, c, argv);
    }
}

static int parse(int argc, char **argv, struct pruning *x)
{
    static const struct option longs[] = {SESSION_LONG_OPTIONS,
                                          {"older-than", required_argument, NULL, SESSION_OPT_OWN},
                                          {"keep", required_argument, NULL, SESSION_OPT_OWN + 1},
                                          {"session", required_argument, NULL, SESSION_OPT_OWN + 2},
                                          {"yes", no_argument, NULL, SESSION_OPT_OWN + 3},
                                          {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        int code = take_option(x, c, argv);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (x->args.help) {
        return EXIT_DONE;
    }
    if (optind < argc) {
        return cli_usage("prune", "takes no argument: '%s' (--session N names one)", argv[optind]);
    }
    return x->older || x->keep_set || x->n_named > 0
               ? EXIT_DONE
               : cli_usage("prune", "say which sessions: --older-than, --keep, --session");
}

static int prune(struct pruning *x)
{
    struct err err = {0};
    enum status st = store_read_sessions(x->args.path, take_session, x, &err);
    if (st != ST_OK) {
        return session_fail(&x->args, st, &err);
    }
    int code = choose(x);
    if (code != EXIT_DONE) {
        return code;
    }
    x->bytes_before = file_bytes(x);
    if (x->yes && going(x) > 0) {
        code = delete_and_reclaim(x);
    }
    x->bytes_after = file_bytes(x);
    if (x->args.json) {
        print_json(x);
    } else {
        print_text(x);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("prune", EXIT_FAILED, "standard output cannot be written");
    }
    return code;
}

static int run(int argc, char **argv)
{
    struct pruning *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return cli_fail("prune", EXIT_FAILED, "out of memory");
    }
    x->args.command = "prune";
    x->began = clock_mono();
    int code = parse(argc, argv, x);
    if (code == EXIT_DONE && x->args.help) {
        fputs(help, stdout);
    } else if (code == EXIT_DONE) {
        interrupt_catch("prune", "each session is deleted as a whole or not at all");
        code = session_store_find(&x->args);
        code = code == EXIT_DONE ? prune(x) : code;
    }
    free(x->v);
    free(x);
    return code;
}

const struct cli_command cmd_prune = {"prune", "delete recorded sessions", run};
