/*
 * watch.h - what the risk gate needs to know over time: what was lost, and how often something
 * happened. Owner: the actor's thread. No clock.
 */
#ifndef ORDERS_WATCH_H
#define ORDERS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/status.h"
#include "base/timefmt.h"

/* The account's worth (positions at mid, and cash) against its start, the day's start and its
 * highest. Zeroed memory is a fresh one. */
struct worth {
    bool known;
    usd_t now, start, day_start, peak;
    int64_t day; /* since 1970, UTC */
};
void worth_set(struct worth *w, usd_t now, wall_ns_t wall);
/* The worth is another by diff without gain or loss: a position was valued for the first time,
 * money came from or went outside. */
void worth_shift(struct worth *w, usd_t diff);
usd_t worth_loss(const struct worth *w); /* 0 or positive, as the next two */
usd_t worth_loss_day(const struct worth *w);
usd_t worth_drawdown(const struct worth *w);

/* The last happenings of a kind, at most cap of them. */
struct rate {
    mono_ns_t *at; /* ring of cap */
    uint32_t cap, next, n;
};
enum status rate_init(struct rate *r, uint32_t cap) MUST_CHECK; /* ST_NOMEM */
void rate_finish(struct rate *r);
void rate_add(struct rate *r, mono_ns_t now);
/* How many lie less than a second back; cap when there are more. */
uint32_t rate_lately(struct rate *r, mono_ns_t now);

#endif
