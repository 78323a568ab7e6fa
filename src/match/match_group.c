/*
 * match_group.c - order groups: what was matched in the last 15 s, and what happens beyond the
 * limit.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

#define WINDOW_MS 15000

static int64_t ms_of(wall_ns_t t)
{
    return t / NS_PER_MS;
}

struct group *group_of(const struct match *m, uint64_t id)
{
    uint32_t i = (uint32_t)id - 1;
    if (i >= m->n_groups || !m->groups[i].live || m->groups[i].pub.id != id) {
        return NULL;
    }
    return &m->groups[i];
}

static uint32_t group_take(struct match *m)
{
    uint32_t i = m->free_group;
    if (i != NONE) {
        m->free_group = m->groups[i].first;
        return i;
    }
    if (m->n_groups == m->groups_cap) {
        uint32_t cap = m->groups_cap == 0 ? 16 : m->groups_cap * 2;
        struct group *g = realloc(m->groups, cap * sizeof *g);
        if (g == NULL) {
            return NONE;
        }
        m->groups = g;
        m->groups_cap = cap;
    }
    m->groups[m->n_groups].gen = 0;
    return m->n_groups++;
}

enum status match_group_create(struct match *m, uint32_t account, qty_t limit, uint64_t *ret_group)
{
    if (account == MATCH_ANON || account >= m->n_accounts || limit <= 0 || limit > QTY_LIMIT) {
        return ST_INVALID;
    }
    struct account *owner = &m->accounts[m->accounts[account].owner];
    if (owner->owner_groups >= MATCH_GROUPS_MAX) {
        return ST_LIMIT;
    }
    uint32_t i = group_take(m);
    if (i == NONE) {
        return ST_NOMEM;
    }
    uint32_t gen = m->groups[i].gen + 1;
    m->groups[i] = (struct group){.gen = gen, .live = true, .first = NONE, .last = NONE};
    m->groups[i].pub = (struct match_group){
        .id = ((uint64_t)gen << 32) | (i + 1), .account = account, .limit = limit};
    owner->owner_groups++;
    *ret_group = m->groups[i].pub.id;
    return ST_OK;
}

const struct match_group *match_group_get(const struct match *m, uint64_t group)
{
    const struct group *g = group_of(m, group);
    return g != NULL ? &g->pub : NULL;
}

/* --- its orders --- */

void group_link(struct match *m, uint32_t slot)
{
    uint64_t id = m->slots[slot].o.group;
    if (id == 0) {
        return;
    }
    struct group *g = group_of(m, id);
    m->links[slot].gprev = g->last;
    m->links[slot].gnext = NONE;
    if (g->last != NONE) {
        m->links[g->last].gnext = slot;
    } else {
        g->first = slot;
    }
    g->last = slot;
    g->pub.n_orders++;
}

void group_unlink(struct match *m, uint32_t slot)
{
    uint64_t id = m->slots[slot].o.group;
    if (id == 0) {
        return;
    }
    struct group *g = group_of(m, id);
    const struct link *k = &m->links[slot];
    if (k->gprev != NONE) {
        m->links[k->gprev].gnext = k->gnext;
    } else {
        g->first = k->gnext;
    }
    if (k->gnext != NONE) {
        m->links[k->gnext].gprev = k->gprev;
    } else {
        g->last = k->gprev;
    }
    g->pub.n_orders--;
}

uint32_t match_group_orders(const struct match *m, uint64_t group, uint64_t *out, uint32_t cap)
{
    const struct group *g = group_of(m, group);
    if (g == NULL) {
        return 0;
    }
    uint32_t n = 0;
    for (uint32_t i = g->first; i != NONE && n < cap; i = m->links[i].gnext) {
        out[n++] = m->slots[i].o.id;
    }
    return g->pub.n_orders;
}

static void cancel_orders(struct match *m, struct group *g, wall_ns_t now)
{
    while (g->first != NONE) {
        order_end(m, g->first, MATCH_BECAUSE_GROUP, true, now);
    }
}

/* --- what was matched --- */

static void forget_old(struct group *g, int64_t ms)
{
    while (g->n > 0 && g->ring[g->head].ms <= ms - WINDOW_MS) {
        g->sum -= g->ring[g->head].qty;
        g->head = g->head + 1 == g->cap ? 0 : g->head + 1;
        g->n--;
    }
}

static void ring_grow(struct group *g)
{
    uint32_t cap = g->cap == 0 ? 8 : g->cap * 2;
    struct matched *ring = calloc(cap, sizeof *ring);
    ensure_memory(ring);
    for (uint32_t i = 0; i < g->n; i++) {
        ring[i] = g->ring[(g->head + i) % g->cap];
    }
    free(g->ring);
    g->ring = ring;
    g->head = 0;
    g->cap = cap;
}

void group_matched(struct match *m, uint64_t id, qty_t qty, wall_ns_t now)
{
    struct group *g = group_of(m, id);
    int64_t ms = ms_of(now);
    forget_old(g, ms);
    struct matched *last = g->n > 0 ? &g->ring[(g->head + g->n - 1) % g->cap] : NULL;
    if (last != NULL && last->ms >= ms) {
        last->qty += qty;
    } else {
        if (g->n == g->cap) {
            ring_grow(g);
        }
        g->ring[(g->head + g->n++) % g->cap] = (struct matched){ms, qty};
    }
    g->sum += qty;
    if (g->sum > g->pub.limit && !g->pub.triggered) {
        g->pub.triggered = true;
        out_triggered(m, id);
        ensure(m->n_tripped < 2);
        m->tripped[m->n_tripped++] = (uint32_t)id - 1;
    }
}

void groups_run(struct match *m, wall_ns_t now)
{
    for (uint32_t i = 0; i < m->n_tripped; i++) {
        cancel_orders(m, &m->groups[m->tripped[i]], now);
    }
    m->n_tripped = 0;
}

qty_t match_group_matched(const struct match *m, uint64_t group, wall_ns_t now)
{
    const struct group *g = group_of(m, group);
    if (g == NULL) {
        return 0;
    }
    qty_t sum = g->sum;
    for (uint32_t i = 0; i < g->n; i++) {
        const struct matched *e = &g->ring[(g->head + i) % g->cap];
        if (e->ms > ms_of(now) - WINDOW_MS) {
            break;
        }
        sum -= e->qty;
    }
    return sum;
}

void group_trial(struct match *m, uint64_t id, qty_t qty, wall_ns_t now)
{
    if (id == 0) {
        return;
    }
    struct group *g = group_of(m, id);
    if (g->trial != m->trial) {
        forget_old(g, ms_of(now));
        g->trial = m->trial;
        g->trial_sum = g->sum;
    }
    g->trial_sum += qty;
}

bool group_trial_tripped(const struct match *m, uint64_t id)
{
    const struct group *g = id != 0 ? group_of(m, id) : NULL;
    return g != NULL && g->trial == m->trial && g->trial_sum > g->pub.limit;
}

/* --- what its owner does --- */

static void trigger(struct match *m, struct group *g, wall_ns_t now)
{
    if (!g->pub.triggered) {
        g->pub.triggered = true;
        out_triggered(m, g->pub.id);
    }
    cancel_orders(m, g, now);
}

enum status match_group_trigger(struct match *m, uint64_t group, wall_ns_t now)
{
    out_clear(m);
    struct group *g = group_of(m, group);
    if (g == NULL) {
        return ST_NOT_FOUND;
    }
    trigger(m, g, now);
    return ST_OK;
}

enum status match_group_reset(struct match *m, uint64_t group, wall_ns_t now)
{
    (void)now;
    out_clear(m);
    struct group *g = group_of(m, group);
    if (g == NULL) {
        return ST_NOT_FOUND;
    }
    g->pub.triggered = false;
    g->n = 0;
    g->sum = 0;
    return ST_OK;
}

enum status match_group_limit(struct match *m, uint64_t group, qty_t limit, wall_ns_t now)
{
    out_clear(m);
    struct group *g = group_of(m, group);
    if (g == NULL) {
        return ST_NOT_FOUND;
    }
    if (limit <= 0 || limit > QTY_LIMIT) {
        return ST_INVALID;
    }
    g->pub.limit = limit;
    forget_old(g, ms_of(now));
    if (g->sum > limit) {
        trigger(m, g, now);
    }
    return ST_OK;
}

enum status match_group_delete(struct match *m, uint64_t group, wall_ns_t now)
{
    out_clear(m);
    struct group *g = group_of(m, group);
    if (g == NULL) {
        return ST_NOT_FOUND;
    }
    cancel_orders(m, g, now);
    m->accounts[m->accounts[g->pub.account].owner].owner_groups--;
    free(g->ring);
    g->ring = NULL;
    g->live = false;
    g->first = m->free_group;
    m->free_group = (uint32_t)group - 1;
    return ST_OK;
}
