/*
 * sim_act_list.c - actions by which series, events and markets come to be. An action that fails has
 * changed nothing that shows.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_act.h"

/* --- texts --- */

/* The JSON text of a parameter, for tables that keep JSON; NULL when absent. The caller frees. */
static char *json_text(const struct call *c, const char *key)
{
    const json_t *j = json_object_get(c->action, key);
    return j != NULL ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
                     : NULL;
}

enum status act_set_texts(const struct call *c, const struct text_row *rows, size_t n, char **text,
                          struct err *err)
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

const struct text_row act_market_texts[] = {
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
const size_t act_n_market_texts = sizeof act_market_texts / sizeof act_market_texts[0];

/* --- series and events --- */

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
    PARAMS_END};

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
    return act_set_texts(c, rows, sizeof rows / sizeof rows[0], x->text, err);
}

static const struct param event_params[] = {
    {"event", PT_NEW_EVENT, true, NULL, "Ticker of the new event."},
    {"series", PT_TICKER, false, NULL,
     "Its series, made when missing. Absent: the ticker up to its first '-'."},
    {"title", PT_TEXT, false, NULL, "Title."},
    {"sub_title", PT_TEXT, false, NULL, "Shorter title."},
    {"mutually_exclusive", PT_BOOL, false, NULL, "At most one of its markets ends in yes."},
    {"collateral_return_type", PT_TEXT, false, "MECNET,DIRECNET", "Absent: none."},
    {"strike_time", PT_TIME, false, NULL, "The date it is about."},
    {"strike_in", PT_DURATION, false, NULL, "The same, from now."},
    {"strike_period", PT_TEXT, false, NULL, "The period it is about."},
    {"product_metadata", PT_OBJECT, false, NULL, "Anything."},
    PARAMS_END};

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
    st = act_set_texts(c, rows, sizeof rows / sizeof rows[0], x->text, err);
    tell_event(c->sim, event);
    return st;
}

/* --- listing a market --- */

static const struct param market_params[] = {
    {"market", PT_NEW_MARKET, true, NULL, "Ticker of the new market."},
    {"event", PT_TICKER, false, NULL,
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
    {"strike_type", PT_TEXT, false, STRIKES, "How the strike is meant."},
    {"floor_strike", PT_NUMBER, false, NULL, "Lower strike."},
    {"cap_strike", PT_NUMBER, false, NULL, "Upper strike."},
    {"functional_strike", PT_TEXT, false, NULL, "Strike as a function."},
    {"custom_strike", PT_OBJECT, false, NULL, "Strike as an object."},
    {"yes", PT_LEVELS, false, NULL, "Yes bids that rest at once, nobody's."},
    {"no", PT_LEVELS, false, NULL, "No bids, the same."},
    PARAMS_END};

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
    enum status st = grid_named(&grid, s.structure);
    if (st != ST_OK) {
        return err_set(err, st, "create_market: no steps are known of %s", s.structure);
    }
    st = check_spec(c, &s, err);
    uint32_t market = 0;
    st = st == ST_OK ? sim_new_market(c->sim, &s, &market, err) : st;
    if (st != ST_OK) {
        return st;
    }
    st = act_set_texts(c, act_market_texts, act_n_market_texts, c->sim->markets[market].text, err);
    life_list(c->sim, market);
    int64_t left_out = rest_levels(c, market, SIDE_YES, "yes");
    left_out += rest_levels(c, market, SIDE_NO, "no");
    jw_str(c->reply, "market_id", c->sim->markets[market].id);
    if (left_out > 0) {
        jw_int(c->reply, "levels_left_out", left_out);
    }
    return st;
}

const struct action act_list[] = {
    {"create_series", "A series more.", series_params, false, NULL, do_create_series},
    {"create_event", "An event more; event_lifecycle tells it.", event_params, false, NULL,
     do_create_event},
    {"create_market", "List a market; market_lifecycle_v2 created tells it.", market_params, false,
     NULL, do_create_market},
    {.name = NULL},
};
