#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

bool text_copy(char *dst, size_t cap, struct text src)
{
    if (src.n >= cap) {
        dst[0] = '\0';
        return false;
    }
    if (src.n > 0) {
        memcpy(dst, src.p, src.n);
    }
    dst[src.n] = '\0';
    return true;
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_finish(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p != NULL) {
        b->p[0] = '\0';
    }
}

bool buf_reserve(struct buf *b, size_t n)
{
    if (b->failed || n > b->max || b->n > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->n + n + 1;
    if (need <= b->cap) {
        return true;
    }
    size_t cap = b->cap < 256 ? 256 : b->cap * 2;
    if (cap < need) {
        cap = need;
    }
    char *p = realloc(b->p, cap);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (buf_reserve(b, n)) {
        if (n > 0) {
            memcpy(b->p + b->n, p, n);
        }
        b->n += n;
        b->p[b->n] = '\0';
    }
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

size_t utf8_len(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80) {
        return 1;
    }
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (len == 0 || len > n || s[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return len;
}

void buf_json_str(struct buf *b, struct text s)
{
    buf_char(b, '"');
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = utf8_len((const unsigned char *)s.p + i, s.n - i);
        if (len == 0) {
            buf_str(b, "\xef\xbf\xbd");
            i++;
        } else if (c == '"' || c == '\\') {
            buf_char(b, '\\');
            buf_char(b, (char)c);
            i++;
        } else if (c < 0x20) {
            buf_printf(b, "\\u%04x", c);
            i++;
        } else {
            buf_add(b, s.p + i, len);
            i += len;
        }
    }
    buf_char(b, '"');
}

void *calloc_touched(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - 64) {
        return NULL;
    }
    bytes = (bytes + 63) / 64 * 64;
    /* Not malloc: a compiler may turn malloc and memset into calloc, which touches nothing. */
    void *p = aligned_alloc(64, bytes);
    if (p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}
