/* replay_say.c - the summary of a replay; see replay_say.h. */
#include "cli/replay_say.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/run_engine.h"

static const char *const source_names[EV_SRC_MAX] = {"command", "private", "answer", "market"};

/* What is compared, in the words of the summary. */
static const struct {
    enum rec_type type;
    const char *name;
} compared[] = {
    {REC_TURN, "turns"},           {REC_DECISION, "decisions"},        {REC_ORDER, "orders"},
    {REC_APPLIED, "fills"},        {REC_RECONCILE, "reconciliations"}, {REC_POSITION, "accounts"},
    {REC_FEE_DRIFT, "fee_drifts"}, {REC_SETTLED, "settlements"},       {REC_MARK, "marks"},
};
#define COMPARED (sizeof compared / sizeof compared[0])

static uint64_t recorded(const struct replay_report *r, enum rec_type type)
{
    return r->session->rows[type - REC_BASE].records;
}

static bool shown(const struct replay_report *r, uint32_t mkt)
{
    return r->markets == NULL || (mkt < r->n_markets && r->markets[mkt]);
}

static const char *text_or(const char *s, const char *other)
{
    return s != NULL && s[0] != '\0' ? s : other;
}

static double rate(uint64_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

/* --- text --- */

static void text_session(const struct replay_report *r, struct buf *out)
{
    const struct session *s = r->session;
    char began[TIME_TEXT_MAX];
    time_format(s->began, began);
    buf_printf(out, "session %" PRId64 " of %s\n", s->id, r->store);
    buf_printf(out, "  recorded   %s, build %s, policy %s, %s\n", began, text_or(s->build, "?"),
               text_or(s->policy, "?"), text_or(s->outcome, "not closed"));
    buf_printf(out, "  loaded     %.1f MB in %.2f s", (double)s->bytes / 1e6, r->load_seconds);
    if (r->books == NULL) {
        buf_printf(out, "; %" PRIu64 " turns, %" PRIu64 " decisions recorded",
                   recorded(r, REC_TURN), recorded(r, REC_DECISION));
    }
    buf_char(out, '\n');
    if (s->rows[REC_RESTORED - REC_BASE].records > 0) {
        buf_printf(out, "  restored   %" PRIu64 " orders and halts of earlier runs\n",
                   recorded(r, REC_RESTORED));
    }
}

static void text_range(const struct replay_report *r, struct buf *out)
{
    char from[TIME_TEXT_MAX] = "the beginning", until[TIME_TEXT_MAX] = "the end";
    if (r->from == 0 && r->until == 0) {
        return;
    }
    if (r->from != 0) {
        time_format(r->from, from);
    }
    if (r->until != 0) {
        time_format(r->until, until);
    }
    buf_printf(out, "  range      %s to %s; what comes before was applied, not shown or compared\n",
               from, until);
}

static void text_replayed(const struct replay_report *r, struct buf *out)
{
    const struct replay_status *st = replay_status(r->replay);
    char when[TIME_TEXT_MAX];
    time_format(st->last_wall, when);
    buf_printf(out,
               "  replayed   %" PRIu64 " turns, %" PRIu64 " events, %" PRIu64
               " decisions in %.2f s (%.0f changes/s)\n",
               st->turns, st->events, st->decisions, r->seconds, rate(r->changes, r->seconds));
    buf_printf(out, "  ended      %s: %s", replay_end_name(st->end), st->why);
    if (st->last_turn > 0) {
        buf_printf(out, "; last turn %" PRIu64 " at %s", st->last_turn, when);
    }
    buf_char(out, '\n');
}

static void text_difference(const struct difference *d, struct buf *out)
{
    char when[TIME_TEXT_MAX];
    time_format(d->wall, when);
    buf_printf(out,
               "  DIFFERS    turn %" PRIu64 " at %s, %s ord %" PRIu64 ", market %s, table %s, row "
               "%" PRIu64 ", %s: recorded %s, replayed %s\n",
               d->turn, when, d->source < EV_SRC_MAX ? source_names[d->source] : "?", d->ord,
               text_or(d->market, "-"), d->table, d->row, d->field, d->recorded, d->replayed);
}

static void text_verify(const struct replay_report *r, struct buf *out)
{
    buf_str(out, "  compared  ");
    for (size_t i = 0; i < COMPARED; i++) {
        buf_printf(out, "%s %" PRIu64 " %s", i == 0 ? "" : ",",
                   verify_compared(r->verify, compared[i].type), compared[i].name);
    }
    buf_char(out, '\n');
    if (r->verify->differs) {
        text_difference(&r->verify->first, out);
    } else if (verify_nothing(r->verify)) {
        buf_str(out, "  NOTHING    was compared, so nothing is shown to be equal\n");
    } else {
        buf_str(out, "  equal      bit for bit, as far as it was replayed\n");
    }
}

static void text_other(const struct replay_report *r, struct buf *out)
{
    const struct agreement *a = r->other;
    buf_printf(out,
               "  other      %s\n  agreement  %" PRIu64 " of %" PRIu64
               " (%.1f %%); rows: recorded, "
               "columns: other. No fill is invented: the run goes on as recorded.\n             ",
               r->other_policy, a->agreed, a->steps,
               a->steps > 0 ? 100.0 * (double)a->agreed / (double)a->steps : 0.0);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        buf_printf(out, " %10s", action_names[i]);
    }
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        buf_printf(out, "\n    %-9s", action_names[i]);
        for (size_t j = 0; j < ACTION_COUNT; j++) {
            buf_printf(out, " %10" PRIu64, a->n[i][j]);
        }
    }
    buf_char(out, '\n');
}

static void text_px(struct buf *out, px_t px)
{
    char t[MONEY_TEXT_MAX] = "-";
    if (px > 0) {
        px_format(px, t);
    }
    buf_printf(out, " %8s", t);
}

static void text_books(const struct replay_report *r, struct buf *out)
{
    const struct books_stats *s = books_stats(r->books);
    buf_printf(out,
               "  replayed   %" PRIu64
               " market events into books in %.2f s (%.0f changes/s): %" PRIu64
               " snapshots, %" PRIu64 " deltas, %" PRIu64 " not applied to stale books, %" PRIu64
               " contradictions\n",
               s->events, r->seconds, rate(s->changes, r->seconds), s->snapshots, s->deltas,
               s->stale_deltas, s->contradictions);
    for (uint32_t i = 0; i < books_count(r->books); i++) {
        struct books_market m;
        if (shown(r, i) && books_market(r->books, i, &m)) {
            buf_printf(out, "    %-40s yes", m.ticker);
            text_px(out, book_best(m.book, SIDE_YES));
            buf_str(out, " no");
            text_px(out, book_best(m.book, SIDE_NO));
            buf_printf(out, " %s\n", m.stale ? "stale" : "");
        }
    }
}

static void text_account(const struct replay_report *r, struct buf *out)
{
    const struct engine *e = replay_engine(r->replay);
    const struct account *a = orders_account(engine_orders(e));
    const struct orders_stats *os = orders_stats(engine_orders(e));
    char cash[MONEY_TEXT_MAX], pv[MONEY_TEXT_MAX];
    usd_format(a->cash_total, cash);
    usd_format(account_pv_mid(a), pv);
    buf_printf(out,
               "  account    cash %s, portfolio %s, %" PRIu64 " orders sent, %" PRIu64 " fills\n",
               cash, pv, os->sent, os->fills);
    for (uint32_t i = 0; i < a->n_held; i++) {
        const struct holding *h = &a->holdings[a->held[i]];
        char position[MONEY_TEXT_MAX], cost[MONEY_TEXT_MAX];
        if (shown(r, h->mkt)) {
            qty_format(h->position, position);
            usd_format(h->cost, cost);
            buf_printf(out, "    %-40s %12s contracts, cost %s\n", h->ticker, position, cost);
        }
    }
}

void replay_summary_text(const struct replay_report *r, struct buf *out)
{
    text_session(r, out);
    text_range(r, out);
    if (r->books != NULL) {
        text_books(r, out);
        return;
    }
    text_replayed(r, out);
    text_account(r, out);
    if (r->other != NULL) {
        text_other(r, out);
    }
    if (r->verify != NULL) {
        text_verify(r, out);
    }
}

/* --- JSON --- */

static void json_time(struct buf *out, const char *key, wall_ns_t t)
{
    char when[TIME_TEXT_MAX];
    if (t == 0) {
        buf_printf(out, ",\"%s\":null", key);
        return;
    }
    time_format(t, when);
    buf_printf(out, ",\"%s\":\"%s\"", key, when);
}

static void json_text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_str(out, text_of(text_or(value, "")));
}

static void json_px(struct buf *out, const char *key, px_t px)
{
    char t[MONEY_TEXT_MAX];
    px_format(px, t);
    buf_printf(out, ",\"%s\":\"%s\"", key, t);
}

static void json_usd(struct buf *out, const char *key, usd_t v, bool first)
{
    char t[MONEY_TEXT_MAX];
    usd_format(v, t);
    buf_printf(out, "%s\"%s\":\"%s\"", first ? "" : ",", key, t);
}

static void json_session(const struct replay_report *r, struct buf *out)
{
    const struct session *s = r->session;
    buf_printf(out, "{\"session\":%" PRId64, s->id);
    json_text(out, "store", r->store);
    json_time(out, "began", s->began);
    json_time(out, "ended", s->ended);
    json_text(out, "outcome", s->outcome);
    json_text(out, "build", s->build);
    json_text(out, "policy", s->policy);
    json_time(out, "from", r->from);
    json_time(out, "until", r->until);
    buf_printf(out, ",\"bytes\":%zu,\"load_seconds\":%.6f,\"seconds\":%.6f,\"changes\":%" PRIu64,
               s->bytes, r->load_seconds, r->seconds, r->changes);
    buf_printf(out,
               ",\"recorded\":{\"turns\":%" PRIu64 ",\"decisions\":%" PRIu64
               ",\"restored\":%" PRIu64 ",\"gaps\":%" PRIu64 "}",
               recorded(r, REC_TURN), recorded(r, REC_DECISION), recorded(r, REC_RESTORED),
               recorded(r, REC_GAP));
}

static void json_replayed(const struct replay_report *r, struct buf *out)
{
    const struct replay_status *st = replay_status(r->replay);
    buf_printf(out,
               ",\"replayed\":{\"turns\":%" PRIu64 ",\"events\":%" PRIu64 ",\"decisions\":%" PRIu64
               "},\"end\":{\"kind\":\"%s\"",
               st->turns, st->events, st->decisions, replay_end_name(st->end));
    json_text(out, "why", st->why);
    buf_printf(out, ",\"turn\":%" PRIu64, st->last_turn);
    json_time(out, "at", st->last_wall);
    buf_char(out, '}');
}

static void json_difference(const struct difference *d, struct buf *out)
{
    buf_printf(out, "{\"turn\":%" PRIu64, d->turn);
    json_time(out, "at", d->wall);
    buf_printf(out, ",\"source\":\"%s\",\"ord\":%" PRIu64,
               d->source < EV_SRC_MAX ? source_names[d->source] : "?", d->ord);
    json_text(out, "market", d->market);
    json_text(out, "table", d->table);
    buf_printf(out, ",\"row\":%" PRIu64, d->row);
    json_text(out, "field", d->field);
    json_text(out, "recorded", d->recorded);
    json_text(out, "replayed", d->replayed);
    buf_char(out, '}');
}

static void json_verify(const struct replay_report *r, struct buf *out)
{
    if (r->verify == NULL) {
        buf_str(out, ",\"verify\":null");
        return;
    }
    bool nothing = verify_nothing(r->verify), equal = !nothing && !r->verify->differs;
    buf_printf(out, ",\"verify\":{\"result\":\"%s\",\"equal\":%s,\"compared\":{",
               equal     ? "equal"
               : nothing ? "nothing"
                         : "different",
               equal ? "true" : "false");
    for (size_t i = 0; i < COMPARED; i++) {
        buf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", compared[i].name,
                   verify_compared(r->verify, compared[i].type));
    }
    buf_str(out, "},\"difference\":");
    if (r->verify->differs) {
        json_difference(&r->verify->first, out);
    } else {
        buf_str(out, "null");
    }
    buf_char(out, '}');
}

static void json_other(const struct replay_report *r, struct buf *out)
{
    const struct agreement *a = r->other;
    if (a == NULL) {
        buf_str(out, ",\"other\":null");
        return;
    }
    buf_str(out, ",\"other\":{\"policy\":");
    buf_json_str(out, text_of(r->other_policy));
    buf_printf(out, ",\"steps\":%" PRIu64 ",\"agreed\":%" PRIu64 ",\"table\":{", a->steps,
               a->agreed);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        buf_printf(out, "%s\"%s\":{", i == 0 ? "" : ",", action_names[i]);
        for (size_t j = 0; j < ACTION_COUNT; j++) {
            buf_printf(out, "%s\"%s\":%" PRIu64, j == 0 ? "" : ",", action_names[j], a->n[i][j]);
        }
        buf_char(out, '}');
    }
    buf_str(out, "}}");
}

static void json_market(struct buf *out, const char *ticker, const struct book *book, bool stale,
                        bool first)
{
    buf_str(out, first ? "{\"market\":" : ",{\"market\":");
    buf_json_str(out, text_of(ticker));
    json_px(out, "yes_bid", book_best(book, SIDE_YES));
    json_px(out, "no_bid", book_best(book, SIDE_NO));
    buf_printf(out, ",\"stale\":%s", stale ? "true" : "false");
}

static void json_counts(struct buf *out, uint64_t snapshots, uint64_t deltas, uint64_t trades)
{
    buf_printf(out, ",\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64 ",\"trades\":%" PRIu64,
               snapshots, deltas, trades);
}

static void json_books(const struct replay_report *r, struct buf *out)
{
    const struct books_stats *s = books_stats(r->books);
    buf_printf(out,
               ",\"books\":{\"events\":%" PRIu64 ",\"changes\":%" PRIu64 ",\"snapshots\":%" PRIu64
               ",\"deltas\":%" PRIu64 ",\"trades\":%" PRIu64 ",\"stale_deltas\":%" PRIu64
               ",\"contradictions\":%" PRIu64 "},\"markets\":[",
               s->events, s->changes, s->snapshots, s->deltas, s->trades, s->stale_deltas,
               s->contradictions);
    bool first = true;
    for (uint32_t i = 0; i < books_count(r->books); i++) {
        struct books_market m;
        if (shown(r, i) && books_market(r->books, i, &m)) {
            json_market(out, m.ticker, m.book, m.stale, first);
            json_counts(out, m.snapshots, m.deltas, m.trades);
            buf_char(out, '}');
            first = false;
        }
    }
    buf_str(out, "]");
}

static void json_markets(const struct replay_report *r, struct buf *out)
{
    const struct engine *e = replay_engine(r->replay);
    bool first = true;
    buf_str(out, ",\"markets\":[");
    for (uint32_t i = 0; i < engine_market_count(e); i++) {
        struct engine_market m;
        char position[MONEY_TEXT_MAX];
        if (!shown(r, i) || !engine_market(e, i, &m)) {
            continue;
        }
        json_market(out, m.ticker, m.book, m.stale, first);
        json_counts(out, m.snapshots, m.deltas, m.trades);
        qty_format(m.position, position);
        buf_printf(out, ",\"decisions\":%" PRIu64 ",\"position\":\"%s\"", m.decisions, position);
        json_usd(out, "cost", m.cost, false);
        json_usd(out, "realized", m.realized, false);
        json_usd(out, "fees", m.fees, false);
        buf_char(out, '}');
        first = false;
    }
    buf_char(out, ']');
}

static void json_account(const struct replay_report *r, struct buf *out)
{
    const struct orders *o = engine_orders(replay_engine(r->replay));
    const struct account *a = orders_account(o);
    buf_str(out, ",\"account\":{");
    json_usd(out, "cash_total", a->cash_total, true);
    json_usd(out, "cash_reserved", a->cash_reserved, false);
    json_usd(out, "pv_mid", account_pv_mid(a), false);
    json_usd(out, "pv_exit", account_pv_exit(a), false);
    buf_printf(out, ",\"orders_sent\":%" PRIu64 ",\"fills\":%" PRIu64 "}", orders_stats(o)->sent,
               orders_stats(o)->fills);
}

void replay_summary_json(const struct replay_report *r, struct buf *out)
{
    json_session(r, out);
    if (r->books != NULL) {
        json_books(r, out);
    } else {
        json_replayed(r, out);
        json_account(r, out);
        json_markets(r, out);
        json_verify(r, out);
        json_other(r, out);
    }
    buf_str(out, "}\n");
}
