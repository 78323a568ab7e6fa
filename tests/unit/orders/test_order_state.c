/* Every pair of state and event: in the written table, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "orders/order_state.h"

#define I ORDER_INTENDED
#define J ORDER_STORED
#define S ORDER_SENT
#define R ORDER_RESTING
#define P ORDER_PART
#define A ORDER_AMEND_SENT
#define C ORDER_CANCEL_SENT
#define U ORDER_UNKNOWN
#define F ORDER_FILLED
#define K ORDER_CANCELLED
#define X ORDER_REJECTED
#define E ORDER_EXPIRED
#define o ORDER_STATE_MAX /* an error */

/* Written a second time, the other way round: a row of states for each event. A change of the table
 * that is not meant shows here. */
static const enum order_state expected[ORDER_EVENT_MAX][ORDER_STATE_MAX] = {
    /* event                    I  J  S  R  P  A  C  U  F  K  X  E */
    [OE_STORED] = /*         */ {J, o, o, o, o, o, o, o, o, o, o, o},
    [OE_SENT] = /*           */ {o, S, o, o, o, o, o, o, o, o, o, o},
    [OE_NOT_TAKEN] = /*      */ {X, X, o, o, o, o, o, o, o, o, o, o},
    [OE_RESTORED] = /*       */ {U, o, o, o, o, o, o, o, o, o, o, o},
    [OE_ACK_RESTING] = /*    */ {o, o, R, R, P, A, C, R, F, K, o, E},
    [OE_ACK_PART] = /*       */ {o, o, P, P, P, A, C, P, F, K, o, E},
    [OE_ACK_FILLED] = /*     */ {o, o, F, F, F, o, F, F, F, o, o, o},
    [OE_ACK_CANCELLED] = /*  */ {o, o, K, K, K, o, K, K, o, K, o, E},
    [OE_REJECTED] = /*       */ {o, o, X, o, o, o, o, o, o, o, o, o},
    [OE_UNKNOWN] = /*        */ {o, o, U, R, U, A, C, o, F, K, o, E},
    [OE_FILL_PART] = /*      */ {o, o, P, P, P, A, C, U, F, K, P, E},
    [OE_FILL_ALL] = /*       */ {o, o, F, F, F, F, F, F, F, F, F, F},
    [OE_AMEND_SENT] = /*     */ {o, o, o, A, A, o, o, o, o, o, o, o},
    [OE_AMEND_OK] = /*       */ {o, o, o, R, o, R, C, o, F, K, o, E},
    [OE_AMEND_OK_PART] = /*  */ {o, o, o, P, P, P, C, o, F, K, o, E},
    [OE_AMEND_FILLED] = /*   */ {o, o, o, F, F, F, F, o, F, F, o, F},
    [OE_AMEND_FAILED] = /*   */ {o, o, o, R, P, R, C, o, F, K, o, E},
    [OE_AMEND_FAILED_PART] = {o, o, o, o, P, P, C, o, F, K, o, E},
    [OE_AMEND_UNCLEAR] = /*  */ {o, o, o, R, P, A, C, o, F, K, o, E},
    [OE_CANCEL_SENT] = /*    */ {o, o, o, C, C, C, o, o, o, o, o, o},
    [OE_CANCEL_OK] = /*      */ {o, o, o, o, o, o, K, o, o, K, o, E},
    [OE_CANCEL_FAILED] = /*  */ {o, o, o, o, o, o, R, o, F, K, o, E},
    [OE_CANCEL_FAILED_PART] = {o, o, o, o, o, o, P, o, F, K, o, E},
    [OE_CANCEL_UNCLEAR] = /* */ {o, o, o, o, o, o, C, o, F, K, o, E},
    [OE_SEEN_RESTING] = /*   */ {o, o, R, R, P, A, C, R, F, K, R, E},
    [OE_SEEN_PART] = /*      */ {o, o, P, P, P, A, C, P, F, K, P, E},
    [OE_SEEN_FILLED] = /*    */ {o, o, F, F, F, F, F, F, F, F, F, F},
    [OE_SEEN_CANCELLED] = /* */ {o, o, K, K, K, K, K, K, o, K, K, E},
    [OE_SEEN_EXPIRED] = /*   */ {o, o, E, E, E, E, E, E, o, K, E, E},
    [OE_ABSENT] = /*         */ {o, o, o, o, o, o, o, X, o, o, o, o},
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

static void each_row_says_what_it_does_to_cash_and_risk(void **state)
{
    (void)state;
    size_t n = 0;
    const struct order_row *rows = order_rows(&n);
    for (size_t i = 0; i < n; i++) {
        bool fill = rows[i].event == OE_FILL_PART || rows[i].event == OE_FILL_ALL;
        const char *says = order_effect(&rows[i]);
        assert_int_equal(strstr(says, "cash and position") != NULL, fill);
        if (!order_state_open(rows[i].to)) {
            assert_null(strstr(says, "goes on being reserved"));
        }
    }
}

static void the_document_is_what_the_table_says(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    orders_document(&out);
    FILE *f = fopen("docs/ORDERS.md", "r");
    assert_non_null(f);
    char *file = calloc(1, out.n + 2);
    size_t n = fread(file, 1, out.n + 1, f);
    fclose(f);
    if (n != out.n || memcmp(file, out.p, n) != 0) {
        fail_msg("docs/ORDERS.md is out of date; make it anew with the target orders_doc");
    }
    free(file);
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_does_what_is_written_or_is_an_error),
        cmocka_unit_test(no_pair_is_written_twice),
        cmocka_unit_test(only_a_proved_rejection_comes_back_to_life),
        cmocka_unit_test(every_state_and_event_has_a_name),
        cmocka_unit_test(each_row_says_what_it_does_to_cash_and_risk),
        cmocka_unit_test(the_document_is_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
