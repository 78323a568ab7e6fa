/*
 * The circuit breaker's life: closed, open, half-open, closed; of one market, the others trade on.
 * Each step of an order's way goes wrong in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define COOLDOWN (10 * NS_PER_SEC)

static void open_rig(struct rig *r)
{
    struct engine_config c = rig_config();
    c.breaker_errors = 2; /* the third in a row opens it */
    c.breaker_open = COOLDOWN;
    c.orders.style = PRICE_PASSIVE;
    c.orders.unknown_halt_count = 0;
    c.orders.write_rate = c.orders.write_capacity = 100000;
    c.orders.back_off_min = c.orders.back_off_max = NS_PER_MS;
    rig_start(r, &c);
    rig_open(r);
    struct ev_market m = {.h = {.mkt = 1},
                          .ticker = "N",
                          .grid = grid_cents(),
                          .status = MARKET_ACTIVE,
                          .fee_mult_micros = 1000000};
    rig_event(r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    union {
        struct ev_snapshot s;
        char room[sizeof(struct ev_snapshot) + 2 * sizeof(struct level)];
    } u;
    memset(&u, 0, sizeof u);
    u.s.h.mkt = 1;
    u.s.n_yes = u.s.n_no = 1;
    u.s.levels[0] = (struct level){4000, 100 * QTY_ONE};
    u.s.levels[1] = (struct level){5500, 100 * QTY_ONE};
    rig_event(r, &u.s.h, EV_SNAPSHOT, EV_SRC_MARKET,
              sizeof(struct ev_snapshot) + 2 * sizeof(struct level));
}

static struct engine_market market(const struct rig *r)
{
    struct engine_market m;
    assert_true(engine_market(r->engine, 0, &m));
    return m;
}

/* What the other market answers to an intent, at once. */
static uint32_t other_market(struct rig *r)
{
    struct ev_delta d = {.h = {.mkt = 1}, .px = 1000, .qty = 100, .side = SIDE_YES};
    r->action = ACT_BUY_YES;
    rig_event(r, &d.h, EV_DELTA, EV_SRC_MARKET, sizeof d);
    r->action = ACT_HOLD;
    return r->decision.verdict;
}

static void answer(struct rig *r, const struct gw_request *q, enum gw_outcome outcome)
{
    struct ev_answer a = rig_answer_to(q, outcome);
    if (outcome == GW_OK) {
        snprintf(a.order_id, sizeof a.order_id, "o-%llu", (unsigned long long)q->order_number);
        a.remaining = q->op == GW_CANCEL ? 1000 : q->qty;
    }
    rig_answer(r, &a);
}

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

static void command(struct rig *r, enum command what)
{
    struct ev_command c = {.h = {.mkt = MKT_NONE}, .command = what};
    rig_event(r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
}

/* What is open goes away: the cancel works, or the exchange tells of it. */
static void clear(struct rig *r)
{
    struct order_view v[4];
    uint32_t n = orders_open_of(engine_orders(r->engine), 0, v, 4);
    for (uint32_t i = 0; i < n; i++) {
        char id[ORDER_ID_MAX];
        snprintf(id, sizeof id, "late-%llu", (unsigned long long)v[i].number);
        struct ev_user_order row = rig_order_row(v[i].order_id[0] != 0 ? v[i].order_id : id,
                                                 v[i].client_id, XORDER_CANCELED, 0);
        rig_event(r, &row.h, EV_USER_ORDER, EV_SRC_PRIVATE, sizeof row);
    }
    r->seen = r->n_req = 0;
}

/* An order rests; the caller's next request is about it. */
static void rest(struct rig *r)
{
    rig_act(r, ACT_BUY_YES);
    struct gw_request q = the_request(r, GW_CREATE);
    answer(r, &q, GW_OK);
}

/* --- the ways in which an order goes wrong --- */

static void journal_fails(struct rig *r)
{
    r->journal_fails = true;
    rig_act(r, ACT_BUY_YES);
    r->journal_fails = false;
}

static void gateway_is_full(struct rig *r)
{
    r->gateway_full = true;
    rig_act(r, ACT_BUY_YES);
    r->gateway_full = false;
}

static void create_answered(struct rig *r, enum gw_outcome outcome)
{
    rig_act(r, ACT_BUY_YES);
    struct gw_request q = the_request(r, GW_CREATE);
    answer(r, &q, outcome);
}

static void create_is_rejected(struct rig *r)
{
    create_answered(r, GW_REJECTED);
}

static void create_is_not_sent(struct rig *r)
{
    create_answered(r, GW_NOT_SENT);
}

static void create_is_limited(struct rig *r)
{
    create_answered(r, GW_RATE_LIMIT);
    rig_wait(r, 2 * NS_PER_SEC); /* for the bucket */
}

static void create_is_unknown(struct rig *r)
{
    create_answered(r, GW_UNKNOWN);
}

static void create_is_ok_without_an_order(struct rig *r)
{
    rig_act(r, ACT_BUY_YES);
    struct gw_request q = the_request(r, GW_CREATE);
    struct ev_answer a = rig_answer_to(&q, GW_OK);
    rig_answer(r, &a);
}

static void policy_gives_no_action(struct rig *r)
{
    rig_act(r, (enum action)17);
}

struct way {
    const char *name;
    void (*once)(struct rig *r);
};
static const struct way ways[] = {
    {"journal", journal_fails},
    {"gateway full", gateway_is_full},
    {"reject", create_is_rejected},
    {"not sent", create_is_not_sent},
    {"rate limit", create_is_limited},
    {"unknown", create_is_unknown},
    {"2xx without an order", create_is_ok_without_an_order},
    {"policy", policy_gives_no_action},
};
#define WAYS (sizeof ways / sizeof ways[0])

static void one_life(const struct way *w)
{
    struct rig r;
    open_rig(&r);
    uint64_t opens = 0;
    for (int i = 0; i < 3; i++) {
        assert_false(market(&r).breaker_open);
        w->once(&r);
        clear(&r);
    }
    assert_true(market(&r).breaker_open); /* open */
    assert_int_equal(counter_get(&engine_metrics(r.engine)->breaker_opens), ++opens);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);
    assert_int_equal(r.n_req, 0);
    assert_int_equal(other_market(&r), VERDICT_SENT); /* the other market does not care */
    r.seen = r.n_req = 0;

    rig_wait(&r, COOLDOWN); /* half-open, and the try goes wrong too */
    w->once(&r);
    clear(&r);
    assert_true(market(&r).breaker_open);
    assert_int_equal(counter_get(&engine_metrics(r.engine)->breaker_opens), ++opens);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);

    rig_wait(&r, COOLDOWN); /* half-open: one try and no second one, until it is answered */
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    struct gw_request q = the_request(&r, GW_CREATE);
    rig_act(&r, ACT_SELL_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);
    answer(&r, &q, GW_OK);
    assert_false(market(&r).breaker_open); /* closed */
    clear(&r);
    for (int i = 0; i < 2; i++) { /* and it counts from zero again */
        w->once(&r);
        clear(&r);
        assert_false(market(&r).breaker_open);
    }
    w->once(&r);
    assert_true(market(&r).breaker_open);
    assert_int_equal(orders_stats(engine_orders(r.engine))->table_errors, 0);
    rig_finish(&r);
}

static void each_way_to_fail_opens_it_half_opens_it_and_a_success_closes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        print_message("%s\n", ways[i].name);
        one_life(&ways[i]);
    }
}

static void a_cancel_that_fails_again_and_again_opens_it(void **state)
{
    (void)state;
    static const enum gw_outcome outcomes[] = {GW_REJECTED, GW_UNKNOWN, GW_NOT_FOUND, GW_NOT_SENT};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        struct rig r;
        open_rig(&r);
        rest(&r);
        command(&r, CMD_CANCEL_ALL);
        for (int k = 0; k < 3; k++) {
            assert_false(market(&r).breaker_open);
            struct gw_request q = the_request(&r, GW_CANCEL);
            answer(&r, &q, outcomes[i]);
            /* Where nobody knows, it is read, and still rests. */
            rig_wait(&r, 20 * RIG_MS);
            const struct gw_request *read = NULL;
            while ((read = rig_request(&r)) != NULL && read->op != GW_CANCEL) {
                struct ev_user_order row = rig_order_row("o-1", read->client_id, XORDER_RESTING, 0);
                struct ev_answer a = rig_answer_to(read, GW_OK);
                rig_rows(&r, &a, &row, 1, sizeof row, GW_ROW_ORDER);
            }
            r.seen -= read != NULL ? 1U : 0U;
            rig_wait(&r, 20 * RIG_MS);
        }
        assert_true(market(&r).breaker_open);
        assert_int_equal(other_market(&r), VERDICT_SENT);
        rig_finish(&r);
    }
}

static void a_gateway_that_takes_no_cancels_opens_it(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rest(&r);
    r.gateway_full = true;
    command(&r, CMD_CANCEL_ALL);
    rig_wait(&r, 20 * RIG_MS);
    rig_wait(&r, 20 * RIG_MS);
    assert_true(market(&r).breaker_open);
    r.gateway_full = false;
    rig_wait(&r, 20 * RIG_MS);
    (void)the_request(&r, GW_CANCEL); /* and it goes out all the same */
    rig_finish(&r);
}

static void an_amend_that_fails_opens_it(void **state)
{
    (void)state;
    static const enum gw_outcome outcomes[] = {GW_REJECTED, GW_UNKNOWN, GW_NOT_SENT,
                                               GW_OUTCOME_MAX};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        struct rig r;
        open_rig(&r);
        for (int k = 0; k < 3; k++) {
            assert_false(market(&r).breaker_open);
            /* The answer to the create ends a row of errors, so only the last one may have it. */
            if (k == 0) {
                rest(&r);
            }
            rig_book(&r, 3000 + 100 * k, 5500);
            r.gateway_full = outcomes[i] == GW_OUTCOME_MAX;
            rig_act(&r, ACT_BUY_YES);
            r.gateway_full = false;
            if (outcomes[i] == GW_OUTCOME_MAX) {
                assert_int_equal(r.decision.verdict, VERDICT_ERROR);
                continue;
            }
            struct gw_request q = the_request(&r, GW_AMEND);
            answer(&r, &q, outcomes[i]);
            if (outcomes[i] != GW_NOT_SENT) {
                break; /* it is cancelled now: one error of three */
            }
        }
        bool three = outcomes[i] == GW_NOT_SENT || outcomes[i] == GW_OUTCOME_MAX;
        assert_int_equal(market(&r).breaker_open, three);
        assert_true(counter_get(&engine_metrics(r.engine)->errors) >= (three ? 3U : 1U));
        rig_finish(&r);
    }
}

static void an_answer_that_the_table_does_not_know_counts_as_an_error(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = the_request(&r, GW_CREATE);
    struct ev_answer a = rig_answer_to(&q, GW_REJECTED);
    a.flags = GW_ANSWER_MORE;
    rig_answer(&r, &a); /* one: rejected */
    assert_false(market(&r).breaker_open);
    struct ev_answer b = rig_answer_to(&q, GW_UNKNOWN); /* a rejected order cannot be unknown */
    rig_answer(&r, &b); /* two more: no row of the table, and unknown */
    assert_int_equal(orders_stats(engine_orders(r.engine))->table_errors, 1);
    assert_true(market(&r).breaker_open);
    assert_int_equal(other_market(&r), VERDICT_SENT);
    rig_finish(&r);
}

static void a_success_of_before_it_opened_does_not_close_it(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request late = the_request(&r, GW_CREATE);
    for (int i = 0; i < 3; i++) {
        policy_gives_no_action(&r);
    }
    assert_true(market(&r).breaker_open);
    answer(&r, &late, GW_OK);
    assert_true(market(&r).breaker_open);
    rig_act(&r, ACT_SELL_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);
    rig_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_fail_opens_it_half_opens_it_and_a_success_closes_it),
        cmocka_unit_test(a_cancel_that_fails_again_and_again_opens_it),
        cmocka_unit_test(a_gateway_that_takes_no_cancels_opens_it),
        cmocka_unit_test(an_amend_that_fails_opens_it),
        cmocka_unit_test(an_answer_that_the_table_does_not_know_counts_as_an_error),
        cmocka_unit_test(a_success_of_before_it_opened_does_not_close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
