#include "wire/json.h"

json_t *reader_parse(const char *s, size_t n, const char *where, struct err *err)
{
    json_error_t e;
    const char *nul = memchr(s, '\0', n);
    if (nul != NULL) { /* jansson 2.14 steps over one that follows a number */
        (void)err_set(err, ST_MALFORMED, "%s: not JSON at byte %zu: NUL", where, (size_t)(nul - s));
        return NULL;
    }
    json_t *root = json_loadb(s, n, JSON_ALLOW_NUL, &e);
    if (root == NULL) {
        (void)err_set(err, ST_MALFORMED, "%s: not JSON at byte %d: %s", where, e.position, e.text);
    } else if (!json_is_object(root)) {
        (void)err_set(err, ST_MALFORMED, "%s: not a JSON object", where);
        json_decref(root);
        root = NULL;
    }
    return root;
}

struct reader reader_of(const json_t *object, const char *where, struct err *err)
{
    struct reader r = {.object = object, .where = where, .err = err};
    if (!json_is_object(object)) {
        r.object = NULL;
        r.st = err_set(err, ST_MALFORMED, "%s: not an object", where);
    }
    return r;
}

void reader_fault(struct reader *r, const char *key, const char *what)
{
    if (r->st == ST_OK) {
        r->st = err_set(r->err, ST_MALFORMED, "%s: %s: %s", r->where, key, what);
    }
}

const json_t *reader_value(struct reader *r, const char *key, enum need need)
{
    const json_t *v = r->object != NULL ? json_object_get(r->object, key) : NULL;
    if (v != NULL && !json_is_null(v)) {
        return v;
    }
    if (need == REQUIRED) {
        reader_fault(r, key, "missing");
    }
    return NULL;
}

void text_cut(char *dst, size_t cap, struct text src)
{
    size_t n = src.n;
    if (n >= cap) {
        n = cap - 1;
        while (n > 0 && ((unsigned char)src.p[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    if (n > 0) {
        memcpy(dst, src.p, n);
    }
    dst[n] = '\0';
}

/* The key's string, p NULL when it is absent or no string. */
static struct text string_of(struct reader *r, const char *key, enum need need)
{
    const json_t *v = reader_value(r, key, need);
    if (v == NULL) {
        return (struct text){NULL, 0};
    }
    if (!json_is_string(v)) {
        reader_fault(r, key, "not a string");
        return (struct text){NULL, 0};
    }
    return (struct text){json_string_value(v), json_string_length(v)};
}

bool reader_text(struct reader *r, const char *key, enum need need, char *ret, size_t cap)
{
    struct text t = string_of(r, key, need);
    if (t.p == NULL) {
        return false;
    }
    if (memchr(t.p, '\0', t.n) != NULL) {
        reader_fault(r, key, "has a NUL inside");
        return false;
    }
    if (t.n >= cap) {
        reader_fault(r, key, "too long");
        return false;
    }
    return text_copy(ret, cap, t);
}

bool reader_text_cut(struct reader *r, const char *key, char *ret, size_t cap)
{
    struct text t = string_of(r, key, OPTIONAL);
    if (t.p != NULL) {
        text_cut(ret, cap, t);
    }
    return t.p != NULL;
}

bool reader_int(struct reader *r, const char *key, enum need need, int64_t *ret)
{
    const json_t *v = reader_value(r, key, need);
    if (v == NULL) {
        return false;
    }
    if (!json_is_integer(v)) {
        reader_fault(r, key, "not an integer");
        return false;
    }
    *ret = json_integer_value(v);
    return true;
}

bool reader_int32(struct reader *r, const char *key, enum need need, int32_t *ret)
{
    int64_t v;
    if (!reader_int(r, key, need, &v)) {
        return false;
    }
    if (v < INT32_MIN || v > INT32_MAX) {
        reader_fault(r, key, "out of range");
        return false;
    }
    *ret = (int32_t)v;
    return true;
}

bool reader_uint(struct reader *r, const char *key, enum need need, uint64_t *ret)
{
    int64_t v;
    if (!reader_int(r, key, need, &v)) {
        return false;
    }
    if (v < 0) {
        reader_fault(r, key, "negative");
        return false;
    }
    *ret = (uint64_t)v;
    return true;
}

bool reader_bool(struct reader *r, const char *key, enum need need, bool *ret)
{
    const json_t *v = reader_value(r, key, need);
    if (v == NULL) {
        return false;
    }
    if (!json_is_boolean(v)) {
        reader_fault(r, key, "not true or false");
        return false;
    }
    *ret = json_is_true(v);
    return true;
}

typedef enum status (*parse_fn)(const char *s, size_t n, int64_t *ret);

static bool reader_decimal(struct reader *r, const char *key, enum need need, parse_fn parse,
                           int64_t *ret)
{
    struct text t = string_of(r, key, need);
    if (t.p == NULL) {
        return false;
    }
    enum status st = parse(t.p, t.n, ret);
    if (st != ST_OK) {
        reader_fault(r, key, st == ST_RANGE ? "out of range" : "not a decimal number");
    }
    return st == ST_OK;
}

bool reader_px(struct reader *r, const char *key, enum need need, px_t *ret)
{
    return reader_decimal(r, key, need, px_parse, ret);
}

bool reader_qty(struct reader *r, const char *key, enum need need, qty_t *ret)
{
    return reader_decimal(r, key, need, qty_parse, ret);
}

bool reader_usd(struct reader *r, const char *key, enum need need, usd_t *ret)
{
    return reader_decimal(r, key, need, usd_parse, ret);
}

bool reader_side(struct reader *r, const char *key, enum need need, enum side *ret)
{
    struct text t = string_of(r, key, need);
    if (t.p == NULL) {
        return false;
    }
    bool yes = text_equal(t, TEXT("yes"));
    if (!yes && !text_equal(t, TEXT("no"))) {
        reader_fault(r, key, "neither yes nor no");
        return false;
    }
    *ret = yes ? SIDE_YES : SIDE_NO;
    return true;
}

bool reader_time(struct reader *r, const char *key, enum need need, wall_ns_t *ret)
{
    struct text t = string_of(r, key, need);
    if (t.p == NULL) {
        return false;
    }
    if (text_equal(t, TEXT("0001-01-01T00:00:00Z"))) {
        return false; /* the exchange's way to print a time that was never set */
    }
    if (time_parse(t.p, t.n, ret) != ST_OK) {
        reader_fault(r, key, "not an RFC 3339 time");
        return false;
    }
    return true;
}

bool reader_units(struct reader *r, const char *key, enum need need, int64_t unit, int64_t *ret)
{
    int64_t v;
    if (!reader_int(r, key, need, &v)) {
        return false;
    }
    if (__builtin_mul_overflow(v, unit, &v) || v > USD_LIMIT || v < -USD_LIMIT) {
        reader_fault(r, key, "out of range");
        return false;
    }
    *ret = v;
    return true;
}

bool reader_grid(struct reader *r, const char *key, enum need need, struct grid *ret)
{
    const json_t *list = reader_value(r, key, need);
    if (list == NULL) {
        return false;
    }
    struct grid_range ranges[GRID_RANGES_MAX];
    size_t n = json_array_size(list);
    if (n > GRID_RANGES_MAX) {
        reader_fault(r, key, "too many ranges");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct reader e = reader_of(json_array_get(list, i), "price_ranges", NULL);
        ranges[i] = (struct grid_range){0};
        reader_px(&e, "start", REQUIRED, &ranges[i].start);
        reader_px(&e, "end", REQUIRED, &ranges[i].end);
        reader_px(&e, "step", REQUIRED, &ranges[i].step);
        if (e.st != ST_OK) {
            reader_fault(r, key, "a range without start, end and step");
            return false;
        }
    }
    if (grid_init(ret, ranges, n) != ST_OK) {
        reader_fault(r, key, "no price grid");
        return false;
    }
    return true;
}

bool reader_micros(struct reader *r, const char *key, enum need need, int32_t *ret)
{
    const json_t *v = reader_value(r, key, need);
    if (v == NULL) {
        return false;
    }
    double x = json_number_value(v);
    if (!json_is_number(v) || !(x >= 0 && x <= 1000)) {
        reader_fault(r, key, "not a number from 0 to 1000");
        return false;
    }
    *ret = (int32_t)(x * 1e6 + 0.5);
    return true;
}
