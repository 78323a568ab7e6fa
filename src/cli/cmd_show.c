/*
 * cmd_show.c - `deltaflow show`: what a recorded session holds, its gaps, its quality, its result.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/session_args.h"
#include "cli/session_report.h"
#include "cli/session_waiting.h"

#define MARKETS_SHOWN 40

static const char help[] =
    "usage: deltaflow show SESSION [options]\n"
    "\n"
    "Summarises a recorded session: how it began and ended, what it holds of each market,\n"
    "where something is missing, how good the data is (message rates, silence, lag behind\n"
    "the exchange, time without a trusted book, clock offsets, reconnects, raw frames), and\n"
    "what trading came to: orders by their last state, fills, fees, profit, drifts.\n"
    "\n" SESSION_ARGUMENT_HELP "A session that is still being recorded is shown as far as it is.\n"
    "\n" SESSION_OPTIONS_HELP
    "  --json             print one JSON object (docs/schemas/show.json)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 done; 1 output failed, or a signal came; 2 wrong usage; 4 there is no such\n"
    "session, or the database is damaged; 5 configuration; 6 there is no such database, or it\n"
    "cannot be reached.\n";

struct showing {
    struct session_args args;
    struct report r;
    struct session_waiting waiting;
    struct progress progress;
};

static bool go_on(void *self)
{
    struct showing *x = self;
    progress_add(&x->progress, 1);
    return !interrupt_asked();
}

static const char *const actions[ACTION_COUNT] = {"hold", "buy_yes", "sell_yes", "buy_no",
                                                  "sell_no"};
static const char *const verdicts[VERDICT_MAX] = {"hold", "throttled", "breaker", "refused",
                                                  "kept", "sent",      "error"};

static double seconds(mono_ns_t ns)
{
    return (double)ns / 1e9;
}

static double span(const struct report *r)
{
    return r->last > r->first ? seconds(r->last - r->first) : 0;
}

static uint64_t messages(const struct report *r)
{
    return r->snapshots + r->deltas + r->trades;
}

static double rate(const struct report *r)
{
    double s = span(r);
    return s > 0 ? (double)messages(r) / s : 0;
}

static double lag_ms(const struct report *r, double q)
{
    return (double)hist_quantile(&r->lag, q) / 1e6;
}

/* --- JSON --- */

static void json_time(struct buf *b, const char *key, wall_ns_t t)
{
    char text[TIME_TEXT_MAX];
    time_format(t > 0 ? t : 0, text);
    buf_printf(b, t > 0 ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, text);
}

static void json_text(struct buf *b, const char *key, const char *s)
{
    buf_printf(b, ",\"%s\":", key);
    buf_json_str(b, text_of(s));
}

static void json_usd(struct buf *b, const char *key, usd_t v)
{
    char text[MONEY_TEXT_MAX];
    usd_format(v, text);
    buf_printf(b, ",\"%s\":\"%s\"", key, text);
}

static void json_qty(struct buf *b, const char *key, qty_t v)
{
    char text[MONEY_TEXT_MAX];
    qty_format(v, text);
    buf_printf(b, ",\"%s\":\"%s\"", key, text);
}

static void json_counts(struct buf *b, const char *key, const char *const *names,
                        const uint64_t *counts, size_t n)
{
    buf_printf(b, ",\"%s\":{", key);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", names[i], counts[i]);
    }
    buf_char(b, '}');
}

static void json_quality(struct buf *b, const struct report *r)
{
    buf_printf(
        b, ",\"quality\":{\"messages\":%" PRIu64 ",\"per_second\":%.3f,\"per_second_max\":%" PRIu64,
        messages(r), rate(r), r->in_second_max);
    json_time(b, "per_second_max_at", r->in_second_at);
    buf_printf(b, ",\"silence_s\":%.3f", seconds(r->silence));
    json_time(b, "silence_at", r->silence_at);
    buf_printf(b,
               ",\"silences\":%" PRIu64 ",\"lag\":{\"count\":%" PRIu64 ",\"negative\":%" PRIu64
               ",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}",
               r->silences, hist_summary(&r->lag).count, r->lag_negative, lag_ms(r, 0.5),
               lag_ms(r, 0.9), lag_ms(r, 0.99), lag_ms(r, 1));
    buf_printf(b,
               ",\"clock\":{\"readings\":%" PRIu64 ",\"min_ms\":%" PRId64 ",\"max_ms\":%" PRId64
               ",\"last_ms\":%" PRId64 "}",
               r->clocks, r->clock_min, r->clock_max, r->clock_ahead);
    buf_printf(b,
               ",\"connections\":%" PRIu64 ",\"disconnects\":%" PRIu64
               ",\"disconnected_s\":%.3f,\"stale_marks\":%" PRIu64 ",\"unknown_frames\":%" PRIu64
               ",\"malformed_frames\":%" PRIu64 "}",
               r->links_up, r->links_down, seconds(r->down_ns), r->marks_stale, r->unknown,
               r->malformed);
}

static void json_markets(struct buf *b, const struct report *r)
{
    buf_str(b, ",\"markets\":[");
    const char *comma = "";
    for (uint32_t i = 0; i < r->n_markets; i++) {
        const struct report_market *m = &r->markets[i];
        if (m->ticker[0] == '\0') {
            continue;
        }
        buf_printf(b, "%s{\"market\":", comma);
        buf_json_str(b, text_of(m->ticker));
        buf_printf(b,
                   ",\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64 ",\"trades\":%" PRIu64
                   ",\"stale_marks\":%" PRIu64 ",\"stale_s\":%.3f",
                   m->snapshots, m->deltas, m->trades, m->stale_marks, seconds(m->stale_ns));
        json_time(b, "first", m->first);
        json_time(b, "last", m->last);
        json_qty(b, "position", m->position);
        buf_char(b, '}');
        comma = ",";
    }
    buf_char(b, ']');
}

static void json_gaps(struct buf *b, const struct report *r)
{
    buf_printf(b,
               ",\"gaps\":{\"rows\":%" PRIu64 ",\"sequence\":%" PRIu64 ",\"lost\":%" PRIu64
               ",\"first\":[",
               r->gaps, r->gaps_seq, r->lost);
    for (uint64_t i = 0; i < r->gaps && i < REPORT_GAPS; i++) {
        const struct rec_gap *g = &r->first_gaps[i];
        buf_printf(
            b, "%s{\"lost\":%" PRIu64 ",\"sid\":%" PRIu64 ",\"from\":%" PRIu64 ",\"to\":%" PRIu64,
            i > 0 ? "," : "", g->lost, g->sid, g->seq_expected, g->seq_got);
        json_time(b, "at", g->h.wall);
        json_text(b, "reason", g->reason);
        buf_char(b, '}');
    }
    buf_str(b, "]}");
}

static void json_trading(struct buf *b, const struct report *r)
{
    const char *states[ORDER_STATE_MAX];
    for (int i = 0; i < ORDER_STATE_MAX; i++) {
        states[i] = order_state_name((enum order_state)i);
    }
    buf_printf(b, ",\"engine\":{\"turns\":%" PRIu64 ",\"decisions\":%" PRIu64, r->turns,
               r->decisions);
    json_counts(b, "actions", actions, r->actions, ACTION_COUNT);
    json_counts(b, "verdicts", verdicts, r->verdicts, VERDICT_MAX);
    buf_str(b, ",\"checks\":{");
    for (size_t i = 0; i < REPORT_REASONS && r->checks[i].n > 0; i++) {
        buf_str(b, i > 0 ? "," : "");
        buf_json_str(b, text_of(r->checks[i].name));
        buf_printf(b, ":%" PRIu64, r->checks[i].n);
    }
    buf_printf(b, "}},\"trading\":{\"orders\":%" PRIu64, r->orders);
    json_counts(b, "orders_by_state", states, r->orders_by_state, ORDER_STATE_MAX);
    buf_printf(b,
               ",\"fills\":%" PRIu64 ",\"fills_taker\":%" PRIu64 ",\"fills_of_others\":%" PRIu64
               ",\"requests_answered\":%" PRIu64 ",\"requests_failed\":%" PRIu64,
               r->fills, r->fills_taker, r->fills_foreign, r->answers, r->answers_bad);
    json_qty(b, "contracts", r->contracts);
    json_usd(b, "fees", r->fees);
    buf_printf(b,
               ",\"settlements\":%" PRIu64 ",\"positions_adopted\":%" PRIu64
               ",\"cash_adoptions\":%" PRIu64 ",\"fee_drifts\":%" PRIu64,
               r->settlements, r->positions_adopted, r->cash_adoptions, r->fee_drifts);
    json_usd(b, "paid", r->paid);
    json_usd(b, "cash_adopted", r->cash_adopted);
    buf_str(b, ",\"account\":");
    if (!r->has_account) {
        buf_str(b, "null}");
        return;
    }
    char start[MONEY_TEXT_MAX];
    usd_format(r->cash_start, start);
    buf_printf(b, "{\"cash_start\":\"%s\"", start);
    json_usd(b, "cash_end", r->cash_end);
    json_usd(b, "realized", report_realized(r));
    if (r->has_worth) {
        json_usd(b, "worth_first", r->worth_first.pv_mid);
        json_usd(b, "worth_last", r->worth_last.pv_mid);
    }
    buf_str(b, "}}");
}

static int print_json(const struct showing *x, const struct store_session *s)
{
    const struct report *r = &x->r;
    struct buf b;
    bool seq_check = true;
    buf_init(&b, (size_t)1 << 30);
    buf_printf(&b, "{\"session\":%" PRId64, s->id);
    json_time(&b, "began", s->began);
    json_time(&b, "ended", s->ended);
    json_text(&b, "outcome", s->outcome);
    json_text(&b, "build", s->build);
    json_text(&b, "policy", s->policy);
    json_text(&b, "exchange", s->exchange);
    buf_printf(&b, ",\"imported\":%s,\"rows\":%" PRIu64 ",\"lost\":%" PRIu64,
               session_imported(s, &seq_check) ? "true" : "false", s->rows, s->lost);
    session_waiting_json(&x->waiting, &b);
    json_time(&b, "first", r->first);
    json_time(&b, "last", r->last);
    buf_printf(&b, ",\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64 ",\"trades\":%" PRIu64,
               r->snapshots, r->deltas, r->trades);
    json_markets(&b, r);
    json_gaps(&b, r);
    json_quality(&b, r);
    json_trading(&b, r);
    buf_str(&b, "}\n");
    bool ok = !b.failed && fwrite(b.p, 1, b.n, stdout) == b.n;
    buf_finish(&b);
    return ok ? EXIT_DONE : cli_fail("show", EXIT_FAILED, "the summary cannot be printed");
}

/* --- text --- */

static void show_time(const char *label, wall_ns_t t)
{
    char text[TIME_TEXT_MAX];
    time_format(t > 0 ? t : 0, text);
    printf("%-16s%s\n", label, t > 0 ? text : "-");
}

static void text_markets(const struct report *r)
{
    uint32_t shown = 0;
    printf("\n%-40s %9s %10s %8s %6s %9s %12s\n", "MARKET", "SNAPSHOTS", "DELTAS", "TRADES",
           "STALE", "STALE S", "POSITION");
    for (uint32_t i = 0; i < r->n_markets; i++) {
        const struct report_market *m = &r->markets[i];
        char position[MONEY_TEXT_MAX];
        if (m->ticker[0] == '\0') {
            continue;
        }
        if (shown++ >= MARKETS_SHOWN) {
            continue;
        }
        qty_format(m->position, position);
        printf("%-40s %9" PRIu64 " %10" PRIu64 " %8" PRIu64 " %6" PRIu64 " %9.3f %12s\n", m->ticker,
               m->snapshots, m->deltas, m->trades, m->stale_marks, seconds(m->stale_ns),
               m->marked ? position : "-");
    }
    if (shown > MARKETS_SHOWN) {
        printf("... and %u more (--json has all)\n", shown - MARKETS_SHOWN);
    }
}

static void text_quality(const struct report *r)
{
    char at[TIME_TEXT_MAX];
    printf("\nquality\n");
    printf("  messages      %" PRIu64 ", %.1f a second, at most %" PRIu64 " in one\n", messages(r),
           rate(r), r->in_second_max);
    time_format(r->silence_at > 0 ? r->silence_at : 0, at);
    printf("  silence       longest %.3f s%s%s; %" PRIu64 " over one second\n", seconds(r->silence),
           r->silence_at > 0 ? ", until " : "", r->silence_at > 0 ? at : "", r->silences);
    printf(
        "  lag           50 %%: %.1f ms, 90 %%: %.1f ms, 99 %%: %.1f ms, longest %.1f ms; %" PRIu64
        " came before they were sent\n",
        lag_ms(r, 0.5), lag_ms(r, 0.9), lag_ms(r, 0.99), lag_ms(r, 1), r->lag_negative);
    if (r->clocks > 0) {
        printf("  clock         ahead of the exchange's by %" PRId64 " ms, between %" PRId64
               " and %" PRId64 "\n",
               r->clock_ahead, r->clock_min, r->clock_max);
    }
    printf("  connection    %" PRIu64 " times made, %" PRIu64 " lost, %.3f s without\n",
           r->links_up, r->links_down, seconds(r->down_ns));
    printf("  raw frames    %" PRIu64 " unknown, %" PRIu64 " malformed\n", r->unknown,
           r->malformed);
    printf("  gaps          %" PRIu64 " rows, %" PRIu64
           " of them in sequence numbers; lost: %" PRIu64 "\n",
           r->gaps, r->gaps_seq, r->lost);
    for (uint64_t i = 0; i < r->gaps && i < REPORT_GAPS; i++) {
        const struct rec_gap *g = &r->first_gaps[i];
        time_format(g->h.wall > 0 ? g->h.wall : 0, at);
        printf("    %s  %s, from %" PRIu64 " to %" PRIu64 ", lost %" PRIu64 "\n", at, g->reason,
               g->seq_expected, g->seq_got, g->lost);
    }
    if (r->gaps > REPORT_GAPS) {
        printf("    ... (deltaflow export --what gaps)\n");
    }
}

#define DOLLARS_MAX (MONEY_TEXT_MAX + 1)

/* The sign in front of the dollar sign. */
static void dollars(usd_t v, char ret[DOLLARS_MAX])
{
    char text[MONEY_TEXT_MAX];
    usd_format(v, text);
    bool minus = text[0] == '-';
    snprintf(ret, DOLLARS_MAX, "%s$%s", minus ? "-" : "", text + minus);
}

static void text_trading(const struct report *r)
{
    char a[DOLLARS_MAX], b[DOLLARS_MAX];
    printf("\nengine\n  %" PRIu64 " turns, %" PRIu64 " decisions:", r->turns, r->decisions);
    for (int i = 0; i < VERDICT_MAX; i++) {
        printf("%s %" PRIu64 " %s", i > 0 ? "," : "", r->verdicts[i], verdicts[i]);
    }
    printf("\n");
    for (size_t i = 0; i < REPORT_REASONS && r->checks[i].n > 0; i++) {
        printf("    refused by %s: %" PRIu64 "\n", r->checks[i].name, r->checks[i].n);
    }
    if (!r->has_account && r->orders == 0) {
        printf("\nnothing was traded\n");
        return;
    }
    printf("\ntrading\n  orders        %" PRIu64, r->orders);
    for (int i = 0; i < ORDER_STATE_MAX; i++) {
        if (r->orders_by_state[i] > 0) {
            printf(", %" PRIu64 " %s", r->orders_by_state[i],
                   order_state_name((enum order_state)i));
        }
    }
    qty_format(r->contracts, a);
    dollars(r->fees, b);
    printf("\n  fills         %" PRIu64 " (%" PRIu64 " as taker, %" PRIu64
           " of others), %s contracts, fees %s\n",
           r->fills, r->fills_taker, r->fills_foreign, a, b);
    dollars(report_realized(r), a);
    printf("  realised P&L  %s before fees\n", a);
    dollars(r->cash_start, a);
    dollars(r->cash_end, b);
    printf("  cash          %s at the start, %s at the end\n", a, b);
    if (r->has_worth) {
        dollars(r->worth_first.pv_mid, a);
        dollars(r->worth_last.pv_mid, b);
        printf("  worth         %s at first, %s at last, positions at mid\n", a, b);
    }
    dollars(r->paid, a);
    printf("  settlements   %" PRIu64 ", paid %s\n", r->settlements, a);
    dollars(r->cash_adopted, a);
    printf("  drifts        %" PRIu64 " positions adopted, %" PRIu64 " times cash (%s), %" PRIu64
           " fees\n",
           r->positions_adopted, r->cash_adoptions, a, r->fee_drifts);
    printf("  requests      %" PRIu64 " answers, %" PRIu64 " of them not ok\n", r->answers,
           r->answers_bad);
}

static void print_text(const struct showing *x, const struct store_session *s)
{
    const struct report *r = &x->r;
    bool seq_check = true;
    char path[URL_SHOWN_MAX];
    printf("%-16s%" PRId64 " of %s\n", "session", s->id,
           url_shown(x->args.path, path, sizeof path));
    show_time("began", s->began);
    show_time("ended", s->ended);
    printf("%-16s%s\n%-16s%s\n%-16s%s\n%-16s%s\n", "outcome", s->outcome, "exchange", s->exchange,
           "policy", s->policy, "build", s->build);
    const char *imported = !session_imported(s, &seq_check) ? ""
                           : seq_check                      ? "; imported"
                                                            : "; imported without seq check";
    if (s->ended == 0) {
        printf("%-16snot counted: it was not closed%s\n", "rows", imported);
    } else {
        printf("%-16s%" PRIu64 " written, %" PRIu64 " lost%s\n", "rows", s->rows, s->lost,
               imported);
    }
    session_waiting_text(&x->waiting, "waiting         ");
    show_time("first message", r->first);
    show_time("last message", r->last);
    printf("%-16s%" PRIu64 " snapshots, %" PRIu64 " deltas, %" PRIu64 " trades in %.1f s\n",
           "market data", r->snapshots, r->deltas, r->trades, span(r));
    text_markets(r);
    text_quality(r);
    text_trading(r);
}

/* --- the command --- */

static int show_session(struct showing *x, const struct store_session *s)
{
    struct err err = {0};
    x->waiting = (struct session_waiting){.session = s->id, .began = s->began};
    int code = session_waiting_find(&x->args, &x->waiting, 1);
    if (code != EXIT_DONE) {
        return code;
    }
    progress_begin(&x->progress, "show", s->rows);
    enum status st = report_read(x->args.path, s->id, go_on, x, &x->r, &err);
    progress_end(&x->progress);
    if (st == ST_CLOSED) {
        return cli_fail("show", EXIT_FAILED, "interrupted");
    }
    if (st != ST_OK) {
        return session_fail(&x->args, st, &err);
    }
    if (x->args.json) {
        code = print_json(x, s);
    } else {
        print_text(x, s);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("show", EXIT_FAILED, "standard output cannot be written");
    }
    return code;
}

static int parse(int argc, char **argv, struct session_args *a)
{
    static const struct option longs[] = {SESSION_LONG_OPTIONS, {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (!session_take_option(c, a)) {
            return session_bad_option(a, c, argv);
        }
    }
    return a->help || optind + 1 == argc ? EXIT_DONE
                                         : cli_usage("show", "give one SESSION: a number, or last");
}

static int run(int argc, char **argv)
{
    struct showing *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return cli_fail("show", EXIT_FAILED, "out of memory");
    }
    x->args.command = "show";
    struct session_row row = {.found = false};
    int code = parse(argc, argv, &x->args);
    if (code == EXIT_DONE && x->args.help) {
        fputs(help, stdout);
    } else if (code == EXIT_DONE) {
        interrupt_catch("show", "nothing is changed");
        code = session_store_find(&x->args);
        code = code == EXIT_DONE ? session_pick(&x->args, argv[optind], &row) : code;
        code = code == EXIT_DONE ? show_session(x, &row.s) : code;
    }
    report_finish(&x->r);
    session_row_finish(&row);
    free(x);
    return code;
}

const struct cli_command cmd_show = {"show", "summary, gaps and quality of a recorded session",
                                     run};
