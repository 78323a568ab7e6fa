/* test_gateway.c - every class of answer, the order of requests, pages, retries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "gateway_rig.h"

#define CREATED                                                                                    \
    "{\"order_id\":\"order-9\",\"fill_count\":\"0.40\",\"remaining_count\":\"0.60\","              \
    "\"average_fill_price\":\"0.4700\",\"ts_ms\":1781159364123}"
#define NESTED(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}"

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_start(&rig, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* --- what is sent --- */

static void create_is_a_post_of_the_yes_leg(void **state)
{
    (void)state;
    struct gw_request q = rig_create_order(&rig);
    q.outcome = SIDE_NO; /* acquiring NO sells the YES leg */
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    assert_int_equal(rig.req.method, HTTP_POST);
    assert_string_equal(rig.req.path, "/trade-api/v2/portfolio/events/orders");
    assert_string_equal(rig.req.query, "");
    assert_false(rig.req.may_retry_connect);
    assert_int_equal(rig.req.deadline, rig.now + 5 * NS_PER_SEC);
    assert_int_equal(rig.req.body_len, strlen(rig.req.body));
    assert_non_null(strstr(rig.req.body, "\"ask\""));
    assert_non_null(strstr(rig.req.body, "\"0.4700\""));
    assert_non_null(strstr(rig.req.body, "client-1"));
    assert_false(rig_next(&rig));
}

static void cancel_is_a_delete_routed_by_ticker(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_CANCEL);
    snprintf(q.ticker, sizeof q.ticker, "KX.A-1");
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    assert_int_equal(rig.req.method, HTTP_DELETE);
    assert_string_equal(rig.req.path, "/trade-api/v2/portfolio/events/orders/order-1");
    assert_string_equal(rig.req.query, "market_ticker=KX.A-1");
    assert_string_equal(rig.req.body, "");
}

static void lists_carry_their_filters(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_FILLS);
    snprintf(q.order_id, sizeof q.order_id, "a b&c");
    q.min_ts_s = 1781159000;
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    assert_string_equal(rig.req.path, "/trade-api/v2/portfolio/fills");
    assert_string_equal(rig.req.query, "limit=1000&order_id=a%20b%26c&min_ts=1781159000");
    q = rig_request(&rig, GW_LIST_MARKETS);
    snprintf(q.series, sizeof q.series, "KXBTC");
    snprintf(q.status, sizeof q.status, "open");
    q.rows_max = 30;
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    assert_string_equal(rig.req.path, "/trade-api/v2/markets");
    assert_string_equal(rig.req.query, "limit=30&series_ticker=KXBTC&status=open");
}

static void several_tickers_stand_behind_the_request(void **state)
{
    (void)state;
    struct {
        struct gw_request q;
        char tickers[24];
    } r;
    r.q = rig_request(&rig, GW_LIST_MARKETS);
    snprintf(r.tickers, sizeof r.tickers, "A-1,B-2,C-3");
    r.q.size = sizeof r;
    rig_submit(&rig, &r.q);
    assert_true(rig_next(&rig));
    assert_string_equal(rig.req.query, "limit=1000&tickers=A-1,B-2,C-3");
    rig_answer(&rig, 200, "{\"markets\":[],\"cursor\":\"\"}");
    assert_int_equal(rig.last.outcome, GW_OK);
}

static void texts_that_must_not_stand_in_a_path_are_not_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/b", "..", "a?b", "a b", "%2e"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct gw_request q = rig_request(&rig, GW_CANCEL);
        snprintf(q.order_id, sizeof q.order_id, "%s", bad[i]);
        rig_submit(&rig, &q);
        assert_int_equal(rig.last.req_id, q.req_id);
        assert_int_equal(rig.last.outcome, GW_NOT_SENT);
        assert_false(rig_next(&rig));
    }
}

static void requests_that_make_no_sense_are_not_sent(void **state)
{
    (void)state;
    struct gw_request q[8];
    for (int i = 0; i < 8; i++) {
        q[i] = rig_create_order(&rig);
    }
    q[0].yes_px = 0;
    q[1].yes_px = PX_ONE;
    q[2].qty = 0;
    q[3].qty = -100;
    q[4].tif = 9;
    q[5].outcome = 2;
    q[6].client_id[0] = '\0';
    memset(q[7].ticker, 'A', sizeof q[7].ticker); /* no NUL */
    for (int i = 0; i < 8; i++) {
        rig_submit(&rig, &q[i]);
        assert_int_equal(rig.last.req_id, q[i].req_id);
        assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    }
    struct gw_request odd = rig_request(&rig, GW_OP_MAX);
    rig_submit(&rig, &odd);
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    assert_false(rig_next(&rig));
    assert_int_equal(gateway_open(rig.gw), 0);
}

/* --- outcomes of a create --- */

static void readable_201_is_ok(void **state)
{
    (void)state;
    struct gw_request q = rig_create_order(&rig);
    rig_call(&rig, &q, 201, CREATED);
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.http_status, 201);
    assert_string_equal(rig.last.order_id, "order-9");
    assert_string_equal(rig.last.client_id, "client-1");
    assert_int_equal(rig.last.filled, 40);
    assert_int_equal(rig.last.remaining, 60);
    assert_int_equal(rig.last.average_px, 4700);
    assert_int_equal(rig.last.engine_ms, 1781159364123);
    assert_int_equal(rig.last.h.mkt, 3);
    assert_int_equal(rig.last.signed_wall, RIG_WALL + rig.now);
    assert_int_equal(rig.last.sent_mono, rig.now);
    q = rig_create_order(&rig);
    rig_call(&rig, &q, 200, CREATED);
    assert_int_equal(rig.last.outcome, GW_OK);
}

static void expect_create(int status, const char *body, enum gw_outcome want, const char *code)
{
    struct gw_request q = rig_create_order(&rig);
    uint32_t before = rig.n;
    rig_call(&rig, &q, status, body);
    assert_int_equal(rig.n, before + 1);
    assert_int_equal(rig.last.outcome, want);
    assert_int_equal(rig.last.http_status, status);
    assert_string_equal(rig.last.error_code, code);
    assert_string_equal(rig.last.client_id, q.client_id);
    rig.now += 10 * NS_PER_SEC;
    assert_false(rig_next(&rig)); /* whatever came, it is not sent again */
}

static void unreadable_2xx_of_a_create_is_unknown(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "not json", "{}",
                                         "{\"order_id\":\"\",\"fill_count\":\"0.00\","
                                         "\"remaining_count\":\"1.00\",\"ts_ms\":1}",
                                         "{\"order_id\":\"x\",\"fill_count\":\"0.00\","
                                         "\"remaining_count\":\"1.00\",\"ts_ms\":1,"
                                         "\"client_order_id\":\"of-somebody-else\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_create(i % 2 == 0 ? 201 : 200, bodies[i], GW_UNKNOWN, "unreadable_answer");
    }
}

static void refusals_of_a_create_are_certain(void **state)
{
    (void)state;
    expect_create(400, NESTED("insufficient_balance"), GW_REJECTED, "insufficient_balance");
    expect_create(400, "{\"code\":\"bad_request\",\"message\":\"bad request\"}", GW_REJECTED,
                  "bad_request");
    expect_create(404, NESTED("market_not_found"), GW_REJECTED, "market_not_found");
    expect_create(409, NESTED("order_already_exists"), GW_REJECTED, "order_already_exists");
    expect_create(410, "gone", GW_REJECTED, "http_error");
    expect_create(401, NESTED("header_timestamp_expired"), GW_AUTH, "header_timestamp_expired");
    expect_create(403, NESTED("forbidden"), GW_AUTH, "forbidden");
}

static void too_many_requests_is_certain_and_pauses_writes(void **state)
{
    (void)state;
    struct gw_request q = rig_create_order(&rig);
    rig_call(&rig, &q, 429, "{\"error\":\"too many requests\"}");
    assert_int_equal(rig.last.outcome, GW_RATE_LIMIT);
    assert_int_equal(gateway_stats(rig.gw)->write_tokens, 0);
    struct gw_request next = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &next);
    assert_false(rig_next(&rig));
    assert_int_equal(gateway_deadline(rig.gw), rig.now + NS_PER_SEC);
    struct gw_request read = rig_request(&rig, GW_GET_BALANCE);
    rig_submit(&rig, &read);
    assert_true(rig_next(&rig)); /* reads have their own bucket */
    rig.now += NS_PER_SEC;
    assert_true(rig_next(&rig));
}

static void server_errors_of_a_create_are_unknown(void **state)
{
    (void)state;
    static const int statuses[] = {500, 502, 503, 504, 302, 408, 418, 199};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        expect_create(statuses[i], "", GW_UNKNOWN, "http_error");
    }
}

static void lost_creates_are_unknown_and_unsent_ones_are_not(void **state)
{
    (void)state;
    static const struct {
        enum http_fate fate;
        enum gw_outcome outcome;
        const char *code;
    } rows[] = {{HTTP_TIMEOUT, GW_UNKNOWN, "timeout"},
                {HTTP_CUT, GW_UNKNOWN, "connection_cut"},
                {HTTP_NEVER_SENT, GW_NOT_SENT, "never_sent"}};
    for (size_t i = 0; i < 3; i++) {
        struct gw_request q = rig_create_order(&rig);
        rig_submit(&rig, &q);
        assert_true(rig_next(&rig));
        rig_fate(&rig, rows[i].fate);
        assert_int_equal(rig.last.outcome, rows[i].outcome);
        assert_string_equal(rig.last.error_code, rows[i].code);
        rig.now += 10 * NS_PER_SEC;
        assert_false(rig_next(&rig));
    }
}

/* --- cancels --- */

static void cancel_answers_what_it_took_off(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_CANCEL);
    rig_call(&rig, &q, 200, "{\"order_id\":\"order-1\",\"reduced_by\":\"0.60\",\"ts_ms\":7}");
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.remaining, 60);
    q = rig_request(&rig, GW_CANCEL);
    rig_call(&rig, &q, 404, NESTED("not_found"));
    assert_int_equal(rig.last.outcome, GW_NOT_FOUND);
    assert_string_equal(rig.last.order_id, "order-1");
    q = rig_request(&rig, GW_CANCEL);
    rig_call(&rig, &q, 200, "{\"order_id\":\"order-2\",\"reduced_by\":\"0.60\",\"ts_ms\":7}");
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
}

static void cancel_is_tried_once_more_only_when_it_never_left(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    rig_fate(&rig, HTTP_NEVER_SENT);
    assert_int_equal(rig.n, 0);
    assert_true(rig_next(&rig));
    rig_fate(&rig, HTTP_NEVER_SENT);
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    q = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    rig_fate(&rig, HTTP_TIMEOUT);
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
    assert_false(rig_next(&rig));
}

/* --- reads --- */

static void reads_are_tried_again_with_growing_waits_and_an_end(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_GET_BALANCE);
    mono_ns_t wait = 250 * NS_PER_MS;
    rig_submit(&rig, &q);
    for (int i = 0; i < 4; i++) {
        assert_true(rig_next(&rig));
        if (i % 2 == 0) {
            rig_fate(&rig, HTTP_TIMEOUT);
        } else {
            rig_answer(&rig, 503, "");
        }
        if (i < 3) {
            assert_int_equal(rig.n, 0);
            assert_false(rig_next(&rig));
            assert_int_equal(gateway_deadline(rig.gw), rig.now + wait);
            rig.now += wait;
            wait *= 2;
        }
    }
    assert_int_equal(rig.n, 1);
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
    assert_int_equal(gateway_stats(rig.gw)->retries, 3);
    assert_int_equal(gateway_deadline(rig.gw), NS_NEVER);
}

static void read_that_succeeds_later_is_ok(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_GET_BALANCE);
    rig_submit(&rig, &q);
    assert_true(rig_next(&rig));
    rig_answer(&rig, 429, "");
    rig.now += 2 * NS_PER_SEC;
    assert_true(rig_next(&rig));
    rig_answer(&rig, 200,
               "{\"balance\":9801,\"balance_dollars\":\"98.0186\",\"portfolio_value\":250,"
               "\"updated_ts\":1781159364}");
    assert_int_equal(rig.n, 1);
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.balance, 98018600);
    assert_int_equal(rig.last.portfolio_value, 2500000);
}

static void refused_reads_are_not_tried_again(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_GET_ORDER);
    rig_call(&rig, &q, 404, NESTED("not_found"));
    assert_int_equal(rig.last.outcome, GW_NOT_FOUND);
    q = rig_request(&rig, GW_GET_BALANCE);
    rig_call(&rig, &q, 401, NESTED("authentication_error"));
    assert_int_equal(rig.last.outcome, GW_AUTH);
    q = rig_request(&rig, GW_LIST_ORDERS);
    rig_call(&rig, &q, 400, "{\"msg\":\"Parameter validation failed\"}");
    assert_int_equal(rig.last.outcome, GW_REJECTED);
    assert_int_equal(gateway_open(rig.gw), 0);
}

#define POSITION(t)                                                                                \
    "{\"ticker\":\"" t "\",\"position_fp\":\"-1.00\",\"market_exposure_dollars\":\"0.5\","         \
    "\"realized_pnl_dollars\":\"0.1\",\"fees_paid_dollars\":\"0.02\"}"

static void pages_are_followed_to_the_empty_cursor(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_POSITIONS);
    rig_call(&rig, &q, 200,
             "{\"market_positions\":[" POSITION("A") "," POSITION("B") "],\"cursor\":\"c/1\"}");
    assert_int_equal(rig.n, 1);
    assert_int_equal(rig.last.flags, GW_ANSWER_MORE);
    assert_int_equal(rig.last.n_rows, 2);
    assert_true(rig_next(&rig));
    assert_string_equal(rig.req.query, "limit=1000&cursor=c%2F1");
    rig_answer(&rig, 200, "{\"market_positions\":[" POSITION("C") "],\"cursor\":null}");
    assert_int_equal(rig.n, 2);
    assert_int_equal(rig.last.flags, 0);
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.row_kind, GW_ROW_POSITION);
    const struct ev_position *p = (const struct ev_position *)(const void *)rig.first_row;
    assert_string_equal(p->ticker, "C");
    assert_int_equal(p->position, -100);
    assert_int_equal(p->cost, 500000);
    assert_int_equal(gateway_open(rig.gw), 0);
}

static void cursor_that_repeats_ends_the_list_as_unknown(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_POSITIONS);
    rig_call(&rig, &q, 200, "{\"market_positions\":[],\"cursor\":\"c\"}");
    assert_true(rig_next(&rig));
    rig_answer(&rig, 200, "{\"market_positions\":[],\"cursor\":\"c\"}");
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
    assert_string_equal(rig.last.error_code, "repeated_cursor");
    assert_int_equal(gateway_open(rig.gw), 0);
}

static void list_without_end_is_ended(void **state)
{
    (void)state;
    rig_stop(&rig);
    struct gateway_config c = gateway_config_default();
    c.pages_max = 5;
    rig_start(&rig, &c);
    struct gw_request q = rig_request(&rig, GW_LIST_POSITIONS);
    rig_submit(&rig, &q);
    for (int i = 0; i < 5; i++) {
        char body[80];
        assert_true(rig_next(&rig));
        snprintf(body, sizeof body, "{\"market_positions\":[],\"cursor\":\"c%d\"}", i);
        rig_answer(&rig, 200, body);
    }
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
    assert_string_equal(rig.last.error_code, "too_many_pages");
    assert_false(rig_next(&rig));
}

static void long_pages_come_in_parts_that_fit(void **state)
{
    (void)state;
    char *body = malloc(1 << 20);
    size_t n = (size_t)sprintf(body, "{\"market_positions\":[");
    for (int i = 0; i < 1000; i++) {
        n += (size_t)sprintf(body + n, "%s" POSITION("T-%d"), i > 0 ? "," : "", i);
    }
    sprintf(body + n, "],\"cursor\":\"\"}");
    struct gw_request q = rig_request(&rig, GW_LIST_POSITIONS);
    rig_call(&rig, &q, 200, body);
    assert_int_equal(rig.rows, 1000);
    assert_true(rig.n > 1);
    assert_true(rig.biggest <= gateway_config_default().answer_bytes_max);
    assert_int_equal(rig.finals[q.req_id], 1);
    free(body);
}

static void levels_of_a_book_stay_on_their_sides_over_parts(void **state)
{
    (void)state;
    rig_stop(&rig);
    struct gateway_config c = gateway_config_default();
    c.answer_bytes_max = sizeof(struct ev_answer) + sizeof(struct ev_market) + 64;
    rig_start(&rig, &c);
    struct gw_request q = rig_request(&rig, GW_GET_BOOK);
    char body[8192];
    size_t n = (size_t)sprintf(body, "{\"orderbook_fp\":{\"yes_dollars\":[");
    for (int i = 1; i <= 50; i++) {
        n += (size_t)sprintf(body + n, "%s[\"0.%02d00\",\"5.00\"]", i > 1 ? "," : "", i);
    }
    n += (size_t)sprintf(body + n, "],\"no_dollars\":[");
    for (int i = 1; i <= 45; i++) {
        n += (size_t)sprintf(body + n, "%s[\"0.%02d00\",\"7.00\"]", i > 1 ? "," : "", i);
    }
    sprintf(body + n, "]}}");
    rig_call(&rig, &q, 200, body);
    assert_int_equal(rig.rows, 95);
    assert_true(rig.n > 1);
    assert_int_equal(rig.last.row_kind, GW_ROW_LEVEL);
    assert_int_equal(rig.last.n_yes, 0); /* the last part holds NO levels only */
}

static void list_with_as_of_reads_the_time_first(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_ORDERS);
    q.flags = GW_WITH_AS_OF;
    rig_call(&rig, &q, 200, "{\"as_of_time\":\"2026-06-11T06:29:20.866753Z\"}");
    assert_int_equal(rig.n, 0);
    assert_string_equal(rig.req.path, "/trade-api/v2/exchange/user_data_timestamp");
    assert_true(rig_next(&rig));
    assert_string_equal(rig.req.path, "/trade-api/v2/portfolio/orders");
    rig_answer(&rig, 200, "{\"orders\":[],\"cursor\":\"\"}");
    wall_ns_t want = 0;
    assert_int_equal(time_parse("2026-06-11T06:29:20.866753Z", 27, &want), ST_OK);
    assert_int_equal(rig.last.as_of, want);
    assert_int_equal(rig.last.outcome, GW_OK);
}

static void list_whose_time_cannot_be_read_is_unknown(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_ORDERS);
    q.flags = GW_WITH_AS_OF;
    rig_submit(&rig, &q);
    for (int i = 0; i < 4; i++) {
        assert_true(rig_next(&rig));
        rig_answer(&rig, 200, "{}");
        rig.now += 10 * NS_PER_SEC;
    }
    assert_int_equal(rig.last.outcome, GW_UNKNOWN);
    assert_int_equal(rig.last.as_of, 0);
    assert_false(rig_next(&rig));
}

static void limits_of_the_account_set_the_buckets(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_GET_LIMITS);
    rig_call(&rig, &q, 200,
             "{\"usage_tier\":\"premier\",\"read\":{\"refill_rate\":1000,"
             "\"bucket_capacity\":1000},\"write\":{\"refill_rate\":1000,"
             "\"bucket_capacity\":2000}}");
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.write_capacity, 2000);
    rig.now += 5 * NS_PER_SEC;
    uint32_t sent = 0;
    for (int i = 0; i < 14; i++) {
        struct gw_request o = rig_create_order(&rig);
        rig_submit(&rig, &o);
        sent += rig_next(&rig);
    }
    assert_int_equal(sent, 14); /* Basic would have stopped at 8: 100 tokens, 20 of them kept */
}

/* --- order and budget --- */

static void cancels_go_before_creates_and_those_before_reads(void **state)
{
    (void)state;
    struct gw_request read = rig_request(&rig, GW_GET_BALANCE);
    struct gw_request create = rig_create_order(&rig);
    struct gw_request cancel = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &read);
    rig_submit(&rig, &create);
    rig_submit(&rig, &cancel);
    static const enum http_method want[] = {HTTP_DELETE, HTTP_POST, HTTP_GET};
    for (int i = 0; i < 3; i++) {
        assert_true(rig_next(&rig));
        assert_int_equal(rig.req.method, want[i]);
    }
}

static void tokens_are_kept_for_cancels(void **state)
{
    (void)state;
    uint32_t creates = 0;
    for (int i = 0; i < 12; i++) {
        struct gw_request q = rig_create_order(&rig);
        rig_submit(&rig, &q);
        creates += rig_next(&rig);
    }
    assert_int_equal(creates, 8); /* 100 tokens, 20 kept */
    uint32_t cancels = 0;
    for (int i = 0; i < 7; i++) {
        struct gw_request q = rig_request(&rig, GW_CANCEL);
        rig_submit(&rig, &q);
        cancels += rig_next(&rig) && rig.req.method == HTTP_DELETE;
    }
    assert_int_equal(cancels, 7);
}

static void create_that_waited_too_long_is_not_sent(void **state)
{
    (void)state;
    rig_stop(&rig);
    struct gateway_config c = gateway_config_default();
    c.pause_429_ns = 2 * NS_PER_SEC;
    rig_start(&rig, &c);
    struct gw_request first = rig_create_order(&rig);
    rig_call(&rig, &first, 429, "");
    struct gw_request q = rig_create_order(&rig);
    rig_submit(&rig, &q);
    assert_false(rig_next(&rig));
    /* The pause of 2 s outlasts the 1 s that a create may wait. */
    while (rig.last.req_id != q.req_id) {
        mono_ns_t at = gateway_deadline(rig.gw);
        assert_true(at > rig.now && at < rig.now + 5 * NS_PER_SEC);
        rig.now = at;
        if (rig.finals[q.req_id] == 0 && rig_next(&rig)) {
            fail_msg("sent after %lld ns", (long long)(rig.now - 1000 * NS_PER_SEC));
        }
    }
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    assert_string_equal(rig.last.error_code, "waited_too_long");
    assert_int_equal(gateway_open(rig.gw), 0);
}

static void places_are_kept_for_orders_and_cancels(void **state)
{
    (void)state;
    rig_stop(&rig);
    struct gateway_config c = gateway_config_default();
    c.in_flight_max = 4;
    rig_start(&rig, &c);
    uint32_t sent = 0;
    for (int i = 0; i < 6; i++) {
        struct gw_request q = rig_request(&rig, GW_GET_BALANCE);
        rig_submit(&rig, &q);
        sent += rig_next(&rig);
    }
    assert_int_equal(sent, 3);
    struct gw_request create = rig_create_order(&rig);
    rig_submit(&rig, &create);
    assert_false(rig_next(&rig)); /* the last place is for a cancel */
    struct gw_request cancel = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &cancel);
    assert_true(rig_next(&rig));
    assert_int_equal(rig.req.method, HTTP_DELETE);
    rig_answer(&rig, 404, "");
}

static void full_queue_says_so(void **state)
{
    (void)state;
    rig_stop(&rig);
    struct gateway_config c = gateway_config_default();
    c.queue_max = 3;
    rig_start(&rig, &c);
    for (int i = 0; i < 3; i++) {
        struct gw_request q = rig_request(&rig, GW_CANCEL);
        rig_submit(&rig, &q);
    }
    struct gw_request q = rig_request(&rig, GW_CANCEL);
    assert_int_equal(gateway_submit(rig.gw, &q, rig.now, RIG_WALL), ST_FULL);
    assert_int_equal(gateway_open(rig.gw), 3);
}

/* Many reads, as after a link that came back, or a burst of creates: a halt's cancels get by. */
static void reads_and_creates_never_fill_the_queue_for_cancels(void **state)
{
    (void)state;
    for (int creates = 0; creates < 2; creates++) {
        rig_stop(&rig);
        struct gateway_config c = gateway_config_default();
        c.queue_max = 8;
        rig_start(&rig, &c);
        for (int i = 0; i < 20; i++) {
            struct gw_request q =
                creates ? rig_create_order(&rig) : rig_request(&rig, GW_GET_BALANCE);
            assert_int_equal(gateway_submit(rig.gw, &q, rig.now, RIG_WALL), ST_OK);
        }
        assert_int_equal(gateway_open(rig.gw), 6);
        assert_int_equal(rig.last.outcome, GW_NOT_SENT);
        assert_string_equal(rig.last.error_code, "queue_full");
        struct gw_request cancel = rig_request(&rig, GW_CANCEL);
        assert_int_equal(gateway_submit(rig.gw, &cancel, rig.now, RIG_WALL), ST_OK);
        assert_true(rig_next(&rig));
        assert_int_equal(rig.req.method, HTTP_DELETE);
    }
}

static void a_halt_keeps_waiting_creates_and_amends_but_not_what_closes(void **state)
{
    (void)state;
    struct gw_request a = rig_create_order(&rig);
    struct gw_request closes = rig_create_order(&rig);
    closes.reduce_only = true;
    struct gw_request b = rig_create_order(&rig);
    rig_submit(&rig, &a);
    rig_submit(&rig, &closes);
    rig_submit(&rig, &b);
    gateway_hold(rig.gw, true, rig.now, RIG_WALL);
    assert_int_equal(rig.last.req_id, b.req_id);
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    assert_string_equal(rig.last.error_code, "halted");
    assert_int_equal(rig.n, 2);
    assert_int_equal(gateway_open(rig.gw), 1);
    struct gw_request late = rig_create_order(&rig); /* it was in the ring */
    rig_submit(&rig, &late);
    assert_int_equal(rig.last.req_id, late.req_id);
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    assert_true(rig_next(&rig));
    assert_int_equal(rig.req.method, HTTP_POST);
    assert_non_null(strstr(rig.req.body, "reduce_only"));
    rig_answer(&rig, 201, CREATED);
    gateway_hold(rig.gw, false, rig.now, RIG_WALL);
    struct gw_request after = rig_create_order(&rig);
    rig_submit(&rig, &after);
    assert_true(rig_next(&rig));
    rig_answer(&rig, 201, CREATED);
}

static void a_group_is_reset_on_its_own_shard(void **state)
{
    (void)state;
    for (int shard = 0; shard < 2; shard++) {
        struct gw_request q = rig_request(&rig, GW_GROUP_RESET);
        q.exchange_index = shard;
        snprintf(q.order_id, sizeof q.order_id, "g1");
        rig_submit(&rig, &q);
        assert_true(rig_next(&rig));
        assert_int_equal(rig.req.method, HTTP_PUT);
        assert_string_equal(rig.req.query, shard == 0 ? "" : "exchange_index=1");
        rig_answer(&rig, 200, "{}");
    }
}

static void stopping_answers_waiting_creates_and_lets_cancels_go(void **state)
{
    (void)state;
    struct gw_request a = rig_create_order(&rig);
    struct gw_request b = rig_create_order(&rig);
    struct gw_request cancel = rig_request(&rig, GW_CANCEL);
    rig_submit(&rig, &a);
    assert_true(rig_next(&rig)); /* under way already */
    struct http_req under_way = rig.req;
    rig_submit(&rig, &b);
    rig_submit(&rig, &cancel);
    gateway_stop_orders(rig.gw, rig.now, RIG_WALL);
    assert_int_equal(rig.last.req_id, b.req_id);
    assert_int_equal(rig.last.outcome, GW_NOT_SENT);
    struct gw_request c = rig_create_order(&rig);
    rig_submit(&rig, &c);
    assert_int_equal(rig.last.req_id, c.req_id);
    assert_string_equal(rig.last.error_code, "stopping");
    assert_true(rig_next(&rig));
    assert_int_equal(rig.req.method, HTTP_DELETE);
    rig.req = under_way;
    rig_answer(&rig, 201, CREATED);
    assert_int_equal(rig.last.outcome, GW_OK);
}

static void told_twice_counts_once(void **state)
{
    (void)state;
    struct gw_request q = rig_create_order(&rig);
    rig_call(&rig, &q, 201, CREATED);
    uint32_t n = rig.n;
    rig_answer(&rig, 201, CREATED);
    rig_fate(&rig, HTTP_TIMEOUT);
    assert_int_equal(rig.n, n);
    assert_int_equal(gateway_open(rig.gw), 0);
}

static void markets_come_with_grid_and_status(void **state)
{
    (void)state;
    struct gw_request q = rig_request(&rig, GW_LIST_MARKETS);
    rig_call(&rig, &q, 200,
             "{\"markets\":[{\"ticker\":\"KXA-1\",\"event_ticker\":\"KXA\",\"status\":\"active\","
             "\"close_time\":\"2026-12-01T00:00:00Z\",\"exchange_index\":2,"
             "\"price_level_structure\":\"deci_cent\",\"price_ranges\":[{\"start\":\"0.0000\","
             "\"end\":\"1.0000\",\"step\":\"0.0010\"}]}],\"cursor\":\"\"}");
    assert_int_equal(rig.last.outcome, GW_OK);
    assert_int_equal(rig.last.n_rows, 1);
    const struct ev_market *m = (const struct ev_market *)(const void *)rig.first_row;
    assert_string_equal(m->ticker, "KXA-1");
    assert_int_equal(m->status, MARKET_ACTIVE);
    assert_int_equal(m->grid.levels, 999);
    assert_int_equal(m->exchange_index, 2);
    assert_true(m->close_time > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(create_is_a_post_of_the_yes_leg),
        T(cancel_is_a_delete_routed_by_ticker),
        T(lists_carry_their_filters),
        T(several_tickers_stand_behind_the_request),
        T(texts_that_must_not_stand_in_a_path_are_not_sent),
        T(requests_that_make_no_sense_are_not_sent),
        T(readable_201_is_ok),
        T(unreadable_2xx_of_a_create_is_unknown),
        T(refusals_of_a_create_are_certain),
        T(too_many_requests_is_certain_and_pauses_writes),
        T(server_errors_of_a_create_are_unknown),
        T(lost_creates_are_unknown_and_unsent_ones_are_not),
        T(cancel_answers_what_it_took_off),
        T(cancel_is_tried_once_more_only_when_it_never_left),
        T(reads_are_tried_again_with_growing_waits_and_an_end),
        T(read_that_succeeds_later_is_ok),
        T(refused_reads_are_not_tried_again),
        T(pages_are_followed_to_the_empty_cursor),
        T(cursor_that_repeats_ends_the_list_as_unknown),
        T(list_without_end_is_ended),
        T(long_pages_come_in_parts_that_fit),
        T(levels_of_a_book_stay_on_their_sides_over_parts),
        T(list_with_as_of_reads_the_time_first),
        T(list_whose_time_cannot_be_read_is_unknown),
        T(limits_of_the_account_set_the_buckets),
        T(cancels_go_before_creates_and_those_before_reads),
        T(tokens_are_kept_for_cancels),
        T(create_that_waited_too_long_is_not_sent),
        T(places_are_kept_for_orders_and_cancels),
        T(full_queue_says_so),
        T(reads_and_creates_never_fill_the_queue_for_cancels),
        T(a_halt_keeps_waiting_creates_and_amends_but_not_what_closes),
        T(a_group_is_reset_on_its_own_shard),
        T(stopping_answers_waiting_creates_and_lets_cancels_go),
        T(told_twice_counts_once),
        T(markets_come_with_grid_and_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
