/*
 * capture_int.h - what the files of the recorded source share.
 *
 *   tape.c          several files in the order of their times
 *   capture_scan.c  the first reading: markets, grids, first books, known results
 *   sim_capture.c   the second reading: at its pace
 *   capture_end.c   what the recording does not show any more: close and settlement
 */
#ifndef SIM_CAPTURE_INT_H
#define SIM_CAPTURE_INT_H

#include "sim/outcomes.h"
#include "sim/sim_int.h"
#include "sim/tape.h"

struct scan { /* what the first reading finds of a market, and how far its life is */
    char ticker[TICKER_MAX], id[UUID_TEXT];
    bool any, snapshot_first, fine, fine_middle, centi;
    uint64_t last_content; /* order of the last book message that is not an empty snapshot */
    wall_ns_t last;        /* recorded time of its last message */
    px_t last_yes_px;      /* of its last recorded trade; 0: none yet */
    uint32_t market;
    bool preloaded, skip_next_snapshot;
    wall_ns_t ends; /* recorded time of its next step to the end; NS_NEVER: none */
};

struct capture_source {
    struct tape *tape;
    struct scan *scans;
    uint32_t n_scans, scans_cap;
    struct idmap by_ticker;
    struct outcomes outcomes;

    bool started, pending, ended; /* ended: the tape has */
    struct tape_item item;        /* the next message, when pending */
    uint32_t scan;
    wall_ns_t first, last; /* recorded times: of the first message, of the last one played */
    wall_ns_t start_wall;
    mono_ns_t start;
    mono_ns_t lap; /* loop_capture: how long the laps before took, in recorded time */
    uint64_t skipped;
    wall_ns_t next_end; /* the earliest of ends */
};

/* --- capture_scan.c --- */
enum status capture_scan(struct sim *sim, struct err *err) MUST_CHECK;

/* --- sim_capture.c --- */
enum status capture_tape(struct sim *sim, struct err *err) MUST_CHECK; /* open it anew */
wall_ns_t capture_shifted(const struct sim *sim, wall_ns_t recorded);  /* when that is now */

/* --- capture_end.c --- */
/* A market is about to close: without any trade its last book is its last price. */
void capture_end_note(struct sim *sim, uint32_t scan);
/* The recording shows that a market has closed. */
void capture_end_closed(struct sim *sim, uint32_t scan, wall_ns_t recorded);
/* The tape is at its end: what is still open closes. */
void capture_end_all(struct sim *sim);
/* The step that is due at next_end. */
void capture_end_step(struct sim *sim);

#endif
