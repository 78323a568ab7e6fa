/*
 * sim_state_int.h - what the files of the kept state share.
 *
 *   sim_state.c       what changed, and saving it    sim_state_load.c    loading, and what follows
 *   sim_state_tables.c  which fields are columns
 */
#ifndef SIM_SIM_STATE_INT_H
#define SIM_SIM_STATE_INT_H

#include <string.h>

#include "match/match_state.h"
#include "sim/sim_life.h"
#include "sim/sim_read.h"

struct kept_exchange {
    uint64_t id_seed;
    wall_ns_t id_wall;
    uint64_t n_trades;
    bool trading_paused, exchange_paused;
    wall_ns_t resume_at, scenario_start;
    uint32_t scenario_next;
    uint64_t n_series, n_events, n_fee_changes;
    uint64_t n_markets, n_users, n_keys, n_orders, n_fills, n_settles, n_burned;
    uint64_t n_groups, n_transfers, n_deposits, n_windows;
    bool by_hours_trading, by_hours_exchange;
};

enum own_table {
    T_EXCHANGE = MATCH_T_MAX,
    T_SERIES,
    T_EVENTS,
    T_FEE_CHANGES,
    T_MARKETS,
    T_USERS,
    T_KEYS,
    T_ORDERS,
    T_FILLS,
    T_SETTLES,
    T_TRADES,
    T_BURNED,
    T_GROUPS,
    T_TRANSFERS,
    T_DEPOSITS,
    T_WINDOWS,
    T_CANDLES,
    T_MAX
};

/* Where the rows of a table are in struct sim. */
struct array {
    enum own_table table;
    size_t rows, n, cap; /* offsets */
    size_t counted;      /* offset in kept_exchange */
    bool append_only;    /* rows never change */
    bool named;          /* changes are named by sim_state_touch(): too many to compare them all */
    const struct row_skip *skip;
    uint32_t n_skip;
};
#define STATE_ARRAYS 14u
extern const struct array state_arrays[STATE_ARRAYS];

static inline uint8_t *rows_of(const struct sim *sim, const struct array *a)
{
    uint8_t *p;
    memcpy(&p, (const uint8_t *)sim + a->rows, sizeof p);
    return p;
}

static inline uint32_t count_of(const struct sim *sim, const struct array *a)
{
    uint32_t n;
    memcpy(&n, (const uint8_t *)sim + a->n, sizeof n);
    return n;
}

#endif
