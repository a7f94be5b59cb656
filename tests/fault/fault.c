/* tests/fault/fault.c - the counted stand-ins for libc's allocation and I/O calls. */
#include "fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct armed_fault {
    _Atomic uint64_t calls;
    _Atomic uint64_t nth; /* 0: none */
    _Atomic int mode;
    _Atomic int errno_value;
} armed_fault;

static armed_fault faults[FAULT_KINDS];
static _Atomic uint64_t short_write_nth;
static _Atomic bool has_struck;

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
    return strikes(FAULT_WRITE) ? -1 : __real_pwrite(fd, bytes, shortened(size), at);
}

WRAPPED(ssize_t, read, (int fd, void *bytes, size_t size))
{
    return strikes(FAULT_READ) ? -1 : __real_read(fd, bytes, size);
}

WRAPPED(ssize_t, pread, (int fd, void *bytes, size_t size, off_t at))
{
    return strikes(FAULT_READ) ? -1 : __real_pread(fd, bytes, size, at);
}

WRAPPED(int, fsync, (int fd))
{
    return strikes(FAULT_SYNC) ? -1 : __real_fsync(fd);
}

WRAPPED(int, fdatasync, (int fd))
{
    return strikes(FAULT_SYNC) ? -1 : __real_fdatasync(fd);
}

int __real_open(const char *path, int flags, ...) __attribute__((weak));
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return strikes(FAULT_OPEN) ? -1 : __real_open(path, flags, mode);
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
    return strikes(FAULT_SPACE) ? -1 : __real_fallocate(fd, mode, at, size);
}

/* posix_fallocate returns its error instead of setting errno. */
WRAPPED(int, posix_fallocate, (int fd, off_t at, off_t size))
{
    return strikes(FAULT_SPACE) ? errno : __real_posix_fallocate(fd, at, size);
}

WRAPPED(int, ftruncate, (int fd, off_t size))
{
    return strikes(FAULT_SPACE) ? -1 : __real_ftruncate(fd, size);
}

WRAPPED(int, rename, (const char *from, const char *to))
{
    return strikes(FAULT_NAME) ? -1 : __real_rename(from, to);
}

WRAPPED(int, unlink, (const char *path))
{
    return strikes(FAULT_NAME) ? -1 : __real_unlink(path);
}
