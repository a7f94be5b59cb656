/* engine/told.c - one table for each enum, so that neither side can be renumbered by mistake. */
#include "engine/told.h"

#include <string.h>

static void copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

hr_event engine_event_of(const geo_event *said, uint64_t device, const char *device_id)
{
    static const hr_event_kind kinds[] = {
        [GEO_EXIT] = HR_EVENT_EXIT,   [GEO_CROSS] = HR_EVENT_CROSS,
        [GEO_ENTER] = HR_EVENT_ENTER, [GEO_APPROACH] = HR_EVENT_APPROACH,
        [GEO_DWELL] = HR_EVENT_DWELL, [GEO_STALE] = HR_EVENT_STALE,
    };
    static const hr_event_cause causes[] = {
        [GEO_CAUSE_FIX] = HR_CAUSE_FIX,           [GEO_CAUSE_RULES] = HR_CAUSE_RULES,
        [GEO_CAUSE_SCHEDULE] = HR_CAUSE_SCHEDULE, [GEO_CAUSE_EXPIRY] = HR_CAUSE_EXPIRY,
        [GEO_CAUSE_TICK] = HR_CAUSE_TICK,
    };
    static const hr_severity severities[] = {
        [GEO_SEVERITY_INFO] = HR_SEVERITY_INFO,
        [GEO_SEVERITY_WARNING] = HR_SEVERITY_WARNING,
        [GEO_SEVERITY_ALARM] = HR_SEVERITY_ALARM,
    };
    hr_event event = {
        .kind = kinds[said->kind],
        .cause = causes[said->cause],
        .severity = severities[said->severity],
        .late = said->late,
        .has_place = said->has_place,
        .has_crossing = said->has_crossing,
        .time_ms = said->time_ms,
        .lon_e7 = said->place.lon_e7,
        .lat_e7 = said->place.lat_e7,
        .crossing_time_ms = said->crossing_ms,
        .crossing_lon_e7 = said->crossing.lon_e7,
        .crossing_lat_e7 = said->crossing.lat_e7,
        .device = device,
    };
    copy_text(event.device_id, sizeof event.device_id, device_id);
    if (said->fence != NULL) {
        copy_text(event.fence_id, sizeof event.fence_id, said->fence->id);
        copy_text(event.fence_name, sizeof event.fence_name, said->fence->name);
    }
    return event;
}
