/* Frames that are read with jansson, the exchange's example messages, and the client's commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "shared_data.h"
#include "wire/frame.h"
#include "wire_compare.h"

static struct frame accept(const char *s)
{
    struct frame f;
    struct err err = {ST_OK, ""};
    if (frame_decode(s, strlen(s), &f, &err) != ST_OK) {
        print_error("%s\n", err.text);
        fail();
    }
    return f;
}

static void refuse(const char *s, const char *named)
{
    struct frame f;
    struct err err = {ST_OK, ""};
    assert_int_equal(frame_decode(s, strlen(s), &f, &err), ST_MALFORMED);
    if (strstr(err.text, named) == NULL) {
        print_error("%s does not name %s\n", err.text, named);
        fail();
    }
}

static void replies_give_their_numbers(void **state)
{
    (void)state;
    struct frame f =
        accept("{\"type\":\"subscribed\",\"id\":1,\"msg\":{\"channel\":\"trade\",\"sid\":2}}\n");
    assert_int_equal(f.type, FRAME_SUBSCRIBED);
    assert_int_equal(f.id, 1);
    assert_int_equal(f.sid, 2);
    assert_string_equal(f.channel, "trade");
    f = accept("{\"type\":\"ok\",\"id\":6,\"sid\":1,\"seq\":9223372036854775807,\"msg\":{}}");
    assert_int_equal(f.type, FRAME_OK);
    assert_int_equal(f.seq, INT64_MAX);
    f = accept("{\"id\":102,\"sid\":2,\"seq\":7,\"type\":\"unsubscribed\"}");
    assert_int_equal(f.type, FRAME_UNSUBSCRIBED);
    assert_int_equal(f.seq, 7);
    f = accept("{\"type\":\"error\",\"id\":3,\"sid\":4,\"msg\":{\"code\":25,\"msg\":\"full\"}}");
    assert_int_equal(f.type, FRAME_ERROR);
    assert_int_equal(f.error_code, 25);
    assert_int_equal(f.sid, 4);
    assert_string_equal(f.text, "full");
}

static void a_long_error_text_is_cut_between_characters(void **state)
{
    (void)state;
    char s[1024] = "{\"type\":\"error\",\"msg\":{\"code\":1,\"msg\":\"";
    for (int i = 0; i < 100; i++) {
        strcat(s, "\xc3\xa9");
    }
    strcat(s, "\"}}");
    struct frame f = accept(s);
    assert_int_equal(strlen(f.text), FRAME_TEXT - 2);
    assert_int_equal((unsigned char)f.text[FRAME_TEXT - 3], 0xa9);
}

static void user_order_gives_its_state(void **state)
{
    (void)state;
    struct frame f = accept(
        "{\"type\":\"user_order\",\"sid\":22,\"msg\":{\"order_id\":\"o\",\"ticker\":\"A\","
        "\"exchange_index\":2,\"status\":\"resting\",\"side\":\"yes\",\"outcome_side\":\"no\","
        "\"yes_price_dollars\":\"0.0100\",\"fill_count_fp\":\"0.50\",\"remaining_count_fp\":"
        "\"1.25\",\"initial_count_fp\":\"1.75\",\"taker_fill_cost_dollars\":\"0.000001\","
        "\"maker_fees_dollars\":\"0.020000\",\"client_order_id\":\"c\",\"created_ts_ms\":5,"
        "\"last_updated_ts_ms\":7,\"last_update_reason\":\"Amend\",\"subaccount_number\":3}}");
    assert_int_equal(f.type, FRAME_USER_ORDER);
    assert_string_equal(f.order_id, "o");
    assert_string_equal(f.client_id, "c");
    assert_string_equal(f.ticker, "A");
    assert_string_equal(f.status, "resting");
    assert_string_equal(f.reason, "Amend");
    assert_int_equal(f.outcome, SIDE_NO);
    assert_int_equal(f.yes_px, 100);
    assert_int_equal(f.filled, 50);
    assert_int_equal(f.remaining, 125);
    assert_int_equal(f.initial, 175);
    assert_int_equal(f.taker_cost, 1);
    assert_int_equal(f.maker_fees, 20000);
    assert_int_equal(f.created_ms, 5);
    assert_int_equal(f.updated_ms, 7);
    assert_int_equal(f.ts_ms, 7);
    assert_int_equal(f.exchange_index, 2);
    assert_int_equal(f.subaccount, 3);
}

static void market_position_is_read_in_both_generations(void **state)
{
    (void)state;
    struct frame f = accept("{\"type\":\"market_position\",\"sid\":14,\"msg\":{\"market_ticker\":"
                            "\"A\",\"position_fp\":\"-3.50\",\"position_cost_dollars\":\"1.25\","
                            "\"realized_pnl_dollars\":\"-0.01\",\"fees_paid_dollars\":\"0.02\"}}");
    assert_int_equal(f.position, -350);
    assert_int_equal(f.position_cost, 1250000);
    assert_int_equal(f.realized, -10000);
    assert_int_equal(f.fees_paid, 20000);
    f = accept("{\"type\":\"market_position\",\"msg\":{\"market_ticker\":\"A\",\"position\":100,"
               "\"position_cost\":500000,\"realized_pnl\":-100000,\"fees_paid\":10000}}");
    assert_int_equal(f.position, 10000);
    assert_int_equal(f.position_cost, 50 * USD_ONE); /* 1e-4 USD: 500000 is $50 */
    assert_int_equal(f.realized, -10 * USD_ONE);
    assert_int_equal(f.fees_paid, USD_ONE);
}

static void lifecycle_gives_the_new_grid(void **state)
{
    (void)state;
    struct frame f =
        accept("{\"type\":\"market_lifecycle_v2\",\"sid\":13,\"seq\":4,\"msg\":{"
               "\"market_ticker\":\"A\",\"event_type\":\"price_level_structure_updated\","
               "\"price_ranges\":[{\"start\":\"0.0000\",\"end\":\"1.0000\",\"step\":"
               "\"0.0010\"}]}}");
    assert_true(f.has_grid);
    assert_int_equal(f.grid.levels, 999);
    f = accept("{\"type\":\"market_lifecycle_v2\",\"msg\":{\"market_ticker\":\"A\",\"event_type\":"
               "\"close_date_updated\",\"close_ts\":1798135200}}");
    assert_false(f.has_grid);
    assert_int_equal(f.close_ts, 1798135200);
}

static void unknown_types_keep_their_name(void **state)
{
    (void)state;
    struct frame f = accept("{\"type\":\"event_lifecycle\",\"sid\":5,\"seq\":6,\"msg\":[]}");
    assert_int_equal(f.type, FRAME_UNKNOWN);
    assert_string_equal(f.text, "event_lifecycle");
    assert_int_equal(f.seq, 6);
}

static void a_fault_names_its_key(void **state)
{
    (void)state;
    refuse("", "not JSON");
    refuse("{\"type\":\"ok\"", "not JSON");
    refuse("[1]", "not a JSON object");
    refuse("{\"id\":1}", "type");
    refuse("{\"type\":5}", "type");
    refuse("{\"type\":\"ok\",\"sid\":-1}", "sid");
    refuse("{\"type\":\"ok\",\"seq\":1.5}", "seq");
    refuse("{\"type\":\"error\"}", "error");
    refuse("{\"type\":\"error\",\"msg\":{\"code\":\"8\"}}", "code");
    refuse("{\"type\":\"subscribed\",\"msg\":{\"sid\":1}}", "channel");
    refuse("{\"type\":\"market_position\",\"msg\":{\"market_ticker\":\"A\"}}", "position");
    refuse("{\"type\":\"market_position\",\"msg\":{\"market_ticker\":\"A\",\"position_fp\":\"x\"}}",
           "position_fp");
    refuse(
        "{\"type\":\"market_lifecycle_v2\",\"msg\":{\"market_ticker\":\"A\",\"event_type\":\"x\","
        "\"price_ranges\":[{\"start\":\"0\",\"end\":\"1\",\"step\":\"0.3\"}]}}",
        "price_ranges");
    char s[512];
    snprintf(s, sizeof s,
             "{\"type\":\"market_position\",\"msg\":{\"position_fp\":\"1.00\",\"market_ticker\":\"%"
             "0*d\"}}",
             FRAME_TEXT, 0);
    refuse(s, "market_ticker: too long");
}

static void every_cut_of_a_frame_is_refused(void **state)
{
    (void)state;
    const char *s = "{\"type\":\"error\",\"id\":3,\"msg\":{\"code\":25,\"msg\":\"full\"}}";
    for (size_t n = 0; n < strlen(s); n++) {
        char *copy = malloc(n > 0 ? n : 1);
        struct frame f;
        memcpy(copy, s, n);
        assert_int_equal(frame_decode(copy, n, &f, NULL), ST_MALFORMED);
        free(copy);
    }
}

/* --- the example messages of the reference --- */

static char *slurp(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = malloc(1 << 20);
    *ret_n = fread(s, 1, 1 << 20, f);
    fclose(f);
    return s;
}

static struct wire_decoder hot_decoder, slow_decoder;

/* Both decoders on s; the type that they found, -1 when both refused. */
static int both(const char *path, const char *s, size_t n)
{
    struct wire_msg hot, slow;
    struct frame_doc *doc = NULL;
    enum status a = wire_decode(&hot_decoder, s, n, &hot, NULL);
    enum status b = frame_decode_hot(&slow_decoder, s, n, &slow, &doc);
    const char *what = a != b ? "status" : a == ST_OK ? compare_messages(&hot, &slow) : NULL;
    if (what != NULL) {
        print_error("%s: %s differs\n", path, what);
        fail();
    }
    frame_doc_free(doc);
    return a == ST_OK ? (int)hot.type : -1;
}

static void check_example(const char *path, unsigned found[FRAME_GROUP + 1], unsigned *hot)
{
    size_t n = 0;
    char *s = slurp(path, &n);
    json_t *root = json_loadb(s, n, 0, NULL);
    assert_non_null(root);
    char *compact = json_dumps(root, JSON_COMPACT);
    int type = both(path, s, n);
    assert_int_equal(both(path, compact, strlen(compact)), type);
    if (json_object_get(root, "type") == NULL) {
        assert_int_equal(type, -1); /* a command */
    } else if (type > WIRE_OTHER) {
        ++*hot;
    } else {
        struct frame f;
        struct err err = {ST_OK, ""};
        if (frame_decode(s, n, &f, &err) != ST_OK) {
            print_error("%s: %s\n", path, err.text);
            fail();
        }
        found[f.type]++;
    }
    free(compact);
    json_decref(root);
    free(s);
}

static void every_example_message_is_read(void **state)
{
    (void)state;
    char dir[512];
    if (!shared_path("reference/messages", dir, sizeof dir)) {
        skip();
    }
    assert_int_equal(wire_decoder_init(&hot_decoder, 1000), ST_OK);
    assert_int_equal(wire_decoder_init(&slow_decoder, 1000), ST_OK);
    char pattern[600];
    snprintf(pattern, sizeof pattern, "%s/ws_*.json", dir);
    glob_t g;
    assert_int_equal(glob(pattern, 0, NULL, &g), 0);
    unsigned found[FRAME_GROUP + 1] = {0};
    unsigned hot = 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        check_example(g.gl_pathv[i], found, &hot);
    }
    globfree(&g);
    wire_decoder_finish(&hot_decoder);
    wire_decoder_finish(&slow_decoder);
    assert_true(hot >= 19);
    for (int t = FRAME_UNKNOWN; t <= FRAME_GROUP; t++) {
        assert_true(found[t] > 0); /* each kind has an example */
    }
}

/* --- commands --- */

static void is_json(struct buf *b, const char *want)
{
    assert_false(b->failed);
    json_t *have = json_loadb(b->p, b->n, JSON_REJECT_DUPLICATES, NULL);
    json_t *expected = json_loads(want, 0, NULL);
    assert_non_null(have);
    assert_non_null(expected);
    if (!json_equal(have, expected)) {
        print_error("%s\n%s\n", b->p, want);
        fail();
    }
    json_decref(have);
    json_decref(expected);
    buf_clear(b);
}

static void commands_are_what_the_exchange_reads(void **state)
{
    (void)state;
    static const char *const channels[] = {"orderbook_delta", "trade"};
    static const char *const tickers[] = {"KXA-1", "KX\"B"};
    static const uint64_t sids[] = {1, UINT64_MAX / 2};
    struct buf b;
    buf_init(&b, 4096);
    frame_subscribe(&b, 7, channels, 2, tickers, 2, false);
    is_json(&b, "{\"id\":7,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
                "\"trade\"],\"market_tickers\":[\"KXA-1\",\"KX\\\"B\"],\"use_yes_price\":false}}");
    frame_subscribe(&b, 8, channels, 1, NULL, 0, true);
    is_json(&b, "{\"id\":8,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
                "\"use_yes_price\":true}}");
    frame_update(&b, 9, 4, FRAME_ADD_MARKETS, tickers, 1);
    is_json(&b, "{\"id\":9,\"cmd\":\"update_subscription\",\"params\":{\"sids\":[4],\"action\":"
                "\"add_markets\",\"market_tickers\":[\"KXA-1\"]}}");
    frame_update(&b, 10, 4, FRAME_DELETE_MARKETS, tickers, 1);
    is_json(&b, "{\"id\":10,\"cmd\":\"update_subscription\",\"params\":{\"sids\":[4],\"action\":"
                "\"delete_markets\",\"market_tickers\":[\"KXA-1\"]}}");
    frame_update(&b, 11, 4, FRAME_GET_SNAPSHOT, tickers, 1);
    is_json(&b, "{\"id\":11,\"cmd\":\"update_subscription\",\"params\":{\"sids\":[4],\"action\":"
                "\"get_snapshot\",\"market_tickers\":[\"KXA-1\"]}}");
    frame_unsubscribe(&b, 12, sids, 2);
    is_json(&b,
            "{\"id\":12,\"cmd\":\"unsubscribe\",\"params\":{\"sids\":[1,9223372036854775807]}}");
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_give_their_numbers),
        cmocka_unit_test(a_long_error_text_is_cut_between_characters),
        cmocka_unit_test(user_order_gives_its_state),
        cmocka_unit_test(market_position_is_read_in_both_generations),
        cmocka_unit_test(lifecycle_gives_the_new_grid),
        cmocka_unit_test(unknown_types_keep_their_name),
        cmocka_unit_test(a_fault_names_its_key),
        cmocka_unit_test(every_cut_of_a_frame_is_refused),
        cmocka_unit_test(every_example_message_is_read),
        cmocka_unit_test(commands_are_what_the_exchange_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
