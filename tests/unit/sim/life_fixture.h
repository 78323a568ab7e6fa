/*
 * life_fixture.h - actions with their refusals, and the lifecycle messages that a connection got.
 */
#ifndef LIFE_FIXTURE_H
#define LIFE_FIXTURE_H

#include "rest_fixture.h"

#define SEC NS_PER_SEC

/* An action that must be refused, with a text that says why. */
static inline void life_refused(struct fix *f, const char *text, const char *why)
{
    json_t *action = json_loads(text, 0, NULL);
    struct buf reply = {.max = 1 << 20};
    struct err err = {0};
    assert_non_null(action);
    if (sim_command(f->sim, action, f->wall, f->now, &reply, &err) == ST_OK) {
        fail_msg("%s was done", text);
    }
    if (strstr(err.text, why) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, err.text, why);
    }
    json_decref(action);
    buf_finish(&reply);
}

/* A connection that follows channels; with markets: a JSON text of tickers, or NULL. */
static inline struct peer *life_follow_channels(struct fix *f, const char *channels,
                                                const char *tickers)
{
    char text[1024];
    struct peer *p = fix_connect(f, KEY_A);
    snprintf(text, sizeof text, "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":%s%s%s}}",
             channels, tickers != NULL ? ",\"use_yes_price\":false,\"market_tickers\":" : "",
             tickers != NULL ? tickers : "");
    fix_frame(f, p, text);
    return p;
}

/* Frames so far of a type; the n-th (from 0) is left in *ret, NULL: there are not so many. */
static inline size_t life_frames(const struct peer *p, const char *type, size_t n, json_t **ret)
{
    size_t seen = 0;
    *ret = NULL;
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *j = json_array_get(p->frames, i);
        if (strcmp(fix_text(j, "type"), type) == 0) {
            *ret = seen == n ? j : *ret;
            seen++;
        }
    }
    return seen;
}

/* The last message about a market; its msg must be exactly this JSON. */
static inline void life_told(const struct peer *p, const char *type, const char *msg)
{
    json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(p->frames); i++) {
        json_t *j = json_array_get(p->frames, i);
        last = strcmp(fix_text(j, "type"), type) == 0 ? json_object_get(j, "msg") : last;
    }
    json_t *want = json_loads(msg, 0, NULL);
    assert_non_null(want);
    if (last == NULL || !json_equal(last, want)) {
        char *got = last != NULL ? json_dumps(last, JSON_COMPACT) : NULL;
        fail_msg("told %s instead of %s", got != NULL ? got : "nothing", msg);
    }
    json_decref(want);
}

static inline void life_status(struct fix *f, const char *market, const char *status)
{
    char path[128];
    snprintf(path, sizeof path, "/markets/%s", market);
    assert_int_equal(rest_get(f, NULL, path), 200);
    assert_string_equal(fix_text(f->body, "market/status"), status);
}

static inline void life_forget(struct peer *p)
{
    json_array_clear(p->frames);
}

#endif
