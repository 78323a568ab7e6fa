/*
 * exchange.h - OrderGateway's logic without I/O: requests in, HTTP requests out, HTTP answers in,
 * EV_ANSWER events out.
 *
 * Holds the queue, the token buckets, paging and the meaning of every answer. It never sends an
 * order twice: a create whose outcome is not known is answered GW_UNKNOWN and forgotten here; the
 * order manager settles it by reading. Reads are tried again (bounded). Cancels go before
 * everything else. No clock, no socket, no key. Owner: one thread, live the gateway's.
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "base/bytes.h"
#include "bus/event.h"
#include "orders/gateway.h"

enum http_method { HTTP_GET, HTTP_POST, HTTP_DELETE, HTTP_PUT };
const char *http_method_name(enum http_method m);

/* One HTTP request to send. Texts are valid until gateway_http_done of the same id. */
struct http_req {
    uint64_t id;
    enum http_method method;
    const char *path;  /* "/trade-api/v2/portfolio/events/orders": what is signed */
    const char *query; /* "" or "limit=1000&cursor=..." without '?' */
    const char *body;  /* "" when none */
    size_t body_len;
    mono_ns_t deadline;     /* give up then (a time-out: outcome unknown) */
    bool may_retry_connect; /* a connection that died before any byte was sent may be replaced */
    mono_ns_t frame_mono;   /* of a create: the frame that led to it, for latency figures; else 0 */
};

/* How the transport fared. */
enum http_fate {
    HTTP_ANSWERED,   /* status and body are there */
    HTTP_NEVER_SENT, /* certain that no byte of the request left: refused connection, DNS, TLS
                        failure */
    HTTP_TIMEOUT,    /* may have been received */
    HTTP_CUT         /* connection died after bytes may have left */
};

struct http_resp {
    uint64_t id;
    enum http_fate fate;
    int status;
    const char *body; /* valid during the call */
    size_t body_len;
    wall_ns_t signed_wall;
    mono_ns_t sent_mono;
};

struct gateway_config {
    const char *base_path;        /* "/trade-api/v2" */
    mono_ns_t request_timeout_ns; /* 5 s */
    uint32_t in_flight_max;       /* requests at the transport at once */
    uint32_t queue_max;           /* requests waiting */
    int64_t write_reserve;        /* write tokens kept for cancels */
    uint32_t read_tries;          /* of reads, the first included */
    mono_ns_t retry_wait_ns;      /* before the second try; doubles with each further one */
    mono_ns_t create_wait_ns; /* a create that found no token for so long is not sent any more */
    mono_ns_t read_wait_ns;   /* the same for a read */
    mono_ns_t pause_429_ns;   /* nothing leaves on a bucket for so long after a 429 */
    uint32_t page_rows;       /* limit= of the lists, at most 1000 */
    uint32_t pages_max;       /* a list of more pages is answered GW_UNKNOWN, "too_many_pages" */
    size_t answer_bytes_max;  /* of one EV_ANSWER; longer pages come in several parts */
};
struct gateway_config gateway_config_default(void);

struct gateway_out {
    void *self;
    void (*emit)(void *self, const struct ev *ev); /* EV_ANSWER; the caller must take it */
};

struct gateway_stats {
    uint64_t requests, answers, by_outcome[GW_OUTCOME_MAX], retries, http_429, http_5xx, timeouts;
    int64_t write_tokens; /* at the last look */
};

struct gateway;
enum status gateway_create(const struct gateway_config *config, const struct gateway_out *out,
                           struct gateway **ret_gw) MUST_CHECK;
void gateway_destroy(struct gateway *gw);

/* Take a request. ST_FULL: queue_max. A request that cannot be encoded is answered GW_NOT_SENT at
 * once, and so is one that would take the room kept for cancels. */
enum status gateway_submit(struct gateway *gw, const struct gw_request *req, mono_ns_t now,
                           wall_ns_t wall) MUST_CHECK;

/* The next HTTP request that may leave now (tokens, in_flight_max). ST_AGAIN: none. */
enum status gateway_next(struct gateway *gw, mono_ns_t now, struct http_req *ret_req) MUST_CHECK;

/* The transport is done with a request: exactly once for each that gateway_next gave. */
void gateway_http_done(struct gateway *gw, const struct http_resp *resp, mono_ns_t now,
                       wall_ns_t wall);

/* When gateway_next may give something though nothing else happens; NS_NEVER: nothing waits. */
mono_ns_t gateway_deadline(const struct gateway *gw);

/* No new creates; what waits is answered GW_NOT_SENT. Cancels and reads go on. */
void gateway_stop_orders(struct gateway *gw, mono_ns_t now, wall_ns_t wall);
/* The same for creates that are not reduce-only and for amends, until hold is false: a halt. */
void gateway_hold(struct gateway *gw, bool hold, mono_ns_t now, wall_ns_t wall);
uint32_t gateway_open(const struct gateway *gw); /* requests not answered yet */
const struct gateway_stats *gateway_stats(const struct gateway *gw);

/* --- signing
 * -----------------------------------------------------------------------------------------------------
 */

/* Signs the text of section 3.1; implemented in net/ with OpenSSL. The key never leaves it. */
struct signer {
    void *self;
    const char *key_id;
    /* base64 into sig (NUL-terminated). ST_LIMIT, ST_IO. */
    enum status (*sign)(void *self, const char *text, size_t n, char *sig, size_t cap) MUST_CHECK;
};
#define SIGNATURE_MAX 1024

/* Sign method and path at a time. Made ahead: sigbook.h. */
enum status signer_sign(const struct signer *signer, int64_t ts_ms, const char *method,
                        const char *path, char *sig, size_t cap) MUST_CHECK;

#endif
