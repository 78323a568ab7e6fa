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

static void digest_text_add(struct digest *d, const char *text)
{
    const char *t = text != NULL ? text : "";
    digest_add(d, t, strlen(t));
}

uint64_t store_session_digest(const struct store_session *session)
{
    struct digest d;
    digest_init(&d);
    digest_u64(&d, (uint64_t)session->began);
    digest_text_add(&d, session->build);
    digest_text_add(&d, session->policy);
    digest_text_add(&d, session->exchange);
    digest_text_add(&d, session->config);
    return d.a ^ d.b;
}

uint64_t backend_session_digest(const struct store_config *config, wall_ns_t wall)
{
    struct store_session row = {.began = wall,
                                .build = config->build,
                                .policy = config->policy,
                                .exchange = config->exchange,
                                .config = config->config_json};
    return store_session_digest(&row);
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
