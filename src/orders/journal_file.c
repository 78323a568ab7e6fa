/* journal_file.c - the real struct journal_io: one locked file, mode 0600. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orders/journal.h"

struct journal_file {
    int fd;
};

static int64_t file_pread(void *self, void *p, size_t n, uint64_t at)
{
    struct journal_file *f = self;
    ssize_t r = pread(f->fd, p, n, (off_t)at);
    return r >= 0 ? (int64_t)r : -(int64_t)errno;
}

static int64_t file_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    struct journal_file *f = self;
    ssize_t r = pwrite(f->fd, p, n, (off_t)at);
    return r >= 0 ? (int64_t)r : -(int64_t)errno;
}

static int file_allocate(void *self, uint64_t size)
{
    struct journal_file *f = self;
    int r = posix_fallocate(f->fd, 0, (off_t)size);
    return -r;
}

static int file_sync(void *self)
{
    struct journal_file *f = self;
    return fdatasync(f->fd) == 0 ? 0 : -errno;
}

static void file_close(void *self)
{
    struct journal_file *f = self;
    close(f->fd);
    free(f);
}

static enum status open_error(const char *path, struct err *err)
{
    int code = errno;
    enum status st = code == EACCES || code == EPERM || code == EROFS ? ST_DENIED : ST_IO;
    return err_set(err, st, "cannot open the order journal %s: %s", path, strerror(code));
}

enum status journal_file_open(const char *path, struct journal_io *ret_io, struct err *err)
{
    struct journal_file *f = malloc(sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the order journal");
    }
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (f->fd < 0) {
        enum status st = open_error(path, err);
        free(f);
        return st;
    }
    enum status st = ST_OK;
    struct stat info;
    if (fstat(f->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        st = err_set(err, ST_IO, "the order journal %s is not a regular file", path);
    } else if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        st = err_set(err, errno == EWOULDBLOCK ? ST_EXISTS : ST_IO,
                     "the order journal %s is in use by another process (%s)", path,
                     strerror(errno));
    }
    if (st != ST_OK) {
        close(f->fd);
        free(f);
        return st;
    }
    *ret_io = (struct journal_io){.self = f,
                                  .pread = file_pread,
                                  .pwrite = file_pwrite,
                                  .allocate = file_allocate,
                                  .sync = file_sync,
                                  .close = file_close};
    return ST_OK;
}
