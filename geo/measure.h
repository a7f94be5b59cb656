/* geo/measure.h - how large a shape is on the WGS84 ellipsoid. For people; nothing is decided by
 * it. */
#ifndef GEO_MEASURE_H
#define GEO_MEASURE_H

#include "geo/area.h"

typedef struct geo_measure {
    double area_ha;
    double perimeter_m; /* of all rings; seams at the antimeridian are no boundary */
} geo_measure;

/* Edges are straight in longitude and latitude, as everywhere in geo/. The error is below one part
 * in a million, but for the lattice itself. GEO_INVALID: rings cross, so that no area is meant.
 * GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_area_measure(const geo_area *area, geo_measure *out);

#endif
