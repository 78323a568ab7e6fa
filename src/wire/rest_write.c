#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/rest.h"

static void text_field(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_str(out, text_of(value));
}

void rest_write_create(struct buf *out, const struct rest_order_create *o)
{
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
    px_format(o->yes_px, px);
    qty_format(o->qty, qty);
    buf_str(out, "{\"ticker\":");
    buf_json_str(out, text_of(o->ticker));
    text_field(out, "client_order_id", o->client_id);
    buf_printf(out, ",\"side\":\"%s\",\"count\":\"%s\",\"price\":\"%s\"", o->bid ? "bid" : "ask",
               qty, px);
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
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
    px_format(o->yes_px, px);
    qty_format(o->qty, qty);
    buf_str(out, "{\"ticker\":");
    buf_json_str(out, text_of(o->ticker));
    text_field(out, "client_order_id", o->client_id);
    buf_printf(out, ",\"side\":\"%s\",\"count\":\"%s\",\"price\":\"%s\"}", o->bid ? "bid" : "ask",
               qty, px);
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
