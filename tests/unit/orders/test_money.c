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
        .tokens = 30,
        .tokens_needed = 30,
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

/* One view for each check, broken in that way only. */
static struct risk_view broken(enum risk_check_id id, const struct grid *grid,
                               const struct risk_limits *l)
{
    struct risk_view v = good(grid);
    switch (id) {
    case RISK_READY:
        v.ready = false;
        break;
    case RISK_PRIVATE_LINK:
        v.private_link = false;
        break;
    case RISK_HALTED:
        v.halted = true;
        break;
    case RISK_MARKET_HALTED:
        v.market_halted = true;
        break;
    case RISK_MARKET_STATE:
        v.market_ok = false;
        break;
    case RISK_LAGGING:
        v.lagging = true;
        break;
    case RISK_SCALE:
        v.unchecked = true;
        break;
    case RISK_PRICE:
        v.yes_px = 5050;
        break;
    case RISK_ORDER_SIZE:
        v.qty = l->order_qty_max + 1;
        break;
    case RISK_POSITION:
        v.position = l->position_max - v.qty;
        v.open_same_side = 1;
        break;
    case RISK_EXPOSURE:
        v.exposure = l->exposure_max - v.added + 1;
        break;
    case RISK_OPEN_ORDERS:
        v.open_orders = l->open_orders_max;
        break;
    case RISK_CASH:
        v.cash_free--;
        break;
    case RISK_TOKENS:
        v.tokens--;
        break;
    case RISK_MAX:
        break;
    }
    return v;
}

static void each_check_refuses_alone_and_names_itself(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    assert_int_equal(risk_gate(&l, &v, &st), RISK_PASS);
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        v = broken((enum risk_check_id)i, &grid, &l);
        assert_int_equal(risk_gate(&l, &v, &st), i);
        assert_int_equal(st.refused[i], 1);
        assert_true(strlen(risk_name((enum risk_check_id)i)) > 3);
    }
    assert_int_equal(st.passed, 1);
}

static void at_the_limit_is_allowed(void **state)
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
    assert_int_equal(risk_gate(&l, &v, &st), RISK_PASS);
}

static void a_position_over_its_limit_may_be_reduced(void **state)
{
    (void)state;
    struct grid grid = grid_cents();
    struct risk_limits l = risk_limits_default();
    struct risk_stats st = {0};
    struct risk_view v = good(&grid);
    v.position = 2 * l.position_max;
    assert_int_equal(risk_gate(&l, &v, &st), RISK_POSITION);
    v.outcome = SIDE_NO;
    assert_int_equal(risk_gate(&l, &v, &st), RISK_PASS);
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
        cmocka_unit_test(each_check_refuses_alone_and_names_itself),
        cmocka_unit_test(at_the_limit_is_allowed),
        cmocka_unit_test(a_position_over_its_limit_may_be_reduced),
        cmocka_unit_test(timers_come_in_order_of_time_and_number),
        cmocka_unit_test(ids_are_found_until_they_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
