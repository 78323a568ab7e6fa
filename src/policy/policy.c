#include "policy/policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "policy/model.h"

enum kind { KIND_HOLD, KIND_RANDOM, KIND_PPO };

struct policy {
    enum kind kind;
    bool sample;
    struct rng rng;
    struct model *model; /* ppo */
    char text[512];
    char hash[33];
};

/* Observations that are handed to the network at once; outputs live on the stack meanwhile. */
#define BATCH 64

static enum status parse_kind(const char *name, enum kind *ret_kind, struct err *err)
{
    static const char *const names[] = {"hold", "random", "ppo"};
    for (int i = 0; name != NULL && i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_kind = (enum kind)i;
            return ST_OK;
        }
    }
    return err_set(err, ST_INVALID, "policy kind '%.40s' is not hold, random or ppo",
                   name != NULL ? name : "");
}

static enum status load(struct policy *p, const struct policy_config *c, struct err *err)
{
    if (c->model == NULL || c->model[0] == '\0') {
        return err_set(err, ST_INVALID, "policy kind ppo needs a model file");
    }
    struct refusal r;
    const char *stats = c->stats != NULL && c->stats[0] != '\0' ? c->stats : NULL;
    enum status st = model_load(c->model, stats, &p->model, &r);
    if (st == ST_OK) {
        st = model_check_agent(p->model, &r);
        if (st == ST_OK && p->model->wants_statistics && stats == NULL) {
            st = refuse(&r, REFUSED_STATISTICS,
                        "trained inside VecNormalize, but no statistics file was given");
        }
        if (st != ST_OK) {
            refuse_at(&r, "%s", c->model);
        }
    }
    return st == ST_OK
               ? ST_OK
               : err_set(err, st, "model refused (%s): %s", refusal_name(r.class), r.err.text);
}

static void describe(struct policy *p, const struct policy_config *c)
{
    static const char *const names[] = {"hold", "random", "ppo"};
    struct digest d;
    char seed[48] = "";
    bool seeded = p->kind == KIND_RANDOM || (p->kind == KIND_PPO && c->sample);
    if (seeded) {
        snprintf(seed, sizeof seed, " seed=%llu", (unsigned long long)c->seed);
    }
    digest_init(&d);
    digest_add(&d, names[p->kind], strlen(names[p->kind]));
    digest_u64(&d, seeded ? c->seed : 0);
    digest_u64(&d, seeded);
    if (p->kind != KIND_PPO) {
        snprintf(p->text, sizeof p->text, "%s%s", names[p->kind], seed);
        if (p->kind == KIND_RANDOM) {
            digest_text(&d, p->hash);
        }
        return;
    }
    char model[200];
    model_text(p->model, model, sizeof model);
    digest_add(&d, p->model->hash, 32);
    digest_text(&d, p->hash);
    snprintf(p->text, sizeof p->text, "ppo %.200s: %s, %s%s%s, hash %s", c->model, model,
             c->sample ? "sampled" : "deterministic", seed,
             p->model->normalizer.applies ? ", normalised" : "", p->hash);
}

enum status policy_create(const struct policy_config *config, struct policy **ret_policy,
                          struct err *err)
{
    struct policy *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_set(err, ST_NOMEM, "not enough memory for a policy");
    }
    enum status st = parse_kind(config->kind, &p->kind, err);
    if (st == ST_OK && p->kind == KIND_PPO) {
        st = load(p, config, err);
    }
    if (st != ST_OK) {
        policy_destroy(p);
        return st;
    }
    p->sample = config->sample;
    rng_init(&p->rng, config->seed);
    describe(p, config);
    *ret_policy = p;
    return ST_OK;
}

void policy_destroy(struct policy *policy)
{
    if (policy == NULL) {
        return;
    }
    model_destroy(policy->model);
    free(policy);
}

static bool is_finite_row(const float *obs)
{
    bool finite = true;
    for (size_t i = 0; i < POLICY_OBS; i++) {
        finite &= isfinite(obs[i]) != 0;
    }
    return finite;
}

/* One random number for each observation whatever it holds, so that one bad row does not shift the
 * choices of all later ones. */
static void select_random(struct policy *p, const float *obs, size_t n, struct policy_out *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t action = (uint32_t)rng_below(&p->rng, POLICY_ACTIONS);
        out[i] = (struct policy_out){.action = is_finite_row(obs + i * POLICY_OBS) ? action : 0};
    }
}

static void select_ppo(struct policy *p, const float *obs, size_t n, struct policy_out *out)
{
    float logits[BATCH * POLICY_ACTIONS];
    float probs[BATCH * POLICY_ACTIONS];
    bool finite[BATCH];
    model_forward(p->model, obs, n, logits, probs, NULL, finite); /* deciding needs no value */
    for (size_t i = 0; i < n; i++) {
        double u = p->sample ? rng_unit(&p->rng) : 0;
        const float *row = probs + i * POLICY_ACTIONS;
        memcpy(out[i].logits, logits + i * POLICY_ACTIONS, sizeof out[i].logits);
        memcpy(out[i].probs, row, sizeof out[i].probs);
        out[i].action = 0;
        if (finite[i]) {
            out[i].action = p->sample ? model_sample(row, POLICY_ACTIONS, u)
                                      : model_argmax(row, POLICY_ACTIONS);
        }
    }
}

void policy_select(struct policy *policy, const float *obs, size_t n, struct policy_out *ret_out)
{
    switch (policy->kind) {
    case KIND_HOLD:
        memset(ret_out, 0, n * sizeof *ret_out);
        return;
    case KIND_RANDOM:
        select_random(policy, obs, n, ret_out);
        return;
    case KIND_PPO:
        for (size_t i = 0; i < n; i += BATCH) {
            select_ppo(policy, obs + i * POLICY_OBS, n - i < BATCH ? n - i : BATCH, ret_out + i);
        }
        return;
    }
}

const char *policy_text(const struct policy *policy)
{
    return policy->text;
}

const char *policy_hash(const struct policy *policy)
{
    return policy->hash;
}
