/*
 * json.h - reading fields out of a jansson object, with the first fault kept (private to wire).
 *
 * A reader goes over one object: each call reads one key, null counts as absent, and the first
 * fault (a required key that is absent, a value of the wrong form, a text that does not fit) is
 * kept with its key. So a long list of fields needs one check at its end.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <jansson.h>

#include "base/grid.h"
#include "base/timefmt.h"
#include "wire/msg.h"

struct reader {
    const json_t *object;
    const char *where; /* constant text for the fault: "market_position" */
    struct err *err;
    enum status st; /* ST_OK until the first fault */
};

enum need { OPTIONAL, REQUIRED };

/* Parse s[0..n) to an object. NULL: err says why. Free with json_decref. */
json_t *reader_parse(const char *s, size_t n, const char *where, struct err *err);

/* A reader of object, which may be NULL or no object: then that is the first fault. */
struct reader reader_of(const json_t *object, const char *where, struct err *err);

/* Keep a fault unless there is one. */
void reader_fault(struct reader *r, const char *key, const char *what);

/* The value of a key, NULL when it is absent or null (a fault when REQUIRED). */
const json_t *reader_value(struct reader *r, const char *key, enum need need);

/* Each of these is true, and has written *ret, when the key is there and right. */
bool reader_text(struct reader *r, const char *key, enum need need, char *ret, size_t cap);
bool reader_text_cut(struct reader *r, const char *key, char *ret, size_t cap); /* may be cut */
bool reader_int(struct reader *r, const char *key, enum need need, int64_t *ret);
bool reader_int32(struct reader *r, const char *key, enum need need, int32_t *ret);
bool reader_uint(struct reader *r, const char *key, enum need need, uint64_t *ret);
bool reader_bool(struct reader *r, const char *key, enum need need, bool *ret);
bool reader_px(struct reader *r, const char *key, enum need need, px_t *ret);
bool reader_qty(struct reader *r, const char *key, enum need need, qty_t *ret);
bool reader_usd(struct reader *r, const char *key, enum need need, usd_t *ret);
bool reader_side(struct reader *r, const char *key, enum need need, enum side *ret); /* yes, no */
bool reader_time(struct reader *r, const char *key, enum need need, wall_ns_t *ret); /* RFC 3339 */

/* Integers times unit, as legacy bodies have them: cents, contracts, 1e-4 dollars. */
bool reader_units(struct reader *r, const char *key, enum need need, int64_t unit, int64_t *ret);

/* A JSON number from 0 to 1000, as millionths: 0.035 is exact again. */
bool reader_micros(struct reader *r, const char *key, enum need need, int32_t *ret);

/* price_ranges; a fault when they are no grid. */
bool reader_grid(struct reader *r, const char *key, enum need need, struct grid *ret);

/* Copy text, cut before a byte that would split a UTF-8 sequence. */
void text_cut(char *dst, size_t cap, struct text src);

#endif
