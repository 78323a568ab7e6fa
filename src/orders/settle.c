/*
 * settle.c - requests, and for each order what has to be asked next, and when.
 *
 * One timer and at most one read an order. In order of importance:
 *   older than it may be                  -> a cancel is wanted
 *   cancel wanted, and it rests           -> cancel at once (again after a back-off)
 *   unknown, or a cancel that is unclear  -> read the order, with back-off
 *   fills reported and not seen           -> read its fills, 100 ms later, then with back-off
 *   rests, and no news                    -> read it every `sweep`
 * Cancels and reads may be repeated; a create and an amend never are.
 */
#include <string.h>

#include "orders/orders_int.h"

uint64_t request(struct orders *o, struct gw_request *req, enum purpose purpose, uint32_t index)
{
    if (o->n_req_free == 0 || o->sinks.gateway.submit == NULL) {
        return 0;
    }
    uint32_t slot = o->req_free[o->n_req_free - 1];
    req->size = sizeof *req;
    req->req_id = ++o->req_count << 16 | slot;
    if (req->born_mono == 0) {
        req->born_mono = o->mono;
    }
    if (o->sinks.gateway.submit(o->sinks.gateway.self, req) != ST_OK) {
        return 0;
    }
    o->n_req_free--;
    o->reqs[slot] = (struct req){.id = req->req_id, .purpose = purpose, .index = index};
    return req->req_id;
}

mono_ns_t back_off(const struct orders *o, uint32_t tries)
{
    mono_ns_t d = o->config.back_off_min;
    while (tries-- > 0 && d < o->config.back_off_max) {
        d *= 2;
    }
    return d < o->config.back_off_max ? d : o->config.back_off_max;
}

/* Fills before this second are in the account since the start, or may have been forgotten. */
int64_t fills_since_s(const struct orders *o)
{
    wall_ns_t from = o->start.wall - (o->config.from_config ? 0 : 1800 * NS_PER_SEC);
    int64_t s = from / NS_PER_SEC;
    int64_t floor = o->trade_floor / NS_PER_SEC + 1;
    return o->trade_floor != 0 && floor > s ? floor : s;
}

static bool rests(const struct order *ord)
{
    return ord->state == ORDER_RESTING || ord->state == ORDER_PART;
}

/* A cancel may go out: it rests, or an amend is under way, whichever terms hold. */
static bool may_cancel(const struct order *ord)
{
    return rests(ord) || ord->state == ORDER_AMEND_SENT;
}

static bool needs_read(const struct order *ord)
{
    return ord->state == ORDER_UNKNOWN || ord->read_now ||
           (ord->state == ORDER_CANCEL_SENT && !ord->cancel_due);
}

static void send_cancel(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    const struct holding *p = &o->account.holdings[ord->h];
    struct gw_request req = {.op = GW_CANCEL, .order_number = ord->number, .mkt = p->mkt};
    memcpy(req.ticker, p->ticker, sizeof req.ticker);
    memcpy(req.order_id, ord->order_id, sizeof req.order_id);
    if (request(o, &req, FOR_CANCEL, slot) == 0) {
        o->stats.gateway_full++;
        ord->cancel_after = o->mono + back_off(o, ord->tries++);
        say_outcome(o, ord->h, false);
        return;
    }
    budget_spend(&o->budget, BUDGET_CANCEL, o->mono);
    ord->cancel_due = true;
    o->stats.cancels++;
    order_event(o, slot, OE_CANCEL_SENT, "");
}

bool send_amend(struct orders *o, uint32_t slot, px_t yes_px, qty_t total)
{
    struct order *ord = &o->slots[slot];
    const struct holding *p = &o->account.holdings[ord->h];
    struct gw_request req = {
        .op = GW_AMEND,
        .order_number = ord->number,
        .mkt = p->mkt,
        .outcome = ord->outcome,
        .yes_px = yes_px,
        .qty = total,
    };
    memcpy(req.ticker, p->ticker, sizeof req.ticker);
    memcpy(req.order_id, ord->order_id, sizeof req.order_id);
    memcpy(req.client_id, ord->client_id, sizeof req.client_id);
    ord->amend_px = yes_px;
    ord->amend_qty = total;
    bool journalled = journal_order(o, ord, JOURNAL_AMEND) == ST_OK;
    if (!journalled || request(o, &req, FOR_AMEND, slot) == 0) {
        o->stats.journal_failures += !journalled;
        o->stats.gateway_full += journalled;
        ord->amend_px = 0;
        return false;
    }
    budget_spend(&o->budget, BUDGET_CREATE, o->mono);
    rate_add(&o->orders_rate, o->mono);
    ord->amend_due = true;
    ord->amended = true;
    o->stats.amends++;
    order_event(o, slot, OE_AMEND_SENT, "");
    return true;
}

/* From when on rows about an order have to be listed, clocks that disagree included. */
static int64_t listed_since_s(const struct orders *o, const struct order *ord)
{
    int64_t s = ord->placed_wall / NS_PER_SEC - o->config.clock_window_ms / 1000 - 60;
    return s > 0 ? s : 0;
}

static void send_read(struct orders *o, uint32_t slot, bool fills)
{
    struct order *ord = &o->slots[slot];
    const struct holding *p = &o->account.holdings[ord->h];
    struct gw_request req = {.order_number = ord->number, .mkt = p->mkt};
    enum purpose purpose = FOR_ORDER_LIST;
    memcpy(req.ticker, p->ticker, sizeof req.ticker);
    if (fills) {
        purpose = FOR_ORDER_FILLS;
        req.op = GW_LIST_FILLS;
        memcpy(req.order_id, ord->order_id, sizeof req.order_id);
        req.min_ts_s = listed_since_s(o, ord);
        o->stats.fills_reads++;
    } else if (ord->order_id[0] != 0 && ord->tries % 2 == 0) {
        purpose = FOR_ORDER;
        req.op = GW_GET_ORDER;
        memcpy(req.order_id, ord->order_id, sizeof req.order_id);
        o->stats.order_reads++;
    } else {
        req.op = GW_LIST_ORDERS;
        req.flags = GW_WITH_AS_OF;
        req.min_ts_s = listed_since_s(o, ord);
        o->stats.order_reads++;
    }
    if (request(o, &req, purpose, slot) != 0) {
        ord->reading = true;
    } else {
        o->stats.gateway_full++;
        ord->tries++;
    }
}

void order_plan(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    order_settle(o, slot);
    if (ord->settled) {
        return;
    }
    bool cancel =
        ord->cancel_wanted && may_cancel(ord) && ord->order_id[0] != 0 && !ord->cancel_due;
    if (cancel && o->mono >= ord->cancel_after) {
        send_cancel(o, slot);
        cancel = ord->cancel_wanted && may_cancel(ord) && !ord->cancel_due;
    }
    mono_ns_t due = NS_NEVER;
    bool urgent = true;
    if (cancel) {
        due = ord->cancel_after;
    }
    if (!ord->reading) {
        if (needs_read(ord)) {
            mono_ns_t at = o->mono + back_off(o, ord->tries);
            due = at < due ? at : due;
        } else if (order_owed(ord) && ord->order_id[0] != 0) {
            mono_ns_t at = o->mono + (ord->tries == 0 ? o->config.position_read_delay
                                                      : back_off(o, ord->tries));
            due = at < due ? at : due;
        } else if (rests(ord) && due == NS_NEVER) {
            due = o->mono + o->config.sweep;
            urgent = false;
        }
    }
    if (o->config.age_max != 0 && !ord->cancel_wanted && order_state_open(ord->state)) {
        mono_ns_t old = ord->placed_mono + o->config.age_max;
        urgent = urgent || old < due;
        due = old < due ? old : due;
    }
    if (due == NS_NEVER) {
        timers_clear(&o->timers, slot);
    } else if (!urgent || !timers_is_set(&o->timers, slot) || due < o->timers.due[slot]) {
        timers_set(&o->timers, slot, due);
    }
}

void order_due(struct orders *o, uint32_t slot)
{
    struct order *ord = &o->slots[slot];
    if (ord->number == 0 || ord->settled) {
        return;
    }
    if (o->config.age_max != 0 && !ord->cancel_wanted && order_state_open(ord->state) &&
        o->mono - ord->placed_mono >= o->config.age_max) {
        ord->cancel_wanted = true;
        o->stats.aged++;
        order_plan(o, slot);
        return;
    }
    bool cancel = ord->cancel_wanted && may_cancel(ord) && !ord->cancel_due;
    if (!ord->reading && !cancel) {
        if (needs_read(ord) || (order_owed(ord) && ord->tries >= OWED_TRIES_MAX)) {
            send_read(o, slot, false);
        } else if (order_owed(ord)) {
            send_read(o, slot, true);
        } else if (rests(ord)) {
            send_read(o, slot, false);
        }
    }
    order_plan(o, slot);
}

void orders_turn(struct orders *o, mono_ns_t mono, wall_ns_t wall)
{
    o->mono = mono;
    o->wall = wall;
    if (!o->start.begun) {
        start_begin(o);
    }
}

void orders_timers(struct orders *o)
{
    for (;;) {
        uint32_t id = timers_take(&o->timers, o->mono);
        if (id == TIMER_NONE) {
            return;
        }
        if (id < o->config.orders_max) {
            order_due(o, id);
        } else if (id < timer_start(o)) {
            lot_due(o, id - o->config.orders_max);
        } else if (id == timer_start(o)) {
            start_due(o);
        } else if (id == timer_cash(o)) {
            cash_due(o);
        } else if (id == timer_groups(o)) {
            groups_due(o);
        } else {
            sweep_due(o);
        }
    }
}

mono_ns_t orders_deadline(const struct orders *o)
{
    return timers_next(&o->timers);
}
