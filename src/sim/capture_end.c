/*
 * capture_end.c - the end of recorded markets.
 *
 * A market closes when the recording shows it (an empty snapshot after which nothing follows), else
 * LINGER after the last recorded message. SETTLE later it is determined and settled: by its
 * recorded result when that is known, else by its last recorded trade, YES from half a dollar on;
 * without a trade by the middle of its last book. Both times are recorded time and pass at the
 * recording's speed. The option capture_end stops this earlier.
 */
#include "sim/capture_int.h"

#define LINGER NS_PER_SEC
/* The gold series: 5.46 s from close_time to settlement_ts in 25 of 25; the empty snapshot comes
 * about half a second after close_time. */
#define SETTLE (5 * NS_PER_SEC)

static void find_next(struct capture_source *c)
{
    c->next_end = NS_NEVER;
    for (uint32_t i = 0; i < c->n_scans; i++) {
        c->next_end = c->scans[i].ends < c->next_end ? c->scans[i].ends : c->next_end;
    }
}

/* Nothing more will come. */
static void finish(struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    sim->finished = c->ended && c->next_end == NS_NEVER;
}

void capture_end_note(struct sim *sim, uint32_t scan)
{
    struct scan *s = &sim->capture->scans[scan];
    px_t bid = match_best(sim->match, s->market, SIDE_YES);
    px_t no = match_best(sim->match, s->market, SIDE_NO);
    if (s->last_yes_px == 0) {
        px_t ask = no != 0 ? PX_ONE - no : PX_ONE;
        s->last_yes_px = bid != 0 || no != 0 ? (bid + ask) / 2 : 0;
    }
}

void capture_end_closed(struct sim *sim, uint32_t scan, wall_ns_t recorded)
{
    struct capture_source *c = sim->capture;
    c->scans[scan].ends = sim->config.capture_end == SIM_END_SETTLE ? recorded + SETTLE : NS_NEVER;
    find_next(c);
}

void capture_end_all(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    c->ended = true;
    for (uint32_t i = 0; i < c->n_scans && sim->config.capture_end != SIM_END_STAY; i++) {
        if (sim->markets[c->scans[i].market].status == M_ACTIVE) {
            c->scans[i].ends = c->last + LINGER;
        }
    }
    find_next(c);
    finish(sim);
}

static bool result_of(const struct sim *sim, const struct scan *s)
{
    bool yes = false;
    if (outcomes_get(&sim->capture->outcomes, text_of(s->ticker), &yes)) {
        return yes;
    }
    return s->last_yes_px >= PX_ONE / 2;
}

void capture_end_step(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    uint32_t i = 0;
    while (c->scans[i].ends != c->next_end) {
        i++;
    }
    struct scan *s = &c->scans[i];
    wall_ns_t recorded = s->ends;
    wall_ns_t at = capture_shifted(sim, recorded);
    s->ends = NS_NEVER;
    if (sim->markets[s->market].status == M_ACTIVE) {
        capture_end_note(sim, i);
        sim_close_market(sim, s->market, at);
        capture_end_closed(sim, i, recorded);
    } else if (sim->markets[s->market].status == M_CLOSED) {
        sim_settle_market(sim, s->market, result_of(sim, s), at);
    }
    find_next(c);
    finish(sim);
}
