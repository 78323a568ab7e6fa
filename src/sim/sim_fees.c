/*
 * sim_fees.c - what trading in a market costs now: its series' fees, an event's override, a
 * market's waiver; and the changes that are planned.
 */
#include "sim/sim_life.h"

/* What holds for a market now: its event's override, else its series' fees. */
static const struct fee_rule *rule_of(const struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    const struct sevent *e = &sim->events[k->event_index];
    return e->fee.type[0] != '\0' ? &e->fee : &sim->series[k->series_index].fee;
}

enum status sim_fees_of(const struct fee_rule *rule, wall_ns_t waived_until, struct match_fees *ret)
{
    enum status st = match_fees_named(rule->type, rule->mult_micros, ret);
    ret->waived_until = waived_until;
    return st;
}

void sim_apply_fees(struct sim *sim, uint32_t market)
{
    struct match_fees fees = {0};
    if (sim_fees_of(rule_of(sim, market), sim->markets[market].waived_until, &fees) == ST_OK) {
        match_set_fees(sim->match, market, &fees);
    }
}

static void apply_event(struct sim *sim, uint32_t event)
{
    for (uint32_t i = sim->events[event].first; i != NO_INDEX; i = sim->markets[i].next_of_event) {
        sim_apply_fees(sim, i);
    }
}

static void apply(struct sim *sim, struct fee_change *c)
{
    c->done = true;
    if (c->event != NO_INDEX) {
        sim->events[c->event].fee = c->fee;
        sim->events[c->event].updated = c->at;
        apply_event(sim, c->event);
        tell_event_fee(sim, c->event);
        return;
    }
    sim->series[c->series].fee = c->fee;
    sim->series[c->series].updated = c->at;
    for (uint32_t i = 0; i < sim->n_events; i++) {
        if (sim->events[i].series == c->series) {
            apply_event(sim, i);
        }
    }
}

enum status fee_change_plan(struct sim *sim, uint32_t event, uint32_t series,
                            const struct fee_rule *fee, wall_ns_t at, struct err *err)
{
    struct match_fees f;
    if (fee->type[0] != '\0' && match_fees_named(fee->type, fee->mult_micros, &f) != ST_OK) {
        return err_set(err, ST_UNSUPPORTED, "fee type %s is not known", fee->type);
    }
    if (!sim_grow((void **)&sim->fee_changes, sim->n_fee_changes, &sim->fee_changes_cap,
                  sizeof *sim->fee_changes)) {
        return err_set(err, ST_NOMEM, "no memory for a fee change");
    }
    struct fee_change *c = &sim->fee_changes[sim->n_fee_changes];
    *c = (struct fee_change){.event = event, .series = series, .fee = *fee, .at = at};
    sim_uuid(sim, "fee change", sim->n_fee_changes++, c->id);
    fee_changes_tick(sim);
    return ST_OK;
}

void fee_changes_tick(struct sim *sim)
{
    for (uint32_t i = sim->fee_changes_done; i < sim->n_fee_changes; i++) {
        struct fee_change *c = &sim->fee_changes[i];
        if (!c->done && c->at <= sim->wall) {
            apply(sim, c);
        }
        if (c->done && i == sim->fee_changes_done) {
            sim->fee_changes_done++;
        }
    }
}

wall_ns_t fee_changes_next(const struct sim *sim)
{
    wall_ns_t next = NS_NEVER;
    for (uint32_t i = sim->fee_changes_done; i < sim->n_fee_changes; i++) {
        const struct fee_change *c = &sim->fee_changes[i];
        next = !c->done && c->at < next ? c->at : next;
    }
    return next;
}
