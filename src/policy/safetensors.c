#include "policy/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "policy/network.h"
#include "policy/torch_file.h"

#define HEADER_MAX (1U << 20)

static uint64_t header_length(const uint8_t *bytes)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) {
        n |= (uint64_t)bytes[i] << (8 * i);
    }
    return n;
}

bool safetensors_looks_like(const uint8_t *bytes, size_t n)
{
    return n > 8 && bytes[8] == '{' && header_length(bytes) < (1ULL << 40);
}

/* jansson recurses; the real header is three levels deep. */
static bool is_shallow(const uint8_t *text, size_t n)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            i += text[i] == '\\';
            quoted = i >= n || text[i] != '"';
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '[' || text[i] == '{') {
            depth++;
        } else if (text[i] == ']' || text[i] == '}') {
            depth--;
        }
        if (depth > 8) {
            return false;
        }
    }
    return true;
}

static enum status parse_header(const uint8_t *bytes, size_t n, json_t **ret_json,
                                struct refusal *r)
{
    uint64_t length = header_length(bytes);
    if (length > n - 8) {
        return refuse(r, REFUSED_TRUNCATED,
                      "truncated: safetensors header of %llu bytes in a file of %zu",
                      (unsigned long long)length, n);
    }
    if (length > HEADER_MAX || !is_shallow(bytes + 8, (size_t)length)) {
        return refuse(r, REFUSED_JSON_LIMIT, "safetensors: JSON header is too large or too deep");
    }
    json_error_t error;
    json_t *json =
        json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        return refuse(r, REFUSED_JSON, "safetensors: JSON header line %d: %s", error.line,
                      error.text);
    }
    *ret_json = json;
    return ST_OK;
}

static enum status read_metadata(const json_t *header, struct model *model, struct refusal *r)
{
    const json_t *metadata = json_object_get(header, "__metadata__");
    const char *policy = json_string_value(json_object_get(metadata, "policy"));
    const char *name = json_string_value(json_object_get(metadata, "activation_fn"));
    if (policy != NULL && strcmp(policy, "MlpPolicy") != 0) {
        return refuse(r, REFUSED_POLICY_CLASS,
                      "safetensors: __metadata__ policy class '%.60s' is not MlpPolicy", policy);
    }
    if (name == NULL) {
        return refuse(r, REFUSED_ACTIVATION,
                      "safetensors: __metadata__ has no activation_fn (for example \"Tanh\")");
    }
    if (!activation_parse(text_of(name), &model->activation)) {
        return refuse(r, REFUSED_ACTIVATION, "safetensors: activation_fn '%.60s' is not supported",
                      name);
    }
    return ST_OK;
}

static enum status read_shape(const char *name, const json_t *shape, struct tensor *t,
                              struct refusal *r)
{
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_DIMS_MAX) {
        return refuse(r, REFUSED_SHAPE, "%.100s: shape is no short array", name);
    }
    uint64_t n = 1;
    t->dims = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < t->dims; i++) {
        const json_t *item = json_array_get(shape, i);
        json_int_t v = json_integer_value(item);
        if (!json_is_integer(item) || v < 0 || __builtin_mul_overflow(n, (uint64_t)v, &n) ||
            n > TENSOR_FLOATS_MAX) {
            return refuse(r, REFUSED_TENSOR_BOUNDS, "%.100s: shape is too large or negative", name);
        }
        t->shape[i] = (uint64_t)v;
    }
    t->n = (size_t)n;
    return ST_OK;
}

/* data: what follows the header; offsets count from there. */
static enum status read_tensor(const char *name, const json_t *entry, struct text data,
                               struct tensor *t, uint64_t *ret_begin, struct refusal *r)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (dtype == NULL || strcmp(dtype, "F32") != 0) {
        return refuse(r, REFUSED_DTYPE, "%.100s: dtype %.20s is not F32", name,
                      dtype != NULL ? dtype : "missing");
    }
    if (!text_copy(t->name, sizeof t->name, text_of(name))) {
        return refuse(r, REFUSED_KEYS, "unexpected key %.100s...: too long", name);
    }
    enum status st = read_shape(name, json_object_get(entry, "shape"), t, r);
    if (st != ST_OK) {
        return st;
    }
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(offsets, 0);
    const json_t *to = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(from);
    json_int_t end = json_integer_value(to);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        begin < 0 || end < begin || (uint64_t)end > data.n ||
        (uint64_t)(end - begin) != (uint64_t)t->n * 4) {
        return refuse(r, REFUSED_TENSOR_BOUNDS,
                      "%.100s: data_offsets are out of bounds or not the size of the shape", name);
    }
    t->data = malloc(t->n > 0 ? t->n * 4 : 1);
    if (t->data == NULL) {
        return refuse_memory(r);
    }
    memcpy(t->data, data.p + begin, t->n * 4);
    *ret_begin = (uint64_t)begin;
    return ST_OK;
}

/* Ranges must cover the data without holes or overlap, so that no byte has two meanings or none. */
static enum status check_cover(const struct tensors *all, const uint64_t *begins, size_t size,
                               struct refusal *r)
{
    uint64_t at = 0;
    uint64_t seen = 0;
    for (uint32_t round = 0; round < all->n && at < size; round++) {
        for (uint32_t i = 0; i < all->n; i++) {
            if (begins[i] == at && all->t[i].n > 0) {
                at += (uint64_t)all->t[i].n * 4;
                break;
            }
        }
    }
    for (uint32_t i = 0; i < all->n; i++) {
        seen += (uint64_t)all->t[i].n * 4;
    }
    if (at != size || seen != size) {
        return refuse(r, REFUSED_TENSOR_BOUNDS,
                      "safetensors: data_offsets leave holes in the data or overlap");
    }
    return ST_OK;
}

static enum status read_tensors(json_t *header, struct text data, struct tensors *out,
                                struct refusal *r)
{
    uint64_t begins[TENSORS_MAX];
    const char *name = NULL;
    json_t *entry = NULL;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        if (out->n == TENSORS_MAX) {
            return refuse(r, REFUSED_KEYS, "safetensors: more than %d tensors, unexpected keys",
                          TENSORS_MAX);
        }
        struct tensor *t = &out->t[out->n];
        enum status st = read_tensor(name, entry, data, t, &begins[out->n], r);
        if (st != ST_OK) {
            return st;
        }
        out->n++;
        out->floats += t->n;
        /* Ranges that overlap are refused below, but must not take memory first. */
        if (out->floats > data.n / 4) {
            return refuse(r, REFUSED_TENSOR_BOUNDS, "safetensors: data_offsets overlap");
        }
    }
    return check_cover(out, begins, data.n, r);
}

enum status safetensors_load(const uint8_t *bytes, size_t n, struct model *model, struct refusal *r)
{
    json_t *header = NULL;
    enum status st = parse_header(bytes, n, &header, r);
    if (st != ST_OK) {
        return st;
    }
    struct tensors *tensors = calloc(1, sizeof *tensors);
    size_t at = 8 + (size_t)header_length(bytes);
    struct text data = {(const char *)bytes + at, n - at};
    model->source = MODEL_SAFETENSORS;
    st = tensors != NULL ? read_metadata(header, model, r) : refuse_memory(r);
    if (st == ST_OK) {
        st = read_tensors(header, data, tensors, r);
    }
    if (st == ST_OK) {
        st = network_build(model, tensors, r);
    }
    tensors_destroy(tensors);
    json_decref(header);
    return st;
}
