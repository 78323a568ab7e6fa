/*
 * replay.h - a recorded run fed to an engine again.
 *
 * Events come as one array of each source and turn rows as recorded (store/store.h reads both
 * back); the engine gets them in the one order in which they were applied.
 */
#ifndef ACTOR_REPLAY_H
#define ACTOR_REPLAY_H

#include "actor/engine.h"

struct replay_events {
    const struct ev *const *ev; /* in order of ord */
    uint64_t n;
};

struct replay_result {
    uint64_t turns, events, decisions;
};

/*
 * Run all turns with that policy. Records go to the engine's sinks, to be compared by the caller.
 * ST_TRUNCATED: a turn takes more events than there are. ST_MALFORMED: an event of a wrong source,
 * or out of order. err names turn and source.
 */
enum status engine_replay(struct engine *e, struct policy *policy, const struct rec_turn *turns,
                          uint64_t n_turns, const struct replay_events events[EV_SRC_MAX],
                          struct replay_result *ret, struct err *err) MUST_CHECK;

/*
 * First difference between two decisions in what must be equal bit for bit: everything but the
 * record's size and padding. NULL: none; else the name of the field.
 */
const char *decision_difference(const struct rec_decision *a, const struct rec_decision *b);

#endif
