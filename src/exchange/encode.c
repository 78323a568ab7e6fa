#include <stdlib.h>

#include "exchange/exchange_int.h"

const char *http_method_name(enum http_method m)
{
    switch (m) {
    case HTTP_GET:
        return "GET";
    case HTTP_POST:
        return "POST";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_PUT:
        return "PUT";
    }
    return "GET";
}

static bool plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* A text that becomes a path segment: it is signed as it stands, so nothing may need escaping. */
static bool segment_ok(const char *s)
{
    if (s[0] == '\0' || s[0] == '.') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if (!plain_char(*s)) {
            return false;
        }
    }
    return true;
}

static void add_escaped(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if (plain_char(*s) || *s == ',' || *s == '~') {
            buf_char(b, *s);
        } else {
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)*s);
        }
    }
}

static void add_query(struct buf *q, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return;
    }
    if (q->n > 0) {
        buf_char(q, '&');
    }
    buf_str(q, name);
    buf_char(q, '=');
    add_escaped(q, value);
}

static void add_query_int(struct buf *q, const char *name, int64_t value)
{
    buf_printf(q, "%s%s=%lld", q->n > 0 ? "&" : "", name, (long long)value);
}

static enum status encode_create(struct call *call)
{
    const struct gw_request *r = &call->req;
    static const char *const tifs[] = {"good_till_canceled", "immediate_or_cancel", "fill_or_kill"};
    bool px_ok = r->yes_px > 0 && r->yes_px < PX_ONE;
    if (r->tif > GW_FOK || r->outcome > SIDE_NO || !px_ok || r->qty <= 0 || r->qty > QTY_LIMIT ||
        !segment_ok(r->ticker) || r->client_id[0] == '\0') {
        return ST_INVALID;
    }
    struct rest_order_create order = {
        .ticker = r->ticker,
        .client_id = r->client_id,
        .group_id = r->group_id[0] != '\0' ? r->group_id : NULL,
        .bid = r->outcome == SIDE_YES,
        .yes_px = r->yes_px,
        .qty = r->qty,
        .tif = tifs[r->tif],
        .post_only = r->post_only != 0,
        .reduce_only = r->reduce_only != 0,
        .expiration_s = r->expiration_s,
    };
    buf_str(&call->path, "/portfolio/events/orders");
    rest_write_create(&call->body, &order);
    return ST_OK;
}

static enum status encode_amend(struct call *call)
{
    const struct gw_request *r = &call->req;
    bool px_ok = r->yes_px > 0 && r->yes_px < PX_ONE;
    if (r->outcome > SIDE_NO || !px_ok || r->qty <= 0 || r->qty > QTY_LIMIT ||
        !segment_ok(r->ticker) || !segment_ok(r->order_id) || r->client_id[0] == '\0') {
        return ST_INVALID;
    }
    struct rest_order_amend order = {
        .ticker = r->ticker,
        .client_id = r->client_id,
        .bid = r->outcome == SIDE_YES,
        .yes_px = r->yes_px,
        .qty = r->qty,
    };
    buf_str(&call->path, "/portfolio/events/orders/");
    buf_str(&call->path, r->order_id);
    buf_str(&call->path, "/amend");
    rest_write_amend(&call->body, &order);
    return ST_OK;
}

/* Order groups (kalshi-api.md section 9). */
static enum status encode_group(struct call *call)
{
    const struct gw_request *r = &call->req;
    if (r->op == GW_GROUP_RESET) {
        if (!segment_ok(r->order_id)) {
            return ST_INVALID;
        }
        buf_printf(&call->path, "/portfolio/order_groups/%s/reset", r->order_id);
        if (r->exchange_index > 0) { /* another shard than the first does not know it */
            buf_printf(&call->query, "exchange_index=%d", (int)r->exchange_index);
        }
        buf_str(&call->body, "{}");
        return ST_OK;
    }
    if (r->qty < QTY_ONE || r->qty % QTY_ONE != 0 || r->exchange_index < 0) {
        return ST_INVALID;
    }
    buf_str(&call->path, "/portfolio/order_groups/create");
    buf_printf(&call->body, "{\"contracts_limit\":%lld,\"exchange_index\":%d}",
               (long long)(r->qty / QTY_ONE), (int)r->exchange_index);
    return ST_OK;
}

static enum status encode_order(struct call *call, const char *folder)
{
    if (!segment_ok(call->req.order_id)) {
        return ST_INVALID;
    }
    buf_str(&call->path, folder);
    buf_str(&call->path, call->req.order_id);
    add_query(&call->query, "market_ticker", call->req.ticker);
    return ST_OK;
}

static void encode_list(struct call *call, const char *path, uint32_t page_rows)
{
    const struct gw_request *r = &call->req;
    buf_str(&call->path, path);
    uint32_t limit = page_rows;
    if (r->rows_max != 0 && r->rows_max - call->rows < limit) {
        limit = r->rows_max - call->rows;
    }
    add_query_int(&call->query, "limit", limit);
    if (r->op == GW_LIST_MARKETS) {
        add_query(&call->query, "tickers", call->tickers != NULL ? call->tickers : r->ticker);
        add_query(&call->query, "series_ticker", r->series);
        add_query(&call->query, "event_ticker", r->event);
        add_query(&call->query, "status", r->status);
    } else {
        add_query(&call->query, "ticker", r->ticker);
    }
    if (r->op == GW_LIST_FILLS) {
        add_query(&call->query, "order_id", r->order_id);
    }
    if (r->min_ts_s > 0 && (r->op == GW_LIST_FILLS || r->op == GW_LIST_ORDERS)) {
        add_query_int(&call->query, "min_ts", r->min_ts_s);
    }
    if (r->op == GW_LIST_ORDERS && (r->flags & GW_RESTING_ONLY) != 0) {
        add_query(&call->query, "status", "resting");
    }
    add_query(&call->query, "cursor", call->cursor);
}

static enum status encode_read(struct call *call, uint32_t page_rows)
{
    if (call->stage == STAGE_AS_OF) {
        buf_str(&call->path, "/exchange/user_data_timestamp");
        return ST_OK;
    }
    switch (call->req.op) {
    case GW_GET_ORDER:
        return encode_order(call, "/portfolio/orders/");
    case GW_LIST_ORDERS:
        encode_list(call, "/portfolio/orders", page_rows);
        return ST_OK;
    case GW_LIST_FILLS:
        encode_list(call, "/portfolio/fills", page_rows);
        return ST_OK;
    case GW_LIST_POSITIONS:
        encode_list(call, "/portfolio/positions", page_rows);
        return ST_OK;
    case GW_LIST_MARKETS:
        encode_list(call, "/markets", page_rows);
        return ST_OK;
    case GW_GET_BALANCE:
        buf_str(&call->path, "/portfolio/balance");
        return ST_OK;
    case GW_GET_LIMITS:
        buf_str(&call->path, "/account/limits");
        return ST_OK;
    case GW_AS_OF:
        buf_str(&call->path, "/exchange/user_data_timestamp");
        return ST_OK;
    case GW_GET_BOOK:
        if (!segment_ok(call->req.ticker)) {
            return ST_INVALID;
        }
        buf_str(&call->path, "/markets/");
        buf_str(&call->path, call->req.ticker);
        buf_str(&call->path, "/orderbook");
        return ST_OK;
    default:
        return ST_INVALID;
    }
}

enum status call_encode(struct call *call, const char *base_path, uint32_t page_rows,
                        enum http_method *ret_method)
{
    buf_clear(&call->path);
    buf_clear(&call->query);
    buf_clear(&call->body);
    buf_str(&call->path, base_path);
    enum http_method method = HTTP_GET;
    enum status st = ST_OK;
    if (call->req.op == GW_CREATE) {
        method = HTTP_POST;
        st = encode_create(call);
    } else if (call->req.op == GW_GROUP_CREATE || call->req.op == GW_GROUP_RESET) {
        method = call->req.op == GW_GROUP_CREATE ? HTTP_POST : HTTP_PUT;
        st = encode_group(call);
    } else if (call->req.op == GW_AMEND) {
        method = HTTP_POST;
        st = encode_amend(call);
    } else if (call->req.op == GW_CANCEL) {
        method = HTTP_DELETE;
        st = encode_order(call, "/portfolio/events/orders/");
    } else {
        st = encode_read(call, page_rows);
    }
    if (st != ST_OK) {
        return st;
    }
    if (call->path.failed || call->query.failed || call->body.failed) {
        return ST_LIMIT;
    }
    *ret_method = method;
    return ST_OK;
}

int64_t op_cost(const struct call *call)
{
    if (call->req.op == GW_CANCEL) {
        return COST_CANCEL;
    }
    return call->req.op == GW_GET_ORDER ? COST_GET_ORDER : COST_DEFAULT;
}
