/* test_store_trouble.c - claims about store/store.h when the disk, the file or another writer is in
 * the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signal.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "databases.h"
#include "make_records.h"
#include "store/store.h"

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
    digests_are_right(path);
    remove_folder(folder);
    return 0;
}

static struct store_config config_of(const char *file)
{
    struct store_config config = store_config_default();
    config.path = file;
    config.close_wait_ns = 100 * NS_PER_MS;
    return config;
}

static struct store *open_store(struct ring **ring, size_t memory_max)
{
    struct store_config config = config_of(path);
    config.memory_max = memory_max;
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(&config, 1000, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(1 << 20, ring), ST_OK);
    store_add_ring(s, *ring);
    return s;
}

static void refused(const char *file, enum status want, const char *says)
{
    struct store_config config = config_of(file);
    struct store *s = NULL;
    struct err err = {0};
    enum status st = store_open(&config, 1000, &s, &err);
    if (st != want || strstr(err.text, says) == NULL || strstr(err.text, file) == NULL) {
        fail_msg("%s gave %s: %s", file, status_name(st), err.text);
    }
    assert_null(s);
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* --- files that cannot be used --- */

static void a_path_that_cannot_be_made_is_refused_and_named(void **state)
{
    (void)state;
    char file[160];
    snprintf(file, sizeof file, "%s/missing/s.sqlite", folder);
    refused(file, ST_IO, "cannot open");
    refused(folder, ST_IO, "cannot open");
    snprintf(file, sizeof file, "%s/file", folder);
    write_text(file, "x");
    strcat(file, "/s.sqlite");
    refused(file, ST_IO, "cannot open");
}

static void a_read_only_file_or_folder_is_refused(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        skip(); /* root may write everywhere */
    }
    struct ring *ring = NULL;
    store_close(open_store(&ring, 0), "done", 1);
    ring_destroy(ring);
    assert_int_equal(chmod(path, 0400), 0);
    refused(path, ST_DENIED, "not writable");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chmod(folder, 0500), 0);
    refused(path, ST_IO, "cannot open");
    assert_int_equal(chmod(folder, 0700), 0);
}

static void a_file_that_is_no_database_or_somebody_elses_is_refused_and_unchanged(void **state)
{
    (void)state;
    write_text(path, "this is not a database, it only has to be long enough to be looked at");
    refused(path, ST_MALFORMED, "not a database");
    assert_int_equal(unlink(path), 0);
    sql_run(path, "CREATE TABLE notes (text)");
    refused(path, ST_MALFORMED, "not deltaflow's");
    assert_int_equal(sql_number(path, "SELECT count(*) FROM sqlite_master"), 1);
}

/* --- schema versions --- */

static void an_empty_or_version_0_file_is_brought_forward(void **state)
{
    (void)state;
    for (int older = 0; older < 2; older++) {
        struct ring *ring = NULL;
        if (older == 1) {
            assert_int_equal(unlink(path), 0);
            sql_run(path, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, wall INTEGER "
                          "NOT NULL); INSERT INTO schema_version VALUES (0, 5)");
        } else {
            write_text(path, "");
        }
        struct store *s = open_store(&ring, 0);
        struct ev_delta d = make_delta(1);
        assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
        store_close(s, "done", 1);
        assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                         STORE_SCHEMA_VERSION);
        assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 1);
        ring_destroy(ring);
    }
}

static void a_version_1_file_gets_what_came_later_and_keeps_its_rows(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 0);
    struct ev_delta d = make_delta(1);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    store_close(s, "done", 1);
    ring_destroy(ring);
    sql_run(path,
            "DELETE FROM schema_version WHERE version > 1;"
            "ALTER TABLE session DROP COLUMN progress; ALTER TABLE session DROP COLUMN digest;"
            "DROP TABLE clock;"
            "ALTER TABLE decision DROP COLUMN risk_value;"
            "ALTER TABLE decision DROP COLUMN risk_limit");
    store_close(open_store(&ring, 0), "done", 1);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                     STORE_SCHEMA_VERSION);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM pragma_table_info('decision')"
                                      " WHERE name IN ('risk_value', 'risk_limit')"),
                     2);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM clock"), 0);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 1);
}

static void a_version_5_file_gets_the_inputs_that_are_no_events(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    store_close(open_store(&ring, 0), "done", 1);
    ring_destroy(ring);
    sql_run(path, "DELETE FROM schema_version WHERE version > 5;"
                  "DROP TABLE restored; DROP TABLE refused_call;"
                  "ALTER TABLE session DROP COLUMN digest");
    struct store *s = open_store(&ring, 0);
    struct rec_restored e = {.h = {.size = sizeof e, .type = REC_RESTORED}, .qty = 5};
    struct rec_refused f = {.h = {.size = sizeof f, .type = REC_REFUSED}, .call = 3};
    assert_int_equal(ring_push(ring, &e, sizeof e), ST_OK);
    assert_int_equal(ring_push(ring, &f, sizeof f), ST_OK);
    store_close(s, "done", 1);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                     STORE_SCHEMA_VERSION);
    assert_int_equal(sql_number(path, "SELECT qty FROM restored"), 5);
    assert_int_equal(sql_number(path, "SELECT call FROM refused_call"), 3);
}

static void a_version_3_file_gets_what_version_4_has_and_keeps_its_rows(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    store_close(open_store(&ring, 0), "done", 1);
    ring_destroy(ring);
    sql_run(path,
            "DELETE FROM schema_version WHERE version > 2;"
            "ALTER TABLE session DROP COLUMN progress; ALTER TABLE session DROP COLUMN digest;"
            "DROP VIEW reconciliations; DROP VIEW fee_drifts; DROP VIEW settlements;"
            "DROP TABLE fee_drift; DROP TABLE settlement;"
            "ALTER TABLE reconciliation DROP COLUMN kind;"
            "ALTER TABLE reconciliation DROP COLUMN reason;"
            "ALTER TABLE market DROP COLUMN result; ALTER TABLE market DROP COLUMN settle_px;"
            "ALTER TABLE market DROP COLUMN waived;"
            "ALTER TABLE market DROP COLUMN series_fee_type;"
            "ALTER TABLE market DROP COLUMN series_fee_mult_micros;"
            "CREATE VIEW reconciliations AS SELECT session, ticker, ours FROM reconciliation;"
            "INSERT INTO reconciliation (session, source, mkt, wall, ticker, ours, theirs,"
            " in_flight, adopted) VALUES (1, 0, 0, 5, 'cash', 7000000, 8000000, 0, 1),"
            " (1, 0, 0, 6, 'M', 100, 250, 0, 1)");
    struct store *s = open_store(&ring, 0);
    struct rec_settled e = {.h = {.size = sizeof e, .type = REC_SETTLED}, .paid = 5};
    struct rec_fee_drift d = {.h = {.size = sizeof d, .type = REC_FEE_DRIFT}, .fee = 3, .ours = 4};
    assert_int_equal(ring_push(ring, &e, sizeof e), ST_OK);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    store_close(s, "done", 1);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT max(version) FROM schema_version"),
                     STORE_SCHEMA_VERSION);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM reconciliations WHERE kind='cash'"
                                      " AND ours='7.000000' AND theirs='8.000000'"),
                     1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM reconciliations WHERE"
                                      " kind='position' AND ours='1.00' AND theirs='2.50'"),
                     1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM settlements WHERE paid='0.000005'"), 1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM fee_drifts WHERE fee='0.000003'"
                                      " AND our_fee='0.000004'"),
                     1);
}

static void a_newer_schema_is_refused_by_writer_and_reader(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct err err = {0};
    int64_t session = 0;
    store_close(open_store(&ring, 0), "done", 1);
    ring_destroy(ring);
    sql_run(path, "INSERT INTO schema_version VALUES (99, 5)");
    refused(path, ST_UNSUPPORTED, "newer");
    assert_int_equal(store_last_session(path, &session, &err), ST_UNSUPPORTED);
}

static void a_reader_says_what_is_missing(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t session = 0;
    assert_int_equal(store_last_session(path, &session, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    sqlite3 *db = NULL; /* a reader makes no file */
    assert_int_not_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(store_read_records(path, 1, 999, NULL, NULL, &err), ST_INVALID);
}

/* --- a database that is locked --- */

static void push_deltas(struct store *s, struct ring *ring, uint64_t from, uint64_t to,
                        mono_ns_t now)
{
    for (uint64_t i = from; i <= to; i++) {
        struct ev_delta d = make_delta(i);
        while (ring_push(ring, &d, sizeof d) != ST_OK) {
            (void)store_work(s, 1, now);
        }
    }
    (void)store_work(s, 1, now);
}

/* What the store waits for may take longer on a busy machine, but not each time: one in so many is
 * soon over. A wait for a lock is 50 ms with SQLite and a second with PostgreSQL. */
#define TRIES 5
#define SOON  (5 * NS_PER_SEC)

static void a_locked_database_holds_nobody_up_and_loses_nothing(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 0);
    void *other = database_lock(path);
    push_deltas(s, ring, 1, 200, 0);
    assert_int_equal(store_stats(s)->failures, 1);
    assert_int_equal(store_stats(s)->rows, 0);
    assert_int_equal(ring_used(ring), 0); /* taken out of the ring all the same */
    /* Before the wait is over it is not tried again. */
    push_deltas(s, ring, 201, 300, NS_PER_MS);
    assert_int_equal(store_stats(s)->failures, 1);
    push_deltas(s, ring, 301, 302, 60 * NS_PER_MS);
    assert_int_equal(store_stats(s)->failures, 2);
    uint64_t ord = 302;
    bool soon = false;
    for (int i = 1; i <= TRIES && !soon; i++) {
        mono_ns_t began = clock_mono();
        ord++;
        push_deltas(s, ring, ord, ord, i * 10 * NS_PER_SEC);
        soon = clock_mono() - began < SOON;
    }
    assert_true(soon);
    assert_int_equal(store_stats(s)->failures, ord - 300);
    database_unlock(other);
    ord++;
    push_deltas(s, ring, ord, ord, 100 * NS_PER_SEC);
    assert_int_equal(store_stats(s)->rows, ord);
    assert_int_equal(store_stats(s)->lost, 0);
    store_close(s, "done", 1);
    assert_int_equal(sql_number(path, "SELECT count(*)*1000+max(ord) FROM delta"),
                     (long long)(ord * 1001));
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap"), 0);
    ring_destroy(ring);
}

static void over_the_memory_bound_market_data_goes_and_orders_stay(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 4 << 20);
    struct rng rng;
    rng_init(&rng, 5);
    uint64_t *buf = malloc(RECORD_ROOM);
    void *other = database_lock(path);
    /* 20 MB of deltas, and a fill, an order step and a turn after each 1000. */
    for (uint64_t k = 0; k < 200; k++) {
        push_deltas(s, ring, k * 1000 + 1, k * 1000 + 1000, 0);
        uint32_t size = make_record(&rng, EV_FILL, EV_SRC_PRIVATE, k + 1, buf);
        assert_int_equal(ring_push(ring, buf, size), ST_OK);
        size = make_record(&rng, REC_ORDER, 0, 0, buf);
        assert_int_equal(ring_push(ring, buf, size), ST_OK);
        size = make_record(&rng, REC_TURN, 0, k + 1, buf);
        assert_int_equal(ring_push(ring, buf, size), ST_OK);
    }
    uint64_t lost = store_stats(s)->lost;
    assert_true(lost > 100000);
    assert_true(store_stats(s)->queued_bytes_max < 8 << 20);
    database_unlock(other);
    store_flush(s, 1, 10 * NS_PER_SEC);
    assert_int_equal(store_stats(s)->lost, lost);
    store_close(s, "done", 1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM fill"), 200);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM order_step"), 200);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM turn"), 200);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), (long long)(200000 - lost));
    /* One gap row says how many and where; the newest data is what was kept. */
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap"), 1);
    assert_int_equal(sql_number(path, "SELECT lost FROM gap"), (long long)lost);
    assert_int_equal(sql_number(path, "SELECT seq_expected FROM gap"), 1);
    assert_int_equal(sql_number(path, "SELECT seq_got FROM gap"), (long long)lost + 1);
    assert_int_equal(sql_number(path, "SELECT min(ord) FROM delta"), (long long)lost + 1);
    ring_destroy(ring);
    free(buf);
}

/* --- a disk that is full --- */

static void a_full_disk_is_outlived(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 0);
    push_deltas(s, ring, 1, 100, 0);
    assert_int_equal(store_stats(s)->rows, 100);
    /* No file may grow over 100 KB: writes behind fail as on a full disk. */
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100 * 1024;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    push_deltas(s, ring, 101, 5000, NS_PER_SEC);
    uint64_t failures = store_stats(s)->failures;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_true(failures > 0);
    push_deltas(s, ring, 5001, 5001, 60 * NS_PER_SEC);
    store_close(s, "done", 1);
    assert_int_equal(sql_number(path, "SELECT count(*)*10000+max(ord) FROM delta"), 50015001);
    sql_check(path);
    ring_destroy(ring);
}

static void closing_over_a_database_that_stays_locked_ends_in_time(void **state)
{
    (void)state;
    bool soon = false;
    for (int i = 0; i < TRIES && !soon; i++) {
        struct ring *ring = NULL;
        struct store *s = open_store(&ring, 0);
        void *other = database_lock(path);
        push_deltas(s, ring, 1, 10, 0);
        mono_ns_t began = clock_mono();
        store_close(s, "done", 1); /* two waits for the lock */
        soon = clock_mono() - began < SOON;
        database_unlock(other);
        assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 0);
        ring_destroy(ring);
    }
    assert_true(soon);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest of_files[] = {
        T(a_path_that_cannot_be_made_is_refused_and_named),
        T(a_read_only_file_or_folder_is_refused),
        T(a_file_that_is_no_database_or_somebody_elses_is_refused_and_unchanged),
        T(an_empty_or_version_0_file_is_brought_forward),
        T(a_version_1_file_gets_what_came_later_and_keeps_its_rows),
        T(a_version_5_file_gets_the_inputs_that_are_no_events),
        T(a_version_3_file_gets_what_version_4_has_and_keeps_its_rows),
        T(a_reader_says_what_is_missing),
        T(a_full_disk_is_outlived),
    };
    const struct CMUnitTest of_databases[] = {
        T(a_newer_schema_is_refused_by_writer_and_reader),
        T(a_locked_database_holds_nobody_up_and_loses_nothing),
        T(over_the_memory_bound_market_data_goes_and_orders_stay),
        T(closing_over_a_database_that_stays_locked_ends_in_time),
    };
    int failed = cmocka_run_group_tests(of_files, NULL, NULL);
    return failed + database_run_both(of_databases, sizeof of_databases / sizeof of_databases[0]);
}
