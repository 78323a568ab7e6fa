/*
 * test_store_close.c - claims about the end of a store whose spill file is still being synced, by a
 * thread of its own and a disk that takes its time: run under ThreadSanitizer, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_io.h"
#include "base/log.h"
#include "databases.h"
#include "make_records.h"
#include "store/spill_files.h"
#include "store/store_int.h"

#define PATIENCE (300 * NS_PER_SEC) /* until something is called missing; it is there at once */

static char folder[64], path[DATABASE_MAX], spill[96];
static atomic_bool hold, held; /* a sync has no answer while hold; one waits for it */
static atomic_uint open_files;

/* --- the machine's files, but for their syncs --- */

static int gated_sync(void *self)
{
    const struct file_io *real = self;
    while (atomic_load(&hold)) {
        atomic_store(&held, true);
        (void)usleep(500);
    }
    return real->sync(real->self);
}

static int64_t gated_pread(void *self, void *p, size_t n, uint64_t at)
{
    const struct file_io *real = self;
    return real->pread(real->self, p, n, at);
}

static int64_t gated_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    const struct file_io *real = self;
    return real->pwrite(real->self, p, n, at);
}

static int gated_allocate(void *self, uint64_t size)
{
    const struct file_io *real = self;
    return real->allocate(real->self, size);
}

static int gated_truncate(void *self, uint64_t size)
{
    const struct file_io *real = self;
    return real->truncate(real->self, size);
}

static int gated_release(void *self, uint64_t at, uint64_t n)
{
    const struct file_io *real = self;
    return real->release(real->self, at, n);
}

static void gated_close(void *self)
{
    struct file_io *real = self;
    real->close(real->self);
    free(real);
    atomic_fetch_sub(&open_files, 1);
}

static enum status gated_open(void *self, const char *file, enum file_open how, const char *what,
                              struct file_io *ret_io, struct err *err)
{
    (void)self;
    struct file_io *real = malloc(sizeof *real);
    assert_non_null(real);
    enum status st = file_system_real.open(file_system_real.self, file, how, what, real, err);
    if (st != ST_OK) {
        free(real);
        return st;
    }
    atomic_fetch_add(&open_files, 1);
    *ret_io = (struct file_io){real,       gated_pread, gated_pwrite,   gated_allocate,
                               gated_sync, gated_close, gated_truncate, gated_release};
    return ST_OK;
}

/* --- time is the test's own --- */

static _Atomic mono_ns_t now, step; /* step: it moves by so much when it is asked */

static mono_ns_t test_mono(void *self)
{
    (void)self;
    return atomic_fetch_add(&now, atomic_load(&step));
}

static void test_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    (void)atomic_fetch_add(&now, ns);
}

static void turn(struct store *s)
{
    (void)atomic_fetch_add(&now, NS_PER_SEC);
    (void)store_work(s, 1, atomic_load(&now));
}

static void wait_for_held(void)
{
    mono_ns_t end = clock_mono() + PATIENCE;
    while (!atomic_load(&held)) {
        assert_true(clock_mono() < end);
        (void)usleep(500);
    }
}

static void wait_for_closed(void)
{
    mono_ns_t end = clock_mono() + PATIENCE;
    while (atomic_load(&open_files) > 0) {
        assert_true(clock_mono() < end);
        (void)usleep(500);
    }
}

/* --- claims --- */

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    database_new(folder, path);
    snprintf(spill, sizeof spill, "%s/spill", folder);
    assert_int_equal(mkdir(spill, 0700), 0);
    atomic_store(&hold, false);
    atomic_store(&held, false);
    atomic_store(&step, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* A store that has 300 rows in its file, which waits for the disk; the database is locked. */
static struct store *begin_in_sync(struct ring **ret_ring, void **ret_lock)
{
    static struct file_system files;
    struct store_config c = store_config_default();
    struct store *s = NULL;
    struct err err = {.st = ST_OK};
    files = file_system_real;
    files.open = gated_open;
    c.path = path;
    c.spill = spill;
    c.files = &files;
    c.close_wait_ns = 100 * NS_PER_MS;
    c.time = (struct store_time){test_mono, test_sleep, NULL};
    if (store_open(&c, 1, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(1 << 20, ret_ring), ST_OK);
    store_add_ring(s, *ret_ring);
    *ret_lock = database_lock(path);
    for (uint64_t i = 1; i <= 300; i++) {
        struct ev_delta d = make_delta(i);
        assert_int_equal(ring_push(*ret_ring, &d, sizeof d), ST_OK);
    }
    atomic_store(&hold, true);
    turn(s); /* fails */
    turn(s); /* and is a second ago */
    assert_int_equal(store_stats(s)->spilled, 300);
    wait_for_held();
    return s;
}

static void a_file_that_nobody_needs_goes_though_it_is_being_synced(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    void *lock = NULL;
    struct store *s = begin_in_sync(&ring, &lock);
    database_unlock(lock);
    for (int i = 0; i < 10; i++) {
        turn(s);
    }
    assert_int_equal(store_stats(s)->drained, 300);
    store_close(s, "done", 1);
    assert_int_equal(rmdir(spill), 0);
    assert_int_equal(atomic_load(&open_files), 1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 300);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE outcome='done'"), 1);
    atomic_store(&hold, false);
    wait_for_closed(); /* by the thread that was left, which has the store's memory until then */
    ring_destroy(ring);
}

static void a_file_that_is_needed_stays_though_its_disk_does_not_answer(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    void *lock = NULL;
    struct store *s = begin_in_sync(&ring, &lock);
    atomic_store(&step, 20 * NS_PER_MS);
    store_close(s, "done", 1); /* waits for both for as long as close_wait_ns */
    assert_int_equal(spill_waiting(NULL, spill), 0); /* it is still somebody's */
    assert_int_equal(atomic_load(&open_files), 1);
    database_unlock(lock);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 0);
    atomic_store(&hold, false);
    wait_for_closed();
    assert_int_equal(spill_waiting(NULL, spill), 1);
    ring_destroy(ring);
}

int main(void)
{
    log_set_level(LOG_ERROR);
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_file_that_nobody_needs_goes_though_it_is_being_synced),
        T(a_file_that_is_needed_stays_though_its_disk_does_not_answer),
    };
    return database_run_both(tests, sizeof tests / sizeof tests[0]);
}
