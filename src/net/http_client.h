/*
 * http_client.h - signed HTTPS requests over libcurl's multi interface.
 *
 * Owner: one thread, the gateway's; only http_client_wake may be called from others. HTTP/1.1 with
 * connections kept alive; certificates and host names are always checked.
 *
 * A request without may_retry_connect reaches the server at most once. That is not libcurl's
 * default: when a connection that was used before dies without a byte of the answer, libcurl
 * (Curl_retry_request, 7.88) opens another and sends the request again, a POST too, though the
 * server may have acted on the first. A pre-request callback counts the sends and refuses the
 * second; the request then ends as HTTP_CUT. The same callback proves HTTP_NEVER_SENT: as long as
 * it was not called, name, connection and TLS were not done, and no byte of the request left.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "exchange/exchange.h"
#include "net/sign_ahead.h"

struct http_client_config {
    const char *url;             /* "https://host:port/trade-api/v2": only the origin is used */
    const char *ca_file;         /* "" or NULL: the system's authorities */
    const struct signer *signer; /* NULL: requests are not signed */
    mono_ns_t connect_timeout_ns;
    uint32_t in_flight_max;
    size_t body_max; /* of an answer; a longer one ends as HTTP_CUT */
    /* Only GETs of markets, events, series and the exchange, below the path of url: any other
     * request is answered ST_DENIED, and nothing leaves. */
    bool public_reads_only;
    struct sign_ahead *ahead; /* signatures made before they are needed; NULL: none */
};
struct http_client_config http_client_config_default(void);

struct http_client_stats {
    uint64_t sent, answered, never_sent, timeouts, cut;
    uint64_t resends_refused; /* libcurl wanted to send a request a second time */
    uint64_t connects;        /* new connections */
    uint64_t signed_ahead, signed_now;
};

struct http_client;

/* Called from http_client_work and http_client_send; may call http_client_send. */
typedef void (*http_done_fn)(void *self, const struct http_resp *resp);

/* ST_INVALID (address), ST_NOT_FOUND or ST_DENIED (CA file), ST_NOMEM. */
enum status http_client_create(const struct http_client_config *config, http_done_fn on_done,
                               void *self, struct http_client **ret_hc, struct err *err) MUST_CHECK;
/* Requests under way are dropped without a word. */
void http_client_destroy(struct http_client *hc);

/*
 * Take a request and begin to send it. Its texts must live until on_done. ST_FULL: in_flight_max.
 * ST_DENIED: public_reads_only.
 * Everything else, also a signature that fails (HTTP_NEVER_SENT), comes through on_done of the next
 * http_client_work.
 */
enum status http_client_send(struct http_client *hc, const struct http_req *req) MUST_CHECK;

/*
 * Send, receive and report what is done; waits up to max_wait when nothing is. Returns how many
 * requests were reported.
 */
int http_client_work(struct http_client *hc, mono_ns_t max_wait);
void http_client_wake(struct http_client *hc); /* any thread */

/*
 * Open a connection ahead of need by an unsigned GET of path, whose answer is thrown away. Does
 * nothing while another is under way.
 */
void http_client_warm(struct http_client *hc, const char *path);

uint32_t http_client_in_flight(const struct http_client *hc);
const struct http_client_stats *http_client_stats(const struct http_client *hc);

/* Why the last request failed, for the log; "" when none has. No secret in it. */
const char *http_client_last_error(const struct http_client *hc);

#endif
