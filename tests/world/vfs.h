/*
 * vfs.h - an SQLite file system on a virtual disk (vdisk.h), with the shared memory that WAL needs.
 *
 * All connections are of one process and one thread. Besides what the disk makes fail, the owner
 * may say that another program holds the database's write lock.
 */
#ifndef TESTS_WORLD_VFS_H
#define TESTS_WORLD_VFS_H

#include "base/timefmt.h"
#include "world/vdisk.h"

struct vfs_host {
    struct vdisk *disk;
    void *self;
    bool (*locked)(void *self);        /* another program writes now. NULL: none */
    void (*slept)(void *self, int us); /* SQLite waits for a lock. NULL is fine */
    wall_ns_t (*wall)(void *self);     /* NULL: 0 */
    bool (*dead)(void *self);          /* the process is gone: no lock is got any more */
};

/* Register it once as SQLite's default under that name; names of files are names on the disk. */
#define VFS_NAME "virtual"
void vfs_register(void);
/* Files opened from now on are on that host's disk; NULL: none. The host outlives its connections.
 * SQLite's own random numbers begin anew. */
void vfs_use(const struct vfs_host *host);

#endif
