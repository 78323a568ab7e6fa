/* Every pair of state and event: in the written table, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "orders/order_state.h"

#define I ORDER_INTENDED
#define S ORDER_SENT
#define R ORDER_RESTING
#define P ORDER_PART
#define C ORDER_CANCEL_SENT
#define U ORDER_UNKNOWN
#define F ORDER_FILLED
#define K ORDER_CANCELLED
#define X ORDER_REJECTED
#define E ORDER_EXPIRED
#define o ORDER_STATE_MAX /* an error */

/* Written a second time, the other way round: a row of events for each state. A change of the table
 * that is not meant shows here. */
static const enum order_state expected[ORDER_EVENT_MAX][ORDER_STATE_MAX] = {
    /* event                    I  S  R  P  C  U  F  K  X  E */
    [OE_SENT] = /*           */ {S, o, o, o, o, o, o, o, o, o},
    [OE_NOT_TAKEN] = /*      */ {X, o, o, o, o, o, o, o, o, o},
    [OE_RESTORED] = /*       */ {U, o, o, o, o, o, o, o, o, o},
    [OE_ACK_RESTING] = /*    */ {o, R, R, P, C, R, F, K, o, E},
    [OE_ACK_PART] = /*       */ {o, P, P, P, C, P, F, K, o, E},
    [OE_ACK_FILLED] = /*     */ {o, F, F, F, F, F, F, o, o, o},
    [OE_ACK_CANCELLED] = /*  */ {o, K, K, K, K, K, o, K, o, E},
    [OE_REJECTED] = /*       */ {o, X, o, o, o, o, o, o, o, o},
    [OE_UNKNOWN] = /*        */ {o, U, R, U, C, o, F, K, o, E},
    [OE_FILL_PART] = /*      */ {o, P, P, P, C, U, F, K, P, E},
    [OE_FILL_ALL] = /*       */ {o, F, F, F, F, F, F, F, F, F},
    [OE_CANCEL_SENT] = /*    */ {o, o, C, C, o, o, o, o, o, o},
    [OE_CANCEL_OK] = /*      */ {o, o, o, o, K, o, o, K, o, E},
    [OE_CANCEL_FAILED] = /*  */ {o, o, o, o, R, o, F, K, o, E},
    [OE_CANCEL_FAILED_PART] = {o, o, o, o, P, o, F, K, o, E},
    [OE_CANCEL_UNCLEAR] = /* */ {o, o, o, o, C, o, F, K, o, E},
    [OE_SEEN_RESTING] = /*   */ {o, R, R, P, C, R, F, K, R, E},
    [OE_SEEN_PART] = /*      */ {o, P, P, P, C, P, F, K, P, E},
    [OE_SEEN_FILLED] = /*    */ {o, F, F, F, F, F, F, F, F, F},
    [OE_SEEN_CANCELLED] = /* */ {o, K, K, K, K, K, o, K, K, E},
    [OE_SEEN_EXPIRED] = /*   */ {o, E, E, E, E, E, o, K, E, E},
    [OE_ABSENT] = /*         */ {o, o, o, o, o, X, o, o, o, o},
};

static void every_pair_does_what_is_written_or_is_an_error(void **state)
{
    (void)state;
    for (uint32_t e = 0; e < ORDER_EVENT_MAX; e++) {
        for (uint32_t s = 0; s < ORDER_STATE_MAX; s++) {
            enum order_state to = ORDER_STATE_MAX;
            enum status st = order_next((enum order_state)s, (enum order_event)e, &to);
            if (to != expected[e][s] || (st == ST_OK) != (to != ORDER_STATE_MAX)) {
                fail_msg("%s + %s gives %s, not %s", order_state_name((enum order_state)s),
                         order_event_name((enum order_event)e), order_state_name(to),
                         order_state_name(expected[e][s]));
            }
            assert_true(st == ST_OK || st == ST_STATE);
        }
    }
}

static void no_pair_is_written_twice(void **state)
{
    (void)state;
    size_t n = 0;
    const struct order_row *rows = order_rows(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            assert_false(rows[i].from == rows[j].from && rows[i].event == rows[j].event);
        }
    }
}

static void only_a_proved_rejection_comes_back_to_life(void **state)
{
    (void)state;
    size_t n = 0;
    const struct order_row *rows = order_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (!order_state_open(rows[i].from) && order_state_open(rows[i].to)) {
            assert_int_equal(rows[i].from, ORDER_REJECTED);
        }
    }
}

static void every_state_and_event_has_a_name(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ORDER_STATE_MAX; i++) {
        assert_string_not_equal(order_state_name((enum order_state)i), "none");
    }
    for (uint32_t i = 0; i < ORDER_EVENT_MAX; i++) {
        assert_string_not_equal(order_event_name((enum order_event)i), "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_does_what_is_written_or_is_an_error),
        cmocka_unit_test(no_pair_is_written_twice),
        cmocka_unit_test(only_a_proved_rejection_comes_back_to_life),
        cmocka_unit_test(every_state_and_event_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
