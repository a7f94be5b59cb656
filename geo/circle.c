/* geo/circle.c - circles become polygons. */
#include "geo/circle.h"

#include <math.h>
#include <stddef.h>

#include "circle_fit.h"
#include "geo/antimeridian.h"
#include "geo/geodesic.h"

#define SIDES_MAX 4096
/* A vertex is at most half a lattice unit off on both axes. */
#define LATTICE_ERROR_M 0.008

static double error_max_m(double radius_m)
{
    return fmax(GEO_DERIVED_ERROR_M, GEO_DERIVED_ERROR_PART * radius_m) - LATTICE_ERROR_M;
}

geo_err geo_circle_new(geo_point center, double radius_m, geo_why *why, geo_area **out)
{
    if (!(radius_m >= GEO_RADIUS_M_MIN && radius_m <= GEO_RADIUS_M_MAX)) {
        return geo_why_set(why, GEO_RANGE, "radius_m is %g, must be from %g to %g", radius_m,
                           GEO_RADIUS_M_MIN, GEO_RADIUS_M_MAX);
    }
    if (center.lon_e7 < -GEO_LON_E7_MAX || center.lon_e7 > GEO_LON_E7_MAX ||
        center.lat_e7 < -GEO_LAT_E7_MAX || center.lat_e7 > GEO_LAT_E7_MAX) {
        return geo_why_set(why, GEO_RANGE, "the center lies outside the world");
    }
    geo_place middle = geo_place_of(center);
    geo_place pole = {middle.lon_deg, center.lat_e7 < 0 ? -90 : 90};
    double to_pole_m;
    if (geo_geodesic_inverse(middle, pole, &to_pole_m, NULL) != GEO_OK || to_pole_m <= radius_m) {
        return geo_why_set(why, GEO_POLE, "a pole lies in the circle");
    }
    geo_place places[SIDES_MAX];
    geo_point vertices[SIDES_MAX];
    uint32_t sides;
    if (geo_circle_fit(middle, radius_m, error_max_m(radius_m), SIDES_MAX, places, &sides) !=
        GEO_OK) {
        return geo_why_set(why, GEO_INVALID, "the circle passes too close to a pole");
    }
    for (uint32_t i = 0; i < sides; i++) {
        vertices[i] = geo_place_round(places[i]);
    }
    return geo_area_new_cut(vertices, &sides, 1, why, out);
}
