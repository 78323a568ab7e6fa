/*
 * sim_command_doc.c - the table of actions as text for --help, and as JSON Schema
 * (docs/schemas/sim-action.json, docs/schemas/scenario.json).
 */
#include <string.h>

#include "sim/sim_act.h"

void sim_command_help(struct buf *out)
{
    for (const struct action *a = action_first(); a != NULL; a = action_next(a)) {
        buf_printf(out, "  %-15s %s\n", a->name, a->help);
    }
}

/* The forms of values, by enum param_type. */
static const char *form(enum param_type type)
{
    static const char ticker[] = "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,63}$\"";
    static const char decimal[] = "\"type\":\"string\",\"pattern\":\"^-?[0-9]+(\\\\.[0-9]+)?$\"";
    switch (type) {
    case PT_NEW_SERIES:
    case PT_NEW_EVENT:
    case PT_NEW_MARKET:
    case PT_SERIES:
    case PT_EVENT:
    case PT_MARKET:
    case PT_TICKER:
        return ticker;
    case PT_TEXT:
        return "\"type\":\"string\"";
    case PT_BOOL:
        return "\"type\":\"boolean\"";
    case PT_INT:
        return "\"type\":\"integer\",\"minimum\":0";
    case PT_NUMBER:
        return "\"type\":\"number\"";
    case PT_FACTOR:
        return "\"anyOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"string\"}]";
    case PT_DURATION:
        return "\"anyOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"string\",\"pattern\":"
               "\"^[0-9.]+(ms|s|m|h|d)$\"}]";
    case PT_TIME:
        return "\"type\":\"string\",\"format\":\"date-time\"";
    case PT_PRICE:
    case PT_COUNT:
    case PT_MONEY:
        return decimal;
    case PT_OBJECT:
        return "\"type\":\"object\"";
    case PT_TEXTS:
        return "\"type\":\"array\",\"items\":{\"type\":\"string\"}";
    case PT_LEVELS:
        return "\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
               "\"minItems\":2,\"maxItems\":2}";
    case PT_ARRAY:
        return "\"type\":\"array\"";
    case PT_ANY:
        break;
    }
    return "";
}

static void write_choices(struct jw *w, const char *choices)
{
    jw_open(w, "enum", '[');
    for (const char *s = choices; s != NULL;) {
        const char *comma = strchr(s, ',');
        jw_text(w, NULL, comma != NULL ? (struct text){s, (size_t)(comma - s)} : text_of(s));
        s = comma != NULL ? comma + 1 : NULL;
    }
    jw_close(w, ']');
}

static void write_param(struct jw *w, const struct param *p)
{
    jw_open(w, p->name, '{');
    jw_str(w, "description", p->help);
    const char *f = form(p->type);
    if (f[0] != '\0') {
        jw_raw(w, NULL, f);
    }
    if (p->choices != NULL) {
        write_choices(w, p->choices);
    }
    jw_close(w, '}');
}

static void write_action(struct jw *w, const struct action *a, bool scenario)
{
    buf_char(w->b, '\n');
    jw_open(w, a->name, '{');
    jw_str(w, "description", a->help);
    jw_str(w, "type", "object");
    jw_open(w, "properties", '{');
    jw_raw(w, "do", "{\"const\":\"");
    buf_printf(w->b, "%s\"}", a->name);
    if (scenario) {
        jw_open(w, "at", '{');
        jw_str(w, "description", "When, from the start of the flow.");
        jw_raw(w, NULL, form(PT_DURATION));
        jw_close(w, '}');
    }
    for (const struct param *p = a->params; p->name != NULL; p++) {
        if (strcmp(p->name, "KEY") != 0) {
            write_param(w, p);
        }
    }
    jw_close(w, '}');
    jw_open(w, "required", '[');
    jw_str(w, NULL, "do");
    if (scenario) {
        jw_str(w, NULL, "at");
    }
    for (const struct param *p = a->params; p->name != NULL; p++) {
        if (p->required) {
            jw_str(w, NULL, p->name);
        }
    }
    jw_close(w, ']');
    if (!a->open) {
        jw_bool(w, "additionalProperties", false);
    }
    jw_close(w, '}');
}

static void write_any(struct jw *w)
{
    jw_open(w, "oneOf", '[');
    for (const struct action *a = action_first(); a != NULL; a = action_next(a)) {
        jw_open(w, NULL, '{');
        jw_key(w, "$ref");
        buf_printf(w->b, "\"#/$defs/%s\"", a->name);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static const char scenario_root[] =
    "\"type\":\"object\",\"properties\":{\"$schema\":{\"type\":\"string\"},"
    "\"title\":{\"type\":\"string\"},\"actions\":{\"type\":\"array\",\"items\":{";

void sim_command_schema(struct buf *out, bool scenario)
{
    struct jw w = {out, false};
    jw_open(&w, NULL, '{');
    jw_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_str(&w, "title", scenario ? "Scenario" : "Action of the simulator");
    jw_str(&w, "description",
           scenario ? "What `deltaflow sim --scenario FILE` reads: what happens when."
                    : "One thing that happens at the simulated exchange: a line of its admin "
                      "socket, and, with a time, an item of a scenario.");
    if (scenario) {
        jw_raw(&w, NULL, scenario_root);
        w.comma = false;
    }
    write_any(&w);
    if (scenario) {
        buf_str(out, "}}},\"required\":[\"actions\"],\"additionalProperties\":false");
    }
    jw_open(&w, "$defs", '{');
    for (const struct action *a = action_first(); a != NULL; a = action_next(a)) {
        write_action(&w, a, scenario);
    }
    jw_close(&w, '}');
    jw_close(&w, '}');
    buf_char(out, '\n');
}
