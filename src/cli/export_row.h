/*
 * export_row.h - rows of named columns as CSV (RFC 4180, with a header) or as one JSON object a
 * line.
 *
 * A row is begun, its cells are given in the order of the columns, and it is ended. Prices, counts
 * and money are exact decimal text, times RFC 3339 in UTC. An absent value is an empty cell, or
 * null.
 */
#ifndef CLI_EXPORT_ROW_H
#define CLI_EXPORT_ROW_H

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/money.h"
#include "base/timefmt.h"

enum export_format { EXPORT_CSV, EXPORT_JSONL };

struct export_column {
    const char *name;
    unsigned n; /* over 1: so many numbers, one array in JSON, name_0 to name_(n-1) in CSV */
};

struct export_writer {
    FILE *file;
    enum export_format format;
    const struct export_column *columns;
    size_t n_columns;
    size_t at; /* the next column */
    struct buf line;
    uint64_t rows;
    bool failed;
};

/* Writes the header of a CSV. */
void export_rows_begin(struct export_writer *w, FILE *file, enum export_format format,
                       const struct export_column *columns, size_t n_columns);
void export_rows_finish(struct export_writer *w);

void export_begin(struct export_writer *w);
void export_end(struct export_writer *w);

void export_text(struct export_writer *w, const char *s,
                 size_t cap);                             /* ends at NUL or cap; "" too */
void export_word(struct export_writer *w, const char *s); /* NULL: absent */
void export_int(struct export_writer *w, int64_t v);
void export_uint(struct export_writer *w, uint64_t v);
void export_bool(struct export_writer *w, bool v);
void export_px(struct export_writer *w, px_t v);
void export_qty(struct export_writer *w, qty_t v);
void export_usd(struct export_writer *w, usd_t v);
void export_time(struct export_writer *w, wall_ns_t t); /* 0: absent */
void export_floats(struct export_writer *w, const float *v, unsigned n);
/* Price and count of each: "0.4000:5.00 0.4100:3.00", or [["0.4000","5.00"],...]. */
void export_levels(struct export_writer *w, const struct level *levels, uint32_t n);

#endif
