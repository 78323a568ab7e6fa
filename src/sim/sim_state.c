/*
 * sim_state.c - see sim_state.h. The tables of the engine come first, then the exchange's own, each
 * an array of structs in struct sim.
 *
 * Of each own table and of the engine's small ones a copy of what was put last is held (shadow).
 * Pointers to text in the copies are only compared, never followed: they may be gone.
 */
#include "sim/sim_state.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim_state_int.h"

#define SWEEP_BYTES ((size_t)64 << 10) /* of each large table compared at each save */
#define SWEEP_BOOKS 1u
#define WHOLE_BYTES ((size_t)1 << 20) /* tables up to this size are compared whole */

/* --- what was put last --- */

struct shadow {
    uint8_t *rows;
    uint32_t n, cap, sweep;
};

struct names { /* rows that changed, each once */
    uint64_t *bits;
    uint32_t words;
    uint32_t *list;
    uint32_t n, cap;
};

struct shadow_account {
    struct match_position *positions;
    uint32_t n, cap;
};

struct kept {
    struct shadow own[STATE_ARRAYS];
    struct names orders, markets, accounts;
    struct kept_exchange exchange;
    struct match_kept_engine engine;
    struct shadow accounts_rows; /* match_kept_account */
    struct shadow_account *positions;
    uint32_t n_positions, positions_cap;
    uint64_t (*markets_hash)[2]; /* of the engine's market row, of its book */
    uint32_t n_hashes, hashes_cap, sweep_books, sweep_accounts;
    uint64_t *groups_hash;
    uint32_t n_group_hashes, group_hashes_cap;
    struct candle *candles; /* the newest of each market that was put */
    uint32_t n_candles, candles_cap;
    uint64_t trades;
    struct buf scratch;
    bool urgent, failed; /* failed: changes were not named one by one: everything is compared */
    uint64_t missed;
};

static bool grow_to(struct shadow *s, uint32_t n, size_t size)
{
    if (n <= s->cap) {
        return true;
    }
    uint32_t cap = s->cap == 0 ? 64 : s->cap;
    while (cap < n) {
        cap *= 2;
    }
    uint8_t *p = realloc(s->rows, (size_t)cap * size);
    if (p == NULL) {
        return false;
    }
    s->rows = p;
    s->cap = cap;
    return true;
}

static void name(struct kept *k, struct names *s, uint32_t row)
{
    uint32_t word = row >> 6;
    if (word >= s->words) {
        uint32_t words = s->words == 0 ? 64 : s->words;
        while (words <= word) {
            words *= 2;
        }
        uint64_t *bits = realloc(s->bits, words * sizeof *bits);
        if (bits == NULL) {
            k->failed = true;
            return;
        }
        memset(bits + s->words, 0, (words - s->words) * sizeof *bits);
        s->bits = bits;
        s->words = words;
    }
    if ((s->bits[word] >> (row & 63) & 1) != 0) {
        return;
    }
    if (!sim_grow((void **)&s->list, s->n, &s->cap, sizeof *s->list)) {
        k->failed = true;
        return;
    }
    s->bits[word] |= UINT64_C(1) << (row & 63);
    s->list[s->n++] = row;
}

static void unname(struct names *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        s->bits[s->list[i] >> 6] = 0;
    }
    s->n = 0;
}

void sim_state_touch(struct sim *sim, uint32_t market)
{
    if (sim->kept != NULL) {
        name(sim->kept, &sim->kept->markets, market);
    }
}

void sim_state_touch_all(struct sim *sim)
{
    if (sim->kept != NULL) {
        sim->kept->failed = true;
        sim->kept->urgent = true;
    }
}

void sim_state_tell(struct sim *sim)
{
    if (sim->kept != NULL) {
        sim->kept->urgent = true;
    }
}

void sim_state_note(struct sim *sim)
{
    struct kept *k = sim->kept;
    if (k == NULL) {
        return;
    }
    struct match_result r = match_result(sim->match);
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        name(k, &k->markets, r.deltas[i].market);
    }
    for (uint32_t i = 0; i < r.n_trades; i++) {
        name(k, &k->markets, r.trades[i].market);
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        name(k, &k->accounts, r.fills[i].account);
        name(k, &k->markets, r.fills[i].market);
    }
    for (uint32_t i = 0; i < r.n_updates; i++) {
        name(k, &k->markets, r.updates[i].market);
        name(k, &k->accounts, r.updates[i].account);
        if (r.updates[i].tag != 0) {
            name(k, &k->orders, (uint32_t)r.updates[i].tag - 1);
            k->urgent = true;
        }
    }
}

bool sim_state_urgent(const struct sim *sim)
{
    return sim->kept != NULL && sim->kept->urgent;
}

uint64_t sim_state_missed(const struct sim *sim)
{
    return sim->kept != NULL ? sim->kept->missed : 0;
}

enum status sim_state_watch(struct sim *sim)
{
    sim->kept = calloc(1, sizeof *sim->kept);
    if (sim->kept == NULL) {
        return ST_NOMEM;
    }
    buf_init(&sim->kept->scratch, (size_t)64 << 20);
    return ST_OK;
}

static void names_finish(struct names *s)
{
    free(s->bits);
    free(s->list);
}

void sim_state_finish(struct sim *sim)
{
    struct kept *k = sim->kept;
    if (k == NULL) {
        return;
    }
    for (size_t i = 0; i < STATE_ARRAYS; i++) {
        free(k->own[i].rows);
    }
    for (uint32_t i = 0; i < k->n_positions; i++) {
        free(k->positions[i].positions);
    }
    free(k->positions);
    free(k->accounts_rows.rows);
    free(k->markets_hash);
    free(k->groups_hash);
    free(k->candles);
    names_finish(&k->orders);
    names_finish(&k->markets);
    names_finish(&k->accounts);
    buf_finish(&k->scratch);
    free(k);
    sim->kept = NULL;
}

/* --- saving --- */

struct save {
    struct sim *sim;
    struct kept *k;
    const struct sim_rows_out *to;
    bool whole;
    uint64_t rows;
    enum status st;
};

static void put(struct save *s, uint32_t table, uint64_t key, const void *row)
{
    if (s->st == ST_OK) {
        s->st = s->to->put(s->to->self, table, key, row);
        s->rows++;
    }
}

/* Compare one row with its copy; true when it was put. */
static bool compare(struct save *s, const struct array *a, struct shadow *sh, uint32_t i)
{
    const struct row_table *t = sim_state_table(a->table);
    const uint8_t *now = rows_of(s->sim, a) + (size_t)i * t->size;
    uint8_t *before = sh->rows + (size_t)i * t->size;
    if (memcmp(now, before, t->size) == 0) {
        return false;
    }
    bool differs = false;
    for (uint32_t c = 0; c < t->n_columns && !differs; c++) {
        const struct row_column *k = &t->columns[c];
        /* Numbers in pieces of bytes: a pointer to text counts as changed when it is another. */
        differs = memcmp(now + k->offset, before + k->offset, k->size) != 0;
    }
    memcpy(before, now, t->size);
    if (differs) {
        put(s, a->table, i, now);
    }
    return differs;
}

static void save_new(struct save *s, const struct array *a, struct shadow *sh)
{
    const struct row_table *t = sim_state_table(a->table);
    uint32_t n = count_of(s->sim, a);
    if (!a->append_only && !grow_to(sh, n, t->size)) {
        s->st = ST_NOMEM;
        return;
    }
    for (uint32_t i = sh->n; i < n; i++) {
        const uint8_t *row = rows_of(s->sim, a) + (size_t)i * t->size;
        if (!a->append_only) {
            memcpy(sh->rows + (size_t)i * t->size, row, t->size);
        }
        put(s, a->table, i, row);
    }
    sh->n = n;
}

static void save_array(struct save *s, const struct array *a, struct shadow *sh)
{
    const struct row_table *t = sim_state_table(a->table);
    uint32_t before = sh->n;
    save_new(s, a, sh);
    if (a->append_only || before == 0 || s->st != ST_OK) {
        return;
    }
    const struct names *names = a->table == T_ORDERS ? &s->k->orders : &s->k->markets;
    for (uint32_t i = 0; a->named && i < names->n; i++) {
        if (names->list[i] < before) {
            (void)compare(s, a, sh, names->list[i]);
        }
    }
    bool all = s->whole || s->k->failed || (size_t)before * t->size <= WHOLE_BYTES;
    uint32_t part = all ? before : (uint32_t)(SWEEP_BYTES / t->size) + 1;
    for (uint32_t i = 0; i < part; i++) {
        sh->sweep = sh->sweep + 1 < before ? sh->sweep + 1 : 0;
        s->k->missed += compare(s, a, sh, sh->sweep) && a->named && !s->k->failed ? 1 : 0;
    }
}

static void save_trades(struct save *s)
{
    struct sim *sim = s->sim;
    uint64_t from = s->k->trades;
    if (sim->n_trades > TRADES_KEPT && from < sim->n_trades - TRADES_KEPT) {
        from = sim->n_trades - TRADES_KEPT;
    }
    for (uint64_t i = from; i < sim->n_trades; i++) {
        put(s, T_TRADES, i % TRADES_KEPT, &sim->trades[i % TRADES_KEPT]);
    }
    s->k->trades = sim->n_trades;
}

/* A market's minutes from the newest that was put; a minute is replaced as long as it lasts. */
static void save_candles_of(struct save *s, uint32_t market)
{
    const struct candles *c = s->sim->markets[market].candles;
    struct candle *last = &s->k->candles[market];
    uint32_t n = candles_count(c);
    for (uint32_t i = n > 0 ? candles_from(c, last->minute) : 0; i < n; i++) {
        const struct candle *now = candles_at(c, i);
        if (memcmp(now, last, sizeof *now) != 0) {
            *last = *now;
            put(s, T_CANDLES, (uint64_t)market << 32 | (uint32_t)now->minute, now);
        }
    }
}

static void save_candles(struct save *s)
{
    struct kept *k = s->k;
    while (k->n_candles < s->sim->n_markets) {
        if (!sim_grow((void **)&k->candles, k->n_candles, &k->candles_cap, sizeof *k->candles)) {
            s->st = ST_NOMEM;
            return;
        }
        memset(&k->candles[k->n_candles++], 0, sizeof *k->candles);
    }
    for (uint32_t i = 0; i < k->markets.n; i++) {
        save_candles_of(s, k->markets.list[i]);
    }
    for (uint32_t i = 0; (s->whole || k->failed) && i < s->sim->n_markets; i++) {
        save_candles_of(s, i);
    }
}

static void save_exchange(struct save *s)
{
    const struct sim *sim = s->sim;
    struct kept_exchange row;
    memset(&row, 0, sizeof row); /* it is compared whole */
    row.id_seed = sim->id_seed;
    row.id_wall = sim->start_wall;
    row.n_trades = sim->n_trades;
    row.trading_paused = sim->trading_paused;
    row.exchange_paused = sim->exchange_paused;
    row.resume_at = sim->resume_at;
    row.by_hours_trading = sim->by_hours_trading;
    row.by_hours_exchange = sim->by_hours_exchange;
    row.scenario_start = sim->scenario_start;
    row.scenario_next = sim->scenario_next;
    for (size_t i = 0; i < STATE_ARRAYS; i++) {
        uint64_t n = count_of(sim, &state_arrays[i]);
        memcpy((uint8_t *)&row + state_arrays[i].counted, &n, sizeof n);
    }
    if (memcmp(&row, &s->k->exchange, sizeof row) != 0) {
        s->k->exchange = row;
        put(s, T_EXCHANGE, 0, &row);
    }
    struct match_kept_engine engine;
    match_state_engine(sim->match, &engine);
    if (memcmp(&engine, &s->k->engine, sizeof engine) != 0) {
        s->k->engine = engine;
        put(s, MATCH_T_ENGINE, 0, &engine);
    }
}

/* --- saving: the engine --- */

static bool account_row_differs(struct save *s, uint32_t account)
{
    const struct row_table *t = &match_tables[MATCH_T_ACCOUNTS];
    struct shadow *sh = &s->k->accounts_rows;
    struct match_kept_account row;
    match_state_account(s->sim->match, account, &row);
    uint8_t *before = sh->rows + (size_t)account * t->size;
    bool fresh = account >= sh->n;
    if (!fresh && row_equal(t, &row, before)) {
        return false;
    }
    memcpy(before, &row, sizeof row);
    sh->n = fresh ? account + 1 : sh->n;
    put(s, MATCH_T_ACCOUNTS, account, &row);
    return true;
}

static bool save_positions(struct save *s, uint32_t account)
{
    const struct row_table *t = &match_tables[MATCH_T_POSITIONS];
    struct shadow_account *a = &s->k->positions[account];
    uint32_t n = match_account(s->sim->match, account)->n_positions;
    bool changed = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct match_position *p = match_position_at(s->sim->match, account, i);
        bool fresh = i >= a->n;
        if (!fresh && memcmp(p, &a->positions[i], sizeof *p) == 0) {
            continue; /* as most are */
        }
        if (!fresh && row_equal(t, p, &a->positions[i])) {
            a->positions[i] = *p;
            continue;
        }
        if (!sim_grow((void **)&a->positions, i, &a->cap, sizeof *a->positions)) {
            s->st = ST_NOMEM;
            return false;
        }
        a->positions[i] = *p;
        a->n = fresh ? i + 1 : a->n;
        put(s, MATCH_T_POSITIONS, (uint64_t)account << 32 | i, p);
        changed = true;
    }
    return changed;
}

static void save_accounts(struct save *s)
{
    struct kept *k = s->k;
    uint32_t n = match_state_accounts(s->sim->match);
    if (!grow_to(&k->accounts_rows, n, match_tables[MATCH_T_ACCOUNTS].size)) {
        s->st = ST_NOMEM;
        return;
    }
    while (k->n_positions < n) {
        if (!sim_grow((void **)&k->positions, k->n_positions, &k->positions_cap,
                      sizeof *k->positions)) {
            s->st = ST_NOMEM;
            return;
        }
        k->positions[k->n_positions++] = (struct shadow_account){0};
    }
    for (uint32_t i = 0; i < n; i++) {
        if (account_row_differs(s, i)) {
            name(k, &k->accounts, i);
        }
    }
    for (uint32_t i = 0; i < k->accounts.n; i++) {
        (void)save_positions(s, k->accounts.list[i]);
    }
    uint32_t part = s->whole || k->failed ? n : 1;
    for (uint32_t i = 0; i < part; i++) {
        k->sweep_accounts = k->sweep_accounts + 1 < n ? k->sweep_accounts + 1 : 0;
        k->missed += save_positions(s, k->sweep_accounts) && !k->failed ? 1 : 0;
    }
}

/* A digest of 64 bits of a row of the engine's: it is large, or has bytes of its own. */
static uint64_t row_hash(uint32_t table, uint64_t key, const void *row)
{
    struct digest d;
    digest_init(&d);
    row_digest(&match_tables[table], key, row, &d);
    return d.a ^ (d.b << 1);
}

static bool save_book(struct save *s, uint32_t market)
{
    struct match_kept_market row;
    struct match_kept_book book;
    uint64_t *before = s->k->markets_hash[market];
    match_state_market(s->sim->match, market, &s->k->scratch, &row);
    uint64_t hash = row_hash(MATCH_T_MARKETS, market, &row);
    bool changed = hash != before[0];
    if (changed) {
        before[0] = hash;
        put(s, MATCH_T_MARKETS, market, &row);
    }
    match_state_book(s->sim->match, market, &s->k->scratch, &book);
    if (s->k->scratch.failed) {
        s->st = ST_NOMEM;
    }
    hash = row_hash(MATCH_T_BOOKS, market, &book);
    if (hash != before[1]) {
        before[1] = hash;
        put(s, MATCH_T_BOOKS, market, &book);
        changed = true;
    }
    return changed;
}

static void save_books(struct save *s)
{
    struct kept *k = s->k;
    uint32_t n = match_state_markets(s->sim->match);
    while (k->n_hashes < n) {
        if (!sim_grow((void **)&k->markets_hash, k->n_hashes, &k->hashes_cap,
                      sizeof *k->markets_hash)) {
            s->st = ST_NOMEM;
            return;
        }
        memset(k->markets_hash[k->n_hashes], 0, sizeof *k->markets_hash);
        name(k, &k->markets, k->n_hashes++);
    }
    for (uint32_t i = 0; i < k->markets.n; i++) {
        (void)save_book(s, k->markets.list[i]);
    }
    uint32_t part = s->whole || k->failed ? n : n < SWEEP_BOOKS ? n : SWEEP_BOOKS;
    for (uint32_t i = 0; i < part; i++) {
        k->sweep_books = k->sweep_books + 1 < n ? k->sweep_books + 1 : 0;
        k->missed += save_book(s, k->sweep_books) && !k->failed ? 1 : 0;
    }
}

static void save_groups(struct save *s)
{
    struct kept *k = s->k;
    uint32_t n = match_state_groups(s->sim->match);
    while (k->n_group_hashes < n) {
        if (!sim_grow((void **)&k->groups_hash, k->n_group_hashes, &k->group_hashes_cap,
                      sizeof *k->groups_hash)) {
            s->st = ST_NOMEM;
            return;
        }
        k->groups_hash[k->n_group_hashes++] = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct match_kept_group row;
        match_state_group(s->sim->match, i, &k->scratch, &row);
        uint64_t hash = row_hash(MATCH_T_GROUPS, i, &row);
        if (hash != k->groups_hash[i]) {
            k->groups_hash[i] = hash;
            put(s, MATCH_T_GROUPS, i, &row);
        }
    }
}

enum status sim_state_save(struct sim *sim, bool whole, const struct sim_rows_out *to,
                           uint64_t *ret_rows)
{
    struct kept *k = sim->kept;
    struct save s = {.sim = sim, .k = k, .to = to, .whole = whole};
    save_exchange(&s);
    save_accounts(&s);
    save_groups(&s);
    save_books(&s);
    for (size_t i = 0; i < STATE_ARRAYS && s.st == ST_OK; i++) {
        save_array(&s, &state_arrays[i], &k->own[i]);
    }
    save_trades(&s);
    save_candles(&s);
    unname(&k->orders);
    unname(&k->markets);
    unname(&k->accounts);
    k->urgent = false;
    k->failed = false;
    *ret_rows = s.rows;
    return s.st;
}

/* --- for tests --- */

void sim_state_all(struct sim *sim, const struct sim_rows_out *to)
{
    struct kept *held = sim->kept;
    uint64_t n = 0;
    sim->kept = NULL;
    if (sim_state_watch(sim) == ST_OK) {
        (void)!sim_state_save(sim, true, to, &n);
    }
    sim_state_finish(sim);
    sim->kept = held;
}
