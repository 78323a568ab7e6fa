#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "paper/paper_int.h"

#define MAILS_MAX (1u << 20)

struct paper_config paper_config_default(void)
{
    return (struct paper_config){
        .balance = 10000 * USD_ONE,
        .queue = MATCH_QUEUE_PESSIMISTIC,
        .order_latency = 12 * NS_PER_MS,
        .answer_latency = 12 * NS_PER_MS,
        .private_latency = 12 * NS_PER_MS,
        .market_latency = 12 * NS_PER_MS,
        .jitter = 6 * NS_PER_MS,
        .seed = 1,
        .write_tokens = 100,
        .create_wait = 100 * NS_PER_MS,
        .markets_max = 1000,
        .orders_max = 100000,
        .history_max = 1u << 18,
    };
}

static bool config_ok(const struct paper_config *c)
{
    return c->balance >= 0 && c->balance <= USD_LIMIT && c->order_latency >= 0 &&
           c->answer_latency >= 0 && c->private_latency >= 0 && c->market_latency >= 0 &&
           c->jitter >= 0 && c->write_tokens >= 0 && c->write_tokens <= 1000000000 &&
           c->create_wait >= 0 && c->markets_max > 0 && c->orders_max > 0 &&
           c->history_max > c->orders_max && c->history_max < (1u << 30);
}

void *paper_alloc(size_t size)
{
    void *x = calloc(1, size);
    ensure_memory(x);
    return x;
}

enum status paper_create(const struct paper_config *config, const struct paper_out *out,
                         struct paper **ret_paper)
{
    if (!config_ok(config)) {
        return ST_INVALID;
    }
    struct paper *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return ST_NOMEM;
    }
    p->config = *config;
    p->out = *out;
    rng_init(&p->rng, config->seed);
    p->tokens_nano = config->write_tokens * NS_PER_SEC;
    struct match_config mc = {.max_markets = config->markets_max,
                              .max_accounts = 1,
                              .max_orders = config->orders_max,
                              .queue = config->queue};
    p->markets = calloc(config->markets_max, sizeof *p->markets);
    p->mkt_of = calloc(config->markets_max, sizeof *p->mkt_of);
    if (p->markets == NULL || p->mkt_of == NULL || match_create(&mc, &p->match) != ST_OK ||
        match_add_account(p->match, config->balance, &p->account) != ST_OK ||
        idtab_init(&p->by_ticker, config->markets_max) != ST_OK ||
        idtab_init(&p->by_client, config->history_max) != ST_OK) {
        paper_destroy(p);
        return ST_NOMEM;
    }
    *ret_paper = p;
    return ST_OK;
}

static void mail_free(struct mail *m)
{
    if (m->kind == MAIL_REQUEST) {
        free(((struct request *)m->body)->tickers);
    }
    free(m->body);
}

void paper_destroy(struct paper *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->n_mails; i++) {
        mail_free(&p->mails[i]);
    }
    free(p->mails);
    match_destroy(p->match);
    idtab_finish(&p->by_ticker);
    idtab_finish(&p->by_client);
    free(p->markets);
    free(p->mkt_of);
    free(p->orders);
    free(p->fills);
    free(p);
}

/* --- what is under way: a heap --- */

static bool before(const struct mail *a, const struct mail *b)
{
    return a->due < b->due || (a->due == b->due && a->number < b->number);
}

void paper_post(struct paper *p, enum mail_kind kind, void *body, mono_ns_t due)
{
    if (p->n_mails == p->mails_cap) {
        uint32_t cap = p->mails_cap == 0 ? 256 : p->mails_cap * 2;
        struct mail *x = realloc(p->mails, cap * sizeof *x);
        ensure_memory(x);
        p->mails = x;
        p->mails_cap = cap;
    }
    struct mail m = {.due = due, .number = ++p->mail_number, .kind = kind, .body = body};
    uint32_t i = p->n_mails++;
    while (i > 0 && before(&m, &p->mails[(i - 1) / 2])) {
        p->mails[i] = p->mails[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    p->mails[i] = m;
}

static struct mail take_first(struct paper *p)
{
    struct mail first = p->mails[0];
    struct mail last = p->mails[--p->n_mails];
    uint32_t i = 0;
    while (2 * i + 1 < p->n_mails) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < p->n_mails && before(&p->mails[child + 1], &p->mails[child])) {
            child++;
        }
        if (!before(&p->mails[child], &last)) {
            break;
        }
        p->mails[i] = p->mails[child];
        i = child;
    }
    p->mails[i] = last;
    return first;
}

mono_ns_t paper_jitter(struct paper *p)
{
    return p->config.jitter == 0 ? 0
                                 : (mono_ns_t)rng_below(&p->rng, (uint64_t)p->config.jitter + 1);
}

/* --- time --- */

/* Time never goes back; orders whose time has come are canceled. */
static void set_now(struct paper *p, mono_ns_t now)
{
    p->now = now > p->now ? now : p->now;
    p->wall = p->now + p->wall_less_now;
    if (match_next_expiry(p->match) <= p->wall) {
        match_expire(p->match, p->wall);
        paper_tell(p);
    }
}

static void hand_over(struct paper *p, enum ev_source source, struct ev *ev)
{
    ev->ord = ++p->ord[source];
    ev->recv_mono = p->now;
    ev->recv_wall = p->wall;
    if (source == EV_SRC_PRIVATE) {
        p->out.private_event(p->out.self, ev);
        return;
    }
    const struct ev_answer *a = (const struct ev_answer *)ev;
    if ((a->flags & GW_ANSWER_MORE) == 0) {
        p->open--;
        p->stats.answers++;
        p->stats.by_outcome[a->outcome]++;
    }
    p->out.answer(p->out.self, ev);
}

/* Everything due at or before now, each at its own time. */
static void run_due(struct paper *p, mono_ns_t now)
{
    while (p->n_mails > 0 && p->mails[0].due <= now) {
        struct mail m = take_first(p);
        set_now(p, m.due);
        if (m.kind == MAIL_REQUEST) {
            paper_execute(p, m.body);
        } else {
            hand_over(p, m.kind == MAIL_ANSWER ? EV_SRC_ANSWER : EV_SRC_PRIVATE, m.body);
        }
        mail_free(&m);
    }
}

static void run_to(struct paper *p, mono_ns_t now)
{
    run_due(p, now);
    set_now(p, now);
    run_due(p, now); /* what an expiry has to say */
}

static void link_up(struct paper *p)
{
    struct ev_mark *e = paper_alloc(ev_round8(sizeof *e));
    e->h = (struct ev){.size = ev_round8(sizeof *e),
                       .type = EV_LINK,
                       .source = EV_SRC_PRIVATE,
                       .mkt = MKT_NONE,
                       .conn = 1};
    e->code = 1;
    memcpy(e->reason, "paper", sizeof "paper");
    p->linked = true;
    paper_post(p, MAIL_PRIVATE, e, p->now);
}

void paper_tick(struct paper *p, mono_ns_t now, wall_ns_t wall)
{
    p->wall_less_now = wall - now;
    if (!p->linked) {
        set_now(p, now);
        link_up(p);
    }
    run_to(p, now);
}

void paper_market(struct paper *p, const struct ev *ev)
{
    p->wall_less_now = ev->recv_wall - ev->recv_mono;
    run_to(p, ev->recv_mono);
    paper_market_event(p, ev);
}

mono_ns_t paper_deadline(const struct paper *p)
{
    mono_ns_t at = p->n_mails > 0 ? p->mails[0].due : NS_NEVER;
    wall_ns_t expiry = match_next_expiry(p->match);
    if (expiry != NS_NEVER && expiry - p->wall_less_now < at) {
        at = expiry - p->wall_less_now;
    }
    return p->linked ? at : p->now;
}

/* --- requests leave --- */

/* When a request of that cost leaves; -1: it would wait too long. */
static mono_ns_t depart(struct paper *p, int64_t cost, mono_ns_t wait_max)
{
    int64_t rate = p->config.write_tokens;
    if (rate == 0 || cost == 0) {
        return p->now;
    }
    int64_t full = rate * NS_PER_SEC;
    int64_t dt = p->now - p->tokens_at;
    p->tokens_at = p->now;
    p->tokens_nano = dt >= (full - p->tokens_nano) / rate ? full : p->tokens_nano + dt * rate;
    int64_t missing = cost * NS_PER_SEC - p->tokens_nano;
    mono_ns_t wait = missing > 0 ? (missing + rate - 1) / rate : 0;
    if (wait > wait_max) {
        return -1;
    }
    p->tokens_nano -= cost * NS_PER_SEC;
    return p->now + wait;
}

static bool texts_end(const struct gw_request *r)
{
    return memchr(r->ticker, 0, sizeof r->ticker) != NULL &&
           memchr(r->order_id, 0, sizeof r->order_id) != NULL &&
           memchr(r->client_id, 0, sizeof r->client_id) != NULL &&
           memchr(r->group_id, 0, sizeof r->group_id) != NULL &&
           memchr(r->series, 0, sizeof r->series) != NULL &&
           memchr(r->event, 0, sizeof r->event) != NULL &&
           memchr(r->status, 0, sizeof r->status) != NULL;
}

static void answer_unsent(struct paper *p, struct request *r, const char *code)
{
    r->sent = 0;
    r->sent_wall = 0;
    struct ev_answer *a = paper_answer_new(p, r, 0);
    a->outcome = GW_NOT_SENT;
    (void)text_copy(a->error_code, sizeof a->error_code, text_of(code));
    paper_post(p, MAIL_ANSWER, a, p->now);
}

enum status paper_request(struct paper *p, const struct gw_request *req, mono_ns_t now,
                          wall_ns_t wall)
{
    p->wall_less_now = wall - now;
    set_now(p, now);
    if (p->n_mails >= MAILS_MAX) {
        return ST_FULL;
    }
    struct request *r = paper_alloc(sizeof *r);
    r->req = *req;
    p->stats.requests++;
    p->open++;
    bool create = req->op == GW_CREATE || req->op == GW_AMEND;
    if (req->op >= GW_OP_MAX || !texts_end(req)) {
        memset(&r->req, 0, sizeof r->req);
        r->req.op = req->op;
        r->req.req_id = req->req_id;
        r->req.mkt = MKT_NONE;
        answer_unsent(p, r, "bad_request_of_ours");
        free(r);
        return ST_OK;
    }
    mono_ns_t leaves = create && p->stopping ? -1
                       : create              ? depart(p, 10, p->config.create_wait)
                       : req->op == GW_GROUP_CREATE || req->op == GW_GROUP_RESET
                           ? depart(p, 10, NS_NEVER)
                       : req->op == GW_CANCEL ? depart(p, 2, NS_NEVER)
                                              : p->now;
    if (leaves < 0) {
        answer_unsent(p, r, p->stopping ? "stopping" : "waited_too_long");
        free(r);
        return ST_OK;
    }
    if (req->op == GW_LIST_MARKETS && req->size > sizeof *req) {
        size_t n = req->size - sizeof *req;
        r->tickers = paper_alloc(n + 1);
        memcpy(r->tickers, gw_request_tickers(req), n);
    }
    r->sent = leaves;
    r->sent_wall = leaves + p->wall_less_now;
    mono_ns_t arrives = leaves + p->config.order_latency + p->config.market_latency;
    paper_post(p, MAIL_REQUEST, r, arrives + paper_jitter(p));
    return ST_OK;
}

void paper_stop_orders(struct paper *p)
{
    p->stopping = true;
}

/* --- looking --- */

uint32_t paper_open(const struct paper *p)
{
    return p->open;
}

const struct paper_stats *paper_stats(const struct paper *p)
{
    return &p->stats;
}

const struct match_account *paper_account(const struct paper *p)
{
    return match_account(p->match, p->account);
}

struct match_position paper_position(const struct paper *p, const char *ticker)
{
    uint32_t mkt = paper_find(p, ticker);
    return mkt != NO_MARKET && p->markets[mkt].index != NO_MARKET
               ? match_position(p->match, p->account, p->markets[mkt].index)
               : (struct match_position){0};
}

struct match_position paper_position_at(const struct paper *p, uint32_t i, const char **ret_ticker)
{
    const struct match_position *pos = match_position_at(p->match, p->account, i);
    *ret_ticker = p->markets[p->mkt_of[pos->market]].info.ticker;
    return *pos;
}

const struct match *paper_match(const struct paper *p)
{
    return p->match;
}
