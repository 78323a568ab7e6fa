/*
 * rest_rows.c - lists of the REST API, row by row, and the same rows alone.
 */
#include "wire/json.h"
#include "wire/rest.h"

/*
 * Money as text. An older server printed "" for a sum of nothing, and integers of old_unit under
 * the key without "_dollars".
 */
static void read_money(struct reader *r, const char *key, const char *old, int64_t old_unit,
                       usd_t *ret)
{
    const json_t *v = reader_value(r, key, OPTIONAL);
    if (v != NULL && !(json_is_string(v) && json_string_length(v) == 0)) {
        reader_usd(r, key, REQUIRED, ret);
    } else if (old != NULL) {
        reader_units(r, old, OPTIONAL, old_unit, ret);
    }
}

static void read_count(struct reader *r, const char *key, const char *old, qty_t *ret)
{
    if (!reader_qty(r, key, OPTIONAL, ret)) {
        reader_units(r, old, REQUIRED, QTY_ONE, ret);
    }
}

static void read_price(struct reader *r, px_t *ret)
{
    if (!reader_px(r, "yes_price_dollars", OPTIONAL, ret)) {
        reader_units(r, "yes_price", REQUIRED, PX_CENT, ret);
    }
}

/* outcome_side, or before 2026-05-06 side and action: selling one outcome acquires the other. */
static void read_outcome(struct reader *r, enum side *ret)
{
    if (reader_side(r, "outcome_side", OPTIONAL, ret)) {
        return;
    }
    char action[24] = "";
    reader_text(r, "action", REQUIRED, action, sizeof action);
    if (reader_side(r, "side", REQUIRED, ret) && strncmp(action, "sell", 4) == 0) {
        *ret = side_other(*ret);
    }
}

/* Rows of this program's four kinds; memset by the caller of read_row. */
static void read_order_row(struct reader *r, void *row)
{
    struct rest_order *o = row;
    reader_text(r, "order_id", REQUIRED, o->order_id, sizeof o->order_id);
    reader_text(r, "client_order_id", OPTIONAL, o->client_id, sizeof o->client_id);
    reader_text(r, "ticker", REQUIRED, o->ticker, sizeof o->ticker);
    reader_text(r, "status", REQUIRED, o->status, sizeof o->status);
    read_outcome(r, &o->outcome);
    read_price(r, &o->yes_px);
    read_count(r, "initial_count_fp", "initial_count", &o->initial);
    read_count(r, "fill_count_fp", "fill_count", &o->filled);
    read_count(r, "remaining_count_fp", "remaining_count", &o->remaining);
    read_money(r, "taker_fill_cost_dollars", "taker_fill_cost", USD_ONE / 100, &o->taker_cost);
    read_money(r, "maker_fill_cost_dollars", "maker_fill_cost", USD_ONE / 100, &o->maker_cost);
    read_money(r, "taker_fees_dollars", "taker_fees", USD_ONE / 100, &o->taker_fees);
    read_money(r, "maker_fees_dollars", "maker_fees", USD_ONE / 100, &o->maker_fees);
    reader_time(r, "created_time", OPTIONAL, &o->created);
    reader_time(r, "last_update_time", OPTIONAL, &o->updated);
    reader_int32(r, "subaccount_number", OPTIONAL, &o->subaccount);
    reader_int32(r, "exchange_index", OPTIONAL, &o->exchange_index);
}

static void read_fill_row(struct reader *r, void *row)
{
    struct rest_fill *f = row;
    reader_text(r, "trade_id", REQUIRED, f->trade_id, sizeof f->trade_id);
    reader_text(r, "order_id", REQUIRED, f->order_id, sizeof f->order_id);
    if (!reader_text(r, "ticker", OPTIONAL, f->ticker, sizeof f->ticker)) {
        reader_text(r, "market_ticker", REQUIRED, f->ticker, sizeof f->ticker);
    }
    read_outcome(r, &f->outcome);
    reader_bool(r, "is_taker", REQUIRED, &f->is_taker);
    read_price(r, &f->yes_px);
    read_count(r, "count_fp", "count", &f->qty);
    read_money(r, "fee_cost", NULL, 0, &f->fee);
    reader_time(r, "created_time", OPTIONAL, &f->created);
    reader_int32(r, "subaccount_number", OPTIONAL, &f->subaccount);
    reader_int32(r, "exchange_index", OPTIONAL, &f->exchange_index);
}

static void read_position_row(struct reader *r, void *row)
{
    struct rest_position *p = row;
    reader_text(r, "ticker", REQUIRED, p->ticker, sizeof p->ticker);
    read_count(r, "position_fp", "position", &p->position);
    read_money(r, "market_exposure_dollars", "market_exposure", USD_ONE / 100, &p->exposure);
    read_money(r, "realized_pnl_dollars", "realized_pnl", USD_ONE / 100, &p->realized);
    read_money(r, "fees_paid_dollars", "fees_paid", USD_ONE / 100, &p->fees);
}

static void read_market_row(struct reader *r, void *row)
{
    struct rest_market *m = row;
    reader_text(r, "ticker", REQUIRED, m->ticker, sizeof m->ticker);
    reader_text(r, "event_ticker", OPTIONAL, m->event_ticker, sizeof m->event_ticker);
    reader_text(r, "status", REQUIRED, m->status, sizeof m->status);
    reader_text(r, "price_level_structure", OPTIONAL, m->structure, sizeof m->structure);
    reader_text(r, "result", OPTIONAL, m->result, sizeof m->result);
    m->has_settlement = reader_px(r, "settlement_value_dollars", OPTIONAL, &m->settlement_px);
    m->has_grid = reader_grid(r, "price_ranges", OPTIONAL, &m->grid);
    if (!m->has_grid && r->st == ST_OK) {
        m->has_grid = grid_named(&m->grid, m->structure) == ST_OK;
    }
    reader_time(r, "open_time", OPTIONAL, &m->open_time);
    reader_time(r, "close_time", OPTIONAL, &m->close_time);
    reader_time(r, "fee_waiver_expiration_time", OPTIONAL, &m->waived);
    reader_int32(r, "exchange_index", OPTIONAL, &m->exchange_index);
    if (!reader_qty(r, "volume_24h_fp", OPTIONAL, &m->volume_24h)) {
        reader_units(r, "volume_24h", OPTIONAL, QTY_ONE, &m->volume_24h);
    }
}

static void read_event_row(struct reader *r, void *row)
{
    struct rest_event *e = row;
    reader_text(r, "event_ticker", REQUIRED, e->ticker, sizeof e->ticker);
    reader_text(r, "series_ticker", OPTIONAL, e->series, sizeof e->series);
    reader_text(r, "fee_type_override", OPTIONAL, e->fee_type, sizeof e->fee_type);
    e->fee_mult_micros = 1000000;
    reader_micros(r, "fee_multiplier_override", OPTIONAL, &e->fee_mult_micros);
}

struct kind {
    const char *list, *one; /* the keys of a page's array and of a single row */
    void (*read)(struct reader *r, void *row);
    size_t size;
};

static const struct kind orders = {"orders", "order", read_order_row, sizeof(struct rest_order)};
static const struct kind fills = {"fills", NULL, read_fill_row, sizeof(struct rest_fill)};
static const struct kind positions = {"market_positions", NULL, read_position_row,
                                      sizeof(struct rest_position)};
static const struct kind markets = {"markets", "market", read_market_row,
                                    sizeof(struct rest_market)};
static const struct kind events = {"events", "event", read_event_row, sizeof(struct rest_event)};

union any_row {
    struct rest_order order;
    struct rest_fill fill;
    struct rest_position position;
    struct rest_market market;
    struct rest_event event;
};

static enum status read_row(const struct kind *kind, const json_t *object, const char *where,
                            union any_row *row, struct err *err)
{
    memset(row, 0, sizeof *row);
    struct reader r = reader_of(object, where, err);
    if (r.st == ST_OK) {
        kind->read(&r, row);
    }
    return r.st;
}

static enum status read_page(const struct kind *kind, const json_t *root, rest_row_fn on_row,
                             void *self, char *cursor, size_t cursor_cap, struct err *err)
{
    struct reader r = reader_of(root, kind->list, err);
    const json_t *list = json_object_get(root, kind->list);
    if (list == NULL || (!json_is_array(list) && !json_is_null(list))) {
        reader_fault(&r, kind->list, "not an array"); /* null: a list that was never made */
    }
    if (cursor_cap > 0 && !reader_text(&r, "cursor", OPTIONAL, cursor, cursor_cap)) {
        cursor[0] = '\0';
    }
    for (size_t i = 0; r.st == ST_OK && i < json_array_size(list); i++) {
        union any_row row;
        r.st = read_row(kind, json_array_get(list, i), kind->list, &row, err);
        if (r.st != ST_OK) {
            return err_prefix(err, r.st, "row %zu", i);
        }
        r.st = on_row(self, &row);
    }
    return r.st;
}

static enum status parse_page(const struct kind *kind, const char *s, size_t n, rest_row_fn on_row,
                              void *self, char *cursor, size_t cursor_cap, struct err *err)
{
    json_t *root = reader_parse(s, n, kind->list, err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    enum status st = read_page(kind, root, on_row, self, cursor, cursor_cap, err);
    json_decref(root);
    return st;
}

static enum status parse_one(const struct kind *kind, const char *s, size_t n, void *ret,
                             struct err *err)
{
    json_t *root = reader_parse(s, n, kind->one, err);
    if (root == NULL) {
        return ST_MALFORMED;
    }
    union any_row row;
    enum status st = read_row(kind, json_object_get(root, kind->one), kind->one, &row, err);
    json_decref(root);
    if (st == ST_OK) {
        memcpy(ret, &row, kind->size);
    }
    return st;
}

enum status rest_read_orders(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                             size_t cursor_cap, struct err *err)
{
    return parse_page(&orders, s, n, on_row, self, cursor, cursor_cap, err);
}

enum status rest_read_order(const char *s, size_t n, struct rest_order *ret, struct err *err)
{
    return parse_one(&orders, s, n, ret, err);
}

enum status rest_read_fills(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                            size_t cursor_cap, struct err *err)
{
    return parse_page(&fills, s, n, on_row, self, cursor, cursor_cap, err);
}

enum status rest_read_positions(const char *s, size_t n, rest_row_fn on_row, void *self,
                                char *cursor, size_t cursor_cap, struct err *err)
{
    return parse_page(&positions, s, n, on_row, self, cursor, cursor_cap, err);
}

enum status rest_read_markets(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                              size_t cursor_cap, struct err *err)
{
    return parse_page(&markets, s, n, on_row, self, cursor, cursor_cap, err);
}

enum status rest_read_events(const char *s, size_t n, rest_row_fn on_row, void *self, char *cursor,
                             size_t cursor_cap, struct err *err)
{
    return parse_page(&events, s, n, on_row, self, cursor, cursor_cap, err);
}

enum status rest_read_event(const char *s, size_t n, struct rest_event *ret, struct err *err)
{
    return parse_one(&events, s, n, ret, err);
}

enum status rest_read_market(const char *s, size_t n, struct rest_market *ret, struct err *err)
{
    return parse_one(&markets, s, n, ret, err);
}
