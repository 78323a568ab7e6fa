/*
 * model.h - an actor-critic network of any size: load, describe, run.
 *
 * policy.h is what the agent uses, with 52 inputs and 5 actions; this is the general form behind
 * it, for the `policy` command and for tests. Owner: one thread (a model holds its scratch memory).
 *
 * Arithmetic, the same bits on every x86-64 and for any number of rows: each output starts at zero
 * and adds weight times input, input after input from the first, each product and each sum rounded
 * to float32; the bias is added last; then the activation. Heads have none.
 */
#ifndef POLICY_MODEL_H
#define POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/activation.h"
#include "policy/refusal.h"
#include "policy/tensors.h"

#define MODEL_LAYERS_MAX 32
#define MODEL_WIDTH_MAX  16384
#define MODEL_FILE_MAX   (64U << 20)
#define MODEL_ROWS       4 /* rows that the kernels take at once */

enum model_source { MODEL_SB3_ZIP, MODEL_SAFETENSORS };

/* One linear layer. Outputs are padded to a multiple of 8 with zeros. */
struct layer {
    uint32_t in, out, out_padded;
    float *weights; /* [in][out_padded]: all outputs of an input side by side */
    float *bias;    /* [out_padded] */
};

struct layers {
    uint32_t n;
    struct layer layer[MODEL_LAYERS_MAX];
};

/* VecNormalize: x = clip((obs - mean) / deviation, -limit, limit) in double, then float. */
struct normalizer {
    bool given;        /* a statistics file was loaded */
    bool applies;      /* norm_obs was true */
    double *mean;      /* [obs] */
    double *deviation; /* [obs], sqrt(var + epsilon) */
    double limit;
    double epsilon;
    double count;
};

struct model {
    uint32_t obs_count;
    uint32_t action_count;
    enum activation activation;
    enum model_source source;
    char version[32];      /* of the library that saved it, "" when the file does not say */
    bool wants_statistics; /* trained inside VecNormalize, as far as the file shows */
    struct layers shared, actor, critic;
    struct layer action_head, value_head;
    struct normalizer normalizer;
    char hash[33];  /* of weights, activation and statistics */
    float *scratch; /* three buffers of MODEL_ROWS rows of row_width floats */
    uint32_t row_width;
};

/*
 * Load a model, and VecNormalize statistics when stats is not NULL. On failure r names file, member
 * and cause. The caller ends *ret_model with model_destroy().
 */
enum status model_load(const char *path, const char *stats, struct model **ret_model,
                       struct refusal *r) MUST_CHECK;
void model_destroy(struct model *model); /* NULL is fine */

/* The same from memory, without a file's name; used by model_load() and fuzzing. */
enum status model_parse(const uint8_t *bytes, size_t n, struct model **ret_model,
                        struct refusal *r) MUST_CHECK;

/* Refuse a model that is not 52 in, 5 out: observation_size, action_count. */
enum status model_check_agent(const struct model *model, struct refusal *r) MUST_CHECK;

/*
 * Run n rows of obs_count floats each. Outputs go to ret_logits and ret_probs (n rows of
 * action_count), ret_value (n; NULL: the value network is not run), ret_finite (n). A row whose
 * result is not finite has all zeros.
 */
void model_forward(struct model *model, const float *obs, size_t n, float *ret_logits,
                   float *ret_probs, float *ret_value, bool *ret_finite);

/* First index of the largest probability. */
uint32_t model_argmax(const float *probs, uint32_t n);
/* First index whose running sum in double exceeds u in [0, 1); the last one if none. */
uint32_t model_sample(const float *probs, uint32_t n, double u);

/* "52-64-64-5 Tanh (value 52-64-64-1), sb3 2.7.1", for people. */
void model_text(const struct model *model, char *buf, size_t cap);

#endif
