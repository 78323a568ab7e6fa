/*
 * file_io.h - a file and a folder as tables of functions, so that a test can put them on a disk
 * that fails.
 *
 * The order journal and the store's spill file do all their disk work through these. Functions that
 * answer a number give 0 or more, or a negative errno. Owner of an open file: who opened it; sync
 * may be called by another thread meanwhile.
 */
#ifndef BASE_FILE_IO_H
#define BASE_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct file_io {
    void *self;
    int64_t (*pread)(void *self, void *p, size_t n, uint64_t at); /* bytes read; 0: past the end */
    int64_t (*pwrite)(void *self, const void *p, size_t n, uint64_t at); /* bytes written */
    int (*allocate)(void *self, uint64_t size); /* the file holds size bytes, new ones zero */
    int (*sync)(void *self);                    /* what was written is on the medium */
    void (*close)(void *self);
    /* The file ends at size from now on. */
    int (*truncate)(void *self, uint64_t size);
    /* n bytes from at need no room any more and read as zeros; the file keeps its length.
     * -EOPNOTSUPP: this disk cannot. */
    int (*release)(void *self, uint64_t at, uint64_t n);
};

/* All n bytes are written: 0, or a negative errno; nothing is known of the bytes then. */
int file_write_all(const struct file_io *io, const void *p, size_t n, uint64_t at);

/* Bytes read, fewer than n only at the end of the file, or a negative errno. */
int64_t file_read_all(const struct file_io *io, void *p, size_t n, uint64_t at);

enum file_open {
    FILE_OPEN,   /* ST_NOT_FOUND when there is none */
    FILE_CREATE, /* or open what is there */
    FILE_NEW     /* ST_EXISTS when there is one */
};

/* Another answer than ST_OK ends the listing with it. name: without its folder. */
typedef enum status (*file_name_fn)(void *self, const char *name);

struct file_system {
    void *self;
    /*
     * Open a regular file (mode 0600 when it is made) and lock it for this process. what names it
     * in err: "the order journal". ST_STATE: another process holds it; ST_EXISTS, ST_NOT_FOUND as
     * above; ST_DENIED, ST_IO, ST_NOMEM.
     */
    enum status (*open)(void *self, const char *path, enum file_open how, const char *what,
                        struct file_io *ret_io, struct err *err) MUST_CHECK;
    int (*remove)(void *self, const char *path);
    /* The names in a folder, in no order. ST_NOT_FOUND: there is no such folder; ST_IO, ST_DENIED;
     * what fn answered. */
    enum status (*list)(void *self, const char *folder, file_name_fn fn, void *fn_self,
                        struct err *err) MUST_CHECK;
};

/* The machine's own. */
extern const struct file_system file_system_real;

#endif
