/* notify/feed.c - reads committed events in order, and commits the group behind the oldest one
 * that is not done. */
#include "notify/feed.h"

#include "base/logline.h"
#include "base/record.h"
#include "log/group.h"

hr_err feed_open(feed *f, log_store *log, const char *group)
{
    *f = (feed){.log = log, .group = group};
    int64_t offset = log_group_offset(log, group, HR_TOPIC_EVENTS, 0);
    if (offset < 0) {
        offset = log_end(log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED);
        hr_err err = log_group_commit(log, group, HR_TOPIC_EVENTS, 0, offset);
        if (err != HR_OK) {
            return err;
        }
    }
    f->skip_to = offset;
    f->committed = offset;
    return log_reader_open(log, HR_TOPIC_EVENTS, 0, offset, LOG_COMMITTED, &f->reader);
}

void feed_close(feed *f)
{
    if (f->reader != NULL) {
        feed_commit(f);
        log_reader_close(f->reader);
        f->reader = NULL;
    }
}

/* The next batch; what is lost to retention or damage is counted and passed. */
static bool next_view(feed *f)
{
    hr_why why = {{0}};
    for (;;) {
        hr_err err = log_reader_next(f->reader, &f->view, &why);
        if (err == HR_OK) {
            f->has_view = true;
            f->at = 0;
            f->offset = f->view.first_offset;
            return true;
        }
        if (err != HR_GONE && err != HR_CORRUPT) {
            return false;
        }
        int64_t now_at = log_reader_offset(f->reader);
        f->lost += now_at > f->skip_to ? (uint64_t)(now_at - f->skip_to) : 0;
        hr_logline(HR_LEVEL_ERROR, "notify.lost", "group=%s why=\"%s\"", f->group,
                   err == HR_GONE ? "retention was faster" : why.text);
    }
}

/* The next record that is an event; *offset is its place. */
static bool next_event_bytes(feed *f, const uint8_t **bytes, size_t *size, int64_t *offset)
{
    while (f->has_view || next_view(f)) {
        while (log_record_next(&f->view, &f->at, bytes, size)) {
            *offset = f->offset++;
            if (*offset >= f->skip_to && f->view.type == HR_RECORD_EVENT) {
                f->skip_to = *offset + 1;
                return true;
            }
        }
        f->has_view = false;
        f->skip_to = f->offset > f->skip_to ? f->offset : f->skip_to;
    }
    return false;
}

hr_err feed_next(feed *f, hr_event *event, int64_t *offset, uint64_t *sequence)
{
    const uint8_t *bytes;
    size_t size;
    if (f->count == FEED_WINDOW_MAX) {
        return HR_TIMEOUT;
    }
    while (next_event_bytes(f, &bytes, &size, offset)) {
        hr_err err = hr_event_load(bytes, size, event);
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_ERROR, "notify.unreadable", "offset=%lld", (long long)*offset);
        } else if (!event->late) {
            *sequence = f->first + f->count;
            f->offsets[*sequence % FEED_WINDOW_MAX] = *offset;
            f->is_done[*sequence % FEED_WINDOW_MAX] = false;
            f->count++;
            return HR_OK;
        }
    }
    return HR_TIMEOUT;
}

void feed_done(feed *f, uint64_t sequence)
{
    f->is_done[sequence % FEED_WINDOW_MAX] = true;
    while (f->count > 0 && f->is_done[f->first % FEED_WINDOW_MAX]) {
        f->first++;
        f->count--;
    }
}

void feed_commit(feed *f)
{
    int64_t done = f->count > 0 ? f->offsets[f->first % FEED_WINDOW_MAX] : f->skip_to;
    if (done > f->committed &&
        log_group_commit(f->log, f->group, HR_TOPIC_EVENTS, 0, done) == HR_OK) {
        f->committed = done;
    }
}
