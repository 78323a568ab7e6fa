/*
 * slots.c - orders in their slots: transitions, records, journal.
 *
 * An order has a slot. It is live while it is open or the exchange owes us fills that it reported;
 * then it is settled, and its slot is the oldest to be used again when the free ones are gone, so
 * that late messages still find it.
 */
#include "orders/orders.h"

#include <string.h>

#include "base/ensure.h"
#include "orders/orders_int.h"

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
