/*
 * sqlite_pages.c - see sqlite_pages.h.
 *
 * Pages are read through the connection's own file: a file that is opened and closed beside it
 * would drop the locks that the whole process has on it.
 */
#include "store/sqlite_pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER    100 /* bytes of the file's header */
#define PAGE_SIZE 16  /* where things stand in it */
#define VERSION   18  /* 1: a rollback journal, 2: a write-ahead log */
#define RESERVED  20
#define ENCODING  56 /* 1: UTF-8 */
#define FDS_MAX   1024
#define AHEAD     ((uint64_t)16 << 20)

/* --- the file --- */

/* No page of what this transaction sees lies in the log. The first page is read by then. */
static bool log_is_empty(sqlite3 *db, const uint8_t header[HEADER])
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    if (header[VERSION] == 1) {
        return true;
    }
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
           log != NULL && log->pMethods != NULL &&
           log->pMethods->xFileSize(log, &size) == SQLITE_OK && size == 0;
}

/* The descriptor that the connection has of it: advice is all it is used for. */
static int fd_of(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");
    struct stat want, have;
    if (path == NULL || stat(path, &want) != 0) {
        return -1;
    }
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (fstat(fd, &have) == 0 && have.st_dev == want.st_dev && have.st_ino == want.st_ino) {
            return fd;
        }
    }
    return -1;
}

static bool begin(sqlite3 *db)
{
    return sqlite3_exec(db, "SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL, NULL) == SQLITE_OK;
}

enum status sqlite_pages_open(sqlite3 *db, struct sqlite_pages *ret)
{
    uint8_t header[HEADER];
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    if (!begin(db) ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL ||
        file->pMethods->xRead(file, header, HEADER, 0) != SQLITE_OK ||
        file->pMethods->xFileSize(file, &size) != SQLITE_OK || !log_is_empty(db, header)) {
        return ST_UNSUPPORTED;
    }
    uint32_t page = (uint32_t)header[PAGE_SIZE] << 8 | header[PAGE_SIZE + 1];
    page = page == 1 ? 65536 : page;
    bool known = memcmp(header, "SQLite format 3", 16) == 0 && page >= 512 &&
                 (page & (page - 1)) == 0 && page - header[RESERVED] >= 480 &&
                 header[VERSION] <= 2 && header[ENCODING + 3] == 1;
    if (!known || size / page > UINT32_MAX) {
        return ST_UNSUPPORTED;
    }
    *ret = (struct sqlite_pages){
        .file = file,
        .fd = fd_of(db),
        .size = page,
        .usable = page - header[RESERVED],
        .count = (uint32_t)(size / page),
    };
    return ST_OK;
}

/*
 * A table's pages come in rising order, but with those of other tables between them, and the kernel
 * does not see that this is one long read. So it is told, some megabytes in advance. What the
 * memory holds already costs nothing.
 */
static void look_ahead(struct sqlite_pages *f, uint64_t at)
{
    if (f->fd < 0 || (at + AHEAD / 2 < f->asked && f->asked - at <= AHEAD)) {
        return;
    }
    uint64_t from = at < f->asked && f->asked - at <= AHEAD ? f->asked : at;
    f->asked = at + AHEAD;
    (void)posix_fadvise(f->fd, (off_t)from, (off_t)(f->asked - from), POSIX_FADV_WILLNEED);
}

static enum status read_page(void *self, uint32_t number, uint8_t *buf)
{
    struct sqlite_pages *f = self;
    uint64_t at = (uint64_t)(number - 1) * f->size;
    look_ahead(f, at);
    int rc = f->file->pMethods->xRead(f->file, buf, (int)f->size, (sqlite3_int64)at);
    return rc == SQLITE_OK ? ST_OK : rc == SQLITE_IOERR_SHORT_READ ? ST_MALFORMED : ST_IO;
}

struct btree_pages sqlite_pages_reader(struct sqlite_pages *pages)
{
    return (struct btree_pages){
        .self = pages,
        .read = read_page,
        .size = pages->size,
        .usable = pages->usable,
        .count = pages->count,
    };
}

/* --- tables --- */

static enum status prepare(sqlite3 *db, const char *sql, const char *table, sqlite3_stmt **ret)
{
    int rc = sqlite3_prepare_v2(db, sql, -1, ret, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(*ret, 1, table, -1, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? ST_OK : rc == SQLITE_NOMEM ? ST_NOMEM : ST_UNSUPPORTED;
}

/* Cell of a column, -1: the layout does not know it. */
static int cell_named(const struct layout *l, const char *name)
{
    if (strcmp(name, "session") == 0) {
        return 0;
    }
    if (strcmp(name, "source") == 0) {
        return 1;
    }
    uint32_t i = 0;
    while (i < l->n_fields && strcmp(l->fields[i].name, name) != 0) {
        i++;
    }
    return i < l->n_fields ? (int)i + 2 : -1;
}

/* A column that was added has what ALTER TABLE said: 0 or '', nothing else of ours. */
static bool default_of(const char *text, enum cell_kind kind, int64_t *ret)
{
    if (text == NULL) {
        return true;
    }
    if (kind != CELL_INT) {
        return strcmp(text, "''") == 0;
    }
    char *end = NULL;
    *ret = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

/* A row of the second query. */
static bool take_column(sqlite3_stmt *q, const struct layout *l, const enum cell_kind *kinds,
                        struct btree_table *t)
{
    if (t->n_columns == READER_CELLS_MAX) {
        return false;
    }
    struct btree_column *c = &t->columns[t->n_columns++];
    const char *name = (const char *)sqlite3_column_text(q, 0);
    bool falling = sqlite3_column_int(q, 2) != 0, key = sqlite3_column_int(q, 3) != 0;
    if (name == NULL) {
        return false;
    }
    int cell = cell_named(l, name);
    if (cell < 0) {
        return false;
    }
    *c = (struct btree_column){.cell = (uint32_t)cell, .kind = kinds[cell]};
    t->n_key += key;
    return (!key || (!falling && c->kind == CELL_INT && t->n_key == t->n_columns)) &&
           default_of((const char *)sqlite3_column_text(q, 1), c->kind, &c->missing);
}

/* The order in which a table WITHOUT ROWID holds its columns is that of its key's index. */
static const char root_sql[] = "SELECT m.rootpage FROM sqlite_master m, pragma_table_list(?1) t"
                               " WHERE m.type='table' AND m.name=?1 AND t.schema='main' AND t.wr";
static const char columns_sql[] =
    "SELECT x.name, t.dflt_value, x.\"desc\", x.key FROM pragma_index_list(?1) i,"
    " pragma_index_xinfo(i.name) x, pragma_table_xinfo(?1) t"
    " WHERE i.origin='pk' AND t.cid=x.cid ORDER BY x.seqno";

static enum status take_columns(sqlite3 *db, const struct layout *l, const enum cell_kind *kinds,
                                struct btree_table *t)
{
    sqlite3_stmt *q = NULL;
    enum status st = prepare(db, columns_sql, l->table, &q);
    int rc = SQLITE_DONE;
    while (st == ST_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        st = take_column(q, l, kinds, t) ? ST_OK : ST_UNSUPPORTED;
    }
    sqlite3_finalize(q);
    bool whole = rc == SQLITE_DONE && t->n_columns == l->n_fields + 2 && t->n_key > 0 &&
                 t->n_key <= BTREE_KEY_MAX;
    return st == ST_OK && !whole ? ST_UNSUPPORTED : st;
}

enum status sqlite_pages_table(sqlite3 *db, const struct layout *l, const enum cell_kind *kinds,
                               struct btree_table *ret)
{
    struct btree_table t = {.root = 0};
    sqlite3_stmt *q = NULL;
    enum status st = prepare(db, root_sql, l->table, &q);
    if (st == ST_OK && sqlite3_step(q) == SQLITE_ROW) {
        t.root = (uint32_t)sqlite3_column_int64(q, 0);
    }
    sqlite3_finalize(q);
    if (st == ST_OK) {
        st = t.root == 0 ? ST_UNSUPPORTED : take_columns(db, l, kinds, &t);
    }
    *ret = t;
    return st;
}
