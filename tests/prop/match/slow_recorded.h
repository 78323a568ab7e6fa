/*
 * slow_recorded.h - the recorded market of match.h once more, slow and obvious: each level is a row
 * of units, of 0.01 contract each, front first; whatever happens happens unit by unit.
 *
 * A unit is nobody's, or it is the place of a user's order (of any size), or a ghost: a unit ahead
 * of a user that a recorded removal took before the trade that it belongs to was told.
 */
#ifndef TESTS_PROP_MATCH_SLOW_RECORDED_H
#define TESTS_PROP_MATCH_SLOW_RECORDED_H

#include <string.h>

#include "base/ensure.h"
#include "match/match.h"

#define REC_CENTS  99
#define REC_UNITS  2000
#define REC_ORDERS 64

enum rec_unit { REC_ANON, REC_GHOST, REC_USER };

struct rec_item {
    enum rec_unit is;
    uint32_t order; /* REC_USER */
    int64_t ts;     /* REC_GHOST */
};

struct rec_level {
    struct rec_item item[REC_UNITS];
    uint32_t n;
    qty_t taken, withheld;
};

struct rec_order {
    uint64_t id;
    uint32_t account;
    int side, cent;
    qty_t left, filled; /* filled: in this operation */
    bool open;
};

struct rec_model {
    enum match_queue queue;
    struct rec_level level[2][REC_CENTS + 1];
    struct rec_order order[REC_ORDERS];
};

static inline void rec_insert(struct rec_level *l, struct rec_item it)
{
    ensure(l->n < REC_UNITS);
    l->item[l->n++] = it;
}

static inline void rec_delete(struct rec_level *l, uint32_t at)
{
    memmove(&l->item[at], &l->item[at + 1], (l->n - at - 1) * sizeof l->item[0]);
    l->n--;
}

static inline qty_t rec_anon(const struct rec_level *l)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        sum += l->item[i].is == REC_ANON;
    }
    return sum;
}

/* Index of the first user's order in a level, n when there is none. */
static inline uint32_t rec_first_user(const struct rec_level *l)
{
    uint32_t i = 0;
    while (i < l->n && l->item[i].is != REC_USER) {
        i++;
    }
    return i;
}

/* Size that was held back is shown when no user's order stands against it any more. */
static inline void rec_release(struct rec_model *r)
{
    for (int s = 0; s < 2; s++) {
        for (int c = 1; c <= REC_CENTS; c++) {
            struct rec_level *l = &r->level[s][c];
            const struct rec_level *other = &r->level[1 - s][100 - c];
            while (l->withheld > 0 && rec_first_user(other) == other->n) {
                l->withheld--;
                rec_insert(l, (struct rec_item){.is = REC_ANON});
            }
        }
    }
}

static inline void rec_leave(struct rec_model *r, uint32_t order)
{
    struct rec_order *o = &r->order[order];
    struct rec_level *l = &r->level[o->side][o->cent];
    o->open = false;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->item[i].is == REC_USER && l->item[i].order == order) {
            rec_delete(l, i);
            break;
        }
    }
    rec_release(r);
}

static inline void rec_fill_unit(struct rec_model *r, uint32_t order)
{
    struct rec_order *o = &r->order[order];
    o->filled++;
    if (--o->left == 0) {
        rec_leave(r, order);
    }
}

/* The user's order of side with the best price of at least cent, then the oldest place. -1: none */
static inline int rec_best_user(const struct rec_model *r, int side, int cent)
{
    for (int c = REC_CENTS; c >= cent && c >= 1; c--) {
        const struct rec_level *l = &r->level[side][c];
        uint32_t i = rec_first_user(l);
        if (i < l->n) {
            return (int)l->item[i].order;
        }
    }
    return -1;
}

/* --- the recording --- */

static inline void rec_model_add(struct rec_model *r, int side, int cent, qty_t qty)
{
    bool through = r->queue == MATCH_QUEUE_TRADE_THROUGH;
    struct rec_level *l = &r->level[side][cent];
    for (; qty > 0; qty--) {
        int best = rec_best_user(r, 1 - side, 100 - cent + through);
        if (best >= 0) {
            rec_fill_unit(r, (uint32_t)best);
            l->taken++;
        } else if (through && rec_best_user(r, 1 - side, 100 - cent) >= 0) {
            l->withheld++;
        } else {
            rec_insert(l, (struct rec_item){.is = REC_ANON});
        }
    }
}

/* Take one of nobody's units: of those ahead of a user a ghost stays. */
static inline void rec_drop(struct rec_level *l, uint32_t at, int64_t ts)
{
    uint32_t user = at;
    while (user < l->n && l->item[user].is != REC_USER) {
        user++;
    }
    if (user < l->n) {
        l->item[at] = (struct rec_item){.is = REC_GHOST, .ts = ts};
    } else {
        rec_delete(l, at);
    }
}

static inline void rec_drop_from_back(struct rec_level *l, qty_t qty, int64_t ts)
{
    for (uint32_t i = l->n; i > 0 && qty > 0; i--) {
        if (l->item[i - 1].is == REC_ANON) {
            rec_drop(l, i - 1, ts);
            qty--;
        }
    }
    ensure(qty == 0);
}

static inline void rec_drop_units(const struct rec_model *r, struct rec_level *l, qty_t qty,
                                  int64_t ts)
{
    qty_t all = rec_anon(l);
    uint32_t user = rec_first_user(l);
    qty_t left = qty;
    if (r->queue == MATCH_QUEUE_PROPORTIONAL) {
        uint32_t from = 0;
        while (user < l->n) { /* each gap before a user gives its share, rounded down */
            qty_t gap = 0;
            for (uint32_t i = from; i < user; i++) {
                gap += l->item[i].is == REC_ANON;
            }
            qty_t share = gap * qty / (all > 0 ? all : 1);
            left -= share;
            for (uint32_t i = from; i < user && share > 0; i++) {
                if (l->item[i].is == REC_ANON) {
                    rec_drop(l, i, ts);
                    share--;
                }
            }
            from = user + 1;
            user = from;
            while (user < l->n && l->item[user].is != REC_USER) {
                user++;
            }
        }
    }
    rec_drop_from_back(l, left, ts);
}

/* Returns what the recording had there to remove. */
static inline qty_t rec_model_remove(struct rec_model *r, int side, int cent, qty_t qty, int64_t ts)
{
    struct rec_level *l = &r->level[side][cent];
    qty_t left = qty;
    while (left > 0 && l->taken > 0) {
        l->taken--;
        left--;
    }
    while (left > 0 && l->withheld > 0) {
        l->withheld--;
        left--;
    }
    qty_t has = rec_anon(l);
    has = has < left ? has : left;
    rec_drop_units(r, l, has, ts);
    return qty - left + has;
}

/* One unit of a recorded trade meets the front of the row up to a user; false: nobody there. */
static inline bool rec_eat_unit(struct rec_model *r, struct rec_level *l, uint32_t *from,
                                int64_t ts)
{
    for (;;) {
        uint32_t user = *from;
        while (user < l->n && l->item[user].is != REC_USER) {
            user++;
        }
        if (user >= l->n) {
            return false;
        }
        for (uint32_t i = *from; i < user; i++) {
            if (l->item[i].is == REC_GHOST && l->item[i].ts == ts) {
                rec_delete(l, i);
                return true;
            }
        }
        for (uint32_t i = *from; i < user; i++) {
            if (l->item[i].is == REC_ANON) { /* the recording itself removes it, now or soon */
                rec_delete(l, i);
                rec_insert(l, (struct rec_item){.is = REC_ANON});
                return true;
            }
        }
        if (r->queue != MATCH_QUEUE_TRADE_THROUGH) {
            rec_fill_unit(r, l->item[user].order);
            return true;
        }
        *from = user + 1;
    }
}

static inline void rec_model_trade(struct rec_model *r, int maker, int cent, qty_t qty, int64_t ts)
{
    for (; qty > 0; qty--) {
        int best = rec_best_user(r, maker, cent + 1);
        if (best < 0) {
            break;
        }
        rec_fill_unit(r, (uint32_t)best);
    }
    uint32_t from = 0;
    while (qty > 0 && rec_eat_unit(r, &r->level[maker][cent], &from, ts)) {
        qty--;
    }
}

static inline void rec_model_cross(struct rec_model *r, int users)
{
    bool through = r->queue == MATCH_QUEUE_TRADE_THROUGH;
    for (int c = REC_CENTS; c >= 1; c--) {
        struct rec_level *l = &r->level[1 - users][c];
        qty_t shown = rec_anon(l);
        qty_t hit = 0;
        while (hit < shown) {
            int best = rec_best_user(r, users, 100 - c + through);
            if (best < 0) {
                break;
            }
            rec_fill_unit(r, (uint32_t)best);
            hit++;
        }
        rec_drop_units(r, l, hit, 0);
        l->taken += hit;
        if (through && rec_best_user(r, users, 100 - c) >= 0) {
            l->withheld += shown - hit;
            rec_drop_from_back(l, shown - hit, 0);
        }
    }
}

static inline void rec_model_snapshot(struct rec_model *r, const qty_t want[2][REC_CENTS + 1])
{
    for (int s = 0; s < 2; s++) {
        for (int c = 1; c <= REC_CENTS; c++) {
            r->level[s][c].taken = 0;
            r->level[s][c].withheld = 0;
        }
    }
    for (int s = 0; s < 2; s++) {
        for (int c = 1; c <= REC_CENTS; c++) {
            struct rec_level *l = &r->level[s][c];
            qty_t has = rec_anon(l);
            if (has > want[s][c]) {
                rec_drop_units(r, l, has - want[s][c], 0);
            }
            for (; has < want[s][c]; has++) {
                rec_insert(l, (struct rec_item){.is = REC_ANON});
            }
        }
    }
    rec_model_cross(r, SIDE_YES);
    rec_model_cross(r, SIDE_NO);
}

/* --- users --- */

/* A user's order meets the other side; own orders on the way are canceled (MATCH_STP_MAKER). The
 * rest rests when it may. */
static inline void rec_model_place(struct rec_model *r, uint32_t order, bool rests)
{
    struct rec_order *o = &r->order[order];
    int other = 1 - o->side;
    for (int c = REC_CENTS; c >= 100 - o->cent && o->left > 0; c--) {
        struct rec_level *l = &r->level[other][c];
        while (l->withheld > 0 && c + o->cent > 100 && o->left > 0) {
            l->withheld--;
            l->taken++;
            o->left--;
            o->filled++;
        }
    }
    for (int c = REC_CENTS; c >= 100 - o->cent && o->left > 0; c--) {
        struct rec_level *l = &r->level[other][c];
        for (uint32_t i = 0; i < l->n && o->left > 0;) {
            if (l->item[i].is == REC_GHOST) {
                i++;
            } else if (l->item[i].is == REC_ANON) {
                rec_delete(l, i);
                l->taken++;
                o->left--;
                o->filled++;
            } else if (r->order[l->item[i].order].account == o->account) {
                rec_leave(r, l->item[i].order);
            } else {
                rec_fill_unit(r, l->item[i].order);
                o->left--;
                o->filled++;
            }
        }
    }
    o->open = o->left > 0 && rests;
    if (o->open) {
        rec_insert(&r->level[o->side][o->cent], (struct rec_item){.is = REC_USER, .order = order});
    }
}

static inline qty_t rec_model_ahead(const struct rec_model *r, uint32_t order)
{
    const struct rec_order *o = &r->order[order];
    const struct rec_level *l = &r->level[o->side][o->cent];
    qty_t sum = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->item[i].is == REC_USER && l->item[i].order == order) {
            break;
        }
        sum += l->item[i].is == REC_ANON   ? 1
               : l->item[i].is == REC_USER ? r->order[l->item[i].order].left
                                           : 0;
    }
    return sum;
}

#endif
