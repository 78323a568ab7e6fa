/*
 * fix.h - one market in whole cents and two accounts, a and b, with 100 dollars each; for the unit
 * tests of match. Prices are given in cents, counts in contracts.
 */
#ifndef TESTS_UNIT_MATCH_FIX_H
#define TESTS_UNIT_MATCH_FIX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "match/match.h"

struct fix {
    struct match *m;
    uint32_t market, a, b;
    wall_ns_t now;
};

static inline struct fix fix_with(struct match_config c, const char *fee_type, bool recorded)
{
    struct fix f = {.now = 1000};
    c.max_markets = c.max_markets != 0 ? c.max_markets : 2;
    c.max_accounts = c.max_accounts != 0 ? c.max_accounts : 8;
    c.max_orders = c.max_orders != 0 ? c.max_orders : 100;
    struct match_fees fees;
    assert_int_equal(match_fees_named(fee_type, 1000000, &fees), ST_OK);
    struct grid grid = grid_cents();
    assert_int_equal(match_create(&c, &f.m), ST_OK);
    assert_int_equal(match_add_market(f.m, &grid, &fees, recorded, &f.market), ST_OK);
    assert_int_equal(match_add_account(f.m, 100 * USD_ONE, &f.a), ST_OK);
    assert_int_equal(match_add_account(f.m, 100 * USD_ONE, &f.b), ST_OK);
    return f;
}

static inline struct fix fix_make(bool recorded)
{
    return fix_with((struct match_config){0}, "quadratic", recorded);
}

static inline void fix_check(const struct fix *f)
{
    const char *why = NULL;
    if (!match_check(f->m, &why)) {
        fail_msg("%s", why);
    }
    struct match_money s = match_money(f->m);
    assert_int_equal(s.cash + s.anon_cash + s.collateral + s.fees + s.cut - s.deposits,
                     200 * USD_ONE);
}

static inline void fix_end(struct fix *f)
{
    fix_check(f);
    match_destroy(f->m);
}

static inline struct match_request req(const struct fix *f, uint32_t account, enum side side,
                                       px_t cents, qty_t contracts)
{
    return (struct match_request){.account = account,
                                  .market = f->market,
                                  .side = side,
                                  .px = cents * PX_CENT,
                                  .qty = contracts * QTY_ONE};
}

static inline uint64_t place(struct fix *f, struct match_request r)
{
    uint64_t id = 0;
    assert_int_equal(match_place(f->m, &r, ++f->now, &id), MATCH_ACCEPTED);
    fix_check(f);
    return id;
}

static inline enum match_verdict verdict(struct fix *f, struct match_request r)
{
    uint64_t id = 0;
    enum match_verdict v = match_place(f->m, &r, ++f->now, &id);
    fix_check(f);
    return v;
}

static inline const struct match_order *last_update(const struct fix *f)
{
    struct match_result r = match_result(f->m);
    assert_true(r.n_updates > 0);
    return &r.updates[r.n_updates - 1];
}

#endif
