#include <string.h>

#include "exchange/exchange_int.h"

static bool copy(char *dst, size_t cap, const char *src)
{
    return text_copy(dst, cap, text_of(src));
}

static enum status add_row(struct page *page, const void *row)
{
    buf_add(&page->rows, row, page->row_size);
    page->n++;
    return page->rows.failed ? ST_LIMIT : ST_OK;
}

static void begin_rows(struct page *page, enum gw_row kind, size_t row_size)
{
    page->kind = kind;
    page->row_size = (uint32_t)row_size;
}

static int64_t to_ms(wall_ns_t t)
{
    return t / NS_PER_MS;
}

static uint32_t order_status(const char *s)
{
    if (strcmp(s, "resting") == 0) {
        return XORDER_RESTING;
    }
    if (strcmp(s, "canceled") == 0) {
        return XORDER_CANCELED;
    }
    return strcmp(s, "executed") == 0 ? XORDER_EXECUTED : XORDER_UNKNOWN;
}

static enum status on_order(void *self, const void *row)
{
    const struct rest_order *o = row;
    struct ev_user_order u;
    memset(&u, 0, sizeof u);
    u.yes_px = o->yes_px;
    u.initial = o->initial;
    u.filled = o->filled;
    u.remaining = o->remaining;
    u.taker_cost = o->taker_cost;
    u.maker_cost = o->maker_cost;
    u.taker_fees = o->taker_fees;
    u.maker_fees = o->maker_fees;
    u.created_ms = to_ms(o->created);
    u.updated_ms = to_ms(o->updated);
    u.status = order_status(o->status);
    u.outcome = o->outcome;
    u.exchange_index = o->exchange_index;
    u.subaccount = o->subaccount;
    if (!copy(u.ticker, sizeof u.ticker, o->ticker) ||
        !copy(u.order_id, sizeof u.order_id, o->order_id) ||
        !copy(u.client_id, sizeof u.client_id, o->client_id)) {
        return ST_MALFORMED;
    }
    return add_row(self, &u);
}

static enum status on_fill(void *self, const void *row)
{
    const struct rest_fill *f = row;
    struct ev_fill e;
    memset(&e, 0, sizeof e);
    e.h.ts_ms = to_ms(f->created);
    e.yes_px = f->yes_px;
    e.qty = f->qty;
    e.fee = f->fee;
    e.post_position = QTY_UNKNOWN;
    e.outcome = f->outcome;
    e.is_taker = f->is_taker;
    e.exchange_index = f->exchange_index;
    e.subaccount = f->subaccount;
    if (!copy(e.ticker, sizeof e.ticker, f->ticker) ||
        !copy(e.trade_id, sizeof e.trade_id, f->trade_id) ||
        !copy(e.order_id, sizeof e.order_id, f->order_id)) {
        return ST_MALFORMED;
    }
    return add_row(self, &e);
}

static enum status on_position(void *self, const void *row)
{
    const struct rest_position *p = row;
    struct ev_position e;
    memset(&e, 0, sizeof e);
    e.position = p->position;
    e.cost = p->exposure;
    e.realized = p->realized;
    e.fees = p->fees;
    if (!copy(e.ticker, sizeof e.ticker, p->ticker)) {
        return ST_MALFORMED;
    }
    return add_row(self, &e);
}

static int32_t market_status(const char *s)
{
    static const struct {
        const char *name;
        enum market_status status;
    } names[] = {
        {"initialized", MARKET_INITIALIZED}, {"active", MARKET_ACTIVE},
        {"inactive", MARKET_INACTIVE},       {"closed", MARKET_CLOSED},
        {"determined", MARKET_DETERMINED},   {"disputed", MARKET_DETERMINED},
        {"amended", MARKET_DETERMINED},      {"finalized", MARKET_FINALIZED},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(s, names[i].name) == 0) {
            return (int32_t)names[i].status;
        }
    }
    return MARKET_UNKNOWN;
}

static enum status on_market(void *self, const void *row)
{
    const struct rest_market *m = row;
    struct ev_market e;
    memset(&e, 0, sizeof e);
    if (m->has_grid) {
        e.grid = m->grid;
    } else if (m->structure[0] == '\0' || grid_named(&e.grid, m->structure) != ST_OK) {
        memset(&e.grid, 0, sizeof e.grid); /* no levels: the reader must not trade it */
    }
    e.status = market_status(m->status);
    e.exchange_index = m->exchange_index;
    e.close_time = m->close_time;
    e.volume_24h = m->volume_24h;
    e.waived = m->waived;
    (void)market_result_of(m->result, m->has_settlement, m->settlement_px, &e.result, &e.settle_px);
    if (!copy(e.ticker, sizeof e.ticker, m->ticker)) {
        return ST_MALFORMED;
    }
    return add_row(self, &e);
}

static enum status decode_ack(const struct call *call, const char *s, size_t n, struct ev_answer *a)
{
    struct rest_ack ack;
    memset(&ack, 0, sizeof ack);
    uint32_t op = call->req.op;
    bool create = op == GW_CREATE;
    enum status st = create           ? rest_read_create(s, n, &ack, NULL)
                     : op == GW_AMEND ? rest_read_amend(s, n, &ack, NULL)
                                      : rest_read_cancel(s, n, &ack, NULL);
    if (st != ST_OK) {
        return st;
    }
    /* An answer about another order is no answer to this one. */
    if (ack.order_id[0] == '\0' ||
        (create && ack.client_id[0] != '\0' && strcmp(ack.client_id, call->req.client_id) != 0) ||
        (!create && strcmp(ack.order_id, call->req.order_id) != 0)) {
        return ST_MALFORMED;
    }
    if (!copy(a->order_id, sizeof a->order_id, ack.order_id) ||
        (ack.client_id[0] != '\0' && !copy(a->client_id, sizeof a->client_id, ack.client_id))) {
        return ST_MALFORMED;
    }
    bool unsaid = op == GW_AMEND && !ack.has_counts;
    a->filled = unsaid ? QTY_UNKNOWN : ack.filled;
    a->remaining = unsaid ? QTY_UNKNOWN : op == GW_CANCEL ? ack.reduced_by : ack.remaining;
    a->average_px = ack.average_px;
    a->engine_ms = ack.ts_ms;
    return ST_OK;
}

static enum status decode_order(const struct call *call, const char *s, size_t n,
                                struct ev_answer *a, struct page *page)
{
    struct rest_order order;
    memset(&order, 0, sizeof order);
    enum status st = rest_read_order(s, n, &order, NULL);
    if (st != ST_OK) {
        return st;
    }
    if (strcmp(order.order_id, call->req.order_id) != 0) {
        return ST_MALFORMED;
    }
    begin_rows(page, GW_ROW_ORDER, sizeof(struct ev_user_order));
    st = on_order(page, &order);
    if (st == ST_OK) {
        a->filled = order.filled;
        a->remaining = order.remaining;
        (void)copy(a->order_id, sizeof a->order_id, order.order_id);
        (void)copy(a->client_id, sizeof a->client_id, order.client_id);
    }
    return st;
}

static enum status decode_book(struct wire_decoder *levels, const char *s, size_t n,
                               struct page *page)
{
    struct wire_snapshot snap;
    memset(&snap, 0, sizeof snap);
    enum status st = rest_read_book(levels, s, n, &snap, NULL);
    if (st != ST_OK) {
        return st;
    }
    begin_rows(page, GW_ROW_LEVEL, sizeof(struct level));
    page->n = snap.n_yes + snap.n_no;
    page->n_yes = snap.n_yes;
    if (snap.n_yes > 0) {
        buf_add(&page->rows, snap.yes, snap.n_yes * sizeof(struct level));
    }
    if (snap.n_no > 0) {
        buf_add(&page->rows, snap.no, snap.n_no * sizeof(struct level));
    }
    return page->rows.failed ? ST_LIMIT : ST_OK;
}

static enum status decode_limits(const char *s, size_t n, struct ev_answer *a)
{
    struct rest_limits l;
    memset(&l, 0, sizeof l);
    enum status st = rest_read_limits(s, n, &l, NULL);
    if (st != ST_OK) {
        return st;
    }
    if (l.read_rate <= 0 || l.write_rate <= 0 || l.read_capacity <= 0 || l.write_capacity <= 0) {
        return ST_MALFORMED;
    }
    a->read_capacity = l.read_capacity;
    a->read_rate = l.read_rate;
    a->write_capacity = l.write_capacity;
    a->write_rate = l.write_rate;
    return ST_OK;
}

static enum status decode_balance(const char *s, size_t n, struct ev_answer *a)
{
    struct rest_balance b;
    memset(&b, 0, sizeof b);
    enum status st = rest_read_balance(s, n, &b, NULL);
    if (st == ST_OK) {
        a->balance = b.balance;
        a->portfolio_value = b.portfolio_value;
    }
    return st;
}

enum status call_decode(const struct call *call, struct wire_decoder *levels, const char *s,
                        size_t n, struct ev_answer *a, struct page *page)
{
    if (call->stage == STAGE_AS_OF || call->req.op == GW_AS_OF) {
        return rest_read_as_of(s, n, &a->as_of, NULL);
    }
    switch (call->req.op) {
    case GW_CREATE:
    case GW_CANCEL:
    case GW_AMEND:
        return decode_ack(call, s, n, a);
    case GW_GROUP_CREATE:
        return rest_read_group(s, n, a->order_id, sizeof a->order_id, NULL);
    case GW_GROUP_RESET:
        return ST_OK; /* an empty object */
    case GW_GET_ORDER:
        return decode_order(call, s, n, a, page);
    case GW_GET_BALANCE:
        return decode_balance(s, n, a);
    case GW_GET_BOOK:
        return decode_book(levels, s, n, page);
    case GW_GET_LIMITS:
        return decode_limits(s, n, a);
    case GW_LIST_ORDERS:
        begin_rows(page, GW_ROW_ORDER, sizeof(struct ev_user_order));
        return rest_read_orders(s, n, on_order, page, page->cursor, sizeof page->cursor, NULL);
    case GW_LIST_FILLS:
        begin_rows(page, GW_ROW_FILL, sizeof(struct ev_fill));
        return rest_read_fills(s, n, on_fill, page, page->cursor, sizeof page->cursor, NULL);
    case GW_LIST_POSITIONS:
        begin_rows(page, GW_ROW_POSITION, sizeof(struct ev_position));
        return rest_read_positions(s, n, on_position, page, page->cursor, sizeof page->cursor,
                                   NULL);
    case GW_LIST_MARKETS:
        begin_rows(page, GW_ROW_MARKET, sizeof(struct ev_market));
        return rest_read_markets(s, n, on_market, page, page->cursor, sizeof page->cursor, NULL);
    default:
        return ST_INVALID;
    }
}

enum gw_outcome outcome_of(uint32_t op, const struct http_resp *resp)
{
    if (resp->fate == HTTP_NEVER_SENT) {
        return GW_NOT_SENT;
    }
    if (resp->fate != HTTP_ANSWERED) {
        return GW_UNKNOWN;
    }
    switch (resp->status) {
    case 401:
    case 403:
        return GW_AUTH;
    case 404:
        return op == GW_CREATE ? GW_REJECTED : GW_NOT_FOUND;
    case 429:
        return GW_RATE_LIMIT;
    case 400:
    case 405:
    case 409:
    case 410:
    case 413:
    case 415:
    case 422:
        return GW_REJECTED;
    default:
        /* 408 and everything that a proxy could have made up: nothing is certain. */
        return GW_UNKNOWN;
    }
}
