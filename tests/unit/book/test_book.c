#include "book/book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct book *make(const char *name)
{
    struct grid grid;
    struct book *book;
    assert_int_equal(grid_named(&grid, name), ST_OK);
    assert_int_equal(book_create(&grid, &book), ST_OK);
    return book;
}

static void a_new_book_is_empty(void **state)
{
    (void)state;
    struct book *b = make("linear_cent");
    assert_int_equal(book_best(b, SIDE_YES), 0);
    assert_int_equal(book_best_qty(b, SIDE_NO), 0);
    assert_int_equal(book_ask(b, SIDE_YES), 0);
    assert_int_equal(book_levels(b, SIDE_YES), 0);
    assert_int_equal(book_total(b, SIDE_NO), 0);
    assert_int_equal(book_version(b), 0);
    assert_false(book_two_sided(b));
    assert_false(book_crossed(b));
    book_destroy(b);
    book_destroy(NULL);
}

static void a_no_bid_is_a_yes_ask(void **state)
{
    (void)state;
    struct book *b = make("linear_cent");
    assert_int_equal(book_apply(b, SIDE_NO, 4800, 200), ST_OK);
    assert_int_equal(book_ask(b, SIDE_YES), 5200);
    assert_int_equal(book_ask(b, SIDE_NO), 0);
    assert_int_equal(book_apply(b, SIDE_YES, 4700, 300), ST_OK);
    assert_int_equal(book_ask(b, SIDE_NO), 5300);
    assert_true(book_two_sided(b));
    assert_false(book_crossed(b));
    assert_int_equal(book_apply(b, SIDE_YES, 5200, 100), ST_OK);
    assert_true(book_crossed(b));
    book_destroy(b);
}

static void apply_below_zero_leaves_the_book_unchanged(void **state)
{
    (void)state;
    struct book *b = make("linear_cent");
    assert_int_equal(book_apply(b, SIDE_YES, 4700, 300), ST_OK);
    uint64_t version = book_version(b), hash = book_hash(b);
    assert_int_equal(book_apply(b, SIDE_YES, 4700, -301), ST_INVALID);
    assert_int_equal(book_apply(b, SIDE_YES, 4600, -1), ST_INVALID);
    assert_int_equal(book_apply(b, SIDE_YES, 4700, INT64_MAX), ST_INVALID);
    assert_int_equal(book_apply(b, SIDE_YES, 4700, INT64_MIN), ST_INVALID);
    assert_int_equal(book_version(b), version);
    assert_true(book_hash(b) == hash);
    book_destroy(b);
}

static void prices_off_the_grid_are_refused(void **state)
{
    (void)state;
    struct book *b = make("tapered_deci_cent");
    static const px_t bad[] = {0, 10000, -100, 10100, 5050, 1010, 5, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(book_apply(b, SIDE_YES, bad[i], 100), ST_INVALID);
        assert_int_equal(book_qty(b, SIDE_YES, bad[i]), 0);
    }
    assert_int_equal(book_apply(b, SIDE_YES, 10, 100), ST_OK);
    assert_int_equal(book_apply(b, SIDE_YES, 9990, 100), ST_OK);
    assert_int_equal(book_best(b, SIDE_YES), 9990);
    book_destroy(b);
}

static void every_price_of_every_step_finds_its_level(void **state)
{
    (void)state;
    static const char *const names[] = {"linear_cent",
                                        "deci_cent",
                                        "tapered_deci_cent",
                                        "center_quint_edge_deci_cent",
                                        "center_centi_edge_centi_cent",
                                        "center_deci_edge_centi_cent"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct book *b = make(names[i]);
        for (px_t px = -1; px <= PX_ONE + 1; px++) {
            bool tradable = grid_index(book_grid(b), px) >= 0;
            assert_int_equal(book_apply(b, SIDE_YES, px, px + 7), tradable ? ST_OK : ST_INVALID);
            assert_int_equal(book_qty(b, SIDE_YES, px), tradable ? px + 7 : 0);
        }
        assert_int_equal(book_levels(b, SIDE_YES), book_grid(b)->levels);
        book_destroy(b);
    }
    for (px_t step = 1; step <= PX_ONE / 2; step++) { /* each step that can be */
        struct grid_range one = {0, PX_ONE, step, 0};
        struct grid grid;
        struct book *b;
        if (PX_ONE % step != 0) {
            continue;
        }
        assert_int_equal(grid_init(&grid, &one, 1), ST_OK);
        assert_int_equal(book_create(&grid, &b), ST_OK);
        for (px_t px = 1; px < PX_ONE; px++) {
            assert_int_equal(book_apply(b, SIDE_NO, px, 1), px % step == 0 ? ST_OK : ST_INVALID);
        }
        book_destroy(b);
    }
}

static void a_level_that_reaches_zero_is_gone_and_the_next_is_best(void **state)
{
    (void)state;
    struct book *b = make("center_centi_edge_centi_cent");
    static const px_t px[] = {1, 63, 64, 65, 4095, 4096, 4097, 8192, 9999};
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(book_apply(b, SIDE_NO, px[i], 100 + (qty_t)i), ST_OK);
    }
    for (size_t i = 9; i-- > 0;) {
        assert_int_equal(book_best(b, SIDE_NO), px[i]);
        assert_int_equal(book_levels(b, SIDE_NO), i + 1);
        assert_int_equal(book_apply(b, SIDE_NO, px[i], -100 - (qty_t)i), ST_OK);
    }
    assert_int_equal(book_best(b, SIDE_NO), 0);
    assert_int_equal(book_total(b, SIDE_NO), 0);
    book_destroy(b);
}

static void a_snapshot_replaces_the_book_and_may_be_empty(void **state)
{
    (void)state;
    struct book *b = make("linear_cent");
    struct level yes[] = {{4700, 100}, {100, 50}, {4600, 200}}, no[] = {{4800, 1}};
    assert_int_equal(book_apply(b, SIDE_YES, 200, 7), ST_OK);
    assert_int_equal(book_snapshot(b, yes, 3, no, 1), ST_OK);
    assert_int_equal(book_qty(b, SIDE_YES, 200), 0);
    assert_int_equal(book_total(b, SIDE_YES), 350);
    assert_int_equal(book_version(b), 2);
    assert_int_equal(book_snapshot(b, NULL, 0, NULL, 0), ST_OK);
    assert_int_equal(book_levels(b, SIDE_YES) + book_levels(b, SIDE_NO), 0);
    book_destroy(b);
}

static void a_bad_snapshot_leaves_the_book_empty(void **state)
{
    (void)state;
    static const struct level good = {4700, 100};
    static const struct level bad[][2] = {
        {{4700, 100}, {4750, 100}},       /* off the grid */
        {{4700, 100}, {4700, 100}},       /* twice */
        {{4700, 100}, {4600, 0}},         /* no size */
        {{4700, 100}, {4600, -1}},        /* negative */
        {{4700, 100}, {4600, INT64_MAX}}, /* beyond any real size */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct book *b = make("linear_cent");
        assert_int_equal(book_snapshot(b, &good, 1, NULL, 0), ST_OK);
        uint64_t version = book_version(b);
        assert_int_equal(book_snapshot(b, bad[i], 2, &good, 1), ST_INVALID);
        assert_int_equal(book_snapshot(b, &good, 1, bad[i], 2), ST_INVALID);
        assert_int_equal(book_levels(b, SIDE_YES) + book_levels(b, SIDE_NO), 0);
        assert_int_equal(book_total(b, SIDE_YES) + book_total(b, SIDE_NO), 0);
        assert_true(book_version(b) > version);
        book_destroy(b);
    }
    struct book *b = make("linear_cent");
    struct level half = {5000, 1};
    assert_int_equal(book_snapshot(b, &half, 1, &half, 1), ST_INVALID); /* locked */
    assert_int_equal(book_best(b, SIDE_YES), 0);
    book_destroy(b);
}

static void regrid_keeps_the_levels_that_are_on_the_new_grid(void **state)
{
    (void)state;
    struct book *b = make("deci_cent");
    struct grid cents = grid_cents();
    uint32_t dropped = 9;
    assert_int_equal(book_apply(b, SIDE_YES, 4710, 1), ST_OK);
    assert_int_equal(book_apply(b, SIDE_YES, 4700, 2), ST_OK);
    assert_int_equal(book_apply(b, SIDE_NO, 4800, 3), ST_OK);
    assert_int_equal(book_regrid(b, &cents, &dropped), ST_OK);
    assert_int_equal(dropped, 1);
    assert_int_equal(book_best(b, SIDE_YES), 4700);
    assert_int_equal(book_total(b, SIDE_YES), 2);
    assert_int_equal(book_qty(b, SIDE_NO, 4800), 3);
    assert_int_equal(book_version(b), 4);
    assert_int_equal(book_regrid(b, &cents, NULL), ST_OK); /* the same grid changes nothing */
    assert_int_equal(book_version(b), 4);
    book_destroy(b);
}

static void top_sizes_and_depth_come_largest_and_best_first(void **state)
{
    (void)state;
    struct book *b = make("linear_cent");
    static const struct level yes[] = {{1000, 5}, {1100, 90}, {1200, 7}, {1300, 7}};
    assert_int_equal(book_snapshot(b, yes, 4, NULL, 0), ST_OK);
    qty_t top[8];
    book_top_sizes(b, SIDE_YES, top, 8);
    static const qty_t want[8] = {90, 7, 7, 5, 0, 0, 0, 0};
    assert_memory_equal(top, want, sizeof want);
    struct level two[2];
    assert_int_equal(book_depth(b, SIDE_YES, two, 2), 2);
    assert_int_equal(two[0].px, 1300);
    assert_int_equal(two[1].px, 1200);
    assert_int_equal(book_depth_to(b, SIDE_YES, 1150), 14);
    assert_int_equal(book_depth_to(b, SIDE_YES, 1100), 104);
    assert_int_equal(book_depth_to(b, SIDE_YES, 0), 109);
    assert_int_equal(book_depth_to(b, SIDE_YES, 9950), 0);
    book_destroy(b);
}

static void a_fine_book_is_far_smaller_than_its_grid(void **state)
{
    (void)state;
    struct book *b = make("center_centi_edge_centi_cent");
    for (px_t px = 4000; px < 4020; px++) {
        assert_int_equal(book_apply(b, SIDE_YES, px, 100), ST_OK);
    }
    assert_true(book_memory(b) > sizeof(struct grid));
    assert_true(book_memory(b) < 9999 * sizeof(qty_t) / 10);
    book_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_book_is_empty),
        cmocka_unit_test(a_no_bid_is_a_yes_ask),
        cmocka_unit_test(apply_below_zero_leaves_the_book_unchanged),
        cmocka_unit_test(prices_off_the_grid_are_refused),
        cmocka_unit_test(every_price_of_every_step_finds_its_level),
        cmocka_unit_test(a_level_that_reaches_zero_is_gone_and_the_next_is_best),
        cmocka_unit_test(a_snapshot_replaces_the_book_and_may_be_empty),
        cmocka_unit_test(a_bad_snapshot_leaves_the_book_empty),
        cmocka_unit_test(regrid_keeps_the_levels_that_are_on_the_new_grid),
        cmocka_unit_test(top_sizes_and_depth_come_largest_and_best_first),
        cmocka_unit_test(a_fine_book_is_far_smaller_than_its_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
