/*
 * cmd_verify.c - `deltaflow verify`: does a recorded session agree with itself?
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/session_args.h"
#include "cli/session_waiting.h"

#define NAMED_MAX 50 /* findings of one rule that are printed, without --all */

static const char help[] =
    "usage: deltaflow verify SESSION [options]\n"
    "\n"
    "Reads a recorded session and checks that it agrees with itself: numbers without\n"
    "holes, sequence contiguous for each connection and subscription, books rebuilt from\n"
    "snapshots and deltas, orders by the transition table, fills against orders and\n"
    "against what the exchange told, positions, cash and profit step by step, decisions\n"
    "against turns and orders. Each finding is named with its place. What gap rows name as\n"
    "missing is no finding; what it makes uncertain is not judged, and that is said.\n"
    "\n" SESSION_ARGUMENT_HELP "A session that is still being recorded is refused.\n"
    "\n"
    "  --all              print every finding, not the first 50 of each rule\n"
    "  --rules            list the rules and end\n" SESSION_OPTIONS_HELP
    "  --json             print one JSON object (docs/schemas/verify.json)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 it is clean; 1 there are findings, rows of it wait in a spill file, or it\n"
    "could not be read to its end;\n"
    "2 wrong usage; 4 there is no such session, it is being recorded, or the database is\n"
    "damaged; 5 configuration; 6 there is no such database, or it cannot be reached.\n";

struct kept {
    struct audit_finding *v;
    size_t n, cap;
    uint64_t by_rule[AUDIT_RULE_MAX];
    bool all, no_memory;
};

struct verifying {
    struct session_args args;
    struct audit *audit;
    struct kept kept;
    struct session_waiting waiting;
    struct progress progress;
};

static void on_found(void *self, const struct audit_finding *f)
{
    struct kept *k = self;
    if (k->by_rule[f->rule]++ >= NAMED_MAX && !k->all) {
        return;
    }
    if (k->n == k->cap) {
        size_t cap = k->cap == 0 ? 64 : k->cap * 2;
        struct audit_finding *more = realloc(k->v, cap * sizeof *more);
        if (more == NULL) {
            k->no_memory = true;
            return;
        }
        k->v = more;
        k->cap = cap;
    }
    k->v[k->n++] = *f;
}

static enum status take_record(void *self, const void *record)
{
    struct verifying *x = self;
    progress_add(&x->progress, 1);
    return interrupt_asked() ? ST_CLOSED : audit_take(x->audit, record);
}

static enum status take_event(void *self, const struct ev *ev)
{
    return take_record(self, ev);
}

static enum status read_all(struct verifying *x, int64_t session, struct err *err)
{
    struct audit_step step;
    enum status st = ST_OK;
    for (uint32_t i = 0; st == ST_OK && audit_order(i, &step); i++) {
        st = step.type != 0
                 ? store_read_records(x->args.path, session, step.type, take_record, x, err)
                 : store_read_events(x->args.path, session, step.source, take_event, x, err);
    }
    return st;
}

/* --- what is printed --- */

static uint64_t findings_of(const struct verifying *x)
{
    uint64_t n = 0;
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        n += audit_counts(x->audit)->findings[i];
    }
    return n;
}

static bool is_clean(const struct verifying *x)
{
    return findings_of(x) == 0 && x->waiting.files == 0;
}

static void json_findings(const struct verifying *x, struct buf *b)
{
    buf_str(b, ",\"findings\":[");
    for (size_t i = 0; i < x->kept.n; i++) {
        const struct audit_finding *f = &x->kept.v[i];
        buf_printf(b, "%s{\"rule\":\"%s\",\"place\":", i > 0 ? "," : "", audit_rule_name(f->rule));
        buf_json_str(b, text_of(f->place));
        buf_str(b, ",\"text\":");
        buf_json_str(b, text_of(f->text));
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static int print_json(const struct verifying *x, const struct session_row *row)
{
    const struct audit_counts *c = audit_counts(x->audit);
    struct buf b;
    buf_init(&b, (size_t)1 << 32);
    buf_printf(&b, "{\"session\":%" PRId64 ",\"outcome\":", row->s.id);
    buf_json_str(&b, text_of(row->s.outcome));
    buf_printf(&b, ",\"clean\":%s,\"found\":%" PRIu64 ",\"by_rule\":{",
               is_clean(x) ? "true" : "false", findings_of(x));
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        buf_printf(&b, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", audit_rule_name((enum audit_rule)i),
                   c->findings[i]);
    }
    buf_printf(&b,
               "},\"checked\":{\"records\":%" PRIu64 ",\"market_events\":%" PRIu64
               ",\"private_events\":%" PRIu64 ",\"answers\":%" PRIu64 ",\"commands\":%" PRIu64
               ",\"turns\":%" PRIu64 ",\"decisions\":%" PRIu64 ",\"orders\":%" PRIu64
               ",\"order_steps\":%" PRIu64 ",\"fills\":%" PRIu64 ",\"account_marks\":%" PRIu64
               ",\"settlements\":%" PRIu64 ",\"gaps\":%" PRIu64 "},\"skipped\":[",
               c->records, c->events[EV_SRC_MARKET], c->events[EV_SRC_PRIVATE],
               c->events[EV_SRC_ANSWER], c->events[EV_SRC_COMMAND], c->turns, c->decisions,
               c->orders, c->order_steps, c->fills, c->marks, c->settlements, c->gaps);
    const char *comma = "";
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        const char *why = audit_skipped(x->audit, (enum audit_rule)i);
        if (why != NULL) {
            buf_printf(&b, "%s{\"rule\":\"%s\",\"why\":\"%s\"}", comma,
                       audit_rule_name((enum audit_rule)i), why);
            comma = ",";
        }
    }
    buf_char(&b, ']');
    session_waiting_json(&x->waiting, &b);
    json_findings(x, &b);
    buf_str(&b, "}\n");
    bool ok = !b.failed && fwrite(b.p, 1, b.n, stdout) == b.n;
    buf_finish(&b);
    return ok ? EXIT_DONE : cli_fail("verify", EXIT_FAILED, "the result cannot be printed");
}

static void print_text(const struct verifying *x, const struct session_row *row)
{
    const struct audit_counts *c = audit_counts(x->audit);
    for (size_t i = 0; i < x->kept.n; i++) {
        const struct audit_finding *f = &x->kept.v[i];
        printf("%s: %s: %s\n", audit_rule_name(f->rule), f->place, f->text);
    }
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        if (c->findings[i] > NAMED_MAX && !x->kept.all) {
            printf("%s: %" PRIu64 " more (--all prints them)\n",
                   audit_rule_name((enum audit_rule)i), c->findings[i] - NAMED_MAX);
        }
    }
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        const char *why = audit_skipped(x->audit, (enum audit_rule)i);
        if (why != NULL) {
            printf("not judged: %s: %s\n", audit_rule_name((enum audit_rule)i), why);
        }
    }
    printf("session %" PRId64 " (%s): %" PRIu64 " market events, %" PRIu64 " private, %" PRIu64
           " answers, %" PRIu64 " turns, %" PRIu64 " decisions, %" PRIu64 " orders, %" PRIu64
           " fills, %" PRIu64 " account marks, %" PRIu64 " gap rows\n",
           row->s.id, row->s.outcome, c->events[EV_SRC_MARKET], c->events[EV_SRC_PRIVATE],
           c->events[EV_SRC_ANSWER], c->turns, c->decisions, c->orders, c->fills, c->marks,
           c->gaps);
    session_waiting_text(&x->waiting, "");
    if (is_clean(x)) {
        printf("clean\n");
    } else if (findings_of(x) == 0) {
        printf("no findings, but not whole\n");
    } else {
        printf("%" PRIu64 " findings\n", findings_of(x));
    }
}

/* --- the command --- */

static int verify_session(struct verifying *x, const struct session_row *row)
{
    bool seq_check = true;
    bool imported = session_imported(&row->s, &seq_check);
    struct audit_config config = {
        .whole = row->s.ended != 0 && !store_outcome_broken(row->s.outcome),
        .from_start = !imported,
        .seq_check = seq_check,
        .rows = row->s.rows,
        .lost = row->s.lost,
        .has_digest = row->s.has_digest,
        .digest = row->s.digest ^ store_session_digest(&row->s),
        .self = &x->kept,
        .found = on_found,
    };
    struct err err = {0};
    if (audit_create(&config, &x->audit) != ST_OK) {
        return cli_fail("verify", EXIT_FAILED, "out of memory");
    }
    x->waiting = (struct session_waiting){.session = row->s.id, .began = row->s.began};
    int code = session_waiting_find(&x->args, &x->waiting, 1);
    if (code != EXIT_DONE) {
        return code;
    }
    progress_begin(&x->progress, "verify", row->s.rows);
    enum status st = read_all(x, row->s.id, &err);
    progress_end(&x->progress);
    if (st == ST_CLOSED) {
        return cli_fail("verify", EXIT_FAILED, "interrupted");
    }
    if (st != ST_OK) {
        return session_fail(&x->args, st, &err);
    }
    audit_finish(x->audit);
    if (x->kept.no_memory) {
        return cli_fail("verify", EXIT_FAILED, "out of memory for the findings");
    }
    if (x->args.json) {
        code = print_json(x, row);
    } else {
        print_text(x, row);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("verify", EXIT_FAILED, "standard output cannot be written");
    }
    return code == EXIT_DONE && !is_clean(x) ? EXIT_FAILED : code;
}

static int list_rules(void)
{
    for (int i = 0; i < AUDIT_RULE_MAX; i++) {
        printf("%-18s %s\n", audit_rule_name((enum audit_rule)i),
               audit_rule_claim((enum audit_rule)i));
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("verify", EXIT_FAILED, "standard output cannot be written");
    }
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    enum { ALL = SESSION_OPT_OWN, RULES };
    static const struct option longs[] = {SESSION_LONG_OPTIONS,
                                          {"all", no_argument, NULL, ALL},
                                          {"rules", no_argument, NULL, RULES},
                                          {NULL, 0, NULL, 0}};
    struct verifying x = {.args = {.command = "verify"}};
    bool rules = false;
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (c == ALL) {
            x.kept.all = true;
        } else if (c == RULES) {
            rules = true;
        } else if (!session_take_option(c, &x.args)) {
            return session_bad_option(&x.args, c, argv);
        }
    }
    if (x.args.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (rules) {
        return list_rules();
    }
    if (optind + 1 != argc) {
        return cli_usage("verify", "give one SESSION: a number, or last");
    }
    int code = session_store_find(&x.args);
    if (code != EXIT_DONE) {
        return code;
    }
    interrupt_catch("verify", "nothing is changed");
    struct session_row row;
    code = session_pick(&x.args, argv[optind], &row);
    if (code == EXIT_DONE && session_running(&row.s)) {
        code = cli_fail("verify", EXIT_REFUSED,
                        "session %" PRId64 " is being recorded: verify it when it has ended",
                        row.s.id);
    } else if (code == EXIT_DONE) {
        code = verify_session(&x, &row);
    }
    audit_destroy(x.audit);
    free(x.kept.v);
    session_row_finish(&row);
    return code;
}

const struct cli_command cmd_verify = {"verify", "check that a recorded session agrees with itself",
                                       run};
