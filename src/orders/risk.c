#include "orders/risk.h"

#include <stddef.h>

struct risk_limits risk_limits_default(void)
{
    return (struct risk_limits){
        .order_qty_max = 100 * QTY_ONE,
        .position_max = 500 * QTY_ONE,
        .exposure_max = 10000 * USD_ONE,
        .open_orders_max = 200,
        .cash_floor = 0,
    };
}

static bool ready(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return v->ready;
}

static bool private_link(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return v->private_link;
}

static bool not_halted(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return !v->halted;
}

static bool market_not_halted(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return !v->market_halted;
}

static bool market_ok(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return v->market_ok;
}

static bool not_lagging(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return !v->lagging;
}

static bool scale_checked(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return !v->unchecked;
}

static bool price_on_grid(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return v->grid != NULL && grid_index(v->grid, v->yes_px) >= 0;
}

static bool size_ok(const struct risk_limits *l, const struct risk_view *v)
{
    return v->qty > 0 && v->qty <= l->order_qty_max;
}

/* A market whose position is over the limit already (adopted, or by hand) may still be reduced. */
static bool position_ok(const struct risk_limits *l, const struct risk_view *v)
{
    qty_t toward = v->outcome == SIDE_YES ? v->position : -v->position;
    return toward + v->open_same_side + v->qty <= l->position_max;
}

static bool exposure_ok(const struct risk_limits *l, const struct risk_view *v)
{
    return v->added == 0 || v->exposure + v->added <= l->exposure_max;
}

static bool open_orders_ok(const struct risk_limits *l, const struct risk_view *v)
{
    return v->open_orders < l->open_orders_max;
}

static bool cash_ok(const struct risk_limits *l, const struct risk_view *v)
{
    return v->needed == 0 || v->cash_free - v->needed >= l->cash_floor;
}

static bool tokens_ok(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return v->tokens >= v->tokens_needed;
}

/* In the order of RISK_MAP. */
static bool (*const checks[RISK_MAX])(const struct risk_limits *, const struct risk_view *) = {
    [RISK_READY] = ready,
    [RISK_PRIVATE_LINK] = private_link,
    [RISK_HALTED] = not_halted,
    [RISK_MARKET_HALTED] = market_not_halted,
    [RISK_MARKET_STATE] = market_ok,
    [RISK_LAGGING] = not_lagging,
    [RISK_SCALE] = scale_checked,
    [RISK_PRICE] = price_on_grid,
    [RISK_ORDER_SIZE] = size_ok,
    [RISK_POSITION] = position_ok,
    [RISK_EXPOSURE] = exposure_ok,
    [RISK_OPEN_ORDERS] = open_orders_ok,
    [RISK_CASH] = cash_ok,
    [RISK_TOKENS] = tokens_ok,
};

enum risk_check_id risk_gate(const struct risk_limits *limits, const struct risk_view *view,
                             struct risk_stats *stats)
{
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        if (!checks[i](limits, view)) {
            stats->refused[i]++;
            return (enum risk_check_id)i;
        }
    }
    stats->passed++;
    return RISK_PASS;
}

const char *risk_name(enum risk_check_id id)
{
    static const char *const names[RISK_MAX] = {
#define X(id, name) [RISK_##id] = name,
        RISK_MAP(X)
#undef X
    };
    return id < RISK_MAX ? names[id] : "";
}
