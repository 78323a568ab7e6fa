/*
 * sqlite_pages.h - tables of an SQLite file read page by page (btree.h), where that is safe.
 *
 * It is safe while the connection's read transaction stands and everything that it sees lies in the
 * file itself: the write-ahead log is empty or there is none. Then nobody may change the file's
 * pages until the transaction ends. A database that is being written, or whose last writer was
 * killed, has a log: ST_UNSUPPORTED, and SQL has to do it.
 * Owner: the connection's thread.
 */
#ifndef STORE_SQLITE_PAGES_H
#define STORE_SQLITE_PAGES_H

#include <sqlite3.h>

#include "store/btree.h"
#include "store/layout.h"

struct sqlite_pages {
    sqlite3_file *file; /* the connection's own */
    int fd;             /* the same, for advice; -1: not found */
    uint64_t asked;     /* bytes of the file that the kernel was asked to read ahead */
    uint32_t size, usable, count;
};

/* Behind BEGIN, before any other statement of the transaction. ST_UNSUPPORTED: see above; *ret is
 * not to be used then. */
enum status sqlite_pages_open(sqlite3 *db, struct sqlite_pages *ret) MUST_CHECK;

/* What btree.h needs; pages must outlive it. */
struct btree_pages sqlite_pages_reader(struct sqlite_pages *pages);

/*
 * How a table lies in its pages: the layout's columns to the cells in their order, behind session
 * and source. ST_UNSUPPORTED: the table is none that btree.h reads; ST_NOMEM, ST_IO.
 */
enum status sqlite_pages_table(sqlite3 *db, const struct layout *l, const enum cell_kind *kinds,
                               struct btree_table *ret) MUST_CHECK;

#endif
