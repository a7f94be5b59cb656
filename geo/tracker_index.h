/* geo/tracker_index.h - the fence index as the tracker asks it. */
#ifndef GEO_TRACKER_INDEX_H
#define GEO_TRACKER_INDEX_H

#include "geo/index.h"
#include "geo/tracker.h"

/* Fences and zones must be in the index by GEO_AREA_OF_SLOT and GEO_ZONE_OF_SLOT. The version is
 * borrowed for as long as the result is used. */
geo_tracker_index geo_tracker_index_of(const geo_index_version *version);

/* Make the index hold just the areas of the rules. Publishes. For a change of few fences, put and
 * remove them one by one instead. On failure nothing has changed. */
GEO_MUST_USE geo_err geo_tracker_index_build(geo_index *index, const geo_rules *rules);

#endif
