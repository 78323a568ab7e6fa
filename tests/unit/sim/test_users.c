#include "sim_fixture.h"

#define KEY_C "c0000000-0000-4000-8000-00000000000c"
#define KEY_D "d0000000-0000-4000-8000-00000000000d"

static struct fix with_users(const struct sim_user *users, size_t n)
{
    struct sim_config c = sim_config_default();
    c.rate = 1e-9;
    c.duration_ns = 0;
    c.users = users;
    c.n_users = n;
    return fix_make(c);
}

static void the_keys_of_a_user_reach_one_account_and_one_budget(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY_C, KEY_D};
    struct sim_user u = {.key_ids = keys, .n_keys = 2, .balance = 5 * USD_ONE};
    struct fix f = with_users(&u, 1);
    static const char *const both[] = {KEY_C, KEY_D};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fix_request(&f, both[i], "GET", "/portfolio/balance", NULL), 200);
        assert_string_equal(fix_text(f.body, "balance_dollars"), "5.0000");
    }
    for (int i = 0; i < 18; i++) { /* with the two above, a bucket of 200 */
        assert_int_equal(fix_request(&f, both[i % 2], "GET", "/portfolio/balance", NULL), 200);
    }
    assert_int_equal(fix_request(&f, KEY_C, "GET", "/portfolio/balance", NULL), 429);
    assert_int_equal(fix_request(&f, KEY_D, "GET", "/portfolio/balance", NULL), 429);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    fix_end(&f);
}

static void a_key_id_belongs_to_one_user_only(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY_A}; /* the fixture's first user has it */
    struct sim_user u = {.key_ids = keys, .n_keys = 1, .balance = -1};
    struct sim_config c = sim_config_default();
    c.users = &u;
    c.n_users = 1;
    struct fix f;
    struct err err = {0};
    assert_int_equal(fix_try(&f, c, &err), ST_INVALID);
    assert_non_null(strstr(err.text, KEY_A));
    buf_finish(&f.resp.body);
}

static void a_user_made_while_running_may_trade(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY_C};
    struct sim_user u = {.key_ids = keys, .n_keys = 1, .balance = -1};
    struct fix f = with_users(NULL, 0);
    struct err err = {0};
    uint32_t user = 0;
    assert_int_equal(fix_request(&f, KEY_C, "GET", "/portfolio/balance", NULL), 401);
    assert_int_equal(sim_add_user(f.sim, &u, &user, &err), ST_OK);
    assert_int_equal(user, 2);
    assert_int_equal(fix_request(&f, KEY_C, "GET", "/portfolio/balance", NULL), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1000.0000");
    assert_int_equal(sim_add_user(f.sim, &u, &user, &err), ST_INVALID);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_of_a_user_reach_one_account_and_one_budget),
        cmocka_unit_test(a_key_id_belongs_to_one_user_only),
        cmocka_unit_test(a_user_made_while_running_may_trade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
