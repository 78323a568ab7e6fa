/*
 * orders.c - the order manager's tables: slots, lots, transitions, reserved cash, records.
 *
 * An order has a slot. It is live while it is open or the exchange owes us fills that it reported;
 * then it is settled, and its slot is the oldest to be used again when the free ones are gone, so
 * that late messages still find it. A lot is what orders keep of a market; it has the index of the
 * account's holding.
 */
#include "orders/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ensure.h"
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
           c->n_unsettled <= c->orders_max / 2;
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

static void copy_name(char *dst, size_t cap, const char *src)
{
    size_t n = strnlen(src, cap - 1);
    memcpy(dst, src, n);
    dst[n] = 0;
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

/* --- lots --- */

uint32_t lot_of(struct orders *o, const char *ticker)
{
    uint32_t h = account_holding(&o->account, ticker);
    return h != UINT32_MAX ? h : NONE;
}

static void fee_set(struct lot *lot, const struct ev_market *m, mono_ns_t now)
{
    struct fee_rule rule = {(enum fee_type)m->fee_type, m->fee_mult_micros};
    if (rule.type != lot->fee.type || rule.mult_micros != lot->fee.mult_micros) {
        lot->fee_before = lot->fee.mult_micros != 0 ? lot->fee : rule;
        lot->fee = rule;
        lot->fee_changed = now;
    }
    lot->waived = m->waived;
}

enum status orders_market(struct orders *o, uint32_t mkt, const struct ev_market *m)
{
    if (mkt >= o->config.markets_max) {
        return ST_LIMIT;
    }
    uint32_t h = lot_of(o, m->ticker);
    if (h == NONE) {
        return ST_LIMIT;
    }
    struct lot *lot = &o->lots[h];
    bool changed = o->mkt_lot[mkt] != NONE && lot->status != m->status;
    o->mkt_lot[mkt] = h;
    o->account.holdings[h].mkt = mkt;
    lot->status = m->status;
    lot_result(o, h, m);
    fee_set(lot, m, o->mono);
    group_of_market(o, h, m->exchange_index);
    if (changed) {
        /* Opening again, closing and settling cancel what rests, and some of it without a word. */
        for (uint32_t i = lot->first; i != NONE; i = o->slots[i].next) {
            o->slots[i].read_now = true;
            order_plan(o, i);
        }
        if (o->account.holdings[h].position != 0) {
            lot_want_position(o, h, o->config.position_read_delay);
        }
    }
    return ST_OK;
}

/* Orders that the market has left behind are cancelled. */
static void watch_distance(struct orders *o, uint32_t h, const struct book *book)
{
    uint32_t next = NONE;
    for (uint32_t i = o->lots[h].first; i != NONE; i = next) {
        struct order *ord = &o->slots[i];
        next = ord->next;
        px_t best = book_best(book, ord->outcome);
        px_t own = ord->outcome == SIDE_YES ? ord->yes_px : PX_ONE - ord->yes_px;
        if (order_state_open(ord->state) && !ord->cancel_wanted &&
            best - own > o->config.distance_max) {
            o->stats.strayed++;
            ord->cancel_wanted = true;
            order_plan(o, i);
        }
    }
}

/* Without bids for what is held there is no mid and the last one stays; but it is worth no more
 * than what it is offered at. How much less that is. */
static usd_t over_offer(const struct holding *p)
{
    usd_t most = p->value_mid;
    if (p->position > 0 && p->yes_bid == 0 && p->no_bid != 0) {
        most = usd_of(PX_ONE - p->no_bid, p->position);
    } else if (p->position < 0 && p->no_bid == 0 && p->yes_bid != 0) {
        most = usd_of(PX_ONE - p->yes_bid, -p->position);
    }
    return p->mid2 != 0 && most < p->value_mid ? p->value_mid - most : 0;
}

void orders_book(struct orders *o, uint32_t mkt, const struct book *book)
{
    uint32_t h = o->mkt_lot[mkt];
    if (h == NONE) {
        return;
    }
    const struct holding *p = &o->account.holdings[h];
    bool first = p->position != 0 && p->mid2 == 0;
    usd_t before = account_pv_mid(&o->account);
    account_mark(&o->account, h, book_best(book, SIDE_YES), book_best(book, SIDE_NO));
    if (first && p->mid2 != 0) { /* until now it stood there at its cost */
        worth_shift(&o->worth, account_pv_mid(&o->account) - before);
    }
    if (o->no_bids || over_offer(p) != 0) {
        o->no_bids = true;
        o->worth_version = 0; /* the account itself does not change with the offer */
    }
    if (p->position != 0) {
        watch_worth(o);
    }
    if (o->config.distance_max != 0) {
        watch_distance(o, h, book);
    }
}

/* Only looked for while there is such a market. */
static usd_t all_over_offer(struct orders *o)
{
    usd_t sum = 0;
    for (uint32_t i = 0; o->no_bids && i < o->account.n_held; i++) {
        sum += over_offer(&o->account.holdings[o->account.held[i]]);
    }
    o->no_bids = sum != 0;
    return sum;
}

void watch_worth(struct orders *o)
{
    if (!orders_ready(o) || o->worth_version == o->account.version + 1) {
        return;
    }
    o->worth_version = o->account.version + 1;
    worth_set(&o->worth, account_pv_mid(&o->account) - all_over_offer(o), o->wall);
    const struct risk_limits *l = &o->config.limits;
    const char *why = worth_loss(&o->worth) > l->loss_max           ? "loss limit"
                      : worth_loss_day(&o->worth) > l->loss_day_max ? "loss limit of the day"
                      : worth_drawdown(&o->worth) > l->drawdown_max ? "drawdown limit"
                                                                    : NULL;
    if (why != NULL && !o->halted) {
        orders_halt(o, why, false);
    }
}

void orders_trade(struct orders *o, uint32_t mkt, px_t yes_px)
{
    uint32_t h = orders_holding(o, mkt);
    if (h != NONE && yes_px > 0 && yes_px < PX_ONE) {
        o->lots[h].trades[o->lots[h].n_trades++ % TRADES_SEEN] = yes_px;
    }
}

uint32_t orders_holding(const struct orders *o, uint32_t mkt)
{
    return mkt < o->config.markets_max ? o->mkt_lot[mkt] : NONE;
}

/*
 * Cash that qty more would need at its limit: what opens is paid, what closes the other outcome is
 * not, and brings money that its fee may come from. *closeable: how much of the other outcome is
 * still free to be closed; lowered by what this order takes of it.
 */
static usd_t reserve_of(const struct orders *o, uint32_t h, enum side outcome, px_t yes_px,
                        qty_t qty, qty_t *closeable)
{
    if (qty <= 0) {
        return 0;
    }
    px_t own = outcome == SIDE_YES ? yes_px : PX_ONE - yes_px;
    qty_t close = qty < *closeable ? qty : *closeable;
    *closeable -= close;
    usd_t fee = fee_worst(&o->lots[h].fee, yes_px, qty) - usd_of(PX_ONE - own, close);
    return usd_of(own, qty - close) + (fee > 0 ? fee : 0);
}

qty_t order_total(const struct order *ord)
{
    return ord->amend_px != 0 && ord->amend_qty > ord->qty ? ord->amend_qty : ord->qty;
}

/* The dearer of old and new terms while an amend is not settled. */
static px_t dearest(const struct order *ord)
{
    if (ord->amend_px == 0) {
        return ord->yes_px;
    }
    bool higher = ord->amend_px > ord->yes_px;
    return higher == (ord->outcome == SIDE_YES) ? ord->amend_px : ord->yes_px;
}

static qty_t rest_of(const struct order *ord)
{
    qty_t all = order_state_open(ord->state) ? order_total(ord) : ord->claimed;
    return all > ord->filled ? all - ord->filled : 0;
}

static qty_t held_against(const struct holding *p, enum side outcome)
{
    qty_t other = outcome == SIDE_YES ? -p->position : p->position;
    return other > 0 ? other : 0;
}

usd_t lot_reserve(const struct orders *o, uint32_t h, enum side outcome, px_t yes_px, qty_t qty,
                  uint32_t except, qty_t *ret_same_side)
{
    qty_t closeable = held_against(&o->account.holdings[h], outcome);
    qty_t same = 0;
    for (uint32_t i = o->lots[h].first; i != NONE; i = o->slots[i].next) {
        const struct order *ord = &o->slots[i];
        if (i != except && ord->outcome == outcome) {
            same += rest_of(ord);
        }
    }
    closeable = closeable > same ? closeable - same : 0;
    *ret_same_side = same;
    return reserve_of(o, h, outcome, yes_px, qty, &closeable);
}

/* Reserve anew for every live order of the market: older ones close first. */
void lot_refresh(struct orders *o, uint32_t h)
{
    const struct holding *p = &o->account.holdings[h];
    qty_t closeable[2] = {held_against(p, SIDE_YES), held_against(p, SIDE_NO)};
    usd_t delta = 0;
    for (uint32_t i = o->lots[h].first; i != NONE; i = o->slots[i].next) {
        struct order *ord = &o->slots[i];
        usd_t now =
            reserve_of(o, h, ord->outcome, dearest(ord), rest_of(ord), &closeable[ord->outcome]);
        delta += now - ord->reserved;
        ord->reserved = now;
    }
    account_set_reserved(&o->account, o->account.cash_reserved + delta);
}

/* --- slots --- */

static void slot_forget(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    (void)idtab_remove(&o->by_client, ord->client_id);
    if (ord->order_id[0] != 0) {
        (void)idtab_remove(&o->by_order, ord->order_id);
    }
    *ord = (struct order){0};
    o->free[o->n_free++] = slot;
}

static void list_append(struct orders *o, struct lot *lot, uint32_t slot)
{
    uint32_t *at = &lot->first;
    while (*at != NONE) {
        at = &o->slots[*at].next;
    }
    *at = slot;
    o->slots[slot].next = NONE;
    lot->n_live++;
    o->slots[slot].live = o->n_live;
    o->live[o->n_live++] = slot;
}

static void list_remove(struct orders *o, struct lot *lot, uint32_t slot)
{
    uint32_t *at = &lot->first;
    while (*at != slot) {
        ensure(*at != NONE);
        at = &o->slots[*at].next;
    }
    *at = o->slots[slot].next;
    lot->n_live--;
    uint32_t last = o->live[--o->n_live];
    o->live[o->slots[slot].live] = last;
    o->slots[last].live = o->slots[slot].live;
}

uint32_t order_slot_new(struct orders *o, uint32_t h)
{
    if (o->n_free == 0 && o->n_done > 0) {
        uint32_t oldest = o->done[o->done_head];
        o->done_head = (o->done_head + 1) % o->config.orders_max;
        o->n_done--;
        slot_forget(o, oldest);
    }
    if (o->n_free == 0) {
        return NONE;
    }
    uint32_t slot = o->free[--o->n_free];
    struct order *ord = &o->slots[slot];
    *ord = (struct order){.number = ++o->numbers, .h = h, .state = ORDER_INTENDED};
    list_append(o, &o->lots[h], slot);
    o->n_open++;
    return slot;
}

void order_settle(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    if (ord->settled || order_state_open(ord->state) || order_owed(ord) || ord->create_due ||
        ord->cancel_due || ord->amend_due || ord->reading) {
        return;
    }
    list_remove(o, &o->lots[ord->h], slot);
    account_set_reserved(&o->account, o->account.cash_reserved - ord->reserved);
    ord->reserved = 0;
    ord->settled = true;
    timers_clear(&o->timers, slot);
    if (journal_order(o, ord, JOURNAL_DONE) != ST_OK) {
        o->stats.journal_failures++; /* the next start reads the order once more: no harm */
    }
    ensure(o->n_done < o->config.orders_max);
    o->done[(o->done_head + o->n_done) % o->config.orders_max] = slot;
    o->n_done++;
    uint32_t mkt = o->account.holdings[ord->h].mkt;
    if (mkt != MKT_NONE && o->sinks.ask_again != NULL) {
        o->sinks.ask_again(o->sinks.self, mkt);
    }
}

/* A settled order about which there is news after all. */
static void order_wake(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    for (uint32_t i = 0; i < o->n_done; i++) {
        uint32_t at = (o->done_head + i) % o->config.orders_max;
        if (o->done[at] != slot) {
            continue;
        }
        for (; i + 1 < o->n_done; i++) {
            uint32_t next = (at + 1) % o->config.orders_max;
            o->done[at] = o->done[next];
            at = next;
        }
        o->n_done--;
        break;
    }
    ord->settled = false;
    list_append(o, &o->lots[ord->h], slot);
}

/* --- records --- */

static void record(const struct orders *o, struct rec *rec, uint32_t size, enum rec_type type,
                   uint32_t mkt)
{
    rec->size = size;
    rec->type = (uint16_t)type;
    rec->mkt = mkt;
    rec->wall = o->wall;
    if (o->sinks.record != NULL) {
        o->sinks.record(o->sinks.self, rec);
    }
}

static void record_order(const struct orders *o, const struct order *ord, enum order_state from,
                         enum order_event event, const char *reason)
{
    struct rec_order r = {
        .number = ord->number,
        .from_state = from,
        .to_state = ord->state,
        .event = event,
        .outcome = ord->outcome,
        .is_buy = ord->is_buy,
        .yes_px = ord->yes_px,
        .qty = ord->qty,
        .filled = ord->filled,
        .reserved = ord->reserved,
    };
    const struct holding *p = &o->account.holdings[ord->h];
    memcpy(r.ticker, p->ticker, sizeof r.ticker);
    memcpy(r.client_id, ord->client_id, sizeof r.client_id);
    memcpy(r.order_id, ord->order_id, sizeof r.order_id);
    copy_name(r.reason, sizeof r.reason, reason);
    copy_name(r.from_name, sizeof r.from_name, order_state_name(from));
    copy_name(r.to_name, sizeof r.to_name, order_state_name(ord->state));
    copy_name(r.event_name, sizeof r.event_name, order_event_name(event));
    record(o, &r.h, sizeof r, REC_ORDER, p->mkt);
}

void record_account(struct orders *o, uint32_t h)
{
    const struct holding *p = &o->account.holdings[h];
    struct rec_account r = {
        .position = p->position,
        .cost = p->cost,
        .realized = p->realized,
        .fees = p->fees,
        .cash_total = o->account.cash_total,
        .cash_reserved = o->account.cash_reserved,
        .pv_mid = account_pv_mid(&o->account),
        .pv_exit = account_pv_exit(&o->account),
    };
    memcpy(r.ticker, p->ticker, sizeof r.ticker);
    record(o, &r.h, sizeof r, REC_POSITION, p->mkt);
}

enum status journal_order(struct orders *o, const struct order *ord, enum journal_type type)
{
    if (o->sinks.journal.append == NULL) {
        return ST_OK;
    }
    struct journal_record r = {
        .type = (uint16_t)type,
        .wall = o->wall,
        .number = ord->number,
        .outcome = ord->outcome,
        .is_buy = ord->is_buy,
        .yes_px = type == JOURNAL_AMEND ? ord->amend_px : ord->yes_px,
        .qty = type == JOURNAL_AMEND ? ord->amend_qty : ord->qty,
        .reserved = ord->reserved,
    };
    memcpy(r.ticker, o->account.holdings[ord->h].ticker, sizeof r.ticker);
    memcpy(r.order_id, ord->order_id, sizeof r.order_id);
    memcpy(r.client_id, ord->client_id, sizeof r.client_id);
    return o->sinks.journal.append(o->sinks.journal.self, &r);
}

void say_outcome(struct orders *o, uint32_t h, bool ok)
{
    uint32_t mkt = o->account.holdings[h].mkt;
    if (mkt != MKT_NONE && o->sinks.outcome != NULL) {
        o->sinks.outcome(o->sinks.self, mkt, ok);
    }
}

/* --- transitions --- */

void order_learn_id(struct orders *o, uint32_t slot, const char *order_id)
{
    struct order *ord = &o->slots[slot];
    if (order_id[0] == 0 || ord->order_id[0] != 0) {
        return;
    }
    copy_name(ord->order_id, sizeof ord->order_id, order_id);
    if (idtab_put(&o->by_order, ord->order_id, slot) != ST_OK) {
        ord->order_id[0] = 0; /* an id that cannot be: the order is still found by its client id */
        o->stats.table_errors++;
        return;
    }
    if (journal_order(o, ord, JOURNAL_ACK) != ST_OK) {
        o->stats.journal_failures++; /* the next start finds it by its client id */
    }
    fill_strays(o, slot);
}

void order_event(struct orders *o, uint32_t slot, enum order_event event, const char *reason)
{
    struct order *ord = &o->slots[slot];
    enum order_state from = ord->state;
    enum order_state to = from;
    if (order_next(from, event, &to) != ST_OK) {
        o->stats.table_errors++;
        record_order(o, ord, from, event, "not possible in this state");
        say_outcome(o, ord->h, false);
        return;
    }
    if (from == ORDER_REJECTED && to != ORDER_REJECTED) {
        o->stats.revived++;
        say_outcome(o, ord->h, false);
    }
    ord->state = to;
    if (!order_state_open(to) && !ord->amend_due) {
        ord->amend_px = 0;
    }
    if (order_state_open(from) != order_state_open(to)) {
        o->n_open += order_state_open(to) ? 1U : UINT32_MAX;
    }
    if (ord->settled && (order_state_open(to) || order_owed(ord))) {
        order_wake(o, slot);
    }
    if (from == ORDER_UNKNOWN && to != ORDER_UNKNOWN) {
        *(to == ORDER_REJECTED ? &o->stats.resolved_absent : &o->stats.resolved_found) += 1;
    }
    if (from != to) {
        ord->tries = 0;
        o->version++;
    }
    lot_refresh(o, ord->h);
    if (from != to || event == OE_FILL_PART || event == OE_FILL_ALL || event == OE_AMEND_OK ||
        event == OE_AMEND_OK_PART) {
        record_order(o, ord, from, event, reason);
    }
    order_settle(o, slot);
}

/* --- looking --- */

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
