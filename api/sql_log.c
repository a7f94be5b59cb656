/* api/sql_log.c - the tables event and track: what history and log hold, read as the statement
 * goes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "sql_tables.h"

#define ROW_NS_MAX INT64_C(5000000000)

/* SQLite tells people what is in the table's own message. */
static int failure(sql_cursor *cursor, hr_err err, const hr_why *why)
{
    const char *text = why->text[0] != 0 ? why->text : hr_err_text(err);
    cursor->is_end = true;
    if (err == HR_GONE) {
        text = "the log moved on while it was read: ask again";
    }
    sqlite3_free(cursor->base.pVtab->zErrMsg);
    cursor->base.pVtab->zErrMsg = sqlite3_mprintf("%s", text);
    return err == HR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

/* A reader and room for a record of that size; both stay with the cursor. */
static hr_err begin(sql_cursor *cursor, size_t record_size, hr_why *why)
{
    hr_err err = HR_OK;
    if (cursor->record == NULL) {
        cursor->record = calloc(1, record_size);
        err = cursor->record != NULL ? HR_OK : HR_NO_MEMORY;
    }
    if (err == HR_OK && cursor->history == NULL) {
        err = history_reader_new(cursor->context->history, cursor->context->log, &cursor->history,
                                 why);
    }
    if (err == HR_OK) {
        /* The statement's own limit is looked at only between rows. */
        history_reader_set_deadline(cursor->history,
                                    hr_clock_mono_ns(hr_clock_real()) + ROW_NS_MAX);
    }
    return err;
}

/* ---- event ---- */

static int event_next(sql_cursor *cursor)
{
    history_record record;
    hr_why why = {.text = ""};
    hr_err err = HR_OK;
    bool is_event = false;
    while (err == HR_OK && !is_event) {
        err = history_events_next(cursor->history, &record, &why);
        is_event = err == HR_OK && record.type == HR_RECORD_EVENT &&
                   hr_event_load(record.bytes, record.size, cursor->record) == HR_OK;
    }
    cursor->is_end = err != HR_OK;
    cursor->offset = is_event ? record.offset : 0;
    return err == HR_OK || err == HR_NOT_FOUND ? SQLITE_OK : failure(cursor, err, &why);
}

static int event_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    hr_why why = {.text = ""};
    (void)key;
    cursor->is_end = cursor->context->log == NULL;
    if (cursor->is_end) {
        return SQLITE_OK;
    }
    hr_err err = begin(cursor, sizeof(hr_event), &why);
    if (err == HR_OK) {
        int64_t offset = history_events_at(cursor->history, from_ms);
        from_offset = offset > from_offset ? offset : from_offset;
    }
    if (err == HR_OK) {
        err = history_events_begin(cursor->history, from_offset, &why);
    }
    return err == HR_OK ? event_next(cursor) : failure(cursor, err, &why);
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
        sqlite3_result_int64(result, cursor->offset);
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

static int64_t event_rowid(const sql_cursor *cursor)
{
    return cursor->offset;
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
    .rowid = event_rowid,
};

/* ---- track ---- */

/* Whose fix it is: as the statement said, as the live view knows it, or as history.db does. */
static void note_device(sql_cursor *cursor, uint64_t device)
{
    if (cursor->device == device && cursor->key[0] != 0) {
        return;
    }
    cursor->device = device;
    if ((cursor->context->engine == NULL ||
         engine_device_name(cursor->context->engine, device, cursor->key) != HR_OK) &&
        !history_device_id(cursor->history, device, cursor->key)) {
        snprintf(cursor->key, sizeof cursor->key, "%016" PRIx64, device);
    }
}

static int track_next(sql_cursor *cursor)
{
    hr_why why = {.text = ""};
    hr_fix *fix = cursor->record;
    hr_err err = history_track_next(cursor->history, fix, &why);
    cursor->is_end = err != HR_OK;
    if (err == HR_OK) {
        note_device(cursor, fix->device);
    }
    return err == HR_OK || err == HR_NOT_FOUND ? SQLITE_OK : failure(cursor, err, &why);
}

static int track_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    hr_why why = {.text = ""};
    history_span span = {.has_device = key != NULL, .from_ms = from_ms, .to_ms = cursor->to_ms};
    (void)from_offset;
    cursor->is_end = cursor->context->log == NULL;
    if (cursor->is_end) {
        return SQLITE_OK;
    }
    if (key != NULL) {
        span.device = hr_device_key(key, strlen(key));
        cursor->device = span.device;
    } else {
        cursor->key[0] = 0;
    }
    hr_err err = begin(cursor, sizeof(hr_fix), &why);
    if (err == HR_OK) {
        err = history_track_begin(cursor->history, &span, &why);
    }
    return err == HR_OK ? track_next(cursor) : failure(cursor, err, &why);
}

static void track_column(sql_cursor *cursor, sqlite3_context *result, int column)
{
    if (column == 0) {
        result_text(result, cursor->key);
    } else {
        sql_result_fix(result, cursor->record, column - 1);
    }
}

static int64_t track_rowid(const sql_cursor *cursor)
{
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix_store(bytes, cursor->record);
    return (int64_t)hr_hash64(bytes, sizeof bytes);
}

const sql_table sql_table_track = {
    .name = "track",
    .columns = "device, lon, lat, time, accuracy_m, speed_mps, heading_deg, battery_pct, geom",
    .key_column = 0,
    .time_column = 3,
    .offset_column = -1,
    .begin = track_begin,
    .next = track_next,
    .column = track_column,
    .rowid = track_rowid,
};
