/*
 * sim_lifecycle.c - the messages of the channel market_lifecycle_v2 (sheet 5.7.8): one function for
 * each event_type, with the fields of that type only. Times are Unix seconds. Combos (KXMVE...)
 * have a channel of their own.
 */
#include <string.h>

#include "sim/sim_life.h"

static struct jw begin(struct sim *sim)
{
    return msg_open(sim, &sim->body);
}

static bool is_combo(const char *ticker)
{
    return strncmp(ticker, "KXMVE", 5) == 0;
}

static void send(struct sim *sim, struct jw *w, const char *type, const char *ticker)
{
    sim_state_tell(sim);
    msg_close(sim, w);
    emit_broadcast(sim, is_combo(ticker) ? CH_MULTIVARIATE : CH_LIFECYCLE, type,
                   (struct text){sim->body.p, sim->body.n});
}

static struct jw begin_market(struct sim *sim, uint32_t market, const char *event_type)
{
    struct jw w = begin(sim);
    jw_str(&w, "market_ticker", sim->markets[market].ticker);
    jw_str(&w, "event_type", event_type);
    return w;
}

static void send_market(struct sim *sim, struct jw *w, uint32_t market)
{
    sim_state_touch(sim, market);
    const char *ticker = sim->markets[market].ticker;
    send(sim, w, is_combo(ticker) ? "multivariate_market_lifecycle" : "market_lifecycle_v2",
         ticker);
}

void write_ranges(struct jw *w, const struct grid *g)
{
    jw_open(w, "price_ranges", '[');
    for (uint32_t i = 0; i < g->n; i++) {
        jw_open(w, NULL, '{');
        jw_px(w, "start", g->r[i].start);
        jw_px(w, "end", g->r[i].end);
        jw_px(w, "step", g->r[i].step);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

void jw_micros(struct jw *w, const char *key, int64_t micros)
{
    jw_key(w, key);
    int64_t rest = micros % 1000000;
    buf_printf(w->b, "%lld", (long long)(micros / 1000000));
    if (rest != 0) {
        char text[16];
        int n = snprintf(text, sizeof text, ".%06lld", (long long)rest);
        while (n > 0 && text[n - 1] == '0') {
            text[--n] = '\0';
        }
        buf_str(w->b, text);
    }
}

const char *text_or(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

void write_strikes(struct jw *w, const struct smarket *k, uint32_t which)
{
    static const struct {
        enum market_text text;
        const char *key;
        bool raw;
    } strikes[] = {{MT_STRIKE_TYPE, "strike_type", false},
                   {MT_FLOOR_STRIKE, "floor_strike", true},
                   {MT_CAP_STRIKE, "cap_strike", true},
                   {MT_CUSTOM_STRIKE, "custom_strike", true}};
    for (size_t i = 0; i < sizeof strikes / sizeof strikes[0]; i++) {
        const char *text = k->text[strikes[i].text];
        if (text == NULL || (which >> strikes[i].text & 1) == 0) {
            continue;
        }
        if (strikes[i].raw) {
            jw_raw(w, strikes[i].key, text);
        } else {
            jw_str(w, strikes[i].key, text);
        }
    }
}

static void write_additional(struct jw *w, const struct smarket *k)
{
    const char *title = text_or(k->text[MT_TITLE], k->ticker);
    jw_open(w, "additional_metadata", '{');
    jw_str(w, "name", text_or(k->text[MT_SUBTITLE], title));
    jw_str(w, "title", title);
    jw_str(w, "yes_sub_title", text_or(k->text[MT_YES_SUB_TITLE], k->ticker));
    jw_str(w, "no_sub_title", text_or(k->text[MT_NO_SUB_TITLE], k->ticker));
    jw_str(w, "rules_primary", text_or(k->text[MT_RULES_PRIMARY], RULES_PRIMARY));
    jw_str(w, "rules_secondary", text_or(k->text[MT_RULES_SECONDARY], ""));
    jw_bool(w, "can_close_early", k->can_close_early);
    jw_str(w, "event_ticker", k->event);
    jw_int(w, "expected_expiration_ts", (k->expected != 0 ? k->expected : k->closes) / NS_PER_SEC);
    write_strikes(w, k, UINT32_MAX);
    jw_close(w, '}');
}

void tell_created(struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    struct jw w = begin_market(sim, market, "created");
    jw_int(&w, "exchange_index", k->exchange_index);
    jw_int(&w, "open_ts", k->opens / NS_PER_SEC);
    jw_int(&w, "close_ts", k->closes / NS_PER_SEC);
    jw_str(&w, "price_level_structure", k->structure);
    write_ranges(&w, match_grid(sim->match, market));
    write_additional(&w, k);
    send_market(sim, &w, market);
}

void tell_active(struct sim *sim, uint32_t market, bool active)
{
    struct jw w = begin_market(sim, market, active ? "activated" : "deactivated");
    jw_bool(&w, "is_deactivated", !active);
    send_market(sim, &w, market);
}

void tell_close_date(struct sim *sim, uint32_t market)
{
    struct jw w = begin_market(sim, market, "close_date_updated");
    jw_int(&w, "close_ts", sim->markets[market].closes / NS_PER_SEC);
    send_market(sim, &w, market);
}

void tell_determined(struct sim *sim, uint32_t market)
{
    const struct smarket *k = &sim->markets[market];
    struct jw w = begin_market(sim, market, "determined");
    jw_str(&w, "result", result_text(k));
    jw_int(&w, "determination_ts", k->determined / NS_PER_SEC);
    jw_px(&w, "settlement_value", k->value);
    send_market(sim, &w, market);
}

void tell_settled(struct sim *sim, uint32_t market)
{
    struct jw w = begin_market(sim, market, "settled");
    jw_int(&w, "settled_ts", sim->markets[market].settled / NS_PER_SEC);
    send_market(sim, &w, market);
}

void tell_structure(struct sim *sim, uint32_t market)
{
    struct jw w = begin_market(sim, market, "price_level_structure_updated");
    jw_str(&w, "price_level_structure", sim->markets[market].structure);
    write_ranges(&w, match_grid(sim->match, market));
    send_market(sim, &w, market);
}

void tell_metadata(struct sim *sim, uint32_t market, uint32_t changed)
{
    const struct smarket *k = &sim->markets[market];
    struct jw w = begin_market(sim, market, "metadata_updated");
    write_strikes(&w, k, changed);
    if ((changed >> MT_YES_SUB_TITLE & 1) != 0) {
        jw_str(&w, "yes_sub_title", text_or(k->text[MT_YES_SUB_TITLE], k->ticker));
    }
    send_market(sim, &w, market);
}

void tell_event(struct sim *sim, uint32_t event)
{
    struct sevent *e = &sim->events[event];
    e->told = true;
    struct jw w = begin(sim);
    jw_str(&w, "event_ticker", e->ticker);
    jw_int(&w, "exchange_index", sim->config.exchange_index);
    jw_str(&w, "title", text_or(e->text[ET_TITLE], e->ticker));
    jw_str(&w, "subtitle", text_or(e->text[ET_SUB_TITLE], ""));
    jw_str(&w, "collateral_return_type", e->collateral_return);
    jw_str(&w, "series_ticker", sim->series[e->series].ticker);
    if (e->strike_date != 0) {
        jw_int(&w, "strike_date", e->strike_date / NS_PER_SEC);
    }
    if (e->text[ET_STRIKE_PERIOD] != NULL) {
        jw_str(&w, "strike_period", e->text[ET_STRIKE_PERIOD]);
    }
    send(sim, &w, "event_lifecycle", e->ticker);
}

void tell_event_fee(struct sim *sim, uint32_t event)
{
    const struct sevent *e = &sim->events[event];
    struct jw w = begin(sim);
    jw_str(&w, "event_ticker", e->ticker);
    if (e->fee.type[0] != '\0') {
        jw_str(&w, "fee_type_override", e->fee.type);
        jw_micros(&w, "fee_multiplier_override", e->fee.mult_micros);
    } else {
        jw_raw(&w, "fee_type_override", "null");
        jw_raw(&w, "fee_multiplier_override", "null");
    }
    send(sim, &w, "event_fee_update", e->ticker);
}
