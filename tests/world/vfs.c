#include "world/vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

#define REGIONS_MAX 64
#define WRITE_LOCK  0 /* of SQLite's WAL: slot of the writer */

/* What the connections to one database share. */
struct shared {
    uint32_t connections;
    /* the rollback journal's locks, of which WAL uses SHARED and, when the last one closes,
     * EXCLUSIVE */
    uint32_t n_shared;
    const void *reserved, *pending, *exclusive;
    /* shared memory */
    uint32_t n_maps;
    void *region[REGIONS_MAX];
    uint32_t shm_shared[SQLITE_SHM_NLOCK];
    const void *shm_exclusive[SQLITE_SHM_NLOCK];
};

struct file {
    sqlite3_file base;
    struct vfile *f;
    const struct vfs_host *host;
    int level; /* SQLITE_LOCK_* */
    bool mapped, delete_on_close;
    uint32_t shm_shared, shm_exclusive; /* bits of slots that this connection holds */
};

static const struct vfs_host *host_now;
static uint64_t random_state;

static struct file *file_of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

static struct shared *shared_of(struct file *f)
{
    return *vfile_extra(f->f);
}

static bool dead(const struct file *f)
{
    return f->host->dead != NULL && f->host->dead(f->host->self);
}

/* --- bytes --- */

static int x_read(sqlite3_file *base, void *p, int n, sqlite3_int64 at)
{
    int64_t got = vfile_read(file_of(base)->f, p, (size_t)n, (uint64_t)at);
    if (got < 0) {
        return SQLITE_IOERR_READ;
    }
    if (got < n) {
        memset((char *)p + got, 0, (size_t)(n - got));
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int x_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 at)
{
    int64_t put = vfile_write(file_of(base)->f, p, (size_t)n, (uint64_t)at);
    if (put == n) {
        return SQLITE_OK;
    }
    return put == -ENOSPC || put >= 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int x_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return vfile_resize(file_of(base)->f, (uint64_t)size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int x_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    return vfile_sync(file_of(base)->f) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int x_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)vfile_size(file_of(base)->f);
    return SQLITE_OK;
}

/* --- locks --- */

static int x_unlock(sqlite3_file *base, int level)
{
    struct file *f = file_of(base);
    struct shared *s = shared_of(f);
    if (level >= f->level) {
        return SQLITE_OK;
    }
    s->exclusive = s->exclusive == f ? NULL : s->exclusive;
    s->pending = s->pending == f ? NULL : s->pending;
    s->reserved = s->reserved == f ? NULL : s->reserved;
    if (level == SQLITE_LOCK_NONE && f->level >= SQLITE_LOCK_SHARED) {
        s->n_shared--;
    }
    f->level = level;
    return SQLITE_OK;
}

static int x_lock(sqlite3_file *base, int level)
{
    struct file *f = file_of(base);
    struct shared *s = shared_of(f);
    if (level <= f->level) {
        return SQLITE_OK;
    }
    if (dead(f)) {
        return SQLITE_IOERR_LOCK;
    }
    if (f->level == SQLITE_LOCK_NONE) {
        if (s->pending != NULL || s->exclusive != NULL) {
            return SQLITE_BUSY;
        }
        s->n_shared++;
        f->level = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED) {
        if (s->reserved != NULL && s->reserved != f) {
            return SQLITE_BUSY;
        }
        s->reserved = f;
        f->level = level == SQLITE_LOCK_RESERVED ? level : f->level;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        s->pending = f;
        f->level = SQLITE_LOCK_PENDING;
        if (s->n_shared > 1) {
            return SQLITE_BUSY;
        }
        s->exclusive = f;
        f->level = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int x_check_reserved(sqlite3_file *base, int *ret)
{
    *ret = shared_of(file_of(base))->reserved != NULL;
    return SQLITE_OK;
}

static int x_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *base)
{
    (void)base;
    return VDISK_SECTOR;
}

static int x_device(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* nothing outside of what is written is harmed */
}

/* --- shared memory --- */

static int x_shm_map(sqlite3_file *base, int i, int size, int extend, void volatile **ret)
{
    struct file *f = file_of(base);
    struct shared *s = shared_of(f);
    *ret = NULL;
    if (i >= REGIONS_MAX) {
        return SQLITE_IOERR_SHMMAP;
    }
    if (!f->mapped) {
        f->mapped = true;
        s->n_maps++;
    }
    if (s->region[i] == NULL) {
        if (extend == 0) {
            return SQLITE_OK;
        }
        s->region[i] = calloc(1, (size_t)size);
        ensure(s->region[i] != NULL);
    }
    *ret = s->region[i];
    return SQLITE_OK;
}

static void shm_free(struct file *f)
{
    struct shared *s = shared_of(f);
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
        if ((f->shm_shared >> i & 1) != 0) {
            s->shm_shared[i]--;
        }
        if (s->shm_exclusive[i] == f) {
            s->shm_exclusive[i] = NULL;
        }
    }
    f->shm_shared = f->shm_exclusive = 0;
    if (!f->mapped) {
        return;
    }
    f->mapped = false;
    if (--s->n_maps == 0) { /* the last one takes it away, and so does a crash */
        for (int i = 0; i < REGIONS_MAX; i++) {
            free(s->region[i]);
            s->region[i] = NULL;
        }
    }
}

static int x_shm_unmap(sqlite3_file *base, int delete_it)
{
    (void)delete_it;
    shm_free(file_of(base));
    return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static void shm_unlock(struct file *f, struct shared *s, int i, bool exclusive)
{
    uint32_t bit = 1U << i;
    if (exclusive && s->shm_exclusive[i] == f) {
        s->shm_exclusive[i] = NULL;
        f->shm_exclusive &= ~bit;
    } else if (!exclusive && (f->shm_shared & bit) != 0) {
        s->shm_shared[i]--;
        f->shm_shared &= ~bit;
    }
}

static bool shm_free_for(const struct file *f, const struct shared *s, int i, bool exclusive)
{
    bool other = s->shm_exclusive[i] != NULL && s->shm_exclusive[i] != f;
    uint32_t mine = f->shm_shared >> i & 1;
    return !other && (!exclusive || s->shm_shared[i] == mine);
}

static int x_shm_lock(sqlite3_file *base, int from, int n, int flags)
{
    struct file *f = file_of(base);
    struct shared *s = shared_of(f);
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (int i = from; i < from + n; i++) {
            shm_unlock(f, s, i, exclusive);
        }
        return SQLITE_OK;
    }
    if (dead(f)) {
        return SQLITE_IOERR_SHMLOCK;
    }
    bool elsewhere = exclusive && from == WRITE_LOCK && f->host->locked != NULL &&
                     f->host->locked(f->host->self);
    for (int i = from; i < from + n; i++) {
        if (elsewhere || !shm_free_for(f, s, i, exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = from; i < from + n; i++) {
        uint32_t bit = 1U << i;
        if (exclusive) {
            s->shm_exclusive[i] = f;
            f->shm_exclusive |= bit;
        } else if ((f->shm_shared & bit) == 0) {
            s->shm_shared[i]++;
            f->shm_shared |= bit;
        }
    }
    return SQLITE_OK;
}

/* --- files --- */

static int x_close(sqlite3_file *base)
{
    struct file *f = file_of(base);
    char name[VDISK_NAME_MAX];
    x_unlock(base, SQLITE_LOCK_NONE);
    shm_free(f);
    snprintf(name, sizeof name, "%s", vfile_name(f->f));
    vfile_close(f->f);
    if (f->delete_on_close) {
        (void)vdisk_remove(f->host->disk, name);
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    static uint64_t temporary;
    char own[VDISK_NAME_MAX];
    struct file *f = file_of(base);
    (void)vfs;
    memset(f, 0, sizeof *f);
    if (host_now == NULL) {
        return SQLITE_CANTOPEN;
    }
    snprintf(own, sizeof own, "temporary-%llu", (unsigned long long)++temporary);
    bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    if (vfile_open(host_now->disk, name != NULL ? name : own, create, &f->f) != 0) {
        return SQLITE_CANTOPEN;
    }
    if (*vfile_extra(f->f) == NULL) {
        *vfile_extra(f->f) = calloc(1, sizeof(struct shared));
        ensure(*vfile_extra(f->f) != NULL);
    }
    f->host = host_now;
    f->base.pMethods = &methods;
    f->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    (void)sync_dir;
    int rc = vdisk_remove(host_now->disk, name);
    return rc == 0 ? SQLITE_OK : rc == -ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
}

static int x_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    (void)vfs;
    (void)flags;
    *ret = vdisk_exists(host_now->disk, name);
    return SQLITE_OK;
}

static int x_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int x_random(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    for (int i = 0; i < n; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        out[i] = (char)(random_state >> 56);
    }
    return n;
}

static int x_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    if (host_now != NULL && host_now->slept != NULL) {
        host_now->slept(host_now->self, us);
    }
    return us;
}

static int x_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    (void)vfs;
    wall_ns_t wall =
        host_now != NULL && host_now->wall != NULL ? host_now->wall(host_now->self) : 0;
    *ret = INT64_C(210866760000000) + wall / NS_PER_MS; /* ms since noon of 4714 BC */
    return SQLITE_OK;
}

static int x_time(sqlite3_vfs *vfs, double *ret)
{
    sqlite3_int64 ms = 0;
    (void)x_time64(vfs, &ms);
    *ret = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int x_error(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    (void)n;
    (void)out;
    return 0;
}

void vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct file),
        .mxPathname = VDISK_NAME_MAX - 1,
        .zName = VFS_NAME,
        .xOpen = x_open,
        .xDelete = x_delete,
        .xAccess = x_access,
        .xFullPathname = x_full_path,
        .xRandomness = x_random,
        .xSleep = x_sleep,
        .xCurrentTime = x_time,
        .xGetLastError = x_error,
        .xCurrentTimeInt64 = x_time64,
    };
    ensure(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void vfs_use(const struct vfs_host *host)
{
    host_now = host;
    random_state = 1;
    sqlite3_randomness(0, NULL);
}
