/*
 * vecnormalize.c - the pickle is read symbolically; what is needed is found by name on the way
 * VecNormalize -> obs_rms -> mean and var, and everything else in it is left alone.
 */
#include "policy/vecnormalize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/unpickle.h"

static bool is_object(const struct pv *v, const char *module_tail, const char *class)
{
    static const char *const roots[] = {"stable_baselines3", "stable_baselines"};
    for (size_t i = 0; i < 2; i++) {
        char module[96];
        snprintf(module, sizeof module, "%s.common.%s", roots[i], module_tail);
        if (v != NULL && v->kind == PV_CALL && pv_is_global(v->call.func, module, class)) {
            return v->state != NULL && v->state->kind == PV_DICT;
        }
    }
    return false;
}

static bool number(const struct pv *v, double *ret_d)
{
    if (v == NULL || (v->kind != PV_FLOAT && v->kind != PV_INT)) {
        return false;
    }
    *ret_d = v->kind == PV_FLOAT ? v->f : (double)v->i;
    return true;
}

/* What numpy wrote: raw bytes, the type of their elements, the shape. */
struct array {
    struct text bytes;
    uint32_t width; /* 4 or 8 */
    bool big_endian;
    bool by_column;
    uint64_t n;
    uint32_t dims;
};

static bool read_dtype(const struct pv *v, struct array *a)
{
    if (v == NULL || v->kind != PV_CALL || !pv_is_global(v->call.func, "numpy", "dtype")) {
        return false;
    }
    const struct pv *name = pv_item(v->call.args, 0);
    a->width = pv_is_str(name, "f8") ? 8 : pv_is_str(name, "f4") ? 4 : 0;
    const struct pv *order = pv_item(v->state, 1);
    a->big_endian = pv_is_str(order, ">");
    return a->width != 0 && (order == NULL || a->big_endian || pv_is_str(order, "<"));
}

static bool read_shape(const struct pv *v, struct array *a)
{
    if (v == NULL || v->kind != PV_TUPLE) {
        return false;
    }
    a->n = 1;
    a->dims = v->seq.n;
    for (uint32_t i = 0; i < v->seq.n; i++) {
        int64_t d = 0;
        if (!pv_int(v->seq.items[i], &d) || d < 0 || d > MODEL_WIDTH_MAX ||
            (a->n *= (uint64_t)d) > MODEL_WIDTH_MAX) {
            return false;
        }
    }
    return true;
}

static bool is_numpy(const struct pv *func, const char *file, const char *name)
{
    char old_module[64];
    char new_module[64];
    snprintf(old_module, sizeof old_module, "numpy.core.%s", file);
    snprintf(new_module, sizeof new_module, "numpy._core.%s", file);
    return pv_is_global(func, old_module, name) || pv_is_global(func, new_module, name);
}

/* _reconstruct(...) with the state (1, shape, dtype, is_fortran, bytes), or
 * _frombuffer(bytes, dtype, shape, 'C'). */
static bool read_array(const struct pv *v, struct array *a)
{
    if (v == NULL || v->kind != PV_CALL) {
        return false;
    }
    const struct pv *shape = NULL;
    const struct pv *dtype = NULL;
    const struct pv *bytes = NULL;
    if (is_numpy(v->call.func, "multiarray", "_reconstruct")) {
        const struct pv *fortran = pv_item(v->state, 3);
        shape = pv_item(v->state, 1);
        dtype = pv_item(v->state, 2);
        bytes = pv_item(v->state, 4);
        a->by_column = fortran == NULL || fortran->kind != PV_BOOL || fortran->i != 0;
    } else if (is_numpy(v->call.func, "numeric", "_frombuffer")) {
        bytes = pv_item(v->call.args, 0);
        dtype = pv_item(v->call.args, 1);
        shape = pv_item(v->call.args, 2);
        a->by_column = !pv_is_str(pv_item(v->call.args, 3), "C");
    }
    if (bytes == NULL || bytes->kind != PV_BYTES || !read_dtype(dtype, a) ||
        !read_shape(shape, a) || (a->by_column && a->dims > 1)) {
        return false;
    }
    a->bytes = bytes->s;
    return a->bytes.n == a->n * a->width;
}

static double element(const struct array *a, size_t i)
{
    const uint8_t *p = (const uint8_t *)a->bytes.p + i * a->width;
    uint64_t bits = 0;
    for (uint32_t k = 0; k < a->width; k++) {
        bits |= (uint64_t)p[a->big_endian ? a->width - 1 - k : k] << (8 * k);
    }
    if (a->width == 4) {
        uint32_t low = (uint32_t)bits;
        float f = 0;
        memcpy(&f, &low, sizeof f);
        return f;
    }
    double d = 0;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static enum status read_vector(const struct pv *rms, const char *name, uint32_t count,
                               double **ret_values, struct refusal *r)
{
    struct array a = {0};
    if (!read_array(pv_get(rms->state, name), &a)) {
        return refuse(r, REFUSED_STATISTICS, "VecNormalize: obs_rms.%s is no plain float array",
                      name);
    }
    if (a.n != count) {
        return refuse(r, REFUSED_STATISTICS,
                      "VecNormalize: obs_rms.%s has %llu numbers, the model's observation %u", name,
                      (unsigned long long)a.n, count);
    }
    double *values = malloc(count * sizeof *values);
    if (values == NULL) {
        return refuse_memory(r);
    }
    *ret_values = values;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = element(&a, i);
        if (!isfinite(values[i])) {
            return refuse(r, REFUSED_NONFINITE,
                          "VecNormalize: obs_rms.%s[%u] is %s, not a finite number", name, i,
                          isnan(values[i]) ? "NaN" : "Inf");
        }
    }
    return ST_OK;
}

static enum status read_moments(const struct pv *rms, uint32_t count, struct normalizer *norm,
                                struct refusal *r)
{
    if (!is_object(rms, "running_mean_std", "RunningMeanStd")) {
        return refuse(r, REFUSED_STATISTICS,
                      "VecNormalize: obs_rms is no RunningMeanStd (Dict observations?)");
    }
    enum status st = read_vector(rms, "mean", count, &norm->mean, r);
    if (st == ST_OK) {
        st = read_vector(rms, "var", count, &norm->deviation, r);
    }
    for (uint32_t i = 0; i < count && st == ST_OK; i++) {
        double var = norm->deviation[i];
        norm->deviation[i] = sqrt(var + norm->epsilon);
        if (var < 0 || !(norm->deviation[i] > 0) || !isfinite(norm->deviation[i])) {
            st = refuse(r, REFUSED_STATISTICS, "VecNormalize: obs_rms.var[%u] of %g makes no sense",
                        i, var);
        }
    }
    (void)number(pv_get(rms->state, "count"), &norm->count);
    return st;
}

static enum status read_object(const struct pv *root, uint32_t count, struct normalizer *norm,
                               struct refusal *r)
{
    if (!is_object(root, "vec_env.vec_normalize", "VecNormalize")) {
        return refuse(r, REFUSED_STATISTICS, "the pickle's object is no VecNormalize");
    }
    const struct pv *on = pv_get(root->state, "norm_obs");
    if (on == NULL || on->kind != PV_BOOL) {
        return refuse(r, REFUSED_STATISTICS, "VecNormalize: norm_obs is missing");
    }
    norm->given = true;
    norm->applies = on->i != 0;
    if (!norm->applies) {
        return ST_OK;
    }
    if (!number(pv_get(root->state, "clip_obs"), &norm->limit) ||
        !number(pv_get(root->state, "epsilon"), &norm->epsilon) || !(norm->limit > 0) ||
        !(norm->epsilon >= 0) || !isfinite(norm->epsilon)) {
        return refuse(r, REFUSED_STATISTICS, "VecNormalize: clip_obs or epsilon makes no sense");
    }
    return read_moments(pv_get(root->state, "obs_rms"), count, norm, r);
}

enum status vecnormalize_load(const uint8_t *bytes, size_t n, uint32_t obs_count,
                              struct normalizer *ret_norm, struct refusal *r)
{
    static const struct pickle_rules rules = {.symbolic = true};
    struct pickle *pickle = NULL;
    struct normalizer norm = {0};
    size_t used = 0;
    enum status st = unpickle(bytes, n, &rules, &pickle, &used, r);
    if (st != ST_OK) {
        return refuse_at(r, "VecNormalize");
    }
    st = read_object(pickle_root(pickle), obs_count, &norm, r);
    pickle_destroy(pickle);
    if (st != ST_OK) {
        normalizer_finish(&norm);
        return st;
    }
    *ret_norm = norm;
    return ST_OK;
}

void normalizer_finish(struct normalizer *norm)
{
    free(norm->mean);
    free(norm->deviation);
    *norm = (struct normalizer){0};
}
