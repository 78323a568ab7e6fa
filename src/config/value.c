/* value.c - the types of options: text to value, value to text, and what is allowed. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "base/url.h"
#include "config/config_int.h"

static void *target(const struct config *c, size_t i)
{
    return (uint8_t *)c->out + c->table->v[i].offset;
}

/* A copy that lives as long as the config, NULL without memory. */
static const char *config_keep(struct config *c, const char *s, size_t n)
{
    struct block *b = malloc(sizeof *b + n + 1);
    if (b == NULL) {
        return NULL;
    }
    memcpy(b->bytes, s, n);
    b->bytes[n] = '\0';
    b->next = c->blocks;
    c->blocks = b;
    return b->bytes;
}

/* The choice of an enum by number, NULL when there is none. *ret_n: its length. */
static const char *value_choice(const char *choices, int index, size_t *ret_n)
{
    const char *p = choices;
    for (int i = 0; p != NULL; i++) {
        size_t n = strcspn(p, "|");
        if (i == index) {
            *ret_n = n;
            return p;
        }
        p = p[n] == '|' ? p + n + 1 : NULL;
    }
    return NULL;
}

/* --- what is allowed --- */

typedef size_t (*format_fn)(int64_t v, char buf[MONEY_TEXT_MAX]);

static size_t int_format(int64_t v, char buf[MONEY_TEXT_MAX])
{
    return (size_t)snprintf(buf, MONEY_TEXT_MAX, "%lld", (long long)v);
}

static format_fn format_of(enum option_type type)
{
    if (type == OPT_PX) {
        return px_format;
    }
    if (type == OPT_QTY) {
        return qty_format;
    }
    return type == OPT_USD ? usd_format : int_format;
}

static void allowed_range(const struct config_option *o, struct buf *out)
{
    char low[MONEY_TEXT_MAX], high[MONEY_TEXT_MAX];
    format_of(o->type)(o->min, low);
    format_of(o->type)(o->max, high);
    buf_printf(out, "%s to %s", low, high);
    if (o->unit != NULL) {
        buf_printf(out, " %s", o->unit);
    }
    if ((o->flags & OPT_POWER_OF_TWO) != 0) {
        buf_str(out, ", a power of two");
    }
}

void value_allowed(const struct config_option *o, struct buf *out)
{
    switch (o->type) {
    case OPT_BOOL:
        buf_str(out, "true or false");
        return;
    case OPT_INT:
    case OPT_FLOAT:
    case OPT_PX:
    case OPT_QTY:
    case OPT_USD:
        allowed_range(o, out);
        return;
    case OPT_ENUM:
        for (const char *p = o->choices; *p != '\0'; p++) {
            if (*p == '|') {
                buf_str(out, ", ");
            } else {
                buf_char(out, *p);
            }
        }
        return;
    case OPT_TEXT:
        buf_str(out, "text");
        return;
    case OPT_PATH:
        buf_str(out, "a path");
        return;
    case OPT_LIST:
        buf_str(out, "words separated by commas");
        return;
    }
}

static enum status refuse(const struct config_option *o, enum status st, const char *text,
                          const char *reason, struct err *err)
{
    struct buf allowed;
    char shown[URL_SHOWN_MAX];
    text = url_shown(text, shown, sizeof shown);
    buf_init(&allowed, 400);
    value_allowed(o, &allowed);
    (void)err_set(err, st, "\"%.40s%s\" %s; allowed: %s", text, strlen(text) > 40 ? "..." : "",
                  reason, allowed.p != NULL ? allowed.p : "");
    buf_finish(&allowed);
    return st;
}

/* --- text to value --- */

static enum status parse_bool(const struct config_option *o, const char *text, bool *ret,
                              struct err *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return ST_OK;
        }
    }
    return refuse(o, ST_INVALID, text, "is neither true nor false", err);
}

static enum status int_parse(const char *text, size_t n, int64_t *ret)
{
    char *end = NULL;
    size_t digits = text[0] == '-' ? 1 : 0;
    if (n == digits || strspn(text + digits, "0123456789") != n - digits) {
        return ST_MALFORMED;
    }
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno == ERANGE) {
        return ST_RANGE;
    }
    *ret = v;
    return ST_OK;
}

static enum status parse_number(const struct config_option *o, const char *text, int64_t *ret,
                                struct err *err)
{
    int64_t v = 0;
    size_t n = strlen(text);
    enum status st;
    const char *what = "is not a decimal number with at most 6 decimals";
    if (o->type == OPT_PX) {
        st = px_parse(text, n, &v);
        what = "is not a decimal number with at most 4 decimals";
    } else if (o->type == OPT_QTY) {
        st = qty_parse(text, n, &v);
        what = "is not a decimal number with at most 2 decimals";
    } else if (o->type == OPT_USD) {
        st = usd_parse(text, n, &v);
    } else {
        st = int_parse(text, n, &v);
        what = "is not a whole number";
    }
    if (st == ST_MALFORMED) {
        return refuse(o, ST_INVALID, text, what, err);
    }
    if (st != ST_OK || v < o->min || v > o->max) {
        return refuse(o, ST_RANGE, text, "is out of range", err);
    }
    if ((o->flags & OPT_POWER_OF_TWO) != 0 && (v & (v - 1)) != 0) {
        return refuse(o, ST_INVALID, text, "is not a power of two", err);
    }
    *ret = v;
    return ST_OK;
}

static enum status parse_float(const struct config_option *o, const char *text, double *ret,
                               struct err *err)
{
    char *end = NULL;
    /* Only plain decimals: strtod alone would take "nan", "inf" and hexadecimal. */
    if (text[0] == '\0' || strspn(text, "0123456789.-+eE") != strlen(text)) {
        return refuse(o, ST_INVALID, text, "is not a number", err);
    }
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(v)) {
        return refuse(o, ST_INVALID, text, "is not a number", err);
    }
    if (v < (double)o->min || v > (double)o->max) {
        return refuse(o, ST_RANGE, text, "is out of range", err);
    }
    *ret = v;
    return ST_OK;
}

static enum status parse_enum(const struct config_option *o, const char *text, int *ret,
                              struct err *err)
{
    size_t n = 0;
    const char *choice = value_choice(o->choices, 0, &n);
    for (int i = 0; choice != NULL; choice = value_choice(o->choices, ++i, &n)) {
        if (strlen(text) == n && memcmp(choice, text, n) == 0) {
            *ret = i;
            return ST_OK;
        }
    }
    return refuse(o, ST_INVALID, text, "is not one of its values", err);
}

/* What an INI file could not carry, no source may. */
static enum status check_text(const struct config_option *o, const char *text, struct err *err)
{
    size_t n = strlen(text);
    if (n >= CONFIG_TEXT_MAX) {
        return refuse(o, ST_LIMIT, text, "is too long", err);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return err_set(err, ST_INVALID, "holds a control character");
        }
        if (text[i] == ';' && (i == 0 || isspace((unsigned char)text[i - 1]))) {
            return refuse(o, ST_INVALID, text, "holds a ';' that begins a comment", err);
        }
    }
    return ST_OK;
}

static enum status parse_text(struct config *c, size_t i, const char *text, const char **ret,
                              struct err *err)
{
    const struct config_option *o = &c->table->v[i];
    enum status st = check_text(o, text, err);
    if (st != ST_OK) {
        return st;
    }
    char path[CONFIG_TEXT_MAX];
    if (o->type == OPT_PATH) {
        st = path_expand(c->env, text, path, sizeof path);
        if (st == ST_NOT_FOUND) {
            return refuse(o, st, text, "needs HOME, which is not set", err);
        }
        if (st != ST_OK) {
            return refuse(o, st, text, "begins with a variable that is not known here", err);
        }
        text = path;
    }
    const char *kept = config_keep(c, text, strlen(text));
    if (kept == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    *ret = kept;
    return ST_OK;
}

static enum status list_add(struct config *c, struct option_state *s, const char *word, size_t n,
                            struct err *err)
{
    if (s->n_values == CONFIG_LIST_MAX) {
        return err_set(err, ST_LIMIT, "has more than %u entries", CONFIG_LIST_MAX);
    }
    if (s->n_values == s->cap_values) {
        size_t cap = s->cap_values == 0 ? 16 : s->cap_values * 2;
        const char **grown = realloc(s->values, cap * sizeof *grown);
        if (grown == NULL) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        s->values = grown;
        s->cap_values = cap;
    }
    const char *kept = config_keep(c, word, n);
    if (kept == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    s->values[s->n_values++] = kept;
    return ST_OK;
}

static enum status parse_list(struct config *c, size_t i, const char *text, bool add,
                              struct err *err)
{
    const struct config_option *o = &c->table->v[i];
    struct option_state *s = &c->state[i];
    bool colon = false;
    for (const char *p = text; *p != '\0'; p++) {
        /* A '=' is most likely an indented key that INI takes for more of the list; but after ':'
         * an entry has keys of its own. */
        colon = colon || *p == ':';
        if ((unsigned char)*p < 0x20 || (*p == '=' && !colon) || *p == 0x7f) {
            return refuse(o, ST_INVALID, text, "holds a character that no entry has", err);
        }
    }
    if (!add) {
        s->n_values = 0;
    }
    enum status st = ST_OK;
    for (const char *p = text; *p != '\0' && st == ST_OK;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, ",");
        size_t len = n;
        while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t')) {
            len--;
        }
        if (memchr(p, ' ', len) != NULL || memchr(p, '\t', len) != NULL ||
            memchr(p, ';', len) != NULL) {
            return refuse(o, ST_INVALID, text, "holds an entry with a blank or ';' in it", err);
        }
        st = len > 0 ? list_add(c, s, p, len, err) : ST_OK;
        p += n;
    }
    struct config_list *list = target(c, i);
    *list = (struct config_list){s->values, s->n_values};
    return st;
}

enum status value_set(struct config *c, size_t i, const char *text, bool add, struct err *err)
{
    const struct config_option *o = &c->table->v[i];
    switch (o->type) {
    case OPT_BOOL:
        return parse_bool(o, text, target(c, i), err);
    case OPT_INT:
    case OPT_PX:
    case OPT_QTY:
    case OPT_USD:
        return parse_number(o, text, target(c, i), err);
    case OPT_FLOAT:
        return parse_float(o, text, target(c, i), err);
    case OPT_ENUM:
        return parse_enum(o, text, target(c, i), err);
    case OPT_TEXT:
    case OPT_PATH:
        return parse_text(c, i, text, target(c, i), err);
    case OPT_LIST:
        return parse_list(c, i, text, add, err);
    }
    return ST_INVALID;
}

/* --- value to text --- */

static void float_text(double v, struct buf *out)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    buf_str(out, text);
}

static void add_path(const char *path, struct buf *out)
{
    if (strstr(path, "://") == NULL) {
        buf_str(out, path);
    } else {
        char shown[URL_SHOWN_MAX];
        buf_str(out, url_shown(path, shown, sizeof shown));
    }
}

void value_text(const struct config *c, size_t i, struct buf *out)
{
    const struct config_option *o = &c->table->v[i];
    const void *p = target(c, i);
    char number[MONEY_TEXT_MAX];
    size_t n = 0;
    switch (o->type) {
    case OPT_BOOL:
        buf_str(out, *(const bool *)p ? "true" : "false");
        return;
    case OPT_INT:
    case OPT_PX:
    case OPT_QTY:
    case OPT_USD:
        format_of(o->type)(*(const int64_t *)p, number);
        buf_str(out, number);
        return;
    case OPT_FLOAT:
        float_text(*(const double *)p, out);
        return;
    case OPT_ENUM: {
        const char *choice = value_choice(o->choices, *(const int *)p, &n);
        buf_add(out, choice != NULL ? choice : "", choice != NULL ? n : 0);
        return;
    }
    case OPT_TEXT:
        buf_str(out, *(const char *const *)p);
        return;
    case OPT_PATH: /* may be a database's URL with a password */
        add_path(*(const char *const *)p, out);
        return;
    case OPT_LIST: {
        const struct config_list *list = p;
        for (size_t k = 0; k < list->n; k++) {
            buf_printf(out, "%s%s", k > 0 ? "," : "", list->v[k]);
        }
        return;
    }
    }
}
