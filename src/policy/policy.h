/*
 * policy.h - ActionSelector: an observation in, one of five actions out.
 *
 * hold (default), random (seeded) and ppo: a Stable-Baselines3 PPO .zip (sb3-ppo-format.md;
 * restricted unpickler, VecNormalize statistics) or safetensors, loaded once at start. Inference is
 * float32 in one stated order of summation (accumulate over inputs, vector over outputs), the same
 * bits on every x86-64. No allocation after policy_create. Owner: one thread.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define POLICY_OBS     52
#define POLICY_ACTIONS 5

struct policy;

struct policy_config {
    const char *kind;  /* "hold", "random", "ppo" */
    const char *model; /* ppo: path of .zip or .safetensors */
    const char *stats; /* ppo: VecNormalize .pkl or NULL */
    bool sample;       /* ppo: sample from the probabilities instead of argmax */
    uint64_t seed;     /* random, sample */
};

/* What a policy said about one observation. */
struct policy_out {
    uint32_t action;
    float logits[POLICY_ACTIONS]; /* zeros for hold and random */
    float probs[POLICY_ACTIONS];
};

/*
 * Build the selector; a ppo model must be 52 in, 5 out, all weights finite. err names the file and
 * the reason. ST_INVALID (config), ST_NOT_FOUND, ST_MALFORMED, ST_UNSUPPORTED, ST_LIMIT, ST_NOMEM,
 * ST_IO.
 */
enum status policy_create(const struct policy_config *config, struct policy **ret_policy,
                          struct err *err) MUST_CHECK;
void policy_destroy(struct policy *policy); /* NULL is fine */

/* Decide for n observations, obs[n][52]. Never fails: an observation that is not finite gives HOLD.
 */
void policy_select(struct policy *policy, const float *obs, size_t n, struct policy_out *ret_out);

/* One line for people: kind, file, layers, hash. Valid as long as the policy. */
const char *policy_text(const struct policy *policy);
/* 32 hexadecimal digits of the weights, statistics and options, "" for hold and random without a
 * seed. */
const char *policy_hash(const struct policy *policy);

#endif
