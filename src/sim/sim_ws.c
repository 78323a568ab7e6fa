/*
 * sim_ws.c - WebSocket connections: commands and their replies (sheet 5.2 to 5.5).
 *
 * Every reply that belongs to a subscription takes the next seq of its sid, so that a client counts
 * what the exchange counts. Unknown tickers are accepted: the reply names them and a book
 * subscription gets an empty snapshot of each (section 21).
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/sim_int.h"

static const char *const channel_names[CH_MAX] = {
    [CH_BOOK] = "orderbook_delta",
    [CH_TICKER] = "ticker",
    [CH_TRADE] = "trade",
    [CH_FILL] = "fill",
    [CH_POSITIONS] = "market_positions",
    [CH_ORDERS] = "user_orders",
    [CH_GROUPS] = "order_group_updates",
    [CH_LIFECYCLE] = "market_lifecycle_v2",
};

static enum channel channel_parse(const char *name)
{
    int i = 0;
    while (i < CH_MAX && strcmp(channel_names[i], name) != 0) {
        i++;
    }
    return (enum channel)i;
}

/* Channels that ignore which markets a command names. */
static bool no_markets(enum channel channel)
{
    return channel == CH_LIFECYCLE || channel == CH_GROUPS;
}

/* --- replies --- */

static void send_buf(struct sim *sim, struct sim_conn *c, struct jw *w)
{
    jw_int(w, "sending_ts_ms", wall_ms(sim->wall));
    jw_close(w, '}');
    buf_char(w->b, '\n');
    emit_raw(sim, c, w->b->p, w->b->n);
}

static struct jw reply_open(struct sim *sim)
{
    struct jw w = {&sim->frame, false};
    buf_clear(&sim->frame);
    jw_open(&w, NULL, '{');
    return w;
}

static const char *error_text(int code)
{
    static const char *const text[] = {
        [1] = "Unable to process message",
        [2] = "Params required",
        [3] = "Channels required",
        [4] = "Subscription IDs required",
        [5] = "Unknown command",
        [7] = "Unknown subscription ID",
        [8] = "Unknown channel name",
        [11] = "Invalid parameter",
        [12] = "Exactly one subscription ID is required",
        [13] = "Unsupported action",
        [14] = "Market Ticker required",
        [15] = "Action required",
        [26] = "Subscription market limit exceeded",
        [27] = "Too many requests",
    };
    return text[code];
}

static void reply_error(struct sim *sim, struct sim_conn *c, uint64_t id, int code)
{
    struct jw w = reply_open(sim);
    jw_str(&w, "type", "error");
    if (id != 0) {
        jw_int(&w, "id", (int64_t)id);
    }
    jw_open(&w, "msg", '{');
    jw_int(&w, "code", code);
    jw_str(&w, "msg", error_text(code));
    jw_close(&w, '}');
    send_buf(sim, c, &w);
}

static void reply_subscribed(struct sim *sim, struct sim_conn *c, uint64_t id, const struct sub *s)
{
    struct jw w = reply_open(sim);
    jw_str(&w, "type", "subscribed");
    if (id != 0) {
        jw_int(&w, "id", (int64_t)id);
    }
    jw_open(&w, "msg", '{');
    jw_str(&w, "channel", channel_names[s->channel]);
    jw_int(&w, "sid", (int64_t)s->sid);
    jw_close(&w, '}');
    send_buf(sim, c, &w);
}

static struct jw reply_of_sub(struct sim *sim, uint64_t id, struct sub *s, const char *type)
{
    struct jw w = reply_open(sim);
    if (id != 0) {
        jw_int(&w, "id", (int64_t)id);
    }
    jw_int(&w, "sid", (int64_t)s->sid);
    jw_int(&w, "seq", (int64_t)++s->seq);
    jw_str(&w, "type", type);
    return w;
}

static void reply_ok(struct sim *sim, struct sim_conn *c, uint64_t id, struct sub *s)
{
    struct jw w = reply_of_sub(sim, id, s, "ok");
    jw_open(&w, "msg", '{');
    if (!s->skip_ack) {
        jw_open(&w, "market_tickers", '[');
        for (uint32_t i = 0; i < sim->n_markets; i++) {
            if (!s->all && sub_has(s, i)) {
                jw_str(&w, NULL, sim->markets[i].ticker);
            }
        }
        for (uint32_t i = 0; i < s->n_unknown; i++) {
            jw_str(&w, NULL, s->unknown[i]);
        }
        jw_close(&w, ']');
    }
    jw_close(&w, '}');
    send_buf(sim, c, &w);
}

/* --- subscriptions --- */

static struct sub *sub_find(struct sim_conn *c, uint64_t sid)
{
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i].sid == sid && !c->subs[i].dead) {
            return &c->subs[i];
        }
    }
    return NULL;
}

static struct sub *sub_of_channel(struct sim_conn *c, enum channel channel)
{
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i].channel == channel && !c->subs[i].dead) {
            return &c->subs[i];
        }
    }
    return NULL;
}

static void sub_free(struct sim *sim, struct sim_conn *c, uint32_t i)
{
    sim->subs_of[c->subs[i].channel]--;
    free(c->subs[i].markets);
    free(c->subs[i].unknown);
    memmove(&c->subs[i], &c->subs[i + 1], (c->n_subs - i - 1) * sizeof *c->subs);
    c->n_subs--;
}

/* Subscriptions that ended with an error leave before anything is added. */
static void subs_bury(struct sim *sim, struct sim_conn *c)
{
    for (uint32_t i = c->n_subs; i > 0; i--) {
        if (c->subs[i - 1].dead) {
            sub_free(sim, c, i - 1);
        }
    }
}

static struct sub *sub_add(struct sim *sim, struct sim_conn *c, enum channel channel)
{
    struct sub *subs = realloc(c->subs, (c->n_subs + 1) * sizeof *subs);
    ensure(subs != NULL);
    c->subs = subs;
    struct sub *s = &subs[c->n_subs++];
    *s = (struct sub){.sid = ++c->next_sid, .channel = channel};
    sim->subs_of[channel]++;
    return s;
}

static uint32_t unknown_find(const struct sub *s, const char *ticker)
{
    uint32_t i = 0;
    while (i < s->n_unknown && strcmp(s->unknown[i], ticker) != 0) {
        i++;
    }
    return i;
}

/* Set the bit of a market; true when it was not set. */
static bool sub_set(struct sub *s, uint32_t market)
{
    uint32_t word = market >> 6;
    if (word >= s->words) {
        uint32_t words = word + 1 > 2 * s->words ? word + 1 : 2 * s->words;
        uint64_t *p = realloc(s->markets, words * sizeof *p);
        ensure(p != NULL);
        memset(p + s->words, 0, (words - s->words) * sizeof *p);
        s->markets = p;
        s->words = words;
    }
    uint64_t bit = UINT64_C(1) << (market & 63);
    bool had = (s->markets[word] & bit) != 0;
    s->markets[word] |= bit;
    s->n_markets += !had;
    return !had;
}

void ws_market_listed(struct sim *sim, uint32_t market)
{
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        for (uint32_t i = 0; i < c->n_subs; i++) {
            struct sub *s = &c->subs[i];
            uint32_t at = unknown_find(s, sim->markets[market].ticker);
            if (at < s->n_unknown) {
                memmove(s->unknown[at], s->unknown[s->n_unknown - 1], TICKER_MAX);
                s->n_unknown--;
                (void)sub_set(s, market);
            }
        }
    }
}

/* True when the market is new to the subscription. */
static bool sub_add_market(struct sim *sim, struct sub *s, const char *ticker)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (market != NO_INDEX) {
        return sub_set(s, market);
    }
    if (strlen(ticker) >= TICKER_MAX || unknown_find(s, ticker) < s->n_unknown) {
        return false;
    }
    void *p = realloc(s->unknown, (s->n_unknown + 1) * sizeof *s->unknown);
    ensure(p != NULL);
    s->unknown = p;
    text_copy(s->unknown[s->n_unknown++], TICKER_MAX, text_of(ticker));
    return true;
}

static void sub_remove_market(struct sim *sim, struct sub *s, const char *ticker)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (market != NO_INDEX) {
        uint32_t word = market >> 6;
        uint64_t bit = UINT64_C(1) << (market & 63);
        if (word < s->words && (s->markets[word] & bit) != 0) {
            s->markets[word] &= ~bit;
            s->n_markets--;
        }
        return;
    }
    uint32_t i = unknown_find(s, ticker);
    if (i < s->n_unknown) {
        memmove(s->unknown[i], s->unknown[s->n_unknown - 1], TICKER_MAX);
        s->n_unknown--;
    }
}

/* --- parameters --- */

/*
 * The markets a command names, as an array of tickers (a new reference, or NULL when it names
 * none). Ids are turned into tickers. *ret_code: 11 when they are of the wrong type.
 */
static json_t *named_markets(struct sim *sim, json_t *params, int *ret_code)
{
    static const char *const keys[] = {"market_ticker", "market_tickers", "market_id",
                                       "market_ids"};
    json_t *list = NULL;
    for (size_t k = 0; k < 4; k++) {
        json_t *v = json_object_get(params, keys[k]);
        if (v == NULL || json_is_null(v)) {
            continue;
        }
        list = list != NULL ? list : json_array();
        size_t n = json_is_array(v) ? json_array_size(v) : 1;
        for (size_t i = 0; i < n; i++) {
            const char *s = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
            if (s == NULL) {
                *ret_code = 11;
                json_decref(list);
                return NULL;
            }
            uint32_t m = k >= 2 ? idmap_get(&sim->by_market_id, text_of(s)) : NO_INDEX;
            json_array_append_new(list, json_string(m != NO_INDEX ? sim->markets[m].ticker : s));
        }
    }
    if (list != NULL && json_array_size(list) == 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static uint32_t markets_of_conn(const struct sim_conn *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_subs; i++) {
        n += c->subs[i].n_markets + c->subs[i].n_unknown;
    }
    return n;
}

static void first_data(struct sim *sim, struct sim_conn *c, struct sub *s, const char *ticker,
                       bool send_initial)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (s->channel == CH_BOOK && market != NO_INDEX) {
        emit_snapshot(sim, c, s, market, 0);
    } else if (s->channel == CH_BOOK) {
        emit_unknown_snapshot(sim, c, s, ticker, 0);
    } else if (s->channel == CH_TICKER && send_initial && market != NO_INDEX) {
        emit_ticker(sim, c, s, market);
    }
}

/* --- commands --- */

static void subscribe_one(struct sim *sim, struct sim_conn *c, uint64_t id, enum channel channel,
                          json_t *params, json_t *markets)
{
    if (channel == CH_BOOK && markets == NULL) {
        reply_error(sim, c, id, 14);
        return;
    }
    bool initial = json_is_true(json_object_get(params, "send_initial_snapshot"));
    struct sub *s = sub_of_channel(c, channel);
    if (s == NULL) {
        s = sub_add(sim, c, channel);
        s->use_yes_price = json_is_true(json_object_get(params, "use_yes_price"));
        s->skip_ack = json_is_true(json_object_get(params, "skip_ticker_ack"));
    }
    s->all = s->all || markets == NULL || no_markets(channel);
    reply_subscribed(sim, c, id, s);
    for (size_t i = 0; i < json_array_size(markets) && !no_markets(channel); i++) {
        const char *ticker = json_string_value(json_array_get(markets, i));
        if (sub_add_market(sim, s, ticker)) {
            first_data(sim, c, s, ticker, initial);
        }
    }
    for (uint32_t i = 0; s->all && channel == CH_TICKER && initial && i < sim->n_markets; i++) {
        emit_ticker(sim, c, s, i);
    }
    if (channel == CH_BOOK) {
        sim->client_came = true;
    }
}

static void cmd_subscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    json_t *channels = json_object_get(params, "channels");
    if (!json_is_array(channels) || json_array_size(channels) == 0) {
        reply_error(sim, c, id, 3);
        return;
    }
    int code = 0;
    json_t *markets = named_markets(sim, params, &code);
    if (code == 0 && markets_of_conn(c) + json_array_size(markets) > MARKETS_SUBS_MAX) {
        code = 26;
    }
    if (code != 0) {
        reply_error(sim, c, id, code);
        json_decref(markets);
        return;
    }
    for (size_t i = 0; i < json_array_size(channels); i++) {
        const char *name = json_string_value(json_array_get(channels, i));
        enum channel channel = name != NULL ? channel_parse(name) : CH_MAX;
        if (channel == CH_MAX) {
            reply_error(sim, c, id, 8);
        } else {
            subscribe_one(sim, c, id, channel, params, markets);
        }
    }
    json_decref(markets);
}

static void cmd_unsubscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    json_t *sids = json_object_get(params, "sids");
    if (!json_is_array(sids) || json_array_size(sids) == 0) {
        reply_error(sim, c, id, 4);
        return;
    }
    for (size_t i = 0; i < json_array_size(sids); i++) {
        json_t *v = json_array_get(sids, i);
        struct sub *s = json_is_integer(v) ? sub_find(c, (uint64_t)json_integer_value(v)) : NULL;
        if (s == NULL) {
            reply_error(sim, c, id, 7);
            continue;
        }
        struct jw w = reply_of_sub(sim, id, s, "unsubscribed");
        send_buf(sim, c, &w);
        sub_free(sim, c, (uint32_t)(s - c->subs));
    }
}

static void update_markets(struct sim *sim, struct sim_conn *c, uint64_t id, struct sub *s,
                           const char *action, json_t *markets, bool initial)
{
    size_t n = json_array_size(markets);
    if (strcmp(action, "get_snapshot") == 0) {
        for (size_t i = 0; i < n; i++) {
            const char *ticker = json_string_value(json_array_get(markets, i));
            uint32_t market = sim_find_market(sim, text_of(ticker));
            if (market != NO_INDEX) {
                emit_snapshot(sim, c, s, market, id);
            } else if (strlen(ticker) < TICKER_MAX) {
                emit_unknown_snapshot(sim, c, s, ticker, id);
            }
        }
        return;
    }
    bool add = strcmp(action, "add_markets") == 0;
    bool *fresh = calloc(n + 1, sizeof *fresh);
    ensure(fresh != NULL);
    for (size_t i = 0; i < n; i++) {
        const char *ticker = json_string_value(json_array_get(markets, i));
        if (add) {
            fresh[i] = sub_add_market(sim, s, ticker);
        } else {
            sub_remove_market(sim, s, ticker);
        }
    }
    s->all = false;
    reply_ok(sim, c, id, s);
    for (size_t i = 0; i < n; i++) {
        if (fresh[i]) {
            first_data(sim, c, s, json_string_value(json_array_get(markets, i)), initial);
        }
    }
    free(fresh);
}

/* The one sid of an update: 12 when there is not exactly one, 7 when it is not known. */
static int update_target(struct sim_conn *c, json_t *params, struct sub **ret_sub)
{
    json_t *sid = json_object_get(params, "sid");
    json_t *sids = json_object_get(params, "sids");
    if (sid == NULL && json_is_array(sids) && json_array_size(sids) == 1) {
        sid = json_array_get(sids, 0);
    } else if (sid == NULL || sids != NULL) {
        return 12;
    }
    if (!json_is_integer(sid)) {
        return 11;
    }
    *ret_sub = sub_find(c, (uint64_t)json_integer_value(sid));
    return *ret_sub != NULL ? 0 : 7;
}

static int update_check(const struct sub *s, const char *action)
{
    bool snapshot = strcmp(action, "get_snapshot") == 0;
    if (!snapshot && strcmp(action, "add_markets") != 0 && strcmp(action, "delete_markets") != 0) {
        return 13;
    }
    if (no_markets(s->channel) || (snapshot && s->channel != CH_BOOK)) {
        return 13;
    }
    return 0;
}

static void cmd_update(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    struct sub *s = NULL;
    int code = update_target(c, params, &s);
    const char *action = json_string_value(json_object_get(params, "action"));
    if (code == 0) {
        code = action == NULL ? 15 : update_check(s, action);
    }
    json_t *markets = code == 0 ? named_markets(sim, params, &code) : NULL;
    if (code == 0 && markets == NULL) {
        code = 14;
    }
    if (code == 0 && markets_of_conn(c) + json_array_size(markets) > MARKETS_SUBS_MAX) {
        code = 26;
    }
    if (code != 0) {
        reply_error(sim, c, id, code);
    } else {
        update_markets(sim, c, id, s, action, markets,
                       json_is_true(json_object_get(params, "send_initial_snapshot")));
    }
    json_decref(markets);
}

static void cmd_list(struct sim *sim, struct sim_conn *c, uint64_t id)
{
    struct jw w = reply_open(sim);
    if (id != 0) {
        jw_int(&w, "id", (int64_t)id);
    }
    jw_str(&w, "type", "ok");
    jw_open(&w, "msg", '[');
    for (uint32_t i = 0; i < c->n_subs; i++) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "channel", channel_names[c->subs[i].channel]);
        jw_int(&w, "sid", (int64_t)c->subs[i].sid);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    send_buf(sim, c, &w);
}

static void command(struct sim *sim, struct sim_conn *c, json_t *root)
{
    json_t *jid = json_object_get(root, "id");
    const char *cmd = json_string_value(json_object_get(root, "cmd"));
    json_t *params = json_object_get(root, "params");
    bool bad_id = jid != NULL && (!json_is_integer(jid) || json_integer_value(jid) < 0);
    uint64_t id = !bad_id && jid != NULL ? (uint64_t)json_integer_value(jid) : 0;
    if (!json_is_object(root) || bad_id ||
        (params != NULL && !json_is_object(params) && !json_is_null(params))) {
        reply_error(sim, c, id, 1);
        return;
    }
    int64_t second = sim->now / NS_PER_SEC;
    c->commands = second == c->command_second ? c->commands + 1 : 1;
    c->command_second = second;
    if (c->commands > COMMANDS_PER_SEC) {
        reply_error(sim, c, id, 27);
        return;
    }
    subs_bury(sim, c);
    if (cmd == NULL) {
        reply_error(sim, c, id, 5);
    } else if (strcmp(cmd, "list_subscriptions") == 0) {
        cmd_list(sim, c, id);
    } else if (strcmp(cmd, "subscribe") != 0 && strcmp(cmd, "unsubscribe") != 0 &&
               strcmp(cmd, "update_subscription") != 0) {
        reply_error(sim, c, id, 5);
    } else if (!json_is_object(params)) {
        reply_error(sim, c, id, 2);
    } else if (strcmp(cmd, "subscribe") == 0) {
        cmd_subscribe(sim, c, id, params);
    } else if (strcmp(cmd, "unsubscribe") == 0) {
        cmd_unsubscribe(sim, c, id, params);
    } else {
        cmd_update(sim, c, id, params);
    }
}

/* --- connections --- */

int sim_ws_open(struct sim *sim, const struct sim_auth *auth, struct text path, void *peer,
                wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn, struct buf *ret_body)
{
    sim->wall = wall;
    sim->now = now;
    buf_clear(ret_body);
    if (!text_equal(path, TEXT("/trade-api/ws/v2"))) {
        buf_str(ret_body, "404 page not found\n");
        return 404;
    }
    uint32_t user = 0;
    int status = auth_check(sim, auth, "GET", path, &user, ret_body);
    if (status != 0) {
        return status;
    }
    struct sim_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        buf_str(ret_body, "{\"error\":{\"code\":\"internal_server_error\",\"message\":\"internal "
                          "server error\"}}");
        return 500;
    }
    c->sim = sim;
    c->peer = peer;
    c->user = user;
    buf_init(&c->backlog, BACKLOG_MAX + 2 * BACKLOG_SLACK);
    c->next = sim->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    sim->conns = c;
    *ret_conn = c;
    return 0;
}

void sim_ws_close(struct sim *sim, struct sim_conn *c)
{
    while (c->n_subs > 0) {
        sub_free(sim, c, c->n_subs - 1);
    }
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        sim->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    free(c->subs);
    buf_finish(&c->backlog);
    free(c);
    sim->blocked = false;
    for (c = sim->conns; c != NULL; c = c->next) {
        sim->blocked |= c->backlog.n > 0;
    }
}

void sim_ws_frame(struct sim *sim, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                  mono_ns_t now)
{
    sim->wall = wall;
    sim->now = now;
    sim->count.ws_frames_in++;
    if (conn->closing) {
        return;
    }
    json_t *root = json_loadb(frame.p, frame.n, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) {
        reply_error(sim, conn, 0, 1);
        return;
    }
    command(sim, conn, root);
    json_decref(root);
}

void sim_ws_writable(struct sim *sim, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now)
{
    sim->wall = wall;
    sim->now = now;
    emit_flush(sim, conn);
    sim->blocked = false;
    for (const struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        sim->blocked |= c->backlog.n > 0;
    }
}
