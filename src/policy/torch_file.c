/*
 * torch_file.c - state dicts.
 *
 * The pickle describes tensors as views into storages: key, type, element count, offset, shape,
 * strides. It is read first; then each storage it names is found (a member data/KEY of the zip, or
 * a run of elements behind the stream's fifth pickle) and the views are copied out, element by
 * element, after every index was shown to lie inside.
 */
#include "policy/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/unpickle.h"
#include "policy/zipfile.h"

#define PICKLE_BYTES_MAX  (4U << 20)
#define STORAGE_BYTES_MAX (96U << 20) /* of all storages together */
#define STORAGES_MAX      TENSORS_MAX

enum element { EL_FLOAT, EL_DOUBLE, EL_HALF, EL_BFLOAT16, EL_OTHER };

static const struct {
    const char *name;
    enum element element;
    uint32_t width;
} storage_types[] = {
    {"FloatStorage", EL_FLOAT, 4}, {"DoubleStorage", EL_DOUBLE, 8},
    {"HalfStorage", EL_HALF, 2},   {"BFloat16Storage", EL_BFLOAT16, 2},
    {"IntStorage", EL_OTHER, 4},   {"LongStorage", EL_OTHER, 8},
    {"ShortStorage", EL_OTHER, 2}, {"CharStorage", EL_OTHER, 1},
    {"ByteStorage", EL_OTHER, 1},  {"BoolStorage", EL_OTHER, 1},
};

/* The whitelist: what a state dict may name. The integer types are named only to be refused as
 * such, not as something unknown. */
static const char *const state_globals[] = {"collections OrderedDict",
                                            "torch._utils _rebuild_tensor_v2",
                                            "torch FloatStorage",
                                            "torch DoubleStorage",
                                            "torch HalfStorage",
                                            "torch BFloat16Storage",
                                            "torch IntStorage",
                                            "torch LongStorage",
                                            "torch ShortStorage",
                                            "torch CharStorage",
                                            "torch ByteStorage",
                                            "torch BoolStorage",
                                            NULL};

struct storage {
    struct text key;
    uint32_t type; /* row of storage_types */
    uint64_t numel;
    const uint8_t *bytes;
    uint8_t *owned; /* the same, when it is ours to free */
};

struct view {
    struct text name;
    uint32_t storage;
    uint64_t offset;
    uint32_t dims;
    uint64_t shape[TENSOR_DIMS_MAX];
    uint64_t stride[TENSOR_DIMS_MAX];
    uint64_t n;
};

struct torch {
    struct storage storages[STORAGES_MAX];
    uint32_t storage_count;
    struct view views[TENSORS_MAX];
    uint32_t view_count;
    uint64_t floats;
    bool big_endian;
    struct refusal *r;
};

static int width_of(struct text t)
{
    return t.n < 100 ? (int)t.n : 100;
}

/* --- the description --- */

static enum status find_type(struct torch *t, const struct pv *type, uint32_t *ret_type)
{
    if (type == NULL || type->kind != PV_GLOBAL) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: a storage without a type");
    }
    for (uint32_t i = 0; i < sizeof storage_types / sizeof storage_types[0]; i++) {
        if (!pv_is_global(type, "torch", storage_types[i].name)) {
            continue;
        }
        if (storage_types[i].element == EL_OTHER) {
            return refuse(t->r, REFUSED_DTYPE, "dtype: weights of type %s are not floating point",
                          storage_types[i].name);
        }
        *ret_type = i;
        return ST_OK;
    }
    return refuse(t->r, REFUSED_DTYPE, "dtype: unknown storage type %.*s",
                  width_of(type->global.name), type->global.name.p);
}

/* ('storage', type, 'KEY', 'cpu', NUMEL) and, in the stream form, None. */
static enum status read_storage(struct torch *t, const struct pv *id, uint32_t *ret_storage)
{
    const struct pv *key = pv_item(id, 2);
    const struct pv *view = pv_item(id, 5);
    int64_t numel = 0;
    if (!pv_is_str(pv_item(id, 0), "storage") || key == NULL || key->kind != PV_STR ||
        !pv_int(pv_item(id, 4), &numel) || id->seq.n > 6 ||
        (view != NULL && view->kind != PV_NONE)) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: persistent id that is no storage");
    }
    uint32_t type = 0;
    enum status st = find_type(t, pv_item(id, 1), &type);
    if (st != ST_OK) {
        return st;
    }
    if (numel < 0) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS, "storage %.*s has a negative size",
                      width_of(key->s), key->s.p);
    }
    for (uint32_t i = 0; i < t->storage_count; i++) {
        const struct storage *s = &t->storages[i];
        if (!text_equal(s->key, key->s)) {
            continue;
        }
        if (s->type != type || s->numel != (uint64_t)numel) {
            return refuse(t->r, REFUSED_TENSOR_BOUNDS,
                          "storage %.*s is described in two different ways", width_of(key->s),
                          key->s.p);
        }
        *ret_storage = i;
        return ST_OK;
    }
    if (t->storage_count == STORAGES_MAX) {
        return refuse(t->r, REFUSED_PICKLE_LIMIT, "more than %d storages", STORAGES_MAX);
    }
    t->storages[t->storage_count] = (struct storage){key->s, type, (uint64_t)numel, NULL, NULL};
    *ret_storage = t->storage_count++;
    return ST_OK;
}

/* A tuple of integers that are not negative. */
static enum status read_dims(struct torch *t, struct text name, const char *what,
                             const struct pv *tuple, uint64_t *dims, uint32_t *ret_n)
{
    if (tuple == NULL || tuple->kind != PV_TUPLE) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: %.*s: %s is no tuple", width_of(name),
                      name.p, what);
    }
    if (tuple->seq.n > TENSOR_DIMS_MAX) {
        return refuse(t->r, REFUSED_SHAPE, "%.*s: shape of %u dimensions", width_of(name), name.p,
                      tuple->seq.n);
    }
    for (uint32_t i = 0; i < tuple->seq.n; i++) {
        const struct pv *item = tuple->seq.items[i];
        int64_t v = 0;
        if (item->kind == PV_BIGINT || (pv_int(item, &v) && v < 0)) {
            return refuse(t->r, REFUSED_TENSOR_BOUNDS, "%.*s: %s is negative or too large",
                          width_of(name), name.p, what);
        }
        if (item->kind != PV_INT) {
            return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: %.*s: %s is not of integers",
                          width_of(name), name.p, what);
        }
        dims[i] = (uint64_t)v;
    }
    *ret_n = tuple->seq.n;
    return ST_OK;
}

/* Every element of the view must lie inside its storage, and a view may not repeat elements, which
 * would make much out of little. */
static enum status check_view(struct torch *t, struct view *v)
{
    const struct storage *s = &t->storages[v->storage];
    uint64_t n = 1;
    uint64_t last = v->offset;
    bool over = false;
    bool empty = false;
    for (uint32_t i = 0; i < v->dims; i++) {
        uint64_t reach = 0;
        over |= __builtin_mul_overflow(n, v->shape[i], &n);
        if (v->shape[i] == 0) {
            empty = true;
            continue;
        }
        over |= __builtin_mul_overflow(v->shape[i] - 1, v->stride[i], &reach);
        over |= __builtin_add_overflow(last, reach, &last);
    }
    if (over) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS,
                      "%.*s: shape and strides overflow, the size is too large", width_of(v->name),
                      v->name.p);
    }
    if (empty) {
        v->n = 0;
        return v->offset <= s->numel
                   ? ST_OK
                   : refuse(t->r, REFUSED_TENSOR_BOUNDS, "%.*s: offset is out of bounds",
                            width_of(v->name), v->name.p);
    }
    if (last >= s->numel || n > s->numel) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS,
                      "%.*s: offset, shape and strides reach element %llu, storage %.*s has a size "
                      "(numel) of %llu",
                      width_of(v->name), v->name.p, (unsigned long long)(last >= n ? last : n - 1),
                      width_of(s->key), s->key.p, (unsigned long long)s->numel);
    }
    t->floats += n;
    if (n > TENSOR_FLOATS_MAX || t->floats > TENSOR_FLOATS_MAX) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS, "%.*s: weights of a size over %u are too large",
                      width_of(v->name), v->name.p, TENSOR_FLOATS_MAX);
    }
    v->n = n;
    return ST_OK;
}

/* _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks) */
static enum status read_view(struct torch *t, struct text name, const struct pv *tensor)
{
    if (tensor == NULL || tensor->kind != PV_CALL ||
        !pv_is_global(tensor->call.func, "torch._utils", "_rebuild_tensor_v2")) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: state dict entry %.*s is no tensor",
                      width_of(name), name.p);
    }
    const struct pv *args = tensor->call.args;
    const struct pv *storage = pv_item(args, 0);
    const struct pv *offset = pv_item(args, 1);
    if (args->seq.n < 4 || storage->kind != PV_PERSID ||
        (offset->kind != PV_INT && offset->kind != PV_BIGINT)) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: tensor %.*s has odd arguments",
                      width_of(name), name.p);
    }
    if (offset->kind == PV_BIGINT || offset->i < 0) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS, "%.*s: offset is negative or too large",
                      width_of(name), name.p);
    }
    struct view *v = &t->views[t->view_count];
    *v = (struct view){.name = name, .offset = (uint64_t)offset->i};
    uint32_t strides = 0;
    enum status st = read_storage(t, storage->call.args, &v->storage);
    if (st == ST_OK) {
        st = read_dims(t, name, "shape", pv_item(args, 2), v->shape, &v->dims);
    }
    if (st == ST_OK) {
        st = read_dims(t, name, "stride", pv_item(args, 3), v->stride, &strides);
    }
    if (st == ST_OK && strides != v->dims) {
        st = refuse(t->r, REFUSED_TENSOR_BOUNDS, "%.*s: shape and stride differ in length",
                    width_of(name), name.p);
    }
    if (st == ST_OK) {
        st = check_view(t, v);
    }
    t->view_count++;
    return st;
}

static enum status read_state_dict(struct torch *t, const struct pv *root)
{
    if (root->kind != PV_DICT) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT,
                      "pickle: holds no state dict (an OrderedDict of tensors)");
    }
    for (uint32_t i = 0; i < root->seq.n; i += 2) {
        const struct pv *key = root->seq.items[i];
        if (key->kind != PV_STR || key->s.n == 0 || key->s.n >= TENSOR_NAME_MAX ||
            memchr(key->s.p, 0, key->s.n) != NULL) {
            return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: state dict key %u is no name",
                          i / 2);
        }
        for (uint32_t k = 0; k < t->view_count; k++) {
            if (text_equal(t->views[k].name, key->s)) {
                return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: duplicate key %.*s",
                              width_of(key->s), key->s.p);
            }
        }
        if (t->view_count == TENSORS_MAX) {
            return refuse(t->r, REFUSED_PICKLE_LIMIT, "pickle: more than %d tensors", TENSORS_MAX);
        }
        enum status st = read_view(t, key->s, root->seq.items[i + 1]);
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

/* --- elements --- */

static uint64_t load_bits(const uint8_t *p, uint32_t width, bool big_endian)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < width; i++) {
        v |= (uint64_t)p[big_endian ? width - 1 - i : i] << (8 * i);
    }
    return v;
}

static float from_half(uint32_t h)
{
    uint32_t sign = (h & 0x8000U) << 16;
    uint32_t exponent = h >> 10 & 0x1fU;
    uint32_t fraction = h & 0x3ffU;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
    float f = 0;
    if (exponent == 0) { /* zero and subnormals: fraction times 2^-24, exact in float */
        f = (float)fraction * 0x1p-24F;
        return sign != 0 ? -f : f;
    }
    if (exponent == 31) {
        bits = sign | 0x7f800000U | fraction << 13;
    }
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float load_element(const struct torch *t, const struct storage *s, uint64_t i)
{
    uint32_t width = storage_types[s->type].width;
    uint64_t bits = load_bits(s->bytes + i * width, width, t->big_endian);
    uint32_t low = (uint32_t)bits;
    float f = 0;
    double d = 0;
    switch (storage_types[s->type].element) {
    case EL_FLOAT:
        memcpy(&f, &low, sizeof f);
        return f;
    case EL_DOUBLE:
        memcpy(&d, &bits, sizeof d);
        /* A conversion out of float's range is undefined in C; infinity is refused later. */
        return d > 3.4028235677973366e38 || d < -3.4028235677973366e38 ? __builtin_inff()
                                                                       : (float)d;
    case EL_HALF:
        return from_half(low);
    case EL_BFLOAT16:
        low <<= 16;
        memcpy(&f, &low, sizeof f);
        return f;
    case EL_OTHER:
        break;
    }
    return 0;
}

/* Odometer over the shape, row-major. */
static void copy_view(const struct torch *t, const struct view *v, float *out)
{
    const struct storage *s = &t->storages[v->storage];
    uint64_t index[TENSOR_DIMS_MAX] = {0};
    uint64_t at = v->offset;
    for (uint64_t i = 0; i < v->n; i++) {
        out[i] = load_element(t, s, at);
        for (uint32_t d = v->dims; d-- > 0;) {
            index[d]++;
            at += v->stride[d];
            if (index[d] < v->shape[d]) {
                break;
            }
            at -= v->stride[d] * v->shape[d];
            index[d] = 0;
        }
    }
}

static enum status copy_tensors(struct torch *t, struct tensors **ret_tensors)
{
    struct tensors *out = calloc(1, sizeof *out);
    if (out == NULL) {
        return refuse_memory(t->r);
    }
    for (uint32_t i = 0; i < t->view_count; i++) {
        const struct view *v = &t->views[i];
        struct tensor *to = &out->t[i];
        to->data = malloc(v->n > 0 ? v->n * sizeof *to->data : 1);
        if (to->data == NULL) {
            tensors_destroy(out);
            return refuse_memory(t->r);
        }
        out->n = i + 1;
        text_copy(to->name, sizeof to->name, v->name);
        to->dims = v->dims;
        memcpy(to->shape, v->shape, sizeof to->shape);
        to->n = (size_t)v->n;
        copy_view(t, v, to->data);
    }
    out->floats = (size_t)t->floats;
    *ret_tensors = out;
    return ST_OK;
}

void tensors_destroy(struct tensors *tensors)
{
    if (tensors == NULL) {
        return;
    }
    for (uint32_t i = 0; i < tensors->n; i++) {
        free(tensors->t[i].data);
    }
    free(tensors);
}

/* --- the zip form --- */

/* The one folder that holds data.pkl. */
static enum status find_folder(const struct zipfile *zip, struct text *ret_folder,
                               struct refusal *r)
{
    static const char tail[] = "/data.pkl";
    size_t tail_n = sizeof tail - 1;
    ret_folder->n = 0;
    for (size_t i = 0; i < zipfile_count(zip); i++) {
        struct text name = zipfile_name(zip, i);
        if (name.n > tail_n && name.n < 200 &&
            memcmp(name.p + name.n - tail_n, tail, tail_n) == 0 &&
            memchr(name.p, '/', name.n - tail_n) == NULL) {
            if (ret_folder->n != 0) {
                return refuse(r, REFUSED_ZIP_STRUCT, "two members are named data.pkl");
            }
            *ret_folder = (struct text){name.p, name.n - tail_n};
        }
    }
    if (ret_folder->n != 0) {
        return ST_OK;
    }
    return refuse(r, REFUSED_MISSING_MEMBER, "missing member data.pkl, the pickle of the weights");
}

static enum status read_member(struct zipfile *zip, struct text folder, const char *name,
                               size_t max, uint8_t **ret_bytes, size_t *ret_n, struct refusal *r)
{
    char path[512];
    snprintf(path, sizeof path, "%.*s/%s", (int)folder.n, folder.p, name);
    return zipfile_read(zip, path, max, ret_bytes, ret_n, r);
}

static enum status read_byte_order(struct torch *t, struct zipfile *zip, struct text folder)
{
    char path[256];
    snprintf(path, sizeof path, "%.*s/byteorder", (int)folder.n, folder.p);
    if (!zipfile_has(zip, path)) {
        return ST_OK;
    }
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status st = zipfile_read(zip, path, 16, &bytes, &n, t->r);
    if (st != ST_OK) {
        return st;
    }
    struct text order = {(const char *)bytes, n};
    t->big_endian = text_equal(order, TEXT("big"));
    if (!t->big_endian && !text_equal(order, TEXT("little"))) {
        st = refuse(t->r, REFUSED_FORMAT, "byteorder is neither little nor big");
    }
    free(bytes);
    return st;
}

static enum status load_zip_storages(struct torch *t, struct zipfile *zip, struct text folder)
{
    size_t budget = STORAGE_BYTES_MAX;
    for (uint32_t i = 0; i < t->storage_count; i++) {
        struct storage *s = &t->storages[i];
        char name[128];
        if (s->key.n > 100 || memchr(s->key.p, 0, s->key.n) != NULL) {
            return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: a storage key is no name");
        }
        snprintf(name, sizeof name, "data/%.*s", (int)s->key.n, s->key.p);
        size_t n = 0;
        enum status st = read_member(zip, folder, name, budget, &s->owned, &n, t->r);
        if (st != ST_OK) {
            return st;
        }
        budget -= n;
        s->bytes = s->owned;
        uint32_t width = storage_types[s->type].width;
        if (n % width != 0 || n / width != s->numel) {
            return refuse(t->r, REFUSED_TENSOR_BOUNDS,
                          "storage %s has %zu bytes, not the size of its numel %llu", name, n,
                          (unsigned long long)s->numel);
        }
    }
    return ST_OK;
}

static enum status load_zip(struct torch *t, const uint8_t *bytes, size_t n,
                            struct tensors **ret_tensors)
{
    static const struct pickle_rules rules = {.globals = state_globals};
    struct zipfile *zip = NULL;
    struct pickle *pickle = NULL;
    uint8_t *pkl = NULL;
    size_t pkl_n = 0;
    size_t used = 0;
    struct text folder = {NULL, 0};
    enum status st = zipfile_open(bytes, n, &zip, t->r);
    if (st != ST_OK) {
        return st;
    }
    st = find_folder(zip, &folder, t->r);
    if (st == ST_OK) {
        st = read_byte_order(t, zip, folder);
    }
    if (st == ST_OK) {
        st = read_member(zip, folder, "data.pkl", PICKLE_BYTES_MAX, &pkl, &pkl_n, t->r);
    }
    if (st == ST_OK) {
        st = unpickle(pkl, pkl_n, &rules, &pickle, &used, t->r);
        if (st == ST_OK) {
            st = read_state_dict(t, pickle_root(pickle));
        }
        if (st != ST_OK) {
            refuse_at(t->r, "data.pkl");
        }
    }
    if (st == ST_OK) {
        st = load_zip_storages(t, zip, folder);
    }
    if (st == ST_OK) {
        st = copy_tensors(t, ret_tensors);
    }
    pickle_destroy(pickle);
    free(pkl);
    zipfile_close(zip);
    return st;
}

/* --- the stream form --- */

/* The five pickles, in order. */
enum part { PART_MAGIC, PART_PROTOCOL, PART_SYSTEM, PART_STATE, PART_KEYS, PART_MAX };

static bool is_magic(const struct pv *v)
{
    static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    return v->kind == PV_BIGINT && v->s.n == sizeof magic && memcmp(v->s.p, magic, 10) == 0;
}

static enum status check_part(struct torch *t, enum part part, const struct pv *root)
{
    int64_t i = 0;
    const struct pv *little = NULL;
    switch (part) {
    case PART_MAGIC:
        return is_magic(root) ? ST_OK
                              : refuse(t->r, REFUSED_FORMAT, "wrong magic number, no torch file");
    case PART_PROTOCOL:
        return pv_int(root, &i) && i == 1001
                   ? ST_OK
                   : refuse(t->r, REFUSED_FORMAT, "torch file format of an unknown version");
    case PART_SYSTEM:
        little = pv_get(root, "little_endian");
        if (little == NULL || little->kind != PV_BOOL) {
            return refuse(t->r, REFUSED_FORMAT, "torch file format without little_endian");
        }
        t->big_endian = little->i == 0;
        return ST_OK;
    case PART_STATE:
        return read_state_dict(t, root);
    case PART_KEYS:
        return root->kind == PV_LIST
                   ? ST_OK
                   : refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: no list of storage keys");
    case PART_MAX:
        break;
    }
    return ST_OK;
}

static enum status load_stream_storage(struct torch *t, const struct pv *key, const uint8_t *bytes,
                                       size_t n, size_t *at)
{
    struct storage *s = NULL;
    for (uint32_t i = 0; i < t->storage_count && key->kind == PV_STR; i++) {
        if (text_equal(t->storages[i].key, key->s)) {
            s = &t->storages[i];
        }
    }
    if (s == NULL || s->bytes != NULL) {
        return refuse(t->r, REFUSED_PICKLE_STRUCT, "pickle: unexpected key in the storage list");
    }
    if (n - *at < 8) {
        return refuse(t->r, REFUSED_TRUNCATED, "truncated before storage %.*s", width_of(s->key),
                      s->key.p);
    }
    uint64_t numel = load_bits(bytes + *at, 8, t->big_endian);
    uint32_t width = storage_types[s->type].width;
    *at += 8;
    if (numel != s->numel) {
        return refuse(t->r, REFUSED_TENSOR_BOUNDS, "storage %.*s has a size of %llu and not %llu",
                      width_of(s->key), s->key.p, (unsigned long long)numel,
                      (unsigned long long)s->numel);
    }
    if (numel > (n - *at) / width) {
        return refuse(t->r, REFUSED_TRUNCATED, "truncated in storage %.*s, it is too short",
                      width_of(s->key), s->key.p);
    }
    s->bytes = bytes + *at;
    *at += (size_t)numel * width;
    return ST_OK;
}

static enum status load_stream_storages(struct torch *t, const struct pv *keys,
                                        const uint8_t *bytes, size_t n, size_t at)
{
    for (uint32_t i = 0; i < keys->seq.n; i++) {
        enum status st = load_stream_storage(t, keys->seq.items[i], bytes, n, &at);
        if (st != ST_OK) {
            return st;
        }
    }
    for (uint32_t i = 0; i < t->storage_count; i++) {
        if (t->storages[i].bytes == NULL) {
            return refuse(t->r, REFUSED_TENSOR_BOUNDS, "storage %.*s is missing",
                          width_of(t->storages[i].key), t->storages[i].key.p);
        }
    }
    if (at != n) {
        return refuse(t->r, REFUSED_FORMAT, "%zu bytes after the last storage", n - at);
    }
    return ST_OK;
}

static enum status load_stream(struct torch *t, const uint8_t *bytes, size_t n,
                               struct tensors **ret_tensors)
{
    static const struct pickle_rules rules = {.globals = state_globals, .more_may_follow = true};
    struct pickle *pickles[PART_MAX] = {NULL};
    size_t at = 0;
    enum status st = ST_OK;
    for (int i = 0; i < PART_MAX && st == ST_OK; i++) {
        size_t used = 0;
        size_t room = n - at < PICKLE_BYTES_MAX ? n - at : PICKLE_BYTES_MAX;
        st = unpickle(bytes + at, room, &rules, &pickles[i], &used, t->r);
        at += used;
        if (st == ST_OK) {
            st = check_part(t, (enum part)i, pickle_root(pickles[i]));
        } else if (i == PART_MAGIC) {
            refuse(t->r, REFUSED_FORMAT, "neither form of a torch file: no zip, no magic number");
        }
    }
    if (st == ST_OK) {
        st = load_stream_storages(t, pickle_root(pickles[PART_KEYS]), bytes, n, at);
    }
    if (st == ST_OK) {
        st = copy_tensors(t, ret_tensors);
    }
    for (int i = 0; i < PART_MAX; i++) {
        pickle_destroy(pickles[i]);
    }
    return st == ST_OK ? ST_OK : t->r->err.st;
}

enum status torch_load(const uint8_t *bytes, size_t n, struct tensors **ret_tensors,
                       struct refusal *r)
{
    struct torch *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return refuse_memory(r);
    }
    t->r = r;
    bool zip = n >= 2 && bytes[0] == 'P' && bytes[1] == 'K';
    enum status st =
        zip ? load_zip(t, bytes, n, ret_tensors) : load_stream(t, bytes, n, ret_tensors);
    for (uint32_t i = 0; i < t->storage_count; i++) {
        free(t->storages[i].owned);
    }
    free(t);
    return st;
}
