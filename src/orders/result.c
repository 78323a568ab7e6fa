/*
 * result.c - markets that pay, and notes of reconciliation.
 *
 * A market is paid when it is finalized and its result is known: by an EV_MARKET of the feed, or by
 * a read of the market that is made when its position has vanished from a position read (the
 * message was lost, or came while nobody listened). The account pays out its own net position, so
 * that cash and realised P&L follow at once; the reads that follow must agree.
 *
 * A fill that is heard of after its market has paid is paid at once as well.
 */
#include <string.h>

#include "orders/orders_int.h"

static void record_settled(struct orders *o, uint32_t h, usd_t paid)
{
    const struct holding *p = &o->account.holdings[h];
    struct rec_settled r = {
        .h = {.size = sizeof r, .type = REC_SETTLED, .mkt = p->mkt, .wall = o->wall},
        .position = p->position,
        .yes_px = o->lots[h].settle_px,
        .cost = p->cost,
        .paid = paid,
        .realized = paid - p->cost,
    };
    memcpy(r.ticker, p->ticker, sizeof r.ticker);
    if (o->sinks.record != NULL) {
        o->sinks.record(o->sinks.self, &r.h);
    }
}

void lot_pay(struct orders *o, uint32_t h)
{
    struct lot *lot = &o->lots[h];
    if (!lot->settled || !orders_ready(o) || o->account.holdings[h].position == 0) {
        return;
    }
    usd_t paid = account_payout(&o->account, h, lot->settle_px);
    record_settled(o, h, paid);
    account_settle(&o->account, h, lot->settle_px);
    o->stats.settlements++;
    o->paid_at = o->mono;
    o->paid += paid;
    lot->changes++;
    o->changes++;
    lot_refresh(o, h);
    record_account(o, h);
    watch_worth(o);
    lot_want_position(o, h, o->config.position_read_delay);
    cash_want(o, o->config.position_read_delay);
}

void lot_result(struct orders *o, uint32_t h, const struct ev_market *m)
{
    struct lot *lot = &o->lots[h];
    if (m->status != MARKET_FINALIZED || m->result <= RESULT_NONE || m->result > RESULT_SCALAR ||
        m->settle_px < 0 || m->settle_px > PX_ONE) {
        return;
    }
    lot->settled = true;
    lot->settle_px = m->settle_px;
    lot_pay(o, h);
}

/* --- notes --- */

void record_reconcile(struct orders *o, uint32_t mkt, const char *ticker, struct rec_reconcile r,
                      const char *reason)
{
    r.h = (struct rec){.size = sizeof r, .type = REC_RECONCILE, .mkt = mkt, .wall = o->wall};
    memcpy(r.ticker, ticker, strnlen(ticker, sizeof r.ticker - 1));
    memcpy(r.reason, reason, strnlen(reason, sizeof r.reason - 1));
    if (o->sinks.record != NULL) {
        o->sinks.record(o->sinks.self, &r.h);
    }
    if (reconcile_notable(&r)) {
        o->notes[o->n_notes++ % ORDERS_NOTES] = r;
    }
}

bool reconcile_notable(const struct rec_reconcile *r)
{
    return r->adopted != 0 || r->kind == RECONCILE_FOREIGN || strncmp(r->reason, "start", 5) == 0;
}

uint64_t orders_notes(const struct orders *o)
{
    return o->n_notes;
}

const struct rec_reconcile *orders_note(const struct orders *o, uint64_t i)
{
    bool there = i < o->n_notes && o->n_notes - i <= ORDERS_NOTES;
    return there ? &o->notes[i % ORDERS_NOTES] : NULL;
}
