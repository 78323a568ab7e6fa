/*
 * order_state.c - the transition table, and what it says.
 *
 * Rows that lead to the state they start from are news that is ordinary there and changes nothing.
 * An order that rests has no fill that we know of, and one that is part filled has: what would
 * contradict that (resting + amend_failed_part, part + amend_ok) cannot be met and is no row.
 * A rejected order that the exchange shows after all comes back to life: the caller counts that.
 */
#include "orders/order_state.h"

#include <stdint.h>

static const struct order_row rows[] = {
    {ORDER_INTENDED, OE_STORED, ORDER_STORED, "it survives a crash from here on"},
    {ORDER_INTENDED, OE_NOT_TAKEN, ORDER_REJECTED, "the journal refused it: it never left"},
    {ORDER_INTENDED, OE_RESTORED, ORDER_UNKNOWN, "a previous session may have sent it"},
    {ORDER_STORED, OE_SENT, ORDER_SENT, "the gateway has it"},
    {ORDER_STORED, OE_NOT_TAKEN, ORDER_REJECTED, "the gateway is full: it never left"},
    {ORDER_SENT, OE_ACK_RESTING, ORDER_RESTING, "on the book"},
    {ORDER_SENT, OE_ACK_PART, ORDER_PART, "part filled at once"},
    {ORDER_SENT, OE_ACK_FILLED, ORDER_FILLED, "all filled at once"},
    {ORDER_SENT, OE_ACK_CANCELLED, ORDER_CANCELLED, "the rest was not to rest"},
    {ORDER_SENT, OE_REJECTED, ORDER_REJECTED, "certainly no effect"},
    {ORDER_SENT, OE_UNKNOWN, ORDER_UNKNOWN, "no answer that proves anything"},
    {ORDER_SENT, OE_FILL_PART, ORDER_PART, "the fill came before the answer"},
    {ORDER_SENT, OE_FILL_ALL, ORDER_FILLED, "the fills came before the answer"},
    {ORDER_SENT, OE_SEEN_RESTING, ORDER_RESTING,
     "the user channel or a read shows it, before the answer"},
    {ORDER_SENT, OE_SEEN_PART, ORDER_PART, "shown, part filled, before the answer"},
    {ORDER_SENT, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed, before the answer"},
    {ORDER_SENT, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled, before the answer"},
    {ORDER_SENT, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired, before the answer"},
    {ORDER_RESTING, OE_ACK_RESTING, ORDER_RESTING, "the answer came after the user channel"},
    {ORDER_RESTING, OE_ACK_PART, ORDER_PART, "the answer came after the user channel"},
    {ORDER_RESTING, OE_ACK_FILLED, ORDER_FILLED, "the answer came after the user channel"},
    {ORDER_RESTING, OE_ACK_CANCELLED, ORDER_CANCELLED, "the answer came after the user channel"},
    {ORDER_RESTING, OE_UNKNOWN, ORDER_RESTING, "no answer, but the user channel showed it"},
    {ORDER_RESTING, OE_FILL_PART, ORDER_PART, ""},
    {ORDER_RESTING, OE_FILL_ALL, ORDER_FILLED, ""},
    {ORDER_RESTING, OE_AMEND_SENT, ORDER_AMEND_SENT, ""},
    {ORDER_RESTING, OE_CANCEL_SENT, ORDER_CANCEL_SENT, ""},
    {ORDER_RESTING, OE_AMEND_OK, ORDER_RESTING, "its cancel failed, then the amend was answered"},
    {ORDER_RESTING, OE_AMEND_OK_PART, ORDER_PART, "its cancel failed, then the amend was answered"},
    {ORDER_RESTING, OE_AMEND_FILLED, ORDER_FILLED, "the new price crossed"},
    {ORDER_RESTING, OE_AMEND_FAILED, ORDER_RESTING, "its cancel failed too"},
    {ORDER_RESTING, OE_AMEND_UNCLEAR, ORDER_RESTING, "either terms: it is cancelled"},
    {ORDER_RESTING, OE_SEEN_RESTING, ORDER_RESTING, "nothing new"},
    {ORDER_RESTING, OE_SEEN_PART, ORDER_PART, "shown, part filled"},
    {ORDER_RESTING, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_RESTING, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_RESTING, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
    {ORDER_PART, OE_ACK_RESTING, ORDER_PART, "the answer is older than the fill"},
    {ORDER_PART, OE_ACK_PART, ORDER_PART, "the fill came first"},
    {ORDER_PART, OE_ACK_FILLED, ORDER_FILLED, "more fills are under way"},
    {ORDER_PART, OE_ACK_CANCELLED, ORDER_CANCELLED, "the rest was not to rest"},
    {ORDER_PART, OE_UNKNOWN, ORDER_UNKNOWN, "it exists; whether its rest rests must be read"},
    {ORDER_PART, OE_FILL_PART, ORDER_PART, ""},
    {ORDER_PART, OE_FILL_ALL, ORDER_FILLED, ""},
    {ORDER_PART, OE_AMEND_SENT, ORDER_AMEND_SENT, ""},
    {ORDER_PART, OE_CANCEL_SENT, ORDER_CANCEL_SENT, ""},
    {ORDER_PART, OE_AMEND_OK_PART, ORDER_PART, "its cancel failed, then the amend was answered"},
    {ORDER_PART, OE_AMEND_FILLED, ORDER_FILLED, "the new price crossed"},
    {ORDER_PART, OE_AMEND_FAILED, ORDER_PART, "its cancel failed too"},
    {ORDER_PART, OE_AMEND_FAILED_PART, ORDER_PART, "its cancel failed too"},
    {ORDER_PART, OE_AMEND_UNCLEAR, ORDER_PART, "either terms: it is cancelled"},
    {ORDER_PART, OE_SEEN_RESTING, ORDER_PART, "a late message"},
    {ORDER_PART, OE_SEEN_PART, ORDER_PART, "nothing new"},
    {ORDER_PART, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_PART, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_PART, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
    {ORDER_AMEND_SENT, OE_ACK_RESTING, ORDER_AMEND_SENT, "a late answer"},
    {ORDER_AMEND_SENT, OE_ACK_PART, ORDER_AMEND_SENT, "a late answer"},
    {ORDER_AMEND_SENT, OE_UNKNOWN, ORDER_AMEND_SENT, "it exists: the amend settles it"},
    {ORDER_AMEND_SENT, OE_FILL_PART, ORDER_AMEND_SENT, "amend and fill cross"},
    {ORDER_AMEND_SENT, OE_FILL_ALL, ORDER_FILLED, "the fills won the race"},
    {ORDER_AMEND_SENT, OE_AMEND_OK, ORDER_RESTING, "new terms"},
    {ORDER_AMEND_SENT, OE_AMEND_OK_PART, ORDER_PART, "new terms"},
    {ORDER_AMEND_SENT, OE_AMEND_FILLED, ORDER_FILLED, "the new price crossed"},
    {ORDER_AMEND_SENT, OE_AMEND_FAILED, ORDER_RESTING, "old terms"},
    {ORDER_AMEND_SENT, OE_AMEND_FAILED_PART, ORDER_PART, "old terms"},
    {ORDER_AMEND_SENT, OE_AMEND_UNCLEAR, ORDER_AMEND_SENT, "either terms: it is cancelled"},
    {ORDER_AMEND_SENT, OE_CANCEL_SENT, ORDER_CANCEL_SENT, "a cancel does not wait for an amend"},
    {ORDER_AMEND_SENT, OE_SEEN_RESTING, ORDER_AMEND_SENT, "a message from before the amend"},
    {ORDER_AMEND_SENT, OE_SEEN_PART, ORDER_AMEND_SENT, "a message from before the amend"},
    {ORDER_AMEND_SENT, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_AMEND_SENT, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_AMEND_SENT, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
    {ORDER_CANCEL_SENT, OE_ACK_RESTING, ORDER_CANCEL_SENT,
     "the create was answered after our cancel left"},
    {ORDER_CANCEL_SENT, OE_ACK_PART, ORDER_CANCEL_SENT,
     "the create was answered after our cancel left"},
    {ORDER_CANCEL_SENT, OE_ACK_FILLED, ORDER_FILLED, "nothing is left to cancel"},
    {ORDER_CANCEL_SENT, OE_ACK_CANCELLED, ORDER_CANCELLED, "nothing is left to cancel"},
    {ORDER_CANCEL_SENT, OE_UNKNOWN, ORDER_CANCEL_SENT, "it exists: the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_FILL_PART, ORDER_CANCEL_SENT, "cancel and fill cross"},
    {ORDER_CANCEL_SENT, OE_FILL_ALL, ORDER_FILLED, "the fill won the race"},
    {ORDER_CANCEL_SENT, OE_CANCEL_OK, ORDER_CANCELLED, ""},
    {ORDER_CANCEL_SENT, OE_CANCEL_FAILED, ORDER_RESTING, "the cancel had no effect"},
    {ORDER_CANCEL_SENT, OE_CANCEL_FAILED_PART, ORDER_PART, "the cancel had no effect"},
    {ORDER_CANCEL_SENT, OE_CANCEL_UNCLEAR, ORDER_CANCEL_SENT,
     "a 404 proves nothing: read the order"},
    {ORDER_CANCEL_SENT, OE_AMEND_OK, ORDER_CANCEL_SENT, "the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_AMEND_OK_PART, ORDER_CANCEL_SENT, "the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_AMEND_FILLED, ORDER_FILLED,
     "the new price crossed: nothing is left to cancel"},
    {ORDER_CANCEL_SENT, OE_AMEND_FAILED, ORDER_CANCEL_SENT, "the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_AMEND_FAILED_PART, ORDER_CANCEL_SENT, "the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_AMEND_UNCLEAR, ORDER_CANCEL_SENT, "the cancel settles it"},
    {ORDER_CANCEL_SENT, OE_SEEN_RESTING, ORDER_CANCEL_SENT, "a message from before the cancel"},
    {ORDER_CANCEL_SENT, OE_SEEN_PART, ORDER_CANCEL_SENT, "a message from before the cancel"},
    {ORDER_CANCEL_SENT, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_CANCEL_SENT, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_CANCEL_SENT, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
    {ORDER_UNKNOWN, OE_ACK_RESTING, ORDER_RESTING, "an answer after all"},
    {ORDER_UNKNOWN, OE_ACK_PART, ORDER_PART, "an answer after all"},
    {ORDER_UNKNOWN, OE_ACK_FILLED, ORDER_FILLED, "an answer after all"},
    {ORDER_UNKNOWN, OE_ACK_CANCELLED, ORDER_CANCELLED, "an answer after all"},
    {ORDER_UNKNOWN, OE_FILL_PART, ORDER_UNKNOWN, "it exists; whether its rest rests must be read"},
    {ORDER_UNKNOWN, OE_FILL_ALL, ORDER_FILLED, ""},
    {ORDER_UNKNOWN, OE_SEEN_RESTING, ORDER_RESTING, "the user channel or a read shows it"},
    {ORDER_UNKNOWN, OE_SEEN_PART, ORDER_PART, "shown, part filled"},
    {ORDER_UNKNOWN, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_UNKNOWN, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_UNKNOWN, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
    {ORDER_UNKNOWN, OE_ABSENT, ORDER_REJECTED, "a read that must show it does not"},
    {ORDER_FILLED, OE_ACK_RESTING, ORDER_FILLED, "a late answer"},
    {ORDER_FILLED, OE_ACK_PART, ORDER_FILLED, "a late answer"},
    {ORDER_FILLED, OE_ACK_FILLED, ORDER_FILLED, "the fills came first"},
    {ORDER_FILLED, OE_UNKNOWN, ORDER_FILLED, "no answer, but it is done"},
    {ORDER_FILLED, OE_FILL_PART, ORDER_FILLED, "a fill that was under way"},
    {ORDER_FILLED, OE_FILL_ALL, ORDER_FILLED, "a fill that was under way"},
    {ORDER_FILLED, OE_CANCEL_FAILED, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_CANCEL_FAILED_PART, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_CANCEL_UNCLEAR, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_OK, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_OK_PART, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_FILLED, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_FAILED, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_FAILED_PART, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_AMEND_UNCLEAR, ORDER_FILLED, "too late to matter"},
    {ORDER_FILLED, OE_SEEN_RESTING, ORDER_FILLED, "a late message"},
    {ORDER_FILLED, OE_SEEN_PART, ORDER_FILLED, "a late message"},
    {ORDER_FILLED, OE_SEEN_FILLED, ORDER_FILLED, "nothing new"},
    {ORDER_CANCELLED, OE_ACK_RESTING, ORDER_CANCELLED, "a late answer"},
    {ORDER_CANCELLED, OE_ACK_PART, ORDER_CANCELLED, "a late answer"},
    {ORDER_CANCELLED, OE_ACK_CANCELLED, ORDER_CANCELLED, "the user channel came first"},
    {ORDER_CANCELLED, OE_UNKNOWN, ORDER_CANCELLED, "no answer, but it is done"},
    {ORDER_CANCELLED, OE_FILL_PART, ORDER_CANCELLED, "a fill that was under way"},
    {ORDER_CANCELLED, OE_FILL_ALL, ORDER_FILLED, "a fill that was under way"},
    {ORDER_CANCELLED, OE_CANCEL_OK, ORDER_CANCELLED, "the user channel came first"},
    {ORDER_CANCELLED, OE_CANCEL_FAILED, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_CANCEL_FAILED_PART, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_CANCEL_UNCLEAR, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_AMEND_OK, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_AMEND_OK_PART, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_AMEND_FILLED, ORDER_FILLED, "the exchange is the authority"},
    {ORDER_CANCELLED, OE_AMEND_FAILED, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_AMEND_FAILED_PART, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_AMEND_UNCLEAR, ORDER_CANCELLED, "too late to matter"},
    {ORDER_CANCELLED, OE_SEEN_RESTING, ORDER_CANCELLED, "a late message"},
    {ORDER_CANCELLED, OE_SEEN_PART, ORDER_CANCELLED, "a late message"},
    {ORDER_CANCELLED, OE_SEEN_FILLED, ORDER_FILLED, "the exchange is the authority"},
    {ORDER_CANCELLED, OE_SEEN_CANCELLED, ORDER_CANCELLED, "nothing new"},
    {ORDER_CANCELLED, OE_SEEN_EXPIRED, ORDER_CANCELLED, "nothing new"},
    {ORDER_EXPIRED, OE_ACK_RESTING, ORDER_EXPIRED, "a late answer"},
    {ORDER_EXPIRED, OE_ACK_PART, ORDER_EXPIRED, "a late answer"},
    {ORDER_EXPIRED, OE_ACK_CANCELLED, ORDER_EXPIRED, "the user channel came first"},
    {ORDER_EXPIRED, OE_UNKNOWN, ORDER_EXPIRED, "no answer, but it is done"},
    {ORDER_EXPIRED, OE_FILL_PART, ORDER_EXPIRED, "a fill that was under way"},
    {ORDER_EXPIRED, OE_FILL_ALL, ORDER_FILLED, "a fill that was under way"},
    {ORDER_EXPIRED, OE_CANCEL_OK, ORDER_EXPIRED, "the user channel came first"},
    {ORDER_EXPIRED, OE_CANCEL_FAILED, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_CANCEL_FAILED_PART, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_CANCEL_UNCLEAR, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_AMEND_OK, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_AMEND_OK_PART, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_AMEND_FILLED, ORDER_FILLED, "the exchange is the authority"},
    {ORDER_EXPIRED, OE_AMEND_FAILED, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_AMEND_FAILED_PART, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_AMEND_UNCLEAR, ORDER_EXPIRED, "too late to matter"},
    {ORDER_EXPIRED, OE_SEEN_RESTING, ORDER_EXPIRED, "a late message"},
    {ORDER_EXPIRED, OE_SEEN_PART, ORDER_EXPIRED, "a late message"},
    {ORDER_EXPIRED, OE_SEEN_FILLED, ORDER_FILLED, "the exchange is the authority"},
    {ORDER_EXPIRED, OE_SEEN_CANCELLED, ORDER_EXPIRED, "nothing new"},
    {ORDER_EXPIRED, OE_SEEN_EXPIRED, ORDER_EXPIRED, "nothing new"},
    {ORDER_REJECTED, OE_FILL_PART, ORDER_PART, "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_FILL_ALL, ORDER_FILLED, "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_SEEN_RESTING, ORDER_RESTING, "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_SEEN_PART, ORDER_PART, "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_SEEN_FILLED, ORDER_FILLED, "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_SEEN_CANCELLED, ORDER_CANCELLED,
     "the exchange is the authority: it was there"},
    {ORDER_REJECTED, OE_SEEN_EXPIRED, ORDER_EXPIRED, "the exchange is the authority: it was there"},
};

#define ROWS (sizeof rows / sizeof rows[0])

const struct order_row *order_rows(size_t *ret_n)
{
    *ret_n = ROWS;
    return rows;
}

enum status order_next(enum order_state from, enum order_event event, enum order_state *ret_to)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].from == from && rows[i].event == event) {
            *ret_to = rows[i].to;
            return ST_OK;
        }
    }
    return ST_STATE;
}

const char *order_state_name(enum order_state s)
{
    static const char *const names[ORDER_STATE_MAX] = {
        [ORDER_INTENDED] = "intended",       [ORDER_STORED] = "stored",
        [ORDER_AMEND_SENT] = "amend_sent",   [ORDER_SENT] = "sent",
        [ORDER_RESTING] = "resting",         [ORDER_PART] = "part",
        [ORDER_CANCEL_SENT] = "cancel_sent", [ORDER_UNKNOWN] = "unknown",
        [ORDER_FILLED] = "filled",           [ORDER_CANCELLED] = "cancelled",
        [ORDER_REJECTED] = "rejected",       [ORDER_EXPIRED] = "expired",
    };
    return s < ORDER_STATE_MAX ? names[s] : "none";
}

const char *order_event_name(enum order_event e)
{
    static const char *const names[ORDER_EVENT_MAX] = {
        [OE_STORED] = "stored",
        [OE_SENT] = "sent",
        [OE_NOT_TAKEN] = "not_taken",
        [OE_RESTORED] = "restored",
        [OE_ACK_RESTING] = "ack_resting",
        [OE_ACK_PART] = "ack_part",
        [OE_ACK_FILLED] = "ack_filled",
        [OE_ACK_CANCELLED] = "ack_cancelled",
        [OE_REJECTED] = "rejected",
        [OE_UNKNOWN] = "unknown",
        [OE_FILL_PART] = "fill_part",
        [OE_FILL_ALL] = "fill_all",
        [OE_AMEND_SENT] = "amend_sent",
        [OE_AMEND_OK] = "amend_ok",
        [OE_AMEND_OK_PART] = "amend_ok_part",
        [OE_AMEND_FILLED] = "amend_filled",
        [OE_AMEND_FAILED] = "amend_failed",
        [OE_AMEND_FAILED_PART] = "amend_failed_part",
        [OE_AMEND_UNCLEAR] = "amend_unclear",
        [OE_CANCEL_SENT] = "cancel_sent",
        [OE_CANCEL_OK] = "cancel_ok",
        [OE_CANCEL_FAILED] = "cancel_failed",
        [OE_CANCEL_FAILED_PART] = "cancel_failed_part",
        [OE_CANCEL_UNCLEAR] = "cancel_unclear",
        [OE_SEEN_RESTING] = "seen_resting",
        [OE_SEEN_PART] = "seen_part",
        [OE_SEEN_FILLED] = "seen_filled",
        [OE_SEEN_CANCELLED] = "seen_cancelled",
        [OE_SEEN_EXPIRED] = "seen_expired",
        [OE_ABSENT] = "absent",
    };
    return e < ORDER_EVENT_MAX ? names[e] : "none";
}

const char *order_effect(const struct order_row *row)
{
    bool before = order_state_open(row->from);
    bool after = order_state_open(row->to);
    bool fill = row->event == OE_FILL_PART || row->event == OE_FILL_ALL;
    if (fill && before && !after) {
        return "the fill moves cash and position; nothing is reserved and it counts no more";
    }
    if (fill && after && before) {
        return "the fill moves cash and position; its part of the reserve is freed";
    }
    if (fill) {
        return after ? "the fill moves cash and position; what is left is reserved and counts again"
                     : "the fill moves cash and position";
    }
    if (before && !after) {
        return "frees what was reserved for the rest, fills that are owed aside; counts no more";
    }
    if (!before && after) {
        return "what is left is reserved and counts against every limit again";
    }
    if (row->event == OE_AMEND_SENT) {
        return "reserves the dearer of old and new terms";
    }
    if (after && (row->event == OE_AMEND_OK || row->event == OE_AMEND_OK_PART)) {
        return "reserves by the new terms";
    }
    if (after && (row->event == OE_AMEND_FAILED || row->event == OE_AMEND_FAILED_PART)) {
        return "reserves by the old terms";
    }
    return before ? "none: goes on being reserved and counted" : "none";
}
