/* ws_fixture.h - commands and frames in few words, for the tests of the WebSocket side. */
#ifndef WS_FIXTURE_H
#define WS_FIXTURE_H

#include "sim_fixture.h"

/* Formatted text with ' for ", valid until the eighth call after it. */
static const char *q(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *q(const char *format, ...)
{
    static char texts[8][4096];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof texts[0], format, ap);
    va_end(ap);
    for (char *s = text; *s != '\0'; s++) {
        *s = *s == '\'' ? '"' : *s;
    }
    return text;
}

static inline size_t frames(const struct peer *p)
{
    return json_array_size(p->frames);
}

static inline int64_t num(const struct peer *p, int i, const char *path)
{
    return json_integer_value(fix_get(fix_nth(p, i), path));
}

static inline const char *str(const struct peer *p, int i, const char *path)
{
    return fix_text(fix_nth(p, i), path);
}

static inline bool has(const struct peer *p, int i, const char *path)
{
    return fix_get(fix_nth(p, i), path) != NULL;
}

static inline void expect_code(const struct peer *p, int64_t id, int code)
{
    if (strcmp(str(p, -1, "type"), "error") != 0 || num(p, -1, "msg/code") != code ||
        num(p, -1, "id") != id) {
        char *t = json_dumps(fix_nth(p, -1), 0);
        fail_msg("wanted error %d of command %d, got %s", code, (int)id, t);
    }
    assert_true(strlen(str(p, -1, "msg/msg")) > 4);
}

static inline const char *ticker(const struct fix *f, size_t i)
{
    return sim_market(f->sim, i);
}

static inline struct sim_config still_config(void)
{
    struct sim_config c = sim_config_default();
    c.markets = 9;
    c.rate = 1e-9;
    c.duration_ns = 0;
    return c;
}

static inline struct peer *subscribed(struct fix *f, const char *key, const char *params)
{
    struct peer *p = fix_connect(f, key);
    fix_frame(f, p, q("{'id':1,'cmd':'subscribe','params':{%s}}", params));
    return p;
}

/* An order of 2 contracts in the first market; the status of the answer. */
static inline int order(struct fix *f, const char *key, const char *client, const char *side,
                        const char *price, const char *tif)
{
    f->now += NS_PER_SEC;
    f->wall += NS_PER_SEC;
    return fix_request(f, key, "POST", "/portfolio/events/orders",
                       q("{'ticker':'%s','client_order_id':'%s','side':'%s','count':'2.00',"
                         "'price':'%s','time_in_force':'%s',"
                         "'self_trade_prevention_type':'taker_at_cross'}",
                         ticker(f, 0), client, side, price, tif));
}

/* Moves the book of the first market without a trade. */
static inline void rest(struct fix *f, const char *client)
{
    assert_int_equal(order(f, KEY_B, client, "bid", "0.0100", "good_till_canceled"), 201);
}

static inline int64_t counted(struct fix *f, const char *fault)
{
    json_t *d = fix_dump(f);
    int64_t n = json_integer_value(fix_get(d, q("counters/faults/%s", fault)));
    json_decref(d);
    return n;
}

static inline size_t of_type(const struct peer *p, const char *type)
{
    size_t n = 0;
    for (size_t i = 0; i < frames(p); i++) {
        n += strcmp(str(p, (int)i, "type"), type) == 0;
    }
    return n;
}

static inline void forget(struct peer *p)
{
    json_array_clear(p->frames);
}

#endif
