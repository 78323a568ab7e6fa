/* sqlite_read.c - reader.h over an SQLite file. */
#include <stdio.h>
#include <stdlib.h>

#include "store/reader.h"
#include "store/schema.h"
#include "store/sqlite.h"

#define BUSY_MS 2000 /* a writer that is opening the file */

struct file_reader {
    struct reader r; /* first: the ops are given this */
    sqlite3 *db;
};

struct statement {
    struct row_source s; /* first: the ops are given this */
    struct file_reader *reader;
    sqlite3_stmt *stmt;
    const enum cell_kind *kinds;
    uint32_t n;
};

static enum status fail(struct file_reader *f)
{
    snprintf(f->r.error, sizeof f->r.error, "%s", sqlite3_errmsg(f->db));
    return ST_IO;
}

static void take_cell(sqlite3_stmt *stmt, int at, enum cell_kind kind, struct cell *cell)
{
    switch (kind) {
    case CELL_INT:
        cell->i = sqlite3_column_int64(stmt, at);
        return;
    case CELL_TEXT:
        cell->p = (const char *)sqlite3_column_text(stmt, at);
        cell->n = (size_t)sqlite3_column_bytes(stmt, at);
        return;
    case CELL_BYTES:
        cell->p = sqlite3_column_blob(stmt, at);
        cell->n = (size_t)sqlite3_column_bytes(stmt, at);
        return;
    }
}

static enum status next(struct row_source *source)
{
    struct statement *t = (struct statement *)source;
    int rc = sqlite3_step(t->stmt);
    if (rc != SQLITE_ROW) {
        return rc == SQLITE_DONE ? ST_END : fail(t->reader);
    }
    for (uint32_t i = 0; i < t->n; i++) {
        take_cell(t->stmt, (int)i, t->kinds[i], &source->cells[i]);
    }
    return ST_OK;
}

static void close_statement(struct row_source *source)
{
    struct statement *t = (struct statement *)source;
    sqlite3_finalize(t->stmt);
    free(t);
}

static const struct row_source_ops statement_ops = {.next = next, .close = close_statement};

static enum status select_rows(struct reader *r, const char *sql, const enum cell_kind *kinds,
                               uint32_t n, struct row_source **ret_source)
{
    struct file_reader *f = (struct file_reader *)r;
    struct statement *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(r->error, sizeof r->error, "out of memory");
        return ST_NOMEM;
    }
    if (sqlite3_prepare_v2(f->db, sql, -1, &t->stmt, NULL) != SQLITE_OK) {
        free(t);
        return fail(f);
    }
    t->s.ops = &statement_ops;
    t->reader = f;
    t->kinds = kinds;
    t->n = n;
    *ret_source = &t->s;
    return ST_OK;
}

static void close_reader(struct reader *r)
{
    struct file_reader *f = (struct file_reader *)r;
    (void)sqlite3_close(f->db);
    free(f);
}

static const struct reader_ops reader_ops = {.select = select_rows, .close = close_reader};

static enum status look(sqlite3 *db, struct err *err)
{
    int version = 0;
    sqlite3_busy_timeout(db, BUSY_MS);
    enum status st = schema_version(db, &version, err);
    if (st == ST_OK && version == 0) {
        return err_set(err, ST_NOT_FOUND, "the database is empty");
    }
    if (st == ST_OK && version < STORE_SCHEMA_VERSION) {
        return err_set(err, ST_UNSUPPORTED, READER_OLDER_TEXT, version, STORE_SCHEMA_VERSION);
    }
    return st;
}

enum status sqlite_reader_open(const char *path, struct reader **ret_reader, struct err *err)
{
    struct file_reader *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    enum status st = ST_OK;
    if (sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        st = err_set(err, ST_NOT_FOUND, "%s", f->db != NULL ? sqlite3_errmsg(f->db) : "no memory");
    }
    st = st == ST_OK ? look(f->db, err) : st;
    /* All statements see one moment. */
    if (st == ST_OK && sqlite3_exec(f->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        st = err_set(err, ST_IO, "%s", sqlite3_errmsg(f->db));
    }
    if (st != ST_OK) {
        close_reader(&f->r);
        return err_prefix(err, st, "cannot read the database %s", path);
    }
    f->r.ops = &reader_ops;
    *ret_reader = &f->r;
    return ST_OK;
}
