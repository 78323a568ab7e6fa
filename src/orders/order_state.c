/*
 * order_state.c - the transition table, and nothing else.
 *
 * Rows that lead to the state they start from are news that is ordinary there and changes nothing.
 * A rejected order that the exchange shows after all comes back to life: the caller counts that.
 */
#include "orders/order_state.h"

#include <stdint.h>

static const struct order_row rows[] = {
    {ORDER_INTENDED, OE_SENT, ORDER_SENT, "the gateway has it"},
    {ORDER_INTENDED, OE_NOT_TAKEN, ORDER_REJECTED, "it never left"},
    {ORDER_INTENDED, OE_RESTORED, ORDER_UNKNOWN, "a previous session may have sent it"},
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
    {ORDER_RESTING, OE_CANCEL_SENT, ORDER_CANCEL_SENT, ""},
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
    {ORDER_PART, OE_CANCEL_SENT, ORDER_CANCEL_SENT, ""},
    {ORDER_PART, OE_SEEN_RESTING, ORDER_PART, "a late message"},
    {ORDER_PART, OE_SEEN_PART, ORDER_PART, "nothing new"},
    {ORDER_PART, OE_SEEN_FILLED, ORDER_FILLED, "shown as executed"},
    {ORDER_PART, OE_SEEN_CANCELLED, ORDER_CANCELLED, "shown as canceled"},
    {ORDER_PART, OE_SEEN_EXPIRED, ORDER_EXPIRED, "shown as expired"},
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
        [ORDER_INTENDED] = "intended",       [ORDER_SENT] = "sent",
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
