/* schema.h - the SQLite schema: making it, bringing it forward, session rows. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/timefmt.h"
#include "store/layout.h"
#include "store/store.h"

/* Bring the schema to STORE_SCHEMA_VERSION. ST_UNSUPPORTED: newer; ST_MALFORMED: not ours; ST_IO.
 */
enum status schema_migrate(sqlite3 *db, wall_ns_t wall, struct err *err) MUST_CHECK;
/* ST_UNSUPPORTED, ST_MALFORMED, ST_IO; *ret_version 0: empty. */
enum status schema_version(sqlite3 *db, int *ret_version, struct err *err) MUST_CHECK;

enum status schema_session_begin(sqlite3 *db, const struct store_config *config, wall_ns_t wall,
                                 int64_t *ret_session, struct err *err) MUST_CHECK;
enum status schema_session_end(sqlite3 *db, int64_t session, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats) MUST_CHECK;

#endif
