#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim/sim_life.h"

struct sim_rules sim_rules_default(void)
{
    return (struct sim_rules){
        .frame_newline = true,
        .price_decimals = 4,
        .add_markets_snapshots = true,
        .get_snapshot_seq = true,
        .timestamps = true,
        .deprecated_fields = true,
        .clock_behind_ms = 20000,
        .clock_ahead_ms = 45000,
        .cancel_client_order_id = true,
        .stale_read_ms = 400,
    };
}

struct sim_config sim_config_default(void)
{
    return (struct sim_config){
        .rules = sim_rules_default(),
        .speed = 1,
        .markets = 5,
        .seed = 1,
        .rate = 50,
        .duration_ns = 900 * NS_PER_SEC,
        .balance = 1000 * USD_ONE,
        .fee_type = "quadratic",
        .fee_mult_micros = 1000000,
        .time_scale = 1,
        .live_window_ns = 90 * 86400 * NS_PER_SEC,
        .order_window_ns = 14 * 86400 * NS_PER_SEC,
        .max_open_orders = 200000,
        .max_order_groups = 100000,
        .tier_name = "basic", /* capacities of June 2026: one second */
        .read_rate = 200,
        .read_capacity = 200,
        .write_rate = 100,
        .write_capacity = 100,
    };
}

/* --- small things --- */

bool sim_grow(void **p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return true;
    }
    uint32_t next = *cap == 0 ? 64 : *cap * 2;
    void *q = realloc(*p, (size_t)next * size);
    if (q == NULL) {
        return false;
    }
    *p = q;
    *cap = next;
    return true;
}

void sim_uuid(const struct sim *sim, const char *kind, uint64_t number, char out[UUID_TEXT])
{
    struct digest d;
    digest_init(&d);
    digest_u64(&d, sim->id_seed);
    /* A new session has new ids, as orders of an earlier one may still be known to a client. */
    digest_u64(&d, (uint64_t)sim->start_wall);
    digest_add(&d, kind, strlen(kind));
    digest_u64(&d, number);
    digest_u64(&d, number ^ UINT64_C(0x5bf03635f0c5a9d1));
    snprintf(out, UUID_TEXT, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(d.a >> 32),
             (unsigned)(d.a >> 16) & 0xffff, (unsigned)d.a & 0xfff,
             0x8000u | ((unsigned)(d.b >> 48) & 0x3fff),
             (unsigned long long)(d.b & UINT64_C(0xffffffffffff)));
}

/* --- create and destroy --- */

static enum status check_config(const struct sim_config *c, struct err *err)
{
    if (c->balance < 0 || c->balance > USD_LIMIT) {
        return err_set(err, ST_INVALID, "balance is out of range");
    }
    if (c->read_rate < 1 || c->read_capacity < 1 || c->write_rate < 1 || c->write_capacity < 1 ||
        c->read_capacity > 1000000000 || c->write_capacity > 1000000000 ||
        c->read_rate > 1000000000 || c->write_rate > 1000000000) {
        return err_set(err, ST_INVALID, "rates and capacities must be 1 to 1,000,000,000");
    }
    if (c->n_captures > 0 && !(c->speed >= 0 && c->speed <= 1e6)) {
        return err_set(err, ST_INVALID, "speed must be 0 to 1,000,000");
    }
    if (!(c->time_scale > 0 && c->time_scale <= 1e6)) {
        return err_set(err, ST_INVALID, "time_scale must be above 0, at most 1,000,000");
    }
    if (c->n_captures == 0 && c->markets > 100000) {
        return err_set(err, ST_INVALID, "markets must be at most 100,000");
    }
    if (c->n_captures == 0 && !(c->rate > 0 && c->rate <= 1e7)) {
        return err_set(err, ST_INVALID, "rate must be above 0, at most 10,000,000");
    }
    if (c->exchange_index >= SHARDS) {
        return err_set(err, ST_INVALID, "exchange_index must be 0 to %d", SHARDS - 1);
    }
    return ST_OK;
}

static enum status make_tables(struct sim *sim, struct err *err)
{
    const struct sim_config *c = &sim->config;
    uint32_t house = c->n_captures == 0 ? c->markets * flow_orders_of(c->markets) : 0;
    struct match_config mc = {.max_markets = 200000,
                              .max_accounts = MAX_ACCOUNTS,
                              .max_orders = 1000000 + house,
                              .queue = (enum match_queue)c->queue_model,
                              .entry = c->rules.entry_cash ? MATCH_ENTRY_CASH : MATCH_ENTRY_RESTING,
                              .post_only_cancels = c->rules.post_only_cross == RULE_KILL_CANCEL,
                              .fok_cancels = c->rules.fok_kill == RULE_KILL_CANCEL,
                              .self_per_account = c->rules.self_per_subaccount,
                              .grain = c->rules.grain_cent ? USD_ONE / 100 : 0};
    enum status st = match_fees_named(sim->fee_type, c->fee_mult_micros, &sim->fees);
    if (st != ST_OK) {
        return err_set(err, st, "fee type %s is not known", sim->fee_type);
    }
    st = match_create(&mc, &sim->match);
    st = st == ST_OK ? sim_users_init(sim) : st;
    st = st == ST_OK ? subs_init(sim) : st;
    st = st == ST_OK ? idmap_init(&sim->by_ticker, 200000) : st;
    st = st == ST_OK ? idmap_init(&sim->by_market_id, 200000) : st;
    st = st == ST_OK ? idmap_init(&sim->by_event, 200000) : st;
    st = st == ST_OK ? idmap_init(&sim->by_series, 200000) : st;
    st = st == ST_OK ? idmap_init(&sim->by_order_id, UINT32_MAX / 8) : st;
    st = st == ST_OK ? idmap_init(&sim->client_ids, UINT32_MAX / 8) : st;
    sim->trades = st == ST_OK ? calloc(TRADES_KEPT, sizeof *sim->trades) : NULL;
    if (sim->trades == NULL) {
        return err_set(err, st != ST_OK ? st : ST_NOMEM, "no memory for the exchange's tables");
    }
    return ST_OK;
}

enum status sim_create(const struct sim_config *config, const struct sim_out *out,
                       const struct sim_verifier *verifier, wall_ns_t wall, mono_ns_t now,
                       struct sim **ret_sim, struct err *err)
{
    enum status st = check_config(config, err);
    if (st != ST_OK) {
        return st;
    }
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the simulator");
    }
    sim->config = *config;
    sim->out = *out;
    sim->verifier = *verifier;
    sim->wall = sim->start_wall = wall;
    sim->id_seed = config->seed;
    sim->now = sim->start = now;
    text_copy(sim->tier, sizeof sim->tier,
              text_of(config->tier_name != NULL ? config->tier_name : "basic"));
    text_copy(sim->fee_type, sizeof sim->fee_type,
              text_of(config->fee_type != NULL ? config->fee_type : "quadratic"));
    sim->link_due = NS_NEVER;
    rng_init(&sim->fault_rng, config->seed ^ UINT64_C(0xfa017));
    rng_init(&sim->shuffle_rng, config->seed ^ UINT64_C(0x5f1e));
    buf_init(&sim->body, (size_t)64 << 20);
    buf_init(&sim->body_yes, (size_t)64 << 20);
    buf_init(&sim->frame, (size_t)64 << 20);
    st = make_tables(sim, err);
    if (st == ST_OK && config->state != NULL) {
        st = sim_state_load(sim, config->state, err);
        sim->restored = true;
    }
    st = st == ST_OK ? sim_users_start(sim, err) : st;
    if (st == ST_OK && config->n_captures > 0) {
        st = capture_source_create(sim, err);
    } else if (st == ST_OK && config->markets > 0) {
        st = flow_source_create(sim, err);
    }
    for (uint32_t i = 0; i < sim->n_events; i++) {
        sim->events[i].told = true; /* nobody was there to hear of it */
    }
    if (st != ST_OK) {
        sim_destroy(sim);
        return st;
    }
    *ret_sim = sim;
    return ST_OK;
}

void sim_destroy(struct sim *sim)
{
    if (sim == NULL) {
        return;
    }
    while (sim->conns != NULL) {
        sim_ws_close(sim, sim->conns);
    }
    capture_source_destroy(sim->capture);
    flow_source_destroy(sim->flow);
    match_destroy(sim->match);
    sim_markets_finish(sim);
    idmap_finish(&sim->by_order_id);
    idmap_finish(&sim->client_ids);
    sim_users_finish(sim);
    free(sim->orders);
    free(sim->burned);
    sim_state_finish(sim);
    free(sim->fills);
    free(sim->settles);
    free(sim->trades);
    scenario_destroy(sim->scenario);
    subs_finish(sim);
    buf_finish(&sim->body);
    buf_finish(&sim->body_yes);
    buf_finish(&sim->frame);
    free(sim);
}

/* --- time --- */

/* True when the source was stopped, or pause_after_ns have passed since it could begin. */
static bool source_paused(struct sim *sim)
{
    const struct sim_config *k = &sim->config;
    if (sim->source_stopped) {
        sim->paused = true;
        return true;
    }
    if (k->pause_after_ns == 0 || (k->wait_for_client && !sim->client_came)) {
        return false;
    }
    if (sim->source_began == 0) {
        sim->source_began = sim->now;
    }
    sim->paused = sim->now - sim->source_began >= k->pause_after_ns;
    return sim->paused;
}

static void advance(struct sim *sim, wall_ns_t wall, mono_ns_t now)
{
    sim_set_time(sim, wall, now);
    link_tick(sim);
    life_catch_up(sim);
    if (source_paused(sim)) {
        return;
    }
    if (sim->capture != NULL) {
        capture_source_tick(sim);
    } else if (sim->flow != NULL) {
        flow_source_tick(sim);
    }
}

void sim_tick(struct sim *sim, wall_ns_t wall, mono_ns_t now)
{
    mono_ns_t due = scenario_due(sim, now);
    for (uint32_t i = 0; i < TICK_MESSAGES && due <= now; i++) {
        mono_ns_t t = due > sim->now ? due : sim->now; /* never back */
        t = t < now ? t : now;
        advance(sim, wall - (now - t), t);
        scenario_step(sim, wall - (now - t), t);
        due = scenario_due(sim, now);
    }
    advance(sim, wall, now);
    sim->scenario_due = due;
}

mono_ns_t sim_deadline(const struct sim *sim)
{
    mono_ns_t due = sim->paused            ? NS_NEVER
                    : sim->capture != NULL ? capture_source_deadline(sim)
                    : sim->flow != NULL    ? flow_source_deadline(sim)
                                           : NS_NEVER;
    const wall_ns_t by_clock[] = {match_next_expiry(sim->match), life_next(sim), hours_next(sim),
                                  fee_changes_next(sim)};
    for (size_t i = 0; i < sizeof by_clock / sizeof by_clock[0]; i++) {
        wall_ns_t t = by_clock[i];
        mono_ns_t at = t != NS_NEVER ? sim->now + (t > sim->wall ? t - sim->wall : 0) : NS_NEVER;
        due = at < due ? at : due;
    }
    due = sim->scenario_due < due ? sim->scenario_due : due;
    return sim->link_due < due ? sim->link_due : due;
}

bool sim_finished(const struct sim *sim)
{
    if (sim->scenario != NULL && (!scenario_done(sim) || life_ending(sim))) {
        return false;
    }
    bool source = sim->capture != NULL || sim->flow != NULL;
    return source ? sim->finished || sim->paused : sim->scenario != NULL;
}

const char *sim_market(const struct sim *sim, size_t i)
{
    return i < sim->n_markets ? sim->markets[i].ticker : NULL;
}
