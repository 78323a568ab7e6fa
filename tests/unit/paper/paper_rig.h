/* paper_rig.h - a paper account with one market under a hand-driven clock; keeps what it says. */
#ifndef TESTS_PAPER_RIG_H
#define TESTS_PAPER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "paper/paper.h"

#define MS     NS_PER_MS
#define TICKER "KXA-1"

struct rig {
    struct paper *p;
    mono_ns_t now;
    struct ev *said[4096]; /* answers and private events, in order */
    uint32_t n;
    uint32_t repairs;
    uint64_t req_id;
    uint32_t orders;
};

/* Everything takes no time, unless the test sets it; quadratic fees; 100 dollars. */
struct paper_config rig_config(void);
void rig_make(struct rig *r, const struct paper_config *config);
void rig_end(struct rig *r);
/* Time passes. */
void rig_wait(struct rig *r, mono_ns_t dt);

void rig_market(struct rig *r, uint32_t mkt, const char *ticker, enum market_status status,
                enum fee_type fee_type);
/* Levels "yes_cents:contracts,...", the same for NO. */
void rig_snapshot(struct rig *r, uint32_t mkt, const char *yes, const char *no);
void rig_delta(struct rig *r, uint32_t mkt, enum side side, px_t cents, qty_t contracts);
void rig_trade(struct rig *r, uint32_t mkt, enum side taker, px_t yes_cents, qty_t contracts);
void rig_stale(struct rig *r, uint32_t mkt);

/* Requests; the answers are found by the number that they return. */
struct gw_request rig_create(struct rig *r, enum side outcome, px_t yes_cents, qty_t contracts);
uint64_t rig_ask(struct rig *r, struct gw_request req);
uint64_t rig_op(struct rig *r, enum gw_op op);
uint64_t rig_cancel(struct rig *r, const char *order_id);
/* The last answer of a request, NULL: none yet. */
const struct ev_answer *rig_answer(const struct rig *r, uint64_t req_id);
/* The nth private event of a type, from 0; NULL: there are not so many. */
const struct ev *rig_event(const struct rig *r, enum ev_type type, uint32_t nth);
uint32_t rig_count(const struct rig *r, enum ev_type type);
const struct ev_fill *rig_fill(const struct rig *r, uint32_t nth);

#endif
