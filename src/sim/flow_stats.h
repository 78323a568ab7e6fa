/*
 * flow_stats.h - statistics of a stream of order books and trades: how fast and how bursty it is,
 * how deep its books are, of what sizes its orders. Recorded and generated flow are measured with
 * the same code, so that they can be compared.
 *
 * Two clocks: a message's receive time (what a reader feels) and its ts_ms (what the exchange did).
 * Windows begin with a market's first message. Books are looked at every FLOW_SAMPLE_NS of receive
 * time, so that a quiet book counts as long as it stands. Owner: one thread. No I/O, no clock.
 */
#ifndef SIM_FLOW_STATS_H
#define SIM_FLOW_STATS_H

#include "base/timefmt.h"
#include "wire/msg.h"

#define FLOW_SAMPLE_NS (100 * NS_PER_MS)

/* id, name in JSON, unit, decimals, what it is */
#define FLOW_FIGURES(X)                                                                            \
    X(MARKETS, markets, "", 0, "markets")                                                          \
    X(MESSAGES, messages, "", 0, "snapshots, deltas and trades")                                   \
    X(SECONDS, seconds, "s", 1, "first to last message, mean over markets")                        \
    X(RATE_MEAN, rate_mean, "/s", 1, "messages a second and market")                               \
    X(RATE_MEDIAN, rate_median, "/s", 1, "the market in the middle")                               \
    X(RATE_MAX, rate_max, "/s", 1, "the busiest market")                                           \
    X(PEAK_1S, peak_1s, "", 0, "most in a second of one market")                                   \
    X(PEAK_1S_MEDIAN, peak_1s_median, "", 0, "the market in the middle")                           \
    X(PEAK_10MS, peak_10ms, "", 0, "most in 10 ms of one market")                                  \
    X(PEAK_10MS_MEDIAN, peak_10ms_median, "", 0, "the market in the middle")                       \
    X(PEAK_10MS_STAMP, peak_10ms_stamp, "", 0, "most in 10 ms of ts_ms, market in the middle")     \
    X(GAP_P50, gap_ms_p50, "ms", 0, "between messages of a market: median")                        \
    X(GAP_P75, gap_ms_p75, "ms", 0, "three quarters are shorter")                                  \
    X(GAP_P90, gap_ms_p90, "ms", 0, "90 %")                                                        \
    X(GAP_P99, gap_ms_p99, "ms", 0, "99 %")                                                        \
    X(GAP_P999, gap_ms_p999, "ms", 0, "99.9 %")                                                    \
    X(IDC_10MS, dispersion_10ms, "", 1, "variance / mean of counts in 10 ms (Poisson: 1)")         \
    X(IDC_100MS, dispersion_100ms, "", 1, "in 100 ms")                                             \
    X(IDC_1S, dispersion_1s, "", 1, "in 1 s")                                                      \
    X(IDC_10S, dispersion_10s, "", 1, "in 10 s")                                                   \
    X(IDC_STAMP_10MS, dispersion_stamp_10ms, "", 1, "by ts_ms: in 10 ms")                          \
    X(IDC_STAMP_100MS, dispersion_stamp_100ms, "", 1, "in 100 ms")                                 \
    X(IDC_STAMP_1S, dispersion_stamp_1s, "", 1, "in 1 s")                                          \
    X(IDC_STAMP_10S, dispersion_stamp_10s, "", 1, "in 10 s")                                       \
    X(SPREAD_P25, spread_p25, "$", 4, "best ask less best bid: one quarter is narrower")           \
    X(SPREAD_P50, spread_p50, "$", 4, "median")                                                    \
    X(SPREAD_P75, spread_p75, "$", 4, "three quarters")                                            \
    X(SPREAD_P95, spread_p95, "$", 4, "95 %")                                                      \
    X(BEST_P25, depth_best_p25, "", 1, "contracts at a side's best price: one quarter has less")   \
    X(BEST_P50, depth_best_p50, "", 1, "median")                                                   \
    X(BEST_P75, depth_best_p75, "", 1, "three quarters")                                           \
    X(BEST_P95, depth_best_p95, "", 1, "95 %")                                                     \
    X(TOTAL_P25, depth_total_p25, "", 0, "contracts of a side: one quarter has less")              \
    X(TOTAL_P50, depth_total_p50, "", 0, "median")                                                 \
    X(TOTAL_P75, depth_total_p75, "", 0, "three quarters")                                         \
    X(LEVELS_P5, levels_p5, "", 0, "levels of a side: 5 % have fewer")                             \
    X(LEVELS_P25, levels_p25, "", 0, "one quarter")                                                \
    X(LEVELS_P50, levels_p50, "", 0, "median")                                                     \
    X(LEVELS_P75, levels_p75, "", 0, "three quarters")                                             \
    X(LEVELS_P95, levels_p95, "", 0, "95 %")                                                       \
    X(SIZE_P25, size_p25, "", 2, "contracts of a delta: one quarter is smaller")                   \
    X(SIZE_P50, size_p50, "", 2, "median")                                                         \
    X(SIZE_P75, size_p75, "", 2, "three quarters")                                                 \
    X(SIZE_P95, size_p95, "", 2, "95 %")                                                           \
    X(SIZE_P99, size_p99, "", 2, "99 %")                                                           \
    X(TRADE_P25, trade_size_p25, "", 2, "contracts of a trade: one quarter is smaller")            \
    X(TRADE_P50, trade_size_p50, "", 2, "median")                                                  \
    X(TRADE_P75, trade_size_p75, "", 2, "three quarters")                                          \
    X(TRADE_P95, trade_size_p95, "", 2, "95 %")                                                    \
    X(FRACTIONAL, fractional_share, "", 3, "deltas of a size that is no whole number")             \
    X(TRADES, trade_share, "", 3, "trades among deltas and trades")                                \
    X(ADDS, add_share, "", 3, "deltas that add")                                                   \
    X(AMENDS, amend_share, "", 3, "deltas that add right after a removal: amends")                 \
    X(YES, yes_share, "", 3, "deltas of the YES side")                                             \
    X(TAKER_YES, taker_yes_share, "", 3, "trades whose taker acquired YES")                        \
    X(PER_STAMP, messages_per_stamp, "", 2, "messages of a market with the same ts_ms")            \
    X(TWO_SIDED, two_sided_share, "", 3, "of the time, both sides have bids")                      \
    X(LAG_P25, lag_ms_p25, "ms", 0, "receive time less ts_ms: one quarter is younger")             \
    X(LAG_P50, lag_ms_p50, "ms", 0, "median")                                                      \
    X(LAG_P75, lag_ms_p75, "ms", 0, "three quarters")                                              \
    X(LAG_P95, lag_ms_p95, "ms", 0, "95 %")

enum flow_figure {
#define FLOW_ENUM(id, name, unit, decimals, text) FLOW_##id,
    FLOW_FIGURES(FLOW_ENUM)
#undef FLOW_ENUM
        FLOW_FIGURE_MAX
};
struct flow_figure_info {
    const char *name, *unit, *text;
    int decimals;
};
const struct flow_figure_info *flow_figure_info(enum flow_figure f);

struct flow_figures {
    double v[FLOW_FIGURE_MAX]; /* NaN: there is nothing to tell it from */
    uint64_t unsound;          /* deltas that took a level below zero */
};

struct flow_stats; /* private to flow_stats.c */

/* max_markets: most that are followed. ST_NOMEM. */
enum status flow_stats_create(uint32_t max_markets, struct flow_stats **ret) MUST_CHECK;
void flow_stats_destroy(struct flow_stats *s); /* NULL is fine */

/* One message; those that are no book and no trade are passed over. recv 0: its ts_ms. ST_LIMIT:
 * more markets than max_markets, the message was left out. ST_NOMEM. */
enum status flow_stats_take(struct flow_stats *s, const struct wire_msg *m,
                            wall_ns_t recv) MUST_CHECK;

/* What was seen so far; may be called at any time. ST_NOMEM. */
enum status flow_stats_figures(struct flow_stats *s, struct flow_figures *ret) MUST_CHECK;

#endif
