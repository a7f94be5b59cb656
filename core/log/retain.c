/* core/log/retain.c - letting go of old files, and what keeps them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "parts.h"

hr_err journal_floor_set(log_store *log, const char *name, uint8_t topic, uint16_t partition,
                         int64_t offset)
{
    journal *j = journal_of(log);
    uint32_t flat = layout_flat(&j->layout, topic, partition);
    size_t size = strlen(name);
    hr_err err = HR_OK;
    if (size == 0 || size > JOURNAL_NAME_MAX) {
        return HR_INVALID;
    }
    pthread_mutex_lock(&j->lock);
    uint32_t i = 0;
    while (i < j->floor_count &&
           (j->floors[i].flat != flat || strcmp(j->floors[i].name, name) != 0)) {
        i++;
    }
    if (offset == INT64_MAX) {
        if (i < j->floor_count) {
            j->floors[i] = j->floors[--j->floor_count];
        }
    } else if (i == JOURNAL_FLOORS_MAX) {
        err = HR_TOO_BIG;
    } else {
        j->floor_count += i == j->floor_count;
        j->floors[i] = (journal_floor){.flat = flat, .offset = offset};
        memcpy(j->floors[i].name, name, size + 1);
    }
    pthread_mutex_unlock(&j->lock);
    return err;
}

/* Append lock held. Would a floor lie before these starts? */
static bool is_below_floor(const journal *j, const int64_t *starts)
{
    for (uint32_t i = 0; i < j->floor_count; i++) {
        if (j->floors[i].offset < starts[j->floors[i].flat]) {
            return true;
        }
    }
    return false;
}

/* List lock held. False where damage has taken a file's opening and what told of it. */
static bool is_beginning_known(const journal *j, const journal_file *file)
{
    for (uint32_t p = 0; file->row_count > 0 && p < j->layout.total; p++) {
        if (file->rows[2 + p] < 0) {
            return false;
        }
    }
    return file->row_count > 0;
}

/* Append and list lock held. How many of the oldest files may go, at least forced ones if floors
 * let them; starts: where the log begins then. The newest closed file stays too: its successor may
 * not have a record yet. */
static uint32_t count_removable(journal *j, uint32_t forced, int64_t *starts)
{
    journal_files *files = &j->files;
    const log_options *o = &j->options;
    /* A clock that nobody keeps may be years ahead: then only the size counts. */
    bool has_time = o->retain_ms > 0 && hr_clock_is_synchronised(o->clock);
    int64_t oldest_ms = has_time ? hr_clock_now_ms(o->clock) - o->retain_ms : INT64_MIN;
    uint64_t bytes = j->tail.position - (files->count > 0 ? files->list[0]->base : 0);
    uint32_t removable = 0;
    for (uint32_t i = 0; i + 1 < files->count; i++) {
        const journal_file *file = files->list[i];
        const journal_file *next = files->list[i + 1];
        bool is_too_much = o->retain_bytes > 0 && bytes > o->retain_bytes;
        bool is_too_old = has_time && file->newest_ms != INT64_MIN && file->newest_ms < oldest_ms;
        if (!(is_too_much || is_too_old || removable < forced) || file->is_unsynced) {
            break;
        }
        bytes -= next->base - file->base;
        if (!is_beginning_known(j, next)) {
            continue; /* it goes with the next one, or stays with this one */
        }
        if (is_below_floor(j, next->rows + 2)) {
            break;
        }
        memcpy(starts, next->rows + 2, j->layout.total * sizeof *starts);
        removable = i + 1;
    }
    return removable;
}

/* Append lock held. Told before the files go, so that nobody looks for what is in them. */
static void move_starts(journal *j, const int64_t *starts)
{
    for (uint32_t p = 0; p < j->layout.total; p++) {
        atomic_store_explicit(&j->starts[p], starts[p], memory_order_release);
    }
}

/* Files that could not go are tried again. A crash would bring back the start that they say, and
 * what held there: whoever forgets what the log needs no more must not be told of a later one. */
static void move_starts_back(journal *j)
{
    int64_t starts[LOG_PARTITIONS_MAX];
    pthread_mutex_lock(&j->lock);
    pthread_mutex_lock(&j->files.lock);
    const journal_file *first = j->files.list[0];
    for (uint32_t p = 0; p < j->layout.total; p++) {
        bool is_known = first->row_count > 0 && first->rows[2 + p] > 0;
        starts[p] = is_known ? first->rows[2 + p] : 0;
    }
    pthread_mutex_unlock(&j->files.lock);
    move_starts(j, starts);
    pthread_mutex_unlock(&j->lock);
}

/* Groups that had not come so far are moved, and told how much they missed. */
static void move_groups(journal *j)
{
    pthread_mutex_lock(&j->lock);
    for (uint32_t p = 0; p < j->layout.total; p++) {
        int64_t start = atomic_load(&j->starts[p]);
        for (uint32_t g = 0; g < j->group_count; g++) {
            int64_t *offset = &j->groups[g].offsets[p];
            if (*offset >= 0 && *offset < start) {
                hr_logline(HR_LEVEL_WARN, "log.group_skipped", "group=%s records=%lld",
                           j->groups[g].name, (long long)(start - *offset));
                hr_counter_add(j->metrics.skipped, (uint64_t)(start - *offset));
                *offset = start;
                j->are_groups_unsaved = true;
            }
        }
    }
    pthread_mutex_unlock(&j->lock);
}

/* name gets the file that is removed, or would not go. */
static int remove_oldest(journal *j, char name[FILE_NAME_BYTES])
{
    pthread_mutex_lock(&j->files.lock);
    journal_file *file = j->files.list[0];
    pthread_mutex_unlock(&j->files.lock);
    uint64_t seq = file->seq;
    /* One that will not go stays in the list, is tried again, and keeps those behind it: without
     * them the next start would find a hole. A reader that comes now passes over it. */
    file_name(name, seq, "log");
    int failed = disk_remove(j->folder, name);
    if (failed != 0 && failed != ENOENT) {
        return failed;
    }
    files_remove(&j->files, file);
    pthread_mutex_lock(&j->files.lock);
    atomic_store(&j->first_base, j->files.list[0]->base);
    pthread_mutex_unlock(&j->files.lock);
    hr_counter_add(j->metrics.files_removed, 1);
    file_name(name, seq, "idx");
    failed = disk_remove(j->folder, name);
    failed = failed == ENOENT ? 0 : failed;
    /* One at a time: a power cut must not bring back a file without its successor. */
    return failed == 0 ? disk_sync_folder(j->folder) : failed;
}

/* *removed: how many files went. */
static hr_err let_go(journal *j, uint32_t forced, uint32_t *removed, hr_why *why)
{
    int64_t starts[LOG_PARTITIONS_MAX];
    if (j->options.read_only) {
        return HR_DENIED;
    }
    pthread_mutex_lock(&j->retain_lock);
    pthread_mutex_lock(&j->lock);
    pthread_mutex_lock(&j->files.lock);
    uint32_t count = count_removable(j, forced, starts);
    pthread_mutex_unlock(&j->files.lock);
    if (count > 0) {
        move_starts(j, starts);
    }
    log_position appended = j->tail.position;
    pthread_mutex_unlock(&j->lock);
    char name[FILE_NAME_BYTES];
    hr_err err = HR_OK;
    int failed = 0;
    *removed = count;
    if (count > 0) {
        /* What the files say of producers must not go with them. */
        err = journal_save_side(j);
    }
    for (; err == HR_OK && failed == 0 && count > 0; count--) {
        failed = remove_oldest(j, name);
    }
    if (err != HR_OK || failed != 0) {
        move_starts_back(j);
    }
    if (*removed > 0) {
        journal_load_kept(j);
    }
    move_groups(j);
    hr_gauge_set(j->metrics.bytes, (int64_t)(appended - atomic_load(&j->first_base)));
    pthread_mutex_unlock(&j->retain_lock);
    if (err != HR_OK) {
        return hr_why_set(why, err, "the side file in %s: %s", j->folder, hr_err_text(err));
    }
    if (failed != 0) {
        return hr_why_errno(why, failed,
                            "cannot remove %s/%s (let this user, or remove it by hand: the log "
                            "grows to its limit until then)",
                            j->folder, name);
    }
    return HR_OK;
}

hr_err journal_retain(log_store *log, hr_why *why)
{
    uint32_t removed;
    return let_go(journal_of(log), 0, &removed, why);
}

hr_err journal_let_go(log_store *log, hr_why *why)
{
    uint32_t removed = 0;
    hr_err err = let_go(journal_of(log), 1, &removed, why);
    return err == HR_OK && removed == 0 ? hr_why_set(why, HR_NOT_FOUND, "no file may go") : err;
}
