/* Two threads on one ring: every record arrives whole, once, and in order. Also run under TSan. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "bus/bus.h"
#include "bus/ring.h"

#define RECORDS 300000

struct record {
    uint32_t size;
    uint32_t unused;
    uint64_t number;
    uint64_t words[];
};

/* Sizes come from a generator that both threads run on their own. */
static uint32_t next_size(struct rng *rng)
{
    return 16 + 8 * (uint32_t)rng_below(rng, 24);
}

static void *produce(void *arg)
{
    struct ring *ring = arg;
    struct rng rng;
    rng_init(&rng, 7);
    for (uint64_t n = 0; n < RECORDS; n++) {
        uint32_t size = next_size(&rng);
        struct record *r = ring_claim(ring, size);
        while (r == NULL) {
            sched_yield();
            r = ring_claim(ring, size);
        }
        r->size = size;
        r->unused = 0;
        r->number = n;
        for (uint32_t i = 0; i < (size - 16) / 8; i++) {
            r->words[i] = n * 31 + i;
        }
        ring_commit(ring);
    }
    return NULL;
}

static void every_record_arrives_whole_once_and_in_order(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    assert_int_equal(ring_create(4096, &ring), ST_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
    struct rng rng;
    rng_init(&rng, 7);
    for (uint64_t n = 0; n < RECORDS; n++) {
        const struct record *r = ring_peek(ring);
        while (r == NULL) {
            sched_yield();
            r = ring_peek(ring);
        }
        assert_true(ring_used(ring) <= ring_capacity(ring));
        assert_int_equal(r->size, next_size(&rng));
        assert_int_equal(r->number, n);
        for (uint32_t i = 0; i < (r->size - 16) / 8; i++) {
            assert_true(r->words[i] == n * 31 + i);
        }
        ring_pop(ring);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_null(ring_peek(ring));
    assert_true(ring_used_max(ring) <= 4096);
    ring_destroy(ring);
}

struct publisher {
    struct bus *bus;
    uint64_t lost;
};

static void *publish(void *arg)
{
    struct publisher *p = arg;
    for (uint64_t n = 1; n <= RECORDS; n++) {
        struct ev ev = {.size = sizeof ev, .type = EV_TRADE, .ord = n};
        p->lost += bus_publish(p->bus, &ev);
    }
    return NULL;
}

/* The publisher never waits: what a subscriber misses is exactly what was counted for it. */
static void received_and_dropped_add_up_to_what_was_published(void **state)
{
    (void)state;
    struct publisher p = {0};
    struct bus_sub *sub = NULL;
    assert_int_equal(bus_create(&p.bus), ST_OK);
    assert_int_equal(bus_subscribe(p.bus, "reader", 4096, BUS_ALL_TYPES, NULL, &sub), ST_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, publish, &p), 0);
    uint64_t received = 0;
    uint64_t last = 0;
    bool whole = false;
    while (!whole) {
        whole = bus_published(p.bus) == RECORDS; /* before the last look, so that none is missed */
        for (const struct ev *ev = bus_peek(sub); ev != NULL; ev = bus_peek(sub)) {
            assert_true(ev->ord > last);
            last = ev->ord;
            received++;
            bus_pop(sub);
        }
        sched_yield();
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(received + bus_sub_dropped(sub), RECORDS);
    assert_int_equal(p.lost, bus_sub_dropped(sub));
    bus_destroy(p.bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_arrives_whole_once_and_in_order),
        cmocka_unit_test(received_and_dropped_add_up_to_what_was_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
