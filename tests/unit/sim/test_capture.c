/*
 * A recording as the source. The check against the gold window reads the file with its own few
 * lines (zstd's command and jansson), not with the simulator's reader.
 */
#include "sim_fixture.h"

#include <unistd.h>

static const char small[] =
    "{\"recv_ms\":1000,\"event\":{\"type\":\"orderbook_snapshot\",\"sid\":1,\"seq\":7,\"msg\":"
    "{\"market_ticker\":\"KXT-A-1\",\"market_id\":\"00000000-0000-4000-8000-000000000001\","
    "\"yes_dollars_fp\":[[\"0.4000\",\"10.00\"]],\"no_dollars_fp\":[[\"0.5000\",\"10.00\"]]}}}\n"
    "{\"recv_ms\":2000,\"event\":{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":9,\"msg\":"
    "{\"market_ticker\":\"KXT-A-1\",\"market_id\":\"00000000-0000-4000-8000-000000000001\","
    "\"price_dollars\":\"0.4000\",\"delta_fp\":\"-8.00\",\"side\":\"yes\",\"ts_ms\":1990}}}\n"
    "not json\n"
    "{\"recv_ms\":2000,\"event\":{\"type\":\"trade\",\"sid\":2,\"seq\":4,\"msg\":{\"trade_id\":"
    "\"00000000-0000-4000-8000-0000000000aa\",\"market_ticker\":\"KXT-A-1\","
    "\"yes_price_dollars\":\"0.4000\",\"no_price_dollars\":\"0.6000\",\"count_fp\":\"8.00\","
    "\"taker_side\":\"no\",\"taker_outcome_side\":\"no\",\"taker_book_side\":\"ask\","
    "\"is_block_trade\":false,\"ts\":1,\"ts_ms\":1990}}}\n"
    "{\"recv_ms\":3000,\"event\":{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":12,\"msg\":"
    "{\"market_ticker\":\"KXT-A-1\",\"market_id\":\"00000000-0000-4000-8000-000000000001\","
    "\"price_dollars\":\"0.5600\",\"delta_fp\":\"5.00\",\"side\":\"no\",\"ts_ms\":2990}}}\n"
    "{\"recv_ms\":4000,\"event\":{\"type\":\"orderbook_snapshot\",\"sid\":1,\"seq\":13,\"msg\":"
    "{\"market_ticker\":\"KXT-A-1\",\"market_id\":\"00000000-0000-4000-8000-000000000001\"}}}\n";

static void write_small(char *path, size_t cap)
{
    snprintf(path, cap, "/tmp/sim-capture-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "w");
    fputs(small, out);
    fclose(out);
}

static struct fix small_make(char *path, size_t cap, double speed)
{
    struct sim_config c = sim_config_default();
    write_small(path, cap);
    c.captures = (const char *const[]){path};
    c.n_captures = 1;
    c.speed = speed;
    c.wait_for_client = true;
    return fix_make(c);
}

static struct peer *follow(struct fix *f, const char *key)
{
    struct peer *p = fix_connect(f, key);
    char text[512];
    snprintf(text, sizeof text,
             "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
             "\"trade\",\"fill\"],\"market_ticker\":\"%s\"}}",
             sim_market(f->sim, 0));
    fix_frame(f, p, text);
    return p;
}

static void messages_come_at_the_recorded_pace_from_the_first_reader_on(void **state)
{
    (void)state;
    char path[64];
    struct fix f = small_make(path, sizeof path, 2);
    assert_string_equal(sim_market(f.sim, 0), "KXT-A-1");
    fix_advance(&f, 5 * NS_PER_SEC); /* nobody is there: nothing happens */
    assert_int_equal(sim_deadline(f.sim), NS_NEVER);
    struct peer *p = follow(&f, KEY_A);
    assert_int_equal(json_array_size(p->frames), 4);
    assert_string_equal(fix_text(fix_nth(p, 1), "msg/yes_dollars_fp/0/1"), "10.00");
    fix_advance(&f, 0);
    wall_ns_t start = f.wall;
    fix_advance(&f, 499 * NS_PER_MS);
    assert_int_equal(json_array_size(p->frames), 4);
    assert_int_equal(sim_deadline(f.sim), f.now + NS_PER_MS);
    fix_advance(&f, NS_PER_MS); /* one recorded second at speed 2 */
    assert_int_equal(json_array_size(p->frames), 6);
    assert_int_equal(json_integer_value(fix_get(fix_nth(p, 4), "msg/ts_ms")),
                     start / NS_PER_MS + 495); /* 990 ms after the first message, halved */
    assert_int_equal(json_integer_value(fix_get(fix_nth(p, 4), "seq")), 2);
    assert_int_equal(json_integer_value(fix_get(fix_nth(p, 5), "seq")), 1);
    assert_false(sim_finished(f.sim));
    fix_advance(&f, 2 * NS_PER_SEC);
    assert_null(fix_get(fix_nth(p, -1), "msg/yes_dollars_fp")); /* the close */
    json_t *d = fix_dump(&f);
    assert_int_equal(json_integer_value(fix_get(d, "counters/source_errors")), 1);
    assert_string_equal(fix_text(d, "markets/0/status"), "closed");
    json_decref(d);
    assert_false(sim_finished(f.sim)); /* the settlement comes 5 recorded seconds after the close */
    fix_advance(&f, NS_PER_SEC);
    assert_int_equal(sim_deadline(f.sim), f.now + NS_PER_SEC / 2);
    fix_advance(&f, NS_PER_SEC / 2);
    assert_true(sim_finished(f.sim));
    d = fix_dump(&f);
    assert_string_equal(fix_text(d, "markets/0/status"), "finalized");
    json_decref(d);
    fix_disconnect(&f, p);
    fix_end(&f);
    unlink(path);
}

static int place(struct fix *f, const char *side, const char *count, const char *price)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"ticker\":\"KXT-A-1\",\"side\":\"%s\",\"count\":\"%s\",\"price\":\"%s\","
             "\"time_in_force\":\"good_till_canceled\",\"self_trade_prevention_type\":\"maker\"}",
             side, count, price);
    return fix_request(f, KEY_A, "POST", "/portfolio/events/orders", body);
}

static void orders_queue_in_the_recorded_book_and_the_close_cancels_them(void **state)
{
    (void)state;
    char path[64];
    struct fix f = small_make(path, sizeof path, 1);
    struct peer *p = follow(&f, KEY_A);
    fix_advance(&f, 0);
    assert_int_equal(place(&f, "bid", "1.00", "0.4000"), 201); /* behind 10 */
    assert_int_equal(place(&f, "bid", "9.00", "0.4500"), 201); /* alone, better */
    fix_advance(&f, NS_PER_SEC); /* the trade of 8 at .40 meets the better order first */
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/fills", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "fills")), 1);
    assert_string_equal(fix_text(f.body, "fills/0/count_fp"), "8.00");
    assert_string_equal(fix_text(f.body, "fills/0/yes_price_dollars"), "0.4500");
    fix_advance(&f, NS_PER_SEC); /* 5 NO at .56 cross what is left of it */
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/positions", NULL), 200);
    assert_string_equal(fix_text(f.body, "market_positions/0/position_fp"), "9.00");
    fix_advance(&f, NS_PER_SEC);
    assert_int_equal(fix_request(&f, KEY_A, "GET", "/portfolio/orders?status=canceled", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(f.body, "orders")), 1);
    f.now += NS_PER_SEC;
    assert_int_equal(place(&f, "bid", "1.00", "0.4000"), 400);
    assert_string_equal(fix_text(f.body, "error/code"), "market_inactive");
    fix_disconnect(&f, p);
    fix_end(&f);
    unlink(path);
}

static void a_recording_that_cannot_be_used_is_refused_with_its_name(void **state)
{
    (void)state;
    struct fix f;
    struct err err = {0};
    struct sim_config c = sim_config_default();
    static const char *const missing[] = {"/tmp/there-is-no-such-recording.jsonl"};
    c.captures = missing;
    c.n_captures = 1;
    assert_int_not_equal(fix_try(&f, c, &err), ST_OK);
    assert_non_null(strstr(err.text, "there-is-no-such-recording"));
    buf_finish(&f.resp.body);
    char path[] = "/tmp/sim-capture-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "{\"type\":\"ok\"}\n", 14), 14);
    close(fd);
    c.captures = (const char *const[]){path};
    c.n_captures = 1;
    assert_int_equal(fix_try(&f, c, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, path));
    buf_finish(&f.resp.body);
    unlink(path);
}

/* --- the gold window, message by message --- */

static void drop_times(json_t *msg)
{
    json_object_del(msg, "ts");
    json_object_del(msg, "ts_ms");
}

/* The next book or trade message of the file, without sid, seq and times; NULL at its end. */
static json_t *next_recorded(FILE *in)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, in) != NULL) {
        json_t *j = json_loads(line, 0, NULL);
        json_t *event = json_incref(json_object_get(j, "event"));
        json_decref(j);
        assert_non_null(event);
        drop_times(json_object_get(event, "msg"));
        json_object_del(event, "sid");
        json_object_del(event, "seq");
        if (strcmp(fix_text(event, "type"), "trade") == 0 &&
            fix_get(event, "msg/is_block_trade") == NULL) {
            /* The window is three days older than this field; it is served in today's form. */
            json_object_set_new(json_object_get(event, "msg"), "is_block_trade", json_false());
        }
        return event;
    }
    return NULL;
}

static void compare_frames(struct peer *p, FILE *in, size_t *compared, int64_t seq[3])
{
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *got = json_array_get(p->frames, i);
        if (strcmp(fix_text(got, "type"), "subscribed") == 0) {
            continue;
        }
        int64_t sid = json_integer_value(json_object_get(got, "sid"));
        assert_true(sid == 1 || sid == 2);
        assert_int_equal(json_integer_value(json_object_get(got, "seq")), ++seq[sid]);
        drop_times(json_object_get(got, "msg"));
        json_object_del(got, "sid");
        json_object_del(got, "seq");
        json_object_del(got, "sending_ts_ms");
        json_t *want = next_recorded(in);
        if (!json_equal(got, want)) {
            char *a = json_dumps(got, 0);
            char *b = json_dumps(want, 0);
            fail_msg("message %zu\nserved   %s\nrecorded %s", *compared, a, b);
        }
        json_decref(want);
        (*compared)++;
    }
    json_array_clear(p->frames);
}

static void serve_window(const char *name, double speed)
{
    char path[512];
    char command[600];
    if (!shared_path(name, path, sizeof path)) {
        skip();
    }
    snprintf(command, sizeof command, "zstd -dcq '%s'", path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    struct sim_config c = sim_config_default();
    c.captures = (const char *const[]){path};
    c.n_captures = 1;
    c.speed = speed;
    c.wait_for_client = true;
    struct fix f = fix_make(c);
    struct peer *p = follow(&f, KEY_A);
    /* The trades' subscription is acknowledged after the first snapshot; nothing else differs. */
    size_t compared = 0;
    int64_t seq[3] = {0};
    while (!sim_finished(f.sim)) {
        fix_advance(&f, speed == 0 ? 0 : NS_PER_SEC);
        compare_frames(p, in, &compared, seq);
    }
    assert_null(next_recorded(in));
    pclose(in);
    print_message("%zu messages equal\n", compared);
    assert_true(compared > 20000);
    json_t *d = fix_dump(&f);
    assert_int_equal(json_integer_value(fix_get(d, "counters/clamped")), 0);
    json_decref(d);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void a_window_is_served_as_it_was_recorded(void **state)
{
    (void)state;
    serve_window("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst", 1);
}

static void a_window_with_a_reconnect_is_served_as_it_was_recorded(void **state)
{
    (void)state;
    serve_window("data/kalshi/ws/gold15m/KXGOLD15M-26AUG102030-30.jsonl.zst", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_at_the_recorded_pace_from_the_first_reader_on),
        cmocka_unit_test(orders_queue_in_the_recorded_book_and_the_close_cancels_them),
        cmocka_unit_test(a_recording_that_cannot_be_used_is_refused_with_its_name),
        cmocka_unit_test(a_window_is_served_as_it_was_recorded),
        cmocka_unit_test(a_window_with_a_reconnect_is_served_as_it_was_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
