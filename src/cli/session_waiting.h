/*
 * session_waiting.h - rows of recorded sessions that wait in spill files: a reader of the database
 * does not see them, and says so.
 */
#ifndef CLI_SESSION_WAITING_H
#define CLI_SESSION_WAITING_H

#include "cli/session_args.h"

struct session_waiting {
    int64_t session; /* filled in by the caller, */
    wall_ns_t began; /* with when it began: so it is not one of another database */
    uint64_t files;
    uint64_t rows; /* in them; some may be in the database already */
};

/* Look into the folder of the spill files for each of n sessions. One whose run goes on has none.
 * 0, or an exit code (told): the folder or the configuration cannot be read. */
int session_waiting_find(const struct session_args *a, struct session_waiting *v, size_t n);

/* ,"waiting":{...} */
void session_waiting_json(const struct session_waiting *w, struct buf *b);
/* "12 rows wait in a spill file ..." with its end of line; nothing when none do. */
void session_waiting_text(const struct session_waiting *w, const char *before);

#endif
