#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "match/match.h"

static void fees_agree_with_the_captured_ones(void **state)
{
    (void)state;
    assert_int_equal(match_fee_ceil(700, 1000000, 5200, QTY_ONE), 17500);
    assert_int_equal(match_fee_ceil(700, 1000000, 9900, QTY_ONE), 700);
    assert_int_equal(match_fee_ceil(175, 1000000, 5000, 100 * QTY_ONE), 437500);
    assert_int_equal(match_fee_ceil(700, 500000, 5000, 100 * QTY_ONE), 875000);
    assert_int_equal(match_fee_ceil(0, 1000000, 5000, QTY_ONE), 0);
    assert_int_equal(match_fee_ceil(700, 1000000, 5000, 1), 200); /* .000175 up to .0002 */
    struct match_fees f;
    assert_int_equal(match_fees_named("flat", 1000000, &f), ST_UNSUPPORTED);
}

struct fix {
    struct match *m;
    uint32_t market, a;
};

static struct fix make(const char *structure)
{
    struct fix f = {0};
    struct match_config c = {.max_markets = 1, .max_accounts = 1, .max_orders = 100};
    struct match_fees fees;
    struct grid grid;
    assert_int_equal(match_fees_named("quadratic", 1000000, &fees), ST_OK);
    assert_int_equal(grid_named(&grid, structure), ST_OK);
    assert_int_equal(match_create(&c, &f.m), ST_OK);
    assert_int_equal(match_add_market(f.m, &grid, &fees, false, &f.market), ST_OK);
    assert_int_equal(match_add_account(f.m, 100 * USD_ONE, &f.a), ST_OK);
    return f;
}

static void buy(struct fix *f, enum side side, px_t px, qty_t qty)
{
    struct match_request r = {
        .account = f->a, .market = f->market, .side = side, .px = px, .qty = qty};
    uint64_t id = 0;
    match_anon_place(f->m, f->market, side_other(side), PX_ONE - px, qty, true, 0);
    assert_int_equal(match_place(f->m, &r, 0, &id), MATCH_ACCEPTED);
    assert_int_equal(match_result(f->m).fills[0].qty, qty);
}

static void opposite_contracts_net_and_give_back_their_dollar(void **state)
{
    (void)state;
    struct fix f = make("linear_cent");
    buy(&f, SIDE_YES, 4000, 10 * QTY_ONE); /* 4.00 + fee .168 */
    assert_int_equal(match_account(f.m, f.a)->cash, 100 * USD_ONE - 4168000);
    buy(&f, SIDE_NO, 5000, 4 * QTY_ONE); /* sells 4 YES at .50: + 2.00 - .07 */
    struct match_position p = match_position(f.m, f.a, f.market);
    assert_int_equal(match_account(f.m, f.a)->cash, 100 * USD_ONE - 4168000 + 1930000);
    assert_int_equal(p.qty, 6 * QTY_ONE);
    assert_int_equal(p.cost, 2400000);
    assert_int_equal(p.realized, 400000);
    assert_int_equal(p.fees, 238000);
    buy(&f, SIDE_NO, 5000, 10 * QTY_ONE); /* through zero: 6 closed, 4 NO opened */
    p = match_position(f.m, f.a, f.market);
    assert_int_equal(p.qty, -4 * QTY_ONE);
    assert_int_equal(p.cost, 2000000);
    assert_int_equal(p.realized, 1000000);
    assert_int_equal(p.bought[SIDE_NO], 14 * QTY_ONE);
    match_destroy(f.m);
}

static void settlement_pays_the_net_position(void **state)
{
    (void)state;
    struct fix f = make("linear_cent");
    buy(&f, SIDE_NO, 3000, 10 * QTY_ONE);
    usd_t cash = match_account(f.m, f.a)->cash;
    match_close(f.m, f.market, 0);
    match_settle(f.m, f.market, 0, 0);
    assert_int_equal(match_account(f.m, f.a)->cash, cash + 10 * USD_ONE);
    assert_int_equal(match_position(f.m, f.a, f.market).realized, 7 * USD_ONE);
    match_destroy(f.m);
}

/* Sheet 10: 0.14 NO at a scalar value of .45 YES pays 6.3 cents in the other direction, cut to 6.
 */
static void scalar_payouts_are_cut_to_cents(void **state)
{
    (void)state;
    struct fix f = make("linear_cent");
    buy(&f, SIDE_YES, 5000, 14);
    usd_t cash = match_account(f.m, f.a)->cash;
    match_close(f.m, f.market, 0);
    match_settle(f.m, f.market, 4500, 0);
    assert_int_equal(match_account(f.m, f.a)->cash, cash + 60000);
    struct match_money s = match_money(f.m);
    assert_int_equal(s.cash + s.anon_cash + s.fees + s.cut, 100 * USD_ONE);
    match_destroy(f.m);
}

/* Sub-grain changes are floored to 0.0001, and the rounding of an order comes back cent by cent. */
static void rounding_of_one_order_is_given_back(void **state)
{
    (void)state;
    struct fix f = make("deci_cent");
    struct match_request r = {
        .account = f.a, .market = f.market, .side = SIDE_YES, .px = 5550, .qty = 400};
    uint64_t id = 0;
    assert_int_equal(match_place(f.m, &r, 0, &id), MATCH_ACCEPTED);
    usd_t cash = match_account(f.m, f.a)->cash;
    usd_t fees = 0;
    for (int i = 0; i < 399; i++) { /* maker fee 0: each fill of .00555 floors by .00005 */
        assert_int_equal(match_anon_place(f.m, f.market, SIDE_NO, 4450, 1, false, 0), 1);
        fees += match_result(f.m).fills[0].fee;
        assert_int_equal(match_account(f.m, f.a)->cash % 100, 0);
    }
    /* 399 * 50 = 19950 rounding in all; a fee of 50 can give back nothing of a cent at once. */
    assert_int_equal(match_account(f.m, f.a)->cash, cash - 399 * 5550 - fees);
    assert_true(fees >= 0 && fees <= 19950);
    match_destroy(f.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fees_agree_with_the_captured_ones),
        cmocka_unit_test(opposite_contracts_net_and_give_back_their_dollar),
        cmocka_unit_test(settlement_pays_the_net_position),
        cmocka_unit_test(scalar_payouts_are_cut_to_cents),
        cmocka_unit_test(rounding_of_one_order_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
