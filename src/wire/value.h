/*
 * value.h - the forms of values in hot messages, from JSON text to integers (private to decode.c).
 *
 * Each function takes the value's first byte and gives the byte after it. The usual printed form is
 * read eight bytes at a time, without a branch on the data; anything else goes to a slow twin that
 * accepts the whole grammar.
 */
#ifndef WIRE_VALUE_H
#define WIRE_VALUE_H

#include "base/money.h"
#include "wire/scan.h"

/* Largest legacy integers: what px_parse and qty_parse accept as text. */
#define VALUE_CENTS_MAX INT64_C(10000000000)
#define VALUE_COUNT_MAX (QTY_LIMIT / QTY_ONE)

#define VALUE_BYTES(b) (UINT64_C(0x0101010101010101) * (uint64_t)(b))

/* Eight bytes, the first digit in the lowest; bytes of zero count as the digit 0. */
SCAN_INLINE uint64_t value_8digits(uint64_t w)
{
    w &= VALUE_BYTES(0x0f);
    w = (w * 2561) >> 8 & UINT64_C(0x00ff00ff00ff00ff);
    w = (w * 6553601) >> 16 & UINT64_C(0x0000ffff0000ffff);
    return (w * UINT64_C(42949672960001)) >> 32;
}

/* How many of the eight bytes are digits before the first that is not: 0..8. */
SCAN_INLINE unsigned value_digits(uint64_t w)
{
    uint64_t x = w ^ VALUE_BYTES(0x30);
    uint64_t other = (((x & VALUE_BYTES(0x7f)) + VALUE_BYTES(0x76)) | x) & VALUE_BYTES(0x80);
    return other != 0 ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* The first n (1..8) digits of w. */
SCAN_INLINE uint64_t value_of_digits(uint64_t w, unsigned n)
{
    return value_8digits(w << (64 - 8 * n));
}

const char *value_int_slow(struct scan *s, const char *p, int64_t *ret);

/* An integer from 0 on. */
SCAN_INLINE const char *value_uint(struct scan *s, const char *p, int64_t *ret)
{
    static const uint32_t pow10[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    ptrdiff_t left = s->end - p;
    if (scan_likely(left > 8 && *p != '0')) {
        uint64_t w = scan_load8(p);
        unsigned n = value_digits(w);
        if (n == 1) { /* a sid: what follows need not wait for the count */
            *ret = p[0] - '0';
            return p + 1;
        }
        if (n - 1 < 7) {
            *ret = (int64_t)value_of_digits(w, n);
            return p + n;
        }
        if (n == 8) {
            /* Near the end the last eight bytes are loaded and moved to where they belong. */
            uint64_t v = left >= 16 ? scan_load8(p + 8)
                                    : scan_load8(s->end - 8) >> (8 * (unsigned)(16 - left));
            unsigned more = value_digits(v);
            if (more < 8) {
                uint64_t low = more != 0 ? value_of_digits(v, more) : 0;
                *ret = (int64_t)(value_8digits(w) * pow10[more] + low);
                return p + 8 + more;
            }
        }
    }
    int64_t v;
    const char *at = p;
    p = value_int_slow(s, p, &v);
    if (p == NULL || v < 0) {
        return p == NULL ? NULL : scan_refuse(s, at);
    }
    *ret = v;
    return p;
}

/* A string without escapes; borrowed. */
SCAN_INLINE const char *value_text(struct scan *s, const char *p, struct text *ret)
{
    if (p >= s->end || *p != '"') {
        return scan_fail(s, p);
    }
    bool escaped;
    const char *close = scan_string(s, p + 1, &escaped);
    if (close == NULL || escaped) {
        return close == NULL ? NULL : scan_refuse(s, p);
    }
    *ret = (struct text){p + 1, (size_t)(close - p - 1)};
    return close + 1;
}

const char *value_px_slow(struct scan *s, const char *p, px_t *ret);
const char *value_qty_slow(struct scan *s, const char *p, qty_t *ret);
const char *value_usd(struct scan *s, const char *p, usd_t *ret);

/* Dollar text; "0.dddd" is exactly eight bytes with its quotes. */
SCAN_INLINE const char *value_px(struct scan *s, const char *p, px_t *ret)
{
    if (scan_likely(s->end - p >= 8)) {
        uint64_t x = scan_load8(p) ^ UINT64_C(0x22303030302e3022);
        uint64_t digits = x + UINT64_C(0x0006060606000000);
        if (scan_likely(((x & UINT64_C(0xfff0f0f0f0ffffff)) |
                         (digits & UINT64_C(0x00f0f0f0f0000000))) == 0)) {
            uint64_t d = x >> 24;
            uint64_t pairs = d * 10 + (d >> 8);
            *ret = (px_t)((pairs & 0xff) * 100 + (pairs >> 16 & 0xff));
            return p + 8;
        }
    }
    return value_px_slow(s, p, ret);
}

/* Count text with two decimals and up to eight digits before them, as the exchange prints it. */
SCAN_INLINE const char *value_qty(struct scan *s, const char *p, qty_t *ret)
{
    if (scan_likely(s->end - p >= 16)) {
        uint64_t negative = p[1] == '-';
        const char *q = p + 1 + negative;
        uint64_t w = scan_load8(q);
        unsigned n = value_digits(w);
        if (scan_likely(n - 1 < 8)) {
            uint32_t tail; /* .dd" */
            memcpy(&tail, q + n, sizeof tail);
            uint32_t x = tail ^ UINT32_C(0x2230302e);
            if (scan_likely(p[0] == '"' && ((x & UINT32_C(0xfff0f0ff)) |
                                            ((x + UINT32_C(0x00060600)) & 0x00f0f000)) == 0)) {
                uint64_t v = value_of_digits(w, n) * 100 + (x >> 8 & 0xf) * 10 + (x >> 16 & 0xf);
                *ret = (qty_t)((v ^ (0 - negative)) + negative);
                return q + n + 4;
            }
        }
    }
    return value_qty_slow(s, p, ret);
}

/* Legacy integers: cents, and whole contracts. */
const char *value_cents(struct scan *s, const char *p, px_t *ret);
const char *value_count(struct scan *s, const char *p, qty_t *ret);

/* "yes" or "no". Both are loaded and compared at once: which one it is cannot be predicted. */
SCAN_INLINE const char *value_side(struct scan *s, const char *p, enum side *ret)
{
    if (scan_likely(s->end - p >= 8)) {
        uint64_t w = scan_load8(p);
        bool yes = (w & UINT64_C(0xffffffffff)) == UINT64_C(0x2273657922);
        bool no = (w & UINT64_C(0xffffffff)) == UINT64_C(0x226f6e22);
        if (scan_likely(yes | no)) {
            *ret = no ? SIDE_NO : SIDE_YES;
            return p + 4 + yes;
        }
    } else if (SCAN_IS(s, p, "\"yes\"")) {
        *ret = SIDE_YES;
        return p + 5;
    } else if (SCAN_IS(s, p, "\"no\"")) {
        *ret = SIDE_NO;
        return p + 4;
    }
    struct text t;
    return value_text(s, p, &t) == NULL ? NULL : scan_refuse(s, p);
}

const char *value_bool(struct scan *s, const char *p, bool *ret);
const char *value_int32(struct scan *s, const char *p, int32_t *ret);

#endif
