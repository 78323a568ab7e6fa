/*
 * ws_client.c - states of a connection:
 *
 *   IDLE      nothing to do: not started, or stopped
 *   WAIT      dial at `due`
 *   DIALLING  name, TCP, TLS, upgrade; the library owns the time-out
 *   OPEN      messages come and go
 *   CLOSING   we asked the library to close; its callback brings IDLE or WAIT
 *
 * What callers ask for (stop, reconnect) is noted and done in ws_loop_work, never inside a callback
 * of the library.
 */
#include "net/ws_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/lws_util.h"
#include "net/url.h"

enum ws_state { WS_IDLE, WS_WAIT, WS_DIALLING, WS_OPEN, WS_CLOSING };

struct ws_conn {
    struct ws_loop *loop;
    struct ws_conn *next;
    struct ws_config config;
    struct ws_handler handler;
    struct signer signer;
    struct url url;
    char host[300];
    struct lws *wsi;
    enum ws_state state;
    bool wanted;             /* dial again after a close */
    const char *close_asked; /* reason, NULL: not asked */
    mono_ns_t due;           /* WAIT */
    mono_ns_t backoff;
    mono_ns_t ping_at, pong_by; /* OPEN; NS_NEVER: none */
    bool ping_due;
    struct msg_queue queue;
    struct buf rx;
    char headers[3][SIGNATURE_MAX];
    struct rng rng;
    struct ws_stats stats;
};

struct ws_loop {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    struct ws_conn *conns;
    struct lws_wait wait;
    wall_ns_t wall_less_mono; /* read once a turn: a frame's wall time costs one clock */
    int frames;
};

struct ws_config ws_config_default(void)
{
    return (struct ws_config){
        .message_max = (size_t)64 << 20,
        .queue_bytes = (size_t)4 << 20,
        .connect_timeout_ns = 10 * NS_PER_SEC,
        .backoff_min_ns = 500 * NS_PER_MS,
        .backoff_max_ns = 60 * NS_PER_SEC,
        .ping_interval_ns = 10 * NS_PER_SEC,
        .ping_timeout_ns = 10 * NS_PER_SEC,
    };
}

static wall_ns_t wall_at(const struct ws_loop *loop, mono_ns_t now)
{
    return now + loop->wall_less_mono;
}

/* --- the end of a connection --- */

static mono_ns_t next_backoff(struct ws_conn *c)
{
    mono_ns_t wait = c->backoff;
    c->backoff =
        c->backoff < c->config.backoff_max_ns / 2 ? c->backoff * 2 : c->config.backoff_max_ns;
    mono_ns_t half = wait / 2;
    return half + (mono_ns_t)rng_below(&c->rng, (uint64_t)(wait - half) + 1);
}

static void ended(struct ws_conn *c, const char *reason, int http_status)
{
    if (c->state == WS_IDLE || c->state == WS_WAIT) {
        return;
    }
    mono_ns_t now = clock_mono();
    if (c->close_asked != NULL && http_status == 0) {
        reason = c->close_asked;
    }
    c->wsi = NULL;
    c->close_asked = NULL;
    msg_queue_clear(&c->queue);
    buf_clear(&c->rx);
    c->state = c->wanted ? WS_WAIT : WS_IDLE;
    c->due = c->wanted ? now + next_backoff(c) : NS_NEVER;
    c->handler.on_close(c->handler.self, reason, http_status, now, wall_at(c->loop, now));
}

/* --- dialling --- */

static void sign_dial(struct ws_conn *c)
{
    memset(c->headers, 0, sizeof c->headers);
    if (c->config.signer == NULL) {
        return;
    }
    int64_t ts_ms = clock_wall() / NS_PER_MS;
    snprintf(c->headers[0], sizeof c->headers[0], "%s", c->signer.key_id);
    snprintf(c->headers[1], sizeof c->headers[1], "%lld", (long long)ts_ms);
    if (signer_sign(&c->signer, ts_ms, "GET", c->url.path, c->headers[2], sizeof c->headers[2]) !=
        ST_OK) {
        c->headers[2][0] = '\0'; /* the exchange answers 401, which says it */
    }
}

static void dial(struct ws_conn *c)
{
    struct lws_client_connect_info info;
    memset(&info, 0, sizeof info);
    sign_dial(c);
    info.context = c->loop->context;
    info.vhost = c->loop->vhost;
    info.address = c->url.host;
    info.host = c->host;
    info.port = c->url.port;
    info.path = c->url.path[0] != '\0' ? c->url.path : "/";
    info.origin = NULL;
    info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_PRIORITIZE_READS;
    info.alpn = "http/1.1";
    info.local_protocol_name = c->loop->protocols[0].name;
    info.ietf_version_or_minus_one = -1;
    info.opaque_user_data = c;
    info.pwsi = &c->wsi;
    c->state = WS_DIALLING;
    c->due = clock_mono() + c->config.connect_timeout_ns;
    /* When it fails at once the callback has told already, or nothing has. */
    if (lws_client_connect_via_info(&info) == NULL && c->state == WS_DIALLING) {
        ended(c, "cannot dial", 0);
    }
}

static int append_headers(struct ws_conn *c, void *in, size_t len)
{
    static const char *const names[] = {
        "KALSHI-ACCESS-KEY:", "KALSHI-ACCESS-TIMESTAMP:", "KALSHI-ACCESS-SIGNATURE:"};
    unsigned char **p = in;
    unsigned char *end = *p + len;
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(c->headers[i]);
        if (n > 0 && lws_add_http_header_by_name(c->wsi, (const unsigned char *)names[i],
                                                 (const unsigned char *)c->headers[i], (int)n, p,
                                                 end) != 0) {
            return -1;
        }
    }
    explicit_bzero(c->headers[2], sizeof c->headers[2]);
    return 0;
}

/* --- an open connection --- */

static void opened(struct ws_conn *c, struct lws *wsi)
{
    mono_ns_t now = clock_mono();
    c->wsi = wsi;
    c->state = WS_OPEN;
    c->ping_at = c->config.ping_interval_ns > 0 ? now + c->config.ping_interval_ns : NS_NEVER;
    c->pong_by = NS_NEVER;
    c->ping_due = false;
    c->handler.on_open(c->handler.self, now, wall_at(c->loop, now));
}

static int received(struct ws_conn *c, const char *in, size_t len)
{
    if (c->state != WS_OPEN) {
        return -1;
    }
    mono_ns_t now = clock_mono();
    bool whole = lws_is_final_fragment(c->wsi) != 0 && lws_remaining_packet_payload(c->wsi) == 0;
    c->pong_by = NS_NEVER;
    if (!whole || c->rx.n > 0) {
        buf_add(&c->rx, in, len);
        if (c->rx.failed) {
            c->close_asked = "message too long";
            return -1;
        }
        in = c->rx.p;
        len = c->rx.n;
    }
    if (!whole) {
        return 0;
    }
    c->backoff = c->config.backoff_min_ns;
    c->stats.frames++;
    c->loop->frames++;
    c->handler.on_frame(c->handler.self, in, len, now, wall_at(c->loop, now));
    buf_clear(&c->rx);
    return 0;
}

static int write_ping(struct ws_conn *c)
{
    unsigned char ping[LWS_PRE + 9];
    memcpy(ping + LWS_PRE, "deltaflow", 9);
    c->ping_due = false;
    c->stats.pings++;
    return lws_write(c->wsi, ping + LWS_PRE, 9, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int writable(struct ws_conn *c)
{
    if (c->state != WS_OPEN) {
        return -1;
    }
    if (c->ping_due) {
        if (write_ping(c) != 0) {
            return -1;
        }
    }
    while (c->queue.n > 0 && !lws_partial_buffered(c->wsi)) {
        size_t n = 0;
        unsigned char *msg = msg_queue_front(&c->queue, &n);
        if (lws_write(c->wsi, msg, n, LWS_WRITE_TEXT) < (int)n) {
            return -1;
        }
        msg_queue_pop(&c->queue);
    }
    if (c->queue.n > 0) {
        lws_callback_on_writable(c->wsi);
    }
    return 0;
}

static void refused(struct ws_conn *c, struct lws *wsi, const char *in, size_t len)
{
    char reason[160];
    int status = (int)lws_http_client_http_response(wsi);
    snprintf(reason, sizeof reason, "%.*s", in != NULL ? (int)(len < 150 ? len : 150) : 0,
             in != NULL ? in : "");
    if (status >= 300) {
        snprintf(reason, sizeof reason, "upgrade refused with HTTP %d", status);
    } else {
        status = 0;
    }
    ended(c, reason[0] != '\0' ? reason : "dial failed", status);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    (void)user;
    struct ws_conn *c = lws_get_opaque_user_data(wsi);
    if (c == NULL) {
        return 0; /* the library's own, or a connection that was destroyed */
    }
    /* Most reasons are the library's own and keep their default. */
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        c->wsi = wsi;
        return append_headers(c, in, len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        opened(c, wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return received(c, in, len);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        c->stats.pongs++;
        c->pong_by = NS_NEVER;
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        refused(c, wsi, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        ended(c, "connection closed", 0);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (c->wsi == wsi) {
            ended(c, "connection ended", 0);
        }
        return 0;
    default:
        return 0;
    }
}

/* --- what the owner asks for --- */

void ws_conn_start(struct ws_conn *c)
{
    c->wanted = true;
    if (c->state == WS_IDLE) {
        c->state = WS_WAIT;
        c->due = 0;
    }
}

void ws_conn_stop(struct ws_conn *c)
{
    c->wanted = false;
    if (c->state == WS_WAIT) {
        c->state = WS_IDLE;
    } else if (c->state != WS_IDLE && c->close_asked == NULL) {
        c->close_asked = "stopped";
    }
}

void ws_conn_reconnect(struct ws_conn *c, const char *reason)
{
    if ((c->state == WS_OPEN || c->state == WS_DIALLING) && c->close_asked == NULL) {
        c->close_asked = reason;
    }
}

enum status ws_conn_send(struct ws_conn *c, const char *s, size_t n)
{
    if (c->state != WS_OPEN || c->close_asked != NULL) {
        return ST_CLOSED;
    }
    bool idle = c->queue.n == 0;
    enum status st = msg_queue_push(&c->queue, s, n);
    if (st == ST_OK && idle) {
        lws_callback_on_writable(c->wsi);
    }
    return st;
}

bool ws_conn_is_open(const struct ws_conn *c)
{
    return c->state == WS_OPEN && c->close_asked == NULL;
}

const struct ws_stats *ws_conn_stats(const struct ws_conn *c)
{
    return &c->stats;
}

enum status ws_conn_create(struct ws_loop *loop, const struct ws_config *config,
                           const struct ws_handler *handler, struct ws_conn **ret_conn,
                           struct err *err)
{
    struct ws_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    c->loop = loop;
    c->config = *config;
    c->handler = *handler;
    if (config->signer != NULL) {
        c->signer = *config->signer;
    }
    c->backoff = config->backoff_min_ns > 0 ? config->backoff_min_ns : 1;
    c->due = c->ping_at = c->pong_by = NS_NEVER;
    rng_init(&c->rng, config->seed);
    buf_init(&c->rx, config->message_max);
    enum status st = url_parse(config->url, "wss", &c->url, err);
    if (st == ST_OK && msg_queue_init(&c->queue, config->queue_bytes) != ST_OK) {
        st = err_set(err, ST_NOMEM, "out of memory");
    }
    if (st != ST_OK) {
        free(c);
        return st;
    }
    snprintf(c->host, sizeof c->host, "%s", strstr(c->url.origin, "://") + 3);
    c->next = loop->conns;
    loop->conns = c;
    *ret_conn = c;
    return ST_OK;
}

void ws_conn_destroy(struct ws_conn *c)
{
    if (c == NULL) {
        return;
    }
    struct ws_conn **at = &c->loop->conns;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    if (c->wsi != NULL) {
        lws_set_opaque_user_data(c->wsi, NULL);
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    }
    msg_queue_finish(&c->queue);
    buf_finish(&c->rx);
    free(c);
}

/* --- the loop --- */

enum status ws_loop_create(const char *ca_file, struct ws_loop **ret_loop, struct err *err)
{
    lws_util_logs();
    bool own_ca = ca_file != NULL && ca_file[0] != '\0';
    if (own_ca && access(ca_file, R_OK) != 0) {
        return err_set(err, access(ca_file, F_OK) == 0 ? ST_DENIED : ST_NOT_FOUND,
                       "%s: CA file is missing or not readable", ca_file);
    }
    struct ws_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    loop->protocols[0] = (struct lws_protocols){
        .name = "deltaflow", .callback = callback, .rx_buffer_size = 1 << 16};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = loop->protocols;
    info.options =
        LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | (own_ca ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0);
    info.client_ssl_ca_filepath = own_ca ? ca_file : NULL;
    info.pt_serv_buf_size = 1 << 16;
    info.vhost_name = "client";
    loop->context = lws_create_context(&info);
    if (loop->context == NULL) {
        free(loop);
        return err_set(err, ST_NOMEM, "libwebsockets could not be started%s%s",
                       own_ca ? "; is this a CA file: " : "", own_ca ? ca_file : "");
    }
    loop->vhost = lws_get_vhost_by_name(loop->context, "client");
    *ret_loop = loop;
    return ST_OK;
}

void ws_loop_destroy(struct ws_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    lws_context_destroy(loop->context);
    free(loop);
}

/* A connection's own clockwork. Returns when it wants to be looked at again. */
static mono_ns_t conn_tick(struct ws_conn *c, mono_ns_t now)
{
    if (c->state == WS_WAIT && now >= c->due) {
        dial(c);
    }
    if (c->state == WS_DIALLING && now >= c->due && c->close_asked == NULL) {
        c->close_asked = "dial timed out";
    }
    if (c->state == WS_OPEN && now >= c->pong_by) {
        c->close_asked = "no answer to ping";
    } else if (c->state == WS_OPEN && now >= c->ping_at) {
        c->ping_due = true;
        c->ping_at = now + c->config.ping_interval_ns;
        c->pong_by = c->pong_by == NS_NEVER ? now + c->config.ping_timeout_ns : c->pong_by;
        lws_callback_on_writable(c->wsi);
    }
    if (c->close_asked != NULL && (c->state == WS_OPEN || c->state == WS_DIALLING)) {
        c->state = WS_CLOSING;
        if (c->wsi != NULL) {
            lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
        } else {
            ended(c, c->close_asked, 0);
        }
    }
    if (c->state == WS_OPEN) {
        return c->ping_at < c->pong_by ? c->ping_at : c->pong_by;
    }
    return c->state == WS_WAIT || c->state == WS_DIALLING ? c->due : NS_NEVER;
}

int ws_loop_work(struct ws_loop *loop, mono_ns_t max_wait)
{
    mono_ns_t now = clock_mono();
    loop->wall_less_mono = clock_wall() - now;
    loop->frames = 0;
    mono_ns_t until = max_wait >= NS_NEVER - now ? NS_NEVER : now + max_wait;
    for (struct ws_conn *c = loop->conns; c != NULL; c = c->next) {
        mono_ns_t at = conn_tick(c, now);
        until = at < until ? at : until;
    }
    if (until <= now) {
        lws_service(loop->context, -1);
        return loop->frames;
    }
    mono_ns_t wait = until - now < 3600 * NS_PER_SEC ? until - now : 3600 * NS_PER_SEC;
    lws_wait_service(&loop->wait, loop->context, wait / NS_PER_US + 1);
    return loop->frames;
}

void ws_loop_wake(struct ws_loop *loop)
{
    lws_cancel_service(loop->context);
}
