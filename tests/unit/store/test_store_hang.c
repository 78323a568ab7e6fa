/*
 * test_store_hang.c - claims about the store while SQLite hangs in its disk, in real time, with
 * threads as in `deltaflow run`: run under ThreadSanitizer, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "databases.h"
#include "hang_vfs.h"
#include "make_records.h"
#include "store/spill_files.h"
#include "store/store_int.h"

#define RING_BYTES  ((size_t)1 << 19)
#define OVER_RING   20000U /* deltas: several times what the ring holds */
#define SECONDS_MAX 600    /* until something is called missing; it is there in milliseconds */

static char folder[64], path[DATABASE_MAX], spill[96];
static uint64_t missing; /* records of the files that start_again() has drained */

static int set_up(void **state)
{
    (void)state;
    missing = 0;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/s.sqlite", folder);
    snprintf(spill, sizeof spill, "%s/spill", folder);
    assert_int_equal(mkdir(spill, 0700), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hang_end();
    remove_folder(folder);
    return 0;
}

/* --- a run --- */

/* The store on a thread of its own, and a producer on another. */
struct world {
    struct store *store;
    struct ring *ring;
    pthread_t keeper, producer;
    _Atomic bool stop, ended; /* the keeper */
    _Atomic bool enough;      /* the producer */
    _Atomic uint64_t pushed, wanted;
    _Atomic uint64_t stored; /* rows in the database, as the keeper knows */
    uint64_t file_before;    /* bytes of the spill file when a call began to hang */
};

static void *keep(void *self)
{
    struct world *w = self;
    while (!atomic_load(&w->stop)) {
        if (store_work(w->store, clock_wall(), clock_mono()) == 0) {
            usleep(500);
        }
        atomic_store(&w->stored, store_stats(w->store)->rows);
    }
    atomic_store(&w->ended, true);
    return NULL;
}

/* As many as are wanted, as fast as the ring is emptied. */
static void *produce(void *self)
{
    struct world *w = self;
    while (!atomic_load(&w->enough)) {
        uint64_t ord = atomic_load(&w->pushed);
        struct ev_delta d = make_delta(ord + 1);
        if (ord < atomic_load(&w->wanted) && ring_used(w->ring) < RING_BYTES / 2) {
            /* One that is refused is never pushed, which push() says. */
            atomic_store(&w->pushed, ring_push(w->ring, &d, sizeof d) == ST_OK ? ord + 1 : ord);
        } else {
            usleep(100);
        }
    }
    return NULL;
}

/* Its end waits as long as any disk that does not hang may need. */
static struct store_config config_of(void)
{
    struct store_config c = store_config_default();
    c.path = path;
    c.vfs = HANG_VFS;
    c.spill = spill;
    c.interval_ns = 20 * NS_PER_MS;
    c.close_wait_ns = SECONDS_MAX * NS_PER_SEC; /* slow is not hanging */
    c.answer_ns = SECONDS_MAX * NS_PER_SEC;
    return c;
}

/* Of a run whose end meets the hang: what it waits for is given up, but not for a busy machine. */
static struct store_config config_in_haste(void)
{
    struct store_config c = config_of();
    c.close_wait_ns = 300 * NS_PER_MS;
    c.answer_ns = 5 * NS_PER_SEC;
    return c;
}

static void world_open(struct world *w, const struct store_config *c)
{
    struct err err = {.st = ST_OK};
    memset(w, 0, sizeof *w);
    if (store_open(c, clock_wall(), &w->store, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(RING_BYTES, &w->ring), ST_OK);
    store_add_ring(w->store, w->ring);
}

static void world_begin(struct world *w, const struct store_config *c)
{
    world_open(w, c);
    assert_int_equal(pthread_create(&w->keeper, NULL, keep, w), 0);
    assert_int_equal(pthread_create(&w->producer, NULL, produce, w), 0);
}

static void until(bool (*what)(struct world *w), struct world *w, const char *name)
{
    for (int i = 0; i < SECONDS_MAX * 1000 && !what(w); i++) {
        usleep(1000);
    }
    if (!what(w)) {
        fail_msg("in vain: %s", name);
    }
}
#define UNTIL(what, w) until(what, w, #what)

static bool all_are_pushed(struct world *w)
{
    return atomic_load(&w->pushed) == atomic_load(&w->wanted);
}

static bool keeper_has_ended(struct world *w)
{
    return atomic_load(&w->ended);
}

static void push(struct world *w, uint64_t n)
{
    atomic_fetch_add(&w->wanted, n);
    UNTIL(all_are_pushed, w);
}

static void stop_producer(struct world *w)
{
    atomic_store(&w->enough, true);
    assert_int_equal(pthread_join(w->producer, NULL), 0);
}

/* As SIGTERM ends a run. True: the keeper had to be left where it was. */
static bool stop_keeper(struct world *w, int ms)
{
    atomic_store(&w->stop, true);
    for (int i = 0; i < ms && !keeper_has_ended(w); i++) {
        usleep(1000);
    }
    if (!keeper_has_ended(w) && store_take_over(w->store)) {
        return true;
    }
    assert_int_equal(pthread_join(w->keeper, NULL), 0);
    return false;
}

static void world_end(struct world *w)
{
    stop_producer(w);
    assert_false(stop_keeper(w, SECONDS_MAX * 1000));
    store_close(w->store, "done", clock_wall());
    ring_destroy(w->ring);
}

/* --- what is there afterwards --- */

static uint64_t spilled_bytes(void)
{
    uint64_t n = 0;
    DIR *d = opendir(spill);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char file[400];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", spill, e->d_name);
        n += stat(file, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    }
    closedir(d);
    return n;
}

/* Since the hang began: what was there before it may be in the database already. */
static bool much_is_spilled(struct world *w)
{
    return spilled_bytes() > w->file_before + 2 * OVER_RING * sizeof(struct ev_delta);
}

static enum status count(void *self, const struct ev *ev)
{
    uint64_t *n = self;
    assert_int_equal(ev->ord, ++*n);
    return ST_OK;
}

/* From 1 on, each once. */
static void deltas_are(int64_t session, uint64_t n, const char *outcome)
{
    struct err err;
    uint64_t there = 0;
    char sql[100], text[200];
    assert_int_equal(store_read_events(path, session, EV_SRC_MARKET, count, &there, &err), ST_OK);
    assert_int_equal(there, n);
    /* A block that a kill has torn is named; nothing else is. */
    if (sql_number(path, "SELECT coalesce(sum(lost),0) FROM gap") != (long long)missing) {
        sql_text(path, "SELECT group_concat(session||': '||reason||' '||lost) FROM gap", text,
                 sizeof text);
        fail_msg("%llu rows are missing in files, gap rows say: %s", (unsigned long long)missing,
                 text);
    }
    snprintf(sql, sizeof sql, "SELECT outcome FROM session WHERE id=%lld", (long long)session);
    sql_text(path, sql, text, sizeof text);
    assert_memory_equal(text, outcome, strlen(outcome));
    sql_check(path);
}

/* The next start: what waits in files comes into the database. */
static uint64_t start_again(void)
{
    struct store_config c = config_of();
    struct store *s = NULL;
    struct err err = {.st = ST_OK};
    if (store_open(&c, clock_wall(), &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    uint64_t recovered = store_stats(s)->recovered;
    assert_int_equal(store_stats(s)->recovered_kept, 0);
    missing += store_stats(s)->recovered_missing;
    store_close(s, "done", clock_wall());
    assert_int_equal(spill_waiting(NULL, spill), 0);
    return recovered;
}

/* --- a hang that ends --- */

static bool all_are_stored_or_it_hangs(struct world *w)
{
    return hang_hit() || atomic_load(&w->stored) >= atomic_load(&w->pushed);
}

/* Until one hangs: a sync comes with a checkpoint only, and that every 32 MiB of the database. What
 * a slow disk would only pile up in the file brings it no nearer. */
static void push_into_hang(struct world *w, enum hang_op op)
{
    hang_begin(op);
    for (int i = 0; i < 1000 && !hang_hit(); i++) {
        push(w, OVER_RING);
        UNTIL(all_are_stored_or_it_hangs, w);
    }
    hang_wait();
    w->file_before = spilled_bytes();
}

static void outlive(enum hang_op op)
{
    struct world w;
    struct store_config c = config_of();
    world_begin(&w, &c);
    push(&w, 1000);
    push_into_hang(&w, op);
    push(&w, 3 * OVER_RING); /* the rings are emptied all the same */
    UNTIL(much_is_spilled, &w);
    assert_true(hang_hit());
    push(&w, OVER_RING);
    hang_end();
    push(&w, 1000);
    stop_producer(&w);
    assert_false(stop_keeper(&w, SECONDS_MAX * 1000));
    store_flush(w.store, clock_wall(), clock_mono());
    const struct store_stats *st = store_stats(w.store);
    assert_true(st->spilled > OVER_RING);
    assert_int_equal(st->lost + st->failures + st->spill_failures, 0);
    store_close(w.store, "done", clock_wall());
    ring_destroy(w.ring);
    deltas_are(1, atomic_load(&w.pushed), "done");
    assert_int_equal(rmdir(spill), 0); /* the file is gone */
}

static void while_a_write_of_the_log_hangs_rows_go_to_the_file_and_none_is_lost(void **state)
{
    (void)state;
    outlive(HANG_WRITE);
}

static void while_a_sync_hangs_rows_go_to_the_file_and_none_is_lost(void **state)
{
    (void)state;
    outlive(HANG_SYNC);
}

static void while_the_begin_of_a_transaction_hangs_rows_go_to_the_file(void **state)
{
    (void)state;
    outlive(HANG_STAT);
}

/* More in one transaction than SQLite keeps: it writes pages before COMMIT, while it looks at the
 * records that it is given. */
static void push_raw(struct world *w, uint64_t n)
{
    static _Alignas(8) uint8_t buf[RECORD_ROOM];
    struct rec_raw *raw = (struct rec_raw *)buf;
    memset(buf, 'x', sizeof buf);
    memset(raw, 0, sizeof *raw);
    raw->h.type = REC_RAW;
    raw->h.source = EV_SRC_MARKET;
    raw->len = 60000;
    raw->h.size = ev_round8((uint32_t)(sizeof *raw + raw->len));
    for (uint64_t i = 0; i < n; i++) {
        raw->ord = i + 1;
        while (ring_used(w->ring) > RING_BYTES / 2) {
            (void)store_work(w->store, 1, clock_mono());
        }
        assert_int_equal(ring_push(w->ring, raw, raw->h.size), ST_OK);
    }
}

static void *flush(void *self)
{
    struct world *w = self;
    store_flush(w->store, 1, clock_mono());
    return NULL;
}

static void records_stay_where_they_are_while_a_hanging_call_looks_at_them(void **state)
{
    (void)state;
    struct world w;
    struct store_config c = config_of();
    c.rows_max = 1000000; /* nothing is due until store_flush */
    c.interval_ns = 3600 * NS_PER_SEC;
    c.memory_max = (size_t)40 << 20; /* half of it: the file is used at once */
    world_open(&w, &c);
    push_raw(&w, 300);
    assert_int_equal(store_stats(w.store)->spilled, 0);
    hang_begin(HANG_WRITE);
    assert_int_equal(pthread_create(&w.keeper, NULL, flush, &w), 0);
    hang_wait();
    for (uint64_t i = 0; i < OVER_RING; i++) { /* over half of the memory */
        struct ev_delta d = make_delta(i + 1);
        while (ring_used(w.ring) > RING_BYTES / 2) {
            usleep(100);
        }
        assert_int_equal(ring_push(w.ring, &d, sizeof d), ST_OK);
    }
    hang_end();
    assert_int_equal(pthread_join(w.keeper, NULL), 0);
    assert_true(store_stats(w.store)->spilled > 300);
    store_close(w.store, "done", clock_wall());
    ring_destroy(w.ring);
    deltas_are(1, OVER_RING, "done");
    assert_int_equal(sql_number(path, "SELECT count(*)*1000+count(DISTINCT ord) FROM raw"), 300300);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM raw WHERE length(bytes)=60000 AND "
                                      "bytes=(SELECT bytes FROM raw WHERE ord=1)"),
                     300);
}

static void without_a_file_memory_stays_bounded_and_what_is_dropped_is_named(void **state)
{
    (void)state;
    struct world w;
    struct store_config c = config_of();
    c.spill = NULL;
    c.memory_max = (size_t)4 << 20;
    world_open(&w, &c);
    assert_int_equal(pthread_create(&w.keeper, NULL, keep, &w), 0);
    assert_int_equal(pthread_create(&w.producer, NULL, produce, &w), 0);
    push(&w, 1000);
    push_into_hang(&w, HANG_WRITE);
    push(&w, 10 * OVER_RING); /* some 20 MB */
    hang_end();
    world_end(&w);
    long long there = sql_number(path, "SELECT count(*) FROM delta");
    assert_true(there < (long long)atomic_load(&w.pushed));
    assert_int_equal(sql_number(path, "SELECT sum(lost) FROM gap"),
                     (long long)atomic_load(&w.pushed) - there);
}

/* --- a hang that lasts --- */

static struct shared {
    _Atomic uint64_t pushed;
    _Atomic int ready, failed;
} * shared;

/* Run in a process of its own, as it ends with a thread that never returns. */
static void in_child(void (*run)(enum hang_op op), enum hang_op op, bool killed)
{
    memset(shared, 0, sizeof *shared);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run(op);
        _exit(0);
    }
    if (killed) {
        for (int i = 0; i < SECONDS_MAX * 1000 && atomic_load(&shared->ready) == 0; i++) {
            usleep(1000);
        }
        assert_int_equal(atomic_load(&shared->ready), 1);
        assert_int_equal(kill(child, SIGKILL), 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (killed) {
        assert_true(WIFSIGNALED(status));
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void run_until_stopped(enum hang_op op)
{
    struct world w;
    struct store_config c = config_in_haste();
    world_begin(&w, &c);
    push(&w, 1000);
    push_into_hang(&w, op);
    push(&w, OVER_RING);
    stop_producer(&w);
    bool left = stop_keeper(&w, 100);
    uint64_t lost = store_finish(w.store, clock_wall());
    store_close(w.store, "halted", clock_wall());
    atomic_store(&shared->pushed, atomic_load(&w.pushed));
    _exit(left && lost == 0 && hang_hit() ? 0 : 9);
}

static void a_run_that_is_stopped_in_a_hang_ends_and_leaves_its_rows_in_the_file(void **state)
{
    (void)state;
    static const enum hang_op ops[] = {HANG_WRITE, HANG_SYNC, HANG_STAT};
    for (size_t i = 0; i < 3; i++) {
        in_child(run_until_stopped, ops[i], false);
        assert_int_equal(spill_waiting(NULL, spill), 1);
        assert_true(start_again() > OVER_RING / 2);
        deltas_are((int64_t)(2 * i + 1), atomic_load(&shared->pushed), "halted");
    }
}

static void run_until_killed(enum hang_op op)
{
    struct world w;
    struct store_config c = config_of();
    world_begin(&w, &c);
    push(&w, 1000);
    push_into_hang(&w, op);
    push(&w, 3 * OVER_RING);
    UNTIL(much_is_spilled, &w);
    atomic_store(&shared->ready, 1);
    for (;;) {
        (void)pause();
    }
}

/* Memory goes to the file four times a second: what is younger may be gone with the process. */
static void kill_9_in_a_hang_leaves_each_row_once_and_in_order(void **state)
{
    (void)state;
    static const enum hang_op ops[] = {HANG_WRITE, HANG_SYNC, HANG_STAT};
    for (size_t i = 0; i < 3; i++) {
        in_child(run_until_killed, ops[i], true);
        assert_true(start_again() > OVER_RING);
        char sql[100];
        int64_t session = (int64_t)(2 * i + 1);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM delta WHERE session=%lld",
                 (long long)session);
        long long there = sql_number(path, sql);
        assert_true(there > OVER_RING);
        deltas_are(session, (uint64_t)there, "broken");
    }
}

/* --- the end of a run, when the hang comes only then --- */

/* In a process of its own: where a sync takes longer than close_wait_ns the file stays open. */
static void finish_into_hang(enum hang_op op, bool comes_back)
{
    struct world w;
    struct store_config c = config_in_haste();
    c.interval_ns = 3600 * NS_PER_SEC;
    c.rows_max = 1000000;
    world_open(&w, &c);
    for (uint64_t i = 1; i <= 2000; i++) {
        struct ev_delta d = make_delta(i);
        assert_int_equal(ring_push(w.ring, &d, sizeof d), ST_OK);
    }
    hang_begin(op);
    assert_int_equal(store_finish(w.store, clock_wall()), 0);
    assert_int_equal(store_stats(w.store)->spill_left, 2000);
    if (comes_back) {
        hang_end();
        for (int i = 0; i < SECONDS_MAX * 1000 && hang_hit(); i++) {
            usleep(1000);
        }
    }
    store_close(w.store, "done", clock_wall());
    ring_destroy(w.ring);
    _exit(comes_back != hang_hit() ? 0 : 9);
}

static void run_finish(enum hang_op op)
{
    finish_into_hang(op, false);
}

static void run_finish_late(enum hang_op op)
{
    finish_into_hang(op, true);
}

static void a_hang_at_the_end_is_waited_for_only_so_long(void **state)
{
    (void)state;
    static const enum hang_op ops[] = {HANG_WRITE, HANG_STAT};
    for (size_t i = 0; i < 2; i++) {
        in_child(run_finish, ops[i], false);
        assert_int_equal(start_again(), 2000);
        deltas_are((int64_t)(2 * i + 1), 2000, "done");
    }
}

/* The COMMIT that was not heard of any more is in the database: its rows are not written again. */
static void a_commit_that_comes_back_after_the_end_is_settled_by_the_next_start(void **state)
{
    (void)state;
    in_child(run_finish_late, HANG_WRITE, false);
    (void)start_again();
    deltas_are(1, 2000, "done");
}

static void run_close(enum hang_op op)
{
    struct world w;
    struct store_config c = config_in_haste();
    world_open(&w, &c);
    struct ev_delta d = make_delta(1);
    assert_int_equal(ring_push(w.ring, &d, sizeof d), ST_OK);
    store_flush(w.store, clock_wall(), clock_mono()); /* as long as it takes */
    assert_int_equal(store_finish(w.store, clock_wall()), 0);
    hang_begin(op);
    store_close(w.store, "done", clock_wall());
    hang_wait(); /* nobody waited for it, and on a slow disk it comes after that */
    _exit(0);
}

static void a_hang_while_the_database_is_closed_ends_too(void **state)
{
    (void)state;
    in_child(run_close, HANG_CLOSE, false);
    assert_int_equal(start_again(), 0);
    deltas_are(1, 1, "done");
}

int main(void)
{
    log_set_level(LOG_ERROR);
    hang_register();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_run_that_is_stopped_in_a_hang_ends_and_leaves_its_rows_in_the_file),
        T(kill_9_in_a_hang_leaves_each_row_once_and_in_order),
        T(a_hang_at_the_end_is_waited_for_only_so_long),
        T(a_hang_while_the_database_is_closed_ends_too),
        T(while_a_write_of_the_log_hangs_rows_go_to_the_file_and_none_is_lost),
        T(while_a_sync_hangs_rows_go_to_the_file_and_none_is_lost),
        T(while_the_begin_of_a_transaction_hangs_rows_go_to_the_file),
        T(records_stay_where_they_are_while_a_hanging_call_looks_at_them),
        T(without_a_file_memory_stays_bounded_and_what_is_dropped_is_named),
        T(a_commit_that_comes_back_after_the_end_is_settled_by_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
