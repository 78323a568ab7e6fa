/*
 * rows.h - structs described as rows of a table, so that one piece of code keeps them all (SQLite,
 * digests in tests) and the owner of a struct says in one place what of it is kept.
 *
 * A column is a field of the struct: whole numbers of any width, NUL-terminated text in an array,
 * bytes that a struct text in the row points to, text that a pointer owns, or an array as it is.
 */
#ifndef BASE_ROWS_H
#define BASE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"

enum row_kind {
    ROW_INT,  /* signed, 1, 2, 4 or 8 bytes */
    ROW_UINT, /* unsigned and enums, the same widths */
    ROW_BOOL,
    ROW_TEXT,  /* char array with NUL */
    ROW_BYTES, /* struct text, borrowed */
    ROW_OWNED, /* char *, NULL or text that the row owns; loaded with malloc() */
    ROW_RAW    /* the field's own bytes, for arrays of numbers */
};

struct row_column {
    const char *name;
    enum row_kind kind;
    uint32_t offset, size; /* of the field in the struct */
};

struct row_table {
    const char *name;
    const struct row_column *columns;
    uint32_t n_columns;
    size_t size; /* of the struct */
};

#define ROW_COLUMN(struct_, name_, field_, kind_)                                                  \
    {                                                                                              \
        name_, kind_, offsetof(struct_, field_), sizeof(((struct_ *)0)->field_)                    \
    }
#define ROW_TABLE(name_, struct_, columns_)                                                        \
    {                                                                                              \
        name_, columns_, sizeof(columns_) / sizeof((columns_)[0]), sizeof(struct_)                 \
    }

static inline bool row_is_number(const struct row_column *c)
{
    return c->kind == ROW_INT || c->kind == ROW_UINT || c->kind == ROW_BOOL;
}

/* A number of a row. An unsigned number of 8 bytes comes out as the signed one of the same bits. */
int64_t row_int(const struct row_column *c, const void *row);
/* Put it back. ST_RANGE: the field cannot hold it; the row is unchanged. */
enum status row_set_int(const struct row_column *c, void *row, int64_t v) MUST_CHECK;
/* Text and bytes; p is NULL for an owned pointer that is. row_set_text copies (ST_LIMIT: too long,
 * or raw bytes of another length; ST_MALFORMED: a NUL in text; ST_NOMEM), or borrows. */
struct text row_text(const struct row_column *c, const void *row);
enum status row_set_text(const struct row_column *c, void *row, struct text v) MUST_CHECK;

/* True when all columns are equal. */
bool row_equal(const struct row_table *t, const void *a, const void *b);
/* Add key and columns to a digest: the same for the same content, whatever lies between. */
void row_digest(const struct row_table *t, uint64_t key, const void *row, struct digest *d);

/*
 * Bytes of a struct that no column and no range of skip covers: *ret_at, *ret_n for the first such
 * run of at least 1 byte that is not padding (padding: less than 8 bytes up to a multiple of 8).
 * For tests, so that a field that is added to a kept struct is either kept or named as not kept.
 * False: everything is covered.
 */
struct row_skip {
    uint32_t offset, size;
};
bool row_gap(const struct row_table *t, const struct row_skip *skip, uint32_t n_skip,
             uint32_t *ret_at, uint32_t *ret_n);

/* --- numbers in bytes: zigzag, 7 bits a byte --- */
#define VARINT_MAX 10
size_t varint_write(int64_t v, char out[VARINT_MAX]); /* how many bytes */
void varint_put(struct buf *b, int64_t v);
/* False: the bytes end, or hold more than 64 bits. *at moves on. */
bool varint_get(struct text bytes, size_t *at, int64_t *ret);

#endif
