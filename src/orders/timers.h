/*
 * timers.h - due times by number, in a heap of fixed size. Equal times come in order of number, so
 * that a replay runs them in the same order.
 */
#ifndef ORDERS_TIMERS_H
#define ORDERS_TIMERS_H

#include <stdbool.h>

#include "base/timefmt.h"

#define TIMER_NONE UINT32_MAX

struct timers {
    uint32_t *heap;  /* n timer numbers */
    uint32_t *place; /* of each number: index in heap + 1, 0: not set */
    mono_ns_t *due;
    uint32_t n, max;
};

/* Numbers 0..max-1. ST_NOMEM. */
enum status timers_init(struct timers *t, uint32_t max) MUST_CHECK;
void timers_finish(struct timers *t);
void timers_set(struct timers *t, uint32_t id, mono_ns_t due); /* or move */
void timers_clear(struct timers *t, uint32_t id);              /* fine when not set */

static inline bool timers_is_set(const struct timers *t, uint32_t id)
{
    return t->place[id] != 0;
}
/* NS_NEVER: none. */
static inline mono_ns_t timers_next(const struct timers *t)
{
    return t->n != 0 ? t->due[t->heap[0]] : NS_NEVER;
}
/* Take the first that is due, TIMER_NONE: none is. */
uint32_t timers_take(struct timers *t, mono_ns_t now);

#endif
