/*
 * server.h - the TLS server around the simulator: REST and WebSocket on one port, HTTP/1.1.
 *
 * Owner: one thread. The server knows the simulator through struct server_app, so that tests can
 * put something simpler behind the same sockets.
 *
 * Each WebSocket connection has a bounded queue in bytes. A reader that is too slow fills it, and
 * send says ST_FULL; ws_writable is called when half of it is free again, and whenever it ran
 * empty.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "sim/sim.h"

/* What is served. The functions are those of sim.h with sim as self. */
struct server_app {
    void *self;
    void (*http)(void *self, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
                 struct sim_http_resp *ret_resp);
    int (*ws_open)(void *self, const struct sim_auth *auth, struct text path, void *peer,
                   wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn, struct buf *ret_body);
    void (*ws_frame)(void *self, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                     mono_ns_t now);
    /* Once for each connection that was opened, whoever closed it. */
    void (*ws_close)(void *self, struct sim_conn *conn);
    void (*ws_writable)(void *self, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now);
    void (*tick)(void *self, wall_ns_t wall, mono_ns_t now);
    mono_ns_t (*deadline)(void *self);
};

struct server_config {
    const char *address; /* numeric address or interface */
    int port;            /* 0: the system chooses */
    const char *cert_file, *key_file;
    size_t queue_bytes;        /* of each WebSocket connection */
    size_t frame_max;          /* of a client's message */
    size_t body_max;           /* of a request */
    mono_ns_t ping_ns;         /* ping with the body "heartbeat"; 0: none */
    bool ping_when_idle;       /* not to connections that were sent data meanwhile */
    mono_ns_t pong_timeout_ns; /* a connection without pongs for so long is closed; 0: never */
    bool deflate;              /* agree to permessage-deflate */
};
struct server_config server_config_default(void);

struct server_stats {
    uint64_t requests, upgrades, refused, frames_out, bytes_out, full;
    uint32_t connections; /* WebSocket connections open now */
};

struct server;

/* Bind and listen. ST_UNREACHABLE: address or port cannot be used; ST_IO: certificate or key. */
enum status server_create(const struct server_config *config, struct server **ret_server,
                          struct err *err) MUST_CHECK;
void server_destroy(struct server *server); /* closes all connections; NULL is fine */

/* For sim_create; valid as long as the server. */
struct sim_out server_out(struct server *server);

/* From now on requests are served; before, they are answered 503. */
void server_serve(struct server *server, const struct server_app *app);

/* Serve what is there; waits up to max_wait when nothing is, less when the app has a deadline. */
void server_work(struct server *server, mono_ns_t max_wait);

int server_port(const struct server *server);
const struct server_stats *server_stats(const struct server *server);

#endif
