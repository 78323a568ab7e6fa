#include "cli/guard_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add_group(struct guard_watch *w, const char *id, int32_t shard)
{
    for (uint32_t i = 0; i < w->n_groups; i++) {
        if (strcmp(w->groups[i], id) == 0) {
            return;
        }
    }
    if (w->n_groups == GUARD_GROUPS_MAX) {
        w->n_groups--;
        memmove(w->groups[0], w->groups[1], w->n_groups * sizeof w->groups[0]);
        memmove(&w->shards[0], &w->shards[1], w->n_groups * sizeof w->shards[0]);
    }
    w->shards[w->n_groups] = shard;
    (void)text_copy(w->groups[w->n_groups++], sizeof w->groups[0], text_of(id));
}

void guard_watch_take(struct guard_watch *w, const struct heartbeat *h, mono_ns_t now)
{
    bool other = !w->seen || w->h.pid != h->pid;
    if (other || w->h.beat_ms != h->beat_ms) {
        w->beat_at = now;
    }
    if (other || h->exchange_ms != 0) {
        w->silent_at = now;
    }
    w->seen = true;
    w->h = *h;
    for (uint32_t i = 0; i < h->n_groups; i++) {
        add_group(w, h->groups[i], h->shards[i]);
    }
}

/* How long the run has not heard the exchange: both times of a heartbeat are of one clock. */
static mono_ns_t unheard(const struct guard_watch *w, mono_ns_t now)
{
    if (w->h.exchange_ms == 0) {
        return now - w->silent_at;
    }
    int64_t ms = w->h.beat_ms > w->h.exchange_ms ? w->h.beat_ms - w->h.exchange_ms : 0;
    return ms * NS_PER_MS + (now - w->beat_at);
}

const char *guard_watch_trouble(const struct guard_watch *w, int64_t beat_s, int64_t exchange_s,
                                mono_ns_t now, char *buf, size_t cap)
{
    if (!w->seen || w->h.stopped || !w->h.trading) {
        return NULL;
    }
    mono_ns_t age = now - w->beat_at;
    if (age > beat_s * NS_PER_SEC) {
        snprintf(buf, cap,
                 "the heartbeat of process %" PRId64 " has stood still for %" PRId64 " ms",
                 w->h.pid, age / NS_PER_MS);
        return buf;
    }
    mono_ns_t silence = unheard(w, now);
    if (silence > exchange_s * NS_PER_SEC) {
        snprintf(buf, cap, "process %" PRId64 " has not heard the exchange for %" PRId64 " ms",
                 w->h.pid, silence / NS_PER_MS);
        return buf;
    }
    return NULL;
}
