/*
 * bus.h - publish and subscribe inside the process: one publishing thread, several subscribers.
 *
 * Each subscriber has a bounded ring of its own. A publisher never waits: what a full subscriber
 * cannot take is dropped for that subscriber alone and counted there. Who may lose nothing (the
 * actor, the store) looks at what bus_publish returns, or at its drop count, and repairs.
 *
 * Records are struct ev or struct rec (bus/event.h, bus/record.h): size, then type.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "bus/record.h"
#include "bus/ring.h"

#define BUS_SUBSCRIBERS_MAX 16
#define BUS_NAME_MAX        24
#define BUS_ALL_TYPES       UINT64_MAX

struct bus;
struct bus_sub;
struct waker; /* bus/agent.h */

/* The bit of a record type in a subscriber's mask: events in the lower half, REC_ types in the
 * upper. 0: a type that no mask can name; it reaches only BUS_ALL_TYPES. */
static inline uint64_t bus_bit(unsigned type)
{
    return type < 32                                  ? UINT64_C(1) << type
           : type >= REC_BASE && type < REC_BASE + 32 ? UINT64_C(1) << (type - REC_BASE + 32)
                                                      : 0;
}

enum status bus_create(struct bus **ret_bus) MUST_CHECK; /* ST_NOMEM */
void bus_destroy(struct bus *bus);                       /* ends its subscribers too */

/*
 * Add a subscriber that gets the records whose bus_bit is in types, through a ring of capacity
 * bytes (see ring_create). waker may be NULL; otherwise it is woken after each record. The
 * subscriber belongs to the bus. Call from one thread at a time; the publisher may run meanwhile.
 * ST_INVALID: capacity or name; ST_LIMIT: BUS_SUBSCRIBERS_MAX; ST_NOMEM.
 */
enum status bus_subscribe(struct bus *bus, const char *name, size_t capacity, uint64_t types,
                          struct waker *waker, struct bus_sub **ret_sub) MUST_CHECK;

/* From then on nothing more comes; what is in the ring can still be read. Any thread. */
void bus_unsubscribe(struct bus_sub *sub);

/*
 * Publisher: give a record to all who want it. Returns for how many subscribers it was lost: 0 is
 * good. A record with a bad size is lost for everyone.
 */
uint32_t bus_publish(struct bus *bus, const void *record);

/* Subscriber's thread: as ring_peek and ring_pop. */
const void *bus_peek(struct bus_sub *sub);
void bus_pop(struct bus_sub *sub);

/* Any thread. */
const char *bus_sub_name(const struct bus_sub *sub);
uint64_t bus_sub_dropped(const struct bus_sub *sub);
uint64_t bus_published(const struct bus *bus);
uint32_t bus_subscribers(const struct bus *bus);
struct bus_sub *bus_subscriber(struct bus *bus, uint32_t index); /* index < bus_subscribers() */

#endif
