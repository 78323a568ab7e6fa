/*
 * sim_life.h - series, events and markets, and their life, for the files of sim/ that need more of
 * them than to look a market up.
 *
 *   sim_market.c    the tables            sim_lifecycle.c  what subscribers are told
 *   sim_life.c      states and the clock  sim_fees.c       fees by series, event and market
 *   sim_due.c       what is due next      sim_hours.c      pauses by the calendar
 *   sim_scenario.c  what happens when
 */
#ifndef SIM_SIM_LIFE_H
#define SIM_SIM_LIFE_H

#include "sim/sim_int.h"

#define RULES_PRIMARY "A market of the simulator."

/* --- sim_market.c: the tables of series, events and markets --- */
/* What a new market is. Texts and tickers are copied; NULL or 0: the default. */
struct market_spec {
    const char *ticker, *id;
    const char *event; /* NULL: the ticker up to its last '-'; made when missing */
    const char *text[MT_MAX];
    const struct grid *grid;
    const char *structure;
    bool recorded, scalar, no_early_close;
    bool managed;     /* opened and closed by the clock */
    int32_t timer_s;  /* settlement_timer_seconds; 0: 1 */
    wall_ns_t opens;  /* 0: now */
    wall_ns_t closes; /* 0: in a year */
    wall_ns_t expected, latest, occurred, waived_until;
    px_t floor;
};
/* ST_EXISTS, ST_INVALID (ticker), ST_LIMIT, ST_NOMEM. Tells nobody: see life_list(). */
enum status sim_new_market(struct sim *sim, const struct market_spec *spec, uint32_t *ret_market,
                           struct err *err) MUST_CHECK;
enum status sim_new_series(struct sim *sim, const char *ticker, uint32_t *ret_series,
                           struct err *err) MUST_CHECK;
/* series NULL: the ticker up to its first '-'. The series is made when missing. */
enum status sim_new_event(struct sim *sim, const char *ticker, const char *series,
                          uint32_t *ret_event, struct err *err) MUST_CHECK;
uint32_t sim_find_event(const struct sim *sim, struct text ticker);  /* NO_INDEX */
uint32_t sim_find_series(const struct sim *sim, struct text ticker); /* NO_INDEX */
/* The part of a ticker before its first, or last, '-'. */
void ticker_part(const char *ticker, bool last, char out[TICKER_MAX]);
bool ticker_valid(const char *s); /* [A-Za-z0-9._-]+, shorter than TICKER_MAX */
/* Replace an owned text; s NULL: none. False without memory: unchanged. */
bool text_set(char **slot, const char *s);
const char *mstatus_text(enum mstatus s); /* as in Market.status */
void sim_markets_finish(struct sim *sim);
/* --- sim_due.c --- */
enum life_step { LIFE_OPEN, LIFE_CLOSE, LIFE_SWEEP, LIFE_SNAPSHOT, LIFE_SETTLE };
void due_set(struct sim *sim, uint32_t market, enum life_step step, wall_ns_t due);
void due_clear(struct sim *sim, uint32_t market);
bool due_is(const struct smarket *k, enum life_step step);

/* --- sim_life.c --- */
/* A duration of the schedule, shortened by config.time_scale. */
mono_ns_t sim_scaled(const struct sim *sim, mono_ns_t duration);
/* Markets came from an earlier process: what the clock will do is put in order. */
void life_restore(struct sim *sim);
/* The clock opens and closes the market from now on. */
void life_follow(struct sim *sim, uint32_t market);
/* The same for one that is listed while running: lifecycle subscribers are told. */
void life_list(struct sim *sim, uint32_t market);
/* All that the clock has done by sim->wall, before something else happens: a request that comes
 * right after a close finds the market closed, however late the next tick is. */
void life_catch_up(struct sim *sim);
/* Some market is between its close and its settlement, and the clock will go on with it. */
bool life_ending(const struct sim *sim);
wall_ns_t life_next(const struct sim *sim); /* NS_NEVER: nothing is due */
/* ST_STATE with err: not possible in the market's status. */
enum status life_activate(struct sim *sim, uint32_t market, wall_ns_t at,
                          struct err *err) MUST_CHECK;
enum status life_deactivate(struct sim *sim, uint32_t market, wall_ns_t at,
                            struct err *err) MUST_CHECK;
enum status life_close(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err) MUST_CHECK;
/* A new close_time; a closed market opens again when it lies ahead. */
enum status life_move_close(struct sim *sim, uint32_t market, wall_ns_t closes, wall_ns_t at,
                            struct err *err) MUST_CHECK;
/* value: of one YES. A market that is open is closed first, if it can close early. */
enum status life_determine(struct sim *sim, uint32_t market, px_t value, wall_ns_t at,
                           struct err *err) MUST_CHECK;
enum status life_dispute(struct sim *sim, uint32_t market, wall_ns_t at,
                         struct err *err) MUST_CHECK;
enum status life_settle(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err) MUST_CHECK;
enum status life_structure(struct sim *sim, uint32_t market, const char *structure,
                           const struct grid *grid, wall_ns_t at, struct err *err) MUST_CHECK;
void life_pause(struct sim *sim, bool trading, bool exchange, wall_ns_t resume_at, wall_ns_t at);
const char *result_text(const struct smarket *k); /* yes, no, scalar; "" before determination */

/* --- sim_scenario.c --- */
struct scenario;
void scenario_destroy(struct scenario *s); /* NULL is fine */
/* When the next action is due; NS_NEVER: none. Starts the scenario when it may start. */
mono_ns_t scenario_due(struct sim *sim, mono_ns_t now);
void scenario_step(struct sim *sim, wall_ns_t wall, mono_ns_t now); /* the action that is due */
bool scenario_done(const struct sim *sim);

/* --- sim_hours.c --- */
void hours_tick(struct sim *sim);
wall_ns_t hours_next(const struct sim *sim); /* NS_NEVER: nothing will change */
/* Announce a maintenance window. ST_NOMEM. */
enum status hours_add_window(struct sim *sim, wall_ns_t start, wall_ns_t end,
                             bool exchange) MUST_CHECK;
/* Windows that are under way end now. */
void hours_end_windows(struct sim *sim);
/* The calendar year, in Eastern Time, that now lies in. */
void hours_year(wall_ns_t now, wall_ns_t *ret_from, wall_ns_t *ret_to);

/* --- sim_fees.c --- */
enum status sim_fees_of(const struct fee_rule *rule, wall_ns_t waived_until,
                        struct match_fees *ret) MUST_CHECK;
void sim_apply_fees(struct sim *sim, uint32_t market); /* hand what holds to the engine */
/* At time at the fees of an event (series NO_INDEX) or a series become fee; type "": the event's
 * override ends. ST_UNSUPPORTED: no such fee type. ST_NOMEM. */
enum status fee_change_plan(struct sim *sim, uint32_t event, uint32_t series,
                            const struct fee_rule *fee, wall_ns_t at, struct err *err) MUST_CHECK;
void fee_changes_tick(struct sim *sim);
wall_ns_t fee_changes_next(const struct sim *sim); /* NS_NEVER: none is planned */

/* --- sim_lifecycle.c: the messages of market_lifecycle_v2 --- */
void tell_created(struct sim *sim, uint32_t market);
void tell_active(struct sim *sim, uint32_t market, bool active);
void tell_close_date(struct sim *sim, uint32_t market);
void tell_determined(struct sim *sim, uint32_t market);
void tell_settled(struct sim *sim, uint32_t market);
void tell_structure(struct sim *sim, uint32_t market);
/* changed: one bit for each enum market_text. */
void tell_metadata(struct sim *sim, uint32_t market, uint32_t changed);
void tell_event(struct sim *sim, uint32_t event);
void tell_event_fee(struct sim *sim, uint32_t event);
/* Of the strike fields those whose bit is set in which (1 << enum market_text) and that exist. */
void write_strikes(struct jw *w, const struct smarket *k, uint32_t which);
const char *text_or(const char *text, const char *otherwise); /* otherwise when text is NULL */
void write_ranges(struct jw *w, const struct grid *g);
void jw_micros(struct jw *w, const char *key, int64_t micros); /* as a JSON number */

#endif
