/*
 * fuzz_outcomes.c - any bytes as a text that may tell results of markets: it is JSON or refused,
 * and what was counted can be found.
 */
#include <stdlib.h>

#include "sim/outcomes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcomes o;
    size_t n = 0;
    bool yes = false;
    if (outcomes_init(&o) != ST_OK) {
        abort();
    }
    enum status st = outcomes_take(&o, (struct text){(const char *)data, size}, &n);
    if (st != ST_OK && (st != ST_MALFORMED || n != 0)) {
        abort();
    }
    if ((n > 0) != (o.by_ticker.live > 0) || o.by_ticker.live > n ||
        (outcomes_get(&o, TEXT("A"), &yes) && n == 0)) {
        abort();
    }
    outcomes_finish(&o);
    return 0;
}
