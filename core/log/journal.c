/* core/log/journal.c - opening, closing, and the small answers. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/logline.h"
#include "parts.h"

#define OPEN_TRIES_MAX 3 /* of a read-only log, under which retention takes files */

static _Atomic uint64_t next_serial = 1;

hr_err journal_make_arrays(journal *j)
{
    size_t count = j->layout.total > 0 ? j->layout.total : 1;
    j->starts = calloc(count, sizeof *j->starts);
    j->appended_next = calloc(count, sizeof *j->appended_next);
    j->durable_next = calloc(count, sizeof *j->durable_next);
    j->commit_next = calloc(count, sizeof *j->commit_next);
    j->start_kept = calloc(count, sizeof *j->start_kept);
    bool has_all = j->starts != NULL && j->appended_next != NULL && j->durable_next != NULL &&
                   j->commit_next != NULL && j->start_kept != NULL;
    return has_all ? HR_OK : HR_NO_MEMORY;
}

static void set_up_metrics(journal *j)
{
    hr_metrics *m = j->options.metrics != NULL ? j->options.metrics : j->own_metrics;
    j->metrics = (journal_metrics){
        .frames = hr_metrics_counter(m, "hedgerow_log_frames_total", "", "Frames appended"),
        .record_bytes = hr_metrics_counter(m, "hedgerow_log_record_bytes_total", "",
                                           "Bytes of records appended"),
        .written_bytes = hr_metrics_counter(m, "hedgerow_log_written_bytes_total", "",
                                            "Bytes handed to the kernel, marks and all"),
        .commits = hr_metrics_counter(m, "hedgerow_log_commits_total", "", "Completed syncs"),
        .damages = hr_metrics_counter(m, "hedgerow_log_damages_total", "",
                                      "Runs of damaged bytes and of lost records found"),
        .producer_gap = hr_metrics_counter(m, "hedgerow_log_producer_gap_total", "",
                                           "Sequences that producers no longer held"),
        .skipped = hr_metrics_counter(m, "hedgerow_log_group_skipped_total", "",
                                      "Records that retention took before a group had read them"),
        .files_removed = hr_metrics_counter(m, "hedgerow_log_files_removed_total", "",
                                            "Files that retention let go"),
        .bytes = hr_metrics_gauge(m, "hedgerow_log_bytes", "", "Bytes of the journal"),
        .commit_seconds = hr_metrics_histogram(m, "hedgerow_log_commit_seconds", "",
                                               "Time of a commit's sync", 1e-9),
    };
}

static hr_err init(journal *j, const log_options *options)
{
    j->store.ops = &journal_ops;
    j->options = *options;
    j->lock_fd = -1;
    j->serial = atomic_fetch_add(&next_serial, 1);
    j->options.file_bytes = options->file_bytes > 0 ? options->file_bytes : JOURNAL_FILE_BYTES;
    j->options.reserve_bytes =
        options->reserve_bytes > 0 ? options->reserve_bytes : JOURNAL_RESERVE_BYTES;
    if (j->options.reserve_bytes > j->options.file_bytes) {
        j->options.reserve_bytes = j->options.file_bytes;
    }
    j->options.headroom_bytes =
        options->headroom_bytes > 0 ? options->headroom_bytes : JOURNAL_HEADROOM_BYTES;
    j->options.closing_mark_ms =
        options->closing_mark_ms > 0 ? options->closing_mark_ms : JOURNAL_CLOSING_MS;
    memcpy(j->folder, options->folder, strlen(options->folder) + 1);
    j->patience.folder = options->read_only ? NULL : j->folder;
    j->patience.limit_ms = options->patience_ms > 0 ? options->patience_ms : PATIENCE_MS;
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return HR_NO_MEMORY;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->lock, NULL);
    pthread_mutex_init(&j->side_lock, NULL);
    pthread_mutex_init(&j->wait_lock, NULL);
    pthread_mutex_init(&j->damage_lock, NULL);
    pthread_mutex_init(&j->retain_lock, NULL);
    pthread_cond_init(&j->work, &monotonic);
    pthread_cond_init(&j->moved[LOG_COMMITTED], &monotonic);
    pthread_cond_init(&j->moved[LOG_APPENDED], &monotonic);
    pthread_cond_init(&j->side_moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    hr_err err = files_init(&j->files, j->folder, &j->layout, options->read_only);
    if (err == HR_OK && options->metrics == NULL) {
        j->own_metrics = hr_metrics_new();
        err = j->own_metrics != NULL ? HR_OK : HR_NO_MEMORY;
    }
    if (err == HR_OK) {
        set_up_metrics(j);
    }
    return err;
}

static void destroy(journal *j)
{
    files_fini(&j->files);
    state_fini(&j->tail);
    journal_forget_groups(j);
    free(j->buffer);
    free(j->commit_next);
    free(j->start_kept);
    free(j->damages);
    free((void *)j->starts);
    free((void *)j->appended_next);
    free((void *)j->durable_next);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->side_lock);
    pthread_mutex_destroy(&j->wait_lock);
    pthread_mutex_destroy(&j->damage_lock);
    pthread_mutex_destroy(&j->retain_lock);
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->moved[LOG_COMMITTED]);
    pthread_cond_destroy(&j->moved[LOG_APPENDED]);
    pthread_cond_destroy(&j->side_moved);
    hr_metrics_free(j->own_metrics);
    if (j->lock_fd >= 0) {
        (void)flock(j->lock_fd, LOCK_UN); /* a child that has not come to its exec keeps it open */
        close(j->lock_fd);
    }
    free(j);
}

/* Make the folder and those above it, and make each of them durable in its parent. */
static int make_folder(const char *folder)
{
    char path[DISK_PATH_MAX];
    size_t size = strlen(folder);
    memcpy(path, folder, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        path[i] = '\0';
        bool is_made = mkdir(path, DISK_FOLDERS_MODE) == 0;
        if (!is_made && errno != EEXIST) {
            return errno;
        }
        if (is_made) {
            char parent[DISK_PATH_MAX];
            memcpy(parent, path, i + 1);
            char *slash = strrchr(parent, '/');
            if (slash != NULL && slash != parent) {
                *slash = '\0';
            }
            int failed = disk_sync_folder(slash == NULL ? "." : slash == parent ? "/" : parent);
            if (failed != 0) {
                return failed;
            }
        }
        path[i] = folder[i];
    }
    return 0;
}

static hr_err take_lock(journal *j, hr_why *why)
{
    char path[DISK_PATH_MAX];
    disk_path(path, j->folder, "lock");
    j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, DISK_FILES_MODE);
    if (j->lock_fd < 0) {
        return hr_why_errno(why, errno, "open %s", path);
    }
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return hr_why_set(why, HR_LOCKED, "%s is in use by another process", j->folder);
        }
        return hr_why_errno(why, errno, "lock %s", path);
    }
    return HR_OK;
}

int journal_make_headroom(journal *j)
{
    char path[DISK_PATH_MAX];
    disk_path(path, j->folder, "headroom");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, DISK_FILES_MODE);
    if (fd < 0) {
        return errno;
    }
    int failed = disk_reserve(fd, 0, j->options.headroom_bytes);
    close(fd);
    return failed;
}

static void set_up_headroom(journal *j)
{
    if (!atomic_load(&j->is_full) && journal_make_headroom(j) != 0) {
        journal_set_full(j);
    }
}

static hr_err open_once(const log_options *options, log_store **out, hr_why *why)
{
    if (strlen(options->folder) >= DISK_PATH_MAX - DISK_NAME_ROOM) {
        return hr_why_set(why, HR_TOO_BIG, "the folder's path is too long");
    }
    journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = init(j, options);
    if (err == HR_OK && !options->read_only) {
        int failed = make_folder(j->folder);
        err = failed == 0 ? take_lock(j, why) : hr_why_errno(why, failed, "make %s", j->folder);
    }
    if (err == HR_OK && getrandom(&j->log_id, sizeof j->log_id, 0) != sizeof j->log_id) {
        err = hr_why_errno(why, errno, "random bytes");
    }
    if (err == HR_OK) {
        err = journal_recover(j, why);
    }
    if (err == HR_OK && !options->read_only) {
        err = journal_measure(j, why);
    }
    if (err == HR_OK && !options->read_only) {
        set_up_headroom(j);
        err = journal_start_committer(j);
    }
    if (err != HR_OK) {
        destroy(j);
        return err;
    }
    *out = &j->store;
    return HR_OK;
}

hr_err journal_open(const log_options *options, log_store **out, hr_why *why)
{
    hr_err err = HR_GONE;
    for (int i = 0; err == HR_GONE && i < OPEN_TRIES_MAX; i++) {
        err = open_once(options, out, why);
    }
    return err;
}

/* A clean end: everything durable, a closing mark, the side file, no reserved space left. */
static void close_cleanly(journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->is_side_wanted = true;
    pthread_mutex_unlock(&j->lock);
    if (journal_commit_all(j) != HR_OK) {
        return;
    }
    int failed = disk_truncate(j->active->fd, j->tail.position - j->active->base);
    if (failed == 0 && fsync(j->active->fd) != 0) {
        failed = errno;
    }
    if (failed != 0) {
        /* The next start finds zeros behind the end, as after a crash. */
        hr_logline(HR_LEVEL_WARN, "log.close", "error=%s", strerrorname_np(failed));
    }
}

static void journal_close(log_store *log)
{
    journal *j = journal_of(log);
    journal_stop_committer(j);
    if (!j->options.read_only && atomic_load(&j->failed) == 0) {
        close_cleanly(j);
    }
    destroy(j);
}

void journal_abandon(log_store *log)
{
    journal *j = journal_of(log);
    journal_stop_committer(j);
    destroy(j);
}

static log_position journal_appended(log_store *log)
{
    return atomic_load(&journal_of(log)->appended);
}

static log_position journal_durable(log_store *log)
{
    return atomic_load(&journal_of(log)->durable);
}

static hr_err journal_health(log_store *log, hr_why *why)
{
    journal *j = journal_of(log);
    int failed = atomic_load(&j->failed);
    if (failed != 0) {
        hr_why_errno(why, failed, "the journal in %s failed", j->folder);
        hr_why_reason(why, "disk.failed");
        return HR_IO;
    }
    if (atomic_load(&j->is_full)) {
        hr_why_set(why, HR_NO_SPACE, "the disk with %s is full", j->folder);
        hr_why_reason(why, "disk.full");
        return HR_NO_SPACE;
    }
    if (journal_is_above_hard_limit(j)) {
        hr_why_set(why, HR_NO_SPACE, "%s holds as much as it may", j->folder);
        hr_why_reason(why, "log.limit");
        return HR_NO_SPACE;
    }
    return HR_OK;
}

static int64_t journal_start(log_store *log, uint8_t topic, uint16_t partition)
{
    journal *j = journal_of(log);
    return atomic_load_explicit(&j->starts[layout_flat(&j->layout, topic, partition)],
                                memory_order_acquire);
}

static int64_t journal_end(log_store *log, uint8_t topic, uint16_t partition,
                           log_visibility visibility)
{
    journal *j = journal_of(log);
    const _Atomic int64_t *next = visibility == LOG_COMMITTED ? j->durable_next : j->appended_next;
    return atomic_load_explicit(&next[layout_flat(&j->layout, topic, partition)],
                                memory_order_acquire);
}

static uint32_t journal_topics(log_store *log, const log_topic **topics)
{
    journal *j = journal_of(log);
    *topics = j->layout.topics;
    return j->layout.topic_count;
}

const log_ops journal_ops = {
    .close = journal_close,
    .append = journal_append,
    .producer_expected = journal_producer_expected,
    .appended = journal_appended,
    .durable = journal_durable,
    .wait = journal_wait,
    .wake = journal_wake,
    .commit_soon = journal_commit_soon,
    .listen = journal_listen,
    .health = journal_health,
    .start = journal_start,
    .end = journal_end,
    .offset_at = journal_offset_at,
    .kept = journal_kept,
    .topics = journal_topics,
    .reader_open = journal_reader_open,
    .reader_close = journal_reader_close,
    .reader_next = journal_reader_next,
    .reader_offset = journal_reader_offset,
    .reader_seek = journal_reader_seek,
    .group_commit = journal_group_commit,
    .group_offset = journal_group_offset,
    .group_each = journal_group_each,
    .floor_set = journal_floor_set,
    .retain = journal_retain,
    .let_go = journal_let_go,
    .damage_each = journal_damage_each,
    .verify = journal_verify,
};
