/*
 * pg_copy.c - see pg_copy.h.
 *
 * COPY's binary rows: a 16-bit count of columns, then for each a 32-bit length and its bytes, all
 * numbers with the highest byte first. Both a bigint's and a bytea's bytes in it are what INSERT
 * takes as a binary parameter.
 */
#include "store/pg_copy.h"

#include <stdio.h>
#include <string.h>

#include "bus/record.h"
#include "store/pg_schema.h"

#define ROW_MAX ((size_t)1 << 30) /* PostgreSQL's own limit of a value */

static void add_u32(struct buf *out, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_add(out, &v, sizeof v);
}

void pg_copy_header(struct buf *out)
{
    static const char head[PG_COPY_HEADER_SIZE] = "PGCOPY\n\377\r\n"; /* NUL, flags, no extension */
    buf_add(out, head, sizeof head);
}

void pg_copy_trailer(struct buf *out)
{
    buf_add(out, "\377\377", 2);
}

void pg_encoder_init(struct pg_encoder *e)
{
    buf_init(&e->scratch, ROW_MAX);
}

void pg_encoder_finish(struct pg_encoder *e)
{
    buf_finish(&e->scratch);
}

void pg_copy_sql(const struct layout *l, struct buf *out)
{
    buf_printf(out, "COPY %s (", l->table);
    layout_columns(l, out);
    buf_str(out, ") FROM STDIN (FORMAT binary)");
}

void pg_insert_sql(const struct layout *l, struct buf *out)
{
    buf_printf(out, "INSERT INTO %s (", l->table);
    layout_columns(l, out);
    buf_str(out, ") VALUES (");
    for (uint32_t i = 1; i <= l->n_fields + 2; i++) {
        buf_printf(out, "%s$%u", i > 1 ? "," : "", i);
    }
    buf_str(out, ") ON CONFLICT DO NOTHING");
}

/* --- a row: numbers are gathered in a small array, and added together --- */

struct row {
    struct buf *out;
    size_t n;
    uint8_t small[(LAYOUT_FIELDS_MAX + 3) * 12];
};

static void small_i32(struct row *r, int32_t v)
{
    uint32_t len = __builtin_bswap32(4), be = __builtin_bswap32((uint32_t)v);
    memcpy(r->small + r->n, &len, 4);
    memcpy(r->small + r->n + 4, &be, 4);
    r->n += 8;
}

static void small_i64(struct row *r, int64_t v)
{
    uint32_t len = __builtin_bswap32(8);
    uint64_t be = __builtin_bswap64((uint64_t)v);
    memcpy(r->small + r->n, &len, 4);
    memcpy(r->small + r->n + 4, &be, 8);
    r->n += 12;
}

static void flush(struct row *r)
{
    buf_add(r->out, r->small, r->n);
    r->n = 0;
}

static void add_bytes(struct row *r, const void *p, size_t n)
{
    flush(r);
    if (n >= ROW_MAX) {
        r->out->failed = true;
        return;
    }
    add_u32(r->out, (uint32_t)n);
    buf_add(r->out, p, n);
}

static void add_text(struct pg_encoder *e, struct row *r, struct text t)
{
    if (pg_text_plain(t)) {
        add_bytes(r, t.p, t.n);
        return;
    }
    buf_clear(&e->scratch);
    pg_text_write(t, &e->scratch);
    add_bytes(r, e->scratch.p, e->scratch.n);
}

static void add_levels(struct pg_encoder *e, struct row *r, const void *tail, uint64_t n)
{
    static const char zeros[4096];
    size_t need = levels_encoded_max(n);
    buf_clear(&e->scratch);
    buf_str(&e->scratch, "");
    while (e->scratch.n < need && !e->scratch.failed) { /* room */
        size_t more = need - e->scratch.n;
        buf_add(&e->scratch, zeros, more < sizeof zeros ? more : sizeof zeros);
    }
    if (e->scratch.failed) {
        r->out->failed = true;
        return;
    }
    add_bytes(r, e->scratch.p, levels_encode(tail, n, (uint8_t *)e->scratch.p));
}

static void add_field(struct pg_encoder *e, struct row *r, const struct layout *l,
                      const struct field *f, const void *record)
{
    const uint8_t *p = (const uint8_t *)record + f->offset;
    char grid[GRID_TEXT_MAX];
    switch (f->kind) {
    case FIELD_I32:
        small_i32(r, (int32_t)layout_number(f, record));
        return;
    case FIELD_U32:
    case FIELD_I64:
        small_i64(r, layout_number(f, record));
        return;
    case FIELD_TEXT:
        add_text(e, r, text_of((const char *)p));
        return;
    case FIELD_BYTES:
        add_bytes(r, p, layout_bytes(f, record));
        return;
    case FIELD_GRID:
        grid_to_text((const struct grid *)(const void *)p, grid);
        add_bytes(r, grid, strlen(grid));
        return;
    case FIELD_LEVELS:
        add_levels(e, r, p, layout_tail(l, record) / sizeof(struct level));
        return;
    case FIELD_ROWS:
    case FIELD_RAW:
        add_bytes(r, p, layout_tail(l, record));
        return;
    }
}

enum status pg_copy_row(struct pg_encoder *e, const struct layout *l, int64_t session,
                        const void *record, struct buf *out)
{
    const struct rec *head = record;
    struct row r;
    size_t before = out->n;
    uint16_t columns = __builtin_bswap16((uint16_t)(l->n_fields + 2));
    r.out = out;
    memcpy(r.small, &columns, sizeof columns);
    r.n = sizeof columns;
    small_i64(&r, session);
    small_i32(&r, head->source);
    for (uint32_t i = 0; i < l->n_fields; i++) {
        add_field(e, &r, l, &l->fields[i], record);
    }
    flush(&r);
    if (out->failed) {
        out->failed = false;
        out->n = before;
        return ST_NOMEM;
    }
    return ST_OK;
}

int pg_row_values(const char *row, const char *values[PG_VALUES_MAX], int lengths[PG_VALUES_MAX])
{
    uint16_t n;
    memcpy(&n, row, sizeof n);
    n = __builtin_bswap16(n);
    const char *p = row + sizeof n;
    for (int i = 0; i < n; i++) {
        uint32_t len;
        memcpy(&len, p, sizeof len);
        lengths[i] = (int)__builtin_bswap32(len);
        values[i] = p + 4;
        p += 4 + lengths[i];
    }
    return n;
}
