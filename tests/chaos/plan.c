#include "chaos/plan.h"

#include <stdio.h>
#include <string.h>

static uint32_t some(struct rng *r, uint32_t most)
{
    return rng_below(r, 2) == 0 ? 0 : 1 + (uint32_t)rng_below(r, most);
}

static bool one_in(struct rng *r, uint32_t n)
{
    return rng_below(r, n) == 0;
}

static void limits(struct rng *r, struct orders_config *o)
{
    struct risk_limits *l = &o->limits;
    o->order_qty = (qty_t)(1 + rng_below(r, 1200));
    l->order_qty_max = o->order_qty + (qty_t)rng_below(r, 300);
    l->position_max = one_in(r, 4) ? 3 * o->order_qty : 500 * QTY_ONE;
    l->exposure_max = (usd_t)(one_in(r, 4) ? 5 + rng_below(r, 20) : 10000) * USD_ONE;
    l->open_orders_max = one_in(r, 4) ? 2 : 200;
    l->collar_mid = (px_t)(1 + rng_below(r, 10)) * PX_CENT;
    l->collar_trade = (px_t)(1 + rng_below(r, 15)) * PX_CENT;
    l->orders_per_s = one_in(r, 4) ? 3 : 100;
    l->fills_per_s = one_in(r, 4) ? 4 : 100;
    l->duplicate = some(r, 3) * 200 * NS_PER_MS;
    l->loss_max = l->loss_day_max = l->drawdown_max = 100000 * USD_ONE;
    if (one_in(r, 6)) { /* small enough to be met */
        l->loss_max = (usd_t)(1 + rng_below(r, 20)) * USD_ONE;
    }
}

static void orders(struct rng *r, struct orders_config *o)
{
    o->style = (enum price_style)rng_below(r, 3);
    o->tif = one_in(r, 4) ? GW_IOC : GW_GTC;
    o->allow_short = one_in(r, 3);
    o->replace_distance = one_in(r, 3) ? PX_CENT : 0;
    o->amend = !one_in(r, 3);
    o->market_orders_max = 1 + (uint32_t)rng_below(r, 3);
    o->age_max = some(r, 4) * NS_PER_SEC;
    o->distance_max = some(r, 5) * PX_CENT;
    o->group_limit = one_in(r, 3) ? (qty_t)(5 + rng_below(r, 60)) * QTY_ONE : 1000 * QTY_ONE;
    o->auth_halt_count = one_in(r, 3) ? 3 : 0;
    o->unknown_halt_count = one_in(r, 3) ? 3 : 0;
    limits(r, o);
}

static void rules(struct rng *r, struct sim_rules *u)
{
    u->stale_read_ms = some(r, 2) * 400;
    u->user_data_lag_ms = some(r, 2) * 300;
    u->shuffle_channels = one_in(r, 3);
    u->acks_first = one_in(r, 2);
    u->cancel_client_order_id = one_in(r, 2);
    u->deprecated_fields = one_in(r, 2);
    u->last_cursor_null = one_in(r, 2);
    u->extra_keys = one_in(r, 4);
    u->unknown_ticker = RULE_UNKNOWN_EMPTY;
}

/* Some kinds in each world, so that one does not drown the other; ppm of a request or turn. */
static void faults(struct rng *r, struct real_faults *f)
{
    for (int k = FAULT_NEVER_SENT; k <= FAULT_BARE; k++) {
        f->ppm[k] = 1000 * some(r, 50);
    }
    f->ppm[FAULT_DENIED] = 1000 * some(r, 20);
    f->ppm[FAULT_SEND_FULL] = 1000 * some(r, 100);
    f->ppm[FAULT_RING_FULL] = 1000 * some(r, 20);
    f->ppm[FAULT_ORDER_POWER] = 1000 * some(r, 100);
    for (int k = FAULT_HTTP_429; k <= FAULT_WS_ERROR; k++) {
        f->ppm[k] = one_in(r, 3) ? 300 * some(r, 10) : 0;
    }
    f->ppm[FAULT_RESTART] = 100 * some(r, 12);
    f->ppm[FAULT_PAUSE] = 200 * some(r, 10);
    f->ppm[FAULT_MAINTENANCE] = 100 * some(r, 10);
    f->ppm[FAULT_CLOSE] = 200 * some(r, 10);
    f->ppm[FAULT_CRASH] = 200 * some(r, 20);
    f->ppm[FAULT_POWER] = 100 * some(r, 10);
    f->ppm[FAULT_FREEZE] = 100 * some(r, 10);
    f->ppm[FAULT_COMMAND] = 300 * some(r, 10);
    f->ppm[FAULT_CLOCK_STEP] = 200 * some(r, 10);
    f->ppm[FAULT_STORE_STALL] = 200 * some(r, 10);
    for (int k = FAULT_DB_ERROR; k <= FAULT_SPILL_FULL; k++) {
        f->ppm[k] = 200 * some(r, 10);
    }
    f->ppm[FAULT_JOURNAL_ERROR] = 100 * some(r, 8);
    f->ppm[FAULT_JOURNAL_FULL] = 100 * some(r, 8);
    f->delay_max = (mono_ns_t)rng_below(r, 120) * NS_PER_MS;
}

static void phases(struct rng *r, struct plan *p, uint32_t scale)
{
    mono_ns_t sum = 0;
    p->n_phases = 2 + (uint32_t)rng_below(r, PHASES_MAX - 1);
    for (uint32_t i = 0; i < p->n_phases; i++) {
        mono_ns_t ms = 3000 + (mono_ns_t)rng_below(r, 17000);
        p->phases[i].length = ms * scale / 100 * NS_PER_MS;
        p->phases[i].dead = one_in(r, 5);
        sum += p->phases[i].length;
    }
    p->config.settle_after = one_in(r, 3) ? sum * 2 / 3 : 0;
}

struct plan plan_of(uint64_t seed, uint32_t scale)
{
    struct plan p = {.config = real_config_default(seed)};
    struct real_config *c = &p.config;
    struct rng r;
    rng_init(&r, seed * 79 + 3);
    c->n_markets = 1 + (uint32_t)rng_below(&r, 2);
    c->cash = (usd_t)(5 + rng_below(&r, one_in(&r, 2) ? 20 : 300)) * USD_ONE;
    c->sticky = one_in(&r, 2);
    c->poor = one_in(&r, 3);
    c->lifecycle = !one_in(&r, 4);
    c->skew_ms = one_in(&r, 3) ? (int64_t)rng_below(&r, 1600) - 800 : 0;
    c->rate = 10 + (double)rng_below(&r, one_in(&r, 5) ? 200 : 50);
    c->maker_fees = one_in(&r, 2);
    c->store = c->guard = true;
    c->fresh_db = one_in(&r, 16);
    c->store_ring = (size_t)16 << (10 + rng_below(&r, 4));
    c->store_rows = 20 + (uint32_t)rng_below(&r, 200);
    c->store_interval = (mono_ns_t)(50 + rng_below(&r, 950)) * NS_PER_MS;
    c->person_after = (mono_ns_t)(1000 + rng_below(&r, 3000)) * NS_PER_MS;
    c->engine.scale_check = one_in(&r, 4);
    orders(&r, &c->engine.orders);
    rules(&r, &c->rules);
    faults(&r, &c->faults);
    phases(&r, &p, scale);
    c->faults.ppm[FAULT_DB_HANG] = 200 * some(&r, 10);
    return p;
}

struct outcome plan_run(const struct plan *plan, struct real **ret_world)
{
    struct real *r = real_create(&plan->config);
    struct outcome o = {0};
    const char *why = "";
    for (uint32_t i = 0; i < plan->n_phases && !o.failed; i++) {
        o.failed = !real_phase(r, plan->phases[i].length, plan->phases[i].dead, &why);
        o.phase = i;
    }
    if (!o.failed) {
        o.phase = plan->n_phases;
        o.failed = !real_end(r, &why);
    }
    snprintf(o.why, sizeof o.why, "%s", why);
    real_digest(r, o.digest);
    *ret_world = r;
    return o;
}
