/*
 * budget.h - what the order manager believes of the exchange's write bucket (kalshi-api.md 7.4).
 *
 * The gateway holds the bucket that requests wait for; this is an estimate beside it, made of the
 * engine's own inputs only, so that a replay refuses the same orders. An order that the bucket
 * would keep waiting is refused by the risk gate before it is journalled.
 * Integers, no clock. Owner: the actor's thread.
 */
#ifndef ORDERS_BUDGET_H
#define ORDERS_BUDGET_H

#include <stdint.h>

#include "base/timefmt.h"

#define BUDGET_CREATE 10 /* tokens */
#define BUDGET_CANCEL 2

struct budget {
    int64_t rate, capacity; /* tokens a second, tokens */
    int64_t nano;           /* 1e-9 tokens held; below zero: cancels went first */
    mono_ns_t at;
};

/* A full bucket. */
void budget_init(struct budget *b, int64_t rate, int64_t capacity);
/* As the exchange says; rates and capacities below 1 are taken as 1. A full bucket stays full. */
void budget_limits(struct budget *b, int64_t rate, int64_t capacity, mono_ns_t now);
void budget_spend(struct budget *b, int64_t tokens, mono_ns_t now);
void budget_return(struct budget *b, int64_t tokens, mono_ns_t now); /* it was never sent */
void budget_empty(struct budget *b, mono_ns_t now);                  /* after a 429 */
int64_t budget_tokens(const struct budget *b, mono_ns_t now);        /* whole ones, now */
/* Tokens that must be there for a create, so that every one of open orders and the new one can
 * still be cancelled; never more than the bucket holds. */
int64_t budget_needed(const struct budget *b, uint32_t open_orders);

#endif
