#include "rest_fixture.h"

#define SUBS     "/portfolio/subaccounts"
#define TRANSFER SUBS "/transfer"
#define SHARD    "/portfolio/intra_exchange_instance_transfer"

static int make_sub(struct fix *f, const char *key)
{
    assert_status(f, fix_request(f, key, "POST", SUBS, "{}"), 201);
    assert_shape(f->body, "subaccount_number:i");
    return (int)json_integer_value(fix_get(f->body, "subaccount_number"));
}

static const char *transfer_text(int id, int from, int to, long long cents)
{
    static char text[256];
    snprintf(text, sizeof text,
             "{\"client_transfer_id\":\"00000000-0000-4000-8000-%012d\",\"from_subaccount\":%d,"
             "\"to_subaccount\":%d,\"amount_cents\":%lld}",
             id, from, to, cents);
    return text;
}

static void balance_is(struct fix *f, const char *query, const char *want)
{
    char path[128];
    snprintf(path, sizeof path, "/portfolio/balance%s", query);
    assert_status(f, rest_get(f, KEY_A, path), 200);
    assert_string_equal(fix_text(f->body, "balance_dollars"), want);
}

static void subaccounts_are_numbered_from_1_to_63(void **state)
{
    (void)state;
    struct fix f = rest_make();
    for (int i = 1; i <= 63; i++) {
        assert_int_equal(make_sub(&f, KEY_A), i);
    }
    assert_code(&f, fix_request(&f, KEY_A, "POST", SUBS, "{}"), 400, "subaccount_limit_reached");
    assert_int_equal(make_sub(&f, KEY_B), 1); /* everyone has their own */
    fix_end(&f);
}

static void money_moves_between_subaccounts_once_for_each_id(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_int_equal(make_sub(&f, KEY_A), 1);
    balance_is(&f, "?subaccount=1", "0.0000");
    assert_status(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 25050)), 200);
    assert_string_equal(f.resp.body.p, "{}");
    balance_is(&f, "", "749.5000");
    balance_is(&f, "?subaccount=1", "250.5000");
    assert_code(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 25050)), 409,
                "transfer_already_applied");
    expect_like(&f, "rest_error_transfer_already_applied_409.json");
    balance_is(&f, "", "749.5000");
    assert_status(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(2, 1, 0, 50)), 200);
    assert_status(&f, rest_get(&f, KEY_A, SUBS "/balances"), 200);
    assert_shape(fix_get(f.body, "subaccount_balances/1"),
                 "balance:p exchange_index:i subaccount_number:i updated_ts:i");
    assert_string_equal(fix_text(f.body, "subaccount_balances/1/balance"), "250.0000");
    assert_status(&f, rest_get(&f, KEY_A, SUBS "/transfers"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "transfers")), 2);
    assert_shape(fix_get(f.body, "transfers/0"),
                 "amount_cents:i created_ts:i exchange_index:i from_subaccount:i to_subaccount:i "
                 "transfer_id:u");
    assert_int_equal(json_integer_value(fix_get(f.body, "transfers/0/amount_cents")), 50);
    fix_end(&f);
}

static void a_transfer_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct fix f = rest_make();
    make_sub(&f, KEY_A);
    assert_code(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 100001)), 400,
                "insufficient_balance");
    assert_code(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 2, 1)), 404,
                "user_not_found");
    assert_code(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 0, 1)), 400,
                "invalid_parameters");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 64, 1)), 400,
                "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 0)), 400,
                "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", TRANSFER, "{}"), 400, "bad_request");
    assert_code(&f,
                fix_request(&f, KEY_A, "POST", TRANSFER,
                            "{\"client_transfer_id\":\"x\",\"from_subaccount\":0,"
                            "\"to_subaccount\":1,\"amount_cents\":1}"),
                400, "invalid_UUID");
    /* what rests is not free */
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_code(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(2, 0, 1, 20000)), 400,
                "insufficient_balance");
    fix_end(&f);
}

static void a_subaccount_trades_with_its_own_money_and_has_its_own_position(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    make_sub(&f, KEY_A);
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ",\"subaccount\":1"), 400,
                "insufficient_balance");
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ",\"subaccount\":2"), 404,
                "user_not_found");
    assert_code(&f, place(&f, KEY_A, "c1", "bid", "1.00", "0.5000", GTC, ",\"subaccount\":64"), 400,
                "invalid_parameters");
    assert_status(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 1000)), 200);
    placed(&f, KEY_A, "c1", "bid", "2.00", "0.5000", ",\"subaccount\":1", id);
    placed(&f, KEY_B, "m", "ask", "1.00", "0.5000", "", id);
    static const struct {
        const char *path, *list;
        size_t n;
    } rows[] = {
        {"/portfolio/positions", "market_positions", 0}, /* the primary one by default */
        {"/portfolio/positions?subaccount=1", "market_positions", 1},
        {"/portfolio/fills", "fills", 1}, /* all by default */
        {"/portfolio/fills?subaccount=0", "fills", 0},
        {"/portfolio/fills?subaccount=1", "fills", 1},
        {"/portfolio/orders", "orders", 1},
        {"/portfolio/orders?subaccount=0", "orders", 0},
        {"/portfolio/orders/queue_positions?event_ticker=" EVENT, "queue_positions", 0},
        {"/portfolio/orders/queue_positions?event_ticker=" EVENT "&subaccount=1", "queue_positions",
         1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_status(&f, rest_get(&f, KEY_A, rows[i].path), 200);
        if (json_array_size(json_object_get(f.body, rows[i].list)) != rows[i].n) {
            fail_msg("%s: %s", rows[i].path, f.resp.body.p);
        }
    }
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_int_equal(json_integer_value(fix_get(f.body, "orders/0/subaccount_number")), 1);
    fix_end(&f);
}

static void an_order_of_a_subaccount_is_reached_by_naming_it(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    make_sub(&f, KEY_A);
    assert_status(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 1000)), 200);
    placed(&f, KEY_A, "c1", "bid", "4.00", "0.5000", ",\"subaccount\":1", id);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/orders/%s", id, NULL), 200);
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s", id, NULL), 404,
                "not_found");
    assert_status(&f,
                  rest_at(&f, KEY_A, "POST", "/portfolio/events/orders/%s/decrease?subaccount=1",
                          id, "{\"reduce_by\":\"1.00\"}"),
                  200);
    assert_status(
        &f, rest_at(&f, KEY_A, "DELETE", "/portfolio/events/orders/%s?subaccount=1", id, NULL),
        200);
    fix_end(&f);
}

static void cancel_all_takes_one_subaccount_or_all(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    make_sub(&f, KEY_A);
    assert_status(&f, fix_request(&f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 1000)), 200);
    placed(&f, KEY_A, "c0", "bid", "1.00", "0.3000", "", id);
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.3000", ",\"subaccount\":1", id);
    assert_int_equal(
        fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders?subaccount=1", NULL), 204);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.3000", ",\"subaccount\":1", id);
    assert_int_equal(fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL), 204);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?status=resting"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    fix_end(&f);
}

/* A's subaccount 1 takes from A's subaccount 0. */
static void cross_own(struct fix *f)
{
    char id[64];
    make_sub(f, KEY_A);
    assert_status(f, fix_request(f, KEY_A, "POST", TRANSFER, transfer_text(1, 0, 1, 1000)), 200);
    placed(f, KEY_A, "c0", "ask", "1.00", "0.5000", "", id);
    assert_status(f, place(f, KEY_A, "c1", "bid", "1.00", "0.5000", IOC, ",\"subaccount\":1"), 201);
}

static void the_subaccounts_of_a_user_do_not_trade_with_each_other(void **state)
{
    (void)state;
    struct fix f = rest_make();
    cross_own(&f);
    assert_string_equal(fix_text(f.body, "fill_count"), "0.00");
    fix_end(&f);
}

static void the_subaccounts_of_a_user_trade_with_each_other_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.self_per_subaccount = true;
    struct fix f = rest_ruled(rules);
    cross_own(&f);
    assert_string_equal(fix_text(f.body, "fill_count"), "1.00");
    fix_end(&f);
}

static void a_group_belongs_to_its_subaccount(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    char more[128];
    make_sub(&f, KEY_A);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/order_groups/create",
                              "{\"contracts_limit\":5,\"subaccount\":1}"),
                  201);
    assert_int_equal(json_integer_value(fix_get(f.body, "subaccount")), 1);
    snprintf(id, sizeof id, "%s", fix_text(f.body, "order_group_id"));
    snprintf(more, sizeof more, ",\"order_group_id\":\"%s\"", id);
    assert_code(&f, place(&f, KEY_A, "c", "bid", "1.00", "0.5000", GTC, more), 404,
                "order_group_not_found");
    assert_code(&f, rest_at(&f, KEY_A, "PUT", "/portfolio/order_groups/%s/reset", id, "{}"), 404,
                "not_found");
    assert_status(
        &f, rest_at(&f, KEY_A, "PUT", "/portfolio/order_groups/%s/reset?subaccount=1", id, "{}"),
        200);
    assert_status(&f, rest_at(&f, KEY_A, "GET", "/portfolio/order_groups/%s", id, NULL), 200);
    fix_end(&f);
}

static void the_netting_switch_is_kept_for_each_subaccount(void **state)
{
    (void)state;
    struct fix f = rest_make();
    make_sub(&f, KEY_A);
    assert_status(&f,
                  fix_request(&f, KEY_A, "PUT", SUBS "/netting",
                              "{\"subaccount_number\":1,\"enabled\":true}"),
                  200);
    assert_status(&f, rest_get(&f, KEY_A, SUBS "/netting"), 200);
    assert_shape(fix_get(f.body, "netting_configs/0"),
                 "enabled:b exchange_index:i subaccount_number:i");
    assert_true(json_is_false(fix_get(f.body, "netting_configs/0/enabled")));
    assert_true(json_is_true(fix_get(f.body, "netting_configs/1/enabled")));
    assert_code(&f,
                fix_request(&f, KEY_A, "PUT", SUBS "/netting",
                            "{\"subaccount_number\":2,\"enabled\":true}"),
                404, "user_not_found");
    assert_flat(&f, fix_request(&f, KEY_A, "PUT", SUBS "/netting", "{\"subaccount_number\":1}"),
                400, "bad_request");
    fix_end(&f);
}

/* --- shards --- */

static const char *shard_text(long long amount, int from, int to, const char *more)
{
    static char text[512];
    snprintf(text, sizeof text,
             "{\"source\":\"event_contract\",\"destination\":\"event_contract\",\"amount\":%lld,"
             "\"source_exchange_shard\":%d,\"destination_exchange_shard\":%d%s}",
             amount, from, to, more);
    return text;
}

static void money_moves_between_shards_in_ten_thousandths(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    assert_status(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(1005000, 0, 2, "")), 200);
    assert_shape(f.body, "transfer_id:u");
    snprintf(id, sizeof id, "%s", fix_text(f.body, "transfer_id"));
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1000.0000"); /* of all shards */
    assert_string_equal(fix_text(f.body, "balance_breakdown/0/balance"), "899.5000");
    assert_string_equal(fix_text(f.body, "balance_breakdown/1/balance"), "100.5000");
    assert_int_equal(json_integer_value(fix_get(f.body, "balance_breakdown/1/exchange_index")), 2);
    balance_is(&f, "?exchange_index=2", "100.5000");
    assert_status(&f, rest_at(&f, KEY_A, "GET", SHARD "s/%s", id, NULL), 200);
    assert_shape(fix_get(f.body, "transfer"),
                 "amount:p created_ts:i destination:s destination_exchange_shard:i source:s "
                 "source_exchange_shard:i status:s transfer_id:u");
    assert_string_equal(fix_text(f.body, "transfer/amount"), "100.5000");
    assert_string_equal(fix_text(f.body, "transfer/status"), "complete");
    assert_status(&f, rest_get(&f, KEY_A, SHARD "s"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "transfers")), 1);
    assert_null(fix_get(f.body, "cursor")); /* left out on the last page */
    assert_code(&f, rest_at(&f, KEY_B, "GET", SHARD "s/%s", id, NULL), 404, "not_found");
    assert_code(&f, rest_at(&f, KEY_A, "GET", SHARD "s/%s", "7", NULL), 400, "invalid_UUID");
    fix_end(&f);
}

static void a_shard_transfer_with_an_id_is_done_once(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char once[] = ",\"client_transfer_id\":\"" UUID_0 "\"";
    assert_status(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(10000, 0, 2, once)), 200);
    assert_code(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(10000, 0, 2, once)), 409,
                "transfer_already_applied");
    balance_is(&f, "?exchange_index=2", "1.0000");
    fix_end(&f);
}

static void a_shard_transfer_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(10000001, 0, 2, "")), 400,
                "insufficient_balance");
    assert_code(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(1, 0, 100, "")), 400,
                "invalid_parameters");
    assert_code(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(1, 2, 0, "")), 404,
                "user_not_found"); /* no money was ever there */
    assert_flat(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(1, 0, 101, "")), 400,
                "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", SHARD, shard_text(0, 0, 1, "")), 400,
                "bad_request");
    assert_code(&f,
                fix_request(&f, KEY_A, "POST", SHARD,
                            "{\"source\":\"event_contract\",\"destination\":\"margined\","
                            "\"amount\":1}"),
                400, "invalid_parameters");
    assert_flat(&f,
                fix_request(&f, KEY_A, "POST", SHARD,
                            "{\"source\":\"moon\",\"destination\":\"margined\",\"amount\":1}"),
                400, "bad_request");
    fix_end(&f);
}

static void an_allocation_totals_100_percent_or_is_empty(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char path[] = "/portfolio/target_balance_allocation";
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", path,
                              "{\"allocations\":[{\"exchange_index\":0,\"percent\":40},"
                              "{\"exchange_index\":2,\"percent\":60}]}"),
                  200);
    assert_string_equal(f.resp.body.p, "{}");
    assert_code(&f,
                fix_request(&f, KEY_A, "POST", path,
                            "{\"allocations\":[{\"exchange_index\":0,\"percent\":40}]}"),
                400, "invalid_parameters");
    assert_flat(&f,
                fix_request(&f, KEY_A, "POST", path,
                            "{\"allocations\":[],\"resting_margin_reservation\":\"x\"}"),
                400, "bad_request");
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "allocations")), 2);
    assert_shape(fix_get(f.body, "allocations/0"), "exchange_index:i percent:i");
    assert_status(&f, fix_request(&f, KEY_A, "POST", path, "{\"allocations\":[]}"), 200);
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "allocations")), 0);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subaccounts_are_numbered_from_1_to_63),
        cmocka_unit_test(money_moves_between_subaccounts_once_for_each_id),
        cmocka_unit_test(a_transfer_that_cannot_be_is_refused),
        cmocka_unit_test(a_subaccount_trades_with_its_own_money_and_has_its_own_position),
        cmocka_unit_test(an_order_of_a_subaccount_is_reached_by_naming_it),
        cmocka_unit_test(cancel_all_takes_one_subaccount_or_all),
        cmocka_unit_test(the_subaccounts_of_a_user_do_not_trade_with_each_other),
        cmocka_unit_test(the_subaccounts_of_a_user_trade_with_each_other_if_so_ruled),
        cmocka_unit_test(a_group_belongs_to_its_subaccount),
        cmocka_unit_test(the_netting_switch_is_kept_for_each_subaccount),
        cmocka_unit_test(money_moves_between_shards_in_ten_thousandths),
        cmocka_unit_test(a_shard_transfer_with_an_id_is_done_once),
        cmocka_unit_test(a_shard_transfer_that_cannot_be_is_refused),
        cmocka_unit_test(an_allocation_totals_100_percent_or_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
