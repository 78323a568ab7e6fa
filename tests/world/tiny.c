#include "world/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

struct mail {
    mono_ns_t due;
    uint64_t order; /* of sending: breaks ties */
    void *body;     /* struct ev, or struct gw_request */
};

struct box {
    struct mail *mail;
    uint32_t n, cap;
};

struct paper_order {
    char client_id[CLIENT_ID_MAX];
    uint32_t mkt;
    struct match_order o;
    wall_ns_t cancelled_wall;
    qty_t before_cancel;
};

struct tiny {
    struct match *m;
    uint32_t account, n_markets;
    struct rng rng;
    struct tiny_faults faults;
    mono_ns_t now;
    wall_ns_t wall;
    struct box inbox;              /* requests on their way to the exchange */
    struct box outbox[EV_SRC_MAX]; /* events on their way to the engine */
    uint64_t ord[EV_SRC_MAX];      /* numbers of events as they are taken */
    uint64_t sends;
    mono_ns_t market_due;
    void *taken; /* the event handed out last */
    struct paper_order *orders;
    uint32_t n_orders, cap_orders;
    struct ev_fill *fills;
    uint32_t n_fills, cap_fills;
    px_t fair[TINY_MARKETS_MAX];
    uint64_t twice, faults_done;
};

static void *grow(void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 64 : *cap * 2;
    p = realloc(p, *cap * size);
    ensure(p != NULL);
    return p;
}

static bool chance(struct tiny *t, uint32_t per_mille)
{
    bool yes = per_mille != 0 && rng_below(&t->rng, 1000) < per_mille;
    t->faults_done += yes ? 1 : 0;
    return yes;
}

static mono_ns_t delay(struct tiny *t)
{
    return t->faults.delay_max > 0
               ? (mono_ns_t)rng_below(&t->rng, (uint64_t)t->faults.delay_max) + 1
               : 0;
}

static void post(struct tiny *t, struct box *b, const void *body, size_t size, mono_ns_t due)
{
    b->mail = grow(b->mail, b->n, &b->cap, sizeof *b->mail);
    void *copy = malloc(size);
    ensure(copy != NULL);
    memcpy(copy, body, size);
    b->mail[b->n++] = (struct mail){due, ++t->sends, copy};
}

/* Index of the first that is due, UINT32_MAX: none. */
static uint32_t first(const struct box *b, mono_ns_t now)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < b->n; i++) {
        const struct mail *m = &b->mail[i];
        if (m->due <= now && (best == UINT32_MAX || m->due < b->mail[best].due ||
                              (m->due == b->mail[best].due && m->order < b->mail[best].order))) {
            best = i;
        }
    }
    return best;
}

static void *take(struct box *b, uint32_t i)
{
    void *body = b->mail[i].body;
    b->mail[i] = b->mail[--b->n];
    return body;
}

const char *tiny_ticker(uint32_t mkt, char buf[TICKER_MAX])
{
    snprintf(buf, TICKER_MAX, "TINY-%u", mkt);
    return buf;
}

static struct ev head(const struct tiny *t, enum ev_type type, enum ev_source source, size_t size,
                      uint32_t mkt)
{
    return (struct ev){
        .size = ev_round8(size),
        .type = (uint16_t)type,
        .source = (uint16_t)source,
        .mkt = mkt,
        .conn = 1,
        .ts_ms = t->wall / NS_PER_MS,
    };
}

static void post_market(struct tiny *t, struct ev *ev)
{
    mono_ns_t due = t->now + delay(t) / 8;
    t->market_due = due > t->market_due ? due : t->market_due;
    post(t, &t->outbox[EV_SRC_MARKET], ev, ev->size, t->market_due);
}

static void post_private(struct tiny *t, struct ev *ev)
{
    if (chance(t, t->faults.private_lost)) {
        return;
    }
    post(t, &t->outbox[EV_SRC_PRIVATE], ev, ev->size, t->now + delay(t));
    if (chance(t, t->faults.private_twice)) {
        post(t, &t->outbox[EV_SRC_PRIVATE], ev, ev->size, t->now + delay(t));
    }
}

/* --- what the exchange tells --- */

static void order_row(const struct tiny *t, const struct paper_order *p, struct ev_user_order *r)
{
    *r = (struct ev_user_order){
        .yes_px = p->o.side == SIDE_YES ? p->o.px : PX_ONE - p->o.px,
        .initial = p->o.initial,
        .filled = p->o.filled,
        .remaining = p->o.remaining,
        .created_ms = p->o.created / NS_PER_MS,
        .updated_ms = p->o.updated / NS_PER_MS,
        .outcome = p->o.side,
    };
    (void)t;
    r->status = p->o.status == MATCH_RESTING    ? XORDER_RESTING
                : p->o.status == MATCH_EXECUTED ? XORDER_EXECUTED
                                                : XORDER_CANCELED;
    tiny_ticker(p->mkt, r->ticker);
    snprintf(r->order_id, sizeof r->order_id, "order-%llu", (unsigned long long)p->o.id);
    memcpy(r->client_id, p->client_id, sizeof r->client_id);
}

static void tell_fill(struct tiny *t, const struct match_fill *f)
{
    struct ev_fill e = {
        .h = head(t, EV_FILL, EV_SRC_PRIVATE, sizeof e, f->market),
        .yes_px = f->yes_px,
        .qty = f->qty,
        .fee = f->fee,
        .post_position = f->position,
        .outcome = f->side,
        .is_taker = f->is_taker,
    };
    tiny_ticker(f->market, e.ticker);
    snprintf(e.trade_id, sizeof e.trade_id, "trade-%llu-%llu", (unsigned long long)f->trade_id,
             (unsigned long long)f->order_id);
    snprintf(e.order_id, sizeof e.order_id, "order-%llu", (unsigned long long)f->order_id);
    t->fills = grow(t->fills, t->n_fills, &t->cap_fills, sizeof *t->fills);
    t->fills[t->n_fills++] = e;
    memcpy(e.client_id, t->orders[f->tag].client_id, sizeof e.client_id);
    post_private(t, &e.h);
}

static void tell_update(struct tiny *t, const struct match_order *o)
{
    struct paper_order *p = &t->orders[o->tag];
    if (o->status == MATCH_CANCELED && p->o.status == MATCH_RESTING) {
        p->cancelled_wall = t->wall;
        p->before_cancel = o->initial - o->filled;
    }
    p->o = *o;
    struct ev_user_order r;
    order_row(t, p, &r);
    r.h = head(t, EV_USER_ORDER, EV_SRC_PRIVATE, sizeof r, o->market);
    post_private(t, &r.h);
}

/* Everything the last call to match changed. */
static void tell(struct tiny *t)
{
    struct match_result r = match_result(t->m);
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        const struct match_delta *d = &r.deltas[i];
        struct ev_delta e = {
            .h = head(t, EV_DELTA, EV_SRC_MARKET, sizeof e, d->market),
            .px = d->px,
            .qty = d->qty,
            .side = d->side,
        };
        post_market(t, &e.h);
    }
    for (uint32_t i = 0; i < r.n_trades; i++) {
        const struct match_trade *d = &r.trades[i];
        struct ev_trade e = {
            .h = head(t, EV_TRADE, EV_SRC_MARKET, sizeof e, d->market),
            .yes_px = d->yes_px,
            .qty = d->qty,
            .taker = d->taker,
        };
        post_market(t, &e.h);
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        if (r.fills[i].account == t->account) {
            tell_fill(t, &r.fills[i]);
        }
    }
    for (uint32_t i = 0; i < r.n_updates; i++) {
        if (r.updates[i].account == t->account) {
            tell_update(t, &r.updates[i]);
        }
    }
}

void tiny_resnapshot(struct tiny *t, uint32_t mkt)
{
    struct level yes[256];
    struct level no[256];
    size_t n_yes = match_levels(t->m, mkt, SIDE_YES, yes, 256);
    size_t n_no = match_levels(t->m, mkt, SIDE_NO, no, 256);
    size_t size = sizeof(struct ev_snapshot) + (n_yes + n_no) * sizeof(struct level);
    struct ev_snapshot *s = calloc(1, size);
    ensure(s != NULL);
    s->h = head(t, EV_SNAPSHOT, EV_SRC_MARKET, size, mkt);
    s->n_yes = (uint32_t)n_yes;
    s->n_no = (uint32_t)n_no;
    memcpy(s->levels, yes, n_yes * sizeof *yes);
    memcpy(s->levels + n_yes, no, n_no * sizeof *no);
    post_market(t, &s->h);
    free(s);
}

void tiny_command(struct tiny *t, enum command command, uint32_t flags)
{
    struct ev_command c = {
        .h = head(t, EV_COMMAND, EV_SRC_COMMAND, sizeof c, MKT_NONE),
        .command = command,
        .flags = flags,
    };
    post(t, &t->outbox[EV_SRC_COMMAND], &c, sizeof c, t->now);
}

void tiny_private_link(struct tiny *t, bool up)
{
    struct ev_mark m = {
        .h = head(t, EV_LINK, EV_SRC_PRIVATE, sizeof m, MKT_ALL),
        .code = up,
    };
    post(t, &t->outbox[EV_SRC_PRIVATE], &m, sizeof m, t->now);
}

/* --- requests --- */

static uint32_t find_client(const struct tiny *t, const char *client_id)
{
    for (uint32_t i = 0; i < t->n_orders; i++) {
        if (client_id[0] != 0 && strcmp(t->orders[i].client_id, client_id) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint32_t find_id(const struct tiny *t, const char *order_id)
{
    unsigned long long id = 0;
    if (sscanf(order_id, "order-%llu", &id) != 1) {
        return UINT32_MAX;
    }
    for (uint32_t i = 0; i < t->n_orders; i++) {
        if (t->orders[i].o.id == id) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint32_t new_order(struct tiny *t, const char *client_id, uint32_t mkt)
{
    t->orders = grow(t->orders, t->n_orders, &t->cap_orders, sizeof *t->orders);
    struct paper_order *p = &t->orders[t->n_orders];
    *p = (struct paper_order){.mkt = mkt};
    snprintf(p->client_id, sizeof p->client_id, "%s", client_id);
    return t->n_orders++;
}

static void do_create(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    uint32_t i = find_client(t, req->client_id);
    if (i != UINT32_MAX) {
        t->twice++;
        a->outcome = GW_REJECTED;
        snprintf(a->error_code, sizeof a->error_code, "order_already_exists");
        return;
    }
    i = new_order(t, req->client_id, req->mkt);
    struct match_request r = {
        .account = t->account,
        .market = req->mkt,
        .side = (enum side)req->outcome,
        .px = req->outcome == SIDE_YES ? req->yes_px : PX_ONE - req->yes_px,
        .qty = req->qty,
        .tif = req->tif == GW_GTC   ? MATCH_GTC
               : req->tif == GW_IOC ? MATCH_IOC
                                    : MATCH_FOK,
        .tag = i,
    };
    uint64_t id = 0;
    enum match_verdict v = match_place(t->m, &r, t->wall, &id);
    if (v != MATCH_ACCEPTED) {
        t->orders[i].o.status = MATCH_CANCELED; /* never was; its client id is not used up */
        t->n_orders--;
        a->outcome = GW_REJECTED;
        snprintf(a->error_code, sizeof a->error_code, "refused_%d", (int)v);
        return;
    }
    t->orders[i].o.id = id;
    t->orders[i].o.side = r.side;
    t->orders[i].o.px = r.px;
    t->orders[i].o.initial = r.qty;
    t->orders[i].o.remaining = r.qty;
    t->orders[i].o.created = t->wall;
    t->orders[i].o.status = MATCH_RESTING;
    tell(t);
    snprintf(a->order_id, sizeof a->order_id, "order-%llu", (unsigned long long)id);
    memcpy(a->client_id, req->client_id, sizeof a->client_id);
    a->filled = t->orders[i].o.filled;
    a->remaining = t->orders[i].o.remaining;
}

static void do_cancel(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    uint32_t i = find_id(t, req->order_id);
    qty_t reduced = 0;
    if (i == UINT32_MAX ||
        match_cancel(t->m, t->orders[i].o.id, MATCH_BECAUSE_USER, t->wall, &reduced) != ST_OK) {
        a->outcome = GW_NOT_FOUND;
        return;
    }
    tell(t);
    memcpy(a->order_id, req->order_id, sizeof a->order_id);
    a->remaining = reduced;
}

static void do_amend(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    uint32_t i = find_id(t, req->order_id);
    enum match_verdict v = MATCH_ACCEPTED;
    px_t own = req->outcome == SIDE_YES ? req->yes_px : PX_ONE - req->yes_px;
    enum status st = i == UINT32_MAX
                         ? ST_NOT_FOUND
                         : match_amend(t->m, t->orders[i].o.id, own, req->qty, t->wall, &v);
    if (st != ST_OK) {
        a->outcome = st == ST_NOT_FOUND ? GW_NOT_FOUND : GW_REJECTED;
        snprintf(a->error_code, sizeof a->error_code, "refused_%d", (int)v);
        return;
    }
    tell(t);
    memcpy(a->order_id, req->order_id, sizeof a->order_id);
    bool said = rng_below(&t->rng, 2) == 0; /* the exchange may leave the counts out */
    a->filled = said ? t->orders[i].o.filled : QTY_UNKNOWN;
    a->remaining = said ? t->orders[i].o.remaining : QTY_UNKNOWN;
}

/* Rows that fit: a tiny page, so that long lists come in parts. */
#define PART 3

static void answer_part(struct tiny *t, const struct ev_answer *a, const void *rows, uint32_t n,
                        uint32_t row_size, enum gw_row kind, bool more, mono_ns_t due)
{
    size_t size = sizeof *a + (size_t)n * row_size;
    struct ev_answer *e = calloc(1, ev_round8(size));
    ensure(e != NULL);
    *e = *a;
    e->h = head(t, EV_ANSWER, EV_SRC_ANSWER, size, MKT_NONE);
    e->flags = more ? GW_ANSWER_MORE : 0;
    e->row_kind = n != 0 ? kind : GW_ROW_NONE;
    e->row_size = n != 0 ? row_size : 0;
    e->n_rows = n;
    if (n != 0) {
        memcpy(e + 1, rows, (size_t)n * row_size);
    }
    post(t, &t->outbox[EV_SRC_ANSWER], e, e->h.size, due);
    free(e);
}

static void answer_rows(struct tiny *t, const struct ev_answer *a, const void *rows, uint32_t n,
                        uint32_t row_size, enum gw_row kind)
{
    mono_ns_t due = t->now + delay(t);
    uint32_t at = 0;
    while (n - at > PART) {
        answer_part(t, a, (const char *)rows + (size_t)at * row_size, PART, row_size, kind, true,
                    due);
        at += PART;
    }
    answer_part(t, a, (const char *)rows + (size_t)at * row_size, n - at, row_size, kind, false,
                due);
}

static bool wanted(const struct tiny *t, const struct gw_request *req, const char *ticker)
{
    (void)t;
    return req->ticker[0] == 0 || strcmp(req->ticker, ticker) == 0;
}

/* The order as a read sees it: perhaps as it was before a cancel. */
static void read_order(struct tiny *t, const struct paper_order *p, struct ev_user_order *r)
{
    order_row(t, p, r);
    if (t->faults.stale_max > 0 && p->cancelled_wall != 0 &&
        t->wall - p->cancelled_wall < t->faults.stale_max && chance(t, 500)) {
        r->status = XORDER_RESTING;
        r->remaining = p->before_cancel;
    }
}

static void list_orders(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    struct ev_user_order *rows = calloc(t->n_orders + 1, sizeof *rows);
    uint32_t n = 0;
    for (uint32_t i = t->n_orders; i-- > 0;) {
        read_order(t, &t->orders[i], &rows[n]);
        bool shown = req->op == GW_GET_ORDER ? strcmp(rows[n].order_id, req->order_id) == 0
                                             : wanted(t, req, rows[n].ticker) &&
                                                   rows[n].created_ms >= req->min_ts_s * 1000;
        n += shown;
    }
    if (req->op == GW_GET_ORDER && n == 0) {
        a->outcome = GW_NOT_FOUND;
    }
    answer_rows(t, a, rows, n, sizeof *rows, GW_ROW_ORDER);
    free(rows);
}

static void list_fills(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    struct ev_fill *rows = calloc(t->n_fills + 1, sizeof *rows);
    uint32_t n = 0;
    for (uint32_t i = t->n_fills; i-- > 0;) {
        const struct ev_fill *f = &t->fills[i];
        if (wanted(t, req, f->ticker) && f->h.ts_ms >= req->min_ts_s * 1000 &&
            (req->order_id[0] == 0 || strcmp(req->order_id, f->order_id) == 0)) {
            rows[n] = *f;
            rows[n].h = (struct ev){.ts_ms = f->h.ts_ms};
            rows[n++].client_id[0] = 0;
        }
    }
    answer_rows(t, a, rows, n, sizeof *rows, GW_ROW_FILL);
    free(rows);
}

static void list_positions(struct tiny *t, const struct gw_request *req, struct ev_answer *a)
{
    struct ev_position rows[TINY_MARKETS_MAX];
    uint32_t n = 0;
    memset(rows, 0, sizeof rows);
    for (uint32_t i = 0; i < t->n_markets; i++) {
        struct match_position p = match_position(t->m, t->account, i);
        tiny_ticker(i, rows[n].ticker);
        rows[n].position = p.qty;
        rows[n].cost = p.cost;
        rows[n].realized = p.realized;
        rows[n].fees = p.fees;
        n += p.volume != 0 && wanted(t, req, rows[n].ticker);
    }
    answer_rows(t, a, rows, n, sizeof rows[0], GW_ROW_POSITION);
}

static void carry_out(struct tiny *t, const struct gw_request *req, struct ev_answer *a,
                      bool tell_it)
{
    bool write = req->op == GW_CREATE || req->op == GW_CANCEL || req->op == GW_AMEND;
    if (req->op == GW_CREATE) {
        do_create(t, req, a);
    } else if (req->op == GW_CANCEL) {
        do_cancel(t, req, a);
    } else if (req->op == GW_AMEND) {
        do_amend(t, req, a);
    } else if (req->op == GW_GROUP_CREATE) {
        snprintf(a->order_id, sizeof a->order_id, "group-%d", req->exchange_index);
    } else if (req->op == GW_GET_BALANCE) {
        a->balance = match_account(t->m, t->account)->cash;
    }
    if (!tell_it) {
        return;
    }
    a->as_of = (req->flags & GW_WITH_AS_OF) != 0
                   ? t->wall - (wall_ns_t)rng_below(&t->rng, 200 * NS_PER_MS)
                   : 0;
    if (req->op == GW_LIST_ORDERS || req->op == GW_GET_ORDER) {
        list_orders(t, req, a);
    } else if (req->op == GW_LIST_FILLS) {
        list_fills(t, req, a);
    } else if (req->op == GW_LIST_POSITIONS) {
        list_positions(t, req, a);
    } else {
        (void)write;
        answer_part(t, a, NULL, 0, 0, GW_ROW_NONE, false, t->now + delay(t));
    }
}

static void fail(struct tiny *t, struct ev_answer *a, enum gw_outcome outcome, const char *code,
                 mono_ns_t after)
{
    a->outcome = outcome;
    a->order_id[0] = 0;
    a->filled = 0;
    a->remaining = 0;
    snprintf(a->error_code, sizeof a->error_code, "%s", code);
    answer_part(t, a, NULL, 0, 0, GW_ROW_NONE, false, t->now + after + delay(t));
}

#define LATE_FLAG 0x8000 /* in a request's flags: its answer was given already */

static void arrive(struct tiny *t, struct gw_request *req)
{
    struct ev_answer a = {
        .req_id = req->req_id,
        .op = req->op,
        .outcome = GW_OK,
        .http_status = 200,
        .signed_wall = t->wall,
    };
    const struct tiny_faults *f = &t->faults;
    if ((req->flags & LATE_FLAG) != 0) {
        carry_out(t, req, &a, false);
        return;
    }
    bool write = req->op == GW_CREATE || req->op == GW_CANCEL || req->op == GW_AMEND;
    if (!write) {
        if (chance(t, f->read_fails)) {
            fail(t, &a, GW_UNKNOWN, "timeout", NS_PER_SEC);
        } else {
            carry_out(t, req, &a, true);
        }
    } else if (chance(t, f->rate_limit)) {
        fail(t, &a, GW_RATE_LIMIT, "too many requests", 0);
    } else if (chance(t, f->not_sent)) {
        a.signed_wall = 0;
        fail(t, &a, GW_NOT_SENT, "refused connection", 0);
    } else if (chance(t, f->auth)) {
        fail(t, &a, GW_AUTH, "authentication_error", 0);
    } else if (chance(t, f->fail_before)) {
        fail(t, &a, GW_UNKNOWN, "http_500", 0);
    } else if (chance(t, f->timeout_before)) {
        fail(t, &a, GW_UNKNOWN, "timeout", NS_PER_SEC);
    } else if (chance(t, f->fail_after)) {
        carry_out(t, req, &a, false);
        fail(t, &a, GW_UNKNOWN, "http_500", 0);
    } else if (chance(t, f->timeout_after)) {
        carry_out(t, req, &a, false);
        fail(t, &a, GW_UNKNOWN, "timeout", NS_PER_SEC);
    } else if (chance(t, f->timeout_late)) {
        fail(t, &a, GW_UNKNOWN, "timeout", 0);
        req->flags |= LATE_FLAG;
        post(t, &t->inbox, req, sizeof *req,
             t->now + (mono_ns_t)rng_below(&t->rng, (uint64_t)f->late_max));
    } else {
        carry_out(t, req, &a, true);
    }
}

static enum status submit(void *self, const struct gw_request *req)
{
    struct tiny *t = self;
    post(t, &t->inbox, req, sizeof *req, t->now + delay(t));
    return ST_OK;
}

struct order_gateway tiny_gateway(struct tiny *t)
{
    return (struct order_gateway){t, submit};
}

void tiny_advance(struct tiny *t, mono_ns_t now, wall_ns_t wall)
{
    mono_ns_t offset = wall - now;
    for (;;) {
        uint32_t i = first(&t->inbox, now);
        if (i == UINT32_MAX) {
            break;
        }
        t->now = t->inbox.mail[i].due > t->now ? t->inbox.mail[i].due : t->now;
        t->wall = t->now + offset;
        struct gw_request *req = take(&t->inbox, i);
        arrive(t, req);
        free(req);
    }
    t->now = now;
    t->wall = wall;
}

const struct ev *tiny_take(struct tiny *t, enum ev_source source)
{
    struct box *b = &t->outbox[source];
    uint32_t i = first(b, t->now);
    if (i == UINT32_MAX) {
        return NULL;
    }
    free(t->taken);
    t->taken = take(b, i);
    struct ev *ev = t->taken;
    ev->ord = ++t->ord[source];
    ev->recv_wall = t->wall;
    ev->recv_mono = t->now;
    return ev;
}

mono_ns_t tiny_deadline(const struct tiny *t)
{
    mono_ns_t due = NS_NEVER;
    for (uint32_t s = 0; s <= EV_SRC_MAX; s++) {
        const struct box *b = s < EV_SRC_MAX ? &t->outbox[s] : &t->inbox;
        for (uint32_t i = 0; i < b->n; i++) {
            due = b->mail[i].due < due ? b->mail[i].due : due;
        }
    }
    return due;
}

/* --- flow --- */

static void by_hand(struct tiny *t, uint32_t mkt)
{
    uint32_t i = new_order(t, "", mkt);
    enum side side = (enum side)rng_below(&t->rng, 2);
    px_t px = (px_t)(1 + rng_below(&t->rng, 99)) * PX_CENT;
    qty_t qty = QTY_ONE * (qty_t)(1 + rng_below(&t->rng, 3));
    struct match_request r = {
        .account = t->account,
        .market = mkt,
        .side = side,
        .px = px,
        .qty = qty,
        .tif = MATCH_IOC,
        .tag = i,
    };
    t->orders[i].o.side = r.side;
    t->orders[i].o.px = r.px;
    t->orders[i].o.created = t->wall;
    t->orders[i].o.status = MATCH_CANCELED;
    uint64_t id = 0;
    if (match_place(t->m, &r, t->wall, &id) != MATCH_ACCEPTED) {
        t->n_orders--;
        return;
    }
    t->orders[i].o.id = id;
    tell(t);
}

void tiny_flow(struct tiny *t)
{
    uint32_t mkt = (uint32_t)rng_below(&t->rng, t->n_markets);
    uint64_t what = rng_below(&t->rng, 100);
    if (chance(t, t->faults.by_hand)) {
        by_hand(t, mkt);
        return;
    }
    if (what < 10) {
        px_t step = (px_t)rng_below(&t->rng, 5) * PX_CENT - 2 * PX_CENT;
        t->fair[mkt] += step;
        t->fair[mkt] = t->fair[mkt] < 1500 ? 1500 : t->fair[mkt] > 8500 ? 8500 : t->fair[mkt];
    }
    enum side side = (enum side)rng_below(&t->rng, 2);
    px_t fair = side == SIDE_YES ? t->fair[mkt] : PX_ONE - t->fair[mkt];
    fair -= fair % PX_CENT;
    qty_t qty = (qty_t)(1 + rng_below(&t->rng, 3000));
    px_t away = (px_t)(1 + rng_below(&t->rng, 8)) * PX_CENT;
    if (what < 30) {
        (void)match_anon_place(t->m, mkt, side, fair + 2 * PX_CENT, qty, false, t->wall);
    } else if (what < 60) {
        (void)match_anon_remove(t->m, mkt, side, fair - away, qty);
    } else {
        (void)match_anon_place(t->m, mkt, side, fair - away, qty, true, t->wall);
    }
    tell(t);
}

struct tiny *tiny_create(uint64_t seed, uint32_t n_markets, usd_t cash, mono_ns_t now,
                         wall_ns_t wall)
{
    struct tiny *t = calloc(1, sizeof *t);
    ensure(t != NULL && n_markets <= TINY_MARKETS_MAX);
    rng_init(&t->rng, seed);
    t->n_markets = n_markets;
    t->now = now;
    t->wall = wall;
    struct match_config c = {
        .max_markets = TINY_MARKETS_MAX, .max_accounts = 4, .max_orders = 100000};
    struct match_fees fees;
    ensure(match_create(&c, &t->m) == ST_OK);
    ensure(match_fees_named("quadratic_with_maker_fees", 1000000, &fees) == ST_OK);
    ensure(match_add_account(t->m, cash, &t->account) == ST_OK);
    struct grid grid = grid_cents();
    for (uint32_t i = 0; i < n_markets; i++) {
        uint32_t mkt = 0;
        ensure(match_add_market(t->m, &grid, &fees, false, &mkt) == ST_OK && mkt == i);
        t->fair[i] = 3000 + (px_t)rng_below(&t->rng, 40) * PX_CENT;
        struct ev_market e = {
            .h = head(t, EV_MARKET, EV_SRC_MARKET, sizeof e, i),
            .grid = grid,
            .status = MARKET_ACTIVE,
            .fee_type = FEE_QUADRATIC_MAKER,
            .fee_mult_micros = 1000000,
        };
        tiny_ticker(i, e.ticker);
        post_market(t, &e.h);
        tiny_resnapshot(t, i);
    }
    for (uint32_t i = 0; i < 40 * n_markets; i++) {
        tiny_flow(t);
    }
    return t;
}

static void empty(struct box *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        free(b->mail[i].body);
    }
    free(b->mail);
}

void tiny_destroy(struct tiny *t)
{
    match_destroy(t->m);
    empty(&t->inbox);
    for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
        empty(&t->outbox[s]);
    }
    free(t->taken);
    free(t->orders);
    free(t->fills);
    free(t);
}

void tiny_set_faults(struct tiny *t, const struct tiny_faults *faults)
{
    t->faults = *faults;
}

struct match *tiny_match(struct tiny *t)
{
    return t->m;
}

uint32_t tiny_account(const struct tiny *t)
{
    return t->account;
}

uint64_t tiny_creates_twice(const struct tiny *t)
{
    return t->twice;
}

uint64_t tiny_orders(const struct tiny *t)
{
    return t->n_orders;
}

qty_t tiny_filled(const struct tiny *t, const char *client_id)
{
    uint32_t i = find_client(t, client_id);
    return i != UINT32_MAX ? t->orders[i].o.filled : -1;
}

uint64_t tiny_faults_done(const struct tiny *t)
{
    return t->faults_done;
}
