/*
 * run_summary.c - what a run did: for people as text, for machines as JSON
 * (docs/schemas/run-summary.json).
 */
#include <inttypes.h>

#include "base/url.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/run_engine.h"
#include "paper/paper.h"

static const char *const queue_names[] = {
    [PAPER_QUEUE_PESSIMISTIC] = "pessimistic",
    [PAPER_QUEUE_PROPORTIONAL] = "proportional",
    [PAPER_QUEUE_TRADE_THROUGH] = "trade_through",
};

static uint64_t sum(const struct counter *c, int n)
{
    uint64_t total = 0;
    for (int i = 0; i < n; i++) {
        total += counter_get(&c[i]);
    }
    return total;
}

/* Money for people: two decimals, sign in front of the dollar sign. */
static void dollars(struct buf *out, usd_t v)
{
    usd_t cents = (v < 0 ? -v : v) / 10000;
    buf_printf(out, "%s$%" PRId64 ".%02d", v < 0 ? "-" : "", cents / 100, (int)(cents % 100));
}

static void duration(struct buf *out, int64_t ns)
{
    if (ns < 10 * NS_PER_US) {
        buf_printf(out, "%6.2f us", (double)ns / 1e3);
    } else if (ns < NS_PER_MS) {
        buf_printf(out, "%6.0f us", (double)ns / 1e3);
    } else if (ns < NS_PER_SEC) {
        buf_printf(out, "%6.1f ms", (double)ns / 1e6);
    } else {
        buf_printf(out, "%6.1f s ", (double)ns / 1e9);
    }
}

static void text_latency(const struct run *r, struct buf *out)
{
    buf_str(
        out,
        "  latency                 p50        p90        p99      p99.9        max      count\n");
    for (int s = 0; s < STAGE_MAX; s++) {
        struct hist_summary h = hist_summary(&r->stages[s]);
        if (h.count == 0) {
            continue;
        }
        buf_printf(out, "    %-16s", stage_names[s]);
        const int64_t values[] = {h.p50, h.p90, h.p99, h.p999, h.max};
        for (size_t i = 0; i < 5; i++) {
            buf_str(out, "  ");
            duration(out, values[i]);
        }
        buf_printf(out, " %10" PRIu64 "\n", h.count);
    }
}

static void note_amount(struct buf *out, const struct rec_reconcile *n, int64_t v)
{
    char t[MONEY_TEXT_MAX];
    if (n->kind == RECONCILE_CASH) {
        usd_format(v, t);
    } else {
        qty_format(v, t);
    }
    buf_str(out, t);
}

/* What was taken over from the exchange, and what others do in the account. */
static void text_reconciliation(const struct orders *o, struct buf *out)
{
    const struct orders_stats *s = orders_stats(o);
    usd_t cost = 0;
    uint32_t others = orders_foreign(o, &cost);
    buf_printf(out,
               "  reconciled %" PRIu64 " times different, %" PRIu64
               " position drifts, cash %" PRIu64 " times adopted, %" PRIu64
               " markets paid, %" PRIu64 " fee drifts, %" PRIu64 " fills and %" PRIu32
               " resting orders of others\n",
               s->differences, s->drifts, s->cash_adopted, s->settlements, s->fee_drifts,
               s->fills_foreign, others);
    if (s->rediscovered > 0) {
        buf_printf(out,
                   "    %" PRIu64 " orders of earlier runs rested that the journal did not know\n",
                   s->rediscovered);
    }
    uint64_t n = orders_notes(o);
    for (uint64_t i = n > ORDERS_NOTES ? n - ORDERS_NOTES : 0; i < n; i++) {
        const struct rec_reconcile *r = orders_note(o, i);
        if (r->adopted == 0 && (r->kind != RECONCILE_FOREIGN || r->ours + r->theirs == 0)) {
            continue;
        }
        bool foreign = r->kind == RECONCILE_FOREIGN;
        buf_printf(out, "    %s: %s ", r->ticker, foreign ? "others rest, YES" : "ours");
        note_amount(out, r, r->ours);
        buf_str(out, foreign ? " NO " : ", adopted ");
        note_amount(out, r, r->theirs);
        buf_printf(out, foreign ? "\n" : " (%s)\n", r->reason);
    }
}

static void text_account(const struct run *r, struct buf *out)
{
    const struct account *a = orders_account(engine_orders(r->engine));
    const struct orders_stats *os = orders_stats(engine_orders(r->engine));
    buf_printf(out,
               "  orders     %" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64
               " rejected, %" PRIu64 " amended, %" PRIu64 " cancelled, %" PRIu64
               " with unknown outcome (%" PRIu64 " found, %" PRIu64 " proved absent)\n",
               os->sent, os->acked, os->rejected, os->amends, os->cancels, os->unknown,
               os->resolved_found, os->resolved_absent);
    buf_printf(out, "  fills      %" PRIu64 ", position reads %" PRIu64 ", drifts %" PRIu64 "\n",
               os->fills, os->position_reads, os->drifts);
    buf_str(out, "  P&L        ");
    usd_t net = a->realized + account_unrealized(a) - a->fees;
    dollars(out, net);
    buf_str(out, " after fees (realised ");
    dollars(out, a->realized);
    buf_str(out, ", unrealised at mid ");
    dollars(out, account_unrealized(a));
    buf_str(out, ", fees ");
    dollars(out, a->fees);
    buf_str(out, ")\n  account    cash ");
    dollars(out, a->cash_total);
    buf_str(out, ", worth ");
    dollars(out, account_pv_mid(a));
    buf_str(out, " at mid, ");
    dollars(out, account_pv_exit(a));
    usd_t theirs = 0;
    if (orders_pv_exchange(engine_orders(r->engine), &theirs)) {
        buf_str(out, " if sold now, ");
        dollars(out, theirs);
        buf_printf(out, " as the exchange said last, %" PRIu32 " open positions\n", a->n_held);
    } else {
        buf_printf(out, " if sold now, %" PRIu32 " open positions\n", a->n_held);
    }
    text_reconciliation(engine_orders(r->engine), out);
}

static void text_paper(const struct run *r, struct buf *out)
{
    const struct paper *p = run_paper_account(r);
    if (p == NULL) {
        return;
    }
    const struct paper_stats *s = paper_stats(p);
    buf_printf(out,
               "  paper      nothing was sent: %" PRIu64 " orders, %" PRIu64 " fills (%" PRIu64
               " as maker) by the %s queue model; %" PRIu64 " markets settled, %" PRIu64
               " orders met a stale book, %" PRIu64 " market events not taken; cash ",
               s->orders, s->fills, s->fills_maker, queue_names[r->o->paper.queue_model],
               s->settled, s->refused_stale, counter_get(&r->monitor.paper_not_taken));
    dollars(out, paper_account(p)->cash);
    buf_char(out, '\n');
}

void run_summary_text(const struct run *r, double seconds, struct buf *out)
{
    const struct engine_metrics *m = engine_metrics(r->engine);
    const struct feed_stats *f = run_feed_stats(r);
    buf_printf(out,
               "\n  markets    %" PRIu64 " followed, %" PRIu64 " closed, %" PRIu64 " stale now\n",
               counter_get(&r->monitor.markets), counter_get(&r->monitor.markets_closed),
               counter_get(&m->stale_books));
    buf_printf(out,
               "  messages   %" PRIu64 " in %.1f s: %" PRIu64 " snapshots, %" PRIu64
               " deltas, %" PRIu64 " trades; %" PRIu64 " malformed, %" PRIu64 " gaps (%" PRIu64
               " repairs, %" PRIu64 " reconnects)\n",
               f->frames, seconds, f->snapshots, f->deltas, f->trades, f->malformed, f->gaps,
               f->repairs, f->reconnects);
    buf_printf(out, "  decisions  %" PRIu64 ":", sum(m->decisions, ACTION_COUNT));
    for (int i = 0; i < ACTION_COUNT; i++) {
        buf_printf(out, "%s %s %" PRIu64, i == 0 ? "" : ",", action_names[i],
                   counter_get(&m->decisions[i]));
    }
    buf_printf(out, " (%" PRIu64 " changes shared one)\n  became    ",
               counter_get(&m->changes_shared));
    for (int i = 0; i < VERDICT_MAX; i++) {
        buf_printf(out, "%s %s %" PRIu64, i == 0 ? "" : ",", verdict_names[i],
                   counter_get(&m->verdicts[i]));
    }
    buf_char(out, '\n');
    if (r->trading) {
        text_account(r, out);
        text_paper(r, out);
    }
    text_latency(r, out);
    buf_printf(out, "  policy     %s\n", r->policy_line);
    if (r->store != NULL) {
        const struct store_stats *s = store_stats(r->store);
        char shown[URL_SHOWN_MAX];
        buf_printf(out,
                   "  database   %s (session %" PRId64 ", %" PRIu64 " rows, %" PRIu64 " lost)\n",
                   url_shown(r->o->store.path, shown, sizeof shown), store_session(r->store),
                   s->rows, s->lost);
        if (s->spilled > 0) {
            buf_printf(out,
                       "  spill      %" PRIu64 " rows waited in a file, %" PRIu64
                       " of them are in the database; it was away for %.1f s\n",
                       s->spilled, s->drained, (double)s->away_ns / 1e9);
        }
        if (s->recovered_files > 0 || s->recovered_kept > 0) {
            buf_printf(out,
                       "  recovered  %" PRIu64 " rows of earlier sessions from %" PRIu64
                       " spill files; %" PRIu64 " files stay\n",
                       s->recovered, s->recovered_files, s->recovered_kept);
        }
    }
}

static void json_usd(struct buf *out, const char *name, usd_t v)
{
    char t[MONEY_TEXT_MAX];
    usd_format(v, t);
    buf_printf(out, "\"%s\":\"%s\",", name, t);
}

static void json_holding(struct buf *out, const struct holding *h, bool first)
{
    char t[MONEY_TEXT_MAX];
    qty_format(h->position, t);
    buf_str(out, first ? "{\"market\":" : ",{\"market\":");
    buf_json_str(out, text_of(h->ticker));
    buf_printf(out, ",\"position\":\"%s\",", t);
    json_usd(out, "cost", h->cost);
    json_usd(out, "realized", h->realized);
    usd_format(h->fees, t);
    buf_printf(out, "\"fees\":\"%s\"}", t);
}

static void json_account(const struct run *r, struct buf *out)
{
    const struct account *a = orders_account(engine_orders(r->engine));
    buf_str(out, "\"account\":{");
    json_usd(out, "cash_total", a->cash_total);
    json_usd(out, "cash_reserved", a->cash_reserved);
    json_usd(out, "cash_free", account_free(a));
    json_usd(out, "pv_mid", account_pv_mid(a));
    json_usd(out, "pv_exit", account_pv_exit(a));
    json_usd(out, "realized", a->realized);
    json_usd(out, "unrealized", account_unrealized(a));
    json_usd(out, "fees", a->fees);
    usd_t theirs = 0;
    if (orders_pv_exchange(engine_orders(r->engine), &theirs)) {
        json_usd(out, "pv_exchange", theirs);
    }
    buf_str(out, "\"positions\":[");
    for (uint32_t i = 0; i < a->n_held; i++) {
        json_holding(out, &a->holdings[a->held[i]], i == 0);
    }
    buf_str(out, "],\"flat\":[");
    bool first = true;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct holding *h = &a->holdings[i];
        if (h->position == 0 && (h->realized != 0 || h->fees != 0)) {
            json_holding(out, h, first);
            first = false;
        }
    }
    buf_str(out, "]},");
}

/* The report of reconciliation: its counts, and the notes that are left of it. */
static void json_reconciliation(const struct run *r, struct buf *out)
{
    static const char *const kinds[RECONCILE_KIND_MAX] = {"position", "cash", "orders_of_others"};
    const struct orders *o = engine_orders(r->engine);
    const struct orders_stats *s = orders_stats(o);
    usd_t cost = 0;
    uint32_t others = orders_foreign(o, &cost);
    buf_printf(out,
               "\"reconciliation\":{\"position_reads\":%" PRIu64 ",\"differences\":%" PRIu64
               ",\"position_drifts\":%" PRIu64 ",\"cash_adopted\":%" PRIu64
               ",\"settlements\":%" PRIu64 ",\"fee_drifts\":%" PRIu64
               ",\"fills_of_others\":%" PRIu64 ",\"orders_of_others\":%" PRIu32 ",",
               s->position_reads, s->differences, s->drifts, s->cash_adopted, s->settlements,
               s->fee_drifts, s->fills_foreign, others);
    json_usd(out, "cost_of_others", cost);
    uint64_t n = orders_notes(o);
    buf_printf(out, "\"notes_before\":%" PRIu64 ",\"notes\":[",
               n > ORDERS_NOTES ? n - ORDERS_NOTES : 0);
    for (uint64_t i = n > ORDERS_NOTES ? n - ORDERS_NOTES : 0; i < n; i++) {
        const struct rec_reconcile *x = orders_note(o, i);
        char when[TIME_TEXT_MAX];
        time_format(x->h.wall, when);
        buf_printf(out, "%s{\"at\":\"%s\",\"kind\":\"%s\",\"market\":",
                   i == 0 || i + ORDERS_NOTES == n ? "" : ",", when,
                   x->kind < RECONCILE_KIND_MAX ? kinds[x->kind] : "");
        buf_json_str(out, text_of(x->ticker));
        buf_str(out, ",\"ours\":\"");
        note_amount(out, x, x->ours);
        buf_str(out, "\",\"theirs\":\"");
        note_amount(out, x, x->theirs);
        buf_printf(out, "\",\"adopted\":%s,\"reason\":", x->adopted != 0 ? "true" : "false");
        buf_json_str(out, text_of(x->reason));
        buf_char(out, '}');
    }
    buf_str(out, "]},");
}

/* The books at the end, so that they can be compared with the exchange's. */
static void json_markets(const struct run *r, struct buf *out)
{
    buf_str(out, "\"markets\":[");
    for (uint32_t i = 0; i < engine_market_count(r->engine); i++) {
        struct engine_market m;
        if (!engine_market(r->engine, i, &m)) {
            continue;
        }
        buf_str(out, i == 0 ? "{\"market\":" : ",{\"market\":");
        buf_json_str(out, text_of(m.ticker));
        buf_printf(out,
                   ",\"stale\":%s,\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64
                   ",\"trades\":%" PRIu64 ",\"decisions\":%" PRIu64,
                   m.stale ? "true" : "false", m.snapshots, m.deltas, m.trades, m.decisions);
        for (int side = 0; side < 2; side++) {
            struct level levels[512];
            uint32_t n = m.book == NULL ? 0 : book_depth(m.book, (enum side)side, levels, 512);
            buf_printf(out, ",\"%s\":[", side == SIDE_YES ? "yes" : "no");
            for (uint32_t k = n; k > 0; k--) {
                char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
                px_format(levels[k - 1].px, px);
                qty_format(levels[k - 1].qty, qty);
                buf_printf(out, "%s[\"%s\",\"%s\"]", k == n ? "" : ",", px, qty);
            }
            buf_char(out, ']');
        }
        buf_char(out, '}');
    }
    buf_str(out, "],");
}

static void json_stages(const struct run *r, struct buf *out)
{
    buf_str(out, "\"stages\":{");
    for (int s = 0; s < STAGE_MAX; s++) {
        struct hist_summary h = hist_summary(&r->stages[s]);
        buf_printf(out,
                   "%s\"%s\":{\"p50_ns\":%" PRId64 ",\"p90_ns\":%" PRId64 ",\"p99_ns\":%" PRId64
                   ",\"p999_ns\":%" PRId64 ",\"p9999_ns\":%" PRId64 ",\"max_ns\":%" PRId64
                   ",\"mean_ns\":%" PRId64 ",\"count\":%" PRIu64 "}",
                   s == 0 ? "" : ",", stage_names[s], h.p50, h.p90, h.p99, h.p999, h.p9999, h.max,
                   h.mean, h.count);
    }
    buf_str(out, "},");
}

static void json_feed(const struct run *r, struct buf *out)
{
    const struct feed_stats *f = run_feed_stats(r);
    buf_printf(out,
               "\"messages\":%" PRIu64 ",\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64
               ",\"trades\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"malformed\":%" PRIu64
               ",\"gaps\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"repairs\":%" PRIu64
               ",\"resubscribes\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"overflows\":%" PRIu64
               ",\"not_taken\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
               f->frames, f->snapshots, f->deltas, f->trades, f->unknown, f->malformed, f->gaps,
               f->duplicates, f->repairs, f->resubscribes, f->reconnects, f->overflows,
               f->not_taken, f->bytes);
}

static void json_orders(const struct run *r, struct buf *out)
{
    const struct orders_stats *o = orders_stats(engine_orders(r->engine));
    const struct {
        const char *name;
        uint64_t n;
    } rows[] = {
        {"intents", o->intents},
        {"acked", o->acked},
        {"rejected", o->rejected},
        {"unknown", o->unknown},
        {"resolved_found", o->resolved_found},
        {"resolved_absent", o->resolved_absent},
        {"cancels", o->cancels},
        {"amends", o->amends},
        {"aged", o->aged},
        {"strayed", o->strayed},
        {"revived", o->revived},
        {"rediscovered", o->rediscovered},
        {"fills_foreign", o->fills_foreign},
        {"fills_duplicate", o->fills_duplicate},
        {"fee_drifts", o->fee_drifts},
        {"fills_reads", o->fills_reads},
        {"order_reads", o->order_reads},
        {"differences", o->differences},
        {"drifts", o->drifts},
        {"journal_failures", o->journal_failures},
        {"gateway_full", o->gateway_full},
        {"auth_errors", o->auth_errors},
        {"table_errors", o->table_errors},
        {"open", orders_open(engine_orders(r->engine))},
    };
    buf_printf(out,
               "\"orders\":%" PRIu64 ",\"fills\":%" PRIu64 ",\"reconciliations\":%" PRIu64
               ",\"order_detail\":{",
               o->sent, o->fills, o->position_reads);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf_printf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", rows[i].name, rows[i].n);
    }
    buf_str(out, "},");
}

/* The paper account's own books, so that they can be compared with the engine's. */
static void json_paper(const struct run *r, struct buf *out)
{
    const struct paper *p = run_paper_account(r);
    if (p == NULL) {
        return;
    }
    const struct paper_stats *s = paper_stats(p);
    const struct match_account *a = paper_account(p);
    struct match_money m = match_money(paper_match(p));
    buf_str(out, "\"paper\":{");
    json_usd(out, "balance", r->o->paper.balance);
    json_usd(out, "cash", a->cash);
    json_usd(out, "fees", a->fees);
    json_usd(out, "reserved", a->reserved);
    json_usd(out, "others_cash", m.anon_cash);
    json_usd(out, "collateral", m.collateral);
    json_usd(out, "cut", m.cut);
    buf_printf(out,
               "\"queue_model\":\"%s\",\"orders\":%" PRIu64 ",\"open_orders\":%" PRIu32
               ",\"fills\":%" PRIu64 ",\"maker_fills\":%" PRIu64 ",\"cancels\":%" PRIu64
               ",\"closes\":%" PRIu64 ",\"settled\":%" PRIu64 ",\"refused_stale\":%" PRIu64
               ",\"contradictions\":%" PRIu64 ",\"odd\":%" PRIu64 ",\"not_taken\":%" PRIu64
               ",\"positions\":[",
               queue_names[r->o->paper.queue_model], s->orders, a->n_orders, s->fills,
               s->fills_maker, s->cancels, s->closes, s->settled, s->refused_stale,
               s->contradictions, s->odd, counter_get(&r->monitor.paper_not_taken));
    bool first = true;
    for (uint32_t i = 0; i < a->n_positions; i++) {
        const char *ticker = NULL;
        struct match_position pos = paper_position_at(p, i, &ticker);
        char q[MONEY_TEXT_MAX];
        qty_format(pos.qty, q);
        buf_str(out, first ? "{\"market\":" : ",{\"market\":");
        buf_json_str(out, text_of(ticker));
        buf_printf(out, ",\"position\":\"%s\",", q);
        json_usd(out, "cost", pos.cost);
        json_usd(out, "realized", pos.realized);
        usd_format(pos.fees, q);
        buf_printf(out, "\"fees\":\"%s\",\"settled\":%s}", q, pos.settled ? "true" : "false");
        first = false;
    }
    buf_str(out, "]},");
}

static void json_store(const struct run *r, struct buf *out)
{
    if (r->store == NULL) {
        return;
    }
    const struct store_stats *s = store_stats(r->store);
    char shown[URL_SHOWN_MAX];
    buf_str(out, "\"store\":{\"path\":");
    buf_json_str(out, text_of(url_shown(r->o->store.path, shown, sizeof shown)));
    buf_printf(out,
               ",\"session\":%" PRId64 ",\"rows\":%" PRIu64 ",\"batches\":%" PRIu64
               ",\"failures\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"commit_ns_max\":%" PRId64
               ",\"away_ns\":%" PRId64,
               store_session(r->store), s->rows, s->batches, s->failures, s->lost, s->commit_ns_max,
               s->away_ns);
    buf_printf(out,
               ",\"spill\":{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"drained\":%" PRIu64
               ",\"failures\":%" PRIu64 ",\"left\":%" PRIu64 "}",
               s->spilled, s->spilled_bytes, s->drained, s->spill_failures, s->spill_left);
    buf_printf(out,
               ",\"recovered\":{\"files\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"missing\":%" PRIu64
               ",\"kept\":%" PRIu64 "}},",
               s->recovered_files, s->recovered, s->recovered_missing, s->recovered_kept);
}

void run_summary_json(const struct run *r, double seconds, const char *outcome, struct buf *out)
{
    const struct engine_metrics *m = engine_metrics(r->engine);
    buf_str(out, "{\"outcome\":");
    buf_json_str(out, text_of(outcome));
    buf_printf(out, ",\"seconds\":%.3f,\"trading\":%s,\"mode\":\"%s\",\"policy\":", seconds,
               r->trading ? "true" : "false", r->paper ? "paper" : "exchange");
    buf_json_str(out, text_of(r->policy_line));
    buf_printf(out, ",\"session_id\":\"%016" PRIx64 "\",", r->session_id);
    json_feed(r, out);
    buf_str(out, "\"decisions\":{");
    for (int i = 0; i < ACTION_COUNT; i++) {
        buf_printf(out, "%s\"%d\":%" PRIu64, i == 0 ? "" : ",", i, counter_get(&m->decisions[i]));
    }
    buf_str(out, "},\"verdicts\":{");
    for (int i = 0; i < VERDICT_MAX; i++) {
        buf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", verdict_names[i],
                   counter_get(&m->verdicts[i]));
    }
    buf_str(out, "},\"refused\":{");
    for (int i = 0; i < RISK_MAX; i++) {
        buf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", risk_name((enum risk_check_id)i),
                   counter_get(&m->refused[i]));
    }
    buf_printf(out,
               "},\"changes\":%" PRIu64 ",\"changes_shared\":%" PRIu64
               ",\"contradictions\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"turns_slow\":%" PRIu64
               ",\"errors\":%" PRIu64 ",\"breaker_opens\":%" PRIu64 ",\"markets_followed\":%" PRIu64
               ",\"markets_closed\":%" PRIu64 ",",
               counter_get(&m->changes), counter_get(&m->changes_shared),
               counter_get(&m->contradictions), counter_get(&m->turns), counter_get(&m->turns_slow),
               counter_get(&m->errors), counter_get(&m->breaker_opens),
               counter_get(&r->monitor.markets), counter_get(&r->monitor.markets_closed));
    json_orders(r, out);
    json_account(r, out);
    json_reconciliation(r, out);
    json_paper(r, out);
    json_stages(r, out);
    json_markets(r, out);
    json_store(r, out);
    buf_str(out, "\"bus\":[");
    for (uint32_t i = 0; i < bus_subscribers(r->bus); i++) {
        const struct bus_sub *sub = bus_subscriber(r->bus, i);
        buf_printf(out, "%s{\"subscriber\":\"%s\",\"dropped\":%" PRIu64 "}", i == 0 ? "" : ",",
                   bus_sub_name(sub), bus_sub_dropped(sub));
    }
    buf_str(out, "],");
    const struct gateway_stats *g = run_gateway_stats(r);
    buf_printf(out,
               "\"gateway\":{\"requests\":%" PRIu64 ",\"answers\":%" PRIu64 ",\"retries\":%" PRIu64
               ",\"http_429\":%" PRIu64 ",\"http_5xx\":%" PRIu64 ",\"timeouts\":%" PRIu64 "}}\n",
               g->requests, g->answers, g->retries, g->http_429, g->http_5xx, g->timeouts);
}
