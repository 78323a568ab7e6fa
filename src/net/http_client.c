#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/url.h"

/* One place for a request; its handle and buffers are reused. */
struct transfer {
    struct http_client *hc;
    CURL *easy;
    struct curl_slist *headers;
    struct buf url, body;
    char error[CURL_ERROR_SIZE];
    char sig[SIGNATURE_MAX];
    uint64_t id;
    uint32_t next;  /* free list */
    uint32_t sends; /* how often libcurl was about to send the request */
    bool busy, warm, may_resend, unsigned_failed;
    wall_ns_t signed_wall;
    mono_ns_t sent;
};

struct http_client {
    struct http_client_config config;
    struct url url;
    CURLM *multi;
    http_done_fn on_done;
    void *self;
    struct transfer *transfers; /* in_flight_max, and one for warming */
    uint32_t n, free, in_flight, failed_now;
    struct http_client_stats stats;
    char last_error[CURL_ERROR_SIZE + 64];
};

#define NO_TRANSFER UINT32_MAX

struct http_client_config http_client_config_default(void)
{
    return (struct http_client_config){
        .connect_timeout_ns = 3 * NS_PER_SEC,
        .in_flight_max = 16,
        .body_max = (size_t)32 << 20,
    };
}

/* --- libcurl's callbacks --- */

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct transfer *t = self;
    buf_add(&t->body, p, size * n);
    return t->body.failed ? 0 : size * n;
}

/* Called when the connection stands, before the first byte of the request. */
static int on_prereq(void *self, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    struct transfer *t = self;
    if (t->sends > 0 && !t->may_resend) {
        t->hc->stats.resends_refused++;
        return CURL_PREREQFUNC_ABORT;
    }
    t->sends++;
    t->body.n = 0;
    return CURL_PREREQFUNC_OK;
}

/* --- create, destroy --- */

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static bool transfer_init(struct http_client *hc, struct transfer *t)
{
    t->hc = hc;
    buf_init(&t->url, (size_t)128 << 10);
    buf_init(&t->body, hc->config.body_max);
    t->easy = curl_easy_init();
    CURL *e = t->easy;
    if (e == NULL) {
        return false;
    }
    const char *ca = hc->config.ca_file;
    /* The authorities of the system are left out when a file is given. */
    bool ca_ok =
        ca == NULL || ca[0] == '\0' || (SET(e, CURLOPT_CAINFO, ca) && SET(e, CURLOPT_CAPATH, NULL));
    return ca_ok && SET(e, CURLOPT_PROTOCOLS_STR, "https") && SET(e, CURLOPT_NOSIGNAL, 1L) &&
           SET(e, CURLOPT_SSL_VERIFYPEER, 1L) && SET(e, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(e, CURLOPT_FOLLOWLOCATION, 0L) && SET(e, CURLOPT_PROXY, "") &&
           SET(e, CURLOPT_PATH_AS_IS, 1L) && SET(e, CURLOPT_TCP_NODELAY, 1L) &&
           SET(e, CURLOPT_TCP_KEEPALIVE, 1L) && SET(e, CURLOPT_WRITEFUNCTION, on_body) &&
           SET(e, CURLOPT_WRITEDATA, t) && SET(e, CURLOPT_PREREQFUNCTION, on_prereq) &&
           SET(e, CURLOPT_PREREQDATA, t) && SET(e, CURLOPT_ERRORBUFFER, t->error) &&
           SET(e, CURLOPT_PRIVATE, t);
}

static enum status check_ca(const char *ca, struct err *err)
{
    if (ca == NULL || ca[0] == '\0' || access(ca, R_OK) == 0) {
        return ST_OK;
    }
    return err_set(err, access(ca, F_OK) == 0 ? ST_DENIED : ST_NOT_FOUND,
                   "%s: CA file is missing or not readable", ca);
}

static enum status transfers_init(struct http_client *hc, struct err *err)
{
    hc->n = hc->config.in_flight_max + 1;
    hc->transfers = calloc(hc->n, sizeof *hc->transfers);
    hc->multi = curl_multi_init();
    if (hc->transfers == NULL || hc->multi == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < hc->n; i++) {
        if (!transfer_init(hc, &hc->transfers[i])) {
            return err_set(err, ST_UNSUPPORTED, "libcurl lacks an option that is needed");
        }
        hc->transfers[i].next = i + 1 < hc->config.in_flight_max ? i + 1 : NO_TRANSFER;
    }
    curl_multi_setopt(hc->multi, CURLMOPT_MAXCONNECTS, (long)hc->n);
    return ST_OK;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum status http_client_create(const struct http_client_config *config, http_done_fn on_done,
                               void *self, struct http_client **ret_hc, struct err *err)
{
    pthread_once(&curl_once, curl_start);
    if (config->in_flight_max == 0 || config->in_flight_max > 4096) {
        return err_set(err, ST_INVALID, "in_flight_max must be 1 to 4096");
    }
    struct http_client *hc = calloc(1, sizeof *hc);
    if (hc == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    hc->config = *config;
    hc->on_done = on_done;
    hc->self = self;
    enum status st = url_parse(config->url, "https", &hc->url, err);
    if (st == ST_OK) {
        st = check_ca(config->ca_file, err);
    }
    if (st == ST_OK) {
        st = transfers_init(hc, err);
    }
    if (st != ST_OK) {
        http_client_destroy(hc);
        return st;
    }
    *ret_hc = hc;
    return ST_OK;
}

void http_client_destroy(struct http_client *hc)
{
    if (hc == NULL) {
        return;
    }
    for (uint32_t i = 0; hc->transfers != NULL && i < hc->n; i++) {
        struct transfer *t = &hc->transfers[i];
        if (t->busy && !t->unsigned_failed) {
            curl_multi_remove_handle(hc->multi, t->easy);
        }
        curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        buf_finish(&t->url);
        buf_finish(&t->body);
    }
    curl_multi_cleanup(hc->multi);
    free(hc->transfers);
    free(hc);
}

/* --- sending --- */

static enum status sign(struct http_client *hc, struct transfer *t, const char *method,
                        const char *path, int64_t *ret_ts_ms)
{
    const struct http_client_config *c = &hc->config;
    *ret_ts_ms = clock_wall() / NS_PER_MS;
    if (c->ahead != NULL && sign_ahead_take(c->ahead, method, path, ret_ts_ms, t->sig)) {
        hc->stats.signed_ahead++;
        return ST_OK;
    }
    hc->stats.signed_now++;
    return signer_sign(c->signer, *ret_ts_ms, method, path, t->sig, sizeof t->sig);
}

static bool add_header(struct transfer *t, const char *name, const char *value)
{
    char line[SIGNATURE_MAX + 64];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer =
        n > 0 && (size_t)n < sizeof line ? curl_slist_append(t->headers, line) : NULL;
    if (longer == NULL) {
        return false;
    }
    t->headers = longer;
    return true;
}

static bool add_signature(struct http_client *hc, struct transfer *t, const char *method,
                          const char *path)
{
    int64_t ts_ms = 0;
    char ts[24];
    if (sign(hc, t, method, path, &ts_ms) != ST_OK) {
        return false;
    }
    t->signed_wall = ts_ms * NS_PER_MS;
    snprintf(ts, sizeof ts, "%lld", (long long)ts_ms);
    bool ok = add_header(t, "KALSHI-ACCESS-KEY", hc->config.signer->key_id) &&
              add_header(t, "KALSHI-ACCESS-TIMESTAMP", ts) &&
              add_header(t, "KALSHI-ACCESS-SIGNATURE", t->sig);
    explicit_bzero(t->sig, sizeof t->sig);
    return ok;
}

static bool set_url(struct http_client *hc, struct transfer *t, const char *path, const char *query)
{
    buf_clear(&t->url);
    buf_str(&t->url, hc->url.origin);
    buf_str(&t->url, path);
    if (query[0] != '\0') {
        buf_char(&t->url, '?');
        buf_str(&t->url, query);
    }
    return !t->url.failed && SET(t->easy, CURLOPT_URL, t->url.p);
}

/* Everything that differs from one request to the next is set anew: the handle remembers. */
static bool set_method(struct transfer *t, const struct http_req *req)
{
    CURL *e = t->easy;
    bool body = req->body_len > 0 || req->method == HTTP_POST || req->method == HTTP_PUT;
    if (!body) {
        return SET(e, CURLOPT_POSTFIELDS, NULL) && SET(e, CURLOPT_HTTPGET, 1L) &&
               SET(e, CURLOPT_CUSTOMREQUEST,
                   req->method == HTTP_GET ? NULL : http_method_name(req->method));
    }
    return SET(e, CURLOPT_POST, 1L) && SET(e, CURLOPT_POSTFIELDS, req->body) &&
           SET(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len) &&
           SET(e, CURLOPT_CUSTOMREQUEST,
               req->method == HTTP_POST ? NULL : http_method_name(req->method)) &&
           add_header(t, "Content-Type", "application/json") && add_header(t, "Expect", "");
}

static long ms_until(mono_ns_t deadline, mono_ns_t now)
{
    mono_ns_t left = deadline > now ? deadline - now : 0;
    long ms = (long)(left / NS_PER_MS);
    return ms < 1 ? 1 : ms;
}

static bool prepare(struct http_client *hc, struct transfer *t, const struct http_req *req,
                    bool with_signature)
{
    CURL *e = t->easy;
    mono_ns_t now = clock_mono();
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    buf_clear(&t->body);
    t->error[0] = '\0';
    t->sends = 0;
    t->may_resend = req->may_retry_connect;
    t->signed_wall = 0;
    t->sent = now;
    t->id = req->id;
    t->unsigned_failed = false;
    return set_url(hc, t, req->path, req->query) && set_method(t, req) &&
           (!with_signature || hc->config.signer == NULL ||
            add_signature(hc, t, http_method_name(req->method), req->path)) &&
           SET(e, CURLOPT_HTTPHEADER, t->headers) &&
           SET(e, CURLOPT_TIMEOUT_MS, ms_until(req->deadline, now)) &&
           SET(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(hc->config.connect_timeout_ns / NS_PER_MS)) &&
           curl_multi_add_handle(hc->multi, e) == CURLM_OK;
}

static void perform(struct http_client *hc)
{
    int running = 0;
    (void)curl_multi_perform(hc->multi, &running);
}

/* Names what may be asked for, not what may not: a new private route is refused from the start. */
static bool public_read(const struct http_client *hc, const struct http_req *req)
{
    static const char *const folders[] = {"/markets", "/events", "/series", "/exchange"};
    size_t base = strlen(hc->url.path);
    if (req->method != HTTP_GET || req->body_len != 0 ||
        strncmp(req->path, hc->url.path, base) != 0 || strstr(req->path, "..") != NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *rest = req->path + base;
        size_t n = strlen(folders[i]);
        if (strncmp(rest, folders[i], n) == 0 && (rest[n] == '\0' || rest[n] == '/')) {
            return true;
        }
    }
    return false;
}

enum status http_client_send(struct http_client *hc, const struct http_req *req)
{
    if (hc->config.public_reads_only && !public_read(hc, req)) {
        return ST_DENIED;
    }
    if (hc->free == NO_TRANSFER || hc->in_flight >= hc->config.in_flight_max) {
        return ST_FULL;
    }
    struct transfer *t = &hc->transfers[hc->free];
    hc->free = t->next;
    hc->in_flight++;
    hc->stats.sent++;
    t->busy = true;
    t->warm = false;
    if (!prepare(hc, t, req, true)) {
        t->unsigned_failed = true; /* reported by the next work */
        hc->failed_now++;
        return ST_OK;
    }
    perform(hc);
    return ST_OK;
}

void http_client_warm(struct http_client *hc, const char *path)
{
    struct transfer *t = &hc->transfers[hc->n - 1];
    struct http_req req = {.method = HTTP_GET,
                           .path = path,
                           .query = "",
                           .body = "",
                           .deadline = clock_mono() + hc->config.connect_timeout_ns,
                           .may_retry_connect = true};
    if (t->busy) {
        return;
    }
    t->warm = true;
    if (prepare(hc, t, &req, false)) {
        t->busy = true;
        perform(hc);
    }
}

/* --- reporting --- */

static enum http_fate fate_of(const struct transfer *t, CURLcode code, long status)
{
    if (code == CURLE_OK && status > 0) {
        return HTTP_ANSWERED;
    }
    if (t->sends == 0) {
        return HTTP_NEVER_SENT;
    }
    return code == CURLE_OPERATION_TIMEDOUT ? HTTP_TIMEOUT : HTTP_CUT;
}

static void count(struct http_client *hc, enum http_fate fate)
{
    switch (fate) {
    case HTTP_ANSWERED:
        hc->stats.answered++;
        return;
    case HTTP_NEVER_SENT:
        hc->stats.never_sent++;
        return;
    case HTTP_TIMEOUT:
        hc->stats.timeouts++;
        return;
    case HTTP_CUT:
        hc->stats.cut++;
        return;
    }
}

static void report(struct http_client *hc, struct transfer *t, enum http_fate fate, long status)
{
    struct http_resp resp = {.id = t->id,
                             .fate = fate,
                             .status = fate == HTTP_ANSWERED ? (int)status : 0,
                             .body = t->body.n > 0 ? t->body.p : "",
                             .body_len = t->body.n,
                             .signed_wall = t->signed_wall,
                             .sent_mono = t->sent};
    count(hc, fate);
    /* The place is given back afterwards, since the body is in it. */
    hc->on_done(hc->self, &resp);
    t->busy = false;
    t->next = hc->free;
    hc->free = (uint32_t)(t - hc->transfers);
    hc->in_flight--;
}

static void finish(struct http_client *hc, struct transfer *t, CURLcode code)
{
    long status = 0;
    long connects = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    hc->stats.connects += (uint64_t)connects;
    curl_multi_remove_handle(hc->multi, t->easy);
    if (code != CURLE_OK) {
        snprintf(hc->last_error, sizeof hc->last_error, "%s",
                 t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
    }
    if (t->warm) {
        t->busy = false;
        return;
    }
    report(hc, t, fate_of(t, code, status), status);
}

static int report_failed(struct http_client *hc)
{
    int n = 0;
    for (uint32_t i = 0; hc->failed_now > 0 && i < hc->n; i++) {
        struct transfer *t = &hc->transfers[i];
        if (t->busy && t->unsigned_failed) {
            t->unsigned_failed = false;
            hc->failed_now--;
            snprintf(hc->last_error, sizeof hc->last_error, "the request could not be signed");
            report(hc, t, HTTP_NEVER_SENT, 0);
            n++;
        }
    }
    return n;
}

static int reap(struct http_client *hc)
{
    int n = report_failed(hc);
    int left = 0;
    for (CURLMsg *m = curl_multi_info_read(hc->multi, &left); m != NULL;
         m = curl_multi_info_read(hc->multi, &left)) {
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        struct transfer *t = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        n += t->warm ? 0 : 1;
        finish(hc, t, m->data.result);
    }
    return n;
}

int http_client_work(struct http_client *hc, mono_ns_t max_wait)
{
    perform(hc);
    int n = reap(hc);
    if (n > 0) {
        return n;
    }
    int ms =
        max_wait > 3600 * NS_PER_SEC ? 3600 * 1000 : (int)((max_wait + NS_PER_MS - 1) / NS_PER_MS);
    (void)curl_multi_poll(hc->multi, NULL, 0, ms, NULL);
    perform(hc);
    return reap(hc);
}

void http_client_wake(struct http_client *hc)
{
    (void)curl_multi_wakeup(hc->multi);
}

uint32_t http_client_in_flight(const struct http_client *hc)
{
    return hc->in_flight;
}

const struct http_client_stats *http_client_stats(const struct http_client *hc)
{
    return &hc->stats;
}

const char *http_client_last_error(const struct http_client *hc)
{
    return hc->last_error;
}
