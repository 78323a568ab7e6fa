/* hang_vfs.c - see hang_vfs.h. */
#include "hang_vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct hang_file {
    sqlite3_file base; /* first: SQLite is given this */
    int flags;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *real_vfs;
static _Atomic int hanging; /* enum hang_op */
static _Atomic int hit;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct hang_file *)file)->real;
}

static void may_hang(enum hang_op op)
{
    if (atomic_load(&hanging) != (int)op) {
        return;
    }
    atomic_fetch_add(&hit, 1);
    while (atomic_load(&hanging) == (int)op) {
        usleep(500);
    }
    atomic_fetch_sub(&hit, 1);
}

void hang_begin(enum hang_op op)
{
    atomic_store(&hanging, (int)op);
}

void hang_end(void)
{
    atomic_store(&hanging, HANG_NONE);
}

bool hang_hit(void)
{
    return atomic_load(&hit) > 0;
}

void hang_wait(void)
{
    for (int i = 0; i < 600000 && !hang_hit(); i++) {
        usleep(1000);
    }
    assert_true(hang_hit());
}

/* --- a file --- */

static int file_close(sqlite3_file *file)
{
    const struct hang_file *f = (const struct hang_file *)file;
    if ((f->flags & SQLITE_OPEN_MAIN_DB) != 0) {
        may_hang(HANG_CLOSE);
    }
    return f->real->pMethods->xClose(f->real);
}

static int file_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), p, n, at);
}

static int file_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    if ((((const struct hang_file *)file)->flags & SQLITE_OPEN_WAL) != 0) {
        may_hang(HANG_WRITE);
    }
    return real_of(file)->pMethods->xWrite(real_of(file), p, n, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    may_hang(HANG_SYNC);
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret);
}

static int file_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int file_reserved(sqlite3_file *file, int *ret)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    if (op == SQLITE_FCNTL_HAS_MOVED) {
        may_hang(HANG_STAT);
    }
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    struct hang_file *f = (struct hang_file *)file;
    f->flags = flags;
    f->real = (sqlite3_file *)(f + 1);
    int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out);
    f->base.pMethods = f->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

void hang_register(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs; /* its other functions look at nothing of their own */
    vfs.zName = HANG_VFS;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct hang_file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    assert_int_equal(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
}
