/* test_sigstock.c - signatures made ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "exchange/exchange.h"

#define WALL (INT64_C(1781159364) * NS_PER_SEC)

struct fake {
    uint32_t made;
    enum status st;
};

/* The "signature" is the text itself, so that a test sees what was signed. */
static enum status sign(void *self, const char *text, size_t n, char *sig, size_t cap)
{
    struct fake *f = self;
    assert_true(n + 1 <= cap);
    memcpy(sig, text, n);
    sig[n] = '\0';
    f->made++;
    return f->st;
}

static struct fake fake;
static const struct signer signer = {&fake, "key", sign};
static struct sig_stock stock;
static char sig[SIGNATURE_MAX];

static int setup(void **state)
{
    (void)state;
    fake = (struct fake){0, ST_OK};
    return sig_stock_init(&stock, &signer, "POST", "/orders", 4, 5 * NS_PER_SEC) != ST_OK;
}

static void take_gives_the_oldest_with_its_own_time(void **state)
{
    (void)state;
    int64_t ts = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(sig_stock_refill(&stock, WALL));
    }
    assert_false(sig_stock_refill(&stock, WALL));
    for (int i = 0; i < 4; i++) {
        char want[64];
        assert_int_equal(sig_stock_take(&stock, WALL, &ts, sig), ST_OK);
        assert_int_equal(ts, WALL / NS_PER_MS + i); /* no millisecond twice */
        snprintf(want, sizeof want, "%lldPOST/orders", (long long)ts);
        assert_string_equal(sig, want);
    }
    assert_int_equal(stock.from_stock, 4);
    assert_int_equal(fake.made, 4);
}

static void empty_stock_signs_at_once(void **state)
{
    (void)state;
    int64_t a = 0;
    int64_t b = 0;
    assert_int_equal(sig_stock_take(&stock, WALL, &a, sig), ST_OK);
    assert_int_equal(sig_stock_take(&stock, WALL, &b, sig), ST_OK);
    assert_int_equal(b, a + 1);
    assert_int_equal(stock.made_now, 2);
}

static void old_signatures_are_thrown_away(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_true(sig_stock_refill(&stock, WALL));
    wall_ns_t later = WALL + 6 * NS_PER_SEC;
    assert_int_equal(sig_stock_take(&stock, later, &ts, sig), ST_OK);
    assert_int_equal(ts, later / NS_PER_MS);
    assert_int_equal(stock.expired, 1);
}

static void clock_set_back_throws_away_what_is_in_the_future(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_true(sig_stock_refill(&stock, WALL));
    wall_ns_t earlier = WALL - 3600 * NS_PER_SEC;
    assert_int_equal(sig_stock_take(&stock, earlier, &ts, sig), ST_OK);
    assert_int_equal(ts, earlier / NS_PER_MS);
}

static void error_of_the_signer_comes_through(void **state)
{
    (void)state;
    int64_t ts = 77;
    fake.st = ST_IO;
    assert_false(sig_stock_refill(&stock, WALL));
    assert_int_equal(sig_stock_take(&stock, WALL, &ts, sig), ST_IO);
    assert_int_equal(ts, 77);
}

static void path_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static struct sig_stock s;
    char path[400];
    memset(path, 'a', sizeof path);
    path[399] = '\0';
    assert_int_equal(sig_stock_init(&s, &signer, "POST", path, 4, NS_PER_SEC), ST_LIMIT);
    assert_int_equal(sig_stock_init(&s, &signer, "POST", "/x", SIG_STOCK_MAX + 1, NS_PER_SEC),
                     ST_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(take_gives_the_oldest_with_its_own_time, setup),
        cmocka_unit_test_setup(empty_stock_signs_at_once, setup),
        cmocka_unit_test_setup(old_signatures_are_thrown_away, setup),
        cmocka_unit_test_setup(clock_set_back_throws_away_what_is_in_the_future, setup),
        cmocka_unit_test_setup(error_of_the_signer_comes_through, setup),
        cmocka_unit_test_setup(path_that_does_not_fit_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
