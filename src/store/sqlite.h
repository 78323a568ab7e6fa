/* sqlite.h - the SQLite back end: transactions of whole records. Owner: the store's thread. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/store.h"

struct db;

enum status db_open(const struct store_config *config, wall_ns_t wall, struct db **ret_db,
                    int64_t *ret_session, struct err *err) MUST_CHECK;
void db_close(struct db *db);

/* A transaction. ST_IO: it failed, nothing of it counts; db_rollback, and try again later. */
enum status db_begin(struct db *db) MUST_CHECK;
/* ST_INVALID: the record is malformed; ST_EXISTS: its number came before; neither harms the
 * transaction. */
enum status db_put(struct db *db, const void *record) MUST_CHECK;
enum status db_commit(struct db *db) MUST_CHECK;
void db_rollback(struct db *db);
const char *db_error(const struct db *db); /* of the last failure */

enum status db_end_session(struct db *db, const char *outcome, wall_ns_t wall,
                           const struct store_stats *stats) MUST_CHECK;

#endif
