/*
 * btree.h - the rows of a WITHOUT ROWID table out of the pages of an SQLite file, in order of their
 * key.
 *
 * For sessions of millions of rows: SQLite's own statements take four times as long for each row as
 * decoding it does. The format is SQLite's published and frozen one (sqlite.org/fileformat2.html,
 * sections 1.6 and 2.1). Pages come from a function, and no number in them is believed: whatever
 * they hold, reading ends, inside the buffers. Who gives the pages sees to it that they are of one
 * moment.
 * Owner: one thread.
 */
#ifndef STORE_BTREE_H
#define STORE_BTREE_H

#include "store/reader.h"

#define BTREE_DEPTH_MAX 20 /* of a table: SQLite's own limit */
#define BTREE_KEY_MAX   3

struct btree_pages {
    void *self;
    /* A whole page into buf; what fails is handed on. Numbers begin with 1. */
    enum status (*read)(void *self, uint32_t number, uint8_t *buf);
    uint32_t size;   /* bytes of a page: 512 to 65536 */
    uint32_t usable; /* without what is reserved at its end: at least 480 */
    uint32_t count;  /* pages of the file */
};

/* A column in the order in which records hold them: key columns first. */
struct btree_column {
    uint32_t cell; /* where it goes */
    enum cell_kind kind;
    int64_t missing; /* integer of a record that was written before the column was added */
};

struct btree_table {
    uint32_t root;  /* page */
    uint32_t n_key; /* columns of the key, integers all of them; at most BTREE_KEY_MAX */
    uint32_t n_columns;
    struct btree_column columns[READER_CELLS_MAX];
};

struct btree;

/*
 * Rows whose key begins with the n_prefix numbers, at most as many as the key has. pages and
 * table are copied. ST_NOMEM.
 */
enum status btree_open(const struct btree_pages *pages, const struct btree_table *table,
                       const int64_t *prefix, uint32_t n_prefix,
                       struct btree **ret_tree) MUST_CHECK;
void btree_close(struct btree *t); /* NULL is fine */

/*
 * The next row into cells, whose texts and bytes are valid until the next call. ST_END behind the
 * last. ST_MALFORMED: the pages make no such table, btree_fault tells; ST_NOMEM; what reading a
 * page gave. After an error nothing more can be read.
 */
enum status btree_next(struct btree *t, struct cell *cells) MUST_CHECK;

/* The page that was looked at last, and what is wrong with it: constant text, never NULL. */
const char *btree_fault(const struct btree *t, uint32_t *ret_page);

#endif
