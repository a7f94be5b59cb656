/* geo/geojson_fence.h - from a feature, as it was written, to the fence that decisions read. */
#ifndef GEO_GEOJSON_FENCE_H
#define GEO_GEOJSON_FENCE_H

#include "geo/area.h"
#include "geo/geojson.h"
#include "geo/rules_fence.h"

/* The feature's area: derived from a circle or a corridor, densified when geodesic, checked, and
 * cut at the antimeridian. GEO_INVALID, GEO_POLE, GEO_TOO_BIG or GEO_NO_MEMORY, with the place in
 * *why.
 */
GEO_MUST_USE geo_err geo_feature_area(const geo_feature *feature, geo_area **out, geo_why *why);

/* The whole fence under the given id: area, approach zone, and the schedule resolved for the span.
 * The caller owns one reference. zoneinfo as in geo_schedule_resolve. */
GEO_MUST_USE geo_err geo_feature_fence(const geo_feature *feature, const char *id,
                                       geo_interval span, const char *zoneinfo,
                                       const geo_fence **out, geo_why *why);

#endif
