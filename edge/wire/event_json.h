/* wire/event_json.h - an event as everyone outside sees it. */
#ifndef WIRE_EVENT_JSON_H
#define WIRE_EVENT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/event.h"

/* What an event is told with, besides what happened. */
typedef struct event_json_frame {
    bool has_offset; /* in the topic events: its place in the order of all events */
    int64_t offset;
    bool has_source;  /* `source` and `received`, from the event itself */
    bool has_emitted; /* when a sink sent it */
    int64_t emitted_ms;
} event_json_frame;

/* Append one object, without a line end. Coordinates are exact, with no more digits than needed.
 * What is missing (a crossing, the place of a stale) is null; the fence of a stale is "-", as in
 * its id. Equal events give equal bytes. Errors gather in the buffer. */
void event_json_write(hr_buf *out, const hr_event *event, const event_json_frame *frame);

#endif
