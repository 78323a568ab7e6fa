#include "policy/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/mlp.h"

/* Where the layers of a stack come from. */
struct stack {
    const char *prefix;
    uint32_t n; /* layers found: indexes 0, 2, ... 2(n - 1) */
};

enum { STACK_SHARED, STACK_ACTOR, STACK_CRITIC, STACK_MAX };

static const char *const prefixes[STACK_MAX] = {
    "mlp_extractor.shared_net.", "mlp_extractor.policy_net.", "mlp_extractor.value_net."};

static const struct tensor *find(const struct tensors *all, const char *name)
{
    for (uint32_t i = 0; i < all->n; i++) {
        if (strcmp(all->t[i].name, name) == 0) {
            return &all->t[i];
        }
    }
    return NULL;
}

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_extractor_key(const char *name)
{
    return starts_with(name, "features_extractor.") ||
           starts_with(name, "pi_features_extractor.") ||
           starts_with(name, "vf_features_extractor.");
}

static bool is_head_key(const char *name)
{
    return strcmp(name, "action_net.weight") == 0 || strcmp(name, "action_net.bias") == 0 ||
           strcmp(name, "value_net.weight") == 0 || strcmp(name, "value_net.bias") == 0;
}

/* "4.weight" to 4; false when it is anything but a plain number and weight or bias. */
static bool parse_layer_key(const char *rest, uint32_t *ret_index)
{
    uint32_t index = 0;
    size_t digits = 0;
    while (rest[digits] >= '0' && rest[digits] <= '9' && digits < 4) {
        index = index * 10 + (uint32_t)(rest[digits] - '0');
        digits++;
    }
    if (digits == 0 || (digits > 1 && rest[0] == '0')) {
        return false;
    }
    *ret_index = index;
    return strcmp(rest + digits, ".weight") == 0 || strcmp(rest + digits, ".bias") == 0;
}

/* Every name must be understood; the highest index of each stack gives its length. */
static enum status check_keys(const struct tensors *all, uint32_t *ret_layers, struct refusal *r)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const char *name = all->t[i].name;
        if (is_head_key(name)) {
            continue;
        }
        if (is_extractor_key(name)) {
            return refuse(r, REFUSED_FEATURES_EXTRACTOR,
                          "unexpected key %s: a features_extractor with weights is not supported",
                          name);
        }
        uint32_t stack = 0;
        while (stack < STACK_MAX && !starts_with(name, prefixes[stack])) {
            stack++;
        }
        uint32_t index = 0;
        if (stack == STACK_MAX || !parse_layer_key(name + strlen(prefixes[stack]), &index) ||
            index % 2 != 0) {
            return refuse(r, REFUSED_KEYS, "unexpected key %s: not a plain MlpPolicy", name);
        }
        if (index / 2 >= MODEL_LAYERS_MAX) {
            return refuse(r, REFUSED_KEYS, "%s: more than %d layers", name, MODEL_LAYERS_MAX);
        }
        if (ret_layers[stack] < index / 2 + 1) {
            ret_layers[stack] = index / 2 + 1;
        }
    }
    return ST_OK;
}

static enum status check_finite(const struct tensors *all, struct refusal *r)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const struct tensor *t = &all->t[i];
        for (size_t k = 0; k < t->n; k++) {
            if (!isfinite(t->data[k])) {
                return refuse(r, REFUSED_NONFINITE, "%s[%zu] is %s, not a finite number", t->name,
                              k, isnan(t->data[k]) ? "NaN" : "Inf");
            }
        }
    }
    return ST_OK;
}

static enum status need(const struct tensors *all, const char *prefix, const char *what,
                        const struct tensor **ret_tensor, struct refusal *r)
{
    char name[TENSOR_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s%s", prefix, what);
    *ret_tensor = find(all, name);
    return *ret_tensor != NULL ? ST_OK
                               : refuse(r, REFUSED_MISSING_KEY, "missing weights: no key %s", name);
}

/* Copy to [in][out_padded], so that one input's weights to all outputs lie side by side. */
static enum status fill_layer(struct layer *layer, const struct tensor *w, const struct tensor *b,
                              struct refusal *r)
{
    layer->in = (uint32_t)w->shape[1];
    layer->out = (uint32_t)w->shape[0];
    layer->out_padded = (layer->out + 7) & ~7U;
    size_t n = (size_t)layer->in * layer->out_padded;
    layer->weights = mlp_alloc(n);
    layer->bias = mlp_alloc(layer->out_padded);
    if (layer->weights == NULL || layer->bias == NULL) {
        return refuse_memory(r);
    }
    for (size_t o = 0; o < layer->out; o++) {
        for (size_t i = 0; i < layer->in; i++) {
            layer->weights[i * layer->out_padded + o] = w->data[o * layer->in + i];
        }
    }
    memcpy(layer->bias, b->data, layer->out * sizeof *b->data);
    return ST_OK;
}

/* in: what the layer before gives, 0 when nothing says. out: what the file claims, 0 when free. */
static enum status build_layer(struct layer *layer, const struct tensors *all, const char *prefix,
                               uint32_t in, uint32_t out, struct refusal *r)
{
    const struct tensor *w = NULL;
    const struct tensor *b = NULL;
    enum status st = need(all, prefix, "weight", &w, r);
    if (st == ST_OK) {
        st = need(all, prefix, "bias", &b, r);
    }
    if (st != ST_OK) {
        return st;
    }
    if (w->dims != 2 || b->dims != 1) {
        return refuse(r, REFUSED_SHAPE,
                      "%sweight and bias have shapes of %u and %u dimensions, not 2 and 1", prefix,
                      w->dims, b->dims);
    }
    if (w->shape[0] == 0 || w->shape[1] == 0 || w->shape[0] > MODEL_WIDTH_MAX ||
        w->shape[1] > MODEL_WIDTH_MAX) {
        return refuse(r, REFUSED_SHAPE, "%sweight has a shape of %llu x %llu, limit %d", prefix,
                      (unsigned long long)w->shape[0], (unsigned long long)w->shape[1],
                      MODEL_WIDTH_MAX);
    }
    if (b->shape[0] != w->shape[0]) {
        return refuse(r, REFUSED_SHAPE, "%sbias has shape %llu, the weight %llu outputs", prefix,
                      (unsigned long long)b->shape[0], (unsigned long long)w->shape[0]);
    }
    if (in != 0 && w->shape[1] != in) {
        return refuse(r, REFUSED_SHAPE,
                      "%sweight has a shape with %llu inputs where the layer before (or the "
                      "observation) has %u",
                      prefix, (unsigned long long)w->shape[1], in);
    }
    if (out != 0 && w->shape[0] != out) {
        return refuse(r, REFUSED_SHAPE, "%sweight has a shape with %llu outputs and not %u", prefix,
                      (unsigned long long)w->shape[0], out);
    }
    return fill_layer(layer, w, b, r);
}

static enum status build_stack(struct layers *layers, const struct tensors *all, uint32_t stack,
                               uint32_t count, uint32_t *width, struct refusal *r)
{
    for (uint32_t i = 0; i < count; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s%u.", prefixes[stack], 2 * i);
        char weight[96];
        char bias[96];
        snprintf(weight, sizeof weight, "%sweight", prefix);
        snprintf(bias, sizeof bias, "%sbias", prefix);
        if (find(all, weight) == NULL && find(all, bias) == NULL) {
            return refuse(r, REFUSED_KEYS,
                          "gap in the layers: %s is missing, but a later layer is there", weight);
        }
        layers->n = i + 1;
        enum status st = build_layer(&layers->layer[i], all, prefix, *width, 0, r);
        if (st != ST_OK) {
            return st;
        }
        *width = layers->layer[i].out;
    }
    return ST_OK;
}

/* Without a claim of the file, the first layer that reads the observation tells its size. */
static void infer_observation(struct model *m, const struct tensors *all)
{
    static const char *const first[] = {"mlp_extractor.shared_net.0.weight",
                                        "mlp_extractor.policy_net.0.weight", "action_net.weight"};
    for (size_t i = 0; i < 3 && m->obs_count == 0; i++) {
        const struct tensor *t = find(all, first[i]);
        if (t != NULL && t->dims == 2 && t->shape[1] <= MODEL_WIDTH_MAX) {
            m->obs_count = (uint32_t)t->shape[1];
        }
    }
}

/* Largest magnitude an activation can give, 0 when it has none. */
static double activation_bound(enum activation act)
{
    switch (act) {
    case ACT_TANH:
    case ACT_SIGMOID:
    case ACT_SOFTSIGN:
    case ACT_HARDTANH:
    case ACT_HARDSIGMOID:
        return 1;
    case ACT_RELU6:
        return 6;
    case ACT_RELU:
    case ACT_IDENTITY:
    case ACT_LEAKY_RELU:
    case ACT_ELU:
    case ACT_CELU:
    case ACT_SELU:
    case ACT_SILU:
    case ACT_MISH:
    case ACT_GELU:
    case ACT_SOFTPLUS:
    case ACT_TANHSHRINK:
    case ACT_HARDSWISH:
    case ACT_LOG_SIGMOID:
    case ACT_SOFTSHRINK:
    case ACT_HARDSHRINK:
    case ACT_MAX:
        break;
    }
    return 0;
}

/* Behind a bounded activation the head's sums are bounded too; weights that can still overflow are
 * no trained policy. Behind any other, model_forward() finds out row by row. */
static enum status check_overflow(const struct layer *head, double bound, const char *name,
                                  struct refusal *r)
{
    for (uint32_t o = 0; o < head->out; o++) {
        double sum = fabs((double)head->bias[o]);
        for (uint32_t i = 0; i < head->in; i++) {
            sum += bound * fabs((double)head->weights[(size_t)i * head->out_padded + o]);
        }
        if (sum > 1e38) {
            return refuse(r, REFUSED_NONFINITE,
                          "%s: weights so large that output %u can overflow to infinity", name, o);
        }
    }
    return ST_OK;
}

static enum status check_heads(const struct model *m, struct refusal *r)
{
    double bound = activation_bound(m->activation);
    enum status st = ST_OK;
    if (bound > 0 && m->shared.n + m->actor.n > 0) {
        st = check_overflow(&m->action_head, bound, "action_net", r);
    }
    if (st == ST_OK && bound > 0 && m->shared.n + m->critic.n > 0) {
        st = check_overflow(&m->value_head, bound, "value_net", r);
    }
    return st;
}

enum status network_build(struct model *model, const struct tensors *tensors, struct refusal *r)
{
    uint32_t count[STACK_MAX] = {0};
    enum status st = check_keys(tensors, count, r);
    if (st == ST_OK) {
        st = check_finite(tensors, r);
    }
    if (st != ST_OK) {
        return st;
    }
    infer_observation(model, tensors);
    uint32_t width = model->obs_count;
    st = build_stack(&model->shared, tensors, STACK_SHARED, count[STACK_SHARED], &width, r);
    uint32_t actor_width = width;
    uint32_t critic_width = width;
    if (st == ST_OK) {
        st = build_stack(&model->actor, tensors, STACK_ACTOR, count[STACK_ACTOR], &actor_width, r);
    }
    if (st == ST_OK) {
        st = build_stack(&model->critic, tensors, STACK_CRITIC, count[STACK_CRITIC], &critic_width,
                         r);
    }
    if (st == ST_OK) {
        st = build_layer(&model->action_head, tensors, "action_net.", actor_width,
                         model->action_count, r);
    }
    if (st == ST_OK) {
        st = build_layer(&model->value_head, tensors, "value_net.", critic_width, 1, r);
    }
    if (st == ST_OK) {
        st = check_heads(model, r);
    }
    if (st == ST_OK) {
        model->action_count = model->action_head.out;
        st = mlp_prepare(model) ? ST_OK : refuse_memory(r);
    }
    return st;
}

static void finish_layer(struct layer *layer)
{
    free(layer->weights);
    free(layer->bias);
}

static void finish_layers(struct layers *layers)
{
    for (uint32_t i = 0; i < layers->n; i++) {
        finish_layer(&layers->layer[i]);
    }
}

void network_finish(struct model *model)
{
    finish_layers(&model->shared);
    finish_layers(&model->actor);
    finish_layers(&model->critic);
    finish_layer(&model->action_head);
    finish_layer(&model->value_head);
    free(model->scratch);
}
