#include "cli/session_args.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "cli/cli.h"
#include "config/options.h"

extern char **environ;

#define CONFIG_TEXT_MAX ((size_t)64 << 20)

bool session_take_option(int c, struct session_args *a)
{
    switch (c) {
    case SESSION_OPT_STORE:
        a->store = optarg;
        return true;
    case SESSION_OPT_CONFIG:
        a->config = optarg;
        return true;
    case SESSION_OPT_JSON:
        a->json = true;
        return true;
    case SESSION_OPT_HELP:
        a->help = true;
        return true;
    default:
        return false;
    }
}

int session_bad_option(const struct session_args *a, int c, char *const *argv)
{
    return c == ':' ? cli_usage(a->command, "%s wants a value", argv[optind - 1])
                    : cli_usage(a->command, "unknown option '%s'", argv[optind - 1]);
}

static int take_path(struct session_args *a, const char *path)
{
    if (path[0] == '\0') {
        return cli_fail(a->command, EXIT_CONFIG, "store.path is empty: name a database (--store)");
    }
    if (!text_copy(a->path, sizeof a->path, text_of(path))) {
        return cli_fail(a->command, EXIT_CONFIG, "the database's name is longer than %d bytes",
                        SESSION_STORE_MAX - 1);
    }
    return EXIT_DONE;
}

/* The options of `deltaflow run`; what they point to lives as long as *ret_config. An exit code
 * (told). */
static int load_options(const struct session_args *a, struct run_options *o,
                        struct config **ret_config)
{
    struct config_args args;
    struct err err = {0};
    char *argv[4] = {"run", NULL};
    int n = 1;
    if (a->config != NULL) {
        argv[n++] = "--config";
        argv[n++] = (char *)(uintptr_t)a->config;
    }
    if (config_load(&run_option_table, n, argv, environ, o, ret_config, &args, &err) != ST_OK) {
        return cli_fail(a->command, cli_config_code(&err), "%s", err.text);
    }
    return EXIT_DONE;
}

int session_store_find(struct session_args *a)
{
    if (a->store != NULL) {
        return take_path(a, a->store);
    }
    struct run_options o;
    struct config *c = NULL;
    int code = load_options(a, &o, &c);
    code = code == EXIT_DONE ? take_path(a, o.store.path) : code;
    config_destroy(c);
    return code;
}

int session_spill_find(const struct session_args *a, const char *given,
                       char ret_folder[SESSION_STORE_MAX])
{
    struct run_options o;
    struct config *c = NULL;
    int code = given == NULL ? load_options(a, &o, &c) : (int)EXIT_DONE;
    if (code == EXIT_DONE) {
        const char *folder = given != NULL ? given : o.store.spill;
        if (folder[0] == '\0') {
            code =
                cli_fail(a->command, EXIT_CONFIG, "store.spill is empty: name a folder (--folder)");
        } else if (!text_copy(ret_folder, SESSION_STORE_MAX, text_of(folder))) {
            code = cli_fail(a->command, EXIT_CONFIG, "the folder's name is longer than %d bytes",
                            SESSION_STORE_MAX - 1);
        }
    }
    config_destroy(c);
    return code;
}

int session_spill_folder(const struct session_args *a, char ret_folder[SESSION_STORE_MAX])
{
    struct run_options o;
    struct config *c = NULL;
    int code = load_options(a, &o, &c);
    if (code == EXIT_DONE && !text_copy(ret_folder, SESSION_STORE_MAX, text_of(o.store.spill))) {
        code = cli_fail(a->command, EXIT_CONFIG, "the name of store.spill is longer than %d bytes",
                        SESSION_STORE_MAX - 1);
    }
    config_destroy(c);
    return code;
}

/* --- session rows --- */

static const char *keep(struct buf *b, const char *text)
{
    buf_init(b, CONFIG_TEXT_MAX);
    buf_str(b, text);
    return b->p != NULL ? b->p : "";
}

static bool copy_row(struct session_row *row, const struct store_session *s)
{
    session_row_finish(row);
    const char *texts[] = {s->outcome, s->build, s->policy, s->exchange, s->config};
    const char **to[] = {&row->s.outcome, &row->s.build, &row->s.policy, &row->s.exchange,
                         &row->s.config};
    row->s = *s;
    bool ok = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *to[i] = keep(&row->texts[i], texts[i]);
        ok = ok && !row->texts[i].failed;
    }
    row->found = true;
    return ok;
}

void session_row_finish(struct session_row *row)
{
    for (size_t i = 0; i < sizeof row->texts / sizeof row->texts[0]; i++) {
        buf_finish(&row->texts[i]);
    }
    *row = (struct session_row){.found = false};
}

struct pick {
    int64_t wanted; /* 0: the last */
    struct session_row *row;
};

static enum status look_at(void *self, const struct store_session *s)
{
    struct pick *p = self;
    if (p->wanted != 0 && s->id != p->wanted) {
        return ST_OK;
    }
    return copy_row(p->row, s) ? ST_OK : ST_NOMEM;
}

int session_pick(const struct session_args *a, const char *text, struct session_row *ret)
{
    *ret = (struct session_row){.found = false};
    struct pick p = {.row = ret};
    if (strcmp(text, "last") != 0) {
        char *end = NULL;
        errno = 0;
        p.wanted = strtoll(text, &end, 10);
        if (text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0) {
            return cli_usage(a->command, "'%s' is no session: a number, or last", text);
        }
    }
    struct err err = {0};
    char shown[URL_SHOWN_MAX];
    enum status st = store_read_sessions(a->path, look_at, &p, &err);
    if (st != ST_OK) {
        return session_fail(a, st, &err);
    }
    if (!ret->found && p.wanted == 0) {
        return cli_fail(a->command, EXIT_REFUSED, "the database %s has no session",
                        url_shown(a->path, shown, sizeof shown));
    }
    if (!ret->found) {
        return cli_fail(a->command, EXIT_REFUSED, "the database %s has no session %" PRId64,
                        url_shown(a->path, shown, sizeof shown), p.wanted);
    }
    return EXIT_DONE;
}

bool session_running(const struct store_session *s)
{
    return strcmp(s->outcome, "running") == 0;
}

bool session_imported(const struct store_session *s, bool *ret_seq_check)
{
    json_t *root = json_loads(s->config, 0, NULL);
    const json_t *imported = json_object_get(root, "imported");
    bool is = json_is_object(imported);
    *ret_seq_check = !is || json_is_true(json_object_get(imported, "seq_check"));
    json_decref(root);
    return is;
}

int session_fail(const struct session_args *a, enum status st, const struct err *err)
{
    int code = EXIT_FAILED;
    if (st == ST_MALFORMED || st == ST_UNSUPPORTED || st == ST_INVALID || st == ST_TRUNCATED ||
        st == ST_STATE) {
        code = EXIT_REFUSED;
    } else if (st == ST_NOT_FOUND || st == ST_UNREACHABLE || st == ST_DENIED || st == ST_TIMEOUT) {
        code = EXIT_UNREACHABLE;
    }
    return cli_fail(a->command, code, "%s", err->text);
}

/* --- times --- */

static const struct {
    const char *name;
    mono_ns_t ns;
} units[] = {{"ms", NS_PER_MS},        {"s", NS_PER_SEC},         {"m", 60 * NS_PER_SEC},
             {"h", 3600 * NS_PER_SEC}, {"d", 86400 * NS_PER_SEC}, {"w", 7 * 86400 * NS_PER_SEC}};

#define DURATION_MAX (INT64_C(100) * 366 * 86400 * NS_PER_SEC)

bool session_duration(const char *text, mono_ns_t *ret)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0) {
            int64_t ns = 0;
            if (__builtin_mul_overflow((int64_t)n, units[i].ns, &ns) || ns > DURATION_MAX) {
                return false;
            }
            *ret = ns;
            return true;
        }
    }
    return false;
}

bool session_time(const char *text, wall_ns_t from, wall_ns_t *ret)
{
    mono_ns_t behind = 0;
    if (text[0] == '+') {
        return session_duration(text + 1, &behind) && !__builtin_add_overflow(from, behind, ret);
    }
    if (time_parse(text, strlen(text), ret) == ST_OK) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    long long s = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
           !__builtin_mul_overflow((int64_t)s, NS_PER_SEC, ret);
}
