/*
 * vecnormalize.h - VecNormalize.save's statistics; section 7 of sb3-ppo-format.md.
 */
#ifndef POLICY_VECNORMALIZE_H
#define POLICY_VECNORMALIZE_H

#include "policy/model.h"

/* Read a .pkl for observations of obs_count numbers. normalizer_finish() ends *ret_norm. */
enum status vecnormalize_load(const uint8_t *bytes, size_t n, uint32_t obs_count,
                              struct normalizer *ret_norm, struct refusal *r) MUST_CHECK;
void normalizer_finish(struct normalizer *norm); /* zeroed is fine */

#endif
