/* geo/ring.h - small questions about vertices and rings of them; private to geo/. */
#ifndef GEO_RING_H
#define GEO_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/point.h"

static inline bool geo_point_equal(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
}

/* By longitude, then by latitude; both are a const geo_point *, as qsort() gives them. */
static inline int geo_point_order(const void *left, const void *right)
{
    const geo_point *a = left;
    const geo_point *b = right;
    if (a->lon_e7 != b->lon_e7) {
        return a->lon_e7 < b->lon_e7 ? -1 : 1;
    }
    return (a->lat_e7 > b->lat_e7) - (a->lat_e7 < b->lat_e7);
}

static inline int32_t geo_min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t geo_max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The box around one vertex or more. */
static inline geo_box geo_box_of(const geo_point *vertices, uint32_t count)
{
    geo_box box = {vertices[0], vertices[0]};
    for (uint32_t v = 1; v < count; v++) {
        const geo_point at = vertices[v];
        box.min.lon_e7 = geo_min32(box.min.lon_e7, at.lon_e7);
        box.min.lat_e7 = geo_min32(box.min.lat_e7, at.lat_e7);
        box.max.lon_e7 = geo_max32(box.max.lon_e7, at.lon_e7);
        box.max.lat_e7 = geo_max32(box.max.lat_e7, at.lat_e7);
    }
    return box;
}

/* Whether a ring has at least three different vertices. */
static inline bool geo_ring_has_three(const geo_point *ring, uint32_t count)
{
    uint32_t second = 1;
    while (second < count && geo_point_equal(ring[second], ring[0])) {
        second++;
    }
    for (uint32_t v = second + 1; v < count; v++) {
        if (!geo_point_equal(ring[v], ring[0]) && !geo_point_equal(ring[v], ring[second])) {
            return true;
        }
    }
    return false;
}

#endif
