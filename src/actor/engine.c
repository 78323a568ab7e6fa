/*
 * engine.c - the engine as a whole: sizes, turns, and where each event goes.
 */
#include "actor/engine.h"

#include <stdlib.h>
#include <string.h>

#include "actor/engine_int.h"

struct engine_config engine_config_default(void)
{
    return (struct engine_config){
        .trading = true,
        .throttle = 250 * NS_PER_MS,
        .breaker_errors = 10,
        .breaker_open = 300 * NS_PER_SEC,
        .slow_turn = 50 * NS_PER_MS,
        .lag_limit_ms = 2000,
        .mirror = PX_ONE,
        .zero_order_features = false,
        .scale_check = false,
        .record_obs = true,
        .orders = orders_config_default(),
    };
}

static bool config_ok(const struct engine_config *c, const struct engine_sinks *sinks)
{
    return c->throttle >= 0 && c->breaker_open >= 0 && c->slow_turn >= 0 && c->lag_limit_ms >= 0 &&
           c->mark_every >= 0 && (c->mirror == PX_ONE || c->mirror == PX_ONE - PX_CENT) &&
           (!c->trading || sinks->gateway.submit != NULL);
}

static void sink_record(void *self, const struct rec *rec)
{
    struct engine *e = self;
    if (e->sinks.record != NULL) {
        e->sinks.record(e->sinks.self, rec);
    }
}

static void sink_outcome(void *self, uint32_t mkt, bool ok)
{
    decide_outcome(self, mkt, ok);
}

static void sink_group(void *self, int32_t exchange_index, const char *group_id)
{
    struct engine *e = self;
    if (e->sinks.group != NULL) {
        e->sinks.group(e->sinks.self, exchange_index, group_id);
    }
}

static void sink_again(void *self, uint32_t mkt)
{
    decide_again(self, mkt);
}

enum status engine_create(const struct engine_config *config, const struct engine_sinks *sinks,
                          struct engine **ret_engine)
{
    if (!config_ok(config, sinks)) {
        return ST_INVALID;
    }
    struct engine *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return ST_NOMEM;
    }
    e->config = *config;
    e->config.orders.unsettled = NULL;
    e->sinks = *sinks;
    struct orders_config oc = config->orders;
    struct orders_sinks os = {
        .journal = sinks->journal,
        .self = e,
        .record = sink_record,
        .outcome = sink_outcome,
        .ask_again = sink_again,
        .group = sink_group,
    };
    if (config->trading) {
        os.gateway = sinks->gateway;
    } else {
        oc.from_config = true; /* nothing can be read */
        oc.n_unsettled = 0;
    }
    enum status st = orders_create(&oc, &os, &e->orders);
    if (st != ST_OK) {
        engine_destroy(e);
        return st;
    }
    uint32_t n = oc.markets_max;
    uint32_t holdings = orders_account(e->orders)->cap;
    e->markets = calloc(n, sizeof *e->markets);
    e->queue = calloc(n, sizeof *e->queue);
    e->scale_queue = calloc(n, sizeof *e->scale_queue);
    e->positions = calloc(holdings, sizeof *e->positions);
    if (e->markets == NULL || e->queue == NULL || e->scale_queue == NULL || e->positions == NULL) {
        engine_destroy(e);
        return ST_NOMEM;
    }
    e->memory = sizeof *e + n * (sizeof *e->markets + sizeof *e->queue * 2) +
                holdings * sizeof *e->positions + orders_memory(e->orders);
    *ret_engine = e;
    return ST_OK;
}

void engine_destroy(struct engine *e)
{
    if (e == NULL) {
        return;
    }
    for (uint32_t i = 0; e->markets != NULL && i < e->n_markets; i++) {
        book_destroy(e->markets[i].book);
    }
    orders_destroy(e->orders);
    free(e->markets);
    free(e->queue);
    free(e->scale_queue);
    free(e->positions);
    free(e);
}

size_t engine_memory(const struct engine *e)
{
    return e->memory;
}

/* --- turns --- */

void engine_turn_begin(struct engine *e, mono_ns_t mono, wall_ns_t wall)
{
    e->happened = e->turn == 0; /* the first turn starts the start-up reads */
    e->decided = false;
    e->mono = mono;
    e->wall = wall;
    memset(e->taken, 0, sizeof e->taken);
    orders_turn(e->orders, mono, wall);
}

static void command(struct engine *e, const struct ev_command *c)
{
    bool keep = (c->flags & ENGINE_CMD_KEEP) != 0;
    char reason[REASON_MAX];
    memcpy(reason, c->reason, sizeof reason);
    reason[sizeof reason - 1] = 0;
    switch ((enum command)c->command) {
    case CMD_NONE:
        break;
    case CMD_STOP:
        e->stopping = true;
        orders_stop(e->orders, keep);
        break;
    case CMD_HALT: /* the later word holds: no closing orders either */
        decide_flatten(e, false);
        orders_halt(e->orders, reason, keep);
        break;
    case CMD_RESUME:
        decide_flatten(e, false);
        orders_resume(e->orders);
        break;
    case CMD_FLATTEN:
        orders_halt(e->orders, reason[0] != 0 ? reason : "flatten", false);
        orders_reset_groups(e->orders);
        decide_flatten(e, true);
        break;
    case CMD_CANCEL_ALL:
        orders_cancel_all(e->orders);
        break;
    }
}

static void link_mark(struct engine *e, const struct ev_mark *m)
{
    if (m->h.source == EV_SRC_PRIVATE) {
        orders_link(e->orders, m->code != 0);
        return;
    }
    for (uint32_t i = 0; m->code == 0 && i < e->n_markets; i++) {
        market_make_stale(e, i);
    }
}

static bool answer(struct engine *e, const struct ev_answer *a)
{
    uint32_t row_size = ev_row_size(a->row_kind);
    if (a->row_kind > GW_ROW_LEVEL || a->outcome >= GW_OUTCOME_MAX ||
        (a->n_rows != 0 && (a->row_size != row_size || a->row_size == 0 ||
                            a->n_rows > (a->h.size - sizeof *a) / a->row_size))) {
        counter_add(&e->metrics.bad_events, 1);
        return false;
    }
    if (a->op == GW_GET_BOOK) {
        return scale_answer(e, a);
    }
    if (a->op == GW_GET_LIMITS) {
        orders_limits(e->orders, a);
        return true;
    }
    if (a->op == GW_AS_OF) {
        return false; /* not asked by the engine */
    }
    orders_answer(e->orders, a);
    return true;
}

/* Shortest record of each type. */
static const uint32_t sizes[EV_TYPE_MAX] = {
    [EV_MARKET] = sizeof(struct ev_market),     [EV_SNAPSHOT] = sizeof(struct ev_snapshot),
    [EV_DELTA] = sizeof(struct ev_delta),       [EV_TRADE] = sizeof(struct ev_trade),
    [EV_STALE] = sizeof(struct ev_mark),        [EV_LINK] = sizeof(struct ev_mark),
    [EV_FILL] = sizeof(struct ev_fill),         [EV_USER_ORDER] = sizeof(struct ev_user_order),
    [EV_POSITION] = sizeof(struct ev_position), [EV_ANSWER] = sizeof(struct ev_answer),
    [EV_COMMAND] = sizeof(struct ev_command),   [EV_CLOCK] = sizeof(struct ev_mark),
};

static void gauge(struct counter *c, uint64_t v)
{
    atomic_store_explicit(&c->v, v, memory_order_release);
}

static bool apply(struct engine *e, const struct ev *ev)
{
    switch ((enum ev_type)ev->type) {
    case EV_MARKET:
    case EV_SNAPSHOT:
    case EV_DELTA:
    case EV_TRADE:
    case EV_STALE:
        return market_event(e, ev);
    case EV_CLOCK:
        if (ev->source != EV_SRC_MARKET) {
            return false;
        }
        e->clock_ahead_ms = ((const struct ev_mark *)ev)->code;
        gauge(&e->metrics.clock_ahead_ms, (uint64_t)e->clock_ahead_ms);
        return true;
    case EV_LINK:
        link_mark(e, (const struct ev_mark *)ev);
        return true;
    case EV_FILL:
        orders_fill(e->orders, (const struct ev_fill *)ev, (enum ev_source)ev->source);
        return true;
    case EV_USER_ORDER:
        orders_user_order(e->orders, (const struct ev_user_order *)ev);
        return true;
    case EV_POSITION:
        orders_position(e->orders, (const struct ev_position *)ev);
        return true;
    case EV_ANSWER:
        return answer(e, (const struct ev_answer *)ev);
    case EV_COMMAND:
        command(e, (const struct ev_command *)ev);
        return true;
    case EV_NONE:
    case EV_TYPE_MAX:
        break;
    }
    return false;
}

void engine_step(struct engine *e, const struct ev *ev)
{
    e->happened = true;
    if (ev->source < EV_SRC_MAX) {
        e->taken[ev->source]++;
    }
    if (ev->type >= EV_TYPE_MAX || ev->type == EV_NONE || ev->source >= EV_SRC_MAX ||
        ev->size < sizes[ev->type]) {
        counter_add(&e->metrics.bad_events, 1);
        return;
    }
    counter_add(&e->metrics.received[ev->type], 1);
    counter_add(apply(e, ev) ? &e->metrics.applied[ev->type] : &e->metrics.ignored[ev->type], 1);
}

void engine_timers(struct engine *e)
{
    if (orders_deadline(e->orders) <= e->mono) {
        e->happened = true;
        orders_timers(e->orders);
    }
    if (e->n_scale > 0) {
        scale_ask(e);
    }
    if (e->flattening && e->flatten_at <= e->mono && orders_account(e->orders)->n_held > 0) {
        e->happened = true;
        decide_flatten_due(e);
    }
}

/* What the account is worth, when it is time and it is not what the last mark said. Due only in
 * turns in which something happens: in the others nothing changes. */
static void mark(struct engine *e)
{
    const struct account *a = orders_account(e->orders);
    struct rec_mark m = {
        .cash_total = a->cash_total,
        .cash_reserved = a->cash_reserved,
        .pv_mid = account_pv_mid(a),
        .pv_exit = account_pv_exit(a),
        .positions = a->n_held,
        .open_orders = orders_open(e->orders),
    };
    m.pv_known = orders_pv_exchange(e->orders, &m.pv_exchange) ? 1 : 0;
    e->mark_at = e->mono + e->config.mark_every;
    if (memcmp(&m, &e->marked, sizeof m) == 0) {
        return;
    }
    e->marked = m;
    m.h = (struct rec){.size = sizeof m, .type = REC_MARK, .mkt = MKT_NONE, .wall = e->wall};
    sink_record(e, &m.h);
}

bool engine_turn_end(struct engine *e)
{
    if (!e->happened) {
        return false;
    }
    bool due = e->mono >= e->mark_at || e->stopping;
    if (e->config.mark_every > 0 && due && engine_ready(e)) {
        mark(e);
    }
    struct rec_turn t = {
        .h = {.size = sizeof t, .type = REC_TURN, .mkt = MKT_NONE, .wall = e->wall},
        .turn = ++e->turn,
        .mono = e->mono,
    };
    memcpy(t.taken, e->taken, sizeof t.taken);
    sink_record(e, &t.h);
    counter_add(&e->metrics.turns, 1);
    gauge(&e->metrics.open_orders, orders_open(e->orders));
    gauge(&e->metrics.positions, orders_account(e->orders)->n_held);
    gauge(&e->metrics.stale_books, e->n_stale);
    gauge(&e->metrics.markets, e->n_markets);
    const struct risk_stats *r = orders_risk_stats(e->orders);
    for (uint32_t i = 0; e->decided && i < RISK_MAX; i++) {
        gauge(&e->metrics.refused[i], r->refused[i]);
    }
    return true;
}

mono_ns_t engine_deadline(const struct engine *e)
{
    mono_ns_t due = orders_deadline(e->orders);
    if (e->n_scale > 0 && e->scale_after < due) {
        due = e->scale_asked == 0 ? e->scale_after : due;
    }
    if (e->flattening && e->flatten_at < due && orders_account(e->orders)->n_held > 0) {
        due = e->flatten_at;
    }
    return due;
}

void engine_turn_took(struct engine *e, mono_ns_t ns)
{
    if (ns > e->config.slow_turn) {
        counter_add(&e->metrics.turns_slow, 1);
    }
}

/* --- what others may ask --- */

bool engine_ready(const struct engine *e)
{
    return orders_ready(e->orders);
}

bool engine_stopping(const struct engine *e)
{
    return e->stopping;
}

bool engine_idle(const struct engine *e)
{
    return orders_idle(e->orders);
}

bool engine_flattening(const struct engine *e)
{
    return e->flattening;
}

bool engine_halted(const struct engine *e, const char **ret_reason)
{
    return orders_halted(e->orders, ret_reason);
}

const struct engine_metrics *engine_metrics(const struct engine *e)
{
    return &e->metrics;
}

const struct orders *engine_orders(const struct engine *e)
{
    return e->orders;
}

uint32_t engine_market_count(const struct engine *e)
{
    return e->n_markets;
}

bool engine_market(const struct engine *e, uint32_t mkt, struct engine_market *ret)
{
    if (mkt >= e->n_markets || e->markets[mkt].book == NULL) {
        return false;
    }
    const struct market *m = &e->markets[mkt];
    const struct holding *p = &orders_account(e->orders)->holdings[orders_holding(e->orders, mkt)];
    *ret = (struct engine_market){
        .ticker = m->ticker,
        .book = m->book,
        .status = (enum market_status)m->status,
        .seen = m->seen,
        .stale = m->stale,
        .lagging = m->lagging,
        .breaker_open = m->breaker.open,
        .halted = orders_market_halted(e->orders, mkt),
        .snapshots = m->snapshots,
        .deltas = m->deltas,
        .trades = m->trades,
        .decisions = m->decisions,
        .position = p->position,
        .cost = p->cost,
        .realized = p->realized,
        .fees = p->fees,
    };
    return true;
}
