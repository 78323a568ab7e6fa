/*
 * server_ws.c - WebSocket connections of the server.
 *
 * Messages wait in the peer's queue and are written in the writable callback: in batches of whole
 * frames that we framed ourselves, or one by one through the library's permessage-deflate. With
 * compression a message stays in the queue until the next writable callback, as the library reads
 * it until then.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "net/server_int.h"

#define WRITE_BYTES    ((size_t)64 << 10)  /* of one write */
#define TURN_BYTES     ((size_t)256 << 10) /* of one connection, then the others get theirs */
#define LONG_BYTES     ((size_t)1 << 20)   /* a queue that held so much was long */
#define HEARTBEAT      "heartbeat"
#define HEARTBEAT_SIZE 9

/* --- the upgrade --- */

int ws_upgrade(struct lws *wsi, struct server *s)
{
    char *uri = NULL;
    int len = 0;
    struct peer *p = peer_get(s, wsi);
    if (p == NULL || lws_http_get_uri_and_method(wsi, &uri, &len) < 0) {
        return -1;
    }
    p->method = LWSHUMETH_GET;
    http_read_auth(wsi, p);
    struct sim_auth auth = http_auth_of(p);
    buf_clear(&p->resp.body);
    int status = 503;
    if (s->serving) {
        status = s->app.ws_open(s->app.self, &auth, (struct text){uri, (size_t)len}, p,
                                clock_wall(), clock_mono(), &p->conn, &p->resp.body);
    }
    if (status == 0) {
        s->stats.connections++;
        s->stats.upgrades++;
        return 0;
    }
    s->stats.refused++;
    return http_refuse(wsi, p, status) ? 1 : -1;
}

int ws_deflate(struct lws_context *context, const struct lws_extension *ext, struct lws *wsi,
               enum lws_extension_callback_reasons reason, void *user, void *in, size_t len)
{
    int n = lws_extension_callback_pm_deflate(context, ext, wsi, reason, user, in, len);
    struct peer *p = reason == LWS_EXT_CB_CONSTRUCT && wsi != NULL ? peer_of(wsi) : NULL;
    if (p != NULL && n == 0) {
        p->deflate = true;
    }
    return n;
}

/* What was queued as frames before compression was agreed becomes messages. */
static bool requeue(struct peer *p)
{
    struct send_queue old = p->queue;
    send_queue_init(&p->queue, old.bytes_max);
    send_queue_apart(&p->queue);
    bool good = true;
    size_t n = 0;
    for (unsigned char *f = send_queue_front(&old, 0, &n); f != NULL && good;
         f = send_queue_front(&old, 0, &n)) {
        size_t head = f[1] < 126 ? 2 : f[1] == 126 ? 4 : 10;
        good = send_queue_push(&p->queue, (const char *)f + head, n - head) == ST_OK;
        (void)send_queue_pop(&old, n);
    }
    send_queue_finish(&old);
    return good;
}

int ws_established(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || p->conn == NULL) {
        return -1;
    }
    if (p->deflate) {
        if (!requeue(p)) {
            return -1;
        }
    }
    p->established = true;
    if (p->muted) {
        lws_rx_flow_control(wsi, 0);
    }
    if (s->config.ping_ns > 0) {
        lws_set_timer_usecs(wsi, s->config.ping_ns / NS_PER_US);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

void ws_closed(struct peer *p)
{
    if (p->conn != NULL) {
        struct sim_conn *conn = p->conn;
        p->conn = NULL;
        p->server->stats.connections--;
        p->server->app.ws_close(p->server->app.self, conn);
    }
}

/* --- reading --- */

int ws_receive(struct lws *wsi, struct server *s, const char *in, size_t len)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || p->conn == NULL || p->closing) {
        return -1;
    }
    if (p->muted) {
        return 0;
    }
    bool whole = lws_is_final_fragment(wsi) != 0 && lws_remaining_packet_payload(wsi) == 0;
    struct text frame = {in, len};
    if (!whole || p->rx.n > 0) {
        buf_add(&p->rx, in, len);
        frame = (struct text){p->rx.p, p->rx.n};
    }
    if (p->rx.failed) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    if (whole) {
        s->app.ws_frame(s->app.self, p->conn, frame, clock_wall(), clock_mono());
        if (p->rx.cap > TURN_BYTES) {
            buf_finish(&p->rx);
        }
        buf_clear(&p->rx);
    }
    return 0;
}

/* --- pings --- */

int ws_timer(struct lws *wsi, struct server *s, struct peer *p)
{
    mono_ns_t now = clock_mono();
    if (!p->established || p->muted) {
        return 0;
    }
    if (s->config.pong_timeout_ns > 0 && p->unanswered != 0 &&
        now - p->unanswered >= s->config.pong_timeout_ns) {
        return -1;
    }
    lws_set_timer_usecs(wsi, s->config.ping_ns / NS_PER_US);
    if (!s->config.ping_when_idle || now - p->sent >= s->config.ping_ns) {
        p->ping_due = true;
        lws_callback_on_writable(wsi);
    }
    return 0;
}

void ws_pong(struct peer *p)
{
    if (p != NULL) {
        p->unanswered = 0;
    }
}

static int write_ping(struct lws *wsi, struct peer *p)
{
    unsigned char ping[LWS_PRE + HEARTBEAT_SIZE];
    memcpy(ping + LWS_PRE, HEARTBEAT, HEARTBEAT_SIZE);
    p->ping_due = false;
    p->unanswered = p->unanswered != 0 ? p->unanswered : clock_mono();
    return lws_write(wsi, ping + LWS_PRE, HEARTBEAT_SIZE, LWS_WRITE_PING) < 0 ? -1 : 0;
}

/* --- writing --- */

/* The library writes these bytes as they are: they are frames already. */
static bool write_raw(struct lws *wsi, unsigned char *p, size_t n)
{
    return lws_write(wsi, p, n, LWS_WRITE_HTTP) >= (int)n;
}

static int write_batches(struct lws *wsi, struct server *s, struct peer *p)
{
    for (size_t sent = 0; sent < TURN_BYTES && !lws_partial_buffered(wsi);) {
        size_t n = 0;
        unsigned char *bytes = send_queue_front(&p->queue, WRITE_BYTES, &n);
        if (bytes == NULL) {
            return 0;
        }
        if (!write_raw(wsi, bytes, n)) {
            return -1;
        }
        sent += n;
        s->stats.bytes_out += n;
        s->stats.frames_out += send_queue_pop(&p->queue, n);
    }
    return 0;
}

static int write_deflated(struct lws *wsi, struct server *s, struct peer *p)
{
    if (lws_partial_buffered(wsi)) {
        return 0;
    }
    if (p->is_writing) {
        (void)send_queue_pop(&p->queue, p->writing);
        p->is_writing = false;
    }
    unsigned char *bytes = send_queue_front(&p->queue, 0, &p->writing);
    if (bytes == NULL) {
        return 0;
    }
    p->is_writing = true;
    if (lws_write(wsi, bytes, p->writing, LWS_WRITE_TEXT) < (int)p->writing) {
        return -1;
    }
    s->stats.bytes_out += p->writing;
    s->stats.frames_out++;
    return 0;
}

/* The last bytes of this connection. */
static int write_part(struct lws *wsi, struct peer *p)
{
    if (p->part_written) {
        return lws_partial_buffered(wsi) ? 0 : -1;
    }
    p->part_written = true;
    if (!write_raw(wsi, (unsigned char *)p->part.p + LWS_PRE, p->part.n - LWS_PRE)) {
        return -1;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

int ws_writable(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || !p->established || p->closing) {
        return p != NULL && p->closing ? -1 : 0;
    }
    if (p->muted) {
        return 0;
    }
    if (p->ping_due && !lws_partial_buffered(wsi) && write_ping(wsi, p) != 0) {
        return -1;
    }
    p->sent = p->queue.messages > 0 ? clock_mono() : p->sent;
    if ((p->deflate ? write_deflated(wsi, s, p) : write_batches(wsi, s, p)) != 0) {
        return -1;
    }
    if (p->queue.messages == 0 && p->queue.high > LONG_BYTES) {
        s->trim_due = true;
        p->queue.high = 0;
    }
    if (p->part.n > 0 && p->queue.messages == 0) {
        return write_part(wsi, p);
    }
    bool room = p->was_full && p->queue.bytes <= p->queue.bytes_max / 2;
    if (p->conn != NULL && (p->queue.messages == 0 || room)) {
        p->was_full = false;
        s->app.ws_writable(s->app.self, p->conn, clock_wall(), clock_mono());
    }
    if (p->queue.messages > 0) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

/* --- what the simulator may do --- */

enum status ws_out_send(void *self, struct sim_conn *conn, void *peer, const char *text, size_t n)
{
    (void)conn;
    struct server *s = self;
    struct peer *p = peer;
    if (p->closing || p->muted || p->part.n > 0) {
        return ST_CLOSED;
    }
    bool idle = p->queue.messages == 0;
    if (send_queue_push(&p->queue, text, n) != ST_OK) {
        p->was_full = true;
        s->stats.full++;
        return ST_FULL;
    }
    if (idle && p->established) {
        lws_callback_on_writable(p->wsi);
    }
    return ST_OK;
}

/* The library may be inside this connection's callback: it is closed at the next turn. */
void ws_out_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    struct peer *p = peer;
    p->closing = true;
    lws_set_timeout(p->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

void ws_out_part(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                 size_t part)
{
    struct peer *p = peer;
    static const char pre[LWS_PRE] = {0};
    unsigned char header[10];
    buf_add(&p->part, pre, sizeof pre);
    buf_add(&p->part, header, frame_header(header, n));
    buf_add(&p->part, s, part);
    if (p->part.failed || !p->established) {
        ws_out_close(self, conn, peer);
        return;
    }
    lws_callback_on_writable(p->wsi);
}

void ws_out_mute(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    struct peer *p = peer;
    p->muted = true;
    if (p->established) {
        lws_rx_flow_control(p->wsi, 0);
    }
}
