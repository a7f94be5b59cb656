/* engine/told.h - what the tracker says, as an event of the log. */
#ifndef ENGINE_TOLD_H
#define ENGINE_TOLD_H

#include "base/event.h"
#include "geo/tracker_event.h"

/* The event, without its source, its rules version and the time it was received. */
hr_event engine_event_of(const geo_event *said, uint64_t device, const char *device_id);

#endif
