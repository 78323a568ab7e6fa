#include "rest_fixture.h"

static size_t count_of(struct fix *f, const char *key, const char *path)
{
    assert_status(f, rest_get(f, key, path), 200);
    return json_array_size(json_object_get(f->body, "orders"));
}

static void place_in(struct fix *f, const char *ticker, const char *client)
{
    fix_advance(f, NS_PER_SEC);
    assert_status(f,
                  fix_request(f, KEY_A, "POST", "/portfolio/events/orders",
                              order_text(ticker, client, "bid", "1.00", "0.1000", GTC, "")),
                  201);
}

static void orders_are_listed_newest_first_with_every_field(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.5000", "", id);
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.4000", "", id);
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders"), 2);
    assert_shape(f.body, "cursor:s orders:a");
    assert_shape(fix_get(f.body, "orders/0"), ORDER_SHAPE);
    expect_keys(fix_get(f.body, "orders/1"), "rest_get_orders.json", "orders/0", "");
    assert_string_equal(fix_text(f.body, "cursor"), "");
    assert_string_equal(fix_text(f.body, "orders/0/client_order_id"), "c2");
    assert_string_equal(fix_text(f.body, "orders/1/status"), "executed");
    assert_string_equal(fix_text(f.body, "orders/1/taker_fill_cost_dollars"), "0.500000");
    assert_string_equal(fix_text(f.body, "orders/1/taker_fees_dollars"), "0.017500");
    fix_end(&f);
}

static void each_filter_of_orders_filters(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char path[256];
    long long t0 = (long long)(f.wall / NS_PER_SEC);
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", id); /* at t0 + 1 */
    place_in(&f, OTHER, "c2");
    place_in(&f, ALIEN, "c3"); /* at t0 + 3 */
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    static const struct {
        const char *query;
        size_t n;
    } rows[] = {
        {"?ticker=" OTHER, 1},
        {"?ticker=" MARKET "," ALIEN, 2},
        {"?event_ticker=" EVENT, 2},
        {"?event_ticker=" EVENT ",KXU-26DEC31", 3},
        {"?event_ticker=NONE", 0},
        {"?status=resting", 2},
        {"?status=canceled", 1},
        {"?status=executed", 0},
        {"?subaccount=0", 3},
        {"?subaccount=1", 0},
        {"?exchange_index=0", 3},
        {"?exchange_index=1", 0},
        {"?ticker=" MARKET "&status=resting", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "/portfolio/orders%s", rows[i].query);
        if (count_of(&f, KEY_A, path) != rows[i].n) {
            fail_msg("%s: %s", rows[i].query, f.resp.body.p);
        }
    }
    snprintf(path, sizeof path, "/portfolio/orders?min_ts=%lld", t0 + 2);
    assert_int_equal(count_of(&f, KEY_A, path), 2);
    snprintf(path, sizeof path, "/portfolio/orders?max_ts=%lld", t0 + 2);
    assert_int_equal(count_of(&f, KEY_A, path), 2);
    snprintf(path, sizeof path, "/portfolio/orders?min_ts=%lld&max_ts=%lld", t0 + 2, t0 + 2);
    assert_int_equal(count_of(&f, KEY_A, path), 1);
    fix_end(&f);
}

static void query_values_that_cannot_be_have_the_msg_shape(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const queries[] = {
        "limit=1001",        "limit=-1",
        "limit=x",           "min_ts=x",
        "status=nope",       "subaccount=64",
        "subaccount",        "subaccount=-1",
        "exchange_index=-2", "event_ticker=a,b,c,d,e,f,g,h,i,j,k"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "/portfolio/orders?%s", queries[i]);
        int status = rest_get(&f, KEY_A, path);
        if (strcmp(queries[i], "subaccount") == 0) { /* no value: not a parameter */
            assert_int_equal(status, 200);
            continue;
        }
        assert_status(&f, status, 400);
        assert_non_null(
            strstr(fix_text(f.body, "msg"), "Parameter validation failed for GetOrders"));
    }
    fix_end(&f);
}

static void pages_do_not_shift_when_orders_are_added(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char client[16];
    char path[128] = "/portfolio/orders?limit=3";
    for (int i = 0; i < 8; i++) {
        snprintf(client, sizeof client, "c%d", i);
        assert_status(&f, place(&f, KEY_A, client, "bid", "1.00", "0.0100", GTC, ""), 201);
    }
    int want = 7;
    for (int page = 0; page < 3; page++) {
        assert_status(&f, rest_get(&f, KEY_A, path), 200);
        json_t *page_body = json_incref(f.body);
        for (size_t i = 0; i < json_array_size(fix_get(page_body, "orders")); i++) {
            snprintf(client, sizeof client, "c%d", want--);
            assert_string_equal(
                fix_text(json_array_get(fix_get(page_body, "orders"), i), "client_order_id"),
                client);
        }
        snprintf(path, sizeof path, "/portfolio/orders?limit=3&cursor=%s",
                 fix_text(page_body, "cursor"));
        json_decref(page_body);
        snprintf(client, sizeof client, "new%d", page);
        assert_status(&f, place(&f, KEY_A, client, "bid", "1.00", "0.0100", GTC, ""), 201);
    }
    assert_int_equal(want, -1);
    assert_string_equal(strrchr(path, '='), "="); /* the last page's cursor */
    fix_end(&f);
}

static void a_made_up_cursor_gives_the_first_page(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.0100", "", id);
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders?cursor=made-up"), 1);
    fix_end(&f);
}

static void the_last_cursor_is_null_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.last_cursor_null = true;
    struct fix f = rest_ruled(rules);
    char id[64];
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_true(json_is_null(fix_get(f.body, "cursor")));
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.0100", "", id);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.0100", "", id);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?limit=1"), 200);
    assert_true(json_is_string(fix_get(f.body, "cursor")));
    fix_end(&f);
}

static void deprecated_fields_are_left_out_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.deprecated_fields = false;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", id);
    placed(&f, KEY_B, "c2", "ask", "1.00", "0.5000", "", id);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_null(fix_get(f.body, "orders/0/side"));
    assert_null(fix_get(f.body, "orders/0/action"));
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/fills"), 200);
    assert_non_null(fix_get(f.body, "fills/0/outcome_side"));
    assert_null(fix_get(f.body, "fills/0/side"));
    assert_null(fix_get(f.body, "fills/0/action"));
    fix_end(&f);
}

static void answers_hold_unknown_keys_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.extra_keys = true;
    struct fix f = rest_ruled(rules);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_int_equal(json_object_size(f.body), 3);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/order_groups"), 200); /* {} otherwise */
    assert_int_equal(json_object_size(f.body), 1);
    fix_end(&f);
}

static void errors_name_the_service_if_so_ruled_but_not_those_of_the_key(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.error_service = true;
    struct fix f = rest_ruled(rules);
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", UUID_0, NULL), 404,
                "not_found");
    assert_string_equal(fix_text(f.body, "error/service"), "exchange");
    assert_int_equal(rest_get(&f, NULL, "/portfolio/orders"), 401);
    assert_null(fix_get(f.body, "error/service"));
    fix_end(&f);
}

/* --- one order --- */

static void a_read_after_a_cancel_lags_for_400_ms_and_lists_do_not(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.4000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    fix_advance(&f, 360 * NS_PER_MS);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/status"), "resting");
    assert_string_equal(fix_text(f.body, "order/remaining_count_fp"), "2.00");
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders?status=canceled"), 1);
    fix_advance(&f, 40 * NS_PER_MS);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/status"), "canceled");
    assert_string_equal(fix_text(f.body, "order/remaining_count_fp"), "0.00");
    fix_end(&f);
}

static void reads_are_exact_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.stale_read_ms = 0;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.4000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/status"), "canceled");
    fix_end(&f);
}

static void the_orders_of_others_are_not_found(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "c1", "bid", "2.00", "0.4000", "", id);
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 404, "not_found");
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s/queue_position", id, NULL), 404,
                "not_found");
    fix_end(&f);
}

static void finished_orders_move_to_history_after_two_weeks(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char open[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.4000", "", id);
    placed(&f, KEY_A, "c2", "bid", "2.00", "0.4000", "", open);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    assert_int_equal(count_of(&f, KEY_A, "/historical/orders"), 0);
    fix_advance(&f, (mono_ns_t)15 * 86400 * NS_PER_SEC);
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders"), 1);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), open);
    assert_int_equal(count_of(&f, KEY_A, "/historical/orders?ticker=" MARKET), 1);
    assert_shape(fix_get(f.body, "orders/0"), ORDER_SHAPE);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), id);
    assert_int_equal(count_of(&f, KEY_A, "/historical/orders?max_ts=1"), 0);
    assert_int_equal(count_of(&f, KEY_B, "/historical/orders"), 0);
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 404, "not_found");
    fix_end(&f);
}

static void how_long_finished_orders_are_current_can_be_set(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.order_window_ns = 60 * NS_PER_SEC;
    struct fix f = rest_with(c);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.4000", "", id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 200);
    fix_advance(&f, 59 * NS_PER_SEC);
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders"), 1);
    assert_int_equal(count_of(&f, KEY_A, "/historical/orders"), 0);
    fix_advance(&f, 2 * NS_PER_SEC);
    assert_int_equal(count_of(&f, KEY_A, "/portfolio/orders"), 0);
    assert_int_equal(count_of(&f, KEY_A, "/historical/orders"), 1);
    assert_status(&f, rest_get(&f, KEY_A, "/historical/cutoff"), 200);
    char cutoff[TIME_TEXT_MAX];
    (void)time_format(f.wall - 60 * NS_PER_SEC, cutoff);
    assert_string_equal(fix_text(f.body, "orders_updated_ts"), cutoff);
    fix_end(&f);
}

/* --- queue positions --- */

static void a_queue_position_is_the_contracts_ahead(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char first[64];
    char second[64];
    placed(&f, KEY_B, "m", "bid", "12.00", "0.4000", "", first);
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", second);
    assert_status(
        &f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s/queue_position", second, NULL), 200);
    assert_shape(f.body, "queue_position_fp:q");
    assert_string_equal(fix_text(f.body, "queue_position_fp"), "12.00");
    assert_status(
        &f, rest_get(&f, KEY_A, "/portfolio/orders/queue_positions?market_tickers=" MARKET), 200);
    assert_shape(f.body, "queue_positions:a");
    assert_shape(fix_get(f.body, "queue_positions/0"),
                 "market_ticker:s order_id:u queue_position_fp:q");
    expect_keys(fix_get(f.body, "queue_positions/0"), "rest_queue_positions.json",
                "queue_positions/0", "");
    assert_string_equal(fix_text(f.body, "queue_positions/0/queue_position_fp"), "12.00");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders/queue_positions?event_ticker=" EVENT),
                  200);
    assert_int_equal(json_array_size(fix_get(f.body, "queue_positions")), 1);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", second, NULL),
                  200);
    assert_code(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s/queue_position", second, NULL),
                404, "not_found");
    fix_end(&f);
}

static void queue_positions_need_markets_or_an_event(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, rest_get(&f, KEY_A, "/portfolio/orders/queue_positions"), 400,
                "invalid_parameters");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_listed_newest_first_with_every_field),
        cmocka_unit_test(each_filter_of_orders_filters),
        cmocka_unit_test(query_values_that_cannot_be_have_the_msg_shape),
        cmocka_unit_test(pages_do_not_shift_when_orders_are_added),
        cmocka_unit_test(a_made_up_cursor_gives_the_first_page),
        cmocka_unit_test(the_last_cursor_is_null_if_so_ruled),
        cmocka_unit_test(deprecated_fields_are_left_out_if_so_ruled),
        cmocka_unit_test(answers_hold_unknown_keys_if_so_ruled),
        cmocka_unit_test(errors_name_the_service_if_so_ruled_but_not_those_of_the_key),
        cmocka_unit_test(a_read_after_a_cancel_lags_for_400_ms_and_lists_do_not),
        cmocka_unit_test(reads_are_exact_if_so_ruled),
        cmocka_unit_test(the_orders_of_others_are_not_found),
        cmocka_unit_test(finished_orders_move_to_history_after_two_weeks),
        cmocka_unit_test(how_long_finished_orders_are_current_can_be_set),
        cmocka_unit_test(a_queue_position_is_the_contracts_ahead),
        cmocka_unit_test(queue_positions_need_markets_or_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
