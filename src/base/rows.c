#include "base/rows.h"

#include <stdlib.h>
#include <string.h>

static int64_t widen(enum row_kind kind, uint32_t size, const uint8_t *p)
{
    bool is_signed = kind == ROW_INT;
    switch (size) {
    case 1: {
        uint8_t v = *p;
        return is_signed ? (int64_t)(int8_t)v : v;
    }
    case 2: {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        return is_signed ? (int64_t)(int16_t)v : v;
    }
    case 4: {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        return is_signed ? (int64_t)(int32_t)v : v;
    }
    default: {
        int64_t v;
        memcpy(&v, p, sizeof v);
        return v;
    }
    }
}

int64_t row_int(const struct row_column *c, const void *row)
{
    return widen(c->kind, c->size, (const uint8_t *)row + c->offset);
}

enum status row_set_int(const struct row_column *c, void *row, int64_t v)
{
    uint8_t bytes[8];
    memcpy(bytes, &v, sizeof bytes); /* little endian, as all machines we run on */
    if (widen(c->kind, c->size, bytes) != v || (c->kind == ROW_BOOL && v != 0 && v != 1)) {
        return ST_RANGE;
    }
    memcpy((uint8_t *)row + c->offset, bytes, c->size);
    return ST_OK;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "row_set_int takes the low bytes");

struct text row_text(const struct row_column *c, const void *row)
{
    const uint8_t *p = (const uint8_t *)row + c->offset;
    struct text t;
    if (c->kind == ROW_BYTES) {
        memcpy(&t, p, sizeof t);
        return t.p != NULL ? t : (struct text){"", 0};
    }
    if (c->kind == ROW_OWNED) {
        const char *s;
        memcpy(&s, p, sizeof s);
        return s != NULL ? text_of(s) : (struct text){NULL, 0};
    }
    if (c->kind == ROW_RAW) {
        return (struct text){(const char *)p, c->size};
    }
    return (struct text){(const char *)p, strnlen((const char *)p, c->size)};
}

static enum status set_owned(uint8_t *p, struct text v)
{
    char *s = NULL;
    if (v.p != NULL) {
        if (memchr(v.p, '\0', v.n) != NULL) {
            return ST_MALFORMED;
        }
        s = malloc(v.n + 1);
        if (s == NULL) {
            return ST_NOMEM;
        }
        memcpy(s, v.p, v.n);
        s[v.n] = '\0';
    }
    memcpy(p, &s, sizeof s);
    return ST_OK;
}

enum status row_set_text(const struct row_column *c, void *row, struct text v)
{
    uint8_t *p = (uint8_t *)row + c->offset;
    if (c->kind == ROW_BYTES) {
        memcpy(p, &v, sizeof v);
        return ST_OK;
    }
    if (c->kind == ROW_RAW) {
        if (v.n != c->size) {
            return ST_LIMIT;
        }
        memcpy(p, v.p, v.n);
        return ST_OK;
    }
    if (c->kind == ROW_OWNED) {
        return set_owned(p, v);
    }
    if (v.n >= c->size) {
        return ST_LIMIT;
    }
    if (memchr(v.p, '\0', v.n) != NULL) {
        return ST_MALFORMED;
    }
    memset(p, 0, c->size);
    memcpy(p, v.p, v.n);
    return ST_OK;
}

bool row_equal(const struct row_table *t, const void *a, const void *b)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        if (row_is_number(c)) {
            if (row_int(c, a) != row_int(c, b)) {
                return false;
            }
            continue;
        }
        struct text x = row_text(c, a);
        struct text y = row_text(c, b);
        if ((x.p == NULL) != (y.p == NULL) || !text_equal(x, y)) {
            return false;
        }
    }
    return true;
}

void row_digest(const struct row_table *t, uint64_t key, const void *row, struct digest *d)
{
    digest_add(d, t->name, strlen(t->name));
    digest_u64(d, key);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        if (row_is_number(c)) {
            digest_u64(d, (uint64_t)row_int(c, row));
            continue;
        }
        struct text v = row_text(c, row);
        digest_u64(d, v.p != NULL ? v.n : UINT64_MAX);
        digest_add(d, v.p != NULL ? v.p : "", v.n);
    }
}

/* The end of the covered range that holds offset at; at itself when none does. */
static uint32_t covered_to(const struct row_table *t, const struct row_skip *skip, uint32_t n_skip,
                           uint32_t at)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        if (at >= c->offset && at < c->offset + c->size) {
            return c->offset + c->size;
        }
    }
    for (uint32_t i = 0; i < n_skip; i++) {
        if (at >= skip[i].offset && at < skip[i].offset + skip[i].size) {
            return skip[i].offset + skip[i].size;
        }
    }
    return at;
}

bool row_gap(const struct row_table *t, const struct row_skip *skip, uint32_t n_skip,
             uint32_t *ret_at, uint32_t *ret_n)
{
    uint32_t at = 0;
    while (at < t->size) {
        uint32_t to = covered_to(t, skip, n_skip, at);
        if (to > at) {
            at = to;
            continue;
        }
        uint32_t from = at;
        while (at < t->size && covered_to(t, skip, n_skip, at) == at) {
            at++;
        }
        /* Padding goes up to the next field, whose place is a multiple of its width. */
        uint32_t n = at - from;
        bool padding = (n < 2 && at % 2 == 0) || (n < 4 && at % 4 == 0) || (n < 8 && at % 8 == 0);
        if (!padding) {
            *ret_at = from;
            *ret_n = n;
            return true;
        }
    }
    return false;
}

size_t varint_write(int64_t v, char out[VARINT_MAX])
{
    uint64_t u = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
    size_t n = 0;
    while (u >= 0x80) {
        out[n++] = (char)(u | 0x80);
        u >>= 7;
    }
    out[n++] = (char)u;
    return n;
}

void varint_put(struct buf *b, int64_t v)
{
    char out[VARINT_MAX];
    buf_add(b, out, varint_write(v, out));
}

bool varint_get(struct text bytes, size_t *at, int64_t *ret)
{
    uint64_t u = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at >= bytes.n) {
            return false;
        }
        uint8_t c = (uint8_t)bytes.p[(*at)++];
        if (shift == 63 && c > 1) {
            return false;
        }
        u |= (uint64_t)(c & 0x7f) << shift;
        if ((c & 0x80) == 0) {
            *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
            return true;
        }
    }
    return false;
}
