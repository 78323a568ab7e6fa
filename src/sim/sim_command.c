/*
 * sim_command.c - actions: their table of parameters, the checks, the dispatch.
 */
#include "sim/sim_act.h"

#include <stdlib.h>
#include <string.h>

/* --- values --- */

static bool decimal(const json_t *j, enum status (*parse)(const char *, size_t, int64_t *),
                    int64_t *ret)
{
    const char *s = json_string_value(j);
    return s != NULL && parse(s, strlen(s), ret) == ST_OK;
}

static mono_ns_t unit_ns(const char *unit)
{
    static const struct {
        const char *name;
        mono_ns_t ns;
    } units[] = {{"ms", NS_PER_MS},
                 {"s", NS_PER_SEC},
                 {"m", 60 * NS_PER_SEC},
                 {"h", 3600 * NS_PER_SEC},
                 {"d", 86400 * NS_PER_SEC}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, unit) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

enum status duration_parse(const json_t *j, mono_ns_t *ret)
{
    double v = 0;
    mono_ns_t unit = NS_PER_SEC;
    if (json_is_number(j)) {
        v = json_number_value(j);
    } else if (json_is_string(j)) {
        const char *s = json_string_value(j);
        char *end = NULL;
        v = strtod(s, &end);
        unit = end != s && *s >= '0' && *s <= '9' ? unit_ns(end) : 0;
    } else {
        return ST_INVALID;
    }
    double ns = v * (double)unit;
    if (unit == 0 || !(ns >= 0 && ns <= 1e18)) { /* about 30 years */
        return ST_INVALID;
    }
    *ret = (mono_ns_t)(ns + 0.5);
    return ST_OK;
}

static bool factor(const json_t *j, int64_t *ret)
{
    if (json_is_number(j)) {
        double v = json_number_value(j) * 1e6;
        *ret = v >= 0 && v <= 1e12 ? (int64_t)(v + 0.5) : -1;
        return *ret >= 0;
    }
    return decimal(j, usd_parse, ret) && *ret >= 0 && *ret <= INT64_C(1000000000000);
}

static bool is_texts(const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (!json_is_string(json_array_get(j, i))) {
            return false;
        }
    }
    return json_is_array(j);
}

static bool is_level(const json_t *j)
{
    int64_t px = 0;
    int64_t qty = 0;
    return json_array_size(j) == 2 && decimal(json_array_get(j, 0), px_parse, &px) &&
           decimal(json_array_get(j, 1), qty_parse, &qty) && px > 0 && px < PX_ONE && qty > 0;
}

static bool is_levels(const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (!is_level(json_array_get(j, i))) {
            return false;
        }
    }
    return json_is_array(j);
}

static bool is_choice(const char *s, const char *choices)
{
    return choices == NULL || (s[0] != '\0' && strchr(s, ',') == NULL && list_has(choices, s));
}

/* NULL: the value is right; else what it should be. */
static const char *wrong(const struct param *p, const json_t *j)
{
    int64_t v = 0;
    wall_ns_t t = 0;
    const char *s = json_string_value(j);
    switch (p->type) {
    case PT_NEW_SERIES:
    case PT_NEW_EVENT:
    case PT_NEW_MARKET:
    case PT_SERIES:
    case PT_EVENT:
    case PT_MARKET:
    case PT_TICKER:
        return s != NULL && ticker_valid(s) ? NULL : "a ticker";
    case PT_TEXT:
        if (s != NULL && is_choice(s, p->choices)) {
            return NULL;
        }
        return p->choices != NULL ? p->choices : "text";
    case PT_BOOL:
        return json_is_boolean(j) ? NULL : "true or false";
    case PT_INT:
        return json_is_integer(j) && json_integer_value(j) >= 0 ? NULL : "a whole number from 0";
    case PT_NUMBER:
        return json_is_number(j) ? NULL : "a number";
    case PT_FACTOR:
        return factor(j, &v) ? NULL : "a number from 0";
    case PT_DURATION:
        return duration_parse(j, &v) == ST_OK ? NULL : "a time such as \"90s\", \"250ms\", \"5m\"";
    case PT_TIME:
        return s != NULL && time_parse(s, strlen(s), &t) == ST_OK ? NULL : "an RFC 3339 time";
    case PT_PRICE:
        return decimal(j, px_parse, &v) && v >= 0 && v <= PX_ONE
                   ? NULL
                   : "decimal text from \"0\" to \"1\"";
    case PT_COUNT:
        return decimal(j, qty_parse, &v) && v > 0 && v <= QTY_LIMIT ? NULL
                                                                    : "decimal text above \"0\"";
    case PT_MONEY:
        return decimal(j, usd_parse, &v) && v <= USD_LIMIT && v >= -USD_LIMIT ? NULL
                                                                              : "decimal text";
    case PT_OBJECT:
        return json_is_object(j) ? NULL : "an object";
    case PT_TEXTS:
        return is_texts(j) ? NULL : "an array of texts";
    case PT_LEVELS:
        return is_levels(j) ? NULL : "an array of [price, count], each decimal text";
    case PT_ARRAY:
        return json_is_array(j) ? NULL : "an array";
    case PT_ANY:
        break;
    }
    return NULL;
}

/* --- checking --- */

static const struct action *const tables[] = {act_list, act_life, act_exchange, act_users};

const struct action *action_first(void)
{
    return tables[0];
}

const struct action *action_next(const struct action *a)
{
    size_t t = 0;
    if (a[1].name != NULL) {
        return a + 1;
    }
    for (bool found = false; !found; t++) { /* the table that a is the last row of */
        const struct action *row = tables[t];
        while (row->name != NULL && row != a) {
            row++;
        }
        found = row == a;
    }
    return t < sizeof tables / sizeof tables[0] ? tables[t] : NULL;
}

static const struct action *action_find(const char *name)
{
    const struct action *a = action_first();
    while (a != NULL && strcmp(a->name, name) != 0) {
        a = action_next(a);
    }
    return a;
}

static const struct param *param_find(const struct action *a, const char *key)
{
    for (const struct param *p = a->params; p->name != NULL; p++) {
        if (strcmp(p->name, key) == 0) {
            return p;
        }
    }
    return NULL;
}

static enum status check_name(const struct action *a, const struct param *p, const char *name,
                              const struct name_world *world, struct err *err)
{
    static const char *const words[] = {"series", "event", "market"};
    if (p->type >= PT_NAMES_MAX) {
        return ST_OK;
    }
    bool fresh = p->type < PT_SERIES;
    enum param_type kind = fresh ? p->type + (PT_SERIES - PT_NEW_SERIES) : p->type;
    const char *word = words[kind - PT_SERIES];
    if (world->has(world->self, kind, name) == fresh) {
        return err_set(err, ST_INVALID,
                       fresh ? "%s: key '%s': %s %s exists already"
                             : "%s: key '%s': there is no %s %s",
                       a->name, p->name, word, name);
    }
    return ST_OK;
}

static enum status check_keys(const struct action *a, const json_t *action, const char *extra,
                              const struct name_world *world, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)action, key, value)
    {
        if (strcmp(key, "do") == 0 || (extra != NULL && strcmp(key, extra) == 0)) {
            continue;
        }
        const struct param *p = param_find(a, key);
        if (p == NULL) {
            if (a->open) {
                continue;
            }
            return err_set(err, ST_INVALID, "%s: there is no key '%.40s'", a->name, key);
        }
        const char *should = wrong(p, value);
        if (should != NULL) {
            return err_set(err, ST_INVALID, "%s: key '%s' must be %s", a->name, key, should);
        }
        enum status st = check_name(a, p, json_string_value(value), world, err);
        if (st != ST_OK) {
            return st;
        }
    }
    struct sim_fault_plan plan; /* a scenario's faults are read before it begins */
    return strcmp(a->name, "fault") == 0 ? sim_fault_read_json(action, &plan, err) : ST_OK;
}

enum status action_check(const json_t *action, const char *extra, const struct name_world *world,
                         const struct action **ret_action, struct err *err)
{
    const char *name = json_string_value(json_object_get(action, "do"));
    if (name == NULL) {
        return err_set(err, ST_INVALID, "an action is an object with the key 'do'");
    }
    const struct action *a = action_find(name);
    if (a == NULL) {
        return err_set(err, ST_INVALID, "there is no action '%.40s'", name);
    }
    for (const struct param *p = a->params; p->name != NULL; p++) {
        if (p->required && json_object_get(action, p->name) == NULL) {
            return err_set(err, ST_INVALID, "%s: key '%s' is missing", a->name, p->name);
        }
    }
    enum status st = check_keys(a, action, extra, world, err);
    st = st == ST_OK && a->check != NULL ? a->check(action, err) : st;
    if (st == ST_OK && ret_action != NULL) {
        *ret_action = a;
    }
    return st;
}

/* --- values of a call --- */

bool call_has(const struct call *c, const char *key)
{
    return json_object_get(c->action, key) != NULL;
}

const char *call_text(const struct call *c, const char *key)
{
    return json_string_value(json_object_get(c->action, key));
}

bool call_bool(const struct call *c, const char *key, bool otherwise)
{
    const json_t *j = json_object_get(c->action, key);
    return j != NULL ? json_is_true(j) : otherwise;
}

int64_t call_int(const struct call *c, const char *key, int64_t otherwise)
{
    const json_t *j = json_object_get(c->action, key);
    return j != NULL ? json_integer_value(j) : otherwise;
}

mono_ns_t call_duration(const struct call *c, const char *key, mono_ns_t otherwise)
{
    mono_ns_t v = otherwise;
    return duration_parse(json_object_get(c->action, key), &v) == ST_OK ? v : otherwise;
}

px_t call_price(const struct call *c, const char *key, px_t otherwise)
{
    px_t v = 0;
    return decimal(json_object_get(c->action, key), px_parse, &v) ? v : otherwise;
}

qty_t call_count(const struct call *c, const char *key, qty_t otherwise)
{
    qty_t v = 0;
    return decimal(json_object_get(c->action, key), qty_parse, &v) ? v : otherwise;
}

usd_t call_money(const struct call *c, const char *key, usd_t otherwise)
{
    usd_t v = 0;
    return decimal(json_object_get(c->action, key), usd_parse, &v) ? v : otherwise;
}

int64_t call_factor(const struct call *c, const char *key, int64_t otherwise)
{
    int64_t v = 0;
    return factor(json_object_get(c->action, key), &v) ? v : otherwise;
}

wall_ns_t call_when(const struct call *c, const char *in, const char *time)
{
    const char *s = call_text(c, time);
    wall_ns_t t = 0;
    if (s != NULL && time_parse(s, strlen(s), &t) == ST_OK) {
        return t;
    }
    return call_has(c, in) ? c->sim->wall + sim_scaled(c->sim, call_duration(c, in, 0)) : 0;
}

wall_ns_t call_after(const struct call *c, const char *key)
{
    return c->sim->wall + sim_scaled(c->sim, call_duration(c, key, 0));
}

uint32_t call_market(const struct call *c)
{
    return sim_find_market(c->sim, text_of(call_text(c, "market")));
}

bool sim_stopping(const struct sim *sim)
{
    return sim->stop;
}

/* --- dispatch --- */

static bool sim_has_name(void *self, enum param_type kind, const char *name)
{
    const struct sim *sim = self;
    struct text t = text_of(name);
    return (kind == PT_MARKET  ? sim_find_market(sim, t)
            : kind == PT_EVENT ? sim_find_event(sim, t)
                               : sim_find_series(sim, t)) != NO_INDEX;
}

struct name_world sim_names(struct sim *sim)
{
    return (struct name_world){sim, sim_has_name};
}

static void reply_error(struct buf *out, size_t from, const struct err *err)
{
    out->n = from;
    struct jw w = {out, false};
    jw_open(&w, NULL, '{');
    jw_bool(&w, "ok", false);
    jw_str(&w, "error", err->text);
    jw_close(&w, '}');
}

enum status sim_command(struct sim *sim, const json_t *action, wall_ns_t wall, mono_ns_t now,
                        struct buf *ret_reply, struct err *err)
{
    struct err own = {0};
    err = err != NULL ? err : &own;
    sim_set_time(sim, wall, now);
    size_t from = ret_reply->n;
    const struct action *a = NULL;
    struct name_world world = sim_names(sim);
    struct jw w = {ret_reply, false};
    jw_open(&w, NULL, '{');
    jw_bool(&w, "ok", true);
    enum status st = action_check(action, "at", &world, &a, err);
    if (st == ST_OK) {
        struct call c = {sim, action, &w};
        st = a->run(&c, err);
    }
    if (st != ST_OK) {
        reply_error(ret_reply, from, err);
        return st;
    }
    jw_close(&w, '}');
    return ST_OK;
}
