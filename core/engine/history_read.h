/* engine/history_read.h - tracks and events as one piece: what history.db holds, and behind it,
 * without a gap or a repeat, the log's tail.
 *
 * A question sees history.db as of one moment and the log from where that ends. */
#ifndef ENGINE_HISTORY_READ_H
#define ENGINE_HISTORY_READ_H

#include "base/fix.h"
#include "engine/history.h"

/* Opaque. Threads: one at a time; as many readers as wanted. */
typedef struct history_reader history_reader;

/* history may be NULL: then the log is all there is. Both outlive the reader. */
HR_MUST_USE hr_err history_reader_new(engine_history *history, log_store *log, history_reader **out,
                                      hr_why *why);
void history_reader_free(history_reader *reader);

/* From then on, by hr_clock_mono_ns(), every call that reads answers HR_TIMEOUT, soon after at the
 * latest. Before any call to set: never. */
void history_reader_set_deadline(history_reader *reader, int64_t until_ns);

/* What one begins ends what was begun before. Each gives HR_CORRUPT when history.db is damaged (it
 * is then looked after), and HR_GONE when the log let go of records while they were being read,
 * which are in history.db now: begin again. */

/* ---- tracks ---- */

typedef struct history_span {
    bool has_device; /* else all devices */
    uint64_t device;
    int64_t from_ms; /* event time, from <= t < to */
    int64_t to_ms;
} history_span;

/* The fixes of a span, each device's in the order of the log, repeats too. */
HR_MUST_USE hr_err history_track_begin(history_reader *reader, const history_span *span,
                                       hr_why *why);

/* HR_NOT_FOUND: there are no more. */
HR_MUST_USE hr_err history_track_next(history_reader *reader, hr_fix *fix, hr_why *why);

/* A device's id as history.db knows it; false: not yet. id: HR_DEVICE_ID_MAX + 1 bytes. */
bool history_device_id(history_reader *reader, uint64_t device, char *id);

/* ---- events ---- */

typedef struct history_record {
    int64_t offset;
    uint8_t type;         /* of base/record.h */
    const uint8_t *bytes; /* valid until the next call */
    size_t size;
} history_record;

/* The records of `events` from an offset on, in the order of their offsets: events and
 * acknowledgements, and what else the log still has. */
HR_MUST_USE hr_err history_events_begin(history_reader *reader, int64_t offset, hr_why *why);

/* HR_NOT_FOUND: there are no more; *record is then only the offset to go on at. */
HR_MUST_USE hr_err history_events_next(history_reader *reader, history_record *record, hr_why *why);

/* An offset before which no event happened at from_ms or later. Only what history.db holds is
 * passed over, since a gateway whose clock stands behind takes what is far ahead of it. */
int64_t history_events_at(history_reader *reader, int64_t from_ms);

#endif
