/* api/record_text.c - see record_text.h. */
#include "record_text.h"

#include <stdio.h>

#include "base/event.h"
#include "base/record.h"
#include "event_text.h"

static void put_known(hr_json *json, const char *name, int64_t value, bool is_known, unsigned scale)
{
    if (is_known) {
        hr_json_key(json, name);
        hr_json_decimal(json, value, scale);
    }
}

static void put_key(hr_json *json, uint64_t device)
{
    char key[24];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)device);
    hr_json_key_text(json, "device_key", key);
}

void record_fix_write(hr_json *json, const hr_fix *fix)
{
    put_key(json, fix->device);
    hr_json_key_time(json, "time", fix->time_ms);
    put_known(json, "lon", fix->lon_e7, true, 7);
    put_known(json, "lat", fix->lat_e7, true, 7);
    put_known(json, "accuracy_m", fix->accuracy_dm, fix->accuracy_dm != HR_FIX_U16_UNKNOWN, 1);
    put_known(json, "speed_mps", fix->speed_cm_s, fix->speed_cm_s != HR_FIX_U16_UNKNOWN, 2);
    put_known(json, "heading_deg", fix->heading_cdeg, fix->heading_cdeg != HR_FIX_U16_UNKNOWN, 2);
    put_known(json, "battery_pct", fix->battery_pct, fix->battery_pct != HR_FIX_U8_UNKNOWN, 0);
    hr_json_key_bool(json, "backlog", (fix->flags & HR_FIX_BACKLOG) != 0);
    hr_json_key_bool(json, "time_assigned", (fix->flags & HR_FIX_TIME_ASSIGNED) != 0);
}

static bool put_fix(hr_json *json, const uint8_t *bytes, size_t size)
{
    hr_fix fix;
    if (size != HR_FIX_BYTES) {
        return false;
    }
    hr_fix_load(bytes, &fix);
    record_fix_write(json, &fix);
    return true;
}

bool record_name_write(hr_json *json, const uint8_t *bytes, size_t size)
{
    if (size <= 8) {
        return false;
    }
    put_key(json, hr_load_u64(bytes));
    hr_json_key(json, "device");
    hr_json_text_sized(json, (const char *)bytes + 8, size - 8);
    return true;
}

bool record_event_write(hr_json *json, const uint8_t *bytes, size_t size, int64_t offset)
{
    hr_event event;
    if (hr_event_load(bytes, size, &event) != HR_OK) {
        return false;
    }
    hr_json_key(json, "event");
    api_event_write(json, &event, offset);
    return true;
}

/* Edits and acknowledgements are JSON, but a damaged or foreign one must not break the line. */
static bool put_json_text(hr_json *json, const uint8_t *bytes, size_t size)
{
    hr_json_key(json, "what");
    hr_json_text_sized(json, (const char *)bytes, size);
    return true;
}

/* What a person can read: no control characters but those that end lines and columns. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < 0x20 && bytes[i] != '\t' && bytes[i] != '\r' && bytes[i] != '\n') {
            return false;
        }
    }
    return size > 0;
}

bool record_dead_write(hr_json *json, const char *topic_name, const uint8_t *bytes, size_t size,
                       const uint8_t **payload, size_t *payload_size)
{
    hr_cursor cursor = hr_cursor_of(bytes, size);
    size_t topic_size = hr_cursor_u16(&cursor);
    const uint8_t *topic = hr_cursor_take(&cursor, topic_size);
    size_t reason_size = hr_cursor_u16(&cursor);
    const uint8_t *reason = hr_cursor_take(&cursor, reason_size);
    if (topic == NULL || reason == NULL) {
        return false;
    }
    hr_json_key(json, topic_name);
    hr_json_text_sized(json, (const char *)topic, topic_size);
    hr_json_key(json, "reason");
    hr_json_text_sized(json, (const char *)reason, reason_size);
    *payload_size = hr_cursor_left(&cursor);
    *payload = hr_cursor_take(&cursor, *payload_size);
    return true;
}

static bool put_dead(hr_json *json, const uint8_t *bytes, size_t size)
{
    const uint8_t *payload;
    size_t payload_size;
    if (!record_dead_write(json, "mqtt_topic", bytes, size, &payload, &payload_size)) {
        return false;
    }
    if (is_text(payload, payload_size)) {
        hr_json_key(json, "text");
        hr_json_text_sized(json, (const char *)payload, payload_size);
    }
    hr_json_key_hex(json, "hex", payload, payload_size);
    return true;
}

static bool put_u64(hr_json *json, const char *name, const uint8_t *bytes, size_t size)
{
    if (size != 8) {
        return false;
    }
    hr_json_key_i64(json, name, (int64_t)hr_load_u64(bytes));
    return true;
}

const char *record_type_text(uint8_t type)
{
    static const char *const texts[] = {"unknown", "fix",  "rules",     "tick", "name",
                                        "event",   "edit", "alert_ack", "dead"};
    return type < sizeof texts / sizeof texts[0] ? texts[type] : texts[0];
}

static bool put_meaning(hr_json *json, uint8_t type, const uint8_t *bytes, size_t size,
                        int64_t offset)
{
    switch (type) {
    case HR_RECORD_FIX:
        return put_fix(json, bytes, size);
    case HR_RECORD_RULES:
        return put_u64(json, "version", bytes, size);
    case HR_RECORD_TICK:
        return put_u64(json, "ms", bytes, size);
    case HR_RECORD_NAME:
        return record_name_write(json, bytes, size);
    case HR_RECORD_EVENT:
        return record_event_write(json, bytes, size, offset);
    case HR_RECORD_EDIT:
    case HR_RECORD_ALERT_ACK:
        return put_json_text(json, bytes, size);
    case HR_RECORD_DEAD:
        return put_dead(json, bytes, size);
    default:
        return false;
    }
}

void record_text_write(hr_json *json, const char *topic, uint16_t partition, const log_view *view,
                       const uint8_t *bytes, size_t size, int64_t offset)
{
    hr_json_open_object(json);
    hr_json_key_text(json, "topic", topic);
    hr_json_key_u64(json, "partition", partition);
    hr_json_key_i64(json, "offset", offset);
    hr_json_key_i64(json, "append_ms", view->append_ms);
    hr_json_key_text(json, "type", record_type_text(view->type));
    if (!put_meaning(json, view->type, bytes, size, offset)) {
        hr_json_key_u64(json, "type_number", view->type);
        hr_json_key_hex(json, "hex", bytes, size);
    }
    hr_json_close_object(json);
}
