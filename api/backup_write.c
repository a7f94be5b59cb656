/* api/backup_write.c - copies a data folder in an order that makes the copy whole.
 *
 * Nothing stands still meanwhile, so what depends on the journal is copied first (checkpoints, and
 * databases that hold offsets), then the journal up to its end, then what the journal depends on
 * (the catalogue holds every rule version that the journal names). That is how a power cut may
 * leave a folder too, so the first start sets right what is left to do. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "base/logline.h"
#include "data_folder.h"
#include "log/archive.h"
#include "log/patience.h"
#include "tar.h"

#define PATH_ROOM (API_DATA_PATH_MAX + TAR_NAME_MAX)
#define TRIES_MAX 3 /* the service may take a file away just when it is its turn */
#define PAGE_BYTES 4096
#define BUSY_TIMEOUT_MS 10000

typedef struct writing {
    const char *data;
    char snapshot[PATH_ROOM + 8]; /* of the database whose turn it is */
    const char *database;         /* its name */
    tar tar;
    backup_counts *counts;
    patience patience; /* with the disk */
    hr_why *why;
} writing;

/* What belongs to this run or this machine, is made anew at every start, or is half written. */
static bool is_left_out(const char *folder, const char *name)
{
    static const char *const top[] = {"lock",          "FORMAT",         "local-token",
                                      "local-address", "local-setup",    "catalog.db",
                                      "accounts.db",   BACKUP_NOTE_NAME, NULL};
    static const char *const broker[] = {"lock", "mosquitto.pid", "mosquitto.conf", "mosquitto.db",
                                         NULL};
    static const char *const none[] = {NULL};
    static const char *const endings[] = {".new", ".tmp", "-wal", "-shm", "-journal", NULL};
    const char *const *list = folder == NULL ? top : strcmp(folder, "broker") == 0 ? broker : none;
    for (; *list != NULL; list++) {
        if (strcmp(*list, name) == 0) {
            return true;
        }
    }
    size_t size = strlen(name);
    for (const char *const *ending = endings; *ending != NULL; ending++) {
        size_t tail = strlen(*ending);
        if (size >= tail && strcmp(name + size - tail, *ending) == 0) {
            return true;
        }
    }
    /* A damaged history that was put aside is no part of what works. */
    return name[0] == '.' || strstr(name, ".damaged-") != NULL;
}

static hr_err put_failed(writing *w, hr_err err)
{
    return hr_why_set(w->why, err, "cannot write the backup: %s",
                      errno != 0 ? strerror(errno) : hr_err_text(err));
}

/* What the disk cannot read becomes zeros, which the copy will tell as damage: a backup is never
 * needed more. */
static void put_zeros(const writing *w, const char *name, void *bytes, size_t size, uint64_t at)
{
    memset(bytes, 0, size);
    w->counts->unreadable++;
    hr_logline(HR_LEVEL_ERROR, "backup.unreadable", "file=\"%s\" at=%llu bytes=%zu", name,
               (unsigned long long)at, size);
}

/* At least one byte, else as pread() says. */
static ssize_t read_some(writing *w, int fd, const char *member, uint8_t *bytes, size_t size,
                         uint64_t at)
{
    uint32_t tries = 0;
    ssize_t got = pread(fd, bytes, size, (off_t)at);
    while (got < 0 && patience_is_bad_place(errno) && patience_wait(&w->patience, ++tries)) {
        got = pread(fd, bytes, size, (off_t)at);
    }
    if (got >= 0 || !patience_is_bad_place(errno)) {
        return got;
    }
    size_t in_page = PAGE_BYTES - (size_t)(at % PAGE_BYTES);
    size = size < in_page ? size : in_page;
    put_zeros(w, member, bytes, size, at);
    return (ssize_t)size;
}

/* size bytes of fd as the member "folder/name" (folder may be NULL). */
static hr_err add_fd(writing *w, const char *folder, const char *name, int fd, uint64_t size,
                     uint32_t mode)
{
    char member[TAR_NAME_MAX * 2];
    uint8_t bytes[65536];
    snprintf(member, sizeof member, "%s%s%.*s", folder != NULL ? folder : "",
             folder != NULL ? "/" : "", TAR_NAME_MAX, name);
    errno = 0;
    hr_err err = tar_begin(&w->tar, member, size, mode);
    if (err == HR_TOO_BIG) {
        return hr_why_set(w->why, err, "the name %s is too long for a backup", member);
    }
    if (err != HR_OK) {
        return put_failed(w, err);
    }
    for (uint64_t at = 0; at < size;) {
        size_t wanted = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        ssize_t got = read_some(w, fd, member, bytes, wanted, at);
        if (got <= 0) {
            return got < 0 ? hr_why_errno(w->why, errno, "cannot read %s", member)
                           : hr_why_set(w->why, HR_GONE, "%s became shorter meanwhile", member);
        }
        err = tar_put(&w->tar, bytes, (size_t)got);
        if (err != HR_OK) {
            return put_failed(w, err);
        }
        at += (uint64_t)got;
    }
    w->counts->files++;
    w->counts->bytes += size;
    return HR_OK;
}

static hr_err add_file(writing *w, const char *folder, const char *name, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        hr_err err = errno == ENOENT ? HR_GONE : HR_OK;
        hr_err said = hr_why_errno(w->why, errno, "cannot read %s", path);
        return err != HR_OK ? err : said;
    }
    hr_err err =
        fstat(fd, &info) == 0 ? HR_OK : hr_why_errno(w->why, errno, "cannot look at %s", path);
    if (err == HR_OK && S_ISREG(info.st_mode)) {
        err = add_fd(w, folder, name, fd, (uint64_t)info.st_size, info.st_mode & 0777);
    }
    close(fd);
    return err;
}

/* Empty, and for nobody else from the start: SQLite would make it as the umask has it, for as long
 * as it fills it, and for good if that is cut off. */
static hr_err make_snapshot(const writing *w)
{
    unlink(w->snapshot);
    int fd = open(w->snapshot, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return hr_why_errno(w->why, errno, "cannot make %s", w->snapshot);
    }
    close(fd);
    return HR_OK;
}

/* While a database is copied, which is one at a time: SQLite's own way to read it, and for whom. */
static sqlite3_io_methods patched_methods;
static const sqlite3_io_methods *own_methods;
static const writing *reader;

/* SQLite gives up at the first page that the disk cannot read. */
static int read_or_zeros(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    int code = own_methods->xRead(file, bytes, size, at);
    if (code != SQLITE_IOERR_READ && code != SQLITE_IOERR_CORRUPTFS) {
        return code;
    }
    put_zeros(reader, reader->database, bytes, (size_t)size, (uint64_t)at);
    return SQLITE_OK;
}

static void read_what_can_be_read(const writing *w, sqlite3 *from)
{
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(from, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK) {
        own_methods = file->pMethods;
        patched_methods = *own_methods;
        patched_methods.xRead = read_or_zeros;
        file->pMethods = &patched_methods;
        reader = w;
    }
}

/* Without the pages that say what the others are, nothing is left to copy. */
static hr_err database_failed(const writing *w, const char *path, int code)
{
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        return hr_why_set(w->why, HR_CORRUPT,
                          "%s is damaged (%s), so there is no backup. Copy the data folder as it "
                          "is (cp -a) to another disk before this one loses more, then restore the "
                          "newest backup: hedgerow restore FILE --data NEWDIR",
                          path, sqlite3_errstr(code));
    }
    return hr_why_set(w->why, code == SQLITE_FULL ? HR_NO_SPACE : HR_IO,
                      "cannot copy the database %s to %s: %s", path, w->snapshot,
                      sqlite3_errstr(code));
}

/* A database as of one moment, by SQLite's own means: its log beside it is counted in. */
static hr_err add_database(writing *w, const char *folder, const char *name, const char *path)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    hr_err err = make_snapshot(w);
    if (err != HR_OK) {
        return err;
    }
    w->database = name;
    int code = sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(from, BUSY_TIMEOUT_MS);
        read_what_can_be_read(w, from);
        code = sqlite3_open_v2(w->snapshot, &to, SQLITE_OPEN_READWRITE, NULL);
    }
    sqlite3_backup *copy = code == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (copy != NULL) {
        /* All pages in one step: the source is read in one transaction. */
        do {
            code = sqlite3_backup_step(copy, -1);
        } while (code == SQLITE_OK);
        int ended = sqlite3_backup_finish(copy);
        code = code == SQLITE_DONE ? ended : code;
    } else if (code == SQLITE_OK) {
        code = sqlite3_errcode(to);
    }
    if (code != SQLITE_OK) {
        err = database_failed(w, path, code);
    }
    sqlite3_close(to);
    sqlite3_close(from);
    if (err == HR_OK) {
        err = add_file(w, folder, name, w->snapshot);
    }
    unlink(w->snapshot);
    return err;
}

static hr_err add_one(writing *w, const char *folder, const char *name)
{
    char path[PATH_ROOM * 2];
    struct stat info;
    size_t size = strlen(name);
    snprintf(path, sizeof path, "%s/%s%s%s", w->data, folder != NULL ? folder : "",
             folder != NULL ? "/" : "", name);
    if (stat(path, &info) != 0) {
        /* Not every data folder has everything. */
        return errno == ENOENT ? HR_OK : hr_why_errno(w->why, errno, "cannot look at %s", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return HR_OK;
    }
    bool is_database = size > 3 && strcmp(name + size - 3, ".db") == 0;
    if (!is_database) {
        return add_file(w, folder, name, path);
    }
    hr_err err = add_database(w, folder, name, path);
    if (err == HR_CORRUPT && strcmp(name, "history.db") == 0) {
        hr_logline(HR_LEVEL_ERROR, "backup.left_out", "file=history.db");
        w->counts->unreadable++;
        err = HR_OK; /* the service begins another one */
    }
    return err;
}

/* Every file of DATA/folder, or of DATA itself (NULL). */
static hr_err add_folder(writing *w, const char *folder)
{
    char path[PATH_ROOM * 2];
    snprintf(path, sizeof path, "%s/%s", w->data, folder != NULL ? folder : "");
    DIR *list = opendir(path);
    if (list == NULL) {
        return errno == ENOENT ? HR_OK : hr_why_errno(w->why, errno, "cannot read %s", path);
    }
    hr_err err = HR_OK;
    errno = 0;
    for (const struct dirent *entry; err == HR_OK && (entry = readdir(list)) != NULL; errno = 0) {
        if (!is_left_out(folder, entry->d_name)) {
            err = add_one(w, folder, entry->d_name);
        }
    }
    if (err == HR_OK && errno != 0) {
        err = hr_why_errno(w->why, errno, "cannot read %s", path);
    }
    closedir(list);
    return err;
}

/* The journal and the broker have their turn later; the last is a disk's own, which only root
 * reads.
 */
static bool is_folder_left_out(const char *name)
{
    return name[0] == '.' || strcmp(name, "journal") == 0 || strcmp(name, "broker") == 0 ||
           strcmp(name, "lost+found") == 0;
}

static hr_err add_folders(writing *w)
{
    DIR *list = opendir(w->data);
    if (list == NULL) {
        return hr_why_errno(w->why, errno, "cannot read %s", w->data);
    }
    hr_err err = HR_OK;
    errno = 0;
    for (const struct dirent *entry; err == HR_OK && (entry = readdir(list)) != NULL; errno = 0) {
        const char *name = entry->d_name;
        struct stat info = {0};
        if (is_folder_left_out(name)) {
            continue;
        }
        if (fstatat(dirfd(list), name, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT) {
            err = hr_why_errno(w->why, errno, "cannot look at %s/%s", w->data, name);
        } else if (S_ISDIR(info.st_mode)) {
            err = add_folder(w, name);
        }
    }
    if (err == HR_OK && errno != 0) {
        err = hr_why_errno(w->why, errno, "cannot read %s", w->data);
    }
    closedir(list);
    return err;
}

static hr_err add_log_file(const log_archive_file *file, void *context)
{
    writing *w = context;
    if (file->fd >= 0) {
        return add_fd(w, "journal", file->name, file->fd, file->size, 0640);
    }
    char member[TAR_NAME_MAX * 2];
    snprintf(member, sizeof member, "journal/%s", file->name);
    hr_err err = tar_begin(&w->tar, member, file->size, 0640);
    if (err == HR_OK) {
        err = tar_put(&w->tar, file->bytes, file->size);
    }
    w->counts->files++;
    w->counts->bytes += file->size;
    return err == HR_OK ? HR_OK : put_failed(w, err);
}

static hr_err add_everything(writing *w)
{
    static const char head[] = "hedgerow-backup 1\n";
    char journal[PATH_ROOM];
    log_store *log = NULL;
    log_archive *archive = NULL;
    snprintf(journal, sizeof journal, "%s/journal", w->data);
    hr_err err =
        log_open(&(log_options){.folder = journal, .clock = hr_clock_real(), .read_only = true},
                 &log, w->why);
    if (err == HR_OK) {
        err = log_archive_begin(log, &archive, w->why);
    }
    if (err == HR_OK) {
        errno = 0;
        err = tar_begin(&w->tar, BACKUP_HEAD_NAME, sizeof head - 1, 0600);
        err = err == HR_OK ? tar_put(&w->tar, head, sizeof head - 1) : err;
        err = err == HR_OK ? HR_OK : put_failed(w, err);
    }
    if (err == HR_OK) {
        err = add_folders(w);
    }
    if (err == HR_OK) {
        err = add_folder(w, NULL);
    }
    if (err == HR_OK) {
        err = log_archive_each(archive, add_log_file, w, w->why);
    }
    if (err == HR_OK) {
        err = add_one(w, NULL, "catalog.db");
    }
    if (err == HR_OK) {
        err = add_one(w, NULL, "accounts.db");
    }
    if (err == HR_OK) {
        err = add_folder(w, "broker");
    }
    log_archive_end(archive);
    log_close(log);
    if (err == HR_OK && tar_end(&w->tar) != HR_OK) {
        err = put_failed(w, HR_IO);
    }
    return err;
}

/* The file aside, and for us alone: two backups of one name would write into each other, and what
 * came of it would look like one. */
static hr_err open_aside(const char *aside, FILE **out, hr_why *why)
{
    struct stat ours;
    struct stat named;
    int fd = open(aside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside);
    }
    bool is_locked = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (is_locked || fstat(fd, &ours) != 0 || stat(aside, &named) != 0 ||
        ours.st_ino != named.st_ino) {
        close(fd);
        return hr_why_set(why, HR_CONFLICT, "another backup is just being written to %s", aside);
    }
    *out = fdopen(fd, "wb");
    if (*out == NULL) {
        close(fd);
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the backup");
    }
    return HR_OK;
}

/* Into the file aside, made durable. */
static hr_err write_aside(const char *data, const char *aside, FILE *file, backup_counts *counts,
                          hr_why *why)
{
    writing w = {.data = data, .counts = counts, .patience = {.limit_ms = PATIENCE_MS}, .why = why};
    *counts = (backup_counts){0};
    snprintf(w.snapshot, sizeof w.snapshot, "%s.db", aside);
    rewind(file);
    if (ftruncate(fileno(file), 0) != 0) {
        return hr_why_errno(why, errno, "cannot write %s", aside);
    }
    tar_init(&w.tar, file);
    hr_err err = add_everything(&w);
    if (err == HR_OK && (fflush(file) != 0 || fsync(fileno(file)) != 0)) {
        err = hr_why_errno(why, errno, "cannot write %s", aside);
    }
    tar_fini(&w.tar);
    return err;
}

/* Is the file's folder the data folder, or one in it? What cannot be told will fail by itself. */
static bool is_within(const char *data, const char *path)
{
    char folder[API_DATA_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    char *inner = realpath(folder, NULL);
    char *outer = realpath(data, NULL);
    size_t size = outer != NULL ? strlen(outer) : 0;
    bool is = inner != NULL && outer != NULL && strncmp(inner, outer, size) == 0 &&
              (inner[size] == 0 || inner[size] == '/');
    free(inner);
    free(outer);
    return is;
}

hr_err backup_write(const char *data, const char *path, backup_counts *counts, hr_why *why)
{
    char aside[PATH_ROOM];
    char damaged[PATH_ROOM];
    if (strlen(data) >= API_DATA_PATH_MAX || strlen(path) >= API_DATA_PATH_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "the path is too long");
    }
    if (is_within(data, path)) {
        return hr_why_set(why, HR_INVALID,
                          "%s lies in the data folder, and would be part of the next backup: write "
                          "it to another place, best on another disk",
                          path);
    }
    /* A device or a pipe would be replaced, not written to. */
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return hr_why_set(why, HR_INVALID, "%s is no file that could be replaced", path);
    }
    snprintf(aside, sizeof aside, "%s.part", path);
    snprintf(damaged, sizeof damaged, "%s.damaged", path);
    FILE *file = NULL;
    hr_err err = open_aside(aside, &file, why);
    if (err != HR_OK) {
        return err;
    }
    err = HR_GONE;
    for (int i = 0; err == HR_GONE && i < TRIES_MAX; i++) {
        err = write_aside(data, aside, file, counts, why);
    }
    const char *target = err == HR_OK && counts->unreadable > 0 ? damaged : path;
    if (err == HR_OK && rename(aside, target) != 0) {
        err = hr_why_errno(why, errno, "cannot rename %s", aside);
    }
    if (err != HR_OK) {
        unlink(aside);
    }
    fclose(file); /* only now may another one begin; everything is written */
    err = err == HR_OK ? backup_sync_parent(target, why) : err;
    return err != HR_OK || target == path
               ? err
               : hr_why_set(why, HR_CORRUPT,
                            "the disk cannot read all of the folder (%llu places): %s holds the "
                            "rest, and no older backup was replaced. Replace the disk or SD card",
                            (unsigned long long)counts->unreadable, damaged);
}

/* Root's note must be the service's own, as all of its folder; and a new file, since root must give
 * away none that was there. */
void backup_note(const char *data)
{
    char note[PATH_ROOM];
    struct stat info;
    snprintf(note, sizeof note, "%s/" BACKUP_NOTE_NAME, data);
    unlink(note);
    int fd = open(note, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool is_owned = stat(data, &info) == 0 &&
                        (info.st_uid == geteuid() || fchown(fd, info.st_uid, info.st_gid) == 0);
        if (!is_owned) {
            unlink(note);
        }
        close(fd);
    }
}
