/*
 * A tiny exchange that delays, repeats, reorders, loses and fails, against the engine: when all is
 * quiet, both have the same money to the last micro-dollar, and no order was forgotten or doubled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world/world.h"

static uint32_t seeds(uint32_t usual)
{
    const char *s = getenv("DELTAFLOW_SEEDS");
    return s != NULL ? (uint32_t)strtoul(s, NULL, 10) : usual;
}

static uint64_t first_seed(void)
{
    const char *s = getenv("DELTAFLOW_SEED");
    return s != NULL ? strtoull(s, NULL, 10) : 1;
}

static uint32_t some(struct rng *r, uint32_t most)
{
    return rng_below(r, 2) == 0 ? 0 : (uint32_t)rng_below(r, most);
}

static struct world_config random_world(uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed * 77 + 5);
    struct world_config c = world_config_default(seed);
    c.n_markets = 1 + (uint32_t)rng_below(&r, 4);
    c.cash = (usd_t)(20 + rng_below(&r, 400)) * USD_ONE;
    c.engine.orders.style = (enum price_style)rng_below(&r, 3);
    c.engine.orders.tif = rng_below(&r, 4) == 0 ? GW_IOC : GW_GTC;
    c.engine.orders.allow_short = rng_below(&r, 3) == 0;
    c.engine.orders.order_qty = (qty_t)(1 + rng_below(&r, 2000));
    c.engine.orders.amend = rng_below(&r, 3) != 0;
    c.engine.orders.market_orders_max = 1 + (uint32_t)rng_below(&r, 3);
    c.engine.orders.age_max = some(&r, 20) * NS_PER_SEC;
    c.engine.orders.distance_max = some(&r, 5) * PX_CENT;
    c.engine.orders.limits.duplicate = some(&r, 2) * 100 * NS_PER_MS;
    if (rng_below(&r, 2) == 0) {
        c.engine.orders.write_rate = 10000;
        c.engine.orders.write_capacity = 10000;
    }
    struct tiny_faults *f = &c.faults;
    f->rate_limit = some(&r, 100);
    f->not_sent = some(&r, 100);
    f->auth = some(&r, 30);
    f->fail_before = some(&r, 100);
    f->fail_after = some(&r, 100);
    f->timeout_before = some(&r, 60);
    f->timeout_after = some(&r, 60);
    f->timeout_late = some(&r, 60);
    f->private_lost = some(&r, 300);
    f->private_twice = some(&r, 300);
    f->by_hand = some(&r, 20);
    f->read_fails = some(&r, 200);
    f->delay_max = (mono_ns_t)rng_below(&r, 120) * NS_PER_MS;
    f->late_max = 1800 * NS_PER_MS;
    f->stale_max = some(&r, 2) * 400 * NS_PER_MS;
    return c;
}

static void after_quiet_both_have_the_same_account(void **state)
{
    (void)state;
    uint64_t fills = 0;
    uint64_t orders = 0;
    uint64_t unknown = 0;
    uint64_t faults = 0;
    uint64_t from = first_seed();
    uint32_t n = seeds(60);
    for (uint64_t seed = from; seed < from + n; seed++) {
        struct world_config c = random_world(seed);
        struct world *w = world_create(&c);
        char why[200] = "";
        world_run(w, 600);
        bool quiet = world_quiesce(w);
        bool same = quiet && world_agrees(w, why, sizeof why);
        const struct orders_stats *st = orders_stats(engine_orders(w->engine));
        fills += st->fills;
        orders += st->sent;
        unknown += st->unknown;
        faults += tiny_faults_done(w->tiny);
        if (!same) {
            print_error("seed %llu: %s\n", (unsigned long long)seed,
                        quiet ? why : "it never gets quiet");
        }
        assert_true(same);
        world_destroy(w);
    }
    print_message("seeds %llu..%llu: %llu orders, %llu fills, %llu unknown outcomes, %llu faults\n",
                  (unsigned long long)from, (unsigned long long)(from + n - 1),
                  (unsigned long long)orders, (unsigned long long)fills,
                  (unsigned long long)unknown, (unsigned long long)faults);
    if (n >= 60) {
        assert_true(fills > 1000 && orders > 1000 && unknown > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_quiet_both_have_the_same_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
