/*
 * hang.c - a disk that hangs: writes and syncs of some files do not come back while another file is
 * there. Preloaded (LD_PRELOAD) into a program of ours by hang.py.
 *
 * Environment:
 *   HANG_OF      the files: their names begin with this (a database's own begins its log's, too).
 *   HANG_WHILE   while this file is there.
 *   HANG_SEEN    is made when the first call hangs; its one line says which and of what.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

#define PATH_BYTES 512

static const char *of, *trigger, *seen;

__attribute__((constructor)) static void set_up(void)
{
    of = getenv("HANG_OF");
    trigger = getenv("HANG_WHILE");
    seen = getenv("HANG_SEEN");
}

static bool is_meant(int fd, char path[PATH_BYTES])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_BYTES - 1);
    if (n <= 0) {
        return false;
    }
    path[n] = '\0';
    return strncmp(path, of, strlen(of)) == 0;
}

static void tell(const char *call, const char *path)
{
    int fd = open(seen, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dprintf(fd, "%s %s\n", call, path);
        close(fd);
    }
}

static void wait_for_disk(const char *call, int fd)
{
    char path[PATH_BYTES];
    if (of == NULL || trigger == NULL || seen == NULL || access(trigger, F_OK) != 0 ||
        !is_meant(fd, path)) {
        return;
    }
    tell(call, path);
    while (access(trigger, F_OK) == 0) {
        struct timespec ts = {.tv_nsec = 5000000};
        (void)nanosleep(&ts, NULL);
    }
}

#define WRITE_AT(name, off_type)                                                                   \
    ssize_t name(int fd, const void *p, size_t n, off_type where)                                  \
    {                                                                                              \
        REAL(name);                                                                                \
        wait_for_disk(#name, fd);                                                                  \
        return real(fd, p, n, where);                                                              \
    }
WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)

#define SYNC(name)                                                                                 \
    int name(int fd)                                                                               \
    {                                                                                              \
        REAL(name);                                                                                \
        wait_for_disk(#name, fd);                                                                  \
        return real(fd);                                                                           \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, off_type)                                                                   \
    int name(int fd, off_type size)                                                                \
    {                                                                                              \
        REAL(name);                                                                                \
        wait_for_disk(#name, fd);                                                                  \
        return real(fd, size);                                                                     \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
