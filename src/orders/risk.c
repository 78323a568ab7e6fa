#include "orders/risk.h"

#include <stddef.h>

struct risk_limits risk_limits_default(void)
{
    return (struct risk_limits){
        .order_qty_max = 100 * QTY_ONE,
        .collar_mid = 20 * PX_CENT,
        .collar_trade = 30 * PX_CENT,
        .position_max = 500 * QTY_ONE,
        .exposure_max = 10000 * USD_ONE,
        .open_orders_max = 200,
        .cash_floor = 0,
        .loss_max = 1000 * USD_ONE,
        .loss_day_max = 1000 * USD_ONE,
        .drawdown_max = 1000 * USD_ONE,
        .fills_per_s = 100,
        .orders_per_s = 100,
        .duplicate = 100 * NS_PER_MS,
    };
}

/* What a check compares; it refuses when value is above limit. */
struct numbers {
    int64_t value, limit;
};

static struct numbers flag(bool wrong)
{
    return (struct numbers){wrong, 0};
}

static struct numbers ready(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(!v->ready);
}

static struct numbers private_link(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(!v->private_link);
}

static struct numbers group(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(!v->group_ready);
}

static struct numbers halted(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->halted);
}

static struct numbers market_halted(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->market_halted);
}

static struct numbers market_state(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(!v->market_ok);
}

static struct numbers lagging(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->lagging);
}

static struct numbers scale(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->unchecked);
}

static struct numbers price(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->grid == NULL || grid_index(v->grid, v->yes_px) < 0);
}

static struct numbers order_size(const struct risk_limits *l, const struct risk_view *v)
{
    return v->qty > 0 ? (struct numbers){v->qty, l->order_qty_max} : (struct numbers){1, 0};
}

/* Paying more for YES, or giving YES away for less, is worse. */
static px_t worse(const struct risk_view *v, px_t yes_px)
{
    return v->outcome == SIDE_YES ? v->yes_px - yes_px : yes_px - v->yes_px;
}

static struct numbers collar_mid(const struct risk_limits *l, const struct risk_view *v)
{
    px_t off2 = v->outcome == SIDE_YES ? 2 * v->yes_px - v->mid2 : v->mid2 - 2 * v->yes_px;
    return (struct numbers){v->mid2 != 0 ? (off2 + 1) / 2 : 0, l->collar_mid};
}

static struct numbers collar_trade(const struct risk_limits *l, const struct risk_view *v)
{
    px_t best = v->outcome == SIDE_YES ? v->trade_high : v->trade_low;
    return (struct numbers){best != 0 ? worse(v, best) : 0, l->collar_trade};
}

/* A market whose position is over the limit already (adopted, or by hand) may still be reduced. */
static struct numbers position(const struct risk_limits *l, const struct risk_view *v)
{
    qty_t toward = v->outcome == SIDE_YES ? v->position : -v->position;
    return (struct numbers){toward + v->open_same_side + v->qty, l->position_max};
}

static struct numbers exposure(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){v->added != 0 ? v->exposure + v->added : 0, l->exposure_max};
}

static struct numbers open_orders(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){(int64_t)v->open_orders + 1, l->open_orders_max};
}

static struct numbers cash(const struct risk_limits *l, const struct risk_view *v)
{
    return v->needed != 0 ? (struct numbers){v->needed, v->cash_free - l->cash_floor} : flag(false);
}

static struct numbers loss(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){v->loss, l->loss_max};
}

static struct numbers loss_day(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){v->loss_day, l->loss_day_max};
}

static struct numbers drawdown(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){v->drawdown, l->drawdown_max};
}

static struct numbers fills_rate(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){v->fills_lately, l->fills_per_s};
}

static struct numbers orders_rate(const struct risk_limits *l, const struct risk_view *v)
{
    return (struct numbers){(int64_t)v->orders_lately + 1, l->orders_per_s};
}

static struct numbers tokens(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return (struct numbers){v->tokens_short, 0};
}

static struct numbers duplicate(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->duplicate);
}

static struct numbers self_cross(const struct risk_limits *l, const struct risk_view *v)
{
    (void)l;
    return flag(v->self_cross);
}

/* In the order of RISK_MAP. */
static struct numbers (*const checks[RISK_MAX])(const struct risk_limits *,
                                                const struct risk_view *) = {
    [RISK_READY] = ready,
    [RISK_PRIVATE_LINK] = private_link,
    [RISK_GROUP] = group,
    [RISK_HALTED] = halted,
    [RISK_MARKET_HALTED] = market_halted,
    [RISK_MARKET_STATE] = market_state,
    [RISK_LAGGING] = lagging,
    [RISK_SCALE] = scale,
    [RISK_PRICE] = price,
    [RISK_ORDER_SIZE] = order_size,
    [RISK_COLLAR_MID] = collar_mid,
    [RISK_COLLAR_TRADE] = collar_trade,
    [RISK_POSITION] = position,
    [RISK_EXPOSURE] = exposure,
    [RISK_OPEN_ORDERS] = open_orders,
    [RISK_CASH] = cash,
    [RISK_LOSS] = loss,
    [RISK_LOSS_DAY] = loss_day,
    [RISK_DRAWDOWN] = drawdown,
    [RISK_FILLS_RATE] = fills_rate,
    [RISK_ORDERS_RATE] = orders_rate,
    [RISK_TOKENS] = tokens,
    [RISK_DUPLICATE] = duplicate,
    [RISK_SELF_CROSS] = self_cross,
};

struct risk_refusal risk_gate(const struct risk_limits *limits, const struct risk_view *view,
                              struct risk_stats *stats)
{
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        struct numbers n = checks[i](limits, view);
        if (n.value > n.limit) {
            stats->refused[i]++;
            return (struct risk_refusal){(enum risk_check_id)i, n.value, n.limit};
        }
    }
    stats->passed++;
    return (struct risk_refusal){.check = RISK_PASS};
}

const char *risk_name(enum risk_check_id id)
{
    static const char *const names[RISK_MAX] = {
#define X(id, name, unit) [RISK_##id] = name,
        RISK_MAP(X)
#undef X
    };
    return id < RISK_MAX ? names[id] : "";
}

enum risk_unit risk_unit(enum risk_check_id id)
{
    static const enum risk_unit units[RISK_MAX] = {
#define X(id, name, unit) [RISK_##id] = unit,
        RISK_MAP(X)
#undef X
    };
    return id < RISK_MAX ? units[id] : RISK_FLAG;
}

static void number(enum risk_unit unit, int64_t v, struct buf *out)
{
    char text[MONEY_TEXT_MAX];
    switch (unit) {
    case RISK_FLAG:
    case RISK_COUNT:
        buf_printf(out, "%lld", (long long)v);
        return;
    case RISK_PX:
        (void)px_format(v, text);
        break;
    case RISK_QTY:
        (void)qty_format(v, text);
        break;
    case RISK_USD:
        (void)usd_format(v, text);
        break;
    }
    buf_str(out, text);
}

void risk_text(const struct risk_refusal *r, struct buf *out)
{
    static const char *const words[] = {[RISK_FLAG] = "",
                                        [RISK_PX] = " dollars",
                                        [RISK_QTY] = " contracts",
                                        [RISK_USD] = " dollars",
                                        [RISK_COUNT] = ""};
    enum risk_unit unit = risk_unit(r->check);
    buf_str(out, risk_name(r->check));
    if (unit == RISK_FLAG) {
        return;
    }
    buf_str(out, ": ");
    number(unit, r->value, out);
    buf_str(out, words[unit]);
    buf_str(out, ", limit ");
    number(unit, r->limit, out);
}

/* --- self-test --- */

/* An order that nothing speaks against, whatever the limits: the least size, no cash, no risk. */
static struct risk_view harmless(const struct grid *grid)
{
    return (struct risk_view){
        .ready = true,
        .private_link = true,
        .group_ready = true,
        .market_ok = true,
        .grid = grid,
        .yes_px = 50 * PX_CENT,
        .qty = 1,
        .outcome = SIDE_YES,
        .position = -1,
    };
}

/* The harmless order, wrong for one check only. */
static struct risk_view wrong_for(enum risk_check_id id, const struct grid *grid,
                                  const struct risk_limits *l)
{
    struct risk_view v = harmless(grid);
    switch (id) {
    case RISK_READY:
        v.ready = false;
        break;
    case RISK_PRIVATE_LINK:
        v.private_link = false;
        break;
    case RISK_GROUP:
        v.group_ready = false;
        break;
    case RISK_HALTED:
        v.halted = true;
        break;
    case RISK_MARKET_HALTED:
        v.market_halted = true;
        break;
    case RISK_MARKET_STATE:
        v.market_ok = false;
        break;
    case RISK_LAGGING:
        v.lagging = true;
        break;
    case RISK_SCALE:
        v.unchecked = true;
        break;
    case RISK_PRICE:
        v.yes_px = 50 * PX_CENT + 1;
        break;
    case RISK_ORDER_SIZE:
        v.qty = l->order_qty_max + 1;
        v.position = -v.qty;
        break;
    case RISK_COLLAR_MID:
        v.mid2 = 2 * (v.yes_px - l->collar_mid - 1);
        v.mid2 = v.mid2 != 0 ? v.mid2 : -1; /* 0 is no mid */
        break;
    case RISK_COLLAR_TRADE:
        v.trade_high = v.yes_px - l->collar_trade - 1;
        v.trade_high = v.trade_high != 0 ? v.trade_high : -1;
        v.trade_low = v.trade_high;
        break;
    case RISK_POSITION:
        v.position = l->position_max;
        break;
    case RISK_EXPOSURE:
        v.exposure = l->exposure_max;
        v.added = 1;
        break;
    case RISK_OPEN_ORDERS:
        v.open_orders = l->open_orders_max;
        break;
    case RISK_CASH:
        v.needed = 1;
        v.cash_free = l->cash_floor;
        break;
    case RISK_LOSS:
        v.loss = l->loss_max + 1;
        break;
    case RISK_LOSS_DAY:
        v.loss_day = l->loss_day_max + 1;
        break;
    case RISK_DRAWDOWN:
        v.drawdown = l->drawdown_max + 1;
        break;
    case RISK_FILLS_RATE:
        v.fills_lately = l->fills_per_s + 1;
        break;
    case RISK_ORDERS_RATE:
        v.orders_lately = l->orders_per_s;
        break;
    case RISK_TOKENS:
        v.tokens_short = 1;
        break;
    case RISK_DUPLICATE:
        v.duplicate = true;
        break;
    case RISK_SELF_CROSS:
        v.self_cross = true;
        break;
    case RISK_MAX:
        break;
    }
    return v;
}

bool risk_selftest(const struct risk_limits *limits, enum risk_check_id *ret_failed)
{
    struct grid grid = grid_cents();
    struct risk_stats stats = {0};
    struct risk_view v = harmless(&grid);
    *ret_failed = RISK_PASS;
    if (risk_gate(limits, &v, &stats).check != RISK_PASS) {
        return false;
    }
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        v = wrong_for((enum risk_check_id)i, &grid, limits);
        if (risk_gate(limits, &v, &stats).check != i) {
            *ret_failed = (enum risk_check_id)i;
            return false;
        }
    }
    return true;
}
