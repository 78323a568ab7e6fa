/*
 * rig.h - an engine with one market, driven by hand: each request is kept, each answer is written
 * by the test.
 */
#ifndef TESTS_UNIT_ACTOR_RIG_H
#define TESTS_UNIT_ACTOR_RIG_H

#include "actor/engine.h"

#define RIG_MS   NS_PER_MS
#define RIG_WALL (INT64_C(1780000000) * NS_PER_SEC)

struct rig {
    struct engine_config config;
    struct engine *engine;
    struct gw_request req[64]; /* in order of leaving */
    uint32_t n_req;
    uint32_t seen; /* requests that the test took already */
    bool gateway_full, journal_fails;
    struct rec_decision decision; /* the last */
    struct rec_order order;       /* the last transition */
    struct rec_reconcile reconcile;
    struct rec_fee_drift fee_drift;
    struct rec_mark mark;
    uint32_t n_marks, n_decisions, n_orders, n_fills, n_reconciles, n_turns, repairs, journalled;
    struct journal_record journal; /* the last */
    mono_ns_t now;
    uint64_t ord;
    uint32_t action; /* what the policy says */
    bool asked;      /* it was asked in the last turn */
    float obs[OBS_SIZE];
};

/* Defaults: account from the config with 100 USD, 10 contracts an order, no throttle, and the same
 * order may follow at once. */
struct engine_config rig_config(void);
void rig_start(struct rig *r, const struct engine_config *config);
/* The market "M" at index 0, YES bid .40 x 100, NO bid .55 x 100 (YES ask .45), and a turn. */
void rig_open(struct rig *r);
void rig_finish(struct rig *r);

/* One turn dt later, with n events. */
void rig_turn(struct rig *r, mono_ns_t dt, const struct ev *const *evs, uint32_t n);
void rig_event(struct rig *r, struct ev *ev, enum ev_type type, enum ev_source source,
               size_t size); /* fills the head, and takes a turn at the same time */
void rig_wait(struct rig *r, mono_ns_t dt);
void rig_book(struct rig *r, px_t yes_bid, px_t no_bid); /* a snapshot; 0: side empty */
void rig_delta(struct rig *r, enum side side, px_t px, qty_t qty, int64_t ts_ms);
/* A new book that wants a decision, and that action. */
void rig_act(struct rig *r, enum action action);

/* The next request that left; NULL: none. */
const struct gw_request *rig_request(struct rig *r);
struct ev_answer rig_answer_to(const struct gw_request *req, enum gw_outcome outcome);
void rig_answer(struct rig *r, const struct ev_answer *a);
void rig_rows(struct rig *r, const struct ev_answer *a, const void *rows, uint32_t n, uint32_t size,
              enum gw_row kind);
void rig_ack(struct rig *r, const struct gw_request *req, const char *order_id, qty_t filled,
             qty_t remaining);
void rig_fill(struct rig *r, const char *trade_id, const char *order_id, const char *client_id,
              enum side outcome, px_t yes_px, qty_t qty, usd_t fee);
struct ev_user_order rig_order_row(const char *order_id, const char *client_id,
                                   enum xorder_status status, qty_t filled);

#endif
