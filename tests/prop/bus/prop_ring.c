/* Random pushes, claims and pops against a plain queue of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "bus/ring.h"

#define CAPACITY 8192
#define STEPS    200000

struct item {
    uint32_t size;
    uint8_t value;
};

struct model {
    struct item items[CAPACITY / 8];
    size_t first, n;
};

static void model_push(struct model *m, uint32_t size, uint8_t value)
{
    m->items[(m->first + m->n) % (CAPACITY / 8)] = (struct item){size, value};
    m->n++;
}

static void check_oldest(struct ring *ring, struct model *m)
{
    const uint8_t *got = ring_peek(ring);
    if (m->n == 0) {
        assert_null(got);
        return;
    }
    struct item want = m->items[m->first];
    assert_non_null(got);
    assert_memory_equal(got, &want.size, 4);
    for (uint32_t i = 4; i < want.size; i++) {
        assert_int_equal(got[i], want.value);
    }
    ring_pop(ring);
    m->first = (m->first + 1) % (CAPACITY / 8);
    m->n--;
}

static void the_ring_is_a_queue(void **state)
{
    (void)state;
    uint64_t seed = 20261123;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rng rng;
    rng_init(&rng, seed);
    struct ring *ring = NULL;
    static struct model m;
    assert_int_equal(ring_create(CAPACITY, &ring), ST_OK);
    uint64_t bytes = 0; /* of records in the ring, without padding */
    uint64_t refused = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t lean = (uint64_t)step / 500 % 3; /* stretches of filling, draining, and between */
        if (rng_below(&rng, 4) < 1 + lean) {
            uint32_t size = 8 * (uint32_t)(1 + rng_below(&rng, rng_below(&rng, 8) == 0 ? 256 : 12));
            uint8_t value = (uint8_t)rng_next(&rng);
            uint8_t *room = ring_claim(ring, size);
            if (room == NULL) {
                refused++;
                /* Refused only when nearly full: padding, old and new, is at most a quarter each.
                 */
                assert_true(bytes + size + CAPACITY / 2 > CAPACITY);
                continue;
            }
            memset(room, value, size);
            memcpy(room, &size, sizeof size);
            ring_commit(ring);
            model_push(&m, size, value);
            bytes += size;
        } else {
            if (m.n > 0) {
                bytes -= m.items[m.first].size;
            }
            check_oldest(ring, &m);
        }
        assert_true(ring_used(ring) >= bytes && ring_used(ring) <= CAPACITY);
        assert_true(ring_used_max(ring) >= ring_used(ring));
        assert_int_equal(ring_refused(ring), refused);
    }
    assert_true(refused > 100); /* the test reached both ends */
    while (m.n > 0) {
        check_oldest(ring, &m);
    }
    assert_null(ring_peek(ring));
    ring_destroy(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_ring_is_a_queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
