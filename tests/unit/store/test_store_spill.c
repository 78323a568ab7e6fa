/* test_store_spill.c - claims about the store while its database is away, slow or full, and about
 * what the next start finds. The database is a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad_db.h"
#include "base/log.h"
#include "databases.h"
#include "make_records.h"
#include "mem_disk.h"
#include "store/spill_files.h"

static char folder[64], path[DATABASE_MAX];
static struct mem_disk disk;
static struct file_system files;
static struct bad_db bad;
static mono_ns_t now;
static wall_ns_t wall;
static struct ring *ring;
static uint64_t ord, fills;

static mono_ns_t test_mono(void *self)
{
    (void)self;
    return now;
}

static void test_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    now += ns;
}

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    database_new(folder, path);
    mem_disk_init(&disk);
    files = mem_disk_files(&disk);
    memset(&bad, 0, sizeof bad);
    now = NS_PER_SEC;
    wall = 1000;
    ord = 0;
    fills = 0;
    assert_int_equal(ring_create(8 << 20, &ring), ST_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    digests_are_right(path);
    ring_destroy(ring);
    mem_disk_finish(&disk);
    remove_folder(folder);
    return 0;
}

static struct store_config config_of(void)
{
    struct store_config c = store_config_default();
    c.path = path;
    c.spill = "spill";
    c.files = &files;
    c.close_wait_ns = 100 * NS_PER_MS;
    c.threads = false; /* time is the test's own */
    c.time = (struct store_time){test_mono, test_sleep, NULL};
    return c;
}

static struct store *open_with(const struct store_config *c)
{
    struct store *s = NULL;
    struct err err = {.st = ST_OK};
    if (store_open(c, wall += NS_PER_SEC, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    store_add_ring(s, ring);
    bad_db_put_before(s, &bad);
    ord = 0;
    fills = 0;
    return s;
}

static struct store *open_store(void)
{
    struct store_config c = config_of();
    return open_with(&c);
}

static void turn(struct store *s, mono_ns_t ns)
{
    now += ns;
    wall += ns;
    (void)store_work(s, wall, now);
}

static void push(struct store *s, const void *record, uint32_t size)
{
    while (ring_push(ring, record, size) != ST_OK) {
        turn(s, NS_PER_MS);
    }
}

static void push_deltas(struct store *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct ev_delta d = make_delta(++ord);
        push(s, &d, sizeof d);
    }
}

/* As a back end does that waits for its server. */
static void push_meanwhile(struct backend *b)
{
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 10; k++) {
            struct ev_delta d = make_delta(++ord);
            assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
        }
        now += 100 * NS_PER_MS;
        b->idle(b->idle_self);
    }
}

static void push_fill(struct store *s)
{
    struct rng rng;
    rng_init(&rng, ++fills);
    uint64_t buf[RECORD_ROOM / 8];
    push(s, buf, make_record(&rng, EV_FILL, EV_SRC_PRIVATE, fills, buf));
}

static long long number(const char *sql)
{
    return sql_number(path, sql);
}

static void deltas_are(int64_t session, uint64_t n)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*)=%llu AND coalesce(min(ord),1)=1 AND coalesce(max(ord),0)=%llu FROM "
             "delta WHERE session=%lld",
             (unsigned long long)n, (unsigned long long)n, (long long)session);
    if (number(sql) != 1) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM delta WHERE session=%lld",
                 (long long)session);
        fail_msg("%lld deltas instead of %llu", number(sql), (unsigned long long)n);
    }
}

static void outcome_is(int64_t session, const char *want)
{
    char sql[100], text[200];
    snprintf(sql, sizeof sql, "SELECT outcome FROM session WHERE id=%lld", (long long)session);
    sql_text(path, sql, text, sizeof text);
    assert_string_equal(text, want);
}

/* --- the way through the file --- */

static void while_all_is_well_nothing_goes_through_the_file(void **state)
{
    (void)state;
    struct store *s = open_store();
    assert_int_equal(mem_disk_count(&disk), 1);
    push_deltas(s, 50000);
    turn(s, 2 * NS_PER_SEC);
    assert_int_equal(store_stats(s)->spilled, 0);
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
    deltas_are(1, 50000);
    outcome_is(1, "done");
}

static void an_outage_is_outlived_in_order_and_once(void **state)
{
    (void)state;
    struct store *s = open_store();
    push_deltas(s, 5000);
    turn(s, 2 * NS_PER_SEC);
    bad.away = true;
    for (int i = 0; i < 300; i++) { /* half a minute */
        push_deltas(s, 100);
        push_fill(s);
        turn(s, 100 * NS_PER_MS);
    }
    const struct store_stats *st = store_stats(s);
    assert_true(st->spilled > 29000);
    assert_int_equal(st->drained, 0);
    assert_true(disk.syncs >= 25); /* once a second */
    assert_true(s->queue.records < 400);
    bad.away = false;
    for (int i = 0; i < 100; i++) {
        push_deltas(s, 10);
        turn(s, 100 * NS_PER_MS);
    }
    assert_int_equal(st->drained, st->spilled);
    assert_int_equal(st->lost, 0);
    assert_true(st->away_ns > 29 * NS_PER_SEC && st->away_ns < 40 * NS_PER_SEC);
    assert_false(s->spilling);
    assert_int_equal(mem_disk_only(&disk)->n, 8192); /* empty again */
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
    deltas_are(1, 36000);
    assert_int_equal(number("SELECT count(*) FROM fill"), 300);
    assert_int_equal(number("SELECT count(*) FROM gap"), 0);
    assert_int_equal(number("SELECT progress FROM session"), 36300);
    assert_int_equal(number("SELECT rows FROM session"), 36300);
}

static void what_waits_is_in_the_file_within_the_batch_interval(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    push_deltas(s, 10); /* few, and slowly: memory is nowhere near its mark */
    turn(s, 0);
    turn(s, NS_PER_SEC);
    assert_int_equal(s->queue.records, 0);
    for (int i = 0; i < 20; i++) {
        push_deltas(s, 1);
        turn(s, 0);
        turn(s, 250 * NS_PER_MS);
        assert_int_equal(s->queue.records, 0);
    }
    bad_db_kill(s); /* nothing is lost, then */
    bad.away = false;
    s = open_store();
    deltas_are(1, 30);
    outcome_is(1, "broken: 30 rows came from its spill file");
    assert_true(store_outcome_broken("broken: 30 rows came from its spill file"));
    assert_true(store_outcome_broken("broken") && !store_outcome_broken("brokenly") &&
                !store_outcome_broken("done"));
    store_close(s, "done", wall);
}

static void a_database_that_lags_is_relieved(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.slow = &now;
    bad.slow_ns = NS_PER_SEC / 40000; /* half a second for 20,000 rows */
    for (int i = 0; i < 10; i++) {    /* 100,000 a second come */
        push_deltas(s, 50000);
        turn(s, NS_PER_MS);
    }
    assert_true(store_stats(s)->spilled > 100000);
    assert_true(store_stats(s)->queued_bytes_max < 64 << 20);
    bad.slow = NULL;
    for (int i = 0; i < 200; i++) {
        turn(s, 100 * NS_PER_MS);
    }
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
    deltas_are(1, 500000);
    assert_int_equal(number("SELECT count(*) FROM gap"), 0);
}

static void a_half_full_memory_goes_to_the_file_before_anything_is_dropped(void **state)
{
    (void)state;
    struct store_config c = config_of();
    c.memory_max = 8 << 20;
    struct store *s = open_with(&c);
    bad.away = true;
    push_deltas(s, 150000); /* 13 MB within milliseconds */
    turn(s, NS_PER_MS);
    assert_int_equal(store_stats(s)->lost, 0);
    assert_true(store_stats(s)->queued_bytes_max <= 8 << 20);
    bad.away = false;
    store_close(s, "done", wall);
    deltas_are(1, 150000);
}

/* --- COMMITs without an answer --- */

static void what_comes_while_an_answer_is_waited_for_goes_to_the_file(void **state)
{
    (void)state;
    for (int counted = 0; counted < 2; counted++) {
        struct store *s = open_store();
        push_deltas(s, 500);
        turn(s, 2 * NS_PER_SEC);
        push_deltas(s, 300);
        bad.meanwhile = push_meanwhile; /* the commit of these takes ten seconds */
        bad.commits_fail = counted == 0;
        turn(s, 2 * NS_PER_SEC);
        bad.meanwhile = NULL;
        bad.commits_fail = false;
        assert_true(store_stats(s)->spilled >= 1200);
        assert_true(s->queue.records < 150);
        turn(s, 10 * NS_PER_SEC);
        store_close(s, "done", wall);
        deltas_are(counted + 1, 1800);
        assert_int_equal(number("SELECT count(*) FROM gap"), 0);
        assert_int_equal(number("SELECT min(progress) FROM session"), 1800);
    }
}

static void a_lost_answer_is_settled_though_its_rows_went_to_the_file_meanwhile(void **state)
{
    (void)state;
    for (int counted = 0; counted < 2; counted++) {
        struct store *s = open_store();
        push_deltas(s, 500);
        turn(s, 2 * NS_PER_SEC);
        push_deltas(s, 300);
        bad.answers_lost = counted == 1;
        bad.commits_fail = counted == 0;
        turn(s, 2 * NS_PER_SEC); /* this one */
        bad.answers_lost = false;
        bad.commits_fail = false;
        bad.away = true;
        for (int i = 0; i < 30; i++) {
            push_deltas(s, 10);
            turn(s, 300 * NS_PER_MS);
        }
        assert_true(store_stats(s)->spilled >= 590);
        bad.away = false;
        turn(s, 10 * NS_PER_SEC);
        store_close(s, "done", wall);
        deltas_are(counted + 1, 1100);
        assert_int_equal(number("SELECT count(*) FROM gap"), 0);
        assert_int_equal(number("SELECT min(progress) FROM session"), 1100);
        assert_int_equal(number("SELECT min(rows) FROM session"), 1100);
    }
}

static void lost_answers_while_the_file_is_drained_write_nothing_twice(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    for (int i = 0; i < 60; i++) {
        push_deltas(s, 2000);
        turn(s, 300 * NS_PER_MS);
    }
    bad.away = false;
    for (int i = 0; i < 60; i++) {
        bad.answers_lost = i % 3 == 1;
        bad.commits_fail = i % 3 == 2;
        push_deltas(s, 100);
        turn(s, 6 * NS_PER_SEC);
    }
    bad.answers_lost = false;
    bad.commits_fail = false;
    turn(s, 6 * NS_PER_SEC);
    store_close(s, "done", wall);
    deltas_are(1, 126000);
    assert_int_equal(number("SELECT count(*) FROM gap"), 0);
    assert_int_equal(number("SELECT rows FROM session"), 126000);
}

/* --- the limits --- */

static void over_the_files_limit_market_data_goes_and_orders_stay(void **state)
{
    (void)state;
    struct store_config c = config_of();
    c.spill_max = 8 << 20;
    struct store *s = open_with(&c);
    uint64_t buf[RECORD_ROOM / 8];
    struct rng rng;
    rng_init(&rng, 1);
    bad.away = true;
    uint64_t turns = 0;
    for (int i = 0; i < 200; i++) {
        push_deltas(s, 1000);
        push_fill(s);
        push(s, buf, make_record(&rng, REC_TURN, 0, ++turns, buf));
        push(s, buf, make_record(&rng, REC_ORDER, 0, 0, buf));
        turn(s, 300 * NS_PER_MS);
    }
    turn(s, NS_PER_SEC);
    uint64_t lost = store_stats(s)->lost;
    assert_true(lost > 90000);
    assert_true(mem_disk_only(&disk)->n < 9 << 20);
    assert_true(s->queue.records < 2000); /* memory does not hold what the file does not take */
    bad_db_kill(s);                       /* the gap rows are in the file too */
    bad.away = false;
    s = open_store();
    assert_int_equal(number("SELECT count(*) FROM fill WHERE session=1"), 200);
    assert_int_equal(number("SELECT count(*) FROM order_step WHERE session=1"), 200);
    assert_int_equal(number("SELECT count(*) FROM turn WHERE session=1"), 200);
    assert_int_equal(number("SELECT count(*) FROM delta WHERE session=1"),
                     (long long)(200000 - lost));
    assert_int_equal(number("SELECT sum(lost) FROM gap WHERE session=1"), (long long)lost);
    assert_int_equal(number("SELECT lost FROM session WHERE id=1"), (long long)lost);
    assert_int_equal(number("SELECT count(*) FROM gap g, delta d WHERE d.session=1 AND g.session=1 "
                            "AND d.ord>=g.seq_expected AND d.ord<g.seq_got"),
                     0);
    store_close(s, "done", wall);
}

static void far_over_the_limit_turns_go_too_and_orders_still_stay(void **state)
{
    (void)state;
    struct store_config c = config_of();
    c.spill_max = 1 << 20;
    struct store *s = open_with(&c);
    uint64_t buf[RECORD_ROOM / 8];
    struct rng rng;
    rng_init(&rng, 1);
    bad.away = true;
    uint64_t turns = 0;
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 300; k++) {
            push(s, buf, make_record(&rng, REC_TURN, 0, ++turns, buf));
        }
        for (int k = 0; k < 20; k++) {
            push_fill(s);
        }
        turn(s, 300 * NS_PER_MS);
    }
    assert_true(store_stats(s)->lost > 1000);
    bad.away = false;
    turn(s, 10 * NS_PER_SEC);
    assert_false(s->spill_full);
    store_close(s, "done", wall);
    assert_int_equal(number("SELECT count(*) FROM fill"), 2000);
    assert_int_equal(number("SELECT count(*) + (SELECT sum(lost) FROM gap) FROM turn"), 30000);
    assert_true(number("SELECT max(reason) LIKE '%turns or decisions dropped' FROM gap") == 1);
}

/* --- the file's own disk --- */

static void a_spill_disk_that_is_full_leaves_memory_and_is_tried_again(void **state)
{
    (void)state;
    struct store_config c = config_of();
    c.memory_max = 8 << 20;
    struct store *s = open_with(&c);
    bad.away = true;
    disk.full = true;
    for (int i = 0; i < 100; i++) {
        push_deltas(s, 500);
        push_fill(s);
        turn(s, 100 * NS_PER_MS);
    }
    assert_true(store_stats(s)->spill_failures >= 5);
    assert_int_equal(store_stats(s)->spilled, 0);
    assert_int_equal(store_stats(s)->lost, 0);
    assert_int_equal(s->queue.records, 50100);
    disk.full = false;
    turn(s, 2 * NS_PER_SEC);
    assert_int_equal(s->queue.records, 0);
    disk.full = true; /* and full again, now beyond memory */
    for (int i = 0; i < 300; i++) {
        push_deltas(s, 1000);
        push_fill(s);
        turn(s, 10 * NS_PER_MS);
    }
    uint64_t lost = store_stats(s)->lost;
    assert_true(lost > 100000);
    bad.away = false;
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
    assert_int_equal(number("SELECT count(*) FROM delta"), (long long)(350000 - lost));
    assert_int_equal(number("SELECT sum(lost) FROM gap"), (long long)lost);
    assert_int_equal(number("SELECT count(*) FROM fill"), 400);
    outcome_is(1, "done");
}

static void a_spill_disk_that_is_full_at_the_start_is_said_at_the_start(void **state)
{
    (void)state;
    disk.full = true;
    struct store_config c = config_of();
    struct store *s = NULL;
    struct err err = {.st = ST_OK};
    assert_int_equal(store_open(&c, 5000, &s, &err), ST_IO);
    assert_non_null(strstr(err.text, "spill"));
    outcome_is(1, "failed to start");
}

static void damage_in_the_file_is_named_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    for (int i = 0; i < 10; i++) {
        push_deltas(s, 2000);
        turn(s, 300 * NS_PER_MS);
    }
    mem_disk_only(&disk)->p[8192 + 70000] ^= 1;
    disk.unreadable = 8192 + 4096 * 80;
    bad.away = false;
    for (int i = 0; i < 5; i++) {
        turn(s, 10 * NS_PER_SEC);
    }
    assert_int_equal(store_stats(s)->lost, 0); /* the disk may come back */
    for (int i = 0; i < 30; i++) {
        turn(s, 10 * NS_PER_SEC);
    }
    long long lost = (long long)store_stats(s)->lost;
    assert_true(lost > 0 && lost < 2000);
    store_close(s, "done", wall);
    assert_int_equal(number("SELECT count(*) FROM delta"), 20000 - lost);
    assert_int_equal(number("SELECT sum(lost) FROM gap"), lost);
    assert_int_equal(number("SELECT count(*) FROM gap"), 2);
}

/* --- the next start --- */

static void a_run_that_ends_before_its_database_is_back_loses_nothing(void **state)
{
    (void)state;
    struct store *s = open_store();
    push_deltas(s, 1000);
    turn(s, 2 * NS_PER_SEC);
    bad.away = true;
    push_deltas(s, 3000);
    turn(s, 2 * NS_PER_SEC);
    push_deltas(s, 70);
    assert_int_equal(store_finish(s, wall), 0);
    assert_int_equal(store_stats(s)->spill_left, 3070);
    store_close(s, "halted", wall);
    assert_int_equal(mem_disk_count(&disk), 1);
    deltas_are(1, 1000);
    assert_int_equal(spill_waiting(&files, "spill"), 1);
    bad.away = false;
    s = open_store();
    assert_int_equal(store_stats(s)->recovered, 3070);
    assert_int_equal(store_stats(s)->recovered_files, 1);
    deltas_are(1, 4070);
    outcome_is(1, "halted"); /* as it said itself */
    assert_int_equal(number("SELECT rows FROM session WHERE id=1"), 4070);
    assert_int_equal(number("SELECT lost FROM session WHERE id=1"), 0);
    assert_int_equal(number("SELECT ended>began FROM session WHERE id=1"), 1);
    assert_int_equal(spill_waiting(&files, "spill"), 0);
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
}

/* A full disk takes the few bytes of the session's row. */
static void a_session_of_which_rows_wait_does_not_look_whole(void **state)
{
    (void)state;
    struct store *s = open_store();
    push_deltas(s, 1000);
    turn(s, 2 * NS_PER_SEC);
    bad.puts_fail = true;
    push_deltas(s, 3000);
    turn(s, 2 * NS_PER_SEC);
    store_close(s, "done", wall);
    deltas_are(1, 1000);
    outcome_is(1, "broken: 3000 rows wait in its spill file");
    assert_true(store_outcome_broken("broken: 3000 rows wait in its spill file"));
    bad.puts_fail = false;
    store_close(open_store(), "done", wall);
    deltas_are(1, 4000);
    outcome_is(1, "done");
}

static void a_file_that_cannot_be_read_waits_for_the_next_start(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    for (int i = 0; i < 10; i++) {
        push_deltas(s, 2000);
        turn(s, 300 * NS_PER_MS);
    }
    store_close(s, "halted", wall);
    bad.away = false;
    disk.unreadable = 8192 + 4096 * 80;
    s = open_store();
    assert_int_equal(store_stats(s)->recovered_kept, 1);
    assert_int_equal(store_stats(s)->recovered_missing, 0);
    store_close(s, "done", wall);
    assert_int_equal(spill_waiting(&files, "spill"), 1);
    disk.unreadable = 0;
    s = open_store();
    assert_int_equal(store_stats(s)->recovered_files, 1);
    deltas_are(1, 20000);
    outcome_is(1, "halted");
    assert_int_equal(number("SELECT count(*) FROM gap"), 0);
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
}

static void a_drain_that_is_killed_goes_on_where_it_was(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    for (int i = 0; i < 30; i++) {
        push_deltas(s, 5000);
        push_fill(s);
        turn(s, 300 * NS_PER_MS);
    }
    turn(s, 300 * NS_PER_MS);
    bad_db_kill(s);
    /* The drain by hand, one transaction, then a kill: only progress tells. */
    struct store_config c = config_of();
    c.no_session = true;
    bad.away = false;
    for (int i = 0; i < 3; i++) {
        struct backend *db = NULL;
        struct err err = {.st = ST_OK};
        struct spill *sp = NULL;
        uint64_t progress = 0;
        assert_int_equal(backend_open(&c, wall, &db, &err), ST_OK);
        db->session = 1;
        assert_int_equal(spill_open(&files, mem_disk_only(&disk)->path, &sp, &err), ST_OK);
        assert_int_equal(db->ops->begin(db), ST_OK);
        assert_int_equal(db->ops->progress(db, &progress), ST_OK);
        assert_int_equal(progress, (uint64_t)i * 20000);
        struct spill_cursor cursor = spill_begin(sp, progress);
        for (uint64_t n = 1; n <= 20000; n++) {
            struct spill_item item;
            assert_int_equal(spill_next(sp, &cursor, &item), ST_OK);
            assert_int_equal(item.number, progress + n);
            assert_int_equal(db->ops->put(db, item.record), ST_OK);
        }
        assert_int_equal(db->ops->commit(db, progress + 20000), ST_OK);
        if (i == 1) {
            spill_done(sp, &cursor); /* before or after the room was given back */
        }
        db->ops->close(db);
        spill_close(sp);
    }
    s = open_store();
    deltas_are(1, 150000);
    assert_int_equal(number("SELECT count(*) FROM fill"), 30);
    outcome_is(1, "broken: 90030 rows came from its spill file");
    assert_int_equal(number("SELECT rows FROM session WHERE id=1"), 150030);
    assert_int_equal(number("SELECT count(*) FROM gap"), 0);
    store_close(s, "done", wall);
}

static void files_of_many_runs_are_drained_each_under_its_session(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        bad.away = false;
        struct store_config c = config_of();
        c.spill = "elsewhere"; /* else the next one would drain it */
        struct store *s = NULL;
        struct err err = {.st = ST_OK};
        c.spill = "spill";
        struct file_system none = files;
        c.files = &none;
        disk.file[0].open = i > 1; /* the others are held, as if their runs went on */
        disk.file[1].open = i > 2;
        assert_int_equal(store_open(&c, wall += NS_PER_SEC, &s, &err), ST_OK);
        store_add_ring(s, ring);
        bad_db_put_before(s, &bad);
        bad.away = true;
        ord = 0;
        push_deltas(s, 100 * i);
        turn(s, 0);
        turn(s, 2 * NS_PER_SEC);
        bad_db_kill(s);
    }
    mem_disk_kill(&disk);
    bad.away = false;
    assert_int_equal(spill_waiting(&files, "spill"), 3);
    struct store *s = open_store();
    assert_int_equal(store_stats(s)->recovered, 600);
    for (int64_t i = 1; i <= 3; i++) {
        deltas_are(i, 100 * (uint64_t)i);
    }
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
}

static void a_file_of_another_database_is_kept(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    push_deltas(s, 100);
    turn(s, 0);
    turn(s, 2 * NS_PER_SEC);
    bad_db_kill(s);
    bad.away = false;
    char other[DATABASE_MAX], second[64];
    make_folder(second);
    database_new(second, other);
    struct store_config c = config_of();
    c.path = other;
    s = open_with(&c); /* it has a session 1 too: this one's, which began later */
    assert_int_equal(store_stats(s)->recovered_kept, 1);
    assert_int_equal(store_stats(s)->recovered, 0);
    store_close(s, "done", wall);
    assert_int_equal(sql_number(other, "SELECT count(*) FROM delta"), 0);
    assert_int_equal(spill_waiting(&files, "spill"), 1);
    s = open_store(); /* and with the right one it is drained */
    deltas_are(1, 100);
    store_close(s, "done", wall);
    assert_int_equal(mem_disk_count(&disk), 0);
    remove_folder(second);
}

static void a_file_that_is_no_spill_file_is_kept_and_harms_nobody(void **state)
{
    (void)state;
    struct file_io io;
    struct err err = {.st = ST_OK};
    assert_int_equal(
        files.open(files.self, "spill/session-1-1-1.spill", FILE_NEW, "a file", &io, &err), ST_OK);
    assert_int_equal(file_write_all(&io, "hello", 5, 0), 0);
    io.close(io.self);
    struct store *s = open_store();
    assert_int_equal(store_stats(s)->recovered_kept, 1);
    push_deltas(s, 10);
    store_close(s, "done", wall);
    deltas_are(1, 10);
    assert_int_equal(mem_disk_count(&disk), 1);
}

static enum status note_file(void *self, const struct spill_file *f)
{
    *(struct spill_file *)self = *f;
    assert_non_null(f->path);
    return ST_OK;
}

static void a_damaged_file_is_drained_as_far_as_it_is_whole_and_says_so(void **state)
{
    (void)state;
    struct store *s = open_store();
    bad.away = true;
    for (int i = 0; i < 4; i++) {
        push_deltas(s, 500);
        turn(s, 0);
        turn(s, NS_PER_SEC);
    }
    bad_db_kill(s);
    mem_disk_only(&disk)->p[8192 + 45056 + 100] ^= 1; /* the second block */
    mem_disk_only(&disk)->n -= 3000;                  /* and the last one is torn */
    struct spill_file f;
    struct err err = {.st = ST_OK};
    assert_int_equal(spill_list(&files, "spill", true, note_file, &f, &err), ST_OK);
    assert_int_equal(f.state, SPILL_FILE_WAITS);
    assert_int_equal(f.id.session, 1);
    assert_int_equal(f.records, 1000);
    assert_int_equal(f.missing, 1000);
    bad.away = false;
    s = open_store();
    outcome_is(1, "broken: 1000 rows came from its spill file, 1000 are missing");
    assert_int_equal(number("SELECT sum(lost) FROM gap WHERE session=1"), 1000);
    assert_int_equal(number("SELECT lost FROM session WHERE id=1"), 1000);
    assert_int_equal(number("SELECT count(*) FROM delta WHERE session=1 AND (ord<=500 OR "
                            "(ord>1000 AND ord<=1500))"),
                     1000);
    store_close(s, "done", wall);
}

int main(void)
{
    log_set_level(LOG_ERROR);
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(while_all_is_well_nothing_goes_through_the_file),
        T(an_outage_is_outlived_in_order_and_once),
        T(what_waits_is_in_the_file_within_the_batch_interval),
        T(a_database_that_lags_is_relieved),
        T(a_half_full_memory_goes_to_the_file_before_anything_is_dropped),
        T(what_comes_while_an_answer_is_waited_for_goes_to_the_file),
        T(a_lost_answer_is_settled_though_its_rows_went_to_the_file_meanwhile),
        T(lost_answers_while_the_file_is_drained_write_nothing_twice),
        T(over_the_files_limit_market_data_goes_and_orders_stay),
        T(far_over_the_limit_turns_go_too_and_orders_still_stay),
        T(a_spill_disk_that_is_full_leaves_memory_and_is_tried_again),
        T(a_spill_disk_that_is_full_at_the_start_is_said_at_the_start),
        T(damage_in_the_file_is_named_and_the_rest_goes_on),
        T(a_run_that_ends_before_its_database_is_back_loses_nothing),
        T(a_session_of_which_rows_wait_does_not_look_whole),
        T(a_file_that_cannot_be_read_waits_for_the_next_start),
        T(a_drain_that_is_killed_goes_on_where_it_was),
        T(files_of_many_runs_are_drained_each_under_its_session),
        T(a_file_of_another_database_is_kept),
        T(a_file_that_is_no_spill_file_is_kept_and_harms_nobody),
        T(a_damaged_file_is_drained_as_far_as_it_is_whole_and_says_so),
    };
    return database_run_both(tests, sizeof tests / sizeof tests[0]);
}
