/*
 * sim_act_life.c - actions on the life of a market, and on what may change while it is open.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_act.h"

/* --- states --- */

static const struct param one_market[] = {{"market", PT_MARKET, true, NULL, "Ticker."}, PARAMS_END};

static enum status do_activate(const struct call *c, struct err *err)
{
    return life_activate(c->sim, call_market(c), c->sim->wall, err);
}

static enum status do_deactivate(const struct call *c, struct err *err)
{
    return life_deactivate(c->sim, call_market(c), c->sim->wall, err);
}

static enum status do_close(const struct call *c, struct err *err)
{
    return life_close(c->sim, call_market(c), c->sim->wall, err);
}

static enum status do_dispute(const struct call *c, struct err *err)
{
    return life_dispute(c->sim, call_market(c), c->sim->wall, err);
}

static const struct param move_close_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"close_in", PT_DURATION, false, NULL, "The new close_time, from now."},
    {"close_time", PT_TIME, false, NULL, "The same as a time."},
    PARAMS_END};

static enum status check_move_close(const json_t *action, struct err *err)
{
    bool in = json_object_get(action, "close_in") != NULL;
    if (in == (json_object_get(action, "close_time") != NULL)) {
        return err_set(err, ST_INVALID,
                       "move_close: one of the keys 'close_in' and 'close_time' "
                       "is needed");
    }
    return ST_OK;
}

static enum status do_move_close(const struct call *c, struct err *err)
{
    wall_ns_t t = call_when(c, "close_in", "close_time");
    return life_move_close(c->sim, call_market(c), t, c->sim->wall, err);
}

static const struct param determine_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"result", PT_TEXT, true, "yes,no,scalar", "How it ended."},
    {"value", PT_PRICE, false, NULL, "Of a scalar result: what a yes contract is worth."},
    {"expiration_value", PT_TEXT, false, NULL, "What was measured."},
    PARAMS_END};

static enum status check_determine(const json_t *action, struct err *err)
{
    bool scalar = strcmp(json_string_value(json_object_get(action, "result")), "scalar") == 0;
    if (scalar != (json_object_get(action, "value") != NULL)) {
        return err_set(err, ST_INVALID, "determine: key 'value' belongs to the result scalar");
    }
    return ST_OK;
}

static enum status do_determine(const struct call *c, struct err *err)
{
    const char *result = call_text(c, "result");
    uint32_t market = call_market(c);
    px_t value = strcmp(result, "yes") == 0 ? PX_ONE : call_price(c, "value", 0);
    char **text = &c->sim->markets[market].text[MT_EXPIRATION_VALUE];
    enum status st = life_determine(c->sim, market, value, c->sim->wall, err);
    if (st == ST_OK && call_has(c, "expiration_value") &&
        !text_set(text, call_text(c, "expiration_value"))) {
        st = err_set(err, ST_NOMEM, "no memory for 'expiration_value'");
    }
    return st;
}

static enum status do_settle(const struct call *c, struct err *err)
{
    return life_settle(c->sim, call_market(c), c->sim->wall, err);
}

/* --- what changes while a market is open --- */

static const struct param structure_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"price_level_structure", PT_TEXT, true, STRUCTURES, "The new one."},
    PARAMS_END};

static enum status do_price_structure(const struct call *c, struct err *err)
{
    struct grid grid;
    const char *name = call_text(c, "price_level_structure");
    if (grid_named(&grid, name) != ST_OK) {
        return err_set(err, ST_INVALID, "price_structure: no steps are known of %s", name);
    }
    return life_structure(c->sim, call_market(c), name, &grid, c->sim->wall, err);
}

static const struct param metadata_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"yes_sub_title", PT_TEXT, false, NULL, "Title of the yes side."},
    {"strike_type", PT_TEXT, false, STRIKES, "How the strike is meant."},
    {"floor_strike", PT_NUMBER, false, NULL, "Lower strike."},
    {"cap_strike", PT_NUMBER, false, NULL, "Upper strike."},
    {"custom_strike", PT_OBJECT, false, NULL, "Strike as an object."},
    PARAMS_END};

static enum status check_metadata(const json_t *action, struct err *err)
{
    for (const struct param *p = metadata_params + 1; p->name != NULL; p++) {
        if (json_object_get(action, p->name) != NULL) {
            return ST_OK;
        }
    }
    return err_set(err, ST_INVALID, "metadata: no key says what changes");
}

static enum status do_metadata(const struct call *c, struct err *err)
{
    uint32_t market = call_market(c);
    uint32_t changed = 0;
    for (size_t i = 0; i < act_n_market_texts; i++) {
        changed |= call_has(c, act_market_texts[i].key) ? 1u << act_market_texts[i].at : 0;
    }
    enum status st =
        act_set_texts(c, act_market_texts, act_n_market_texts, c->sim->markets[market].text, err);
    c->sim->markets[market].updated = c->sim->wall;
    tell_metadata(c->sim, market, changed);
    return st;
}

static const struct param fee_override_params[] = {
    {"event", PT_EVENT, true, NULL, "Ticker of the event."},
    {"fee_type", PT_TEXT, false, FEE_TYPES, "Absent: the override ends."},
    {"fee_multiplier", PT_FACTOR, false, NULL, "Absent: 1."},
    {"in", PT_DURATION, false, NULL, "It takes effect so long from now. Absent: now."},
    PARAMS_END};

static struct fee_rule fee_of(const struct call *c)
{
    struct fee_rule fee = {.mult_micros = call_factor(c, "fee_multiplier", 1000000)};
    if (call_has(c, "fee_type")) {
        text_copy(fee.type, sizeof fee.type, text_of(call_text(c, "fee_type")));
    }
    return fee;
}

static enum status check_fee_override(const json_t *action, struct err *err)
{
    if (json_object_get(action, "fee_type") == NULL &&
        json_object_get(action, "fee_multiplier") != NULL) {
        return err_set(err, ST_INVALID, "fee_override: key 'fee_multiplier' needs 'fee_type'");
    }
    return ST_OK;
}

static enum status do_fee_override(const struct call *c, struct err *err)
{
    struct fee_rule fee = fee_of(c);
    uint32_t event = sim_find_event(c->sim, text_of(call_text(c, "event")));
    return fee_change_plan(c->sim, event, c->sim->events[event].series, &fee, call_after(c, "in"),
                           err);
}

static const struct param series_fee_params[] = {
    {"series", PT_SERIES, true, NULL, "Ticker of the series."},
    {"fee_type", PT_TEXT, true, FEE_TYPES, "The new formula."},
    {"fee_multiplier", PT_FACTOR, false, NULL, "Absent: 1."},
    {"in", PT_DURATION, false, NULL, "It takes effect so long from now. Absent: now."},
    PARAMS_END};

static enum status do_series_fee(const struct call *c, struct err *err)
{
    struct fee_rule fee = fee_of(c);
    uint32_t series = sim_find_series(c->sim, text_of(call_text(c, "series")));
    return fee_change_plan(c->sim, NO_INDEX, series, &fee, call_after(c, "in"), err);
}

static const struct param waiver_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"until_in", PT_DURATION, false, NULL, "No fees until so long from now."},
    {"until_time", PT_TIME, false, NULL, "No fees until then. Neither: the waiver ends."},
    PARAMS_END};

static enum status do_fee_waiver(const struct call *c, struct err *err)
{
    (void)err;
    uint32_t market = call_market(c);
    c->sim->markets[market].waived_until = call_when(c, "until_in", "until_time");
    c->sim->markets[market].updated = c->sim->wall;
    sim_apply_fees(c->sim, market);
    return ST_OK;
}

const struct action act_life[] = {
    {"activate", "Inactive to active; what rests is canceled.", one_market, false, NULL,
     do_activate},
    {"deactivate", "Active to inactive: no trading.", one_market, false, NULL, do_deactivate},
    {"close", "Close now.", one_market, false, NULL, do_close},
    {"move_close", "Another close_time; a closed market opens again.", move_close_params, false,
     check_move_close, do_move_close},
    {"determine", "The result is known. Again: it is amended.", determine_params, false,
     check_determine, do_determine},
    {"dispute", "The result is doubted; settlement waits for determine.", one_market, false, NULL,
     do_dispute},
    {"settle", "Pay now, without waiting for settlement_timer_seconds.", one_market, false, NULL,
     do_settle},
    {"fee_override", "Other fees for an event's markets.", fee_override_params, false,
     check_fee_override, do_fee_override},
    {"series_fee", "Other fees for a series.", series_fee_params, false, NULL, do_series_fee},
    {"fee_waiver", "No fees in a market for a while.", waiver_params, false, NULL, do_fee_waiver},
    {"price_structure", "Another price grid; orders off it are canceled.", structure_params, false,
     NULL, do_price_structure},
    {"metadata", "Another strike or title.", metadata_params, false, check_metadata, do_metadata},
    {.name = NULL},
};
