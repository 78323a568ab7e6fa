/*
 * sim_sub.c - subscriptions, and who follows which market.
 *
 * Books, tickers and trades are found by market: a message costs what its subscribers cost, however
 * many connections there are. A subscription to every market is in the channel's list of listeners
 * instead; its set then holds the markets that were taken out again. Channels that are few or
 * private have all their subscriptions there.
 *
 * A ticker that no market has is a ghost: subscriptions to it are kept, and follow the market when
 * it is listed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/sim_int.h"

#define GHOSTS_MAX 1000000u /* more are answered, but not remembered */

/* --- sets and lists --- */

bool set_has(const struct number_set *s, uint32_t i)
{
    return i >> 6 < s->words && (s->bits[i >> 6] >> (i & 63) & 1) != 0;
}

/* True when it was not there. */
static bool set_add(struct number_set *s, uint32_t i)
{
    if (i >> 6 >= s->words) {
        uint32_t words = (i >> 6) + 1 > s->words * 2 ? (i >> 6) + 1 : s->words * 2;
        uint64_t *bits = realloc(s->bits, words * sizeof *bits);
        ensure_memory(bits);
        memset(bits + s->words, 0, (words - s->words) * sizeof *bits);
        s->bits = bits;
        s->words = words;
    }
    if (set_has(s, i)) {
        return false;
    }
    s->bits[i >> 6] |= UINT64_C(1) << (i & 63);
    s->n++;
    return true;
}

static bool set_remove(struct number_set *s, uint32_t i)
{
    if (!set_has(s, i)) {
        return false;
    }
    s->bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    s->n--;
    return true;
}

static void set_finish(struct number_set *s)
{
    free(s->bits);
    *s = (struct number_set){0};
}

static void list_add(struct sub_list *l, struct sub *s)
{
    ensure_memory(sim_grow((void **)&l->v, l->n, &l->cap, sizeof(struct sub *)));
    l->v[l->n++] = s;
}

/* Order is kept: who subscribed first is told first. */
static void list_remove(struct sub_list *l, const struct sub *s)
{
    for (uint32_t i = l->n; i > 0; i--) {
        if (l->v[i - 1] == s) {
            memmove(&l->v[i - 1], &l->v[i], (l->n - i) * sizeof *l->v);
            l->n--;
            return;
        }
    }
}

/* --- the index --- */

enum status subs_init(struct sim *sim)
{
    return idmap_init(&sim->by_ghost, GHOSTS_MAX);
}

void subs_finish(struct sim *sim)
{
    for (int ch = 0; ch < CH_INDEXED; ch++) {
        for (uint32_t i = 0; i < sim->followers_cap; i++) {
            free(sim->followers[ch][i].v);
        }
        free(sim->followers[ch]);
    }
    for (int ch = 0; ch < CH_MAX; ch++) {
        free(sim->listeners[ch].v);
    }
    for (uint32_t i = 0; i < sim->n_ghosts; i++) {
        free(sim->ghosts[i].subs.v);
    }
    free(sim->ghosts);
    idmap_finish(&sim->by_ghost);
}

static void followers_reach(struct sim *sim, uint32_t market)
{
    if (market < sim->followers_cap) {
        return;
    }
    uint32_t cap = sim->markets_cap > market ? sim->markets_cap : market + 1;
    for (int ch = 0; ch < CH_INDEXED; ch++) {
        struct sub_list *lists = realloc(sim->followers[ch], cap * sizeof *lists);
        ensure_memory(lists);
        memset(lists + sim->followers_cap, 0, (cap - sim->followers_cap) * sizeof *lists);
        sim->followers[ch] = lists;
    }
    sim->followers_cap = cap;
}

static bool indexed(const struct sub *s)
{
    return s->channel < CH_INDEXED;
}

static void follow(struct sim *sim, struct sub *s, uint32_t market)
{
    if (indexed(s) && !s->all) {
        followers_reach(sim, market);
        list_add(&sim->followers[s->channel][market], s);
    }
}

static void unfollow(struct sim *sim, struct sub *s, uint32_t market)
{
    if (indexed(s) && !s->all) {
        list_remove(&sim->followers[s->channel][market], s);
    }
}

struct sub_walk sub_walk(const struct sim *sim, enum channel channel, uint32_t market)
{
    static const struct sub_list none = {0};
    bool has = channel < CH_INDEXED && market < sim->followers_cap;
    return (struct sub_walk){
        .lists = {has ? &sim->followers[channel][market] : &none, &sim->listeners[channel]},
        .market = market};
}

static bool sub_has(const struct sub *s, uint32_t market)
{
    return !s->dead && s->all != set_has(&s->markets, market);
}

struct sub *sub_next(struct sub_walk *w)
{
    for (; w->list < 2; w->list++, w->i = 0) {
        const struct sub_list *l = w->lists[w->list];
        while (w->i < l->n) {
            struct sub *s = l->v[w->i++];
            bool wanted = w->list == 0 || w->market == NO_INDEX || sub_has(s, w->market);
            if (wanted && !s->dead && !s->conn->closing) {
                return s;
            }
        }
    }
    return NULL;
}

/* --- ghosts --- */

static uint32_t ghost_find(const struct sim *sim, const char *ticker)
{
    return idmap_get(&sim->by_ghost, text_of(ticker));
}

static uint32_t ghost_of(struct sim *sim, const char *ticker)
{
    uint32_t g = ghost_find(sim, ticker);
    if (g != NO_INDEX || strlen(ticker) >= TICKER_MAX ||
        !sim_grow((void **)&sim->ghosts, sim->n_ghosts, &sim->ghosts_cap, sizeof *sim->ghosts) ||
        idmap_put(&sim->by_ghost, text_of(ticker), sim->n_ghosts) != ST_OK) {
        return g;
    }
    sim->ghosts[sim->n_ghosts] = (struct ghost){0};
    text_copy(sim->ghosts[sim->n_ghosts].ticker, TICKER_MAX, text_of(ticker));
    return sim->n_ghosts++;
}

void subs_market_added(struct sim *sim, uint32_t market)
{
    uint32_t g = ghost_find(sim, sim->markets[market].ticker);
    if (g == NO_INDEX) {
        return;
    }
    struct sub_list *l = &sim->ghosts[g].subs;
    for (uint32_t i = 0; i < l->n; i++) {
        struct sub *s = l->v[i];
        set_remove(&s->ghosts, g);
        if (!s->all && set_add(&s->markets, market)) {
            follow(sim, s, market);
        }
    }
    l->n = 0;
}

/* --- what a subscription follows --- */

bool sub_follows(const struct sim *sim, const struct sub *s, const char *ticker)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    uint32_t g = market == NO_INDEX ? ghost_find(sim, ticker) : NO_INDEX;
    return market != NO_INDEX ? sub_has(s, market) : g != NO_INDEX && set_has(&s->ghosts, g);
}

bool sub_add_ticker(struct sim *sim, struct sub *s, const char *ticker)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (market != NO_INDEX && s->all) {
        return set_remove(&s->markets, market);
    }
    if (market != NO_INDEX) {
        bool fresh = set_add(&s->markets, market);
        if (fresh) {
            follow(sim, s, market);
        }
        return fresh;
    }
    uint32_t g = ghost_of(sim, ticker);
    if (g == NO_INDEX || !set_add(&s->ghosts, g)) {
        return false;
    }
    list_add(&sim->ghosts[g].subs, s);
    return true;
}

void sub_remove_ticker(struct sim *sim, struct sub *s, const char *ticker)
{
    uint32_t market = sim_find_market(sim, text_of(ticker));
    if (market != NO_INDEX && s->all) {
        (void)set_add(&s->markets, market);
    } else if (market != NO_INDEX) {
        if (set_remove(&s->markets, market)) {
            unfollow(sim, s, market);
        }
    } else {
        uint32_t g = ghost_find(sim, ticker);
        if (g != NO_INDEX && set_remove(&s->ghosts, g)) {
            list_remove(&sim->ghosts[g].subs, s);
        }
    }
}

/* Out of every list by market or ghost. */
static void forget_markets(struct sim *sim, struct sub *s)
{
    for (uint32_t w = 0; w < s->markets.words; w++) {
        for (uint64_t bits = s->markets.bits[w]; bits != 0; bits &= bits - 1) {
            unfollow(sim, s, w * 64 + (uint32_t)__builtin_ctzll(bits));
        }
    }
    for (uint32_t w = 0; w < s->ghosts.words; w++) {
        for (uint64_t bits = s->ghosts.bits[w]; bits != 0; bits &= bits - 1) {
            list_remove(&sim->ghosts[w * 64 + (uint32_t)__builtin_ctzll(bits)].subs, s);
        }
    }
    set_finish(&s->markets);
    set_finish(&s->ghosts);
}

void sub_take_all(struct sim *sim, struct sub *s)
{
    forget_markets(sim, s);
    if (!s->all && indexed(s)) {
        list_add(&sim->listeners[s->channel], s);
    }
    s->all = true;
}

/* --- life --- */

struct sub *sub_find(struct sim_conn *c, uint64_t sid)
{
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i]->sid == sid && !c->subs[i]->dead) {
            return c->subs[i];
        }
    }
    return NULL;
}

struct sub *sub_of_channel(struct sim_conn *c, enum channel channel)
{
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i]->channel == channel && !c->subs[i]->dead) {
            return c->subs[i];
        }
    }
    return NULL;
}

struct sub *sub_create(struct sim *sim, struct sim_conn *c, enum channel channel)
{
    struct sub **subs = realloc(c->subs, (c->n_subs + 1) * sizeof(struct sub *));
    struct sub *s = calloc(1, sizeof *s);
    ensure_memory(subs);
    ensure_memory(s);
    c->subs = subs;
    c->subs[c->n_subs++] = s;
    *s = (struct sub){.conn = c, .sid = ++c->next_sid, .channel = channel};
    sim->subs_of[channel]++;
    sim->count.subscribed[channel]++;
    if (!indexed(s)) {
        list_add(&sim->listeners[channel], s);
    }
    return s;
}

void sub_end(struct sim *sim, struct sub *s)
{
    struct sim_conn *c = s->conn;
    forget_markets(sim, s);
    if (s->all || !indexed(s)) {
        list_remove(&sim->listeners[s->channel], s);
    }
    uint32_t i = 0;
    while (c->subs[i] != s) {
        i++;
    }
    memmove(&c->subs[i], &c->subs[i + 1], (c->n_subs - i - 1) * sizeof(struct sub *));
    c->n_subs--;
    sim->subs_of[s->channel]--;
    json_decref(s->names);
    free(s);
}
