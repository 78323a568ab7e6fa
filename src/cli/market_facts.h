/*
 * market_facts.h - what an account has to know of markets besides their data: the fees of their
 * series, overrides of their events, and what they paid at the end.
 *
 * Over a connection of its own that refuses everything but public reads. Blocks its caller (the
 * main thread) for a request at a time; no other thread waits for it.
 */
#ifndef CLI_MARKET_FACTS_H
#define CLI_MARKET_FACTS_H

#include "bus/event.h"
#include "config/options.h"

struct market_facts;

/* err says what is wrong with address or key. */
enum status market_facts_create(const struct run_options *o, struct market_facts **ret_f,
                                struct err *err) MUST_CHECK;
void market_facts_destroy(struct market_facts *f); /* NULL is fine */

/* Fill in the fees of the market's series, asked for once; where they cannot be had, those of the
 * options. Its result is asked for from now on. */
void market_facts_follow(struct market_facts *f, struct ev_market *m);

/* Results of followed markets that are final by now; each is told once. */
typedef void (*market_result_fn)(void *self, const char *ticker, px_t yes_px);
enum status market_facts_results(struct market_facts *f, market_result_fn fn, void *self,
                                 struct err *err) MUST_CHECK;

#endif
