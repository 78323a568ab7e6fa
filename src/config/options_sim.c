/* options_sim.c - the option table of `deltaflow sim`. */
#include "config/options.h"

#define ROW(name_, type_, initial_, help_)                                                         \
    .section = "sim", .name = #name_, .type = type_,                                               \
    .offset = offsetof(struct sim_options, name_), .initial = initial_, .help = help_

static const struct config_option rows[] = {
    {ROW(listen, OPT_TEXT, "127.0.0.1", "Address to listen on."), .alias = "listen"},
    {ROW(port, OPT_INT, "0", "TLS port of REST and WebSocket. 0: the system chooses a free one."),
     .max = 65535, .alias = "port"},
    {ROW(state_dir, OPT_PATH, "$XDG_STATE_HOME/deltaflow/sim",
         "Folder of its CA, certificate and users' keys, made at the first start."),
     .alias = "state-dir"},
    {ROW(ready_file, OPT_PATH, "",
         "Written once it listens: JSON with addresses, CA, key and markets, as `deltaflow run "
         "--exchange` takes it."),
     .alias = "ready-file"},
    {ROW(capture, OPT_PATH, "", "Recording to serve. Empty: generated order flow."),
     .alias = "capture"},
    {ROW(speed, OPT_FLOAT, "1",
         "A recording's messages come so many times as fast. 0: as fast as the reader takes them."),
     .max = 1000000, .alias = "speed"},
    {ROW(loop_capture, OPT_BOOL, "false", "Begin the recording again at its end.")},
    {ROW(markets, OPT_INT, "10", "Generated flow: number of markets."), .min = 1, .max = 100000,
     .unit = "markets", .alias = "markets"},
    {ROW(seed, OPT_INT, "1", "Generated flow: the same seed gives the same flow."),
     .max = INT64_MAX, .alias = "seed"},
    {ROW(rate, OPT_FLOAT, "100", "Generated flow: messages a second over all markets."),
     .max = 10000000, .unit = "messages/s", .alias = "rate"},
    {ROW(duration_s, OPT_INT, "0", "Generated markets close after this time. 0: never."),
     .max = 31622400, .unit = "s", .alias = "duration"},
    {ROW(pause_after_s, OPT_INT, "0",
         "The flow stops so long after it began and leaves the books as they are. 0: never."),
     .max = 31622400, .unit = "s", .alias = "pause-after"},
    {ROW(balance, OPT_USD, "10000.000000", "Cash of each user at start."),
     .max = 1000000000 * USD_ONE, .unit = "dollars", .alias = "balance"},
    {ROW(fee_type, OPT_ENUM, "quadratic", "Fee formula of all series."),
     .choices = "quadratic|quadratic_with_maker_fees", .alias = "fee-type"},
    {ROW(fee_multiplier, OPT_USD, "1.000000", "Factor of the fee formula."), .max = 100 * USD_ONE,
     .alias = "fee-multiplier"},
    {ROW(tier, OPT_ENUM, "basic", "Usage tier of the users: their request budgets."),
     .choices = "basic|advanced|expert|premier|paragon|prime|prestige", .alias = "tier"},
    {ROW(users, OPT_INT, "1", "Number of users, each with a key and an account."), .min = 1,
     .max = 1000, .unit = "users", .alias = "users"},
    {ROW(wait_for_client, OPT_BOOL, "true",
         "The flow begins with the first subscription to order books."),
     .alias = "wait-for-client"},
    {ROW(dump, OPT_PATH, "",
         "At the end the state is written there as JSON: books, accounts, orders, fills."),
     .alias = "dump"},
    {ROW(exit_when_finished, OPT_BOOL, "false",
         "End when the flow is at its end and the last connection has gone."),
     .alias = "exit-when-finished"},
    {ROW(faults, OPT_LIST, "",
         "Faults to cause, each NAME@SECONDS or NAME@SECONDS*COUNT: cut, seq_gap, malformed, "
         "http_429, http_500, http_500_after, timeout."),
     .alias = "fault"},
    {ROW(log_level, OPT_ENUM, "info", "Log lines on stderr."), .choices = "error|warn|info|debug",
     .alias = "log-level"},
};

static const struct option_table *const others[] = {&run_option_table, NULL};

const struct option_table sim_option_table = {.command = "sim",
                                              .v = rows,
                                              .n = sizeof rows / sizeof rows[0],
                                              .size = sizeof(struct sim_options),
                                              .others = others};
