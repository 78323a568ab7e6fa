/*
 * hang_vfs.h - SQLite's file system on the real disk, which hangs on command, in real time.
 *
 * One for the process. The commands may come from any thread.
 */
#ifndef TESTS_STORE_HANG_VFS_H
#define TESTS_STORE_HANG_VFS_H

#include <stdbool.h>

#define HANG_VFS "hang"

enum hang_op {
    HANG_NONE,
    HANG_WRITE, /* of the log */
    HANG_SYNC,  /* of any file */
    HANG_STAT,  /* the question whether the file was moved: with it a transaction begins */
    HANG_CLOSE  /* of the database's file */
};

void hang_register(void);
/* The next operation of the kind hangs until hang_end(), and so does every one that comes then. */
void hang_begin(enum hang_op op);
void hang_end(void);
/* One hangs now. */
bool hang_hit(void);
/* Wait for that; fails the test when it does not come. */
void hang_wait(void);

#endif
