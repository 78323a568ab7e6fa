/*
 * match_load.c - rows put together to an engine again: the loaders of match_state.h.
 */
#include <stdlib.h>
#include <string.h>

#include "match/match_int.h"
#include "match/match_state.h"

#define MATCHED_MAX 100000 /* milliseconds of a window, with room */

static bool money_ok(usd_t v)
{
    return v >= -USD_LIMIT && v <= USD_LIMIT;
}

static bool qty_ok(qty_t v)
{
    return v >= 0 && v <= QTY_LIMIT;
}

enum status match_load_engine(struct match *m, const struct match_kept_engine *row, struct err *err)
{
    if (row->next_order >= UINT32_MAX || row->next_trade > INT64_MAX || !money_ok(row->fees) ||
        !money_ok(row->cut) || !money_ok(row->deposits)) {
        return err_set(err, ST_MALFORMED, "the engine's counters are out of range");
    }
    m->next_trade = row->next_trade;
    m->first_gen = (uint32_t)row->next_order;
    m->top_gen = m->first_gen;
    m->fees = row->fees;
    m->cut = row->cut;
    m->deposits = row->deposits;
    m->free_group = row->free_group;
    return ST_OK;
}

enum status match_load_account(struct match *m, uint64_t key, const struct match_kept_account *row,
                               struct err *err)
{
    uint32_t made = MATCH_ANON;
    if (!money_ok(row->cash) || !money_ok(row->fees) || (key != MATCH_ANON && row->cash < 0) ||
        row->owner > key || (key == MATCH_ANON ? 0 : m->n_accounts) != key) {
        return err_set(err, ST_MALFORMED, "account %llu is out of place or out of range",
                       (unsigned long long)key);
    }
    if (key != MATCH_ANON) {
        enum status st = match_add_account(m, 0, &made);
        if (st != ST_OK) {
            return err_set(err, st, "account %llu: %s", (unsigned long long)key, status_text(st));
        }
    }
    if (m->accounts[row->owner].owner != row->owner) {
        return err_set(err, ST_MALFORMED, "account %llu is of an account that is no owner",
                       (unsigned long long)key);
    }
    m->accounts[made].owner = row->owner;
    m->accounts[made].pub.cash = row->cash;
    m->accounts[made].pub.fees = row->fees;
    return ST_OK;
}

static bool get_grid(struct text bytes, struct grid *ret)
{
    struct grid_range r[GRID_RANGES_MAX];
    size_t at = 0;
    int64_t n = 0;
    if (!varint_get(bytes, &at, &n) || n < 1 || n > GRID_RANGES_MAX) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t start = 0;
        int64_t end = 0;
        int64_t step = 0;
        if (!varint_get(bytes, &at, &start) || !varint_get(bytes, &at, &end) ||
            !varint_get(bytes, &at, &step) || start < 0 || end > PX_ONE || step <= 0 ||
            step > PX_ONE || start >= end) {
            return false;
        }
        r[i] = (struct grid_range){.start = start, .end = end, .step = step};
    }
    return at == bytes.n && grid_init(ret, r, (size_t)n) == ST_OK;
}

enum status match_load_market(struct match *m, uint64_t key, const struct match_kept_market *row,
                              struct err *err)
{
    struct grid grid;
    uint32_t made = 0;
    if (key != m->n_markets || !get_grid(row->grid, &grid)) {
        return err_set(err, ST_MALFORMED, "engine market %llu has no place or no price grid",
                       (unsigned long long)key);
    }
    if (row->taker_e4 < 0 || row->maker_e4 < 0 || row->maker_early_e4 < 0 || row->mult_micros < 0 ||
        row->taker_e4 > 10000 || row->maker_e4 > 10000 || row->maker_early_e4 > 10000 ||
        row->mult_micros > 1000000000 || row->early_ns < 0 || row->access < MATCH_OPEN ||
        row->access > MATCH_SHUT || !qty_ok(qty_abs(row->anon_pos)) ||
        (row->settled && !row->closed) || (row->closed && !row->halted)) {
        return err_set(err, ST_MALFORMED, "engine market %llu is out of range",
                       (unsigned long long)key);
    }
    struct match_fees fees = {
        .taker_e4 = row->taker_e4,
        .maker_e4 = row->maker_e4,
        .mult_micros = row->mult_micros,
        .maker_early_e4 = row->maker_early_e4,
        .early_ns = row->early_ns,
        .waived_until = row->waived_until,
    };
    enum status st = match_add_market(m, &grid, &fees, row->recorded, &made);
    if (st != ST_OK) {
        return err_set(err, st, "market %llu: %s", (unsigned long long)key, status_text(st));
    }
    struct market *k = &m->markets[made];
    k->halted = row->halted;
    k->closed = row->closed;
    k->settled = row->settled;
    k->access = (enum match_access)row->access;
    k->anon_pos = row->anon_pos;
    k->open_long = held(row->anon_pos, SIDE_YES);
    return ST_OK;
}

enum status match_load_position(struct match *m, uint64_t key, const struct match_position *row,
                                struct err *err)
{
    uint32_t account = (uint32_t)(key >> 32);
    bool fits = account > MATCH_ANON && account < m->n_accounts && row->market < m->n_markets &&
                (uint32_t)key == m->accounts[account].pub.n_positions &&
                position_find(m, account, row->market) == NULL;
    bool sane = qty_ok(qty_abs(row->qty)) && money_ok(row->cost) && money_ok(row->realized) &&
                money_ok(row->fees) && money_ok(row->traded) && qty_ok(row->volume) &&
                qty_ok(row->bought[0]) && qty_ok(row->bought[1]) && money_ok(row->paid[0]) &&
                money_ok(row->paid[1]);
    if (!fits || !sane) {
        return err_set(err, ST_MALFORMED, "position %u of account %u is out of place or range",
                       (unsigned)key, account);
    }
    struct match_position *p = position_make(m, account, row->market);
    if (p == NULL) {
        return err_set(err, ST_NOMEM, "no memory for positions");
    }
    *p = *row;
    m->markets[row->market].open_long += held(row->qty, SIDE_YES);
    return ST_OK;
}

static enum status get_matched(struct group *g, struct text bytes)
{
    size_t at = 0;
    int64_t n = 0;
    if (!varint_get(bytes, &at, &n) || n < 0 || n > MATCHED_MAX) {
        return ST_MALFORMED;
    }
    g->ring = n > 0 ? calloc((size_t)n, sizeof *g->ring) : NULL;
    if (n > 0 && g->ring == NULL) {
        return ST_NOMEM;
    }
    for (g->cap = (uint32_t)n; g->n < g->cap; g->n++) {
        struct matched *x = &g->ring[g->n];
        if (!varint_get(bytes, &at, &x->ms) || !varint_get(bytes, &at, &x->qty) || x->qty <= 0 ||
            !qty_ok(x->qty) || (g->n > 0 && x->ms <= x[-1].ms)) {
            return ST_MALFORMED;
        }
        g->sum += x->qty;
    }
    return at == bytes.n && qty_ok(g->sum) ? ST_OK : ST_MALFORMED;
}

enum status match_load_group(struct match *m, uint64_t key, const struct match_kept_group *row,
                             struct err *err)
{
    bool sane = !row->live || (row->account != MATCH_ANON && row->account < m->n_accounts &&
                               row->limit > 0 && row->limit <= QTY_LIMIT);
    if (key != m->n_groups || !sane) {
        return err_set(err, ST_MALFORMED, "order group %llu is out of place or range",
                       (unsigned long long)key);
    }
    if (m->n_groups == m->groups_cap) {
        uint32_t cap = m->groups_cap == 0 ? 16 : m->groups_cap * 2;
        struct group *grown = realloc(m->groups, cap * sizeof *grown);
        if (grown == NULL) {
            return err_set(err, ST_NOMEM, "no memory for order groups");
        }
        m->groups = grown;
        m->groups_cap = cap;
    }
    struct group *g = &m->groups[m->n_groups++];
    *g = (struct group){.gen = row->gen, .live = row->live, .first = NONE, .last = NONE};
    if (!row->live) {
        g->first = row->next_free;
        return ST_OK;
    }
    g->pub = (struct match_group){.id = ((uint64_t)row->gen << 32) | (key + 1),
                                  .account = row->account,
                                  .limit = row->limit,
                                  .triggered = row->triggered};
    m->accounts[m->accounts[row->account].owner].owner_groups++;
    enum status st = get_matched(g, row->matched);
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "order group %llu: what it matched is unreadable",
                                 (unsigned long long)key);
}

/* The list of free groups ends, and has only such. */
static bool free_groups_ok(const struct match *m)
{
    uint32_t steps = 0;
    for (uint32_t i = m->free_group; i != NONE; i = m->groups[i].first) {
        if (i >= m->n_groups || m->groups[i].live || steps++ > m->n_groups) {
            return false;
        }
    }
    return true;
}

/* Slots up to this one, all free. */
static enum status slots_reach(struct match *m, uint32_t slot)
{
    if (slot >= m->config.max_orders) {
        return ST_LIMIT;
    }
    if (!slots_room(m, slot + 1)) {
        return ST_NOMEM;
    }
    while (m->n_slots <= slot) {
        m->slots[m->n_slots++] = (struct slot){.gen = m->first_gen};
    }
    return ST_OK;
}

static bool order_sane(const struct match *m, const int64_t v[ORDER_NUMBERS])
{
    bool flags = v[6] >= 0 && v[6] < MATCH_BECAUSE_MAX && v[7] >= MATCH_GTC && v[7] <= MATCH_FOK &&
                 v[8] >= MATCH_STP_TAKER && v[8] <= MATCH_STP_MAKER && v[9] >= 0 && v[9] < 8;
    bool sizes = qty_ok(v[3]) && qty_ok(v[4]) && v[5] > 0 && v[5] <= QTY_LIMIT && qty_ok(v[19]) &&
                 qty_ok(v[20]);
    bool money =
        money_ok(v[14]) && money_ok(v[15]) && money_ok(v[16]) && money_ok(v[17]) && money_ok(v[18]);
    return flags && sizes && money && v[0] > 0 && ((uint64_t)v[0] >> 32) <= m->first_gen &&
           (uint32_t)v[0] > 0 && v[1] > MATCH_ANON && v[1] < m->n_accounts && v[2] >= 0 &&
           v[12] >= 0;
}

static enum status get_order(struct match *m, uint32_t market, enum side side, px_t px,
                             struct mlevel *l, const int64_t v[ORDER_NUMBERS])
{
    if (!order_sane(m, v)) {
        return ST_MALFORMED;
    }
    uint32_t slot = (uint32_t)v[0] - 1;
    enum status st = slots_reach(m, slot);
    if (st != ST_OK) {
        return st;
    }
    struct slot *s = &m->slots[slot];
    struct match_position *p = position_find(m, (uint32_t)v[1], market);
    const struct group *g = v[13] != 0 ? group_of(m, (uint64_t)v[13]) : NULL;
    if (s->live || p == NULL || (v[13] != 0 && (g == NULL || g->pub.account != v[1]))) {
        return ST_MALFORMED;
    }
    *s = (struct slot){.gen = (uint32_t)((uint64_t)v[0] >> 32), .live = true, .in_book = true};
    s->o = (struct match_order){
        .id = (uint64_t)v[0],
        .account = (uint32_t)v[1],
        .market = market,
        .tag = (uint64_t)v[2],
        .side = side,
        .px = px,
        .initial = v[3],
        .filled = v[4],
        .remaining = v[5],
        .status = MATCH_RESTING,
        .reason = (enum match_reason)v[6],
        .tif = (enum match_tif)v[7],
        .stp = (enum match_stp)v[8],
        .post_only = (v[9] & 1) != 0,
        .reduce_only = (v[9] & 2) != 0,
        .cancel_on_pause = (v[9] & 4) != 0,
        .created = v[10],
        .updated = v[11],
        .expires = v[12],
        .rested = v[22],
        .group = (uint64_t)v[13],
        .taker_cost = v[14],
        .maker_cost = v[15],
        .taker_fees = v[16],
        .maker_fees = v[17],
        .rounding = v[18],
    };
    s->index = grid_index(&m->markets[market].grid, px);
    queue_append(m, l, slot);
    s->gap = v[19];
    l->gapped = s->gap > 0 ? slot : l->gapped;
    s->early = v[20];
    s->early_ts = v[21];
    l->anon += v[19];
    reserve_change(m, s->o.account, p, side, s->o.remaining, usd_of(px, s->o.remaining));
    expiry_add(m, slot);
    m->n_open++;
    return ST_OK;
}

static enum status get_level(struct match *m, uint32_t market, enum side side, px_t px,
                             struct text bytes, size_t *at)
{
    int64_t tail = 0;
    int64_t taken = 0;
    int64_t n = 0;
    if (!varint_get(bytes, at, &tail) || !varint_get(bytes, at, &taken) ||
        !varint_get(bytes, at, &n)) {
        return ST_MALFORMED;
    }
    int32_t index = px > 0 && px < PX_ONE ? grid_index(&m->markets[market].grid, px) : -1;
    if (index < 0 || !qty_ok(tail) || !qty_ok(taken) || n < 0) {
        return ST_MALFORMED;
    }
    struct mlevel *l = level_make(m, market, side, index);
    if (l == NULL) {
        return ST_NOMEM;
    }
    if (!level_empty(l)) {
        return ST_MALFORMED;
    }
    l->taken = taken;
    for (int64_t i = 0; i < n; i++) {
        int64_t v[ORDER_NUMBERS];
        for (int j = 0; j < ORDER_NUMBERS; j++) {
            if (!varint_get(bytes, at, &v[j])) {
                return ST_MALFORMED;
            }
        }
        enum status st = get_order(m, market, side, px, l, v);
        if (st != ST_OK) {
            return st;
        }
    }
    l->tail = tail;
    l->anon += tail;
    level_touch(m, market, side, index);
    return ST_OK;
}

static enum status get_withheld(struct match *m, uint32_t market, enum side side, struct text bytes,
                                size_t *at)
{
    int64_t qty = 0;
    int64_t px = 0;
    if (!varint_get(bytes, at, &qty) || !varint_get(bytes, at, &px) || !qty_ok(qty)) {
        return ST_MALFORMED;
    }
    if (qty == 0) {
        return ST_OK;
    }
    int32_t index = px > 0 && px < PX_ONE ? grid_index(&m->markets[market].grid, (px_t)px) : -1;
    if (index < 0) {
        return ST_MALFORMED;
    }
    if (level_make(m, market, side, index) == NULL) {
        return ST_NOMEM;
    }
    m->markets[market].side[side].withheld = qty;
    m->markets[market].side[side].withheld_at = index;
    return ST_OK;
}

enum status match_load_book(struct match *m, uint64_t key, const struct match_kept_book *row,
                            struct err *err)
{
    size_t at = 0;
    int64_t version = 0;
    enum status st =
        key < m->n_markets && varint_get(row->levels, &at, &version) && version == BOOK_VERSION
            ? ST_OK
            : ST_MALFORMED;
    for (int s = 0; s < 2 && st == ST_OK; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        int64_t px = -1;
        st = get_withheld(m, (uint32_t)key, side, row->levels, &at);
        while (st == ST_OK && px != 0) {
            st = varint_get(row->levels, &at, &px) ? ST_OK : ST_MALFORMED;
            if (st == ST_OK && px != 0) {
                st = get_level(m, (uint32_t)key, side, px, row->levels, &at);
            }
        }
    }
    if (st == ST_OK && at != row->levels.n) {
        st = ST_MALFORMED;
    }
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "the book of market %llu: %s", (unsigned long long)key,
                                 status_text(st));
}

struct born {
    wall_ns_t created;
    uint64_t tag, id;
    uint32_t slot;
};

static int by_birth(const void *a, const void *b)
{
    const struct born *x = a;
    const struct born *y = b;
    if (x->created != y->created) {
        return x->created < y->created ? -1 : 1;
    }
    if (x->tag != y->tag) {
        return x->tag < y->tag ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* An account's list of open orders has the newest first. */
static enum status link_accounts(struct match *m)
{
    struct born *b = calloc((size_t)m->n_open + 1, sizeof *b);
    if (b == NULL) {
        return ST_NOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct match_order *o = &m->slots[i].o;
        if (m->slots[i].live) {
            b[n++] = (struct born){o->created, o->tag, o->id, i};
        }
    }
    qsort(b, n, sizeof *b, by_birth);
    for (uint32_t i = 0; i < n; i++) {
        account_link(m, b[i].slot);
        group_link(m, b[i].slot);
    }
    free(b);
    return ST_OK;
}

enum status match_load_end(struct match *m, struct err *err)
{
    enum status st = link_accounts(m);
    if (st != ST_OK) {
        return err_set(err, st, "no memory for orders");
    }
    for (uint32_t i = m->n_slots; i > 0; i--) {
        if (!m->slots[i - 1].live) {
            m->links[i - 1].next = m->free;
            m->free = i - 1;
        }
    }
    if (!free_groups_ok(m)) {
        return err_set(err, ST_MALFORMED, "the list of free order groups is broken");
    }
    const char *why = NULL;
    return match_check(m, &why) ? ST_OK
                                : err_set(err, ST_MALFORMED, "the engine's rows disagree: %s", why);
}
