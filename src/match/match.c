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
    m->free = NONE;
    m->next_expiry = NS_NEVER;
    m->accounts = calloc((size_t)config->max_accounts + 1, sizeof *m->accounts);
    m->scratch = calloc(LEVELS_MAX + 1, sizeof *m->scratch);
    if (m->accounts == NULL || m->scratch == NULL) {
        match_destroy(m);
        return ST_NOMEM;
    }
    m->accounts[MATCH_ANON].first = NONE;
    m->n_accounts = 1;
    *ret = m;
    return ST_OK;
}

static void market_finish(struct market *k)
{
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; k->side[s].pages != NULL && i < k->side[s].n_words; i++) {
            free(k->side[s].pages[i]);
        }
        free(k->side[s].pages);
        free(k->side[s].bits);
    }
}

void match_destroy(struct match *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->n_markets; i++) {
        market_finish(&m->markets[i]);
    }
    for (uint32_t i = 0; m->accounts != NULL && i < m->n_accounts; i++) {
        free(m->accounts[i].pos_of);
        free(m->accounts[i].positions);
    }
    free(m->markets);
    free(m->accounts);
    free(m->slots);
    free(m->scratch);
    free(m->deltas);
    free(m->trades);
    free(m->fills);
    free(m->updates);
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
    for (int s = 0; s < 2; s++) {
        k->side[s].n_words = ((uint32_t)grid->levels + PAGE - 1) / PAGE;
        k->side[s].pages = calloc(k->side[s].n_words, sizeof *k->side[s].pages);
        k->side[s].bits = calloc(k->side[s].n_words, sizeof *k->side[s].bits);
        if (k->side[s].pages == NULL || k->side[s].bits == NULL) {
            market_finish(k);
            return ST_NOMEM;
        }
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
    *a = (struct account){.first = NONE};
    a->pub.cash = cash;
    *ret_account = m->n_accounts++;
    return ST_OK;
}

/* --- a market's life --- */

void match_halt(struct match *m, uint32_t market, bool halted)
{
    m->markets[market].halted = halted || m->markets[market].closed;
}

bool match_halted(const struct match *m, uint32_t market)
{
    return m->markets[market].halted;
}

void match_close(struct match *m, uint32_t market, wall_ns_t now)
{
    out_clear(m);
    struct market *k = &m->markets[market];
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        int32_t i = side_best(m, market, side);
        while (i >= 0) {
            struct mlevel *l = level_at(m, market, side, i);
            while (l->head != NONE) {
                order_end(m, l->head, MATCH_BECAUSE_CLOSE, false, now);
            }
            l->anon = 0;
            l->tail = 0;
            l->taken = 0;
            level_touch(m, market, side, i);
            i = side_below(m, market, side, i);
        }
    }
    k->halted = true;
    k->closed = true;
}

/* --- reading --- */

const struct match_order *match_order_get(const struct match *m, uint64_t id)
{
    uint32_t slot = slot_of(m, id);
    return slot != NONE ? &m->slots[slot].o : NULL;
}

qty_t match_queue_ahead(const struct match *m, uint64_t id)
{
    uint32_t slot = slot_of(m, id);
    if (slot == NONE || !m->slots[slot].in_book) {
        return 0;
    }
    qty_t ahead = m->slots[slot].gap;
    for (uint32_t i = m->slots[slot].prev; i != NONE; i = m->slots[i].prev) {
        ahead += m->slots[i].gap + m->slots[i].o.remaining;
    }
    return ahead;
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

/* --- checking --- */

static const char *check_level(const struct match *m, const struct mlevel *l)
{
    qty_t anon = l->tail;
    qty_t users = 0;
    uint32_t prev = NONE;
    for (uint32_t i = l->head; i != NONE; i = m->slots[i].next) {
        const struct slot *s = &m->slots[i];
        if (!s->live || !s->in_book || s->prev != prev || s->o.remaining <= 0 || s->gap < 0) {
            return "an order in a queue is not as it must be";
        }
        anon += s->gap;
        users += s->o.remaining;
        prev = i;
    }
    if (prev != l->last) {
        return "a queue's last order is not its last";
    }
    if (l->tail < 0 || l->taken < 0 || anon != l->anon || users != l->users) {
        return "a level's sums differ from its queue";
    }
    return NULL;
}

static const char *check_side(const struct match *m, uint32_t market, enum side side)
{
    const struct market *k = &m->markets[market];
    for (int32_t i = 0; i < k->grid.levels; i++) {
        const struct mlevel *l = level_at(m, market, side, i);
        bool bit = (k->side[side].bits[(uint32_t)i >> 6] >> ((uint32_t)i & 63)) & 1;
        if (bit != (l != NULL && l->anon + l->users > 0)) {
            return "the bitmap of levels is wrong";
        }
        const char *why = l != NULL ? check_level(m, l) : NULL;
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

static const char *check_account(const struct match *m, uint32_t account)
{
    const struct account *a = &m->accounts[account];
    usd_t reserved = 0;
    for (uint32_t i = 0; i < a->pub.n_positions; i++) {
        const struct match_position *p = &a->positions[i];
        if (p->reserved != reserve_if(p, SIDE_YES, 0, 0)) {
            return "a position's reserve is stale";
        }
        if (p->cost < 0 || (p->qty == 0 && p->cost != 0)) {
            return "a position's cost is wrong";
        }
        qty_t open[2] = {0, 0};
        for (uint32_t s = a->first; s != NONE; s = m->slots[s].anext) {
            if (m->slots[s].o.market == p->market) {
                open[m->slots[s].o.side] += m->slots[s].o.remaining;
            }
        }
        if (open[0] != p->resting[0] || open[1] != p->resting[1]) {
            return "a position's open orders differ from the orders";
        }
        reserved += p->reserved;
    }
    if (reserved != a->pub.reserved) {
        return "an account's reserve differs from its positions";
    }
    return a->pub.cash < 0 ? "an account's cash is below zero" : NULL;
}

bool match_check(const struct match *m, const char **ret_why)
{
    const char *why = NULL;
    for (uint32_t i = 0; i < m->n_markets && why == NULL; i++) {
        why = check_side(m, i, SIDE_YES);
        why = why != NULL ? why : check_side(m, i, SIDE_NO);
        qty_t longs = held(m->markets[i].anon_pos, SIDE_YES);
        qty_t sum = m->markets[i].anon_pos;
        for (uint32_t a = 1; a < m->n_accounts; a++) {
            const struct match_position *p = position_find(m, a, i);
            longs += p != NULL ? held(p->qty, SIDE_YES) : 0;
            sum += p != NULL ? p->qty : 0;
        }
        if (why == NULL && (sum != 0 || longs != m->markets[i].open_long)) {
            why = "positions of a market do not add up";
        }
        px_t yes = match_best(m, i, SIDE_YES);
        px_t no = match_best(m, i, SIDE_NO);
        /* A recording may be crossed between two of its messages. */
        if (why == NULL && !m->markets[i].recorded && yes != 0 && no != 0 && yes + no >= PX_ONE) {
            why = "a book is crossed";
        }
    }
    for (uint32_t a = 1; a < m->n_accounts && why == NULL; a++) {
        why = check_account(m, a);
    }
    *ret_why = why;
    return why == NULL;
}
