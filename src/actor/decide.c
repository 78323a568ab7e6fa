/*
 * decide.c - observe, select, execute: which markets want a decision, what the policy sees, and
 * what becomes of its answer.
 *
 * A market waits in the queue from its first change on; changes until it is asked share the
 * decision. HOLD ends early. Then throttle, circuit breaker, and the order manager with its gate.
 */
#include <string.h>

#include "actor/engine_int.h"
#include "base/hash.h"

bool market_tradable(const struct engine *e, const struct market *m)
{
    return m->seen && !m->stale && !m->crossed && m->status == MARKET_ACTIVE &&
           (m->close_time == 0 || e->wall < m->close_time);
}

void decide_queue(struct engine *e, uint32_t mkt)
{
    struct market *m = &e->markets[mkt];
    if (m->queued) {
        return;
    }
    m->queued = true;
    e->queue[(e->queue_head + e->n_queue) % e->config.orders.markets_max] = mkt;
    e->n_queue++;
}

void decide_again(struct engine *e, uint32_t mkt)
{
    uint32_t from = mkt == MKT_ALL ? 0 : mkt;
    uint32_t to = mkt == MKT_ALL ? e->n_markets : mkt + 1;
    for (uint32_t i = from; i < to && i < e->n_markets; i++) {
        struct market *m = &e->markets[i];
        if (m->book != NULL && m->blocked) {
            m->again = true;
            decide_queue(e, i);
        }
    }
}

/* --- breaker --- */

void decide_outcome(struct engine *e, uint32_t mkt, bool ok)
{
    struct breaker *b = &e->markets[mkt].breaker;
    if (ok) {
        if (!b->open || b->trying) { /* a late success of before it opened closes nothing */
            *b = (struct breaker){0};
        }
        return;
    }
    counter_add(&e->metrics.errors, 1);
    b->errors++;
    /* The one try may fail before it has left: then `trying` is not set yet. */
    bool failed_try = b->open && (b->trying || e->mono >= b->until);
    bool too_many = !b->open && b->errors > e->config.breaker_errors;
    b->trying = false;
    if (failed_try || too_many) {
        b->open = true;
        b->until = e->mono + e->config.breaker_open;
        counter_add(&e->metrics.breaker_opens, 1);
    }
}

/* --- observation --- */

static void refresh_account(struct engine *e)
{
    const struct account *a = orders_account(e->orders);
    if (e->positions_version == a->version + 1) {
        return;
    }
    e->positions_version = a->version + 1; /* 0: never made */
    e->pv = feature_cents(account_pv_mid(a));
    e->cash = feature_cents(account_free(a));
    e->n_positions = a->n_held;
    for (uint32_t i = 0; i < a->n_held; i++) {
        const struct holding *p = &a->holdings[a->held[i]];
        e->positions[i] = feature_position(p->mkt, p->position, p->cost);
    }
}

static void order_features(const struct engine *e, uint32_t mkt, double ret[5])
{
    struct order_view open[8];
    uint32_t n = 0;
    memset(ret, 0, 5 * sizeof *ret);
    if (!e->config.zero_order_features) {
        n = orders_open_of(e->orders, mkt, open, 8);
    }
    if (n == 0) {
        return;
    }
    struct feature_orders f = {0};
    for (uint32_t i = 0; i < n; i++) {
        enum side contract = open[i].is_buy ? open[i].outcome : side_other(open[i].outcome);
        px_t own = contract == SIDE_YES ? open[i].yes_px : PX_ONE - open[i].yes_px;
        if (open[i].is_buy && !f.has_buy) {
            f.has_buy = true;
            f.oldest_buy_px = own;
        }
        if (!open[i].is_buy && !f.has_sell) {
            f.has_sell = true;
            f.oldest_sell_px = own;
        }
        f.newest_ms = open[i].placed / NS_PER_MS;
    }
    feature_orders(&f, &e->markets[mkt].window.book, e->wall / NS_PER_MS, ret);
}

static const float *observe(struct engine *e, uint32_t mkt)
{
    struct market *m = &e->markets[mkt];
    refresh_account(e);
    struct feature_account a = {
        .pv = e->pv,
        .cash = e->cash,
        .positions = e->positions,
        .n_positions = e->n_positions,
    };
    order_features(e, mkt, a.orders);
    if (m->account_seen != e->positions_version ||
        memcmp(m->orders5, a.orders, sizeof a.orders) != 0) {
        m->account_seen = e->positions_version;
        memcpy(m->orders5, a.orders, sizeof a.orders);
        m->account_version++;
    }
    a.version = m->account_version;
    feature_window_complete(&m->window, m->book, e->config.mirror);
    return feature_cached(&m->cache, &m->window, mkt, &a);
}

/* --- rows --- */

static void record_decision(struct engine *e, uint32_t mkt, const struct policy_out *out,
                            enum action action, const struct orders_result *r)
{
    struct market *m = &e->markets[mkt];
    struct rec_decision d = {
        .h = {.size = sizeof d, .type = REC_DECISION, .mkt = mkt, .wall = e->wall},
        .turn = e->turn + 1,
        .number = ++e->decisions,
        .last_ord = m->last_ord,
        .book_version = book_version(m->book),
        .action = action,
        .verdict = r->verdict,
        .shared = m->changes,
        .order_number = r->order_number,
        .risk_value = r->value,
        .risk_limit = r->limit,
        .obs_hash = obs_hash_of(m->cache.obs),
    };
    size_t n = strnlen(r->check, sizeof d.check - 1);
    memcpy(d.check, r->check, n);
    memcpy(d.logits, out->logits, sizeof d.logits);
    memcpy(d.probs, out->probs, sizeof d.probs);
    if (e->config.record_obs) {
        memcpy(d.obs, m->cache.obs, sizeof d.obs);
    }
    if (e->sinks.record != NULL) {
        e->sinks.record(e->sinks.self, &d.h);
    }
}

/* --- flatten --- */

#define FLATTEN_AGAIN (500 * NS_PER_MS)

static void flatten_next(struct engine *e)
{
    mono_ns_t wait = e->config.throttle > FLATTEN_AGAIN ? e->config.throttle : FLATTEN_AGAIN;
    e->flatten_at = e->mono + wait;
}

void decide_flatten_due(struct engine *e)
{
    const struct account *a = orders_account(e->orders);
    for (uint32_t i = 0; i < a->n_held; i++) {
        uint32_t mkt = a->holdings[a->held[i]].mkt;
        if (mkt < e->n_markets && e->markets[mkt].book != NULL) {
            e->markets[mkt].again = true;
            decide_queue(e, mkt);
        }
    }
    flatten_next(e);
}

void decide_flatten(struct engine *e, bool on)
{
    e->flattening = on;
    flatten_next(e);
    for (uint32_t i = 0; on && i < e->n_markets; i++) {
        struct market *m = &e->markets[i];
        if (m->book != NULL) {
            m->again = true;
            decide_queue(e, i);
        }
    }
}

/* A row like that of a decision, of the action that would have closed; no policy spoke, so its
 * logits are zero. */
static void refused_to_close(struct engine *e, uint32_t mkt, const struct orders_result *r)
{
    const struct account *a = orders_account(e->orders);
    qty_t position = a->holdings[orders_holding(e->orders, mkt)].position;
    enum action action = position > 0 ? ACT_SELL_YES : ACT_SELL_NO;
    (void)observe(e, mkt);
    record_decision(e, mkt, &(struct policy_out){0}, action, r);
    counter_add(&e->metrics.decisions[action], 1);
    counter_add(&e->metrics.verdicts[r->verdict], 1);
}

/* One step towards a flat market; what becomes of it, the next change of the book, or the time
 * leads to the next. The throttle holds here too, so that a book without buyers is not asked
 * without end. */
static void flatten(struct engine *e, uint32_t mkt)
{
    struct market *m = &e->markets[mkt];
    m->changes = 0;
    m->again = false;
    m->blocked = true;
    if (m->ever_accepted && e->mono - m->accepted < e->config.throttle) {
        return;
    }
    struct orders_view view = {
        .book = m->book,
        .tradable = market_tradable(e, m),
        .lagging = m->lagging,
        .unchecked = e->config.scale_check && m->scale.state != SCALE_GOOD,
    };
    struct orders_result r = orders_close(e->orders, mkt, &view);
    m->again = false; /* an order that was not taken has asked again by its end, at once */
    if (r.verdict == VERDICT_SENT) {
        m->ever_accepted = true;
        m->accepted = e->mono;
    } else if (r.verdict == VERDICT_REFUSED) {
        refused_to_close(e, mkt, &r);
    }
    if (view.unchecked) {
        scale_want(e, mkt);
    }
    e->happened = true;
}

uint32_t engine_pending(struct engine *e, uint32_t *mkts, float (*obs)[OBS_SIZE], uint32_t max)
{
    uint32_t n = 0;
    while (n < max && e->n_queue > 0) {
        uint32_t mkt = e->queue[e->queue_head];
        struct market *m = &e->markets[mkt];
        e->queue_head = (e->queue_head + 1) % e->config.orders.markets_max;
        e->n_queue--;
        m->queued = false;
        bool wants = m->changes > 0 || m->again;
        if (!wants || !market_tradable(e, m) || m->lagging || !book_two_sided(m->book)) {
            continue; /* the event that mends this puts it in the queue again */
        }
        if (e->flattening) {
            flatten(e, mkt);
            continue;
        }
        memcpy(obs[n], observe(e, mkt), sizeof obs[n]);
        mkts[n++] = mkt;
        counter_add(&e->metrics.predictions, 1);
    }
    return n;
}

/* --- execution --- */

static struct orders_result say(enum verdict v, const char *check)
{
    return (struct orders_result){.verdict = v, .check = check};
}

static bool breaker_refuses(const struct engine *e, const struct breaker *b)
{
    return b->open && (b->trying || e->mono < b->until);
}

static struct orders_result execute(struct engine *e, uint32_t mkt, enum action action)
{
    struct market *m = &e->markets[mkt];
    if (action == ACT_HOLD) {
        return say(VERDICT_HOLD, "");
    }
    if (m->ever_accepted && e->mono - m->accepted < e->config.throttle) {
        return say(VERDICT_THROTTLED, "throttle");
    }
    if (breaker_refuses(e, &m->breaker)) {
        return say(VERDICT_BREAKER, "breaker");
    }
    if (!e->config.trading) {
        return say(VERDICT_REFUSED, "trading_off");
    }
    struct orders_view view = {
        .book = m->book,
        .tradable = market_tradable(e, m),
        .lagging = m->lagging,
        .unchecked = e->config.scale_check && m->scale.state != SCALE_GOOD,
        /* A decision that waited for an answer says nothing about how fast frames are acted on. */
        .frame_mono = m->last_turn == e->mono ? m->last_mono : 0,
    };
    struct orders_result r = orders_intend(e->orders, mkt, action, &view);
    if (r.verdict == VERDICT_SENT) {
        m->ever_accepted = true;
        m->accepted = e->mono;
        m->breaker.trying = m->breaker.open;
    }
    if (view.unchecked) {
        scale_want(e, mkt);
    }
    return r;
}

/* Held up by something that ends by itself: the policy is asked again then. */
static bool will_end(const struct orders_result *r)
{
    static const char *const names[] = {"unknown_order",   "fills_owed",   "not_ready",
                                        "scale_unchecked", "private_link", "order_group"};
    if (r->verdict == VERDICT_KEPT) {
        return r->check[0] != 0;
    }
    for (size_t i = 0; r->verdict == VERDICT_REFUSED && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(r->check, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

void engine_act(struct engine *e, const uint32_t *mkts, const struct policy_out *outs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct market *m = &e->markets[mkts[i]];
        enum action action = ACT_HOLD;
        if (outs[i].action < ACTION_COUNT) {
            action = (enum action)outs[i].action;
        } else {
            decide_outcome(e, mkts[i], false); /* not an action: nothing is done */
        }
        struct orders_result r = execute(e, mkts[i], action);
        m->blocked = will_end(&r);
        m->again = false;
        record_decision(e, mkts[i], &outs[i], action, &r);
        if (m->changes > 1) {
            counter_add(&e->metrics.changes_shared, m->changes - 1);
        }
        m->changes = 0;
        m->decisions++;
        counter_add(&e->metrics.decisions[action], 1);
        counter_add(&e->metrics.verdicts[r.verdict], 1);
    }
    e->happened = e->happened || n > 0;
    e->decided = e->decided || n > 0;
}
