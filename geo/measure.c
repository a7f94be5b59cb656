/* geo/measure.c - area and perimeter by integration along the edges. */
#include "geo/measure.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ellipsoid.h"
#include "geo/validate.h"

/* Gauss's three places and weights on 0..1; over 0.5 degree they are exact to double precision. */
#define PLACES 3
#define STEP_E7 5000000
static const double places[PLACES] = {0.1127016653792583, 0.5, 0.8872983346207417};
static const double weights[PLACES] = {5.0 / 18, 8.0 / 18, 5.0 / 18};

/* The land between the equator and a latitude, for each radian of longitude. */
static double land_below(double lat)
{
    const double e = sqrt(GEO_WGS84_E2);
    double s = sin(lat);
    return GEO_WGS84_B * GEO_WGS84_B / 2 * (s / (1 - GEO_WGS84_E2 * s * s) + atanh(e * s) / e);
}

typedef struct sums {
    double area_m2;
    double length_m;
} sums;

/* The land between an edge and the latitude where its ring begins, and the length of the edge. The
 * reference latitude keeps the sums small, so that little is lost when they cancel out. */
static sums measure_edge(geo_point a, geo_point b, double reference)
{
    double lon = geo_radians((double)b.lon_e7 - a.lon_e7);
    double lat = geo_radians((double)b.lat_e7 - a.lat_e7);
    double size = fmax(fabs((double)b.lon_e7 - a.lon_e7), fabs((double)b.lat_e7 - a.lat_e7));
    int steps = (int)(size / STEP_E7) + 1;
    sums edge = {0, 0};
    for (int step = 0; step < steps; step++) {
        for (int i = 0; i < PLACES; i++) {
            double at = geo_radians(a.lat_e7) + lat * (step + places[i]) / steps;
            double east = geo_radius_east(at) * cos(at) * lon;
            double north = geo_radius_north(at) * lat;
            edge.area_m2 += weights[i] * (land_below(at) - reference) * lon / steps;
            edge.length_m += weights[i] * hypot(east, north) / steps;
        }
    }
    return edge;
}

static bool is_along_antimeridian(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && (a.lon_e7 == GEO_LON_E7_MAX || a.lon_e7 == -GEO_LON_E7_MAX);
}

static sums measure_ring(const geo_point *ring, uint32_t count)
{
    sums all = {0, 0};
    double reference = land_below(geo_radians(ring[0].lat_e7));
    for (uint32_t v = 0; v < count; v++) {
        geo_point a = ring[v];
        geo_point b = ring[v + 1 < count ? v + 1 : 0];
        sums edge = measure_edge(a, b, reference);
        all.area_m2 += edge.area_m2;
        all.length_m += is_along_antimeridian(a, b) ? 0 : edge.length_m;
    }
    all.area_m2 = fabs(all.area_m2);
    return all;
}

static int compare_latitudes(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

/* Along the antimeridian is boundary what an odd number of edges covers. Each end of an edge
 * changes that, so it is what lies between the first and the second end, the third and the fourth.
 */
static geo_err measure_antimeridian(const geo_area *area, double *length_m)
{
    int32_t *ends = malloc(2 * (size_t)area->vertex_count * sizeof *ends);
    if (ends == NULL) {
        return GEO_NO_MEMORY;
    }
    size_t count = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        geo_point a = area->vertices[area->ring_ends[r] - 1];
        for (uint32_t v = begin; v < area->ring_ends[r]; v++) {
            geo_point b = area->vertices[v];
            if (is_along_antimeridian(a, b)) {
                ends[count++] = a.lat_e7;
                ends[count++] = b.lat_e7;
            }
            a = b;
        }
        begin = area->ring_ends[r];
    }
    qsort(ends, count, sizeof *ends, compare_latitudes);
    *length_m = 0;
    for (size_t i = 0; i < count; i += 2) {
        geo_point low = {GEO_LON_E7_MAX, ends[i]};
        geo_point high = {GEO_LON_E7_MAX, ends[i + 1]};
        *length_m += measure_edge(low, high, 0).length_m;
    }
    free(ends);
    return GEO_OK;
}

geo_err geo_area_measure(const geo_area *area, geo_measure *out)
{
    uint32_t *shells = malloc(area->ring_count * sizeof *shells);
    if (shells == NULL) {
        return GEO_NO_MEMORY;
    }
    double seams_m = 0;
    geo_err err = geo_area_shells(area, shells);
    err = err == GEO_OK ? measure_antimeridian(area, &seams_m) : err;
    if (err == GEO_OK) {
        *out = (geo_measure){.perimeter_m = seams_m};
        uint32_t begin = 0;
        for (uint32_t r = 0; r < area->ring_count; r++) {
            sums ring = measure_ring(area->vertices + begin, area->ring_ends[r] - begin);
            out->area_ha += (shells[r] != r ? -ring.area_m2 : ring.area_m2) / 1e4;
            out->perimeter_m += ring.length_m;
            begin = area->ring_ends[r];
        }
    }
    free(shells);
    return err;
}
