/* REST bodies: own ones here, and every example and recorded answer of the shared data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "capture/capture.h"
#include "shared_data.h"
#include "wire/rest.h"

static char body[1 << 20];

/* A file of reference/messages in body; its length. */
static size_t example(const char *name)
{
    char file[128];
    char path[512];
    snprintf(file, sizeof file, "reference/messages/%s.json", name);
    if (!shared_path(file, path, sizeof path)) {
        skip();
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(body, 1, sizeof body, f);
    fclose(f);
    return n;
}

struct rows {
    unsigned n;
    union {
        struct rest_order order;
        struct rest_fill fill;
        struct rest_position position;
        struct rest_market market;
    } first;
    size_t size;
    unsigned stop_at;
};

static enum status keep_first(void *self, const void *row)
{
    struct rows *r = self;
    if (r->n++ == 0) {
        memcpy(&r->first, row, r->size);
    }
    return r->n == r->stop_at ? ST_CLOSED : ST_OK;
}

static void creates_and_cancels_are_read(void **state)
{
    (void)state;
    struct rest_ack a;
    struct err err;
    size_t n = example("rest_create_order_response_filled");
    assert_int_equal(rest_read_create(body, n, &a, &err), ST_OK);
    assert_string_equal(a.client_id, "2b8394e0-515e-4b89-b624-f34067756855");
    assert_int_equal(a.filled, 100);
    assert_int_equal(a.remaining, 0);
    assert_int_equal(a.average_px, 5200);
    assert_int_equal(a.ts_ms, 1781159370164);
    n = example("rest_create_order_response_resting");
    assert_int_equal(rest_read_create(body, n, &a, &err), ST_OK);
    assert_int_equal(a.average_px, 0);
    assert_int_equal(a.remaining, 100);
    n = example("rest_create_order_response_stp_zero_fill");
    assert_int_equal(rest_read_create(body, n, &a, &err), ST_OK);
    assert_int_equal(a.filled + a.remaining, 0);
    n = example("rest_cancel_order_response");
    assert_int_equal(rest_read_cancel(body, n, &a, &err), ST_OK);
    assert_int_equal(a.reduced_by, 100);
    assert_string_equal(a.client_id, "");
    assert_int_equal(rest_read_create(body, n, &a, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, "fill_count"));
}

static void orders_are_read(void **state)
{
    (void)state;
    struct rest_order o;
    struct rows rows = {.size = sizeof(struct rest_order)};
    char cursor[8] = "x";
    struct err err;
    size_t n = example("rest_get_order_resting");
    assert_int_equal(rest_read_order(body, n, &o, &err), ST_OK);
    assert_string_equal(o.status, "resting");
    assert_int_equal(o.outcome, SIDE_YES);
    assert_int_equal(o.yes_px, 100);
    assert_int_equal(o.remaining, 100);
    assert_int_equal(o.created, INT64_C(1781159360866753000));
    n = example("rest_get_orders");
    assert_int_equal(rest_read_orders(body, n, keep_first, &rows, cursor, sizeof cursor, &err),
                     ST_OK);
    assert_true(rows.n >= 3);
    assert_string_equal(cursor, "");
    assert_string_equal(rows.first.order.status, "executed");
    assert_int_equal(rows.first.order.taker_cost, 520000);
    assert_int_equal(rows.first.order.taker_fees, 17500);
}

static void rows_stop_with_the_callbacks_status(void **state)
{
    (void)state;
    struct rows rows = {.size = sizeof(struct rest_order), .stop_at = 2};
    char cursor[64];
    size_t n = example("rest_get_orders");
    assert_int_equal(rest_read_orders(body, n, keep_first, &rows, cursor, sizeof cursor, NULL),
                     ST_CLOSED);
    assert_int_equal(rows.n, 2);
}

static void fills_positions_and_markets_are_read(void **state)
{
    (void)state;
    char cursor[256];
    struct err err;
    struct rows fills = {.size = sizeof(struct rest_fill)};
    size_t n = example("rest_fills");
    assert_int_equal(rest_read_fills(body, n, keep_first, &fills, cursor, sizeof cursor, &err),
                     ST_OK);
    assert_int_equal(fills.n, 3);
    assert_int_equal(fills.first.fill.fee, 17500);
    assert_int_equal(fills.first.fill.yes_px, 5200);
    assert_true(fills.first.fill.is_taker);
    struct rows positions = {.size = sizeof(struct rest_position)};
    n = example("rest_positions");
    assert_int_equal(
        rest_read_positions(body, n, keep_first, &positions, cursor, sizeof cursor, &err), ST_OK);
    assert_int_equal(positions.n, 1);
    assert_int_equal(positions.first.position.position, 300);
    assert_int_equal(positions.first.position.exposure, 2500000);
    struct rows markets = {.size = sizeof(struct rest_market)};
    n = example("rest_markets_page_2026_10");
    assert_int_equal(rest_read_markets(body, n, keep_first, &markets, cursor, sizeof cursor, &err),
                     ST_OK);
    assert_true(markets.n > 0);
    assert_true(markets.first.market.has_grid);
    struct rest_market m;
    n = example("rest_market_2026_06");
    assert_int_equal(rest_read_market(body, n, &m, &err), ST_OK);
    assert_string_equal(m.ticker, "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP");
    assert_string_equal(m.structure, "linear_cent");
    assert_int_equal(m.grid.levels, 99);
    assert_true(m.close_time > m.open_time);
    n = example("rest_market_2026_10");
    assert_int_equal(rest_read_market(body, n, &m, &err), ST_OK);
}

static void account_reads_are_read(void **state)
{
    (void)state;
    struct err err;
    struct rest_balance b;
    size_t n = example("rest_balance");
    assert_int_equal(rest_read_balance(body, n, &b, &err), ST_OK);
    assert_int_equal(b.balance, 98018600);
    assert_int_equal(b.portfolio_value, 1980000);
    assert_int_equal(b.updated_s, 1781159348);
    static const char old[] = "{\"balance\":235084,\"portfolio_value\":10197}";
    assert_int_equal(rest_read_balance(old, sizeof old - 1, &b, &err), ST_OK);
    assert_int_equal(b.balance, 2350840000);
    struct rest_limits l;
    n = example("rest_account_limits_premier");
    assert_int_equal(rest_read_limits(body, n, &l, &err), ST_OK);
    assert_string_equal(l.tier, "premier");
    assert_int_equal(l.write_capacity, 2000);
    assert_int_equal(l.write_rate, 1000);
    assert_int_equal(l.read_capacity, 1000);
    wall_ns_t t;
    static const char as_of[] = "{\"as_of_time\":\"2026-06-11T06:29:20.5Z\"}";
    assert_int_equal(rest_read_as_of(as_of, sizeof as_of - 1, &t, &err), ST_OK);
    assert_int_equal(t, INT64_C(1781159360500000000));
    struct rest_series s;
    static const char series[] =
        "{\"series\":{\"ticker\":\"KX\",\"fee_type\":\"quadratic\",\"fee_multiplier\":0.035}}";
    assert_int_equal(rest_read_series(series, sizeof series - 1, &s, &err), ST_OK);
    assert_int_equal(s.fee_mult_micros, 35000);
}

static enum status keep_event(void *self, const void *row)
{
    memcpy(self, row, sizeof(struct rest_event));
    return ST_OK;
}

static void the_fees_of_an_event_are_read_where_it_has_its_own(void **state)
{
    (void)state;
    struct rest_event e;
    struct err err;
    char cursor[64];
    static const char page[] =
        "{\"cursor\":\"next\",\"events\":[{\"event_ticker\":\"KX-1\",\"series_ticker\":\"KX\","
        "\"fee_type_override\":\"quadratic\",\"fee_multiplier_override\":0.5}]}";
    assert_int_equal(
        rest_read_events(page, sizeof page - 1, keep_event, &e, cursor, sizeof cursor, &err),
        ST_OK);
    assert_string_equal(cursor, "next");
    assert_string_equal(e.ticker, "KX-1");
    assert_string_equal(e.fee_type, "quadratic");
    assert_int_equal(e.fee_mult_micros, 500000);
    static const char one[] = "{\"event\":{\"event_ticker\":\"KX-2\",\"fee_type_override\":null}}";
    assert_int_equal(rest_read_event(one, sizeof one - 1, &e, &err), ST_OK);
    assert_string_equal(e.fee_type, "");
    assert_int_equal(e.fee_mult_micros, 1000000);
    static const char wrong[] = "{\"event\":{\"event_ticker\":\"KX-2\",\"fee_type_override\":"
                                "\"quadratic\",\"fee_multiplier_override\":-1}}";
    assert_int_equal(rest_read_event(wrong, sizeof wrong - 1, &e, &err), ST_MALFORMED);
}

static void a_book_is_read_and_bounded(void **state)
{
    (void)state;
    struct wire_decoder d;
    struct wire_snapshot book;
    struct err err;
    assert_int_equal(wire_decoder_init(&d, 2), ST_OK);
    size_t n = example("rest_orderbook");
    assert_int_equal(rest_read_book(&d, body, n, &book, &err), ST_OK);
    assert_int_equal(book.n_yes, 1);
    assert_int_equal(book.n_no, 1);
    assert_int_equal(book.yes[0].px, 4700);
    assert_int_equal(book.no[0].px, 4800);
    assert_int_equal(book.no[0].qty, 300);
    static const char three[] = "{\"orderbook_fp\":{\"yes_dollars\":[[\"0.1\",\"1\"],[\"0.2\","
                                "\"1\"]],\"no_dollars\":[[\"0.1\",\"1\"]]}}";
    assert_int_equal(rest_read_book(&d, three, sizeof three - 1, &book, &err), ST_LIMIT);
    static const char none[] = "{\"orderbook_fp\":{\"yes_dollars\":null}}";
    assert_int_equal(rest_read_book(&d, none, sizeof none - 1, &book, &err), ST_OK);
    assert_int_equal(book.n_yes + book.n_no, 0);
    static const char bad[] = "{\"orderbook_fp\":{\"yes_dollars\":[[\"0.1\"]]}}";
    assert_int_equal(rest_read_book(&d, bad, sizeof bad - 1, &book, &err), ST_MALFORMED);
    wire_decoder_finish(&d);
}

static void error_is(const char *s, const char *code, const char *message, const char *details)
{
    struct rest_error e;
    rest_read_error(s, strlen(s), &e);
    assert_string_equal(e.code, code);
    assert_string_equal(e.message, message);
    assert_string_equal(e.details, details);
}

static void all_error_shapes_are_read(void **state)
{
    (void)state;
    error_is("{\"error\":{\"code\":\"invalid_order\",\"message\":\"invalid order\",\"details\":"
             "\"post only cross\",\"service\":\"exchange\"}}",
             "invalid_order", "invalid order", "post only cross");
    error_is("{\"code\":\"bad_request\",\"message\":\"bad request\",\"details\":\"d\"}",
             "bad_request", "bad request", "d");
    error_is("{\"msg\":\"Parameter validation failed\"}", "", "Parameter validation failed", "");
    error_is("{\"error\":\"too many requests\"}", "", "too many requests", "");
    error_is("404 page not found\n", "", "404 page not found", "");
    error_is("", "", "", "");
    error_is("[]", "", "[]", "");
    error_is("\x1b[31mred\n\xff", "", " [31mred", "");
    char s[2048];
    struct rest_error e;
    snprintf(s, sizeof s, "{\"code\":\"%0900d\"}", 1);
    rest_read_error(s, strlen(s), &e);
    assert_int_equal(strlen(e.code), sizeof e.code - 1);
}

static void legacy_rows_are_read(void **state)
{
    (void)state;
    static const char order[] =
        "{\"order\":{\"action\":\"sell\",\"client_order_id\":\"c\",\"fill_count\":1,"
        "\"initial_count\":3,\"maker_fill_cost_dollars\":\"\",\"order_id\":\"o\","
        "\"remaining_count\":2,\"side\":\"yes\",\"status\":\"resting\",\"taker_fees\":2,"
        "\"taker_fill_cost\":75,\"taker_fill_cost_dollars\":\"\",\"ticker\":\"A\",\"yes_price\":2,"
        "\"expiration_time\":null}}";
    struct rest_order o;
    struct err err;
    assert_int_equal(rest_read_order(order, sizeof order - 1, &o, &err), ST_OK);
    assert_int_equal(o.outcome, SIDE_NO);
    assert_int_equal(o.yes_px, 200);
    assert_int_equal(o.initial, 300);
    assert_int_equal(o.taker_cost, 750000);
    assert_int_equal(o.taker_fees, 20000);
    static const char fill[] = "{\"fills\":[{\"action\":\"buy\",\"count\":103,\"is_taker\":true,"
                               "\"market_ticker\":\"A\",\"order_id\":\"o\",\"side\":\"no\","
                               "\"trade_id\":\"t\",\"yes_price\":4}],\"cursor\":null}";
    struct rows rows = {.size = sizeof(struct rest_fill)};
    char cursor[8];
    assert_int_equal(
        rest_read_fills(fill, sizeof fill - 1, keep_first, &rows, cursor, sizeof cursor, &err),
        ST_OK);
    assert_int_equal(rows.first.fill.outcome, SIDE_NO);
    assert_int_equal(rows.first.fill.qty, 10300);
    assert_int_equal(rows.first.fill.yes_px, 400);
    assert_string_equal(rows.first.fill.ticker, "A");
}

static void an_error_body_is_no_empty_page(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "{\"error\":\"too many requests\"}",
                                      "{\"fills\":{}}",
                                      "{\"fills\":[1]}",
                                      "x",
                                      "{\"fills\":[{\"trade_id\":\"t\"}]}",
                                      "{\"fills\":[],\"cursor\":\"longer than it may be\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rows rows = {.size = sizeof(struct rest_fill)};
        char cursor[8];
        struct err err = {ST_OK, ""};
        assert_int_equal(
            rest_read_fills(bad[i], strlen(bad[i]), keep_first, &rows, cursor, sizeof cursor, &err),
            ST_MALFORMED);
        assert_string_not_equal(err.text, "");
    }
}

static void an_order_is_written_as_the_exchange_reads_it(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    rest_write_create(&b, &(struct rest_order_create){.ticker = "KXA",
                                                      .client_id = "c-1",
                                                      .group_id = "g",
                                                      .bid = false,
                                                      .yes_px = 6200,
                                                      .qty = 1050,
                                                      .tif = "good_till_canceled",
                                                      .post_only = true,
                                                      .expiration_s = 1798761600});
    json_t *have = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *want = json_loads(
        "{\"ticker\":\"KXA\",\"client_order_id\":\"c-1\",\"side\":\"ask\",\"count\":\"10.50\","
        "\"price\":\"0.6200\",\"time_in_force\":\"good_till_canceled\",\"post_only\":true,"
        "\"self_trade_prevention_type\":\"taker_at_cross\",\"expiration_time\":1798761600,"
        "\"order_group_id\":\"g\"}",
        0, NULL);
    assert_true(json_equal(have, want));
    json_decref(have);
    json_decref(want);
    buf_finish(&b);
}

static void the_text_to_sign_has_no_query(void **state)
{
    (void)state;
    char text[128];
    size_t n = 0;
    assert_int_equal(rest_sign_text(1781159364000, "DELETE", "/trade-api/v2/portfolio/x?a=b#c",
                                    text, sizeof text, &n),
                     ST_OK);
    assert_string_equal(text, "1781159364000DELETE/trade-api/v2/portfolio/x");
    assert_int_equal(n, strlen(text));
    assert_int_equal(rest_sign_text(1, "GET", "/12345", text, 11, &n), ST_OK);
    assert_int_equal(rest_sign_text(1, "GET", "/12345", text, 10, &n), ST_LIMIT);
}

/* --- recorded exchanges --- */

static enum status ignore_row(void *self, const void *row)
{
    (void)self;
    (void)row;
    return ST_OK;
}

/* Read an answer by what was asked; false when we have no reader for it. */
static bool read_answer(const char *method, const char *path, const char *s, size_t n,
                        enum status *st, struct err *err)
{
    char cursor[256];
    struct rest_ack ack;
    struct rest_order order;
    struct rest_market market;
    struct rest_balance balance;
    struct rest_limits limits;
    bool get = strcmp(method, "GET") == 0;
    if (strstr(path, "/portfolio/balance") != NULL) {
        *st = rest_read_balance(s, n, &balance, err);
    } else if (strstr(path, "/portfolio/fills") != NULL) {
        *st = rest_read_fills(s, n, ignore_row, NULL, cursor, sizeof cursor, err);
    } else if (strstr(path, "/portfolio/positions") != NULL) {
        *st = rest_read_positions(s, n, ignore_row, NULL, cursor, sizeof cursor, err);
    } else if (strstr(path, "/portfolio/events/orders") != NULL) {
        *st = strcmp(method, "POST") == 0 ? rest_read_create(s, n, &ack, err)
                                          : rest_read_cancel(s, n, &ack, err);
    } else if (strstr(path, "/portfolio/orders/") != NULL ||
               (!get && strstr(path, "/portfolio/orders") != NULL)) {
        *st = rest_read_order(s, n, &order, err);
    } else if (strstr(path, "/portfolio/orders") != NULL) {
        *st = rest_read_orders(s, n, ignore_row, NULL, cursor, sizeof cursor, err);
    } else if (strstr(path, "/markets?") != NULL) {
        *st = rest_read_markets(s, n, ignore_row, NULL, cursor, sizeof cursor, err);
    } else if (strstr(path, "/markets/") != NULL && strstr(path, "/orderbook") == NULL &&
               strstr(path, "/trades") == NULL) {
        *st = rest_read_market(s, n, &market, err);
    } else if (strstr(path, "/account/limits") != NULL) {
        *st = rest_read_limits(s, n, &limits, err);
    } else if (strstr(path, "/orderbook") != NULL) {
        struct wire_decoder d;
        struct wire_snapshot book;
        assert_int_equal(wire_decoder_init(&d, 500), ST_OK);
        *st = rest_read_book(&d, s, n, &book, err);
        wire_decoder_finish(&d);
    } else {
        return false;
    }
    return true;
}

static const char *text_at(const json_t *o, const char *a, const char *b)
{
    const char *s = json_string_value(json_object_get(o, a));
    return s != NULL ? s : json_string_value(json_object_get(o, b));
}

static unsigned check_recorded(const char *name)
{
    char path[512];
    if (!shared_path(name, path, sizeof path)) {
        skip();
    }
    struct capture *cap = NULL;
    struct capture_line line;
    unsigned read = 0;
    assert_int_equal(capture_open(path, 0, &cap, NULL), ST_OK);
    while (capture_next(cap, &line) == ST_OK) {
        json_t *root = json_loadb(line.msg.p, line.msg.n, 0, NULL);
        const json_t *request = json_object_get(root, "request");
        request = request != NULL ? request : root;
        const char *method = text_at(request, "method", "method");
        const char *url = text_at(request, "path", "uri");
        url = url != NULL ? url : text_at(request, "url", "url");
        const char *text = text_at(root, "response_text", "response_body");
        assert_non_null(text);
        struct err err = {ST_OK, ""};
        enum status st = ST_OK;
        if (json_integer_value(json_object_get(root, "status")) >= 400) {
            struct rest_error e;
            rest_read_error(text, strlen(text), &e);
            assert_true(e.code[0] != '\0' || e.message[0] != '\0');
            read++;
        } else if (read_answer(method, url, text, strlen(text), &st, &err)) {
            if (st != ST_OK) {
                print_error("%s:%llu: %s %s: %s\n", name, (unsigned long long)line.number, method,
                            url, err.text);
                fail();
            }
            read++;
        }
        json_decref(root);
    }
    capture_close(cap);
    return read;
}

static void every_recorded_answer_is_read(void **state)
{
    (void)state;
    /* Not read: fee changes, endpoint costs, exchange status, settlements, public trades. */
    assert_int_equal(check_recorded("data/kalshi/rest/demo_event_contracts_2026-06-11.jsonl.zst"),
                     57 - 6);
    assert_int_equal(check_recorded("data/kalshi/rest/demo_orderbooks_2026-07-01.jsonl"), 6);
    assert_int_equal(check_recorded("data/kalshi/rest/legacy_vcr_2025-11_2025-12.jsonl.zst"), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_and_cancels_are_read),
        cmocka_unit_test(orders_are_read),
        cmocka_unit_test(rows_stop_with_the_callbacks_status),
        cmocka_unit_test(fills_positions_and_markets_are_read),
        cmocka_unit_test(account_reads_are_read),
        cmocka_unit_test(the_fees_of_an_event_are_read_where_it_has_its_own),
        cmocka_unit_test(a_book_is_read_and_bounded),
        cmocka_unit_test(all_error_shapes_are_read),
        cmocka_unit_test(legacy_rows_are_read),
        cmocka_unit_test(an_error_body_is_no_empty_page),
        cmocka_unit_test(an_order_is_written_as_the_exchange_reads_it),
        cmocka_unit_test(the_text_to_sign_has_no_query),
        cmocka_unit_test(every_recorded_answer_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
