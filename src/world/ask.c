/* ask.c - see ask.h. */
#include "world/ask.h"

#include <string.h>

void asker_flush(struct asker *a)
{
    struct policy_out outs[ASK_BATCH];
    uint32_t n = a->n;
    if (n == 0) {
        return;
    }
    a->n = 0;
    policy_select(a->policy, &a->obs[0][0], n, outs);
    for (uint32_t i = 0; i < n; i++) {
        a->answered(a->self, a->rows[i], &outs[i]);
    }
}

void asker_add(struct asker *a, const float *obs, const struct rec_decision *recorded)
{
    memcpy(a->obs[a->n], obs, sizeof a->obs[a->n]);
    a->rows[a->n++] = recorded;
    if (a->n == ASK_BATCH) {
        asker_flush(a);
    }
}
