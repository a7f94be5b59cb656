/* geo/geodesic.c - Vincenty's series, and geodesic edges. */
#include "geo/geodesic.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ellipsoid.h"
#include "geo/antimeridian.h"
#include "geo/area.h"
#include "ring.h"

#define ROUNDS_MAX 200
#define CONVERGED_RAD 1e-13
/* An edge is first divided into pieces this short, so that a bend to and fro is not overlooked. */
#define PIECE_M 50000.0

/* The series for a length along a geodesic whose direction is known. */
typedef struct series {
    double a; /* length of one radian, in units of the shorter half axis */
    double b;
} series;

static series series_of(double cos2_alpha)
{
    double e2 = GEO_WGS84_E2 / (1 - GEO_WGS84_E2);
    double u2 = cos2_alpha * e2;
    return (series){
        .a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2))),
        .b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2))),
    };
}

static double series_shift(series s, double sigma, double cos_2m)
{
    double c2 = 2 * cos_2m * cos_2m - 1;
    double third = s.b / 6 * cos_2m * (4 * sin(sigma) * sin(sigma) - 3) * (2 * c2 - 1);
    return s.b * sin(sigma) * (cos_2m + s.b / 4 * (cos(sigma) * c2 - third));
}

/* How much the longitude on the ellipsoid falls behind that on the auxiliary sphere. */
static double longitude_lag(double sin_alpha, double cos2_alpha, double sigma, double cos_2m)
{
    double f = GEO_WGS84_F;
    double c = f / 16 * cos2_alpha * (4 + f * (4 - 3 * cos2_alpha));
    double inner = cos_2m + c * cos(sigma) * (2 * cos_2m * cos_2m - 1);
    return (1 - c) * f * sin_alpha * (sigma + c * sin(sigma) * inner);
}

static double reduced_latitude(double lat_deg)
{
    return atan((1 - GEO_WGS84_F) * tan(geo_radians(lat_deg * 1e7)));
}

geo_err geo_geodesic_inverse(geo_place from, geo_place to, double *distance_m, double *azimuth_rad)
{
    double lon = geo_radians(remainder(to.lon_deg - from.lon_deg, 360) * 1e7);
    double u1 = reduced_latitude(from.lat_deg);
    double u2 = reduced_latitude(to.lat_deg);
    double lambda = lon;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        double east = cos(u2) * sin(lambda);
        double north = cos(u1) * sin(u2) - sin(u1) * cos(u2) * cos(lambda);
        double sin_sigma = hypot(east, north);
        double cos_sigma = sin(u1) * sin(u2) + cos(u1) * cos(u2) * cos(lambda);
        double sigma = atan2(sin_sigma, cos_sigma);
        double sin_alpha = sin_sigma == 0 ? 0 : cos(u1) * east / sin_sigma;
        double cos2_alpha = 1 - sin_alpha * sin_alpha;
        double cos_2m = cos2_alpha < 1e-15 ? 0 : cos_sigma - 2 * sin(u1) * sin(u2) / cos2_alpha;
        double before = lambda;
        lambda = lon + longitude_lag(sin_alpha, cos2_alpha, sigma, cos_2m);
        if (fabs(lambda - before) < CONVERGED_RAD) {
            series s = series_of(cos2_alpha);
            *distance_m = GEO_WGS84_B * s.a * (sigma - series_shift(s, sigma, cos_2m));
            if (azimuth_rad != NULL) {
                *azimuth_rad = atan2(east, north);
            }
            return GEO_OK;
        }
        if (fabs(lambda) > GEO_PI) {
            break;
        }
    }
    return GEO_INVALID;
}

geo_place geo_geodesic_direct(geo_place from, double azimuth_rad, double distance_m)
{
    double u1 = reduced_latitude(from.lat_deg);
    double sin_azimuth = sin(azimuth_rad);
    double cos_azimuth = cos(azimuth_rad);
    double sigma1 = atan2(tan(u1), cos_azimuth);
    double sin_alpha = cos(u1) * sin_azimuth;
    double cos2_alpha = 1 - sin_alpha * sin_alpha;
    series s = series_of(cos2_alpha);
    double straight = distance_m / (GEO_WGS84_B * s.a);
    double sigma = straight;
    double cos_2m = cos(2 * sigma1 + sigma);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        double before = sigma;
        cos_2m = cos(2 * sigma1 + sigma);
        sigma = straight + series_shift(s, sigma, cos_2m);
        if (fabs(sigma - before) < CONVERGED_RAD) {
            break;
        }
    }
    double along = sin(u1) * sin(sigma) - cos(u1) * cos(sigma) * cos_azimuth;
    double lat = atan2(sin(u1) * cos(sigma) + cos(u1) * sin(sigma) * cos_azimuth,
                       (1 - GEO_WGS84_F) * hypot(sin_alpha, along));
    double lambda =
        atan2(sin(sigma) * sin_azimuth, cos(u1) * cos(sigma) - sin(u1) * sin(sigma) * cos_azimuth);
    double lon = lambda - longitude_lag(sin_alpha, cos2_alpha, sigma, cos_2m);
    return (geo_place){from.lon_deg + lon * 180 / GEO_PI, lat * 180 / GEO_PI};
}

geo_place geo_place_of(geo_point point)
{
    return (geo_place){point.lon_e7 / 1e7, point.lat_e7 / 1e7};
}

geo_point geo_place_round(geo_place place)
{
    return (geo_point){
        .lon_e7 = geo_lon_wrap_e7(llround(place.lon_deg * 1e7)),
        .lat_e7 = (int32_t)lround(place.lat_deg * 1e7),
    };
}

/* ---- edges ---- */

typedef struct densifier {
    geo_point *out;
    uint32_t count;
    uint32_t room;
    /* The edge at hand. */
    geo_place start;
    double azimuth_rad;
} densifier;

static geo_err put(densifier *d, geo_point point)
{
    if (d->count == GEO_AREA_VERTICES_MAX) {
        return GEO_TOO_BIG;
    }
    if (d->count == d->room) {
        uint32_t room = d->room * 2 + 64;
        geo_point *grown = realloc(d->out, room * sizeof *grown);
        if (grown == NULL) {
            return GEO_NO_MEMORY;
        }
        d->out = grown;
        d->room = room;
    }
    d->out[d->count++] = point;
    return GEO_OK;
}

/* How far a place lies from the straight edge between two others, in metres. */
static double deviation_m(geo_place a, geo_place b, geo_place place)
{
    double lat = geo_radians(a.lat_deg * 1e7);
    double east_m = geo_radius_east(lat) * cos(lat) * GEO_PI / 180;
    double north_m = geo_radius_north(lat) * GEO_PI / 180;
    double bx = remainder(b.lon_deg - a.lon_deg, 360) * east_m;
    double by = (b.lat_deg - a.lat_deg) * north_m;
    double x = remainder(place.lon_deg - a.lon_deg, 360) * east_m;
    double y = (place.lat_deg - a.lat_deg) * north_m;
    return fabs(bx * y - by * x) / hypot(bx, by);
}

/* Put the vertices strictly between two places of the edge, and then the second of them. */
static geo_err refine(densifier *d, double from_m, geo_place from, double to_m, geo_place to)
{
    double middle_m = (from_m + to_m) / 2;
    geo_place middle = geo_geodesic_direct(d->start, d->azimuth_rad, middle_m);
    if (to_m - from_m < 1 || deviation_m(from, to, middle) <= GEO_DENSIFY_ERROR_M) {
        return put(d, geo_place_round(to));
    }
    geo_err err = refine(d, from_m, from, middle_m, middle);
    return err != GEO_OK ? err : refine(d, middle_m, middle, to_m, to);
}

static void reverse(geo_point *points, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        geo_point point = points[i];
        points[i] = points[count - 1 - i];
        points[count - 1 - i] = point;
    }
}

/* Put a vertex and those on the edge that follows it. */
static geo_err put_edge(densifier *d, geo_point a, geo_point b)
{
    geo_err err = put(d, a);
    if (err != GEO_OK || geo_point_equal(a, b)) {
        return err;
    }
    bool forward = a.lon_e7 < b.lon_e7 || (a.lon_e7 == b.lon_e7 && a.lat_e7 < b.lat_e7);
    uint32_t begin = d->count;
    double length_m = 0;
    geo_place end = geo_place_of(forward ? b : a);
    d->start = geo_place_of(forward ? a : b);
    err = geo_geodesic_inverse(d->start, end, &length_m, &d->azimuth_rad);
    uint32_t pieces = err != GEO_OK ? 0 : (uint32_t)(length_m / PIECE_M) + 1;
    geo_place from = d->start;
    for (uint32_t i = 0; i < pieces && err == GEO_OK; i++) {
        double from_m = length_m * i / pieces;
        double to_m = length_m * (i + 1) / pieces;
        geo_place to = i + 1 < pieces ? geo_geodesic_direct(d->start, d->azimuth_rad, to_m) : end;
        err = refine(d, from_m, from, to_m, to);
        from = to;
    }
    if (err == GEO_OK) {
        d->count--; /* the end itself belongs to the next edge */
        if (!forward) {
            reverse(d->out + begin, d->count - begin);
        }
    }
    return err;
}

geo_err geo_densify(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                    geo_why *why, geo_point **out, uint32_t *out_ends)
{
    densifier d = {.out = NULL};
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count; r++) {
        for (uint32_t v = begin; v < ring_ends[r]; v++) {
            geo_point next = vertices[v + 1 < ring_ends[r] ? v + 1 : begin];
            geo_err err = put_edge(&d, vertices[v], next);
            if (err != GEO_OK) {
                free(d.out);
                return geo_why_set(why, err, "ring %u, the geodesic edge at %.10g,%.10g: %s", r,
                                   vertices[v].lon_e7 / 1e7, vertices[v].lat_e7 / 1e7,
                                   err == GEO_INVALID ? "its ends are nearly opposite each other"
                                                      : geo_err_text(err));
            }
        }
        out_ends[r] = d.count;
        begin = ring_ends[r];
    }
    *out = d.out;
    return GEO_OK;
}
