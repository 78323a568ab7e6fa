/*
 * replay_say.h - what `deltaflow replay` prints: each step while it goes, and the summary at its
 * end, as text or as JSON (docs/schemas/replay.json, replay-step.json).
 */
#ifndef CLI_REPLAY_SAY_H
#define CLI_REPLAY_SAY_H

#include "base/bytes.h"
#include "world/ask.h"
#include "world/books.h"
#include "world/verify.h"

enum replay_steps { STEPS_NONE, STEPS_TEXT, STEPS_JSONL };

/* Answers of the recorded policy (rows) against those of the other (columns). */
struct agreement {
    uint64_t n[ACTION_COUNT][ACTION_COUNT];
    uint64_t steps, agreed;
};

/* What a summary is made of. */
struct replay_report {
    const char *store;
    const struct session *session;
    const struct replay *replay;   /* NULL with books */
    const struct verify *verify;   /* NULL: nothing was compared */
    const struct books *books;     /* NULL: the engine was replayed */
    const struct agreement *other; /* NULL: no other policy was asked */
    const char *other_policy;      /* its text */
    const bool *markets;           /* [n_markets]: only these are shown; NULL: all */
    uint32_t n_markets;
    wall_ns_t from, until; /* 0: none */
    double load_seconds, seconds;
    uint64_t changes; /* of books, that were replayed */
};

void replay_summary_text(const struct replay_report *r, struct buf *out);
void replay_summary_json(const struct replay_report *r, struct buf *out);

/* One line for a record of the engine, nothing for those that are no step. other NULL: only one
 * policy. */
void replay_step_text(const struct session *s, const struct rec *rec,
                      const struct policy_out *other, struct buf *out);
void replay_step_json(const struct session *s, const struct rec *rec,
                      const struct policy_out *other, struct buf *out);

#endif
