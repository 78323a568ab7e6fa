/*
 * test_btree.c - claims about store/btree.h and store/sqlite_pages.h on files that SQLite made:
 * the rows are those that SQL gives, and damage is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "store/sqlite_pages.h"

/* The columns stand in another order than the key, and the last two are added later. */
static const struct field fields[] = {
    {"a", FIELD_I64, 0, 8},       {"ord", FIELD_I64, 0, 8},  {"text", FIELD_TEXT, 0, 1},
    {"bytes", FIELD_BYTES, 0, 1}, {"late", FIELD_I32, 0, 4}, {"late_text", FIELD_TEXT, 0, 1},
};
static const struct layout layout = {.table = "t",
                                     .key = "source, ord",
                                     .fields = fields,
                                     .n_fields = sizeof fields / sizeof fields[0]};
static const enum cell_kind kinds[] = {CELL_INT,  CELL_INT,   CELL_INT, CELL_INT,
                                       CELL_TEXT, CELL_BYTES, CELL_INT, CELL_TEXT};
#define COLUMNS  (sizeof kinds / sizeof kinds[0])
#define ROWS     3000
#define SESSIONS 4
#define LARGEST  20000U /* bytes of a text: many pages */

static char path[] = "/tmp/deltaflow-btree-XXXXXX";

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

/* Of every size that a record has for one. */
static int64_t any_number(struct rng *rng)
{
    uint64_t v = rng_next(rng) >> rng_below(rng, 64);
    return rng_below(rng, 2) == 0 ? (int64_t)v : (int64_t)(0 - v);
}

static size_t any_size(struct rng *rng, uint32_t largest)
{
    const uint32_t most[] = {1, 20, largest / 4, largest};
    return (size_t)rng_below(rng, most[rng_below(rng, 4)]);
}

static void insert(sqlite3 *db, struct rng *rng, uint32_t n, uint32_t largest)
{
    static char big[LARGEST];
    sqlite3_stmt *q = NULL;
    memset(big, 'x', sizeof big);
    run(db, "BEGIN");
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT OR REPLACE INTO t (session, source, ord, a, text, "
                                        "bytes) VALUES (?,?,?,?,?,?)",
                                        -1, &q, NULL),
                     SQLITE_OK);
    for (uint32_t i = 0; i < n; i++) {
        sqlite3_bind_int64(q, 1, (int64_t)rng_below(rng, SESSIONS) + 1);
        sqlite3_bind_int64(q, 2, (int64_t)rng_below(rng, 3));
        sqlite3_bind_int64(q, 3, any_number(rng));
        sqlite3_bind_int64(q, 4, any_number(rng));
        sqlite3_bind_text(q, 5, big, (int)any_size(rng, largest), SQLITE_STATIC);
        sqlite3_bind_blob(q, 6, big, (int)any_size(rng, largest), SQLITE_STATIC);
        assert_int_equal(sqlite3_step(q), SQLITE_DONE);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    run(db, "COMMIT");
}

static sqlite3 *make_of(uint32_t page_size, const char *journal, uint64_t seed, uint32_t rows,
                        uint32_t largest)
{
    sqlite3 *db = NULL;
    struct rng rng;
    char sql[96];
    rng_init(&rng, seed);
    (void)unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "PRAGMA synchronous=OFF; PRAGMA page_size=%u; PRAGMA journal_mode=%s",
             page_size, journal);
    run(db, sql);
    run(db, "CREATE TABLE t (session INTEGER NOT NULL, source INTEGER NOT NULL, a INTEGER NOT "
            "NULL, ord INTEGER NOT NULL, text TEXT NOT NULL, bytes BLOB NOT NULL,"
            " PRIMARY KEY (session, source, ord)) WITHOUT ROWID");
    insert(db, &rng, rows / 2, largest);
    run(db, "ALTER TABLE t ADD COLUMN late INTEGER NOT NULL DEFAULT 7;"
            "ALTER TABLE t ADD COLUMN late_text TEXT NOT NULL DEFAULT ''");
    insert(db, &rng, rows / 2, largest);
    return db;
}

static sqlite3 *make(uint32_t page_size, const char *journal, uint64_t seed)
{
    return make_of(page_size, journal, seed, ROWS, LARGEST);
}

static sqlite3 *open_again(struct sqlite_pages *pages, enum status *ret)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    run(db, "BEGIN");
    *ret = sqlite_pages_open(db, pages);
    return db;
}

static void same_cell(const struct cell *cell, sqlite3_stmt *q, int i)
{
    if (kinds[i] == CELL_INT) {
        assert_int_equal(cell->i, sqlite3_column_int64(q, i));
        return;
    }
    size_t n = (size_t)sqlite3_column_bytes(q, i);
    assert_int_equal(cell->n, n);
    assert_true(kinds[i] == CELL_BYTES || cell->p != NULL);
    assert_true(n == 0 || memcmp(cell->p, sqlite3_column_blob(q, i), n) == 0);
}

/* source < 0: all. Returns the number of rows. */
static uint32_t compare(sqlite3 *db, const struct sqlite_pages *pages, int64_t session,
                        int64_t source)
{
    struct sqlite_pages copy = *pages;
    struct btree_pages p = sqlite_pages_reader(&copy);
    struct btree_table table;
    struct btree *t = NULL;
    struct cell cells[READER_CELLS_MAX];
    sqlite3_stmt *q = NULL;
    uint32_t n = 0;
    int64_t prefix[] = {session, source};
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, &table), ST_OK);
    assert_int_equal(btree_open(&p, &table, prefix, source < 0 ? 1 : 2, &t), ST_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT session, source, a, ord, text, bytes, late, late_text FROM t "
                           "WHERE session=?1 AND (?2<0 OR source=?2) ORDER BY session, source, ord",
                           -1, &q, NULL),
        SQLITE_OK);
    sqlite3_bind_int64(q, 1, session);
    sqlite3_bind_int64(q, 2, source);
    while (sqlite3_step(q) == SQLITE_ROW) {
        assert_int_equal(btree_next(t, cells), ST_OK);
        for (size_t i = 0; i < COLUMNS; i++) {
            same_cell(&cells[i], q, (int)i);
        }
        n++;
    }
    assert_int_equal(btree_next(t, cells), ST_END);
    assert_int_equal(btree_next(t, cells), ST_END);
    sqlite3_finalize(q);
    btree_close(t);
    return n;
}

static void compare_all(sqlite3 *db, const struct sqlite_pages *pages)
{
    uint32_t n = 0, again = 0;
    for (int64_t session = 0; session <= SESSIONS + 1; session++) { /* the first and last: none */
        n += compare(db, pages, session, -1);
        for (int64_t source = 0; source < 4; source++) {
            again += compare(db, pages, session, source);
        }
    }
    assert_int_equal(n, again);
    assert_true(n > ROWS / 2); /* numbers drawn twice replace each other */
}

static void rows_are_those_of_sql(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {512, 1024, 8192, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sqlite_pages pages;
        enum status st;
        sqlite3_close(make(sizes[i], i % 2 == 0 ? "WAL" : "DELETE", i + 1));
        sqlite3 *db = open_again(&pages, &st);
        assert_int_equal(st, ST_OK);
        assert_int_equal(pages.size, sizes[i]);
        compare_all(db, &pages);
        sqlite3_close(db);
    }
}

static void an_empty_table_has_no_rows(void **state)
{
    (void)state;
    struct sqlite_pages pages;
    enum status st;
    sqlite3 *db = make(4096, "DELETE", 1);
    run(db, "DELETE FROM t");
    sqlite3_close(db);
    db = open_again(&pages, &st);
    assert_int_equal(st, ST_OK);
    assert_int_equal(compare(db, &pages, 1, -1), 0);
    sqlite3_close(db);
}

static void a_database_with_a_log_is_left_to_sql(void **state)
{
    (void)state;
    struct sqlite_pages pages;
    enum status st;
    sqlite3 *writer = make(4096, "WAL", 1); /* it is open: the log is not emptied */
    sqlite3 *db = open_again(&pages, &st);
    assert_int_equal(st, ST_UNSUPPORTED);
    sqlite3_close(db);
    run(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    db = open_again(&pages, &st);
    assert_int_equal(st, ST_OK);
    /* Written while it is read: nothing of it is seen, also when somebody asks for a checkpoint. */
    run(writer, "PRAGMA wal_autocheckpoint=1; UPDATE t SET a=a+1; PRAGMA wal_checkpoint(PASSIVE)");
    compare_all(db, &pages);
    sqlite3_close(db);
    sqlite3_close(writer);
}

static void a_table_of_another_kind_is_left_to_sql(void **state)
{
    (void)state;
    struct btree_table table;
    sqlite3 *db = make(4096, "DELETE", 1);
    run(db, "ALTER TABLE t RENAME COLUMN a TO b");
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, &table), ST_UNSUPPORTED);
    run(db, "DROP TABLE t");
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, &table), ST_UNSUPPORTED);
    run(db, "CREATE TABLE t (session INTEGER, source INTEGER, a INTEGER, ord INTEGER, text TEXT,"
            " bytes BLOB, late INTEGER, late_text TEXT, PRIMARY KEY (session, source, ord))");
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, &table), ST_UNSUPPORTED);
    run(db, "DROP TABLE t");
    run(db, "CREATE TABLE t (session INTEGER, source INTEGER, a INTEGER, ord INTEGER, text TEXT,"
            " bytes BLOB, late INTEGER, late_text TEXT, PRIMARY KEY (session, source, ord DESC))"
            " WITHOUT ROWID");
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, &table), ST_UNSUPPORTED);
    sqlite3_close(db);
}

/* --- damage --- */

struct image {
    uint8_t *p;
    uint32_t pages, size, fails; /* fails: the page that cannot be read, 0: none */
};

static enum status image_read(void *self, uint32_t number, uint8_t *buf)
{
    const struct image *m = self;
    assert_in_range(number, 1, m->pages);
    memcpy(buf, m->p + (size_t)(number - 1) * m->size, m->size);
    return number == m->fails ? ST_IO : ST_OK;
}

static struct image load(struct btree_table *ret_table)
{
    struct sqlite_pages pages;
    enum status st;
    sqlite3_close(make_of(512, "DELETE", 9, 400, 700));
    sqlite3 *db = open_again(&pages, &st);
    assert_int_equal(st, ST_OK);
    assert_int_equal(sqlite_pages_table(db, &layout, kinds, ret_table), ST_OK);
    struct image m = {malloc((size_t)pages.count * pages.size), pages.count, pages.size, 0};
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_non_null(m.p);
    assert_int_equal(fread(m.p, m.size, m.pages, f), m.pages);
    fclose(f);
    sqlite3_close(db);
    return m;
}

/* Every byte of every row is looked at. */
static enum status walk(struct image *m, const struct btree_table *table, uint32_t *ret_rows)
{
    struct btree_pages p = {m, image_read, m->size, m->size, m->pages};
    struct btree *t = NULL;
    struct cell cells[READER_CELLS_MAX];
    int64_t prefix = 2;
    uint32_t page = 0, rows = 0, sum = 0;
    enum status st = btree_open(&p, table, &prefix, 1, &t);
    assert_int_equal(st, ST_OK);
    for (st = btree_next(t, cells); st == ST_OK; st = btree_next(t, cells)) {
        rows++;
        for (size_t i = 0; i < COLUMNS; i++) {
            for (size_t k = 0; kinds[i] != CELL_INT && k < cells[i].n; k++) {
                sum += (uint8_t)cells[i].p[k];
            }
        }
    }
    assert_true(strlen(btree_fault(t, &page)) > 0);
    assert_true(sum != 1);
    btree_close(t);
    *ret_rows = rows;
    return st;
}

static void damaged_pages_end_the_walk(void **state)
{
    (void)state;
    struct btree_table table;
    struct image m = load(&table);
    struct rng rng;
    uint32_t whole = 0, refused = 0, rows = 0;
    assert_int_equal(walk(&m, &table, &whole), ST_END);
    assert_true(whole > 50);
    rng_init(&rng, 5);
    for (int i = 0; i < 3000; i++) {
        /* Headers and the array of cells break more than the rest: half of the hits are there. */
        size_t page = (size_t)rng_below(&rng, m.pages);
        size_t at = page * m.size + (size_t)rng_below(&rng, rng_below(&rng, 2) == 0 ? 16 : m.size);
        uint8_t was = m.p[at];
        m.p[at] = (uint8_t)rng_next(&rng);
        enum status st = walk(&m, &table, &rows);
        assert_true(st == ST_END || st == ST_MALFORMED);
        assert_true(rows < 4 * whole);
        refused += st == ST_MALFORMED;
        m.p[at] = was;
    }
    assert_in_range(refused, 20, 2900);
    free(m.p);
}

static void a_page_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct btree_table table;
    struct image m = load(&table);
    uint32_t rows = 0, failed = 0;
    for (m.fails = 1; m.fails <= m.pages; m.fails++) {
        failed += walk(&m, &table, &rows) == ST_IO;
    }
    assert_true(failed > 10);
    m.fails = table.root;
    assert_int_equal(walk(&m, &table, &rows), ST_IO);
    free(m.p);
}

static void pages_that_are_each_others_children_end_the_walk(void **state)
{
    (void)state;
    struct btree_table table = {.root = 2, .n_key = 1, .n_columns = 1};
    static uint8_t pages[4 * 512];
    struct image m = {pages, 4, 512, 0};
    uint32_t rows = 0;
    /* Inner pages without a cell, whose last child is the other one. */
    for (uint32_t page = 2; page <= 3; page++) {
        uint8_t *p = pages + (size_t)(page - 1) * 512;
        p[0] = 2;
        p[11] = (uint8_t)(5 - page);
    }
    assert_int_equal(walk(&m, &table, &rows), ST_MALFORMED);
    assert_int_equal(rows, 0);
    pages[512 + 11] = 2; /* its own child */
    assert_int_equal(walk(&m, &table, &rows), ST_MALFORMED);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_sql),
        cmocka_unit_test(an_empty_table_has_no_rows),
        cmocka_unit_test(a_database_with_a_log_is_left_to_sql),
        cmocka_unit_test(a_table_of_another_kind_is_left_to_sql),
        cmocka_unit_test(damaged_pages_end_the_walk),
        cmocka_unit_test(a_page_that_cannot_be_read_is_named),
        cmocka_unit_test(pages_that_are_each_others_children_end_the_walk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
