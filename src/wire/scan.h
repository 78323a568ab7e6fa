/*
 * scan.h - walking over JSON text in place: white space, strings, numbers, whole values.
 *
 * Functions take a position and give the position after what they read, NULL when it is not there;
 * struct scan then says why and where. Nothing allocates, copies or reads past the end. The
 * grammar is RFC 8259's with jansson's extra rules: UTF-8 and surrogates must be valid. Nesting is
 * bounded by SCAN_DEPTH.
 */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define SCAN_DEPTH 64 /* most open arrays and objects inside a skipped value */

#define SCAN_INLINE    static inline __attribute__((always_inline))
#define scan_likely(x) __builtin_expect(!!(x), 1)

struct scan {
    const char *end;
    const char *bad; /* set by a failure: the byte */
    enum status st;  /* and ST_MALFORMED or ST_TRUNCATED (the text ends inside) */
};

/* The text at p is wrong, or p is the end and more was due. Returns NULL. */
static inline const char *scan_fail(struct scan *s, const char *p)
{
    s->bad = p;
    s->st = p >= s->end ? ST_TRUNCATED : ST_MALFORMED;
    return NULL;
}

/* As scan_fail, for text that is complete but not what we accept. */
static inline const char *scan_refuse(struct scan *s, const char *p)
{
    s->bad = p;
    s->st = ST_MALFORMED;
    return NULL;
}

SCAN_INLINE const char *scan_space(const struct scan *s, const char *p)
{
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

SCAN_INLINE uint64_t scan_load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* True when the bytes at p are lit[0..n); n is a constant, so that this is a few loads. */
SCAN_INLINE bool scan_is(const struct scan *s, const char *p, const char *lit, size_t n)
{
    return (size_t)(s->end - p) >= n && memcmp(p, lit, n) == 0;
}
#define SCAN_IS(s, p, lit) scan_is((s), (p), (lit), sizeof(lit) - 1)

SCAN_INLINE bool scan_digit(const struct scan *s, const char *p)
{
    return p < s->end && *p >= '0' && *p <= '9';
}

/* Go on inside a string at a byte that is not plain; see scan_string. */
const char *scan_string_slow(struct scan *s, const char *p, bool *escaped);

/* One bit for each of 16 bytes that cannot simply stand in a string: quote, backslash, control
 * characters and the bytes of UTF-8 sequences. */
SCAN_INLINE uint32_t scan_odd(const char *p)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* Signed: bytes from 0x80 are below 0x20, too. */
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(b, _mm_set1_epi8(0x20)),
                               _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(b, _mm_set1_epi8('\\'))));
    return (uint32_t)_mm_movemask_epi8(odd);
}

/* p is the byte after the opening quote; gives the closing quote. *escaped: a backslash is inside.
 */
SCAN_INLINE const char *scan_string(struct scan *s, const char *p, bool *escaped)
{
    *escaped = false;
    while (scan_likely(s->end - p >= 16)) {
        uint32_t mask = scan_odd(p);
        if (mask != 0) {
            p += __builtin_ctz(mask);
            return scan_likely(*p == '"') ? p : scan_string_slow(s, p, escaped);
        }
        p += 16;
    }
    return scan_string_slow(s, p, escaped);
}

/* Skip a number; *integer: it has neither fraction nor exponent. */
const char *scan_number(struct scan *s, const char *p, bool *integer);

/* Skip true, false or null, given whole. */
const char *scan_word(struct scan *s, const char *p, const char *word);

/* Skip any value that begins at p (no white space before it). */
const char *scan_value(struct scan *s, const char *p);

/*
 * An object's next key. p is where "{" (first) or "," or "}" is due, white space before it allowed.
 * Gives the value's first byte, and the key without its quotes. At the end of the object: the byte
 * after "}", and key->p is NULL. A key with a backslash is refused: none of the exchange's has one.
 */
const char *scan_key(struct scan *s, const char *p, bool first, struct text *key);

#endif
