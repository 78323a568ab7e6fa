#include "base/money.h"

#include <stdbool.h>
#include <string.h>

/* Append a digit; false, and *v is left, when that goes over the limit (which is at least 9). */
static bool append(int64_t *v, int digit, int64_t limit)
{
    if (*v > (limit - digit) / 10) {
        return false;
    }
    *v = *v * 10 + digit;
    return true;
}

static enum status decimal_parse(const char *s, size_t n, int decimals, int64_t limit, int64_t *ret)
{
    size_t i = 0;
    bool negative = false;
    if (i < n && s[i] == '-') {
        negative = true;
        i++;
    }
    if (i >= n || s[i] < '0' || s[i] > '9') {
        return ST_MALFORMED;
    }
    int64_t v = 0;
    bool over = false;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        over = over || !append(&v, s[i] - '0', limit);
    }
    int frac = 0;
    if (i < n && s[i] == '.') {
        i++;
        if (i >= n) {
            return ST_MALFORMED;
        }
        for (; i < n; i++) {
            if (s[i] < '0' || s[i] > '9') {
                return ST_MALFORMED;
            }
            if (frac < decimals) {
                over = over || !append(&v, s[i] - '0', limit);
                frac++;
            } else if (s[i] != '0') {
                return ST_MALFORMED;
            }
        }
    }
    if (i != n) {
        return ST_MALFORMED;
    }
    for (; frac < decimals && !over; frac++) {
        over = !append(&v, 0, limit);
    }
    if (over) {
        return ST_RANGE;
    }
    *ret = negative ? -v : v;
    return ST_OK;
}

static size_t decimal_format(int64_t v, int decimals, char *buf)
{
    char tmp[MONEY_TEXT_MAX];
    size_t n = 0;
    uint64_t u = v < 0 ? 0U - (uint64_t)v : (uint64_t)v;
    for (int i = 0; i < decimals || u != 0 || i == decimals; i++) {
        if (i == decimals) {
            tmp[n++] = '.';
        }
        tmp[n++] = (char)('0' + u % 10);
        u /= 10;
    }
    size_t len = 0;
    if (v < 0) {
        buf[len++] = '-';
    }
    while (n > 0) {
        buf[len++] = tmp[--n];
    }
    buf[len] = '\0';
    return len;
}

enum status px_parse(const char *s, size_t n, px_t *ret_px)
{
    return decimal_parse(s, n, 4, 1000000000000, ret_px);
}

enum status qty_parse(const char *s, size_t n, qty_t *ret_qty)
{
    return decimal_parse(s, n, 2, QTY_LIMIT, ret_qty);
}

enum status usd_parse(const char *s, size_t n, usd_t *ret_usd)
{
    return decimal_parse(s, n, 6, USD_LIMIT, ret_usd);
}

size_t px_format(px_t px, char buf[MONEY_TEXT_MAX])
{
    return decimal_format(px, 4, buf);
}

size_t qty_format(qty_t qty, char buf[MONEY_TEXT_MAX])
{
    return decimal_format(qty, 2, buf);
}

size_t usd_format(usd_t usd, char buf[MONEY_TEXT_MAX])
{
    return decimal_format(usd, 6, buf);
}
