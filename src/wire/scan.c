#include "wire/scan.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits at p; gives the byte after them. */
static const char *hex4(struct scan *s, const char *p, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, p++) {
        int d = p < s->end ? hex_digit(*p) : -1;
        if (d < 0) {
            return scan_fail(s, p);
        }
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return p;
}

/* p is the backslash; gives the byte after the escape. */
static const char *escape(struct scan *s, const char *p)
{
    p++;
    if (p >= s->end) {
        return scan_fail(s, p);
    }
    if (*p != 'u') {
        return strchr("\"\\/bfnrt", *p) != NULL && *p != '\0' ? p + 1 : scan_fail(s, p);
    }
    const char *at = p;
    uint32_t unit = 0;
    p = hex4(s, p + 1, &unit);
    if (p == NULL || unit < 0xd800 || unit > 0xdfff) {
        return p;
    }
    if (unit > 0xdbff) {
        return scan_refuse(s, at); /* a low surrogate alone */
    }
    uint32_t low = 0;
    if (p >= s->end || *p != '\\') {
        return scan_fail(s, p);
    }
    p++;
    if (p >= s->end || *p != 'u') {
        return scan_fail(s, p);
    }
    p = hex4(s, p + 1, &low);
    if (p != NULL && (low < 0xdc00 || low > 0xdfff)) {
        return scan_refuse(s, at);
    }
    return p;
}

/* A UTF-8 sequence of two to four bytes at p; gives the byte after it. */
static const char *utf8(struct scan *s, const char *p)
{
    unsigned char c = (unsigned char)*p;
    int len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4) {
        return scan_fail(s, p);
    }
    unsigned char lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < len; i++) {
        if (p + i >= s->end) {
            return scan_fail(s, s->end);
        }
        unsigned char d = (unsigned char)p[i];
        if (d < lo || d > hi) {
            return scan_fail(s, p);
        }
        lo = 0x80;
        hi = 0xbf;
    }
    return p + len;
}

const char *scan_string_slow(struct scan *s, const char *p, bool *escaped)
{
    while (p < s->end) {
        unsigned char c = (unsigned char)*p;
        if (c == '"') {
            return p;
        }
        if (c < 0x20) {
            return scan_fail(s, p);
        }
        if (c == '\\') {
            *escaped = true;
            p = escape(s, p);
        } else {
            p = c < 0x80 ? p + 1 : utf8(s, p);
        }
        if (p == NULL) {
            return NULL;
        }
    }
    return scan_fail(s, p);
}

static const char *digit_run(struct scan *s, const char *p)
{
    if (p >= s->end || *p < '0' || *p > '9') {
        return scan_fail(s, p);
    }
    while (p < s->end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

const char *scan_number(struct scan *s, const char *p, bool *integer)
{
    *integer = true;
    if (p < s->end && *p == '-') {
        p++;
    }
    bool zero = p < s->end && *p == '0';
    const char *from = p;
    p = digit_run(s, p);
    if (p == NULL) {
        return NULL;
    }
    if (zero && p - from > 1) {
        return scan_refuse(s, from);
    }
    if (p < s->end && *p == '.') {
        *integer = false;
        p = digit_run(s, p + 1);
        if (p == NULL) {
            return NULL;
        }
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        *integer = false;
        p++;
        if (p < s->end && (*p == '+' || *p == '-')) {
            p++;
        }
        p = digit_run(s, p);
    }
    return p;
}

const char *scan_word(struct scan *s, const char *p, const char *word)
{
    for (; *word != '\0'; word++, p++) {
        if (p >= s->end || *p != *word) {
            return scan_fail(s, p);
        }
    }
    return p;
}

/* A string with both quotes. */
static const char *whole_string(struct scan *s, const char *p)
{
    bool escaped;
    p = scan_string(s, p + 1, &escaped);
    return p != NULL ? p + 1 : NULL;
}

static const char *scalar(struct scan *s, const char *p)
{
    bool integer;
    switch (*p) {
    case '"':
        return whole_string(s, p);
    case 't':
        return scan_word(s, p, "true");
    case 'f':
        return scan_word(s, p, "false");
    case 'n':
        return scan_word(s, p, "null");
    default:
        return scan_number(s, p, &integer);
    }
}

/* A key with its colon and the white space around them; gives the value's first byte. */
static const char *skip_key(struct scan *s, const char *p)
{
    p = scan_space(s, p);
    if (p >= s->end || *p != '"') {
        return scan_fail(s, p);
    }
    p = whole_string(s, p);
    if (p == NULL) {
        return NULL;
    }
    p = scan_space(s, p);
    if (p >= s->end || *p != ':') {
        return scan_fail(s, p);
    }
    return scan_space(s, p + 1);
}

/*
 * One bit for each open container tells whether it is an object, so that no nesting of the input
 * grows our stack.
 */
const char *scan_value(struct scan *s, const char *p)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    for (;;) {
        if (p >= s->end) {
            return scan_fail(s, p);
        }
        bool opened = *p == '{' || *p == '[';
        if (opened) {
            if (depth == SCAN_DEPTH) {
                return scan_refuse(s, p);
            }
            bool object = *p == '{';
            objects = objects << 1 | (object ? 1U : 0U);
            depth++;
            p = scan_space(s, p + 1);
            if (p < s->end && *p != (object ? '}' : ']')) {
                p = object ? skip_key(s, p) : p;
                if (p == NULL) {
                    return NULL;
                }
                continue;
            }
        } else {
            p = scalar(s, p);
            if (p == NULL) {
                return NULL;
            }
        }
        for (;;) { /* after a value, or at the end of an empty container */
            if (depth == 0) {
                return p;
            }
            p = scan_space(s, p);
            if (p >= s->end) {
                return scan_fail(s, p);
            }
            bool object = (objects & 1) != 0;
            if (*p == ',' && !opened) {
                p = object ? skip_key(s, p + 1) : scan_space(s, p + 1);
                if (p == NULL) {
                    return NULL;
                }
                break;
            }
            if (*p != (object ? '}' : ']')) {
                return scan_fail(s, p);
            }
            p++;
            objects >>= 1;
            depth--;
            opened = false;
        }
    }
}

const char *scan_key(struct scan *s, const char *p, bool first, struct text *key)
{
    p = scan_space(s, p);
    if (p >= s->end) {
        return scan_fail(s, p);
    }
    if (first) {
        if (*p != '{') {
            return scan_fail(s, p);
        }
        p = scan_space(s, p + 1);
        if (p < s->end && *p == '}') {
            key->p = NULL;
            return p + 1;
        }
    } else if (*p == '}') {
        key->p = NULL;
        return p + 1;
    } else if (*p == ',') {
        p = scan_space(s, p + 1);
    } else {
        return scan_fail(s, p);
    }
    if (p >= s->end || *p != '"') {
        return scan_fail(s, p);
    }
    bool escaped;
    const char *close = scan_string(s, p + 1, &escaped);
    if (close == NULL) {
        return NULL;
    }
    if (escaped) {
        return scan_refuse(s, p);
    }
    *key = (struct text){p + 1, (size_t)(close - p - 1)};
    p = scan_space(s, close + 1);
    if (p >= s->end || *p != ':') {
        return scan_fail(s, p);
    }
    p = scan_space(s, p + 1);
    return p < s->end ? p : scan_fail(s, p);
}
