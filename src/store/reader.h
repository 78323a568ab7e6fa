/*
 * reader.h - what a database must do so that sessions can be read back: rows of a SELECT, one by
 * one.
 *
 * store/read.c rebuilds records from them and knows no database. The SQL given is what both SQLite
 * and PostgreSQL understand; numbers stand in it as text, nothing else comes from outside. A reader
 * only reads: it makes no file and brings no schema forward.
 * Owner: one thread each. Several row sources of one reader may be open at the same time and see
 * the database as it was at one moment.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "store/store.h"

enum cell_kind {
    CELL_INT, /* i */
    CELL_TEXT,
    CELL_BYTES /* p and n, not ended by NUL */
};

/* A column of the row. NULL in the database: i 0, p NULL, n 0. Empty text: p not NULL. */
struct cell {
    int64_t i;
    const char *p; /* valid until the next row */
    size_t n;
};

struct layout;
struct row_source;
struct reader;

struct row_source_ops {
    /* To the next row, the first at the beginning: fills cells. ST_END behind the last; else an
     * error, and reader->error says which. */
    enum status (*next)(struct row_source *s);
    void (*close)(struct row_source *s);
};

#define READER_CELLS_MAX 64

struct row_source {
    const struct row_source_ops *ops;
    struct cell cells[READER_CELLS_MAX];
};

struct reader_ops {
    /* kinds: what each of the n columns is, outliving the source. At most READER_CELLS_MAX. */
    enum status (*select)(struct reader *r, const char *sql, const enum cell_kind *kinds,
                          uint32_t n, struct row_source **ret_source);
    /*
     * The rows of a session in a table with a key, in order of the key; source < 0: of every
     * source. Faster than select, with the same cells. ST_UNSUPPORTED: not here and now, select has
     * to do it. NULL: never.
     */
    enum status (*scan)(struct reader *r, const struct layout *l, int64_t session, int source,
                        const enum cell_kind *kinds, struct row_source **ret_source);
    /* After all its row sources. */
    void (*close)(struct reader *r);
};

struct reader {
    const struct reader_ops *ops;
    char error[256]; /* of the last failure */
};

/* A database that a writer must bring forward first: its version, and ours. */
#define READER_OLDER_TEXT                                                                          \
    "schema version %d is older than this program's (%d): what opens it for writing (deltaflow "   \
    "run) "                                                                                        \
    "brings it forward, its rows stay"

/* Whatever path means. ST_NOT_FOUND: no such database, or an empty one; ST_UNREACHABLE: no server;
 * ST_UNSUPPORTED: of another schema version; err names the path. */
enum status reader_open(const char *path, struct reader **ret_reader, struct err *err) MUST_CHECK;
enum status sqlite_reader_open(const char *path, struct reader **ret_reader,
                               struct err *err) MUST_CHECK;

#endif
