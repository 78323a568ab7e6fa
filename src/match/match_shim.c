#include "match/match_int.h"
__attribute__((weak)) void match_set_fees(struct match *m, uint32_t market,
                                          const struct match_fees *fees)
{
    m->markets[market].fees = *fees;
}
__attribute__((weak)) void match_access(struct match *m, uint32_t market, enum match_access access,
                                        wall_ns_t now)
{
    (void)now;
    out_clear(m);
    match_halt(m, market, access != MATCH_OPEN);
}
__attribute__((weak)) void match_cancel_market(struct match *m, uint32_t market,
                                               enum match_reason reason, wall_ns_t now)
{
    (void)market;
    (void)reason;
    (void)now;
    out_clear(m);
}
__attribute__((weak)) enum status match_set_grid(struct match *m, uint32_t market,
                                                 const struct grid *grid, wall_ns_t now)
{
    (void)now;
    out_clear(m);
    m->markets[market].grid = *grid;
    return ST_OK;
}
__attribute__((weak)) void match_reopen(struct match *m, uint32_t market);
__attribute__((weak)) void match_reopen(struct match *m, uint32_t market)
{
    m->markets[market].closed = false;
    m->markets[market].halted = false;
}
