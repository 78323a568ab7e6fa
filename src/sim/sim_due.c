/*
 * sim_due.c - what the clock will do next with which market: the heap sim->due, by time. A market
 * has one step at most.
 */
#include "base/ensure.h"
#include "sim/sim_life.h"

static bool less(const struct sim *sim, uint32_t a, uint32_t b)
{
    wall_ns_t x = sim->markets[sim->due[a]].due;
    wall_ns_t y = sim->markets[sim->due[b]].due;
    return x != y ? x < y : sim->due[a] < sim->due[b];
}

static void swap(struct sim *sim, uint32_t a, uint32_t b)
{
    uint32_t t = sim->due[a];
    sim->due[a] = sim->due[b];
    sim->due[b] = t;
    sim->markets[sim->due[a]].heap_at = a;
    sim->markets[sim->due[b]].heap_at = b;
}

static void sift(struct sim *sim, uint32_t i)
{
    while (i > 0 && less(sim, i, (i - 1) / 2)) {
        swap(sim, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t c = 2 * i + 1;
        c += c + 1 < sim->n_due && less(sim, c + 1, c);
        if (c >= sim->n_due || !less(sim, c, i)) {
            return;
        }
        swap(sim, c, i);
        i = c;
    }
}

void due_clear(struct sim *sim, uint32_t market)
{
    struct smarket *k = &sim->markets[market];
    uint32_t i = k->heap_at;
    if (i == NO_INDEX) {
        return;
    }
    uint32_t last = sim->n_due - 1;
    if (i != last) {
        swap(sim, i, last);
    }
    sim->n_due--;
    k->heap_at = NO_INDEX;
    k->due = 0;
    if (i != last) {
        sift(sim, i);
    }
}

void due_set(struct sim *sim, uint32_t market, enum life_step step, wall_ns_t due)
{
    struct smarket *k = &sim->markets[market];
    k->step = (int)step;
    k->due = due;
    if (k->heap_at == NO_INDEX) {
        bool room = sim_grow((void **)&sim->due, sim->n_due, &sim->due_cap, sizeof *sim->due);
        ensure_memory(room);
        sim->due[sim->n_due] = market;
        k->heap_at = sim->n_due++;
    }
    sift(sim, k->heap_at);
}

/* The heap follows from the markets: due is 0 where nothing is. */
void life_restore(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        struct smarket *k = &sim->markets[i];
        k->heap_at = NO_INDEX;
        if (k->due != 0) {
            due_set(sim, i, (enum life_step)k->step, k->due);
        }
    }
}

bool due_is(const struct smarket *k, enum life_step step)
{
    return k->heap_at != NO_INDEX && k->step == (int)step;
}
