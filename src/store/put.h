/*
 * put.h - records into a transaction, in chunks; what the database refuses becomes a gap row.
 *
 * Owner: the store's thread.
 */
#ifndef STORE_PUT_H
#define STORE_PUT_H

#include "store/backend.h"

#define PUT_CHUNK 4096U

struct putter {
    struct backend *db;
    wall_ns_t wall; /* of gap rows */
    size_t n;       /* records gathered */
    const void *chunk[PUT_CHUNK];
    struct refused refused[PUT_CHUNK];
    struct store_stats tally; /* rows, lost, by_type of this transaction */
};

/* A transaction has begun: nothing is gathered, nothing counted. */
void put_begin(struct putter *p, wall_ns_t wall);

/* The record must stay where it is until put_flush, or until the chunk is full. Errors as
 * backend_ops.put, but ST_INVALID and ST_EXISTS. */
enum status put_add(struct putter *p, const void *record) MUST_CHECK;
enum status put_flush(struct putter *p) MUST_CHECK;

/* Add a tally to what has been counted. */
void put_tally(struct store_stats *stats, const struct store_stats *tally);

#endif
