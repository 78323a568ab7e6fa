/* mem_disk.c - see mem_disk.h. */
#include "mem_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handle {
    struct mem_disk *disk;
    struct mem_file *file;
};

static bool resize(struct mem_disk *d, struct mem_file *f, size_t n)
{
    size_t others = 0;
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        others += d->file[i].used && &d->file[i] != f ? d->file[i].n : 0;
    }
    if (d->room > 0 && others + n > d->room) {
        return false;
    }
    if (n > f->cap) {
        f->cap = n * 2;
        f->p = realloc(f->p, f->cap);
        if (f->p == NULL) {
            abort();
        }
    }
    if (n > f->n) {
        memset(f->p + f->n, 0, n - f->n);
    }
    f->n = n;
    return true;
}

static int64_t disk_pread(void *self, void *p, size_t n, uint64_t at)
{
    const struct handle *h = self;
    if (h->disk->unreadable >= at && h->disk->unreadable < at + n && h->disk->unreadable != 0) {
        return -EIO;
    }
    size_t k = at >= h->file->n ? 0 : h->file->n - (size_t)at;
    k = k < n ? k : n;
    if (k > 0) {
        memcpy(p, h->file->p + at, k);
    }
    return (int64_t)k;
}

static int64_t disk_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    const struct handle *h = self;
    struct mem_disk *d = h->disk;
    if (d->full) {
        return -ENOSPC;
    }
    size_t k = n;
    if (d->write_fails_at >= 0 && (uint64_t)d->write_fails_at < k) {
        k = (size_t)d->write_fails_at;
        if (k == 0) {
            return -EIO;
        }
    }
    size_t end = h->file->n > at + k ? h->file->n : (size_t)at + k;
    if (!resize(d, h->file, end)) {
        return -ENOSPC;
    }
    memcpy(h->file->p + at, p, k);
    d->write_fails_at -= d->write_fails_at >= 0 ? (int64_t)k : 0;
    return (int64_t)k;
}

static int disk_allocate(void *self, uint64_t size)
{
    const struct handle *h = self;
    return size <= h->file->n || resize(h->disk, h->file, (size_t)size) ? 0 : -ENOSPC;
}

static int disk_sync(void *self)
{
    const struct handle *h = self;
    h->disk->syncs++;
    return h->disk->sync_fails ? -EIO : 0;
}

static void disk_close(void *self)
{
    struct handle *h = self;
    h->file->open = false;
    free(h);
}

static int disk_truncate(void *self, uint64_t size)
{
    const struct handle *h = self;
    if (h->disk->no_truncate) {
        return -EIO;
    }
    return resize(h->disk, h->file, (size_t)size) ? 0 : -ENOSPC;
}

static int disk_release(void *self, uint64_t at, uint64_t n)
{
    const struct handle *h = self;
    if (h->disk->no_holes) {
        return -EOPNOTSUPP;
    }
    memset(h->file->p + at, 0, (size_t)n);
    h->disk->released += n;
    return 0;
}

struct mem_file *mem_disk_find(struct mem_disk *d, const char *path)
{
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        if (d->file[i].used && strcmp(d->file[i].path, path) == 0) {
            return &d->file[i];
        }
    }
    return NULL;
}

size_t mem_disk_count(const struct mem_disk *d)
{
    size_t n = 0;
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        n += d->file[i].used;
    }
    return n;
}

struct mem_file *mem_disk_only(struct mem_disk *d)
{
    struct mem_file *found = NULL;
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        if (d->file[i].used && found != NULL) {
            abort();
        }
        found = d->file[i].used ? &d->file[i] : found;
    }
    return found != NULL ? found : (abort(), NULL);
}

static enum status make_file(struct mem_disk *d, const char *path, struct mem_file **ret)
{
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        struct mem_file *f = &d->file[i];
        if (!f->used) {
            memset(f, 0, sizeof *f);
            f->used = true;
            snprintf(f->path, sizeof f->path, "%s", path);
            *ret = f;
            return ST_OK;
        }
    }
    return ST_IO;
}

static enum status disk_open(void *self, const char *path, enum file_open how, const char *what,
                             struct file_io *ret_io, struct err *err)
{
    struct mem_disk *d = self;
    struct mem_file *f = mem_disk_find(d, path);
    if (f != NULL && how == FILE_NEW) {
        return err_set(err, ST_EXISTS, "%s %s exists", what, path);
    }
    if (f != NULL && f->open) {
        return err_set(err, ST_STATE, "%s %s is in use", what, path);
    }
    if (f == NULL && how == FILE_OPEN) {
        return err_set(err, ST_NOT_FOUND, "%s %s is missing", what, path);
    }
    if (f == NULL && (d->full || make_file(d, path, &f) != ST_OK)) {
        return err_set(err, ST_IO, "%s %s: no space", what, path);
    }
    struct handle *h = malloc(sizeof *h);
    if (h == NULL) {
        abort();
    }
    *h = (struct handle){d, f};
    f->open = true;
    *ret_io = (struct file_io){.self = h,
                               .pread = disk_pread,
                               .pwrite = disk_pwrite,
                               .allocate = disk_allocate,
                               .sync = disk_sync,
                               .close = disk_close,
                               .truncate = disk_truncate,
                               .release = disk_release};
    return ST_OK;
}

static int disk_remove(void *self, const char *path)
{
    struct mem_file *f = mem_disk_find(self, path);
    if (f == NULL) {
        return -ENOENT;
    }
    free(f->p);
    f->p = NULL;
    f->used = false;
    return 0;
}

static enum status disk_list(void *self, const char *folder, file_name_fn fn, void *fn_self,
                             struct err *err)
{
    struct mem_disk *d = self;
    size_t n = strlen(folder);
    (void)err;
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        const struct mem_file *f = &d->file[i];
        if (f->used && strncmp(f->path, folder, n) == 0 && f->path[n] == '/') {
            enum status st = fn(fn_self, f->path + n + 1);
            if (st != ST_OK) {
                return st;
            }
        }
    }
    return ST_OK;
}

void mem_disk_init(struct mem_disk *d)
{
    memset(d, 0, sizeof *d);
    d->write_fails_at = -1;
}

void mem_disk_finish(struct mem_disk *d)
{
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        free(d->file[i].p);
    }
    mem_disk_init(d);
}

void mem_disk_kill(struct mem_disk *d)
{
    for (size_t i = 0; i < MEM_FILES_MAX; i++) {
        d->file[i].open = false;
    }
}

struct file_system mem_disk_files(struct mem_disk *d)
{
    return (struct file_system){
        .self = d, .open = disk_open, .remove = disk_remove, .list = disk_list};
}
