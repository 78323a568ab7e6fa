#include "policy/mlp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"

float *mlp_alloc(size_t n)
{
    size_t bytes = (n * sizeof(float) + 63) & ~(size_t)63;
    float *p = aligned_alloc(64, bytes > 0 ? bytes : 64);
    if (p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}

static uint32_t widest(uint32_t width, const struct layers *layers)
{
    for (uint32_t i = 0; i < layers->n; i++) {
        width = layers->layer[i].out_padded > width ? layers->layer[i].out_padded : width;
    }
    return width;
}

bool mlp_prepare(struct model *model)
{
    uint32_t width = (model->obs_count + 7) & ~7U;
    width = widest(width, &model->shared);
    width = widest(width, &model->actor);
    width = widest(width, &model->critic);
    width = widest(width, &(struct layers){1, {model->action_head}});
    model->row_width = width;
    model->scratch = mlp_alloc((size_t)3 * MODEL_ROWS * width);
    return model->scratch != NULL;
}

/* Raw observations to the network's input. False for a row that holds a NaN or an infinity. */
static bool prepare_row(const struct model *m, const float *obs, float *x)
{
    const struct normalizer *norm = &m->normalizer;
    bool finite = true;
    for (uint32_t i = 0; i < m->obs_count; i++) {
        finite &= isfinite(obs[i]) != 0;
        x[i] = obs[i];
    }
    if (!finite) {
        memset(x, 0, m->obs_count * sizeof *x);
        return false;
    }
    for (uint32_t i = 0; norm->applies && i < m->obs_count; i++) {
        double v = ((double)obs[i] - norm->mean[i]) / norm->deviation[i];
        v = v < -norm->limit ? -norm->limit : v > norm->limit ? norm->limit : v;
        x[i] = (float)v;
    }
    return finite;
}

/* One of the three scratch buffers that is neither of the two in use. */
static float *spare(const struct model *m, const float *used, const float *kept)
{
    size_t size = (size_t)MODEL_ROWS * m->row_width;
    for (size_t i = 0; i < 2; i++) {
        float *candidate = m->scratch + i * size;
        if (candidate != used && candidate != kept) {
            return candidate;
        }
    }
    return m->scratch + 2 * size;
}

/* Run a stack of hidden layers on x, which stays as it is when kept is x. Returns the last output.
 */
static const float *run_layers(const struct model *m, const struct layers *layers, const float *x,
                               uint32_t rows, const float *kept)
{
    for (uint32_t i = 0; i < layers->n; i++) {
        const struct layer *layer = &layers->layer[i];
        float *y = spare(m, x, kept);
        mlp_layer(layer, x, m->row_width, rows, y, m->row_width);
        if (layer->out_padded == m->row_width) {
            activation_apply(m->activation, y, (size_t)rows * m->row_width);
        } else {
            for (uint32_t r = 0; r < rows; r++) {
                activation_apply(m->activation, y + (size_t)r * m->row_width, layer->out);
            }
        }
        x = y;
    }
    return x;
}

/* e[i] = exp(x[i] - shift), in place over whole vectors where n is small; returns their sum. */
static float exponentials(const float *x, uint32_t n, float shift, float *e)
{
    float block[8] = {0};
    float *to = n <= 8 ? block : e;
    for (uint32_t i = 0; i < n; i++) {
        to[i] = x[i] - shift;
    }
    fm_expf_n(to, n <= 8 ? 8 : n);
    float sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += to[i];
        e[i] = to[i];
    }
    return sum;
}

/*
 * As SB3's distribution does: z = logits - logsumexp(logits), then the softmax of z, in float32.
 * False when the logits are not finite.
 */
static bool softmax(const float *logits, uint32_t n, float *probs)
{
    float max = logits[0];
    bool finite = true;
    for (uint32_t i = 0; i < n; i++) {
        finite &= isfinite(logits[i]) != 0;
        max = logits[i] > max ? logits[i] : max;
    }
    if (!finite) {
        return false;
    }
    float lse = max + (float)fm_log((double)exponentials(logits, n, max, probs));
    for (uint32_t i = 0; i < n; i++) {
        probs[i] = logits[i] - lse;
    }
    float sum = exponentials(probs, n, max - lse, probs);
    for (uint32_t i = 0; i < n; i++) {
        probs[i] /= sum;
    }
    return isfinite(lse) && isfinite(probs[0]);
}

static void forward_block(struct model *m, const float *obs, uint32_t rows, float *ret_logits,
                          float *ret_probs, float *ret_value, bool *ret_finite)
{
    float *input = m->scratch;
    for (uint32_t r = 0; r < rows; r++) {
        ret_finite[r] =
            prepare_row(m, obs + (size_t)r * m->obs_count, input + (size_t)r * m->row_width);
    }
    const float *shared = run_layers(m, &m->shared, input, rows, NULL);
    const float *last = run_layers(m, &m->actor, shared, rows, shared);
    float *out = spare(m, last, shared);
    mlp_layer(&m->action_head, last, m->row_width, rows, out, m->row_width);
    uint32_t n = m->action_count;
    for (uint32_t r = 0; r < rows; r++) {
        memcpy(ret_logits + (size_t)r * n, out + (size_t)r * m->row_width, n * sizeof *out);
    }
    if (ret_value != NULL) {
        last = run_layers(m, &m->critic, shared, rows, shared);
        out = spare(m, last, shared);
        mlp_layer(&m->value_head, last, m->row_width, rows, out, m->row_width);
        for (uint32_t r = 0; r < rows; r++) {
            ret_value[r] = out[(size_t)r * m->row_width];
            ret_finite[r] = ret_finite[r] && isfinite(ret_value[r]);
        }
    }
    for (uint32_t r = 0; r < rows; r++) {
        float *logits = ret_logits + (size_t)r * n;
        float *probs = ret_probs + (size_t)r * n;
        ret_finite[r] = ret_finite[r] && softmax(logits, n, probs);
        if (!ret_finite[r]) {
            memset(logits, 0, n * sizeof *logits);
            memset(probs, 0, n * sizeof *probs);
            if (ret_value != NULL) {
                ret_value[r] = 0;
            }
        }
    }
}

void model_forward(struct model *model, const float *obs, size_t n, float *ret_logits,
                   float *ret_probs, float *ret_value, bool *ret_finite)
{
    for (size_t i = 0; i < n;) {
        uint32_t rows = n - i >= MODEL_ROWS ? MODEL_ROWS : (uint32_t)(n - i);
        forward_block(model, obs + i * model->obs_count, rows, ret_logits + i * model->action_count,
                      ret_probs + i * model->action_count, ret_value != NULL ? ret_value + i : NULL,
                      ret_finite + i);
        i += rows;
    }
}

uint32_t model_argmax(const float *probs, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (probs[i] > probs[best]) {
            best = i;
        }
    }
    return best;
}

uint32_t model_sample(const float *probs, uint32_t n, double u)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += probs[i];
        if (sum > u) {
            return i;
        }
    }
    return n - 1;
}
