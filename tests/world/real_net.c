#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "world/real_int.h"

/* --- queues of texts --- */

static void push(struct textq *q, const char *p, size_t n, mono_ns_t at)
{
    if (q->head == q->n) {
        q->head = q->n = 0;
    }
    q->v = real_grow(q->v, q->n, &q->cap, sizeof *q->v);
    char *copy = malloc(n + 1);
    ensure(copy != NULL);
    memcpy(copy, p, n);
    copy[n] = '\0';
    q->last = at > q->last ? at : q->last; /* in order */
    q->v[q->n++] = (struct text_at){copy, n, q->last};
}

static void drop_all(struct textq *q)
{
    for (; q->head < q->n; q->head++) {
        free(q->v[q->head].p);
    }
    q->head = q->n = 0;
}

static bool take(struct textq *q, mono_ns_t now, struct text_at *ret)
{
    if (q->head == q->n || q->v[q->head].at > now) {
        return false;
    }
    *ret = q->v[q->head++];
    return true;
}

/* --- what the simulator does to connections --- */

static enum status on_send(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n)
{
    struct real *r = self;
    struct conn *c = peer;
    (void)conn;
    if (r->config.trace != NULL && n < 400 && strstr(s, "\"error\"") != NULL) {
        real_trace(r, "%s session hears %.*s", c->private_one ? "private" : "market", (int)n, s);
    }
    push(&c->in, s, n, r->now + real_delay(r) / 4);
    return ST_OK;
}

static void on_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    ((struct conn *)peer)->dead = true;
}

static void on_part(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                    size_t part)
{
    (void)s;
    (void)n;
    (void)part; /* half a frame is none for the client */
    on_close(self, conn, peer);
}

static void on_mute(void *self, struct sim_conn *conn, void *peer)
{
    struct real *r = self;
    (void)conn;
    ((struct conn *)peer)->silent_at = r->now + 10 * NS_PER_SEC;
}

struct sim_out net_sim_out(struct real *r)
{
    return (struct sim_out){
        .self = r, .send = on_send, .close = on_close, .send_part = on_part, .mute = on_mute};
}

/* --- the client's side of connections --- */

enum status net_send(void *conn, const char *text, size_t n)
{
    struct conn *c = conn;
    if (c->conn == NULL || c->dead) {
        return ST_CLOSED;
    }
    if (real_happens(c->r, FAULT_SEND_FULL)) {
        return ST_FULL;
    }
    real_trace(c->r, "%s session says %.*s", c->private_one ? "private" : "market",
               n < 200 ? (int)n : 200, text);
    push(&c->out, text, n, c->r->now + real_delay(c->r) / 4);
    return ST_OK;
}

void net_reconnect(void *conn, const char *reason)
{
    struct conn *c = conn;
    real_trace(c->r, "%s session wants a new connection: %s", c->private_one ? "private" : "market",
               reason);
    c->wants_new = true;
}

static void told_open(struct conn *c)
{
    struct real *r = c->r;
    if (c->private_one) {
        fill_listener_open(r->fills, r->now, real_wall(r));
    } else {
        feed_open(r->feed, r->now, real_wall(r));
    }
}

static void told_close(struct conn *c)
{
    struct real *r = c->r;
    if (c->private_one) {
        fill_listener_close(r->fills, "lost", r->now, real_wall(r));
    } else {
        feed_close(r->feed, "lost", r->now, real_wall(r));
    }
}

static void hang_up(struct conn *c)
{
    if (c->conn != NULL) {
        sim_ws_close(c->r->sim, c->conn);
    }
    c->conn = NULL;
    c->dead = c->wants_new = c->cut_off = false;
    c->silent_at = NS_NEVER;
    drop_all(&c->in);
    drop_all(&c->out);
}

static void dial(struct conn *c)
{
    struct real *r = c->r;
    char ts[32];
    snprintf(ts, sizeof ts, "%lld", (long long)(real_wall(r) / NS_PER_MS));
    struct sim_auth auth = {TEXT(REAL_KEY), text_of(ts), TEXT("s")};
    struct buf body = {.max = 4096};
    int status =
        sim_ws_open(r->sim, &auth, TEXT("/trade-api/ws/v2"), c, r->wall, r->now, &c->conn, &body);
    buf_finish(&body);
    if (status != 0) {
        c->conn = NULL;
        c->redial_at = r->now + 500 * NS_PER_MS;
        told_close(c);
        return;
    }
    told_open(c);
}

/* The client sees that its connection is gone. */
static void lost(struct conn *c)
{
    struct real *r = c->r;
    real_trace(r, "%s session is cut", c->private_one ? "private" : "market");
    hang_up(c);
    r->count[REAL_RECONNECT]++;
    c->redial_at = r->now + (mono_ns_t)rng_below(&r->rng, 1500) * NS_PER_MS;
    told_close(c);
}

static void conn_turn(struct conn *c)
{
    struct real *r = c->r;
    struct text_at t;
    if (c->cut_off) {
        lost(c);
    }
    if (c->conn == NULL && r->now >= c->redial_at) {
        dial(c);
    }
    while (c->conn != NULL && !c->wants_new && take(&c->in, r->now, &t)) {
        if (real_step(r)) {
            size_t n = t.n > 0 && t.p[t.n - 1] == '\n' ? t.n - 1 : t.n;
            wall_ns_t wall = real_wall(r);
            enum status st = c->private_one ? fill_listener_frame(r->fills, t.p, n, r->now, wall)
                                            : feed_frame(r->feed, t.p, n, r->now, wall);
            (void)st;
            r->heard = r->now;
        }
        free(t.p);
    }
    if (c->conn != NULL && !c->dead && c->silent_at == NS_NEVER && r->now >= c->ping_at) {
        c->ping_at = r->now + NS_PER_SEC; /* the exchange's pings show that it lives */
        r->heard = r->now;
        if (c->private_one) {
            fill_listener_heartbeat(r->fills, r->now);
        } else {
            feed_heartbeat(r->feed, r->now);
        }
    }
    while (c->conn != NULL && !c->dead && take(&c->out, r->now, &t)) {
        sim_ws_frame(r->sim, c->conn, (struct text){t.p, t.n}, r->wall, r->now);
        free(t.p);
    }
    bool gone = c->wants_new || r->now >= c->silent_at || (c->dead && c->in.head == c->in.n);
    if (c->conn != NULL && gone) {
        lost(c);
    }
}

/* --- HTTP --- */

static struct http_call *call_free(struct real *r)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        if (r->calls[i].generation == 0) {
            return &r->calls[i];
        }
    }
    return NULL;
}

static void call_done(struct http_call *c)
{
    free(c->path);
    free(c->query);
    free(c->body);
    free(c->answer);
    memset(c, 0, sizeof *c);
}

static bool is_op(const struct http_call *c, enum gw_op op)
{
    bool amend = strstr(c->path, "/amend") != NULL;
    bool create = c->method == HTTP_POST && strcmp(c->path, BASE "/portfolio/events/orders") == 0;
    return op == GW_AMEND ? amend : op == GW_CANCEL ? c->method == HTTP_DELETE : create;
}

/* The death that a test wants; what it does at the exchange is done when it arrives. */
static void die(struct real *r, struct http_call *c)
{
    c->death = r->death;
    r->death = DEATH_NONE;
    if (c->death == DEATH_BEFORE_SEND || c->death == DEATH_HALF_SENT) {
        c->arrives = false;
        c->fate = c->death == DEATH_BEFORE_SEND ? HTTP_NEVER_SENT : HTTP_CUT;
        c->answer_at = r->now;
    }
    c->bare = c->death == DEATH_BARE_2XX;
}

static void draw_fate(struct real *r, struct http_call *c)
{
    c->arrives = true;
    c->arrive_at = r->now + real_delay(r) / 2;
    c->answer_at = NS_NEVER; /* known when it arrives */
    if (r->death != DEATH_NONE && is_op(c, r->death_op)) {
        die(r, c);
        return;
    }
    if (real_happens(r, FAULT_NEVER_SENT)) {
        c->arrives = false;
        c->fate = HTTP_NEVER_SENT;
        c->answer_at = r->now + real_delay(r) / 2;
    } else if (real_happens(r, FAULT_HALF_SENT)) {
        c->arrives = false;
        c->fate = HTTP_CUT;
        c->answer_at = r->now + real_delay(r) / 2;
    } else if (real_happens(r, FAULT_CUT)) {
        c->fate = HTTP_CUT;
        c->answer_at = r->now + real_delay(r);
    } else if (real_happens(r, FAULT_LATE)) {
        c->arrive_at = r->now + (mono_ns_t)rng_below(&r->event, 8000) * NS_PER_MS;
    }
    c->bare = c->method != HTTP_GET && real_happens(r, FAULT_BARE);
    c->denied = !c->bare && real_happens(r, FAULT_DENIED);
}

static void send_requests(struct real *r)
{
    struct http_req q;
    struct http_call *c = NULL;
    while ((c = call_free(r)) != NULL && !r->dying &&
           gateway_next(r->gateway, r->now, &q) == ST_OK) {
        if (!real_step(r)) {
            return; /* it died before it had written a byte */
        }
        *c = (struct http_call){
            .generation = r->generation,
            .id = q.id,
            .method = q.method,
            .path = strdup(q.path),
            .query = strdup(q.query),
            .body = strndup(q.body, q.body_len),
            .deadline = q.deadline,
            .sent = r->now,
            .signed_wall = real_wall(r),
        };
        digest_add(&r->digest, c->path, strlen(c->path));
        digest_add(&r->digest, c->body, strlen(c->body));
        draw_fate(r, c);
    }
}

/* Refused at the door. */
static void denied(struct real *r, struct http_call *c)
{
    static const char body[] =
        "{\"error\":{\"code\":\"authentication_error\",\"message\":\"authentication_error\"}}";
    c->status = 401;
    c->answer = strdup(body);
    c->answer_n = sizeof body - 1;
    if (c->answer_at == NS_NEVER) {
        c->fate = HTTP_ANSWERED;
        c->answer_at = r->now + real_delay(r) / 2;
    }
}

static void arrive(struct real *r, struct http_call *c)
{
    char ts[32];
    snprintf(ts, sizeof ts, "%lld", (long long)(c->signed_wall / NS_PER_MS));
    struct sim_http_req q = {
        .method = text_of(http_method_name(c->method)),
        .path = text_of(c->path),
        .query = text_of(c->query),
        .body = text_of(c->body),
        .content_type = TEXT("application/json"),
        .auth = {TEXT(REAL_KEY), text_of(ts), TEXT("s")},
    };
    c->arrived = true;
    if (c->denied) {
        denied(r, c);
        return;
    }
    judge_arrives(r, c);
    if (c->death == DEATH_5XX_BEFORE || c->death == DEATH_5XX_AFTER) {
        sim_fault(r->sim,
                  c->death == DEATH_5XX_BEFORE ? SIM_FAULT_HTTP_500 : SIM_FAULT_HTTP_500_AFTER, 1,
                  r->wall, r->now);
    }
    sim_http(r->sim, &q, r->wall, r->now, &r->resp);
    judge_answered(r, c, r->resp.status, r->resp.body.n > 0 ? r->resp.body.p : "");
    if (c->answer_at != NS_NEVER) {
        return; /* nobody waits for it any more */
    }
    c->status = r->resp.status;
    c->fate = HTTP_ANSWERED;
    c->answer_at = r->now + r->resp.delay_ns + real_delay(r) / 2;
    if (r->resp.drop || c->death == DEATH_NO_ANSWER) {
        c->answer_at = NS_NEVER;
    } else if (r->resp.cut) {
        c->fate = HTTP_CUT;
    } else if (c->bare && c->status < 300) {
        c->answer = strdup("{}");
        c->answer_n = 2;
    } else {
        c->answer_n = r->resp.body.n;
        c->answer = strndup(c->answer_n > 0 ? r->resp.body.p : "", c->answer_n);
    }
}

static void calls_turn(struct real *r)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        struct http_call *c = &r->calls[i];
        if (c->generation == 0) {
            continue;
        }
        if (c->arrives && !c->arrived && r->now >= c->arrive_at) {
            arrive(r, c);
        }
        bool timeout = r->now >= c->deadline && c->answer_at > r->now;
        bool reads = !(c->generation == r->generation && real_lasts(r, FAULT_FREEZE));
        if ((r->now >= c->answer_at || timeout) && c->id != 0 && reads) {
            bool mine = c->generation == r->generation && real_step(r);
            r->count[REAL_TIMEOUT] += timeout;
            struct http_resp a = {
                .id = c->id,
                .fate = timeout ? HTTP_TIMEOUT : c->fate,
                .status = c->status,
                .body = c->answer != NULL ? c->answer : "",
                .body_len = c->answer_n,
                .signed_wall = c->signed_wall,
                .sent_mono = c->sent,
            };
            if (a.fate == HTTP_NEVER_SENT) {
                a.sent_mono = 0;
            }
            c->id = 0;
            if (mine) {
                r->heard = a.fate == HTTP_ANSWERED ? r->now : r->heard;
                gateway_http_done(r->gateway, &a, r->now, real_wall(r));
            }
        }
        if (c->id == 0 && (!c->arrives || c->arrived)) {
            call_done(c);
        }
    }
}

void net_turn(struct real *r)
{
    sim_tick(r->sim, r->wall, r->now);
    calls_turn(r);
    if (r->generation == 0 || r->dying || real_lasts(r, FAULT_FREEZE)) {
        return;
    }
    conn_turn(&r->conns[0]);
    conn_turn(&r->conns[1]);
    uint32_t taken = 0;
    while (taken < r->n_requests && !r->dying &&
           gateway_submit(r->gateway, &r->requests[taken], r->now, real_wall(r)) == ST_OK) {
        taken++;
        (void)real_step(r);
    }
    r->n_requests -= taken;
    memmove(r->requests, r->requests + taken, r->n_requests * sizeof r->requests[0]);
    send_requests(r);
}

void net_client_died(struct real *r)
{
    hang_up(&r->conns[0]);
    hang_up(&r->conns[1]);
    for (uint32_t i = 0; i < CALLS; i++) {
        struct http_call *c = &r->calls[i];
        c->id = 0; /* nobody is told; what is on its way arrives all the same */
        if (c->generation != 0 && (!c->arrives || c->arrived)) {
            call_done(c);
        }
    }
}

/* Its process ends: connections are cut, requests on their way find nobody. */
void net_exchange_died(struct real *r)
{
    for (int i = 0; i < 2; i++) {
        struct conn *c = &r->conns[i];
        if (c->conn != NULL) {
            sim_ws_close(r->sim, c->conn);
            c->conn = NULL;
            c->cut_off = true;
        }
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        struct http_call *c = &r->calls[i];
        if (c->generation != 0 && c->arrived && c->answer_at == NS_NEVER) {
            c->fate = HTTP_CUT;
            c->answer_at = r->now;
        }
    }
}

static mono_ns_t sooner(mono_ns_t a, mono_ns_t b)
{
    return a < b ? a : b;
}

mono_ns_t net_deadline(const struct real *r)
{
    mono_ns_t at = sim_deadline(r->sim);
    for (uint32_t i = 0; i < CALLS; i++) {
        const struct http_call *c = &r->calls[i];
        if (c->generation != 0) {
            at = sooner(at, c->arrives && !c->arrived ? c->arrive_at : NS_NEVER);
            at = sooner(at, sooner(c->answer_at, c->deadline));
        }
    }
    for (int i = 0; i < 2; i++) {
        const struct conn *c = &r->conns[i];
        at = sooner(at, c->in.head < c->in.n ? c->in.v[c->in.head].at : NS_NEVER);
        at = sooner(at, c->out.head < c->out.n ? c->out.v[c->out.head].at : NS_NEVER);
        at = sooner(at, c->conn == NULL ? c->redial_at : c->silent_at);
    }
    return at;
}

bool net_idle(const struct real *r)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        if (r->calls[i].generation != 0) {
            return false;
        }
    }
    return r->n_requests == 0 && gateway_open(r->gateway) == 0;
}

void net_finish(struct real *r)
{
    for (int i = 0; i < 2; i++) {
        hang_up(&r->conns[i]);
        free(r->conns[i].in.v);
        free(r->conns[i].out.v);
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        call_done(&r->calls[i]);
    }
}
