/* decode_trade.c - trade and fill; see decode.c. */
#include "wire/decode_int.h"

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

const char *decode_trade(struct scan *s, const char *p, struct wire_msg *ret)
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

const char *decode_fill(struct scan *s, const char *p, struct wire_msg *ret)
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
