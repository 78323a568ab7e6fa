/*
 * spill_files.h - the folder of spill files: what ended sessions left there, and into the database
 * with it.
 *
 * A run makes its file when it begins and removes it when all of it is in the database. A file that
 * no process holds was left by a run that was killed, or that ended while its database was away.
 * No function here keeps anything; call from one thread.
 */
#ifndef STORE_SPILL_FILES_H
#define STORE_SPILL_FILES_H

#include "store/backend.h"
#include "store/spill.h"

enum spill_file_state {
    SPILL_FILE_WAITS,     /* for spill_drain_all */
    SPILL_FILE_RUNNING,   /* its run goes on */
    SPILL_FILE_UNREADABLE /* not a spill file, or not readable; its error says why */
};

struct spill_file {
    const char *path;
    enum spill_file_state state;
    struct spill_id id;  /* zero when it is not SPILL_FILE_WAITS */
    uint64_t records;    /* whole ones, with those that are in the database already */
    uint64_t bytes;      /* of them */
    uint64_t missing;    /* numbers that damage has taken */
    bool torn;           /* its end is damaged, and nobody knows how much is missing */
    const char *outcome; /* how the session ended; NULL: it was killed */
    const char *error;   /* NULL: none */
};

/* Texts are valid until the callback returns. Another answer than ST_OK ends it. */
typedef enum status (*spill_file_fn)(void *self, const struct spill_file *file);

/* Every spill file of the folder, the oldest session first. A folder that is missing has none.
 * Reads all of them when count is set, else records, missing and outcome stay empty. files NULL:
 * the real disk. ST_IO, ST_DENIED, ST_NOMEM. */
enum status spill_list(const struct file_system *files, const char *folder, bool count,
                       spill_file_fn fn, void *self, struct err *err) MUST_CHECK;

/* How many files wait in the folder: a command that reads the database says so. 0 when the folder
 * cannot be read. */
uint64_t spill_waiting(const struct file_system *files, const char *folder);

struct spill_drained {
    uint64_t files, rows, missing; /* in the database now; missing: named in gap rows */
    uint64_t kept;                 /* files that stay: of another database, unreadable, or failed */
};

/*
 * Put the records of every file that waits into the database, each under its own session and once,
 * close that session, and remove the file. A file of a session that this database does not have
 * stays, and so does one that cannot be read (in part: unless config->spill_give_up): each is
 * logged. db->session is as before afterwards. ST_IO: the database failed, and the rest waits for
 * the next time; ST_AGAIN: so it does because config->stop said so.
 */
enum status spill_drain_all(struct backend *db, const struct store_config *config, wall_ns_t wall,
                            struct spill_drained *ret_drained, struct err *err) MUST_CHECK;

/* Where the run that began then keeps its records: a name that no other run has. */
enum status spill_create_for(const struct backend *db, const struct store_config *config,
                             wall_ns_t began, struct spill **ret_spill, struct err *err) MUST_CHECK;

#endif
