/* test_ws_messages.c - channels and messages (sheet 5.5 to 5.8), and the rules about frames. */
#include "ws_fixture.h"

#define ALL_CHANNELS                                                                               \
    "'channels':['orderbook_delta','ticker','trade','fill','market_positions','user_orders',"      \
    "'order_group_updates','market_lifecycle_v2'],'market_ticker':'%s'"

static void act(struct fix *f, const char *action)
{
    struct buf reply = {.max = 65536};
    struct err err = {0};
    json_t *j = json_loads(action, 0, NULL);
    if (sim_command(f->sim, j, f->wall, f->now, &reply, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(j);
    buf_finish(&reply);
}

static int post(struct fix *f, const char *method, const char *path, const char *body)
{
    f->now += NS_PER_SEC;
    f->wall += NS_PER_SEC;
    return fix_request(f, KEY_A, method, path, body);
}

static struct fix ruled(struct sim_rules rules)
{
    struct sim_config c = still_config();
    c.rules = rules;
    return fix_make(c);
}

/* Everything that can happen to a user, on one connection. */
static struct peer *busy_day(struct fix *f)
{
    struct peer *p = subscribed(f, KEY_A, q(ALL_CHANNELS, ticker(f, 0)));
    assert_int_equal(post(f, "POST", "/portfolio/order_groups/create", q("{'contracts_limit':5}")),
                     201);
    assert_int_equal(order(f, KEY_A, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
    assert_int_equal(order(f, KEY_A, "c2", "bid", "0.0100", "good_till_canceled"), 201);
    act(f, q("{'do':'close','market':'%s'}", ticker(f, 0)));
    act(f, q("{'do':'determine','market':'%s','result':'yes'}", ticker(f, 0)));
    fix_advance(f, 5 * NS_PER_SEC);
    return p;
}

static void each_channel_has_its_message_types_and_its_own_seq_or_none(void **state)
{
    (void)state;
    static const struct {
        int64_t sid;
        const char *type;
        bool sequenced;
    } rows[] = {{1, "orderbook_snapshot", true},
                {1, "orderbook_delta", true},
                {2, "ticker", false},
                {3, "trade", true},
                {4, "fill", false},
                {5, "market_position", false},
                {6, "user_order", false},
                {7, "order_group_updates", true},
                {8, "market_lifecycle_v2", true}};
    struct fix f = fix_still();
    struct peer *p = busy_day(&f);
    uint64_t seq[9] = {0};
    size_t seen[9] = {0};
    for (size_t i = 0; i < frames(p); i++) {
        const char *type = str(p, (int)i, "type");
        if (strcmp(type, "subscribed") == 0) {
            continue;
        }
        size_t r = 0;
        while (r < 9 && strcmp(rows[r].type, type) != 0) {
            r++;
        }
        assert_true(r < 9);
        seen[r]++;
        assert_int_equal(num(p, (int)i, "sid"), rows[r].sid);
        assert_int_equal(has(p, (int)i, "seq"), rows[r].sequenced);
        if (rows[r].sequenced) {
            assert_int_equal(num(p, (int)i, "seq"), ++seq[rows[r].sid]);
        }
        assert_true(has(p, (int)i, "sending_ts_ms") && has(p, (int)i, "msg"));
    }
    for (size_t r = 0; r < 9; r++) {
        if (seen[r] == 0) {
            fail_msg("no %s", rows[r].type);
        }
    }
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_close_is_a_snapshot_without_sides_in_mid_stream(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *own = subscribed(&f, KEY_A,
                                  q("'channels':['orderbook_delta'],'market_ticker':"
                                    "'%s','use_yes_price':false",
                                    ticker(&f, 0)));
    struct peer *yes = subscribed(&f, KEY_A,
                                  q("'channels':['orderbook_delta'],'market_ticker':"
                                    "'%s','use_yes_price':true",
                                    ticker(&f, 0)));
    rest(&f, "c1");
    assert_int_equal(num(own, -1, "seq"), 2);
    act(&f, q("{'do':'close','market':'%s'}", ticker(&f, 0)));
    fix_advance(&f, 2 * NS_PER_SEC);
    struct peer *both[] = {own, yes};
    for (int i = 0; i < 2; i++) {
        assert_string_equal(str(both[i], -1, "type"), "orderbook_snapshot");
        assert_false(has(both[i], -1, "msg/yes_dollars_fp") ||
                     has(both[i], -1, "msg/no_dollars_fp"));
        assert_false(has(both[i], -1, "id"));
        assert_int_equal(num(both[i], -1, "seq"), frames(both[i]) - 1);
        fix_disconnect(&f, both[i]);
    }
    fix_end(&f);
}

static void private_messages_reach_their_user_and_name_the_subaccount(void **state)
{
    (void)state;
    struct fix f = fix_still();
    const char *channels = q("'channels':['fill','user_orders','market_positions',"
                             "'order_group_updates','orderbook_delta'],'market_ticker':'%s'",
                             ticker(&f, 0));
    struct peer *a = subscribed(&f, KEY_A, channels);
    struct peer *b = subscribed(&f, KEY_B, channels);
    assert_int_equal(post(&f, "POST", "/portfolio/subaccounts", "{}"), 201);
    assert_int_equal(post(&f, "POST", "/portfolio/subaccounts/transfer",
                          q("{'client_transfer_id':'00000000-0000-4000-8000-000000000001',"
                            "'from_subaccount':0,'to_subaccount':1,'amount_cents':5000}")),
                     200);
    forget(a);
    forget(b);
    assert_int_equal(
        post(&f, "POST", "/portfolio/events/orders",
             q("{'ticker':'%s','client_order_id':'s1','side':'bid','count':'2.00','price':'0.9900',"
               "'time_in_force':'immediate_or_cancel','self_trade_prevention_type':'maker',"
               "'subaccount':1}",
               ticker(&f, 0))),
        201);
    assert_int_equal(
        post(&f, "POST", "/portfolio/events/orders",
             q("{'ticker':'%s','client_order_id':'s2','side':'bid','count':'2.00','price':'0.0100',"
               "'time_in_force':'good_till_canceled','self_trade_prevention_type':'maker',"
               "'subaccount':1}",
               ticker(&f, 0))),
        201);
    size_t own = 0;
    for (size_t i = 0; i < frames(a); i++) {
        const char *type = str(a, (int)i, "type");
        bool delta = strcmp(type, "orderbook_delta") == 0;
        const char *key =
            strcmp(type, "user_order") == 0 ? "msg/subaccount_number" : "msg/subaccount";
        if (!delta || has(a, (int)i, "msg/client_order_id")) {
            assert_int_equal(num(a, (int)i, key), 1);
            assert_true(has(a, (int)i, key));
            own += delta;
        }
    }
    assert_true(own > 0 && of_type(a, "fill") > 0 && of_type(a, "user_order") == 2 &&
                of_type(a, "market_position") > 0);
    for (size_t i = 0; i < frames(b); i++) { /* the other sees the book alone */
        assert_string_equal(str(b, (int)i, "type"), "orderbook_delta");
        assert_false(has(b, (int)i, "msg/client_order_id") || has(b, (int)i, "msg/subaccount"));
    }
    fix_disconnect(&f, a);
    fix_disconnect(&f, b);
    fix_end(&f);
}

static void order_groups_are_told_to_their_user(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *a = subscribed(&f, KEY_A, "'channels':['order_group_updates']");
    struct peer *b = subscribed(&f, KEY_B, "'channels':['order_group_updates']");
    assert_int_equal(post(&f, "POST", "/portfolio/order_groups/create", q("{'contracts_limit':5}")),
                     201);
    char id[64];
    snprintf(id, sizeof id, "%s", fix_text(f.body, "order_group_id"));
    static const struct {
        const char *method, *path, *body, *type, *limit;
    } rows[] = {{NULL, NULL, NULL, "created", "5.00"},
                {"PUT", "/limit", "{\"contracts_limit\":7}", "limit_updated", "7.00"},
                {"PUT", "/trigger", NULL, "triggered", NULL},
                {"PUT", "/reset", NULL, "reset", NULL},
                {"DELETE", "", NULL, "deleted", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].method != NULL) {
            assert_int_equal(post(&f, rows[i].method,
                                  q("/portfolio/order_groups/%s%s", id, rows[i].path),
                                  rows[i].body),
                             200);
        }
        assert_int_equal(frames(a), i + 2);
        assert_string_equal(str(a, -1, "type"), "order_group_updates");
        assert_int_equal(num(a, -1, "seq"), i + 1);
        assert_string_equal(str(a, -1, "msg/event_type"), rows[i].type);
        assert_string_equal(str(a, -1, "msg/order_group_id"), id);
        assert_true(num(a, -1, "msg/ts_ms") == f.wall / NS_PER_MS);
        assert_string_equal(str(a, -1, "msg/contracts_limit_fp"),
                            rows[i].limit != NULL ? rows[i].limit : "(none)");
    }
    assert_int_equal(frames(b), 1);
    fix_disconnect(&f, a);
    fix_disconnect(&f, b);
    fix_end(&f);
}

/* --- rules --- */

static void rule_acks_first(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.acks_first = on == 1;
        struct fix f = ruled(r);
        struct peer *p = subscribed(
            &f, KEY_A,
            q("'channels':['orderbook_delta','trade'],'market_ticker':'%s'", ticker(&f, 0)));
        assert_int_equal(frames(p), 3);
        assert_string_equal(str(p, on ? 1 : 2, "msg/channel"), "trade");
        assert_string_equal(str(p, on ? 2 : 1, "type"), "orderbook_snapshot");
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_frame_newline(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.frame_newline = on == 1;
        struct fix f = ruled(r);
        struct peer *p = fix_connect(&f, KEY_A);
        p->bare = on == 0; /* the fixture looks at each frame's end */
        fix_frame(&f, p,
                  q("{'id':1,'cmd':'subscribe','params':{'channels':['orderbook_delta'],"
                    "'market_ticker':'%s'}}",
                    ticker(&f, 0)));
        rest(&f, "c1");
        assert_int_equal(frames(p), 3);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_price_decimals(void **state)
{
    (void)state;
    for (int decimals = 3; decimals < 5; decimals++) {
        struct sim_rules r = sim_rules_default();
        r.price_decimals = decimals;
        struct fix f = ruled(r);
        struct peer *p = busy_day(&f);
        static const char *const paths[] = {"msg/price_dollars", "msg/yes_price_dollars",
                                            "msg/yes_bid_dollars", "msg/yes_dollars_fp/0/0"};
        size_t found = 0;
        for (size_t i = 0; i < frames(p); i++) {
            for (size_t k = 0; k < 4; k++) {
                if (has(p, (int)i, paths[k])) {
                    const char *s = str(p, (int)i, paths[k]);
                    assert_int_equal(strlen(strchr(s, '.') + 1), decimals);
                    found |= 1u << k;
                }
            }
            if (has(p, (int)i, "msg/delta_fp")) { /* counts keep theirs */
                assert_int_equal(strlen(strchr(str(p, (int)i, "msg/delta_fp"), '.') + 1), 2);
            }
        }
        assert_int_equal(found, 15);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_add_markets_snapshots(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.add_markets_snapshots = on == 1;
        struct fix f = ruled(r);
        struct peer *p = subscribed(
            &f, KEY_A, q("'channels':['orderbook_delta'],'market_ticker':'%s'", ticker(&f, 0)));
        forget(p);
        fix_frame(&f, p,
                  q("{'id':2,'cmd':'update_subscription','params':{'sid':1,'action':'add_markets',"
                    "'market_tickers':['%s','%s']}}",
                    ticker(&f, 0), ticker(&f, 1)));
        assert_string_equal(str(p, 0, "type"), "ok");
        assert_int_equal(frames(p), 1 + on);
        if (on) {
            assert_string_equal(str(p, 1, "msg/market_ticker"), ticker(&f, 1));
        }
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_get_snapshot_seq(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.get_snapshot_seq = on == 1;
        struct fix f = ruled(r);
        struct peer *p = subscribed(
            &f, KEY_A, q("'channels':['orderbook_delta'],'market_ticker':'%s'", ticker(&f, 0)));
        fix_frame(&f, p,
                  q("{'id':2,'cmd':'update_subscription','params':{'sid':1,'action':'get_snapshot',"
                    "'market_tickers':['%s']}}",
                    ticker(&f, 0)));
        assert_string_equal(str(p, -1, "type"), "orderbook_snapshot");
        assert_int_equal(num(p, -1, "id"), 2);
        assert_int_equal(num(p, -1, "seq"), 1 + on);
        rest(&f, "c1");
        assert_int_equal(num(p, -1, "seq"), 2 + on);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rules_unknown_ticker_and_error_market_ticker(void **state)
{
    (void)state;
    for (int error = 0; error < 2; error++) {
        for (int named = 0; named < 2; named++) {
            struct sim_rules r = sim_rules_default();
            r.unknown_ticker = error ? RULE_UNKNOWN_ERROR : RULE_UNKNOWN_EMPTY;
            r.error_market_ticker = named == 1;
            struct fix f = ruled(r);
            struct peer *p = subscribed(&f, KEY_A,
                                        q("'channels':['orderbook_delta'],'market_tickers':"
                                          "['%s','GHOST-1']",
                                          ticker(&f, 0)));
            if (error) {
                expect_code(p, 1, 16);
                assert_string_equal(str(p, -1, "msg/market_ticker"), named ? "GHOST-1" : "(none)");
                assert_int_equal(frames(p), 1);
            } else {
                assert_int_equal(frames(p), 3);
                assert_string_equal(str(p, -1, "msg/market_ticker"), "GHOST-1");
            }
            fix_disconnect(&f, p);
            fix_end(&f);
        }
    }
}

static void rule_slow_reader(void **state)
{
    (void)state;
    for (int close = 0; close < 2; close++) {
        struct sim_config c = sim_config_default();
        c.markets = 2;
        c.rate = 200000;
        c.duration_ns = 0;
        c.rules.slow_reader = close ? RULE_SLOW_CLOSE : RULE_SLOW_CODE;
        struct fix f = fix_make(c);
        struct peer *p = subscribed(&f, KEY_A,
                                    q("'channels':['orderbook_delta','trade'],'market_tickers':"
                                      "['%s','%s']",
                                      ticker(&f, 0), ticker(&f, 1)));
        p->full = true;
        json_t *d = NULL;
        for (int i = 0; i < 3000 && json_integer_value(fix_get(d, "counters/overflows")) == 0;
             i++) {
            json_decref(d);
            fix_advance(&f, NS_PER_MS);
            d = i % 50 == 49 ? fix_dump(&f) : NULL;
        }
        assert_true(json_integer_value(fix_get(d, "counters/overflows")) > 0);
        json_decref(d);
        assert_int_equal(p->closed, close);
        if (!close) {
            p->full = false;
            sim_ws_writable(f.sim, p->conn, f.wall, f.now);
            bool found = false;
            for (size_t i = 0; i < frames(p); i++) {
                found |= num(p, (int)i, "msg/code") == 25 && has(p, (int)i, "sid");
            }
            assert_true(found);
            fix_frame(&f, p,
                      q("{'id':2,'cmd':'subscribe','params':{'channels':['orderbook_delta'],"
                        "'market_ticker':'%s'}}",
                        ticker(&f, 0)));
            assert_int_equal(num(p, -1, "seq"), 1); /* subscribed again, from the start */
        }
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

/* Some message of the day has the key. */
static bool anywhere(const struct peer *p, const char *path)
{
    bool found = false;
    for (size_t i = 0; i < frames(p); i++) {
        found |= has(p, (int)i, path);
    }
    return found;
}

static void rules_timestamps_deprecated_fields_and_extra_keys(void **state)
{
    (void)state;
    static const char *const stamps[] = {"sending_ts_ms", "msg/ts_ms", "msg/created_ts_ms",
                                         "msg/last_updated_ts_ms"};
    static const char *const old[] = {"msg/ts",     "msg/time",        "msg/taker_side",
                                      "msg/side_",  "msg/action",      "msg/purchased_side",
                                      "msg/is_yes", "msg/created_time"};
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.timestamps = r.deprecated_fields = r.extra_keys = on == 1;
        struct fix f = ruled(r);
        struct peer *p = busy_day(&f);
        for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
            assert_int_equal(anywhere(p, stamps[i]), on);
        }
        for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
            assert_int_equal(anywhere(p, old[i]), on && strcmp(old[i], "msg/side_") != 0);
        }
        assert_true(anywhere(p, "msg/side")); /* of deltas, where it is no relic */
        for (size_t i = 0; i < frames(p); i++) {
            bool reply = strcmp(str(p, (int)i, "type"), "subscribed") == 0;
            assert_int_equal(has(p, (int)i, "not_in_any_schema"), on);
            assert_int_equal(has(p, (int)i, "msg/not_in_any_schema"), on && !reply);
        }
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_shuffle_channels(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.shuffle_channels = on == 1;
        struct fix f = ruled(r);
        struct peer *p = subscribed(&f, KEY_A, q(ALL_CHANNELS, ticker(&f, 0)));
        size_t back = 0;
        for (int k = 0; k < 20; k++) {
            forget(p);
            assert_int_equal(order(&f, KEY_A, q("c%d", k), k % 2 ? "bid" : "ask",
                                   k % 2 ? "0.9900" : "0.0100", "immediate_or_cancel"),
                             201);
            static const char *const types[] = {"orderbook_delta", "trade", "fill", "user_order",
                                                "market_position"};
            size_t stage = 0;
            uint64_t seq = 0;
            for (size_t i = 0; i < frames(p); i++) {
                size_t t = 0;
                while (t < 5 && strcmp(types[t], str(p, (int)i, "type")) != 0) {
                    t++;
                }
                if (t < 5) {
                    back += t < stage;
                    stage = t;
                }
                if (t == 0) { /* inside a channel nothing changes places */
                    assert_true((uint64_t)num(p, (int)i, "seq") > seq);
                    seq = (uint64_t)num(p, (int)i, "seq");
                }
            }
        }
        assert_int_equal(back > 0, on);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
}

static void rule_ws_public_open(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct sim_rules r = sim_rules_default();
        r.ws_public_open = on == 1;
        struct fix f = ruled(r);
        struct sim_auth none = {{"", 0}, {"", 0}, {"", 0}};
        struct buf body = {.max = 4096};
        struct peer *p = calloc(1, sizeof *p);
        p->frames = json_array();
        assert_int_equal(
            sim_ws_open(f.sim, &none, TEXT("/trade-api/ws/v2"), p, f.wall, f.now, &p->conn, &body),
            on ? 0 : 401);
        buf_finish(&body);
        if (on) {
            static const char *const closed[] = {
                "orderbook_delta",     "fill",           "market_positions",   "user_orders",
                "order_group_updates", "communications", "cfbenchmarks_value", "pyth_value"};
            for (size_t i = 0; i < 8; i++) {
                fix_frame(&f, p,
                          q("{'id':3,'cmd':'subscribe','params':{'channels':['%s'],"
                            "'market_ticker':'%s'}}",
                            closed[i], ticker(&f, 0)));
                expect_code(p, 3, 9);
            }
            fix_frame(&f, p,
                      q("{'id':4,'cmd':'subscribe','params':{'channels':['ticker','trade',"
                        "'market_lifecycle_v2']}}"));
            assert_int_equal(of_type(p, "subscribed"), 3);
            assert_int_equal(order(&f, KEY_A, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
            assert_true(of_type(p, "trade") > 0);
            fix_disconnect(&f, p);
        } else {
            json_decref(p->frames);
            free(p);
        }
        fix_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_channel_has_its_message_types_and_its_own_seq_or_none),
        cmocka_unit_test(a_close_is_a_snapshot_without_sides_in_mid_stream),
        cmocka_unit_test(private_messages_reach_their_user_and_name_the_subaccount),
        cmocka_unit_test(order_groups_are_told_to_their_user),
        cmocka_unit_test(rule_acks_first),
        cmocka_unit_test(rule_frame_newline),
        cmocka_unit_test(rule_price_decimals),
        cmocka_unit_test(rule_add_markets_snapshots),
        cmocka_unit_test(rule_get_snapshot_seq),
        cmocka_unit_test(rules_unknown_ticker_and_error_market_ticker),
        cmocka_unit_test(rule_slow_reader),
        cmocka_unit_test(rules_timestamps_deprecated_fields_and_extra_keys),
        cmocka_unit_test(rule_shuffle_channels),
        cmocka_unit_test(rule_ws_public_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
