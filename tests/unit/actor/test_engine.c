/* Books, decisions, throttle, breaker, scale and turns. */
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static void open_rig(struct rig *r)
{
    struct engine_config c = rig_config();
    rig_start(r, &c);
    rig_open(r);
}

static struct engine_market market(const struct rig *r)
{
    struct engine_market m;
    assert_true(engine_market(r->engine, 0, &m));
    return m;
}

static uint64_t count(const struct counter *c)
{
    return counter_get(c);
}

/* --- books --- */

static void a_market_is_asked_about_only_when_two_sided(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    assert_true(r.asked);
    rig_book(&r, 4000, 0);
    assert_false(r.asked);
    rig_book(&r, 0, 0);
    assert_false(r.asked);
    rig_book(&r, 4000, 5500);
    assert_true(r.asked);
    rig_finish(&r);
}

static void a_delta_that_contradicts_makes_the_book_stale_and_asks_for_it(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_delta(&r, SIDE_YES, 4000, -200 * QTY_ONE, 0); /* only 100 are there */
    assert_true(market(&r).stale);
    assert_int_equal(r.repairs, 1);
    assert_false(r.asked);
    rig_delta(&r, SIDE_YES, 3900, QTY_ONE, 0);
    assert_int_equal(count(&engine_metrics(r.engine)->stale_deltas), 1);
    assert_int_equal(book_qty(market(&r).book, SIDE_YES, 3900), 0);
    assert_int_equal(r.repairs, 1); /* asked once */
    rig_book(&r, 4000, 5500);
    assert_false(market(&r).stale);
    assert_true(r.asked);
    rig_finish(&r);
}

static void a_price_off_the_grid_is_a_contradiction(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_delta(&r, SIDE_NO, 4050, QTY_ONE, 0);
    assert_true(market(&r).stale);
    rig_finish(&r);
}

static void a_book_may_be_crossed_within_one_match_but_not_after_it(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    int64_t t = (RIG_WALL + r.now) / NS_PER_MS;
    rig_delta(&r, SIDE_YES, 4500, QTY_ONE, t); /* .45 + .55 = 1 */
    assert_false(r.asked);
    assert_false(market(&r).stale);
    rig_delta(&r, SIDE_NO, 5500, -100 * QTY_ONE, t); /* the other side of the match */
    assert_false(market(&r).stale);
    rig_book(&r, 4000, 5500);
    rig_delta(&r, SIDE_YES, 4500, QTY_ONE, t + 1);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t + 2); /* time has moved on: it is wrong */
    assert_true(market(&r).stale);
    assert_int_equal(r.repairs, 1);
    rig_finish(&r);
}

static void a_crossed_snapshot_is_refused_and_asked_for_again(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_book(&r, 6000, 5500);
    assert_true(market(&r).stale);
    assert_int_equal(r.repairs, 1);
    rig_finish(&r);
}

static void a_lost_link_makes_every_book_stale(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_mark m = {.h = {.mkt = MKT_ALL}, .code = 0};
    rig_event(&r, &m.h, EV_LINK, EV_SRC_MARKET, sizeof m);
    assert_true(market(&r).stale);
    rig_finish(&r);
}

static void a_stale_mark_of_all_reaches_all(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_mark m = {.h = {.mkt = MKT_ALL}};
    rig_event(&r, &m.h, EV_STALE, EV_SRC_MARKET, sizeof m);
    assert_true(market(&r).stale);
    assert_int_equal(count(&engine_metrics(r.engine)->stale_books), 1);
    rig_finish(&r);
}

static void an_old_message_makes_the_market_lag_until_a_fresh_one(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    int64_t t = (RIG_WALL + r.now) / NS_PER_MS;
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t - r.config.lag_limit_ms - 1);
    assert_true(market(&r).lagging);
    assert_false(r.asked);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t - r.config.lag_limit_ms);
    assert_false(market(&r).lagging);
    assert_true(r.asked);
    rig_finish(&r);
}

static void the_age_of_a_message_allows_for_a_clock_that_is_wrong(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    int64_t t = (RIG_WALL + r.now) / NS_PER_MS;
    struct ev_mark ahead = {.code = 10000};
    rig_event(&r, &ahead.h, EV_CLOCK, EV_SRC_MARKET, sizeof ahead);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t - 10000); /* fresh: our clock is 10 s ahead */
    assert_false(market(&r).lagging);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t - 10000 - r.config.lag_limit_ms - 1);
    assert_true(market(&r).lagging);
    struct ev_mark behind = {.code = -10000};
    rig_event(&r, &behind.h, EV_CLOCK, EV_SRC_MARKET, sizeof behind);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t + 10000 - r.config.lag_limit_ms - 1);
    assert_true(market(&r).lagging); /* old, though it looks as if it came from the future */
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, t + 10000);
    assert_false(market(&r).lagging);
    rig_finish(&r);
}

static void a_market_that_is_not_active_or_past_its_close_is_left_alone(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_market m = {.ticker = "M", .grid = grid_cents(), .status = MARKET_INACTIVE};
    rig_event(&r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, 0);
    assert_false(r.asked);
    m = (struct ev_market){.ticker = "M",
                           .grid = grid_cents(),
                           .status = MARKET_ACTIVE,
                           .close_time = RIG_WALL + r.now + NS_PER_SEC};
    rig_event(&r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    assert_true(r.asked); /* what changed meanwhile is judged now */
    rig_wait(&r, NS_PER_SEC);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, 0);
    assert_false(r.asked); /* a close sends no message */
    rig_finish(&r);
}

static void impossible_events_are_counted_and_change_nothing(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_delta d = {.h = {.mkt = 3}, .px = 4000, .qty = 1};
    rig_event(&r, &d.h, EV_DELTA, EV_SRC_MARKET, sizeof d);
    struct ev_snapshot s = {.n_yes = 1000000};
    rig_event(&r, &s.h, EV_SNAPSHOT, EV_SRC_MARKET, sizeof s);
    struct ev_answer a = {.row_kind = GW_ROW_FILL, .n_rows = 5, .row_size = 8};
    rig_event(&r, &a.h, EV_ANSWER, EV_SRC_ANSWER, sizeof a);
    struct ev h = {0};
    rig_event(&r, &h, EV_DELTA, EV_SRC_MARKET, sizeof h);
    assert_int_equal(count(&engine_metrics(r.engine)->bad_events), 4);
    assert_false(market(&r).stale);
    rig_finish(&r);
}

/* --- decisions --- */

static void every_decision_is_recorded_hold_too(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    assert_int_equal(r.n_decisions, 1);
    assert_int_equal(r.decision.verdict, VERDICT_HOLD);
    assert_int_equal(r.decision.number, 1);
    assert_memory_equal(r.decision.obs, r.obs, sizeof r.obs);
    assert_true(fabsf(r.obs[0] - 0.40F) < 1e-6F && fabsf(r.obs[1] - 0.45F) < 1e-6F);
    rig_finish(&r);
}

static void a_decision_may_carry_only_the_hash_of_what_the_policy_saw(void **state)
{
    (void)state;
    static const float none[OBS_SIZE];
    struct rig whole, hashed;
    open_rig(&whole);
    struct engine_config c = rig_config();
    c.record_obs = false;
    rig_start(&hashed, &c);
    rig_open(&hashed);
    assert_int_equal(hashed.n_decisions, 1);
    assert_memory_equal(hashed.obs, whole.obs, sizeof none); /* the policy sees all of it */
    assert_memory_equal(hashed.decision.obs, none, sizeof none);
    assert_true(hashed.decision.obs_hash == whole.decision.obs_hash);
    rig_finish(&whole);
    rig_finish(&hashed);
}

static void the_account_is_marked_at_its_interval_when_it_changed(void **state)
{
    (void)state;
    struct rig r;
    struct engine_config c = rig_config();
    c.mark_every = 10 * NS_PER_SEC;
    rig_start(&r, &c);
    rig_open(&r);
    assert_int_equal(r.n_marks, 1);
    assert_int_equal(r.mark.cash_total, 100 * USD_ONE);
    assert_int_equal(r.mark.cash_reserved, 0);
    rig_act(&r, ACT_BUY_YES);
    const struct gw_request *req = rig_request(&r);
    assert_non_null(req);
    rig_ack(&r, req, "o-1", 0, 10 * QTY_ONE);
    assert_int_equal(r.n_marks, 1); /* not yet */
    rig_wait(&r, 11 * NS_PER_SEC);
    rig_book(&r, 4000, 5500);
    assert_int_equal(r.n_marks, 2);
    assert_true(r.mark.cash_reserved > 0);
    assert_int_equal(r.mark.open_orders, 1);
    assert_int_equal(r.mark.pv_mid, 100 * USD_ONE);
    rig_wait(&r, 11 * NS_PER_SEC);
    rig_book(&r, 4000, 5500);
    assert_int_equal(r.n_marks, 2); /* nothing changed */
    rig_finish(&r);
}

static void changes_of_one_turn_share_a_decision(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    struct ev_delta d[3];
    const struct ev *evs[3];
    for (uint32_t i = 0; i < 3; i++) {
        d[i] = (struct ev_delta){.h = {.size = sizeof d[i],
                                       .type = EV_DELTA,
                                       .source = EV_SRC_MARKET,
                                       .ord = 100 + i,
                                       .recv_wall = RIG_WALL + r.now},
                                 .px = 1000,
                                 .qty = QTY_ONE};
        evs[i] = &d[i].h;
    }
    rig_turn(&r, NS_PER_MS, evs, 3);
    assert_int_equal(r.n_decisions, 2);
    assert_int_equal(r.decision.shared, 3);
    assert_int_equal(r.decision.last_ord, 102);
    assert_int_equal(count(&engine_metrics(r.engine)->changes_shared), 2);
    rig_finish(&r);
}

static void an_idle_turn_leaves_no_row(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    uint32_t n = r.n_turns;
    rig_wait(&r, NS_PER_MS);
    assert_int_equal(r.n_turns, n);
    rig_delta(&r, SIDE_YES, 1000, QTY_ONE, 0);
    assert_int_equal(r.n_turns, n + 1);
    rig_finish(&r);
}

static void an_action_that_is_none_is_hold(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    rig_act(&r, (enum action)17);
    assert_int_equal(r.decision.action, ACT_HOLD);
    assert_int_equal(r.n_req, 0);
    rig_finish(&r);
}

static void the_throttle_is_stamped_when_the_gate_accepts(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.throttle = 250 * RIG_MS;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_SELL_YES); /* refused: no stamp */
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    struct ev_answer no = rig_answer_to(rig_request(&r), GW_REJECTED);
    rig_answer(&r, &no);
    rig_wait(&r, 249 * RIG_MS);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_THROTTLED);
    rig_wait(&r, 1 * RIG_MS);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void reject_one(struct rig *r)
{
    rig_wait(r, 100 * RIG_MS); /* for the tokens of one order */
    rig_act(r, ACT_BUY_YES);
    assert_int_equal(r->decision.verdict, VERDICT_SENT);
    struct ev_answer no = rig_answer_to(rig_request(r), GW_REJECTED);
    rig_answer(r, &no);
}

static void the_eleventh_error_in_a_row_opens_the_breaker(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    for (int i = 0; i < 11; i++) {
        assert_false(market(&r).breaker_open);
        reject_one(&r);
        rig_act(&r, ACT_SELL_YES); /* risk refusals in between count nothing */
    }
    assert_true(market(&r).breaker_open);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);
    rig_wait(&r, 300 * NS_PER_SEC);
    rig_act(&r, ACT_BUY_YES); /* half-open: one try */
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    struct gw_request try = *rig_request(&r);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER);
    struct ev_answer no = rig_answer_to(&try, GW_REJECTED);
    rig_answer(&r, &no);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_BREAKER); /* it failed: open again */
    rig_wait(&r, 300 * NS_PER_SEC);
    rig_act(&r, ACT_BUY_YES);
    rig_ack(&r, rig_request(&r), "o1", 0, 1000);
    assert_false(market(&r).breaker_open);
    rig_finish(&r);
}

static void a_success_ends_the_row_of_errors(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    for (int i = 0; i < 10; i++) {
        reject_one(&r);
    }
    rig_wait(&r, 100 * RIG_MS);
    rig_act(&r, ACT_BUY_YES);
    struct gw_request q = *rig_request(&r);
    rig_ack(&r, &q, "o1", 0, 0); /* killed at once: still a good answer */
    reject_one(&r);
    assert_false(market(&r).breaker_open);
    rig_finish(&r);
}

static void trading_off_asks_nothing_and_sends_nothing(void **state)
{
    (void)state;
    struct engine_config c = rig_config();
    c.trading = false;
    c.orders.from_config = false;
    struct rig r;
    rig_start(&r, &c);
    rig_open(&r);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_REFUSED);
    assert_string_equal(r.decision.check, "trading_off");
    rig_wait(&r, 100 * NS_PER_SEC);
    assert_int_equal(r.n_req, 0);
    assert_true(engine_idle(r.engine));
    rig_finish(&r);
}

static void order_features_show_what_rests_unless_forced_to_zero(void **state)
{
    (void)state;
    for (int zero = 0; zero < 2; zero++) {
        struct engine_config c = rig_config();
        c.zero_order_features = zero;
        struct rig r;
        rig_start(&r, &c);
        rig_open(&r);
        rig_act(&r, ACT_BUY_YES);
        rig_ack(&r, rig_request(&r), "o1", 0, 1000);
        rig_wait(&r, 30 * NS_PER_SEC);
        rig_act(&r, ACT_HOLD);
        assert_true(r.obs[47] == (zero ? 0.0F : 1.0F));
        assert_true(r.obs[48] == 0.0F);
        assert_true(fabsf(r.obs[51] - (zero ? 0.0F : 0.1F)) < 1e-6F);
        rig_finish(&r);
    }
}

/* --- scale --- */

static void scale_rig(struct rig *r)
{
    struct engine_config c = rig_config();
    c.scale_check = true;
    rig_start(r, &c);
    struct ev_market m = {.ticker = "M", .grid = grid_cents(), .status = MARKET_ACTIVE};
    rig_event(r, &m.h, EV_MARKET, EV_SRC_MARKET, sizeof m);
    union {
        struct ev_snapshot s;
        char room[sizeof(struct ev_snapshot) + 4 * sizeof(struct level)];
    } u;
    memset(&u, 0, sizeof u);
    u.s.n_yes = 1;
    u.s.n_no = 3;
    u.s.levels[0] = (struct level){1000, 500};
    u.s.levels[1] = (struct level){8000, 500};
    u.s.levels[2] = (struct level){8100, 500};
    u.s.levels[3] = (struct level){8300, 500};
    rig_event(r, &u.s.h, EV_SNAPSHOT, EV_SRC_MARKET, sizeof u);
    rig_act(r, ACT_BUY_YES);
    assert_string_equal(r->decision.check, "scale_unchecked");
}

static void answer_book(struct rig *r, const struct level *no, uint32_t n)
{
    const struct gw_request *q = rig_request(r);
    assert_non_null(q);
    assert_int_equal(q->op, GW_GET_BOOK);
    struct ev_answer a = rig_answer_to(q, GW_OK);
    rig_rows(r, &a, no, n, sizeof *no, GW_ROW_LEVEL);
}

static void an_equal_rest_book_proves_the_scale(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    const struct level no[] = {{8000, 500}, {8200, 500}, {8300, 500}};
    answer_book(&r, no, 3);
    rig_act(&r, ACT_BUY_YES);
    assert_int_equal(r.decision.verdict, VERDICT_SENT);
    rig_finish(&r);
}

static void a_rest_book_on_the_other_scale_halts_the_market(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    const struct level no[] = {{2000, 500}, {1900, 500}, {1700, 500}};
    answer_book(&r, no, 3);
    assert_string_equal(market(&r).halted, "price scale");
    rig_act(&r, ACT_BUY_YES);
    assert_string_equal(r.decision.check, "market_halted");
    rig_finish(&r);
}

/* --- memory --- */

static void nothing_is_allocated_after_a_market_is_known(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 20000; i++) {
        rig_delta(&r, SIDE_YES, 3000 + (i % 9) * PX_CENT, i % 2 == 0 ? QTY_ONE : QTY_ONE / 2, 0);
    }
    for (int i = 0; i < 60; i++) {
        rig_act(&r, ACT_BUY_YES);
        if (r.n_req > 60) {
            r.n_req = 0;
            r.seen = 0;
        }
    }
    size_t after = mallinfo2().uordblks;
    assert_int_equal(after, before);
    assert_true(engine_memory(r.engine) > 10000);
    rig_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_market_is_asked_about_only_when_two_sided),
        cmocka_unit_test(a_delta_that_contradicts_makes_the_book_stale_and_asks_for_it),
        cmocka_unit_test(a_price_off_the_grid_is_a_contradiction),
        cmocka_unit_test(a_book_may_be_crossed_within_one_match_but_not_after_it),
        cmocka_unit_test(a_crossed_snapshot_is_refused_and_asked_for_again),
        cmocka_unit_test(a_lost_link_makes_every_book_stale),
        cmocka_unit_test(a_stale_mark_of_all_reaches_all),
        cmocka_unit_test(the_age_of_a_message_allows_for_a_clock_that_is_wrong),
        cmocka_unit_test(an_old_message_makes_the_market_lag_until_a_fresh_one),
        cmocka_unit_test(a_market_that_is_not_active_or_past_its_close_is_left_alone),
        cmocka_unit_test(impossible_events_are_counted_and_change_nothing),
        cmocka_unit_test(every_decision_is_recorded_hold_too),
        cmocka_unit_test(a_decision_may_carry_only_the_hash_of_what_the_policy_saw),
        cmocka_unit_test(the_account_is_marked_at_its_interval_when_it_changed),
        cmocka_unit_test(changes_of_one_turn_share_a_decision),
        cmocka_unit_test(an_idle_turn_leaves_no_row),
        cmocka_unit_test(an_action_that_is_none_is_hold),
        cmocka_unit_test(the_throttle_is_stamped_when_the_gate_accepts),
        cmocka_unit_test(the_eleventh_error_in_a_row_opens_the_breaker),
        cmocka_unit_test(a_success_ends_the_row_of_errors),
        cmocka_unit_test(trading_off_asks_nothing_and_sends_nothing),
        cmocka_unit_test(order_features_show_what_rests_unless_forced_to_zero),
        cmocka_unit_test(an_equal_rest_book_proves_the_scale),
        cmocka_unit_test(a_rest_book_on_the_other_scale_halts_the_market),
        cmocka_unit_test(nothing_is_allocated_after_a_market_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
