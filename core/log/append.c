/* core/log/append.c - frames into the active file, under one lock. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"
#include "parts.h"

/* A buffer that an unusually large frame needed is not kept. */
#define BUFFER_KEEP_BYTES (1u << 20)

void journal_fail(journal *j, int errno_value, const char *doing)
{
    int well = 0;
    if (atomic_compare_exchange_strong(&j->failed, &well, errno_value)) {
        hr_logline(HR_LEVEL_ERROR, "log.failed", "doing=%s error=%s", doing,
                   strerrorname_np(errno_value));
    }
    atomic_store(&j->is_health_news, true);
    pthread_cond_signal(&j->work);
    journal_wake_all(j);
    /* Who waits for the side file waits for nothing now. */
    pthread_mutex_lock(&j->side_lock);
    pthread_cond_broadcast(&j->side_moved);
    pthread_mutex_unlock(&j->side_lock);
}

void journal_set_full(journal *j)
{
    if (atomic_exchange(&j->is_full, true)) {
        return;
    }
    hr_logline(HR_LEVEL_WARN, "log.disk_full", "folder=%s", j->folder);
    /* The headroom is for those who must write now: the side file, the catalogue, the accounts. */
    int failed = disk_remove(j->folder, "headroom");
    if (failed != 0 && failed != ENOENT) {
        hr_logline(HR_LEVEL_WARN, "log.headroom", "error=%s", strerrorname_np(failed));
    }
    atomic_store(&j->is_health_news, true);
    pthread_cond_signal(&j->work);
}

bool journal_is_above_hard_limit(const journal *j)
{
    uint64_t bytes = atomic_load(&j->appended) - atomic_load(&j->first_base);
    return j->options.hard_bytes > 0 && bytes > j->options.hard_bytes;
}

static uint32_t full_mark_bytes(const journal *j)
{
    return FRAME_HEAD_BYTES + j->layout.total * 8;
}

static int make_buffer(journal *j, size_t size)
{
    if (j->buffer_size >= size) {
        return 0;
    }
    uint8_t *buffer = realloc(j->buffer, size);
    if (buffer == NULL) {
        return ENOMEM;
    }
    j->buffer = buffer;
    j->buffer_size = size;
    return 0;
}

static void shrink_buffer(journal *j)
{
    if (j->buffer_size > BUFFER_KEEP_BYTES) {
        free(j->buffer);
        j->buffer = NULL;
        j->buffer_size = 0;
    }
}

int journal_reserve(journal *j, uint64_t size)
{
    uint64_t step = j->options.reserve_bytes;
    uint64_t needed = j->tail.position - j->active->base + size + full_mark_bytes(j);
    if (needed <= j->reserved) {
        return 0;
    }
    uint64_t wanted = (needed + step - 1) / step * step;
    if (wanted > j->options.file_bytes && needed <= j->options.file_bytes) {
        wanted = j->options.file_bytes;
    }
    int failed = disk_reserve(j->active->fd, j->reserved, wanted);
    if (failed == 0) {
        j->reserved = wanted;
    }
    return failed;
}

/* Write the frame in the buffer behind the last one; what it says is counted in by the caller. */
static int write_buffer(journal *j, size_t size)
{
    int failed = disk_write(j->active->fd, j->buffer, size, j->tail.position - j->active->base);
    if (failed == 0) {
        hr_counter_add(j->metrics.written_bytes, size);
    }
    return failed;
}

static void publish_appended(journal *j)
{
    atomic_store(&j->appended, j->tail.position);
}

int journal_mark(journal *j, bool with_offsets)
{
    uint32_t full = full_mark_bytes(j);
    with_offsets |= j->tail.position - j->full_mark_at >= (uint64_t)full * JOURNAL_FULL_MARK_SHARE;
    int failed = make_buffer(j, full);
    if (failed == 0) {
        failed = journal_reserve(j, full);
    }
    if (failed != 0) {
        return failed;
    }
    uint32_t length = frame_put_mark(j->buffer, j->tail.position, atomic_load(&j->durable),
                                     j->tail.next, with_offsets ? j->layout.total : 0);
    failed = write_buffer(j, length);
    if (failed != 0) {
        return failed;
    }
    j->tail.position += length;
    if (with_offsets) {
        j->full_mark_at = j->tail.position;
    }
    publish_appended(j);
    return 0;
}

/* A file that is in no list: off the disk, too, if it came that far. */
static void drop_file(const journal *j, journal_file *file)
{
    char name[FILE_NAME_BYTES];
    if (file != NULL && file->fd >= 0) {
        file_name(name, file->seq, "log");
        if (disk_remove(j->folder, name) != 0) {
            hr_logline(HR_LEVEL_WARN, "log.leftover", "file=%s", name);
        }
    }
    file_free(file);
}

/* Make the file that begins at tail.position and write its opening. It is not in the list yet. */
static int make_file(journal *j, journal_file **out, uint64_t *reserved)
{
    uint32_t length = opening_bytes(&j->layout, j->tail.kept);
    opening *first = malloc(sizeof *first);
    journal_file *file = file_new(j->next_seq, j->tail.position);
    char name[FILE_NAME_BYTES] = "";
    char path[DISK_PATH_MAX];
    int failed = ENOMEM;
    if (first == NULL || file == NULL || make_buffer(j, length) != 0) {
        goto out;
    }
    file->newest_ms = j->tail.newest_ms;
    file_name(name, file->seq, "log");
    disk_path(path, j->folder, name);
    file->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, DISK_FILES_MODE);
    if (file->fd < 0) {
        failed = errno;
        goto out;
    }
    *reserved = j->options.reserve_bytes;
    failed = disk_reserve(file->fd, 0, *reserved);
    if (failed == 0) {
        *first = (opening){.log_id = j->log_id,
                           .seq = file->seq,
                           .position = j->tail.position,
                           .newest_ms = j->tail.newest_ms,
                           .layout = j->layout};
        memcpy(first->next, j->tail.next, j->layout.total * sizeof first->next[0]);
        opening_put(j->buffer, first, j->tail.kept, hr_clock_now_ms(j->options.clock));
        failed = disk_write(file->fd, j->buffer, length, 0);
    }
out:
    free(first);
    if (failed != 0) {
        drop_file(j, file);
        return failed;
    }
    hr_counter_add(j->metrics.written_bytes, length);
    *out = file;
    return 0;
}

/* The active file gets no more frames; the commit thread syncs it. */
static void close_active(journal *j)
{
    journal_file *old = j->active;
    int failed = disk_truncate(old->fd, j->tail.position - old->base);
    if (failed != 0) {
        /* Reserved space stays behind its end, which the next file's beginning tells. */
        hr_logline(HR_LEVEL_WARN, "log.truncate", "seq=%llu error=%s", (unsigned long long)old->seq,
                   strerrorname_np(failed));
    }
    files_index_end(&j->files, old, j->tail.position, j->tail.newest_ms, j->tail.next);
    pthread_mutex_lock(&j->files.lock);
    old->newest_ms = j->tail.newest_ms;
    old->is_unsynced = true;
    atomic_store_explicit(&old->end, j->tail.position, memory_order_release);
    pthread_mutex_unlock(&j->files.lock);
}

int journal_roll(journal *j)
{
    journal_file *file = NULL;
    uint64_t reserved = 0;
    int failed = make_file(j, &file, &reserved);
    if (failed != 0) {
        return failed;
    }
    if (files_add(&j->files, file) != HR_OK) {
        /* The old file goes on, and what comes into it must not lie behind another beginning. */
        drop_file(j, file);
        return ENOMEM;
    }
    j->next_seq++;
    j->is_folder_unsynced = true;
    if (j->active != NULL) {
        close_active(j);
    }
    j->active = file;
    j->reserved = reserved;
    files_index(&j->files, file, file->base, j->tail.newest_ms, j->tail.next);
    j->tail.position += opening_bytes(&j->layout, j->tail.kept);
    j->first_frame = j->tail.position;
    j->full_mark_at = j->tail.position;
    publish_appended(j);
    return 0;
}

static bool is_lazy(const journal *j, const log_batch *batches, uint32_t batch_count,
                    const log_producer *producer)
{
    for (uint32_t i = 0; i < batch_count; i++) {
        if (batches[i].type >= 64 || (j->options.lazy_types >> batches[i].type & 1u) == 0) {
            return false;
        }
    }
    return producer == NULL;
}

/* Room in memory and on the disk for a frame. An errno. */
static int prepare(journal *j, uint64_t length, const log_producer *producer)
{
    if (producer != NULL && producer_reserve(&j->tail.producers) != HR_OK) {
        return ENOMEM;
    }
    uint64_t used = j->tail.position - j->active->base;
    if (used + length + full_mark_bytes(j) > j->options.file_bytes &&
        j->tail.position > j->first_frame) {
        int failed = journal_roll(j);
        if (failed != 0) {
            return failed;
        }
    }
    int failed = make_buffer(j, length > 4096 ? (size_t)length : 4096);
    return failed == 0 ? journal_reserve(j, length) : failed;
}

/* What is to be said of an errno that stopped an append. */
static hr_err refuse(journal *j, int failed)
{
    if (failed == ENOSPC || failed == EDQUOT) {
        journal_set_full(j);
        return HR_NO_SPACE;
    }
    if (failed == ENOMEM) {
        return HR_NO_MEMORY;
    }
    journal_fail(j, failed, "append");
    return HR_IO;
}

static void count_in(journal *j, const log_batch *batches, uint32_t batch_count,
                     const log_producer *producer, uint64_t length, int64_t append_ms)
{
    log_position at = j->tail.position;
    for (uint32_t i = 0; i < batch_count; i++) {
        uint32_t flat = layout_flat(&j->layout, batches[i].topic, batches[i].partition);
        atomic_store_explicit(&j->appended_next[flat], j->tail.next[flat], memory_order_release);
        hr_counter_add(j->metrics.record_bytes, batches[i].size);
        if (j->options.kept_type != 0 && batches[i].type == j->options.kept_type) {
            kept_take(&j->tail.kept[flat], j->tail.next[flat] - batches[i].count, batches[i].count,
                      batches[i].record_bytes, batches[i].bytes, batches[i].size);
        }
    }
    if (producer != NULL) {
        producer_set(&j->tail.producers,
                     (producer_entry){.id = producer->id,
                                      .epoch = producer->epoch,
                                      .next_seq = producer->base_seq + producer->count,
                                      .heard_at = at});
    }
    if (append_ms > j->tail.newest_ms) {
        j->tail.newest_ms = append_ms;
    }
    j->tail.position = at + length;
    hr_counter_add(j->metrics.frames, 1);
    publish_appended(j);
}

static hr_err append_locked(journal *j, const log_batch *batches, uint32_t batch_count,
                            const log_producer *producer, uint64_t length, int64_t *offsets)
{
    uint64_t gap = 0;
    if (atomic_load(&j->failed) != 0) {
        return HR_IO;
    }
    if (atomic_load(&j->is_full) || journal_is_above_hard_limit(j)) {
        return HR_NO_SPACE;
    }
    if (producer != NULL &&
        producer_judge(&j->tail.producers, producer, &gap) != PRODUCER_EXPECTED) {
        return HR_SEQUENCE;
    }
    int failed = prepare(j, length, producer);
    if (failed != 0) {
        return refuse(j, failed);
    }
    files_index(&j->files, j->active, j->tail.position, j->tail.newest_ms, j->tail.next);
    for (uint32_t i = 0; i < batch_count; i++) {
        uint32_t flat = layout_flat(&j->layout, batches[i].topic, batches[i].partition);
        offsets[i] = j->tail.next[flat];
        j->tail.next[flat] += batches[i].count;
    }
    int64_t append_ms = hr_clock_now_ms(j->options.clock);
    frame_put_data(j->buffer, j->tail.position, append_ms, batches, batch_count, offsets, producer,
                   gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX);
    failed = write_buffer(j, (size_t)length);
    shrink_buffer(j);
    if (failed != 0) {
        for (uint32_t i = 0; i < batch_count; i++) {
            uint32_t flat = layout_flat(&j->layout, batches[i].topic, batches[i].partition);
            j->tail.next[flat] -= batches[i].count;
        }
        return refuse(j, failed);
    }
    hr_counter_add(j->metrics.producer_gap, gap);
    count_in(j, batches, batch_count, producer, length, append_ms);
    return HR_OK;
}

hr_err journal_append(log_store *log, const log_batch *batches, uint32_t batch_count,
                      const log_producer *producer, int64_t *first_offsets, log_position *end)
{
    journal *j = journal_of(log);
    int64_t offsets[LOG_BATCHES_MAX];
    uint64_t record_bytes = 0;
    for (uint32_t i = 0; i < batch_count; i++) {
        record_bytes += batches[i].size;
    }
    if (record_bytes > LOG_FRAME_BYTES_MAX) {
        return HR_TOO_BIG;
    }
    if (j->options.read_only) {
        return HR_DENIED;
    }
    uint64_t length = frame_data_length(batches, batch_count, producer != NULL);
    bool causes_commit = !is_lazy(j, batches, batch_count, producer);
    pthread_mutex_lock(&j->lock);
    hr_err err = append_locked(j, batches, batch_count, producer, length, offsets);
    if (err == HR_OK) {
        *end = j->tail.position;
        if (causes_commit) {
            j->commit_wanted = j->tail.position;
            if (j->is_committer_asleep) {
                pthread_cond_signal(&j->work);
            }
        }
    }
    pthread_mutex_unlock(&j->lock);
    if (err == HR_OK) {
        if (first_offsets != NULL) {
            memcpy(first_offsets, offsets, batch_count * sizeof offsets[0]);
        }
        journal_wake_waiters(j, LOG_APPENDED);
    }
    return err;
}

uint64_t journal_producer_expected(log_store *log, uint64_t id, uint64_t epoch, uint64_t oldest_seq)
{
    journal *j = journal_of(log);
    pthread_mutex_lock(&j->lock);
    const producer_entry *known = producer_find(&j->tail.producers, id, epoch);
    uint64_t expected = known != NULL ? known->next_seq : oldest_seq;
    pthread_mutex_unlock(&j->lock);
    return expected;
}
