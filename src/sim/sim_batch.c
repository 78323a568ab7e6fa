/*
 * sim_batch.c - several creates or cancels in one request (sheet 8.5).
 *
 * A body that does not decode refuses the whole batch; what the exchange refuses is told of the
 * item, and the others go on. Items are done in the order asked.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

static void write_null(struct jw *w, const char *key)
{
    jw_raw(w, key, "null");
}

static void write_client_id(struct jw *w, const char *client_id)
{
    if (client_id[0] != '\0') {
        jw_str(w, "client_order_id", client_id);
    } else {
        write_null(w, "client_order_id");
    }
}

/* The items, each an object. NULL: the answer is written. */
static const json_t *items_of(struct body *b, const struct call *c, const char *type)
{
    if (!body_open(b, c, type)) {
        return NULL;
    }
    const json_t *v = body_array(b, "orders");
    if (v != NULL && json_array_size(v) == 0) {
        body_missing(b, "orders", "min");
    }
    for (size_t i = 0; !b->failed && i < json_array_size(v); i++) {
        if (!json_is_object(json_array_get(v, i))) {
            body_missing(b, "orders", "dive");
        }
    }
    return b->failed ? NULL : v;
}

/* --- POST batched --- */

static void write_created(struct call *c, struct jw *w, const struct create *k)
{
    struct sorder *o = NULL;
    struct refusal why = create_place(c, k, &o);
    jw_open(w, NULL, '{');
    if (why.status != 0) {
        write_client_id(w, k->client_id);
        write_null(w, "fill_count");
        write_null(w, "remaining_count");
        write_null(w, "average_fill_price");
        write_null(w, "average_fee_paid");
        write_null(w, "ts_ms");
        write_refusal(w, "error", why);
        jw_close(w, '}');
        return;
    }
    jw_str(w, "order_id", o->id);
    write_client_id(w, k->client_id);
    jw_qty(w, "fill_count", o->o.filled);
    jw_qty(w, "remaining_count", o->o.remaining);
    if (o->o.filled > 0) {
        jw_px(w, "average_fill_price", average_of(yes_cost(&o->o), o->o.filled));
        jw_px(w, "average_fee_paid", average_of(o->o.taker_fees + o->o.maker_fees, o->o.filled));
    } else {
        write_null(w, "average_fill_price");
        write_null(w, "average_fee_paid");
    }
    jw_int(w, "ts_ms", wall_ms(c->sim->wall));
    write_null(w, "error");
    jw_close(w, '}');
    order_linger(c, o);
}

void batch_create(struct call *c)
{
    struct body b;
    const json_t *items = items_of(&b, c, "BatchCreateOrdersV2Request");
    size_t n = json_array_size(items);
    struct create *k = n > 0 ? calloc(n, sizeof *k) : NULL;
    if (items == NULL) {
        return;
    }
    if (k == NULL) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return;
    }
    b.type = "BatchCreateOrdersV2Request.orders";
    for (size_t i = 0; i < n && !b.failed; i++) {
        b.root = json_array_get(items, i);
        create_read(c, &b, &k[i]);
    }
    if (!b.failed) {
        struct jw w = reply_json(c->r, 201);
        jw_open(&w, NULL, '{');
        jw_open(&w, "orders", '[');
        for (size_t i = 0; i < n; i++) {
            write_created(c, &w, &k[i]);
        }
        jw_close(&w, ']');
        jw_close(&w, '}');
    }
    free(k);
}

/* --- DELETE batched --- */

static void read_target(struct body *b, struct target *t)
{
    const char *id = body_str(b, "order_id", true);
    *t = (struct target){.id = text_of(id), .ticker = body_str(b, "market_ticker", false)};
    t->subaccount = body_int(b, "subaccount", false, 0, SUBACCOUNTS - 1, &t->has_subaccount);
    t->shard = body_int(b, "exchange_index", false, INT32_MIN, INT32_MAX, &t->has_shard);
}

static void write_canceled(struct call *c, struct jw *w, const struct target *t)
{
    struct sorder *o = NULL;
    qty_t reduced = 0;
    struct refusal why = cancel_target(c, t, &o, &reduced);
    jw_open(w, NULL, '{');
    jw_text(w, "order_id", t->id);
    write_client_id(w, why.status == 0 ? o->client_id : "");
    jw_qty(w, "reduced_by", reduced);
    if (why.status == 0) {
        jw_int(w, "ts_ms", wall_ms(c->sim->wall));
    } else {
        write_null(w, "ts_ms");
        write_refusal(w, "error", why);
    }
    jw_close(w, '}');
}

void batch_cancel(struct call *c)
{
    struct body b;
    const json_t *items = items_of(&b, c, "BatchCancelOrdersV2Request");
    size_t n = json_array_size(items);
    if (items == NULL) {
        return;
    }
    b.type = "BatchCancelOrdersV2Request.orders";
    struct target t;
    for (size_t i = 0; i < n && !b.failed; i++) { /* nothing is canceled unless all decode */
        b.root = json_array_get(items, i);
        read_target(&b, &t);
    }
    if (b.failed) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "orders", '[');
    for (size_t i = 0; i < n; i++) {
        b.root = json_array_get(items, i);
        read_target(&b, &t);
        write_canceled(c, &w, &t);
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}
