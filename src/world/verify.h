/*
 * verify.h - what the replayed engine makes, compared with what was recorded.
 *
 * Row by row and column by column, bit for bit: turns, decisions with their observations and
 * verdicts, transitions of orders, applied fills, reconciliations, account rows and marks, fee
 * drifts and settlements. The first difference in the order of events ends it. Policies may be
 * asked later than the engine acts (replay.h): verify_answer tells of those, and `settle` is called
 * before a difference is taken down, so that an earlier one that waits to be found comes first.
 */
#ifndef WORLD_VERIFY_H
#define WORLD_VERIFY_H

#include "policy/policy.h"
#include "world/replay.h"

#define VALUE_TEXT_MAX 160

struct difference {
    uint64_t turn;
    wall_ns_t wall;
    uint32_t source; /* the last event that was applied: enum ev_source, and its number */
    uint64_t ord;
    char table[24];
    uint64_t row; /* which of the session's rows in it, from 1; of a decision its number */
    char market[TICKER_MAX];                                 /* "": of no market */
    char field[32];                                          /* "row": one side has none */
    char recorded[VALUE_TEXT_MAX], replayed[VALUE_TEXT_MAX]; /* in the table's units; "none" */
};

struct verify_config {
    const bool *markets; /* [n_markets]: compare only these; NULL: all, and what is of no market */
    uint32_t n_markets;
    wall_ns_t from; /* turns before it are not compared; 0: all are */
    void *self;
    void (*settle)(void *self); /* NULL is fine */
};

struct verify {
    const struct session *s;
    struct verify_config config;
    const struct replay *replay;
    struct cursor at[SESSION_ROWS];
    uint64_t passed[SESSION_ROWS]; /* rows of the session behind the cursor */
    uint64_t compared[SESSION_ROWS];
    bool differs;
    uint64_t answer; /* number of the decision whose answer differed first, 0: none */
    struct difference first;
    const struct rec_gap *lost; /* a row is missing, and this gap row says why: compared up to it */
};

/* session and replay are borrowed; replay may be set later, before the first call of another. */
void verify_init(struct verify *v, const struct session *session, const struct replay *replay,
                 const struct verify_config *config);

/* As the sinks of replay.h; outs as a policy gave them for the recorded decision's observation. */
void verify_record(struct verify *v, const struct rec *rec);
void verify_question(struct verify *v, uint32_t mkt, const float *obs,
                     const struct rec_decision *recorded);
void verify_answer(struct verify *v, const struct rec_decision *recorded,
                   const struct policy_out *out);
void verify_turn(struct verify *v, const struct rec_turn *turn, bool happened);
/* The replay is complete: no recorded row may be left, unless the session was not closed. */
void verify_end(struct verify *v);

uint64_t verify_compared(const struct verify *v, enum rec_type type);

/* No row was compared with another: no turn could be replayed, or none of the asked range. That
 * nothing differs is then no proof of anything. */
bool verify_nothing(const struct verify *v);

#endif
