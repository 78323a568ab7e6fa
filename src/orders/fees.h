/*
 * fees.h - the exchange's fees in integers (kalshi-api.md section 16).
 */
#ifndef ORDERS_FEES_H
#define ORDERS_FEES_H

#include <stdbool.h>

#include "bus/event.h"

struct fee_rule {
    enum fee_type type;
    int32_t mult_micros; /* fee multiplier times 1e6; 0 counts as 1 */
};

/* Rounding of one order's fills: fees that only came from rounding, not given back yet. */
struct fee_order {
    usd_t rounding;
};

/* Trade fee of one fill at yes_px, rounded up to 1e-4 USD. FEE_FLAT_UNKNOWN counts as quadratic
 * with maker fees. */
usd_t fee_trade_ceil(const struct fee_rule *rule, bool is_taker, px_t yes_px, qty_t qty);

/*
 * Net fee of one fill for a direct member: the trade fee, plus what brings the change of the
 * balance down to a multiple of 1e-4 USD, less one cent when the order's roundings pass a cent.
 */
usd_t fee_fill(const struct fee_rule *rule, struct fee_order *order, bool is_taker,
               enum side outcome, px_t yes_px, qty_t qty);

/* Most that qty more can cost in fees at its limit price, however it is cut into fills. */
usd_t fee_worst(const struct fee_rule *rule, px_t yes_px, qty_t qty);

#endif
