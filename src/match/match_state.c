/*
 * match_state.c - see match_state.h.
 *
 * A book's bytes are varints: a version, then for YES and for NO the size withheld and the price it
 * is withheld at (0 and 0: none), the number of levels and for each
 * level its price, tail, taken and number of orders, front first; for each order the numbers of
 * put_order().
 */
#include "match/match_state.h"

#include <stdlib.h>
#include <string.h>

#include "match/match_int.h"

#define BOOK_VERSION  2
#define ORDER_NUMBERS 24
#define MATCHED_MAX   100000 /* milliseconds of a window, with room */

static const struct row_column engine_columns[] = {
    ROW_COLUMN(struct match_kept_engine, "next_trade", next_trade, ROW_UINT),
    ROW_COLUMN(struct match_kept_engine, "next_order", next_order, ROW_UINT),
    ROW_COLUMN(struct match_kept_engine, "free_group", free_group, ROW_UINT),
    ROW_COLUMN(struct match_kept_engine, "fees", fees, ROW_INT),
    ROW_COLUMN(struct match_kept_engine, "cut", cut, ROW_INT),
    ROW_COLUMN(struct match_kept_engine, "deposits", deposits, ROW_INT),
};
static const struct row_column account_columns[] = {
    ROW_COLUMN(struct match_kept_account, "owner", owner, ROW_UINT),
    ROW_COLUMN(struct match_kept_account, "cash", cash, ROW_INT),
    ROW_COLUMN(struct match_kept_account, "fees", fees, ROW_INT),
};
static const struct row_column market_columns[] = {
    ROW_COLUMN(struct match_kept_market, "grid", grid, ROW_BYTES),
    ROW_COLUMN(struct match_kept_market, "taker_e4", taker_e4, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "maker_e4", maker_e4, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "mult_micros", mult_micros, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "maker_early_e4", maker_early_e4, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "early_ns", early_ns, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "waived_until", waived_until, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "recorded", recorded, ROW_BOOL),
    ROW_COLUMN(struct match_kept_market, "halted", halted, ROW_BOOL),
    ROW_COLUMN(struct match_kept_market, "closed", closed, ROW_BOOL),
    ROW_COLUMN(struct match_kept_market, "settled", settled, ROW_BOOL),
    ROW_COLUMN(struct match_kept_market, "access", access, ROW_INT),
    ROW_COLUMN(struct match_kept_market, "anon_pos", anon_pos, ROW_INT),
};
static const struct row_column position_columns[] = {
    ROW_COLUMN(struct match_position, "market", market, ROW_UINT),
    ROW_COLUMN(struct match_position, "qty", qty, ROW_INT),
    ROW_COLUMN(struct match_position, "cost", cost, ROW_INT),
    ROW_COLUMN(struct match_position, "realized", realized, ROW_INT),
    ROW_COLUMN(struct match_position, "fees", fees, ROW_INT),
    ROW_COLUMN(struct match_position, "traded", traded, ROW_INT),
    ROW_COLUMN(struct match_position, "volume", volume, ROW_INT),
    ROW_COLUMN(struct match_position, "bought_yes", bought[SIDE_YES], ROW_INT),
    ROW_COLUMN(struct match_position, "bought_no", bought[SIDE_NO], ROW_INT),
    ROW_COLUMN(struct match_position, "paid_yes", paid[SIDE_YES], ROW_INT),
    ROW_COLUMN(struct match_position, "paid_no", paid[SIDE_NO], ROW_INT),
    ROW_COLUMN(struct match_position, "updated", updated, ROW_INT),
    ROW_COLUMN(struct match_position, "settled", settled, ROW_BOOL),
};
static const struct row_column group_columns[] = {
    ROW_COLUMN(struct match_kept_group, "gen", gen, ROW_UINT),
    ROW_COLUMN(struct match_kept_group, "live", live, ROW_BOOL),
    ROW_COLUMN(struct match_kept_group, "triggered", triggered, ROW_BOOL),
    ROW_COLUMN(struct match_kept_group, "account", account, ROW_UINT),
    ROW_COLUMN(struct match_kept_group, "contracts_limit", limit, ROW_INT),
    ROW_COLUMN(struct match_kept_group, "next_free", next_free, ROW_UINT),
    ROW_COLUMN(struct match_kept_group, "matched", matched, ROW_BYTES),
};
static const struct row_column book_columns[] = {
    ROW_COLUMN(struct match_kept_book, "levels", levels, ROW_BYTES),
};

const struct row_table match_tables[MATCH_T_MAX] = {
    [MATCH_T_ENGINE] = ROW_TABLE("engine", struct match_kept_engine, engine_columns),
    [MATCH_T_ACCOUNTS] = ROW_TABLE("engine_accounts", struct match_kept_account, account_columns),
    [MATCH_T_MARKETS] = ROW_TABLE("engine_markets", struct match_kept_market, market_columns),
    [MATCH_T_POSITIONS] = ROW_TABLE("positions", struct match_position, position_columns),
    [MATCH_T_GROUPS] = ROW_TABLE("engine_groups", struct match_kept_group, group_columns),
    [MATCH_T_BOOKS] = ROW_TABLE("books", struct match_kept_book, book_columns),
};

/* --- out --- */

void match_state_engine(const struct match *m, struct match_kept_engine *ret)
{
    *ret = (struct match_kept_engine){.next_trade = m->next_trade,
                                      .next_order = m->top_gen,
                                      .free_group = m->free_group,
                                      .fees = m->fees,
                                      .cut = m->cut,
                                      .deposits = m->deposits};
}

uint32_t match_state_accounts(const struct match *m)
{
    return m->n_accounts;
}

void match_state_account(const struct match *m, uint32_t account, struct match_kept_account *ret)
{
    const struct match_account *a = &m->accounts[account].pub;
    *ret = (struct match_kept_account){
        .owner = m->accounts[account].owner, .cash = a->cash, .fees = a->fees};
}

uint32_t match_state_markets(const struct match *m)
{
    return m->n_markets;
}

void match_state_market(const struct match *m, uint32_t market, struct buf *scratch,
                        struct match_kept_market *ret)
{
    const struct market *k = &m->markets[market];
    buf_clear(scratch);
    varint_put(scratch, k->grid.n);
    for (uint32_t i = 0; i < k->grid.n; i++) {
        varint_put(scratch, k->grid.r[i].start);
        varint_put(scratch, k->grid.r[i].end);
        varint_put(scratch, k->grid.r[i].step);
    }
    *ret = (struct match_kept_market){
        .grid = {scratch->p, scratch->n},
        .taker_e4 = k->fees.taker_e4,
        .maker_e4 = k->fees.maker_e4,
        .mult_micros = k->fees.mult_micros,
        .maker_early_e4 = k->fees.maker_early_e4,
        .early_ns = k->fees.early_ns,
        .waived_until = k->fees.waived_until,
        .recorded = k->recorded,
        .halted = k->halted,
        .closed = k->closed,
        .settled = k->settled,
        .access = (int32_t)k->access,
        .anon_pos = k->anon_pos,
    };
}

uint32_t match_state_groups(const struct match *m)
{
    return m->n_groups;
}

void match_state_group(const struct match *m, uint32_t group, struct buf *scratch,
                       struct match_kept_group *ret)
{
    const struct group *g = &m->groups[group];
    *ret = (struct match_kept_group){.gen = g->gen, .live = g->live, .next_free = NONE};
    if (!g->live) {
        ret->next_free = g->first;
        return;
    }
    buf_clear(scratch);
    varint_put(scratch, g->n);
    for (uint32_t i = 0; i < g->n; i++) {
        const struct matched *x = &g->ring[(g->head + i) % g->cap];
        varint_put(scratch, x->ms);
        varint_put(scratch, x->qty);
    }
    ret->triggered = g->pub.triggered;
    ret->account = g->pub.account;
    ret->limit = g->pub.limit;
    ret->matched = (struct text){scratch->p, scratch->n};
}

static void put_order(struct buf *b, const struct slot *s)
{
    const struct match_order *o = &s->o;
    const int64_t v[ORDER_NUMBERS] = {
        (int64_t)o->id,
        o->account,
        (int64_t)o->tag,
        o->initial,
        o->filled,
        o->remaining,
        (int64_t)o->reason,
        (int64_t)o->tif,
        (int64_t)o->stp,
        (o->post_only ? 1 : 0) | (o->reduce_only ? 2 : 0) | (o->cancel_on_pause ? 4 : 0),
        o->created,
        o->updated,
        o->expires,
        (int64_t)o->group,
        o->taker_cost,
        o->maker_cost,
        o->taker_fees,
        o->maker_fees,
        o->rounding,
        s->gap,
        s->early,
        s->early_ts,
        o->rested,
        0,
    };
    char bytes[ORDER_NUMBERS * VARINT_MAX];
    size_t n = 0;
    for (int i = 0; i < ORDER_NUMBERS; i++) {
        n += varint_write(v[i], bytes + n);
    }
    buf_add(b, bytes, n);
}

static bool level_empty(const struct mlevel *l)
{
    return l->tail == 0 && l->taken == 0 && l->head == NONE;
}

static void put_level(const struct match *m, struct buf *b, px_t px, const struct mlevel *l)
{
    uint32_t n = 0;
    for (uint32_t i = l->head; i != NONE; i = m->links[i].next) {
        n++;
    }
    varint_put(b, px);
    varint_put(b, l->tail);
    varint_put(b, l->taken);
    varint_put(b, n);
    for (uint32_t i = l->head; i != NONE; i = m->links[i].next) {
        put_order(b, &m->slots[i]);
    }
}

/* Levels that hold something. */
static void put_side(const struct match *m, uint32_t market, enum side side, struct buf *b)
{
    const struct market *k = &m->markets[market];
    const struct mside *s = &k->side[side];
    for (uint32_t w = 0; w < s->n_words; w++) {
        for (uint32_t j = 0; s->pages[w] != NULL && j < PAGE; j++) {
            const struct mlevel *l = &s->pages[w][j];
            if (!level_empty(l)) {
                put_level(m, b, grid_px(&k->grid, (int32_t)(w * PAGE + j)), l);
            }
        }
    }
    varint_put(b, 0);
}

void match_state_book(const struct match *m, uint32_t market, struct buf *scratch,
                      struct match_kept_book *ret)
{
    buf_clear(scratch);
    varint_put(scratch, BOOK_VERSION);
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        const struct mside *e = &m->markets[market].side[side];
        varint_put(scratch, e->withheld);
        varint_put(scratch,
                   e->withheld > 0 ? grid_px(&m->markets[market].grid, e->withheld_at) : 0);
        put_side(m, market, side, scratch);
    }
    *ret = (struct match_kept_book){{scratch->p, scratch->n}};
}

/* --- in --- */

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

/* --- for tests --- */

void match_state_digest(const struct match *m, struct digest *d)
{
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    struct match_kept_engine engine;
    match_state_engine(m, &engine);
    engine.next_order = 0; /* how ids are spread over memory is nobody's business */
    row_digest(&match_tables[MATCH_T_ENGINE], 0, &engine, d);
    for (uint32_t i = 0; i < m->n_accounts; i++) {
        struct match_kept_account a;
        match_state_account(m, i, &a);
        row_digest(&match_tables[MATCH_T_ACCOUNTS], i, &a, d);
        for (uint32_t k = 0; k < m->accounts[i].pub.n_positions; k++) {
            row_digest(&match_tables[MATCH_T_POSITIONS], (uint64_t)i << 32 | k,
                       &m->accounts[i].positions[k], d);
        }
    }
    for (uint32_t i = 0; i < m->n_groups; i++) {
        struct match_kept_group g;
        match_state_group(m, i, &b, &g);
        row_digest(&match_tables[MATCH_T_GROUPS], i, &g, d);
    }
    for (uint32_t i = 0; i < m->n_markets; i++) {
        struct match_kept_market k;
        struct match_kept_book book;
        match_state_market(m, i, &b, &k);
        row_digest(&match_tables[MATCH_T_MARKETS], i, &k, d);
        match_state_book(m, i, &b, &book);
        row_digest(&match_tables[MATCH_T_BOOKS], i, &book, d);
    }
    buf_finish(&b);
}
