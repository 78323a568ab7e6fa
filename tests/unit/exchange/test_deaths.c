/*
 * Each way in which a request can die, for a create, a cancel and an amend: engine, gateway and the
 * simulator's logic without sockets. Whatever dies, it is not sent again, everything counts until
 * the exchange has been read, and then both sides know the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "world/real.h"
#include "world/truth.h"

static const char *const death_names[DEATH_MAX] = {
    [DEATH_NONE] = "none",
    [DEATH_BEFORE_SEND] = "before send",
    [DEATH_HALF_SENT] = "half sent",
    [DEATH_NO_ANSWER] = "sent without answer",
    [DEATH_5XX_BEFORE] = "5xx before effect",
    [DEATH_5XX_AFTER] = "5xx after effect",
    [DEATH_BARE_2XX] = "2xx without an order",
};

static bool has_effect(enum real_death d)
{
    return d == DEATH_NO_ANSWER || d == DEATH_5XX_AFTER || d == DEATH_BARE_2XX;
}

static struct real *start(uint64_t seed)
{
    struct real_config c = real_config_default(seed);
    c.scripted = true;
    c.n_markets = 1;
    c.rate = 100;
    c.length = 600 * NS_PER_SEC;
    c.faults = (struct real_faults){.delay_max = 10 * NS_PER_MS};
    struct orders_config *o = &c.engine.orders;
    o->style = PRICE_PASSIVE;
    o->replace_distance = 0;
    o->order_qty = 100 * QTY_ONE; /* so that a part of it rests for long */
    struct real *r = real_create(&c);
    real_want(r, ACT_HOLD);
    real_pass(r, 2 * NS_PER_SEC);
    assert_true(engine_ready(real_engine(r)));
    return r;
}

static const struct orders *orders_of(const struct real *r)
{
    return engine_orders(real_engine(r));
}

static void wait_for_death(struct real *r)
{
    for (int i = 0; i < 6000 && !real_killed(r); i++) {
        real_pass(r, 10 * NS_PER_MS);
    }
    assert_true(real_killed(r));
}

/* Both know the same, and what is open here is open there. */
static void agree_in_the_end(struct real *r, const char *op, enum real_death d)
{
    char why[200] = "it never gets quiet";
    bool quiet = real_quiesce(r);
    if (!real_agrees(r, why, sizeof why) || !quiet) {
        fail_msg("%s, %s: %s", op, death_names[d], why);
    }
    real_destroy(r);
}

static void create_dies(enum real_death d)
{
    struct real *r = start(10 + d);
    real_kill_next(r, GW_CREATE, d);
    real_want(r, ACT_BUY_YES);
    wait_for_death(r);
    const struct orders_stats *st = orders_stats(orders_of(r));
    bool unknown = d != DEATH_BEFORE_SEND;
    while (unknown && st->unknown == 0 && st->sent == 1 &&
           orders_account(orders_of(r))->cash_reserved > 0) {
        real_pass(r, 10 * NS_PER_MS);
    }
    assert_int_equal(st->sent, 1);
    if (unknown) { /* nobody knows, unless the user channel has told */
        assert_int_equal(orders_open(orders_of(r)), 1);
        assert_true(orders_account(orders_of(r))->cash_reserved > 0);
        real_pass(r, 300 * NS_PER_MS);
        assert_int_equal(st->sent, 1); /* the market wants more, and waits */
    }
    real_want(r, ACT_HOLD);
    real_pass(r, 15 * NS_PER_SEC);
    assert_int_equal(st->unknown, unknown);
    assert_int_equal(st->rejected, d == DEATH_BEFORE_SEND);
    assert_int_equal(st->resolved_absent, unknown && !has_effect(d));
    assert_int_equal(truth_orders(real_sim(r)), has_effect(d));
    assert_int_equal(real_counted(r, REAL_CREATES), has_effect(d) || d == DEATH_5XX_BEFORE);
    assert_int_equal(orders_open(orders_of(r)), truth_open(real_sim(r)));
    agree_in_the_end(r, "create", d);
}

/* An order that rests at the exchange. */
static void rest(struct real *r)
{
    real_want(r, ACT_BUY_YES);
    for (int i = 0; i < 1000 && truth_open(real_sim(r)) == 0; i++) {
        real_pass(r, 10 * NS_PER_MS);
    }
    real_want(r, ACT_HOLD);
    real_pass(r, 100 * NS_PER_MS);
    assert_int_equal(truth_open(real_sim(r)), 1);
}

static void cancel_dies(enum real_death d)
{
    struct real *r = start(40 + d);
    rest(r);
    real_kill_next(r, GW_CANCEL, d);
    real_command(r, CMD_CANCEL_ALL);
    wait_for_death(r);
    real_pass(r, 15 * NS_PER_SEC);
    assert_int_equal(truth_open(real_sim(r)), 0); /* a cancel may be repeated until it is gone */
    assert_int_equal(orders_open(orders_of(r)), 0);
    assert_int_equal(orders_stats(orders_of(r))->sent, 1);
    assert_true(real_counted(r, REAL_CANCELS) >= 1);
    agree_in_the_end(r, "cancel", d);
}

static void amend_dies(enum real_death d)
{
    struct real *r = start(70 + d);
    rest(r);
    real_kill_next(r, GW_AMEND, d);
    real_want(r, ACT_BUY_YES);
    wait_for_death(r);
    real_want(r, ACT_HOLD);
    const struct orders_stats *st = orders_stats(orders_of(r));
    assert_int_equal(st->amends, 1);
    real_pass(r, 15 * NS_PER_SEC);
    assert_int_equal(st->amends, 1); /* never again */
    assert_int_equal(real_counted(r, REAL_AMENDS), has_effect(d) || d == DEATH_5XX_BEFORE);
    assert_int_equal(orders_open(orders_of(r)), truth_open(real_sim(r)));
    if (d != DEATH_BEFORE_SEND) { /* whichever terms hold: it was taken away */
        assert_int_equal(truth_open(real_sim(r)), 0);
    }
    struct order_view v;
    struct truth_order t;
    assert_true(orders_find(orders_of(r), 1, &v));
    assert_true(truth_order(real_sim(r), v.client_id, &t));
    assert_true(!order_state_open(v.state) || v.yes_px == t.yes_px);
    agree_in_the_end(r, "amend", d);
}

#define DEATHS(op)                                                                                 \
    static void op##_that_dies_before_it_is_sent(void **state)                                     \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_BEFORE_SEND);                                                              \
    }                                                                                              \
    static void op##_that_dies_half_sent(void **state)                                             \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_HALF_SENT);                                                                \
    }                                                                                              \
    static void op##_that_is_sent_without_an_answer(void **state)                                  \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_NO_ANSWER);                                                                \
    }                                                                                              \
    static void op##_answered_5xx_before_its_effect(void **state)                                  \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_5XX_BEFORE);                                                               \
    }                                                                                              \
    static void op##_answered_5xx_after_its_effect(void **state)                                   \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_5XX_AFTER);                                                                \
    }                                                                                              \
    static void op##_answered_2xx_without_an_order(void **state)                                   \
    {                                                                                              \
        (void)state;                                                                               \
        op##_dies(DEATH_BARE_2XX);                                                                 \
    }
DEATHS(create)
DEATHS(cancel)
DEATHS(amend)

#define TESTS(op)                                                                                  \
    cmocka_unit_test(op##_that_dies_before_it_is_sent),                                            \
        cmocka_unit_test(op##_that_dies_half_sent),                                                \
        cmocka_unit_test(op##_that_is_sent_without_an_answer),                                     \
        cmocka_unit_test(op##_answered_5xx_before_its_effect),                                     \
        cmocka_unit_test(op##_answered_5xx_after_its_effect),                                      \
        cmocka_unit_test(op##_answered_2xx_without_an_order)

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {TESTS(create), TESTS(cancel), TESTS(amend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
