/* put.h - one record into a transaction, or the gap row that says why not. Owner: the store's
 * thread. */
#ifndef STORE_PUT_H
#define STORE_PUT_H

#include "store/backend.h"

/* What the database does not take for the record's own fault becomes a gap row. tally's rows, lost
 * and by_type are counted up. Errors as backend_ops.put, but ST_INVALID and ST_EXISTS. */
enum status put_record(struct backend *db, const void *record, wall_ns_t wall,
                       struct store_stats *tally) MUST_CHECK;

/* Add the rows, lost and by_type of a transaction that counts. */
void put_tally(struct store_stats *stats, const struct store_stats *tally);

#endif
