#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/idmap.h"
#include "base/rng.h"

static void what_was_put_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct idmap m;
    assert_int_equal(idmap_init(&m, 10), ST_OK);
    assert_int_equal(idmap_get(&m, TEXT("a")), IDMAP_NONE);
    assert_int_equal(idmap_put(&m, TEXT("a"), 1), ST_OK);
    assert_int_equal(idmap_put(&m, TEXT("ab"), 2), ST_OK);
    assert_int_equal(idmap_put(&m, TEXT("a"), 3), ST_OK); /* replaces */
    assert_int_equal(idmap_get(&m, TEXT("a")), 3);
    assert_int_equal(idmap_get(&m, TEXT("ab")), 2);
    assert_true(idmap_remove(&m, TEXT("a")));
    assert_false(idmap_remove(&m, TEXT("a")));
    assert_int_equal(idmap_get(&m, TEXT("a")), IDMAP_NONE);
    assert_int_equal(idmap_get(&m, TEXT("ab")), 2);
    idmap_finish(&m);
}

static void the_empty_key_is_a_key(void **state)
{
    (void)state;
    struct idmap m;
    assert_int_equal(idmap_init(&m, 10), ST_OK);
    assert_int_equal(idmap_get(&m, (struct text){NULL, 0}), IDMAP_NONE);
    assert_int_equal(idmap_put(&m, (struct text){NULL, 0}, 5), ST_OK);
    assert_int_equal(idmap_get(&m, TEXT("")), 5);
    assert_int_equal(idmap_get(&m, (struct text){NULL, 0}), 5);
    assert_true(idmap_remove(&m, TEXT("")));
    idmap_finish(&m);
}

static void the_maximum_is_of_live_entries(void **state)
{
    (void)state;
    struct idmap m;
    assert_int_equal(idmap_init(&m, 2), ST_OK);
    assert_int_equal(idmap_put(&m, TEXT("a"), 1), ST_OK);
    assert_int_equal(idmap_put(&m, TEXT("b"), 2), ST_OK);
    assert_int_equal(idmap_put(&m, TEXT("c"), 3), ST_LIMIT);
    assert_int_equal(idmap_put(&m, TEXT("b"), 4), ST_OK);
    assert_true(idmap_remove(&m, TEXT("a")));
    assert_int_equal(idmap_put(&m, TEXT("c"), 3), ST_OK);
    assert_int_equal(idmap_get(&m, TEXT("c")), 3);
    idmap_finish(&m);
}

#define KEYS 600

static void random_use_agrees_with_an_array(void **state)
{
    (void)state;
    static uint32_t model[KEYS];
    struct idmap m;
    struct rng rng;
    rng_init(&rng, 11);
    assert_int_equal(idmap_init(&m, KEYS), ST_OK);
    for (int i = 0; i < KEYS; i++) {
        model[i] = IDMAP_NONE;
    }
    for (int step = 0; step < 200000; step++) {
        unsigned k = (unsigned)rng_below(&rng, KEYS);
        char key[16];
        snprintf(key, sizeof key, "KX-%u", k);
        uint64_t what = rng_below(&rng, 3);
        if (what == 0) {
            uint32_t v = (uint32_t)rng_below(&rng, 1000);
            assert_int_equal(idmap_put(&m, text_of(key), v), ST_OK);
            model[k] = v;
        } else if (what == 1) {
            assert_int_equal(idmap_remove(&m, text_of(key)), model[k] != IDMAP_NONE);
            model[k] = IDMAP_NONE;
        } else {
            assert_int_equal(idmap_get(&m, text_of(key)), model[k]);
        }
    }
    /* Entries that come and go do not make it grow without end. */
    assert_true(m.cap <= 8 * KEYS);
    idmap_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_it_is_removed),
        cmocka_unit_test(the_empty_key_is_a_key),
        cmocka_unit_test(the_maximum_is_of_live_entries),
        cmocka_unit_test(random_use_agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
