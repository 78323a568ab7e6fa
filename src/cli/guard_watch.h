/*
 * guard_watch.h - what `deltaflow guard` makes of the heartbeats that it reads: is the run in
 * trouble, and which order groups may hold orders of it.
 *
 * Ages are measured on the guard's own monotonic clock, from the moment that a heartbeat changed,
 * so that a clock that is set (here or at the run) neither hides a run that stopped nor accuses one
 * that lives. No I/O.
 */
#ifndef CLI_GUARD_WATCH_H
#define CLI_GUARD_WATCH_H

#include "cli/run_control.h"

#define GUARD_GROUPS_MAX 64

struct guard_watch {
    bool seen;
    struct heartbeat h;  /* the newest */
    mono_ns_t beat_at;   /* when it changed last */
    mono_ns_t silent_at; /* since when a run is there that has never heard the exchange */
    /* Groups of this run and of those before it: what a crash left on the book is in theirs. The
     * oldest are given up. */
    uint32_t n_groups;
    int32_t shards[GUARD_GROUPS_MAX];
    char groups[GUARD_GROUPS_MAX][ORDER_ID_MAX];
};

/* A heartbeat was read at now; the same one again is no news. */
void guard_watch_take(struct guard_watch *w, const struct heartbeat *h, mono_ns_t now);

/* Why to act, written to buf; NULL: all is well, or there is no run. */
const char *guard_watch_trouble(const struct guard_watch *w, int64_t beat_s, int64_t exchange_s,
                                mono_ns_t now, char *buf, size_t cap);

#endif
