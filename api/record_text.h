/* api/record_text.h - a record of the log as a line of JSON, for people and scripts. */
#ifndef API_RECORD_TEXT_H
#define API_RECORD_TEXT_H

#include "base/json.h"
#include "log/reader.h"

/* Write one record of a view as an object: topic, partition, offset, append_ms, type, and what the
 * type makes of the bytes. Bytes that are not as their type says, and unknown types, come out as
 * hexadecimal digits. */
void record_text_write(hr_json *json, const char *topic, uint16_t partition, const log_view *view,
                       const uint8_t *bytes, size_t size, int64_t offset);

#endif
