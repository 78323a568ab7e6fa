#include "cli/market_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net/keys.h"
#include "net/url.h"
#include "wire/rest.h"

#define BODY_MAX          ((size_t)64 << 20)
#define NAMES_PER_REQUEST 100
#define TRIES             4
#define SERIES_MAX        2000000
#define EVENTS_PER_PAGE   200
#define PAGES_MAX         100
#define MARKETS_MAX       2000000

struct fees {
    int32_t type, mult_micros;
    bool set; /* of an event: there is an override */
};

struct market_facts {
    const struct run_options *o;
    struct key *key;
    struct signer signer;
    struct http_client *http;
    char base_path[128];
    struct idmap series; /* tickers of series and events that were asked for -> index in fees */
    struct fees *fees;
    uint32_t n_fees, fees_cap;
    struct idmap known;       /* followed tickers */
    char (*open)[TICKER_MAX]; /* followed, without a result */
    uint32_t n_open, open_cap;
    /* the request under way */
    uint64_t id;
    bool done;
    int status; /* 0: no answer */
    struct buf body;
};

static void on_done(void *self, const struct http_resp *resp)
{
    struct market_facts *f = self;
    if (resp->id != f->id) {
        return;
    }
    f->done = true;
    f->status = resp->fate == HTTP_ANSWERED ? resp->status : 0;
    buf_clear(&f->body);
    if (f->status != 0 && resp->body_len > 0) {
        buf_add(&f->body, resp->body, resp->body_len);
    }
}

enum status market_facts_create(const struct run_options *o, struct market_facts **ret_f,
                                struct err *err)
{
    struct market_facts *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    f->o = o;
    buf_init(&f->body, BODY_MAX);
    struct url url;
    enum status st = idmap_init(&f->series, SERIES_MAX);
    st = st == ST_OK ? idmap_init(&f->known, MARKETS_MAX) : st;
    st = st == ST_OK ? url_parse(o->exchange.rest_url, "https", &url, err) : st;
    st = st == ST_OK ? key_load(o->exchange.key_file, o->exchange.key_id, &f->key, err) : st;
    if (st == ST_OK) {
        f->signer = key_signer(f->key);
        text_copy(f->base_path, sizeof f->base_path, text_of(url.path));
        struct http_client_config hc = http_client_config_default();
        hc.url = o->exchange.rest_url;
        hc.ca_file = o->exchange.ca_file;
        hc.signer = &f->signer;
        hc.public_reads_only = true;
        st = http_client_create(&hc, on_done, f, &f->http, err);
    }
    if (st != ST_OK) {
        market_facts_destroy(f);
        return st;
    }
    *ret_f = f;
    return ST_OK;
}

void market_facts_destroy(struct market_facts *f)
{
    if (f == NULL) {
        return;
    }
    http_client_destroy(f->http);
    key_destroy(f->key);
    idmap_finish(&f->series);
    idmap_finish(&f->known);
    free(f->fees);
    free(f->open);
    buf_finish(&f->body);
    free(f);
}

/* One GET to its end, without a retry. */
static void get_once(struct market_facts *f, const char *path, const char *query)
{
    mono_ns_t now = clock_mono();
    struct http_req req = {.id = ++f->id,
                           .method = HTTP_GET,
                           .path = path,
                           .query = query,
                           .body = "",
                           .deadline = now + f->o->exchange.request_timeout_ms * NS_PER_MS,
                           .may_retry_connect = true};
    mono_ns_t give_up = req.deadline + 2 * NS_PER_SEC;
    f->done = false;
    f->status = 0;
    if (http_client_send(f->http, &req) != ST_OK) {
        return;
    }
    while (!f->done && clock_mono() < give_up) {
        http_client_work(f->http, 10 * NS_PER_MS);
    }
}

/* The body of a 200 is in f->body. */
static enum status get(struct market_facts *f, const char *path, const char *query, struct err *err)
{
    for (int i = 0; i < TRIES; i++) {
        get_once(f, path, query);
        if (f->status == 200) {
            return f->body.failed ? err_set(err, ST_LIMIT, "GET %s: the answer is too long", path)
                                  : ST_OK;
        }
        if (f->status != 0 && f->status != 429 && f->status < 500) {
            return err_set(err, ST_NOT_FOUND, "GET %s: HTTP %d", path, f->status);
        }
        usleep(200000U << i);
    }
    return err_set(err, ST_UNREACHABLE, "GET %s: %s", path,
                   f->status != 0 ? "the exchange refuses it" : http_client_last_error(f->http));
}

/* --- fees --- */

static bool plain(const char *s)
{
    return s[0] != '\0' && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789._")] == '\0';
}

/* Where the exchange does not tell. */
static struct fees fees_of_options(const struct market_facts *f)
{
    const struct paper_options *o = &f->o->paper;
    if (!o->enabled) {
        return (struct fees){FEE_QUADRATIC, 1000000, true};
    }
    return (struct fees){o->fee_type == FEE_KIND_QUADRATIC_MAKER ? FEE_QUADRATIC_MAKER
                                                                 : FEE_QUADRATIC,
                         (int32_t)o->fee_multiplier, true};
}

/* Of a series or an event, for good; where there is no memory it is asked for again. */
static void keep(struct market_facts *f, struct text name, struct fees fees)
{
    if (f->n_fees == f->fees_cap) {
        uint32_t cap = f->fees_cap == 0 ? 64 : f->fees_cap * 2;
        struct fees *x = realloc(f->fees, cap * sizeof *x);
        if (x == NULL) {
            return;
        }
        f->fees = x;
        f->fees_cap = cap;
    }
    if (idmap_put(&f->series, name, f->n_fees) == ST_OK) {
        f->fees[f->n_fees++] = fees;
    }
}

static enum status on_event(void *self, const void *row)
{
    struct market_facts *f = self;
    const struct rest_event *e = row;
    struct fees fees = {.mult_micros = e->fee_mult_micros};
    if (e->fee_type[0] != '\0') {
        fees.set = fee_type_named(e->fee_type, e->fee_mult_micros, &fees.type);
        log_info("run", "fees event=%s type=%s multiplier=%.6f%s", e->ticker, e->fee_type,
                 (double)e->fee_mult_micros / 1e6, fees.set ? "" : " (unknown, ignored)");
    }
    if (idmap_get(&f->series, text_of(e->ticker)) == IDMAP_NONE) {
        keep(f, text_of(e->ticker), fees);
    }
    return ST_OK;
}

/* All open events of a series at once; others are asked for one by one. */
static void ask_events(struct market_facts *f, const char *series)
{
    struct err err = {0};
    char path[192];
    char query[512];
    char cursor[256] = "";
    enum status st = ST_OK;
    snprintf(path, sizeof path, "%s/events", f->base_path);
    for (int page = 0; st == ST_OK && page < PAGES_MAX; page++) {
        snprintf(query, sizeof query, "limit=%d&status=open&series_ticker=%s%s%s", EVENTS_PER_PAGE,
                 series, cursor[0] != '\0' ? "&cursor=" : "", cursor);
        st = get(f, path, query, &err);
        if (st == ST_OK) {
            st = rest_read_events(f->body.p, f->body.n, on_event, f, cursor, sizeof cursor, &err);
        }
        if (cursor[0] == '\0') {
            break;
        }
    }
    if (st != ST_OK) {
        log_warn("run", "overrides of fees in series %s are not known: %s", series, err.text);
    }
}

static struct fees fees_asked(struct market_facts *f, const char *series)
{
    struct fees fees = fees_of_options(f);
    struct rest_series row;
    struct err err = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/series/%s", f->base_path, series);
    enum status st = get(f, path, "", &err);
    if (st == ST_OK) {
        st = rest_read_series(f->body.p, f->body.n, &row, &err);
    }
    if (st != ST_OK) {
        log_warn("run", "fees of series %s are not known, %s: %s", series,
                 f->o->paper.enabled ? "those of [paper] are taken" : "the general ones are taken",
                 err.text);
        return fees;
    }
    if (!fee_type_named(row.fee_type, row.fee_mult_micros, &fees.type)) {
        log_warn("run", "series %s has fees of an unknown kind: %s", series, row.fee_type);
        return fees;
    }
    fees.mult_micros = row.fee_mult_micros;
    log_info("run", "fees series=%s type=%s multiplier=%.6f", series, row.fee_type,
             (double)row.fee_mult_micros / 1e6);
    return fees;
}

/* By the exchange's naming, a market's ticker begins with that of its series and a dash. */
static struct fees fees_of_series(struct market_facts *f, const char *ticker)
{
    char series[TICKER_MAX];
    struct text name = {ticker, strcspn(ticker, "-")};
    text_copy(series, sizeof series, name);
    if (!plain(series) || (f->o->paper.enabled && !f->o->paper.series_fees)) {
        return fees_of_options(f);
    }
    uint32_t i = idmap_get(&f->series, name);
    if (i != IDMAP_NONE) {
        return f->fees[i];
    }
    struct fees fees = fees_asked(f, series);
    keep(f, name, fees);
    ask_events(f, series);
    return fees;
}

static void ask_event(struct market_facts *f, struct text name)
{
    struct rest_event row;
    struct err err = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/events/%.*s", f->base_path, (int)name.n, name.p);
    if (get(f, path, "", &err) == ST_OK &&
        rest_read_event(f->body.p, f->body.n, &row, &err) == ST_OK) {
        (void)on_event(f, &row);
    } else {
        keep(f, name, (struct fees){0}); /* no event of that name, or it does not tell */
    }
}

/* ... and with that of its event; a strike below zero has a dash of its own. */
static struct fees fees_of_event(struct market_facts *f, const char *ticker)
{
    size_t series = strcspn(ticker, "-");
    if (f->o->paper.enabled && !f->o->paper.series_fees) {
        return (struct fees){0};
    }
    for (size_t n = strlen(ticker); n > series + 1; n--) {
        struct text name = {ticker, n - 1};
        if (ticker[n - 1] != '-' || n - 1 <= series) {
            continue;
        }
        if (idmap_get(&f->series, name) == IDMAP_NONE) {
            ask_event(f, name);
        }
        uint32_t i = idmap_get(&f->series, name);
        if (i != IDMAP_NONE && f->fees[i].set) {
            return f->fees[i];
        }
    }
    return (struct fees){0};
}

void market_facts_follow(struct market_facts *f, struct ev_market *m)
{
    struct fees series = fees_of_series(f, m->ticker);
    struct fees event = fees_of_event(f, m->ticker);
    m->series_fee_type = series.type;
    m->series_fee_mult_micros = series.mult_micros;
    m->fee_type = event.set ? event.type : series.type;
    m->fee_mult_micros = event.set ? event.mult_micros : series.mult_micros;
    if (idmap_get(&f->known, text_of(m->ticker)) != IDMAP_NONE) {
        return;
    }
    if (f->n_open == f->open_cap) {
        uint32_t cap = f->open_cap == 0 ? 256 : f->open_cap * 2;
        char(*x)[TICKER_MAX] = realloc(f->open, cap * sizeof *x);
        if (x == NULL) {
            return;
        }
        f->open = x;
        f->open_cap = cap;
    }
    if (idmap_put(&f->known, text_of(m->ticker), 1) == ST_OK) {
        text_copy(f->open[f->n_open++], TICKER_MAX, text_of(m->ticker));
    }
}

/* --- results --- */

struct asking {
    struct market_facts *f;
    market_result_fn fn;
    void *self;
};

static enum status on_row(void *self, const void *row)
{
    struct asking *a = self;
    const struct rest_market *m = row;
    bool final = strcmp(m->status, "finalized") == 0 || strcmp(m->status, "settled") == 0;
    bool yes = strcmp(m->result, "yes") == 0;
    bool no = strcmp(m->result, "no") == 0;
    px_t px = m->has_settlement ? m->settlement_px : yes ? PX_ONE : 0;
    if (!final || (!m->has_settlement && !yes && !no) || px < 0 || px > PX_ONE) {
        return ST_OK;
    }
    for (uint32_t i = 0; i < a->f->n_open; i++) {
        if (strcmp(a->f->open[i], m->ticker) == 0) {
            a->fn(a->self, m->ticker, px);
            memmove(a->f->open[i], a->f->open[a->f->n_open - 1], TICKER_MAX);
            a->f->n_open--;
            break;
        }
    }
    return ST_OK;
}

enum status market_facts_results(struct market_facts *f, market_result_fn fn, void *self,
                                 struct err *err)
{
    struct asking a = {f, fn, self};
    struct buf query;
    char path[192];
    char cursor[256];
    enum status st = ST_OK;
    buf_init(&query, 1 << 16);
    snprintf(path, sizeof path, "%s/markets", f->base_path);
    /* From the end, so that what is taken out does not move what is still to be asked for. */
    for (uint32_t end = f->n_open; st == ST_OK && end > 0;) {
        uint32_t first = end > NAMES_PER_REQUEST ? end - NAMES_PER_REQUEST : 0;
        buf_clear(&query);
        buf_printf(&query, "limit=%d&tickers=", NAMES_PER_REQUEST);
        for (uint32_t i = first; i < end; i++) {
            buf_printf(&query, "%s%s", i == first ? "" : ",", f->open[i]);
        }
        st = query.failed ? err_set(err, ST_NOMEM, "no memory") : get(f, path, query.p, err);
        if (st == ST_OK) {
            st = rest_read_markets(f->body.p, f->body.n, on_row, &a, cursor, sizeof cursor, err);
        }
        end = first;
    }
    buf_finish(&query);
    return st;
}
