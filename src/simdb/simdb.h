/*
 * simdb.h - the state of a simulated exchange in one SQLite file.
 *
 * One SQL table for each table of sim/sim_state.h, with a check sum in every row. What was put
 * since the last simdb_commit() becomes part of the file as one transaction. A commit writes to the
 * write-ahead log without waiting for the disk: it survives the end of the process at any instant
 * (kill -9), and a loss of power costs the last transactions, never the file. The file is locked
 * while it is open.
 *
 * A file that is not ours is never written to: not before simdb_accept().
 * Owner: one thread.
 */
#ifndef SIMDB_SIMDB_H
#define SIMDB_SIMDB_H

#include "base/timefmt.h"
#include "sim/sim_state.h"

#define SIMDB_VERSION 1

struct simdb;

/*
 * Open a state file, or make one. *ret_fresh: it holds no exchange yet. ST_MALFORMED: no SQLite
 * file, damaged, or of another program. ST_UNSUPPORTED: of another version. ST_STATE: another
 * process has it open. ST_DENIED, ST_IO, ST_NOMEM.
 */
enum status simdb_open(const char *path, struct simdb **ret_db, bool *ret_fresh,
                       struct err *err) MUST_CHECK;
void simdb_close(struct simdb *db); /* what was not committed is gone; NULL is fine */

/* For sim_create(); every row's check sum is compared. Valid as long as db. */
struct sim_rows_in simdb_in(struct simdb *db);

/* What was read is believed: from now on the file may be written to. */
void simdb_accept(struct simdb *db);

/* For sim_state_save(). */
struct sim_rows_out simdb_out(struct simdb *db);
/* ST_IO: the disk is full or broken; the transaction is lost. */
enum status simdb_commit(struct simdb *db, struct err *err) MUST_CHECK;
/* Forget the exchange: every table is emptied, in the transaction that the next commit ends. */
enum status simdb_clear(struct simdb *db, struct err *err) MUST_CHECK;

struct simdb_stats {
    uint64_t commits, rows;
    mono_ns_t find_ns, commit_ns; /* spent in finding what changed and putting it, in commits */
    mono_ns_t ns_max;             /* the longest of both together */
};
const struct simdb_stats *simdb_stats(const struct simdb *db);
void simdb_timed(struct simdb *db, mono_ns_t find, mono_ns_t commit); /* they took so long */

#endif
