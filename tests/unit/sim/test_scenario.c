/* Scenarios: read whole before they start, then done at their times. */
#include "sim_fixture.h"

static struct fix fix_scaled(double scale)
{
    struct sim_config c = sim_config_default();
    c.markets = 0;
    c.time_scale = scale;
    return fix_make(c);
}

static enum status load(struct fix *f, const char *text, struct err *err)
{
    return sim_load_scenario(f->sim, "evening.json", text_of(text), err);
}

static void refused(const char *text, enum status st, const char *why)
{
    struct fix f = fix_scaled(1);
    struct err err = {0};
    assert_int_equal(load(&f, text, &err), st);
    if (strncmp(err.text, "evening.json: ", 14) != 0 || strstr(err.text, why) == NULL) {
        fail_msg("'%s' does not say '%s'", err.text, why);
    }
    fix_advance(&f, NS_PER_SEC); /* nothing of it happens */
    assert_null(sim_market(f.sim, 0));
    fix_end(&f);
}

#define ONE(keys) "{\"actions\":[{" keys "}]}"
#define MADE      "{\"at\":0,\"do\":\"create_market\",\"market\":\"KXA-1-X\"}"

static void a_wrong_scenario_is_refused_before_anything_happens(void **state)
{
    (void)state;
    refused("", ST_MALFORMED, "line 1");
    refused("{\"actions\":[\n{\"at\":1,]}", ST_MALFORMED, "line 2");
    refused("{\"actions\":[],\"actions\":[]}", ST_MALFORMED, "duplicate");
    refused("[]", ST_INVALID, "array 'actions'");
    refused("{\"actions\":{}}", ST_INVALID, "array 'actions'");
    refused("{\"actions\":[],\"then\":1}", ST_INVALID, "there is no key 'then'");
    refused("{\"actions\":[],\"title\":1}", ST_INVALID, "key 'title' must be text");
    refused("{\"actions\":[" MADE ",7]}", ST_INVALID, "action 2: not an object");
    refused(ONE("\"do\":\"resume\""), ST_INVALID, "action 1: key 'at' is missing");
    refused(ONE("\"at\":\"soon\",\"do\":\"resume\""), ST_INVALID, "action 1: key 'at' must be");
    refused(ONE("\"at\":-1,\"do\":\"resume\""), ST_INVALID, "action 1: key 'at' must be");
    refused(ONE("\"at\":\"1y\",\"do\":\"resume\""), ST_INVALID, "action 1: key 'at' must be");
    refused(ONE("\"at\":1"), ST_INVALID, "action 1: an action is an object with the key 'do'");
    refused(ONE("\"at\":1,\"do\":\"fly\""), ST_INVALID, "action 1: there is no action 'fly'");
    refused("{\"actions\":[" MADE ",{\"at\":1,\"do\":\"close\",\"market\":\"KXA-1-Y\"}]}",
            ST_INVALID, "action 2: close: key 'market': there is no market KXA-1-Y");
    refused("{\"actions\":[{\"at\":1,\"do\":\"close\",\"market\":\"KXA-1-X\"},"
            "{\"at\":2,\"do\":\"create_market\",\"market\":\"KXA-1-X\"}]}",
            ST_INVALID, "action 1: close: key 'market': there is no market KXA-1-X");
    refused("{\"actions\":[" MADE "," MADE "]}", ST_INVALID, "market KXA-1-X exists already");
    refused("{\"actions\":[" MADE ",{\"at\":1,\"do\":\"create_event\",\"event\":\"KXA-1\"}]}",
            ST_INVALID, "event KXA-1 exists already");
    refused("{\"actions\":[" MADE ",{\"at\":1,\"do\":\"determine\",\"market\":\"KXA-1-X\","
            "\"result\":\"scalar\"}]}",
            ST_INVALID, "action 2: determine: key 'value'");
    refused(ONE("\"at\":1,\"do\":\"fault\",\"fault\":\"flood\""), ST_INVALID, "flood");
}

static void actions_are_done_at_their_times_whatever_their_order_in_the_file(void **state)
{
    (void)state;
    struct fix f = fix_scaled(1);
    struct err err = {0};
    assert_int_equal(
        load(&f,
             "{\"actions\":[{\"at\":\"20s\",\"do\":\"deactivate\",\"market\":\"KXA-1-X\"},"
             "{\"at\":\"500ms\",\"do\":\"create_market\",\"market\":\"KXA-1-X\"}]}",
             &err),
        ST_OK);
    fix_advance(&f, 0);
    assert_null(sim_market(f.sim, 0));
    assert_int_equal(sim_deadline(f.sim), f.now + NS_PER_SEC / 2);
    fix_advance(&f, NS_PER_SEC / 2);
    assert_string_equal(sim_market(f.sim, 0), "KXA-1-X");
    fix_advance(&f, 19 * NS_PER_SEC);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "active");
    assert_false(sim_finished(f.sim));
    fix_advance(&f, NS_PER_SEC / 2);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "inactive");
    assert_true(sim_finished(f.sim));
    fix_end(&f);
}

static void a_scaled_schedule_runs_faster_in_all_its_times(void **state)
{
    (void)state;
    struct fix f = fix_scaled(60);
    struct err err = {0};
    assert_int_equal(
        load(&f,
             "{\"actions\":[{\"at\":\"1m\",\"do\":\"create_market\",\"market\":\"KXA-1-X\","
             "\"close_in\":\"10m\",\"settlement_timer_seconds\":120},{\"at\":\"12m\",\"do\":"
             "\"determine\",\"market\":\"KXA-1-X\",\"result\":\"yes\"}]}",
             &err),
        ST_OK);
    fix_advance(&f, 0);
    fix_advance(&f, NS_PER_SEC); /* 1 minute */
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/close_time"), "2026-11-23T08:00:11Z");
    fix_advance(&f, 10 * NS_PER_SEC); /* 11 minutes */
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "closed");
    fix_advance(&f, NS_PER_SEC); /* 12 minutes: determined; the timer is 2 s */
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "determined");
    assert_int_equal(json_integer_value(fix_get(f.body, "market/settlement_timer_seconds")), 120);
    assert_false(sim_finished(f.sim));
    fix_advance(&f, 2 * NS_PER_SEC);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXA-1-X", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "finalized");
    assert_true(sim_finished(f.sim));
    fix_end(&f);
}

static void what_is_not_possible_when_its_time_comes_is_told_and_counted(void **state)
{
    (void)state;
    struct fix f = fix_scaled(1);
    struct err err = {0};
    struct sim_step step;
    assert_int_equal(load(&f,
                          "{\"actions\":[" MADE ",{\"at\":0,\"do\":\"activate\",\"market\":"
                          "\"KXA-1-X\"},{\"at\":0,\"do\":\"close\",\"market\":\"KXA-1-X\"}]}",
                          &err),
                     ST_OK);
    fix_advance(&f, 0);
    assert_true(sim_next_step(f.sim, &step));
    assert_null(step.error);
    assert_true(sim_next_step(f.sim, &step));
    assert_int_equal(step.number, 2);
    assert_string_equal(step.name, "activate");
    assert_string_equal(step.error, "market KXA-1-X is active: it cannot be activated");
    assert_true(sim_next_step(f.sim, &step));
    assert_null(step.error);
    assert_false(sim_next_step(f.sim, &step));
    json_t *d = fix_dump(&f);
    assert_int_equal(json_integer_value(fix_get(d, "counters/scenario_errors")), 1);
    json_decref(d);
    fix_end(&f);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    size_t n = fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    assert_true(n > 0);
    return text;
}

/* A message of the lifecycle channel about a market, of a type; NULL: there was none. */
static json_t *told(const struct peer *p, const char *market, const char *event_type)
{
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *j = json_array_get(p->frames, i);
        if (strcmp(fix_text(j, "msg/market_ticker"), market) == 0 &&
            strcmp(fix_text(j, "msg/event_type"), event_type) == 0) {
            return j;
        }
    }
    return NULL;
}

static void the_example_runs_to_its_end(void **state)
{
    (void)state;
    static const char t70[] = "KXDEMO-26NOV27-T70";
    static const char rain[] = "KXDEMORAIN-26NOV27-MM";
    struct fix f = fix_scaled(1);
    struct err err = {0};
    char *text = read_file("examples/scenario.json");
    if (load(&f, text, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    free(text);
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(
        &f, p,
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"market_lifecycle_v2\"]}}");
    for (int i = 0; i < 25 * 10; i++) { /* beyond the fault that cuts connections */
        fix_advance(&f, NS_PER_SEC / 10);
    }
    assert_non_null(told(p, t70, "created"));
    assert_non_null(told(p, rain, "created"));
    assert_non_null(told(p, "KXDEMO-26NOV27-B60", "deactivated"));
    assert_non_null(told(p, "KXDEMO-26NOV27-B60", "activated"));
    assert_non_null(told(p, t70, "price_level_structure_updated"));
    assert_true(p->closed);
    fix_disconnect(&f, p);
    p = fix_connect(&f, KEY_A);
    fix_frame(
        &f, p,
        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"market_lifecycle_v2\"]}}");
    for (int i = 0; i < 36 * 10 && !sim_finished(f.sim); i++) {
        fix_advance(&f, NS_PER_SEC / 10);
    }
    assert_true(sim_finished(f.sim));
    struct sim_step step;
    while (sim_next_step(f.sim, &step)) {
        if (step.error != NULL) {
            fail_msg("action %u: %s", step.number, step.error);
        }
    }
    assert_string_equal(fix_text(told(p, rain, "determined"), "msg/settlement_value"), "0.4300");
    assert_non_null(told(p, rain, "settled"));
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets?status=settled", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "markets")), 3);
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXDEMO-26NOV27-T70", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/result"), "no");
    assert_string_equal(fix_text(f.body, "market/volume_fp"), "15.00");
    fix_disconnect(&f, p);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_scenario_is_refused_before_anything_happens),
        cmocka_unit_test(actions_are_done_at_their_times_whatever_their_order_in_the_file),
        cmocka_unit_test(a_scaled_schedule_runs_faster_in_all_its_times),
        cmocka_unit_test(what_is_not_possible_when_its_time_comes_is_told_and_counted),
        cmocka_unit_test(the_example_runs_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
