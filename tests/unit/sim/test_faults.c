/* test_faults.c - each fault does what it says and nothing else. */
#include "ws_fixture.h"

static struct sim_fault_plan plan_of(const char *text)
{
    struct sim_fault_plan plan;
    struct err err = {0};
    if (sim_fault_read(text, &plan, &err) != ST_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return plan;
}

static void start(struct fix *f, const char *text)
{
    struct sim_fault_plan plan = plan_of(text);
    sim_fault_start(f->sim, &plan, f->wall, f->now);
}

/* Nothing but this fault was counted. */
static void only(struct fix *f, const char *fault, int64_t n)
{
    json_t *d = fix_dump(f);
    const char *key;
    json_t *v;
    json_object_foreach(fix_get(d, "counters/faults"), key, v)
    {
        int64_t want = strcmp(key, fault) == 0 ? n : 0;
        if (json_integer_value(v) != want) {
            fail_msg("fault %s counted %d times, not %d", key, (int)json_integer_value(v),
                     (int)want);
        }
    }
    json_decref(d);
}

static struct peer *book(struct fix *f, const char *key)
{
    struct peer *p =
        subscribed(f, key, q("'channels':['orderbook_delta'],'market_ticker':'%s'", ticker(f, 0)));
    forget(p);
    return p;
}

/* n changes of the first book, a millisecond apart. */
static void moves(struct fix *f, int n)
{
    static int serial;
    for (int i = 0; i < n; i++) {
        f->now += NS_PER_SEC / 4;
        f->wall += NS_PER_SEC / 4;
        assert_int_equal(fix_request(f, KEY_B, "POST", "/portfolio/events/orders",
                                     q("{'ticker':'%s','client_order_id':'m%d','side':'bid',"
                                       "'count':'1.00','price':'0.0100','time_in_force':"
                                       "'good_till_canceled','self_trade_prevention_type':'maker'}",
                                       ticker(f, 0), serial++)),
                         201);
    }
}

static void expect_seqs(const struct peer *p, const int64_t *seqs, size_t n)
{
    assert_int_equal(frames(p), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(num(p, (int)i, "seq"), seqs[i]);
    }
}
#define EXPECT_SEQS(p_, ...)                                                                       \
    do {                                                                                           \
        const int64_t want_[] = {__VA_ARGS__};                                                     \
        expect_seqs(p_, want_, sizeof want_ / sizeof want_[0]);                                    \
    } while (0)

/* --- reading --- */

static void texts_and_actions_say_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"cut", "{'fault':'cut'}"},
        {"drop*3", "{'do':'fault','fault':'drop','count':3}"},
        {"lag:for=2.5,delay_ms=250,jitter_ms=50", "{'fault':'lag','for':2.5,'delay_ms':250,"
                                                  "'jitter_ms':50,'at':'3s','token':'x'}"},
        {"corrupt:for=10:p=0.25:user=2", "{'fault':'corrupt','for':'10s','p':0.25,'user':2}"},
        {"http_500*2:status=503:route=all",
         "{'fault':'http_500','count':2,'status':503,'route':'all'}"},
        {"clock_skew:skew_ms=-90000", "{'fault':'clock_skew','skew_ms':-90000}"},
        {"partial_write:on=http", "{'fault':'partial_write','on':'http'}"},
        {"restart:state=false", "{'fault':'restart','state':false}"},
        {"seq_jump:jump=7", "{'fault':'seq_jump','jump':7}"},
        {"ws_error:code=10", "{'fault':'ws_error','code':10}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_fault_plan a = plan_of(rows[i].text);
        struct sim_fault_plan b;
        memset(&b, 0, sizeof b);
        struct err err = {0};
        json_t *j = json_loads(q("%s", rows[i].json), 0, NULL);
        if (sim_fault_read_json(j, &b, &err) != ST_OK) {
            fail_msg("%s: %s", rows[i].json, err.text);
        }
        json_decref(j);
        assert_true(a.fault == b.fault && a.count == b.count && a.for_ns == b.for_ns &&
                    a.delay_ns == b.delay_ns && a.jitter_ns == b.jitter_ns && a.p == b.p &&
                    a.skew_ms == b.skew_ms && a.jump == b.jump && a.status == b.status &&
                    a.code == b.code && a.user == b.user && a.all_routes == b.all_routes &&
                    a.ws == b.ws && a.http == b.http && a.state == b.state);
    }
    struct sim_fault_plan p = plan_of("lag@12.5:for=2");
    assert_true(p.after_ns == 12500 * NS_PER_MS && p.count == 0 && p.for_ns == 2 * NS_PER_SEC &&
                p.delay_ns == 200 * NS_PER_MS && p.p == 1);
    p = plan_of("lag@1*4");
    assert_true(p.count == 4 && p.for_ns == 0); /* a count alone: no duration */
}

static void bad_faults_are_refused_with_what_is_wrong(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", "no fault"},
                                          {"flood@1", "flood"},
                                          {"cut@", "@"},
                                          {"cut@x", "@x"},
                                          {"cut@-1", "@-1"},
                                          {"cut@1e9", "@1e9"},
                                          {"cut@1*0", "*0"},
                                          {"cut@1*x", "*x"},
                                          {"cut@1*9999999", "*9999999"},
                                          {"cut@1;", ";"},
                                          {"lag@1:for", "for"},
                                          {"lag@1:for=x", "for=x"},
                                          {"lag@1:for=-1", "for=-1"},
                                          {"lag@1:p=2", "p=2"},
                                          {"lag@1:colour=red", "colour"},
                                          {"lag:delay_ms=1e9", "delay_ms"},
                                          {"seq_jump:jump=0", "jump=0"},
                                          {"seq_jump:jump=1.5", "jump=1.5"},
                                          {"http_500:status=200", "status=200"},
                                          {"ws_error:code=29", "code=29"},
                                          {"http_500:route=some", "route=some"},
                                          {"partial_write:on=tv", "on=tv"},
                                          {"restart:state=1", "state=1"},
                                          {"seq_jump:jump=0", "whole number from 1 to 1000000"},
                                          {"lag:delay_ms=x", "a number from 0 to 3600000"},
                                          {"http_500:route=some", "order or all"},
                                          {"partial_write:on=tv", "ws, http or both"},
                                          {"restart:state=1", "true or false"},
                                          {"cut:delay_ms=5", "cut takes no key 'delay_ms'"},
                                          {"restart:user=1", "restart takes no key 'user'"},
                                          {"http_429:status=503", "http_429 takes no key"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_fault_plan plan;
        struct err err = {0};
        if (sim_fault_read(rows[i][0], &plan, &err) != ST_INVALID ||
            strstr(err.text, rows[i][1]) == NULL) {
            fail_msg("%s gives: %s", rows[i][0], err.text);
        }
    }
    static const char *const actions[] = {"{}",
                                          "{'fault':'flood'}",
                                          "{'fault':'drop','count':0}",
                                          "{'fault':'drop','count':'3'}",
                                          "{'fault':'lag','for':'3'}",
                                          "{'fault':'lag','delay_ms':true}",
                                          "{'fault':'lag','color':1}",
                                          "{'fault':'cut','for':1}",
                                          "{'fault':'restart','state':'true'}",
                                          "{'fault':'http_500','route':1}"};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct sim_fault_plan plan;
        struct err err = {0};
        json_t *j = json_loads(q("%s", actions[i]), 0, NULL);
        assert_int_equal(sim_fault_read_json(j, &plan, &err), ST_INVALID);
        assert_true(strlen(err.text) > 4);
        json_decref(j);
    }
    for (int i = 0; i < SIM_FAULT_MAX; i++) {
        assert_int_equal(sim_fault_parse(sim_fault_name((enum sim_fault)i)), i);
    }
    assert_int_equal(sim_fault_parse("nonsense"), SIM_FAULT_MAX);
}

/* --- connections --- */

static void cut_ends_the_connections_of_a_user(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *a = book(&f, KEY_A);
    struct peer *b = book(&f, KEY_B);
    start(&f, "cut:user=2");
    assert_true(!a->closed && b->closed);
    moves(&f, 1);
    assert_int_equal(frames(a), 1);
    assert_int_equal(frames(b), 0);
    start(&f, "cut");
    assert_true(a->closed);
    only(&f, "cut", 2);
    fix_disconnect(&f, a);
    fix_disconnect(&f, b);
    fix_end(&f);
}

static void half_open_is_silent_and_deaf_until_it_ends(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *a = book(&f, KEY_A);
    start(&f, "half_open:for=30:user=1");
    moves(&f, 2);
    fix_frame(&f, a, q("{'id':2,'cmd':'list_subscriptions'}"));
    assert_int_equal(frames(a), 0);
    assert_false(a->closed);
    fix_advance(&f, 29 * NS_PER_SEC);
    assert_false(a->closed);
    fix_advance(&f, 2 * NS_PER_SEC);
    assert_true(a->closed);
    only(&f, "half_open", 1);
    fix_disconnect(&f, a);
    fix_end(&f);
}

/* --- frames --- */

static void drop_loses_frames_and_their_seq(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    moves(&f, 1);
    start(&f, "drop*2");
    moves(&f, 4);
    EXPECT_SEQS(p, 2, 5, 6);
    only(&f, "drop", 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void duplicate_sends_the_same_frame_twice(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "duplicate");
    moves(&f, 2);
    EXPECT_SEQS(p, 2, 2, 3);
    assert_true(json_equal(fix_nth(p, 0), fix_nth(p, 1)));
    only(&f, "duplicate", 1);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void reorder_swaps_a_frame_with_the_next_one(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "reorder");
    moves(&f, 3);
    EXPECT_SEQS(p, 3, 2, 4);
    /* Without a next one it comes after a second. */
    start(&f, "reorder");
    moves(&f, 1);
    assert_int_equal(frames(p), 3);
    assert_true(sim_deadline(f.sim) <= f.now + NS_PER_SEC);
    fix_advance(&f, NS_PER_SEC);
    EXPECT_SEQS(p, 3, 2, 4, 5);
    only(&f, "reorder", 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void corrupt_frames_are_no_json(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "corrupt*3");
    moves(&f, 5);
    assert_int_equal(p->malformed, 3);
    EXPECT_SEQS(p, 5, 6);
    only(&f, "corrupt", 3);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void malformed_is_a_frame_more(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "malformed*2");
    assert_int_equal(p->malformed, 2);
    moves(&f, 1);
    EXPECT_SEQS(p, 2);
    only(&f, "malformed", 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void seq_jump_loses_nothing_and_seq_gap_does(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "seq_jump:jump=5");
    moves(&f, 2);
    EXPECT_SEQS(p, 7, 8);
    only(&f, "seq_jump", 1);
    fix_disconnect(&f, p);
    fix_end(&f);
    f = fix_still();
    p = book(&f, KEY_A);
    start(&f, "seq_gap*2");
    moves(&f, 3);
    EXPECT_SEQS(p, 4);
    only(&f, "seq_gap", 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static struct peer *all_of_a(struct fix *f)
{
    struct peer *p = subscribed(f, KEY_A,
                                q("'channels':['trade','fill','user_orders'],"
                                  "'market_ticker':'%s'",
                                  ticker(f, 0)));
    forget(p);
    return p;
}

static void private_messages_come_late_or_never(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = all_of_a(&f);
    start(&f, "private_delay:for=3:delay_ms=2000");
    assert_int_equal(order(&f, KEY_A, "c1", "bid", "0.9900", "immediate_or_cancel"), 201);
    size_t trades = of_type(p, "trade");
    assert_true(trades > 0 && trades == frames(p)); /* public ones are on time */
    fix_advance(&f, NS_PER_SEC);
    assert_int_equal(frames(p), trades);
    fix_advance(&f, NS_PER_SEC);
    assert_int_equal(of_type(p, "fill"), trades);
    assert_int_equal(of_type(p, "user_order"), 1);
    assert_string_equal(str(p, -1, "type"), "user_order"); /* in their order */
    only(&f, "private_delay", (int64_t)trades + 1);
    fix_advance(&f, 2 * NS_PER_SEC);
    forget(p);
    start(&f, "private_drop*1");
    assert_int_equal(order(&f, KEY_A, "c2", "bid", "0.0100", "good_till_canceled"), 201);
    assert_int_equal(frames(p), 0);
    assert_int_equal(counted(&f, "private_drop"), 1);
    assert_int_equal(order(&f, KEY_A, "c3", "bid", "0.0100", "good_till_canceled"), 201);
    assert_int_equal(frames(p), 1);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void lag_delays_everything_and_keeps_the_order(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    start(&f, "lag:for=1:delay_ms=700:jitter_ms=600");
    moves(&f, 3); /* in the next 750 ms */
    assert_true(frames(p) < 3);
    mono_ns_t due = sim_deadline(f.sim);
    assert_true(due <= f.now + 1300 * NS_PER_MS);
    fix_frame(&f, p, q("{'id':5,'cmd':'list_subscriptions'}"));
    assert_true(frames(p) < 3); /* replies too */
    fix_advance(&f, 1300 * NS_PER_MS);
    assert_int_equal(frames(p), 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(num(p, i, "seq"), i + 2);
    }
    assert_string_equal(str(p, 3, "type"), "ok");
    fix_advance(&f, NS_PER_SEC);
    moves(&f, 1); /* it is over */
    assert_int_equal(num(p, -1, "seq"), 5);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_duration_with_a_probability_hits_some(void **state)
{
    (void)state;
    size_t lost[2];
    for (int run = 0; run < 2; run++) {
        struct fix f = fix_still();
        struct peer *p = book(&f, KEY_A);
        start(&f, "drop:for=1000:p=0.5");
        moves(&f, 200);
        lost[run] = 200 - frames(p);
        assert_true(lost[run] > 60 && lost[run] < 140);
        only(&f, "drop", (int64_t)lost[run]);
        fix_advance(&f, 1000 * NS_PER_SEC);
        forget(p);
        moves(&f, 10);
        assert_int_equal(frames(p), 10);
        fix_disconnect(&f, p);
        fix_end(&f);
    }
    assert_int_equal(lost[0], lost[1]); /* the same seed loses the same frames */
}

static size_t part_sent, part_of;
static void take_part(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                      size_t part)
{
    (void)self;
    (void)conn;
    (void)peer;
    assert_true(part > 0 && part < n && s[0] == '{');
    part_sent = part;
    part_of = n;
}

static bool restarted, with_state;
static void take_restart(void *self, bool state)
{
    (void)self;
    restarted = true;
    with_state = state;
}

static struct fix fix_with_all_outputs(void)
{
    static const char *const keys[] = {KEY_A, KEY_B};
    struct fix f = {.wall = WALL, .now = 1000 * NS_PER_SEC};
    struct sim_config c = still_config();
    c.key_ids = keys;
    c.n_keys = 2;
    struct sim_out out = {
        .send = fix_send, .close = fix_close, .send_part = take_part, .restart = take_restart};
    struct sim_verifier v = {NULL, fix_verify, fix_known};
    buf_init(&f.resp.body, (size_t)64 << 20);
    struct err err = {0};
    assert_int_equal(sim_create(&c, &out, &v, f.wall, f.now, &f.sim, &err), ST_OK);
    return f;
}

static void partial_write_cuts_a_frame_and_an_answer(void **state)
{
    (void)state;
    struct fix f = fix_with_all_outputs();
    struct peer *p = book(&f, KEY_A);
    start(&f, "partial_write:on=ws");
    moves(&f, 2);
    assert_true(part_sent > 0 && part_sent < part_of);
    assert_int_equal(frames(p), 0); /* nothing after it */
    assert_false(f.resp.cut);
    only(&f, "partial_write", 1);
    start(&f, "partial_write:on=http");
    moves(&f, 1);
    assert_true(f.resp.cut);
    moves(&f, 1);
    assert_false(f.resp.cut);
    only(&f, "partial_write", 2);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void restart_is_handed_out_with_its_state(void **state)
{
    (void)state;
    struct fix f = fix_with_all_outputs();
    start(&f, "restart");
    assert_true(restarted && with_state);
    restarted = false;
    start(&f, "restart:state=false");
    assert_true(restarted && !with_state);
    only(&f, "restart", 2);
    fix_end(&f);
}

/* --- requests --- */

static int get(struct fix *f)
{
    return fix_request(f, KEY_B, "GET", "/portfolio/balance", NULL);
}

static void faults_on_requests_hit_orders_or_all_routes(void **state)
{
    (void)state;
    struct fix f = fix_still();
    start(&f, "http_429*2");
    assert_int_equal(get(&f), 200);
    assert_int_equal(order(&f, KEY_B, "r1", "bid", "0.0100", "good_till_canceled"), 429);
    assert_int_equal(order(&f, KEY_B, "r1", "bid", "0.0100", "good_till_canceled"), 429);
    assert_int_equal(order(&f, KEY_B, "r1", "bid", "0.0100", "good_till_canceled"), 201);
    start(&f, "http_429:for=5:route=all:user=2");
    assert_int_equal(get(&f), 429); /* a storm */
    assert_int_equal(get(&f), 429);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/balance", NULL), 200);
    fix_advance(&f, 5 * NS_PER_SEC);
    assert_int_equal(get(&f), 200);
    only(&f, "http_429", 4);
    start(&f, "http_500:status=503");
    assert_int_equal(order(&f, KEY_B, "r2", "bid", "0.0100", "good_till_canceled"), 503);
    assert_int_equal(order(&f, KEY_B, "r2", "bid", "0.0100", "good_till_canceled"), 201);
    start(&f, "http_500_after");
    assert_int_equal(order(&f, KEY_B, "r3", "bid", "0.0100", "good_till_canceled"), 500);
    assert_int_equal(order(&f, KEY_B, "r3", "bid", "0.0100", "good_till_canceled"), 409);
    start(&f, "timeout");
    assert_int_equal(order(&f, KEY_B, "r4", "bid", "0.0100", "good_till_canceled"), 201);
    assert_true(f.resp.drop);
    assert_int_equal(order(&f, KEY_B, "r4", "bid", "0.0100", "good_till_canceled"), 409);
    assert_false(f.resp.drop);
    start(&f, "slow_answer:delay_ms=1500");
    assert_int_equal(order(&f, KEY_B, "r5", "bid", "0.0100", "good_till_canceled"), 201);
    assert_true(f.resp.delay_ns == 1500 * NS_PER_MS && !f.resp.drop);
    assert_int_equal(order(&f, KEY_B, "r6", "bid", "0.0100", "good_till_canceled"), 201);
    assert_true(f.resp.delay_ns == 0);
    fix_end(&f);
}

static void clock_skew_moves_the_exchanges_clock(void **state)
{
    (void)state;
    struct fix f = fix_still();
    struct peer *p = book(&f, KEY_A);
    assert_int_equal(get(&f), 200);
    start(&f, "clock_skew:skew_ms=90000:for=10");
    assert_int_equal(get(&f), 401);
    assert_string_equal(fix_text(f.body, "error/code"), "header_timestamp_expired");
    assert_int_equal(fix_request_skewed(&f, KEY_B, "GET", "/portfolio/balance", NULL, 90000), 200);
    fix_frame(&f, p, q("{'id':5,'cmd':'list_subscriptions'}"));
    assert_true(num(p, -1, "sending_ts_ms") == f.wall / NS_PER_MS + 90000);
    fix_advance(&f, 10 * NS_PER_SEC);
    assert_int_equal(get(&f), 200);
    fix_frame(&f, p, q("{'id':6,'cmd':'list_subscriptions'}"));
    assert_true(num(p, -1, "sending_ts_ms") == f.wall / NS_PER_MS);
    only(&f, "clock_skew", 1);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void ws_refuse_answers_upgrades(void **state)
{
    (void)state;
    struct fix f = fix_still();
    start(&f, "ws_refuse:status=502");
    char ts[32];
    char sign[128];
    snprintf(ts, sizeof ts, "%lld", (long long)(f.wall / NS_PER_MS));
    snprintf(sign, sizeof sign, "%sGET/trade-api/ws/v2", ts);
    struct sim_auth auth = {text_of(KEY_A), text_of(ts), text_of(sign)};
    struct sim_conn *conn = NULL;
    struct buf body = {.max = 4096};
    assert_int_equal(
        sim_ws_open(f.sim, &auth, TEXT("/trade-api/ws/v2"), NULL, f.wall, f.now, &conn, &body),
        502);
    buf_finish(&body);
    fix_disconnect(&f, fix_connect(&f, KEY_A));
    only(&f, "ws_refuse", 1);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_actions_say_the_same),
        cmocka_unit_test(bad_faults_are_refused_with_what_is_wrong),
        cmocka_unit_test(cut_ends_the_connections_of_a_user),
        cmocka_unit_test(half_open_is_silent_and_deaf_until_it_ends),
        cmocka_unit_test(drop_loses_frames_and_their_seq),
        cmocka_unit_test(duplicate_sends_the_same_frame_twice),
        cmocka_unit_test(reorder_swaps_a_frame_with_the_next_one),
        cmocka_unit_test(corrupt_frames_are_no_json),
        cmocka_unit_test(malformed_is_a_frame_more),
        cmocka_unit_test(seq_jump_loses_nothing_and_seq_gap_does),
        cmocka_unit_test(private_messages_come_late_or_never),
        cmocka_unit_test(lag_delays_everything_and_keeps_the_order),
        cmocka_unit_test(a_duration_with_a_probability_hits_some),
        cmocka_unit_test(partial_write_cuts_a_frame_and_an_answer),
        cmocka_unit_test(restart_is_handed_out_with_its_state),
        cmocka_unit_test(faults_on_requests_hit_orders_or_all_routes),
        cmocka_unit_test(clock_skew_moves_the_exchanges_clock),
        cmocka_unit_test(ws_refuse_answers_upgrades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
