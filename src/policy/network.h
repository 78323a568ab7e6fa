/*
 * network.h - from named tensors to the layers of an actor-critic network.
 */
#ifndef POLICY_NETWORK_H
#define POLICY_NETWORK_H

#include "policy/model.h"
#include "policy/tensors.h"

/*
 * Fill the layers of model, whose obs_count and action_count say what the file claims (0: the file
 * does not say, the weights decide). Names are those of an MlpPolicy's state dict; any other name
 * is refused. Checks that all weights are finite and that the widths chain. keys, missing_key,
 * shape, nonfinite, features_extractor.
 */
enum status network_build(struct model *model, const struct tensors *tensors,
                          struct refusal *r) MUST_CHECK;
void network_finish(struct model *model);

#endif
