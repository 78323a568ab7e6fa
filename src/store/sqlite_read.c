/*
 * sqlite_read.c - reader.h over an SQLite file.
 *
 * Rows of numbers only (deltas, turns: nearly all of a session) are not asked for column by column:
 * that is a third of what reading them costs. They are handed to an SQL function, take_row(a, b,
 * ...), which fills the cells while the statement steps.
 *
 * Tables with a key are read past SQL where that is safe (sqlite_pages.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/reader.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/sqlite_pages.h"

#define BUSY_MS 2000 /* a writer that is opening the file */

struct file_reader {
    struct reader r; /* first: the ops are given this */
    sqlite3 *db;
    struct cell *into; /* of the statement that is stepped now: for take_row() */
    struct sqlite_pages pages;
    bool paged; /* pages may be read */
};

struct statement {
    struct row_source s; /* first: the ops are given this */
    struct file_reader *reader;
    sqlite3_stmt *stmt;
    const enum cell_kind *kinds;
    uint32_t n;
    bool numbers; /* it gives take_row() */
};

/* The statements here are right: what SQLite does not find or understand is damage in the file. */
static enum status status_of(sqlite3 *db)
{
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_NOMEM:
        return ST_NOMEM;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return ST_DENIED;
    case SQLITE_CANTOPEN:
        return ST_NOT_FOUND;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ST_UNREACHABLE;
    case SQLITE_IOERR:
    case SQLITE_FULL:
        return ST_IO;
    default:
        return ST_MALFORMED;
    }
}

static enum status fail(struct file_reader *f)
{
    snprintf(f->r.error, sizeof f->r.error, "%s", sqlite3_errmsg(f->db));
    return status_of(f->db);
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

static void take_row(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct file_reader *f = sqlite3_user_data(ctx);
    for (int i = 0; i < argc; i++) {
        f->into[i].i = sqlite3_value_int64(argv[i]);
    }
}

static enum status next(struct row_source *source)
{
    struct statement *t = (struct statement *)source;
    t->reader->into = source->cells;
    int rc = sqlite3_step(t->stmt);
    if (rc != SQLITE_ROW) {
        return rc == SQLITE_DONE ? ST_END : fail(t->reader);
    }
    for (uint32_t i = 0; i < t->n && !t->numbers; i++) {
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

/* "SELECT a, b FROM ..." with its columns given to take_row(). */
static int prepare_numbers(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    const char *columns = sql + strlen("SELECT "), *from = strstr(sql, " FROM ");
    struct buf text;
    buf_init(&text, 8192);
    buf_str(&text, "SELECT take_row(");
    buf_add(&text, columns, (size_t)(from - columns));
    buf_char(&text, ')');
    buf_str(&text, from);
    int rc = text.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(db, text.p, -1, ret, NULL);
    buf_finish(&text);
    return rc;
}

static bool only_numbers(const enum cell_kind *kinds, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && kinds[i] == CELL_INT) {
        i++;
    }
    return i == n;
}

static enum status select_rows(struct reader *r, const char *sql, const enum cell_kind *kinds,
                               uint32_t n, struct row_source **ret_source)
{
    struct file_reader *f = (struct file_reader *)r;
    struct statement *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(r->error, sizeof r->error, "out of memory");
        return ST_NOMEM;
    }
    t->numbers = only_numbers(kinds, n);
    int rc = t->numbers ? prepare_numbers(f->db, sql, &t->stmt)
                        : sqlite3_prepare_v2(f->db, sql, -1, &t->stmt, NULL);
    if (rc != SQLITE_OK) {
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

/* --- tables by their pages --- */

struct table {
    struct row_source s; /* first: the ops are given this */
    struct file_reader *reader;
    struct btree *tree;
};

static enum status next_in_pages(struct row_source *source)
{
    struct table *t = (struct table *)source;
    enum status st = btree_next(t->tree, source->cells);
    if (st == ST_NOMEM) {
        snprintf(t->reader->r.error, sizeof t->reader->r.error, "out of memory");
    } else if (st != ST_OK && st != ST_END) {
        uint32_t page = 0;
        const char *fault = btree_fault(t->tree, &page);
        snprintf(t->reader->r.error, sizeof t->reader->r.error, "page %u of the file: %s", page,
                 fault);
    }
    return st;
}

static void close_table(struct row_source *source)
{
    struct table *t = (struct table *)source;
    btree_close(t->tree);
    free(t);
}

static const struct row_source_ops table_ops = {.next = next_in_pages, .close = close_table};

static enum status scan(struct reader *r, const struct layout *l, int64_t session, int source,
                        const enum cell_kind *kinds, struct row_source **ret_source)
{
    struct file_reader *f = (struct file_reader *)r;
    const int64_t prefix[] = {session, source};
    struct btree_table table;
    enum status st = f->paged ? sqlite_pages_table(f->db, l, kinds, &table) : ST_UNSUPPORTED;
    if (st != ST_OK) {
        return st;
    }
    struct btree_pages pages = sqlite_pages_reader(&f->pages);
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL || btree_open(&pages, &table, prefix, source < 0 ? 1 : 2, &t->tree) != ST_OK) {
        free(t);
        snprintf(r->error, sizeof r->error, "out of memory");
        return ST_NOMEM;
    }
    t->s.ops = &table_ops;
    t->reader = f;
    *ret_source = &t->s;
    return ST_OK;
}

/* --- the file --- */

static void close_reader(struct reader *r)
{
    struct file_reader *f = (struct file_reader *)r;
    (void)sqlite3_close(f->db);
    free(f);
}

static const struct reader_ops reader_ops = {
    .select = select_rows, .scan = scan, .close = close_reader};

static enum status look(sqlite3 *db, struct err *err)
{
    int version = 0;
    sqlite3_busy_timeout(db, BUSY_MS);
    enum status st = schema_version(db, &version, err);
    if (st == ST_IO) {
        st = status_of(db);
    }
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
    if (st == ST_OK && sqlite3_create_function(f->db, "take_row", -1, SQLITE_UTF8, f, take_row,
                                               NULL, NULL) != SQLITE_OK) {
        st = err_set(err, status_of(f->db), "%s", sqlite3_errmsg(f->db));
    }
    /* All statements see one moment. */
    if (st == ST_OK && sqlite3_exec(f->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        st = err_set(err, status_of(f->db), "%s", sqlite3_errmsg(f->db));
    }
    if (st != ST_OK) {
        close_reader(&f->r);
        return err_prefix(err, st, "cannot read the database %s", path);
    }
    f->paged = sqlite_pages_open(f->db, &f->pages) == ST_OK;
    f->r.ops = &reader_ops;
    *ret_reader = &f->r;
    return ST_OK;
}
