#include "world/truth.h"

#include <string.h>

#include "sim/sim_int.h"

static uint32_t account_of(const struct sim *sim)
{
    return sim->users[0].account;
}

struct truth_position truth_position(const struct sim *sim, const char *ticker)
{
    struct truth_position t = {0};
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        if (strcmp(sim->markets[i].ticker, ticker) == 0) {
            struct match_position p = match_position(sim->match, account_of(sim), i);
            t = (struct truth_position){
                p.qty, {p.resting[0], p.resting[1]}, p.cost, p.realized, p.fees};
        }
    }
    return t;
}

usd_t truth_cash(const struct sim *sim)
{
    return match_account(sim->match, account_of(sim))->cash;
}

usd_t truth_cost(const struct sim *sim)
{
    usd_t sum = 0;
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        sum += match_position(sim->match, account_of(sim), i).cost;
    }
    return sum;
}

uint32_t truth_open(const struct sim *sim)
{
    return match_account(sim->match, account_of(sim))->n_orders;
}

uint32_t truth_orders(const struct sim *sim)
{
    return sim->n_orders;
}

bool truth_order(const struct sim *sim, const char *client_id, struct truth_order *ret)
{
    for (uint32_t i = 0; i < sim->n_orders; i++) {
        const struct sorder *o = &sim->orders[i];
        if (strcmp(o->client_id, client_id) == 0) {
            px_t yes_px = o->o.side == SIDE_YES ? o->o.px : PX_ONE - o->o.px;
            *ret = (struct truth_order){o->o.filled, o->o.remaining, yes_px,
                                        o->o.status == MATCH_RESTING};
            return true;
        }
    }
    return false;
}

uint32_t truth_self_trades(const struct sim *sim)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < sim->n_orders; i++) {
        n += sim->orders[i].o.reason == MATCH_BECAUSE_SELF_TRADE;
    }
    return n;
}

uint64_t truth_faults(const struct sim *sim, enum sim_fault fault)
{
    return sim->count.faults[fault];
}

bool truth_open_order(const struct sim *sim, uint32_t i, struct truth_order *ret,
                      const char **ret_client_id)
{
    for (uint32_t k = 0; k < sim->n_orders; k++) {
        const struct sorder *o = &sim->orders[k];
        if (o->o.status == MATCH_RESTING && o->o.account == account_of(sim) && i-- == 0) {
            *ret_client_id = o->client_id;
            return truth_order(sim, o->client_id, ret);
        }
    }
    return false;
}

uint32_t truth_levels(const struct sim *sim, const char *ticker, enum side side, struct level *ret,
                      uint32_t cap)
{
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        if (strcmp(sim->markets[i].ticker, ticker) == 0) {
            return (uint32_t)match_levels(sim->match, i, side, ret, cap);
        }
    }
    return 0;
}

void truth_set_flow(struct sim *sim, mono_ns_t until)
{
    if (sim->source_began == 0) {
        sim->source_began = sim->now;
    }
    mono_ns_t ns = until - sim->source_began;
    sim->config.pause_after_ns = ns > 0 ? ns : 1;
    sim->paused = false;
}

mono_ns_t truth_flow_until(const struct sim *sim)
{
    return sim->source_began == 0 ? sim->now + sim->config.pause_after_ns
                                  : sim->source_began + sim->config.pause_after_ns;
}

void truth_end_faults(struct sim *sim)
{
    for (int i = 0; i < SIM_FAULT_MAX; i++) {
        sim->faults[i].left = 0;
    }
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        memset(c->fault_left, 0, sizeof c->fault_left);
    }
}
