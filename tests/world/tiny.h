/*
 * tiny.h - a small exchange in the test's process: src/match behind the gateway's interface, with a
 * network that delays, repeats, reorders, loses and fails, all from one seed.
 *
 * Market events come whole and in order (the feed repairs its own losses); private messages and
 * answers do not. The exchange's clock is the test's. What is true is in the exchange: compare with
 * it when all is quiet.
 */
#ifndef TESTS_WORLD_TINY_H
#define TESTS_WORLD_TINY_H

#include "base/rng.h"
#include "match/match.h"
#include "orders/gateway.h"

#define TINY_MARKETS_MAX 16

/* Chances in 1/1000. */
struct tiny_faults {
    uint32_t rate_limit, not_sent, auth;
    uint32_t fail_before, fail_after; /* 5xx, without and with effect; answered at once */
    uint32_t timeout_before, timeout_after, timeout_late; /* late: effect after the answer */
    uint32_t private_lost, private_twice;
    uint32_t by_hand; /* an order on our account that is not ours, for each step of the flow */
    uint32_t read_fails;
    mono_ns_t delay_max; /* of requests, answers and private messages */
    mono_ns_t late_max;
    mono_ns_t stale_max; /* reads of an order may be that old */
};

struct tiny;

struct tiny *tiny_create(uint64_t seed, uint32_t n_markets, usd_t cash, mono_ns_t now,
                         wall_ns_t wall);
void tiny_destroy(struct tiny *t);
void tiny_set_faults(struct tiny *t, const struct tiny_faults *faults);
struct order_gateway tiny_gateway(struct tiny *t);

/* Time passes: requests that have arrived are carried out. */
void tiny_advance(struct tiny *t, mono_ns_t now, wall_ns_t wall);
/* One step of other people's trading. */
void tiny_flow(struct tiny *t);
/* The next event of a source that has arrived, NULL: none. Valid until the next call. */
const struct ev *tiny_take(struct tiny *t, enum ev_source source);
/* When something will happen or arrive; NS_NEVER: all is quiet. */
mono_ns_t tiny_deadline(const struct tiny *t);
void tiny_command(struct tiny *t, enum command command, uint32_t flags);
void tiny_private_link(struct tiny *t, bool up);
void tiny_resnapshot(struct tiny *t, uint32_t mkt);

struct match *tiny_match(struct tiny *t);
uint32_t tiny_account(const struct tiny *t);
const char *tiny_ticker(uint32_t mkt, char buf[TICKER_MAX]);
uint64_t tiny_creates_twice(const struct tiny *t); /* client ids that came a second time */
uint64_t tiny_orders(const struct tiny *t);
/* Filled count at the exchange of a client id; -1: it never had such an order. */
qty_t tiny_filled(const struct tiny *t, const char *client_id);
uint64_t tiny_faults_done(const struct tiny *t);

#endif
