/*
 * rest_fixture.h - signed requests against an exchange with one empty market, two users (KEY_A,
 * KEY_B), and checks of the shape of answers.
 */
#ifndef REST_FIXTURE_H
#define REST_FIXTURE_H

#include "sim_fixture.h"

#define GTC "good_till_canceled"
#define IOC "immediate_or_cancel"
#define FOK "fill_or_kill"

#define MARKET "KXT-26DEC31-A"
#define OTHER  "KXT-26DEC31-B" /* the same event */
#define ALIEN  "KXU-26DEC31-A" /* another one */
#define EVENT  "KXT-26DEC31"

#define UUID_0 "00000000-0000-4000-8000-000000000000"

/* One action of the exchange's own (sim_command); it must be done. */
static inline void rest_act(struct fix *f, const char *text)
{
    json_t *action = json_loads(text, 0, NULL);
    struct buf reply = {.max = 1 << 20};
    struct err err = {0};
    assert_non_null(action);
    if (sim_command(f->sim, action, f->wall, f->now, &reply, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(action);
    buf_finish(&reply);
}

static inline struct fix rest_with(struct sim_config c)
{
    c.markets = 0;
    /* Budgets are the point of test_budget.c only. */
    c.read_rate = c.write_rate = c.read_capacity = c.write_capacity = 1000000;
    struct fix f = fix_make(c);
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"" MARKET "\"}");
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"" OTHER "\"}");
    rest_act(&f, "{\"do\":\"create_market\",\"market\":\"" ALIEN "\"}");
    return f;
}

static inline struct fix rest_make(void)
{
    return rest_with(sim_config_default());
}

static inline struct fix rest_ruled(struct sim_rules rules)
{
    struct sim_config c = sim_config_default();
    c.rules = rules;
    return rest_with(c);
}

/* The body of a create; text that holds until the next call. */
static inline const char *order_text(const char *ticker, const char *client, const char *side,
                                     const char *count, const char *price, const char *tif,
                                     const char *more)
{
    static char text[2048];
    snprintf(text, sizeof text,
             "{\"ticker\":\"%s\",\"client_order_id\":\"%s\",\"side\":\"%s\",\"count\":\"%s\","
             "\"price\":\"%s\",\"time_in_force\":\"%s\",\"self_trade_prevention_type\":"
             "\"taker_at_cross\"%s}",
             ticker, client, side, count, price, tif, more);
    return text;
}

/* Create an order in MARKET, a second after what was before. */
static inline int place(struct fix *f, const char *key, const char *client, const char *side,
                        const char *count, const char *price, const char *tif, const char *more)
{
    fix_advance(f, NS_PER_SEC);
    return fix_request(f, key, "POST", "/portfolio/events/orders",
                       order_text(MARKET, client, side, count, price, tif, more));
}

/* The same, and it must be taken; its id is copied. */
static inline void placed(struct fix *f, const char *key, const char *client, const char *side,
                          const char *count, const char *price, const char *more, char id[64])
{
    if (place(f, key, client, side, count, price, GTC, more) != 201) {
        fail_msg("%s", f->resp.body.p);
    }
    snprintf(id, 64, "%s", fix_text(f->body, "order_id"));
}

static inline int rest_get(struct fix *f, const char *key, const char *path)
{
    return fix_request(f, key, "GET", path, NULL);
}

/* A request whose path holds an id, as in "/portfolio/orders/%s". */
static inline int rest_at(struct fix *f, const char *key, const char *method, const char *pattern,
                          const char *id, const char *body)
{
    char path[512];
    const char *hole = strstr(pattern, "%s");
    assert_non_null(hole);
    snprintf(path, sizeof path, "%.*s%s%s", (int)(hole - pattern), pattern, id, hole + 2);
    return fix_request(f, key, method, path, body);
}

#define assert_code(f, status_, want, code_)                                                       \
    do {                                                                                           \
        int got_ = (status_);                                                                      \
        if (got_ != (want) || strcmp(fix_text((f)->body, "error/code"), (code_)) != 0) {           \
            fail_msg("status %d, body %s", got_, (f)->resp.body.n > 0 ? (f)->resp.body.p : "");    \
        }                                                                                          \
    } while (0)

#define assert_flat(f, status_, want, code_)                                                       \
    do {                                                                                           \
        int got_ = (status_);                                                                      \
        if (got_ != (want) || strcmp(fix_text((f)->body, "code"), (code_)) != 0) {                 \
            fail_msg("status %d, body %s", got_, (f)->resp.body.n > 0 ? (f)->resp.body.p : "");    \
        }                                                                                          \
    } while (0)

#define assert_status(f, status_, want)                                                            \
    do {                                                                                           \
        int got_ = (status_);                                                                      \
        if (got_ != (want)) {                                                                      \
            fail_msg("status %d, body %s", got_, (f)->resp.body.n > 0 ? (f)->resp.body.p : "");    \
        }                                                                                          \
    } while (0)

/* --- shapes --- */

static inline bool decimals_are(const char *s, size_t n)
{
    const char *dot = strchr(s, '.');
    return dot != NULL && strlen(dot + 1) == n && strspn(s, "-0123456789.") == strlen(s);
}

static inline bool kind_fits(const json_t *v, char kind)
{
    const char *s = json_string_value(v);
    switch (kind) {
    case 'p': /* price: 4 decimals */
        return s != NULL && decimals_are(s, 4);
    case 'q': /* count: 2 decimals */
        return s != NULL && decimals_are(s, 2);
    case 'm': /* money: 6 decimals */
        return s != NULL && decimals_are(s, 6);
    case 't': /* time */
        return s != NULL && strlen(s) >= 20 && s[10] == 'T' && s[strlen(s) - 1] == 'Z';
    case 'u': /* UUID */
        return s != NULL && strlen(s) == 36 && s[8] == '-' && s[23] == '-';
    case 's':
        return s != NULL;
    case 'i':
        return json_is_integer(v);
    case 'b':
        return json_is_boolean(v);
    case 'a':
        return json_is_array(v);
    case 'o':
        return json_is_object(v);
    case 'n':
        return json_is_null(v);
    default:
        return false;
    }
}

/* shape: "order_id:u average_fill_price?:p": every key of the object is in it, and every one
 * without '?' is there, each of its kind. */
static inline void assert_shape(const json_t *j, const char *shape)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", shape);
    size_t seen = 0;
    char *rest = NULL;
    if (!json_is_object(j)) {
        fail_msg("no object for %s", shape);
    }
    for (char *s = strtok_r(copy, " ", &rest); s != NULL; s = strtok_r(NULL, " ", &rest)) {
        char *colon = strchr(s, ':');
        assert_non_null(colon);
        *colon = '\0';
        bool optional = colon[-1] == '?';
        if (optional) {
            colon[-1] = '\0';
        }
        const json_t *v = json_object_get(j, s);
        if (v == NULL && !optional) {
            fail_msg("%s is missing", s);
        }
        if (v != NULL && !kind_fits(v, colon[1])) {
            fail_msg("%s is no '%c'", s, colon[1]);
        }
        seen += v != NULL;
    }
    if (seen != json_object_size(j)) {
        char *text = json_dumps(j, 0);
        fail_msg("keys beside %s: %s", shape, text);
    }
}

#define ORDER_SHAPE                                                                                \
    "action?:s book_side:s cancel_order_on_pause:b client_order_id:s created_time:t "              \
    "exchange_index:i expiration_time?:t fill_count_fp:q initial_count_fp:q last_update_time:t "   \
    "maker_fees_dollars:m maker_fill_cost_dollars:m no_price_dollars:p order_group_id?:u "         \
    "order_id:u outcome_side:s remaining_count_fp:q self_trade_prevention_type:s side?:s "         \
    "status:s subaccount_number:i taker_fees_dollars:m taker_fill_cost_dollars:m ticker:s type:s " \
    "user_id:u yes_price_dollars:p"

/* The captured or documented body, but "service" (gone since 2026-08-06). */
static inline void expect_like(struct fix *f, const char *file)
{
    char path[512];
    char name[128];
    snprintf(name, sizeof name, "reference/messages/%s", file);
    if (!shared_path(name, path, sizeof path)) {
        return;
    }
    json_t *want = json_load_file(path, 0, NULL);
    assert_non_null(want);
    json_object_del(json_object_get(want, "error"), "service");
    if (!json_equal(want, f->body)) {
        fail_msg("%s: got %s", file, f->resp.body.p);
    }
    json_decref(want);
}

/* What the keys of a captured object are, ours has too, and each has the same type; keys that the
 * exchange took away since are named in gone. */
static inline void expect_keys(const json_t *ours, const char *file, const char *path_in,
                               const char *gone)
{
    char path[512];
    char name[128];
    snprintf(name, sizeof name, "reference/messages/%s", file);
    if (!shared_path(name, path, sizeof path)) {
        return;
    }
    json_t *all = json_load_file(path, 0, NULL);
    const json_t *want = fix_get(all, path_in);
    assert_non_null(want);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)want, key, v)
    {
        const json_t *mine = json_object_get(ours, key);
        if (strstr(gone, key) == NULL && (mine == NULL || json_typeof(mine) != json_typeof(v))) {
            fail_msg("%s: key %s", file, key);
        }
    }
    json_decref(all);
}

#endif
