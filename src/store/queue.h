/*
 * queue.h - records waiting for the database, in memory, oldest first.
 *
 * Segments of at least 1 MiB in a list. Owner: the store's thread.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct segment;

struct queue {
    struct segment *first, *last;
    size_t bytes;     /* memory taken */
    uint64_t records; /* waiting */
    struct segment *spare;
    struct segment *held; /* forgotten since queue_hold, and yet there */
    uint64_t changes;     /* grows when records are forgotten or dropped: cursors are void then */
};

struct queue_cursor {
    struct segment *segment;
    size_t at;
    uint64_t records; /* passed over */
};

void queue_finish(struct queue *q);

/* Keep one segment aside for when there is no other memory. ST_NOMEM. */
enum status queue_reserve(struct queue *q) MUST_CHECK;

/* ST_NOMEM: not taken. */
enum status queue_push(struct queue *q, const void *record, uint32_t size) MUST_CHECK;

/* The oldest record, then the next; NULL behind the last. Valid until the queue changes. */
struct queue_cursor queue_begin(const struct queue *q);
const void *queue_next(struct queue_cursor *c);

/* Forget everything before the cursor. */
void queue_pop(struct queue *q, const struct queue_cursor *c);

/* Drop the oldest records for which drop answers true until at most target bytes are taken; the
 * first keep of all stay. */
void queue_thin(struct queue *q, size_t target, uint64_t keep,
                bool (*drop)(void *self, const void *record), void *self);

/* Until queue_release, records that are in the queue now stay where they are, forgotten or not.
 * What is forgotten meanwhile does not count as taken. */
void queue_hold(struct queue *q);
void queue_release(struct queue *q);

#endif
