/* geo/tracker_event.h - what the tracker says: one event, its id and its names. */
#ifndef GEO_TRACKER_EVENT_H
#define GEO_TRACKER_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/point.h"
#include "geo/rules.h"

/* In the order in which one fix's events are told (TRACKER.md rule 12); timers come first. */
typedef enum geo_event_kind {
    GEO_EXIT,
    GEO_CROSS,
    GEO_ENTER,
    GEO_APPROACH,
    GEO_DWELL,
    GEO_STALE,
} geo_event_kind;

typedef enum geo_cause {
    GEO_CAUSE_FIX,
    GEO_CAUSE_RULES,
    GEO_CAUSE_SCHEDULE,
    GEO_CAUSE_EXPIRY,
    GEO_CAUSE_TICK,
} geo_cause;

typedef enum geo_severity {
    GEO_SEVERITY_INFO,
    GEO_SEVERITY_WARNING,
    GEO_SEVERITY_ALARM,
} geo_severity;

typedef struct geo_event {
    geo_event_kind kind;
    geo_cause cause;
    geo_severity severity;
    bool late;
    bool has_place; /* false only for the stale of a device that never had a deciding fix */
    bool has_crossing;
    uint32_t slot;          /* GEO_NO_SLOT for stale */
    const geo_fence *fence; /* borrowed from the rules that were given; NULL for stale */
    int64_t time_ms;
    geo_point place; /* of the deciding fix */
    int64_t crossing_ms;
    geo_point crossing;
} geo_event;

/* "enter", "fix", "keep-in": static. */
const char *geo_event_kind_text(geo_event_kind kind);
const char *geo_cause_text(geo_cause cause);
const char *geo_intent_text(geo_intent intent);

/* TRACKER.md rule 15. */
geo_severity geo_event_severity(geo_event_kind kind, geo_cause cause, geo_intent intent);

/* "approach" + a fence's id + a device's id + a time + "/rules-" and a version, and the end. */
#define GEO_EVENT_ID_MAX 256

/* TRACKER.md rule 13. rules_version is used by the cause GEO_CAUSE_RULES only. Returns the length;
 * device is at most 64 bytes. */
size_t geo_event_id(const geo_event *event, const char *device, uint64_t rules_version,
                    char id[GEO_EVENT_ID_MAX]);

#endif
