/*
 * simdb.c - see simdb.h.
 *
 * The header of the file (application_id, user_version) is read before SQLite is asked, so that a
 * foreign or newer file is left as it is to the byte. A new file is made beside its place and
 * renamed, so that there is never half a one.
 */
#include "simdb/simdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x6466736d /* "dfsm" */
#define HEADER_BYTES   100
#define TABLES_MAX     64

struct simdb {
    sqlite3 *handle;
    char path[PATH_MAX];
    sqlite3_stmt *insert[TABLES_MAX]; /* made when first needed */
    bool open;                        /* a transaction */
    void *row;                        /* room for the largest */
    struct simdb_stats stats;
};

/* --- the tables --- */

static bool table_used(const struct row_table *t)
{
    return t->n_columns > 0;
}

/* Names and kinds of all columns: files of a program with others are not read. */
static int64_t layout_sum(void)
{
    struct digest d;
    digest_init(&d);
    for (uint32_t i = 0; sim_state_table(i) != NULL; i++) {
        const struct row_table *t = sim_state_table(i);
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const struct row_column *k = &t->columns[c];
            digest_add(&d, t->name, strlen(t->name));
            digest_add(&d, k->name, strlen(k->name));
            digest_u64(&d, (uint64_t)k->kind);
        }
    }
    return (int64_t)(d.a ^ (d.b << 1));
}

static int64_t row_sum(uint32_t table, uint64_t key, const void *row)
{
    struct digest d;
    digest_init(&d);
    row_digest(sim_state_table(table), key, row, &d);
    return (int64_t)(d.a ^ (d.b << 1));
}

static const char *column_type(enum row_kind kind)
{
    switch (kind) {
    case ROW_INT:
    case ROW_UINT:
    case ROW_BOOL:
        return "INTEGER NOT NULL";
    case ROW_TEXT:
        return "TEXT NOT NULL";
    case ROW_OWNED:
        return "TEXT";
    case ROW_BYTES:
    case ROW_RAW:
        return "BLOB NOT NULL";
    }
    return "BLOB";
}

static void columns_sql(const struct row_table *t, bool types, struct buf *out)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        buf_printf(out, ", \"%s\"%s%s", t->columns[i].name, types ? " " : "",
                   types ? column_type(t->columns[i].kind) : "");
    }
}

static void create_sql(struct buf *out)
{
    buf_printf(out,
               "BEGIN; CREATE TABLE layout (sum INTEGER NOT NULL); INSERT INTO layout VALUES "
               "(%" PRId64 "); PRAGMA application_id=%d; PRAGMA user_version=%d;",
               layout_sum(), APPLICATION_ID, SIMDB_VERSION);
    for (uint32_t i = 0; sim_state_table(i) != NULL; i++) {
        const struct row_table *t = sim_state_table(i);
        if (table_used(t)) {
            buf_printf(out, "CREATE TABLE \"%s\" (key INTEGER PRIMARY KEY", t->name);
            columns_sql(t, true, out);
            buf_str(out, ", sum INTEGER NOT NULL);");
        }
    }
    buf_str(out, "COMMIT;");
}

/* --- opening --- */

static enum status sql_fail(struct simdb *db, const char *what, struct err *err)
{
    int rc = sqlite3_errcode(db->handle) & 0xff;
    enum status st = rc == SQLITE_NOMEM                            ? ST_NOMEM
                     : rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT ? ST_MALFORMED
                     : rc == SQLITE_BUSY || rc == SQLITE_LOCKED    ? ST_STATE
                     : rc == SQLITE_READONLY || rc == SQLITE_PERM  ? ST_DENIED
                                                                   : ST_IO;
    if (st == ST_STATE) {
        return err_set(err, st, "state file %s is in use by another process", db->path);
    }
    if (st == ST_MALFORMED) {
        what = "damaged";
    }
    return err_set(err, st, "state file %s: %s: %s", db->path, what, sqlite3_errmsg(db->handle));
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum status check_header(const char *path, bool *ret_empty, struct err *err)
{
    uint8_t h[HEADER_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *ret_empty = true;
        return ST_OK;
    }
    if (fd < 0) {
        return err_set(err, errno == EACCES ? ST_DENIED : ST_IO, "state file %s: %s", path,
                       strerror(errno));
    }
    ssize_t n = read(fd, h, sizeof h);
    close(fd);
    *ret_empty = n == 0;
    if (n == 0) {
        return ST_OK;
    }
    if (n != HEADER_BYTES || memcmp(h, "SQLite format 3", 16) != 0) {
        return err_set(err, ST_MALFORMED, "%s is no state file of a simulator: no SQLite database",
                       path);
    }
    uint32_t id = big_endian(h + 68);
    uint32_t version = big_endian(h + 60);
    if (id != APPLICATION_ID) {
        return err_set(err, ST_MALFORMED,
                       "%s is no state file of a simulator: a database of another program", path);
    }
    if (version != SIMDB_VERSION) {
        return err_set(
            err, ST_UNSUPPORTED, "state file %s has version %u; this program knows version %d%s",
            path, version, SIMDB_VERSION, version > SIMDB_VERSION ? ": a newer one wrote it" : "");
    }
    return ST_OK;
}

static enum status open_handle(struct simdb *db, const char *path, int flags, struct err *err)
{
    int rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (db->handle == NULL) {
        return err_set(err, ST_NOMEM, "state file %s: out of memory", path);
    }
    if (rc != SQLITE_OK) {
        return sql_fail(db, "cannot open", err);
    }
    sqlite3_busy_timeout(db->handle, 0);
    return ST_OK;
}

static enum status make_file(const char *path, struct err *err)
{
    char beside[PATH_MAX];
    int len = snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof beside) {
        return err_set(err, ST_LIMIT, "state file %s: path too long", path);
    }
    (void)unlink(beside);
    int fd = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, errno == EACCES ? ST_DENIED : ST_IO, "state file %s: cannot create: %s",
                       path, strerror(errno));
    }
    close(fd);
    struct simdb db = {0};
    struct buf sql;
    buf_init(&sql, 1 << 20);
    text_copy(db.path, sizeof db.path, text_of(path));
    create_sql(&sql);
    enum status st = open_handle(&db, beside, SQLITE_OPEN_READWRITE, err);
    if (st == ST_OK && sqlite3_exec(db.handle, sql.p, NULL, NULL, NULL) != SQLITE_OK) {
        st = sql_fail(&db, "cannot make the tables", err);
    }
    sqlite3_close(db.handle);
    buf_finish(&sql);
    if (st == ST_OK && rename(beside, path) != 0) {
        st = err_set(err, ST_IO, "state file %s: cannot create: %s", path, strerror(errno));
    }
    if (st != ST_OK) {
        (void)unlink(beside);
    }
    return st;
}

/* One value of a query; text is copied. */
static enum status ask(struct simdb *db, const char *sql, int64_t *ret_number, char *ret_text,
                       size_t cap, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) != SQLITE_OK) {
        return sql_fail(db, "damaged", err);
    }
    int rc = sqlite3_step(s);
    enum status st = ST_OK;
    if (rc == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(s, 0);
        const unsigned char *text = sqlite3_column_text(s, 0);
        snprintf(ret_text, cap, "%s", text != NULL ? (const char *)text : "");
    } else {
        st = rc == SQLITE_DONE ? err_set(err, ST_MALFORMED, "state file %s is damaged", db->path)
                               : sql_fail(db, "damaged", err);
    }
    sqlite3_finalize(s);
    return st;
}

static enum status check_inside(struct simdb *db, bool *ret_fresh, struct err *err)
{
    int64_t n = 0;
    char text[200];
    enum status st = ask(db, "PRAGMA quick_check(1)", &n, text, sizeof text, err);
    if (st == ST_OK && strcmp(text, "ok") != 0) {
        return err_set(err, ST_MALFORMED, "state file %s is damaged: %s", db->path, text);
    }
    st = st == ST_OK ? ask(db, "SELECT sum FROM layout", &n, text, sizeof text, err) : st;
    if (st == ST_OK && n != layout_sum()) {
        return err_set(err, ST_UNSUPPORTED,
                       "state file %s was written by a program with other tables", db->path);
    }
    st = st == ST_OK ? ask(db, "SELECT count(*) FROM exchange", &n, text, sizeof text, err) : st;
    *ret_fresh = n == 0;
    return st;
}

static enum status set_up(struct simdb *db, bool *ret_fresh, struct err *err)
{
    /* Until it is accepted, not even what a killed process left in the log goes into the file. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_exec(db->handle,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-16384; "
                     "PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        return sql_fail(db, "cannot use", err);
    }
    return check_inside(db, ret_fresh, err);
}

enum status simdb_open(const char *path, struct simdb **ret_db, bool *ret_fresh, struct err *err)
{
    bool empty = false;
    enum status st = check_header(path, &empty, err);
    st = st == ST_OK && empty ? make_file(path, err) : st;
    if (st != ST_OK) {
        return st;
    }
    struct simdb *db = calloc(1, sizeof *db);
    size_t largest = 0;
    uint32_t tables = 0;
    for (; sim_state_table(tables) != NULL && tables < TABLES_MAX; tables++) {
        size_t size = sim_state_table(tables)->size;
        largest = size > largest ? size : largest;
    }
    if (db == NULL || sim_state_table(tables) != NULL) {
        free(db);
        return err_set(err, ST_NOMEM, "state file %s: out of memory", path);
    }
    db->row = calloc(1, largest);
    if (db->row == NULL || !text_copy(db->path, sizeof db->path, text_of(path))) {
        simdb_close(db);
        return err_set(err, ST_NOMEM, "state file %s: out of memory", path);
    }
    st = open_handle(db, path, SQLITE_OPEN_READWRITE, err);
    st = st == ST_OK ? set_up(db, ret_fresh, err) : st;
    if (st != ST_OK) {
        simdb_close(db);
        return st;
    }
    *ret_db = db;
    return ST_OK;
}

void simdb_accept(struct simdb *db)
{
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    (void)sqlite3_exec(db->handle,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                       "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;",
                       NULL, NULL, NULL);
}

void simdb_close(struct simdb *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < TABLES_MAX; i++) {
        sqlite3_finalize(db->insert[i]);
    }
    (void)sqlite3_close(db->handle);
    free(db->row);
    free(db);
}

/* --- rows in --- */

static enum status read_column(const struct row_column *c, sqlite3_stmt *s, int at, void *row)
{
    int type = sqlite3_column_type(s, at);
    if (row_is_number(c)) {
        return type == SQLITE_INTEGER ? row_set_int(c, row, sqlite3_column_int64(s, at))
                                      : ST_MALFORMED;
    }
    if (type == SQLITE_NULL && c->kind == ROW_OWNED) {
        return row_set_text(c, row, (struct text){NULL, 0});
    }
    bool bytes = c->kind == ROW_BYTES || c->kind == ROW_RAW;
    if (type != (bytes ? SQLITE_BLOB : SQLITE_TEXT)) {
        return ST_MALFORMED;
    }
    const char *p = bytes ? sqlite3_column_blob(s, at) : (const char *)sqlite3_column_text(s, at);
    return row_set_text(c, row,
                        (struct text){p != NULL ? p : "", (size_t)sqlite3_column_bytes(s, at)});
}

static void free_owned(const struct row_table *t, void *row)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].kind == ROW_OWNED) {
            char *p;
            memcpy(&p, (uint8_t *)row + t->columns[i].offset, sizeof p);
            free(p);
        }
    }
}

typedef enum status (*take_fn)(void *to, uint64_t key, void *row, struct err *err);

static enum status read_row(struct simdb *db, uint32_t table, sqlite3_stmt *s, take_fn take,
                            void *to, struct err *err)
{
    const struct row_table *t = sim_state_table(table);
    uint64_t key = (uint64_t)sqlite3_column_int64(s, 0);
    enum status st = ST_OK;
    memset(db->row, 0, t->size);
    for (uint32_t i = 0; i < t->n_columns && st == ST_OK; i++) {
        st = read_column(&t->columns[i], s, (int)i + 1, db->row);
    }
    if (st != ST_NOMEM && (st != ST_OK || row_sum(table, key, db->row) !=
                                              sqlite3_column_int64(s, (int)t->n_columns + 1))) {
        st = err_set(err, ST_MALFORMED, "damaged: row %" PRIu64 " of table %s", key, t->name);
    } else if (st == ST_OK) {
        st = take(to, key, db->row, err);
    }
    if (st != ST_OK) {
        free_owned(t, db->row);
    }
    return st;
}

static enum status each(void *self, uint32_t table, take_fn take, void *to, struct err *err)
{
    struct simdb *db = self;
    const struct row_table *t = sim_state_table(table);
    struct buf sql;
    sqlite3_stmt *s = NULL;
    buf_init(&sql, 1 << 16);
    buf_str(&sql, "SELECT key");
    columns_sql(t, false, &sql);
    buf_printf(&sql, ", sum FROM \"%s\" ORDER BY key", t->name);
    enum status st = sqlite3_prepare_v2(db->handle, sql.p, -1, &s, NULL) == SQLITE_OK
                         ? ST_OK
                         : err_set(err, ST_MALFORMED, "damaged: table %s: %s", t->name,
                                   sqlite3_errmsg(db->handle));
    int rc = SQLITE_DONE;
    while (st == ST_OK) {
        rc = sqlite3_step(s);
        if (rc != SQLITE_ROW) {
            st = rc == SQLITE_DONE ? ST_OK
                                   : err_set(err, ST_MALFORMED, "damaged: table %s: %s", t->name,
                                             sqlite3_errmsg(db->handle));
            break;
        }
        st = read_row(db, table, s, take, to, err);
    }
    sqlite3_finalize(s);
    buf_finish(&sql);
    return st;
}

struct sim_rows_in simdb_in(struct simdb *db)
{
    return (struct sim_rows_in){db, db->path, each};
}

/* --- rows out --- */

static enum status make_insert(struct simdb *db, uint32_t table)
{
    const struct row_table *t = sim_state_table(table);
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_printf(&sql, "INSERT OR REPLACE INTO \"%s\" (key", t->name);
    columns_sql(t, false, &sql);
    buf_str(&sql, ", sum) VALUES (?");
    for (uint32_t i = 0; i < t->n_columns + 1; i++) {
        buf_str(&sql, ",?");
    }
    buf_char(&sql, ')');
    int rc = sqlite3_prepare_v3(db->handle, sql.p, -1, SQLITE_PREPARE_PERSISTENT,
                                &db->insert[table], NULL);
    buf_finish(&sql);
    return rc == SQLITE_OK ? ST_OK : ST_IO;
}

static enum status begin(struct simdb *db)
{
    if (!db->open) {
        if (sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
            return ST_IO;
        }
        db->open = true;
    }
    return ST_OK;
}

static enum status put(void *self, uint32_t table, uint64_t key, const void *row)
{
    struct simdb *db = self;
    const struct row_table *t = sim_state_table(table);
    enum status st = begin(db);
    if (st == ST_OK && db->insert[table] == NULL) {
        st = make_insert(db, table);
    }
    if (st != ST_OK) {
        return st;
    }
    sqlite3_stmt *s = db->insert[table];
    sqlite3_bind_int64(s, 1, (int64_t)key);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        int at = (int)i + 2;
        if (row_is_number(c)) {
            sqlite3_bind_int64(s, at, row_int(c, row));
            continue;
        }
        struct text v = row_text(c, row);
        if (v.p == NULL) {
            sqlite3_bind_null(s, at);
        } else if (c->kind == ROW_BYTES || c->kind == ROW_RAW) {
            sqlite3_bind_blob64(s, at, v.p, v.n, SQLITE_STATIC);
        } else {
            sqlite3_bind_text64(s, at, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
        }
    }
    sqlite3_bind_int64(s, (int)t->n_columns + 2, row_sum(table, key, row));
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    db->stats.rows++;
    return rc == SQLITE_DONE ? ST_OK : ST_IO;
}

struct sim_rows_out simdb_out(struct simdb *db)
{
    return (struct sim_rows_out){db, put};
}

enum status simdb_commit(struct simdb *db, struct err *err)
{
    if (!db->open) {
        return ST_OK;
    }
    if (sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        return sql_fail(db, "cannot write", err);
    }
    db->open = false;
    db->stats.commits++;
    return ST_OK;
}

enum status simdb_clear(struct simdb *db, struct err *err)
{
    enum status st = begin(db);
    for (uint32_t i = 0; sim_state_table(i) != NULL && st == ST_OK; i++) {
        if (table_used(sim_state_table(i))) {
            char sql[128];
            snprintf(sql, sizeof sql, "DELETE FROM \"%s\"", sim_state_table(i)->name);
            st = sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : ST_IO;
        }
    }
    return st == ST_OK ? ST_OK : sql_fail(db, "cannot write", err);
}

const struct simdb_stats *simdb_stats(const struct simdb *db)
{
    return &db->stats;
}

void simdb_timed(struct simdb *db, mono_ns_t find, mono_ns_t commit)
{
    db->stats.find_ns += find;
    db->stats.commit_ns += commit;
    db->stats.ns_max = find + commit > db->stats.ns_max ? find + commit : db->stats.ns_max;
}
