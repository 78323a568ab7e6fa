#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/money.h"
#include "base/rng.h"

typedef enum status (*parse_fn)(const char *s, size_t n, int64_t *ret);

static void reads(parse_fn parse, const char *text, int64_t want)
{
    int64_t v = -77;
    enum status st = parse(text, strlen(text), &v);
    if (st != ST_OK || v != want) {
        print_error("%s: %s, %lld\n", text, status_name(st), (long long)v);
    }
    assert_int_equal(st, ST_OK);
    assert_true(v == want);
}

static void refuses(parse_fn parse, const char *text, enum status want)
{
    int64_t v = -77;
    enum status st = parse(text, strlen(text), &v);
    if (st != want) {
        print_error("%s: %s\n", text, status_name(st));
    }
    assert_int_equal(st, want);
    assert_true(v == -77); /* written on success only */
}

static void decimal_text_becomes_an_exact_integer(void **state)
{
    (void)state;
    reads(px_parse, "0.4700", 4700);
    reads(px_parse, "0.47", 4700);
    reads(px_parse, "1", 10000);
    reads(px_parse, "-0.0001", -1);
    reads(px_parse, "0.480000", 4800); /* zeros beyond the last decimal are fine */
    reads(qty_parse, "-3.00", -300);
    reads(qty_parse, "1406474.86", 140647486);
    reads(qty_parse, "0", 0);
    reads(qty_parse, "-0", 0);
    reads(usd_parse, "98.0186", 98018600);
    reads(usd_parse, "0.017500", 17500);
}

static void what_is_not_decimal_text_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "-",   ".",   ".5",     "5.",  "+1",
                                      " 1",    "1 ",  "1e2", "0x1",    "--1", "1..2",
                                      "1.2.3", "NaN", "1,0", "0.00011"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(px_parse, bad[i], ST_MALFORMED);
    }
    refuses(qty_parse, "1.001", ST_MALFORMED);
    refuses(usd_parse, "1.0000001", ST_MALFORMED);
}

static void limits_are_accepted_and_one_more_is_out_of_range(void **state)
{
    (void)state;
    reads(qty_parse, "1000000000000.00", QTY_LIMIT);
    refuses(qty_parse, "1000000000000.01", ST_RANGE);
    refuses(qty_parse, "-1000000000000.01", ST_RANGE);
    reads(usd_parse, "-1000000000000", -USD_LIMIT);
    refuses(usd_parse, "1000000000000.000001", ST_RANGE);
    reads(px_parse, "100000000.0000", 1000000000000);
    refuses(px_parse, "100000000.0001", ST_RANGE);
    /* No number of digits overflows on the way: found by the fuzzer at the limit times ten. */
    refuses(usd_parse, "1000000000000000000000000000000000000000614", ST_RANGE);
    refuses(usd_parse, "9223372036854775808", ST_RANGE);
}

static void a_malformed_tail_wins_over_the_range(void **state)
{
    (void)state;
    refuses(usd_parse, "99999999999999999999999x", ST_MALFORMED);
}

static void every_price_survives_text_and_back(void **state)
{
    (void)state;
    for (px_t px = -20000; px <= 20000; px++) {
        char text[MONEY_TEXT_MAX];
        size_t n = px_format(px, text);
        assert_int_equal(n, strlen(text));
        reads(px_parse, text, px);
    }
}

static void random_amounts_survive_text_and_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        char text[MONEY_TEXT_MAX];
        int64_t v = (int64_t)rng_below(&rng, (uint64_t)USD_LIMIT) >> rng_below(&rng, 60);
        v = rng_below(&rng, 2) != 0 ? -v : v;
        usd_format(v, text);
        reads(usd_parse, text, v);
        qty_format(v % QTY_LIMIT, text);
        reads(qty_parse, text, v % QTY_LIMIT);
    }
}

static void text_has_the_exchanges_number_of_decimals(void **state)
{
    (void)state;
    char text[MONEY_TEXT_MAX];
    px_format(4700, text);
    assert_string_equal(text, "0.4700");
    px_format(-1, text);
    assert_string_equal(text, "-0.0001");
    qty_format(-300, text);
    assert_string_equal(text, "-3.00");
    qty_format(0, text);
    assert_string_equal(text, "0.00");
    usd_format(-1234567, text);
    assert_string_equal(text, "-1.234567");
    usd_format(INT64_MIN, text);
    assert_string_equal(text, "-9223372036854.775808");
    usd_format(INT64_MAX, text);
    assert_string_equal(text, "9223372036854.775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_text_becomes_an_exact_integer),
        cmocka_unit_test(what_is_not_decimal_text_is_malformed),
        cmocka_unit_test(limits_are_accepted_and_one_more_is_out_of_range),
        cmocka_unit_test(a_malformed_tail_wins_over_the_range),
        cmocka_unit_test(every_price_survives_text_and_back),
        cmocka_unit_test(random_amounts_survive_text_and_back),
        cmocka_unit_test(text_has_the_exchanges_number_of_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
