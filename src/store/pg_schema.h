/*
 * pg_schema.h - the PostgreSQL schema: making it, bringing it forward, session rows.
 *
 * The tables, columns and views of SQLite (schema.h) with PostgreSQL's types: bigint, integer, text
 * and bytea. A table has its primary key and no other index.
 *
 * Who writes a session holds an advisory lock, of our schema's class (pg_conn.h) and with the
 * session's number, for as long as its connection lives; number 0 is the schema's own. So a session
 * that nobody holds has lost its writer, wherever that ran; and a writer that holds it again knows
 * that its old connection can commit no more.
 */
#ifndef STORE_PG_SCHEMA_H
#define STORE_PG_SCHEMA_H

#include "base/bytes.h"
#include "store/layout.h"
#include "store/pg_conn.h"
#include "store/store.h"

/* The version at which the PostgreSQL back end began: there is no older one. */
#define PG_SCHEMA_FIRST 7

/* Bring the schema to STORE_SCHEMA_VERSION. ST_UNSUPPORTED: newer; ST_MALFORMED: the tables are
 * somebody else's; ST_DENIED, ST_IO. */
enum status pg_schema_migrate(struct pg_conn *p, wall_ns_t wall, struct err *err) MUST_CHECK;
/* *ret_version 0: no schema of ours. */
enum status pg_schema_version(struct pg_conn *p, int *ret_version, struct err *err) MUST_CHECK;

/* Mark broken what has no writer; unless config->no_session, add a session row and hold its lock.
 */
enum status pg_session_begin(struct pg_conn *p, const struct store_config *config, wall_ns_t wall,
                             int64_t *ret_session, struct err *err) MUST_CHECK;
enum status pg_session_end(struct pg_conn *p, int64_t session, const char *outcome, wall_ns_t wall,
                           const struct store_stats *stats) MUST_CHECK;
/* ST_AGAIN: somebody holds it; ST_IO. */
enum status pg_session_lock(struct pg_conn *p, int64_t session) MUST_CHECK;
/* A writer that was cut off for a while, and that others took for dead, runs. ST_NOT_FOUND: the
 * session's row is gone. */
enum status pg_session_resume(struct pg_conn *p, int64_t session) MUST_CHECK;

/* Delete a session with all its rows, in one transaction. Errors as backend.h's prune. */
enum status pg_session_prune(struct pg_conn *p, int64_t session) MUST_CHECK;
/* Make the space of deleted rows usable again. */
enum status pg_reclaim(struct pg_conn *p) MUST_CHECK;

/*
 * Text as PostgreSQL can hold it: as it is; or, when it is no UTF-8 or begins with \x itself, \x
 * and all its bytes in hexadecimal.
 */
bool pg_text_plain(struct text t);
void pg_text_write(struct text t, struct buf *out);
/* And back: the bytes behind it. *ret points into p or into out, which is cleared. ST_MALFORMED. */
enum status pg_text_read(struct text stored, struct buf *out, struct text *ret) MUST_CHECK;

#endif
