/*
 * flow_agents.c - who does what in generated markets.
 *
 * Each market has the same places for standing orders: places 2k and 2k + 1 are one distance on the
 * YES and on the NO side, and places_fill() says whose. An agent's order is in the place or it is
 * empty; what users or takers filled is found missing when the place's agent looks at it again.
 *
 * - Makers quote four levels on both sides of what they think YES is worth: what the last news
 * said, a little wrong, less what they lean against their own position. They never cross. On news
 * those who react move their stale orders, first on the side that would be hit.
 * - Whales stand with 2,000 contracts among the nearest levels, ladders with 50 at 5 to 10 cents.
 * - Pings put a tenth of a contract at the best price and take it away again.
 * - Far orders rest anywhere below and hardly move.
 * - Noise takes from either side for no reason; the informed take what is wrong by more than
 *   INFORMED_EDGE.
 * All are accounts of the engine like users', with orders of tag 0, of which nobody is told.
 */
#include "base/fmath.h"
#include "sim/flow_int.h"

#define ROUND (FLOW_SLOTS / NEAR)
#define NEAR  4 /* levels of makers, and of whales */

struct place { /* whose order stands there */
    enum agent agent;
    int level;
};

struct knot {
    double share, size; /* contracts */
};

/* gold's deltas that add, without those of 0.10 and 2,000: quartiles 12, 28, 60. */
static const struct knot maker_sizes[] = {{0, 3},    {.1, 9},   {.25, 13},  {.5, 25},
                                          {.75, 50}, {.9, 110}, {.97, 300}, {1, 1000}};
static const struct knot far_sizes[] = {{0, 1}, {.25, 5}, {.5, 20}, {.75, 80}, {.9, 200}, {1, 500}};
/* gold's trades: quartiles 3, 10, 26; 95 % below 100. A take is 1.8 of them. */
static const struct knot take_sizes[] = {{0, 1},     {.2, 3},    {.45, 12}, {.7, 40},
                                         {.92, 150}, {.99, 500}, {1, 3000}};

/* --- places --- */

/* Four rounds of places, the nearest first, so that thin books keep their best prices. */
static struct place place_of(uint32_t slot)
{
    uint32_t round = slot / ROUND;
    uint32_t pair = slot % ROUND / 2;
    static const int first_ladder[] = {0, 1, 2, 4};
    if (pair < MAKERS) {
        return (struct place){(enum agent)(AGENT_MAKER + pair), (int)round};
    }
    if (pair == MAKERS) {
        return round < 2 ? (struct place){AGENT_WHALE, 0}
                         : (struct place){AGENT_LADDER, first_ladder[round] + 1};
    }
    if (pair == MAKERS + 1) {
        return (struct place){AGENT_LADDER, first_ladder[round]};
    }
    return pair == MAKERS + 2 ? (struct place){AGENT_PING, 0} : (struct place){AGENT_FAR, 0};
}

static enum side side_of(uint32_t slot)
{
    return slot % 2 == 0 ? SIDE_YES : SIDE_NO;
}

static struct standing *slot_at(const struct sim *sim, uint32_t market, uint32_t slot)
{
    return &sim->flow->slots[(size_t)market * sim->flow->n_slots + slot];
}

/* --- sizes --- */

static double draw(struct rng *r, const struct knot *k)
{
    double u = rng_unit(r);
    while (k[1].share < u) {
        k++;
    }
    return k[0].size + (k[1].size - k[0].size) * (u - k[0].share) / (k[1].share - k[0].share);
}

static qty_t size_of(struct rng *r, double contracts)
{
    qty_t q = (qty_t)contracts * QTY_ONE;
    if (rng_below(r, 100) < FRACTION_SHARE) {
        q += (qty_t)rng_below(r, QTY_ONE);
    }
    return q > 0 ? q : QTY_ONE;
}

static qty_t order_size(struct rng *r, struct place p)
{
    switch (p.agent) {
    case AGENT_WHALE:
        return (WHALE_SIZE + (rng_below(r, 3) == 0 ? (qty_t)rng_below(r, 300) : 0)) * QTY_ONE;
    case AGENT_LADDER:
        return (rng_below(r, 5) < 3 ? 50 : 35 + (qty_t)rng_below(r, 30)) * QTY_ONE;
    case AGENT_PING:
        return QTY_ONE / 10;
    case AGENT_FAR:
        return size_of(r, draw(r, far_sizes));
    case AGENT_MAKER:
    case AGENT_NOISE:
    case AGENT_INFORMED:
    case AGENT_MAX:
    default:
        return size_of(r, draw(r, maker_sizes));
    }
}

/* --- prices --- */

/* Steps that make about a cent in the middle of the grid. */
static int32_t cent_of(const struct grid *g)
{
    return g->levels > 300 ? 4 : 1;
}

/* Index of the last price at or below p dollars; -1: below all. */
static int32_t index_at(const struct grid *g, double p)
{
    px_t px = (px_t)(p * (double)PX_ONE + 0.5);
    px = px > 0 ? grid_floor(g, px < PX_ONE ? px : PX_ONE - 1) : 0;
    return px > 0 ? grid_index(g, px) : -1;
}

/* What an agent thinks an outcome is worth, dollars. */
static double view(const struct sim *sim, uint32_t market, enum agent agent, enum side side,
                   double error)
{
    const struct flow_source *s = sim->flow;
    struct match_position p = match_position(sim->match, s->account[agent], market);
    double lean = (double)p.qty / (double)QTY_ONE * LEAN_PER_CONTRACT;
    lean = lean > LEAN_MAX ? LEAN_MAX : lean < -LEAN_MAX ? -LEAN_MAX : lean;
    double yes = s->m[market].seen - lean + error;
    return side == SIDE_YES ? yes : 1 - yes;
}

/* The index at which an order of a place should stand, before it is kept from crossing. */
static int32_t wanted(const struct sim *sim, uint32_t market, uint32_t slot, double error)
{
    const struct fmarket *f = &sim->flow->m[market];
    const struct grid *g = match_grid(sim->match, market);
    struct place p = place_of(slot);
    static const int32_t half[MAKERS] = {0, 0, 2, 2}; /* cents from the value */
    int32_t cent = cent_of(g);
    int32_t at = index_at(g, view(sim, market, p.agent, side_of(slot), error));
    if (p.agent < MAKERS) {
        return at - (half[p.agent] + p.level + (int32_t)f->fear) * cent;
    }
    return p.agent == AGENT_LADDER ? at - (5 + p.level) * cent : at;
}

/* Some agents choose at random around what is wanted. */
static int32_t choose(struct sim *sim, uint32_t market, uint32_t slot)
{
    struct fmarket *f = &sim->flow->m[market];
    struct place p = place_of(slot);
    int32_t cent = cent_of(match_grid(sim->match, market));
    int32_t at =
        wanted(sim, market, slot, p.agent < MAKERS ? VIEW_ERROR * flow_normal(&f->rng) : 0);
    if (p.agent == AGENT_WHALE) {
        return at - (int32_t)rng_below(&f->rng, (uint64_t)(NEAR * cent));
    }
    if (p.agent == AGENT_PING) {
        return at - cent / 2 - (int32_t)rng_below(&f->rng, (uint64_t)(3 * cent + 1));
    }
    if (p.agent == AGENT_FAR) {
        int32_t top = at - 6 * cent;
        return top > 0 ? (int32_t)rng_below(&f->rng, (uint64_t)top) : -1;
    }
    return at;
}

/* The price of an index, lower when it would cross; 0: there is none. */
static px_t quiet_px(const struct sim *sim, uint32_t market, enum side side, int32_t index)
{
    const struct grid *g = match_grid(sim->match, market);
    px_t other = match_best(sim->match, market, side_other(side));
    if (index < 0) {
        return 0;
    }
    px_t px = grid_px(g, index < g->levels ? index : g->levels - 1);
    if (other != 0 && px + other >= PX_ONE) {
        px = PX_ONE - other - 1;
        px = px > 0 ? grid_floor(g, px) : 0;
    }
    return px > 0 ? px : 0;
}

/* --- orders --- */

static uint32_t told(struct sim *sim, wall_ns_t at)
{
    struct match_result r = match_result(sim->match);
    uint32_t n = r.n_deltas + r.n_trades;
    sim->count.source_messages += n;
    emit_result(sim, at);
    return n;
}

static bool stands(const struct sim *sim, struct standing *o)
{
    if (o->id != 0 && match_order_get(sim->match, o->id) == NULL) {
        o->id = 0;
    }
    return o->id != 0;
}

static uint32_t send(struct sim *sim, uint32_t market, enum agent agent, enum side side, px_t px,
                     qty_t qty, enum match_tif tif, wall_ns_t at, uint64_t *ret_id)
{
    struct match_request r = {.account = sim->flow->account[agent],
                              .market = market,
                              .side = side,
                              .px = px,
                              .qty = qty,
                              .tif = tif,
                              .stp = MATCH_STP_MAKER};
    if (match_place(sim->match, &r, at, ret_id) != MATCH_ACCEPTED) {
        return 0;
    }
    return told(sim, at);
}

static uint32_t put(struct sim *sim, uint32_t market, uint32_t slot, int32_t index, wall_ns_t at)
{
    struct standing *o = slot_at(sim, market, slot);
    struct place p = place_of(slot);
    px_t px = quiet_px(sim, market, side_of(slot), index);
    if (px == 0) {
        return 0;
    }
    qty_t qty = order_size(&sim->flow->m[market].rng, p);
    uint32_t n = send(sim, market, p.agent, side_of(slot), px, qty, MATCH_GTC, at, &o->id);
    o->id = n > 0 ? o->id : 0;
    o->px = px;
    return n;
}

static uint32_t withdraw(struct sim *sim, uint32_t market, uint32_t slot, wall_ns_t at)
{
    struct standing *o = slot_at(sim, market, slot);
    qty_t left = 0;
    uint64_t id = o->id;
    if (match_cancel(sim->match, id, MATCH_BECAUSE_USER, at, &left) != ST_OK) {
        return 0; /* a pause: it stays */
    }
    o->id = 0;
    return told(sim, at);
}

static uint32_t amend(struct sim *sim, uint32_t market, uint32_t slot, int32_t index, wall_ns_t at)
{
    struct standing *o = slot_at(sim, market, slot);
    const struct match_order *now = match_order_get(sim->match, o->id);
    px_t px = quiet_px(sim, market, side_of(slot), index);
    if (px == 0) {
        return withdraw(sim, market, slot, at);
    }
    qty_t size = order_size(&sim->flow->m[market].rng, place_of(slot));
    if (px == now->px && size <= now->remaining) { /* else it would keep its place */
        size = now->remaining + QTY_ONE;
    }
    enum match_verdict verdict = MATCH_ACCEPTED;
    if (match_amend(sim->match, o->id, px, now->filled + size, at, &verdict) != ST_OK) {
        return 0;
    }
    o->px = px;
    return told(sim, at);
}

/* --- takers --- */

static uint32_t take(struct sim *sim, uint32_t market, enum agent agent, enum side side, px_t limit,
                     wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    px_t px = grid_floor(match_grid(sim->match, market), limit);
    uint64_t id = 0;
    qty_t qty =
        rng_below(&f->rng, 20) == 0 ? QTY_ONE / 10 : size_of(&f->rng, draw(&f->rng, take_sizes));
    return px > 0 ? send(sim, market, agent, side, px, qty, MATCH_IOC, at, &id) : 0;
}

static uint32_t noise_take(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    enum side side = rng_below(&f->rng, 2) ? SIDE_YES : SIDE_NO;
    px_t best = match_best(sim->match, market, side_other(side));
    px_t slack = rng_below(&f->rng, 5) == 0 ? PX_CENT : 0;
    return best != 0 && best > slack
               ? take(sim, market, AGENT_NOISE, side, PX_ONE - best + slack, at)
               : 0;
}

static uint32_t informed_take(struct sim *sim, uint32_t market, double p, wall_ns_t at)
{
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        px_t worth = (px_t)(((s == 0 ? p : 1 - p) - INFORMED_EDGE) * (double)PX_ONE);
        px_t best = match_best(sim->match, market, side_other(side));
        if (best != 0 && worth > 0 && PX_ONE - best <= worth) {
            return take(sim, market, AGENT_INFORMED, side, worth, at);
        }
    }
    return 0;
}

/* --- news and what it sets off --- */

uint32_t agents_news(struct sim *sim, uint32_t market, double p, wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    double ticks = (p - f->seen) * 100;
    double size = ticks < 0 ? -ticks : ticks;
    f->fear = f->fear * 0.7 > size ? f->fear * 0.7 : size;
    f->fear = f->fear > 6 ? 6 : f->fear;
    uint32_t n = rng_unit(&f->rng) < NEWS_INFORMED ? informed_take(sim, market, p, at) : 0;
    f->up = p > f->seen;
    f->seen = p;
    f->cursor = 0;
    f->react = 0;
    f->step_s =
        BURST_STEP_MIN_S * fm_exp(rng_unit(&f->rng) * fm_log(BURST_STEP_MAX_S / BURST_STEP_MIN_S));
    for (uint32_t a = 0; a <= AGENT_FAR; a++) {
        double likely = a < MAKERS || a >= AGENT_PING ? NEWS_REACTION : NEWS_REACTION / 3;
        f->react |= rng_unit(&f->rng) < likely ? 1u << a : 0;
    }
    return n;
}

/* Must the order of a place move? */
static bool stale(const struct sim *sim, uint32_t market, uint32_t slot, int32_t *ret_index)
{
    const struct grid *g = match_grid(sim->match, market);
    int32_t want = wanted(sim, market, slot, 0);
    int32_t is = grid_index(g, slot_at(sim, market, slot)->px);
    int32_t cent = cent_of(g);
    struct place p = place_of(slot);
    int32_t low = want;
    if (p.agent == AGENT_PING || p.agent == AGENT_FAR) {
        low = 0; /* they only get out of the way */
    } else if (p.agent == AGENT_WHALE) {
        low = want - NEAR * cent;
    } else if (p.agent == AGENT_LADDER) {
        low = want - cent;
    }
    *ret_index = want;
    return is > want || is < low;
}

uint32_t agents_react(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    uint32_t n_slots = sim->flow->n_slots;
    uint32_t n = 0;
    while (f->cursor < n_slots && n == 0) {
        bool first = f->cursor < n_slots / 2; /* the side that would be hit */
        uint32_t slot = 2 * (f->cursor % (n_slots / 2)) + (uint32_t)(first == f->up);
        f->cursor++;
        if ((f->react >> place_of(slot).agent & 1) == 0) {
            continue;
        }
        int32_t index = 0;
        bool there = stands(sim, slot_at(sim, market, slot));
        if (there && stale(sim, market, slot, &index)) {
            n = amend(sim, market, slot,
                      place_of(slot).agent < MAKERS ? index : choose(sim, market, slot), at);
        } else if (!there && place_of(slot).agent < MAKERS && rng_below(&f->rng, 2) == 0) {
            n = put(sim, market, slot, choose(sim, market, slot), at);
        }
    }
    f->react = f->cursor < n_slots ? f->react : 0;
    return n;
}

/* --- what one agent does alone --- */

/* A random place of an agent; makers: any of them. */
static uint32_t random_slot(const struct sim *sim, struct fmarket *f, enum agent agent)
{
    uint32_t n = sim->flow->n_slots;
    uint32_t slot = (uint32_t)rng_below(&f->rng, n);
    uint32_t other_side = (uint32_t)rng_below(&f->rng, 2); /* or YES would be found more often */
    for (uint32_t i = 0; i < n; i++) {
        enum agent a = place_of(slot).agent;
        if (a == agent || (agent == AGENT_MAKER && a < MAKERS)) {
            return slot ^ other_side;
        }
        slot = slot + 1 < n ? slot + 1 : 0;
    }
    return NO_INDEX;
}

/* Take an order away, of 100 times so often, or put one where none is. */
static uint32_t toggle(struct sim *sim, uint32_t market, enum agent agent, uint32_t away,
                       wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    uint32_t slot = random_slot(sim, f, agent);
    if (slot == NO_INDEX) {
        return 0;
    }
    if (!stands(sim, slot_at(sim, market, slot))) {
        if (agent == AGENT_WHALE && rng_below(&f->rng, 2) == 0) {
            return 0; /* not always there */
        }
        return put(sim, market, slot, choose(sim, market, slot), at);
    }
    return rng_below(&f->rng, 100) < away ? withdraw(sim, market, slot, at)
                                          : amend(sim, market, slot, choose(sim, market, slot), at);
}

uint32_t agents_act(struct sim *sim, uint32_t market, double p, wall_ns_t at)
{
    static const struct {
        uint32_t share, away;
        enum agent agent;
    } solo[] = {{DO_MAKER_AMEND, 5, AGENT_MAKER},
                {DO_MAKER_TOGGLE, 90, AGENT_MAKER},
                {DO_PING, 100, AGENT_PING},
                {DO_FAR, 45, AGENT_FAR},
                {DO_WHALE, 70, AGENT_WHALE}};
    struct fmarket *f = &sim->flow->m[market];
    uint32_t what = (uint32_t)rng_below(&f->rng, 1000);
    f->fear *= 0.95;
    for (size_t i = 0; i < sizeof solo / sizeof solo[0]; i++) {
        if (what < solo[i].share) {
            return toggle(sim, market, solo[i].agent, solo[i].away, at);
        }
        what -= solo[i].share;
    }
    return what < DO_NOISE_TAKE ? noise_take(sim, market, at) : informed_take(sim, market, p, at);
}

void agents_open(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct fmarket *f = &sim->flow->m[market];
    for (uint32_t slot = 0; slot < sim->flow->n_slots; slot++) {
        slot_at(sim, market, slot)->id = 0;
        enum agent a = place_of(slot).agent;
        uint32_t filled = a < MAKERS || a == AGENT_LADDER ? 100 : a == AGENT_FAR ? 70 : 35;
        if (rng_below(&f->rng, 100) < filled) {
            (void)put(sim, market, slot, choose(sim, market, slot), at);
        }
    }
}

void agents_adopt(struct sim *sim, enum agent agent, uint64_t id)
{
    const struct match_order *o = match_order_get(sim->match, id);
    for (uint32_t slot = o->side == SIDE_YES ? 0 : 1; slot < sim->flow->n_slots; slot += 2) {
        struct standing *at = slot_at(sim, o->market, slot);
        if (place_of(slot).agent == agent && at->id == 0) {
            *at = (struct standing){id, o->px};
            return;
        }
    }
}
