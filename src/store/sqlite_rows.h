/*
 * sqlite_rows.h - records into the SQLite tables, many with one statement.
 *
 * The records of one type are shown to SQLite as a virtual table that lives in memory, and one
 * INSERT ... SELECT takes them all: nothing is bound, stepped and reset for each row, and the
 * table's cursor stays at its end. Owner: the store's thread.
 */
#ifndef STORE_SQLITE_ROWS_H
#define STORE_SQLITE_ROWS_H

#include <sqlite3.h>

#include "store/backend.h"

struct sqlite_rows;

/* For one connection, which must outlive it. ST_NOMEM; ST_IO: sqlite3_errmsg() says why. */
enum status sqlite_rows_create(sqlite3 *db, struct sqlite_rows **ret_rows) MUST_CHECK;
void sqlite_rows_destroy(struct sqlite_rows *rows); /* before the connection; NULL is fine */

/* As backend_ops.put_all, inside the transaction that is open. */
enum status sqlite_rows_put(struct sqlite_rows *rows, int64_t session, const void *const *records,
                            size_t n, struct refused *refused, size_t *ret_n_refused) MUST_CHECK;

#endif
