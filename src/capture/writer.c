#include "capture/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "wire/scan.h"

#define OUT_SIZE ((size_t)256 << 10)

struct capture_writer {
    int fd;
    bool own_fd;
    enum status last; /* the first failure */
    ZSTD_CCtx *zstd;  /* NULL: plain */
    char *out;        /* bytes for the file, out[0..n) */
    size_t n;
    int err_no;
    char path[256];
};

static void writer_free(struct capture_writer *w)
{
    if (w->own_fd && w->fd >= 0) {
        close(w->fd);
    }
    ZSTD_freeCCtx(w->zstd);
    free(w->out);
    free(w);
}

enum status capture_create(const char *path, struct capture_writer **ret, struct err *err)
{
    struct capture_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    size_t len = strlen(path);
    bool packed = len >= 4 && strcmp(path + len - 4, ".zst") == 0;
    snprintf(w->path, sizeof w->path, "%s", path);
    w->out = malloc(OUT_SIZE);
    w->zstd = packed ? ZSTD_createCCtx() : NULL;
    if (w->out == NULL || (packed && w->zstd == NULL)) {
        writer_free(w);
        return err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    w->own_fd = strcmp(path, "-") != 0;
    w->fd = w->own_fd ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (w->fd < 0) {
        int e = errno;
        writer_free(w);
        return err_set(err, e == EACCES ? ST_DENIED : ST_IO, "%s: %s", path, strerror(e));
    }
    *ret = w;
    return ST_OK;
}

static void flush(struct capture_writer *w)
{
    size_t at = 0;
    while (w->last == ST_OK && at < w->n) {
        ssize_t n = write(w->fd, w->out + at, w->n - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            w->err_no = errno;
            w->last = ST_IO;
        }
    }
    w->n = 0;
}

static void put_plain(struct capture_writer *w, const char *p, size_t n)
{
    while (n > 0 && w->last == ST_OK) {
        size_t k = n < OUT_SIZE - w->n ? n : OUT_SIZE - w->n;
        memcpy(w->out + w->n, p, k);
        w->n += k;
        p += k;
        n -= k;
        if (w->n == OUT_SIZE) {
            flush(w);
        }
    }
}

static void put_zstd(struct capture_writer *w, const char *p, size_t n, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {p, n, 0};
    size_t left = 1;
    while (w->last == ST_OK && (in.pos < in.size || (end == ZSTD_e_end && left != 0))) {
        if (w->n == OUT_SIZE) {
            flush(w);
        }
        ZSTD_outBuffer out = {w->out, OUT_SIZE, w->n};
        left = ZSTD_compressStream2(w->zstd, &out, &in, end);
        w->n = out.pos;
        if (ZSTD_isError(left)) {
            w->last = ST_IO;
        }
    }
}

static void put(struct capture_writer *w, const char *p, size_t n)
{
    if (w->zstd != NULL) {
        put_zstd(w, p, n, ZSTD_e_continue);
    } else {
        put_plain(w, p, n);
    }
}

enum status capture_write(struct capture_writer *w, struct text msg, wall_ns_t recv)
{
    struct scan s = {.end = msg.p + msg.n};
    const char *from = scan_space(&s, msg.p);
    const char *to = from < s.end && *from == '{' ? scan_value(&s, from) : NULL;
    if (to == NULL || scan_space(&s, to) != s.end ||
        memchr(from, '\n', (size_t)(to - from)) != NULL) {
        return ST_INVALID;
    }
    if (recv != 0) {
        char head[48];
        int n = snprintf(head, sizeof head,
                         "{\"recv_ms\":%lld,\"event\":", (long long)(recv / NS_PER_MS));
        put(w, head, (size_t)n);
    }
    put(w, from, (size_t)(to - from));
    put(w, recv != 0 ? "}\n" : "\n", recv != 0 ? 2 : 1);
    return w->last;
}

enum status capture_finish(struct capture_writer *w, struct err *err)
{
    if (w == NULL) {
        return ST_OK;
    }
    if (w->zstd != NULL) {
        put_zstd(w, "", 0, ZSTD_e_end);
    }
    flush(w);
    if (w->own_fd) {
        int fd = w->fd;
        w->fd = -1;
        if (close(fd) != 0 && w->last == ST_OK) {
            w->last = ST_IO;
            w->err_no = errno;
        }
    }
    enum status st = w->last;
    if (st != ST_OK) {
        (void)err_set(err, st, "%s: %s", w->path,
                      w->err_no != 0 ? strerror(w->err_no) : "compression failed");
    }
    writer_free(w);
    return st;
}
