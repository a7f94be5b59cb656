/* tests/engine/sick_vfs.c - a VFS that stands in front of the usual one. */
#include "sick_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"

typedef struct sick_file {
    sqlite3_file base;
    bool is_sick;
    ino_t inode;
    sqlite3_file *real; /* stands behind this */
} sick_file;

static sqlite3_vfs *real_vfs;
static const char *sick_name;
static _Atomic int calls;
static _Atomic int fail_from;
static _Atomic int fail_times;
static _Atomic int fail_code;
static _Atomic ino_t unreadable; /* 0: none */

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((sick_file *)(void *)file)->real;
}

static int next_call(sqlite3_file *file)
{
    if (!((sick_file *)(void *)file)->is_sick || fail_times == 0) {
        return SQLITE_OK;
    }
    int call = atomic_fetch_add(&calls, 1) + 1;
    return call >= fail_from && call - fail_from < fail_times ? fail_code : SQLITE_OK;
}

static int on_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int on_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    if (unreadable != 0 && ((sick_file *)(void *)file)->inode == unreadable) {
        return SQLITE_IOERR_READ;
    }
    return real_of(file)->pMethods->xRead(real_of(file), to, size, at);
}

static int on_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int code = next_call(file);
    if (code != SQLITE_OK) {
        /* A part of it may have got there. */
        (void)real_of(file)->pMethods->xWrite(real_of(file), from, size / 2, at);
        return code;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), from, size, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = next_call(file);
    return code != SQLITE_OK ? code : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    int code = next_call(file);
    return code == SQLITE_OK     ? real_of(file)->pMethods->xSync(real_of(file), flags)
           : code == SQLITE_FULL ? SQLITE_IOERR_FSYNC
                                 : code;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int on_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int on_check_lock(sqlite3_file *file, int *result)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int on_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int on_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int on_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int on_shm_unmap(sqlite3_file *file, int removes)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), removes);
}

static ino_t inode_of(const char *path)
{
    struct stat status;
    return path != NULL && stat(path, &status) == 0 ? status.st_ino : 0;
}

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *flags_out)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = on_close,
        .xRead = on_read,
        .xWrite = on_write,
        .xTruncate = on_truncate,
        .xSync = on_sync,
        .xFileSize = on_size,
        .xLock = on_lock,
        .xUnlock = on_unlock,
        .xCheckReservedLock = on_check_lock,
        .xFileControl = on_control,
        .xSectorSize = on_sector,
        .xDeviceCharacteristics = on_traits,
        .xShmMap = on_shm_map,
        .xShmLock = on_shm_lock,
        .xShmBarrier = on_shm_barrier,
        .xShmUnmap = on_shm_unmap,
    };
    (void)vfs;
    sick_file *mine = (sick_file *)(void *)file;
    mine->real = (sqlite3_file *)(void *)(mine + 1);
    mine->is_sick = name != NULL && strstr(name, sick_name) != NULL;
    int code = real_vfs->xOpen(real_vfs, name, mine->real, flags, flags_out);
    mine->inode = inode_of(name);
    mine->base.pMethods = mine->real->pMethods != NULL ? &methods : NULL;
    return code;
}

void sick_vfs_install(const char *name)
{
    static sqlite3_vfs vfs;
    sick_name = name;
    if (real_vfs == NULL) {
        real_vfs = sqlite3_vfs_find(NULL);
        assert_non_null(real_vfs);
        vfs = *real_vfs;
        vfs.zName = "sick";
        vfs.pNext = NULL;
        vfs.szOsFile = (int)sizeof(sick_file) + real_vfs->szOsFile;
        vfs.xOpen = on_open;
        assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    }
}

void sick_vfs_arm(int n, int times, int code)
{
    calls = 0;
    fail_from = n;
    fail_code = code;
    fail_times = times;
}

void sick_vfs_spoil(const char *path)
{
    unreadable = inode_of(path);
}

void sick_vfs_heal(void)
{
    unreadable = 0;
    fail_times = 0;
}

int sick_vfs_calls(void)
{
    return calls;
}
