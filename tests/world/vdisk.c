#include "world/vdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

struct bytes {
    uint8_t *p;
    size_t n, cap;
};

struct vfile {
    struct vdisk *disk;
    struct vfile *next;
    char name[VDISK_NAME_MAX];
    bool linked; /* it has a name */
    uint32_t open;
    struct bytes now, durable;
    uint8_t *dirty; /* one for each sector of now that was written since the last sync */
    size_t dirty_cap;
    void *extra;
};

static enum vdisk_fate ask(const struct vdisk *d, const char *name, enum vdisk_op op, size_t n,
                           size_t *part)
{
    return d->ask == NULL ? VDISK_OK : d->ask(d->self, name, op, n, part);
}

static int fate_errno(enum vdisk_fate fate)
{
    return fate == VDISK_OK ? 0 : fate == VDISK_FULL ? -ENOSPC : -EIO;
}

/* --- bytes --- */

static void bytes_resize(struct bytes *b, size_t n)
{
    if (n > b->cap) {
        size_t cap = b->cap == 0 ? 65536 : b->cap;
        while (cap < n) {
            cap *= 2;
        }
        b->p = realloc(b->p, cap);
        ensure(b->p != NULL);
        b->cap = cap;
    }
    if (n > b->n) {
        memset(b->p + b->n, 0, n - b->n);
    }
    b->n = n;
}

static void mark_dirty(struct vfile *f, size_t from, size_t to)
{
    size_t last = (to + VDISK_SECTOR - 1) / VDISK_SECTOR;
    if (last > f->dirty_cap) {
        size_t cap = f->dirty_cap == 0 ? 256 : f->dirty_cap;
        while (cap < last) {
            cap *= 2;
        }
        f->dirty = realloc(f->dirty, cap);
        ensure(f->dirty != NULL);
        memset(f->dirty + f->dirty_cap, 0, cap - f->dirty_cap);
        f->dirty_cap = cap;
    }
    if (to > from) {
        memset(f->dirty + from / VDISK_SECTOR, 1, last - from / VDISK_SECTOR);
    }
}

/* --- the disk --- */

static void file_free(struct vfile *f)
{
    free(f->now.p);
    free(f->durable.p);
    free(f->dirty);
    free(f->extra);
    free(f);
}

static struct vfile *find(const struct vdisk *d, const char *name)
{
    for (struct vfile *f = d->files; f != NULL; f = f->next) {
        if (f->linked && strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* Files without a name that nobody has open. */
static void sweep(struct vdisk *d)
{
    struct vfile **at = &d->files;
    while (*at != NULL) {
        struct vfile *f = *at;
        if (!f->linked && f->open == 0) {
            *at = f->next;
            file_free(f);
        } else {
            at = &f->next;
        }
    }
}

static struct vfile *file_new(struct vdisk *d, const char *name)
{
    struct vfile *f = calloc(1, sizeof *f);
    ensure(f != NULL);
    int n = snprintf(f->name, sizeof f->name, "%s", name);
    ensure(n > 0 && (size_t)n < sizeof f->name);
    f->disk = d;
    f->linked = true;
    f->next = d->files;
    d->files = f;
    return f;
}

void vdisk_finish(struct vdisk *d)
{
    while (d->files != NULL) {
        struct vfile *f = d->files;
        d->files = f->next;
        file_free(f);
    }
}

void vdisk_copy(struct vdisk *d, const struct vdisk *from, const char *name)
{
    const struct vfile *f = find(from, name);
    ensure(f != NULL && find(d, name) == NULL);
    struct vfile *to = file_new(d, name);
    bytes_resize(&to->now, f->now.n);
    bytes_resize(&to->durable, f->now.n);
    if (f->now.n > 0) {
        memcpy(to->now.p, f->now.p, f->now.n);
        memcpy(to->durable.p, f->now.p, f->now.n);
    }
    mark_dirty(to, 0, 0);
}

bool vdisk_exists(const struct vdisk *d, const char *name)
{
    return find(d, name) != NULL;
}

int vdisk_remove(struct vdisk *d, const char *name)
{
    struct vfile *f = find(d, name);
    size_t part = 0;
    if (f == NULL) {
        return -ENOENT;
    }
    int rc = fate_errno(ask(d, name, VDISK_REMOVE, 0, &part));
    if (rc == 0) {
        f->linked = false;
        sweep(d);
    }
    return rc;
}

int vdisk_list(const struct vdisk *d, int (*fn)(void *self, const char *name), void *self)
{
    int rc = 0;
    for (const struct vfile *f = d->files; f != NULL && rc == 0; f = f->next) {
        rc = f->linked ? fn(self, f->name) : 0;
    }
    return rc;
}

size_t vdisk_used(const struct vdisk *d)
{
    size_t n = 0;
    for (const struct vfile *f = d->files; f != NULL; f = f->next) {
        n += f->now.n;
    }
    return n;
}

static void lose_power(struct vfile *f, struct rng *rng)
{
    uint64_t kept = rng_below(rng, 3); /* all, some or none of the sectors */
    size_t n = f->now.n;
    if (f->now.n != f->durable.n && kept != 0) {
        n = kept == 2 || rng_below(rng, 2) == 0 ? f->durable.n : f->now.n;
    }
    bytes_resize(&f->durable, n > f->durable.n ? n : f->durable.n);
    for (size_t s = 0; s < f->dirty_cap && s * VDISK_SECTOR < n; s++) {
        size_t at = s * VDISK_SECTOR;
        size_t len = n - at < VDISK_SECTOR ? n - at : VDISK_SECTOR;
        bool there = kept == 0 || (kept == 1 && rng_below(rng, 2) == 0);
        if (f->dirty[s] != 0 && there && at + len <= f->now.n) {
            memcpy(f->durable.p + at, f->now.p + at, len);
        }
    }
    bytes_resize(&f->durable, n);
    bytes_resize(&f->now, n);
    if (n > 0) {
        memcpy(f->now.p, f->durable.p, n);
    }
    if (f->dirty_cap > 0) {
        memset(f->dirty, 0, f->dirty_cap);
    }
}

void vdisk_power_loss(struct vdisk *d, struct rng *rng)
{
    sweep(d);
    for (struct vfile *f = d->files; f != NULL; f = f->next) {
        ensure(f->open == 0);
        lose_power(f, rng);
    }
}

/* --- a file --- */

int vfile_open(struct vdisk *d, const char *name, bool create, struct vfile **ret)
{
    struct vfile *f = find(d, name);
    size_t part = 0;
    int rc = fate_errno(ask(d, name, VDISK_OPEN, 0, &part));
    if (rc != 0) {
        return rc;
    }
    if (f == NULL && !create) {
        return -ENOENT;
    }
    f = f == NULL ? file_new(d, name) : f;
    f->open++;
    *ret = f;
    return 0;
}

void vfile_close(struct vfile *f)
{
    ensure(f->open > 0);
    f->open--;
    sweep(f->disk);
}

int64_t vfile_read(struct vfile *f, void *p, size_t n, uint64_t at)
{
    size_t part = 0;
    int rc = fate_errno(ask(f->disk, f->name, VDISK_READ, n, &part));
    if (rc != 0) {
        return rc;
    }
    size_t k = at >= f->now.n ? 0 : f->now.n - (size_t)at;
    k = k < n ? k : n;
    if (k > 0) {
        memcpy(p, f->now.p + at, k);
    }
    return (int64_t)k;
}

int64_t vfile_write(struct vfile *f, const void *p, size_t n, uint64_t at)
{
    size_t part = 0;
    bool grows = at + n > f->now.n;
    enum vdisk_fate fate = ask(f->disk, f->name, grows ? VDISK_GROW : VDISK_WRITE, n, &part);
    if (fate == VDISK_ERROR || fate == VDISK_FULL) {
        return fate_errno(fate);
    }
    size_t k = fate == VDISK_SHORT ? part : n;
    ensure(k <= n);
    if (k > 0) {
        bytes_resize(&f->now, at + k > f->now.n ? at + k : f->now.n);
        memcpy(f->now.p + at, p, k);
        mark_dirty(f, (size_t)at, (size_t)at + k);
    }
    return (int64_t)k;
}

int vfile_resize(struct vfile *f, uint64_t size)
{
    size_t part = 0;
    bool grows = size > f->now.n;
    enum vdisk_fate fate = ask(f->disk, f->name, grows ? VDISK_GROW : VDISK_WRITE, 0, &part);
    if (fate == VDISK_ERROR || fate == VDISK_FULL) {
        return fate_errno(fate);
    }
    size_t before = f->now.n;
    bytes_resize(&f->now, (size_t)size);
    mark_dirty(f, before < size ? before : (size_t)size, before < size ? (size_t)size : before);
    return 0;
}

int vfile_punch(struct vfile *f, uint64_t at, uint64_t n)
{
    size_t part = 0;
    int rc = fate_errno(ask(f->disk, f->name, VDISK_WRITE, 0, &part));
    size_t from = at < f->now.n ? (size_t)at : f->now.n;
    size_t to = at + n < f->now.n ? (size_t)(at + n) : f->now.n;
    if (rc == 0 && to > from) {
        memset(f->now.p + from, 0, to - from);
        mark_dirty(f, from, to);
    }
    return rc;
}

bool vfile_is_open(const struct vdisk *d, const char *name)
{
    const struct vfile *f = find(d, name);
    return f != NULL && f->open > 0;
}

int vfile_sync(struct vfile *f)
{
    size_t part = 0;
    int rc = fate_errno(ask(f->disk, f->name, VDISK_SYNC, 0, &part));
    if (rc != 0) {
        return rc; /* what was written may or may not be durable: as if it were not */
    }
    bytes_resize(&f->durable, f->now.n);
    for (size_t s = 0; s < f->dirty_cap; s++) {
        size_t at = s * VDISK_SECTOR;
        if (f->dirty[s] != 0 && at < f->now.n) {
            size_t len = f->now.n - at < VDISK_SECTOR ? f->now.n - at : VDISK_SECTOR;
            memcpy(f->durable.p + at, f->now.p + at, len);
        }
    }
    if (f->dirty_cap > 0) {
        memset(f->dirty, 0, f->dirty_cap);
    }
    return 0;
}

uint64_t vfile_size(const struct vfile *f)
{
    return f->now.n;
}

const char *vfile_name(const struct vfile *f)
{
    return f->name;
}

void **vfile_extra(struct vfile *f)
{
    return &f->extra;
}
