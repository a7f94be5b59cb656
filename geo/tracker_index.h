/* geo/tracker_index.h - the fence index as the tracker asks it. */
#ifndef GEO_TRACKER_INDEX_H
#define GEO_TRACKER_INDEX_H

#include "geo/index.h"
#include "geo/tracker.h"

/* A version of the rules and the index over its areas: fences and zones by GEO_AREA_OF_SLOT and
 * GEO_ZONE_OF_SLOT. */
typedef struct geo_tracker_view {
    const geo_index_version *version;
    const geo_rules *rules;
} geo_tracker_view;

/* The view is borrowed for as long as the result is used. */
geo_tracker_index geo_tracker_index_of(const geo_tracker_view *view);

/* Make the index hold just the areas of the rules. Publishes. For a change of few fences, put and
 * remove them one by one instead. On failure nothing has changed. */
GEO_MUST_USE geo_err geo_tracker_index_build(geo_index *index, const geo_rules *rules);

#endif
