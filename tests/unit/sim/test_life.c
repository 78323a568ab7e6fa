/* The life of a market: states, by the clock and by command, and what shows of it. */
#include "life_fixture.h"

#define LISTED "{\"do\":\"create_market\",\"market\":\"KXL-1-A\",\"close_in\":\"10s\"}"
#define LIFE   "[\"market_lifecycle_v2\"]"
#define BOOK   "[\"orderbook_delta\"]"

static int place_in(struct fix *f, const char *market, const char *client, const char *side,
                    const char *count, const char *price, const char *more)
{
    return fix_request(f, KEY_A, "POST", "/portfolio/events/orders",
                       order_text(market, client, side, count, price, GTC, more));
}

static void a_market_opens_by_the_clock_and_nobody_is_told(void **state)
{
    (void)state;
    struct fix f = rest_make();
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\",\"open_in\":5}");
    life_status(&f, "KXL-1-A", "initialized");
    assert_code(&f, place_in(&f, "KXL-1-A", "c1", "bid", "1.00", "0.5000", ""), 400,
                "market_inactive");
    size_t n = json_array_size(p->frames);
    fix_advance(&f, 5 * SEC - 1);
    life_status(&f, "KXL-1-A", "initialized");
    assert_int_equal(sim_deadline(f.sim), f.now + 1);
    fix_advance(&f, 1);
    life_status(&f, "KXL-1-A", "active");
    assert_int_equal(json_array_size(p->frames), n);
    assert_int_equal(place_in(&f, "KXL-1-A", "c2", "bid", "1.00", "0.5000", ""), 201);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void at_close_time_every_order_call_is_refused_and_nobody_is_told(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    rest_act(&f, LISTED);
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    assert_int_equal(place_in(&f, "KXL-1-A", "c1", "bid", "1.00", "0.5000", ""), 201);
    snprintf(id, sizeof id, "%s", fix_text(f.body, "order_id"));
    size_t n = json_array_size(p->frames);
    fix_advance(&f, 10 * SEC);
    life_status(&f, "KXL-1-A", "closed");
    assert_int_equal(json_array_size(p->frames), n);
    assert_code(&f, place_in(&f, "KXL-1-A", "c2", "bid", "1.00", "0.5000", ""), 400,
                "market_inactive");
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 400,
                "market_inactive");
    fix_disconnect(&f, p);
    fix_end(&f);
}

/* Three levels; the second order expires at close_time. */
static struct peer *fill_book(struct fix *f)
{
    char more[64];
    rest_act(f, LISTED);
    struct peer *p =
        life_follow_channels(f, "[\"orderbook_delta\",\"user_orders\"]", "[\"KXL-1-A\"]");
    assert_int_equal(place_in(f, "KXL-1-A", "c1", "bid", "1.00", "0.5000", ""), 201);
    snprintf(more, sizeof more, ",\"expiration_time\":%lld", (long long)(f->wall / SEC + 10));
    assert_int_equal(place_in(f, "KXL-1-A", "c2", "bid", "2.00", "0.4900", more), 201);
    assert_int_equal(place_in(f, "KXL-1-A", "c3", "ask", "3.00", "0.6000", ""), 201);
    life_forget(p);
    return p;
}

static void orders_that_expire_at_close_leave_by_deltas_of_close_time(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = fill_book(&f);
    int64_t close_ms = f.wall / NS_PER_MS + 10000;
    fix_advance(&f, 10 * SEC + SEC / 4); /* the tick comes late */
    assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/price_dollars"), "0.4900");
    assert_string_equal(fix_text(j, "msg/delta_fp"), "-2.00");
    assert_int_equal(json_integer_value(fix_get(j, "msg/ts_ms")), close_ms);
    assert_int_equal(life_frames(p, "user_order", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/last_update_reason"), "ExpiryCancel");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void what_rests_is_swept_half_a_second_later_and_one_empty_snapshot_comes(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = fill_book(&f);
    fix_advance(&f, 10 * SEC);
    life_forget(p);
    fix_advance(&f, SEC / 2 - 1);
    assert_int_equal(json_array_size(p->frames), 0);
    fix_advance(&f, 1);
    assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), 0);
    assert_int_equal(life_frames(p, "orderbook_snapshot", 0, &j), 1);
    assert_null(fix_get(j, "msg/yes_dollars_fp"));
    assert_null(fix_get(j, "msg/no_dollars_fp"));
    assert_null(fix_get(j, "id"));
    assert_int_equal(life_frames(p, "user_order", 1, &j), 2);
    assert_string_equal(fix_text(j, "msg/status"), "canceled");
    assert_string_equal(fix_text(j, "msg/last_update_reason"), "CloseCancel");
    life_forget(p);
    fix_advance(&f, 60 * SEC);
    assert_int_equal(json_array_size(p->frames), 0);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_rule_sends_a_second_empty_snapshot_or_deltas_only(void **state)
{
    (void)state;
    for (int how = RULE_CLOSE_TWO_SNAPSHOTS; how <= RULE_CLOSE_DELTAS; how++) {
        struct sim_rules rules = sim_rules_default();
        rules.close = how;
        struct fix f = rest_ruled(rules);
        json_t *j = NULL;
        struct peer *p = fill_book(&f);
        fix_advance(&f, 10 * SEC);
        life_forget(p);
        fix_advance(&f, 5 * SEC);
        bool two = how == RULE_CLOSE_TWO_SNAPSHOTS;
        assert_int_equal(life_frames(p, "orderbook_snapshot", 0, &j), two ? 2 : 0);
        assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), two ? 0 : 2);
        assert_int_equal(life_frames(p, "user_order", 0, &j), 2);
        assert_string_equal(fix_text(j, "msg/last_update_reason"), "CloseCancel");
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void a_deactivated_market_takes_cancels_only(void **state)
{
    (void)state;
    for (int shut = 0; shut < 2; shut++) {
        struct sim_rules rules = sim_rules_default();
        rules.inactive_shut = shut;
        struct fix f = rest_ruled(rules);
        char id[64];
        struct peer *p = life_follow_channels(&f, LIFE, NULL);
        placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
        rest_act(&f, "{\"do\":\"deactivate\",\"market\":\"" MARKET "\"}");
        life_told(p, "market_lifecycle_v2",
                  "{\"market_ticker\":\"" MARKET
                  "\",\"event_type\":\"deactivated\",\"is_deactivated\":true}");
        life_status(&f, MARKET, "inactive");
        assert_code(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.5000", GTC, ""), 400,
                    "market_inactive");
        assert_int_equal(rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL),
                         shut ? 400 : 200);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void activation_cancels_all_that_rests(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    json_t *j = NULL;
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    struct peer *p = life_follow_channels(
        &f, "[\"market_lifecycle_v2\",\"user_orders\",\"orderbook_delta\"]", "[\"" MARKET "\"]");
    rest_act(&f, "{\"do\":\"deactivate\",\"market\":\"" MARKET "\"}");
    assert_int_equal(life_frames(p, "user_order", 0, &j), 0);
    rest_act(&f, "{\"do\":\"activate\",\"market\":\"" MARKET "\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"" MARKET
              "\",\"event_type\":\"activated\",\"is_deactivated\":false}");
    assert_int_equal(life_frames(p, "user_order", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/status"), "canceled");
    assert_string_equal(fix_text(j, "msg/last_update_reason"), "HaltCancel");
    assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), 1);
    assert_int_equal(place(&f, KEY_A, "c2", "bid", "1.00", "0.5000", GTC, ""), 201);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_result_is_told_and_paid_after_the_timer(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\",\"close_in\":10,"
                 "\"settlement_timer_seconds\":30,\"no\":[[\"0.4000\",\"10.00\"]]}");
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    assert_int_equal(place_in(&f, "KXL-1-A", "c1", "bid", "10.00", "0.6000", ""), 201);
    fix_advance(&f, 12 * SEC);
    assert_int_equal(rest_get(&f, NULL, "/markets/KXL-1-A"), 200);
    assert_string_equal(fix_text(f.body, "market/result"), "");
    assert_null(fix_get(f.body, "market/settlement_value_dollars"));
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"KXL-1-A\",\"result\":\"yes\","
                 "\"expiration_value\":\"71\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"KXL-1-A\",\"event_type\":\"determined\",\"result\":\"yes\","
              "\"determination_ts\":1795420812,\"settlement_value\":\"1.0000\"}");
    fix_advance(&f, 30 * SEC - 1);
    life_status(&f, "KXL-1-A", "determined");
    assert_string_equal(fix_text(f.body, "market/result"), "yes");
    assert_string_equal(fix_text(f.body, "market/settlement_value_dollars"), "1.0000");
    assert_string_equal(fix_text(f.body, "market/expiration_value"), "71");
    assert_null(fix_get(f.body, "market/settlement_ts"));
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "993.8320"); /* 6 + .168 fee */
    fix_advance(&f, 1);
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"KXL-1-A\",\"event_type\":\"settled\","
              "\"settled_ts\":1795420842}");
    life_status(&f, "KXL-1-A", "finalized");
    assert_string_equal(fix_text(f.body, "market/settlement_ts"), "2026-11-23T08:00:42Z");
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1003.8320");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_scalar_market_pays_its_value(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\",\"market_type\":\"scalar\","
                 "\"no\":[[\"0.4000\",\"10.00\"]]}");
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    assert_int_equal(place_in(&f, "KXL-1-A", "c1", "bid", "10.00", "0.6000", ""), 201);
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"KXL-1-A\",\"result\":\"scalar\","
                 "\"value\":\"0.4512\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"KXL-1-A\",\"event_type\":\"determined\",\"result\":\"scalar\","
              "\"determination_ts\":1795420800,\"settlement_value\":\"0.4512\"}");
    rest_act(&f, "{\"do\":\"settle\",\"market\":\"KXL-1-A\"}");
    life_status(&f, "KXL-1-A", "finalized");
    assert_string_equal(fix_text(f.body, "market/market_type"), "scalar");
    assert_string_equal(fix_text(f.body, "market/result"), "scalar");
    assert_string_equal(fix_text(f.body, "market/settlement_value_dollars"), "0.4512");
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    /* 1000 - 6.168 + 4.512, the payout cut to 4.51 */
    assert_string_equal(fix_text(f.body, "balance_dollars"), "998.3420");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void only_a_scalar_market_has_a_value_between(void **state)
{
    (void)state;
    struct fix f = rest_make();
    life_refused(&f,
                 "{\"do\":\"determine\",\"market\":\"" MARKET
                 "\",\"result\":\"scalar\",\"value\":\"0.5\"}",
                 "a binary market cannot be worth that");
    life_refused(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"scalar\"}",
                 "key 'value'");
    life_refused(
        &f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"yes\",\"value\":\"1\"}",
        "key 'value'");
    life_status(&f, MARKET, "active");
    fix_end(&f);
}

static void an_early_result_closes_the_market_and_tells_its_new_close_time(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"no\"}");
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 0, &j), 2);
    assert_string_equal(fix_text(j, "msg/event_type"), "close_date_updated");
    assert_int_equal(json_integer_value(fix_get(j, "msg/close_ts")), WALL / SEC);
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 1, &j), 2);
    assert_string_equal(fix_text(j, "msg/event_type"), "determined");
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\",\"can_close_early\":false}");
    life_refused(&f, "{\"do\":\"determine\",\"market\":\"KXL-1-A\",\"result\":\"no\"}",
                 "cannot close early");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_dispute_stops_the_timer_and_ends_in_the_same_or_an_amended_result(void **state)
{
    (void)state;
    struct fix f = rest_make();
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"no\"}");
    rest_act(&f, "{\"do\":\"dispute\",\"market\":\"" MARKET "\"}");
    fix_advance(&f, 100 * SEC);
    life_status(&f, MARKET, "disputed");
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"no\"}");
    life_status(&f, MARKET, "determined");
    rest_act(&f, "{\"do\":\"dispute\",\"market\":\"" MARKET "\"}");
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"yes\"}");
    life_status(&f, MARKET, "amended");
    assert_string_equal(fix_text(f.body, "market/result"), "yes");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"" MARKET
              "\",\"event_type\":\"determined\",\"result\":\"yes\",\"determination_ts\":1795420900,"
              "\"settlement_value\":\"1.0000\"}");
    fix_advance(&f, SEC);
    life_status(&f, MARKET, "finalized");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void close_time_moves_and_a_closed_market_opens_again(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    rest_act(&f, LISTED);
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"move_close\",\"market\":\"KXL-1-A\",\"close_in\":20}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"KXL-1-A\",\"event_type\":\"close_date_updated\","
              "\"close_ts\":1795420820}");
    fix_advance(&f, 15 * SEC);
    life_status(&f, "KXL-1-A", "active");
    assert_string_equal(fix_text(f.body, "market/close_time"), "2026-11-23T08:00:20Z");
    fix_advance(&f, 10 * SEC);
    life_status(&f, "KXL-1-A", "closed");
    life_forget(p);
    rest_act(&f, "{\"do\":\"move_close\",\"market\":\"KXL-1-A\",\"close_in\":60}");
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 0, &j), 2);
    assert_string_equal(fix_text(j, "msg/event_type"), "close_date_updated");
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 1, &j), 2);
    assert_string_equal(fix_text(j, "msg/event_type"), "activated");
    assert_int_equal(place_in(&f, "KXL-1-A", "c9", "bid", "1.00", "0.5000", ""), 201);
    fix_advance(&f, 60 * SEC);
    life_status(&f, "KXL-1-A", "closed");
    life_refused(&f, "{\"do\":\"move_close\",\"market\":\"KXL-1-A\",\"close_in\":0}", "has passed");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_new_price_structure_is_told_and_orders_off_it_go(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    json_t *j = NULL;
    rest_act(&f, "{\"do\":\"price_structure\",\"market\":\"" MARKET
                 "\",\"price_level_structure\":\"deci_cent\"}");
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5010", "", id);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.5000", "", id);
    struct peer *p =
        life_follow_channels(&f, "[\"market_lifecycle_v2\",\"user_orders\"]", "[\"" MARKET "\"]");
    rest_act(&f, "{\"do\":\"price_structure\",\"market\":\"" MARKET
                 "\",\"price_level_structure\":\"linear_cent\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"" MARKET
              "\",\"event_type\":\"price_level_structure_updated\",\"price_level_structure\":"
              "\"linear_cent\",\"price_ranges\":[{\"start\":\"0.0000\",\"end\":\"1.0000\",\"step\":"
              "\"0.0100\"}]}");
    assert_int_equal(life_frames(p, "user_order", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/yes_price_dollars"), "0.5010");
    assert_string_equal(fix_text(j, "msg/status"), "canceled");
    assert_code(&f, place(&f, KEY_A, "c3", "bid", "1.00", "0.5010", GTC, ""), 400, "invalid_price");
    life_status(&f, MARKET, "active");
    assert_string_equal(fix_text(f.body, "market/price_level_structure"), "linear_cent");
    life_refused(&f,
                 "{\"do\":\"price_structure\",\"market\":\"" MARKET
                 "\",\"price_level_structure\":\"penny\"}",
                 "must be linear_cent,");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void metadata_updates_tell_only_what_changed(void **state)
{
    (void)state;
    struct fix f = rest_make();
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"metadata\",\"market\":\"" MARKET
                 "\",\"strike_type\":\"between\",\"floor_strike\":95000,\"cap_strike\":95250.5}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"" MARKET
              "\",\"event_type\":\"metadata_updated\",\"strike_type\":\"between\","
              "\"floor_strike\":95000,\"cap_strike\":95250.5}");
    rest_act(&f,
             "{\"do\":\"metadata\",\"market\":\"" MARKET "\",\"yes_sub_title\":\"above 95,000\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"" MARKET
              "\",\"event_type\":\"metadata_updated\",\"yes_sub_title\":\"above 95,000\"}");
    life_refused(&f, "{\"do\":\"metadata\",\"market\":\"" MARKET "\"}", "says what changes");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_listing_tells_its_event_once_and_the_market_whole(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"create_event\",\"event\":\"KXQ-26\",\"title\":\"What will 1+1 be?\","
                 "\"sub_title\":\"Today\",\"collateral_return_type\":\"MECNET\",\"strike_time\":"
                 "\"2026-12-01T00:00:00Z\",\"strike_period\":\"day\"}");
    life_told(p, "event_lifecycle",
              "{\"event_ticker\":\"KXQ-26\",\"exchange_index\":0,\"title\":\"What will 1+1 be?\","
              "\"subtitle\":\"Today\",\"collateral_return_type\":\"MECNET\",\"series_ticker\":"
              "\"KXQ\",\"strike_date\":1796083200,\"strike_period\":\"day\"}");
    rest_act(&f,
             "{\"do\":\"create_market\",\"market\":\"KXQ-26-2\",\"title\":\"Two?\",\"subtitle\":"
             "\"2\",\"yes_sub_title\":\"It is 2\",\"no_sub_title\":\"It is not\","
             "\"rules_primary\":\"Count.\",\"close_in\":\"1h\",\"strike_type\":\"custom\","
             "\"custom_strike\":{\"sum\":\"2\"},\"expected_expiration_in\":\"2h\"}");
    life_told(p, "market_lifecycle_v2",
              "{\"market_ticker\":\"KXQ-26-2\",\"event_type\":\"created\",\"exchange_index\":0,"
              "\"open_ts\":1795420800,\"close_ts\":1795424400,\"price_level_structure\":"
              "\"linear_cent\",\"price_ranges\":[{\"start\":\"0.0000\",\"end\":\"1.0000\",\"step\":"
              "\"0.0100\"}],\"additional_metadata\":{\"name\":\"2\",\"title\":\"Two?\","
              "\"yes_sub_title\":\"It is 2\",\"no_sub_title\":\"It is not\",\"rules_primary\":"
              "\"Count.\",\"rules_secondary\":\"\",\"can_close_early\":true,\"event_ticker\":"
              "\"KXQ-26\",\"expected_expiration_ts\":1795428000,\"strike_type\":\"custom\","
              "\"custom_strike\":{\"sum\":\"2\"}}}");
    assert_int_equal(life_frames(p, "event_lifecycle", 0, &j), 1);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXR-26-2\"}");
    assert_int_equal(life_frames(p, "event_lifecycle", 1, &j), 2);
    assert_string_equal(fix_text(j, "msg/event_ticker"), "KXR-26");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void lifecycle_messages_count_in_one_seq_and_combos_do_not_show(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = life_follow_channels(&f, LIFE, NULL);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXMVEA-1-A\"}");
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 0, &j), 0);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXL-1-A\"}");
    assert_int_equal(life_frames(p, "event_lifecycle", 0, &j), 1);
    assert_int_equal(json_integer_value(fix_get(j, "seq")), 1);
    assert_int_equal(life_frames(p, "market_lifecycle_v2", 0, &j), 1);
    assert_int_equal(json_integer_value(fix_get(j, "seq")), 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_book_asked_for_before_its_market_was_listed_follows_it(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    struct peer *p = life_follow_channels(&f, BOOK, "[\"KXL-1-A\"]");
    assert_int_equal(life_frames(p, "orderbook_snapshot", 0, &j), 1);
    for (int i = 0; i < 200; i++) { /* beyond what the subscription had room for */
        char text[128];
        snprintf(text, sizeof text, "{\"do\":\"create_market\",\"market\":\"KXM-%d-A\"}", i);
        rest_act(&f, text);
    }
    rest_act(&f, LISTED);
    assert_int_equal(place_in(&f, "KXL-1-A", "c1", "bid", "1.00", "0.5000", ""), 201);
    assert_int_equal(life_frames(p, "orderbook_delta", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/market_ticker"), "KXL-1-A");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_request_right_after_the_close_finds_the_market_closed_without_a_tick(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char more[64];
    json_t *j = NULL;
    struct peer *p = fill_book(&f);
    snprintf(more, sizeof more, ",\"expiration_time\":%lld", (long long)(f.wall / SEC + 3));
    assert_int_equal(place_in(&f, "KXL-1-A", "c4", "bid", "2.00", "0.5500", more), 201);
    snprintf(id, sizeof id, "%s", fix_text(f.body, "order_id"));
    life_forget(p);
    f.wall += 3 * SEC; /* no tick comes */
    f.now += 3 * SEC;
    assert_int_equal(rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/status"), "canceled");
    f.wall += 7 * SEC;
    f.now += 7 * SEC;
    assert_code(&f, place_in(&f, "KXL-1-A", "c5", "bid", "1.00", "0.5000", ""), 400,
                "market_inactive");
    f.wall += SEC;
    f.now += SEC;
    life_status(&f, "KXL-1-A", "closed");
    assert_int_equal(life_frames(p, "orderbook_snapshot", 0, &j), 1);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_settled_position_is_told(void **state)
{
    (void)state;
    struct fix f = rest_make();
    json_t *j = NULL;
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    rest_act(&f, "{\"do\":\"order\",\"market\":\"" MARKET
                 "\",\"side\":\"no\",\"price\":\"0.5\",\"count\":\"1\"}");
    struct peer *p = life_follow_channels(&f, "[\"market_positions\"]", NULL);
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"yes\"}");
    assert_int_equal(life_frames(p, "market_position", 0, &j), 0);
    rest_act(&f, "{\"do\":\"settle\",\"market\":\"" MARKET "\"}");
    assert_int_equal(life_frames(p, "market_position", 0, &j), 1);
    assert_string_equal(fix_text(j, "msg/position_fp"), "0.00");
    assert_string_equal(fix_text(j, "msg/realized_pnl_dollars"), "0.5000");
    fix_disconnect(&f, p);
    fix_end(&f);
}

/* Each state, and what cannot happen in it. */
static void what_a_state_does_not_have_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *path, *status; /* actions that lead there, by their first letters */
        const char *refused;
    } rows[] = {
        {"", "active", "activate settle dispute"},
        {"deactivate", "inactive", "deactivate settle dispute"},
        {"close", "closed", "activate deactivate close settle dispute"},
        {"close determine", "determined", "activate deactivate close"},
        {"close determine dispute", "disputed", "activate deactivate close settle dispute"},
        {"close determine settle", "finalized",
         "activate deactivate close settle dispute determine"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fix f = rest_make();
        char text[256];
        char words[256];
        for (int list = 0; list < 2; list++) {
            snprintf(words, sizeof words, "%s", list == 0 ? rows[i].path : rows[i].refused);
            char *rest = NULL;
            for (char *s = strtok_r(words, " ", &rest); s != NULL; s = strtok_r(NULL, " ", &rest)) {
                bool result = strcmp(s, "determine") == 0;
                snprintf(text, sizeof text, "{\"do\":\"%s\",\"market\":\"" MARKET "\"%s}", s,
                         result ? ",\"result\":\"yes\"" : "");
                if (list == 0) {
                    rest_act(&f, text);
                } else {
                    life_refused(&f, text, rows[i].status);
                }
            }
        }
        life_status(&f, MARKET, rows[i].status);
        fix_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_market_opens_by_the_clock_and_nobody_is_told),
        cmocka_unit_test(at_close_time_every_order_call_is_refused_and_nobody_is_told),
        cmocka_unit_test(orders_that_expire_at_close_leave_by_deltas_of_close_time),
        cmocka_unit_test(what_rests_is_swept_half_a_second_later_and_one_empty_snapshot_comes),
        cmocka_unit_test(a_rule_sends_a_second_empty_snapshot_or_deltas_only),
        cmocka_unit_test(a_deactivated_market_takes_cancels_only),
        cmocka_unit_test(activation_cancels_all_that_rests),
        cmocka_unit_test(a_result_is_told_and_paid_after_the_timer),
        cmocka_unit_test(a_scalar_market_pays_its_value),
        cmocka_unit_test(only_a_scalar_market_has_a_value_between),
        cmocka_unit_test(an_early_result_closes_the_market_and_tells_its_new_close_time),
        cmocka_unit_test(a_dispute_stops_the_timer_and_ends_in_the_same_or_an_amended_result),
        cmocka_unit_test(close_time_moves_and_a_closed_market_opens_again),
        cmocka_unit_test(a_new_price_structure_is_told_and_orders_off_it_go),
        cmocka_unit_test(metadata_updates_tell_only_what_changed),
        cmocka_unit_test(a_listing_tells_its_event_once_and_the_market_whole),
        cmocka_unit_test(lifecycle_messages_count_in_one_seq_and_combos_do_not_show),
        cmocka_unit_test(a_book_asked_for_before_its_market_was_listed_follows_it),
        cmocka_unit_test(a_request_right_after_the_close_finds_the_market_closed_without_a_tick),
        cmocka_unit_test(a_settled_position_is_told),
        cmocka_unit_test(what_a_state_does_not_have_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
