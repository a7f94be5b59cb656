/* api/event_text.h - what stands in the `events` topic, as everyone outside sees it. */
#ifndef API_EVENT_TEXT_H
#define API_EVENT_TEXT_H

#include "base/event.h"
#include "base/json.h"
#include "log/reader.h"

/* Write one event as an object, its offset included. */
void api_event_write(hr_json *json, const hr_event *event, int64_t offset);

/* Write an edit or acknowledgement, stored as a JSON object, with "offset" as its first member. */
void api_edit_write(hr_json *json, const uint8_t *bytes, size_t size, int64_t offset);

#endif
