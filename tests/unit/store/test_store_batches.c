/*
 * test_store_batches.c - random batches of all types, with numbers that come twice and malformed
 * records among them, against the obvious model: what is whole and new comes back byte for byte in
 * its order, each of the others is named by one gap row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "databases.h"
#include "make_records.h"
#include "store/store.h"

#define TYPES      32 /* store_type_index() */
#define RING_BYTES ((size_t)8 << 20)

/* Records as they must come back, one behind the other. */
struct lane {
    uint8_t *p;
    size_t n, cap, at;
};

struct model {
    struct rng rng;
    struct lane sources[EV_SRC_MAX]; /* events of all types, in order of their number */
    struct lane types[TYPES];        /* records */
    uint64_t ord[EV_SRC_MAX], turn, decision;
    uint64_t twice, malformed;
    uint64_t *record;   /* the one that was made last */
    uint64_t *keyed[8]; /* some that have a number, to come again */
};

static void lane_add(struct lane *l, const void *record, uint32_t size)
{
    if (l->n + size > l->cap) {
        l->cap = (l->n + size) * 2;
        l->p = realloc(l->p, l->cap);
        assert_non_null(l->p);
    }
    memcpy(l->p + l->n, record, size);
    l->n += size;
}

static enum status lane_compare(void *self, const void *record)
{
    struct lane *l = self;
    uint32_t size;
    memcpy(&size, record, sizeof size);
    assert_true(l->at + size <= l->n);
    assert_memory_equal(l->p + l->at, record, size);
    l->at += size;
    return ST_OK;
}

static enum status lane_compare_event(void *self, const struct ev *ev)
{
    return lane_compare(self, ev);
}

static void push(struct store *s, struct ring *ring, const void *record)
{
    while (ring_push(ring, record, ((const struct rec *)record)->size) != ST_OK) {
        store_flush(s, 1, 0);
    }
}

static void remember(struct model *m, const void *record, uint32_t size)
{
    uint64_t **place = &m->keyed[rng_below(&m->rng, 8)];
    *place = realloc(*place, size);
    assert_non_null(*place);
    memcpy(*place, record, size);
}

/* A whole record with a new number. */
static uint32_t make_new(struct model *m)
{
    uint16_t source = (uint16_t)rng_below(&m->rng, EV_SRC_MAX), type;
    uint32_t size;
    if (rng_below(&m->rng, 3) > 0) {
        type = event_types[rng_below(&m->rng, 12)];
        size = make_record(&m->rng, type, source, ++m->ord[source], m->record);
        lane_add(&m->sources[source], m->record, size);
        remember(m, m->record, size);
        return size;
    }
    size_t n = 0;
    while (record_types[n] != 0) {
        n++;
    }
    do {
        type = record_types[rng_below(&m->rng, n)];
    } while (type == REC_GAP); /* the store writes some of its own between them */
    uint64_t number = type == REC_TURN       ? ++m->turn
                      : type == REC_DECISION ? ++m->decision
                                             : rng_next(&m->rng);
    size = make_record(&m->rng, type, 0, number, m->record);
    lane_add(&m->types[store_type_index(type)], m->record, size);
    if (type == REC_TURN || type == REC_DECISION) {
        remember(m, m->record, size);
    }
    return size;
}

/* An event that cannot be one; it has the next number of its source, or a type of no table. */
static void make_malformed(struct model *m)
{
    struct ev_fill f;
    memset(&f, 0, sizeof f);
    f.h = (struct ev){.size = sizeof f, .type = EV_FILL, .source = EV_SRC_PRIVATE};
    switch (rng_below(&m->rng, 3)) {
    case 0:
        memset(f.order_id, 'x', sizeof f.order_id); /* no end */
        f.h.ord = ++m->ord[EV_SRC_PRIVATE];
        break;
    case 1:
        f.h.size -= 8;
        f.h.ord = ++m->ord[EV_SRC_PRIVATE];
        break;
    default:
        f.h.type = 999;
        break;
    }
    memcpy(m->record, &f, sizeof f);
    m->malformed++;
}

static void push_one(struct model *m, struct store *s, struct ring *ring)
{
    uint64_t dice = rng_below(&m->rng, 40);
    uint64_t *again = m->keyed[rng_below(&m->rng, 8)];
    if (dice == 0 && again != NULL) {
        push(s, ring, again);
        m->twice++;
        return;
    }
    if (dice == 1) {
        make_malformed(m);
    } else {
        (void)make_new(m);
    }
    push(s, ring, m->record);
}

static void all_came_back(struct model *m, const char *path, int64_t session)
{
    struct err err = {0};
    for (int i = 0; i < EV_SRC_MAX; i++) {
        enum status st = store_read_events(path, session, (enum ev_source)i, lane_compare_event,
                                           &m->sources[i], &err);
        assert_string_equal(err.text, "");
        assert_int_equal(st, ST_OK);
        assert_int_equal(m->sources[i].at, m->sources[i].n);
    }
    for (size_t k = 0; record_types[k] != 0; k++) {
        struct lane *l = &m->types[store_type_index(record_types[k])];
        if (record_types[k] != REC_GAP) {
            assert_int_equal(
                store_read_records(path, session, record_types[k], lane_compare, l, &err), ST_OK);
            assert_int_equal(l->at, l->n);
        }
    }
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason LIKE '%came twice%'"),
                     (long long)m->twice);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason LIKE '%malformed%'"),
                     (long long)m->malformed);
    /* No other hole is named, but pushes for which there was no room and which were repeated. */
    assert_int_equal(sql_number(path,
                                "SELECT count(*) FROM gap WHERE reason NOT LIKE '%came twice%'"
                                " AND reason NOT LIKE '%malformed%'"
                                " AND reason NOT LIKE '%records missing%'"),
                     0);
    digests_are_right(path);
}

static void try_seed(uint64_t seed)
{
    char folder[64], path[DATABASE_MAX];
    struct model m;
    struct ring *ring = NULL;
    struct store *s = NULL;
    struct err err = {0};
    struct store_config config = store_config_default();
    memset(&m, 0, sizeof m);
    rng_init(&m.rng, seed);
    make_folder(folder);
    database_new(folder, path);
    config.path = path;
    assert_int_equal(store_open(&config, 1000, &s, &err), ST_OK);
    assert_int_equal(ring_create(RING_BYTES, &ring), ST_OK);
    store_add_ring(s, ring);
    m.record = malloc(RECORD_ROOM);
    assert_non_null(m.record);
    for (int batch = 0; batch < 12; batch++) {
        /* One of the batches is longer than what is given to the back end at once. */
        uint64_t n = batch == 6 ? 9000 : 1 + rng_below(&m.rng, 300);
        for (uint64_t i = 0; i < n; i++) {
            push_one(&m, s, ring);
        }
        store_flush(s, 1, batch);
    }
    int64_t session = store_session(s);
    store_close(s, "done", 3000);
    assert_true(m.twice > 0 && m.malformed > 0);
    all_came_back(&m, path, session);
    ring_destroy(ring);
    free(m.record);
    for (size_t i = 0; i < 8; i++) {
        free(m.keyed[i]);
    }
    for (size_t i = 0; i < EV_SRC_MAX; i++) {
        free(m.sources[i].p);
    }
    for (size_t i = 0; i < TYPES; i++) {
        free(m.types[i].p);
    }
    remove_folder(folder);
}

static void what_is_whole_and_new_comes_back_and_the_rest_is_named(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        try_seed(seed);
    }
}

/* --- how long a transaction is --- */

struct steps {
    mono_ns_t now, step; /* the clock moves by step when it is asked */
};

static mono_ns_t stepping(void *self)
{
    struct steps *t = self;
    t->now += t->step;
    return t->now;
}

static void no_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    (void)ns;
}

/* Rows of the first transaction when 60,000 records wait. */
static uint64_t first_of_many(mono_ns_t step)
{
    char folder[64], path[DATABASE_MAX];
    struct steps steps = {.now = 1, .step = step};
    struct ring *ring = NULL;
    struct store *s = NULL;
    struct err err = {0};
    struct store_config config = store_config_default();
    make_folder(folder);
    database_new(folder, path);
    config.path = path;
    config.time = (struct store_time){stepping, no_sleep, &steps};
    assert_int_equal(store_open(&config, 1000, &s, &err), ST_OK);
    assert_int_equal(ring_create(RING_BYTES, &ring), ST_OK);
    store_add_ring(s, ring);
    for (uint64_t i = 1; i <= 60000; i++) {
        struct ev_delta d = make_delta(i);
        assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
    }
    (void)store_work(s, 1, 1);
    uint64_t rows = store_stats(s)->rows;
    assert_int_equal(store_stats(s)->batches, 1);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), (long long)rows);
    store_close(s, "done", 2000);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 60000);
    ring_destroy(ring);
    remove_folder(folder);
    return rows;
}

static void only_a_server_that_keeps_up_gets_longer_transactions(void **state)
{
    (void)state;
    assert_int_equal(first_of_many(0), database_is_pg ? 60000 : 20000);
    assert_int_equal(first_of_many(NS_PER_SEC), 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_server_that_keeps_up_gets_longer_transactions),
        cmocka_unit_test(what_is_whole_and_new_comes_back_and_the_rest_is_named),
    };
    return database_run_both(tests, sizeof tests / sizeof tests[0]);
}
