/*
 * vdisk.h - a disk in memory that fails as disks do, and forgets what was not synced.
 *
 * Files have names and bytes. What was written is there for whoever reads it, also after the
 * process that wrote it is gone; what survives a loss of power is what vfile_sync made durable, and
 * of each sector written since then either the old or the new content. Whoever owns the disk is
 * asked before each operation and may make it fail. Owner: one thread.
 */
#ifndef TESTS_WORLD_VDISK_H
#define TESTS_WORLD_VDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define VDISK_SECTOR   512U
#define VDISK_NAME_MAX 64

enum vdisk_op { VDISK_OPEN, VDISK_READ, VDISK_WRITE, VDISK_GROW, VDISK_SYNC, VDISK_REMOVE };

enum vdisk_fate {
    VDISK_OK,
    VDISK_ERROR, /* EIO, nothing happened */
    VDISK_SHORT, /* a write: a part of it happened, then EIO or an end without an error */
    VDISK_FULL   /* ENOSPC, nothing happened */
};

/* n: bytes of a read or write; *part: of VDISK_SHORT, how many are written. */
typedef enum vdisk_fate (*vdisk_ask_fn)(void *self, const char *name, enum vdisk_op op, size_t n,
                                        size_t *part);

struct vfile;
struct vdisk {
    struct vfile *files;
    vdisk_ask_fn ask; /* NULL: nothing fails */
    void *self;
};

void vdisk_finish(struct vdisk *d);
/* Power goes: what was not synced is kept or lost, sector by sector. No file is open. */
void vdisk_power_loss(struct vdisk *d, struct rng *rng);
/* A file as it stands on another disk, durable here. */
void vdisk_copy(struct vdisk *d, const struct vdisk *from, const char *name);
bool vdisk_exists(const struct vdisk *d, const char *name);
/* 0, -ENOENT, -EIO. An open file lives until it is closed. */
int vdisk_remove(struct vdisk *d, const char *name);
/* Another answer than 0 ends it with that. */
int vdisk_list(const struct vdisk *d, int (*fn)(void *self, const char *name), void *self);
/* All bytes of all files. */
size_t vdisk_used(const struct vdisk *d);

/* 0 and *ret, -ENOENT, -EIO, -ENOSPC. */
int vfile_open(struct vdisk *d, const char *name, bool create, struct vfile **ret);
void vfile_close(struct vfile *f);
/* Bytes read or written, or a negative errno. A write past the end fills with zeros. */
int64_t vfile_read(struct vfile *f, void *p, size_t n, uint64_t at);
int64_t vfile_write(struct vfile *f, const void *p, size_t n, uint64_t at);
/* The file holds exactly size bytes; new ones are zero. */
int vfile_resize(struct vfile *f, uint64_t size);
int vfile_sync(struct vfile *f);
/* Bytes inside of the file read as zeros. */
int vfile_punch(struct vfile *f, uint64_t at, uint64_t n);
bool vfile_is_open(const struct vdisk *d, const char *name);
uint64_t vfile_size(const struct vfile *f);
const char *vfile_name(const struct vfile *f);
/* For the file system on it: one pointer of its own, NULL at first; freed with the file. */
void **vfile_extra(struct vfile *f);

#endif
