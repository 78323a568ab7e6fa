/*
 * match_check.c - is everything as it must be? For tests.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

static const char *check_level(const struct match *m, const struct mlevel *l, int32_t index)
{
    qty_t anon = l->tail;
    qty_t users = 0;
    uint32_t prev = NONE;
    bool behind = l->gapped == NONE; /* behind the last order with a gap */
    for (uint32_t i = l->head; i != NONE; i = m->links[i].next) {
        const struct slot *s = &m->slots[i];
        if (behind && s->gap != 0) {
            return "an order has a gap where none should be";
        }
        behind = behind || i == l->gapped;
        if (!s->live || !s->in_book || m->links[i].prev != prev || s->o.remaining <= 0 ||
            s->gap < 0 || s->index != index || s->o.status != MATCH_RESTING) {
            return "an order in a queue is not as it must be";
        }
        if (s->o.filled + s->o.remaining > s->o.initial) { /* a decrease leaves it as it was */
            return "an order's counts do not add up";
        }
        anon += s->gap;
        users += s->o.remaining;
        prev = i;
    }
    if (!behind) {
        return "a level's last gap is of no order";
    }
    if (prev != l->last) {
        return "a queue's last order is not its last";
    }
    if (l->tail < 0 || l->taken < 0 || anon != l->anon || users != l->users) {
        return "a level's sums differ from its queue";
    }
    return NULL;
}

static const char *check_withheld(const struct match *m, uint32_t market, enum side side)
{
    const struct market *k = &m->markets[market];
    const struct mside *s = &k->side[side];
    if (s->withheld == 0) {
        return NULL;
    }
    int32_t at = grid_index(&k->grid, PX_ONE - grid_px(&k->grid, s->withheld_at));
    const struct mlevel *other = at >= 0 ? level_at(m, market, side_other(side), at) : NULL;
    const struct mlevel *l = level_at(m, market, side, s->withheld_at);
    if (s->withheld < 0 || other == NULL || other->users == 0 || l->anon + l->users != 0) {
        return "size is withheld without a reason";
    }
    return NULL;
}

static const char *check_side(const struct match *m, uint32_t market, enum side side)
{
    const struct market *k = &m->markets[market];
    const struct mside *s = &k->side[side];
    uint32_t count = 0;
    int32_t best = -1;
    for (uint32_t p = 0; p < s->n_words; p++) {
        if (s->pages[p] == NULL && s->bits[p] != 0) {
            return "the bitmap of levels is wrong";
        }
        for (uint32_t j = 0; s->pages[p] != NULL && j < PAGE; j++) {
            const struct mlevel *l = &s->pages[p][j];
            bool bit = (s->bits[p] >> j) & 1;
            if (bit != (l->anon + l->users > 0)) {
                return "the bitmap of levels is wrong";
            }
            count += bit;
            best = bit ? (int32_t)(p * PAGE + j) : best;
            const char *why = check_level(m, l, (int32_t)(p * PAGE + j));
            if (why != NULL) {
                return why;
            }
        }
    }
    if (count != s->count || best != s->best) {
        return "the count of levels or the best one is wrong";
    }
    return check_withheld(m, market, side);
}

struct open { /* open orders of one position */
    qty_t qty[2];
    usd_t cost[2];
};

static const char *check_positions(const struct account *a, const struct open *open)
{
    usd_t reserved = 0;
    for (uint32_t i = 0; i < a->pub.n_positions; i++) {
        const struct match_position *p = &a->positions[i];
        if (p->reserved != reserve_if(p, SIDE_YES, 0, 0)) {
            return "a position's reserve is stale";
        }
        if (p->cost < 0 || (p->qty == 0 && p->cost != 0)) {
            return "a position's cost is wrong";
        }
        if (!p->settled && p->bought[SIDE_YES] - p->bought[SIDE_NO] != p->qty) {
            return "a position differs from what was bought";
        }
        for (int s = 0; s < 2; s++) {
            if (open[i].qty[s] != p->resting[s] || open[i].cost[s] != p->resting_cost[s]) {
                return "a position's open orders differ from the orders";
            }
        }
        reserved += p->reserved;
    }
    return reserved != a->pub.reserved ? "an account's reserve differs from its positions" : NULL;
}

static const char *check_account(const struct match *m, uint32_t account)
{
    const struct account *a = &m->accounts[account];
    struct open *open = calloc((size_t)a->pub.n_positions + 1, sizeof *open);
    ensure_memory(open);
    uint32_t n = 0;
    for (uint32_t i = a->first; i != NONE; i = m->links[i].anext) {
        const struct match_order *o = &m->slots[i].o;
        struct open *e = &open[a->pos_of[o->market]];
        e->qty[o->side] += o->remaining;
        e->cost[o->side] += usd_of(o->px, o->remaining);
        n++;
    }
    const char *why = check_positions(a, open);
    free(open);
    if (why == NULL && n != a->pub.n_orders) {
        why = "an account's count of orders is wrong";
    }
    if (why == NULL && a->pub.cash < 0) {
        why = "an account's cash is below zero";
    }
    return why;
}

/* The best level of a side, of those with users' orders when so asked. */
static px_t best_of(const struct match *m, uint32_t market, enum side side, bool users)
{
    int32_t i = side_best(m, market, side);
    while (i >= 0 && users && level_at(m, market, side, i)->users == 0) {
        i = side_below(m, market, side, i);
    }
    return i >= 0 ? grid_px(&m->markets[market].grid, i) : 0;
}

static bool crossed(const struct match *m, uint32_t market, bool yes_users, bool no_users)
{
    px_t yes = best_of(m, market, SIDE_YES, yes_users);
    px_t no = best_of(m, market, SIDE_NO, no_users);
    return yes != 0 && no != 0 && yes + no >= PX_ONE;
}

static const char *check_market(const struct match *m, uint32_t market)
{
    const struct market *k = &m->markets[market];
    qty_t longs = held(k->anon_pos, SIDE_YES);
    qty_t sum = k->anon_pos;
    for (uint32_t a = 1; a < m->n_accounts; a++) {
        const struct match_position *p = position_find(m, a, market);
        longs += p != NULL ? held(p->qty, SIDE_YES) : 0;
        sum += p != NULL ? p->qty : 0;
    }
    if (sum != 0 || longs != k->open_long) {
        return "positions of a market do not add up";
    }
    if (k->recorded) { /* a recording may be crossed between two of its messages, users never */
        return crossed(m, market, true, false) || crossed(m, market, false, true)
                   ? "a user's order crosses a recorded book"
                   : NULL;
    }
    return crossed(m, market, false, false) ? "a book is crossed" : NULL;
}

static const char *check_group(const struct match *m, const struct group *g)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        sum += g->ring[(g->head + i) % g->cap].qty;
    }
    uint32_t n = 0;
    uint32_t prev = NONE;
    for (uint32_t i = g->first; i != NONE; i = m->links[i].gnext) {
        const struct slot *s = &m->slots[i];
        if (!s->in_book || m->links[i].gprev != prev || s->o.group != g->pub.id ||
            s->o.account != g->pub.account) {
            return "an order in a group is not as it must be";
        }
        prev = i;
        n++;
    }
    if (prev != g->last || n != g->pub.n_orders || sum != g->sum) {
        return "a group's sums are wrong";
    }
    return g->pub.triggered && n > 0 ? "a triggered group has open orders" : NULL;
}

static const char *check_heap(const struct match *m)
{
    for (uint32_t i = 0; i < m->n_heap; i++) {
        const struct slot *s = &m->slots[m->heap[i]];
        if (s->heap != i + 1 || !s->in_book || s->o.expires == 0 ||
            s->o.expires < m->slots[m->heap[i > 0 ? (i - 1) / 2 : 0]].o.expires) {
            return "the heap of expiries is wrong";
        }
    }
    return NULL;
}

static const char *check_slots(const struct match *m)
{
    uint32_t open = 0;
    uint32_t expiring = 0;
    for (uint32_t i = 0; i < m->n_slots; i++) {
        open += m->slots[i].live;
        expiring += m->slots[i].live && m->slots[i].o.expires != 0;
    }
    return open != m->n_open || expiring != m->n_heap ? "counts of orders are wrong" : NULL;
}

bool match_check(const struct match *m, const char **ret_why)
{
    const char *why = check_slots(m);
    why = why != NULL ? why : check_heap(m);
    for (uint32_t i = 0; i < m->n_markets && why == NULL; i++) {
        why = check_side(m, i, SIDE_YES);
        why = why != NULL ? why : check_side(m, i, SIDE_NO);
        why = why != NULL ? why : check_market(m, i);
    }
    for (uint32_t a = 1; a < m->n_accounts && why == NULL; a++) {
        why = check_account(m, a);
    }
    for (uint32_t i = 0; i < m->n_groups && why == NULL; i++) {
        why = m->groups[i].live ? check_group(m, &m->groups[i]) : NULL;
    }
    *ret_why = why;
    return why == NULL;
}
