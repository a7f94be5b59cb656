/* geo/circle_fit.h - the vertices of a polygon that fits a circle; private to geo/. */
#ifndef GEO_CIRCLE_FIT_H
#define GEO_CIRCLE_FIT_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/geodesic.h"

/* As few places around a center as make a polygon, straight in longitude and latitude, whose
 * boundary is nowhere farther than error_m from the circle; counter-clockwise. Longitudes are not
 * wrapped. GEO_INVALID: even places_max of them do not fit. */
GEO_MUST_USE geo_err geo_circle_fit(geo_place center, double radius_m, double error_m,
                                    uint32_t places_max, geo_place *places, uint32_t *count);

#endif
