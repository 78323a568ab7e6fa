/* test_feed.c - each rule of the market data session, by script. */
#include "unit/feed/rig.h"

static struct rig r;

static void start(void)
{
    struct feed_config c = rig_config();
    rig_standing(&r, &c);
}

static int end(void **state)
{
    (void)state;
    rig_finish(&r);
    return 0;
}

static void one_subscribe_names_all_markets_and_the_scale(void **state)
{
    (void)state;
    start();
    assert_int_equal(r.n_commands, 1);
    assert_string_equal(r.commands[0],
                        "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":["
                        "\"orderbook_delta\",\"trade\"],\"market_tickers\":[\"A\",\"B\"],"
                        "\"use_yes_price\":false}}");
    assert_int_equal(rig_event(&r, 0)->type, EV_SNAPSHOT);
    assert_int_equal(r.events[0].type, EV_MARKET);
    assert_true(r.link);
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 300);
    assert_int_equal(book_qty(r.books[1], SIDE_NO, 4800), 200);
}

static void without_markets_nothing_is_subscribed_until_one_comes(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    c.trades = false;
    rig_init(&r, &c);
    feed_open(r.feed, r.now, r.now);
    assert_int_equal(r.n_commands, 0);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    assert_true(feed_deadline(r.feed) <= r.now);
    rig_tick(&r, 0);
    assert_int_equal(r.n_commands, 1);
    assert_null(strstr(r.commands[0], "trade"));
}

static void later_markets_are_added_to_each_subscription(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_market(&r, "C"), ST_OK);
    assert_int_equal(rig_market(&r, "D"), ST_OK);
    rig_tick(&r, 0);
    assert_int_equal(r.n_commands, 3);
    assert_non_null(strstr(r.commands[1], "\"sids\":[1]"));
    assert_non_null(strstr(r.commands[1], "add_markets"));
    assert_non_null(strstr(r.commands[1], "[\"C\",\"D\"]"));
    assert_non_null(strstr(r.commands[2], "\"sids\":[2]"));
    /* the ok takes a number of the book's sid */
    rig_frame(&r, "{\"id\":2,\"sid\":1,\"seq\":3,\"type\":\"ok\",\"msg\":{\"market_tickers\":[]}}");
    rig_frame(&r, "{\"id\":3,\"sid\":2,\"seq\":1,\"type\":\"ok\",\"msg\":{\"market_tickers\":[]}}");
    rig_snapshot(&r, 1, 4, "C", RIG_YES, "");
    assert_true(r.good[2] && !r.good[3]);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
    rig_tick(&r, 11 * NS_PER_SEC); /* both were answered: no time-out */
    assert_int_equal(r.reconnects, 0);
}

static void an_echo_comes_behind_all_that_was_sent(void **state)
{
    (void)state;
    start();
    assert_true(feed_echoed(r.feed));
    r.send_blocked = true;
    assert_int_equal(feed_echo(r.feed, r.now, r.now), ST_FULL);
    r.send_blocked = false;
    assert_int_equal(feed_echo(r.feed, r.now, r.now), ST_OK);
    assert_non_null(strstr(rig_command(&r, 0), "add_markets"));
    assert_non_null(strstr(rig_command(&r, 0), "[\"A\"]"));
    rig_frame(&r, "{\"id\":99,\"sid\":2,\"seq\":1,\"type\":\"ok\",\"msg\":{}}");
    assert_false(feed_echoed(r.feed));
    rig_frame(&r, "{\"id\":2,\"sid\":2,\"seq\":2,\"type\":\"ok\",\"msg\":{}}");
    assert_true(feed_echoed(r.feed));
    assert_true(r.good[0] && r.good[1]);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
    /* A refusal is an answer too, and so is the end of the connection. */
    assert_int_equal(feed_echo(r.feed, r.now, r.now), ST_OK);
    rig_frame(&r, "{\"id\":3,\"type\":\"error\",\"msg\":{\"code\":1,\"msg\":\"no\"}}");
    assert_true(feed_echoed(r.feed));
    assert_int_equal(feed_echo(r.feed, r.now, r.now), ST_OK);
    assert_false(feed_echoed(r.feed));
    feed_close(r.feed, "cut", r.now, r.now);
    assert_true(feed_echoed(r.feed));
    assert_int_equal(feed_echo(r.feed, r.now, r.now), ST_CLOSED);
}

static void a_market_is_announced_again_only_when_it_changed(void **state)
{
    (void)state;
    start();
    uint32_t n = rig_count(&r, EV_MARKET);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    assert_int_equal(rig_count(&r, EV_MARKET), n);
    struct ev_market m;
    memset(&m, 0, sizeof m);
    strcpy(m.ticker, "A");
    assert_int_equal(grid_named(&m.grid, "deci_cent"), ST_OK);
    m.status = MARKET_ACTIVE;
    assert_int_equal(feed_add_market(r.feed, &m, r.now, r.now), ST_OK);
    assert_int_equal(rig_count(&r, EV_MARKET), n + 1);
    assert_int_equal(book_grid(r.books[0])->levels, 999);
    for (char t[2] = "C"; t[0] <= 'H'; t[0]++) {
        assert_int_equal(rig_market(&r, t), ST_OK);
    }
    assert_int_equal(rig_market(&r, "I"), ST_LIMIT);
    assert_int_equal(rig_market(&r, ""), ST_INVALID);
    assert_int_equal(feed_find(r.feed, TEXT("B")), 1);
    assert_int_equal(feed_find(r.feed, TEXT("I")), MKT_NONE);
    assert_string_equal(feed_ticker(r.feed, 1), "B");
    assert_null(feed_ticker(r.feed, 99));
}

static void a_lifecycle_message_changes_the_grid(void **state)
{
    (void)state;
    start();
    rig_frame(&r, "{\"type\":\"market_lifecycle_v2\",\"sid\":9,\"seq\":4,\"msg\":{"
                  "\"market_ticker\":\"B\",\"event_type\":\"price_level_structure_updated\","
                  "\"price_level_structure\":\"deci_cent\",\"price_ranges\":[{\"start\":\"0.0000\","
                  "\"end\":\"1.0000\",\"step\":\"0.0010\"}]}}");
    assert_int_equal(book_grid(r.books[1])->levels, 999);
    assert_int_equal(book_qty(r.books[1], SIDE_YES, 4700), 300);
}

static void a_gap_makes_all_books_stale_and_each_good_with_its_own_snapshot(void **state)
{
    (void)state;
    start();
    rig_delta(&r, 1, 5, "A", "yes", "0.4600", "1.00"); /* 3 and 4 are missing */
    assert_false(r.good[0] || r.good[1]);
    assert_int_equal(feed_stats(r.feed)->gaps, 1);
    assert_int_equal(r.gaps, 1);
    assert_string_equal(rig_event(&r, 1)->reason, "sequence gap");
    assert_non_null(strstr(rig_command(&r, 0), "get_snapshot"));
    assert_non_null(strstr(rig_command(&r, 0), "[\"A\",\"B\"]"));
    rig_snapshot(&r, 1, 6, "B", RIG_YES, RIG_NO);
    assert_true(r.good[1] && !r.good[0]);
    rig_snapshot(&r, 1, 7, "A", RIG_YES, RIG_NO);
    assert_true(r.good[0]);
    rig_tick(&r, 6 * NS_PER_SEC);
    assert_int_equal(feed_stats(r.feed)->repairs, 2);
    assert_int_equal(feed_stats(r.feed)->resubscribes, 0);
}

/* A delta that was sent so long before now by the exchange's clock. */
static void sent_before(uint64_t seq, int64_t ms)
{
    rig_frame(
        &r,
        "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":%llu,\"msg\":{\"market_ticker\":\"A\","
        "\"market_id\":\"x\",\"price_dollars\":\"0.4600\",\"delta_fp\":\"1.00\","
        "\"side\":\"yes\"},\"sending_ts_ms\":%lld}",
        (unsigned long long)seq, (long long)(r.now / NS_PER_MS - ms));
}

static int64_t told_clock(uint32_t *ret_n)
{
    int64_t code = INT64_MIN;
    *ret_n = 0;
    for (uint32_t i = 0; i < r.n_events; i++) {
        if (r.events[i].type == EV_CLOCK) {
            code = r.events[i].code;
            (*ret_n)++;
        }
    }
    return code;
}

static void the_difference_of_clocks_is_the_shortest_way_and_is_told_when_it_changes(void **state)
{
    (void)state;
    uint32_t n = 0;
    start();
    uint64_t seq = 3;
    sent_before(seq++, 140);
    assert_int_equal(told_clock(&n), 140);
    sent_before(seq++, 40);
    assert_int_equal(told_clock(&n), 40);
    sent_before(seq++, 3000); /* late messages say nothing about clocks */
    sent_before(seq++, 30);   /* and ten milliseconds are not worth a word */
    assert_int_equal(told_clock(&n), 40);
    assert_int_equal(n, 2);
    sent_before(seq++, -5000); /* our clock was set back, or theirs forward: at once */
    assert_int_equal(told_clock(&n), -5000);
    /* Set forward: the least value of the last half minute to minute is not forgotten at once. */
    sent_before(seq++, 8000);
    assert_int_equal(told_clock(&n), -5000);
    rig_tick(&r, 25 * NS_PER_SEC);
    sent_before(seq++, 8000);
    assert_int_equal(told_clock(&n), -5000);
    for (int i = 0; i < 8; i++) {
        rig_tick(&r, 10 * NS_PER_SEC);
        sent_before(seq++, 8000 + i);
    }
    assert_int_equal(told_clock(&n), 8000);
    sent_before(seq++, INT64_C(1000000000000)); /* no clock is so wrong */
    assert_int_equal(told_clock(&n), 8000);
}

static void a_gap_among_trades_leaves_the_books_alone(void **state)
{
    (void)state;
    start();
    rig_trade(&r, 2, 1, "A");
    rig_trade(&r, 2, 9, "A");
    assert_int_equal(feed_stats(r.feed)->gaps, 1);
    assert_int_equal(feed_stats(r.feed)->trades, 2);
    assert_true(r.good[0] && r.good[1]);
    assert_int_equal(r.last.trade.yes_px, 4700);
    assert_int_equal(r.last.trade.taker, SIDE_NO);
    assert_string_equal(r.last.trade.trade_id, "t-1");
    assert_int_equal(r.n_commands, 1);
}

static void a_duplicate_is_dropped_and_counted(void **state)
{
    (void)state;
    start();
    rig_delta(&r, 1, 3, "A", "yes", "0.4700", "1.00");
    rig_delta(&r, 1, 3, "A", "yes", "0.4700", "1.00");
    rig_delta(&r, 1, 2, "A", "yes", "0.4700", "1.00");
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 400);
    assert_int_equal(feed_stats(r.feed)->duplicates, 2);
    assert_int_equal(feed_stats(r.feed)->deltas, 1);
    assert_true(r.good[0]);
}

static void numbers_begin_again_after_a_reconnect(void **state)
{
    (void)state;
    start();
    feed_close(r.feed, "cut", r.now, r.now);
    assert_false(r.link || r.good[0] || r.good[1]);
    feed_open(r.feed, r.now, r.now);
    assert_int_equal(r.n_commands, 2);
    rig_subscribed(&r, 2, "orderbook_delta", 1);
    rig_subscribed(&r, 2, "trade", 2);
    rig_snapshot(&r, 1, 1, "A", RIG_YES, RIG_NO);
    assert_true(r.link && r.good[0] && !r.good[1]);
    assert_int_equal(r.books[0] != NULL, 1);
    assert_int_equal(feed_stats(r.feed)->duplicates + feed_stats(r.feed)->gaps, 0);
}

static void a_sid_that_is_not_ours_changes_nothing(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_delta(&r, 7, 3, "A", "yes", "0.4700", "1.00"), ST_UNSUPPORTED);
    assert_int_equal(rig_delta(&r, 0, 0, "A", "yes", "0.4700", "1.00"), ST_UNSUPPORTED);
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 300);
    assert_int_equal(feed_stats(r.feed)->unknown, 2);
    assert_int_equal(r.raw, 2);
}

static void data_before_the_answer_to_subscribe_is_taken(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    feed_open(r.feed, r.now, r.now);
    rig_snapshot(&r, 4, 1, "A", RIG_YES, RIG_NO);
    rig_subscribed(&r, 1, "orderbook_delta", 4);
    rig_subscribed(&r, 1, "trade", 5);
    rig_delta(&r, 4, 2, "A", "yes", "0.4700", "1.00");
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 400);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
}

static void after(const char *frame, const char *reason)
{
    start();
    rig_frame(&r, "%s", frame);
    assert_false(r.good[0] || r.good[1]);
    assert_string_equal(rig_event(&r, 0)->reason, reason);
    rig_tick(&r, NS_PER_SEC);
    assert_non_null(strstr(rig_command(&r, 0), "\"cmd\":\"subscribe\""));
    assert_non_null(strstr(rig_command(&r, 0), "[\"orderbook_delta\"]"));
    rig_delta(&r, 1, 4, "A", "yes", "0.4700", "1.00"); /* late, of the dead subscription */
    rig_subscribed(&r, 2, "orderbook_delta", 3);
    rig_snapshot(&r, 3, 1, "A", RIG_YES, RIG_NO);
    rig_snapshot(&r, 3, 2, "B", RIG_YES, RIG_NO);
    assert_true(r.good[0] && r.good[1]);
    assert_int_equal(feed_stats(r.feed)->channel_errors, 1);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
    rig_trade(&r, 2, 1, "A"); /* the trade subscription was not touched */
    assert_int_equal(feed_stats(r.feed)->trades, 1);
}

static void an_overflow_ends_the_subscription_and_it_is_renewed(void **state)
{
    (void)state;
    after("{\"type\":\"error\",\"sid\":1,\"seq\":3,\"msg\":{\"code\":25,\"msg\":\"Subscription "
          "buffer overflow\"}}",
          "subscription buffer overflow");
    assert_int_equal(feed_stats(r.feed)->overflows, 1);
}

static void a_channel_error_ends_the_subscription_and_it_is_renewed(void **state)
{
    (void)state;
    after(
        "{\"type\":\"error\",\"sid\":1,\"seq\":3,\"msg\":{\"code\":10,\"msg\":\"Channel error\"}}",
        "channel error");
}

static void other_errors_are_counted_and_take_their_number(void **state)
{
    (void)state;
    start();
    rig_frame(&r, "{\"type\":\"error\",\"sid\":1,\"seq\":3,\"msg\":{\"code\":18,\"msg\":\"Command "
                  "timeout\"}}");
    rig_delta(&r, 1, 4, "A", "yes", "0.4700", "1.00");
    assert_true(r.good[0] && r.good[1]);
    assert_int_equal(feed_stats(r.feed)->channel_errors, 1);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
}

static void without_the_trade_channel_books_go_on(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    feed_open(r.feed, r.now, r.now);
    rig_subscribed(&r, 1, "orderbook_delta", 1);
    rig_frame(
        &r, "{\"type\":\"error\",\"id\":1,\"msg\":{\"code\":8,\"msg\":\"Unknown channel name\"}}");
    rig_snapshot(&r, 1, 1, "A", RIG_YES, RIG_NO);
    rig_tick(&r, 11 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 0);
    assert_int_equal(r.n_commands, 1);
    assert_true(r.good[0]);
}

static void a_malformed_frame_is_kept_raw_and_its_loss_shows_as_a_gap(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_frame(&r, "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":3,\"msg\":{"),
                     ST_MALFORMED);
    assert_true(r.good[0]);
    assert_int_equal(r.raw, 1);
    assert_int_equal(feed_stats(r.feed)->malformed, 1);
    rig_delta(&r, 1, 4, "A", "yes", "0.4700", "1.00");
    assert_false(r.good[0] || r.good[1]);
    assert_non_null(strstr(rig_command(&r, 0), "get_snapshot"));
}

static void after_a_malformed_frame_one_book_is_asked_for(void **state)
{
    (void)state;
    start();
    rig_frame(&r, "{\"type\":\"err");
    assert_int_equal(r.n_commands, 2);
    assert_non_null(strstr(rig_command(&r, 0), "get_snapshot"));
    assert_non_null(strstr(rig_command(&r, 0), "[\"A\"]"));
    assert_true(r.good[0] && r.good[1]);
    rig_frame(&r, "{\"type\":\"err");
    assert_int_equal(r.n_commands, 2); /* an answer is due already */
    rig_snapshot(&r, 1, 4, "A", RIG_YES, RIG_NO);
    assert_int_equal(feed_stats(r.feed)->gaps, 1); /* 3 was lost: B is asked for, too */
    assert_non_null(strstr(rig_command(&r, 0), "B"));
}

static void a_silent_subscription_is_probed_and_renewed_when_it_is_gone(void **state)
{
    (void)state;
    start();
    r.now += 29 * NS_PER_SEC;
    rig_trade(&r, 2, 1, "A"); /* trades go on */
    rig_tick(&r, NS_PER_SEC);
    assert_non_null(strstr(rig_command(&r, 0), "get_snapshot"));
    assert_true(r.good[0]);
    rig_frame(&r, "{\"type\":\"error\",\"id\":2,\"msg\":{\"code\":7,\"msg\":\"Unknown "
                  "subscription ID\"}}");
    assert_false(r.good[0] || r.good[1]);
    assert_int_equal(feed_stats(r.feed)->resubscribes, 1);
    assert_non_null(strstr(rig_command(&r, 0), "\"subscribe\""));
}

static void an_unknown_type_is_kept_raw_and_takes_its_number(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_frame(&r, "{\"type\":\"new_thing\",\"sid\":1,\"seq\":3,\"msg\":{}}"),
                     ST_UNSUPPORTED);
    rig_delta(&r, 1, 4, "A", "yes", "0.4700", "1.00");
    assert_int_equal(feed_stats(r.feed)->unknown, 1);
    assert_int_equal(r.raw, 1);
    assert_true(r.good[0]);
}

/* The exchange answers what was asked about market A since the last call. */
static void answer_probe(unsigned *seq)
{
    static uint32_t seen;
    seen = seen > r.n_commands ? 0 : seen;
    for (; seen < r.n_commands; seen++) {
        if (strstr(r.commands[seen], "get_snapshot") != NULL &&
            strstr(r.commands[seen], "\"A\"") != NULL) {
            rig_snapshot(&r, 1, (*seq)++, "A", RIG_YES, RIG_NO);
        }
    }
}

static void silence_ends_the_connection_unless_heartbeats_come(void **state)
{
    (void)state;
    unsigned seq = 3;
    start();
    for (int i = 0; i < 6; i++) {
        rig_tick(&r, 20 * NS_PER_SEC);
        answer_probe(&seq);
        feed_heartbeat(r.feed, r.now);
    }
    assert_int_equal(seq, 6); /* silent books are asked for now and then */
    assert_int_equal(r.reconnects, 0);
    mono_ns_t deadline = feed_deadline(r.feed);
    assert_true(deadline > r.now && deadline <= r.now + 30 * NS_PER_SEC);
    rig_tick(&r, 30 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 1);
    assert_string_equal(r.reconnect_reason, "no data");
    assert_false(r.good[0] || r.link);
    feed_close(r.feed, "closed", r.now, r.now); /* the shell says so, too: once is enough */
    assert_string_equal(rig_event(&r, 0)->reason, "no data");
    assert_int_equal(feed_deadline(r.feed), NS_NEVER);
}

static void an_unanswered_subscribe_reconnects(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    feed_open(r.feed, r.now, r.now);
    rig_tick(&r, 9 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 0);
    rig_tick(&r, NS_PER_SEC);
    assert_string_equal(r.reconnect_reason, "subscribe not answered");
}

static void an_unanswered_repair_resubscribes_and_then_reconnects(void **state)
{
    (void)state;
    start();
    rig_delta(&r, 1, 5, "A", "yes", "0.4600", "1.00");
    rig_snapshot(&r, 1, 6, "B", RIG_YES, RIG_NO);
    assert_true(feed_deadline(r.feed) <= r.now + 5 * NS_PER_SEC);
    rig_tick(&r, 5 * NS_PER_SEC);
    assert_int_equal(feed_stats(r.feed)->resubscribes, 1);
    assert_non_null(strstr(rig_command(&r, 1), "unsubscribe"));
    assert_non_null(strstr(rig_command(&r, 0), "\"cmd\":\"subscribe\""));
    assert_false(r.good[1]);
    rig_frame(&r, "{\"id\":3,\"sid\":1,\"seq\":7,\"type\":\"unsubscribed\"}");
    rig_subscribed(&r, 4, "orderbook_delta", 3);
    rig_subscribed(&r, 4, "trade", 4);
    rig_snapshot(&r, 3, 1, "B", RIG_YES, RIG_NO);
    assert_true(r.good[1]);
    assert_int_equal(r.reconnects, 0);
    rig_tick(&r, 5 * NS_PER_SEC);
    assert_int_equal(r.reconnects, 1);
}

static void a_market_that_never_had_a_book_disturbs_nobody(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    assert_int_equal(rig_market(&r, "NOSUCH"), ST_OK);
    feed_open(r.feed, r.now, r.now);
    rig_subscribed(&r, 1, "orderbook_delta", 1);
    rig_subscribed(&r, 1, "trade", 2);
    rig_snapshot(&r, 1, 1, "A", RIG_YES, RIG_NO);
    unsigned seq = 2;
    for (int i = 0; i < 20; i++) {
        feed_heartbeat(r.feed, r.now);
        rig_tick(&r, 5 * NS_PER_SEC);
        answer_probe(&seq);
    }
    assert_int_equal(r.reconnects, 0);
    assert_int_equal(feed_stats(r.feed)->resubscribes, 0);
    assert_int_equal(feed_stats(r.feed)->repairs, 2 + seq - 2); /* tried twice; A's are probes */
    assert_true(r.good[0]);
}

static void a_contradiction_is_repaired_but_not_in_a_storm(void **state)
{
    (void)state;
    start();
    feed_repair(r.feed, 0, r.now, r.now);
    feed_repair(r.feed, 0, r.now, r.now); /* under way */
    assert_int_equal(r.n_commands, 1);    /* asked moments ago, by subscribing */
    rig_tick(&r, 5 * NS_PER_SEC);
    assert_int_equal(r.n_commands, 2);
    assert_non_null(strstr(rig_command(&r, 0), "[\"A\"]"));
    rig_snapshot(&r, 1, 3, "A", RIG_YES, RIG_NO);
    for (int i = 0; i < 100; i++) {
        feed_repair(r.feed, 0, r.now, r.now);
        rig_tick(&r, NS_PER_MS);
    }
    assert_int_equal(r.n_commands, 2);
    rig_tick(&r, 5 * NS_PER_SEC);
    assert_int_equal(r.n_commands, 3);
    assert_int_equal(r.reconnects, 0);
    feed_repair(r.feed, 99, r.now, r.now);
}

static void an_answer_that_repeats_the_last_number_still_repairs(void **state)
{
    (void)state;
    start();
    rig_delta(&r, 1, 5, "A", "yes", "0.4600", "1.00");
    rig_frame(&r, "{\"type\":\"orderbook_snapshot\",\"id\":2,\"sid\":1,\"seq\":5,\"msg\":{"
                  "\"market_ticker\":\"A\",\"market_id\":\"x\"}}");
    assert_true(r.good[0]);
    assert_int_equal(book_levels(r.books[0], SIDE_YES), 0);
}

static void commands_that_the_socket_refuses_are_sent_later(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    rig_init(&r, &c);
    r.send_blocked = true;
    assert_int_equal(rig_market(&r, "A"), ST_OK);
    feed_open(r.feed, r.now, r.now);
    assert_true(feed_deadline(r.feed) > r.now && feed_deadline(r.feed) < r.now + NS_PER_SEC);
    rig_tick(&r, 20 * NS_PER_MS);
    assert_int_equal(r.n_commands, 0);
    r.send_blocked = false;
    rig_tick(&r, 20 * NS_PER_MS);
    assert_int_equal(r.n_commands, 1);
}

static void yes_prices_are_turned_to_the_sides_own_scale(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    c.use_yes_price = true;
    rig_standing(&r,
                 &c); /* NO 0.48 on the YES scale: a NO bid of 0.52 crosses YES 0.47? no: 0.99 */
    assert_non_null(strstr(r.commands[0], "\"use_yes_price\":true"));
    assert_int_equal(book_qty(r.books[0], SIDE_NO, 5200), 200);
    rig_snapshot(&r, 1, 3, "A", RIG_YES,
                 "[\"0.5200\",\"1.00\"],[\"0.5500\",\"2.00\"],[\"0.9000\",\"3.00\"]");
    assert_int_equal(r.last_no, 3);
    assert_int_equal(r.last_levels[1].px, 1000); /* rising on its own scale */
    assert_int_equal(r.last_levels[2].px, 4500);
    assert_int_equal(r.last_levels[3].px, 4800);
    rig_delta(&r, 1, 4, "A", "no", "0.5500", "-2.00");
    assert_int_equal(book_qty(r.books[0], SIDE_NO, 4500), 0);
    rig_delta(&r, 1, 5, "A", "yes", "0.4700", "1.00");
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 400);
}

static void levels_in_any_order_come_out_rising(void **state)
{
    (void)state;
    start();
    rig_snapshot(
        &r, 1, 3, "A",
        "[\"0.2000\",\"1.00\"],[\"0.4000\",\"2.00\"],[\"0.1000\",\"3.00\"],[\"0.3000\",\"4."
        "00\"],[\"0.2500\",\"5.00\"]",
        "[\"0.3000\",\"1.00\"],[\"0.1000\",\"1.00\"]");
    static const px_t want[] = {1000, 2000, 2500, 3000, 4000, 1000, 3000};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(r.last_levels[i].px, want[i]);
    }
    assert_int_equal(r.last_levels[0].qty, 300);
}

static void offline_a_restart_is_told_from_a_duplicate(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    c.repair = false;
    rig_init(&r, &c);
    feed_open(r.feed, r.now, r.now);
    rig_snapshot(&r, 1, 500, "A", RIG_YES, RIG_NO);
    rig_delta(&r, 1, 501, "A", "yes", "0.4700", "1.00");
    rig_snapshot(&r, 1, 500, "A", RIG_YES, RIG_NO); /* the same again: a duplicate */
    rig_delta(&r, 1, 501, "A", "yes", "0.4700", "1.00");
    assert_int_equal(feed_stats(r.feed)->duplicates, 2);
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 4700), 400);
    rig_delta(&r, 1, 503, "A", "yes", "0.4700", "1.00");
    assert_int_equal(feed_stats(r.feed)->gaps, 1);
    assert_int_equal(rig_event(&r, 1)->type, EV_STALE);
    assert_int_equal(rig_event(&r, 1)->mkt, 0);
    rig_trade(&r, 2, 40, "A");
    rig_snapshot(&r, 1, 3, "A", "[\"0.1000\",\"9.00\"]", ""); /* a new connection */
    rig_trade(&r, 2, 2, "A");
    assert_int_equal(feed_stats(r.feed)->duplicates, 2);
    assert_int_equal(book_qty(r.books[0], SIDE_YES, 1000), 900);
    assert_int_equal(r.last.h.conn, 2);
    assert_int_equal(feed_stats(r.feed)->gaps, 1);
    assert_int_equal(r.n_commands, 0);
}

#define T(name) cmocka_unit_test_teardown(name, end)

/* A market KXE-1-A, with the channel of what becomes of markets standing as sid 3. */
static void start_life(void)
{
    struct feed_config c = rig_config();
    c.lifecycle = true;
    c.trades = false;
    rig_init(&r, &c);
    struct ev_market m = {.ticker = "KXE-1-A",
                          .grid = grid_cents(),
                          .status = MARKET_ACTIVE,
                          .fee_mult_micros = 500000,
                          .series_fee_mult_micros = 500000};
    assert_int_equal(feed_add_market(r.feed, &m, r.now, r.now), ST_OK);
    feed_open(r.feed, r.now, r.now);
    assert_null(strstr(rig_command(&r, 0), "lifecycle")); /* books first */
    rig_subscribed(&r, 1, "orderbook_delta", 1);
    rig_tick(&r, 0);
    assert_non_null(strstr(rig_command(&r, 0), "[\"market_lifecycle_v2\"]"));
    assert_null(strstr(rig_command(&r, 0), "market_tickers"));
}

static void life(unsigned seq, const char *rest)
{
    rig_frame(&r,
              "{\"type\":\"market_lifecycle_v2\",\"sid\":3,\"seq\":%u,\"msg\":"
              "{\"market_ticker\":\"KXE-1-A\",%s}}",
              seq, rest);
}

static void a_result_and_its_payment_come_with_the_market(void **state)
{
    (void)state;
    start_life();
    rig_subscribed(&r, 2, "market_lifecycle_v2", 3);
    life(1, "\"event_type\":\"determined\",\"result\":\"scalar\","
            "\"settlement_value\":\"0.4373\"");
    assert_int_equal(r.last.h.type, EV_MARKET);
    assert_int_equal(r.last.market.status, MARKET_DETERMINED);
    assert_int_equal(r.last.market.result, RESULT_SCALAR);
    assert_int_equal(r.last.market.settle_px, 4373);
    life(2, "\"event_type\":\"determined\",\"result\":\"no\"");
    assert_int_equal(r.last.market.result, RESULT_NO);
    assert_int_equal(r.last.market.settle_px, 0);
    life(3, "\"event_type\":\"settled\",\"settled_ts\":1");
    assert_int_equal(r.last.market.status, MARKET_FINALIZED);
    assert_int_equal(r.last.market.result, RESULT_NO);
    /* A list that was read before cannot undo it. */
    uint32_t n = rig_count(&r, EV_MARKET);
    struct ev_market old = r.last.market;
    old.status = MARKET_ACTIVE;
    old.result = RESULT_NONE;
    assert_int_equal(feed_add_market(r.feed, &old, r.now, r.now), ST_OK);
    assert_int_equal(rig_count(&r, EV_MARKET), n);
}

static void an_override_of_an_events_fees_comes_with_its_markets_and_ends(void **state)
{
    (void)state;
    start_life();
    rig_subscribed(&r, 2, "market_lifecycle_v2", 3);
    rig_frame(&r, "{\"type\":\"event_fee_update\",\"sid\":3,\"seq\":1,\"msg\":{\"event_ticker\":"
                  "\"KXE-1\",\"fee_type_override\":\"quadratic_with_maker_fees\","
                  "\"fee_multiplier_override\":2}}");
    assert_int_equal(r.last.market.fee_type, FEE_QUADRATIC_MAKER);
    assert_int_equal(r.last.market.fee_mult_micros, 2000000);
    uint32_t n = rig_count(&r, EV_MARKET);
    rig_frame(&r, "{\"type\":\"event_fee_update\",\"sid\":3,\"seq\":2,\"msg\":{\"event_ticker\":"
                  "\"KXE-1-\",\"fee_type_override\":\"quadratic\"}}"); /* another event */
    assert_int_equal(rig_count(&r, EV_MARKET), n);
    rig_frame(&r, "{\"type\":\"event_fee_update\",\"sid\":3,\"seq\":3,\"msg\":{\"event_ticker\":"
                  "\"KXE-1\",\"fee_type_override\":null,\"fee_multiplier_override\":null}}");
    assert_int_equal(r.last.market.fee_type, FEE_QUADRATIC);
    assert_int_equal(r.last.market.fee_mult_micros, 500000);
}

static void the_lifecycle_channel_may_be_refused_or_end(void **state)
{
    (void)state;
    start_life();
    uint32_t n = r.n_commands;
    rig_frame(&r, "{\"type\":\"error\",\"id\":2,\"msg\":{\"code\":8,\"msg\":\"Unknown channel\"}}");
    rig_tick(&r, 20 * NS_PER_SEC);
    for (uint32_t i = n; i < r.n_commands; i++) {
        assert_null(strstr(r.commands[i], "lifecycle")); /* not again on this connection */
    }
    rig_finish(&r);
    start_life();
    rig_subscribed(&r, 2, "market_lifecycle_v2", 3);
    n = r.n_commands;
    rig_frame(&r, "{\"type\":\"unsubscribed\",\"sid\":3}");
    rig_tick(&r, NS_PER_SEC);
    assert_true(r.n_commands > n);
    assert_non_null(strstr(rig_command(&r, 0), "lifecycle"));
    assert_int_equal(r.reconnects, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_subscribe_names_all_markets_and_the_scale),
        T(without_markets_nothing_is_subscribed_until_one_comes),
        T(later_markets_are_added_to_each_subscription),
        T(an_echo_comes_behind_all_that_was_sent),
        T(a_market_is_announced_again_only_when_it_changed),
        T(a_lifecycle_message_changes_the_grid),
        T(a_gap_makes_all_books_stale_and_each_good_with_its_own_snapshot),
        T(the_difference_of_clocks_is_the_shortest_way_and_is_told_when_it_changes),
        T(a_gap_among_trades_leaves_the_books_alone),
        T(a_duplicate_is_dropped_and_counted),
        T(numbers_begin_again_after_a_reconnect),
        T(a_sid_that_is_not_ours_changes_nothing),
        T(data_before_the_answer_to_subscribe_is_taken),
        T(an_overflow_ends_the_subscription_and_it_is_renewed),
        T(a_channel_error_ends_the_subscription_and_it_is_renewed),
        T(other_errors_are_counted_and_take_their_number),
        T(without_the_trade_channel_books_go_on),
        T(a_malformed_frame_is_kept_raw_and_its_loss_shows_as_a_gap),
        T(after_a_malformed_frame_one_book_is_asked_for),
        T(a_silent_subscription_is_probed_and_renewed_when_it_is_gone),
        T(an_unknown_type_is_kept_raw_and_takes_its_number),
        T(silence_ends_the_connection_unless_heartbeats_come),
        T(an_unanswered_subscribe_reconnects),
        T(an_unanswered_repair_resubscribes_and_then_reconnects),
        T(a_market_that_never_had_a_book_disturbs_nobody),
        T(a_contradiction_is_repaired_but_not_in_a_storm),
        T(an_answer_that_repeats_the_last_number_still_repairs),
        T(commands_that_the_socket_refuses_are_sent_later),
        T(yes_prices_are_turned_to_the_sides_own_scale),
        T(levels_in_any_order_come_out_rising),
        T(offline_a_restart_is_told_from_a_duplicate),
        T(a_result_and_its_payment_come_with_the_market),
        T(an_override_of_an_events_fees_comes_with_its_markets_and_ends),
        T(the_lifecycle_channel_may_be_refused_or_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
