/* The exchange as a whole: pauses, hours, maintenance, and what trading costs. */
#include "life_fixture.h"

static bool active(struct fix *f, const char *key)
{
    assert_int_equal(rest_get(f, NULL, "/exchange/status"), 200);
    json_t *shard = fix_get(f->body, "exchange_index_statuses/0");
    assert_true(json_equal(fix_get(f->body, key), fix_get(shard, key)));
    return json_is_true(fix_get(f->body, key));
}

static void a_trading_pause_takes_cancels_but_no_orders_and_no_amends(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"trading\"}");
    assert_true(active(&f, "exchange_active"));
    assert_false(active(&f, "trading_active"));
    assert_code(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.5000", GTC, ""), 503,
                "trading_paused");
    assert_code(&f,
                rest_at(&f, KEY_A, "POST", "/portfolio/events/orders/%s/amend", id,
                        "{\"ticker\":\"" MARKET "\",\"side\":\"bid\",\"price\":\"0.4000\","
                        "\"count\":\"1.00\"}"),
                503, "trading_paused");
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_int_equal(rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    rest_act(&f, "{\"do\":\"resume\"}");
    assert_true(active(&f, "trading_active"));
    assert_int_equal(place(&f, KEY_A, "c3", "bid", "1.00", "0.5000", GTC, ""), 201);
    fix_end(&f);
}

static void an_exchange_pause_takes_nothing_and_reads_go_on(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"exchange\"}");
    assert_false(active(&f, "exchange_active"));
    assert_false(active(&f, "trading_active"));
    assert_false(active(&f, "intra_exchange_transfers_active"));
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 503,
                "exchange_paused");
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    rest_act(&f, "{\"do\":\"resume\"}");
    assert_int_equal(rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    fix_end(&f);
}

static void a_pause_cancels_the_orders_that_ask_for_it_and_no_others(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    json_t *j = NULL;
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    placed(&f, KEY_A, "c2", "bid", "2.00", "0.4900", ",\"cancel_order_on_pause\":true", id);
    struct peer *p =
        life_follow_channels(&f, "[\"user_orders\",\"orderbook_delta\"]", "[\"" MARKET "\"]");
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"trading\"}");
    assert_int_equal(life_frames(p, "user_order", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/client_order_id"), "c2");
    assert_string_equal(fix_text(j, "msg/last_update_reason"), "HaltCancel");
    assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), 1);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_pause_with_an_end_ends_by_itself_and_tells_when(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"exchange\",\"resume_in\":\"2m\"}");
    assert_false(active(&f, "exchange_active"));
    assert_string_equal(fix_text(f.body, "exchange_estimated_resume_time"), "2026-11-23T08:02:00Z");
    fix_advance(&f, 0);
    assert_int_equal(sim_deadline(f.sim), f.now + 120 * SEC);
    fix_advance(&f, 120 * SEC - 1);
    assert_false(active(&f, "exchange_active"));
    fix_advance(&f, 1);
    assert_true(active(&f, "exchange_active"));
    assert_true(active(&f, "trading_active"));
    assert_null(fix_get(f.body, "exchange_estimated_resume_time"));
    fix_end(&f);
}

static void announced_maintenance_stands_in_the_schedule_and_comes(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"maintenance\",\"kind\":\"trading\",\"in\":\"1h\",\"for\":\"30m\"}");
    assert_int_equal(rest_get(&f, NULL, "/exchange/schedule"), 200);
    const char *window = "schedule/maintenance_windows/0";
    assert_string_equal(fix_text(fix_get(f.body, window), "start_datetime"),
                        "2026-11-23T09:00:00Z");
    assert_string_equal(fix_text(fix_get(f.body, window), "end_datetime"), "2026-11-23T09:30:00Z");
    fix_advance(&f, 3600 * SEC - 1);
    assert_true(active(&f, "trading_active"));
    fix_advance(&f, 1);
    assert_false(active(&f, "trading_active"));
    assert_true(active(&f, "exchange_active"));
    fix_advance(&f, 1800 * SEC);
    assert_true(active(&f, "trading_active"));
    assert_int_equal(rest_get(&f, NULL, "/exchange/schedule"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "schedule/maintenance_windows")), 0);
    fix_end(&f);
}

static void a_market_listed_in_a_pause_takes_no_orders_before_it_ends(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"trading\"}");
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\"}");
    life_refused(&f,
                 "{\"do\":\"order\",\"market\":\"KXL-1-A\",\"side\":\"yes\",\"price\":\"0.5\","
                 "\"count\":\"1\"}",
                 "takes no orders");
    rest_act(&f, "{\"do\":\"resume\"}");
    rest_act(&f, "{\"do\":\"order\",\"market\":\"KXL-1-A\",\"side\":\"yes\",\"price\":\"0.5\","
                 "\"count\":\"1\"}");
    fix_end(&f);
}

/* Seconds from the test's time (Monday 08:00 UTC) to a day and an hour of that week in UTC. */
#define AT(day, hour, minute) ((((day)*24 + (hour)-8) * 60 + (minute)) * 60 * SEC)

static void by_its_hours_trading_pauses_thursdays_from_three_to_five_eastern_time(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.exchange_hours = true;
    struct fix f = rest_with(c);
    mono_ns_t start = f.now;
    assert_int_equal(rest_get(&f, NULL, "/exchange/schedule"), 200);
    json_t *hours = fix_get(f.body, "schedule/standard_hours/0");
    assert_string_equal(fix_text(hours, "start_time"), "2026-01-01T05:00:00Z");
    assert_string_equal(fix_text(hours, "end_time"), "2027-01-01T05:00:00Z");
    assert_int_equal(json_array_size(fix_get(hours, "thursday")), 2);
    assert_string_equal(fix_text(hours, "thursday/0/close_time"), "03:00");
    assert_string_equal(fix_text(hours, "thursday/1/open_time"), "05:00");
    assert_int_equal(json_array_size(fix_get(hours, "friday")), 1);
    fix_advance(&f, AT(3, 8, 0) - 1); /* Thursday; winter: 03:00 is 08:00 UTC */
    assert_true(active(&f, "trading_active"));
    fix_advance(&f, 1);
    assert_false(active(&f, "trading_active"));
    assert_string_equal(fix_text(f.body, "exchange_estimated_resume_time"), "2026-11-26T10:00:00Z");
    fix_advance(&f, 2 * 3600 * SEC - 1);
    assert_false(active(&f, "trading_active"));
    fix_advance(&f, 1);
    assert_true(active(&f, "trading_active"));
    /* 2027-07-01 is a Thursday in summer: 03:00 is 07:00 UTC */
    fix_advance(&f, start + AT(31 * 7 + 3, 7, 0) - 1 - f.now);
    assert_true(active(&f, "trading_active"));
    fix_advance(&f, 1);
    assert_false(active(&f, "trading_active"));
    fix_end(&f);
    f = rest_make(); /* the default has no such hours */
    fix_advance(&f, AT(3, 9, 0));
    assert_true(active(&f, "trading_active"));
    assert_int_equal(rest_get(&f, NULL, "/exchange/schedule"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "schedule/standard_hours/0/thursday")), 1);
    fix_end(&f);
}

/* Fees of one contract bought at .50, as the fills show. */
static const char *fee_now(struct fix *f)
{
    static char text[32];
    static int n;
    char client[32];
    snprintf(client, sizeof client, "fee%d", n++);
    rest_act(f, "{\"do\":\"order\",\"market\":\"" MARKET
                "\",\"side\":\"no\",\"price\":\"0.5\",\"count\":\"1\"}");
    assert_int_equal(place(f, KEY_A, client, "bid", "1.00", "0.5000", IOC, ""), 201);
    assert_string_equal(fix_text(f->body, "fill_count"), "1.00");
    assert_int_equal(rest_get(f, KEY_A, "/portfolio/fills?limit=1"), 200);
    snprintf(text, sizeof text, "%s", fix_text(f->body, "fills/0/fee_cost"));
    return text;
}

static void an_events_fee_override_is_told_takes_effect_and_ends(void **state)
{
    (void)state;
    struct fix f = rest_make();
    struct peer *p = life_follow_channels(&f, "[\"market_lifecycle_v2\"]", NULL);
    assert_string_equal(fee_now(&f), "0.017500");
    rest_act(&f, "{\"do\":\"fee_override\",\"event\":\"" EVENT
                 "\",\"fee_type\":\"quadratic\",\"fee_multiplier\":0.5}");
    life_told(p, "event_fee_update",
              "{\"event_ticker\":\"" EVENT
              "\",\"fee_type_override\":\"quadratic\",\"fee_multiplier_override\":0.5}");
    assert_int_equal(rest_get(&f, NULL, "/events/" EVENT), 200);
    assert_string_equal(fix_text(f.body, "event/fee_type_override"), "quadratic");
    assert_string_equal(fee_now(&f), "0.008800"); /* .00875 rounds up */
    rest_act(&f, "{\"do\":\"fee_override\",\"event\":\"" EVENT "\"}");
    life_told(p, "event_fee_update",
              "{\"event_ticker\":\"" EVENT
              "\",\"fee_type_override\":null,\"fee_multiplier_override\":null}");
    assert_string_equal(fee_now(&f), "0.017500");
    assert_int_equal(rest_get(&f, NULL, "/events/" EVENT), 200);
    assert_null(fix_get(f.body, "event/fee_type_override"));
    life_refused(&f, "{\"do\":\"fee_override\",\"event\":\"" EVENT "\",\"fee_type\":\"flat\"}",
                 "key 'fee_type' must be");
    life_refused(&f, "{\"do\":\"fee_override\",\"event\":\"" EVENT "\",\"fee_multiplier\":2}",
                 "needs 'fee_type'");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_planned_fee_change_waits_for_its_time_and_can_be_read_before(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"fee_override\",\"event\":\"" EVENT
                 "\",\"fee_type\":\"quadratic\",\"fee_multiplier\":2,\"in\":\"1h\"}");
    rest_act(&f, "{\"do\":\"series_fee\",\"series\":\"KXU\",\"fee_type\":"
                 "\"quadratic_with_maker_fees\",\"in\":\"2h\"}");
    assert_string_equal(fee_now(&f), "0.017500");
    assert_int_equal(rest_get(&f, NULL, "/events/fee_changes?event_ticker=" EVENT), 200);
    json_t *c = fix_get(f.body, "event_fee_changes/0");
    assert_string_equal(fix_text(c, "event_ticker"), EVENT);
    assert_string_equal(fix_text(c, "series_ticker"), "KXT");
    assert_string_equal(fix_text(c, "fee_type_override"), "quadratic");
    assert_true(json_number_value(fix_get(c, "fee_multiplier_override")) == 2);
    assert_string_equal(fix_text(c, "scheduled_ts"), "2026-11-23T09:00:00Z");
    assert_int_equal(rest_get(&f, NULL, "/events/fee_changes?event_ticker=KXU-26DEC31"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "event_fee_changes")), 0);
    assert_int_equal(rest_get(&f, NULL, "/series/fee_changes"), 200);
    assert_string_equal(fix_text(f.body, "series_fee_change_arr/0/series_ticker"), "KXU");
    fix_advance(&f, 3600 * SEC);
    assert_string_equal(fee_now(&f), "0.035000");
    fix_advance(&f, 3600 * SEC);
    assert_int_equal(rest_get(&f, NULL, "/series/KXU"), 200);
    assert_string_equal(fix_text(f.body, "series/fee_type"), "quadratic_with_maker_fees");
    assert_int_equal(rest_get(&f, NULL, "/series/fee_changes"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "series_fee_change_arr")), 0);
    assert_int_equal(rest_get(&f, NULL, "/series/fee_changes?show_historical=true"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "series_fee_change_arr")), 1);
    assert_int_equal(rest_get(&f, NULL, "/series/fee_changes?show_historical=maybe"), 400);
    fix_end(&f);
}

static void a_waiver_frees_a_market_of_fees_until_its_time(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"fee_waiver\",\"market\":\"" MARKET "\",\"until_in\":60}");
    assert_string_equal(fee_now(&f), "0.000000");
    life_status(&f, MARKET, "active");
    assert_string_equal(fix_text(f.body, "market/fee_waiver_expiration_time"),
                        "2026-11-23T08:01:00Z");
    fix_advance(&f, 60 * SEC);
    assert_string_equal(fee_now(&f), "0.017500");
    fix_end(&f);
}

static void a_deposit_comes_to_an_account_and_not_more_than_there_is_goes(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"25.50\"}");
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1025.5000");
    rest_act(&f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"-1025.50\"}");
    life_refused(&f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"-0.01\"}",
                 "does not have so much");
    life_refused(&f, "{\"do\":\"deposit\",\"user\":\"nobody\",\"amount\":\"1\"}", "no such user");
    life_refused(&f,
                 "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"subaccount\":9,\"amount\":\"1\"}",
                 "no such subaccount");
    fix_end(&f);
}

static void user_data_are_as_of_a_time_that_may_lag(void **state)
{
    (void)state;
    static const struct {
        int64_t stale, lag;
        const char *as_of;
    } rows[] = {{0, 0, "2026-11-23T08:00:00Z"},
                {400, 0, "2026-11-23T07:59:59.6Z"},
                {400, 1500, "2026-11-23T07:59:58.5Z"}};
    for (size_t i = 0; i < 3; i++) {
        struct sim_rules rules = sim_rules_default();
        rules.stale_read_ms = rows[i].stale;
        rules.user_data_lag_ms = rows[i].lag;
        struct fix f = rest_ruled(rules);
        assert_int_equal(rest_get(&f, NULL, "/exchange/user_data_timestamp"), 200);
        assert_string_equal(fix_text(f.body, "as_of_time"), rows[i].as_of);
        fix_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trading_pause_takes_cancels_but_no_orders_and_no_amends),
        cmocka_unit_test(an_exchange_pause_takes_nothing_and_reads_go_on),
        cmocka_unit_test(a_pause_cancels_the_orders_that_ask_for_it_and_no_others),
        cmocka_unit_test(a_pause_with_an_end_ends_by_itself_and_tells_when),
        cmocka_unit_test(announced_maintenance_stands_in_the_schedule_and_comes),
        cmocka_unit_test(a_market_listed_in_a_pause_takes_no_orders_before_it_ends),
        cmocka_unit_test(by_its_hours_trading_pauses_thursdays_from_three_to_five_eastern_time),
        cmocka_unit_test(an_events_fee_override_is_told_takes_effect_and_ends),
        cmocka_unit_test(a_planned_fee_change_waits_for_its_time_and_can_be_read_before),
        cmocka_unit_test(a_waiver_frees_a_market_of_fees_until_its_time),
        cmocka_unit_test(a_deposit_comes_to_an_account_and_not_more_than_there_is_goes),
        cmocka_unit_test(user_data_are_as_of_a_time_that_may_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
