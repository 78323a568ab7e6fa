/*
 * sim_state_tables.c - which fields of the exchange's structs are kept, and which are not and why.
 */
#include "sim/sim_state_int.h"

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

#define ARRAY(table_, rows_, n_, cap_)                                                             \
    .table = table_, .rows = offsetof(struct sim, rows_), .n = offsetof(struct sim, n_),           \
    .cap = offsetof(struct sim, cap_), .counted = offsetof(struct kept_exchange, n_)
#define SKIPS(skip_) .skip = skip_, .n_skip = sizeof(skip_) / sizeof((skip_)[0])

const struct array state_arrays[STATE_ARRAYS] = {
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

const struct row_table *sim_state_table(uint32_t i)
{
    return i < MATCH_T_MAX ? &match_tables[i] : i < T_MAX ? &own_tables[i - MATCH_T_MAX] : NULL;
}

bool sim_state_covered(struct err *err)
{
    for (size_t i = 0; i < STATE_ARRAYS; i++) {
        const struct row_table *t = sim_state_table(state_arrays[i].table);
        uint32_t at = 0;
        uint32_t n = 0;
        if (row_gap(t, state_arrays[i].skip, state_arrays[i].n_skip, &at, &n)) {
            (void)err_set(err, ST_INVALID,
                          "the struct of table %s has %u bytes at %u that are no column and not "
                          "skipped: add them to the columns in sim_state_tables.c",
                          t->name, n, at);
            return false;
        }
    }
    return true;
}
