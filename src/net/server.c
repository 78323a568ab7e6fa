/*
 * server.c - libwebsockets' callbacks, turned into calls of struct server_app.
 */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/server_int.h"

#define TRIM_NS (5 * NS_PER_SEC)

struct server_config server_config_default(void)
{
    return (struct server_config){
        .address = "127.0.0.1",
        .queue_bytes = (size_t)4 << 20,
        .frame_max = (size_t)64 << 20,
        .body_max = (size_t)4 << 20,
        .ping_ns = 10 * NS_PER_SEC,
        .pong_timeout_ns = 30 * NS_PER_SEC,
        .deflate = true,
    };
}

/* --- peers --- */

struct peer *peer_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

struct peer *peer_get(struct server *server, struct lws *wsi)
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
    buf_init(&p->part, (size_t)256 << 20);
    send_queue_init(&p->queue, server->config.queue_bytes);
    lws_set_opaque_user_data(wsi, p);
    return p;
}

static void peer_free(struct lws *wsi)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL) {
        return;
    }
    ws_closed(p);
    lws_set_opaque_user_data(wsi, NULL);
    send_queue_finish(&p->queue);
    buf_finish(&p->part);
    buf_finish(&p->query);
    buf_finish(&p->body);
    buf_finish(&p->resp.body);
    buf_finish(&p->wire);
    buf_finish(&p->rx);
    free(p);
}

static int on_timer(struct lws *wsi, struct server *s)
{
    struct peer *p = peer_of(wsi);
    if (p == NULL) {
        return 0;
    }
    return p->answer_waits ? http_answer_due(wsi, p) : ws_timer(wsi, s, p);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    (void)user;
    struct server *s = lws_context_user(lws_get_context(wsi));
    /* Most reasons are the library's own and keep their default. */
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return http_request(wsi, s, in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(wsi, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: {
        struct peer *p = peer_of(wsi);
        return p != NULL ? http_whole(wsi, s, p) : -1;
    }
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return in != NULL && strcmp(in, "websocket") == 0 ? ws_upgrade(wsi, s) : -1;
    case LWS_CALLBACK_ESTABLISHED:
        return ws_established(wsi, s);
    case LWS_CALLBACK_RECEIVE:
        return ws_receive(wsi, s, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_writable(wsi, s);
    case LWS_CALLBACK_TIMER:
        return on_timer(wsi, s);
    case LWS_CALLBACK_RECEIVE_PONG:
        ws_pong(peer_of(wsi));
        return 0;
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

struct sim_out server_out(struct server *server)
{
    return (struct sim_out){.self = server,
                            .send = ws_out_send,
                            .close = ws_out_close,
                            .send_part = ws_out_part,
                            .mute = ws_out_mute};
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
    info.extensions = c->deflate ? s->extensions : NULL;
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
    s->extensions[0] = (struct lws_extension){"permessage-deflate", ws_deflate,
                                              "permessage-deflate; client_max_window_bits"};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.user = s;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.max_http_header_data = 8192;
    info.max_http_header_pool = 2048; /* also held by who connects and says nothing */
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

/* What queues held when readers were behind goes back to the system, now and then. */
static void trim(struct server *s, mono_ns_t now)
{
    if (s->trim_due && now - s->trimmed > TRIM_NS) {
        s->trim_due = false;
        s->trimmed = now;
        malloc_trim(0);
    }
}

void server_work(struct server *server, mono_ns_t max_wait)
{
    mono_ns_t now = clock_mono();
    trim(server, now);
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

int server_port(const struct server *server)
{
    return lws_get_vhost_listen_port(server->vhost);
}

const struct server_stats *server_stats(const struct server *server)
{
    return &server->stats;
}
