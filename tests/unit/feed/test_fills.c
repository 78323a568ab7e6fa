/* test_fills.c - the private session. */
#include "unit/feed/rig.h"

static struct rig r;

static enum status frame(const char *text)
{
    return fill_listener_frame(r.fl, text, strlen(text), r.now, r.now);
}

static void tick(mono_ns_t after)
{
    r.now += after;
    fill_listener_tick(r.fl, r.now, r.now);
}

static int begin(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    r.n_events = 0;
    r.ord = 0; /* the session counts its own events */
    struct feed_out out = {&r, rig_emit, rig_record, rig_send, rig_reconnect};
    assert_int_equal(fill_listener_create(&c, &out, r.feed, &r.fl), ST_OK);
    fill_listener_open(r.fl, r.now, r.now);
    frame("{\"type\":\"subscribed\",\"id\":1,\"msg\":{\"channel\":\"fill\",\"sid\":1}}");
    frame("{\"type\":\"subscribed\",\"id\":1,\"msg\":{\"channel\":\"user_orders\",\"sid\":2}}");
    frame(
        "{\"type\":\"subscribed\",\"id\":1,\"msg\":{\"channel\":\"market_positions\",\"sid\":3}}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_finish(&r);
    return 0;
}

static const char fill_text[] =
    "{\"type\":\"fill\",\"sid\":1,\"msg\":{\"trade_id\":\"t-1\",\"order_id\":\"o-1\","
    "\"client_order_id\":\"c-1\",\"market_ticker\":\"A\",\"exchange_index\":0,\"is_taker\":true,"
    "\"yes_price_dollars\":\"0.4700\",\"count_fp\":\"5.52\",\"fee_cost\":\"0.010000\","
    "\"outcome_side\":\"no\",\"book_side\":\"ask\",\"side\":\"no\",\"action\":\"buy\","
    "\"purchased_side\":\"no\",\"post_position_fp\":\"-5.52\",\"ts\":1,\"ts_ms\":1781159489957}}\n";

static void three_channels_of_the_tracked_markets(void **state)
{
    (void)state;
    assert_int_equal(r.n_commands, 1);
    assert_non_null(
        strstr(r.commands[0], "\"channels\":[\"fill\",\"user_orders\",\"market_positions\"]"));
    assert_non_null(strstr(r.commands[0], "\"market_tickers\":[\"A\"]"));
    assert_true(r.link);
}

static void reads_are_asked_for_again_when_the_subscription_stands(void **state)
{
    (void)state;
    fill_listener_open(r.fl, r.now, r.now);
    uint32_t before = r.n_events;
    frame("{\"type\":\"subscribed\",\"id\":2,\"msg\":{\"channel\":\"fill\",\"sid\":4}}");
    frame("{\"type\":\"subscribed\",\"id\":2,\"msg\":{\"channel\":\"user_orders\",\"sid\":5}}");
    assert_int_equal(r.n_events, before);
    frame(
        "{\"type\":\"subscribed\",\"id\":2,\"msg\":{\"channel\":\"market_positions\",\"sid\":6}}");
    assert_int_equal(r.n_events, before + 2); /* down and up again: the actor reads */
    const struct rig_event *e = &r.events[r.n_events - 1];
    assert_int_equal(e->type, EV_LINK);
    assert_int_equal(e->code, 1);
    assert_string_equal(e->reason, "subscribed");
}

static void a_fill_becomes_an_event(void **state)
{
    (void)state;
    assert_int_equal(frame(fill_text), ST_OK);
    const struct ev_fill *f = &r.last.fill;
    assert_int_equal(f->h.type, EV_FILL);
    assert_int_equal(f->h.source, EV_SRC_PRIVATE);
    assert_int_equal(f->h.mkt, 0);
    assert_int_equal(f->h.ts_ms, 1781159489957);
    assert_int_equal(f->yes_px, 4700);
    assert_int_equal(f->qty, 552);
    assert_int_equal(f->fee, 10000);
    assert_int_equal(f->outcome, SIDE_NO);
    assert_int_equal(f->is_taker, 1);
    assert_int_equal(f->post_position, -552);
    assert_string_equal(f->trade_id, "t-1");
    assert_string_equal(f->order_id, "o-1");
    assert_string_equal(f->client_id, "c-1");
    assert_string_equal(f->ticker, "A");
}

static void orders_and_positions_become_events_also_of_untracked_markets(void **state)
{
    (void)state;
    assert_int_equal(
        frame(
            "{\"type\":\"user_order\",\"sid\":2,\"msg\":{\"order_id\":\"o-9\",\"user_id\":\"u\","
            "\"ticker\":\"OTHER\",\"exchange_index\":0,\"status\":\"canceled\",\"side\":\"yes\","
            "\"is_yes\":true,\"outcome_side\":\"yes\",\"book_side\":\"bid\",\"yes_price_dollars\":"
            "\"0.0100\",\"fill_count_fp\":\"0.00\",\"remaining_count_fp\":\"0.00\","
            "\"initial_count_fp\":\"1.00\",\"taker_fill_cost_dollars\":\"0.000000\","
            "\"maker_fill_cost_dollars\":\"0.000000\",\"taker_fees_dollars\":\"0.000000\","
            "\"maker_fees_dollars\":\"0.000000\",\"client_order_id\":\"c-9\","
            "\"created_ts_ms\":1781159360866,\"last_updated_ts_ms\":1781159364112,"
            "\"last_update_reason\":\"Decrease\"}}"),
        ST_OK);
    assert_int_equal(r.last.order.h.type, EV_USER_ORDER);
    assert_int_equal(r.last.order.h.mkt, MKT_NONE);
    assert_string_equal(r.last.order.ticker, "OTHER");
    assert_int_equal(r.last.order.status, XORDER_CANCELED);
    assert_int_equal(r.last.order.initial, 100);
    assert_int_equal(r.last.order.updated_ms, 1781159364112);
    assert_string_equal(r.last.order.reason, "Decrease");
    assert_int_equal(
        frame("{\"type\":\"market_position\",\"sid\":3,\"msg\":{\"user_id\":\"u\","
              "\"market_ticker\":\"A\",\"position_fp\":\"100.00\",\"position_cost_dollars\":"
              "\"50.0000\",\"realized_pnl_dollars\":\"-10.0000\",\"fees_paid_dollars\":\"1.0000\","
              "\"position_fee_cost_dollars\":\"0.5000\",\"volume_fp\":\"15.00\"}}"),
        ST_OK);
    assert_int_equal(r.last.position.h.type, EV_POSITION);
    assert_int_equal(r.last.position.h.mkt, 0);
    assert_int_equal(r.last.position.position, 10000);
    assert_int_equal(r.last.position.cost, 50000000);
    assert_int_equal(r.last.position.realized, -10000000);
}

static void refresh_adds_markets_to_all_three(void **state)
{
    (void)state;
    r.ord = 1; /* the market session announces B with its own number */
    assert_int_equal(rig_market(&r, "B"), ST_OK);
    r.ord = 3; /* of the private session again: its three link marks */
    fill_listener_refresh(r.fl, r.now, r.now);
    assert_int_equal(r.n_commands, 4);
    for (uint32_t i = 1; i < 4; i++) {
        assert_non_null(strstr(r.commands[i], "add_markets"));
        assert_non_null(strstr(r.commands[i], "[\"B\"]"));
    }
    assert_non_null(strstr(r.commands[3], "\"sids\":[3]"));
    tick(10 * NS_PER_SEC);
    assert_string_equal(r.reconnect_reason, "add_markets not answered");
}

static void fills_wait_for_room_and_keep_their_order(void **state)
{
    (void)state;
    uint32_t before = r.n_events;
    r.full = true;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(frame(fill_text), ST_OK);
    }
    assert_int_equal(r.n_events, before);
    assert_true(fill_listener_deadline(r.fl) <= r.now + 20 * NS_PER_MS);
    r.full = false;
    tick(20 * NS_PER_MS);
    assert_int_equal(r.n_events, before + 100);
    assert_int_equal(fill_listener_stats(r.fl)->not_taken, 0);
}

static void a_full_backlog_is_counted_and_the_session_begins_anew(void **state)
{
    (void)state;
    r.full = true;
    for (int i = 0; i < 1100 && r.reconnects == 0; i++) {
        frame(fill_text);
    }
    assert_int_equal(r.reconnects, 1);
    assert_int_equal(fill_listener_stats(r.fl)->not_taken, 1);
    assert_int_equal(r.gaps, 1);
    r.full = false;
    tick(NS_PER_SEC);
    assert_false(r.link); /* the actor learns of the cut after the fills that were kept */
    assert_int_equal(rig_count(&r, EV_FILL), 1008);
}

static void a_frame_that_cannot_be_read_shows_as_a_cut(void **state)
{
    (void)state;
    uint32_t before = r.n_events;
    assert_int_equal(frame("{\"type\":\"fill\",\"sid\":1,\"msg\":{\"trade_id\":\"t\"}}"),
                     ST_MALFORMED);
    assert_int_equal(r.n_events, before + 2);
    assert_int_equal(rig_event(&r, 1)->code, 0);
    assert_int_equal(rig_event(&r, 0)->code, 1);
    assert_int_equal(r.raw, 1);
}

static void a_dead_subscription_is_renewed(void **state)
{
    (void)state;
    frame("{\"type\":\"error\",\"sid\":1,\"msg\":{\"code\":25,\"msg\":\"Subscription buffer "
          "overflow\"}}");
    tick(NS_PER_SEC);
    assert_non_null(strstr(rig_command(&r, 0), "\"channels\":[\"fill\"]"));
    frame("{\"type\":\"subscribed\",\"id\":2,\"msg\":{\"channel\":\"fill\",\"sid\":9}}");
    assert_int_equal(fill_listener_stats(r.fl)->overflows, 1);
    assert_true(r.link);
    tick(15 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 0);
}

static void silence_and_missing_answers_reconnect(void **state)
{
    (void)state;
    tick(20 * NS_PER_SEC);
    fill_listener_heartbeat(r.fl, r.now);
    tick(20 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 0);
    tick(20 * NS_PER_SEC);
    assert_string_equal(r.reconnect_reason, "no data");
    fill_listener_close(r.fl, "closed", r.now, r.now);
    fill_listener_open(r.fl, r.now, r.now);
    assert_int_equal(r.n_commands, 2);
    tick(10 * NS_PER_SEC);
    assert_string_equal(r.reconnect_reason, "subscribe not answered");
    assert_int_equal(r.reconnects, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(three_channels_of_the_tracked_markets),
        T(reads_are_asked_for_again_when_the_subscription_stands),
        T(a_fill_becomes_an_event),
        T(orders_and_positions_become_events_also_of_untracked_markets),
        T(refresh_adds_markets_to_all_three),
        T(fills_wait_for_room_and_keep_their_order),
        T(a_full_backlog_is_counted_and_the_session_begins_anew),
        T(a_frame_that_cannot_be_read_shows_as_a_cut),
        T(a_dead_subscription_is_renewed),
        T(silence_and_missing_answers_reconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
