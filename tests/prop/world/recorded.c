/* recorded.c - see recorded.h. */
#include "recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orders/recovery.h"
#include "world/ask.h"

static void keep(void *self, const void *record)
{
    struct session *s = self;
    struct err err = {0};
    if (session_add(s, record, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
}

/* What an earlier run left: an order that the exchange never saw, and a halted market. */
static void earlier_run(struct journal_record left[2])
{
    memset(left, 0, 2 * sizeof *left);
    left[0] = (struct journal_record){.type = JOURNAL_INTENT,
                                      .number = 3,
                                      .outcome = SIDE_NO,
                                      .is_buy = 1,
                                      .yes_px = 4400,
                                      .qty = 700,
                                      .wall = 5};
    order_client_id(77, 3, left[0].client_id);
    strcpy(left[0].ticker, "KXEARLIER-1");
    left[1] = (struct journal_record){.type = JOURNAL_HALT, .wall = 6};
    strcpy(left[1].ticker, "KXEARLIER-2");
    strcpy(left[1].reason, "drift");
}

void record_run(struct recorded *r, uint64_t seed, uint32_t turns)
{
    struct journal_record left[2];
    struct world_config c = world_config_default(seed);
    c.policy = WORLD_RANDOM;
    c.calls_fail = 30;
    c.faults = (struct tiny_faults){
        .rate_limit = 20,
        .fail_after = 30,
        .timeout_before = 20,
        .private_lost = 50,
        .private_twice = 100,
        .by_hand = 5,
        .delay_max = 40 * NS_PER_MS,
        .late_max = 1500 * NS_PER_MS,
    };
    memset(r, 0, sizeof *r);
    r->seed = seed;
    r->engine = c.engine;
    c.keep = keep;
    c.keep_self = &r->s;
    earlier_run(left);
    for (int i = 0; i < 2; i++) {
        struct rec_restored row;
        recovery_to_record(&left[i], &row);
        keep(&r->s, &row);
    }
    c.engine.orders.unsettled = left;
    c.engine.orders.n_unsettled = 2;
    struct world *w = world_create(&c);
    world_run(w, turns);
    assert_true(world_quiesce(w));
    world_destroy(w);
    r->s.outcome = strdup("done");
}

void recorded_finish(struct recorded *r)
{
    session_finish(&r->s);
}

struct again {
    struct replay_outcome *out;
    struct replay *replay;
    struct asker asker;
};

static void on_record(void *self, const struct rec *rec)
{
    struct again *a = self;
    verify_record(&a->out->verify, rec);
}

static void on_turn(void *self, const struct rec_turn *turn, bool happened)
{
    struct again *a = self;
    verify_turn(&a->out->verify, turn, happened);
    if (a->out->verify.differs) {
        replay_stop(a->replay, "a difference");
    }
}

static void on_asked(void *self, uint32_t mkt, const float *obs, const struct rec_decision *d)
{
    struct again *a = self;
    a->out->asked++;
    verify_question(&a->out->verify, mkt, obs, d);
    asker_add(&a->asker, obs, d);
}

static void on_answer(void *self, const struct rec_decision *d, const struct policy_out *out)
{
    struct again *a = self;
    verify_answer(&a->out->verify, d, out);
}

static void settle(void *self)
{
    struct again *a = self;
    asker_flush(&a->asker);
}

void replay_run(const struct recorded *r, enum replay_answers answers,
                const struct verify_config *config, struct replay_outcome *ret)
{
    static struct again a;
    struct policy *policy = NULL;
    struct policy_config pc = {.kind = "random", .seed = r->seed};
    assert_int_equal(policy_create(&pc, &policy, NULL), ST_OK);
    struct replay_config rc = {.engine = r->engine, .answers = answers, .policy = policy};
    struct replay_sinks sinks = {&a, on_turn, on_record, on_asked};
    memset(ret, 0, sizeof *ret);
    a.out = ret;
    a.replay = NULL;
    a.asker = (struct asker){.policy = policy, .self = &a, .answered = on_answer};
    ret->st = replay_create(&r->s, &rc, &sinks, &a.replay, &ret->err);
    if (ret->st == ST_OK) {
        struct verify_config vc = *config;
        vc.self = &a;
        vc.settle = settle;
        verify_init(&ret->verify, &r->s, a.replay, &vc);
        while (ret->st == ST_OK) {
            ret->st = replay_turn(a.replay, &ret->err);
        }
        asker_flush(&a.asker);
        if (replay_status(a.replay)->end == REPLAY_COMPLETE) {
            verify_end(&ret->verify);
        }
        ret->status = *replay_status(a.replay);
        ret->verify.replay = NULL;
    }
    replay_destroy(a.replay);
    policy_destroy(policy);
}
