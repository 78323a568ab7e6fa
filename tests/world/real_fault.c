/*
 * real_fault.c - which faults happen, and when.
 *
 * Each kind counts its own draws and knows the next that is a hit, so that a hit has a name (kind
 * and draw) that stays the same when other faults are left out: this is how a failing seed shrinks.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "world/real_int.h"

#define PPM 1000000U

const char *const real_fault_names[FAULT_MAX] = {
#define X(id, name) [FAULT_##id] = name,
    REAL_FAULTS(X)
#undef X
};

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t v[3] = {a, b, c};
    return hash64(v, sizeof v);
}

/* From one hit to the next: evenly spread around what the chance says. */
static uint64_t gap(const struct real *r, enum real_fault kind, uint64_t draw)
{
    uint32_t ppm = r->config.faults.ppm[kind];
    struct rng rng;
    if (ppm == 0) {
        return UINT64_MAX / 2;
    }
    rng_init(&rng, mix(r->config.seed, kind, draw));
    uint64_t mean = (PPM + ppm - 1) / ppm;
    return 1 + rng_below(&rng, 2 * mean - 1);
}

void faults_init(struct real *r)
{
    r->faults = true;
    for (int k = 0; k < FAULT_MAX; k++) {
        r->next_hit[k] = gap(r, (enum real_fault)k, UINT64_MAX) - 1;
    }
}

static bool allowed(const struct real *r, enum real_fault kind, uint64_t draw)
{
    if ((r->config.off >> kind & 1) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < r->config.n_only; i++) {
        if (r->config.only[i].kind == kind && r->config.only[i].draw == draw) {
            return true;
        }
    }
    return r->config.only == NULL;
}

bool real_happens(struct real *r, enum real_fault kind)
{
    if (!r->faults || r->config.faults.ppm[kind] == 0) {
        return false;
    }
    uint64_t draw = r->draws[kind]++;
    if (draw < r->next_hit[kind]) {
        return false;
    }
    r->next_hit[kind] = draw + gap(r, kind, draw);
    if (!allowed(r, kind, draw)) {
        return false;
    }
    r->hits = real_grow(r->hits, r->n_hits, &r->cap_hits, sizeof *r->hits);
    r->hits[r->n_hits++] = (struct real_hit){kind, draw};
    r->happened[kind]++;
    rng_init(&r->event, mix(r->config.seed + 1, kind, draw));
    real_trace(r, "fault %s:%llu", real_fault_names[kind], (unsigned long long)draw);
    return true;
}

/* --- those of a turn --- */

static void lasts(struct real *r, enum real_fault kind, uint32_t ms_max)
{
    mono_ns_t until = r->now + (mono_ns_t)(1 + rng_below(&r->event, ms_max)) * NS_PER_MS;
    r->until[kind] = until > r->until[kind] ? until : r->until[kind];
}

static void step_clock(struct real *r)
{
    int64_t most = rng_below(&r->event, 3) == 0 ? 4000 : 900;
    r->clock_off = ((int64_t)rng_below(&r->event, (uint64_t)(2 * most)) - most) * NS_PER_MS;
    lasts(r, FAULT_CLOCK_STEP, 8000);
    real_trace(r, "the client's clock is off by %lld ms", (long long)(r->clock_off / NS_PER_MS));
}

void real_die_soon(struct real *r, bool power)
{
    if (r->generation != 0 && r->steps_left == 0) {
        r->steps_left = 1 + (uint32_t)rng_below(&r->event, 60);
        r->power_goes = power;
    }
}

static void person(struct real *r)
{
    static const enum command what[] = {CMD_HALT, CMD_CANCEL_ALL, CMD_RESUME, CMD_FLATTEN,
                                        CMD_RESUME};
    if (r->generation != 0) {
        client_command(r, what[rng_below(&r->event, sizeof what / sizeof what[0])], "a person");
    }
}

static void begin(struct real *r, enum real_fault kind)
{
    switch ((int)kind) { /* all others are the simulator's */
    case FAULT_RESTART:
        exchange_restart(r);
        break;
    case FAULT_PAUSE:
        (void)exchange_pause(r, "trading", 200 + (uint32_t)rng_below(&r->event, 2000));
        break;
    case FAULT_MAINTENANCE:
        (void)exchange_pause(r, "exchange", 200 + (uint32_t)rng_below(&r->event, 3000));
        break;
    case FAULT_CLOSE:
        exchange_close_market(r);
        break;
    case FAULT_CRASH:
    case FAULT_POWER:
        real_die_soon(r, kind == FAULT_POWER);
        break;
    case FAULT_FREEZE:
    case FAULT_STORE_STALL:
        lasts(r, kind, rng_below(&r->event, 3) == 0 ? 12000 : 2000);
        break;
    case FAULT_COMMAND:
        person(r);
        break;
    case FAULT_CLOCK_STEP:
        step_clock(r);
        break;
    case FAULT_DB_ERROR:
    case FAULT_DB_SHORT:
    case FAULT_DB_FULL:
    case FAULT_DB_SLOW:
    case FAULT_DB_LOCKED:
    case FAULT_SPILL_ERROR:
    case FAULT_SPILL_FULL:
        r->happened[kind]--; /* counted by operation */
        lasts(r, kind, rng_below(&r->event, 4) == 0 ? 20000 : 3000);
        break;
    case FAULT_DB_HANG:
        r->happened[kind]--;
        lasts(r, kind, rng_below(&r->event, 4) == 0 ? 12000 : 1500);
        break;
    case FAULT_JOURNAL_ERROR:
    case FAULT_JOURNAL_FULL:
        r->happened[kind]--;
        lasts(r, kind, 500);
        break;
    default:
        exchange_fault(r, kind);
    }
}

void faults_turn(struct real *r)
{
    if (r->clock_off != 0 && !real_lasts(r, FAULT_CLOCK_STEP)) {
        r->clock_off = 0;
        real_trace(r, "the client's clock is right again");
    }
    for (int k = FAULT_HTTP_429; k < FAULT_MAX; k++) {
        if (real_happens(r, (enum real_fault)k)) {
            begin(r, (enum real_fault)k);
        }
    }
}

void faults_end(struct real *r)
{
    r->faults = false;
    r->steps_left = 0;
    for (int k = 0; k < FAULT_MAX; k++) {
        r->until[k] = 0;
    }
    truth_end_faults(r->sim);
}

const struct real_hit *real_hits(const struct real *r, uint32_t *ret_n)
{
    *ret_n = r->n_hits;
    return r->hits;
}
