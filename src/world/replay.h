/*
 * replay.h - a recorded session through the engine again, turn by turn.
 *
 * The engine gets what it got: restored orders, the turns' times, the events of each source in the
 * recorded order, and the failures of its own calls. It makes every observation, decision, order
 * and record anew, and hands them to the sinks. There is no clock here: who wants the recorded pace
 * waits between two turns.
 *
 * Decisions are taken in one of two ways. ANSWERS_ASKED: the policy is asked, as live.
 * ANSWERS_RECORDED: the engine acts on the recorded answers, and the observations are given to
 * sinks.asked, so that policies may be asked in batches, whatever they answer.
 *
 * A replay ends before the first turn whose events are not all there, at the first turn or decision
 * that is missing, or with the record. Nothing after that is made up. Owner: one thread.
 */
#ifndef WORLD_REPLAY_H
#define WORLD_REPLAY_H

#include "actor/engine.h"
#include "world/session.h"

enum replay_answers { ANSWERS_ASKED, ANSWERS_RECORDED };

struct replay_config {
    struct engine_config engine; /* what the session row says; orders.unsettled is filled here */
    enum replay_answers answers;
    struct policy *policy; /* ANSWERS_ASKED; borrowed */
};

/* Functions must not call the replay but for replay_stop and what only reads. NULL is fine. */
struct replay_sinks {
    void *self;
    /* A turn is over; happened: the engine would have written its row. */
    void (*turn)(void *self, const struct rec_turn *turn, bool happened);
    void (*record)(void *self, const struct rec *rec); /* of the engine; valid until it returns */
    /* ANSWERS_RECORDED: an observation, and the recorded decision that answers it. */
    void (*asked)(void *self, uint32_t mkt, const float *obs, const struct rec_decision *recorded);
};

enum replay_end_kind {
    REPLAY_RUNS,     /* it has not ended */
    REPLAY_COMPLETE, /* every recorded turn was replayed */
    REPLAY_STOPPED,  /* replay_stop */
    REPLAY_GAP,      /* rows are missing, and the session says so */
    REPLAY_BROKEN,   /* the session was not closed, and ends in the middle of a turn */
    REPLAY_END_MAX
};

struct replay_status {
    uint64_t turns, events, decisions;
    uint64_t last_turn;   /* number of the last turn that was begun, 0: none */
    wall_ns_t last_wall;  /* its time */
    uint32_t last_source; /* the last event that was applied: enum ev_source */
    uint64_t last_ord;    /* 0: none */
    enum replay_end_kind end;
    char why[240]; /* of the end, for people */
};

struct replay;

/*
 * session and the policy must outlive the replay; nothing may be added to the session.
 * ST_MALFORMED: rows of the start make no order; ST_INVALID: the engine refuses its limits or the
 * restored orders; ST_NOMEM. err names it.
 */
enum status replay_create(const struct session *session, const struct replay_config *config,
                          const struct replay_sinks *sinks, struct replay **ret_replay,
                          struct err *err) MUST_CHECK;
void replay_destroy(struct replay *r); /* NULL is fine */

/* The turn that comes next, NULL behind the last recorded one. */
const struct rec_turn *replay_next(const struct replay *r);

/*
 * Replay it. ST_END: there is none, or it cannot be replayed; replay_status tells why.
 * ST_NOMEM; ST_TRUNCATED, ST_MALFORMED: rows are missing and nothing in the session explains it;
 * err names table and place.
 */
enum status replay_turn(struct replay *r, struct err *err) MUST_CHECK;

/* From a sink: end after this turn. */
void replay_stop(struct replay *r, const char *why);

const struct replay_status *replay_status(const struct replay *r);
const struct engine *replay_engine(const struct replay *r);

const char *replay_end_name(enum replay_end_kind kind); /* "complete", "gap", ... */

#endif
