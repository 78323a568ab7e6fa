/*
 * idmap.h - a hash table from short text (tickers, order ids) to a 32-bit number.
 *
 * Open addressing over keys kept in one arena. Lookups never allocate; insertions may, up to max
 * entries. Owner: one thread.
 */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define IDMAP_NONE UINT32_MAX

struct idmap_slot {
    uint64_t hash; /* 0: empty */
    uint32_t key;  /* offset in keys */
    uint32_t len;
    uint32_t value;
    uint32_t dead; /* 1: removed, keep probing */
};

struct idmap {
    struct idmap_slot *slots;
    uint32_t cap;  /* power of two */
    uint32_t used; /* live and dead slots */
    uint32_t live;
    uint32_t max;
    struct buf keys;
};

/* At most max entries. ST_NOMEM. */
enum status idmap_init(struct idmap *m, uint32_t max) MUST_CHECK;
void idmap_finish(struct idmap *m);

/* The value of a key, IDMAP_NONE when absent. */
uint32_t idmap_get(const struct idmap *m, struct text key);

/* Insert or replace. ST_LIMIT: max entries. ST_NOMEM. */
enum status idmap_put(struct idmap *m, struct text key, uint32_t value) MUST_CHECK;

/* True when the key was there. */
bool idmap_remove(struct idmap *m, struct text key);

#endif
