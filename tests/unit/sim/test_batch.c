#include "rest_fixture.h"

#define BATCH "/portfolio/events/orders/batched"

/* {"orders":[a,b,...]} */
static const char *batch(size_t n, const char *const *items)
{
    static char text[8192];
    size_t at = (size_t)snprintf(text, sizeof text, "{\"orders\":[");
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i == 0 ? "" : ",", items[i]);
    }
    snprintf(text + at, sizeof text - at, "]}");
    return text;
}

static void item(char out[2048], const char *client, const char *side, const char *count,
                 const char *price, const char *more)
{
    snprintf(out, 2048, "%s", order_text(MARKET, client, side, count, price, GTC, more));
}

static void each_item_is_answered_in_the_order_asked(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char maker[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.6000", "", maker);
    char a[3][2048];
    item(a[0], "c1", "bid", "1.00", "0.0100", "");
    item(a[1], "c2", "bid", "1.00", "0.9900", ",\"post_only\":true");
    item(a[2], "c3", "bid", "2.00", "0.6000", "");
    const char *const items[] = {a[0], a[1], a[2]};
    assert_status(&f, fix_request(&f, KEY_A, "POST", BATCH, batch(3, items)), 201);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 3);
    assert_shape(fix_get(f.body, "orders/0"),
                 "average_fee_paid:n average_fill_price:n client_order_id:s fill_count:q "
                 "order_id:u remaining_count:q ts_ms:i error:n");
    expect_keys(fix_get(f.body, "orders/0"), "rest_batch_create_response.json", "orders/0", "");
    assert_shape(fix_get(f.body, "orders/1"),
                 "average_fee_paid:n average_fill_price:n client_order_id:s fill_count:n "
                 "remaining_count:n ts_ms:n error:o");
    fix_end(&f);
}

static void a_refused_item_has_nulls_and_an_error_and_the_others_go_on(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char maker[64];
    placed(&f, KEY_B, "m", "ask", "1.00", "0.6000", "", maker);
    char a[3][2048];
    item(a[0], "c1", "bid", "1.00", "0.0150", "");
    item(a[1], "c2", "bid", "1.00", "0.9900", ",\"post_only\":true");
    item(a[2], "c3", "bid", "2.00", "0.6000", "");
    const char *const items[] = {a[0], a[1], a[2]};
    assert_status(&f, fix_request(&f, KEY_A, "POST", BATCH, batch(3, items)), 201);
    expect_keys(fix_get(f.body, "orders/1"), "rest_batch_create_response.json", "orders/1", "");
    static const char *const want[][2] = {
        {"orders/0/client_order_id", "c1"},       {"orders/0/error/code", "invalid_price"},
        {"orders/1/error/code", "invalid_order"}, {"orders/1/error/details", "post only cross"},
        {"orders/2/client_order_id", "c3"},       {"orders/2/fill_count", "1.00"},
        {"orders/2/remaining_count", "1.00"},     {"orders/2/average_fill_price", "0.6000"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_string_equal(fix_text(f.body, want[i][0]), want[i][1]);
    }
    fix_end(&f);
}

static void two_items_with_one_client_order_id_are_one_order_and_one_refusal(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char a[2048];
    item(a, "c1", "bid", "1.00", "0.0100", "");
    const char *const items[] = {a, a};
    assert_status(&f, fix_request(&f, KEY_A, "POST", BATCH, batch(2, items)), 201);
    assert_true(json_is_null(fix_get(f.body, "orders/0/error")));
    assert_string_equal(fix_text(f.body, "orders/1/error/code"), "order_already_exists");
    fix_end(&f);
}

static void a_batch_that_does_not_decode_does_nothing(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char a[2048];
    item(a, "c1", "bid", "1.00", "0.0100", "");
    static const char *const bad[] = {
        "{}", "{\"ticker\":\"" MARKET "\",\"side\":\"bid\",\"count\":1}", "[]", "7"};
    for (size_t i = 0; i < 4; i++) {
        const char *const items[] = {a, bad[i]};
        assert_flat(&f, fix_request(&f, KEY_A, "POST", BATCH, batch(2, items)), 400, "bad_request");
    }
    assert_flat(&f, fix_request(&f, KEY_A, "POST", BATCH, "{\"orders\":[]}"), 400, "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", BATCH, "{\"orders\":7}"), 400, "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", BATCH, "{}"), 400, "bad_request");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    fix_end(&f);
}

static void a_batch_of_cancels_tells_each_item(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char body[512];
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.4000", "", id);
    snprintf(body, sizeof body,
             "{\"orders\":[{\"order_id\":\"%s\",\"subaccount\":0,\"market_ticker\":\"" MARKET
             "\"},{\"order_id\":\"" UUID_0 "\"},{\"order_id\":\"nonsense\"}]}",
             id);
    assert_status(&f, fix_request(&f, KEY_A, "DELETE", BATCH, body), 200);
    assert_shape(fix_get(f.body, "orders/0"), "client_order_id:s order_id:u reduced_by:q ts_ms:i");
    expect_keys(fix_get(f.body, "orders/0"), "rest_batch_cancel_response.json", "orders/0", "");
    expect_keys(fix_get(f.body, "orders/1"), "rest_batch_cancel_response.json", "orders/1", "");
    assert_string_equal(fix_text(f.body, "orders/0/reduced_by"), "1.00");
    assert_string_equal(fix_text(f.body, "orders/1/reduced_by"), "0.00");
    assert_string_equal(fix_text(f.body, "orders/1/error/code"), "not_found");
    assert_string_equal(fix_text(f.body, "orders/2/error/code"), "invalid_UUID");
    assert_flat(&f, fix_request(&f, KEY_A, "DELETE", BATCH, "{\"orders\":[{}]}"), 400,
                "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "DELETE", BATCH, ""), 400, "invalid_content_type");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_answered_in_the_order_asked),
        cmocka_unit_test(a_refused_item_has_nulls_and_an_error_and_the_others_go_on),
        cmocka_unit_test(two_items_with_one_client_order_id_are_one_order_and_one_refusal),
        cmocka_unit_test(a_batch_that_does_not_decode_does_nothing),
        cmocka_unit_test(a_batch_of_cancels_tells_each_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
