/* What the guard makes of heartbeats, on a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/guard_watch.h"

#define WALL_MS INT64_C(1780000000000)
#define BEAT_S  5
#define HEARD_S 30

static struct heartbeat beat_of(int64_t pid, int64_t beat_ms, int64_t exchange_ms)
{
    return (struct heartbeat){
        .pid = pid, .beat_ms = beat_ms, .exchange_ms = exchange_ms, .trading = true};
}

static bool in_trouble(const struct guard_watch *w, mono_ns_t now)
{
    char why[160];
    return guard_watch_trouble(w, BEAT_S, HEARD_S, now, why, sizeof why) != NULL;
}

static void a_heartbeat_that_stands_still_is_trouble(void **state)
{
    (void)state;
    struct guard_watch w = {0};
    struct heartbeat h = beat_of(7, WALL_MS, WALL_MS);
    assert_false(in_trouble(&w, 0)); /* no run was ever there */
    for (int s = 0; s <= BEAT_S; s++) {
        guard_watch_take(&w, &h, s * NS_PER_SEC); /* the same again */
        assert_false(in_trouble(&w, s * NS_PER_SEC));
    }
    assert_true(in_trouble(&w, BEAT_S * NS_PER_SEC + 1));
    h.beat_ms += 1000;
    guard_watch_take(&w, &h, 9 * NS_PER_SEC);
    assert_false(in_trouble(&w, 9 * NS_PER_SEC));
    h.stopped = true; /* orderly: for ever */
    guard_watch_take(&w, &h, 9 * NS_PER_SEC);
    assert_false(in_trouble(&w, 900 * NS_PER_SEC));
    h = beat_of(8, WALL_MS, WALL_MS);
    h.trading = false;
    guard_watch_take(&w, &h, 900 * NS_PER_SEC);
    assert_false(in_trouble(&w, 990 * NS_PER_SEC));
}

/* An hour back would hide a frozen run for an hour; a minute on would accuse one that lives. */
static void clocks_that_are_set_neither_hide_nor_accuse(void **state)
{
    (void)state;
    const int64_t steps[] = {-3600000, 60000};
    for (size_t i = 0; i < 2; i++) {
        struct guard_watch w = {0};
        struct heartbeat h = beat_of(7, WALL_MS, WALL_MS);
        guard_watch_take(&w, &h, 0);
        h = beat_of(7, WALL_MS + 1000 + steps[i], WALL_MS + 1000 + steps[i]);
        guard_watch_take(&w, &h, NS_PER_SEC);
        assert_false(in_trouble(&w, NS_PER_SEC));
        assert_true(in_trouble(&w, (1 + BEAT_S) * NS_PER_SEC + 1));
    }
}

static void a_file_of_yesterday_is_given_the_time_of_a_heartbeat(void **state)
{
    (void)state;
    struct guard_watch w = {0};
    struct heartbeat old = beat_of(7, WALL_MS - 86400000, WALL_MS - 86400000);
    guard_watch_take(&w, &old, 50 * NS_PER_SEC);
    assert_false(in_trouble(&w, 50 * NS_PER_SEC)); /* a run that starts now may write its own */
    assert_true(in_trouble(&w, 56 * NS_PER_SEC));
}

static void a_run_that_does_not_hear_the_exchange_is_trouble(void **state)
{
    (void)state;
    struct guard_watch w = {0};
    struct heartbeat h = beat_of(7, WALL_MS, WALL_MS);
    for (int s = 0; s <= HEARD_S; s++) {
        h.beat_ms = WALL_MS + s * 1000;
        guard_watch_take(&w, &h, s * NS_PER_SEC);
        assert_false(in_trouble(&w, s * NS_PER_SEC));
    }
    h.beat_ms += 1000;
    guard_watch_take(&w, &h, (HEARD_S + 1) * NS_PER_SEC);
    assert_true(in_trouble(&w, (HEARD_S + 1) * NS_PER_SEC));
}

/* It restarts without a network: what the run before it left on the book rests all the same. */
static void a_run_that_never_heard_the_exchange_is_trouble_too(void **state)
{
    (void)state;
    struct guard_watch w = {0};
    struct heartbeat h = beat_of(7, WALL_MS, WALL_MS);
    guard_watch_take(&w, &h, 0);
    for (int s = 1; s <= 1 + HEARD_S; s++) {
        h = beat_of(8, WALL_MS + s * 1000, 0);
        guard_watch_take(&w, &h, s * NS_PER_SEC);
        assert_false(in_trouble(&w, s * NS_PER_SEC));
    }
    h.beat_ms += 1000;
    guard_watch_take(&w, &h, (2 + HEARD_S) * NS_PER_SEC);
    assert_true(in_trouble(&w, (2 + HEARD_S) * NS_PER_SEC));
}

static void groups_of_earlier_runs_are_kept_with_their_shards(void **state)
{
    (void)state;
    static struct guard_watch w;
    for (int run = 0; run < GUARD_GROUPS_MAX + 6; run++) {
        struct heartbeat h = beat_of(run, WALL_MS + run, WALL_MS + run);
        h.n_groups = 1;
        h.shards[0] = run % 3;
        snprintf(h.groups[0], sizeof h.groups[0], "g%d", run);
        guard_watch_take(&w, &h, run);
        guard_watch_take(&w, &h, run);
    }
    assert_int_equal(w.n_groups, GUARD_GROUPS_MAX);
    for (int i = 0; i < GUARD_GROUPS_MAX; i++) {
        char want[16];
        snprintf(want, sizeof want, "g%d", i + 6);
        assert_string_equal(w.groups[i], want);
        assert_int_equal(w.shards[i], (i + 6) % 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_that_stands_still_is_trouble),
        cmocka_unit_test(clocks_that_are_set_neither_hide_nor_accuse),
        cmocka_unit_test(a_file_of_yesterday_is_given_the_time_of_a_heartbeat),
        cmocka_unit_test(a_run_that_does_not_hear_the_exchange_is_trouble),
        cmocka_unit_test(a_run_that_never_heard_the_exchange_is_trouble_too),
        cmocka_unit_test(groups_of_earlier_runs_are_kept_with_their_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
