#include "wire/frame.h"

#include "wire/json.h"

static void read_subscribed(struct reader *m, struct frame *f)
{
    reader_text(m, "channel", REQUIRED, f->channel, sizeof f->channel);
    reader_uint(m, "sid", REQUIRED, &f->sid);
}

static void read_error(struct reader *m, struct frame *f)
{
    int32_t code = 0;
    reader_int32(m, "code", REQUIRED, &code);
    f->error_code = code;
    reader_text_cut(m, "msg", f->text, sizeof f->text);
}

static void read_user_order(struct reader *m, struct frame *f)
{
    reader_text(m, "order_id", REQUIRED, f->order_id, sizeof f->order_id);
    reader_text(m, "ticker", REQUIRED, f->ticker, sizeof f->ticker);
    reader_text(m, "client_order_id", OPTIONAL, f->client_id, sizeof f->client_id);
    reader_text(m, "status", REQUIRED, f->status, sizeof f->status);
    reader_text(m, "last_update_reason", OPTIONAL, f->reason, sizeof f->reason);
    if (!reader_side(m, "outcome_side", OPTIONAL, &f->outcome)) {
        /* Before 2026-05-06 there was only the outcome's old name. */
        reader_side(m, "side", REQUIRED, &f->outcome);
    }
    reader_px(m, "yes_price_dollars", REQUIRED, &f->yes_px);
    reader_qty(m, "initial_count_fp", REQUIRED, &f->initial);
    reader_qty(m, "fill_count_fp", REQUIRED, &f->filled);
    reader_qty(m, "remaining_count_fp", REQUIRED, &f->remaining);
    reader_usd(m, "taker_fill_cost_dollars", OPTIONAL, &f->taker_cost);
    reader_usd(m, "maker_fill_cost_dollars", OPTIONAL, &f->maker_cost);
    reader_usd(m, "taker_fees_dollars", OPTIONAL, &f->taker_fees);
    reader_usd(m, "maker_fees_dollars", OPTIONAL, &f->maker_fees);
    reader_int(m, "created_ts_ms", OPTIONAL, &f->created_ms);
    reader_int(m, "last_updated_ts_ms", OPTIONAL, &f->updated_ms);
    reader_int32(m, "exchange_index", OPTIONAL, &f->exchange_index);
    reader_int32(m, "subaccount_number", OPTIONAL, &f->subaccount);
    f->ts_ms = f->updated_ms != 0 ? f->updated_ms : f->created_ms;
}

/* Money as text, or as the old integer of 1e-4 USD. */
static void money_or_centicents(struct reader *m, const char *key, const char *old, usd_t *ret)
{
    if (!reader_usd(m, key, OPTIONAL, ret)) {
        reader_units(m, old, OPTIONAL, 100, ret);
    }
}

static void read_market_position(struct reader *m, struct frame *f)
{
    reader_text(m, "market_ticker", REQUIRED, f->ticker, sizeof f->ticker);
    if (!reader_qty(m, "position_fp", OPTIONAL, &f->position)) {
        reader_units(m, "position", REQUIRED, QTY_ONE, &f->position);
    }
    money_or_centicents(m, "position_cost_dollars", "position_cost", &f->position_cost);
    money_or_centicents(m, "realized_pnl_dollars", "realized_pnl", &f->realized);
    money_or_centicents(m, "fees_paid_dollars", "fees_paid", &f->fees_paid);
    reader_int32(m, "subaccount", OPTIONAL, &f->subaccount);
}

static void read_lifecycle(struct reader *m, struct frame *f)
{
    reader_text(m, "market_ticker", REQUIRED, f->ticker, sizeof f->ticker);
    reader_text(m, "event_type", REQUIRED, f->event_type, sizeof f->event_type);
    reader_int(m, "close_ts", OPTIONAL, &f->close_ts);
    reader_int32(m, "exchange_index", OPTIONAL, &f->exchange_index);
    f->has_grid = reader_grid(m, "price_ranges", OPTIONAL, &f->grid);
    reader_text(m, "result", OPTIONAL, f->result, sizeof f->result);
    f->has_settlement = reader_px(m, "settlement_value", OPTIONAL, &f->settlement_px);
}

static void read_event_fee(struct reader *m, struct frame *f)
{
    reader_text(m, "event_ticker", REQUIRED, f->ticker, sizeof f->ticker);
    reader_text(m, "fee_type_override", OPTIONAL, f->fee_type, sizeof f->fee_type);
    f->fee_mult_micros = 1000000;
    reader_micros(m, "fee_multiplier_override", OPTIONAL, &f->fee_mult_micros);
}

static void read_ticker(struct reader *m, struct frame *f)
{
    reader_text(m, "market_ticker", REQUIRED, f->ticker, sizeof f->ticker);
    if (!reader_px(m, "price_dollars", OPTIONAL, &f->yes_px)) {
        reader_units(m, "price", OPTIONAL, PX_CENT, &f->yes_px);
    }
    reader_int(m, "ts_ms", OPTIONAL, &f->ts_ms);
}

static void read_group(struct reader *m, struct frame *f)
{
    reader_text(m, "event_type", REQUIRED, f->event_type, sizeof f->event_type);
    reader_text(m, "order_group_id", REQUIRED, f->order_id, sizeof f->order_id);
    reader_qty(m, "contracts_limit_fp", OPTIONAL, &f->initial);
    reader_int(m, "ts_ms", OPTIONAL, &f->ts_ms);
}

typedef void (*read_fn)(struct reader *m, struct frame *f);

struct kind {
    const char *name;
    enum frame_type type;
    read_fn read; /* NULL: nothing in msg is needed, it may be absent */
};

static const struct kind kinds[] = {
    {"subscribed", FRAME_SUBSCRIBED, read_subscribed},
    {"ok", FRAME_OK, NULL},
    {"unsubscribed", FRAME_UNSUBSCRIBED, NULL},
    {"error", FRAME_ERROR, read_error},
    {"user_order", FRAME_USER_ORDER, read_user_order},
    {"market_position", FRAME_MARKET_POSITION, read_market_position},
    {"market_lifecycle_v2", FRAME_LIFECYCLE, read_lifecycle},
    {"event_fee_update", FRAME_EVENT_FEE, read_event_fee},
    {"ticker", FRAME_TICKER, read_ticker},
    {"order_group_updates", FRAME_GROUP, read_group},
};

static const struct kind *kind_of(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, type) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static enum status read_frame(const json_t *root, struct frame *f, struct err *err)
{
    struct reader r = reader_of(root, "frame", err);
    const json_t *type = reader_value(&r, "type", REQUIRED);
    if (r.st != ST_OK) {
        return r.st;
    }
    if (!json_is_string(type)) {
        return err_set(err, ST_MALFORMED, "frame: type: not a string");
    }
    const struct kind *kind = kind_of(json_string_value(type));
    reader_uint(&r, "id", OPTIONAL, &f->id);
    reader_uint(&r, "sid", OPTIONAL, &f->sid);
    reader_uint(&r, "seq", OPTIONAL, &f->seq);
    if (r.st != ST_OK) {
        return r.st;
    }
    if (kind == NULL) {
        text_cut(f->text, sizeof f->text,
                 (struct text){json_string_value(type), json_string_length(type)});
        return ST_OK;
    }
    f->type = kind->type;
    if (kind->read == NULL) {
        return ST_OK;
    }
    struct reader m = reader_of(json_object_get(root, "msg"), kind->name, err);
    if (m.st == ST_OK) {
        kind->read(&m, f);
    }
    return m.st;
}

enum status frame_decode(const char *s, size_t n, struct frame *ret, struct err *err)
{
    json_t *root = reader_parse(s, n, "frame", err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    struct frame f;
    memset(&f, 0, sizeof f);
    enum status st = read_frame(root, &f, err);
    json_decref(root);
    if (st == ST_OK) {
        *ret = f;
    }
    return st;
}
