#include "sim_fixture.h"

static struct fix flow_make(uint64_t seed, uint32_t markets, double rate, mono_ns_t duration)
{
    struct sim_config c = sim_config_default();
    c.seed = seed;
    c.markets = markets;
    c.rate = rate;
    c.duration_ns = duration;
    return fix_make(c);
}

static void subscribe(struct fix *f, struct peer *p)
{
    char text[2048];
    int n =
        snprintf(text, sizeof text,
                 "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
                 "\"trade\",\"market_lifecycle_v2\"],\"market_tickers\":[");
    for (size_t i = 0; sim_market(f->sim, i) != NULL; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\"%s\"", i > 0 ? "," : "",
                      sim_market(f->sim, i));
    }
    snprintf(text + n, sizeof text - (size_t)n, "]}}");
    fix_frame(f, p, text);
}

/* A book kept from frames by the simplest means: 1e-4 dollar prices as indices. */
struct book {
    qty_t q[2][10001];
};

static void parse_px(const char *s, px_t *p)
{
    assert_int_equal(px_parse(s, strlen(s), p), ST_OK);
}

static void parse_qty(const char *s, qty_t *q)
{
    assert_int_equal(qty_parse(s, strlen(s), q), ST_OK);
}

static void book_snapshot(struct book *b, json_t *msg)
{
    memset(b, 0, sizeof *b);
    for (int s = 0; s < 2; s++) {
        json_t *lv = json_object_get(msg, s == 0 ? "yes_dollars_fp" : "no_dollars_fp");
        for (size_t i = 0; i < json_array_size(lv); i++) {
            px_t px = 0;
            parse_px(json_string_value(json_array_get(json_array_get(lv, i), 0)), &px);
            parse_qty(json_string_value(json_array_get(json_array_get(lv, i), 1)), &b->q[s][px]);
        }
    }
}

static void book_delta(struct book *b, json_t *msg)
{
    px_t px = 0;
    qty_t d = 0;
    int s = strcmp(fix_text(msg, "side"), "yes") != 0;
    parse_px(fix_text(msg, "price_dollars"), &px);
    parse_qty(fix_text(msg, "delta_fp"), &d);
    b->q[s][px] += d;
    assert_true(b->q[s][px] >= 0);
}

static px_t book_best(const struct book *b, int s)
{
    px_t px = 10000;
    while (px > 0 && b->q[s][px] == 0) {
        px--;
    }
    return px;
}

static size_t market_of(const struct fix *f, const char *ticker)
{
    size_t i = 0;
    while (strcmp(sim_market(f->sim, i), ticker) != 0) {
        i++;
    }
    return i;
}

static void served_books_stay_sound_two_sided_and_close_empty(void **state)
{
    (void)state;
    enum { MARKETS = 8 };
    struct fix f = flow_make(7, MARKETS, 2000, 30 * NS_PER_SEC);
    struct peer *p = fix_connect(&f, KEY_A);
    struct book *books = calloc(MARKETS, sizeof *books);
    subscribe(&f, p);
    size_t deltas = 0;
    size_t trades = 0;
    size_t two_sided = 0;
    size_t settled = 0;
    while (!sim_finished(f.sim)) {
        fix_advance(&f, 10 * NS_PER_MS);
        for (size_t i = 0; i < json_array_size(p->frames); i++) {
            json_t *j = json_array_get(p->frames, i);
            const char *type = fix_text(j, "type");
            json_t *msg = json_object_get(j, "msg");
            if (strcmp(type, "trade") == 0) {
                trades++;
            } else if (strcmp(type, "market_lifecycle_v2") == 0) {
                settled += strcmp(fix_text(msg, "event_type"), "settled") == 0;
            }
            bool snapshot = strcmp(type, "orderbook_snapshot") == 0;
            if (!snapshot && strcmp(type, "orderbook_delta") != 0) {
                continue;
            }
            struct book *b = &books[market_of(&f, fix_text(msg, "market_ticker"))];
            if (snapshot) {
                book_snapshot(b, msg);
            } else {
                book_delta(b, msg);
                px_t yes = book_best(b, 0);
                px_t no = book_best(b, 1);
                assert_true(yes + no < PX_ONE);
                two_sided += yes > 0 && no > 0;
                deltas++;
            }
        }
        json_array_clear(p->frames);
    }
    print_message("%zu deltas, %zu trades, %zu two-sided\n", deltas, trades, two_sided);
    assert_true(deltas + trades > 30 * 2000 / 2 && deltas + trades < 30 * 2000 * 2);
    assert_true(trades > deltas / 100 && trades < deltas);
    assert_true(two_sided > deltas * 9 / 10);
    assert_int_equal(settled, MARKETS);
    for (int m = 0; m < MARKETS; m++) {
        assert_int_equal(book_best(&books[m], 0) + book_best(&books[m], 1), 0);
    }
    json_t *d = fix_dump(&f);
    for (size_t m = 0; m < MARKETS; m++) {
        assert_string_equal(fix_text(json_array_get(json_object_get(d, "markets"), m), "status"),
                            "finalized");
    }
    json_decref(d);
    free(books);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static json_t *frames_of(uint64_t seed)
{
    struct fix f = flow_make(seed, 4, 1000, 5 * NS_PER_SEC);
    struct peer *p = fix_connect(&f, KEY_A);
    subscribe(&f, p);
    for (int i = 0; i < 400; i++) {
        fix_advance(&f, 20 * NS_PER_MS);
    }
    assert_true(sim_finished(f.sim));
    json_t *frames = json_incref(p->frames);
    fix_disconnect(&f, p);
    fix_end(&f);
    return frames;
}

static void the_same_seed_gives_the_same_frames(void **state)
{
    (void)state;
    json_t *a = frames_of(3);
    json_t *b = frames_of(3);
    json_t *c = frames_of(4);
    assert_true(json_array_size(a) > 1000);
    assert_true(json_equal(a, b));
    assert_false(json_equal(a, c));
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

/* A user trades all the time; the books stay sound and the money stays the same. */
static void users_trade_in_generated_markets_and_money_is_conserved(void **state)
{
    (void)state;
    struct fix f = flow_make(11, 3, 500, 20 * NS_PER_SEC);
    uint32_t filled = 0;
    for (int i = 0; !sim_finished(f.sim); i++) {
        char body[512];
        fix_advance(&f, 100 * NS_PER_MS);
        snprintf(body, sizeof body,
                 "{\"ticker\":\"%s\",\"side\":\"%s\",\"count\":\"1.37\",\"price\":\"0.%02d00\","
                 "\"time_in_force\":\"%s\",\"self_trade_prevention_type\":\"maker\"}",
                 sim_market(f.sim, (size_t)i % 3), i % 2 ? "bid" : "ask", 30 + i * 7 % 40,
                 i % 5 ? "good_till_canceled" : "immediate_or_cancel");
        int status =
            fix_request(&f, i % 3 ? KEY_A : KEY_B, "POST", "/portfolio/events/orders", body);
        assert_true(status == 201 || status == 400 || status == 429);
        filled += status == 201 && strcmp(fix_text(f.body, "fill_count"), "0.00") != 0;
        if (i % 20 == 0) {
            (void)fix_request(&f, KEY_A, "DELETE", "/portfolio/events/orders", NULL);
        }
    }
    assert_true(filled > 10);
    json_t *d = fix_dump(&f);
    static const char *const parts[] = {"cash", "anonymous_cash", "collateral", "fees"};
    usd_t sum = 0;
    for (size_t i = 0; i < 4; i++) {
        usd_t v = 0;
        const char *s = fix_text(json_object_get(d, "money"), parts[i]);
        assert_int_equal(usd_parse(s, strlen(s), &v), ST_OK);
        sum += v;
    }
    assert_int_equal(sum, 2 * 1000 * USD_ONE);
    assert_string_equal(fix_text(d, "money/collateral"), "0.000000");
    json_decref(d);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/settlements", NULL), 200);
    assert_true(json_array_size(json_object_get(f.body, "settlements")) > 0);
    fix_end(&f);
}

static void bad_configurations_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct fix f;
    struct err err = {0};
    struct sim_config c = sim_config_default();
    c.markets = 100001;
    assert_int_equal(fix_try(&f, c, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "markets"));
    c = sim_config_default();
    c.rate = 0;
    assert_int_equal(fix_try(&f, c, &err), ST_INVALID);
    c = sim_config_default();
    c.fee_type = "flat";
    assert_int_equal(fix_try(&f, c, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.text, "flat"));
}

/* --- the population --- */

static px_t mid_of(struct fix *f, size_t market)
{
    px_t bid = 0;
    px_t ask = PX_ONE;
    char path[128];
    snprintf(path, sizeof path, "/markets/%s", sim_market(f->sim, market));
    assert_int_equal(fix_request(f, NULL, "GET", path, NULL), 200);
    parse_px(fix_text(f->body, "market/yes_bid_dollars"), &bid);
    parse_px(fix_text(f->body, "market/yes_ask_dollars"), &ask);
    return (bid + ask) / 2;
}

static void markets_end_where_their_price_went(void **state)
{
    (void)state;
    enum { MARKETS = 200 };
    struct fix f = flow_make(5, MARKETS, 4000, 60 * NS_PER_SEC);
    px_t first[MARKETS];
    px_t last[MARKETS];
    for (size_t m = 0; m < MARKETS; m++) {
        first[m] = mid_of(&f, m);
    }
    for (int i = 0; i < 598; i++) {
        fix_advance(&f, NS_PER_SEC / 10);
    }
    for (size_t m = 0; m < MARKETS; m++) {
        last[m] = mid_of(&f, m);
    }
    while (!sim_finished(f.sim)) {
        fix_advance(&f, NS_PER_SEC / 10);
    }
    size_t yes = 0;
    size_t sure = 0;
    size_t right = 0;
    int64_t expected = 0;
    for (size_t m = 0; m < MARKETS; m++) {
        char path[128];
        snprintf(path, sizeof path, "/markets/%s", sim_market(f.sim, m));
        assert_int_equal(fix_request(&f, NULL, "GET", path, NULL), 200);
        bool is_yes = strcmp(fix_text(f.body, "market/result"), "yes") == 0;
        assert_true(is_yes || strcmp(fix_text(f.body, "market/result"), "no") == 0);
        yes += is_yes;
        expected += first[m];
        if (last[m] >= 9000 || last[m] <= 1000) {
            sure++;
            right += is_yes == (last[m] >= 9000);
        }
    }
    print_message("%zu of %d YES, expected %.1f; %zu sure, %zu of them right\n", yes, (int)MARKETS,
                  (double)expected / (double)PX_ONE, sure, right);
    assert_true(sure > MARKETS / 2 && right * 100 >= sure * 92);
    /* The first price is fair: three deviations of a coin tossed 200 times are 21. */
    assert_true(llabs((int64_t)yes * PX_ONE - expected) < 22 * PX_ONE);
    fix_end(&f);
}

static size_t rows(struct fix *f, const char *path, const char *key)
{
    assert_int_equal(fix_request(f, KEY_A, "GET", path, NULL), 200);
    return json_array_size(json_object_get(f->body, key));
}

static void the_agents_are_nowhere_to_be_seen(void **state)
{
    (void)state;
    struct fix f = flow_make(9, 4, 1000, 8 * NS_PER_SEC);
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"fill\",\"user_orders\","
              "\"market_positions\"]}}");
    subscribe(&f, p);
    while (!sim_finished(f.sim)) {
        fix_advance(&f, 20 * NS_PER_MS);
    }
    size_t deltas = 0;
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *j = json_array_get(p->frames, i);
        const char *type = fix_text(j, "type");
        assert_true(strcmp(type, "fill") != 0 && strcmp(type, "user_order") != 0 &&
                    strcmp(type, "market_position") != 0);
        assert_null(fix_get(j, "msg/client_order_id"));
        assert_null(fix_get(j, "msg/subaccount"));
        deltas += strcmp(type, "orderbook_delta") == 0;
    }
    assert_true(deltas > 1000);
    assert_int_equal(rows(&f, "/portfolio/orders", "orders"), 0);
    assert_int_equal(rows(&f, "/portfolio/fills", "fills"), 0);
    assert_int_equal(rows(&f, "/portfolio/positions", "market_positions"), 0);
    assert_int_equal(rows(&f, "/portfolio/settlements", "settlements"), 0);
    json_t *d = fix_dump(&f);
    assert_int_equal(json_array_size(json_object_get(d, "accounts")), 2); /* the users */
    assert_int_equal(json_array_size(json_object_get(d, "orders")), 0);
    assert_string_equal(fix_text(d, "money/cash"), "2000.000000");
    json_decref(d);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void messages_are_as_old_as_the_feed_and_never_of_the_future(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.markets = 4;
    c.rate = 1000;
    c.duration_ns = 0;
    c.flow_lag_ns = 12 * NS_PER_MS;
    c.flow_stalls = true;
    struct fix f = fix_make(c);
    struct peer *p = fix_connect(&f, KEY_A);
    subscribe(&f, p);
    mono_ns_t end = f.now + 60 * NS_PER_SEC;
    size_t young = 0;
    size_t old = 0;
    size_t stalled = 0;
    size_t ticks = 0;
    int64_t before = 0;
    while (f.now < end) {
        mono_ns_t next = sim_deadline(f.sim);
        fix_advance(&f, next > f.now ? next - f.now : 0);
        ticks++;
        for (size_t i = 0; i < json_array_size(p->frames); i++) {
            json_t *j = json_array_get(p->frames, i);
            if (strcmp(fix_text(j, "type"), "orderbook_delta") == 0) {
                int64_t ts = json_integer_value(fix_get(j, "msg/ts_ms"));
                int64_t age = f.wall / NS_PER_MS - ts;
                assert_true(age >= 0 && age < 3000 && ts >= before);
                before = ts;
                young += age <= 12;
                old += age > 12 && age <= 21;
                stalled += age > 100;
            }
        }
        json_array_clear(p->frames);
    }
    size_t all = young + old + stalled;
    print_message("%zu to 12 ms, %zu older, %zu stalled; %zu ticks\n", young, old, stalled, ticks);
    assert_true(young > all / 4 && old > all / 8 && stalled > 0 && stalled < all / 3);
    assert_true(ticks < 3 * all); /* the deadline is no busy loop */
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void act(struct fix *f, const char *text)
{
    json_t *action = json_loads(text, 0, NULL);
    struct buf reply = {.max = 65536};
    struct err err = {0};
    if (sim_command(f->sim, action, f->wall, f->now, &reply, &err) != ST_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    json_decref(action);
    buf_finish(&reply);
}

static int64_t messages_of(struct fix *f)
{
    json_t *d = fix_dump(f);
    int64_t n = json_integer_value(fix_get(d, "counters/source_messages"));
    json_decref(d);
    return n;
}

static void pass(struct fix *f, int tenths)
{
    for (int i = 0; i < tenths; i++) {
        fix_advance(f, 100 * NS_PER_MS);
    }
}

static void a_market_whose_close_is_moved_goes_on_and_settles_later(void **state)
{
    (void)state;
    struct fix f = flow_make(3, 1, 500, 4 * NS_PER_SEC);
    char text[256];
    pass(&f, 50); /* closed, not yet settled */
    assert_false(sim_finished(f.sim));
    int64_t before = messages_of(&f);
    snprintf(text, sizeof text, "{\"do\":\"move_close\",\"market\":\"%s\",\"close_in\":\"5s\"}",
             sim_market(f.sim, 0));
    act(&f, text);
    pass(&f, 40);
    assert_true(messages_of(&f) > before + 100);
    assert_false(sim_finished(f.sim));
    pass(&f, 40);
    assert_true(sim_finished(f.sim));
    json_t *d = fix_dump(&f);
    assert_string_equal(fix_text(d, "markets/0/status"), "finalized");
    json_decref(d);
    fix_end(&f);
}

static void agents_join_markets_that_are_listed_later(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.markets = 2;
    c.rate = 400;
    c.duration_ns = 0;
    c.flow_joins = true;
    struct fix f = fix_make(c);
    fix_advance(&f, NS_PER_SEC);
    act(&f, "{\"do\":\"create_market\",\"market\":\"KXNEW-27JAN01-A\"}");
    pass(&f, 50);
    px_t mid = mid_of(&f, 2);
    assert_string_equal(sim_market(f.sim, 2), "KXNEW-27JAN01-A");
    assert_true(mid > 500 && mid < 9500);
    assert_string_not_equal(fix_text(f.body, "market/yes_bid_dollars"), "0.0000");
    assert_string_not_equal(fix_text(f.body, "market/yes_ask_dollars"), "1.0000");
    fix_end(&f);
}

static void a_flow_that_is_stopped_leaves_its_books_and_orders_go_on(void **state)
{
    (void)state;
    struct fix f = flow_make(6, 2, 800, 0);
    pass(&f, 20);
    int64_t told = messages_of(&f);
    assert_true(told > 100);
    act(&f, "{\"do\":\"stop_flow\"}");
    px_t mid = mid_of(&f, 0);
    pass(&f, 50);
    assert_int_equal(messages_of(&f), told);
    assert_int_equal(mid_of(&f, 0), mid);
    assert_true(mid > 0 && mid < PX_ONE);
    assert_true(sim_finished(f.sim));
    char body[256];
    snprintf(body, sizeof body,
             "{\"ticker\":\"%s\",\"side\":\"bid\",\"count\":\"1.00\",\"price\":\"0.9900\","
             "\"time_in_force\":\"immediate_or_cancel\",\"self_trade_prevention_type\":\"maker\"}",
             sim_market(f.sim, 0));
    assert_int_equal(fix_request(&f, KEY_A, "POST", "/portfolio/events/orders", body), 201);
    assert_string_equal(fix_text(f.body, "fill_count"), "1.00");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_that_is_stopped_leaves_its_books_and_orders_go_on),
        cmocka_unit_test(served_books_stay_sound_two_sided_and_close_empty),
        cmocka_unit_test(the_same_seed_gives_the_same_frames),
        cmocka_unit_test(users_trade_in_generated_markets_and_money_is_conserved),
        cmocka_unit_test(bad_configurations_are_refused_with_a_reason),
        cmocka_unit_test(markets_end_where_their_price_went),
        cmocka_unit_test(the_agents_are_nowhere_to_be_seen),
        cmocka_unit_test(messages_are_as_old_as_the_feed_and_never_of_the_future),
        cmocka_unit_test(a_market_whose_close_is_moved_goes_on_and_settles_later),
        cmocka_unit_test(agents_join_markets_that_are_listed_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
