/* losses.c - see losses.h. */
#include "store/losses.h"

#include <stdio.h>
#include <string.h>

void gap_make(struct rec_gap *gap, uint16_t source, wall_ns_t wall, uint64_t lost, uint64_t first,
              uint64_t next, const char *reason)
{
    memset(gap, 0, sizeof *gap);
    gap->h.size = sizeof *gap;
    gap->h.type = REC_GAP;
    gap->h.source = source;
    gap->h.mkt = MKT_NONE;
    gap->h.wall = wall;
    gap->lost = lost;
    gap->seq_expected = first;
    gap->seq_got = next;
    snprintf(gap->reason, sizeof gap->reason, "%s", reason);
}

bool losses_note(struct losses *l, const void *record, wall_ns_t wall, struct rec_gap *ret_gap)
{
    const struct ev *ev = record;
    const struct rec *rec = record;
    uint64_t *next = NULL;
    uint64_t number = 0;
    uint16_t source = ev->type < REC_BASE ? ev->source : rec->source;
    const char *reason = "store: ring full, events missing";
    if (ev->type < REC_BASE && ev->source < EV_SRC_MAX) {
        next = &l->next_ord[ev->source];
        number = ev->ord;
    } else if (ev->type == REC_TURN) {
        next = &l->next_turn;
        number = ((const struct rec_turn *)record)->turn;
        reason = "store: ring full, turns missing";
    } else if (ev->type == REC_DECISION) {
        next = &l->next_decision;
        number = ((const struct rec_decision *)record)->number;
        reason = "store: ring full, decisions missing";
    }
    if (next == NULL) {
        return false;
    }
    uint64_t expected = *next == 0 ? 1 : *next;
    if (number >= expected) {
        *next = number + 1;
    }
    if (number <= expected) {
        return false; /* a number that came before is refused by the table's key */
    }
    gap_make(ret_gap, source, wall, number - expected, expected, number, reason);
    return true;
}
