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

static void a_looped_recording_begins_again_and_never_ends(void **state)
{
    (void)state;
    char path[64];
    struct sim_config c = sim_config_default();
    write_small(path, sizeof path);
    c.captures = (const char *const[]){path};
    c.n_captures = 1;
    c.loop_capture = true;
    struct fix f = fix_make(c);
    struct peer *p = follow(&f, KEY_A);
    fix_advance(&f, 0);
    for (int lap = 0; lap < 3; lap++) {
        size_t before = json_array_size(p->frames);
        int64_t seq = lap == 0 ? 1 : json_integer_value(fix_get(fix_nth(p, -1), "seq"));
        fix_advance(&f, NS_PER_SEC); /* the delta and the trade */
        assert_int_equal(json_array_size(p->frames), before + 2);
        assert_string_equal(fix_text(fix_nth(p, -2), "msg/delta_fp"), "-8.00");
        assert_int_equal(json_integer_value(fix_get(fix_nth(p, -2), "seq")), seq + 1);
        assert_int_equal(json_integer_value(fix_get(fix_nth(p, -2), "msg/ts_ms")),
                         f.wall / NS_PER_MS - 10); /* moved to this lap */
        fix_advance(&f, 2 * NS_PER_SEC);
        assert_null(fix_get(fix_nth(p, -1), "msg/yes_dollars_fp"));
        fix_advance(&f, NS_PER_SEC); /* a lap's end is a second after its last message */
        assert_string_equal(fix_text(fix_nth(p, -1), "type"), "orderbook_snapshot");
        assert_string_equal(fix_text(fix_nth(p, -1), "msg/yes_dollars_fp/0/1"), "10.00");
        assert_false(sim_finished(f.sim));
    }
    json_t *d = fix_dump(&f);
    assert_string_equal(fix_text(d, "markets/0/status"), "active");
    json_decref(d);
    assert_int_equal(place(&f, "bid", "1.00", "0.3000"), 201);
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

/* --- several recordings, and their end --- */

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "w");
    fputs(text, out);
    fclose(out);
}

#define SNAPSHOT(ms, ticker, yes, no)                                                              \
    "{\"recv_ms\":" #ms                                                                            \
    ",\"event\":{\"type\":\"orderbook_snapshot\",\"msg\":{\"market_ticker\":\"" ticker             \
    "\",\"yes_dollars_fp\":[[\"" yes "\",\"5.00\"]],\"no_dollars_fp\":[[\"" no                     \
    "\",\"5.00\"]]}}}\n"
#define DELTA(ms, ticker, px, qty)                                                                 \
    "{\"recv_ms\":" #ms                                                                            \
    ",\"event\":{\"type\":\"orderbook_delta\",\"msg\":{\"market_ticker\":\"" ticker                \
    "\",\"price_dollars\":\"" px "\",\"delta_fp\":\"" qty "\",\"side\":\"yes\"}}}\n"

/* A from 1 s, B from 2 s; a row of A after the last of B. */
static const char tape_a[] = SNAPSHOT(1000, "KXT-A-1", "0.4000", "0.5000")
    DELTA(2500, "KXT-A-1", "0.3000", "1.00") DELTA(6000, "KXT-A-1", "0.3000", "1.00");
static const char tape_b[] = SNAPSHOT(2000, "KXT-B-1", "0.7000", "0.2000")
    DELTA(2200, "KXT-B-1", "0.3000", "1.00") DELTA(2800, "KXT-B-1", "0.3000", "1.00");

static void order_of(int align, char *out, size_t cap)
{
    char a[] = "/tmp/sim-capture-XXXXXX";
    char b[] = "/tmp/sim-capture-XXXXXX";
    write_file(a, tape_a);
    write_file(b, tape_b);
    struct sim_config c = sim_config_default();
    const char *paths[] = {a, b};
    c.captures = paths;
    c.n_captures = 2;
    c.capture_align = align;
    c.wait_for_client = true;
    struct fix f = fix_make(c);
    struct peer *p = fix_connect(&f, KEY_A);
    fix_frame(&f, p,
              "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
              "\"market_tickers\":[\"KXT-A-1\",\"KXT-B-1\"]}}");
    fix_advance(&f, 0);
    json_array_clear(p->frames);
    out[0] = '\0';
    mono_ns_t start = f.now;
    for (int i = 0; i < 60; i++) {
        for (size_t k = 0; k < json_array_size(p->frames); k++) {
            json_t *j = json_array_get(p->frames, k);
            if (strcmp(fix_text(j, "type"), "orderbook_delta") == 0) {
                size_t n = strlen(out);
                snprintf(out + n, cap - n, "%c%lld ", fix_text(j, "msg/market_ticker")[4],
                         (long long)((f.now - start) / NS_PER_MS));
            }
        }
        json_array_clear(p->frames);
        fix_advance(&f, 100 * NS_PER_MS);
    }
    fix_disconnect(&f, p);
    fix_end(&f);
    unlink(a);
    unlink(b);
}

static void several_recordings_are_merged_by_time_or_begin_together(void **state)
{
    (void)state;
    char order[256];
    order_of(0, order, sizeof order);
    assert_string_equal(order, "B1200 A1500 B1800 A5000 ");
    order_of(1, order, sizeof order);
    assert_string_equal(order, "B200 B800 A1500 A5000 ");
}

/* How KXT-A-1 and KXT-B-1 end, as "status result" of each. */
static void end_of(int end, const char *outcomes, char *out, size_t cap)
{
    char a[] = "/tmp/sim-capture-XXXXXX";
    char b[] = "/tmp/sim-capture-XXXXXX";
    char o[] = "/tmp/sim-capture-XXXXXX";
    write_file(a, tape_a);
    write_file(b, tape_b);
    write_file(o, outcomes);
    struct sim_config c = sim_config_default();
    const char *paths[] = {a, b};
    const char *told[] = {o};
    c.captures = paths;
    c.n_captures = 2;
    c.capture_end = end;
    c.outcomes = told;
    c.n_outcomes = outcomes[0] != '\0' ? 1 : 0;
    c.wait_for_client = false;
    struct fix f = fix_make(c);
    for (int i = 0; i < 200; i++) {
        fix_advance(&f, 100 * NS_PER_MS);
    }
    assert_true(sim_finished(f.sim));
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXT-A-1", NULL), 200);
    int n = snprintf(out, cap, "%s %s ", fix_text(f.body, "market/status"),
                     fix_text(f.body, "market/result"));
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXT-B-1", NULL), 200);
    snprintf(out + n, cap - (size_t)n, "%s %s", fix_text(f.body, "market/status"),
             fix_text(f.body, "market/result"));
    fix_end(&f);
    unlink(a);
    unlink(b);
    unlink(o);
}

static void recorded_markets_settle_by_known_results_else_by_their_last_price(void **state)
{
    (void)state;
    char end[256];
    end_of(SIM_END_SETTLE, "", end, sizeof end); /* A is worth about .45, B about .75 */
    assert_string_equal(end, "finalized no finalized yes");
    end_of(SIM_END_SETTLE,
           "{\"response_body\":\"{\\\"markets\\\":[{\\\"ticker\\\":\\\"KXT-A-1\\\",\\\"result\\\":"
           "\\\"yes\\\"}]}\"}\n{\"market_ticker\":\"KXT-B-1\",\"result\":\"no\"}\n",
           end, sizeof end);
    assert_string_equal(end, "finalized yes finalized no");
    end_of(SIM_END_CLOSE, "", end, sizeof end);
    assert_string_equal(end, "closed  closed ");
    end_of(SIM_END_STAY, "", end, sizeof end);
    assert_string_equal(end, "active  active ");
}

static void results_that_cannot_be_read_are_refused_with_their_place(void **state)
{
    (void)state;
    struct fix f;
    struct err err = {0};
    char a[] = "/tmp/sim-capture-XXXXXX";
    char o[] = "/tmp/sim-capture-XXXXXX";
    write_file(a, tape_a);
    write_file(o, "{\"ticker\":\"KXT-A-1\",\"result\":\"yes\"}\nno json\n");
    struct sim_config c = sim_config_default();
    const char *paths[] = {a};
    const char *told[] = {o};
    c.captures = paths;
    c.outcomes = told;
    c.n_captures = c.n_outcomes = 1;
    assert_int_equal(fix_try(&f, c, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, o));
    assert_non_null(strstr(err.text, ":2"));
    buf_finish(&f.resp.body);
    FILE *out = fopen(o, "w");
    fputs("{\"ticker\":\"KXT-A-1\",\"result\":\"\"}\n", out);
    fclose(out);
    assert_int_equal(fix_try(&f, c, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, "no market's result"));
    buf_finish(&f.resp.body);
    unlink(a);
    unlink(o);
}

static void the_gold_windows_settle_as_the_exchange_said(void **state)
{
    (void)state;
    static const char *const names[] = {
        "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102045-45.jsonl.zst", /* last trade .53, result NO */
        "data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"};
    char paths[2][512];
    char told[512];
    if (!shared_path(names[0], paths[0], sizeof paths[0]) ||
        !shared_path(names[1], paths[1], sizeof paths[1]) ||
        !shared_path("data/kalshi/rest/gold15m_events.jsonl.zst", told, sizeof told)) {
        skip();
    }
    struct sim_config c = sim_config_default();
    const char *list[] = {paths[0], paths[1]};
    const char *outcomes[] = {told};
    c.captures = list;
    c.n_captures = 2;
    c.capture_align = 1;
    c.outcomes = outcomes;
    c.n_outcomes = 1;
    c.wait_for_client = false;
    c.speed = 20;
    struct fix f = fix_make(c);
    while (!sim_finished(f.sim)) {
        fix_advance(&f, 20 * NS_PER_MS);
    }
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXGOLD15M-26AUG102045-45", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/result"), "no");
    assert_int_equal(fix_request(&f, NULL, "GET", "/markets/KXGOLD15M-26AUG101900-00", NULL), 200);
    assert_string_equal(fix_text(f.body, "market/result"), "yes");
    assert_string_equal(fix_text(f.body, "market/status"), "finalized");
    fix_end(&f);
}

static void other_forms_of_recordings_are_served_too(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t messages;
    } rows[] = {{"data/kalshi/ws_legacy_cents/INXD-23AUG31-B4512.morning.jsonl.zst", 25000},
                {"data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst", 2890}};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        if (!shared_path(rows[i].name, path, sizeof path)) {
            skip();
        }
        struct sim_config c = sim_config_default();
        const char *list[] = {path};
        c.captures = list;
        c.n_captures = 1;
        c.wait_for_client = false;
        c.speed = 1000;
        struct fix f = fix_make(c);
        while (!sim_finished(f.sim)) {
            fix_advance(&f, 10 * NS_PER_MS);
        }
        json_t *d = fix_dump(&f);
        assert_int_equal(json_integer_value(fix_get(d, "counters/source_messages")),
                         rows[i].messages);
        assert_int_equal(json_integer_value(fix_get(d, "counters/clamped")), 0);
        assert_int_equal(json_integer_value(fix_get(d, "counters/source_errors")), 0);
        json_decref(d);
        fix_end(&f);
    }
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
        cmocka_unit_test(a_looped_recording_begins_again_and_never_ends),
        cmocka_unit_test(a_recording_that_cannot_be_used_is_refused_with_its_name),
        cmocka_unit_test(several_recordings_are_merged_by_time_or_begin_together),
        cmocka_unit_test(recorded_markets_settle_by_known_results_else_by_their_last_price),
        cmocka_unit_test(results_that_cannot_be_read_are_refused_with_their_place),
        cmocka_unit_test(the_gold_windows_settle_as_the_exchange_said),
        cmocka_unit_test(other_forms_of_recordings_are_served_too),
        cmocka_unit_test(a_window_is_served_as_it_was_recorded),
        cmocka_unit_test(a_window_with_a_reconnect_is_served_as_it_was_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
