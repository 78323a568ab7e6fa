/*
 * sim_reply.c - replies to commands (sheet 5.3, 5.4), and what the channels are (5.6).
 *
 * Every reply that belongs to a sequenced subscription takes the next seq of its sid, so that a
 * client counts what the exchange counts. subscribed and the list of subscriptions have none.
 */
#include <string.h>

#include "sim/sim_int.h"

/* --- channels --- */

static const struct {
    const char *name;
    bool public, sequenced, markets;
} channels[CH_MAX] = {
    [CH_BOOK] = {"orderbook_delta", false, true, true},
    [CH_TICKER] = {"ticker", true, false, true},
    [CH_TRADE] = {"trade", true, true, true},
    [CH_FILL] = {"fill", false, false, true},
    [CH_POSITIONS] = {"market_positions", false, false, true},
    [CH_ORDERS] = {"user_orders", false, false, true},
    [CH_GROUPS] = {"order_group_updates", false, true, false},
    [CH_LIFECYCLE] = {"market_lifecycle_v2", true, true, false},
    [CH_MULTIVARIATE] = {"multivariate_market_lifecycle", true, true, false},
    [CH_COMMUNICATIONS] = {"communications", false, true, false},
    [CH_CFBENCHMARKS] = {"cfbenchmarks_value", false, true, false},
    [CH_CFBENCHMARKS_5HZ] = {"cfbenchmarks_value_5hz", false, true, false},
    [CH_PYTH] = {"pyth_value", false, true, false},
};

const char *channel_name(enum channel channel)
{
    return channels[channel].name;
}

enum channel channel_parse(const char *name)
{
    int i = 0;
    while (i < CH_MAX && strcmp(channels[i].name, name) != 0) {
        i++;
    }
    return (enum channel)i;
}

bool channel_public(enum channel channel)
{
    return channels[channel].public;
}

bool channel_sequenced(enum channel channel)
{
    return channels[channel].sequenced;
}

bool channel_has_markets(enum channel channel)
{
    return channels[channel].markets;
}

/* --- writing --- */

static struct jw reply_open(struct sim *sim, uint64_t id)
{
    struct jw w = {&sim->frame, false};
    buf_clear(&sim->frame);
    jw_open(&w, NULL, '{');
    if (id != 0) {
        jw_int(&w, "id", (int64_t)id);
    }
    return w;
}

static struct jw reply_of_sub(struct sim *sim, struct sub *s, uint64_t id)
{
    struct jw w = reply_open(sim, id);
    jw_int(&w, "sid", (int64_t)s->sid);
    jw_int(&w, "seq", (int64_t)++s->seq);
    return w;
}

static void reply_send(struct sim *sim, struct sim_conn *c, struct jw *w)
{
    const struct sim_rules *r = &sim->config.rules;
    if (r->timestamps) {
        jw_int(w, "sending_ts_ms", wall_ms(sim->wall));
    }
    if (r->extra_keys) {
        jw_raw(w, "not_in_any_schema", "{\"of\":[\"a\",null,1.5]}");
    }
    jw_close(w, '}');
    if (r->frame_newline) {
        buf_char(w->b, '\n');
    }
    link_send(sim, c, w->b->p, w->b->n, false);
}

/* --- errors --- */

static const char *error_text(int code)
{
    static const char *const text[] = {
        [1] = "Unable to process message",
        [2] = "Params required",
        [3] = "Channels required",
        [4] = "Subscription IDs required",
        [5] = "Unknown command",
        [6] = "Already subscribed",
        [7] = "Unknown subscription ID",
        [8] = "Unknown channel name",
        [9] = "Authentication required",
        [10] = "Channel error",
        [11] = "Invalid parameter",
        [12] = "Exactly one subscription ID is required",
        [13] = "Unsupported action",
        [14] = "Market Ticker required",
        [15] = "Action required",
        [16] = "Market not found",
        [17] = "Internal error",
        [18] = "Command timeout",
        [19] = "shard_factor must be > 0",
        [20] = "shard_factor is required when shard_key is set",
        [21] = "shard_key must be >= 0 and < shard_factor",
        [22] = "shard_factor must be <= 100",
        [23] = "Match IDs required",
        [24] = "Index IDs required",
        [25] = "Subscription buffer overflow",
        [26] = "Subscription market limit exceeded",
        [27] = "Too many requests",
        [28] = "Underlying tickers required",
    };
    return text[code];
}

static void write_error(struct jw *w, int code, const char *market)
{
    jw_str(w, "type", "error");
    jw_open(w, "msg", '{');
    jw_int(w, "code", code);
    jw_str(w, "msg", error_text(code));
    if (market != NULL) {
        jw_str(w, "market_ticker", market);
    }
    jw_close(w, '}');
}

void ws_error(struct sim *sim, struct sim_conn *c, uint64_t id, int code, const char *market)
{
    struct jw w = reply_open(sim, id);
    write_error(&w, code, sim->config.rules.error_market_ticker ? market : NULL);
    reply_send(sim, c, &w);
}

void sub_fail(struct sim *sim, struct sub *s, int code)
{
    struct jw w = channel_sequenced(s->channel) ? reply_of_sub(sim, s, 0) : reply_open(sim, 0);
    if (!channel_sequenced(s->channel)) {
        jw_int(&w, "sid", (int64_t)s->sid);
    }
    write_error(&w, code, NULL);
    s->dead = true;
    reply_send(sim, s->conn, &w);
}

/* --- the others --- */

void ws_subscribed(struct sim *sim, struct sub *s, uint64_t id)
{
    struct jw w = reply_open(sim, id);
    jw_str(&w, "type", "subscribed");
    jw_open(&w, "msg", '{');
    jw_str(&w, "channel", channel_name(s->channel));
    jw_int(&w, "sid", (int64_t)s->sid);
    jw_close(&w, '}');
    reply_send(sim, s->conn, &w);
}

void ws_unsubscribed(struct sim *sim, struct sub *s, uint64_t id)
{
    struct jw w = reply_of_sub(sim, s, id);
    jw_str(&w, "type", "unsubscribed");
    reply_send(sim, s->conn, &w);
}

/* The whole list after the change. A subscription to everything has none. */
static void write_markets(struct sim *sim, struct jw *w, const struct sub *s)
{
    jw_open(w, s->by_id ? "market_ids" : "market_tickers", '[');
    for (uint32_t i = 0; i < s->markets.words * 64 && !s->all; i++) {
        if (set_has(&s->markets, i)) {
            jw_str(w, NULL, s->by_id ? sim->markets[i].id : sim->markets[i].ticker);
        }
    }
    for (uint32_t i = 0; i < s->ghosts.words * 64; i++) {
        if (set_has(&s->ghosts, i)) {
            jw_str(w, NULL, sim->ghosts[i].ticker);
        }
    }
    jw_close(w, ']');
}

void ws_ok(struct sim *sim, struct sub *s, uint64_t id)
{
    struct jw w = reply_of_sub(sim, s, id);
    jw_str(&w, "type", "ok");
    jw_open(&w, "msg", '{');
    if (channel_has_markets(s->channel) && !s->skip_ack) {
        write_markets(sim, &w, s);
    }
    jw_close(&w, '}');
    reply_send(sim, s->conn, &w);
}

void ws_list(struct sim *sim, struct sim_conn *c, uint64_t id)
{
    struct jw w = reply_open(sim, id);
    jw_str(&w, "type", "ok");
    jw_open(&w, "msg", '[');
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i]->dead) {
            continue;
        }
        jw_open(&w, NULL, '{');
        jw_str(&w, "channel", channel_name(c->subs[i]->channel));
        jw_int(&w, "sid", (int64_t)c->subs[i]->sid);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    reply_send(sim, c, &w);
}

void ws_names(struct sim *sim, struct sub *s, uint64_t id)
{
    struct jw w = reply_of_sub(sim, s, id);
    bool pyth = s->channel == CH_PYTH;
    jw_str(&w, "type", pyth ? "pyth_value_underlying_list" : "cfbenchmarks_value_indexlist");
    jw_open(&w, "msg", '{');
    jw_open(&w, pyth ? "underlying_tickers" : "index_ids", '[');
    jw_close(&w, ']');
    jw_close(&w, '}');
    reply_send(sim, s->conn, &w);
}
