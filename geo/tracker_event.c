/* geo/tracker_event.c - names, severities and ids of events. */
#include "geo/tracker_event.h"

#include <stdio.h>

const char *geo_event_kind_text(geo_event_kind kind)
{
    static const char *const texts[] = {"exit", "cross", "enter", "approach", "dwell", "stale"};
    return texts[kind];
}

const char *geo_cause_text(geo_cause cause)
{
    static const char *const texts[] = {"fix", "rules", "schedule", "expiry", "tick"};
    return texts[cause];
}

const char *geo_intent_text(geo_intent intent)
{
    static const char *const texts[] = {"info", "keep-in", "keep-out"};
    return texts[intent];
}

geo_severity geo_event_severity(geo_event_kind kind, geo_cause cause, geo_intent intent)
{
    if (cause == GEO_CAUSE_SCHEDULE) {
        return kind == GEO_ENTER && intent == GEO_KEEP_OUT ? GEO_SEVERITY_ALARM : GEO_SEVERITY_INFO;
    }
    if (cause == GEO_CAUSE_RULES || cause == GEO_CAUSE_EXPIRY) {
        return GEO_SEVERITY_INFO;
    }
    switch (kind) {
    case GEO_EXIT:
        return intent == GEO_KEEP_IN ? GEO_SEVERITY_ALARM : GEO_SEVERITY_INFO;
    case GEO_ENTER:
    case GEO_CROSS:
        return intent == GEO_KEEP_OUT ? GEO_SEVERITY_ALARM : GEO_SEVERITY_INFO;
    case GEO_APPROACH:
    case GEO_STALE:
        return GEO_SEVERITY_WARNING;
    case GEO_DWELL:
        break;
    }
    return GEO_SEVERITY_INFO;
}

size_t geo_event_id(const geo_event *event, const char *device, uint64_t rules_version,
                    char id[GEO_EVENT_ID_MAX])
{
    const char *fence = event->fence == NULL ? "-" : event->fence->id;
    int length = snprintf(id, GEO_EVENT_ID_MAX, "%s/%s/%s/%lld", geo_event_kind_text(event->kind),
                          fence, device, (long long)event->time_ms);
    size_t used = (size_t)length;
    if (event->cause == GEO_CAUSE_SCHEDULE || event->cause == GEO_CAUSE_EXPIRY) {
        length = snprintf(id + used, GEO_EVENT_ID_MAX - used, "/%s", geo_cause_text(event->cause));
        used += (size_t)length;
    } else if (event->cause == GEO_CAUSE_RULES) {
        length = snprintf(id + used, GEO_EVENT_ID_MAX - used, "/rules-%llu",
                          (unsigned long long)rules_version);
        used += (size_t)length;
    }
    return used;
}
