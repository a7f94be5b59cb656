/* tests/fault/fault.h - makes the n-th allocation or I/O call of a test program fail.
 *
 * The replaced libc functions exist only in programs whose hr_test() names them under WRAP; the
 * service is built from the same objects and knows nothing of this. */
#ifndef FAULT_FAULT_H
#define FAULT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum fault_kind {
    FAULT_ALLOC, /* malloc calloc realloc */
    FAULT_WRITE, /* write pwrite */
    FAULT_READ,  /* read pread readdir */
    FAULT_SYNC,  /* fsync fdatasync */
    FAULT_OPEN,  /* open openat */
    FAULT_SPACE, /* fallocate posix_fallocate ftruncate */
    FAULT_NAME,  /* rename unlink */
    FAULT_KINDS,
} fault_kind;

typedef enum fault_mode {
    FAULT_ONCE,    /* the n-th call only */
    FAULT_FOREVER, /* the n-th call and all after it */
} fault_mode;

/* Make the n-th call from now (1 = the next) of that kind fail with errno_value. */
void fault_arm(fault_kind kind, uint64_t nth, fault_mode mode, int errno_value);

/* The n-th write stores only half of its bytes and says so. */
void fault_arm_short_write(uint64_t nth);

/* From the n-th call from now on that would change the disk (writes, syncs, sizes, names, files
 * made), none has any effect and each fails with EIO: what a process killed there leaves behind.
 * is_torn: if the n-th is a write, half of it still gets through. */
void fault_freeze_at(uint64_t nth, bool is_torn);
bool fault_is_frozen(void);

/* Calls that change the disk since fault_clear() or fault_freeze_at(). */
uint64_t fault_steps(void);

/* Reads of bytes [from, to) of a file fail with EIO, the first times of them (0: all, for good);
 * what stands before them in the same call is read, as the kernel does it. At most
 * FAULT_SECTORS_MAX. */
#define FAULT_SECTORS_MAX 8
void fault_spoil(const char *path, uint64_t from, uint64_t to, uint64_t times);

/* Writes to, and cuts of, what is spoiled. */
uint64_t fault_spoiled_writes(void);

/* No fault any more, counters at zero. */
void fault_clear(void);

/* Calls of that kind since fault_clear() or fault_arm(). */
uint64_t fault_calls(fault_kind kind);

/* True once an armed fault has struck. */
bool fault_struck(void);

#endif
