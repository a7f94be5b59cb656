/* geo/circle.c - circles become polygons. */
#include "geo/circle.h"

#include <math.h>
#include <stddef.h>

#include "ellipsoid.h"
#include "geo/antimeridian.h"
#include "geo/geodesic.h"

#define SIDES_MIN 8
#define SIDES_MAX 4096
/* A vertex is at most half a lattice unit off on both axes. */
#define LATTICE_ERROR_M 0.008
#define PROBES 4

static double error_max_m(double radius_m)
{
    return fmax(GEO_DERIVED_ERROR_M, GEO_DERIVED_ERROR_PART * radius_m) - LATTICE_ERROR_M;
}

/* The fewest sides that stay within the error on a plane, when the vertices lie as far outside the
 * circle as the middles of the sides lie within. */
static uint32_t sides_of(double radius_m)
{
    double part = error_max_m(radius_m) / radius_m;
    double sides = ceil(GEO_PI / acos((1 - part) / (1 + part)) / 4) * 4;
    return sides < SIDES_MIN ? SIDES_MIN : (uint32_t)sides;
}

static void place_vertices(geo_place center, double radius_m, uint32_t sides, geo_place *vertices)
{
    double inner = cos(GEO_PI / sides);
    double vertex_m = radius_m * 2 / (1 + inner);
    for (uint32_t i = 0; i < sides; i++) {
        vertices[i] = geo_geodesic_direct(center, 2 * GEO_PI * i / sides, vertex_m);
    }
}

/* Sides are straight in longitude and latitude, which bends them on the globe: look at them. */
static bool fits(geo_place center, double radius_m, uint32_t sides, const geo_place *vertices)
{
    for (uint32_t i = 0; i < sides; i++) {
        geo_place a = vertices[i];
        geo_place b = vertices[(i + 1) % sides];
        double lon = remainder(b.lon_deg - a.lon_deg, 360);
        for (int probe = 0; probe < PROBES; probe++) {
            double part = (double)probe / PROBES;
            geo_place at = {a.lon_deg + lon * part, a.lat_deg + (b.lat_deg - a.lat_deg) * part};
            double distance_m;
            if (geo_geodesic_inverse(center, at, &distance_m, NULL) != GEO_OK ||
                fabs(distance_m - radius_m) > error_max_m(radius_m) + 1e-6) {
                return false;
            }
        }
    }
    return true;
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
    for (uint32_t sides = sides_of(radius_m); sides <= SIDES_MAX; sides *= 2) {
        place_vertices(middle, radius_m, sides, places);
        if (fits(middle, radius_m, sides, places)) {
            for (uint32_t i = 0; i < sides; i++) {
                vertices[i] = geo_place_round(places[i]);
            }
            return geo_area_new_cut(vertices, &sides, 1, why, out);
        }
    }
    return geo_why_set(why, GEO_INVALID, "the circle passes too close to a pole");
}
