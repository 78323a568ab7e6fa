/*
 * groups.c - the exchange's order groups (kalshi-api.md section 9): one for each shard in use.
 *
 * Every order is in its shard's group, so that the exchange itself takes them off the book when
 * more contracts are matched in 15 s than the limit, or when somebody triggers the group, also from
 * another process while this one is frozen. Until its group is there a market takes no orders. A
 * group that turns out to be triggered halts everything; resuming resets it.
 */
#include <string.h>

#include "orders/orders_int.h"

void group_of_market(struct orders *o, uint32_t h, int32_t exchange_index)
{
    struct lot *lot = &o->lots[h];
    lot->group = NONE;
    if (o->config.group_limit == 0 || exchange_index < 0) {
        return;
    }
    uint32_t i = 0;
    while (i < o->n_groups && o->groups[i].exchange_index != exchange_index) {
        i++;
    }
    if (i == SHARDS_MAX) {
        return;
    }
    if (i == o->n_groups) {
        o->groups[o->n_groups++] = (struct group){.exchange_index = exchange_index};
        timers_set(&o->timers, timer_groups(o), o->mono);
    }
    lot->group = i;
}

const char *group_id(const struct orders *o, uint32_t h)
{
    if (o->config.group_limit == 0) {
        return "";
    }
    uint32_t i = o->lots[h].group;
    return i != NONE && o->groups[i].state == GROUP_READY ? o->groups[i].id : NULL;
}

static void ask(struct orders *o, uint32_t i)
{
    struct group *g = &o->groups[i];
    struct gw_request req = {.mkt = MKT_NONE, .exchange_index = g->exchange_index};
    if (g->id[0] == 0) {
        req.op = GW_GROUP_CREATE;
        req.qty = o->config.group_limit;
    } else {
        req.op = GW_GROUP_RESET;
        memcpy(req.order_id, g->id, sizeof req.order_id);
    }
    if (request(o, &req, FOR_GROUP, i) != 0) {
        budget_spend(&o->budget, BUDGET_CREATE, o->mono);
        g->state = GROUP_ASKED;
    } else {
        o->stats.gateway_full++;
    }
}

void groups_due(struct orders *o)
{
    bool left = false;
    for (uint32_t i = 0; i < o->n_groups; i++) {
        if (o->groups[i].state == GROUP_NONE) {
            ask(o, i);
            left = left || o->groups[i].state == GROUP_NONE;
        }
    }
    if (left) {
        timers_set(&o->timers, timer_groups(o), o->mono + o->config.back_off_max);
    }
}

void group_answer(struct orders *o, uint32_t index, const struct ev_answer *a)
{
    struct group *g = &o->groups[index];
    bool made = a->op == GW_GROUP_CREATE;
    if (a->outcome == GW_OK && (!made || a->order_id[0] != 0)) {
        if (made) {
            memcpy(g->id, a->order_id, sizeof g->id);
            g->id[sizeof g->id - 1] = 0;
        }
        g->state = GROUP_READY;
        g->tries = 0;
        if (o->sinks.group != NULL) {
            o->sinks.group(o->sinks.self, g->exchange_index, g->id);
        }
        if (o->sinks.ask_again != NULL) {
            o->sinks.ask_again(o->sinks.self, MKT_ALL);
        }
        return;
    }
    if (!made && a->outcome == GW_NOT_FOUND) {
        g->id[0] = 0; /* it is gone: a new one */
    }
    g->state = GROUP_NONE;
    timers_set(&o->timers, timer_groups(o), o->mono + back_off(o, g->tries++));
}

void group_refused(struct orders *o, uint32_t h)
{
    uint32_t i = o->lots[h].group;
    if (i != NONE && i < o->n_groups) {
        o->groups[i].state = GROUP_TRIGGERED;
    }
    orders_halt(o, "order group triggered", false);
}

void orders_reset_groups(struct orders *o)
{
    groups_reset(o);
}

void groups_reset(struct orders *o)
{
    for (uint32_t i = 0; i < o->n_groups; i++) {
        if (o->groups[i].id[0] != 0 && o->groups[i].state != GROUP_ASKED) {
            o->groups[i].state = GROUP_NONE;
            timers_set(&o->timers, timer_groups(o), o->mono);
        }
    }
}
