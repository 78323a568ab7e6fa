/*
 * match_slot.c - orders in memory and in the book: slots, the lists of accounts, the heap of
 * expiries, resting and leaving.
 *
 * An order is in its level's queue, in its group's list and in the heap exactly while in_book; it
 * is in its account's list while it lives.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

uint32_t slot_of(const struct match *m, uint64_t id)
{
    uint32_t slot = (uint32_t)id - 1;
    if (slot >= m->n_slots || !m->slots[slot].live || m->slots[slot].o.id != id) {
        return NONE;
    }
    return slot;
}

bool slots_room(struct match *m, uint32_t n)
{
    if (n <= m->slots_cap) {
        return true;
    }
    uint32_t cap = m->slots_cap == 0 ? 256 : m->slots_cap;
    while (cap < n) {
        cap *= 2;
    }
    struct slot *s = realloc(m->slots, cap * sizeof *s);
    if (s == NULL) {
        return false;
    }
    m->slots = s;
    struct link *links = realloc(m->links, cap * sizeof *links);
    if (links == NULL) {
        return false;
    }
    m->links = links;
    uint32_t *heap = realloc(m->heap, cap * sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    m->heap = heap;
    m->slots_cap = cap;
    return true;
}

uint32_t slot_take(struct match *m)
{
    uint32_t slot = m->free;
    if (slot != NONE) {
        m->free = m->links[slot].next;
    } else {
        if (!slots_room(m, m->n_slots + 1)) {
            return NONE;
        }
        slot = m->n_slots++;
        m->slots[slot].gen = m->first_gen;
    }
    struct slot *s = &m->slots[slot];
    uint32_t gen = s->gen + 1;
    m->top_gen = gen > m->top_gen ? gen : m->top_gen;
    *s = (struct slot){.gen = gen, .live = true};
    s->o.id = ((uint64_t)gen << 32) | (slot + 1);
    m->n_open++;
    return slot;
}

void slot_give_back(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    s->gen--; /* nobody heard of the id */
    s->live = false;
    m->links[slot].next = m->free;
    m->free = slot;
    m->n_open--;
}

void account_link(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    struct account *a = &m->accounts[s->o.account];
    m->links[slot].aprev = NONE;
    m->links[slot].anext = a->first;
    if (a->first != NONE) {
        m->links[a->first].aprev = slot;
    }
    a->first = slot;
    a->pub.n_orders++;
    m->accounts[a->owner].owner_orders++;
}

static void slot_free(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    struct account *a = &m->accounts[s->o.account];
    const struct link *k = &m->links[slot];
    if (k->aprev != NONE) {
        m->links[k->aprev].anext = k->anext;
    } else {
        a->first = k->anext;
    }
    if (k->anext != NONE) {
        m->links[k->anext].aprev = k->aprev;
    }
    a->pub.n_orders--;
    m->accounts[a->owner].owner_orders--;
    s->live = false;
    m->links[slot].next = m->free;
    m->free = slot;
    m->n_open--;
}

/* --- the heap of expiries --- */

static void heap_put(struct match *m, uint32_t at, uint32_t slot)
{
    m->heap[at] = slot;
    m->slots[slot].heap = at + 1;
}

static bool sooner(const struct match *m, uint32_t a, uint32_t b)
{
    return m->slots[a].o.expires < m->slots[b].o.expires;
}

/* Let slot find its place, beginning at a hole. */
static void heap_settle(struct match *m, uint32_t at, uint32_t slot)
{
    while (at > 0 && sooner(m, slot, m->heap[(at - 1) / 2])) {
        heap_put(m, at, m->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= m->n_heap) {
            break;
        }
        child += child + 1 < m->n_heap && sooner(m, m->heap[child + 1], m->heap[child]);
        if (!sooner(m, m->heap[child], slot)) {
            break;
        }
        heap_put(m, at, m->heap[child]);
        at = child;
    }
    heap_put(m, at, slot);
}

void expiry_add(struct match *m, uint32_t slot)
{
    if (m->slots[slot].o.expires != 0) {
        heap_settle(m, m->n_heap++, slot);
    }
}

static void heap_remove(struct match *m, uint32_t slot)
{
    uint32_t at = m->slots[slot].heap;
    if (at == 0) {
        return;
    }
    m->slots[slot].heap = 0;
    uint32_t last = m->heap[--m->n_heap];
    if (last != slot) {
        heap_settle(m, at - 1, last);
    }
}

void expiry_change(struct match *m, uint32_t slot, wall_ns_t expires)
{
    heap_remove(m, slot);
    m->slots[slot].o.expires = expires;
    if (m->slots[slot].in_book) {
        expiry_add(m, slot);
    }
}

void match_expire(struct match *m, wall_ns_t now)
{
    out_clear(m);
    while (m->n_heap > 0 && m->slots[m->heap[0]].o.expires <= now) {
        order_end(m, m->heap[0], MATCH_BECAUSE_EXPIRY, true, now);
    }
}

wall_ns_t match_next_expiry(const struct match *m)
{
    return m->n_heap > 0 ? m->slots[m->heap[0]].o.expires : NS_NEVER;
}

/* --- in and out of the book --- */

void order_book(struct match *m, uint32_t slot, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    s->index = grid_index(&m->markets[s->o.market].grid, s->o.px);
    struct mlevel *l = level_make(m, s->o.market, s->o.side, s->index);
    struct match_position *p = position_make(m, s->o.account, s->o.market);
    ensure_memory(l);
    ensure_memory(p);
    queue_append(m, l, slot);
    level_touch(m, s->o.market, s->o.side, s->index);
    s->in_book = true;
    s->o.rested = now;
    group_link(m, slot);
    expiry_add(m, slot);
    reserve_change(m, s->o.account, p, s->o.side, s->o.remaining, usd_of(s->o.px, s->o.remaining));
}

/* Out of the queue and the lists; the sums of open orders are the caller's. */
static void leave(struct match *m, uint32_t slot)
{
    struct slot *s = &m->slots[slot];
    queue_unlink(m, level_at(m, s->o.market, s->o.side, s->index), slot);
    level_touch(m, s->o.market, s->o.side, s->index);
    s->in_book = false;
    group_unlink(m, slot);
    heap_remove(m, slot);
    withheld_release(m, s->o.market, s->o.side, s->o.px);
}

void order_unbook(struct match *m, uint32_t slot)
{
    leave(m, slot);
    const struct match_order *o = &m->slots[slot].o;
    reserve_change(m, o->account, position_find(m, o->account, o->market), o->side, -o->remaining,
                   -usd_of(o->px, o->remaining));
}

qty_t order_end(struct match *m, uint32_t slot, enum match_reason reason, bool shown, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    qty_t left = s->o.remaining;
    if (s->in_book) {
        if (shown) {
            out_delta(m, s->o.market, s->o.side, s->o.px, -left, s);
        }
        order_unbook(m, slot);
    }
    s->o.status = MATCH_CANCELED;
    s->o.reason = reason;
    s->o.remaining = 0;
    s->o.updated = now;
    out_update(m, s);
    slot_free(m, slot);
    return left;
}

void order_executed(struct match *m, uint32_t slot)
{
    m->slots[slot].o.status = MATCH_EXECUTED;
    out_update(m, &m->slots[slot]);
    slot_free(m, slot);
}

void order_hit(struct match *m, uint32_t slot, uint64_t trade, qty_t qty, wall_ns_t now)
{
    struct slot *s = &m->slots[slot];
    struct match_order *o = &s->o;
    out_delta(m, o->market, o->side, o->px, -qty, s);
    reserve_change(m, o->account, position_find(m, o->account, o->market), o->side, -qty,
                   -usd_of(o->px, qty));
    level_at(m, o->market, o->side, s->index)->users -= qty;
    fill_user(m, o, trade, o->px, qty, false, now);
    if (o->remaining > 0) {
        out_update(m, s);
        return;
    }
    leave(m, slot);
    order_executed(m, slot);
}
