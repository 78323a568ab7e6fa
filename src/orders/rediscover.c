/*
 * rediscover.c - orders of earlier sessions that the order journal does not know.
 *
 * A record of the journal is on the medium a moment after it was written. When the machine loses
 * power in that moment, an order may be at the exchange and not in the journal. Its client id
 * begins with its session's, and that was on the medium before the session's first order left. So
 * what rests and has such a name is ours: it is journalled and treated as an order that the journal
 * knew. What of it was filled before is in the account that is read, and its fills are read as of
 * every order that owes some. An order that does not rest any more has nothing left to be managed;
 * its fills are in the account too, as those of nobody's order.
 */
#include <string.h>

#include "orders/orders_int.h"

static bool of_earlier_session(const struct orders *o, const struct ev_user_order *r)
{
    uint64_t id = 0;
    bool named = order_session_of(r->client_id, &id);
    for (uint32_t i = 0; named && i < o->n_earlier; i++) {
        if (o->earlier[i] == id) {
            return true;
        }
    }
    return false;
}

/* True: it is in its slot, journalled. */
static bool take(struct orders *o, uint32_t slot, const struct ev_user_order *r)
{
    struct order *ord = &o->slots[slot];
    ord->outcome = (enum side)r->outcome;
    ord->is_buy = true; /* the exchange tells what is acquired, not why */
    ord->restored = true;
    ord->yes_px = r->yes_px;
    ord->qty = r->filled + r->remaining;
    ord->placed_wall = r->created_ms * NS_PER_MS; /* placed_mono 0: old enough for any age limit */
    ord->signed_wall = o->wall;                   /* long ago, by a process that is gone */
    /* What was to be cancelled with all others was not, as nobody knew it. */
    ord->cancel_wanted = o->halted || o->lots[ord->h].halted || (o->stopped && !o->keep);
    copy_name(ord->client_id, sizeof ord->client_id, r->client_id);
    if (idtab_put(&o->by_client, ord->client_id, slot) != ST_OK) {
        order_event(o, slot, OE_NOT_TAKEN, "client_id");
        return false;
    }
    lot_refresh(o, ord->h);
    if (journal_order(o, ord, JOURNAL_INTENT) != ST_OK) {
        o->stats.journal_failures++; /* the next start finds it as this one did */
    }
    return true;
}

bool rediscover(struct orders *o, const struct ev_user_order *r)
{
    if (!of_earlier_session(o, r)) {
        return false;
    }
    uint32_t h = lot_of(o, r->ticker);
    uint32_t slot = h != NONE ? order_slot_new(o, h) : NONE;
    if (slot == NONE) {
        o->stats.table_errors++;
        orders_halt(o, "more orders of earlier runs than there is room for", true);
        return false;
    }
    if (!take(o, slot, r)) {
        o->stats.table_errors++;
        return false;
    }
    o->stats.rediscovered++;
    order_event(o, slot, OE_RESTORED, "of an earlier session, and not in the journal");
    order_seen(o, slot, r, true);
    return true;
}
