/*
 * order_state.h - the life of an order as one written table.
 *
 * A pair of state and event that is not in the table is an error (ST_STATE) and changes nothing.
 * Counts of fills are kept beside the state: a fill is a fact in every state.
 */
#ifndef ORDERS_ORDER_STATE_H
#define ORDERS_ORDER_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum order_state {
    ORDER_INTENDED,    /* passed the risk gate; nothing has happened yet */
    ORDER_STORED,      /* in the order journal, not given to the gateway yet */
    ORDER_SENT,        /* the gateway has it, no answer */
    ORDER_RESTING,     /* on the book, nothing filled that we know of */
    ORDER_PART,        /* part filled, the rest is on the book (or will be answered) */
    ORDER_AMEND_SENT,  /* an amend was given to the gateway, not settled: old or new terms hold */
    ORDER_CANCEL_SENT, /* a cancel was given to the gateway, not settled */
    ORDER_UNKNOWN,     /* it may or may not be at the exchange: settled by reading */
    ORDER_FILLED,      /* done: all of it */
    ORDER_CANCELLED,   /* done: the rest was cancelled by us, by IOC, or by the exchange */
    ORDER_REJECTED,    /* done: certainly never at the exchange */
    ORDER_EXPIRED,     /* done: expiry or close of the market */
    ORDER_STATE_MAX
};

enum order_event {
    OE_STORED,             /* the journal has it */
    OE_SENT,               /* the gateway took the request */
    OE_NOT_TAKEN,          /* journal or gateway refused it here */
    OE_RESTORED,           /* a previous session left it open */
    OE_ACK_RESTING,        /* create answered: on the book, nothing filled */
    OE_ACK_PART,           /* create answered: part filled, rest on the book */
    OE_ACK_FILLED,         /* create answered: all filled */
    OE_ACK_CANCELLED,      /* create answered: rest cancelled (IOC, own order met) */
    OE_REJECTED,           /* create certainly had no effect */
    OE_UNKNOWN,            /* nobody can say what the create did */
    OE_FILL_PART,          /* a fill; not all is filled after it */
    OE_FILL_ALL,           /* a fill; all is filled after it */
    OE_AMEND_SENT,         /* the gateway took our amend */
    OE_AMEND_OK,           /* amend answered: new terms, nothing filled */
    OE_AMEND_OK_PART,      /* ... part filled */
    OE_AMEND_FILLED,       /* ... all filled: the new price crossed */
    OE_AMEND_FAILED,       /* the amend had no effect and nothing is filled */
    OE_AMEND_FAILED_PART,  /* the amend had no effect, part is filled */
    OE_AMEND_UNCLEAR,      /* nobody can say what the amend did: the order is cancelled */
    OE_CANCEL_SENT,        /* the gateway took our cancel */
    OE_CANCEL_OK,          /* cancel answered: rest cancelled */
    OE_CANCEL_FAILED,      /* the cancel had no effect and nothing is filled */
    OE_CANCEL_FAILED_PART, /* the cancel had no effect, part is filled */
    OE_CANCEL_UNCLEAR,     /* cancel answered 404, or not at all: read the order */
    OE_SEEN_RESTING,       /* a message or a read says: resting, nothing filled */
    OE_SEEN_PART,          /* ... resting, part filled */
    OE_SEEN_FILLED,        /* ... executed */
    OE_SEEN_CANCELLED,     /* ... canceled */
    OE_SEEN_EXPIRED,       /* ... canceled by expiry or close */
    OE_ABSENT,             /* a read that must show it does not */
    ORDER_EVENT_MAX
};

struct order_row {
    enum order_state from;
    enum order_event event;
    enum order_state to;
    const char *why; /* for docs and readers */
};

/* What a row does to cash, risk and exposure, in words; follows from its states and its event. */
const char *order_effect(const struct order_row *row);

/* The table, for tests and documents. */
const struct order_row *order_rows(size_t *ret_n);

/* ST_STATE: no such row; *ret_to is not written. */
enum status order_next(enum order_state from, enum order_event event,
                       enum order_state *ret_to) MUST_CHECK;

/* Not done yet: counts against risk and cash. */
static inline bool order_state_open(enum order_state s)
{
    return s <= ORDER_UNKNOWN;
}

const char *order_state_name(enum order_state s);
const char *order_event_name(enum order_event e);

/* docs/ORDERS.md. */
struct buf;
void orders_document(struct buf *out);

#endif
