/*
 * test_store_migrate.c - databases of every older schema version (tests/data/store) are brought
 * forward: all their rows stay as they were, and can be read as whole records.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "make_records.h"
#include "pg_server.h"
#include "store/layout.h"
#include "store/pg_schema.h"
#include "store/store.h"

#define DUMPS     "tests/data/store"
#define BYTES_MAX ((size_t)4 << 20)

static char folder[64], path[DATABASE_MAX];

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    database_new(folder, path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static void load(const char *kind, int version)
{
    char file[100];
    struct buf sql;
    snprintf(file, sizeof file, DUMPS "/%s_v%d.sql", kind, version);
    FILE *f = fopen(file, "r");
    if (f == NULL) {
        fail_msg("there is no %s: a new schema version adds the dump of the one before it", file);
    }
    buf_init(&sql, BYTES_MAX);
    char part[4096];
    for (size_t n = fread(part, 1, sizeof part, f); n > 0; n = fread(part, 1, sizeof part, f)) {
        buf_add(&sql, part, n);
    }
    fclose(f);
    assert_false(sql.failed);
    sql_run(path, sql.p);
    buf_finish(&sql);
}

/* --- rows as SQL shows them --- */

struct table {
    char name[40];
    char *expression; /* its rows as one text, of the columns that the old version has */
    char *text;
};

static char *text_of_sql(const char *sql)
{
    char *text = malloc(BYTES_MAX);
    assert_non_null(text);
    sql_text(path, sql, text, BYTES_MAX);
    return text;
}

/* name and columns of table i of the database, in order of their names; false behind the last. */
static bool describe(int i, struct table *t)
{
    char sql[700];
    const char *tables = "SELECT count(*) FROM sqlite_master WHERE type='table' AND"
                         " name NOT LIKE 'sqlite_%' AND name<>'schema_version'";
    if (i >= sql_number(path, tables)) {
        return false;
    }
    snprintf(sql, sizeof sql,
             "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%%' AND"
             " name<>'schema_version' ORDER BY name LIMIT 1 OFFSET %d",
             i);
    sql_text(path, sql, t->name, sizeof t->name);
    int n =
        snprintf(sql, sizeof sql,
                 "SELECT 'SELECT group_concat(r, char(10)) FROM (SELECT ' ||"
                 " group_concat('quote(' || name || ')', '||'',''||') || ' AS r FROM %s WHERE %s=1"
                 " ORDER BY 1)' FROM pragma_table_info('%s')",
                 t->name, strcmp(t->name, "session") == 0 ? "id" : "session", t->name);
    assert_in_range(n, 1, sizeof sql - 1);
    t->expression = text_of_sql(sql);
    t->text = text_of_sql(t->expression);
    return true;
}

static enum status count_record(void *self, const void *record)
{
    (void)record;
    ++*(long long *)self;
    return ST_OK;
}

/* Every row of session 1 makes a whole record. */
static void all_can_be_read(void)
{
    size_t n = 0;
    long long all = 0;
    const struct layout *l = layouts(&n);
    for (size_t i = 0; i < n; i++) {
        char sql[100];
        long long seen = 0;
        struct err err = {.text = ""};
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE session=1", l[i].table);
        if (store_read_records(path, 1, l[i].type, count_record, &seen, &err) != ST_OK) {
            fail_msg("%s: %s", l[i].table, err.text);
        }
        assert_int_equal(seen, sql_number(path, sql));
        all += seen;
    }
    assert_true(all >= 40);
}

static void open_and_close(void)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err = {.text = ""};
    config.path = path;
    if (store_open(&config, 5, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    store_close(s, "done", 6);
}

static void nothing_reads_it_before(int version)
{
    int64_t session = 0;
    char says[40];
    struct err err = {.text = ""};
    snprintf(says, sizeof says, "version %d is older", version);
    assert_int_equal(store_last_session(path, &session, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.text, says));
    assert_non_null(strstr(err.text, path));
}

static void every_view_can_be_read(void)
{
    static const char *const names[] = {"markets",   "deltas", "trades",   "snapshots",
                                        "fills",     "orders", "accounts", "reconciliations",
                                        "decisions", "gaps",   "frames",   "sessions"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) > 0 FROM (SELECT * FROM %s) v", names[i]);
        assert_int_equal(sql_number(path, sql), 1);
    }
}

static void a_file_of_every_older_version_comes_forward_with_all_its_rows(void **state)
{
    (void)state;
    for (int version = 1; version < STORE_SCHEMA_VERSION; version++) {
        struct table before[64];
        int n = 0;
        print_message("version %d\n", version);
        load("sqlite", version);
        assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"), version);
        nothing_reads_it_before(version);
        while (describe(n, &before[n])) {
            n++;
        }
        assert_true(n >= 20);
        open_and_close();
        for (int i = 0; i < n; i++) {
            char *now = text_of_sql(before[i].expression);
            assert_string_equal(now, before[i].text);
            free(now);
            free(before[i].text);
            free(before[i].expression);
        }
        assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                         STORE_SCHEMA_VERSION);
        assert_int_equal(sql_number(path, "SELECT count(*) FROM schema_version"),
                         STORE_SCHEMA_VERSION);
        assert_int_equal(sql_number(path, "SELECT outcome='broken' FROM session WHERE id=2"), 1);
        assert_int_equal(sql_number(path, "SELECT outcome='done' FROM session WHERE id=3"), 1);
        all_can_be_read();
        sql_check(path);
        assert_int_equal(unlink(path), 0);
    }
}

/* A file that was brought forward and one that is new have the same tables, columns and views. */
static void a_file_brought_forward_is_like_a_new_one(void **state)
{
    (void)state;
    const char *columns = "SELECT group_concat(c, char(10)) FROM (SELECT m.name||' '||p.name||' '||"
                          "p.type||' '||p.pk AS c FROM sqlite_master m, pragma_table_info(m.name) p"
                          " WHERE m.name NOT LIKE 'sqlite_%' ORDER BY 1)";
    open_and_close();
    char *fresh = text_of_sql(columns);
    for (int version = 1; version < STORE_SCHEMA_VERSION; version++) {
        print_message("version %d\n", version);
        assert_int_equal(unlink(path), 0);
        load("sqlite", version);
        open_and_close();
        char *now = text_of_sql(columns);
        assert_string_equal(now, fresh);
        free(now);
    }
    free(fresh);
}

static void a_server_s_schema_of_every_older_version_comes_forward(void **state)
{
    (void)state;
    for (int version = PG_SCHEMA_FIRST; version < STORE_SCHEMA_VERSION; version++) {
        print_message("version %d\n", version);
        pg_server_url(path, sizeof path);
        load("pg", version);
        nothing_reads_it_before(version);
        open_and_close();
        assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                         STORE_SCHEMA_VERSION);
        assert_int_equal(sql_number(path, "SELECT outcome='broken' FROM session WHERE id=2"), 1);
        assert_int_equal(sql_number(path, "SELECT outcome='done' FROM session WHERE id=3"), 1);
        all_can_be_read();
        every_view_can_be_read();
    }
}

static void
a_server_s_older_schema_is_not_read_and_one_from_before_the_first_is_refused(void **state)
{
    (void)state;
    int64_t session = 0;
    struct err err = {.text = ""};
    open_and_close();
    char sql[100];
    snprintf(sql, sizeof sql, "UPDATE schema_version SET version=%d", PG_SCHEMA_FIRST - 1);
    sql_run(path, sql);
    assert_int_equal(store_last_session(path, &session, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.text, "is older"));
    struct store_config config = store_config_default();
    struct store *s = NULL;
    config.path = path;
    assert_int_equal(store_open(&config, 5, &s, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, "first is"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest files[] = {
        T(a_file_of_every_older_version_comes_forward_with_all_its_rows),
        T(a_file_brought_forward_is_like_a_new_one),
    };
    const struct CMUnitTest servers[] = {
        T(a_server_s_schema_of_every_older_version_comes_forward),
        T(a_server_s_older_schema_is_not_read_and_one_from_before_the_first_is_refused),
    };
    int failed = cmocka_run_group_tests(files, NULL, NULL);
    return failed + database_run_pg(servers, sizeof servers / sizeof servers[0]);
}
