/* test_config.c - claims about config/config.h, on a small table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/money.h"
#include "config/config.h"

struct small {
    bool on;
    int64_t delay_ms, ring;
    double speed;
    px_t px;
    qty_t count;
    usd_t cash;
    const char *url, *path;
    int tif;
    struct config_list markets;
    int64_t other_delay_ms;
};

#define AT(m) offsetof(struct small, m)

static const struct config_option rows[] = {
    {.section = "orders",
     .name = "on",
     .type = OPT_BOOL,
     .offset = AT(on),
     .initial = "false",
     .alias = "trade",
     .help = "Switch."},
    {.section = "orders",
     .name = "delay_ms",
     .type = OPT_INT,
     .offset = AT(delay_ms),
     .initial = "100",
     .max = 60000,
     .unit = "ms",
     .help = "Delay."},
    {.section = "orders",
     .name = "px",
     .type = OPT_PX,
     .offset = AT(px),
     .initial = "0.0100",
     .max = PX_ONE,
     .unit = "dollars",
     .help = "Price."},
    {.section = "orders",
     .name = "count",
     .type = OPT_QTY,
     .offset = AT(count),
     .initial = "10.00",
     .min = 1,
     .max = 10000,
     .unit = "contracts",
     .help = "Count."},
    {.section = "orders",
     .name = "cash",
     .type = OPT_USD,
     .offset = AT(cash),
     .initial = "1.5",
     .min = -USD_ONE,
     .max = 100 * USD_ONE,
     .help = "Cash."},
    {.section = "orders",
     .name = "tif",
     .type = OPT_ENUM,
     .offset = AT(tif),
     .initial = "gtc",
     .choices = "gtc|ioc|fok",
     .help = "Time in force."},
    {.section = "feed",
     .name = "url",
     .type = OPT_TEXT,
     .offset = AT(url),
     .initial = "",
     .help = "Address."},
    {.section = "feed",
     .name = "path",
     .type = OPT_PATH,
     .offset = AT(path),
     .initial = "$XDG_DATA_HOME/x.db",
     .help = "File."},
    {.section = "feed",
     .name = "markets",
     .type = OPT_LIST,
     .offset = AT(markets),
     .initial = "",
     .alias = "markets",
     .help = "Tickers."},
    {.section = "feed",
     .name = "speed",
     .type = OPT_FLOAT,
     .offset = AT(speed),
     .initial = "1",
     .max = 100,
     .help = "Speed."},
    {.section = "feed",
     .name = "ring",
     .type = OPT_INT,
     .offset = AT(ring),
     .initial = "4096",
     .min = 4096,
     .max = 65536,
     .flags = OPT_POWER_OF_TWO,
     .help = "Ring."},
};

static const struct config_option other_rows[] = {
    {.section = "sim",
     .name = "rate",
     .type = OPT_INT,
     .offset = 0,
     .initial = "1",
     .max = 9,
     .help = "Rate."},
};
static const struct option_table other_table = {"sim", other_rows, 1, sizeof(int64_t), NULL};
static const struct option_table *const others[] = {&other_table, NULL};
static const struct option_table table = {"run", rows, sizeof rows / sizeof rows[0],
                                          sizeof(struct small), others};

static char *const home_env[] = {"HOME=/users/someone", NULL};

static struct config *make(struct small *out, char *const *env)
{
    struct config *c = NULL;
    assert_int_equal(config_create(&table, env, out, &c), ST_OK);
    return c;
}

static enum status read_ini(struct small *out, struct config **ret, const char *ini,
                            struct err *err)
{
    *ret = make(out, home_env);
    return config_read_text(*ret, "t.ini", text_of(ini), err);
}

static void refused(const char *ini, enum status want, const char *message)
{
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    enum status st = read_ini(&o, &c, ini, &err);
    config_destroy(c);
    if (st != want || strcmp(err.text, message) != 0) {
        fail_msg("%s\n  gave %s: %s\n  not  %s: %s", ini, status_name(st), err.text,
                 status_name(want), message);
    }
}

/* --- claims --- */

static void without_any_source_everything_has_its_default(void **state)
{
    (void)state;
    struct small o;
    struct config *c = make(&o, home_env);
    assert_false(o.on);
    assert_int_equal(o.delay_ms, 100);
    assert_int_equal(o.px, 100);
    assert_int_equal(o.count, 1000);
    assert_int_equal(o.cash, 1500000);
    assert_int_equal(o.tif, 0);
    assert_string_equal(o.url, "");
    assert_string_equal(o.path, "/users/someone/.local/share/x.db");
    assert_int_equal(o.markets.n, 0);
    assert_true(o.speed == 1.0);
    assert_int_equal(config_source(c, "orders", "px"), CONFIG_DEFAULT);
    config_destroy(c);
}

static void every_type_is_read_exactly_from_ini(void **state)
{
    (void)state;
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    enum status st = read_ini(&o, &c,
                              "\xEF\xBB\xBF; a comment\n[orders]\non = yes\ndelay_ms=60000\r\n"
                              "px = 0.4701\ncount: 7.25 ; behind\ncash = -0.000001\ntif = fok\n"
                              "[feed]\nurl = https://x.y/z?a=b;c\npath = ~/d/e\n"
                              "markets = KXA-1, KXB-2 ,,\n  KXC-3\nspeed = 0.25\nring = 65536",
                              &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, ST_OK);
    assert_true(o.on);
    assert_int_equal(o.delay_ms, 60000);
    assert_int_equal(o.px, 4701);
    assert_int_equal(o.count, 725);
    assert_int_equal(o.cash, -1);
    assert_int_equal(o.tif, 2);
    assert_string_equal(o.url, "https://x.y/z?a=b;c");
    assert_string_equal(o.path, "/users/someone/d/e");
    assert_int_equal(o.markets.n, 3);
    assert_string_equal(o.markets.v[0], "KXA-1");
    assert_string_equal(o.markets.v[1], "KXB-2");
    assert_string_equal(o.markets.v[2], "KXC-3");
    assert_true(o.speed == 0.25);
    assert_int_equal(o.ring, 65536);
    assert_int_equal(config_source(c, "orders", "px"), CONFIG_FILE);
    config_destroy(c);
}

static void a_bad_value_names_line_key_reason_and_what_is_allowed(void **state)
{
    (void)state;
    refused("[orders]\n\ndelay_ms = 1s\n", ST_INVALID,
            "t.ini:3: [orders] delay_ms: \"1s\" is not a whole number; allowed: 0 to 60000 ms");
    refused("[orders]\ndelay_ms = 60001", ST_RANGE,
            "t.ini:2: [orders] delay_ms: \"60001\" is out of range; allowed: 0 to 60000 ms");
    refused("[orders]\ndelay_ms = 99999999999999999999", ST_RANGE,
            "t.ini:2: [orders] delay_ms: \"99999999999999999999\" is out of range; allowed: 0 to "
            "60000 ms");
    refused("[orders]\ncount = 1.001", ST_INVALID,
            "t.ini:2: [orders] count: \"1.001\" is not a decimal number with at most 2 decimals; "
            "allowed: 0.01 to 100.00 contracts");
    refused("[orders]\ncount = 0", ST_RANGE,
            "t.ini:2: [orders] count: \"0\" is out of range; allowed: 0.01 to 100.00 contracts");
    refused("[orders]\npx = 1.0001", ST_RANGE,
            "t.ini:2: [orders] px: \"1.0001\" is out of range; allowed: 0.0000 to 1.0000 dollars");
    refused("[orders]\ntif = day", ST_INVALID,
            "t.ini:2: [orders] tif: \"day\" is not one of its values; allowed: gtc, ioc, fok");
    refused("[orders]\non = maybe", ST_INVALID,
            "t.ini:2: [orders] on: \"maybe\" is neither true nor false; allowed: true or false");
    refused("[feed]\nspeed = nan", ST_INVALID,
            "t.ini:2: [feed] speed: \"nan\" is not a number; allowed: 0 to 100");
    refused("[feed]\nspeed = 0x10", ST_INVALID,
            "t.ini:2: [feed] speed: \"0x10\" is not a number; allowed: 0 to 100");
    refused("[feed]\nspeed = 101", ST_RANGE,
            "t.ini:2: [feed] speed: \"101\" is out of range; allowed: 0 to 100");
    refused("[feed]\nring = 5000", ST_INVALID,
            "t.ini:2: [feed] ring: \"5000\" is not a power of two; allowed: 4096 to 65536, a power "
            "of two");
    refused("[feed]\npath = $ELSEWHERE/x", ST_INVALID,
            "t.ini:2: [feed] path: \"$ELSEWHERE/x\" begins with a variable that is not known "
            "here; allowed: a path");
    refused("[feed]\nmarkets = KXA KXB", ST_INVALID,
            "t.ini:2: [feed] markets: \"KXA KXB\" holds an entry with a blank or ';' in it; "
            "allowed: words separated by commas");
}

static void an_unknown_key_is_refused_with_the_nearest_one(void **state)
{
    (void)state;
    refused("[orders]\ndelay = 1", ST_NOT_FOUND,
            "t.ini:2: [orders] has no option delay; did you "
            "mean delay_ms?");
    refused("[orders]\nmarket = 1", ST_NOT_FOUND, "t.ini:2: [orders] has no option market");
    refused("[orders]\nurl = 1", ST_NOT_FOUND,
            "t.ini:2: [orders] has no option url; it belongs to section [feed]");
    refused("[feeed]\nurl = 1", ST_NOT_FOUND,
            "t.ini:2: there is no section [feeed]; did you mean feed?");
    refused("[zebra]\nurl = 1", ST_NOT_FOUND, "t.ini:2: there is no section [zebra]");
    refused("url = 1", ST_MALFORMED, "t.ini:1: url stands before the first [section]");
    refused("[sim]\nratee = 1", ST_NOT_FOUND,
            "t.ini:2: [sim] has no option ratee; did you mean rate?");
}

static void keys_of_another_command_are_passed_over(void **state)
{
    (void)state;
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(read_ini(&o, &c, "[sim]\nrate = 5\n[orders]\ndelay_ms = 7\n", &err), ST_OK);
    assert_int_equal(o.delay_ms, 7);
    config_destroy(c);
}

static void text_that_is_not_ini_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("[orders]\nthis is no key\n", ST_MALFORMED,
            "t.ini:2: neither [section] nor key = value");
    refused("[orders\ndelay_ms = 1\n", ST_MALFORMED, "t.ini:1: neither [section] nor key = value");
    refused("[orders]\ndelay_ms = 1\ndelay_ms = 2\n", ST_INVALID,
            "t.ini:3: [orders] delay_ms: is given a second time, the first is t.ini:2");
    refused("[orders]\ndelay_ms = 1\n  count = 2\n", ST_INVALID,
            "t.ini:3: [orders] delay_ms: is given a second time, the first is t.ini:2");
    refused("[feed]\nmarkets = A\n  url = b\n", ST_INVALID,
            "t.ini:3: [feed] markets: \"url = b\" holds a character that no entry has; allowed: "
            "words separated by commas");
    char line[400] = "[feed]\nurl = ";
    memset(line + 13, 'x', 300);
    refused(line, ST_LIMIT,
            "t.ini:2: the line is longer than 199 characters; a list may go on in the next line, "
            "indented");
    struct small o;
    struct config *c = make(&o, home_env);
    struct err err = {0};
    assert_int_equal(config_read_text(c, "t.ini", TEXT("[feed]\nurl = a\0b\n"), &err),
                     ST_MALFORMED);
    assert_string_equal(err.text, "t.ini:2: the line holds a NUL byte");
    config_destroy(c);
}

static void an_entry_of_a_list_may_hold_keys_and_values_after_a_colon(void **state)
{
    (void)state;
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(read_ini(&o, &c, "[feed]\nmarkets = lag@10:for=5:delay_ms=250, B\n", &err),
                     ST_OK);
    assert_int_equal(o.markets.n, 2);
    assert_string_equal(o.markets.v[0], "lag@10:for=5:delay_ms=250");
    config_destroy(c);
}

static void a_value_of_an_unknown_key_is_never_repeated(void **state)
{
    (void)state;
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(read_ini(&o, &c, "[orders]\npassword = hunter2\n", &err), ST_NOT_FOUND);
    assert_null(strstr(err.text, "hunter2"));
    config_destroy(c);
}

static void a_later_source_wins(void **state)
{
    (void)state;
    char *const env[] = {"HOME=/h",
                         "DELTAFLOW_ORDERS_COUNT=3",
                         "DELTAFLOW_ORDERS_PX=0.3",
                         "DELTAFLOW_FEED_MARKETS=E1,E2",
                         "OTHER=1",
                         NULL};
    char *const argv[] = {"run", "--orders-px", "0.4", "--markets=F1", "--markets", "F2,F3", NULL};
    struct small o;
    struct err err = {0};
    struct config *c = make(&o, env);
    struct config_args args;
    assert_int_equal(config_read_text(c, "t.ini",
                                      TEXT("[orders]\ndelay_ms=2\ncount=2\npx=0.2\n"
                                           "[feed]\nmarkets=I1\n"),
                                      &err),
                     ST_OK);
    assert_int_equal(config_read_env(c, &err), ST_OK);
    assert_int_equal(o.markets.n, 2);
    assert_int_equal(config_read_flags(c, 6, argv, &args, &err), ST_OK);
    assert_int_equal(o.cash, 1500000);
    assert_int_equal(o.delay_ms, 2);
    assert_int_equal(o.count, 300);
    assert_int_equal(o.px, 4000);
    assert_int_equal(o.markets.n, 3);
    assert_string_equal(o.markets.v[0], "F1");
    assert_string_equal(o.markets.v[2], "F3");
    assert_int_equal(config_source(c, "orders", "cash"), CONFIG_DEFAULT);
    assert_int_equal(config_source(c, "orders", "delay_ms"), CONFIG_FILE);
    assert_int_equal(config_source(c, "orders", "count"), CONFIG_ENV);
    assert_int_equal(config_source(c, "orders", "px"), CONFIG_FLAG);
    config_destroy(c);
}

static void a_variable_that_looks_like_an_option_but_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        char *variable;
        enum status st;
        const char *text;
    } cases[] = {
        {"DELTAFLOW_ORDERS_COUNTS=3", ST_NOT_FOUND,
         "environment: DELTAFLOW_ORDERS_COUNTS is no option; did you mean DELTAFLOW_ORDERS_COUNT?"},
        {"DELTAFLOW_ORDERS_ZEBRA=3", ST_NOT_FOUND,
         "environment: DELTAFLOW_ORDERS_ZEBRA is no option"},
        {"DELTAFLOW_ORDER_COUNT=3", ST_NOT_FOUND,
         "environment: DELTAFLOW_ORDER_COUNT is no option; did you mean DELTAFLOW_ORDERS_COUNT?"},
        {"DELTAFLOW_ORDERS_COUNT=x", ST_INVALID,
         "environment: DELTAFLOW_ORDERS_COUNT: \"x\" is not a decimal number with at most 2 "
         "decimals; allowed: 0.01 to 100.00 contracts"},
        {"DELTAFLOW_SIM_RATE=3", ST_OK, ""},
        {"DELTAFLOW_SHARED=../shared", ST_OK, ""},
        {"DELTAFLOW_SOMETHING_ELSE=1", ST_OK, ""},
        {"DELTAFLOW_ORDERS_COUNT=", ST_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *const env[] = {cases[i].variable, NULL};
        struct small o;
        struct err err = {0};
        struct config *c = make(&o, env);
        assert_int_equal(config_read_env(c, &err), cases[i].st);
        assert_string_equal(err.text, cases[i].text);
        config_destroy(c);
    }
}

static enum status flags(struct small *o, struct config **c, struct config_args *args, int argc,
                         char *const *argv, struct err *err)
{
    *c = make(o, home_env);
    return config_read_flags(*c, argc, argv, args, err);
}

static void flags_take_all_their_forms(void **state)
{
    (void)state;
    char *const argv[] = {"run",
                          "--trade",
                          "--orders-delay-ms=5",
                          "first",
                          "--orders-cash",
                          "-0.5",
                          "--help",
                          "--print-config",
                          "--config",
                          "c.ini",
                          "--",
                          "--rest",
                          NULL};
    struct small o;
    struct config *c;
    struct config_args args;
    struct err err = {0};
    assert_int_equal(flags(&o, &c, &args, 12, argv, &err), ST_OK);
    assert_true(o.on && args.help);
    assert_int_equal(o.delay_ms, 5);
    assert_int_equal(o.cash, -500000);
    assert_string_equal(args.print, "ini");
    assert_string_equal(args.file, "c.ini");
    assert_int_equal(args.n_rest, 2);
    assert_string_equal(args.rest[0], "first");
    assert_string_equal(args.rest[1], "--rest");
    char *const off[] = {"run", "--trade", "--no-orders-on", NULL};
    assert_int_equal(config_read_flags(c, 3, off, &args, &err), ST_OK);
    assert_false(o.on);
    char *const set[] = {"run", "--trade=true", NULL};
    assert_int_equal(config_read_flags(c, 2, set, &args, &err), ST_OK);
    assert_true(o.on);
    config_destroy(c);
}

static void wrong_flags_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        char *arg;
        const char *text;
    } cases[] = {
        {"--market", "there is no flag --market; did you mean --markets?"},
        {"--zzzzzzzz", "there is no flag --zzzzzzzz"},
        {"-x", "there is no flag -x"},
        {"--markets", "--markets needs a value"},
        {"--config", "--config needs a value"},
        {"--no-orders-px", "there is no flag --no-orders-px; did you mean --orders-px?"},
        {"--print-config=xml", "--print-config: \"xml\" is no format; allowed: ini, markdown"},
        {"--orders-tif=x", "--orders-tif: \"x\" is not one of its values; allowed: gtc, ioc, fok"},
        {"--feed-url=a\nb", "--feed-url: holds a control character"},
        {"--feed-url=a ;b",
         "--feed-url: \"a ;b\" holds a ';' that begins a comment; allowed: text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *const argv[] = {"run", cases[i].arg, NULL};
        struct small o;
        struct config *c;
        struct config_args args;
        struct err err = {0};
        assert_int_not_equal(flags(&o, &c, &args, 2, argv, &err), ST_OK);
        assert_string_equal(err.text, cases[i].text);
        config_destroy(c);
    }
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    struct small o, p;
    struct config *c = NULL, *d = NULL;
    struct err err = {0};
    char ini[4000] = "[orders]\ncount=0.07\ncash=-0.1\non=1\npx=0.0001\n[feed]\n"
                     "url = a b#c\nspeed=0.1\nmarkets = M0\n";
    for (int i = 1; i < 60; i++) {
        snprintf(ini + strlen(ini), 40, "  KXLONGTICKER-26NOV23-T%d\n", i);
    }
    assert_int_equal(read_ini(&o, &c, ini, &err), ST_OK);
    struct buf out;
    buf_init(&out, 1 << 16);
    config_print(c, &out);
    assert_non_null(strstr(out.p, "; t.ini:2\ncount = 0.07\n"));
    assert_non_null(strstr(out.p, "; default\ndelay_ms = 100\n"));
    enum status st = read_ini(&p, &d, out.p, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, ST_OK);
    assert_int_equal(p.count, 7);
    assert_int_equal(p.cash, -100000);
    assert_true(p.on);
    assert_int_equal(p.px, 1);
    assert_true(p.speed == 0.1);
    assert_string_equal(p.url, "a b#c");
    assert_string_equal(p.path, o.path);
    assert_int_equal(p.markets.n, 60);
    for (size_t i = 0; i < 60; i++) {
        assert_string_equal(p.markets.v[i], o.markets.v[i]);
    }
    buf_finish(&out);
    config_destroy(c);
    config_destroy(d);
}

static void json_has_every_option_in_its_section(void **state)
{
    (void)state;
    struct small o;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(read_ini(&o, &c, "[feed]\nmarkets=A,B\nurl=q\"q\n", &err), ST_OK);
    struct buf out;
    buf_init(&out, 1 << 16);
    config_json(c, &out);
    assert_string_equal(
        out.p, "{\"orders\":{\"on\":false,\"delay_ms\":100,\"px\":\"0.0100\","
               "\"count\":\"10.00\",\"cash\":\"1.500000\",\"tif\":\"gtc\"},"
               "\"feed\":{\"url\":\"q\\\"q\",\"path\":\"/users/someone/.local/share/x.db\","
               "\"markets\":[\"A\",\"B\"],\"speed\":1,\"ring\":4096}}");
    buf_finish(&out);
    config_destroy(c);
}

static void the_program_can_set_an_option_and_is_named_for_it(void **state)
{
    (void)state;
    struct small o;
    struct config *c = make(&o, home_env);
    struct err err = {0};
    assert_int_equal(config_set(c, "feed", "url", "wss://x", "ready.json", &err), ST_OK);
    assert_string_equal(o.url, "wss://x");
    assert_int_equal(config_source(c, "feed", "url"), CONFIG_PROGRAM);
    assert_int_equal(config_set(c, "orders", "px", "2", "ready.json", &err), ST_RANGE);
    assert_string_equal(err.text, "ready.json: [orders] px: \"2\" is out of range; allowed: 0.0000 "
                                  "to 1.0000 dollars");
    assert_int_equal(config_set(c, "feed", "nothing", "1", "ready.json", &err), ST_NOT_FOUND);
    config_destroy(c);
}

/* --- files and folders --- */

static void folders_follow_xdg(void **state)
{
    (void)state;
    char buf[256];
    char *const plain[] = {"HOME=/h", "XDG_DATA_HOME=relative", NULL};
    char *const set[] = {"HOME=/h", "XDG_CONFIG_HOME=/c", "XDG_STATE_HOME=/s", NULL};
    char *const none[] = {NULL};
    assert_true(config_dir(CONFIG_DIR_CONFIG, plain, buf, sizeof buf));
    assert_string_equal(buf, "/h/.config/deltaflow");
    assert_true(config_dir(CONFIG_DIR_DATA, plain, buf, sizeof buf));
    assert_string_equal(buf, "/h/.local/share/deltaflow");
    assert_true(config_dir(CONFIG_DIR_CONFIG, set, buf, sizeof buf));
    assert_string_equal(buf, "/c/deltaflow");
    assert_true(config_dir(CONFIG_DIR_STATE, set, buf, sizeof buf));
    assert_string_equal(buf, "/s/deltaflow");
    assert_false(config_dir(CONFIG_DIR_STATE, none, buf, sizeof buf));
    assert_string_equal(buf, "");
    assert_false(config_dir(CONFIG_DIR_STATE, set, buf, 8));
}

static void without_home_default_paths_are_empty_and_given_ones_refused(void **state)
{
    (void)state;
    char *const none[] = {NULL};
    struct small o;
    struct err err = {0};
    struct config *c = make(&o, none);
    assert_string_equal(o.path, "");
    assert_int_equal(config_set(c, "feed", "path", "~/x", "p", &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "HOME"));
    config_destroy(c);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void load_reads_file_environment_and_flags_in_order(void **state)
{
    (void)state;
    char dir[] = "/tmp/deltaflow-config-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char file[128], named[128], xdg[128], variable[160];
    struct err err = {0};
    snprintf(file, sizeof file, "%s/deltaflow/deltaflow.ini", dir);
    snprintf(named, sizeof named, "%s/a/b/named.ini", dir);
    snprintf(xdg, sizeof xdg, "XDG_CONFIG_HOME=%s", dir);
    snprintf(variable, sizeof variable, "DELTAFLOW_CONFIG=%s", named);
    assert_int_equal(config_make_folder_of(file, &err), ST_OK);
    assert_int_equal(config_make_folder_of(named, &err), ST_OK);
    write_file(file, "[orders]\ndelay_ms = 11\ncount = 11\n");
    write_file(named, "[orders]\ndelay_ms = 22\n");
    char *const env[] = {"HOME=/h", xdg, "DELTAFLOW_ORDERS_COUNT=33", NULL};
    char *const env2[] = {"HOME=/h", xdg, variable, NULL};
    char *const no_flags[] = {"run", NULL};
    char *const with[] = {"run", "--orders-count", "44", "--config", named, NULL};
    char *const gone[] = {"run", "--config", "/nonexistent/x.ini", NULL};
    struct small o;
    struct config *c = NULL;
    struct config_args args;
    assert_int_equal(config_load(&table, 1, no_flags, env, &o, &c, &args, &err), ST_OK);
    assert_int_equal(o.delay_ms, 11);
    assert_int_equal(o.count, 3300);
    config_destroy(c);
    assert_int_equal(config_load(&table, 5, with, env, &o, &c, &args, &err), ST_OK);
    assert_int_equal(o.delay_ms, 22);
    assert_int_equal(o.count, 4400);
    config_destroy(c);
    assert_int_equal(config_load(&table, 1, no_flags, env2, &o, &c, &args, &err), ST_OK);
    assert_int_equal(o.delay_ms, 22);
    config_destroy(c);
    assert_int_equal(config_load(&table, 3, gone, env, &o, &c, &args, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/x.ini"));
    write_file(file, "[orders]\ndelay_ms = x\n");
    assert_int_equal(config_load(&table, 1, no_flags, env, &o, &c, &args, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "deltaflow.ini:2: [orders] delay_ms"));
    unlink(file);
    assert_int_equal(config_load(&table, 1, no_flags, env, &o, &c, &args, &err), ST_OK);
    config_destroy(c);
    assert_int_equal(mkdir(file, 0700), 0); /* a folder in its place cannot be read */
    assert_int_equal(config_load(&table, 1, no_flags, env, &o, &c, &args, &err), ST_IO);
    char cmd[200];
    snprintf(cmd, sizeof cmd, "rm -r '%s'", dir);
    assert_int_equal(system(cmd), 0);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(config_make_folder_of("/dev/null/x/y.db", &err), ST_IO);
    assert_non_null(strstr(err.text, "/dev/null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_source_everything_has_its_default),
        cmocka_unit_test(every_type_is_read_exactly_from_ini),
        cmocka_unit_test(a_bad_value_names_line_key_reason_and_what_is_allowed),
        cmocka_unit_test(an_unknown_key_is_refused_with_the_nearest_one),
        cmocka_unit_test(keys_of_another_command_are_passed_over),
        cmocka_unit_test(text_that_is_not_ini_is_refused_with_its_line),
        cmocka_unit_test(an_entry_of_a_list_may_hold_keys_and_values_after_a_colon),
        cmocka_unit_test(a_value_of_an_unknown_key_is_never_repeated),
        cmocka_unit_test(a_later_source_wins),
        cmocka_unit_test(a_variable_that_looks_like_an_option_but_is_none_is_refused),
        cmocka_unit_test(flags_take_all_their_forms),
        cmocka_unit_test(wrong_flags_are_refused_with_a_reason),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(json_has_every_option_in_its_section),
        cmocka_unit_test(the_program_can_set_an_option_and_is_named_for_it),
        cmocka_unit_test(folders_follow_xdg),
        cmocka_unit_test(without_home_default_paths_are_empty_and_given_ones_refused),
        cmocka_unit_test(load_reads_file_environment_and_flags_in_order),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
