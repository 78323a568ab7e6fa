/* Halts that the engine calls by itself, and that only a person lets go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TEN (10 * QTY_ONE)

static struct gw_request the_request(struct rig *r, enum gw_op op)
{
    const struct gw_request *q = NULL;
    do {
        q = rig_request(r);
        if (q == NULL) {
            fail_msg("no request of kind %d", (int)op);
        }
    } while (q->op != op);
    return *q;
}

static void answer_position(struct rig *r, qty_t position, usd_t cost)
{
    struct gw_request q = the_request(r, GW_LIST_POSITIONS);
    struct ev_position row = {.position = position, .cost = cost, .ticker = "M"};
    struct ev_answer a = rig_answer_to(&q, GW_OK);
    rig_rows(r, &a, &row, 1, sizeof row, GW_ROW_POSITION);
}

static void a_drift_above_the_second_limit_halts_everything(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.drift_halt_all_qty = 15 * QTY_ONE;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = the_request(&r, GW_CREATE);
    rig_ack(&r, &q, "o1", 0, TEN);
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4500, TEN, 173300);
    rig_wait(&r, 100 * RIG_MS);
    answer_position(&r, 30 * QTY_ONE, 12 * USD_ONE); /* 20 off */
    rig_wait(&r, 200 * RIG_MS);
    q = the_request(&r, GW_LIST_FILLS);
    struct ev_answer none = rig_answer_to(&q, GW_OK);
    rig_answer(&r, &none);
    rig_wait(&r, 400 * RIG_MS);
    answer_position(&r, 30 * QTY_ONE, 12 * USD_ONE);
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "position drift");
    assert_int_equal(r.journal.type, JOURNAL_HALT);
    rig_act(&r, ACT_BUY_YES);
    assert_string_equal(r.decision.check, "halted");
    rig_finish(&r);
}

/* Every read is answered: there is nothing. */
static void answer_nothing(struct rig *r)
{
    const struct gw_request *q = NULL;
    while ((q = rig_request(r)) != NULL) {
        struct gw_request copy = *q;
        struct ev_answer a = rig_answer_to(&copy, copy.op == GW_GET_ORDER ? GW_NOT_FOUND : GW_OK);
        a.as_of = RIG_WALL + r->now + 100 * NS_PER_SEC;
        a.balance = 100 * USD_ONE;
        rig_answer(r, &a);
    }
    r->seen = r->n_req = 0;
}

static void an_order_that_rested_and_that_nobody_knows_halts_its_market(void **state)
{
    (void)state;
    struct rig r;
    struct engine_config c = rig_config();
    c.orders.style = PRICE_PASSIVE;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = the_request(&r, GW_CREATE);
    rig_ack(&r, &q, "o1", 0, TEN);
    struct engine_market m;
    assert_true(engine_market(r.engine, 0, &m));
    assert_null(m.halted);
    for (int i = 0; i < 30; i++) {
        rig_wait(&r, 6 * NS_PER_SEC);
        answer_nothing(&r);
    }
    assert_true(engine_market(r.engine, 0, &m));
    assert_non_null(m.halted);
    assert_string_equal(m.halted, "order lost");
    assert_false(engine_halted(r.engine, NULL));               /* the other markets trade on */
    assert_int_equal(orders_open(engine_orders(r.engine)), 1); /* and it counts as long */
    assert_true(orders_account(engine_orders(r.engine))->cash_reserved > 0);
    rig_finish(&r);
}

static void more_positions_than_there_is_room_for_halt(void **state)
{
    (void)state;
    static struct ev_position rows[300]; /* 4 markets, and 256 that are not followed */
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    for (uint32_t i = 0; i < 300; i++) {
        rows[i] = (struct ev_position){.position = QTY_ONE, .cost = 400000};
        snprintf(rows[i].ticker, sizeof rows[i].ticker, "OTHER-%u", i);
    }
    for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
        struct gw_request copy = *q;
        struct ev_answer a = rig_answer_to(&copy, GW_OK);
        a.balance = copy.op == GW_GET_BALANCE ? 55 * USD_ONE : 0;
        if (copy.op == GW_LIST_POSITIONS) {
            rig_rows(&r, &a, rows, 300, sizeof rows[0], GW_ROW_POSITION);
        } else {
            rig_answer(&r, &a);
        }
    }
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "more positions than there is room for");
    rig_act(&r, ACT_BUY_YES);
    assert_string_equal(r.decision.check, "halted");
    rig_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drift_above_the_second_limit_halts_everything),
        cmocka_unit_test(an_order_that_rested_and_that_nobody_knows_halts_its_market),
        cmocka_unit_test(more_positions_than_there_is_room_for_halt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
