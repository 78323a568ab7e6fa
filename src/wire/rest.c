#include "wire/rest.h"

#include <stdio.h>

#include "wire/json.h"

/* --- answers with one object --- */

enum ack { ACK_CREATE, ACK_AMEND, ACK_CANCEL };

static enum status read_ack(const char *s, size_t n, enum ack kind, struct rest_ack *ret,
                            struct err *err)
{
    static const char *const names[] = {"create answer", "amend answer", "cancel answer"};
    const char *where = names[kind];
    enum need counts = kind == ACK_CREATE ? REQUIRED : OPTIONAL;
    json_t *root = reader_parse(s, n, where, err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct rest_ack a;
    memset(&a, 0, sizeof a);
    struct reader r = reader_of(root, where, err);
    reader_text(&r, "order_id", REQUIRED, a.order_id, sizeof a.order_id);
    reader_text(&r, "client_order_id", OPTIONAL, a.client_id, sizeof a.client_id);
    bool filled = reader_qty(&r, "fill_count", counts, &a.filled);
    bool remaining = reader_qty(&r, "remaining_count", counts, &a.remaining);
    a.has_counts = filled && remaining;
    reader_qty(&r, "reduced_by", kind == ACK_CANCEL ? REQUIRED : OPTIONAL, &a.reduced_by);
    reader_px(&r, "average_fill_price", OPTIONAL, &a.average_px);
    reader_int(&r, "ts_ms", OPTIONAL, &a.ts_ms);
    json_decref(root);
    if (r.st == ST_OK) {
        *ret = a;
    }
    return r.st;
}

enum status rest_read_create(const char *s, size_t n, struct rest_ack *ret, struct err *err)
{
    return read_ack(s, n, ACK_CREATE, ret, err);
}

enum status rest_read_amend(const char *s, size_t n, struct rest_ack *ret, struct err *err)
{
    return read_ack(s, n, ACK_AMEND, ret, err);
}

enum status rest_read_cancel(const char *s, size_t n, struct rest_ack *ret, struct err *err)
{
    return read_ack(s, n, ACK_CANCEL, ret, err);
}

enum status rest_read_group(const char *s, size_t n, char *ret_id, size_t cap, struct err *err)
{
    json_t *root = reader_parse(s, n, "order group answer", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    char id[REST_ID];
    struct reader r = reader_of(root, "order group answer", err);
    reader_text(&r, "order_group_id", REQUIRED, id, sizeof id);
    json_decref(root);
    if (r.st != ST_OK) {
        return r.st;
    }
    if (id[0] == '\0') {
        return ST_MALFORMED;
    }
    return text_copy(ret_id, cap, text_of(id)) ? ST_OK : ST_LIMIT;
}

enum status rest_read_balance(const char *s, size_t n, struct rest_balance *ret, struct err *err)
{
    json_t *root = reader_parse(s, n, "balance", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct rest_balance b = {0};
    struct reader r = reader_of(root, "balance", err);
    if (!reader_usd(&r, "balance_dollars", OPTIONAL, &b.balance)) {
        reader_units(&r, "balance", REQUIRED, USD_ONE / 100, &b.balance);
    }
    reader_units(&r, "portfolio_value", OPTIONAL, USD_ONE / 100, &b.portfolio_value);
    reader_int(&r, "updated_ts", OPTIONAL, &b.updated_s);
    json_decref(root);
    if (r.st == ST_OK) {
        *ret = b;
    }
    return r.st;
}

static void read_bucket(const json_t *root, const char *key, int64_t *capacity, int64_t *rate,
                        struct reader *limits)
{
    struct reader r = reader_of(json_object_get(root, key), key, NULL);
    reader_int(&r, "bucket_capacity", REQUIRED, capacity);
    reader_int(&r, "refill_rate", REQUIRED, rate);
    if (r.st != ST_OK || *capacity < 0 || *rate < 0) {
        reader_fault(limits, key, "not a token bucket");
    }
}

enum status rest_read_limits(const char *s, size_t n, struct rest_limits *ret, struct err *err)
{
    json_t *root = reader_parse(s, n, "account limits", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct rest_limits l;
    memset(&l, 0, sizeof l);
    struct reader r = reader_of(root, "account limits", err);
    reader_text(&r, "usage_tier", OPTIONAL, l.tier, sizeof l.tier);
    read_bucket(root, "read", &l.read_capacity, &l.read_rate, &r);
    read_bucket(root, "write", &l.write_capacity, &l.write_rate, &r);
    json_decref(root);
    if (r.st == ST_OK) {
        *ret = l;
    }
    return r.st;
}

enum status rest_read_as_of(const char *s, size_t n, wall_ns_t *ret_as_of, struct err *err)
{
    json_t *root = reader_parse(s, n, "user data timestamp", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    wall_ns_t t = 0;
    struct reader r = reader_of(root, "user data timestamp", err);
    reader_time(&r, "as_of_time", REQUIRED, &t);
    json_decref(root);
    if (r.st == ST_OK) {
        *ret_as_of = t;
    }
    return r.st;
}

enum status rest_read_series(const char *s, size_t n, struct rest_series *ret, struct err *err)
{
    json_t *root = reader_parse(s, n, "series", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct rest_series x;
    memset(&x, 0, sizeof x);
    struct reader r = reader_of(json_object_get(root, "series"), "series", err);
    reader_text(&r, "ticker", REQUIRED, x.ticker, sizeof x.ticker);
    reader_text(&r, "fee_type", REQUIRED, x.fee_type, sizeof x.fee_type);
    reader_micros(&r, "fee_multiplier", REQUIRED, &x.fee_mult_micros);
    json_decref(root);
    if (r.st == ST_OK) {
        *ret = x;
    }
    return r.st;
}

/* --- the order book --- */

static enum status read_side(struct reader *r, const char *key, struct wire_decoder *d,
                             uint32_t used, uint32_t *ret_n)
{
    *ret_n = 0;
    const json_t *list = reader_value(r, key, OPTIONAL);
    if (list == NULL) {
        return ST_OK; /* a side without levels is left out */
    }
    if (!json_is_array(list)) {
        reader_fault(r, key, "not an array");
        return r->st;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        const json_t *px = json_array_get(pair, 0);
        const json_t *qty = json_array_get(pair, 1);
        struct level level;
        if (json_array_size(pair) != 2 || !json_is_string(px) || !json_is_string(qty) ||
            px_parse(json_string_value(px), json_string_length(px), &level.px) != ST_OK ||
            qty_parse(json_string_value(qty), json_string_length(qty), &level.qty) != ST_OK) {
            reader_fault(r, key, "not a list of [price, count]");
            return r->st;
        }
        if (used + *ret_n >= d->cap) {
            return err_set(r->err, ST_LIMIT, "order book: more than %u levels", d->cap);
        }
        d->levels[used + *ret_n] = level;
        (*ret_n)++;
    }
    return ST_OK;
}

enum status rest_read_book(struct wire_decoder *d, const char *s, size_t n,
                           struct wire_snapshot *ret, struct err *err)
{
    json_t *root = reader_parse(s, n, "order book", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct wire_snapshot book = {.ticker = {"", 0}};
    struct reader r = reader_of(json_object_get(root, "orderbook_fp"), "orderbook_fp", err);
    enum status st = r.st;
    if (st == ST_OK) {
        st = read_side(&r, "yes_dollars", d, 0, &book.n_yes);
    }
    if (st == ST_OK) {
        st = read_side(&r, "no_dollars", d, book.n_yes, &book.n_no);
    }
    json_decref(root);
    if (st == ST_OK) {
        book.yes = d->levels;
        book.no = d->levels + book.n_yes;
        *ret = book;
    }
    return st;
}

/* --- errors --- */

static void cut_field(const json_t *object, const char *key, char *dst, size_t cap)
{
    const json_t *v = json_object_get(object, key);
    if (json_is_string(v)) {
        text_cut(dst, cap, (struct text){json_string_value(v), json_string_length(v)});
    }
}

/* Not JSON: a proxy's page or plain text. Bytes that could upset a log line become blanks. */
static void plain_message(const char *s, size_t n, struct rest_error *ret)
{
    size_t k = 0;
    for (size_t i = 0; i < n && k + 1 < sizeof ret->message; i++) {
        unsigned char c = (unsigned char)s[i];
        ret->message[k++] = c >= 0x20 && c < 0x7f ? (char)c : ' ';
    }
    while (k > 0 && ret->message[k - 1] == ' ') {
        k--;
    }
    ret->message[k] = '\0';
}

void rest_read_error(const char *s, size_t n, struct rest_error *ret)
{
    memset(ret, 0, sizeof *ret);
    json_t *root = json_loadb(s, n, 0, NULL);
    if (!json_is_object(root)) {
        plain_message(s, n, ret);
        json_decref(root);
        return;
    }
    const json_t *error = json_object_get(root, "error");
    const json_t *from = json_is_object(error) ? error : root;
    cut_field(from, "code", ret->code, sizeof ret->code);
    cut_field(from, "msg", ret->message, sizeof ret->message);
    cut_field(from, "message", ret->message, sizeof ret->message);
    cut_field(from, "details", ret->details, sizeof ret->details);
    if (json_is_string(error)) {
        cut_field(root, "error", ret->message, sizeof ret->message);
    }
    json_decref(root);
}
