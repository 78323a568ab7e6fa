/*
 * server.c - libwebsockets' callbacks, turned into calls of struct server_app.
 *
 * One struct peer for each connection, from its first request to its end. HTTP: the answer is built
 * whole (head and body) and given to lws_write once, at once or when its delay is over. WebSocket:
 * messages wait in the peer's queue and are written in the writable callback, many at a time, until
 * the library has to buffer.
 */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/lws_util.h"

#define HEADER_MAX     1100
#define FRAMES_A_TURN  512 /* of one connection, then the others get theirs */
#define PATH_BYTES_MAX 1024

struct peer {
    struct lws *wsi;
    struct server *server;
    /* HTTP */
    int method;
    char path[PATH_BYTES_MAX];
    char key_id[HEADER_MAX], timestamp[64], signature[HEADER_MAX], content_type[128];
    struct buf query, body;
    size_t body_left;
    struct sim_http_resp resp;
    struct buf wire; /* LWS_PRE bytes, then the answer */
    bool answer_waits;
    /* WebSocket */
    struct sim_conn *conn;
    struct msg_queue queue;
    struct buf rx;
    bool established, ping_due, was_full, closing;
};

struct server {
    struct server_config config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    struct server_app app;
    bool serving;
    struct lws_wait wait;
    wall_ns_t wall_less_mono;
    struct server_stats stats;
};

struct server_config server_config_default(void)
{
    return (struct server_config){
        .address = "127.0.0.1",
        .queue_bytes = (size_t)16 << 20,
        .frame_max = (size_t)4 << 20,
        .body_max = (size_t)4 << 20,
        .ping_ns = 10 * NS_PER_SEC,
    };
}

/* --- peers --- */

static struct peer *peer_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

static struct peer *peer_get(struct server *server, struct lws *wsi)
{
    struct peer *p = peer_of(wsi);
    if (p != NULL) {
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->wsi = wsi;
    p->server = server;
    buf_init(&p->query, (size_t)64 << 10);
    buf_init(&p->body, server->config.body_max);
    buf_init(&p->resp.body, (size_t)64 << 20);
    buf_init(&p->wire, ((size_t)64 << 20) + 4096);
    buf_init(&p->rx, server->config.frame_max);
    lws_set_opaque_user_data(wsi, p);
    return p;
}

static void ws_closed(struct peer *p)
{
    if (p->conn != NULL) {
        struct sim_conn *conn = p->conn;
        p->conn = NULL;
        p->server->stats.connections--;
        p->server->app.ws_close(p->server->app.self, conn);
    }
}

static void peer_free(struct lws *wsi)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL) {
        return;
    }
    ws_closed(p);
    lws_set_opaque_user_data(wsi, NULL);
    msg_queue_finish(&p->queue);
    buf_finish(&p->query);
    buf_finish(&p->body);
    buf_finish(&p->resp.body);
    buf_finish(&p->wire);
    buf_finish(&p->rx);
    free(p);
}

/* --- reading a request --- */

static void custom_header(struct lws *wsi, const char *name, char *dst, size_t cap)
{
    int n = lws_hdr_custom_length(wsi, name, (int)strlen(name));
    if (n <= 0 || (size_t)n >= cap ||
        lws_hdr_custom_copy(wsi, dst, (int)cap, name, (int)strlen(name)) < 0) {
        dst[0] = '\0';
    }
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~,=", c) != NULL;
}

/* The library hands the arguments out one by one and decoded: put them together again. */
static void read_query(struct lws *wsi, struct buf *query)
{
    char arg[4096];
    buf_clear(query);
    buf_str(query, "");
    for (int i = 0;; i++) {
        int n = lws_hdr_copy_fragment(wsi, arg, sizeof arg, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0) {
            return;
        }
        if (i > 0) {
            buf_char(query, '&');
        }
        for (int k = 0; k < n; k++) {
            if (arg[k] != '\0' && unreserved(arg[k])) {
                buf_char(query, arg[k]);
            } else {
                buf_printf(query, "%%%02X", (unsigned)(unsigned char)arg[k]);
            }
        }
    }
}

static void read_auth(struct lws *wsi, struct peer *p)
{
    custom_header(wsi, "kalshi-access-key:", p->key_id, sizeof p->key_id);
    custom_header(wsi, "kalshi-access-timestamp:", p->timestamp, sizeof p->timestamp);
    custom_header(wsi, "kalshi-access-signature:", p->signature, sizeof p->signature);
}

static struct sim_auth auth_of(const struct peer *p)
{
    return (struct sim_auth){text_of(p->key_id), text_of(p->timestamp), text_of(p->signature)};
}

static const char *method_name(int method)
{
    switch (method) {
    case LWSHUMETH_GET:
        return "GET";
    case LWSHUMETH_POST:
        return "POST";
    case LWSHUMETH_PUT:
        return "PUT";
    case LWSHUMETH_PATCH:
        return "PATCH";
    case LWSHUMETH_DELETE:
        return "DELETE";
    case LWSHUMETH_HEAD:
        return "HEAD";
    case LWSHUMETH_OPTIONS:
        return "OPTIONS";
    default:
        return "UNKNOWN";
    }
}

/* --- answering --- */

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Status";
    }
}

static bool build_answer(struct peer *p, int status, const char *content_type, struct text body,
                         bool close)
{
    static const char pre[LWS_PRE] = {0};
    buf_clear(&p->wire);
    buf_add(&p->wire, pre, sizeof pre);
    buf_printf(&p->wire, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    if (status != 204) {
        buf_printf(&p->wire, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                   content_type != NULL ? content_type : "application/json", body.n);
    }
    buf_str(&p->wire, close ? "Connection: close\r\n\r\n" : "\r\n");
    if (status != 204 && p->method != LWSHUMETH_HEAD) {
        buf_add(&p->wire, body.p, body.n);
    }
    return !p->wire.failed;
}

static bool write_answer(struct lws *wsi, struct peer *p)
{
    size_t n = p->wire.n - LWS_PRE;
    return lws_write(wsi, (unsigned char *)p->wire.p + LWS_PRE, n, LWS_WRITE_HTTP) >= (int)n;
}

/* The answer is due: nonzero ends the connection. */
static int answer_now(struct lws *wsi, struct peer *p)
{
    p->answer_waits = false;
    if (p->resp.drop) {
        p->server->stats.dropped++;
        return -1;
    }
    struct text body = {p->resp.body.p, p->resp.body.n};
    if (!build_answer(p, p->resp.status, p->resp.content_type, body, false) ||
        !write_answer(wsi, p)) {
        return -1;
    }
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static void ask_app(struct server *s, struct peer *p)
{
    mono_ns_t now = clock_mono();
    struct sim_http_req req = {
        .method = text_of(method_name(p->method)),
        .path = text_of(p->path),
        .query = {p->query.p, p->query.n},
        .auth = auth_of(p),
        .body = {p->body.n > 0 ? p->body.p : "", p->body.n},
        .content_type = text_of(p->content_type),
    };
    struct buf kept = p->resp.body;
    buf_clear(&kept);
    p->resp = (struct sim_http_resp){.status = 503, .body = kept};
    s->stats.requests++;
    if (s->serving && !p->query.failed) {
        s->app.http(s->app.self, &req, clock_wall(), now, &p->resp);
    }
}

static int request_whole(struct lws *wsi, struct server *s, struct peer *p)
{
    ask_app(s, p);
    if (p->resp.delay_ns <= 0) {
        return answer_now(wsi, p);
    }
    s->stats.delayed++;
    p->answer_waits = true;
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    lws_set_timer_usecs(wsi, p->resp.delay_ns / NS_PER_US + 1);
    return 0;
}

static int on_http(struct lws *wsi, struct server *s, const char *uri, size_t len)
{
    struct peer *p = peer_get(s, wsi);
    char *unused = NULL;
    int unused_len = 0;
    if (p == NULL || len >= sizeof p->path) {
        return -1;
    }
    p->method = lws_http_get_uri_and_method(wsi, &unused, &unused_len);
    memcpy(p->path, uri, len);
    p->path[len] = '\0';
    read_query(wsi, &p->query);
    read_auth(wsi, p);
    if (lws_hdr_copy(wsi, p->content_type, sizeof p->content_type, WSI_TOKEN_HTTP_CONTENT_TYPE) <
        0) {
        p->content_type[0] = '\0';
    }
    buf_clear(&p->body);
    char length[32] = "";
    (void)lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    p->body_left = (size_t)strtoull(length, NULL, 10);
    if (p->body_left > s->config.body_max) {
        return -1;
    }
    return p->body_left > 0 ? 0 : request_whole(wsi, s, p);
}

static int on_http_body(struct lws *wsi, struct server *s, const char *in, size_t len)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || p->body_left == 0) {
        return 0;
    }
    buf_add(&p->body, in, len);
    p->body_left -= len < p->body_left ? len : p->body_left;
    if (p->body.failed) {
        return -1;
    }
    (void)s;
    return 0;
}

/* --- WebSocket --- */

/* 0: the upgrade goes on; 1: an answer was written instead; -1: hang up. */
static int on_upgrade(struct lws *wsi, struct server *s)
{
    char *uri = NULL;
    int len = 0;
    struct peer *p = peer_get(s, wsi);
    if (p == NULL || lws_http_get_uri_and_method(wsi, &uri, &len) < 0) {
        return -1;
    }
    p->method = LWSHUMETH_GET;
    read_auth(wsi, p);
    struct sim_auth auth = auth_of(p);
    buf_clear(&p->resp.body);
    /* Before the app is asked: it may send while it accepts. */
    if (p->queue.p == NULL && msg_queue_init(&p->queue, s->config.queue_bytes) != ST_OK) {
        return -1;
    }
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
    struct text body = {p->resp.body.p, p->resp.body.n};
    return build_answer(p, status, NULL, body, true) && write_answer(wsi, p) ? 1 : -1;
}

static int on_established(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || p->conn == NULL) {
        return -1;
    }
    p->established = true;
    if (s->config.ping_ns > 0) {
        lws_set_timer_usecs(wsi, s->config.ping_ns / NS_PER_US);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_receive(struct lws *wsi, struct server *s, const char *in, size_t len)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || p->conn == NULL || p->closing) {
        return -1;
    }
    bool whole = lws_is_final_fragment(wsi) != 0 && lws_remaining_packet_payload(wsi) == 0;
    struct text frame = {in, len};
    if (!whole || p->rx.n > 0) {
        buf_add(&p->rx, in, len);
        frame = (struct text){p->rx.p, p->rx.n};
    }
    if (p->rx.failed) {
        return -1;
    }
    if (whole) {
        s->stats.frames_in++;
        s->app.ws_frame(s->app.self, p->conn, frame, clock_wall(), clock_mono());
        buf_clear(&p->rx);
    }
    return 0;
}

static int write_ping(struct lws *wsi, struct peer *p)
{
    unsigned char ping[LWS_PRE + 9];
    memcpy(ping + LWS_PRE, "heartbeat", 9);
    p->ping_due = false;
    return lws_write(wsi, ping + LWS_PRE, 9, LWS_WRITE_PING) < 0 ? -1 : 0;
}

/* Write until the library buffers, the queue is empty, or it is the others' turn. */
static int write_queue(struct lws *wsi, struct server *s, struct peer *p)
{
    for (int i = 0; i < FRAMES_A_TURN && !lws_partial_buffered(wsi); i++) {
        size_t n = 0;
        unsigned char *msg = msg_queue_front(&p->queue, &n);
        if (msg == NULL) {
            return 0;
        }
        if (lws_write(wsi, msg, n, LWS_WRITE_TEXT) < (int)n) {
            return -1;
        }
        s->stats.frames_out++;
        s->stats.bytes_out += n;
        msg_queue_pop(&p->queue);
    }
    return 0;
}

static int on_writable(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL || !p->established || p->closing) {
        return p != NULL && p->closing ? -1 : 0;
    }
    if (p->ping_due && !lws_partial_buffered(wsi) && write_ping(wsi, p) != 0) {
        return -1;
    }
    if (write_queue(wsi, s, p) != 0) {
        return -1;
    }
    bool room = p->was_full && p->queue.used <= p->queue.cap / 2;
    if (p->conn != NULL && (p->queue.n == 0 || room)) {
        p->was_full = false;
        s->app.ws_writable(s->app.self, p->conn, clock_wall(), clock_mono());
    }
    if (p->queue.n > 0) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int on_timer(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL) {
        return 0;
    }
    if (p->answer_waits) {
        return answer_now(wsi, p);
    }
    if (p->established) {
        p->ping_due = true;
        lws_set_timer_usecs(wsi, s->config.ping_ns / NS_PER_US);
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    (void)user;
    struct server *s = lws_context_user(lws_get_context(wsi));
    /* Most reasons are the library's own and keep their default. */
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return on_http(wsi, s, in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return on_http_body(wsi, s, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: {
        struct peer *p = peer_of(wsi);
        return p != NULL ? request_whole(wsi, s, p) : -1;
    }
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return in != NULL && strcmp(in, "websocket") == 0 ? on_upgrade(wsi, s) : -1;
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(wsi, s);
    case LWS_CALLBACK_RECEIVE:
        return on_receive(wsi, s, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(wsi, s);
    case LWS_CALLBACK_TIMER:
        return on_timer(wsi, s);
    case LWS_CALLBACK_CLOSED: {
        struct peer *p = peer_of(wsi);
        if (p != NULL) {
            ws_closed(p);
        }
        return 0;
    }
    case LWS_CALLBACK_WSI_DESTROY:
        peer_free(wsi);
        return 0;
    default:
        return 0;
    }
}

/* --- what the simulator may do --- */

static enum status out_send(void *self, struct sim_conn *conn, void *peer, const char *text,
                            size_t n)
{
    (void)conn;
    struct server *s = self;
    struct peer *p = peer;
    if (p->closing) {
        return ST_CLOSED;
    }
    bool idle = p->queue.n == 0;
    enum status st = msg_queue_push(&p->queue, text, n);
    if (st != ST_OK) {
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
static void out_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    struct peer *p = peer;
    p->closing = true;
    lws_set_timeout(p->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

struct sim_out server_out(struct server *server)
{
    return (struct sim_out){.self = server, .send = out_send, .close = out_close};
}

/* --- create, work, destroy --- */

/* Try the address with a socket of our own, to say why the library could not. */
static void explain_bind(const struct server_config *c, struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)c->port)};
    const struct sockaddr *sa = (const struct sockaddr *)&v4;
    socklen_t len = sizeof v4;
    int family = AF_INET;
    if (inet_pton(AF_INET6, c->address, &v6.sin6_addr) == 1) {
        sa = (const struct sockaddr *)&v6;
        len = sizeof v6;
        family = AF_INET6;
    } else if (inet_pton(AF_INET, c->address, &v4.sin_addr) != 1) {
        (void)err_set(err, ST_UNREACHABLE, "cannot listen on %s: not an address of this machine",
                      c->address);
        return;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int e = fd < 0 || bind(fd, sa, len) != 0 ? errno : EADDRINUSE;
    if (fd >= 0) {
        close(fd);
    }
    (void)err_set(err, ST_UNREACHABLE, "cannot listen on %s port %d: %s", c->address, c->port,
                  strerror(e));
}

static enum status vhost_create(struct server *s, struct err *err)
{
    const struct server_config *c = &s->config;
    if (access(c->cert_file, R_OK) != 0 || access(c->key_file, R_OK) != 0) {
        return err_set(err, ST_IO, "%s or %s is missing or not readable", c->cert_file,
                       c->key_file);
    }
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = c->port;
    info.iface = c->address;
    info.protocols = s->protocols;
    info.ssl_cert_filepath = c->cert_file;
    info.ssl_private_key_filepath = c->key_file;
    info.alpn = "http/1.1";
    info.keepalive_timeout = 120;
    info.vhost_name = "localhost";
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (strchr(c->address, ':') == NULL ? LWS_SERVER_OPTION_DISABLE_IPV6 : 0);
    s->vhost = lws_create_vhost(s->context, &info);
    if (s->vhost == NULL || server_port(s) <= 0) {
        explain_bind(c, err);
        return ST_UNREACHABLE;
    }
    return ST_OK;
}

enum status server_create(const struct server_config *config, struct server **ret_server,
                          struct err *err)
{
    lws_util_logs();
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    s->config = *config;
    s->protocols[0] = (struct lws_protocols){
        .name = "deltaflow", .callback = callback, .rx_buffer_size = 1 << 16};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.user = s;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.max_http_header_data = 8192;
    info.max_http_header_pool = 256;
    info.pt_serv_buf_size = 1 << 16;
    info.timeout_secs = 30;
    s->context = lws_create_context(&info);
    enum status st = s->context != NULL
                         ? vhost_create(s, err)
                         : err_set(err, ST_NOMEM, "libwebsockets could not be started");
    if (st != ST_OK) {
        server_destroy(s);
        return st;
    }
    *ret_server = s;
    return ST_OK;
}

void server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->context != NULL) {
        lws_context_destroy(server->context);
    }
    free(server);
}

void server_serve(struct server *server, const struct server_app *app)
{
    server->app = *app;
    server->serving = true;
}

void server_work(struct server *server, mono_ns_t max_wait)
{
    mono_ns_t now = clock_mono();
    mono_ns_t until = max_wait >= NS_NEVER - now ? NS_NEVER : now + max_wait;
    if (server->serving) {
        server->app.tick(server->app.self, clock_wall(), now);
        mono_ns_t deadline = server->app.deadline(server->app.self);
        until = deadline < until ? deadline : until;
    }
    now = clock_mono();
    if (until <= now) {
        lws_service(server->context, -1);
        return;
    }
    mono_ns_t wait = until - now < 3600 * NS_PER_SEC ? until - now : 3600 * NS_PER_SEC;
    lws_wait_service(&server->wait, server->context, wait / NS_PER_US + 1);
}

void server_wake(struct server *server)
{
    lws_cancel_service(server->context);
}

int server_port(const struct server *server)
{
    return lws_get_vhost_listen_port(server->vhost);
}

const struct server_stats *server_stats(const struct server *server)
{
    return &server->stats;
}
