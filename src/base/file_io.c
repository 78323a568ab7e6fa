/* file_io.c - see file_io.h; the real disk. */
#include "base/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int file_write_all(const struct file_io *io, const void *p, size_t n, uint64_t at)
{
    const uint8_t *bytes = p;
    size_t done = 0;
    while (done < n) {
        int64_t r = io->pwrite(io->self, bytes + done, n - done, at + done);
        if (r == -EINTR) {
            continue;
        }
        if (r <= 0) {
            return r < 0 ? (int)r : -EIO;
        }
        done += (size_t)r;
    }
    return 0;
}

int64_t file_read_all(const struct file_io *io, void *p, size_t n, uint64_t at)
{
    uint8_t *bytes = p;
    size_t done = 0;
    while (done < n) {
        int64_t r = io->pread(io->self, bytes + done, n - done, at + done);
        if (r == -EINTR) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            break;
        }
        done += (size_t)r;
    }
    return (int64_t)done;
}

/* --- an open file --- */

struct real_file {
    int fd;
};

static int fd_of(void *self)
{
    return ((struct real_file *)self)->fd;
}

static int64_t real_pread(void *self, void *p, size_t n, uint64_t at)
{
    ssize_t r = pread(fd_of(self), p, n, (off_t)at);
    return r >= 0 ? (int64_t)r : -(int64_t)errno;
}

static int64_t real_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    ssize_t r = pwrite(fd_of(self), p, n, (off_t)at);
    return r >= 0 ? (int64_t)r : -(int64_t)errno;
}

static int real_allocate(void *self, uint64_t size)
{
    return -posix_fallocate(fd_of(self), 0, (off_t)size);
}

static int real_sync(void *self)
{
    return fdatasync(fd_of(self)) == 0 ? 0 : -errno;
}

static void real_close(void *self)
{
    close(fd_of(self));
    free(self);
}

static int real_truncate(void *self, uint64_t size)
{
    return ftruncate(fd_of(self), (off_t)size) == 0 ? 0 : -errno;
}

static int real_release(void *self, uint64_t at, uint64_t n)
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return fallocate(fd_of(self), mode, (off_t)at, (off_t)n) == 0 ? 0 : -errno;
}

/* --- the folder --- */

static enum status status_of(int code)
{
    return code == EACCES || code == EPERM || code == EROFS ? ST_DENIED
           : code == ENOENT                                 ? ST_NOT_FOUND
           : code == EEXIST                                 ? ST_EXISTS
                                                            : ST_IO;
}

/* A new file may be looked at by somebody for a moment. */
static enum status check_and_lock(int fd, enum file_open how, const char *path, const char *what,
                                  struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return err_set(err, ST_IO, "%s %s is not a regular file", what, path);
    }
    if (flock(fd, how == FILE_NEW ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, errno == EWOULDBLOCK ? ST_STATE : ST_IO,
                       "%s %s is in use by another process (%s)", what, path, strerror(errno));
    }
    return ST_OK;
}

/* The file's name is on the medium too: a sync of the file alone need not do that. */
static enum status sync_folder(const char *path, const char *what, struct err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof folder) {
        return err_set(err, ST_LIMIT, "the path of %s is too long", what);
    }
    memcpy(folder, path, n);
    memcpy(folder + n, slash == NULL ? "." : "", slash == NULL ? 2 : 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, status_of(errno), "cannot open the folder of %s %s: %s", what, path,
                       strerror(errno));
    }
    /* Some file systems have no such thing (EINVAL). */
    bool good = fsync(fd) == 0 || errno == EINVAL;
    int code = errno;
    close(fd);
    return good ? ST_OK
                : err_set(err, ST_IO, "cannot sync the folder of %s %s: %s", what, path,
                          strerror(code));
}

static enum status real_open(void *self, const char *path, enum file_open how, const char *what,
                             struct file_io *ret_io, struct err *err)
{
    (void)self;
    struct real_file *f = malloc(sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "no memory for %s", what);
    }
    int flags = how == FILE_NEW ? O_CREAT | O_EXCL : how == FILE_CREATE ? O_CREAT : 0;
    f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | flags, 0600);
    if (f->fd < 0) {
        int code = errno;
        free(f);
        return err_set(err, status_of(code), "cannot open %s %s: %s", what, path, strerror(code));
    }
    enum status st = check_and_lock(f->fd, how, path, what, err);
    struct stat info = {.st_size = 1};
    if (st == ST_OK && flags != 0 && fstat(f->fd, &info) == 0 && info.st_size == 0) {
        st = sync_folder(path, what, err); /* it was made now, or by somebody who got no further */
    }
    if (st != ST_OK) {
        close(f->fd);
        free(f);
        return st;
    }
    *ret_io = (struct file_io){.self = f,
                               .pread = real_pread,
                               .pwrite = real_pwrite,
                               .allocate = real_allocate,
                               .sync = real_sync,
                               .close = real_close,
                               .truncate = real_truncate,
                               .release = real_release};
    return ST_OK;
}

static int real_remove(void *self, const char *path)
{
    (void)self;
    return unlink(path) == 0 ? 0 : -errno;
}

static enum status real_list(void *self, const char *folder, file_name_fn fn, void *fn_self,
                             struct err *err)
{
    (void)self;
    DIR *d = opendir(folder);
    if (d == NULL) {
        int code = errno;
        return err_set(err, status_of(code), "cannot read the folder %s: %s", folder,
                       strerror(code));
    }
    enum status st = ST_OK;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL) {
            st = errno == 0 ? ST_OK
                            : err_set(err, ST_IO, "cannot read the folder %s: %s", folder,
                                      strerror(errno));
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        st = fn(fn_self, e->d_name);
        if (st != ST_OK) {
            break;
        }
    }
    closedir(d);
    return st;
}

const struct file_system file_system_real = {
    .open = real_open, .remove = real_remove, .list = real_list};
