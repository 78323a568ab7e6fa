#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

void jw_key(struct jw *w, const char *key)
{
    if (w->comma) {
        buf_char(w->b, ',');
    }
    w->comma = true;
    if (key != NULL) {
        buf_char(w->b, '"');
        buf_str(w->b, key);
        buf_add(w->b, "\":", 2);
    }
}

void jw_open(struct jw *w, const char *key, char bracket)
{
    jw_key(w, key);
    buf_char(w->b, bracket);
    w->comma = false;
}

void jw_close(struct jw *w, char bracket)
{
    buf_char(w->b, bracket);
    w->comma = true;
}

void jw_raw(struct jw *w, const char *key, const char *raw)
{
    jw_key(w, key);
    buf_str(w->b, raw);
}

void jw_text(struct jw *w, const char *key, struct text s)
{
    jw_key(w, key);
    buf_json_str(w->b, s);
}

void jw_str(struct jw *w, const char *key, const char *s)
{
    jw_text(w, key, text_of(s));
}

void jw_int(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    buf_printf(w->b, "%lld", (long long)v);
}

void jw_bool(struct jw *w, const char *key, bool v)
{
    jw_raw(w, key, v ? "true" : "false");
}

static void quoted(struct jw *w, const char *key, const char *s, size_t n)
{
    jw_key(w, key);
    buf_char(w->b, '"');
    buf_add(w->b, s, n);
    buf_char(w->b, '"');
}

void jw_px(struct jw *w, const char *key, px_t v)
{
    char t[MONEY_TEXT_MAX];
    quoted(w, key, t, px_format(v, t));
}

void jw_qty(struct jw *w, const char *key, qty_t v)
{
    char t[MONEY_TEXT_MAX];
    quoted(w, key, t, qty_format(v, t));
}

void jw_usd(struct jw *w, const char *key, usd_t v)
{
    char t[MONEY_TEXT_MAX];
    quoted(w, key, t, usd_format(v, t));
}

void jw_usd4(struct jw *w, const char *key, usd_t v)
{
    jw_px(w, key, v / 100);
}

void jw_time(struct jw *w, const char *key, wall_ns_t t)
{
    char s[TIME_TEXT_MAX];
    quoted(w, key, s, time_format(t, s));
}

void jw_levels(struct jw *w, const char *key, const struct level *lv, size_t n, bool complement)
{
    jw_open(w, key, '[');
    for (size_t k = 0; k < n; k++) {
        /* Rising by the printed price in both scales. */
        const struct level *l = &lv[complement ? n - 1 - k : k];
        jw_open(w, NULL, '[');
        jw_px(w, NULL, complement ? PX_ONE - l->px : l->px);
        jw_qty(w, NULL, l->qty);
        jw_close(w, ']');
    }
    jw_close(w, ']');
}

int64_t wall_ms(wall_ns_t t)
{
    return t / NS_PER_MS;
}

const char *side_text(enum side s)
{
    return s == SIDE_YES ? "yes" : "no";
}

const char *book_side_text(enum side s)
{
    return s == SIDE_YES ? "bid" : "ask";
}

/* --- queries --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(const char *s, size_t n, char *buf, size_t cap)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i] == '+' ? ' ' : s[i];
        if (c == '%' && i + 2 < n && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
            c = (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]));
            i += 2;
        }
        if (out + 1 >= cap || c == '\0') {
            out = 0;
            break;
        }
        buf[out++] = c;
    }
    buf[out] = '\0';
}

bool query_get(struct text query, const char *name, char *buf, size_t cap)
{
    size_t len = strlen(name);
    size_t i = 0;
    while (i < query.n) {
        const char *s = query.p + i;
        const char *amp = memchr(s, '&', query.n - i);
        size_t n = amp != NULL ? (size_t)(amp - s) : query.n - i;
        if (n > len && memcmp(s, name, len) == 0 && s[len] == '=') {
            decode(s + len + 1, n - len - 1, buf, cap);
            return true;
        }
        i += n + 1;
    }
    buf[0] = '\0';
    return false;
}

bool list_has(const char *list, const char *item)
{
    if (list[0] == '\0') {
        return true;
    }
    size_t len = strlen(item);
    for (const char *s = list; s != NULL;) {
        const char *comma = strchr(s, ',');
        size_t n = comma != NULL ? (size_t)(comma - s) : strlen(s);
        if (n == len && memcmp(s, item, n) == 0) {
            return true;
        }
        s = comma != NULL ? comma + 1 : NULL;
    }
    return false;
}
