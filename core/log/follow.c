/* core/log/follow.c - a read-only log beside a running service sees what is appended meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

/* Lock held. Count the whole frames behind the tail in, as far as the last file has them. */
static hr_err follow_file(journal *j, journal_file *file, scan *s)
{
    uint64_t size = 0;
    scan_frame frame;
    int failed = disk_size(file->fd, &size);
    if (failed != 0) {
        return hr_err_from_errno(failed);
    }
    hr_err err = HR_OK;
    scan_init(s, file->fd, file->base, file->base + size, NULL);
    log_position at = j->tail.position;
    while (err == HR_OK && scan_look(s, at, true, &frame) == SCAN_FRAME) {
        files_index(&j->files, file, at, j->tail.newest_ms, j->tail.next);
        err = state_apply(&j->tail, &frame, NULL, NULL);
        at += frame.head.length;
    }
    scan_fini(s);
    return err;
}

/* Lock held. The first file with records behind the tail. It begins at the tail, or, when retention
 * has overtaken us, somewhere behind it. NULL: there is none yet. */
static const found_file *find_next(const journal *j, const found_files *found, bool is_overtaken)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const found_file *f = &found->list[i];
        if (f->seq >= j->next_seq &&
            (f->base == j->tail.position || (is_overtaken && f->base > j->tail.position))) {
            return f;
        }
    }
    return NULL;
}

/* Lock held. What lay before that file is gone: the log begins there. */
static void begin_at(journal *j, const found_file *f)
{
    if (f->next != NULL) {
        state_learn(&j->tail, f->next, NULL, NULL);
    }
    for (uint32_t p = 0; p < j->layout.total; p++) {
        atomic_store_explicit(&j->starts[p], j->tail.next[p], memory_order_release);
    }
    atomic_store(&j->first_base, f->base);
    j->tail.position = f->base;
}

/* Lock held. Go on to the next file; the last one ends at the tail. */
static hr_err add_next(journal *j, const found_file *f)
{
    journal_file *last = j->files.list[j->files.count - 1];
    journal_file *next = file_new(f->seq, f->base);
    if (next == NULL || files_add(&j->files, next) != HR_OK) {
        file_free(next);
        return HR_NO_MEMORY;
    }
    files_index_end(&j->files, last, j->tail.position, j->tail.newest_ms, j->tail.next);
    atomic_store_explicit(&last->end, j->tail.position, memory_order_release);
    if (f->base > j->tail.position) {
        begin_at(j, f);
    }
    files_index(&j->files, next, f->base, j->tail.newest_ms, j->tail.next);
    j->next_seq = f->seq + 1;
    return HR_OK;
}

/* Lock held. Has the service begun the next file? is_overtaken: it has, and has let the last one
 * that we know of go. */
static hr_err follow_roll(journal *j, bool is_overtaken, bool *has_rolled, hr_why *why)
{
    char name[FILE_NAME_BYTES];
    char path[DISK_PATH_MAX];
    *has_rolled = false;
    file_name(name, j->next_seq, "log");
    disk_path(path, j->folder, name);
    if (!is_overtaken && access(path, R_OK) != 0) {
        return HR_OK;
    }
    found_files found;
    hr_err err = find_files(j, &found, why);
    if (err != HR_OK) {
        return err;
    }
    const found_file *next = find_next(j, &found, is_overtaken);
    if (next != NULL) {
        err = add_next(j, next);
        *has_rolled = err == HR_OK;
    }
    found_fini(&found);
    return err;
}

static bool has_no_name(const journal_file *file)
{
    struct stat status;
    return fstat(file->fd, &status) == 0 && status.st_nlink == 0;
}

hr_err journal_follow(journal *j, hr_why *why)
{
    hr_err err = HR_OK;
    bool has_rolled = true;
    scan *s = malloc(sizeof *s);
    if (s == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    pthread_mutex_lock(&j->lock);
    while (err == HR_OK && has_rolled) {
        journal_file *file = NULL;
        err = files_hold(&j->files, j->tail.position, &file);
        bool is_overtaken = err == HR_NOT_FOUND;
        if (err == HR_OK && file != NULL) {
            is_overtaken = has_no_name(file); /* all that is in it can still be read */
            err = follow_file(j, file, s);
        }
        if (err == HR_OK || err == HR_NOT_FOUND) {
            err = follow_roll(j, is_overtaken, &has_rolled, why);
        }
        files_release(&j->files, file);
    }
    for (uint32_t p = 0; p < j->layout.total; p++) {
        atomic_store_explicit(&j->appended_next[p], j->tail.next[p], memory_order_release);
        atomic_store_explicit(&j->durable_next[p], j->tail.next[p], memory_order_release);
    }
    atomic_store(&j->appended, j->tail.position);
    atomic_store(&j->durable, j->tail.position);
    pthread_mutex_unlock(&j->lock);
    free(s);
    return err;
}
