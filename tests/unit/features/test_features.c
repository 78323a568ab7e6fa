#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "features/features.h"

#define MONDAY_9 INT64_C(1763974800000) /* 2025-11-24T09:00:00Z */
#define HOUR_MS  3600000

static const struct feature_account empty_account = {.pv = 10000, .cash = 10000};

/* YES bid 40 (100 contracts), NO bid 50 (300): ask 50, mid 45. */
static struct feature_book two_sided(void)
{
    return (struct feature_book){.any = true,
                                 .yes_bid = 4000,
                                 .yes_ask = 5000,
                                 .no_bid = 5000,
                                 .no_ask = 6000,
                                 .yes_bids = 10000,
                                 .yes_asks = 30000,
                                 .no_bids = 30000,
                                 .no_asks = 10000,
                                 .n_yes_bids = 1,
                                 .n_yes_asks = 1,
                                 .n_no_bids = 1,
                                 .n_no_asks = 1,
                                 .yes_top3 = 40000,
                                 .no_top3 = 40000};
}

static void same(float got, double want)
{
    if (got != (float)want) {
        fail_msg("%.9g, not %.9g", (double)got, want);
    }
}

static void observe(const struct feature_book *b, int64_t t_ms, const struct feature_account *a,
                    float *f)
{
    struct feature_window w = {0};
    feature_window_add(&w, b, t_ms);
    feature_build(&w, 7, a, f);
}

static void no_book_an_empty_and_a_one_sided_book_differ(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book none = {0};
    observe(&none, 0, &empty_account, f);
    static const double fixed[21] = {0.49, 0.51, 0.49, 0.51, 0.02, 0.02, 0.5, 0.5, 0.01, 0.01, 0.01,
                                     0,    0,    0,    0.1,  0.1,  0.5,  0.5, 0,   1,    1};
    for (int i = 0; i < 21; i++) {
        same(f[i], fixed[i]);
    }
    struct feature_book empty = {.any = true};
    observe(&empty, 0, &empty_account, f);
    static const double nothing[21] = {0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.5, 0.5, 0, 0, 0,
                                       0,   0,   0,   0,   0,   0.5, 0.5, 0,   1, 1};
    for (int i = 0; i < 21; i++) {
        same(f[i], nothing[i]);
    }
    struct feature_book lone = {.any = true,
                                .yes_bid = 9000,
                                .no_ask = 1000,
                                .yes_bids = 500,
                                .no_asks = 500,
                                .n_yes_bids = 1,
                                .n_no_asks = 1,
                                .yes_top3 = 500,
                                .no_top3 = 500};
    observe(&lone, 0, &empty_account, f);
    same(f[0], 0.9);
    same(f[1], 0.5);
    same(f[2], 0.5);
    same(f[3], 0.1);
    same(f[4], 0.1);
    same(f[6], 0.5);
    same(f[12], 1);
    same(f[13], -1);
}

static void the_true_mirror_makes_half_of_the_market_features_repeat(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    observe(&b, 0, &empty_account, f);
    same(f[6], 0.45);
    same(f[7], 0.55);
    same(f[8], fm_log(401) / fm_log(10001));
    same(f[9], fm_log(401) / fm_log(10001));
    same(f[10], fm_log(801) / fm_log(10001));
    same(f[12], -0.5);
    same(f[13], 0.5);
    same(f[11], 0);
    same(f[18], 0);
    same(f[19], 1);
    same(f[20], 1);
}

static void same_book(const struct feature_book *a, const struct feature_book *b)
{
    assert_int_equal(a->any, b->any);
    /* Everything behind the flag is integers without holes. */
    size_t from = offsetof(struct feature_book, yes_bid);
    size_t to = offsetof(struct feature_book, no_top3) + sizeof a->no_top3;
    assert_memory_equal((const char *)a + from, (const char *)b + from, to - from);
}

/* Level by level, from a book of whole and one of fine prices, with both mirrors. */
static void a_book_gives_what_its_levels_give(void **state)
{
    (void)state;
    static const struct level yes[] = {{9900, 500}, {9800, 1234}, {300, 77}, {200, 9999}};
    static const struct level no[] = {{50, 10}, {100, 31}};
    struct grid grid;
    assert_int_equal(grid_named(&grid, "deci_cent"), ST_OK);
    struct book *book = NULL;
    assert_int_equal(book_create(&grid, &book), ST_OK);
    assert_int_equal(book_snapshot(book, yes, 4, no, 1), ST_OK);
    struct feature_book b;
    feature_book_of(book, 9900, &b);
    /* The bid at 99 cents has no ask under the short mirror. */
    assert_int_equal(b.yes_bid, 9900);
    assert_int_equal(b.no_ask, 100);
    assert_int_equal(b.n_yes_bids, 4);
    assert_int_equal(b.n_no_asks, 3);
    assert_int_equal(b.no_asks, 1234 + 77 + 9999);
    assert_int_equal(b.yes_ask, 9850);
    assert_int_equal(b.yes_top3, 9999 + 1234 + 500);
    assert_int_equal(b.no_top3, 9999 + 1234 + 77);
    feature_book_of(book, PX_ONE, &b);
    assert_int_equal(b.no_ask, 100);
    assert_int_equal(b.yes_ask, 9950);
    assert_int_equal(b.n_no_asks, 4);
    assert_int_equal(b.no_top3, 9999 + 1234 + 500);
    struct level no_asks[4];
    for (int i = 0; i < 4; i++) {
        no_asks[i] = (struct level){PX_ONE - yes[i].px, yes[i].qty};
    }
    struct level yes_asks[] = {{PX_ONE - no[0].px, no[0].qty}};
    struct feature_levels levels = {yes, yes_asks, no, no_asks, 4, 1, 1, 4};
    struct feature_book from_levels;
    feature_book_of_levels(&levels, &from_levels);
    same_book(&b, &from_levels);
    /* The sums of sizes may come later, into the window. */
    for (px_t mirror = 9900; mirror <= PX_ONE; mirror += 100) {
        struct feature_window w = {0};
        struct feature_book ends;
        feature_book_ends(book, mirror, &ends);
        feature_window_add(&w, &ends, 0);
        assert_int_equal(w.book.yes_top3, -1);
        feature_window_complete(&w, book, mirror);
        feature_book_of(book, mirror, &b);
        same_book(&w.book, &b);
    }
    /* Nothing but bids that have no ask. */
    assert_int_equal(book_snapshot(book, yes, 1, NULL, 0), ST_OK);
    feature_book_of(book, 9900, &b);
    assert_int_equal(b.no_ask, 0);
    assert_int_equal(b.n_no_asks, 0);
    assert_int_equal(b.no_top3, 0);
    book_destroy(book);
}

static void hours_count_from_9_to_16_utc_and_days_from_monday(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    for (int day = 0; day < 7; day++) {
        for (int hour = 0; hour < 24; hour++) {
            int64_t t = MONDAY_9 + (int64_t)day * 24 * HOUR_MS + (hour - 9) * HOUR_MS;
            observe(&b, t + HOUR_MS - 1, &empty_account, f);
            same(f[22], hour >= 9 && hour <= 16 ? (hour - 9) / 7.0 : 0);
            same(f[23], day / 6.0);
        }
    }
    observe(&b, -1, &empty_account, f); /* Wednesday 1969-12-31T23:59:59.999Z */
    same(f[22], 0);
    same(f[23], 2 / 6.0);
    struct feature_window w = {.clock_offset_ms = 2 * HOUR_MS};
    feature_window_add(&w, &b, MONDAY_9);
    feature_build(&w, 7, &empty_account, f);
    same(f[22], 2 / 7.0);
}

/* The flags compare with mean -+ k std; a window {a,a,b,b} ties exactly, and a tie is no flag. */
static void a_tie_is_decided_by_the_stated_order_of_summation(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    struct feature_window w = {0};
    const double a[4] = {0.75, 0.75, 0.25, 0.25};
    for (int i = 0; i < 4; i++) {
        feature_window_add_derived(&w, &b, i, 0, a[i], 0);
    }
    feature_build(&w, 7, &empty_account, f);
    same(f[28], 0);
    feature_window_add_derived(&w, &b, 4, 0, 0.0, 0);
    feature_build(&w, 7, &empty_account, f);
    same(f[28], 1);

    /* Eleven values: eight partial sums, pairs, then the rest. Left to right gives another bit. */
    const double x[11] = {0.1, 0.2, 0.3, 0.7, 0.11, 0.13, 0.17, 0.19, 0.23, 0.29, 0.31};
    memset(&w, 0, sizeof w);
    for (int i = 0; i < 11; i++) {
        feature_window_add_derived(&w, &b, i, 0, x[i], 0);
    }
    double sum =
        (((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])) + x[8] + x[9]) + x[10];
    double m = sum / 11;
    double products = 0;
    for (int i = 0; i < 11; i++) {
        products += (i - 5.0) * (x[i] - m);
    }
    feature_build(&w, 7, &empty_account, f);
    same(f[29], fm_tanh(10.0 * (products / 110.0)));
}

static void the_window_keeps_ten_points_before_the_current_one(void **state)
{
    (void)state;
    float with_all[FEATURE_COUNT], with_last[FEATURE_COUNT];
    struct feature_window all = {0};
    struct feature_window last = {0};
    for (int i = 0; i < 40; i++) {
        struct feature_book b = two_sided();
        b.yes_bid += 100 * (i % 7);
        double activity = 0.001 * (i * i % 11);
        feature_window_add_derived(&all, &b, 1000 * i, 1, activity, 0);
        if (i >= 29) {
            feature_window_add_derived(&last, &b, 1000 * i, 1, activity, 0);
        }
    }
    assert_int_equal(all.n, FEATURE_HISTORY + 1);
    feature_build(&all, 7, &empty_account, with_all);
    feature_build(&last, 7, &empty_account, with_last);
    assert_memory_equal(with_all, with_last, sizeof with_all);
}

static void momentum_repeats_while_the_mid_is_missing(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_window w = {0};
    static const px_t bids[] = {4000, 4200, 4300};
    for (int i = 0; i < 3; i++) {
        struct feature_book b = two_sided();
        b.yes_bid = bids[i];
        feature_window_add(&w, &b, i);
    }
    feature_build(&w, 7, &empty_account, f);
    same(f[30], fm_tanh((0.5 - 1.0) / 1.0));
    struct feature_book gone = {.any = true};
    feature_window_add(&w, &gone, 4);
    feature_build(&w, 7, &empty_account, f);
    same(f[30], fm_tanh((0.5 - 1.0) / 1.0));
    struct feature_book b = two_sided();
    b.yes_bid = 4300;
    feature_window_add(&w, &b, 5); /* 4200, 4300, 4300 */
    feature_window_add(&w, &b, 6); /* 4300, 4300, 4300: no change before the last */
    feature_build(&w, 7, &empty_account, f);
    same(f[30], 0);
}

static void a_large_no_position_is_clipped_at_minus_two(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    struct feature_position p[] = {feature_position(7, -300000, 0),
                                   feature_position(8, 100, 500000)};
    struct feature_account a = {.pv = 1e6, .cash = 2e5, .positions = p, .n_positions = 2};
    observe(&b, 0, &a, f);
    same(f[35], 0.2);
    same(f[36], 0.8);
    same(f[37], 0.2);
    same(f[38], 1);
    same(f[39], 0.5);
    same(f[40], 0.5);
    same(f[43], -2);
    same(f[42], 3000 * 45.0 / 1e6);                /* at the YES mid, though it is NO: quirk 13 */
    same(f[46], (3000 * 45.0 + 50.0) / 1e6 / 2.0); /* 50 cents each elsewhere */
    same(f[44], fm_tanh((3000 * 45.0 + (50.0 - 50.0)) / 1e6));
}

static void accounts_without_value_or_positions_have_fixed_numbers(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    struct feature_position p[] = {feature_position(7, 500, 100), feature_position(8, 0, 0)};
    struct feature_account a = {.pv = 0.01, .cash = 50, .positions = p, .n_positions = 2};
    observe(&b, 0, &a, f);
    same(f[35], 1);
    for (int i = 36; i < 47; i++) {
        same(f[i], 0);
    }
    a.pv = 100;
    a.n_positions = 1;
    observe(&b, 0, &a, f);
    same(f[45], 1); /* one position: most diverse, quirk 18 */
    a.n_positions = 2;
    observe(&b, 0, &a, f);
    same(f[45], 0); /* a flat entry counts in K */
    p[0].position = 0;
    observe(&b, 0, &a, f);
    for (int i = 37; i < 47; i++) {
        same(f[i], 0);
    }
}

static void order_features_measure_from_the_yes_mid_in_cents(void **state)
{
    (void)state;
    double f[5];
    struct feature_book b = two_sided();
    struct feature_orders none = {0};
    feature_orders(&none, &b, 1000, f);
    for (int i = 0; i < 5; i++) {
        assert_true(f[i] == 0);
    }
    struct feature_orders o = {.has_buy = true,
                               .has_sell = true,
                               .oldest_buy_px = 4050,
                               .oldest_sell_px = 9900,
                               .newest_ms = 1000};
    feature_orders(&o, &b, 61000, f);
    assert_true(f[0] == 1 && f[1] == 1);
    assert_true(f[2] == 4.5 / 100 && f[3] == 54.0 / 100 && f[4] == 60.0 / 300);
    struct feature_book empty = {.any = true};
    o.has_buy = false;
    feature_orders(&o, &empty, 100000000, f); /* the mid is 50 then */
    assert_true(f[0] == 0 && f[2] == 0 && f[3] == 49.0 / 100 && f[4] == 1);
    feature_orders(&o, &empty, 0, f); /* a clock that was set back */
    assert_true(f[4] == 0);
}

static void what_is_not_a_number_becomes_nothing(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    struct feature_account a = empty_account;
    const double odd[5] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 7, -1e300};
    memcpy(a.orders, odd, sizeof odd);
    observe(&b, 0, &a, f);
    same(f[47], 0);
    same(f[48], 1);
    same(f[49], -1);
    same(f[50], 2);
    same(f[51], -1); /* too large for a float: infinite after the rounding */
}

static void the_cache_follows_both_versions(void **state)
{
    (void)state;
    float f[FEATURE_COUNT];
    struct feature_book b = two_sided();
    struct feature_window w = {0};
    struct feature_cache c = {0};
    struct feature_account a = empty_account;
    feature_window_add(&w, &b, 0);
    feature_build(&w, 7, &a, f);
    assert_memory_equal(feature_cached(&c, &w, 7, &a), f, sizeof f);
    /* The same versions: the same numbers, whatever the account says. */
    a.cash = 5000;
    assert_memory_equal(feature_cached(&c, &w, 7, &a), f, sizeof f);
    a.version++;
    same(feature_cached(&c, &w, 7, &a)[35], 0.5);
    b.yes_bid = 4400;
    feature_window_add(&w, &b, 1);
    same(feature_cached(&c, &w, 7, &a)[0], 0.44);
    feature_build(&w, 7, &a, f);
    assert_memory_equal(feature_cached(&c, &w, 7, &a), f, sizeof f);
}

static void integers_become_cents_and_contracts(void **state)
{
    (void)state;
    assert_true(feature_cents(12345678) == 1234.5678);
    struct feature_position p = feature_position(3, -1250, 6250000);
    assert_int_equal(p.mkt, 3);
    assert_true(p.position == -12.5 && p.cost == 625);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_book_an_empty_and_a_one_sided_book_differ),
        cmocka_unit_test(the_true_mirror_makes_half_of_the_market_features_repeat),
        cmocka_unit_test(a_book_gives_what_its_levels_give),
        cmocka_unit_test(hours_count_from_9_to_16_utc_and_days_from_monday),
        cmocka_unit_test(a_tie_is_decided_by_the_stated_order_of_summation),
        cmocka_unit_test(the_window_keeps_ten_points_before_the_current_one),
        cmocka_unit_test(momentum_repeats_while_the_mid_is_missing),
        cmocka_unit_test(a_large_no_position_is_clipped_at_minus_two),
        cmocka_unit_test(accounts_without_value_or_positions_have_fixed_numbers),
        cmocka_unit_test(order_features_measure_from_the_yes_mid_in_cents),
        cmocka_unit_test(what_is_not_a_number_becomes_nothing),
        cmocka_unit_test(the_cache_follows_both_versions),
        cmocka_unit_test(integers_become_cents_and_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
