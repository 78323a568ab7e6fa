/* Fees, account, risk gate, timers and the table of ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "orders/account.h"
#include "orders/fees.h"
#include "orders/risk.h"
#include "orders/timers.h"
#include "orders/watch.h"

/* --- fees --- */

static const struct fee_rule quadratic = {FEE_QUADRATIC, 0};
static const struct fee_rule with_maker = {FEE_QUADRATIC_MAKER, 1000000};

static void taker_fees_are_those_that_the_exchange_charged(void **state)
{
    (void)state;
    assert_int_equal(fee_trade_ceil(&quadratic, true, 5200, QTY_ONE), 17500); /* captured */
    assert_int_equal(fee_trade_ceil(&quadratic, true, 9900, QTY_ONE), 700);   /* captured */
    assert_int_equal(fee_trade_ceil(&quadratic, true, 5000, 100 * QTY_ONE), 1750000);
    assert_int_equal(fee_trade_ceil(&quadratic, true, 5000, 1), 200); /* .000175 rounded up */
}

static void makers_pay_only_where_the_series_says_so(void **state)
{
    (void)state;
    assert_int_equal(fee_trade_ceil(&quadratic, false, 5000, QTY_ONE), 0);
    assert_int_equal(fee_trade_ceil(&with_maker, false, 5000, QTY_ONE), 4400); /* .004375 up */
}

static void a_multiplier_scales_the_fee_before_it_is_rounded(void **state)
{
    (void)state;
    struct fee_rule half = {FEE_QUADRATIC, 500000};
    assert_int_equal(fee_trade_ceil(&half, true, 5200, QTY_ONE), 8800); /* .008736 */
}

static void roundings_of_an_order_add_up_and_a_cent_comes_back(void **state)
{
    (void)state;
    struct fee_order order = {0};
    usd_t trade = fee_trade_ceil(&quadratic, true, 5012, 101);
    usd_t all = 0;
    for (int i = 0; i < 200; i++) { /* 1.01 at .5012: .506212, 88 millionths off the grain */
        usd_t fee = fee_fill(&quadratic, &order, true, SIDE_YES, 5012, 101);
        assert_int_equal((usd_of(5012, 101) + fee) % 100, 0); /* the balance stays on the grain */
        all += fee;
        assert_true(order.rounding < 10000);
    }
    assert_int_equal(all, 200 * (trade + 88) - 10000); /* .0176 of roundings: one cent back */
}

static void a_rebate_never_makes_a_fee_negative(void **state)
{
    (void)state;
    struct fee_order order = {0};
    for (int i = 0; i < 300; i++) {
        assert_true(fee_fill(&quadratic, &order, false, SIDE_YES, 5012, 1) >= 0);
    }
}

static void no_way_of_filling_costs_more_than_the_worst_fee(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    for (int i = 0; i < 2000; i++) {
        enum side side = (enum side)rng_below(&r, 2);
        px_t limit = 1 + (px_t)rng_below(&r, 9998);
        px_t own_limit = side == SIDE_YES ? limit : PX_ONE - limit;
        qty_t qty = 1 + (qty_t)rng_below(&r, 3000);
        usd_t worst = usd_of(own_limit, qty) + fee_worst(&with_maker, limit, qty);
        struct fee_order order = {0};
        usd_t paid = 0;
        for (qty_t left = qty; left > 0;) {
            qty_t n = 1 + (qty_t)rng_below(&r, (uint64_t)(left < 20 ? left : 20));
            px_t own = own_limit - (px_t)rng_below(&r, (uint64_t)own_limit);
            px_t yes = side == SIDE_YES ? own : PX_ONE - own;
            paid += usd_of(own, n) + fee_fill(&with_maker, &order, rng_below(&r, 2), side, yes, n);
            left -= n;
        }
        assert_true(paid <= worst);
    }
}

/* --- account --- */

static void account_of(struct account *a, usd_t cash, uint32_t *ret_h)
{
    assert_int_equal(account_init(a, 8), ST_OK);
    account_set_cash(a, cash);
    *ret_h = account_holding(a, "A");
}

static void buying_yes_costs_its_price_and_the_fee(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 100 * USD_ONE, &h);
    account_fill(&a, h, SIDE_YES, 4000, 10 * QTY_ONE, 16800);
    assert_int_equal(a.cash_total, 100 * USD_ONE - 4 * USD_ONE - 16800);
    assert_int_equal(a.holdings[h].position, 10 * QTY_ONE);
    assert_int_equal(a.holdings[h].cost, 4 * USD_ONE);
    assert_int_equal(a.fees, 16800);
    assert_int_equal(account_pv_mid(&a), 100 * USD_ONE - 16800); /* at cost before the first mid */
    account_finish(&a);
}

static void acquiring_no_closes_yes_and_then_opens_no(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 100 * USD_ONE, &h);
    account_fill(&a, h, SIDE_YES, 4000, 10 * QTY_ONE, 0);
    account_fill(&a, h, SIDE_NO, 5500, 15 * QTY_ONE, 0); /* NO at .45: sells YES at .55 */
    assert_int_equal(a.holdings[h].position, -5 * QTY_ONE);
    assert_int_equal(a.holdings[h].realized, 1500000); /* 10 times .15 */
    assert_int_equal(a.holdings[h].cost, 2250000);     /* 5 NO at .45 */
    assert_int_equal(a.cash_total, 100 * USD_ONE - 4000000 + 5500000 - 2250000);
    account_finish(&a);
}

static void average_cost_leaves_nothing_behind_when_all_is_closed(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 100 * USD_ONE, &h);
    account_fill(&a, h, SIDE_YES, 3300, 7, 0);
    account_fill(&a, h, SIDE_YES, 4100, 5, 0);
    account_fill(&a, h, SIDE_NO, 5000, 5, 0);
    account_fill(&a, h, SIDE_NO, 5000, 7, 0);
    assert_int_equal(a.holdings[h].position, 0);
    assert_int_equal(a.holdings[h].cost, 0);
    assert_int_equal(a.cost, 0);
    assert_int_equal(a.cash_total - 100 * USD_ONE, a.realized);
    assert_int_equal(a.n_held, 0);
    account_finish(&a);
}

static void a_no_position_is_valued_at_its_own_mid_and_bid(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 100 * USD_ONE, &h);
    account_fill(&a, h, SIDE_NO, 6000, 10 * QTY_ONE, 0);
    account_mark(&a, h, 5000, 4600); /* YES .50 to .54: mid .52, NO mid .48, NO bid .46 */
    assert_int_equal(account_pv_mid(&a), 96 * USD_ONE + 4800000);
    assert_int_equal(account_pv_exit(&a), 96 * USD_ONE + 4600000);
    account_mark(&a, h, 5000, 0); /* one-sided: the last mid stays, nobody buys NO */
    assert_int_equal(account_pv_mid(&a), 96 * USD_ONE + 4800000);
    assert_int_equal(account_pv_exit(&a), 96 * USD_ONE);
    account_finish(&a);
}

static void recosting_moves_realized_by_the_same_amount(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 100 * USD_ONE, &h);
    account_fill(&a, h, SIDE_YES, 4000, QTY_ONE, 0);
    account_recost(&a, h, 390000);
    assert_int_equal(a.holdings[h].cost, 390000);
    assert_int_equal(a.realized, -10000);
    assert_int_equal(a.cash_total, 100 * USD_ONE + a.realized - a.cost);
    account_finish(&a);
}

static void tickers_beyond_the_room_are_refused(void **state)
{
    (void)state;
    struct account a;
    uint32_t h = 0;
    account_of(&a, 0, &h);
    for (int i = 1; i < 8; i++) {
        char t[8];
        snprintf(t, sizeof t, "T%d", i);
        assert_int_equal(account_holding(&a, t), i);
    }
    assert_int_equal(account_holding(&a, "ONE-TOO-MANY"), UINT32_MAX);
    assert_int_equal(account_holding(&a, "A"), 0);
    account_finish(&a);
}

/* --- risk --- */

static struct risk_view good(const struct grid *grid)
{
    return (struct risk_view){
        .ready = true,
        .private_link = true,
        .group_ready = true,
        .market_ok = true,
        .grid = grid,
        .yes_px = 5000,
        .qty = 10 * QTY_ONE,
        .outcome = SIDE_YES,
        .needed = 5 * USD_ONE,
        .added = 5 * USD_ONE,
        .cash_free = 5 * USD_ONE,
    };
}

static void a_refusal_names_its_check_and_both_numbers(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_PASS);
    assert_int_equal(st.passed, 1);
    v.position = 500 * QTY_ONE;
    struct risk_refusal r = risk_gate(&l, &v, &st);
    assert_int_equal(r.check, RISK_POSITION);
    assert_int_equal(st.refused[RISK_POSITION], 1);
    struct buf text;
    buf_init(&text, 200);
    risk_text(&r, &text);
    assert_string_equal(text.p, "position_limit: 510.00 contracts, limit 500.00");
    buf_finish(&text);
}

static void at_the_limit_is_allowed_and_one_more_is_not(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    v.qty = l.order_qty_max;
    v.position = l.position_max - v.qty;
    v.exposure = l.exposure_max - v.added;
    v.open_orders = l.open_orders_max - 1;
    v.mid2 = 2 * (v.yes_px - l.collar_mid);
    v.trade_high = v.yes_px - l.collar_trade;
    v.loss = l.loss_max;
    v.loss_day = l.loss_day_max;
    v.drawdown = l.drawdown_max;
    v.fills_lately = l.fills_per_s;
    v.orders_lately = l.orders_per_s - 1;
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_PASS);
    v.mid2--; /* half a tick of the mid counts */
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_COLLAR_MID);
}

static void the_collars_only_refuse_prices_that_are_worse(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    v.yes_px = 500; /* a bid far below everything waits; it gives nothing away */
    v.mid2 = 2 * 9000;
    v.trade_low = 8900;
    v.trade_high = 9100;
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_PASS);
    v.outcome = SIDE_NO; /* but selling YES there does */
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_COLLAR_MID);
    v.mid2 = 0;
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_COLLAR_TRADE);
}

static void a_position_over_its_limit_may_be_reduced(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    v.position = 2 * l.position_max;
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_POSITION);
    v.outcome = SIDE_NO;
    assert_int_equal(risk_gate(&l, &v, &st).check, RISK_PASS);
}

static void the_self_test_trips_each_check_with_any_limits(void **state)
{
    (void)state;
    struct risk_limits l = risk_limits_default();
    enum risk_check_id failed = RISK_MAX;
    assert_true(risk_selftest(&l, &failed));
    l = (struct risk_limits){.order_qty_max = 1, .open_orders_max = 1, .orders_per_s = 1};
    assert_true(risk_selftest(&l, &failed)); /* the tightest */
    l = (struct risk_limits){
        .order_qty_max = QTY_LIMIT,
        .collar_mid = PX_ONE,
        .collar_trade = PX_ONE,
        .position_max = QTY_LIMIT,
        .exposure_max = INT64_C(1000000000) * USD_ONE,
        .open_orders_max = 100000,
        .cash_floor = INT64_C(1000000000) * USD_ONE,
        .loss_max = INT64_C(1000000000) * USD_ONE,
        .loss_day_max = INT64_C(1000000000) * USD_ONE,
        .drawdown_max = INT64_C(1000000000) * USD_ONE,
        .fills_per_s = RISK_RATE_MAX,
        .orders_per_s = RISK_RATE_MAX,
        .duplicate = 3600 * NS_PER_SEC,
    };
    assert_true(risk_selftest(&l, &failed)); /* the widest */
    l = risk_limits_default();
    l.order_qty_max = 0; /* nothing could ever pass */
    assert_false(risk_selftest(&l, &failed));
    assert_int_equal(failed, RISK_PASS);
    l = risk_limits_default();
    l.drawdown_max = -1;
    assert_false(risk_selftest(&l, &failed));
}

/* --- what is watched over time --- */

static void loss_day_and_drawdown_have_marks_of_their_own(void **state)
{
    (void)state;
    struct worth w = {0};
    const wall_ns_t day = 86400 * NS_PER_SEC;
    assert_int_equal(worth_loss(&w), 0);
    worth_set(&w, 100, 10 * day);
    worth_set(&w, 130, 10 * day + 1);
    worth_set(&w, 90, 10 * day + 2);
    assert_int_equal(worth_loss(&w), 10);
    assert_int_equal(worth_loss_day(&w), 10);
    assert_int_equal(worth_drawdown(&w), 40);
    worth_set(&w, 80, 11 * day); /* a new day begins with what was known last */
    assert_int_equal(worth_loss_day(&w), 10);
    assert_int_equal(worth_loss(&w), 20);
    worth_set(&w, 85, 10 * day); /* a clock that goes back starts none */
    assert_int_equal(worth_loss_day(&w), 5);
    worth_shift(&w, 1000); /* money from outside is no gain */
    assert_int_equal(worth_loss(&w), 15);
    assert_int_equal(worth_drawdown(&w), 45);
    worth_set(&w, 1200, 11 * day);
    assert_int_equal(worth_loss(&w) + worth_loss_day(&w) + worth_drawdown(&w), 0);
}

static void a_rate_counts_the_last_second(void **state)
{
    (void)state;
    struct rate r;
    assert_int_equal(rate_init(&r, 4), ST_OK);
    assert_int_equal(rate_lately(&r, 0), 0);
    rate_add(&r, 0);
    rate_add(&r, NS_PER_SEC / 2);
    assert_int_equal(rate_lately(&r, NS_PER_SEC - 1), 2);
    assert_int_equal(rate_lately(&r, NS_PER_SEC), 1);
    for (int i = 0; i < 9; i++) {
        rate_add(&r, NS_PER_SEC);
    }
    assert_int_equal(rate_lately(&r, NS_PER_SEC), 4); /* as many as it holds */
    assert_int_equal(rate_lately(&r, 3 * NS_PER_SEC), 0);
    rate_finish(&r);
}

/* --- timers and ids, against slow models --- */

static void timers_come_in_order_of_time_and_number(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 3);
    struct timers t;
    mono_ns_t due[50];
    assert_int_equal(timers_init(&t, 50), ST_OK);
    for (int i = 0; i < 50; i++) {
        due[i] = NS_NEVER;
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t id = (uint32_t)rng_below(&r, 50);
        if (rng_below(&r, 3) > 0) {
            due[id] = (mono_ns_t)rng_below(&r, 20);
            timers_set(&t, id, due[id]);
        } else if (rng_below(&r, 2) == 0) {
            due[id] = NS_NEVER;
            timers_clear(&t, id);
        } else {
            uint32_t best = 0;
            for (uint32_t i = 1; i < 50; i++) {
                best = due[i] < due[best] ? i : best;
            }
            mono_ns_t next = due[best];
            assert_int_equal(timers_next(&t), next);
            uint32_t want = next <= 10 ? best : TIMER_NONE;
            assert_int_equal(timers_take(&t, 10), want);
            if (want != TIMER_NONE) {
                due[want] = NS_NEVER;
            }
        }
    }
    timers_finish(&t);
}

static void ids_are_found_until_they_are_removed(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 4);
    struct idtab t;
    uint32_t model[100];
    uint32_t n = 0;
    memset(model, 0xff, sizeof model);
    assert_int_equal(idtab_init(&t, 40), ST_OK);
    for (int step = 0; step < 30000; step++) {
        uint32_t k = (uint32_t)rng_below(&r, 100);
        char key[16];
        snprintf(key, sizeof key, "id-%u", k);
        if (rng_below(&r, 2) == 0) {
            enum status st = idtab_put(&t, key, (uint32_t)step);
            if (model[k] == UINT32_MAX && n == 40) {
                assert_int_equal(st, ST_LIMIT);
            } else {
                assert_int_equal(st, ST_OK);
                n += model[k] == UINT32_MAX ? 1U : 0U;
                model[k] = (uint32_t)step;
            }
        } else {
            assert_int_equal(idtab_remove(&t, key), model[k] != UINT32_MAX);
            n -= model[k] != UINT32_MAX ? 1U : 0U;
            model[k] = UINT32_MAX;
        }
        snprintf(key, sizeof key, "id-%u", k = (uint32_t)rng_below(&r, 100));
        assert_int_equal(idtab_get(&t, key), model[k]);
    }
    assert_int_equal(idtab_put(&t, "", 1), ST_INVALID);
    idtab_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taker_fees_are_those_that_the_exchange_charged),
        cmocka_unit_test(makers_pay_only_where_the_series_says_so),
        cmocka_unit_test(a_multiplier_scales_the_fee_before_it_is_rounded),
        cmocka_unit_test(roundings_of_an_order_add_up_and_a_cent_comes_back),
        cmocka_unit_test(a_rebate_never_makes_a_fee_negative),
        cmocka_unit_test(no_way_of_filling_costs_more_than_the_worst_fee),
        cmocka_unit_test(buying_yes_costs_its_price_and_the_fee),
        cmocka_unit_test(acquiring_no_closes_yes_and_then_opens_no),
        cmocka_unit_test(average_cost_leaves_nothing_behind_when_all_is_closed),
        cmocka_unit_test(a_no_position_is_valued_at_its_own_mid_and_bid),
        cmocka_unit_test(recosting_moves_realized_by_the_same_amount),
        cmocka_unit_test(tickers_beyond_the_room_are_refused),
        cmocka_unit_test(a_refusal_names_its_check_and_both_numbers),
        cmocka_unit_test(at_the_limit_is_allowed_and_one_more_is_not),
        cmocka_unit_test(the_collars_only_refuse_prices_that_are_worse),
        cmocka_unit_test(the_self_test_trips_each_check_with_any_limits),
        cmocka_unit_test(loss_day_and_drawdown_have_marks_of_their_own),
        cmocka_unit_test(a_rate_counts_the_last_second),
        cmocka_unit_test(a_position_over_its_limit_may_be_reduced),
        cmocka_unit_test(timers_come_in_order_of_time_and_number),
        cmocka_unit_test(ids_are_found_until_they_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
