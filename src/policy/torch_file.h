/*
 * torch_file.h - torch.save's file of a state dict, in its zip form (torch >= 1.6) and its older
 * stream form; sections 2 and 3 of sb3-ppo-format.md.
 */
#ifndef POLICY_TORCH_FILE_H
#define POLICY_TORCH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/refusal.h"
#include "policy/tensors.h"

/*
 * Read the state dict in bytes[0..n) as float32; double, half and bfloat16 are converted. The
 * caller ends *ret_tensors with tensors_destroy().
 */
enum status torch_load(const uint8_t *bytes, size_t n, struct tensors **ret_tensors,
                       struct refusal *r) MUST_CHECK;
void tensors_destroy(struct tensors *tensors); /* NULL is fine */

#endif
