/*
 * real_guard.c - the guard: its logic (cli/guard_watch.h, cli/guard_act.h) with the world's clock,
 * the heartbeat that the client writes, and one request at a time over a network of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "cli/guard_act.h"
#include "world/real_int.h"

#define LOOK_NS    (200 * NS_PER_MS)
#define BEAT_NS    NS_PER_SEC
#define BEAT_S     3
#define EXCHANGE_S 6

struct guarding {
    struct guard_watch watch;
    struct heartbeat file;
    bool written;
    mono_ns_t beat_at, look_at;
    struct guard_act act;
    bool acting, acted, asking;
    mono_ns_t arrive_at, answer_at, again_at;
    bool arrived;
    int status;
    struct buf body;
};

void guard_init(struct real *r)
{
    if (!r->config.guard) {
        return;
    }
    r->guarding = calloc(1, sizeof *r->guarding);
    ensure(r->guarding != NULL);
    buf_init(&r->guarding->body, (size_t)4 << 20);
}

void guard_finish(struct real *r)
{
    if (r->guarding != NULL) {
        buf_finish(&r->guarding->body);
        free(r->guarding);
    }
}

/* --- the client's heartbeat --- */

void guard_beat(struct real *r, bool stopped)
{
    struct guarding *g = r->guarding;
    if (g == NULL || (r->now < g->beat_at && !stopped)) {
        return;
    }
    wall_ns_t wall = real_wall(r);
    g->beat_at = r->now + BEAT_NS;
    g->written = true;
    g->file = (struct heartbeat){
        .beat_ms = wall / NS_PER_MS,
        .exchange_ms = r->heard == 0 ? 0 : (wall - (r->now - r->heard)) / NS_PER_MS,
        .stopped = stopped,
        .trading = true,
        .pid = r->generation,
    };
    if (r->group[0] != '\0') {
        g->file.n_groups = 1;
        g->file.shards[0] = r->group_shard;
        memcpy(g->file.groups[0], r->group, sizeof r->group);
    }
}

/* --- the guard's process --- */

static const char *trouble(const struct real *r, char *buf, size_t cap)
{
    return guard_watch_trouble(&r->guarding->watch, BEAT_S, EXCHANGE_S, r->now, buf, cap);
}

static void answer(struct real *r)
{
    struct guarding *g = r->guarding;
    g->asking = false;
    switch (guard_act_answer(&g->act, g->status, g->body.n > 0 ? g->body.p : "", g->body.n)) {
    case GUARD_NEXT:
        break;
    case GUARD_AGAIN:
        g->again_at = r->now + GUARD_AGAIN_NS;
        break;
    case GUARD_DONE:
        g->acting = false;
        g->acted = true;
        r->count[REAL_GUARD_ACTED]++;
        real_trace(r, "the guard is done, %lld orders rest", (long long)g->act.left);
        break;
    }
}

/* The request reaches the exchange, or not. */
static void arrive(struct real *r)
{
    struct guarding *g = r->guarding;
    struct guard_request q;
    char path[192], ts[32];
    guard_act_request(&g->act, &q);
    snprintf(path, sizeof path, "%s%s", BASE, q.rest);
    snprintf(ts, sizeof ts, "%lld", (long long)(r->wall / NS_PER_MS));
    struct sim_http_req req = {
        .method = text_of(http_method_name(q.method)),
        .path = text_of(path),
        .query = text_of(q.query),
        .body = text_of(q.body),
        .content_type = TEXT("application/json"),
        .auth = {TEXT(REAL_KEY), text_of(ts), TEXT("s")},
    };
    g->arrived = true;
    g->status = 0;
    buf_clear(&g->body);
    if (real_happens(r, FAULT_NEVER_SENT)) {
        return;
    }
    sim_http(r->sim, &req, r->wall, r->now, &r->resp);
    real_trace(r, "guard: %s %s: %d", q.what, q.rest, r->resp.status);
    if (!r->resp.drop && !r->resp.cut && !real_happens(r, FAULT_CUT)) {
        g->status = r->resp.status;
        buf_add(&g->body, r->resp.body.p, r->resp.body.n);
    }
}

static void look(struct real *r)
{
    struct guarding *g = r->guarding;
    char why[160];
    g->look_at = r->now + LOOK_NS;
    if (g->written) {
        guard_watch_take(&g->watch, &g->file, r->now);
    }
    const char *t = trouble(r, why, sizeof why);
    if (t != NULL && !g->acting && !g->acted) {
        real_trace(r, "guard: %s", t);
        g->acting = true;
        g->again_at = r->now;
    } else if (t == NULL) {
        /* It looks after its orders again; a request that is under way goes on. */
        g->acting = g->acting && g->asking;
        g->acted = false;
    }
}

void guard_turn(struct real *r)
{
    struct guarding *g = r->guarding;
    if (g == NULL) {
        return;
    }
    if (r->now >= g->look_at) {
        look(r);
    }
    if (g->asking && !g->arrived && r->now >= g->arrive_at) {
        arrive(r);
    }
    if (g->asking && g->arrived && r->now >= g->answer_at) {
        answer(r);
    }
    if (!g->acting || g->asking) {
        return;
    }
    if (g->again_at != 0) {
        char why[160];
        if (r->now < g->again_at) {
            return;
        }
        if (trouble(r, why, sizeof why) == NULL) {
            g->acting = false;
            return;
        }
        g->again_at = 0;
        guard_act_begin(&g->act, &g->watch, true);
    }
    g->asking = true;
    g->arrived = false;
    g->arrive_at = r->now + real_delay(r) / 2;
    g->answer_at = g->arrive_at + real_delay(r) / 2;
}

mono_ns_t guard_due(const struct real *r)
{
    const struct guarding *g = r->guarding;
    if (g == NULL) {
        return NS_NEVER;
    }
    mono_ns_t at = g->look_at;
    mono_ns_t ask = g->asking ? (g->arrived ? g->answer_at : g->arrive_at) : NS_NEVER;
    mono_ns_t again = g->acting && !g->asking ? g->again_at : NS_NEVER;
    at = ask < at ? ask : at;
    return again < at ? again : at;
}

bool guard_idle(const struct real *r)
{
    return r->guarding == NULL || !r->guarding->acting;
}

bool guard_acted(const struct real *r)
{
    return r->guarding != NULL && r->guarding->acted;
}
