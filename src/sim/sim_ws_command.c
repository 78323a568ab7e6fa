/*
 * sim_ws_command.c - subscribe, unsubscribe and update_subscription: parameters, checks, effects
 * (sheet 5.2).
 *
 * Unknown tickers are accepted: the reply names them and a book subscription gets an empty snapshot
 * of each (section 21), or with rules.unknown_ticker the retired code 16. What is wrong with one
 * channel of a subscribe does not touch the others.
 */
#include <string.h>

#include "sim/sim_int.h"

/* --- parameters --- */

/* What a command names: arrays of tickers (ids are turned into tickers), NULL when none. */
struct named {
    json_t *tickers;
    bool by_id; /* by market_id(s) alone */
    int code;   /* 11: of the wrong type */
};

static void named_add(struct sim *sim, struct named *m, const json_t *v, bool id)
{
    const char *s = json_string_value(v);
    if (s == NULL) {
        m->code = 11;
        return;
    }
    uint32_t market = id ? idmap_get(&sim->by_market_id, text_of(s)) : NO_INDEX;
    json_array_append_new(m->tickers,
                          json_string(market != NO_INDEX ? sim->markets[market].ticker : s));
}

static struct named named_markets(struct sim *sim, json_t *params)
{
    static const char *const keys[] = {"market_ticker", "market_tickers", "market_id",
                                       "market_ids"};
    struct named m = {.tickers = json_array()};
    size_t by_ticker = 0;
    for (size_t k = 0; k < 4 && m.code == 0; k++) {
        json_t *v = json_object_get(params, keys[k]);
        if (v == NULL || json_is_null(v)) {
            continue;
        }
        if (json_is_array(v) != (k % 2 == 1)) {
            m.code = 11;
            break;
        }
        for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
            named_add(sim, &m, json_array_get(v, i), k >= 2);
        }
        if (!json_is_array(v)) {
            named_add(sim, &m, v, k >= 2);
        }
        by_ticker = k < 2 ? json_array_size(m.tickers) : by_ticker;
    }
    m.by_id = by_ticker == 0;
    if (m.code != 0 || json_array_size(m.tickers) == 0) {
        json_decref(m.tickers);
        m.tickers = NULL;
    }
    return m;
}

static const char *ticker_at(const json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

/* False: there, and no boolean. */
static bool get_flag(json_t *params, const char *key, bool *ret)
{
    const json_t *v = json_object_get(params, key);
    *ret = json_is_true(v);
    return v == NULL || json_is_null(v) || json_is_boolean(v);
}

/* Market subscriptions of a connection after list was added to s (NULL: a new one). */
static bool over_limit(const struct sim *sim, const struct sim_conn *c, const struct sub *s,
                       const json_t *list)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->n_subs; i++) {
        n += (c->subs[i]->all ? 0 : c->subs[i]->markets.n) + c->subs[i]->ghosts.n;
    }
    if (n + json_array_size(list) <= MARKETS_SUBS_MAX) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        n += s == NULL || !sub_follows(sim, s, ticker_at(list, i));
    }
    return n > MARKETS_SUBS_MAX;
}

/* The first ticker that no market has, when that is an error. */
static const char *not_found(const struct sim *sim, const json_t *list)
{
    if (sim->config.rules.unknown_ticker != RULE_UNKNOWN_ERROR) {
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (sim_find_market(sim, text_of(ticker_at(list, i))) == NO_INDEX) {
            return ticker_at(list, i);
        }
    }
    return NULL;
}

/* Arrays of texts; *ret NULL when absent. False: of the wrong type. */
static bool get_names(json_t *params, enum channel channel, json_t **ret)
{
    json_t *v = json_object_get(params, channel == CH_PYTH ? "underlying_tickers" : "index_ids");
    *ret = json_is_null(v) ? NULL : v;
    for (size_t i = 0; i < json_array_size(*ret); i++) {
        if (!json_is_string(json_array_get(*ret, i))) {
            return false;
        }
    }
    return *ret == NULL || json_is_array(*ret);
}

static bool follows_names(enum channel channel)
{
    return channel == CH_CFBENCHMARKS || channel == CH_CFBENCHMARKS_5HZ || channel == CH_PYTH;
}

/* user_filter, shard_factor and shard_key: 0, or the error. */
static int check_communications(json_t *params)
{
    const json_t *filter = json_object_get(params, "user_filter");
    const json_t *factor = json_object_get(params, "shard_factor");
    const json_t *key = json_object_get(params, "shard_key");
    if (filter != NULL && !json_is_null(filter)) {
        const char *s = json_string_value(filter);
        if (s == NULL || (s[0] != '\0' && strcmp(s, "self") != 0)) {
            return 11;
        }
    }
    bool has_factor = factor != NULL && !json_is_null(factor);
    bool has_key = key != NULL && !json_is_null(key);
    if ((has_factor && !json_is_integer(factor)) || (has_key && !json_is_integer(key))) {
        return 11;
    }
    if (has_factor && json_integer_value(factor) <= 0) {
        return 19;
    }
    if (has_factor && json_integer_value(factor) > 100) {
        return 22;
    }
    if (has_key && !has_factor) {
        return 20;
    }
    if (has_key &&
        (json_integer_value(key) < 0 || json_integer_value(key) >= json_integer_value(factor))) {
        return 21;
    }
    return 0;
}

/* --- subscribe --- */

static void first_data(struct sim *sim, struct sub *s, const char *ticker, bool initial)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (s->channel == CH_BOOK && market != NO_INDEX) {
        emit_snapshot(sim, s, market, 0);
    } else if (s->channel == CH_BOOK) {
        emit_unknown_snapshot(sim, s, ticker, 0);
    } else if (s->channel == CH_TICKER && initial && market != NO_INDEX) {
        emit_ticker(sim, s, market);
    }
}

struct subscribe {
    uint64_t id;
    json_t *params;
    struct named named;
    bool initial, use_yes_price, skip_ack;
};

/* 0, or the error of this channel alone. */
static int check_channel(const struct sim *sim, struct sim_conn *c, enum channel channel,
                         const struct subscribe *q, const char **ret_market)
{
    json_t *names = NULL;
    if (c->user == NO_INDEX && !channel_public(channel)) {
        return 9;
    }
    if (channel == CH_COMMUNICATIONS) {
        return check_communications(q->params);
    }
    if (follows_names(channel)) {
        return get_names(q->params, channel, &names) ? 0 : 11;
    }
    if (!channel_has_markets(channel)) {
        return 0;
    }
    bool ids = q->named.tickers != NULL && q->named.by_id;
    if (channel == CH_BOOK && (q->named.tickers == NULL || ids)) {
        return 14;
    }
    if (ids && channel != CH_TICKER) {
        return 11; /* ids are the ticker channel's; to ignore them would mean every market */
    }
    *ret_market = not_found(sim, q->named.tickers);
    if (*ret_market != NULL) {
        return 16;
    }
    return over_limit(sim, c, sub_of_channel(c, channel), q->named.tickers) ? 26 : 0;
}

/* What the subscription follows now; *ret_fresh: the tickers that are new to it. */
static void take_markets(struct sim *sim, struct sub *s, const json_t *tickers, json_t *fresh)
{
    if (tickers == NULL) {
        sub_take_all(sim, s);
    }
    for (size_t i = 0; i < json_array_size(tickers); i++) {
        if (sub_add_ticker(sim, s, ticker_at(tickers, i))) {
            json_array_append(fresh, json_array_get(tickers, i));
        }
    }
}

static void send_first(struct sim *sim, struct sub *s, const json_t *fresh, bool initial)
{
    for (size_t i = 0; i < json_array_size(fresh); i++) {
        first_data(sim, s, ticker_at(fresh, i), initial);
    }
    for (uint32_t i = 0; s->all && s->channel == CH_TICKER && initial && i < sim->n_markets; i++) {
        emit_ticker(sim, s, i);
    }
}

static struct sub *subscribe_one(struct sim *sim, struct sim_conn *c, enum channel channel,
                                 const struct subscribe *q, json_t *fresh)
{
    struct sub *s = sub_of_channel(c, channel);
    if (s == NULL) {
        s = sub_create(sim, c, channel);
        s->use_yes_price = q->use_yes_price;
        s->skip_ack = q->skip_ack;
        s->by_id = q->named.tickers != NULL && q->named.by_id;
    }
    ws_subscribed(sim, s, q->id);
    if (channel_has_markets(channel)) {
        take_markets(sim, s, q->named.tickers, fresh);
    }
    json_t *names = NULL;
    if (follows_names(channel) && get_names(q->params, channel, &names) && names != NULL) {
        json_decref(s->names);
        s->names = json_deep_copy(names);
    }
    sim->client_came |= channel == CH_BOOK;
    return s;
}

static void subscribe_channels(struct sim *sim, struct sim_conn *c, const json_t *channels,
                               const struct subscribe *q)
{
    struct {
        struct sub *s;
        json_t *fresh;
    } later[CH_MAX];
    size_t n_later = 0;
    for (size_t i = 0; i < json_array_size(channels) && !c->closing; i++) {
        const char *name = ticker_at(channels, i);
        enum channel channel = name != NULL ? channel_parse(name) : CH_MAX;
        const char *market = NULL;
        int code = channel == CH_MAX ? 8 : check_channel(sim, c, channel, q, &market);
        if (code != 0) {
            ws_error(sim, c, q->id, code, market);
            continue;
        }
        json_t *fresh = json_array();
        struct sub *s = subscribe_one(sim, c, channel, q, fresh);
        if (sim->config.rules.acks_first && n_later < CH_MAX) {
            later[n_later].s = s;
            later[n_later++].fresh = fresh;
        } else {
            send_first(sim, s, fresh, q->initial);
            json_decref(fresh);
        }
    }
    for (size_t i = 0; i < n_later; i++) {
        send_first(sim, later[i].s, later[i].fresh, q->initial);
        json_decref(later[i].fresh);
    }
}

void ws_cmd_subscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    json_t *channels = json_object_get(params, "channels");
    if (channels == NULL || json_is_null(channels) ||
        (json_is_array(channels) && json_array_size(channels) == 0)) {
        ws_error(sim, c, id, 3, NULL);
        return;
    }
    struct subscribe q = {.id = id, .params = params, .named = named_markets(sim, params)};
    if (!json_is_array(channels) || q.named.code != 0 ||
        !get_flag(params, "send_initial_snapshot", &q.initial) ||
        !get_flag(params, "use_yes_price", &q.use_yes_price) ||
        !get_flag(params, "skip_ticker_ack", &q.skip_ack)) {
        ws_error(sim, c, id, 11, NULL);
    } else {
        subscribe_channels(sim, c, channels, &q);
    }
    json_decref(q.named.tickers);
}

/* --- unsubscribe --- */

void ws_cmd_unsubscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    json_t *sids = json_object_get(params, "sids");
    if (sids == NULL || json_is_null(sids) || (json_is_array(sids) && json_array_size(sids) == 0)) {
        ws_error(sim, c, id, 4, NULL);
        return;
    }
    if (!json_is_array(sids)) {
        ws_error(sim, c, id, 11, NULL);
        return;
    }
    for (size_t i = 0; i < json_array_size(sids); i++) {
        json_t *v = json_array_get(sids, i);
        struct sub *s = json_is_integer(v) ? sub_find(c, (uint64_t)json_integer_value(v)) : NULL;
        if (s == NULL) {
            ws_error(sim, c, id, json_is_integer(v) ? 7 : 11, NULL);
            continue;
        }
        ws_unsubscribed(sim, s, id);
        sub_end(sim, s);
    }
}

/* --- update_subscription --- */

static void answer_snapshots(struct sim *sim, struct sub *s, uint64_t id, const json_t *tickers)
{
    bool counted = sim->config.rules.get_snapshot_seq;
    for (size_t i = 0; i < json_array_size(tickers) && !s->dead; i++) {
        const char *ticker = ticker_at(tickers, i);
        uint32_t market = sim_find_market(sim, text_of(ticker));
        uint64_t seq = s->seq;
        s->seq -= !counted && seq > 0; /* it repeats the last one and leaves the count alone */
        if (market != NO_INDEX) {
            emit_snapshot(sim, s, market, id);
        } else {
            emit_unknown_snapshot(sim, s, ticker, id);
        }
        s->seq = counted || s->dead ? s->seq : seq;
    }
}

static void change_markets(struct sim *sim, struct sub *s, uint64_t id, bool add,
                           const struct named *named, bool initial)
{
    json_t *fresh = json_array();
    for (size_t i = 0; i < json_array_size(named->tickers); i++) {
        const char *ticker = ticker_at(named->tickers, i);
        if (!add) {
            sub_remove_ticker(sim, s, ticker);
        } else if (sub_add_ticker(sim, s, ticker)) {
            json_array_append(fresh, json_array_get(named->tickers, i));
        }
    }
    s->by_id = named->by_id;
    ws_ok(sim, s, id);
    for (size_t i = 0; i < json_array_size(fresh); i++) {
        if (s->channel != CH_BOOK || sim->config.rules.add_markets_snapshots) {
            first_data(sim, s, ticker_at(fresh, i), initial);
        }
    }
    json_decref(fresh);
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

/* Index ids or underlying tickers of a subscription that follows those. */
static int update_names(struct sim *sim, struct sub *s, uint64_t id, const char *action,
                        json_t *params)
{
    bool pyth = s->channel == CH_PYTH;
    bool add = strcmp(action, pyth ? "subscribe_underlyings" : "subscribe_indices") == 0;
    json_t *names = NULL;
    if (strcmp(action, pyth ? "underlying_list" : "indexlist") == 0) {
        ws_names(sim, s, id);
        return 0;
    }
    if (!add && strcmp(action, pyth ? "unsubscribe_underlyings" : "unsubscribe_indices") != 0) {
        return 13;
    }
    if (!get_names(params, s->channel, &names)) {
        return 11;
    }
    if (json_array_size(names) == 0) {
        return pyth ? 28 : 24;
    }
    json_decref(s->names);
    s->names = add ? json_deep_copy(names) : NULL;
    ws_ok(sim, s, id);
    return 0;
}

/* 0, or the error; *ret_market: which market it is about. */
static int check_update(const struct sim *sim, const struct sub *s, const char *action,
                        const struct named *named, const char **ret_market)
{
    bool snapshot = strcmp(action, "get_snapshot") == 0;
    bool add = strcmp(action, "add_markets") == 0;
    if (!channel_has_markets(s->channel) || (snapshot && s->channel != CH_BOOK) ||
        (!snapshot && !add && strcmp(action, "delete_markets") != 0)) {
        return 13;
    }
    if (named->code != 0) {
        return named->code;
    }
    if (named->tickers == NULL || (named->by_id && s->channel == CH_BOOK)) {
        return 14;
    }
    if (named->by_id && s->channel != CH_TICKER) {
        return 11;
    }
    *ret_market = add || snapshot ? not_found(sim, named->tickers) : NULL;
    if (*ret_market != NULL) {
        return 16;
    }
    return add && over_limit(sim, s->conn, s, named->tickers) ? 26 : 0;
}

static void update_markets(struct sim *sim, struct sub *s, uint64_t id, const char *action,
                           json_t *params)
{
    struct named named = named_markets(sim, params);
    const char *market = NULL;
    bool initial = false;
    int code = check_update(sim, s, action, &named, &market);
    if (code == 0 && !get_flag(params, "send_initial_snapshot", &initial)) {
        code = 11;
    }
    if (code != 0) {
        ws_error(sim, s->conn, id, code, market);
    } else if (strcmp(action, "get_snapshot") == 0) {
        answer_snapshots(sim, s, id, named.tickers);
    } else {
        change_markets(sim, s, id, strcmp(action, "add_markets") == 0, &named, initial);
    }
    json_decref(named.tickers);
}

void ws_cmd_update(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params)
{
    struct sub *s = NULL;
    int code = update_target(c, params, &s);
    const json_t *word = json_object_get(params, "action");
    const char *action = json_string_value(word);
    if (code == 0 && action == NULL) {
        code = word == NULL || json_is_null(word) ? 15 : 11;
    }
    if (code == 0 && !follows_names(s->channel)) {
        update_markets(sim, s, id, action, params);
        return;
    }
    code = code == 0 ? update_names(sim, s, id, action, params) : code;
    if (code != 0) {
        ws_error(sim, c, id, code, NULL);
    }
}
