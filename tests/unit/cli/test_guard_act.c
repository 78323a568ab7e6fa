/*
 * What the guard asks for, in which order, and when it believes that it is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/guard_act.h"

#define NONE_REST "{\"orders\":[],\"cursor\":\"\"}"
#define ONE_RESTS "{\"orders\":[{\"order_id\":\"a\"}],\"cursor\":\"\"}"

static struct guard_watch two_groups(void)
{
    struct guard_watch w = {.seen = true, .n_groups = 2, .shards = {0, 3}};
    snprintf(w.groups[0], sizeof w.groups[0], "old");
    snprintf(w.groups[1], sizeof w.groups[1], "new");
    return w;
}

static enum guard_result answer(struct guard_act *a, int status, const char *body)
{
    return guard_act_answer(a, status, body, strlen(body));
}

/* Up to the read of what rests, each request answered well. */
static void up_to_the_read(struct guard_act *a, const struct guard_watch *w, bool cancel_all)
{
    guard_act_begin(a, w, cancel_all);
    while (a->step != GUARD_READ) {
        assert_int_equal(answer(a, 200, "{}"), GUARD_NEXT);
    }
}

static void groups_go_first_and_the_newest_before_the_others(void **state)
{
    (void)state;
    struct guard_watch w = two_groups();
    struct guard_act a;
    struct guard_request q;
    guard_act_begin(&a, &w, true);
    guard_act_request(&a, &q);
    assert_int_equal(q.method, HTTP_PUT);
    assert_string_equal(q.rest, "/portfolio/order_groups/new/trigger");
    assert_string_equal(q.query, "exchange_index=3");
    assert_int_equal(answer(&a, 200, "{}"), GUARD_NEXT);
    guard_act_request(&a, &q);
    assert_string_equal(q.rest, "/portfolio/order_groups/old/trigger");
    assert_string_equal(q.query, "");
    assert_int_equal(answer(&a, 404, "{}"), GUARD_NEXT); /* one that is gone holds nothing */
    guard_act_request(&a, &q);
    assert_int_equal(q.method, HTTP_DELETE);
    assert_int_equal(answer(&a, 204, ""), GUARD_NEXT);
    guard_act_request(&a, &q);
    assert_int_equal(q.method, HTTP_GET);
    assert_int_equal(answer(&a, 200, NONE_REST), GUARD_DONE);
}

static void a_request_that_was_not_confirmed_is_made_again(void **state)
{
    (void)state;
    struct guard_watch w = two_groups();
    static const int bad[] = {0, 401, 429, 500, 503};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int step = 0; step < 3; step++) { /* two groups, then the cancel */
            struct guard_act a;
            guard_act_begin(&a, &w, true);
            for (int k = 0; k < 3; k++) {
                assert_int_equal(answer(&a, k == step ? bad[i] : 200, "{}"), GUARD_NEXT);
            }
            assert_int_equal(answer(&a, 200, NONE_REST), GUARD_AGAIN);
        }
    }
}

static void it_is_done_when_it_has_read_that_nothing_rests(void **state)
{
    (void)state;
    struct guard_watch w = two_groups();
    struct guard_act a;
    up_to_the_read(&a, &w, true);
    assert_int_equal(answer(&a, 200, ONE_RESTS), GUARD_AGAIN);
    assert_int_equal(a.left, 1);
    up_to_the_read(&a, &w, true);
    assert_int_equal(answer(&a, 0, ""), GUARD_AGAIN);
    assert_int_equal(a.left, -1);
    up_to_the_read(&a, &w, true);
    assert_int_equal(answer(&a, 200, "not JSON"), GUARD_AGAIN);
    up_to_the_read(&a, &w, true);
    assert_int_equal(answer(&a, 200, "{\"orders\":7}"), GUARD_AGAIN);
    up_to_the_read(&a, &w, true);
    assert_int_equal(answer(&a, 200, NONE_REST), GUARD_DONE);
}

static void orders_outside_of_the_groups_may_stay_when_it_is_told_so(void **state)
{
    (void)state;
    struct guard_watch w = two_groups();
    struct guard_act a;
    up_to_the_read(&a, &w, false);
    assert_int_equal(answer(&a, 200, ONE_RESTS), GUARD_DONE);
    struct guard_watch none = {.seen = true};
    guard_act_begin(&a, &none, false);
    assert_int_equal(a.step, GUARD_READ);
    guard_act_begin(&a, &none, true);
    assert_int_equal(a.step, GUARD_CANCEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_go_first_and_the_newest_before_the_others),
        cmocka_unit_test(a_request_that_was_not_confirmed_is_made_again),
        cmocka_unit_test(it_is_done_when_it_has_read_that_nothing_rests),
        cmocka_unit_test(orders_outside_of_the_groups_may_stay_when_it_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
