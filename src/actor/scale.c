/*
 * scale.c - is a NO price on the wire a NO price?
 *
 * The exchange once changed which scale NO levels are given on (use_yes_price). A market's first
 * snapshot is compared with its REST book, whose NO levels are on their own scale: when ours match
 * only at 1 - p, the market is halted. Until the comparison is done, no order leaves for it.
 */
#include <string.h>

#include "actor/engine_int.h"

#define SCALE_ASKED_MAX 4
#define SCALE_TRIES_MAX 5
#define SCALE_PAUSE     (200 * NS_PER_MS)
#define SCALE_REQ_BIT   (UINT64_C(1) << 62) /* apart from the order manager's requests */

void scale_sample(struct market *m, const struct level *no, uint32_t n)
{
    if (m->scale.state == SCALE_GOOD || n == 0) {
        return;
    }
    m->scale.n = n < SCALE_SAMPLE ? n : SCALE_SAMPLE;
    for (uint32_t i = 0; i < m->scale.n; i++) {
        m->scale.no_px[i] = no[(uint64_t)i * n / m->scale.n].px; /* spread over the ladder */
    }
}

void scale_want(struct engine *e, uint32_t mkt)
{
    struct scale *s = &e->markets[mkt].scale;
    if (s->state != SCALE_NEW || !e->config.trading || s->tries >= SCALE_TRIES_MAX) {
        return;
    }
    s->state = SCALE_WANTED;
    uint32_t max = e->config.orders.markets_max;
    e->scale_queue[(e->scale_head + e->n_scale) % max] = mkt;
    e->n_scale++;
}

void scale_ask(struct engine *e)
{
    while (e->n_scale > 0 && e->scale_asked < SCALE_ASKED_MAX && e->mono >= e->scale_after) {
        uint32_t mkt = e->scale_queue[e->scale_head];
        struct market *m = &e->markets[mkt];
        struct gw_request req = {
            .size = sizeof req,
            .op = GW_GET_BOOK,
            .req_id = SCALE_REQ_BIT | ++e->scale_reqs << 32 | mkt,
            .born_mono = e->mono,
            .mkt = mkt,
        };
        memcpy(req.ticker, m->ticker, sizeof req.ticker);
        e->happened = true;
        if (e->sinks.gateway.submit(e->sinks.gateway.self, &req) != ST_OK) {
            e->scale_after = e->mono + SCALE_PAUSE;
            return;
        }
        e->scale_head = (e->scale_head + 1) % e->config.orders.markets_max;
        e->n_scale--;
        e->scale_asked++;
        m->scale.state = SCALE_ASKED;
        m->scale.tries++;
    }
}

static bool among(const struct level *levels, uint32_t n, px_t px)
{
    for (uint32_t i = 0; i < n; i++) {
        if (levels[i].px == px) {
            return true;
        }
    }
    return false;
}

/* How many of our NO prices REST has, and how many it has at 1 - p. */
static void matches(const struct market *m, const struct level *no, uint32_t n, uint32_t *ret_own,
                    uint32_t *ret_other)
{
    uint32_t own = 0;
    uint32_t other = 0;
    for (uint32_t i = 0; i < m->scale.n; i++) {
        own += among(no, n, m->scale.no_px[i]);
        other += among(no, n, PX_ONE - m->scale.no_px[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        own += book_qty(m->book, SIDE_NO, no[i].px) > 0;
        other += book_qty(m->book, SIDE_NO, PX_ONE - no[i].px) > 0;
    }
    *ret_own = own;
    *ret_other = other;
}

bool scale_answer(struct engine *e, const struct ev_answer *a)
{
    uint32_t mkt = (uint32_t)(a->req_id & UINT32_MAX);
    if ((a->req_id & SCALE_REQ_BIT) == 0 || mkt >= e->n_markets ||
        e->markets[mkt].scale.state != SCALE_ASKED) {
        return false;
    }
    struct market *m = &e->markets[mkt];
    e->scale_asked--;
    m->scale.state = SCALE_NEW;
    bool whole = a->outcome == GW_OK && a->row_kind == GW_ROW_LEVEL && a->n_yes <= a->n_rows;
    uint32_t own = 0;
    uint32_t other = 0;
    if (whole) {
        const struct level *rows = ev_answer_rows(a);
        matches(m, rows + a->n_yes, a->n_rows - a->n_yes, &own, &other);
    }
    if (own > 0 && own >= other) {
        m->scale.state = SCALE_GOOD;
    } else if (other > 1 && own * 4 < other) {
        m->scale.state = SCALE_BAD;
        counter_add(&e->metrics.scale_errors, 1);
        orders_halt_market(e->orders, mkt, "price scale");
    } else {
        e->scale_after = e->mono + SCALE_PAUSE; /* too little to tell: once more */
        scale_want(e, mkt);
    }
    if (m->scale.state == SCALE_GOOD) {
        decide_again(e, mkt);
    }
    return true;
}
