/*
 * truth.h - what is true at the simulator, read from its own tables and not over its routes.
 */
#ifndef TESTS_WORLD_TRUTH_H
#define TESTS_WORLD_TRUTH_H

#include "base/grid.h"
#include "sim/sim.h"

struct truth_position {
    qty_t qty, resting[2]; /* YES positive; open orders by the outcome they acquire */
    usd_t cost, realized, fees;
};
struct truth_order {
    qty_t filled, remaining;
    px_t yes_px;
    bool resting;
};
/* All of the first user. */
struct truth_position truth_position(const struct sim *sim, const char *ticker);
usd_t truth_cash(const struct sim *sim);
usd_t truth_cost(const struct sim *sim); /* of all positions */
uint32_t truth_open(const struct sim *sim);
uint32_t truth_orders(const struct sim *sim); /* ever */
bool truth_order(const struct sim *sim, const char *client_id, struct truth_order *ret);
uint32_t truth_self_trades(const struct sim *sim); /* orders cancelled because they met our own */
uint64_t truth_faults(const struct sim *sim, enum sim_fault fault);
/* An open order of the first user, by number: its client id; false: there are not so many. */
bool truth_open_order(const struct sim *sim, uint32_t i, struct truth_order *ret,
                      const char **ret_client_id);
/* Levels of a market's book, best first as the client keeps it: bids of a side. */
uint32_t truth_levels(const struct sim *sim, const char *ticker, enum side side, struct level *ret,
                      uint32_t cap);

/* The flow stops then; not read from tables, but set: phases of a test's world. */
void truth_set_flow(struct sim *sim, mono_ns_t until);
mono_ns_t truth_flow_until(const struct sim *sim);
/* Faults that wait for a frame or a request are called off; those that last end by themselves. */
void truth_end_faults(struct sim *sim);

#endif
