/* geo/circle_fit.c - how many sides a circle needs, found by looking. */
#include "circle_fit.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "ellipsoid.h"

#define SIDES_MIN 8
#define PROBES 4

/* The fewest sides that stay within the error on a plane, when the vertices lie as far outside the
 * circle as the middles of the sides lie within. */
static uint32_t sides_of(double radius_m, double error_m)
{
    double part = error_m / radius_m;
    double sides = ceil(GEO_PI / acos((1 - part) / (1 + part)) / 4) * 4;
    return sides < SIDES_MIN ? SIDES_MIN : (uint32_t)sides;
}

static void place_vertices(geo_place center, double radius_m, uint32_t sides, geo_place *places)
{
    double inner = cos(GEO_PI / sides);
    double vertex_m = radius_m * 2 / (1 + inner);
    for (uint32_t i = 0; i < sides; i++) {
        places[i] = geo_geodesic_direct(center, -2 * GEO_PI * i / sides, vertex_m);
    }
}

/* Sides are straight in longitude and latitude, which bends them on the globe: look at them, that
 * is at those in the west, of which the ones in the east are the mirror image. */
static bool fits(geo_place center, double radius_m, double error_m, uint32_t sides,
                 const geo_place *places)
{
    for (uint32_t i = 0; i < sides / 2; i++) {
        geo_place a = places[i];
        geo_place b = places[i + 1];
        double lon = remainder(b.lon_deg - a.lon_deg, 360);
        for (int probe = 0; probe < PROBES; probe++) {
            double part = (double)probe / PROBES;
            geo_place at = {a.lon_deg + lon * part, a.lat_deg + (b.lat_deg - a.lat_deg) * part};
            double distance_m;
            if (geo_geodesic_inverse(center, at, &distance_m, NULL) != GEO_OK ||
                fabs(distance_m - radius_m) > error_m + 1e-4) {
                return false;
            }
        }
    }
    return true;
}

geo_err geo_circle_fit(geo_place center, double radius_m, double error_m, uint32_t places_max,
                       geo_place *places, uint32_t *count)
{
    for (uint32_t sides = sides_of(radius_m, error_m); sides <= places_max; sides *= 2) {
        place_vertices(center, radius_m, sides, places);
        if (fits(center, radius_m, error_m, sides, places)) {
            *count = sides;
            return GEO_OK;
        }
    }
    return GEO_INVALID;
}
