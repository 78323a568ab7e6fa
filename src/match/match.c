#include "match/match.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

#define LEVELS_MAX 9999

const char *match_reason_text(enum match_reason reason)
{
    static const char *const text[MATCH_BECAUSE_MAX] = {
        [MATCH_BECAUSE_NEW] = "",
        [MATCH_BECAUSE_USER] = "",
        [MATCH_BECAUSE_DECREASE] = "Decrease",
        [MATCH_BECAUSE_AMEND] = "Amend",
        [MATCH_BECAUSE_MARGIN] = "MarginCancel",
        [MATCH_BECAUSE_SELF_TRADE] = "SelfTradeCancel",
        [MATCH_BECAUSE_EXPIRY] = "ExpiryCancel",
        [MATCH_BECAUSE_CLOSE] = "CloseCancel",
        [MATCH_BECAUSE_TRADE] = "Trade",
        [MATCH_BECAUSE_REDUCE_ONLY] = "ReduceOnlyCancel",
        [MATCH_BECAUSE_IOC] = "",
        [MATCH_BECAUSE_POST_ONLY] = "PostOnlyCrossCancel",
        [MATCH_BECAUSE_HALT] = "HaltCancel",
        [MATCH_BECAUSE_GROUP] = "",
        [MATCH_BECAUSE_FOK] = "",
        [MATCH_BECAUSE_GRID] = "",
    };
    return reason < MATCH_BECAUSE_MAX ? text[reason] : "";
}

enum status match_create(const struct match_config *config, struct match **ret)
{
    if (config->max_markets == 0 || config->max_accounts == 0 || config->max_orders == 0) {
        return ST_INVALID;
    }
    struct match *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return ST_NOMEM;
    }
    m->config = *config;
    m->grain = config->grain > 0 ? config->grain : FEE_GRAIN;
    m->free = NONE;
    m->free_group = NONE;
    m->accounts = calloc((size_t)config->max_accounts + 1, sizeof *m->accounts);
    m->scratch = calloc(LEVELS_MAX + 1, sizeof *m->scratch);
    if (m->accounts == NULL || m->scratch == NULL) {
        match_destroy(m);
        return ST_NOMEM;
    }
    m->accounts[MATCH_ANON].first = NONE;
    m->result_no = 1;
    m->n_accounts = 1;
    *ret = m;
    return ST_OK;
}

void match_destroy(struct match *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->n_markets; i++) {
        side_finish(&m->markets[i].side[0]);
        side_finish(&m->markets[i].side[1]);
    }
    for (uint32_t i = 0; m->accounts != NULL && i < m->n_accounts; i++) {
        free(m->accounts[i].pos_of);
        free(m->accounts[i].positions);
    }
    free(m->markets);
    free(m->accounts);
    for (uint32_t i = 0; i < m->n_groups; i++) {
        free(m->groups[i].ring);
    }
    free(m->groups);
    free(m->slots);
    free(m->links);
    free(m->heap);
    free(m->scratch);
    free(m->deltas);
    free(m->trades);
    free(m->fills);
    free(m->updates);
    free(m->triggered);
    free(m);
}

enum status match_add_market(struct match *m, const struct grid *grid,
                             const struct match_fees *fees, bool recorded, uint32_t *ret_market)
{
    if (m->n_markets >= m->config.max_markets) {
        return ST_LIMIT;
    }
    if (m->n_markets == m->markets_cap) {
        uint32_t cap = m->markets_cap == 0 ? 16 : m->markets_cap * 2;
        struct market *k = realloc(m->markets, cap * sizeof *k);
        if (k == NULL) {
            return ST_NOMEM;
        }
        m->markets = k;
        m->markets_cap = cap;
    }
    struct market *k = &m->markets[m->n_markets];
    *k = (struct market){.grid = *grid, .fees = *fees, .recorded = recorded};
    if (side_init(&k->side[0], grid->levels) != ST_OK ||
        side_init(&k->side[1], grid->levels) != ST_OK) {
        side_finish(&k->side[0]);
        return ST_NOMEM;
    }
    *ret_market = m->n_markets++;
    return ST_OK;
}

enum status match_add_account(struct match *m, usd_t cash, uint32_t *ret_account)
{
    if (m->n_accounts > m->config.max_accounts) {
        return ST_LIMIT;
    }
    struct account *a = &m->accounts[m->n_accounts];
    *a = (struct account){.first = NONE, .owner = m->n_accounts};
    a->pub.cash = cash;
    *ret_account = m->n_accounts++;
    return ST_OK;
}

static bool is_account(const struct match *m, uint32_t account)
{
    return account != MATCH_ANON && account < m->n_accounts;
}

enum status match_add_subaccount(struct match *m, uint32_t of, uint32_t *ret_account)
{
    if (!is_account(m, of)) {
        return ST_NOT_FOUND;
    }
    uint32_t account = 0;
    enum status st = match_add_account(m, 0, &account);
    if (st != ST_OK) {
        return st;
    }
    m->accounts[account].owner = m->accounts[of].owner;
    *ret_account = account;
    return ST_OK;
}

/* --- cash --- */

static usd_t free_cash(const struct match_account *a)
{
    return a->cash - a->reserved;
}

enum status match_transfer(struct match *m, uint32_t from, uint32_t to, usd_t amount)
{
    if (!is_account(m, from) || !is_account(m, to)) {
        return ST_NOT_FOUND;
    }
    if (amount <= 0) {
        return ST_INVALID;
    }
    struct match_account *a = &m->accounts[from].pub;
    struct match_account *b = &m->accounts[to].pub;
    if (amount > free_cash(a) || amount > USD_LIMIT - b->cash) {
        return ST_LIMIT;
    }
    a->cash -= amount;
    b->cash += amount;
    return ST_OK;
}

enum status match_deposit(struct match *m, uint32_t account, usd_t amount)
{
    if (!is_account(m, account)) {
        return ST_NOT_FOUND;
    }
    if (amount == 0) {
        return ST_INVALID;
    }
    struct match_account *a = &m->accounts[account].pub;
    bool fits = amount > 0 ? amount <= USD_LIMIT - a->cash
                           : amount >= -USD_LIMIT && -amount <= free_cash(a);
    if (!fits) {
        return ST_LIMIT;
    }
    a->cash += amount;
    m->deposits += amount;
    return ST_OK;
}

/* --- reading --- */

const struct match_order *match_order_get(const struct match *m, uint64_t id)
{
    uint32_t slot = slot_of(m, id);
    return slot != NONE ? &m->slots[slot].o : NULL;
}

/* Counting all orders of a level at once makes it cheap to ask for each of them. */
qty_t match_queue_ahead(const struct match *m, uint64_t id)
{
    uint32_t slot = slot_of(m, id);
    if (slot == NONE || !m->slots[slot].in_book) {
        return 0;
    }
    const struct slot *s = &m->slots[slot];
    struct mlevel *l = level_at(m, s->o.market, s->o.side, s->index);
    if (l->ahead_no != m->result_no) {
        qty_t ahead = 0;
        for (uint32_t i = l->head; i != NONE; i = m->links[i].next) {
            ahead += m->slots[i].gap;
            m->slots[i].ahead = ahead;
            ahead += m->slots[i].o.remaining;
        }
        l->ahead_no = m->result_no;
    }
    return s->ahead;
}

px_t match_best(const struct match *m, uint32_t market, enum side side)
{
    int32_t i = side_best(m, market, side);
    return i >= 0 ? grid_px(&m->markets[market].grid, i) : 0;
}

static const struct mlevel *level_of(const struct match *m, uint32_t market, enum side side,
                                     px_t px)
{
    int32_t index = grid_index(&m->markets[market].grid, px);
    return index >= 0 ? level_at(m, market, side, index) : NULL;
}

qty_t match_level_qty(const struct match *m, uint32_t market, enum side side, px_t px)
{
    const struct mlevel *l = level_of(m, market, side, px);
    return l != NULL ? l->anon + l->users : 0;
}

qty_t match_anon_qty(const struct match *m, uint32_t market, enum side side, px_t px)
{
    const struct mlevel *l = level_of(m, market, side, px);
    return l != NULL ? l->anon : 0;
}

size_t match_levels(const struct match *m, uint32_t market, enum side side, struct level *out,
                    size_t cap)
{
    size_t n = 0;
    for (int32_t i = side_above(m, market, side, -1); i >= 0 && n < cap;
         i = side_above(m, market, side, i)) {
        const struct mlevel *l = level_at(m, market, side, i);
        out[n++] = (struct level){grid_px(&m->markets[market].grid, i), l->anon + l->users};
    }
    return n;
}

size_t match_level_count(const struct match *m, uint32_t market, enum side side)
{
    return m->markets[market].side[side].count;
}

const struct grid *match_grid(const struct match *m, uint32_t market)
{
    return &m->markets[market].grid;
}

uint32_t match_open_orders(const struct match *m, uint32_t account, uint64_t *out, uint32_t cap)
{
    uint32_t n = 0;
    for (uint32_t i = m->accounts[account].first; i != NONE; i = m->links[i].anext) {
        if (n < cap) {
            out[n] = m->slots[i].o.id;
        }
        n++;
    }
    return n;
}

const struct match_account *match_account(const struct match *m, uint32_t account)
{
    return &m->accounts[account].pub;
}

struct match_position match_position(const struct match *m, uint32_t account, uint32_t market)
{
    const struct match_position *p = position_find(m, account, market);
    return p != NULL ? *p : (struct match_position){.market = market};
}

const struct match_position *match_position_at(const struct match *m, uint32_t account, uint32_t i)
{
    return &m->accounts[account].positions[i];
}

qty_t match_open_interest(const struct match *m, uint32_t market)
{
    return m->markets[market].open_long;
}
