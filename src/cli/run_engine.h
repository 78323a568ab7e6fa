/*
 * run_engine.h - the engine's and the policy's configuration out of the run's options: for the live
 * run, and for feeding a recorded run to an engine again.
 */
#ifndef CLI_RUN_ENGINE_H
#define CLI_RUN_ENGINE_H

#include "actor/engine.h"
#include "config/options.h"
#include "policy/policy.h"

extern const char *const action_names[ACTION_COUNT];
extern const char *const verdict_names[VERDICT_MAX];

/* Without orders of earlier runs (orders.unsettled). */
struct engine_config run_engine_config(const struct run_options *o, bool trading,
                                       uint64_t session_id);

enum status run_policy_create(const struct run_options *o, struct policy **ret_policy,
                              struct err *err) MUST_CHECK;

/*
 * The text of the session row: {"session_id":"16 hex
 * digits","trading":true,"paper":false,"options":{section:{name:value}}}.
 */
void run_session_json(const struct config *c, bool trading, bool paper, uint64_t session_id,
                      const char *selftest, struct buf *out);

/* Trip every check of the risk gate with these limits. The result as JSON, for the session row.
 * ST_INVALID: a check did not trip, and no trading may begin. */
enum status run_risk_selftest(const struct run_options *o, struct buf *ret_json,
                              struct err *err) MUST_CHECK;

/* Read it back into c's struct. ST_MALFORMED: not such a text; errors of config_set. */
enum status run_session_read(struct config *c, const char *json, bool *ret_trading,
                             uint64_t *ret_session_id, struct err *err) MUST_CHECK;

#endif
