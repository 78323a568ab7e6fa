#include "bus/event.h"

#include <string.h>

bool fee_type_named(const char *name, int32_t mult_micros, int32_t *ret_type)
{
    static const struct {
        const char *name;
        enum fee_type type;
    } names[] = {
        {"quadratic", FEE_QUADRATIC},
        {"quadratic_with_maker_fees", FEE_QUADRATIC_MAKER},
        /* A maker normally pays a quarter of the taker's rate, which is the maker formula. */
        {"quadratic_with_combo_maker_fees", FEE_QUADRATIC_MAKER},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            *ret_type = mult_micros == 0 ? FEE_NONE : (int32_t)names[i].type;
            return true;
        }
    }
    return false;
}

bool market_result_of(const char *result, bool has_px, px_t px, int32_t *ret_result, px_t *ret_px)
{
    static const char *const names[] = {"", "yes", "no", "scalar"};
    int32_t r = RESULT_SCALAR;
    while (r > RESULT_NONE && strcmp(result, names[r]) != 0) {
        r--;
    }
    px_t pays = has_px ? px : r == RESULT_YES ? PX_ONE : 0;
    if (r == RESULT_NONE || (r == RESULT_SCALAR && !has_px) || pays < 0 || pays > PX_ONE) {
        return false;
    }
    *ret_result = r;
    *ret_px = pays;
    return true;
}
