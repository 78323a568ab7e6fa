/* test_sigbook.c - signatures made ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "exchange/sigbook.h"

#define WALL (INT64_C(1781159364) * NS_PER_SEC)
#define AGE  (4 * NS_PER_SEC)

static struct sigbook *book;
static char sig[SIGNATURE_MAX];

static int setup(void **state)
{
    (void)state;
    return sigbook_create(3, AGE, &book) != ST_OK;
}

static int teardown(void **state)
{
    (void)state;
    sigbook_destroy(book);
    return 0;
}

/* The "signature" is what was signed. */
static void text_of_job(const struct sigbook_job *job, char *out)
{
    snprintf(out, SIGNATURE_MAX, "%lld%s%s", (long long)job->ts_ms, job->method, job->path);
}

/* Make all that is wanted; how many that was. */
static int fill(wall_ns_t wall)
{
    struct sigbook_job job;
    char text[SIGNATURE_MAX];
    int n = 0;
    while (sigbook_job(book, wall, &job)) {
        text_of_job(&job, text);
        sigbook_done(book, &job, text);
        n++;
        assert_true(n < 1000);
    }
    return n;
}

static void each_is_for_its_own_millisecond_and_used_once(void **state)
{
    (void)state;
    int64_t seen[4];
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 4), ST_OK);
    assert_int_equal(fill(WALL), 4);
    for (int i = 0; i < 4; i++) {
        char want[64];
        assert_true(sigbook_take(book, "POST", "/orders", WALL, &seen[i], sig));
        snprintf(want, sizeof want, "%lldPOST/orders", (long long)seen[i]);
        assert_string_equal(sig, want);
        assert_true(i == 0 || seen[i] > seen[i - 1]);
    }
    int64_t ts = 0;
    assert_false(sigbook_take(book, "POST", "/orders", WALL, &ts, sig));
    assert_true(ts > seen[3]); /* signed now, it still has a millisecond of its own */
    assert_int_equal(fill(WALL), 4);
}

static void method_and_path_both_count(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 1), ST_OK);
    assert_int_equal(fill(WALL), 1);
    assert_false(sigbook_take(book, "DELETE", "/orders", WALL, &ts, sig));
    assert_false(sigbook_take(book, "POST", "/orders/1", WALL, &ts, sig));
    assert_true(sigbook_take(book, "POST", "/orders", WALL, &ts, sig));
}

static void old_ones_are_renewed_before_they_are_too_old_and_never_used_after(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 1), ST_OK);
    assert_int_equal(fill(WALL), 1);
    assert_int_equal(fill(WALL + AGE / 4 * 3), 0);
    wall_ns_t due = sigbook_due(book);
    assert_true(due > WALL + AGE / 4 * 3 && due < WALL + AGE);
    assert_int_equal(fill(due), 1);
    assert_true(sigbook_take(book, "POST", "/orders", due, &ts, sig));
    assert_int_equal(ts, due / NS_PER_MS);
    assert_int_equal(fill(due), 1);
    assert_false(sigbook_take(book, "POST", "/orders", due + AGE + NS_PER_MS, &ts, sig));
}

static void a_clock_that_was_set_back_throws_away_what_is_in_the_future(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 2), ST_OK);
    assert_int_equal(fill(WALL), 2);
    wall_ns_t earlier = WALL - 3600 * NS_PER_SEC;
    assert_false(sigbook_take(book, "POST", "/orders", earlier, &ts, sig));
    assert_int_equal(ts, earlier / NS_PER_MS);
    assert_int_equal(fill(earlier), 2);
}

static void a_full_book_gives_up_the_oldest_of_those_that_want_least(void **state)
{
    (void)state;
    int64_t ts = 0;
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 4), ST_OK);
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/1", 1), ST_OK);
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/2", 1), ST_OK);
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/3", 1), ST_OK);
    assert_int_equal(fill(WALL), 6);
    assert_false(sigbook_take(book, "DELETE", "/orders/1", WALL, &ts, sig));
    assert_true(sigbook_take(book, "DELETE", "/orders/2", WALL, &ts, sig));
    assert_true(sigbook_take(book, "DELETE", "/orders/3", WALL, &ts, sig));
    assert_true(sigbook_take(book, "POST", "/orders", WALL, &ts, sig));
}

static void what_is_signed_for_a_path_that_is_gone_is_thrown_away(void **state)
{
    (void)state;
    struct sigbook_job job;
    int64_t ts = 0;
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/1", 1), ST_OK);
    assert_true(sigbook_job(book, WALL, &job));
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/1", 0), ST_OK);
    assert_int_equal(sigbook_keep(book, "DELETE", "/orders/2", 1), ST_OK); /* the same place */
    sigbook_done(book, &job, "late");
    assert_false(sigbook_take(book, "DELETE", "/orders/2", WALL, &ts, sig));
    assert_int_equal(sigbook_stats(book).dropped, 1);
}

static void a_signature_that_failed_is_asked_for_again(void **state)
{
    (void)state;
    struct sigbook_job job;
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 1), ST_OK);
    assert_true(sigbook_job(book, WALL, &job));
    assert_false(sigbook_job(book, WALL, &job)); /* it is under way */
    sigbook_done(book, &job, NULL);
    assert_int_equal(sigbook_keep(book, "POST", "/orders", 2), ST_OK);
    assert_int_equal(fill(WALL), 2);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    char path[400];
    memset(path, 'a', sizeof path);
    path[399] = '\0';
    assert_int_equal(sigbook_keep(book, "POST", path, 1), ST_LIMIT);
    assert_int_equal(sigbook_keep(book, "PROPFIND", "/x", 1), ST_LIMIT);
    assert_int_equal(sigbook_keep(book, "POST", "/x", SIG_WANT_MAX + 1), ST_LIMIT);
    struct sigbook *b = NULL;
    assert_int_equal(sigbook_create(0, AGE, &b), ST_INVALID);
    assert_int_equal(sigbook_create(1, 1, &b), ST_INVALID);
}

/* Random use: no millisecond of a path is given out twice, and none that is too old. */
static void no_time_of_a_path_is_ever_given_out_twice(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a", "/b", "/c", "/d"};
    static int64_t last[4];
    struct rng r;
    rng_init(&r, 5);
    wall_ns_t wall = WALL;
    for (int step = 0; step < 30000; step++) {
        size_t p = (size_t)rng_below(&r, 4);
        struct sigbook_job job;
        char text[SIGNATURE_MAX];
        int64_t ts = 0;
        switch (rng_below(&r, 4)) {
        case 0:
            assert_int_equal(sigbook_keep(book, "GET", paths[p], 1 + (uint32_t)rng_below(&r, 3)),
                             ST_OK);
            break;
        case 1:
            if (sigbook_job(book, wall, &job)) {
                text_of_job(&job, text);
                sigbook_done(book, &job, rng_below(&r, 9) == 0 ? NULL : text);
            }
            break;
        case 2:
            if (sigbook_take(book, "GET", paths[p], wall, &ts, sig)) {
                assert_true(ts * NS_PER_MS >= wall - AGE && ts > last[p]);
                last[p] = ts;
            }
            break;
        default:
            wall += (wall_ns_t)rng_below(&r, 300) * NS_PER_MS;
            break;
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_is_for_its_own_millisecond_and_used_once),
        T(method_and_path_both_count),
        T(old_ones_are_renewed_before_they_are_too_old_and_never_used_after),
        T(a_clock_that_was_set_back_throws_away_what_is_in_the_future),
        T(a_full_book_gives_up_the_oldest_of_those_that_want_least),
        T(what_is_signed_for_a_path_that_is_gone_is_thrown_away),
        T(a_signature_that_failed_is_asked_for_again),
        T(what_does_not_fit_is_refused),
        T(no_time_of_a_path_is_ever_given_out_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
