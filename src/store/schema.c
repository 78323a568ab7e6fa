/*
 * schema.c - tables made from the layouts, views for people (views_list.h), versions, sessions.
 *
 * Tables hold integers in the units of base/money.h; the views (deltas, fills, orders, ...) show
 * them as decimal text, with tickers and times. A migration step is one function from version i to
 * i + 1, run with its version row in one transaction.
 */
#include "store/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/backend.h"
#include "store/process.h"
#include "store/views.h"

#define SQL_MAX (1U << 18)

static enum status sql_error(sqlite3 *db, const char *what, struct err *err)
{
    int rc = sqlite3_errcode(db);
    enum status st = rc == SQLITE_READONLY || rc == SQLITE_PERM || rc == SQLITE_AUTH ? ST_DENIED
                     : rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT                   ? ST_MALFORMED
                                                                                     : ST_IO;
    return err_set(err, st, "%s: %s", what, sqlite3_errmsg(db));
}

static enum status run_sql(sqlite3 *db, const char *sql, const char *what, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : sql_error(db, what, err);
}

static enum status run_text(sqlite3 *db, struct buf *sql, const char *what, struct err *err)
{
    enum status st =
        sql->failed ? err_set(err, ST_NOMEM, "out of memory") : run_sql(db, sql->p, what, err);
    buf_finish(sql);
    return st;
}

/* The first column of the first row; ST_NOT_FOUND: no row. */
static enum status one_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return sql_error(db, "reading the schema", err);
    }
    int rc = sqlite3_step(stmt);
    enum status st = ST_OK;
    if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *ret = sqlite3_column_int64(stmt, 0);
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        st = ST_NOT_FOUND;
    } else {
        st = sql_error(db, "reading the schema", err);
    }
    sqlite3_finalize(stmt);
    return st;
}

/* --- version 1 --- */

static const char *column_type(enum field_kind kind)
{
    switch (kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        return "INTEGER";
    case FIELD_TEXT:
    case FIELD_GRID:
        return "TEXT";
    case FIELD_BYTES:
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        return "BLOB";
    }
    return "BLOB";
}

static void create_table(const struct layout *l, struct buf *out)
{
    bool keyed = l->key[0] != '\0';
    buf_printf(out, "CREATE TABLE %s (", l->table);
    buf_str(out, keyed ? "" : "n INTEGER PRIMARY KEY, ");
    buf_str(out, "session INTEGER NOT NULL, source INTEGER NOT NULL");
    for (uint32_t i = 0; i < l->n_fields; i++) {
        buf_printf(out, ", %s %s NOT NULL", l->fields[i].name, column_type(l->fields[i].kind));
    }
    if (keyed) {
        buf_printf(out, ", PRIMARY KEY (session, %s)) WITHOUT ROWID;\n", l->key);
    } else {
        buf_printf(out, ");\nCREATE INDEX %s_session ON %s (session);\n", l->table, l->table);
    }
}

static void create_view(size_t i, struct buf *sql)
{
    buf_printf(sql, "CREATE VIEW %s AS %s;\n", view_name(i), view_text(i, DIALECT_SQLITE));
}

static const char session_table[] =
    "CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, began INTEGER NOT NULL,"
    " ended INTEGER, outcome TEXT, pid INTEGER NOT NULL, pid_start INTEGER NOT NULL,"
    " boot TEXT NOT NULL, build TEXT, policy TEXT, exchange TEXT, config TEXT,"
    " rows INTEGER, lost INTEGER);\n";

static enum status to_version_1(sqlite3 *db, struct err *err)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_str(&sql, session_table);
    size_t n = 0;
    const struct layout *l = layouts(&n);
    for (size_t i = 0; i < n; i++) {
        create_table(&l[i], &sql);
    }
    for (size_t i = 0; i < view_count(); i++) {
        create_view(i, &sql);
    }
    return run_text(db, &sql, "making the tables", err);
}

/* --- version 2: the numbers of a refusal by the risk gate --- */

static enum status to_version_2(sqlite3 *db, struct err *err)
{
    int64_t there = 0;
    enum status st = one_int(db,
                             "SELECT count(*) FROM pragma_table_info('decision')"
                             " WHERE name='risk_value'",
                             &there, err);
    if (st != ST_OK || there != 0) { /* made with today's layout */
        return st;
    }
    return run_sql(db,
                   "ALTER TABLE decision ADD COLUMN risk_value INTEGER NOT NULL DEFAULT 0;"
                   "ALTER TABLE decision ADD COLUMN risk_limit INTEGER NOT NULL DEFAULT 0;",
                   "bringing the table of decisions forward", err);
}

/* --- version 3: the exchange's clock --- */

/* The table of a type, where a file of an older version has none yet. */
static enum status add_table(sqlite3 *db, uint16_t type, struct err *err)
{
    const struct layout *l = layout_of(type);
    struct buf sql;
    char ask[160];
    int64_t there = 0;
    snprintf(ask, sizeof ask, "SELECT count(*) FROM sqlite_master WHERE name='%s'", l->table);
    enum status st = one_int(db, ask, &there, err);
    if (st != ST_OK || there != 0) {
        return st;
    }
    buf_init(&sql, SQL_MAX);
    create_table(l, &sql);
    st = sql.failed ? err_set(err, ST_NOMEM, "out of memory")
                    : run_sql(db, sql.p, "adding a table", err);
    buf_finish(&sql);
    return st;
}

static enum status to_version_3(sqlite3 *db, struct err *err)
{
    return add_table(db, EV_CLOCK, err);
}

/* --- version 4: results of markets, settlements, drifts of fees, reasons of reconciliations --- */

/* The view of that name as it is today. */
static void view_again(struct buf *sql, const char *name)
{
    buf_printf(sql, "DROP VIEW IF EXISTS %s;\n", name);
    create_view(view_number(name), sql);
}

static enum status to_version_4(sqlite3 *db, struct err *err)
{
    int64_t there = 0;
    enum status st = one_int(db,
                             "SELECT count(*) FROM pragma_table_info('reconciliation')"
                             " WHERE name='reason'",
                             &there, err);
    if (st != ST_OK || there != 0) { /* made with today's layout */
        return st;
    }
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    /* Until now cash was told by its name. */
    buf_str(&sql, "ALTER TABLE reconciliation ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE reconciliation ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
                  "UPDATE reconciliation SET kind=1 WHERE ticker='cash';"
                  "ALTER TABLE market ADD COLUMN result INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE market ADD COLUMN settle_px INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE market ADD COLUMN waived INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE market ADD COLUMN series_fee_type INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE market ADD COLUMN series_fee_mult_micros INTEGER NOT NULL"
                  " DEFAULT 0;\n");
    create_table(layout_of(REC_FEE_DRIFT), &sql);
    create_table(layout_of(REC_SETTLED), &sql);
    view_again(&sql, "reconciliations");
    view_again(&sql, "fee_drifts");
    view_again(&sql, "settlements");
    return run_text(db, &sql, "bringing the tables forward", err);
}

/* --- version 5: how much of the queue is in the database (backend.h) --- */

static enum status to_version_5(sqlite3 *db, struct err *err)
{
    return run_sql(db, "ALTER TABLE session ADD COLUMN progress INTEGER NOT NULL DEFAULT 0",
                   "bringing the sessions forward", err);
}

/* --- version 6: the engine's inputs that are no events --- */

static enum status to_version_6(sqlite3 *db, struct err *err)
{
    enum status st = add_table(db, REC_RESTORED, err);
    return st == ST_OK ? add_table(db, REC_REFUSED, err) : st;
}

/* --- version 7: what the whole account is worth --- */

static enum status to_version_7(sqlite3 *db, struct err *err)
{
    enum status st = add_table(db, REC_MARK, err);
    struct buf sql;
    if (st != ST_OK) {
        return st;
    }
    buf_init(&sql, SQL_MAX);
    view_again(&sql, "marks");
    return run_text(db, &sql, "adding a view", err);
}

/* --- version 8: the digest of a session's rows; those of before have none --- */

static enum status to_version_8(sqlite3 *db, struct err *err)
{
    return run_sql(db, "ALTER TABLE session ADD COLUMN digest INTEGER",
                   "bringing the sessions forward", err);
}

static enum status (*const steps[])(sqlite3 *db, struct err *err) = {
    to_version_1, to_version_2, to_version_3, to_version_4,
    to_version_5, to_version_6, to_version_7, to_version_8};
_Static_assert(sizeof steps / sizeof steps[0] == STORE_SCHEMA_VERSION, "a step to each version");

/* --- versions --- */

enum status schema_version(sqlite3 *db, int *ret_version, struct err *err)
{
    int64_t tables = 0, ours = 0, version = 0;
    enum status st = one_int(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st == ST_OK) {
        st = one_int(db, "SELECT count(*) FROM sqlite_master WHERE name='schema_version'", &ours,
                     err);
    }
    if (st != ST_OK) {
        return st;
    }
    if (ours == 0) {
        *ret_version = 0;
        return tables == 0 ? ST_OK
                           : err_set(err, ST_MALFORMED, "an SQLite database, but not deltaflow's");
    }
    st = one_int(db, "SELECT max(version) FROM schema_version", &version, err);
    if (st != ST_OK && st != ST_NOT_FOUND) {
        return st;
    }
    if (version > STORE_SCHEMA_VERSION) {
        return err_set(err, ST_UNSUPPORTED,
                       "schema version %" PRId64 " is newer than this program's (%d)", version,
                       STORE_SCHEMA_VERSION);
    }
    *ret_version = (int)version;
    return ST_OK;
}

static enum status step_to(sqlite3 *db, int version, wall_ns_t wall, struct err *err)
{
    char sql[200];
    snprintf(sql, sizeof sql, "INSERT INTO schema_version VALUES (%d, %" PRId64 ")", version, wall);
    enum status st = steps[version - 1](db, err);
    return st == ST_OK ? run_sql(db, sql, "writing the schema version", err) : st;
}

enum status schema_migrate(sqlite3 *db, wall_ns_t wall, struct err *err)
{
    enum status st = run_sql(db, "BEGIN IMMEDIATE", "locking the database", err);
    if (st != ST_OK) {
        return st;
    }
    int version = 0;
    st = schema_version(db, &version, err);
    if (st == ST_OK && version < STORE_SCHEMA_VERSION) {
        st = run_sql(db,
                     "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY,"
                     " wall INTEGER NOT NULL)",
                     "making the tables", err);
    }
    for (int v = version + 1; st == ST_OK && v <= STORE_SCHEMA_VERSION; v++) {
        st = step_to(db, v, wall, err);
    }
    if (st == ST_OK) {
        st = run_sql(db, "COMMIT", "making the tables", err);
    }
    if (st != ST_OK) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

/* --- sessions --- */

static void is_running(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    char boot[64];
    boot_id(boot);
    const char *other = (const char *)sqlite3_value_text(argv[2]);
    int64_t start = process_start(sqlite3_value_int64(argv[0]));
    bool running = other != NULL && strcmp(other, boot) == 0 && start >= 0 &&
                   start == sqlite3_value_int64(argv[1]);
    sqlite3_result_int(ctx, running);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static enum status session_insert(sqlite3 *db, const struct store_config *config, wall_ns_t wall,
                                  struct err *err)
{
    sqlite3_stmt *s = NULL;
    char boot[64];
    boot_id(boot);
    if (sqlite3_prepare_v2(db,
                           "INSERT INTO session (began, pid, pid_start, boot, build, policy,"
                           " exchange, config, digest) VALUES (?,?,?,?,?,?,?,?,?)",
                           -1, &s, NULL) != SQLITE_OK) {
        return sql_error(db, "adding the session", err);
    }
    sqlite3_bind_int64(s, 1, wall);
    int64_t process = config->process != 0 ? config->process : getpid();
    sqlite3_bind_int64(s, 2, process);
    sqlite3_bind_int64(s, 3, process_start(process));
    bind_text(s, 4, boot);
    bind_text(s, 5, config->build);
    bind_text(s, 6, config->policy);
    bind_text(s, 7, config->exchange);
    bind_text(s, 8, config->config_json);
    sqlite3_bind_int64(s, 9, (int64_t)backend_session_digest(config, wall));
    int rc = sqlite3_step(s);
    enum status st = rc == SQLITE_DONE ? ST_OK : sql_error(db, "adding the session", err);
    sqlite3_finalize(s);
    return st;
}

enum status schema_session_begin(sqlite3 *db, const struct store_config *config, wall_ns_t wall,
                                 int64_t *ret_session, struct err *err)
{
    if (sqlite3_create_function(db, "is_running", 3, SQLITE_UTF8, NULL, is_running, NULL, NULL) !=
        SQLITE_OK) {
        return sql_error(db, "adding the session", err);
    }
    enum status st = run_sql(db,
                             "UPDATE session SET outcome='broken' WHERE outcome IS NULL AND NOT "
                             "is_running(pid, pid_start, boot)",
                             "marking broken sessions", err);
    if (st == ST_OK && !config->no_session) {
        st = session_insert(db, config, wall, err);
        *ret_session = sqlite3_last_insert_rowid(db);
    }
    return st;
}

enum status schema_session_end(sqlite3 *db, int64_t session, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, "UPDATE session SET ended=?, outcome=?, rows=?, lost=? WHERE id=?",
                           -1, &s, NULL) != SQLITE_OK) {
        return ST_IO;
    }
    sqlite3_bind_int64(s, 1, wall);
    bind_text(s, 2, outcome);
    sqlite3_bind_int64(s, 3, (int64_t)stats->rows);
    sqlite3_bind_int64(s, 4, (int64_t)stats->lost);
    sqlite3_bind_int64(s, 5, session);
    int rc = sqlite3_step(s);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? ST_OK : ST_IO;
}
