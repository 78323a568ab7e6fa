/* dirs.c - the XDG folders, and paths that begin with one of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config_int.h"

static const struct {
    const char *variable;
    const char *below_home;
} xdg[] = {
    [CONFIG_DIR_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
    [CONFIG_DIR_DATA] = {"XDG_DATA_HOME", ".local/share"},
    [CONFIG_DIR_STATE] = {"XDG_STATE_HOME", ".local/state"},
};

const char *env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
            return *env + n + 1;
        }
    }
    return NULL;
}

/* An XDG variable counts only when it is absolute, as its specification says. */
static bool xdg_home(size_t i, char *const *env, char *buf, size_t cap)
{
    int n;
    const char *value = env_get(env, xdg[i].variable);
    const char *home = env_get(env, "HOME");
    if (value != NULL && value[0] == '/') {
        n = snprintf(buf, cap, "%s", value);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(buf, cap, "%s/%s", home, xdg[i].below_home);
    } else {
        buf[0] = '\0';
        return false;
    }
    if (n < 0 || (size_t)n >= cap) {
        buf[0] = '\0';
        return false;
    }
    return true;
}

bool config_dir(enum config_dir dir, char *const *env, char *buf, size_t cap)
{
    if (!xdg_home((size_t)dir, env, buf, cap)) {
        return false;
    }
    size_t n = strlen(buf);
    if (n + sizeof "/deltaflow" > cap) {
        buf[0] = '\0';
        return false;
    }
    memcpy(buf + n, "/deltaflow", sizeof "/deltaflow");
    return true;
}

static enum status join(const char *head, const char *tail, char *buf, size_t cap)
{
    int n = snprintf(buf, cap, "%s%s", head, tail);
    return n < 0 || (size_t)n >= cap ? ST_LIMIT : ST_OK;
}

enum status path_expand(char *const *env, const char *path, char *buf, size_t cap)
{
    if (path[0] == '~' && path[1] == '/') {
        const char *home = env_get(env, "HOME");
        return home == NULL || home[0] != '/' ? ST_NOT_FOUND : join(home, path + 1, buf, cap);
    }
    if (path[0] != '$') {
        return join(path, "", buf, cap);
    }
    for (size_t i = 0; i < sizeof xdg / sizeof xdg[0]; i++) {
        size_t n = strlen(xdg[i].variable);
        if (strncmp(path + 1, xdg[i].variable, n) == 0 && path[1 + n] == '/') {
            char home[CONFIG_TEXT_MAX];
            return xdg_home(i, env, home, sizeof home) ? join(home, path + 1 + n, buf, cap)
                                                       : ST_NOT_FOUND;
        }
    }
    return ST_INVALID;
}

enum status config_make_folder_of(const char *path, struct err *err)
{
    char folder[CONFIG_TEXT_MAX];
    size_t n = strlen(path);
    if (n >= sizeof folder) {
        return err_set(err, ST_LIMIT, "path is too long");
    }
    memcpy(folder, path, n + 1);
    for (char *p = strchr(folder + 1, '/'); n > 0 && p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            int code = errno;
            enum status st = code == EACCES || code == EPERM || code == EROFS ? ST_DENIED : ST_IO;
            return err_set(err, st, "cannot make the folder %s: %s", folder, strerror(code));
        }
        *p = '/';
    }
    return ST_OK;
}
