/* Actions: what they do to the exchange, and what is said to a wrong one. */
#include "sim_fixture.h"

static struct fix fix_empty(void)
{
    struct sim_config c = sim_config_default();
    c.markets = 0;
    return fix_make(c);
}

/* The status of an action; its reply is left in *ret_reply. */
static enum status act(struct fix *f, const char *text, json_t **ret_reply)
{
    json_error_t at;
    json_t *action = json_loads(text, 0, &at);
    struct buf reply = {.max = 1 << 24};
    struct err err = {0};
    enum status st = sim_command(f->sim, action, f->wall, f->now, &reply, &err);
    json_decref(action);
    json_t *j = json_loadb(reply.p, reply.n, 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_is_true(json_object_get(j, "ok")), st == ST_OK);
    if (st != ST_OK) {
        assert_string_equal(fix_text(j, "error"), err.text);
    }
    buf_finish(&reply);
    if (ret_reply != NULL) {
        *ret_reply = j;
    } else {
        json_decref(j);
    }
    return st;
}

static void refused(struct fix *f, const char *text, const char *why)
{
    json_t *j = NULL;
    assert_int_not_equal(act(f, text, &j), ST_OK);
    if (strstr(fix_text(j, "error"), why) == NULL) {
        fail_msg("'%s' does not say '%s'", fix_text(j, "error"), why);
    }
    json_decref(j);
}

static void a_market_can_be_listed_while_running(void **state)
{
    (void)state;
    struct fix f = fix_empty();
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 404);
    assert_int_equal(act(&f,
                         "{\"do\":\"create_market\",\"market\":\"KXA-1-X\",\"yes\":[[\"0.40\","
                         "\"10.00\"]],\"no\":[[\"0.5\",\"3\"]]}",
                         NULL),
                     ST_OK);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "active");
    assert_string_equal(fix_text(f.body, "market/yes_bid_dollars"), "0.4000");
    assert_string_equal(fix_text(f.body, "market/yes_ask_dollars"), "0.5000");
    assert_string_equal(fix_text(f.body, "market/event_ticker"), "KXA-1");
    fix_end(&f);
}

static void a_wrong_action_is_refused_with_its_place(void **state)
{
    (void)state;
    struct fix f = fix_empty();
    assert_int_equal(act(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-X\"}", NULL), ST_OK);
    refused(&f, "[]", "key 'do'");
    refused(&f, "{\"do\":7}", "key 'do'");
    refused(&f, "{\"do\":\"fly\"}", "there is no action 'fly'");
    refused(&f, "{\"do\":\"close\"}", "close: key 'market' is missing");
    refused(&f, "{\"do\":\"close\",\"market\":5}", "close: key 'market' must be a ticker");
    refused(&f, "{\"do\":\"close\",\"market\":\"KXA-1-Y\"}", "there is no market KXA-1-Y");
    refused(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-X\"}", "exists already");
    refused(&f, "{\"do\":\"close\",\"market\":\"KXA-1-X\",\"when\":1}", "there is no key 'when'");
    refused(&f, "{\"do\":\"pause\",\"kind\":\"lunch\"}", "key 'kind' must be trading,exchange");
    refused(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-Z\",\"close_in\":\"soon\"}",
            "key 'close_in' must be a time");
    refused(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-Z\",\"close_in\":-1}",
            "key 'close_in' must be a time");
    refused(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-Z\",\"close_in\":1,\"open_in\":2}",
            "closes before it opens");
    refused(&f, "{\"do\":\"create_market\",\"market\":\"KXA-1-Z\",\"yes\":[[\"1.2\",\"1\"]]}",
            "key 'yes' must be an array");
    refused(&f, "{\"do\":\"fault\",\"fault\":\"flood\"}", "flood");
    refused(&f, "{\"do\":\"fault\",\"fault\":\"lag\",\"colour\":1}", "colour");
    refused(&f, "{\"do\":\"fault\",\"fault\":\"lag\",\"delay_ms\":\"5\"}", "delay_ms");
    fix_end(&f);
}

/* The file of a schema is what the table says. */
static void schema_is(const char *path, bool scenario)
{
    struct buf out = {.max = 1 << 20};
    sim_command_schema(&out, scenario);
    json_t *j = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    json_decref(j);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *file = calloc(1, out.n + 2);
    size_t n = fread(file, 1, out.n + 1, f);
    fclose(f);
    if (n != out.n || memcmp(file, out.p, n) != 0) {
        fail_msg("%s is out of date; make it anew with the target sim_schemas", path);
    }
    free(file);
    buf_finish(&out);
}

static void the_schemas_are_what_the_table_of_actions_says(void **state)
{
    (void)state;
    schema_is("docs/schemas/sim-action.json", false);
    schema_is("docs/schemas/scenario.json", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_market_can_be_listed_while_running),
        cmocka_unit_test(the_schemas_are_what_the_table_of_actions_says),
        cmocka_unit_test(a_wrong_action_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
