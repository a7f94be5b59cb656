/* tests/fault/fault.c - the counted stand-ins for libc's allocation and I/O calls. */
#include "fault/fault.h"
#include "fault/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef struct armed_fault {
    _Atomic uint64_t calls;
    _Atomic uint64_t nth; /* 0: none */
    _Atomic int mode;
    _Atomic int errno_value;
} armed_fault;

typedef struct bad_sector {
    dev_t device;
    ino_t inode;
    uint64_t from;
    uint64_t to;
    _Atomic uint64_t left; /* UINT64_MAX: for good */
} bad_sector;

static armed_fault faults[FAULT_KINDS];
static bad_sector sectors[FAULT_SECTORS_MAX];
static _Atomic uint32_t sector_count;
static _Atomic uint64_t spoiled_writes;
static _Atomic uint64_t short_write_nth;
static _Atomic bool has_struck;
static _Atomic uint64_t steps;
static _Atomic uint64_t freeze_nth; /* 0: never */
static _Atomic bool is_freeze_torn;

void fault_arm(fault_kind kind, uint64_t nth, fault_mode mode, int errno_value)
{
    atomic_store(&faults[kind].calls, 0);
    atomic_store(&faults[kind].mode, (int)mode);
    atomic_store(&faults[kind].errno_value, errno_value);
    atomic_store(&faults[kind].nth, nth);
    atomic_store(&has_struck, false);
}

void fault_arm_short_write(uint64_t nth)
{
    atomic_store(&faults[FAULT_WRITE].calls, 0);
    atomic_store(&short_write_nth, nth);
    atomic_store(&has_struck, false);
}

void fault_clear(void)
{
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        atomic_store(&faults[kind].nth, 0);
        atomic_store(&faults[kind].calls, 0);
    }
    atomic_store(&short_write_nth, 0);
    atomic_store(&has_struck, false);
    atomic_store(&sector_count, 0);
    atomic_store(&spoiled_writes, 0);
    fault_freeze_at(0, false);
}

void fault_spoil(const char *path, uint64_t from, uint64_t to, uint64_t times)
{
    struct stat status;
    uint32_t i = atomic_load(&sector_count);
    if (i == FAULT_SECTORS_MAX || stat(path, &status) != 0) {
        abort();
    }
    sectors[i].device = status.st_dev;
    sectors[i].inode = status.st_ino;
    sectors[i].from = from;
    sectors[i].to = to;
    atomic_store(&sectors[i].left, times > 0 ? times : UINT64_MAX);
    atomic_store(&sector_count, i + 1);
}

uint64_t fault_spoiled_writes(void)
{
    return atomic_load(&spoiled_writes);
}

/* The first bad sector that bytes [at, end) of a file touch; NULL: none. */
static bad_sector *find_sector(int fd, uint64_t at, uint64_t end)
{
    struct stat status;
    bad_sector *first = NULL;
    uint32_t count = atomic_load(&sector_count);
    for (uint32_t i = 0; i < count && fstat(fd, &status) == 0; i++) {
        bad_sector *s = &sectors[i];
        if (s->device == status.st_dev && s->inode == status.st_ino && at < s->to &&
            end > s->from && atomic_load(&s->left) > 0 &&
            (first == NULL || s->from < first->from)) {
            first = s;
        }
    }
    return first;
}

/* How many of size bytes can be read; 0, and errno set: none. */
static size_t readable(int fd, size_t size, uint64_t at)
{
    bad_sector *s = find_sector(fd, at, at + size);
    if (s == NULL || at < s->from) {
        return s == NULL ? size : (size_t)(s->from - at);
    }
    if (atomic_load(&s->left) != UINT64_MAX) {
        atomic_fetch_sub(&s->left, 1);
    }
    atomic_store(&has_struck, true);
    errno = EIO;
    return 0;
}

void fault_freeze_at(uint64_t nth, bool is_torn)
{
    atomic_store(&steps, 0);
    atomic_store(&is_freeze_torn, is_torn);
    atomic_store(&freeze_nth, nth);
}

uint64_t fault_steps(void)
{
    return atomic_load(&steps);
}

bool fault_is_frozen(void)
{
    uint64_t nth = atomic_load(&freeze_nth);
    return nth != 0 && atomic_load(&steps) >= nth;
}

uint64_t fault_calls(fault_kind kind)
{
    return atomic_load(&faults[kind].calls);
}

bool fault_struck(void)
{
    return atomic_load(&has_struck);
}

/* Counts a call; true (and errno set) if it must fail. */
static bool strikes(fault_kind kind)
{
    armed_fault *fault = &faults[kind];
    uint64_t call = atomic_fetch_add(&fault->calls, 1) + 1;
    uint64_t nth = atomic_load(&fault->nth);
    bool is_hit = nth != 0 && (call == nth || (call > nth && fault->mode == FAULT_FOREVER));
    if (is_hit) {
        atomic_store(&has_struck, true);
        errno = atomic_load(&fault->errno_value);
    }
    return is_hit;
}

/* A call that changes the disk: false if the process counts as dead. *is_last: it dies in it. */
static bool may_step(bool *is_last)
{
    uint64_t step = atomic_fetch_add(&steps, 1) + 1;
    uint64_t nth = atomic_load(&freeze_nth);
    if (is_last != NULL) {
        *is_last = step == nth && atomic_load(&is_freeze_torn);
    }
    if (nth != 0 && step >= nth) {
        errno = EIO;
        return false;
    }
    return true;
}

static size_t shortened(size_t size)
{
    uint64_t nth = atomic_load(&short_write_nth);
    if (nth == 0 || atomic_load(&faults[FAULT_WRITE].calls) != nth) {
        return size;
    }
    atomic_store(&has_struck, true);
    return size / 2;
}

/* The linker joins __real_x to libc's x and every call of x to __wrap_x. Only the ones that a
 * program wraps are referenced there, so the others stay out of it (each in its own section). */
#define WRAPPED(type, name, parameters)                                                            \
    type __real_##name parameters __attribute__((weak));                                           \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters

WRAPPED(void *, malloc, (size_t size))
{
    return strikes(FAULT_ALLOC) ? NULL : __real_malloc(size);
}

WRAPPED(void *, calloc, (size_t count, size_t size))
{
    return strikes(FAULT_ALLOC) ? NULL : __real_calloc(count, size);
}

WRAPPED(void *, realloc, (void *old, size_t size))
{
    return strikes(FAULT_ALLOC) ? NULL : __real_realloc(old, size);
}

WRAPPED(ssize_t, write, (int fd, const void *bytes, size_t size))
{
    return strikes(FAULT_WRITE) ? -1 : __real_write(fd, bytes, shortened(size));
}

WRAPPED(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at))
{
    bool is_last = false;
    bool is_alive = may_step(&is_last);
    if (is_last) {
        ssize_t torn = __real_pwrite(fd, bytes, size / 2, at);
        power_note_write(fd, bytes, torn > 0 ? (size_t)torn : 0, at);
        errno = EIO;
    }
    if (!is_alive || strikes(FAULT_WRITE)) {
        return -1;
    }
    ssize_t done = __real_pwrite(fd, bytes, shortened(size), at);
    if (find_sector(fd, (uint64_t)at, (uint64_t)at + size) != NULL) {
        atomic_fetch_add(&spoiled_writes, 1);
    }
    power_note_write(fd, bytes, done > 0 ? (size_t)done : 0, at);
    return done;
}

WRAPPED(ssize_t, read, (int fd, void *bytes, size_t size))
{
    return strikes(FAULT_READ) ? -1 : __real_read(fd, bytes, size);
}

WRAPPED(ssize_t, pread, (int fd, void *bytes, size_t size, off_t at))
{
    if (strikes(FAULT_READ)) {
        return -1;
    }
    size_t left = readable(fd, size, (uint64_t)at);
    return left == 0 && size > 0 ? -1 : __real_pread(fd, bytes, left, at);
}

WRAPPED(struct dirent *, readdir, (DIR * folder))
{
    return strikes(FAULT_READ) ? NULL : __real_readdir(folder);
}

static int noted_sync(int fd, int (*sync)(int))
{
    if (!may_step(NULL)) {
        return -1;
    }
    if (strikes(FAULT_SYNC)) {
        power_sync_failed(fd);
        return -1;
    }
    uint64_t begun = power_sync_begins(fd);
    int result = sync(fd);
    if (result == 0) {
        power_sync_ends(fd, begun);
    }
    return result;
}

WRAPPED(int, fsync, (int fd))
{
    return noted_sync(fd, __real_fsync);
}

WRAPPED(int, fdatasync, (int fd))
{
    return noted_sync(fd, __real_fdatasync);
}

int __real_open(const char *path, int flags, ...) __attribute__((weak));
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (((flags & (O_CREAT | O_TRUNC)) != 0 && !may_step(NULL)) || strikes(FAULT_OPEN)) {
        return -1;
    }
    int fd = __real_open(path, flags, mode);
    power_note_open(fd, path, flags);
    return fd;
}

int __real_openat(int folder, const char *path, int flags, ...) __attribute__((weak));
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return strikes(FAULT_OPEN) ? -1 : __real_openat(folder, path, flags, mode);
}

WRAPPED(int, fallocate, (int fd, int mode, off_t at, off_t size))
{
    if (!may_step(NULL) || strikes(FAULT_SPACE)) {
        return -1;
    }
    int result = __real_fallocate(fd, mode, at, size);
    if (result == 0) {
        power_note_size(fd, at + size, false);
    }
    return result;
}

/* posix_fallocate returns its error instead of setting errno. */
WRAPPED(int, posix_fallocate, (int fd, off_t at, off_t size))
{
    return strikes(FAULT_SPACE) ? errno : __real_posix_fallocate(fd, at, size);
}

WRAPPED(int, ftruncate, (int fd, off_t size))
{
    if (!may_step(NULL) || strikes(FAULT_SPACE)) {
        return -1;
    }
    if (find_sector(fd, (uint64_t)size, UINT64_MAX) != NULL) {
        atomic_fetch_add(&spoiled_writes, 1);
    }
    int result = __real_ftruncate(fd, size);
    if (result == 0) {
        power_note_size(fd, size, true);
    }
    return result;
}

WRAPPED(int, rename, (const char *from, const char *to))
{
    if (!may_step(NULL) || strikes(FAULT_NAME)) {
        return -1;
    }
    int result = __real_rename(from, to);
    if (result == 0) {
        power_note_rename(from, to);
    }
    return result;
}

WRAPPED(int, unlink, (const char *path))
{
    if (!may_step(NULL) || strikes(FAULT_NAME)) {
        return -1;
    }
    int result = __real_unlink(path);
    if (result == 0) {
        power_note_unlink(path);
    }
    return result;
}
