/*
 * sim_portfolio.c - balance, positions, fills, settlements, deposits (sheet 10).
 *
 * Lists run from the newest row to the oldest; a cursor is the number of rows, counted from the
 * oldest, that are still to be seen, so that new rows do not shift the pages. Positions stay in
 * the order in which they were opened.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_life.h"
#include "sim/sim_read.h"
#include "sim/sim_rest.h"

#define CENT (USD_ONE / 100)

/* --- fills --- */

static void write_fill(const struct sim *sim, struct jw *w, const struct sfill *s)
{
    const struct match_fill *f = &s->f;
    bool old = sim->config.rules.deprecated_fields;
    char trade[UUID_TEXT];
    trade_id_text(sim, f->trade_id, trade);
    jw_open(w, NULL, '{');
    if (old) {
        jw_str(w, "action", f->side == SIDE_YES ? "buy" : "sell");
    }
    jw_str(w, "book_side", book_side_text(f->side));
    jw_qty(w, "count_fp", f->qty);
    jw_time(w, "created_time", s->at);
    jw_int(w, "exchange_index", sim->markets[f->market].exchange_index);
    jw_usd(w, "fee_cost", f->fee);
    jw_str(w, "fill_id", trade);
    jw_bool(w, "is_taker", f->is_taker);
    jw_str(w, "market_ticker", sim->markets[f->market].ticker);
    jw_px(w, "no_price_dollars", PX_ONE - f->yes_px);
    jw_str(w, "order_id", sim->orders[s->order].id);
    jw_str(w, "outcome_side", side_text(f->side));
    if (old) {
        jw_str(w, "side", side_text(f->side));
    }
    jw_int(w, "subaccount_number", sim->subaccount_of[f->account]);
    jw_str(w, "ticker", sim->markets[f->market].ticker);
    jw_str(w, "trade_id", trade);
    jw_int(w, "ts", s->at / NS_PER_SEC);
    jw_px(w, "yes_price_dollars", f->yes_px);
    jw_close(w, '}');
}

static void list_fills(struct call *c, bool historical)
{
    const struct sim *sim = c->sim;
    struct filter *f = filter_read(c, 1000, -1);
    if (f == NULL) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "fills", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = f->from == 0 || f->from > sim->n_fills ? sim->n_fills : f->from; i > 0; i--) {
        const struct sfill *s = &sim->fills[i - 1];
        if (!filter_account(sim, f, c->user, s->f.account) ||
            (s->at < cutoff_trades(sim)) != historical || !filter_market(sim, f, s->f.market) ||
            !filter_time(f, s->at) || !list_has(f->order_id, sim->orders[s->order].id)) {
            continue;
        }
        if (n++ == f->limit) {
            next = i;
            break;
        }
        write_fill(sim, &w, s);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(f);
}

void portfolio_fills(struct call *c)
{
    list_fills(c, false);
}

void fills_historical(struct call *c)
{
    list_fills(c, true);
}

/* --- positions --- */

enum settled_filter { ONLY_UNSETTLED, ONLY_SETTLED, SETTLED_OR_NOT };

struct positions_query {
    struct filter *f;
    enum settled_filter settled;
    bool need_position, need_traded, historical;
    uint32_t accounts[SUBACCOUNTS * SHARDS];
    uint32_t n_accounts;
};

static bool position_passes(const struct sim *sim, const struct positions_query *q,
                            const struct match_position *p)
{
    bool old = p->settled && p->updated < cutoff_settled(sim);
    if (!filter_market(sim, q->f, p->market) || p->volume == 0 || old != q->historical) {
        return false;
    }
    if (q->settled != SETTLED_OR_NOT && p->settled != (q->settled == ONLY_SETTLED)) {
        return false;
    }
    /* Several names are alternatives; without any, whatever was traded is shown. */
    return (!q->need_position && !q->need_traded) || (q->need_position && p->qty != 0) ||
           (q->need_traded && p->traded != 0);
}

/* Position i of all accounts of the query; NULL past the last. */
static const struct match_position *position_at(const struct sim *sim,
                                                const struct positions_query *q, uint32_t i)
{
    for (uint32_t a = 0; a < q->n_accounts; a++) {
        uint32_t n = match_account(sim->match, q->accounts[a])->n_positions;
        if (i < n) {
            return match_position_at(sim->match, q->accounts[a], i);
        }
        i -= n;
    }
    return NULL;
}

static void write_position(const struct sim *sim, struct jw *w, const struct match_position *p)
{
    jw_open(w, NULL, '{');
    jw_int(w, "exchange_index", sim->markets[p->market].exchange_index);
    jw_usd(w, "fees_paid_dollars", p->fees);
    jw_time(w, "last_updated_ts", p->updated);
    jw_usd(w, "market_exposure_dollars", p->cost);
    jw_qty(w, "position_fp", p->qty);
    jw_usd(w, "realized_pnl_dollars", p->realized);
    jw_str(w, "ticker", sim->markets[p->market].ticker);
    jw_usd(w, "total_traded_dollars", p->traded);
    jw_close(w, '}');
}

/* Sums over the positions of an event that pass. */
struct event_sum {
    uint32_t first; /* position that is the first of them, + 1; 0: none */
    usd_t exposure, fees, realized, traded;
    qty_t volume;
};

/* By event index. NULL: no memory. */
static struct event_sum *sum_events(const struct sim *sim, const struct positions_query *q)
{
    struct event_sum *sums = calloc((size_t)sim->n_events + 1, sizeof *sums);
    const struct match_position *p = NULL;
    for (uint32_t i = 0; sums != NULL && (p = position_at(sim, q, i)) != NULL; i++) {
        struct event_sum *s = &sums[sim->markets[p->market].event_index];
        if (position_passes(sim, q, p)) {
            s->first = s->first == 0 ? i + 1 : s->first;
            s->exposure += p->cost;
            s->fees += p->fees;
            s->realized += p->realized;
            s->traded += p->traded;
            s->volume += p->volume;
        }
    }
    return sums;
}

static void write_event_position(struct jw *w, const char *event, const struct event_sum *s)
{
    jw_open(w, NULL, '{');
    jw_usd(w, "event_exposure_dollars", s->exposure);
    jw_str(w, "event_ticker", event);
    jw_usd(w, "fees_paid_dollars", s->fees);
    jw_usd(w, "realized_pnl_dollars", s->realized);
    jw_usd(w, "total_cost_dollars", s->traded);
    jw_qty(w, "total_cost_shares_fp", s->volume);
    jw_close(w, '}');
}

static void write_positions(struct call *c, const struct positions_query *q)
{
    const struct sim *sim = c->sim;
    const struct match_position *p = NULL;
    struct event_sum *sums = sum_events(sim, q);
    uint32_t next = NO_INDEX;
    uint32_t n = 0;
    if (sums == NULL) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "market_positions", '[');
    for (uint32_t i = q->f->from; (p = position_at(sim, q, i)) != NULL; i++) {
        if (!position_passes(sim, q, p)) {
            continue;
        }
        if (n++ == q->f->limit) {
            next = i;
            break;
        }
        write_position(sim, &w, p);
    }
    jw_close(&w, ']');
    jw_open(&w, "event_positions", '[');
    for (uint32_t i = q->f->from;
         (next == NO_INDEX || i < next) && (p = position_at(sim, q, i)) != NULL; i++) {
        const struct smarket *k = &sim->markets[p->market];
        if (sums[k->event_index].first == i + 1) {
            write_event_position(&w, k->event, &sums[k->event_index]);
        }
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(sums);
}

static bool read_count_filter(const struct call *c, struct positions_query *q)
{
    char text[64];
    if (!query_get(c->req->query, "count_filter", text, sizeof text)) {
        return true;
    }
    q->need_position = list_has(text, "position");
    q->need_traded = list_has(text, "total_traded");
    if (text[0] == '\0' || (!q->need_position && !q->need_traded)) {
        reply_msg(c->r, c->route->op, "CountFilter", "oneof");
        return false;
    }
    return true;
}

static bool read_settled(const struct call *c, struct positions_query *q)
{
    static const char *const words[] = {"unsettled", "settled", "all"};
    char text[16];
    if (!query_get(c->req->query, "settlement_status", text, sizeof text)) {
        return true;
    }
    int i = one_of(text, words, 3);
    if (i == 3) {
        reply_msg(c->r, c->route->op, "SettlementStatus", "oneof");
        return false;
    }
    q->settled = (enum settled_filter)i;
    return true;
}

static void list_positions(struct call *c, struct positions_query *q, int64_t subaccount)
{
    uint32_t at = 0;
    uint32_t account = 0;
    q->f = filter_read(c, 1000, subaccount);
    if (q->f == NULL) {
        return;
    }
    if (read_count_filter(c, q) && (q->historical || read_settled(c, q))) {
        while ((account = next_account(c->sim, c->user, q->f->subaccount, q->f->shard, &at)) !=
               NO_INDEX) {
            q->accounts[q->n_accounts++] = account;
        }
        write_positions(c, q);
    }
    free(q->f);
}

void portfolio_positions(struct call *c)
{
    struct positions_query q = {.settled = ONLY_UNSETTLED};
    list_positions(c, &q, 0);
}

/* Settled longer ago than the live window. */
void positions_historical(struct call *c)
{
    struct positions_query q = {.settled = ONLY_SETTLED, .historical = true};
    list_positions(c, &q, -1);
}

/* --- balance --- */

/* At the last trade's price, without cash (sheet 15.4). */
static usd_t positions_value(const struct sim *sim, uint32_t account)
{
    usd_t sum = 0;
    for (uint32_t i = 0; i < match_account(sim->match, account)->n_positions; i++) {
        const struct match_position *p = match_position_at(sim->match, account, i);
        px_t px = sim->markets[p->market].last_yes_px;
        sum += p->qty >= 0 ? usd_of(px, p->qty) : usd_of(PX_ONE - px, -p->qty);
    }
    return sum;
}

usd_t sim_balance(const struct sim *sim, uint32_t account)
{
    const struct match_account *a = match_account(sim->match, account);
    return sim->config.rules.balance_free ? a->cash - a->reserved : a->cash;
}

void portfolio_balance(struct call *c)
{
    const struct sim *sim = c->sim;
    int64_t sub = 0;
    int64_t shard = -1;
    if (!query_subaccount(c, 0, &sub) ||
        !query_int(c, "exchange_index", "ExchangeIndex", 0, INT32_MAX, -1, &shard)) {
        return;
    }
    if (sim_account_of(sim, c->user, sub) == NO_INDEX) {
        reply_nested(c->r, 404, "user_not_found", NULL);
        return;
    }
    usd_t balance = 0;
    usd_t value = 0;
    uint32_t at = 0;
    uint32_t account = 0;
    while ((account = next_account(sim, c->user, sub, shard, &at)) != NO_INDEX) {
        balance += sim_balance(sim, account);
        value += positions_value(sim, account);
        value +=
            sim->config.rules.portfolio_value_cash ? match_account(sim->match, account)->cash : 0;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_int(&w, "balance", balance / CENT);
    if (sim->keys[sim->key].subaccount < 0) {
        at = 0;
        jw_open(&w, "balance_breakdown", '[');
        while ((account = next_account(sim, c->user, sub, shard, &at)) != NO_INDEX) {
            jw_open(&w, NULL, '{');
            jw_usd4(&w, "balance", sim_balance(sim, account));
            jw_int(&w, "exchange_index", sim->shard_of[account]);
            jw_close(&w, '}');
        }
        jw_close(&w, ']');
    }
    jw_usd4(&w, "balance_dollars", balance);
    jw_int(&w, "portfolio_value", value / CENT);
    jw_int(&w, "updated_ts", sim->wall / NS_PER_SEC);
    jw_close(&w, '}');
}

/* Only for members who clear through a merchant, which no user here is. */
void portfolio_resting_value(struct call *c)
{
    reply_nested(c->r, 403, "forbidden", "only for FCM members");
}

/* --- settlements --- */

/* Gross counts as measured, or with rules.settlement_held what was held. */
static void write_settlement(const struct sim *sim, struct jw *w, const struct ssettle *s)
{
    const struct smarket *k = &sim->markets[s->market];
    const struct match_position *p = &s->before;
    bool held = sim->config.rules.settlement_held;
    qty_t yes = p->qty > 0 ? p->qty : 0;
    qty_t no = p->qty < 0 ? -p->qty : 0;
    jw_open(w, NULL, '{');
    jw_str(w, "ticker", k->ticker);
    jw_int(w, "exchange_index", k->exchange_index);
    jw_str(w, "event_ticker", k->event);
    jw_str(w, "market_result", result_text(k));
    jw_qty(w, "yes_count_fp", held ? yes : p->bought[SIDE_YES]);
    jw_usd(w, "yes_total_cost_dollars", held ? (yes > 0 ? p->cost : 0) : p->paid[SIDE_YES]);
    jw_qty(w, "no_count_fp", held ? no : p->bought[SIDE_NO]);
    jw_usd(w, "no_total_cost_dollars", held ? (no > 0 ? p->cost : 0) : p->paid[SIDE_NO]);
    jw_int(w, "revenue", s->revenue / CENT);
    jw_time(w, "settled_time", s->at);
    jw_usd(w, "fee_cost", p->fees);
    jw_int(w, "value", k->value / 100); /* cents, cut */
    jw_close(w, '}');
}

void portfolio_settlements(struct call *c)
{
    const struct sim *sim = c->sim;
    struct filter *f = filter_read(c, 1000, -1);
    if (f == NULL) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "settlements", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = f->from == 0 || f->from > sim->n_settles ? sim->n_settles : f->from; i > 0;
         i--) {
        const struct ssettle *s = &sim->settles[i - 1];
        if (!filter_account(sim, f, c->user, s->account) || !filter_market(sim, f, s->market) ||
            !filter_time(f, s->at)) {
            continue;
        }
        if (n++ == f->limit) {
            next = i;
            break;
        }
        write_settlement(sim, &w, s);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(f);
}

/* --- deposits and withdrawals --- */

static void list_outside(struct call *c, const char *key, int64_t sign)
{
    const struct sim *sim = c->sim;
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(c->req->query, c->route->op, 500, 100, c->r, &limit, &from)) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, key, '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = from == 0 || from > sim->n_deposits ? sim->n_deposits : from; i > 0; i--) {
        const struct sdeposit *d = &sim->deposits[i - 1];
        if (d->user != c->user || d->amount * sign <= 0) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        jw_open(&w, NULL, '{');
        jw_str(&w, "id", d->id);
        jw_str(&w, "status", "applied");
        jw_str(&w, "type", "wire");
        jw_int(&w, "amount_cents", d->amount * sign / CENT);
        jw_int(&w, "fee_cents", 0);
        jw_int(&w, "created_ts", d->at / NS_PER_SEC);
        jw_int(&w, "finalized_ts", d->at / NS_PER_SEC);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}

void portfolio_deposits(struct call *c)
{
    list_outside(c, "deposits", 1);
}

void portfolio_withdrawals(struct call *c)
{
    list_outside(c, "withdrawals", -1);
}
