/*
 * server_int.h - what the files of the server share: server.c (create, work, callbacks of the
 * library), server_http.c (requests and answers), server_ws.c (WebSocket connections).
 */
#ifndef NET_SERVER_INT_H
#define NET_SERVER_INT_H

#include "net/lws_util.h"
#include "net/send_queue.h"
#include "net/server.h"

#define HEADER_MAX     1100
#define PATH_BYTES_MAX 1024

/* One for each connection, from its first request to its end. */
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
    struct send_queue queue;
    struct buf rx;
    size_t writing;       /* of a compressed connection: bytes of the message under way */
    bool is_writing;      /* it is still the queue's oldest */
    struct buf part;      /* a cut frame, written when the queue is empty; then the end */
    mono_ns_t unanswered; /* the oldest ping without a pong since; 0: none */
    mono_ns_t sent;       /* last data */
    bool established, ping_due, was_full, closing, deflate, muted, part_written;
};

struct server {
    struct server_config config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    struct lws_extension extensions[2];
    struct server_app app;
    bool serving;
    struct lws_wait wait;
    bool trim_due; /* a queue was long, and is empty */
    mono_ns_t trimmed;
    struct server_stats stats;
};

struct peer *peer_of(struct lws *wsi);                         /* NULL */
struct peer *peer_get(struct server *server, struct lws *wsi); /* NULL: no memory */

/* --- server_http.c: callbacks; nonzero ends the connection --- */
int http_request(struct lws *wsi, struct server *s, const char *uri, size_t len);
int http_body(struct lws *wsi, const char *in, size_t len);
int http_whole(struct lws *wsi, struct server *s, struct peer *p);
int http_answer_due(struct lws *wsi, struct peer *p);
void http_read_auth(struct lws *wsi, struct peer *p);
struct sim_auth http_auth_of(const struct peer *p);
/* Write an answer and end: an upgrade that is refused. False: hang up. */
bool http_refuse(struct lws *wsi, struct peer *p, int status);

/* --- server_ws.c --- */
int ws_upgrade(struct lws *wsi, struct server *s); /* 0: goes on; 1: answered; -1: hang up */
int ws_established(struct lws *wsi, struct server *s);
int ws_receive(struct lws *wsi, struct server *s, const char *in, size_t len);
int ws_writable(struct lws *wsi, struct server *s);
int ws_timer(struct lws *wsi, struct server *s, struct peer *p);
void ws_pong(struct peer *p);
void ws_closed(struct peer *p);
/* The library's permessage-deflate, which tells us which connections have it. */
int ws_deflate(struct lws_context *context, const struct lws_extension *ext, struct lws *wsi,
               enum lws_extension_callback_reasons reason, void *user, void *in, size_t len);
enum status ws_out_send(void *self, struct sim_conn *conn, void *peer, const char *text, size_t n);
void ws_out_close(void *self, struct sim_conn *conn, void *peer);
void ws_out_part(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                 size_t part);
void ws_out_mute(void *self, struct sim_conn *conn, void *peer);

#endif
