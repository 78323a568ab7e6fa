#include "actor/replay.h"

#include <string.h>

#define BATCH 64

static void decide(struct engine *e, struct policy *policy, struct replay_result *r)
{
    uint32_t mkts[BATCH];
    float obs[BATCH][OBS_SIZE];
    struct policy_out outs[BATCH];
    for (;;) {
        uint32_t n = engine_pending(e, mkts, obs, BATCH);
        if (n == 0) {
            return;
        }
        policy_select(policy, &obs[0][0], n, outs);
        engine_act(e, mkts, outs, n);
        r->decisions += n;
    }
}

enum status engine_replay(struct engine *e, struct policy *policy, const struct rec_turn *turns,
                          uint64_t n_turns, const struct replay_events events[EV_SRC_MAX],
                          struct replay_result *ret, struct err *err)
{
    uint64_t at[EV_SRC_MAX] = {0};
    struct replay_result r = {0};
    for (uint64_t t = 0; t < n_turns; t++) {
        const struct rec_turn *turn = &turns[t];
        unsigned long long number = turn->turn;
        engine_turn_begin(e, turn->mono, turn->h.wall);
        for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
            if (turn->taken[s] > events[s].n - at[s]) {
                return err_set(err, ST_TRUNCATED,
                               "turn %llu takes %u events of source %u, %llu are left", number,
                               turn->taken[s], s, (unsigned long long)(events[s].n - at[s]));
            }
            for (uint32_t i = 0; i < turn->taken[s]; i++) {
                const struct ev *ev = events[s].ev[at[s]++];
                if (ev->source != s) {
                    return err_set(err, ST_MALFORMED,
                                   "turn %llu: an event of source %u among those of %u", number,
                                   (unsigned)ev->source, s);
                }
                engine_step(e, ev);
                r.events++;
            }
        }
        engine_timers(e);
        decide(e, policy, &r);
        (void)engine_turn_end(e);
        r.turns++;
    }
    *ret = r;
    return ST_OK;
}

const char *decision_difference(const struct rec_decision *a, const struct rec_decision *b)
{
#define SAME(field)                                                                                \
    if (memcmp(&a->field, &b->field, sizeof a->field) != 0) {                                      \
        return #field;                                                                             \
    }
    SAME(h.mkt)
    SAME(h.wall)
    SAME(turn)
    SAME(number)
    SAME(last_ord)
    SAME(book_version)
    SAME(obs)
    SAME(obs_hash)
    SAME(logits)
    SAME(probs)
    SAME(action)
    SAME(verdict)
    SAME(check)
    SAME(order_number)
    SAME(shared)
#undef SAME
    return NULL;
}
