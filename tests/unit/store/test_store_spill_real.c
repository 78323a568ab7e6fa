/* test_store_spill_real.c - claims about the store with real files: kill -9, locks, full disks, a
 * folder that goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "databases.h"
#include "make_records.h"
#include "store/spill_files.h"
#include "store/store_int.h"

static char folder[64], path[DATABASE_MAX], spill[96];

/* The time of the stores of this process is the test's own, also in the store's own waits: a call
 * that a busy machine or its disk makes long changes nothing of what they do. */
static _Atomic mono_ns_t test_now;

static mono_ns_t test_mono(void *self)
{
    (void)self;
    return atomic_load(&test_now);
}

static void test_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    (void)atomic_fetch_add(&test_now, ns);
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&test_now, 0);
    make_folder(folder);
    database_new(folder, path);
    snprintf(spill, sizeof spill, "%s/spill", folder);
    assert_int_equal(mkdir(spill, 0700), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static struct store *open_store(struct ring **ring, mono_ns_t interval)
{
    struct store_config c = store_config_default();
    struct store *s = NULL;
    struct err err = {.st = ST_OK};
    c.path = path;
    c.spill = spill;
    c.interval_ns = interval;
    c.close_wait_ns = 100 * NS_PER_MS;
    c.answer_ns = 120 * NS_PER_SEC; /* of the real clock */
    c.time = (struct store_time){test_mono, test_sleep, NULL};
    if (store_open(&c, clock_wall(), &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    if (ring != NULL) {
        assert_int_equal(ring_create(1 << 20, ring), ST_OK);
        store_add_ring(s, *ring);
    }
    return s;
}

static void close_store(struct store *s, struct ring *ring)
{
    store_close(s, "done", clock_wall());
    ring_destroy(ring);
}

/* A turn of the store at now. */
static void work(struct store *s, mono_ns_t now)
{
    atomic_store(&test_now, now);
    (void)store_work(s, 1, now);
}

static void push_deltas(struct store *s, struct ring *ring, uint64_t from, uint64_t to,
                        mono_ns_t now)
{
    for (uint64_t i = from; i <= to; i++) {
        struct ev_delta d = make_delta(i);
        while (ring_push(ring, &d, sizeof d) != ST_OK) {
            work(s, now);
        }
    }
    work(s, now);
}

static void deltas_are(int64_t session, uint64_t n)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*)*10000000+max(ord) FROM delta WHERE session=%lld",
             (long long)session);
    assert_int_equal(sql_number(path, sql), (long long)(n * 10000000 + n));
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap"), 0);
}

static void a_database_that_is_locked_for_long_is_outlived(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    void *other = database_lock(path);
    mono_ns_t now = 2 * NS_PER_SEC;
    for (uint64_t i = 0; i < 100; i++, now += NS_PER_SEC) { /* a hundred seconds of its time */
        push_deltas(s, ring, 1001 + i * 3000, 4000 + i * 3000, now);
    }
    assert_true(store_stats(s)->spilled >= 290000);
    database_unlock(other);
    for (int i = 0; i < 100; i++, now += NS_PER_SEC) {
        work(s, now);
    }
    assert_int_equal(store_stats(s)->drained, store_stats(s)->spilled);
    close_store(s, ring);
    assert_int_equal(rmdir(spill), 0); /* the file is gone */
    deltas_are(1, 301000);
}

static bool at_once(void *asked)
{
    ++*(int *)asked;
    return true;
}

/* As `deltaflow spill --drain`. */
static struct spill_drained drain(bool (*stop)(void *self), void *stop_self, enum status want)
{
    struct store_config c = store_config_default();
    struct backend *db = NULL;
    struct spill_drained d = {0};
    struct err err = {.st = ST_OK};
    c.path = path;
    c.spill = spill;
    c.no_session = true;
    c.stop = stop;
    c.stop_self = stop_self;
    if (backend_open(&c, clock_wall(), &db, &err) != ST_OK ||
        spill_drain_all(db, &c, clock_wall(), &d, &err) != want) {
        fail_msg("%s", err.text);
    }
    db->ops->close(db);
    return d;
}

static void a_drain_that_is_told_to_stop_leaves_the_rest_to_the_next(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    void *other = database_lock(path);
    for (uint64_t i = 0; i < 35; i++) { /* as many as the ring holds */
        push_deltas(s, ring, 1001 + i * 2000, 3000 + i * 2000, (3 + (mono_ns_t)i) * NS_PER_SEC);
    }
    close_store(s, ring);
    database_unlock(other);
    int asked = 0;
    struct spill_drained d = drain(at_once, &asked, ST_AGAIN);
    assert_int_equal(asked, 1);
    assert_true(d.rows > 0 && d.rows < 70000);
    assert_int_equal(d.files, 0);
    assert_int_equal(d.kept, 1);
    uint64_t first = d.rows;
    d = drain(NULL, NULL, ST_OK);
    assert_true(d.rows >= 70000 - first);
    assert_int_equal(d.files, 1);
    assert_int_equal(rmdir(spill), 0);
    deltas_are(1, 71000);
}

/* No file may grow over so many bytes: writes behind fail as on a full disk. */
static struct rlimit limit_files(rlim_t bytes)
{
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = bytes;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return old;
}

static void a_disk_that_is_full_for_both_files_leaves_memory(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    struct rlimit old = limit_files(300 * 1024);
    mono_ns_t now = 2 * NS_PER_SEC;
    for (uint64_t i = 0; i < 50; i++, now += NS_PER_SEC) {
        push_deltas(s, ring, 1001 + i * 1000, 2000 + i * 1000, now);
    }
    const struct store_stats *st = store_stats(s);
    assert_true(st->failures > 0 && st->spill_failures > 0 && st->spilled > 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    for (int i = 0; i < 50; i++, now += NS_PER_SEC) {
        work(s, now);
    }
    close_store(s, ring);
    deltas_are(1, 51000);
    sql_check(path);
}

static void a_full_disk_under_the_database_alone_is_outlived(void **state)
{
    (void)state;
    char mount_at[96];
    snprintf(mount_at, sizeof mount_at, "%s/small", folder);
    assert_int_equal(mkdir(mount_at, 0700), 0);
    if (mount("tmpfs", mount_at, "tmpfs", 0, "size=2m") != 0) {
        print_message("skipped: a small file system cannot be mounted here: %s\n", strerror(errno));
        skip();
    }
    snprintf(path, sizeof path, "%s/small/s.sqlite", folder);
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    mono_ns_t now = NS_PER_SEC;
    for (uint64_t i = 0; i < 60; i++, now += NS_PER_SEC) {
        push_deltas(s, ring, 1 + i * 2000, 2000 + i * 2000, now);
    }
    assert_true(store_stats(s)->spilled > 10000);
    assert_int_equal(store_stats(s)->lost, 0);
    assert_int_equal(mount("tmpfs", mount_at, "tmpfs", MS_REMOUNT, "size=200m"), 0);
    for (int i = 0; i < 60; i++, now += NS_PER_SEC) {
        work(s, now);
    }
    close_store(s, ring);
    deltas_are(1, 120000);
    assert_int_equal(umount(mount_at), 0);
}

static void a_database_whose_folder_goes_is_away_until_it_comes_back(void **state)
{
    (void)state;
    char here[96], there[96];
    snprintf(here, sizeof here, "%s/data", folder);
    snprintf(there, sizeof there, "%s/elsewhere", folder);
    snprintf(path, sizeof path, "%s/data/s.sqlite", folder);
    assert_int_equal(mkdir(here, 0700), 0);
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    assert_int_equal(rename(here, there), 0);
    mono_ns_t now = 2 * NS_PER_SEC;
    for (uint64_t i = 0; i < 20; i++, now += NS_PER_SEC) {
        push_deltas(s, ring, 1001 + i * 1000, 2000 + i * 1000, now);
    }
    assert_int_equal(store_stats(s)->rows, 1000);
    assert_true(store_stats(s)->spilled >= 19000);
    assert_int_equal(rename(there, here), 0);
    for (int i = 0; i < 10; i++, now += NS_PER_SEC) {
        work(s, now);
    }
    close_store(s, ring);
    deltas_are(1, 21000);
}

static void a_database_that_was_removed_leaves_its_rows_in_the_file(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    assert_int_equal(unlink(path), 0);
    push_deltas(s, ring, 1001, 3000, 10 * NS_PER_SEC);
    assert_int_equal(store_finish(s, clock_wall()), 0);
    assert_int_equal(store_stats(s)->spill_left, 2000);
    close_store(s, ring);
    assert_int_equal(spill_waiting(NULL, spill), 1);
    s = open_store(NULL, NS_PER_SEC); /* a new database at the same path: not that one */
    assert_int_equal(store_stats(s)->recovered_kept, 1);
    store_close(s, "done", clock_wall());
    assert_int_equal(spill_waiting(NULL, spill), 1);
}

static void two_runs_never_share_a_file(void **state)
{
    (void)state;
    struct ring *ring = NULL, *second = NULL;
    struct store *s = open_store(&ring, NS_PER_SEC);
    struct store *t = open_store(&second, NS_PER_SEC); /* same database, same folder */
    assert_int_equal(store_stats(t)->recovered_files + store_stats(t)->recovered_kept, 0);
    void *other = database_lock(path);
    push_deltas(s, ring, 1, 1000, NS_PER_SEC);
    push_deltas(t, second, 1, 2000, NS_PER_SEC);
    push_deltas(s, ring, 1001, 1001, 3 * NS_PER_SEC);
    push_deltas(t, second, 2001, 2001, 3 * NS_PER_SEC);
    assert_int_equal(store_stats(s)->spilled, 1001);
    assert_int_equal(store_stats(t)->spilled, 2001);
    database_unlock(other);
    close_store(s, ring);
    close_store(t, second);
    deltas_are(1, 1001);
    deltas_are(2, 2001);
    assert_int_equal(rmdir(spill), 0);
}

/* --- kill -9 --- */

struct shared {
    _Atomic uint64_t pushed, safe; /* safe: in the database or in the file, as the store says */
    _Atomic uint64_t filed;        /* in the file only */
    _Atomic int64_t session;
};

/* Deltas as fast as a busy feed gives them, until killed. */
static void run_child(struct shared *shared, uint64_t pace_us)
{
    log_set_level(LOG_ERROR);
    struct store_config c = store_config_default();
    struct store *s = NULL;
    struct ring *ring = NULL;
    c.path = path;
    c.spill = spill;
    c.interval_ns = 5 * NS_PER_MS;
    if (store_open(&c, clock_wall(), &s, NULL) != ST_OK || ring_create(1 << 20, &ring) != ST_OK) {
        _exit(9);
    }
    store_add_ring(s, ring);
    atomic_store(&shared->session, store_session(s));
    for (uint64_t ord = 0;;) {
        for (int i = 0; i < 200; i++) {
            struct ev_delta d = make_delta(ord + 1);
            ord += ring_push(ring, &d, sizeof d) == ST_OK;
        }
        atomic_store(&shared->pushed, ord);
        (void)store_work(s, clock_wall(), clock_mono());
        const struct store_stats *st = store_stats(s);
        atomic_store(&shared->safe, st->rows + st->spilled - st->drained);
        atomic_store(&shared->filed, st->spilled - st->drained);
        usleep((useconds_t)pace_us);
    }
}

static void after_kill_9_at_any_instant_what_was_flushed_is_there_in_order_once(void **state)
{
    (void)state;
    const char *many = getenv("DELTAFLOW_KILLS"), *text = getenv("DELTAFLOW_SEED");
    uint64_t kills = many != NULL ? strtoull(many, NULL, 10) : 25;
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)clock_wall();
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rng rng;
    rng_init(&rng, seed);
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    store_close(open_store(NULL, NS_PER_SEC), "done", clock_wall());
    uint64_t from_file = 0, outages = 0;
    for (uint64_t i = 0; i < kills; i++) {
        bool outage = rng_below(&rng, 3) > 0;
        uint64_t pace = rng_below(&rng, 3000);
        memset(shared, 0, sizeof *shared);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            run_child(shared, pace);
        }
        while (atomic_load(&shared->session) == 0) {
            usleep(200);
        }
        usleep((useconds_t)rng_below(&rng, 20000));
        void *other = outage ? database_lock(path) : NULL;
        usleep((useconds_t)rng_below(&rng, 120000));
        bool drains = rng_below(&rng, 3) == 0;
        /* At whatever instant, but on a slow machine none of them may come before the file. */
        bool wants_file = outage && !drains && from_file == 0;
        while (wants_file && atomic_load(&shared->filed) == 0) {
            usleep(200);
        }
        if (outage && drains) { /* killed while it drains */
            database_unlock(other);
            other = NULL;
            usleep((useconds_t)rng_below(&rng, 30000));
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        if (other != NULL) {
            database_unlock(other);
        }
        uint64_t safe = atomic_load(&shared->safe);
        int64_t session = atomic_load(&shared->session);
        struct store *s = open_store(NULL, NS_PER_SEC);
        const struct store_stats *st = store_stats(s);
        from_file += st->recovered;
        outages += outage;
        assert_int_equal(st->recovered_kept, 0);
        char sql[200], outcome[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*)=coalesce(max(ord),0) AND count(*)>=%llu FROM delta WHERE "
                 "session=%lld",
                 (unsigned long long)safe, (long long)session);
        if (sql_number(path, sql) != 1) {
            snprintf(sql, sizeof sql,
                     "SELECT count(*)||' rows, last '||max(ord) FROM delta WHERE session=%lld",
                     (long long)session);
            sql_text(path, sql, outcome, sizeof outcome);
            fail_msg("kill %llu: %s, %llu were safe", (unsigned long long)i, outcome,
                     (unsigned long long)safe);
        }
        snprintf(sql, sizeof sql, "SELECT outcome FROM session WHERE id=%lld", (long long)session);
        sql_text(path, sql, outcome, sizeof outcome);
        assert_memory_equal(outcome, "broken", 6);
        /* A block that was torn in the middle is named; nothing else is. */
        snprintf(sql, sizeof sql, "SELECT coalesce(sum(lost),0) FROM gap WHERE session=%lld",
                 (long long)session);
        assert_int_equal(sql_number(path, sql), (long long)st->recovered_missing);
        store_close(s, "done", clock_wall());
        assert_int_equal(spill_waiting(NULL, spill), 0);
    }
    print_message("%llu kills, %llu of them in an outage, %llu rows came from spill files\n",
                  (unsigned long long)kills, (unsigned long long)outages,
                  (unsigned long long)from_file);
    assert_true(kills < 25 || from_file > 0);
    munmap(shared, sizeof *shared);
}

int main(void)
{
    log_set_level(LOG_ERROR);
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest of_files[] = {
        T(a_disk_that_is_full_for_both_files_leaves_memory),
        T(a_full_disk_under_the_database_alone_is_outlived),
        T(a_database_whose_folder_goes_is_away_until_it_comes_back),
        T(a_database_that_was_removed_leaves_its_rows_in_the_file),
        T(a_drain_that_is_told_to_stop_leaves_the_rest_to_the_next),
    };
    const struct CMUnitTest of_databases[] = {
        T(a_database_that_is_locked_for_long_is_outlived),
        T(two_runs_never_share_a_file),
        T(after_kill_9_at_any_instant_what_was_flushed_is_there_in_order_once),
    };
    int failed = cmocka_run_group_tests(of_files, NULL, NULL);
    return failed + database_run_both(of_databases, sizeof of_databases / sizeof of_databases[0]);
}
