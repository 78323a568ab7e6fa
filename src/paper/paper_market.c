/*
 * paper_market.c - the market as the feed tells it, into the engine.
 *
 * A market closes when a snapshot empties its book (kalshi-api.md 5.8), or when its status says so.
 * The exchange then cancels what rests and refuses everything. A book that fills again, or a status
 * of active, opens it again. What it pays comes through paper_settle.
 */
#include <stdlib.h>
#include <string.h>

#include "paper/paper_int.h"

uint32_t paper_find(const struct paper *p, const char *ticker)
{
    return ticker[0] != '\0' ? idtab_get(&p->by_ticker, ticker) : NO_MARKET;
}
_Static_assert(IDTAB_NONE == NO_MARKET, "paper_find passes it on");

static struct match_fees fees_of(const struct ev_market *m)
{
    if (m->fee_type == FEE_NONE) {
        return (struct match_fees){.mult_micros = 1000000, .waived_until = m->waived};
    }
    return (struct match_fees){
        .waived_until = m->waived,
        .taker_e4 = 700,
        .maker_e4 = m->fee_type == FEE_QUADRATIC ? 0 : 175,
        .mult_micros = m->fee_mult_micros > 0 ? m->fee_mult_micros : 1000000,
    };
}

/* Cancel the account's open orders of a market. */
static void cancel_orders(struct paper *p, uint32_t mkt, enum match_reason reason)
{
    uint32_t index = p->markets[mkt].index;
    uint64_t first = p->n_orders > p->config.history_max ? p->n_orders - p->config.history_max : 0;
    for (uint64_t n = first; n < p->n_orders; n++) {
        const struct porder *po = paper_order(p, n + 1);
        qty_t reduced = 0;
        if (po != NULL && po->o.market == index && po->o.status == MATCH_RESTING &&
            match_cancel(p->match, po->o.id, reason, p->wall, &reduced) == ST_OK) {
            paper_tell(p);
        }
    }
}

static void close_market(struct paper *p, uint32_t mkt)
{
    struct pmarket *m = &p->markets[mkt];
    if (m->closed || m->index == NO_MARKET) {
        m->closed = true;
        return;
    }
    m->closed = true;
    p->stats.closes++;
    cancel_orders(p, mkt, MATCH_BECAUSE_CLOSE);
    match_halt(p->match, m->index, true);
}

/* Take the market into the engine, once there is a grid. */
static void enter(struct paper *p, uint32_t mkt)
{
    struct pmarket *m = &p->markets[mkt];
    struct match_fees fees = fees_of(&m->info);
    if (m->info.grid.levels > 0 &&
        match_add_market(p->match, &m->info.grid, &fees, true, &m->index) == ST_OK) {
        p->mkt_of[m->index] = mkt;
    } else {
        m->index = NO_MARKET;
    }
}

static void contradiction(struct paper *p, uint32_t mkt)
{
    p->stats.contradictions++;
    p->markets[mkt].stale = true;
    if (p->out.repair != NULL) {
        p->out.repair(p->out.self, mkt);
    }
}

/* Size and orders off the new grid go; the next snapshot says what the exchange kept. */
static void new_grid(struct paper *p, uint32_t mkt)
{
    struct pmarket *m = &p->markets[mkt];
    if (match_set_grid(p->match, m->index, &m->info.grid, p->wall) == ST_OK) {
        paper_tell(p);
    }
    contradiction(p, mkt);
}

static void on_status(struct paper *p, uint32_t mkt, int32_t before)
{
    struct pmarket *m = &p->markets[mkt];
    int32_t status = m->info.status;
    if (status >= MARKET_CLOSED) {
        close_market(p, mkt);
    } else if (status == MARKET_ACTIVE && !m->settled && m->index != NO_MARKET) {
        if (before == MARKET_INACTIVE) {
            cancel_orders(p, mkt, MATCH_BECAUSE_HALT); /* as the exchange does (17.2) */
        }
        m->closed = m->closed && before != MARKET_INACTIVE && before < MARKET_CLOSED;
        match_halt(p->match, m->index, m->closed);
    } else if (m->index != NO_MARKET && status == MARKET_INACTIVE) {
        match_halt(p->match, m->index, true);
    }
}

/* What a YES pays is known. False: it has paid already, or cannot. */
static bool settle(struct paper *p, uint32_t mkt, px_t yes_px)
{
    struct pmarket *m = &p->markets[mkt];
    if (m->settled || m->index == NO_MARKET || yes_px < 0 || yes_px > PX_ONE) {
        return false;
    }
    close_market(p, mkt);
    match_close(p->match, m->index, p->wall);
    paper_tell(p);
    m->settled = true;
    m->info.status = MARKET_FINALIZED;
    m->info.result = yes_px == PX_ONE ? RESULT_YES : yes_px == 0 ? RESULT_NO : RESULT_SCALAR;
    m->info.settle_px = yes_px;
    p->stats.settled++;
    match_settle(p->match, m->index, yes_px, p->wall);
    paper_tell(p);
    if (match_position(p->match, p->account, m->index).volume != 0) {
        paper_tell_position(p, m->index);
    }
    return true;
}

static void on_market(struct paper *p, const struct ev_market *e)
{
    uint32_t mkt = e->h.mkt;
    if (mkt >= p->config.markets_max || memchr(e->ticker, 0, sizeof e->ticker) == NULL ||
        mkt > p->n_markets) {
        p->stats.odd++;
        return;
    }
    struct pmarket *m = &p->markets[mkt];
    if (mkt == p->n_markets) {
        if (idtab_put(&p->by_ticker, e->ticker, mkt) != ST_OK) {
            p->stats.odd++;
            return;
        }
        p->n_markets++;
        *m = (struct pmarket){.info = *e, .index = NO_MARKET, .stale = true};
        enter(p, mkt);
        on_status(p, mkt, MARKET_UNKNOWN);
        return;
    }
    if (strcmp(m->info.ticker, e->ticker) != 0) {
        p->stats.odd++;
        return;
    }
    struct ev_market before = m->info;
    m->info = *e;
    if (m->index == NO_MARKET) {
        enter(p, mkt);
    } else {
        struct match_fees fees = fees_of(e);
        match_set_fees(p->match, m->index, &fees);
        if (!grid_equal(&before.grid, &e->grid) && e->grid.levels > 0) {
            new_grid(p, mkt);
        }
    }
    if (m->settled) {
        m->info.status = MARKET_FINALIZED;
        return;
    }
    if (before.status != e->status) {
        on_status(p, mkt, before.status);
    }
    if (e->status == MARKET_FINALIZED && e->result != RESULT_NONE) {
        (void)settle(p, mkt, e->settle_px);
    }
}

static void on_snapshot(struct paper *p, struct pmarket *m, const struct ev_snapshot *e)
{
    uint64_t n = (uint64_t)e->n_yes + e->n_no;
    if (e->h.size < sizeof *e || n > (e->h.size - sizeof *e) / sizeof(struct level)) {
        p->stats.odd++;
        return;
    }
    bool empty = n == 0;
    if (empty && m->had_levels) {
        close_market(p, e->h.mkt);
    } else if (!empty && m->closed && m->info.status < MARKET_CLOSED && !m->settled) {
        m->closed = false;
        match_halt(p->match, m->index, m->info.status == MARKET_INACTIVE);
    }
    m->had_levels = !empty;
    m->stale = false;
    enum status st = match_rec_snapshot(p->match, m->index, e->levels, e->n_yes,
                                        e->levels + e->n_yes, e->n_no, p->wall);
    paper_tell(p);
    p->stats.odd += st != ST_OK;
}

static void on_delta(struct paper *p, struct pmarket *m, const struct ev_delta *e)
{
    if (m->stale) {
        return;
    }
    enum status st =
        match_rec_delta(p->match, m->index, (enum side)e->side, e->px, e->qty, e->h.ts_ms, p->wall);
    paper_tell(p);
    m->had_levels = true;
    if (st != ST_OK) {
        contradiction(p, e->h.mkt);
    }
}

static void on_trade(struct paper *p, struct pmarket *m, const struct ev_trade *e)
{
    m->last_yes_px = e->yes_px;
    if (e->block || m->closed) {
        return;
    }
    enum side maker = side_other((enum side)e->taker);
    px_t px = maker == SIDE_YES ? e->yes_px : PX_ONE - e->yes_px;
    match_rec_trade(p->match, m->index, maker, px, e->qty, e->h.ts_ms, p->wall);
    paper_tell(p);
}

static void on_stale(struct paper *p, uint32_t mkt)
{
    for (uint32_t i = 0; i < p->n_markets; i++) {
        if (mkt == MKT_ALL || mkt == i) {
            p->markets[i].stale = true;
        }
    }
}

static bool size_ok(const struct ev *ev)
{
    switch ((enum ev_type)ev->type) {
    case EV_SNAPSHOT:
        return ev->size >= sizeof(struct ev_snapshot);
    case EV_DELTA:
        return ev->size >= sizeof(struct ev_delta) &&
               ((const struct ev_delta *)ev)->side <= SIDE_NO;
    case EV_TRADE:
        return ev->size >= sizeof(struct ev_trade) &&
               ((const struct ev_trade *)ev)->taker <= SIDE_NO &&
               ((const struct ev_trade *)ev)->qty > 0;
    case EV_NONE:
    case EV_MARKET:
    case EV_STALE:
    case EV_LINK:
    case EV_FILL:
    case EV_USER_ORDER:
    case EV_POSITION:
    case EV_ANSWER:
    case EV_COMMAND:
    case EV_CLOCK:
    case EV_TYPE_MAX:
        break;
    }
    return false;
}

void paper_market_event(struct paper *p, const struct ev *ev)
{
    if (ev->type == EV_MARKET && ev->size >= sizeof(struct ev_market)) {
        on_market(p, (const struct ev_market *)ev);
        return;
    }
    if (ev->type == EV_STALE) {
        on_stale(p, ev->mkt);
        return;
    }
    if (ev->type == EV_LINK || ev->type == EV_CLOCK) {
        return; /* EV_STALE tells what it means for the books */
    }
    if (!size_ok(ev) || ev->mkt >= p->n_markets || p->markets[ev->mkt].index == NO_MARKET) {
        p->stats.odd++;
        return;
    }
    struct pmarket *m = &p->markets[ev->mkt];
    if (m->settled) {
        return;
    }
    if (ev->type == EV_SNAPSHOT) {
        on_snapshot(p, m, (const struct ev_snapshot *)ev);
    } else if (ev->type == EV_DELTA) {
        on_delta(p, m, (const struct ev_delta *)ev);
    } else {
        on_trade(p, m, (const struct ev_trade *)ev);
    }
}

bool paper_settle(struct paper *p, const char *ticker, px_t yes_px, mono_ns_t now, wall_ns_t wall)
{
    paper_tick(p, now, wall);
    uint32_t mkt = paper_find(p, ticker);
    return mkt != NO_MARKET && settle(p, mkt, yes_px);
}
