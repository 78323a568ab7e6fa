#include "cli/discovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "exchange/exchange.h"
#include "net/http_client.h"
#include "net/keys.h"
#include "net/url.h"

#define NAMES_PER_REQUEST 100

struct discovery {
    const struct run_options *o;
    struct key *key;
    struct signer signer;
    struct http_client *http;
    struct gateway *logic;
    char base_path[128];
    struct buf names; /* tickers asked for, each with its NUL */
    uint32_t n_names;
    /* the question under way */
    discovery_fn fn;
    void *self;
    struct idmap seen;
    uint64_t req_id;
    bool answered;
    bool checked; /* the exchange knows our key */
    enum status st;
    struct ev_answer last;
    struct err *err;
};

static enum status add_name(struct discovery *d, struct text name, struct err *err)
{
    if (name.n == 0) {
        return ST_OK;
    }
    if (name.n >= TICKER_MAX) {
        return err_set(err, ST_INVALID, "ticker '%.*s' is longer than %d characters", (int)name.n,
                       name.p, TICKER_MAX - 1);
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
        if (!fine) {
            return err_set(err, ST_INVALID,
                           "'%.*s' is not a ticker (letters, digits, '.', '_', '-')", (int)name.n,
                           name.p);
        }
    }
    buf_add(&d->names, name.p, name.n);
    buf_add(&d->names, "", 1);
    d->n_names++;
    return d->names.failed ? ST_NOMEM : ST_OK;
}

static enum status read_names_file(struct discovery *d, const char *path, struct err *err)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return err_set(err, ST_NOT_FOUND, "feed.markets_file %s: %s", path, strerror(errno));
    }
    char line[1024];
    enum status st = ST_OK;
    for (int number = 1; st == ST_OK && fgets(line, sizeof line, f) != NULL; number++) {
        line[strcspn(line, "#\r\n")] = '\0';
        char *p = line + strspn(line, " \t");
        size_t n = strcspn(p, " \t");
        st = add_name(d, (struct text){p, n}, err);
        if (st != ST_OK) {
            st = err_prefix(err, st, "%s:%d", path, number);
        }
    }
    if (st == ST_OK && ferror(f) != 0) {
        st = err_set(err, ST_IO, "feed.markets_file %s: cannot be read to its end", path);
    }
    fclose(f);
    return st;
}

static void on_http_done(void *self, const struct http_resp *resp)
{
    struct discovery *d = self;
    gateway_http_done(d->logic, resp, clock_mono(), clock_wall());
}

/* A market with enough volume and a grid; each once. */
static void take_market(struct discovery *d, const struct ev_market *m)
{
    struct text ticker = text_of(m->ticker);
    if (d->st != ST_OK || idmap_get(&d->seen, ticker) != IDMAP_NONE) {
        return;
    }
    enum status st = idmap_put(&d->seen, ticker, 1);
    if (st == ST_OK && d->n_names == 0 && m->volume_24h < d->o->feed.min_volume * QTY_ONE) {
        return;
    }
    if (st == ST_OK) {
        st = d->fn(d->self, m);
    }
    if (st != ST_OK) {
        d->st = err_set(d->err, st, "market %s cannot be followed: %s", m->ticker, status_text(st));
    }
}

static void on_answer(void *self, const struct ev *ev)
{
    struct discovery *d = self;
    const struct ev_answer *a = (const struct ev_answer *)ev;
    if (ev->type != EV_ANSWER || a->req_id != d->req_id) {
        return;
    }
    const struct ev_market *rows = ev_answer_rows(a);
    if (a->row_kind == GW_ROW_MARKET && a->row_size == sizeof *rows) {
        for (uint32_t i = 0; i < a->n_rows; i++) {
            take_market(d, &rows[i]);
        }
    }
    if (!(a->flags & GW_ANSWER_MORE)) {
        d->last = *a;
        d->answered = true;
    }
}

static enum status fail(struct discovery *d, enum status st)
{
    discovery_destroy(d);
    return st;
}

enum status discovery_create(const struct run_options *o, struct discovery **ret_d, struct err *err)
{
    struct discovery *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    d->o = o;
    buf_init(&d->names, 64u << 20);
    enum status st = idmap_init(&d->seen, 2000000);
    for (size_t i = 0; st == ST_OK && i < o->feed.markets.n; i++) {
        st = add_name(d, text_of(o->feed.markets.v[i]), err);
    }
    if (st == ST_OK && o->feed.markets_file[0] != '\0') {
        st = read_names_file(d, o->feed.markets_file, err);
    }
    struct url url;
    if (st == ST_OK) {
        st = url_parse(o->exchange.rest_url, "https", &url, err);
    }
    if (st == ST_OK) {
        st = key_load(o->exchange.key_file, o->exchange.key_id, &d->key, err);
    }
    if (st != ST_OK) {
        return fail(d, st);
    }
    d->signer = key_signer(d->key);
    text_copy(d->base_path, sizeof d->base_path, text_of(url.path));
    struct http_client_config hc = http_client_config_default();
    hc.url = o->exchange.rest_url;
    hc.ca_file = o->exchange.ca_file;
    hc.signer = &d->signer;
    hc.public_reads_only = o->paper.enabled;
    st = http_client_create(&hc, on_http_done, d, &d->http, err);
    if (st != ST_OK) {
        return fail(d, st);
    }
    struct gateway_config gc = gateway_config_default();
    gc.base_path = d->base_path;
    gc.request_timeout_ns = o->exchange.request_timeout_ms * NS_PER_MS;
    struct gateway_out out = {d, on_answer};
    st = gateway_create(&gc, &out, &d->logic);
    if (st != ST_OK) {
        return fail(d, err_set(err, st, "no memory"));
    }
    *ret_d = d;
    return ST_OK;
}

void discovery_destroy(struct discovery *d)
{
    if (d == NULL) {
        return;
    }
    http_client_destroy(d->http);
    gateway_destroy(d->logic);
    key_destroy(d->key);
    buf_finish(&d->names);
    idmap_finish(&d->seen);
    free(d);
}

/* What a question without rows means to a person. */
static enum status explain(struct discovery *d)
{
    const struct ev_answer *a = &d->last;
    const char *url = d->o->exchange.rest_url;
    switch ((enum gw_outcome)a->outcome) {
    case GW_OK:
        return ST_OK;
    case GW_AUTH:
        return err_set(d->err, ST_DENIED,
                       "%s refuses the request: %s (HTTP %d). Check exchange.key_id, "
                       "exchange.key_file and this machine's "
                       "clock",
                       url, a->error_code, a->http_status);
    case GW_REJECTED:
    case GW_NOT_FOUND:
        return err_set(d->err, ST_INVALID, "%s refuses the request: %s (HTTP %d)", url,
                       a->error_code, a->http_status);
    case GW_NOT_SENT:
    case GW_UNKNOWN:
    case GW_RATE_LIMIT:
    case GW_OUTCOME_MAX:
        break;
    }
    return err_set(d->err, ST_UNREACHABLE, "%s does not answer: %s", url,
                   http_client_last_error(d->http)[0] != '\0' ? http_client_last_error(d->http)
                                                              : a->error_code);
}

/* One request to its end; fn gets the rows. */
static enum status ask_one(struct discovery *d, const struct gw_request *req)
{
    d->req_id = req->req_id;
    d->answered = false;
    enum status st = gateway_submit(d->logic, req, clock_mono(), clock_wall());
    if (st != ST_OK) {
        return err_set(d->err, st, "cannot ask for markets: %s", status_text(st));
    }
    mono_ns_t give_up = clock_mono() + 60 * NS_PER_SEC;
    while (!d->answered) {
        mono_ns_t now = clock_mono();
        if (now > give_up) {
            return err_set(d->err, ST_UNREACHABLE, "%s does not answer in 60 s",
                           d->o->exchange.rest_url);
        }
        struct http_req http;
        while (gateway_next(d->logic, now, &http) == ST_OK) {
            if (http_client_send(d->http, &http) != ST_OK) {
                struct http_resp none = {.id = http.id, .fate = HTTP_NEVER_SENT};
                gateway_http_done(d->logic, &none, now, clock_wall());
            }
        }
        http_client_work(d->http, 10 * NS_PER_MS);
    }
    st = explain(d);
    return st != ST_OK ? st : d->st;
}

static enum status ask_names(struct discovery *d)
{
    struct {
        struct gw_request req;
        char tickers[NAMES_PER_REQUEST * TICKER_MAX];
    } q;
    const char *p = d->names.p;
    for (uint32_t done = 0; done < d->n_names;) {
        memset(&q, 0, sizeof q);
        size_t n = 0;
        for (uint32_t k = 0; k < NAMES_PER_REQUEST && done < d->n_names; k++, done++) {
            size_t len = strlen(p);
            if (n > 0) {
                q.tickers[n++] = ',';
            }
            memcpy(q.tickers + n, p, len);
            n += len;
            p += len + 1;
        }
        q.req.op = GW_LIST_MARKETS;
        q.req.req_id = d->req_id + 1;
        q.req.size = ev_round8(sizeof q.req + n + 1);
        enum status st = ask_one(d, &q.req);
        if (st != ST_OK) {
            return st;
        }
    }
    p = d->names.p;
    for (uint32_t i = 0; i < d->n_names; i++, p += strlen(p) + 1) {
        if (idmap_get(&d->seen, text_of(p)) == IDMAP_NONE) {
            return err_set(d->err, ST_NOT_FOUND, "market %s does not exist on %s", p,
                           d->o->exchange.rest_url);
        }
    }
    return ST_OK;
}

/* Lists of markets are public: only a private read shows whether key, signature and clock are good.
 */
static enum status check_key(struct discovery *d)
{
    struct gw_request req = {.size = sizeof req, .op = GW_GET_BALANCE, .req_id = d->req_id + 1};
    enum status st = ask_one(d, &req);
    if (st == ST_DENIED && d->last.http_status == 403) {
        return ST_OK; /* a good key that may not read the balance */
    }
    d->checked = st == ST_OK;
    return st;
}

enum status discovery_ask(struct discovery *d, discovery_fn fn, void *self, struct err *err)
{
    d->fn = fn;
    d->self = self;
    d->err = err;
    d->st = ST_OK;
    idmap_finish(&d->seen);
    enum status st = idmap_init(&d->seen, 2000000);
    if (st != ST_OK) {
        return st;
    }
    if (!d->checked && !d->o->paper.enabled) { /* a paper run reads nothing private */
        st = check_key(d);
        if (st != ST_OK) {
            return st;
        }
    }
    if (d->n_names > 0) {
        return ask_names(d);
    }
    const struct feed_options *o = &d->o->feed;
    struct gw_request req = {.size = sizeof req,
                             .op = GW_LIST_MARKETS,
                             .req_id = d->req_id + 1,
                             .rows_max = (uint32_t)o->limit};
    if (!text_copy(req.series, sizeof req.series, text_of(o->series)) ||
        !text_copy(req.event, sizeof req.event, text_of(o->event)) ||
        !text_copy(req.status, sizeof req.status, text_of(o->status))) {
        return err_set(err, ST_INVALID, "feed.series, feed.event or feed.status is too long");
    }
    return ask_one(d, &req);
}
