/* Orders that are at the exchange and not in the journal, because power went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TEN (10 * QTY_ONE)

static const uint64_t earlier[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};

/* Four of ten YES at .44 are bought, six rest. */
static struct ev_user_order six_rest(uint64_t session)
{
    char client_id[CLIENT_ID_MAX];
    order_client_id(session, 7, client_id);
    struct ev_user_order row = rig_order_row("o7", client_id, XORDER_RESTING, 4 * QTY_ONE);
    row.outcome = SIDE_YES;
    row.yes_px = 4400;
    row.initial = TEN;
    row.remaining = 6 * QTY_ONE;
    row.created_ms = RIG_WALL / NS_PER_MS - 60000;
    return row;
}

static struct ev_fill four_filled(void)
{
    struct ev_fill f = {.yes_px = 4400,
                        .qty = 4 * QTY_ONE,
                        .fee = 69000,
                        .outcome = SIDE_YES,
                        .post_position = QTY_UNKNOWN,
                        .ticker = "M",
                        .trade_id = "t7",
                        .order_id = "o7"};
    return f;
}

/* Answer everything that is asked for as an exchange with that order and four YES. as_of: of lists
 * of orders, behind the start; 0: it is not told. */
static void answer_as_of(struct rig *r, const struct ev_user_order *row, wall_ns_t as_of)
{
    struct ev_position p = {.position = 4 * QTY_ONE, .cost = 1760000, .ticker = "M"};
    struct ev_fill f = four_filled();
    for (const struct gw_request *q = rig_request(r); q != NULL; q = rig_request(r)) {
        struct ev_answer a = rig_answer_to(q, GW_OK);
        a.balance = q->op == GW_GET_BALANCE ? 55 * USD_ONE : 0;
        switch (q->op) {
        case GW_LIST_ORDERS:
            a.as_of = as_of;
            rig_rows(r, &a, row, row != NULL ? 1 : 0, sizeof *row, GW_ROW_ORDER);
            break;
        case GW_LIST_FILLS:
            rig_rows(r, &a, &f, 1, sizeof f, GW_ROW_FILL);
            break;
        case GW_LIST_POSITIONS:
            rig_rows(r, &a, &p, 1, sizeof p, GW_ROW_POSITION);
            break;
        default:
            rig_answer(r, &a);
        }
    }
}

static void answer_all(struct rig *r, const struct ev_user_order *row)
{
    answer_as_of(r, row, 0);
}

static void start(struct rig *r, const struct ev_user_order *row)
{
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    c.orders.earlier = earlier;
    c.orders.n_earlier = 2;
    rig_start(r, &c);
    rig_open(r);
    for (int i = 0; i < 100 && !engine_ready(r->engine); i++) {
        answer_all(r, row);
        rig_wait(r, 100 * RIG_MS);
    }
    assert_true(engine_ready(r->engine));
}

static const struct orders_stats *stats(const struct rig *r)
{
    return orders_stats(engine_orders(r->engine));
}

static struct order_view only_order(const struct rig *r)
{
    struct order_view v[2];
    assert_int_equal(orders_open_of(engine_orders(r->engine), 0, v, 2), 1);
    return v[0];
}

static void expect_found(const struct rig *r)
{
    struct order_view v = only_order(r);
    assert_int_equal(v.state, ORDER_PART);
    assert_int_equal(v.yes_px, 4400);
    assert_int_equal(v.qty, TEN);
    assert_int_equal(v.filled, 4 * QTY_ONE);
    assert_string_equal(v.order_id, "o7");
    assert_int_equal(stats(r)->rediscovered, 1);
    assert_int_equal(stats(r)->foreign_orders, 0);
    assert_int_equal(stats(r)->fills_foreign, 0);
    assert_int_equal(stats(r)->drifts, 0);
    assert_int_equal(orders_account(engine_orders(r->engine))->holdings[0].position, 4 * QTY_ONE);
}

static void an_order_that_the_journal_lost_is_ours_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ev_user_order row = six_rest(earlier[i]);
        struct rig r;
        start(&r, &row);
        expect_found(&r);
        rig_finish(&r);
    }
}

static void it_is_journalled_so_that_the_next_crash_finds_it_there(void **state)
{
    (void)state;
    struct ev_user_order row = six_rest(earlier[0]);
    struct rig r;
    start(&r, &row);
    assert_int_equal(r.journal.type, JOURNAL_ACK); /* behind its intent */
    assert_string_equal(r.journal.client_id, row.client_id);
    assert_string_equal(r.journal.order_id, "o7");
    assert_int_equal(r.journal.yes_px, 4400);
    assert_int_equal(r.journal.qty, TEN);
    rig_finish(&r);
}

static void a_halt_cancels_it_with_all_others(void **state)
{
    (void)state;
    struct ev_user_order row = six_rest(earlier[1]);
    struct rig r;
    start(&r, &row);
    struct ev_command halt = {.command = CMD_HALT, .reason = "a person"};
    rig_event(&r, &halt.h, EV_COMMAND, EV_SRC_COMMAND, sizeof halt);
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_CANCEL);
    assert_string_equal(q->order_id, "o7");
    rig_finish(&r);
}

static void names_of_other_sessions_are_those_of_others(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "by hand",
                                        "01234567-89ab-cdef",
                                        "01234567-89ab-cdef-0000-00000000000",
                                        "01234567-89ab-cdef-0000-000000000007x",
                                        "01234567-89AB-CDEF-0000-000000000007",
                                        "01234567-89ab-cdee-0000-000000000007"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ev_user_order row = six_rest(earlier[0]);
        snprintf(row.client_id, sizeof row.client_id, "%s", names[i]);
        struct rig r;
        start(&r, &row);
        assert_int_equal(stats(&r)->rediscovered, 0);
        assert_int_equal(stats(&r)->foreign_orders, 1);
        assert_int_equal(orders_open(engine_orders(r.engine)), 0);
        rig_finish(&r);
    }
}

/* Its create was on its way when the process died, and arrived after the start had looked. */
static void a_sweep_finds_what_came_after_the_start(void **state)
{
    (void)state;
    struct rig r;
    start(&r, NULL);
    assert_int_equal(stats(&r)->rediscovered, 0);
    struct ev_user_order row = six_rest(earlier[0]);
    for (int i = 0; i < 400 && stats(&r)->rediscovered == 0; i++) {
        rig_wait(&r, 100 * RIG_MS);
        answer_all(&r, &row);
    }
    expect_found(&r);
    rig_finish(&r);
}

static void one_that_comes_after_a_halt_is_cancelled(void **state)
{
    (void)state;
    struct rig r;
    start(&r, NULL);
    struct ev_command halt = {.command = CMD_HALT, .reason = "a person"};
    rig_event(&r, &halt.h, EV_COMMAND, EV_SRC_COMMAND, sizeof halt);
    struct ev_user_order row = six_rest(earlier[0]);
    for (int i = 0; i < 400 && stats(&r)->rediscovered == 0; i++) {
        rig_wait(&r, 100 * RIG_MS);
        answer_all(&r, &row);
    }
    assert_int_equal(stats(&r)->cancels, 1);
    rig_finish(&r);
}

/* The journal has five at 43 cents or ten at 45, and the exchange shows ten at 44. */
static struct order_view restored(struct rig *r, bool dearer, wall_ns_t as_of)
{
    struct journal_record left = {.type = JOURNAL_INTENT,
                                  .wall = RIG_WALL - 60 * NS_PER_SEC,
                                  .number = 7,
                                  .outcome = SIDE_YES,
                                  .is_buy = 1,
                                  .yes_px = dearer ? 4500 : 4300,
                                  .qty = dearer ? TEN : 5 * QTY_ONE,
                                  .ticker = "M"};
    struct ev_user_order row = six_rest(earlier[0]);
    memcpy(left.client_id, row.client_id, sizeof left.client_id);
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    c.orders.unsettled = &left;
    c.orders.n_unsettled = 1;
    rig_start(r, &c);
    rig_open(r);
    for (int i = 0; i < 100 && !engine_ready(r->engine); i++) {
        answer_as_of(r, &row, as_of);
        rig_wait(r, 100 * RIG_MS);
    }
    struct order_view v = only_order(r);
    assert_int_equal(v.qty, TEN);
    assert_int_equal(v.filled, 4 * QTY_ONE);
    assert_int_equal(stats(r)->rediscovered, 0);
    return v;
}

static void an_amend_that_the_journal_lost_is_seen_by_a_read(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        struct rig r;
        assert_int_equal(restored(&r, false, told ? RIG_WALL + 3600 * NS_PER_SEC : 0).yes_px, 4400);
        rig_finish(&r);
    }
}

static void a_read_that_may_be_old_makes_terms_dearer_and_never_cheaper(void **state)
{
    (void)state;
    static const wall_ns_t as_of[] = {0, RIG_WALL - NS_PER_SEC, RIG_WALL + 3600 * NS_PER_SEC};
    for (int i = 0; i < 3; i++) {
        struct rig r;
        assert_int_equal(restored(&r, true, as_of[i]).yes_px, i < 2 ? 4500 : 4400);
        rig_finish(&r);
    }
}

static void the_session_comes_back_from_an_order_s_name(void **state)
{
    (void)state;
    static const uint64_t ids[] = {0, 1, UINT64_MAX, UINT64_C(0x0123456789abcdef)};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[CLIENT_ID_MAX];
        uint64_t back = ~ids[i];
        order_client_id(ids[i], UINT64_MAX - i, text);
        assert_true(order_session_of(text, &back));
        assert_int_equal(back, ids[i]);
        text[14] = 'G';
        assert_false(order_session_of(text, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_that_the_journal_lost_is_ours_again),
        cmocka_unit_test(it_is_journalled_so_that_the_next_crash_finds_it_there),
        cmocka_unit_test(a_halt_cancels_it_with_all_others),
        cmocka_unit_test(names_of_other_sessions_are_those_of_others),
        cmocka_unit_test(a_sweep_finds_what_came_after_the_start),
        cmocka_unit_test(one_that_comes_after_a_halt_is_cancelled),
        cmocka_unit_test(an_amend_that_the_journal_lost_is_seen_by_a_read),
        cmocka_unit_test(a_read_that_may_be_old_makes_terms_dearer_and_never_cheaper),
        cmocka_unit_test(the_session_comes_back_from_an_order_s_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
