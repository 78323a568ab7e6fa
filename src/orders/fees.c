#include "orders/fees.h"

__extension__ typedef __int128 wide_t;

#define GRAIN  ((usd_t)100)   /* 1e-4 USD: fees and balances of direct members */
#define REBATE ((usd_t)10000) /* 1 cent */
#define TAKER  700            /* 0.07, in 1e-4 */
#define MAKER  175            /* 0.0175 */
#define MICROS 1000000

usd_t fee_trade_ceil(const struct fee_rule *rule, bool is_taker, px_t yes_px, qty_t qty)
{
    if (rule->type == FEE_NONE || (!is_taker && rule->type == FEE_QUADRATIC)) {
        return 0;
    }
    int64_t mult = rule->mult_micros > 0 ? rule->mult_micros : MICROS;
    /* rate 1e-4, multiplier 1e-6, count 1e-2, two prices 1e-4: together 1e-20 USD. */
    wide_t fee = (wide_t)(is_taker ? TAKER : MAKER) * mult * qty * (yes_px * (PX_ONE - yes_px));
    wide_t grain = (wide_t)100000000 * 100000000; /* 1e-4 USD in that unit */
    return (usd_t)((fee + grain - 1) / grain) * GRAIN;
}

usd_t fee_fill(const struct fee_rule *rule, struct fee_order *order, bool is_taker,
               enum side outcome, px_t yes_px, qty_t qty)
{
    usd_t fee = fee_trade_ceil(rule, is_taker, yes_px, qty);
    /*
     * The balance changes by -n q when the fill opens and by n (1 - q) when it closes. The two
     * differ by n dollars, whole cents, so what is missing to the grain is the same.
     */
    usd_t off = usd_of(outcome == SIDE_YES ? yes_px : PX_ONE - yes_px, qty) % GRAIN;
    usd_t rounding = off == 0 ? 0 : GRAIN - off;
    fee += rounding;
    order->rounding += rounding;
    if (order->rounding >= REBATE) {
        /* Never below zero, and on the grain, so that the balance stays on it. */
        usd_t back = fee < REBATE ? fee - fee % GRAIN : REBATE;
        fee -= back;
        order->rounding -= back;
    }
    return fee;
}

usd_t fee_worst(const struct fee_rule *rule, px_t yes_px, qty_t qty)
{
    if (qty <= 0) {
        return 0;
    }
    /*
     * A better price saves more than its fee can grow, so the limit price is the worst for the sum
     * of cost and fee. Each fill has at least 0.01 contracts and rounds its trade fee up by less
     * than one grain; roundings of the balance never add up to more than a cent and a grain.
     */
    return fee_trade_ceil(rule, true, yes_px, qty) + qty * GRAIN + REBATE + GRAIN;
}
