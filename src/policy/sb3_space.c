#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/sb3_int.h"

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s);
    size_t m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

static enum status space(const json_t *data, const char *key, const char *tail, const char *what,
                         enum refusal_class class, struct refusal *r)
{
    const json_t *value = json_object_get(data, key);
    if (value == NULL) {
        return refuse(r, REFUSED_JSON, "data: JSON has no %s", key);
    }
    if (!ends_with(sb3_type(value), tail)) {
        return refuse(r, class, "data: %s is %.120s, only %s is supported", key,
                      sb3_type(value)[0] != '\0' ? sb3_type(value) : "of no known type", what);
    }
    return ST_OK;
}

enum status sb3_space_kinds(const json_t *data, struct refusal *r)
{
    enum status st =
        space(data, "observation_space", ".box.Box'>", "Box", REFUSED_OBSERVATION_SPACE, r);
    if (st == ST_OK) {
        st = space(data, "action_space", ".discrete.Discrete'>", "Discrete", REFUSED_ACTION_SPACE,
                   r);
    }
    return st;
}

/* The state of the object in the pickle, when it is a gym or gymnasium space of that class. */
static const struct pv *space_state(const struct pv *root, const char *file, const char *class)
{
    char gym[64];
    char gymnasium[64];
    snprintf(gym, sizeof gym, "gym.spaces.%s", file);
    snprintf(gymnasium, sizeof gymnasium, "gymnasium.spaces.%s", file);
    if (root->kind != PV_CALL || (!pv_is_global(root->call.func, gym, class) &&
                                  !pv_is_global(root->call.func, gymnasium, class))) {
        return NULL;
    }
    return root->state != NULL && root->state->kind == PV_DICT ? root->state : NULL;
}

/* dtype('f4'), or a numpy type itself as older gym had it. */
static bool is_float32(const struct pv *dtype)
{
    if (pv_is_global(dtype, "numpy", "float32")) {
        return true;
    }
    return dtype != NULL && dtype->kind == PV_CALL &&
           pv_is_global(dtype->call.func, "numpy", "dtype") &&
           pv_is_str(pv_item(dtype->call.args, 0), "f4");
}

static enum status odd_box(struct refusal *r, const char *why)
{
    return refuse(r, REFUSED_OBSERVATION_SPACE, "data: observation_space: %s", why);
}

/* Product of the pickle's shape, which must be the text's. */
static enum status box_size(const json_t *text, const struct pv *shape, uint32_t *ret_n,
                            struct refusal *r)
{
    const json_t *text_shape = json_object_get(text, "_shape");
    if (text_shape == NULL) {
        text_shape = json_object_get(text, "shape");
    }
    if (!json_is_array(text_shape) || shape == NULL || shape->kind != PV_TUPLE) {
        return odd_box(r, "Box without a shape");
    }
    if (json_array_size(text_shape) != shape->seq.n) {
        return odd_box(r, "shape of text and pickle contradict each other");
    }
    uint64_t n = 1;
    for (uint32_t i = 0; i < shape->seq.n; i++) {
        int64_t v = 0;
        if (!pv_int(shape->seq.items[i], &v) || v < 1 || v > MODEL_WIDTH_MAX) {
            return odd_box(r, "shape out of range");
        }
        if (json_number_value(json_array_get(text_shape, i)) != (double)v) {
            return odd_box(r, "shape of text and pickle contradict each other");
        }
        n *= (uint64_t)v;
        if (n > MODEL_WIDTH_MAX) {
            return odd_box(r, "shape is too large");
        }
    }
    *ret_n = (uint32_t)n;
    return ST_OK;
}

static enum status read_box(const json_t *value, const struct pv *root, struct model *model,
                            struct refusal *r)
{
    const struct pv *state = space_state(root, "box", "Box");
    if (state == NULL) {
        return odd_box(r, "its pickle holds no Box");
    }
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    if (dtype == NULL || strcmp(dtype, "float32") != 0 || !is_float32(pv_get(state, "dtype"))) {
        return refuse(r, REFUSED_OBSERVATION_SPACE,
                      "data: observation_space: Box of dtype %.40s, only float32 is supported",
                      dtype != NULL ? dtype : "unknown");
    }
    const struct pv *shape = pv_get(state, "_shape");
    if (shape == NULL) {
        shape = pv_get(state, "shape");
    }
    return box_size(value, shape, &model->obs_count, r);
}

/* A Python int, or a numpy integer: scalar(dtype('i8'), b'\5\0...'). */
static bool pickled_integer(const struct pv *v, int64_t *ret_i)
{
    if (pv_int(v, ret_i)) {
        return true;
    }
    if (v == NULL || v->kind != PV_CALL ||
        (!pv_is_global(v->call.func, "numpy.core.multiarray", "scalar") &&
         !pv_is_global(v->call.func, "numpy._core.multiarray", "scalar"))) {
        return false;
    }
    const struct pv *dtype = pv_item(v->call.args, 0);
    const struct pv *bytes = pv_item(v->call.args, 1);
    if (dtype == NULL || dtype->kind != PV_CALL || bytes == NULL || bytes->kind != PV_BYTES ||
        !pv_is_global(dtype->call.func, "numpy", "dtype") ||
        (dtype->state != NULL && pv_is_str(pv_item(dtype->state, 1), ">"))) {
        return false;
    }
    const struct pv *type = pv_item(dtype->call.args, 0);
    size_t width = pv_is_str(type, "i8") ? 8 : pv_is_str(type, "i4") ? 4 : 0;
    if (width == 0 || bytes->s.n != width) {
        return false;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < width; i++) {
        bits |= (uint64_t)(uint8_t)bytes->s.p[i] << (8 * i);
    }
    *ret_i = width == 8 ? (int64_t)bits : (int32_t)(uint32_t)bits;
    return true;
}

/* A JSON number, or a string of digits (a numpy integer has no JSON form). */
static bool text_integer(const json_t *v, int64_t *ret_i)
{
    if (json_is_number(v)) {
        double d = json_number_value(v);
        *ret_i = d >= -1e9 && d <= 1e9 ? (int64_t)d : -1;
        return d == (double)*ret_i;
    }
    const char *s = json_string_value(v);
    if (s == NULL || s[0] == '\0' || strlen(s) > 9 || strspn(s, "0123456789") != strlen(s)) {
        return false;
    }
    *ret_i = strtol(s, NULL, 10);
    return true;
}

static enum status read_discrete(const json_t *value, const struct pv *root, struct model *model,
                                 struct refusal *r)
{
    const struct pv *state = space_state(root, "discrete", "Discrete");
    int64_t n = 0;
    if (state == NULL || !pickled_integer(pv_get(state, "n"), &n)) {
        return refuse(r, REFUSED_ACTION_SPACE,
                      "data: action_space: its pickle holds no Discrete with n");
    }
    int64_t text_n = 0;
    const json_t *text = json_object_get(value, "n");
    if (!text_integer(text, &text_n) || text_n != n) {
        const char *s = json_string_value(text);
        return refuse(r, REFUSED_ACTION_SPACE,
                      "data: action_space: n is '%.40s' in the text and %lld in the pickle",
                      s != NULL ? s : "a number", (long long)n);
    }
    int64_t start = 0;
    int64_t text_start = 0;
    const struct pv *pickled = pv_get(state, "start");
    text = json_object_get(value, "start");
    bool known = (pickled == NULL || pickled_integer(pickled, &start)) &&
                 (text == NULL || text_integer(text, &text_start));
    if (!known || start != 0 || text_start != 0) {
        return refuse(r, REFUSED_ACTION_SPACE, "data: action_space: start is not 0");
    }
    if (n < 1 || n > MODEL_WIDTH_MAX) {
        return refuse(r, REFUSED_ACTION_SPACE, "data: action_space: n of %lld is out of range",
                      (long long)n);
    }
    model->action_count = (uint32_t)n;
    return ST_OK;
}

enum status sb3_read_spaces(const json_t *data, struct model *model, struct refusal *r)
{
    struct sb3_object o;
    const json_t *box = json_object_get(data, "observation_space");
    const json_t *discrete = json_object_get(data, "action_space");
    enum status st = sb3_object_open(&o, "observation_space", box, REFUSED_OBSERVATION_SPACE, r);
    if (st != ST_OK) {
        return st;
    }
    st = read_box(box, o.root, model, r);
    sb3_object_close(&o);
    if (st != ST_OK) {
        return st;
    }
    st = sb3_object_open(&o, "action_space", discrete, REFUSED_ACTION_SPACE, r);
    if (st != ST_OK) {
        return st;
    }
    st = read_discrete(discrete, o.root, model, r);
    sb3_object_close(&o);
    return st;
}
