/* core/log/journal_reader.c - follows one partition through the files.
 *
 * Frames of other partitions are stepped over by their tables alone. Only bytes before a published
 * end are read, and those never change, so no lock is held while reading. */
#include <errno.h>
#include <stdlib.h>

#include "parts.h"

/* Small frames are read many at a time. Where frames are large, only heads are read ahead, so that
 * other partitions' records stay on the disk. */
#define AHEAD_SMALL_BYTES (64u << 10)
#define AHEAD_LARGE_BYTES 2048
#define LARGE_FRAME_BYTES (8u << 10)

typedef struct journal_reader {
    log_reader reader; /* first */
    uint8_t topic;
    uint16_t partition;
    uint32_t flat;
    log_visibility visibility;
    int64_t offset;
    bool is_placed;   /* at is where to go on */
    bool is_past_bad; /* bad bytes since the last batch: records may be missing */
    log_position at;  /* of the next frame to look at */
    uint32_t batch;   /* of that frame, the next to look at */
    log_position bad_from;
    log_position bad_to;
    journal_file *file; /* held, or NULL */
    size_t ahead;
    window window;
} journal_reader;

static journal_reader *reader_of(log_reader *reader)
{
    return (journal_reader *)reader;
}

hr_err journal_reader_open(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                           log_visibility visibility, log_reader **out)
{
    journal_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return HR_NO_MEMORY;
    }
    r->reader.log = log;
    r->topic = topic;
    r->partition = partition;
    r->flat = layout_flat(&journal_of(log)->layout, topic, partition);
    r->visibility = visibility;
    r->offset = offset;
    r->ahead = AHEAD_SMALL_BYTES;
    r->window.patience = &journal_of(log)->patience;
    *out = &r->reader;
    return HR_OK;
}

static void let_go(journal_reader *r)
{
    files_release(&journal_of(r->reader.log)->files, r->file);
    r->file = NULL;
    window_clear(&r->window);
}

void journal_reader_close(log_reader *reader)
{
    journal_reader *r = reader_of(reader);
    let_go(r);
    window_fini(&r->window);
    free(r);
}

int64_t journal_reader_offset(const log_reader *reader)
{
    return ((const journal_reader *)reader)->offset;
}

void journal_reader_seek(log_reader *reader, int64_t offset)
{
    journal_reader *r = reader_of(reader);
    r->offset = offset;
    r->is_placed = false;
    r->is_past_bad = false;
}

/* Move to the log's start if that lies behind the reader: HR_GONE. */
static hr_err catch_up(journal_reader *r, hr_why *why)
{
    journal *j = journal_of(r->reader.log);
    int64_t start = atomic_load_explicit(&j->starts[r->flat], memory_order_acquire);
    int64_t wanted = r->offset;
    if (wanted >= start) {
        return HR_OK;
    }
    r->offset = start;
    r->is_placed = false;
    r->is_past_bad = false;
    return hr_why_set(why, HR_GONE, "offset %lld is no longer kept, %lld is the first",
                      (long long)wanted, (long long)start);
}

/* Find where to begin. HR_GONE: the offset lies before the log's start, and is moved there. */
static hr_err place(journal_reader *r, hr_why *why)
{
    let_go(r);
    r->at = files_find_offset(&journal_of(r->reader.log)->files, r->flat, r->offset);
    r->batch = 0;
    r->is_placed = true;
    /* Retention moves the start before it takes a file: asked now, it tells of any that is no
     * longer in the list. */
    return catch_up(r, why);
}

/* Beside a running service, retention takes files that a read-only log still has in its list: go on
 * behind the one with r->at. HR_GONE: it had records for us. */
static hr_err pass_missing(journal_reader *r, hr_why *why)
{
    journal *j = journal_of(r->reader.log);
    int64_t wanted = r->offset;
    int64_t next = -1;
    log_position base = 0;
    if (!files_find_behind(&j->files, r->at, r->flat, &base, &next)) {
        return hr_why_set(why, HR_IO, "the file with offset %lld is gone, and none is known behind",
                          (long long)wanted);
    }
    r->batch = 0;
    if (next > wanted) {
        r->at = base;
        r->offset = next;
        r->is_past_bad = false;
        return hr_why_set(why, HR_GONE, "offset %lld is no longer kept, %lld is the next",
                          (long long)wanted, (long long)next);
    }
    if (next < 0) {
        r->bad_from = r->is_past_bad ? r->bad_from : r->at;
        r->bad_to = base;
        r->is_past_bad = true;
    }
    r->at = base;
    return HR_OK;
}

/* Hold the file with r->at, or the next one behind. False: there is none, or *err is set. */
static bool hold_file(journal_reader *r, hr_err *err, hr_why *why)
{
    journal_files *files = &journal_of(r->reader.log)->files;
    if (r->file != NULL && r->at < atomic_load_explicit(&r->file->end, memory_order_acquire)) {
        return true;
    }
    let_go(r);
    while ((*err = files_hold(files, r->at, &r->file)) == HR_NOT_FOUND) {
        *err = pass_missing(r, why);
        if (*err != HR_OK) {
            return false;
        }
    }
    if (*err != HR_OK) {
        hr_why_set(why, *err, "cannot open the file with offset %lld", (long long)r->offset);
        return false;
    }
    if (r->file != NULL && r->at < r->file->base) {
        *err = catch_up(r, why); /* or it is damage */
        if (*err != HR_OK) {
            return false;
        }
        r->bad_from = r->is_past_bad ? r->bad_from : r->at;
        r->bad_to = r->file->base;
        r->is_past_bad = true;
        r->at = r->file->base;
    }
    return r->file != NULL;
}

static int need(journal_reader *r, log_position at, size_t size, log_position limit, size_t ahead,
                const uint8_t **bytes)
{
    return window_need(&r->window, r->file->fd, at - r->file->base, size, limit - r->file->base,
                       ahead, bytes);
}

static hr_err cannot_read(const journal_reader *r, int failed, hr_why *why)
{
    hr_why_errno(why, failed, "read offset %lld", (long long)r->offset);
    return failed == ENOMEM ? HR_NO_MEMORY : HR_IO;
}

/* Bad bytes at r->at: go on at the next frame that is whole. */
static hr_err step_over(journal_reader *r, log_position limit, hr_why *why)
{
    scan *s = malloc(sizeof *s);
    if (s == NULL) {
        return HR_NO_MEMORY;
    }
    scan_init(s, r->file->fd, r->file->base, limit, &journal_of(r->reader.log)->patience);
    log_position to = scan_resync(s, r->at + 8);
    int failed = s->failed;
    scan_fini(s);
    free(s);
    if (failed != 0) {
        return cannot_read(r, failed, why);
    }
    r->bad_from = r->is_past_bad ? r->bad_from : r->at;
    r->bad_to = to;
    r->is_past_bad = true;
    r->at = to;
    r->batch = 0;
    return HR_OK;
}

/* Tell that [r->offset, to) is lost, and go on behind it. */
static hr_err tell_lost(journal_reader *r, int64_t to, hr_why *why)
{
    journal *j = journal_of(r->reader.log);
    const log_topic *topic = &j->layout.topics[r->topic];
    int64_t from = r->offset;
    log_damage damage = {.from = r->bad_from,
                         .to = r->bad_to > r->bad_from ? r->bad_to : r->bad_from,
                         .has_records = true,
                         .topic = r->topic,
                         .partition = r->partition,
                         .first_offset = from,
                         .end_offset = to};
    journal_damage_met(j, &damage);
    r->offset = to;
    return hr_why_set(why, HR_CORRUPT,
                      "%s/%u: offsets %lld to %lld are lost, the journal is damaged at %llu",
                      topic->name, (unsigned)r->partition, (long long)from, (long long)to - 1,
                      (unsigned long long)r->bad_from);
}

/* Give out one batch of the frame at r->at. HR_TIMEOUT: not for us, go on with the next. */
static hr_err give(journal_reader *r, const frame_head *head, const frame_batch *batch,
                   log_position payload, log_position limit, uint64_t producer_id, log_view *view,
                   hr_why *why)
{
    int64_t end = batch->first_offset + batch->count;
    if (batch->topic != r->topic || batch->partition != r->partition || end <= r->offset) {
        return HR_TIMEOUT;
    }
    if (batch->first_offset > r->offset) {
        r->batch--;
        r->bad_from = r->is_past_bad ? r->bad_from : r->at;
        return tell_lost(r, batch->first_offset, why);
    }
    const uint8_t *bytes = NULL;
    int failed = need(r, payload, (size_t)frame_padded(batch->size), limit,
                      head->length < LARGE_FRAME_BYTES ? AHEAD_SMALL_BYTES : 0, &bytes);
    if (failed != 0) {
        r->batch--;
        return cannot_read(r, failed, why);
    }
    r->is_past_bad = false;
    if (!frame_check_batch(batch, bytes)) {
        r->bad_from = r->at;
        return tell_lost(r, end, why);
    }
    *view = (log_view){.type = batch->type,
                       .count = batch->count,
                       .record_bytes = batch->record_bytes,
                       .first_offset = batch->first_offset,
                       .append_ms = head->value,
                       .producer_id = producer_id,
                       .end = r->at + head->length,
                       .bytes = bytes,
                       .size = batch->size};
    r->offset = end;
    return HR_OK;
}

/* Look through the table of the frame at r->at from r->batch on. */
static hr_err look_through(journal_reader *r, const frame_head *head, const uint8_t *bytes,
                           log_position limit, log_view *view, hr_why *why)
{
    log_producer producer = {0};
    uint32_t gap = 0;
    if (head->kind == FRAME_DATA_PRODUCED) {
        frame_get_producer(bytes, &producer, &gap);
    }
    log_position payload = r->at + head->checked_bytes;
    for (uint32_t i = 0; i < head->batch_count; i++) {
        frame_batch batch = frame_get_batch(bytes, head, i);
        if (i >= r->batch) {
            r->batch = i + 1;
            hr_err err = give(r, head, &batch, payload, limit, producer.id, view, why);
            if (err != HR_TIMEOUT) {
                return err;
            }
        }
        payload += frame_padded(batch.size);
    }
    r->at += head->length;
    r->batch = 0;
    return HR_TIMEOUT;
}

/* One frame. HR_TIMEOUT: nothing for us in it, r->at has moved. */
static hr_err read_frame(journal_reader *r, log_position limit, log_view *view, hr_why *why)
{
    const uint8_t *bytes = NULL;
    frame_head head;
    int failed = need(r, r->at, FRAME_HEAD_BYTES, limit, r->ahead, &bytes);
    bool is_good = failed == 0 && frame_parse_head(bytes, &head) == FRAME_GOOD &&
                   head.position == r->at && head.length <= limit - r->at;
    if (is_good) {
        failed = need(r, r->at, head.checked_bytes, limit, r->ahead, &bytes);
        is_good = failed == 0 && frame_check_head(bytes, &head);
    }
    if (failed != 0 && failed != ENODATA) {
        return cannot_read(r, failed, why);
    }
    if (!is_good) {
        hr_err err = step_over(r, limit, why);
        return err == HR_OK ? HR_TIMEOUT : err;
    }
    r->ahead = head.length < LARGE_FRAME_BYTES ? AHEAD_SMALL_BYTES : AHEAD_LARGE_BYTES;
    if (head.kind != FRAME_DATA && head.kind != FRAME_DATA_PRODUCED) {
        r->at += head.length;
        return HR_TIMEOUT;
    }
    return look_through(r, &head, bytes, limit, view, why);
}

/* At the visible end behind bad bytes: were our records among them? */
static hr_err check_end(journal_reader *r, log_position end, hr_why *why)
{
    journal *j = journal_of(r->reader.log);
    /* Both must be of one moment: the lock stops appends, and an older durable end is no harm,
     * because then nothing is said yet. */
    pthread_mutex_lock(&j->lock);
    int64_t next = j->tail.next[r->flat];
    bool is_all = j->tail.position == end;
    pthread_mutex_unlock(&j->lock);
    if (!is_all || next <= r->offset) {
        return HR_TIMEOUT;
    }
    r->is_past_bad = false;
    return tell_lost(r, next, why);
}

hr_err journal_reader_next(log_reader *reader, log_view *view, hr_why *why)
{
    journal_reader *r = reader_of(reader);
    journal *j = journal_of(reader->log);
    hr_err err = HR_OK;
    if (!r->is_placed) {
        err = place(r, why);
        if (err != HR_OK) {
            return err;
        }
    }
    log_position end =
        r->visibility == LOG_COMMITTED ? atomic_load(&j->durable) : atomic_load(&j->appended);
    while (r->at < end && hold_file(r, &err, why)) {
        log_position file_end = atomic_load_explicit(&r->file->end, memory_order_acquire);
        log_position limit = file_end < end ? file_end : end;
        if (r->at >= limit) {
            continue;
        }
        err = read_frame(r, limit, view, why);
        if (err != HR_TIMEOUT) {
            return err;
        }
        err = HR_OK;
    }
    if (err != HR_OK) {
        return err;
    }
    return r->is_past_bad ? check_end(r, end, why) : HR_TIMEOUT;
}

int64_t journal_offset_at(log_store *log, uint8_t topic, uint16_t partition, int64_t append_ms)
{
    journal *j = journal_of(log);
    uint32_t flat = layout_flat(&j->layout, topic, partition);
    int64_t start = atomic_load_explicit(&j->starts[flat], memory_order_acquire);
    int64_t end = atomic_load_explicit(&j->appended_next[flat], memory_order_acquire);
    log_reader *reader = NULL;
    if (journal_reader_open(log, topic, partition, 0, LOG_APPENDED, &reader) != HR_OK) {
        return start;
    }
    journal_reader *r = reader_of(reader);
    r->at = files_find_time(&j->files, append_ms);
    r->is_placed = true;
    log_view view;
    hr_err err = HR_OK;
    /* What is lost counts as older; a file that retention took meanwhile, likewise. */
    while (err == HR_OK || err == HR_CORRUPT || err == HR_GONE) {
        err = journal_reader_next(reader, &view, NULL);
        if (err == HR_OK && view.append_ms >= append_ms) {
            journal_reader_close(reader);
            return view.first_offset;
        }
    }
    journal_reader_close(reader);
    return err == HR_TIMEOUT ? end : start;
}
