/* Public reads: markets, books, trades, events, series, history; their filters, pages and errors.
 */
#include "life_fixture.h"

#define CREATE "{\"do\":\"create_market\",\"market\":"

/* Five markets of three events in two series, one in each state that the filter names. */
static struct fix fix_world(void)
{
    struct fix f = rest_with(sim_config_default());
    rest_act(&f, "{\"do\":\"create_series\",\"series\":\"KXA\",\"title\":\"As\",\"category\":\"Cat "
                 "A\",\"tags\":[\"x\",\"y\"],\"frequency\":\"daily\",\"settlement_sources\":"
                 "[{\"name\":\"n\",\"url\":\"u\"}]}");
    rest_act(&f, CREATE "\"KXA-1-A\",\"open_in\":1000,\"close_in\":2000}"); /* unopened */
    rest_act(&f, CREATE "\"KXA-1-B\",\"close_in\":3000,\"yes\":[[\"0.40\",\"3\"]],\"no\":"
                        "[[\"0.50\",\"4\"]]}");            /* open */
    rest_act(&f, CREATE "\"KXA-2-A\",\"close_in\":4000}"); /* paused */
    rest_act(&f, CREATE "\"KXA-2-B\",\"close_in\":5}");    /* closed */
    rest_act(&f, CREATE "\"KXB-1-A\",\"close_in\":5}");    /* settled */
    rest_act(&f, "{\"do\":\"deactivate\",\"market\":\"KXA-2-A\"}");
    fix_advance(&f, 10 * SEC);
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"KXB-1-A\",\"result\":\"no\"}");
    fix_advance(&f, 10 * SEC);
    return f;
}

/* The tickers of the last answer's list, joined with spaces. */
static const char *tickers(struct fix *f, const char *list, const char *key)
{
    static char text[4096];
    text[0] = '\0';
    json_t *a = json_object_get(f->body, list);
    for (size_t i = 0; i < json_array_size(a); i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, fix_text(json_array_get(a, i), key));
    }
    return text;
}

static void list_is(struct fix *f, const char *query, const char *want)
{
    char path[512];
    snprintf(path, sizeof path, "/markets?%s", query);
    if (rest_get(f, NULL, path) != 200) {
        fail_msg("%s: %s", path, f->resp.body.p);
    }
    if (strcmp(tickers(f, "markets", "ticker"), want) != 0) {
        fail_msg("%s: %s", path, tickers(f, "markets", "ticker"));
    }
}

/* 400 of the msg shape that names the field and the rule. */
static void refused(struct fix *f, const char *path, const char *field, const char *tag)
{
    char want[128];
    assert_int_equal(rest_get(f, NULL, path), 400);
    snprintf(want, sizeof want, "Field validation for '%s' failed on the '%s' tag", field, tag);
    if (strstr(fix_text(f->body, "msg"), want) == NULL) {
        fail_msg("%s: %s", path, f->resp.body.p);
    }
}

static void markets_are_listed_by_state(void **state)
{
    (void)state;
    struct fix f = fix_world();
    list_is(&f, "series_ticker=KXA&status=unopened", "KXA-1-A");
    list_is(&f, "series_ticker=KXA&status=open", "KXA-1-B");
    list_is(&f, "series_ticker=KXA&status=paused", "KXA-2-A");
    list_is(&f, "series_ticker=KXA&status=closed", "KXA-2-B");
    list_is(&f, "status=settled", "KXB-1-A");
    list_is(&f, "series_ticker=KXA&status=", "KXA-2-B KXA-2-A KXA-1-B KXA-1-A");
    refused(&f, "/markets?status=sold", "Status", "oneof");
    refused(&f, "/markets?status=open,closed", "Status", "oneof");
    fix_end(&f);
}

static void markets_are_listed_by_name(void **state)
{
    (void)state;
    struct fix f = fix_world();
    list_is(&f, "tickers=KXA-1-A,KXB-1-A,KXNONE-1-A", "KXB-1-A KXA-1-A");
    list_is(&f, "tickers=KXNONE-1-A", "");
    list_is(&f, "event_ticker=KXA-2", "KXA-2-B KXA-2-A");
    list_is(&f, "event_ticker=KXA", "");
    list_is(&f, "series_ticker=KXB", "KXB-1-A");
    rest_act(&f, CREATE "\"KXMVEC-1-A\"}");
    list_is(&f, "mve_filter=only", "KXMVEC-1-A");
    list_is(&f, "mve_filter=exclude&series_ticker=KXMVEC", "");
    refused(&f, "/markets?mve_filter=some", "MveFilter", "oneof");
    fix_end(&f);
}

static void markets_are_listed_by_time(void **state)
{
    (void)state;
    struct fix f = fix_world();
    char query[256];
    long long t0 = (long long)(WALL / SEC);
    snprintf(query, sizeof query, "series_ticker=KXA&min_close_ts=%lld&max_close_ts=%lld",
             t0 + 2500, t0 + 3500);
    list_is(&f, query, "KXA-1-B");
    snprintf(query, sizeof query, "min_settled_ts=%lld", t0 + 11);
    list_is(&f, query, "KXB-1-A");
    snprintf(query, sizeof query, "max_settled_ts=%lld", t0 + 10);
    list_is(&f, query, "");
    snprintf(query, sizeof query, "min_created_ts=%lld", t0 + 1);
    list_is(&f, query, "");
    snprintf(query, sizeof query, "min_updated_ts=%lld", t0 + 11);
    list_is(&f, query, "KXB-1-A");
    fix_end(&f);
}

static void filters_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    struct fix f = fix_world();
    refused(&f, "/markets?min_created_ts=1&min_close_ts=1", "MinCreatedTs", "excluded_with");
    refused(&f, "/markets?min_created_ts=1&status=closed", "MinCreatedTs", "excluded_with");
    refused(&f, "/markets?max_close_ts=1&status=open", "MinCloseTs", "excluded_with");
    refused(&f, "/markets?min_settled_ts=1&status=closed", "MinSettledTs", "excluded_with");
    refused(&f, "/markets?min_updated_ts=1&status=open", "MinUpdatedTs", "excluded_with");
    refused(&f, "/markets?min_updated_ts=1&series_ticker=KXA", "MinUpdatedTs", "excluded_with");
    list_is(&f, "min_updated_ts=1&series_ticker=KXB&mve_filter=exclude", "KXB-1-A");
    list_is(&f, "min_created_ts=1&status=unopened", "KXA-1-A");
    refused(&f, "/markets?min_close_ts=soon", "MinCloseTs", "number");
    refused(&f, "/markets?limit=1001", "Limit", "lte");
    refused(&f, "/markets?limit=-1", "Limit", "gte");
    refused(&f, "/markets?limit=x", "Limit", "number");
    fix_end(&f);
}

static void pages_stay_whole_while_markets_are_listed(void **state)
{
    (void)state;
    struct fix f = fix_world();
    char query[256];
    list_is(&f, "series_ticker=KXA&limit=2", "KXA-2-B KXA-2-A");
    snprintf(query, sizeof query, "series_ticker=KXA&limit=2&cursor=%s",
             fix_text(f.body, "cursor"));
    rest_act(&f, CREATE "\"KXA-3-A\"}");
    list_is(&f, query, "KXA-1-B KXA-1-A");
    assert_string_equal(fix_text(f.body, "cursor"), "");
    list_is(&f, "series_ticker=KXA&limit=1", "KXA-3-A");
    fix_end(&f);
}

/* Every key of the captured market is there, with the same type. */
static void a_market_has_every_field_of_a_captured_one(void **state)
{
    (void)state;
    char path[512];
    if (!shared_path("reference/messages/rest_market_2026_10.json", path, sizeof path)) {
        return;
    }
    struct fix f = fix_world();
    rest_act(&f,
             CREATE "\"KXC-1-A\",\"custom_strike\":{\"a\":\"b\"},\"strike_type\":\"structured\","
                    "\"early_close_condition\":\"When it ends.\",\"occurrence_in\":5}");
    json_t *want = json_load_file(path, 0, NULL);
    assert_int_equal(rest_get(&f, NULL, "/markets/KXC-1-A"), 200);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(want, "market"), key, value)
    {
        json_t *got = json_object_get(json_object_get(f.body, "market"), key);
        if (got == NULL || json_typeof(got) != json_typeof(value)) {
            fail_msg("market has no %s like the captured one", key);
        }
    }
    json_decref(want);
    fix_end(&f);
}

static void a_market_shows_what_it_was_listed_with(void **state)
{
    (void)state;
    struct fix f = fix_world();
    rest_act(&f, CREATE
             "\"KXC-1-A\",\"title\":\"T\",\"subtitle\":\"S\",\"yes_sub_title\":\"Y\","
             "\"no_sub_title\":\"N\",\"rules_primary\":\"R1\",\"rules_secondary\":\"R2\","
             "\"price_level_structure\":\"tapered_deci_cent\",\"open_time\":"
             "\"2026-11-23T09:00:00Z\",\"close_time\":\"2026-11-23T10:00:00Z\","
             "\"expected_expiration_time\":\"2026-11-23T11:00:00Z\",\"latest_expiration_time\":"
             "\"2026-11-23T12:00:00Z\",\"settlement_timer_seconds\":60,\"settlement_floor\":"
             "\"0.05\",\"strike_type\":\"between\",\"floor_strike\":1.5,\"cap_strike\":2,"
             "\"functional_strike\":\"f\",\"can_close_early\":false}");
    static const char *const texts[][2] = {{"title", "T"},
                                           {"subtitle", "S"},
                                           {"yes_sub_title", "Y"},
                                           {"no_sub_title", "N"},
                                           {"rules_primary", "R1"},
                                           {"rules_secondary", "R2"},
                                           {"price_level_structure", "tapered_deci_cent"},
                                           {"open_time", "2026-11-23T09:00:00Z"},
                                           {"close_time", "2026-11-23T10:00:00Z"},
                                           {"expected_expiration_time", "2026-11-23T11:00:00Z"},
                                           {"latest_expiration_time", "2026-11-23T12:00:00Z"},
                                           {"expiration_time", "2026-11-23T12:00:00Z"},
                                           {"settlement_bounds_type", "floor"},
                                           {"settlement_floor_dollars", "0.0500"},
                                           {"strike_type", "between"},
                                           {"functional_strike", "f"},
                                           {"status", "initialized"}};
    assert_int_equal(rest_get(&f, NULL, "/markets/KXC-1-A"), 200);
    json_t *m = json_object_get(f.body, "market");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_string_equal(fix_text(m, texts[i][0]), texts[i][1]);
    }
    assert_true(json_number_value(fix_get(m, "floor_strike")) == 1.5);
    assert_int_equal(json_integer_value(fix_get(m, "cap_strike")), 2);
    assert_int_equal(json_integer_value(fix_get(m, "settlement_timer_seconds")), 60);
    assert_int_equal(json_array_size(fix_get(m, "price_ranges")), 3);
    assert_false(json_is_true(fix_get(m, "can_close_early")));
    assert_code(&f, rest_get(&f, NULL, "/markets/KXC-1-B"), 404, "not_found");
    fix_end(&f);
}

static void an_empty_book_prints_its_ends(void **state)
{
    (void)state;
    struct fix f = fix_world();
    assert_int_equal(rest_get(&f, NULL, "/markets/KXA-2-A"), 200);
    json_t *m = json_object_get(f.body, "market");
    assert_string_equal(fix_text(m, "yes_bid_dollars"), "0.0000");
    assert_string_equal(fix_text(m, "yes_ask_dollars"), "1.0000");
    assert_string_equal(fix_text(m, "no_bid_dollars"), "0.0000");
    assert_string_equal(fix_text(m, "no_ask_dollars"), "1.0000");
    assert_string_equal(fix_text(m, "yes_bid_size_fp"), "0.00");
    assert_string_equal(fix_text(m, "previous_yes_ask_dollars"), "0.0000");
    fix_end(&f);
}

static void a_rule_makes_a_new_market_unreadable_for_a_while(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.listing_delay_ms = 300;
    struct fix f = rest_ruled(rules);
    fix_advance(&f, SEC);
    rest_act(&f, CREATE "\"KXA-1-A\"}");
    assert_code(&f, rest_get(&f, NULL, "/markets/KXA-1-A"), 404, "not_found");
    list_is(&f, "tickers=KXA-1-A", "");
    fix_advance(&f, SEC * 3 / 10);
    assert_int_equal(rest_get(&f, NULL, "/markets/KXA-1-A"), 200);
    list_is(&f, "tickers=KXA-1-A", "KXA-1-A");
    fix_end(&f);
}

/* --- books --- */

static void a_book_rises_by_price_and_depth_keeps_the_best(void **state)
{
    (void)state;
    for (int falling = 0; falling < 2; falling++) {
        struct sim_rules rules = sim_rules_default();
        rules.book_falling = falling;
        struct fix f = rest_ruled(rules);
        rest_act(&f, CREATE "\"KXA-1-A\",\"yes\":[[\"0.40\",\"3\"],[\"0.38\",\"1.5\"],[\"0.39\","
                            "\"2\"]]}");
        assert_int_equal(rest_get(&f, NULL, "/markets/KXA-1-A/orderbook?depth=2"), 200);
        json_t *levels = fix_get(f.body, "orderbook_fp/yes_dollars");
        assert_int_equal(json_array_size(levels), 2);
        assert_string_equal(fix_text(levels, falling ? "0/0" : "1/0"), "0.4000");
        assert_string_equal(fix_text(levels, falling ? "1/0" : "0/0"), "0.3900");
        assert_string_equal(fix_text(levels, falling ? "0/1" : "1/1"), "3.00");
        assert_int_equal(json_array_size(fix_get(f.body, "orderbook_fp/no_dollars")), 0);
        assert_int_equal(rest_get(&f, NULL, "/markets/KXA-1-A/orderbook?depth=0"), 200);
        assert_int_equal(json_array_size(fix_get(f.body, "orderbook_fp/yes_dollars")), 3);
        refused(&f, "/markets/KXA-1-A/orderbook?depth=101", "Depth", "lte");
        refused(&f, "/markets/KXA-1-A/orderbook?depth=-1", "Depth", "gte");
        refused(&f, "/markets/KXA-1-A/orderbook?depth=all", "Depth", "number");
        assert_code(&f, rest_get(&f, NULL, "/markets/KXA-1-Z/orderbook"), 404, "not_found");
        fix_end(&f);
    }
}

static void books_come_in_hundreds_with_tickers_repeated_or_joined(void **state)
{
    (void)state;
    struct fix f = fix_world();
    char path[4096] = "/markets/orderbooks?tickers=KXA-1-B";
    assert_int_equal(rest_get(&f, NULL, "/markets/orderbooks?tickers=KXA-1-B&tickers=KXA-2-A"),
                     200);
    assert_string_equal(tickers(&f, "orderbooks", "ticker"), "KXA-1-B KXA-2-A");
    assert_string_equal(fix_text(f.body, "orderbooks/0/orderbook_fp/no_dollars/0/0"), "0.5000");
    assert_int_equal(rest_get(&f, NULL, "/markets/orderbooks?tickers=KXA-2-A,KXA-1-B"), 200);
    assert_string_equal(tickers(&f, "orderbooks", "ticker"), "KXA-2-A KXA-1-B");
    for (int i = 1; i < 100; i++) {
        strcat(path, ",KXA-1-B");
    }
    assert_int_equal(rest_get(&f, NULL, path), 200);
    strcat(path, ",KXA-1-B");
    refused(&f, path, "Tickers", "max");
    refused(&f, "/markets/orderbooks", "Tickers", "required");
    refused(&f, "/markets/orderbooks?tickers=", "Tickers", "required");
    fix_end(&f);
}

static void a_rule_asks_for_a_signature_on_books(void **state)
{
    (void)state;
    struct sim_rules rules = sim_rules_default();
    rules.book_needs_key = true;
    struct fix f = rest_ruled(rules);
    assert_int_equal(rest_get(&f, NULL, "/markets/" MARKET "/orderbook"), 401);
    assert_int_equal(rest_get(&f, NULL, "/markets/orderbooks?tickers=" MARKET), 401);
    assert_int_equal(rest_get(&f, KEY_A, "/markets/" MARKET "/orderbook"), 200);
    assert_int_equal(rest_get(&f, NULL, "/markets/" MARKET), 200);
    fix_end(&f);
}

/* --- trades --- */

static void trade(struct fix *f, const char *market, const char *count)
{
    char text[256];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "{\"do\":\"order\",\"market\":\"%s\",\"side\":\"%s\",\"price\":\"%s\",\"count\":"
                 "\"%s\"}",
                 market, i == 0 ? "no" : "yes", i == 0 ? "0.55" : "0.45", count);
        rest_act(f, text);
    }
}

static void trades_are_listed_newest_first_by_market_and_time(void **state)
{
    (void)state;
    struct fix f = rest_make();
    char path[256];
    for (int i = 1; i <= 5; i++) {
        char count[16];
        snprintf(count, sizeof count, "%d.00", i);
        trade(&f, i == 3 ? OTHER : MARKET, count);
        fix_advance(&f, 10 * SEC);
    }
    assert_int_equal(rest_get(&f, NULL, "/markets/trades"), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "5.00 4.00 3.00 2.00 1.00");
    json_t *t = fix_get(f.body, "trades/0");
    assert_string_equal(fix_text(t, "yes_price_dollars"), "0.4500");
    assert_string_equal(fix_text(t, "no_price_dollars"), "0.5500");
    assert_string_equal(fix_text(t, "taker_outcome_side"), "yes");
    assert_string_equal(fix_text(t, "taker_book_side"), "bid");
    assert_string_equal(fix_text(t, "created_time"), "2026-11-23T08:00:40Z");
    assert_int_equal(rest_get(&f, NULL, "/markets/trades?ticker=" OTHER), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "3.00");
    assert_int_equal(rest_get(&f, NULL, "/markets/trades?ticker=KXNONE-1-A"), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "");
    snprintf(path, sizeof path, "/markets/trades?min_ts=%lld&max_ts=%lld",
             (long long)(WALL / SEC + 10), (long long)(WALL / SEC + 30));
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "4.00 3.00 2.00");
    assert_int_equal(rest_get(&f, NULL, "/markets/trades?is_block_trade=true"), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "");
    assert_int_equal(rest_get(&f, NULL, "/markets/trades?is_block_trade=false&limit=2"), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "5.00 4.00");
    snprintf(path, sizeof path, "/markets/trades?limit=2&cursor=%s", fix_text(f.body, "cursor"));
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "3.00 2.00");
    refused(&f, "/markets/trades?is_block_trade=perhaps", "IsBlockTrade", "boolean");
    refused(&f, "/markets/trades?min_ts=then", "MinTs", "number");
    refused(&f, "/markets/trades?limit=1001", "Limit", "lte");
    fix_end(&f);
}

/* --- events and series --- */

static void events_are_listed_with_filters_and_pages(void **state)
{
    (void)state;
    struct fix f = fix_world();
    char path[256];
    assert_int_equal(rest_get(&f, NULL, "/events?series_ticker=KXA"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-1 KXA-2");
    assert_null(fix_get(f.body, "events/0/markets"));
    assert_int_equal(rest_get(&f, NULL, "/events?status=settled"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXB-1");
    assert_int_equal(rest_get(&f, NULL, "/events?status=open&series_ticker=KXA"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-1 KXA-2");
    assert_int_equal(rest_get(&f, NULL, "/events?tickers=KXB-1,KXA-2"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-2 KXB-1");
    snprintf(path, sizeof path, "/events?series_ticker=KXA&min_close_ts=%lld",
             (long long)(WALL / SEC + 3500));
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-2");
    assert_int_equal(rest_get(&f, NULL, "/events?series_ticker=KXA&limit=1"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-1");
    snprintf(path, sizeof path, "/events?series_ticker=KXA&limit=1&cursor=%s",
             fix_text(f.body, "cursor"));
    assert_int_equal(rest_get(&f, NULL, path), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXA-2");
    assert_int_equal(rest_get(&f, NULL, "/events?tickers=KXA-2&with_nested_markets=true"), 200);
    assert_int_equal(json_array_size(fix_get(f.body, "events/0/markets")), 2);
    rest_act(&f, CREATE "\"KXMVEC-1-A\"}");
    assert_int_equal(rest_get(&f, NULL, "/events?series_ticker=KXMVEC"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "");
    assert_int_equal(rest_get(&f, NULL, "/events/multivariate?with_nested_markets=true"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "KXMVEC-1");
    assert_string_equal(fix_text(f.body, "events/0/markets/0/ticker"), "KXMVEC-1-A");
    assert_int_equal(rest_get(&f, NULL, "/events/multivariate?collection_ticker=KXC"), 200);
    assert_string_equal(tickers(&f, "events", "event_ticker"), "");
    refused(&f, "/events/multivariate?collection_ticker=KXC&series_ticker=KXMVEC",
            "CollectionTicker", "excluded_with");
    assert_int_equal(rest_get(&f, NULL, "/events?with_milestones=true"), 200);
    assert_true(json_is_array(fix_get(f.body, "milestones")));
    refused(&f, "/events?limit=201", "Limit", "lte");
    refused(&f, "/events?status=paused", "Status", "oneof");
    refused(&f, "/events?with_nested_markets=2", "WithNestedMarkets", "boolean");
    fix_end(&f);
}

static void an_event_has_its_markets_beside_it_or_nested(void **state)
{
    (void)state;
    struct fix f = fix_world();
    assert_int_equal(rest_get(&f, NULL, "/events/KXA-1"), 200);
    assert_string_equal(fix_text(f.body, "event/series_ticker"), "KXA");
    assert_string_equal(fix_text(f.body, "event/category"), "Cat A");
    assert_string_equal(fix_text(f.body, "event/settlement_sources/0/name"), "n");
    assert_null(fix_get(f.body, "event/markets"));
    assert_string_equal(tickers(&f, "markets", "ticker"), "KXA-1-A KXA-1-B");
    assert_int_equal(rest_get(&f, NULL, "/events/KXA-1?with_nested_markets=true"), 200);
    assert_string_equal(fix_text(f.body, "event/markets/1/ticker"), "KXA-1-B");
    assert_int_equal(json_array_size(fix_get(f.body, "markets")), 0);
    assert_code(&f, rest_get(&f, NULL, "/events/KXZ-1"), 404, "not_found");
    assert_int_equal(rest_get(&f, NULL, "/events/KXA-1/metadata"), 200);
    assert_string_equal(tickers(&f, "market_details", "market_ticker"), "KXA-1-A KXA-1-B");
    assert_string_equal(fix_text(f.body, "settlement_sources/0/url"), "u");
    assert_code(&f, rest_get(&f, NULL, "/events/KXZ-1/metadata"), 404, "not_found");
    assert_int_equal(rest_get(&f, NULL, "/events/KXA-1/more"), 404);
    fix_end(&f);
}

static void series_are_listed_by_category_and_tag(void **state)
{
    (void)state;
    struct fix f = fix_world();
    trade(&f, "KXA-1-B", "7.00");
    assert_int_equal(rest_get(&f, NULL, "/series?category=Cat%20A"), 200);
    assert_string_equal(tickers(&f, "series", "ticker"), "KXA");
    assert_null(fix_get(f.body, "series/0/volume_fp"));
    assert_int_equal(rest_get(&f, NULL, "/series?tags=z,y&include_volume=true"), 200);
    assert_string_equal(tickers(&f, "series", "ticker"), "KXA");
    assert_string_equal(fix_text(f.body, "series/0/volume_fp"), "7.00");
    assert_int_equal(rest_get(&f, NULL, "/series?tags=z"), 200);
    assert_string_equal(tickers(&f, "series", "ticker"), "");
    assert_int_equal(rest_get(&f, NULL, "/series/KXA"), 200);
    assert_string_equal(fix_text(f.body, "series/title"), "As");
    assert_string_equal(fix_text(f.body, "series/frequency"), "daily");
    assert_string_equal(fix_text(f.body, "series/fee_type"), "quadratic");
    assert_true(json_number_value(fix_get(f.body, "series/fee_multiplier")) == 1);
    assert_string_equal(fix_text(f.body, "series/tags/1"), "y");
    assert_code(&f, rest_get(&f, NULL, "/series/KXZ"), 404, "not_found");
    refused(&f, "/series?include_volume=2", "IncludeVolume", "boolean");
    assert_int_equal(rest_get(&f, NULL, "/search/tags_by_categories"), 200);
    json_t *tags = fix_get(f.body, "tags_by_categories");
    assert_string_equal(fix_text(json_object_get(tags, "Cat A"), "0"), "x");
    fix_end(&f);
}

/* --- history --- */

static void what_is_settled_longer_than_the_window_is_history(void **state)
{
    (void)state;
    struct sim_config c = sim_config_default();
    c.live_window_ns = 3600 * SEC;
    struct fix f = rest_with(c);
    trade(&f, MARKET, "2.00");
    rest_act(&f, "{\"do\":\"determine\",\"market\":\"" MARKET "\",\"result\":\"no\"}");
    fix_advance(&f, SEC);
    fix_advance(&f, 3600 * SEC);
    assert_int_equal(rest_get(&f, NULL, "/markets/" MARKET), 200);
    fix_advance(&f, SEC);
    assert_int_equal(rest_get(&f, NULL, "/historical/cutoff"), 200);
    assert_string_equal(fix_text(f.body, "market_settled_ts"), "2026-11-23T08:00:02Z");
    assert_string_equal(fix_text(f.body, "trades_created_ts"), "2026-11-23T08:00:02Z");
    assert_code(&f, rest_get(&f, NULL, "/markets/" MARKET), 404, "not_found");
    list_is(&f, "tickers=" MARKET "," OTHER, OTHER);
    assert_int_equal(rest_get(&f, NULL, "/historical/markets/" MARKET), 200);
    assert_string_equal(fix_text(f.body, "market/status"), "finalized");
    assert_int_equal(rest_get(&f, NULL, "/historical/markets?event_ticker=" EVENT), 200);
    assert_string_equal(tickers(&f, "markets", "ticker"), MARKET);
    assert_code(&f, rest_get(&f, NULL, "/historical/markets/" OTHER), 404, "not_found");
    assert_int_equal(rest_get(&f, NULL, "/events/" EVENT), 200);
    assert_string_equal(tickers(&f, "markets", "ticker"), OTHER);
    assert_int_equal(rest_get(&f, NULL, "/markets/trades"), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "");
    assert_int_equal(rest_get(&f, NULL, "/historical/trades?ticker=" MARKET), 200);
    assert_string_equal(tickers(&f, "trades", "count_fp"), "2.00");
    refused(&f, "/historical/markets?limit=1001", "Limit", "lte");
    refused(&f, "/historical/trades?limit=1001", "Limit", "lte");
    fix_end(&f);
}

/* --- what there is none of --- */

static void lists_of_what_the_exchange_has_none_of_are_empty(void **state)
{
    (void)state;
    static const char *const lists[][2] = {
        {"/milestones?limit=10", "milestones"},
        {"/structured_targets", "structured_targets"},
        {"/events/multivariate", "events"},
        {"/multivariate_event_collections", "multivariate_contracts"},
        {"/incentive_programs", "incentive_programs"},
        {"/live_data/batch?milestone_ids=1", "live_datas"},
        {"/search/filters_by_sport", "sport_ordering"}};
    static const char *const nowhere[] = {
        "/milestones/1",          "/structured_targets/1",  "/multivariate_event_collections/KX",
        "/live_data/events/KX-1", "/live_data/milestone/1", "/live_data/weather/miami"};
    struct fix f = rest_make();
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        assert_int_equal(rest_get(&f, NULL, lists[i][0]), 200);
        json_t *list = json_object_get(f.body, lists[i][1]);
        assert_true(json_is_array(list) && json_array_size(list) == 0);
    }
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        assert_code(&f, rest_get(&f, NULL, nowhere[i]), 404, "not_found");
    }
    refused(&f, "/milestones", "Limit", "required");
    refused(&f, "/milestones?limit=501", "Limit", "lte");
    refused(&f, "/structured_targets?page_size=0", "PageSize", "gte");
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markets_are_listed_by_state),
        cmocka_unit_test(markets_are_listed_by_name),
        cmocka_unit_test(markets_are_listed_by_time),
        cmocka_unit_test(filters_that_do_not_go_together_are_refused),
        cmocka_unit_test(pages_stay_whole_while_markets_are_listed),
        cmocka_unit_test(a_market_has_every_field_of_a_captured_one),
        cmocka_unit_test(a_market_shows_what_it_was_listed_with),
        cmocka_unit_test(a_rule_makes_a_new_market_unreadable_for_a_while),
        cmocka_unit_test(an_empty_book_prints_its_ends),
        cmocka_unit_test(a_book_rises_by_price_and_depth_keeps_the_best),
        cmocka_unit_test(books_come_in_hundreds_with_tickers_repeated_or_joined),
        cmocka_unit_test(a_rule_asks_for_a_signature_on_books),
        cmocka_unit_test(trades_are_listed_newest_first_by_market_and_time),
        cmocka_unit_test(events_are_listed_with_filters_and_pages),
        cmocka_unit_test(an_event_has_its_markets_beside_it_or_nested),
        cmocka_unit_test(series_are_listed_by_category_and_tag),
        cmocka_unit_test(what_is_settled_longer_than_the_window_is_history),
        cmocka_unit_test(lists_of_what_the_exchange_has_none_of_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
