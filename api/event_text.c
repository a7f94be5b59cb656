/* api/event_text.c - events as JSON, as the contract words them. */
#include "event_text.h"

#include <stdio.h>
#include <string.h>

static void put_source(hr_json *json, const hr_event *event)
{
    hr_json_key(json, "source");
    hr_json_open_object(json);
    hr_json_key_i64(json, "partition", event->source_partition);
    hr_json_key_i64(json, "offset", event->source_offset);
    hr_json_key_i64(json, "index", event->source_index);
    hr_json_close_object(json);
}

static void put_place(hr_json *json, int32_t lon_e7, int32_t lat_e7)
{
    hr_json_key(json, "lon");
    hr_json_decimal(json, lon_e7, 7);
    hr_json_key(json, "lat");
    hr_json_decimal(json, lat_e7, 7);
}

static void put_crossing(hr_json *json, const hr_event *event)
{
    hr_json_key(json, "crossing");
    if (!event->has_crossing) {
        hr_json_null(json);
        return;
    }
    hr_json_open_object(json);
    hr_json_key_time(json, "time", event->crossing_time_ms);
    put_place(json, event->crossing_lon_e7, event->crossing_lat_e7);
    hr_json_close_object(json);
}

void api_event_write(hr_json *json, const hr_event *event, int64_t offset)
{
    char id[HR_EVENT_ID_SIZE];
    hr_event_id(event, id);
    hr_json_open_object(json);
    hr_json_key_text(json, "id", id);
    hr_json_key_i64(json, "offset", offset);
    hr_json_key_text(json, "kind", hr_event_kind_name(event->kind));
    if (event->fence_id[0] != 0) {
        hr_json_key_text(json, "fence", event->fence_id);
        hr_json_key_text(json, "fence_name", event->fence_name);
    } else {
        hr_json_key(json, "fence");
        hr_json_null(json);
    }
    hr_json_key_text(json, "severity", hr_severity_name(event->severity));
    hr_json_key_text(json, "device", event->device_id);
    hr_json_key_time(json, "time", event->time_ms);
    if (event->has_place) {
        put_place(json, event->lon_e7, event->lat_e7);
    }
    put_crossing(json, event);
    hr_json_key_text(json, "cause", hr_event_cause_name(event->cause));
    hr_json_key_bool(json, "late", event->late);
    put_source(json, event);
    hr_json_key_time(json, "received", event->received_ms);
    hr_json_close_object(json);
}

void api_edit_write(hr_json *json, const uint8_t *bytes, size_t size, int64_t offset)
{
    bool is_object = size >= 2 && bytes[0] == '{' && bytes[size - 1] == '}';
    char head[40];
    int head_size = snprintf(head, sizeof head, "{\"offset\":%lld%s", (long long)offset,
                             is_object && size > 2 ? "," : "}");
    hr_json_raw(json, head, (size_t)head_size);
    if (is_object && size > 2) {
        hr_buf_put(json->buf, bytes + 1, size - 1);
    }
}
