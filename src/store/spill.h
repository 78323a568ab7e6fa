/*
 * spill.h - records that wait for the database, in a checksummed local file.
 *
 * One file for each session. Records go in at the end and come out from the oldest; each has the
 * number that the queue gave it, from 1 without holes, so that a reader who knows how far the
 * database is (its progress) takes each once. What a kill or the disk has damaged is recognised:
 * every whole block is kept, and what is missing between them is named by its numbers.
 *
 * A file is locked by the process that has it open. Owner: one thread.
 */
#ifndef STORE_SPILL_H
#define STORE_SPILL_H

#include "base/file_io.h"
#include "base/timefmt.h"

#define SPILL_DATABASE_MAX 256
#define SPILL_OUTCOME_MAX  128

/* Whose records. began is that of the session's row and tells it from a session of another database
 * with the same number; database says to a person where that is, without a password. */
struct spill_id {
    int64_t session;
    wall_ns_t began;
    char database[SPILL_DATABASE_MAX];
};

/* The session when a block was written, its own records not counted. */
struct spill_state {
    wall_ns_t wall;
    uint64_t rows, lost;
};

struct spill;

/*
 * A new file at path. err names path and cause. ST_EXISTS: there is one; ST_STATE: another process
 * holds it; ST_NOT_FOUND: its folder is missing; ST_DENIED, ST_IO, ST_NOMEM.
 */
enum status spill_create(const struct file_system *files, const char *path,
                         const struct spill_id *id, struct spill **ret_spill,
                         struct err *err) MUST_CHECK;

/* One that another process left. Also ST_MALFORMED: not a spill file, or one whose making was
 * interrupted; ST_UNSUPPORTED: of a newer version. Nothing of it is changed. */
enum status spill_open(const struct file_system *files, const char *path, struct spill **ret_spill,
                       struct err *err) MUST_CHECK;

/* The file stays, or goes. NULL is fine. */
void spill_close(struct spill *sp);
void spill_remove(struct spill *sp);
/* The file has no name any more, for nobody needs it; also while it is synced in another thread.
 * What is left to do is spill_close. */
void spill_unlink(const struct spill *sp);

const struct spill_id *spill_id(const struct spill *sp);
const char *spill_path(const struct spill *sp);
uint64_t spill_bytes(const struct spill *sp);    /* that wait; of a file left by others: 0 */
const char *spill_error(const struct spill *sp); /* of the last failure */

/* --- writing: a created file only --- */

/* Copy a record (size first, a multiple of 8) into the block that is being filled. ST_FULL: write
 * the block first; ST_NOMEM; ST_INVALID: its size. */
enum status spill_add(struct spill *sp, const void *record) MUST_CHECK;

/* The block that spill_write would write now, in bytes of the file; 0: nothing was added. */
uint64_t spill_block_bytes(const struct spill *sp);

/*
 * Write what was added as one block, whose first record has the number first. A kill of the process
 * does not take it away any more. ST_IO: nothing of it is in the file, and it must be added again.
 */
enum status spill_write(struct spill *sp, uint64_t first,
                        const struct spill_state *state) MUST_CHECK;

/* Forget what was added. */
void spill_forget(struct spill *sp);

/* The session is over: its outcome, for whoever drains the file. next: the number that the next
 * record would have had. */
enum status spill_write_end(struct spill *sp, uint64_t next, const char *outcome,
                            const struct spill_state *state) MUST_CHECK;

/* What was written survives the machine. */
enum status spill_sync(struct spill *sp) MUST_CHECK;
/* The same in another thread, while the owner goes on with everything but spill_close: 0, or a
 * negative errno. */
int spill_sync_apart(const struct spill *sp);

/* --- reading --- */

enum spill_kind {
    SPILL_RECORD,
    SPILL_MISSING, /* records that should be here are damaged or gone */
    SPILL_END      /* the session's outcome */
};

struct spill_item {
    enum spill_kind kind;
    uint64_t number;          /* of the record; SPILL_MISSING: of the last that is missing */
    uint64_t missing;         /* SPILL_MISSING: how many; 0: the end is torn, nobody knows */
    const void *record;       /* SPILL_RECORD: what was added; valid as long as inside is true */
    bool inside;              /* the next record comes from the same block */
    const char *outcome;      /* SPILL_END: valid as long */
    struct spill_state state; /* of its block; rows with what stands before the item in the block */
};

/* Where a reader stands; it may be copied, and the copy gone back to. */
struct spill_cursor {
    uint64_t at;     /* of a block in the file */
    uint64_t in;     /* bytes of its records that are passed */
    uint64_t passed; /* records of it */
    uint64_t next;   /* number of the record that should come */
    uint64_t whole;  /* number behind the last whole block that was seen */
    uint64_t known;  /* number behind the last damaged one */
    bool damaged;    /* something unreadable came since the last whole block */
};

/* Before the oldest record with a number above progress. */
struct spill_cursor spill_begin(const struct spill *sp, uint64_t progress);

/* ST_END: no more; ST_IO: reading failed, the cursor is where it was; ST_NOMEM. */
enum status spill_next(struct spill *sp, struct spill_cursor *c,
                       struct spill_item *ret_item) MUST_CHECK;

/* Reading fails there and goes on failing: what cannot be read is as if damaged. */
void spill_skip_unreadable(struct spill *sp, struct spill_cursor *c);

/* What stands before the cursor, or all, is in the database: its room is given back. */
void spill_done(struct spill *sp, const struct spill_cursor *c);
void spill_all_done(struct spill *sp);

#endif
