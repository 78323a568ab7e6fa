/* databases.c - see databases.h. */
#include "databases.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_server.h"
#include "store/backend.h"

bool database_is_pg;

int database_run_pg(const struct CMUnitTest *tests, size_t n)
{
    if (!pg_server_start("-c fsync=off")) {
        return 0;
    }
    database_is_pg = true;
    int failed = _cmocka_run_group_tests("PostgreSQL", tests, n, NULL, NULL);
    database_is_pg = false;
    pg_server_stop();
    return failed;
}

int database_run_both(const struct CMUnitTest *tests, size_t n)
{
    int failed = _cmocka_run_group_tests("SQLite", tests, n, NULL, NULL);
    return failed + database_run_pg(tests, n);
}

void database_new(const char *folder, char path[DATABASE_MAX])
{
    if (database_is_pg) {
        pg_server_url(path, DATABASE_MAX);
    } else {
        snprintf(path, DATABASE_MAX, "%s/s.sqlite", folder);
    }
}

/* --- PostgreSQL --- */

static PGconn *pg_open(const char *url)
{
    PGconn *c = PQconnectdb(url);
    if (PQstatus(c) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(c));
    }
    return c;
}

static void pg_text(const char *url, const char *sql, char *buf, size_t cap)
{
    PGconn *c = pg_open(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    }
    assert_true(PQntuples(r) > 0);
    snprintf(buf, cap, "%s", PQgetisnull(r, 0, 0) ? "NULL" : PQgetvalue(r, 0, 0));
    PQclear(r);
    PQfinish(c);
}

static void pg_do(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    ExecStatusType st = PQresultStatus(r);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    }
    PQclear(r);
}

/* --- either --- */

static sqlite3 *file_open(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    return db;
}

void sql_text(const char *db_path, const char *sql, char *buf, size_t cap)
{
    if (backend_is_url(db_path)) {
        pg_text(db_path, sql, buf, cap);
        return;
    }
    sqlite3_stmt *s = NULL;
    sqlite3 *db = file_open(db_path);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const unsigned char *t = sqlite3_column_text(s, 0);
    snprintf(buf, cap, "%s", t != NULL ? (const char *)t : "NULL");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

long long sql_number(const char *db_path, const char *sql)
{
    char buf[64];
    sql_text(db_path, sql, buf, sizeof buf);
    return strcmp(buf, "t") == 0 ? 1 : strtoll(buf, NULL, 10);
}

void sql_run(const char *db_path, const char *sql)
{
    if (backend_is_url(db_path)) {
        PGconn *c = pg_open(db_path);
        pg_do(c, sql);
        PQfinish(c);
        return;
    }
    sqlite3 *db = file_open(db_path);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

void sql_check(const char *db_path)
{
    char text[32];
    if (!backend_is_url(db_path)) {
        sql_text(db_path, "PRAGMA integrity_check", text, sizeof text);
        assert_string_equal(text, "ok");
    }
}

void *database_lock(const char *db_path)
{
    if (backend_is_url(db_path)) {
        PGconn *c = pg_open(db_path);
        pg_do(c, "BEGIN; LOCK TABLE delta, session");
        return c;
    }
    sqlite3 *db = file_open(db_path);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

void database_unlock(void *lock)
{
    if (database_is_pg) {
        /* Free when it answers. Who closes a connection does not wait for the server's end of it.
         */
        pg_do(lock, "ROLLBACK");
        PQfinish(lock);
        return;
    }
    assert_int_equal(sqlite3_exec(lock, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(lock);
}

/* --- digests --- */

struct digests {
    int64_t id[100];
    uint64_t want[100], have;
    size_t n;
};

static enum status take_session(void *self, const struct store_session *session)
{
    struct digests *d = self;
    if (session->has_digest && d->n < sizeof d->id / sizeof d->id[0]) {
        d->id[d->n] = session->id;
        d->want[d->n++] = session->digest ^ store_session_digest(session);
    }
    return ST_OK;
}

static enum status take_record(void *self, const void *record)
{
    struct digests *d = self;
    d->have ^= record_digest(record);
    return ST_OK;
}

void digests_are_right(const char *db_path)
{
    struct digests d = {.n = 0};
    struct err err = {.st = ST_OK};
    if (store_read_sessions(db_path, take_session, &d, &err) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < d.n; i++) {
        d.have = 0;
        assert_int_equal(store_read_all(db_path, d.id[i], take_record, &d, &err), ST_OK);
        if (d.have != d.want[i]) {
            fail_msg("session %lld: the digest is not that of its rows", (long long)d.id[i]);
        }
    }
}
