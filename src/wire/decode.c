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

#include "wire/value.h"

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

/* --- keys --- */

struct name {
    const char *p;
    uint8_t n;
    uint8_t field;
};

#define NAME(text, field)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, field                                                              \
    }

/* The field of a key, last when there is none. */
static unsigned find_name(const struct name *names, size_t n, struct text key, unsigned last)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].n == key.n && memcmp(names[i].p, key.p, key.n) == 0) {
            return names[i].field;
        }
    }
    return last;
}
#define FIND_NAME(names, key, last) find_name((names), sizeof(names) / sizeof(names)[0], key, last)

#define BIT(field) (1U << (field))

/* Marks a field as read; false when it was before. */
SCAN_INLINE bool once(uint32_t *seen, unsigned field)
{
    bool fresh = (*seen & BIT(field)) == 0;
    *seen |= BIT(field);
    return fresh;
}

/* Skips a null. */
static const char *absent(struct scan *s, const char *p, uint32_t *seen, unsigned field)
{
    *seen &= ~BIT(field);
    return scan_word(s, p, "null");
}

#define HAS(m, field) (((m)->seen & BIT(field)) != 0)

/*
 * GUESS: literal comes next and holds the key of field, whose value is read by the walker's field
 * function. The literal ends with the value's first byte, so that no white space can stand between.
 * A wrong guess leaves the switch around it, to the general way. GUESS_NUMBER: the same with a
 * literal that ends before a number. GUESS_SKIP: a string that nobody
 * needs, usually of that length.
 */
#define GUESS(function, field, literal)                                                            \
    if (!SCAN_IS(s, p, literal)) {                                                                 \
        break;                                                                                     \
    }                                                                                              \
    p = function(s, p + sizeof(literal) - 2, (field), m);                                          \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define GUESS_NUMBER(function, field, literal)                                                     \
    if (!SCAN_IS(s, p, literal) || !scan_digit(s, p + sizeof(literal) - 1)) {                      \
        break;                                                                                     \
    }                                                                                              \
    p = function(s, p + sizeof(literal) - 1, (field), m);                                          \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define GUESS_SKIP(literal, length)                                                                \
    if (!SCAN_IS(s, p, literal)) {                                                                 \
        break;                                                                                     \
    }                                                                                              \
    p = skip_text(s, p + sizeof(literal) - 1, (length));                                           \
    if (p == NULL) {                                                                               \
        return NULL;                                                                               \
    }
#define FALL __attribute__((fallthrough))

/*
 * Skip a string whose usual length is known. Finding the quote by its mask would make every byte
 * after it wait for the load; a comparison with the guess lets the processor go on at once.
 */
SCAN_INLINE const char *skip_text(struct scan *s, const char *p, unsigned usual)
{
    if (scan_likely(s->end - p >= 48)) {
        uint64_t odd =
            scan_odd(p) | (uint64_t)scan_odd(p + 16) << 16 | (uint64_t)scan_odd(p + 32) << 32;
        uint64_t quote = UINT64_C(1) << usual;
        if (scan_likely((odd & (2 * quote - 1)) == quote && p[usual] == '"')) {
            return p + usual + 1;
        }
    }
    bool escaped;
    p = scan_string(s, p, &escaped);
    return p != NULL ? p + 1 : NULL;
}

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

static const char *read_delta(struct scan *s, const char *p, struct wire_msg *ret)
{
    ret->u.delta.client_id = (struct text){NULL, 0};
    struct delta m = {.out = &ret->u.delta, .ts_ms = &ret->ts_ms};
    return delta_object(s, p, &m);
}

/* --- trade --- */

enum trade_field {
    TRADE_ID,
    TRADE_TICKER,
    TRADE_PX,
    TRADE_NO_PX,
    TRADE_QTY,
    TRADE_SIDE,
    TRADE_OUTCOME,
    TRADE_BOOK_SIDE,
    TRADE_BLOCK,
    TRADE_TS,
    TRADE_TS_MS,
    TRADE_CENTS,
    TRADE_COUNT,
    TRADE_SKIP
};

static const struct name trade_names[] = {
    NAME("trade_id", TRADE_ID),
    NAME("market_ticker", TRADE_TICKER),
    NAME("yes_price_dollars", TRADE_PX),
    NAME("no_price_dollars", TRADE_NO_PX),
    NAME("count_fp", TRADE_QTY),
    NAME("taker_side", TRADE_SIDE),
    NAME("taker_outcome_side", TRADE_OUTCOME),
    NAME("taker_book_side", TRADE_BOOK_SIDE),
    NAME("is_block_trade", TRADE_BLOCK),
    NAME("ts", TRADE_TS),
    NAME("ts_ms", TRADE_TS_MS),
    NAME("yes_price", TRADE_CENTS),
    NAME("count", TRADE_COUNT),
};

struct trade {
    struct wire_trade *out;
    int64_t *ts_ms;
    px_t cents;
    qty_t count;
    enum side side, outcome;
    uint32_t seen;
};

SCAN_INLINE const char *trade_field(struct scan *s, const char *p, unsigned field, struct trade *m)
{
    if (field == TRADE_SKIP || field == TRADE_NO_PX || field == TRADE_BOOK_SIDE ||
        field == TRADE_TS) {
        return scan_value(s, p);
    }
    if (!once(&m->seen, field)) {
        return scan_refuse(s, p);
    }
    if (p < s->end && *p == 'n') {
        return absent(s, p, &m->seen, field);
    }
    switch (field) {
    case TRADE_ID:
        return value_text(s, p, &m->out->trade_id);
    case TRADE_TICKER:
        return value_text(s, p, &m->out->ticker);
    case TRADE_PX:
        return value_px(s, p, &m->out->yes_px);
    case TRADE_QTY:
        return value_qty(s, p, &m->out->qty);
    case TRADE_SIDE:
        return value_side(s, p, &m->side);
    case TRADE_OUTCOME:
        return value_side(s, p, &m->outcome);
    case TRADE_BLOCK:
        return value_bool(s, p, &m->out->block);
    case TRADE_TS_MS:
        return value_uint(s, p, m->ts_ms);
    case TRADE_CENTS:
        return value_cents(s, p, &m->cents);
    default:
        return value_count(s, p, &m->count);
    }
}

static const char *trade_end(struct scan *s, const char *p, struct trade *m)
{
    if (!HAS(m, TRADE_PX)) {
        m->out->yes_px = m->cents;
    }
    if (!HAS(m, TRADE_QTY)) {
        m->out->qty = m->count;
    }
    m->out->taker = HAS(m, TRADE_OUTCOME) ? m->outcome : m->side;
    bool whole = (m->seen & (BIT(TRADE_PX) | BIT(TRADE_CENTS))) != 0 &&
                 (m->seen & (BIT(TRADE_QTY) | BIT(TRADE_COUNT))) != 0 &&
                 (m->seen & (BIT(TRADE_OUTCOME) | BIT(TRADE_SIDE))) != 0 && HAS(m, TRADE_TICKER);
    return scan_likely(whole) ? p : scan_refuse(s, p - 1);
}

static const char *trade_object(struct scan *s, const char *p, struct trade *m)
{
    bool first = true;
    unsigned next = TRADE_ID;
    for (;;) {
        switch (next) {
        case TRADE_ID:
            GUESS(trade_field, TRADE_ID, "{\"trade_id\":\"")
            first = false;
            FALL;
        case TRADE_TICKER:
            GUESS(trade_field, TRADE_TICKER, ",\"market_ticker\":\"")
            FALL;
        case TRADE_PX:
            GUESS(trade_field, TRADE_PX, ",\"yes_price_dollars\":\"")
            FALL;
        case TRADE_NO_PX:
            GUESS_SKIP(",\"no_price_dollars\":\"", 6)
            FALL;
        case TRADE_QTY:
            GUESS(trade_field, TRADE_QTY, ",\"count_fp\":\"")
            FALL;
        case TRADE_SIDE:
            GUESS(trade_field, TRADE_SIDE, ",\"taker_side\":\"")
            FALL;
        case TRADE_OUTCOME:
            GUESS(trade_field, TRADE_OUTCOME, ",\"taker_outcome_side\":\"")
            FALL;
        case TRADE_BOOK_SIDE:
            GUESS_SKIP(",\"taker_book_side\":\"", 3)
            break;
        case TRADE_BLOCK + 1: /* the flag has come the general way */
            GUESS_NUMBER(trade_field, TRADE_TS, ",\"ts\":")
            FALL;
        case TRADE_TS_MS:
            GUESS_NUMBER(trade_field, TRADE_TS_MS, ",\"ts_ms\":")
            break;
        default:
            break;
        }
        if (!first && p < s->end && *p == '}') {
            return trade_end(s, p + 1, m);
        }
        struct text key;
        p = scan_key(s, p, first, &key);
        if (p == NULL || key.p == NULL) {
            return p == NULL ? NULL : trade_end(s, p, m);
        }
        first = false;
        unsigned field = FIND_NAME(trade_names, key, TRADE_SKIP);
        p = trade_field(s, p, field, m);
        if (p == NULL) {
            return NULL;
        }
        next = field + 1;
    }
}

static const char *read_trade(struct scan *s, const char *p, struct wire_msg *ret)
{
    ret->u.trade.trade_id = (struct text){NULL, 0};
    ret->u.trade.block = false;
    struct trade m = {.out = &ret->u.trade, .ts_ms = &ret->ts_ms};
    return trade_object(s, p, &m);
}

/* --- fill: not guessed, there are few of them --- */

enum fill_field {
    FILL_TRADE_ID,
    FILL_ORDER_ID,
    FILL_CLIENT_ID,
    FILL_TICKER,
    FILL_TAKER,
    FILL_PX,
    FILL_QTY,
    FILL_FEE,
    FILL_OUTCOME,
    FILL_PURCHASED,
    FILL_SIDE,
    FILL_ACTION,
    FILL_POST,
    FILL_EXCHANGE,
    FILL_SUBACCOUNT,
    FILL_TS_MS,
    FILL_CENTS,
    FILL_COUNT,
    FILL_POST_COUNT,
    FILL_SKIP
};

static const struct name fill_names[] = {
    NAME("trade_id", FILL_TRADE_ID),
    NAME("order_id", FILL_ORDER_ID),
    NAME("client_order_id", FILL_CLIENT_ID),
    NAME("market_ticker", FILL_TICKER),
    NAME("is_taker", FILL_TAKER),
    NAME("yes_price_dollars", FILL_PX),
    NAME("count_fp", FILL_QTY),
    NAME("fee_cost", FILL_FEE),
    NAME("outcome_side", FILL_OUTCOME),
    NAME("purchased_side", FILL_PURCHASED),
    NAME("side", FILL_SIDE),
    NAME("action", FILL_ACTION),
    NAME("post_position_fp", FILL_POST),
    NAME("exchange_index", FILL_EXCHANGE),
    NAME("subaccount", FILL_SUBACCOUNT),
    NAME("ts_ms", FILL_TS_MS),
    NAME("yes_price", FILL_CENTS),
    NAME("count", FILL_COUNT),
    NAME("post_position", FILL_POST_COUNT),
};

struct fill {
    struct wire_fill *out;
    int64_t *ts_ms;
    px_t cents;
    qty_t count, post_count;
    enum side outcome, purchased, side;
    struct text action;
    uint32_t seen;
};

static const char *fill_field(struct scan *s, const char *p, unsigned field, struct fill *m)
{
    if (field == FILL_SKIP) {
        return scan_value(s, p);
    }
    if (!once(&m->seen, field)) {
        return scan_refuse(s, p);
    }
    if (p < s->end && *p == 'n') {
        return absent(s, p, &m->seen, field);
    }
    switch (field) {
    case FILL_TRADE_ID:
        return value_text(s, p, &m->out->trade_id);
    case FILL_ORDER_ID:
        return value_text(s, p, &m->out->order_id);
    case FILL_CLIENT_ID:
        return value_text(s, p, &m->out->client_id);
    case FILL_TICKER:
        return value_text(s, p, &m->out->ticker);
    case FILL_TAKER:
        return value_bool(s, p, &m->out->is_taker);
    case FILL_PX:
        return value_px(s, p, &m->out->yes_px);
    case FILL_QTY:
        return value_qty(s, p, &m->out->qty);
    case FILL_FEE:
        return value_usd(s, p, &m->out->fee);
    case FILL_OUTCOME:
        return value_side(s, p, &m->outcome);
    case FILL_PURCHASED:
        return value_side(s, p, &m->purchased);
    case FILL_SIDE:
        return value_side(s, p, &m->side);
    case FILL_ACTION:
        return value_text(s, p, &m->action);
    case FILL_POST:
        return value_qty(s, p, &m->out->post_position);
    case FILL_EXCHANGE:
        return value_int32(s, p, &m->out->exchange_index);
    case FILL_SUBACCOUNT:
        return value_int32(s, p, &m->out->subaccount);
    case FILL_TS_MS:
        return value_uint(s, p, m->ts_ms);
    case FILL_CENTS:
        return value_cents(s, p, &m->cents);
    case FILL_COUNT:
        return value_count(s, p, &m->count);
    default:
        return value_count(s, p, &m->post_count);
    }
}

/* Which outcome the fill acquired; selling one outcome is acquiring the other. */
static bool fill_outcome(const struct fill *m, enum side *ret)
{
    if (HAS(m, FILL_OUTCOME) || HAS(m, FILL_PURCHASED)) {
        *ret = HAS(m, FILL_OUTCOME) ? m->outcome : m->purchased;
        return true;
    }
    if (!HAS(m, FILL_SIDE) || !HAS(m, FILL_ACTION)) {
        return false;
    }
    if (text_equal(m->action, TEXT("buy"))) {
        *ret = m->side;
        return true;
    }
    *ret = side_other(m->side);
    return m->action.n >= 4 && memcmp(m->action.p, "sell", 4) == 0;
}

static const char *fill_end(struct scan *s, const char *p, struct fill *m)
{
    struct wire_fill *f = m->out;
    if (!HAS(m, FILL_PX)) {
        f->yes_px = m->cents;
    }
    if (!HAS(m, FILL_QTY)) {
        f->qty = m->count;
    }
    if (!HAS(m, FILL_POST)) {
        f->post_position = m->post_count;
    }
    f->has_post_position = HAS(m, FILL_POST) || HAS(m, FILL_POST_COUNT);
    f->has_fee = HAS(m, FILL_FEE);
    bool whole = HAS(m, FILL_TRADE_ID) && HAS(m, FILL_ORDER_ID) && HAS(m, FILL_TICKER) &&
                 HAS(m, FILL_TAKER) && (HAS(m, FILL_PX) || HAS(m, FILL_CENTS)) &&
                 (HAS(m, FILL_QTY) || HAS(m, FILL_COUNT)) && fill_outcome(m, &f->outcome);
    return whole ? p : scan_refuse(s, p - 1);
}

static const char *read_fill(struct scan *s, const char *p, struct wire_msg *ret)
{
    memset(&ret->u.fill, 0, sizeof ret->u.fill);
    struct fill m = {.out = &ret->u.fill, .ts_ms = &ret->ts_ms};
    for (bool first = true;; first = false) {
        struct text key;
        p = scan_key(s, p, first, &key);
        if (p == NULL || key.p == NULL) {
            return p == NULL ? NULL : fill_end(s, p, &m);
        }
        p = fill_field(s, p, FIND_NAME(fill_names, key, FILL_SKIP), &m);
        if (p == NULL) {
            return NULL;
        }
    }
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

static const char *read_snapshot(struct scan *s, const char *p, struct wire_decoder *d,
                                 struct wire_msg *ret)
{
    struct snapshot m = {.d = d, .out = &ret->u.snapshot, .ts_ms = &ret->ts_ms};
    m.side[SIDE_YES].levels = d->levels;
    m.side[SIDE_NO].levels = d->levels;
    return snapshot_object(s, p, &m);
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
        return read_delta(s, p, m->out);
    case WIRE_SNAPSHOT:
        return read_snapshot(s, p, m->d, m->out);
    case WIRE_TRADE:
        return read_trade(s, p, m->out);
    case WIRE_FILL:
        return read_fill(s, p, m->out);
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
