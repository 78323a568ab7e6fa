/*
 * faults.c - makes one call of a program fail, the Nth of a kind: an allocation, or an operation on
 * a file. Preloaded (LD_PRELOAD) into any program of ours; the walk over N is crash.py.
 *
 * Environment:
 *   FAULTS_WHAT    alloc: malloc, calloc, realloc, aligned memory, strdup.
 *                  io: open, read, write, sync, size, rename, mkdir, unlink, stat, close and mmap
 * of files. Nothing else: sockets and pipes are the business of other tests. FAULTS_AT      N: the
 * Nth such call fails, counted from 1. 0: none does, they are counted only. FAULTS_FOR     how many
 * calls in a row fail, from the Nth on. Default 1. FAULTS_ERROR   io: EIO, ENOSPC, EINTR or short
 * (half of what was asked is done). A call that cannot have that error fails with EIO. FAULTS_OF
 * alloc: names of the libraries whose calls count, separated by commas; "program" is the program
 * itself, and the default. FAULTS_UNDER   io: only files below this folder. FAULTS_REPORT  file
 * that gets struct report, up to date at any instant, however the program ends.
 *
 * In a build with AddressSanitizer, whose allocator cannot be preloaded over, it is linked into the
 * program instead (FAULTS_LINKED): allocations of our own code only.
 *
 * glibc only: its allocator is reached by its own second names, so that nothing has to be looked up
 * before the first allocation.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

#define FRAMES     32
#define FILES_MAX  4096
#define RANGES_MAX 64

/* What crash.py reads; its layout is known there. */
struct report {
    _Atomic uint64_t calls; /* that count */
    _Atomic uint64_t failed;
    char call[32];   /* the first that failed */
    char path[160];  /* io: of which file */
    uint64_t base;   /* where the program lies */
    uint64_t frames; /* below: who called, innermost first */
    uint64_t frame[FRAMES];
};

enum what { WHAT_NOTHING, WHAT_ALLOC, WHAT_IO };
enum error { ERROR_EIO, ERROR_ENOSPC, ERROR_EINTR, ERROR_SHORT };

static enum what what;
static enum error error_kind;
static uint64_t at, for_calls = 1;
static const char *of = "program", *under = "";
static struct report nowhere, *report = &nowhere;
static _Thread_local bool inside; /* our own work allocates, too */
#ifndef FAULTS_LINKED
static struct range {
    uintptr_t from, to;
} ranges[RANGES_MAX];
static size_t n_ranges;
static char files[FILES_MAX][160]; /* by descriptor; "": not ours */
static _Atomic bool file_is_ours[FILES_MAX];
#endif

/* --- set-up --- */

#ifndef FAULTS_LINKED
static bool is_named(const char *list, const char *path)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    name = path[0] == '\0' ? "program" : name;
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (n > 0 && strncmp(name, list, n) == 0) {
            return true;
        }
        list += n + (list[n] == ',');
    }
    return false;
}

static int on_library(struct dl_phdr_info *info, size_t size, void *self)
{
    (void)size;
    (void)self;
    if (info->dlpi_name[0] == '\0') {
        report->base = info->dlpi_addr;
    }
    if (!is_named(of, info->dlpi_name)) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0 && n_ranges < RANGES_MAX) {
            uintptr_t from = info->dlpi_addr + p->p_vaddr;
            ranges[n_ranges++] = (struct range){from, from + p->p_memsz};
        }
    }
    return 0;
}
#endif

static const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL ? value : otherwise;
}

static void map_report(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, sizeof *report) == 0) {
        void *p = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        report = p != MAP_FAILED ? p : report;
    }
    if (fd >= 0) {
        close(fd);
    }
}

__attribute__((constructor)) static void set_up(void)
{
    const char *kind = env("FAULTS_WHAT", "");
    const char *error = env("FAULTS_ERROR", "EIO");
    void *unused[2];
    inside = true;
    (void)backtrace(unused, 2); /* loads what it needs, before anything may fail */
    at = strtoull(env("FAULTS_AT", "0"), NULL, 10);
    for_calls = strtoull(env("FAULTS_FOR", "1"), NULL, 10);
    of = env("FAULTS_OF", "program");
    under = env("FAULTS_UNDER", "");
    error_kind = strcmp(error, "ENOSPC") == 0  ? ERROR_ENOSPC
                 : strcmp(error, "EINTR") == 0 ? ERROR_EINTR
                 : strcmp(error, "short") == 0 ? ERROR_SHORT
                                               : ERROR_EIO;
    map_report(env("FAULTS_REPORT", ""));
#ifndef FAULTS_LINKED
    (void)dl_iterate_phdr(on_library, NULL);
#endif
    inside = false;
    what = strcmp(kind, "alloc") == 0 ? WHAT_ALLOC
           : strcmp(kind, "io") == 0  ? WHAT_IO
                                      : WHAT_NOTHING;
}

/* Count a call; true: it is one that fails. */
static bool hit(const char *call, const char *path)
{
    uint64_t n = atomic_fetch_add(&report->calls, 1) + 1;
    if (at == 0 || n < at || n - at >= for_calls) {
        return false;
    }
    if (atomic_fetch_add(&report->failed, 1) == 0) {
        inside = true;
        void *frame[FRAMES + 2];
        int got = backtrace(frame, FRAMES + 2);
        for (int i = 2; i < got; i++) {
            report->frame[i - 2] = (uint64_t)(uintptr_t)frame[i];
        }
        report->frames = got > 2 ? (uint64_t)got - 2 : 0;
        snprintf(report->call, sizeof report->call, "%s", call);
        snprintf(report->path, sizeof report->path, "%s", path);
        inside = false;
    }
    return true;
}

/* --- memory --- */

#ifdef FAULTS_LINKED /* ld --wrap: calls of our own code come here first, and none of a library */
#define MINE(name) __wrap_##name
#define NEXT(name) __real_##name
void *NEXT(malloc)(size_t size);
void *NEXT(calloc)(size_t n, size_t size);
void *NEXT(realloc)(void *p, size_t size);
void *NEXT(aligned_alloc)(size_t alignment, size_t size);
void *MINE(malloc)(size_t size);
void *MINE(calloc)(size_t n, size_t size);
void *MINE(realloc)(void *p, size_t size);
void *MINE(aligned_alloc)(size_t alignment, size_t size);
int MINE(posix_memalign)(void **ret, size_t alignment, size_t size);
char *MINE(strdup)(const char *text);
char *MINE(strndup)(const char *text, size_t max);
#else
#define MINE(name)           name
#define NEXT(name)           __libc_##name
void *NEXT(malloc)(size_t size);
void *NEXT(calloc)(size_t n, size_t size);
void *NEXT(realloc)(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
#define __libc_aligned_alloc __libc_memalign
#endif

static bool alloc_fails(const char *call, const void *caller)
{
    if (what != WHAT_ALLOC || inside) {
        return false;
    }
#ifdef FAULTS_LINKED
    (void)caller;
    return hit(call, "");
#else
    uintptr_t from = (uintptr_t)caller;
    for (size_t i = 0; i < n_ranges; i++) {
        if (from >= ranges[i].from && from < ranges[i].to) {
            return hit(call, "");
        }
    }
    return false;
#endif
}

#define ALLOC_FAILS(call) alloc_fails(call, __builtin_return_address(0))

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *MINE(malloc)(size_t size)
{
    return ALLOC_FAILS("malloc") ? no_memory() : NEXT(malloc)(size);
}

void *MINE(calloc)(size_t n, size_t size)
{
    return ALLOC_FAILS("calloc") ? no_memory() : NEXT(calloc)(n, size);
}

void *MINE(realloc)(void *p, size_t size)
{
    return ALLOC_FAILS("realloc") ? no_memory() : NEXT(realloc)(p, size);
}

void *MINE(aligned_alloc)(size_t alignment, size_t size)
{
    return ALLOC_FAILS("aligned_alloc") ? no_memory() : NEXT(aligned_alloc)(alignment, size);
}

int MINE(posix_memalign)(void **ret, size_t alignment, size_t size)
{
    void *p = ALLOC_FAILS("posix_memalign") ? NULL : NEXT(aligned_alloc)(alignment, size);
    if (p == NULL) {
        return ENOMEM;
    }
    *ret = p;
    return 0;
}

char *MINE(strdup)(const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = ALLOC_FAILS("strdup") ? no_memory() : NEXT(malloc)(n);
    return p != NULL ? memcpy(p, text, n) : NULL;
}

char *MINE(strndup)(const char *text, size_t max)
{
    size_t n = strnlen(text, max);
    char *p = ALLOC_FAILS("strndup") ? no_memory() : NEXT(malloc)(n + 1);
    if (p != NULL) {
        memcpy(p, text, n);
        p[n] = '\0';
    }
    return p;
}

#ifndef FAULTS_LINKED

/* --- files --- */

static bool is_under(const char *path)
{
    size_t n = strlen(under);
    return what == WHAT_IO && !inside && n > 0 && strncmp(path, under, n) == 0;
}

static bool is_ours(int fd)
{
    return what == WHAT_IO && !inside && fd >= 0 && fd < FILES_MAX &&
           atomic_load_explicit(&file_is_ours[fd], memory_order_acquire);
}

static int opened(int fd, const char *path)
{
    if (fd >= 0 && fd < FILES_MAX && is_under(path)) {
        snprintf(files[fd], sizeof files[fd], "%s", path);
        atomic_store_explicit(&file_is_ours[fd], true, memory_order_release);
    }
    return fd;
}

/* What errors a call can have, besides EIO. */
enum can { CAN_SPACE = 1, CAN_INTERRUPT = 2, CAN_SHORT = 4 };

/* 0: it goes on; -1: short; else an errno. */
static int fails(const char *call, const char *path, int can)
{
    if (!hit(call, path)) {
        return 0;
    }
    switch (error_kind) {
    case ERROR_ENOSPC:
        return (can & CAN_SPACE) != 0 ? ENOSPC : EIO;
    case ERROR_EINTR:
        return (can & CAN_INTERRUPT) != 0 ? EINTR : EIO;
    case ERROR_SHORT:
        return (can & CAN_SHORT) != 0 ? -1 : EIO;
    case ERROR_EIO:
        break;
    }
    return EIO;
}

static int fails_fd(const char *call, int fd, int can)
{
    return is_ours(fd) ? fails(call, files[fd], can) : 0;
}

static int fails_path(const char *call, const char *path, int can)
{
    return is_under(path) ? fails(call, path, can) : 0;
}

static int with_errno(int error)
{
    errno = error;
    return -1;
}

static size_t half(int error, size_t n)
{
    return error < 0 && n > 1 ? n / 2 : n;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(name);                                                                                \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;           \
        va_end(list);                                                                              \
        int e =                                                                                    \
            fails_path("open", path, CAN_INTERRUPT | ((flags & O_CREAT) != 0 ? CAN_SPACE : 0));    \
        return e > 0 ? with_errno(e) : opened(real(path, flags, mode), path);                      \
    }
OPEN(open)
OPEN(open64)

#define READ_AT(name, off_type)                                                                    \
    ssize_t name(int fd, void *p, size_t n, off_type where)                                        \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_fd("pread", fd, CAN_INTERRUPT | CAN_SHORT);                                  \
        return e > 0 ? with_errno(e) : real(fd, p, half(e, n), where);                             \
    }
READ_AT(pread, off_t)
READ_AT(pread64, off64_t)

#define WRITE_AT(name, off_type)                                                                   \
    ssize_t name(int fd, const void *p, size_t n, off_type where)                                  \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_fd("pwrite", fd, CAN_SPACE | CAN_INTERRUPT | CAN_SHORT);                     \
        return e > 0 ? with_errno(e) : real(fd, p, half(e, n), where);                             \
    }
WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)

ssize_t read(int fd, void *p, size_t n)
{
    REAL(read);
    int e = fails_fd("read", fd, CAN_INTERRUPT | CAN_SHORT);
    return e > 0 ? with_errno(e) : real(fd, p, half(e, n));
}

ssize_t write(int fd, const void *p, size_t n)
{
    REAL(write);
    int e = fails_fd("write", fd, CAN_SPACE | CAN_INTERRUPT | CAN_SHORT);
    return e > 0 ? with_errno(e) : real(fd, p, half(e, n));
}

int fsync(int fd)
{
    REAL(fsync);
    int e = fails_fd("fsync", fd, CAN_SPACE | CAN_INTERRUPT);
    return e > 0 ? with_errno(e) : real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    int e = fails_fd("fdatasync", fd, CAN_SPACE | CAN_INTERRUPT);
    return e > 0 ? with_errno(e) : real(fd);
}

#define TRUNCATE(name, off_type)                                                                   \
    int name(int fd, off_type size)                                                                \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_fd("ftruncate", fd, CAN_SPACE | CAN_INTERRUPT);                              \
        return e > 0 ? with_errno(e) : real(fd, size);                                             \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, off_type)                                                                   \
    int name(int fd, off_type from, off_type size)                                                 \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_fd("posix_fallocate", fd, CAN_SPACE | CAN_INTERRUPT);                        \
        return e > 0 ? e : real(fd, from, size);                                                   \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

/* The descriptor is gone whatever close answers, as on Linux. */
int close(int fd)
{
    REAL(close);
    int e = fails_fd("close", fd, CAN_SPACE | CAN_INTERRUPT);
    if (fd >= 0 && fd < FILES_MAX) {
        atomic_store_explicit(&file_is_ours[fd], false, memory_order_release);
    }
    int r = real(fd);
    return e > 0 ? with_errno(e) : r;
}

#define MAP(name, off_type)                                                                        \
    void *name(void *p, size_t n, int prot, int flags, int fd, off_type where)                     \
    {                                                                                              \
        REAL(name);                                                                                \
        if ((flags & MAP_ANONYMOUS) == 0 && fails_fd("mmap", fd, 0) > 0) {                         \
            errno = ENOMEM;                                                                        \
            return MAP_FAILED;                                                                     \
        }                                                                                          \
        return real(p, n, prot, flags, fd, where);                                                 \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)

int rename(const char *from, const char *to)
{
    REAL(rename);
    int e = fails_path("rename", to, CAN_SPACE);
    return e > 0 ? with_errno(e) : real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    int e = fails_path("mkdir", path, CAN_SPACE);
    return e > 0 ? with_errno(e) : real(path, mode);
}

int unlink(const char *path)
{
    REAL(unlink);
    int e = fails_path("unlink", path, 0);
    return e > 0 ? with_errno(e) : real(path);
}

#define STAT(name, type)                                                                           \
    int name(const char *restrict path, struct type *restrict out)                                 \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_path("stat", path, 0);                                                       \
        return e > 0 ? with_errno(e) : real(path, out);                                            \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define FSTAT(name, type)                                                                          \
    int name(int fd, struct type *out)                                                             \
    {                                                                                              \
        REAL(name);                                                                                \
        int e = fails_fd("fstat", fd, 0);                                                          \
        return e > 0 ? with_errno(e) : real(fd, out);                                              \
    }
FSTAT(fstat, stat)
FSTAT(fstat64, stat64)

/* --- streams: libc reads and writes them by itself, so ours go over the functions above --- */

static ssize_t stream_read(void *self, char *p, size_t n)
{
    return read((int)(intptr_t)self, p, n);
}

static ssize_t stream_write(void *self, const char *p, size_t n)
{
    ssize_t r = write((int)(intptr_t)self, p, n);
    return r < 0 ? 0 : r; /* as fopencookie wants it */
}

static int stream_seek(void *self, off64_t *where, int whence)
{
    off64_t r = lseek64((int)(intptr_t)self, *where, whence);
    *where = r;
    return r < 0 ? -1 : 0;
}

static int stream_close(void *self)
{
    return close((int)(intptr_t)self);
}

static int flags_of(const char *mode)
{
    int both = strchr(mode, '+') != NULL ? O_RDWR : 0;
    int flags = mode[0] == 'r'   ? (both != 0 ? both : O_RDONLY)
                : mode[0] == 'w' ? (both != 0 ? both : O_WRONLY) | O_CREAT | O_TRUNC
                                 : (both != 0 ? both : O_WRONLY) | O_CREAT | O_APPEND;
    return flags | (strchr(mode, 'e') != NULL ? O_CLOEXEC : 0);
}

static FILE *stream_open(const char *path, const char *mode)
{
    int fd = open(path, flags_of(mode), 0666);
    if (fd < 0) {
        return NULL;
    }
    FILE *f =
        fopencookie((void *)(intptr_t)fd, mode,
                    (cookie_io_functions_t){stream_read, stream_write, stream_seek, stream_close});
    if (f == NULL) {
        close(fd);
    }
    return f;
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    REAL(fopen);
    return is_under(path) ? stream_open(path, mode) : real(path, mode);
}

FILE *fopen64(const char *restrict path, const char *restrict mode)
{
    REAL(fopen64);
    return is_under(path) ? stream_open(path, mode) : real(path, mode);
}

#endif
