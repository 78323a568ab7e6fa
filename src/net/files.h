/*
 * files.h - small files read and written whole: keys, certificates, ready files.
 */
#ifndef NET_FILES_H
#define NET_FILES_H

#include <sys/types.h>

#include "base/bytes.h"

/*
 * Write n bytes so that a reader sees the old file or the whole new one: a temporary file beside
 * it, fsync, rename. ST_IO, ST_DENIED, ST_NOT_FOUND (no such folder); err has the path.
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
