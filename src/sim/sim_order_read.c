/*
 * sim_order_read.c - reading orders (sheet 8.6).
 *
 * Lists run from the newest row to the oldest; a cursor is the number of rows, counted from the
 * oldest, that are still to be seen, so that new rows do not shift the pages.
 *
 * A read of one order may lag behind a cancel (rules.stale_read_ms); lists are exact, as they are
 * what settles whether a cancel took effect (8.2).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"
#include "sim/sim_rest.h"

static const char *const order_status[] = {
    [MATCH_RESTING] = "resting", [MATCH_EXECUTED] = "executed", [MATCH_CANCELED] = "canceled"};

static void write_order(const struct sim *sim, struct jw *w, const char *key,
                        const struct sorder *so, const struct match_order *o)
{
    bool old = sim->config.rules.deprecated_fields;
    px_t yes_px = o->side == SIDE_YES ? o->px : PX_ONE - o->px;
    jw_open(w, key, '{');
    if (old) {
        jw_str(w, "action", o->side == SIDE_YES ? "buy" : "sell");
    }
    jw_str(w, "book_side", book_side_text(o->side));
    jw_bool(w, "cancel_order_on_pause", o->cancel_on_pause);
    jw_str(w, "client_order_id", so->client_id);
    jw_time(w, "created_time", o->created);
    jw_int(w, "exchange_index", sim->markets[o->market].exchange_index);
    if (o->expires != 0) {
        jw_time(w, "expiration_time", o->expires);
    }
    jw_qty(w, "fill_count_fp", o->filled);
    jw_qty(w, "initial_count_fp", o->initial);
    jw_time(w, "last_update_time", o->updated);
    jw_usd(w, "maker_fees_dollars", o->maker_fees);
    jw_usd(w, "maker_fill_cost_dollars", o->maker_cost);
    jw_px(w, "no_price_dollars", PX_ONE - yes_px);
    if (o->group != 0) {
        char group[UUID_TEXT];
        group_id_text(sim, o->group, group);
        jw_str(w, "order_group_id", group);
    }
    jw_str(w, "order_id", so->id);
    jw_str(w, "outcome_side", side_text(o->side));
    jw_qty(w, "remaining_count_fp", o->remaining);
    jw_str(w, "self_trade_prevention_type", o->stp == MATCH_STP_TAKER ? "taker_at_cross" : "maker");
    if (old) {
        jw_str(w, "side", side_text(o->side));
    }
    jw_str(w, "status", order_status[o->status]);
    jw_int(w, "subaccount_number", sim->subaccount_of[o->account]);
    jw_usd(w, "taker_fees_dollars", o->taker_fees);
    jw_usd(w, "taker_fill_cost_dollars", o->taker_cost);
    jw_str(w, "ticker", sim->markets[o->market].ticker);
    jw_str(w, "type", "limit");
    jw_str(w, "user_id", sim->users[sim->user_of_account[o->account]].id);
    jw_px(w, "yes_price_dollars", yes_px);
    jw_close(w, '}');
}

/* --- reads that lag --- */

void order_remember(struct sim *sim, const struct sorder *o)
{
    int64_t ms = sim->config.rules.stale_read_ms;
    if (ms > 0) {
        sim->stale[sim->n_stale++ % STALE_MAX] =
            (struct stale){(uint32_t)(o - sim->orders), o->o, sim->wall + ms * NS_PER_MS};
    }
}

/* The order as a read shows it now. */
static const struct match_order *as_read(const struct sim *sim, const struct sorder *o)
{
    uint32_t n = sim->n_stale < STALE_MAX ? sim->n_stale : STALE_MAX;
    uint32_t order = (uint32_t)(o - sim->orders);
    for (uint32_t i = 0; i < n; i++) {
        const struct stale *s = &sim->stale[i];
        if (s->order == order && sim->wall < s->until && o->o.status == MATCH_CANCELED) {
            return &s->was;
        }
    }
    return &o->o;
}

/* --- lists --- */

static bool is_old(const struct sim *sim, const struct match_order *o)
{
    return o->status != MATCH_RESTING && o->updated < cutoff_orders(sim);
}

/* How many open orders a list may find; UINT32_MAX when it is not of open orders. */
static uint32_t open_orders(const struct call *c, const struct filter *f)
{
    uint32_t n = 0;
    uint32_t at = 0;
    uint32_t account = 0;
    if (strcmp(f->status, "resting") != 0) {
        return UINT32_MAX;
    }
    while ((account = next_account(c->sim, c->user, f->subaccount, -1, &at)) != NO_INDEX) {
        n += match_account(c->sim->match, account)->n_orders;
    }
    return n;
}

static void list(struct call *c, bool historical)
{
    const struct sim *sim = c->sim;
    static const char *const words[] = {"resting", "canceled", "executed", ""};
    struct filter *f = filter_read(c, 1000, -1);
    if (f == NULL) {
        return;
    }
    if (one_of(f->status, words, 4) == 4) {
        reply_msg(c->r, c->route->op, "Status", "oneof");
        free(f);
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "orders", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    uint32_t left = open_orders(c, f); /* so that a long history is not walked for them */
    for (uint32_t i = f->from == 0 || f->from > sim->n_orders ? sim->n_orders : f->from;
         i > 0 && left > 0; i--) {
        const struct sorder *o = &sim->orders[i - 1];
        bool mine = filter_account(sim, f, c->user, o->o.account);
        left -= mine && o->o.status == MATCH_RESTING && left != UINT32_MAX;
        if (!mine || is_old(sim, &o->o) != historical || !filter_market(sim, f, o->o.market) ||
            !filter_time(f, o->o.created) || !list_has(f->status, order_status[o->o.status])) {
            continue;
        }
        if (n++ == f->limit) {
            next = i;
            break;
        }
        write_order(sim, &w, NULL, o, &o->o);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
    free(f);
}

void orders_list(struct call *c)
{
    list(c, false);
}

void orders_historical(struct call *c)
{
    list(c, true);
}

/* --- one order --- */

/* Reads look at shard 0 unless they name the market (8.6). NULL: the answer is written. */
static const struct sorder *read_one(struct call *c)
{
    char ticker[TICKER_MAX];
    query_get(c->req->query, "market_ticker", ticker, sizeof ticker);
    uint32_t shard = 0;
    int64_t locked = -1;
    struct refusal why = pick_shard(c->sim, false, -1, ticker, &shard);
    const struct sorder *o = why.status == 0 ? sim_order_of(c, c->id, &why) : NULL;
    if (o != NULL) {
        (void)pick_subaccount(c->sim, false, &locked);
        if (c->sim->markets[o->o.market].exchange_index != shard || is_old(c->sim, &o->o) ||
            (locked >= 0 && locked != c->sim->subaccount_of[o->o.account])) {
            why = (struct refusal){404, "not_found", NULL};
        }
    }
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return NULL;
    }
    return o;
}

void orders_get(struct call *c)
{
    const struct sorder *o = read_one(c);
    if (o != NULL) {
        struct jw w = reply_json(c->r, 200);
        jw_open(&w, NULL, '{');
        write_order(c->sim, &w, "order", o, as_read(c->sim, o));
        jw_close(&w, '}');
    }
}

/* --- places in the queue --- */

void orders_queue_one(struct call *c)
{
    const struct sorder *o = read_one(c);
    if (o == NULL) {
        return;
    }
    if (match_order_get(c->sim->match, o->o.id) == NULL) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_qty(&w, "queue_position_fp", match_queue_ahead(c->sim->match, o->o.id));
    jw_close(&w, '}');
}

void orders_queue(struct call *c)
{
    const struct sim *sim = c->sim;
    char *markets = malloc(8192);
    char event[TICKER_MAX];
    int64_t sub = 0;
    if (markets == NULL) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return;
    }
    query_get(c->req->query, "market_tickers", markets, 8192);
    query_get(c->req->query, "event_ticker", event, sizeof event);
    if (markets[0] == '\0' && event[0] == '\0') {
        reply_nested(c->r, 400, "invalid_parameters", "need market_tickers or event_ticker");
    } else if (query_subaccount(c, 0, &sub)) {
        struct jw w = reply_json(c->r, 200);
        jw_open(&w, NULL, '{');
        jw_open(&w, "queue_positions", '[');
        for (uint32_t i = 0; i < sim->n_orders; i++) {
            const struct sorder *o = &sim->orders[i];
            const struct smarket *k = &sim->markets[o->o.market];
            if (o->o.status != MATCH_RESTING || !sim_owns(sim, c->user, o->o.account) ||
                sim->subaccount_of[o->o.account] != sub || !list_has(markets, k->ticker) ||
                !list_has(event, k->event)) {
                continue;
            }
            jw_open(&w, NULL, '{');
            jw_str(&w, "order_id", o->id);
            jw_str(&w, "market_ticker", k->ticker);
            jw_qty(&w, "queue_position_fp", match_queue_ahead(sim->match, o->o.id));
            jw_close(&w, '}');
        }
        jw_close(&w, ']');
        jw_close(&w, '}');
    }
    free(markets);
}
