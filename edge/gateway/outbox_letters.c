/* gateway/outbox_letters.c - see outbox_letters.h. Letters are few, so each is found anew. */
#include "gateway/outbox_letters.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/logline.h"
#include "log/group.h"
#include "log/reader.h"

#define GROUP "service"

/* What waits may be in the page cache only: it outlives this program there, and the next fsync for
 * fixes takes it along. */
static int64_t end_of(const outbox_letters *l)
{
    return l->log != NULL ? log_end(l->log, OUTBOX_LETTERS_TOPIC, 0, LOG_APPENDED) : 0;
}

void outbox_letters_open(outbox_letters *l, log_store *log)
{
    int64_t next = 0;
    l->log = log_topic_count(log) > OUTBOX_LETTERS_TOPIC ? log : NULL;
    if (l->log != NULL) {
        next = log_group_offset(log, GROUP, OUTBOX_LETTERS_TOPIC, 0);
    }
    /* A power cut may have taken letters that were sent already. */
    next = next > end_of(l) ? end_of(l) : next;
    atomic_init(&l->next, next > 0 ? next : 0);
}

/* A letter that is sent twice does no harm, so the disk learns it when there is no other. */
static void keep(outbox_letters *l)
{
    int64_t next = atomic_load(&l->next);
    if (l->log == NULL || next == log_group_offset(l->log, GROUP, OUTBOX_LETTERS_TOPIC, 0)) {
        return;
    }
    hr_err err = log_group_commit(l->log, GROUP, OUTBOX_LETTERS_TOPIC, 0, next);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_DEBUG, "outbox.letters_not_kept", "why=\"%s\"", hr_err_text(err));
    }
}

void outbox_letters_close(outbox_letters *l)
{
    if (atomic_load(&l->next) > 0) {
        keep(l);
    }
}

hr_err outbox_letters_put(outbox_letters *l, const void *message, size_t size)
{
    if (l->log == NULL) {
        return HR_UNSUPPORTED;
    }
    if (end_of(l) - atomic_load(&l->next) >= OUTBOX_LETTERS_MAX) {
        return HR_NO_SPACE;
    }
    hr_buf record;
    hr_buf_init(&record, size + 4);
    hr_buf_put_u32(&record, (uint32_t)size);
    hr_buf_put(&record, message, size);
    hr_err err = hr_buf_err(&record);
    if (err == HR_OK) {
        log_position end;
        log_batch batch = {.topic = OUTBOX_LETTERS_TOPIC,
                           .type = OUTBOX_LETTERS_TYPE,
                           .count = 1,
                           .bytes = record.data,
                           .size = record.size};
        err = log_append(l->log, &batch, 1, NULL, NULL, &end);
    }
    hr_buf_fini(&record);
    return err;
}

bool outbox_letters_wait(const outbox_letters *l)
{
    return atomic_load(&l->next) < end_of(l);
}

/* The record at l->next; what the disk cap or damage took is passed. */
static hr_err read_first(outbox_letters *l, log_reader *reader, hr_buf *message)
{
    log_view view;
    hr_err err = HR_OK;
    do {
        err = log_reader_next(reader, &view, NULL);
    } while (err == HR_GONE || err == HR_CORRUPT);
    if (err != HR_OK) {
        return err;
    }
    const uint8_t *bytes = NULL;
    size_t size = 0;
    size_t at = 0;
    int64_t offset = view.first_offset;
    while (log_record_next(&view, &at, &bytes, &size)) {
        if (offset >= atomic_load(&l->next)) {
            atomic_store(&l->next, offset);
            hr_buf_put(message, bytes, size);
            return hr_buf_err(message);
        }
        offset++;
    }
    return HR_TIMEOUT;
}

hr_err outbox_letters_first(outbox_letters *l, hr_buf *message)
{
    log_reader *reader = NULL;
    if (!outbox_letters_wait(l)) {
        return HR_TIMEOUT;
    }
    hr_err err = log_reader_open(l->log, OUTBOX_LETTERS_TOPIC, 0, atomic_load(&l->next),
                                 LOG_APPENDED, &reader);
    if (err == HR_OK) {
        err = read_first(l, reader, message);
    }
    log_reader_close(reader);
    if (err == HR_TIMEOUT) {
        /* All that waited is lost. */
        atomic_store(&l->next, end_of(l));
    }
    return err;
}

void outbox_letters_done(outbox_letters *l)
{
    atomic_fetch_add(&l->next, 1);
    if (!outbox_letters_wait(l)) {
        keep(l);
    }
}
