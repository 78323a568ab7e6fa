/*
 * pg_put.c - see pg_put.h.
 *
 * A row is written behind those of its table in memory. The table that first has a good chunk of
 * rows gets its COPY at once, and the server takes rows in while we encode the next; the other
 * tables follow at the end, one COPY each.
 *
 * COPY fails as a whole. When it does for a row's fault (its number came before), the transaction
 * is asked for again (ST_AGAIN), now with a savepoint before each COPY of a table's rows. One that
 * fails is rolled back to its savepoint and made again in halves, and the last few rows are
 * inserted one by one: that says which row is refused, for some 2 log2(n) COPYs a refused row. The
 * transaction behind it is copied as usual.
 */
#include "store/pg_put.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define CHUNK_BYTES   ((size_t)64 << 10) /* sent at once when its COPY is open */
#define WAITING_BYTES ((size_t)4 << 20)  /* of a table whose COPY is not: then it gets its turn */
#define TABLE_BYTES   ((size_t)2 << 30)
#define SINGLE_ROWS   8U /* are not worth halving */

static const struct layout *layout_at(size_t i)
{
    size_t n = 0;
    return &layouts(&n)[i];
}

/* NULL: the record is malformed. */
static const struct layout *layout_for(const void *record)
{
    const struct rec *head = record; /* the type stands at the same place in both headers */
    const struct layout *l = layout_of(head->type);
    return l != NULL && layout_valid(l, record) ? l : NULL;
}

static bool row_fault(enum status st)
{
    return st == ST_EXISTS || st == ST_INVALID;
}

/* The text that stands before what is tried. */
static const char *savepoint(struct pg_put *p)
{
    return p->savepoint ? "RELEASE SAVEPOINT put; SAVEPOINT put;" : "SAVEPOINT put;";
}

/* Behind a row's fault: the transaction is as it was at the savepoint. */
static enum status back(struct pg_put *p)
{
    return pg_run(p->conn, "ROLLBACK TO SAVEPOINT put");
}

/* --- COPY --- */

static enum status copy_open(struct pg_put *p, size_t i, const char *before)
{
    struct buf sql, head;
    buf_init(&sql, 8192);
    buf_init(&head, 64);
    buf_str(&sql, before);
    pg_copy_sql(layout_at(i), &sql);
    pg_copy_header(&head);
    enum status st = ST_NOMEM;
    if (!sql.failed && !head.failed) {
        st = pg_copy_begin(p->conn, sql.p);
        st = st == ST_OK ? pg_copy_data(p->conn, head.p, head.n) : st;
    }
    buf_finish(&sql);
    buf_finish(&head);
    if (st == ST_OK) {
        p->copying = (int)i;
    }
    return st;
}

static enum status copy_send(struct pg_put *p)
{
    struct buf *rows = &p->tables[p->copying].rows;
    enum status st = pg_copy_data(p->conn, rows->p, rows->n);
    buf_clear(rows);
    return st;
}

/* The open COPY to its end. */
static enum status copy_close(struct pg_put *p)
{
    pg_copy_trailer(&p->tables[p->copying].rows);
    enum status st = copy_send(p);
    st = st == ST_OK ? pg_copy_end(p->conn) : st;
    p->copying = -1;
    return st;
}

/* A row's own fault makes the next transaction a careful one. */
static enum status copy_failed(struct pg_put *p, enum status st)
{
    p->copying = -1;
    p->careful = p->careful || row_fault(st);
    return row_fault(st) ? ST_AGAIN : st;
}

/* Table i has some rows in memory. */
static enum status send_some(struct pg_put *p, size_t i)
{
    size_t n = p->tables[i].rows.n;
    enum status st = ST_OK;
    if (n < CHUNK_BYTES || (p->copying >= 0 && p->copying != (int)i && n < WAITING_BYTES)) {
        return ST_OK;
    }
    if (p->copying >= 0 && p->copying != (int)i) {
        st = copy_close(p);
    }
    if (st == ST_OK && p->copying < 0) {
        st = copy_open(p, i, "");
    }
    st = st == ST_OK ? copy_send(p) : st;
    return st == ST_OK ? ST_OK : copy_failed(p, st);
}

enum status pg_put_rest(struct pg_put *p)
{
    enum status st = p->copying >= 0 ? copy_close(p) : ST_OK;
    for (size_t i = 0; i < LAYOUTS_MAX && st == ST_OK; i++) {
        if (p->tables[i].rows.n > 0) {
            st = copy_open(p, i, "");
            st = st == ST_OK ? copy_close(p) : st;
        }
    }
    return st == ST_OK ? ST_OK : copy_failed(p, st);
}

/* --- one row by itself --- */

static enum status prepare_insert(struct pg_put *p, size_t i)
{
    const struct layout *l = layout_at(i);
    struct buf sql;
    buf_init(&sql, 8192);
    buf_printf(&sql, "PREPARE put_%s AS ", l->table);
    pg_insert_sql(l, &sql);
    enum status st = sql.failed ? ST_NOMEM : pg_run(p->conn, sql.p);
    buf_finish(&sql);
    p->tables[i].prepared = st == ST_OK;
    return st == ST_OK || st == ST_NOMEM ? st : ST_IO;
}

/* The row that stands alone in rows. */
static enum status insert_row(struct pg_put *p, const struct layout *l, const struct buf *rows)
{
    const char *values[PG_VALUES_MAX];
    int lengths[PG_VALUES_MAX], formats[PG_VALUES_MAX];
    char name[64];
    PGresult *r = NULL;
    struct pg_params params = {.n = pg_row_values(rows->p, values, lengths),
                               .values = values,
                               .lengths = lengths,
                               .formats = formats};
    for (int i = 0; i < params.n; i++) {
        formats[i] = 1;
    }
    snprintf(name, sizeof name, "put_%s", l->table);
    enum status st = pg_exec_prepared(p->conn, name, &params, &r);
    if (st == ST_OK) {
        st = strcmp(PQcmdTuples(r), "1") == 0 ? ST_OK : ST_EXISTS;
        PQclear(r);
        return st;
    }
    if (!row_fault(st) || p->conn->c == NULL) {
        return ST_IO;
    }
    log_warn("store", "the database refused a row of %s: %s", l->table, p->conn->error);
    return back(p) == ST_OK ? st : ST_IO;
}

static enum status insert_careful(struct pg_put *p, size_t i)
{
    struct buf *rows = &p->tables[i].rows;
    enum status st = p->tables[i].prepared ? ST_OK : prepare_insert(p, i);
    if (st == ST_OK && pg_run(p->conn, savepoint(p)) != ST_OK) {
        st = ST_IO;
    }
    if (st == ST_OK) {
        p->savepoint = true;
        st = insert_row(p, layout_at(i), rows);
    }
    buf_clear(rows);
    return st;
}

enum status pg_put_one(struct pg_put *p, int64_t session, const void *record)
{
    const struct layout *l = layout_for(record);
    if (l == NULL) {
        return ST_INVALID;
    }
    size_t i = (size_t)(l - layout_at(0));
    enum status st = pg_copy_row(&p->encoder, l, session, record, &p->tables[i].rows);
    if (st == ST_OK) {
        st = p->careful ? insert_careful(p, i) : send_some(p, i);
    }
    p->digest ^= st == ST_OK ? record_digest(record) : 0;
    return st;
}

/* --- halves --- */

/* Records of which those of one table are put. */
struct search {
    struct pg_put *p;
    int64_t session;
    const void *const *records;
    size_t table;
    struct refused *refused;
    size_t n_refused;
};

static bool of_table(const struct search *s, const void *record)
{
    const struct layout *l = layout_at(s->table);
    return l->type == ((const struct rec *)record)->type && layout_valid(l, record);
}

static size_t rows_between(const struct search *s, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t k = from; k < to; k++) {
        n += of_table(s, s->records[k]);
    }
    return n;
}

static enum status singly(struct search *s, size_t from, size_t to)
{
    enum status st = ST_OK;
    for (size_t k = from; k < to && st == ST_OK; k++) {
        if (of_table(s, s->records[k])) {
            st = pg_put_one(s->p, s->session, s->records[k]);
            if (row_fault(st)) {
                s->refused[s->n_refused++] = (struct refused){s->records[k], st};
                st = ST_OK;
            }
        }
    }
    return st;
}

/* One COPY behind a savepoint. ST_EXISTS, ST_INVALID: nothing of it is put. */
static enum status together(struct search *s, size_t from, size_t to)
{
    struct pg_put *p = s->p;
    struct buf *rows = &p->tables[s->table].rows;
    uint64_t digest = 0;
    enum status st = copy_open(p, s->table, savepoint(p));
    p->savepoint = true; /* a failure that is no row's ends the transaction */
    for (size_t k = from; k < to && st == ST_OK; k++) {
        if (!of_table(s, s->records[k])) {
            continue;
        }
        st = pg_copy_row(&p->encoder, layout_at(s->table), s->session, s->records[k], rows);
        digest ^= record_digest(s->records[k]);
        if (st == ST_OK && rows->n >= CHUNK_BYTES) {
            st = copy_send(p);
        }
    }
    st = st == ST_OK ? copy_close(p) : st;
    buf_clear(rows);
    if (st == ST_OK) {
        p->digest ^= digest;
        return ST_OK;
    }
    p->copying = -1;
    if (row_fault(st) && (p->conn->c == NULL || back(p) != ST_OK)) {
        return ST_IO;
    }
    return st;
}

static enum status halve(struct search *s, size_t from, size_t to)
{
    size_t n = rows_between(s, from, to);
    if (n <= SINGLE_ROWS) {
        return singly(s, from, to);
    }
    enum status st = together(s, from, to);
    if (!row_fault(st)) {
        return st;
    }
    size_t middle = from + (to - from) / 2;
    st = halve(s, from, middle); /* as deep as n has bits */
    return st == ST_OK ? halve(s, middle, to) : st;
}

static enum status put_carefully(struct search *s, size_t n)
{
    enum status st = ST_OK;
    for (size_t k = 0; k < n; k++) {
        if (layout_for(s->records[k]) == NULL) {
            s->refused[s->n_refused++] = (struct refused){s->records[k], ST_INVALID};
        }
    }
    size_t n_layouts = 0;
    (void)layouts(&n_layouts);
    for (s->table = 0; s->table < n_layouts && st == ST_OK; s->table++) {
        st = halve(s, 0, n);
    }
    return st;
}

enum status pg_put_many(struct pg_put *p, int64_t session, const void *const *records, size_t n,
                        struct refused *refused, size_t *ret_n_refused)
{
    struct search s = {.p = p, .session = session, .records = records, .refused = refused};
    enum status st = p->careful ? put_carefully(&s, n) : ST_OK;
    for (size_t k = 0; k < n && st == ST_OK && !p->careful; k++) {
        st = pg_put_one(p, session, records[k]);
        if (st == ST_INVALID) {
            refused[s.n_refused++] = (struct refused){records[k], st};
            st = ST_OK;
        }
    }
    *ret_n_refused = s.n_refused;
    return st;
}

/* --- lifetime --- */

void pg_put_init(struct pg_put *p, struct pg_conn *conn)
{
    memset(p, 0, sizeof *p);
    p->conn = conn;
    p->copying = -1;
    pg_encoder_init(&p->encoder);
    for (size_t i = 0; i < LAYOUTS_MAX; i++) {
        buf_init(&p->tables[i].rows, TABLE_BYTES);
    }
}

void pg_put_finish(struct pg_put *p)
{
    pg_encoder_finish(&p->encoder);
    for (size_t i = 0; i < LAYOUTS_MAX; i++) {
        buf_finish(&p->tables[i].rows);
    }
}

void pg_put_forget(struct pg_put *p)
{
    p->copying = -1;
    p->savepoint = false;
    p->digest = 0;
    for (size_t i = 0; i < LAYOUTS_MAX; i++) {
        buf_clear(&p->tables[i].rows);
    }
}

void pg_put_counts(struct pg_put *p)
{
    pg_put_forget(p); /* of the rows nothing is left */
    p->careful = false;
}

void pg_put_disconnected(struct pg_put *p)
{
    pg_put_forget(p);
    for (size_t i = 0; i < LAYOUTS_MAX; i++) {
        p->tables[i].prepared = false;
    }
}
