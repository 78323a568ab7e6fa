/*
 * test_store_threads.c - claims about store/store.h with producers on threads of their own, as in
 * `deltaflow run`: run under ThreadSanitizer, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "make_records.h"
#include "store/store.h"

#define PRODUCERS 3
#define EVENTS    4000U

struct producer {
    struct ring *ring;
    uint16_t source;
    pthread_t thread;
};

struct keeper {
    struct store *store;
    _Atomic int stop;
    pthread_t thread;
};

static char folder[64], path[96];

/* Each has a source of its own, as net, gateway and actor have. */
static void *produce(void *self)
{
    struct producer *p = self;
    for (uint64_t ord = 1; ord <= EVENTS; ord++) {
        struct ev_delta d = make_delta(ord);
        d.h.source = p->source;
        if (ring_push(p->ring, &d, sizeof d) != ST_OK) {
            break; /* the count tells */
        }
        if (ord % 64 == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void *keep(void *self)
{
    struct keeper *k = self;
    while (atomic_load(&k->stop) == 0) {
        if (store_work(k->store, clock_wall(), clock_mono()) == 0) {
            usleep(500);
        }
    }
    return NULL;
}

/* Another program locks the file now and then. */
static void be_in_the_way(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    for (int i = 0; i < 3; i++) {
        if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK) {
            usleep(30000);
            (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        }
        usleep(10000);
    }
    sqlite3_close(db);
}

static enum status count(void *self, const struct ev *ev)
{
    uint64_t *n = self;
    assert_int_equal(ev->ord, ++*n);
    return ST_OK;
}

static void producers_on_three_threads_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    static const uint16_t sources[PRODUCERS] = {EV_SRC_MARKET, EV_SRC_PRIVATE, EV_SRC_ANSWER};
    struct producer producers[PRODUCERS];
    struct keeper k = {.store = NULL};
    struct store_config config = store_config_default();
    struct err err = {0};
    make_folder(folder);
    snprintf(path, sizeof path, "%s/s.sqlite", folder);
    config.path = path;
    config.spill = folder;
    config.interval_ns = 20 * NS_PER_MS;
    if (store_open(&config, 1000, &k.store, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i].source = sources[i];
        assert_int_equal(ring_create(1U << 20, &producers[i].ring), ST_OK);
        store_add_ring(k.store, producers[i].ring);
    }
    assert_int_equal(pthread_create(&k.thread, NULL, keep, &k), 0);
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    be_in_the_way();
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
    }
    atomic_store(&k.stop, 1);
    assert_int_equal(pthread_join(k.thread, NULL), 0);
    int64_t session = store_session(k.store);
    store_close(k.store, "done", 2000);
    for (size_t i = 0; i < PRODUCERS; i++) {
        uint64_t n = 0;
        assert_int_equal(
            store_read_events(path, session, (enum ev_source)sources[i], count, &n, &err), ST_OK);
        assert_int_equal(n, EVENTS);
        ring_destroy(producers[i].ring);
    }
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(producers_on_three_threads_lose_nothing_and_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
