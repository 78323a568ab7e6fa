/* mem_disk.h - a folder in memory that can be full, tear a write, and refuse to read. */
#ifndef TESTS_STORE_MEM_DISK_H
#define TESTS_STORE_MEM_DISK_H

#include "base/file_io.h"

#define MEM_FILES_MAX 16

struct mem_file {
    char path[200];
    uint8_t *p;
    size_t n, cap;
    bool open, used;
};

struct mem_disk {
    struct mem_file file[MEM_FILES_MAX];
    size_t room;            /* bytes that all files may have; 0: any */
    int64_t write_fails_at; /* this many more bytes are written, then -EIO; -1: never */
    bool full;              /* every write is refused with -ENOSPC */
    bool no_holes, no_truncate, sync_fails;
    uint64_t unreadable; /* reading this page fails; 0: none */
    uint64_t released;   /* bytes */
    uint64_t syncs;
};

void mem_disk_init(struct mem_disk *d);
void mem_disk_finish(struct mem_disk *d);
struct file_system mem_disk_files(struct mem_disk *d);
/* NULL: there is none. */
struct mem_file *mem_disk_find(struct mem_disk *d, const char *path);
/* The only file; fails when there are none or more. */
struct mem_file *mem_disk_only(struct mem_disk *d);
size_t mem_disk_count(const struct mem_disk *d);
/* The process was killed: nothing is open. */
void mem_disk_kill(struct mem_disk *d);

#endif
