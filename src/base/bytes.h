/*
 * bytes.h - borrowed text, and a growing buffer with a stated maximum.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/status.h"

/* Borrowed bytes, not NUL-terminated; who lends them says until when. */
struct text {
    const char *p;
    size_t n;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_of(const char *s)
{
    return (struct text){s, strlen(s)};
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Copy into a NUL-terminated array. False, and dst is empty, when it does not fit. */
bool text_copy(char *dst, size_t cap, struct text src);

/* Grows up to max, then refuses and stays failed until cleared: check .failed once at the end of a
 * run of appends. */
struct buf {
    char *p; /* always NUL-terminated at p[n] once something was appended */
    size_t n;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_finish(struct buf *b); /* frees; a zeroed buf is fine */
void buf_clear(struct buf *b);  /* empties, keeps the memory */

void buf_add(struct buf *b, const void *p, size_t n);
/* Room for n more bytes. False: it would be over the limit, or there is no memory; b has failed. */
bool buf_reserve(struct buf *b, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Length of the valid UTF-8 sequence at s[0..n), n > 0; 0 when it is not valid. */
size_t utf8_len(const unsigned char *s, size_t n);

/* A JSON string with quotes, escaped as needed. Bytes that are not valid UTF-8 become U+FFFD. */
void buf_json_str(struct buf *b, struct text s);

/*
 * calloc whose pages are touched now: for tables that a hot path fills slowly, where each new page
 * would otherwise cost it a page fault of microseconds. Ended with free(). NULL: no memory.
 */
void *calloc_touched(size_t n, size_t size);

#endif
