/* core/log/disk.c - file operations that finish what they begin. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void disk_path(char path[DISK_PATH_MAX], const char *folder, const char *name)
{
    snprintf(path, DISK_PATH_MAX, "%s/%s", folder, name);
}

int disk_write(int fd, const void *bytes, size_t size, uint64_t at)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        ssize_t done = pwrite(fd, from, size, (off_t)at);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done < 0 ? errno : ENOSPC;
        }
        from += done;
        at += (uint64_t)done;
        size -= (size_t)done;
    }
    return 0;
}

int disk_read(int fd, void *bytes, size_t size, uint64_t at, size_t *got)
{
    uint8_t *to = bytes;
    *got = 0;
    while (*got < size) {
        ssize_t done = pread(fd, to + *got, size - *got, (off_t)(at + *got));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return errno;
        }
        if (done == 0) {
            return 0;
        }
        *got += (size_t)done;
    }
    return 0;
}

int disk_reserve(int fd, uint64_t from, uint64_t to)
{
    int result = 0;
    do {
        result = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) {
        return errno;
    }
    return disk_truncate(fd, to);
}

int disk_truncate(int fd, uint64_t size)
{
    int result = 0;
    do {
        result = ftruncate(fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int disk_size(int fd, uint64_t *size)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return errno;
    }
    *size = (uint64_t)status.st_size;
    return 0;
}

int disk_sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int failed = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return failed;
}

static int write_file(const char *path, const void *bytes, size_t size, bool is_synced)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, DISK_FILES_MODE);
    if (fd < 0) {
        return errno;
    }
    int failed = disk_write(fd, bytes, size, 0);
    if (failed == 0 && is_synced && fsync(fd) != 0) {
        failed = errno;
    }
    close(fd);
    return failed;
}

int disk_write_new(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[DISK_PATH_MAX];
    disk_path(path, folder, name);
    return write_file(path, bytes, size, false);
}

int disk_write_aside(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[DISK_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/%s.tmp", folder, name);
    return write_file(path, bytes, size, true);
}

int disk_rename(const char *folder, const char *from, const char *to)
{
    char old_path[DISK_PATH_MAX];
    char new_path[DISK_PATH_MAX];
    disk_path(old_path, folder, from);
    disk_path(new_path, folder, to);
    return rename(old_path, new_path) == 0 ? 0 : errno;
}

int disk_remove(const char *folder, const char *name)
{
    char path[DISK_PATH_MAX];
    disk_path(path, folder, name);
    return unlink(path) == 0 ? 0 : errno;
}

int disk_load(const char *folder, const char *name, size_t size_max, uint8_t **bytes, size_t *size)
{
    char path[DISK_PATH_MAX];
    disk_path(path, folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    uint64_t length = 0;
    uint8_t *loaded = NULL;
    int failed = disk_size(fd, &length);
    if (failed == 0 && length > size_max) {
        failed = EFBIG;
    }
    if (failed == 0) {
        loaded = malloc(length > 0 ? (size_t)length : 1);
        failed = loaded != NULL ? disk_read(fd, loaded, (size_t)length, 0, size) : ENOMEM;
    }
    close(fd);
    if (failed != 0) {
        free(loaded);
        return failed;
    }
    *bytes = loaded;
    return 0;
}
