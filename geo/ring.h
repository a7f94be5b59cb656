/* geo/ring.h - small questions about rings of vertices; private to geo/. */
#ifndef GEO_RING_H
#define GEO_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/point.h"

static inline bool geo_point_equal(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
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
