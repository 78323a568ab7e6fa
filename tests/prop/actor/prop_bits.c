/*
 * Same inputs, same bits: in one process twice, in every build against one constant, and when a
 * recorded run is fed to a new engine.
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
#define GOLDEN "e46ce37d6dfc0f83d3e66771a20f442e"

static struct world_config golden_world(enum world_policy policy)
{
    struct world_config c = world_config_default(20261123);
    c.policy = policy;
    c.keep = true;
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

/* --- replay --- */

struct replayed {
    const struct world_kept *kept;
    uint64_t decisions, turns;
    const char *difference;
    uint64_t at;
    uint64_t orders;
};

static void on_record(void *self, const struct rec *rec)
{
    struct replayed *r = self;
    if (rec->type == REC_TURN) {
        r->turns++;
    } else if (rec->type == REC_ORDER) {
        r->orders++;
    } else if (rec->type == REC_DECISION && r->difference == NULL) {
        const struct rec_decision *d = (const struct rec_decision *)rec;
        r->difference = r->decisions < r->kept->n_decisions
                            ? decision_difference(d, &r->kept->decisions[r->decisions])
                            : "one decision more";
        r->at = ++r->decisions;
    }
}

static enum status swallow(void *self, const struct gw_request *req)
{
    (void)self;
    (void)req;
    return ST_OK;
}

static void replay_of(struct world *w, uint32_t spoil, struct replayed *r, enum status want)
{
    struct engine *e = NULL;
    *r = (struct replayed){.kept = &w->kept};
    struct engine_sinks sinks = {.gateway = {NULL, swallow}, .self = r, .record = on_record};
    assert_int_equal(engine_create(&w->config.engine, &sinks, &e), ST_OK);
    struct policy *policy = NULL;
    struct policy_config pc = {.kind = "random", .seed = w->config.seed};
    assert_int_equal(policy_create(&pc, &policy, NULL), ST_OK);
    struct replay_events ev[EV_SRC_MAX];
    for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
        ev[s] = (struct replay_events){(const struct ev *const *)w->kept.ev[s], w->kept.n_ev[s]};
    }
    ev[EV_SRC_MARKET].n -= spoil;
    struct replay_result res;
    struct err err = {0};
    assert_int_equal(engine_replay(e, policy, w->kept.turns, w->kept.n_turns, ev, &res, &err),
                     want);
    if (want != ST_OK) {
        assert_non_null(strstr(err.text, "turn"));
    }
    policy_destroy(policy);
    engine_destroy(e);
}

static void a_recorded_run_fed_again_gives_every_decision(void **state)
{
    (void)state;
    struct world_config c = golden_world(WORLD_RANDOM);
    struct world *w = world_create(&c);
    world_run(w, 1500);
    struct replayed r;
    replay_of(w, 0, &r, ST_OK);
    if (r.difference != NULL) {
        print_error("decision %llu: %s\n", (unsigned long long)r.at, r.difference);
    }
    assert_null(r.difference);
    assert_int_equal(r.decisions, w->kept.n_decisions);
    assert_int_equal(r.turns, w->kept.n_turns);
    assert_true(r.decisions > 500 && r.orders > 100);
    world_destroy(w);
}

static void a_changed_event_changes_a_decision(void **state)
{
    (void)state;
    struct world_config c = golden_world(WORLD_RANDOM);
    struct world *w = world_create(&c);
    world_run(w, 300);
    for (uint32_t i = 40; i < w->kept.n_ev[EV_SRC_MARKET]; i++) {
        if (w->kept.ev[EV_SRC_MARKET][i]->type == EV_DELTA) {
            ((struct ev_delta *)w->kept.ev[EV_SRC_MARKET][i])->qty += 700;
            break;
        }
    }
    struct replayed r;
    replay_of(w, 0, &r, ST_OK);
    assert_non_null(r.difference);
    world_destroy(w);
}

static void a_missing_event_is_an_error_that_names_the_turn(void **state)
{
    (void)state;
    struct world_config c = golden_world(WORLD_RANDOM);
    struct world *w = world_create(&c);
    world_run(w, 200);
    struct replayed r;
    replay_of(w, 1, &r, ST_TRUNCATED);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_records_twice),
        cmocka_unit_test(a_small_network_gives_the_golden_digest_in_every_build),
        cmocka_unit_test(a_recorded_run_fed_again_gives_every_decision),
        cmocka_unit_test(a_changed_event_changes_a_decision),
        cmocka_unit_test(a_missing_event_is_an_error_that_names_the_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
