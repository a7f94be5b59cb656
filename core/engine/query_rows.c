/* core/engine/query_rows.c - the columns of events, positions, and the tables beside them. */
#include "query_rows.h"

#include <string.h>

#include "geo/measure.h"

/* The columns of each table, in the order of the switches below. */
#define EVENT_COLUMNS                                                                              \
    "kind", "fence", "fence_name", "device", "severity", "cause", "late", "time", "received",      \
        "lon", "lat", "partition", "offset", "crossing_time", "uncertainty_s"
#define FIX_COLUMNS                                                                                \
    "device", "time", "received", "lon", "lat", "accuracy_m", "speed_mps", "heading_deg",          \
        "battery_pct", "backlog", "partition", "offset", "time_days"
#define DEVICE_COLUMNS "device_group", "device_stale_after_s"
#define FENCE_COLUMNS                                                                              \
    "fence_group", "fence_intent", "fence_area_ha", "fence_dwell_s", "fence_expires"

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
    EVENT_CROSSING_TIME,
    EVENT_UNCERTAINTY,
    EVENT_COLUMN_COUNT,
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
    FIX_TIME_DAYS,
    FIX_COLUMN_COUNT,
};

enum {
    DEVICE_GROUP,
    DEVICE_STALE_AFTER,
    DEVICE_COLUMN_COUNT,
};

enum {
    FENCE_GROUP,
    FENCE_INTENT,
    FENCE_AREA,
    FENCE_DWELL,
    FENCE_EXPIRES,
    FENCE_COLUMN_COUNT,
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

static void read_event(const query_event_row *row, int column, stream_value *value)
{
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
    case EVENT_CROSSING_TIME:
        set_whole(value, event->has_crossing ? event->crossing_time_ms : event->time_ms);
        break;
    case EVENT_UNCERTAINTY:
        set_scaled(value, row->uncertainty_ms, 1000, true);
        break;
    default:
        set_whole(value, row->base.offset);
    }
}

static void read_fix(const query_fix_row *row, int column, stream_value *value)
{
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
    case FIX_TIME_DAYS:
        set_scaled(value, fix->time_ms, 86400000, true);
        break;
    default:
        set_whole(value, row->base.offset);
    }
}

static void read_device(const query_view *view, int column, stream_value *value)
{
    const geo_device_rules *rules = view->row->device_rules;
    if (rules == NULL) {
        return;
    }
    if (column == DEVICE_GROUP && view->device_group < rules->group_count) {
        set_text(value, rules->groups[view->device_group]);
    } else if (column == DEVICE_STALE_AFTER && rules->has_stale_after) {
        set_whole(value, rules->stale_after_s);
    }
}

static void read_fence(const query_view *view, int column, stream_value *value)
{
    static const char *const intents[] = {"info", "keep-in", "keep-out"};
    const geo_fence *fence = view->row->fence;
    geo_measure measure;
    if (fence == NULL) {
        return;
    }
    switch (column) {
    case FENCE_GROUP:
        if (view->fence_group < fence->group_count) {
            set_text(value, fence->groups[view->fence_group]);
        }
        break;
    case FENCE_INTENT:
        set_text(value, intents[fence->intent]);
        break;
    case FENCE_AREA:
        if (geo_area_measure(fence->area, &measure) == GEO_OK) {
            *value = (stream_value){.type = STREAM_REAL, .real = measure.area_ha};
        }
        break;
    case FENCE_DWELL:
        set_whole(value, fence->dwell_s);
        break;
    default:
        if (fence->expires_at_ms != GEO_NEVER_MS) {
            set_whole(value, fence->expires_at_ms);
        }
    }
}

/* Columns behind the source's own: of the device's table if it is joined, then of the fence's. */
static void read_tables(const query_view *view, bool has_device, int column, stream_value *value)
{
    if (has_device && column < DEVICE_COLUMN_COUNT) {
        read_device(view, column, value);
    } else {
        read_fence(view, column - (has_device ? DEVICE_COLUMN_COUNT : 0), value);
    }
}

static void read_position_view(const void *views, size_t at, int column, stream_value *value)
{
    const query_view *view = &((const query_view *)views)[at];
    if (column < FIX_COLUMN_COUNT) {
        read_fix((const query_fix_row *)(const void *)view->row, column, value);
    } else {
        read_device(view, column - FIX_COLUMN_COUNT, value);
    }
}

static void read_event_view(const void *views, size_t at, int column, stream_value *value)
{
    const query_view *view = &((const query_view *)views)[at];
    if (column < EVENT_COLUMN_COUNT) {
        read_event((const query_event_row *)(const void *)view->row, column, value);
    } else {
        read_tables(view, true, column - EVENT_COLUMN_COUNT, value);
    }
}

static void read_event_fence_view(const void *views, size_t at, int column, stream_value *value)
{
    const query_view *view = &((const query_view *)views)[at];
    if (column < EVENT_COLUMN_COUNT) {
        read_event((const query_event_row *)(const void *)view->row, column, value);
    } else {
        read_tables(view, false, column - EVENT_COLUMN_COUNT, value);
    }
}

const stream_shape *query_shape(query_source source, unsigned tables)
{
    static const char *const event_names[] = {EVENT_COLUMNS, DEVICE_COLUMNS, FENCE_COLUMNS};
    static const char *const event_fence_names[] = {EVENT_COLUMNS, FENCE_COLUMNS};
    static const char *const fix_names[] = {FIX_COLUMNS, DEVICE_COLUMNS};
    static const stream_shape events[QUERY_TABLE_SETS] = {
        {"events", event_names, EVENT_COLUMN_COUNT, read_event_view},
        {"events", event_names, EVENT_COLUMN_COUNT + DEVICE_COLUMN_COUNT, read_event_view},
        {"events", event_fence_names, EVENT_COLUMN_COUNT + FENCE_COLUMN_COUNT,
         read_event_fence_view},
        {"events", event_names, EVENT_COLUMN_COUNT + DEVICE_COLUMN_COUNT + FENCE_COLUMN_COUNT,
         read_event_view},
    };
    static const stream_shape positions[] = {
        {"positions", fix_names, FIX_COLUMN_COUNT, read_position_view},
        {"positions", fix_names, FIX_COLUMN_COUNT + DEVICE_COLUMN_COUNT, read_position_view},
    };
    return source == QUERY_EVENTS ? &events[tables] : &positions[tables & QUERY_TABLE_DEVICE];
}
