/*
 * pg_read.c - reader.h over a PostgreSQL database.
 *
 * Everything is read in one transaction that sees one moment, each row source through a binary
 * cursor of its own, a bounded number of rows at a time: memory does not grow with the session. The
 * primary keys give the order, so nothing is sorted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/url.h"
#include "store/pg.h"
#include "store/pg_conn.h"
#include "store/pg_schema.h"

#define FETCH_FIRST 200
#define FETCH_MOST  5000
#define FETCH_BYTES ((uint64_t)4 << 20) /* about, of one fetch */
#define ANSWER_NS   (60 * NS_PER_SEC)
#define TEXT_BYTES  ((size_t)128 << 20)

struct server_reader {
    struct reader r; /* first: the ops are given this */
    struct pg_conn conn;
    char *url;
    unsigned cursors; /* named so far */
};

struct cursor {
    struct row_source s; /* first: the ops are given this */
    struct server_reader *reader;
    const enum cell_kind *kinds;
    uint32_t n;
    unsigned number;
    PGresult *rows;
    int at, count; /* of rows */
    int fetch;     /* rows, the next time */
    struct buf decoded[READER_CELLS_MAX];
};

static enum status fail(struct server_reader *f)
{
    snprintf(f->r.error, sizeof f->r.error, "%s", f->conn.error);
    return ST_IO;
}

static int64_t number_of(const char *p, int n)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (n) {
    case 8:
        memcpy(&u64, p, sizeof u64);
        return (int64_t)__builtin_bswap64(u64);
    case 4:
        memcpy(&u32, p, sizeof u32);
        return (int32_t)__builtin_bswap32(u32);
    case 2:
        memcpy(&u16, p, sizeof u16);
        return (int16_t)__builtin_bswap16(u16);
    case 1: /* boolean */
        return *p != 0;
    default:
        return 0;
    }
}

static enum status take_cell(struct cursor *c, uint32_t i)
{
    struct cell *cell = &c->s.cells[i];
    const char *p = PQgetvalue(c->rows, c->at, (int)i);
    int n = PQgetlength(c->rows, c->at, (int)i);
    if (n == 0 && PQgetisnull(c->rows, c->at, (int)i)) {
        *cell = (struct cell){0, NULL, 0};
        return ST_OK;
    }
    if (c->kinds[i] == CELL_INT) {
        cell->i = number_of(p, n);
        return ST_OK;
    }
    struct text text = {p, (size_t)n};
    enum status st = c->kinds[i] == CELL_TEXT ? pg_text_read(text, &c->decoded[i], &text) : ST_OK;
    cell->p = text.p;
    cell->n = text.n;
    return st;
}

/* The next rows; how many depends on how large the last ones were. */
static enum status fetch(struct cursor *c)
{
    char sql[64];
    PQclear(c->rows);
    c->rows = NULL;
    c->at = 0;
    c->count = 0;
    snprintf(sql, sizeof sql, "FETCH %d FROM c%u", c->fetch, c->number);
    if (pg_exec(&c->reader->conn, sql, &c->rows) != ST_OK) {
        c->rows = NULL;
        return fail(c->reader);
    }
    c->count = PQntuples(c->rows);
    if (c->count > 0) {
        uint64_t each = PQresultMemorySize(c->rows) / (uint64_t)c->count + 1;
        uint64_t most = FETCH_BYTES / each;
        c->fetch = most < 1 ? 1 : most > FETCH_MOST ? FETCH_MOST : (int)most;
    }
    return ST_OK;
}

static enum status next(struct row_source *source)
{
    struct cursor *c = (struct cursor *)source;
    if (++c->at >= c->count) {
        if (c->rows != NULL && c->count == 0) {
            return ST_END; /* it said so before */
        }
        enum status st = fetch(c);
        if (st != ST_OK || c->count == 0) {
            return st == ST_OK ? ST_END : st;
        }
    }
    for (uint32_t i = 0; i < c->n; i++) {
        enum status st = take_cell(c, i);
        if (st != ST_OK) {
            snprintf(c->reader->r.error, sizeof c->reader->r.error, "a text is malformed");
            return st;
        }
    }
    return ST_OK;
}

static void close_cursor(struct row_source *source)
{
    struct cursor *c = (struct cursor *)source;
    char sql[32];
    PQclear(c->rows);
    snprintf(sql, sizeof sql, "CLOSE c%u", c->number);
    enum status st = c->reader->conn.c != NULL ? pg_run(&c->reader->conn, sql) : ST_OK;
    (void)st; /* the reader's transaction ends soon anyway */
    for (uint32_t i = 0; i < c->n; i++) {
        buf_finish(&c->decoded[i]);
    }
    free(c);
}

static const struct row_source_ops cursor_ops = {.next = next, .close = close_cursor};

static enum status declare(struct server_reader *f, unsigned number, const char *select)
{
    struct buf sql;
    buf_init(&sql, 16384);
    buf_printf(&sql, "DECLARE c%u BINARY NO SCROLL CURSOR FOR %s", number, select);
    enum status st = sql.failed ? ST_NOMEM : pg_run(&f->conn, sql.p);
    buf_finish(&sql);
    return st == ST_OK ? ST_OK : fail(f);
}

static enum status select_rows(struct reader *r, const char *sql, const enum cell_kind *kinds,
                               uint32_t n, struct row_source **ret_source)
{
    struct server_reader *f = (struct server_reader *)r;
    struct cursor *c = calloc(1, sizeof *c);
    if (c == NULL) {
        snprintf(r->error, sizeof r->error, "out of memory");
        return ST_NOMEM;
    }
    c->s.ops = &cursor_ops;
    c->reader = f;
    c->kinds = kinds;
    c->n = n;
    c->number = ++f->cursors;
    c->fetch = FETCH_FIRST;
    for (uint32_t i = 0; i < n; i++) {
        buf_init(&c->decoded[i], TEXT_BYTES);
    }
    enum status st = declare(f, c->number, sql);
    if (st != ST_OK) {
        free(c);
        return st;
    }
    *ret_source = &c->s;
    return ST_OK;
}

static void close_reader(struct reader *r)
{
    struct server_reader *f = (struct server_reader *)r;
    pg_disconnect(&f->conn);
    free(f->url);
    free(f);
}

static const struct reader_ops reader_ops = {.select = select_rows, .close = close_reader};

static enum status look(struct server_reader *f, struct err *err)
{
    int version = 0;
    enum status st = pg_schema_version(&f->conn, &version, err);
    if (st == ST_OK && version == 0) {
        return err_set(err, ST_NOT_FOUND, "the database is empty");
    }
    if (st == ST_OK && version < STORE_SCHEMA_VERSION) {
        return err_set(err, ST_UNSUPPORTED, READER_OLDER_TEXT, version, STORE_SCHEMA_VERSION);
    }
    return st;
}

static enum status open_server(struct server_reader *f, const char *url, struct err *err)
{
    enum status st = pg_url_check(url, err);
    if (st != ST_OK) {
        return st;
    }
    f->url = strdup(url);
    if (f->url == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    f->conn.url = f->url;
    f->conn.answer_ns = ANSWER_NS;
    f->conn.lock_ns = ANSWER_NS;
    st = pg_connect(&f->conn);
    if (st == ST_OK) {
        st = pg_run(&f->conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                              " SET LOCAL enable_seqscan=off; SET LOCAL enable_bitmapscan=off;"
                              " SET LOCAL enable_sort=off; SET LOCAL jit=off");
    }
    return st == ST_OK ? look(f, err) : err_set(err, st, "%s", f->conn.error);
}

enum status pg_reader_open(const char *url, struct reader **ret_reader, struct err *err)
{
    struct server_reader *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    enum status st = open_server(f, url, err);
    if (st != ST_OK) {
        char shown[URL_SHOWN_MAX];
        close_reader(&f->r);
        return err_prefix(err, st, "cannot read the database %s",
                          url_shown(url, shown, sizeof shown));
    }
    f->r.ops = &reader_ops;
    *ret_reader = &f->r;
    return ST_OK;
}
