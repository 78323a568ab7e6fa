/*
 * decode.c - the hot decoder: one message of a market's stream to integers.
 *
 * One walker for each kind of object. It stands before a comma (or the opening brace) and guesses
 * which key comes next, from the order in which the exchange prints them: a guess is one
 * comparison with constant bytes, separator and punctuation included. Where a guess fails, that one
 * key is read the general way (any order, any white space, unknown keys skipped) by the same field
 * functions, and the guesses go on from the key after it. So there is no second parser, and the
 * text is validated once, while it is read.
 *
 * Rules, shared with the jansson twin in frame_hot.c:
 * - a null counts as an absent key; a known key twice is refused;
 * - current text fields win over legacy integers wherever both stand;
 * - of a snapshot's lists only the one that is used is looked into, the others are skipped;
 * - a "msg" before its "type" is skipped first and read after the last key.
 */
#include "wire/msg.h"

#include <stdlib.h>

#include "wire/decode_int.h"

enum status wire_decoder_init(struct wire_decoder *d, uint32_t cap_levels)
{
    d->levels = calloc(cap_levels > 0 ? cap_levels : 1, sizeof *d->levels);
    d->cap = cap_levels;
    return d->levels != NULL ? ST_OK : ST_NOMEM;
}

void wire_decoder_finish(struct wire_decoder *d)
{
    free(d->levels);
    *d = (struct wire_decoder){0};
}

/* --- the envelope --- */

enum envelope_field {
    ENVELOPE_TYPE,
    ENVELOPE_SID,
    ENVELOPE_SEQ,
    ENVELOPE_MSG,
    ENVELOPE_SENDING,
    ENVELOPE_ID,
    ENVELOPE_SKIP
};

static const struct name envelope_names[] = {
    NAME("type", ENVELOPE_TYPE), NAME("sid", ENVELOPE_SID), NAME("seq", ENVELOPE_SEQ),
    NAME("msg", ENVELOPE_MSG),   NAME("id", ENVELOPE_ID),   NAME("sending_ts_ms", ENVELOPE_SENDING),
};

struct envelope {
    struct wire_decoder *d;
    struct wire_msg *out;
    int64_t sid, seq, id;
    const char *msg; /* where a "msg" stands that came before its "type" */
    uint32_t seen;
};

static enum wire_type type_of(struct text t)
{
    switch (t.n) {
    case sizeof "orderbook_delta" - 1:
        return memcmp(t.p, "orderbook_delta", t.n) == 0 ? WIRE_DELTA : WIRE_OTHER;
    case sizeof "orderbook_snapshot" - 1:
        return memcmp(t.p, "orderbook_snapshot", t.n) == 0 ? WIRE_SNAPSHOT : WIRE_OTHER;
    case sizeof "trade" - 1:
        return memcmp(t.p, "trade", t.n) == 0 ? WIRE_TRADE : WIRE_OTHER;
    case sizeof "fill" - 1:
        return memcmp(t.p, "fill", t.n) == 0 ? WIRE_FILL : WIRE_OTHER;
    default:
        return WIRE_OTHER;
    }
}

static const char *read_msg(struct scan *s, const char *p, struct envelope *m)
{
    switch (m->out->type) {
    case WIRE_DELTA:
        return decode_delta(s, p, m->out);
    case WIRE_SNAPSHOT:
        return decode_snapshot(s, p, m->d, m->out);
    case WIRE_TRADE:
        return decode_trade(s, p, m->out);
    case WIRE_FILL:
        return decode_fill(s, p, m->out);
    case WIRE_OTHER:
    default:
        return scan_value(s, p);
    }
}

SCAN_INLINE const char *envelope_field(struct scan *s, const char *p, unsigned field,
                                       struct envelope *m)
{
    struct text type;
    if (field == ENVELOPE_SKIP) {
        return scan_value(s, p);
    }
    if (!once(&m->seen, field)) {
        return scan_refuse(s, p);
    }
    if (p < s->end && *p == 'n') {
        return absent(s, p, &m->seen, field);
    }
    switch (field) {
    case ENVELOPE_TYPE:
        p = value_text(s, p, &type);
        if (p != NULL) {
            m->out->type = type_of(type);
        }
        return p;
    case ENVELOPE_SID:
        return value_uint(s, p, &m->sid);
    case ENVELOPE_SEQ:
        return value_uint(s, p, &m->seq);
    case ENVELOPE_ID:
        return value_uint(s, p, &m->id);
    case ENVELOPE_SENDING:
        return value_uint(s, p, &m->out->sending_ts_ms);
    default:
        if (HAS(m, ENVELOPE_TYPE)) {
            return read_msg(s, p, m);
        }
        m->msg = p;
        return scan_value(s, p);
    }
}

static const char *envelope_end(struct scan *s, const char *p, struct envelope *m)
{
    struct wire_msg *out = m->out;
    out->sid = (uint64_t)m->sid;
    out->seq = (uint64_t)m->seq;
    out->id = (uint64_t)m->id;
    if (!HAS(m, ENVELOPE_TYPE) || (out->type != WIRE_OTHER && !HAS(m, ENVELOPE_MSG))) {
        return scan_refuse(s, p - 1);
    }
    if (m->msg != NULL && read_msg(s, m->msg, m) == NULL) {
        return NULL;
    }
    p = scan_space(s, p);
    return scan_likely(p == s->end) ? p : scan_refuse(s, p);
}

static const char *envelope_object(struct scan *s, const char *p, struct envelope *m)
{
    bool first = true;
    unsigned next = ENVELOPE_TYPE;
    for (;;) {
        switch (next) {
        case ENVELOPE_TYPE:
            if (SCAN_IS(s, p, "{\"type\":\"orderbook_delta\"")) {
                p += sizeof "{\"type\":\"orderbook_delta\"" - 1;
                m->seen |= BIT(ENVELOPE_TYPE);
                m->out->type = WIRE_DELTA;
            } else {
                GUESS(envelope_field, ENVELOPE_TYPE, "{\"type\":\"")
            }
            first = false;
            FALL;
        case ENVELOPE_SID:
            GUESS_NUMBER(envelope_field, ENVELOPE_SID, ",\"sid\":")
            FALL;
        case ENVELOPE_SEQ:
            GUESS_NUMBER(envelope_field, ENVELOPE_SEQ, ",\"seq\":")
            FALL;
        case ENVELOPE_MSG:
            GUESS(envelope_field, ENVELOPE_MSG, ",\"msg\":{")
            FALL;
        case ENVELOPE_SENDING:
            GUESS_NUMBER(envelope_field, ENVELOPE_SENDING, ",\"sending_ts_ms\":")
            break;
        default:
            break;
        }
        if (scan_likely(!first && p < s->end && *p == '}')) {
            return envelope_end(s, p + 1, m);
        }
        struct text key;
        p = scan_key(s, p, first, &key);
        if (p == NULL || key.p == NULL) {
            return p == NULL ? NULL : envelope_end(s, p, m);
        }
        first = false;
        unsigned field = FIND_NAME(envelope_names, key, ENVELOPE_SKIP);
        p = envelope_field(s, p, field, m);
        if (p == NULL) {
            return NULL;
        }
        next = field + 1;
    }
}

enum status wire_decode(struct wire_decoder *d, const char *s, size_t n, struct wire_msg *ret,
                        size_t *ret_pos)
{
    struct scan scan = {.end = s + n};
    struct envelope m = {.d = d, .out = ret};
    ret->type = WIRE_OTHER;
    ret->ts_ms = 0;
    ret->sending_ts_ms = 0;
    if (envelope_object(&scan, scan_space(&scan, s), &m) != NULL) {
        return ST_OK;
    }
    if (ret_pos != NULL) {
        *ret_pos = (size_t)(scan.bad - s);
    }
    return scan.st;
}
