/*
 * news.c - what the exchange says: fills, user orders, answers.
 *
 * Fills are facts in every state of an order, and for orders that are not ours too. What an answer
 * or a message claims was filled is not a second source: when the fills themselves do not come,
 * they are read.
 */
#include <string.h>

#include "orders/orders_int.h"

static uint32_t find_order(const struct orders *o, const char *order_id, const char *client_id)
{
    uint32_t slot = order_id[0] != 0 ? idtab_get(&o->by_order, order_id) : IDTAB_NONE;
    if (slot == IDTAB_NONE && client_id[0] != 0) {
        slot = idtab_get(&o->by_client, client_id);
    }
    return slot == IDTAB_NONE ? NONE : slot;
}

/* --- fills --- */

static bool terminated(const char *s, size_t cap)
{
    return memchr(s, 0, cap) != NULL;
}

static bool fill_ok(const struct ev_fill *f)
{
    return terminated(f->ticker, sizeof f->ticker) && terminated(f->trade_id, sizeof f->trade_id) &&
           terminated(f->order_id, sizeof f->order_id) &&
           terminated(f->client_id, sizeof f->client_id) && f->ticker[0] != 0 &&
           f->trade_id[0] != 0 && f->qty > 0 && f->qty <= QTY_LIMIT && f->yes_px >= 0 &&
           f->yes_px <= PX_ONE && f->outcome <= SIDE_NO && f->fee >= -USD_LIMIT &&
           f->fee <= USD_LIMIT;
}

/* True: it was not counted before; now it is. */
static bool trade_new(struct orders *o, const char *trade_id)
{
    if (idtab_get(&o->trades, trade_id) != IDTAB_NONE) {
        return false;
    }
    uint32_t max = o->config.trades_max;
    uint32_t at = (o->trade_head + o->n_trades) % max;
    if (o->n_trades == max) {
        (void)idtab_remove(&o->trades, o->trade_ids[o->trade_head]);
        o->trade_floor = o->trade_wall[o->trade_head];
        o->trade_head = (o->trade_head + 1) % max;
        o->n_trades--;
    }
    if (idtab_put(&o->trades, trade_id, at) != ST_OK) {
        return false;
    }
    memcpy(o->trade_ids[at], trade_id, strlen(trade_id) + 1);
    o->trade_wall[at] = o->wall;
    o->n_trades++;
    return true;
}

static void record_fill(struct orders *o, uint32_t h, const struct ev_fill *f, uint64_t number,
                        enum ev_source via)
{
    struct rec_applied_fill r = {
        .h = {.size = sizeof r,
              .type = REC_APPLIED,
              .mkt = o->account.holdings[h].mkt,
              .wall = o->wall},
        .order_number = number,
        .yes_px = f->yes_px,
        .qty = f->qty,
        .fee = f->fee,
        .outcome = f->outcome,
        .is_taker = f->is_taker,
        .via = via,
    };
    memcpy(r.ticker, o->account.holdings[h].ticker, sizeof r.ticker);
    memcpy(r.trade_id, f->trade_id, sizeof r.trade_id);
    memcpy(r.order_id, f->order_id, sizeof r.order_id);
    if (o->sinks.record != NULL) {
        o->sinks.record(o->sinks.self, &r.h);
    }
}

/* The new terms of an amend hold. */
static void terms_take(struct order *ord)
{
    if (ord->amend_px != 0) {
        ord->yes_px = ord->amend_px;
        ord->qty = ord->amend_qty;
        ord->amend_px = 0;
    }
}

static void record_fee_drift(struct orders *o, const struct order *ord, const struct stray *f,
                             const struct fee_rule *rule, usd_t ours)
{
    const struct holding *p = &o->account.holdings[ord->h];
    struct rec_fee_drift r = {
        .h = {.size = sizeof r, .type = REC_FEE_DRIFT, .mkt = p->mkt, .wall = o->wall},
        .order_number = ord->number,
        .fee = f->fee,
        .ours = ours,
        .yes_px = f->yes_px,
        .qty = f->qty,
        .outcome = f->outcome,
        .is_taker = f->is_taker,
        .fee_type = (int32_t)rule->type,
        .fee_mult_micros = rule->mult_micros,
    };
    memcpy(r.ticker, p->ticker, sizeof r.ticker);
    memcpy(r.trade_id, f->trade_id, sizeof r.trade_id);
    memcpy(r.order_id, f->order_id, sizeof r.order_id);
    o->stats.fee_drifts++;
    if (o->sinks.record != NULL) {
        o->sinks.record(o->sinks.self, &r.h);
    }
}

#define FEE_CHANGE_WINDOW (60 * NS_PER_SEC)

/* The exchange's fee is what counts; ours is held against it. A fill may have happened before the
 * last change of the formula, which another session told. */
static void fee_compare(struct orders *o, struct order *ord, const struct stray *f)
{
    const struct lot *lot = &o->lots[ord->h];
    bool waived = f->ts_ms != 0 && f->ts_ms < lot->waived / NS_PER_MS;
    struct fee_rule rules[2] = {lot->fee, lot->fee_before};
    struct fee_order after[2] = {ord->fee, ord->fee};
    usd_t fee[2];
    for (int i = 0; i < 2; i++) {
        rules[i].type = waived ? FEE_NONE : rules[i].type;
        fee[i] = fee_fill(&rules[i], &after[i], f->is_taker, f->outcome, f->yes_px, f->qty);
    }
    bool lately = o->mono - lot->fee_changed < FEE_CHANGE_WINDOW;
    int used = lately && fee[0] != f->fee && fee[1] == f->fee ? 1 : 0;
    ord->fee = after[used];
    if (fee[used] != f->fee) {
        record_fee_drift(o, ord, f, &rules[used], fee[used]);
    }
}

/* The account has the fill already; this is the order's side of it. */
static void fill_count(struct orders *o, uint32_t slot, const struct stray *f)
{
    struct order *ord = &o->slots[slot];
    fee_compare(o, ord, f);
    ord->filled += f->qty;
    if (ord->claimed < ord->filled) {
        ord->claimed = ord->filled;
    }
    if (ord->filled > ord->qty) {
        terms_take(ord); /* more than the old terms allow: the answer is still to come */
    }
    order_event(o, slot, ord->filled >= order_total(ord) ? OE_FILL_ALL : OE_FILL_PART, "");
}

static struct stray stray_of(const struct ev_fill *f)
{
    struct stray s = {
        .yes_px = f->yes_px,
        .qty = f->qty,
        .fee = f->fee,
        .outcome = (enum side)f->outcome,
        .is_taker = f->is_taker != 0,
        .ts_ms = f->h.ts_ms,
    };
    memcpy(s.order_id, f->order_id, sizeof s.order_id);
    memcpy(s.trade_id, f->trade_id, sizeof s.trade_id);
    return s;
}

void fill_strays(struct orders *o, uint32_t slot)
{
    uint32_t n = o->n_strays < STRAYS ? o->n_strays : STRAYS;
    for (uint32_t i = 0; i < n; i++) {
        struct stray *s = &o->strays[(o->n_strays - n + i) % STRAYS]; /* oldest first */
        if (s->order_id[0] != 0 && strcmp(s->order_id, o->slots[slot].order_id) == 0) {
            s->order_id[0] = 0;
            o->stats.fills_foreign -= s->foreign;
            fill_count(o, slot, s);
        }
    }
}

static void fill_order(struct orders *o, uint32_t slot, const struct ev_fill *f)
{
    order_learn_id(o, slot, f->order_id);
    struct stray s = stray_of(f);
    fill_count(o, slot, &s);
    order_plan(o, slot);
}

bool fill_take(struct orders *o, const struct ev_fill *f, enum ev_source via)
{
    if (!fill_ok(f)) {
        o->stats.table_errors++;
        return false;
    }
    uint32_t h = lot_of(o, f->ticker);
    if (h == NONE) {
        o->stats.table_errors++;
        return false;
    }
    if (!trade_new(o, f->trade_id)) {
        o->stats.fills_duplicate++;
        return false;
    }
    uint32_t slot = find_order(o, f->order_id, f->client_id);
    o->stats.fills++;
    /* The start reads what earlier sessions have bought too: nobody says whose it was. */
    bool foreign = slot == NONE && orders_ready(o);
    o->stats.fills_foreign += foreign;
    if (orders_ready(o)) {
        account_fill(&o->account, h, (enum side)f->outcome, f->yes_px, f->qty, f->fee);
        record_fill(o, h, f, slot != NONE ? o->slots[slot].number : 0, via);
        rate_add(&o->fills_rate, o->mono);
        lot_pay(o, h); /* it was late: its market has paid already */
    } else if (o->start.stage >= START_ACCOUNT) {
        o->start.dirty = true; /* is it in the account that was read, or not? Read it again. */
    }
    struct lot *lot = &o->lots[h];
    lot->disordered = lot->disordered || f->h.ts_ms <= lot->fill_ms;
    lot->fill_ms = f->h.ts_ms > lot->fill_ms ? f->h.ts_ms : lot->fill_ms;
    lot->changes++;
    o->changes++;
    watch_worth(o);
    if (slot != NONE) {
        fill_order(o, slot, f);
    } else {
        struct stray *s = &o->strays[o->n_strays++ % STRAYS];
        *s = stray_of(f);
        s->foreign = foreign;
    }
    lot_refresh(o, h);
    if (orders_ready(o)) {
        record_account(o, h);
        lot_want_position(o, h, o->config.position_read_delay);
        cash_want(o, o->config.sweep);
    }
    return true;
}

void orders_fill(struct orders *o, const struct ev_fill *fill, enum ev_source via)
{
    (void)fill_take(o, fill, via);
}

/* --- the exchange's view of an order --- */

static bool row_ok(const struct ev_user_order *r)
{
    return terminated(r->ticker, sizeof r->ticker) && terminated(r->order_id, sizeof r->order_id) &&
           terminated(r->client_id, sizeof r->client_id) &&
           terminated(r->reason, sizeof r->reason) && r->filled >= 0 && r->filled <= QTY_LIMIT;
}

static bool expired(const char *reason)
{
    return strcmp(reason, "ExpiryCancel") == 0 || strcmp(reason, "CloseCancel") == 0;
}

static enum order_event seen_event(const struct order *ord, const struct ev_user_order *row)
{
    switch ((enum xorder_status)row->status) {
    case XORDER_RESTING:
        return row->filled > 0 || ord->filled > 0 ? OE_SEEN_PART : OE_SEEN_RESTING;
    case XORDER_EXECUTED:
        return OE_SEEN_FILLED;
    case XORDER_CANCELED:
        return expired(row->reason) ? OE_SEEN_EXPIRED : OE_SEEN_CANCELLED;
    case XORDER_UNKNOWN:
        break;
    }
    return ORDER_EVENT_MAX;
}

void order_seen(struct orders *o, uint32_t slot, const struct ev_user_order *row, bool from_read)
{
    struct order *ord = &o->slots[slot];
    order_learn_id(o, slot, row->order_id);
    enum order_event event = seen_event(ord, row);
    if (event == ORDER_EVENT_MAX) {
        return;
    }
    bool final = row->status != XORDER_RESTING;
    if (from_read && final && ord->tries > 0) {
        ord->claimed = ord->filled; /* read anew: an earlier claim may have been wrong */
    }
    if (row->filled > ord->claimed) {
        qty_t total = order_total(ord);
        ord->claimed = row->filled < total ? row->filled : total;
        if (orders_ready(o)) {
            lot_want_position(o, ord->h, o->config.position_read_delay);
        }
    }
    if (from_read) {
        ord->read_now = false;
    }
    if (from_read && !final && ord->state == ORDER_CANCEL_SENT && !ord->cancel_due) {
        /* The cancel did not take effect; if it is only that the read is stale, a second cancel
         * does no harm. */
        ord->cancel_after = o->mono + back_off(o, ord->tries);
        event = event == OE_SEEN_PART ? OE_CANCEL_FAILED_PART : OE_CANCEL_FAILED;
    }
    order_event(o, slot, event, row->reason);
    order_plan(o, slot);
}

void orders_user_order(struct orders *o, const struct ev_user_order *row)
{
    if (!row_ok(row)) {
        o->stats.table_errors++;
        return;
    }
    uint32_t slot = find_order(o, row->order_id, row->client_id);
    if (slot != NONE) {
        order_seen(o, slot, row, false);
    }
}

/* --- answers --- */

static void created(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    order_learn_id(o, slot, a->order_id);
    if (a->filled > ord->claimed) {
        ord->claimed = a->filled < ord->qty ? a->filled : ord->qty;
        if (orders_ready(o)) {
            lot_want_position(o, ord->h, o->config.position_read_delay);
        }
    }
    o->stats.acked++;
    enum order_event event = OE_ACK_RESTING;
    if (a->remaining > 0) {
        event = a->filled > 0 || ord->filled > 0 ? OE_ACK_PART : OE_ACK_RESTING;
    } else {
        event = a->filled >= ord->qty ? OE_ACK_FILLED : OE_ACK_CANCELLED;
    }
    say_outcome(o, ord->h, true);
    order_event(o, slot, event, "");
}

/* Certainly no effect, unless the order was heard of meanwhile: then nobody knows. */
static void not_created(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    bool exists = strncmp(a->error_code, "order_already_exists", 20) == 0;
    if (exists || ord->state != ORDER_SENT) {
        o->stats.unknown++;
        order_event(o, slot, OE_UNKNOWN, a->error_code);
    } else {
        o->stats.rejected++;
        order_event(o, slot, OE_REJECTED, a->error_code);
        if (strncmp(a->error_code, "exceeded_order_group", 20) == 0) {
            group_refused(o, ord->h);
        }
    }
    say_outcome(o, ord->h, false);
}

/* Outcomes that nobody knows, again and again: something is wrong that reading does not mend. */
static void count_unknown(struct orders *o, bool unknown)
{
    o->unknown_row = unknown ? o->unknown_row + 1 : 0;
    if (o->config.unknown_halt_count != 0 && o->unknown_row >= o->config.unknown_halt_count) {
        o->unknown_row = 0;
        orders_halt(o, "repeated unknown outcomes", false);
    }
}

static void create_answer(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    ord->create_due = false;
    ord->signed_wall = a->signed_wall != 0 ? a->signed_wall : o->wall;
    switch ((enum gw_outcome)a->outcome) {
    case GW_OK:
        if (a->order_id[0] != 0) {
            created(o, slot, a);
            count_unknown(o, false);
            break;
        }
        __attribute__((fallthrough)); /* done, but what? */
    case GW_UNKNOWN:
    case GW_OUTCOME_MAX:
        o->stats.unknown++;
        order_event(o, slot, OE_UNKNOWN, a->error_code);
        say_outcome(o, ord->h, false);
        count_unknown(o, true);
        break;
    case GW_REJECTED:
    case GW_NOT_FOUND:
    case GW_NOT_SENT:
    case GW_RATE_LIMIT:
    case GW_AUTH:
        not_created(o, slot, a);
        break;
    }
    order_plan(o, slot);
}

static void cancel_answer(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    ord->cancel_due = false;
    enum order_event event = OE_CANCEL_UNCLEAR;
    switch ((enum gw_outcome)a->outcome) {
    case GW_OK: {
        qty_t filled = ord->qty - a->remaining; /* remaining: what the cancel took off */
        if (a->remaining <= 0 || filled < ord->filled || ord->amend_px != 0) {
            break; /* the counts make no sense: read the order */
        }
        ord->claimed = filled > ord->claimed ? filled : ord->claimed;
        event = OE_CANCEL_OK;
        break;
    }
    case GW_REJECTED:
        ord->read_now = true; /* a closed market refuses cancels: it may be gone already */
        __attribute__((fallthrough));
    case GW_NOT_SENT:
    case GW_RATE_LIMIT:
    case GW_AUTH:
        ord->cancel_after = o->mono + back_off(o, ord->tries);
        event = ord->filled > 0 ? OE_CANCEL_FAILED_PART : OE_CANCEL_FAILED;
        break;
    case GW_NOT_FOUND:
    case GW_UNKNOWN:
    case GW_OUTCOME_MAX:
        break;
    }
    uint32_t tries = ord->tries;
    order_event(o, slot, event, a->error_code);
    if (event != OE_CANCEL_OK) {
        ord->tries = tries + 1;
        say_outcome(o, ord->h, false);
    }
    order_plan(o, slot);
}

/* Counts of an amend's answer; they may be left out. */
static void amended(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    terms_take(ord);
    bool said = a->filled != QTY_UNKNOWN && a->remaining != QTY_UNKNOWN;
    if (said && a->filled > ord->claimed) {
        ord->claimed = a->filled < ord->qty ? a->filled : ord->qty;
        lot_want_position(o, ord->h, o->config.position_read_delay);
    }
    bool all = said && a->remaining == 0 && a->filled >= ord->qty;
    ord->read_now = ord->read_now || (said && a->remaining == 0 && !all);
    bool part = ord->filled > 0 || ord->claimed > 0;
    say_outcome(o, ord->h, true);
    order_event(o, slot, all ? OE_AMEND_FILLED : part ? OE_AMEND_OK_PART : OE_AMEND_OK, "");
}

static void amend_answer(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    ord->amend_due = false;
    if (a->outcome == GW_OK && strcmp(a->order_id, ord->order_id) == 0) {
        amended(o, slot, a);
    } else if (a->outcome == GW_REJECTED || a->outcome == GW_NOT_SENT ||
               a->outcome == GW_RATE_LIMIT || a->outcome == GW_AUTH) {
        ord->amend_px = 0;
        ord->cancel_wanted = ord->cancel_wanted || a->outcome == GW_REJECTED;
        order_event(o, slot, ord->filled > 0 ? OE_AMEND_FAILED_PART : OE_AMEND_FAILED,
                    a->error_code);
        say_outcome(o, ord->h, false);
    } else {
        /* Which terms hold nobody knows, or whether it is there: it goes, and then that is known.
         */
        ord->cancel_wanted = true;
        order_event(o, slot, OE_AMEND_UNCLEAR, a->error_code);
        say_outcome(o, ord->h, false);
    }
    order_plan(o, slot);
}

/* A read is complete and does not show the order. */
static void not_shown(struct orders *o, uint32_t slot, const struct ev_answer *a)
{
    struct order *ord = &o->slots[slot];
    wall_ns_t proof = ord->signed_wall + o->config.clock_window_ms * NS_PER_MS;
    if (a->as_of == 0 || a->as_of <= proof || ord->create_due) {
        return; /* the read may be older than the order */
    }
    if (ord->state == ORDER_UNKNOWN && ord->order_id[0] == 0 && ord->filled == 0) {
        order_event(o, slot, OE_ABSENT, "absent from a read that must show it");
    } else if (order_state_open(ord->state) && ord->tries > OWED_TRIES_MAX) {
        orders_halt_market(o, o->account.holdings[ord->h].mkt, "order lost");
    }
}

/*
 * The terms of an order of an earlier session as they are read: an amend may have been under way,
 * and its record may have gone with the machine's power. A read that may be older than that only
 * makes them dearer, as the journal does. True: it is such a read, another one is wanted.
 */
static bool restored_terms(const struct orders *o, struct order *ord,
                           const struct ev_user_order *row, wall_ns_t as_of)
{
    bool rests = row->status == XORDER_RESTING;
    qty_t total = row->filled + (rests ? row->remaining : 0);
    if (!ord->restored || ord->amended || row->yes_px <= 0 || row->yes_px >= PX_ONE ||
        row->remaining < 0 || row->remaining > QTY_LIMIT) {
        return false;
    }
    bool now = rests && as_of > o->start.wall;
    bool dearer = (row->yes_px > ord->yes_px) == (ord->outcome == SIDE_YES);
    ord->yes_px = now || (rests && dearer) ? row->yes_px : ord->yes_px;
    total = total > ord->filled ? total : ord->filled;
    ord->qty = now || total > ord->qty ? total : ord->qty;
    return rests && !now;
}

static void order_rows_of(struct orders *o, struct req *r, const struct ev_answer *a, bool last)
{
    uint32_t slot = r->index;
    struct order *ord = &o->slots[slot];
    const struct ev_user_order *rows = ev_answer_rows(a);
    if (last) {
        ord->reading = false;
    }
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_ORDER; i++) {
        if (row_ok(&rows[i]) && find_order(o, rows[i].order_id, rows[i].client_id) == slot) {
            r->found = true;
            bool again = restored_terms(o, ord, &rows[i], a->as_of);
            order_seen(o, slot, &rows[i], true);
            ord->read_now = ord->read_now || (again && !order_owed(ord)); /* fills come first */
        }
    }
    if (!last) {
        return;
    }
    if (!r->found) {
        ord->tries++;
        if (a->outcome == GW_NOT_FOUND) {
            ord->read_now = true;
        } else if (a->outcome == GW_OK && r->purpose == FOR_ORDER_LIST) {
            not_shown(o, slot, a);
        }
    } else if (order_owed(ord) || ord->state == ORDER_UNKNOWN || ord->read_now) {
        ord->tries = ord->tries >= OWED_TRIES_MAX ? 1 : ord->tries + 1;
    }
    order_plan(o, slot);
}

static void fills_of(struct orders *o, const struct ev_answer *a)
{
    const struct ev_fill *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_FILL; i++) {
        (void)fill_take(o, &rows[i], EV_SRC_ANSWER);
    }
}

static void order_fills(struct orders *o, uint32_t slot, const struct ev_answer *a, bool last)
{
    struct order *ord = &o->slots[slot];
    if (last) {
        ord->reading = false;
    }
    fills_of(o, a);
    if (last) {
        ord->tries = order_owed(ord) ? ord->tries + 1 : 0;
        order_plan(o, slot);
    }
}

static void count_auth(struct orders *o, const struct ev_answer *a)
{
    if (a->outcome != GW_AUTH) {
        o->auth_row = a->outcome == GW_OK ? 0 : o->auth_row;
        return;
    }
    o->stats.auth_errors++;
    if (++o->auth_row >= o->config.auth_halt_count && o->config.auth_halt_count != 0) {
        orders_halt(o, "the exchange refuses our credentials", true);
    }
}

void orders_limits(struct orders *o, const struct ev_answer *a)
{
    if (a->outcome == GW_OK && a->write_rate > 0 && a->write_capacity > 0) {
        budget_limits(&o->budget, a->write_rate, a->write_capacity, o->mono);
    }
}

/* What the answer of a create, an amend or a cancel says of the write bucket. */
static void budget_learn(struct orders *o, const struct req *r, const struct ev_answer *a)
{
    bool create = r->purpose == FOR_CREATE || r->purpose == FOR_AMEND;
    if (!create && r->purpose != FOR_CANCEL) {
        return;
    }
    if (a->outcome == GW_RATE_LIMIT) {
        budget_empty(&o->budget, o->mono);
    } else if (a->outcome == GW_NOT_SENT) {
        budget_return(&o->budget, create ? BUDGET_CREATE : BUDGET_CANCEL, o->mono);
    }
}

void orders_answer(struct orders *o, const struct ev_answer *a)
{
    uint32_t slot = (uint32_t)(a->req_id & 0xffff);
    if (slot >= o->reqs_max || o->reqs[slot].id != a->req_id || a->req_id == 0) {
        o->stats.table_errors++; /* an answer to nothing, or a second one */
        return;
    }
    struct req *r = &o->reqs[slot];
    bool last = (a->flags & GW_ANSWER_MORE) == 0;
    struct req copy = *r;
    if (last) {
        r->id = 0;
        o->req_free[o->n_req_free++] = slot;
        count_auth(o, a);
        budget_learn(o, &copy, a);
    }
    switch (copy.purpose) {
    case FOR_CREATE:
        create_answer(o, copy.index, a);
        break;
    case FOR_CANCEL:
        cancel_answer(o, copy.index, a);
        break;
    case FOR_AMEND:
        amend_answer(o, copy.index, a);
        break;
    case FOR_GROUP:
        group_answer(o, copy.index, a);
        break;
    case FOR_ORDER:
    case FOR_ORDER_LIST:
        order_rows_of(o, &copy, a, last);
        break;
    case FOR_ORDER_FILLS:
        order_fills(o, copy.index, a, last);
        break;
    case FOR_LOT_FILLS:
        fills_of(o, a);
        lot_answer(o, &copy, a, last);
        break;
    case FOR_POSITION:
    case FOR_LOT_RESULT:
        lot_answer(o, &copy, a, last);
        break;
    case FOR_CASH:
        cash_answer(o, a);
        break;
    case FOR_SWEEP_FILLS:
        fills_of(o, a);
        sweep_answer(o, a, last);
        break;
    case FOR_SWEEP:
    case FOR_SWEEP_ORDERS:
        sweep_answer(o, a, last);
        break;
    case FOR_START_FILLS:
    case FOR_START_FILLS_AGAIN:
        fills_of(o, a);
        start_answer(o, &copy, a, last);
        break;
    case FOR_START_ORDERS:
    case FOR_START_BALANCE:
    case FOR_START_BALANCE_AGAIN:
    case FOR_START_POSITIONS_AGAIN:
    case FOR_START_POSITIONS:
        start_answer(o, &copy, a, last);
        break;
    case FOR_NOTHING:
        break;
    }
    if (!last) {
        r->found = copy.found;
    }
}
