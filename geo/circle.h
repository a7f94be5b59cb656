/* geo/circle.h - a circle on WGS84 as an area. */
#ifndef GEO_CIRCLE_H
#define GEO_CIRCLE_H

#include "geo/area.h"

#define GEO_RADIUS_M_MIN 0.5
#define GEO_RADIUS_M_MAX 5e6

/* What a derived boundary may be off by: 5 cm or 0.1 % of the size, whichever is larger. */
#define GEO_DERIVED_ERROR_M 0.05
#define GEO_DERIVED_ERROR_PART 0.001

/* The polygon around a center whose boundary lies radius_m from it, to within the error above; at
 * any latitude and over the antimeridian. GEO_RANGE: the radius is not within the limits, or not a
 * number. GEO_POLE: a pole lies in the circle. GEO_INVALID: the circle passes so close to a pole
 * that no polygon fits it. */
GEO_MUST_USE geo_err geo_circle_new(geo_point center, double radius_m, geo_why *why,
                                    geo_area **out);

#endif
