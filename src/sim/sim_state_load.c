/*
 * sim_state_load.c - an exchange from its rows. No value is taken on trust: what a row says is held
 * against the others, and what follows from the rows (maps, heaps, lists) is made anew.
 */
#include <stdio.h>

#include "sim/sim_state_int.h"

typedef enum status (*take_fn)(void *to, uint64_t key, void *row, struct err *err);

struct load {
    struct sim *sim;
    struct kept_exchange counts;
    uint32_t table;
    const struct array *array;
    take_fn take; /* of the table, once the row's numbers are bearable */
};

/* Times, money and counts are summed and compared: two of them fit 64 bits. As a time: 2096. */
#define NUMBER_LIMIT INT64_C(4000000000000000000)

static enum status out_of_place(const struct load *l, uint64_t key, struct err *err)
{
    return err_set(err, ST_MALFORMED, "table %s: row %llu is out of place or out of range",
                   sim_state_table(l->table)->name, (unsigned long long)key);
}

static enum status take_checked(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    const struct row_table *t = sim_state_table(l->table);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        int64_t v = c->kind == ROW_INT ? row_int(c, row) : 0;
        if (v > NUMBER_LIMIT || v < -NUMBER_LIMIT) {
            return out_of_place(l, key, err);
        }
    }
    return l->take(to, key, row, err);
}

static enum status take_engine(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    struct match *m = l->sim->match;
    switch (l->table) {
    case MATCH_T_ENGINE:
        return match_load_engine(m, row, err);
    case MATCH_T_ACCOUNTS:
        return match_load_account(m, key, row, err);
    case MATCH_T_MARKETS:
        return match_load_market(m, key, row, err);
    case MATCH_T_POSITIONS:
        return match_load_position(m, key, row, err);
    case MATCH_T_GROUPS:
        return match_load_group(m, key, row, err);
    case MATCH_T_BOOKS:
        return match_load_book(m, key, row, err);
    default:
        return out_of_place(l, key, err);
    }
}

static enum status take_exchange(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    memcpy(&l->counts, row, sizeof l->counts);
    if (key != 0) {
        return out_of_place(l, key, err);
    }
    l->sim->id_seed = l->counts.id_seed;
    l->sim->start_wall = l->counts.id_wall;
    l->sim->n_trades = l->counts.n_trades;
    l->sim->trading_paused = l->counts.trading_paused;
    l->sim->exchange_paused = l->counts.exchange_paused;
    l->sim->resume_at = l->counts.resume_at;
    l->sim->by_hours_trading = l->counts.by_hours_trading;
    l->sim->by_hours_exchange = l->counts.by_hours_exchange;
    l->sim->scenario_start = l->counts.scenario_start;
    l->sim->scenario_next = l->counts.scenario_next;
    return ST_OK;
}

static enum status take_trade(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    const struct strade *t = row;
    if (key >= TRADES_KEPT || t->market >= match_state_markets(l->sim->match) ||
        t->taker > SIDE_NO) {
        return out_of_place(l, key, err);
    }
    memcpy(&l->sim->trades[key], row, sizeof *t);
    return ST_OK;
}

static enum status take_candle(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    const struct candle *c = row;
    uint32_t market = (uint32_t)(key >> 32);
    if (market >= l->sim->n_markets || (uint32_t)key != (uint32_t)c->minute || c->minute < 0 ||
        c->minute > UINT32_MAX) {
        return out_of_place(l, key, err);
    }
    enum status st = candle_load(l->sim, market, c);
    return st == ST_OK ? ST_OK : err_set(err, st, "candlesticks: %s", status_text(st));
}

static enum status take_row(void *to, uint64_t key, void *row, struct err *err)
{
    struct load *l = to;
    const struct array *a = l->array;
    size_t size = sim_state_table(a->table)->size;
    uint32_t n = count_of(l->sim, a);
    void **rows = (void **)(void *)((uint8_t *)l->sim + a->rows);
    uint32_t *cap = (uint32_t *)(void *)((uint8_t *)l->sim + a->cap);
    if (key != n) {
        return out_of_place(l, key, err);
    }
    if (!sim_grow(rows, n, cap, size)) {
        return err_set(err, ST_NOMEM, "no memory for table %s", sim_state_table(a->table)->name);
    }
    memcpy((uint8_t *)*rows + (size_t)n * size, row, size);
    n++;
    memcpy((uint8_t *)l->sim + a->n, &n, sizeof n);
    return ST_OK;
}

/* --- what follows from the rows --- */

static enum status wrong(struct err *err, const char *table, uint32_t row)
{
    return err_set(err, ST_MALFORMED, "table %s: row %u contradicts the others", table, row);
}

static enum status index_row(struct idmap *map, const char *table, const char *ticker, uint32_t i,
                             struct err *err)
{
    if (!ticker_valid(ticker) || idmap_get(map, text_of(ticker)) != IDMAP_NONE) {
        return wrong(err, table, i);
    }
    enum status st = idmap_put(map, text_of(ticker), i);
    return st == ST_OK ? ST_OK : err_set(err, st, "%s: %s", ticker, status_text(st));
}

static enum status join_events(struct sim *sim, struct err *err)
{
    enum status st = ST_OK;
    for (uint32_t i = 0; i < sim->n_series && st == ST_OK; i++) {
        st = index_row(&sim->by_series, "series", sim->series[i].ticker, i, err);
    }
    for (uint32_t i = 0; i < sim->n_events && st == ST_OK; i++) {
        const struct sevent *e = &sim->events[i];
        st = index_row(&sim->by_event, "events", e->ticker, i, err);
        bool ends =
            (e->first == NO_INDEX) == (e->last == NO_INDEX) &&
            (e->first == NO_INDEX || (e->first < sim->n_markets && e->last < sim->n_markets));
        if (st == ST_OK && (e->series >= sim->n_series || !ends)) {
            return wrong(err, "events", i);
        }
    }
    for (uint32_t i = 0; i < sim->n_fee_changes && st == ST_OK; i++) {
        const struct fee_change *c = &sim->fee_changes[i];
        if (c->series >= sim->n_series || (c->event != NO_INDEX && c->event >= sim->n_events)) {
            return wrong(err, "fee_changes", i);
        }
    }
    return st;
}

/* What the clock does next is possible in the state that the market has. */
static bool step_fits(const struct smarket *k)
{
    if (k->step < LIFE_OPEN || k->step > LIFE_SETTLE || k->due < 0) {
        return false;
    }
    switch ((enum life_step)k->step) {
    case LIFE_OPEN:
        return k->due == 0 || k->status == M_INITIALIZED;
    case LIFE_CLOSE:
        return k->due == 0 || k->status < M_CLOSED;
    case LIFE_SWEEP:
    case LIFE_SNAPSHOT:
        return k->due == 0 || k->status >= M_CLOSED;
    case LIFE_SETTLE:
        return k->due == 0 || k->status == M_DETERMINED || k->status == M_AMENDED;
    }
    return false;
}

static enum status join_markets(struct sim *sim, struct err *err)
{
    if (sim->n_markets != match_state_markets(sim->match)) {
        return err_set(err, ST_MALFORMED, "%u markets, but %u in the engine", sim->n_markets,
                       match_state_markets(sim->match));
    }
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        const struct smarket *k = &sim->markets[i];
        /* A later market of the event: the list cannot run in a circle. */
        bool next = k->next_of_event == NO_INDEX ||
                    (k->next_of_event > i && k->next_of_event < sim->n_markets);
        if (k->status >= M_STATUS_MAX || k->access > MATCH_SHUT || !next ||
            k->event_index >= sim->n_events || k->series_index >= sim->n_series || !step_fits(k)) {
            return wrong(err, "markets", i);
        }
        enum status st = index_row(&sim->by_ticker, "markets", k->ticker, i, err);
        st = st == ST_OK ? idmap_put(&sim->by_market_id, text_of(k->id), i) : st;
        if (st != ST_OK) {
            return st;
        }
    }
    life_restore(sim);
    return ST_OK;
}

/* An account of the engine becomes a user's. */
static bool own_account(struct sim *sim, uint32_t user, uint32_t sub, uint32_t shard,
                        uint32_t account)
{
    if (account == MATCH_ANON || account >= match_state_accounts(sim->match) ||
        account > MAX_ACCOUNTS || sim->user_of_account[account] != NO_INDEX) {
        return false;
    }
    sim->user_of_account[account] = user;
    sim->subaccount_of[account] = (uint8_t)sub;
    sim->shard_of[account] = (uint8_t)shard;
    sim->top_account = account > sim->top_account ? account : sim->top_account;
    return true;
}

static bool join_user(struct sim *sim, uint32_t i)
{
    struct user *u = &sim->users[i];
    uint8_t netting[SUBACCOUNTS];
    memcpy(netting, u->netting, sizeof netting);
    if (u->account != u->accounts[0] || u->account == NO_INDEX) {
        return false;
    }
    for (uint32_t k = 0; k < SUBACCOUNTS; k++) {
        if (netting[k] > 1 || u->accounts[k] != u->shards[k][0]) {
            return false;
        }
        for (uint32_t shard = 0; shard < SHARDS; shard++) {
            if (u->shards[k][shard] != NO_INDEX &&
                !own_account(sim, i, k, shard, u->shards[k][shard])) {
                return false;
            }
        }
    }
    return true;
}

static enum status join_keys(struct sim *sim, struct err *err)
{
    for (uint32_t i = 0; i < sim->n_keys; i++) {
        const struct skey *k = &sim->keys[i];
        if (k->user >= sim->n_users || k->subaccount < -1 || k->subaccount >= SUBACCOUNTS ||
            (!k->removed && sim_find_key(sim, text_of(k->id)) != NO_INDEX)) {
            return wrong(err, "keys", i);
        }
        enum status st = k->removed ? ST_OK : idmap_put(&sim->by_key_id, text_of(k->id), i);
        if (st != ST_OK) {
            return err_set(err, st, "key %s: %s", k->id, status_text(st));
        }
    }
    return ST_OK;
}

static enum status join_users(struct sim *sim, struct err *err)
{
    for (uint32_t i = 0; i < sim->n_users; i++) {
        if (!join_user(sim, i)) {
            return wrong(err, "users", i);
        }
        budget_restore(sim, &sim->users[i]);
    }
    enum status st = join_keys(sim, err);
    for (uint32_t i = 0; i < sim->n_groups && st == ST_OK; i++) {
        const struct sgroup *g = &sim->groups[i];
        const struct match_group *m = match_group_get(sim->match, g->number);
        if (g->account > MAX_ACCOUNTS || sim->user_of_account[g->account] == NO_INDEX ||
            (m == NULL) != g->deleted || (m != NULL && m->account != g->account)) {
            return wrong(err, "order_groups", i);
        }
        st = idmap_put(&sim->by_group_id, text_of(g->id), i);
    }
    for (uint32_t i = 0; i < sim->n_transfers && st == ST_OK; i++) {
        const struct stransfer *t = &sim->transfers[i];
        char key[UUID_TEXT + 16];
        snprintf(key, sizeof key, "%u:%s", t->user, t->client_id);
        if (t->user >= sim->n_users || t->from >= SUBACCOUNTS || t->to >= SUBACCOUNTS ||
            t->from_shard >= SHARDS || t->to_shard >= SHARDS) {
            return wrong(err, "transfers", i);
        }
        st = t->client_id[0] != '\0' ? idmap_put(&sim->transfer_ids, text_of(key), i) : ST_OK;
    }
    for (uint32_t i = 0; i < sim->n_deposits && st == ST_OK; i++) {
        if (sim->deposits[i].user >= sim->n_users) {
            return wrong(err, "deposits", i);
        }
    }
    return st == ST_OK ? ST_OK : err_prefix(err, st, "users");
}

static bool order_fits(const struct sim *sim, uint32_t i, const struct sorder *s)
{
    const struct match_order *o = &s->o;
    if (o->market >= sim->n_markets || o->account > MAX_ACCOUNTS ||
        sim->user_of_account[o->account] == NO_INDEX || o->tag != (uint64_t)i + 1 ||
        o->status > MATCH_CANCELED || o->reason >= MATCH_BECAUSE_MAX || o->side > SIDE_NO ||
        o->tif > MATCH_FOK || o->stp > MATCH_STP_MAKER || o->px <= 0 || o->px >= PX_ONE) {
        return false;
    }
    const struct match_order *open = match_order_get(sim->match, o->id);
    bool is_open = open != NULL && open->tag == o->tag;
    return is_open == (o->status == MATCH_RESTING) &&
           (!is_open || (open->remaining == o->remaining && open->account == o->account &&
                         open->market == o->market && open->side == o->side));
}

static enum status join_orders(struct sim *sim, struct err *err)
{
    enum status st = ST_OK;
    for (uint32_t i = 0; i < sim->n_burned && st == ST_OK; i++) {
        st = idmap_put(&sim->client_ids, text_of(sim->burned[i].key), NO_INDEX - 1);
    }
    for (uint32_t i = 0; i < sim->n_orders && st == ST_OK; i++) {
        const struct sorder *o = &sim->orders[i];
        if (!order_fits(sim, i, o) || idmap_get(&sim->by_order_id, text_of(o->id)) != IDMAP_NONE) {
            return wrong(err, "orders", i);
        }
        st = idmap_put(&sim->by_order_id, text_of(o->id), i);
        if (st == ST_OK && o->client_id[0] != '\0') {
            char key[CLIENT_KEY_MAX];
            snprintf(key, sizeof key, "%u:%s", sim->user_of_account[o->o.account], o->client_id);
            st = idmap_put(&sim->client_ids, text_of(key), i);
        }
    }
    for (uint32_t i = 0; i < sim->n_fills; i++) {
        const struct sfill *f = &sim->fills[i];
        if (f->order >= sim->n_orders || f->f.market >= sim->n_markets || f->f.side > SIDE_NO ||
            f->f.account != sim->orders[f->order].o.account) {
            return wrong(err, "fills", i);
        }
    }
    for (uint32_t i = 0; i < sim->n_settles; i++) {
        const struct ssettle *s = &sim->settles[i];
        if (s->market >= sim->n_markets || s->account > MAX_ACCOUNTS ||
            sim->user_of_account[s->account] == NO_INDEX) {
            return wrong(err, "settlements", i);
        }
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "orders: %s", status_text(st));
}

static enum status check_counts(const struct load *l, struct err *err)
{
    for (size_t i = 0; i < STATE_ARRAYS; i++) {
        uint64_t want;
        memcpy(&want, (const uint8_t *)&l->counts + state_arrays[i].counted, sizeof want);
        uint32_t n = count_of(l->sim, &state_arrays[i]);
        if (want != n) {
            return err_set(err, ST_MALFORMED, "table %s: %u rows of %llu",
                           sim_state_table(state_arrays[i].table)->name, n,
                           (unsigned long long)want);
        }
    }
    return ST_OK;
}

static enum status load_tables(struct load *l, const struct sim_rows_in *from, struct err *err)
{
    enum status st = ST_OK;
    for (l->table = 0; l->table < T_MAX && st == ST_OK; l->table++) {
        take_fn take = take_row;
        if (l->table < MATCH_T_MAX) {
            take = take_engine;
        } else if (l->table == T_EXCHANGE) {
            st = match_load_end(l->sim->match, err);
            take = take_exchange;
        } else if (l->table == T_TRADES) {
            take = take_trade;
        } else if (l->table == T_CANDLES) {
            take = take_candle;
        }
        for (size_t i = 0; i < STATE_ARRAYS; i++) {
            l->array =
                state_arrays[i].table == (enum own_table)l->table ? &state_arrays[i] : l->array;
        }
        l->take = take;
        st = st == ST_OK && sim_state_table(l->table)->n_columns > 0
                 ? from->each(from->self, l->table, take_checked, l, err)
                 : st;
    }
    return st;
}

enum status sim_state_load(struct sim *sim, const struct sim_rows_in *from, struct err *err)
{
    struct load l = {.sim = sim};
    enum status st = load_tables(&l, from, err);
    st = st == ST_OK ? check_counts(&l, err) : st;
    st = st == ST_OK ? join_events(sim, err) : st;
    st = st == ST_OK ? join_markets(sim, err) : st;
    st = st == ST_OK ? join_users(sim, err) : st;
    st = st == ST_OK ? join_orders(sim, err) : st;
    return st == ST_OK ? ST_OK : err_prefix(err, st, "state file %s", from->name);
}
