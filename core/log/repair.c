/* core/log/repair.c - what recovery writes: the cut, the bytes beside it, the proof. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"
#include "recover.h"

#define COPY_BYTES (1u << 20)

/* Later files hold only what was never acknowledged: they get another name. */
static int set_later_aside(recovery *r)
{
    journal *j = r->j;
    uint32_t kept = r->is_void ? 0 : r->last + 1;
    int failed = 0;
    while (failed == 0 && j->files.count > kept) {
        char name[FILE_NAME_BYTES];
        char aside[FILE_NAME_BYTES];
        journal_file *file = j->files.list[j->files.count - 1];
        file_name(name, file->seq, "log");
        file_name(aside, file->seq, "torn");
        failed = disk_rename(j->folder, name, aside);
        if (failed == 0) {
            hr_logline(HR_LEVEL_WARN, "log.set_aside", "file=%s", aside);
            files_remove(&j->files, file);
        }
    }
    return failed == 0 ? disk_sync_folder(j->folder) : failed;
}

hr_err recovery_set_unread_aside(recovery *r, hr_why *why)
{
    const journal *j = r->j;
    uint64_t seq = r->found.unread_seq_max;
    if (seq == 0 || seq != r->found.seq_max || j->options.read_only) {
        return HR_OK;
    }
    /* Frames to come would stand at the same places of the log, if it could be read again. */
    char name[FILE_NAME_BYTES];
    char aside[FILE_NAME_BYTES];
    file_name(name, seq, "log");
    file_name(aside, seq, "torn");
    int failed = disk_rename(j->folder, name, aside);
    failed = failed == 0 ? disk_sync_folder(j->folder) : failed;
    if (failed != 0) {
        return hr_why_errno(why, failed, "set %s/%s aside", j->folder, name);
    }
    hr_logline(HR_LEVEL_ERROR, "log.set_aside", "file=%s why=\"cannot be read\"", aside);
    return HR_OK;
}

/* Keep the bytes that are about to be cut, for whoever wants to know. Not being able to is no
 * reason not to start. */
static void keep_torn(recovery *r, int fd, log_position base, log_position to)
{
    char name[FILE_NAME_BYTES + 24];
    size_t size = (size_t)(to - r->end);
    size_t got = 0;
    uint8_t *bytes = malloc(size);
    snprintf(name, sizeof name, "%016llx.torn", (unsigned long long)r->end);
    int failed = bytes != NULL ? disk_read(fd, bytes, size, r->end - base, &got) : ENOMEM;
    if (failed == 0) {
        failed = disk_write_new(r->j->folder, name, bytes, got);
    }
    free(bytes);
    hr_logline(HR_LEVEL_WARN, "log.torn_tail", "position=%llu bytes=%llu kept=%s",
               (unsigned long long)r->end, (unsigned long long)size,
               failed == 0 ? name : strerrorname_np(failed));
}

/* Cut whatever stands behind the end. What cannot be read may be one day, so it stays: the log then
 * goes on in a new file, where the old one ends whatever stands in it. The proven end goes into the
 * side file first: the mark that told it may be among what is cut, and a second crash must not take
 * damage for a torn tail. */
static hr_err cut(recovery *r, journal_file *file, uint64_t size, hr_why *why)
{
    scan_init(r->scan, file->fd, file->base, file->base + size, &r->j->patience);
    /* Not a byte can be appended to a page that cannot be read. */
    log_position page = r->end - (r->end - file->base) % DISK_PAGE_BYTES;
    log_position torn_end = scan_last_nonzero(r->scan, page);
    torn_end = torn_end > r->end ? torn_end : r->end;
    int failed = r->scan->failed;
    r->must_roll = r->scan->is_unread;
    scan_fini(r->scan);
    bool has_later = r->j->files.count > r->last + 1;
    if (failed == 0 && torn_end == r->end && !has_later) {
        return HR_OK;
    }
    hr_err err = HR_OK;
    if (failed == 0) {
        err = side_save_proven(r->j, &r->seed, r->proven, why);
    }
    if (err == HR_NO_SPACE) {
        journal_set_full(r->j);
        err = side_save_proven(r->j, &r->seed, r->proven, why);
    }
    if (err != HR_OK) {
        return err;
    }
    if (failed == 0 && has_later) {
        failed = set_later_aside(r);
    }
    if (failed == 0 && torn_end > r->end && !r->must_roll) {
        keep_torn(r, file->fd, file->base, torn_end);
        failed = disk_truncate(file->fd, r->end - file->base);
        if (failed == 0 && fsync(file->fd) != 0) {
            failed = errno;
        }
    }
    return failed == 0 ? HR_OK : hr_why_errno(why, failed, "cut the journal in %s", r->j->folder);
}

/* The file where the log ends gets the next frames: it is open again, and without an index. */
static hr_err reopen_last(recovery *r, hr_why *why)
{
    journal *j = r->j;
    char name[FILE_NAME_BYTES];
    journal_file *file = NULL;
    hr_err err = files_hold(&j->files, r->found.list[r->last].base, &file);
    if (err != HR_OK || file == NULL) {
        return hr_why_set(why, err != HR_OK ? err : HR_IO, "open the last file in %s", j->folder);
    }
    atomic_store(&file->end, FILE_OPEN);
    file->has_index = false;
    err = cut(r, file, r->found.list[r->last].size, why);
    if (err == HR_OK && r->must_roll) {
        recovery_end_last(r);
        atomic_store(&file->end, r->end);
    } else if (err == HR_OK) {
        /* One that will not go is of another length than the file will have. */
        file_name(name, file->seq, "idx");
        (void)!disk_remove(j->folder, name);
        int failed = disk_size(file->fd, &j->reserved);
        err = failed == 0 ? HR_OK : hr_why_errno(why, failed, "reopen %s", name);
    }
    j->active = r->must_roll ? NULL : file;
    files_release(&j->files, file);
    return err;
}

/* How many of size bytes from a place on lie in the same page. */
static size_t in_page(uint64_t at, size_t size)
{
    size_t left = DISK_PAGE_BYTES - (size_t)(at % DISK_PAGE_BYTES);
    return left < size ? left : size;
}

/* Write the same bytes again, but for pages that cannot be read, from one place of the log to
 * another. */
static int rewrite(journal *j, log_position from, log_position to, uint8_t *bytes)
{
    int failed = 0;
    while (failed == 0 && from < to) {
        journal_file *file = NULL;
        if (files_hold(&j->files, from, &file) != HR_OK || file == NULL) {
            return EIO;
        }
        log_position end = atomic_load(&file->end) < to ? atomic_load(&file->end) : to;
        from = from < file->base ? file->base : from;
        while (failed == 0 && from < end) {
            size_t size = end - from < COPY_BYTES ? (size_t)(end - from) : COPY_BYTES;
            size_t got = 0;
            failed = disk_read(file->fd, bytes, size, from - file->base, &got);
            if (failed == 0 && got < size) {
                failed = EIO; /* it was there when the log was read */
            } else if (patience_is_bad_place(failed)) {
                failed = got > 0 || patience_give_up(&j->patience) ? 0 : failed;
                size = got > 0 ? got : in_page(from - file->base, size);
            }
            if (failed == 0 && got > 0) {
                failed = disk_write(file->fd, bytes, got, from - file->base);
            }
            from += size;
        }
        if (failed == 0 && fsync(file->fd) != 0) {
            failed = errno;
        }
        files_release(&j->files, file);
    }
    return failed;
}

/* Nothing that stands between the proven end and the end is known to be on the disk: a sync may
 * have failed, after which the kernel calls pages clean that never were written. */
static int prove(recovery *r)
{
    journal *j = r->j;
    uint8_t *bytes = malloc(COPY_BYTES);
    if (bytes == NULL) {
        return ENOMEM;
    }
    int failed = rewrite(j, r->proven, r->end, bytes);
    free(bytes);
    if (failed == 0 && fdatasync(j->active->fd) != 0) {
        failed = errno;
    }
    if (failed == 0) {
        failed = disk_sync_folder(j->folder);
    }
    if (failed != 0) {
        return failed;
    }
    atomic_store(&j->durable, j->tail.position);
    failed = journal_mark(j, true);
    if (failed == ENOSPC || failed == EDQUOT) {
        journal_set_full(j);
        failed = 0;
    }
    if (failed == 0 && fdatasync(j->active->fd) != 0) {
        failed = errno;
    }
    return failed;
}

static hr_err begin_file(recovery *r, hr_why *why)
{
    journal *j = r->j;
    if (j->files.count > 0) {
        journal_file *last = j->files.list[j->files.count - 1];
        atomic_store(&last->end, r->end);
    }
    int failed = journal_roll(j);
    if (failed == ENOSPC || failed == EDQUOT) {
        journal_set_full(j);
        failed = journal_roll(j);
    }
    return failed == 0 ? HR_OK : hr_why_errno(why, failed, "begin a file in %s", j->folder);
}

hr_err recovery_repair(recovery *r, hr_why *why)
{
    journal *j = r->j;
    hr_err err = HR_OK;
    bool has_last = r->found.count > 0 && !r->must_roll && !r->is_void;
    if (has_last) {
        err = reopen_last(r, why);
    } else if (r->is_void) {
        int failed = set_later_aside(r);
        err = failed == 0 ? HR_OK : hr_why_errno(why, failed, "set files in %s aside", j->folder);
    }
    if (err != HR_OK) {
        return err;
    }
    recovery_publish(r);
    if (!has_last || r->must_roll) {
        err = begin_file(r, why);
    }
    if (err != HR_OK) {
        return err;
    }
    int failed = prove(r);
    if (failed != 0) {
        return hr_why_errno(why, failed, "make the journal in %s durable", j->folder);
    }
    j->is_folder_unsynced = false;
    journal_load_kept(j);
    journal_tidy(j);
    atomic_store(&j->appended, j->tail.position);
    atomic_store(&j->durable, j->tail.position);
    j->commit_wanted = j->tail.position;
    j->closing_mark_at = j->tail.position;
    j->full_mark_at = j->tail.position;
    return HR_OK;
}

void recovery_adopt(recovery *r)
{
    journal *j = r->j;
    recovery_publish(r);
    j->tail.proven = r->proven;
    if (j->files.count > 0) {
        atomic_store(&j->files.list[j->files.count - 1]->end, FILE_OPEN);
    }
    journal_load_kept(j);
    atomic_store(&j->appended, j->tail.position);
    atomic_store(&j->durable, j->tail.position);
}
