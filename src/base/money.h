/*
 * money.h - prices, counts and money as integers, and their exact decimal text.
 *
 * px_t is 1e-4 USD, qty_t 1e-2 contract, usd_t 1e-6 USD: the exchange's text has at most 4, 2 and 6
 * decimals (kalshi-api.md section 4), so px * qty is money, exactly. No double ever holds one of
 * them.
 */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef int64_t px_t;  /* 1e-4 USD */
typedef int64_t qty_t; /* 1e-2 contract */
typedef int64_t usd_t; /* 1e-6 USD */

#define PX_ONE  ((px_t)10000)    /* 1 USD, what a contract pays at most */
#define PX_CENT ((px_t)100)      /* 1 cent */
#define QTY_ONE ((qty_t)100)     /* 1 contract */
#define USD_ONE ((usd_t)1000000) /* 1 USD */

/* Largest magnitudes accepted from outside; products of a px and a qty stay far inside int64_t. */
#define QTY_LIMIT ((qty_t)100000000000000)     /* 1e12 contracts */
#define USD_LIMIT ((usd_t)1000000000000000000) /* 1e12 USD */

#define MONEY_TEXT_MAX 32 /* enough for any value of the three types with sign and NUL */

/* The outcome a book side, a position or an order is about. */
enum side { SIDE_YES, SIDE_NO };

static inline enum side side_other(enum side s)
{
    return s == SIDE_YES ? SIDE_NO : SIDE_YES;
}

/* One price level or one line of a snapshot. */
struct level {
    px_t px;
    qty_t qty;
};

/*
 * Decimal text to integer, the whole of s[0..n). Optional '-', digits, optional '.' and digits;
 * more decimals than the type has are accepted only when they are zeros. No exponent, no '+', no
 * blanks. ST_MALFORMED: not such text. ST_RANGE: too large (or, for px, outside -1..1 USD times
 * 1e8).
 */
enum status px_parse(const char *s, size_t n, px_t *ret_px) MUST_CHECK;
enum status qty_parse(const char *s, size_t n, qty_t *ret_qty) MUST_CHECK;
enum status usd_parse(const char *s, size_t n, usd_t *ret_usd) MUST_CHECK;

/* Integer to text with exactly 4, 2 and 6 decimals; writes a NUL, returns the length without it. */
size_t px_format(px_t px, char buf[MONEY_TEXT_MAX]);
size_t qty_format(qty_t qty, char buf[MONEY_TEXT_MAX]);
size_t usd_format(usd_t usd, char buf[MONEY_TEXT_MAX]);

/* px times qty, exactly. The limits above rule out an overflow. */
static inline usd_t usd_of(px_t px, qty_t qty)
{
    return px * qty;
}

#endif
