/*
 * real_judge.c - an independent, slow look at what the gate let through.
 *
 * When a create or an amend leaves the engine: nobody has halted it, the market's book is good and
 * the price is near it, by the events that the engine was given. When one arrives: it is the first
 * with that client id, and the exchange's own account is inside every limit after it. What a gate
 * must refuse and the exchange refused for us (no cash, no such price) is forbidden as well.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "world/real_int.h"

static struct known_order *order_known(struct real *r, const char *client_id)
{
    for (uint32_t i = r->n_known; i > 0; i--) {
        if (strcmp(r->known[i - 1].client_id, client_id) == 0) {
            return &r->known[i - 1];
        }
    }
    r->known = real_grow(r->known, r->n_known, &r->cap_known, sizeof *r->known);
    struct known_order *k = &r->known[r->n_known++];
    *k = (struct known_order){0};
    snprintf(k->client_id, sizeof k->client_id, "%s", client_id);
    return k;
}

/* --- what the engine was told --- */

void judge_forget(struct real *r)
{
    r->link_up = r->cmd_halted = r->stopped = false;
    r->n_left = 0;
    for (uint32_t i = 0; i < REAL_MARKETS; i++) {
        struct shadow *s = &r->shadows[i];
        free(s->levels[0]);
        free(s->levels[1]);
        *s = (struct shadow){0};
    }
}

static void book_set(struct shadow *s, const struct ev_snapshot *ev)
{
    for (int side = 0; side < 2; side++) {
        if (s->levels[side] == NULL) {
            s->levels[side] = calloc(PX_LEVELS, sizeof(qty_t));
            ensure(s->levels[side] != NULL);
        }
        memset(s->levels[side], 0, PX_LEVELS * sizeof(qty_t));
    }
    for (uint32_t i = 0; i < ev->n_yes + ev->n_no; i++) {
        s->levels[i < ev->n_yes ? 0 : 1][ev->levels[i].px] = ev->levels[i].qty;
    }
    s->seen = true;
    s->stale = false;
}

void judge_event(struct real *r, const struct ev *ev)
{
    struct shadow *s = ev->mkt < REAL_MARKETS ? &r->shadows[ev->mkt] : NULL;
    switch ((enum ev_type)ev->type) {
    case EV_MARKET: {
        const struct ev_market *m = (const struct ev_market *)(const void *)ev;
        memcpy(s->ticker, m->ticker, sizeof s->ticker);
        s->grid = m->grid;
        s->status = m->status;
        break;
    }
    case EV_SNAPSHOT:
        book_set(s, (const struct ev_snapshot *)(const void *)ev);
        break;
    case EV_DELTA: {
        const struct ev_delta *d = (const struct ev_delta *)(const void *)ev;
        if (s->seen && !s->stale) {
            s->levels[d->side][d->px] += d->qty;
        }
        break;
    }
    case EV_TRADE: {
        const struct ev_trade *t = (const struct ev_trade *)(const void *)ev;
        if (t->block == 0) {
            s->trades[s->n_trades++ % 8] = t->yes_px;
        }
        break;
    }
    case EV_STALE:
        for (uint32_t i = 0; i < REAL_MARKETS; i++) {
            r->shadows[i].stale = r->shadows[i].stale || ev->mkt == MKT_ALL || ev->mkt == i;
        }
        break;
    case EV_LINK:
        if (ev->source == EV_SRC_PRIVATE) {
            r->link_up = ((const struct ev_mark *)(const void *)ev)->code != 0;
        }
        break;
    case EV_COMMAND: {
        uint32_t c = ((const struct ev_command *)(const void *)ev)->command;
        r->cmd_halted = c == CMD_HALT || c == CMD_FLATTEN || (r->cmd_halted && c != CMD_RESUME);
        r->stopped = r->stopped || c == CMD_STOP;
        break;
    }
    case EV_NONE:
    case EV_FILL:
    case EV_USER_ORDER:
    case EV_POSITION:
    case EV_ANSWER:
    case EV_CLOCK:
    case EV_TYPE_MAX:
        break;
    }
}

/* --- what leaves the engine --- */

static px_t best(const struct shadow *s, int side)
{
    px_t px = PX_ONE;
    while (px > 0 && s->levels[side][px] <= 0) {
        px--;
    }
    return px;
}

static void judge_price(struct real *r, const struct shadow *s, const struct gw_request *q)
{
    const struct risk_limits *l = &r->config.engine.orders.limits;
    if (grid_index(&s->grid, q->yes_px) < 0) {
        real_forbid(r, "an order at %lld, which is no price", (long long)q->yes_px);
    }
    px_t bid = best(s, 0);
    px_t ask = PX_ONE - best(s, 1);
    if (bid == 0 || ask == PX_ONE) {
        real_forbid(r, "an order on a book with one side");
        return;
    }
    bool yes = q->outcome == SIDE_YES;
    px_t off2 = yes ? 2 * q->yes_px - bid - ask : bid + ask - 2 * q->yes_px;
    if (off2 > 2 * l->collar_mid) {
        real_forbid(r, "an order at %lld is %lld off the mid", (long long)q->yes_px,
                    (long long)off2 / 2);
    }
    px_t high = 0;
    px_t low = PX_ONE;
    uint32_t n = s->n_trades < 8 ? s->n_trades : 8;
    for (uint32_t i = 0; i < n; i++) {
        high = s->trades[i] > high ? s->trades[i] : high;
        low = s->trades[i] < low ? s->trades[i] : low;
    }
    px_t off = yes ? q->yes_px - high : low - q->yes_px;
    if (n > 0 && off > l->collar_trade) {
        real_forbid(r, "an order at %lld is %lld off the last trades", (long long)q->yes_px,
                    (long long)off);
    }
}

static void judge_rates(struct real *r, struct shadow *s, const struct gw_request *q)
{
    const struct risk_limits *l = &r->config.engine.orders.limits;
    const uint32_t cap = sizeof r->left_at / sizeof r->left_at[0];
    uint32_t lately = 0;
    for (uint32_t i = 0; i < r->n_left && i < cap; i++) {
        lately += r->now - r->left_at[i] < NS_PER_SEC;
    }
    if (lately + 1 > l->orders_per_s) {
        real_forbid(r, "%u orders in a second", lately + 1);
    }
    r->left_at[r->n_left++ % cap] = r->now;
    if (q->op != GW_CREATE) {
        return;
    }
    if (s->sent_any && s->sent_outcome == q->outcome && s->sent_px == q->yes_px &&
        s->sent_qty == q->qty && r->now - s->sent_at < l->duplicate) {
        real_forbid(r, "the same order as a moment ago");
    }
    s->sent_any = true;
    s->sent_outcome = q->outcome;
    s->sent_px = q->yes_px;
    s->sent_qty = q->qty;
    s->sent_at = r->now;
}

void judge_leaves(struct real *r, const struct gw_request *q)
{
    if (q->op != GW_CREATE && q->op != GW_AMEND) {
        return;
    }
    struct shadow *s = q->mkt < REAL_MARKETS ? &r->shadows[q->mkt] : NULL;
    r->checked[CHECK_FRESH]++;
    if (s == NULL || !s->seen || s->stale || s->status != MARKET_ACTIVE) {
        real_forbid(r, "an order on a book that is not good");
        return;
    }
    r->checked[CHECK_HALT]++;
    bool closes = q->op == GW_CREATE && q->reduce_only != 0; /* `flatten` is not held up */
    if (r->stopped || ((r->cmd_halted || r->journal_halted || s->halted) && !closes)) {
        real_forbid(r, "an order after a halt");
    }
    if (!r->link_up) {
        real_forbid(r, "an order without a private session");
    }
    if (!engine_ready(r->engine)) {
        real_forbid(r, "an order before everything was settled");
    }
    if (q->op == GW_CREATE && q->qty > r->config.engine.orders.limits.order_qty_max) {
        real_forbid(r, "an order of %lld", (long long)q->qty);
    }
    judge_price(r, s, q);
    judge_rates(r, s, q);
}

/* --- what arrives --- */

static bool is_create(const struct http_call *c)
{
    return c->method == HTTP_POST && strcmp(c->path, BASE "/portfolio/events/orders") == 0;
}

void judge_arrives(struct real *r, const struct http_call *c)
{
    if (c->method == HTTP_DELETE) {
        r->count[REAL_CANCELS]++;
    }
    if (strstr(c->path, "/amend") != NULL) {
        r->count[REAL_AMENDS]++;
    }
    if (!is_create(c)) {
        return;
    }
    r->count[REAL_CREATES]++;
    json_t *j = json_loads(c->body, 0, NULL);
    const char *id = json_string_value(json_object_get(j, "client_order_id"));
    if (id == NULL) {
        real_forbid(r, "a create without an id: %.100s", c->body);
    } else {
        struct known_order *k = order_known(r, id);
        r->checked[CHECK_ONCE]++;
        if (k->arrived) {
            real_forbid(r, "order %s was sent twice", id);
        }
        k->arrived = true;
    }
    json_decref(j);
}

static void judge_account(struct real *r)
{
    const struct risk_limits *l = &r->config.engine.orders.limits;
    r->checked[CHECK_LIMITS]++;
    for (uint32_t i = 0; i < r->n_markets; i++) {
        struct truth_position p = truth_position(r->sim, r->markets[i].ticker);
        for (int side = 0; side < 2; side++) {
            qty_t toward = (side == 0 ? p.qty : -p.qty) + p.resting[side];
            if (toward > l->position_max) {
                real_forbid(r, "%lld contracts of market %u with what rests, over the limit",
                            (long long)toward, i);
            }
        }
    }
    if (truth_cost(r->sim) > l->exposure_max) {
        real_forbid(r, "positions of %lld dollars, over the limit",
                    (long long)(truth_cost(r->sim) / USD_ONE));
    }
    if (truth_open(r->sim) > l->open_orders_max) {
        real_forbid(r, "%u open orders, over the limit", truth_open(r->sim));
    }
    if (truth_cash(r->sim) < 0) {
        real_forbid(r, "cash is below zero");
    }
}

void judge_answered(struct real *r, const struct http_call *c, int status, const char *body)
{
    static const char *const ours[] = {"insufficient_balance", "invalid_price",
                                       "order_already_exists", "invalid_parameters",
                                       "invalid_order"};
    bool write = is_create(c) || strstr(c->path, "/amend") != NULL;
    for (size_t i = 0; write && status >= 400 && i < sizeof ours / sizeof ours[0]; i++) {
        if (strstr(body, ours[i]) != NULL) {
            real_forbid(r, "the exchange had to refuse %.90s: %.60s", c->body, body);
        }
    }
    judge_account(r);
}

/* --- what it says and writes --- */

void judge_journal(struct real *r, const struct journal_record *rec)
{
    bool market = rec->ticker[0] != '\0';
    if (rec->type == JOURNAL_INTENT) {
        struct known_order *k = order_known(r, rec->client_id);
        k->intent = ++r->n_intents;
        k->lost = false;
    }
    if (rec->type == JOURNAL_HALT) {
        real_trace(r, "halt %s: %s", rec->ticker, rec->reason);
    }
    for (uint32_t i = 0; i < REAL_MARKETS; i++) {
        struct shadow *s = &r->shadows[i];
        bool this = strcmp(s->ticker, rec->ticker) == 0;
        s->halted = rec->type == JOURNAL_RELEASE
                        ? false
                        : s->halted || (rec->type == JOURNAL_HALT && market && this);
    }
    if (rec->type == JOURNAL_RELEASE || (rec->type == JOURNAL_HALT && !market)) {
        r->journal_halted = rec->type == JOURNAL_HALT;
        r->halt_unsynced = r->journal_halted;
        r->halt_stands = r->halt_stands && r->journal_halted;
    }
}

void judge_record(struct real *r, const struct rec *rec)
{
    if (rec->type == REC_RECONCILE) {
        const struct rec_reconcile *x = (const struct rec_reconcile *)(const void *)rec;
        if (x->adopted) {
            real_forbid(r, "drift: %lld here, %lld at the exchange", (long long)x->ours,
                        (long long)x->theirs);
        }
    }
    if (rec->type != REC_ORDER) {
        return;
    }
    const struct rec_order *o = (const struct rec_order *)(const void *)rec;
    struct known_order *k = order_known(r, o->client_id);
    k->recorded = true;
    k->filled = o->filled;
    k->ended = !order_state_open((enum order_state)o->to_state);
}
