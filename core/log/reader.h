/* core/log/reader.h - following one partition of a log, batch by batch. */
#ifndef LOG_READER_H
#define LOG_READER_H

#include "log/log.h"

typedef struct log_reader log_reader;

/* A batch as it was appended; bytes are valid until the reader's next call. */
typedef struct log_view {
    uint8_t type;
    uint32_t count;
    uint32_t record_bytes; /* 0: lengths are inline, see log_record_next */
    int64_t first_offset;
    int64_t append_ms;
    uint64_t producer_id;
    log_position end; /* of its frame */
    const uint8_t *bytes;
    size_t size;
} log_view;

/* Follow a partition from an offset. Threads: one reader, one thread. */
HR_MUST_USE hr_err log_reader_open(log_store *log, uint8_t topic, uint16_t partition,
                                   int64_t offset, log_visibility visibility, log_reader **out);
void log_reader_close(log_reader *reader);

/* The next batch, whole; its first records may lie before the offset asked for.
 * HR_TIMEOUT: none yet (use log_wait; only a disk that fails to read makes it wait). HR_GONE:
 * retention has taken that offset; the reader now stands at the first that is kept, or, where a
 * file is missing, behind it. HR_CORRUPT: records are lost there; the reader stands behind the
 * damage and why names the offsets. */
HR_MUST_USE hr_err log_reader_next(log_reader *reader, log_view *view, hr_why *why);

/* The offset that the next batch begins at or before. */
int64_t log_reader_offset(const log_reader *reader);
void log_reader_seek(log_reader *reader, int64_t offset);

/* Walk the records of a view: start with *at = 0. False after the last one. */
bool log_record_next(const log_view *view, size_t *at, const uint8_t **bytes, size_t *size);

/* The first offset whose frame was appended at or after append_ms; the end if there is none; the
 * start if the log cannot be read, which a reader from there is told. append_ms is wall time as it
 * was, which may step back: the first such frame in the order of the log counts, whatever stands
 * behind it. */
int64_t log_offset_at(log_store *log, uint8_t topic, uint16_t partition, int64_t append_ms);

#endif
