/*
 * A book of a state file, of any bytes: refused with a reason, or an engine that keeps its
 * invariants and gives the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct match *engine(void)
{
    struct match *m = NULL;
    struct match_config c = {.max_markets = 2, .max_accounts = 8, .max_orders = 64};
    struct match_fees fees;
    struct grid grid = grid_cents();
    struct err err;
    uint32_t made;
    ensure(match_create(&c, &m) == ST_OK);
    struct match_kept_engine e = {.next_trade = 5, .next_order = 9, .free_group = UINT32_MAX};
    ensure(match_load_engine(m, &e, &err) == ST_OK);
    ensure(match_fees_named("quadratic", 1000000, &fees) == ST_OK);
    for (int i = 0; i < 3; i++) {
        ensure(match_add_account(m, 1000 * USD_ONE, &made) == ST_OK);
    }
    ensure(match_add_market(m, &grid, &fees, true, &made) == ST_OK);
    for (uint64_t a = 1; a <= 3; a++) {
        struct match_position p = {.market = 0};
        ensure(match_load_position(m, a << 32, &p, &err) == ST_OK);
    }
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct match *m = engine();
    struct match_kept_book row = {{(const char *)data, size}};
    struct err err = {0};
    enum status st = match_load_book(m, 0, &row, &err);
    st = st == ST_OK ? match_load_end(m, &err) : st;
    if (st == ST_OK) {
        const char *why = NULL;
        struct match_kept_book again;
        struct buf b;
        buf_init(&b, 1 << 24);
        ensure(match_check(m, &why));
        match_state_book(m, 0, &b, &again);
        struct match *copy = engine();
        ensure(match_load_book(copy, 0, &again, &err) == ST_OK);
        ensure(match_load_end(copy, &err) == ST_OK);
        buf_finish(&b);
        match_destroy(copy);
    } else {
        ensure(err.text[0] != '\0');
    }
    match_destroy(m);
    return 0;
}
