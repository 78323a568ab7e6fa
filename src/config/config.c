/* config.c - the option table: finding a row, keeping where its value came from, near misses. */
#include "config/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_int.h"

size_t option_find(const struct option_table *t, const char *section, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i].section, section) == 0 && strcmp(t->v[i].name, name) == 0) {
            return i;
        }
    }
    return OPTION_NONE;
}

bool option_elsewhere(const struct option_table *t, const char *section, const char *name)
{
    for (size_t i = 0; t->others != NULL && t->others[i] != NULL; i++) {
        if (option_find(t->others[i], section, name) != OPTION_NONE) {
            return true;
        }
    }
    return false;
}

void option_env_name(const struct config_option *o, char buf[CONFIG_NAME_MAX])
{
    snprintf(buf, CONFIG_NAME_MAX, "DELTAFLOW_%s_%s", o->section, o->name);
    for (char *p = buf; *p != '\0'; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
}

void option_flag_name(const struct config_option *o, char buf[CONFIG_NAME_MAX])
{
    snprintf(buf, CONFIG_NAME_MAX, "%s-%s", o->section, o->name);
    for (char *p = buf; *p != '\0'; p++) {
        if (*p == '_') {
            *p = '-';
        }
    }
}

/* --- near misses --- */

/* Edits (insert, remove, replace) between two words; long words are not compared. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    unsigned row[64];
    if (na >= 64 || nb >= 64) {
        return 64;
    }
    for (size_t j = 0; j <= nb; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replace < other ? replace : other;
        }
    }
    return row[nb];
}

void nearest_init(struct nearest *n, const char *word)
{
    size_t len = strlen(word);
    memset(n, 0, sizeof *n);
    n->word = word;
    n->distance = len < 4 ? 2 : len < 12 ? 3 : 4; /* this many edits are too many */
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t len = strlen(n->word);
    /* A name without its unit is a near miss, however long the unit. */
    bool begins = len >= 4 && strncmp(candidate, n->word, len) == 0;
    unsigned d = begins ? 1 : edit_distance(n->word, candidate);
    if (d < n->distance) {
        n->distance = d;
        snprintf(n->best, sizeof n->best, "%s", candidate);
    }
}

const char *nearest_hint(const struct nearest *n, char buf[CONFIG_NAME_MAX + 32])
{
    buf[0] = '\0';
    if (n->best[0] != '\0') {
        snprintf(buf, CONFIG_NAME_MAX + 32, "; did you mean %s?", n->best);
    }
    return buf;
}

/* --- the object --- */

static enum status set_defaults(struct config *c)
{
    for (size_t i = 0; i < c->table->n; i++) {
        const struct config_option *o = &c->table->v[i];
        struct err err;
        enum status st = value_set(c, i, o->initial, false, &err);
        if (st == ST_NOT_FOUND && o->type == OPT_PATH) {
            /* No HOME: the path is not set, and whoever needs it will say so. */
            st = value_set(c, i, "", false, &err);
        }
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

enum status config_create(const struct option_table *table, char *const *env, void *out,
                          struct config **ret_config)
{
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return ST_NOMEM;
    }
    memset(out, 0, table->size);
    c->table = table;
    c->env = env;
    c->out = out;
    c->state = calloc(table->n, sizeof *c->state);
    enum status st = c->state != NULL ? set_defaults(c) : ST_NOMEM;
    if (st != ST_OK) {
        config_destroy(c);
        return st;
    }
    *ret_config = c;
    return ST_OK;
}

void config_destroy(struct config *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; c->state != NULL && i < c->table->n; i++) {
        free(c->state[i].origin);
        free(c->state[i].values);
    }
    while (c->blocks != NULL) {
        struct block *next = c->blocks->next;
        free(c->blocks);
        c->blocks = next;
    }
    free(c->state);
    free(c->rest);
    free(c);
}

enum status config_apply(struct config *c, size_t i, const char *text, enum config_source source,
                         const char *origin, struct err *err)
{
    const struct config_option *o = &c->table->v[i];
    struct option_state *s = &c->state[i];
    bool again = s->pass == c->pass && s->source == source && source != CONFIG_DEFAULT;
    if (again && o->type != OPT_LIST && source == CONFIG_FILE) {
        return err_set(err, ST_INVALID, "is given a second time, the first is %s",
                       s->origin != NULL ? s->origin : "above");
    }
    enum status st = value_set(c, i, text, again, err);
    if (st != ST_OK) {
        return st;
    }
    free(s->origin);
    s->origin = strdup(origin);
    s->source = source;
    s->pass = c->pass;
    return ST_OK;
}

enum status config_set(struct config *c, const char *section, const char *name, const char *value,
                       const char *origin, struct err *err)
{
    size_t i = option_find(c->table, section, name);
    if (i == OPTION_NONE) {
        return err_set(err, ST_NOT_FOUND, "%s: there is no option [%s] %s", origin, section, name);
    }
    c->pass++;
    enum status st = config_apply(c, i, value, CONFIG_PROGRAM, origin, err);
    return st == ST_OK ? ST_OK : err_prefix(err, st, "%s: [%s] %s", origin, section, name);
}

enum config_source config_source(const struct config *c, const char *section, const char *name)
{
    size_t i = option_find(c->table, section, name);
    return i == OPTION_NONE ? CONFIG_DEFAULT : c->state[i].source;
}
