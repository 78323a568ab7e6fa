/*
 * sim_state.c - see sim_state.h. The tables of the engine come first, then the exchange's own, each
 * an array of structs in struct sim.
 *
 * Of each own table and of the engine's small ones a copy of what was put last is held (shadow).
 * Pointers to text in the copies are only compared, never followed: they may be gone.
 */
#include "sim/sim_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/match_state.h"
#include "sim/sim_life.h"
#include "sim/sim_read.h"

#define SWEEP_BYTES ((size_t)64 << 10) /* of each large table compared at each save */
#define SWEEP_BOOKS 1u
#define WHOLE_BYTES ((size_t)1 << 20) /* tables up to this size are compared whole */

/* --- the exchange's tables --- */

struct kept_exchange {
    uint64_t id_seed;
    wall_ns_t id_wall;
    uint64_t n_trades;
    bool trading_paused, exchange_paused;
    wall_ns_t resume_at, scenario_start;
    uint32_t scenario_next;
    uint64_t n_series, n_events, n_fee_changes;
    uint64_t n_markets, n_users, n_keys, n_orders, n_fills, n_settles, n_burned;
    uint64_t n_groups, n_transfers, n_deposits, n_windows;
    bool by_hours_trading, by_hours_exchange;
};

enum own_table {
    T_EXCHANGE = MATCH_T_MAX,
    T_SERIES,
    T_EVENTS,
    T_FEE_CHANGES,
    T_MARKETS,
    T_USERS,
    T_KEYS,
    T_ORDERS,
    T_FILLS,
    T_SETTLES,
    T_TRADES,
    T_BURNED,
    T_GROUPS,
    T_TRANSFERS,
    T_DEPOSITS,
    T_WINDOWS,
    T_CANDLES,
    T_MAX
};

#define INT(struct_, name_, field_)   ROW_COLUMN(struct_, name_, field_, ROW_INT)
#define UINT(struct_, name_, field_)  ROW_COLUMN(struct_, name_, field_, ROW_UINT)
#define FLAG(struct_, name_, field_)  ROW_COLUMN(struct_, name_, field_, ROW_BOOL)
#define TEXTC(struct_, name_, field_) ROW_COLUMN(struct_, name_, field_, ROW_TEXT)
#define OWNED(struct_, name_, field_) ROW_COLUMN(struct_, name_, field_, ROW_OWNED)
#define RAW(struct_, name_, field_)   ROW_COLUMN(struct_, name_, field_, ROW_RAW)
#define SKIP(struct_, field_)                                                                      \
    {                                                                                              \
        offsetof(struct_, field_), sizeof(((struct_ *)0)->field_)                                  \
    }

static const struct row_column exchange_columns[] = {
    UINT(struct kept_exchange, "id_seed", id_seed),
    INT(struct kept_exchange, "id_wall", id_wall),
    UINT(struct kept_exchange, "n_trades", n_trades),
    FLAG(struct kept_exchange, "trading_paused", trading_paused),
    FLAG(struct kept_exchange, "exchange_paused", exchange_paused),
    INT(struct kept_exchange, "resume_at", resume_at),
    INT(struct kept_exchange, "scenario_start", scenario_start),
    UINT(struct kept_exchange, "scenario_next", scenario_next),
    UINT(struct kept_exchange, "n_series", n_series),
    UINT(struct kept_exchange, "n_events", n_events),
    UINT(struct kept_exchange, "n_fee_changes", n_fee_changes),
    UINT(struct kept_exchange, "n_markets", n_markets),
    UINT(struct kept_exchange, "n_users", n_users),
    UINT(struct kept_exchange, "n_keys", n_keys),
    UINT(struct kept_exchange, "n_orders", n_orders),
    UINT(struct kept_exchange, "n_fills", n_fills),
    UINT(struct kept_exchange, "n_settles", n_settles),
    UINT(struct kept_exchange, "n_burned", n_burned),
    UINT(struct kept_exchange, "n_groups", n_groups),
    UINT(struct kept_exchange, "n_transfers", n_transfers),
    UINT(struct kept_exchange, "n_deposits", n_deposits),
    UINT(struct kept_exchange, "n_windows", n_windows),
    FLAG(struct kept_exchange, "by_hours_trading", by_hours_trading),
    FLAG(struct kept_exchange, "by_hours_exchange", by_hours_exchange),
};
#define FEE(struct_)                                                                               \
    TEXTC(struct_, "fee_type", fee.type), INT(struct_, "fee_mult_micros", fee.mult_micros)
static const struct row_column series_columns[] = {
    TEXTC(struct sseries, "ticker", ticker),
    OWNED(struct sseries, "title", text[SX_TITLE]),
    OWNED(struct sseries, "category", text[SX_CATEGORY]),
    OWNED(struct sseries, "frequency", text[SX_FREQUENCY]),
    OWNED(struct sseries, "contract_url", text[SX_CONTRACT_URL]),
    OWNED(struct sseries, "contract_terms_url", text[SX_CONTRACT_TERMS_URL]),
    OWNED(struct sseries, "tags", text[SX_TAGS]),
    OWNED(struct sseries, "settlement_sources", text[SX_SETTLEMENT_SOURCES]),
    OWNED(struct sseries, "product_metadata", text[SX_PRODUCT_METADATA]),
    FEE(struct sseries),
    INT(struct sseries, "updated", updated),
};
static const struct row_column event_columns[] = {
    TEXTC(struct sevent, "ticker", ticker),
    UINT(struct sevent, "series", series),
    OWNED(struct sevent, "title", text[ET_TITLE]),
    OWNED(struct sevent, "sub_title", text[ET_SUB_TITLE]),
    OWNED(struct sevent, "strike_period", text[ET_STRIKE_PERIOD]),
    OWNED(struct sevent, "product_metadata", text[ET_PRODUCT_METADATA]),
    TEXTC(struct sevent, "collateral_return", collateral_return),
    FLAG(struct sevent, "mutually_exclusive", mutually_exclusive),
    INT(struct sevent, "strike_date", strike_date),
    FEE(struct sevent),
    INT(struct sevent, "updated", updated),
    UINT(struct sevent, "first_market", first),
    UINT(struct sevent, "last_market", last),
    FLAG(struct sevent, "told", told),
};
static const struct row_column fee_change_columns[] = {
    TEXTC(struct fee_change, "id", id),        UINT(struct fee_change, "event", event),
    UINT(struct fee_change, "series", series), FEE(struct fee_change),
    INT(struct fee_change, "at", at),          FLAG(struct fee_change, "done", done),
};
static const struct row_column market_columns[] = {
    TEXTC(struct smarket, "ticker", ticker),
    TEXTC(struct smarket, "market_id", id),
    TEXTC(struct smarket, "event", event),
    TEXTC(struct smarket, "series", series),
    UINT(struct smarket, "event_index", event_index),
    UINT(struct smarket, "series_index", series_index),
    UINT(struct smarket, "next_of_event", next_of_event),
    TEXTC(struct smarket, "structure", structure),
    OWNED(struct smarket, "title", text[MT_TITLE]),
    OWNED(struct smarket, "subtitle", text[MT_SUBTITLE]),
    OWNED(struct smarket, "yes_sub_title", text[MT_YES_SUB_TITLE]),
    OWNED(struct smarket, "no_sub_title", text[MT_NO_SUB_TITLE]),
    OWNED(struct smarket, "rules_primary", text[MT_RULES_PRIMARY]),
    OWNED(struct smarket, "rules_secondary", text[MT_RULES_SECONDARY]),
    OWNED(struct smarket, "early_close_condition", text[MT_EARLY_CLOSE_CONDITION]),
    OWNED(struct smarket, "expiration_value", text[MT_EXPIRATION_VALUE]),
    OWNED(struct smarket, "strike_type", text[MT_STRIKE_TYPE]),
    OWNED(struct smarket, "floor_strike", text[MT_FLOOR_STRIKE]),
    OWNED(struct smarket, "cap_strike", text[MT_CAP_STRIKE]),
    OWNED(struct smarket, "functional_strike", text[MT_FUNCTIONAL_STRIKE]),
    OWNED(struct smarket, "custom_strike", text[MT_CUSTOM_STRIKE]),
    FLAG(struct smarket, "scalar", scalar),
    FLAG(struct smarket, "can_close_early", can_close_early),
    FLAG(struct smarket, "managed", managed),
    UINT(struct smarket, "status", status),
    UINT(struct smarket, "exchange_index", exchange_index),
    UINT(struct smarket, "access", access),
    FLAG(struct smarket, "result_yes", result_yes),
    INT(struct smarket, "value", value),
    INT(struct smarket, "floor", floor),
    INT(struct smarket, "timer_s", timer_s),
    INT(struct smarket, "created", created),
    INT(struct smarket, "opens", opens),
    INT(struct smarket, "closes", closes),
    INT(struct smarket, "settled", settled),
    INT(struct smarket, "updated", updated),
    INT(struct smarket, "expected", expected),
    INT(struct smarket, "latest", latest),
    INT(struct smarket, "occurred", occurred),
    INT(struct smarket, "waived_until", waived_until),
    INT(struct smarket, "determined", determined),
    INT(struct smarket, "last_yes_px", last_yes_px),
    INT(struct smarket, "prev_yes_px", prev_yes_px),
    INT(struct smarket, "last_qty", last_qty),
    INT(struct smarket, "volume", volume),
    INT(struct smarket, "step", step),
    INT(struct smarket, "due", due),
};
/* What the last ticker message said (nobody hears of a restart that way), and what follows from the
 * rest. */
static const struct row_skip market_skip[] = {
    SKIP(struct smarket, told_bid),     SKIP(struct smarket, told_ask),
    SKIP(struct smarket, told_bid_qty), SKIP(struct smarket, told_ask_qty),
    SKIP(struct smarket, told_volume),  SKIP(struct smarket, heap_at),
    SKIP(struct smarket, candles),
};
static const struct row_column user_columns[] = {
    TEXTC(struct user, "user_id", id),          TEXTC(struct user, "name", name),
    UINT(struct user, "account", account),      RAW(struct user, "accounts", accounts),
    RAW(struct user, "shards", shards),         RAW(struct user, "netting", netting),
    TEXTC(struct user, "tier", tier),           FLAG(struct user, "granted", granted),
    RAW(struct user, "allocation", allocation),
};
static const struct row_skip user_skip[] = {
    SKIP(struct user, read),
    SKIP(struct user, cancel_until),
    SKIP(struct user, write),
};
static const struct row_column key_columns[] = {
    TEXTC(struct skey, "key_id", id),
    TEXTC(struct skey, "name", name),
    UINT(struct skey, "user", user),
    UINT(struct skey, "scopes", scopes),
    INT(struct skey, "subaccount", subaccount),
    FLAG(struct skey, "removed", removed),
    OWNED(struct skey, "public_key", public_pem),
};
static const struct row_column order_columns[] = {
    TEXTC(struct sorder, "order_id", id),
    TEXTC(struct sorder, "client_order_id", client_id),
    UINT(struct sorder, "engine_id", o.id),
    UINT(struct sorder, "account", o.account),
    UINT(struct sorder, "market", o.market),
    UINT(struct sorder, "tag", o.tag),
    UINT(struct sorder, "side", o.side),
    INT(struct sorder, "px", o.px),
    INT(struct sorder, "initial", o.initial),
    INT(struct sorder, "filled", o.filled),
    INT(struct sorder, "remaining", o.remaining),
    UINT(struct sorder, "status", o.status),
    UINT(struct sorder, "reason", o.reason),
    UINT(struct sorder, "tif", o.tif),
    UINT(struct sorder, "stp", o.stp),
    FLAG(struct sorder, "post_only", o.post_only),
    FLAG(struct sorder, "reduce_only", o.reduce_only),
    FLAG(struct sorder, "cancel_on_pause", o.cancel_on_pause),
    INT(struct sorder, "created", o.created),
    INT(struct sorder, "updated", o.updated),
    INT(struct sorder, "expires", o.expires),
    INT(struct sorder, "rested", o.rested),
    UINT(struct sorder, "order_group", o.group),
    INT(struct sorder, "taker_cost", o.taker_cost),
    INT(struct sorder, "maker_cost", o.maker_cost),
    INT(struct sorder, "taker_fees", o.taker_fees),
    INT(struct sorder, "maker_fees", o.maker_fees),
    INT(struct sorder, "rounding", o.rounding),
};
static const struct row_column fill_columns[] = {
    UINT(struct sfill, "trade_number", f.trade_id),
    UINT(struct sfill, "engine_id", f.order_id),
    UINT(struct sfill, "tag", f.tag),
    UINT(struct sfill, "account", f.account),
    UINT(struct sfill, "market", f.market),
    UINT(struct sfill, "side", f.side),
    INT(struct sfill, "yes_px", f.yes_px),
    INT(struct sfill, "qty", f.qty),
    INT(struct sfill, "fee", f.fee),
    FLAG(struct sfill, "is_taker", f.is_taker),
    INT(struct sfill, "position", f.position),
    UINT(struct sfill, "of_order", order),
    INT(struct sfill, "at", at),
};
static const struct row_column settle_columns[] = {
    UINT(struct ssettle, "account", account),
    UINT(struct ssettle, "market", market),
    INT(struct ssettle, "revenue", revenue),
    INT(struct ssettle, "at", at),
    INT(struct ssettle, "qty", before.qty),
    INT(struct ssettle, "cost", before.cost),
    INT(struct ssettle, "realized", before.realized),
    INT(struct ssettle, "fees", before.fees),
    INT(struct ssettle, "traded", before.traded),
    INT(struct ssettle, "volume", before.volume),
    INT(struct ssettle, "bought_yes", before.bought[SIDE_YES]),
    INT(struct ssettle, "bought_no", before.bought[SIDE_NO]),
    INT(struct ssettle, "paid_yes", before.paid[SIDE_YES]),
    INT(struct ssettle, "paid_no", before.paid[SIDE_NO]),
    INT(struct ssettle, "updated", before.updated),
};
/* Which rests of the position and what was reserved is known at the trade only, and not told. */
static const struct row_skip settle_skip[] = {
    SKIP(struct ssettle, before.market),       SKIP(struct ssettle, before.resting),
    SKIP(struct ssettle, before.resting_cost), SKIP(struct ssettle, before.reserved),
    SKIP(struct ssettle, before.settled),
};
static const struct row_column trade_columns[] = {
    TEXTC(struct strade, "trade_id", id), UINT(struct strade, "market", market),
    UINT(struct strade, "taker", taker),  INT(struct strade, "yes_px", yes_px),
    INT(struct strade, "qty", qty),       INT(struct strade, "at", at),
    FLAG(struct strade, "block", block),
};
static const struct row_column burned_columns[] = {
    TEXTC(struct sburned, "client_key", key),
};

static const struct row_column group_columns[] = {
    TEXTC(struct sgroup, "group_id", id),
    UINT(struct sgroup, "number", number),
    UINT(struct sgroup, "account", account),
    FLAG(struct sgroup, "deleted", deleted),
};
static const struct row_column transfer_columns[] = {
    TEXTC(struct stransfer, "transfer_id", id),
    TEXTC(struct stransfer, "client_transfer_id", client_id),
    UINT(struct stransfer, "user", user),
    UINT(struct stransfer, "from_subaccount", from),
    UINT(struct stransfer, "to_subaccount", to),
    UINT(struct stransfer, "from_shard", from_shard),
    UINT(struct stransfer, "to_shard", to_shard),
    FLAG(struct stransfer, "between_shards", between_shards),
    INT(struct stransfer, "amount", amount),
    INT(struct stransfer, "at", at),
};
static const struct row_column deposit_columns[] = {
    TEXTC(struct sdeposit, "deposit_id", id),
    UINT(struct sdeposit, "user", user),
    INT(struct sdeposit, "amount", amount),
    INT(struct sdeposit, "at", at),
};

static const struct row_column window_columns[] = {
    INT(struct window, "starts", start),
    INT(struct window, "ends", end),
    FLAG(struct window, "exchange", exchange),
};
#define OHLC(name_, field_)                                                                        \
    UINT(struct candle, name_ "_open", field_.open),                                               \
        UINT(struct candle, name_ "_high", field_.high),                                           \
        UINT(struct candle, name_ "_low", field_.low),                                             \
        UINT(struct candle, name_ "_close", field_.close)
static const struct row_column candle_columns[] = {
    INT(struct candle, "minute", minute),
    OHLC("bid", bid),
    OHLC("ask", ask),
    OHLC("price", px),
    INT(struct candle, "volume", volume),
    INT(struct candle, "interest", interest),
    INT(struct candle, "turnover", turnover),
    UINT(struct candle, "previous", previous),
};

static const struct row_table own_tables[T_MAX - MATCH_T_MAX] = {
    ROW_TABLE("exchange", struct kept_exchange, exchange_columns),
    ROW_TABLE("series", struct sseries, series_columns),
    ROW_TABLE("events", struct sevent, event_columns),
    ROW_TABLE("fee_changes", struct fee_change, fee_change_columns),
    ROW_TABLE("markets", struct smarket, market_columns),
    ROW_TABLE("users", struct user, user_columns),
    ROW_TABLE("keys", struct skey, key_columns),
    ROW_TABLE("orders", struct sorder, order_columns),
    ROW_TABLE("fills", struct sfill, fill_columns),
    ROW_TABLE("settlements", struct ssettle, settle_columns),
    ROW_TABLE("trades", struct strade, trade_columns),
    ROW_TABLE("used_client_ids", struct sburned, burned_columns),
    ROW_TABLE("order_groups", struct sgroup, group_columns),
    ROW_TABLE("transfers", struct stransfer, transfer_columns),
    ROW_TABLE("deposits", struct sdeposit, deposit_columns),
    ROW_TABLE("windows", struct window, window_columns),
    ROW_TABLE("candles", struct candle, candle_columns),
};

/* Where the rows of a table are in struct sim. */
struct array {
    enum own_table table;
    size_t rows, n, cap; /* offsets */
    size_t counted;      /* offset in kept_exchange */
    bool append_only;    /* rows never change */
    bool named;          /* changes are named by sim_state_touch(): too many to compare them all */
    const struct row_skip *skip;
    uint32_t n_skip;
};
#define ARRAY(table_, rows_, n_, cap_)                                                             \
    .table = table_, .rows = offsetof(struct sim, rows_), .n = offsetof(struct sim, n_),           \
    .cap = offsetof(struct sim, cap_), .counted = offsetof(struct kept_exchange, n_)
#define SKIPS(skip_) .skip = skip_, .n_skip = sizeof(skip_) / sizeof((skip_)[0])

static const struct array arrays[] = {
    {ARRAY(T_SERIES, series, n_series, series_cap)},
    {ARRAY(T_EVENTS, events, n_events, events_cap)},
    {ARRAY(T_FEE_CHANGES, fee_changes, n_fee_changes, fee_changes_cap)},
    {ARRAY(T_MARKETS, markets, n_markets, markets_cap), .named = true, SKIPS(market_skip)},
    {ARRAY(T_USERS, users, n_users, users_cap), SKIPS(user_skip)},
    {ARRAY(T_KEYS, keys, n_keys, keys_cap)},
    {ARRAY(T_ORDERS, orders, n_orders, orders_cap), .named = true},
    {ARRAY(T_FILLS, fills, n_fills, fills_cap), .append_only = true},
    {ARRAY(T_SETTLES, settles, n_settles, settles_cap), .append_only = true, SKIPS(settle_skip)},
    {ARRAY(T_BURNED, burned, n_burned, burned_cap), .append_only = true},
    {ARRAY(T_GROUPS, groups, n_groups, groups_cap)},
    {ARRAY(T_TRANSFERS, transfers, n_transfers, transfers_cap), .append_only = true},
    {ARRAY(T_DEPOSITS, deposits, n_deposits, deposits_cap), .append_only = true},
    {ARRAY(T_WINDOWS, windows, n_windows, windows_cap)},
};
#define ARRAYS (sizeof arrays / sizeof arrays[0])

const struct row_table *sim_state_table(uint32_t i)
{
    return i < MATCH_T_MAX ? &match_tables[i] : i < T_MAX ? &own_tables[i - MATCH_T_MAX] : NULL;
}

static uint8_t *rows_of(const struct sim *sim, const struct array *a)
{
    uint8_t *p;
    memcpy(&p, (const uint8_t *)sim + a->rows, sizeof p);
    return p;
}

static uint32_t count_of(const struct sim *sim, const struct array *a)
{
    uint32_t n;
    memcpy(&n, (const uint8_t *)sim + a->n, sizeof n);
    return n;
}

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
    struct shadow own[ARRAYS];
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
    for (size_t i = 0; i < ARRAYS; i++) {
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
    for (size_t i = 0; i < ARRAYS; i++) {
        uint64_t n = count_of(sim, &arrays[i]);
        memcpy((uint8_t *)&row + arrays[i].counted, &n, sizeof n);
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
    for (size_t i = 0; i < ARRAYS && s.st == ST_OK; i++) {
        save_array(&s, &arrays[i], &k->own[i]);
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

/* --- loading --- */

struct load {
    struct sim *sim;
    struct kept_exchange counts;
    uint32_t table;
    const struct array *array;
};

static enum status out_of_place(const struct load *l, uint64_t key, struct err *err)
{
    return err_set(err, ST_MALFORMED, "table %s: row %llu is out of place or out of range",
                   sim_state_table(l->table)->name, (unsigned long long)key);
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
        if (c->event != NO_INDEX ? c->event >= sim->n_events : c->series >= sim->n_series) {
            return wrong(err, "fee_changes", i);
        }
    }
    return st;
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
            k->event_index >= sim->n_events || k->series_index >= sim->n_series || k->step < 0 ||
            k->step > LIFE_SETTLE) {
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
    for (size_t i = 0; i < ARRAYS; i++) {
        uint64_t want;
        memcpy(&want, (const uint8_t *)&l->counts + arrays[i].counted, sizeof want);
        uint32_t n = count_of(l->sim, &arrays[i]);
        if (want != n) {
            return err_set(err, ST_MALFORMED, "table %s: %u rows of %llu",
                           sim_state_table(arrays[i].table)->name, n, (unsigned long long)want);
        }
    }
    return ST_OK;
}

static enum status load_tables(struct load *l, const struct sim_rows_in *from, struct err *err)
{
    enum status st = ST_OK;
    for (l->table = 0; l->table < T_MAX && st == ST_OK; l->table++) {
        enum status (*take)(void *, uint64_t, void *, struct err *) = take_row;
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
        for (size_t i = 0; i < ARRAYS; i++) {
            l->array = arrays[i].table == (enum own_table)l->table ? &arrays[i] : l->array;
        }
        st = st == ST_OK && sim_state_table(l->table)->n_columns > 0
                 ? from->each(from->self, l->table, take, l, err)
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

bool sim_state_covered(struct err *err)
{
    for (size_t i = 0; i < ARRAYS; i++) {
        const struct row_table *t = sim_state_table(arrays[i].table);
        uint32_t at = 0;
        uint32_t n = 0;
        if (row_gap(t, arrays[i].skip, arrays[i].n_skip, &at, &n)) {
            (void)err_set(err, ST_INVALID,
                          "the struct of table %s has %u bytes at %u that are no column and not "
                          "skipped: add them to the columns in sim_state.c",
                          t->name, n, at);
            return false;
        }
    }
    return true;
}
