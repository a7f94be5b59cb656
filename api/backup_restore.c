/* api/backup_restore.c - a data folder from a backup: made aside, checked, then put into place. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "data_folder.h"
#include "tar.h"

#define PATH_ROOM (API_DATA_PATH_MAX + TAR_NAME_MAX + 32)

typedef struct reading {
    const char *path;          /* the backup */
    char aside[PATH_ROOM];     /* the folder while it is being made */
    char folder[TAR_NAME_MAX]; /* the one inside it that was made last */
    tar tar;
    backup_counts *counts;
    hr_why *why;
} reading;

static hr_err damaged(const reading *r)
{
    return hr_why_set(r->why, HR_CORRUPT,
                      "%s is not a whole backup: it was cut off or damaged%s%s; nothing was "
                      "restored, try an older one",
                      r->path, r->tar.name[0] != 0 ? " near " : "", r->tar.name);
}

/* "name" or "folder/name": what a backup of ours has, and nothing that leads out of the folder. */
static bool is_name_good(const char *name)
{
    int slashes = 0;
    bool begins = true;
    for (; *name != 0; name++) {
        if (begins ? *name == '.' || *name == '/' : *name == '/' && ++slashes > 1) {
            return false;
        }
        begins = *name == '/';
    }
    return !begins;
}

static hr_err sync_path(const char *path, hr_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    hr_err err = fsync(fd) == 0 ? HR_OK : hr_why_errno(why, errno, "cannot sync %s", path);
    close(fd);
    return err;
}

hr_err backup_sync_parent(const char *path, hr_why *why)
{
    char parent[API_DATA_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(parent, sizeof parent, "%.*s", size, slash == NULL ? "." : path);
    return sync_path(parent, why);
}

/* The folder of the present member, if it has one. */
static hr_err make_folder(reading *r)
{
    char path[PATH_ROOM * 2];
    const char *slash = strchr(r->tar.name, '/');
    if (slash == NULL) {
        return HR_OK;
    }
    snprintf(r->folder, sizeof r->folder, "%.*s", (int)(slash - r->tar.name), r->tar.name);
    snprintf(path, sizeof path, "%s/%s", r->aside, r->folder);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return hr_why_errno(r->why, errno, "cannot make the folder %s", path);
    }
    return HR_OK;
}

static hr_err write_all(const reading *r, int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0) {
            return hr_why_errno(r->why, errno, "cannot write %s/%s", r->aside, r->tar.name);
        }
        bytes += put;
        size -= (size_t)put;
    }
    return HR_OK;
}

static hr_err restore_member(reading *r)
{
    char path[PATH_ROOM * 2];
    uint8_t bytes[65536];
    size_t size = 0;
    if (!is_name_good(r->tar.name)) {
        return damaged(r);
    }
    hr_err err = make_folder(r);
    if (err != HR_OK) {
        return err;
    }
    snprintf(path, sizeof path, "%s/%s", r->aside, r->tar.name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, r->tar.mode | 0600);
    if (fd < 0) {
        return hr_why_errno(r->why, errno, "cannot make %s", path);
    }
    do {
        err = tar_take(&r->tar, bytes, sizeof bytes, &size);
        err = err == HR_OK ? write_all(r, fd, bytes, size) : damaged(r);
    } while (err == HR_OK && size > 0);
    if (err == HR_OK && fsync(fd) != 0) {
        err = hr_why_errno(r->why, errno, "cannot sync %s", path);
    }
    close(fd);
    r->counts->files++;
    r->counts->bytes += r->tar.size;
    return err;
}

/* The first member says what the file is. */
static hr_err check_head(reading *r)
{
    char text[64] = "";
    size_t size = 0;
    size_t rest = 0;
    int format = 0;
    bool has_one = false;
    if (tar_next(&r->tar, &has_one) != HR_OK || !has_one ||
        strcmp(r->tar.name, BACKUP_HEAD_NAME) != 0 || r->tar.size >= sizeof text ||
        tar_take(&r->tar, text, sizeof text - 1, &size) != HR_OK ||
        tar_take(&r->tar, text + size, 1, &rest) != HR_OK ||
        sscanf(text, "hedgerow-backup %9d", &format) != 1) {
        return hr_why_set(r->why, HR_CORRUPT, "%s is not a backup that hedgerow made", r->path);
    }
    if (format > BACKUP_FORMAT) {
        return hr_why_set(r->why, HR_TOO_NEW,
                          "%s was made by a newer Hedgerow (backup format %d, this program knows "
                          "up to %d): update this one",
                          r->path, format, BACKUP_FORMAT);
    }
    return HR_OK;
}

static hr_err restore_members(reading *r)
{
    bool has_one = false;
    hr_err err = check_head(r);
    while (err == HR_OK) {
        if (tar_next(&r->tar, &has_one) != HR_OK || !has_one) {
            return damaged(r);
        }
        if (strcmp(r->tar.name, TAR_MANIFEST_NAME) == 0) {
            return tar_check(&r->tar) == HR_OK ? HR_OK : damaged(r);
        }
        err = restore_member(r);
    }
    return err;
}

/* Everything below the folder and the folder, two levels deep, as restoring makes them. */
static void remove_folder(const char *path, int depth)
{
    char below[PATH_ROOM * 3];
    DIR *list = opendir(path);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        const int size = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (size < 0 || (size_t)size >= sizeof below) {
            continue; /* restoring made no such name */
        }
        if (unlink(below) != 0 && depth > 0) {
            remove_folder(below, depth - 1);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    rmdir(path);
}

static hr_err sync_folders(const reading *r)
{
    char path[PATH_ROOM * 2];
    DIR *list = opendir(r->aside);
    if (list == NULL) {
        return hr_why_errno(r->why, errno, "cannot read %s", r->aside);
    }
    hr_err err = HR_OK;
    errno = 0;
    for (const struct dirent *entry; err == HR_OK && (entry = readdir(list)) != NULL; errno = 0) {
        snprintf(path, sizeof path, "%s/%s", r->aside, entry->d_name);
        if (entry->d_name[0] != '.') {
            err = sync_path(path, r->why);
        }
    }
    if (err == HR_OK && errno != 0) {
        err = hr_why_errno(r->why, errno, "cannot read %s", r->aside);
    }
    closedir(list);
    return err == HR_OK ? sync_path(r->aside, r->why) : err;
}

/* Who has logged out since must not be logged in again. Tokens cannot be told apart so: a person
 * who restores is asked to look at them. */
static hr_err end_sessions(const reading *r)
{
    char path[PATH_ROOM * 2];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/accounts.db", r->aside);
    if (access(path, F_OK) != 0) {
        return HR_OK; /* a folder that was never set up */
    }
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "DELETE FROM session", NULL, NULL, NULL);
    }
    hr_err err = code == SQLITE_OK ? HR_OK
                                   : hr_why_set(r->why, HR_IO, "cannot end the logins in %s: %s",
                                                path, sqlite3_errstr(code));
    sqlite3_close(db);
    return err;
}

/* A new identity: a client that saw events beyond the backup must not take other events, which bear
 * the same numbers here, for those. */
static hr_err finish(const reading *r, const char *data)
{
    api_data_folder *folder = NULL;
    hr_err err = api_data_folder_open(r->aside, &folder, r->why);
    api_data_folder_close(folder);
    if (err == HR_OK) {
        err = end_sessions(r);
    }
    if (err == HR_OK) {
        err = sync_folders(r);
    }
    if (err == HR_OK && rename(r->aside, data) != 0) {
        err = errno == ENOTEMPTY || errno == EEXIST
                  ? hr_why_set(r->why, HR_EXISTS, "%s is not empty any more", data)
                  : hr_why_errno(r->why, errno, "cannot rename %s to %s", r->aside, data);
        return err;
    }
    return err == HR_OK ? backup_sync_parent(data, r->why) : err;
}

static hr_err check_target(const char *data, hr_why *why)
{
    DIR *list = opendir(data);
    if (list == NULL) {
        return errno == ENOENT ? HR_OK : hr_why_errno(why, errno, "cannot use %s", data);
    }
    int count = 0;
    while (readdir(list) != NULL) {
        count++;
    }
    closedir(list);
    return count <= 2 ? HR_OK
                      : hr_why_set(why, HR_EXISTS,
                                   "%s exists and is not empty; give a new folder with --data, "
                                   "nothing is ever overwritten",
                                   data);
}

/* What a link leads to, as a service manager has one for the folder of its service. */
static hr_err find_target(const char *data, char target[API_DATA_PATH_MAX], hr_why *why)
{
    char *real = realpath(data, NULL);
    const char *from = real != NULL ? real : data;
    size_t size = strlen(from);
    bool fits = size > 0 && size < API_DATA_PATH_MAX;
    if (fits) {
        memcpy(target, from, size + 1);
    }
    free(real);
    while (fits && size > 1 && target[size - 1] == '/') {
        target[--size] = 0;
    }
    return fits ? HR_OK : hr_why_set(why, HR_TOO_BIG, "the folder's path is empty or too long");
}

hr_err backup_restore(const char *path, const char *data, backup_counts *counts, hr_why *why)
{
    reading r = {.path = path, .counts = counts, .why = why};
    char target[API_DATA_PATH_MAX];
    hr_err err = find_target(data, target, why);
    if (err == HR_OK) {
        err = check_target(target, why);
    }
    if (err != HR_OK) {
        return err;
    }
    snprintf(r.aside, sizeof r.aside, "%s.restoring", target);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return hr_why_errno(why, errno, "cannot read %s", path);
    }
    if (mkdir(r.aside, 0700) != 0) {
        err = hr_why_errno(why, errno, "cannot make the folder %s%s", r.aside,
                           errno == EEXIST ? " (remove what an earlier try left)" : "");
        fclose(file);
        return err;
    }
    *counts = (backup_counts){0};
    tar_init(&r.tar, file);
    err = restore_members(&r);
    if (err == HR_OK) {
        err = finish(&r, target);
    }
    if (err != HR_OK) {
        remove_folder(r.aside, 1);
    }
    tar_fini(&r.tar);
    fclose(file);
    return err;
}
