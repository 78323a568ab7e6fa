/* decode_book.c - orderbook_delta and orderbook_snapshot; see decode.c. */
#include "wire/decode_int.h"

/* --- orderbook_delta --- */

enum delta_field {
    DELTA_TICKER,
    DELTA_MARKET_ID,
    DELTA_PX,
    DELTA_QTY,
    DELTA_SIDE,
    DELTA_TS,
    DELTA_TS_MS,
    DELTA_CLIENT_ID,
    DELTA_CENTS,
    DELTA_COUNT,
    DELTA_SKIP
};

/* market_id and ts are guessed, to step over them quickly, but nothing here needs them. */
static const struct name delta_names[] = {
    NAME("market_ticker", DELTA_TICKER),
    NAME("market_id", DELTA_MARKET_ID),
    NAME("price_dollars", DELTA_PX),
    NAME("delta_fp", DELTA_QTY),
    NAME("side", DELTA_SIDE),
    NAME("ts", DELTA_TS),
    NAME("ts_ms", DELTA_TS_MS),
    NAME("client_order_id", DELTA_CLIENT_ID),
    NAME("price", DELTA_CENTS),
    NAME("delta", DELTA_COUNT),
};

struct delta {
    struct wire_delta *out;
    int64_t *ts_ms;
    px_t cents;
    qty_t count;
    uint32_t seen;
};

SCAN_INLINE const char *delta_field(struct scan *s, const char *p, unsigned field, struct delta *m)
{
    if (field == DELTA_SKIP || field == DELTA_TS || field == DELTA_MARKET_ID) {
        return scan_value(s, p);
    }
    if (!once(&m->seen, field)) {
        return scan_refuse(s, p);
    }
    if (p < s->end && *p == 'n') {
        return absent(s, p, &m->seen, field);
    }
    switch (field) {
    case DELTA_TICKER:
        return value_text(s, p, &m->out->ticker);
    case DELTA_PX:
        return value_px(s, p, &m->out->px);
    case DELTA_QTY:
        return value_qty(s, p, &m->out->qty);
    case DELTA_SIDE:
        return value_side(s, p, &m->out->side);
    case DELTA_TS_MS:
        return value_uint(s, p, m->ts_ms);
    case DELTA_CLIENT_ID:
        return value_text(s, p, &m->out->client_id);
    case DELTA_CENTS:
        return value_cents(s, p, &m->cents);
    default:
        return value_count(s, p, &m->count);
    }
}

static const char *delta_end(struct scan *s, const char *p, struct delta *m)
{
    if (!HAS(m, DELTA_PX)) {
        m->out->px = m->cents;
    }
    if (!HAS(m, DELTA_QTY)) {
        m->out->qty = m->count;
    }
    bool whole = (m->seen & (BIT(DELTA_PX) | BIT(DELTA_CENTS))) != 0 &&
                 (m->seen & (BIT(DELTA_QTY) | BIT(DELTA_COUNT))) != 0 && HAS(m, DELTA_TICKER) &&
                 HAS(m, DELTA_SIDE);
    return scan_likely(whole) ? p : scan_refuse(s, p - 1);
}

static const char *delta_object(struct scan *s, const char *p, struct delta *m)
{
    bool first = true;
    unsigned next = DELTA_TICKER;
    for (;;) {
        switch (next) {
        case DELTA_TICKER:
            GUESS(delta_field, DELTA_TICKER, "{\"market_ticker\":\"")
            first = false;
            FALL;
        case DELTA_MARKET_ID:
            GUESS_SKIP(",\"market_id\":\"", 36)
            FALL;
        case DELTA_PX:
            GUESS(delta_field, DELTA_PX, ",\"price_dollars\":\"")
            FALL;
        case DELTA_QTY:
            GUESS(delta_field, DELTA_QTY, ",\"delta_fp\":\"")
            FALL;
        case DELTA_SIDE:
            GUESS(delta_field, DELTA_SIDE, ",\"side\":\"")
            FALL;
        case DELTA_TS:
            GUESS_SKIP(",\"ts\":\"", 27)
            FALL;
        case DELTA_TS_MS:
            GUESS_NUMBER(delta_field, DELTA_TS_MS, ",\"ts_ms\":")
            break;
        default:
            break;
        }
        if (scan_likely(!first && p < s->end && *p == '}')) {
            return delta_end(s, p + 1, m);
        }
        struct text key;
        p = scan_key(s, p, first, &key);
        if (p == NULL || key.p == NULL) {
            return p == NULL ? NULL : delta_end(s, p, m);
        }
        first = false;
        unsigned field = FIND_NAME(delta_names, key, DELTA_SKIP);
        p = delta_field(s, p, field, m);
        if (p == NULL) {
            return NULL;
        }
        next = field + 1;
    }
}

const char *decode_delta(struct scan *s, const char *p, struct wire_msg *ret)
{
    ret->u.delta.client_id = (struct text){NULL, 0};
    struct delta m = {.out = &ret->u.delta, .ts_ms = &ret->ts_ms};
    return delta_object(s, p, &m);
}

/* --- orderbook_snapshot --- */

/* A side's lists by worth: the better form wins, whatever the order of the keys. */
enum list_form { LIST_NONE, LIST_CENTS, LIST_DOLLARS, LIST_FP };

enum snapshot_field {
    SNAPSHOT_TICKER,
    SNAPSHOT_MARKET_ID,
    SNAPSHOT_YES_FP,
    SNAPSHOT_NO_FP,
    SNAPSHOT_YES_DOLLARS,
    SNAPSHOT_NO_DOLLARS,
    SNAPSHOT_YES,
    SNAPSHOT_NO,
    SNAPSHOT_TS_MS,
    SNAPSHOT_SKIP
};

static const struct name snapshot_names[] = {
    NAME("market_ticker", SNAPSHOT_TICKER),
    NAME("market_id", SNAPSHOT_MARKET_ID),
    NAME("yes_dollars_fp", SNAPSHOT_YES_FP),
    NAME("no_dollars_fp", SNAPSHOT_NO_FP),
    NAME("yes_dollars", SNAPSHOT_YES_DOLLARS),
    NAME("no_dollars", SNAPSHOT_NO_DOLLARS),
    NAME("yes", SNAPSHOT_YES),
    NAME("no", SNAPSHOT_NO),
    NAME("ts_ms", SNAPSHOT_TS_MS),
};

struct list {
    enum list_form form;
    const char *later; /* a legacy list that was stepped over: read at the end if nothing better
                          came */
    const struct level *levels;
    uint32_t n;
};

struct snapshot {
    struct wire_decoder *d;
    struct wire_snapshot *out;
    int64_t *ts_ms;
    uint32_t used; /* levels of the scratch */
    bool over;     /* more levels than the scratch has */
    struct list side[2];
    uint32_t seen;
};

SCAN_INLINE const char *level_values(struct scan *s, const char *p, enum list_form form,
                                     struct level *ret)
{
    p = form == LIST_CENTS ? value_cents(s, p, &ret->px) : value_px(s, p, &ret->px);
    if (p == NULL) {
        return NULL;
    }
    if (p < s->end && *p != ',') {
        p = scan_space(s, p);
    }
    if (p >= s->end || *p != ',') {
        return scan_fail(s, p);
    }
    p = scan_space(s, p + 1);
    return form == LIST_FP ? value_qty(s, p, &ret->qty) : value_count(s, p, &ret->qty);
}

/* One [price, count]. */
SCAN_INLINE const char *level_pair(struct scan *s, const char *p, enum list_form form,
                                   struct level *ret)
{
    p = scan_space(s, p);
    if (p >= s->end || *p != '[') {
        return scan_fail(s, p);
    }
    p = level_values(s, scan_space(s, p + 1), form, ret);
    if (p == NULL) {
        return NULL;
    }
    p = scan_space(s, p);
    return p < s->end && *p == ']' ? p + 1 : scan_fail(s, p);
}

/* A list of levels into the scratch; goes on to the end, uncounted, when the scratch is full. */
SCAN_INLINE const char *level_list(struct scan *s, const char *p, enum list_form form,
                                   struct snapshot *m, struct list *list)
{
    if (p >= s->end || *p != '[') {
        return scan_fail(s, p);
    }
    list->form = form;
    list->levels = m->d->levels + m->used;
    p = scan_space(s, p + 1);
    if (p < s->end && *p == ']') {
        return p + 1;
    }
    for (;;) {
        struct level level;
        p = level_pair(s, p, form, &level);
        if (p == NULL) {
            return NULL;
        }
        if (m->used < m->d->cap) {
            m->d->levels[m->used++] = level;
            list->n++;
        } else {
            m->over = true;
        }
        p = scan_space(s, p);
        if (p < s->end && *p == ']') {
            return p + 1;
        }
        if (p >= s->end || *p != ',') {
            return scan_fail(s, p);
        }
        p++;
    }
}

static const char *current_list(struct scan *s, const char *p, struct snapshot *m,
                                struct list *list)
{
    return level_list(s, p, LIST_FP, m, list);
}

/* Remembers a legacy list unless a better one is known. */
static const char *legacy_list(struct scan *s, const char *p, struct list *list,
                               enum list_form form)
{
    if (list->form < form) {
        list->form = form;
        list->later = p;
    }
    return scan_value(s, p);
}

static const char *snapshot_field(struct scan *s, const char *p, unsigned field, struct snapshot *m)
{
    if (field == SNAPSHOT_SKIP || field == SNAPSHOT_MARKET_ID) {
        return scan_value(s, p);
    }
    if (!once(&m->seen, field)) {
        return scan_refuse(s, p);
    }
    if (p < s->end && *p == 'n') {
        return absent(s, p, &m->seen, field);
    }
    switch (field) {
    case SNAPSHOT_TICKER:
        return value_text(s, p, &m->out->ticker);
    case SNAPSHOT_YES_FP:
        return current_list(s, p, m, &m->side[SIDE_YES]);
    case SNAPSHOT_NO_FP:
        return current_list(s, p, m, &m->side[SIDE_NO]);
    case SNAPSHOT_YES_DOLLARS:
        return legacy_list(s, p, &m->side[SIDE_YES], LIST_DOLLARS);
    case SNAPSHOT_NO_DOLLARS:
        return legacy_list(s, p, &m->side[SIDE_NO], LIST_DOLLARS);
    case SNAPSHOT_YES:
        return legacy_list(s, p, &m->side[SIDE_YES], LIST_CENTS);
    case SNAPSHOT_NO:
        return legacy_list(s, p, &m->side[SIDE_NO], LIST_CENTS);
    default:
        return value_uint(s, p, m->ts_ms);
    }
}

static const char *snapshot_end(struct scan *s, const char *p, struct snapshot *m)
{
    if (!HAS(m, SNAPSHOT_TICKER)) {
        return scan_refuse(s, p - 1);
    }
    for (int i = 0; i < 2; i++) {
        struct list *list = &m->side[i];
        const char *ok = p;
        if (list->form == LIST_DOLLARS) {
            ok = level_list(s, list->later, LIST_DOLLARS, m, list);
        } else if (list->form == LIST_CENTS) {
            ok = level_list(s, list->later, LIST_CENTS, m, list);
        }
        if (ok == NULL) {
            return NULL;
        }
    }
    m->out->yes = m->side[SIDE_YES].levels;
    m->out->no = m->side[SIDE_NO].levels;
    m->out->n_yes = m->side[SIDE_YES].n;
    m->out->n_no = m->side[SIDE_NO].n;
    if (m->over) {
        scan_refuse(s, p - 1);
        s->st = ST_LIMIT;
        return NULL;
    }
    return p;
}

static const char *snapshot_object(struct scan *s, const char *p, struct snapshot *m)
{
    bool first = true;
    unsigned next = SNAPSHOT_TICKER;
    for (;;) {
        switch (next) {
        case SNAPSHOT_TICKER:
            GUESS(snapshot_field, SNAPSHOT_TICKER, "{\"market_ticker\":\"")
            first = false;
            FALL;
        case SNAPSHOT_MARKET_ID:
            GUESS_SKIP(",\"market_id\":\"", 36)
            FALL;
        case SNAPSHOT_YES_FP:
            GUESS(snapshot_field, SNAPSHOT_YES_FP, ",\"yes_dollars_fp\":[")
            FALL;
        case SNAPSHOT_NO_FP:
            GUESS(snapshot_field, SNAPSHOT_NO_FP, ",\"no_dollars_fp\":[")
            break;
        default:
            break;
        }
        struct text key;
        p = scan_key(s, p, first, &key);
        if (p == NULL || key.p == NULL) {
            return p == NULL ? NULL : snapshot_end(s, p, m);
        }
        first = false;
        unsigned field = FIND_NAME(snapshot_names, key, SNAPSHOT_SKIP);
        p = snapshot_field(s, p, field, m);
        if (p == NULL) {
            return NULL;
        }
        next = field + 1;
    }
}

const char *decode_snapshot(struct scan *s, const char *p, struct wire_decoder *d,
                            struct wire_msg *ret)
{
    struct snapshot m = {.d = d, .out = &ret->u.snapshot, .ts_ms = &ret->ts_ms};
    m.side[SIDE_YES].levels = d->levels;
    m.side[SIDE_NO].levels = d->levels;
    return snapshot_object(s, p, &m);
}
