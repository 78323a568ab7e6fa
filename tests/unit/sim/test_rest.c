#include "sim_fixture.h"

/* Every error body that was captured or documented, compared with the shared file (but "service",
 * which is gone since 2026-08-06). */
static void expect_like(struct fix *f, const char *file)
{
    char path[512];
    char name[128];
    snprintf(name, sizeof name, "reference/messages/%s", file);
    if (!shared_path(name, path, sizeof path)) {
        return;
    }
    json_t *want = json_load_file(path, 0, NULL);
    assert_non_null(want);
    json_object_del(json_object_get(want, "error"), "service");
    if (!json_equal(want, f->body)) {
        fail_msg("%s: got %s", file, f->resp.body.p);
    }
    json_decref(want);
}

static const char *order_body(const struct fix *f, const char *client, const char *side,
                              const char *count, const char *price, const char *tif,
                              const char *more)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"ticker\":\"%s\",\"client_order_id\":\"%s\",\"side\":\"%s\",\"count\":\"%s\","
             "\"price\":\"%s\",\"time_in_force\":\"%s\",\"self_trade_prevention_type\":"
             "\"taker_at_cross\"%s}",
             sim_market(f->sim, 0), client, side, count, price, tif, more);
    return text;
}

static int order(struct fix *f, const char *client, const char *side, const char *count,
                 const char *price, const char *tif, const char *more)
{
    f->now += NS_PER_SEC; /* the bucket is not the point here */
    f->wall += NS_PER_SEC;
    return fix_request(f, KEY_A, "POST", "/portfolio/events/orders",
                       order_body(f, client, side, count, price, tif, more));
}

#define GTC "good_till_canceled"
#define IOC "immediate_or_cancel"
#define FOK "fill_or_kill"

static void signatures_and_clocks_are_checked(void **state)
{
    (void)state;
    struct fix f = fix_still();
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1000.0000");
    assert_int_equal(json_integer_value(fix_get(f.body, "balance")), 100000);
    assert_int_equal(fix_request(&f, NULL, "GET", "/portfolio/balance", NULL), 401);
    expect_like(&f, "rest_error_auth_missing_signature.json");
    assert_int_equal(fix_request(&f, "nobody", "GET", "/portfolio/balance", NULL), 401);
    expect_like(&f, "rest_error_auth_unknown_key.json");
    static const struct {
        int64_t skew;
        int status;
    } skews[] = {{-10000, 200}, {10000, 200}, {30000, 200}, {-30000, 401}, {60000, 401}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(
            fix_request_skewed(&f, KEY_A, "GET", "/portfolio/balance", NULL, skews[i].skew),
            skews[i].status);
    }
    expect_like(&f, "rest_error_auth_timestamp_expired.json");
    char ts[32];
    snprintf(ts, sizeof ts, "%lld", (long long)(f.wall / NS_PER_MS));
    struct sim_http_req req = {.method = TEXT("GET"),
                               .path = TEXT("/trade-api/v2/portfolio/balance"),
                               .auth = {text_of(KEY_A), text_of(ts), TEXT("bm90IHRoaXM=")}};
    sim_http(f.sim, &req, f.wall, f.now, &f.resp);
    json_decref(f.body);
    f.body = json_loadb(f.resp.body.p, f.resp.body.n, 0, NULL);
    assert_int_equal(f.resp.status, 401);
    expect_like(&f, "rest_error_auth_bad_signature.json");
    fix_end(&f);
}

static void each_order_refusal_has_its_status_and_body(void **state)
{
    (void)state;
    struct fix f = fix_still();
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, ""), 201);
    assert_string_equal(fix_text(f.body, "remaining_count"), "1.00");
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, ""), 409);
    expect_like(&f, "rest_error_order_already_exists_409.json");
    assert_int_equal(order(&f, "c2", "bid", "1.00", "0.5150", GTC, ""), 400);
    expect_like(&f, "rest_error_invalid_price_400.json");
    assert_int_equal(order(&f, "c3", "bid", "100000.00", "0.0100", GTC, ""), 400);
    expect_like(&f, "rest_error_insufficient_balance_400.json");
    assert_int_equal(order(&f, "c4", "bid", "1.00", "0.9900", GTC, ",\"post_only\":true"), 400);
    expect_like(&f, "rest_error_post_only_cross_400.json");
    assert_int_equal(order(&f, "c5", "bid", "1.00", "0.0100", GTC, ",\"reduce_only\":true"), 400);
    expect_like(&f, "rest_error_reduce_only_gtc_400.json");
    assert_int_equal(order(&f, "c6", "bid", "500.00", "0.0100", FOK, ""), 409);
    expect_like(&f, "rest_error_fok_409.json");
    assert_int_equal(order(&f, "c6", "bid", "1.00", "0.0100", GTC, ""), 409); /* used up */
    expect_like(&f, "rest_error_order_already_exists_409.json");
    assert_int_equal(order(&f, "c7", "bid", "1.00", "0.0100", GTC, ",\"expiration_time\":5"), 400);
    assert_string_equal(fix_text(f.body, "error/code"), "invalid_order");
    assert_int_equal(order(&f, "c8", "bid", "0.00", "0.0100", GTC, ""), 400);
    assert_string_equal(fix_text(f.body, "error/code"), "invalid_order_size");
    assert_int_equal(order(&f, "c9", "buy", "1.00", "0.0100", GTC, ""), 400);
    assert_string_equal(fix_text(f.body, "code"), "bad_request");
    fix_end(&f);
}

static void bodies_that_do_not_decode_get_the_flat_shape(void **state)
{
    (void)state;
    struct fix f = fix_still();
    static const char numbers[] = "{\"ticker\":\"X\",\"side\":\"bid\",\"count\":1,\"price\":0.01,"
                                  "\"time_in_force\":\"good_till_canceled\","
                                  "\"self_trade_prevention_type\":\"maker\"}";
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", numbers), 400);
    expect_like(&f, "rest_error_bad_request_flat_400.json");
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", "{\"a\":"), 400);
    assert_string_equal(fix_text(f.body, "code"), "bad_request");
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", ""), 400);
    assert_string_equal(fix_text(f.body, "code"), "invalid_content_type");
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", "[]"), 400);
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", "{}"), 400);
    fix_end(&f);
}

static void routes_that_are_gone_or_never_were(void **state)
{
    (void)state;
    struct fix f = fix_still();
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/orders", "{}"), 410);
    expect_like(&f, "rest_error_v1_gone_410.json");
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/orders/x", NULL), 410);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/events/orders", NULL), 404);
    assert_null(f.body);
    assert_string_equal(f.resp.body.p, "404 page not found\n");
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/nothing", NULL), 404);
    fix_end(&f);
}

static void a_finished_order_is_not_found_and_a_bad_id_is_no_uuid(void **state)
{
    (void)state;
    struct fix f = fix_still();
    char path[128];
    assert_int_equal(order(&f, "c1", "bid", "2.00", "0.0100", GTC, ""), 201);
    snprintf(path, sizeof path, "/portfolio/events/orders/%s", fix_text(f.body, "order_id"));
    assert_int_equal(fix_request(&f, KEY_B, "DELETE", path, NULL), 404); /* somebody else's */
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", path, NULL), 200);
    assert_string_equal(fix_text(f.body, "reduced_by"), "2.00");
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", path, NULL), 404);
    expect_like(&f, "rest_error_not_found_404.json");
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders/not-a-uuid", NULL),
                     400);
    assert_string_equal(fix_text(f.body, "error/code"), "invalid_UUID");
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/orders?status=canceled", NULL), 200);
    assert_string_equal(fix_text(f.body, "orders/0/remaining_count_fp"), "0.00");
    fix_end(&f);
}

static void a_taker_fill_reaches_fills_positions_and_balance(void **state)
{
    (void)state;
    struct fix f = fix_still();
    assert_int_equal(order(&f, "c1", "bid", "3.00", "0.9900", IOC, ""), 201);
    assert_string_equal(fix_text(f.body, "fill_count"), "3.00");
    assert_string_equal(fix_text(f.body, "remaining_count"), "0.00");
    px_t px = 0;
    const char *avg = fix_text(f.body, "average_fill_price");
    assert_int_equal(px_parse(avg, strlen(avg), &px), ST_OK);
    char order_id[64];
    snprintf(order_id, sizeof order_id, "%s", fix_text(f.body, "order_id"));
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/fills", NULL), 200);
    assert_string_equal(fix_text(f.body, "fills/0/order_id"), order_id);
    assert_string_equal(fix_text(f.body, "cursor"), "");
    usd_t fee = 0;
    usd_t cost = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(f.body, "fills")); i++) {
        json_t *row = json_array_get(json_object_get(f.body, "fills"), i);
        usd_t one = 0;
        px_t p = 0;
        qty_t n = 0;
        const char *s = fix_text(row, "fee_cost");
        assert_int_equal(usd_parse(s, strlen(s), &one), ST_OK);
        fee += one;
        s = fix_text(row, "yes_price_dollars");
        assert_int_equal(px_parse(s, strlen(s), &p), ST_OK);
        s = fix_text(row, "count_fp");
        assert_int_equal(qty_parse(s, strlen(s), &n), ST_OK);
        cost += usd_of(p, n);
    }
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/positions", NULL), 200);
    assert_string_equal(fix_text(f.body, "market_positions/0/position_fp"), "3.00");
    assert_non_null(fix_get(f.body, "event_positions/0"));
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    usd_t cash = 0;
    const char *s = fix_text(f.body, "balance_dollars");
    assert_int_equal(usd_parse(s, strlen(s), &cash), ST_OK);
    assert_int_equal(cash, 1000 * USD_ONE - cost - fee);
    assert_true(px > 0 && fee > 0);
    fix_end(&f);
}

static void cancel_all_answers_204_and_expiry_cancels(void **state)
{
    (void)state;
    struct fix f = fix_still();
    char more[64];
    snprintf(more, sizeof more, ",\"expiration_time\":%lld", (long long)(f.wall / NS_PER_SEC + 10));
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, more), 201);
    assert_int_equal(order(&f, "c2", "ask", "1.00", "0.9900", GTC, ""), 201);
    assert_true(sim_deadline(f.sim) <= f.now + 10 * NS_PER_SEC);
    fix_advance(&f, 10 * NS_PER_SEC);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/orders?status=resting", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "orders")), 1);
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 204);
    assert_int_equal(f.resp.body.n, 0);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/orders?status=resting", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "orders")), 0);
    fix_end(&f);
}

static void amend_and_decrease_answer_with_what_is_left(void **state)
{
    (void)state;
    struct fix f = fix_still();
    char path[160];
    char id[64];
    assert_int_equal(order(&f, "c1", "bid", "5.00", "0.0100", GTC, ""), 201);
    snprintf(id, sizeof id, "%s", fix_text(f.body, "order_id"));
    snprintf(path, sizeof path, "/portfolio/events/orders/%s/decrease", id);
    assert_int_equal(fix_request(&f, KEY_A, "POST", path, "{\"reduce_by\":\"2.00\"}"), 200);
    assert_string_equal(fix_text(f.body, "remaining_count"), "3.00");
    snprintf(path, sizeof path, "/portfolio/events/orders/%s/amend", id);
    char body[256];
    snprintf(body, sizeof body,
             "{\"ticker\":\"%s\",\"side\":\"bid\",\"price\":\"0.0200\",\"count\":\"4.00\"}",
             sim_market(f.sim, 0));
    assert_int_equal(fix_request(&f, KEY_A, "POST", path, body), 200);
    assert_string_equal(fix_text(f.body, "remaining_count"), "4.00");
    assert_string_equal(fix_text(f.body, "order_id"), id);
    fix_end(&f);
}

static void pages_follow_their_cursor_and_a_made_up_one_is_the_first_page(void **state)
{
    (void)state;
    struct fix f = fix_still();
    size_t seen = 0;
    char path[256] = "/markets?limit=4";
    for (int page = 0; page < 5; page++) {
        assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
        seen += json_array_size(json_object_get(f.body, "markets"));
        if (fix_text(f.body, "cursor")[0] == '\0') {
            break;
        }
        snprintf(path, sizeof path, "/markets?limit=4&cursor=%s", fix_text(f.body, "cursor"));
    }
    assert_int_equal(seen, 9);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets?cursor=garbage-cursor", NULL), 200);
    assert_string_equal(fix_text(f.body, "markets/0/ticker"), sim_market(f.sim, 8)); /* newest */
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets?limit=1001", NULL), 400);
    expect_like(&f, "rest_error_param_validation_400.json");
    fix_end(&f);
}

static void public_reads_need_no_signature(void **state)
{
    (void)state;
    struct fix f = fix_still();
    char path[256];
    static const char *const reads[] = {"/exchange/status", "/exchange/user_data_timestamp",
                                        "/series",          "/events?with_nested_markets=true",
                                        "/markets/trades",  "/markets?status=open"};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        assert_int_equal(fix_request(&f, NULL, "GET", reads[i], NULL), 200);
        assert_non_null(f.body);
    }
    snprintf(path, sizeof path, "/markets/%s", sim_market(f.sim, 0));
    assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
    char event[64];
    snprintf(event, sizeof event, "%s", fix_text(f.body, "market/event_ticker"));
    assert_string_equal(fix_text(f.body, "market/status"), "active");
    snprintf(path, sizeof path, "/markets/%s/orderbook?depth=2", sim_market(f.sim, 0));
    assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
    json_t *yes = fix_get(f.body, "orderbook_fp/yes_dollars");
    assert_int_equal(json_array_size(yes), 2);
    assert_true(strcmp(fix_text(yes, "0/0"), fix_text(yes, "1/0")) < 0); /* rising, best last */
    snprintf(path, sizeof path, "/markets/orderbooks?tickers=%s,%s", sim_market(f.sim, 0),
             sim_market(f.sim, 1));
    assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "orderbooks")), 2);
    snprintf(path, sizeof path, "/events/%s", event);
    assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/NOPE-1", NULL), 404);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/account/limits", NULL), 200);
    expect_like(&f, "rest_account_limits.json");
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/account/endpoint_costs", NULL), 200);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/settlements", NULL), 200);
    expect_like(&f, "rest_settlements_empty.json");
    fix_end(&f);
}

static void an_empty_bucket_answers_429_until_it_refills(void **state)
{
    (void)state;
    struct fix f = fix_still();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    }
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 429);
    expect_like(&f, "rest_error_rate_limit_429.json");
    assert_int_equal(fix_request(&f, KEY_B, "GET", "/portfolio/balance", NULL), 200);
    f.now += NS_PER_SEC / 20; /* 200 a second: ten tokens */
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 429);
    fix_end(&f);
}

static void request_faults_happen_as_often_as_asked_and_are_counted(void **state)
{
    (void)state;
    struct fix f = fix_still();
    sim_fault(f.sim, SIM_FAULT_HTTP_429, 1, f.wall, f.now);
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, ""), 429);
    sim_fault(f.sim, SIM_FAULT_HTTP_500, 1, f.wall, f.now);
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, ""), 500);
    assert_int_equal(order(&f, "c1", "bid", "1.00", "0.0100", GTC, ""), 201); /* no effect before */
    sim_fault(f.sim, SIM_FAULT_HTTP_500_AFTER, 1, f.wall, f.now);
    assert_int_equal(order(&f, "c2", "bid", "1.00", "0.0100", GTC, ""), 500);
    assert_int_equal(order(&f, "c2", "bid", "1.00", "0.0100", GTC, ""), 409); /* it took effect */
    sim_fault(f.sim, SIM_FAULT_TIMEOUT, 1, f.wall, f.now);
    (void)order(&f, "c3", "bid", "1.00", "0.0100", GTC, "");
    assert_true(f.resp.drop);
    assert_int_equal(order(&f, "c3", "bid", "1.00", "0.0100", GTC, ""), 409);
    assert_false(f.resp.drop);
    json_t *d = fix_dump(&f);
    static const char *const names[] = {"http_429", "http_500", "http_500_after", "timeout"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            json_integer_value(json_object_get(fix_get(d, "counters/faults"), names[i])), 1);
        assert_int_not_equal(sim_fault_parse(names[i]), SIM_FAULT_MAX);
    }
    assert_int_equal(sim_fault_parse("nonsense"), SIM_FAULT_MAX);
    json_decref(d);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_and_clocks_are_checked),
        cmocka_unit_test(each_order_refusal_has_its_status_and_body),
        cmocka_unit_test(bodies_that_do_not_decode_get_the_flat_shape),
        cmocka_unit_test(routes_that_are_gone_or_never_were),
        cmocka_unit_test(a_finished_order_is_not_found_and_a_bad_id_is_no_uuid),
        cmocka_unit_test(a_taker_fill_reaches_fills_positions_and_balance),
        cmocka_unit_test(cancel_all_answers_204_and_expiry_cancels),
        cmocka_unit_test(amend_and_decrease_answer_with_what_is_left),
        cmocka_unit_test(pages_follow_their_cursor_and_a_made_up_one_is_the_first_page),
        cmocka_unit_test(public_reads_need_no_signature),
        cmocka_unit_test(an_empty_bucket_answers_429_until_it_refills),
        cmocka_unit_test(request_faults_happen_as_often_as_asked_and_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
