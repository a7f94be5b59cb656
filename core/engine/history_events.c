/* core/engine/history_events.c - the records of `events`: those kept, then the log's tail. */
#include "history_reader.h"

static const char records_sql[] =
    "SELECT offset, type, bytes FROM event WHERE offset >= ?1 ORDER BY offset";
static const char slot_sql[] =
    "SELECT coalesce((SELECT events_end FROM slot WHERE number < s.number ORDER BY number DESC "
    "LIMIT 1), 0) FROM slot s WHERE " HISTORY_EVENTS_TO_SQL " >= ?1 ORDER BY number LIMIT 1";

hr_err history_events_begin(history_reader *reader, int64_t offset, hr_why *why)
{
    hr_err err = history_snapshot(reader, records_sql, why);
    if (err != HR_OK) {
        return err;
    }
    if (reader->statement != NULL) {
        sqlite3_bind_int64(reader->statement, 1, offset);
    }
    /* Opened now, so that the log's end is looked at once. */
    return history_tail_open(reader, HR_TOPIC_EVENTS, 0, offset, why);
}

hr_err history_events_next(history_reader *reader, history_record *record, hr_why *why)
{
    if (reader->statement != NULL) {
        hr_err err = history_step(reader, why);
        if (err == HR_OK) {
            record->offset = sqlite3_column_int64(reader->statement, 0);
            record->type = (uint8_t)sqlite3_column_int(reader->statement, 1);
            record->bytes = sqlite3_column_blob(reader->statement, 2);
            record->size = (size_t)sqlite3_column_bytes(reader->statement, 2);
            return HR_OK;
        }
        if (err != HR_NOT_FOUND) {
            return err;
        }
    }
    for (;;) {
        while (reader->has_view &&
               log_record_next(&reader->view, &reader->record_at, &record->bytes, &record->size)) {
            record->offset = reader->offset++;
            record->type = reader->view.type;
            if (record->offset >= reader->from) {
                return HR_OK;
            }
        }
        hr_err err = history_tail_next(reader, why);
        if (err != HR_OK) {
            record->offset = log_reader_offset(reader->tail);
            return err;
        }
    }
}

int64_t history_events_at(history_reader *reader, int64_t from_ms)
{
    /* All of it when the file cannot tell; whoever then reads on is told why. */
    int64_t offset = 0;
    if (from_ms > INT64_MIN && history_snapshot(reader, slot_sql, NULL) == HR_OK) {
        hr_err err = HR_NOT_FOUND;
        if (reader->statement != NULL) {
            sqlite3_bind_int64(reader->statement, 1, from_ms);
            err = history_step(reader, NULL);
        }
        if (err == HR_OK) {
            offset = sqlite3_column_int64(reader->statement, 0);
        } else if (err == HR_NOT_FOUND) {
            offset = reader->sources[reader->partition_count];
        }
    }
    history_let_go(reader);
    return offset;
}
