/* wire/fix_json.h - fixes as JSON: OwnTracks locations, our own plain form, and arrays of it. */
#ifndef WIRE_FIX_JSON_H
#define WIRE_FIX_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "base/limits.h"

#define FIX_JSON_BYTES_MAX (1u << 20) /* of one message; HR_INVALID above */
#define FIX_JSON_FIXES_MAX 10000      /* in one array; HR_INVALID above */

/* One fix and its device. fix.device is the id's key. Without a time, fix.time_ms is 0 and
 * fix.flags has HR_FIX_TIME_ASSIGNED. */
typedef struct wire_fix {
    hr_fix fix;
    char id[HR_DEVICE_ID_MAX + 1];
    uint8_t id_size;
} wire_fix;

/* Called for each fix, or with NULL and the reason for an element of an array that is none;
 * index is its place in the array. Whatever it returns but HR_OK ends the walk. */
typedef hr_err fix_json_visitor(void *context, size_t index, const wire_fix *fix,
                                const hr_why *why);

/* Read a message in the plain form, one object or an array:
 *   {"device":"cow-17","time":"2026-11-20T08:00:00Z" or ms,"lon":16.37,"lat":59.85,"accuracy_m":4,
 *    "speed_mps":1.2,"heading_deg":270,"battery_pct":88}
 * Only lon and lat must be there; device_default names the device where the fix does not.
 * An OwnTracks object is read as such. A detail out of its range counts as unknown.
 * HR_INVALID: no JSON, or an object that is no good fix. Else what the visitor returned. */
HR_MUST_USE hr_err fix_json_read(const void *bytes, size_t size, const char *device_default,
                                 fix_json_visitor *visit, void *context, hr_why *why);

/* Read an OwnTracks message (lat lon tst acc vel cog batt); the device is always the given one.
 * HR_UNSUPPORTED: a kind of OwnTracks message that is no location (lwt, waypoint, ...): no harm.
 * HR_INVALID: anything else that is no location. */
HR_MUST_USE hr_err fix_json_owntracks(const void *bytes, size_t size, const char *device,
                                      wire_fix *fix, hr_why *why);

#endif
