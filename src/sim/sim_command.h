/*
 * sim_command.h - actions: one JSON object {"do":NAME, ...} is one thing that happens at the
 * exchange. A scenario file is a list of them with times, the admin socket takes one a line.
 *
 *   sim_command.c     the table, checks, dispatch      sim_act_*.c  what the actions do
 */
#ifndef SIM_SIM_COMMAND_H
#define SIM_SIM_COMMAND_H

#include "sim/sim_life.h"

/* Types of parameters. The first ones name something that must be there, or must not. */
enum param_type {
    PT_NEW_SERIES,
    PT_NEW_EVENT,
    PT_NEW_MARKET,
    PT_SERIES, /* of a series that exists when the action comes */
    PT_EVENT,
    PT_MARKET,
    PT_NAMES_MAX,
    PT_TICKER = PT_NAMES_MAX, /* made when it is missing */
    PT_TEXT,
    PT_BOOL,
    PT_INT,      /* from 0 */
    PT_NUMBER,   /* any JSON number */
    PT_FACTOR,   /* a number, or decimal text: at most 6 decimals, not negative */
    PT_DURATION, /* "90s", "250ms", "5m", "2h", "1d", or a number of seconds; not negative */
    PT_TIME,     /* RFC 3339 */
    PT_PRICE,    /* decimal text, 0 to 1 dollar */
    PT_COUNT,    /* decimal text, above 0 contracts */
    PT_MONEY,    /* decimal text, dollars; may be negative */
    PT_OBJECT,
    PT_TEXTS,  /* an array of texts */
    PT_LEVELS, /* an array of [price, count] */
    PT_ARRAY,
    PT_ANY,
};

struct param {
    const char *name;
    enum param_type type;
    bool required;
    const char *choices; /* PT_TEXT: comma separated; NULL: any */
    const char *help;
};

/* An action under way; the table has checked its keys and types. */
struct call {
    struct sim *sim;
    const json_t *action;
    struct jw *reply; /* inside the reply's object */
};

struct action {
    const char *name, *help;
    const struct param *params; /* ends with name NULL */
    bool open;                  /* check looks at the keys that params do not name */
    /* What params cannot say, before the action's time; NULL: nothing. */
    enum status (*check)(const json_t *action, struct err *err);
    enum status (*run)(const struct call *c, struct err *err);
};

/* The rows of the table, one after the other; NULL past the last. */
const struct action *action_first(void);
const struct action *action_next(const struct action *a);

/* Where names are looked up: the exchange, or what a scenario will have made by then. */
struct name_world {
    void *self;
    bool (*has)(void *self, enum param_type kind, const char *name); /* PT_SERIES.. PT_MARKET */
};
/* Everything about an action that can be known before it runs. ST_INVALID with err, which names
 * action and key. *ret_action (NULL is fine): its row. extra: a key that is allowed too, or NULL.
 */
enum status action_check(const json_t *action, const char *extra, const struct name_world *world,
                         const struct action **ret_action, struct err *err) MUST_CHECK;

/* The exchange as it is. */
struct name_world sim_names(struct sim *sim);

/* Values of checked parameters; the default when absent. */
const char *call_text(const struct call *c, const char *key); /* NULL */
bool call_has(const struct call *c, const char *key);
bool call_bool(const struct call *c, const char *key, bool otherwise);
int64_t call_int(const struct call *c, const char *key, int64_t otherwise);
mono_ns_t call_duration(const struct call *c, const char *key, mono_ns_t otherwise);
px_t call_price(const struct call *c, const char *key, px_t otherwise);
qty_t call_count(const struct call *c, const char *key, qty_t otherwise);
usd_t call_money(const struct call *c, const char *key, usd_t otherwise);
int64_t call_factor(const struct call *c, const char *key, int64_t otherwise); /* 1e-6 */
/* "X_in" (shortened by the time scale) or "X_time"; 0 when neither is there. */
wall_ns_t call_when(const struct call *c, const char *in, const char *time);
/* So long from now, shortened by the time scale. */
wall_ns_t call_after(const struct call *c, const char *key);
uint32_t call_market(const struct call *c); /* of the key "market" */

/* ST_INVALID. Nanoseconds of a PT_DURATION. */
enum status duration_parse(const json_t *j, mono_ns_t *ret) MUST_CHECK;

#endif
