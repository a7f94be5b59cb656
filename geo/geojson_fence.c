/* geo/geojson_fence.c - deriving areas and fences from features. */
#include "geo/geojson_fence.h"

#include <stdlib.h>

#include "geo/antimeridian.h"
#include "geo/validate.h"

geo_err geo_feature_area(const geo_feature *feature, geo_area **out, geo_why *why)
{
    if (feature->kind != GEO_FEATURE_POLYGON) {
        return geo_why_set(why, GEO_INVALID, "not a polygon");
    }
    geo_err err = geo_validate(feature->vertices, feature->ring_ends, feature->ring_count,
                               feature->ring_polygons, why);
    return err == GEO_OK ? geo_area_new_cut(feature->vertices, feature->ring_ends,
                                            feature->ring_count, why, out)
                         : err;
}
