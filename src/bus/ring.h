/*
 * ring.h - single-producer single-consumer ring of variable-length records.
 *
 * A record begins with its size in a uint32_t (struct ev, struct rec), a multiple of 8; it is
 * copied in and lies contiguous, so that the consumer reads it in place. Positions are 64-bit and
 * never wrapped by hand; each side has its own cache line and a cached copy of the other's
 * position. No function blocks, locks or allocates after ring_create.
 */
#ifndef BUS_RING_H
#define BUS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ring;

/* capacity in bytes, a power of two >= 4096. A record may be at most capacity/4 long. ST_INVALID,
 * ST_NOMEM. */
enum status ring_create(size_t capacity, struct ring **ret_ring) MUST_CHECK;
void ring_destroy(struct ring *ring);

/* Producer: copy a record in. ST_FULL: no room, counted; ST_INVALID: size is 0, not a multiple of
 * 8, or too long; counted too. */
enum status ring_push(struct ring *ring, const void *record, uint32_t size) MUST_CHECK;

/* Producer: room for a record of size bytes to be filled in place, then ring_commit. NULL: full,
 * counted. */
void *ring_claim(struct ring *ring, uint32_t size);
void ring_commit(struct ring *ring);

/* Consumer: the oldest record, NULL when empty. Valid until ring_pop. */
const void *ring_peek(struct ring *ring);
void ring_pop(struct ring *ring);

/* Any thread: bytes waiting, refused pushes so far, highest fill seen by the producer. */
size_t ring_used(const struct ring *ring);
uint64_t ring_refused(const struct ring *ring);
size_t ring_used_max(const struct ring *ring);
size_t ring_capacity(const struct ring *ring);

#endif
