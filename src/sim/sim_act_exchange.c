/*
 * sim_act_exchange.c - actions on the exchange as a whole, its accounts and the program.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_act.h"

/* --- the exchange --- */

static const struct param pause_params[] = {
    {"kind", PT_TEXT, true, "trading,exchange",
     "trading: cancels work, creates and amends do not. exchange: nothing works."},
    {"resume_in", PT_DURATION, false, NULL,
     "exchange_estimated_resume_time, from now; the pause then ends by itself."},
    PARAMS_END};

static enum status add_window(const struct call *c, wall_ns_t start, wall_ns_t end, struct err *err)
{
    bool exchange = strcmp(call_text(c, "kind"), "exchange") == 0;
    enum status st = hours_add_window(c->sim, start, end, exchange);
    return st == ST_OK ? ST_OK : err_set(err, st, "no memory for a pause");
}

static enum status do_pause(const struct call *c, struct err *err)
{
    struct sim *sim = c->sim;
    if (call_has(c, "resume_in")) {
        wall_ns_t end = call_when(c, "resume_in", "resume_time");
        return end > sim->wall ? add_window(c, sim->wall, end, err) : ST_OK;
    }
    life_pause(sim, true, strcmp(call_text(c, "kind"), "exchange") == 0, 0, sim->wall);
    return ST_OK;
}

static const struct param maintenance_params[] = {
    {"kind", PT_TEXT, true, "trading,exchange", "What stands still, as of pause."},
    {"in", PT_DURATION, true, NULL, "It begins so long from now."},
    {"for", PT_DURATION, true, NULL, "It lasts so long."},
    PARAMS_END};

static enum status do_maintenance(const struct call *c, struct err *err)
{
    wall_ns_t start = call_after(c, "in");
    wall_ns_t end = start + sim_scaled(c->sim, call_duration(c, "for", 0));
    if (end <= start) {
        return err_set(err, ST_INVALID, "maintenance: key 'for' must be above 0");
    }
    return add_window(c, start, end, err);
}

static const struct param no_params[] = {PARAMS_END};

static enum status do_resume(const struct call *c, struct err *err)
{
    (void)err;
    hours_end_windows(c->sim);
    life_pause(c->sim, false, false, 0, c->sim->wall);
    return ST_OK;
}

static enum status do_stop_flow(const struct call *c, struct err *err)
{
    (void)err;
    c->sim->source_stopped = true;
    return ST_OK;
}

/* --- orders of nobody, for markets without a flow --- */

static const struct param order_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"side", PT_TEXT, true, "yes,no", "The outcome bought."},
    {"price", PT_PRICE, true, NULL, "At most so much for it."},
    {"count", PT_COUNT, true, NULL, "Contracts."},
    {"rests", PT_BOOL, false, NULL, "What is not filled rests. Absent: true."},
    PARAMS_END};

static enum status do_order(const struct call *c, struct err *err)
{
    struct sim *sim = c->sim;
    uint32_t market = call_market(c);
    px_t px = call_price(c, "price", 0);
    qty_t qty = call_count(c, "count", 0);
    enum side side = strcmp(call_text(c, "side"), "yes") == 0 ? SIDE_YES : SIDE_NO;
    if (sim->markets[market].status != M_ACTIVE || sim->trading_paused) {
        return err_set(err, ST_STATE, "order: market %s takes no orders", call_text(c, "market"));
    }
    if (grid_index(match_grid(sim->match, market), px) < 0) {
        return err_set(err, ST_INVALID, "order: key 'price' is off the market's grid");
    }
    qty_t taken =
        match_anon_place(sim->match, market, side, px, qty, call_bool(c, "rests", true), sim->wall);
    emit_result(sim, sim->wall);
    jw_qty(c->reply, "filled", taken);
    return ST_OK;
}

/* --- accounts --- */

static const struct param deposit_params[] = {
    {"user", PT_TEXT, true, NULL, "Name, user id or a key id."},
    {"subaccount", PT_INT, false, NULL, "Absent: 0."},
    {"amount", PT_MONEY, true, NULL, "Dollars; negative: a withdrawal."},
    PARAMS_END};

static enum status do_deposit(const struct call *c, struct err *err)
{
    struct sim *sim = c->sim;
    uint32_t user = act_user(sim, call_text(c, "user"));
    uint32_t account =
        user != NO_INDEX ? sim_account_of(sim, user, call_int(c, "subaccount", 0)) : NO_INDEX;
    if (account == NO_INDEX) {
        return err_set(err, ST_NOT_FOUND, "deposit: there is no such %s",
                       user == NO_INDEX ? "user" : "subaccount");
    }
    enum status st =
        sim_deposit(sim, user, call_int(c, "subaccount", 0), call_money(c, "amount", 0));
    if (st != ST_OK) {
        return err_set(err, st, "deposit: the account does not have so much");
    }
    jw_usd(c->reply, "cash", match_account(sim->match, account)->cash);
    return ST_OK;
}

/* --- faults --- */

static const struct param fault_params[] = {
    {"fault", PT_TEXT, true, NULL, "Its name."},
    {"count", PT_INT, false, NULL, "How often."},
    {"for", PT_DURATION, false, NULL, "For so long."},
    {"KEY", PT_ANY, false, NULL,
     "delay_ms, jitter_ms, p, skew_ms, jump, user, status, code, "
     "route, on, state: see docs/SIMULATOR.md."},
    PARAMS_END};

static enum status check_fault(const json_t *action, struct err *err)
{
    struct sim_fault_plan plan;
    return sim_fault_read_json(action, &plan, err);
}

static enum status do_fault(const struct call *c, struct err *err)
{
    struct sim_fault_plan plan;
    enum status st = sim_fault_read_json(c->action, &plan, err);
    if (st == ST_OK) {
        sim_fault_start(c->sim, &plan, c->sim->wall - c->sim->skew, c->sim->now);
    }
    return st;
}

/* --- the program --- */

static enum status do_dump(const struct call *c, struct err *err)
{
    (void)err;
    jw_key(c->reply, "state");
    sim_dump(c->sim, c->reply->b);
    return ST_OK;
}

static enum status do_stop(const struct call *c, struct err *err)
{
    (void)err;
    c->sim->stop = true;
    return ST_OK;
}

const struct action act_exchange[] = {
    {"pause", "A trading pause, or of the whole exchange.", pause_params, false, NULL, do_pause},
    {"maintenance", "Announce a pause; the schedule shows it.", maintenance_params, false, NULL,
     do_maintenance},
    {"resume", "End the pause.", no_params, false, NULL, do_resume},
    {"stop_flow", "Generated flow or a recording stops for good; books and orders stay.", no_params,
     false, NULL, do_stop_flow},
    {"order", "An order of nobody's: rests or takes.", order_params, false, NULL, do_order},
    {"deposit", "Money comes to an account.", deposit_params, false, NULL, do_deposit},
    {"fault", "Cause a fault.", fault_params, true, check_fault, do_fault},
    {"dump", "The state, in the reply.", no_params, false, NULL, do_dump},
    {"stop", "End the program.", no_params, false, NULL, do_stop},
    {.name = NULL},
};
