/*
 * pg_copy.h - records as rows of PostgreSQL's binary formats: of COPY, and as parameters of INSERT.
 *
 * Plain bytes, no connection. Owner: the store's thread.
 */
#ifndef STORE_PG_COPY_H
#define STORE_PG_COPY_H

#include "base/bytes.h"
#include "store/layout.h"

/* What a COPY begins and ends with. */
void pg_copy_header(struct buf *out);
void pg_copy_trailer(struct buf *out);
#define PG_COPY_HEADER_SIZE 19

struct pg_encoder {
    struct buf scratch; /* levels, texts that are no UTF-8 */
};
void pg_encoder_init(struct pg_encoder *e);
void pg_encoder_finish(struct pg_encoder *e);

/* "COPY table (columns) FROM STDIN (FORMAT binary)" */
void pg_copy_sql(const struct layout *l, struct buf *out);

/* A valid record (layout_valid) as one row behind out. ST_NOMEM: out is as it was. */
enum status pg_copy_row(struct pg_encoder *e, const struct layout *l, int64_t session,
                        const void *record, struct buf *out) MUST_CHECK;

/* The values of a row that pg_copy_row wrote, at most PG_VALUES_MAX, in binary: pointers into row.
 * Returns how many. */
#define PG_VALUES_MAX (LAYOUT_FIELDS_MAX + 2)
int pg_row_values(const char *row, const char *values[PG_VALUES_MAX], int lengths[PG_VALUES_MAX]);

/* "INSERT ... ON CONFLICT DO NOTHING" with these as parameters. */
void pg_insert_sql(const struct layout *l, struct buf *out);

#endif
