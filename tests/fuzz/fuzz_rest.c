/* fuzz_rest.c - any bytes as each of the REST bodies: the first byte chooses which. */
#include <stdlib.h>

#include "wire/rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status count_row(void *self, const void *row)
{
    unsigned *rows = self;
    (void)row;
    return ++*rows < 100 ? ST_OK : ST_LIMIT;
}

static enum status read_book(const char *s, size_t n, struct err *err)
{
    struct wire_decoder d;
    struct wire_snapshot book;
    if (wire_decoder_init(&d, 16) != ST_OK) {
        abort();
    }
    enum status st = rest_read_book(&d, s, n, &book, err);
    if (st == ST_OK && book.n_yes + book.n_no > 16) {
        abort();
    }
    wire_decoder_finish(&d);
    return st;
}

static void read_error(const char *s, size_t n)
{
    struct rest_error e;
    rest_read_error(s, n, &e);
    if (memchr(e.code, 0, sizeof e.code) == NULL ||
        memchr(e.message, 0, sizeof e.message) == NULL ||
        memchr(e.details, 0, sizeof e.details) == NULL) {
        abort();
    }
}

union any {
    struct rest_ack ack;
    struct rest_order order;
    struct rest_market market;
    struct rest_balance balance;
    struct rest_limits limits;
    struct rest_series series;
    wall_ns_t time;
};

static enum status read_body(unsigned kind, const char *s, size_t n, struct err *err)
{
    union any out;
    unsigned rows = 0;
    char cursor[64];
    switch (kind % 13) {
    case 0:
        return rest_read_create(s, n, &out.ack, err);
    case 1:
        return rest_read_cancel(s, n, &out.ack, err);
    case 2:
        return rest_read_orders(s, n, count_row, &rows, cursor, sizeof cursor, err);
    case 3:
        return rest_read_order(s, n, &out.order, err);
    case 4:
        return rest_read_fills(s, n, count_row, &rows, cursor, sizeof cursor, err);
    case 5:
        return rest_read_positions(s, n, count_row, &rows, cursor, sizeof cursor, err);
    case 6:
        return rest_read_markets(s, n, count_row, &rows, cursor, sizeof cursor, err);
    case 7:
        return rest_read_market(s, n, &out.market, err);
    case 8:
        return rest_read_balance(s, n, &out.balance, err);
    case 9:
        return read_book(s, n, err);
    case 10:
        return rest_read_limits(s, n, &out.limits, err);
    case 11:
        return rest_read_as_of(s, n, &out.time, err);
    default:
        return rest_read_series(s, n, &out.series, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *s = (const char *)data + 1;
    struct err err = {ST_OK, ""};
    enum status st = read_body((unsigned)data[0] - 'a', s, size - 1, &err);
    if (st != ST_OK && st != ST_MALFORMED && st != ST_LIMIT) {
        abort();
    }
    if (st == ST_MALFORMED && err.text[0] == '\0') {
        abort();
    }
    read_error(s, size - 1);
    return 0;
}
