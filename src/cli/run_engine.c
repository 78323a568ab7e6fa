#include "cli/run_engine.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const action_names[ACTION_COUNT] = {"HOLD", "BUY_YES", "SELL_YES", "BUY_NO", "SELL_NO"};
const char *const verdict_names[VERDICT_MAX] = {"hold", "throttled", "breaker", "refused",
                                                "kept", "sent",      "error"};

static struct risk_limits risk_limits_of(const struct run_options *ro)
{
    const struct risk_options *r = &ro->risk;
    return (struct risk_limits){
        .order_qty_max = r->max_order_count,
        .collar_mid = r->collar_mid,
        .collar_trade = r->collar_trade,
        .position_max = r->max_position_count,
        .exposure_max = r->max_gross_usd,
        .open_orders_max = (uint32_t)r->max_open_orders,
        .cash_floor = r->min_cash_usd,
        .loss_max = r->max_loss_usd,
        .loss_day_max = r->max_loss_day_usd,
        .drawdown_max = r->max_drawdown_usd,
        .fills_per_s = (uint32_t)r->max_fills_per_s,
        .orders_per_s = (uint32_t)r->max_orders_per_s,
        .duplicate = r->duplicate_ms * NS_PER_MS,
    };
}

static struct orders_config orders_config_of(const struct run_options *ro, uint64_t session_id)
{
    const struct orders_options *o = &ro->orders;
    struct orders_config c = orders_config_default();
    c.markets_max = (uint32_t)ro->feed.markets_max;
    c.session_id = session_id;
    c.order_qty = o->count;
    c.style = o->pricing == PRICING_PASSIVE ? PRICE_PASSIVE
              : o->pricing == PRICING_MID   ? PRICE_MID
                                            : PRICE_AGGRESSIVE;
    c.tif = o->tif == TIF_IOC ? GW_IOC : GW_GTC;
    c.replace_distance = o->replace_distance;
    c.amend = o->amend;
    c.market_orders_max = (uint32_t)o->market_orders;
    c.age_max = o->max_age_s * NS_PER_SEC;
    c.distance_max = o->max_distance;
    c.allow_short = o->allow_short;
    c.keep_on_stop = !o->cancel_on_stop;
    c.position_read_delay = o->position_read_delay_ms * NS_PER_MS;
    c.sweep = o->sweep_s * NS_PER_SEC;
    c.balance_excludes_resting = o->balance_excludes_resting;
    c.clock_window_ms = o->clock_window_ms;
    c.drift_halt_qty = o->drift_halt_count;
    c.drift_halt_all_qty = o->drift_halt_all_count;
    c.unknown_halt_count = (uint32_t)ro->risk.unknown_halt;
    c.group_limit = ro->risk.group_contracts * QTY_ONE;
    c.limits = risk_limits_of(ro);
    return c;
}

struct engine_config run_engine_config(const struct run_options *o, bool trading,
                                       uint64_t session_id)
{
    struct engine_config c = engine_config_default();
    c.trading = trading;
    c.throttle = o->actor.throttle_ms * NS_PER_MS;
    c.breaker_errors = (uint32_t)o->actor.breaker_errors;
    c.breaker_open = o->actor.breaker_cooldown_s * NS_PER_SEC;
    c.slow_turn = o->actor.slow_turn_ms * NS_PER_MS;
    c.lag_limit_ms = o->actor.message_age_ms;
    c.mirror = o->features.mirror * PX_CENT;
    c.zero_order_features = o->features.zero_order_features;
    /* A paper account's book is the feed's: to compare the two would prove nothing. */
    c.scale_check = trading && !o->paper.enabled;
    c.record_obs = o->store.observations == OBSERVATIONS_VALUES;
    c.mark_every = o->store.mark_s * NS_PER_SEC;
    c.orders = orders_config_of(o, session_id);
    c.orders.wants_link = trading;
    return c;
}

enum status run_policy_create(const struct run_options *o, struct policy **ret_policy,
                              struct err *err)
{
    const struct policy_options *p = &o->policy;
    struct policy_config c = {
        .kind = policy_kind_text(p->kind),
        .model = p->model,
        .stats = p->stats[0] != '\0' ? p->stats : NULL,
        .sample = p->sample,
        .seed = (uint64_t)p->seed,
    };
    return policy_create(&c, ret_policy, err);
}

void run_session_json(const struct config *c, bool trading, bool paper, uint64_t session_id,
                      const char *selftest, struct buf *out)
{
    buf_printf(out, "{\"session_id\":\"%016" PRIx64 "\",\"trading\":%s,\"paper\":%s,\"options\":",
               session_id, trading ? "true" : "false", paper ? "true" : "false");
    config_json(c, out);
    if (selftest != NULL) {
        buf_printf(out, ",\"risk_selftest\":%s", selftest);
    }
    buf_char(out, '}');
}

enum status run_risk_selftest(const struct run_options *o, struct buf *ret_json, struct err *err)
{
    struct risk_limits limits = risk_limits_of(o);
    enum risk_check_id failed = RISK_MAX;
    if (!risk_selftest(&limits, &failed)) {
        return err_set(err, ST_INVALID,
                       "self-test of the risk gate: with the limits of [risk] %s%s, so nothing is "
                       "traded",
                       failed == RISK_PASS ? "not even a harmless order passes"
                                           : "this check does not trip: ",
                       risk_name(failed));
    }
    buf_str(ret_json, "{\"passed\":true,\"tripped\":[");
    for (uint32_t i = 0; i < RISK_MAX; i++) {
        buf_printf(ret_json, "%s\"%s\"", i == 0 ? "" : ",", risk_name((enum risk_check_id)i));
    }
    buf_str(ret_json, "]}");
    return ST_OK;
}

/* The text that config_set takes, of a value as config_json writes it. */
static bool option_text(const json_t *value, struct buf *out)
{
    buf_clear(out);
    buf_str(out, "");
    if (json_is_string(value)) {
        buf_str(out, json_string_value(value));
    } else if (json_is_boolean(value)) {
        buf_str(out, json_is_true(value) ? "true" : "false");
    } else if (json_is_integer(value)) {
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        buf_printf(out, "%.17g", json_real_value(value));
    } else if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item)
        {
            if (!json_is_string(item)) {
                return false;
            }
            buf_printf(out, "%s%s", i == 0 ? "" : ",", json_string_value(item));
        }
    } else {
        return false;
    }
    return !out->failed;
}

static enum status read_options(struct config *c, json_t *options, struct err *err)
{
    const char *section, *name;
    json_t *keys, *value;
    struct buf text;
    buf_init(&text, 64u << 20);
    enum status st = ST_OK;
    json_object_foreach(options, section, keys)
    {
        json_object_foreach(keys, name, value)
        {
            if (st == ST_OK && !option_text(value, &text)) {
                st = err_set(err, ST_MALFORMED, "session: option %s.%s has no usable value",
                             section, name);
            } else if (st == ST_OK && text.n > 0) {
                st = config_set(c, section, name, text.p, "session", err);
            }
        }
    }
    buf_finish(&text);
    return st;
}

enum status run_session_read(struct config *c, const char *json, bool *ret_trading,
                             uint64_t *ret_session_id, struct err *err)
{
    json_error_t je;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &je);
    const char *id = json_string_value(json_object_get(root, "session_id"));
    json_t *trading = json_object_get(root, "trading");
    json_t *options = json_object_get(root, "options");
    enum status st;
    if (id == NULL || strlen(id) != 16 || !json_is_boolean(trading) || !json_is_object(options)) {
        st = err_set(err, ST_MALFORMED, "the session row holds no options");
    } else {
        *ret_session_id = strtoull(id, NULL, 16);
        *ret_trading = json_is_true(trading);
        st = read_options(c, options, err);
    }
    json_decref(root);
    return st;
}
