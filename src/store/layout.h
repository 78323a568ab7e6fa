/*
 * layout.h - how each struct of bus/event.h and bus/record.h lies in its table.
 *
 * One table for each type; a column for each member, so that every struct can be rebuilt to the
 * byte. CREATE, INSERT and SELECT are made from these rows. A change of a layout is a change of the
 * schema: it needs a new STORE_SCHEMA_VERSION with its migration step.
 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <string.h>

#include "base/bytes.h"
#include "bus/record.h"

enum field_kind {
    FIELD_I32,
    FIELD_U32,
    FIELD_I64,    /* uint64_t too: same bits */
    FIELD_TEXT,   /* char[size], ended by NUL, zeros behind */
    FIELD_BYTES,  /* size bytes as they are; none when all are zero */
    FIELD_GRID,   /* struct grid as text: levels, then start:end:step:before for each range */
    FIELD_LEVELS, /* the tail of a snapshot, see layout.c */
    FIELD_ROWS,   /* the tail of an answer: its rows as they are */
    FIELD_RAW     /* the tail of a raw record */
};

struct field {
    const char *name;
    enum field_kind kind;
    uint32_t offset, size;
};

struct layout {
    uint16_t type; /* enum ev_type or enum rec_type */
    const char *table;
    const char *key; /* columns behind session that make a row unique; "": rows are only numbered */
    uint32_t size;   /* of the fixed part */
    const struct field *fields;
    uint32_t n_fields;
};

#define LAYOUTS_MAX       32
#define LAYOUT_FIELDS_MAX 48

/* All of them, and the one of a type, NULL when there is none. */
const struct layout *layouts(size_t *ret_n);
const struct layout *layout_of(uint16_t type);

/* Names of its columns, separated by commas: "session, source, ord, ..." */
void layout_columns(const struct layout *l, struct buf *out);

/* The statements that delete all rows of a session, and its own, separated by semicolons. */
void layout_delete(int64_t session, struct buf *out);

/* True when size, counts and texts of a record agree, so that it may be read. */
bool layout_valid(const struct layout *l, const void *record);

/* The value of an integer column; of uint64_t its bits. */
static inline int64_t layout_number(const struct field *f, const void *record)
{
    const uint8_t *p = (const uint8_t *)record + f->offset;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    switch (f->kind) {
    case FIELD_I32:
        memcpy(&i32, p, sizeof i32);
        return i32;
    case FIELD_U32:
        memcpy(&u32, p, sizeof u32);
        return u32;
    case FIELD_I64:
        memcpy(&i64, p, sizeof i64);
        return i64;
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_GRID:
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        break;
    }
    return 0; /* no integer */
}

/* Bytes that a FIELD_BYTES column holds: 0 when all are zero. */
uint32_t layout_bytes(const struct field *f, const void *record);

/* Bytes of the tail that the fixed part announces; UINT64_MAX: impossible. */
uint64_t layout_tail(const struct layout *l, const void *record);

/* Snapshot levels to and from compact bytes. Encoding needs at most levels_encoded_max(n) bytes;
 * decoding n levels of exactly len bytes: ST_MALFORMED. */
size_t levels_encoded_max(uint64_t n);
size_t levels_encode(const struct level *levels, uint64_t n, uint8_t *out);
enum status levels_decode(const uint8_t *p, size_t len, struct level *levels,
                          uint64_t n) MUST_CHECK;

#define GRID_TEXT_MAX 512
void grid_to_text(const struct grid *grid, char buf[GRID_TEXT_MAX]);
enum status grid_from_text(const char *s, struct grid *ret_grid) MUST_CHECK;

#endif
