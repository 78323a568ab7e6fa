/*
 * losses.h - finds out what never reached the store: holes in the numbers that come without holes.
 *
 * Events are numbered for each source, turns and decisions for themselves. Owner: the store's
 * thread.
 */
#ifndef STORE_LOSSES_H
#define STORE_LOSSES_H

#include <stdbool.h>

#include "bus/record.h"

struct losses {
    uint64_t next_ord[EV_SRC_MAX]; /* 0: none came yet, so 1 is next */
    uint64_t next_turn, next_decision;
};

/* Note a record that came out of a ring. True: some before it are missing, and *ret_gap says which
 * (seq_expected: first missing number, seq_got: the one that came). */
bool losses_note(struct losses *l, const void *record, wall_ns_t wall, struct rec_gap *ret_gap);

/* A gap row. reason is cut to fit. */
void gap_make(struct rec_gap *gap, uint16_t source, wall_ns_t wall, uint64_t lost, uint64_t first,
              uint64_t next, const char *reason);

#endif
