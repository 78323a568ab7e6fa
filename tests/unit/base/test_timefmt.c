#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/timefmt.h"

static void reads(const char *text, wall_ns_t want)
{
    wall_ns_t t = -1;
    enum status st = time_parse(text, strlen(text), &t);
    if (st != ST_OK || t != want) {
        print_error("%s: %s, %lld\n", text, status_name(st), (long long)t);
    }
    assert_int_equal(st, ST_OK);
    assert_true(t == want);
}

static void rfc_3339_text_is_read(void **state)
{
    (void)state;
    reads("1970-01-01T00:00:00Z", 0);
    reads("2026-06-11T06:29:20.866753Z", INT64_C(1781159360866753000));
    reads("2026-06-11T06:29:20.123456789Z", INT64_C(1781159360123456789));
    reads("2023-08-31T13:30:11.1Z", INT64_C(1693488611100000000));
    reads("2026-06-11t06:29:20z", INT64_C(1781159360000000000));
    reads("2026-06-11 06:29:20Z", INT64_C(1781159360000000000));
    reads("2026-06-11T08:29:20+02:00", INT64_C(1781159360000000000));
    reads("2026-06-11T00:59:20-05:30", INT64_C(1781159360000000000));
    reads("2024-02-29T00:00:00Z", INT64_C(1709164800000000000));
    reads("2000-02-29T23:59:59Z", INT64_C(951868799000000000));
    reads("2200-12-31T23:59:59Z", INT64_C(7289654399000000000));
}

static void what_is_no_time_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-06-11",
        "2026-06-11T06:29:20",
        "2026-06-11T06:29:20.Z",
        "2026-06-11T06:29:20.1234567890Z",
        "2026-13-11T06:29:20Z",
        "2026-00-11T06:29:20Z",
        "2026-06-31T06:29:20Z",
        "2026-02-29T06:29:20Z",
        "2100-02-29T06:29:20Z",
        "2026-06-00T06:29:20Z",
        "2026-06-11T24:29:20Z",
        "2026-06-11T06:60:20Z",
        "2026-06-11T06:29:61Z",
        "1969-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z",
        "2026-06-11T06:29:20+02",
        "2026-06-11T06:29:20+02:60",
        "2026-06-11T06:29:20Zx",
        "2026-06-11X06:29:20Z",
        "-026-06-11T06:29:20Z",
        "2026-06-11T06:29:20.5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        wall_ns_t t = -1;
        if (time_parse(bad[i], strlen(bad[i]), &t) != ST_MALFORMED) {
            print_error("%s was accepted\n", bad[i]);
            fail();
        }
        assert_true(t == -1);
    }
}

static void trailing_zeros_are_cut_as_the_exchange_does(void **state)
{
    (void)state;
    char text[TIME_TEXT_MAX];
    assert_int_equal(time_format(INT64_C(1781159360866753000), text), 27);
    assert_string_equal(text, "2026-06-11T06:29:20.866753Z");
    time_format(INT64_C(1781159360603230000), text);
    assert_string_equal(text, "2026-06-11T06:29:20.60323Z");
    time_format(INT64_C(1781159360000000999), text);
    assert_string_equal(text, "2026-06-11T06:29:20Z");
    time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void microseconds_survive_text_and_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        wall_ns_t t = (wall_ns_t)rng_below(&rng, UINT64_C(7289654399000000)) * NS_PER_US;
        char text[TIME_TEXT_MAX];
        time_format(t, text);
        reads(text, t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_text_is_read),
        cmocka_unit_test(what_is_no_time_is_malformed),
        cmocka_unit_test(trailing_zeros_are_cut_as_the_exchange_does),
        cmocka_unit_test(microseconds_survive_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
