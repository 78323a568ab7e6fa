/*
 * idtab.c - open addressing with linear probing; removal moves followers back, so that no dead slot
 * stays and lookups never slow down.
 */
#include "orders/idtab.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

struct idtab_slot {
    uint32_t value;
    uint32_t used;
    uint64_t hash;
    char key[IDTAB_KEY + 4];
};

enum status idtab_init(struct idtab *t, uint32_t max)
{
    uint32_t cap = 16;
    while (cap < max * 2U) {
        cap *= 2;
    }
    *t = (struct idtab){.mask = cap - 1, .max = max};
    t->slots = calloc_touched(cap, sizeof *t->slots);
    return t->slots != NULL ? ST_OK : ST_NOMEM;
}

void idtab_finish(struct idtab *t)
{
    free(t->slots);
    *t = (struct idtab){0};
}

/* The slot of the key, or the free one where it would go. */
static struct idtab_slot *find(const struct idtab *t, const char *key, size_t n, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & t->mask;
    while (t->slots[i].used) {
        struct idtab_slot *s = &t->slots[i];
        if (s->hash == hash && memcmp(s->key, key, n + 1) == 0) {
            return s;
        }
        i = (i + 1) & t->mask;
    }
    return &t->slots[i];
}

uint32_t idtab_get(const struct idtab *t, const char *key)
{
    size_t n = strnlen(key, IDTAB_KEY);
    if (n == 0 || n == IDTAB_KEY) {
        return IDTAB_NONE;
    }
    const struct idtab_slot *s = find(t, key, n, hash64(key, n));
    return s->used ? s->value : IDTAB_NONE;
}

enum status idtab_put(struct idtab *t, const char *key, uint32_t value)
{
    size_t n = strnlen(key, IDTAB_KEY);
    if (n == 0 || n == IDTAB_KEY) {
        return ST_INVALID;
    }
    uint64_t hash = hash64(key, n);
    struct idtab_slot *s = find(t, key, n, hash);
    if (!s->used) {
        if (t->n == t->max) {
            return ST_LIMIT;
        }
        t->n++;
        s->used = 1;
        s->hash = hash;
        memcpy(s->key, key, n + 1);
    }
    s->value = value;
    return ST_OK;
}

bool idtab_remove(struct idtab *t, const char *key)
{
    size_t n = strnlen(key, IDTAB_KEY);
    if (n == 0 || n == IDTAB_KEY) {
        return false;
    }
    struct idtab_slot *s = find(t, key, n, hash64(key, n));
    if (!s->used) {
        return false;
    }
    t->n--;
    uint32_t hole = (uint32_t)(s - t->slots);
    for (uint32_t i = (hole + 1) & t->mask; t->slots[i].used; i = (i + 1) & t->mask) {
        uint32_t home = (uint32_t)t->slots[i].hash & t->mask;
        /* It may move back when the hole lies between its home and its place. */
        if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole].used = 0;
    return true;
}
