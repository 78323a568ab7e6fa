#include "rest_fixture.h"

/* Buckets as the test sets them, one empty market. */
static struct fix with_budget(int64_t read, int64_t write)
{
    struct sim_config c = sim_config_default();
    c.markets = 0;
    c.read_rate = c.read_capacity = read;
    c.write_rate = c.write_capacity = write;
    struct fix f = fix_make(c);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"" MARKET "\"}");
    return f;
}

/* Buckets of a tier's rate under two rules; one empty market. */
static struct fix with_rules_of_budget(int seconds, bool every_shard)
{
    struct sim_config c = sim_config_default();
    c.markets = 0;
    c.rules.bucket_seconds = seconds;
    c.rules.auto_every_shard = every_shard;
    struct fix f = fix_make(c);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"" MARKET "\"}");
    return f;
}

/* How often a request passes before 429. */
static int passes(struct fix *f, const char *method, const char *path, const char *body)
{
    int n = 0;
    while (n < 1000 && fix_request(f, KEY_A, method, path, body) != 429) {
        n++;
    }
    assert_string_equal(f->resp.body.p, "{\"error\":\"too many requests\"}");
    expect_like(f, "rest_error_rate_limit_429.json");
    return n;
}

static void each_call_costs_what_the_sheet_says(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
        int cost;
    } rows[] = {
        {"GET", "/portfolio/balance", NULL, 10},
        {"GET", "/portfolio/orders", NULL, 10},
        {"GET", "/portfolio/orders/" UUID_0, NULL, 2},
        {"GET", "/portfolio/orders/" UUID_0 "/queue_position", NULL, 10},
        {"POST", "/portfolio/events/orders", "{}", 10},
        {"POST", "/portfolio/events/orders/" UUID_0 "/amend", "{}", 10},
        {"POST", "/portfolio/events/orders/" UUID_0 "/decrease", "{}", 10},
        {"DELETE", "/portfolio/events/orders/" UUID_0, NULL, 2},
        {"DELETE", "/portfolio/events/orders", NULL, 2},
        {"POST", "/portfolio/events/orders/batched", "{\"orders\":[{},{}]}", 20},
        {"DELETE", "/portfolio/events/orders/batched",
         "{\"orders\":[{\"order_id\":\"a\"},{\"order_id\":\"b\"},{\"order_id\":\"c\"}]}", 6},
        {"POST", "/portfolio/order_groups/create", "{}", 10},
        {"POST", "/account/api_usage_level/upgrade", NULL, 30},
        {"POST", "/portfolio/orders", "{}", 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fix f = with_budget(60, 60);
        int n = passes(&f, rows[i].method, rows[i].path, rows[i].body);
        if (n != 60 / rows[i].cost) {
            fail_msg("%s %s passes %d times", rows[i].method, rows[i].path, n);
        }
        fix_end(&f);
    }
}

static void reads_and_writes_have_a_bucket_each(void **state)
{
    (void)state;
    struct fix f = with_budget(20, 20);
    assert_int_equal(passes(&f, "GET", "/portfolio/balance", NULL), 2);
    assert_int_equal(passes(&f, "POST", "/portfolio/events/orders", "{}"), 2);
    fix_end(&f);
}

static void a_bucket_fills_with_its_rate_up_to_its_capacity(void **state)
{
    (void)state;
    struct fix f = with_budget(20, 20);
    assert_int_equal(passes(&f, "GET", "/portfolio/balance", NULL), 2);
    fix_advance(&f, NS_PER_SEC / 2 - 1);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 429);
    fix_advance(&f, 1);
    assert_int_equal(passes(&f, "GET", "/portfolio/balance", NULL), 1);
    fix_advance(&f, 3600 * NS_PER_SEC);
    assert_int_equal(passes(&f, "GET", "/portfolio/balance", NULL), 2);
    fix_end(&f);
}

static void rules_may_let_buckets_hold_three_seconds(void **state)
{
    (void)state;
    struct fix f = with_rules_of_budget(3, false);
    assert_status(&f, rest_get(&f, KEY_A, "/account/limits"), 200);
    assert_int_equal(json_integer_value(fix_get(f.body, "write/bucket_capacity")),
                     3 * json_integer_value(fix_get(f.body, "write/refill_rate")));
    assert_int_equal(json_integer_value(fix_get(f.body, "read/bucket_capacity")),
                     3 * json_integer_value(fix_get(f.body, "read/refill_rate")));
    fix_end(&f);
}

static void rules_may_bill_writes_without_a_shard_to_every_shard(void **state)
{
    (void)state;
    for (int every = 0; every < 2; every++) {
        struct fix f = with_rules_of_budget(1, every == 1);
        (void)passes(&f, "POST", "/portfolio/events/orders", "{\"exchange_index\":2}"); /* empty */
        /* The general bucket is full; only the rule looks at that of shard 2. */
        int n = passes(&f, "POST", "/portfolio/events/orders", "{}");
        assert_true(every == 1 ? n == 0 : n > 0);
        fix_end(&f);
    }
}

static void a_batch_must_fit_at_once_or_does_nothing(void **state)
{
    (void)state;
    struct fix f = with_budget(1000, 30);
    char a[2048];
    char body[16384];
    snprintf(a, sizeof a, "%s", order_text(MARKET, "", "bid", "1.00", "0.0100", GTC, ""));
    snprintf(body, sizeof body, "{\"orders\":[%s,%s,%s,%s]}", a, a, a, a);
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders/batched", body), 429);
    assert_int_equal(rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 0);
    snprintf(body, sizeof body, "{\"orders\":[%s,%s,%s]}", a, a, a); /* 30 are still there */
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders/batched", body), 201);
    fix_end(&f);
}

static void a_write_that_names_a_shard_is_billed_to_that_shard(void **state)
{
    (void)state;
    struct fix f = with_budget(1000, 20);
    assert_int_equal(passes(&f, "POST", "/portfolio/events/orders", "{\"exchange_index\":2}"), 2);
    assert_int_equal(passes(&f, "POST", "/portfolio/events/orders", "{\"exchange_index\":-1}"), 2);
    assert_int_equal(passes(&f, "POST", "/portfolio/events/orders", "{\"exchange_index\":0}"), 0);
    assert_int_equal(
        passes(&f, "DELETE", "/portfolio/events/orders/" UUID_0 "?exchange_index=3", NULL), 10);
    fix_end(&f);
}

static void limits_tell_the_buckets_that_are_used(void **state)
{
    (void)state;
    struct fix f = with_budget(200, 100);
    assert_status(&f, rest_get(&f, KEY_A, "/account/limits"), 200);
    expect_like(&f, "rest_account_limits.json");
    fix_end(&f);
}

static void costs_name_each_route_with_another_cost_than_10(void **state)
{
    (void)state;
    struct fix f = with_budget(200, 100);
    assert_status(&f, fix_request(&f, NULL, "GET", "/account/endpoint_costs", NULL), 200);
    assert_int_equal(json_integer_value(fix_get(f.body, "default_cost")), 10);
    char path[512];
    if (!shared_path("reference/messages/rest_account_endpoint_costs.json", path, sizeof path)) {
        fix_end(&f);
        return;
    }
    json_t *want = json_load_file(path, 0, NULL);
    size_t found = 0;
    size_t i;
    size_t k;
    json_t *a;
    json_t *b;
    json_array_foreach(fix_get(want, "endpoint_costs"), i, a)
    {
        const char *p = fix_text(a, "path");
        bool ours = strstr(p, "/portfolio/") != NULL || strstr(p, "/account/") != NULL;
        json_array_foreach(fix_get(f.body, "endpoint_costs"), k, b)
        {
            if (ours && json_equal(a, b)) {
                found++;
                ours = false;
            }
        }
        if (ours) {
            fail_msg("%s %s is not told", fix_text(a, "method"), p);
        }
    }
    assert_int_equal(found, 10);
    json_decref(want);
    fix_end(&f);
}

static void an_upgrade_needs_an_order_and_grants_advanced(void **state)
{
    (void)state;
    struct fix f = with_budget(200, 100);
    assert_code(&f, fix_request(&f, KEY_A, "POST", "/account/api_usage_level/upgrade", NULL), 403,
                "forbidden");
    assert_status(&f, place(&f, KEY_A, "c", "bid", "1.00", "0.0100", GTC, ""), 201);
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/account/api_usage_level/upgrade", NULL), 201);
    assert_int_equal(f.resp.body.n, 0);
    assert_status(&f, rest_get(&f, KEY_A, "/account/limits"), 200);
    assert_string_equal(fix_text(f.body, "usage_tier"), "advanced");
    assert_shape(fix_get(f.body, "grants/0"), "exchange_instance:s level:s source:s");
    assert_int_equal(json_integer_value(fix_get(f.body, "read/refill_rate")), 300);
    assert_int_equal(json_integer_value(fix_get(f.body, "write/refill_rate")), 300);
    assert_int_equal(json_integer_value(fix_get(f.body, "write/bucket_capacity")), 600);
    fix_advance(&f, 60 * NS_PER_SEC);
    assert_int_equal(passes(&f, "POST", "/portfolio/events/orders", "{}"), 60);
    assert_status(&f, rest_get(&f, KEY_B, "/account/limits"), 200);
    assert_string_equal(fix_text(f.body, "usage_tier"), "basic");
    fix_end(&f);
}

static void volume_progress_sums_the_last_30_days(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_B, "m", "ask", "2.50", "0.5000", "", id);
    placed(&f, KEY_A, "t", "bid", "2.50", "0.5000", "", id);
    static const char path[] = "/account/api_usage_level/volume_progress";
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_shape(fix_get(f.body, "volume_progress/0"),
                 "computed_ts:i goals:a trailing_30d_volume_fp:q");
    assert_string_equal(fix_text(f.body, "volume_progress/0/trailing_30d_volume_fp"), "2.50");
    fix_advance(&f, (mono_ns_t)31 * 86400 * NS_PER_SEC);
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_string_equal(fix_text(f.body, "volume_progress/0/trailing_30d_volume_fp"), "0.00");
    fix_end(&f);
}

static void the_tiers_are_those_of_the_sheet(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t read, write, read_s, write_s;
    } rows[] = {
        {"basic", 200, 100, 2, 1},       {"advanced", 300, 300, 2, 2},  {"expert", 600, 600, 1, 2},
        {"premier", 1200, 1200, 1, 2},   {"paragon", 2400, 2400, 1, 2}, {"prime", 4800, 4800, 1, 2},
        {"prestige", 12000, 9600, 1, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t read[2];
        int64_t write[2];
        assert_true(sim_tier_budget(rows[i].name, read, write));
        assert_int_equal(read[0], rows[i].read);
        assert_int_equal(read[1], rows[i].read * rows[i].read_s);
        assert_int_equal(write[0], rows[i].write);
        assert_int_equal(write[1], rows[i].write * rows[i].write_s);
    }
    int64_t none[2];
    assert_false(sim_tier_budget("gold", none, none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_costs_what_the_sheet_says),
        cmocka_unit_test(reads_and_writes_have_a_bucket_each),
        cmocka_unit_test(a_bucket_fills_with_its_rate_up_to_its_capacity),
        cmocka_unit_test(rules_may_let_buckets_hold_three_seconds),
        cmocka_unit_test(rules_may_bill_writes_without_a_shard_to_every_shard),
        cmocka_unit_test(a_batch_must_fit_at_once_or_does_nothing),
        cmocka_unit_test(a_write_that_names_a_shard_is_billed_to_that_shard),
        cmocka_unit_test(limits_tell_the_buckets_that_are_used),
        cmocka_unit_test(costs_name_each_route_with_another_cost_than_10),
        cmocka_unit_test(an_upgrade_needs_an_order_and_grants_advanced),
        cmocka_unit_test(volume_progress_sums_the_last_30_days),
        cmocka_unit_test(the_tiers_are_those_of_the_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
