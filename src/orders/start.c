/*
 * start.c - what is read before trading begins.
 *
 *   orders        what rests; orders of previous sessions are settled, their fills read
 *   fills         of the last hour: these trade ids are known from now on
 *   account       balance and positions
 *   again         fills, balance and positions: if there is a new fill, other cash, or another
 *                 position (a market paid between two answers, of which one may have been on its
 *                 way for long), nobody can say whether the account has it: account again
 *
 * What is read twice and is the same was so all the time between the two reads. So balance and
 * positions are of one moment, when the first ones had been answered and the second ones had not
 * been asked for; the account at the start holds exactly the fills whose ids are known and the
 * payments of positions that are gone, and each later one counts once.
 */
#include <string.h>

#include "orders/orders_int.h"

#define FILLS_BACK_S 3600

static void ask(struct orders *o, enum gw_op op, enum purpose purpose, int64_t min_ts_s)
{
    struct gw_request req = {.op = (uint16_t)op, .mkt = MKT_NONE, .min_ts_s = min_ts_s};
    if (op == GW_LIST_ORDERS) {
        req.flags = GW_RESTING_ONLY;
    }
    if (request(o, &req, purpose, 0) != 0) {
        o->start.waiting++;
    } else {
        o->start.failed = true;
    }
}

static void stage_begin(struct orders *o)
{
    struct start *s = &o->start;
    int64_t since = s->wall / NS_PER_SEC - FILLS_BACK_S;
    s->failed = false;
    switch (s->stage) {
    case START_ORDERS:
        s->resting = 0;
        foreign_drop(o);
        ask(o, GW_LIST_ORDERS, FOR_START_ORDERS, 0);
        break;
    case START_FILLS:
        ask(o, GW_LIST_FILLS, FOR_START_FILLS, since);
        break;
    case START_ACCOUNT:
        s->dirty = false;
        for (uint32_t h = 0; h < o->account.n; h++) {
            account_adopt(&o->account, h, 0, 0);
            account_set_totals(&o->account, h, 0, 0);
        }
        ask(o, GW_GET_BALANCE, FOR_START_BALANCE, 0);
        ask(o, GW_LIST_POSITIONS, FOR_START_POSITIONS, 0);
        break;
    case START_AGAIN:
        for (uint32_t h = 0; h < o->account.n; h++) {
            o->lots[h].shown = false;
        }
        ask(o, GW_LIST_FILLS, FOR_START_FILLS_AGAIN, since);
        ask(o, GW_GET_BALANCE, FOR_START_BALANCE_AGAIN, 0);
        ask(o, GW_LIST_POSITIONS, FOR_START_POSITIONS_AGAIN, 0);
        break;
    case START_DONE:
        break;
    }
    if (s->waiting == 0 && s->failed) {
        timers_set(&o->timers, timer_start(o), o->mono + back_off(o, s->tries++));
    }
}

void start_begin(struct orders *o)
{
    o->start.begun = true;
    o->start.wall = o->wall;
    for (uint32_t i = 0; i < o->config.orders_max; i++) {
        if (o->slots[i].restored) {
            /* It was signed before its process ended, and that was before now. */
            o->slots[i].signed_wall = o->wall;
            order_event(o, i, OE_RESTORED, "open at the end of a previous session");
            order_plan(o, i);
        }
    }
    if (o->start.stage != START_DONE) {
        stage_begin(o);
    }
}

void start_due(struct orders *o)
{
    if (o->start.waiting == 0 && o->start.stage != START_DONE) {
        stage_begin(o);
    }
}

static bool orders_settled(const struct orders *o)
{
    for (uint32_t i = 0; i < o->n_live; i++) {
        const struct order *ord = &o->slots[o->live[i]];
        if (ord->state == ORDER_UNKNOWN || ord->reading || order_owed(ord)) {
            return false;
        }
    }
    return true;
}

/* What is there at the start, whoever made it. */
static void report(struct orders *o)
{
    const struct account *a = &o->account;
    struct rec_reconcile cash = {
        .ours = a->cash_total, .theirs = a->cash_total, .kind = RECONCILE_CASH};
    record_reconcile(o, MKT_NONE, "cash", cash, "start: the balance");
    o->pv_exchange = o->start.balance + o->start.portfolio;
    o->pv_exchange_known = true;
    for (uint32_t i = 0; i < a->n_held; i++) {
        const struct holding *p = &a->holdings[a->held[i]];
        struct rec_reconcile r = {.ours = p->position, .theirs = p->position};
        record_reconcile(o, p->mkt, p->ticker, r, "start: held already");
        if (o->lots[a->held[i]].settled) {
            lot_want_position(o, a->held[i], o->config.position_read_delay);
        }
    }
}

static void finish(struct orders *o)
{
    struct start *s = &o->start;
    usd_t cash = s->balance + (o->config.balance_excludes_resting ? s->resting : 0);
    account_set_cash(&o->account, cash);
    s->stage = START_DONE;
    report(o);
    foreign_done(o);
    timers_set(&o->timers, timer_sweep(o), o->mono + o->config.sweep);
    for (uint32_t h = 0; h < o->account.n; h++) {
        lot_refresh(o, h);
        if (o->account.holdings[h].position != 0) {
            record_account(o, h);
        }
    }
    watch_worth(o);
    o->version++;
    if (o->sinks.ask_again != NULL) {
        o->sinks.ask_again(o->sinks.self, MKT_ALL);
    }
}

static void stage_done(struct orders *o)
{
    struct start *s = &o->start;
    if (s->failed || (s->stage == START_ORDERS && !orders_settled(o))) {
        timers_set(&o->timers, timer_start(o), o->mono + back_off(o, s->tries++));
        return;
    }
    s->tries = s->dirty ? s->tries + 1 : 0;
    switch (s->stage) {
    case START_ORDERS:
        s->stage = START_FILLS;
        break;
    case START_FILLS:
        s->stage = START_ACCOUNT;
        break;
    case START_ACCOUNT:
        s->stage = START_AGAIN;
        break;
    case START_AGAIN:
        if (!s->dirty) {
            finish(o);
            return;
        }
        s->stage = START_ACCOUNT;
        timers_set(&o->timers, timer_start(o), o->mono + back_off(o, s->tries));
        return;
    case START_DONE:
        return;
    }
    stage_begin(o);
}

static void order_rows_start(struct orders *o, const struct ev_answer *a)
{
    const struct ev_user_order *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_ORDER; i++) {
        const struct ev_user_order *r = &rows[i];
        if (r->status != XORDER_RESTING || r->remaining <= 0 || r->remaining > QTY_LIMIT) {
            continue;
        }
        px_t own = r->outcome == SIDE_YES ? r->yes_px : PX_ONE - r->yes_px;
        o->start.resting += usd_of(own, r->remaining);
        foreign_row(o, r);
    }
}

static void position_rows_start(struct orders *o, const struct ev_answer *a)
{
    const struct ev_position *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_POSITION; i++) {
        if (memchr(rows[i].ticker, 0, sizeof rows[i].ticker) == NULL) {
            continue;
        }
        uint32_t h = rows[i].position != 0 ? lot_of(o, rows[i].ticker)
                                           : idtab_get(&o->account.index, rows[i].ticker);
        if (h == NONE && rows[i].position == 0) {
            continue; /* over and done with, in a market that is not followed */
        }
        if (h == NONE) {
            o->stats.table_errors++;
            orders_halt(o, "more positions than there is room for", true);
            continue;
        }
        account_adopt(&o->account, h, rows[i].position, rows[i].cost);
        account_set_totals(&o->account, h, rows[i].realized, rows[i].fees);
    }
}

static void position_rows_again(struct orders *o, const struct ev_answer *a)
{
    const struct ev_position *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_POSITION; i++) {
        if (rows[i].position == 0 || memchr(rows[i].ticker, 0, sizeof rows[i].ticker) == NULL) {
            continue;
        }
        uint32_t h = idtab_get(&o->account.index, rows[i].ticker);
        bool same = h != IDTAB_NONE && o->account.holdings[h].position == rows[i].position;
        bool no_room = h == IDTAB_NONE && o->account.n == o->account.cap; /* halted already */
        o->start.dirty = o->start.dirty || !(same || no_room);
        if (same) {
            o->lots[h].shown = true;
        }
    }
}

/* Every position that was read is in the second list too. */
static bool all_shown(const struct orders *o)
{
    for (uint32_t i = 0; i < o->account.n_held; i++) {
        if (!o->lots[o->account.held[i]].shown) {
            return false;
        }
    }
    return true;
}

void start_answer(struct orders *o, const struct req *r, const struct ev_answer *a, bool last)
{
    struct start *s = &o->start;
    s->failed = s->failed || a->outcome != GW_OK;
    if (r->purpose == FOR_START_ORDERS) {
        order_rows_start(o, a);
    } else if (r->purpose == FOR_START_BALANCE) {
        s->balance = a->balance;
        s->portfolio = a->portfolio_value;
    } else if (r->purpose == FOR_START_BALANCE_AGAIN) {
        s->dirty = s->dirty || a->balance != s->balance;
        s->portfolio = a->portfolio_value;
    } else if (r->purpose == FOR_START_POSITIONS) {
        position_rows_start(o, a);
    } else if (r->purpose == FOR_START_POSITIONS_AGAIN) {
        position_rows_again(o, a);
        s->dirty = s->dirty || (last && !all_shown(o));
    }
    if (last && --s->waiting == 0) {
        stage_done(o);
    }
}
