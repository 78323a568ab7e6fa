/*
 * sim_life.c - the states of markets (sheet 17.2), by the clock and by command.
 *
 *   initialized --open_time--> active <--activate/deactivate--> inactive
 *        any of them --close_time, or early--> closed --> determined --> finalized
 *                                              |  ^          |  ^
 *                                       reopened                disputed, amended
 *
 * Opening and closing by the clock tell nobody. At close_time every order call is refused and the
 * orders that expire then leave by deltas stamped with their expiry; SWEEP_AFTER later the rest is
 * canceled, which a book subscription sees as one snapshot without sides (rules.close has other
 * ways). settlement_timer_seconds after the determination positions are paid. What the clock will
 * do next with a market stands in the heap sim->due; each step happens at its own time, however
 * late sim_tick() comes.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "sim/sim_life.h"

#define SWEEP_AFTER    (NS_PER_SEC / 2)
#define SNAPSHOT_AFTER NS_PER_SEC /* the second empty snapshot, rules.close two_snapshots */

mono_ns_t sim_scaled(const struct sim *sim, mono_ns_t duration)
{
    double scale = sim->config.time_scale;
    return scale == 1 ? duration : (mono_ns_t)((double)duration / scale);
}

/* --- states --- */

enum life_event {
    EV_OPEN,
    EV_DEACTIVATE,
    EV_ACTIVATE,
    EV_CLOSE,
    EV_REOPEN,
    EV_DETERMINE,
    EV_DISPUTE,
    EV_AMEND,
    EV_SETTLE,
    EV_MAX
};

static const char *const event_words[EV_MAX] = {
    [EV_OPEN] = "opened",      [EV_DEACTIVATE] = "deactivated", [EV_ACTIVATE] = "activated",
    [EV_CLOSE] = "closed",     [EV_REOPEN] = "opened again",    [EV_DETERMINE] = "determined",
    [EV_DISPUTE] = "disputed", [EV_AMEND] = "amended",          [EV_SETTLE] = "settled"};

static const struct {
    enum mstatus from;
    enum life_event event;
    enum mstatus to;
} transitions[] = {
    {M_INITIALIZED, EV_OPEN, M_ACTIVE},
    {M_INITIALIZED, EV_CLOSE, M_CLOSED}, /* closes before it ever opened */
    {M_ACTIVE, EV_DEACTIVATE, M_INACTIVE},
    {M_ACTIVE, EV_CLOSE, M_CLOSED},
    {M_INACTIVE, EV_ACTIVATE, M_ACTIVE},
    {M_INACTIVE, EV_CLOSE, M_CLOSED},
    {M_CLOSED, EV_REOPEN, M_ACTIVE}, /* its close_time was moved ahead */
    {M_CLOSED, EV_DETERMINE, M_DETERMINED},
    {M_DETERMINED, EV_DISPUTE, M_DISPUTED},
    {M_DETERMINED, EV_AMEND, M_AMENDED},
    {M_DETERMINED, EV_SETTLE, M_FINALIZED},
    {M_DISPUTED, EV_DETERMINE, M_DETERMINED}, /* the first result was right */
    {M_DISPUTED, EV_AMEND, M_AMENDED},
    {M_AMENDED, EV_DISPUTE, M_DISPUTED},
    {M_AMENDED, EV_AMEND, M_AMENDED},
    {M_AMENDED, EV_SETTLE, M_FINALIZED},
};

static bool possible(const struct smarket *k, enum life_event event, enum mstatus *ret_to)
{
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
        if (transitions[i].from == k->status && transitions[i].event == event) {
            *ret_to = transitions[i].to;
            return true;
        }
    }
    return false;
}

static enum status step_state(struct sim *sim, uint32_t market, enum life_event event, wall_ns_t at,
                              struct err *err)
{
    struct smarket *k = &sim->markets[market];
    enum mstatus to = k->status;
    if (!possible(k, event, &to)) {
        return err_set(err, ST_STATE, "market %s is %s: it cannot be %s", k->ticker,
                       mstatus_text(k->status), event_words[event]);
    }
    k->status = to;
    k->updated = at;
    return ST_OK;
}

/* --- what a market takes from users --- */

static enum match_access access_of(const struct sim *sim, const struct smarket *k)
{
    if (sim->exchange_paused || k->status == M_INITIALIZED) {
        return MATCH_SHUT;
    }
    if (k->status == M_INACTIVE && sim->config.rules.inactive_shut) {
        return MATCH_SHUT;
    }
    return sim->trading_paused || k->status == M_INACTIVE ? MATCH_CANCEL_ONLY : MATCH_OPEN;
}

static void set_access(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    enum match_access a = access_of(sim, k);
    if (k->access == a || k->status >= M_CLOSED) {
        return;
    }
    k->access = a;
    match_access(sim->match, market, a, at);
    emit_result(sim, at); /* orders with cancel_order_on_pause */
}

void life_pause(struct sim *sim, bool trading, bool exchange, wall_ns_t resume_at, wall_ns_t at)
{
    sim->trading_paused = trading || exchange;
    sim->exchange_paused = exchange;
    sim->resume_at = resume_at;
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        set_access(sim, i, at);
    }
}

/* --- closing --- */

/* close_time: orders are refused from now on. */
static void shut(struct sim *sim, uint32_t market, wall_ns_t at)
{
    match_halt(sim->match, market, true);
    due_set(sim, market, LIFE_SWEEP, at + SWEEP_AFTER);
}

/* What still rests leaves the book. */
static void sweep(struct sim *sim, uint32_t market, wall_ns_t at)
{
    due_clear(sim, market);
    int how = sim->config.rules.close;
    if (how == RULE_CLOSE_DELTAS) {
        match_cancel_market(sim->match, market, MATCH_BECAUSE_CLOSE, at);
        emit_result(sim, at);
    }
    match_close(sim->match, market, at);
    emit_result(sim, at); /* user_orders of what was canceled; no deltas */
    if (how != RULE_CLOSE_DELTAS) {
        emit_snapshot_all(sim, market);
    }
    if (how == RULE_CLOSE_TWO_SNAPSHOTS) {
        due_set(sim, market, LIFE_SNAPSHOT, at + SNAPSHOT_AFTER);
    }
    emit_tickers(sim, market, at);
}

/* Everything that close_time sets off is over before the result is known. */
static void finish_close(struct sim *sim, uint32_t market, wall_ns_t at)
{
    if (due_is(&sim->markets[market], LIFE_SWEEP)) {
        sweep(sim, market, at);
    }
    if (due_is(&sim->markets[market], LIFE_SNAPSHOT)) {
        due_clear(sim, market);
        emit_snapshot_all(sim, market);
    }
}

enum status life_close(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err)
{
    struct smarket *k = &sim->markets[market];
    enum status st = step_state(sim, market, EV_CLOSE, at, err);
    if (st == ST_OK) {
        if (k->closes > at) { /* early: close_time moves, and is told */
            k->closes = at;
            tell_close_date(sim, market);
        }
        shut(sim, market, at);
    }
    return st;
}

/* A source ends its market itself: what closes and what is swept come at one time. */
void sim_close_market(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    if (k->status < M_CLOSED) {
        k->status = M_CLOSED;
        k->closes = at;
    }
    k->updated = at;
    sweep(sim, market, at);
}

enum status life_move_close(struct sim *sim, uint32_t market, wall_ns_t closes, wall_ns_t at,
                            struct err *err)
{
    struct smarket *k = &sim->markets[market];
    if (closes <= at) {
        return err_set(err, ST_INVALID, "market %s: the new close_time has passed", k->ticker);
    }
    bool reopens = k->status == M_CLOSED;
    if (reopens) {
        enum status st = step_state(sim, market, EV_REOPEN, at, err);
        if (st != ST_OK) {
            return st;
        }
        match_reopen(sim->match, market);
        match_cancel_market(sim->match, market, MATCH_BECAUSE_HALT, at);
        emit_result(sim, at);
    } else if (k->status > M_CLOSED) {
        return err_set(err, ST_STATE, "market %s is %s: its close_time cannot move", k->ticker,
                       mstatus_text(k->status));
    }
    k->closes = closes;
    k->updated = at;
    tell_close_date(sim, market);
    if (reopens) {
        tell_active(sim, market, true);
    }
    life_follow(sim, market);
    return ST_OK;
}

/* --- active and inactive --- */

enum status life_deactivate(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err)
{
    enum status st = step_state(sim, market, EV_DEACTIVATE, at, err);
    if (st == ST_OK) {
        set_access(sim, market, at);
        tell_active(sim, market, false);
    }
    return st;
}

enum status life_activate(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err)
{
    enum status st = step_state(sim, market, EV_ACTIVATE, at, err);
    if (st != ST_OK) {
        return st;
    }
    match_cancel_market(sim->match, market, MATCH_BECAUSE_HALT, at);
    emit_result(sim, at);
    set_access(sim, market, at);
    tell_active(sim, market, true);
    return ST_OK;
}

enum status life_structure(struct sim *sim, uint32_t market, const char *structure,
                           const struct grid *grid, wall_ns_t at, struct err *err)
{
    struct smarket *k = &sim->markets[market];
    if (k->status >= M_CLOSED) {
        return err_set(err, ST_STATE, "market %s is %s: its prices cannot change", k->ticker,
                       mstatus_text(k->status));
    }
    enum status st = match_set_grid(sim->match, market, grid, at);
    if (st != ST_OK) {
        return err_set(err, st, "market %s: %s", k->ticker, status_text(st));
    }
    emit_result(sim, at); /* what is off the new grid is canceled */
    text_copy(k->structure, sizeof k->structure, text_of(structure));
    k->updated = at;
    tell_structure(sim, market);
    return ST_OK;
}

/* --- the result --- */

const char *result_text(const struct smarket *k)
{
    if (k->status < M_DETERMINED) {
        return "";
    }
    if (k->scalar && k->value != 0 && k->value != PX_ONE) {
        return "scalar";
    }
    return k->value == PX_ONE ? "yes" : "no";
}

static void set_result(struct sim *sim, uint32_t market, px_t value, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    k->value = value;
    k->result_yes = value == PX_ONE;
    k->determined = at;
    tell_determined(sim, market);
    due_set(sim, market, LIFE_SETTLE, at + sim_scaled(sim, k->timer_s * NS_PER_SEC));
}

static enum life_event result_event(const struct smarket *k, px_t value)
{
    if (k->status == M_DISPUTED) {
        return value == k->value ? EV_DETERMINE : EV_AMEND;
    }
    return k->status == M_DETERMINED || k->status == M_AMENDED ? EV_AMEND : EV_DETERMINE;
}

enum status life_determine(struct sim *sim, uint32_t market, px_t value, wall_ns_t at,
                           struct err *err)
{
    struct smarket *k = &sim->markets[market];
    if (value < 0 || value > PX_ONE || (!k->scalar && value != 0 && value != PX_ONE)) {
        return err_set(err, ST_INVALID, "market %s: a %s market cannot be worth that", k->ticker,
                       k->scalar ? "scalar" : "binary");
    }
    if (k->status < M_CLOSED) {
        if (!k->can_close_early) {
            return err_set(err, ST_STATE, "market %s is %s and cannot close early", k->ticker,
                           mstatus_text(k->status));
        }
        enum status st = life_close(sim, market, at, err);
        if (st != ST_OK) {
            return st;
        }
    }
    enum status st = step_state(sim, market, result_event(k, value), at, err);
    if (st == ST_OK) {
        finish_close(sim, market, at);
        set_result(sim, market, value, at);
    }
    return st;
}

enum status life_dispute(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err)
{
    enum status st = step_state(sim, market, EV_DISPUTE, at, err);
    if (st == ST_OK) {
        due_clear(sim, market);
    }
    return st;
}

static void keep_settlement(struct sim *sim, uint32_t account, uint32_t market, px_t yes_px,
                            wall_ns_t at)
{
    struct match_position p = match_position(sim->match, account, market);
    if (p.volume == 0) {
        return;
    }
    ensure_memory(
        sim_grow((void **)&sim->settles, sim->n_settles, &sim->settles_cap, sizeof *sim->settles));
    usd_t revenue = p.qty >= 0 ? usd_of(yes_px, p.qty) : usd_of(PX_ONE - yes_px, -p.qty);
    sim->settles[sim->n_settles++] = (struct ssettle){account, market, p, revenue, at};
}

enum status life_settle(struct sim *sim, uint32_t market, wall_ns_t at, struct err *err)
{
    struct smarket *k = &sim->markets[market];
    enum status st = step_state(sim, market, EV_SETTLE, at, err);
    if (st != ST_OK) {
        return st;
    }
    due_clear(sim, market);
    uint32_t from = sim->n_settles;
    for (uint32_t account = 1; account <= sim->top_account; account++) {
        if (sim->user_of_account[account] != NO_INDEX) {
            keep_settlement(sim, account, market, k->value, at);
        }
    }
    match_settle(sim->match, market, k->value, at);
    sim_state_touch_all(sim); /* who lost has a position less, and no change of cash */
    k->settled = at;
    for (uint32_t i = from; i < sim->n_settles; i++) {
        if (sim->settles[i].before.qty != 0) { /* the position has changed: it is gone */
            emit_position(sim, sim->settles[i].account, market);
        }
    }
    tell_settled(sim, market);
    return ST_OK;
}

/* A source settles its market itself, at once. */
void sim_settle_market(struct sim *sim, uint32_t market, bool yes, wall_ns_t at)
{
    struct err err;
    if (life_determine(sim, market, yes ? PX_ONE : 0, at, &err) == ST_OK) {
        enum status st = life_settle(sim, market, at, &err);
        ensure(st == ST_OK);
    }
}

/* --- the clock --- */

void life_follow(struct sim *sim, uint32_t market)
{
    struct smarket *k = &sim->markets[market];
    k->managed = true;
    if (k->status == M_INITIALIZED) {
        due_set(sim, market, LIFE_OPEN, k->opens < k->closes ? k->opens : k->closes);
    } else if (k->status < M_CLOSED) {
        due_set(sim, market, LIFE_CLOSE, k->closes);
    }
    set_access(sim, market, sim->wall);
}

void life_list(struct sim *sim, uint32_t market)
{
    uint32_t event = sim->markets[market].event_index;
    life_follow(sim, market);
    subs_market_added(sim, market);
    if (!sim->events[event].told) {
        tell_event(sim, event);
    }
    tell_created(sim, market);
}

static void expire_until(struct sim *sim, wall_ns_t to)
{
    wall_ns_t at = match_next_expiry(sim->match);
    while (at <= to) {
        match_expire(sim->match, at);
        emit_result(sim, at);
        wall_ns_t next = match_next_expiry(sim->match);
        at = next > at ? next : at + 1; /* next may be early, but time goes on */
    }
}

static void take_step(struct sim *sim, uint32_t market, wall_ns_t at)
{
    struct smarket *k = &sim->markets[market];
    struct err err;
    enum status st = ST_OK;
    switch ((enum life_step)k->step) {
    case LIFE_OPEN:
        if (k->closes <= at) {
            due_set(sim, market, LIFE_CLOSE, at);
            break;
        }
        st = step_state(sim, market, EV_OPEN, at, &err);
        set_access(sim, market, at);
        due_set(sim, market, LIFE_CLOSE, k->closes);
        break;
    case LIFE_CLOSE:
        st = life_close(sim, market, at, &err);
        break;
    case LIFE_SWEEP:
        sweep(sim, market, at);
        break;
    case LIFE_SNAPSHOT:
        due_clear(sim, market);
        emit_snapshot_all(sim, market);
        break;
    case LIFE_SETTLE:
        st = life_settle(sim, market, at, &err);
        break;
    }
    ensure(st == ST_OK); /* a step is only due in a state that has it */
}

/* The clock's steps up to sim->wall, each at its own time. */
static void life_tick(struct sim *sim)
{
    for (uint32_t i = 0; i < TICK_MESSAGES && sim->n_due > 0; i++) {
        uint32_t market = sim->due[0];
        wall_ns_t at = sim->markets[market].due;
        if (at > sim->wall) {
            break;
        }
        expire_until(sim, at);
        take_step(sim, market, at);
    }
    if (life_next(sim) > sim->wall) {
        expire_until(sim, sim->wall);
    }
}

void life_catch_up(struct sim *sim)
{
    if (hours_next(sim) <= sim->wall) {
        hours_tick(sim);
    }
    if (fee_changes_next(sim) <= sim->wall) {
        fee_changes_tick(sim);
    }
    if (life_next(sim) <= sim->wall || match_next_expiry(sim->match) <= sim->wall) {
        life_tick(sim);
    }
}

bool life_ending(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_due; i++) {
        int step = sim->markets[sim->due[i]].step;
        if (step == LIFE_SWEEP || step == LIFE_SNAPSHOT || step == LIFE_SETTLE) {
            return true;
        }
    }
    return false;
}

wall_ns_t life_next(const struct sim *sim)
{
    return sim->n_due > 0 ? sim->markets[sim->due[0]].due : NS_NEVER;
}
