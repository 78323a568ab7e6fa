/*
 * msg.h - decoded messages of the exchange's WebSocket, and the hot decoder.
 *
 * Formats and their sources: kalshi-api.md sections 4, 5.7 and 6. Text fields are borrowed from the
 * frame and valid as long as its bytes are; numbers are integers with their unit in the type.
 */
#ifndef WIRE_MSG_H
#define WIRE_MSG_H

#include "base/bytes.h"
#include "base/money.h"

enum wire_type {
    WIRE_OTHER, /* an object of a type the hot decoder does not read: see wire/frame.h */
    WIRE_SNAPSHOT,
    WIRE_DELTA,
    WIRE_TRADE,
    WIRE_FILL
};

/* Levels are in the decoder's scratch: valid until its next call. As printed: rising by price is
 * not checked here. */
struct wire_snapshot {
    struct text ticker;
    const struct level *yes, *no;
    uint32_t n_yes, n_no;
};

struct wire_delta {
    struct text ticker;
    struct text client_id; /* n 0 when absent */
    px_t px;
    qty_t qty;
    enum side side;
};

struct wire_trade {
    struct text ticker, trade_id;
    px_t yes_px;
    qty_t qty;
    enum side taker; /* outcome the taker acquired */
    bool block;
};

struct wire_fill {
    struct text ticker, trade_id, order_id, client_id;
    px_t yes_px;
    qty_t qty;
    usd_t fee; /* 0 when absent (before 2026-01-29) */
    bool has_fee;
    enum side outcome; /* outcome acquired: from outcome_side, else purchased_side, else side and
                          action */
    bool is_taker;
    bool has_post_position;
    qty_t post_position;
    int32_t exchange_index, subaccount;
};

struct wire_msg {
    enum wire_type type;
    uint64_t sid, seq; /* 0: absent */
    uint64_t id;       /* 0: absent */
    int64_t ts_ms;     /* of msg, 0: absent. Taken from ts_ms only */
    int64_t sending_ts_ms;
    union {
        struct wire_snapshot snapshot;
        struct wire_delta delta;
        struct wire_trade trade;
        struct wire_fill fill;
    } u;
};

/* Scratch for snapshot levels. Owner: one thread. */
struct wire_decoder {
    struct level *levels; /* cap of them; YES are written from the front, NO follow */
    uint32_t cap;
};

/* cap_levels: most levels of one snapshot, both sides together. ST_NOMEM. */
enum status wire_decoder_init(struct wire_decoder *d, uint32_t cap_levels) MUST_CHECK;
void wire_decoder_finish(struct wire_decoder *d);

/*
 * Decode one whole message, s[0..n), surrounding white space allowed. Never allocates, never reads
 * past n. ST_OK: *ret is filled; with type WIRE_OTHER only type, sid, seq and id are (hand the
 * bytes to wire/frame.h). ST_MALFORMED: not valid JSON, a required field missing or of the wrong
 * form; *ret_pos (may be NULL) is the byte. ST_TRUNCATED: ends inside the message. ST_LIMIT: more
 * levels than cap. *ret is undefined then.
 */
enum status wire_decode(struct wire_decoder *d, const char *s, size_t n, struct wire_msg *ret,
                        size_t *ret_pos) MUST_CHECK;

#endif
