/* test_store_prune.c - claims about deleting sessions, and about sessions whose process is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "databases.h"
#include "make_records.h"
#include "store/layout.h"
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
    remove_folder(folder);
    return 0;
}

static struct store *open_store(struct ring **ring)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err = {0};
    config.path = path;
    if (store_open(&config, 1000, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(1 << 20, ring), ST_OK);
    store_add_ring(s, *ring);
    return s;
}

/* A session with some rows in every table. */
static void record_session(struct rng *rng)
{
    static uint64_t buf[RECORD_ROOM / 8];
    struct ring *ring = NULL;
    struct store *s = open_store(&ring);
    for (uint64_t ord = 1; ord <= 3; ord++) {
        for (size_t i = 0; event_types[i] != 0; i++) {
            uint64_t number = (ord - 1) * 12 + i + 1;
            uint32_t size = make_record(rng, event_types[i], EV_SRC_MARKET, number, buf);
            if (size <= (1U << 18)) {
                assert_int_equal(ring_push(ring, buf, size), ST_OK);
            }
        }
        for (size_t i = 0; record_types[i] != 0; i++) {
            uint32_t size = make_record(rng, record_types[i], 0, ord, buf);
            assert_int_equal(ring_push(ring, buf, size), ST_OK);
        }
        store_flush(s, 1, 1);
    }
    store_close(s, "done", 5);
    ring_destroy(ring);
}

static long long rows_of(int64_t session)
{
    long long sum = 0;
    size_t n = 0;
    const struct layout *l = layouts(&n);
    for (size_t i = 0; i < n; i++) {
        char sql[120];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE session=%" PRId64, l[i].table,
                 session);
        sum += sql_number(path, sql);
    }
    return sum;
}

static struct store_pruner *open_pruner(void)
{
    struct store_pruner *p = NULL;
    struct err err = {0};
    if (store_pruner_open(path, 1000, &p, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

static void a_session_goes_with_all_its_rows_and_the_others_stay(void **state)
{
    (void)state;
    struct rng rng;
    struct err err = {0};
    rng_init(&rng, 5);
    for (int i = 0; i < 3; i++) {
        record_session(&rng);
    }
    long long before[4] = {0, rows_of(1), rows_of(2), rows_of(3)};
    assert_true(before[2] > 60);
    struct store_pruner *p = open_pruner();
    assert_int_equal(store_prune_session(p, 2, &err), ST_OK);
    assert_int_equal(store_prune_session(p, 2, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "session 2"));
    assert_int_equal(store_reclaim(p, &err), ST_OK);
    store_pruner_close(p);
    assert_int_equal(rows_of(1), before[1]);
    assert_int_equal(rows_of(2), 0);
    assert_int_equal(rows_of(3), before[3]);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session"), 2);
    sql_check(path);
}

static void what_is_being_recorded_is_not_deleted(void **state)
{
    (void)state;
    struct rng rng;
    struct err err = {0};
    rng_init(&rng, 6);
    record_session(&rng);
    struct ring *ring = NULL;
    struct store *s = open_store(&ring);
    struct ev_delta d = make_delta(1);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    store_flush(s, 1, 1);
    struct store_pruner *p = open_pruner();
    assert_int_equal(store_prune_session(p, store_session(s), &err), ST_STATE);
    assert_int_equal(rows_of(store_session(s)), 1);
    assert_int_equal(store_prune_session(p, 1, &err), ST_OK);
    store_pruner_close(p);
    d = make_delta(2);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    store_close(s, "done", 5);
    assert_int_equal(rows_of(2), 2);
    ring_destroy(ring);
}

struct seen {
    char outcome[4][32];
    size_t n;
};

static enum status see(void *self, const struct store_session *session)
{
    struct seen *x = self;
    assert_true(x->n < 4);
    snprintf(x->outcome[x->n++], 32, "%s", session->outcome);
    return ST_OK;
}

static void a_session_whose_process_is_gone_is_read_as_broken_and_may_go(void **state)
{
    (void)state;
    struct rng rng;
    struct err err = {0};
    rng_init(&rng, 7);
    record_session(&rng);
    pid_t child = fork();
    if (child == 0) { /* another connection, in another process, killed while it records */
        struct ring *ring = NULL;
        struct store *s = open_store(&ring);
        struct ev_delta d = make_delta(1);
        assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
        store_flush(s, 1, 1);
        (void)kill(getpid(), SIGKILL);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    struct seen seen = {.n = 0};
    assert_int_equal(store_read_sessions(path, see, &seen, &err), ST_OK);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.outcome[0], "done");
    assert_string_equal(seen.outcome[1], "broken");
    struct store_pruner *p = open_pruner();
    assert_int_equal(store_prune_session(p, 2, &err), ST_OK);
    store_pruner_close(p);
    assert_int_equal(rows_of(2), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_session_goes_with_all_its_rows_and_the_others_stay),
        T(what_is_being_recorded_is_not_deleted),
        T(a_session_whose_process_is_gone_is_read_as_broken_and_may_go),
    };
    return database_run_both(tests, sizeof tests / sizeof tests[0]);
}
