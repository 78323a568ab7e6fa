#include "cli/sim_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "config/options.h"
#include "net/admin.h"
#include "net/files.h"

extern char **environ;

#define ANSWER_NS (30 * NS_PER_SEC)

bool sim_take_option(int c, struct sim_common *o)
{
    switch (c) {
    case SIM_OPT_DIR:
        o->place.state_dir = optarg;
        return true;
    case SIM_OPT_SOCKET:
        o->place.admin_socket = optarg;
        return true;
    case SIM_OPT_JSON:
        o->json = true;
        return true;
    case SIM_OPT_HELP:
        o->help = true;
        return true;
    default:
        return false;
    }
}

int sim_take_key_type(const char *command, const char *text, enum key_kind *ret)
{
    *ret = strcmp(text, "ed25519") == 0 ? KEY_ED25519 : KEY_RSA;
    return *ret == KEY_ED25519 || strcmp(text, "rsa") == 0
               ? EXIT_DONE
               : cli_usage(command, "--type '%s' is neither rsa nor ed25519", text);
}

int sim_take_key_bits(const char *command, const char *text, int *ret)
{
    char *end = NULL;
    long v = strtol(text, &end, 10);
    *ret = v == 2048 || v == 3072 || v == 4096 ? (int)v : 0;
    return *ret != 0 && *end == '\0'
               ? EXIT_DONE
               : cli_usage(command, "--bits '%s' is not 2048, 3072 or 4096", text);
}

int sim_place_find(struct sim_place *p, const char *command)
{
    struct sim_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    char *argv[6] = {"sim", NULL};
    int n = 1;
    if (p->state_dir != NULL) {
        argv[n++] = "--state-dir";
        argv[n++] = (char *)(uintptr_t)p->state_dir;
    }
    if (p->admin_socket != NULL) {
        argv[n++] = "--admin-socket";
        argv[n++] = (char *)(uintptr_t)p->admin_socket;
    }
    int code = EXIT_DONE;
    if (config_load(&sim_option_table, n, argv, environ, &o, &c, &args, &err) != ST_OK) {
        code = cli_fail(command, cli_config_code(&err), "%s", err.text);
    } else if (o.state_dir[0] == '\0') {
        code = cli_fail(command, EXIT_CONFIG, "--state-dir is not given, and neither is HOME set");
    } else {
        snprintf(p->dir, sizeof p->dir, "%s", o.state_dir);
        snprintf(p->token, sizeof p->token, "%s/admin.token", o.state_dir);
        snprintf(p->socket, sizeof p->socket, "%s%s",
                 o.admin_socket[0] != '\0' ? o.admin_socket : o.state_dir,
                 o.admin_socket[0] != '\0' ? "" : "/admin.sock");
    }
    config_destroy(c);
    return code;
}

int sim_ask(const struct sim_place *p, const char *command, const json_t *action, bool quiet,
            json_t **ret_reply)
{
    char token[ADMIN_TOKEN_MAX];
    struct err err = {0};
    enum status st = admin_token(p->token, token, &err);
    if (st == ST_NOT_FOUND) {
        return quiet ? EXIT_UNREACHABLE
                     : cli_fail(command, EXIT_UNREACHABLE,
                                "no simulator has run in %s (there is no token): is --state-dir "
                                "that of `deltaflow sim`?",
                                p->dir);
    }
    if (st != ST_OK) {
        return cli_fail(command, EXIT_CONFIG, "%s", err.text);
    }
    st = admin_ask(p->socket, token, action, ANSWER_NS, ret_reply, &err);
    explicit_bzero(token, sizeof token);
    if (st == ST_UNREACHABLE && quiet) {
        return EXIT_UNREACHABLE;
    }
    bool gone = st == ST_UNREACHABLE || st == ST_TIMEOUT || st == ST_CLOSED;
    return st == ST_OK ? EXIT_DONE
                       : cli_fail(command, gone ? EXIT_UNREACHABLE : EXIT_FAILED, "%s", err.text);
}

int sim_ask_ok(const struct sim_place *p, const char *command, const json_t *action,
               json_t **ret_reply)
{
    json_t *reply = NULL;
    int code = sim_ask(p, command, action, false, &reply);
    if (code == EXIT_DONE && !json_is_true(json_object_get(reply, "ok"))) {
        const char *why = json_string_value(json_object_get(reply, "error"));
        code = cli_fail(command, EXIT_REFUSED, "%s", why != NULL ? why : "refused");
        json_decref(reply);
    } else if (code == EXIT_DONE) {
        *ret_reply = reply;
    }
    return code;
}

static enum status write_new(const char *path, const char *end, struct text what, mode_t mode,
                             bool force, struct err *err)
{
    char whole[NET_PATH_MAX];
    int n = snprintf(whole, sizeof whole, "%s%s", path, end);
    if (n < 0 || (size_t)n >= sizeof whole) {
        return err_set(err, ST_LIMIT, "%s: path too long", path);
    }
    if (!force && access(whole, F_OK) == 0) {
        return err_set(err, ST_EXISTS, "%s exists already (--force overwrites it)", whole);
    }
    return what.p == NULL ? ST_OK : file_write(whole, what.p, what.n, mode, err);
}

enum status sim_key_files(const char *path, enum key_kind kind, int bits, bool force, char id[37],
                          struct buf *ret_public, struct err *err)
{
    static const char *const ends[] = {"", ".pub", ".id"};
    struct buf private;
    enum status st = ST_OK;
    for (size_t i = 0; i < 3 && st == ST_OK; i++) { /* before anything is made */
        st = write_new(path, ends[i], (struct text){NULL, 0}, 0, force, err);
    }
    if (st != ST_OK) {
        return st;
    }
    buf_init(&private, KEY_PEM_MAX);
    if (kind == KEY_RSA && bits > 3072 && isatty(STDERR_FILENO)) {
        fprintf(stderr, "making an RSA key of %d bits, which can take some seconds\n", bits);
    }
    st = key_make(kind, bits, &private, ret_public, err);
    st = st == ST_OK && uuid_random(id) != ST_OK ? err_set(err, ST_IO, "no random bytes") : st;
    if (st == ST_OK) {
        st = write_new(path, "", (struct text){private.p, private.n}, 0600, true, err);
    }
    if (st == ST_OK) {
        st = write_new(path, ".pub", (struct text){ret_public->p, ret_public->n}, 0644, true, err);
    }
    if (st == ST_OK) {
        st = write_new(path, ".id", text_of(id), 0644, true, err);
    }
    if (private.p != NULL) {
        explicit_bzero(private.p, private.cap);
    }
    buf_finish(&private);
    return st;
}

int sim_print_json(const char *command, const json_t *j)
{
    char *s = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    bool ok = s != NULL && printf("%s\n", s) > 0 && fflush(stdout) == 0;
    free(s);
    return ok ? EXIT_DONE : cli_fail(command, EXIT_FAILED, "output failed: %s", strerror(errno));
}
