/* test_store_parts.c - claims about the store's parts: queue, losses, encoded values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "store/layout.h"
#include "store/losses.h"
#include "store/queue.h"

/* --- queue --- */

struct item {
    uint32_t size, pad;
    uint64_t number;
};

static void push(struct queue *q, uint64_t number, uint32_t size)
{
    struct item *i = calloc(1, size);
    assert_non_null(i);
    i->size = size;
    i->number = number;
    assert_int_equal(queue_push(q, i, size), ST_OK);
    free(i);
}

static void the_queue_gives_back_what_was_pushed_in_order(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    struct queue q = {0};
    uint64_t in = 0, out = 0;
    for (int round = 0; round < 300; round++) {
        for (uint64_t k = rng_below(&rng, 100); k > 0; k--) {
            push(&q, in++, 16 + 8 * (uint32_t)rng_below(&rng, round % 10 == 0 ? 40000 : 20));
        }
        struct queue_cursor c = queue_begin(&q);
        for (uint64_t k = rng_below(&rng, 100); k > 0; k--) {
            const struct item *i = queue_next(&c);
            if (i == NULL) {
                assert_int_equal(out, in);
                break;
            }
            assert_int_equal(i->number, out++);
        }
        queue_pop(&q, &c);
        assert_int_equal(q.records, in - out);
    }
    queue_finish(&q);
    assert_int_equal(q.bytes, 0);
}

static bool odd(void *self, const void *record)
{
    (void)self;
    return ((const struct item *)record)->number % 2 == 1;
}

static void thinning_drops_the_oldest_that_may_go_and_keeps_the_order(void **state)
{
    (void)state;
    struct queue q = {0};
    for (uint64_t i = 0; i < 100000; i++) {
        push(&q, i, 64);
    }
    size_t target = q.bytes * 3 / 4;
    queue_thin(&q, target, 0, odd, NULL);
    assert_true(q.bytes <= target);
    struct queue_cursor c = queue_begin(&q);
    uint64_t n = 0, last = 0, odd_first = 0;
    for (const struct item *i = queue_next(&c); i != NULL; i = queue_next(&c), n++) {
        assert_true(n == 0 || i->number > last);
        /* Behind the first odd one nothing is missing. */
        assert_true(odd_first == 0 || i->number == last + 1);
        last = i->number;
        odd_first = odd_first == 0 && i->number % 2 == 1 ? i->number : odd_first;
    }
    assert_true(odd_first > 0);
    assert_int_equal(n, q.records);
    assert_int_equal(last, 99999);
    queue_thin(&q, 0, 0, odd, NULL);
    assert_true(q.records >= 50000);
    queue_finish(&q);
}

/* --- losses --- */

static bool note(struct losses *l, uint16_t source, uint64_t ord, struct rec_gap *gap)
{
    struct ev ev;
    memset(&ev, 0, sizeof ev);
    ev.type = EV_LINK;
    ev.source = source;
    ev.ord = ord;
    return losses_note(l, &ev, 9, gap);
}

static void holes_are_found_for_each_source_apart(void **state)
{
    (void)state;
    struct losses l = {.next_turn = 0};
    struct rec_gap gap;
    assert_false(note(&l, EV_SRC_MARKET, 1, &gap));
    assert_false(note(&l, EV_SRC_PRIVATE, 1, &gap));
    assert_true(note(&l, EV_SRC_MARKET, 4, &gap));
    assert_int_equal(gap.lost, 2);
    assert_int_equal(gap.seq_expected, 2);
    assert_int_equal(gap.seq_got, 4);
    assert_int_equal(gap.h.source, EV_SRC_MARKET);
    assert_false(note(&l, EV_SRC_MARKET, 3, &gap)); /* late or twice: no new hole */
    assert_false(note(&l, EV_SRC_MARKET, 5, &gap));
    assert_true(note(&l, EV_SRC_ANSWER, 2, &gap)); /* the first was number 1 */
    assert_int_equal(gap.lost, 1);
}

/* --- encoded values --- */

static void levels_come_back_whatever_they_are(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 13);
    struct level in[50], out[50];
    uint8_t bytes[50 * 20];
    for (int round = 0; round < 2000; round++) {
        uint64_t n = rng_below(&rng, 51);
        for (uint64_t i = 0; i < n; i++) {
            in[i].px = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
            in[i].qty = -(int64_t)(rng_next(&rng) >> 1 >> rng_below(&rng, 63));
        }
        if (n > 1) {
            in[0] = (struct level){INT64_MIN, INT64_MIN};
            in[1] = (struct level){INT64_MAX, INT64_MAX};
        }
        size_t len = levels_encode(in, n, bytes);
        assert_true(len <= levels_encoded_max(n));
        assert_int_equal(levels_decode(bytes, len, out, n), ST_OK);
        assert_true(n == 0 || memcmp(in, out, n * sizeof *in) == 0);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(levels_decode(bytes, cut, out, n), ST_MALFORMED);
        }
    }
}

static void a_cents_book_takes_few_bytes(void **state)
{
    (void)state;
    struct level in[99];
    uint8_t bytes[99 * 20];
    for (int i = 0; i < 99; i++) {
        in[i] = (struct level){(i + 1) * 100, 10000};
    }
    assert_true(levels_encode(in, 99, bytes) <= 99 * 5);
}

static void grids_come_back_and_wrong_text_is_refused(void **state)
{
    (void)state;
    const char *names[] = {"linear_cent", "deci_cent", "tapered_deci_cent"};
    for (size_t i = 0; i < 3; i++) {
        struct grid in, out;
        char text[GRID_TEXT_MAX];
        assert_int_equal(grid_named(&in, names[i]), ST_OK);
        grid_to_text(&in, text);
        assert_int_equal(grid_from_text(text, &out), ST_OK);
        assert_memory_equal(&in, &out, sizeof in);
    }
    const char *too_many =
        "1 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0 0:1:1:0";
    const char *bad[] = {"", "x", "99 0:1", "99 0:1:1:0 z", too_many};
    struct grid g;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(grid_from_text(bad[i], &g), ST_MALFORMED);
    }
}

static void every_layout_covers_its_struct_without_overlap(void **state)
{
    (void)state;
    size_t n = 0;
    const struct layout *l = layouts(&n);
    for (size_t k = 0; k < n; k++) {
        assert_ptr_equal(layout_of(l[k].type), &l[k]);
        assert_true(l[k].n_fields <= LAYOUT_FIELDS_MAX);
        uint8_t used[1024] = {0};
        assert_true(l[k].size <= sizeof used);
        for (uint32_t i = 0; i < l[k].n_fields; i++) {
            const struct field *f = &l[k].fields[i];
            for (uint32_t b = f->offset; b < f->offset + f->size; b++) {
                assert_int_equal(used[b]++, 0);
            }
        }
    }
    assert_null(layout_of(EV_NONE));
    assert_null(layout_of(EV_TYPE_MAX));
    assert_null(layout_of(REC_BASE));
    assert_null(layout_of(REC_TYPE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_gives_back_what_was_pushed_in_order),
        cmocka_unit_test(thinning_drops_the_oldest_that_may_go_and_keeps_the_order),
        cmocka_unit_test(holes_are_found_for_each_source_apart),
        cmocka_unit_test(levels_come_back_whatever_they_are),
        cmocka_unit_test(a_cents_book_takes_few_bytes),
        cmocka_unit_test(grids_come_back_and_wrong_text_is_refused),
        cmocka_unit_test(every_layout_covers_its_struct_without_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
