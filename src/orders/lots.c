/*
 * lots.c - what orders keep of a market: its fee, what it is worth, cash reserved in it.
 *
 * A lot has the index of the account's holding.
 */
#include "orders/orders.h"

#include "orders/orders_int.h"

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

/* --- reserved cash --- */

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
