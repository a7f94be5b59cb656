/* api/tar.h - writes and reads plain tar files (ustar), of which every member has a checksum.
 *
 * The last member, TAR_MANIFEST_NAME, has one line "crc32c size name" for each of the others, so
 * that damage is found; any tar program can unpack the rest. */
#ifndef API_TAR_H
#define API_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

#define TAR_NAME_MAX 100 /* longer names are refused, with the terminator */
#define TAR_MANIFEST_NAME "MANIFEST"
#define TAR_MANIFEST_BYTES_MAX (16u << 20)

/* One file that is written or read. Threads: one. */
typedef struct tar {
    FILE *file; /* borrowed */
    hr_buf manifest;
    char name[TAR_NAME_MAX]; /* of the present member */
    uint64_t size;
    uint64_t left; /* of its bytes, not yet written or read */
    uint32_t mode;
    uint32_t crc; /* of those that were */
} tar;

void tar_init(tar *t, FILE *file);
void tar_fini(tar *t);

/* Begin a member of exactly size bytes; the one before it must be complete. */
HR_MUST_USE hr_err tar_begin(tar *t, const char *name, uint64_t size, uint32_t mode);
HR_MUST_USE hr_err tar_put(tar *t, const void *bytes, size_t size);

/* The manifest and the end of the file. */
HR_MUST_USE hr_err tar_end(tar *t);

/* The next member, its name, size and mode in t; *has_one is false after the last one.
 * HR_CORRUPT: not a tar file, or it is cut off. */
HR_MUST_USE hr_err tar_next(tar *t, bool *has_one);

/* Up to capacity of its bytes; *size is 0 when there are no more. */
HR_MUST_USE hr_err tar_take(tar *t, void *bytes, size_t capacity, size_t *size);

/* The whole present member is the manifest: HR_CORRUPT if it does not say of every member before it
 * what was read. */
HR_MUST_USE hr_err tar_check(tar *t);

#endif
