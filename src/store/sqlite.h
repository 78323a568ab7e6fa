/* sqlite.h - the SQLite back end (backend.h): one file, in WAL mode. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/backend.h"

enum status sqlite_backend_open(const struct store_config *config, wall_ns_t wall,
                                struct backend **ret_backend, struct err *err) MUST_CHECK;

#endif
