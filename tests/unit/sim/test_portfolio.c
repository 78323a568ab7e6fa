#include "rest_fixture.h"

/* A buys count of YES from B at price. */
static void trade(struct fix *f, const char *client, const char *count, const char *price)
{
    char maker[64];
    char name[32];
    snprintf(name, sizeof name, "m-%s", client);
    placed(f, KEY_B, name, "ask", count, price, "", maker);
    assert_status(f, place(f, KEY_A, client, "bid", count, price, IOC, ""), 201);
    assert_string_equal(fix_text(f->body, "fill_count"), count);
}

static void settle(struct fix *f, const char *result)
{
    char text[256];
    snprintf(text, sizeof text, "{\"do\":\"determine\",\"market\":\"" MARKET "\",%s}", result);
    rest_act(f, "{\"do\":\"close\",\"market\":\"" MARKET "\"}");
    rest_act(f, text);
    rest_act(f, "{\"do\":\"settle\",\"market\":\"" MARKET "\"}");
}

static int64_t number(const json_t *j, const char *key)
{
    return json_integer_value(json_object_get(j, key));
}

/* --- balance --- */

static void balance_has_cents_cut_and_dollars_with_4_decimals(void **state)
{
    (void)state;
    struct fix f = rest_make();
    trade(&f, "c1", "1.00", "0.5200");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_shape(f.body, "balance:i balance_breakdown:a balance_dollars:p portfolio_value:i "
                         "updated_ts:i");
    expect_keys(f.body, "rest_balance.json", "", "");
    assert_shape(fix_get(f.body, "balance_breakdown/0"), "balance:p exchange_index:i");
    /* 1000 - 0.52 - 0.0175 */
    assert_string_equal(fix_text(f.body, "balance_dollars"), "999.4625");
    assert_int_equal(number(f.body, "balance"), 99946);
    assert_int_equal(number(f.body, "portfolio_value"), 52); /* at the last price, without cash */
    fix_end(&f);
}

static void balance_does_not_fall_when_an_order_rests(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "100.00", "0.5000", "", id);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1000.0000");
    fix_end(&f);
}

static void balance_is_what_is_free_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.balance_free = true;
    struct fix f = rest_ruled(rules);
    char id[64];
    placed(&f, KEY_A, "c1", "bid", "100.00", "0.5000", "", id);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "950.0000");
    fix_end(&f);
}

static void portfolio_value_holds_the_cash_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.portfolio_value_cash = true;
    struct fix f = rest_ruled(rules);
    trade(&f, "c1", "1.00", "0.5200");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_int_equal(number(f.body, "portfolio_value"), 99998); /* 999.4625 + 0.52, cut */
    fix_end(&f);
}

static void the_entry_check_looks_at_cash_alone_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.entry_cash = true;
    struct fix f = rest_ruled(rules);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_code(&f, place(&f, KEY_A, "c3", "bid", "2000.00", "0.9000", GTC, ""), 400,
                "insufficient_balance");
    fix_end(&f);
}

static void an_order_that_cash_does_not_pay_any_more_is_canceled_before_the_trade(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.entry_cash = true;
    struct fix f = rest_ruled(rules);
    assert_status(&f, place(&f, KEY_A, "c1", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_status(&f, place(&f, KEY_A, "c2", "bid", "1000.00", "0.9000", GTC, ""), 201);
    assert_status(&f, place(&f, KEY_B, "m", "ask", "2000.00", "0.9000", GTC, ""), 201);
    assert_string_equal(fix_text(f.body, "fill_count"), "1000.00");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders"), 200);
    assert_string_equal(fix_text(f.body, "orders/0/client_order_id"), "c2");
    assert_string_equal(fix_text(f.body, "orders/0/status"), "canceled");
    assert_string_equal(fix_text(f.body, "orders/0/fill_count_fp"), "0.00");
    assert_string_equal(fix_text(f.body, "orders/1/status"), "executed");
    json_t *d = fix_dump(&f);
    assert_string_equal(fix_text(d, "orders/1/reason"), "MarginCancel");
    json_decref(d);
    fix_end(&f);
}

static void fees_round_to_cents_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.grain_cent = true;
    struct fix f = rest_ruled(rules);
    trade(&f, "c1", "1.00", "0.5200");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/fills"), 200);
    assert_string_equal(fix_text(f.body, "fills/0/fee_cost"), "0.020000");
    fix_end(&f);
}

/* --- fills --- */

static void fills_have_every_field_newest_first(void **state)
{
    (void)state;
    struct fix f = rest_make();
    trade(&f, "c1", "1.00", "0.5200");
    trade(&f, "c2", "2.00", "0.9900");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/fills"), 200);
    assert_shape(f.body, "cursor:s fills:a");
    assert_shape(fix_get(f.body, "fills/0"),
                 "action:s book_side:s count_fp:q created_time:t exchange_index:i fee_cost:m "
                 "fill_id:u is_taker:b market_ticker:s no_price_dollars:p order_id:u "
                 "outcome_side:s side:s subaccount_number:i ticker:s trade_id:u ts:i "
                 "yes_price_dollars:p");
    expect_keys(fix_get(f.body, "fills/0"), "rest_fills.json", "fills/0", "");
    assert_string_equal(fix_text(f.body, "fills/0/yes_price_dollars"), "0.9900");
    assert_string_equal(fix_text(f.body, "fills/1/fee_cost"), "0.017500");
    assert_string_equal(fix_text(f.body, "fills/1/fill_id"), fix_text(f.body, "fills/1/trade_id"));
    assert_true(json_is_true(fix_get(f.body, "fills/1/is_taker")));
    assert_status(&f, rest_get(&f, KEY_B, "/portfolio/fills"), 200);
    assert_string_equal(fix_text(f.body, "fills/0/outcome_side"), "no");
    assert_string_equal(fix_text(f.body, "fills/0/action"), "sell");       /* a NO purchase */
    assert_string_equal(fix_text(f.body, "fills/0/fee_cost"), "0.000000"); /* makers pay nothing */
    fix_end(&f);
}

static void each_filter_of_fills_filters(void **state)
{
    (void)state;
    struct fix f = rest_make();
    long long t0 = (long long)(f.wall / NS_PER_SEC);
    trade(&f, "c1", "1.00", "0.5200"); /* at t0 + 2 */
    trade(&f, "c2", "1.00", "0.5300"); /* at t0 + 4 */
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/orders?limit=1"), 200);
    char rows[10][160] = {"?ticker=" MARKET,   "?ticker=" OTHER,    "?subaccount=0",
                          "?exchange_index=0", "?exchange_index=1", "?limit=1"};
    static const size_t want[10] = {2, 0, 2, 2, 0, 1, 1, 1, 1, 2};
    snprintf(rows[6], sizeof rows[6], "?order_id=%s", fix_text(f.body, "orders/0/order_id"));
    snprintf(rows[7], sizeof rows[7], "?min_ts=%lld", t0 + 3);
    snprintf(rows[8], sizeof rows[8], "?max_ts=%lld", t0 + 3);
    snprintf(rows[9], sizeof rows[9], "?ticker=" OTHER "," MARKET);
    for (size_t i = 0; i < 10; i++) {
        char path[2048];
        snprintf(path, sizeof path, "/portfolio/fills%s", rows[i]);
        assert_status(&f, rest_get(&f, KEY_A, path), 200);
        if (json_array_size(fix_get(f.body, "fills")) != want[i]) {
            fail_msg("%s: %s", rows[i], f.resp.body.p);
        }
    }
    fix_end(&f);
}

static void fills_take_up_to_100_tickers(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char path[2048] = "/portfolio/fills?ticker=A";
    for (int i = 1; i < 100; i++) {
        strcat(path, ",A");
    }
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    strcat(path, ",A");
    assert_status(&f, rest_get(&f, KEY_A, path), 400);
    assert_non_null(strstr(fix_text(f.body, "msg"), "GetFills"));
    fix_end(&f);
}

/* --- positions --- */

static void positions_have_every_field_and_sums_by_event(void **state)
{
    (void)state;
    struct fix f = rest_make();
    trade(&f, "c1", "1.00", "0.9900");
    trade(&f, "c2", "1.00", "0.9900");
    trade(&f, "c3", "1.00", "0.5200");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions"), 200);
    assert_shape(f.body, "cursor:s event_positions:a market_positions:a");
    assert_shape(fix_get(f.body, "market_positions/0"),
                 "exchange_index:i fees_paid_dollars:m last_updated_ts:t "
                 "market_exposure_dollars:m position_fp:q realized_pnl_dollars:m ticker:s "
                 "total_traded_dollars:m");
    assert_shape(fix_get(f.body, "event_positions/0"),
                 "event_exposure_dollars:m event_ticker:s fees_paid_dollars:m "
                 "realized_pnl_dollars:m total_cost_dollars:m total_cost_shares_fp:q");
    expect_keys(fix_get(f.body, "market_positions/0"), "rest_positions.json", "market_positions/0",
                "resting_orders_count");
    expect_keys(fix_get(f.body, "event_positions/0"), "rest_positions.json", "event_positions/0",
                "");
    /* the captured account did the same */
    static const char *const want[][2] = {
        {"market_positions/0/total_traded_dollars", "2.500000"},
        {"market_positions/0/market_exposure_dollars", "2.500000"},
        {"market_positions/0/fees_paid_dollars", "0.018900"},
        {"market_positions/0/position_fp", "3.00"},
        {"event_positions/0/event_ticker", EVENT},
        {"event_positions/0/total_cost_dollars", "2.500000"},
        {"event_positions/0/total_cost_shares_fp", "3.00"},
        {"event_positions/0/event_exposure_dollars", "2.500000"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_string_equal(fix_text(f.body, want[i][0]), want[i][1]);
    }
    assert_status(&f, rest_get(&f, KEY_B, "/portfolio/positions"), 200);
    assert_string_equal(fix_text(f.body, "market_positions/0/position_fp"), "-3.00");
    fix_end(&f);
}

static void each_filter_of_positions_filters(void **state)
{
    (void)state;
    struct fix f = rest_make();
    trade(&f, "c1", "1.00", "0.5200");
    char maker[64];
    fix_advance(&f, NS_PER_SEC);
    assert_status(&f,
                  fix_request(&f, KEY_B, "POST", "/portfolio/events/orders",
                              order_text(ALIEN, "m", "ask", "1.00", "0.5000", GTC, "")),
                  201);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/events/orders",
                              order_text(ALIEN, "t", "bid", "1.00", "0.5000", IOC, "")),
                  201);
    assert_status(&f,
                  fix_request(&f, KEY_A, "POST", "/portfolio/events/orders",
                              order_text(ALIEN, "u", "ask", "1.00", "0.4000", GTC, "")),
                  201);
    assert_status(&f,
                  fix_request(&f, KEY_B, "POST", "/portfolio/events/orders",
                              order_text(ALIEN, "v", "bid", "1.00", "0.4000", IOC, "")),
                  201); /* A is flat in ALIEN */
    (void)maker;
    static const struct {
        const char *query;
        size_t n;
    } rows[] = {
        {"", 2},
        {"?ticker=" MARKET, 1},
        {"?event_ticker=KXU-26DEC31", 1},
        {"?count_filter=position", 1},
        {"?count_filter=total_traded", 2},
        {"?count_filter=position,total_traded", 2},
        {"?settlement_status=unsettled", 2},
        {"?settlement_status=settled", 0},
        {"?settlement_status=all", 2},
        {"?subaccount=0", 2},
        {"?exchange_index=1", 0},
        {"?limit=1", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[2048];
        snprintf(path, sizeof path, "/portfolio/positions%s", rows[i].query);
        assert_status(&f, rest_get(&f, KEY_A, path), 200);
        if (json_array_size(fix_get(f.body, "market_positions")) != rows[i].n) {
            fail_msg("%s: %s", rows[i].query, f.resp.body.p);
        }
    }
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions?settlement_status=x"), 400);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions?count_filter=x"), 400);
    fix_end(&f);
}

static void positions_are_paged(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const tickers[] = {MARKET, OTHER, ALIEN};
    for (int i = 0; i < 3; i++) {
        fix_advance(&f, NS_PER_SEC);
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        assert_status(&f,
                      fix_request(&f, KEY_B, "POST", "/portfolio/events/orders",
                                  order_text(tickers[i], name, "ask", "1.00", "0.5000", GTC, "")),
                      201);
        assert_status(&f,
                      fix_request(&f, KEY_A, "POST", "/portfolio/events/orders",
                                  order_text(tickers[i], name, "bid", "1.00", "0.5000", IOC, "")),
                      201);
    }
    char path[128] = "/portfolio/positions?limit=2";
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 2);
    assert_int_equal(json_array_size(fix_get(f.body, "event_positions")), 1);
    snprintf(path, sizeof path, "/portfolio/positions?limit=2&cursor=%s",
             fix_text(f.body, "cursor"));
    assert_status(&f, rest_get(&f, KEY_A, path), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 1);
    assert_string_equal(fix_text(f.body, "market_positions/0/ticker"), ALIEN);
    assert_string_equal(fix_text(f.body, "cursor"), "");
    fix_end(&f);
}

/* --- settlements --- */

static void a_settlement_counts_what_was_traded_and_pays_what_was_held(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char id[64];
    trade(&f, "c1", "10.00", "0.4200");
    placed(&f, KEY_B, "m2", "bid", "4.00", "0.4000", "", id);
    assert_status(&f, place(&f, KEY_A, "c2", "ask", "4.00", "0.4000", IOC, ""), 201);
    settle(&f, "\"result\":\"yes\"");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/settlements"), 200);
    assert_shape(fix_get(f.body, "settlements/0"),
                 "event_ticker:s exchange_index:i fee_cost:m market_result:s no_count_fp:q "
                 "no_total_cost_dollars:m revenue:i settled_time:t ticker:s value:i yes_count_fp:q "
                 "yes_total_cost_dollars:m");
    expect_keys(fix_get(f.body, "settlements/0"), "rest_settlements.json", "settlements/0", "");
    static const char *const want[][2] = {
        {"settlements/0/market_result", "yes"},
        {"settlements/0/yes_count_fp", "10.00"},
        {"settlements/0/yes_total_cost_dollars", "4.200000"},
        {"settlements/0/no_count_fp", "4.00"},
        {"settlements/0/no_total_cost_dollars", "2.400000"},
    };
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(fix_text(f.body, want[i][0]), want[i][1]);
    }
    assert_int_equal(number(fix_get(f.body, "settlements/0"), "revenue"), 600);
    assert_int_equal(number(fix_get(f.body, "settlements/0"), "value"), 100);
    /* fee_cost is the sum of the fees of the fills */
    char fees[64];
    snprintf(fees, sizeof fees, "%s", fix_text(f.body, "settlements/0/fee_cost"));
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/fills"), 200);
    usd_t sum = 0;
    for (size_t i = 0; i < json_array_size(fix_get(f.body, "fills")); i++) {
        usd_t fee = 0;
        const char *s = fix_text(json_array_get(fix_get(f.body, "fills"), i), "fee_cost");
        assert_int_equal(usd_parse(s, strlen(s), &fee), ST_OK);
        sum += fee;
    }
    char text[MONEY_TEXT_MAX];
    usd_format(sum, text);
    assert_string_equal(fees, text);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 0);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions?settlement_status=settled"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 1);
    fix_end(&f);
}

static void a_settlement_counts_what_was_held_if_so_ruled(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.settlement_held = true;
    struct fix f = rest_ruled(rules);
    char id[64];
    trade(&f, "c1", "10.00", "0.4200");
    placed(&f, KEY_B, "m2", "bid", "4.00", "0.4000", "", id);
    assert_status(&f, place(&f, KEY_A, "c2", "ask", "4.00", "0.4000", IOC, ""), 201);
    settle(&f, "\"result\":\"no\"");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/settlements"), 200);
    assert_string_equal(fix_text(f.body, "settlements/0/yes_count_fp"), "6.00");
    assert_string_equal(fix_text(f.body, "settlements/0/no_count_fp"), "0.00");
    assert_string_equal(fix_text(f.body, "settlements/0/yes_total_cost_dollars"), "2.520000");
    assert_int_equal(number(fix_get(f.body, "settlements/0"), "revenue"), 0);
    fix_end(&f);
}

static void a_scalar_settlement_is_cut_to_whole_cents(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.balance = 10000 * USD_ONE;
    struct fix f = rest_with(c);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"KXS-1-A\",\"market_type\":\"scalar\"}");
    static const char *const rows[][4] = {{KEY_B, "ask", "19.00", "m1"},
                                          {KEY_A, "bid", "19.00", "t1"},
                                          {KEY_B, "bid", "18.86", "m2"},
                                          {KEY_A, "ask", "18.86", "t2"}};
    for (int i = 0; i < 4; i++) {
        fix_advance(&f, NS_PER_SEC);
        assert_status(&f,
                      fix_request(&f, rows[i][0], "POST", "/portfolio/events/orders",
                                  order_text("KXS-1-A", rows[i][3], rows[i][1], rows[i][2],
                                             "0.5000", GTC, "")),
                      201);
    }
    rest_act(&f, "{\"do\":\"close\",\"market\":\"KXS-1-A\"}");
    rest_act(
        &f,
        "{\"do\":\"determine\",\"market\":\"KXS-1-A\",\"result\":\"scalar\",\"value\":\"0.4500\"}");
    rest_act(&f, "{\"do\":\"settle\",\"market\":\"KXS-1-A\"}");
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/settlements?ticker=KXS-1-A"), 200);
    assert_string_equal(fix_text(f.body, "settlements/0/market_result"), "scalar");
    assert_string_equal(fix_text(f.body, "settlements/0/yes_count_fp"), "19.00");
    assert_string_equal(fix_text(f.body, "settlements/0/no_count_fp"), "18.86");
    /* the row of the sheet: 0.14 x 45 = 6.3 */
    assert_int_equal(number(fix_get(f.body, "settlements/0"), "revenue"), 6);
    assert_int_equal(number(fix_get(f.body, "settlements/0"), "value"), 45);
    fix_end(&f);
}

/* --- history --- */

static void old_fills_and_settled_positions_move_to_history(void **state)
{
    (void)state;
    struct fix f = rest_make();
    trade(&f, "c1", "1.00", "0.5200");
    settle(&f, "\"result\":\"yes\"");
    assert_status(&f, rest_get(&f, KEY_A, "/historical/fills"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "fills")), 0);
    assert_status(&f, rest_get(&f, KEY_A, "/historical/positions"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 0);
    fix_advance(&f, (mono_ns_t)100 * 86400 * NS_PER_SEC);
    assert_status(&f, rest_get(&f, KEY_A, "/historical/fills?ticker=" MARKET "&subaccount=0"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "fills")), 1);
    assert_status(&f, rest_get(&f, KEY_A, "/historical/positions?event_ticker=" EVENT), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 1);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/fills"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "fills")), 0);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/positions?settlement_status=all"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "market_positions")), 0);
    fix_end(&f);
}

/* --- the rest --- */

static void the_value_of_resting_orders_is_for_fcm_members(void **state)
{
    (void)state;
    struct fix f = rest_make();
    assert_code(&f, rest_get(&f, KEY_A, "/portfolio/summary/total_resting_order_value"), 403,
                "forbidden");
    fix_end(&f);
}

static void money_from_and_to_outside_is_listed(void **state)
{
    (void)state;
    struct fix f = rest_make();
    rest_act(&f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"12.50\"}");
    rest_act(&f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"-2.00\"}");
    static const char *const rows[][2] = {{"/portfolio/deposits", "deposits"},
                                          {"/portfolio/withdrawals", "withdrawals"}};
    static const int64_t cents[] = {1250, 200};
    for (size_t i = 0; i < 2; i++) {
        assert_status(&f, rest_get(&f, KEY_A, rows[i][0]), 200);
        const json_t *list = json_object_get(f.body, rows[i][1]);
        assert_int_equal(json_array_size(list), 1);
        assert_shape(json_array_get(list, 0), "amount_cents:i created_ts:i fee_cents:i "
                                              "finalized_ts:i id:u status:s type:s");
        assert_int_equal(number(json_array_get(list, 0), "amount_cents"), cents[i]);
        assert_status(&f, rest_get(&f, KEY_B, rows[i][0]), 200);
        assert_int_equal(json_array_size(json_object_get(f.body, rows[i][1])), 0);
    }
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/deposits?limit=501"), 400);
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/balance"), 200);
    assert_string_equal(fix_text(f.body, "balance_dollars"), "1010.5000");
    fix_end(&f);
}

static void empty_lists_have_their_keys(void **state)
{
    (void)state;
    struct fix f = rest_make();
    static const char *const rows[][2] = {
        {"/portfolio/fills", "fills"},
        {"/portfolio/deposits", "deposits"},
        {"/portfolio/withdrawals", "withdrawals"},
        {"/portfolio/subaccounts/transfers", "transfers"},
        {"/portfolio/orders", "orders"},
        {"/historical/orders", "orders"},
        {"/historical/fills", "fills"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_status(&f, rest_get(&f, KEY_A, rows[i][0]), 200);
        assert_int_equal(json_array_size(json_object_get(f.body, rows[i][1])), 0);
        assert_true(json_is_array(json_object_get(f.body, rows[i][1])));
        assert_string_equal(fix_text(f.body, "cursor"), "");
    }
    assert_status(&f, rest_get(&f, KEY_A, "/portfolio/settlements"), 200);
    expect_like(&f, "rest_settlements_empty.json");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balance_has_cents_cut_and_dollars_with_4_decimals),
        cmocka_unit_test(balance_does_not_fall_when_an_order_rests),
        cmocka_unit_test(balance_is_what_is_free_if_so_ruled),
        cmocka_unit_test(portfolio_value_holds_the_cash_if_so_ruled),
        cmocka_unit_test(the_entry_check_looks_at_cash_alone_if_so_ruled),
        cmocka_unit_test(an_order_that_cash_does_not_pay_any_more_is_canceled_before_the_trade),
        cmocka_unit_test(fees_round_to_cents_if_so_ruled),
        cmocka_unit_test(fills_have_every_field_newest_first),
        cmocka_unit_test(each_filter_of_fills_filters),
        cmocka_unit_test(fills_take_up_to_100_tickers),
        cmocka_unit_test(positions_have_every_field_and_sums_by_event),
        cmocka_unit_test(each_filter_of_positions_filters),
        cmocka_unit_test(positions_are_paged),
        cmocka_unit_test(a_settlement_counts_what_was_traded_and_pays_what_was_held),
        cmocka_unit_test(a_settlement_counts_what_was_held_if_so_ruled),
        cmocka_unit_test(a_scalar_settlement_is_cut_to_whole_cents),
        cmocka_unit_test(old_fills_and_settled_positions_move_to_history),
        cmocka_unit_test(the_value_of_resting_orders_is_for_fcm_members),
        cmocka_unit_test(money_from_and_to_outside_is_listed),
        cmocka_unit_test(empty_lists_have_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
