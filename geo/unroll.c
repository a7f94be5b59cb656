/* geo/unroll.c - checking and unrolling rings. */
#include "unroll.h"

#include <stdlib.h>

#include "geo/area.h"
#include "ring.h"

static int64_t short_way(int64_t from_lon_e7, int64_t to_lon_e7)
{
    int64_t lon = to_lon_e7 - from_lon_e7;
    return lon > GEO_LON_E7_MAX    ? lon - GEO_TURN_E7
           : lon < -GEO_LON_E7_MAX ? lon + GEO_TURN_E7
                                   : lon;
}

static geo_err check_vertices(const geo_point *vertices, const uint32_t *ring_ends,
                              uint32_t ring_count, geo_why *why)
{
    if (ring_count == 0) {
        return geo_why_set(why, GEO_INVALID, "a shape without a ring");
    }
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count; r++) {
        if (ring_ends[r] > GEO_AREA_VERTICES_MAX || ring_count > GEO_AREA_RINGS_MAX) {
            return geo_why_set(why, GEO_TOO_BIG, "more than %d vertices or %d rings",
                               GEO_AREA_VERTICES_MAX, GEO_AREA_RINGS_MAX);
        }
        if (ring_ends[r] < begin || !geo_ring_has_three(vertices + begin, ring_ends[r] - begin)) {
            return geo_why_set(why, GEO_INVALID, "ring %u has fewer than 3 different vertices", r);
        }
        for (uint32_t v = begin; v < ring_ends[r]; v++) {
            geo_point at = vertices[v];
            if (at.lon_e7 < -GEO_LON_E7_MAX || at.lon_e7 > GEO_LON_E7_MAX ||
                at.lat_e7 < -GEO_LAT_E7_MAX || at.lat_e7 > GEO_LAT_E7_MAX) {
                return geo_why_set(why, GEO_RANGE,
                                   "ring %u has a vertex outside the world at %.7f,%.7f", r,
                                   at.lon_e7 / 1e7, at.lat_e7 / 1e7);
            }
            if (at.lat_e7 == GEO_LAT_E7_MAX || at.lat_e7 == -GEO_LAT_E7_MAX) {
                return geo_why_set(why, GEO_POLE, "ring %u touches a pole", r);
            }
        }
        begin = ring_ends[r];
    }
    return GEO_OK;
}

/* Unroll a ring to start in -180..180; tells its western and eastern end. */
static geo_err unroll_ring(const geo_point *ring, uint32_t count, uint32_t number, geo_why *why,
                           geo_unrolled *to)
{
    int64_t lon = ring[0].lon_e7;
    int64_t west = lon;
    int64_t east = lon;
    for (uint32_t v = 0; v < count; v++) {
        lon += v == 0 ? 0 : short_way(ring[v - 1].lon_e7, ring[v].lon_e7);
        west = lon < west ? lon : west;
        east = lon > east ? lon : east;
        to[v] = (geo_unrolled){lon, ring[v].lat_e7};
    }
    if (lon + short_way(ring[count - 1].lon_e7, ring[0].lon_e7) != ring[0].lon_e7) {
        return geo_why_set(why, GEO_POLE, "ring %u goes round a pole", number);
    }
    if (east - west > GEO_TURN_E7) {
        return geo_why_set(why, GEO_INVALID, "ring %u is wider than the world", number);
    }
    int64_t shift = west < -GEO_LON_E7_MAX   ? GEO_TURN_E7
                    : west >= GEO_LON_E7_MAX ? -GEO_TURN_E7
                                             : 0;
    for (uint32_t v = 0; v < count; v++) {
        /* A ring without any width, drawn from -180 to +180, is the whole way round. */
        to[v].lon_e7 = east == west ? ring[v].lon_e7 : to[v].lon_e7 + shift;
    }
    return GEO_OK;
}

geo_err geo_unroll_new(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                       geo_why *why, geo_unrolled **out)
{
    geo_err err = check_vertices(vertices, ring_ends, ring_count, why);
    if (err != GEO_OK) {
        return err;
    }
    geo_unrolled *to = malloc(ring_ends[ring_count - 1] * sizeof *to);
    if (to == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count && err == GEO_OK; r++) {
        err = unroll_ring(vertices + begin, ring_ends[r] - begin, r, why, to + begin);
        begin = ring_ends[r];
    }
    if (err != GEO_OK) {
        free(to);
        return err;
    }
    *out = to;
    return GEO_OK;
}
