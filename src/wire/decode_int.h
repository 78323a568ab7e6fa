/*
 * decode_int.h - what the hot decoder's walkers share: keys, guesses, marks (private to wire).
 */
#ifndef WIRE_DECODE_INT_H
#define WIRE_DECODE_INT_H

#include "wire/msg.h"
#include "wire/value.h"

/*
 * The walkers of msg, one for each hot type. p is where "{" is due; ret has its type, and times of
 * zero. They give the byte after "}", or NULL with s telling why (ST_LIMIT, too, for a snapshot).
 */
const char *decode_delta(struct scan *s, const char *p, struct wire_msg *ret);
const char *decode_snapshot(struct scan *s, const char *p, struct wire_decoder *d,
                            struct wire_msg *ret);
const char *decode_trade(struct scan *s, const char *p, struct wire_msg *ret);
const char *decode_fill(struct scan *s, const char *p, struct wire_msg *ret);

struct name {
    const char *p;
    uint8_t n;
    uint8_t field;
};

#define NAME(text, field)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, field                                                              \
    }

/* The field of a key, last when there is none. */
static inline unsigned find_name(const struct name *names, size_t n, struct text key, unsigned last)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].n == key.n && memcmp(names[i].p, key.p, key.n) == 0) {
            return names[i].field;
        }
    }
    return last;
}
#define FIND_NAME(names, key, last) find_name((names), sizeof(names) / sizeof(names)[0], key, last)

#define BIT(field) (1U << (field))

/* Marks a field as read; false when it was before. */
SCAN_INLINE bool once(uint32_t *seen, unsigned field)
{
    bool fresh = (*seen & BIT(field)) == 0;
    *seen |= BIT(field);
    return fresh;
}

/* Skips a null. */
static inline const char *absent(struct scan *s, const char *p, uint32_t *seen, unsigned field)
{
    *seen &= ~BIT(field);
    return scan_word(s, p, "null");
}

#define HAS(m, field) (((m)->seen & BIT(field)) != 0)

/*
 * GUESS: literal comes next and holds the key of field, whose value is read by the walker's field
 * function. The literal ends with the value's first byte, so that no white space can stand between.
 * A wrong guess leaves the switch around it, to the general way. GUESS_NUMBER: the same with a
 * literal that ends before a number. GUESS_SKIP: a string that nobody
 * needs, usually of that length.
 */
#define GUESS(function, field, literal)                                                            \
    if (!SCAN_IS(s, p, literal)) {                                                                 \
        break;                                                                                     \
    }                                                                                              \
    p = function(s, p + sizeof(literal) - 2, (field), m);                                          \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define GUESS_NUMBER(function, field, literal)                                                     \
    if (!SCAN_IS(s, p, literal) || !scan_digit(s, p + sizeof(literal) - 1)) {                      \
        break;                                                                                     \
    }                                                                                              \
    p = function(s, p + sizeof(literal) - 1, (field), m);                                          \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define GUESS_SKIP(literal, length)                                                                \
    if (!SCAN_IS(s, p, literal)) {                                                                 \
        break;                                                                                     \
    }                                                                                              \
    p = skip_text(s, p + sizeof(literal) - 1, (length));                                           \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define FALL __attribute__((fallthrough))

/*
 * Skip a string whose usual length is known. Finding the quote by its mask would make every byte
 * after it wait for the load; a comparison with the guess lets the processor go on at once.
 */
SCAN_INLINE const char *skip_text(struct scan *s, const char *p, unsigned usual)
{
    if (scan_likely(s->end - p >= 48)) {
        uint64_t odd =
            scan_odd(p) | (uint64_t)scan_odd(p + 16) << 16 | (uint64_t)scan_odd(p + 32) << 32;
        uint64_t quote = UINT64_C(1) << usual;
        if (scan_likely((odd & (2 * quote - 1)) == quote && p[usual] == '"')) {
            return p + usual + 1;
        }
    }
    bool escaped;
    p = scan_string(s, p, &escaped);
    return p != NULL ? p + 1 : NULL;
}

#endif
