#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bus/agent.h"
#include "bus/bus.h"

#define PATIENCE (300 * NS_PER_SEC) /* until something is called missing; it is there at once */

/* Counts what comes through a ring; ends at a record numbered 0. */
struct reader {
    struct bus_sub *sub;
    _Atomic uint64_t taken;
    uint64_t last;
    _Atomic uint32_t started, stopped;
    mono_ns_t deadline;
    _Atomic uint32_t turns;
};

static int reader_work(void *self, mono_ns_t now)
{
    struct reader *r = self;
    (void)now;
    atomic_fetch_add(&r->turns, 1);
    int done = 0;
    for (const struct ev *ev = bus_peek(r->sub); ev != NULL; ev = bus_peek(r->sub)) {
        bool end = ev->ord == 0;
        r->last = ev->ord;
        bus_pop(r->sub);
        if (end) {
            return -1;
        }
        done++;
        atomic_fetch_add(&r->taken, 1);
    }
    return done;
}

static void reader_start(void *self)
{
    struct reader *r = self;
    atomic_fetch_add(&r->started, 1);
}

static void reader_stop(void *self)
{
    struct reader *r = self;
    atomic_fetch_add(&r->stopped, 1);
}

static mono_ns_t reader_deadline(void *self)
{
    struct reader *r = self;
    return r->deadline;
}

static struct agent_config config_of(struct reader *r)
{
    return (struct agent_config){.name = "reader",
                                 .self = r,
                                 .do_work = reader_work,
                                 .on_start = reader_start,
                                 .on_stop = reader_stop,
                                 .idle = IDLE_PARK,
                                 .spins = 1,
                                 .yields = 1,
                                 .max_sleep_ns = 20 * NS_PER_SEC};
}

static void wait_until(const _Atomic uint64_t *v, uint64_t target)
{
    mono_ns_t give_up = clock_mono() + PATIENCE;
    while (atomic_load(v) < target) {
        assert_true(clock_mono() < give_up);
        sched_yield();
    }
}

static void wait_parked(struct agent *agent, uint64_t parks)
{
    mono_ns_t give_up = clock_mono() + PATIENCE;
    while (agent_duty(agent).parks < parks) {
        assert_true(clock_mono() < give_up);
        sched_yield();
    }
}

#define LONG_ASLEEP                                                                                \
    15 /* parks in a row: the next sleep is half a second, as they double from 16 us */
#define AT_ONCE (NS_PER_SEC / 8)

/* A busy machine may hold up a wake-up, but not each of some. */
static void a_parked_agent_misses_no_wake_up(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct reader r = {0};
    struct agent *agent = NULL;
    struct agent_config config = config_of(&r);
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    assert_int_equal(bus_subscribe(bus, "reader", 4096, BUS_ALL_TYPES, agent_waker(agent), &r.sub),
                     ST_OK);
    assert_int_equal(agent_start(agent), ST_OK);
    assert_int_equal(agent_start(agent), ST_STATE);
    bool at_once = false;
    for (uint64_t n = 1; n <= 3000; n++) {
        bool long_asleep = n % 300 == 0 && !at_once;
        if (long_asleep || n % 100 == 0) { /* to be found asleep now and then */
            wait_parked(agent, agent_duty(agent).parks + (long_asleep ? LONG_ASLEEP : 1));
        }
        struct ev ev = {.size = sizeof ev, .type = EV_TRADE, .ord = n};
        mono_ns_t begin = clock_mono();
        assert_int_equal(bus_publish(bus, &ev), 0);
        wait_until(&r.taken, n);
        at_once = at_once || (long_asleep && clock_mono() - begin < AT_ONCE);
    }
    assert_true(at_once);
    struct ev end = {.size = sizeof end, .type = EV_TRADE};
    assert_int_equal(bus_publish(bus, &end), 0);
    agent_join(agent);
    assert_false(agent_running(agent));
    assert_true(agent_ended(agent));
    assert_int_equal(atomic_load(&r.started), 1);
    assert_int_equal(atomic_load(&r.stopped), 1);
    struct agent_duty duty = agent_duty(agent);
    assert_true(duty.parks > 0);
    assert_true(duty.busy > 0 && duty.busy <= duty.turns);
    agent_destroy(agent);
    bus_destroy(bus);
}

/* How long an agent takes to end that has just gone to sleep for half a second. */
static mono_ns_t time_to_stop(void)
{
    struct bus *bus = NULL;
    struct reader r = {0};
    struct agent *agent = NULL;
    struct agent_config config = config_of(&r);
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "reader", 4096, BUS_ALL_TYPES, NULL, &r.sub), ST_OK);
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    assert_int_equal(agent_start(agent), ST_OK);
    wait_parked(agent, LONG_ASLEEP);
    mono_ns_t begin = clock_mono();
    agent_stop(agent);
    agent_join(agent);
    mono_ns_t took = clock_mono() - begin;
    agent_destroy(agent);
    bus_destroy(bus);
    return took;
}

static void stopping_ends_a_sleeping_agent_at_once(void **state)
{
    (void)state;
    bool at_once = false;
    for (int i = 0; i < 10 && !at_once; i++) {
        at_once = time_to_stop() < AT_ONCE;
    }
    assert_true(at_once);
    agent_destroy(NULL);
}

static void a_deadline_ends_the_sleep(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct reader r = {0};
    struct agent *agent = NULL;
    struct agent_config config = config_of(&r);
    config.deadline = reader_deadline;
    r.deadline = 0; /* long past: never sleep */
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "reader", 4096, BUS_ALL_TYPES, NULL, &r.sub), ST_OK);
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    assert_int_equal(agent_start(agent), ST_OK);
    wait_parked(agent, 1000); /* sleeps of 20 s each, if the deadline were not heeded */
    agent_destroy(agent);
    bus_destroy(bus);
}

static int slow_work(void *self, mono_ns_t now)
{
    (void)self;
    (void)now; /* the turn may begin later than its time */
    mono_ns_t begin = clock_mono();
    while (clock_mono() - begin < 3 * NS_PER_MS) {
    }
    return 1;
}

static void slow_turns_are_measured_and_counted(void **state)
{
    (void)state;
    struct agent *agent = NULL;
    struct agent_config config = {
        .name = "slow", .do_work = slow_work, .slow_turn_ns = 2 * NS_PER_MS};
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(agent_turn(agent, clock_mono()), 1);
    }
    struct agent_duty duty = agent_duty(agent);
    assert_int_equal(duty.turns, 3);
    assert_int_equal(duty.busy, 3);
    assert_int_equal(duty.slow, 3);
    assert_true(duty.worst_ns >= 3 * NS_PER_MS);
    agent_destroy(agent);
}

struct gate {
    _Atomic uint64_t entered;
    _Atomic bool open;
};

static int gated_work(void *self, mono_ns_t now)
{
    struct gate *g = self;
    (void)now;
    atomic_store(&g->entered, 1);
    while (!atomic_load(&g->open)) {
        struct timespec pause = {.tv_nsec = 200000};
        nanosleep(&pause, NULL);
    }
    return 1;
}

static void joining_may_be_given_up(void **state)
{
    (void)state;
    struct agent *agent = NULL;
    struct gate g = {0};
    struct agent_config config = {.name = "gated", .self = &g, .do_work = gated_work};
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    assert_true(agent_join_within(agent, 0)); /* there is no thread */
    assert_int_equal(agent_start(agent), ST_OK);
    wait_until(&g.entered, 1);
    agent_stop(agent);
    assert_false(agent_join_within(agent, 20 * NS_PER_MS));
    atomic_store(&g.open, true);
    assert_true(agent_join_within(agent, PATIENCE));
    assert_true(agent_join_within(agent, 0)); /* again */
    agent_destroy(agent);
}

static int failing_work(void *self, mono_ns_t now)
{
    (void)self;
    (void)now;
    return -1;
}

static void work_below_zero_ends_the_agent(void **state)
{
    (void)state;
    struct agent *agent = NULL;
    struct agent_config config = {.name = "failing", .do_work = failing_work};
    assert_int_equal(agent_create(&config, &agent), ST_OK);
    assert_true(agent_running(agent));
    assert_int_equal(agent_turn(agent, 0), -1);
    assert_false(agent_running(agent));
    agent_destroy(agent);
}

static void bad_configs_are_refused(void **state)
{
    (void)state;
    struct agent *agent = NULL;
    struct agent_config config = {.name = "", .do_work = slow_work};
    assert_int_equal(agent_create(&config, &agent), ST_INVALID);
    config = (struct agent_config){.name = "a"};
    assert_int_equal(agent_create(&config, &agent), ST_INVALID);
    config = (struct agent_config){.name = "a", .do_work = slow_work, .unpark = reader_start};
    assert_int_equal(agent_create(&config, &agent), ST_INVALID);
    assert_int_equal(idle_kind_parse("spin"), IDLE_SPIN);
    assert_int_equal(idle_kind_parse("yield"), IDLE_YIELD);
    assert_int_equal(idle_kind_parse("park"), IDLE_PARK);
    assert_int_equal(idle_kind_parse("sleep"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parked_agent_misses_no_wake_up),
        cmocka_unit_test(stopping_ends_a_sleeping_agent_at_once),
        cmocka_unit_test(a_deadline_ends_the_sleep),
        cmocka_unit_test(slow_turns_are_measured_and_counted),
        cmocka_unit_test(joining_may_be_given_up),
        cmocka_unit_test(work_below_zero_ends_the_agent),
        cmocka_unit_test(bad_configs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
