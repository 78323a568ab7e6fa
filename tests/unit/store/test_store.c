/* test_store.c - claims about store/store.h while the disk is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
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
    digests_are_right(path);
    remove_folder(folder);
    return 0;
}

static struct store *open_store(struct ring **ring, size_t ring_bytes)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err = {0};
    config.path = path;
    config.build = "test";
    if (store_open(&config, 1000, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    if (ring != NULL) {
        assert_int_equal(ring_create(ring_bytes, ring), ST_OK);
        store_add_ring(s, *ring);
    }
    return s;
}

static void push_delta(struct ring *ring, uint64_t ord)
{
    struct ev_delta d = make_delta(ord);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
}

/* Records as pushed, one behind the other, to compare with what comes back. */
struct expect {
    uint8_t *p;
    size_t n, at;
    unsigned seen;
};

static void expect_add(struct expect *e, const void *record, uint32_t size)
{
    e->p = realloc(e->p, e->n + size);
    assert_non_null(e->p);
    memcpy(e->p + e->n, record, size);
    e->n += size;
}

static enum status compare(void *self, const void *record)
{
    struct expect *e = self;
    uint32_t size;
    memcpy(&size, record, sizeof size);
    assert_true(e->at + size <= e->n);
    assert_memory_equal(e->p + e->at, record, size);
    e->at += size;
    e->seen++;
    return ST_OK;
}

static enum status compare_event(void *self, const struct ev *ev)
{
    return compare(self, ev);
}

static enum status compare_turn(void *self, const struct rec_turn *t)
{
    return compare(self, t);
}

static enum status compare_decision(void *self, const struct rec_decision *d)
{
    return compare(self, d);
}

static void expect_done(struct expect *e)
{
    assert_int_equal(e->at, e->n);
    free(e->p);
}

#define ROUNDS 2000U

static void random_events_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct rng rng;
    uint64_t seed = 20261123;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 20);
    struct expect e[EV_SRC_MAX];
    uint64_t ord[EV_SRC_MAX] = {0};
    memset(e, 0, sizeof e);
    uint64_t *buf = malloc(RECORD_ROOM);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint16_t source = (uint16_t)rng_below(&rng, EV_SRC_MAX);
        uint32_t size =
            make_record(&rng, event_types[rng_below(&rng, 12)], source, ++ord[source], buf);
        expect_add(&e[source], buf, size);
        while (ring_push(ring, buf, size) == ST_FULL) {
            assert_true(store_work(s, 2000, (mono_ns_t)i) > 0);
        }
    }
    int64_t session = store_session(s);
    store_close(s, "done", 3000);
    struct err err = {0};
    for (int source = 0; source < EV_SRC_MAX; source++) {
        enum status st = store_read_events(path, session, (enum ev_source)source, compare_event,
                                           &e[source], &err);
        assert_string_equal(err.text, "");
        assert_int_equal(st, ST_OK);
        assert_int_equal(e[source].seen, ord[source]);
        expect_done(&e[source]);
    }
    /* Pushes that were refused were pushed again, yet nothing but room was missing. */
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason NOT LIKE "
                                      "'%records missing'"),
                     0);
    ring_destroy(ring);
    free(buf);
}

static void random_records_of_every_type_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 22);
    struct expect e[16];
    memset(e, 0, sizeof e);
    uint64_t *buf = malloc(RECORD_ROOM);
    for (uint64_t n = 1; n <= 100; n++) {
        for (size_t k = 0; record_types[k] != 0; k++) {
            uint32_t size = make_record(&rng, record_types[k], 0, n, buf);
            expect_add(&e[k], buf, size);
            assert_int_equal(ring_push(ring, buf, size), ST_OK);
        }
    }
    int64_t session = store_session(s);
    store_close(s, "done", 3000);
    struct err err = {0};
    for (size_t k = 0; record_types[k] != 0; k++) {
        enum status st;
        if (record_types[k] == REC_TURN) {
            st = store_read_turns(path, session, compare_turn, &e[k], &err);
        } else if (record_types[k] == REC_DECISION) {
            st = store_read_decisions(path, session, compare_decision, &e[k], &err);
        } else {
            st = store_read_records(path, session, record_types[k], compare, &e[k], &err);
        }
        assert_string_equal(err.text, "");
        assert_int_equal(st, ST_OK);
        assert_int_equal(e[k].seen, 100);
        expect_done(&e[k]);
    }
    ring_destroy(ring);
    free(buf);
}

static void a_decision_with_only_the_hash_of_its_values_takes_no_room_for_them(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 20);
    struct rec_decision d = {
        .h = {.size = sizeof d, .type = REC_DECISION}, .number = 1, .obs_hash = 7, .logits = {1}};
    struct rec_decision whole = d;
    whole.number = 2;
    whole.obs[51] = 1;
    struct expect e = {.n = 0};
    expect_add(&e, &d, sizeof d);
    expect_add(&e, &whole, sizeof whole);
    assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    assert_int_equal(ring_push(ring, &whole, sizeof whole), ST_OK);
    store_close(s, "done", 1);
    assert_int_equal(sql_number(path, "SELECT sum(length(obs)) FROM decision WHERE number=1"), 0);
    assert_int_equal(sql_number(path, "SELECT sum(length(obs)) FROM decision WHERE number=2"),
                     sizeof d.obs);
    struct err err = {0};
    assert_int_equal(store_read_decisions(path, 1, compare_decision, &e, &err), ST_OK);
    expect_done(&e);
    ring_destroy(ring);
}

static void a_batch_is_committed_by_rows_or_by_age(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 16);
    const struct store_stats *stats = store_stats(s);
    for (uint64_t i = 1; i <= 99; i++) {
        push_delta(ring, i);
    }
    assert_int_equal(store_work(s, 1, 0), 99);
    assert_int_equal(stats->batches, 0);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 0);
    push_delta(ring, 100);
    assert_int_equal(store_work(s, 1, 10), 1);
    assert_int_equal(stats->batches, 1);
    assert_int_equal(stats->rows, 100);
    assert_int_equal(stats->by_type[store_type_index(EV_DELTA)], 100);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 100);
    push_delta(ring, 101);
    assert_int_equal(store_work(s, 1, 20), 1);
    assert_int_equal(store_work(s, 1, 19 + NS_PER_SEC), 0);
    assert_int_equal(stats->batches, 1);
    assert_int_equal(store_work(s, 1, 20 + NS_PER_SEC), 0);
    assert_int_equal(stats->batches, 2);
    /* As much as has queued up is one batch. */
    for (uint64_t i = 102; i <= 401; i++) {
        push_delta(ring, i);
    }
    store_work(s, 1, 30 + NS_PER_SEC);
    assert_int_equal(stats->batches, 3);
    assert_int_equal(stats->rows, 401);
    push_delta(ring, 402);
    store_flush(s, 1, 40 + NS_PER_SEC);
    assert_int_equal(stats->rows, 402);
    store_close(s, "done", 5);
    ring_destroy(ring);
}

static void a_hole_in_the_numbers_becomes_a_gap_row(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 16);
    push_delta(ring, 1);
    push_delta(ring, 5);
    store_flush(s, 1, 0);
    assert_int_equal(store_stats(s)->lost, 3);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap"), 1);
    assert_int_equal(sql_number(path, "SELECT lost FROM gap"), 3);
    assert_int_equal(sql_number(path, "SELECT seq_expected FROM gap"), 2);
    assert_int_equal(sql_number(path, "SELECT seq_got FROM gap"), 5);
    assert_int_equal(sql_number(path, "SELECT source FROM gap"), EV_SRC_MARKET);
    ring_destroy(ring);
}

static void what_a_full_ring_refused_is_counted_once(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 4096);
    struct ev_delta d;
    uint64_t ord = 0, refused = 0;
    for (int i = 0; i < 60; i++) {
        d = make_delta(++ord);
        refused += ring_push(ring, &d, sizeof d) == ST_FULL;
    }
    assert_true(refused > 0);
    store_work(s, 1, 0);
    push_delta(ring, ++ord);
    store_flush(s, 1, 5 * NS_PER_SEC);
    store_work(s, 1, 20 * NS_PER_SEC);
    assert_int_equal(store_stats(s)->lost, refused);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT sum(lost) FROM gap"), (long long)refused);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), (long long)(ord - refused));
    ring_destroy(ring);
}

/* The store's own waits are by the same clock as its turns: else what a ring refused just now is
 * named at once when the database makes it wait, and again with its numbers when they come. */
static mono_ns_t still(void *self)
{
    (void)self;
    return 0;
}

static void no_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    (void)ns;
}

static struct store *open_still(struct ring **ret_ring, size_t ring_bytes)
{
    struct store *s = NULL;
    struct err err = {0};
    struct store_config config = store_config_default();
    config.path = path;
    config.time = (struct store_time){still, no_sleep, NULL};
    assert_int_equal(store_open(&config, 1000, &s, &err), ST_OK);
    assert_int_equal(ring_create(ring_bytes, ret_ring), ST_OK);
    store_add_ring(s, *ret_ring);
    return s;
}

/* A ring that is full for ten seconds: at each turn the newest refused ones have no number yet. */
static void a_ring_that_stays_full_has_each_refused_record_named_once(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_still(&ring, 4096);
    uint64_t ord = 0, refused = 0;
    for (int turn = 1; turn <= 100; turn++) {
        for (int i = 0; i < 60; i++) {
            struct ev_delta d = make_delta(++ord);
            refused += ring_push(ring, &d, sizeof d) == ST_FULL;
        }
        store_work(s, 1, turn * 100 * NS_PER_MS);
    }
    assert_true(refused > 1000);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT sum(lost) FROM gap"), (long long)refused);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), (long long)(ord - refused));
    ring_destroy(ring);
}

static void refused_records_without_numbers_are_named_too(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 4096);
    struct rng rng;
    rng_init(&rng, 3);
    uint64_t *buf = malloc(RECORD_ROOM);
    uint64_t refused = 0;
    for (int i = 0; i < 60; i++) {
        uint32_t size = make_record(&rng, REC_RECONCILE, 0, 0, buf);
        refused += ring_push(ring, buf, size) == ST_FULL;
    }
    assert_true(refused > 0);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT sum(lost) FROM gap"), (long long)refused);
    ring_destroy(ring);
    free(buf);
}

static void a_number_that_came_before_and_a_malformed_record_become_gap_rows(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 16);
    push_delta(ring, 1);
    push_delta(ring, 2);
    push_delta(ring, 1);
    struct ev_fill f;
    memset(&f, 0, sizeof f);
    f.h.size = sizeof f;
    f.h.type = EV_FILL;
    f.h.source = EV_SRC_PRIVATE;
    f.h.ord = 1;
    memset(f.ticker, 'x', sizeof f.ticker); /* no end */
    assert_int_equal(ring_push(ring, &f, sizeof f), ST_OK);
    struct rec strange = {.size = sizeof strange, .type = 999};
    assert_int_equal(ring_push(ring, &strange, sizeof strange), ST_OK);
    push_delta(ring, 3);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 3);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason LIKE '%twice%'"), 1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason LIKE '%malformed%'"),
                     2);
    assert_int_equal(sql_number(path, "SELECT lost FROM session"), 3);
    ring_destroy(ring);
}

static void sessions_have_their_rows_outcome_and_numbers(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t last = 0;
    struct store *a = open_store(NULL, 0);
    int64_t first = store_session(a);
    assert_int_equal(sql_number(path, "SELECT outcome IS NULL FROM session"), 1);
    struct store *b = open_store(NULL, 0); /* the first still runs: it is not broken */
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE outcome='broken'"), 0);
    assert_int_equal(store_session(b), first + 1);
    store_close(a, "halted", 5);
    store_close(b, "done", 6);
    char text[32];
    sql_text(path, "SELECT outcome FROM session WHERE id=1", text, sizeof text);
    assert_string_equal(text, "halted");
    assert_int_equal(store_last_session(path, &last, &err), ST_OK);
    assert_int_equal(last, first + 1);
}

static void a_killed_run_is_marked_broken_by_the_next_and_keeps_what_was_committed(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ring *ring = NULL;
        struct store *s = open_store(&ring, 1 << 16);
        for (uint64_t i = 1; i <= 150; i++) {
            push_delta(ring, i);
        }
        store_work(s, 1, 0);
        push_delta(ring, 151); /* waits in memory only */
        store_work(s, 1, 1);
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(kill(child, 9), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct store *s = open_store(NULL, 0);
    char text[32];
    sql_text(path, "SELECT outcome FROM session WHERE id=1", text, sizeof text);
    assert_string_equal(text, "broken");
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta WHERE session=1"), 150);
    sql_check(path);
    store_close(s, "done", 5);
    close(ready[0]);
    close(ready[1]);
}

static void views_show_dollars_and_tickers(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(&ring, 1 << 16);
    struct ev_market m;
    memset(&m, 0, sizeof m);
    m.h.size = sizeof m;
    m.h.type = EV_MARKET;
    m.h.source = EV_SRC_MARKET;
    m.h.ord = 1;
    m.grid = grid_cents();
    strcpy(m.ticker, "KXTEST-1");
    assert_int_equal(ring_push(ring, &m, sizeof m), ST_OK);
    push_delta(ring, 2);
    struct rec_order o;
    memset(&o, 0, sizeof o);
    o.h.size = sizeof o;
    o.h.type = REC_ORDER;
    o.number = 1;
    o.yes_px = 4701;
    o.qty = 1000;
    for (int step = 0; step < 3; step++) {
        o.h.wall = (step + 1) * NS_PER_SEC;
        o.filled = step * 50;
        snprintf(o.to_name, sizeof o.to_name, "state-%d", step);
        assert_int_equal(ring_push(ring, &o, sizeof o), ST_OK);
    }
    store_close(s, "done", 5);
    char text[200];
    sql_text(path, "SELECT ticker||' '||side||' '||price||' '||change FROM deltas", text,
             sizeof text);
    assert_string_equal(text, "KXTEST-1 yes 0.4700 -12.34");
    sql_text(path,
             "SELECT number||' '||began||' '||changed||' '||yes_price||' '||count||' '||filled||' '"
             "||state FROM orders",
             text, sizeof text);
    assert_string_equal(text, "1 1970-01-01T00:00:01.000Z 1970-01-01T00:00:03.000Z 0.4701 10.00 "
                              "1.00 state-2");
    const char *views[] = {"ticker", "markets",  "deltas",         "trades",   "snapshots",
                           "fills",  "orders",   "decisions",      "accounts", "frames",
                           "gaps",   "sessions", "reconciliations"};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT * FROM %s) v", views[i]);
        assert_true(sql_number(path, sql) >= 0);
    }
    ring_destroy(ring);
}

static long long rows_of(int64_t session)
{
    long long n = 0;
    size_t layouts_n = 0;
    const struct layout *l = layouts(&layouts_n);
    for (size_t i = 0; i < layouts_n; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE session=%lld", l[i].table,
                 (long long)session);
        n += sql_number(path, sql);
    }
    return n;
}

static void a_pruned_session_is_gone_and_the_others_stay(void **state)
{
    (void)state;
    int64_t ids[2];
    struct rng rng;
    struct ring *ring = NULL;
    struct err err = {0};
    uint64_t *buf = malloc(RECORD_ROOM);
    rng_init(&rng, 11);
    for (int i = 0; i < 2; i++) {
        struct store *s = open_store(&ring, 1 << 22);
        for (uint16_t type = 1; type < REC_TYPE_MAX; type++) {
            if (layout_of(type) != NULL) {
                uint32_t size = make_record(&rng, type, 1, type, buf);
                assert_int_equal(ring_push(ring, buf, size), ST_OK);
            }
        }
        ids[i] = store_session(s);
        store_close(s, "done", 3000);
        ring_destroy(ring);
        assert_true(rows_of(ids[i]) > 20);
    }
    long long rows = rows_of(ids[1]);
    struct store *running = open_store(NULL, 0);
    struct store_pruner *p = NULL;
    assert_int_equal(store_pruner_open(path, 5, &p, &err), ST_OK);
    assert_int_equal(store_prune_session(p, ids[0], &err), ST_OK);
    assert_int_equal(store_prune_session(p, ids[0], &err), ST_NOT_FOUND);
    assert_int_equal(store_prune_session(p, store_session(running), &err), ST_STATE);
    store_close(running, "done", 4000);
    assert_int_equal(store_reclaim(p, &err), ST_OK);
    store_pruner_close(p);
    assert_int_equal(rows_of(ids[0]), 0);
    assert_int_equal(rows_of(ids[1]), rows);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session"), 2);
    free(buf);
}

static void *produce(void *arg)
{
    struct ring *ring = arg;
    for (uint64_t i = 1; i <= 50000; i++) {
        struct ev_delta d = make_delta(i);
        (void)!ring_push(ring, &d, sizeof d); /* never waits: what does not fit is lost */
    }
    return NULL;
}

static void beside_a_producer_every_number_is_stored_or_named(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_still(&ring, 1 << 15);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
    for (int turn = 0; turn < 2000; turn++) {
        (void)store_work(s, 1, turn);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT (SELECT count(*) FROM delta) + "
                                      "(SELECT coalesce(sum(lost), 0) FROM gap)"),
                     50000);
    ring_destroy(ring);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(random_events_come_back_byte_for_byte),
        T(random_records_of_every_type_come_back_byte_for_byte),
        T(a_decision_with_only_the_hash_of_its_values_takes_no_room_for_them),
        T(a_batch_is_committed_by_rows_or_by_age),
        T(a_hole_in_the_numbers_becomes_a_gap_row),
        T(what_a_full_ring_refused_is_counted_once),
        T(a_ring_that_stays_full_has_each_refused_record_named_once),
        T(refused_records_without_numbers_are_named_too),
        T(a_number_that_came_before_and_a_malformed_record_become_gap_rows),
        T(sessions_have_their_rows_outcome_and_numbers),
        T(a_killed_run_is_marked_broken_by_the_next_and_keeps_what_was_committed),
        T(views_show_dollars_and_tickers),
        T(a_pruned_session_is_gone_and_the_others_stay),
        T(beside_a_producer_every_number_is_stored_or_named),
    };
    return database_run_both(tests, sizeof tests / sizeof tests[0]);
}
