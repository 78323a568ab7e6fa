/*
 * sim_world.h - what the targets around a simulator share: who may sign, lines of an input, orders
 * and connections of a user, and the account books at the end.
 */
#ifndef FUZZ_SIM_WORLD_H
#define FUZZ_SIM_WORLD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "sim/sim.h"

#define KEY     "a0000000-0000-4000-8000-00000000000a"
#define KEY_B   "b0000000-0000-4000-8000-00000000000b"
#define WALL    (INT64_C(1795420800) * NS_PER_SEC)
#define BALANCE (1000 * USD_ONE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any_signature(void *self, struct text key_id, const char *text, size_t n,
                          struct text signature)
{
    (void)self;
    (void)key_id;
    (void)text;
    return n > 0 && signature.n > 0;
}

static bool any_key(void *self, struct text key_id)
{
    (void)self;
    (void)key_id;
    return true;
}

static const struct sim_verifier anybody = {NULL, any_signature, any_key};

/* The line that begins at *s, without its end; *s and *size go behind it. */
static inline struct text next_line(const char **s, size_t *size)
{
    const char *end = memchr(*s, '\n', *size);
    size_t n = end != NULL ? (size_t)(end - *s) : *size;
    struct text line = {*s, n};
    n += end != NULL;
    *s += n;
    *size -= n;
    return line;
}

/* As a user's signature says it: milliseconds. Valid until the next call. */
static inline struct sim_auth auth_of(const char *key, wall_ns_t wall)
{
    static char ts[32];
    snprintf(ts, sizeof ts, "%lld", (long long)(wall / NS_PER_MS));
    return (struct sim_auth){text_of(key), text_of(ts), TEXT("s")};
}

/* NULL when the simulator lets it not in. */
static inline struct sim_conn *connect_as(struct sim *sim, const struct sim_auth *auth, void *peer,
                                          wall_ns_t wall, mono_ns_t now)
{
    struct sim_conn *conn = NULL;
    struct buf body = {.max = 4096};
    int status = sim_ws_open(sim, auth, TEXT("/trade-api/ws/v2"), peer, wall, now, &conn, &body);
    buf_finish(&body);
    return status == 0 ? conn : NULL;
}

/* Up to two seconds pass. */
static inline void pass_time(struct sim *sim, const char *ms, wall_ns_t *wall, mono_ns_t *now)
{
    long n = strtol(ms, NULL, 10);
    n = n < 0 ? 0 : n > 2000 ? 2000 : n;
    *wall += n * NS_PER_MS;
    *now += n * NS_PER_MS;
    sim_tick(sim, *wall, *now);
}

/* What a simulator says of itself at the end; the caller's. */
static inline json_t *dump_of(struct sim *sim)
{
    struct buf b = {.max = (size_t)256 << 20};
    sim_dump(sim, &b);
    json_t *d = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    ensure(d != NULL);
    buf_finish(&b);
    return d;
}

/* The dump is JSON, and all money in it together is what there was at the start and came since. */
static inline void check_money(struct sim *sim, usd_t start)
{
    static const char *const parts[] = {"cash", "anonymous_cash", "collateral", "fees",
                                        "cut",  "deposits"};
    json_t *d = dump_of(sim);
    usd_t sum = 0;
    for (size_t i = 0; i < 6; i++) {
        const char *s = json_string_value(json_object_get(json_object_get(d, "money"), parts[i]));
        usd_t v = 0;
        ensure(s != NULL && usd_parse(s, strlen(s), &v) == ST_OK);
        sum += i < 5 ? v : -v;
    }
    ensure(sum == start);
    json_decref(d);
}

#endif
