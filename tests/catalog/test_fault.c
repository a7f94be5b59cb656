/* tests/catalog/test_fault.c - the n-th I/O call of SQLite fails: a change is made or it is not.
 *
 * SQLite's file layer is wrapped (a "VFS" that passes everything on to the real one), because the
 * library's own calls are out of reach for the linker. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

typedef enum io_kind {
    IO_WRITE,
    IO_SYNC,
    IO_READ,
} io_kind;

/* What fails next. One thread only. */
static struct {
    io_kind kind;
    int left; /* calls until it fails; 0: it fails now and ever after; negative: not armed */
    int code;
    int calls;
} fault = {.left = -1};

typedef struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real;
} faulty_file;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((faulty_file *)file)->real;
}

static bool strikes(io_kind kind)
{
    if (fault.kind != kind) {
        return false;
    }
    fault.calls++;
    if (fault.left < 0) {
        return false;
    }
    if (fault.left > 0) {
        fault.left--;
        return false;
    }
    return true;
}

static int file_close(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    int code = real->pMethods == NULL ? SQLITE_OK : real->pMethods->xClose(real);
    free(real);
    return code;
}

static int file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    return strikes(IO_READ) ? fault.code
                            : real_of(file)->pMethods->xRead(real_of(file), bytes, size, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    return strikes(IO_WRITE) ? fault.code
                             : real_of(file)->pMethods->xWrite(real_of(file), bytes, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    return strikes(IO_SYNC) ? fault.code : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_reserved(sqlite3_file *file, int *reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
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

static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty_vfs;

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    (void)vfs;
    if (name == NULL || strstr(name, "/catalog.db") == NULL) {
        /* PROJ has a database of its own, and keeps it beyond our time. */
        return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    }
    faulty_file *made = (faulty_file *)file;
    made->base.pMethods = NULL;
    made->real = calloc(1, (size_t)real_vfs->szOsFile);
    if (made->real == NULL) {
        return SQLITE_NOMEM;
    }
    int code = real_vfs->xOpen(real_vfs, name, made->real, flags, out_flags);
    if (code != SQLITE_OK) {
        free(made->real);
        return code;
    }
    made->base.pMethods = &methods;
    return SQLITE_OK;
}

/* For good: PROJ closes its own database after us, through the layer that is the default then. */
static int wrap_files(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(real_vfs);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    if (faulty_vfs.szOsFile < (int)sizeof(faulty_file)) {
        faulty_vfs.szOsFile = sizeof(faulty_file);
    }
    faulty_vfs.xOpen = vfs_open;
    return sqlite3_vfs_register(&faulty_vfs, 1);
}

static void disarm(void)
{
    fault.left = -1;
    fault.calls = 0;
}

/* Put "b", remove "a", commit. The number of edits that were made does not matter. */
static geo_err try_change(fixture *kit)
{
    catalog_change *change = NULL;
    geo_why why;
    geo_err err = catalog_change_begin(kit->store, "faulty", 0, &change, &why);
    if (err != GEO_OK) {
        return err;
    }
    const char *feature = fixture_square(17, 59, 0.01, "{\"groups\":[\"g\"]}");
    err = catalog_change_put(change, "b", feature, strlen(feature), CATALOG_ANY, NULL, &why);
    if (err == GEO_OK) {
        err = catalog_change_remove(change, "a", CATALOG_ANY, NULL, &why);
    }
    if (err != GEO_OK) {
        catalog_change_abandon(change);
        return err;
    }
    return catalog_change_commit(change, NULL, &why);
}

static bool has_fence(fixture *kit, const char *id)
{
    catalog_text text = {0};
    geo_err err = catalog_fence_get(kit->store, id, &text, NULL);
    assert_true(err == GEO_OK || err == GEO_NOT_FOUND);
    catalog_text_fini(&text);
    return err == GEO_OK;
}

static void set_stage(fixture *kit)
{
    catalog_change *change = fixture_begin(kit);
    const char *feature = fixture_square(16, 59, 0.01, "{}");
    assert_int_equal(
        catalog_change_put(change, "a", feature, strlen(feature), CATALOG_ANY, NULL, NULL), GEO_OK);
    geo_err err = catalog_change_remove(change, "b", CATALOG_ANY, NULL, NULL);
    assert_true(err == GEO_OK || err == GEO_NOT_FOUND);
    (void)fixture_commit(change);
}

/* One failing call at each place in turn, until the change goes through untouched. */
static void fail_each(fixture *kit, io_kind kind, int code, geo_err expected)
{
    bool untouched = false;
    int failed = 0;
    for (int nth = 0; !untouched; nth++) {
        set_stage(kit);
        uint64_t before = catalog_version(kit->store);
        if (kind == IO_READ) {
            fixture_close(kit); /* a cold cache, so that there is something to read */
            fixture_open(kit);
        }
        fault.kind = kind;
        fault.code = code;
        fault.calls = 0;
        fault.left = nth;
        geo_err err = try_change(kit);
        untouched = fault.left > 0;
        disarm();
        /* In memory: all or nothing, and as the answer said. */
        assert_int_equal(catalog_version(kit->store), before + (err == GEO_OK));
        if (err != GEO_OK) {
            failed++;
            if (err != expected && err != GEO_NO_SPACE && err != GEO_IO) {
                fail_msg("call %d: %s", nth, geo_err_text(err));
            }
            assert_true(has_fence(kit, "a"));
            assert_false(has_fence(kit, "b"));
        }
        fixture_close(kit);
        fixture_open(kit);
        /* On the disk too, but that a commit whose sync failed may have reached it all the same. */
        uint64_t after = catalog_version(kit->store);
        assert_true(after == before + (err == GEO_OK) || (kind == IO_SYNC && after == before + 1));
        assert_int_equal(has_fence(kit, "b"), after == before + 1);
        assert_int_equal(has_fence(kit, "a"), after == before);
        assert_true(nth < 2000);
    }
    print_message("%d calls failed\n", failed);
    assert_true(failed > 0);
}

static void a_failing_write_leaves_all_or_nothing(void **state)
{
    fail_each(*state, IO_WRITE, SQLITE_IOERR_WRITE, GEO_IO);
}

static void a_full_disk_leaves_all_or_nothing_and_says_so(void **state)
{
    fail_each(*state, IO_WRITE, SQLITE_FULL, GEO_NO_SPACE);
}

static void a_failing_sync_leaves_all_or_nothing(void **state)
{
    fail_each(*state, IO_SYNC, SQLITE_IOERR_FSYNC, GEO_IO);
}

static void a_failing_read_leaves_all_or_nothing(void **state)
{
    fail_each(*state, IO_READ, SQLITE_IOERR_READ, GEO_IO);
}

static void a_commit_is_synced_before_it_returns(void **state)
{
    fixture *kit = *state;
    set_stage(kit);
    disarm();
    fault.kind = IO_SYNC;
    assert_int_equal(try_change(kit), GEO_OK);
    assert_true(fault.calls > 0);
    disarm();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_failing_write_leaves_all_or_nothing),
        CASE(a_full_disk_leaves_all_or_nothing_and_says_so),
        CASE(a_failing_sync_leaves_all_or_nothing),
        CASE(a_failing_read_leaves_all_or_nothing),
        CASE(a_commit_is_synced_before_it_returns),
    };
    return cmocka_run_group_tests(tests, wrap_files, NULL);
}
