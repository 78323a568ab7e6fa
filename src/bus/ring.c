/*
 * ring.c - layout and order of events.
 *
 * Records lie one after another in a power-of-two buffer; a position is a count of bytes since the
 * ring was made, its place is position & mask. A record is never split: when it does not fit before
 * the end of the buffer, the producer first writes a padding mark there (a first word of 0, no
 * record has size 0) and goes on at the start. Sizes are multiples of 8, so there is always room
 * for the mark.
 *
 * The producer writes bytes, then releases `tail`; the consumer acquires `tail`, reads, then
 * releases `head`; the producer acquires `head` before it overwrites. Each side asks for the
 * other's position only when its cached copy says that it has to.
 */
#include "bus/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE   64
#define CAPACITY_MIN 4096

struct ring {
    /* Never changed after ring_create. */
    _Alignas(CACHE_LINE) uint8_t *bytes;
    uint64_t mask;

    /* Producer. */
    _Alignas(CACHE_LINE) _Atomic uint64_t tail; /* read by the consumer: all before it is whole */
    uint64_t head_seen;                         /* the consumer's position when last asked for */
    uint64_t claimed;                           /* tail after the commit; equal to tail: no claim */
    _Atomic uint64_t refused;                   /* read by any thread */
    _Atomic uint64_t used_max;                  /* read by any thread */

    /* Consumer. */
    _Alignas(CACHE_LINE) _Atomic uint64_t head; /* read by the producer: all before it is free */
    uint64_t tail_seen;                         /* the producer's position when last asked for */
};

static uint64_t load(const _Atomic uint64_t *v, memory_order order)
{
    return atomic_load_explicit(v, order);
}

enum status ring_create(size_t capacity, struct ring **ret_ring)
{
    if (capacity < CAPACITY_MIN || (capacity & (capacity - 1)) != 0 || capacity > SIZE_MAX / 2) {
        return ST_INVALID;
    }
    struct ring *ring = aligned_alloc(CACHE_LINE, sizeof *ring);
    if (ring == NULL) {
        return ST_NOMEM;
    }
    memset(ring, 0, sizeof *ring);
    ring->mask = capacity - 1;
    ring->bytes = aligned_alloc(CACHE_LINE, capacity);
    if (ring->bytes == NULL) {
        free(ring);
        return ST_NOMEM;
    }
    /* Touch every page now, so that no page fault falls into the hot path. */
    memset(ring->bytes, 0, capacity);
    *ret_ring = ring;
    return ST_OK;
}

void ring_destroy(struct ring *ring)
{
    if (ring == NULL) {
        return;
    }
    free(ring->bytes);
    free(ring);
}

static bool size_fits(const struct ring *ring, uint32_t size)
{
    return size != 0 && size % 8 == 0 && size <= (ring->mask + 1) / 4;
}

static void count_refused(struct ring *ring)
{
    uint64_t n = load(&ring->refused, memory_order_relaxed);
    atomic_store_explicit(&ring->refused, n + 1, memory_order_release);
}

void *ring_claim(struct ring *ring, uint32_t size)
{
    assert(size_fits(ring, size));
    uint64_t tail = load(&ring->tail, memory_order_relaxed);
    assert(ring->claimed == tail); /* one claim at a time */
    uint64_t capacity = ring->mask + 1;
    uint64_t to_end = capacity - (tail & ring->mask);
    uint64_t padding = size > to_end ? to_end : 0;
    uint64_t end = tail + padding + size;
    if (end - ring->head_seen > capacity) {
        ring->head_seen = load(&ring->head, memory_order_acquire);
        if (end - ring->head_seen > capacity) {
            count_refused(ring);
            return NULL;
        }
    }
    if (padding != 0) {
        memset(ring->bytes + (tail & ring->mask), 0, sizeof(uint32_t));
    }
    ring->claimed = end;
    return ring->bytes + ((tail + padding) & ring->mask);
}

void ring_commit(struct ring *ring)
{
    assert(ring->claimed != load(&ring->tail, memory_order_relaxed)); /* something was claimed */
    atomic_store_explicit(&ring->tail, ring->claimed, memory_order_release);
    /*
     * The cached head makes the fill look larger than it is. Only when that would be a new maximum
     * is the true one worth a look at the consumer's cache line.
     */
    uint64_t max = load(&ring->used_max, memory_order_relaxed);
    if (ring->claimed - ring->head_seen > max) {
        ring->head_seen = load(&ring->head, memory_order_acquire);
        if (ring->claimed - ring->head_seen > max) {
            atomic_store_explicit(&ring->used_max, ring->claimed - ring->head_seen,
                                  memory_order_release);
        }
    }
}

enum status ring_push(struct ring *ring, const void *record, uint32_t size)
{
    if (!size_fits(ring, size)) {
        count_refused(ring); /* too long is lost as well */
        return ST_INVALID;
    }
    void *room = ring_claim(ring, size);
    if (room == NULL) {
        return ST_FULL;
    }
    memcpy(room, record, size);
    assert(memcmp(room, &size, sizeof size) == 0); /* a record begins with its size */
    ring_commit(ring);
    return ST_OK;
}

static uint32_t size_at(const struct ring *ring, uint64_t pos)
{
    uint32_t size;
    memcpy(&size, ring->bytes + (pos & ring->mask), sizeof size);
    return size;
}

const void *ring_peek(struct ring *ring)
{
    uint64_t head = load(&ring->head, memory_order_relaxed);
    if (head == ring->tail_seen) {
        ring->tail_seen = load(&ring->tail, memory_order_acquire);
        if (head == ring->tail_seen) {
            return NULL;
        }
    }
    if (size_at(ring, head) == 0) {
        /* Padding is committed together with the record behind it. */
        head += ring->mask + 1 - (head & ring->mask);
        atomic_store_explicit(&ring->head, head, memory_order_release);
    }
    return ring->bytes + (head & ring->mask);
}

void ring_pop(struct ring *ring)
{
    uint64_t head = load(&ring->head, memory_order_relaxed);
    assert(head != ring->tail_seen); /* ring_peek gave a record */
    atomic_store_explicit(&ring->head, head + size_at(ring, head), memory_order_release);
}

size_t ring_used(const struct ring *ring)
{
    /* Head first: the tail read after it is never behind it. */
    uint64_t head = load(&ring->head, memory_order_acquire);
    uint64_t used = load(&ring->tail, memory_order_acquire) - head;
    return used <= ring->mask ? (size_t)used : (size_t)ring->mask + 1;
}

uint64_t ring_refused(const struct ring *ring)
{
    return load(&ring->refused, memory_order_acquire);
}

size_t ring_used_max(const struct ring *ring)
{
    return (size_t)load(&ring->used_max, memory_order_acquire);
}

size_t ring_capacity(const struct ring *ring)
{
    return (size_t)ring->mask + 1;
}
