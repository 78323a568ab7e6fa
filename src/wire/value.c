#include "wire/value.h"

const char *value_int_slow(struct scan *s, const char *p, int64_t *ret)
{
    bool integer;
    const char *after = scan_number(s, p, &integer);
    if (after == NULL || !integer) {
        return after == NULL ? NULL : scan_refuse(s, p);
    }
    bool negative = *p == '-';
    int64_t v = 0;
    for (const char *d = p + negative; d < after; d++) {
        int digit = *d - '0';
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, negative ? -digit : digit, &v)) {
            return scan_refuse(s, p);
        }
    }
    *ret = v;
    return after;
}

const char *value_px_slow(struct scan *s, const char *p, px_t *ret)
{
    struct text t;
    const char *after = value_text(s, p, &t);
    return after == NULL || px_parse(t.p, t.n, ret) == ST_OK ? after : scan_refuse(s, p);
}

const char *value_qty_slow(struct scan *s, const char *p, qty_t *ret)
{
    struct text t;
    const char *after = value_text(s, p, &t);
    return after == NULL || qty_parse(t.p, t.n, ret) == ST_OK ? after : scan_refuse(s, p);
}

const char *value_usd(struct scan *s, const char *p, usd_t *ret)
{
    struct text t;
    const char *after = value_text(s, p, &t);
    return after == NULL || usd_parse(t.p, t.n, ret) == ST_OK ? after : scan_refuse(s, p);
}

const char *value_cents(struct scan *s, const char *p, px_t *ret)
{
    int64_t v;
    const char *after = value_int_slow(s, p, &v);
    if (after == NULL) {
        return NULL;
    }
    if (v < -VALUE_CENTS_MAX || v > VALUE_CENTS_MAX) {
        return scan_refuse(s, p);
    }
    *ret = v * PX_CENT;
    return after;
}

const char *value_count(struct scan *s, const char *p, qty_t *ret)
{
    int64_t v;
    const char *after = value_int_slow(s, p, &v);
    if (after == NULL) {
        return NULL;
    }
    if (v < -VALUE_COUNT_MAX || v > VALUE_COUNT_MAX) {
        return scan_refuse(s, p);
    }
    *ret = v * QTY_ONE;
    return after;
}

const char *value_bool(struct scan *s, const char *p, bool *ret)
{
    *ret = p < s->end && *p == 't';
    return scan_word(s, p, *ret ? "true" : "false");
}

const char *value_int32(struct scan *s, const char *p, int32_t *ret)
{
    int64_t v;
    const char *after = value_int_slow(s, p, &v);
    if (after == NULL) {
        return NULL;
    }
    if (v < INT32_MIN || v > INT32_MAX) {
        return scan_refuse(s, p);
    }
    *ret = (int32_t)v;
    return after;
}
