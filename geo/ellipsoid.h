/* geo/ellipsoid.h - WGS84; private to geo/. */
#ifndef GEO_ELLIPSOID_H
#define GEO_ELLIPSOID_H

#include <math.h>

#define GEO_WGS84_A 6378137.0
#define GEO_WGS84_F (1 / 298.257223563)
#define GEO_WGS84_B (GEO_WGS84_A * (1 - GEO_WGS84_F))
#define GEO_WGS84_E2 (GEO_WGS84_F * (2 - GEO_WGS84_F))
#define GEO_PI 3.14159265358979323846

static inline double geo_radians(double e7)
{
    return e7 * (GEO_PI / 180e7);
}

/* The radius of curvature along the parallel's plane, and along the meridian. */
static inline double geo_radius_east(double lat)
{
    double s = sin(lat);
    return GEO_WGS84_A / sqrt(1 - GEO_WGS84_E2 * s * s);
}

static inline double geo_radius_north(double lat)
{
    double s = sin(lat);
    double w = 1 - GEO_WGS84_E2 * s * s;
    return GEO_WGS84_A * (1 - GEO_WGS84_E2) / (w * sqrt(w));
}

#endif
