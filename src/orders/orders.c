/*
 * orders.c - the order manager: making it from what the journal left, and looking into it.
 */
#include "orders/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "orders/orders_int.h"

struct orders_config orders_config_default(void)
{
    return (struct orders_config){
        .markets_max = 1000,
        .orders_max = 4096,
        .trades_max = 65536,
        .order_qty = 10 * QTY_ONE,
        .style = PRICE_AGGRESSIVE,
        .tif = GW_GTC,
        .replace_distance = PX_CENT,
        .amend = true,
        .market_orders_max = 1,
        .position_read_delay = 100 * NS_PER_MS,
        .back_off_min = 100 * NS_PER_MS,
        .back_off_max = 5 * NS_PER_SEC,
        .sweep = 30 * NS_PER_SEC,
        .clock_window_ms = 60000,
        .drift_halt_qty = 10 * QTY_ONE,
        .auth_halt_count = 3,
        .unknown_halt_count = 5,
        .limits = risk_limits_default(),
        .write_rate = 100, /* the Basic tier */
        .write_capacity = 100,
    };
}

static bool config_ok(const struct orders_config *c)
{
    return c->markets_max > 0 && c->markets_max <= 10000000 && c->orders_max >= 16 &&
           c->orders_max <= 32768 && c->trades_max >= 16 && c->trades_max <= (1U << 24) &&
           c->order_qty > 0 && c->order_qty <= QTY_LIMIT && c->replace_distance >= 0 &&
           c->market_orders_max > 0 && c->write_rate > 0 && c->write_capacity > 0 &&
           c->age_max >= 0 && c->distance_max >= 0 && c->position_read_delay >= 0 &&
           c->back_off_min > 0 && c->back_off_max >= c->back_off_min && c->sweep > 0 &&
           c->clock_window_ms >= 0 && c->limits.fills_per_s <= RISK_RATE_MAX &&
           c->limits.orders_per_s <= RISK_RATE_MAX && c->drift_halt_qty >= 0 &&
           c->drift_halt_all_qty >= 0 && c->group_limit >= 0 && c->group_limit % QTY_ONE == 0 &&
           c->n_unsettled <= c->orders_max / 2 && c->n_earlier <= JOURNAL_SESSIONS;
}

static enum status tables_create(struct orders *o)
{
    const struct orders_config *c = &o->config;
    uint32_t lots = c->markets_max + FOREIGN_LOTS;
    o->reqs_max = c->orders_max * 2 + REQS_EXTRA > 65535 ? 65535 : c->orders_max * 2 + REQS_EXTRA;
    if (account_init(&o->account, lots) != ST_OK ||
        idtab_init(&o->by_client, c->orders_max) != ST_OK ||
        idtab_init(&o->by_order, c->orders_max) != ST_OK ||
        idtab_init(&o->trades, c->trades_max) != ST_OK ||
        timers_init(&o->timers, c->orders_max + lots + 4) != ST_OK ||
        rate_init(&o->fills_rate, c->limits.fills_per_s + 1) != ST_OK ||
        rate_init(&o->orders_rate, c->limits.orders_per_s + 1) != ST_OK) {
        return ST_NOMEM;
    }
    o->lots = calloc(lots, sizeof *o->lots);
    o->mkt_lot = calloc(c->markets_max, sizeof *o->mkt_lot);
    o->slots = calloc_touched(c->orders_max, sizeof *o->slots);
    o->free = calloc_touched(c->orders_max, sizeof *o->free);
    o->done = calloc_touched(c->orders_max, sizeof *o->done);
    o->live = calloc_touched(c->orders_max, sizeof *o->live);
    o->trade_ids = calloc_touched(c->trades_max, sizeof *o->trade_ids);
    o->trade_wall = calloc_touched(c->trades_max, sizeof *o->trade_wall);
    o->reqs = calloc_touched(o->reqs_max, sizeof *o->reqs);
    o->req_free = calloc_touched(o->reqs_max, sizeof *o->req_free);
    if (o->lots == NULL || o->mkt_lot == NULL || o->slots == NULL || o->free == NULL ||
        o->done == NULL || o->live == NULL || o->trade_ids == NULL || o->trade_wall == NULL ||
        o->reqs == NULL || o->req_free == NULL) {
        return ST_NOMEM;
    }
    for (uint32_t i = 0; i < lots; i++) {
        o->lots[i].first = NONE;
        o->lots[i].group = NONE;
    }
    for (uint32_t i = 0; i < c->markets_max; i++) {
        o->mkt_lot[i] = NONE;
    }
    for (uint32_t i = 0; i < c->orders_max; i++) {
        o->free[o->n_free++] = c->orders_max - 1 - i;
    }
    for (uint32_t i = 0; i < o->reqs_max; i++) {
        o->req_free[o->n_req_free++] = o->reqs_max - 1 - i;
    }
    return ST_OK;
}

/* A market that a previous session halted stays halted. */
static enum status restore_halt(struct orders *o, const struct journal_record *rec)
{
    uint32_t h = lot_of(o, rec->ticker);
    if (h == NONE) {
        return ST_LIMIT;
    }
    struct lot *lot = &o->lots[h];
    lot->halted = true;
    copy_name(lot->reason, sizeof lot->reason, rec->reason);
    return ST_OK;
}

/* An order that a previous session may have sent: to be settled before anything is traded. */
static enum status restore(struct orders *o, const struct journal_record *rec)
{
    char ticker[TICKER_MAX] = {0}; /* copied whole: what is behind the NUL goes into records */
    char client_id[CLIENT_ID_MAX] = {0};
    char order_id[ORDER_ID_MAX] = {0};
    if (!text_copy(ticker, sizeof ticker,
                   (struct text){rec->ticker, strnlen(rec->ticker, TICKER_MAX)}) ||
        !text_copy(client_id, sizeof client_id,
                   (struct text){rec->client_id, strnlen(rec->client_id, CLIENT_ID_MAX)}) ||
        !text_copy(order_id, sizeof order_id,
                   (struct text){rec->order_id, strnlen(rec->order_id, ORDER_ID_MAX)}) ||
        client_id[0] == 0 || rec->qty <= 0 || rec->yes_px <= 0 || rec->yes_px >= PX_ONE) {
        return ST_INVALID;
    }
    uint32_t h = lot_of(o, ticker);
    uint32_t slot = h != NONE ? order_slot_new(o, h) : NONE;
    if (slot == NONE) {
        return ST_LIMIT;
    }
    struct order *ord = &o->slots[slot];
    ord->outcome = rec->outcome == SIDE_YES ? SIDE_YES : SIDE_NO;
    ord->is_buy = rec->is_buy != 0;
    ord->restored = true;
    ord->yes_px = rec->yes_px;
    ord->qty = rec->qty;
    ord->placed_wall = rec->wall; /* placed_mono 0: old enough for any age limit */
    memcpy(ord->client_id, client_id, sizeof client_id);
    if (idtab_put(&o->by_client, client_id, slot) != ST_OK) {
        return ST_LIMIT;
    }
    if (order_id[0] != 0) {
        memcpy(ord->order_id, order_id, sizeof order_id);
        if (idtab_put(&o->by_order, order_id, slot) != ST_OK) {
            return ST_LIMIT;
        }
    }
    return ST_OK;
}

enum status orders_create(const struct orders_config *config, const struct orders_sinks *sinks,
                          struct orders **ret_orders)
{
    if (!config_ok(config)) {
        return ST_INVALID;
    }
    struct orders *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return ST_NOMEM;
    }
    o->config = *config;
    o->config.unsettled = NULL;
    o->config.earlier = NULL;
    o->n_earlier = config->n_earlier;
    if (config->n_earlier > 0) {
        memcpy(o->earlier, config->earlier, config->n_earlier * sizeof o->earlier[0]);
    }
    o->sinks = *sinks;
    budget_init(&o->budget, config->write_rate, config->write_capacity);
    enum status st = tables_create(o);
    for (uint32_t i = 0; st == ST_OK && i < config->n_unsettled; i++) {
        const struct journal_record *rec = &config->unsettled[i];
        st = rec->type == JOURNAL_HALT ? restore_halt(o, rec) : restore(o, rec);
    }
    if (st != ST_OK) {
        orders_destroy(o);
        return st;
    }
    if (config->from_config) {
        account_set_cash(&o->account, config->cash_start);
        o->start.stage = START_DONE;
    }
    *ret_orders = o;
    return ST_OK;
}

void orders_destroy(struct orders *o)
{
    if (o == NULL) {
        return;
    }
    account_finish(&o->account);
    idtab_finish(&o->by_client);
    idtab_finish(&o->by_order);
    idtab_finish(&o->trades);
    timers_finish(&o->timers);
    rate_finish(&o->fills_rate);
    rate_finish(&o->orders_rate);
    free(o->lots);
    free(o->mkt_lot);
    free(o->slots);
    free(o->free);
    free(o->done);
    free(o->live);
    free(o->trade_ids);
    free(o->trade_wall);
    free(o->reqs);
    free(o->req_free);
    free(o);
}

size_t orders_memory(const struct orders *o)
{
    const struct orders_config *c = &o->config;
    size_t slots = (size_t)c->orders_max * (sizeof *o->slots + 4 * sizeof(uint32_t) + 2 * 4 * 88);
    size_t trades = (size_t)c->trades_max * (ORDER_ID_MAX + sizeof(wall_ns_t) + 4 * 88);
    size_t lots = (size_t)o->account.cap *
                  (sizeof *o->lots + sizeof(struct holding) + 5 * sizeof(uint32_t) + 4 * 88);
    return sizeof *o + slots + trades + lots + o->reqs_max * (sizeof *o->reqs + sizeof(uint32_t));
}

void order_client_id(uint64_t session_id, uint64_t number, char ret[CLIENT_ID_MAX])
{
    snprintf(ret, CLIENT_ID_MAX, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(session_id >> 32),
             (unsigned)(session_id >> 16 & 0xffff), (unsigned)(session_id & 0xffff),
             (unsigned)(number >> 48), (unsigned long long)(number & 0xffffffffffff));
}

bool order_session_of(const char client_id[CLIENT_ID_MAX], uint64_t *ret_session_id)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    uint64_t id = 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        char c = client_id[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (shape[i] == '-' ? c != '-' : !digit) {
            return false;
        }
        if (digit && i < sizeof "xxxxxxxx-xxxx-xxxx" - 1) {
            id = id << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
    }
    *ret_session_id = id;
    return client_id[sizeof shape - 1] == '\0';
}

/* --- looking --- */

uint32_t orders_holding(const struct orders *o, uint32_t mkt)
{
    return mkt < o->config.markets_max ? o->mkt_lot[mkt] : NONE;
}

static void view_of(const struct orders *o, const struct order *ord, struct order_view *ret)
{
    *ret = (struct order_view){
        .number = ord->number,
        .state = ord->state,
        .outcome = ord->outcome,
        .is_buy = ord->is_buy,
        .yes_px = ord->yes_px,
        .qty = ord->qty,
        .filled = ord->filled,
        .reserved = ord->reserved,
        .placed = ord->placed_wall,
        .ticker = o->account.holdings[ord->h].ticker,
        .client_id = ord->client_id,
        .order_id = ord->order_id,
    };
}

uint32_t orders_open_of(const struct orders *o, uint32_t mkt, struct order_view *ret, uint32_t cap)
{
    uint32_t h = orders_holding(o, mkt);
    uint32_t n = 0;
    for (uint32_t i = h != NONE ? o->lots[h].first : NONE; i != NONE && n < cap;
         i = o->slots[i].next) {
        if (order_state_open(o->slots[i].state)) {
            view_of(o, &o->slots[i], &ret[n++]);
        }
    }
    return n;
}

bool orders_find(const struct orders *o, uint64_t number, struct order_view *ret)
{
    for (uint32_t i = 0; i < o->config.orders_max; i++) {
        if (o->slots[i].number == number && number != 0) {
            view_of(o, &o->slots[i], ret);
            return true;
        }
    }
    return false;
}

const struct account *orders_account(const struct orders *o)
{
    return &o->account;
}

const struct orders_stats *orders_stats(const struct orders *o)
{
    return &o->stats;
}

const struct risk_stats *orders_risk_stats(const struct orders *o)
{
    return &o->risk;
}

uint32_t orders_foreign(const struct orders *o, usd_t *ret_cost)
{
    *ret_cost = o->foreign_cost;
    return o->foreign_open;
}

bool orders_pv_exchange(const struct orders *o, usd_t *ret_pv)
{
    *ret_pv = o->pv_exchange;
    return o->pv_exchange_known;
}

uint32_t orders_open(const struct orders *o)
{
    return o->n_open;
}

uint64_t orders_version(const struct orders *o)
{
    return o->version;
}

bool orders_ready(const struct orders *o)
{
    return o->start.stage == START_DONE;
}

bool orders_idle(const struct orders *o)
{
    if (o->lots_busy != 0 || o->cash_reading || (o->start.begun && o->start.stage != START_DONE)) {
        return false;
    }
    for (uint32_t i = 0; i < o->n_live; i++) {
        const struct order *ord = &o->slots[o->live[i]];
        bool rests = ord->state == ORDER_RESTING || ord->state == ORDER_PART;
        if (!rests || ord->create_due || ord->cancel_wanted || order_owed(ord)) {
            return false;
        }
    }
    return true;
}
