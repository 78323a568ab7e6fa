#include "sim_fixture.h"

static const char *cmd(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *cmd(const char *format, ...)
{
    static char text[2048];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return text;
}

static void expect_error(const struct peer *p, int64_t id, int code)
{
    json_t *last = fix_nth(p, -1);
    assert_string_equal(fix_text(last, "type"), "error");
    assert_int_equal(json_integer_value(fix_get(last, "msg/code")), code);
    assert_int_equal(json_integer_value(fix_get(last, "id")), id);
}

static int64_t number(const struct peer *p, int i, const char *path)
{
    return json_integer_value(fix_get(fix_nth(p, i), path));
}

static const char *text(const struct peer *p, int i, const char *path)
{
    return fix_text(fix_nth(p, i), path);
}

static int place(struct fix *f, const char *key, const char *client, const char *side,
                 const char *price, const char *tif)
{
    f->now += NS_PER_SEC;
    f->wall += NS_PER_SEC;
    return fix_request(f, key, "POST", "/portfolio/events/orders",
                       cmd("{\"ticker\":\"%s\",\"client_order_id\":\"%s\",\"side\":\"%s\","
                           "\"count\":\"2.00\",\"price\":\"%s\",\"time_in_force\":\"%s\","
                           "\"self_trade_prevention_type\":\"taker_at_cross\"}",
                           sim_market(f->sim, 0), client, side, price, tif));
}

static void every_wrong_command_has_its_code(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    static const struct {
        const char *text;
        int64_t id;
        int code;
    } rows[] = {
        {"{\"id\":", 0, 1},
        {"[1]", 0, 1},
        {"{\"id\":\"x\",\"cmd\":\"subscribe\"}", 0, 1},
        {"{\"id\":2,\"cmd\":\"subscribe\"}", 2, 2},
        {"{\"id\":3,\"cmd\":\"subscribe\",\"params\":{}}", 3, 3},
        {"{\"id\":4,\"cmd\":\"unsubscribe\",\"params\":{}}", 4, 4},
        {"{\"id\":5,\"cmd\":\"dance\",\"params\":{}}", 5, 5},
        {"{\"id\":7,\"cmd\":\"unsubscribe\",\"params\":{\"sids\":[9]}}", 7, 7},
        {"{\"id\":8,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"no\"]}}", 8, 8},
        {"{\"id\":11,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"trade\"],"
         "\"market_tickers\":[1]}}",
         11, 11},
        {"{\"id\":12,\"cmd\":\"update_subscription\",\"params\":{\"sids\":[1,2]}}", 12, 12},
        {"{\"id\":14,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"]}}", 14,
         14},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fix_frame(&f, p, rows[i].text);
        expect_error(p, rows[i].id, rows[i].code);
    }
    fix_frame(&f, p, "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"trade\"]}}");
    fix_frame(&f, p, "{\"id\":15,\"cmd\":\"update_subscription\",\"params\":{\"sid\":1}}");
    expect_error(p, 15, 15);
    fix_frame(&f, p,
              "{\"id\":13,\"cmd\":\"update_subscription\",\"params\":{\"sid\":1,\"action\":"
              "\"get_snapshot\",\"market_tickers\":[\"X\"]}}");
    expect_error(p, 13, 13);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void seq_counts_per_sid_and_replies_take_a_number(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    const char *a = sim_market(f.sim, 0);
    const char *b = sim_market(f.sim, 1);
    fix_frame(&f, p,
              cmd("{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
                  "\"bad\",\"trade\"],\"market_tickers\":[\"%s\",\"GHOST-1\"]}}",
                  a));
    assert_int_equal(json_array_size(p->frames), 5);
    assert_string_equal(text(p, 0, "type"), "subscribed");
    assert_int_equal(number(p, 0, "msg/sid"), 1);
    assert_null(fix_get(fix_nth(p, 0), "seq"));
    assert_string_equal(text(p, 1, "msg/market_ticker"), a);
    assert_int_equal(number(p, 1, "seq"), 1);
    assert_string_equal(text(p, 2, "msg/market_ticker"), "GHOST-1"); /* a snapshot without levels */
    assert_null(fix_get(fix_nth(p, 2), "msg/yes_dollars_fp"));
    assert_int_equal(number(p, 2, "seq"), 2);
    assert_int_equal(number(p, 3, "msg/code"), 8); /* the good channels stay */
    assert_int_equal(number(p, 4, "msg/sid"), 2);
    assert_true(number(p, 4, "sending_ts_ms") == f.wall / NS_PER_MS);

    fix_frame(&f, p,
              cmd("{\"id\":2,\"cmd\":\"update_subscription\",\"params\":{\"sids\":[1],\"action\":"
                  "\"add_markets\",\"market_tickers\":[\"%s\"]}}",
                  b));
    assert_string_equal(text(p, 5, "type"), "ok");
    assert_int_equal(number(p, 5, "seq"), 3);
    assert_int_equal(json_array_size(fix_get(fix_nth(p, 5), "msg/market_tickers")), 3);
    assert_string_equal(text(p, 6, "msg/market_ticker"), b);
    assert_int_equal(number(p, 6, "seq"), 4);

    fix_frame(&f, p,
              cmd("{\"id\":3,\"cmd\":\"update_subscription\",\"params\":{\"sid\":1,\"action\":"
                  "\"get_snapshot\",\"market_ticker\":\"%s\"}}",
                  a));
    assert_int_equal(number(p, 7, "id"), 3);
    assert_int_equal(number(p, 7, "seq"), 5);
    assert_true(json_equal(fix_get(fix_nth(p, 7), "msg"), fix_get(fix_nth(p, 1), "msg")));

    /* Again: the same sid, and a snapshot for new markets only. */
    fix_frame(&f, p,
              cmd("{\"id\":4,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
                  "\"market_tickers\":[\"%s\",\"%s\"]}}",
                  a, sim_market(f.sim, 2)));
    assert_int_equal(json_array_size(p->frames), 10);
    assert_int_equal(number(p, 8, "msg/sid"), 1);
    assert_string_equal(text(p, 9, "msg/market_ticker"), sim_market(f.sim, 2));

    fix_frame(&f, p, "{\"id\":5,\"cmd\":\"list_subscriptions\"}");
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg")), 2);
    fix_frame(&f, p, "{\"id\":6,\"cmd\":\"unsubscribe\",\"params\":{\"sids\":[1]}}");
    assert_string_equal(text(p, -1, "type"), "unsubscribed");
    assert_int_equal(number(p, -1, "seq"), 7);
    size_t n = json_array_size(p->frames);
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "0.0100", "good_till_canceled"), 201);
    assert_int_equal(json_array_size(p->frames), n);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void subscribe_book(struct fix *f, struct peer *p, bool yes_price)
{
    fix_frame(f, p,
              cmd("{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":"
                  "[\"orderbook_delta\"],\"market_ticker\":\"%s\",\"use_yes_price\":%s}}",
                  sim_market(f->sim, 0), yes_price ? "true" : "false"));
}

static void both_price_scales_show_the_same_book(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *own = fix_connect(&f, KEY_A);
    struct peer *yes = fix_connect(&f, KEY_A);
    subscribe_book(&f, own, false);
    subscribe_book(&f, yes, true);
    json_t *a = fix_get(fix_nth(own, 1), "msg/no_dollars_fp");
    json_t *b = fix_get(fix_nth(yes, 1), "msg/no_dollars_fp");
    size_t n = json_array_size(a);
    assert_true(n > 0 && n == json_array_size(b));
    for (size_t i = 0; i < n; i++) {
        px_t p = 0;
        px_t q = 0;
        const char *s = json_string_value(json_array_get(json_array_get(a, i), 0));
        const char *t = json_string_value(json_array_get(json_array_get(b, n - 1 - i), 0));
        assert_int_equal(px_parse(s, strlen(s), &p), ST_OK);
        assert_int_equal(px_parse(t, strlen(t), &q), ST_OK);
        assert_int_equal(p + q, PX_ONE);
    }
    assert_int_equal(place(&f, KEY_B, "c1", "ask", "0.9900", "good_till_canceled"), 201);
    assert_string_equal(text(own, -1, "msg/price_dollars"), "0.0100");
    assert_string_equal(text(yes, -1, "msg/price_dollars"), "0.9900");
    assert_string_equal(text(own, -1, "msg/side"), "no");
    fix_disconnect(&f, own);
    fix_disconnect(&f, yes);
    fix_end(&f);
}

static void a_fill_is_told_in_order_and_only_to_its_user(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *a = fix_connect(&f, KEY_A);
    struct peer *b = fix_connect(&f, KEY_B);
    static const char sub[] = "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":"
                              "[\"trade\",\"fill\",\"user_orders\",\"market_positions\"]}}";
    fix_frame(&f, a, sub);
    fix_frame(&f, b, sub);
    fix_frame(&f, a,
              cmd("{\"id\":2,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
                  "\"market_ticker\":\"%s\"}}",
                  sim_market(f.sim, 0)));
    size_t from_a = json_array_size(a->frames);
    size_t from_b = json_array_size(b->frames);
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
    static const char *const order[] = {"orderbook_delta", "trade", "fill", "user_order",
                                        "market_position"};
    size_t stage = 0;
    size_t seen[5] = {0};
    for (size_t i = from_a; i < json_array_size(a->frames); i++) {
        const char *type = text(a, (int)i, "type");
        while (stage < 5 && strcmp(type, order[stage]) != 0) {
            stage++;
        }
        assert_true(stage < 5); /* never back */
        seen[stage]++;
    }
    assert_int_equal(seen[0], seen[1]); /* one delta and one trade for each resting order */
    assert_int_equal(seen[1], seen[2]);
    assert_int_equal(seen[3], 1);
    assert_string_equal(text(a, -1, "msg/position_fp"), "2.00");
    for (size_t i = from_b; i < json_array_size(b->frames); i++) {
        assert_string_equal(text(b, (int)i, "type"), "trade");
    }
    /* One's own resting order carries its client id, for its owner alone. */
    assert_int_equal(place(&f, KEY_A, "mine", "bid", "0.0100", "good_till_canceled"), 201);
    bool found = false;
    for (size_t i = from_a; i < json_array_size(a->frames); i++) {
        found |= strcmp(text(a, (int)i, "type"), "orderbook_delta") == 0 &&
                 strcmp(text(a, (int)i, "msg/client_order_id"), "mine") == 0;
    }
    assert_true(found);
    fix_disconnect(&f, a);
    fix_disconnect(&f, b);
    fix_end(&f);
}

static void frames_have_the_fields_of_the_examples(void **state)
{
    (void)state;
    static const struct {
        const char *type, *file;
    } rows[] = {{"orderbook_delta", "ws_orderbook_delta_own_order_2026_10.json"},
                {"trade", "ws_trade_2026_10.json"},
                {"fill", "ws_fill_2026_10.json"},
                {"user_order", "ws_user_order_2026_10_resting.json"},
                {"market_position", "ws_market_position.json"},
                {"ticker", "ws_ticker.json"}};
    struct fix f = fix_still();
    struct peer *a = fix_connect(&f, KEY_A);
    fix_frame(&f, a,
              cmd("{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
                  "\"trade\",\"fill\",\"user_orders\",\"market_positions\",\"ticker\"],"
                  "\"market_ticker\":\"%s\"}}",
                  sim_market(f.sim, 0)));
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
    assert_int_equal(place(&f, KEY_A, "c2", "bid", "0.0100", "good_till_canceled"), 201);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        char name[160];
        char path[512];
        snprintf(name, sizeof name, "reference/messages/%s", rows[r].file);
        if (!shared_path(name, path, sizeof path)) {
            skip();
        }
        json_t *want = json_load_file(path, 0, NULL);
        json_t *got = NULL; /* the last frame of the type */
        for (size_t i = 0; i < json_array_size(a->frames); i++) {
            got = strcmp(text(a, (int)i, "type"), rows[r].type) == 0 ? fix_nth(a, (int)i) : got;
        }
        assert_non_null(got);
        assert_int_equal(fix_get(want, "seq") != NULL, fix_get(got, "seq") != NULL);
        const char *key;
        json_t *v;
        json_object_foreach(fix_get(want, "msg"), key, v)
        {
            json_t *mine = json_object_get(fix_get(got, "msg"), key);
            if (mine == NULL || json_typeof(mine) != json_typeof(v)) {
                fail_msg("%s: field %s is missing or of another type", rows[r].type, key);
            }
        }
        json_decref(want);
    }
    fix_disconnect(&f, a);
    fix_end(&f);
}

static void a_slow_reader_keeps_its_frames_and_too_slow_a_one_gets_code_25(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.markets = 2;
    c.rate = 200000;
    c.duration_ns = 0;
    struct fix f = fix_make(c);
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              cmd("{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
                  "\"market_tickers\":[\"%s\",\"%s\"]}}",
                  sim_market(f.sim, 0), sim_market(f.sim, 1)));
    p->full = true;
    for (int i = 0; i < 50; i++) {
        fix_advance(&f, NS_PER_MS);
    }
    p->full = false;
    sim_ws_writable(f.sim, p->conn, f.wall, f.now);
    size_t n = json_array_size(p->frames);
    assert_true(n > 100);
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(number(p, (int)i, "seq"), i); /* nothing was lost */
    }
    p->full = true;
    for (int i = 0; i < 2000; i++) {
        fix_advance(&f, NS_PER_MS);
    }
    p->full = false;
    sim_ws_writable(f.sim, p->conn, f.wall, f.now);
    assert_string_equal(text(p, -1, "type"), "error");
    assert_int_equal(number(p, -1, "msg/code"), 25);
    assert_int_equal(number(p, -1, "sid"), 1);
    n = json_array_size(p->frames);
    fix_advance(&f, NS_PER_MS);
    assert_int_equal(json_array_size(p->frames), n); /* the subscription has ended */
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void group_updates_are_a_channel_without_markets(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"order_group_updates\"],"
              "\"market_ticker\":\"ignored\"}}");
    assert_string_equal(text(p, -1, "type"), "subscribed");
    assert_string_equal(text(p, -1, "msg/channel"), "order_group_updates");
    fix_frame(&f, p,
              "{\"id\":2,\"cmd\":\"update_subscription\",\"params\":{\"sid\":1,\"action\":"
              "\"add_markets\",\"market_ticker\":\"X\"}}");
    expect_error(p, 2, 13);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void connection_faults_really_happen(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              cmd("{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
                  "\"market_ticker\":\"%s\"}}",
                  sim_market(f.sim, 0)));
    sim_fault(f.sim, SIM_FAULT_SEQ_GAP, 1, f.wall, f.now);
    assert_int_equal(place(&f, KEY_A, "c1", "bid", "0.0100", "good_till_canceled"), 201);
    assert_int_equal(place(&f, KEY_A, "c2", "bid", "0.0100", "good_till_canceled"), 201);
    assert_int_equal(json_array_size(p->frames), 3);
    assert_int_equal(number(p, 2, "seq"), 3); /* 2 was dropped */
    sim_fault(f.sim, SIM_FAULT_MALFORMED, 1, f.wall, f.now);
    assert_int_equal(p->malformed, 1);
    sim_fault(f.sim, SIM_FAULT_CUT, 1, f.wall, f.now);
    assert_true(p->closed);
    json_t *d = fix_dump(&f);
    assert_int_equal(json_integer_value(fix_get(d, "counters/faults/cut")), 1);
    assert_int_equal(json_integer_value(fix_get(d, "counters/faults/seq_gap")), 1);
    assert_int_equal(json_integer_value(fix_get(d, "counters/faults/malformed")), 1);
    json_decref(d);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void the_upgrade_checks_path_and_signature(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct sim_conn *conn = NULL;
    struct buf body = {.max = 4096};
    struct sim_auth none = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    assert_int_equal(
        sim_ws_open(f.sim, &none, TEXT("/trade-api/ws/v2"), NULL, f.wall, f.now, &conn, &body),
        401);
    assert_non_null(strstr(body.p, "signature_is_missing_from_headers"));
    assert_int_equal(sim_ws_open(f.sim, &none, TEXT("/ws"), NULL, f.wall, f.now, &conn, &body),
                     404);
    assert_null(conn);
    buf_finish(&body);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_command_has_its_code),
        cmocka_unit_test(seq_counts_per_sid_and_replies_take_a_number),
        cmocka_unit_test(both_price_scales_show_the_same_book),
        cmocka_unit_test(a_fill_is_told_in_order_and_only_to_its_user),
        cmocka_unit_test(frames_have_the_fields_of_the_examples),
        cmocka_unit_test(a_slow_reader_keeps_its_frames_and_too_slow_a_one_gets_code_25),
        cmocka_unit_test(group_updates_are_a_channel_without_markets),
        cmocka_unit_test(connection_faults_really_happen),
        cmocka_unit_test(the_upgrade_checks_path_and_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
