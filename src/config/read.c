/* read.c - option values from INI text, the environment and the command line. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "config/config_int.h"

#define FILE_MAX (1U << 20)

/* --- INI
 * --------------------------------------------------------------------------------------------------
 */

/* inih asks for lines as fgets gives them; reading them here, we know where we are. */
struct ini_source {
    struct config *c;
    const char *name;
    struct text left;
    unsigned line;
    unsigned failed_line; /* 0: nothing is wrong so far */
    enum status st;
    struct err err; /* without the place */
};

static void ini_fail(struct ini_source *s, enum status st)
{
    if (s->failed_line == 0) {
        s->failed_line = s->line;
        s->st = st;
    }
}

static char *ini_line(char *buf, int cap, void *stream)
{
    struct ini_source *s = stream;
    if (s->left.n == 0 || s->failed_line != 0) {
        return NULL;
    }
    const char *end = memchr(s->left.p, '\n', s->left.n);
    size_t n = end != NULL ? (size_t)(end - s->left.p) + 1 : s->left.n;
    s->line++;
    if (n >= (size_t)cap) {
        ini_fail(s, err_set(&s->err, ST_LIMIT,
                            "the line is longer than %d characters; a list may go on in the next "
                            "line, indented",
                            cap - 1));
        return NULL;
    }
    if (memchr(s->left.p, '\0', n) != NULL) {
        ini_fail(s, err_set(&s->err, ST_MALFORMED, "the line holds a NUL byte"));
        return NULL;
    }
    memcpy(buf, s->left.p, n);
    buf[n] = '\0';
    s->left.p += n;
    s->left.n -= n;
    return buf;
}

static enum status unknown_section(const struct option_table *t, const char *section,
                                   struct err *err)
{
    struct nearest near;
    char hint[CONFIG_NAME_MAX + 32];
    nearest_init(&near, section);
    for (size_t i = 0; i < t->n; i++) {
        nearest_try(&near, t->v[i].section);
    }
    return err_set(err, ST_NOT_FOUND, "there is no section [%s]%s", section,
                   nearest_hint(&near, hint));
}

static bool section_known(const struct option_table *t, const char *section)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

/* The message of an unknown key: its value is not repeated, it may be a secret in a wrong place. */
static enum status unknown_key(const struct option_table *t, const char *section, const char *key,
                               struct err *err)
{
    struct nearest near;
    char hint[CONFIG_NAME_MAX + 32];
    if (section[0] == '\0') {
        return err_set(err, ST_MALFORMED, "%s stands before the first [section]", key);
    }
    bool other = false;
    for (size_t k = 0; t->others != NULL && t->others[k] != NULL; k++) {
        if (section_known(t->others[k], section)) {
            t = t->others[k];
            other = true;
        }
    }
    if (!other && !section_known(t, section)) {
        return unknown_section(t, section, err);
    }
    nearest_init(&near, key);
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i].section, section) == 0) {
            nearest_try(&near, t->v[i].name);
        }
    }
    for (size_t i = 0; i < t->n && near.best[0] == '\0'; i++) {
        if (strcmp(t->v[i].name, key) == 0) {
            return err_set(err, ST_NOT_FOUND, "[%s] has no option %s; it belongs to section [%s]",
                           section, key, t->v[i].section);
        }
    }
    return err_set(err, ST_NOT_FOUND, "[%s] has no option %s%s", section, key,
                   nearest_hint(&near, hint));
}

static int ini_value(void *user, const char *section, const char *key, const char *value)
{
    struct ini_source *s = user;
    if (s->failed_line != 0) {
        return 0;
    }
    const struct option_table *t = s->c->table;
    size_t i = option_find(t, section, key);
    if (i == OPTION_NONE) {
        if (option_elsewhere(t, section, key)) {
            return 1;
        }
        ini_fail(s, unknown_key(t, section, key, &s->err));
        return 0;
    }
    char origin[512];
    snprintf(origin, sizeof origin, "%s:%u", s->name, s->line);
    enum status st = config_apply(s->c, i, value, CONFIG_FILE, origin, &s->err);
    if (st != ST_OK) {
        ini_fail(s, err_prefix(&s->err, st, "[%s] %s", section, key));
        return 0;
    }
    return 1;
}

enum status config_read_text(struct config *c, const char *name, struct text ini, struct err *err)
{
    struct ini_source s = {.c = c, .name = name, .left = ini};
    c->pass++;
    int r = ini_parse_stream(ini_line, &s, ini_value, &s);
    if (r > 0 && (s.failed_line == 0 || (unsigned)r < s.failed_line)) {
        return err_set(err, ST_MALFORMED, "%s:%d: neither [section] nor key = value", name, r);
    }
    if (s.failed_line != 0) {
        return err_set(err, s.st, "%s:%u: %s", name, s.failed_line, s.err.text);
    }
    return r < 0 ? err_set(err, ST_NOMEM, "%s: out of memory", name) : ST_OK;
}

/* ST_NOT_FOUND, ST_DENIED, ST_IO, ST_LIMIT (over 1 MiB), and as of config_read_text(). */
static enum status read_file(struct config *c, const char *path, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        enum status st = errno == ENOENT ? ST_NOT_FOUND : errno == EACCES ? ST_DENIED : ST_IO;
        return err_set(err, st, "cannot read the config file %s: %s", path, strerror(errno));
    }
    char *text = malloc(FILE_MAX + 1);
    if (text == NULL) {
        fclose(f);
        return err_set(err, ST_NOMEM, "out of memory");
    }
    enum status st;
    size_t n = fread(text, 1, FILE_MAX + 1, f);
    if (ferror(f) != 0) {
        st = err_set(err, ST_IO, "cannot read the config file %s: %s", path, strerror(errno));
    } else if (n > FILE_MAX) {
        st = err_set(err, ST_LIMIT, "%s: a config file may have at most 1 MiB", path);
    } else {
        st = config_read_text(c, path, (struct text){text, n}, err);
    }
    free(text);
    fclose(f);
    return st;
}

/* --- environment
 * ------------------------------------------------------------------------------------------
 */

/* Where name begins with "DELTAFLOW_SECTION_" of a section of the table. */
static bool env_section(const struct option_table *t, const char *name)
{
    char full[CONFIG_NAME_MAX];
    for (size_t i = 0; i < t->n; i++) {
        option_env_name(&t->v[i], full);
        size_t n = strlen("DELTAFLOW_") + strlen(t->v[i].section) + 1;
        if (strncmp(full, name, n) == 0) {
            return true;
        }
    }
    return false;
}

static size_t env_find(const struct option_table *t, const char *name, struct nearest *near)
{
    char full[CONFIG_NAME_MAX];
    for (size_t i = 0; i < t->n; i++) {
        option_env_name(&t->v[i], full);
        if (strcmp(full, name) == 0) {
            return i;
        }
        nearest_try(near, full);
    }
    return OPTION_NONE;
}

/*
 * A variable that is no option: refused when it looks like one (a known section, or nearly a known
 * name), else it is somebody else's.
 */
static enum status env_unknown(const struct option_table *t, const char *name, struct nearest *near,
                               struct err *err)
{
    char hint[CONFIG_NAME_MAX + 32];
    bool ours = env_section(t, name);
    for (size_t k = 0; t->others != NULL && t->others[k] != NULL; k++) {
        if (env_find(t->others[k], name, near) != OPTION_NONE) {
            return ST_OK;
        }
        ours = ours || env_section(t->others[k], name);
    }
    if (!ours && near->best[0] == '\0') {
        return ST_OK;
    }
    return err_set(err, ST_NOT_FOUND, "environment: %s is no option%s", name,
                   nearest_hint(near, hint));
}

enum status config_read_env(struct config *c, struct err *err)
{
    c->pass++;
    for (char *const *e = c->env; e != NULL && *e != NULL; e++) {
        const char *eq = strchr(*e, '=');
        char name[CONFIG_NAME_MAX];
        if (strncmp(*e, "DELTAFLOW_", 10) != 0 || eq == NULL || eq[1] == '\0' ||
            (size_t)(eq - *e) >= sizeof name) {
            continue; /* an empty variable is one that is not set */
        }
        memcpy(name, *e, (size_t)(eq - *e));
        name[eq - *e] = '\0';
        if (strcmp(name, "DELTAFLOW_CONFIG") == 0 || strcmp(name, "DELTAFLOW_SHARED") == 0) {
            continue;
        }
        struct nearest near;
        nearest_init(&near, name);
        size_t i = env_find(c->table, name, &near);
        enum status st = i == OPTION_NONE ? env_unknown(c->table, name, &near, err) : ST_OK;
        if (st == ST_OK && i != OPTION_NONE) {
            st = config_apply(c, i, eq + 1, CONFIG_ENV, name, err);
            if (st != ST_OK) {
                (void)err_prefix(err, st, "environment: %s", name);
            }
        }
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

/* --- flags
 * -------------------------------------------------------------------------------------------------
 */

static size_t flag_find(const struct option_table *t, const char *name, struct nearest *near)
{
    char full[CONFIG_NAME_MAX];
    for (size_t i = 0; i < t->n; i++) {
        option_flag_name(&t->v[i], full);
        const char *alias = t->v[i].alias;
        if (strcmp(full, name) == 0 || (alias != NULL && strcmp(alias, name) == 0)) {
            return i;
        }
        nearest_try(near, full);
        if (alias != NULL) {
            nearest_try(near, alias);
        }
    }
    return OPTION_NONE;
}

struct flags {
    struct config *c;
    int argc;
    char *const *argv;
    int at;
    bool apply; /* false: only look for what is no option, --config before all */
    struct config_args *args;
    struct err *err;
};

/* The value behind '=' or in the next argument; NULL, with err, when there is none. */
static const char *flag_value(struct flags *f, const char *name, const char *attached)
{
    if (attached != NULL) {
        return attached;
    }
    if (f->at + 1 < f->argc) {
        return f->argv[++f->at];
    }
    (void)err_set(f->err, ST_INVALID, "--%s needs a value", name);
    return NULL;
}

static enum status flag_unknown(struct flags *f, const char *name, struct nearest *near)
{
    char hint[CONFIG_NAME_MAX + 32];
    nearest_try(near, "config");
    nearest_try(near, "print-config");
    nearest_try(near, "help");
    if (near->best[0] != '\0') {
        char best[CONFIG_NAME_MAX];
        memcpy(best, near->best, sizeof best);
        snprintf(near->best, sizeof near->best, "--%.100s", best);
    }
    return err_set(f->err, ST_NOT_FOUND, "there is no flag --%s%s", name, nearest_hint(near, hint));
}

/* One of --help, --config, --print-config. False when it is none of them. */
static bool flag_special(struct flags *f, const char *name, const char *attached, enum status *st)
{
    *st = ST_OK;
    if (strcmp(name, "help") == 0 && attached == NULL) {
        f->args->help = true;
        return true;
    }
    if (strcmp(name, "print-config") == 0) {
        f->args->print = attached == NULL || strcmp(attached, "ini") == 0 ? "ini" : "markdown";
        if (attached != NULL && strcmp(attached, "ini") != 0 && strcmp(attached, "markdown") != 0) {
            *st =
                err_set(f->err, ST_INVALID,
                        "--print-config: \"%.40s\" is no format; allowed: ini, markdown", attached);
        }
        return true;
    }
    if (strcmp(name, "config") == 0) {
        f->args->file = flag_value(f, name, attached);
        *st = f->args->file == NULL ? ST_INVALID : ST_OK;
        return true;
    }
    return false;
}

static enum status flag_option(struct flags *f, const char *name, const char *attached)
{
    struct nearest near;
    nearest_init(&near, name);
    const struct option_table *t = f->c->table;
    size_t i = flag_find(t, name, &near);
    bool negated = false;
    if (i == OPTION_NONE && strncmp(name, "no-", 3) == 0 && attached == NULL) {
        i = flag_find(t, name + 3, &near);
        negated = i != OPTION_NONE && t->v[i].type == OPT_BOOL;
        i = negated ? i : OPTION_NONE;
    }
    if (i == OPTION_NONE) {
        return flag_unknown(f, name, &near);
    }
    const char *value = attached;
    if (t->v[i].type == OPT_BOOL && attached == NULL) {
        value = negated ? "false" : "true";
    } else {
        value = flag_value(f, name, attached);
    }
    if (value == NULL) {
        return ST_INVALID;
    }
    if (!f->apply) {
        return ST_OK;
    }
    char origin[CONFIG_NAME_MAX + 2];
    snprintf(origin, sizeof origin, "--%.120s", name);
    enum status st = config_apply(f->c, i, value, CONFIG_FLAG, origin, f->err);
    return st == ST_OK ? ST_OK : err_prefix(f->err, st, "--%s", name);
}

static enum status flag_one(struct flags *f)
{
    const char *arg = f->argv[f->at];
    if (strcmp(arg, "-h") == 0) {
        f->args->help = true;
        return ST_OK;
    }
    if (strncmp(arg, "--", 2) != 0) {
        return err_set(f->err, ST_NOT_FOUND, "there is no flag %.40s", arg);
    }
    char name[CONFIG_NAME_MAX];
    size_t n = strcspn(arg + 2, "=");
    if (n >= sizeof name) {
        return err_set(f->err, ST_NOT_FOUND, "there is no flag %.40s...", arg);
    }
    memcpy(name, arg + 2, n);
    name[n] = '\0';
    const char *attached = arg[2 + n] == '=' ? arg + 3 + n : NULL;
    enum status st = ST_OK;
    return flag_special(f, name, attached, &st) ? st : flag_option(f, name, attached);
}

static enum status flags_walk(struct config *c, int argc, char *const *argv, bool apply,
                              struct config_args *args, struct err *err)
{
    struct flags f = {.c = c, .argc = argc, .argv = argv, .apply = apply, .args = args, .err = err};
    memset(args, 0, sizeof *args);
    free(c->rest);
    c->rest = calloc((size_t)(argc > 0 ? argc : 1), sizeof *c->rest);
    if (c->rest == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    args->rest = c->rest;
    bool only_rest = false;
    for (f.at = 1; f.at < argc; f.at++) {
        const char *arg = argv[f.at];
        if (only_rest || arg[0] != '-' || arg[1] == '\0') {
            c->rest[args->n_rest++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            only_rest = true;
        } else {
            enum status st = flag_one(&f);
            if (st != ST_OK) {
                return st;
            }
        }
    }
    return ST_OK;
}

enum status config_read_flags(struct config *c, int argc, char *const *argv,
                              struct config_args *ret_args, struct err *err)
{
    c->pass++;
    return flags_walk(c, argc, argv, true, ret_args, err);
}

/* --- all of it
 * ------------------------------------------------------------------------------------------
 */

/* A file that was named must be there; the default one may be missing. */
static enum status load_file(struct config *c, const char *named, struct err *err)
{
    char path[CONFIG_TEXT_MAX];
    const char *file = named != NULL ? named : env_get(c->env, "DELTAFLOW_CONFIG");
    if (file != NULL && file[0] != '\0') {
        enum status st = path_expand(c->env, file, path, sizeof path);
        return st == ST_OK ? read_file(c, path, err)
                           : err_set(err, st, "cannot make a path of %.200s", file);
    }
    if (!config_dir(CONFIG_DIR_CONFIG, c->env, path, sizeof path - sizeof "/deltaflow.ini")) {
        return ST_OK;
    }
    strcat(path, "/deltaflow.ini");
    enum status st = read_file(c, path, err);
    return st == ST_NOT_FOUND && strstr(err->text, "cannot read") != NULL ? ST_OK : st;
}

enum status config_load(const struct option_table *table, int argc, char *const *argv,
                        char *const *env, void *out, struct config **ret_config,
                        struct config_args *ret_args, struct err *err)
{
    struct config *c = NULL;
    struct config_args args;
    *ret_args = (struct config_args){0};
    enum status st = config_create(table, env, out, &c);
    if (st != ST_OK) {
        return err_set(err, st, "out of memory");
    }
    st = flags_walk(c, argc, argv, false, &args, err);
    ret_args->wrong_flag = st != ST_OK && st != ST_NOMEM;
    if (st == ST_OK) {
        st = load_file(c, args.file, err);
    }
    if (st == ST_OK) {
        st = config_read_env(c, err);
    }
    if (st == ST_OK) {
        st = config_read_flags(c, argc, argv, &args, err);
        ret_args->wrong_flag = st != ST_OK && st != ST_NOMEM;
    }
    if (st != ST_OK) {
        config_destroy(c);
        return st;
    }
    *ret_config = c;
    *ret_args = args;
    return ST_OK;
}
