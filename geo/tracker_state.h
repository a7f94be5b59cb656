/* geo/tracker_state.h - what the tracker remembers of one device: 128 bytes, rarely more. */
#ifndef GEO_TRACKER_STATE_H
#define GEO_TRACKER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

/* Times that a state can hold: 48 bits, 4,400 years to either side of 1970. */
#define GEO_TIME_MS_MAX ((INT64_C(1) << 47) - 2)
#define GEO_TIME_MS_MIN (-GEO_TIME_MS_MAX)

/* Opaque. The bytes themselves hold a device inside up to 4 fences; what needs more (more fences,
 * or changes still waiting to be confirmed) lives in one heap block that the state owns. May be
 * moved by memcpy if the old place is forgotten. One thread at a time. */
typedef struct geo_tracker_state {
    uint64_t opaque[16];
} geo_tracker_state;

void geo_tracker_state_init(geo_tracker_state *state);
void geo_tracker_state_fini(geo_tracker_state *state);

/* L of TRACKER.md, the last deciding fix; false if there is none yet. */
bool geo_tracker_state_last(const geo_tracker_state *state, geo_point *place, int64_t *time_ms);

/* The next fence that the device is in; false when there are no more. *at is 0 to begin with, and
 * where to go on then. */
bool geo_tracker_state_inside(const geo_tracker_state *state, size_t *at, uint32_t *slot,
                              int64_t *since_ms);

/* Bytes for a checkpoint: the same state gives the same bytes on every machine, and reading them
 * gives the same state. Slots are those of the rules that the state was last used with. */
size_t geo_tracker_state_size(const geo_tracker_state *state);
size_t geo_tracker_state_write(const geo_tracker_state *state, uint8_t *bytes);

/* state is initialised by this; *used gets the length read.
 * GEO_SYNTAX: not such bytes or cut short; GEO_NO_MEMORY. On failure state is as after init. */
GEO_MUST_USE geo_err geo_tracker_state_read(geo_tracker_state *state, const uint8_t *bytes,
                                            size_t size, size_t *used);

#endif
