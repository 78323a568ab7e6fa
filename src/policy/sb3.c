/*
 * sb3.c - from the archive of PPO.save to a network.
 *
 * Order of checks: the two members, the algorithm, what kinds of spaces, the features extractor,
 * the policy class, the rest of policy_kwargs, the spaces' content, and then the weights. The
 * optimiser's member and every other pickle in `data` are never opened.
 */
#include "policy/sb3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/network.h"
#include "policy/sb3_int.h"
#include "policy/torch_file.h"
#include "policy/zipfile.h"

#define DATA_MAX   (16U << 20)
#define POLICY_MAX (64U << 20)

static enum status check_members(const struct zipfile *zip, struct refusal *r)
{
    static const char *const needed[] = {"data", "policy.pth"};
    for (size_t i = 0; i < 2; i++) {
        if (zipfile_has(zip, needed[i])) {
            continue;
        }
        if (zipfile_has(zip, "archive/data.pkl") || zipfile_count(zip) == 0) {
            return refuse(r, REFUSED_MISSING_MEMBER,
                          "missing member %s: a bare torch file, not the SB3 zip that PPO.save "
                          "writes (with data and policy.pth)",
                          needed[i]);
        }
        return refuse(r, REFUSED_MISSING_MEMBER, "missing member %s: no SB3 model", needed[i]);
    }
    return ST_OK;
}

static enum status check_algorithm(const json_t *data, struct refusal *r)
{
    static const char *const signs[] = {"clip_range", "n_epochs", "batch_size"};
    for (size_t i = 0; i < 3; i++) {
        if (json_object_get(data, signs[i]) == NULL) {
            return refuse(r, REFUSED_ALGORITHM, "data: not saved by PPO (A2C, DQN, SAC?): no %s",
                          signs[i]);
        }
    }
    const json_t *sde = json_object_get(data, "use_sde");
    if (sde != NULL && !json_is_false(sde)) {
        return refuse(r, REFUSED_ALGORITHM, "data: PPO with use_sde is not supported");
    }
    return ST_OK;
}

static const char *const policy_classes[][2] = {
    {"stable_baselines3.common.policies", "ActorCriticPolicy"},
    {"stable_baselines3.ppo.policies", "PPOPolicy"}, /* SB3 0.5 and 0.6, the same network */
};

static enum status check_class_name(const json_t *value, const struct pv *root, struct refusal *r)
{
    if (root->kind != PV_GLOBAL) {
        return refuse(r, REFUSED_POLICY_CLASS, "data: policy_class: its pickle is no plain class");
    }
    for (size_t i = 0; i < 2; i++) {
        if (!pv_is_global(root, policy_classes[i][0], policy_classes[i][1])) {
            continue;
        }
        char init[128];
        snprintf(init, sizeof init, "<function %s.__init__ ", policy_classes[i][1]);
        const char *module = json_string_value(json_object_get(value, "__module__"));
        const char *text = json_string_value(json_object_get(value, "__init__"));
        if ((module != NULL && strcmp(module, policy_classes[i][0]) != 0) ||
            (text != NULL && strncmp(text, init, strlen(init)) != 0)) {
            return refuse(r, REFUSED_POLICY_CLASS,
                          "data: policy_class: text and pickle contradict each other");
        }
        return ST_OK;
    }
    struct text m = root->global.module;
    struct text c = root->global.name;
    return refuse(r, REFUSED_POLICY_CLASS,
                  "data: policy_class %.*s.%.*s is not supported, only ActorCriticPolicy "
                  "(MlpPolicy)",
                  (int)(m.n < 100 ? m.n : 100), m.p, (int)(c.n < 60 ? c.n : 60), c.p);
}

static enum status check_policy_class(const json_t *data, struct refusal *r)
{
    const json_t *value = json_object_get(data, "policy_class");
    struct sb3_object o;
    enum status st = sb3_object_open(&o, "policy_class", value, REFUSED_POLICY_CLASS, r);
    if (st != ST_OK) {
        return st;
    }
    st = check_class_name(value, o.root, r);
    sb3_object_close(&o);
    return st;
}

static enum status read_data(const json_t *data, struct model *model, struct refusal *r)
{
    enum status st = check_algorithm(data, r);
    if (st == ST_OK) {
        st = sb3_space_kinds(data, r);
    }
    if (st == ST_OK) {
        st = sb3_check_extractor(data, r);
    }
    if (st == ST_OK) {
        st = check_policy_class(data, r);
    }
    if (st == ST_OK) {
        st = sb3_read_kwargs(data, model, r);
    }
    if (st == ST_OK) {
        st = sb3_read_spaces(data, model, r);
    }
    const json_t *original = json_object_get(data, "_last_original_obs");
    model->wants_statistics = original != NULL && !json_is_null(original);
    return st;
}

static enum status load_data(struct zipfile *zip, struct model *model, struct refusal *r)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status st = zipfile_read(zip, "data", DATA_MAX, &bytes, &n, r);
    if (st != ST_OK) {
        return st;
    }
    json_t *data = NULL;
    st = sb3_json(bytes, n, &data, r);
    free(bytes);
    if (st != ST_OK) {
        return st;
    }
    st = read_data(data, model, r);
    json_decref(data);
    return st;
}

/* Only for describing the model, so that a file without it, or with nonsense, is as good. */
static enum status load_version(struct zipfile *zip, struct model *model, struct refusal *r)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status st = zipfile_read(zip, "_stable_baselines3_version", 256, &bytes, &n, r);
    if (st != ST_OK) {
        return st == ST_NOMEM ? st : ST_OK;
    }
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) {
        n--;
    }
    bool plain = n < sizeof model->version;
    for (size_t i = 0; i < n; i++) {
        plain = plain && bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
    }
    if (plain) {
        text_copy(model->version, sizeof model->version, (struct text){(char *)bytes, n});
    }
    free(bytes);
    return ST_OK;
}

static enum status load_weights(struct zipfile *zip, struct model *model, struct refusal *r)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status st = zipfile_read(zip, "policy.pth", POLICY_MAX, &bytes, &n, r);
    if (st != ST_OK) {
        return st;
    }
    struct tensors *tensors = NULL;
    st = torch_load(bytes, n, &tensors, r);
    free(bytes);
    if (st == ST_OK) {
        st = network_build(model, tensors, r);
        tensors_destroy(tensors);
    }
    return st == ST_OK ? ST_OK : refuse_at(r, "policy.pth");
}

enum status sb3_load(const uint8_t *bytes, size_t n, struct model *model, struct refusal *r)
{
    struct zipfile *zip = NULL;
    enum status st = zipfile_open(bytes, n, &zip, r);
    if (st != ST_OK) {
        return st;
    }
    model->source = MODEL_SB3_ZIP;
    st = check_members(zip, r);
    if (st == ST_OK) {
        st = load_data(zip, model, r);
    }
    if (st == ST_OK) {
        st = load_weights(zip, model, r);
    }
    if (st == ST_OK) {
        st = load_version(zip, model, r);
    }
    zipfile_close(zip);
    return st;
}
