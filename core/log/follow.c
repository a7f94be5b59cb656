/* core/log/follow.c - a read-only log beside a running service sees what is appended meanwhile. */
#include <errno.h>
#include <stdlib.h>
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
    scan_init(s, file->fd, file->base, file->base + size);
    log_position at = j->tail.position;
    while (err == HR_OK && scan_look(s, at, true, &frame) == SCAN_FRAME) {
        files_index(&j->files, file, at, j->tail.newest_ms, j->tail.next);
        err = state_apply(&j->tail, &frame, NULL, NULL);
        at += frame.head.length;
    }
    scan_fini(s);
    return err;
}

/* Lock held. Has the service begun the next file? */
static hr_err follow_roll(journal *j, journal_file *file, bool *has_rolled, hr_why *why)
{
    char name[FILE_NAME_BYTES];
    char path[DISK_PATH_MAX];
    *has_rolled = false;
    file_name(name, j->next_seq, "log");
    disk_path(path, j->folder, name);
    if (access(path, R_OK) != 0) {
        return HR_OK;
    }
    found_files found;
    hr_err err = find_files(j, &found, why);
    if (err != HR_OK) {
        return err;
    }
    for (uint32_t i = 0; err == HR_OK && i < found.count; i++) {
        const found_file *f = &found.list[i];
        if (f->seq != j->next_seq || f->base != j->tail.position) {
            continue;
        }
        journal_file *next = file_new(f->seq, f->base);
        if (next == NULL || files_add(&j->files, next) != HR_OK) {
            file_free(next);
            err = HR_NO_MEMORY;
            break;
        }
        files_index_end(&j->files, file, f->base, j->tail.newest_ms, j->tail.next);
        atomic_store_explicit(&file->end, f->base, memory_order_release);
        files_index(&j->files, next, f->base, j->tail.newest_ms, j->tail.next);
        j->next_seq++;
        *has_rolled = true;
    }
    found_fini(&found);
    return err;
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
        if (err != HR_OK || file == NULL) {
            break;
        }
        err = follow_file(j, file, s);
        if (err == HR_OK) {
            err = follow_roll(j, file, &has_rolled, why);
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
