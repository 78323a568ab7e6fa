/*
 * safetensors.h - the same weights without pickles; section 11 of sb3-ppo-format.md.
 *
 * 64-bit little-endian N, N bytes of JSON, the data. The format has no place for the activation, so
 * the file must say it in __metadata__: {"policy": "MlpPolicy", "activation_fn": "Tanh"}.
 */
#ifndef POLICY_SAFETENSORS_H
#define POLICY_SAFETENSORS_H

#include "policy/model.h"

/* True when the bytes look like such a file: a header length that fits, and a '{' behind it. */
bool safetensors_looks_like(const uint8_t *bytes, size_t n);

/* As sb3_load(). Without metadata the activation is refused, never guessed. */
enum status safetensors_load(const uint8_t *bytes, size_t n, struct model *model,
                             struct refusal *r) MUST_CHECK;

#endif
