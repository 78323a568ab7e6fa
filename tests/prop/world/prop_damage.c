/*
 * A damaged database never crashes who replays it: each seed spoils one (values by SQL, rows, bytes
 * of the file), and what comes is a whole replay, a named difference, an end with a reason, or an
 * error with a text.
 *
 * PROP_SEED repeats one seed; PROP_ROUNDS asks for more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "base/rng.h"
#include "recorded.h"
#include "store/store.h"
#include "world/books.h"
#include "world/load.h"

static char folder[64], original[96], spoiled[96];
static struct recorded run;
static const struct verify_config everything;

static void push_all(struct ring *ring, const struct arena *a)
{
    struct cursor c = cursor_of(a);
    for (const struct rec *rec = cursor_next(&c); rec != NULL; rec = cursor_next(&c)) {
        assert_int_equal(ring_push(ring, rec, rec->size), ST_OK);
    }
}

/* The recorded run as a database. */
static int set_up(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct ring *ring = NULL;
    struct err err = {0};
    struct store_config c = store_config_default();
    log_set_level(LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/deltaflow-damage-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(original, sizeof original, "%s/whole.sqlite", folder);
    snprintf(spoiled, sizeof spoiled, "%s/spoiled.sqlite", folder);
    record_run(&run, 11, 250);
    c.path = original;
    c.config_json = "{}";
    assert_int_equal(store_open(&c, 1, &store, &err), ST_OK);
    assert_int_equal(ring_create((size_t)16 << 20, &ring), ST_OK);
    store_add_ring(store, ring);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        push_all(ring, &run.s.events[s]);
    }
    for (int t = 0; t < SESSION_ROWS; t++) {
        push_all(ring, &run.s.rows[t]);
    }
    store_close(store, "done", 2);
    ring_destroy(ring);
    sqlite3 *db = NULL; /* everything in the one file */
    assert_int_equal(sqlite3_open(original, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char cmd[128];
    recorded_finish(&run);
    snprintf(cmd, sizeof cmd, "rm -r '%s'", folder);
    return system(cmd);
}

/* --- spoiling --- */

static void copy_file(void)
{
    static char block[65536];
    FILE *from = fopen(original, "rb"), *to = fopen(spoiled, "wb");
    assert_true(from != NULL && to != NULL);
    for (size_t n = fread(block, 1, sizeof block, from); n > 0;
         n = fread(block, 1, sizeof block, from)) {
        assert_int_equal(fwrite(block, 1, n, to), n);
    }
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

static const char *const tables[] = {"market",       "snapshot", "delta",          "trade",
                                     "link",         "fill",     "position",       "user_order",
                                     "answer",       "turn",     "decision",       "order_step",
                                     "applied_fill", "account",  "reconciliation", "restored",
                                     "refused_call", "session",  "command"};

static const char *random_value(struct rng *rng, char buf[64])
{
    static const char *const values[] = {"0",
                                         "1",
                                         "-1",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "4294967295",
                                         "4294967296",
                                         "2147483647",
                                         "-2147483648",
                                         "zeroblob(0)",
                                         "zeroblob(7)",
                                         "'text'",
                                         "''",
                                         "x'ff00ff00ff'",
                                         "randomblob(300)",
                                         "1.5",
                                         "1e300",
                                         "'-99999999999999999999'",
                                         "zeroblob(100000)"};
    size_t n = sizeof values / sizeof values[0];
    uint64_t at = rng_below(rng, n + 4);
    if (at < n) {
        return values[at];
    }
    snprintf(buf, 64, "%lld", (long long)(rng_next(rng) >> rng_below(rng, 64)));
    return buf;
}

/* A column's name, by luck. False: the table has none that can be changed. */
static bool random_column(struct rng *rng, sqlite3 *db, const char *table, char name[64])
{
    char sql[160];
    sqlite3_stmt *q = NULL;
    snprintf(sql, sizeof sql,
             "SELECT name FROM pragma_table_info('%s') WHERE name NOT IN ('n', 'session', 'id')"
             " ORDER BY cid",
             table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    uint32_t n = 0;
    while (sqlite3_step(q) == SQLITE_ROW) {
        if (rng_below(rng, ++n) == 0) {
            snprintf(name, 64, "%s", (const char *)sqlite3_column_text(q, 0));
        }
    }
    sqlite3_finalize(q);
    return n > 0;
}

static void spoil_by_sql(struct rng *rng)
{
    sqlite3 *db = NULL;
    char sql[400], column[64], value[64];
    assert_int_equal(sqlite3_open(spoiled, &db), SQLITE_OK);
    for (uint64_t i = 1 + rng_below(rng, 3); i > 0; i--) {
        const char *table = tables[rng_below(rng, sizeof tables / sizeof tables[0])];
        unsigned long long skip = rng_below(rng, 60);
        if (!random_column(rng, db, table, column)) {
            continue;
        }
        switch (rng_below(rng, 4)) {
        case 0:
            snprintf(sql, sizeof sql, "DELETE FROM %s WHERE session=1 AND abs(mkt+%llu)%%7=0",
                     table, skip);
            break;
        case 1:
            snprintf(sql, sizeof sql, "UPDATE OR IGNORE %s SET %s=%s", table, column,
                     random_value(rng, value));
            break;
        default:
            snprintf(sql, sizeof sql,
                     "UPDATE OR IGNORE %s SET %s=%s WHERE %s IN (SELECT %s FROM %s LIMIT 1"
                     " OFFSET %llu)",
                     table, column, random_value(rng, value), column, column, table, skip);
            break;
        }
        (void)sqlite3_exec(db, sql, NULL, NULL, NULL); /* some of it is refused, and that is fine */
    }
    sqlite3_close(db);
}

static void spoil_bytes(struct rng *rng)
{
    FILE *f = fopen(spoiled, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    uint64_t size = (uint64_t)ftell(f);
    if (rng_below(rng, 8) == 0) {
        assert_int_equal(ftruncate(fileno(f), (off_t)rng_below(rng, size)), 0);
    }
    for (uint64_t i = 1 + rng_below(rng, 20); i > 0; i--) {
        uint64_t at = rng_below(rng, 4) == 0 ? rng_below(rng, 4096) : rng_below(rng, size);
        assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
        for (uint64_t k = 1 + rng_below(rng, 16); k > 0; k--) {
            assert_true(fputc((int)rng_below(rng, 256), f) != EOF);
        }
    }
    assert_int_equal(fclose(f), 0);
}

/* --- what comes of it --- */

struct tally {
    uint64_t refused, errors, differences, ended, whole;
};

static void must_say_why(uint64_t seed, const struct err *err)
{
    if (err->text[0] == '\0') {
        fail_msg("seed %llu: an error without a text", (unsigned long long)seed);
    }
}

static void replay_books(const struct session *s)
{
    struct books *b = NULL;
    struct err err = {0};
    assert_int_equal(books_create(s, &b), ST_OK);
    enum status st = books_run(b, UINT64_MAX, &err);
    assert_true(st == ST_END || st == ST_MALFORMED);
    books_destroy(b);
}

static void look_at(uint64_t seed, struct tally *t)
{
    struct recorded part = run;
    struct err err = {0};
    struct replay_outcome o;
    part.s = (struct session){.bytes_max = (size_t)256 << 20};
    enum status st = session_load(spoiled, 1, LOAD_ALL, &part.s, NULL, NULL, &err);
    if (st != ST_OK) {
        must_say_why(seed, &err);
        assert_true(st != ST_NOMEM);
        t->refused++;
        session_finish(&part.s);
        return;
    }
    replay_books(&part.s);
    replay_run(&part, seed % 2 == 0 ? ANSWERS_RECORDED : ANSWERS_ASKED, &everything, &o);
    if (o.st != ST_END) {
        must_say_why(seed, &o.err);
        t->errors++;
    } else if (o.verify.differs) {
        assert_true(o.verify.first.table[0] != '\0' && o.verify.first.field[0] != '\0');
        t->differences++;
    } else if (o.status.end == REPLAY_COMPLETE) {
        t->whole++;
    } else {
        assert_true(o.status.why[0] != '\0');
        t->ended++;
    }
    session_finish(&part.s);
}

static void a_damaged_database_is_refused_or_named_or_sound(void **state)
{
    (void)state;
    const char *one = getenv("PROP_SEED"), *many = getenv("PROP_ROUNDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t rounds = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : 60;
    struct tally by_sql = {0}, by_bytes = {0};
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        copy_file();
        print_message("seed %llu\r", (unsigned long long)seed); /* whom a crash would be of */
        fflush(stdout);
        if (rng_below(&rng, 3) > 0) {
            spoil_by_sql(&rng);
            look_at(seed, &by_sql);
        } else {
            spoil_bytes(&rng);
            look_at(seed, &by_bytes);
        }
    }
    struct tally *both[] = {&by_sql, &by_bytes};
    for (int i = 0; i < 2; i++) {
        print_message("%s: %llu refused, %llu ended with an error, %llu differed, %llu ended "
                      "early, %llu whole\n",
                      i == 0 ? "values and rows" : "bytes", (unsigned long long)both[i]->refused,
                      (unsigned long long)both[i]->errors, (unsigned long long)both[i]->differences,
                      (unsigned long long)both[i]->ended, (unsigned long long)both[i]->whole);
    }
    if (rounds >= 60) {
        assert_true(by_sql.refused > 0 && by_sql.errors > 0 && by_sql.differences > 0);
        assert_true(by_bytes.refused > 0);
    }
}

static void the_undamaged_one_is_whole(void **state)
{
    (void)state;
    struct tally t = {0};
    copy_file();
    look_at(0, &t);
    look_at(1, &t);
    assert_int_equal(t.whole, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_undamaged_one_is_whole),
        cmocka_unit_test(a_damaged_database_is_refused_or_named_or_sound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
