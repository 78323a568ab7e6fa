/*
 * fuzz_options.c - flags, environment and ready file. Lines that begin with 'A' are arguments, with
 * 'E' variables of the environment; from a line that begins with 'R' on, the rest is a ready file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/ensure.h"
#include "cli/ready_file.h"
#include "config/options.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct words {
    char *argv[WORDS_MAX];
    int argc;
    char *env[WORDS_MAX];
    int envc;
    const char *ready;
};

/* Cuts text into lines. A file that a flag names could be anything on this machine. */
static void cut(char *text, struct words *w)
{
    w->argv[w->argc++] = "run";
    w->env[w->envc++] = "HOME=/nonexistent";
    while (text != NULL && *text != '\0') {
        if (*text == 'R') {
            w->ready = text + 1;
            return;
        }
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        bool file = strstr(text, "config") != NULL || strstr(text, "CONFIG") != NULL;
        if (*text == 'A' && w->argc < WORDS_MAX - 1 && !file) {
            w->argv[w->argc++] = text + 1;
        } else if (*text == 'E' && w->envc < WORDS_MAX - 1 && !file) {
            w->env[w->envc++] = text + 1;
        }
        text = end != NULL ? end + 1 : NULL;
    }
}

static void try_ready(struct config *c, const char *text)
{
    char path[64];
    struct err err = {0};
    int fd = memfd_create("ready", MFD_CLOEXEC);
    ensure(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ensure(ready_file_apply(c, path, &err) == ST_OK || err.text[0] != '\0');
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct words w = {.argc = 0};
    struct run_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    ensure(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    cut(text, &w);
    enum status st = config_load(&run_option_table, w.argc, w.argv, w.env, &o, &c, &args, &err);
    if (st == ST_OK) {
        ensure(args.n_rest <= (size_t)w.argc);
        if (w.ready != NULL) {
            try_ready(c, w.ready);
        }
        struct buf values;
        buf_init(&values, 1U << 24);
        config_json(c, &values);
        ensure(!values.failed);
        buf_finish(&values);
        (void)!run_options_check(&o, &err);
        config_destroy(c);
    } else {
        ensure(err.text[0] != '\0');
    }
    free(text);
    return 0;
}
