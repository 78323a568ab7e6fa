/*
 * sim_message.c - the msg of each message (sheet 5.7), by the rules of the config.
 *
 * A message is written once for all that read the same: by price scale, and apart for the owner of
 * an order that moved the book.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

struct jw msg_open(struct sim *sim, struct buf *b)
{
    (void)sim;
    struct jw w = {b, false};
    buf_clear(b);
    jw_open(&w, NULL, '{');
    return w;
}

void msg_close(struct sim *sim, struct jw *w)
{
    if (sim->config.rules.extra_keys) {
        jw_raw(w, "not_in_any_schema", "[\"of\",1.5,null,{}]");
    }
    jw_close(w, '}');
}

/* Three decimals where they say it all. */
static void msg_px(struct sim *sim, struct jw *w, const char *key, px_t px)
{
    if (sim->config.rules.price_decimals != 3 || px % 10 != 0) {
        jw_px(w, key, px);
        return;
    }
    char t[MONEY_TEXT_MAX + 2];
    t[0] = '"';
    size_t n = px_format(px, t + 1);
    t[n] = '"'; /* over the last 0 */
    t[n + 1] = '\0';
    jw_raw(w, key, t);
}

void msg_ts_ms(struct sim *sim, struct jw *w, const char *key, wall_ns_t at)
{
    if (sim->config.rules.timestamps) {
        jw_int(w, key, wall_ms(at));
    }
}

static bool deprecated(const struct sim *sim)
{
    return sim->config.rules.deprecated_fields;
}

/* --- books --- */

static void write_side(struct sim *sim, struct jw *w, uint32_t market, enum side side,
                       bool complement)
{
    size_t n = match_level_count(sim->match, market, side);
    struct level *lv = n > 0 ? malloc(n * sizeof *lv) : NULL;
    if (lv == NULL) {
        return; /* a side without levels is left out */
    }
    n = match_levels(sim->match, market, side, lv, n);
    jw_open(w, side == SIDE_YES ? "yes_dollars_fp" : "no_dollars_fp", '[');
    for (size_t k = 0; k < n; k++) {
        /* Rising by the printed price in both scales. */
        const struct level *l = &lv[complement ? n - 1 - k : k];
        jw_open(w, NULL, '[');
        msg_px(sim, w, NULL, complement ? PX_ONE - l->px : l->px);
        jw_qty(w, NULL, l->qty);
        jw_close(w, ']');
    }
    jw_close(w, ']');
    free(lv);
}

void msg_snapshot(struct sim *sim, struct buf *b, uint32_t market, bool yes_scale)
{
    struct jw w = msg_open(sim, b);
    jw_str(&w, "market_ticker", sim->markets[market].ticker);
    jw_str(&w, "market_id", sim->markets[market].id);
    write_side(sim, &w, market, SIDE_YES, false);
    write_side(sim, &w, market, SIDE_NO, yes_scale);
    msg_close(sim, &w);
}

void msg_delta(struct sim *sim, struct buf *b, const struct match_delta *d, bool yes_scale,
               const struct sorder *own, wall_ns_t at)
{
    const struct smarket *k = &sim->markets[d->market];
    struct jw w = msg_open(sim, b);
    jw_str(&w, "market_ticker", k->ticker);
    jw_str(&w, "market_id", k->id);
    msg_px(sim, &w, "price_dollars", yes_scale && d->side == SIDE_NO ? PX_ONE - d->px : d->px);
    jw_qty(&w, "delta_fp", d->qty);
    jw_str(&w, "side", side_text(d->side));
    if (own != NULL) {
        jw_str(&w, "client_order_id", own->client_id);
        jw_int(&w, "subaccount", sim->subaccount_of[d->account]);
    }
    if (deprecated(sim)) {
        jw_time(&w, "ts", at);
    }
    msg_ts_ms(sim, &w, "ts_ms", at);
    msg_close(sim, &w);
}

/* --- trades and tickers --- */

void msg_trade(struct sim *sim, struct buf *b, const struct strade *t)
{
    struct jw w = msg_open(sim, b);
    jw_str(&w, "trade_id", t->id);
    jw_str(&w, "market_ticker", sim->markets[t->market].ticker);
    msg_px(sim, &w, "yes_price_dollars", t->yes_px);
    msg_px(sim, &w, "no_price_dollars", PX_ONE - t->yes_px);
    jw_qty(&w, "count_fp", t->qty);
    if (deprecated(sim)) {
        jw_str(&w, "taker_side", side_text(t->taker));
    }
    jw_str(&w, "taker_outcome_side", side_text(t->taker));
    jw_str(&w, "taker_book_side", book_side_text(t->taker));
    jw_bool(&w, "is_block_trade", t->block);
    if (deprecated(sim)) {
        jw_int(&w, "ts", t->at / NS_PER_SEC);
    }
    msg_ts_ms(sim, &w, "ts_ms", t->at);
    msg_close(sim, &w);
}

void msg_ticker(struct sim *sim, struct buf *b, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    px_t bid = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    qty_t interest = match_open_interest(sim->match, market);
    struct jw w = msg_open(sim, b);
    jw_str(&w, "market_ticker", k->ticker);
    jw_str(&w, "market_id", k->id);
    msg_px(sim, &w, "price_dollars", k->last_yes_px);
    msg_px(sim, &w, "yes_bid_dollars", bid);
    msg_px(sim, &w, "yes_ask_dollars", PX_ONE - no);
    jw_qty(&w, "volume_fp", k->volume);
    jw_qty(&w, "open_interest_fp", interest);
    jw_int(&w, "dollar_volume", k->volume / (2 * QTY_ONE));
    jw_int(&w, "dollar_open_interest", interest / (2 * QTY_ONE));
    jw_qty(&w, "yes_bid_size_fp", match_level_qty(sim->match, market, SIDE_YES, bid));
    jw_qty(&w, "yes_ask_size_fp", match_level_qty(sim->match, market, SIDE_NO, no));
    jw_qty(&w, "last_trade_size_fp", k->last_qty);
    if (deprecated(sim)) {
        jw_int(&w, "ts", sim->wall / NS_PER_SEC);
        jw_time(&w, "time", sim->wall / NS_PER_SEC * NS_PER_SEC);
    }
    msg_ts_ms(sim, &w, "ts_ms", sim->wall);
    msg_close(sim, &w);
}

/* --- private messages --- */

void msg_fill(struct sim *sim, struct buf *b, const struct match_fill *f, wall_ns_t at)
{
    const struct sorder *o = &sim->orders[f->tag - 1];
    char trade[UUID_TEXT];
    trade_id_text(sim, f->trade_id, trade);
    struct jw w = msg_open(sim, b);
    jw_str(&w, "trade_id", trade);
    jw_str(&w, "order_id", o->id);
    if (o->client_id[0] != '\0') {
        jw_str(&w, "client_order_id", o->client_id);
    }
    jw_str(&w, "market_ticker", sim->markets[f->market].ticker);
    jw_int(&w, "exchange_index", sim->markets[f->market].exchange_index);
    jw_bool(&w, "is_taker", f->is_taker);
    msg_px(sim, &w, "yes_price_dollars", f->yes_px);
    jw_qty(&w, "count_fp", f->qty);
    jw_usd(&w, "fee_cost", f->fee);
    if (deprecated(sim)) {
        jw_str(&w, "side", side_text(f->side));
        jw_str(&w, "action", f->side == SIDE_YES ? "buy" : "sell");
        jw_str(&w, "purchased_side", side_text(f->side));
        jw_int(&w, "ts", at / NS_PER_SEC);
    }
    msg_ts_ms(sim, &w, "ts_ms", at);
    jw_qty(&w, "post_position_fp", f->position);
    jw_str(&w, "outcome_side", side_text(f->side));
    jw_str(&w, "book_side", book_side_text(f->side));
    jw_int(&w, "subaccount", sim->subaccount_of[f->account]);
    msg_close(sim, &w);
}

static void write_order_times(struct sim *sim, struct jw *w, const struct match_order *o)
{
    if (deprecated(sim)) {
        jw_time(w, "created_time", o->created);
        jw_time(w, "last_update_time", o->updated);
    }
    msg_ts_ms(sim, w, "created_ts_ms", o->created);
    msg_ts_ms(sim, w, "last_updated_ts_ms", o->updated);
    if (o->expires != 0) {
        jw_time(w, "expiration_time", o->expires);
        msg_ts_ms(sim, w, "expiration_ts_ms", o->expires);
    }
}

void msg_order(struct sim *sim, struct buf *b, const struct sorder *so)
{
    static const char *const status[] = {
        [MATCH_RESTING] = "resting", [MATCH_EXECUTED] = "executed", [MATCH_CANCELED] = "canceled"};
    const struct match_order *o = &so->o;
    struct jw w = msg_open(sim, b);
    jw_str(&w, "order_id", so->id);
    jw_str(&w, "user_id", sim->users[sim->user_of_account[o->account]].id);
    jw_str(&w, "ticker", sim->markets[o->market].ticker);
    jw_int(&w, "exchange_index", sim->markets[o->market].exchange_index);
    jw_str(&w, "status", status[o->status]);
    if (deprecated(sim)) {
        jw_str(&w, "side", side_text(o->side));
        jw_bool(&w, "is_yes", o->side == SIDE_YES);
    }
    jw_str(&w, "outcome_side", side_text(o->side));
    jw_str(&w, "book_side", book_side_text(o->side));
    msg_px(sim, &w, "yes_price_dollars", o->side == SIDE_YES ? o->px : PX_ONE - o->px);
    jw_qty(&w, "fill_count_fp", o->filled);
    jw_qty(&w, "remaining_count_fp", o->remaining);
    jw_qty(&w, "initial_count_fp", o->initial);
    jw_usd(&w, "taker_fill_cost_dollars", o->taker_cost);
    jw_usd(&w, "maker_fill_cost_dollars", o->maker_cost);
    jw_usd(&w, "taker_fees_dollars", o->taker_fees);
    jw_usd(&w, "maker_fees_dollars", o->maker_fees);
    jw_str(&w, "client_order_id", so->client_id);
    if (o->group != 0) {
        char group[UUID_TEXT];
        group_id_text(sim, o->group, group);
        jw_str(&w, "order_group_id", group);
    }
    jw_str(&w, "self_trade_prevention_type",
           o->stp == MATCH_STP_TAKER ? "taker_at_cross" : "maker");
    write_order_times(sim, &w, o);
    if (match_reason_text(o->reason)[0] != '\0') {
        jw_str(&w, "last_update_reason", match_reason_text(o->reason));
    }
    jw_int(&w, "subaccount_number", sim->subaccount_of[o->account]);
    msg_close(sim, &w);
}

void msg_position(struct sim *sim, struct buf *b, uint32_t account, uint32_t market)
{
    struct match_position p = match_position(sim->match, account, market);
    struct jw w = msg_open(sim, b);
    jw_str(&w, "user_id", sim->users[sim->user_of_account[account]].id);
    jw_str(&w, "market_ticker", sim->markets[market].ticker);
    jw_qty(&w, "position_fp", p.qty);
    jw_usd4(&w, "position_cost_dollars", p.cost);
    jw_usd4(&w, "realized_pnl_dollars", p.realized);
    jw_usd4(&w, "fees_paid_dollars", p.fees);
    jw_usd4(&w, "position_fee_cost_dollars", 0);
    jw_qty(&w, "volume_fp", p.volume);
    jw_int(&w, "subaccount", sim->subaccount_of[account]);
    msg_close(sim, &w);
}
