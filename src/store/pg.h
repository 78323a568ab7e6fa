/* pg.h - the PostgreSQL back end (backend.h) and reader (reader.h): a postgresql:// URL. */
#ifndef STORE_PG_H
#define STORE_PG_H

#include "store/backend.h"
#include "store/reader.h"

/* ST_INVALID: no URL that can be used; ST_UNREACHABLE: no server, or it lets us not in;
 * ST_UNSUPPORTED, ST_MALFORMED, ST_DENIED, ST_IO as store_open. err never holds a password. */
enum status pg_backend_open(const struct store_config *config, wall_ns_t wall,
                            struct backend **ret_backend, struct err *err) MUST_CHECK;
enum status pg_reader_open(const char *url, struct reader **ret_reader, struct err *err) MUST_CHECK;

#endif
