/*
 * progress.h - a bar on stderr for work that takes more than two seconds, rewritten in place on a
 * terminal and printed every few seconds elsewhere.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

#include "base/timefmt.h"

struct progress {
    const char *what; /* "verify: books" */
    uint64_t total;   /* 0: unknown; then only what is done is shown */
    uint64_t done;
    mono_ns_t began;
    uint64_t calls;
};

void progress_begin(struct progress *p, const char *what, uint64_t total);
/* So much more is done. Cheap: the clock is looked at now and then. */
void progress_add(struct progress *p, uint64_t n);
/* The line is gone. */
void progress_end(struct progress *p);

#endif
