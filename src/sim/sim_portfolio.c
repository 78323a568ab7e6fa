/*
 * sim_portfolio.c - reading orders, fills, positions, balance and settlements (sheet 8.6 and 10).
 *
 * Lists run from the newest row to the oldest; a cursor is the number of rows, counted from the
 * oldest, that are still to be seen, so that new rows do not shift the pages.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

static uint32_t account_of(const struct sim *sim, uint32_t user)
{
    return sim->users[user].account;
}

static const char *const order_status[] = {
    [MATCH_RESTING] = "resting", [MATCH_EXECUTED] = "executed", [MATCH_CANCELED] = "canceled"};

/* --- reading orders --- */

static void write_order(struct sim *sim, struct jw *w, const char *key, const struct sorder *so)
{
    const struct match_order *o = &so->o;
    px_t yes_px = o->side == SIDE_YES ? o->px : PX_ONE - o->px;
    jw_open(w, key, '{');
    jw_str(w, "action", o->side == SIDE_YES ? "buy" : "sell");
    jw_str(w, "book_side", book_side_text(o->side));
    jw_bool(w, "cancel_order_on_pause", so->cancel_on_pause);
    jw_str(w, "client_order_id", so->client_id);
    jw_time(w, "created_time", o->created);
    jw_int(w, "exchange_index", 0);
    if (o->expires != 0) {
        jw_time(w, "expiration_time", o->expires);
    }
    jw_qty(w, "fill_count_fp", o->filled);
    jw_qty(w, "initial_count_fp", o->initial);
    jw_time(w, "last_update_time", o->updated);
    jw_usd(w, "maker_fees_dollars", o->maker_fees);
    jw_usd(w, "maker_fill_cost_dollars", o->maker_cost);
    jw_px(w, "no_price_dollars", PX_ONE - yes_px);
    jw_str(w, "order_id", so->id);
    jw_str(w, "outcome_side", side_text(o->side));
    jw_qty(w, "remaining_count_fp", o->remaining);
    jw_str(w, "self_trade_prevention_type", o->stp == MATCH_STP_TAKER ? "taker_at_cross" : "maker");
    jw_str(w, "side", side_text(o->side));
    jw_str(w, "status", order_status[o->status]);
    jw_int(w, "subaccount_number", 0);
    jw_usd(w, "taker_fees_dollars", o->taker_fees);
    jw_usd(w, "taker_fill_cost_dollars", o->taker_cost);
    jw_str(w, "ticker", sim->markets[o->market].ticker);
    jw_str(w, "type", "limit");
    jw_str(w, "user_id", sim->users[sim->user_of_account[o->account]].id);
    jw_px(w, "yes_price_dollars", yes_px);
    jw_close(w, '}');
}

struct filter {
    char ticker[8192], event[1024], status[32], order_id[64];
    int64_t min_ts, max_ts; /* seconds */
};

static struct filter *filter_read(struct text query)
{
    struct filter *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    char text[32];
    query_get(query, "ticker", f->ticker, sizeof f->ticker);
    query_get(query, "event_ticker", f->event, sizeof f->event);
    query_get(query, "status", f->status, sizeof f->status);
    query_get(query, "order_id", f->order_id, sizeof f->order_id);
    f->min_ts = query_get(query, "min_ts", text, sizeof text) ? strtoll(text, NULL, 10) : 0;
    f->max_ts = query_get(query, "max_ts", text, sizeof text) ? strtoll(text, NULL, 10) : INT64_MAX;
    return f;
}

static bool filter_has(const struct sim *sim, const struct filter *f, uint32_t market, wall_ns_t at)
{
    const struct smarket *k = &sim->markets[market];
    int64_t s = at / NS_PER_SEC;
    return list_has(f->ticker, k->ticker) && list_has(f->event, k->event) && s >= f->min_ts &&
           s <= f->max_ts;
}

static bool order_passes(const struct sim *sim, const struct filter *f, const struct sorder *o,
                         uint32_t account)
{
    return o->o.account == account && filter_has(sim, f, o->o.market, o->o.created) &&
           list_has(f->status, order_status[o->o.status]);
}

/* Newest first. A cursor is the number of rows (from the oldest) that are still to be seen. */
static void list_orders(struct sim *sim, uint32_t user, struct text query, struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetOrders", 1000, 100, r, &limit, &from)) {
        return;
    }
    struct filter *f = filter_read(query);
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "orders", '[');
    uint32_t i = from == 0 || from > sim->n_orders ? sim->n_orders : from;
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (; i > 0 && f != NULL; i--) {
        const struct sorder *o = &sim->orders[i - 1];
        if (!order_passes(sim, f, o, account_of(sim, user))) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write_order(sim, &w, NULL, o);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(f);
}

static void get_order(struct sim *sim, uint32_t user, struct text id, struct sim_http_resp *r)
{
    const struct sorder *o = sim_order_of(sim, user, id, r);
    if (o != NULL) {
        struct jw w = reply_json(r, 200);
        jw_open(&w, NULL, '{');
        write_order(sim, &w, "order", o);
        jw_close(&w, '}');
    }
}

/* --- fills --- */

static void write_fill(struct sim *sim, struct jw *w, const struct sfill *s)
{
    const struct match_fill *f = &s->f;
    char trade[UUID_TEXT];
    trade_id_text(sim, f->trade_id, trade);
    jw_open(w, NULL, '{');
    jw_str(w, "action", f->side == SIDE_YES ? "buy" : "sell");
    jw_str(w, "book_side", book_side_text(f->side));
    jw_qty(w, "count_fp", f->qty);
    jw_time(w, "created_time", s->at);
    jw_int(w, "exchange_index", 0);
    jw_usd(w, "fee_cost", f->fee);
    jw_str(w, "fill_id", trade);
    jw_bool(w, "is_taker", f->is_taker);
    jw_str(w, "market_ticker", sim->markets[f->market].ticker);
    jw_px(w, "no_price_dollars", PX_ONE - f->yes_px);
    jw_str(w, "order_id", sim->orders[s->order].id);
    jw_str(w, "outcome_side", side_text(f->side));
    jw_str(w, "side", side_text(f->side));
    jw_int(w, "subaccount_number", 0);
    jw_str(w, "ticker", sim->markets[f->market].ticker);
    jw_str(w, "trade_id", trade);
    jw_int(w, "ts", s->at / NS_PER_SEC);
    jw_px(w, "yes_price_dollars", f->yes_px);
    jw_close(w, '}');
}

static void list_fills(struct sim *sim, uint32_t user, struct text query, struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetFills", 1000, 100, r, &limit, &from)) {
        return;
    }
    struct filter *f = filter_read(query);
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "fills", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = from == 0 || from > sim->n_fills ? sim->n_fills : from; i > 0 && f != NULL;
         i--) {
        const struct sfill *s = &sim->fills[i - 1];
        if (s->f.account != account_of(sim, user) || !filter_has(sim, f, s->f.market, s->at) ||
            !list_has(f->order_id, sim->orders[s->order].id)) {
            continue;
        }
        if (n++ == limit) {
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

/* --- positions, balance, settlements --- */

static void write_position(struct sim *sim, struct jw *w, const struct match_position *p)
{
    jw_open(w, NULL, '{');
    jw_int(w, "exchange_index", 0);
    jw_usd(w, "fees_paid_dollars", p->fees);
    jw_time(w, "last_updated_ts", p->updated);
    jw_usd(w, "market_exposure_dollars", p->cost);
    jw_qty(w, "position_fp", p->qty);
    jw_usd(w, "realized_pnl_dollars", p->realized);
    jw_str(w, "ticker", sim->markets[p->market].ticker);
    jw_usd(w, "total_traded_dollars", p->traded);
    jw_close(w, '}');
}

struct positions_query {
    struct filter *f;
    char settlement[16];
    bool need_position, need_traded;
};

static bool position_passes(const struct sim *sim, const struct positions_query *q,
                            const struct match_position *p)
{
    if (!filter_has(sim, q->f, p->market, p->updated) || p->volume == 0) {
        return false;
    }
    if (strcmp(q->settlement, "all") != 0 &&
        p->settled != (strcmp(q->settlement, "settled") == 0)) {
        return false;
    }
    /* Several names are alternatives; without any, whatever was traded is shown. */
    return (!q->need_position && !q->need_traded) || (q->need_position && p->qty != 0) ||
           (q->need_traded && p->traded != 0);
}

/* Sums over the user's positions of one event, written when i is the first of them. */
static void write_event_position(struct sim *sim, struct jw *w, const struct positions_query *q,
                                 uint32_t account, uint32_t first)
{
    const char *event = sim->markets[match_position_at(sim->match, account, first)->market].event;
    usd_t exposure = 0;
    usd_t fees = 0;
    usd_t pnl = 0;
    usd_t cost = 0;
    qty_t shares = 0;
    for (uint32_t i = 0; i < match_account(sim->match, account)->n_positions; i++) {
        const struct match_position *p = match_position_at(sim->match, account, i);
        if (!position_passes(sim, q, p) || strcmp(sim->markets[p->market].event, event) != 0) {
            continue;
        }
        if (i < first) {
            return;
        }
        exposure += p->cost;
        fees += p->fees;
        pnl += p->realized;
        cost += p->traded;
        shares += p->volume;
    }
    jw_open(w, NULL, '{');
    jw_usd(w, "event_exposure_dollars", exposure);
    jw_str(w, "event_ticker", event);
    jw_usd(w, "fees_paid_dollars", fees);
    jw_usd(w, "realized_pnl_dollars", pnl);
    jw_usd(w, "total_cost_dollars", cost);
    jw_qty(w, "total_cost_shares_fp", shares);
    jw_close(w, '}');
}

static void list_positions(struct sim *sim, uint32_t user, struct text query,
                           struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetPositions", 1000, 100, r, &limit, &from)) {
        return;
    }
    char count_filter[64];
    struct positions_query q = {.f = filter_read(query)};
    query_get(query, "count_filter", count_filter, sizeof count_filter);
    query_get(query, "settlement_status", q.settlement, sizeof q.settlement);
    q.need_position = count_filter[0] != '\0' && list_has(count_filter, "position");
    q.need_traded = count_filter[0] != '\0' && list_has(count_filter, "total_traded");
    uint32_t account = account_of(sim, user);
    uint32_t n_all = q.f != NULL ? match_account(sim->match, account)->n_positions : 0;
    uint32_t next = NO_INDEX;
    uint32_t n = 0;
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "market_positions", '[');
    for (uint32_t i = from; i < n_all; i++) {
        if (!position_passes(sim, &q, match_position_at(sim->match, account, i))) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write_position(sim, &w, match_position_at(sim->match, account, i));
    }
    jw_close(&w, ']');
    jw_open(&w, "event_positions", '[');
    for (uint32_t i = from; i < n_all && (next == NO_INDEX || i < next); i++) {
        if (position_passes(sim, &q, match_position_at(sim->match, account, i))) {
            write_event_position(sim, &w, &q, account, i);
        }
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(q.f);
}

/* At the last trade's price, without cash (sheet 15.4). */
static usd_t portfolio_value(const struct sim *sim, uint32_t account)
{
    usd_t sum = 0;
    for (uint32_t i = 0; i < match_account(sim->match, account)->n_positions; i++) {
        const struct match_position *p = match_position_at(sim->match, account, i);
        px_t px = sim->markets[p->market].last_yes_px;
        sum += p->qty >= 0 ? usd_of(px, p->qty) : usd_of(PX_ONE - px, -p->qty);
    }
    return sum;
}

static void get_balance(struct sim *sim, uint32_t user, struct sim_http_resp *r)
{
    uint32_t account = account_of(sim, user);
    usd_t cash = match_account(sim->match, account)->cash;
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_int(&w, "balance", cash / 10000);
    jw_open(&w, "balance_breakdown", '[');
    jw_open(&w, NULL, '{');
    jw_usd4(&w, "balance", cash);
    jw_int(&w, "exchange_index", 0);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_usd4(&w, "balance_dollars", cash);
    jw_int(&w, "portfolio_value", portfolio_value(sim, account) / 10000);
    jw_int(&w, "updated_ts", sim->wall / NS_PER_SEC);
    jw_close(&w, '}');
}

static void write_settlement(struct sim *sim, struct jw *w, const struct ssettle *s)
{
    const struct smarket *k = &sim->markets[s->market];
    const struct match_position *p = &s->before;
    jw_open(w, NULL, '{');
    jw_str(w, "ticker", k->ticker);
    jw_int(w, "exchange_index", 0);
    jw_str(w, "event_ticker", k->event);
    jw_str(w, "market_result", k->result_yes ? "yes" : "no");
    jw_qty(w, "yes_count_fp", p->bought[SIDE_YES]);
    jw_usd(w, "yes_total_cost_dollars", p->paid[SIDE_YES]);
    jw_qty(w, "no_count_fp", p->bought[SIDE_NO]);
    jw_usd(w, "no_total_cost_dollars", p->paid[SIDE_NO]);
    jw_int(w, "revenue", s->revenue / 10000);
    jw_time(w, "settled_time", s->at);
    jw_usd(w, "fee_cost", p->fees);
    jw_int(w, "value", k->result_yes ? 100 : 0);
    jw_close(w, '}');
}

static void list_settlements(struct sim *sim, uint32_t user, struct text query,
                             struct sim_http_resp *r)
{
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(query, "GetSettlements", 1000, 100, r, &limit, &from)) {
        return;
    }
    struct filter *f = filter_read(query);
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "settlements", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = from == 0 || from > sim->n_settles ? sim->n_settles : from;
         i > 0 && f != NULL; i--) {
        const struct ssettle *s = &sim->settles[i - 1];
        if (s->account != account_of(sim, user) || !filter_has(sim, f, s->market, s->at)) {
            continue;
        }
        if (n++ == limit) {
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

bool portfolio_route(struct sim *sim, uint32_t user, const struct sim_http_req *req,
                     struct text rest, struct sim_http_resp *r)
{
    static const char one[] = "/portfolio/orders/";
    struct text id = {"", 0};
    if (rest.n > sizeof one - 1 && memcmp(rest.p, one, sizeof one - 1) == 0) {
        id = (struct text){rest.p + sizeof one - 1, rest.n - (sizeof one - 1)};
    }
    if (text_equal(rest, TEXT("/portfolio/orders"))) {
        list_orders(sim, user, req->query, r);
    } else if (id.n > 0 && memchr(id.p, '/', id.n) == NULL) {
        get_order(sim, user, id, r);
    } else if (text_equal(rest, TEXT("/portfolio/fills"))) {
        list_fills(sim, user, req->query, r);
    } else if (text_equal(rest, TEXT("/portfolio/positions"))) {
        list_positions(sim, user, req->query, r);
    } else if (text_equal(rest, TEXT("/portfolio/balance"))) {
        get_balance(sim, user, r);
    } else if (text_equal(rest, TEXT("/portfolio/settlements"))) {
        list_settlements(sim, user, req->query, r);
    } else {
        return false;
    }
    return true;
}
