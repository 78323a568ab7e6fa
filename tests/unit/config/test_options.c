/* test_options.c - claims about the option tables of the commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/options.h"

static char *const env[] = {"HOME=/h", NULL};

static const struct option_table *const tables[] = {&run_option_table, &sim_option_table};

static const struct config_option *row(const struct option_table *t, const char *section,
                                       const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i].section, section) == 0 && strcmp(t->v[i].name, name) == 0) {
            return &t->v[i];
        }
    }
    fail_msg("no option [%s] %s", section, name);
    return NULL;
}

static struct config *run_defaults(struct run_options *o)
{
    struct config *c = NULL;
    assert_int_equal(config_create(&run_option_table, env, o, &c), ST_OK);
    return c;
}

static void flags_and_places_in_the_struct_are_unique(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct option_table *t = tables[k];
        for (size_t i = 0; i < t->n; i++) {
            assert_true(strlen(t->v[i].help) > 10);
            assert_true(t->v[i].offset < t->size);
            for (size_t j = i + 1; j < t->n; j++) {
                const struct config_option *a = &t->v[i], *b = &t->v[j];
                assert_true(a->offset != b->offset);
                assert_true(strcmp(a->section, b->section) != 0 || strcmp(a->name, b->name) != 0);
                assert_true(a->alias == NULL || b->alias == NULL ||
                            strcmp(a->alias, b->alias) != 0);
            }
        }
    }
}

static void a_section_stands_in_one_piece(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct option_table *t = tables[k];
        for (size_t i = 1; i < t->n; i++) {
            if (strcmp(t->v[i].section, t->v[i - 1].section) == 0) {
                continue;
            }
            for (size_t j = 0; j + 1 < i; j++) {
                assert_string_not_equal(t->v[i].section, t->v[j].section);
            }
        }
    }
}

static void run_has_the_documented_defaults(void **state)
{
    (void)state;
    struct run_options o;
    struct config *c = run_defaults(&o);
    struct err err = {0};
    assert_int_equal(run_options_check(&o, &err), ST_OK);
    assert_int_equal(o.exchange.request_timeout_ms, 5000);
    assert_false(o.exchange.live);
    assert_string_equal(o.feed.status, "open");
    assert_int_equal(o.feed.limit, 100);
    assert_int_equal(o.feed.discovery_interval_s, 60);
    assert_true(o.feed.trades && !o.feed.use_yes_price);
    assert_int_equal(o.feed.data_timeout_ms, 60000);
    assert_int_equal(o.store.rows_max, 100);
    assert_int_equal(o.store.interval_ms, 1000);
    assert_string_equal(o.store.path, "/h/.local/share/deltaflow/deltaflow.sqlite");
    assert_int_equal(o.actor.throttle_ms, 250);
    assert_int_equal(o.actor.breaker_errors, 10);
    assert_int_equal(o.actor.breaker_cooldown_s, 300);
    assert_int_equal(o.actor.slow_turn_ms, 50);
    assert_int_equal(o.actor.message_age_ms, 5000);
    assert_int_equal(o.features.mirror, 100);
    assert_int_equal(o.policy.kind, POLICY_KIND_HOLD);
    assert_int_equal(o.orders.trading, TRADING_AUTO);
    assert_int_equal(o.orders.count, 10 * QTY_ONE);
    assert_int_equal(o.orders.pricing, PRICING_AGGRESSIVE);
    assert_int_equal(o.orders.position_read_delay_ms, 100);
    assert_int_equal(o.orders.replace_distance, PX_CENT);
    assert_string_equal(o.orders.journal, "/h/.local/state/deltaflow/orders.journal");
    assert_int_equal(o.orders.clock_window_ms, 60000);
    assert_true(o.orders.cancel_on_stop && !o.orders.allow_short);
    assert_int_equal(o.run.log_level, LOG_INFO);
    config_destroy(c);
}

static void enum_numbers_and_texts_are_those_of_the_choices(void **state)
{
    (void)state;
    static const struct {
        const struct option_table *t;
        const char *section, *name;
        const char *(*text)(int);
        int n;
    } cases[] = {{&run_option_table, "policy", "kind", policy_kind_text, 3},
                 {&sim_option_table, "sim", "fee_type", fee_kind_text, 2},
                 {&sim_option_table, "sim", "tier", tier_kind_text, 7}};
    for (size_t i = 0; i < 3; i++) {
        char joined[200] = "";
        for (int k = 0; k < cases[i].n; k++) {
            strcat(joined, k > 0 ? "|" : "");
            strcat(joined, cases[i].text(k));
        }
        assert_string_equal(joined, row(cases[i].t, cases[i].section, cases[i].name)->choices);
        assert_string_equal(cases[i].text(cases[i].n), "unknown");
        assert_string_equal(cases[i].text(-1), "unknown");
    }
    const char *levels[] = {"error", "warn", "info", "debug"};
    for (int k = 0; k < 4; k++) {
        assert_int_equal(log_level_parse(levels[k]), k);
    }
}

static void set(struct config *c, const char *section, const char *name, const char *value)
{
    struct err err = {0};
    if (config_set(c, section, name, value, "test", &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
}

static void options_that_need_each_other_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *section, *name, *value, *section2, *name2, *value2, *message;
    } cases[] = {
        {"policy", "kind", "ppo", NULL, NULL, NULL, "needs [policy] model"},
        {"exchange", "key_id", "k", NULL, NULL, NULL, "key_file is not set"},
        {"exchange", "key_file", "/k", NULL, NULL, NULL, "key_id is not set"},
        {"orders", "trading", "on", NULL, NULL, NULL, "needs [exchange] key_id"},
        {"feed", "reconnect_min_ms", "600", "feed", "reconnect_max_ms", "500", "greater"},
        {"orders", "count", "10.01", "risk", "max_order_count", "10", "max_order_count"},
        {"orders", "market_orders", "3", "risk", "max_open_orders", "2", "max_open_orders"},
        {"risk", "max_order_count", "11", "risk", "group_contracts", "10", "group_contracts"},
        {"control", "heartbeat", "/x/j", "orders", "journal", "/x/j", "the same file: /x/j"},
        {"control", "heartbeat", "/x/j", "control", "socket", "/x/j", "the same file: /x/j"},
        {"store", "path", "/x/j", "orders", "journal", "/x/j", "the same file: /x/j"},
        {"exchange", "rest_url", "http://127.0.0.1/x", NULL, NULL, NULL, "https://"},
        {"exchange", "rest_url", "https://api.elections.kalshi.com/trade-api/v2", NULL, NULL, NULL,
         "production"},
        {"exchange", "ws_url", "wss://u@EXTERNAL-API-WS.KALSHI.COM.:443/x", NULL, NULL, NULL,
         "production"},
        {"bus", "market_ring_bytes", "65536", NULL, NULL, NULL, "levels_max"},
        {"bus", "answer_ring_bytes", "131072", NULL, NULL, NULL, "answer_ring_bytes"},
        {"store", "ring_bytes", "131072", "feed", "levels_max", "2", "an answer takes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run_options o;
        struct config *c = run_defaults(&o);
        struct err err = {0};
        set(c, cases[i].section, cases[i].name, cases[i].value);
        if (cases[i].section2 != NULL) {
            set(c, cases[i].section2, cases[i].name2, cases[i].value2);
        }
        assert_int_equal(run_options_check(&o, &err), ST_INVALID);
        if (strstr(err.text, cases[i].message) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].message);
        }
        config_destroy(c);
    }
}

static void production_is_allowed_with_live_and_demo_without(void **state)
{
    (void)state;
    struct run_options o;
    struct config *c = run_defaults(&o);
    struct err err = {0};
    set(c, "exchange", "rest_url", "https://demo-api.kalshi.co/trade-api/v2?x=kalshi.com");
    assert_int_equal(run_options_check(&o, &err), ST_OK);
    set(c, "exchange", "rest_url", "https://external-api.kalshi.com/trade-api/v2");
    assert_int_equal(run_options_check(&o, &err), ST_INVALID);
    set(c, "exchange", "live", "true");
    assert_int_equal(run_options_check(&o, &err), ST_OK);
    config_destroy(c);
}

static void paper_needs_no_live_and_excludes_it_and_has_a_journal_of_its_own(void **state)
{
    (void)state;
    struct run_options o;
    struct config *c = run_defaults(&o);
    struct err err = {0};
    assert_false(o.paper.enabled);
    assert_int_equal(o.paper.balance, 10000 * USD_ONE);
    assert_int_equal(o.paper.queue_model, PAPER_QUEUE_PESSIMISTIC);
    assert_string_equal(o.paper.journal, "/h/.local/state/deltaflow/paper.journal");
    set(c, "exchange", "rest_url", "https://external-api.kalshi.com/trade-api/v2");
    set(c, "paper", "enabled", "true");
    assert_int_equal(run_options_check(&o, &err), ST_OK);
    set(c, "exchange", "live", "true");
    assert_int_equal(run_options_check(&o, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "exclude each other"));
    set(c, "exchange", "live", "false");
    set(c, "paper", "journal", o.orders.journal);
    assert_int_equal(run_options_check(&o, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "journal"));
    config_destroy(c);
}

static void without_home_the_check_says_which_path_is_missing(void **state)
{
    (void)state;
    char *const none[] = {NULL};
    struct run_options o;
    struct sim_options s;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(config_create(&run_option_table, none, &o, &c), ST_OK);
    assert_int_equal(run_options_check(&o, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "journal"));
    config_destroy(c);
    assert_int_equal(config_create(&sim_option_table, none, &s, &c), ST_OK);
    assert_int_equal(sim_options_check(&s, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "state_dir"));
    config_destroy(c);
}

static void faults_are_split_into_name_time_and_count(void **state)
{
    (void)state;
    struct text name;
    double seconds = -1;
    uint32_t n = 0;
    assert_int_equal(sim_fault_split("cut@5", &name, &seconds, &n), ST_OK);
    assert_true(text_equal(name, TEXT("cut")) && seconds == 5.0 && n == 1);
    assert_int_equal(sim_fault_split("http_429@0.25*3", &name, &seconds, &n), ST_OK);
    assert_true(text_equal(name, TEXT("http_429")) && seconds == 0.25 && n == 3);
    assert_int_equal(sim_fault_split("lag@2*4:for=3:delay_ms=9", &name, &seconds, &n), ST_OK);
    assert_true(text_equal(name, TEXT("lag")) && seconds == 2 && n == 4);
    assert_true(sim_fault_goes_on("delay_ms=9") && !sim_fault_goes_on("cut@1:user=1"));
    const char *bad[] = {"",         "cut",       "@5",     "cut@",    "cut@x",
                         "cut@-1",   "cut@1e3",   "cut@1*", "cut@1*0", "cut@1*x",
                         "cut@1*2x", "cut@1.2.3", "cut@nan"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sim_fault_split(bad[i], &name, &seconds, &n), ST_MALFORMED);
    }
    char *const argv[] = {"sim", "--fault", "cut@1", "--fault=http_500@2*2", NULL};
    struct sim_options s;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    assert_int_equal(config_create(&sim_option_table, env, &s, &c), ST_OK);
    assert_int_equal(config_read_flags(c, 4, argv, &args, &err), ST_OK);
    assert_int_equal(s.faults.n, 2);
    assert_int_equal(sim_options_check(&s, &err), ST_OK);
    set(c, "sim", "faults", "lag@1:for=2,delay_ms=5,cut@3"); /* commas part keys as well */
    assert_int_equal(s.faults.n, 3);
    assert_int_equal(sim_options_check(&s, &err), ST_OK);
    set(c, "sim", "faults", "cut");
    assert_int_equal(sim_options_check(&s, &err), ST_INVALID);
    config_destroy(c);
}

static void help_names_every_flag_and_keeps_to_the_width(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        config_help(tables[k], &out);
        assert_false(out.failed);
        for (size_t i = 0; i < tables[k]->n; i++) {
            char flag[128];
            snprintf(flag, sizeof flag, "--%s-%s", tables[k]->v[i].section, tables[k]->v[i].name);
            for (char *p = flag; *p != '\0'; p++) {
                *p = *p == '_' ? '-' : *p;
            }
            assert_non_null(strstr(out.p, flag));
        }
        for (const char *p = out.p; *p != '\0';) {
            size_t n = strcspn(p, "\n");
            assert_true(n <= 100);
            p += n + (p[n] == '\n');
        }
        buf_finish(&out);
    }
}

static void the_document_is_what_the_tables_say(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    options_document(&out);
    FILE *f = fopen("docs/CONFIG.md", "r");
    assert_non_null(f);
    char *file = calloc(1, out.n + 2);
    size_t n = fread(file, 1, out.n + 1, f);
    fclose(f);
    if (n != out.n || memcmp(file, out.p, n) != 0) {
        fail_msg("docs/CONFIG.md is out of date; make it anew with the target config_doc");
    }
    free(file);
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_places_in_the_struct_are_unique),
        cmocka_unit_test(a_section_stands_in_one_piece),
        cmocka_unit_test(run_has_the_documented_defaults),
        cmocka_unit_test(enum_numbers_and_texts_are_those_of_the_choices),
        cmocka_unit_test(options_that_need_each_other_are_checked),
        cmocka_unit_test(production_is_allowed_with_live_and_demo_without),
        cmocka_unit_test(paper_needs_no_live_and_excludes_it_and_has_a_journal_of_its_own),
        cmocka_unit_test(without_home_the_check_says_which_path_is_missing),
        cmocka_unit_test(faults_are_split_into_name_time_and_count),
        cmocka_unit_test(help_names_every_flag_and_keeps_to_the_width),
        cmocka_unit_test(the_document_is_what_the_tables_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
