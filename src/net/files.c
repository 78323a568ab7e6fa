#include "net/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status from_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return ST_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ST_DENIED;
    case ENOMEM:
        return ST_NOMEM;
    default:
        return ST_IO;
    }
}

static enum status fail(struct err *err, const char *what, const char *path)
{
    int e = errno;
    return err_set(err, from_errno(e), "%s: cannot %s: %s", path, what, strerror(e));
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -1;
        }
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

bool file_place(const char *path, char *ret_place)
{
    struct stat is;
    bool there = stat(path, &is) == 0;
    if (there && S_ISREG(is.st_mode)) {
        return realpath(path, ret_place) != NULL;
    }
    (void)snprintf(ret_place, PATH_MAX, "%s", path);
    return !there || S_ISDIR(is.st_mode);
}

static enum status write_as_it_is(const char *path, const void *p, size_t n, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, "open", path);
    }
    bool good = write_all(fd, p, n) == 0;
    enum status st = good ? ST_OK : fail(err, "write", path);
    if (close(fd) != 0 && st == ST_OK) {
        st = fail(err, "write", path);
    }
    return st;
}

enum status file_write(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
    char place[PATH_MAX], tmp[PATH_MAX];
    if (!file_place(path, place)) {
        return write_as_it_is(path, p, n, err);
    }
    int len = snprintf(tmp, sizeof tmp, "%s.%ld.tmp", place, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof tmp || strlen(path) >= sizeof place) {
        return err_set(err, ST_LIMIT, "%s: path too long", path);
    }
    (void)unlink(tmp);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail(err, "create", path);
    }
    bool good = write_all(fd, p, n) == 0 && fsync(fd) == 0;
    if (close(fd) != 0 || !good || rename(tmp, place) != 0) {
        enum status st = fail(err, "write", path);
        (void)unlink(tmp);
        return st;
    }
    return ST_OK;
}

enum status file_read(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail(err, "open", path);
    }
    char part[4096];
    ssize_t got = 0;
    do {
        got = read(fd, part, sizeof part);
        if (got > 0) {
            buf_add(out, part, (size_t)got);
        }
    } while ((got > 0 && !out->failed) || (got < 0 && errno == EINTR));
    enum status st = got < 0 ? fail(err, "read", path) : ST_OK;
    explicit_bzero(part, sizeof part);
    close(fd);
    if (st == ST_OK && out->failed) {
        st = out->max - out->n < sizeof part
                 ? err_set(err, ST_LIMIT, "%s: larger than %zu bytes", path, out->max)
                 : err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    return st;
}

enum status folder_make(const char *path, struct err *err)
{
    char part[PATH_MAX];
    if (!text_copy(part, sizeof part, text_of(path)) || path[0] == '\0') {
        return err_set(err, ST_LIMIT, "%s: path empty or too long", path);
    }
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char was = *p;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return fail(err, "create folder", part);
        }
        *p = was;
        if (was == '\0') {
            return ST_OK;
        }
    }
}

enum status folder_lock(const char *path, int *ret_lock, struct err *err)
{
    char file[PATH_MAX];
    if (snprintf(file, sizeof file, "%s/lock", path) >= (int)sizeof file) {
        return err_set(err, ST_LIMIT, "%s: path too long", path);
    }
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int bad = fd < 0 ? -1 : 0;
    do {
        bad = fd < 0 ? bad : flock(fd, LOCK_EX);
    } while (fd >= 0 && bad != 0 && errno == EINTR);
    if (bad != 0) {
        enum status st = fail(err, "lock", file);
        if (fd >= 0) {
            close(fd);
        }
        return st;
    }
    *ret_lock = fd;
    return ST_OK;
}

void folder_unlock(int lock)
{
    close(lock);
}
