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

typedef int32_t v4i __attribute__((vector_size(16)));

#define EXPONENT 0x7f800000 /* all ones in a NaN and an infinity, and in nothing else */

static bool is_finite_row(const float *row, uint32_t n)
{
    v4i bad = {0};
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        v4i bits;
        memcpy(&bits, row + i, sizeof bits);
        bad |= (bits & EXPONENT) == EXPONENT;
    }
    for (; i < n; i++) {
        int32_t bits;
        memcpy(&bits, row + i, sizeof bits);
        bad[0] |= (bits & EXPONENT) == EXPONENT;
    }
    return (bad[0] | bad[1] | bad[2] | bad[3]) == 0;
}

/* Raw observations to the network's input. False for a row that holds a NaN or an infinity. */
static bool prepare_row(const struct model *m, const float *obs, float *x)
{
    const struct normalizer *norm = &m->normalizer;
    if (!is_finite_row(obs, m->obs_count)) {
        memset(x, 0, m->obs_count * sizeof *x);
        return false;
    }
    if (!norm->applies) {
        memcpy(x, obs, m->obs_count * sizeof *x);
        return true;
    }
    for (uint32_t i = 0; i < m->obs_count; i++) {
        double v = ((double)obs[i] - norm->mean[i]) / norm->deviation[i];
        v = v < -norm->limit ? -norm->limit : v > norm->limit ? norm->limit : v;
        x[i] = (float)v;
    }
    return true;
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

/* Rows whose exponentials and logarithms are taken together, so that each hides the others' time.
 */
#define SOFTMAX_ROWS 16

/* e[i] = exp(x[i] - shift[row]) of rows of n, and each row's sum, first to last. e may be x. */
static void exponentials(const float *x, uint32_t rows, uint32_t n, const float *shift, float *e,
                         float *ret_sum)
{
    for (uint32_t r = 0; r < rows; r++) {
        for (size_t i = (size_t)r * n; i < (size_t)(r + 1) * n; i++) {
            e[i] = x[i] - shift[r];
        }
    }
    fm_expf_n(e, (size_t)rows * n);
    for (uint32_t r = 0; r < rows; r++) {
        ret_sum[r] = 0;
        for (size_t i = (size_t)r * n; i < (size_t)(r + 1) * n; i++) {
            ret_sum[r] += e[i];
        }
    }
}

static float largest(const float *x, uint32_t n)
{
    float max = x[0];
    for (uint32_t i = 1; i < n; i++) {
        max = x[i] > max ? x[i] : max;
    }
    return max;
}

/*
 * As SB3's distribution does: z = logits - logsumexp(logits), then the softmax of z, in float32.
 * finite becomes false for rows whose logits or probabilities are not; what is in those is of no
 * use.
 */
static void softmax(const float *logits, uint32_t rows, uint32_t n, float *probs, bool *finite)
{
    float shift[SOFTMAX_ROWS] = {0};
    float lse[SOFTMAX_ROWS], sum[SOFTMAX_ROWS];
    double log_sum[SOFTMAX_ROWS];
    for (uint32_t r = 0; r < rows; r++) {
        finite[r] = finite[r] && is_finite_row(logits + (size_t)r * n, n);
        shift[r] = largest(logits + (size_t)r * n, n);
    }
    exponentials(logits, rows, n, shift, probs, sum);
    for (uint32_t r = 0; r < rows; r++) {
        log_sum[r] = (double)sum[r];
    }
    fm_log_n(log_sum, rows);
    for (uint32_t r = 0; r < rows; r++) {
        lse[r] = shift[r] + (float)log_sum[r];
        for (size_t i = (size_t)r * n; i < (size_t)(r + 1) * n; i++) {
            probs[i] = logits[i] - lse[r];
        }
        shift[r] = shift[r] - lse[r];
    }
    exponentials(probs, rows, n, shift, probs, sum);
    for (uint32_t r = 0; r < rows; r++) {
        float *row = probs + (size_t)r * n;
        for (uint32_t i = 0; i < n; i++) {
            row[i] /= sum[r];
        }
        finite[r] = finite[r] && isfinite(lse[r]) && isfinite(row[0]);
    }
}

/* What the network says of up to MODEL_ROWS rows, before the softmax. */
static void forward_block(struct model *m, const float *obs, uint32_t rows, float *ret_logits,
                          float *ret_value, bool *ret_finite)
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
    if (ret_value == NULL) {
        return;
    }
    last = run_layers(m, &m->critic, shared, rows, shared);
    out = spare(m, last, shared);
    mlp_layer(&m->value_head, last, m->row_width, rows, out, m->row_width);
    for (uint32_t r = 0; r < rows; r++) {
        ret_value[r] = out[(size_t)r * m->row_width];
        ret_finite[r] = ret_finite[r] && isfinite(ret_value[r]);
    }
}

void model_forward(struct model *model, const float *obs, size_t n, float *ret_logits,
                   float *ret_probs, float *ret_value, bool *ret_finite)
{
    size_t actions = model->action_count;
    for (size_t i = 0; i < n;) {
        uint32_t rows = n - i >= MODEL_ROWS ? MODEL_ROWS : (uint32_t)(n - i);
        forward_block(model, obs + i * model->obs_count, rows, ret_logits + i * actions,
                      ret_value != NULL ? ret_value + i : NULL, ret_finite + i);
        i += rows;
    }
    for (size_t i = 0; i < n;) {
        uint32_t rows = n - i >= SOFTMAX_ROWS ? SOFTMAX_ROWS : (uint32_t)(n - i);
        softmax(ret_logits + i * actions, rows, model->action_count, ret_probs + i * actions,
                ret_finite + i);
        i += rows;
    }
    for (size_t i = 0; i < n; i++) {
        if (ret_finite[i]) {
            continue;
        }
        memset(ret_logits + i * actions, 0, actions * sizeof *ret_logits);
        memset(ret_probs + i * actions, 0, actions * sizeof *ret_probs);
        if (ret_value != NULL) {
            ret_value[i] = 0;
        }
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
