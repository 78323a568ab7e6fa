#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bus/bus.h"

static uint32_t send(struct bus *bus, uint16_t type, uint64_t ord)
{
    struct ev ev = {.size = sizeof ev, .type = type, .ord = ord};
    return bus_publish(bus, &ev);
}

static void each_subscriber_gets_the_types_it_asked_for(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct bus_sub *all = NULL;
    struct bus_sub *trades = NULL;
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "all", 4096, BUS_ALL_TYPES, NULL, &all), ST_OK);
    assert_int_equal(
        bus_subscribe(bus, "trades", 4096, bus_bit(EV_TRADE) | bus_bit(REC_GAP), NULL, &trades),
        ST_OK);
    assert_int_equal(send(bus, EV_DELTA, 1), 0);
    assert_int_equal(send(bus, EV_TRADE, 2), 0);
    assert_int_equal(send(bus, REC_GAP, 3), 0);
    assert_int_equal(send(bus, REC_TURN, 4), 0);
    assert_int_equal(send(bus, 200, 5), 0); /* a type that no mask can name */

    for (uint64_t ord = 1; ord <= 5; ord++) {
        const struct ev *ev = bus_peek(all);
        assert_non_null(ev);
        assert_int_equal(ev->ord, ord);
        bus_pop(all);
    }
    assert_null(bus_peek(all));
    for (uint64_t ord = 2; ord <= 3; ord++) {
        const struct ev *ev = bus_peek(trades);
        assert_non_null(ev);
        assert_int_equal(ev->ord, ord);
        bus_pop(trades);
    }
    assert_null(bus_peek(trades));
    assert_int_equal(bus_published(bus), 5);
    bus_destroy(bus);
}

static void a_full_subscriber_loses_alone_and_is_counted(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct bus_sub *slow = NULL;
    struct bus_sub *fast = NULL;
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "slow", 4096, BUS_ALL_TYPES, NULL, &slow), ST_OK);
    assert_int_equal(bus_subscribe(bus, "fast", 4096, BUS_ALL_TYPES, NULL, &fast), ST_OK);
    uint64_t lost = 0;
    for (uint64_t ord = 1; ord <= 100; ord++) {
        lost += send(bus, EV_DELTA, ord);
        const struct ev *ev = bus_peek(fast);
        assert_non_null(ev);
        assert_int_equal(ev->ord, ord);
        bus_pop(fast);
    }
    assert_int_equal(bus_sub_dropped(fast), 0);
    assert_int_equal(bus_sub_dropped(slow), 100 - 4096 / sizeof(struct ev));
    assert_int_equal(lost, bus_sub_dropped(slow));
    const struct ev *oldest = bus_peek(slow);
    assert_int_equal(oldest->ord, 1); /* the newest are lost, what was accepted stays */
    bus_destroy(bus);
}

static void an_ended_subscription_gets_nothing_more(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct bus_sub *sub = NULL;
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "short", 4096, BUS_ALL_TYPES, NULL, &sub), ST_OK);
    assert_int_equal(send(bus, EV_DELTA, 1), 0);
    bus_unsubscribe(sub);
    assert_int_equal(send(bus, EV_DELTA, 2), 0);
    assert_non_null(bus_peek(sub));
    bus_pop(sub);
    assert_null(bus_peek(sub));
    assert_int_equal(bus_sub_dropped(sub), 0);
    bus_destroy(bus);
}

static void a_record_of_bad_size_is_lost_for_everyone(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct bus_sub *sub = NULL;
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "one", 4096, BUS_ALL_TYPES, NULL, &sub), ST_OK);
    struct ev ev = {.size = 61, .type = EV_DELTA};
    assert_int_equal(bus_publish(bus, &ev), 1);
    assert_int_equal(bus_sub_dropped(sub), 1);
    assert_null(bus_peek(sub));
    bus_destroy(bus);
}

static void bad_subscriptions_are_refused(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    struct bus_sub *sub = NULL;
    assert_int_equal(bus_create(&bus), ST_OK);
    assert_int_equal(bus_subscribe(bus, "", 4096, 1, NULL, &sub), ST_INVALID);
    assert_int_equal(bus_subscribe(bus, "a name that is far too long", 4096, 1, NULL, &sub),
                     ST_INVALID);
    assert_int_equal(bus_subscribe(bus, "odd", 5000, 1, NULL, &sub), ST_INVALID);
    assert_int_equal(bus_subscribers(bus), 0);
    for (int i = 0; i < BUS_SUBSCRIBERS_MAX; i++) {
        char name[BUS_NAME_MAX];
        snprintf(name, sizeof name, "sub%d", i);
        assert_int_equal(bus_subscribe(bus, name, 4096, 1, NULL, &sub), ST_OK);
        assert_string_equal(bus_sub_name(bus_subscriber(bus, (uint32_t)i)), name);
    }
    assert_int_equal(bus_subscribe(bus, "more", 4096, 1, NULL, &sub), ST_LIMIT);
    bus_destroy(bus);
    bus_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_subscriber_gets_the_types_it_asked_for),
        cmocka_unit_test(a_full_subscriber_loses_alone_and_is_counted),
        cmocka_unit_test(an_ended_subscription_gets_nothing_more),
        cmocka_unit_test(a_record_of_bad_size_is_lost_for_everyone),
        cmocka_unit_test(bad_subscriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
