/*
 * Same inputs, same bits: in one process twice, and in every build against one constant. When a
 * recorded run is fed to a new engine: tests/prop/world.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world/world.h"

/* Of golden_world(): made by gcc, debug. A change of records, features, rules or of the tiny
 * exchange changes it; then it is to be written anew, on purpose. */
#define GOLDEN "25a6a847081cac14e2d24833f02d6ff6"

static struct world_config golden_world(enum world_policy policy)
{
    struct world_config c = world_config_default(20261123);
    c.policy = policy;
    c.faults = (struct tiny_faults){
        .rate_limit = 20,
        .fail_after = 30,
        .timeout_before = 20,
        .private_lost = 50,
        .private_twice = 100,
        .by_hand = 5,
        .delay_max = 40 * NS_PER_MS,
        .late_max = 1500 * NS_PER_MS,
    };
    return c;
}

static void run(enum world_policy policy, char digest[33], uint64_t *ret_orders)
{
    struct world_config c = golden_world(policy);
    struct world *w = world_create(&c);
    world_run(w, 1500);
    assert_true(world_quiesce(w));
    digest_text(&w->digest, digest);
    *ret_orders = orders_stats(engine_orders(w->engine))->sent;
    world_destroy(w);
}

static void the_same_seed_gives_the_same_records_twice(void **state)
{
    (void)state;
    char a[33];
    char b[33];
    uint64_t orders = 0;
    run(WORLD_RANDOM, a, &orders);
    run(WORLD_RANDOM, b, &orders);
    assert_string_equal(a, b);
    assert_true(orders > 50);
}

static void a_small_network_gives_the_golden_digest_in_every_build(void **state)
{
    (void)state;
    char a[33];
    uint64_t orders = 0;
    run(WORLD_LINEAR, a, &orders);
    assert_true(orders > 20);
    assert_string_equal(a, GOLDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_records_twice),
        cmocka_unit_test(a_small_network_gives_the_golden_digest_in_every_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
