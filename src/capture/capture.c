/*
 * capture.c - lines out of a file, plain or zstd.
 *
 * One buffer holds what was read and not yet handed out, data[head..tail). A line is found in it,
 * or it is moved to the front, the buffer grows (up to the longest line allowed) and more is read.
 * A line over the limit is thrown away while it is read, so that memory stays bounded.
 */
#include "capture/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/line.h"

#define CHUNK   ((size_t)256 << 10) /* what is read at once, and the room made for it */
#define WAIT_MS 100                 /* between two questions whether to go on waiting */

struct capture {
    int fd; /* -1: in memory */
    bool own_fd;
    bool at_end;      /* no more bytes will come */
    enum status last; /* ST_OK, or what every further call answers */
    char *data;       /* in memory: the caller's bytes, never written */
    size_t head, tail, cap;
    size_t line_max;
    uint64_t number; /* lines begun */
    bool dropping;   /* inside a line that is too long */
    struct buf raw;
    ZSTD_DStream *zstd; /* NULL: plain */
    char *packed;       /* compressed bytes, in[0..in.size) */
    ZSTD_inBuffer in;
    bool frame_open;     /* the compressed stream may not end here */
    bool (*asked)(void); /* to stop; NULL: nobody does */
    struct err err;
    char path[256];
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static enum status open_file(struct capture *c, const char *path, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        c->fd = STDIN_FILENO;
        return ST_OK;
    }
    c->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0) {
        int e = errno;
        enum status st = e == ENOENT ? ST_NOT_FOUND : e == EACCES ? ST_DENIED : ST_IO;
        return err_set(err, st, "%s: %s", path, strerror(e));
    }
    c->own_fd = true;
    return ST_OK;
}

static enum status open_zstd(struct capture *c)
{
    c->zstd = ZSTD_createDStream();
    c->packed = malloc(CHUNK);
    if (c->zstd == NULL || c->packed == NULL) {
        return ST_NOMEM;
    }
    c->in.src = c->packed;
    return ST_OK;
}

enum status capture_open(const char *path, size_t line_max, struct capture **ret, struct err *err)
{
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    c->fd = -1;
    c->line_max = line_max != 0 ? line_max : CAPTURE_LINE_MAX;
    buf_init(&c->raw, c->line_max);
    size_t n = strlen(path);
    const char *tail = n < sizeof c->path ? path : path + n - (sizeof c->path - 1);
    memcpy(c->path, tail, strlen(tail) + 1);
    enum status st = open_file(c, path, err);
    if (st == ST_OK && ends_with(path, ".zst") && open_zstd(c) != ST_OK) {
        st = err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    if (st != ST_OK) {
        capture_close(c);
        return st;
    }
    *ret = c;
    return ST_OK;
}

enum status capture_open_mem(struct text bytes, size_t line_max, struct capture **ret)
{
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return ST_NOMEM;
    }
    c->fd = -1;
    c->at_end = true;
    c->line_max = line_max != 0 ? line_max : CAPTURE_LINE_MAX;
    buf_init(&c->raw, c->line_max);
    c->data = (char *)(uintptr_t)bytes.p;
    c->tail = bytes.n;
    *ret = c;
    return ST_OK;
}

void capture_close(struct capture *c)
{
    if (c == NULL) {
        return;
    }
    if (c->cap > 0) {
        free(c->data);
    }
    if (c->own_fd) {
        close(c->fd);
    }
    ZSTD_freeDStream(c->zstd);
    free(c->packed);
    buf_finish(&c->raw);
    free(c);
}

const char *capture_error(const struct capture *c)
{
    return c->err.text;
}

void capture_stop_when(struct capture *c, bool (*asked)(void))
{
    c->asked = asked;
}

/* There is something to read, or an end. False: told to stop. */
static bool wait_readable(const struct capture *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    while (!c->asked()) {
        int n = poll(&p, 1, WAIT_MS);
        if (n > 0 || (n < 0 && errno != EINTR)) {
            return true; /* read() says what is wrong */
        }
    }
    return false;
}

/* Up to cap bytes into p; 0 bytes at the end of the file. */
static enum status read_some(struct capture *c, char *p, size_t cap, size_t *ret_n)
{
    for (;;) {
        if (c->asked != NULL && !wait_readable(c)) {
            return ST_CLOSED;
        }
        ssize_t n = read(c->fd, p, cap);
        if (n >= 0) {
            *ret_n = (size_t)n;
            return ST_OK;
        }
        if (errno != EINTR) {
            return err_set(&c->err, ST_IO, "%s: %s", c->path, strerror(errno));
        }
    }
}

static enum status read_zstd(struct capture *c, char *p, size_t cap, size_t *ret_n)
{
    ZSTD_outBuffer out = {p, cap, 0};
    while (out.pos == 0) {
        if (c->in.pos == c->in.size) {
            size_t n = 0;
            enum status st = read_some(c, c->packed, CHUNK, &n);
            if (st != ST_OK) {
                return st;
            }
            if (n == 0 && c->frame_open) {
                return err_set(&c->err, ST_IO, "%s: the zstd stream ends too soon", c->path);
            }
            if (n == 0) {
                break;
            }
            c->in.size = n;
            c->in.pos = 0;
        }
        size_t hint = ZSTD_decompressStream(c->zstd, &out, &c->in);
        if (ZSTD_isError(hint)) {
            return err_set(&c->err, ST_IO, "%s: zstd: %s", c->path, ZSTD_getErrorName(hint));
        }
        c->frame_open = hint != 0;
    }
    *ret_n = out.pos;
    return ST_OK;
}

/* Read more behind tail, making room first. */
static enum status fill(struct capture *c)
{
    if (c->head > 0) {
        memmove(c->data, c->data + c->head, c->tail - c->head);
        c->tail -= c->head;
        c->head = 0;
    }
    if (c->cap - c->tail < CHUNK) {
        size_t cap = c->cap * 2 > c->tail + CHUNK ? c->cap * 2 : c->tail + CHUNK;
        char *p = realloc(c->data, cap);
        if (p == NULL) {
            return err_set(&c->err, ST_NOMEM, "%s: out of memory", c->path);
        }
        c->data = p;
        c->cap = cap;
    }
    size_t n = 0;
    enum status st = c->zstd != NULL ? read_zstd(c, c->data + c->tail, CHUNK, &n)
                                     : read_some(c, c->data + c->tail, CHUNK, &n);
    c->tail += n;
    c->at_end = st == ST_OK && n == 0;
    return st;
}

/* The next line without its line break. ST_LIMIT: too long, the text is its beginning. */
static enum status next_line(struct capture *c, struct text *ret)
{
    size_t looked = 0; /* bytes from head on that hold no line break */
    for (;;) {
        const char *from = c->tail > c->head ? c->data + c->head : "";
        size_t have = c->tail - c->head;
        const char *nl = memchr(from + looked, '\n', have - looked);
        size_t n = nl != NULL ? (size_t)(nl - from) : have;
        bool whole = nl != NULL || c->at_end;
        if (n > c->line_max || c->dropping) {
            c->dropping = !whole;
            c->head += nl != NULL ? n + 1 : n;
            looked = 0;
            if (whole) {
                *ret = (struct text){from, n < 64 ? n : 64};
                return ST_LIMIT;
            }
        } else if (whole) {
            if (nl == NULL && n == 0) {
                return ST_END;
            }
            c->head += nl != NULL ? n + 1 : n;
            *ret = (struct text){from, n};
            return ST_OK;
        } else {
            looked = have;
        }
        enum status st = fill(c);
        if (st != ST_OK) {
            return st;
        }
    }
}

static bool blank(struct text t)
{
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] != ' ' && t.p[i] != '\t' && t.p[i] != '\r') {
            return false;
        }
    }
    return true;
}

enum status capture_next(struct capture *c, struct capture_line *ret)
{
    while (c->last == ST_OK) {
        struct text line;
        enum status st = next_line(c, &line);
        if (st != ST_OK && st != ST_LIMIT) {
            c->last = st;
            break;
        }
        c->number++;
        if (st == ST_LIMIT) {
            *ret = (struct capture_line){
                .number = c->number, .msg = line, .fault = "longer than the limit for a line"};
            return ST_MALFORMED;
        }
        if (blank(line)) {
            continue;
        }
        st = capture_line_read(line, &c->raw, ret);
        ret->number = c->number;
        if (st == ST_NOMEM) {
            c->last = err_set(&c->err, st, "%s: out of memory", c->path);
        }
        return st;
    }
    return c->last;
}
