/*
 * cmd_sessions.c - `deltaflow sessions`: what the database holds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/session_args.h"
#include "cli/session_waiting.h"

static const char help[] =
    "usage: deltaflow sessions [options]\n"
    "\n"
    "Lists the recorded sessions, the oldest first: when they began and ended, how they\n"
    "ended (\"running\", \"broken\" when the program was killed, else its own words), where\n"
    "they traded, with which policy, how many rows they wrote and lost, and how many gap\n"
    "rows they hold. Rows that wait in a spill file are said, too.\n"
    "\n" SESSION_OPTIONS_HELP
    "  --json             one JSON object a line (docs/schemas/sessions.json)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 done; 1 output failed; 2 wrong usage; 4 the database is refused: damaged,\n"
    "of another program, or of another version; 5 configuration; 6 there is no such database,\n"
    "or it cannot be reached.\n";

struct listed {
    struct store_session s;
    struct buf texts[3]; /* outcome, policy, exchange */
    uint64_t gaps;
    struct session_waiting waiting;
};

struct list {
    struct listed *v;
    size_t n, cap;
};

static enum status take(void *self, const struct store_session *s)
{
    struct list *l = self;
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        struct listed *more = realloc(l->v, cap * sizeof *more);
        if (more == NULL) {
            return ST_NOMEM;
        }
        l->v = more;
        l->cap = cap;
    }
    struct listed *x = &l->v[l->n++];
    *x = (struct listed){.s = *s};
    const char *texts[] = {s->outcome, s->policy, s->exchange};
    for (size_t i = 0; i < 3; i++) {
        buf_init(&x->texts[i], 1 << 20);
        buf_str(&x->texts[i], texts[i]);
        if (x->texts[i].failed) {
            return ST_NOMEM;
        }
    }
    return ST_OK;
}

static enum status count_gap(void *self, const void *record)
{
    (void)record;
    (*(uint64_t *)self)++;
    return ST_OK;
}

static void put_time(struct buf *b, wall_ns_t t)
{
    char text[TIME_TEXT_MAX];
    time_format(t, text);
    buf_printf(b, t != 0 ? "\"%s\"" : "null", text);
}

static int print_json(const struct list *l)
{
    struct buf b;
    int code = EXIT_DONE;
    buf_init(&b, 1 << 24);
    for (size_t i = 0; i < l->n && code == EXIT_DONE; i++) {
        const struct listed *x = &l->v[i];
        static const char *const keys[] = {"outcome", "policy", "exchange"};
        buf_clear(&b);
        buf_printf(&b, "{\"session\":%" PRId64 ",\"began\":", x->s.id);
        put_time(&b, x->s.began);
        buf_str(&b, ",\"ended\":");
        put_time(&b, x->s.ended);
        for (size_t k = 0; k < 3; k++) {
            buf_printf(&b, ",\"%s\":", keys[k]);
            buf_json_str(&b, text_of(x->texts[k].p));
        }
        buf_printf(&b, ",\"rows\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"gaps\":%" PRIu64, x->s.rows,
                   x->s.lost, x->gaps);
        session_waiting_json(&x->waiting, &b);
        buf_str(&b, "}\n");
        code = cli_print("sessions", &b);
    }
    buf_finish(&b);
    return code;
}

/* "2026-06-11 06:29:20" */
static void short_time(wall_ns_t t, char buf[TIME_TEXT_MAX])
{
    if (t == 0) {
        strcpy(buf, "-");
        return;
    }
    time_format(t - t % NS_PER_SEC, buf);
    buf[10] = ' ';
    buf[19] = '\0';
}

static void print_text(const struct list *l)
{
    if (l->n == 0) {
        printf("no sessions\n");
        return;
    }
    printf("%-5s %-19s %-19s %12s %6s %6s  %-26s %-30s %s\n", "ID", "BEGAN (UTC)", "ENDED (UTC)",
           "ROWS", "LOST", "GAPS", "OUTCOME", "EXCHANGE", "POLICY");
    for (size_t i = 0; i < l->n; i++) {
        const struct listed *x = &l->v[i];
        char began[TIME_TEXT_MAX], ended[TIME_TEXT_MAX], rows[24] = "-", lost[24] = "-";
        short_time(x->s.began, began);
        short_time(x->s.ended, ended);
        if (x->s.ended != 0) { /* counted when it was closed */
            snprintf(rows, sizeof rows, "%" PRIu64, x->s.rows);
            snprintf(lost, sizeof lost, "%" PRIu64, x->s.lost);
        }
        printf("%-5" PRId64 " %-19s %-19s %12s %6s %6" PRIu64 "  %-26s %-30s %s\n", x->s.id, began,
               ended, rows, lost, x->gaps, x->texts[0].p, x->texts[2].p, x->texts[1].p);
    }
    for (size_t i = 0; i < l->n; i++) {
        char before[40];
        snprintf(before, sizeof before, "session %" PRId64 ": ", l->v[i].s.id);
        session_waiting_text(&l->v[i].waiting, before);
    }
}

static int find_waiting(const struct session_args *a, struct list *l)
{
    struct session_waiting *v = calloc(l->n + 1, sizeof *v);
    if (v == NULL) {
        return cli_fail(a->command, EXIT_FAILED, "out of memory");
    }
    for (size_t i = 0; i < l->n; i++) {
        v[i] = (struct session_waiting){.session = l->v[i].s.id, .began = l->v[i].s.began};
    }
    int code = session_waiting_find(a, v, l->n);
    for (size_t i = 0; i < l->n; i++) {
        l->v[i].waiting = v[i];
    }
    free(v);
    return code;
}

static int list_sessions(const struct session_args *a)
{
    struct list l = {.v = NULL};
    struct err err = {0};
    enum status st = store_read_sessions(a->path, take, &l, &err);
    for (size_t i = 0; st == ST_OK && i < l.n; i++) {
        st = store_read_records(a->path, l.v[i].s.id, REC_GAP, count_gap, &l.v[i].gaps, &err);
    }
    int code = st == ST_OK ? find_waiting(a, &l) : session_fail(a, st, &err);
    if (code == EXIT_DONE && a->json) {
        code = print_json(&l);
    } else if (code == EXIT_DONE) {
        print_text(&l);
    }
    for (size_t i = 0; i < l.n; i++) {
        for (size_t k = 0; k < 3; k++) {
            buf_finish(&l.v[i].texts[k]);
        }
    }
    free(l.v);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("sessions", EXIT_FAILED, "standard output cannot be written");
    }
    return code;
}

static int run(int argc, char **argv)
{
    static const struct option longs[] = {SESSION_LONG_OPTIONS, {NULL, 0, NULL, 0}};
    struct session_args a = {.command = "sessions"};
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (!session_take_option(c, &a)) {
            return session_bad_option(&a, c, argv);
        }
    }
    if (a.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (optind < argc) {
        return cli_usage("sessions", "takes no argument: '%s'", argv[optind]);
    }
    int code = session_store_find(&a);
    return code == EXIT_DONE ? list_sessions(&a) : code;
}

const struct cli_command cmd_sessions = {"sessions", "list what was recorded", run};
