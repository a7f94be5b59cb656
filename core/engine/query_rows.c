/* core/engine/query_rows.c - the columns of events and positions. */
#include "query_rows.h"

#include <string.h>

enum {
    EVENT_KIND,
    EVENT_FENCE,
    EVENT_FENCE_NAME,
    EVENT_DEVICE,
    EVENT_SEVERITY,
    EVENT_CAUSE,
    EVENT_LATE,
    EVENT_TIME,
    EVENT_RECEIVED,
    EVENT_LON,
    EVENT_LAT,
    EVENT_PARTITION,
    EVENT_OFFSET,
};

static const char *const event_columns[] = {
    "kind", "fence",    "fence_name", "device", "severity",  "cause",  "late",
    "time", "received", "lon",        "lat",    "partition", "offset",
};

enum {
    FIX_DEVICE,
    FIX_TIME,
    FIX_RECEIVED,
    FIX_LON,
    FIX_LAT,
    FIX_ACCURACY,
    FIX_SPEED,
    FIX_HEADING,
    FIX_BATTERY,
    FIX_BACKLOG,
    FIX_PARTITION,
    FIX_OFFSET,
};

static const char *const fix_columns[] = {
    "device",    "time",        "received",    "lon",     "lat",       "accuracy_m",
    "speed_mps", "heading_deg", "battery_pct", "backlog", "partition", "offset",
};

static void set_text(stream_value *value, const char *text)
{
    *value = (stream_value){.type = STREAM_TEXT, .text = text, .size = strlen(text)};
}

static void set_whole(stream_value *value, int64_t whole)
{
    *value = (stream_value){.type = STREAM_WHOLE, .whole = whole};
}

static void set_scaled(stream_value *value, int64_t number, double scale, bool is_known)
{
    if (is_known) {
        *value = (stream_value){.type = STREAM_REAL, .real = (double)number / scale};
    }
}

static void read_event(const void *rows, size_t at, int column, stream_value *value)
{
    const query_event_row *row = &((const query_event_row *)rows)[at];
    const hr_event *event = &row->event;
    switch (column) {
    case EVENT_KIND:
        set_text(value, hr_event_kind_name(event->kind));
        break;
    case EVENT_FENCE:
        if (event->fence_id[0] != 0) {
            set_text(value, event->fence_id);
        }
        break;
    case EVENT_FENCE_NAME:
        if (event->fence_id[0] != 0) {
            set_text(value, event->fence_name);
        }
        break;
    case EVENT_DEVICE:
        set_text(value, event->device_id);
        break;
    case EVENT_SEVERITY:
        set_text(value, hr_severity_name(event->severity));
        break;
    case EVENT_CAUSE:
        set_text(value, hr_event_cause_name(event->cause));
        break;
    case EVENT_LATE:
        set_whole(value, event->late);
        break;
    case EVENT_TIME:
        set_whole(value, event->time_ms);
        break;
    case EVENT_RECEIVED:
        set_whole(value, event->received_ms);
        break;
    case EVENT_LON:
        set_scaled(value, event->lon_e7, 1e7, event->has_place);
        break;
    case EVENT_LAT:
        set_scaled(value, event->lat_e7, 1e7, event->has_place);
        break;
    case EVENT_PARTITION:
        set_whole(value, event->source_partition);
        break;
    default:
        set_whole(value, row->base.offset);
    }
}

static void read_fix(const void *rows, size_t at, int column, stream_value *value)
{
    const query_fix_row *row = &((const query_fix_row *)rows)[at];
    const hr_fix *fix = &row->fix;
    switch (column) {
    case FIX_DEVICE:
        if (row->device != NULL) {
            set_text(value, row->device);
        }
        break;
    case FIX_TIME:
        set_whole(value, fix->time_ms);
        break;
    case FIX_RECEIVED:
        set_whole(value, row->append_ms);
        break;
    case FIX_LON:
        set_scaled(value, fix->lon_e7, 1e7, true);
        break;
    case FIX_LAT:
        set_scaled(value, fix->lat_e7, 1e7, true);
        break;
    case FIX_ACCURACY:
        set_scaled(value, fix->accuracy_dm, 10, fix->accuracy_dm != HR_FIX_U16_UNKNOWN);
        break;
    case FIX_SPEED:
        set_scaled(value, fix->speed_cm_s, 100, fix->speed_cm_s != HR_FIX_U16_UNKNOWN);
        break;
    case FIX_HEADING:
        set_scaled(value, fix->heading_cdeg, 100, fix->heading_cdeg != HR_FIX_U16_UNKNOWN);
        break;
    case FIX_BATTERY:
        if (fix->battery_pct != HR_FIX_U8_UNKNOWN) {
            set_whole(value, fix->battery_pct);
        }
        break;
    case FIX_BACKLOG:
        set_whole(value, (fix->flags & HR_FIX_BACKLOG) != 0);
        break;
    case FIX_PARTITION:
        set_whole(value, row->base.lane);
        break;
    default:
        set_whole(value, row->base.offset);
    }
}

const stream_shape query_shapes[QUERY_SOURCES] = {
    {"events", event_columns, sizeof event_columns / sizeof event_columns[0], read_event},
    {"positions", fix_columns, sizeof fix_columns / sizeof fix_columns[0], read_fix},
};
