#include "cli/store_start.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/url.h"
#include "bus/errand.h"
#include "cli/cli.h"

#define LOOK_NS  (20 * NS_PER_MS)
#define QUIET_NS (2 * NS_PER_SEC)
#define LEAVE_NS (5 * NS_PER_SEC) /* after a signal */
#define TEXTS    6

/* Lives until the call has come back, which may be longer than who asked for it. */
struct start {
    struct store_config config;
    char *texts[TEXTS];
    wall_ns_t wall;
    _Atomic bool stop;
    struct store *store;
    enum status st;
    struct err err;
};

static bool told_to_stop(void *self)
{
    return atomic_load(&((struct start *)self)->stop);
}

static void call_open(void *self)
{
    struct start *s = self;
    s->st = store_open(&s->config, s->wall, &s->store, &s->err);
}

static void start_free(struct start *s)
{
    for (int i = 0; i < TEXTS; i++) {
        free(s->texts[i]);
    }
    free(s);
}

/* Nobody waits for it any more. */
static void close_late(void *self)
{
    struct start *s = self;
    if (s->st == ST_OK) {
        store_close(s->store, "failed to start", s->wall);
    }
    start_free(s);
}

static struct start *start_create(const struct store_config *config, wall_ns_t wall)
{
    struct start *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->config = *config;
    s->config.stop = told_to_stop;
    s->config.stop_self = s;
    s->wall = wall;
    const char **const of[TEXTS] = {&s->config.path,   &s->config.config_json, &s->config.build,
                                    &s->config.policy, &s->config.exchange,    &s->config.spill};
    for (int i = 0; i < TEXTS; i++) {
        if (*of[i] != NULL) {
            s->texts[i] = strdup(*of[i]);
            if (s->texts[i] == NULL) {
                start_free(s);
                return NULL;
            }
            *of[i] = s->texts[i];
        }
    }
    return s;
}

/* False: it was told to stop, and what it waits for does not come. */
static bool wait_for(struct start *s, struct errand *e, bool (*asked)(void *self), void *self,
                     struct err *err)
{
    char shown[URL_SHOWN_MAX];
    const char *name = url_shown(s->config.path, shown, sizeof shown);
    mono_ns_t began = clock_mono(), asked_at = 0;
    while (!errand_wait(e, LOOK_NS)) {
        mono_ns_t now = clock_mono();
        if (now - began >= QUIET_NS) {
            cli_progress("waiting for the database %s, %" PRId64
                         " s: its disk or server is slow to answer, or rows that earlier runs left "
                         "go into it",
                         name, (now - began) / NS_PER_SEC);
        }
        if (asked_at == 0 && asked(self)) {
            asked_at = now;
            atomic_store(&s->stop, true);
        }
        if (asked_at != 0 && now - asked_at >= LEAVE_NS && !errand_done(e)) {
            cli_progress_end();
            (void)err_set(err, ST_TIMEOUT,
                          "interrupted: the database %s has not answered for %" PRId64
                          " s, and is left; nothing was recorded",
                          name, (now - began) / NS_PER_SEC);
            return false;
        }
    }
    cli_progress_end();
    return true;
}

enum status store_start(const struct store_config *config, wall_ns_t wall,
                        bool (*asked)(void *self), void *self, struct store **ret_store,
                        struct err *err)
{
    struct start *s = start_create(config, wall);
    struct errand *e = NULL;
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    if (errand_create("store-start", &e) != ST_OK) {
        start_free(s);
        return store_open(config, wall, ret_store, err); /* no thread: it is waited for */
    }
    errand_begin(e, call_open, s);
    if (!wait_for(s, e, asked, self, err)) {
        errand_leave(e, close_late, s);
        return ST_TIMEOUT;
    }
    errand_destroy(e);
    enum status st = s->st;
    if (st == ST_OK) {
        *ret_store = s->store;
    } else if (err != NULL) {
        *err = s->err;
    }
    start_free(s);
    return st;
}
