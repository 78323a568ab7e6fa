/*
 * market.c - market events: the engine is the one writer of the books.
 *
 * A snapshot replaces, a delta adds. What contradicts the book (a level below zero, a price off the
 * grid, a book that is still crossed when the exchange's time has moved on) makes the market stale
 * until its next snapshot. Every accepted change is a point of the market's window, whether or not
 * the policy will be asked.
 */
#include <string.h>

#include "actor/engine_int.h"

void market_make_stale(struct engine *e, uint32_t mkt)
{
    struct market *m = &e->markets[mkt];
    if (m->book != NULL && !m->stale) {
        m->stale = true;
        e->n_stale++;
    }
}

void market_contradiction(struct engine *e, uint32_t mkt)
{
    counter_add(&e->metrics.contradictions, 1);
    market_make_stale(e, mkt);
    if (e->sinks.repair != NULL) {
        counter_add(&e->metrics.repairs, 1);
        e->sinks.repair(e->sinks.self, mkt);
    }
}

static void age(struct engine *e, struct market *m, uint32_t mkt, const struct ev *h)
{
    if (h->ts_ms == 0 || e->config.lag_limit_ms == 0) {
        return;
    }
    bool was = m->lagging;
    int64_t age_ms = h->recv_wall / NS_PER_MS - e->clock_ahead_ms - h->ts_ms;
    m->lagging = age_ms > e->config.lag_limit_ms;
    if (m->lagging) {
        counter_add(&e->metrics.lagging, 1);
    } else if (was && m->changes > 0) {
        decide_queue(e, mkt);
    }
}

/* The book was changed: a point, the position's value, and perhaps a decision. */
static void changed(struct engine *e, uint32_t mkt, const struct ev *h)
{
    struct market *m = &e->markets[mkt];
    struct feature_book fb;
    feature_book_ends(m->book, e->config.mirror, &fb);
    int64_t t = h->ts_ms != 0 ? h->ts_ms : h->recv_wall / NS_PER_MS;
    if (m->window.n > 0 && t < m->window.points[m->window.head].t_ms) {
        t = m->window.points[m->window.head].t_ms;
    }
    feature_window_add(&m->window, &fb, t);
    orders_book(e->orders, mkt, m->book);
    m->changes++;
    m->last_ord = h->ord;
    m->last_mono = h->recv_mono;
    m->last_turn = e->mono;
    counter_add(&e->metrics.changes, 1);
    decide_queue(e, mkt);
}

/* Of a book. What had no memory is counted, so that nobody takes it for what the event said. */
static bool well(struct engine *e, enum status st)
{
    counter_add(&e->metrics.no_memory, st == ST_NOMEM ? 1 : 0);
    return st == ST_OK;
}

static bool apply_market(struct engine *e, const struct ev_market *ev)
{
    uint32_t mkt = ev->h.mkt;
    size_t n = strnlen(ev->ticker, TICKER_MAX);
    if (mkt >= e->config.orders.markets_max || n == 0 || n == TICKER_MAX) {
        return false;
    }
    struct market *m = &e->markets[mkt];
    bool other = m->book != NULL && strcmp(m->ticker, ev->ticker) != 0;
    if (other || orders_market(e->orders, mkt, ev) != ST_OK) {
        return false;
    }
    if (m->book == NULL) {
        if (!well(e, book_create(&ev->grid, &m->book))) {
            m->book = NULL;
            return false;
        }
        memcpy(m->ticker, ev->ticker, n + 1);
        m->stale = true; /* until its first snapshot */
        e->n_stale++;
        e->n_markets = mkt + 1 > e->n_markets ? mkt + 1 : e->n_markets;
    } else if (!grid_equal(book_grid(m->book), &ev->grid)) {
        uint32_t dropped = 0;
        if (!well(e, book_regrid(m->book, &ev->grid, &dropped)) || dropped != 0) {
            market_contradiction(e, mkt);
        }
    }
    m->status = ev->status;
    m->close_time = ev->close_time;
    if (m->changes > 0) {
        decide_queue(e, mkt);
    }
    return true;
}

static bool apply_snapshot(struct engine *e, struct market *m, const struct ev_snapshot *ev)
{
    uint64_t levels = (uint64_t)ev->n_yes + ev->n_no;
    if (ev->h.size < sizeof *ev || levels > (ev->h.size - sizeof *ev) / sizeof(struct level)) {
        counter_add(&e->metrics.bad_events, 1);
        return false;
    }
    const struct level *no = ev->levels + ev->n_yes;
    scale_sample(m, no, ev->n_no);
    if (e->config.scale_check && m->scale.state == SCALE_NEW) {
        scale_want(e, ev->h.mkt);
    }
    m->crossed = false;
    if (!well(e, book_snapshot(m->book, ev->levels, ev->n_yes, no, ev->n_no))) {
        market_contradiction(e, ev->h.mkt);
        return false;
    }
    m->seen = true;
    if (m->stale) {
        m->stale = false;
        e->n_stale--;
    }
    m->snapshots++;
    changed(e, ev->h.mkt, &ev->h);
    return true;
}

static bool apply_delta(struct engine *e, struct market *m, const struct ev_delta *ev)
{
    if (m->stale || !m->seen) {
        counter_add(&e->metrics.stale_deltas, 1);
        return false;
    }
    if (m->crossed && (ev->h.ts_ms == 0 || ev->h.ts_ms > m->crossed_ts)) {
        market_contradiction(e, ev->h.mkt);
        return false;
    }
    if (ev->side > SIDE_NO || !well(e, book_apply(m->book, (enum side)ev->side, ev->px, ev->qty))) {
        market_contradiction(e, ev->h.mkt);
        return false;
    }
    if (!book_crossed(m->book)) {
        m->crossed = false;
    } else if (!m->crossed) {
        m->crossed = true;
        m->crossed_ts = ev->h.ts_ms;
    }
    m->deltas++;
    changed(e, ev->h.mkt, &ev->h);
    return true;
}

static void mark_stale(struct engine *e, uint32_t mkt)
{
    if (mkt < e->n_markets) {
        market_make_stale(e, mkt);
        return;
    }
    for (uint32_t i = 0; mkt == MKT_ALL && i < e->n_markets; i++) {
        market_make_stale(e, i);
    }
}

bool market_event(struct engine *e, const struct ev *ev)
{
    if (ev->type == EV_MARKET) {
        return apply_market(e, (const struct ev_market *)ev);
    }
    if (ev->type == EV_STALE) {
        mark_stale(e, ev->mkt);
        return true;
    }
    if (ev->mkt >= e->n_markets || e->markets[ev->mkt].book == NULL) {
        counter_add(&e->metrics.bad_events, 1);
        return false;
    }
    struct market *m = &e->markets[ev->mkt];
    age(e, m, ev->mkt, ev);
    if (ev->type == EV_SNAPSHOT) {
        return apply_snapshot(e, m, (const struct ev_snapshot *)ev);
    }
    if (ev->type == EV_DELTA) {
        return apply_delta(e, m, (const struct ev_delta *)ev);
    }
    m->trades++;
    const struct ev_trade *t = (const struct ev_trade *)ev;
    if (t->block == 0) {
        orders_trade(e->orders, ev->mkt, t->yes_px);
    }
    return true;
}
