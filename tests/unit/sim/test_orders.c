#include "rest_fixture.h"

#define AMEND    "/portfolio/events/orders/%s/amend"
#define DECREASE "/portfolio/events/orders/%s/decrease"
#define CANCEL   "/portfolio/events/orders/%s"

static const char *amend_text(const char *ticker, const char *side, const char *price,
                              const char *count, const char *more)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"ticker\":\"%s\",\"side\":\"%s\",\"price\":\"%s\",\"count\":\"%s\"%s}", ticker,
             side, price, count, more);
    return text;
}

/* --- create: answers --- */

static void a_resting_order_answers_with_its_ids_and_counts(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "1.00", "0.0100", GTC, ""), 201);
    assert_shape(f.body, "client_order_id:s fill_count:q order_id:u remaining_count:q ts_ms:i");
    expect_keys(f.body, "rest_create_order_response_resting.json", "", "");
    assert_int_equal(json_integer_value(fix_get(f.body, "ts_ms")), f.wall / NS_PER_MS);
    fix_end(&f);
}

static void a_filled_order_answers_with_averages_per_contract(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.5200", "", id);
    assert_int_equal(place(&f, KEY_A, "t", "bid", "1.00", "0.9900", IOC, ""), 201);
    assert_shape(f.body, "average_fee_paid:p average_fill_price:p client_order_id:s fill_count:q "
                         "order_id:u remaining_count:q ts_ms:i");
    expect_keys(f.body, "rest_create_order_response_filled.json", "", "");
    assert_string_equal(fix_text(f.body, "average_fill_price"), "0.5200"); /* the maker's price */
    assert_string_equal(fix_text(f.body, "average_fee_paid"), "0.0175");
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    fix_end(&f);
}

static void the_average_of_an_ask_is_told_by_the_price_of_yes(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m", "bid", "2.00", "0.5200", "", id);
    placed(&f, KEY_B, "n", "bid", "2.00", "0.5000", "", id);
    assert_int_equal(place(&f, KEY_A, "t", "ask", "4.00", "0.0100", IOC, ""), 201);
    assert_string_equal(fix_text(f.body, "average_fill_price"), "0.5100");
    fix_end(&f);
}

static void an_immediate_order_without_liquidity_is_created_with_nothing_left(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_int_equal(place(&f, KEY_A, "t", "bid", "1.00", "0.9900", IOC, ""), 201);
    assert_shape(f.body, "client_order_id:s fill_count:q order_id:u remaining_count:q ts_ms:i");
    assert_string_equal(fix_text(f.body, "fill_count"), "0.00");
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/status"), "canceled");
    fix_end(&f);
}

static void an_own_order_in_the_way_gives_201_and_zeros(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "m", "bid", "1.00", "0.4800", "", id);
    assert_int_equal(place(&f, KEY_A, "t", "ask", "1.00", "0.4800", IOC, ""), 201);
    expect_keys(f.body, "rest_create_order_response_stp_zero_fill.json", "", "");
    assert_string_equal(fix_text(f.body, "fill_count"), "0.00");
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/status"), "resting");
    fix_end(&f);
}

static void every_field_of_a_create_is_read_back(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char more[256];
    long long at = (long long)(f.wall / NS_PER_SEC) + 1000;
    snprintf(more, sizeof more,
             ",\"expiration_time\":%lld,\"post_only\":true,\"cancel_order_on_pause\":true,"
             "\"subaccount\":0,\"exchange_index\":-1",
             at);
    placed(&f, KEY_A, "c1", "ask", "10.50", "0.6200", more, id);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    const json_t *o = json_object_get(f.body, "order");
    assert_shape(o, ORDER_SHAPE);
    expect_keys(o, "rest_get_order_resting.json", "order", "");
    static const char *const want[][2] = {
        {"order/book_side", "ask"},
        {"order/outcome_side", "no"},
        {"order/side", "no"},
        {"order/action", "sell"},
        {"order/client_order_id", "c1"},
        {"order/initial_count_fp", "10.50"},
        {"order/remaining_count_fp", "10.50"},
        {"order/yes_price_dollars", "0.6200"},
        {"order/no_price_dollars", "0.3800"},
        {"order/self_trade_prevention_type", "taker_at_cross"},
        {"order/status", "resting"},
        {"order/type", "limit"},
        {"order/ticker", MARKET},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_string_equal(fix_text(f.body, want[i][0]), want[i][1]);
    }
    assert_true(json_is_true(fix_get(f.body, "order/cancel_order_on_pause")));
    assert_non_null(fix_get(f.body, "order/expiration_time"));
    fix_end(&f);
}

/* --- create: every row of the table of rejects (sheet 8.1) --- */

static void a_price_off_the_grid_is_invalid_price(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const prices[] = {"0.5150", "0", "1.00", "1.50", "-0.10", "0.55555", "x"};
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        assert_code(&f, place(&f, KEY_A, "c", "bid", "1.00", prices[i], GTC, ""), 400,
                    "invalid_price");
        expect_like(&f, "rest_error_invalid_price_400.json");
    }
    fix_end(&f);
}

static void an_order_beyond_the_money_is_insufficient_balance(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, place(&f, KEY_A, "c", "bid", "2000.00", "0.5100", GTC, ""), 400,
                "insufficient_balance");
    expect_like(&f, "rest_error_insufficient_balance_400.json");
    fix_end(&f);
}

static void what_rests_counts_against_the_money(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_code(&f, place(&f, KEY_A, "c2", "bid", "200.00", "0.9000", GTC, ""), 400,
                "insufficient_balance");
    fix_end(&f);
}

static void a_post_only_order_that_crosses_is_refused_from_both_sides(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m1", "bid", "1.00", "0.4000", "", id);
    placed(&f, KEY_B, "m2", "ask", "1.00", "0.6000", "", id);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.6000", GTC, ",\"post_only\":true"),
                400, "invalid_order");
    expect_like(&f, "rest_error_post_only_cross_400.json");
    assert_code(&f, place(&f, KEY_A, "c2", "ask", "1.00", "0.4000", GTC, ",\"post_only\":true"),
                400, "invalid_order");
    expect_like(&f, "rest_error_post_only_cross_400.json");
    assert_status(&f, place(&f, KEY_A, "c3", "ask", "1.00", "0.4100", GTC, ",\"post_only\":true"),
                  201);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1); /* nothing was booked */
    fix_end(&f);
}

static void numbers_instead_of_strings_do_not_decode(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char text[] = "{\"ticker\":\"X\",\"side\":\"bid\",\"count\":1,\"price\":0.01,"
                               "\"time_in_force\":\"good_till_canceled\","
                               "\"self_trade_prevention_type\":\"maker\"}";
    assert_flat(&f, fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", text), 400,
                "bad_request");
    expect_like(&f, "rest_error_bad_request_flat_400.json");
    fix_end(&f);
}

static void each_required_field_that_is_missing_is_named(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const keys[] = {"ticker", "side",          "count",
                                       "price",  "time_in_force", "self_trade_prevention_type"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *j = json_loads(order_text(MARKET, "c", "bid", "1.00", "0.5000", GTC, ""), 0, NULL);
        json_object_del(j, keys[i]);
        char *text = json_dumps(j, 0);
        assert_flat(&f, fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", text), 400,
                    "bad_request");
        assert_non_null(strstr(fix_text(f.body, "details"), keys[i]));
        free(text);
        json_decref(j);
    }
    fix_end(&f);
}

static void words_that_are_none_of_the_enum_are_named(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_flat(&f, place(&f, KEY_A, "c", "buy", "1.00", "0.5000", GTC, ""), 400, "bad_request");
    assert_flat(&f, place(&f, KEY_A, "c", "bid", "1.00", "0.5000", "gtc", ""), 400, "bad_request");
    assert_flat(&f,
                place(&f, KEY_A, "c", "bid", "1.00", "0.5000", GTC,
                      ",\"self_trade_prevention_type\":\"none\""),
                400, "bad_request");
    assert_non_null(strstr(fix_text(f.body, "details"), "self_trade_prevention_type"));
    fix_end(&f);
}

static void a_client_order_id_is_used_up_by_any_order_even_a_canceled_one(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 409,
                "order_already_exists");
    expect_like(&f, "rest_error_order_already_exists_409.json");
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 409,
                "order_already_exists");
    assert_status(&f, place(&f, KEY_B, "c1", "bid", "1.00", "0.5000", GTC, ""), 201);
    fix_end(&f);
}

static void a_refused_order_does_not_use_up_its_client_order_id(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5150", GTC, ""), 400, "invalid_price");
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5100", GTC, ""), 201);
    fix_end(&f);
}

static void a_client_order_id_may_be_used_again_when_finished_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.client_order_id_reuse = RULE_REUSE_FINISHED;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 409,
                "order_already_exists");
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 201);
    assert_code(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.5000", FOK, ""), 409,
                "fill_or_kill_insufficient_resting_volume");
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.4000", GTC, ""), 201);
    fix_end(&f);
}

static void a_fill_or_kill_that_cannot_be_filled_is_409_and_uses_up_its_id(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.5000", "", id);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "2.00", "0.5000", FOK, ""), 409,
                "fill_or_kill_insufficient_resting_volume");
    expect_like(&f, "rest_error_fok_409.json");
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 409,
                "order_already_exists");
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.5000", FOK, ""), 201);
    assert_string_equal(fix_text(f.body, "fill_count"), "1.00");
    fix_end(&f);
}

static void a_fill_or_kill_may_be_created_and_canceled_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.fok_kill = RULE_KILL_CANCEL;
    struct fix f = rest_ruled(rules);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "2.00", "0.5000", FOK, ""), 201);
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    fix_end(&f);
}

static void a_post_only_cross_may_be_created_and_canceled_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.post_only_cross = RULE_KILL_CANCEL;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.5000", "", id);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "2.00", "0.5000", GTC, ",\"post_only\":true"),
                  201);
    assert_string_equal(fix_text(f.body, "fill_count"), "0.00");
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    fix_end(&f);
}

static void creates_answer_200_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.create_200 = true;
    struct fix f = rest_ruled(rules);
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 200);
    fix_end(&f);
}

static void money_on_another_shard_is_user_not_found(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.exchange_index = 2;
    struct fix f = rest_with(c);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ""), 404,
                "user_not_found");
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ",\"exchange_index\":0"),
                404, "market_not_found");
    fix_end(&f);
}

static void an_unknown_market_is_market_not_found(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f,
                fix_request(&f, KEY_A, "POST", "/portfolio/events/orders",
                            order_text("KXNO-1", "c", "bid", "1.00", "0.5000", GTC, "")),
                404, "market_not_found");
    fix_end(&f);
}

static void an_expiry_must_lie_ahead_and_belongs_to_good_till_canceled(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const past[] = {",\"expiration_time\":5", ",\"expiration_time\":0",
                                       ",\"expiration_time\":-9223372036854775808"};
    for (size_t i = 0; i < 3; i++) {
        assert_code(&f, place(&f, KEY_A, "c", "bid", "1.00", "0.5000", GTC, past[i]), 400,
                    "invalid_order");
        assert_string_equal(fix_text(f.body, "error/details"),
                            "Expiration timestamp must be in the future");
    }
    assert_code(
        &f, place(&f, KEY_A, "c", "bid", "1.00", "0.5000", IOC, ",\"expiration_time\":4102444800"),
        400, "invalid_order");
    assert_status(&f,
                  place(&f, KEY_A, "c", "bid", "1.00", "0.5000", GTC,
                        ",\"expiration_time\":9223372036854775807"),
                  201);
    fix_end(&f);
}

static void reduce_only_is_for_immediate_orders_and_caps_at_the_position(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ",\"reduce_only\":true"),
                400, "invalid_order");
    expect_like(&f, "rest_error_reduce_only_gtc_400.json");
    placed(&f, KEY_B, "m1", "ask", "2.00", "0.5000", "", id);
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "2.00", "0.5000", IOC, ""), 201);
    placed(&f, KEY_B, "m2", "bid", "5.00", "0.4000", "", id);
    assert_status(&f, place(&f, KEY_A, "c3", "ask", "5.00", "0.4000", IOC, ",\"reduce_only\":true"),
                  201);
    assert_string_equal(fix_text(f.body, "fill_count"), "2.00");
    fix_end(&f);
}

static void counts_that_no_order_can_have_are_invalid_order_size(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const counts[] = {
        "0", "0.00", "-1", "0.001", "1e3", "", "99999999999999999"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int status = place(&f, KEY_A, "c", "bid", counts[i], "0.5000", GTC, "");
        assert_int_equal(status, 400);
        assert_true(strcmp(fix_text(f.body, "error/code"), "invalid_order_size") == 0 ||
                    strcmp(fix_text(f.body, "code"), "bad_request") == 0);
    }
    assert_status(&f, place(&f, KEY_A, "c", "bid", "0.01", "0.5000", GTC, ""), 201);
    fix_end(&f);
}

static void a_client_order_id_has_at_most_64_characters(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[70];
    memset(id, 'x', sizeof id);
    id[64] = '\0';
    assert_status(&f, place(&f, KEY_A, id, "bid", "1.00", "0.5000", GTC, ""), 201);
    id[64] = 'x';
    id[65] = '\0';
    assert_flat(&f, place(&f, KEY_A, id, "bid", "1.00", "0.5000", GTC, ""), 400, "bad_request");
    fix_end(&f);
}

static void a_market_that_is_closed_refuses_creates_and_cancels(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    rest_act(&f, "{\"do\":\"close\",\"market\":\"" MARKET "\"}");
    assert_code(&f,
                fix_request(&f, KEY_A, "POST", "/portfolio/events/orders",
                            order_text(MARKET, "c2", "bid", "1.00", "0.5000", GTC, "")),
                400, "market_inactive");
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 400, "market_inactive");
    assert_code(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4000", "1.00", "")),
        400, "market_inactive");
    assert_code(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_by\":\"0.50\"}"), 400,
                "market_inactive");
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 204);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/status"), "resting"); /* nothing to cancel */
    fix_end(&f);
}

static void a_user_has_no_more_open_orders_than_the_limit(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    assert_int_equal(c.max_open_orders, 200000);
    c.max_open_orders = 2;
    struct fix f = rest_with(c);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", id);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.4000", "", id);
    assert_code(&f, place(&f, KEY_A, "c3", "bid", "1.00", "0.4000", GTC, ""), 400,
                "too_many_open_orders");
    assert_status(&f, place(&f, KEY_B, "c3", "bid", "1.00", "0.4000", GTC, ""), 201);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    assert_status(&f, place(&f, KEY_A, "c4", "bid", "1.00", "0.4000", GTC, ""), 201);
    fix_end(&f);
}

/* --- cancel --- */

static void a_cancel_tells_what_was_left(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.5000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    assert_shape(f.body, "client_order_id:s order_id:u reduced_by:q ts_ms:i");
    expect_keys(f.body, "rest_cancel_order_response.json", "", "");
    assert_string_equal(fix_text(f.body, "reduced_by"), "2.00");
    fix_end(&f);
}

static void a_cancel_does_not_name_the_client_order_id_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.cancel_client_order_id = false;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.5000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    assert_shape(f.body, "order_id:u reduced_by:q ts_ms:i");
    fix_end(&f);
}

static void canceled_executed_unknown_and_foreign_orders_are_the_same_404(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char canceled[64];
    char executed[64];
    char foreign[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", canceled);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, canceled, NULL), 200);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.5000", "", executed);
    placed(&f, KEY_B, "c3", "ask", "2.00", "0.5000", "", foreign);
    const char *const ids[] = {canceled, executed, foreign, UUID_0};
    for (size_t i = 0; i < 4; i++) {
        assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, ids[i], NULL), 404, "not_found");
        expect_like(&f, "rest_error_not_found_404.json");
    }
    fix_end(&f);
}

static void an_id_that_is_no_uuid_is_invalid_uuid(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, "42", NULL), 400, "invalid_UUID");
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", "42", NULL), 400,
                "invalid_UUID");
    fix_end(&f);
}

static void a_cancel_reaches_a_shard_by_its_index_or_by_the_ticker_only(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.exchange_index = 3;
    struct fix f = rest_with(c);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/intra_exchange_instance_transfer",
                              "{\"source\":\"event_contract\",\"destination\":\"event_contract\","
                              "\"amount\":1000000,\"destination_exchange_shard\":3}"),
                  200);
    char ids[3][64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", ids[0]);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.4000", ",\"exchange_index\":3", ids[1]);
    placed(&f, KEY_A, "c3", "bid", "1.00", "0.4000", ",\"exchange_index\":-1", ids[2]);
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, ids[0], NULL), 404, "not_found");
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", ids[0], NULL), 404,
                "not_found");
    assert_status(
        &f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s?market_ticker=" MARKET, ids[0], NULL),
        200);
    assert_int_equal(json_integer_value(fix_get(f.body, "order/exchange_index")), 3);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL "?exchange_index=3", ids[0], NULL), 200);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL "?market_ticker=" MARKET, ids[1], NULL),
                  200);
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL "?exchange_index=-1", ids[2], NULL), 400,
                "invalid_parameters");
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL "?market_ticker=NO", ids[2], NULL), 404,
                "market_not_found");
    fix_end(&f);
}

static void cancel_all_answers_204_without_a_body(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", id);
    placed(&f, KEY_A, "c2", "ask", "1.00", "0.6000", "", id);
    placed(&f, KEY_B, "c3", "bid", "1.00", "0.4000", "", id);
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 204);
    assert_int_equal(f.resp.body.n, 0);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    assert_status(&f, rest_get(&f, KEY_B, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    fix_end(&f);
}

static void a_cancel_all_reaches_orders_placed_just_after_it_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.cancel_all_lingers_ms = 60000;
    struct fix f = rest_ruled(rules);
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 204);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.4000", GTC, ""), 201);
    assert_string_equal(fix_text(f.body, "remaining_count"), "1.00"); /* not told */
    assert_status(&f, place(&f, KEY_B, "c1", "bid", "1.00", "0.4000", GTC, ""), 201);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=canceled"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    assert_status(&f, rest_get(&f, KEY_B, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    fix_advance(&f, 60 * NS_PER_SEC);
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.4000", GTC, ""), 201);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    fix_end(&f);
}

/* --- amend --- */

static void a_price_only_amend_answers_without_counts_and_keeps_the_id(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "5.00", "0.4000", "", id);
    assert_status(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4100", "5.00", "")),
        200);
    assert_shape(f.body, "client_order_id:s order_id:u ts_ms:i");
    expect_keys(f.body, "rest_amend_response_price_only.json", "", "");
    assert_string_equal(fix_text(f.body, "order_id"), id);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/yes_price_dollars"), "0.4100");
    fix_end(&f);
}

static void a_size_cut_answers_with_both_counts(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "5.00", "0.4000", "", id);
    assert_status(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4000", "1.00", "")),
        200);
    assert_shape(f.body, "client_order_id:s fill_count:q order_id:u remaining_count:q ts_ms:i");
    expect_keys(f.body, "rest_amend_response_size_down.json", "", "");
    assert_string_equal(fix_text(f.body, "remaining_count"), "1.00");
    assert_string_equal(fix_text(f.body, "fill_count"), "0.00");
    fix_end(&f);
}

static void an_amend_that_crosses_tells_the_fills_it_made(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char other[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    placed(&f, KEY_B, "m1", "ask", "1.00", "0.4000", "", other); /* one fill before */
    placed(&f, KEY_B, "m2", "ask", "2.00", "0.5200", "", other);
    assert_status(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.5200", "4.00", "")),
        200);
    assert_shape(f.body, "average_fee_paid:p average_fill_price:p client_order_id:s fill_count:q "
                         "order_id:u remaining_count:q ts_ms:i");
    expect_keys(f.body, "rest_amend_response_crossed.json", "", "");
    assert_string_equal(fix_text(f.body, "fill_count"), "2.00");
    assert_string_equal(fix_text(f.body, "remaining_count"), "1.00");
    assert_string_equal(fix_text(f.body, "average_fill_price"), "0.5200");
    fix_end(&f);
}

static void a_total_equal_to_what_is_filled_cancels_and_a_smaller_one_is_refused(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char other[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    placed(&f, KEY_B, "m1", "ask", "2.00", "0.4000", "", other);
    assert_code(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4000", "1.00", "")),
        400, "invalid_order_size");
    assert_status(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4000", "2.00", "")),
        200);
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    assert_code(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4000", "3.00", "")),
        404, "not_found");
    fix_end(&f);
}

static void an_amend_that_describes_another_order_is_refused(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    static const struct {
        const char *ticker, *side, *more, *code;
    } rows[] = {
        {OTHER, "bid", "", "order_ticker_mismatch"},
        {MARKET, "ask", "", "order_side_mismatch"},
        {MARKET, "bid", ",\"client_order_id\":\"c2\"", "order_id_and_client_order_id_mismatch"},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_code(
            &f,
            rest_at(&f, KEY_A, "POST", AMEND, id,
                    amend_text(rows[i].ticker, rows[i].side, "0.4100", "4.00", rows[i].more)),
            400, rows[i].code);
    }
    fix_end(&f);
}

static void an_amend_may_give_a_new_client_order_id_that_is_not_used(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c0", "bid", "1.00", "0.3000", "", id);
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    assert_code(
        &f,
        rest_at(&f, KEY_A, "POST", AMEND, id,
                amend_text(MARKET, "bid", "0.4100", "4.00", ",\"updated_client_order_id\":\"c0\"")),
        409, "order_already_exists");
    assert_status(&f,
                  rest_at(&f, KEY_A, "POST", AMEND, id,
                          amend_text(MARKET, "bid", "0.4100", "4.00",
                                     ",\"client_order_id\":\"c1\","
                                     "\"updated_client_order_id\":\"c2\"")),
                  200);
    assert_string_equal(fix_text(f.body, "client_order_id"), "c2");
    assert_code(&f, place(&f, KEY_A, "c2", "bid", "1.00", "0.2000", GTC, ""), 409,
                "order_already_exists");
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.2000", GTC, ""), 409,
                "order_already_exists"); /* the old one stays used up */
    fix_end(&f);
}

static void an_amend_keeps_changes_or_removes_the_expiry(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char more[80];
    long long now = (long long)(f.wall / NS_PER_SEC);
    snprintf(more, sizeof more, ",\"expiration_time\":%lld", now + 5000);
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", more, id);
    struct {
        char more[80];
        int status;
        bool there;
    } rows[] = {{"", 200, true},
                {",\"expiration_time\":5", 400, true},
                {"", 200, true},
                {",\"expiration_time\":0", 200, false}};
    snprintf(rows[2].more, sizeof rows[2].more, ",\"expiration_time\":%lld", now + 9000);
    for (size_t i = 0; i < 4; i++) {
        assert_status(&f,
                      rest_at(&f, KEY_A, "POST", AMEND, id,
                              amend_text(MARKET, "bid", "0.4000", "4.00", rows[i].more)),
                      rows[i].status);
        assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
        assert_int_equal(fix_get(f.body, "order/expiration_time") != NULL, rows[i].there);
    }
    fix_end(&f);
}

/* --- decrease --- */

static void a_decrease_is_by_or_to_but_not_both(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_by\":\"1.00\"}"), 200);
    assert_shape(f.body, "client_order_id:s order_id:u remaining_count:q ts_ms:i");
    expect_keys(f.body, "rest_decrease_response.json", "", "");
    assert_string_equal(fix_text(f.body, "remaining_count"), "3.00");
    assert_status(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_to\":\"2.00\"}"), 200);
    assert_string_equal(fix_text(f.body, "remaining_count"), "2.00");
    assert_flat(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{}"), 400, "bad_request");
    assert_flat(
        &f,
        rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_by\":\"1.00\",\"reduce_to\":\"1.00\"}"),
        400, "bad_request");
    assert_code(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_to\":\"2.00\"}"), 400,
                "invalid_order_size"); /* not lower */
    assert_code(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_by\":\"x\"}"), 400,
                "invalid_order_size");
    fix_end(&f);
}

static void a_decrease_to_nothing_cancels(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_to\":\"0\"}"), 200);
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=canceled"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), id);
    assert_code(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_to\":\"0\"}"), 404,
                "not_found");
    fix_end(&f);
}

/* --- pauses, v1, other --- */

static void a_trading_pause_lets_cancels_through_only(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char flagged[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    placed(&f, KEY_A, "c2", "bid", "4.00", "0.4000", ",\"cancel_order_on_pause\":true", flagged);
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"trading\"}");
    assert_code(&f, place(&f, KEY_A, "c3", "bid", "1.00", "0.4000", GTC, ""), 503,
                "trading_paused");
    assert_code(
        &f, rest_at(&f, KEY_A, "POST", AMEND, id, amend_text(MARKET, "bid", "0.4100", "4.00", "")),
        503, "trading_paused");
    assert_code(
        &f, fix_request(&f, KEY_A, "POST", "/portfolio/events/orders/batched", "{\"orders\":[]}"),
        503, "trading_paused");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=canceled"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), flagged);
    assert_status(&f, rest_at(&f, KEY_A, "POST", DECREASE, id, "{\"reduce_by\":\"1.00\"}"), 200);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    rest_act(&f, "{\"do\":\"resume\"}");
    assert_status(&f, place(&f, KEY_A, "c3", "bid", "1.00", "0.4000", GTC, ""), 201);
    fix_end(&f);
}

static void an_exchange_pause_stops_every_write(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.4000", "", id);
    rest_act(&f, "{\"do\":\"pause\",\"kind\":\"exchange\"}");
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 503, "exchange_paused");
    assert_code(&f, fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 503,
                "exchange_paused");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    rest_act(&f, "{\"do\":\"resume\"}");
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", CANCEL, id, NULL), 200);
    fix_end(&f);
}

static void the_mutations_of_v1_are_gone(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const rows[][2] = {
        {"POST", "/portfolio/orders"},         {"POST", "/portfolio/orders/batched"},
        {"DELETE", "/portfolio/orders/x"},     {"DELETE", "/portfolio/orders/batched"},
        {"POST", "/portfolio/orders/x/amend"}, {"POST", "/portfolio/orders/x/decrease"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(fix_request(&f, KEY_A, rows[i][0], rows[i][1], "{}"), 410);
        expect_like(&f, "rest_error_v1_gone_410.json");
    }
    fix_end(&f);
}

static void bodies_need_their_content_type_and_must_be_objects(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char path[] = "/portfolio/events/orders";
    assert_flat(&f, fix_request(&f, KEY_A, "POST", path, ""), 400, "invalid_content_type");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", path, "[]"), 400, "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", path, "{\"a\":"), 400, "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", path, "{}"), 400, "bad_request");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resting_order_answers_with_its_ids_and_counts),
        cmocka_unit_test(a_filled_order_answers_with_averages_per_contract),
        cmocka_unit_test(the_average_of_an_ask_is_told_by_the_price_of_yes),
        cmocka_unit_test(an_immediate_order_without_liquidity_is_created_with_nothing_left),
        cmocka_unit_test(an_own_order_in_the_way_gives_201_and_zeros),
        cmocka_unit_test(every_field_of_a_create_is_read_back),
        cmocka_unit_test(a_price_off_the_grid_is_invalid_price),
        cmocka_unit_test(an_order_beyond_the_money_is_insufficient_balance),
        cmocka_unit_test(what_rests_counts_against_the_money),
        cmocka_unit_test(a_post_only_order_that_crosses_is_refused_from_both_sides),
        cmocka_unit_test(numbers_instead_of_strings_do_not_decode),
        cmocka_unit_test(each_required_field_that_is_missing_is_named),
        cmocka_unit_test(words_that_are_none_of_the_enum_are_named),
        cmocka_unit_test(a_client_order_id_is_used_up_by_any_order_even_a_canceled_one),
        cmocka_unit_test(a_refused_order_does_not_use_up_its_client_order_id),
        cmocka_unit_test(a_client_order_id_may_be_used_again_when_finished_if_so_ruled),
        cmocka_unit_test(a_fill_or_kill_that_cannot_be_filled_is_409_and_uses_up_its_id),
        cmocka_unit_test(a_fill_or_kill_may_be_created_and_canceled_if_so_ruled),
        cmocka_unit_test(a_post_only_cross_may_be_created_and_canceled_if_so_ruled),
        cmocka_unit_test(creates_answer_200_if_so_ruled),
        cmocka_unit_test(money_on_another_shard_is_user_not_found),
        cmocka_unit_test(an_unknown_market_is_market_not_found),
        cmocka_unit_test(an_expiry_must_lie_ahead_and_belongs_to_good_till_canceled),
        cmocka_unit_test(reduce_only_is_for_immediate_orders_and_caps_at_the_position),
        cmocka_unit_test(counts_that_no_order_can_have_are_invalid_order_size),
        cmocka_unit_test(a_client_order_id_has_at_most_64_characters),
        cmocka_unit_test(a_market_that_is_closed_refuses_creates_and_cancels),
        cmocka_unit_test(a_user_has_no_more_open_orders_than_the_limit),
        cmocka_unit_test(a_cancel_tells_what_was_left),
        cmocka_unit_test(a_cancel_does_not_name_the_client_order_id_if_so_ruled),
        cmocka_unit_test(canceled_executed_unknown_and_foreign_orders_are_the_same_404),
        cmocka_unit_test(an_id_that_is_no_uuid_is_invalid_uuid),
        cmocka_unit_test(a_cancel_reaches_a_shard_by_its_index_or_by_the_ticker_only),
        cmocka_unit_test(cancel_all_answers_204_without_a_body),
        cmocka_unit_test(a_cancel_all_reaches_orders_placed_just_after_it_if_so_ruled),
        cmocka_unit_test(a_price_only_amend_answers_without_counts_and_keeps_the_id),
        cmocka_unit_test(a_size_cut_answers_with_both_counts),
        cmocka_unit_test(an_amend_that_crosses_tells_the_fills_it_made),
        cmocka_unit_test(a_total_equal_to_what_is_filled_cancels_and_a_smaller_one_is_refused),
        cmocka_unit_test(an_amend_that_describes_another_order_is_refused),
        cmocka_unit_test(an_amend_may_give_a_new_client_order_id_that_is_not_used),
        cmocka_unit_test(an_amend_keeps_changes_or_removes_the_expiry),
        cmocka_unit_test(a_decrease_is_by_or_to_but_not_both),
        cmocka_unit_test(a_decrease_to_nothing_cancels),
        cmocka_unit_test(a_trading_pause_lets_cancels_through_only),
        cmocka_unit_test(an_exchange_pause_stops_every_write),
        cmocka_unit_test(the_mutations_of_v1_are_gone),
        cmocka_unit_test(bodies_need_their_content_type_and_must_be_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
