/*
 * frame_hot.c - the hot messages through jansson: the slow twin that the hot decoder is held
 * against. The rules are those at the top of decode.c; the differences are listed in
 * tests/fuzz/README.md.
 */
#include <stdlib.h>

#include "wire/frame.h"
#include "wire/json.h"
#include "wire/value.h"

struct frame_doc {
    json_t *root;
};

void frame_doc_free(struct frame_doc *doc)
{
    if (doc != NULL) {
        json_decref(doc->root);
        free(doc);
    }
}

static bool borrow(struct reader *r, const char *key, enum need need, struct text *ret)
{
    const json_t *v = reader_value(r, key, need);
    if (v == NULL) {
        return false;
    }
    if (!json_is_string(v)) {
        reader_fault(r, key, "not a string");
        return false;
    }
    *ret = (struct text){json_string_value(v), json_string_length(v)};
    return true;
}

/* An integer from -max to max, times unit. */
static bool legacy(struct reader *r, const char *key, int64_t max, int64_t unit, int64_t *ret)
{
    int64_t v;
    if (!reader_int(r, key, OPTIONAL, &v)) {
        return false;
    }
    if (v < -max || v > max) {
        reader_fault(r, key, "out of range");
        return false;
    }
    *ret = v * unit;
    return true;
}

/* Text or legacy integer, one of them required, the text worth more; both are checked. */
static void price(struct reader *r, const char *key, const char *old, px_t *ret)
{
    px_t cents = 0;
    bool has_old = legacy(r, old, VALUE_CENTS_MAX, PX_CENT, &cents);
    if (!reader_px(r, key, has_old ? OPTIONAL : REQUIRED, ret)) {
        *ret = cents;
    }
}

static void count(struct reader *r, const char *key, const char *old, qty_t *ret)
{
    qty_t whole = 0;
    bool has_old = legacy(r, old, VALUE_COUNT_MAX, QTY_ONE, &whole);
    if (!reader_qty(r, key, has_old ? OPTIONAL : REQUIRED, ret)) {
        *ret = whole;
    }
}

static void time_ms(struct reader *r, const char *key, int64_t *ret)
{
    uint64_t v;
    if (reader_uint(r, key, OPTIONAL, &v)) {
        *ret = (int64_t)v;
    }
}

static void read_delta(struct reader *m, struct wire_msg *ret)
{
    struct wire_delta *d = &ret->u.delta;
    borrow(m, "market_ticker", REQUIRED, &d->ticker);
    borrow(m, "client_order_id", OPTIONAL, &d->client_id);
    price(m, "price_dollars", "price", &d->px);
    count(m, "delta_fp", "delta", &d->qty);
    reader_side(m, "side", REQUIRED, &d->side);
    time_ms(m, "ts_ms", &ret->ts_ms);
}

static void read_trade(struct reader *m, struct wire_msg *ret)
{
    struct wire_trade *t = &ret->u.trade;
    enum side old = SIDE_YES;
    borrow(m, "market_ticker", REQUIRED, &t->ticker);
    borrow(m, "trade_id", OPTIONAL, &t->trade_id);
    price(m, "yes_price_dollars", "yes_price", &t->yes_px);
    count(m, "count_fp", "count", &t->qty);
    bool has_old = reader_side(m, "taker_side", OPTIONAL, &old);
    if (!reader_side(m, "taker_outcome_side", has_old ? OPTIONAL : REQUIRED, &t->taker)) {
        t->taker = old;
    }
    reader_bool(m, "is_block_trade", OPTIONAL, &t->block);
    time_ms(m, "ts_ms", &ret->ts_ms);
}

static void read_outcome(struct reader *m, struct wire_fill *f)
{
    enum side purchased = SIDE_YES;
    enum side side = SIDE_YES;
    struct text action = {NULL, 0};
    bool has_purchased = reader_side(m, "purchased_side", OPTIONAL, &purchased);
    bool has_side = reader_side(m, "side", OPTIONAL, &side);
    bool has_action = borrow(m, "action", OPTIONAL, &action);
    if (reader_side(m, "outcome_side", OPTIONAL, &f->outcome)) {
        return;
    }
    if (has_purchased) {
        f->outcome = purchased;
    } else if (!has_side || !has_action) {
        reader_fault(m, "outcome_side", "missing");
    } else if (text_equal(action, TEXT("buy"))) {
        f->outcome = side;
    } else if (action.n >= 4 && memcmp(action.p, "sell", 4) == 0) {
        f->outcome = side_other(side);
    } else {
        reader_fault(m, "action", "neither buy nor sell");
    }
}

static void read_fill(struct reader *m, struct wire_msg *ret)
{
    struct wire_fill *f = &ret->u.fill;
    borrow(m, "trade_id", REQUIRED, &f->trade_id);
    borrow(m, "order_id", REQUIRED, &f->order_id);
    borrow(m, "client_order_id", OPTIONAL, &f->client_id);
    borrow(m, "market_ticker", REQUIRED, &f->ticker);
    reader_bool(m, "is_taker", REQUIRED, &f->is_taker);
    price(m, "yes_price_dollars", "yes_price", &f->yes_px);
    count(m, "count_fp", "count", &f->qty);
    f->has_fee = reader_usd(m, "fee_cost", OPTIONAL, &f->fee);
    read_outcome(m, f);
    qty_t whole = 0;
    bool has_old = legacy(m, "post_position", VALUE_COUNT_MAX, QTY_ONE, &whole);
    bool has_new = reader_qty(m, "post_position_fp", OPTIONAL, &f->post_position);
    f->has_post_position = has_old || has_new;
    if (!has_new) {
        f->post_position = whole;
    }
    reader_int32(m, "exchange_index", OPTIONAL, &f->exchange_index);
    reader_int32(m, "subaccount", OPTIONAL, &f->subaccount);
    time_ms(m, "ts_ms", &ret->ts_ms);
}

/* One number of a level: text, or a legacy integer. */
static bool level_number(const json_t *v, bool text, bool is_px, int64_t *ret)
{
    if (text) {
        return json_is_string(v) &&
               (is_px ? px_parse(json_string_value(v), json_string_length(v), ret)
                      : qty_parse(json_string_value(v), json_string_length(v), ret)) == ST_OK;
    }
    int64_t max = is_px ? VALUE_CENTS_MAX : VALUE_COUNT_MAX;
    if (!json_is_integer(v) || json_integer_value(v) < -max || json_integer_value(v) > max) {
        return false;
    }
    *ret = json_integer_value(v) * (is_px ? PX_CENT : QTY_ONE);
    return true;
}

struct scratch {
    struct wire_decoder *d;
    uint32_t used;
    bool over;
};

/* The best list of a side: keys are its three names, best first. */
static uint32_t read_list(struct reader *m, const char *const keys[3], struct scratch *s,
                          const struct level **ret)
{
    *ret = s->d->levels + s->used;
    const json_t *list = NULL;
    int form = 0;
    for (; form < 3 && list == NULL; form++) {
        list = reader_value(m, keys[form], OPTIONAL);
    }
    if (list == NULL) {
        return 0;
    }
    form--;
    if (!json_is_array(list)) {
        reader_fault(m, keys[form], "not an array");
        return 0;
    }
    uint32_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        struct level level;
        if (json_array_size(pair) != 2 ||
            !level_number(json_array_get(pair, 0), form < 2, true, &level.px) ||
            !level_number(json_array_get(pair, 1), form < 1, false, &level.qty)) {
            reader_fault(m, keys[form], "not a list of levels");
            return 0;
        }
        if (s->used < s->d->cap) {
            s->d->levels[s->used++] = level;
            n++;
        } else {
            s->over = true;
        }
    }
    return n;
}

static enum status read_snapshot(struct reader *m, struct wire_decoder *d, struct wire_msg *ret)
{
    static const char *const yes[] = {"yes_dollars_fp", "yes_dollars", "yes"};
    static const char *const no[] = {"no_dollars_fp", "no_dollars", "no"};
    struct wire_snapshot *s = &ret->u.snapshot;
    struct scratch scratch = {.d = d};
    borrow(m, "market_ticker", REQUIRED, &s->ticker);
    s->n_yes = read_list(m, yes, &scratch, &s->yes);
    s->n_no = read_list(m, no, &scratch, &s->no);
    time_ms(m, "ts_ms", &ret->ts_ms);
    if (m->st != ST_OK) {
        return m->st;
    }
    return scratch.over ? ST_LIMIT : ST_OK;
}

static enum wire_type type_of(struct text t)
{
    return text_equal(t, TEXT("orderbook_delta"))      ? WIRE_DELTA
           : text_equal(t, TEXT("orderbook_snapshot")) ? WIRE_SNAPSHOT
           : text_equal(t, TEXT("trade"))              ? WIRE_TRADE
           : text_equal(t, TEXT("fill"))               ? WIRE_FILL
                                                       : WIRE_OTHER;
}

static enum status read_message(struct wire_decoder *d, const json_t *root, struct wire_msg *ret)
{
    struct reader r = reader_of(root, "message", NULL);
    struct text type = {NULL, 0};
    borrow(&r, "type", REQUIRED, &type);
    ret->type = type_of(type);
    reader_uint(&r, "sid", OPTIONAL, &ret->sid);
    reader_uint(&r, "seq", OPTIONAL, &ret->seq);
    reader_uint(&r, "id", OPTIONAL, &ret->id);
    time_ms(&r, "sending_ts_ms", &ret->sending_ts_ms);
    if (r.st != ST_OK || ret->type == WIRE_OTHER) {
        return r.st;
    }
    struct reader m = reader_of(json_object_get(root, "msg"), "msg", NULL);
    if (m.st != ST_OK) {
        return m.st;
    }
    switch (ret->type) {
    case WIRE_SNAPSHOT:
        return read_snapshot(&m, d, ret);
    case WIRE_DELTA:
        read_delta(&m, ret);
        break;
    case WIRE_TRADE:
        read_trade(&m, ret);
        break;
    case WIRE_FILL:
        read_fill(&m, ret);
        break;
    case WIRE_OTHER:
    default:
        break;
    }
    return m.st;
}

enum status frame_decode_hot(struct wire_decoder *d, const char *s, size_t n, struct wire_msg *ret,
                             struct frame_doc **ret_doc)
{
    struct frame_doc *doc = calloc(1, sizeof *doc);
    if (doc == NULL) {
        return ST_NOMEM;
    }
    /* No JSON has a NUL byte, but jansson 2.14 steps over one that follows a number. */
    if (memchr(s, '\0', n) == NULL) {
        doc->root = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    }
    memset(ret, 0, sizeof *ret);
    enum status st = doc->root != NULL ? read_message(d, doc->root, ret) : ST_MALFORMED;
    if (st != ST_OK) {
        frame_doc_free(doc);
        return st;
    }
    *ret_doc = doc;
    return ST_OK;
}
