/*
 * idtab.h - a hash table from short text to a 32-bit number, of fixed size.
 *
 * Like base/idmap.h, but it never allocates after idtab_init and reuses the room of what was
 * removed: for order ids, trade ids and tickers on the actor's thread.
 */
#ifndef ORDERS_IDTAB_H
#define ORDERS_IDTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define IDTAB_KEY  68 /* longest key with its NUL: a client_order_id */
#define IDTAB_NONE UINT32_MAX

struct idtab_slot; /* private */

struct idtab {
    struct idtab_slot *slots;
    uint32_t mask;
    uint32_t n, max;
};

/* Room for max keys. ST_NOMEM. */
enum status idtab_init(struct idtab *t, uint32_t max) MUST_CHECK;
void idtab_finish(struct idtab *t);

/* IDTAB_NONE: it is not there. */
uint32_t idtab_get(const struct idtab *t, const char *key);
/* Insert or replace. ST_LIMIT: max keys. ST_INVALID: empty, or longer than IDTAB_KEY - 1. */
enum status idtab_put(struct idtab *t, const char *key, uint32_t value) MUST_CHECK;
bool idtab_remove(struct idtab *t, const char *key);

#endif
