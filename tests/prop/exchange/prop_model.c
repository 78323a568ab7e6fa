/*
 * prop_model.c - random worlds of the whole client and the whole simulator in virtual time:
 * intents, answers, fills, losses, duplicates, delays, and crashes of the client at any instant.
 *
 * After quiet, orders, cash, positions and fees are equal; no order was sent twice, and none passed
 * the gate that a slow look from outside would have refused (tests/world/real_judge.c).
 *
 * DELTAFLOW_SEED is the first seed, DELTAFLOW_SEEDS how many; a seed repeats exactly, its digest is
 * printed when there is only one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "world/real.h"
#include "world/truth.h"

static uint64_t from_env(const char *name, uint64_t usual)
{
    const char *s = getenv(name);
    return s != NULL ? strtoull(s, NULL, 10) : usual;
}

static uint32_t some(struct rng *r, uint32_t most)
{
    return rng_below(r, 2) == 0 ? 0 : (uint32_t)rng_below(r, most);
}

static void random_limits(struct rng *r, struct orders_config *o)
{
    struct risk_limits *l = &o->limits;
    o->order_qty = (qty_t)(1 + rng_below(r, 1200));
    l->order_qty_max = o->order_qty + (qty_t)rng_below(r, 300);
    l->position_max = rng_below(r, 3) == 0 ? 3 * o->order_qty : 500 * QTY_ONE;
    l->exposure_max = (usd_t)(rng_below(r, 3) == 0 ? 5 + rng_below(r, 20) : 10000) * USD_ONE;
    l->open_orders_max = rng_below(r, 3) == 0 ? 2 : 200;
    l->collar_mid = (px_t)(1 + rng_below(r, 10)) * PX_CENT;
    l->collar_trade = (px_t)(1 + rng_below(r, 15)) * PX_CENT;
    l->orders_per_s = rng_below(r, 4) == 0 ? 3 : 100;
    l->fills_per_s = rng_below(r, 4) == 0 ? 4 : 100;
    l->duplicate = some(r, 3) * 200 * NS_PER_MS;
    l->loss_max = l->loss_day_max = l->drawdown_max = 100000 * USD_ONE;
}

static void random_faults(struct rng *r, struct real_faults *f)
{
    for (int k = FAULT_NEVER_SENT; k <= FAULT_BARE; k++) {
        f->ppm[k] = 1000 * some(r, 60);
    }
    f->ppm[FAULT_SEND_FULL] = 1000 * some(r, 100);
    f->ppm[FAULT_RING_FULL] = 1000 * some(r, 60);
    f->ppm[FAULT_ORDER_POWER] = 1000 * some(r, 40);
    uint32_t sim = 1000 * some(r, 40);
    for (int k = FAULT_HTTP_429; k <= FAULT_WS_ERROR; k++) {
        f->ppm[k] = sim / (FAULT_WS_ERROR - FAULT_HTTP_429 + 1);
    }
    f->ppm[FAULT_CRASH] = 1000 * some(r, 12);
    f->ppm[FAULT_PAUSE] = 1000 * some(r, 10);
    f->ppm[FAULT_COMMAND] = 1000 * some(r, 8);
    f->delay_max = (mono_ns_t)rng_below(r, 120) * NS_PER_MS;
}

static struct real_config random_world(uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed * 77 + 5);
    struct real_config c = real_config_default(seed);
    c.n_markets = 1 + (uint32_t)rng_below(&r, 2);
    c.cash = (usd_t)(5 + rng_below(&r, rng_below(&r, 2) == 0 ? 20 : 300)) * USD_ONE;
    c.settle_after = rng_below(&r, 3) == 0 ? c.length * 2 / 3 : 0;
    c.sticky = rng_below(&r, 2) == 0;
    c.poor = rng_below(&r, 3) == 0;
    c.skew_ms = rng_below(&r, 3) == 0 ? (int64_t)rng_below(&r, 1600) - 800 : 0;
    c.rate = 40 + (double)rng_below(&r, 260);
    c.length = (mono_ns_t)(8 + rng_below(&r, 30)) * NS_PER_SEC;
    c.maker_fees = rng_below(&r, 2) == 0;
    struct orders_config *o = &c.engine.orders;
    o->style = (enum price_style)rng_below(&r, 3);
    o->tif = rng_below(&r, 4) == 0 ? GW_IOC : GW_GTC;
    o->allow_short = rng_below(&r, 3) == 0;
    o->replace_distance = rng_below(&r, 3) == 0 ? PX_CENT : 0;
    o->amend = rng_below(&r, 3) != 0;
    o->market_orders_max = 1 + (uint32_t)rng_below(&r, 3);
    o->age_max = some(&r, 4) * NS_PER_SEC;
    o->distance_max = some(&r, 5) * PX_CENT;
    o->group_limit = rng_below(&r, 3) == 0 ? (qty_t)(5 + rng_below(&r, 60)) * QTY_ONE : 0;
    c.engine.scale_check = rng_below(&r, 4) == 0;
    random_limits(&r, o);
    struct sim_rules *u = &c.rules;
    u->stale_read_ms = some(&r, 2) * 400;
    u->user_data_lag_ms = some(&r, 2) * 300;
    u->shuffle_channels = rng_below(&r, 3) == 0;
    u->acks_first = rng_below(&r, 2) == 0;
    u->cancel_client_order_id = rng_below(&r, 2) == 0;
    u->deprecated_fields = rng_below(&r, 2) == 0;
    u->last_cursor_null = rng_below(&r, 2) == 0;
    u->unknown_ticker = RULE_UNKNOWN_EMPTY;
    random_faults(&r, &c.faults);
    return c;
}

struct sums {
    uint64_t counts[REAL_COUNT_MAX], faults[FAULT_MAX], refused[RISK_MAX];
    uint64_t sent, fills, unknown, found, absent;
};

static void add(struct sums *s, const struct real *r)
{
    uint64_t refused[RISK_MAX];
    struct orders_stats st = real_stats(r);
    real_refused(r, refused);
    for (int i = 0; i < REAL_COUNT_MAX; i++) {
        s->counts[i] += real_counted(r, (enum real_count)i);
    }
    for (int i = 0; i < FAULT_MAX; i++) {
        s->faults[i] += real_happened(r, (enum real_fault)i);
    }
    for (int i = 0; i < RISK_MAX; i++) {
        s->refused[i] += refused[i];
    }
    s->sent += st.sent;
    s->fills += st.fills;
    s->unknown += st.unknown;
    s->found += st.resolved_found;
    s->absent += st.resolved_absent;
}

static void print(const struct sums *s)
{
    printf("orders=%llu fills=%llu unknown=%llu found=%llu absent=%llu\n",
           (unsigned long long)s->sent, (unsigned long long)s->fills,
           (unsigned long long)s->unknown, (unsigned long long)s->found,
           (unsigned long long)s->absent);
    for (int i = 0; i < REAL_COUNT_MAX; i++) {
        printf("%s%s=%llu", i == 0 ? "world: " : " ", real_count_names[i],
               (unsigned long long)s->counts[i]);
    }
    for (int i = 0; i < FAULT_MAX; i++) {
        printf("%s%s=%llu", i == 0 ? "\nfaults: " : " ", real_fault_names[i],
               (unsigned long long)s->faults[i]);
    }
    for (int i = 0; i < RISK_MAX; i++) {
        printf("%s%s=%llu", i == 0 ? "\nrefused: " : " ", risk_name((enum risk_check_id)i),
               (unsigned long long)s->refused[i]);
    }
    printf("\n");
}

/* False: something is wrong, and said. */
static bool one_world(uint64_t seed, struct sums *sums, char digest[33])
{
    struct real_config c = random_world(seed);
    struct real *r = real_create(&c);
    char why[200] = "it never gets quiet";
    real_run(r);
    bool quiet = real_quiesce(r);
    bool same = real_agrees(r, why, sizeof why) && quiet;
    real_digest(r, digest);
    if (!same) {
        print_error("DELTAFLOW_SEED=%llu: %s\n", (unsigned long long)seed, why);
    }
    add(sums, r);
    real_destroy(r);
    return same;
}

static void after_quiet_both_have_the_same_account(void **state)
{
    (void)state;
    uint64_t first = from_env("DELTAFLOW_SEED", 1);
    uint64_t n = from_env("DELTAFLOW_SEEDS", 200);
    struct sums sums = {0};
    uint64_t wrong = 0;
    char digest[33];
    for (uint64_t seed = first; seed < first + n; seed++) {
        wrong += !one_world(seed, &sums, digest);
    }
    printf("seeds %llu..%llu\n", (unsigned long long)first, (unsigned long long)(first + n - 1));
    print(&sums);
    if (n == 1) {
        printf("digest %s\n", digest);
    }
    assert_int_equal(wrong, 0);
    if (n >= 200) { /* everything was at work */
        for (int i = FAULT_NEVER_SENT; i <= FAULT_WS_ERROR; i++) {
            assert_true(sums.faults[i] > 0 || i == FAULT_DENIED);
        }
        for (int i = REAL_TIMEOUT; i <= REAL_STARTS; i++) {
            assert_true(sums.counts[i] > 0);
        }
        assert_true(sums.sent > 4000 && sums.fills > 1500 && sums.found > 100 && sums.absent > 100);
    }
}

static void a_seed_repeats_exactly(void **state)
{
    (void)state;
    uint64_t first = from_env("DELTAFLOW_SEED", 1);
    for (uint64_t seed = first; seed < first + 10; seed++) {
        struct sums sums = {0};
        char one[33], two[33];
        (void)one_world(seed, &sums, one);
        (void)one_world(seed, &sums, two);
        assert_string_equal(one, two);
    }
}

int main(void)
{
    log_set_level(LOG_ERROR); /* thousands of warnings are the point here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_quiet_both_have_the_same_account),
        cmocka_unit_test(a_seed_repeats_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
