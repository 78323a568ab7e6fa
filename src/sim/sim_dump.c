/*
 * sim_dump.c - the whole state as JSON, for tests and the admin socket.
 *
 * A book's hash: FNV-1a with a final mix (hash64 of base/hash.h) over the text
 *   "Y 0.4700 120.00\n" for each YES level, then "N 0.5200 3.00\n" for each NO level (own price),
 * each side rising by price, printed as 16 hexadecimal digits. The levels are listed too.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sim/sim_life.h"

static void dump_book(const struct sim *sim, struct jw *w, uint32_t market)
{
    struct buf text;
    buf_init(&text, (size_t)16 << 20);
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        size_t n = match_level_count(sim->match, market, side);
        struct level *lv = calloc(n + 1, sizeof *lv);
        n = lv != NULL ? match_levels(sim->match, market, side, lv, n) : 0;
        for (size_t i = 0; i < n; i++) {
            char px[MONEY_TEXT_MAX];
            char qty[MONEY_TEXT_MAX];
            px_format(lv[i].px, px);
            qty_format(lv[i].qty, qty);
            buf_printf(&text, "%c %s %s\n", s == 0 ? 'Y' : 'N', px, qty);
        }
        jw_levels(w, side_text(side), lv, n, false);
        free(lv);
    }
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, hash64(text.n > 0 ? text.p : "", text.n));
    jw_str(w, "hash", hash);
    buf_finish(&text);
}

static void dump_markets(const struct sim *sim, struct jw *w)
{
    jw_open(w, "markets", '[');
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        jw_open(w, NULL, '{');
        jw_str(w, "market", sim->markets[i].ticker);
        jw_str(w, "status", mstatus_text(sim->markets[i].status));
        jw_qty(w, "volume", sim->markets[i].volume);
        jw_qty(w, "open_interest", match_open_interest(sim->match, i));
        dump_book(sim, w, i);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static const char *first_key(const struct sim *sim, uint32_t user)
{
    uint32_t i = 0;
    while (i < sim->n_keys && sim->keys[i].user != user) {
        i++;
    }
    return i < sim->n_keys ? sim->keys[i].id : "";
}

static void dump_account(const struct sim *sim, struct jw *w, uint32_t account)
{
    const struct match_account *a = match_account(sim->match, account);
    uint32_t user = sim->user_of_account[account];
    jw_open(w, NULL, '{');
    jw_str(w, "key_id", first_key(sim, user));
    jw_str(w, "user_id", sim->users[user].id);
    jw_int(w, "subaccount", sim->subaccount_of[account]);
    jw_usd(w, "cash", a->cash);
    jw_usd(w, "fees", a->fees);
    jw_usd(w, "reserved", a->reserved);
    jw_open(w, "positions", '[');
    for (uint32_t i = 0; i < a->n_positions; i++) {
        const struct match_position *p = match_position_at(sim->match, account, i);
        jw_open(w, NULL, '{');
        jw_str(w, "market", sim->markets[p->market].ticker);
        jw_qty(w, "position", p->qty);
        jw_usd(w, "cost", p->cost);
        jw_usd(w, "realized", p->realized);
        jw_usd(w, "fees", p->fees);
        jw_bool(w, "settled", p->settled);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_close(w, '}');
}

static void dump_orders(const struct sim *sim, struct jw *w)
{
    static const char *const status[] = {
        [MATCH_RESTING] = "resting", [MATCH_EXECUTED] = "executed", [MATCH_CANCELED] = "canceled"};
    jw_open(w, "orders", '[');
    for (uint32_t i = 0; i < sim->n_orders; i++) {
        const struct sorder *s = &sim->orders[i];
        jw_open(w, NULL, '{');
        jw_str(w, "order_id", s->id);
        jw_str(w, "client_order_id", s->client_id);
        jw_str(w, "market", sim->markets[s->o.market].ticker);
        jw_str(w, "outcome", side_text(s->o.side));
        jw_px(w, "own_price", s->o.px);
        jw_str(w, "status", status[s->o.status]);
        jw_str(w, "reason", match_reason_text(s->o.reason));
        jw_qty(w, "initial", s->o.initial);
        jw_qty(w, "filled", s->o.filled);
        jw_qty(w, "remaining", s->o.remaining);
        jw_usd(w, "fees", s->o.taker_fees + s->o.maker_fees);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void dump_fills(const struct sim *sim, struct jw *w)
{
    jw_open(w, "fills", '[');
    for (uint32_t i = 0; i < sim->n_fills; i++) {
        const struct sfill *s = &sim->fills[i];
        char trade[UUID_TEXT];
        trade_id_text(sim, s->f.trade_id, trade);
        jw_open(w, NULL, '{');
        jw_str(w, "trade_id", trade);
        jw_str(w, "order_id", sim->orders[s->order].id);
        jw_str(w, "market", sim->markets[s->f.market].ticker);
        jw_str(w, "outcome", side_text(s->f.side));
        jw_px(w, "yes_price", s->f.yes_px);
        jw_qty(w, "count", s->f.qty);
        jw_usd(w, "fee", s->f.fee);
        jw_bool(w, "is_taker", s->f.is_taker);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void dump_counters(const struct sim *sim, struct jw *w)
{
    const struct counters *c = &sim->count;
    uint32_t connections = 0;
    for (const struct sim_conn *k = sim->conns; k != NULL; k = k->next) {
        connections++;
    }
    jw_open(w, "counters", '{');
    jw_int(w, "connections", connections);
    jw_int(w, "http_requests", (int64_t)c->http_requests);
    jw_int(w, "ws_frames_in", (int64_t)c->ws_frames_in);
    jw_int(w, "ws_frames_out", (int64_t)c->ws_frames_out);
    jw_int(w, "source_messages", (int64_t)c->source_messages);
    jw_int(w, "source_errors", (int64_t)c->source_errors);
    jw_int(w, "scenario_errors", (int64_t)c->scenario_errors);
    jw_int(w, "clamped", (int64_t)c->clamped);
    jw_int(w, "overflows", (int64_t)c->overflows);
    jw_int(w, "trades", (int64_t)sim->n_trades);
    sim_dump_requests(sim, w);
    jw_open(w, "faults", '{');
    for (int i = 0; i < SIM_FAULT_MAX; i++) {
        jw_int(w, sim_fault_name((enum sim_fault)i), (int64_t)c->faults[i]);
    }
    jw_close(w, '}');
    jw_close(w, '}');
}

void sim_dump(const struct sim *sim, struct buf *out)
{
    struct jw w = {out, false};
    struct match_money m = match_money(sim->match);
    jw_open(&w, NULL, '{');
    dump_markets(sim, &w);
    jw_open(&w, "accounts", '[');
    for (uint32_t account = 1; account <= sim->top_account; account++) {
        if (sim->user_of_account[account] != NO_INDEX) {
            dump_account(sim, &w, account);
        }
    }
    jw_close(&w, ']');
    dump_orders(sim, &w);
    dump_fills(sim, &w);
    jw_open(&w, "money", '{');
    /* The flow's agents are nobody, too: what they have won is others' loss. */
    usd_t started = 0;
    usd_t house = flow_house_cash(sim, &started);
    jw_usd(&w, "cash", m.cash - house);
    jw_usd(&w, "anonymous_cash", m.anon_cash + house - started);
    jw_usd(&w, "collateral", m.collateral);
    jw_usd(&w, "fees", m.fees);
    jw_usd(&w, "cut", m.cut);
    jw_usd(&w, "deposits", m.deposits);
    jw_close(&w, '}');
    dump_counters(sim, &w);
    jw_bool(&w, "finished", sim->finished);
    jw_close(&w, '}');
}
