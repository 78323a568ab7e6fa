/* options_run.c - the option table of `deltaflow run`. Sections and rows in the order of the
 * document that is made of it. */
#include "base/log.h"
#include "config/options.h"

#define AT(member) offsetof(struct run_options, member)
#define KIB        INT64_C(1024)
#define MIB        (KIB * KIB)
#define HOUR_MS    INT64_C(3600000)
#define DAY_S      INT64_C(86400)
#define QTY(n)     ((n)*QTY_ONE)
#define USD(n)     ((n)*USD_ONE)

/* A whole number with a unit. */
#define INT_ROW(section_, name_, initial_, min_, max_, unit_, alias_, help_)                       \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = OPT_INT, .offset = AT(section_.name_),       \
        .initial = initial_, .min = min_, .max = max_, .unit = unit_, .alias = alias_,             \
        .help = help_                                                                              \
    }
/* Any other type without limits. */
#define ROW(section_, name_, type_, initial_, alias_, help_)                                       \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = type_, .offset = AT(section_.name_),         \
        .initial = initial_, .alias = alias_, .help = help_                                        \
    }
#define ENUM_ROW(section_, name_, initial_, choices_, alias_, help_)                               \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = OPT_ENUM, .offset = AT(section_.name_),      \
        .initial = initial_, .choices = choices_, .alias = alias_, .help = help_                   \
    }
/* A price, count or sum of money. */
#define MONEY_ROW(section_, name_, type_, initial_, min_, max_, unit_, alias_, help_)              \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = type_, .offset = AT(section_.name_),         \
        .initial = initial_, .min = min_, .max = max_, .unit = unit_, .alias = alias_,             \
        .help = help_                                                                              \
    }
#define RING_ROW(section_, name_, initial_, help_)                                                 \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = OPT_INT, .offset = AT(section_.name_),       \
        .initial = initial_, .min = 4 * KIB, .max = 1024 * MIB, .unit = "bytes",                   \
        .flags = OPT_POWER_OF_TWO, .help = help_                                                   \
    }

static const struct config_option rows[] = {
    ROW(exchange, file, OPT_PATH, "", "exchange",
        "Ready file that `deltaflow sim` wrote: gives addresses, CA, key and markets, where they "
        "are not set otherwise."),
    ROW(exchange, rest_url, OPT_TEXT, "https://external-api.demo.kalshi.co/trade-api/v2",
        "rest-url",
        "Address of the REST interface. The default is the exchange's demo environment."),
    ROW(exchange, ws_url, OPT_TEXT, "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
        "ws-url", "Address of the WebSocket interface."),
    ROW(exchange, ca_file, OPT_PATH, "", "ca-file",
        "Certificate authorities to trust, PEM. Empty: those of the system."),
    ROW(exchange, key_id, OPT_TEXT, "", "key-id", "Id of the API key (not the key itself)."),
    ROW(exchange, key_file, OPT_PATH, "", "key-file",
        "File with the private key, PEM, readable by its owner only. The key itself is in no "
        "option."),
    INT_ROW(exchange, request_timeout_ms, "5000", 100, 60000, "ms", NULL,
            "A request without an answer for so long has an unknown outcome."),
    INT_ROW(exchange, sign_ahead, "4", 0, 32, "signatures", NULL,
            "Signatures of order requests that are made before they are needed, by a thread of its "
            "own. 0: none."),
    INT_ROW(exchange, sign_cancels, "64", 0, 1000, "orders", NULL,
            "Resting orders whose cancel is signed ahead too; each costs a signature every "
            "three quarters of sign_age_ms."),
    INT_ROW(exchange, sign_age_ms, "4000", 500, 15000, "ms", NULL,
            "A signature that is older is thrown away. The exchange takes timestamps that are 10 s "
            "old and refuses those of 30 s."),
    ROW(exchange, live, OPT_BOOL, "false", "live",
        "Allows production hosts, where orders cost real money."),

    ROW(feed, markets, OPT_LIST, "", "markets", "Tickers of the markets to follow."),
    ROW(feed, markets_file, OPT_PATH, "", "markets-file",
        "File with one ticker a line; # begins a comment."),
    ROW(feed, series, OPT_TEXT, "", "series", "Discover markets of this series."),
    ROW(feed, event, OPT_TEXT, "", "event", "Discover markets of this event."),
    ROW(feed, status, OPT_TEXT, "open", NULL, "Discover markets of this status."),
    INT_ROW(feed, min_volume, "0", 0, INT64_C(1000000000000), "contracts", NULL,
            "Discover only markets that have traded so many contracts."),
    INT_ROW(feed, limit, "100", 1, 100000, "markets", NULL, "Discover so many markets at most."),
    INT_ROW(feed, discovery_interval_s, "60", 0, DAY_S, "s", NULL,
            "Time between discoveries. 0: only once, at start."),
    ROW(feed, use_yes_price, OPT_BOOL, "false", NULL,
        "Ask for NO levels on the YES price scale. Sent explicitly either way."),
    ROW(feed, trades, OPT_BOOL, "true", NULL, "Subscribe to public trades too."),
    INT_ROW(feed, data_timeout_ms, "60000", 1000, HOUR_MS, "ms", NULL,
            "No frame of any kind for so long: connect again."),
    INT_ROW(feed, repair_timeout_ms, "5000", 100, HOUR_MS, "ms", NULL,
            "A snapshot that was asked for after a gap and does not come: subscribe again, then "
            "connect again."),
    INT_ROW(feed, reply_timeout_ms, "10000", 100, HOUR_MS, "ms", NULL,
            "A command that is not answered for so long: connect again."),
    INT_ROW(feed, reconnect_min_ms, "500", 1, HOUR_MS, "ms", NULL,
            "First wait before connecting again; it doubles, with jitter."),
    INT_ROW(feed, reconnect_max_ms, "60000", 1, HOUR_MS, "ms", NULL,
            "Longest wait before connecting again."),
    INT_ROW(feed, ping_interval_ms, "30000", 100, HOUR_MS, "ms", NULL, "Time between our pings."),
    INT_ROW(feed, markets_max, "1000", 1, 1000000, "markets", NULL,
            "Memory is taken for so many markets; more are not followed."),
    INT_ROW(feed, levels_max, "20000", 2, 20000, "levels", NULL,
            "A snapshot with more levels is refused."),

    ROW(store, enabled, OPT_BOOL, "true", NULL, "Record the session in the database."),
    ROW(store, path, OPT_PATH, "$XDG_DATA_HOME/deltaflow/deltaflow.sqlite", "db",
        "SQLite file, whose folder is made when it is missing; or postgresql://USER@HOST/DATABASE "
        "(docs/POSTGRESQL.md)."),
    INT_ROW(store, answer_ms, "10000", 100, 600000, "ms", NULL,
            "A server that gives no answer for so long counts as away. SQLite's disk: only at the "
            "end of a run."),
    INT_ROW(store, rows_max, "100", 1, 1000000, "rows", NULL,
            "A batch is committed when it has so many rows, or"),
    INT_ROW(store, interval_ms, "1000", 1, 60000, "ms", NULL, "when its first row is so old."),
    ENUM_ROW(
        store, observations, "values", "values|hash", NULL,
        "Decisions are stored with the 52 values of their observation, or with its hash only."),
    INT_ROW(store, mark_s, "10", 0, 86400, "s", NULL,
            "The account's worth is stored so often, when it changed. 0: never."),
    RING_ROW(store, ring_bytes, "67108864", "Each producer's ring into the store."),
    INT_ROW(store, memory_bytes, "268435456", MIB, 1024 * 1024 * MIB, "bytes", NULL,
            "Most memory for rows that wait. What waits longer than interval_ms because the "
            "database is away or slow goes to the spill file; when that cannot be written either, "
            "market data over this limit is dropped, with a gap row; orders and fills never."),
    ROW(store, spill, OPT_PATH, "$XDG_STATE_HOME/deltaflow/spill", NULL,
        "Folder of the spill files, one for each run that goes on or left one. Made when it is "
        "missing. Empty: rows wait in memory only."),
    INT_ROW(store, spill_bytes, "4294967296", 0, INT64_MAX / 4, "bytes", NULL,
            "Size of a run's spill file. Over it market data is dropped, with a gap row, an eighth "
            "over it turns and decisions too; orders and fills never. 0: no spill file."),

    RING_ROW(bus, market_ring_bytes, "8388608", "Market data into the actor."),
    RING_ROW(bus, private_ring_bytes, "1048576",
             "Fills, user orders and positions into the actor."),
    RING_ROW(bus, answer_ring_bytes, "4194304", "Answers of requests into the actor."),
    RING_ROW(bus, command_ring_bytes, "65536", "A person's commands into the actor."),
    RING_ROW(bus, request_ring_bytes, "262144", "Requests of the actor to the gateway."),

    INT_ROW(actor, throttle_ms, "250", 0, HOUR_MS, "ms", NULL,
            "Shortest time between two orders in one market. HOLD is exempt."),
    INT_ROW(actor, breaker_errors, "10", 1, 1000000, "errors", NULL,
            "More errors in a row than this open a market's circuit breaker."),
    INT_ROW(actor, breaker_cooldown_s, "300", 1, DAY_S, "s", NULL,
            "An open circuit breaker tries one order again after this time."),
    INT_ROW(actor, slow_turn_ms, "50", 1, 60000, "ms", NULL,
            "Turns that take longer are counted and logged."),
    ENUM_ROW(actor, thread, "auto", "auto|own|net", NULL,
             "Where the actor runs: on a thread of its own, or on the net thread right after the "
             "frames were decoded. auto: its own with four cores or more."),
    ENUM_ROW(actor, idle, "park", "spin|yield|park", NULL,
             "What the thread does when there is nothing to do: spin uses a whole core and is the "
             "fastest, park sleeps."),
    INT_ROW(actor, message_age_ms, "5000", 0, HOUR_MS, "ms", NULL,
            "A market whose messages are older than this does not trade. 0: no limit."),

    INT_ROW(features, mirror, "100", 99, 100, NULL, NULL,
            "NO price of a YES price p in cents is this minus p. Allowed are only 100, and 99 for "
            "models that were trained with the prototype."),
    ROW(features, zero_order_features, OPT_BOOL, "false", NULL,
        "Give zeros for the five order features, as some models were trained."),

    ENUM_ROW(policy, kind, "hold", "hold|random|ppo", "policy", "Who chooses the actions."),
    ROW(policy, model, OPT_PATH, "", "model", "ppo: the model, .zip or .safetensors."),
    ROW(policy, stats, OPT_PATH, "", "stats", "ppo: statistics of VecNormalize, .pkl."),
    ROW(policy, sample, OPT_BOOL, "false", NULL,
        "ppo: draw from the probabilities instead of taking the most likely action."),
    INT_ROW(policy, seed, "1", 0, INT64_MAX, NULL, "seed", "Seed of random and of sample."),

    ENUM_ROW(orders, trading, "auto", "auto|on|off", "trading",
             "Whether orders are sent. auto: when there are credentials and the policy is not "
             "hold."),
    MONEY_ROW(orders, count, OPT_QTY, "10.00", 1, QTY(1000000), "contracts", "count",
              "Contracts of each order."),
    ENUM_ROW(orders, pricing, "aggressive", "aggressive|passive|mid", NULL,
             "Limit price: aggressive takes the other side's best, passive joins our own side's "
             "best, mid lies between."),
    ENUM_ROW(orders, tif, "gtc", "gtc|ioc", NULL,
             "Time in force: gtc rests until cancelled, ioc fills at once or not at all."),
    ROW(orders, allow_short, OPT_BOOL, "false", NULL,
        "SELL may sell more than is held, which buys the other outcome."),
    ROW(orders, cancel_on_stop, OPT_BOOL, "true", NULL, "Cancel resting orders when stopping."),
    INT_ROW(orders, position_read_delay_ms, "100", 0, 60000, "ms", NULL,
            "Positions are read so long after an executed order."),
    INT_ROW(orders, sweep_s, "30", 1, 86400, "s", NULL,
            "Positions, fills, what rests and cash are compared with the exchange's so often, and "
            "an order without news is read again."),
    ROW(orders, balance_excludes_resting, OPT_BOOL, "false", NULL,
        "The exchange's balance falls when an order rests, not when it is filled."),
    MONEY_ROW(orders, replace_distance, OPT_PX, "0.0100", 0, PX_ONE, "dollars", NULL,
              "A resting order whose price is further away from the wanted one is replaced."),
    ROW(orders, amend, OPT_BOOL, "true", NULL,
        "Move a resting order with an amend, which keeps its id. Without it the order is cancelled "
        "and placed anew."),
    INT_ROW(orders, market_orders, "1", 1, 100, "orders", NULL,
            "Open orders of one market at most."),
    INT_ROW(orders, max_age_s, "0", 0, 366 * DAY_S, "s", NULL,
            "An order that rests longer is cancelled. 0: never."),
    MONEY_ROW(orders, max_distance, OPT_PX, "0.0000", 0, PX_ONE, "dollars", NULL,
              "An order whose price is so much worse than the best of its own side is cancelled. "
              "0: never."),
    ROW(orders, journal, OPT_PATH, "$XDG_STATE_HOME/deltaflow/orders.journal", NULL,
        "The order journal. Its folder is made when it is missing."),
    ROW(orders, release_halt, OPT_BOOL, "false", NULL,
        "Lets go the halt that an earlier run left in the journal. Without it a halted account "
        "does not trade again. Only as --orders-release-halt: a person says it, each time."),
    MONEY_ROW(orders, drift_halt_count, OPT_QTY, "10.00", 0, QTY(1000000), "contracts", NULL,
              "A position that differs from the exchange's by more, with nothing under way, halts "
              "trading in its market."),
    MONEY_ROW(orders, drift_halt_all_count, OPT_QTY, "100.00", 0, QTY(1000000), "contracts", NULL,
              "The same, by more than this, halts trading in all markets. 0: never."),
    INT_ROW(orders, clock_window_ms, "60000", 1000, HOUR_MS, "ms", NULL,
            "An order of unknown outcome is absent only if a read that is current past its "
            "signature's time plus this does not show it."),

    ROW(paper, enabled, OPT_BOOL, "false", "paper",
        "Paper trading: orders are filled in this process against live market data. Nothing but "
        "reads of public market data is sent, also to production hosts."),
    MONEY_ROW(paper, balance, OPT_USD, "10000.000000", 0, USD(1000000000), "dollars", NULL,
              "Cash at the start. Each paper run begins with a new account."),
    ENUM_ROW(paper, queue_model, "pessimistic", "pessimistic|proportional|trade_through", NULL,
             "Where others' cancels leave the queue of a level: pessimistic: behind our order "
             "first; proportional: everywhere alike. trade_through: no queue, filled only when the "
             "market goes through our price."),
    ROW(paper, series_fees, OPT_BOOL, "true", NULL,
        "Ask for each series' fee formula (GET /series). Where that fails or is off:"),
    ENUM_ROW(paper, fee_type, "quadratic", "quadratic|quadratic_with_maker_fees", NULL,
             "fee formula of series whose own is not known,"),
    MONEY_ROW(paper, fee_multiplier, OPT_USD, "1.000000", 1, USD(1000), NULL, NULL,
              "and its multiplier."),
    INT_ROW(paper, order_latency_ms, "12", 0, 60000, "ms", NULL,
            "From us to the exchange's engine."),
    INT_ROW(paper, answer_latency_ms, "12", 0, 60000, "ms", NULL,
            "From the engine back to us: answers."),
    INT_ROW(paper, private_latency_ms, "12", 0, 60000, "ms", NULL,
            "From the engine to us: fills and other private messages."),
    INT_ROW(paper, market_latency_ms, "12", 0, 60000, "ms", NULL,
            "From the engine to us: age of market data. An order meets the book that is seen here "
            "order_latency_ms + market_latency_ms after it left."),
    INT_ROW(paper, jitter_ms, "6", 0, 60000, "ms", NULL,
            "Each way of an order, answer or private message takes up to so much longer."),
    INT_ROW(paper, seed, "1", 0, INT64_MAX, NULL, NULL, "Seed of the jitter."),
    INT_ROW(paper, write_tokens, "100", 0, 1000000, "tokens/s", NULL,
            "The exchange's write budget: a create takes 10, a cancel 2. 100: Basic tier. 0: no "
            "limit."),
    INT_ROW(paper, settle_poll_s, "10", 0, DAY_S, "s", NULL,
            "The results of closed markets are asked for so often (GET /markets). 0: never, then "
            "positions in closed markets stay."),
    ROW(paper, journal, OPT_PATH, "$XDG_STATE_HOME/deltaflow/paper.journal", NULL,
        "The order journal of paper runs. Never that of real ones."),

    MONEY_ROW(risk, max_order_count, OPT_QTY, "100.00", 1, QTY(1000000), "contracts", NULL,
              "Size of one order."),
    MONEY_ROW(risk, collar_mid, OPT_PX, "0.2000", 0, PX_ONE, "dollars", NULL,
              "An order's price may be so much worse than the middle of bid and ask."),
    MONEY_ROW(risk, collar_trade, OPT_PX, "0.3000", 0, PX_ONE, "dollars", NULL,
              "An order's price may be so much worse than all of the market's last 8 trades."),
    MONEY_ROW(risk, max_position_count, OPT_QTY, "500.00", 0, QTY(100000000), "contracts", NULL,
              "Position and open orders of one market."),
    MONEY_ROW(risk, max_gross_usd, OPT_USD, "5000.000000", 0, USD(1000000000), "dollars", NULL,
              "What all positions and open orders can lose together."),
    INT_ROW(risk, max_open_orders, "200", 1, 100000, "orders", NULL,
            "Open orders over all markets."),
    MONEY_ROW(risk, min_cash_usd, OPT_USD, "0.000000", 0, USD(1000000000), "dollars", NULL,
              "Free cash that is never spent."),
    MONEY_ROW(risk, max_loss_usd, OPT_USD, "1000.000000", 0, USD(1000000000), "dollars", NULL,
              "Loss since the start, positions at mid. More halts trading and cancels what rests, "
              "until a person resumes; so do the next two."),
    MONEY_ROW(risk, max_loss_day_usd, OPT_USD, "1000.000000", 0, USD(1000000000), "dollars", NULL,
              "Loss since 00:00 UTC, or since the start."),
    MONEY_ROW(risk, max_drawdown_usd, OPT_USD, "1000.000000", 0, USD(1000000000), "dollars", NULL,
              "Loss from the highest value since the start."),
    INT_ROW(risk, max_fills_per_s, "100", 0, 10000, "fills", NULL,
            "No new order while more fills than this came within a second."),
    INT_ROW(risk, max_orders_per_s, "100", 1, 10000, "orders", NULL,
            "Orders sent within a second."),
    INT_ROW(risk, group_contracts, "20000", 0, 1000000, "contracts", NULL,
            "Limit of the exchange's order group that every order is in: when more are matched "
            "within 15 s, the exchange itself cancels what rests, and trading halts. 0: no group."),
    INT_ROW(risk, unknown_halt, "5", 0, 1000000, "orders", NULL,
            "So many orders of unknown outcome in a row halt trading. 0: never."),
    INT_ROW(risk, duplicate_ms, "100", 0, HOUR_MS, "ms", NULL,
            "The same order (market, outcome, price, count) sooner than this after the last one is "
            "refused."),

    ROW(control, socket, OPT_PATH, "$XDG_STATE_HOME/deltaflow/run.sock", "control-socket",
        "Socket that `deltaflow halt`, `resume`, `flatten` and `status` speak to; its token stands "
        "in the same path with .token. Empty: none."),
    ROW(control, heartbeat, OPT_PATH, "$XDG_STATE_HOME/deltaflow/run.heartbeat", NULL,
        "File that is written each second while every thread turns; `deltaflow guard` reads it. "
        "Empty: none."),

    ROW(guard, key_id, OPT_TEXT, "", NULL, "Guard: id of its own key. Empty: that of [exchange]."),
    ROW(guard, key_file, OPT_PATH, "", NULL, "Guard: file of its own key."),
    INT_ROW(guard, beat_s, "5", 2, 3600, "s", NULL,
            "Guard: a heartbeat older than this means that the run is stuck or gone."),
    INT_ROW(guard, exchange_s, "30", 5, 3600, "s", NULL,
            "Guard: a run that has not heard the exchange for so long has lost its network."),
    ROW(guard, cancel_all, OPT_BOOL, "true", NULL,
        "Guard: cancel every order of the account too, not only those of the run's groups."),
    ROW(guard, once, OPT_BOOL, "false", NULL,
        "Guard: end after it has acted, or when the run has ended orderly."),

    ROW(run, summary_json, OPT_PATH, "", "summary-json",
        "Write the summary of the run to this file."),
    INT_ROW(run, duration_s, "0", 0, 366 * DAY_S, "s", "duration",
            "Stop after this time. 0: run until stopped."),
    ROW(run, stop_when_closed, OPT_BOOL, "false", "stop-when-closed",
        "Stop when every followed market has closed."),
    ENUM_ROW(run, log_level, "info", "error|warn|info|debug", "log-level", "Log lines on stderr."),
};
_Static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3,
               "log_level's choices stand in the order of enum log_level");

static const struct option_table *const others[] = {&sim_option_table, NULL};

const struct option_table run_option_table = {.command = "run",
                                              .v = rows,
                                              .n = sizeof rows / sizeof rows[0],
                                              .size = sizeof(struct run_options),
                                              .others = others};
