#include "rest_fixture.h"

#define GROUP "/portfolio/order_groups/%s"

static void make_group(struct fix *f, const char *body, char id[64])
{
    assert_status(f, fix_request(f, KEY_A, "POST", "/portfolio/order_groups/create", body), 201);
    snprintf(id, 64, "%s", fix_text(f->body, "order_group_id"));
}

static int in_group(struct fix *f, const char *group, const char *client, const char *side,
                    const char *count, const char *price)
{
    char more[96];
    snprintf(more, sizeof more, ",\"order_group_id\":\"%s\"", group);
    return place(f, KEY_A, client, side, count, price, GTC, more);
}

/* Event types of order_group_updates so far. */
static void told(const struct peer *p, const char *want)
{
    char got[512] = "";
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *j = json_array_get(p->frames, i);
        if (strcmp(fix_text(j, "type"), "order_group_updates") == 0) {
            strncat(got, fix_text(j, "msg/event_type"), sizeof got - strlen(got) - 1);
            strncat(got, " ", sizeof got - strlen(got) - 1);
        }
    }
    assert_string_equal(got, want);
}

static void a_group_is_created_read_listed_and_deleted(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char order[64];
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/order_groups"), 200);
    assert_string_equal(f.resp.body.p, "{}"); /* an empty list */
    make_group(&f, "{\"contracts_limit\":10,\"subaccount\":0,\"exchange_index\":0}", id);
    assert_shape(f.body, "exchange_index:i order_group_id:u subaccount:i");
    expect_keys(f.body, "rest_order_group_create_response.json", "", "");
    assert_status(&f, in_group(&f, id, "c1", "bid", "1.00", "0.4000"), 201);
    snprintf(order, sizeof order, "%s", fix_text(f.body, "order_id"));
    assert_status(&f, rest_at(&f, KEY_A, "GET", GROUP, id, NULL), 200);
    assert_shape(f.body, "contracts_limit_fp:q exchange_index:i is_auto_cancel_enabled:b orders:a");
    expect_keys(f.body, "rest_order_group_get.json", "", "");
    assert_string_equal(fix_text(f.body, "contracts_limit_fp"), "10.00");
    assert_string_equal(fix_text(f.body, "orders/0"), order);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/order_groups"), 200);
    assert_shape(fix_get(f.body, "order_groups/0"),
                 "contracts_limit_fp:q exchange_index:i id:u is_auto_cancel_enabled:b");
    expect_keys(fix_get(f.body, "order_groups/0"), "rest_order_groups_list.json", "order_groups/0",
                "");
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", order, NULL), 200);
    assert_string_equal(fix_text(f.body, "order/order_group_id"), id);
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", GROUP, id, NULL), 200);
    assert_string_equal(f.resp.body.p, "{}");
    assert_code(&f, rest_at(&f, KEY_A, "GET", GROUP, id, NULL), 404, "not_found");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=canceled"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), order); /* deleting cancels */
    assert_code(&f, in_group(&f, id, "c2", "bid", "1.00", "0.4000"), 404, "order_group_not_found");
    fix_end(&f);
}

static void a_limit_is_whole_or_text_or_both_and_equal(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"{\"contracts_limit_fp\":\"2.50\"}", 201},
        {"{\"contracts_limit\":2,\"contracts_limit_fp\":\"2.00\"}", 201},
        {"{\"contracts_limit\":1000000}", 201},
        {"{\"contracts_limit\":2,\"contracts_limit_fp\":\"2.50\"}", 400},
        {"{\"contracts_limit\":0}", 400},
        {"{\"contracts_limit\":1000001}", 400},
        {"{\"contracts_limit\":9223372036854775807}", 400},
        {"{\"contracts_limit_fp\":\"0\"}", 400},
        {"{\"contracts_limit_fp\":\"x\"}", 400},
        {"{\"contracts_limit\":\"10\"}", 400},
        {"{\"contracts_limit\":10,\"subaccount\":64}", 400},
        {"{\"contracts_limit\":10,\"subaccount\":1}", 404},
        {"{\"contracts_limit\":10,\"exchange_index\":1}", 404},
        {"{}", 400},
        {"", 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int got = fix_request(&f, KEY_A, "POST", "/portfolio/order_groups/create", rows[i].body);
        if (got != rows[i].status) {
            fail_msg("%s: %d %s", rows[i].body, got, f.resp.body.p);
        }
    }
    fix_end(&f);
}

static void a_group_over_its_limit_is_canceled_and_refuses_until_reset(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char maker[64];
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(
        &f, p,
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"order_group_updates\"]}}");
    make_group(&f, "{\"contracts_limit\":3}", id);
    assert_status(&f, in_group(&f, id, "c1", "bid", "2.00", "0.4000"), 201);
    assert_status(&f, in_group(&f, id, "c2", "bid", "2.00", "0.3000"), 201);
    placed(&f, KEY_B, "m1", "ask", "2.00", "0.4000", "", maker); /* 2: below the limit */
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    assert_status(&f, in_group(&f, id, "c3", "bid", "5.00", "0.3500"), 201);
    placed(&f, KEY_B, "m2", "ask", "2.00", "0.3500", "", maker); /* 4: over it */
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    assert_code(&f, in_group(&f, id, "c4", "bid", "1.00", "0.4000"), 400,
                "exceeded_order_group_risk_limit");
    assert_status(&f, rest_at(&f, KEY_A, "PUT", GROUP "/reset", id, "{}"), 200);
    assert_string_equal(f.resp.body.p, "{}");
    assert_status(&f, in_group(&f, id, "c5", "bid", "1.00", "0.4000"), 201);
    told(p, "created triggered reset ");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void matches_older_than_15_seconds_do_not_count(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char maker[64];
    make_group(&f, "{\"contracts_limit\":3}", id);
    assert_status(&f, in_group(&f, id, "c1", "bid", "3.00", "0.4000"), 201);
    placed(&f, KEY_B, "m1", "ask", "3.00", "0.4000", "", maker);
    fix_advance(&f, 16 * NS_PER_SEC);
    assert_status(&f, in_group(&f, id, "c2", "bid", "4.00", "0.4000"), 201);
    placed(&f, KEY_B, "m2", "ask", "3.00", "0.4000", "", maker);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    fix_end(&f);
}

static void a_trigger_cancels_at_once(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(
        &f, p,
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"order_group_updates\"]}}");
    make_group(&f, "{\"contracts_limit\":3}", id);
    assert_status(&f, in_group(&f, id, "c1", "bid", "2.00", "0.4000"), 201);
    assert_status(&f, rest_at(&f, KEY_A, "PUT", GROUP "/trigger", id, NULL), 200);
    assert_string_equal(f.resp.body.p, "{}");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=canceled"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    assert_code(&f, in_group(&f, id, "c2", "bid", "1.00", "0.4000"), 400,
                "exceeded_order_group_risk_limit");
    told(p, "created triggered ");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_limit_below_what_was_matched_triggers(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char maker[64];
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(
        &f, p,
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"order_group_updates\"]}}");
    make_group(&f, "{\"contracts_limit\":10}", id);
    assert_status(&f, in_group(&f, id, "c1", "bid", "9.00", "0.4000"), 201);
    placed(&f, KEY_B, "m1", "ask", "5.00", "0.4000", "", maker);
    assert_status(&f, rest_at(&f, KEY_A, "PUT", GROUP "/limit", id, "{\"contracts_limit\":6}"),
                  200);
    assert_string_equal(f.resp.body.p, "{}");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    assert_status(&f, rest_at(&f, KEY_A, "PUT", GROUP "/limit", id, "{\"contracts_limit\":4}"),
                  200);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    told(p, "created limit_updated limit_updated triggered ");
    assert_flat(&f, rest_at(&f, KEY_A, "PUT", GROUP "/limit", id, "{}"), 400, "bad_request");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_user_has_no_more_groups_than_the_limit(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    assert_int_equal(c.max_order_groups, 100000);
    c.max_order_groups = 2;
    struct fix f = rest_with(c);
    char id[64];
    make_group(&f, "{\"contracts_limit\":3}", id);
    make_group(&f, "{\"contracts_limit\":3}", id);
    assert_code(
        &f,
        fix_request(&f, KEY_A, "POST", "/portfolio/order_groups/create", "{\"contracts_limit\":3}"),
        400, "too_many_order_groups");
    assert_status(&f, rest_at(&f, KEY_A, "DELETE", GROUP, id, NULL), 200);
    make_group(&f, "{\"contracts_limit\":3}", id);
    fix_end(&f);
}

static void groups_of_others_and_of_nobody_are_not_found(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    make_group(&f, "{\"contracts_limit\":10}", id);
    static const char *const ways[][2] = {{"GET", GROUP},
                                          {"DELETE", GROUP},
                                          {"PUT", GROUP "/reset"},
                                          {"PUT", GROUP "/trigger"},
                                          {"PUT", GROUP "/limit"}};
    for (size_t i = 0; i < 5; i++) {
        const char *body = "{\"contracts_limit\":1}";
        assert_code(&f, rest_at(&f, KEY_B, ways[i][0], ways[i][1], id, body), 404, "not_found");
        assert_code(&f, rest_at(&f, KEY_A, ways[i][0], ways[i][1], UUID_0, body), 404, "not_found");
        assert_code(&f, rest_at(&f, KEY_A, ways[i][0], ways[i][1], "7", body), 400, "invalid_UUID");
    }
    assert_code(
        &f,
        place(&f, KEY_B, "c", "bid", "1.00", "0.4000", GTC, ",\"order_group_id\":\"" UUID_0 "\""),
        404, "order_group_not_found");
    assert_code(&f,
                place(&f, KEY_B, "c", "bid", "1.00", "0.4000", GTC, ",\"order_group_id\":\"x\""),
                400, "invalid_UUID");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_created_read_listed_and_deleted),
        cmocka_unit_test(a_limit_is_whole_or_text_or_both_and_equal),
        cmocka_unit_test(a_group_over_its_limit_is_canceled_and_refuses_until_reset),
        cmocka_unit_test(matches_older_than_15_seconds_do_not_count),
        cmocka_unit_test(a_trigger_cancels_at_once),
        cmocka_unit_test(a_limit_below_what_was_matched_triggers),
        cmocka_unit_test(a_user_has_no_more_groups_than_the_limit),
        cmocka_unit_test(groups_of_others_and_of_nobody_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
