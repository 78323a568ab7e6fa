/*
 * sb3.h - a Stable-Baselines3 PPO zip: `data` says what the network is, `policy.pth` holds it.
 */
#ifndef POLICY_SB3_H
#define POLICY_SB3_H

#include "policy/model.h"

/* Fill model (zeroed by the caller) from the archive; on failure the caller still ends the model.
 */
enum status sb3_load(const uint8_t *bytes, size_t n, struct model *model,
                     struct refusal *r) MUST_CHECK;

#endif
