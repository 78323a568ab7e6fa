/* The rules of orders and money, each by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TEN (10 * QTY_ONE)

static void open_rig(struct rig *r)
{
    struct engine_config c = rig_config();
    rig_start(r, &c);
    rig_open(r);
}

/* A resting BUY_YES of 10 at .45 with the exchange's id "o1". */
static struct gw_request resting(struct rig *r)
{
    rig_act(r, ACT_BUY_YES);
    const struct gw_request *q = rig_request(r);
    assert_non_null(q);
    struct gw_request copy = *q;
    rig_ack(r, &copy, "o1", 0, TEN);
    assert_int_equal(r->order.to_state, ORDER_RESTING);
    return copy;
}

/* Ten YES at .45, bought, filled and settled. */
static void hold_ten(struct rig *r)
{
    struct gw_request q = resting(r);
    rig_fill(r, "t1", "o1", q.client_id, SIDE_YES, 4500, TEN, 173300);
    assert_int_equal(r->order.to_state, ORDER_FILLED);
}

static const struct holding *held(const struct rig *r)
{
    return &orders_account(engine_orders(r->engine))->holdings[0];
}

static void expect(const struct rig *r, enum verdict v, const char *check)
{
    assert_int_equal(r->decision.verdict, v);
    assert_string_equal(r->decision.check, check);
}

static void expect_order(struct rig *r, enum side outcome, px_t yes_px, qty_t qty)
{
    const struct gw_request *q = rig_request(r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_CREATE);
    assert_int_equal(q->outcome, outcome);
    assert_int_equal(q->yes_px, yes_px);
    assert_int_equal(q->qty, qty);
    expect(r, VERDICT_SENT, "");
}

static void buy_yes_acquires_yes_at_the_best_ask(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    expect_order(&r, SIDE_YES, 4500, TEN);
    rig_finish(&r);
}

static void buy_no_acquires_no_at_the_best_yes_bid(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_NO);
    expect_order(&r, SIDE_NO, 4000, TEN);
    rig_finish(&r);
}

static void selling_nothing_is_refused(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_SELL_YES);
    expect(&r, VERDICT_REFUSED, "nothing_held");
    rig_act(&r, ACT_SELL_NO);
    expect(&r, VERDICT_REFUSED, "nothing_held");
    assert_int_equal(r.n_req, 0);
    rig_finish(&r);
}

static void sell_yes_closes_what_is_held_and_never_more(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_ack(&r, &q, "o1", 0, TEN);
    rig_fill(&r, "t1", "o1", "", SIDE_YES, 4500, 350, 0);
    struct ev_user_order u = rig_order_row("o1", "", XORDER_CANCELED, 350);
    rig_event(&r, &u.h, EV_USER_ORDER, EV_SRC_PRIVATE, sizeof u);
    assert_int_equal(r.order.to_state, ORDER_CANCELLED);
    rig_act(&r, ACT_SELL_YES);
    expect_order(&r, SIDE_NO, 4000, 350);
    rig_finish(&r);
}

/* Ten are held, and two orders may rest: together they sell ten. */
static void several_sells_never_close_more_than_is_held(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.market_orders_max = 3;
    c.orders.style = PRICE_PASSIVE;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, 1500, 0);
    rig_act(&r, ACT_SELL_YES);
    struct gw_request q = *rig_request(&r);
    assert_int_equal(q.qty, TEN);
    rig_ack(&r, &q, "s1", 0, TEN);
    r.action = ACT_SELL_YES;
    rig_book(&r, 4000, 5000); /* the ask is .50 now: another one, of what is left */
    const struct gw_request *second = NULL;
    for (const struct gw_request *p = rig_request(&r); p != NULL; p = rig_request(&r)) {
        second = p->op == GW_CREATE ? p : second;
    }
    assert_non_null(second);
    assert_int_equal(second->qty, 500);
    q = *second;
    rig_ack(&r, &q, "s2", 0, 500);
    rig_book(&r, 4000, 4500); /* nothing is left for a third: one of the two moves */
    for (const struct gw_request *p = rig_request(&r); p != NULL; p = rig_request(&r)) {
        assert_int_not_equal(p->op, GW_CREATE);
        assert_true(p->op != GW_AMEND || p->qty == TEN);
    }
    rig_finish(&r);
}

static void allow_short_sells_the_whole_order_size(void **state)
{
    (void)state;
    struct rig r;
    struct engine_config c = rig_config();
    c.orders.allow_short = true;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_SELL_NO);
    expect_order(&r, SIDE_YES, 4500, TEN);
    rig_finish(&r);
}

static void passive_and_mid_prices_stay_inside_the_spread(void **state)
{
    (void)state;
    const enum price_style styles[] = {PRICE_PASSIVE, PRICE_MID};
    const px_t buy_yes[] = {4000, 4200}; /* mid .425, down to the grid */
    const px_t buy_no[] = {4500, 4300};  /* and up for the other side */
    for (int i = 0; i < 2; i++) {
        struct engine_config c = rig_config();
        c.orders.style = styles[i];
        struct rig r;
        rig_start(&r, &c);
        rig_open(&r);
        rig_act(&r, ACT_BUY_YES);
        expect_order(&r, SIDE_YES, buy_yes[i], TEN);
        rig_finish(&r);
        rig_start(&r, &c);
        rig_open(&r);
        rig_act(&r, ACT_BUY_NO);
        expect_order(&r, SIDE_NO, buy_no[i], TEN);
        rig_finish(&r);
    }
}

static void cash_is_reserved_when_the_intent_is_journalled(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    const struct account *a = orders_account(engine_orders(r.engine));
    assert_int_equal(r.journal.type, JOURNAL_INTENT);
    assert_true(a->cash_reserved > 4500000 + 173250);
    assert_int_equal(a->cash_total, 100 * USD_ONE);
    struct gw_request q = *rig_request(&r);
    struct ev_answer no = rig_answer_to(&q, GW_REJECTED);
    rig_answer(&r, &no);
    assert_int_equal(a->cash_reserved, 0);
    assert_int_equal(r.journal.type, JOURNAL_DONE);
    rig_finish(&r);
}

static void an_order_beyond_the_cash_is_refused_by_name(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.cash_start = 4500000; /* the price, not the fee */
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "cash");
    rig_finish(&r);
}

static void without_the_journal_no_order_leaves_but_cancels_do(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = resting(&r);
    (void)q;
    r.journal_fails = true;
    rig_act(&r, ACT_BUY_NO); /* the opposite: cancels first */
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    struct ev_answer ok = rig_answer_to(cancel, GW_OK);
    ok.remaining = TEN;
    r.action = ACT_BUY_NO;
    rig_answer(&r, &ok);
    expect(&r, VERDICT_ERROR, "journal");
    assert_null(rig_request(&r));
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_reserved, 0);
    rig_finish(&r);
}

static void a_full_gateway_frees_the_order_at_once(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    r.gateway_full = true;
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_ERROR, "gateway");
    assert_int_equal(r.order.to_state, ORDER_REJECTED);
    assert_int_equal(orders_open(engine_orders(r.engine)), 0);
    rig_finish(&r);
}

static void the_same_intent_keeps_the_order_and_a_cent_is_near_enough(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_KEPT, "");
    r.action = ACT_BUY_YES;
    rig_book(&r, 4000, 5400); /* ask .46 */
    expect(&r, VERDICT_KEPT, "");
    assert_null(rig_request(&r));
    rig_finish(&r);
}

static void
without_amends_more_than_a_cent_off_cancels_and_the_new_order_waits_for_that(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.amend = false;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    (void)resting(&r);
    r.action = ACT_BUY_YES;
    rig_book(&r, 4000, 5300); /* ask .47 */
    expect(&r, VERDICT_KEPT, "replace");
    const struct gw_request *cancel = rig_request(&r);
    assert_int_equal(cancel->op, GW_CANCEL);
    assert_string_equal(cancel->order_id, "o1");
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_KEPT, "change_pending");
    assert_null(rig_request(&r));
    r.action = ACT_BUY_YES;
    struct ev_answer ok = rig_answer_to(cancel, GW_OK);
    ok.remaining = TEN;
    rig_answer(&r, &ok); /* settled: the policy is asked again without a change of the book */
    expect_order(&r, SIDE_YES, 4700, TEN);
    rig_finish(&r);
}

/* A resting BUY_YES at .45 that is being moved to .47; the amend. */
static struct gw_request moving(struct rig *r)
{
    (void)resting(r);
    r->action = ACT_BUY_YES;
    rig_book(r, 4000, 5300); /* ask .47 */
    r->action = ACT_HOLD;
    expect(r, VERDICT_SENT, "amend");
    const struct gw_request *q = rig_request(r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_AMEND);
    assert_string_equal(q->order_id, "o1");
    assert_int_equal(q->yes_px, 4700);
    assert_int_equal(q->qty, TEN);
    assert_int_equal(r->journal.type, JOURNAL_AMEND);
    assert_int_equal(r->journal.yes_px, 4700);
    assert_int_equal(r->order.to_state, ORDER_AMEND_SENT);
    return *q;
}

static usd_t reserved(const struct rig *r)
{
    return orders_account(engine_orders(r->engine))->cash_reserved;
}

static struct ev_answer amend_ok(const struct gw_request *q, qty_t filled, qty_t remaining)
{
    struct ev_answer a = rig_answer_to(q, GW_OK);
    memcpy(a.order_id, q->order_id, sizeof a.order_id);
    a.filled = filled;
    a.remaining = remaining;
    return a;
}

static void a_price_more_than_a_cent_off_is_amended_in_place(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    assert_true(reserved(&r) >= usd_of(4700, TEN)); /* the dearer of both */
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_KEPT, "change_pending");
    assert_null(rig_request(&r)); /* one change at a time */
    struct ev_answer a = amend_ok(&q, QTY_UNKNOWN, QTY_UNKNOWN);
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_RESTING);
    assert_int_equal(r.order.yes_px, 4700);
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4700, TEN, 174400);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    assert_int_equal(reserved(&r), 0);
    rig_finish(&r);
}

static void amend_and_fill_cross(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4500, 400, 69300);
    assert_int_equal(r.order.to_state, ORDER_AMEND_SENT);
    struct ev_answer a = amend_ok(&q, 400, 600);
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_PART);
    rig_fill(&r, "t2", "o1", q.client_id, SIDE_YES, 4700, 600, 104700);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    rig_finish(&r);
}

static void fills_of_an_amended_order_may_all_come_before_the_answer(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    rig_fill(&r, "t0", "o1", "", SIDE_YES, 4500, 300, 52000);
    r.action = ACT_BUY_YES;
    rig_book(&r, 4000, 5300);
    r.action = ACT_HOLD;
    while (rig_request(&r) != NULL) {
    }
    struct gw_request q = r.req[r.n_req - 1];
    assert_int_equal(q.op, GW_AMEND);
    assert_int_equal(q.qty, 1300); /* three are filled, ten are wanted */
    rig_fill(&r, "t1", "o1", "", SIDE_YES, 4700, TEN, 174400);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    assert_int_equal(r.order.qty, 1300);
    assert_int_equal(r.order.filled, 1300);
    struct ev_answer a = amend_ok(&q, 1300, 0);
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    assert_int_equal(reserved(&r), 0);
    rig_finish(&r);
}

static void an_amend_that_fills_at_once_waits_for_its_fills(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    struct ev_answer a = amend_ok(&q, TEN, 0);
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    assert_true(reserved(&r) > 0); /* the fills are owed, and paid for */
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4700, TEN, 174400);
    assert_int_equal(reserved(&r), 0);
    rig_finish(&r);
}

static void a_refused_amend_leaves_the_old_terms_and_takes_the_order_away(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    struct ev_answer a = rig_answer_to(&q, GW_REJECTED);
    rig_answer(&r, &a);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    assert_int_equal(r.order.yes_px, 4500);
    rig_finish(&r);
}

static void an_amend_of_unknown_outcome_is_cancelled_and_counts_with_the_dearer_terms(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    struct ev_answer a = rig_answer_to(&q, GW_UNKNOWN);
    rig_answer(&r, &a);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    assert_int_equal(r.order.to_state, ORDER_CANCEL_SENT);
    assert_true(reserved(&r) >= usd_of(4700, TEN));
    for (uint32_t i = 0; i < r.n_req; i++) {
        assert_true(r.req[i].op != GW_AMEND || r.req[i].req_id == q.req_id); /* never sent again */
    }
    rig_finish(&r);
}

static void a_halt_cancels_without_waiting_for_the_amend(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = moving(&r);
    struct ev_command halt = {.command = CMD_HALT};
    rig_event(&r, &halt.h, EV_COMMAND, EV_SRC_COMMAND, sizeof halt);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    struct gw_request c = *cancel;
    struct ev_answer a = amend_ok(&q, 0, TEN);
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_CANCEL_SENT);
    a = rig_answer_to(&c, GW_OK);
    a.remaining = TEN;
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_CANCELLED);
    assert_int_equal(reserved(&r), 0);
    rig_finish(&r);
}

static void less_to_sell_makes_the_resting_order_smaller_and_keeps_its_place(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.style = PRICE_PASSIVE;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    rig_act(&r, ACT_SELL_YES);
    struct gw_request q = *rig_request(&r);
    assert_int_equal(q.op, GW_CREATE);
    rig_ack(&r, &q, "o1", 0, TEN);
    rig_fill(&r, "t1", "by hand too", "", SIDE_NO, 4500, 400, 0); /* four are gone elsewhere */
    rig_act(&r, ACT_SELL_YES);
    expect(&r, VERDICT_SENT, "amend");
    const struct gw_request *a = rig_request(&r);
    assert_int_equal(a->op, GW_AMEND);
    assert_int_equal(a->yes_px, q.yes_px);
    assert_int_equal(a->qty, 600);
    rig_finish(&r);
}

static void up_to_the_configured_number_of_orders_rest_in_a_market(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.market_orders_max = 2;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    (void)resting(&r); /* at .45 */
    r.action = ACT_BUY_YES;
    rig_book(&r, 4000, 5000); /* ask .50 */
    r.action = ACT_HOLD;
    expect_order(&r, SIDE_YES, 5000, TEN);
    struct gw_request q = r.req[r.n_req - 1];
    rig_ack(&r, &q, "o2", 0, TEN);
    r.action = ACT_BUY_YES;
    rig_book(&r, 4000, 4700); /* ask .53: the one that is furthest off moves */
    r.action = ACT_HOLD;
    expect(&r, VERDICT_SENT, "amend");
    const struct gw_request *a = rig_request(&r);
    assert_int_equal(a->op, GW_AMEND);
    assert_string_equal(a->order_id, "o1");
    rig_finish(&r);
}

static void the_opposite_intent_cancels_first(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    rig_act(&r, ACT_BUY_NO);
    expect(&r, VERDICT_KEPT, "cancel_first");
    const struct gw_request *cancel = rig_request(&r);
    assert_int_equal(cancel->op, GW_CANCEL);
    rig_finish(&r);
}

static void an_order_that_is_too_old_is_cancelled(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.age_max = 3 * NS_PER_SEC;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    (void)resting(&r);
    rig_wait(&r, 3 * NS_PER_SEC - 1);
    assert_null(rig_request(&r));
    assert_true(engine_deadline(r.engine) <= r.now + 1);
    rig_wait(&r, 1);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    rig_finish(&r);
}

static void an_order_that_the_market_has_left_behind_is_cancelled(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.distance_max = 500;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    (void)resting(&r);
    rig_book(&r, 5000, 4500); /* the best bid is .05 better: still near */
    assert_null(rig_request(&r));
    rig_book(&r, 5100, 4500);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    rig_finish(&r);
}

static void a_fill_may_come_before_the_answer_and_counts_once(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4500, 400, 69300);
    assert_int_equal(r.order.to_state, ORDER_PART);
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4500, 400, 69300);
    assert_int_equal(held(&r)->position, 400);
    assert_int_equal(r.n_fills, 1);
    rig_ack(&r, &q, "o1", 400, 600);
    assert_int_equal(r.order.to_state, ORDER_PART);
    assert_int_equal(orders_stats(engine_orders(r.engine))->table_errors, 0);
    rig_finish(&r);
}

static void a_fill_after_the_cancel_is_a_fact(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = resting(&r);
    rig_act(&r, ACT_BUY_NO);
    struct ev_answer ok = rig_answer_to(rig_request(&r), GW_OK);
    ok.remaining = 700; /* 3 of 10 were filled */
    rig_answer(&r, &ok);
    assert_int_equal(r.order.to_state, ORDER_CANCELLED);
    assert_true(orders_account(engine_orders(r.engine))->cash_reserved > 0); /* 3 are owed */
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "fills_owed");
    rig_fill(&r, "t1", "o1", q.client_id, SIDE_YES, 4500, 300, 0);
    assert_int_equal(held(&r)->position, 300);
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_reserved, 0);
    rig_finish(&r);
}

static void fills_that_an_answer_claims_are_read_when_they_do_not_come(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_ack(&r, &q, "o1", TEN, 0);
    assert_int_equal(held(&r)->position, 0); /* the claim is not a second source */
    rig_wait(&r, 99 * RIG_MS);
    assert_null(rig_request(&r));
    rig_wait(&r, 1 * RIG_MS);
    const struct gw_request *read = rig_request(&r);
    assert_int_equal(read->op, GW_LIST_FILLS);
    assert_string_equal(read->order_id, "o1");
    struct ev_fill row = {.yes_px = 4500, .qty = TEN, .outcome = SIDE_YES, .is_taker = 1};
    strcpy(row.ticker, "M");
    strcpy(row.trade_id, "t9");
    strcpy(row.order_id, "o1");
    struct ev_answer a = rig_answer_to(read, GW_OK);
    rig_rows(&r, &a, &row, 1, sizeof row, GW_ROW_FILL);
    assert_int_equal(held(&r)->position, TEN);
    rig_finish(&r);
}

static void a_fill_of_a_foreign_order_changes_the_position(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_fill(&r, "t1", "somebody", "", SIDE_NO, 4000, 200, 5000);
    assert_int_equal(held(&r)->position, -200);
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_total,
                     100 * USD_ONE - 1200000 - 5000);
    assert_int_equal(orders_stats(engine_orders(r.engine))->fills_foreign, 1);
    rig_finish(&r);
}

/* A list of fills has no client ids: such a fill may come before the order's id is known. */
static void a_fill_without_client_id_finds_its_order_when_the_id_comes(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_fill(&r, "t1", "o1", "", SIDE_YES, 4500, 400, 69300);
    assert_int_equal(held(&r)->position, 400);
    assert_int_equal(orders_stats(engine_orders(r.engine))->fills_foreign, 1);
    rig_ack(&r, &q, "o1", 400, 600);
    assert_int_equal(r.order.to_state, ORDER_PART);
    assert_int_equal(r.order.filled, 400);
    assert_int_equal(held(&r)->position, 400);
    assert_int_equal(orders_stats(engine_orders(r.engine))->fills_foreign, 0);
    rig_finish(&r);
}

/* --- unknown outcomes --- */

static const struct gw_request *unknown(struct rig *r, struct gw_request *ret_create)
{
    rig_act(r, ACT_BUY_YES);
    *ret_create = *rig_request(r);
    struct ev_answer a = rig_answer_to(ret_create, GW_UNKNOWN);
    rig_answer(r, &a);
    assert_int_equal(r->order.to_state, ORDER_UNKNOWN);
    rig_wait(r, 100 * RIG_MS);
    return rig_request(r);
}

static void an_unknown_outcome_blocks_the_market_and_keeps_its_cash(void **state)
{
    (void)state;
    struct rig r;
    struct gw_request create;
    open_rig(&r);
    const struct gw_request *read = unknown(&r, &create);
    assert_int_equal(read->op, GW_LIST_ORDERS);
    assert_string_equal(read->ticker, "M");
    assert_int_equal(read->flags & GW_WITH_AS_OF, GW_WITH_AS_OF);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "unknown_order");
    assert_true(orders_account(engine_orders(r.engine))->cash_reserved > 4500000);
    rig_finish(&r);
}

static void absence_is_believed_only_past_the_clock_window(void **state)
{
    (void)state;
    struct rig r;
    struct gw_request create;
    open_rig(&r);
    const struct gw_request *read = unknown(&r, &create);
    wall_ns_t signed_wall = RIG_WALL + create.born_mono;
    struct ev_answer none = rig_answer_to(read, GW_OK);
    none.as_of = signed_wall + 60 * NS_PER_SEC; /* not past it */
    rig_answer(&r, &none);
    assert_int_equal(orders_open(engine_orders(r.engine)), 1);
    rig_wait(&r, 10 * NS_PER_SEC);
    read = rig_request(&r);
    assert_int_equal(read->op, GW_LIST_ORDERS);
    none = rig_answer_to(read, GW_OK);
    none.as_of = 0; /* not known how old the read is: proves nothing */
    rig_answer(&r, &none);
    assert_int_equal(orders_open(engine_orders(r.engine)), 1);
    rig_wait(&r, 10 * NS_PER_SEC);
    none = rig_answer_to(rig_request(&r), GW_OK);
    none.as_of = signed_wall + 60 * NS_PER_SEC + 1;
    rig_answer(&r, &none);
    assert_int_equal(r.order.to_state, ORDER_REJECTED);
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_reserved, 0);
    for (uint32_t i = 1; i < r.n_req; i++) {
        assert_int_not_equal(r.req[i].op, GW_CREATE); /* never sent again */
    }
    rig_finish(&r);
}

static void an_unknown_order_that_is_found_goes_on(void **state)
{
    (void)state;
    struct rig r;
    struct gw_request create;
    open_rig(&r);
    const struct gw_request *read = unknown(&r, &create);
    struct ev_user_order row = rig_order_row("o7", create.client_id, XORDER_RESTING, 300);
    struct ev_answer a = rig_answer_to(read, GW_OK);
    rig_rows(&r, &a, &row, 1, sizeof row, GW_ROW_ORDER);
    assert_int_equal(r.order.to_state, ORDER_PART);
    rig_wait(&r, 100 * RIG_MS); /* 3 are claimed and not seen */
    bool fills = false;
    for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
        fills = fills || (q->op == GW_LIST_FILLS && strcmp(q->order_id, "o7") == 0);
    }
    assert_true(fills);
    rig_finish(&r);
}

static void order_already_exists_means_that_it_is_there(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct ev_answer a = rig_answer_to(rig_request(&r), GW_REJECTED);
    strcpy(a.error_code, "order_already_exists");
    rig_answer(&r, &a);
    assert_int_equal(r.order.to_state, ORDER_UNKNOWN);
    rig_finish(&r);
}

static void certainly_no_effect_frees_the_reservation(void **state)
{
    (void)state;
    const enum gw_outcome outcomes[] = {GW_REJECTED, GW_NOT_SENT, GW_RATE_LIMIT, GW_AUTH};
    for (size_t i = 0; i < 4; i++) {
        struct rig r;
        open_rig(&r);
        rig_act(&r, ACT_BUY_YES);
        struct ev_answer a = rig_answer_to(rig_request(&r), outcomes[i]);
        rig_answer(&r, &a);
        assert_int_equal(r.order.to_state, ORDER_REJECTED);
        assert_int_equal(orders_account(engine_orders(r.engine))->cash_reserved, 0);
        rig_finish(&r);
    }
}

static void a_404_of_a_cancel_proves_nothing(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct gw_request q = resting(&r);
    rig_act(&r, ACT_BUY_NO);
    struct ev_answer a = rig_answer_to(rig_request(&r), GW_NOT_FOUND);
    rig_answer(&r, &a);
    assert_int_equal(orders_open(engine_orders(r.engine)), 1);
    rig_wait(&r, 200 * RIG_MS);
    const struct gw_request *read = rig_request(&r);
    assert_true(read->op == GW_GET_ORDER || read->op == GW_LIST_ORDERS);
    struct ev_user_order row = rig_order_row("o1", q.client_id, XORDER_EXECUTED, TEN);
    struct ev_answer rows = rig_answer_to(read, GW_OK);
    rig_rows(&r, &rows, &row, 1, sizeof row, GW_ROW_ORDER);
    assert_int_equal(r.order.to_state, ORDER_FILLED);
    rig_finish(&r);
}

/* --- reconciliation --- */

static struct ev_answer position(struct rig *r, const struct gw_request *q, qty_t n, usd_t cost)
{
    struct ev_position row = {.position = n, .cost = cost, .ticker = "M"};
    struct ev_answer a = rig_answer_to(q, GW_OK);
    rig_rows(r, &a, &row, 1, sizeof row, GW_ROW_POSITION);
    return a;
}

static void a_position_is_read_a_tenth_of_a_second_after_a_fill(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    hold_ten(&r);
    assert_int_equal(engine_deadline(r.engine), r.now + 100 * RIG_MS);
    rig_wait(&r, 100 * RIG_MS);
    const struct gw_request *q = rig_request(&r);
    assert_int_equal(q->op, GW_LIST_POSITIONS);
    assert_string_equal(q->ticker, "M");
    assert_false(engine_idle(r.engine));
    (void)position(&r, q, TEN, 4500000);
    assert_int_equal(r.reconcile.ours, TEN);
    assert_int_equal(r.reconcile.adopted, 0);
    assert_true(engine_idle(r.engine));
    rig_finish(&r);
}

static void drift_is_adopted_after_the_fills_were_read_and_halts_above_the_limit(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    hold_ten(&r);
    rig_wait(&r, 100 * RIG_MS);
    (void)position(&r, rig_request(&r), 30 * QTY_ONE, 12 * USD_ONE);
    assert_int_equal(held(&r)->position, TEN); /* not yet */
    rig_wait(&r, 200 * RIG_MS);
    const struct gw_request *fills = rig_request(&r);
    assert_int_equal(fills->op, GW_LIST_FILLS);
    struct ev_answer none = rig_answer_to(fills, GW_OK);
    rig_answer(&r, &none);
    rig_wait(&r, 400 * RIG_MS);
    const struct gw_request *again = rig_request(&r);
    assert_int_equal(again->op, GW_LIST_POSITIONS);
    (void)position(&r, again, 30 * QTY_ONE, 12 * USD_ONE);
    assert_int_equal(r.reconcile.adopted, 1);
    assert_int_equal(held(&r)->position, 30 * QTY_ONE);
    assert_int_equal(held(&r)->cost, 12 * USD_ONE);
    rig_act(&r, ACT_BUY_YES);                       /* 20 off, 10 allowed */
    assert_int_equal(r.journal.type, JOURNAL_HALT); /* of this market */
    assert_string_equal(r.journal.ticker, "M");
    assert_string_equal(r.journal.reason, "position drift");
    expect(&r, VERDICT_REFUSED, "market_halted");
    rig_finish(&r);
}

static void a_difference_while_something_is_in_flight_proves_nothing(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    hold_ten(&r);
    rig_wait(&r, 100 * RIG_MS);
    const struct gw_request *q = rig_request(&r);
    rig_act(&r, ACT_BUY_YES); /* sent, no answer */
    (void)position(&r, q, 15 * QTY_ONE, 0);
    assert_int_equal(r.reconcile.in_flight, 1);
    assert_int_equal(r.reconcile.adopted, 0);
    assert_int_equal(held(&r)->position, TEN);
    rig_finish(&r);
}

static void credentials_that_are_refused_again_and_again_halt(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    for (int i = 0; i < 3; i++) {
        assert_false(engine_halted(r.engine, NULL));
        rig_act(&r, ACT_BUY_YES);
        struct ev_answer a = rig_answer_to(rig_request(&r), GW_AUTH);
        rig_answer(&r, &a);
    }
    assert_true(engine_halted(r.engine, NULL));
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "halted");
    rig_finish(&r);
}

/* --- start and stop --- */

static void nothing_is_traded_before_the_start_up_reads_are_answered(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "not_ready");
    const enum gw_op ops[] = {GW_LIST_ORDERS, GW_LIST_FILLS,  GW_GET_BALANCE,   GW_LIST_POSITIONS,
                              GW_LIST_FILLS,  GW_GET_BALANCE, GW_LIST_POSITIONS};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        assert_false(engine_ready(r.engine));
        const struct gw_request *q = rig_request(&r);
        assert_non_null(q);
        assert_int_equal(q->op, ops[i]);
        struct ev_answer a = rig_answer_to(q, GW_OK);
        a.balance = q->op == GW_GET_BALANCE ? 55 * USD_ONE : 0;
        if (q->op == GW_LIST_POSITIONS) {
            struct ev_position row = {.position = -300, .cost = 1500000, .ticker = "M"};
            rig_rows(&r, &a, &row, 1, sizeof row, GW_ROW_POSITION);
        } else {
            rig_answer(&r, &a);
        }
    }
    assert_true(engine_ready(r.engine));
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_total, 55 * USD_ONE);
    assert_int_equal(held(&r)->position, -300);
    rig_act(&r, ACT_SELL_NO);
    expect_order(&r, SIDE_YES, 4500, 300);
    rig_finish(&r);
}

static void
a_market_that_pays_between_balance_and_positions_has_the_account_read_again(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    int balances = 0;
    for (;;) {
        for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
            struct ev_answer a = rig_answer_to(q, GW_OK);
            if (q->op == GW_GET_BALANCE) {
                a.balance = (++balances == 1 ? 55 : 65) * USD_ONE;
            }
            rig_answer(&r, &a);
        }
        if (engine_ready(r.engine)) {
            break;
        }
        assert_true(balances < 4);
        rig_wait(&r, NS_PER_SEC);
    }
    assert_int_equal(balances, 4);
    assert_int_equal(orders_account(engine_orders(r.engine))->cash_total, 65 * USD_ONE);
    rig_finish(&r);
}

/* The first list of positions was on its way for long: the balance that came with it is younger. */
static void
a_market_that_paid_after_the_positions_were_listed_has_the_account_read_again(void **state)
{
    (void)state;
    struct ev_position row = {.position = TEN, .cost = 5 * USD_ONE, .ticker = "M"};
    struct ev_position other = {.position = -TEN, .cost = 5 * USD_ONE, .ticker = "M"};
    const struct ev_position *second[] = {NULL, &other, &row};
    for (int i = 0; i < 3; i++) {
        struct engine_config c = rig_config();
        c.orders.from_config = false;
        struct rig r;
        rig_start(&r, &c);
        rig_open(&r);
        int lists = 0;
        for (int turn = 0; turn < 20 && !engine_ready(r.engine); turn++) {
            for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
                struct ev_answer a = rig_answer_to(q, GW_OK);
                a.balance = q->op == GW_GET_BALANCE ? 65 * USD_ONE : 0;
                if (q->op == GW_LIST_POSITIONS) {
                    const struct ev_position *p = lists++ == 0 ? &row : second[i];
                    rig_rows(&r, &a, p, p != NULL, sizeof *p, GW_ROW_POSITION);
                } else {
                    rig_answer(&r, &a);
                }
            }
            rig_wait(&r, NS_PER_SEC);
        }
        assert_true(engine_ready(r.engine));
        assert_int_equal(lists, i < 2 ? 4 : 2);
        assert_int_equal(held(&r)->position, second[i] != NULL ? second[i]->position : 0);
        assert_int_equal(orders_account(engine_orders(r.engine))->cash_total, 65 * USD_ONE);
        rig_finish(&r);
    }
}

static void an_order_of_a_previous_session_is_settled_before_trading(void **state)
{
    (void)state;
    struct journal_record left = {.type = JOURNAL_INTENT,
                                  .wall = RIG_WALL - NS_PER_SEC,
                                  .number = 4,
                                  .outcome = SIDE_YES,
                                  .is_buy = 1,
                                  .yes_px = 4400,
                                  .qty = TEN,
                                  .ticker = "M"};
    strcpy(left.client_id, "old-client-id");
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    c.orders.unsettled = &left;
    c.orders.n_unsettled = 1;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    struct ev_answer a = rig_answer_to(rig_request(&r), GW_OK); /* the list of what rests */
    rig_answer(&r, &a);
    rig_wait(&r, 100 * RIG_MS);
    const struct gw_request *q = rig_request(&r);
    assert_int_equal(q->op, GW_LIST_ORDERS);
    assert_string_equal(q->ticker, "M");
    rig_wait(&r, 10 * NS_PER_SEC);
    for (const struct gw_request *p = rig_request(&r); p != NULL; p = rig_request(&r)) {
        assert_int_equal(p->op, GW_LIST_ORDERS); /* no account is read before */
    }
    struct ev_user_order row = rig_order_row("o4", "old-client-id", XORDER_CANCELED, 0);
    a = rig_answer_to(q, GW_OK);
    rig_rows(&r, &a, &row, 1, sizeof row, GW_ROW_ORDER);
    assert_int_equal(r.order.to_state, ORDER_CANCELLED);
    assert_int_equal(r.journal.type, JOURNAL_DONE);
    assert_string_equal(r.journal.client_id, "old-client-id");
    rig_finish(&r);
}

static void
a_market_that_a_previous_session_halted_stays_halted_until_a_person_resumes(void **state)
{
    (void)state;
    struct journal_record left = {.type = JOURNAL_HALT, .wall = RIG_WALL, .ticker = "M"};
    strcpy(left.reason, "position drift");
    struct engine_config c = rig_config();
    c.orders.unsettled = &left;
    c.orders.n_unsettled = 1;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "market_halted");
    assert_string_equal(orders_market_halted(engine_orders(r.engine), 0), "position drift");
    assert_false(engine_halted(r.engine, NULL));
    struct ev_command resume = {.command = CMD_RESUME};
    rig_event(&r, &resume.h, EV_COMMAND, EV_SRC_COMMAND, sizeof resume);
    assert_int_equal(r.journal.type, JOURNAL_RELEASE);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

/* The order is refused by that check, with these numbers (-1: any), and nothing left for the
 * gateway. */
static void refused(struct rig *r, enum action action, const char *check, int64_t value,
                    int64_t limit)
{
    uint32_t before = r->n_req;
    rig_act(r, action);
    expect(r, VERDICT_REFUSED, check);
    assert_true(value < 0 || r->decision.risk_value == value);
    assert_true(limit < 0 || r->decision.risk_limit == limit);
    assert_int_equal(r->n_req, before);
}

/* Start-up reads that find 55 USD and 3 NO in "M". */
static void start_with_three_no(struct rig *r)
{
    struct engine_config c = rig_config();
    c.orders.from_config = false;
    rig_start(r, &c);
    rig_open(r);
    struct ev_position row = {.position = -300, .cost = 1500000, .ticker = "M"};
    for (const struct gw_request *q = rig_request(r); q != NULL; q = rig_request(r)) {
        struct ev_answer a = rig_answer_to(q, GW_OK);
        a.balance = q->op == GW_GET_BALANCE ? 55 * USD_ONE : 0;
        bool positions = q->op == GW_LIST_POSITIONS;
        rig_rows(r, &a, &row, positions ? 1 : 0, sizeof row,
                 positions ? GW_ROW_POSITION : GW_ROW_NONE);
    }
    assert_true(engine_ready(r->engine));
}

/* A settled market drops out of the list of positions, and nobody sends a word about it. */
static void a_position_that_the_sweep_does_not_show_is_read(void **state)
{
    (void)state;
    struct rig r;
    start_with_three_no(&r);
    rig_wait(&r, 31 * NS_PER_SEC);
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_LIST_POSITIONS);
    assert_string_equal(q->ticker, "");
    struct ev_answer a = rig_answer_to(q, GW_OK);
    rig_answer(&r, &a);
    rig_wait(&r, 100 * RIG_MS);
    bool asked = false;
    while ((q = rig_request(&r)) != NULL) {
        asked = asked || (q->op == GW_LIST_POSITIONS && strcmp(q->ticker, "M") == 0);
    }
    assert_true(asked);
    rig_finish(&r);
}

/* Answer what the sweep asks for; the rows go with their kind of list. */
static void sweep(struct rig *r, const struct ev_position *p, const struct ev_fill *fills,
                  uint32_t n_fills, const struct ev_user_order *orders, uint32_t n_orders)
{
    rig_wait(r, 31 * NS_PER_SEC);
    for (const struct gw_request *q = rig_request(r); q != NULL; q = rig_request(r)) {
        struct ev_answer a = rig_answer_to(q, GW_OK);
        if (q->op == GW_LIST_POSITIONS) {
            rig_rows(r, &a, p, 1, sizeof *p, GW_ROW_POSITION);
        } else if (q->op == GW_LIST_FILLS) {
            rig_rows(r, &a, fills, n_fills, sizeof *fills, GW_ROW_FILL);
        } else if (q->op == GW_LIST_ORDERS) {
            rig_rows(r, &a, orders, n_orders, sizeof *orders, GW_ROW_ORDER);
        } else {
            rig_answer(r, &a);
        }
        rig_wait(r, RIG_MS);
    }
}

static void lost_fills_that_leave_the_position_as_it_was_are_found_by_the_sweep(void **state)
{
    (void)state;
    struct rig r;
    start_with_three_no(&r);
    struct ev_position p = {.position = -300, .cost = 1500000, .ticker = "M"};
    struct ev_fill f[2];
    memset(f, 0, sizeof f);
    for (uint32_t i = 0; i < 2; i++) {
        f[i].yes_px = 4500;
        f[i].qty = QTY_ONE;
        f[i].fee = 17400;
        f[i].outcome = i;
        f[i].post_position = QTY_UNKNOWN;
        snprintf(f[i].ticker, sizeof f[i].ticker, "M");
        snprintf(f[i].trade_id, sizeof f[i].trade_id, "lost %u", i);
        snprintf(f[i].order_id, sizeof f[i].order_id, "by hand");
    }
    sweep(&r, &p, f, 2, NULL, 0);
    assert_int_equal(held(&r)->position, -300);
    assert_int_equal(held(&r)->fees, 34800);
    sweep(&r, &p, f, 2, NULL, 0); /* once */
    assert_int_equal(held(&r)->fees, 34800);
    rig_finish(&r);
}

static void what_others_have_resting_counts_against_the_limits_and_is_left_alone(void **state)
{
    (void)state;
    struct rig r;
    start_with_three_no(&r);
    struct ev_position p = {.position = -300, .cost = 1500000, .ticker = "M"};
    struct ev_user_order row = rig_order_row("somebody's", "not ours", XORDER_RESTING, 0);
    row.outcome = SIDE_YES;
    row.yes_px = 4400;
    row.remaining = 120 * QTY_ONE; /* 52.80 of our 55 USD */
    sweep(&r, &p, NULL, 0, &row, 1);
    refused(&r, ACT_BUY_NO, "cash", -1, 55 * USD_ONE - 52800000);
    assert_int_equal(orders_stats(engine_orders(r.engine))->foreign_orders, 1);
    for (uint32_t i = 0; i < r.n_req; i++) {
        assert_true(r.req[i].op != GW_CANCEL && r.req[i].op != GW_AMEND);
    }
    sweep(&r, &p, NULL, 0, NULL, 0); /* it is gone */
    rig_act(&r, ACT_BUY_NO);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void stop_cancels_what_rests_and_refuses_what_is_new(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    struct ev_command stop = {.command = CMD_STOP};
    rig_event(&r, &stop.h, EV_COMMAND, EV_SRC_COMMAND, sizeof stop);
    const struct gw_request *q = rig_request(&r);
    assert_int_equal(q->op, GW_CANCEL);
    assert_true(engine_stopping(r.engine) && !engine_idle(r.engine));
    struct ev_answer ok = rig_answer_to(q, GW_OK);
    ok.remaining = TEN;
    rig_answer(&r, &ok);
    assert_true(engine_idle(r.engine));
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "halted");
    rig_finish(&r);
}

static void stop_and_keep_leaves_what_rests(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    struct ev_command stop = {.command = CMD_STOP, .flags = ENGINE_CMD_KEEP};
    rig_event(&r, &stop.h, EV_COMMAND, EV_SRC_COMMAND, sizeof stop);
    assert_null(rig_request(&r));
    assert_true(engine_idle(r.engine));
    rig_finish(&r);
}

static void halt_holds_until_resume(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_command c = {.command = CMD_HALT, .reason = "by hand"};
    rig_event(&r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "by hand");
    assert_int_equal(r.journal.type, JOURNAL_HALT);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "halted");
    c = (struct ev_command){.command = CMD_RESUME};
    rig_event(&r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
    assert_int_equal(r.journal.type, JOURNAL_RELEASE);
    rig_act(&r, ACT_BUY_YES);
    expect_order(&r, SIDE_YES, 4500, TEN);
    rig_finish(&r);
}

static void a_cancel_waits_for_the_order_id(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    struct ev_command stop = {.command = CMD_STOP};
    rig_event(&r, &stop.h, EV_COMMAND, EV_SRC_COMMAND, sizeof stop);
    assert_null(rig_request(&r));
    rig_ack(&r, &q, "o1", 0, TEN);
    const struct gw_request *cancel = rig_request(&r);
    assert_non_null(cancel);
    assert_int_equal(cancel->op, GW_CANCEL);
    assert_string_equal(cancel->order_id, "o1");
    rig_finish(&r);
}

static void private_link(struct rig *r, bool up)
{
    struct ev_mark m = {.h = {.mkt = MKT_ALL}, .code = up};
    rig_event(r, &m.h, EV_LINK, EV_SRC_PRIVATE, sizeof m);
}

static void nothing_new_is_traded_while_the_private_session_is_down(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.wants_link = true;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "private_link");
    r.action = ACT_BUY_YES;
    private_link(&r, true); /* the policy is asked again without a change of the book */
    assert_true(r.asked);
    expect_order(&r, SIDE_YES, 4500, TEN);
    private_link(&r, false);
    rig_act(&r, ACT_SELL_YES);
    assert_int_not_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void
an_order_that_the_write_bucket_would_hold_up_is_refused_before_it_is_journalled(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.cash_start = 10000 * USD_ONE;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    uint32_t sent = 0;
    for (int i = 0; i < 20 && r.decision.verdict != VERDICT_REFUSED; i++) {
        rig_act(&r, ACT_BUY_YES);
        if (r.decision.verdict == VERDICT_SENT) {
            struct ev_answer a = rig_answer_to(&r.req[r.n_req - 1], GW_REJECTED);
            rig_answer(&r, &a);
            sent++;
        }
    }
    expect(&r, VERDICT_REFUSED, "token_reserve");
    assert_int_equal(sent, 8); /* of 100 tokens 20 are kept for cancels */
    uint32_t journalled = r.journalled;
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.journalled, journalled);
    rig_wait(&r, 100 * RIG_MS); /* 100 tokens a second: ten are back */
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void the_exchange_s_own_limits_count(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_answer limits = {.op = GW_GET_LIMITS,
                               .outcome = GW_OK,
                               .req_id = UINT64_MAX,
                               .write_rate = 1,
                               .write_capacity = 40};
    rig_answer(&r, &limits);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    struct ev_answer a = rig_answer_to(&r.req[r.n_req - 1], GW_RATE_LIMIT);
    rig_answer(&r, &a);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "token_reserve");
    rig_finish(&r);
}

static void reject_last(struct rig *r)
{
    struct ev_answer a = rig_answer_to(&r->req[r->n_req - 1], GW_REJECTED);
    rig_answer(r, &a);
}

static void the_same_order_a_moment_later_is_refused(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.duplicate = 100 * RIG_MS;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    reject_last(&r);
    refused(&r, ACT_BUY_YES, "duplicate_intent", 1, 0);
    rig_book(&r, 4000, 5400); /* another price is another order */
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    reject_last(&r);
    rig_wait(&r, 100 * RIG_MS);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void trade(struct rig *r, px_t yes_px)
{
    struct ev_trade t = {.yes_px = yes_px, .qty = QTY_ONE};
    rig_event(r, &t.h, EV_TRADE, EV_SRC_MARKET, sizeof t);
}

static void a_price_far_from_the_mid_or_from_the_last_trades_is_refused(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.collar_mid = 500;
    c.orders.limits.collar_trade = 300;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_book(&r, 3000, 5500); /* .30 to .45: the ask is .075 over the mid */
    refused(&r, ACT_BUY_YES, "collar_mid", 750, 500);
    rig_book(&r, 4400, 5500);
    trade(&r, 4100);
    refused(&r, ACT_BUY_YES, "collar_trade", 400, 300);
    trade(&r, 4200); /* the best of the last trades counts */
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void a_loss_beyond_its_limit_halts_and_cancels_until_a_person_resumes(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.loss_max = 2 * USD_ONE;
    c.orders.allow_short = true;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    hold_ten(&r); /* ten YES at .45, mid .425 */
    while (rig_request(&r) != NULL) {
    }
    struct gw_request q = resting(&r);
    rig_fill(&r, "t2", "o1", q.client_id, SIDE_YES, 4500, QTY_ONE, 0);
    rig_book(&r, 2000, 7500); /* mid .225: ten lose two dollars and more */
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "loss limit");
    assert_int_equal(r.journal.type, JOURNAL_HALT);
    bool cancelled = false;
    for (uint32_t i = 0; i < r.n_req; i++) {
        cancelled = cancelled || r.req[i].op == GW_CANCEL;
    }
    assert_true(cancelled);
    rig_book(&r, 4000, 5500); /* better times change nothing */
    assert_true(engine_halted(r.engine, NULL));
    rig_finish(&r);
}

/* The bids go and the offers fall: the last mid says nothing any more. */
static void a_loss_is_seen_in_a_book_without_bids_too(void **state)
{
    (void)state;
    for (int no = 0; no < 2; no++) {
        struct engine_config c = rig_config();
        c.orders.limits.loss_max = 2 * USD_ONE;
        struct rig r;
        rig_start(&r, &c);
        rig_open(&r);
        rig_fill(&r, "t1", "by hand", "", no ? SIDE_NO : SIDE_YES, no ? 4000 : 4500, TEN, 0);
        rig_book(&r, no ? 5000 : 0, no ? 0 : 4000); /* offered at .50 or .60: a gap, no loss */
        assert_false(engine_halted(r.engine, NULL));
        rig_book(&r, no ? 9900 : 0, no ? 0 : 9900); /* offered at .01 */
        const char *why = NULL;
        assert_true(engine_halted(r.engine, &why));
        assert_string_equal(why, "loss limit");
        rig_finish(&r);
    }
}

static void a_position_that_is_valued_for_the_first_time_is_no_loss(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.loss_max = USD_ONE;
    struct rig r;
    rig_start(&r, &c);
    struct ev_market m = {
        .ticker = "M", .grid = grid_cents(), .status = MARKET_ACTIVE, .fee_mult_micros = 1000000};
    rig_event(&r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 9000, TEN, 0);
    rig_book(&r, 1000, 8500); /* worth .125 each now, but that was before our time */
    assert_false(engine_halted(r.engine, NULL));
    rig_book(&r, 100, 9700); /* and now more than a dollar is lost */
    assert_true(engine_halted(r.engine, NULL));
    rig_finish(&r);
}

static void too_many_fills_or_orders_within_a_second_are_refused(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.fills_per_s = 1;
    c.orders.limits.orders_per_s = 2;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    for (int i = 0; i < 2; i++) {
        rig_act(&r, ACT_BUY_YES);
        assert_int_equal(r.decision.verdict, VERDICT_SENT);
        reject_last(&r);
    }
    refused(&r, ACT_BUY_YES, "orders_per_second", 3, 2);
    rig_wait(&r, NS_PER_SEC);
    rig_fill(&r, "t1", "by hand", "", SIDE_YES, 4500, QTY_ONE, 0);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    reject_last(&r);
    rig_fill(&r, "t2", "by hand", "", SIDE_YES, 4500, QTY_ONE, 0);
    refused(&r, ACT_BUY_YES, "fills_per_second", 2, 1);
    rig_finish(&r);
}

/* --- order groups --- */

static void open_with_group(struct rig *r)
{
    struct engine_config c = rig_config();
    c.orders.group_limit = 1000 * QTY_ONE;
    rig_start(r, &c);
    rig_open(r);
}

static void group_made(struct rig *r, const char *id)
{
    rig_wait(r, RIG_MS);
    const struct gw_request *q = rig_request(r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_GROUP_CREATE);
    assert_int_equal(q->qty, 1000 * QTY_ONE);
    struct ev_answer a = rig_answer_to(q, GW_OK);
    snprintf(a.order_id, sizeof a.order_id, "%s", id);
    rig_answer(r, &a);
}

static void no_order_leaves_before_its_group_is_there_and_each_is_in_it(void **state)
{
    (void)state;
    struct rig r;
    open_with_group(&r);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "order_group");
    r.action = ACT_BUY_YES;
    group_made(&r, "g1"); /* and the policy is asked again */
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_CREATE);
    assert_string_equal(q->group_id, "g1");
    rig_finish(&r);
}

static void a_group_that_cannot_be_made_is_tried_again(void **state)
{
    (void)state;
    struct rig r;
    open_with_group(&r);
    rig_wait(&r, RIG_MS);
    struct ev_answer a = rig_answer_to(rig_request(&r), GW_UNKNOWN);
    rig_answer(&r, &a);
    rig_wait(&r, NS_PER_SEC);
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_GROUP_CREATE);
    rig_finish(&r);
}

static void a_triggered_group_halts_and_resuming_resets_it(void **state)
{
    (void)state;
    struct rig r;
    open_with_group(&r);
    group_made(&r, "g1");
    rig_act(&r, ACT_BUY_YES);
    struct ev_answer a = rig_answer_to(rig_request(&r), GW_REJECTED);
    snprintf(a.error_code, sizeof a.error_code, "exceeded_order_group_risk_limit");
    rig_answer(&r, &a);
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "order group triggered");
    struct ev_command resume = {.command = CMD_RESUME};
    rig_event(&r, &resume.h, EV_COMMAND, EV_SRC_COMMAND, sizeof resume);
    rig_act(&r, ACT_BUY_YES);
    expect(&r, VERDICT_REFUSED, "order_group"); /* not before it is reset */
    rig_wait(&r, RIG_MS);
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_GROUP_RESET);
    assert_string_equal(q->order_id, "g1");
    a = rig_answer_to(q, GW_OK);
    rig_answer(&r, &a);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

/* --- halts by themselves, and flattening --- */

static void a_halt_that_keeps_what_rests_keeps_it_from_the_policy_too(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    (void)resting(&r);
    struct ev_command halt = {.command = CMD_HALT, .flags = ENGINE_CMD_KEEP};
    rig_event(&r, &halt.h, EV_COMMAND, EV_SRC_COMMAND, sizeof halt);
    uint32_t n = r.n_req;
    refused(&r, ACT_BUY_NO, "halted", 1, 0); /* the opposite intent would cancel first */
    refused(&r, ACT_BUY_YES, "halted", 1, 0);
    assert_int_equal(r.n_req, n);
    rig_finish(&r);
}

static void repeated_unknown_outcomes_halt(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.unknown_halt_count = 2;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    for (int i = 0; i < 2; i++) {
        assert_false(engine_halted(r.engine, NULL));
        rig_act(&r, ACT_BUY_YES);
        assert_int_equal(r.decision.verdict, VERDICT_SENT);
        struct gw_request q = r.req[r.n_req - 1];
        struct ev_answer a = rig_answer_to(&q, GW_UNKNOWN);
        rig_answer(&r, &a);
        /* It turns out to be absent, so that the market is free for the next one. */
        for (int k = 0; k < 40 && r.order.to_state == ORDER_UNKNOWN; k++) {
            rig_wait(&r, 5 * NS_PER_SEC);
            a = rig_answer_to(&r.req[r.n_req - 1], GW_OK);
            a.as_of = RIG_WALL + r.now;
            rig_answer(&r, &a);
        }
    }
    const char *why = NULL;
    assert_true(engine_halted(r.engine, &why));
    assert_string_equal(why, "repeated unknown outcomes");
    rig_finish(&r);
}

static void flatten_cancels_what_rests_and_closes_what_is_held(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    struct gw_request rests = resting(&r);
    (void)rests;
    struct ev_command c = {.command = CMD_FLATTEN};
    rig_event(&r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
    const struct gw_request *cancel = NULL;
    for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
        assert_int_not_equal(q->op, GW_CREATE); /* not while something rests */
        cancel = q->op == GW_CANCEL ? q : cancel;
    }
    assert_non_null(cancel);
    struct ev_answer a = rig_answer_to(cancel, GW_OK);
    a.remaining = TEN;
    rig_answer(&r, &a);
    const struct gw_request *q = rig_request(&r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_CREATE);
    assert_int_equal(q->outcome, SIDE_NO);
    assert_int_equal(q->yes_px, 4000); /* the best bid */
    assert_int_equal(q->qty, TEN);
    assert_int_equal(q->tif, GW_IOC);
    assert_true(q->reduce_only);
    struct gw_request close = *q;
    a = rig_answer_to(&close, GW_OK); /* six of ten: the rest was cancelled */
    snprintf(a.order_id, sizeof a.order_id, "c1");
    a.filled = 600;
    rig_answer(&r, &a);
    rig_fill(&r, "t1", "c1", close.client_id, SIDE_NO, 4000, 600, 0);
    rig_book(&r, 4000, 5500);
    while ((q = rig_request(&r)) != NULL && q->op != GW_CREATE) {
    }
    assert_non_null(q);
    assert_int_equal(q->qty, 400);
    close = *q;
    rig_ack(&r, &close, "c2", 400, 0);
    rig_fill(&r, "t2", "c2", close.client_id, SIDE_NO, 4000, 400, 0);
    assert_int_equal(held(&r)->position, 0);
    uint32_t n = r.n_req;
    r.action = ACT_BUY_YES; /* the policy is not asked */
    rig_book(&r, 4000, 5400);
    for (uint32_t i = n; i < r.n_req; i++) {
        assert_int_not_equal(r.req[i].op, GW_CREATE);
    }
    assert_true(engine_halted(r.engine, NULL));
    rig_finish(&r);
}

static void a_book_without_buyers_is_not_asked_without_end(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.throttle = 250 * RIG_MS;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    struct ev_command f = {.command = CMD_FLATTEN};
    rig_event(&r, &f.h, EV_COMMAND, EV_SRC_COMMAND, sizeof f);
    uint32_t creates = 0;
    for (uint32_t i = 0; i < r.n_req && i < 60; i++) {
        if (r.req[i].op != GW_CREATE) {
            continue;
        }
        creates++;
        char id[16];
        snprintf(id, sizeof id, "o%u", i);
        struct gw_request q = r.req[i];
        rig_ack(&r, &q, id, 0, 0); /* nobody takes it */
    }
    assert_int_equal(creates, 1);
    rig_wait(&r, 300 * RIG_MS);
    rig_book(&r, 4000, 5500);
    assert_true(r.n_req > 1);
    rig_finish(&r);
}

/* Nor is a journal or a gateway that takes nothing: it is tried again later. */
static void a_closing_order_that_is_not_taken_is_not_tried_again_at_once(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    struct ev_command f = {.command = CMD_FLATTEN};
    for (int what = 0; what < 2; what++) {
        r.journal_fails = what == 0;
        r.gateway_full = what == 1;
        uint32_t n = r.n_orders;
        rig_event(&r, &f.h, EV_COMMAND, EV_SRC_COMMAND, sizeof f);
        assert_true(r.n_orders > n);
        assert_true(r.n_orders < n + 8);
        assert_string_equal(r.order.reason, what == 0 ? "journal" : "gateway");
    }
    r.journal_fails = r.gateway_full = false;
    uint32_t n = r.n_req;
    rig_wait(&r, NS_PER_SEC);
    assert_true(r.n_req > n);
    assert_int_equal(r.req[r.n_req - 1].op, GW_CREATE);
    rig_finish(&r);
}

/* More than one order closes, and no book changes meanwhile. */
static void flatten_goes_on_in_a_market_that_says_nothing(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.throttle = 250 * RIG_MS;
    c.orders.limits.order_qty_max = TEN;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, 25 * QTY_ONE, 0);
    struct ev_command f = {.command = CMD_FLATTEN};
    rig_event(&r, &f.h, EV_COMMAND, EV_SRC_COMMAND, sizeof f);
    uint32_t closed = 0;
    for (int turn = 0; turn < 40 && held(&r)->position != 0; turn++) {
        for (const struct gw_request *q = rig_request(&r); q != NULL; q = rig_request(&r)) {
            if (q->op != GW_CREATE) {
                continue;
            }
            struct gw_request copy = *q;
            char id[16];
            char trade[16];
            snprintf(id, sizeof id, "c%u", ++closed);
            snprintf(trade, sizeof trade, "t%u", closed);
            rig_ack(&r, &copy, id, copy.qty, 0);
            rig_fill(&r, trade, id, copy.client_id, SIDE_NO, 4000, copy.qty, 0);
        }
        mono_ns_t due = engine_deadline(r.engine); /* as its thread sleeps */
        rig_wait(&r, due > r.now && due != NS_NEVER ? due - r.now : RIG_MS);
    }
    assert_int_equal(held(&r)->position, 0);
    assert_int_equal(closed, 3);
    rig_finish(&r);
}

static void a_closing_order_that_the_gate_refuses_is_a_row_with_its_numbers(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.orders.limits.orders_per_s = 1;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_ack(&r, &q, "o1", 0, 0); /* nobody took it: this second's order is used up */
    uint32_t n = r.n_decisions;
    struct ev_command f = {.command = CMD_FLATTEN};
    rig_event(&r, &f.h, EV_COMMAND, EV_SRC_COMMAND, sizeof f);
    assert_true(r.n_decisions > n);
    assert_int_equal(r.decision.verdict, VERDICT_REFUSED);
    assert_int_equal(r.decision.action, ACT_SELL_YES);
    assert_string_equal(r.decision.check, "orders_per_second");
    assert_int_equal(r.decision.risk_limit, 1);
    assert_true(r.decision.obs_hash != 0);
    assert_true(r.decision.logits[ACT_SELL_YES] == 0.0F);
    rig_finish(&r);
}

static void a_halt_ends_a_flatten(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
    (void)resting(&r);
    struct ev_command c = {.command = CMD_FLATTEN};
    rig_event(&r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
    struct ev_command h = {.command = CMD_HALT};
    rig_event(&r, &h.h, EV_COMMAND, EV_SRC_COMMAND, sizeof h);
    assert_false(engine_flattening(r.engine));
    const struct gw_request *q = rig_request(&r);
    while (q != NULL && q->op != GW_CANCEL) {
        q = rig_request(&r);
    }
    assert_non_null(q);
    struct ev_answer a = rig_answer_to(q, GW_OK);
    a.remaining = TEN;
    rig_answer(&r, &a);
    rig_book(&r, 4000, 5500);
    rig_wait(&r, 2 * NS_PER_SEC);
    while ((q = rig_request(&r)) != NULL) {
        assert_int_not_equal(q->op, GW_CREATE);
    }
    rig_finish(&r);
}

/* A guard triggered the group, and the run does not know: a person wants out all the same. */
static void flatten_and_resume_reset_groups_that_others_may_have_triggered(void **state)
{
    (void)state;
    const enum command commands[] = {CMD_FLATTEN, CMD_RESUME};
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        open_with_group(&r);
        group_made(&r, "g1");
        rig_fill(&r, "t0", "by hand", "", SIDE_YES, 4500, TEN, 0);
        while (rig_request(&r) != NULL) {
        }
        struct ev_command c = {.command = commands[i]};
        rig_event(&r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
        rig_wait(&r, RIG_MS);
        const struct gw_request *q = rig_request(&r);
        while (q != NULL && q->op != GW_GROUP_RESET) {
            assert_int_not_equal(q->op, GW_CREATE);
            q = rig_request(&r);
        }
        assert_non_null(q);
        assert_string_equal(q->order_id, "g1");
        struct ev_answer a = rig_answer_to(q, GW_OK);
        r.action = ACT_BUY_YES;
        rig_answer(&r, &a);
        rig_book(&r, 4000, 5500);
        while ((q = rig_request(&r)) != NULL && q->op != GW_CREATE) {
        }
        assert_non_null(q);
        assert_int_equal(q->reduce_only, commands[i] == CMD_FLATTEN);
        rig_finish(&r);
    }
}

static void client_ids_look_like_uuids_and_differ(void **state)
{
    (void)state;
    char a[CLIENT_ID_MAX];
    char b[CLIENT_ID_MAX];
    order_client_id(UINT64_C(0x0123456789abcdef), 1, a);
    order_client_id(UINT64_C(0x0123456789abcdef), UINT64_C(1) << 48, b);
    assert_string_equal(a, "01234567-89ab-cdef-0000-000000000001");
    assert_string_equal(b, "01234567-89ab-cdef-0001-000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buy_yes_acquires_yes_at_the_best_ask),
        cmocka_unit_test(buy_no_acquires_no_at_the_best_yes_bid),
        cmocka_unit_test(selling_nothing_is_refused),
        cmocka_unit_test(sell_yes_closes_what_is_held_and_never_more),
        cmocka_unit_test(several_sells_never_close_more_than_is_held),
        cmocka_unit_test(allow_short_sells_the_whole_order_size),
        cmocka_unit_test(passive_and_mid_prices_stay_inside_the_spread),
        cmocka_unit_test(cash_is_reserved_when_the_intent_is_journalled),
        cmocka_unit_test(an_order_beyond_the_cash_is_refused_by_name),
        cmocka_unit_test(without_the_journal_no_order_leaves_but_cancels_do),
        cmocka_unit_test(a_full_gateway_frees_the_order_at_once),
        cmocka_unit_test(the_same_intent_keeps_the_order_and_a_cent_is_near_enough),
        cmocka_unit_test(
            without_amends_more_than_a_cent_off_cancels_and_the_new_order_waits_for_that),
        cmocka_unit_test(a_price_more_than_a_cent_off_is_amended_in_place),
        cmocka_unit_test(amend_and_fill_cross),
        cmocka_unit_test(fills_of_an_amended_order_may_all_come_before_the_answer),
        cmocka_unit_test(an_amend_that_fills_at_once_waits_for_its_fills),
        cmocka_unit_test(a_refused_amend_leaves_the_old_terms_and_takes_the_order_away),
        cmocka_unit_test(an_amend_of_unknown_outcome_is_cancelled_and_counts_with_the_dearer_terms),
        cmocka_unit_test(a_halt_cancels_without_waiting_for_the_amend),
        cmocka_unit_test(less_to_sell_makes_the_resting_order_smaller_and_keeps_its_place),
        cmocka_unit_test(up_to_the_configured_number_of_orders_rest_in_a_market),
        cmocka_unit_test(the_opposite_intent_cancels_first),
        cmocka_unit_test(an_order_that_is_too_old_is_cancelled),
        cmocka_unit_test(an_order_that_the_market_has_left_behind_is_cancelled),
        cmocka_unit_test(a_fill_may_come_before_the_answer_and_counts_once),
        cmocka_unit_test(a_fill_after_the_cancel_is_a_fact),
        cmocka_unit_test(fills_that_an_answer_claims_are_read_when_they_do_not_come),
        cmocka_unit_test(a_fill_of_a_foreign_order_changes_the_position),
        cmocka_unit_test(a_fill_without_client_id_finds_its_order_when_the_id_comes),
        cmocka_unit_test(an_unknown_outcome_blocks_the_market_and_keeps_its_cash),
        cmocka_unit_test(absence_is_believed_only_past_the_clock_window),
        cmocka_unit_test(an_unknown_order_that_is_found_goes_on),
        cmocka_unit_test(order_already_exists_means_that_it_is_there),
        cmocka_unit_test(certainly_no_effect_frees_the_reservation),
        cmocka_unit_test(a_404_of_a_cancel_proves_nothing),
        cmocka_unit_test(a_position_is_read_a_tenth_of_a_second_after_a_fill),
        cmocka_unit_test(drift_is_adopted_after_the_fills_were_read_and_halts_above_the_limit),
        cmocka_unit_test(a_difference_while_something_is_in_flight_proves_nothing),
        cmocka_unit_test(credentials_that_are_refused_again_and_again_halt),
        cmocka_unit_test(nothing_is_traded_before_the_start_up_reads_are_answered),
        cmocka_unit_test(
            a_market_that_pays_between_balance_and_positions_has_the_account_read_again),
        cmocka_unit_test(
            a_market_that_paid_after_the_positions_were_listed_has_the_account_read_again),
        cmocka_unit_test(an_order_of_a_previous_session_is_settled_before_trading),
        cmocka_unit_test(
            a_market_that_a_previous_session_halted_stays_halted_until_a_person_resumes),
        cmocka_unit_test(stop_cancels_what_rests_and_refuses_what_is_new),
        cmocka_unit_test(stop_and_keep_leaves_what_rests),
        cmocka_unit_test(a_position_that_the_sweep_does_not_show_is_read),
        cmocka_unit_test(lost_fills_that_leave_the_position_as_it_was_are_found_by_the_sweep),
        cmocka_unit_test(what_others_have_resting_counts_against_the_limits_and_is_left_alone),
        cmocka_unit_test(halt_holds_until_resume),
        cmocka_unit_test(a_cancel_waits_for_the_order_id),
        cmocka_unit_test(nothing_new_is_traded_while_the_private_session_is_down),
        cmocka_unit_test(
            an_order_that_the_write_bucket_would_hold_up_is_refused_before_it_is_journalled),
        cmocka_unit_test(the_exchange_s_own_limits_count),
        cmocka_unit_test(the_same_order_a_moment_later_is_refused),
        cmocka_unit_test(a_price_far_from_the_mid_or_from_the_last_trades_is_refused),
        cmocka_unit_test(a_loss_beyond_its_limit_halts_and_cancels_until_a_person_resumes),
        cmocka_unit_test(a_loss_is_seen_in_a_book_without_bids_too),
        cmocka_unit_test(a_position_that_is_valued_for_the_first_time_is_no_loss),
        cmocka_unit_test(too_many_fills_or_orders_within_a_second_are_refused),
        cmocka_unit_test(no_order_leaves_before_its_group_is_there_and_each_is_in_it),
        cmocka_unit_test(a_group_that_cannot_be_made_is_tried_again),
        cmocka_unit_test(a_triggered_group_halts_and_resuming_resets_it),
        cmocka_unit_test(a_halt_that_keeps_what_rests_keeps_it_from_the_policy_too),
        cmocka_unit_test(repeated_unknown_outcomes_halt),
        cmocka_unit_test(flatten_cancels_what_rests_and_closes_what_is_held),
        cmocka_unit_test(a_closing_order_that_is_not_taken_is_not_tried_again_at_once),
        cmocka_unit_test(flatten_goes_on_in_a_market_that_says_nothing),
        cmocka_unit_test(a_closing_order_that_the_gate_refuses_is_a_row_with_its_numbers),
        cmocka_unit_test(a_halt_ends_a_flatten),
        cmocka_unit_test(flatten_and_resume_reset_groups_that_others_may_have_triggered),
        cmocka_unit_test(a_book_without_buyers_is_not_asked_without_end),
        cmocka_unit_test(client_ids_look_like_uuids_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
