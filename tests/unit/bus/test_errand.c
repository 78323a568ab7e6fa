/* test_errand.c - claims about bus/errand.h; run under ThreadSanitizer, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/errand.h"

static void add(void *arg)
{
    ++*(uint64_t *)arg; /* not atomic: the hand-over orders it */
}

static void wait_for(struct errand *e)
{
    while (!errand_wait(e, NS_PER_SEC)) {
    }
}

static void calls_run_one_behind_the_other_and_their_results_are_seen(void **state)
{
    (void)state;
    struct errand *e = NULL;
    uint64_t n = 0;
    assert_int_equal(errand_create("an errand with a long name", &e), ST_OK);
    assert_true(errand_done(e)); /* nothing is under way */
    for (uint64_t i = 0; i < 20000; i++) {
        errand_begin(e, add, &n);
        wait_for(e);
        assert_int_equal(n, i + 1);
        if (i % 500 == 0) {
            usleep(1000); /* its thread sleeps */
        }
    }
    errand_destroy(e);
    errand_destroy(NULL);
}

struct gate {
    _Atomic bool open, entered, last;
};

static void pass(void *arg)
{
    struct gate *g = arg;
    atomic_store(&g->entered, true);
    while (!atomic_load(&g->open)) {
        usleep(100);
    }
}

static void a_wait_ends_without_the_call(void **state)
{
    (void)state;
    struct errand *e = NULL;
    struct gate g = {false};
    assert_int_equal(errand_create("slow", &e), ST_OK);
    errand_begin(e, pass, &g);
    for (int i = 0; i < 5; i++) {
        assert_false(errand_wait(e, 2 * NS_PER_MS));
        assert_false(errand_done(e));
    }
    atomic_store(&g.open, true);
    wait_for(e);
    assert_true(atomic_load(&g.entered));
    errand_destroy(e);
}

static void destroying_waits_for_the_call(void **state)
{
    (void)state;
    struct errand *e = NULL;
    uint64_t n = 0;
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(errand_create("short", &e), ST_OK);
        errand_begin(e, add, &n);
        errand_destroy(e);
        assert_int_equal(n, i);
    }
}

static void last(void *arg)
{
    atomic_store(&((struct gate *)arg)->last, true);
}

static void one_that_is_left_runs_its_last_call_when_the_other_is_back(void **state)
{
    (void)state;
    struct errand *e = NULL;
    static struct gate g, idle; /* its thread may look at them to the end */
    assert_int_equal(errand_create("left", &e), ST_OK);
    errand_begin(e, pass, &g);
    errand_leave(e, last, &g);
    usleep(5000);
    assert_false(atomic_load(&g.last));
    atomic_store(&g.open, true);
    while (!atomic_load(&g.last)) {
        usleep(100);
    }
    assert_int_equal(errand_create("idle", &e), ST_OK);
    errand_leave(e, last, &idle); /* nothing is under way */
    while (!atomic_load(&idle.last)) {
        usleep(100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_run_one_behind_the_other_and_their_results_are_seen),
        cmocka_unit_test(a_wait_ends_without_the_call),
        cmocka_unit_test(destroying_waits_for_the_call),
        cmocka_unit_test(one_that_is_left_runs_its_last_call_when_the_other_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
