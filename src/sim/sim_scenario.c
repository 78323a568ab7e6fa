/*
 * sim_scenario.c - a list of actions with times, done as the flow goes on.
 *
 *   {"actions":[{"at":"10s","do":"create_market",...},...]}
 *
 * Times count from the start of the flow (without a flow: from the loading), divided by
 * config.time_scale. With the state of an earlier process the actions that it did are passed over,
 * and the clock has gone on. The file is checked whole before anything starts, also that every
 * market, event and series an action names is there by then. What an action finds impossible when
 * its time comes (closing what is closed) is told and the scenario goes on.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_command.h"

#define ACTIONS_MAX 100000u

struct step {
    json_t *action; /* borrowed from root */
    const char *name;
    uint32_t number; /* in the file, from 1 */
    mono_ns_t at;    /* from the start, scaled */
    char *error;     /* why it was not possible; NULL: it was, or has not come yet */
};

struct scenario {
    json_t *root;
    struct step *steps; /* by time */
    uint32_t n, next, told;
    bool started;
    mono_ns_t start;
    struct buf reply;
};

void scenario_destroy(struct scenario *s)
{
    if (s != NULL) {
        for (uint32_t i = 0; s->steps != NULL && i < s->n; i++) {
            free(s->steps[i].error);
        }
        json_decref(s->root);
        free(s->steps);
        buf_finish(&s->reply);
        free(s);
    }
}

/* --- names that there will be --- */

struct future {
    struct name_world now;
    json_t *names[3]; /* made by earlier actions: series, events (with their series), markets */
};

static bool future_has(void *self, enum param_type kind, const char *name)
{
    struct future *f = self;
    return json_object_get(f->names[kind - PT_SERIES], name) != NULL ||
           f->now.has(f->now.self, kind, name);
}

static void remember(struct future *f, enum param_type kind, const char *name)
{
    json_object_set_new(f->names[kind - PT_SERIES], name, json_true());
}

static const char *text_at(const json_t *action, const char *key)
{
    return json_string_value(json_object_get(action, key));
}

/* Creating a market makes its event when that is missing, and an event its series. */
static void remember_made(struct future *f, const char *name, const json_t *action)
{
    char part[TICKER_MAX];
    const char *event = text_at(action, "event");
    const char *series = text_at(action, "series");
    const char *market = text_at(action, "market");
    if (strcmp(name, "create_series") == 0 && series != NULL) {
        remember(f, PT_SERIES, series);
        return;
    }
    if (strcmp(name, "create_market") == 0 && market != NULL) {
        remember(f, PT_MARKET, market);
        ticker_part(market, true, part);
        event = event != NULL ? event : part;
        series = NULL;
    } else if (strcmp(name, "create_event") != 0 || event == NULL) {
        return;
    }
    char first[TICKER_MAX];
    ticker_part(event, false, first);
    if (!future_has(f, PT_EVENT, event)) {
        remember(f, PT_SERIES, series != NULL ? series : first);
        remember(f, PT_EVENT, event);
    }
}

/* --- reading --- */

static int by_time(const void *a, const void *b)
{
    const struct step *x = a;
    const struct step *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->number < y->number ? -1 : 1;
}

static enum status check_root(const json_t *root, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    const json_t *actions = json_object_get(root, "actions");
    if (!json_is_object(root) || !json_is_array(actions)) {
        return err_set(err, ST_INVALID, "a scenario is an object with the array 'actions'");
    }
    json_object_foreach((json_t *)root, key, value)
    {
        bool text = strcmp(key, "title") == 0 || strcmp(key, "$schema") == 0;
        if (strcmp(key, "actions") != 0 && !(text && json_is_string(value))) {
            return err_set(err, ST_INVALID,
                           text ? "key '%.40s' must be text" : "there is no key '%.40s'", key);
        }
    }
    if (json_array_size(actions) > ACTIONS_MAX) {
        return err_set(err, ST_LIMIT, "more than %u actions", ACTIONS_MAX);
    }
    return ST_OK;
}

static enum status read_times(const struct sim *sim, struct scenario *s, struct err *err)
{
    json_t *actions = json_object_get(s->root, "actions");
    s->n = (uint32_t)json_array_size(actions);
    s->steps = calloc(s->n + 1, sizeof *s->steps);
    if (s->steps == NULL) {
        return err_set(err, ST_NOMEM, "no memory for %u actions", s->n);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        struct step *step = &s->steps[i];
        json_t *action = json_array_get(actions, i);
        const json_t *at = json_object_get(action, "at");
        if (!json_is_object(action)) {
            return err_set(err, ST_INVALID, "action %u: not an object", i + 1);
        }
        if (at == NULL) {
            return err_set(err, ST_INVALID, "action %u: key 'at' is missing", i + 1);
        }
        if (duration_parse(at, &step->at) != ST_OK) {
            return err_set(err, ST_INVALID,
                           "action %u: key 'at' must be a time such as \"90s\", \"250ms\", \"5m\"",
                           i + 1);
        }
        step->at = sim_scaled(sim, step->at);
        step->action = action;
        step->number = i + 1;
    }
    qsort(s->steps, s->n, sizeof *s->steps, by_time);
    return ST_OK;
}

static enum status check_steps(struct scenario *s, struct future *f, struct err *err)
{
    struct name_world world = {f, future_has};
    for (uint32_t i = 0; i < s->next; i++) { /* done before a restart */
        const char *name = text_at(s->steps[i].action, "do");
        s->steps[i].name = name != NULL ? name : "";
        remember_made(f, s->steps[i].name, s->steps[i].action);
    }
    for (uint32_t i = s->next; i < s->n; i++) {
        const struct action *a = NULL;
        struct step *step = &s->steps[i];
        enum status st = action_check(step->action, "at", &world, &a, err);
        if (st != ST_OK) {
            return err_prefix(err, st, "action %u", step->number);
        }
        step->name = a->name;
        remember_made(f, a->name, step->action);
    }
    return ST_OK;
}

static enum status check_all(struct sim *sim, struct scenario *s, struct err *err)
{
    struct future f = {sim_names(sim), {json_object(), json_object(), json_object()}};
    enum status st = check_root(s->root, err);
    st = st == ST_OK ? read_times(sim, s, err) : st;
    s->next = sim->scenario_next < s->n ? sim->scenario_next : s->n;
    s->told = s->next;
    st = st == ST_OK ? check_steps(s, &f, err) : st;
    for (size_t i = 0; i < 3; i++) {
        json_decref(f.names[i]);
    }
    return st;
}

enum status sim_load_scenario(struct sim *sim, const char *name, struct text text, struct err *err)
{
    json_error_t at;
    struct scenario *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", name);
    }
    buf_init(&s->reply, (size_t)256 << 20);
    s->root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
    enum status st = ST_OK;
    if (s->root == NULL) {
        st = err_set(err, ST_MALFORMED, "%s: line %d, column %d: %s", name, at.line, at.column,
                     at.text);
    } else {
        st = check_all(sim, s, err);
        st = st == ST_OK ? ST_OK : err_prefix(err, st, "%s", name);
    }
    if (st != ST_OK) {
        scenario_destroy(s);
        return st;
    }
    scenario_destroy(sim->scenario);
    sim->scenario = s;
    return ST_OK;
}

/* --- running --- */

static bool may_start(const struct sim *sim)
{
    bool source = sim->capture != NULL || sim->flow != NULL;
    return !source || !sim->config.wait_for_client || sim->client_came;
}

mono_ns_t scenario_due(struct sim *sim, mono_ns_t now)
{
    struct scenario *s = sim->scenario;
    if (s == NULL || s->next == s->n) {
        return NS_NEVER;
    }
    if (!s->started) {
        if (!may_start(sim)) {
            return NS_NEVER;
        }
        s->started = true;
        s->start = now;
        if (sim->scenario_start == 0) {
            sim->scenario_start = sim->wall;
        }
        /* After a restart the clock has gone on. */
        s->start -= sim->wall > sim->scenario_start ? sim->wall - sim->scenario_start : 0;
    }
    return s->start + s->steps[s->next].at;
}

void scenario_step(struct sim *sim, wall_ns_t wall, mono_ns_t now)
{
    struct scenario *s = sim->scenario;
    struct step *step = &s->steps[s->next++];
    sim->scenario_next = s->next;
    sim_state_tell(sim);
    struct err err = {0};
    buf_clear(&s->reply);
    if (sim_command(sim, step->action, wall, now, &s->reply, &err) != ST_OK) {
        sim->count.scenario_errors++;
        step->error = strdup(err.text);
    }
}

bool scenario_done(const struct sim *sim)
{
    return sim->scenario == NULL || sim->scenario->next == sim->scenario->n;
}

struct sim_progress sim_scenario_progress(const struct sim *sim)
{
    return (struct sim_progress){sim->scenario_start, sim->scenario_next};
}

void sim_scenario_go_on(struct sim *sim, struct sim_progress progress)
{
    sim->scenario_start = progress.start;
    sim->scenario_next = progress.next;
}

bool sim_next_step(struct sim *sim, struct sim_step *ret_step)
{
    struct scenario *s = sim->scenario;
    if (s == NULL || s->told == s->next) {
        return false;
    }
    const struct step *step = &s->steps[s->told++];
    *ret_step = (struct sim_step){step->number, step->name, step->error};
    return true;
}
