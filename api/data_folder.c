/* api/data_folder.c - DATA/lock by flock, which the kernel gives back when we die, and DATA/FORMAT.
 */
#include "data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"

struct api_data_folder {
    char path[API_DATA_PATH_MAX];
    char id[API_DATA_ID_TEXT_SIZE];
    int lock_fd;
};

/* A folder that a power cut may take back would take all that is in it. HR_EXISTS: it was there. */
static hr_err make_folder(const char *path, size_t size, mode_t mode, hr_why *why)
{
    char parent[API_DATA_PATH_MAX] = ".";
    size_t parent_size = size;
    if (mkdir(path, mode) != 0) {
        return errno == EEXIST ? HR_EXISTS
                               : hr_why_errno(why, errno, "cannot make the folder %s", path);
    }
    while (parent_size > 0 && path[parent_size - 1] != '/') {
        parent_size--;
    }
    if (parent_size > 0) {
        memcpy(parent, path, parent_size);
        parent[parent_size] = 0;
    }
    hr_err err = hr_folder_sync(parent, why);
    if (err != HR_OK) {
        (void)rmdir(path); /* who tries again makes it anew, and syncs it */
    }
    return err;
}

/* Like mkdir -p; the last folder is for its owner only. */
static hr_err make_folders(const char *path, hr_why *why)
{
    char part[API_DATA_PATH_MAX];
    size_t size = strlen(path);
    for (size_t i = 1; i <= size; i++) {
        if (i < size && path[i] != '/') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = 0;
        hr_err err = make_folder(part, i, i == size ? 0700 : 0755, why);
        if (err != HR_OK && err != HR_EXISTS) {
            return err;
        }
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return hr_why_set(why, HR_INVALID, "%s is not a folder", path);
    }
    return HR_OK;
}

hr_err api_data_folder_join(const api_data_folder *folder, const char *name,
                            char text[API_DATA_PATH_MAX])
{
    int size = snprintf(text, API_DATA_PATH_MAX, "%s/%s", folder->path, name);
    return size > 0 && size < API_DATA_PATH_MAX ? HR_OK : HR_TOO_BIG;
}

/* The lock's holder wrote its process id into the file, for this message only. */
static hr_err lock_refused(const api_data_folder *folder, int fd, hr_why *why)
{
    char holder[16] = "";
    ssize_t size = pread(fd, holder, sizeof holder - 1, 0);
    holder[size > 0 ? (size_t)size : 0] = 0;
    holder[strcspn(holder, "\n")] = 0;
    return hr_why_set(why, HR_LOCKED,
                      "%s is in use by another hedgerowd (process %s); stop it or choose another "
                      "folder with --data",
                      folder->path, holder[0] != 0 ? holder : "unknown");
}

static hr_err take_lock(api_data_folder *folder, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    hr_err err = api_data_folder_join(folder, "lock", path);
    if (err != HR_OK) {
        return err;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? lock_refused(folder, fd, why)
                                   : hr_why_errno(why, errno, "cannot lock %s", path);
        close(fd);
        return err;
    }
    folder->lock_fd = fd;
    char holder[16];
    int size = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    /* Only a message depends on it, so a full disk must not keep us from starting. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, holder, (size_t)size, 0) != size) {
        (void)ftruncate(fd, 0);
    }
    return HR_OK;
}

/* Written aside, synced and renamed, so that a power cut leaves a whole file or none. */
static hr_err write_format(api_data_folder *folder, const char *path, hr_why *why)
{
    if (sodium_init() < 0) {
        return hr_why_set(why, HR_IO, "the system gives no random numbers");
    }
    uint8_t random[(API_DATA_ID_TEXT_SIZE - 1) / 2];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(folder->id, sizeof folder->id, random, sizeof random);
    char aside[API_DATA_PATH_MAX];
    hr_err err = api_data_folder_join(folder, "FORMAT.new", aside);
    if (err != HR_OK) {
        return err;
    }
    char text[64];
    int size = snprintf(text, sizeof text, "hedgerow %d\nid %s\n", API_DATA_FORMAT, folder->id);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot write %s", aside);
    }
    errno = ENOSPC;
    if (write(fd, text, (size_t)size) != size || fsync(fd) != 0) {
        err = hr_why_errno(why, errno, "cannot write %s", aside);
    }
    close(fd);
    if (err == HR_OK && rename(aside, path) != 0) {
        err = hr_why_errno(why, errno, "cannot rename %s", aside);
    }
    return err == HR_OK ? hr_folder_sync(folder->path, why) : err;
}

static hr_err check_format(api_data_folder *folder, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    hr_err err = api_data_folder_join(folder, "FORMAT", path);
    if (err != HR_OK) {
        return err;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return errno == ENOENT ? write_format(folder, path, why)
                               : hr_why_errno(why, errno, "cannot read %s", path);
    }
    int format = 0;
    char id[API_DATA_ID_TEXT_SIZE] = "";
    int fields = fscanf(file, "hedgerow %9d\nid %16[0-9a-f]", &format, id);
    fclose(file);
    if (fields >= 1 && format > API_DATA_FORMAT) {
        return hr_why_set(why, HR_TOO_NEW,
                          "%s has format %d, this program knows up to %d: it was written by a "
                          "newer Hedgerow, please update this one",
                          folder->path, format, API_DATA_FORMAT);
    }
    if (fields != 2 || format < 1 || strlen(id) != sizeof id - 1) {
        return hr_why_set(why, HR_CORRUPT, "%s is damaged or not ours (--data says which folder)",
                          path);
    }
    memcpy(folder->id, id, sizeof id);
    return HR_OK;
}

hr_err api_data_folder_open(const char *path, api_data_folder **out, hr_why *why)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size >= API_DATA_PATH_MAX - 64) {
        return hr_why_set(why, HR_INVALID, "the data folder's path is empty or too long");
    }
    api_data_folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL) {
        return HR_NO_MEMORY;
    }
    memcpy(folder->path, path, size);
    folder->lock_fd = -1;
    hr_err err = make_folders(folder->path, why);
    if (err == HR_OK) {
        err = take_lock(folder, why);
    }
    if (err == HR_OK) {
        err = check_format(folder, why);
    }
    if (err != HR_OK) {
        api_data_folder_close(folder);
        return err;
    }
    *out = folder;
    return HR_OK;
}

void api_data_folder_close(api_data_folder *folder)
{
    if (folder == NULL) {
        return;
    }
    if (folder->lock_fd >= 0) {
        (void)flock(folder->lock_fd, LOCK_UN); /* a child before its exec keeps it open */
        close(folder->lock_fd);
    }
    free(folder);
}

const char *api_data_folder_path(const api_data_folder *folder)
{
    return folder->path;
}

const char *api_data_folder_id(const api_data_folder *folder)
{
    return folder->id;
}
