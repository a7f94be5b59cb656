/* api/record_text.h - a record of the log as a line of JSON, for people and scripts. */
#ifndef API_RECORD_TEXT_H
#define API_RECORD_TEXT_H

#include "base/fix.h"
#include "base/json.h"
#include "log/reader.h"

/* "fix", "event" and so on. Static. */
const char *record_type_text(uint8_t type);

/* Members of an object that is open: device_key, time, lon, lat, what the sender said, marks. */
void record_fix_write(hr_json *json, const hr_fix *fix);

/* device_key and device, out of a record of the type name. False: it is none. */
bool record_name_write(hr_json *json, const uint8_t *bytes, size_t size);

/* "event":{...}, out of a record of the type event. False: it is none. */
bool record_event_write(hr_json *json, const uint8_t *bytes, size_t size, int64_t offset);

/* Topic, under that name, and reason, out of a record of the type dead, and where its payload lies.
 * False: it is none. */
bool record_dead_write(hr_json *json, const char *topic_name, const uint8_t *bytes, size_t size,
                       const uint8_t **payload, size_t *payload_size);

/* Write one record of a view as an object: topic, partition, offset, append_ms, type, and what the
 * type makes of the bytes. Bytes that are not as their type says, and unknown types, come out as
 * hexadecimal digits. */
void record_text_write(hr_json *json, const char *topic, uint16_t partition, const log_view *view,
                       const uint8_t *bytes, size_t size, int64_t offset);

#endif
