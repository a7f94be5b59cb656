/* core/log/file.c - the list of files: who holds which, and where in it to begin reading. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void file_name(char name[FILE_NAME_BYTES], uint64_t seq, const char *suffix)
{
    snprintf(name, FILE_NAME_BYTES, "%012llu.%s", (unsigned long long)seq, suffix);
}

bool file_name_parse(const char *name, const char *suffix, uint64_t *seq)
{
    uint64_t value = 0;
    const char *at = name;
    for (; *at >= '0' && *at <= '9' && at - name < 18; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at - name < 12 || *at != '.' || strcmp(at + 1, suffix) != 0) {
        return false;
    }
    *seq = value;
    return true;
}

hr_err files_init(journal_files *files, const char *folder, const log_layout *layout,
                  bool read_only)
{
    *files = (journal_files){.folder = folder, .layout = layout, .read_only = read_only};
    return pthread_mutex_init(&files->lock, NULL) == 0 ? HR_OK : HR_NO_MEMORY;
}

void files_fini(journal_files *files)
{
    for (uint32_t i = 0; i < files->count; i++) {
        file_free(files->list[i]);
    }
    free(files->list);
    pthread_mutex_destroy(&files->lock);
}

journal_file *file_new(uint64_t seq, log_position base)
{
    journal_file *file = calloc(1, sizeof *file);
    if (file != NULL) {
        file->seq = seq;
        file->base = base;
        file->fd = -1;
        file->newest_ms = INT64_MIN;
        atomic_init(&file->end, FILE_OPEN);
    }
    return file;
}

void file_free(journal_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file->rows);
    free(file);
}

hr_err files_add(journal_files *files, journal_file *file)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&files->lock);
    if (files->count == files->capacity) {
        uint32_t capacity = files->capacity > 0 ? files->capacity * 2 : 16;
        journal_file **list = realloc(files->list, capacity * sizeof(journal_file *));
        if (list == NULL) {
            err = HR_NO_MEMORY;
            goto out;
        }
        files->list = list;
        files->capacity = capacity;
    }
    uint32_t at = files->count;
    for (; at > 0 && files->list[at - 1]->base > file->base; at--) {
        files->list[at] = files->list[at - 1];
    }
    files->list[at] = file;
    files->count++;
out:
    pthread_mutex_unlock(&files->lock);
    return err;
}

void files_remove(journal_files *files, journal_file *file)
{
    pthread_mutex_lock(&files->lock);
    uint32_t at = 0;
    while (at < files->count && files->list[at] != file) {
        at++;
    }
    if (at < files->count) {
        files->count--;
        memmove(&files->list[at], &files->list[at + 1],
                (files->count - at) * sizeof(journal_file *));
    }
    /* Whoever still reads it holds a reference; the last release frees it. */
    file->is_unsynced = false;
    bool is_held = file->refs > 0;
    file->is_gone = true;
    pthread_mutex_unlock(&files->lock);
    if (!is_held) {
        file_free(file);
    }
}

/* The index in the list of the file holding a position, or the first behind it. Lock held. */
static uint32_t locate(const journal_files *files, log_position at)
{
    uint32_t low = 0;
    uint32_t high = files->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        log_position end = atomic_load_explicit(&files->list[middle]->end, memory_order_relaxed);
        if (end <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int open_file(const journal_files *files, journal_file *file)
{
    char name[FILE_NAME_BYTES];
    char path[DISK_PATH_MAX];
    file_name(name, file->seq, "log");
    disk_path(path, files->folder, name);
    int fd = open(path, (files->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    file->fd = fd;
    return 0;
}

hr_err files_hold(journal_files *files, log_position at, journal_file **out)
{
    pthread_mutex_lock(&files->lock);
    uint32_t i = locate(files, at);
    journal_file *file = i < files->count ? files->list[i] : NULL;
    int failed = file != NULL && file->fd < 0 ? open_file(files, file) : 0;
    if (failed == 0) {
        if (file != NULL) {
            file->refs++;
        }
        *out = file;
    }
    pthread_mutex_unlock(&files->lock);
    return hr_err_from_errno(failed);
}

void files_release(journal_files *files, journal_file *file)
{
    if (file == NULL) {
        return;
    }
    pthread_mutex_lock(&files->lock);
    file->refs--;
    bool is_open = atomic_load_explicit(&file->end, memory_order_relaxed) == FILE_OPEN;
    bool is_gone = file->refs == 0 && file->is_gone;
    if (file->refs == 0 && !is_open && !file->is_unsynced && file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
    pthread_mutex_unlock(&files->lock);
    if (is_gone) {
        file_free(file);
    }
}

static int64_t *row_at(const journal_files *files, const journal_file *file, uint32_t i)
{
    return file->rows + (size_t)i * file_row_width(files->layout);
}

static void add_row(journal_files *files, journal_file *file, log_position at, int64_t newest_ms,
                    const int64_t *next)
{
    size_t width = file_row_width(files->layout);
    if (file->row_count == file->row_capacity) {
        uint32_t capacity = file->row_capacity > 0 ? file->row_capacity * 2 : 8;
        int64_t *rows = realloc(file->rows, capacity * width * sizeof *rows);
        if (rows == NULL) {
            return;
        }
        file->rows = rows;
        file->row_capacity = capacity;
    }
    int64_t *row = row_at(files, file, file->row_count++);
    row[0] = (int64_t)at;
    row[1] = newest_ms;
    memcpy(row + 2, next, files->layout->total * sizeof *next);
}

void files_index(journal_files *files, journal_file *file, log_position at, int64_t newest_ms,
                 const int64_t *next)
{
    /* Only the appender adds rows to a file, so it may look at the last one without the lock. */
    if (file->row_count > 0 &&
        at < (log_position)*row_at(files, file, file->row_count - 1) + FILE_INDEX_STEP_BYTES) {
        return;
    }
    pthread_mutex_lock(&files->lock);
    add_row(files, file, at, newest_ms, next);
    pthread_mutex_unlock(&files->lock);
}

void files_index_end(journal_files *files, journal_file *file, log_position at, int64_t newest_ms,
                     const int64_t *next)
{
    pthread_mutex_lock(&files->lock);
    add_row(files, file, at, newest_ms, next);
    pthread_mutex_unlock(&files->lock);
}

journal_file *files_hold_unsynced(journal_files *files)
{
    journal_file *found = NULL;
    pthread_mutex_lock(&files->lock);
    for (uint32_t i = 0; i < files->count && found == NULL; i++) {
        if (files->list[i]->is_unsynced) {
            found = files->list[i];
            found->refs++;
        }
    }
    pthread_mutex_unlock(&files->lock);
    return found;
}

journal_file *files_hold_unindexed(journal_files *files)
{
    journal_file *found = NULL;
    pthread_mutex_lock(&files->lock);
    for (uint32_t i = 0; i < files->count && found == NULL; i++) {
        journal_file *file = files->list[i];
        if (!file->has_index && !file->is_unsynced &&
            atomic_load_explicit(&file->end, memory_order_relaxed) != FILE_OPEN) {
            file->has_index = true;
            file->refs++;
            found = file;
        }
    }
    pthread_mutex_unlock(&files->lock);
    return found;
}

void files_set_synced(journal_files *files, journal_file *file)
{
    pthread_mutex_lock(&files->lock);
    file->is_unsynced = false;
    pthread_mutex_unlock(&files->lock);
}

/* The last row whose column is at most (or, if strictly, below) value: where to begin. A file
 * without rows is read from its base. Lock held. */
static log_position find_row(journal_files *files, size_t column, int64_t value, bool strictly)
{
    log_position best = files->count > 0 ? files->list[0]->base : 0;
    uint32_t f = files->count;
    while (f > 0) {
        const journal_file *file = files->list[f - 1];
        if (file->row_count > 0) {
            int64_t first = row_at(files, file, 0)[column];
            /* -1: damage has taken what the file began with. */
            bool is_known = strictly || first >= 0;
            if (is_known && (strictly ? first < value : first <= value)) {
                break;
            }
        }
        f--;
    }
    if (f == 0) {
        return best;
    }
    const journal_file *file = files->list[f - 1];
    uint32_t low = 0;
    uint32_t high = file->row_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        int64_t here = row_at(files, file, middle)[column];
        if (strictly ? here < value : here <= value) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (log_position)row_at(files, file, low)[0];
}

log_position files_find_offset(journal_files *files, uint32_t flat, int64_t offset)
{
    pthread_mutex_lock(&files->lock);
    log_position at = find_row(files, 2 + flat, offset, false);
    pthread_mutex_unlock(&files->lock);
    return at;
}

log_position files_find_time(journal_files *files, int64_t append_ms)
{
    pthread_mutex_lock(&files->lock);
    log_position at = find_row(files, 1, append_ms, true);
    pthread_mutex_unlock(&files->lock);
    return at;
}

bool files_find_behind(journal_files *files, log_position at, uint32_t flat, log_position *base,
                       int64_t *next)
{
    pthread_mutex_lock(&files->lock);
    uint32_t i = locate(files, at) + 1;
    bool is_there = i < files->count;
    if (is_there) {
        const journal_file *file = files->list[i];
        *base = file->base;
        *next = file->row_count > 0 ? row_at(files, file, 0)[2 + flat] : -1;
    }
    pthread_mutex_unlock(&files->lock);
    return is_there;
}
