#include "base/idmap.h"

#include <stdlib.h>

#include "base/hash.h"

static uint64_t key_hash(struct text key)
{
    uint64_t h = hash64(key.p, key.n);
    return h != 0 ? h : 1;
}

enum status idmap_init(struct idmap *m, uint32_t max)
{
    *m = (struct idmap){.max = max, .cap = 64};
    buf_init(&m->keys, SIZE_MAX / 4);
    m->slots = calloc(m->cap, sizeof *m->slots);
    return m->slots != NULL ? ST_OK : ST_NOMEM;
}

void idmap_finish(struct idmap *m)
{
    free(m->slots);
    buf_finish(&m->keys);
    *m = (struct idmap){0};
}

static struct idmap_slot *find(const struct idmap *m, struct text key, uint64_t hash)
{
    uint32_t mask = m->cap - 1;
    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        struct idmap_slot *s = &m->slots[i];
        if (s->hash == 0) {
            return NULL;
        }
        if (s->hash == hash && !s->dead && s->len == key.n &&
            (key.n == 0 || memcmp(m->keys.p + s->key, key.p, key.n) == 0)) {
            return s;
        }
    }
}

uint32_t idmap_get(const struct idmap *m, struct text key)
{
    const struct idmap_slot *s = find(m, key, key_hash(key));
    return s != NULL ? s->value : IDMAP_NONE;
}

static void place(struct idmap *m, struct idmap_slot slot)
{
    uint32_t mask = m->cap - 1;
    uint32_t i = (uint32_t)slot.hash & mask;
    while (m->slots[i].hash != 0) {
        i = (i + 1) & mask;
    }
    m->slots[i] = slot;
    m->used++;
}

/* A table of twice the live size, with fresh keys, so that dead entries cost nothing for long. */
static enum status rebuild(struct idmap *m)
{
    struct idmap next = {.max = m->max, .cap = 64};
    while (next.cap < m->live * 4) {
        next.cap *= 2;
    }
    buf_init(&next.keys, SIZE_MAX / 4);
    next.slots = calloc(next.cap, sizeof *next.slots);
    if (next.slots == NULL) {
        return ST_NOMEM;
    }
    for (uint32_t i = 0; i < m->cap; i++) {
        struct idmap_slot s = m->slots[i];
        if (s.hash == 0 || s.dead) {
            continue;
        }
        uint32_t key = (uint32_t)next.keys.n;
        buf_add(&next.keys, m->keys.p + s.key, s.len);
        s.key = key;
        place(&next, s);
        next.live++;
    }
    if (next.keys.failed) {
        idmap_finish(&next);
        return ST_NOMEM;
    }
    idmap_finish(m);
    *m = next;
    return ST_OK;
}

enum status idmap_put(struct idmap *m, struct text key, uint32_t value)
{
    uint64_t hash = key_hash(key);
    struct idmap_slot *s = find(m, key, hash);
    if (s != NULL) {
        s->value = value;
        return ST_OK;
    }
    if (m->live >= m->max) {
        return ST_LIMIT;
    }
    if ((m->used + 1) * 2 > m->cap) {
        enum status st = rebuild(m);
        if (st != ST_OK) {
            return st;
        }
    }
    if (m->keys.n > UINT32_MAX - key.n) {
        return ST_LIMIT;
    }
    uint32_t at = (uint32_t)m->keys.n;
    buf_add(&m->keys, key.p, key.n);
    if (m->keys.failed) {
        m->keys.failed = false; /* what was there is intact */
        return ST_NOMEM;
    }
    place(m, (struct idmap_slot){hash, at, (uint32_t)key.n, value, 0});
    m->live++;
    return ST_OK;
}

bool idmap_remove(struct idmap *m, struct text key)
{
    struct idmap_slot *s = find(m, key, key_hash(key));
    if (s == NULL) {
        return false;
    }
    s->dead = 1;
    m->live--;
    return true;
}
