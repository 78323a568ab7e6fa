#include "rest_fixture.h"

/* --- who asks (sheet 3.2, 3.3) --- */

static int at(struct fix *f, int64_t skew_ms)
{
    return fix_request_skewed(f, KEY_A, "GET", "/portfolio/balance", NULL, skew_ms);
}

static void a_timestamp_may_be_20_s_behind_and_45_s_ahead(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const struct {
        int64_t skew;
        int status;
    } rows[] = {{-20000, 200}, {-20001, 401}, {-30000, 401}, {-300000, 401}, {45000, 200},
                {45001, 401},  {60000, 401},  {30000, 200},  {-10000, 200},  {300000, 401}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(at(&f, rows[i].skew), rows[i].status);
        if (rows[i].status == 401) {
            expect_like(&f, "rest_error_auth_timestamp_expired.json");
        }
    }
    fix_end(&f);
}

static void the_window_of_timestamps_is_as_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.clock_behind_ms = 1000;
    rules.clock_ahead_ms = 0;
    struct fix f = rest_ruled(rules);
    assert_int_equal(at(&f, -1000), 200);
    assert_int_equal(at(&f, -1001), 401);
    assert_int_equal(at(&f, 1), 401);
    fix_end(&f);
}

static void an_unknown_key_is_not_found_or_as_ruled_an_invalid_parameter(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_int_equal(fix_request(&f, "nobody", "GET", "/portfolio/balance", NULL), 401);
    expect_like(&f, "rest_error_auth_unknown_key.json");
    fix_end(&f);
    struct sim_rules rules = sim_rules_default();
    rules.unknown_key_invalid = true;
    f = rest_ruled(rules);
    assert_int_equal(fix_request(&f, "nobody", "GET", "/portfolio/balance", NULL), 401);
    assert_string_equal(fix_text(f.body, "error/code"), "authentication_error");
    assert_string_equal(fix_text(f.body, "error/details"), "INVALID_PARAMETER");
    fix_end(&f);
}

/* Send with these headers; the signature covers what it says. */
static int with(struct fix *f, const char *key, const char *ts, const char *signature)
{
    struct sim_http_req req = {.method = TEXT("GET"),
                               .path = TEXT("/trade-api/v2/portfolio/balance"),
                               .auth = {text_of(key), text_of(ts), text_of(signature)}};
    sim_http(f->sim, &req, f->wall, f->now, &f->resp);
    json_decref(f->body);
    f->body = json_loadb(f->resp.body.p, f->resp.body.n, 0, NULL);
    return f->resp.status;
}

static void headers_that_are_missing_or_wrong_are_401(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char ts[32];
    char good[128];
    snprintf(ts, sizeof ts, "%lld", (long long)(f.wall / NS_PER_MS));
    snprintf(good, sizeof good, "%sGET/trade-api/v2/portfolio/balance", ts);
    assert_int_equal(with(&f, KEY_A, ts, good), 200);
    assert_int_equal(with(&f, KEY_A, ts, ""), 401);
    expect_like(&f, "rest_error_auth_missing_signature.json");
    assert_int_equal(with(&f, KEY_A, ts, "bm8="), 401);
    expect_like(&f, "rest_error_auth_bad_signature.json");
    static const char *const times[] = {"x", "-1", "99999999999999999999", "1 "};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(with(&f, KEY_A, times[i], good), 401);
        expect_like(&f, "rest_error_auth_timestamp_expired.json");
    }
    fix_end(&f);
}

static void the_query_is_not_signed_but_the_method_is(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?limit=5"), 200);
    char ts[32];
    char sign[128];
    snprintf(ts, sizeof ts, "%lld", (long long)(f.wall / NS_PER_MS));
    snprintf(sign, sizeof sign, "%sPOST/trade-api/v2/portfolio/balance", ts);
    assert_int_equal(with(&f, KEY_A, ts, sign), 401);
    fix_end(&f);
}

/* --- routes --- */

static void routes_that_do_not_exist_are_404_in_plain_text(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const rows[][2] = {
        {"GET", "/portfolio/events/orders"},   {"GET", "/portfolio/nothing"},
        {"GET", "/portfolio/orders/"},         {"GET", "/portfolio/orders/x/y"},
        {"POST", "/portfolio/balance"},        {"PUT", "/portfolio/orders"},
        {"DELETE", "/portfolio/order_groups"}, {"PATCH", "/portfolio/events/orders"},
        {"GET", "/exchange/announcements"}, /* removed in July 2026 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (fix_request(&f, KEY_A, rows[i][0], rows[i][1], NULL) != 404 || f.body != NULL) {
            fail_msg("%s %s: %s", rows[i][0], rows[i][1], f.resp.body.p);
        }
        assert_string_equal(f.resp.content_type, "text/plain; charset=utf-8");
    }
    fix_end(&f);
}

static void every_signed_route_refuses_a_request_without_key(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const rows[][2] = {
        {"POST", "/portfolio/events/orders"},
        {"DELETE", "/portfolio/events/orders"},
        {"POST", "/portfolio/events/orders/batched"},
        {"DELETE", "/portfolio/events/orders/batched"},
        {"DELETE", "/portfolio/events/orders/x"},
        {"POST", "/portfolio/events/orders/x/amend"},
        {"POST", "/portfolio/events/orders/x/decrease"},
        {"GET", "/portfolio/orders"},
        {"GET", "/portfolio/orders/queue_positions"},
        {"GET", "/portfolio/orders/x"},
        {"GET", "/portfolio/orders/x/queue_position"},
        {"GET", "/historical/orders"},
        {"GET", "/historical/fills"},
        {"GET", "/historical/positions"},
        {"GET", "/portfolio/order_groups"},
        {"POST", "/portfolio/order_groups/create"},
        {"GET", "/portfolio/order_groups/x"},
        {"DELETE", "/portfolio/order_groups/x"},
        {"PUT", "/portfolio/order_groups/x/reset"},
        {"PUT", "/portfolio/order_groups/x/trigger"},
        {"PUT", "/portfolio/order_groups/x/limit"},
        {"GET", "/portfolio/balance"},
        {"GET", "/portfolio/positions"},
        {"GET", "/portfolio/fills"},
        {"GET", "/portfolio/settlements"},
        {"GET", "/portfolio/deposits"},
        {"GET", "/portfolio/withdrawals"},
        {"GET", "/portfolio/summary/total_resting_order_value"},
        {"POST", "/portfolio/subaccounts"},
        {"GET", "/portfolio/subaccounts/balances"},
        {"GET", "/portfolio/subaccounts/netting"},
        {"PUT", "/portfolio/subaccounts/netting"},
        {"POST", "/portfolio/subaccounts/transfer"},
        {"GET", "/portfolio/subaccounts/transfers"},
        {"POST", "/portfolio/intra_exchange_instance_transfer"},
        {"GET", "/portfolio/intra_exchange_instance_transfers"},
        {"GET", "/portfolio/intra_exchange_instance_transfers/x"},
        {"GET", "/portfolio/target_balance_allocation"},
        {"POST", "/portfolio/target_balance_allocation"},
        {"GET", "/account/limits"},
        {"POST", "/account/api_usage_level/upgrade"},
        {"GET", "/account/api_usage_level/volume_progress"},
        {"GET", "/api_keys"},
        {"POST", "/api_keys"},
        {"POST", "/api_keys/generate"},
        {"DELETE", "/api_keys/x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (fix_request(&f, NULL, rows[i][0], rows[i][1], "{}") != 401) {
            fail_msg("%s %s", rows[i][0], rows[i][1]);
        }
        expect_like(&f, "rest_error_auth_missing_signature.json");
    }
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timestamp_may_be_20_s_behind_and_45_s_ahead),
        cmocka_unit_test(the_window_of_timestamps_is_as_ruled),
        cmocka_unit_test(an_unknown_key_is_not_found_or_as_ruled_an_invalid_parameter),
        cmocka_unit_test(headers_that_are_missing_or_wrong_are_401),
        cmocka_unit_test(the_query_is_not_signed_but_the_method_is),
        cmocka_unit_test(routes_that_do_not_exist_are_404_in_plain_text),
        cmocka_unit_test(every_signed_route_refuses_a_request_without_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
