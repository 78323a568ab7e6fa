#include "base/grid.h"

#include <string.h>

enum status grid_init(struct grid *grid, const struct grid_range *ranges, size_t n)
{
    if (n == 0 || n > GRID_RANGES_MAX) {
        return ST_INVALID;
    }
    struct grid g;
    memset(&g, 0, sizeof g);
    px_t at = 0;
    int32_t index = -1; /* price 0 would have index -1: the first tradable price has 0 */
    for (size_t i = 0; i < n; i++) {
        const struct grid_range *r = &ranges[i];
        if (r->start != at || r->end <= r->start || r->end > PX_ONE || r->step <= 0 ||
            (r->end - r->start) % r->step != 0) {
            return ST_INVALID;
        }
        g.r[i] = (struct grid_range){r->start, r->end, r->step, index};
        index += (int32_t)((r->end - r->start) / r->step);
        at = r->end;
    }
    if (at != PX_ONE || index < 1) {
        return ST_INVALID;
    }
    g.n = (uint32_t)n;
    g.levels = index;
    *grid = g;
    return ST_OK;
}

/* Edge below lo, centre, edge from hi on, in 1e-4 USD. */
struct named_grid {
    const char *name;
    px_t lo, hi;
    px_t edge, centre;
};

static const struct named_grid named[] = {
    {"linear_cent", 0, 0, 0, 100},
    {"deci_cent", 0, 0, 0, 10},
    {"tapered_deci_cent", 1000, 9000, 10, 100},
    {"center_whole_edge_half_cent", 1000, 9000, 50, 100},
    {"center_whole_edge_quint_cent", 1000, 9000, 20, 100},
    {"center_half_edge_half_cent", 0, 0, 0, 50},
    {"center_half_edge_quint_cent", 1000, 9000, 20, 50},
    {"center_half_edge_deci_cent", 1000, 9000, 10, 50},
    {"center_quint_edge_quint_cent", 0, 0, 0, 20},
    {"center_quint_edge_deci_cent", 1000, 9000, 10, 20},
    {"center_centi_edge_centi_cent", 0, 0, 0, 1},
    {"center_deci_edge_centi_cent", 100, 9900, 1, 10},
};

enum status grid_named(struct grid *grid, const char *name)
{
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        const struct named_grid *g = &named[i];
        if (strcmp(g->name, name) != 0) {
            continue;
        }
        if (g->lo == 0) {
            struct grid_range one = {0, PX_ONE, g->centre, 0};
            return grid_init(grid, &one, 1);
        }
        struct grid_range three[3] = {
            {0, g->lo, g->edge, 0}, {g->lo, g->hi, g->centre, 0}, {g->hi, PX_ONE, g->edge, 0}};
        return grid_init(grid, three, 3);
    }
    return ST_NOT_FOUND;
}

struct grid grid_cents(void)
{
    return (struct grid){.n = 1, .levels = 99, .r = {{0, PX_ONE, PX_CENT, -1}}};
}

bool grid_equal(const struct grid *a, const struct grid *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->r[i].start != b->r[i].start || a->r[i].end != b->r[i].end ||
            a->r[i].step != b->r[i].step) {
            return false;
        }
    }
    return true;
}

px_t grid_px(const struct grid *grid, int32_t index)
{
    uint32_t i = grid->n - 1;
    while (i > 0 && index < grid->r[i].before) {
        i--;
    }
    return grid->r[i].start + (px_t)(index - grid->r[i].before) * grid->r[i].step;
}

px_t grid_floor(const struct grid *grid, px_t px)
{
    if (px <= 0) {
        return 0;
    }
    if (px >= PX_ONE) {
        return grid_px(grid, grid->levels - 1);
    }
    uint32_t i = 0;
    while (px >= grid->r[i].end) {
        i++;
    }
    const struct grid_range *r = &grid->r[i];
    return r->start + (px - r->start) / r->step * r->step;
}

px_t grid_ceil(const struct grid *grid, px_t px)
{
    if (px <= 0) {
        return grid_px(grid, 0);
    }
    px_t low = grid_floor(grid, px);
    if (px < PX_ONE && low == px) {
        return px;
    }
    if (px >= PX_ONE) {
        return 0;
    }
    uint32_t i = 0;
    while (px >= grid->r[i].end) {
        i++;
    }
    px_t up = low + grid->r[i].step;
    return up < PX_ONE ? up : 0;
}
