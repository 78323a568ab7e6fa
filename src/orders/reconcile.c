/*
 * reconcile.c - positions and cash against the exchange.
 *
 * A position is read 100 ms after a fill (a timer: nobody waits). What a difference means:
 *
 *   something is in flight, or a fill came meanwhile  nothing: read again, with back-off
 *   ours is gone there                                read the market: it may have paid (result.c)
 *   nothing is in flight                              read the market's fills: one was missed
 *   it still differs, and the same position is read   drift: recorded, adopted; above the limit the
 *   twice with the fills read in between              market is halted
 *
 * Average cost depends on the order of fills. When they were counted in another order than they
 * happened, the cost of a position read that agrees is taken.
 *
 * The fills between two equal position reads hold everything that made the position, so a message
 * that is only late cannot look like drift. A position that vanishes from a closed market whose
 * result cannot be read is adopted too, and is no reason to halt.
 */
#include <string.h>

#include "orders/orders_int.h"

#define PAID_TRIES  24                /* reads that still show what a market has paid for */
#define PAID_WINDOW (60 * NS_PER_SEC) /* in which a payment may not be in the balance yet */
#define SAME_READS  3 /* balances that differ by the same, where fills come in between */
#define AS_OF_TRIES 8 /* fills that are older than the position read are read again so often */

bool lot_in_flight(const struct orders *o, uint32_t h)
{
    for (uint32_t i = o->lots[h].first; i != NONE; i = o->slots[i].next) {
        const struct order *ord = &o->slots[i];
        bool rests = ord->state == ORDER_RESTING || ord->state == ORDER_PART;
        if (!rests || ord->create_due || order_owed(ord)) {
            return true;
        }
    }
    return false;
}

static bool over(const struct lot *lot)
{
    return lot->status >= MARKET_CLOSED;
}

static void busy(struct orders *o, uint32_t h, enum lot_stage stage)
{
    struct lot *lot = &o->lots[h];
    if ((lot->stage == LOT_QUIET) != (stage == LOT_QUIET)) {
        o->lots_busy += stage == LOT_QUIET ? UINT32_MAX : 1U;
    }
    lot->stage = stage;
}

void lot_want_position(struct orders *o, uint32_t h, mono_ns_t delay)
{
    struct lot *lot = &o->lots[h];
    if (o->sinks.gateway.submit == NULL) {
        return;
    }
    if (lot->stage == LOT_QUIET) {
        lot->tries = 0;
        busy(o, h, LOT_COMPARE);
    }
    uint32_t timer = timer_of_lot(o, h);
    if (!lot->reading && !timers_is_set(&o->timers, timer)) {
        timers_set(&o->timers, timer, o->mono + delay);
    }
}

static void again(struct orders *o, uint32_t h, enum lot_stage stage)
{
    struct lot *lot = &o->lots[h];
    busy(o, h, stage);
    timers_set(&o->timers, timer_of_lot(o, h), o->mono + back_off(o, lot->tries));
    lot->tries++;
}

void lot_due(struct orders *o, uint32_t h)
{
    struct lot *lot = &o->lots[h];
    if (lot->reading || lot->stage == LOT_QUIET) {
        return;
    }
    if (!orders_ready(o)) {
        timers_set(&o->timers, timer_of_lot(o, h), o->mono + o->config.back_off_min);
        return;
    }
    const struct holding *p = &o->account.holdings[h];
    struct gw_request req = {.op = GW_LIST_POSITIONS, .mkt = p->mkt};
    memcpy(req.ticker, p->ticker, sizeof req.ticker);
    enum purpose purpose = FOR_POSITION;
    if (lot->stage == LOT_FILLS) {
        req.op = GW_LIST_FILLS;
        req.flags = GW_WITH_AS_OF;
        req.min_ts_s = fills_since_s(o);
        purpose = FOR_LOT_FILLS;
        o->stats.fills_reads++;
    } else if (lot->stage == LOT_RESULT) {
        req.op = GW_LIST_MARKETS;
        purpose = FOR_LOT_RESULT;
    } else {
        lot->theirs = 0;
        lot->theirs_cost = 0;
        lot->mark = lot->stage == LOT_CONFIRM ? lot->mark : lot->changes;
        o->stats.position_reads++;
    }
    if (request(o, &req, purpose, h) == 0) {
        o->stats.gateway_full++;
        again(o, h, lot->stage);
        return;
    }
    lot->reading = true;
}

static void note(struct orders *o, uint32_t h, bool in_flight, bool adopted, const char *reason)
{
    const struct holding *p = &o->account.holdings[h];
    struct rec_reconcile r = {.ours = p->position,
                              .theirs = o->lots[h].theirs,
                              .in_flight = in_flight,
                              .adopted = adopted};
    record_reconcile(o, p->mkt, p->ticker, r, reason);
}

static void adopt(struct orders *o, uint32_t h)
{
    struct lot *lot = &o->lots[h];
    const struct holding *p = &o->account.holdings[h];
    qty_t off = lot->theirs > p->position ? lot->theirs - p->position : p->position - lot->theirs;
    note(o, h, false, true,
         over(lot) ? "gone from a closed market" : "drift: twice the same, no fill explains it");
    usd_t before = account_pv_mid(&o->account);
    account_adopt(&o->account, h, lot->theirs, lot->theirs_cost);
    worth_shift(&o->worth,
                account_pv_mid(&o->account) - before); /* known, not lost; the cash that
                                                          belongs to it comes by itself */
    lot->changes++;
    o->changes++;
    lot_refresh(o, h);
    record_account(o, h);
    if (!over(lot)) {
        o->stats.drifts++;
        if (o->config.drift_halt_all_qty != 0 && off > o->config.drift_halt_all_qty) {
            orders_halt(o, "position drift", false);
        } else if (off > o->config.drift_halt_qty) {
            orders_halt_market(o, p->mkt, "position drift");
        }
    }
    lot->tries = 0;
    busy(o, h, LOT_QUIET);
    cash_want(o, o->config.back_off_min);
}

/* The position read is the first of two, with the market's fills in between. */
static void read_fills(struct orders *o, uint32_t h)
{
    struct lot *lot = &o->lots[h];
    lot->first_theirs = lot->theirs;
    lot->first_wall = o->wall;
    again(o, h, LOT_FILLS);
}

static void compare(struct orders *o, uint32_t h)
{
    struct lot *lot = &o->lots[h];
    if (lot->theirs == o->account.holdings[h].position) {
        note(o, h, false, false, "agrees");
        if (lot->disordered && (lot_in_flight(o, h) || lot->changes != lot->mark)) {
            again(o, h, LOT_COMPARE);
            return;
        }
        if (lot->disordered) {
            lot->disordered = false;
            account_recost(&o->account, h, lot->theirs_cost);
            record_account(o, h);
        }
        lot->tries = 0;
        busy(o, h, LOT_QUIET);
        return;
    }
    o->stats.differences++;
    if (lot_in_flight(o, h) || lot->changes != lot->mark) {
        note(o, h, true, false, "orders or fills are under way");
        again(o, h, LOT_COMPARE);
        return;
    }
    if (lot->settled && o->account.holdings[h].position == 0 && lot->tries < PAID_TRIES) {
        note(o, h, true, false, "the market has paid, and is still listed");
        again(o, h, LOT_COMPARE);
        return;
    }
    if (lot->stage == LOT_COMPARE && lot->theirs == 0) {
        note(o, h, false, false, "gone: its market is read");
        again(o, h, LOT_RESULT);
        return;
    }
    if (lot->stage == LOT_CONFIRM && lot->theirs == lot->first_theirs) {
        adopt(o, h);
        return;
    }
    note(o, h, false, false, "differs: fills are read");
    read_fills(o, h);
}

static void market_rows(struct orders *o, uint32_t h, const struct ev_answer *a)
{
    const struct ev_market *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_MARKET; i++) {
        if (strncmp(rows[i].ticker, o->account.holdings[h].ticker, TICKER_MAX) == 0) {
            o->lots[h].status = rows[i].status;
            lot_result(o, h, &rows[i]);
        }
    }
}

static void position_rows(struct lot *lot, const char *ticker, const struct ev_answer *a)
{
    const struct ev_position *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_POSITION; i++) {
        if (strncmp(rows[i].ticker, ticker, TICKER_MAX) == 0) {
            lot->theirs = rows[i].position;
            lot->theirs_cost = rows[i].cost;
        }
    }
}

void lot_answer(struct orders *o, const struct req *r, const struct ev_answer *a, bool last)
{
    uint32_t h = r->index;
    struct lot *lot = &o->lots[h];
    if (r->purpose == FOR_POSITION) {
        position_rows(lot, o->account.holdings[h].ticker, a);
    } else if (r->purpose == FOR_LOT_RESULT) {
        market_rows(o, h, a);
    }
    if (!last) {
        return;
    }
    lot->reading = false;
    if (a->outcome != GW_OK) {
        again(o, h, lot->stage);
    } else if (r->purpose == FOR_POSITION) {
        compare(o, h);
    } else if (r->purpose == FOR_LOT_RESULT && lot->settled) {
        lot_pay(o, h);
        again(o, h, LOT_COMPARE);
    } else if (r->purpose == FOR_LOT_RESULT) {
        read_fills(o, h);
    } else if (a->as_of != 0 && a->as_of < lot->first_wall && lot->tries < AS_OF_TRIES) {
        again(o, h, LOT_FILLS);
    } else {
        again(o, h, LOT_CONFIRM);
    }
}

void orders_position(struct orders *o, const struct ev_position *row)
{
    if (memchr(row->ticker, 0, sizeof row->ticker) == NULL || row->ticker[0] == 0) {
        o->stats.table_errors++;
        return;
    }
    uint32_t h = orders_ready(o) ? lot_of(o, row->ticker) : NONE;
    if (h != NONE && o->account.holdings[h].position != row->position) {
        lot_want_position(o, h, o->config.position_read_delay);
    }
}

/*
 * --- sweep: what a lost message may have hidden, in a market nobody looks at ---
 *
 * All positions; then the fills since the last sweep (two that were lost may leave the position as
 * it was); then what rests, so that orders of others in the same account count against the limits.
 */

static void sweep_next(struct orders *o, enum sweep_stage stage)
{
    o->sweep_stage = stage;
    timers_set(&o->timers, timer_sweep(o), o->mono);
}

void sweep_due(struct orders *o)
{
    if (o->sweeping) {
        return;
    }
    struct gw_request req = {.op = GW_LIST_POSITIONS, .mkt = MKT_NONE};
    enum purpose purpose = FOR_SWEEP;
    if (o->sweep_stage == SWEEP_FILLS) {
        purpose = FOR_SWEEP_FILLS;
        req.op = GW_LIST_FILLS;
        req.min_ts_s = o->swept_s > fills_since_s(o) ? o->swept_s : fills_since_s(o);
    } else if (o->sweep_stage == SWEEP_ORDERS) {
        purpose = FOR_SWEEP_ORDERS;
        req.op = GW_LIST_ORDERS;
        req.flags = GW_RESTING_ONLY;
        o->foreign_cost_now = 0;
        o->foreign_open_now = 0;
    }
    if (request(o, &req, purpose, 0) == 0) {
        timers_set(&o->timers, timer_sweep(o), o->mono + o->config.back_off_max);
        return;
    }
    o->sweeping = true;
    if (purpose == FOR_SWEEP) {
        o->sweep_number++;
        o->sweep_bad = false;
        o->sweep_began = o->wall / NS_PER_SEC;
    }
}

/* A position that we hold and no row named is gone: its market was settled, or it never was. */
static void sweep_absent(struct orders *o)
{
    const struct account *a = &o->account;
    for (uint32_t i = 0; i < a->n_held; i++) {
        if (o->lots[a->held[i]].swept != o->sweep_number) {
            lot_want_position(o, a->held[i], o->config.position_read_delay);
        }
    }
}

static void sweep_positions(struct orders *o, const struct ev_answer *a)
{
    const struct ev_position *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_POSITION; i++) {
        orders_position(o, &rows[i]);
        bool named = memchr(rows[i].ticker, 0, sizeof rows[i].ticker) != NULL;
        uint32_t h = named ? idtab_get(&o->account.index, rows[i].ticker) : IDTAB_NONE;
        if (h != IDTAB_NONE) {
            o->lots[h].swept = o->sweep_number;
        }
    }
}

/* True: the row is sound, it rests, and we do not know it. */
static bool foreign_rests(const struct orders *o, const struct ev_user_order *r)
{
    return r->status == XORDER_RESTING && r->remaining > 0 && r->remaining <= QTY_LIMIT &&
           r->filled >= 0 && r->filled <= QTY_LIMIT && r->outcome <= SIDE_NO && r->yes_px > 0 &&
           r->yes_px < PX_ONE && memchr(r->client_id, 0, sizeof r->client_id) != NULL &&
           memchr(r->order_id, 0, sizeof r->order_id) != NULL &&
           memchr(r->ticker, 0, sizeof r->ticker) != NULL &&
           idtab_get(&o->by_client, r->client_id) == IDTAB_NONE &&
           idtab_get(&o->by_order, r->order_id) == IDTAB_NONE;
}

void foreign_row(struct orders *o, const struct ev_user_order *r)
{
    if (!foreign_rests(o, r) || rediscover(o, r)) {
        return;
    }
    px_t own = r->outcome == SIDE_YES ? r->yes_px : PX_ONE - r->yes_px;
    o->foreign_cost_now += usd_of(own, r->remaining);
    o->foreign_open_now++;
    uint32_t h = idtab_get(&o->account.index, r->ticker);
    if (h != IDTAB_NONE) {
        o->lots[h].foreign_now[r->outcome] += r->remaining;
    }
}

/* Orders of others in a market: noted when they come, change and go. */
static void note_foreign(struct orders *o, uint32_t h)
{
    const struct holding *p = &o->account.holdings[h];
    struct lot *lot = &o->lots[h];
    if (memcmp(lot->foreign, lot->foreign_told, sizeof lot->foreign) == 0) {
        return;
    }
    memcpy(lot->foreign_told, lot->foreign, sizeof lot->foreign);
    struct rec_reconcile r = {
        .ours = lot->foreign[SIDE_YES], .theirs = lot->foreign[SIDE_NO], .kind = RECONCILE_FOREIGN};
    record_reconcile(o, p->mkt, p->ticker, r,
                     r.ours + r.theirs != 0 ? "orders of others rest" : "no orders of others");
}

void foreign_done(struct orders *o)
{
    o->stats.foreign_orders = o->foreign_open_now;
    o->foreign_cost = o->foreign_cost_now;
    o->foreign_open = o->foreign_open_now;
    o->foreign_cost_now = 0;
    o->foreign_open_now = 0;
    for (uint32_t h = 0; h < o->account.n; h++) {
        struct lot *lot = &o->lots[h];
        memcpy(lot->foreign, lot->foreign_now, sizeof lot->foreign);
        note_foreign(o, h);
        memset(lot->foreign_now, 0, sizeof lot->foreign_now);
    }
}

void foreign_drop(struct orders *o)
{
    o->foreign_cost_now = 0;
    o->foreign_open_now = 0;
    for (uint32_t h = 0; h < o->account.n; h++) {
        memset(o->lots[h].foreign_now, 0, sizeof o->lots[h].foreign_now);
    }
}

/* fills: those of the answer were taken by the caller. */
void sweep_answer(struct orders *o, const struct ev_answer *a, bool last)
{
    const struct ev_user_order *rows = ev_answer_rows(a);
    if (o->sweep_stage == SWEEP_POSITIONS) {
        sweep_positions(o, a);
    }
    for (uint32_t i = 0;
         o->sweep_stage == SWEEP_ORDERS && i < a->n_rows && a->row_kind == GW_ROW_ORDER; i++) {
        foreign_row(o, &rows[i]);
    }
    if (!last) {
        return;
    }
    o->sweeping = false;
    bool good = a->outcome == GW_OK;
    o->sweep_bad = o->sweep_bad || !good;
    switch (o->sweep_stage) {
    case SWEEP_POSITIONS:
        if (good) {
            sweep_absent(o);
        }
        sweep_next(o, SWEEP_FILLS);
        return;
    case SWEEP_FILLS:
        if (good) { /* reads may lag, and clocks differ: the next one overlaps */
            o->swept_s = o->sweep_began - o->config.clock_window_ms / 1000 - 60;
        }
        sweep_next(o, SWEEP_ORDERS);
        return;
    case SWEEP_ORDERS:
        if (good) {
            foreign_done(o);
        } else {
            foreign_drop(o);
        }
        break;
    }
    o->sweep_stage = SWEEP_POSITIONS;
    o->sweeps_done = o->sweep_bad ? o->sweeps_done : o->sweep_number;
    timers_set(&o->timers, timer_sweep(o),
               o->mono + (o->sweep_bad ? o->config.back_off_max : o->config.sweep));
    cash_want(o, o->config.position_read_delay); /* money may come from outside or go there */
}

/* The private session came back: what it would have told meanwhile is read. */
void orders_link(struct orders *o, bool up)
{
    bool came = up && !o->link_up;
    o->link_up = up;
    if (!up || !orders_ready(o)) {
        return;
    }
    if (came && o->sinks.ask_again != NULL) {
        o->sinks.ask_again(o->sinks.self, MKT_ALL);
    }
    for (uint32_t i = 0; i < o->config.orders_max; i++) {
        struct order *ord = &o->slots[i];
        if (ord->number != 0 && !ord->settled && !ord->create_due) {
            ord->read_now = true;
            order_plan(o, i);
        }
    }
    for (uint32_t h = 0; h < o->account.n; h++) {
        if (o->account.holdings[h].position != 0 || o->lots[h].n_live != 0) {
            lot_want_position(o, h, o->config.position_read_delay);
        }
    }
    if (!o->sweeping && !o->config.from_config) {
        timers_set(&o->timers, timer_sweep(o), o->mono + o->config.position_read_delay);
    }
}

/* --- cash ---
 *
 * The balance is compared some time after fills and with every sweep, when everything of ours that
 * is open only rests. A difference may be a fill that nobody told us of, or a market that has paid:
 * a whole sweep of positions and fills comes first. The same difference after that, and nothing
 * new, or three times the same with fills in between, is adopted: money that came from or went
 * outside, which is no profit and no loss.
 */

void cash_want(struct orders *o, mono_ns_t delay)
{
    uint32_t timer = timer_cash(o);
    if (o->sinks.gateway.submit == NULL || o->cash_reading) {
        return;
    }
    if (!timers_is_set(&o->timers, timer) || o->timers.due[timer] > o->mono + delay) {
        timers_set(&o->timers, timer, o->mono + delay);
    }
}

/* Nothing is under way that changes cash. What rests may lower the balance or not (API sheet 15.3):
 * where it does, nothing may be open. */
static bool cash_quiet(const struct orders *o)
{
    if (o->lots_busy != 0 || (o->config.balance_excludes_resting && o->n_live != 0)) {
        return false;
    }
    for (uint32_t i = 0; i < o->n_live; i++) {
        const struct order *ord = &o->slots[o->live[i]];
        bool rests = ord->state == ORDER_RESTING || ord->state == ORDER_PART;
        if (!rests || ord->create_due || order_owed(ord)) {
            return false;
        }
    }
    return true;
}

/* A difference is judged after a sweep that began behind it. */
static bool cash_swept(struct orders *o)
{
    if (o->sweeps_done >= o->cash_sweep) {
        return true;
    }
    if (!o->sweeping && o->sweep_stage == SWEEP_POSITIONS && !o->sweep_bad) {
        timers_set(&o->timers, timer_sweep(o), o->mono);
    }
    return false;
}

void cash_due(struct orders *o)
{
    struct gw_request req = {.op = GW_GET_BALANCE, .mkt = MKT_NONE};
    if (o->cash_reading) {
        return;
    }
    if (!orders_ready(o) || !cash_swept(o)) {
        cash_want(o, 4 * o->config.back_off_min);
        return;
    }
    if (!cash_quiet(o) || request(o, &req, FOR_CASH, 0) == 0) {
        cash_want(o, o->cash_differs ? 2 * o->config.back_off_min : o->config.back_off_max);
        return;
    }
    o->cash_reading = true;
    o->cash_mark = o->changes;
}

static void cash_note(struct orders *o, usd_t theirs, bool in_flight, bool adopted,
                      const char *reason)
{
    struct rec_reconcile r = {.ours = o->account.cash_total,
                              .theirs = theirs,
                              .in_flight = in_flight,
                              .adopted = adopted,
                              .kind = RECONCILE_CASH};
    record_reconcile(o, MKT_NONE, "cash", r, reason);
}

static void cash_adopt(struct orders *o, usd_t theirs)
{
    cash_note(o, theirs, false, true, "drift: money came from outside or went there");
    worth_shift(&o->worth, theirs - o->account.cash_total);
    account_set_cash(&o->account, theirs);
    o->stats.cash_adopted++;
    o->paid = 0;
    o->cash_differs = false;
}

void cash_answer(struct orders *o, const struct ev_answer *a)
{
    o->cash_reading = false;
    if (a->outcome != GW_OK || o->cash_mark != o->changes || !cash_quiet(o)) {
        cash_want(o, o->cash_differs ? 2 * o->config.back_off_min : o->config.back_off_max);
        return;
    }
    o->pv_exchange = a->balance + a->portfolio_value;
    o->pv_exchange_known = true;
    if (a->balance == o->account.cash_total) {
        cash_note(o, a->balance, false, false, "agrees");
        o->cash_differs = false;
        o->paid = 0;
        return;
    }
    o->stats.differences++;
    usd_t missing = o->account.cash_total - a->balance;
    if (missing > 0 && missing <= o->paid && o->mono - o->paid_at < PAID_WINDOW) {
        cash_note(o, a->balance, true, false, "a market has just paid");
        cash_want(o, o->config.back_off_max);
        return;
    }
    bool same = o->cash_differs && -missing == o->cash_diff;
    o->cash_same = same ? o->cash_same + 1 : 1;
    if (same && (o->cash_first == o->changes || o->cash_same >= SAME_READS)) {
        cash_adopt(o, a->balance);
        return;
    }
    cash_note(o, a->balance, false, false, "differs: positions and fills are read");
    o->cash_differs = true;
    o->cash_diff = -missing;
    o->cash_first = o->changes;
    o->cash_sweep = o->sweep_number + 1;
    cash_want(o, o->config.back_off_min);
}
