/*
 * sim_flow.c - generated markets: a population of agents around a hidden value.
 *
 *   when  flow_pace.c    what it is worth  flow_walk.c    who does what  flow_agents.c
 *
 * A market's event is news, of which the makers hear and to which some react one order after the
 * other, or something that one agent does alone. Markets wait in a heap for their next event; an
 * event is told when the feed lets it (flow_lag, flow_stalls) and bears the time of the engine.
 * Only the seed and the times given decide what happens.
 *
 * The clock of sim_life.c closes a market at its close_time; SETTLE_AFTER later it is settled by
 * the hidden value: YES when it ended above 0. Markets that somebody else lists while the flow runs
 * are joined and traded, but their result is left to whoever listed them.
 */
#include <stdlib.h>
#include <string.h>

#include "match/match_state.h"
#include "sim/flow_int.h"
#include "sim/sim_life.h"

#define SETTLE_AFTER (NS_PER_SEC + NS_PER_SEC / 2)
#define ENDLESS      (365 * 86400 * NS_PER_SEC) /* close_time of markets that do not close */
#define HOUSE_CASH   (1000000000 * USD_ONE)     /* of each agent: never the limit of anything */

/* --- the heap of markets --- */

static bool heap_less(const struct flow_source *s, uint32_t a, uint32_t b)
{
    mono_ns_t x = s->m[s->heap[a]].next;
    mono_ns_t y = s->m[s->heap[b]].next;
    return x != y ? x < y : s->heap[a] < s->heap[b];
}

static void heap_swap(struct flow_source *s, uint32_t a, uint32_t b)
{
    uint32_t t = s->heap[a];
    s->heap[a] = s->heap[b];
    s->heap[b] = t;
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
        heap_swap(s, i, c);
        i = c;
    }
}

static void heap_make(struct flow_source *s)
{
    for (uint32_t i = s->n; i > 0; i--) {
        heap_down(s, i - 1);
    }
}

static void heap_up(struct flow_source *s, uint32_t i)
{
    while (i > 0 && heap_less(s, i, (i - 1) / 2)) {
        heap_swap(s, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

/* --- times --- */

static wall_ns_t wall_of(const struct flow_source *s, mono_ns_t t)
{
    return s->start_wall + (t - s->start);
}

static bool endless(const struct sim *sim, uint32_t market)
{
    return sim->config.duration_ns == 0 && !sim->flow->m[market].theirs;
}

/* Seconds from t to the close. */
static double left_s(const struct sim *sim, uint32_t market, mono_ns_t t)
{
    if (endless(sim, market)) {
        return WALK_LIFE_S;
    }
    double left = (double)(sim->markets[market].closes - wall_of(sim->flow, t)) / 1e9;
    return left > 0 ? left : 0;
}

/* --- one market's event --- */

static void end_of_market(struct sim *sim, struct fmarket *f, uint32_t market, mono_ns_t t)
{
    struct flow_source *s = sim->flow;
    const struct smarket *k = &sim->markets[market];
    if (f->stage == STAGE_OPEN && !f->theirs) {
        f->stage = STAGE_ENDING;
        f->next = t + SETTLE_AFTER;
        return;
    }
    if (!f->theirs && k->status < M_CLOSED) { /* its close was moved, and it opened again */
        f->stage = STAGE_OPEN;
        f->react = 0;
        f->next = f->event = pace_next(s, f, t);
        return;
    }
    if (!f->theirs && k->status == M_CLOSED) {
        sim_settle_market(sim, market, f->value > 0, wall_of(s, t));
    }
    f->stage = STAGE_DONE;
    f->next = NS_NEVER;
    s->settled += !f->theirs;
    sim->finished = s->settled == s->own;
}

static uint32_t event(struct sim *sim, struct fmarket *f, uint32_t market, wall_ns_t at)
{
    struct flow_source *s = sim->flow;
    mono_ns_t t = f->next;
    if (t < f->event) {
        return agents_react(sim, market, at);
    }
    s->events++;
    bool news = rng_unit(&f->rng) < NEWS_SHARE;
    pace_excite(f, news);
    f->event = pace_next(s, f, t);
    double left = left_s(sim, market, t);
    double since = (double)(t - f->news) / 1e9;
    if (!news && since < left * NEWS_AT_LEAST) {
        return agents_act(sim, market, walk_probability(f, left), at);
    }
    walk_move(f, left + since, since, endless(sim, market));
    f->news = t;
    return agents_news(sim, market, walk_probability(f, left), at);
}

/* The agents take their places; the market's first event is drawn. */
static void begin(struct sim *sim, uint32_t market, wall_ns_t at, mono_ns_t t)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    if (!f->resumed) {
        agents_open(sim, market, at);
    }
    f->opened = true;
    pace_start(s, f);
    f->next = f->event = pace_next(s, f, t);
}

/* A market that somebody else has listed is not open yet, or has just opened. */
static void wait_for_opening(struct sim *sim, struct fmarket *f, uint32_t market)
{
    struct flow_source *s = sim->flow;
    const struct smarket *k = &sim->markets[market];
    mono_ns_t opens = s->start + (k->opens - s->start_wall);
    if (k->status == M_ACTIVE) {
        begin(sim, market, wall_of(s, f->next), f->next);
    } else {
        f->next = opens > f->next ? opens : f->next + NS_PER_SEC;
    }
}

static void step(struct sim *sim, uint32_t market)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    const struct smarket *k = &sim->markets[market];
    mono_ns_t t = f->next;
    if (f->stage == STAGE_OPEN && !f->opened && k->status < M_CLOSED) {
        wait_for_opening(sim, f, market);
        return;
    }
    if (f->stage != STAGE_OPEN || k->status >= M_CLOSED || wall_of(s, t) >= k->closes) {
        end_of_market(sim, f, market, t);
        return;
    }
    pace_learn(s, event(sim, f, market, wall_of(s, t)));
    f->next = f->event;
    if (f->react != 0) {
        mono_ns_t more = t + 1 + (mono_ns_t)(f->step_s * 1e9 * flow_exponential(&f->rng));
        f->next = more < f->next ? more : f->next;
    }
    mono_ns_t close = s->start + (k->closes - s->start_wall);
    f->next = f->next < close ? f->next : close;
}

/* --- markets --- */

static enum status room_for(struct flow_source *s, uint32_t n)
{
    if (n <= s->cap) {
        return ST_OK;
    }
    uint32_t cap = s->cap == 0 ? n : s->cap * 2 > n ? s->cap * 2 : n;
    struct fmarket *m = realloc(s->m, cap * sizeof *m);
    s->m = m != NULL ? m : s->m;
    uint32_t *heap = realloc(s->heap, cap * sizeof *heap);
    s->heap = heap != NULL ? heap : s->heap;
    struct standing *slots = realloc(s->slots, (size_t)cap * s->n_slots * sizeof *slots);
    s->slots = slots != NULL ? slots : s->slots;
    if (m == NULL || heap == NULL || slots == NULL) {
        return ST_NOMEM;
    }
    memset(s->slots + (size_t)s->cap * s->n_slots, 0,
           (size_t)(cap - s->cap) * s->n_slots * sizeof *slots);
    s->cap = cap;
    return ST_OK;
}

static enum status add_market(struct sim *sim, uint32_t i, bool *ret_known, struct err *err)
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
    *ret_known = known;
    if (st == ST_OK && !known) {
        mono_ns_t life = sim->config.duration_ns;
        sim->markets[market].closes = sim->wall + (life > 0 ? life : ENDLESS);
    }
    return st;
}

static void add_to_heap(struct flow_source *s, uint32_t market)
{
    s->heap[s->n++] = market;
    s->own += !s->m[market].theirs;
}

static void open_market(struct sim *sim, uint32_t market, double rate)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    *f = (struct fmarket){.rate = rate, .news = sim->now};
    rng_init(&f->rng, sim->config.seed * UINT64_C(0x9e3779b97f4a7c15) + market);
    double life = (double)sim->config.duration_ns / 1e9;
    life = life > 0 ? life : WALK_LIFE_S;
    walk_start(f, life);
    f->seen = walk_probability(f, life);
    begin(sim, market, sim->wall, sim->now);
    sim->markets[market].last_yes_px =
        grid_floor(match_grid(sim->match, market), (px_t)(f->seen * (double)PX_ONE));
    add_to_heap(s, market);
}

/* A market listed while the flow runs: its agents come when it opens. */
static void join_market(struct sim *sim, uint32_t market, double rate)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    *f = (struct fmarket){.rate = rate, .news = sim->now, .theirs = true, .next = sim->now};
    rng_init(&f->rng, sim->config.seed * UINT64_C(0x9e3779b97f4a7c15) + market);
    walk_start(f, left_s(sim, market, sim->now) + 1);
    f->seen = walk_probability(f, left_s(sim, market, sim->now));
    add_to_heap(s, market);
}

/* A market of an earlier process goes on from its price; the agents take their places anew. */
static void resume_market(struct sim *sim, uint32_t market, double rate)
{
    struct flow_source *s = sim->flow;
    struct fmarket *f = &s->m[market];
    const struct smarket *k = &sim->markets[market];
    px_t bid = match_best(sim->match, market, SIDE_YES);
    px_t no = match_best(sim->match, market, SIDE_NO);
    px_t mid = bid != 0 && no != 0 ? (bid + PX_ONE - no) / 2 : k->last_yes_px;
    *f = (struct fmarket){.rate = rate, .news = sim->now, .resumed = true};
    rng_init(&f->rng,
             (sim->config.seed ^ (uint64_t)sim->wall) * UINT64_C(0x9e3779b97f4a7c15) + market);
    double left = (double)(k->closes - sim->wall) / 1e9;
    left = sim->config.duration_ns == 0 ? WALK_LIFE_S : left > 1 ? left : 1;
    walk_resume(f, left, (double)mid / (double)PX_ONE);
    f->seen = walk_probability(f, left);
    f->stage = k->status >= M_DETERMINED ? STAGE_DONE : STAGE_OPEN;
    f->next = NS_NEVER;
    if (f->stage == STAGE_OPEN) {
        begin(sim, market, sim->wall, sim->now);
    }
    s->settled += f->stage == STAGE_DONE;
    add_to_heap(s, market);
}

/* The accounts of an earlier process that belong to no user are the agents'. */
static bool find_agents(struct sim *sim)
{
    int found = 0;
    for (uint32_t a = 1; a < match_state_accounts(sim->match) && found < AGENT_MAX; a++) {
        if (a <= MAX_ACCOUNTS && sim->user_of_account[a] == NO_INDEX) {
            sim->flow->account[found++] = a;
        }
    }
    return found == AGENT_MAX;
}

/* Their open orders take their places again. */
static enum status find_orders(struct sim *sim, struct err *err)
{
    struct flow_source *s = sim->flow;
    for (int a = 0; a < AGENT_MAX; a++) {
        uint32_t n = match_open_orders(sim->match, s->account[a], NULL, 0);
        uint64_t *ids = calloc(n + 1, sizeof *ids);
        if (ids == NULL) {
            return err_set(err, ST_NOMEM, "no memory for the orders of the generated flow");
        }
        n = match_open_orders(sim->match, s->account[a], ids, n);
        for (uint32_t i = 0; i < n; i++) {
            if (match_order_get(sim->match, ids[i])->market < sim->config.markets) {
                agents_adopt(sim, (enum agent)a, ids[i]);
            }
        }
        free(ids);
    }
    return ST_OK;
}

static enum status add_agents(struct sim *sim, struct err *err)
{
    if (sim->restored && find_agents(sim)) {
        return find_orders(sim, err);
    }
    for (int a = 0; a < AGENT_MAX; a++) {
        enum status st = match_add_account(sim->match, HOUSE_CASH, &sim->flow->account[a]);
        if (st != ST_OK) {
            return err_set(err, st, "the agents of the generated flow: %s", status_text(st));
        }
    }
    return ST_OK;
}

enum status flow_source_create(struct sim *sim, struct err *err)
{
    struct flow_source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the generated markets");
    }
    sim->flow = s;
    s->n_slots = flow_orders_of(sim->config.markets);
    rng_init(&s->rng, sim->config.seed ^ UINT64_C(0x6a09e667f3bcc908));
    enum status st = room_for(s, sim->config.markets);
    st = st == ST_OK ? add_agents(sim, err)
                     : err_set(err, st, "no memory for the generated markets");
    double sum = 0;
    for (uint32_t i = 0; i < sim->config.markets; i++) {
        sum += 1.0 / (1 + i % 10);
    }
    for (uint32_t i = 0; st == ST_OK && i < sim->config.markets; i++) {
        bool known = false;
        double rate = sim->config.rate / (1 + i % 10) / sum; /* some are busier */
        st = add_market(sim, i, &known, err);
        if (st == ST_OK && known) {
            resume_market(sim, i, rate);
        } else if (st == ST_OK) {
            open_market(sim, i, rate);
        }
    }
    sim->count.source_messages = 0;
    return st;
}

void flow_source_destroy(struct flow_source *s)
{
    if (s != NULL) {
        free(s->m);
        free(s->slots);
        free(s->heap);
        free(s);
    }
}

uint32_t flow_orders_of(uint32_t markets)
{
    uint32_t n = markets > 0 ? SLOTS_BUDGET / markets : FLOW_SLOTS;
    n = n < SLOTS_MIN ? SLOTS_MIN : n > FLOW_SLOTS ? FLOW_SLOTS : n;
    return n - n % 2;
}

usd_t flow_house_cash(const struct sim *sim, usd_t *ret_started)
{
    usd_t sum = 0;
    *ret_started = 0;
    for (int a = 0; sim->flow != NULL && a < AGENT_MAX; a++) {
        sum += match_account(sim->match, sim->flow->account[a])->cash;
        *ret_started += HOUSE_CASH;
    }
    return sum;
}

/* Markets listed since: as busy as the one in the middle. */
static void join_markets(struct sim *sim)
{
    struct flow_source *s = sim->flow;
    while (sim->config.flow_joins && s->n < sim->n_markets && room_for(s, s->n + 1) == ST_OK) {
        join_market(sim, s->n, sim->config.rate / (s->own > 0 ? s->own : 1));
        heap_up(s, s->n - 1);
    }
}

static void start(struct sim *sim)
{
    struct flow_source *s = sim->flow;
    s->start = s->lag_until = s->stall_from = s->stall_until = sim->now;
    s->start_wall = sim->wall;
    for (uint32_t i = 0; i < s->n; i++) {
        struct fmarket *f = &s->m[i];
        if (f->stage != STAGE_OPEN) {
            continue;
        }
        f->event += sim->now - f->news;
        f->next = f->event;
        f->news = sim->now;
        if (sim->config.duration_ns > 0 && !f->resumed) {
            sim->markets[i].closes = sim->wall + sim->config.duration_ns;
            life_follow(sim, i);
        }
    }
    s->started = true;
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
    join_markets(sim);
    uint64_t until = sim->count.source_messages + TICK_MESSAGES;
    for (uint32_t i = 0; i < TICK_MESSAGES && sim->count.source_messages < until; i++) {
        uint32_t market = s->heap[0];
        mono_ns_t t = s->m[market].next;
        if (t > sim->now) {
            return;
        }
        feed_advance(sim, t);
        if (feed_due(sim, t) > sim->now) {
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
    if (sim->config.flow_joins && s->n < sim->n_markets) {
        return sim->now;
    }
    mono_ns_t t = s->m[s->heap[0]].next;
    return t == NS_NEVER ? t : feed_due(sim, t);
}
