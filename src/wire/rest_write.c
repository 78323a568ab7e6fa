#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/rest.h"

static void text_field(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_str(out, text_of(value));
}

/* What create and amend begin with; the object stays open. */
static void terms(struct buf *out, const char *ticker, const char *client_id, bool bid, px_t yes_px,
                  qty_t count)
{
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
    px_format(yes_px, px);
    qty_format(count, qty);
    buf_str(out, "{\"ticker\":");
    buf_json_str(out, text_of(ticker));
    text_field(out, "client_order_id", client_id);
    buf_printf(out, ",\"side\":\"%s\",\"count\":\"%s\",\"price\":\"%s\"", bid ? "bid" : "ask", qty,
               px);
}

void rest_write_create(struct buf *out, const struct rest_order_create *o)
{
    terms(out, o->ticker, o->client_id, o->bid, o->yes_px, o->qty);
    text_field(out, "time_in_force", o->tif);
    buf_str(out, ",\"self_trade_prevention_type\":\"taker_at_cross\"");
    if (o->post_only) {
        buf_str(out, ",\"post_only\":true");
    }
    if (o->reduce_only) {
        buf_str(out, ",\"reduce_only\":true");
    }
    if (o->expiration_s != 0) {
        buf_printf(out, ",\"expiration_time\":%" PRId64, o->expiration_s);
    }
    if (o->group_id != NULL) {
        text_field(out, "order_group_id", o->group_id);
    }
    buf_char(out, '}');
}

void rest_write_amend(struct buf *out, const struct rest_order_amend *o)
{
    terms(out, o->ticker, o->client_id, o->bid, o->yes_px, o->qty);
    buf_char(out, '}');
}

enum status rest_sign_text(int64_t ts_ms, const char *method, const char *path, char *buf,
                           size_t cap, size_t *ret_n)
{
    int n = snprintf(buf, cap, "%" PRId64 "%s%.*s", ts_ms, method, (int)strcspn(path, "?#"), path);
    if (n < 0 || (size_t)n >= cap) {
        return ST_LIMIT;
    }
    *ret_n = (size_t)n;
    return ST_OK;
}
