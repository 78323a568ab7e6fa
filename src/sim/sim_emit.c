/*
 * sim_emit.c - what happened, told to the subscriptions that want it.
 *
 * When a reader's backlog is full, the subscription whose message did not fit ends with code 25, as
 * the exchange does, or (rules.slow_reader) the connection is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/sim_read.h"

/* --- one message to one subscription --- */

static void add_number(struct buf *b, uint64_t v)
{
    char t[24];
    size_t i = sizeof t;
    do {
        t[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_add(b, t + i, sizeof t - i);
}

static void overflow(struct sim *sim, struct sub *s)
{
    sim->count.overflows++;
    if (sim->config.rules.slow_reader == RULE_SLOW_CLOSE) {
        s->conn->closing = true;
        sim->out.close(sim->out.self, s->conn, s->conn->peer);
    } else {
        s->seq -= channel_sequenced(s->channel); /* of the message that did not fit */
        sub_fail(sim, s, 25);
    }
}

static void add_text(struct buf *b, struct text t)
{
    buf_add(b, t.p, t.n);
}

/* Send msg as one message of a subscription, with the next seq if its channel is sequenced. */
static void emit_to(struct sim *sim, struct sub *s, const char *type, uint64_t id, struct text msg)
{
    if (s->dead || s->conn->closing) {
        return;
    }
    struct buf *b = &sim->frame;
    buf_clear(b);
    add_text(b, TEXT("{\"type\":\""));
    buf_str(b, type);
    if (id != 0) {
        add_text(b, TEXT("\",\"id\":"));
        add_number(b, id);
        add_text(b, TEXT(",\"sid\":"));
    } else {
        add_text(b, TEXT("\",\"sid\":"));
    }
    add_number(b, s->sid);
    if (channel_sequenced(s->channel)) {
        add_text(b, TEXT(",\"seq\":"));
        add_number(b, ++s->seq);
        if (s->lose > 0) {
            s->lose--;
            sim->count.faults[SIM_FAULT_SEQ_GAP]++;
            return;
        }
    }
    add_text(b, TEXT(",\"msg\":"));
    add_text(b, msg);
    if (sim->config.rules.timestamps) {
        add_text(b, TEXT(",\"sending_ts_ms\":"));
        add_number(b, (uint64_t)wall_ms(sim->wall));
    }
    if (sim->config.rules.extra_keys) {
        add_text(b, TEXT(",\"not_in_any_schema\":{\"of\":[\"a\",null,1.5]}"));
    }
    buf_str(b, sim->config.rules.frame_newline ? "}\n" : "}");
    bool snapshot = s->channel == CH_BOOK && strcmp(type, "orderbook_snapshot") == 0;
    if (link_waiting(s->conn) + b->n > (snapshot ? SNAPSHOTS_MAX : BACKLOG_MAX)) {
        overflow(sim, s);
        return;
    }
    bool private = s->channel >= CH_FILL && s->channel <= CH_GROUPS;
    link_send(sim, s->conn, b->p, b->n, private);
}

static struct text text_in(const struct buf *b)
{
    return (struct text){b->p, b->n};
}

void emit_broadcast(struct sim *sim, enum channel channel, const char *type, struct text msg)
{
    struct sub_walk w = sub_walk(sim, channel, NO_INDEX);
    EACH_SUB(s, &w)
    {
        emit_to(sim, s, type, 0, msg);
    }
}

/* --- books --- */

void emit_snapshot(struct sim *sim, struct sub *s, uint32_t market, uint64_t id)
{
    msg_snapshot(sim, &sim->body, market, s->use_yes_price);
    emit_to(sim, s, "orderbook_snapshot", id, text_in(&sim->body));
}

void emit_unknown_snapshot(struct sim *sim, struct sub *s, const char *ticker, uint64_t id)
{
    char uuid[UUID_TEXT];
    sim_uuid(sim, ticker, 0, uuid);
    struct jw w = msg_open(sim, &sim->body);
    jw_str(&w, "market_ticker", ticker);
    jw_str(&w, "market_id", uuid);
    msg_close(sim, &w);
    emit_to(sim, s, "orderbook_snapshot", id, text_in(&sim->body));
}

void emit_snapshot_all(struct sim *sim, uint32_t market)
{
    struct buf *text[2] = {&sim->body, &sim->body_yes};
    bool written[2] = {false, false};
    struct sub_walk w = sub_walk(sim, CH_BOOK, market);
    EACH_SUB(s, &w)
    {
        int scale = s->use_yes_price;
        if (!written[scale]) {
            msg_snapshot(sim, text[scale], market, s->use_yes_price);
            written[scale] = true;
        }
        emit_to(sim, s, "orderbook_snapshot", 0, text_in(text[scale]));
    }
}

/* Private news of an account is for connections of its user whose key may see its subaccount. */
static bool hears_of(const struct sim *sim, const struct sim_conn *c, uint32_t account)
{
    uint32_t user = sim->user_of_account[account];
    return user != NO_INDEX && c->user == user &&
           (c->subaccount < 0 || c->subaccount == sim->subaccount_of[account]);
}

static void emit_delta(struct sim *sim, const struct match_delta *d, wall_ns_t at)
{
    struct buf *text[2] = {&sim->body, &sim->body_yes};
    bool written[2] = {false, false};
    const struct sorder *order = d->tag != 0 ? &sim->orders[d->tag - 1] : NULL;
    struct sub_walk w = sub_walk(sim, CH_BOOK, d->market);
    EACH_SUB(s, &w)
    {
        int scale = s->use_yes_price && d->side == SIDE_NO;
        if (order != NULL && hears_of(sim, s->conn, d->account)) {
            msg_delta(sim, text[scale], d, s->use_yes_price, order, at);
            written[scale] = false;
        } else if (!written[scale]) {
            msg_delta(sim, text[scale], d, s->use_yes_price, NULL, at);
            written[scale] = true;
        }
        emit_to(sim, s, "orderbook_delta", 0, text_in(text[scale]));
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
    sim_state_touch(sim, t->market);
    candle_trade(sim, t->market, t->yes_px, t->qty, t->at);
    sim->trades[sim->n_trades++ % TRADES_KEPT] = *t;
    if (sim->subs_of[CH_TRADE] == 0) {
        return;
    }
    msg_trade(sim, &sim->body, t);
    struct sub_walk w = sub_walk(sim, CH_TRADE, t->market);
    EACH_SUB(s, &w)
    {
        emit_to(sim, s, "trade", 0, text_in(&sim->body));
    }
}

void emit_ticker(struct sim *sim, struct sub *s, uint32_t market)
{
    msg_ticker(sim, &sim->body, market);
    emit_to(sim, s, "ticker", 0, text_in(&sim->body));
}

void emit_tickers(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    sim_state_touch(sim, market);
    candle_quote(sim, market, at);
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
    if (sim->subs_of[CH_TICKER] == 0) {
        return;
    }
    msg_ticker(sim, &sim->body, market);
    struct sub_walk w = sub_walk(sim, CH_TICKER, market);
    EACH_SUB(s, &w)
    {
        emit_to(sim, s, "ticker", 0, text_in(&sim->body));
    }
}

/* --- private messages: only to connections of the user --- */

static bool anyone(const struct sim *sim, enum channel channel, uint32_t account)
{
    return sim->subs_of[channel] > 0 && sim->user_of_account[account] != NO_INDEX;
}

static void emit_private(struct sim *sim, enum channel channel, uint32_t account, uint32_t market,
                         const char *type)
{
    struct sub_walk w = sub_walk(sim, channel, market);
    EACH_SUB(s, &w)
    {
        if (hears_of(sim, s->conn, account)) {
            emit_to(sim, s, type, 0, text_in(&sim->body));
        }
    }
}

void emit_position(struct sim *sim, uint32_t account, uint32_t market)
{
    if (anyone(sim, CH_POSITIONS, account)) {
        msg_position(sim, &sim->body, account, market);
        emit_private(sim, CH_POSITIONS, account, market, "market_position");
    }
}

void group_id_text(const struct sim *sim, uint64_t group, char out[UUID_TEXT])
{
    sim_uuid(sim, "group", group, out);
}

void emit_group_event(struct sim *sim, uint32_t account, const char *group_id,
                      const char *event_type, qty_t limit, wall_ns_t at)
{
    if (!anyone(sim, CH_GROUPS, account)) {
        return;
    }
    struct jw w = msg_open(sim, &sim->body);
    jw_str(&w, "event_type", event_type);
    jw_str(&w, "order_group_id", group_id);
    if (strcmp(event_type, "created") == 0 || strcmp(event_type, "limit_updated") == 0) {
        jw_qty(&w, "contracts_limit_fp", limit);
    }
    msg_ts_ms(sim, &w, "ts_ms", at);
    msg_close(sim, &w);
    emit_private(sim, CH_GROUPS, account, NO_INDEX, "order_group_updates");
}

/* --- the last result of the engine --- */

enum stage {
    TELL_DELTAS,
    TELL_TRADES,
    TELL_FILLS,
    TELL_ORDERS,
    TELL_POSITIONS,
    TELL_GROUPS,
    TELL_MAX
};

static void keep_fill(struct sim *sim, const struct match_fill *f, wall_ns_t at)
{
    ensure_memory(
        sim_grow((void **)&sim->fills, sim->n_fills, &sim->fills_cap, sizeof *sim->fills));
    sim->fills[sim->n_fills++] = (struct sfill){*f, (uint32_t)(f->tag - 1), at};
}

static void tell_trade(struct sim *sim, const struct match_trade *m, wall_ns_t at)
{
    struct strade t = {
        .market = m->market, .taker = m->taker, .yes_px = m->yes_px, .qty = m->qty, .at = at};
    trade_id_text(sim, m->id, t.id);
    emit_trade(sim, &t);
}

static void tell_fill(struct sim *sim, const struct match_fill *f, wall_ns_t at)
{
    if (f->tag == 0) { /* nobody wants to hear of it */
        return;
    }
    keep_fill(sim, f, at);
    if (anyone(sim, CH_FILL, f->account)) {
        msg_fill(sim, &sim->body, f, at);
        emit_private(sim, CH_FILL, f->account, f->market, "fill");
    }
}

static void tell_order(struct sim *sim, const struct match_order *u)
{
    if (u->tag == 0) {
        return;
    }
    struct sorder *o = &sim->orders[u->tag - 1];
    o->o = *u;
    if (anyone(sim, CH_ORDERS, u->account)) {
        msg_order(sim, &sim->body, o);
        emit_private(sim, CH_ORDERS, u->account, u->market, "user_order");
    }
}

static void tell_triggered(struct sim *sim, uint64_t group, wall_ns_t at)
{
    const struct match_group *g = match_group_get(sim->match, group);
    if (g != NULL) {
        char id[UUID_TEXT];
        group_id_text(sim, group, id);
        emit_group_event(sim, g->account, id, "triggered", g->limit, at);
    }
}

static void tell(struct sim *sim, const struct match_result *r, enum stage stage, uint32_t i,
                 wall_ns_t at)
{
    switch (stage) {
    case TELL_DELTAS:
        if (sim->subs_of[CH_BOOK] > 0) {
            emit_delta(sim, &r->deltas[i], at);
        }
        break;
    case TELL_TRADES:
        tell_trade(sim, &r->trades[i], at);
        break;
    case TELL_FILLS:
        tell_fill(sim, &r->fills[i], at);
        break;
    case TELL_ORDERS:
        tell_order(sim, &r->updates[i]);
        break;
    case TELL_POSITIONS:
        if (r->fills[i].tag != 0) {
            emit_position(sim, r->fills[i].account, r->fills[i].market);
        }
        break;
    case TELL_GROUPS:
        tell_triggered(sim, r->triggered[i], at);
        break;
    case TELL_MAX:
        break;
    }
}

/* Each channel keeps its order; between channels a random one of those that have something left. */
static void tell_shuffled(struct sim *sim, const struct match_result *r, const uint32_t n[TELL_MAX],
                          wall_ns_t at)
{
    uint32_t done[TELL_MAX] = {0};
    uint32_t left = 0;
    for (int k = 0; k < TELL_MAX; k++) {
        left += n[k];
    }
    for (; left > 0; left--) {
        uint64_t pick = rng_below(&sim->shuffle_rng, left);
        int k = 0;
        while (pick >= n[k] - done[k]) {
            pick -= n[k] - done[k];
            k++;
        }
        tell(sim, r, (enum stage)k, done[k]++, at);
    }
}

static void tell_result(struct sim *sim, enum stage from, enum stage to, wall_ns_t at)
{
    sim_state_note(sim);
    struct match_result r = match_result(sim->match);
    uint32_t n[TELL_MAX] = {r.n_deltas,  r.n_trades, r.n_fills,
                            r.n_updates, r.n_fills,  r.n_triggered};
    for (int k = 0; k < TELL_MAX; k++) {
        n[k] = k >= (int)from && k < (int)to ? n[k] : 0;
    }
    if (sim->config.rules.shuffle_channels) {
        tell_shuffled(sim, &r, n, at);
        return;
    }
    for (int k = (int)from; k < (int)to; k++) {
        for (uint32_t i = 0; i < n[k]; i++) {
            tell(sim, &r, (enum stage)k, i, at);
        }
    }
}

void emit_deltas(struct sim *sim, wall_ns_t at)
{
    tell_result(sim, TELL_DELTAS, TELL_TRADES, at);
}

void emit_after_deltas(struct sim *sim, wall_ns_t at)
{
    tell_result(sim, TELL_TRADES, TELL_MAX, at);
}

void emit_result(struct sim *sim, wall_ns_t at)
{
    tell_result(sim, TELL_DELTAS, TELL_MAX, at);
    struct match_result r = match_result(sim->match);
    uint32_t told = NO_INDEX;
    for (uint32_t i = 0; i < r.n_deltas; i++) { /* canceling all touches several markets */
        if (r.deltas[i].market != told) {
            told = r.deltas[i].market;
            emit_tickers(sim, told, at);
        }
    }
}
