/* Claims about the hot decoder. The claims about real messages are in test_real.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/frame.h"
#include "wire_compare.h"

#define TICKER "KXRAIN-26DEC24-T3.5"
#define UUID   "6f1d2c3b-0a1b-4c2d-8e3f-1234567890ab"

#define DELTA                                                                                      \
    "{\"type\":\"orderbook_delta\",\"sid\":3,\"seq\":123456789012,\"msg\":{\"market_ticker\":"     \
    "\"" TICKER "\",\"market_id\":\"" UUID                                                         \
    "\",\"price_dollars\":\"0.3700\",\"delta_fp\":\"-12.50\","                                     \
    "\"side\":\"no\",\"ts\":\"2026-12-24T18:00:00.5Z\",\"ts_ms\":1798135200500}}"
#define DELTA_OWN                                                                                  \
    "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":2,\"msg\":{\"market_ticker\":\"" TICKER       \
    "\",\"market_id\":\"" UUID "\",\"price_dollars\":\"0.0001\",\"delta_fp\":\"3.00\",\"side\":"   \
    "\"yes\",\"ts\":\"2026-12-24T18:00:00Z\",\"ts_ms\":1798135200500,\"client_order_id\":"         \
    "\"own-1\",\"subaccount\":0},\"sending_ts_ms\":1798135200504}\n"
#define DELTA_CENTS                                                                                \
    "{\"type\":\"orderbook_delta\",\"msg\":{\"market_ticker\":\"" TICKER "\",\"price\":37,"        \
    "\"delta\":-12,\"side\":\"yes\"}}"
#define SNAPSHOT                                                                                   \
    "{\"type\":\"orderbook_snapshot\",\"id\":44,\"sid\":1,\"seq\":1,\"msg\":{\"market_ticker\":"   \
    "\"" TICKER "\",\"market_id\":\"" UUID                                                         \
    "\",\"yes_dollars_fp\":[[\"0.0100\",\"100.00\"],[\"0.3700\""                                   \
    ",\"2.25\"]],\"no_dollars_fp\":[[\"0.0050\",\"123456789.07\"]]}}"
#define SNAPSHOT_EMPTY                                                                             \
    "{\"type\":\"orderbook_snapshot\",\"sid\":1,\"seq\":9,\"msg\":{\"market_ticker\":\"" TICKER    \
    "\",\"market_id\":\"" UUID "\"}}"
#define SNAPSHOT_CENTS                                                                             \
    "{\"type\":\"orderbook_snapshot\",\"msg\":{\"market_ticker\":\"" TICKER "\",\"yes\":[[11,135]" \
    ",[12,1]],\"no\":[]}}"
#define SNAPSHOT_ALL_FORMS                                                                         \
    "{\"type\":\"orderbook_snapshot\",\"sid\":2,\"seq\":2,\"msg\":{\"market_ticker\":\"" TICKER    \
    "\",\"yes\":[[8,300]],\"yes_dollars\":[[\"0.081\",301]],\"yes_dollars_fp\":[[\"0.0820\","      \
    "\"302.00\"]],\"no\":[[54,20]],\"no_dollars\":[[\"0.541\",21]]}}"
#define TRADE                                                                                      \
    "{\"type\":\"trade\",\"sid\":2,\"seq\":77,\"msg\":{\"trade_id\":\"" UUID                       \
    "\",\"market_ticker\":\"" TICKER "\",\"yes_price_dollars\":\"0.4400\",\"no_price_dollars\":"   \
    "\"0.5600\",\"count_fp\":\"1.07\",\"taker_side\":\"yes\",\"taker_outcome_side\":\"no\","       \
    "\"taker_book_side\":\"ask\",\"is_block_trade\":true,\"ts\":1798135200,\"ts_ms\":"             \
    "1798135200647}}\n"
#define TRADE_CENTS                                                                                \
    "{\"type\":\"trade\",\"sid\":2,\"msg\":{\"market_ticker\":\"" TICKER "\",\"yes_price\":36,"    \
    "\"no_price\":64,\"count\":136,\"taker_side\":\"no\",\"ts\":1669149841}}"
#define FILL                                                                                       \
    "{\"type\":\"fill\",\"sid\":4,\"msg\":{\"trade_id\":\"t-1\",\"order_id\":\"o-1\","             \
    "\"client_order_id\":\"c-1\",\"market_ticker\":\"" TICKER "\",\"exchange_index\":2,"           \
    "\"is_taker\":true,\"side\":\"yes\",\"ts\":1798135200,\"ts_ms\":1798135200379,"                \
    "\"yes_price_dollars\":\"0.1700\",\"count_fp\":\"5.52\",\"fee_cost\":\"0.054600\",\"action\":" \
    "\"sell\",\"post_position_fp\":\"-5.52\",\"purchased_side\":\"yes\",\"outcome_side\":\"no\","  \
    "\"book_side\":\"ask\",\"subaccount\":3}}"
#define FILL_OLD                                                                                   \
    "{\"type\":\"fill\",\"sid\":13,\"msg\":{\"trade_id\":\"t\",\"order_id\":\"o\","                \
    "\"market_ticker\":\"" TICKER "\",\"is_taker\":false,\"side\":\"yes\",\"yes_price\":75,"       \
    "\"count\":278,\"action\":\"sell\",\"ts\":1671899397,\"post_position\":-500}}"
#define OTHER                                                                                      \
    "{\"type\":\"ok\",\"id\":7,\"sid\":1,\"seq\":8,\"msg\":{\"market_tickers\":[\"A\",\"B\"]}}"

static const char *const messages[] = {
    DELTA, DELTA_OWN,   DELTA_CENTS, SNAPSHOT, SNAPSHOT_EMPTY, SNAPSHOT_CENTS, SNAPSHOT_ALL_FORMS,
    TRADE, TRADE_CENTS, FILL,        FILL_OLD, OTHER,
};
#define N_MESSAGES (sizeof messages / sizeof messages[0])

static struct wire_decoder decoder;

static int setup(void **state)
{
    (void)state;
    return wire_decoder_init(&decoder, 8) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    wire_decoder_finish(&decoder);
    return 0;
}

/* Decode a copy that ends where its memory ends, so that ASan sees a read too far. */
static enum status decode_exact(const char *s, size_t n, struct wire_msg *ret, char **ret_copy)
{
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, s, n);
    size_t pos = n;
    enum status st = wire_decode(&decoder, copy, n, ret, &pos);
    assert_true(pos <= n);
    if (ret_copy != NULL) {
        *ret_copy = copy;
    } else {
        free(copy);
    }
    return st;
}

static void accept(const char *s, struct wire_msg *ret)
{
    size_t pos = 0;
    enum status st = wire_decode(&decoder, s, strlen(s), ret, &pos);
    if (st != ST_OK) {
        print_error("%s at byte %zu of %s\n", status_name(st), pos, s);
    }
    assert_int_equal(st, ST_OK);
}

static void refuse(const char *s, enum status want)
{
    struct wire_msg m;
    enum status st = wire_decode(&decoder, s, strlen(s), &m, NULL);
    if (st != want) {
        print_error("%s, not %s, for %s\n", status_name(st), status_name(want), s);
    }
    assert_int_equal(st, want);
}

static void assert_text(struct text t, const char *want)
{
    assert_int_equal(t.n, strlen(want));
    assert_memory_equal(t.p, want, t.n);
}

static void delta_gives_its_integers(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(DELTA, &m);
    assert_int_equal(m.type, WIRE_DELTA);
    assert_int_equal(m.sid, 3);
    assert_int_equal(m.seq, 123456789012);
    assert_int_equal(m.id, 0);
    assert_int_equal(m.ts_ms, 1798135200500);
    assert_int_equal(m.sending_ts_ms, 0);
    assert_text(m.u.delta.ticker, TICKER);
    assert_int_equal(m.u.delta.client_id.n, 0);
    assert_int_equal(m.u.delta.px, 3700);
    assert_int_equal(m.u.delta.qty, -1250);
    assert_int_equal(m.u.delta.side, SIDE_NO);
    accept(DELTA_OWN, &m);
    assert_text(m.u.delta.client_id, "own-1");
    assert_int_equal(m.sending_ts_ms, 1798135200504);
    assert_int_equal(m.u.delta.px, 1);
    assert_int_equal(m.u.delta.side, SIDE_YES);
}

static void legacy_delta_without_sid_and_seq_is_read_as_cents(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(DELTA_CENTS, &m);
    assert_int_equal(m.sid, 0);
    assert_int_equal(m.seq, 0);
    assert_int_equal(m.ts_ms, 0);
    assert_int_equal(m.u.delta.px, 3700);
    assert_int_equal(m.u.delta.qty, -1200);
}

static void text_wins_over_legacy_integers_in_any_order(void **state)
{
    (void)state;
    struct wire_msg m;
    accept("{\"type\":\"orderbook_delta\",\"msg\":{\"price_dollars\":\"0.375\",\"price\":37,"
           "\"delta\":-12,\"delta_fp\":\"-12.25\",\"side\":\"no\",\"market_ticker\":\"A\"}}",
           &m);
    assert_int_equal(m.u.delta.px, 3750);
    assert_int_equal(m.u.delta.qty, -1225);
    accept(SNAPSHOT_ALL_FORMS, &m);
    assert_int_equal(m.u.snapshot.n_yes, 1);
    assert_int_equal(m.u.snapshot.yes[0].px, 820);
    assert_int_equal(m.u.snapshot.yes[0].qty, 30200);
    assert_int_equal(m.u.snapshot.n_no, 1);
    assert_int_equal(m.u.snapshot.no[0].px, 5410);
    assert_int_equal(m.u.snapshot.no[0].qty, 2100);
}

static void snapshot_gives_its_levels(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(SNAPSHOT, &m);
    assert_int_equal(m.type, WIRE_SNAPSHOT);
    assert_int_equal(m.id, 44);
    assert_int_equal(m.u.snapshot.n_yes, 2);
    assert_int_equal(m.u.snapshot.yes[0].px, 100);
    assert_int_equal(m.u.snapshot.yes[0].qty, 10000);
    assert_int_equal(m.u.snapshot.yes[1].px, 3700);
    assert_int_equal(m.u.snapshot.yes[1].qty, 225);
    assert_int_equal(m.u.snapshot.n_no, 1);
    assert_int_equal(m.u.snapshot.no[0].px, 50);
    assert_int_equal(m.u.snapshot.no[0].qty, 12345678907);
    accept(SNAPSHOT_EMPTY, &m);
    assert_int_equal(m.u.snapshot.n_yes + m.u.snapshot.n_no, 0);
    accept(SNAPSHOT_CENTS, &m);
    assert_int_equal(m.u.snapshot.n_yes, 2);
    assert_int_equal(m.u.snapshot.yes[1].px, 1200);
    assert_int_equal(m.u.snapshot.yes[1].qty, 100);
    assert_int_equal(m.u.snapshot.n_no, 0);
}

static void snapshot_with_more_levels_than_the_scratch_is_over_the_limit(void **state)
{
    (void)state;
    char s[512] =
        "{\"type\":\"orderbook_snapshot\",\"msg\":{\"market_ticker\":\"A\",\"yes\":[[1,1]";
    struct wire_msg m;
    for (int i = 2; i <= 8; i++) {
        snprintf(s + strlen(s), sizeof s - strlen(s), ",[%d,1]", i);
    }
    size_t n = strlen(s);
    snprintf(s + n, sizeof s - n, "]}}");
    accept(s, &m);
    assert_int_equal(m.u.snapshot.n_yes, 8);
    snprintf(s + n, sizeof s - n, ",[9,1]]}}");
    refuse(s, ST_LIMIT);
    snprintf(s + n, sizeof s - n, "],\"no\":[[1,1]]}}");
    refuse(s, ST_LIMIT);
}

static void trade_gives_its_integers(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(TRADE, &m);
    assert_int_equal(m.type, WIRE_TRADE);
    assert_text(m.u.trade.trade_id, UUID);
    assert_int_equal(m.u.trade.yes_px, 4400);
    assert_int_equal(m.u.trade.qty, 107);
    assert_int_equal(m.u.trade.taker, SIDE_NO); /* taker_outcome_side wins over taker_side */
    assert_true(m.u.trade.block);
    assert_int_equal(m.ts_ms, 1798135200647);
    accept(TRADE_CENTS, &m);
    assert_int_equal(m.u.trade.trade_id.n, 0);
    assert_int_equal(m.u.trade.yes_px, 3600);
    assert_int_equal(m.u.trade.qty, 13600);
    assert_int_equal(m.u.trade.taker, SIDE_NO);
    assert_false(m.u.trade.block);
    assert_int_equal(m.ts_ms, 0);
}

static void fill_gives_its_integers(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(FILL, &m);
    const struct wire_fill *f = &m.u.fill;
    assert_int_equal(m.type, WIRE_FILL);
    assert_text(f->trade_id, "t-1");
    assert_text(f->order_id, "o-1");
    assert_text(f->client_id, "c-1");
    assert_text(f->ticker, TICKER);
    assert_int_equal(f->yes_px, 1700);
    assert_int_equal(f->qty, 552);
    assert_true(f->has_fee);
    assert_int_equal(f->fee, 54600);
    assert_int_equal(f->outcome, SIDE_NO); /* outcome_side wins */
    assert_true(f->is_taker);
    assert_true(f->has_post_position);
    assert_int_equal(f->post_position, -552);
    assert_int_equal(f->exchange_index, 2);
    assert_int_equal(f->subaccount, 3);
}

static void legacy_fill_sold_yes_is_no_acquired(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(FILL_OLD, &m);
    assert_int_equal(m.u.fill.outcome, SIDE_NO);
    assert_int_equal(m.u.fill.yes_px, 7500);
    assert_int_equal(m.u.fill.qty, 27800);
    assert_false(m.u.fill.has_fee);
    assert_int_equal(m.u.fill.post_position, -50000);
    assert_int_equal(m.u.fill.client_id.n, 0);
}

static void other_types_give_their_envelope(void **state)
{
    (void)state;
    struct wire_msg m;
    accept(OTHER, &m);
    assert_int_equal(m.type, WIRE_OTHER);
    assert_int_equal(m.id, 7);
    assert_int_equal(m.sid, 1);
    assert_int_equal(m.seq, 8);
    accept("{\"type\":\"fills\"}", &m);
    assert_int_equal(m.type, WIRE_OTHER);
}

static void every_cut_is_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MESSAGES; i++) {
        size_t n = strlen(messages[i]);
        size_t whole = messages[i][n - 1] == '\n' ? n - 1 : n;
        struct wire_msg m;
        for (size_t k = 0; k < whole; k++) {
            enum status st = decode_exact(messages[i], k, &m, NULL);
            if (st != ST_TRUNCATED) {
                print_error("%s for %.*s\n", status_name(st), (int)k, messages[i]);
            }
            assert_int_equal(st, ST_TRUNCATED);
        }
        for (size_t k = whole; k <= n; k++) {
            assert_int_equal(decode_exact(messages[i], k, &m, NULL), ST_OK);
        }
    }
}

/* Any one byte changed, but not to an exponent: 1e98135200 is out of jansson's range only. */
static void every_changed_byte_is_judged_as_jansson_does(void **state)
{
    (void)state;
    static const char with[] = {'"', '\\', '{', '}', '[', ']', ',', ':', '0',        '9',       '-',
                                '.', ' ',  'n', 't', 'x', '/', 1,   0,   (char)0xc3, (char)0xff};
    struct wire_decoder twin;
    assert_int_equal(wire_decoder_init(&twin, 8), ST_OK);
    for (size_t i = 0; i < N_MESSAGES; i++) {
        size_t n = strlen(messages[i]);
        for (size_t k = 0; k < n * sizeof with; k++) {
            char s[1024];
            memcpy(s, messages[i], n);
            s[k / sizeof with] = with[k % sizeof with];
            struct wire_msg a, b;
            struct frame_doc *doc = NULL;
            char *copy;
            enum status hot = decode_exact(s, n, &a, &copy);
            enum status slow = frame_decode_hot(&twin, s, n, &b, &doc);
            bool escape = memchr(s, '\\', n) != NULL;
            if ((hot == ST_OK) != (slow == ST_OK) && !escape) {
                print_error("%s and %s for %.*s\n", status_name(hot), status_name(slow), (int)n, s);
                fail();
            }
            if (hot == ST_OK && slow == ST_OK) {
                assert_null(compare_messages(&a, &b));
            }
            free(copy);
            frame_doc_free(doc);
        }
    }
    wire_decoder_finish(&twin);
}

/* White space after each token that is outside of strings. */
static size_t spread(const char *s, char *out)
{
    static const char *const space[] = {" ", "\n", "\t\r", "   \n  "};
    size_t n = 0;
    bool string = false;
    for (size_t i = 0; s[i] != '\0'; i++) {
        bool mark = !string && strchr("{}[],:", s[i]) != NULL;
        const char *blank = space[i % 4];
        if (mark) {
            memcpy(out + n, blank, strlen(blank));
            n += strlen(blank);
        }
        out[n++] = s[i];
        string = s[i] == '"' ? !string : string;
        if (mark) {
            memcpy(out + n, blank, strlen(blank));
            n += strlen(blank);
        }
    }
    return n;
}

static void white_space_changes_nothing(void **state)
{
    (void)state;
    struct wire_decoder other;
    assert_int_equal(wire_decoder_init(&other, 8), ST_OK);
    for (size_t i = 0; i < N_MESSAGES; i++) {
        char s[4096];
        size_t n = spread(messages[i], s);
        struct wire_msg a, b;
        char *copy;
        assert_int_equal(decode_exact(s, n, &a, &copy), ST_OK);
        assert_int_equal(wire_decode(&other, messages[i], strlen(messages[i]), &b, NULL), ST_OK);
        assert_null(compare_messages(&a, &b));
        for (size_t k = 0; k < n - 16; k++) {
            assert_int_equal(decode_exact(s, k, &b, NULL), ST_TRUNCATED);
        }
        free(copy);
    }
    wire_decoder_finish(&other);
}

/* All orders of the keys of msg, by turning the list of its parts, and msg before type. */
static void the_order_of_keys_changes_nothing(void **state)
{
    (void)state;
    static const char *const parts[] = {"\"market_ticker\":\"" TICKER "\"",
                                        "\"market_id\":\"" UUID "\"",
                                        "\"price_dollars\":\"0.3700\"",
                                        "\"delta_fp\":\"-12.50\"",
                                        "\"side\":\"no\"",
                                        "\"ts\":\"2026-12-24T18:00:00.5Z\"",
                                        "\"ts_ms\":1798135200500"};
    enum { N = sizeof parts / sizeof parts[0] };
    struct wire_msg want;
    accept(DELTA, &want);
    for (int turn = 0; turn < N * N; turn++) {
        char msg[512] = "";
        for (int i = 0; i < N; i++) {
            int k = (turn % N + i * (1 + turn / N % (N - 1))) % N; /* N is prime: a permutation */
            snprintf(msg + strlen(msg), sizeof msg - strlen(msg), "%s%s", i > 0 ? "," : "",
                     parts[k]);
        }
        char s[1024];
        struct wire_msg m;
        snprintf(s, sizeof s,
                 "{\"type\":\"orderbook_delta\",\"sid\":3,\"seq\":123456789012,\"msg\":{%s}}", msg);
        accept(s, &m);
        assert_null(compare_messages(&m, &want));
        snprintf(s, sizeof s,
                 "{\"msg\":{%s},\"seq\":123456789012,\"sid\":3,\"type\":\"orderbook_delta\"}", msg);
        accept(s, &m);
        assert_null(compare_messages(&m, &want));
    }
}

#define BODY "\"price\":1,\"delta\":1,\"side\":\"no\""

static void unknown_keys_of_any_value_are_skipped(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",         "-0.5e+3",
        "true",      "false",
        "null",      "\"a\\u00e9\\\\ \\ud83d\\ude00\"",
        "[]",        "{}",
        "[[],[{}]]", "{\"market_ticker\":\"X\",\"a\":[1,2,{\"b\":\"}\"}]}",
        "1e999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char s[512];
        struct wire_msg m;
        snprintf(s, sizeof s,
                 "{\"x\":%s,\"type\":\"orderbook_delta\",\"y\":%s,\"msg\":{\"a\":%s,"
                 "\"market_ticker\":\"A\",\"b\":%s," BODY ",\"c\":%s},\"z\":%s}",
                 values[i], values[i], values[i], values[i], values[i], values[i]);
        accept(s, &m);
        assert_text(m.u.delta.ticker, "A");
        assert_int_equal(m.u.delta.px, 100);
    }
}

static void nesting_of_skipped_values_is_bounded(void **state)
{
    (void)state;
    char s[256];
    char open[80];
    char shut[80];
    struct wire_msg m;
    memset(open, '[', sizeof open);
    memset(shut, ']', sizeof shut);
    snprintf(s, sizeof s, "{\"type\":\"x\",\"y\":%.64s%.64s}", open, shut);
    accept(s, &m);
    snprintf(s, sizeof s, "{\"type\":\"x\",\"y\":%.65s%.65s}", open, shut);
    refuse(s, ST_MALFORMED);
}

static void what_is_required_is_required(void **state)
{
    (void)state;
#define D(body) "{\"type\":\"orderbook_delta\",\"msg\":{" body "}}"
#define T(body) "{\"type\":\"trade\",\"msg\":{" body "}}"
#define F(body) "{\"type\":\"fill\",\"msg\":{" body "}}"
    static const char *const bad[] = {
        D("\"price\":1,\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta\":1"),
        D("\"market_ticker\":null," BODY),
        T("\"yes_price\":1,\"count\":1,\"taker_side\":\"no\""),
        T("\"market_ticker\":\"A\",\"count\":1,\"taker_side\":\"no\""),
        T("\"market_ticker\":\"A\",\"yes_price\":1,\"taker_side\":\"no\""),
        T("\"market_ticker\":\"A\",\"yes_price\":1,\"count\":1"),
        F("\"order_id\":\"o\",\"market_ticker\":\"A\",\"is_taker\":true,\"yes_price\":1,"
          "\"count\":1,\"outcome_side\":\"no\""),
        F("\"trade_id\":\"t\",\"market_ticker\":\"A\",\"is_taker\":true,\"yes_price\":1,"
          "\"count\":1,\"outcome_side\":\"no\""),
        F("\"trade_id\":\"t\",\"order_id\":\"o\",\"market_ticker\":\"A\",\"is_taker\":true,"
          "\"yes_price\":1,\"count\":1,\"side\":\"no\""),
        F("\"trade_id\":\"t\",\"order_id\":\"o\",\"market_ticker\":\"A\",\"is_taker\":true,"
          "\"yes_price\":1,\"count\":1,\"side\":\"no\",\"action\":\"\""),
        "{\"type\":\"orderbook_snapshot\",\"msg\":{\"yes\":[]}}",
        "{\"type\":\"orderbook_snapshot\"}",
        "{\"type\":\"orderbook_delta\",\"msg\":null}",
        "{\"type\":\"orderbook_delta\",\"msg\":[]}",
        "{\"sid\":1}",
        "{\"type\":1}",
        "{}",
        "[]",
        "1",
        "null",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i], ST_MALFORMED);
    }
}

static void wrong_forms_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        D("\"market_ticker\":7," BODY),
        D("\"market_ticker\":\"A\",\"price_dollars\":1,\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price_dollars\":\"\",\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price_dollars\":\"0.12345\",\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price_dollars\":\"0.1:00\",\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1.0,\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":01,\"delta\":1,\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta_fp\":\"1.001\",\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta_fp\":\"--1.00\",\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta_fp\":\"1.0a\",\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta_fp\":\"1e2\",\"side\":\"no\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta\":1,\"side\":\"maybe\""),
        D("\"market_ticker\":\"A\",\"price\":1,\"delta\":1,\"side\":\"YES\""),
        D("\"market_ticker\":\"A\",\"side\":\"yes\"," BODY),
        D("\"market_ticker\":\"A\",\"ts_ms\":-1," BODY),
        D("\"market_ticker\":\"A\",\"ts_ms\":\"1\"," BODY),
        D("\"market_ticker\":\"A\\u0041\"," BODY),
        D("\"market\\u005fticker\":\"A\"," BODY),
        D("\"market_ticker\":\"A\"," BODY ","),
        D(","
          "\"market_ticker\":\"A\"," BODY),
        D("\"market_ticker\":\"\x01\"," BODY),
        D("\"market_ticker\":\"\xff\"," BODY),
        D("\"market_ticker\":\"\xed\xa0\x80\"," BODY),
        D("\"market_ticker\":\"A\",\"x\":\"\\ud800\"," BODY),
        D("\"market_ticker\":\"A\"," BODY) "x",
        D("\"market_ticker\":\"A\"," BODY) "{}",
        "{\"type\":\"ok\",\"sid\":-1}",
        "{\"type\":\"ok\",\"sid\":1.5}",
        "{\"type\":\"ok\",\"seq\":9223372036854775808}",
        "{\"type\":\"ok\",\"type\":\"ok\"}",
        "\xef\xbb\xbf{\"type\":\"ok\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i], ST_MALFORMED);
    }
}

static void integers_of_every_length_are_read(void **state)
{
    (void)state;
    uint64_t v = 0;
    for (int digits = 1; digits <= 19; digits++) {
        v = v * 10 + (uint64_t)(digits % 9 + 1) - (digits == 19 ? 1 : 0);
        for (int tail = 0; tail < 24; tail++) { /* near the end of the text and far from it */
            char s[128];
            struct wire_msg m;
            snprintf(s, sizeof s, "{\"type\":\"ok\",\"seq\":%llu}%*s", (unsigned long long)v, tail,
                     "");
            char *copy;
            assert_int_equal(decode_exact(s, strlen(s), &m, &copy), ST_OK);
            assert_int_equal(m.seq, v);
            free(copy);
        }
    }
    struct wire_msg m;
    accept("{\"type\":\"ok\",\"seq\":9223372036854775807,\"sid\":0,\"id\":-0}", &m);
    assert_int_equal(m.seq, INT64_MAX);
}

static void counts_and_prices_of_every_length_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t qty;
    } counts[] = {{"0.00", 0},
                  {"-0.01", -1},
                  {"7", 700},
                  {"7.5", 750},
                  {"007.50", 750},
                  {"12345678.90", 1234567890},
                  {"-123456789.01", -12345678901},
                  {"1000000000000.00", 100000000000000},
                  {"1.000", 100}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char s[256];
        struct wire_msg m;
        snprintf(s, sizeof s,
                 D("\"market_ticker\":\"A\",\"price\":1,\"side\":\"no\",\"delta_fp\":\"%s\""),
                 counts[i].text);
        char *copy;
        assert_int_equal(decode_exact(s, strlen(s), &m, &copy), ST_OK);
        assert_int_equal(m.u.delta.qty, counts[i].qty);
        free(copy);
    }
    for (int64_t px = 0; px <= 10000; px += 7) {
        char s[256];
        char text[MONEY_TEXT_MAX];
        struct wire_msg m;
        px_format(px, text);
        snprintf(s, sizeof s,
                 D("\"market_ticker\":\"A\",\"delta\":1,\"side\":\"no\",\"price_dollars\":\"%s\""),
                 text);
        accept(s, &m);
        assert_int_equal(m.u.delta.px, px);
    }
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    struct wire_msg m;
    accept("{\"type\":\"orderbook_delta\",\"id\":null,\"sending_ts_ms\":null,\"msg\":{"
           "\"market_ticker\":\"A\",\"price_dollars\":null,\"client_order_id\":null,\"ts_ms\":"
           "null," BODY "}}",
           &m);
    assert_int_equal(m.u.delta.px, 100);
    assert_int_equal(m.ts_ms, 0);
    accept("{\"type\":\"orderbook_snapshot\",\"msg\":{\"market_ticker\":\"A\",\"yes_dollars_fp\":"
           "null,\"no_dollars_fp\":null}}",
           &m);
    assert_int_equal(m.u.snapshot.n_yes + m.u.snapshot.n_no, 0);
}

static void the_position_of_a_fault_is_told(void **state)
{
    (void)state;
    const char *s = D("\"market_ticker\":\"A\",\"price\":x");
    struct wire_msg m;
    size_t pos = 0;
    assert_int_equal(wire_decode(&decoder, s, strlen(s), &m, &pos), ST_MALFORMED);
    assert_int_equal(s[pos], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_gives_its_integers),
        cmocka_unit_test(legacy_delta_without_sid_and_seq_is_read_as_cents),
        cmocka_unit_test(text_wins_over_legacy_integers_in_any_order),
        cmocka_unit_test(snapshot_gives_its_levels),
        cmocka_unit_test(snapshot_with_more_levels_than_the_scratch_is_over_the_limit),
        cmocka_unit_test(trade_gives_its_integers),
        cmocka_unit_test(fill_gives_its_integers),
        cmocka_unit_test(legacy_fill_sold_yes_is_no_acquired),
        cmocka_unit_test(other_types_give_their_envelope),
        cmocka_unit_test(every_cut_is_truncated),
        cmocka_unit_test(every_changed_byte_is_judged_as_jansson_does),
        cmocka_unit_test(white_space_changes_nothing),
        cmocka_unit_test(the_order_of_keys_changes_nothing),
        cmocka_unit_test(unknown_keys_of_any_value_are_skipped),
        cmocka_unit_test(nesting_of_skipped_values_is_bounded),
        cmocka_unit_test(what_is_required_is_required),
        cmocka_unit_test(wrong_forms_are_refused),
        cmocka_unit_test(integers_of_every_length_are_read),
        cmocka_unit_test(counts_and_prices_of_every_length_are_read),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(the_position_of_a_fault_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
