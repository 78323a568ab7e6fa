#include "rest_fixture.h"

/* A maker that counts; every PEM text that begins with "-----" is a key. */
struct maker {
    int added, generated, removed;
};

static enum status maker_add(void *self, struct text key_id, const char *pem, size_t n)
{
    (void)key_id;
    if (n < 5 || memcmp(pem, "-----", 5) != 0) {
        return ST_INVALID;
    }
    ((struct maker *)self)->added++;
    return ST_OK;
}

static enum status maker_generate(void *self, struct text key_id, bool ed25519, struct buf *ret_pem)
{
    (void)key_id;
    ((struct maker *)self)->generated++;
    buf_str(ret_pem, ed25519 ? "-----ed" : "-----rsa");
    return ST_OK;
}

static void maker_remove(void *self, struct text key_id)
{
    (void)key_id;
    ((struct maker *)self)->removed++;
}

static struct fix with_maker(struct maker *m, const char *tier)
{
    struct sim_config c = sim_config_default();
    c.tier_name = tier;
    struct fix f = rest_with(c);
    struct sim_keys keys = {
        .self = m, .add = maker_add, .generate = maker_generate, .remove = maker_remove};
    *m = (struct maker){0};
    sim_set_keys(f.sim, &keys);
    return f;
}

/* Generate a key of KEY_A's user; more: of the body. */
static void generate(struct fix *f, const char *more, char id[64])
{
    char body[256];
    snprintf(body, sizeof body, "{\"name\":\"bot\"%s}", more);
    assert_status(f, fix_request(f, KEY_A, "POST", "/api_keys/generate", body), 201);
    snprintf(id, 64, "%s", fix_text(f->body, "api_key_id"));
}

static void a_generated_key_is_rsa_unless_ed25519_is_asked_for(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    char id[64];
    generate(&f, "", id);
    assert_shape(f.body, "api_key_id:u key_type:s private_key:s");
    assert_string_equal(fix_text(f.body, "private_key"), "-----rsa");
    assert_status(&f, rest_get(&f, id, "/portfolio/balance"), 200);
    generate(&f, ",\"key_type\":\"ed25519\"", id);
    assert_string_equal(fix_text(f.body, "private_key"), "-----ed");
    assert_flat(&f,
                fix_request(&f, KEY_A, "POST", "/api_keys/generate",
                            "{\"name\":\"bot\",\"key_type\":\"dsa\"}"),
                400, "bad_request");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", "/api_keys/generate", "{}"), 400, "bad_request");
    assert_int_equal(m.generated, 2);
    fix_end(&f);
}

static void keys_are_listed_and_a_deleted_one_is_unknown(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    char id[64];
    generate(&f, ",\"scopes\":[\"read\"],\"subaccount\":0", id);
    assert_status(&f, rest_get(&f, KEY_A, "/api_keys"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "api_keys")), 2);
    assert_shape(fix_get(f.body, "api_keys/0"), "api_key_id:u name:s scopes:a");
    assert_shape(fix_get(f.body, "api_keys/1"), "api_key_id:u name:s scopes:a subaccount:i");
    assert_string_equal(fix_text(f.body, "api_keys/0/scopes/1"), "write");
    assert_string_equal(fix_text(f.body, "api_keys/1/name"), "bot");
    assert_int_equal(json_array_size(fix_get(f.body, "api_keys/1/scopes")), 1);
    assert_code(&f, rest_at(&f, KEY_B, "DELETE", "/api_keys/%s", id, NULL), 404, "not_found");
    assert_int_equal(rest_at(&f, KEY_A, "DELETE", "/api_keys/%s", id, NULL), 204);
    assert_int_equal(f.resp.body.n, 0);
    assert_int_equal(m.removed, 1);
    assert_int_equal(rest_get(&f, id, "/portfolio/balance"), 401);
    assert_code(&f, rest_at(&f, KEY_A, "DELETE", "/api_keys/%s", id, NULL), 404, "not_found");
    fix_end(&f);
}

static void a_public_key_of_ones_own_needs_the_tier_premier_and_pem(void **state)
{
    (void)state;
    struct maker m;
    static const char good[] = "{\"name\":\"bot\",\"public_key\":\"-----BEGIN\"}";
    struct fix f = with_maker(&m, "basic");
    assert_code(&f, fix_request(&f, KEY_A, "POST", "/api_keys", good), 403, "forbidden");
    fix_end(&f);
    f = with_maker(&m, "premier");
    assert_status(&f, fix_request(&f, KEY_A, "POST", "/api_keys", good), 201);
    assert_shape(f.body, "api_key_id:u");
    assert_code(
        &f, fix_request(&f, KEY_A, "POST", "/api_keys", "{\"name\":\"bot\",\"public_key\":\"x\"}"),
        400, "invalid_parameters");
    assert_flat(&f, fix_request(&f, KEY_A, "POST", "/api_keys", "{\"name\":\"bot\"}"), 400,
                "bad_request");
    assert_int_equal(m.added, 1);
    fix_end(&f);
}

static void scopes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    static const char *const rows[] = {"[\"write\"]", "[]", "[\"all\"]", "[7]", "\"read\""};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"name\":\"bot\",\"scopes\":%s}", rows[i]);
        assert_flat(&f, fix_request(&f, KEY_A, "POST", "/api_keys/generate", body), 400,
                    "bad_request");
    }
    assert_int_equal(m.generated, 0);
    fix_end(&f);
}

static void a_key_without_the_scope_is_forbidden(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    static const struct {
        const char *scopes, *method, *path;
        bool may;
    } rows[] = {
        {"[\"read\"]", "GET", "/portfolio/orders", true},
        {"[\"read\"]", "DELETE", "/portfolio/events/orders", false},
        {"[\"read\",\"write\"]", "DELETE", "/portfolio/events/orders", true},
        {"[\"read\"]", "POST", "/portfolio/subaccounts", false},
        {"[\"read::portfolio_balance\"]", "GET", "/portfolio/balance", true},
        {"[\"read::portfolio_balance\"]", "GET", "/portfolio/orders", false},
        {"[\"write::trade\"]", "DELETE", "/portfolio/events/orders", true},
        {"[\"write::trade\"]", "POST", "/portfolio/subaccounts/transfer", false},
        {"[\"write::trade\"]", "GET", "/portfolio/orders", false},
        {"[\"write::transfer\"]", "POST", "/portfolio/subaccounts/transfer", true},
        {"[\"write::transfer\"]", "DELETE", "/portfolio/events/orders", false},
        {"[\"read::block_trade_accept\"]", "GET", "/portfolio/orders", false},
        {"[\"write::block_trade_accept\"]", "DELETE", "/portfolio/events/orders", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[64];
        char more[128];
        snprintf(more, sizeof more, ",\"scopes\":%s", rows[i].scopes);
        generate(&f, more, id);
        int status = fix_request(&f, id, rows[i].method, rows[i].path, "{}");
        if ((status == 403) == rows[i].may) {
            fail_msg("%s %s with %s: %d", rows[i].method, rows[i].path, rows[i].scopes, status);
        }
        if (!rows[i].may) {
            assert_string_equal(fix_text(f.body, "error/code"), "forbidden");
        }
    }
    fix_end(&f);
}

static void a_locked_key_sees_and_moves_its_subaccount_only(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    char id[64];
    char order[64];
    assert_status(&f, fix_request(&f, KEY_A, "POST", "/portfolio/subaccounts", "{}"), 201);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/subaccounts/transfer",
                              "{\"client_transfer_id\":\"" UUID_0 "\",\"from_subaccount\":0,"
                              "\"to_subaccount\":1,\"amount_cents\":700}"),
                  200);
    generate(&f, ",\"subaccount\":1", id);
    assert_status(&f, rest_get(&f, id, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "7.0000");
    assert_null(fix_get(f.body, "balance_breakdown"));
    placed(&f, id, "c1", "bid", "1.00", "0.5000", "", order);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?subaccount=1"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/order_id"), order);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.5000", "", order);
    assert_status(&f, rest_get(&f, id, "/portfolio/orders"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "orders")), 1);
    assert_code(&f, rest_at(&f, id, "GET", "/portfolio/orders/%s", order, NULL), 404, "not_found");
    assert_code(&f, rest_get(&f, id, "/portfolio/orders?subaccount=0"), 403, "forbidden");
    assert_code(&f, place(&f, id, "c3", "bid", "1.00", "0.5000", GTC, ",\"subaccount\":0"), 403,
                "forbidden");
    assert_status(&f, place(&f, id, "c4", "bid", "1.00", "0.5000", GTC, ",\"subaccount\":1"), 201);
    assert_code(&f, fix_request(&f, id, "POST", "/portfolio/subaccounts", "{}"), 403, "forbidden");
    assert_status(&f, rest_get(&f, id, "/portfolio/subaccounts/balances"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "subaccount_balances")), 1);
    fix_end(&f);
}

/* user_order messages so far. */
static size_t orders_told(const struct peer *p)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        n += strcmp(fix_text(json_array_get(p->frames, i), "type"), "user_order") == 0;
    }
    return n;
}

static void a_connection_of_a_locked_key_hears_of_its_subaccount_only(void **state)
{
    (void)state;
    struct maker m;
    struct fix f = with_maker(&m, "basic");
    static const char follow[] =
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"user_orders\"]}}";
    char id[64];
    char order[64];
    assert_status(&f, fix_request(&f, KEY_A, "POST", "/portfolio/subaccounts", "{}"), 201);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/subaccounts/transfer",
                              "{\"client_transfer_id\":\"" UUID_0 "\",\"from_subaccount\":0,"
                              "\"to_subaccount\":1,\"amount_cents\":700}"),
                  200);
    generate(&f, ",\"subaccount\":1", id);
    struct peer *locked = fix_connect(&f, id);
    struct peer *whole = fix_connect(&f, KEY_A);
    fix_frame(&f, locked, follow);
    fix_frame(&f, whole, follow);
    placed(&f, KEY_A, "c1", "bid", "1.00", "0.5000", "", order);
    placed(&f, KEY_A, "c2", "bid", "1.00", "0.5000", ",\"subaccount\":1", order);
    assert_int_equal(orders_told(whole), 2);
    assert_int_equal(orders_told(locked), 1);
    assert_string_equal(fix_text(fix_nth(locked, -1), "msg/client_order_id"), "c2");
    fix_disconnect(&f, locked);
    fix_disconnect(&f, whole);
    fix_end(&f);
}

static void without_a_maker_no_key_is_made(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, fix_request(&f, KEY_A, "POST", "/api_keys/generate", "{\"name\":\"bot\"}"), 500,
                "internal_server_error");
    assert_status(&f, rest_get(&f, KEY_A, "/api_keys"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "api_keys")), 1);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generated_key_is_rsa_unless_ed25519_is_asked_for),
        cmocka_unit_test(keys_are_listed_and_a_deleted_one_is_unknown),
        cmocka_unit_test(a_public_key_of_ones_own_needs_the_tier_premier_and_pem),
        cmocka_unit_test(scopes_that_cannot_be_are_refused),
        cmocka_unit_test(a_key_without_the_scope_is_forbidden),
        cmocka_unit_test(a_locked_key_sees_and_moves_its_subaccount_only),
        cmocka_unit_test(a_connection_of_a_locked_key_hears_of_its_subaccount_only),
        cmocka_unit_test(without_a_maker_no_key_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
