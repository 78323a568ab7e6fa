/*
 * The statistics of flows, on streams whose figures are known; and recorded against generated flow.
 */
#include "sim_fixture.h"

#include <math.h>
#include <unistd.h>

#include "sim/calibrate.h"

#define T0 (INT64_C(1000000) * NS_PER_MS)

static struct flow_stats *fresh(uint32_t markets)
{
    struct flow_stats *s = NULL;
    assert_int_equal(flow_stats_create(markets, &s), ST_OK);
    return s;
}

static struct flow_figures figures_of(struct flow_stats *s)
{
    struct flow_figures f;
    assert_int_equal(flow_stats_figures(s, &f), ST_OK);
    return f;
}

static void delta(struct flow_stats *s, const char *ticker, int64_t ms, int64_t stamp_ms,
                  enum side side, px_t px, qty_t qty)
{
    struct wire_msg m = {.type = WIRE_DELTA, .ts_ms = stamp_ms};
    m.u.delta = (struct wire_delta){.ticker = text_of(ticker), .side = side, .px = px, .qty = qty};
    assert_int_equal(flow_stats_take(s, &m, T0 + ms * NS_PER_MS), ST_OK);
}

static void trade(struct flow_stats *s, const char *ticker, int64_t ms, enum side taker, qty_t qty)
{
    struct wire_msg m = {.type = WIRE_TRADE, .ts_ms = T0 / NS_PER_MS + ms};
    m.u.trade =
        (struct wire_trade){.ticker = text_of(ticker), .yes_px = 5000, .qty = qty, .taker = taker};
    assert_int_equal(flow_stats_take(s, &m, T0 + ms * NS_PER_MS), ST_OK);
}

static void snapshot(struct flow_stats *s, const char *ticker, int64_t ms)
{
    static const struct level yes[] = {{.px = 3000, .qty = 700}, {.px = 4000, .qty = 1000}};
    static const struct level no[] = {{.px = 5700, .qty = 250}};
    struct wire_msg m = {.type = WIRE_SNAPSHOT};
    m.u.snapshot = (struct wire_snapshot){text_of(ticker), yes, no, 2, 1};
    assert_int_equal(flow_stats_take(s, &m, T0 + ms * NS_PER_MS), ST_OK);
}

static void near(double a, double b)
{
    if (!(fabs(a - b) < 1e-9)) {
        fail_msg("%.12g is not %.12g", a, b);
    }
}

/* A quantile is told to 0.4 %. */
static void about(double a, double b)
{
    if (!(fabs(a - b) <= 0.004 * fabs(b))) {
        fail_msg("%.12g is not about %.12g", a, b);
    }
}

/* Ten messages in the first 10 ms of each of ten seconds: a count of 10 in one window of a hundred.
 */
static void counts_in_windows_have_their_peaks_and_dispersions(void **state)
{
    (void)state;
    struct flow_stats *s = fresh(1);
    for (int second = 0; second < 10; second++) {
        for (int i = 0; i < 10; i++) {
            int64_t ms = second * 1000 + i;
            delta(s, "A", ms, T0 / NS_PER_MS + second * 1000 + i * 100, SIDE_YES, 4000, 100);
        }
    }
    struct flow_figures f = figures_of(s);
    near(f.v[FLOW_MESSAGES], 100);
    near(f.v[FLOW_SECONDS], 9.009);
    near(f.v[FLOW_RATE_MEAN], 100 / 9.009);
    near(f.v[FLOW_PEAK_1S], 10);
    near(f.v[FLOW_PEAK_10MS], 10);
    near(f.v[FLOW_PEAK_10MS_STAMP], 1); /* by ts_ms they are 100 ms apart */
    /* 901 windows of 10 ms, ten of them with 10: mean 100/901, mean of squares 1000/901 */
    double mean = 100.0 / 901;
    near(f.v[FLOW_IDC_10MS], (1000.0 / 901 - mean * mean) / mean);
    near(f.v[FLOW_IDC_1S], 0); /* ten in each second */
    near(f.v[FLOW_IDC_STAMP_1S], 0);
    assert_true(isnan(f.v[FLOW_IDC_10S])); /* one window is no window */
    about(f.v[FLOW_GAP_P50], 1);
    about(f.v[FLOW_GAP_P99], 991);
    near(f.v[FLOW_PER_STAMP], 1);
    flow_stats_destroy(s);
}

static void books_are_looked_at_by_time_not_by_message(void **state)
{
    (void)state;
    struct flow_stats *s = fresh(1);
    snapshot(s, "A", 0);
    delta(s, "A", 901, 0, SIDE_YES, 4100, 50); /* the first book stood for 9 looks */
    delta(s, "A", 902, 0, SIDE_YES, 4100, -50);
    delta(s, "A", 1050, 0, SIDE_NO, 5700, -250); /* the second for 1; then one side is empty */
    delta(s, "A", 2050, 0, SIDE_YES, 3000, -700);
    struct flow_figures f = figures_of(s);
    about(f.v[FLOW_SPREAD_P50], 0.03); /* 1 - .40 - .57 */
    about(f.v[FLOW_BEST_P25], 2.50);
    about(f.v[FLOW_BEST_P75], 10);
    about(f.v[FLOW_TOTAL_P75], 17);
    near(f.v[FLOW_LEVELS_P5], 1);
    near(f.v[FLOW_LEVELS_P95], 2);
    near(f.v[FLOW_TWO_SIDED], 0.5); /* 10 of 20 looks */
    assert_int_equal(f.unsound, 0);
    delta(s, "A", 2060, 0, SIDE_YES, 3000, -1);
    assert_int_equal(figures_of(s).unsound, 1);
    flow_stats_destroy(s);
}

static void shares_and_sizes_are_of_deltas_and_trades(void **state)
{
    (void)state;
    struct flow_stats *s = fresh(2);
    delta(s, "A", 0, 5, SIDE_YES, 4000, 1000);
    delta(s, "A", 10, 6, SIDE_YES, 4000, -400);
    delta(s, "A", 10, 6, SIDE_YES, 4100, 410); /* an amend, of 4.10 */
    delta(s, "A", 20, 7, SIDE_NO, 5000, 10);   /* 0.10 */
    delta(s, "A", 30, 8, SIDE_NO, 5000, -10);
    trade(s, "A", 40, SIDE_NO, 300);
    trade(s, "B", 40, SIDE_YES, 100);
    struct flow_figures f = figures_of(s);
    near(f.v[FLOW_MARKETS], 2);
    near(f.v[FLOW_FRACTIONAL], 3.0 / 5);
    near(f.v[FLOW_TRADES], 2.0 / 7);
    near(f.v[FLOW_ADDS], 3.0 / 5);
    near(f.v[FLOW_AMENDS], 1.0 / 5);
    near(f.v[FLOW_YES], 3.0 / 5);
    near(f.v[FLOW_TAKER_YES], 0.5);
    about(f.v[FLOW_SIZE_P50], 4.00);
    about(f.v[FLOW_TRADE_P25], 1);
    about(f.v[FLOW_TRADE_P75], 3);
    struct wire_msg m = {.type = WIRE_TRADE};
    m.u.trade.ticker = TEXT("C");
    assert_int_equal(flow_stats_take(s, &m, 1), ST_LIMIT);
    flow_stats_destroy(s);
}

static void an_empty_stream_has_no_figures(void **state)
{
    (void)state;
    struct flow_stats *s = fresh(1);
    struct flow_figures f = figures_of(s);
    near(f.v[FLOW_MARKETS], 0);
    for (int i = FLOW_RATE_MEAN; i < FLOW_FIGURE_MAX; i++) {
        assert_true(isnan(f.v[i]));
    }
    flow_stats_destroy(s);
}

static void a_recording_is_measured_line_by_line_and_bad_ones_are_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/flow-stats-XXXXXX";
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w");
    fputs(
        "{\"recv_ms\":1020,\"event\":{\"type\":\"orderbook_delta\",\"msg\":{\"market_ticker\":"
        "\"A\","
        "\"price_dollars\":\"0.4000\",\"delta_fp\":\"8.00\",\"side\":\"yes\",\"ts_ms\":1000}}}\n"
        "no message\n"
        "{\"recv_ms\":3020,\"event\":{\"type\":\"orderbook_delta\",\"msg\":{\"market_ticker\":"
        "\"A\","
        "\"price_dollars\":\"0.4000\",\"delta_fp\":\"-2.50\",\"side\":\"yes\",\"ts_ms\":2950}}}\n",
        out);
    fclose(out);
    struct calibrate_reading r;
    struct err err = {0};
    const char *paths[] = {path};
    assert_int_equal(calibrate_recorded(paths, 1, NULL, &r, &err), ST_OK);
    assert_int_equal(r.skipped, 1);
    near(r.figures.v[FLOW_MESSAGES], 2);
    near(r.figures.v[FLOW_RATE_MEAN], 1);
    near(r.figures.v[FLOW_LAG_P25], 20);
    near(r.figures.v[FLOW_LAG_P75], 70);
    near(r.figures.v[FLOW_FRACTIONAL], 0.5);
    out = fopen(path, "w");
    fputs("{\"type\":\"ok\"}\n", out);
    fclose(out);
    assert_int_equal(calibrate_recorded(paths, 1, NULL, &r, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, path));
    unlink(path);
    assert_int_equal(calibrate_recorded(paths, 1, NULL, &r, &err), ST_NOT_FOUND);
    struct sim_config c = sim_config_default();
    c.duration_ns = 0;
    assert_int_equal(calibrate_generated(&c, NULL, &r.figures, &err), ST_INVALID);
}

/* --- generated against recorded --- */

static const char *const stems[] = {"101900-00", "102000-00", "102100-00", "102145-45",
                                    "102230-30", "102315-15", "102345-45", "110000-00"};
#define WINDOWS (sizeof stems / sizeof stems[0])

static const struct {
    enum flow_figure figure;
    double factor; /* generated / recorded lies within 1 / factor and factor */
} within[] = {
    {FLOW_RATE_MEAN, 1.25},
    {FLOW_RATE_MEDIAN, 1.6},
    {FLOW_RATE_MAX, 2},
    {FLOW_PEAK_1S, 3},
    {FLOW_PEAK_1S_MEDIAN, 2},
    {FLOW_PEAK_10MS, 3},
    {FLOW_PEAK_10MS_MEDIAN, 2},
    {FLOW_PEAK_10MS_STAMP, 1.6},
    {FLOW_GAP_P90, 2.5},
    {FLOW_GAP_P99, 2},
    {FLOW_GAP_P999, 2},
    {FLOW_IDC_10MS, 2},
    {FLOW_IDC_100MS, 2},
    {FLOW_IDC_1S, 2},
    {FLOW_IDC_10S, 2.5},
    {FLOW_IDC_STAMP_10MS, 1.6},
    {FLOW_IDC_STAMP_100MS, 1.6},
    {FLOW_IDC_STAMP_1S, 2},
    {FLOW_IDC_STAMP_10S, 2.5},
    {FLOW_SPREAD_P50, 1.1},
    {FLOW_SPREAD_P75, 2.1},
    {FLOW_SPREAD_P95, 2.1},
    {FLOW_BEST_P25, 2.5},
    {FLOW_BEST_P50, 2},
    {FLOW_BEST_P75, 4},
    {FLOW_BEST_P95, 2.5},
    {FLOW_TOTAL_P25, 2},
    {FLOW_TOTAL_P50, 1.6},
    {FLOW_TOTAL_P75, 1.6},
    {FLOW_LEVELS_P25, 2},
    {FLOW_LEVELS_P50, 1.6},
    {FLOW_LEVELS_P75, 1.6},
    {FLOW_LEVELS_P95, 2},
    {FLOW_SIZE_P25, 2.5},
    {FLOW_SIZE_P50, 1.6},
    {FLOW_SIZE_P75, 1.6},
    {FLOW_SIZE_P95, 2},
    {FLOW_SIZE_P99, 2},
    {FLOW_TRADE_P50, 2},
    {FLOW_TRADE_P75, 2},
    {FLOW_TRADE_P95, 2},
    {FLOW_FRACTIONAL, 1.5},
    {FLOW_TRADES, 2},
    {FLOW_ADDS, 1.1},
    {FLOW_AMENDS, 1.6},
    {FLOW_YES, 1.3},
    {FLOW_TAKER_YES, 1.3},
    {FLOW_PER_STAMP, 1.3},
    {FLOW_TWO_SIDED, 1.2},
    {FLOW_LAG_P50, 1.5},
};

static void generated_flow_is_like_the_recorded_one(void **state)
{
    (void)state;
    static char paths[WINDOWS][512];
    const char *list[WINDOWS];
    struct calibrate_reading recorded;
    struct flow_figures generated;
    struct err err = {0};
    for (size_t i = 0; i < WINDOWS; i++) {
        char name[128];
        snprintf(name, sizeof name, "data/kalshi/ws/gold15m/KXGOLD15M-26AUG%s.jsonl.zst", stems[i]);
        if (!shared_path(name, paths[i], sizeof paths[i])) {
            skip();
        }
        list[i] = paths[i];
    }
    if (calibrate_recorded(list, WINDOWS, NULL, &recorded, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    const double *a = recorded.figures.v;
    struct sim_config c = sim_config_default();
    c.markets = WINDOWS;
    c.rate = a[FLOW_RATE_MEAN] * WINDOWS;
    c.duration_ns = (mono_ns_t)a[FLOW_SECONDS] * NS_PER_SEC;
    c.flow_lag_ns = 12 * NS_PER_MS;
    c.flow_stalls = true;
    c.seed = 4;
    if (calibrate_generated(&c, NULL, &generated, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(generated.unsound, 0);
    size_t bad = 0;
    for (size_t i = 0; i < sizeof within / sizeof within[0]; i++) {
        double r = generated.v[within[i].figure] / a[within[i].figure];
        if (!(r <= within[i].factor && r >= 1 / within[i].factor)) {
            print_message("%s: recorded %g, generated %g, not within a factor of %g\n",
                          flow_figure_info(within[i].figure)->name, a[within[i].figure],
                          generated.v[within[i].figure], within[i].factor);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_windows_have_their_peaks_and_dispersions),
        cmocka_unit_test(books_are_looked_at_by_time_not_by_message),
        cmocka_unit_test(shares_and_sizes_are_of_deltas_and_trades),
        cmocka_unit_test(an_empty_stream_has_no_figures),
        cmocka_unit_test(a_recording_is_measured_line_by_line_and_bad_ones_are_refused),
        cmocka_unit_test(generated_flow_is_like_the_recorded_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
