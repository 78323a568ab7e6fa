/* sqlite.c - see sqlite.h. */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/schema.h"
#include "store/sqlite_rows.h"

#define BUSY_MS 50 /* another writer: then the batch waits its turn in memory */

struct db {
    struct backend b; /* first: the ops are given this */
    sqlite3 *handle;
    sqlite3_stmt *begin, *progress, *commit, *rollback;
    struct sqlite_rows *rows;
    uint64_t digest; /* of what the open transaction has put */
    bool lazy;       /* b.lazy is done */
};

static struct db *db_of(struct backend *b)
{
    return (struct db *)b;
}

static enum status fail(struct db *db)
{
    snprintf(db->b.error, sizeof db->b.error, "%s", sqlite3_errmsg(db->handle));
    return ST_IO;
}

/* --- the connection --- */

static enum status open_handle(struct db *db, const char *path, const char *vfs, struct err *err)
{
    int rc = sqlite3_open_v2(path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
    if (db->handle == NULL) {
        return err_set(err, ST_NOMEM, "cannot open the database %s: out of memory", path);
    }
    if (rc != SQLITE_OK) {
        return err_set(err, ST_IO, "cannot open the database %s: %s (%s)", path,
                       sqlite3_errmsg(db->handle), strerror(sqlite3_system_errno(db->handle)));
    }
    if (sqlite3_db_readonly(db->handle, "main") == 1) {
        return err_set(err, ST_DENIED, "the database %s is not writable", path);
    }
    return ST_OK;
}

/*
 * NORMAL in WAL mode: a COMMIT is whole after a kill at any instant, the disk is waited for at
 * checkpoints only, so that a loss of power may take the newest transactions, never the order.
 * Checkpoints come every 32 MiB and pages are larger than SQLite's 4 KiB (files that are made now;
 * others keep theirs), because both cost by their number when rows come fast.
 */
static enum status set_up(struct db *db, struct err *err)
{
    sqlite3_busy_timeout(db->handle, 5000); /* opening may wait for another writer, work may not */
    /* FULL until b.lazy: see begin(). */
    if (sqlite3_exec(db->handle,
                     "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                     "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864; "
                     "PRAGMA cache_size=-16384;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        int rc = sqlite3_errcode(db->handle);
        enum status st = rc == SQLITE_NOTADB ? ST_MALFORMED : ST_IO;
        st = rc == SQLITE_READONLY || rc == SQLITE_PERM ? ST_DENIED : st;
        return err_set(err, st, "%s", sqlite3_errmsg(db->handle));
    }
    return ST_OK;
}

static enum status prepare(struct db *db, const char *sql, sqlite3_stmt **ret)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    return rc == SQLITE_OK ? ST_OK : fail(db);
}

static enum status prepare_all(struct db *db, struct err *err)
{
    enum status st = prepare(db, "BEGIN IMMEDIATE", &db->begin);
    if (st == ST_OK) {
        /* digest ^ ?2, which SQL has no sign for; NULL, of a session of before, stays NULL */
        st = prepare(db,
                     "UPDATE session SET progress=?1, digest=(digest|?2)-(digest&?2) WHERE id=?3",
                     &db->progress);
    }
    if (st == ST_OK) {
        st = prepare(db, "COMMIT", &db->commit);
    }
    if (st == ST_OK) {
        st = prepare(db, "ROLLBACK", &db->rollback);
    }
    if (st == ST_OK) {
        st = sqlite_rows_create(db->handle, &db->rows);
        if (st != ST_OK) {
            return err_set(err, st, "%s",
                           st == ST_IO ? sqlite3_errmsg(db->handle) : "out of memory");
        }
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", db->b.error);
}

static void close_db(struct backend *b)
{
    struct db *db = db_of(b);
    sqlite_rows_destroy(db->rows);
    sqlite3_finalize(db->begin);
    sqlite3_finalize(db->progress);
    sqlite3_finalize(db->commit);
    sqlite3_finalize(db->rollback);
    (void)sqlite3_close(db->handle);
    free(db);
}

/* --- rows --- */

static bool is_refused(const void *record, const struct refused *refused, size_t n)
{
    size_t i = 0;
    while (i < n && refused[i].record != record) {
        i++;
    }
    return i < n;
}

static enum status put_all(struct backend *b, const void *const *records, size_t n,
                           struct refused *refused, size_t *ret_n_refused)
{
    struct db *db = db_of(b);
    enum status st = sqlite_rows_put(db->rows, b->session, records, n, refused, ret_n_refused);
    if (st != ST_OK) {
        return fail(db);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_refused(records[i], refused, *ret_n_refused)) {
            db->digest ^= record_digest(records[i]);
        }
    }
    return ST_OK;
}

static enum status put(struct backend *b, const void *record)
{
    struct refused refused;
    size_t n_refused = 0;
    enum status st = put_all(b, &record, 1, &refused, &n_refused);
    return st == ST_OK && n_refused > 0 ? refused.why : st;
}

/* --- transactions --- */

static enum status run(struct db *db, sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    enum status st = rc == SQLITE_DONE ? ST_OK : fail(db);
    sqlite3_reset(s);
    return st;
}

/* A database whose file was moved or removed takes rows, and nobody would ever see them. It is away
 * until the file is back. */
static enum status check_file(struct db *db)
{
    int moved = 0;
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
        moved != 0) {
        snprintf(db->b.error, sizeof db->b.error, "the database's file was moved or removed");
        return ST_IO;
    }
    return ST_OK;
}

/*
 * What is done at the start survives a loss of power: the session's row, without which nobody could
 * take what a synced spill file holds, and rows that came out of such a file, which is then
 * removed. After that, commits survive a kill at once, and a loss of power when the log is
 * checkpointed.
 */
static enum status begin(struct backend *b)
{
    struct db *db = db_of(b);
    if (b->lazy && !db->lazy) {
        db->lazy =
            sqlite3_exec(db->handle, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL) == SQLITE_OK;
    }
    db->digest = 0;
    enum status st = check_file(db);
    return st == ST_OK ? run(db, db->begin) : st;
}

static enum status commit(struct backend *b, uint64_t done)
{
    struct db *db = db_of(b);
    sqlite3_bind_int64(db->progress, 1, (int64_t)done);
    sqlite3_bind_int64(db->progress, 2, (int64_t)db->digest);
    sqlite3_bind_int64(db->progress, 3, b->session);
    enum status st = run(db, db->progress);
    return st == ST_OK ? run(db, db->commit) : st;
}

static void rollback(struct backend *b)
{
    struct db *db = db_of(b);
    /* Some errors have rolled back already. */
    if (sqlite3_get_autocommit(db->handle) == 0) {
        (void)sqlite3_step(db->rollback);
        sqlite3_reset(db->rollback);
    }
}

static enum status number_of_session(struct backend *b, const char *sql, int64_t *ret)
{
    struct db *db = db_of(b);
    sqlite3_stmt *s = NULL;
    enum status st = prepare(db, sql, &s);
    if (st != ST_OK) {
        return st;
    }
    sqlite3_bind_int64(s, 1, b->session);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(s, 0);
    } else {
        st = rc == SQLITE_DONE ? ST_NOT_FOUND : fail(db);
    }
    sqlite3_finalize(s);
    return st;
}

static enum status progress(struct backend *b, uint64_t *ret_progress)
{
    int64_t n = 0;
    enum status st = number_of_session(b, "SELECT progress FROM session WHERE id=?", &n);
    if (st == ST_OK) {
        *ret_progress = (uint64_t)n;
    }
    return st;
}

static enum status began(struct backend *b, wall_ns_t *ret_began)
{
    return number_of_session(b, "SELECT began FROM session WHERE id=?", ret_began);
}

static enum status end_session(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    struct db *db = db_of(b);
    if (check_file(db) != ST_OK) {
        return ST_IO;
    }
    enum status st = schema_session_end(db->handle, b->session, outcome, wall, stats);
    return st == ST_OK ? ST_OK : fail(db);
}

/* --- deleting --- */

static enum status run_all(struct db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : fail(db);
}

/* In a transaction. Opening has marked broken what no process records any more. */
static enum status delete_rows(struct db *db)
{
    int64_t open = 0;
    struct buf sql;
    enum status st =
        number_of_session(&db->b, "SELECT outcome IS NULL FROM session WHERE id=?", &open);
    if (st != ST_OK || open != 0) {
        return st == ST_OK ? ST_STATE : st;
    }
    buf_init(&sql, 1 << 16);
    layout_delete(db->b.session, &sql);
    st = sql.failed ? ST_NOMEM : run_all(db, sql.p);
    buf_finish(&sql);
    return st;
}

static enum status prune(struct backend *b)
{
    struct db *db = db_of(b);
    enum status st = begin(b);
    if (st == ST_OK) {
        st = delete_rows(db);
        st = st == ST_OK ? run(db, db->commit) : st;
        if (st != ST_OK) {
            rollback(b);
        }
    }
    return st;
}

static enum status reclaim(struct backend *b)
{
    int64_t open = 0;
    enum status st =
        number_of_session(b, "SELECT count(*) FROM session WHERE outcome IS NULL AND ?1=?1", &open);
    if (st != ST_OK || open != 0) {
        return st == ST_OK ? ST_STATE : st;
    }
    return run_all(db_of(b), "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
}

/* --- opening --- */

static const struct backend_ops ops = {
    .name = "SQLite",
    .begin = begin,
    .put = put,
    .put_all = put_all,
    .commit = commit,
    .rollback = rollback,
    .progress = progress,
    .began = began,
    .end_session = end_session,
    .prune = prune,
    .reclaim = reclaim,
    .close = close_db,
};

enum status sqlite_backend_open(const struct store_config *config, wall_ns_t wall,
                                struct backend **ret_backend, struct err *err)
{
    struct db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    db->b.ops = &ops;
    enum status st = open_handle(db, config->path, config->vfs, err);
    if (st != ST_OK) {
        close_db(&db->b);
        return st;
    }
    st = set_up(db, err);
    if (st == ST_OK) {
        st = schema_migrate(db->handle, wall, err);
    }
    if (st == ST_OK) {
        st = schema_session_begin(db->handle, config, wall, &db->b.session, err);
    }
    if (st == ST_OK) {
        st = prepare_all(db, err);
    }
    if (st != ST_OK) {
        close_db(&db->b);
        return err_prefix(err, st, "cannot use the database %s", config->path);
    }
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    *ret_backend = &db->b;
    return ST_OK;
}
