/*
 * files.h - small files read and written whole: keys, certificates, ready files.
 */
#ifndef NET_FILES_H
#define NET_FILES_H

#include <limits.h>
#include <sys/types.h>

#include "base/bytes.h"

/*
 * Can a new file be put where path leads, by a rename to *ret_place, which has room for PATH_MAX
 * bytes? A link stays: its target is the place. False: a device, a pipe or a socket is there, which
 * a rename would take away; it is written as it is.
 */
bool file_place(const char *path, char *ret_place);

/*
 * Write n bytes so that a reader sees the old file or the whole new one: a temporary file beside
 * it, fsync, rename. A device or a pipe is written as it is.
 * ST_IO, ST_DENIED, ST_NOT_FOUND (no such folder); err has the path.
 */
enum status file_write(const char *path, const void *p, size_t n, mode_t mode,
                       struct err *err) MUST_CHECK;

/* Append a file of at most out->max bytes. ST_NOT_FOUND, ST_DENIED, ST_IO, ST_LIMIT. */
enum status file_read(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Create a folder and those above it, mode 0700. ST_DENIED, ST_IO. */
enum status folder_make(const char *path, struct err *err) MUST_CHECK;

/*
 * Wait until no other process holds the folder, and hold it: by the file `lock` in it, until
 * folder_unlock() or the end of the process. ST_NOT_FOUND (no such folder), ST_DENIED, ST_IO.
 */
enum status folder_lock(const char *path, int *ret_lock, struct err *err) MUST_CHECK;
void folder_unlock(int lock);

#endif
