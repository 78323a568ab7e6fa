/* bad_db.h - a store's real database behind a switch: away, or with COMMITs whose answer is lost.
 */
#ifndef TESTS_STORE_BAD_DB_H
#define TESTS_STORE_BAD_DB_H

#include "store/store_int.h"

struct bad_db {
    bool away;         /* BEGIN fails */
    bool puts_fail;    /* a row fails, for the disk's fault */
    bool commits_fail; /* COMMIT fails, and nothing of it counts */
    bool answers_lost; /* COMMIT counts, and yet is said to have failed */
    mono_ns_t *slow;   /* NULL: not; else the clock that a row moves by slow_ns */
    mono_ns_t slow_ns;
    void (*meanwhile)(struct backend *b); /* NULL, or what happens while a commit is waited for */
    uint64_t commits;                     /* asked for */
};

/* One at a time. */
void bad_db_put_before(struct store *s, struct bad_db *bad);

/* The process is killed: nothing is written, closed or flushed any more. */
void bad_db_kill(struct store *s);

#endif
