/* core/log/disk.h - the few file operations the journal is made of. All return an errno, 0 is well.
 */
#ifndef LOG_DISK_H
#define LOG_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DISK_PATH_MAX 1024 /* HR_TOO_BIG: the folder's path leaves no room for a name */
#define DISK_NAME_ROOM 64  /* of DISK_PATH_MAX, for names inside the folder */
#define DISK_FOLDERS_MODE 0750
#define DISK_FILES_MODE 0640

/* The kernel reads whole pages: a bad place takes all of its page, and nothing beside it. */
#define DISK_PAGE_BYTES 4096

/* "folder/name"; the caller knows that it fits. */
void disk_path(char path[DISK_PATH_MAX], const char *folder, const char *name);

/* All of it, however many calls it takes; on an error any part may have been written. */
HR_MUST_USE int disk_write(int fd, const void *bytes, size_t size, uint64_t at);

/* As much as there is, up to size; *got may be less only at the end of the file. */
HR_MUST_USE int disk_read(int fd, void *bytes, size_t size, uint64_t at, size_t *got);

/* Make the file reach to with space behind it, from being where it ends now. File systems that
 * cannot reserve get a longer file without space. */
HR_MUST_USE int disk_reserve(int fd, uint64_t from, uint64_t to);

HR_MUST_USE int disk_truncate(int fd, uint64_t size);
HR_MUST_USE int disk_size(int fd, uint64_t *size);

/* Names made, renamed or removed in the folder are durable afterwards. */
HR_MUST_USE int disk_sync_folder(const char *folder);

/* Write a file that can be made again at any time: not synced. */
HR_MUST_USE int disk_write_new(const char *folder, const char *name, const void *bytes,
                               size_t size);

/* Write name.tmp and sync it. disk_rename() puts it into place. */
HR_MUST_USE int disk_write_aside(const char *folder, const char *name, const void *bytes,
                                 size_t size);
HR_MUST_USE int disk_rename(const char *folder, const char *from, const char *to);
HR_MUST_USE int disk_remove(const char *folder, const char *name);

/* Read a whole small file; *bytes is freed by the caller. EFBIG above size_max. */
HR_MUST_USE int disk_load(const char *folder, const char *name, size_t size_max, uint8_t **bytes,
                          size_t *size);

#endif
