/*
 * audit_orders.c - steps of orders against the transition table, and fills against orders and
 * against what the exchange told.
 *
 * An order of an earlier session begins with `restored`; some of its fills were counted before this
 * session began to record them, so their sum may be smaller than its filled count. A fill that was
 * heard of before its order's id has no order number; it belongs to the order by its id.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit_int.h"

static struct text number_key(const uint64_t *number)
{
    return (struct text){(const char *)number, sizeof *number};
}

struct audit_order_row *audit_order_of(struct audit *a, uint64_t number)
{
    uint32_t i = idmap_get(&a->by_number, number_key(&number));
    return i != IDMAP_NONE ? &a->orders[i] : NULL;
}

/* --- steps --- */

static enum status order_new(struct audit *a, const struct rec_order *r,
                             struct audit_order_row **ret)
{
    if (!audit_room(&a->orders, a->n_orders, &a->cap_orders, sizeof *a->orders) ||
        idmap_put(&a->by_number, number_key(&r->number), (uint32_t)a->n_orders) != ST_OK) {
        return ST_NOMEM;
    }
    struct audit_order_row *o = &a->orders[a->n_orders++];
    *o = (struct audit_order_row){
        .number = r->number, .state = ORDER_INTENDED, .restored = r->event == OE_RESTORED};
    a->order_max = r->number > a->order_max ? r->number : a->order_max;
    a->counts.orders++;
    *ret = o;
    return ST_OK;
}

static bool named(const char *text, size_t cap, const char *name)
{
    return text_equal(audit_text(text, cap), text_of(name));
}

static void step_judge(struct audit *a, const struct audit_order_row *o, const struct rec_order *r,
                       const char *place)
{
    enum order_state to = ORDER_STATE_MAX;
    if (r->from_state >= ORDER_STATE_MAX || r->to_state >= ORDER_STATE_MAX ||
        r->event >= ORDER_EVENT_MAX) {
        audit_found(a, AUDIT_ORDER_STEP, place, "state %u, event %u, state %u: no such thing",
                    r->from_state, r->event, r->to_state);
        return;
    }
    const char *from_name = order_state_name((enum order_state)r->from_state);
    const char *event_name = order_event_name((enum order_event)r->event);
    const char *to_name = order_state_name((enum order_state)r->to_state);
    if (r->from_state != o->state) {
        audit_found(a, AUDIT_ORDER_STEP, place, "it leaves state %s, but the order was %s",
                    from_name, order_state_name((enum order_state)o->state));
    } else if (order_next((enum order_state)r->from_state, (enum order_event)r->event, &to) !=
               ST_OK) {
        audit_found(a, AUDIT_ORDER_STEP, place, "event %s is not possible in state %s", event_name,
                    from_name);
    } else if (to != (enum order_state)r->to_state) {
        audit_found(a, AUDIT_ORDER_STEP, place, "%s and %s lead to %s, not to %s", from_name,
                    event_name, order_state_name(to), to_name);
    } else if (!named(r->from_name, sizeof r->from_name, from_name) ||
               !named(r->event_name, sizeof r->event_name, event_name) ||
               !named(r->to_name, sizeof r->to_name, to_name)) {
        audit_found(a, AUDIT_ORDER_STEP, place, "its names are not those of its numbers");
    }
}

enum status audit_order_step(struct audit *a, const struct rec_order *r)
{
    char place[AUDIT_PLACE];
    a->counts.order_steps++;
    snprintf(place, sizeof place, "order %" PRIu64 ", step %.24s -> %.24s", r->number, r->from_name,
             r->to_name);
    struct audit_order_row *o = audit_order_of(a, r->number);
    if (o == NULL) {
        enum status st = order_new(a, r, &o);
        if (st != ST_OK) {
            return st;
        }
    }
    step_judge(a, o, r, place);
    if (r->filled < o->filled) {
        audit_found(a, AUDIT_ORDER_FILLS, place, "its filled count falls");
    }
    if (r->qty <= 0 || r->qty > QTY_LIMIT || r->filled < 0 || r->filled > QTY_LIMIT ||
        r->outcome > SIDE_NO) {
        audit_found(a, AUDIT_ORDER_STEP, place, "impossible numbers");
    }
    o->state = r->to_state < ORDER_STATE_MAX ? r->to_state : o->state;
    o->qty = r->qty;
    o->filled = r->filled;
    struct text id = audit_text(r->order_id, sizeof r->order_id);
    if (id.n > 0 && id.n < sizeof o->order_id) {
        memcpy(o->order_id, id.p, id.n);
        return idmap_put(&a->by_order_id, id, (uint32_t)(o - a->orders));
    }
    return ST_OK;
}

/* --- fills that were counted --- */

static bool absurd(px_t px, qty_t qty, usd_t fee, uint32_t outcome)
{
    return px < 0 || px > PX_ONE || qty <= 0 || qty > QTY_LIMIT || fee < -USD_LIMIT ||
           fee > USD_LIMIT || outcome > SIDE_NO;
}

enum status audit_applied(struct audit *a, const struct rec_applied_fill *f)
{
    char place[AUDIT_PLACE];
    struct text id = audit_text(f->trade_id, sizeof f->trade_id);
    snprintf(place, sizeof place, "trade %.*s", (int)id.n, id.p);
    a->counts.fills++;
    if (!audit_room(&a->fills, a->n_fills, &a->cap_fills, sizeof *a->fills)) {
        return ST_NOMEM;
    }
    struct audit_fill *x = &a->fills[a->n_fills];
    *x = (struct audit_fill){
        .wall = f->h.wall,
        .order_number = f->order_number,
        .ticker = audit_ticker(a, f->ticker),
        .yes_px = f->yes_px,
        .qty = f->qty,
        .fee = f->fee,
        .outcome = f->outcome,
        .absurd = absurd(f->yes_px, f->qty, f->fee, f->outcome),
    };
    if (x->ticker == IDMAP_NONE) {
        return ST_NOMEM;
    }
    memcpy(x->trade_id, f->trade_id, sizeof x->trade_id);
    memcpy(x->order_id, f->order_id, sizeof x->order_id);
    if (x->absurd) {
        audit_found(a, AUDIT_FILL_SOURCE, place, "no fill has these numbers");
    }
    if (idmap_get(&a->by_trade, id) != IDMAP_NONE) {
        audit_found(a, AUDIT_TRADE_ONCE, place, "it is counted twice");
    } else if (idmap_put(&a->by_trade, id, (uint32_t)a->n_fills) != ST_OK) {
        return ST_NOMEM;
    }
    if (f->order_number != 0 && audit_order_of(a, f->order_number) == NULL) {
        audit_found(a, AUDIT_ORDER_FILLS, place, "it is of order %" PRIu64 ", which has no step",
                    f->order_number);
    }
    a->n_fills++;
    return ST_OK;
}

/* --- fills that the exchange told --- */

static void told_differs(struct audit *a, struct audit_fill *x, const struct ev_fill *f,
                         const char *place)
{
    uint32_t ticker = idmap_get(&a->tickers, audit_text(f->ticker, sizeof f->ticker));
    const char *what = x->yes_px != f->yes_px                                      ? "price"
                       : x->qty != f->qty                                          ? "count"
                       : x->fee != f->fee                                          ? "fee"
                       : x->outcome != f->outcome                                  ? "outcome"
                       : x->ticker != ticker                                       ? "market"
                       : memcmp(x->order_id, f->order_id, sizeof x->order_id) != 0 ? "order"
                                                                                   : NULL;
    x->told = true;
    if (what != NULL) {
        audit_found(a, AUDIT_FILL_SOURCE, place, "the exchange told another %s than is counted",
                    what);
    }
}

enum status audit_told_fill(struct audit *a, const struct ev_fill *f, wall_ns_t recv, bool answer)
{
    char place[AUDIT_PLACE];
    struct text id = audit_text(f->trade_id, sizeof f->trade_id);
    snprintf(place, sizeof place, "trade %.*s", (int)id.n, id.p);
    if (id.n == 0 || id.n == sizeof f->trade_id || f->ticker[0] == '\0' ||
        absurd(f->yes_px, f->qty, f->fee, f->outcome)) {
        return ST_OK; /* the account refuses such a one too */
    }
    uint32_t i = idmap_get(&a->by_trade, id);
    if (i != IDMAP_NONE) {
        told_differs(a, &a->fills[i], f, place);
        return ST_OK;
    }
    bool before = !a->ready || recv <= a->ready_wall;
    if (before) {
        return idmap_put(&a->known_trades, id, 0);
    }
    if (!answer && idmap_get(&a->known_trades, id) == IDMAP_NONE) {
        audit_found(a, AUDIT_FILL_COUNTED, place, "it was told, and is not counted");
    }
    return ST_OK;
}

enum status audit_answer(struct audit *a, const struct ev_answer *ans)
{
    if (ans->row_kind != GW_ROW_FILL || ans->row_size != sizeof(struct ev_fill)) {
        return ST_OK;
    }
    const struct ev_fill *rows = ev_answer_rows(ans);
    uint64_t n = (ans->h.size - sizeof *ans) / sizeof *rows;
    enum status st = ST_OK;
    for (uint32_t i = 0; i < ans->n_rows && i < n && st == ST_OK; i++) {
        st = audit_told_fill(a, &rows[i], ans->h.recv_wall, true);
    }
    return st;
}

/* --- at the end --- */

static void add_up(struct audit *a)
{
    for (size_t i = 0; i < a->n_fills; i++) {
        const struct audit_fill *f = &a->fills[i];
        struct audit_order_row *o = audit_order_of(a, f->order_number);
        struct text id = audit_text(f->order_id, sizeof f->order_id);
        if (f->order_number == 0 && id.n > 0) {
            uint32_t at = idmap_get(&a->by_order_id, id);
            o = at != IDMAP_NONE ? &a->orders[at] : NULL;
        }
        if (o != NULL && !f->absurd) {
            o->counted = add_wrap(o->counted, f->qty);
        }
    }
}

static void judge_fills(struct audit *a, const struct audit_order_row *o)
{
    char place[AUDIT_PLACE], filled[MONEY_TEXT_MAX], counted[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
    snprintf(place, sizeof place, "order %" PRIu64, o->number);
    qty_format(o->filled, filled);
    qty_format(o->counted, counted);
    qty_format(o->qty, qty);
    /* Cut off between a fill and the step that it makes. */
    bool cut = !a->config.whole && o->counted > o->filled;
    if ((o->restored ? o->counted > o->filled : o->counted != o->filled) && !cut) {
        audit_found(a, AUDIT_ORDER_FILLS, place, "its filled count is %s, its fills are %s", filled,
                    counted);
    }
    if (o->filled > o->qty) {
        audit_found(a, AUDIT_ORDER_FILLS, place, "%s are filled of %s", filled, qty);
    }
    if (a->config.whole && o->state == ORDER_FILLED && o->filled != o->qty) {
        audit_found(a, AUDIT_ORDER_FILLS, place, "it ended as filled, with %s of %s", filled, qty);
    }
}

void audit_orders_finish(struct audit *a)
{
    add_up(a);
    if (a->records_lost) {
        return;
    }
    for (size_t i = 0; i < a->n_orders; i++) {
        judge_fills(a, &a->orders[i]);
    }
    if (a->order_max > a->n_orders) {
        uint64_t first = 1;
        while (audit_order_of(a, first) != NULL) {
            first++;
        }
        char place[AUDIT_PLACE];
        snprintf(place, sizeof place, "order %" PRIu64, first);
        audit_found(a, AUDIT_ORDER_NUMBERS, place,
                    "it has no step, though there are orders up to %" PRIu64, a->order_max);
    }
    for (size_t i = 0; i < a->n_fills; i++) {
        const struct audit_fill *f = &a->fills[i];
        char place[AUDIT_PLACE];
        if (!f->told) {
            struct text id = audit_text(f->trade_id, sizeof f->trade_id);
            snprintf(place, sizeof place, "trade %.*s", (int)id.n, id.p);
            audit_found(a, AUDIT_FILL_SOURCE, place, "no message and no answer told it");
        }
    }
}
