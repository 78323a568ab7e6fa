/* The switches of match_config, subaccounts and cash from outside, expiry by amend, fee rules. */
#include "fix.h"

static void subaccounts_of_one_owner_do_not_trade_with_each_other(void **state)
{
    (void)state;
    for (int per_account = 0; per_account < 2; per_account++) {
        struct fix f =
            fix_with((struct match_config){.self_per_account = per_account}, "quadratic", false);
        uint32_t sub = 0;
        uint32_t sub2 = 0;
        assert_int_equal(match_add_subaccount(f.m, f.a, &sub), ST_OK);
        assert_int_equal(match_add_subaccount(f.m, sub, &sub2), ST_OK); /* the same owner */
        assert_int_equal(match_add_subaccount(f.m, 99, &sub2), ST_NOT_FOUND);
        assert_int_equal(match_account(f.m, sub)->cash, 0);
        assert_int_equal(match_transfer(f.m, f.a, sub, 10 * USD_ONE), ST_OK);
        assert_int_equal(match_transfer(f.m, f.a, sub2, 10 * USD_ONE), ST_OK);
        place(&f, req(&f, sub, SIDE_YES, 48, 1));
        place(&f, req(&f, sub2, SIDE_NO, 52, 1));
        assert_int_equal(match_result(f.m).n_trades, per_account);
        if (!per_account) {
            assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_SELF_TRADE);
        }
        fix_end(&f);
    }
}

static void cash_moves_only_as_far_as_it_is_free(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    place(&f, req(&f, f.a, SIDE_YES, 40, 100)); /* 40 of 100 dollars rest */
    assert_int_equal(match_transfer(f.m, f.a, f.b, 60 * USD_ONE + 1), ST_LIMIT);
    assert_int_equal(match_transfer(f.m, f.a, f.b, 0), ST_INVALID);
    assert_int_equal(match_transfer(f.m, f.a, f.b, -1), ST_INVALID);
    assert_int_equal(match_transfer(f.m, f.a, 99, 1), ST_NOT_FOUND);
    assert_int_equal(match_transfer(f.m, MATCH_ANON, f.a, 1), ST_NOT_FOUND);
    assert_int_equal(match_transfer(f.m, f.a, f.b, 60 * USD_ONE), ST_OK);
    assert_int_equal(match_account(f.m, f.b)->cash, 160 * USD_ONE);
    assert_int_equal(match_deposit(f.m, f.a, -1), ST_LIMIT);
    assert_int_equal(match_deposit(f.m, f.a, 5 * USD_ONE), ST_OK);
    assert_int_equal(match_deposit(f.m, f.a, -2 * USD_ONE), ST_OK);
    assert_int_equal(match_deposit(f.m, f.a, 0), ST_INVALID);
    assert_int_equal(match_deposit(f.m, f.a, USD_LIMIT), ST_LIMIT);
    assert_int_equal(match_deposit(f.m, f.a, INT64_MIN), ST_LIMIT);
    assert_int_equal(match_money(f.m).deposits, 3 * USD_ONE);
    fix_end(&f);
}

static void the_entry_check_may_look_at_cash_alone(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.entry = MATCH_ENTRY_CASH}, "quadratic", false);
    place(&f, req(&f, f.a, SIDE_YES, 40, 160));                   /* 64 of 100 dollars */
    uint64_t second = place(&f, req(&f, f.a, SIDE_YES, 30, 300)); /* 90 more */
    assert_int_equal(verdict(&f, req(&f, f.a, SIDE_YES, 30, 400)), MATCH_NO_MONEY);
    /* What cannot be paid when it is hit is canceled then. */
    place(&f, req(&f, f.b, SIDE_NO, 60, 160));
    assert_int_equal(match_account(f.m, f.a)->cash, 36 * USD_ONE);
    assert_int_equal(match_anon_place(f.m, f.market, SIDE_NO, 7000, 300 * QTY_ONE, false, ++f.now),
                     0);
    assert_null(match_order_get(f.m, second));
    assert_int_equal(match_result(f.m).updates[0].reason, MATCH_BECAUSE_MARGIN);
    fix_end(&f);
}

static void a_crossing_post_only_order_may_be_canceled_instead_of_refused(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.post_only_cancels = true}, "quadratic", false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 2));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 1);
    r.post_only = true;
    uint64_t id = place(&f, r);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(last_update(&f)->status, MATCH_CANCELED);
    assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_POST_ONLY);
    assert_int_equal(match_result(f.m).n_deltas, 0);
    r.px = 4900;
    id = place(&f, r);
    enum match_verdict v;
    assert_int_equal(match_amend(f.m, id, 5000, QTY_ONE, ++f.now, &v), ST_OK);
    assert_null(match_order_get(f.m, id));
    assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_POST_ONLY);
    assert_int_equal(match_result(f.m).deltas[0].qty, -QTY_ONE);
    fix_end(&f);
}

static void a_fok_without_volume_may_be_canceled_instead_of_refused(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.fok_cancels = true}, "quadratic", false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 2));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 3);
    r.tif = MATCH_FOK;
    place(&f, r);
    assert_int_equal(match_result(f.m).n_trades, 0);
    assert_int_equal(last_update(&f)->status, MATCH_CANCELED);
    assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_FOK);
    fix_end(&f);
}

/* Two makers of one account, of which it can pay only the first: there is no volume for the rest.
 */
static void a_fok_counts_only_makers_that_can_pay_one_after_the_other(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.entry = MATCH_ENTRY_CASH}, "quadratic", false);
    place(&f, req(&f, f.b, SIDE_NO, 60, 160));
    place(&f, req(&f, f.b, SIDE_NO, 60, 160));
    struct match_request r = req(&f, f.a, SIDE_YES, 40, 200);
    r.tif = MATCH_FOK;
    assert_int_equal(verdict(&f, r), MATCH_FOK_VOLUME);
    assert_int_equal(match_level_qty(f.m, f.market, SIDE_NO, 6000), 320 * QTY_ONE);
    r.qty = 160 * QTY_ONE;
    assert_int_equal(verdict(&f, r), MATCH_ACCEPTED);
    fix_end(&f);
}

static void an_owner_can_be_limited_in_open_orders(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.max_owner_orders = 2}, "quadratic", false);
    uint32_t sub = 0;
    assert_int_equal(match_add_subaccount(f.m, f.a, &sub), ST_OK);
    assert_int_equal(match_transfer(f.m, f.a, sub, 10 * USD_ONE), ST_OK);
    place(&f, req(&f, f.a, SIDE_YES, 40, 1));
    uint64_t id = place(&f, req(&f, sub, SIDE_YES, 40, 1));
    assert_int_equal(verdict(&f, req(&f, sub, SIDE_YES, 40, 1)), MATCH_TOO_MANY);
    assert_int_equal(verdict(&f, req(&f, f.b, SIDE_YES, 40, 1)), MATCH_ACCEPTED);
    qty_t reduced = 0;
    assert_int_equal(match_cancel(f.m, id, MATCH_BECAUSE_USER, ++f.now, &reduced), ST_OK);
    place(&f, req(&f, sub, SIDE_YES, 40, 1));
    fix_end(&f);
}

static void an_amend_may_change_the_expiry_alone_and_keeps_the_place(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    uint64_t one = place(&f, req(&f, f.a, SIDE_YES, 40, 5));
    place(&f, req(&f, f.b, SIDE_YES, 40, 5));
    struct match_amendment a = {
        .px = 4000, .total = 5 * QTY_ONE, .has_expires = true, .expires = 5000};
    enum match_verdict v;
    assert_int_equal(match_amend_order(f.m, one, &a, ++f.now, &v), ST_OK);
    assert_int_equal(match_queue_ahead(f.m, one), 0);
    assert_int_equal(last_update(&f)->expires, 5000);
    assert_int_equal(last_update(&f)->reason, MATCH_BECAUSE_AMEND);
    assert_int_equal(match_next_expiry(f.m), 5000);
    a.has_expires = false; /* absent: stays */
    assert_int_equal(match_amend_order(f.m, one, &a, ++f.now, &v), ST_OK);
    assert_int_equal(match_next_expiry(f.m), 5000);
    assert_int_equal(match_queue_ahead(f.m, one), 0);
    a = (struct match_amendment){.px = 4100, .total = 6 * QTY_ONE, .has_expires = true};
    a.expires = 7000;
    assert_int_equal(match_amend_order(f.m, one, &a, ++f.now, &v), ST_OK);
    assert_int_equal(match_next_expiry(f.m), 7000);
    a.expires = f.now;
    assert_int_equal(match_amend_order(f.m, one, &a, ++f.now, &v), ST_INVALID);
    assert_int_equal(v, MATCH_BAD_EXPIRY);
    assert_int_equal(match_next_expiry(f.m), 7000);
    a.expires = 0; /* never again */
    assert_int_equal(match_amend_order(f.m, one, &a, ++f.now, &v), ST_OK);
    assert_int_equal(match_next_expiry(f.m), NS_NEVER);
    match_expire(f.m, NS_NEVER - 1);
    assert_non_null(match_order_get(f.m, one));
    fix_end(&f);
}

static void expiries_come_in_order_of_time_whatever_was_canceled(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    static const wall_ns_t at[] = {9000, 3000, 7000, 5000, 8000, 4000, 6000};
    uint64_t id[7];
    for (int i = 0; i < 7; i++) {
        struct match_request r = req(&f, f.a, SIDE_YES, 40, 1);
        r.expires = at[i];
        id[i] = place(&f, r);
    }
    qty_t reduced = 0;
    assert_int_equal(match_cancel(f.m, id[1], MATCH_BECAUSE_USER, ++f.now, &reduced), ST_OK);
    assert_int_equal(match_cancel(f.m, id[4], MATCH_BECAUSE_USER, ++f.now, &reduced), ST_OK);
    for (wall_ns_t t = 4000; t <= 9000; t += 1000) {
        if (t == 8000) {
            continue;
        }
        assert_int_equal(match_next_expiry(f.m), t);
        match_expire(f.m, t);
        assert_int_equal(match_result(f.m).n_updates, 1);
        assert_int_equal(match_result(f.m).updates[0].expires, t);
        fix_check(&f);
    }
    assert_int_equal(match_next_expiry(f.m), NS_NEVER);
    fix_end(&f);
}

static usd_t maker_fee_after(const char *fee_type, wall_ns_t wait)
{
    struct fix f = fix_with((struct match_config){0}, fee_type, false);
    f.now = NS_PER_SEC;
    place(&f, req(&f, f.b, SIDE_NO, 50, 100));
    f.now += wait - 1; /* place() steps the clock by 1 */
    place(&f, req(&f, f.a, SIDE_YES, 50, 100));
    usd_t fee = match_account(f.m, f.b)->fees;
    assert_int_equal(match_account(f.m, f.a)->fees, 1750000);
    fix_end(&f);
    return fee;
}

static void a_combos_maker_pays_half_the_taker_rate_when_hit_within_5_seconds(void **state)
{
    (void)state;
    const char *combo = "quadratic_with_combo_maker_fees";
    assert_int_equal(maker_fee_after(combo, 5 * NS_PER_SEC), 875000);
    assert_int_equal(maker_fee_after(combo, 5 * NS_PER_SEC + 1), 437500);
    assert_int_equal(maker_fee_after("quadratic_with_maker_fees", NS_PER_SEC), 437500);
    assert_int_equal(maker_fee_after("quadratic", NS_PER_SEC), 0);
}

static void nobody_pays_a_trade_fee_before_the_waiver_ends(void **state)
{
    (void)state;
    struct fix f = fix_make(false);
    struct match_fees fees;
    assert_int_equal(match_fees_named("quadratic_with_maker_fees", 1000000, &fees), ST_OK);
    fees.waived_until = 5000;
    match_set_fees(f.m, f.market, &fees);
    place(&f, req(&f, f.b, SIDE_NO, 50, 10));
    f.now = 4998;
    place(&f, req(&f, f.a, SIDE_YES, 50, 1));
    assert_int_equal(match_money(f.m).fees, 0);
    place(&f, req(&f, f.a, SIDE_YES, 50, 1)); /* at 5000 */
    assert_int_equal(match_account(f.m, f.a)->fees, 17500);
    assert_int_equal(match_account(f.m, f.b)->fees, 4400);
    fix_end(&f);
}

static void other_than_direct_members_round_to_whole_cents(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.grain = 10000}, "quadratic", false);
    place(&f, req(&f, f.b, SIDE_NO, 50, 10));
    struct match_request r = req(&f, f.a, SIDE_YES, 50, 1);
    place(&f, r); /* .50 + .0175, change floored to a cent: the fee is .02 */
    assert_int_equal(match_account(f.m, f.a)->cash, 100 * USD_ONE - 520000);
    assert_int_equal(last_update(&f)->taker_fees, 20000);
    assert_int_equal(last_update(&f)->rounding, 2500);
    /* Five fills of one order, .0025 of rounding each: the fourth gives a cent back. */
    for (int i = 0; i < 5; i++) {
        place(&f, req(&f, f.b, SIDE_NO, 52, 1));
    }
    r = req(&f, f.a, SIDE_YES, 48, 5);
    place(&f, r); /* .07 * .48 * .52 = .017472 -> .0175 */
    assert_int_equal(last_update(&f)->taker_fees, 5 * 20000 - 10000);
    assert_int_equal(match_account(f.m, f.a)->cash % 10000, 0);
    fix_end(&f);
}

/* An entry check that looks at cash alone lets any number of orders rest; their sums must not run
 * over. */
static void resting_orders_have_a_limit_even_when_cash_alone_is_checked(void **state)
{
    (void)state;
    struct fix f = fix_with((struct match_config){.entry = MATCH_ENTRY_CASH}, "quadratic", false);
    assert_int_equal(match_deposit(f.m, f.a, USD_LIMIT - 100 * USD_ONE), ST_OK);
    struct match_request r = req(&f, f.a, SIDE_YES, 99, 1);
    r.qty = QTY_LIMIT;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(verdict(&f, r), MATCH_ACCEPTED);
    }
    assert_int_equal(verdict(&f, r), MATCH_NO_MONEY);
    r.qty = QTY_LIMIT + 1;
    assert_int_equal(verdict(&f, r), MATCH_BAD_SIZE);
    assert_int_equal(match_cancel_all(f.m, f.a, ++f.now), 4);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subaccounts_of_one_owner_do_not_trade_with_each_other),
        cmocka_unit_test(cash_moves_only_as_far_as_it_is_free),
        cmocka_unit_test(the_entry_check_may_look_at_cash_alone),
        cmocka_unit_test(a_crossing_post_only_order_may_be_canceled_instead_of_refused),
        cmocka_unit_test(a_fok_without_volume_may_be_canceled_instead_of_refused),
        cmocka_unit_test(a_fok_counts_only_makers_that_can_pay_one_after_the_other),
        cmocka_unit_test(an_owner_can_be_limited_in_open_orders),
        cmocka_unit_test(an_amend_may_change_the_expiry_alone_and_keeps_the_place),
        cmocka_unit_test(expiries_come_in_order_of_time_whatever_was_canceled),
        cmocka_unit_test(a_combos_maker_pays_half_the_taker_rate_when_hit_within_5_seconds),
        cmocka_unit_test(nobody_pays_a_trade_fee_before_the_waiver_ends),
        cmocka_unit_test(other_than_direct_members_round_to_whole_cents),
        cmocka_unit_test(resting_orders_have_a_limit_even_when_cash_alone_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
