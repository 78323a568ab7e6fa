#include "paper_rig.h"

static const struct ev_answer *done(const struct rig *r, uint64_t id)
{
    const struct ev_answer *a = rig_answer(r, id);
    assert_non_null(a);
    assert_int_equal(a->outcome, GW_OK);
    return a;
}

static void refused(const struct rig *r, uint64_t id, const char *code)
{
    const struct ev_answer *a = rig_answer(r, id);
    assert_non_null(a);
    assert_int_equal(a->outcome, GW_REJECTED);
    assert_string_equal(a->error_code, code);
}

static const struct ev_user_order *last_order(const struct rig *r)
{
    uint32_t n = rig_count(r, EV_USER_ORDER);
    assert_true(n > 0);
    return (const struct ev_user_order *)rig_event(r, EV_USER_ORDER, n - 1);
}

static void the_private_session_begins_with_its_link(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    assert_int_equal(r.said[0]->type, EV_LINK);
    assert_int_equal(r.said[0]->source, EV_SRC_PRIVATE);
    assert_int_equal(r.said[0]->ord, 1);
    assert_int_equal(((const struct ev_mark *)r.said[0])->code, 1);
    rig_end(&r);
}

static void a_stale_book_refuses_creates_until_its_snapshot(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)), "paper_book_stale"); /* no book yet */
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t rests = rig_ask(&r, rig_create(&r, SIDE_YES, 41, 1));
    rig_stale(&r, MKT_ALL);
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)), "paper_book_stale");
    rig_delta(&r, 0, SIDE_NO, 55, 100); /* a book with a hole takes no deltas */
    assert_int_equal(match_level_qty(paper_match(r.p), 0, SIDE_NO, 5500), 3 * QTY_ONE);
    done(&r, rig_cancel(&r, done(&r, rests)->order_id));
    rig_snapshot(&r, 0, "40:10", "55:2");
    assert_int_equal(done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)))->filled, QTY_ONE);
    assert_int_equal(paper_stats(r.p)->refused_stale, 2);
    rig_end(&r);
}

static void trades_fill_a_resting_order_while_the_book_is_stale(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    rig_stale(&r, 0);
    rig_trade(&r, 0, SIDE_NO, 41, 1);
    assert_int_equal(rig_fill(&r, 0)->qty, QTY_ONE);
    rig_end(&r);
}

static void a_snapshot_after_a_gap_fills_the_orders_that_it_crosses(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    rig_stale(&r, 0);
    rig_snapshot(&r, 0, "30:10", "62:5"); /* YES asked at 38 */
    assert_int_equal(rig_fill(&r, 0)->yes_px, 4100);
    assert_int_equal(rig_fill(&r, 0)->qty, 2 * QTY_ONE);
    assert_false(rig_fill(&r, 0)->is_taker);
    rig_end(&r);
}

static void a_delta_that_contradicts_the_book_is_reported_and_repaired(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    rig_delta(&r, 0, SIDE_YES, 40, -11);
    assert_int_equal(r.repairs, 1);
    assert_int_equal(paper_stats(r.p)->contradictions, 1);
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)), "paper_book_stale");
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)));
    rig_end(&r);
}

static void an_order_expires_when_its_time_comes(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 41, 2);
    q.expiration_s = 1780000000 + 3;
    done(&r, rig_ask(&r, q));
    assert_int_equal(paper_deadline(r.p), 3 * NS_PER_SEC);
    rig_wait(&r, 1900 * MS);
    assert_int_equal(last_order(&r)->status, XORDER_RESTING);
    rig_wait(&r, 200 * MS);
    assert_int_equal(last_order(&r)->status, XORDER_CANCELED);
    assert_string_equal(last_order(&r)->reason, "ExpiryCancel");
    rig_end(&r);
}

static void the_snapshot_of_the_close_cancels_what_rests_and_refuses_orders(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t rests = rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2));
    rig_snapshot(&r, 0, "", "");
    assert_int_equal(last_order(&r)->status, XORDER_CANCELED);
    assert_string_equal(last_order(&r)->reason, "CloseCancel");
    assert_int_equal(last_order(&r)->remaining, 0);
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)), "market_inactive");
    assert_int_equal(rig_answer(&r, rig_cancel(&r, done(&r, rests)->order_id))->outcome,
                     GW_NOT_FOUND);
    rig_snapshot(&r, 0, "", ""); /* some closes come twice */
    assert_int_equal(paper_stats(r.p)->closes, 1);
    rig_snapshot(&r, 0, "40:1", "55:3"); /* it was no close: the market goes on */
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    rig_end(&r);
}

static void a_status_closes_pauses_and_opens_a_market(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    rig_market(&r, 0, TICKER, MARKET_INACTIVE, FEE_QUADRATIC);
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)), "market_inactive");
    assert_int_equal(last_order(&r)->status, XORDER_RESTING);
    rig_market(&r, 0, TICKER, MARKET_ACTIVE, FEE_QUADRATIC); /* opening again cancels what rests */
    rig_wait(&r, 0);
    assert_int_equal(last_order(&r)->status, XORDER_CANCELED);
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    rig_market(&r, 0, TICKER, MARKET_CLOSED, FEE_QUADRATIC);
    rig_wait(&r, 0);
    assert_string_equal(last_order(&r)->reason, "CloseCancel");
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)), "market_inactive");
    rig_end(&r);
}

static void a_new_grid_and_new_fees_hold_from_then_on(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t rests = rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2));
    struct ev_market m = {
        .h = {.size = sizeof m, .type = EV_MARKET, .recv_mono = r.now, .recv_wall = r.now},
        .ticker = TICKER,
        .status = MARKET_ACTIVE,
        .fee_type = FEE_QUADRATIC_MAKER,
        .fee_mult_micros = 500000};
    assert_int_equal(grid_named(&m.grid, "deci_cent"), ST_OK);
    paper_market(r.p, &m.h);
    assert_int_equal(r.repairs, 1); /* its snapshot is wanted */
    rig_snapshot(&r, 0, "40:10", "55:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 41, 1);
    q.yes_px = 4010;
    done(&r, rig_ask(&r, q)); /* a price of the new grid */
    assert_int_equal(done(&r, rig_cancel(&r, done(&r, rests)->order_id))->remaining, 2 * QTY_ONE);
    q = rig_create(&r, SIDE_YES, 45, 1);
    done(&r, rig_ask(&r, q));
    assert_int_equal(rig_fill(&r, 0)->fee, match_fee_ceil(700, 500000, 4500, QTY_ONE));
    rig_end(&r);
}

static void settlement_pays_the_winner_and_empties_the_position(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 3)));
    usd_t before = paper_account(r.p)->cash;
    assert_true(paper_settle(r.p, TICKER, PX_ONE, r.now, r.now));
    rig_wait(&r, 0);
    assert_int_equal(paper_account(r.p)->cash, before + 3 * USD_ONE);
    const struct ev_position *p =
        (const struct ev_position *)rig_event(&r, EV_POSITION, rig_count(&r, EV_POSITION) - 1);
    assert_int_equal(p->position, 0);
    assert_int_equal(done(&r, rig_op(&r, GW_LIST_POSITIONS))->n_rows, 0);
    assert_false(paper_settle(r.p, TICKER, 0, r.now, r.now)); /* once */
    assert_false(paper_settle(r.p, "KXNONE", 0, r.now, r.now));
    rig_snapshot(&r, 0, "40:10", "55:3"); /* a late message changes nothing */
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)), "market_inactive");
    rig_end(&r);
}

static void a_scalar_settlement_pays_both_sides(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_NO, 40, 2)));
    usd_t before = paper_account(r.p)->cash;
    assert_true(paper_settle(r.p, TICKER, 3000, r.now, r.now));
    assert_int_equal(paper_account(r.p)->cash, before + usd_of(7000, 2 * QTY_ONE));
    rig_end(&r);
}

static void events_that_make_no_sense_are_counted_and_harmless(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    rig_delta(&r, 5, SIDE_YES, 40, 1);                         /* no such market */
    rig_market(&r, 7, "KXHOLE", MARKET_ACTIVE, FEE_QUADRATIC); /* out of turn */
    rig_market(&r, 0, "KXOTHER", MARKET_ACTIVE, FEE_QUADRATIC);
    rig_delta(&r, 0, (enum side)7, 40, 1);
    struct ev_snapshot s = {.h = {.size = sizeof s, .type = EV_SNAPSHOT, .recv_mono = r.now},
                            .n_yes = 4000000000u,
                            .n_no = 4000000000u};
    paper_market(r.p, &s.h);
    struct ev_delta d = {.h = {.size = sizeof(struct ev), .type = EV_DELTA, .recv_mono = r.now}};
    paper_market(r.p, &d.h);
    assert_int_equal(paper_stats(r.p)->odd, 6);
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1)));
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_private_session_begins_with_its_link),
        cmocka_unit_test(a_stale_book_refuses_creates_until_its_snapshot),
        cmocka_unit_test(trades_fill_a_resting_order_while_the_book_is_stale),
        cmocka_unit_test(a_snapshot_after_a_gap_fills_the_orders_that_it_crosses),
        cmocka_unit_test(a_delta_that_contradicts_the_book_is_reported_and_repaired),
        cmocka_unit_test(an_order_expires_when_its_time_comes),
        cmocka_unit_test(the_snapshot_of_the_close_cancels_what_rests_and_refuses_orders),
        cmocka_unit_test(a_status_closes_pauses_and_opens_a_market),
        cmocka_unit_test(a_new_grid_and_new_fees_hold_from_then_on),
        cmocka_unit_test(settlement_pays_the_winner_and_empties_the_position),
        cmocka_unit_test(a_scalar_settlement_pays_both_sides),
        cmocka_unit_test(events_that_make_no_sense_are_counted_and_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
