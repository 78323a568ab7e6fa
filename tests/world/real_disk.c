/*
 * real_disk.c - the disks of the order journal and of the database, and how they fail.
 *
 * A process that is killed loses nothing that it wrote, but may die in the middle of a write. When
 * power goes, every disk also loses what was not synced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "world/real_int.h"

/* Inside a fault that lasts: does this operation fail? Counted when it does. */
static bool strikes(struct real *r, enum real_fault kind, uint32_t per_cent)
{
    if (!real_lasts(r, kind) || rng_below(&r->disk_rng, 100) >= per_cent) {
        return false;
    }
    r->happened[kind]++;
    return true;
}

/* The process may die in any write: a part of it is there. */
static enum vdisk_fate step(struct real *r, enum vdisk_op op, size_t n, size_t *part)
{
    bool write = op == VDISK_WRITE || op == VDISK_GROW;
    if (r->dying) {
        return VDISK_ERROR;
    }
    if (op == VDISK_READ || op == VDISK_OPEN || real_step(r)) {
        return VDISK_OK;
    }
    if (!write || n == 0) {
        return VDISK_ERROR;
    }
    *part = (size_t)rng_below(&r->disk_rng, n + 1);
    r->count[REAL_TORN] += *part > 0 && *part < n;
    return VDISK_SHORT;
}

/* The world goes on, and the store's rings and memory are emptied, until the fault or the process
 * is over. */
static enum vdisk_fate hang(struct real *r)
{
    real_trace(r, "the database's disk hangs");
    do {
        aside_stop(r->aside);
        if (!r->dying) {
            store_meanwhile(r);
        }
    } while (real_lasts(r, FAULT_DB_HANG) && !r->dying);
    real_trace(r, "the database's disk is back");
    return r->dying ? VDISK_ERROR : VDISK_OK;
}

static enum vdisk_fate ask_db(void *self, const char *name, enum vdisk_op op, size_t n,
                              size_t *part)
{
    struct real *r = self;
    (void)name;
    if (r->own_disk_use) {
        return VDISK_OK;
    }
    enum vdisk_fate fate = step(r, op, n, part);
    if (fate != VDISK_OK) {
        return fate;
    }
    if (op != VDISK_READ && strikes(r, FAULT_DB_SLOW, 30)) {
        r->disk_ns += (mono_ns_t)rng_below(&r->disk_rng, 120) * NS_PER_MS;
    }
    if (aside_inside(r->aside) && op != VDISK_OPEN && strikes(r, FAULT_DB_HANG, 20)) {
        fate = hang(r);
        if (fate != VDISK_OK) {
            return fate;
        }
    }
    if (strikes(r, FAULT_DB_ERROR, op == VDISK_READ ? 5 : 30)) {
        return VDISK_ERROR;
    }
    if (op == VDISK_GROW && strikes(r, FAULT_DB_FULL, 100)) {
        return VDISK_FULL;
    }
    bool write = op == VDISK_WRITE || op == VDISK_GROW;
    if (write && n > 0 && strikes(r, FAULT_DB_SHORT, 20)) {
        *part = (size_t)rng_below(&r->disk_rng, n);
        return VDISK_SHORT;
    }
    return VDISK_OK;
}

static enum vdisk_fate ask_journal(void *self, const char *name, enum vdisk_op op, size_t n,
                                   size_t *part)
{
    struct real *r = self;
    (void)name;
    if (r->own_disk_use) {
        return VDISK_OK;
    }
    enum vdisk_fate fate = step(r, op, n, part);
    if (fate != VDISK_OK) {
        return fate;
    }
    if (strikes(r, FAULT_JOURNAL_ERROR, 50)) {
        return VDISK_ERROR;
    }
    return op == VDISK_GROW && strikes(r, FAULT_JOURNAL_FULL, 100) ? VDISK_FULL : VDISK_OK;
}

static enum vdisk_fate ask_spill(void *self, const char *name, enum vdisk_op op, size_t n,
                                 size_t *part)
{
    struct real *r = self;
    (void)name;
    if (r->own_disk_use) {
        return VDISK_OK;
    }
    enum vdisk_fate fate = step(r, op, n, part);
    if (fate != VDISK_OK) {
        return fate;
    }
    if (strikes(r, FAULT_SPILL_ERROR, op == VDISK_READ ? 3 : 40)) {
        return VDISK_ERROR;
    }
    return op == VDISK_GROW && strikes(r, FAULT_SPILL_FULL, 100) ? VDISK_FULL : VDISK_OK;
}

/* --- files of the journal and of what the store spills --- */

static int64_t io_pread(void *self, void *p, size_t n, uint64_t at)
{
    return vfile_read(self, p, n, at);
}

static int64_t io_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    return vfile_write(self, p, n, at);
}

static int io_allocate(void *self, uint64_t size)
{
    struct vfile *f = self;
    return size > vfile_size(f) ? vfile_resize(f, size) : 0;
}

static int io_sync(void *self)
{
    return vfile_sync(self);
}

static void io_close(void *self)
{
    vfile_close(self);
}

static int io_truncate(void *self, uint64_t size)
{
    return vfile_resize(self, size);
}

static int io_release(void *self, uint64_t at, uint64_t n)
{
    return vfile_punch(self, at, n);
}

static struct file_io io_of(struct vfile *f)
{
    return (struct file_io){.self = f,
                            .pread = io_pread,
                            .pwrite = io_pwrite,
                            .allocate = io_allocate,
                            .sync = io_sync,
                            .close = io_close,
                            .truncate = io_truncate,
                            .release = io_release};
}

enum status disk_journal(struct real *r, struct file_io *ret)
{
    struct vfile *f = NULL;
    if (vfile_open(&r->journal_disk, "journal", true, &f) != 0) {
        return ST_IO;
    }
    *ret = io_of(f);
    return ST_OK;
}

/* Names on the spill files' disk are without their folder. */
static const char *bare(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static enum status files_open(void *self, const char *path, enum file_open how, const char *what,
                              struct file_io *ret_io, struct err *err)
{
    struct real *r = self;
    struct vfile *f = NULL;
    const char *name = bare(path);
    bool there = vdisk_exists(&r->spill_disk, name);
    if (how == FILE_NEW && there) {
        return err_set(err, ST_EXISTS, "%s %s is there", what, path);
    }
    if (how == FILE_OPEN && !there) {
        return err_set(err, ST_NOT_FOUND, "%s %s is not there", what, path);
    }
    if (vfile_is_open(&r->spill_disk, name)) {
        return err_set(err, ST_STATE, "%s %s is held", what, path);
    }
    if (vfile_open(&r->spill_disk, name, true, &f) != 0) {
        return err_set(err, ST_IO, "%s %s cannot be opened", what, path);
    }
    *ret_io = io_of(f);
    return ST_OK;
}

static int files_remove(void *self, const char *path)
{
    return vdisk_remove(&((struct real *)self)->spill_disk, bare(path));
}

struct names {
    char v[64][VDISK_NAME_MAX];
    int n;
};

static int take_name(void *self, const char *name)
{
    struct names *k = self;
    ensure(k->n < 64);
    snprintf(k->v[k->n++], VDISK_NAME_MAX, "%s", name);
    return 0;
}

static enum status files_list(void *self, const char *folder, file_name_fn fn, void *fn_self,
                              struct err *err)
{
    struct real *r = self;
    struct names k = {.n = 0};
    enum status st = ST_OK;
    size_t part = 0;
    if (ask_spill(r, folder, VDISK_READ, 0, &part) != VDISK_OK) {
        return err_set(err, ST_IO, "%s cannot be read", folder);
    }
    (void)vdisk_list(&r->spill_disk, take_name, &k);
    for (int i = 0; i < k.n && st == ST_OK; i++) {
        st = fn(fn_self, k.v[i]);
    }
    return st;
}

static enum status count_waiting(void *self, const struct spill_file *file)
{
    *(int *)self += file->state == SPILL_FILE_WAITS;
    return ST_OK;
}

void disk_waiting(struct real *r, spill_file_fn fn, void *self)
{
    struct err err = {0};
    bool was = r->own_disk_use;
    r->own_disk_use = true;
    enum status st = spill_list(&r->files, "spill", false, fn, self, &err);
    r->own_disk_use = was;
    ensure(st == ST_OK);
}

bool disk_spilled(struct real *r)
{
    int n = 0;
    disk_waiting(r, count_waiting, &n);
    return n > 0;
}

/* --- SQLite's --- */

static bool db_locked(void *self)
{
    struct real *r = self;
    return !r->own_disk_use && strikes(r, FAULT_DB_LOCKED, 100);
}

static void db_slept(void *self, int us)
{
    struct real *r = self;
    r->disk_ns += (mono_ns_t)us * NS_PER_US;
}

static wall_ns_t db_wall(void *self)
{
    return ((struct real *)self)->wall;
}

static bool db_dead(void *self)
{
    const struct real *r = self;
    return r->dying && !r->own_disk_use;
}

void disk_init(struct real *r)
{
    rng_init(&r->disk_rng, r->config.seed ^ 0xd15c);
    r->journal_disk = (struct vdisk){.ask = ask_journal, .self = r};
    r->db_disk = (struct vdisk){.ask = ask_db, .self = r};
    r->spill_disk = (struct vdisk){.ask = ask_spill, .self = r};
    r->files = (struct file_system){r, files_open, files_remove, files_list};
    r->host = (struct vfs_host){.disk = &r->db_disk,
                                .self = r,
                                .locked = db_locked,
                                .slept = db_slept,
                                .wall = db_wall,
                                .dead = db_dead};
}

void disk_finish(struct real *r)
{
    vdisk_finish(&r->journal_disk);
    vdisk_finish(&r->db_disk);
    vdisk_finish(&r->spill_disk);
}
