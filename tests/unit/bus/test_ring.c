#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bus/ring.h"

#define CAPACITY 4096

static struct ring *make(void)
{
    struct ring *ring = NULL;
    assert_int_equal(ring_create(CAPACITY, &ring), ST_OK);
    return ring;
}

/* A record of the given size, filled with a value that names it. */
static enum status push(struct ring *ring, uint32_t size, uint8_t value)
{
    uint8_t record[CAPACITY];
    memset(record, value, sizeof record);
    memcpy(record, &size, sizeof size);
    return ring_push(ring, record, size);
}

static void expect(struct ring *ring, uint32_t size, uint8_t value)
{
    const uint8_t *record = ring_peek(ring);
    assert_non_null(record);
    assert_memory_equal(record, &size, sizeof size);
    for (uint32_t i = sizeof size; i < size; i++) {
        assert_int_equal(record[i], value);
    }
    ring_pop(ring);
}

static void capacity_must_be_a_power_of_two_of_at_least_4096(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    assert_int_equal(ring_create(0, &ring), ST_INVALID);
    assert_int_equal(ring_create(2048, &ring), ST_INVALID);
    assert_int_equal(ring_create(4097, &ring), ST_INVALID);
    assert_int_equal(ring_create(12288, &ring), ST_INVALID);
    assert_null(ring);
    assert_int_equal(ring_create(8192, &ring), ST_OK);
    assert_int_equal(ring_capacity(ring), 8192);
    ring_destroy(ring);
    ring_destroy(NULL);
}

static void what_is_pushed_comes_out_in_order(void **state)
{
    (void)state;
    struct ring *ring = make();
    assert_null(ring_peek(ring));
    assert_int_equal(push(ring, 8, 1), ST_OK);
    assert_int_equal(push(ring, 64, 2), ST_OK);
    assert_int_equal(push(ring, 1024, 3), ST_OK);
    assert_int_equal(ring_used(ring), 8 + 64 + 1024);
    expect(ring, 8, 1);
    expect(ring, 64, 2);
    expect(ring, 1024, 3);
    assert_null(ring_peek(ring));
    assert_int_equal(ring_used(ring), 0);
    assert_int_equal(ring_used_max(ring), 8 + 64 + 1024);
    ring_destroy(ring);
}

static void sizes_that_no_record_can_have_are_refused(void **state)
{
    (void)state;
    struct ring *ring = make();
    assert_int_equal(push(ring, 0, 1), ST_INVALID);
    assert_int_equal(push(ring, 12, 1), ST_INVALID);
    assert_int_equal(push(ring, CAPACITY / 4 + 8, 1), ST_INVALID);
    assert_int_equal(ring_refused(ring),
                     3); /* what is too long is lost, and somebody must say so */
    assert_int_equal(push(ring, CAPACITY / 4, 1), ST_OK);
    assert_int_equal(ring_refused(ring), 3);
    ring_destroy(ring);
}

static void a_full_ring_refuses_counts_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct ring *ring = make();
    for (uint8_t i = 0; i < 4; i++) {
        assert_int_equal(push(ring, 1024, i), ST_OK);
    }
    assert_int_equal(push(ring, 8, 99), ST_FULL);
    assert_null(ring_claim(ring, 8));
    assert_int_equal(ring_refused(ring), 2);
    assert_int_equal(ring_used(ring), CAPACITY);
    for (uint8_t i = 0; i < 4; i++) {
        expect(ring, 1024, i);
    }
    assert_int_equal(push(ring, 8, 5), ST_OK);
    expect(ring, 8, 5);
    ring_destroy(ring);
}

static void a_record_is_contiguous_across_the_wrap(void **state)
{
    (void)state;
    struct ring *ring = make();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(push(ring, 1024, 1), ST_OK);
        expect(ring, 1024, 1);
    }
    assert_int_equal(push(ring, 1000, 2), ST_OK); /* 24 bytes are left before the end */
    assert_int_equal(push(ring, 32, 3), ST_OK);   /* does not fit there: padding, then the start */
    assert_int_equal(ring_used(ring), 1000 + 24 + 32);
    expect(ring, 1000, 2);
    expect(ring, 32, 3);
    assert_null(ring_peek(ring));
    assert_int_equal(ring_used(ring), 0);
    ring_destroy(ring);
}

static void a_record_that_ends_at_the_end_needs_no_padding(void **state)
{
    (void)state;
    struct ring *ring = make();
    for (int round = 0; round < 5; round++) {
        for (uint8_t i = 0; i < 8; i++) {
            assert_int_equal(push(ring, 512, i), ST_OK);
        }
        assert_int_equal(ring_used(ring), CAPACITY);
        for (uint8_t i = 0; i < 8; i++) {
            expect(ring, 512, i);
        }
    }
    ring_destroy(ring);
}

static void the_smallest_padding_is_one_word(void **state)
{
    (void)state;
    struct ring *ring = make();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(push(ring, 1024, 1), ST_OK);
        expect(ring, 1024, 1);
    }
    assert_int_equal(push(ring, 1016, 1), ST_OK); /* 8 bytes are left */
    assert_int_equal(push(ring, 16, 2), ST_OK);
    expect(ring, 1016, 1);
    expect(ring, 16, 2);
    ring_destroy(ring);
}

static void a_claim_is_seen_only_after_its_commit(void **state)
{
    (void)state;
    struct ring *ring = make();
    uint32_t *room = ring_claim(ring, 16);
    assert_non_null(room);
    room[0] = 16;
    room[2] = 7;
    assert_null(ring_peek(ring));
    ring_commit(ring);
    const uint32_t *record = ring_peek(ring);
    assert_non_null(record);
    assert_int_equal(record[2], 7);
    assert_ptr_equal(ring_peek(ring), record); /* peeking twice is the same record */
    ring_pop(ring);
    ring_destroy(ring);
}

static void the_high_water_mark_is_not_a_cached_guess(void **state)
{
    (void)state;
    struct ring *ring = make();
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(push(ring, 64, 1), ST_OK);
        expect(ring, 64, 1);
    }
    assert_int_equal(ring_used_max(ring), 64);
    ring_destroy(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_must_be_a_power_of_two_of_at_least_4096),
        cmocka_unit_test(what_is_pushed_comes_out_in_order),
        cmocka_unit_test(sizes_that_no_record_can_have_are_refused),
        cmocka_unit_test(a_full_ring_refuses_counts_and_keeps_what_it_has),
        cmocka_unit_test(a_record_is_contiguous_across_the_wrap),
        cmocka_unit_test(a_record_that_ends_at_the_end_needs_no_padding),
        cmocka_unit_test(the_smallest_padding_is_one_word),
        cmocka_unit_test(a_claim_is_seen_only_after_its_commit),
        cmocka_unit_test(the_high_water_mark_is_not_a_cached_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
