/* test_ws_commands.c - commands, replies and error codes of the WebSocket (sheet 5.2 to 5.5). */
#include "ws_fixture.h"

struct row {
    const char *text;
    int64_t id;
    int code;
};

static void send_rows(struct fix *f, struct peer *p, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fix_frame(f, p, q("%s", rows[i].text));
        if (rows[i].code == 0) {
            assert_string_not_equal(str(p, -1, "type"), "error");
        } else {
            expect_code(p, rows[i].id, rows[i].code);
        }
    }
}
#define SEND_ROWS(f_, p_, rows_) send_rows(f_, p_, rows_, sizeof rows_ / sizeof rows_[0])

static void a_command_that_is_no_command_is_code_1_or_5(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    static const struct row rows[] = {
        {"", 0, 1},
        {"{'id':", 0, 1},
        {"[1]", 0, 1},
        {"{'id':1,'id':2,'cmd':'list_subscriptions'}", 0, 1},
        {"{'id':-1,'cmd':'list_subscriptions'}", 0, 1},
        {"{'id':'x','cmd':'list_subscriptions'}", 0, 1},
        {"{'id':1.5,'cmd':'list_subscriptions'}", 0, 1},
        {"{'id':3,'cmd':7}", 3, 1},
        {"{'id':3,'cmd':'subscribe','params':[]}", 3, 1},
        {"{'id':4}", 4, 5},
        {"{'id':5,'cmd':'dance','params':{}}", 5, 5},
        {"{'cmd':'dance'}", 0, 5},
        {"{'id':6,'cmd':'subscribe'}", 6, 2},
        {"{'id':6,'cmd':'unsubscribe','params':null}", 6, 2},
        {"{'id':6,'cmd':'update_subscription'}", 6, 2},
    };
    SEND_ROWS(&f, p, rows);
    assert_int_equal(frames(p), sizeof rows / sizeof rows[0]); /* one error each, nothing else */
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void subscribe_checks_its_parameters(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    static const struct row rows[] = {
        {"{'id':1,'cmd':'subscribe','params':{}}", 1, 3},
        {"{'id':1,'cmd':'subscribe','params':{'channels':[]}}", 1, 3},
        {"{'id':1,'cmd':'subscribe','params':{'channels':'ticker'}}", 1, 11},
        {"{'id':2,'cmd':'subscribe','params':{'channels':['ticker_v2']}}", 2, 8},
        {"{'id':2,'cmd':'subscribe','params':{'channels':[1]}}", 2, 8},
        {"{'id':3,'cmd':'subscribe','params':{'channels':['trade'],'market_tickers':[1]}}", 3, 11},
        {"{'id':3,'cmd':'subscribe','params':{'channels':['trade'],'market_tickers':'X'}}", 3, 11},
        {"{'id':3,'cmd':'subscribe','params':{'channels':['trade'],'market_ticker':['X']}}", 3, 11},
        {"{'id':4,'cmd':'subscribe','params':{'channels':['ticker'],'send_initial_snapshot':1}}", 4,
         11},
        {"{'id':4,'cmd':'subscribe','params':{'channels':['ticker'],'use_yes_price':'no'}}", 4, 11},
        {"{'id':4,'cmd':'subscribe','params':{'channels':['ticker'],'skip_ticker_ack':0}}", 4, 11},
        {"{'id':5,'cmd':'subscribe','params':{'channels':['orderbook_delta']}}", 5, 14},
        {"{'id':5,'cmd':'subscribe','params':{'channels':['orderbook_delta'],'market_tickers':[]}}",
         5, 14},
        {"{'id':5,'cmd':'subscribe','params':{'channels':['orderbook_delta'],'market_id':'u'}}", 5,
         14},
        {"{'id':6,'cmd':'subscribe','params':{'channels':['fill'],'market_ids':['u']}}", 6, 11},
        {"{'id':7,'cmd':'subscribe','params':{'channels':['cfbenchmarks_value'],'index_ids':'B'}}",
         7, 11},
        {"{'id':7,'cmd':'subscribe','params':{'channels':['pyth_value'],'underlying_tickers':[1]}}",
         7, 11},
    };
    SEND_ROWS(&f, p, rows);
    fix_frame(&f, p, q("{'id':9,'cmd':'list_subscriptions'}"));
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg")), 0); /* nothing was made */
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void communications_checks_shards_and_filter(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
#define COMM(more_) "{'id':1,'cmd':'subscribe','params':{'channels':['communications']" more_ "}}"
    static const struct row rows[] = {
        {COMM(",'shard_factor':0"), 1, 19},
        {COMM(",'shard_factor':-3,'shard_key':0"), 1, 19},
        {COMM(",'shard_key':0"), 1, 20},
        {COMM(",'shard_factor':4,'shard_key':4"), 1, 21},
        {COMM(",'shard_factor':4,'shard_key':-1"), 1, 21},
        {COMM(",'shard_factor':101"), 1, 22},
        {COMM(",'shard_factor':'4'"), 1, 11},
        {COMM(",'user_filter':'all'"), 1, 11},
        {COMM(",'user_filter':7"), 1, 11},
        {COMM(",'shard_factor':100,'shard_key':99,'user_filter':'self','market_ticker':'X'"), 1, 0},
    };
    SEND_ROWS(&f, p, rows);
    assert_string_equal(str(p, -1, "msg/channel"), "communications");
    /* Those keys are that channel's alone. */
    fix_frame(&f, p,
              q("{'id':2,'cmd':'subscribe','params':{'channels':['ticker'],'shard_factor':0}}"));
    assert_string_equal(str(p, -1, "type"), "subscribed");
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void every_documented_channel_can_be_followed(void **state)
{
    (void)state;
    static const char *const names[] = {"orderbook_delta",
                                        "ticker",
                                        "trade",
                                        "fill",
                                        "market_positions",
                                        "user_orders",
                                        "order_group_updates",
                                        "market_lifecycle_v2",
                                        "multivariate_market_lifecycle",
                                        "communications",
                                        "cfbenchmarks_value",
                                        "cfbenchmarks_value_5hz",
                                        "pyth_value"};
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t before = frames(p);
        fix_frame(&f, p,
                  q("{'id':%zu,'cmd':'subscribe','params':{'channels':['%s'],'market_ticker':"
                    "'%s'}}",
                    i + 1, names[i], ticker(&f, 0)));
        int ack = (int)before;
        assert_string_equal(str(p, ack, "type"), "subscribed");
        assert_string_equal(str(p, ack, "msg/channel"), names[i]);
        assert_int_equal(num(p, ack, "msg/sid"), i + 1);
        assert_int_equal(num(p, ack, "id"), i + 1);
        assert_false(has(p, ack, "seq"));
    }
    fix_frame(&f, p, q("{'id':99,'cmd':'list_subscriptions'}"));
    assert_string_equal(str(p, -1, "type"), "ok");
    assert_false(has(p, -1, "sid") || has(p, -1, "seq"));
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg")), 13);
    assert_string_equal(str(p, -1, "msg/12/channel"), "pyth_value");
    assert_int_equal(num(p, -1, "msg/12/sid"), 13);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void update_checks_sid_action_and_markets(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              q("{'id':1,'cmd':'subscribe','params':{'channels':['orderbook_delta','trade',"
                "'market_lifecycle_v2','cfbenchmarks_value','pyth_value'],'market_ticker':'%s'}}",
                ticker(&f, 0)));
#define UPDATE(more_) "{'id':2,'cmd':'update_subscription','params':{" more_ "}}"
    static const struct row rows[] = {
        {UPDATE("'action':'add_markets'"), 2, 12},
        {UPDATE("'sids':[],'action':'add_markets'"), 2, 12},
        {UPDATE("'sids':[1,2],'action':'add_markets'"), 2, 12},
        {UPDATE("'sid':1,'sids':[1],'action':'add_markets'"), 2, 12},
        {UPDATE("'sid':'1','action':'add_markets'"), 2, 11},
        {UPDATE("'sid':77,'action':'add_markets'"), 2, 7},
        {UPDATE("'sid':1"), 2, 15},
        {UPDATE("'sid':1,'action':null"), 2, 15},
        {UPDATE("'sid':1,'action':3"), 2, 11},
        {UPDATE("'sid':1,'action':'replace_markets','market_ticker':'X'"), 2, 13},
        {UPDATE("'sid':2,'action':'get_snapshot','market_ticker':'X'"), 2, 13},
        {UPDATE("'sid':3,'action':'add_markets','market_ticker':'X'"), 2, 13},
        {UPDATE("'sid':4,'action':'add_markets','market_ticker':'X'"), 2, 13},
        {UPDATE("'sid':1,'action':'subscribe_indices','index_ids':['B']"), 2, 13},
        {UPDATE("'sid':1,'action':'add_markets'"), 2, 14},
        {UPDATE("'sid':1,'action':'get_snapshot','market_id':'u'"), 2, 14},
        {UPDATE("'sid':1,'action':'delete_markets','market_tickers':[7]"), 2, 11},
        {UPDATE("'sid':2,'action':'add_markets','market_ids':['u']"), 2, 11},
        {UPDATE("'sid':4,'action':'subscribe_indices'"), 2, 24},
        {UPDATE("'sid':4,'action':'unsubscribe_indices','index_ids':[]"), 2, 24},
        {UPDATE("'sid':4,'action':'subscribe_indices','index_ids':[1]"), 2, 11},
        {UPDATE("'sid':5,'action':'subscribe_underlyings'"), 2, 28},
        {UPDATE("'sid':5,'action':'unsubscribe_underlyings'"), 2, 28},
        {UPDATE("'sid':5,'action':'indexlist'"), 2, 13},
        {UPDATE("'sid':4,'action':'subscribe_indices','index_ids':['BRTI']"), 2, 0},
        {UPDATE("'sid':5,'action':'subscribe_underlyings','underlying_tickers':['all']"), 2, 0},
    };
    SEND_ROWS(&f, p, rows);
    fix_frame(&f, p, q(UPDATE("'sid':4,'action':'indexlist'")));
    assert_string_equal(str(p, -1, "type"), "cfbenchmarks_value_indexlist");
    assert_true(json_is_array(fix_get(fix_nth(p, -1), "msg/index_ids")));
    assert_int_equal(num(p, -1, "seq"), 2);
    fix_frame(&f, p, q(UPDATE("'sids':[5],'action':'underlying_list'")));
    assert_string_equal(str(p, -1, "type"), "pyth_value_underlying_list");
    assert_true(json_is_array(fix_get(fix_nth(p, -1), "msg/underlying_tickers")));
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void unsubscribe_answers_each_sid(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = subscribed(&f, KEY_A, "'channels':['trade','ticker','fill']");
    static const struct row rows[] = {
        {"{'id':2,'cmd':'unsubscribe','params':{}}", 2, 4},
        {"{'id':2,'cmd':'unsubscribe','params':{'sids':[]}}", 2, 4},
        {"{'id':2,'cmd':'unsubscribe','params':{'sids':1}}", 2, 11},
        {"{'id':2,'cmd':'unsubscribe','params':{'sids':['1']}}", 2, 11},
        {"{'id':2,'cmd':'unsubscribe','params':{'sids':[4]}}", 2, 7},
    };
    SEND_ROWS(&f, p, rows);
    forget(p);
    fix_frame(&f, p, q("{'id':7,'cmd':'unsubscribe','params':{'sids':[1,9,3]}}"));
    assert_int_equal(frames(p), 3);
    for (int i = 0; i < 3; i += 2) {
        assert_string_equal(str(p, i, "type"), "unsubscribed");
        assert_int_equal(num(p, i, "sid"), i + 1);
        assert_int_equal(num(p, i, "seq"), 1);
        assert_int_equal(num(p, i, "id"), 7);
        assert_false(has(p, i, "msg"));
    }
    assert_int_equal(num(p, 1, "msg/code"), 7);
    /* A sid is never used again. */
    fix_frame(&f, p, q("{'id':8,'cmd':'subscribe','params':{'channels':['trade']}}"));
    assert_int_equal(num(p, -1, "msg/sid"), 4);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void lists_in_replies_follow_the_commands(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p =
        subscribed(&f, KEY_A, q("'channels':['ticker'],'market_ticker':'%s'", ticker(&f, 0)));
    fix_frame(&f, p,
              q("{'id':2,'cmd':'update_subscription','params':{'sid':1,'action':'add_markets',"
                "'market_tickers':['%s','GHOST-1']}}",
                ticker(&f, 1)));
    assert_string_equal(str(p, -1, "type"), "ok");
    assert_int_equal(num(p, -1, "seq"), 1);
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg/market_tickers")), 3);
    fix_frame(&f, p,
              q("{'id':3,'cmd':'update_subscription','params':{'sid':1,'action':'delete_markets',"
                "'market_tickers':['%s','GHOST-1','GHOST-2']}}",
                ticker(&f, 0)));
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg/market_tickers")), 1);
    assert_string_equal(str(p, -1, "msg/market_tickers/0"), ticker(&f, 1));
    /* By id the list is one of ids. */
    assert_int_equal(fix_request(&f, NULL, "GET", q("/markets/%s", ticker(&f, 2)), NULL), 200);
    fix_frame(&f, p,
              q("{'id':4,'cmd':'update_subscription','params':{'sid':1,'action':'add_markets',"
                "'market_ids':['00000000-0000-4000-8000-00000000dead']}}"));
    assert_int_equal(json_array_size(fix_get(fix_nth(p, -1), "msg/market_ids")), 2);
    struct peer *quiet = subscribed(
        &f, KEY_A,
        q("'channels':['trade'],'skip_ticker_ack':true,'market_ticker':'%s'", ticker(&f, 0)));
    fix_frame(&f, quiet,
              q("{'id':5,'cmd':'update_subscription','params':{'sid':1,'action':'add_markets',"
                "'market_ticker':'%s'}}",
                ticker(&f, 1)));
    assert_string_equal(str(quiet, -1, "type"), "ok");
    assert_false(has(quiet, -1, "msg/market_tickers") || has(quiet, -1, "msg/market_ids"));
    fix_disconnect(&f, quiet);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_subscription_to_everything_can_lose_a_market_and_get_it_back(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = subscribed(&f, KEY_A, "'channels':['ticker']");
    size_t n = frames(p);
    assert_int_equal(order(&f, KEY_B, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
    assert_true(frames(p) > n); /* it hears of the first market */
    fix_frame(&f, p,
              q("{'id':2,'cmd':'update_subscription','params':{'sid':1,'action':'delete_markets',"
                "'market_ticker':'%s'}}",
                ticker(&f, 0)));
    n = frames(p);
    assert_int_equal(order(&f, KEY_B, "c2", "ask", "0.9900", "good_till_canceled"), 201);
    assert_int_equal(order(&f, KEY_B, "c3", "bid", "0.9900", "immediate_or_cancel"), 201);
    assert_int_equal(frames(p), n);
    fix_frame(&f, p,
              q("{'id':3,'cmd':'subscribe','params':{'channels':['ticker'],'market_ticker':'%s'}}",
                ticker(&f, 0)));
    n = frames(p);
    assert_int_equal(order(&f, KEY_B, "c4", "bid", "0.9900", "immediate_or_cancel"), 201);
    assert_true(frames(p) > n);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void an_unknown_ticker_is_followed_when_it_is_listed(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = subscribed(
        &f, KEY_A, "'channels':['orderbook_delta','trade'],'market_ticker':'KXNEW-27JAN01-A'");
    assert_int_equal(frames(p), 3);
    assert_string_equal(str(p, 1, "msg/market_ticker"), "KXNEW-27JAN01-A");
    assert_false(has(p, 1, "msg/yes_dollars_fp"));
    json_t *list = json_loads(q("{'do':'create_market','market':'KXNEW-27JAN01-A'}"), 0, NULL);
    struct buf reply = {.max = 65536};
    struct err err = {0};
    if (sim_command(f.sim, list, f.wall, f.now, &reply, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(list);
    buf_finish(&reply);
    f.now += NS_PER_SEC;
    f.wall += NS_PER_SEC;
    fix_advance(&f, NS_PER_SEC);
    size_t n = frames(p);
    assert_int_equal(fix_request(&f, KEY_B, "POST", "/portfolio/events/orders",
                                 q("{'ticker':'KXNEW-27JAN01-A','side':'bid','count':'2.00',"
                                   "'price':'0.1000','time_in_force':'good_till_canceled',"
                                   "'self_trade_prevention_type':'maker'}")),
                     201);
    assert_int_equal(frames(p), n + 1);
    assert_string_equal(str(p, -1, "type"), "orderbook_delta");
    assert_int_equal(num(p, -1, "seq"), 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void more_than_500000_market_subscriptions_are_code_26(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    p->full = true; /* the answers do not matter */
    struct buf b = {.max = (size_t)64 << 20};
    int sent = 0;
    for (int part = 0; part < 6; part++) {
        buf_clear(&b);
        buf_str(&b, "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"fill\"],"
                    "\"market_tickers\":[\"A\"");
        for (int i = 0; i < 100000 - (part == 0); i++) {
            buf_printf(&b, ",\"G-%d\"", sent++);
        }
        buf_str(&b, "]}}");
        if (part == 5) {
            p->full = false;
            sim_ws_writable(f.sim, p->conn, f.wall, f.now);
        }
        sim_ws_frame(f.sim, p->conn, (struct text){b.p, b.n}, f.wall, f.now);
    }
    expect_code(p, 1, 26);
    fix_frame(&f, p,
              q("{'id':2,'cmd':'subscribe','params':{'channels':['fill'],'market_ticker':'Z'}}"));
    expect_code(p, 2, 26);
    fix_frame(&f, p,
              q("{'id':3,'cmd':'update_subscription','params':{'sid':1,'action':'add_markets',"
                "'market_ticker':'Z'}}"));
    expect_code(p, 3, 26);
    /* What it has already costs nothing more. */
    fix_frame(&f, p,
              q("{'id':4,'cmd':'subscribe','params':{'channels':['fill'],'market_ticker':'G-5'}}"));
    assert_string_equal(str(p, -1, "type"), "subscribed");
    buf_finish(&b);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void more_than_10000_commands_in_a_second_are_code_27(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = fix_connect(&f, KEY_A);
    struct peer *other = fix_connect(&f, KEY_A);
    for (int i = 0; i < 10000; i++) {
        fix_frame(&f, p, q("{'id':1,'cmd':'list_subscriptions'}"));
    }
    assert_string_equal(str(p, -1, "type"), "ok");
    fix_frame(&f, p, q("{'id':2,'cmd':'list_subscriptions'}"));
    expect_code(p, 2, 27);
    fix_frame(&f, other, q("{'id':2,'cmd':'list_subscriptions'}"));
    assert_string_equal(str(other, -1, "type"), "ok");
    f.now += NS_PER_SEC;
    fix_frame(&f, p, q("{'id':3,'cmd':'list_subscriptions'}"));
    assert_string_equal(str(p, -1, "type"), "ok");
    fix_disconnect(&f, other);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_user_has_at_most_200_connections(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *peers[200];
    for (int i = 0; i < 200; i++) {
        peers[i] = fix_connect(&f, KEY_A);
    }
    char ts[32];
    char sign[128];
    snprintf(ts, sizeof ts, "%lld", (long long)(f.wall / NS_PER_MS));
    snprintf(sign, sizeof sign, "%sGET/trade-api/ws/v2", ts);
    struct sim_auth auth = {text_of(KEY_A), text_of(ts), text_of(sign)};
    struct sim_conn *conn = NULL;
    struct buf body = {.max = 4096};
    assert_int_equal(
        sim_ws_open(f.sim, &auth, TEXT("/trade-api/ws/v2"), NULL, f.wall, f.now, &conn, &body),
        429);
    fix_disconnect(&f, fix_connect(&f, KEY_B)); /* another user has his own */
    fix_disconnect(&f, peers[0]);
    peers[0] = fix_connect(&f, KEY_A);
    for (int i = 0; i < 200; i++) {
        fix_disconnect(&f, peers[i]);
    }
    buf_finish(&body);
    fix_end(&f);
}

static void codes_that_only_a_fault_brings(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = subscribed(&f, KEY_A, "'channels':['trade','ticker']");
    struct sim_fault_plan plan;
    struct err err = {0};
    assert_int_equal(sim_fault_read("ws_error@0:code=18", &plan, &err), ST_OK);
    sim_fault_start(f.sim, &plan, f.wall, f.now);
    fix_frame(&f, p, q("{'id':2,'cmd':'list_subscriptions'}"));
    expect_code(p, 2, 18);
    fix_frame(&f, p, q("{'id':3,'cmd':'list_subscriptions'}"));
    assert_string_equal(str(p, -1, "type"), "ok");
    static const int final[] = {10, 17, 25};
    for (size_t i = 0; i < 3; i++) {
        forget(p);
        assert_int_equal(sim_fault_read(q("ws_error@0:code=%d", final[i]), &plan, &err), ST_OK);
        sim_fault_start(f.sim, &plan, f.wall, f.now);
        fix_frame(&f, p, q("{'id':4,'cmd':'list_subscriptions'}"));
        assert_int_equal(frames(p), 2); /* each subscription has ended */
        assert_int_equal(num(p, 0, "msg/code"), final[i]);
        assert_int_equal(num(p, 0, "seq"), 1);
        assert_int_equal(num(p, 1, "msg/code"), final[i]);
        assert_true(has(p, 1, "sid") && !has(p, 1, "seq")); /* ticker has no seq */
        fix_frame(&f, p, q("{'id':5,'cmd':'subscribe','params':{'channels':['trade','ticker']}}"));
        assert_string_equal(str(p, -1, "type"), "subscribed");
    }
    fix_disconnect(&f, p);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_that_is_no_command_is_code_1_or_5),
        cmocka_unit_test(subscribe_checks_its_parameters),
        cmocka_unit_test(communications_checks_shards_and_filter),
        cmocka_unit_test(every_documented_channel_can_be_followed),
        cmocka_unit_test(update_checks_sid_action_and_markets),
        cmocka_unit_test(unsubscribe_answers_each_sid),
        cmocka_unit_test(lists_in_replies_follow_the_commands),
        cmocka_unit_test(a_subscription_to_everything_can_lose_a_market_and_get_it_back),
        cmocka_unit_test(an_unknown_ticker_is_followed_when_it_is_listed),
        cmocka_unit_test(more_than_500000_market_subscriptions_are_code_26),
        cmocka_unit_test(more_than_10000_commands_in_a_second_are_code_27),
        cmocka_unit_test(a_user_has_at_most_200_connections),
        cmocka_unit_test(codes_that_only_a_fault_brings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
