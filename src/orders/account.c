#include "orders/account.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide_t;

enum status account_init(struct account *a, uint32_t cap)
{
    *a = (struct account){.cap = cap};
    a->holdings = calloc(cap, sizeof *a->holdings);
    a->held = calloc(cap, sizeof *a->held);
    if (a->holdings == NULL || a->held == NULL || idtab_init(&a->index, cap) != ST_OK) {
        account_finish(a);
        return ST_NOMEM;
    }
    return ST_OK;
}

void account_finish(struct account *a)
{
    free(a->holdings);
    free(a->held);
    idtab_finish(&a->index);
    *a = (struct account){0};
}

uint32_t account_holding(struct account *a, const char *ticker)
{
    uint32_t h = idtab_get(&a->index, ticker);
    if (h != IDTAB_NONE) {
        return h;
    }
    size_t n = strnlen(ticker, TICKER_MAX);
    if (n == TICKER_MAX || a->n == a->cap || idtab_put(&a->index, ticker, a->n) != ST_OK) {
        return UINT32_MAX;
    }
    struct holding *p = &a->holdings[a->n];
    p->mkt = MKT_NONE;
    memcpy(p->ticker, ticker, n + 1);
    return a->n++;
}

/* Keep the list of holdings that are not flat in step; its order is that of the indices. */
static void list_held(struct account *a, uint32_t h)
{
    bool want = a->holdings[h].position != 0;
    uint32_t i = 0;
    while (i < a->n_held && a->held[i] < h) {
        i++;
    }
    bool there = i < a->n_held && a->held[i] == h;
    if (want && !there) {
        memmove(&a->held[i + 1], &a->held[i], (a->n_held - i) * sizeof *a->held);
        a->held[i] = h;
        a->n_held++;
    } else if (!want && there) {
        a->n_held--;
        memmove(&a->held[i], &a->held[i + 1], (a->n_held - i) * sizeof *a->held);
    }
}

static void value(struct account *a, struct holding *p)
{
    usd_t mid = p->cost;
    if (p->mid2 != 0) {
        px_t own2 = p->position >= 0 ? p->mid2 : 2 * PX_ONE - p->mid2;
        qty_t n = p->position >= 0 ? p->position : -p->position;
        mid = usd_of(own2, n) / 2;
    }
    usd_t out =
        p->position >= 0 ? usd_of(p->yes_bid, p->position) : usd_of(p->no_bid, -p->position);
    if (mid != p->value_mid || out != p->value_exit) {
        a->value_mid += mid - p->value_mid;
        a->value_exit += out - p->value_exit;
        p->value_mid = mid;
        p->value_exit = out;
        a->version++;
    }
}

static void set_position(struct account *a, uint32_t h, qty_t position, usd_t cost)
{
    struct holding *p = &a->holdings[h];
    a->cost += cost - p->cost;
    p->position = position;
    p->cost = cost;
    a->version++;
    list_held(a, h);
    value(a, p);
}

static qty_t min_qty(qty_t x, qty_t y)
{
    return x < y ? x : y;
}

void account_fill(struct account *a, uint32_t h, enum side outcome, px_t yes_px, qty_t qty,
                  usd_t fee)
{
    struct holding *p = &a->holdings[h];
    px_t own = outcome == SIDE_YES ? yes_px : PX_ONE - yes_px;
    qty_t other = outcome == SIDE_YES ? -p->position : p->position; /* held of the other outcome */
    qty_t close = other > 0 ? min_qty(other, qty) : 0;
    usd_t cost = p->cost;
    if (close > 0) {
        usd_t part = close == other ? p->cost : (usd_t)((wide_t)p->cost * close / other);
        usd_t brings = usd_of(PX_ONE - own, close);
        p->realized += brings - part;
        a->realized += brings - part;
        a->cash_total += brings;
        cost -= part;
    }
    usd_t opens = usd_of(own, qty - close);
    a->cash_total -= opens + fee;
    p->fees += fee;
    a->fees += fee;
    set_position(a, h, p->position + (outcome == SIDE_YES ? qty : -qty), cost + opens);
}

#define CENT ((usd_t)10000)

usd_t account_payout(const struct account *a, uint32_t h, px_t yes_px)
{
    qty_t n = a->holdings[h].position;
    usd_t whole = n >= 0 ? usd_of(yes_px, n) : usd_of(PX_ONE - yes_px, -n);
    return whole - whole % CENT;
}

void account_settle(struct account *a, uint32_t h, px_t yes_px)
{
    struct holding *p = &a->holdings[h];
    usd_t paid = account_payout(a, h, yes_px);
    a->cash_total += paid;
    p->realized += paid - p->cost;
    a->realized += paid - p->cost;
    set_position(a, h, 0, 0);
}

void account_adopt(struct account *a, uint32_t h, qty_t position, usd_t cost)
{
    set_position(a, h, position, position != 0 ? cost : 0);
}

void account_recost(struct account *a, uint32_t h, usd_t cost)
{
    struct holding *p = &a->holdings[h];
    usd_t more = cost - p->cost;
    if (more == 0 || p->position == 0) {
        return;
    }
    p->realized += more;
    a->realized += more;
    set_position(a, h, p->position, cost);
}

void account_set_totals(struct account *a, uint32_t h, usd_t realized, usd_t fees)
{
    a->holdings[h].realized = realized;
    a->holdings[h].fees = fees;
}

void account_set_cash(struct account *a, usd_t cash)
{
    if (cash != a->cash_total) {
        a->cash_total = cash;
        a->version++;
    }
}

void account_set_reserved(struct account *a, usd_t reserved)
{
    if (reserved != a->cash_reserved) {
        a->cash_reserved = reserved;
        a->version++;
    }
}

void account_mark(struct account *a, uint32_t h, px_t yes_bid, px_t no_bid)
{
    struct holding *p = &a->holdings[h];
    p->yes_bid = yes_bid;
    p->no_bid = no_bid;
    if (yes_bid != 0 && no_bid != 0) {
        p->mid2 = yes_bid + PX_ONE - no_bid;
    }
    if (p->position != 0) {
        value(a, p);
    }
}
