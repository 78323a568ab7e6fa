/* load.h - a session out of the database into memory. */
#ifndef WORLD_LOAD_H
#define WORLD_LOAD_H

#include "store/store.h"
#include "world/session.h"

enum load_what {
    LOAD_INPUTS, /* what the engine got, and gap rows */
    LOAD_ALL,    /* and what came of it */
    LOAD_MARKET  /* market events and gap rows only: books */
};

/* Called now and then; false: give up. */
typedef bool (*load_progress_fn)(void *self, const struct session *so_far);

/*
 * *ret_session (zeroed but for bytes_max) becomes the session of that id, 0: the newest. err names
 * path, table and place. ST_NOT_FOUND: no such file or session; ST_MALFORMED: a row that makes no
 * record, or an impossible one; ST_LIMIT, ST_NOMEM, ST_IO, ST_UNSUPPORTED; ST_CLOSED: progress said
 * so. Whatever comes, session_finish ends it.
 */
enum status session_load(const char *path, int64_t id, enum load_what what, struct session *session,
                         load_progress_fn progress, void *self, struct err *err) MUST_CHECK;

/*
 * About how many bytes of memory session_load would fill. Quick, and rather too many: a number that
 * is missing counts like a record, and a damaged one may be anything; counted: rows are counted,
 * which reads a good part of the database. Errors as above.
 */
enum status session_size(const char *path, int64_t id, enum load_what what, bool counted,
                         uint64_t *ret_bytes, struct err *err) MUST_CHECK;

#endif
