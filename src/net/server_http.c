/*
 * server_http.c - REST over the server: a request is read whole, the app is asked, and its answer
 * is built whole (head and body) and given to lws_write once, at once or when its delay is over.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/server_int.h"

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

void http_read_auth(struct lws *wsi, struct peer *p)
{
    custom_header(wsi, "kalshi-access-key:", p->key_id, sizeof p->key_id);
    custom_header(wsi, "kalshi-access-timestamp:", p->timestamp, sizeof p->timestamp);
    custom_header(wsi, "kalshi-access-signature:", p->signature, sizeof p->signature);
}

struct sim_auth http_auth_of(const struct peer *p)
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

bool http_refuse(struct lws *wsi, struct peer *p, int status)
{
    struct text body = {p->resp.body.p, p->resp.body.n};
    return build_answer(p, status, NULL, body, true) && write_answer(wsi, p);
}

int http_answer_due(struct lws *wsi, struct peer *p)
{
    p->answer_waits = false;
    if (p->resp.drop) {
        return -1;
    }
    struct text body = {p->resp.body.p, p->resp.body.n};
    if (!build_answer(p, p->resp.status, p->resp.content_type, body, false)) {
        return -1;
    }
    if (p->resp.cut) { /* the head and half of the body, or half of the head */
        p->wire.n = body.n > 1 ? p->wire.n - body.n / 2 : LWS_PRE + (p->wire.n - LWS_PRE) / 2;
        (void)write_answer(wsi, p);
        return -1;
    }
    if (!write_answer(wsi, p)) {
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
        .auth = http_auth_of(p),
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

int http_whole(struct lws *wsi, struct server *s, struct peer *p)
{
    ask_app(s, p);
    if (p->resp.delay_ns <= 0) {
        return http_answer_due(wsi, p);
    }
    p->answer_waits = true;
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    lws_set_timer_usecs(wsi, p->resp.delay_ns / NS_PER_US + 1);
    return 0;
}

int http_request(struct lws *wsi, struct server *s, const char *uri, size_t len)
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
    http_read_auth(wsi, p);
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
    return p->body_left > 0 ? 0 : http_whole(wsi, s, p);
}

int http_body(struct lws *wsi, const char *in, size_t len)
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
    return 0;
}
