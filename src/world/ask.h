/*
 * ask.h - a policy asked about recorded observations, in batches.
 *
 * A batch costs less than as many single questions, and the answer to an observation is the same
 * bits in any batch; a policy that draws lots draws them in the order of the questions.
 */
#ifndef WORLD_ASK_H
#define WORLD_ASK_H

#include "bus/record.h"
#include "policy/policy.h"

#define ASK_BATCH 64

struct asker {
    struct policy *policy; /* borrowed */
    void *self;
    /* In the order of the questions. out is valid until it returns. */
    void (*answered)(void *self, const struct rec_decision *recorded, const struct policy_out *out);
    uint32_t n;
    const struct rec_decision *rows[ASK_BATCH]; /* live as long as their session */
    float obs[ASK_BATCH][OBS_SIZE];
};

/* Ask now, or with the next ones. obs is copied. */
void asker_add(struct asker *a, const float *obs, const struct rec_decision *recorded);
/* Everything added has its answer when this returns. answered may not call it. */
void asker_flush(struct asker *a);

#endif
