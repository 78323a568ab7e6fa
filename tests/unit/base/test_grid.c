#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/grid.h"

static const char *const names[] = {
    "linear_cent",
    "deci_cent",
    "tapered_deci_cent",
    "center_whole_edge_half_cent",
    "center_whole_edge_quint_cent",
    "center_half_edge_half_cent",
    "center_half_edge_quint_cent",
    "center_half_edge_deci_cent",
    "center_quint_edge_quint_cent",
    "center_quint_edge_deci_cent",
    "center_centi_edge_centi_cent",
    "center_deci_edge_centi_cent",
};
#define N_NAMES (sizeof names / sizeof names[0])

/* The slow truth: px is tradable when its range's step divides its distance from the start. */
static bool tradable(const struct grid *g, px_t px)
{
    for (uint32_t i = 0; i < g->n; i++) {
        if (px >= g->r[i].start && px < g->r[i].end) {
            return px > 0 && (px - g->r[i].start) % g->r[i].step == 0;
        }
    }
    return false;
}

static void indexes_are_dense_and_rise_with_the_price(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++) {
        struct grid g;
        assert_int_equal(grid_named(&g, names[k]), ST_OK);
        int32_t next = 0;
        for (px_t px = -5; px <= PX_ONE + 5; px++) {
            if (tradable(&g, px)) {
                assert_int_equal(grid_index(&g, px), next);
                assert_int_equal(grid_px(&g, next), px);
                next++;
            } else {
                assert_int_equal(grid_index(&g, px), -1);
            }
        }
        assert_int_equal(next, g.levels);
    }
}

static void floor_and_ceil_are_the_nearest_tradable_prices(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++) {
        struct grid g;
        assert_int_equal(grid_named(&g, names[k]), ST_OK);
        px_t below = 0;
        for (px_t px = -5; px <= PX_ONE + 5; px++) {
            below = tradable(&g, px) ? px : below;
            assert_int_equal(grid_floor(&g, px), below);
        }
        px_t above = 0;
        for (px_t px = PX_ONE + 5; px >= -5; px--) {
            above = tradable(&g, px) ? px : above;
            assert_int_equal(grid_ceil(&g, px), above);
        }
    }
}

static void named_grids_have_the_exchanges_steps(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_named(&g, "tapered_deci_cent"), ST_OK);
    assert_int_equal(g.levels, 99 + 1 + 79 + 1 + 99);
    assert_int_equal(grid_index(&g, 10), 0);
    assert_int_equal(grid_index(&g, 1000), 99);
    assert_int_equal(grid_index(&g, 1010), -1);
    assert_int_equal(grid_index(&g, 9990), g.levels - 1);
    assert_int_equal(grid_named(&g, "center_centi_edge_centi_cent"), ST_OK);
    assert_int_equal(g.levels, 9999);
    struct grid cents = grid_cents();
    assert_int_equal(grid_named(&g, "linear_cent"), ST_OK);
    assert_true(grid_equal(&g, &cents));
    assert_int_equal(g.levels, 99);
    assert_int_equal(grid_named(&g, "banded_centi_cent"), ST_NOT_FOUND);
    assert_int_equal(grid_named(&g, ""), ST_NOT_FOUND);
}

static void ranges_that_are_no_grid_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        struct grid_range r[3];
    } bad[] = {
        {0, {{0, 0, 0, 0}}},
        {1, {{0, 9000, 100, 0}}},                           /* stops early */
        {1, {{100, PX_ONE, 100, 0}}},                       /* starts late */
        {1, {{0, PX_ONE, 0, 0}}},                           /* no step */
        {1, {{0, PX_ONE, -100, 0}}},                        /* a step down */
        {1, {{0, PX_ONE, 300, 0}}},                         /* a step that does not divide */
        {1, {{0, PX_ONE, PX_ONE, 0}}},                      /* nothing tradable */
        {1, {{0, PX_ONE + 100, 100, 0}}},                   /* beyond a dollar */
        {2, {{0, 1000, 10, 0}, {1100, PX_ONE, 100, 0}}},    /* a hole */
        {2, {{0, 1000, 10, 0}, {900, PX_ONE, 100, 0}}},     /* an overlap */
        {2, {{0, PX_ONE, 100, 0}, {PX_ONE, PX_ONE, 1, 0}}}, /* an empty range */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct grid g = grid_cents();
        assert_int_equal(grid_init(&g, bad[i].r, bad[i].n), ST_INVALID);
        assert_int_equal(g.levels, 99); /* left alone */
    }
    struct grid_range nine[GRID_RANGES_MAX + 1];
    for (int i = 0; i <= GRID_RANGES_MAX; i++) {
        px_t end = i == GRID_RANGES_MAX ? PX_ONE : (i + 1) * 1000;
        nine[i] = (struct grid_range){i * 1000, end, 100, 0};
    }
    struct grid g;
    assert_int_equal(grid_init(&g, nine, GRID_RANGES_MAX + 1), ST_INVALID);
}

static void grids_differ_by_their_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        for (size_t k = 0; k < N_NAMES; k++) {
            struct grid a, b;
            assert_int_equal(grid_named(&a, names[i]), ST_OK);
            assert_int_equal(grid_named(&b, names[k]), ST_OK);
            assert_int_equal(grid_equal(&a, &b), i == k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_are_dense_and_rise_with_the_price),
        cmocka_unit_test(floor_and_ceil_are_the_nearest_tradable_prices),
        cmocka_unit_test(named_grids_have_the_exchanges_steps),
        cmocka_unit_test(ranges_that_are_no_grid_are_refused),
        cmocka_unit_test(grids_differ_by_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
