/* prune.c - sessions deleted: see store.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "store/backend.h"

#define TRIES   100 /* of a transaction that another writer is in the way of */
#define WAIT_NS (50 * NS_PER_MS)

struct store_pruner {
    struct backend *b;
    struct store_time time;
};

enum status store_pruner_open(const char *path, wall_ns_t wall, struct store_pruner **ret_pruner,
                              struct err *err)
{
    struct store_config config = store_config_default();
    config.path = path;
    config.no_session = true;
    struct store_pruner *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    p->time = config.time;
    enum status st = backend_open(&config, wall, &p->b, err);
    if (st != ST_OK) {
        free(p);
        return st;
    }
    *ret_pruner = p;
    return ST_OK;
}

void store_pruner_close(struct store_pruner *p)
{
    if (p != NULL) {
        p->b->ops->close(p->b);
        free(p);
    }
}

enum status store_prune_session(struct store_pruner *p, int64_t session, struct err *err)
{
    enum status st = ST_IO;
    p->b->session = session;
    for (int i = 0; i < TRIES && st == ST_IO; i++) {
        if (i > 0) {
            p->time.sleep(p->time.self, WAIT_NS);
        }
        st = p->b->ops->prune(p->b);
    }
    if (st == ST_STATE) {
        return err_set(err, st, "session %" PRId64 " is being recorded", session);
    }
    if (st == ST_NOT_FOUND) {
        return err_set(err, st, "there is no session %" PRId64, session);
    }
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "deleting session %" PRId64 ": %s", session,
                                 st == ST_NOMEM ? "out of memory" : p->b->error);
}

enum status store_reclaim(struct store_pruner *p, struct err *err)
{
    enum status st = p->b->ops->reclaim(p->b);
    if (st == ST_STATE) {
        return err_set(err, st, "something is being recorded: the space is used again, not freed");
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "freeing the space: %s", p->b->error);
}
