/*
 * ws_client.h - signed WebSocket connections that dial again by themselves, over libwebsockets.
 *
 * One loop drives any number of connections on one thread, the net agent's; only ws_loop_wake may
 * be called from others. ws_loop_work waits inside the library's poll, so that a frame is in
 * on_frame as soon as the socket has it; a command from another thread ends the wait with
 * ws_loop_wake.
 *
 * Certificates and host names are always checked. Each dial carries a fresh signature. A
 * connection that fails or ends is dialled again after a back-off that doubles from backoff_min to
 * backoff_max, with jitter (half to the whole of it); data that came on the connection resets it.
 */
#ifndef NET_WS_CLIENT_H
#define NET_WS_CLIENT_H

#include "base/rng.h"
#include "exchange/exchange.h"

struct ws_loop;
struct ws_conn;

/* ca_file "" or NULL: the system's authorities. ST_NOT_FOUND, ST_DENIED (CA file), ST_NOMEM. */
enum status ws_loop_create(const char *ca_file, struct ws_loop **ret_loop,
                           struct err *err) MUST_CHECK;
/* Its connections must be destroyed before. */
void ws_loop_destroy(struct ws_loop *loop);

/* Serve what is there; waits up to max_wait when nothing is. Returns how many frames came. */
int ws_loop_work(struct ws_loop *loop, mono_ns_t max_wait);
void ws_loop_wake(struct ws_loop *loop); /* any thread */

struct ws_config {
    const char *url;             /* "wss://host:port/trade-api/ws/v2" */
    const struct signer *signer; /* NULL: unsigned */
    size_t message_max;          /* a longer message ends the connection */
    size_t queue_bytes;          /* of messages waiting to be sent */
    mono_ns_t connect_timeout_ns;
    mono_ns_t backoff_min_ns, backoff_max_ns;
    mono_ns_t ping_interval_ns; /* our own pings; 0: none */
    mono_ns_t ping_timeout_ns;  /* nothing came for so long after a ping: the connection is dead */
    uint64_t seed;              /* of the jitter */
};
struct ws_config ws_config_default(void);

/*
 * Called from ws_loop_work. They may call ws_conn_send, ws_conn_reconnect and ws_conn_stop.
 * on_frame: one whole text or binary message, valid during the call, with its receive times.
 * on_close: once for each dial that failed or connection that ended. http_status is that of a
 * refused upgrade (401, 502), else 0; reason has no secret.
 */
struct ws_handler {
    void *self;
    void (*on_open)(void *self, mono_ns_t now, wall_ns_t wall);
    void (*on_frame)(void *self, const char *s, size_t n, mono_ns_t now, wall_ns_t wall);
    void (*on_close)(void *self, const char *reason, int http_status, mono_ns_t now,
                     wall_ns_t wall);
};

struct ws_stats {
    uint64_t frames, pings, pongs;
};

/* ST_INVALID (address), ST_NOMEM. Does not dial before ws_conn_start. */
enum status ws_conn_create(struct ws_loop *loop, const struct ws_config *config,
                           const struct ws_handler *handler, struct ws_conn **ret_conn,
                           struct err *err) MUST_CHECK;
/* Closes without a callback; not from inside one. NULL is fine. */
void ws_conn_destroy(struct ws_conn *conn);

void ws_conn_start(struct ws_conn *conn); /* dial at the next work */
/* Close and stay closed until ws_conn_start; on_close follows if it was open or dialling. */
void ws_conn_stop(struct ws_conn *conn);
/* Close and dial again after the back-off. reason is constant text, handed to on_close. */
void ws_conn_reconnect(struct ws_conn *conn, const char *reason);

/* Queue one text message, copied. ST_FULL; ST_CLOSED: not open; ST_LIMIT: longer than the queue. */
enum status ws_conn_send(struct ws_conn *conn, const char *s, size_t n) MUST_CHECK;

bool ws_conn_is_open(const struct ws_conn *conn);
const struct ws_stats *ws_conn_stats(const struct ws_conn *conn);

#endif
