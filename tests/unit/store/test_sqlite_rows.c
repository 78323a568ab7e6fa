/* test_sqlite_rows.c - claims about store/sqlite_rows.h on a database in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/schema.h"
#include "store/sqlite_rows.h"

#define RAW_LONG 2000U

static sqlite3 *db;
static struct sqlite_rows *rows;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (schema_migrate(db, 1, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(sqlite_rows_create(db, &rows), ST_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sqlite_rows_destroy(rows);
    assert_int_equal(sqlite3_close(db), SQLITE_OK); /* no statement is left */
    return 0;
}

static long long number(const char *sql)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    long long n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static void sql(const char *text)
{
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
}

static struct rec_raw *raw(uint32_t len, uint64_t ord)
{
    uint32_t size = ev_round8(offsetof(struct rec_raw, bytes) + len);
    size = size < ev_round8(sizeof(struct rec_raw)) ? ev_round8(sizeof(struct rec_raw)) : size;
    struct rec_raw *r = calloc(1, size);
    assert_non_null(r);
    r->h = (struct rec){.size = ev_round8(offsetof(struct rec_raw, bytes) + len), .type = REC_RAW};
    r->len = len;
    r->ord = ord;
    return r;
}

static struct ev_delta delta(uint64_t ord)
{
    return (struct ev_delta){.h = {.size = sizeof(struct ev_delta),
                                   .type = EV_DELTA,
                                   .source = EV_SRC_MARKET,
                                   .ord = ord},
                             .qty = (qty_t)ord};
}

static void a_row_that_is_too_long_is_refused_alone(void **state)
{
    (void)state;
    struct rec_raw *r[4] = {raw(10, 1), raw(RAW_LONG, 2), raw(20, 3), raw(RAW_LONG, 4)};
    const void *records[4] = {r[0], r[1], r[2], r[3]};
    struct refused refused[4];
    size_t n = 0;
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, RAW_LONG / 2);
    sql("BEGIN");
    assert_int_equal(sqlite_rows_put(rows, 1, records, 4, refused, &n), ST_OK);
    sql("COMMIT");
    assert_int_equal(n, 2);
    assert_ptr_equal(refused[0].record, r[1]);
    assert_int_equal(refused[0].why, ST_INVALID);
    assert_ptr_equal(refused[1].record, r[3]);
    assert_int_equal(number("SELECT count(*) FROM raw"), 2);
    assert_int_equal(number("SELECT sum(ord) FROM raw"), 4);
    for (size_t i = 0; i < 4; i++) {
        free(r[i]);
    }
}

static void rows_before_and_behind_a_number_that_came_before_are_written(void **state)
{
    (void)state;
    struct ev_delta d[5] = {delta(1), delta(2), delta(2), delta(1), delta(3)};
    const void *records[5] = {&d[0], &d[1], &d[2], &d[3], &d[4]};
    struct refused refused[5];
    size_t n = 0;
    sql("BEGIN");
    assert_int_equal(sqlite_rows_put(rows, 7, records, 5, refused, &n), ST_OK);
    sql("COMMIT");
    assert_int_equal(n, 2);
    assert_ptr_equal(refused[0].record, &d[2]);
    assert_ptr_equal(refused[1].record, &d[3]);
    assert_int_equal(refused[1].why, ST_EXISTS);
    assert_int_equal(number("SELECT count(*) FROM delta WHERE session=7 AND qty=ord"), 3);
}

/* 10000 rows are more than one statement takes. */
static void a_long_batch_is_written_whole_and_what_is_rolled_back_is_not(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct ev_delta *d = calloc(N, sizeof *d);
    const void **records = calloc(N, sizeof *records);
    struct refused *refused = calloc(N, sizeof *refused);
    size_t n = 1;
    assert_true(d != NULL && records != NULL && refused != NULL);
    for (uint64_t i = 0; i < N; i++) {
        d[i] = delta(i + 1);
        records[i] = &d[i];
    }
    for (int round = 0; round < 2; round++) {
        sql("BEGIN");
        assert_int_equal(sqlite_rows_put(rows, 1, records, N, refused, &n), ST_OK);
        assert_int_equal(n, 0);
        sql(round == 0 ? "ROLLBACK" : "COMMIT");
        assert_int_equal(number("SELECT count(*) FROM delta"), round == 0 ? 0 : N);
    }
    assert_int_equal(number("SELECT count(*) FROM delta WHERE qty=ord"), N);
    free(d);
    free(records);
    free(refused);
}

static void a_table_that_is_gone_fails_the_transaction(void **state)
{
    (void)state;
    struct ev_delta d = delta(1);
    const void *records[1] = {&d};
    struct refused refused[1];
    size_t n = 0;
    sql("DROP TABLE delta; BEGIN");
    assert_int_equal(sqlite_rows_put(rows, 1, records, 1, refused, &n), ST_IO);
    assert_non_null(strstr(sqlite3_errmsg(db), "delta"));
    sql("ROLLBACK");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_row_that_is_too_long_is_refused_alone),
        T(rows_before_and_behind_a_number_that_came_before_are_written),
        T(a_long_batch_is_written_whole_and_what_is_rolled_back_is_not),
        T(a_table_that_is_gone_fails_the_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
