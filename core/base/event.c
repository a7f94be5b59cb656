/* base/event.c - the stored form of events. */
#include "base/event.h"

#include <inttypes.h>
#include <stdio.h>

#define EVENT_VERSION 1
#define FLAG_LATE 0x01u
#define FLAG_CROSSING 0x02u
#define FLAG_PLACE 0x04u

#define EVENT_NAME(value, name) name,
static const char *const kind_names[] = {HR_EVENT_KIND_LIST(EVENT_NAME)};
static const char *const cause_names[] = {HR_EVENT_CAUSE_LIST(EVENT_NAME)};
static const char *const severity_names[] = {HR_SEVERITY_LIST(EVENT_NAME)};
#undef EVENT_NAME

const char *hr_event_kind_name(hr_event_kind kind)
{
    return kind_names[kind];
}

const char *hr_event_cause_name(hr_event_cause cause)
{
    return cause_names[cause];
}

const char *hr_severity_name(hr_severity severity)
{
    return severity_names[severity];
}

hr_err hr_event_kind_parse(const char *name, size_t size, hr_event_kind *kind)
{
    for (unsigned i = 0; i < HR_EVENT_KINDS; i++) {
        if (strlen(kind_names[i]) == size && memcmp(kind_names[i], name, size) == 0) {
            *kind = (hr_event_kind)i;
            return HR_OK;
        }
    }
    return HR_INVALID;
}

static void put_text(hr_buf *out, const char *text)
{
    size_t size = strlen(text);
    hr_buf_put_u16(out, (uint16_t)size);
    hr_buf_put(out, text, size);
}

void hr_event_store(hr_buf *out, const hr_event *event)
{
    unsigned flags = (event->late ? FLAG_LATE : 0) | (event->has_crossing ? FLAG_CROSSING : 0) |
                     (event->has_place ? FLAG_PLACE : 0);
    hr_buf_put_u8(out, EVENT_VERSION);
    hr_buf_put_u8(out, (uint8_t)event->kind);
    hr_buf_put_u8(out, (uint8_t)event->cause);
    hr_buf_put_u8(out, (uint8_t)event->severity);
    hr_buf_put_u8(out, (uint8_t)flags);
    hr_buf_put_u16(out, event->source_partition);
    hr_buf_put_u64(out, (uint64_t)event->source_offset);
    hr_buf_put_u32(out, event->source_index);
    hr_buf_put_u64(out, event->rules_version);
    hr_buf_put_u64(out, event->device);
    hr_buf_put_u64(out, (uint64_t)event->received_ms);
    hr_buf_put_u64(out, (uint64_t)event->time_ms);
    hr_buf_put_u32(out, (uint32_t)event->lon_e7);
    hr_buf_put_u32(out, (uint32_t)event->lat_e7);
    if (event->has_crossing) {
        hr_buf_put_u64(out, (uint64_t)event->crossing_time_ms);
        hr_buf_put_u32(out, (uint32_t)event->crossing_lon_e7);
        hr_buf_put_u32(out, (uint32_t)event->crossing_lat_e7);
    }
    put_text(out, event->device_id);
    put_text(out, event->fence_id);
    put_text(out, event->fence_name);
}

static void take_text(hr_cursor *cursor, char *text, size_t size_max)
{
    size_t size = hr_cursor_u16(cursor);
    const uint8_t *bytes = hr_cursor_take(cursor, size);
    if (bytes == NULL || size > size_max) {
        cursor->short_read = true;
        text[0] = '\0';
        return;
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
}

hr_err hr_event_load(const uint8_t *bytes, size_t size, hr_event *event)
{
    hr_cursor cursor = hr_cursor_of(bytes, size);
    hr_event loaded = {0};
    uint8_t version = hr_cursor_u8(&cursor);
    uint8_t kind = hr_cursor_u8(&cursor);
    uint8_t cause = hr_cursor_u8(&cursor);
    uint8_t severity = hr_cursor_u8(&cursor);
    uint8_t flags = hr_cursor_u8(&cursor);
    if (version != EVENT_VERSION || kind >= HR_EVENT_KINDS || cause >= HR_EVENT_CAUSES ||
        severity >= HR_SEVERITIES) {
        return HR_CORRUPT;
    }
    loaded.kind = (hr_event_kind)kind;
    loaded.cause = (hr_event_cause)cause;
    loaded.severity = (hr_severity)severity;
    loaded.late = (flags & FLAG_LATE) != 0;
    loaded.has_crossing = (flags & FLAG_CROSSING) != 0;
    loaded.has_place = (flags & FLAG_PLACE) != 0;
    loaded.source_partition = hr_cursor_u16(&cursor);
    loaded.source_offset = (int64_t)hr_cursor_u64(&cursor);
    loaded.source_index = hr_cursor_u32(&cursor);
    loaded.rules_version = hr_cursor_u64(&cursor);
    loaded.device = hr_cursor_u64(&cursor);
    loaded.received_ms = (int64_t)hr_cursor_u64(&cursor);
    loaded.time_ms = (int64_t)hr_cursor_u64(&cursor);
    loaded.lon_e7 = (int32_t)hr_cursor_u32(&cursor);
    loaded.lat_e7 = (int32_t)hr_cursor_u32(&cursor);
    if (loaded.has_crossing) {
        loaded.crossing_time_ms = (int64_t)hr_cursor_u64(&cursor);
        loaded.crossing_lon_e7 = (int32_t)hr_cursor_u32(&cursor);
        loaded.crossing_lat_e7 = (int32_t)hr_cursor_u32(&cursor);
    }
    take_text(&cursor, loaded.device_id, HR_DEVICE_ID_MAX);
    take_text(&cursor, loaded.fence_id, HR_FENCE_ID_MAX);
    take_text(&cursor, loaded.fence_name, HR_FENCE_NAME_MAX);
    if (cursor.short_read || hr_cursor_left(&cursor) != 0) {
        return HR_CORRUPT;
    }
    *event = loaded;
    return HR_OK;
}

void hr_event_id(const hr_event *event, char id[HR_EVENT_ID_SIZE])
{
    const char *fence = event->fence_id[0] != '\0' ? event->fence_id : "-";
    int used = snprintf(id, HR_EVENT_ID_SIZE, "%s/%s/%s/%" PRId64, kind_names[event->kind], fence,
                        event->device_id, event->time_ms);
    size_t room = HR_EVENT_ID_SIZE - (size_t)used;
    switch (event->cause) {
    case HR_CAUSE_RULES:
        snprintf(id + used, room, "/rules-%" PRIu64, event->rules_version);
        break;
    case HR_CAUSE_SCHEDULE:
    case HR_CAUSE_EXPIRY:
        snprintf(id + used, room, "/%s", cause_names[event->cause]);
        break;
    default:
        break;
    }
}
