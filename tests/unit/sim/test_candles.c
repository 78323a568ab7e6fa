/* Candlesticks: made of the trades and quotes that were, and bounded. */
#include "life_fixture.h"

#define LONG_LONG (long long)
#define T0        LONG_LONG(WALL / SEC) /* a full hour */

static void act_order(struct fix *f, const char *market, const char *side, const char *price,
                      const char *count)
{
    char text[256];
    snprintf(
        text, sizeof text,
        "{\"do\":\"order\",\"market\":\"%s\",\"side\":\"%s\",\"price\":\"%s\",\"count\":\"%s\"}",
        market, side, price, count);
    rest_act(f, text);
}

/* The candlesticks of the last answer whose list stands at a path. */
static json_t *candle(struct fix *f, const char *path, size_t i)
{
    return json_array_get(fix_get(f->body, path), i);
}

static void ohlc_is(json_t *candle, const char *what, const char *open, const char *low,
                    const char *high, const char *close)
{
    json_t *j = json_object_get(candle, what);
    assert_string_equal(fix_text(j, "open_dollars"), open);
    assert_string_equal(fix_text(j, "low_dollars"), low);
    assert_string_equal(fix_text(j, "high_dollars"), high);
    assert_string_equal(fix_text(j, "close_dollars"), close);
}

/*
 * Minute 0: quotes .40/.60, trades 2 at .60 and 1 at .40. Minute 1: nothing. Minute 2: a better
 * bid .45. Minute 61: 3 at .45.
 */
static struct fix fix_trades(struct sim_config c)
{
    struct fix f = rest_with(c);
    act_order(&f, MARKET, "yes", "0.40", "10");
    act_order(&f, MARKET, "no", "0.40", "10");
    fix_advance(&f, 10 * SEC);
    act_order(&f, MARKET, "yes", "0.60", "2");
    act_order(&f, MARKET, "no", "0.60", "1");
    fix_advance(&f, 110 * SEC);
    act_order(&f, MARKET, "yes", "0.45", "5");
    fix_advance(&f, 59 * 60 * SEC);
    act_order(&f, MARKET, "no", "0.55", "3");
    return f;
}

static int read_minutes(struct fix *f, long long from, long long to, int period, const char *more)
{
    char path[256];
    snprintf(path, sizeof path,
             "/series/KXT/markets/" MARKET
             "/candlesticks?start_ts=%lld&end_ts=%lld&period_interval=%d%s",
             T0 + from, T0 + to, period, more);
    return rest_get(f, NULL, path);
}

static void a_minute_has_its_quotes_and_trades(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    assert_int_equal(read_minutes(&f, 0, 180, 1, ""), 200);
    assert_string_equal(fix_text(f.body, "ticker"), MARKET);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 3);
    json_t *c = candle(&f, "candlesticks", 0);
    assert_int_equal(json_integer_value(fix_get(c, "end_period_ts")), T0 + 60);
    ohlc_is(c, "yes_bid", "0.4000", "0.4000", "0.4000", "0.4000");
    ohlc_is(c, "yes_ask", "1.0000", "0.6000", "1.0000", "0.6000");
    ohlc_is(c, "price", "0.6000", "0.4000", "0.6000", "0.4000");
    assert_string_equal(fix_text(c, "price/mean_dollars"), "0.5333");
    assert_true(json_is_null(fix_get(c, "price/previous_dollars")));
    assert_string_equal(fix_text(c, "volume_fp"), "3.00");
    c = candle(&f, "candlesticks", 1); /* nothing happened: quotes stand, no prices */
    ohlc_is(c, "yes_bid", "0.4000", "0.4000", "0.4000", "0.4000");
    ohlc_is(c, "yes_ask", "0.6000", "0.6000", "0.6000", "0.6000");
    assert_true(json_is_null(fix_get(c, "price/open_dollars")));
    assert_true(json_is_null(fix_get(c, "price/mean_dollars")));
    assert_string_equal(fix_text(c, "price/previous_dollars"), "0.4000");
    assert_string_equal(fix_text(c, "volume_fp"), "0.00");
    c = candle(&f, "candlesticks", 2);
    ohlc_is(c, "yes_bid", "0.4000", "0.4000", "0.4500", "0.4500");
    fix_end(&f);
}

static void longer_periods_are_put_together_of_minutes(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    assert_int_equal(read_minutes(&f, 0, 7200, 60, ""), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 2);
    json_t *c = candle(&f, "candlesticks", 0);
    assert_int_equal(json_integer_value(fix_get(c, "end_period_ts")), T0 + 3600);
    ohlc_is(c, "price", "0.6000", "0.4000", "0.6000", "0.4000");
    ohlc_is(c, "yes_bid", "0.4000", "0.4000", "0.4500", "0.4500");
    c = candle(&f, "candlesticks", 1);
    ohlc_is(c, "price", "0.4500", "0.4500", "0.4500", "0.4500");
    assert_string_equal(fix_text(c, "price/previous_dollars"), "0.4000");
    assert_string_equal(fix_text(c, "volume_fp"), "3.00");
    assert_int_equal(read_minutes(&f, 0, 86400, 1440, ""), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 1);
    c = candle(&f, "candlesticks", 0); /* days end at 00:00 UTC */
    assert_int_equal(json_integer_value(fix_get(c, "end_period_ts")), T0 + 16 * 3600);
    assert_string_equal(fix_text(c, "volume_fp"), "6.00");
    fix_end(&f);
}

static void a_range_has_the_periods_that_end_in_it(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    assert_int_equal(read_minutes(&f, 61, 179, 1, ""), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 1);
    assert_int_equal(json_integer_value(fix_get(candle(&f, "candlesticks", 0), "end_period_ts")),
                     T0 + 120);
    assert_int_equal(read_minutes(&f, -7200, -60, 1, ""), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 0);
    assert_int_equal(read_minutes(&f, 7200, 7200, 1, ""), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 0);
    fix_end(&f);
}

static void the_latest_before_the_range_can_come_first(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    assert_int_equal(read_minutes(&f, 1800, 1920, 1, "&include_latest_before_start=true"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "candlesticks")), 4);
    json_t *c = candle(&f, "candlesticks", 0);
    assert_int_equal(json_integer_value(fix_get(c, "end_period_ts")), T0 + 1860);
    assert_true(json_is_null(fix_get(c, "price/close_dollars")));
    assert_string_equal(fix_text(c, "price/previous_dollars"), "0.4000");
    fix_end(&f);
}

static void an_event_and_a_batch_have_the_candlesticks_of_several_markets(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    char path[512];
    snprintf(path, sizeof path,
             "/series/KXT/events/" EVENT
             "/candlesticks?start_ts=%lld&end_ts=%lld&period_interval=60",
             T0, T0 + 7200);
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_string_equal(fix_text(f.body, "market_tickers/0"), MARKET);
    assert_string_equal(fix_text(f.body, "market_tickers/1"), OTHER);
    assert_int_equal(json_array_size(fix_get(f.body, "market_candlesticks/0")), 2);
    assert_int_equal(json_array_size(fix_get(f.body, "market_candlesticks/1")), 0);
    assert_int_equal(json_integer_value(fix_get(f.body, "adjusted_end_ts")), T0 + 7200);
    snprintf(path, sizeof path,
             "/markets/candlesticks?market_tickers=" OTHER "," MARKET
             ",KXNONE-1-A&start_ts=%lld&end_ts=%lld&period_interval=5",
             T0, T0 + 3600);
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "markets")), 2);
    assert_string_equal(fix_text(f.body, "markets/1/market_ticker"), MARKET);
    assert_int_equal(json_array_size(fix_get(f.body, "markets/1/candlesticks")), 12);
    fix_end(&f);
}

static void archived_markets_have_theirs_under_history_with_other_names(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.live_window_ns = 3600 * SEC;
    struct fix f = fix_trades(c);
    char path[256];
    snprintf(path, sizeof path,
             "/historical/markets/" MARKET
             "/candlesticks?start_ts=%lld&end_ts=%lld&period_interval=1",
             T0, T0 + 120);
    assert_code(&f, rest_get(&f, NULL, path), 404, "not_found");
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"no\"}");
    fix_advance(&f, 3700 * SEC);
    assert_int_equal(rest_get(&f, NULL, path), 200);
    json_t *k = candle(&f, "candlesticks", 0);
    assert_string_equal(fix_text(k, "price/high"), "0.6000");
    assert_string_equal(fix_text(k, "yes_bid/close"), "0.4000");
    assert_string_equal(fix_text(k, "volume"), "3.00");
    assert_string_equal(fix_text(k, "open_interest"), "0.00");
    assert_code(&f, read_minutes(&f, 0, 120, 1, ""), 404, "not_found");
    fix_end(&f);
}

static void wrong_ranges_and_periods_are_refused(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    static const char *const rows[][2] = {
        {"?end_ts=2&period_interval=1", "'StartTs' failed on the 'required'"},
        {"?start_ts=1&period_interval=1", "'EndTs' failed on the 'required'"},
        {"?start_ts=1&end_ts=2", "'PeriodInterval' failed on the 'required'"},
        {"?start_ts=1&end_ts=2&period_interval=5", "'PeriodInterval' failed on the 'oneof'"},
        {"?start_ts=a&end_ts=2&period_interval=1", "'StartTs' failed on the 'number'"},
        {"?start_ts=3&end_ts=2&period_interval=1", "'EndTs' failed on the 'gtefield'"}};
    char path[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "/series/KXT/markets/" MARKET "/candlesticks%s", rows[i][0]);
        assert_int_equal(rest_get(&f, NULL, path), 400);
        if (strstr(fix_text(f.body, "msg"), rows[i][1]) == NULL) {
            fail_msg("%s: %s", path, f.resp.body.p);
        }
    }
    const char *range = "start_ts=1&end_ts=2&period_interval=1";
    snprintf(path, sizeof path, "/series/KXU/markets/" MARKET "/candlesticks?%s", range);
    assert_code(&f, rest_get(&f, NULL, path), 404, "not_found");
    snprintf(path, sizeof path, "/series/KXT/events/KXNONE/candlesticks?%s", range);
    assert_code(&f, rest_get(&f, NULL, path), 404, "not_found");
    snprintf(path, sizeof path, "/markets/candlesticks?%s", range);
    assert_int_equal(rest_get(&f, NULL, path), 400);
    fix_advance(&f, 10000 * 60 * SEC);
    assert_int_equal(read_minutes(&f, 0, 600600, 1, ""), 400); /* too many for one answer */
    assert_int_equal(read_minutes(&f, 0, 600000, 60, ""), 200);
    fix_end(&f);
}

static void a_day_ago_and_volume_of_a_day_are_of_the_same_minutes(void **state)
{
    (void)state;
    struct fix f = fix_trades(sim_config_default());
    assert_int_equal(rest_get(&f, NULL, "/markets/" MARKET), 200);
    assert_string_equal(fix_text(f.body, "market/previous_price_dollars"), "0.0000");
    assert_string_equal(fix_text(f.body, "market/volume_24h_fp"), "6.00");
    fix_advance(&f, 86400 * SEC - 1800 * SEC); /* the first three are older than a day */
    assert_int_equal(rest_get(&f, NULL, "/markets/" MARKET), 200);
    assert_string_equal(fix_text(f.body, "market/volume_fp"), "6.00");
    assert_string_equal(fix_text(f.body, "market/volume_24h_fp"), "3.00");
    assert_string_equal(fix_text(f.body, "market/previous_price_dollars"), "0.4000");
    assert_string_equal(fix_text(f.body, "market/previous_yes_bid_dollars"), "0.4500");
    assert_string_equal(fix_text(f.body, "market/previous_yes_ask_dollars"), "0.6000");
    fix_end(&f);
}

static void the_oldest_minutes_go_when_a_market_has_a_week_of_them(void **state)
{
    (void)state;
    struct fix f = rest_make();
    for (int i = 0; i < 10100; i++) {
        act_order(&f, MARKET, "yes", i % 2 == 0 ? "0.40" : "0.41", "1");
        act_order(&f, MARKET, "no", "0.62", "1");
        fix_advance(&f, 60 * SEC);
    }
    assert_int_equal(read_minutes(&f, 0, 60 * 100, 1, ""), 200);
    json_t *c = candle(&f, "candlesticks", 0);
    assert_int_equal(json_integer_value(fix_get(c, "end_period_ts")), T0 + 60 * 21);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_has_its_quotes_and_trades),
        cmocka_unit_test(longer_periods_are_put_together_of_minutes),
        cmocka_unit_test(a_range_has_the_periods_that_end_in_it),
        cmocka_unit_test(the_latest_before_the_range_can_come_first),
        cmocka_unit_test(an_event_and_a_batch_have_the_candlesticks_of_several_markets),
        cmocka_unit_test(archived_markets_have_theirs_under_history_with_other_names),
        cmocka_unit_test(wrong_ranges_and_periods_are_refused),
        cmocka_unit_test(a_day_ago_and_volume_of_a_day_are_of_the_same_minutes),
        cmocka_unit_test(the_oldest_minutes_go_when_a_market_has_a_week_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
