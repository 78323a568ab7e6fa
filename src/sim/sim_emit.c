/*
 * sim_emit.c - what happened, told to the subscriptions that want it.
 *
 * A reader that is behind keeps its frames in the connection's backlog. When that is full the
 * subscription whose message did not fit ends with code 25, as the exchange does.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

bool sub_has(const struct sub *s, uint32_t market)
{
    return !s->dead && (s->all || ((market >> 6) < s->words &&
                                   (s->markets[market >> 6] >> (market & 63) & 1) != 0));
}

static void backlog_add(struct sim_conn *c, const char *p, size_t n)
{
    uint64_t len = n;
    buf_add(&c->backlog, &len, sizeof len);
    buf_add(&c->backlog, p, n);
    c->sim->blocked = true;
    if (c->backlog.failed) { /* even errors do not fit any more */
        c->closing = true;
        c->sim->out.close(c->sim->out.self, c, c->peer);
    }
}

void emit_raw(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    if (c->closing) {
        return;
    }
    if (c->backlog.n == 0 && sim->out.send(sim->out.self, c, c->peer, p, n) == ST_OK) {
        sim->count.ws_frames_out++;
        return;
    }
    backlog_add(c, p, n);
}

static void backlog_compact(struct sim_conn *c)
{
    if (c->backlog_from > BACKLOG_SLACK) {
        memmove(c->backlog.p, c->backlog.p + c->backlog_from, c->backlog.n - c->backlog_from);
        c->backlog.n -= c->backlog_from;
        c->backlog_from = 0;
    }
}

void emit_flush(struct sim *sim, struct sim_conn *c)
{
    while (c->backlog_from < c->backlog.n && !c->closing) {
        uint64_t len = 0;
        memcpy(&len, c->backlog.p + c->backlog_from, sizeof len);
        const char *p = c->backlog.p + c->backlog_from + sizeof len;
        if (sim->out.send(sim->out.self, c, c->peer, p, (size_t)len) != ST_OK) {
            backlog_compact(c);
            return;
        }
        sim->count.ws_frames_out++;
        c->backlog_from += sizeof len + (size_t)len;
    }
    buf_clear(&c->backlog);
    c->backlog_from = 0;
}

static void overflow(struct sim *sim, struct sim_conn *c, struct sub *s)
{
    s->dead = true;
    sim->count.overflows++;
    struct buf b;
    buf_init(&b, 512);
    buf_printf(&b,
               "{\"type\":\"error\",\"sid\":%llu,\"seq\":%llu,\"msg\":{\"code\":25,\"msg\":"
               "\"Subscription buffer overflow\"},\"sending_ts_ms\":%lld}\n",
               (unsigned long long)s->sid, (unsigned long long)++s->seq,
               (long long)wall_ms(sim->wall));
    backlog_add(c, b.p, b.n);
    buf_finish(&b);
}

void emit_to(struct sim *sim, struct sim_conn *c, struct sub *s, const char *type, uint64_t id,
             const char *msg, bool sequenced)
{
    if (s->dead || c->closing) {
        return;
    }
    struct buf *b = &sim->frame;
    buf_clear(b);
    buf_printf(b, "{\"type\":\"%s\",", type);
    if (id != 0) {
        buf_printf(b, "\"id\":%llu,", (unsigned long long)id);
    }
    buf_printf(b, "\"sid\":%llu", (unsigned long long)s->sid);
    if (sequenced) {
        buf_printf(b, ",\"seq\":%llu", (unsigned long long)++s->seq);
        if (s->drop > 0) {
            s->drop--;
            sim->count.faults[SIM_FAULT_SEQ_GAP]++;
            return;
        }
    }
    if (msg != NULL) {
        buf_str(b, ",\"msg\":");
        buf_str(b, msg);
    }
    buf_printf(b, ",\"sending_ts_ms\":%lld}\n", (long long)wall_ms(sim->wall));
    if (c->backlog.n - c->backlog_from + b->n > BACKLOG_MAX) {
        overflow(sim, c, s);
        return;
    }
    emit_raw(sim, c, b->p, b->n);
}

/* --- books --- */

static void write_snapshot(struct sim *sim, struct buf *b, uint32_t market, bool yes_scale)
{
    const struct smarket *k = &sim->markets[market];
    struct jw w = {b, false};
    buf_clear(b);
    jw_open(&w, NULL, '{');
    jw_str(&w, "market_ticker", k->ticker);
    jw_str(&w, "market_id", k->id);
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        size_t n = match_level_count(sim->match, market, side);
        struct level *lv = n > 0 ? malloc(n * sizeof *lv) : NULL;
        if (lv == NULL) {
            continue; /* a side without levels is left out */
        }
        n = match_levels(sim->match, market, side, lv, n);
        jw_levels(&w, s == 0 ? "yes_dollars_fp" : "no_dollars_fp", lv, n,
                  yes_scale && side == SIDE_NO);
        free(lv);
    }
    jw_close(&w, '}');
}

void emit_snapshot(struct sim *sim, struct sim_conn *c, struct sub *s, uint32_t market, uint64_t id)
{
    write_snapshot(sim, &sim->body, market, s->use_yes_price);
    emit_to(sim, c, s, "orderbook_snapshot", id, sim->body.p, true);
}

void emit_unknown_snapshot(struct sim *sim, struct sim_conn *c, struct sub *s, const char *ticker,
                           uint64_t id)
{
    char uuid[UUID_TEXT];
    sim_uuid(sim, ticker, 0, uuid);
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "market_ticker", ticker);
    jw_str(&w, "market_id", uuid);
    jw_close(&w, '}');
    emit_to(sim, c, s, "orderbook_snapshot", id, sim->body.p, true);
}

/* Call body for every subscription of a channel that follows the market. */
#define EACH_SUB(sim_, channel_, market_, c_, s_)                                                  \
    for (struct sim_conn *c_ = (sim_)->conns; c_ != NULL; c_ = c_->next)                           \
        for (struct sub *s_ = c_->subs; s_ != NULL && s_ < c_->subs + c_->n_subs; s_++)            \
            if (s_->channel == (channel_) && sub_has(s_, (market_)))

void emit_snapshot_all(struct sim *sim, uint32_t market)
{
    EACH_SUB(sim, CH_BOOK, market, c, s)
    {
        emit_snapshot(sim, c, s, market, 0);
    }
}

static void write_delta(struct sim *sim, const struct match_delta *d, bool yes_scale,
                        const struct sorder *own, wall_ns_t at)
{
    const struct smarket *k = &sim->markets[d->market];
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "market_ticker", k->ticker);
    jw_str(&w, "market_id", k->id);
    jw_px(&w, "price_dollars", yes_scale && d->side == SIDE_NO ? PX_ONE - d->px : d->px);
    jw_qty(&w, "delta_fp", d->qty);
    jw_str(&w, "side", side_text(d->side));
    if (own != NULL) {
        jw_str(&w, "client_order_id", own->client_id);
        jw_int(&w, "subaccount", sim->subaccount_of[d->account]);
    }
    jw_time(&w, "ts", at);
    jw_int(&w, "ts_ms", wall_ms(at));
    jw_close(&w, '}');
}

static void emit_delta(struct sim *sim, const struct match_delta *d, wall_ns_t at)
{
    EACH_SUB(sim, CH_BOOK, d->market, c, s)
    {
        bool mine = d->account != MATCH_ANON && sim->user_of_account[d->account] == c->user;
        const struct sorder *own = mine && d->tag != 0 ? &sim->orders[d->tag - 1] : NULL;
        write_delta(sim, d, s->use_yes_price, own, at);
        emit_to(sim, c, s, "orderbook_delta", 0, sim->body.p, true);
    }
}

/* --- trades and tickers --- */

void trade_id_text(const struct sim *sim, uint64_t id, char out[UUID_TEXT])
{
    sim_uuid(sim, "trade", id, out);
}

void emit_trade(struct sim *sim, const struct strade *t)
{
    struct smarket *k = &sim->markets[t->market];
    k->prev_yes_px = k->last_yes_px;
    k->last_yes_px = t->yes_px;
    k->last_qty = t->qty;
    k->volume += t->qty;
    sim->trades[sim->n_trades++ % TRADES_KEPT] = *t;
    if (sim->subs_of[CH_TRADE] == 0) {
        return;
    }
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "trade_id", t->id);
    jw_str(&w, "market_ticker", k->ticker);
    jw_px(&w, "yes_price_dollars", t->yes_px);
    jw_px(&w, "no_price_dollars", PX_ONE - t->yes_px);
    jw_qty(&w, "count_fp", t->qty);
    jw_str(&w, "taker_side", side_text(t->taker));
    jw_str(&w, "taker_outcome_side", side_text(t->taker));
    jw_str(&w, "taker_book_side", book_side_text(t->taker));
    jw_bool(&w, "is_block_trade", t->block);
    jw_int(&w, "ts", t->at / NS_PER_SEC);
    jw_int(&w, "ts_ms", wall_ms(t->at));
    jw_close(&w, '}');
    EACH_SUB(sim, CH_TRADE, t->market, c, s)
    {
        emit_to(sim, c, s, "trade", 0, sim->body.p, true);
    }
}

static void write_ticker(struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    px_t bid = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    qty_t interest = match_open_interest(sim->match, market);
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "market_ticker", k->ticker);
    jw_str(&w, "market_id", k->id);
    jw_px(&w, "price_dollars", k->last_yes_px);
    jw_px(&w, "yes_bid_dollars", bid);
    jw_px(&w, "yes_ask_dollars", PX_ONE - no);
    jw_qty(&w, "volume_fp", k->volume);
    jw_qty(&w, "open_interest_fp", interest);
    jw_int(&w, "dollar_volume", k->volume / (2 * QTY_ONE));
    jw_int(&w, "dollar_open_interest", interest / (2 * QTY_ONE));
    jw_qty(&w, "yes_bid_size_fp", match_level_qty(sim->match, market, SIDE_YES, bid));
    jw_qty(&w, "yes_ask_size_fp", match_level_qty(sim->match, market, SIDE_NO, no));
    jw_qty(&w, "last_trade_size_fp", k->last_qty);
    jw_int(&w, "ts", sim->wall / NS_PER_SEC);
    jw_int(&w, "ts_ms", wall_ms(sim->wall));
    jw_time(&w, "time", sim->wall / NS_PER_SEC * NS_PER_SEC);
    jw_close(&w, '}');
}

void emit_ticker(struct sim *sim, struct sim_conn *c, struct sub *s, uint32_t market)
{
    write_ticker(sim, market);
    emit_to(sim, c, s, "ticker", 0, sim->body.p, false);
}

void emit_tickers(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    k->updated = at;
    if (sim->subs_of[CH_TICKER] == 0) {
        return;
    }
    px_t bid = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    qty_t bid_qty = match_level_qty(sim->match, market, SIDE_YES, bid);
    qty_t ask_qty = match_level_qty(sim->match, market, SIDE_NO, no);
    if (bid == k->told_bid && no == k->told_ask && bid_qty == k->told_bid_qty &&
        ask_qty == k->told_ask_qty && k->volume == k->told_volume) {
        return;
    }
    k->told_bid = bid;
    k->told_ask = no;
    k->told_bid_qty = bid_qty;
    k->told_ask_qty = ask_qty;
    k->told_volume = k->volume;
    write_ticker(sim, market);
    EACH_SUB(sim, CH_TICKER, market, c, s)
    {
        emit_to(sim, c, s, "ticker", 0, sim->body.p, false);
    }
}

/* --- private messages: only to connections of the user --- */

static void emit_private(struct sim *sim, enum channel channel, uint32_t account, uint32_t market,
                         const char *type)
{
    uint32_t user = sim->user_of_account[account];
    EACH_SUB(sim, channel, market, c, s)
    {
        if (c->user == user) {
            emit_to(sim, c, s, type, 0, sim->body.p, false);
        }
    }
}

static void emit_fill(struct sim *sim, const struct match_fill *f, wall_ns_t at)
{
    const struct sorder *o = &sim->orders[f->tag - 1];
    char trade[UUID_TEXT];
    trade_id_text(sim, f->trade_id, trade);
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "trade_id", trade);
    jw_str(&w, "order_id", o->id);
    if (o->client_id[0] != '\0') {
        jw_str(&w, "client_order_id", o->client_id);
    }
    jw_str(&w, "market_ticker", sim->markets[f->market].ticker);
    jw_int(&w, "exchange_index", 0);
    jw_bool(&w, "is_taker", f->is_taker);
    jw_str(&w, "side", side_text(f->side));
    jw_px(&w, "yes_price_dollars", f->yes_px);
    jw_qty(&w, "count_fp", f->qty);
    jw_usd(&w, "fee_cost", f->fee);
    jw_str(&w, "action", f->side == SIDE_YES ? "buy" : "sell");
    jw_int(&w, "ts", at / NS_PER_SEC);
    jw_int(&w, "ts_ms", wall_ms(at));
    jw_qty(&w, "post_position_fp", f->position);
    jw_str(&w, "purchased_side", side_text(f->side));
    jw_str(&w, "outcome_side", side_text(f->side));
    jw_str(&w, "book_side", book_side_text(f->side));
    jw_int(&w, "subaccount", sim->subaccount_of[f->account]);
    jw_close(&w, '}');
    emit_private(sim, CH_FILL, f->account, f->market, "fill");
}

static void emit_order(struct sim *sim, const struct sorder *so)
{
    static const char *const status[] = {
        [MATCH_RESTING] = "resting", [MATCH_EXECUTED] = "executed", [MATCH_CANCELED] = "canceled"};
    const struct match_order *o = &so->o;
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "order_id", so->id);
    jw_str(&w, "user_id", sim->users[sim->user_of_account[o->account]].id);
    jw_str(&w, "ticker", sim->markets[o->market].ticker);
    jw_int(&w, "exchange_index", 0);
    jw_str(&w, "status", status[o->status]);
    jw_str(&w, "side", side_text(o->side));
    jw_bool(&w, "is_yes", o->side == SIDE_YES);
    jw_str(&w, "outcome_side", side_text(o->side));
    jw_str(&w, "book_side", book_side_text(o->side));
    jw_px(&w, "yes_price_dollars", o->side == SIDE_YES ? o->px : PX_ONE - o->px);
    jw_qty(&w, "fill_count_fp", o->filled);
    jw_qty(&w, "remaining_count_fp", o->remaining);
    jw_qty(&w, "initial_count_fp", o->initial);
    jw_usd(&w, "taker_fill_cost_dollars", o->taker_cost);
    jw_usd(&w, "maker_fill_cost_dollars", o->maker_cost);
    jw_usd(&w, "taker_fees_dollars", o->taker_fees);
    jw_usd(&w, "maker_fees_dollars", o->maker_fees);
    jw_str(&w, "client_order_id", so->client_id);
    jw_str(&w, "self_trade_prevention_type",
           o->stp == MATCH_STP_TAKER ? "taker_at_cross" : "maker");
    jw_time(&w, "created_time", o->created);
    jw_int(&w, "created_ts_ms", wall_ms(o->created));
    jw_time(&w, "last_update_time", o->updated);
    jw_int(&w, "last_updated_ts_ms", wall_ms(o->updated));
    if (o->expires != 0) {
        jw_time(&w, "expiration_time", o->expires);
        jw_int(&w, "expiration_ts_ms", wall_ms(o->expires));
    }
    if (match_reason_text(o->reason)[0] != '\0') {
        jw_str(&w, "last_update_reason", match_reason_text(o->reason));
    }
    jw_int(&w, "subaccount_number", sim->subaccount_of[o->account]);
    jw_close(&w, '}');
    emit_private(sim, CH_ORDERS, o->account, o->market, "user_order");
}

static void emit_position(struct sim *sim, uint32_t account, uint32_t market)
{
    if (sim->subs_of[CH_POSITIONS] == 0) {
        return;
    }
    struct match_position p = match_position(sim->match, account, market);
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "user_id", sim->users[sim->user_of_account[account]].id);
    jw_str(&w, "market_ticker", sim->markets[market].ticker);
    jw_qty(&w, "position_fp", p.qty);
    jw_usd4(&w, "position_cost_dollars", p.cost);
    jw_usd4(&w, "realized_pnl_dollars", p.realized);
    jw_usd4(&w, "fees_paid_dollars", p.fees);
    jw_usd4(&w, "position_fee_cost_dollars", 0);
    jw_qty(&w, "volume_fp", p.volume);
    jw_int(&w, "subaccount", sim->subaccount_of[account]);
    jw_close(&w, '}');
    emit_private(sim, CH_POSITIONS, account, market, "market_position");
}

void group_id_text(const struct sim *sim, uint64_t group, char out[UUID_TEXT])
{
    sim_uuid(sim, "group", group, out);
}

void emit_group_event(struct sim *sim, uint32_t account, const char *group_id,
                      const char *event_type, qty_t limit, wall_ns_t at)
{
    uint32_t user = sim->user_of_account[account];
    if (user == NO_INDEX || sim->subs_of[CH_GROUPS] == 0) {
        return;
    }
    struct jw w = {&sim->body, false};
    buf_clear(&sim->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "event_type", event_type);
    jw_str(&w, "order_group_id", group_id);
    if (strcmp(event_type, "created") == 0 || strcmp(event_type, "limit_updated") == 0) {
        jw_qty(&w, "contracts_limit_fp", limit);
    }
    jw_int(&w, "ts_ms", wall_ms(at));
    jw_close(&w, '}');
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        for (uint32_t i = 0; c->user == user && i < c->n_subs; i++) {
            if (c->subs[i].channel == CH_GROUPS) {
                emit_to(sim, c, &c->subs[i], "order_group_updates", 0, sim->body.p, true);
            }
        }
    }
}

/* --- the last result of the engine --- */

void emit_deltas(struct sim *sim, wall_ns_t at)
{
    if (sim->subs_of[CH_BOOK] == 0) {
        return;
    }
    struct match_result r = match_result(sim->match);
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        emit_delta(sim, &r.deltas[i], at);
    }
}

static void keep_fill(struct sim *sim, const struct match_fill *f, wall_ns_t at)
{
    if (sim_grow((void **)&sim->fills, sim->n_fills, &sim->fills_cap, sizeof *sim->fills)) {
        sim->fills[sim->n_fills++] = (struct sfill){*f, (uint32_t)(f->tag - 1), at};
    }
}

void emit_after_deltas(struct sim *sim, wall_ns_t at)
{
    struct match_result r = match_result(sim->match);
    for (uint32_t i = 0; i < r.n_trades; i++) {
        struct strade t = {.market = r.trades[i].market,
                           .taker = r.trades[i].taker,
                           .yes_px = r.trades[i].yes_px,
                           .qty = r.trades[i].qty,
                           .at = at};
        trade_id_text(sim, r.trades[i].id, t.id);
        emit_trade(sim, &t);
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        if (r.fills[i].tag != 0) { /* else nobody wants to hear of it */
            keep_fill(sim, &r.fills[i], at);
            emit_fill(sim, &r.fills[i], at);
        }
    }
    for (uint32_t i = 0; i < r.n_updates; i++) {
        if (r.updates[i].tag != 0) {
            struct sorder *o = &sim->orders[r.updates[i].tag - 1];
            o->o = r.updates[i];
            emit_order(sim, o);
        }
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        if (r.fills[i].tag != 0) {
            emit_position(sim, r.fills[i].account, r.fills[i].market);
        }
    }
}

void emit_result(struct sim *sim, wall_ns_t at)
{
    emit_deltas(sim, at);
    emit_after_deltas(sim, at);
    struct match_result r = match_result(sim->match);
    uint32_t told = NO_INDEX;
    for (uint32_t i = 0; i < r.n_deltas; i++) { /* canceling all touches several markets */
        if (r.deltas[i].market != told) {
            told = r.deltas[i].market;
            emit_tickers(sim, told, at);
        }
    }
}
