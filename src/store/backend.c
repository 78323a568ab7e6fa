/* backend.c - which database a path means. */
#include "store/backend.h"

#include <string.h>

#include "store/sqlite.h"

bool backend_is_url(const char *path)
{
    return strncmp(path, "postgresql://", 13) == 0 || strncmp(path, "postgres://", 11) == 0;
}

enum status backend_open(const struct store_config *config, wall_ns_t wall,
                         struct backend **ret_backend, struct err *err)
{
    if (backend_is_url(config->path)) {
        return err_set(err, ST_UNSUPPORTED, "this program is built without PostgreSQL");
    }
    return sqlite_backend_open(config, wall, ret_backend, err);
}
