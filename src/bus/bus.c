#include "bus/bus.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bus/agent.h"

/* Written by who subscribes before it is published in bus.n; by the publisher after that. */
struct bus_sub {
    struct ring *ring;
    uint64_t types;
    struct waker *waker;
    _Atomic uint64_t dropped; /* writer: publisher; read by any thread */
    _Atomic bool closed;      /* writer: any thread; read by the publisher */
    char name[BUS_NAME_MAX];
};

struct bus {
    struct bus_sub *subs[BUS_SUBSCRIBERS_MAX]; /* the first n are set and never change */
    _Atomic uint32_t n;                        /* writer: who subscribes */
    _Atomic uint64_t published;                /* writer: publisher */
};

enum status bus_create(struct bus **ret_bus)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        return ST_NOMEM;
    }
    *ret_bus = bus;
    return ST_OK;
}

void bus_destroy(struct bus *bus)
{
    if (bus == NULL) {
        return;
    }
    uint32_t n = bus_subscribers(bus);
    for (uint32_t i = 0; i < n; i++) {
        ring_destroy(bus->subs[i]->ring);
        free(bus->subs[i]);
    }
    free(bus);
}

enum status bus_subscribe(struct bus *bus, const char *name, size_t capacity, uint64_t types,
                          struct waker *waker, struct bus_sub **ret_sub)
{
    size_t len = strlen(name);
    if (len == 0 || len >= BUS_NAME_MAX) {
        return ST_INVALID;
    }
    uint32_t n = bus_subscribers(bus);
    if (n == BUS_SUBSCRIBERS_MAX) {
        return ST_LIMIT;
    }
    struct bus_sub *sub = calloc(1, sizeof *sub);
    if (sub == NULL) {
        return ST_NOMEM;
    }
    enum status st = ring_create(capacity, &sub->ring);
    if (st != ST_OK) {
        free(sub);
        return st;
    }
    sub->types = types;
    sub->waker = waker;
    memcpy(sub->name, name, len + 1);
    bus->subs[n] = sub;
    atomic_store_explicit(&bus->n, n + 1, memory_order_release);
    *ret_sub = sub;
    return ST_OK;
}

void bus_unsubscribe(struct bus_sub *sub)
{
    atomic_store_explicit(&sub->closed, true, memory_order_release);
}

static void add_one(_Atomic uint64_t *v)
{
    uint64_t n = atomic_load_explicit(v, memory_order_relaxed);
    atomic_store_explicit(v, n + 1, memory_order_release);
}

static bool wants(const struct bus_sub *sub, uint64_t bit)
{
    return (sub->types == BUS_ALL_TYPES || (sub->types & bit) != 0) &&
           !atomic_load_explicit(&sub->closed, memory_order_acquire);
}

uint32_t bus_publish(struct bus *bus, const void *record)
{
    /* struct ev and struct rec begin alike; records are only ever read as bytes here. */
    struct {
        uint32_t size;
        uint16_t type;
        uint16_t source;
    } head;
    memcpy(&head, record, sizeof head);
    uint64_t bit = bus_bit(head.type);
    uint32_t n = bus_subscribers(bus);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct bus_sub *sub = bus->subs[i];
        if (!wants(sub, bit)) {
            continue;
        }
        if (ring_push(sub->ring, record, head.size) != ST_OK) {
            add_one(&sub->dropped);
            lost++;
        }
        if (sub->waker != NULL) {
            waker_wake(sub->waker); /* a full subscriber asleep has to wake as well */
        }
    }
    add_one(&bus->published);
    return lost;
}

const void *bus_peek(struct bus_sub *sub)
{
    return ring_peek(sub->ring);
}

void bus_pop(struct bus_sub *sub)
{
    ring_pop(sub->ring);
}

const char *bus_sub_name(const struct bus_sub *sub)
{
    return sub->name;
}

uint64_t bus_sub_dropped(const struct bus_sub *sub)
{
    return atomic_load_explicit(&sub->dropped, memory_order_acquire);
}

uint64_t bus_published(const struct bus *bus)
{
    return atomic_load_explicit(&bus->published, memory_order_acquire);
}

uint32_t bus_subscribers(const struct bus *bus)
{
    return atomic_load_explicit(&bus->n, memory_order_acquire);
}

struct bus_sub *bus_subscriber(struct bus *bus, uint32_t index)
{
    return bus->subs[index];
}
