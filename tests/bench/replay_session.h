/* replay_session.h - a session for bench_replay: a generated flow, recorded by the engine. */
#ifndef TESTS_BENCH_REPLAY_SESSION_H
#define TESTS_BENCH_REPLAY_SESSION_H

#include "actor/engine.h"
#include "world/session.h"

/* Levels come and go near a best price that wanders, in that many markets of whole cents: changes
 * deltas behind a snapshot of each market. */
void bench_flow(struct session *s, uint32_t markets, uint64_t changes, uint64_t seed);

/* The config of the recorded run: every change is decided on, nothing is traded. */
struct engine_config bench_engine(uint32_t markets);

/* Run the engine over the flow, one change a turn; its turns and decisions become the session's. */
void bench_record(struct session *s, uint32_t markets, struct policy *policy);

/* All of it as a database. */
void bench_store(const struct session *s, const char *path);

#endif
