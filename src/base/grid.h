/*
 * grid.h - the prices at which a market can be traded (price_ranges, kalshi-api.md section 13).
 *
 * A grid is up to GRID_RANGES_MAX ranges [start, end) with a step, rising and without holes; the
 * ends 0 and 1 USD are not tradable. Tradable prices have a dense index 0..grid_levels()-1, rising
 * with the price, so that a ladder can be an array. Values only: copy it freely.
 */
#ifndef BASE_GRID_H
#define BASE_GRID_H

#include <stdbool.h>

#include "base/money.h"

#define GRID_RANGES_MAX 8

struct grid_range {
    px_t start; /* first price of the range (0 for the first range, though 0 itself is not tradable)
                 */
    px_t end;   /* one past the last; PX_ONE for the last range */
    px_t step;  /* > 0, divides end - start */
    int32_t before; /* index that start has (or would have, for 0): filled by grid_init */
};

struct grid {
    uint32_t n;
    int32_t levels; /* number of tradable prices, 1..9999 */
    struct grid_range r[GRID_RANGES_MAX];
};

/*
 * Check n ranges and make a grid of them. ST_INVALID: empty, a hole or overlap, not from 0 to 1
 * USD, step not positive or not dividing its range, too many.
 */
enum status grid_init(struct grid *grid, const struct grid_range *ranges, size_t n) MUST_CHECK;

/* The grid of a structure's name ("linear_cent", "deci_cent", "tapered_deci_cent", ...).
 * ST_NOT_FOUND: unknown name. */
enum status grid_named(struct grid *grid, const char *name) MUST_CHECK;

/* Whole cents, 0.01..0.99. */
struct grid grid_cents(void);

/* True when both have the same ranges. */
bool grid_equal(const struct grid *a, const struct grid *b);

/* Price of an index; index must be in 0..levels-1. */
px_t grid_px(const struct grid *grid, int32_t index);

/* Index of a price, -1 when it is off the grid or not tradable. */
static inline int32_t grid_index(const struct grid *grid, px_t px)
{
    if (px <= 0 || px >= PX_ONE) {
        return -1;
    }
    uint32_t i = 0;
    while (px >= grid->r[i].end) {
        i++; /* ends: the last range ends at PX_ONE */
    }
    const struct grid_range *r = &grid->r[i];
    uint32_t d = (uint32_t)(px - r->start);
    uint32_t step = (uint32_t)r->step;
    uint32_t q = d / step;
    return q * step == d ? r->before + (int32_t)q : -1;
}

/* Largest tradable price <= px (floor) and smallest >= px (ceil); 0 when there is none. */
px_t grid_floor(const struct grid *grid, px_t px);
px_t grid_ceil(const struct grid *grid, px_t px);

#endif
