/*
 * pg.c - see pg.h: transactions of binary COPY (pg_put.h), then the session's progress, then
 * COMMIT.
 *
 * A lost connection is made again in begin. Nothing is written before the session's lock is held
 * again: then the old connection is dead at the server, and its transaction has counted or has not,
 * for good. If the server still believes in the old connection, it is told to end it.
 */
#include "store/pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/url.h"
#include "store/pg_conn.h"
#include "store/pg_put.h"
#include "store/pg_schema.h"

#define BATCH_ROWS 200000U /* of a COMMIT, whose flush of the log the server waits for */
#define LOCK_NS    NS_PER_SEC

#define DIVISION_BY_ZERO "22012" /* SQLSTATE */

struct pg {
    struct backend b; /* first: the ops are given this */
    struct pg_conn conn;
    char *url;
    int64_t own;    /* the session of open, or a number that is none: its lock is held */
    int server_pid; /* of the connection, also when that is lost */
    struct pg_put put;
};

static struct pg *pg_of(struct backend *b)
{
    return (struct pg *)b;
}

static void idle(void *self)
{
    struct pg *pg = self;
    if (pg->b.idle != NULL) {
        pg->b.idle(pg->b.idle_self);
    }
}

/* What the connection says; whatever it was, the transaction failed. */
static enum status fail(struct pg *pg)
{
    snprintf(pg->b.error, sizeof pg->b.error, "%s%s%s", pg->conn.error,
             pg->conn.state[0] != '\0' ? " SQLSTATE " : "", pg->conn.state);
    return ST_IO;
}

static enum status fail_text(struct pg *pg, const char *text)
{
    snprintf(pg->b.error, sizeof pg->b.error, "%s", text);
    return ST_IO;
}

/* --- the connection --- */

/* The server has not heard that the old connection is dead. */
static void end_old_connection(struct pg *pg)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype='advisory' AND granted"
             " AND database=(SELECT oid FROM pg_database WHERE datname=current_database())"
             " AND classid=%" PRIu32 "::oid AND objid=%" PRIu32 "::oid AND pid=%d",
             (uint32_t)pg->conn.lock_class, (uint32_t)pg->own, pg->server_pid);
    if (pg_run(&pg->conn, sql) != ST_OK) {
        log_warn("store", "cannot end the old connection: %s", pg->conn.error);
    }
}

static enum status reconnect(struct pg *pg)
{
    pg_put_disconnected(&pg->put);
    if (pg_connect(&pg->conn) != ST_OK) {
        return fail(pg);
    }
    enum status st = pg_session_lock(&pg->conn, pg->own);
    if (st == ST_AGAIN) {
        end_old_connection(pg);
        pg_disconnect(&pg->conn);
        return fail_text(pg, "the server still holds the old connection");
    }
    pg->server_pid = PQbackendPID(pg->conn.c);
    if (st == ST_OK && pg->own > 0) {
        st = pg_session_resume(&pg->conn, pg->own);
    }
    if (st == ST_OK) {
        log_info("store", "connected again to the database");
        return ST_OK;
    }
    enum status failed = st == ST_NOT_FOUND ? fail_text(pg, "the session's row is gone") : fail(pg);
    pg_disconnect(&pg->conn);
    return failed;
}

static enum status begin(struct backend *b)
{
    struct pg *pg = pg_of(b);
    if (pg->conn.c != NULL && pg_run(&pg->conn, "BEGIN") == ST_OK) {
        return ST_OK;
    }
    if (pg->conn.c != NULL) {
        return fail(pg);
    }
    enum status st = reconnect(pg);
    if (st == ST_OK && pg_run(&pg->conn, "BEGIN") != ST_OK) {
        st = fail(pg);
    }
    return st;
}

static void rollback(struct backend *b)
{
    struct pg *pg = pg_of(b);
    pg_rollback(&pg->conn);
    pg_put_forget(&pg->put);
}

/* --- records --- */

/* What the rows' part says; a transaction that failed is ST_IO here. */
static enum status said(struct pg *pg, enum status st)
{
    if (st == ST_OK || st == ST_INVALID || st == ST_EXISTS) {
        return st;
    }
    if (st == ST_NOMEM) {
        return fail_text(pg, "out of memory");
    }
    (void)fail(pg);
    return st == ST_AGAIN ? ST_AGAIN : ST_IO;
}

static enum status put(struct backend *b, const void *record)
{
    struct pg *pg = pg_of(b);
    return said(pg, pg_put_one(&pg->put, b->session, record));
}

static enum status put_all(struct backend *b, const void *const *records, size_t n,
                           struct refused *refused, size_t *ret_n_refused)
{
    struct pg *pg = pg_of(b);
    return said(pg, pg_put_many(&pg->put, b->session, records, n, refused, ret_n_refused));
}

/* --- transactions --- */

/*
 * The session's progress and digest, and COMMIT, one message: the server waits for no second one.
 * Without the session's row the division fails, and with it all of the transaction.
 */
static enum status commit(struct backend *b, uint64_t done)
{
    struct pg *pg = pg_of(b);
    char sql[240];
    PGresult *r = NULL;
    enum status st = said(pg, pg_put_rest(&pg->put));
    if (st != ST_OK) {
        return st;
    }
    snprintf(sql, sizeof sql,
             "WITH s AS (UPDATE session SET progress=%" PRId64 ", digest=digest # '%" PRId64
             "'::bigint WHERE id=%" PRId64 " RETURNING 1) SELECT 1/count(*) FROM s; COMMIT",
             (int64_t)done, (int64_t)pg->put.digest, pg->b.session);
    if (pg_exec(&pg->conn, sql, &r) != ST_OK) {
        bool gone = strcmp(pg->conn.state, DIVISION_BY_ZERO) == 0;
        return gone ? fail_text(pg, "the session's row is gone") : fail(pg);
    }
    bool good = strcmp(PQcmdStatus(r), "COMMIT") == 0;
    PQclear(r);
    if (!good) {
        return fail_text(pg, "the server rolled the transaction back");
    }
    pg_put_counts(&pg->put);
    return ST_OK;
}

static enum status number_of_session(struct pg *pg, const char *column, int64_t *ret)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT %s FROM session WHERE id=%" PRId64, column, pg->b.session);
    enum status st = pg->conn.c != NULL ? ST_OK : reconnect(pg);
    if (st != ST_OK) {
        return st;
    }
    st = pg_number(&pg->conn, sql, ret);
    return st == ST_OK || st == ST_NOT_FOUND ? st : fail(pg);
}

static enum status progress(struct backend *b, uint64_t *ret_progress)
{
    int64_t n = 0;
    enum status st = number_of_session(pg_of(b), "progress", &n);
    *ret_progress = st == ST_OK ? (uint64_t)n : *ret_progress;
    return st;
}

static enum status began(struct backend *b, wall_ns_t *ret_began)
{
    return number_of_session(pg_of(b), "began", ret_began);
}

static enum status end_session(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    struct pg *pg = pg_of(b);
    for (int attempt = 0; attempt < 2; attempt++) { /* the connection may have died unheard */
        enum status st = pg->conn.c != NULL ? ST_OK : reconnect(pg);
        if (st != ST_OK) {
            return st;
        }
        if (pg_session_end(&pg->conn, b->session, outcome, wall, stats) == ST_OK) {
            return ST_OK;
        }
        (void)fail(pg);
    }
    return ST_IO;
}

static enum status prune(struct backend *b)
{
    struct pg *pg = pg_of(b);
    enum status st = pg->conn.c != NULL ? ST_OK : reconnect(pg);
    if (st != ST_OK) {
        return st;
    }
    st = pg_session_prune(&pg->conn, b->session);
    return st == ST_OK || st == ST_STATE || st == ST_NOT_FOUND ? st : fail(pg);
}

static enum status reclaim(struct backend *b)
{
    struct pg *pg = pg_of(b);
    return pg->conn.c != NULL && pg_reclaim(&pg->conn) == ST_OK ? ST_OK : fail(pg);
}

static void close_pg(struct backend *b)
{
    struct pg *pg = pg_of(b);
    pg_disconnect(&pg->conn);
    pg_put_finish(&pg->put);
    free(pg->url);
    free(pg);
}

/* --- opening --- */

static const struct backend_ops ops = {
    .name = "PostgreSQL",
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
    .close = close_pg,
};

/* A server that is set to lose what it has said is on disk: its owner's decision, but said. */
static void warn_of_settings(struct pg *pg)
{
    int64_t unsafe = 0;
    if (pg_number(&pg->conn,
                  "SELECT 1 WHERE current_setting('fsync')='off' OR"
                  " current_setting('full_page_writes')='off'",
                  &unsafe) == ST_OK) {
        log_warn("store", "the server runs without fsync or full_page_writes: a crash of its "
                          "machine can destroy the database");
    }
}

static enum status open_pg(struct pg *pg, const struct store_config *config, wall_ns_t wall,
                           struct err *err)
{
    enum status st = pg_url_check(config->path, err);
    if (st != ST_OK) {
        return st;
    }
    pg->url = strdup(config->path);
    if (pg->url == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    pg->conn.url = pg->url;
    st = pg_connect(&pg->conn);
    if (st != ST_OK) {
        return err_set(err, st, "%s", pg->conn.error);
    }
    pg->server_pid = PQbackendPID(pg->conn.c);
    warn_of_settings(pg);
    st = pg_schema_migrate(&pg->conn, wall, err);
    if (st == ST_OK) {
        st = pg_session_begin(&pg->conn, config, wall, &pg->own, err);
    }
    if (st == ST_OK && config->no_session) {
        /* A lock all the same: it tells when an old connection is dead. */
        pg->own = -1 - (int64_t)(getpid() & INT32_MAX);
        st = pg_session_lock(&pg->conn, pg->own);
        st = st == ST_OK ? ST_OK : err_set(err, ST_IO, "%s", pg->conn.error);
    }
    pg->b.session = config->no_session ? 0 : pg->own;
    return st;
}

enum status pg_backend_open(const struct store_config *config, wall_ns_t wall,
                            struct backend **ret_backend, struct err *err)
{
    struct pg *pg = calloc(1, sizeof *pg);
    if (pg == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    pg->b.ops = &ops;
    pg->b.transaction_rows = BATCH_ROWS;
    pg->conn.answer_ns = config->answer_ns;
    pg->conn.lock_ns = LOCK_NS;
    pg->conn.idle = idle;
    pg->conn.idle_self = pg;
    pg_put_init(&pg->put, &pg->conn);
    enum status st = open_pg(pg, config, wall, err);
    if (st != ST_OK) {
        char shown[URL_SHOWN_MAX];
        close_pg(&pg->b);
        return err_prefix(err, st, "cannot use the database %s",
                          url_shown(config->path, shown, sizeof shown));
    }
    *ret_backend = &pg->b;
    return ST_OK;
}
