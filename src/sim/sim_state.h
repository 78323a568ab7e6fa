/*
 * sim_state.h - the exchange as rows of tables, so that it outlives its process. No I/O here: who
 * keeps the rows gives a place to put them, and gives them back to sim_create().
 *
 * Everything that a client could notice is kept: users, keys, subaccounts, cash, positions, open
 * orders in their exact place in the queue, finished orders, fills, settlements, public trades (the
 * newest TRADES_KEPT), used client_order_ids, series, events, markets, books, order groups, the
 * counters that ids are made of. Not kept: connections, token buckets (they start full), faults.
 *
 * sim_state_save() finds what changed since the last call: what the engine's results name, what was
 * added, and by comparing small tables with a copy of what was put last. A part of the large tables
 * is compared at each call too, so that a change nobody named is put a little later.
 * sim_state_missed() counts those: it stays 0 when everything is named as it should be.
 */
#ifndef SIM_SIM_STATE_H
#define SIM_SIM_STATE_H

#include "base/rows.h"

struct sim;

/* The tables, in the order in which they are loaded. */
const struct row_table *sim_state_table(uint32_t i); /* NULL past the last */

/* Where rows go. A row with the same table and key replaces the one before. */
struct sim_rows_out {
    void *self;
    enum status (*put)(void *self, uint32_t table, uint64_t key, const void *row) MUST_CHECK;
};
/* Where they come from: every row of a table by rising key, each given to take, which says ST_OK
 * or why the row is refused. The row is valid during the call. */
struct sim_rows_in {
    void *self;
    const char *name; /* for error texts */
    enum status (*each)(void *self, uint32_t table,
                        enum status (*take)(void *to, uint64_t key, void *row, struct err *err),
                        void *to, struct err *err) MUST_CHECK;
};

/*
 * Begin to watch for changes; the first save puts everything, or, after a load, what the load
 * changed. ST_NOMEM.
 */
enum status sim_state_watch(struct sim *sim) MUST_CHECK;

/* Put what changed. whole: compare everything, also what nobody named. *ret_rows: how many rows. An
 * error of put is handed on; then nothing is known about what was kept, and the caller gives up. */
enum status sim_state_save(struct sim *sim, bool whole, const struct sim_rows_out *to,
                           uint64_t *ret_rows) MUST_CHECK;

/* True when a client was, or is about to be, told of something that is not saved yet. */
bool sim_state_urgent(const struct sim *sim);
uint64_t sim_state_missed(const struct sim *sim);

/* All rows, whatever was saved. For tests. */
void sim_state_all(struct sim *sim, const struct sim_rows_out *to);

/* For tests: fields of a kept struct that are neither a column nor named as not kept: false, and
 * where. */
bool sim_state_covered(struct err *err);

#endif
