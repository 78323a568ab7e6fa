/* backend.c - which database a path means. */
#include "store/backend.h"

#include <string.h>

#include "store/pg.h"
#include "store/sqlite.h"

bool backend_is_url(const char *path)
{
    return strncmp(path, "postgresql://", 13) == 0 || strncmp(path, "postgres://", 11) == 0;
}

enum status backend_open(const struct store_config *config, wall_ns_t wall,
                         struct backend **ret_backend, struct err *err)
{
    if (config->backend != NULL) {
        *ret_backend = config->backend;
        return ST_OK;
    }
    if (backend_is_url(config->path)) {
        return pg_backend_open(config, wall, ret_backend, err);
    }
    return sqlite_backend_open(config, wall, ret_backend, err);
}

enum status backend_put_all(struct backend *b, const void *const *records, size_t n,
                            struct refused *refused, size_t *ret_n_refused)
{
    if (b->ops->put_all != NULL) {
        return b->ops->put_all(b, records, n, refused, ret_n_refused);
    }
    size_t n_refused = 0;
    for (size_t i = 0; i < n; i++) {
        enum status st = b->ops->put(b, records[i]);
        if (st == ST_INVALID || st == ST_EXISTS) {
            refused[n_refused++] = (struct refused){records[i], st};
        } else if (st != ST_OK) {
            return st;
        }
    }
    *ret_n_refused = n_refused;
    return ST_OK;
}
