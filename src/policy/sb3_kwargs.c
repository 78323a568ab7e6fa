#include <stdio.h>
#include <string.h>

#include "policy/sb3_int.h"

#define FLATTEN_MODULE "stable_baselines3.common.torch_layers"
#define FLATTEN_CLASS  "FlattenExtractor"

/* What may be there, as far as it does not change the function or shows in the weights. */
static const char *const allowed[] = {"activation_fn",
                                      "net_arch",
                                      "ortho_init",
                                      "log_std_init",
                                      "full_std",
                                      "use_expln",
                                      "squash_output",
                                      "share_features_extractor",
                                      "normalize_images",
                                      "optimizer_class",
                                      "optimizer_kwargs",
                                      "device",
                                      "sde_net_arch",
                                      "features_extractor_class",
                                      "features_extractor_kwargs"};

static bool is_allowed(struct text key)
{
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (text_equal(key, text_of(allowed[i]))) {
            return true;
        }
    }
    return false;
}

enum status sb3_check_extractor(const json_t *data, struct refusal *r)
{
    const json_t *kwargs = json_object_get(data, "policy_kwargs");
    const json_t *class = json_object_get(kwargs, "features_extractor_class");
    if (class == NULL) {
        return ST_OK;
    }
    const char *text = json_string_value(class);
    if (text == NULL || strcmp(text, "<class '" FLATTEN_MODULE "." FLATTEN_CLASS "'>") != 0) {
        return refuse(r, REFUSED_FEATURES_EXTRACTOR,
                      "data: policy_kwargs: features_extractor_class %.120s is not supported",
                      text != NULL ? text : "of no known form");
    }
    return ST_OK;
}

static enum status unknown_key(struct text key, struct refusal *r)
{
    return refuse(r, REFUSED_POLICY_KWARGS,
                  "data: policy_kwargs: unknown key '%.*s', it may change the network",
                  (int)(key.n < 80 ? key.n : 80), key.p);
}

static bool is_empty_or_null(const json_t *v)
{
    return v == NULL || json_is_null(v) || (json_is_object(v) && json_object_size(v) == 0);
}

/* The text side: allowed keys only, and no value that changes the function. */
static enum status check_text(const json_t *kwargs, struct refusal *r)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)kwargs, key, value)
    {
        if (strcmp(key, ":type:") == 0 || strcmp(key, ":serialized:") == 0) {
            continue;
        }
        if (!is_allowed(text_of(key))) {
            return unknown_key(text_of(key), r);
        }
    }
    value = json_object_get(kwargs, "squash_output");
    if (value != NULL && !json_is_false(value)) {
        return refuse(r, REFUSED_POLICY_KWARGS, "data: policy_kwargs: squash_output is not false");
    }
    value = json_object_get(kwargs, "sde_net_arch");
    if (value != NULL && !json_is_null(value)) {
        return refuse(r, REFUSED_POLICY_KWARGS, "data: policy_kwargs: sde_net_arch is not null");
    }
    if (!is_empty_or_null(json_object_get(kwargs, "features_extractor_kwargs"))) {
        return refuse(r, REFUSED_FEATURES_EXTRACTOR,
                      "data: policy_kwargs: features_extractor_kwargs is not empty");
    }
    return ST_OK;
}

/* "<class 'torch.nn.modules.activation.ReLU'>" */
static enum status parse_activation(const json_t *value, enum activation *ret_act,
                                    struct refusal *r)
{
    static const char head[] = "<class 'torch.nn.modules.";
    static const char *const files[] = {"activation.", "linear."};
    const char *s = json_string_value(value);
    if (s == NULL) {
        return refuse(r, REFUSED_ACTIVATION, "data: policy_kwargs: activation_fn is no class");
    }
    size_t n = strlen(s);
    if (n > sizeof head + 1 && strncmp(s, head, sizeof head - 1) == 0 &&
        strcmp(s + n - 2, "'>") == 0) {
        struct text path = {s + sizeof head - 1, n - (sizeof head - 1) - 2};
        for (size_t i = 0; i < 2; i++) {
            size_t m = strlen(files[i]);
            if (path.n <= m || memcmp(path.p, files[i], m) != 0) {
                continue;
            }
            struct text name = {path.p + m, path.n - m};
            bool identity = text_equal(name, TEXT("Identity"));
            if (identity == (i == 1) && activation_parse(name, ret_act)) {
                return ST_OK;
            }
        }
    }
    return refuse(r, REFUSED_ACTIVATION,
                  "data: policy_kwargs: activation_fn %.120s is not supported", s);
}

static bool is_activation(const struct pv *v, enum activation act)
{
    return pv_is_global(
        v, act == ACT_IDENTITY ? "torch.nn.modules.linear" : "torch.nn.modules.activation",
        activation_name(act));
}

/* The pickle side: the same keys as the text, and the same of those that matter. */
static enum status check_pickle(const json_t *kwargs, const struct pv *root, enum activation act,
                                struct refusal *r)
{
    if (root->kind != PV_DICT) {
        return refuse(r, REFUSED_POLICY_KWARGS, "data: policy_kwargs: its pickle holds no dict");
    }
    for (uint32_t i = 0; i < root->seq.n; i += 2) {
        const struct pv *key = root->seq.items[i];
        if (key->kind != PV_STR) {
            return refuse(r, REFUSED_POLICY_KWARGS, "data: policy_kwargs: a key is no text");
        }
        char name[80];
        if (!is_allowed(key->s) || !text_copy(name, sizeof name, key->s)) {
            return unknown_key(key->s, r);
        }
        if (json_object_get(kwargs, name) == NULL) {
            return refuse(r, REFUSED_POLICY_KWARGS,
                          "data: policy_kwargs: %s is in the pickle and not in the text", name);
        }
    }
    const struct pv *fn = pv_get(root, "activation_fn");
    if (fn != NULL ? !is_activation(fn, act) : json_object_get(kwargs, "activation_fn") != NULL) {
        return refuse(r, REFUSED_ACTIVATION,
                      "data: policy_kwargs: activation_fn is not %s in the pickle",
                      activation_name(act));
    }
    const struct pv *extractor = pv_get(root, "features_extractor_class");
    const struct pv *options = pv_get(root, "features_extractor_kwargs");
    if ((extractor != NULL && !pv_is_global(extractor, FLATTEN_MODULE, FLATTEN_CLASS)) ||
        (options != NULL && options->kind != PV_NONE &&
         (options->kind != PV_DICT || options->seq.n != 0))) {
        return refuse(r, REFUSED_FEATURES_EXTRACTOR,
                      "data: policy_kwargs: the pickle names another features_extractor");
    }
    const struct pv *squash = pv_get(root, "squash_output");
    const struct pv *sde = pv_get(root, "sde_net_arch");
    if ((squash != NULL && (squash->kind != PV_BOOL || squash->i != 0)) ||
        (sde != NULL && sde->kind != PV_NONE)) {
        return refuse(r, REFUSED_POLICY_KWARGS,
                      "data: policy_kwargs: squash_output or sde_net_arch is set in the pickle");
    }
    return ST_OK;
}

enum status sb3_read_kwargs(const json_t *data, struct model *model, struct refusal *r)
{
    const json_t *kwargs = json_object_get(data, "policy_kwargs");
    model->activation = ACT_TANH;
    if (!json_is_object(kwargs)) {
        return refuse(r, REFUSED_POLICY_KWARGS, "data: JSON has no policy_kwargs object");
    }
    enum status st = check_text(kwargs, r);
    const json_t *fn = json_object_get(kwargs, "activation_fn");
    if (st == ST_OK && fn != NULL) {
        st = parse_activation(fn, &model->activation, r);
    }
    if (st != ST_OK) {
        return st;
    }
    if (json_object_get(kwargs, ":serialized:") == NULL && sb3_type(kwargs)[0] == '\0') {
        /* Plain JSON cannot hold a class, so an activation here is something else. */
        return fn == NULL ? ST_OK
                          : refuse(r, REFUSED_ACTIVATION,
                                   "data: policy_kwargs: activation_fn without its pickle");
    }
    struct sb3_object o;
    st = sb3_object_open(&o, "policy_kwargs", kwargs, REFUSED_POLICY_KWARGS, r);
    if (st != ST_OK) {
        return st;
    }
    st = check_pickle(kwargs, o.root, model->activation, r);
    sb3_object_close(&o);
    return st;
}
