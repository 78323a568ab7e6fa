/*
 * sim_command_do.c - what the actions do, and their table. An action that fails has changed
 * nothing that shows.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_command.h"

#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#define STRUCTURES                                                                                 \
    "linear_cent,deci_cent,tapered_deci_cent,center_whole_edge_half_cent,"                         \
    "center_whole_edge_quint_cent,center_half_edge_half_cent,center_half_edge_quint_cent,"         \
    "center_half_edge_deci_cent,center_quint_edge_quint_cent,center_quint_edge_deci_cent,"         \
    "center_centi_edge_centi_cent,center_deci_edge_centi_cent"
#define FEE_TYPES "quadratic,quadratic_with_maker_fees,quadratic_with_combo_maker_fees"

/* --- series and events --- */

/* The JSON text of a parameter, for tables that keep JSON; NULL when absent. The caller frees. */
static char *json_text(const struct call *c, const char *key)
{
    const json_t *j = json_object_get(c->action, key);
    return j != NULL ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
                     : NULL;
}

struct text_row {
    const char *key;
    int at;
    bool json;
};

/* Set the texts that the action names. */
static enum status set_texts(const struct call *c, const struct text_row *rows, size_t n,
                             char **text, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!call_has(c, rows[i].key)) {
            continue;
        }
        char *json = rows[i].json ? json_text(c, rows[i].key) : NULL;
        bool done = text_set(&text[rows[i].at], rows[i].json ? json : call_text(c, rows[i].key));
        free(json);
        if (!done) {
            return err_set(err, ST_NOMEM, "no memory for '%s'", rows[i].key);
        }
    }
    return ST_OK;
}

static const struct param series_params[] = {
    {"series", PT_NEW_SERIES, true, NULL, "Ticker of the new series."},
    {"title", PT_TEXT, false, NULL, "Title."},
    {"category", PT_TEXT, false, NULL, "Category."},
    {"frequency", PT_TEXT, false, NULL, "How often it has events."},
    {"tags", PT_TEXTS, false, NULL, "Tags."},
    {"contract_url", PT_TEXT, false, NULL, "Where the contract can be read."},
    {"contract_terms_url", PT_TEXT, false, NULL, "Where its terms can be read."},
    {"settlement_sources", PT_ARRAY, false, NULL, "Array of {name, url}."},
    {"product_metadata", PT_OBJECT, false, NULL, "Anything."},
    {"fee_type", PT_TEXT, false, FEE_TYPES, "Fee formula. Absent: that of the exchange."},
    {"fee_multiplier", PT_FACTOR, false, NULL, "Factor of the formula."},
    END};

static enum status do_create_series(const struct call *c, struct err *err)
{
    static const struct text_row rows[] = {{"title", SX_TITLE, false},
                                           {"category", SX_CATEGORY, false},
                                           {"frequency", SX_FREQUENCY, false},
                                           {"tags", SX_TAGS, true},
                                           {"contract_url", SX_CONTRACT_URL, false},
                                           {"contract_terms_url", SX_CONTRACT_TERMS_URL, false},
                                           {"settlement_sources", SX_SETTLEMENT_SOURCES, true},
                                           {"product_metadata", SX_PRODUCT_METADATA, true}};
    uint32_t series = 0;
    enum status st = sim_new_series(c->sim, call_text(c, "series"), &series, err);
    if (st != ST_OK) {
        return st;
    }
    struct sseries *x = &c->sim->series[series];
    if (call_has(c, "fee_type")) {
        text_copy(x->fee.type, sizeof x->fee.type, text_of(call_text(c, "fee_type")));
    }
    x->fee.mult_micros = call_factor(c, "fee_multiplier", x->fee.mult_micros);
    return set_texts(c, rows, sizeof rows / sizeof rows[0], x->text, err);
}

static const struct param event_params[] = {
    {"event", PT_NEW_EVENT, true, NULL, "Ticker of the new event."},
    {"series", PT_TEXT, false, NULL,
     "Its series, made when missing. Absent: the ticker up to its first '-'."},
    {"title", PT_TEXT, false, NULL, "Title."},
    {"sub_title", PT_TEXT, false, NULL, "Shorter title."},
    {"mutually_exclusive", PT_BOOL, false, NULL, "At most one of its markets ends in yes."},
    {"collateral_return_type", PT_TEXT, false, "MECNET,DIRECNET", "Absent: none."},
    {"strike_time", PT_TIME, false, NULL, "The date it is about."},
    {"strike_in", PT_DURATION, false, NULL, "The same, from now."},
    {"strike_period", PT_TEXT, false, NULL, "The period it is about."},
    {"product_metadata", PT_OBJECT, false, NULL, "Anything."},
    END};

static enum status do_create_event(const struct call *c, struct err *err)
{
    static const struct text_row rows[] = {{"title", ET_TITLE, false},
                                           {"sub_title", ET_SUB_TITLE, false},
                                           {"strike_period", ET_STRIKE_PERIOD, false},
                                           {"product_metadata", ET_PRODUCT_METADATA, true}};
    uint32_t event = 0;
    enum status st =
        sim_new_event(c->sim, call_text(c, "event"), call_text(c, "series"), &event, err);
    if (st != ST_OK) {
        return st;
    }
    struct sevent *x = &c->sim->events[event];
    x->mutually_exclusive = call_bool(c, "mutually_exclusive", false);
    x->strike_date = call_when(c, "strike_in", "strike_time");
    if (call_has(c, "collateral_return_type")) {
        text_copy(x->collateral_return, sizeof x->collateral_return,
                  text_of(call_text(c, "collateral_return_type")));
    }
    st = set_texts(c, rows, sizeof rows / sizeof rows[0], x->text, err);
    tell_event(c->sim, event);
    return st;
}

/* --- listing a market --- */

static const struct param market_params[] = {
    {"market", PT_NEW_MARKET, true, NULL, "Ticker of the new market."},
    {"event", PT_TEXT, false, NULL,
     "Its event, made when missing. Absent: the ticker up to its last '-'."},
    {"market_type", PT_TEXT, false, "binary,scalar", "Absent: binary."},
    {"title", PT_TEXT, false, NULL, "Title."},
    {"subtitle", PT_TEXT, false, NULL, "Shorter title."},
    {"yes_sub_title", PT_TEXT, false, NULL, "Title of the yes side."},
    {"no_sub_title", PT_TEXT, false, NULL, "Title of the no side."},
    {"rules_primary", PT_TEXT, false, NULL, "Its rules."},
    {"rules_secondary", PT_TEXT, false, NULL, "More of them."},
    {"early_close_condition", PT_TEXT, false, NULL, "When it may close early."},
    {"can_close_early", PT_BOOL, false, NULL, "Absent: true."},
    {"price_level_structure", PT_TEXT, false, STRUCTURES, "Absent: linear_cent."},
    {"open_in", PT_DURATION, false, NULL, "It opens so long from now. Absent: now."},
    {"open_time", PT_TIME, false, NULL, "It opens then."},
    {"close_in", PT_DURATION, false, NULL, "It closes so long from now. Absent: in a year."},
    {"close_time", PT_TIME, false, NULL, "It closes then."},
    {"expected_expiration_in", PT_DURATION, false, NULL, "Absent: as close_time."},
    {"expected_expiration_time", PT_TIME, false, NULL, "The same as a time."},
    {"latest_expiration_in", PT_DURATION, false, NULL, "Absent: as close_time."},
    {"latest_expiration_time", PT_TIME, false, NULL, "The same as a time."},
    {"occurrence_in", PT_DURATION, false, NULL, "occurrence_datetime, from now."},
    {"occurrence_time", PT_TIME, false, NULL, "The same as a time."},
    {"settlement_timer_seconds", PT_INT, false, NULL,
     "From determination to settlement. Absent: 1."},
    {"fee_waiver_in", PT_DURATION, false, NULL, "No fees until so long from now."},
    {"fee_waiver_time", PT_TIME, false, NULL, "No fees until then."},
    {"settlement_floor", PT_PRICE, false, NULL,
     "settlement_floor_dollars; settlement_bounds_type is floor."},
    {"strike_type", PT_TEXT, false,
     "greater,greater_or_equal,less,less_or_equal,between,functional,custom,structured",
     "How the strike is meant."},
    {"floor_strike", PT_NUMBER, false, NULL, "Lower strike."},
    {"cap_strike", PT_NUMBER, false, NULL, "Upper strike."},
    {"functional_strike", PT_TEXT, false, NULL, "Strike as a function."},
    {"custom_strike", PT_OBJECT, false, NULL, "Strike as an object."},
    {"yes", PT_LEVELS, false, NULL, "Yes bids that rest at once, nobody's."},
    {"no", PT_LEVELS, false, NULL, "No bids, the same."},
    END};

static const struct text_row market_texts[] = {
    {"title", MT_TITLE, false},
    {"subtitle", MT_SUBTITLE, false},
    {"yes_sub_title", MT_YES_SUB_TITLE, false},
    {"no_sub_title", MT_NO_SUB_TITLE, false},
    {"rules_primary", MT_RULES_PRIMARY, false},
    {"rules_secondary", MT_RULES_SECONDARY, false},
    {"early_close_condition", MT_EARLY_CLOSE_CONDITION, false},
    {"expiration_value", MT_EXPIRATION_VALUE, false},
    {"strike_type", MT_STRIKE_TYPE, false},
    {"floor_strike", MT_FLOOR_STRIKE, true},
    {"cap_strike", MT_CAP_STRIKE, true},
    {"functional_strike", MT_FUNCTIONAL_STRIKE, false},
    {"custom_strike", MT_CUSTOM_STRIKE, true},
};
#define N_MARKET_TEXTS (sizeof market_texts / sizeof market_texts[0])

/* Anonymous bids of one side; those that would cross or are off the grid are left out and counted.
 */
static int64_t rest_levels(const struct call *c, uint32_t market, enum side side, const char *key)
{
    const json_t *levels = json_object_get(c->action, key);
    struct sim *sim = c->sim;
    int64_t left_out = 0;
    for (size_t i = 0; i < json_array_size(levels); i++) {
        const json_t *level = json_array_get(levels, i);
        const char *p = json_string_value(json_array_get(level, 0));
        const char *q = json_string_value(json_array_get(level, 1));
        px_t px = 0;
        qty_t qty = 0;
        px_t other = match_best(sim->match, market, side_other(side));
        bool good = px_parse(p, strlen(p), &px) == ST_OK &&
                    qty_parse(q, strlen(q), &qty) == ST_OK &&
                    grid_index(match_grid(sim->match, market), px) >= 0 && px + other < PX_ONE;
        if (good) {
            (void)match_anon_place(sim->match, market, side, px, qty, true, sim->wall);
            emit_result(sim, sim->wall);
        }
        left_out += !good;
    }
    return left_out;
}

static enum status check_spec(const struct call *c, const struct market_spec *s, struct err *err)
{
    wall_ns_t opens = s->opens != 0 ? s->opens : c->sim->wall;
    if (opens > c->sim->wall && (call_has(c, "yes") || call_has(c, "no"))) {
        return err_set(err, ST_INVALID,
                       "create_market: keys 'yes' and 'no' need a market that is "
                       "open at once");
    }
    if (s->closes != 0 && s->closes <= opens) {
        return err_set(err, ST_INVALID, "create_market: %s closes before it opens", s->ticker);
    }
    return ST_OK;
}

static enum status do_create_market(const struct call *c, struct err *err)
{
    struct grid grid;
    const char *structure = call_text(c, "price_level_structure");
    struct market_spec s = {
        .ticker = call_text(c, "market"),
        .event = call_text(c, "event"),
        .grid = &grid,
        .structure = structure != NULL ? structure : "linear_cent",
        .scalar = call_has(c, "market_type") && strcmp(call_text(c, "market_type"), "scalar") == 0,
        .no_early_close = !call_bool(c, "can_close_early", true),
        .managed = true,
        .timer_s = (int32_t)call_int(c, "settlement_timer_seconds", 0),
        .opens = call_when(c, "open_in", "open_time"),
        .closes = call_when(c, "close_in", "close_time"),
        .expected = call_when(c, "expected_expiration_in", "expected_expiration_time"),
        .latest = call_when(c, "latest_expiration_in", "latest_expiration_time"),
        .occurred = call_when(c, "occurrence_in", "occurrence_time"),
        .waived_until = call_when(c, "fee_waiver_in", "fee_waiver_time"),
        .floor = call_price(c, "settlement_floor", 0)};
    if (grid_named(&grid, s.structure) != ST_OK) {
        return err_set(err, ST_INVALID, "create_market: no steps are known of %s", s.structure);
    }
    enum status st = check_spec(c, &s, err);
    uint32_t market = 0;
    st = st == ST_OK ? sim_new_market(c->sim, &s, &market, err) : st;
    if (st != ST_OK) {
        return st;
    }
    st = set_texts(c, market_texts, N_MARKET_TEXTS, c->sim->markets[market].text, err);
    life_list(c->sim, market);
    int64_t left_out = rest_levels(c, market, SIDE_YES, "yes");
    left_out += rest_levels(c, market, SIDE_NO, "no");
    jw_str(c->reply, "market_id", c->sim->markets[market].id);
    if (left_out > 0) {
        jw_int(c->reply, "levels_left_out", left_out);
    }
    return st;
}

/* --- states --- */

static const struct param one_market[] = {{"market", PT_MARKET, true, NULL, "Ticker."}, END};

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
    END};

static enum status do_move_close(const struct call *c, struct err *err)
{
    wall_ns_t t = call_when(c, "close_in", "close_time");
    if (t == 0) {
        return err_set(err, ST_INVALID, "move_close: key 'close_in' or 'close_time' is missing");
    }
    return life_move_close(c->sim, call_market(c), t, c->sim->wall, err);
}

static const struct param determine_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"result", PT_TEXT, true, "yes,no,scalar", "How it ended."},
    {"value", PT_PRICE, false, NULL, "Of a scalar result: what a yes contract is worth."},
    {"expiration_value", PT_TEXT, false, NULL, "What was measured."},
    END};

static enum status do_determine(const struct call *c, struct err *err)
{
    const char *result = call_text(c, "result");
    uint32_t market = call_market(c);
    bool scalar = strcmp(result, "scalar") == 0;
    if (scalar != call_has(c, "value")) {
        return err_set(err, ST_INVALID, "determine: key 'value' belongs to the result scalar");
    }
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
    END};

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
    {"strike_type", PT_TEXT, false,
     "greater,greater_or_equal,less,less_or_equal,between,functional,custom,structured",
     "How the strike is meant."},
    {"floor_strike", PT_NUMBER, false, NULL, "Lower strike."},
    {"cap_strike", PT_NUMBER, false, NULL, "Upper strike."},
    {"custom_strike", PT_OBJECT, false, NULL, "Strike as an object."},
    END};

static enum status do_metadata(const struct call *c, struct err *err)
{
    uint32_t market = call_market(c);
    uint32_t changed = 0;
    for (size_t i = 0; i < N_MARKET_TEXTS; i++) {
        changed |= call_has(c, market_texts[i].key) ? 1u << market_texts[i].at : 0;
    }
    if (changed == 0) {
        return err_set(err, ST_INVALID, "metadata: no key says what changes");
    }
    enum status st = set_texts(c, market_texts, N_MARKET_TEXTS, c->sim->markets[market].text, err);
    c->sim->markets[market].updated = c->sim->wall;
    tell_metadata(c->sim, market, changed);
    return st;
}

static const struct param fee_override_params[] = {
    {"event", PT_EVENT, true, NULL, "Ticker of the event."},
    {"fee_type", PT_TEXT, false, FEE_TYPES, "Absent: the override ends."},
    {"fee_multiplier", PT_FACTOR, false, NULL, "Absent: 1."},
    {"in", PT_DURATION, false, NULL, "It takes effect so long from now. Absent: now."},
    END};

static wall_ns_t effect_time(const struct call *c)
{
    return c->sim->wall + sim_scaled(c->sim, call_duration(c, "in", 0));
}

static struct fee_rule fee_of(const struct call *c)
{
    struct fee_rule fee = {.mult_micros = call_factor(c, "fee_multiplier", 1000000)};
    if (call_has(c, "fee_type")) {
        text_copy(fee.type, sizeof fee.type, text_of(call_text(c, "fee_type")));
    }
    return fee;
}

static enum status do_fee_override(const struct call *c, struct err *err)
{
    struct fee_rule fee = fee_of(c);
    uint32_t event = sim_find_event(c->sim, text_of(call_text(c, "event")));
    if (fee.type[0] == '\0' && call_has(c, "fee_multiplier")) {
        return err_set(err, ST_INVALID, "fee_override: key 'fee_multiplier' needs 'fee_type'");
    }
    return fee_change_plan(c->sim, event, c->sim->events[event].series, &fee, effect_time(c), err);
}

static const struct param series_fee_params[] = {
    {"series", PT_SERIES, true, NULL, "Ticker of the series."},
    {"fee_type", PT_TEXT, true, FEE_TYPES, "The new formula."},
    {"fee_multiplier", PT_FACTOR, false, NULL, "Absent: 1."},
    {"in", PT_DURATION, false, NULL, "It takes effect so long from now. Absent: now."},
    END};

static enum status do_series_fee(const struct call *c, struct err *err)
{
    struct fee_rule fee = fee_of(c);
    uint32_t series = sim_find_series(c->sim, text_of(call_text(c, "series")));
    return fee_change_plan(c->sim, NO_INDEX, series, &fee, effect_time(c), err);
}

static const struct param waiver_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"until_in", PT_DURATION, false, NULL, "No fees until so long from now."},
    {"until_time", PT_TIME, false, NULL, "No fees until then. Neither: the waiver ends."},
    END};

static enum status do_fee_waiver(const struct call *c, struct err *err)
{
    (void)err;
    uint32_t market = call_market(c);
    c->sim->markets[market].waived_until = call_when(c, "until_in", "until_time");
    c->sim->markets[market].updated = c->sim->wall;
    sim_apply_fees(c->sim, market);
    return ST_OK;
}

/* --- the exchange --- */

static const struct param pause_params[] = {
    {"kind", PT_TEXT, true, "trading,exchange",
     "trading: cancels work, creates and amends do not. exchange: nothing works."},
    {"resume_in", PT_DURATION, false, NULL,
     "exchange_estimated_resume_time, from now; the pause then ends by itself."},
    END};

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
    END};

static enum status do_maintenance(const struct call *c, struct err *err)
{
    wall_ns_t start = effect_time(c);
    wall_ns_t end = start + sim_scaled(c->sim, call_duration(c, "for", 0));
    if (end <= start) {
        return err_set(err, ST_INVALID, "maintenance: key 'for' must be above 0");
    }
    return add_window(c, start, end, err);
}

static const struct param no_params[] = {END};

static enum status do_resume(const struct call *c, struct err *err)
{
    (void)err;
    hours_end_windows(c->sim);
    life_pause(c->sim, false, false, 0, c->sim->wall);
    return ST_OK;
}

/* --- orders of nobody, for markets without a flow --- */

static const struct param order_params[] = {
    {"market", PT_MARKET, true, NULL, "Ticker."},
    {"side", PT_TEXT, true, "yes,no", "The outcome bought."},
    {"price", PT_PRICE, true, NULL, "At most so much for it."},
    {"count", PT_COUNT, true, NULL, "Contracts."},
    {"rests", PT_BOOL, false, NULL, "What is not filled rests. Absent: true."},
    END};

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

/* --- faults --- */

static const struct param fault_params[] = {
    {"fault", PT_TEXT, true, NULL, "Its name."},
    {"count", PT_INT, false, NULL, "How often."},
    {"for", PT_ANY, false, NULL, "For so many seconds."},
    {"KEY", PT_ANY, false, NULL,
     "delay_ms, jitter_ms, p, skew_ms, jump, user, status, code, "
     "route, on, state: see docs/SIMULATOR.md."},
    END};

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

const struct action sim_actions[] = {
    {"create_series", "A series more.", series_params, false, do_create_series},
    {"create_event", "An event more; event_lifecycle tells it.", event_params, false,
     do_create_event},
    {"create_market", "List a market; market_lifecycle_v2 created tells it.", market_params, false,
     do_create_market},
    {"activate", "Inactive to active; what rests is canceled.", one_market, false, do_activate},
    {"deactivate", "Active to inactive: no trading.", one_market, false, do_deactivate},
    {"close", "Close now.", one_market, false, do_close},
    {"move_close", "Another close_time; a closed market opens again.", move_close_params, false,
     do_move_close},
    {"determine", "The result is known. Again: it is amended.", determine_params, false,
     do_determine},
    {"dispute", "The result is doubted; settlement waits for determine.", one_market, false,
     do_dispute},
    {"settle", "Pay now, without waiting for settlement_timer_seconds.", one_market, false,
     do_settle},
    {"fee_override", "Other fees for an event's markets.", fee_override_params, false,
     do_fee_override},
    {"series_fee", "Other fees for a series.", series_fee_params, false, do_series_fee},
    {"fee_waiver", "No fees in a market for a while.", waiver_params, false, do_fee_waiver},
    {"price_structure", "Another price grid; orders off it are canceled.", structure_params, false,
     do_price_structure},
    {"metadata", "Another strike or title.", metadata_params, false, do_metadata},
    {"pause", "A trading pause, or of the whole exchange.", pause_params, false, do_pause},
    {"maintenance", "Announce a pause; the schedule shows it.", maintenance_params, false,
     do_maintenance},
    {"resume", "End the pause.", no_params, false, do_resume},
    {"order", "An order of nobody's: rests or takes.", order_params, false, do_order},
    {"fault", "Cause a fault.", fault_params, true, do_fault},
    {"dump", "The state, in the reply.", no_params, false, do_dump},
    {"stop", "End the program.", no_params, false, do_stop},
    END};
