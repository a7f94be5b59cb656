/* api/sql_log.c - the tables event and track: what the log holds, read as the statement goes. */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/id.h"
#include "base/record.h"
#include "sql_tables.h"

#define FUTURE_MARGIN_MS 60000 /* nothing is appended longer than that before it happens */

static int open_reader(sql_cursor *cursor, uint8_t topic, uint16_t partition, int64_t from_ms,
                       int64_t from_offset)
{
    log_store *log = cursor->context->log;
    if (from_ms > INT64_MIN + FUTURE_MARGIN_MS) {
        int64_t offset = log_offset_at(log, topic, partition, from_ms - FUTURE_MARGIN_MS);
        from_offset = offset > from_offset ? offset : from_offset;
    }
    cursor->from_offset = from_offset;
    return log_reader_open(log, topic, partition, from_offset, LOG_COMMITTED, &cursor->reader) ==
                   HR_OK
               ? SQLITE_OK
               : SQLITE_ERROR;
}

/* The next record of that type. *bytes NULL: there is none. */
static int next_record(sql_cursor *cursor, uint8_t type, const uint8_t **bytes, size_t *size)
{
    for (;;) {
        while (cursor->has_view &&
               log_record_next(&cursor->view, &cursor->record_at, bytes, size)) {
            if (cursor->offset++ >= cursor->from_offset) {
                return SQLITE_OK;
            }
        }
        hr_err err = log_reader_next(cursor->reader, &cursor->view, NULL);
        if (err == HR_TIMEOUT) {
            *bytes = NULL;
            return SQLITE_OK;
        }
        if (err != HR_OK && err != HR_GONE && err != HR_CORRUPT) {
            return SQLITE_IOERR;
        }
        cursor->has_view = err == HR_OK && cursor->view.type == type;
        cursor->record_at = 0;
        cursor->offset = cursor->view.first_offset;
    }
}

/* ---- event ---- */

static int event_next(sql_cursor *cursor)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int code = next_record(cursor, HR_RECORD_EVENT, &bytes, &size);
    while (code == SQLITE_OK && bytes != NULL &&
           hr_event_load(bytes, size, cursor->record) != HR_OK) {
        code = next_record(cursor, HR_RECORD_EVENT, &bytes, &size);
    }
    cursor->is_end = code != SQLITE_OK || bytes == NULL;
    return code;
}

static int event_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    (void)key;
    cursor->is_end = cursor->context->log == NULL;
    if (cursor->is_end) {
        return SQLITE_OK;
    }
    if (cursor->record == NULL) {
        cursor->record = calloc(1, sizeof(hr_event));
        if (cursor->record == NULL) {
            return SQLITE_NOMEM;
        }
    }
    int code = open_reader(cursor, HR_TOPIC_EVENTS, 0, from_ms, from_offset);
    return code == SQLITE_OK ? event_next(cursor) : code;
}

static void result_degrees(sqlite3_context *result, bool is_known, int32_t e7)
{
    if (is_known) {
        sqlite3_result_double(result, (double)e7 / 1e7);
    } else {
        sqlite3_result_null(result);
    }
}

static void result_text(sqlite3_context *result, const char *text)
{
    sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
}

static void event_column(sql_cursor *cursor, sqlite3_context *result, int column)
{
    const hr_event *event = cursor->record;
    char id[HR_EVENT_ID_SIZE];
    switch (column) {
    case 0:
        hr_event_id(event, id);
        result_text(result, id);
        break;
    case 1:
        sqlite3_result_int64(result, cursor->offset - 1);
        break;
    case 2:
        result_text(result, hr_event_kind_name(event->kind));
        break;
    case 3:
        result_text(result, event->fence_id);
        break;
    case 4:
        result_text(result, event->fence_name);
        break;
    case 5:
        result_text(result, hr_severity_name(event->severity));
        break;
    case 6:
        result_text(result, event->device_id);
        break;
    case 7:
        sql_result_time(result, event->time_ms);
        break;
    case 8:
        result_degrees(result, event->has_place, event->lon_e7);
        break;
    case 9:
        result_degrees(result, event->has_place, event->lat_e7);
        break;
    case 10:
        result_text(result, hr_event_cause_name(event->cause));
        break;
    case 11:
        sqlite3_result_int(result, event->late);
        break;
    default:
        sql_result_time(result, event->received_ms);
    }
}

const sql_table sql_table_event = {
    .name = "event",
    .columns = "id, offset, kind, fence, fence_name, severity, device, time, lon, lat, cause, "
               "late, received",
    .key_column = -1,
    .time_column = 7,
    .offset_column = 1,
    .begin = event_begin,
    .next = event_next,
    .column = event_column,
};

/* ---- track ---- */

static int track_next(sql_cursor *cursor)
{
    uint64_t key = hr_device_key(cursor->key, strlen(cursor->key));
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int code = SQLITE_OK;
    do {
        code = next_record(cursor, HR_RECORD_FIX, &bytes, &size);
    } while (code == SQLITE_OK && bytes != NULL &&
             (size != HR_FIX_BYTES || hr_load_u64(bytes) != key));
    cursor->is_end = code != SQLITE_OK || bytes == NULL;
    if (!cursor->is_end) {
        hr_fix_load(bytes, cursor->record);
    }
    return code;
}

static int track_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    (void)from_offset;
    cursor->is_end = cursor->context->log == NULL || key == NULL;
    if (cursor->is_end) {
        return SQLITE_OK;
    }
    if (cursor->record == NULL) {
        cursor->record = calloc(1, sizeof(hr_fix));
        if (cursor->record == NULL) {
            return SQLITE_NOMEM;
        }
    }
    uint32_t count = log_topic_get(cursor->context->log, HR_TOPIC_POSITIONS)->partition_count;
    uint16_t partition = (uint16_t)hr_device_partition(hr_device_key(key, strlen(key)), count);
    int code = open_reader(cursor, HR_TOPIC_POSITIONS, partition, from_ms, 0);
    return code == SQLITE_OK ? track_next(cursor) : code;
}

static void track_column(sql_cursor *cursor, sqlite3_context *result, int column)
{
    if (column == 0) {
        result_text(result, cursor->key);
    } else {
        sql_result_fix(result, cursor->record, column - 1);
    }
}

const sql_table sql_table_track = {
    .name = "track",
    .columns = "device, lon, lat, time, accuracy_m, speed_mps, heading_deg, battery_pct, geom",
    .key_column = 0,
    .needs_key = true,
    .time_column = 3,
    .offset_column = -1,
    .begin = track_begin,
    .next = track_next,
    .column = track_column,
};
