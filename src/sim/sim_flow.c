/*
 * sim_flow.c - generated markets: agents around a hidden probability that moves.
 *
 * Each market has a log-odds walk with jumps, faster near the close, that nobody sees. Around it
 * act
 * - makers: see it with noise and late, quote several levels on both sides, lean against what they
 *   hold, and move a few quotes at a time; they never cross;
 * - noise: small orders of both kinds at prices near the best;
 * - informed takers: see it well and take what is wrong by more than the cost;
 * - bursts: after a jump everybody acts at many times the usual rate for a while.
 * All of it is anonymous liquidity of the engine, so users' orders queue and trade in it. What was
 * taken from the makers, by users too, is found by comparing their quotes with the book.
 *
 * An event that changed n things is followed by a pause of n / rate on average, so that the rate is
 * in messages. Only the seed and the times given decide what happens; the log-odds use our own exp.
 * At the close orders are refused; 0.5 s later what rests is canceled and the empty snapshot goes
 * out; 1.5 s later the market is determined by the probability and settled.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "sim/sim_int.h"

#define MAKERS       3
#define NOISE        MAKERS /* agent number of noise orders */
#define QUOTES_MAX   120u
#define LEVELS       6
#define CHANGES_MAX  3u /* of a maker at one time */
#define BURST_EVENTS 40u
#define BURST_SPEED  25.0

enum stage { STAGE_OPEN, STAGE_HALTED, STAGE_CLOSED, STAGE_SETTLED };

struct quote {
    enum side side;
    uint32_t agent;
    px_t px;
    qty_t qty;
};

struct fmarket {
    struct rng rng;
    double odds;         /* hidden log-odds of YES */
    double seen[MAKERS]; /* what each maker believes the probability is */
    double rate;         /* messages a second */
    qty_t inventory[MAKERS + 1];
    struct quote q[QUOTES_MAX];
    uint32_t n;
    uint32_t burst; /* events left in it */
    enum stage stage;
    mono_ns_t next, before; /* of its events */
    mono_ns_t ends;         /* NS_NEVER: it does not close */
    bool resumed;           /* it was there before this process */
};

struct flow_source {
    struct fmarket *m;
    uint32_t n;
    uint32_t *heap; /* markets by next */
    bool started;
    mono_ns_t start;
    wall_ns_t start_wall;
    uint32_t settled;
};

/* --- randomness --- */

static double normal(struct rng *r) /* sum of uniforms: near enough, and exact on every machine */
{
    double s = 0;
    for (int i = 0; i < 12; i++) {
        s += rng_unit(r);
    }
    return s - 6;
}

static double exponential(struct rng *r)
{
    return -fm_log(1 - rng_unit(r));
}

static qty_t random_size(struct rng *r, double mean)
{
    double contracts = 1 + exponential(r) * mean;
    qty_t q = (qty_t)contracts * QTY_ONE;
    if (rng_below(r, 100) < 16) { /* the share of fractional sizes in the recordings */
        q += (qty_t)rng_below(r, 100);
    }
    return q;
}

static double probability(const struct fmarket *f)
{
    return 1 / (1 + fm_exp(-f->odds));
}

/* --- the heap of markets --- */

static bool heap_less(const struct flow_source *s, uint32_t a, uint32_t b)
{
    mono_ns_t x = s->m[s->heap[a]].next;
    mono_ns_t y = s->m[s->heap[b]].next;
    return x != y ? x < y : s->heap[a] < s->heap[b];
}

static void heap_down(struct flow_source *s, uint32_t i)
{
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= s->n) {
            return;
        }
        c += c + 1 < s->n && heap_less(s, c + 1, c);
        if (!heap_less(s, c, i)) {
            return;
        }
        uint32_t t = s->heap[i];
        s->heap[i] = s->heap[c];
        s->heap[c] = t;
        i = c;
    }
}

static void heap_make(struct flow_source *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        s->heap[i] = i;
    }
    for (uint32_t i = s->n; i > 0; i--) {
        heap_down(s, i - 1);
    }
}

/* --- quotes --- */

static wall_ns_t wall_of(const struct flow_source *s, mono_ns_t t)
{
    return s->start_wall + (t - s->start);
}

/* Tell what the engine did; returns how many book messages and trades that was. */
static uint32_t told(struct sim *sim, wall_ns_t at)
{
    struct match_result r = match_result(sim->match);
    uint32_t n = r.n_deltas + r.n_trades;
    sim->count.source_messages += n;
    emit_result(sim, at);
    return n;
}

/* Quotes shrink to what the book still has: the difference was taken. */
static void reconcile(struct sim *sim, struct fmarket *f, uint32_t market)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        struct quote q = f->q[i];
        qty_t later = 0; /* of the same level, behind this quote */
        for (uint32_t j = i + 1; j < f->n; j++) {
            later += f->q[j].side == q.side && f->q[j].px == q.px ? f->q[j].qty : 0;
        }
        qty_t earlier = 0;
        for (uint32_t j = 0; j < kept; j++) {
            earlier += f->q[j].side == q.side && f->q[j].px == q.px ? f->q[j].qty : 0;
        }
        qty_t room = match_anon_qty(sim->match, market, q.side, q.px) - later - earlier;
        qty_t left = room < 0 ? 0 : room < q.qty ? room : q.qty;
        f->inventory[q.agent] += q.side == SIDE_YES ? q.qty - left : left - q.qty;
        if (left > 0) {
            f->q[kept] = q;
            f->q[kept++].qty = left;
        }
    }
    f->n = kept;
}

static uint32_t quote_add(struct sim *sim, struct fmarket *f, uint32_t market, struct quote q,
                          wall_ns_t at)
{
    px_t other = match_best(sim->match, market, side_other(q.side));
    if (f->n == QUOTES_MAX || grid_index(match_grid(sim->match, market), q.px) < 0 ||
        (other != 0 && other + q.px >= PX_ONE)) {
        return 0;
    }
    f->q[f->n++] = q;
    (void)match_anon_place(sim->match, market, q.side, q.px, q.qty, true, at);
    return told(sim, at);
}

static uint32_t quote_remove(struct sim *sim, struct fmarket *f, uint32_t market, uint32_t i,
                             wall_ns_t at)
{
    struct quote q = f->q[i];
    memmove(&f->q[i], &f->q[i + 1], (f->n - i - 1) * sizeof f->q[0]);
    f->n--;
    (void)match_anon_remove(sim->match, market, q.side, q.px, q.qty);
    return told(sim, at);
}

/* --- agents --- */

static int32_t clamp_index(const struct grid *g, int32_t i)
{
    return i < 0 ? 0 : i >= g->levels ? g->levels - 1 : i;
}

/* Index of the last price at or below p dollars. */
static int32_t index_at(const struct grid *g, double p)
{
    px_t px = grid_floor(g, (px_t)(p * (double)PX_ONE));
    return px > 0 ? grid_index(g, px) : 0;
}

/* The price of a maker's k-th level of a side. */
static px_t maker_px(const struct fmarket *f, const struct grid *g, uint32_t agent, enum side side,
                     int32_t k)
{
    int32_t gap = g->levels > 99 ? 4 : 1;
    double lean = (double)f->inventory[agent] / (2000.0 * (double)QTY_ONE);
    lean = lean > 0.08 ? 0.08 : lean < -0.08 ? -0.08 : lean;
    double p = f->seen[agent] - lean;
    p = side == SIDE_YES ? p : 1 - p;
    p = p < 0.005 ? 0.005 : p > 0.995 ? 0.995 : p;
    int32_t half = gap * (1 + (int32_t)agent) / (g->levels > 99 ? 2 : 1);
    return grid_px(g, clamp_index(g, index_at(g, p) - half - k * gap));
}

static int32_t level_of(const struct fmarket *f, const struct grid *g, const struct quote *q)
{
    for (int32_t k = 0; k < LEVELS; k++) {
        if (maker_px(f, g, q->agent, q->side, k) == q->px) {
            return k;
        }
    }
    return -1;
}

static bool maker_has(const struct fmarket *f, uint32_t agent, enum side side, px_t px)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->q[i].agent == agent && f->q[i].side == side && f->q[i].px == px) {
            return true;
        }
    }
    return false;
}

static uint32_t act_maker(struct sim *sim, struct fmarket *f, uint32_t market, uint32_t agent,
                          uint32_t changes, wall_ns_t at)
{
    const struct grid *g = match_grid(sim->match, market);
    uint32_t n = 0;
    f->seen[agent] += 0.7 * (probability(f) + 0.01 * normal(&f->rng) - f->seen[agent]);
    for (uint32_t i = 0; i < f->n && changes > 0;) {
        if (f->q[i].agent == agent && level_of(f, g, &f->q[i]) < 0) {
            n += quote_remove(sim, f, market, i, at);
            changes--;
        } else {
            i++;
        }
    }
    for (int32_t k = 0; k < LEVELS && changes > 0; k++) {
        for (int s = 0; s < 2 && changes > 0; s++) {
            struct quote q = {.side = s == 0 ? SIDE_YES : SIDE_NO, .agent = agent};
            q.px = maker_px(f, g, agent, q.side, k);
            if (!maker_has(f, agent, q.side, q.px)) {
                q.qty = random_size(&f->rng, 30.0 * (k + 1));
                n += quote_add(sim, f, market, q, at);
                changes--;
            }
        }
    }
    return n;
}

static uint32_t act_noise_limit(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    const struct grid *g = match_grid(sim->match, market);
    uint32_t own = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        own += f->q[i].agent == NOISE;
    }
    if (own > 40 || (own > 0 && rng_below(&f->rng, 2) == 0)) { /* an old one goes */
        for (uint32_t i = 0; i < f->n; i++) {
            if (f->q[i].agent == NOISE && rng_below(&f->rng, own) == 0) {
                return quote_remove(sim, f, market, i, at);
            }
        }
        return 0;
    }
    struct quote q = {.side = rng_below(&f->rng, 2) ? SIDE_YES : SIDE_NO, .agent = NOISE};
    px_t best = match_best(sim->match, market, q.side);
    int32_t from = best != 0 ? grid_index(g, best) : 0;
    q.px = grid_px(g, clamp_index(g, from + 1 - (int32_t)(exponential(&f->rng) * 4)));
    q.qty = random_size(&f->rng, 15);
    return quote_add(sim, f, market, q, at);
}

static uint32_t take(struct sim *sim, struct fmarket *f, uint32_t market, enum side side, px_t px,
                     double mean, wall_ns_t at)
{
    const struct grid *g = match_grid(sim->match, market);
    px = grid_floor(g, px);
    if (px <= 0 || match_anon_place(sim->match, market, side, px, random_size(&f->rng, mean), false,
                                    at) == 0) {
        return 0;
    }
    uint32_t n = told(sim, at);
    reconcile(sim, f, market);
    return n;
}

static uint32_t act_noise_taker(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    enum side side = rng_below(&f->rng, 2) ? SIDE_YES : SIDE_NO;
    px_t best = match_best(sim->match, market, side_other(side));
    return best != 0 ? take(sim, f, market, side, PX_ONE - best, 8, at) : 0;
}

static uint32_t act_informed(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    double p = probability(f) + 0.005 * normal(&f->rng);
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        px_t worth = (px_t)((s == 0 ? p : 1 - p) * (double)PX_ONE) - 2 * PX_CENT;
        px_t best = match_best(sim->match, market, side_other(side));
        if (best != 0 && PX_ONE - best <= worth) {
            return take(sim, f, market, side, worth, 60, at);
        }
    }
    return 0;
}

/* --- one market's event --- */

static void drift(const struct sim *sim, struct fmarket *f, mono_ns_t t)
{
    double dt = (double)(t - f->before) / 1e9;
    double late = 1;
    mono_ns_t life = sim->config.duration_ns;
    if (life > 0 && t > f->ends - life / 10) {
        late = 3; /* what is decided soon is decided faster */
    }
    f->odds += 0.02 * late * sqrt(dt) * normal(&f->rng);
    if (f->burst == 0 && rng_below(&f->rng, 400) == 0) {
        f->burst = BURST_EVENTS;
        f->odds += 0.6 * normal(&f->rng);
    }
    f->odds = f->odds > 4.5 ? 4.5 : f->odds < -4.5 ? -4.5 : f->odds;
    f->before = t;
}

static uint32_t act(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    reconcile(sim, f, market);
    uint64_t kind = rng_below(&f->rng, 100);
    if (kind < 60) {
        uint32_t agent = (uint32_t)rng_below(&f->rng, MAKERS);
        return act_maker(sim, f, market, agent, 1 + (uint32_t)rng_below(&f->rng, CHANGES_MAX), at);
    }
    if (kind < 85) {
        return act_noise_limit(sim, f, market, at);
    }
    return kind < 92 ? act_noise_taker(sim, f, market, at) : act_informed(sim, f, market, at);
}

static void end_of_market(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    if (f->stage == STAGE_OPEN) {
        f->stage = STAGE_HALTED;
        match_halt(sim->match, market, true);
        sim->markets[market].status = M_CLOSED;
        f->next += NS_PER_SEC / 2;
    } else if (f->stage == STAGE_HALTED) {
        wall_ns_t closes = sim->markets[market].closes;
        f->stage = STAGE_CLOSED;
        f->n = 0;
        sim->count.source_messages++;
        sim_close_market(sim, market, at);
        sim->markets[market].closes = closes;
        f->next += NS_PER_SEC;
    } else {
        f->stage = STAGE_SETTLED;
        sim_settle_market(sim, market, rng_unit(&f->rng) < probability(f), at);
        f->next = NS_NEVER;
        sim->finished = ++sim->flow->settled == sim->flow->n;
    }
}

/* On average what messages take at rate; a day at most, so that any rate is a time. */
static mono_ns_t pause_of(struct fmarket *f, double messages, double rate)
{
    double pause = exponential(&f->rng) * messages / rate;
    return 1 + (mono_ns_t)((pause > 86400 ? 86400 : pause) * 1e9);
}

static void step(struct sim *sim, uint32_t market)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    wall_ns_t at = wall_of(s, f->next);
    if (f->stage != STAGE_OPEN || f->next >= f->ends) {
        end_of_market(sim, f, market, at);
        return;
    }
    drift(sim, f, f->next);
    uint32_t n = act(sim, f, market, at);
    double rate = f->rate * (f->burst > 0 ? BURST_SPEED : 1);
    f->burst -= f->burst > 0;
    f->next += pause_of(f, (double)n + (n == 0 ? 0.2 : 0), rate);
    if (f->next > f->ends) {
        f->next = f->ends;
    }
}

/* --- life --- */

static enum status add_market(struct sim *sim, uint32_t i, struct err *err)
{
    static const char *const structures[] = {"linear_cent", "linear_cent", "tapered_deci_cent",
                                             "deci_cent"};
    char ticker[TICKER_MAX];
    struct grid grid;
    uint32_t market = 0;
    const char *structure = structures[i % 8 < 5 ? 0 : i % 8 == 7 ? 3 : 2];
    snprintf(ticker, sizeof ticker, "KXSIM%u-S%llu-M%02u", i / 16 + 1,
             (unsigned long long)(sim->config.seed % 1000000), i + 1);
    enum status st = grid_named(&grid, structure);
    if (st != ST_OK) {
        return err_set(err, st, "price structure %s", structure);
    }
    bool known = sim_find_market(sim, text_of(ticker)) != NO_INDEX;
    st = sim_add_market(sim, ticker, NULL, &grid, structure, false, &market, err);
    if (st == ST_OK && market != i) {
        return err_set(err, ST_STATE,
                       "market %s is not number %u in the state: other markets, or another seed, "
                       "than those that made it",
                       ticker, i);
    }
    sim->flow->m[i].resumed = known;
    if (st == ST_OK && !known) {
        mono_ns_t life = sim->config.duration_ns;
        sim->markets[market].closes = sim->wall + (life > 0 ? life : 365 * 86400 * NS_PER_SEC);
    }
    return st;
}

/*
 * A market of an earlier process goes on from its book: the hidden probability is what the book
 * says, and what stands in it is the makers', who go on to move it.
 */
static void adopt_side(struct sim *sim, struct fmarket *f, uint32_t market, enum side side)
{
    size_t n = match_level_count(sim->match, market, side);
    struct level *lv = calloc(n + 1, sizeof *lv);
    n = lv != NULL ? match_levels(sim->match, market, side, lv, n) : 0;
    for (size_t i = n; i > 0 && f->n < QUOTES_MAX; i--) { /* best first */
        qty_t qty = match_anon_qty(sim->match, market, side, lv[i - 1].px);
        if (qty > 0) {
            f->q[f->n++] = (struct quote){side, (uint32_t)(i % MAKERS), lv[i - 1].px, qty};
        }
    }
    free(lv);
}

static void adopt_market(struct sim *sim, uint32_t market, double rate)
{
    struct fmarket *f = &sim->flow->m[market];
    const struct smarket *k = &sim->markets[market];
    px_t bid = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    px_t mid = bid != 0 && no != 0 ? (bid + PX_ONE - no) / 2 : k->last_yes_px;
    double p = (double)(mid < 100 ? 100 : mid > 9900 ? 9900 : mid) / (double)PX_ONE;
    rng_init(&f->rng,
             (sim->config.seed ^ (uint64_t)sim->wall) * UINT64_C(0x9e3779b97f4a7c15) + market);
    f->odds = fm_log(p / (1 - p));
    f->rate = rate;
    for (uint32_t a = 0; a < MAKERS; a++) {
        f->seen[a] = p;
    }
    adopt_side(sim, f, market, SIDE_YES);
    adopt_side(sim, f, market, SIDE_NO);
    f->stage = k->status == M_FINALIZED ? STAGE_SETTLED
               : k->status < M_CLOSED   ? STAGE_OPEN
               : f->n > 0               ? STAGE_HALTED
                                        : STAGE_CLOSED;
    f->next = f->stage == STAGE_SETTLED ? NS_NEVER : sim->now + pause_of(f, 1, f->rate);
    sim->flow->settled += f->stage == STAGE_SETTLED ? 1 : 0;
    f->before = sim->now;
}

static void open_market(struct sim *sim, uint32_t market, double rate)
{
    struct fmarket *f = &sim->flow->m[market];
    if (f->resumed) {
        adopt_market(sim, market, rate);
        return;
    }
    rng_init(&f->rng, sim->config.seed * UINT64_C(0x9e3779b97f4a7c15) + market);
    f->odds = 0.9 * normal(&f->rng);
    f->rate = rate;
    for (uint32_t a = 0; a < MAKERS; a++) {
        f->seen[a] = probability(f);
        (void)act_maker(sim, f, market, a, 2 * LEVELS, sim->wall);
    }
    sim->markets[market].last_yes_px =
        grid_floor(match_grid(sim->match, market), (px_t)(probability(f) * (double)PX_ONE));
    f->next = sim->now + pause_of(f, 1, f->rate);
    f->before = sim->now;
}

enum status flow_source_create(struct sim *sim, struct err *err)
{
    struct flow_source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the generated markets");
    }
    sim->flow = s;
    s->n = sim->config.markets;
    s->m = calloc(s->n, sizeof *s->m);
    s->heap = calloc(s->n, sizeof *s->heap);
    if (s->m == NULL || s->heap == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the generated markets");
    }
    double sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        sum += 1.0 / (1 + i % 10);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        enum status st = add_market(sim, i, err);
        if (st != ST_OK) {
            return st;
        }
        open_market(sim, i, sim->config.rate / (1 + i % 10) / sum); /* some are busier */
    }
    sim->count.source_messages = 0;
    return ST_OK;
}

void flow_source_destroy(struct flow_source *s)
{
    if (s != NULL) {
        free(s->m);
        free(s->heap);
        free(s);
    }
}

static void start(struct sim *sim)
{
    struct flow_source *s = sim->flow;
    s->started = true;
    s->start = sim->now;
    s->start_wall = sim->wall;
    for (uint32_t i = 0; i < s->n; i++) {
        struct fmarket *f = &s->m[i];
        f->next += f->next != NS_NEVER ? sim->now - f->before : 0;
        f->before = sim->now;
        f->ends = NS_NEVER;
        if (sim->config.duration_ns > 0 && !f->resumed) {
            sim->markets[i].closes = sim->wall + sim->config.duration_ns;
        }
        if (sim->config.duration_ns > 0) {
            f->ends = sim->now + (sim->markets[i].closes - sim->wall);
        }
    }
    heap_make(s);
}

void flow_source_tick(struct sim *sim)
{
    struct flow_source *s = sim->flow;
    if (!s->started) {
        if (sim->config.wait_for_client && !sim->client_came) {
            return;
        }
        start(sim);
    }
    uint64_t until = sim->count.source_messages + TICK_MESSAGES;
    for (uint32_t i = 0; i < TICK_MESSAGES && sim->count.source_messages < until; i++) {
        uint32_t market = s->heap[0];
        if (s->m[market].next > sim->now) {
            return;
        }
        step(sim, market);
        heap_down(s, 0);
    }
}

mono_ns_t flow_source_deadline(const struct sim *sim)
{
    const struct flow_source *s = sim->flow;
    if (!s->started) {
        return sim->config.wait_for_client && !sim->client_came ? NS_NEVER : sim->now;
    }
    return s->m[s->heap[0]].next;
}
