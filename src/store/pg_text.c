/* pg_text.c - texts that PostgreSQL cannot hold as they are, see pg_schema.h. */
#include "store/pg_schema.h"

static bool marked(struct text t)
{
    return t.n >= 2 && t.p[0] == '\\' && t.p[1] == 'x';
}

bool pg_text_plain(struct text t)
{
    const unsigned char *s = (const unsigned char *)t.p;
    for (size_t i = 0; i < t.n;) {
        size_t n = utf8_len(s + i, t.n - i);
        if (n == 0 || s[i] == '\0') {
            return false;
        }
        i += n;
    }
    return !marked(t);
}

void pg_text_write(struct text t, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    if (pg_text_plain(t)) {
        buf_add(out, t.p, t.n);
        return;
    }
    buf_str(out, "\\x");
    for (size_t i = 0; i < t.n; i++) {
        buf_char(out, digits[(unsigned char)t.p[i] >> 4]);
        buf_char(out, digits[(unsigned char)t.p[i] & 15]);
    }
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum status pg_text_read(struct text stored, struct buf *out, struct text *ret)
{
    if (!marked(stored)) {
        *ret = stored;
        return ST_OK;
    }
    if (stored.n % 2 != 0) {
        return ST_MALFORMED;
    }
    buf_clear(out);
    buf_str(out, ""); /* something to point to */
    for (size_t i = 2; i < stored.n; i += 2) {
        int high = digit(stored.p[i]), low = digit(stored.p[i + 1]);
        if (high < 0 || low < 0) {
            return ST_MALFORMED;
        }
        buf_char(out, (char)(high * 16 + low));
    }
    if (out->failed) {
        return ST_NOMEM;
    }
    *ret = (struct text){out->p, out->n};
    return ST_OK;
}
