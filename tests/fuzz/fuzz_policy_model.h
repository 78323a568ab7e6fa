/*
 * fuzz_policy_model.h - what every accepted model must satisfy, whatever bytes it came from.
 */
#ifndef FUZZ_POLICY_MODEL_H
#define FUZZ_POLICY_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "policy/model.h"

/* Sizes in bounds; one forward pass is finite or says that it is not. Ends the model. */
static inline void check_model(struct model *m)
{
    if (m->obs_count == 0 || m->obs_count > MODEL_WIDTH_MAX || m->action_count == 0 ||
        m->action_count > MODEL_WIDTH_MAX) {
        abort();
    }
    float *obs = calloc(m->obs_count, sizeof *obs);
    float *logits = calloc(m->action_count, sizeof *logits);
    float *probs = calloc(m->action_count, sizeof *probs);
    if (obs != NULL && logits != NULL && probs != NULL) {
        float value = 0;
        bool finite = false;
        model_forward(m, obs, 1, logits, probs, &value, &finite);
        for (uint32_t i = 0; i < m->action_count; i++) {
            if (!isfinite(logits[i]) || !(probs[i] >= 0 && probs[i] <= 1.0001F)) {
                abort();
            }
        }
        if (!isfinite(value)) {
            abort();
        }
    }
    free(obs);
    free(logits);
    free(probs);
    model_destroy(m);
}

/* A refusal has a class and one printable line. */
static inline void check_refusal(const struct refusal *r)
{
    if ((unsigned)r->class >= REFUSED_MAX || r->err.st == ST_OK || r->err.text[0] == '\0') {
        abort();
    }
    for (const char *s = r->err.text; *s != '\0'; s++) {
        if (*s < ' ' || *s > '~') {
            abort();
        }
    }
}

#endif
