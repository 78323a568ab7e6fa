/*
 * match_state.c - an engine taken apart into rows: the tables and what is read; match_load.c puts
 * them together again.
 *
 * A book's bytes are varints: a version, then for YES and for NO the size withheld and the price it
 * is withheld at (0 and 0: none), the number of levels and for each level its price, tail, taken
 * and number of orders, front first; for each order the numbers of put_order().
 */
#include "match/match_state.h"

#include "match/match_int.h"

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
