#include "orders/timers.h"

#include <stdlib.h>

enum status timers_init(struct timers *t, uint32_t max)
{
    *t = (struct timers){.max = max};
    t->heap = calloc(max, sizeof *t->heap);
    t->place = calloc(max, sizeof *t->place);
    t->due = calloc(max, sizeof *t->due);
    if (t->heap == NULL || t->place == NULL || t->due == NULL) {
        timers_finish(t);
        return ST_NOMEM;
    }
    return ST_OK;
}

void timers_finish(struct timers *t)
{
    free(t->heap);
    free(t->place);
    free(t->due);
    *t = (struct timers){0};
}

static bool before(const struct timers *t, uint32_t a, uint32_t b)
{
    return t->due[a] != t->due[b] ? t->due[a] < t->due[b] : a < b;
}

static void put(struct timers *t, uint32_t at, uint32_t id)
{
    t->heap[at] = id;
    t->place[id] = at + 1;
}

static void sift(struct timers *t, uint32_t at)
{
    uint32_t id = t->heap[at];
    while (at > 0 && before(t, id, t->heap[(at - 1) / 2])) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t kid = 2 * at + 1;
        if (kid + 1 < t->n && before(t, t->heap[kid + 1], t->heap[kid])) {
            kid++;
        }
        if (kid >= t->n || !before(t, t->heap[kid], id)) {
            break;
        }
        put(t, at, t->heap[kid]);
        at = kid;
    }
    put(t, at, id);
}

void timers_set(struct timers *t, uint32_t id, mono_ns_t due)
{
    t->due[id] = due;
    if (t->place[id] == 0) {
        put(t, t->n++, id);
    }
    sift(t, t->place[id] - 1);
}

void timers_clear(struct timers *t, uint32_t id)
{
    if (t->place[id] == 0) {
        return;
    }
    uint32_t at = t->place[id] - 1;
    t->place[id] = 0;
    uint32_t last = t->heap[--t->n];
    if (last != id) {
        put(t, at, last);
        sift(t, at);
    }
}

uint32_t timers_take(struct timers *t, mono_ns_t now)
{
    if (timers_next(t) > now || t->n == 0) {
        return TIMER_NONE;
    }
    uint32_t id = t->heap[0];
    timers_clear(t, id);
    return id;
}
