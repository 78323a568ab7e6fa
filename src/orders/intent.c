/*
 * intent.c - an action becomes an order, or does not.
 *
 * Every order is about the YES leg (kalshi-api.md section 8.1): it acquires an outcome at a YES
 * price. BUY_YES and SELL_NO acquire YES, SELL_YES and BUY_NO acquire NO. The best YES bid is 1 -
 * the best NO ask, and the other way round, so one price serves both names of the same trade.
 */
#include <string.h>

#include "orders/orders_int.h"

static struct orders_result result(enum verdict verdict, const char *check)
{
    return (struct orders_result){.verdict = verdict, .check = check};
}

static enum side outcome_of(enum action a)
{
    return a == ACT_BUY_YES || a == ACT_SELL_NO ? SIDE_YES : SIDE_NO;
}

/* The YES price at which to acquire the outcome; 0: there is none. */
static px_t price_of(enum price_style style, const struct book *book, enum side outcome)
{
    px_t bid = book_best(book, SIDE_YES);
    px_t ask = book_ask(book, SIDE_YES);
    bool yes = outcome == SIDE_YES;
    switch (style) {
    case PRICE_AGGRESSIVE:
        return yes ? ask : bid;
    case PRICE_PASSIVE:
        return yes ? bid : ask;
    case PRICE_MID:
        break;
    }
    px_t sum = bid + ask;
    return yes ? grid_floor(book_grid(book), sum / 2) : grid_ceil(book_grid(book), (sum + 1) / 2);
}

/*
 * What rests in the market, looked at for a new intent.
 *   something is not known, or owed       refuse
 *   something is under way                wait for it
 *   another outcome or action rests       cancel it first
 *   one rests near the wanted price       keep it (made smaller when less is wanted)
 *   there is room for another one         place it
 *   else                                  move the one that is furthest off, or cancel it
 */
enum manage { MANAGE_ANSWERED, MANAGE_PLACE, MANAGE_AMEND };

static enum manage answered(struct orders_result *ret, enum verdict verdict, const char *check)
{
    *ret = result(verdict, check);
    return MANAGE_ANSWERED;
}

static px_t apart(px_t a, px_t b)
{
    return a > b ? a - b : b - a;
}

/* What may still be added when others that rest want theirs first; 0: nothing. */
static qty_t left_of(qty_t qty, qty_t most, qty_t others)
{
    qty_t left = most > others ? most - others : 0;
    return qty < left ? qty : left;
}

/* most: what the orders of this side may have resting together. *qty: what the order is to rest
 * with, made smaller when others rest; 0 with MANAGE_AMEND: it has to go. */
static enum manage manage(struct orders *o, uint32_t h, enum side outcome, bool is_buy, px_t yes_px,
                          qty_t *qty, qty_t most, uint32_t *ret_slot, struct orders_result *ret)
{
    uint32_t near = NONE, far = NONE, n = 0;
    qty_t rest = 0;
    bool pending = false, against = false;
    uint32_t next = NONE;
    for (uint32_t i = o->lots[h].first; i != NONE; i = next) {
        struct order *ord = &o->slots[i];
        next = ord->next;
        if (ord->state == ORDER_UNKNOWN) {
            return answered(ret, VERDICT_REFUSED, "unknown_order");
        }
        if (!order_state_open(ord->state)) {
            return answered(ret, VERDICT_REFUSED, "fills_owed");
        }
        n++;
        if (ord->outcome != outcome || ord->is_buy != is_buy) {
            against = true;
            continue;
        }
        pending = pending || ord->cancel_wanted || ord->state == ORDER_CANCEL_SENT ||
                  ord->state == ORDER_AMEND_SENT;
        rest += ord->qty - ord->filled;
        px_t off = apart(ord->yes_px, yes_px);
        if (near == NONE || off < apart(o->slots[near].yes_px, yes_px)) {
            near = i;
        }
        if (far == NONE || off > apart(o->slots[far].yes_px, yes_px)) {
            far = i;
        }
    }
    if (n == 0) {
        return MANAGE_PLACE;
    }
    if (against) {
        for (uint32_t i = o->lots[h].first; i != NONE; i = next) {
            next = o->slots[i].next;
            if (o->slots[i].outcome != outcome || o->slots[i].is_buy != is_buy) {
                o->slots[i].cancel_wanted = true;
                order_plan(o, i);
            }
        }
        return answered(ret, VERDICT_KEPT, "cancel_first");
    }
    if (pending) {
        return answered(ret, VERDICT_KEPT, "change_pending");
    }
    struct order *ord = &o->slots[near];
    bool on_book = ord->state == ORDER_RESTING || ord->state == ORDER_PART;
    if (apart(ord->yes_px, yes_px) <= o->config.replace_distance) {
        qty_t now = ord->qty - ord->filled;
        *qty = left_of(*qty, most, rest - now);
        if (on_book && o->config.amend && !ord->create_due && *qty < now) {
            *ret_slot = near; /* smaller at its own price: it keeps its place */
            return MANAGE_AMEND;
        }
        if (*qty < now) { /* it may not be amended: it goes, and a smaller one follows */
            ord->cancel_wanted = true;
            order_plan(o, near);
            return answered(ret, VERDICT_KEPT, "cancel_first");
        }
        return answered(ret, VERDICT_KEPT, "");
    }
    if (n < o->config.market_orders_max && left_of(*qty, most, rest) > 0) {
        *qty = left_of(*qty, most, rest);
        return MANAGE_PLACE;
    }
    ord = &o->slots[far];
    on_book = ord->state == ORDER_RESTING || ord->state == ORDER_PART;
    if (o->config.amend && on_book && !ord->create_due && !order_owed(ord)) {
        *qty = left_of(*qty, most, rest - (ord->qty - ord->filled));
        *ret_slot = far;
        return MANAGE_AMEND;
    }
    ord->cancel_wanted = true;
    order_plan(o, far);
    return answered(ret, VERDICT_KEPT, "replace");
}

/* Would it match an open order of ours? */
static bool crosses_own(const struct orders *o, uint32_t h, enum side outcome, px_t yes_px)
{
    for (uint32_t i = o->lots[h].first; i != NONE; i = o->slots[i].next) {
        const struct order *ord = &o->slots[i];
        px_t off = outcome == SIDE_YES ? yes_px - ord->yes_px : ord->yes_px - yes_px;
        if (order_state_open(ord->state) && ord->outcome != outcome && off >= 0) {
            return true;
        }
    }
    return false;
}

static bool same_as_before(const struct orders *o, uint32_t h, enum side outcome, px_t yes_px,
                           qty_t qty)
{
    const struct lot *lot = &o->lots[h];
    return lot->sent_any && lot->sent_outcome == outcome && lot->sent_px == yes_px &&
           lot->sent_qty == qty && o->mono - lot->sent_at < o->config.limits.duplicate;
}

static void trade_range(const struct lot *lot, px_t *ret_low, px_t *ret_high)
{
    uint32_t n = lot->n_trades < TRADES_SEEN ? lot->n_trades : TRADES_SEEN;
    *ret_low = n > 0 ? lot->trades[0] : 0;
    *ret_high = *ret_low;
    for (uint32_t i = 1; i < n; i++) {
        *ret_low = lot->trades[i] < *ret_low ? lot->trades[i] : *ret_low;
        *ret_high = lot->trades[i] > *ret_high ? lot->trades[i] : *ret_high;
    }
}

/* replaces: the order whose terms change; NONE: a new one. closing: it only gets rid of what is
 * held, which a halt and a loss do not forbid. */
static struct risk_refusal gate(struct orders *o, uint32_t h, enum side outcome, px_t yes_px,
                                qty_t qty, uint32_t replaces, bool closing,
                                const struct orders_view *view)
{
    const struct account *a = &o->account;
    struct risk_view v = {
        .ready = orders_ready(o),
        .private_link = o->link_up || !o->config.wants_link,
        .group_ready = group_id(o, h) != NULL,
        .halted = (o->halted && !closing) || o->stopped,
        .market_halted = o->lots[h].halted && !closing,
        .market_ok = view->tradable && book_two_sided(view->book),
        .lagging = view->lagging,
        .unchecked = view->unchecked,
        .grid = book_grid(view->book),
        .yes_px = yes_px,
        .qty = qty,
        .outcome = outcome,
        .position = a->holdings[h].position,
        /* What others have resting in this account counts too. */
        .exposure = a->cost + a->cash_reserved + o->foreign_cost,
        .cash_free = account_free(a) - o->foreign_cost,
        .open_orders = (replaces != NONE ? o->n_open - 1 : o->n_open) + o->foreign_open,
        .loss = closing ? 0 : worth_loss(&o->worth),
        .loss_day = closing ? 0 : worth_loss_day(&o->worth),
        .drawdown = closing ? 0 : worth_drawdown(&o->worth),
        .fills_lately = rate_lately(&o->fills_rate, o->mono),
        .orders_lately = rate_lately(&o->orders_rate, o->mono),
        .tokens_short = budget_needed(&o->budget, o->n_open) - budget_tokens(&o->budget, o->mono),
        .duplicate = same_as_before(o, h, outcome, yes_px, qty),
        .self_cross = crosses_own(o, h, outcome, yes_px),
    };
    if (v.market_ok) {
        v.mid2 = book_best(view->book, SIDE_YES) + book_ask(view->book, SIDE_YES);
    }
    trade_range(&o->lots[h], &v.trade_low, &v.trade_high);
    v.needed = lot_reserve(o, h, outcome, yes_px, qty, replaces, &v.open_same_side);
    v.open_same_side += o->lots[h].foreign[outcome];
    if (replaces != NONE) { /* what it reserves now is given back, or goes into the new terms */
        usd_t more = v.needed - o->slots[replaces].reserved;
        v.needed = more > 0 ? more : 0;
    }
    v.added = v.needed;
    return risk_gate(&o->config.limits, &v, &o->risk);
}

/* A refusal by the journal or the gateway: the order never left. */
static struct orders_result not_taken(struct orders *o, uint32_t slot, const char *why)
{
    uint32_t h = o->slots[slot].h;
    order_event(o, slot, OE_NOT_TAKEN, why);
    say_outcome(o, h, false);
    return result(VERDICT_ERROR, why);
}

/* What an order is to do. */
struct terms {
    enum side outcome;
    bool is_buy;
    px_t yes_px;
    qty_t qty;
    enum gw_tif tif;
    bool reduce_only;
};

static struct orders_result place(struct orders *o, uint32_t h, const struct terms *t,
                                  mono_ns_t frame_mono)
{
    uint32_t slot = order_slot_new(o, h);
    if (slot == NONE) {
        say_outcome(o, h, false);
        return result(VERDICT_ERROR, "orders_full");
    }
    struct order *ord = &o->slots[slot];
    ord->outcome = t->outcome;
    ord->is_buy = t->is_buy;
    ord->yes_px = t->yes_px;
    ord->qty = t->qty;
    ord->placed_wall = o->wall;
    ord->placed_mono = o->mono;
    order_client_id(o->config.session_id, ord->number, ord->client_id);
    if (idtab_put(&o->by_client, ord->client_id, slot) != ST_OK) {
        return not_taken(o, slot, "client_id");
    }
    lot_refresh(o, h);
    if (journal_order(o, ord, JOURNAL_INTENT) != ST_OK) {
        o->stats.journal_failures++;
        return not_taken(o, slot, "journal");
    }
    order_event(o, slot, OE_STORED, "");
    struct gw_request req = {
        .op = GW_CREATE,
        .order_number = ord->number,
        .born_mono = o->mono,
        .frame_mono = frame_mono,
        .mkt = o->account.holdings[h].mkt,
        .outcome = t->outcome,
        .tif = t->tif,
        .yes_px = t->yes_px,
        .qty = t->qty,
        .reduce_only = t->reduce_only,
    };
    memcpy(req.ticker, o->account.holdings[h].ticker, sizeof req.ticker);
    memcpy(req.client_id, ord->client_id, sizeof req.client_id);
    const char *group = group_id(o, h);
    if (group != NULL) {
        memcpy(req.group_id, group, strlen(group) + 1);
    }
    if (request(o, &req, FOR_CREATE, slot) == 0) {
        o->stats.gateway_full++;
        return not_taken(o, slot, "gateway");
    }
    budget_spend(&o->budget, BUDGET_CREATE, o->mono);
    ord->create_due = true;
    o->stats.sent++;
    rate_add(&o->orders_rate, o->mono);
    struct lot *lot = &o->lots[h];
    lot->sent_any = true;
    lot->sent_outcome = t->outcome;
    lot->sent_px = t->yes_px;
    lot->sent_qty = t->qty;
    lot->sent_at = o->mono;
    order_event(o, slot, OE_SENT, "");
    return (struct orders_result){
        .verdict = VERDICT_SENT, .check = "", .order_number = ord->number};
}

struct orders_result orders_intend(struct orders *o, uint32_t mkt, enum action action,
                                   const struct orders_view *view)
{
    uint32_t h = orders_holding(o, mkt);
    if (h == NONE || action == ACT_HOLD || (int)action < 0 || action > ACT_SELL_NO) {
        return result(VERDICT_ERROR, "bad_action");
    }
    o->stats.intents++;
    bool is_buy = action == ACT_BUY_YES || action == ACT_BUY_NO;
    enum side outcome = outcome_of(action);
    px_t yes_px = book_two_sided(view->book) ? price_of(o->config.style, view->book, outcome) : 0;
    struct orders_result ret;
    qty_t qty = o->config.order_qty;
    qty_t most = INT64_MAX;
    if (!is_buy && !o->config.allow_short) {
        qty_t position = o->account.holdings[h].position;
        qty_t held = outcome == SIDE_YES ? -position : position;
        qty = held < qty ? held : qty;
        if (qty <= 0) {
            qty = 0;
        }
        most = held;
    }
    uint32_t slot = NONE;
    enum manage what = MANAGE_PLACE;
    /* A halt that keeps what rests keeps it from the policy too. */
    bool halted = o->halted || o->stopped || o->lots[h].halted;
    if (yes_px != 0 && !halted) {
        what = manage(o, h, outcome, is_buy, yes_px, &qty, most, &slot, &ret);
        if (what == MANAGE_ANSWERED) {
            return ret;
        }
    }
    if (qty == 0 && what == MANAGE_AMEND) { /* what rests would sell what is not there */
        o->slots[slot].cancel_wanted = true;
        order_plan(o, slot);
        return result(VERDICT_KEPT, "cancel_first");
    }
    if (qty == 0) {
        return result(VERDICT_REFUSED, "nothing_held");
    }
    if (what == MANAGE_AMEND &&
        apart(o->slots[slot].yes_px, yes_px) <= o->config.replace_distance) {
        yes_px = o->slots[slot].yes_px; /* only smaller */
    }
    watch_worth(o);
    struct risk_refusal no = gate(o, h, outcome, yes_px, qty, slot, false, view);
    if (no.check != RISK_PASS) {
        ret = result(VERDICT_REFUSED, risk_name(no.check));
        ret.value = no.value;
        ret.limit = no.limit;
        return ret;
    }
    if (what == MANAGE_AMEND) {
        struct order *ord = &o->slots[slot];
        if (!send_amend(o, slot, yes_px, ord->filled + qty)) {
            say_outcome(o, h, false);
            return result(VERDICT_ERROR, "amend_not_taken");
        }
        return (struct orders_result){VERDICT_SENT, "amend", 0, 0, ord->number};
    }
    struct terms t = {outcome, is_buy, yes_px, qty, o->config.tif, false};
    return place(o, h, &t, view->frame_mono);
}

struct orders_result orders_close(struct orders *o, uint32_t mkt, const struct orders_view *view)
{
    uint32_t h = orders_holding(o, mkt);
    qty_t position = h != NONE ? o->account.holdings[h].position : 0;
    if (position == 0) {
        return result(VERDICT_HOLD, "");
    }
    if (o->lots[h].n_live != 0) {
        return result(VERDICT_KEPT, "order_pending"); /* its end asks again */
    }
    qty_t held = position > 0 ? position : -position;
    qty_t most = o->config.limits.order_qty_max;
    struct terms t = {
        .outcome = position > 0 ? SIDE_NO : SIDE_YES,
        .qty = held < most ? held : most,
        .tif = GW_IOC,
        .reduce_only = true,
    };
    t.yes_px = book_two_sided(view->book) ? price_of(PRICE_AGGRESSIVE, view->book, t.outcome) : 0;
    struct risk_refusal no = gate(o, h, t.outcome, t.yes_px, t.qty, NONE, true, view);
    if (no.check != RISK_PASS) {
        struct orders_result r = result(VERDICT_REFUSED, risk_name(no.check));
        r.value = no.value;
        r.limit = no.limit;
        return r;
    }
    return place(o, h, &t, 0);
}

/* --- stopping --- */

void orders_cancel_all(struct orders *o)
{
    for (uint32_t i = 0; i < o->config.orders_max; i++) {
        struct order *ord = &o->slots[i];
        if (ord->number != 0 && !ord->settled && order_state_open(ord->state)) {
            ord->cancel_wanted = true;
            order_plan(o, i);
        }
    }
}

void orders_stop(struct orders *o, bool keep)
{
    o->stopped = true;
    o->keep = keep || o->config.keep_on_stop;
    if (!o->keep) {
        orders_cancel_all(o);
    }
}

/* ticker "": everything. */
static void journal_halt(struct orders *o, enum journal_type type, const char *ticker,
                         const char *reason)
{
    struct journal_record r = {.type = (uint16_t)type, .wall = o->wall};
    memcpy(r.ticker, ticker, strnlen(ticker, sizeof r.ticker - 1));
    memcpy(r.reason, reason, strnlen(reason, sizeof r.reason - 1));
    if (o->sinks.journal.append != NULL &&
        o->sinks.journal.append(o->sinks.journal.self, &r) != ST_OK) {
        o->stats.journal_failures++;
    }
}

void orders_halt(struct orders *o, const char *reason, bool keep)
{
    if (!o->halted) {
        o->halted = true;
        o->version++;
        size_t n = strnlen(reason, sizeof o->reason - 1);
        memcpy(o->reason, reason, n);
        o->reason[n] = 0;
        journal_halt(o, JOURNAL_HALT, "", o->reason);
    }
    if (!keep) {
        orders_cancel_all(o);
    }
}

void orders_resume(struct orders *o)
{
    bool any = o->halted;
    for (uint32_t h = 0; h < o->account.n; h++) {
        any = any || o->lots[h].halted;
    }
    if (any) {
        journal_halt(o, JOURNAL_RELEASE, "", o->reason);
    }
    groups_reset(o); /* also without a halt: a guard may have triggered them unnoticed */
    o->halted = false;
    o->auth_row = 0;
    o->unknown_row = 0;
    o->worth.known = false; /* a person has seen the loss: what is lost from here on counts */
    o->worth_version = 0;
    o->reason[0] = 0;
    o->version++;
    for (uint32_t h = 0; h < o->account.n; h++) {
        o->lots[h].halted = false;
    }
}

void orders_halt_market(struct orders *o, uint32_t mkt, const char *reason)
{
    uint32_t h = orders_holding(o, mkt);
    if (h == NONE) {
        return;
    }
    struct lot *lot = &o->lots[h];
    if (!lot->halted) {
        lot->halted = true;
        size_t n = strnlen(reason, sizeof lot->reason - 1);
        memcpy(lot->reason, reason, n);
        lot->reason[n] = 0;
        o->version++;
        journal_halt(o, JOURNAL_HALT, o->account.holdings[h].ticker, lot->reason);
    }
    for (uint32_t i = lot->first; i != NONE; i = o->slots[i].next) {
        if (order_state_open(o->slots[i].state)) {
            o->slots[i].cancel_wanted = true;
            order_plan(o, i);
        }
    }
}

bool orders_halted(const struct orders *o, const char **ret_reason)
{
    if (ret_reason != NULL) {
        *ret_reason = o->reason;
    }
    return o->halted;
}

const char *orders_market_halted(const struct orders *o, uint32_t mkt)
{
    uint32_t h = orders_holding(o, mkt);
    return h != NONE && o->lots[h].halted ? o->lots[h].reason : NULL;
}
