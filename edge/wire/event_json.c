/* wire/event_json.c - writes events as JSON. */
#include "wire/event_json.h"

#include "base/json.h"

#define E7_DIGITS 7

static void write_place(hr_json *json, bool known, int32_t lon_e7, int32_t lat_e7)
{
    hr_json_key(json, "lon");
    if (known) {
        hr_json_decimal(json, lon_e7, E7_DIGITS);
    } else {
        hr_json_null(json);
    }
    hr_json_key(json, "lat");
    if (known) {
        hr_json_decimal(json, lat_e7, E7_DIGITS);
    } else {
        hr_json_null(json);
    }
}

static void write_crossing(hr_json *json, const hr_event *event)
{
    hr_json_key(json, "crossing");
    if (!event->has_crossing) {
        hr_json_null(json);
        return;
    }
    hr_json_open_object(json);
    hr_json_key_time(json, "time", event->crossing_time_ms);
    write_place(json, true, event->crossing_lon_e7, event->crossing_lat_e7);
    hr_json_close_object(json);
}

static void write_source(hr_json *json, const hr_event *event)
{
    hr_json_key(json, "source");
    hr_json_open_object(json);
    hr_json_key_u64(json, "partition", event->source_partition);
    hr_json_key_i64(json, "offset", event->source_offset);
    hr_json_key_u64(json, "index", event->source_index);
    hr_json_close_object(json);
    hr_json_key_time(json, "received", event->received_ms);
}

void event_json_write(hr_buf *out, const hr_event *event, const event_json_frame *frame)
{
    char id[HR_EVENT_ID_SIZE];
    hr_json json = hr_json_into(out);
    hr_event_id(event, id);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "id", id);
    if (frame->has_offset) {
        hr_json_key_i64(&json, "offset", frame->offset);
    }
    hr_json_key_text(&json, "kind", hr_event_kind_name(event->kind));
    hr_json_key_text(&json, "fence", event->fence_id[0] != '\0' ? event->fence_id : "-");
    hr_json_key_text(&json, "fence_name", event->fence_name);
    hr_json_key_text(&json, "severity", hr_severity_name(event->severity));
    hr_json_key_text(&json, "device", event->device_id);
    hr_json_key_time(&json, "time", event->time_ms);
    write_place(&json, event->has_place, event->lon_e7, event->lat_e7);
    write_crossing(&json, event);
    hr_json_key_text(&json, "cause", hr_event_cause_name(event->cause));
    hr_json_key_bool(&json, "late", event->late);
    if (frame->has_source) {
        write_source(&json, event);
    }
    if (frame->has_emitted) {
        hr_json_key_time(&json, "emitted", frame->emitted_ms);
    }
    hr_json_close_object(&json);
}
