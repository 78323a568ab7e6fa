/*
 * sim_budget.c - token buckets, usage tiers and what calls cost (sheet 7.4).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

/* --- tiers --- */

/* Rates since 2026-09-24; capacities of the page of August. */
static const struct sim_tier tiers[] = {
    {"basic", 200, 100, 2, 1},       {"advanced", 300, 300, 2, 2},  {"expert", 600, 600, 1, 2},
    {"premier", 1200, 1200, 1, 2},   {"paragon", 2400, 2400, 1, 2}, {"prime", 4800, 4800, 1, 2},
    {"prestige", 12000, 9600, 1, 2},
};
#define N_TIERS (sizeof tiers / sizeof tiers[0])

static size_t tier_rank(const char *name)
{
    size_t i = 0;
    while (i < N_TIERS && strcmp(tiers[i].name, name) != 0) {
        i++;
    }
    return i;
}

bool sim_tier_budget(const char *tier, int64_t ret_read[2], int64_t ret_write[2])
{
    size_t i = tier_rank(tier);
    if (i == N_TIERS) {
        return false;
    }
    ret_read[0] = tiers[i].read;
    ret_read[1] = tiers[i].read * tiers[i].read_s;
    ret_write[0] = tiers[i].write;
    ret_write[1] = tiers[i].write * tiers[i].write_s;
    return true;
}

bool sim_tier_at_least(const char *tier, const char *least)
{
    size_t i = tier_rank(tier);
    return i < N_TIERS && i >= tier_rank(least);
}

/* --- buckets --- */

/* What a bucket holds: rules.bucket_seconds of its rate, or what the tier says. */
static int64_t capacity_of(const struct sim *sim, int64_t rate, int64_t capacity)
{
    int64_t s = sim->config.rules.bucket_seconds;
    return s > 0 ? rate * s : capacity;
}

static struct bucket full_bucket(const struct sim *sim, int64_t rate, int64_t capacity)
{
    int64_t most = capacity_of(sim, rate, capacity);
    return (struct bucket){rate, most, most * NS_PER_SEC, sim->now};
}

void budget_start(struct sim *sim, struct user *u)
{
    const struct sim_config *c = &sim->config;
    text_copy(u->tier, sizeof u->tier, text_of(sim->tier));
    u->read = full_bucket(sim, c->read_rate, c->read_capacity);
    for (int i = 0; i < SHARDS; i++) {
        u->write[i] = full_bucket(sim, c->write_rate, c->write_capacity);
    }
}

void budget_restore(struct sim *sim, struct user *u)
{
    int64_t read[2];
    int64_t write[2];
    struct user was = *u;
    budget_start(sim, u);
    if (strcmp(was.tier, sim->tier) != 0 && sim_tier_budget(was.tier, read, write)) {
        text_copy(u->tier, sizeof u->tier, text_of(was.tier));
        u->read = full_bucket(sim, read[0], read[1]);
        for (int i = 0; i < SHARDS; i++) {
            u->write[i] = full_bucket(sim, write[0], write[1]);
        }
    }
}

static void refill(struct bucket *b, mono_ns_t now)
{
    int64_t full = b->capacity * NS_PER_SEC;
    int64_t dt = now > b->at ? now - b->at : 0;
    b->at = now;
    /* An hour fills any bucket; the bound keeps the product inside 64 bits. */
    b->nano = dt > 3600 * NS_PER_SEC || dt > (full - b->nano) / (b->rate > 0 ? b->rate : 1)
                  ? full
                  : b->nano + dt * b->rate;
}

/* After a refill. */
static bool holds(const struct bucket *b, int64_t cost)
{
    return cost <= b->capacity && b->nano >= cost * NS_PER_SEC;
}

bool budget_take(struct sim *sim, uint32_t user, bool read, uint32_t shard, int64_t cost)
{
    struct user *u = &sim->users[user];
    struct bucket *first = read                          ? &u->read
                           : shard == BUDGET_EVERY_SHARD ? u->write
                                                         : &u->write[shard];
    uint32_t n = !read && shard == BUDGET_EVERY_SHARD ? SHARDS : 1;
    bool all = true;
    for (uint32_t i = 0; i < n; i++) {
        refill(&first[i], sim->now);
        all = all && holds(&first[i], cost);
    }
    for (uint32_t i = 0; all && i < n; i++) {
        first[i].nano -= cost * NS_PER_SEC;
    }
    return all;
}

/* --- GET /account/limits --- */

static void write_bucket(struct jw *w, const char *key, const struct bucket *b)
{
    jw_open(w, key, '{');
    jw_int(w, "bucket_capacity", b->capacity);
    jw_int(w, "refill_rate", b->rate);
    jw_close(w, '}');
}

void account_limits(struct call *c)
{
    const struct user *u = &c->sim->users[c->user];
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "grants", '[');
    if (u->granted) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "exchange_instance", "event_contract");
        jw_str(&w, "level", "advanced");
        jw_str(&w, "source", "manual");
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    write_bucket(&w, "read", &u->read);
    jw_str(&w, "usage_tier", u->tier);
    write_bucket(&w, "write", &u->write[0]);
    jw_close(&w, '}');
}

/* --- POST /account/api_usage_level/upgrade --- */

static bool has_order(const struct call *c)
{
    uint32_t i = c->sim->n_orders;
    while (i > 0 && !sim_owns(c->sim, c->user, c->sim->orders[i - 1].o.account)) {
        i--;
    }
    return i > 0;
}

static void set_rate(const struct sim *sim, struct bucket *b, int64_t rate, int64_t seconds)
{
    refill(b, sim->now); /* what came at the old rate stays */
    b->rate = rate;
    b->capacity = capacity_of(sim, rate, rate * seconds);
}

/* A grant of Advanced, for ever; users above it keep what they have. Every order here came by the
 * API. */
void account_upgrade(struct call *c)
{
    struct user *u = &c->sim->users[c->user];
    const struct sim_tier *t = &tiers[1];
    if (!has_order(c)) {
        reply_nested(c->r, 403, "forbidden", "no order was made with the API");
        return;
    }
    u->granted = true;
    if (tier_rank(u->tier) < 1) {
        text_copy(u->tier, sizeof u->tier, text_of(t->name));
        set_rate(c->sim, &u->read, t->read, t->read_s);
        for (int i = 0; i < SHARDS; i++) {
            set_rate(c->sim, &u->write[i], t->write, t->write_s);
        }
    }
    reply_raw(c->r, 201, "application/json");
}

/* --- GET /account/api_usage_level/volume_progress --- */

void account_progress(struct call *c)
{
    const struct sim *sim = c->sim;
    wall_ns_t since = sim->wall - (wall_ns_t)30 * 86400 * NS_PER_SEC;
    qty_t volume = 0;
    for (uint32_t i = sim->n_fills; i > 0 && sim->fills[i - 1].at >= since; i--) {
        const struct sfill *f = &sim->fills[i - 1];
        volume += sim_owns(sim, c->user, f->f.account) ? f->f.qty : 0;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "volume_progress", '[');
    jw_open(&w, NULL, '{');
    jw_int(&w, "computed_ts", sim->wall / NS_PER_SEC);
    jw_qty(&w, "trailing_30d_volume_fp", volume);
    jw_open(&w, "goals", '['); /* no source states the volumes that tiers ask for */
    jw_close(&w, ']');
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* --- GET /account/endpoint_costs --- */

bool account_costs(struct text rest, struct sim_http_resp *r)
{
    if (!text_equal(rest, TEXT("/account/endpoint_costs"))) {
        return false;
    }
    struct jw w = reply_json(r, 200);
    jw_open(&w, NULL, '{');
    jw_int(&w, "default_cost", 10);
    jw_open(&w, "endpoint_costs", '[');
    for (size_t i = 0; i < sim_n_routes; i++) {
        const struct route *t = &sim_routes[i];
        char path[160];
        if (t->cost == 10) {
            continue;
        }
        snprintf(path, sizeof path, "/trade-api/v2%s", t->path);
        jw_open(&w, NULL, '{');
        jw_int(&w, "cost", t->cost);
        jw_str(&w, "method", t->method);
        jw_str(&w, "path", path);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    return true;
}
